// SPDX-License-Identifier: GPL-2.0
/*
 * When the task's state comes back that the guest's replaces for longer than one
 * entry: segment registers and bases, LDT, debug registers, and what SYSCALL and
 * SYSENTER need.
 */
#include <linux/delay.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/msr.h>
#include <asm/segment.h>
#include <asm/trapnr.h>

#include "guest.h"

#define FS_BASE		0x123456789000
#define GS_BASE		0x23456789a000

GUEST(stop, STOP);
GUEST(segments, "xor %eax, %eax\nmov %eax, %ds\nmov %eax, %es\n"
	"mov %eax, %fs\nmov %eax, %gs\n" STOP);

/* What a task may have in its segment registers and bases */
struct dress {
	const char *name;
	u16 ds, es, fs, gs;
	u64 fs_base, gs_base;
};

static const struct dress dresses[] = {
	{ "nothing" },
	{ "bases", .fs_base = FS_BASE, .gs_base = GS_BASE },
	{ "selectors", __USER_DS, __USER_DS, __USER_DS, __USER_DS },
	{ "data only", __USER_DS, 0, 0, 0, FS_BASE, GS_BASE },
	{ "kernel data", __USER_DS, __USER_DS, .gs_base = GS_BASE },
};

static void describe(const struct dress *dress, char *desc)
{
	strscpy(desc, dress->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(dress, dresses, describe);

static const struct dress *dress_of(struct kunit *test)
{
	const struct dress *dress = test->param_value;

	/* Without FSGSBASE, the kernel keeps no bases for its own threads. */
	if ((dress->fs_base || dress->gs_base) &&
	    !boot_cpu_has(X86_FEATURE_FSGSBASE))
		kunit_skip(test, "no FSGSBASE");
	return dress;
}

/* Write the bases last: loading a selector may clear them. */
static void put_on(const struct dress *dress)
{
	unsigned long flags;

	local_irq_save(flags);
	loadsegment(ds, dress->ds);
	loadsegment(es, dress->es);
	loadsegment(fs, dress->fs);
	load_gs_index(dress->gs);
	wrmsrl(MSR_FS_BASE, dress->fs_base);
	wrmsrl(MSR_KERNEL_GS_BASE, dress->gs_base);
	local_irq_restore(flags);
}

static void expect_dress(struct kunit *test, const struct dress *dress)
{
	struct host_state state;

	host_read(&state);
	KUNIT_EXPECT_EQ(test, state.values[STATE_DS], dress->ds);
	KUNIT_EXPECT_EQ(test, state.values[STATE_ES], dress->es);
	KUNIT_EXPECT_EQ(test, state.values[STATE_FS], dress->fs);
	KUNIT_EXPECT_EQ(test, state.values[STATE_GS], dress->gs);
	KUNIT_EXPECT_EQ(test, state.values[STATE_FS_BASE], dress->fs_base);
	KUNIT_EXPECT_EQ(test, state.values[STATE_KERNEL_GS_BASE],
			dress->gs_base);
}

static void back_when_done(struct kunit *test)
{
	const struct dress *dress = dress_of(test);
	struct guest *g = test->priv;

	put_on(dress);
	guest_start(g, &segments, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
	expect_dress(test, dress);
	/* The same without an entry */
	lg_vcpu_load(g->lg);
	lg_vcpu_put(g->lg);
	expect_dress(test, dress);
	put_on(&dresses[0]);
}

static void back_when_scheduled_out(struct kunit *test)
{
	const struct dress *dress = dress_of(test);
	struct guest *g = test->priv;
	unsigned int i;

	guest_start(g, &segments, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);

	put_on(dress);
	lg_vcpu_load(g->lg);
	KUNIT_EXPECT_TRUE(test, lg_vcpu_was_away(g->lg));
	for (i = 0; i < 3; i++) {
		bool away_before, away_after;

		guest_start(g, &segments, 1);
		preempt_disable();
		do {
			away_before = lg_vcpu_was_away(g->lg);
			guest_enter(g);
			away_after = lg_vcpu_was_away(g->lg);
		} while (g->lg->regs->vector == LG_VECTOR_NONE);
		preempt_enable();
		KUNIT_EXPECT_FALSE(test, away_after);
		/* Only the first entry finds it away. Interrupts lead to more. */
		KUNIT_EXPECT_TRUE(test, away_before || g->entries > 1);
		msleep(20);
		KUNIT_EXPECT_TRUE(test, lg_vcpu_was_away(g->lg));
		expect_dress(test, dress);
	}
	lg_vcpu_put(g->lg);
	expect_dress(test, dress);
	put_on(&dresses[0]);
}

/* Two guests of one task take turns. Neither may find the other's state. */
static void guests_in_turns(struct kunit *test)
{
	const struct dress *dress = dress_of(test);
	struct guest *g = test->priv;
	struct guest *other = guest_another(g);
	unsigned int i;

	put_on(dress);
	for (i = 0; i < 3; i++) {
		guest_start(g, &segments, 1);
		KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
		guest_start(other, &segments, 3);
		KUNIT_EXPECT_EQ(test, guest_run(other), X86_TRAP_GP);
	}
	expect_dress(test, dress);
	put_on(&dresses[0]);
}

static bool msrs_are_on(const struct host_state *state)
{
	return state->values[STATE_EFER] & EFER_SCE &&
	       state->values[STATE_SYSENTER_CS];
}

/*
 * KVM takes what it finds in these MSRs for the host's, in whatever task it
 * runs, and perhaps before anybody has been in user mode. guest_enter() checks
 * that they are off in between.
 */
static void msrs_when_scheduled_out(struct kunit *test)
{
	struct guest *g = test->priv;
	struct host_state state;
	unsigned int i;

	host_read(&state);
	KUNIT_ASSERT_TRUE(test, msrs_are_on(&state));
	lg_vcpu_load(g->lg);
	for (i = 0; i < 3; i++) {
		guest_start(g, &stop, 1);
		preempt_disable();
		guest_enter(g);
		host_read(&state);
		KUNIT_EXPECT_EQ(test, msrs_are_on(&state),
				lg_vcpu_was_away(g->lg));
		preempt_enable();
		msleep(20);
		host_read(&state);
		KUNIT_EXPECT_TRUE(test, msrs_are_on(&state));
	}
	lg_vcpu_put(g->lg);
}

/* Others may use these MSRs, and must find them as they left them. */
static void msrs_are_put_back_as_found(struct kunit *test)
{
	struct guest *g = test->priv;
	struct host_state state;
	u64 efer;

	guest_start(g, &stop, 1);
	local_irq_disable();
	rdmsrl(MSR_EFER, efer);
	wrmsrl(MSR_EFER, efer & ~EFER_SCE);
	wrmsrl(MSR_IA32_SYSENTER_CS, 0);
	lg_vcpu_load(g->lg);
	guest_enter_irqs_off(g);
	lg_vcpu_put(g->lg);
	host_read(&state);
	wrmsrl(MSR_EFER, efer);
	wrmsrl(MSR_IA32_SYSENTER_CS, __KERNEL_CS);
	local_irq_enable();
	KUNIT_EXPECT_FALSE(test, state.values[STATE_EFER] & EFER_SCE);
	KUNIT_EXPECT_EQ(test, state.values[STATE_SYSENTER_CS], 0);
}

/* As for KVM's first guest: an interrupt tells each CPU to turn SVM on. */
static void svm_is_turned_on(struct kunit *test)
{
	struct guest *g = test->priv;
	struct host_state state;
	u64 efer;

	if (!boot_cpu_has(X86_FEATURE_SVM))
		kunit_skip(test, "no SVM");
	guest_start(g, &stop, 1);
	preempt_disable();
	lg_vcpu_load(g->lg);
	guest_enter(g);
	rdmsrl(MSR_EFER, efer);
	wrmsrl(MSR_EFER, efer | EFER_SVME);
	lg_vcpu_put(g->lg);
	host_read(&state);
	wrmsrl(MSR_EFER, state.values[STATE_EFER] & ~EFER_SVME);
	preempt_enable();
	KUNIT_EXPECT_TRUE(test, state.values[STATE_EFER] & EFER_SVME);
	KUNIT_EXPECT_TRUE(test, state.values[STATE_EFER] & EFER_SCE);
}

/* The LDT that tests load */
static u64 ldt[2] = { 0x00cff3000000ffff };

#define LDT_SELECTOR	7

static void ldt_back(struct kunit *test)
{
	struct guest *g = test->priv;
	struct host_state before, after;

	/* Map all that the guest needs. */
	guest_start(g, &stop, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);

	guest_start(g, &stop, 1);
	lg_vcpu_load(g->lg);
	preempt_disable();
	native_set_ldt(ldt, ARRAY_SIZE(ldt));
	loadsegment(fs, LDT_SELECTOR);
	host_read(&before);
	do {
		guest_enter(g);
	} while (g->lg->regs->vector == LG_VECTOR_NONE);
	lg_vcpu_put(g->lg);
	host_read(&after);
	loadsegment(fs, 0);
	native_set_ldt(NULL, 0);
	preempt_enable();

	KUNIT_EXPECT_EQ(test, g->lg->regs->vector, LG_VECTOR_HYPERCALL);
	KUNIT_EXPECT_EQ(test, before.values[STATE_LDT], GDT_ENTRY_LDT * 8);
	KUNIT_EXPECT_EQ(test, before.values[STATE_FS], LDT_SELECTOR);
	expect_same(test, &before, &after, BUT(DR6));
}

/* The first entry finds no LDT, the second does. */
static void ldt_that_comes_later(struct kunit *test)
{
	struct guest *g = test->priv;
	u16 after;

	guest_start(g, &stop, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);

	guest_start(g, &stop, 1);
	lg_vcpu_load(g->lg);
	preempt_disable();
	guest_enter(g);
	native_set_ldt(ldt, ARRAY_SIZE(ldt));
	g->lg->regs->eip = KERNEL + CODE;
	guest_enter(g);
	lg_vcpu_put(g->lg);
	store_ldt(after);
	native_set_ldt(NULL, 0);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, after, GDT_ENTRY_LDT * 8);
}

static atomic_t hits;

static void on_hit(struct perf_event *bp, struct perf_sample_data *data,
		   struct pt_regs *regs)
{
	atomic_inc(&hits);
}

GUEST(store, "mov %eax, 0x2000\n" STOP);

/* At an address that the guest uses, too */
static void breakpoints(struct kunit *test)
{
	struct guest *g = test->priv;
	struct perf_event_attr attr;
	struct perf_event *bp;
	unsigned long dr7;

	hw_breakpoint_init(&attr);
	attr.bp_addr = DATA;
	attr.bp_len = HW_BREAKPOINT_LEN_4;
	attr.bp_type = HW_BREAKPOINT_W;
	atomic_set(&hits, 0);
	bp = perf_event_create_kernel_counter(&attr, 0, NULL, on_hit, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(bp));
	get_debugreg(dr7, 7);
	guest_start(g, &store, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
	guest_start(g, &store, 3);
	KUNIT_EXPECT_EQ(test, guest_run(g), X86_TRAP_GP);
	perf_event_release_kernel(bp);
	KUNIT_EXPECT_NE(test, dr7 & DR_GLOBAL_ENABLE_MASK, 0);
	KUNIT_EXPECT_EQ(test, g->left.values[STATE_DR7], dr7);
	KUNIT_EXPECT_EQ(test, atomic_read(&hits), 0);
}

GUEST(read_tsc, "rdtsc\n" STOP);

/* No emulator's TSC goes back, so put the noted value into the future. */
static void tsc_that_goes_back(struct kunit *test)
{
	const u64 future = U64_MAX / 2;
	struct guest *g = test->priv;
	u64 tsc;

	if (!lg_cpu_tsc_khz())
		kunit_skip(test, "no TSC that a guest would use");
	guest_start(g, &read_tsc, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
	g->lg->vcpu->tsc = future;
	guest_start(g, &read_tsc, 3);
	KUNIT_EXPECT_EQ(test, guest_run(g), X86_TRAP_GP);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, CODE);
	lg_handle_trap(g->lg);
	tsc = g->lg->regs->eax | (u64)g->lg->regs->edx << 32;
	KUNIT_EXPECT_GE(test, tsc, future);
	KUNIT_EXPECT_LT(test, tsc, future + (1ULL << 50));
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, CODE + 2);
	KUNIT_EXPECT_GE(test, g->lg->vcpu->tsc, 1);
	KUNIT_EXPECT_LT(test, g->lg->vcpu->tsc, future);
}

static struct kunit_case lazy_cases[] = {
	KUNIT_CASE_PARAM(back_when_done, dress_gen_params),
	KUNIT_CASE_PARAM(back_when_scheduled_out, dress_gen_params),
	KUNIT_CASE_PARAM(guests_in_turns, dress_gen_params),
	KUNIT_CASE(msrs_when_scheduled_out),
	KUNIT_CASE(msrs_are_put_back_as_found),
	KUNIT_CASE(svm_is_turned_on),
	KUNIT_CASE(ldt_back),
	KUNIT_CASE(ldt_that_comes_later),
	KUNIT_CASE(breakpoints),
	KUNIT_CASE(tsc_that_goes_back),
	{}
};

static struct kunit_suite lazy_suite = {
	.name = "lguest_lazy",
	.suite_init = cpu_suite_init,
	.suite_exit = cpu_suite_exit,
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = lazy_cases,
};

kunit_test_suite(lazy_suite);
