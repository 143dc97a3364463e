// SPDX-License-Identifier: GPL-2.0
#include "alloc.h"
#include "clock.h"
#include "console.h"
#include "demo.h"
#include "hypercall.h"
#include "paging.h"
#include "printf.h"
#include "string.h"

static void print_range(u32 from, u32 to, const char *what)
{
	printf("  %08x-%08x  %s\n", from, to, what);
}

static bool check_page(const u32 *page, u32 last)
{
	u32 i, addr = pa(page);

	if (page[PAGE_SIZE / 4 - 1] != ~addr || page[0] != last)
		return false;
	for (i = 1; i < PAGE_SIZE / 4 - 1; i++)
		if (page[i])
			return false;
	return true;
}

/* Take every free page, mark it, and see whether the marks stay. */
static void touch(void)
{
	u32 *page, *list = NULL;
	u32 taken = 0, bad = 0, us;
	u64 start;

	clock_sync();
	start = clock_ns();
	while (!console_interrupted() && (page = alloc_page())) {
		page[0] = (u32)list;
		page[PAGE_SIZE / 4 - 1] = ~pa(page);
		list = page;
		taken++;
	}
	while (list) {
		page = list;
		list = (u32 *)page[0];
		if (!check_page(page, (u32)list)) {
			bad++;
			/* The chain may be what is broken. */
			break;
		}
		free_page(page);
	}
	clock_sync();
	us = div_u64(clock_ns() - start, 1000);
	printf("%u pages written and read back, %s, in %u.%03u ms\n", taken,
	       bad ? "WRONG" : "all as they should be", us / 1000, us % 1000);
}

void cmd_memory(const char *args)
{
	u32 end = kernel_end();

	(void)args;
	printf("physical:\n");
	print_range(0, 0x100000, "the Launcher's parameters");
	print_range(0x100000, end, "this kernel");
	print_range(end, ram_size(), "free, or was at boot");
	print_range(ram_size(), ram_size() + PAGE_SIZE, "device descriptors");
	printf("linear:\n");
	print_range(USER_BASE, USER_STACK_TOP, "ring 3");
	print_range(KERNEL_BASE, KERNEL_BASE + ram_size(), "all of memory");
	if (lguest_data.reserve_mem)
		print_range(-lguest_data.reserve_mem, ~0u, "the host's");
	printf("%u of %u pages are free\n", free_pages(),
	       (ram_size() - end) / PAGE_SIZE);
	touch();
}
