// SPDX-License-Identifier: GPL-2.0
/* The shadows of top-level tables come and go, within a limit. */
#include <kunit/test.h>

#include "lib/paging.h"

#define GVA	0x12000U
#define PAGE	(FREE + 0x3000)
#define TABLE	0x30000			/* besides those of guest_create() */
#define TOPS	0x20000			/* room for top-level tables */

KUNIT_ARRAY_PARAM(format, formats, describe_format);

static void switch_to(struct guest *g, u32 cr3)
{
	guest_hypercall(g, NEW_PGTABLE, cr3, 0, 0);
	EXPECT_ALIVE(g);
	KUNIT_ASSERT_EQ(g->test, g->lg->mmu.root->gpa, cr3);
}

/* PAE's top-level tables are small: one page has many. */
static void roots_32_bytes_apart(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_root *root;

	paging_start(g, true);
	paging_map(g, GVA, PAGE | P);
	TOUCH(g, GVA, 0);
	root = g->lg->mmu.root;
	guest_put32(g, TOP + 32, OTHER_USER_PD | P);
	guest_put32(g, TOP + 32 + 3 * 8, KERNEL_PD | P);
	switch_to(g, TOP + 32);
	KUNIT_EXPECT_PTR_NE(test, g->lg->mmu.root, root);
	KUNIT_EXPECT_EQ(test, paging_touch(g, GVA, 0), LG_FAULT_GUEST);
	EXPECT_NO_SHADOW(g, GVA);
	/* An address in between is none of them. */
	guest_hypercall(g, SET_PTE, TOP + 8, GVA, 0);
	EXPECT_SHADOW_IN(g, root, GVA, PAGE, 0);
	EXPECT_ALIVE(g);
}

/* The n-th of many top-level tables, each with a page at GVA */
static u32 nth_top(unsigned int n)
{
	return TOPS + n * 32;
}

static void make_many(struct guest *g, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		guest_put32(g, nth_top(i), USER_PD | P);
		guest_put32(g, nth_top(i) + 3 * 8, KERNEL_PD | P);
	}
	paging_map(g, GVA, PAGE | P | W | U);
}

/* A root has pdpt and top, a directory, a leaf. */
#define TABLES_PER_ROOT	4

static void limit(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_mmu *mmu = &g->lg->mmu;
	unsigned int i;

	paging_start(g, true);
	make_many(g, 20);
	TOUCH(g, KERNEL + PAGE, 0);
	/* The kernel's directory and leaf, four roots, and what fill() wants */
	mmu->limit = 2 + 4 * TABLES_PER_ROOT + 5;
	for (i = 0; i < 20; i++) {
		switch_to(g, nth_top(i));
		TOUCH(g, GVA, 0);
		EXPECT_SHADOW(g, GVA, PAGE, U);
		EXPECT_SHADOW(g, KERNEL + PAGE, PAGE, 0);
		KUNIT_EXPECT_LE(test, mmu->tables, mmu->limit);
		if (i > 4)
			KUNIT_EXPECT_GE(test, mmu->tables,
					2 + 3 * TABLES_PER_ROOT);
	}
	EXPECT_ALIVE(g);

	/* The last ones are still there, in the order of their use. */
	for (i = 18; i >= 17; i--) {
		switch_to(g, nth_top(i));
		EXPECT_SHADOW(g, GVA, PAGE, U);
	}
	switch_to(g, nth_top(0));
	EXPECT_NO_SHADOW(g, GVA);
	TOUCH(g, GVA, 0);
	switch_to(g, nth_top(1));
	TOUCH(g, GVA, 0);
	/* Number 19 had been unused for longest. */
	switch_to(g, nth_top(0));
	EXPECT_SHADOW(g, GVA, PAGE, U);
	switch_to(g, nth_top(17));
	EXPECT_SHADOW(g, GVA, PAGE, U);
	switch_to(g, nth_top(19));
	EXPECT_NO_SHADOW(g, GVA);
	KUNIT_EXPECT_LE(test, mmu->tables, mmu->limit);
	EXPECT_ALIVE(g);
}

