// SPDX-License-Identifier: GPL-2.0
/*
 * What the host's services cost, each by as many calls as take long enough to
 * be measured.
 */
#include "alloc.h"
#include "clock.h"
#include "console.h"
#include "demo.h"
#include "hypercall.h"
#include "irq.h"
#include "paging.h"
#include "printf.h"
#include "string.h"
#include "task.h"

#define LONG_ENOUGH	(200 * NSEC_PER_MSEC)
#define SCRATCH_PAGES	(SCRATCH_SIZE / PAGE_SIZE)

static void *page;

static void null_hypercall(u32 n)
{
	while (n--)
		hcall0(LHCALL_FLUSH_ASYNC);
}

static void set_pte_direct(u32 n)
{
	while (n--)
		set_pte(kernel_top, SCRATCH_BASE + n % SCRATCH_PAGES *
			PAGE_SIZE, pa(page) | PTE_KERNEL);
}

static void set_pte_batched(u32 n)
{
	while (n--)
		set_pte_lazy(kernel_top, SCRATCH_BASE + n % SCRATCH_PAGES *
			     PAGE_SIZE, pa(page) | PTE_KERNEL);
	hcall0(LHCALL_FLUSH_ASYNC);
}

static void touch_after_flush(u32 n, bool forget)
{
	u32 i, j;

	set_pte_batched(SCRATCH_PAGES);
	while (n--) {
		i = n % SCRATCH_PAGES;
		if (i == SCRATCH_PAGES - 1) {
			for (j = 0; forget && j < SCRATCH_PAGES; j++)
				*pte_entry(kernel_top, SCRATCH_BASE +
					   j * PAGE_SIZE) &= ~(pte_t)PTE_A;
			hcall1(LHCALL_FLUSH_TLB, 1);
		}
		READ_ONCE(*(u32 *)(SCRATCH_BASE + i * PAGE_SIZE));
	}
}

/* Not accessed: whatever a host knew of it before is of no use. */
static void shadow_fill(u32 n)
{
	touch_after_flush(n, true);
}

static void flush(u32 n)
{
	touch_after_flush(n, false);
}

static void switch_tables(u32 n)
{
	pte_t *other = top_new();

	while (n--)
		load_top(n & 1 ? other : kernel_top);
	top_free(other);
}

static void interrupt(u32 n)
{
	while (n--)
		clock_sync();
}

static void system_call(u32 n)
{
	struct task_end end;

	task_run(prog_nothing, n, &end);
}

static void task_switch(u32 n)
{
	/* Two of them, so half of the switches each. */
	struct task *one = task_new(prog_yield, n / 2);
	struct task *two = task_new(prog_yield, n / 2);
	struct task_end end;

	task_wait(one, &end);
	task_wait(two, &end);
}

/* All the pages of prog_touch() are one, so they cost nothing to come by. */
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

static void page_fault(u32 n)
{
	struct task_end end;

	trap_hook(TRAP_PF, map_touched);
	trap_hook(SYSCALL_VECTOR, forget_touched);
	task_run(prog_touch, n, &end);
	trap_hook(TRAP_PF, NULL);
	trap_hook(SYSCALL_VECTOR, NULL);
}

static const struct bench {
	const char *name, *help;
	void (*run)(u32 n);
} benches[] = {
	{ "hypercall", "a hypercall that does nothing", null_hypercall },
	{ "syscall", "a system call from ring 3", system_call },
	{ "fault", "a page fault in ring 3, handled by the guest", page_fault },
	{ "fill", "a page fault that only the host sees", shadow_fill },
	{ "flush", "a page touched again after a flush of all", flush },
	{ "setpte", "SET_PTE", set_pte_direct },
	{ "batch", "SET_PTE by the ring, 64 at a time", set_pte_batched },
	{ "table", "a change of page tables", switch_tables },
	{ "switch", "a change of tasks", task_switch },
	{ "interrupt", "SET_CLOCKEVENT, HALT, the interrupt", interrupt },
};

static u64 now(void)
{
	/* Otherwise the time is as old as the last interrupt. */
	if (!clock_has_tsc())
		clock_sync();
	return clock_ns();
}

static void measure(const struct bench *bench)
{
	u64 ns, start;
	u32 n = 64;

	printf("  %-46s", bench->help);
	for (;; n *= 2) {
		start = now();
		bench->run(n);
		ns = now() - start;
		if (ns >= LONG_ENOUGH || n >= 1u << 28)
			break;
		if (console_interrupted()) {
			printf("\n");
			return;
		}
	}
	printf("%8llu ns  (%u times)\n", div_u64(ns, n), n);
}

void cmd_bench(const char *args)
{
	bool found = false;
	u32 i;

	page = alloc_page();
	if (!page)
		return;
	for (i = 0; i < ARRAY_SIZE(benches); i++) {
		if (*args && strcmp(args, benches[i].name))
			continue;
		found = true;
		measure(&benches[i]);
	}
	for (i = 0; i < SCRATCH_PAGES; i++)
		set_pte_lazy(kernel_top, SCRATCH_BASE + i * PAGE_SIZE, 0);
	hcall1(LHCALL_FLUSH_TLB, 1);
	free_page(page);
	if (found)
		return;
	for (i = 0; i < ARRAY_SIZE(benches); i++)
		printf("  %-10s %s\n", benches[i].name, benches[i].help);
}
