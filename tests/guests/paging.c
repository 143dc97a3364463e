// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables: what the host makes of a change, for each way to tell it, and what
 * it writes into our entries.
 */
#include "alloc.h"
#include "hypercall.h"
#include "irq.h"
#include "ktap.h"
#include "paging.h"
#include "paging-programs.h"
#include "printf.h"
#include "setup.h"
#include "string.h"
#include "task.h"
#include "traps.h"

#define NR_PAGES	16

/* Pages that hold their own number, which tells them apart. */
static u32 *pages[NR_PAGES];

static pte_t page_pte(u32 i, u32 flags)
{
	return pa(pages[i]) | flags;
}

static u32 number_of(u32 i)
{
	return 0xa0000 + i;
}

struct access {
	u32 addr;
	bool write;
	u32 value;
};

static void do_access(void *arg)
{
	struct access *a = arg;

	if (a->write)
		WRITE_ONCE(*(u32 *)a->addr, a->value);
	else
		a->value = READ_ONCE(*(u32 *)a->addr);
}

#define FAULT	0xfa170000

/* Returns what it reads, or FAULT and the error code. */
static u32 read_at(u32 addr)
{
	struct access a = { .addr = addr };
	struct trap_info info;

	if (!try_call(do_access, &a, &info))
		return a.value;
	CHECK_EQ(info.regs.vector, TRAP_PF);
	CHECK_EQ(info.cr2, addr);
	return FAULT | info.regs.error;
}

/* Returns 0, or FAULT and the error code. */
static u32 write_at(u32 addr, u32 value)
{
	struct access a = { .addr = addr, .write = true, .value = value };
	struct trap_info info;

	if (!try_call(do_access, &a, &info))
		return 0;
	CHECK_EQ(info.regs.vector, TRAP_PF);
	CHECK_EQ(info.cr2, addr);
	return FAULT | info.regs.error;
}

/* A page's first word is its number: tests write to the second. */
#define WORD2	4

static u32 scratch(u32 page)
{
	return SCRATCH_BASE + page * PAGE_SIZE;
}

static u32 flags_of(pte_t *top, u32 addr)
{
	return *pte_entry(top, addr) & (PAGE_SIZE - 1);
}

static void accessed_and_dirty_kernel(void)
{
	u32 addr = scratch(1);

	set_pte(kernel_top, addr, page_pte(1, PTE_P | PTE_W));
	CHECK_EQ(flags_of(kernel_top, addr), PTE_P | PTE_W);
	CHECK_EQ(read_at(addr), number_of(1));
	CHECK_EQ(flags_of(kernel_top, addr), PTE_P | PTE_W | PTE_A);
	CHECK_EQ(write_at(addr + WORD2, 1), 0);
	CHECK_EQ(flags_of(kernel_top, addr), PTE_P | PTE_W | PTE_A | PTE_D);

	/* Once more, after the guest has cleared them. */
	set_pte(kernel_top, addr, page_pte(1, PTE_P | PTE_W));
	CHECK_EQ(write_at(addr + WORD2, 2), 0);
	CHECK_EQ(flags_of(kernel_top, addr), PTE_P | PTE_W | PTE_A | PTE_D);
	set_pte(kernel_top, addr, page_pte(1, PTE_P | PTE_W | PTE_A));
	CHECK_EQ(read_at(addr), number_of(1));
	CHECK_EQ(flags_of(kernel_top, addr), PTE_P | PTE_W | PTE_A);
	CHECK_EQ(write_at(addr + WORD2, 3), 0);
	CHECK_EQ(flags_of(kernel_top, addr), PTE_P | PTE_W | PTE_A | PTE_D);

	/* A write that's refused leaves no mark. */
	set_pte(kernel_top, addr, page_pte(1, PTE_P));
	CHECK_EQ(read_at(addr), number_of(1));
	CHECK_EQ(write_at(addr, 4), FAULT | PF_P | PF_W);
	CHECK_EQ(flags_of(kernel_top, addr), PTE_P | PTE_A);
	set_pte(kernel_top, addr, 0);
}

static void our_own_bits_stay(void)
{
	u32 addr = scratch(2), avail = 0xe00;

	set_pte(kernel_top, addr, page_pte(2, PTE_P | PTE_W | avail));
	CHECK_EQ(write_at(addr + WORD2, 1), 0);
	CHECK_EQ(flags_of(kernel_top, addr),
		 PTE_P | PTE_W | PTE_A | PTE_D | avail);
	set_pte(kernel_top, addr, 0);
}

