// SPDX-License-Identifier: GPL-2.0
/*
 * What a new guest's switch is told to flush. Whether the kernel has patched the rest into
 * switcher.S is looked at by tests/host/speculation.c.
 */
#include <linux/cpu.h>
#include <asm/cpufeature.h>
#include <asm/segment.h>

#include "guest.h"

static void told_what_to_flush(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_switch *sw = g->lg->vcpu->sw;
	bool had = boot_cpu_has(X86_FEATURE_RSB_VMEXIT);

	cpu_set_flag(X86_FEATURE_RSB_VMEXIT, true);
	sw->fill_rsb = false;
	lg_barrier_choose(sw);
	KUNIT_EXPECT_TRUE(test, sw->fill_rsb);

	/* An IBPB leaves the return stack as it is. */
	cpu_set_flag(X86_FEATURE_RSB_VMEXIT, false);
	sw->fill_rsb = !sw->barrier;
	lg_barrier_choose(sw);
	KUNIT_EXPECT_EQ(test, sw->fill_rsb, sw->barrier);
	if (!boot_cpu_has(X86_FEATURE_IBPB))
		KUNIT_EXPECT_FALSE(test, sw->barrier);
	KUNIT_EXPECT_EQ(test, sw->verw_selector, __KERNEL_DS);

	cpu_set_flag(X86_FEATURE_RSB_VMEXIT, had);
	lg_barrier_choose(sw);
}

/* Intel's CPUs may guess with registers that CR0.TS denies. */
static void whose_registers(struct kunit *test)
{
	struct guest *g = test->priv;
	u8 vendor = boot_cpu_data.x86_vendor;

	boot_cpu_data.x86_vendor = X86_VENDOR_AMD;
	lg_fpu_init(g->lg->vcpu);
	KUNIT_EXPECT_FALSE(test, g->lg->vcpu->fpu_always);
	boot_cpu_data.x86_vendor = X86_VENDOR_INTEL;
	lg_fpu_init(g->lg->vcpu);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->fpu_always, !cpu_mitigations_off());
	boot_cpu_data.x86_vendor = vendor;
}

static struct kunit_case speculation_cases[] = {
	KUNIT_CASE(told_what_to_flush),
	KUNIT_CASE(whose_registers),
	{}
};

static struct kunit_suite speculation_suite = {
	.name = "lguest_speculation",
	.suite_init = cpu_suite_init,
	.suite_exit = cpu_suite_exit,
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = speculation_cases,
};

kunit_test_suite(speculation_suite);
