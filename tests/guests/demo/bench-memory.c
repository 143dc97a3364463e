// SPDX-License-Identifier: GPL-2.0
/*
 * What page tables cost: to change them, to switch to others, and to have the
 * host follow.
 */
#include "alloc.h"
#include "bench.h"
#include "demo.h"
#include "hypercall.h"
#include "mark.h"
#include "paging.h"
#include "task.h"
#include "traps.h"

#define SCRATCH_PAGES	(SCRATCH_SIZE / PAGE_SIZE)
#define MAX_TABLES	256

/* All that is mapped here is this page. */
static void *page;

static u32 scratch(u32 i)
{
	return SCRATCH_BASE + i % SCRATCH_PAGES * PAGE_SIZE;
}

void bench_set_pte(u32 n)
{
	mark_begin();
	while (n--)
		set_pte(kernel_top, scratch(n), pa(page) | PTE_KERNEL);
	mark_end();
}

static void map_scratch(u32 n)
{
	while (n--)
		set_pte_lazy(kernel_top, scratch(n), pa(page) | PTE_KERNEL);
	hcall0(LHCALL_FLUSH_ASYNC);
}

void bench_set_pte_batched(u32 n)
{
	mark_begin();
	map_scratch(n);
	mark_end();
}

static void touch_after_flush(u32 n, bool forget)
{
	u32 i, pages;

	map_scratch(SCRATCH_PAGES);
	for (; n; n -= pages) {
		pages = min_t(u32, n, SCRATCH_PAGES);
		for (i = 0; forget && i < pages; i++)
			*pte_entry(kernel_top, scratch(i)) &= ~(pte_t)PTE_A;
		hcall1(LHCALL_FLUSH_TLB, 1);
		mark_begin();
		for (i = 0; i < pages; i++)
			READ_ONCE(*(u32 *)scratch(i));
		mark_end();
	}
}

/* With A clear, what a host knew of the entries before is of no use. */
void bench_fill(u32 n)
{
	touch_after_flush(n, true);
}

void bench_flush(u32 n)
{
	touch_after_flush(n, false);
}

static pte_t *space_new(void)
{
	pte_t *top = top_new();

	set_pte(top, USER_HEAP, pa(page) | PTE_USER);
	return top;
}

static void touch_space(pte_t *top)
{
	load_top(top);
	READ_ONCE(*(u32 *)USER_HEAP);
}

static void flush_and_touch(u32 n, u32 all)
{
	pte_t *top = space_new();

	touch_space(top);
	mark_begin();
	while (n--) {
		hcall1(LHCALL_FLUSH_TLB, all);
		READ_ONCE(*(u32 *)USER_HEAP);
	}
	mark_end();
	top_free(top);
}

void bench_flush_user(u32 n)
{
	flush_and_touch(n, 0);
}

void bench_flush_all(u32 n)
{
	flush_and_touch(n, 1);
}

static void switch_among(u32 tables, u32 n)
{
	static pte_t *tops[MAX_TABLES];
	u32 i;

	for (i = 0; i < tables; i++)
		tops[i] = space_new();
	/* The host must have seen each before. */
	for (i = 0; i < tables; i++)
		touch_space(tops[i]);
	mark_begin();
	while (n--)
		touch_space(tops[n % tables]);
	mark_end();
	for (i = 0; i < tables; i++)
		top_free(tops[i]);
}

void bench_tables_2(u32 n)
{
	switch_among(2, n);
}

void bench_tables_8(u32 n)
{
	switch_among(8, n);
}

void bench_tables_64(u32 n)
{
	switch_among(64, n);
}

void bench_tables_256(u32 n)
{
	switch_among(256, n);
}

void bench_spaces(u32 n)
{
	while (n--)
		touch_space(space_new());
	load_top(kernel_top);
}

/* All that prog_touch() touches is this page: allocation costs nothing. */
static bool map_touched(struct regs *regs)
{
	u32 addr = READ_ONCE(lguest_data.cr2);

	if (!from_user(regs) ||
	    addr - USER_HEAP >= TOUCH_PAGES * PAGE_SIZE)
		return false;
	*pte_entry(current_top(), addr) = pa(page) | PTE_USER;
	return true;
}

static bool forget_touched(struct regs *regs)
{
	u32 i;

	if (regs->eax != SYS_FORGET)
		return false;
	for (i = 0; i < TOUCH_PAGES; i++) {
		u32 addr = USER_HEAP + i * PAGE_SIZE;
		pte_t *pte = pte_entry(current_top(), addr);

		if (pte)
			*pte = 0;
		else
			set_pte_lazy(current_top(), addr, 0);
	}
	hcall1(LHCALL_FLUSH_TLB, 0);
	return true;
}

void bench_fault(u32 n)
{
	struct task_end end;

	trap_hook(TRAP_PF, map_touched);
	trap_hook(SYSCALL_VECTOR, forget_touched);
	task_run(prog_touch, n, &end);
	trap_hook(TRAP_PF, NULL);
	trap_hook(SYSCALL_VECTOR, NULL);
}

static bool skip_access(struct regs *regs)
{
	if (!from_user(regs) || READ_ONCE(lguest_data.cr2) != NOWHERE)
		return false;
	regs->eip += NOWHERE_BYTES;
	return true;
}

void bench_reflect(u32 n)
{
	struct task_end end;

	trap_hook(TRAP_PF, skip_access);
	task_run(prog_nowhere, n, &end);
	trap_hook(TRAP_PF, NULL);
}

bool bench_memory_begin(void)
{
	if (!page)
		page = alloc_page();
	return page;
}

void bench_memory_end(void)
{
	u32 i;

	for (i = 0; i < SCRATCH_PAGES; i++)
		set_pte_lazy(kernel_top, scratch(i), 0);
	hcall1(LHCALL_FLUSH_TLB, 1);
}