static void limit_for_one_root(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	struct lg_mmu *mmu = &g->lg->mmu;
	struct lg_root *root;
	unsigned int i, empty;
	u32 gva;

	paging_start(g, f->pae);
	root = mmu->root;
	TOUCH(g, KERNEL + PAGE, 0);
	paging_map(g, GVA, PAGE | P);
	TOUCH(g, GVA, 0);
	/* Do not count the leaves. */
	empty = mmu->tables - 2;
	mmu->limit = mmu->tables + 5 + 2;
	for (i = 1; i <= 3; i++) {
		gva = i * 4 * MiB;
		paging_hang(g, f->pae ? USER_PD : TOP, gva, TABLE);
		paging_put(g, paging_pte_gpa(g, TABLE, gva), PAGE | P);
		TOUCH(g, gva, 0);
		EXPECT_SHADOW(g, gva, PAGE, 0);
		KUNIT_EXPECT_LE(test, mmu->tables, mmu->limit);
	}
	KUNIT_EXPECT_PTR_EQ(test, mmu->root, root);
	mmu->limit = mmu->tables + 4;
	TOUCH(g, GVA, 0);
	EXPECT_SHADOW(g, GVA, PAGE, 0);
	EXPECT_NO_SHADOW(g, 4 * MiB);
	EXPECT_NO_SHADOW(g, KERNEL + PAGE);
	KUNIT_EXPECT_EQ(test, mmu->tables, empty + 1);
	TOUCH(g, KERNEL + PAGE, 0);
	EXPECT_SHADOW(g, KERNEL + PAGE, PAGE, 0);
	EXPECT_ALIVE(g);
}

/* The root in use is not the one to go, however long ago the guest loaded it. */
static void limit_spares_the_root_in_use(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_mmu *mmu = &g->lg->mmu;
	struct lg_root *root;

	paging_start(g, true);
	root = mmu->root;
	make_many(g, 3);
	switch_to(g, nth_top(0));
	switch_to(g, nth_top(1));
	switch_to(g, TOP);
	root->used = 0;
	mmu->limit = mmu->tables;
	TOUCH(g, GVA, 0);
	KUNIT_EXPECT_PTR_EQ(test, mmu->root, root);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&mmu->roots));
	EXPECT_SHADOW(g, GVA, PAGE, U);
	EXPECT_ALIVE(g);
}

/*
 * The kernel's part outlives the root by which it was filled. SET_PMD of its
 * directory still counts.
 */
static void set_pmd_after_eviction(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_mmu *mmu = &g->lg->mmu;

	paging_start(g, true);
	TOUCH(g, KERNEL + PAGE, 0);
	make_many(g, 1);
	switch_to(g, nth_top(0));
	mmu->limit = mmu->tables + 4;
	TOUCH(g, GVA, 0);
	KUNIT_ASSERT_TRUE(test, list_is_singular(&mmu->roots));
	EXPECT_SHADOW(g, KERNEL + PAGE, PAGE, 0);

	mmu->limit = UINT_MAX;
	guest_hypercall(g, SET_PMD, KERNEL_PD, 0, 0);
	EXPECT_NO_SHADOW(g, KERNEL + PAGE);
	EXPECT_SHADOW(g, GVA, PAGE, U);
}

/* Each allocation for a new root fails once. */
static void no_memory_for_a_root(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_mmu *mmu = &g->lg->mmu;
	struct lg_root *root;
	unsigned int tables, budget;

	paging_start(g, false);
	root = mmu->root;
	tables = mmu->tables;
	for (budget = 0; ; budget++) {
		fake_host.budget = budget;
		guest_hypercall(g, NEW_PGTABLE, OTHER_TOP, 0, 0);
		if (!lg_is_dead(g->lg))
			break;
		EXPECT_REASON(g, "the host has no memory left for it");
		KUNIT_EXPECT_PTR_EQ(test, mmu->root, root);
		KUNIT_EXPECT_EQ(test, mmu->tables, tables);
		memset(g->lg->reason, 0, sizeof(g->lg->reason));
		g->lg->dead = 0;
	}
	KUNIT_EXPECT_GT(test, budget, 1);
	fake_host.budget = UINT_MAX;

	switch_to(g, TOP);
	fake_cpu_budget = 0;
	guest_put32(g, FREE + (KERNEL >> 22) * 4, KERNEL_TABLE | P | W);
	guest_hypercall(g, NEW_PGTABLE, FREE, 0, 0);
	EXPECT_REASON(g, "the host has no memory left for it");
	KUNIT_EXPECT_PTR_EQ(test, mmu->root, root);
}

