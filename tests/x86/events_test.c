// SPDX-License-Identifier: GPL-2.0
/*
 * Exits that are the host's business. No emulator has a KVM below that injects
 * page faults, poisoned memory, or traps for locks. So these tests fake what
 * the module looks at: what KVM says of a page fault and its MSR, the host's
 * handler of machine checks, a machine check that is pending, a flag of the
 * CPU's.
 */
#include <linux/kvm_para.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/fpu/api.h>
#include <asm/trapnr.h>

#include "guest.h"

GUEST(stop, STOP);
/* The guest's own tables have nothing here. */
#define NOWHERE	0x10004
GUEST(touch, "mov 0x10004, %eax\n" STOP);
GUEST(syscall, "int $0x80\n" STOP);
GUEST(fpu_environment, "fnstenv 0xc0002000\n" STOP);

static u32 fake_flags, waited_for;
static unsigned int waits, machine_checks;
static u64 fake_msr;

noinstr u32 lg_async_pf_flags(void)
{
	u32 flags = fake_flags;

	fake_flags = 0;
	return flags;
}

void lg_async_pf_wait(u32 token)
{
	waits++;
	waited_for = token;
}

u64 lg_async_pf_read_msr(void)
{
	return fake_msr;
}

void lg_async_pf_write_msr(u64 value)
{
	fake_msr = value;
}

void lg_machine_check(void)
{
	machine_checks++;
}

static int events_init(struct kunit *test)
{
	fake_flags = 0;
	waits = 0;
	machine_checks = 0;
	fake_msr = 0;
	return guest_init(test);
}

static void events_exit(struct kunit *test)
{
	lg_async_pf = false;
	lg_async_pf_by_msr = false;
	guest_exit(test);
}

/* Enter until the guest comes out for more than an interrupt. */
static u32 enter(struct guest *g)
{
	do {
		guest_enter(g);
	} while (g->lg->regs->vector == LG_VECTOR_NONE && guest_may_go_on(g));
	return g->lg->regs->vector;
}

static void run_touch(struct guest *g)
{
	guest_start(g, &touch, 1);
	lg_vcpu_load(g->lg);
}

/* CR2 has the token. Here that is the address that the guest has touched. */
static void async_page_fault(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 vector;

	guest_start(g, &stop, 1);
	KUNIT_ASSERT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
	lg_async_pf = true;
	run_touch(g);
	fake_flags = KVM_PV_REASON_PAGE_NOT_PRESENT;
	vector = enter(g);
	lg_vcpu_put(g->lg);
	KUNIT_EXPECT_EQ(test, vector, LG_VECTOR_HOST_FAULT);
	KUNIT_EXPECT_EQ(test, fake_flags, 0);

	lg_handle_trap(g->lg);
	KUNIT_EXPECT_EQ(test, waits, 1);
	KUNIT_EXPECT_EQ(test, waited_for, NOWHERE);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, KERNEL + CODE);
	KUNIT_EXPECT_STREQ(test, g->lg->reason, "");
	/* KVM says nothing of the next one, so it is the guest's. */
	KUNIT_EXPECT_EQ(test, guest_run(g), X86_TRAP_PF);
	KUNIT_EXPECT_EQ(test, waits, 1);
}

static void async_page_fault_that_is_none(struct kunit *test)
{
	struct guest *g = test->priv;

	lg_async_pf = true;
	guest_start(g, &touch, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), X86_TRAP_PF);
	KUNIT_EXPECT_EQ(test, g->lg->regs->cr2, NOWHERE);
	KUNIT_EXPECT_EQ(test, waits, 0);
}

/* On kernels that keep the waiting to KVM's modules */
static void async_page_faults_off(struct kunit *test)
{
	const u64 msr = 0x12345000 | KVM_ASYNC_PF_ENABLED |
			KVM_ASYNC_PF_DELIVERY_AS_INT;
	struct guest *g = test->priv;

	lg_async_pf_by_msr = true;
	fake_msr = msr;
	guest_start(g, &stop, 1);
	preempt_disable();
	lg_vcpu_load(g->lg);
	KUNIT_EXPECT_EQ(test, fake_msr, msr);
	guest_enter(g);
	KUNIT_EXPECT_EQ(test, fake_msr, msr & ~(u64)KVM_ASYNC_PF_ENABLED);
	lg_vcpu_put(g->lg);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, fake_msr, msr);

	/* If they were off, they stay off. */
	fake_msr = 0;
	guest_start(g, &stop, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
	KUNIT_EXPECT_EQ(test, fake_msr, 0);
}