static void accessed_and_dirty_user(void)
{
	struct task_end end;
	struct task *task;

	task = task_new(prog_peek, TEST_BASE);
	set_pte(task->top, TEST_BASE, page_pte(3, PTE_P | PTE_W | PTE_U));
	set_pte(task->top, TEST_BASE + PAGE_SIZE,
		page_pte(3, PTE_P | PTE_W | PTE_U));
	/* The task's tables go with it: look at them before task_wait(). */
	while (!task->done)
		task_yield();
	CHECK_EQ(flags_of(task->top, TEST_BASE),
		 PTE_P | PTE_W | PTE_U | PTE_A);
	CHECK_EQ(flags_of(task->top, TEST_BASE + PAGE_SIZE),
		 PTE_P | PTE_W | PTE_U);
	task_wait(task, &end);
	CHECK(end.exited);
	CHECK_EQ(end.code, number_of(3));

	task = task_new(prog_poke, TEST_BASE + WORD2);
	set_pte(task->top, TEST_BASE, page_pte(3, PTE_P | PTE_W | PTE_U));
	while (!task->done)
		task_yield();
	CHECK_EQ(flags_of(task->top, TEST_BASE),
		 PTE_P | PTE_W | PTE_U | PTE_A | PTE_D);
	task_wait(task, &end);
	CHECK(end.exited);
	CHECK_EQ(pages[3][1], NEXT_VALUE);
}

static void set_pte_remaps(void)
{
	u32 addr = scratch(3), i;

	for (i = 0; i < NR_PAGES; i++) {
		set_pte(kernel_top, addr, page_pte(i, PTE_KERNEL));
		CHECK_EQ(read_at(addr), number_of(i));
	}
	/* Without A and D, the host can't prefetch. */
	for (i = 0; i < NR_PAGES; i++) {
		set_pte(kernel_top, addr, page_pte(i, PTE_P | PTE_W));
		CHECK_EQ(read_at(addr), number_of(i));
	}
	set_pte(kernel_top, addr, 0);
	CHECK_EQ(read_at(addr), FAULT);
}

static void set_pte_takes_rights_away(void)
{
	u32 addr = scratch(4);

	set_pte(kernel_top, addr, page_pte(4, PTE_KERNEL));
	CHECK_EQ(write_at(addr + WORD2, 1), 0);
	set_pte(kernel_top, addr, page_pte(4, PTE_P | PTE_A));
	CHECK_EQ(read_at(addr), number_of(4));
	CHECK_EQ(write_at(addr, 1), FAULT | PF_P | PF_W);
	set_pte(kernel_top, addr, page_pte(4, PTE_KERNEL));
	CHECK_EQ(write_at(addr + WORD2, 2), 0);
	set_pte(kernel_top, addr, 0);
	CHECK_EQ(read_at(addr), FAULT);
	CHECK_EQ(write_at(addr, 1), FAULT | PF_W);
}

static void set_pte_in_the_ring(void)
{
	u32 i;

	for (i = 0; i < NR_PAGES; i++)
		set_pte_lazy(kernel_top, scratch(i), page_pte(i, PTE_KERNEL));
	hcall0(LHCALL_FLUSH_ASYNC);
	for (i = 0; i < NR_PAGES; i++)
		CHECK_EQ(read_at(scratch(i)), number_of(i));
	for (i = 0; i < NR_PAGES; i++)
		set_pte_lazy(kernel_top, scratch(i),
			     page_pte(NR_PAGES - 1 - i, PTE_KERNEL));
	hcall0(LHCALL_FLUSH_ASYNC);
	for (i = 0; i < NR_PAGES; i++)
		CHECK_EQ(read_at(scratch(i)), number_of(NR_PAGES - 1 - i));
	for (i = 0; i < NR_PAGES; i++)
		set_pte_lazy(kernel_top, scratch(i), 0);
	hcall0(LHCALL_FLUSH_ASYNC);
	for (i = 0; i < NR_PAGES; i++)
		CHECK_EQ(read_at(scratch(i)), FAULT);
}

/* A CPU walks the tables: it can't have cached what was not there. */
static void entries_ahead_of_the_call(void)
{
	u32 addr = scratch(5);

	CHECK_EQ(read_at(addr), FAULT);
	*pte_entry(kernel_top, addr) = page_pte(5, PTE_KERNEL);
	CHECK_EQ(read_at(addr), number_of(5));
	CHECK_EQ(write_at(addr + WORD2, 1), 0);
	set_pte(kernel_top, addr, page_pte(5, PTE_P));
	CHECK_EQ(read_at(addr), number_of(5));
	*pte_entry(kernel_top, addr) = page_pte(5, PTE_KERNEL);
	CHECK_EQ(write_at(addr + WORD2, 2), 0);
	set_pte(kernel_top, addr, 0);
}

