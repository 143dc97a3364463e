// SPDX-License-Identifier: GPL-2.0
/*
 * Segments of ring 3: thread-local storage, and descriptors of its own.
 */
#include "clock.h"
#include "cpu.h"
#include "hypercall.h"
#include "ktap.h"
#include "paging.h"
#include "printf.h"
#include "segment-programs.h"
#include "segments.h"
#include "setup.h"
#include "task.h"
#include "traps.h"

/* What a task finds at gs:0 with the i-th TLS segment */
#define WORD_OF(task, i)	(0x715000u + (task)->id * 16 + (i))

static struct desc user_desc(u32 base)
{
	return make_desc(base, 0xfff, SEG_PRESENT | SEG_DATA | SEG_DPL(3));
}

/* Each entry's segment starts at a word of its own on the task's stack. */
static void set_tls(struct task *task)
{
	u32 i, word, at = USER_STACK_TOP - USER_STACK_SIZE;

	for (i = 0; i < TLS_ENTRIES; i++) {
		word = WORD_OF(task, i);
		copy_to_user(task->top, at + 16 * i, &word, sizeof(word));
		task->tls[i] = user_desc(at + 16 * i);
	}
}

static void tls_entries(void)
{
	struct task_end end;
	struct task *task;
	u32 i;

	for (i = 0; i < TLS_ENTRIES; i++) {
		task = task_new(prog_read_tls, TLS_SEL(i));
		set_tls(task);
		task_wait(task, &end);
		CHECK(end.exited);
		CHECK_EQ(end.code, WORD_OF(task, i));
	}
}

static void tls_entries_go(void)
{
	struct task_end end;

	/* This task has no TLS, and the one before it had. */
	task_run(prog_read_tls, TLS_SEL(0), &end);
	if (CHECK(!end.exited)) {
		CHECK_EQ(end.info.regs.vector, TRAP_GP);
		CHECK_EQ(end.info.regs.error, TLS_SEL(0) & ~3);
	}
}

/* Ring 0 is the host's: a descriptor of DPL 0 becomes ring 1's. */
static void tls_dpl_is_raised(void)
{
	struct task *task = task_new(prog_read_tls, TLS_SEL(0));
	struct task_end end;

	task->tls[0] = make_desc(0, 0xfff, SEG_PRESENT | SEG_DATA);
	task_wait(task, &end);
	if (CHECK(!end.exited)) {
		CHECK_EQ(end.info.regs.vector, TRAP_GP);
		CHECK_EQ(end.info.regs.error, TLS_SEL(0) & ~3);
	}
}

static void tls_of_many_tasks(void)
{
	struct task *tasks[4];
	struct task_end end;
	u32 i;

	clock_init(1000);
	for (i = 0; i < ARRAY_SIZE(tasks); i++) {
		tasks[i] = task_new(prog_keep_tls, 500);
		set_tls(tasks[i]);
	}
	for (i = 0; i < ARRAY_SIZE(tasks); i++) {
		task_wait(tasks[i], &end);
		CHECK(end.exited);
		CHECK_EQ(end.code, 0);
		CHECK(tasks[i]->switches > 2);
	}
	clock_stop();
}

static void null_stays_null(void)
{
	struct task_end end;

	task_run(prog_null_stays, 0, &end);
	CHECK(end.exited);
	CHECK_EQ(end.code, 0);
	task_run(prog_null_gs, 0, &end);
	if (!CHECK(!end.exited))
		return;
	CHECK_EQ(end.info.regs.eip, (u32)prog_null_gs_at);
	if (end.info.regs.vector == TRAP_PF) {
		ktap_skip("this CPU knows no limits");
		return;
	}
	CHECK_EQ(end.info.regs.vector, TRAP_GP);
	CHECK_EQ(end.info.regs.error, 0);
}

static struct regs seen;

static bool far_call(struct regs *regs)
{
	if (regs->eax != SYS_FAR)
		return false;
	seen = *regs;
	regs->eax = 0x600d;
	return true;
}

static void code_with_a_base(void)
{
	struct task_end end;

	set_gdt(SPARE_ENTRY, make_desc(FAR_BASE, ~0u, SEG_PRESENT | SEG_CODE |
				       SEG_DPL(3)));
	trap_hook(SYSCALL_VECTOR, far_call);
	task_run(prog_far, SPARE_SEL(3), &end);
	trap_hook(SYSCALL_VECTOR, NULL);
	set_gdt(SPARE_ENTRY, (struct desc) { 0, 0 });
	CHECK(end.exited);
	CHECK_EQ(end.code, 0x600d);
	CHECK_EQ(seen.cs, SPARE_SEL(3));
	CHECK(seen.eip + FAR_BASE > (u32)prog_far &&
	      seen.eip + FAR_BASE < (u32)prog_far + 0x100);
}