static void leave_note(struct guest *g, u32 vector, u8 pending)
{
	g->lg->regs->vector = vector;
	g->lg->vcpu->sw->mce_pending = pending;
	local_irq_disable();
	lg_sort_event(g->lg);
	local_irq_enable();
	KUNIT_EXPECT_EQ(g->test, g->lg->vcpu->sw->mce_pending, 0);
	KUNIT_EXPECT_EQ(g->test, g->lg->regs->vector, LG_VECTOR_NONE);
}

/* It must be as if the guest had not come to that instruction. */
static void machine_check_in_a_reflection(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_start(g, &syscall, 3);
	leave_note(g, X86_TRAP_PF, LG_IN_REFLECTION);
	KUNIT_EXPECT_EQ(test, machine_checks, 1);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, CODE);

	g->lg->regs->eip = CODE + 2;
	leave_note(g, LG_VECTOR_SYSCALL, LG_IN_REFLECTION);
	KUNIT_EXPECT_EQ(test, machine_checks, 2);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, CODE);
}

static void machine_check_in_the_guest(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_start(g, &stop, 1);
	leave_note(g, X86_TRAP_MC, 0);
	KUNIT_EXPECT_EQ(test, machine_checks, 1);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, KERNEL + CODE);
}

/* On the way in: the guest is not entered, whatever the note says. */
static void note_on_the_way_in(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_start(g, &stop, 1);
	KUNIT_ASSERT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
	guest_start(g, &stop, 1);
	g->lg->vcpu->sw->mce_pending = LG_IN_REFLECTION;
	lg_vcpu_load(g->lg);
	guest_enter(g);
	lg_vcpu_put(g->lg);
	KUNIT_EXPECT_EQ(test, machine_checks, 1);
	KUNIT_EXPECT_EQ(test, g->lg->regs->vector, LG_VECTOR_NONE);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, KERNEL + CODE);
}

static void debug_exceptions(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, lg_debug_is_hosts(DR6_RESERVED & ~DR_BUS_LOCK));
	KUNIT_EXPECT_FALSE(test, lg_debug_is_hosts(DR6_RESERVED));
	KUNIT_EXPECT_FALSE(test, lg_debug_is_hosts(DR6_RESERVED | DR_STEP));
	/* Both at once: the guest must get its own. */
	KUNIT_EXPECT_FALSE(test, lg_debug_is_hosts((DR6_RESERVED | DR_STEP) &
						   ~DR_BUS_LOCK));
}

/* The switcher has put DR6 in place of an error code. */
static u32 sorted_debug(struct guest *g, u32 dr6)
{
	guest_start(g, &stop, 1);
	g->lg->regs->dr6 = 0;
	g->lg->regs->vector = X86_TRAP_DB;
	g->lg->regs->error_code = dr6;
	lg_vcpu_load(g->lg);
	local_irq_disable();
	lg_sort_event(g->lg);
	local_irq_enable();
	lg_vcpu_put(g->lg);
	KUNIT_EXPECT_EQ(g->test, g->lg->regs->error_code, 0);
	return g->lg->regs->vector;
}

static void debug_exceptions_sorted(struct kunit *test)
{
	struct guest *g = test->priv;

	KUNIT_EXPECT_EQ(test, sorted_debug(g, DR6_RESERVED | DR_STEP), X86_TRAP_DB);
	KUNIT_EXPECT_EQ(test, g->lg->regs->dr6, DR6_RESERVED | DR_STEP);
	KUNIT_EXPECT_EQ(test, sorted_debug(g, DR6_RESERVED), X86_TRAP_DB);
	KUNIT_EXPECT_EQ(test, g->lg->regs->dr6, DR6_RESERVED);
	/* The host's alone: the guest's own reason stays what it was. */
	KUNIT_EXPECT_EQ(test, sorted_debug(g, DR6_RESERVED & ~DR_BUS_LOCK),
			LG_VECTOR_NONE);
	KUNIT_EXPECT_EQ(test, g->lg->regs->dr6, 0);
}