/* Linux has one address forgotten by SET_PTE of 0. */
static void invalidate_one(void)
{
	u32 addr = scratch(6);

	set_pte(kernel_top, addr, page_pte(6, PTE_KERNEL));
	CHECK_EQ(read_at(addr), number_of(6));
	*pte_entry(kernel_top, addr) = page_pte(7, PTE_KERNEL);
	tell_pte(kernel_top, addr, 0);
	CHECK_EQ(read_at(addr), number_of(7));
	*pte_entry(kernel_top, addr) = page_pte(8, PTE_P);
	tell_pte(kernel_top, addr, 0);
	CHECK_EQ(read_at(addr), number_of(8));
	CHECK_EQ(write_at(addr, 1), FAULT | PF_P | PF_W);
	set_pte(kernel_top, addr, 0);
}

static void set_pde_remaps(void)
{
	pte_t *top = top_new();
	pte_t *one = alloc_page(), *two = alloc_page();
	u32 i;

	load_top(top);
	for (i = 0; i < 4; i++) {
		one[i] = page_pte(i, PTE_USER);
		two[i] = page_pte(i + 4, PTE_USER);
	}
	/* TEST_BASE is at the start of a table. */
	set_pde(top, TEST_BASE, pa(one) | PDE_USER);
	for (i = 0; i < 4; i++)
		CHECK_EQ(read_at(TEST_BASE + i * PAGE_SIZE), number_of(i));
	set_pde(top, TEST_BASE, pa(two) | PDE_USER);
	for (i = 0; i < 4; i++)
		CHECK_EQ(read_at(TEST_BASE + i * PAGE_SIZE), number_of(i + 4));
	set_pde(top, TEST_BASE, 0);
	for (i = 0; i < 4; i++)
		CHECK_EQ(read_at(TEST_BASE + i * PAGE_SIZE), FAULT);
	/* The entry is ahead of the call, as with the lower level. */
	*pde_entry(top, TEST_BASE) = pa(one) | PDE_USER;
	CHECK_EQ(read_at(TEST_BASE), number_of(0));
	set_pde(top, TEST_BASE, 0);
	free_page(one);
	free_page(two);
	top_free(top);
}

/* The same table in two places. */
static void one_table_twice(void)
{
	const u32 second = TEST_BASE + 4 * (1u << PDE_SHIFT);
	pte_t *top = top_new();
	pte_t *table = alloc_page();

	load_top(top);
	table[0] = page_pte(1, PTE_USER);
	set_pde(top, TEST_BASE, pa(table) | PDE_USER);
	set_pde(top, second, pa(table) | PDE_USER);
	CHECK_EQ(read_at(TEST_BASE), number_of(1));
	CHECK_EQ(read_at(second), number_of(1));
	CHECK_EQ(write_at(TEST_BASE + WORD2, 0x77), 0);
	CHECK_EQ(read_at(second + WORD2), 0x77);
	set_pde(top, second, 0);
	CHECK_EQ(read_at(TEST_BASE), number_of(1));
	CHECK_EQ(read_at(second), FAULT);
	set_pde(top, TEST_BASE, 0);
	free_page(table);
	top_free(top);
}

/*
 * A directory in the place of a page table, as some kernels have it: it maps the
 * tables, itself among them.
 */
static void tables_that_map_themselves(void)
{
	const u32 window = TEST_BASE + 16 * (1u << PDE_SHIFT);
	u32 self = window / (1u << PDE_SHIFT) % PT_ENTRIES;
	u32 other = TEST_BASE / (1u << PDE_SHIFT) % PT_ENTRIES;
	u32 own = window + self * PAGE_SIZE + self * sizeof(pte_t);
	u32 entry = window + other * PAGE_SIZE;
	pte_t *top = top_new();
	pte_t *directory;

	load_top(top);
	set_pte(top, TEST_BASE, page_pte(1, PTE_USER));
	directory = pde_entry(top, TEST_BASE) - other;
	set_pde(top, window, pa(directory) | PDE_KERNEL);
	CHECK_EQ(read_at(own), (u32)directory[self]);
	CHECK_EQ(read_at(entry), (u32)page_pte(1, PTE_USER));
	CHECK_EQ(read_at(TEST_BASE), number_of(1));

	/* Make a change through the window, and close it from inside. */
	CHECK_EQ(write_at(entry, page_pte(2, PTE_USER)), 0);
	tell_pte(top, TEST_BASE, page_pte(2, PTE_USER));
	CHECK_EQ(read_at(TEST_BASE), number_of(2));
	CHECK_EQ(write_at(own, 0), 0);
	tell_pde(top, window);
	CHECK_EQ(read_at(own), FAULT);
	CHECK_EQ(read_at(TEST_BASE), number_of(2));
	top_free(top);
}

