// SPDX-License-Identifier: GPL-2.0
/* System calls, and memory that comes and goes */
#include "macro.h"
#include "system.h"

static void alu(u32 count)
{
	u32 x = 1;

	asm volatile("1: add %0, %0\n\t"
		     "xor $5, %0\n\t"
		     "dec %1\n\t"
		     "jnz 1b" : "+r"(x), "+r"(count));
}

static void getppid(u32 count)
{
	while (count--)
		sys_getppid();
}

static void gettimeofday(u32 count)
{
	long tv[2];

	while (count--)
		sys_gettimeofday(tv);
}

static char *map(u32 pages)
{
	long p = sys_mmap(pages * PAGE_SIZE);

	need(p > 0 || p < -PAGE_SIZE);
	return (char *)p;
}

void touch_pages(u32 pages)
{
	char *p = map(pages);
	u32 i;

	for (i = 0; i < pages; i++)
		WRITE_ONCE(p[i * PAGE_SIZE], 1);
	need(!sys_munmap(p, pages * PAGE_SIZE));
}

static void map_none(u32 count)
{
	while (count--)
		need(!sys_munmap(map(16), 16 * PAGE_SIZE));
}

static void map_one(u32 count)
{
	char *p;

	while (count--) {
		p = map(16);
		WRITE_ONCE(*p, 1);
		need(!sys_munmap(p, 16 * PAGE_SIZE));
	}
}

const struct operation memory[] = {
	{ "alu", 100000, alu },
	{ "getppid", 5000, getppid },
	{ "gettimeofday", 5000, gettimeofday },
	{ "touch", 4096, touch_pages },
	{ "mmap-none", 1000, map_none },
	{ "mmap-one", 500, map_one },
	{ }
};
