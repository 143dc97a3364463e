// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest finds in the shadow after it has flushed its TLB: all sptes that
 * still match its tables, without another fault, and nothing else.
 */
#include <kunit/test.h>
#include <linux/io.h>
#include <linux/mm.h>

#include "lib/paging.h"

#define GVA	0x12000U
#define NEXT	(GVA + PAGE_SIZE)
#define PAGE	(FREE + 0x3000)
#define OTHER_PAGE (FREE + 0x4000)
#define TABLE	(FREE + 0x10000)

#define USED	(P | W | U | A | D)

KUNIT_ARRAY_PARAM(format, formats, describe_format);

struct sync_case {
	const char *name;
	bool pae;
	u64 before, after;	/* the guest's entry for GVA */
	u64 kept;		/* the spte's bits, or GONE */
};

#define GONE	BIT_ULL(62)

static const struct sync_case sync_cases[] = {
	{ "as it was", false, PAGE | USED, PAGE | USED, U | WD },
	{ "as it was, PAE", true, PAGE | USED, PAGE | USED, U | WD },
	{ "as it was, NX", true, PAGE | USED | NX, PAGE | USED | NX,
	  U | WD | LG_PTE_NX },
	{ "absent", false, PAGE | USED, PAGE | (USED & ~P), GONE },
	{ "absent, PAE", true, PAGE | USED, 0, GONE },
	{ "another frame", false, PAGE | USED, OTHER_PAGE | USED, GONE },
	{ "another frame, PAE", true, PAGE | USED, OTHER_PAGE | USED, GONE },
	{ "high bits, PAE", true, PAGE | USED, BIT_ULL(40) | PAGE | USED, GONE },
	{ "no memory", false, PAGE | USED, 0x80000000 | PAGE | USED, GONE },
	{ "a large page", false, PAGE | USED, PAGE | USED | PSE, GONE },
	{ "reserved bits, PAE", true, PAGE | USED, BIT_ULL(52) | PAGE | USED,
	  GONE },
	{ "read-only", false, PAGE | USED, PAGE | (USED & ~W), GONE },
	{ "not dirty", false, PAGE | USED, PAGE | (USED & ~D), GONE },
	{ "not accessed", false, PAGE | USED, PAGE | (USED & ~A), GONE },
	{ "not dirty, PAE", true, PAGE | USED, PAGE | (USED & ~D), GONE },
	{ "not accessed, PAE", true, PAGE | USED, PAGE | (USED & ~A), GONE },
	{ "the kernel's", false, PAGE | USED, PAGE | (USED & ~U), GONE },
	{ "no longer the kernel's", false, PAGE | (USED & ~U), PAGE | USED,
	  GONE },
	{ "NX now", true, PAGE | USED, PAGE | USED | NX, GONE },
	{ "NX no longer", true, PAGE | USED | NX, PAGE | USED, GONE },
	/* What was not writable need not be until it is written. */
	{ "writable now", false, PAGE | (USED & ~W), PAGE | USED, U },
	{ "dirty now", true, PAGE | (USED & ~D), PAGE | USED, U },
};