/* Two page tables map each other and themselves, and no other page. */
static void tables_that_map_each_other(void)
{
	const u32 window = TEST_BASE + 16 * (1u << PDE_SHIFT);
	pte_t *top = top_new();
	pte_t *one = alloc_page(), *two = alloc_page();
	u32 i;

	load_top(top);
	one[0] = pa(two) | PTE_USER;
	one[1] = pa(one) | PTE_USER;
	two[0] = pa(one) | PTE_USER;
	two[1] = pa(two) | PTE_USER;
	set_pde(top, TEST_BASE, pa(one) | PDE_USER);
	set_pde(top, window, pa(two) | PDE_USER);
	for (i = 0; i < 2; i++) {
		CHECK_EQ(read_at(TEST_BASE + i * PAGE_SIZE),
			 (u32)(i ? one : two)[0]);
		CHECK_EQ(read_at(window + i * PAGE_SIZE),
			 (u32)(i ? two : one)[0]);
	}
	/* Write an entry of the first table, through the page that maps it. */
	CHECK_EQ(write_at(window + 2 * sizeof(pte_t), page_pte(3, PTE_USER)), 0);
	CHECK_EQ(read_at(TEST_BASE + 2 * PAGE_SIZE), number_of(3));
	set_pde(top, TEST_BASE, 0);
	set_pde(top, window, 0);
	free_page(one);
	free_page(two);
	top_free(top);
}

#ifdef PAE

/* SET_PGD is about the first three entries here; the fourth is the kernel's. */
static void top_level_changes(void)
{
	pte_t *top = top_new();
	pte_t *other = alloc_page(), *table = alloc_page();
	pte_t first;

	load_top(top);
	set_pte(top, TEST_BASE, page_pte(1, PTE_USER));
	CHECK_EQ(read_at(TEST_BASE), number_of(1));
	first = top[TEST_BASE >> 30];
	table[0] = page_pte(2, PTE_USER);
	other[(TEST_BASE >> PDE_SHIFT) % PT_ENTRIES] = pa(table) | PDE_USER;
	top[TEST_BASE >> 30] = pa(other) | PTE_P;
	hcall2(LHCALL_SET_PGD, pa(top), TEST_BASE >> 30);
	CHECK_EQ(read_at(TEST_BASE), number_of(2));
	top[TEST_BASE >> 30] = 0;
	hcall2(LHCALL_SET_PGD, pa(top), TEST_BASE >> 30);
	CHECK_EQ(read_at(TEST_BASE), FAULT);
	top[TEST_BASE >> 30] = first;
	hcall2(LHCALL_SET_PGD, pa(top), TEST_BASE >> 30);
	CHECK_EQ(read_at(TEST_BASE), number_of(1));
	free_page(other);
	free_page(table);
	top_free(top);
}

#define CPUID_EXT_EDX_NX	0x00100000

static bool have_nx(void)
{
	u32 eax = 0x80000001, ebx, ecx, edx;

	asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	return edx & CPUID_EXT_EDX_NX;
}

static void no_execute(void)
{
	struct task_end end;
	struct task *task;
	u32 i;

	if (!have_nx()) {
		ktap_skip("this CPU has no NX");
		return;
	}
	for (i = 0; i < 2; i++) {
		/* xorl %ebx, %ebx; xorl %eax, %eax; int $0x80 */
		pages[7][1] = 0xc031db31;
		pages[7][2] = 0x80cd;
		task = task_new((void (*)(u32))(TEST_BASE + WORD2), 0);
		set_pte(task->top, TEST_BASE,
			page_pte(7, PTE_USER) | (i ? PTE_NX : 0));
		task_wait(task, &end);
		CHECK_EQ(end.exited, !i);
		if (end.exited)
			continue;
		CHECK_EQ(end.info.regs.vector, TRAP_PF);
		CHECK_EQ(end.info.regs.error, PF_P | PF_U | PF_I);
		CHECK_EQ(end.info.cr2, TEST_BASE + WORD2);
	}
}

#endif /* PAE */