/* A descriptor's high word: what lar shows of it, and what a host changes. */
#define DESC_SHOWN	0x00f0ff00
#define DESC_S		0x00001000
#define DESC_CODE	0x00000800
#define DESC_CONFORMING	0x00000400
#define DESC_READABLE	0x00000200
#define DESC_ACCESSED	0x00000100
#define DESC_DPL	0x00006000
#define DESC_DPL_1	0x00002000
#define DESC_P		0x00008000
#define DESC_L		0x00200000

/* The descriptor that the CPU has, 0 if ring 1 may not see it */
static u32 load_access_rights(u32 selector)
{
	u32 rights = 0;

	asm volatile("larl %[selector], %[rights]\n"
		     "jz 1f\n"
		     "xorl %[rights], %[rights]\n"
		     "1:\n"
		     : [rights] "+r"(rights)
		     : [selector] "r"(selector)
		     : "cc");
	return rights & DESC_SHOWN;
}

static bool is_conforming(u32 high)
{
	return (high & DESC_CODE) && (high & DESC_CONFORMING);
}

/* The host lets us have no system descriptor, none of 64 bits, none of ring 0. */
static u32 as_the_cpu_has_it(u32 high)
{
	if (!(high & DESC_S))
		return 0;
	if (high & DESC_P) {
		high = (high & ~DESC_L) | DESC_ACCESSED;
		if (!(high & DESC_DPL))
			high |= DESC_DPL_1;
	}
	if (!(high & DESC_DPL) && !is_conforming(high))
		return 0;
	return high & DESC_SHOWN;
}

static void do_load_gs(void *selector)
{
	load_gs((u32)selector);
}

static void every_descriptor(void)
{
	u32 access, flags, want, got, sel = SPARE_SEL(1);
	struct trap_info info;
	bool data, trapped;

	for (access = 0; access < 256; access++) {
		for (flags = 0; flags < 16; flags++) {
			struct desc desc = {
				0x0000ffff, flags << 20 | 0xf0000 | access << 8
			};

			set_gdt(SPARE_ENTRY, desc);
			want = as_the_cpu_has_it(desc.high);
			got = load_access_rights(sel);
			if (got != want)
				printf("# descriptor %x\n", desc.high);
			CHECK_EQ(got, want);

			data = want && (!(want & DESC_CODE) ||
					want & DESC_READABLE);
			info.regs.vector = 0;
			trapped = try_call(do_load_gs, (void *)sel, &info);
			if (trapped != !(data && want & DESC_P))
				printf("# descriptor %x: trap %u\n", desc.high,
				       info.regs.vector);
			CHECK_EQ(trapped, !(data && want & DESC_P));
			if (trapped)
				CHECK_EQ(info.regs.vector,
					 data ? TRAP_NP : TRAP_GP);
			load_gs(0);
		}
	}
	set_gdt(SPARE_ENTRY, (struct desc) { 0, 0 });
}

static u32 faults, odd_faults;

/* Skip a "movl %reg, %gs". */
static bool skip_load(struct regs *regs)
{
	if (regs->error & 2)
		return false;
	faults++;
	/* The selector, without its RPL */
	odd_faults += regs->error != (regs->error & 0xfffc);
	regs->eip += 2;
	return true;
}

/* How many selectors each ring can load: those of its descriptors, at each RPL */
#define RING_1_LOADS	(4 + 2 * 2 + 2 * 4)
#define RING_3_LOADS	(4 + 2 * 4)

static void every_selector(void)
{
	u32 selector, stayed = 0;
	struct task_end end;

	faults = 0;
	odd_faults = 0;
	trap_hook(TRAP_GP, skip_load);
	for (selector = 0; selector < 0x10000; selector++) {
		load_gs(0);
		load_gs(selector);
		stayed += read_gs() == selector;
	}
	load_gs(0);
	CHECK_EQ(stayed, RING_1_LOADS);
	CHECK_EQ(faults, 0x10000 - RING_1_LOADS);

	faults = 0;
	task_run(prog_every_selector, 0, &end);
	trap_hook(TRAP_GP, NULL);
	CHECK(end.exited);
	CHECK_EQ(end.code, RING_3_LOADS);
	CHECK_EQ(faults, 0x10000 - RING_3_LOADS);
	CHECK_EQ(odd_faults, 0);
}

static const struct ktap_test tests[] = {
	{ "LOAD_TLS", tls_entries },
	{ "LOAD_TLS takes entries away", tls_entries_go },
	{ "DPL 0 is raised", tls_dpl_is_raised },
	{ "TLS of many tasks, under interrupts", tls_of_many_tasks },
	{ "a null gs stays null", null_stays_null },
	{ "ring 3 code with a base", code_with_a_base },
	{ "every descriptor", every_descriptor },
	{ "every selector", every_selector },
};

void guest_main(void)
{
	clock_init(0);
	clock_stop();
	ktap_run(tests, ARRAY_SIZE(tests));
}
