// SPDX-License-Identifier: GPL-2.0
/*
 * Segments of ring 3: thread-local storage, and descriptors of its own.
 */
#include "clock.h"
#include "cpu.h"
#include "hypercall.h"
#include "ktap.h"
#include "paging.h"
#include "segment-programs.h"
#include "segments.h"
#include "setup.h"
#include "task.h"
#include "traps.h"

/* The words that the tasks' gs:0 are: in the image, for ring 3 to read. */
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

	/* This task has none, and the one before it had. */
	task_run(prog_read_tls, TLS_SEL(0), &end);
	if (CHECK(!end.exited)) {
		CHECK_EQ(end.info.regs.vector, TRAP_GP);
		CHECK_EQ(end.info.regs.error, TLS_SEL(0) & ~3);
	}
}

/* Ring 0 is the host's: such a descriptor is ring 1's. */
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

static const struct ktap_test tests[] = {
	{ "LOAD_TLS", tls_entries },
	{ "LOAD_TLS takes entries away", tls_entries_go },
	{ "DPL 0 is raised", tls_dpl_is_raised },
	{ "TLS of many tasks, under interrupts", tls_of_many_tasks },
	{ "a null gs stays null", null_stays_null },
	{ "ring 3 code with a base", code_with_a_base },
};

void guest_main(void)
{
	clock_init(0);
	clock_stop();
	ktap_run(tests, ARRAY_SIZE(tests));
}