static void flush_user(void)
{
	pte_t *top = top_new();
	u32 i;

	load_top(top);
	for (i = 0; i < NR_PAGES; i++)
		set_pte(top, TEST_BASE + i * PAGE_SIZE, page_pte(i, PTE_USER));
	for (i = 0; i < NR_PAGES; i++)
		CHECK_EQ(read_at(TEST_BASE + i * PAGE_SIZE), number_of(i));
	for (i = 0; i < NR_PAGES; i++)
		*pte_entry(top, TEST_BASE + i * PAGE_SIZE) =
			i % 2 ? page_pte(i - 1, PTE_USER) : 0;
	hcall1(LHCALL_FLUSH_TLB, 0);
	for (i = 0; i < NR_PAGES; i++)
		CHECK_EQ(read_at(TEST_BASE + i * PAGE_SIZE),
			 i % 2 ? number_of(i - 1) : FAULT);
	top_free(top);
}

static void flush_everything(void)
{
	pte_t *top = top_new();
	u32 i;

	load_top(top);
	set_pte(top, TEST_BASE, page_pte(0, PTE_USER));
	CHECK_EQ(read_at(TEST_BASE), number_of(0));
	for (i = 0; i < NR_PAGES; i++)
		set_pte(kernel_top, scratch(i), page_pte(i, PTE_KERNEL));
	for (i = 0; i < NR_PAGES; i++)
		CHECK_EQ(read_at(scratch(i)), number_of(i));
	for (i = 0; i < NR_PAGES; i++)
		*pte_entry(kernel_top, scratch(i)) =
			i % 2 ? page_pte(i - 1, PTE_KERNEL) : 0;
	*pte_entry(top, TEST_BASE) = page_pte(1, PTE_USER);
	hcall1(LHCALL_FLUSH_TLB, 1);
	for (i = 0; i < NR_PAGES; i++)
		CHECK_EQ(read_at(scratch(i)),
			 i % 2 ? number_of(i - 1) : FAULT);
	CHECK_EQ(read_at(TEST_BASE), number_of(1));
	top_free(top);
	for (i = 0; i < NR_PAGES; i++)
		set_pte(kernel_top, scratch(i), 0);
}

/* More address spaces than any host keeps at hand. */
static void many_tables(void)
{
	pte_t *tops[40];
	u32 i, round;

	for (i = 0; i < ARRAY_SIZE(tops); i++) {
		tops[i] = top_new();
		set_pte(tops[i], TEST_BASE, page_pte(i % NR_PAGES, PTE_USER));
	}
	for (round = 0; round < 3; round++) {
		for (i = 0; i < ARRAY_SIZE(tops); i++) {
			u32 n = (i + round) % NR_PAGES;

			load_top(tops[i]);
			CHECK_EQ(read_at(TEST_BASE), number_of(n));
			/* This one is loaded; below, one that is not. */
			set_pte(tops[i], TEST_BASE,
				page_pte((n + 1) % NR_PAGES, PTE_USER));
			CHECK_EQ(read_at(TEST_BASE),
				 number_of((n + 1) % NR_PAGES));
		}
	}
	load_top(tops[0]);
	CHECK_EQ(read_at(TEST_BASE), number_of(3));
	set_pte(tops[1], TEST_BASE, page_pte(9, PTE_USER));
	CHECK_EQ(read_at(TEST_BASE), number_of(3));
	load_top(tops[1]);
	CHECK_EQ(read_at(TEST_BASE), number_of(9));
	for (i = 0; i < ARRAY_SIZE(tops); i++)
		top_free(tops[i]);
}

/* One call changes an entry for every address space. */
static void kernel_entries_are_everybodys(void)
{
	pte_t *one = top_new(), *two = top_new();
	u32 addr = scratch(9);

	load_top(one);
	set_pte(one, addr, page_pte(9, PTE_KERNEL));
	CHECK_EQ(read_at(addr), number_of(9));
	load_top(two);
	CHECK_EQ(read_at(addr), number_of(9));
	set_pte(two, addr, page_pte(10, PTE_KERNEL));
	CHECK_EQ(read_at(addr), number_of(10));
	load_top(one);
	CHECK_EQ(read_at(addr), number_of(10));
	load_top(kernel_top);
	CHECK_EQ(read_at(addr), number_of(10));
	set_pte(kernel_top, addr, 0);
	load_top(one);
	CHECK_EQ(read_at(addr), FAULT);
	load_top(two);
	CHECK_EQ(read_at(addr), FAULT);
	top_free(one);
	top_free(two);
}