static u32 alignment_check(struct guest *g, u32 ring, u32 flags)
{
	guest_start(g, &stop, ring);
	g->lg->regs->vector = X86_TRAP_AC;
	g->lg->regs->eflags |= flags;
	local_irq_disable();
	lg_sort_event(g->lg);
	local_irq_enable();
	return g->lg->regs->vector;
}

static void alignment_checks(struct kunit *test)
{
	struct guest *g = test->priv;
	bool had = boot_cpu_has(X86_FEATURE_SPLIT_LOCK_DETECT);

	cpu_set_flag(X86_FEATURE_SPLIT_LOCK_DETECT, false);
	KUNIT_EXPECT_EQ(test, alignment_check(g, 1, 0), X86_TRAP_AC);
	KUNIT_EXPECT_EQ(test, alignment_check(g, 3, 0), X86_TRAP_AC);

	cpu_set_flag(X86_FEATURE_SPLIT_LOCK_DETECT, true);
	KUNIT_EXPECT_EQ(test, alignment_check(g, 1, 0), LG_VECTOR_HOST_FAULT);
	KUNIT_EXPECT_EQ(test, alignment_check(g, 1, X86_EFLAGS_AC),
			LG_VECTOR_HOST_FAULT);
	KUNIT_EXPECT_EQ(test, alignment_check(g, 3, 0), LG_VECTOR_HOST_FAULT);
	KUNIT_EXPECT_EQ(test, alignment_check(g, 3, X86_EFLAGS_AC),
			X86_TRAP_AC);
	cpu_set_flag(X86_FEATURE_SPLIT_LOCK_DETECT, had);
}

/* The guest's handlers could not tell them from faults of its own. */
static void exceptions_that_no_guest_has(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->regs->vector = X86_TRAP_VC;
	local_irq_disable();
	lg_sort_event(g->lg);
	local_irq_enable();
	KUNIT_EXPECT_TRUE(test, lg_is_dead(g->lg));
	KUNIT_EXPECT_NOT_NULL(test, strstr(g->lg->reason, "exception 29"));
}

/* The CPU keeps the address of the last FPU instruction, of whichever world. */
static void fpu_pointers(struct kunit *test)
{
	struct guest *g = test->priv;
	bool had = boot_cpu_has_bug(X86_BUG_FXSAVE_LEAK);
	u32 environment[7], error_code = LG_PF_WRITE;

	cpu_set_flag(X86_BUG_FXSAVE_LEAK, true);
	g->lg->vcpu->fpu_always = false;
	guest_start(g, &fpu_environment, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), X86_TRAP_NM);
	lg_vcpu_wants_fpu(g->lg);
	/* Map it now, so that the very next entry finds it. */
	KUNIT_ASSERT_EQ(test, LG_FAULT_FIXED,
			lg_page_fault(g->lg, KERNEL + DATA, &error_code));
	kernel_fpu_begin();
	asm volatile("fld1\n\tfstp %%st(0)" : : : "memory");
	kernel_fpu_end();
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
	guest_get(g, DATA, environment, sizeof(environment));
	KUNIT_EXPECT_EQ(test, environment[3], 0);
	KUNIT_EXPECT_EQ(test, environment[5], 0);
	cpu_set_flag(X86_BUG_FXSAVE_LEAK, had);
}

static struct kunit_case events_cases[] = {
	KUNIT_CASE(async_page_fault),
	KUNIT_CASE(async_page_fault_that_is_none),
	KUNIT_CASE(async_page_faults_off),
	KUNIT_CASE(machine_check_in_a_reflection),
	KUNIT_CASE(machine_check_in_the_guest),
	KUNIT_CASE(note_on_the_way_in),
	KUNIT_CASE(debug_exceptions),
	KUNIT_CASE(debug_exceptions_sorted),
	KUNIT_CASE(alignment_checks),
	KUNIT_CASE(exceptions_that_no_guest_has),
	KUNIT_CASE(fpu_pointers),
	{}
};

static struct kunit_suite events_suite = {
	.name = "lguest_events",
	.suite_init = cpu_suite_init,
	.suite_exit = cpu_suite_exit,
	.init = events_init,
	.exit = events_exit,
	.test_cases = events_cases,
};

kunit_test_suite(events_suite);
