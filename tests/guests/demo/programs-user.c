// SPDX-License-Identifier: GPL-2.0
/*
 * What runs in ring 3. It can use nothing of the kernel.
 */
#include "demo.h"
#include "fpu.h"
#include "mark.h"
#include "user.h"

void prog_nothing(u32 calls)
{
	mark_begin();
	while (calls--)
		syscall(SYS_NOTHING, 0, 0);
	mark_end();
}

void prog_yield(u32 calls)
{
	while (calls--)
		syscall(SYS_YIELD, 0, 0);
}

void prog_yield_marked(u32 calls)
{
	mark_begin();
	prog_yield(calls);
	mark_end();
}

void prog_touch(u32 pages)
{
	u32 i;

	/* The first call makes page tables for all of it. */
	syscall(SYS_FORGET, 0, 0);
	mark_begin();
	for (i = 0; i < pages; i++) {
		u32 at = i % TOUCH_PAGES;

		if (i && !at)
			syscall(SYS_FORGET, 0, 0);
		WRITE_ONCE(*(u32 *)(USER_HEAP + at * PAGE_SIZE), i);
	}
	mark_end();
}

void prog_nowhere(u32 times)
{
	mark_begin();
	while (times--)
		asm volatile("movb (%0), %%al" : : "c"(NOWHERE) : "al");
	mark_end();
}

static void write_number(u32 n)
{
	char digits[12], *p = digits + sizeof(digits) - 1;

	*p = '\0';
	do {
		*--p = '0' + n % 10;
		n /= 10;
	} while (n);
	sys_write(p);
}

void prog_fpu(u32 seed)
{
	u32 start = syscall(SYS_UPTIME_MS, 0, 0), rounds = 0, loops;
	struct fpu_image before, after;
	bool ok = true;

	fpu_fill(&before, seed);
	while (ok && syscall(SYS_UPTIME_MS, 0, 0) - start < 2000) {
		fpu_load(&before);
		/* Time for the others to take the registers away. */
		for (loops = 0; loops < 200000; loops++)
			barrier();
		fpu_store(&after);
		ok = !fpu_differ(&before, &after);
		rounds++;
	}
	sys_write("program ");
	write_number(seed);
	sys_write(ok ? ": " : ": WRONG VALUES after ");
	write_number(rounds);
	sys_write(" rounds, given the CPU ");
	write_number(syscall(SYS_SWITCHES, 0, 0));
	sys_write(" times\n");
	sys_exit(!ok);
}

void prog_demand(u32 pages)
{
	u32 i;

	for (i = 0; i < pages; i++)
		WRITE_ONCE(*(u32 *)(USER_HEAP + i * PAGE_SIZE), i);
	for (i = 0; i < pages; i++)
		if (READ_ONCE(*(u32 *)(USER_HEAP + i * PAGE_SIZE)) != i)
			sys_exit(1);
	sys_write("all of the pages came, and hold what was written\n");
	sys_exit(0);
}

#define OWN_PAGE	0x70000000

static void own_handler(u32 address, u32 error)
{
	if (error & 1) {
		sys_write("second fault: now make it writable\n");
		syscall(SYS_MAP, address, 1);
	} else {
		sys_write("first fault: map the page read-only\n");
		syscall(SYS_MAP, address, 0);
	}
	syscall(SYS_RESUME, 0, 0);
}

void prog_handler(u32 unused)
{
	(void)unused;
	syscall(SYS_HANDLER, (u32)own_handler, 0);
	/* A read and a write of the same page. */
	READ_ONCE(*(u32 *)OWN_PAGE);
	WRITE_ONCE(*(u32 *)OWN_PAGE, 1);
	sys_write("and on it goes\n");
	sys_exit(0);
}

void prog_write(u32 unused)
{
	(void)unused;
	WRITE_ONCE(*(u32 *)USER_BASE, 0);
}

void prog_null(u32 unused)
{
	u32 *p = NULL;

	(void)unused;
	asm("" : "+r"(p));
	READ_ONCE(*p);
}

void prog_kernel(u32 unused)
{
	(void)unused;
	READ_ONCE(*(u32 *)(KERNEL_BASE + 0x100000));
}

void prog_divide(u32 unused)
{
	(void)unused;
	asm volatile("xorl %%ecx, %%ecx; divl %%ecx"
		     : : : "eax", "ecx", "edx");
}

void prog_opcode(u32 unused)
{
	(void)unused;
	asm volatile("ud2");
}

void prog_privileged(u32 unused)
{
	(void)unused;
	asm volatile("cli");
}

void prog_int(u32 unused)
{
	(void)unused;
	asm volatile("int $0x1f" : : "a"(0) : "memory");
}
