// SPDX-License-Identifier: GPL-2.0
/*
 * How entries use PCIDs. Most emulators have none: then CR3 has none either,
 * and all else is the same.
 */
#include <linux/delay.h>

#include "guest.h"

GUEST(stop, STOP);

/* Map all that the guest needs, so that no entry changes its tables. */
static void start(struct guest *g)
{
	guest_start(g, &stop, 1);
	KUNIT_ASSERT_EQ(g->test, guest_run(g), LG_VECTOR_HYPERCALL);
	lg_vcpu_load(g->lg);
	preempt_disable();
}

static void stop_again(struct guest *g)
{
	preempt_enable();
	lg_vcpu_put(g->lg);
}

/* Return: what the CPU had in CR3. */
static u64 enter(struct guest *g)
{
	g->lg->regs->eip = KERNEL + CODE;
	guest_enter(g);
	return g->lg->vcpu->sw->guest_cr3;
}

static u64 with_pcid(u64 cr3, u64 pcid)
{
	return __read_cr4() & X86_CR4_PCIDE ? cr3 | pcid : cr3;
}

static void expect_noted(struct guest *g)
{
	const struct lg_pcids *pcids = &g->lg->vcpu->pcids;
	const struct lg_pcid *pcid = &pcids->pcid[pcids->last];
	struct lg_mmu *mmu = &g->lg->mmu;

	KUNIT_EXPECT_EQ(g->test, pcid->root, mmu->root->id);
	KUNIT_EXPECT_EQ(g->test, pcid->tlb_gen,
			lg_tlb_gen(mmu, mmu->root));
}

static void entries_keep_what_is_good(struct kunit *test)
{
	struct guest *g = test->priv;
	u64 cr3 = g->lg->mmu.root->cr3;
	u64 first, again, outdated, after, all_outdated;

	KUNIT_EXPECT_EQ(test, cr3 & X86_CR3_PCID_MASK, 0);
	start(g);
	first = enter(g);
	expect_noted(g);
	again = enter(g);
	lg_inc_tlb_gen(&g->lg->mmu.root->tlb_gen);
	outdated = enter(g);
	expect_noted(g);
	after = enter(g);
	lg_inc_tlb_gen(&g->lg->mmu.tlb_gen);
	all_outdated = enter(g);
	stop_again(g);

	KUNIT_EXPECT_EQ(test, first, with_pcid(cr3, LG_PCID_FIRST));
	KUNIT_EXPECT_EQ(test, again, with_pcid(first, LG_CR3_NOFLUSH));
	KUNIT_EXPECT_EQ(test, outdated, first);
	KUNIT_EXPECT_EQ(test, after, again);
	KUNIT_EXPECT_EQ(test, all_outdated, first);
}

#define MARK	1000000

/* Others may have had the CPU. */
static void nothing_is_known_afterwards(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_pcids *pcids = &g->lg->vcpu->pcids;
	u64 kept, put, slept;

	start(g);
	enter(g);
	pcids->uses = MARK;
	enter(g);
	kept = pcids->uses;
	stop_again(g);
	lg_vcpu_load(g->lg);
	preempt_disable();
	enter(g);
	put = pcids->uses;
	pcids->uses = MARK;
	preempt_enable();
	msleep(20);
	preempt_disable();
	enter(g);
	slept = pcids->uses;
	stop_again(g);

	KUNIT_EXPECT_EQ(test, kept, MARK);
	KUNIT_EXPECT_EQ(test, put, 1);
	KUNIT_EXPECT_EQ(test, slept, 1);
}

static int suite_init(struct kunit_suite *suite)
{
	lg_pcid_mode = 2;
	return cpu_suite_init(suite);
}

static void suite_exit(struct kunit_suite *suite)
{
	cpu_suite_exit(suite);
	lg_pcid_mode = 1;
}

static struct kunit_case pcid_cases[] = {
	KUNIT_CASE(entries_keep_what_is_good),
	KUNIT_CASE(nothing_is_known_afterwards),
	{}
};

static struct kunit_suite pcid_suite = {
	.name = "lguest_pcids",
	.suite_init = suite_init,
	.suite_exit = suite_exit,
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = pcid_cases,
};

kunit_test_suite(pcid_suite);