static void ring_1_uses_user_pages(void)
{
	pte_t *top = top_new();

	load_top(top);
	set_pte(top, TEST_BASE, page_pte(2, PTE_P | PTE_W | PTE_U));
	CHECK_EQ(read_at(TEST_BASE), number_of(2));
	CHECK_EQ(write_at(TEST_BASE + WORD2, 0x99), 0);
	CHECK_EQ(pages[2][1], 0x99);
	/* But a page's write protection holds for ring 1, too. */
	set_pte(top, TEST_BASE, page_pte(2, PTE_P | PTE_U | PTE_A));
	CHECK_EQ(read_at(TEST_BASE), number_of(2));
	CHECK_EQ(write_at(TEST_BASE, 1), FAULT | PF_P | PF_W);
	top_free(top);
}

/* The directory entry's rights count as well. */
static void directory_rights(void)
{
	pte_t *top = top_new();

	load_top(top);
	set_pte(top, TEST_BASE, page_pte(2, PTE_USER));
	CHECK_EQ(write_at(TEST_BASE + WORD2, 1), 0);
	set_pde(top, TEST_BASE, *pde_entry(top, TEST_BASE) & ~(pte_t)PTE_W);
	CHECK_EQ(read_at(TEST_BASE), number_of(2));
	CHECK_EQ(write_at(TEST_BASE, 1), FAULT | PF_P | PF_W);
	set_pde(top, TEST_BASE, *pde_entry(top, TEST_BASE) | PTE_W);
	CHECK_EQ(write_at(TEST_BASE + WORD2, 1), 0);
	top_free(top);
}

static void straddling(void)
{
	u32 addr = scratch(11);

	set_pte(kernel_top, addr, page_pte(1, PTE_P | PTE_W));
	set_pte(kernel_top, addr + PAGE_SIZE, page_pte(2, PTE_P | PTE_W));
	CHECK_EQ(write_at(addr + PAGE_SIZE - 4, 0x12345678), 0);
	CHECK_EQ(read_at(addr + PAGE_SIZE - 2),
		 (number_of(2) & 0xffff) << 16 | 0x1234);
	set_pte(kernel_top, addr + PAGE_SIZE, 0);
	CHECK_EQ(write_at(addr + PAGE_SIZE - 4, 0), 0);
	set_pte(kernel_top, addr, 0);
}

/* What the tests with a program in ring 3 share with their hooks. */
static struct {
	pte_t *top;
	u32 seed, steps, bad, told;
	u32 addr;
	bool write, waiting;
	u32 before;
} rnd;

static bool skip_ud2(struct regs *regs)
{
	regs->eip += 2;
	return true;
}

static bool drop_everything(struct regs *regs)
{
	if (regs->eax != SYS_NEXT)
		return false;
	hcall1(LHCALL_FLUSH_TLB, 1);
	regs->eax = ++rnd.steps < 100 ? TEST_BASE : 0;
	return true;
}

/*
 * Our tables have the stack, so it must never fault. But the host has just been
 * told to forget what it has made of our tables.
 */
static void stacks_that_were_dropped(void)
{
	struct task_end end;
	struct task *task;

	memset(&rnd, 0, sizeof(rnd));
	task = task_new(prog_access, 0);
	set_pte(task->top, TEST_BASE, page_pte(5, PTE_USER));
	trap_hook(SYSCALL_VECTOR, drop_everything);
	task_wait(task, &end);
	trap_hook(SYSCALL_VECTOR, NULL);
	CHECK(end.exited);
	CHECK_EQ(rnd.steps, 100);
}

/* Ring 1's own stack, in a page that the host has never seen written to. */
static void stacks_that_are_clean(void)
{
	u32 addr = scratch(20), esp;
	u32 i;

	trap_hook(TRAP_UD, skip_ud2);
	for (i = 0; i < 3; i++) {
		set_pte(kernel_top, addr, page_pte(6, PTE_P | PTE_W));
		if (i == 1)
			CHECK_EQ(read_at(addr), number_of(6));
		if (i == 2)
			hcall1(LHCALL_FLUSH_TLB, 1);
		esp = addr + PAGE_SIZE - 4;
		asm volatile("xchgl %%esp, %[esp]\n"
			     "ud2\n"
			     "xchgl %%esp, %[esp]\n"
			     : [esp] "+r"(esp) : : "memory", "cc");
		CHECK_EQ(esp, addr + PAGE_SIZE - 4);
		CHECK_EQ(flags_of(kernel_top, addr),
			 PTE_P | PTE_W | PTE_A | PTE_D);
	}
	trap_hook(TRAP_UD, NULL);
	memset((u8 *)pages[6] + 4, 0, PAGE_SIZE - 4);
	set_pte(kernel_top, addr, 0);
}

