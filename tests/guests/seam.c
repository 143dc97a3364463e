// SPDX-License-Identifier: GPL-2.0
/*
 * Goes in and out for ever, in each of the switcher's ways, for tests/seam to
 * strike in between. It raises the alarm if something is lost, done twice or
 * changed on the way. tests/seam has breakpoints at seam_round() and seam_alarm().
 */
#include "hypercall.h"
#include "irq.h"
#include "paging.h"
#include "printf.h"
#include "seam.h"
#include "segments.h"
#include "setup.h"
#include "task.h"
#include "traps.h"

#define SPARE_ENTRY	20

static u32 rounds, faults, breakpoints, kernel_breakpoints, steps;

__attribute__((noinline)) void seam_round(void)
{
	asm volatile("");
}

__attribute__((noinline)) void seam_alarm(const char *what)
{
	panic("%s in round %u, after %u faults", what, rounds, faults);
}

static bool hypercall_keeps_registers(void)
{
	u32 a = LHCALL_FLUSH_ASYNC, b = 0xb, c = 0xc, d = 0xd, si = 0x51, di = 0xd1;

	asm volatile("int %[vector]"
		     : "+a"(a), "+b"(b), "+c"(c), "+d"(d), "+S"(si), "+D"(di)
		     : [vector] "i"(HYPERCALL_VECTOR)
		     : "memory");
	return b == 0xb && c == 0xc && d == 0xd && si == 0x51 && di == 0xd1;
}

/* The entry after this hypercall meets a selector that can't be loaded any more. */
static void lose_segment(void)
{
	u32 fs = SPARE_ENTRY * 8 | 1;

	set_gdt(SPARE_ENTRY, make_desc(0, 0xffffffff,
				       SEG_PRESENT | SEG_DPL(1) | SEG_DATA));
	asm volatile("mov %0, %%fs" : : "r"(fs));
	set_gdt(SPARE_ENTRY, make_desc(0, 0xffffffff, SEG_DPL(1) | SEG_DATA));
	asm volatile("mov %%fs, %0" : "=r"(fs));
	if (fs)
		seam_alarm("a selector is kept");
}

/* All that is trapped here has the flag set. */
static void expect_if(const struct regs *regs)
{
	if (!(regs->eflags & FLAGS_IF))
		seam_alarm("interrupt flag lost");
}

static bool system_call(struct regs *regs)
{
	expect_if(regs);
	if (!from_user(regs) || regs->eax != SYS_ROUND)
		seam_alarm("registers changed");
	if (regs->ebx != rounds + 1 || faults != 3 * rounds ||
	    breakpoints != rounds || steps != rounds)
		seam_alarm("system call out of turn");
	rounds++;
	regs->eax = rounds;
	if (!hypercall_keeps_registers())
		seam_alarm("registers changed by a hypercall");
	lose_segment();
	irq_enable();
	asm volatile("int3");
	irq_disable();
	if (kernel_breakpoints != rounds)
		seam_alarm("breakpoint lost");
	seam_round();
	return true;
}

static bool page_fault(struct regs *regs)
{
	static const u32 addr[] = { NO_TABLE, NO_PAGE, READ_ONLY };
	static const u32 error[] = { PF_U, PF_U, PF_U | PF_W | PF_P };
	u32 i = faults % 3;

	expect_if(regs);
	if (!from_user(regs) || faults / 3 + 1 != rounds)
		seam_alarm("page fault out of turn");
	if (READ_ONCE(lguest_data.cr2) != addr[i] || regs->error != error[i])
		seam_alarm("another page fault");
	faults++;
	regs->eip += 2;
	return true;
}

static bool breakpoint(struct regs *regs)
{
	expect_if(regs);
	if (!from_user(regs)) {
		kernel_breakpoints++;
		return true;
	}
	if (faults != 3 * rounds || ++breakpoints != rounds)
		seam_alarm("breakpoint out of turn");
	return true;
}

static bool single_step(struct regs *regs)
{
	expect_if(regs);
	if (!from_user(regs) || breakpoints != rounds || ++steps != rounds)
		seam_alarm("single step out of turn");
	regs->eflags &= ~FLAGS_TF;
	return true;
}

void guest_main(void)
{
	struct task_end end;

	trap_hook(SYSCALL_VECTOR, system_call);
	trap_hook(TRAP_PF, page_fault);
	trap_hook(TRAP_BP, breakpoint);
	trap_hook(TRAP_DB, single_step);
	task_run(prog_rounds, 0, &end);
	seam_alarm("the program ended");
}