static void describe_sync(const struct sync_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(sync, sync_cases, describe_sync);

/* The guest has used both pages; it only reads NEXT. */
static void start(struct guest *g, bool pae, u64 pte)
{
	guest_put32(g, PAGE, 1);
	guest_put32(g, OTHER_PAGE, 1);
	paging_start(g, pae);
	paging_map(g, GVA, pte);
	paging_map(g, NEXT, OTHER_PAGE | P | U);
	TOUCH(g, GVA, 0);
	TOUCH(g, NEXT, 0);
	EXPECT_SHADOW(g, NEXT, OTHER_PAGE, U);
}

/* The guest has not used these pages since the last flush. */
static void flush(struct guest *g, u32 all)
{
	paging_rest(g, GVA);
	guest_hypercall(g, FLUSH_TLB, all, 0, 0);
	EXPECT_ALIVE(g);
	EXPECT_NO_SHADOW(g, GVA);
	EXPECT_NO_SHADOW(g, NEXT);
}

static void entry_changes_unsaid(struct kunit *test)
{
	const struct sync_case *c = test->param_value;
	struct guest *g = test->priv;
	u32 all;

	for (all = 0; all < 2; all++) {
		if (all)
			guest_hypercall(g, SET_PTE, TOP, GVA, 0);
		else
			start(g, c->pae, c->before);
		paging_map(g, GVA, c->before);
		TOUCH(g, GVA, 0);
		paging_map(g, GVA, c->after);
		flush(g, all);
		TOUCH(g, NEXT, 0);
		EXPECT_SHADOW(g, NEXT, OTHER_PAGE, U);
		if (c->kept == GONE)
			EXPECT_NO_SHADOW(g, GVA);
		else
			EXPECT_SHADOW(g, GVA, PAGE, c->kept);
	}
}

/* Where the guest has just been, it need not fault to be there again. */
static void entry_changes_in_use(struct kunit *test)
{
	const struct sync_case *c = test->param_value;
	struct guest *g = test->priv;
	u32 all;

	for (all = 0; all < 2; all++) {
		if (all)
			guest_hypercall(g, SET_PTE, TOP, GVA, 0);
		else
			start(g, c->pae, c->before);
		paging_map(g, GVA, c->before);
		TOUCH(g, GVA, 0);
		paging_map(g, GVA, c->after);
		guest_hypercall(g, FLUSH_TLB, all, 0, 0);
		EXPECT_ALIVE(g);
		paging_use(g, GVA);
		EXPECT_SHADOW(g, NEXT, OTHER_PAGE, U);
		if (c->kept == GONE)
			EXPECT_NO_SHADOW(g, GVA);
		else
			EXPECT_SHADOW(g, GVA, PAGE, c->kept);
	}
}

struct way_case {
	const char *name;
	bool pae;
	bool top;		/* @after is in PAE's top-level table */
	u64 after;		/* the guest's entry on the way to GVA */
	bool stays;		/* NEXT's spte does */
};

static const struct way_case way_cases[] = {
	{ "read-only", false, false, USER_TABLE | P | U | A, true },
	{ "read-only, PAE", true, false, USER_TABLE | P | U | A, true },
	{ "the kernel's", false, false, USER_TABLE | P | W | A, false },
	{ "absent", false, false, USER_TABLE, false },
	{ "absent, PAE", true, false, USER_TABLE, false },
	{ "no directory, PAE", true, true, USER_PD, false },
	{ "another directory, PAE", true, true, OTHER_USER_PD | P, false },
	{ "large", false, false, P | W | U | A | PSE, false },
	{ "large, PAE", true, false, P | W | U | A | PSE, false },
	{ "no memory", false, false, 0x80000000 | P | W | U | A, false },
	{ "no memory, PAE", true, true, 0x80000000 | P, false },
	{ "another table", false, false, OTHER_USER_TABLE | P | W | U, false },
};

static void describe_way(const struct way_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(way, way_cases, describe_way);

/* The guest may write what it likes there, as long as it does not go that way. */
static void way_changes_in_use(struct kunit *test)
{
	const struct way_case *c = test->param_value;
	struct guest *g = test->priv;
	u32 gpa = TOP;

	start(g, c->pae, PAGE | USED);
	if (!c->top)
		gpa = paging_pde_gpa(g, c->pae ? USER_PD : TOP, GVA);
	paging_put(g, gpa, c->after);
	guest_hypercall(g, FLUSH_TLB, 0, 0, 0);
	EXPECT_ALIVE(g);
	EXPECT_NO_SHADOW(g, GVA);
	if (c->stays)
		EXPECT_SHADOW(g, NEXT, OTHER_PAGE, U);
	else
		EXPECT_NO_SHADOW(g, NEXT);
}

/* If the guest does not come back to a leaf, we compare it once, and no more. */
static void out_of_use(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;

	start(g, f->pae, PAGE | USED);
	guest_hypercall(g, FLUSH_TLB, 0, 0, 0);
	EXPECT_SHADOW(g, GVA, PAGE, U | WD);
	guest_hypercall(g, FLUSH_TLB, 0, 0, 0);
	EXPECT_NO_SHADOW(g, GVA);
}

/* The kernel's part stays linked, and FLUSH_TLB(1) compares all of it. */
static void kernel_changes_unsaid(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;

	start(g, f->pae, PAGE | USED);
	TOUCH(g, KERNEL + PAGE, LG_PF_WRITE);
	TOUCH(g, KERNEL + OTHER_PAGE, 0);
	paging_map(g, KERNEL + PAGE, OTHER_PAGE | P | W | A | D);
	flush(g, 0);
	EXPECT_SHADOW(g, KERNEL + PAGE, PAGE, WD);
	flush(g, 1);
	TOUCH(g, KERNEL + OTHER_PAGE, 0);
	EXPECT_NO_SHADOW(g, KERNEL + PAGE);
	TOUCH(g, KERNEL + PAGE, 0);
	EXPECT_SHADOW(g, KERNEL + PAGE, OTHER_PAGE, WD);
}

/* Another table comes in the place of one, and agrees in what was used, or not. */
static void table_changes(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	u32 directory = f->pae ? USER_PD : TOP;

	start(g, f->pae, PAGE | USED);
	paging_hang(g, directory, GVA, TABLE);
	paging_put(g, paging_pte_gpa(g, TABLE, GVA), PAGE | USED);
	guest_hypercall(g, f->pae ? SET_PMD : SET_PGD, directory, 0, 0);
	EXPECT_NO_SHADOW(g, GVA);
	TOUCH(g, GVA, 0);
	EXPECT_SHADOW(g, GVA, PAGE, U | WD);
	EXPECT_NO_SHADOW(g, NEXT);
}

/* If the directory allows less, it does so to all pages below it. */
static void directory_changes(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	u32 pde_gpa;

	start(g, f->pae, PAGE | USED);
	pde_gpa = paging_pde_gpa(g, f->pae ? USER_PD : TOP, GVA);
	paging_put(g, pde_gpa, USER_TABLE | P | U | A);
	flush(g, 0);
	TOUCH(g, NEXT, 0);
	EXPECT_NO_SHADOW(g, GVA);
	TOUCH(g, GVA, 0);
	EXPECT_SHADOW(g, GVA, PAGE, U);
}

/* The directory allowed more for a while, and nobody said so. */
static void directory_changes_twice(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	u32 pde_gpa;

	start(g, f->pae, PAGE | USED);
	guest_hypercall(g, SET_PTE, TOP, GVA, 0);
	pde_gpa = paging_pde_gpa(g, f->pae ? USER_PD : TOP, GVA);
	paging_put(g, pde_gpa, USER_TABLE | P | U | A);
	flush(g, 0);
	TOUCH(g, NEXT, 0);
	paging_put(g, pde_gpa, USER_TABLE | P | W | U | A);
	TOUCH(g, GVA, LG_PF_WRITE);
	EXPECT_SHADOW(g, GVA, PAGE, U | WD);
	paging_put(g, pde_gpa, USER_TABLE | P | U | A);
	flush(g, 0);
	TOUCH(g, NEXT, 0);
	EXPECT_NO_SHADOW(g, GVA);
}

static void looked_up(void)
{
}

/* All sptes come back, without a look-up in the Launcher's memory. */
static void nothing_is_filled_twice(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	unsigned int tables;

	start(g, f->pae, PAGE | USED);
	tables = g->lg->mmu.tables;
	flush(g, 1);
	fake_host.looked_up = looked_up;
	TOUCH(g, GVA, LG_PF_WRITE);
	KUNIT_EXPECT_PTR_EQ(test, fake_host.looked_up, &looked_up);
	fake_host.looked_up = NULL;
	EXPECT_SHADOW(g, GVA, PAGE, U | WD);
	EXPECT_SHADOW(g, NEXT, OTHER_PAGE, U);
	KUNIT_EXPECT_EQ(test, g->lg->mmu.tables, tables);
}

/* The Launcher's memory changes while nothing leads to the leaf. */
static void page_goes_meanwhile(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;

	start(g, f->pae, PAGE | USED);
	flush(g, 1);
	paging_replace(g, PAGE);
	TOUCH(g, NEXT, 0);
	EXPECT_NO_SHADOW(g, GVA);
	TOUCH(g, GVA, LG_PF_WRITE);
	EXPECT_SHADOW(g, GVA, PAGE, U | WD);
}

/* A guest without tables has nothing to compare with. */
static void memory_without_tables(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_put32(g, PAGE, 1);
	guest_put32(g, OTHER_PAGE, 1);
	TOUCH(g, PAGE, LG_PF_WRITE);
	guest_hypercall(g, FLUSH_TLB, 1, 0, 0);
	TOUCH(g, OTHER_PAGE, LG_PF_WRITE);
	EXPECT_SHADOW(g, OTHER_PAGE, OTHER_PAGE, WD);
	EXPECT_NO_SHADOW(g, PAGE);
}

/* A CPU that speculates on an entry that is not present finds no memory by it. */
static void unlinked_leads_nowhere(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_leaf *leaf;
	u64 *pd;

	start(g, true, PAGE | USED);
	leaf = lg_find_leaf(g->lg, g->lg->mmu.root, GVA);
	flush(g, 0);
	KUNIT_EXPECT_PTR_EQ(test, lg_find_leaf(g->lg, g->lg->mmu.root, GVA),
			    leaf);
	pd = phys_to_virt(g->lg->mmu.root->pdpt[0] & LG_PTE_PFN &
			  ~lg_pte_encryption);
	KUNIT_EXPECT_NE(test, pd[0], 0);
	KUNIT_EXPECT_EQ(test, pd[0] & LG_PTE_PRESENT, 0);
	KUNIT_EXPECT_EQ(test, pd[0] & LG_PTE_PFN,
			LG_PTE_PFN & ~(virt_to_phys(leaf->sptes) |
				       lg_pte_encryption));
}

/* The guest comes to a root that was not in use at a FLUSH_TLB(1). */
static void roots_that_slept(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;

	start(g, f->pae, PAGE | USED);
	guest_hypercall(g, NEW_PGTABLE, OTHER_TOP, 0, 0);
	guest_hypercall(g, FLUSH_TLB, 1, 0, 0);
	paging_map(g, GVA, OTHER_PAGE | USED);
	guest_hypercall(g, NEW_PGTABLE, TOP, 0, 0);
	EXPECT_NO_SHADOW(g, GVA);
	TOUCH(g, NEXT, 0);
	EXPECT_NO_SHADOW(g, GVA);
	/* Only once: what is there now stays over a change of tables. */
	TOUCH(g, GVA, 0);
	guest_hypercall(g, NEW_PGTABLE, OTHER_TOP, 0, 0);
	guest_hypercall(g, NEW_PGTABLE, TOP, 0, 0);
	EXPECT_SHADOW(g, GVA, OTHER_PAGE, U | WD);
}

static struct kunit_case sync_test_cases[] = {
	KUNIT_CASE_PARAM(entry_changes_unsaid, sync_gen_params),
	KUNIT_CASE_PARAM(entry_changes_in_use, sync_gen_params),
	KUNIT_CASE_PARAM(way_changes_in_use, way_gen_params),
	KUNIT_CASE_PARAM(out_of_use, format_gen_params),
	KUNIT_CASE_PARAM(kernel_changes_unsaid, format_gen_params),
	KUNIT_CASE_PARAM(table_changes, format_gen_params),
	KUNIT_CASE_PARAM(directory_changes, format_gen_params),
	KUNIT_CASE_PARAM(directory_changes_twice, format_gen_params),
	KUNIT_CASE_PARAM(nothing_is_filled_twice, format_gen_params),
	KUNIT_CASE_PARAM(page_goes_meanwhile, format_gen_params),
	KUNIT_CASE(memory_without_tables),
	KUNIT_CASE(unlinked_leads_nowhere),
	KUNIT_CASE_PARAM(roots_that_slept, format_gen_params),
	{}
};

static struct kunit_suite sync_suite = {
	.name = "lguest_shadow_sync",
	.init = guest_create,
	.exit = guest_free,
	.test_cases = sync_test_cases,
};

kunit_test_suite(sync_suite);
