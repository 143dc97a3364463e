// SPDX-License-Identifier: GPL-2.0
#include "shutdown.h"
#include "user.h"

void prog_spin(u32 unused)
{
	(void)unused;
	for (;;)
		barrier();
}

void prog_ud2(u32 unused)
{
	(void)unused;
	asm volatile("ud2");
}
