// SPDX-License-Identifier: GPL-2.0
/*
 * Some seeds tell the host something odd at LGUEST_INIT, or ask for something
 * before that. Those that survive it go on as all others do, perhaps with another
 * kernel_address.
 */
#include "early.h"
#include "hypercall.h"
#include "paging.h"

static u32 seed_of(const char *word)
{
	u32 seed = 0;

	for (; *word >= '0' && *word <= '9'; word++)
		seed = seed * 10 + *word - '0';
	return seed;
}

/* LGUEST_INIT with a copy of lguest_data, at any address */
static void init_at(u32 gpa)
{
	u32 *from = (u32 *)early(lguest_data), *to = (u32 *)gpa;
	u32 i, room = early_ram_size() - gpa;

	for (i = 0; i < sizeof(lguest_data) / 4 && i * 4 + 3 < room; i++)
		WRITE_ONCE(to[i], from[i]);
	hcall1(LHCALL_LGUEST_INIT, gpa);
	hcall1(LHCALL_SET_CLOCKEVENT, 1);
	hcall0(LHCALL_HALT);
}

static void odd_kernel_address(u32 n)
{
	static const u32 addresses[] = {
		KERNEL_BASE + PAGE_SIZE, KERNEL_BASE + 0x400000, PAGE_SIZE,
		0x400000, 0x80000000, 0xfffff000, KERNEL_BASE + 0x200000,
		KERNEL_BASE + 0x7ff000,
	};

	WRITE_ONCE(early(lguest_data)->kernel_address,
		   addresses[n % ARRAY_SIZE(addresses)]);
}

/* The layout of 2.6.31 to 3.0, with a table of the host's */
static void old_layout(void)
{
	u32 *tail = &early(lguest_data)->noirq_start, i;

	for (i = 4; i; i--)
		WRITE_ONCE(tail[i], tail[i - 1]);
	WRITE_ONCE(tail[0], 0);
}

void guest_early(void)
{
	u32 seed = seed_of(early_command_line());
	u32 n = seed / 64, any = n * 0x9e3779b1;

	if (seed / 8 % 8 != 5)
		return;
	switch (n % 10) {
	case 0:
		init_at(0x300000 - 4 - any % 2000);
		break;
	case 1:
		init_at(early_ram_size() - any % 2000);
		break;
	case 2:
		hcall1(LHCALL_LGUEST_INIT, any);
		break;
	case 3:
		hcall(n / 10 % 20, any, any, 0, 0);
		break;
	case 4:
		WRITE_ONCE(*(u8 *)any, 0);
		break;
	case 5:
		/* With whatever is there */
		hcall1(LHCALL_LGUEST_INIT, any % early_ram_size());
		break;
	case 6:
		old_layout();
		break;
	default:
		odd_kernel_address(n / 10);
	}
}