/* Each allocation for a guest and its first root fails once. */
static void no_memory_for_a_guest(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_mmu *mmu = &g->lg->mmu;
	unsigned int allocated = fake_host.allocated, budget;
	ssize_t ret;

	for (budget = 0; ; budget++) {
		fake_host.budget = budget;
		ret = guest_request(g, LHREQ_INITIALIZE, g->memory, PAGES,
				    CODE);
		if (ret > 0)
			break;
		KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
		KUNIT_EXPECT_EQ(test, fake_host.allocated, allocated);
		KUNIT_EXPECT_EQ(test, fake_cpu_allocated, 0);
		KUNIT_EXPECT_EQ(test, mmu->tables, 0);
		KUNIT_EXPECT_TRUE(test, xa_empty(&mmu->by_gpa));
	}
	KUNIT_EXPECT_GT(test, budget, 2);
	fake_host.budget = UINT_MAX;
	KUNIT_EXPECT_EQ(test, paging_touch(g, FREE, LG_PF_WRITE),
			LG_FAULT_FIXED);
	EXPECT_SHADOW(g, FREE, FREE, WD);
}

/* What the guest had without tables goes with its first. */
static void identity_ends(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	unsigned int tables = g->lg->mmu.tables;

	TOUCH(g, PAGE, LG_PF_WRITE);
	EXPECT_SHADOW(g, PAGE, PAGE, WD);
	KUNIT_EXPECT_GT(test, g->lg->mmu.tables, tables);
	paging_start(g, f->pae);
	EXPECT_NO_SHADOW(g, PAGE);
	KUNIT_EXPECT_EQ(test, paging_touch(g, PAGE, 0), LG_FAULT_GUEST);
	KUNIT_EXPECT_EQ(test, g->lg->mmu.tables, tables);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&g->lg->mmu.roots));
}

static struct kunit_case shadow_roots_cases[] = {
	KUNIT_CASE(roots_32_bytes_apart),
	KUNIT_CASE(limit),
	KUNIT_CASE_PARAM(limit_for_one_root, format_gen_params),
	KUNIT_CASE(limit_spares_the_root_in_use),
	KUNIT_CASE(set_pmd_after_eviction),
	KUNIT_CASE(no_memory_for_a_root),
	KUNIT_CASE_PARAM(identity_ends, format_gen_params),
	{}
};

static struct kunit_suite shadow_roots_suite = {
	.name = "lguest_shadow_roots",
	.init = guest_create,
	.exit = guest_free,
	.test_cases = shadow_roots_cases,
};

/* From now on, what was one root's may belong to all. */
static void kernel_address_becomes_known(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int tables;

	guest_request(g, LHREQ_INITIALIZE, g->memory, PAGES, CODE);
	tables = g->lg->mmu.tables;
	TOUCH(g, PAGE, LG_PF_WRITE);
	lg_set_kernel_address(g->lg, PAGE_SIZE);
	EXPECT_NO_SHADOW(g, PAGE);
	KUNIT_EXPECT_EQ(test, g->lg->mmu.tables, tables);
	TOUCH(g, PAGE, LG_PF_WRITE);
	EXPECT_SHADOW(g, PAGE, PAGE - PAGE_SIZE, WD);
}

static struct kunit_case first_root_cases[] = {
	KUNIT_CASE(no_memory_for_a_guest),
	KUNIT_CASE(kernel_address_becomes_known),
	{}
};

static struct kunit_suite first_root_suite = {
	.name = "lguest_first_root",
	.init = guest_open,
	.exit = guest_free,
	.test_cases = first_root_cases,
};

kunit_test_suites(&shadow_roots_suite, &first_root_suite);