/* All of memory is there, and each page is itself. */
static void all_of_memory(void)
{
	u32 addr, bad = 0, end = ram_size();

	for (addr = kernel_end() + 0x100000; addr < end; addr += PAGE_SIZE)
		*(u32 *)va(addr + 8) = addr ^ 0x5a5a5a5a;
	for (addr = kernel_end() + 0x100000; addr < end; addr += PAGE_SIZE)
		bad += *(u32 *)va(addr + 8) != (addr ^ 0x5a5a5a5a);
	CHECK_EQ(bad, 0);
}

/*
 * Anything in any order: change a window of pages at random, tell the host in one
 * of the ways there are, then access them from ring 1 and from ring 3. Each access
 * is checked against what the tables say.
 */
static u32 random(u32 n)
{
	rnd.seed = rnd.seed * 1103515245 + 12345;
	return (rnd.seed >> 16) % n;
}

static void random_change(void)
{
	static const u32 kinds[] = {
		0, PTE_P | PTE_W | PTE_U, PTE_USER, PTE_P | PTE_U,
		PTE_P | PTE_U | PTE_A, PTE_P | PTE_W, PTE_P | PTE_W | PTE_U,
	};
	u32 addr = TEST_BASE + random(TEST_PAGES) * PAGE_SIZE;
	u32 kind = kinds[random(ARRAY_SIZE(kinds))];
	pte_t pte = kind ? page_pte(random(NR_PAGES), kind) : 0;

	switch (random(6)) {
	case 0:
		set_pte(rnd.top, addr, pte);
		break;
	case 1:
		set_pte_lazy(rnd.top, addr, pte);
		hcall0(LHCALL_FLUSH_ASYNC);
		break;
	case 2:
		*pte_entry(rnd.top, addr) = pte;
		tell_pte(rnd.top, addr, 0);
		break;
	case 3:
		*pte_entry(rnd.top, addr) = pte;
		hcall1(LHCALL_FLUSH_TLB, random(2));
		break;
	case 4:
		*pte_entry(rnd.top, addr) = pte;
		tell_pde(rnd.top, addr);
		break;
	case 5:
		set_pte_lazy(rnd.top, addr, pte);
		load_top(kernel_top);
		load_top(rnd.top);
		break;
	}
}

static void complain(const char *what, u32 got, pte_t pte)
{
	if (!rnd.bad++)
		printf("# step %u: %s of %08x gave %08x, entry %08x\n",
		       rnd.steps, what, rnd.addr, got, (u32)pte);
}

static void check_bits(pte_t before, pte_t after, bool write)
{
	pte_t want = before | PTE_A | (write ? PTE_D : 0);

	if (after != want)
		complain("the entry's update", after, before);
}

static u32 page_word(pte_t pte, u32 addr)
{
	return *(u32 *)va(((u32)pte & PAGE_MASK) + addr % PAGE_SIZE);
}

/* The last access of ring 3 went through: should it have? */
static void check_user_done(u32 value)
{
	pte_t after = *pte_entry(rnd.top, rnd.addr);
	u32 want = PTE_P | PTE_U | (rnd.write ? PTE_W : 0);

	if ((rnd.before & want) != want)
		complain("a forbidden access", value, rnd.before);
	else if (value != (rnd.write ? NEXT_VALUE : page_word(after, rnd.addr)))
		complain("an access", value, after);
	else
		check_bits(rnd.before, after, rnd.write);
}

/* The last access of ring 3 faulted: should it have? */
static bool random_fault(struct regs *regs)
{
	u32 error = regs->error;
	u32 want = PTE_P | PTE_U | (rnd.write ? PTE_W : 0);
	pte_t pte = *pte_entry(rnd.top, rnd.addr);

	if (!from_user(regs) || !rnd.waiting)
		return false;
	if (READ_ONCE(lguest_data.cr2) != rnd.addr)
		complain("a fault", lguest_data.cr2, pte);
	else if ((pte & want) == want)
		complain("an allowed access", error, pte);
	else if (pte != rnd.before)
		complain("a failed access's update", pte, rnd.before);
	else if (!(error & PF_U) || !(error & PF_W) != !rnd.write)
		complain("the error code", error, pte);
	/* Give it what it wants, so that it can go on. */
	set_pte(rnd.top, rnd.addr, page_pte(0, PTE_USER));
	rnd.before = page_pte(0, PTE_USER);
	return true;
}

