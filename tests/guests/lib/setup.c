// SPDX-License-Identifier: GPL-2.0
#include "alloc.h"
#include "console.h"
#include "hypercall.h"
#include "irq.h"
#include "paging.h"
#include "segments.h"
#include "setup.h"
#include "task.h"
#include "traps.h"

void power_off(void)
{
	static const char message[128] = "Power down";

	console_flush();
	shutdown(message, SHUTDOWN_POWEROFF);
}

void reboot(void)
{
	static const char message[128] = "Restart";

	console_flush();
	shutdown(message, SHUTDOWN_RESTART);
}

void kernel_main(void)
{
	segments_init();
	traps_init();
	irq_init();
	alloc_init();
	paging_init();
	task_init();
	guest_main();
	power_off();
}
