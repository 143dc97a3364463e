// SPDX-License-Identifier: GPL-2.0
#include <linux/lguest_launcher.h>

#include "boot.h"
#include "early.h"
#include "paging.h"

/* Initialized, so not in .bss: there is no memset() here to clear that. */
struct boot_probe boot_probe = { .size = 1 };

static void probe(u32 addr)
{
	u32 *p = (u32 *)addr;
	u32 was;

	asm("" : "+r"(p));
	was = READ_ONCE(*p);
	WRITE_ONCE(*p, ~was);
	if (READ_ONCE(*p) != ~was)
		boot_probe.bad++;
	WRITE_ONCE(*p, was);
	boot_probe.good++;
}

static void probe_devices(u32 page)
{
	const struct lguest_device_desc *dev = (void *)page;
	const struct lguest_vqconfig *queue = (void *)dev->config;
	u32 i;

	boot_probe.device = dev->type;
	if (!dev->type)
		return;
	for (i = 0; i < dev->num_vq; i++)
		probe(queue[i].pfn * PAGE_SIZE);
}

void guest_early(void)
{
	u32 size = early_ram_size(), eax = 0x12345678;

	boot_probe.size = size;
	probe(PAGE_SIZE * 2);
	probe(size / 2);
	probe(size - 4);
	WRITE_ONCE(*(u32 *)(size - 8), BOOT_MARK);
	probe_devices(size);

	asm volatile("cli; inb $0x71, %%al; outb %%al, $0x80" : "+a"(eax));
	boot_probe.port = eax;
}