static void random_kernel_access(void)
{
	u32 addr = TEST_BASE + random(TEST_PAGES) * PAGE_SIZE;
	bool write = random(2);
	pte_t *pte = pte_entry(rnd.top, addr), before;
	u32 want = PTE_P | (write ? PTE_W : 0), got;

	if (write)
		addr += WORD2;
	rnd.addr = addr;
	before = *pte;
	got = write ? write_at(addr, rnd.steps) : read_at(addr);
	if ((before & want) != want) {
		if ((got & 0xffff0000) != FAULT)
			complain("a forbidden access by ring 1", got, before);
		if (*pte != before)
			complain("its update", *pte, before);
	} else {
		if (write ? got || page_word(before, addr) != rnd.steps :
		    got != page_word(before, addr))
			complain("an access by ring 1", got, before);
		check_bits(before, *pte, write);
	}
}

static bool random_step(struct regs *regs)
{
	u32 i;

	if (regs->eax != SYS_NEXT)
		return false;
	if (rnd.waiting)
		check_user_done(regs->ebx);
	rnd.waiting = false;
	if (rnd.bad || ++rnd.steps > 5000) {
		regs->eax = 0;
		return true;
	}
	for (i = random(4); i; i--)
		random_change();
	for (i = random(3); i; i--)
		random_kernel_access();
	rnd.addr = TEST_BASE + random(TEST_PAGES) * PAGE_SIZE;
	rnd.write = random(2);
	if (rnd.write)
		rnd.addr += WORD2;
	rnd.before = *pte_entry(rnd.top, rnd.addr);
	rnd.waiting = true;
	regs->eax = rnd.addr | (rnd.write ? NEXT_WRITE : 0);
	return true;
}

static void random_changes(void)
{
	struct task_end end;
	struct task *task;
	u32 seed;

	for (seed = 1; seed <= 4; seed++) {
		memset(&rnd, 0, sizeof(rnd));
		rnd.seed = seed;
		task = task_new(prog_access, 0);
		rnd.top = task->top;
		set_pte(rnd.top, TEST_BASE, 0);
		trap_hook(SYSCALL_VECTOR, random_step);
		trap_hook(TRAP_PF, random_fault);
		task_wait(task, &end);
		trap_hook(SYSCALL_VECTOR, NULL);
		trap_hook(TRAP_PF, NULL);
		CHECK(end.exited);
		if (!CHECK_EQ(rnd.bad, 0))
			printf("# with seed %u\n", seed);
	}
}

static void no_memory_was_lost(void)
{
	static u32 before;
	struct task_end end;

	/* The first run makes everything that is made only once. */
	task_run(prog_peek, 0, &end);
	before = free_pages();
	task_run(prog_peek, 0, &end);
	CHECK_EQ(free_pages(), before);
}

static const struct ktap_test tests[] = {
	{ "accessed and dirty, kernel", accessed_and_dirty_kernel },
	{ "accessed and dirty, user", accessed_and_dirty_user },
	{ "bits 9 to 11 are ours", our_own_bits_stay },
	{ "SET_PTE maps another page", set_pte_remaps },
	{ "SET_PTE takes rights away", set_pte_takes_rights_away },
	{ "SET_PTE in the ring", set_pte_in_the_ring },
	{ "entries ahead of the call", entries_ahead_of_the_call },
	{ "SET_PTE of 0 invalidates", invalidate_one },
	{ "the directory changes", set_pde_remaps },
	{ "one table twice", one_table_twice },
	{ "tables that map themselves", tables_that_map_themselves },
	{ "tables that map each other", tables_that_map_each_other },
#ifdef PAE
	{ "the top level changes", top_level_changes },
	{ "NX", no_execute },
#endif
	{ "FLUSH_TLB of the user part", flush_user },
	{ "FLUSH_TLB of everything", flush_everything },
	{ "many tables", many_tables },
	{ "kernel entries are everybody's", kernel_entries_are_everybodys },
	{ "ring 1 uses user pages", ring_1_uses_user_pages },
	{ "an access over two pages", straddling },
	{ "stacks that were dropped", stacks_that_were_dropped },
	{ "stacks that are clean", stacks_that_are_clean },
	{ "all of memory", all_of_memory },
	{ "random changes", random_changes },
	{ "no memory was lost", no_memory_was_lost },
	/* Last: a host that overlooks them may never come back. */
	{ "the directory's rights count", directory_rights },
};

void guest_main(void)
{
	u32 i;

	for (i = 0; i < NR_PAGES; i++) {
		pages[i] = alloc_page();
		pages[i][0] = number_of(i);
	}
	ktap_run(tests, ARRAY_SIZE(tests));
}
