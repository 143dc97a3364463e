// SPDX-License-Identifier: GPL-2.0
#include "paging-programs.h"
#include "user.h"

void prog_access(u32 unused)
{
	u32 value = 0, next;

	(void)unused;
	while ((next = syscall(SYS_NEXT, value, 0))) {
		u32 *p = (u32 *)(next & ~3);

		if (next & NEXT_WRITE)
			WRITE_ONCE(*p, NEXT_VALUE);
		value = READ_ONCE(*p);
	}
	sys_exit(0);
}

void prog_peek(u32 addr)
{
	sys_exit(READ_ONCE(*(u32 *)addr));
}

void prog_poke(u32 addr)
{
	WRITE_ONCE(*(u32 *)addr, NEXT_VALUE);
	sys_exit(0);
}
