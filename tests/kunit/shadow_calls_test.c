// SPDX-License-Identifier: GPL-2.0
/*
 * What the guest says of its tables: each call zaps what it concerns, in every
 * root, and nothing else.
 */
#include <kunit/test.h>

#include "lib/paging.h"

#define GVA	0x12000U
#define NEXT	(GVA + PAGE_SIZE)
#define PAGE	(FREE + 0x3000)
#define OTHER_PAGE (FREE + 0x4000)

/* A table and a directory, besides those that guest_create() lays out */
#define TABLE	0x30000
#define PD	0x32000

KUNIT_ARRAY_PARAM(format, formats, describe_format);

static void switch_to(struct guest *g, u32 cr3)
{
	guest_hypercall(g, NEW_PGTABLE, cr3, 0, 0);
	EXPECT_ALIVE(g);
	KUNIT_ASSERT_EQ(g->test, g->lg->mmu.root->gpa, cr3);
}

/* The guest maps pages at both addresses in each of its tables, and uses all. */
static void use_all(struct guest *g, bool pae, struct lg_root **root,
		    struct lg_root **other)
{
	/* If these were the host's zero page, a write would zap what was read. */
	guest_put32(g, PAGE, 1);
	guest_put32(g, OTHER_PAGE, 1);
	paging_start(g, pae);
	paging_map(g, GVA, PAGE | P | W | U);
	paging_map(g, NEXT, OTHER_PAGE | P | W | U);
	paging_put(g, paging_pte_gpa(g, OTHER_USER_TABLE, GVA), PAGE | P | U);
	TOUCH(g, GVA, LG_PF_WRITE);
	TOUCH(g, NEXT, 0);
	TOUCH(g, KERNEL + PAGE, 0);
	TOUCH(g, KERNEL + OTHER_PAGE, LG_PF_WRITE);
	*root = g->lg->mmu.root;
	switch_to(g, OTHER_TOP);
	TOUCH(g, GVA, 0);
	*other = g->lg->mmu.root;
	KUNIT_ASSERT_PTR_NE(g->test, *root, *other);
}

#define BUT_GVA		BIT(0)
#define BUT_NEXT	BIT(1)
#define BUT_OTHER	BIT(2)
#define BUT_KERNEL	BIT(3)
#define BUT_KERNEL_NEXT	BIT(4)

static void expect_entry(struct guest *g, struct lg_root *root, u32 gva,
			 u32 gpa, u64 bits, bool gone)
{
	if (gone)
		EXPECT_NO_SHADOW_IN(g, root, gva);
	else
		EXPECT_SHADOW_IN(g, root, gva, gpa, bits);
}

/* All that use_all() filled is there, except @but. */
static void expect_all(struct guest *g, struct lg_root *root,
		       struct lg_root *other, u32 but)
{
	struct lg_root *roots[] = { root, other };
	unsigned int i;

	expect_entry(g, root, GVA, PAGE, U | WD, but & BUT_GVA);
	expect_entry(g, root, NEXT, OTHER_PAGE, U, but & BUT_NEXT);
	expect_entry(g, other, GVA, PAGE, U, but & BUT_OTHER);
	EXPECT_NO_SHADOW_IN(g, other, NEXT);
	for (i = 0; i < ARRAY_SIZE(roots); i++) {
		expect_entry(g, roots[i], KERNEL + PAGE, PAGE, 0,
			     but & BUT_KERNEL);
		expect_entry(g, roots[i], KERNEL + OTHER_PAGE, OTHER_PAGE, WD,
			     but & BUT_KERNEL_NEXT);
	}
	EXPECT_ALIVE(g);
}

static void root_is_reused(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	struct lg_root *root, *other;
	unsigned int tables;

	use_all(g, f->pae, &root, &other);
	/* The kernel's part came along, without a fault. */
	expect_all(g, root, other, 0);
	tables = g->lg->mmu.tables;
	switch_to(g, TOP);
	KUNIT_EXPECT_PTR_EQ(test, g->lg->mmu.root, root);
	switch_to(g, OTHER_TOP);
	KUNIT_EXPECT_PTR_EQ(test, g->lg->mmu.root, other);
	expect_all(g, root, other, 0);
	KUNIT_EXPECT_EQ(test, g->lg->mmu.tables, tables);
}

struct call_case {
	const char *name;
	bool pae;
	u32 nr, arg1, arg2, arg3;
	u32 dropped;
};

#define USER_PART	(BUT_GVA | BUT_NEXT)
#define KERNEL_PART	(BUT_KERNEL | BUT_KERNEL_NEXT)

/* The guest makes these calls while OTHER_TOP is in use. */
static const struct call_case call_cases[] = {
	{ "SET_PTE", false, SET_PTE, TOP, GVA, 0, BUT_GVA },
	{ "SET_PTE with PAE", true, SET_PTE, TOP, GVA, 0, BUT_GVA },
	{ "SET_PTE in a page", false, SET_PTE, TOP, NEXT - 1, 0, BUT_GVA },
	{ "SET_PTE not accessed", true, SET_PTE, TOP, GVA, PAGE | P | W | U,
	  BUT_GVA },
	{ "SET_PTE of the current", false, SET_PTE, OTHER_TOP, GVA, 0,
	  BUT_OTHER },
	{ "SET_PTE of the kernel", false, SET_PTE, TOP, KERNEL + PAGE, 0,
	  BUT_KERNEL },
	{ "SET_PTE of the kernel with PAE", true, SET_PTE, TOP,
	  KERNEL + OTHER_PAGE, 0, BUT_KERNEL_NEXT },
	{ "SET_PTE of no table", false, SET_PTE, FREE, GVA, 0, 0 },
	{ "SET_PTE of no table, kernel", false, SET_PTE, FREE, KERNEL + PAGE,
	  0, BUT_KERNEL },
	{ "SET_PTE where nothing is", true, SET_PTE, TOP, 0x40000000, 0, 0 },
	{ "SET_PGD", false, SET_PGD, TOP, 0, 0, USER_PART },
	{ "SET_PGD with PAE", true, SET_PGD, TOP, 0, 0, USER_PART },
	{ "SET_PGD of the current", false, SET_PGD, OTHER_TOP, 0, 0,
	  BUT_OTHER },
	{ "SET_PGD of another", false, SET_PGD, TOP, 1, 0, 0 },
	{ "SET_PGD of another with PAE", true, SET_PGD, TOP, 1, 0, 0 },
	{ "SET_PGD of the kernel", false, SET_PGD, TOP, KERNEL >> 22, 0,
	  KERNEL_PART },
	{ "SET_PGD below the kernel", false, SET_PGD, TOP, (KERNEL >> 22) - 1,
	  0, 0 },
	{ "SET_PGD of the kernel with PAE", true, SET_PGD, TOP, 3, 0,
	  KERNEL_PART },
	{ "SET_PGD of no table", true, SET_PGD, FREE, 0, 0, 0 },
	{ "SET_PMD", true, SET_PMD, USER_PD, 0, 0, USER_PART },
	{ "SET_PMD of the current", true, SET_PMD, OTHER_USER_PD, 0, 0,
	  BUT_OTHER },
	{ "SET_PMD of the kernel", true, SET_PMD, KERNEL_PD, 0, 0,
	  KERNEL_PART },
	{ "SET_PMD of another entry", true, SET_PMD, USER_PD, 1, 0, 0 },
	{ "SET_PMD of no directory", true, SET_PMD, FREE, 0, 0, 0 },
	{ "FLUSH_TLB", false, FLUSH_TLB, 0, 0, 0, BUT_OTHER },
	{ "FLUSH_TLB with PAE", true, FLUSH_TLB, 0, 0, 0, BUT_OTHER },
	{ "FLUSH_TLB of all", false, FLUSH_TLB, 1, 0, 0,
	  USER_PART | BUT_OTHER | KERNEL_PART },
	{ "FLUSH_TLB of all with PAE", true, FLUSH_TLB, 1, 0, 0,
	  USER_PART | BUT_OTHER | KERNEL_PART },
};

static void describe_call(const struct call_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(call, call_cases, describe_call);

static void calls_drop_what_they_concern(struct kunit *test)
{
	const struct call_case *c = test->param_value;
	struct guest *g = test->priv;
	struct lg_root *root, *other;

	use_all(g, c->pae, &root, &other);
	/* shadow_sync_test.c is about what the guest has just used. */
	paging_rest(g, GVA);
	paging_rest(g, KERNEL);
	guest_hypercall(g, c->nr, c->arg1, c->arg2, c->arg3);
	/* It must show by the time that a table comes into use. */
	switch_to(g, TOP);
	switch_to(g, OTHER_TOP);
	expect_all(g, root, other, c->dropped);
}

/* 4 MiB of a 2-level guest are two leaves of ours. */
static void set_pgd_drops_4_mib(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int i;

	paging_start(g, false);
	/* From 2 to 10 MiB; one entry has 4 to 8 of these. */
	paging_hang(g, TOP, 4 * MiB, TABLE);
	paging_hang(g, TOP, 8 * MiB, TABLE + PAGE_SIZE);
	paging_map(g, 2 * MiB, PAGE | P);
	paging_put(g, paging_pte_gpa(g, TABLE, 4 * MiB), PAGE | P);
	paging_put(g, paging_pte_gpa(g, TABLE, 6 * MiB), PAGE | P);
	paging_put(g, paging_pte_gpa(g, TABLE + PAGE_SIZE, 8 * MiB), PAGE | P);
	for (i = 2; i <= 8; i += 2) {
		TOUCH(g, i * MiB, 0);
		EXPECT_SHADOW(g, i * MiB, PAGE, 0);
	}
	guest_hypercall(g, SET_PGD, TOP, 1, 0);
	EXPECT_SHADOW(g, 2 * MiB, PAGE, 0);
	EXPECT_NO_SHADOW(g, 4 * MiB);
	EXPECT_NO_SHADOW(g, 6 * MiB);
	EXPECT_SHADOW(g, 8 * MiB, PAGE, 0);
}

/* A guest may hang one directory into a table twice. */
static void set_pmd_drops_everywhere(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 again = 0x40000000 + GVA;

	paging_start(g, true);
	paging_map(g, GVA, PAGE | P);
	paging_put(g, TOP + 8, USER_PD | P);
	paging_put(g, paging_pde_gpa(g, USER_PD, 2 * MiB), USER_TABLE | P);
	TOUCH(g, GVA, 0);
	TOUCH(g, again, 0);
	TOUCH(g, again + 2 * MiB, 0);
	guest_hypercall(g, SET_PMD, USER_PD, 0, 0);
	EXPECT_NO_SHADOW(g, GVA);
	EXPECT_NO_SHADOW(g, again);
	EXPECT_SHADOW(g, again + 2 * MiB, PAGE, 0);
}

/* The guest's entry is ahead of its SET_PGD. */
static void directory_changes_unsaid(struct kunit *test)
{
	struct guest *g = test->priv;

	paging_start(g, true);
	paging_map(g, GVA, PAGE | P);
	TOUCH(g, GVA, 0);
	paging_hang(g, PD, NEXT, TABLE);
	paging_put(g, paging_pte_gpa(g, TABLE, NEXT), OTHER_PAGE | P);
	paging_put(g, TOP, PD | P);
	TOUCH(g, NEXT, 0);
	EXPECT_SHADOW(g, NEXT, OTHER_PAGE, 0);
	EXPECT_NO_SHADOW(g, GVA);
	/* From now on this directory counts. */
	guest_hypercall(g, SET_PMD, USER_PD, 0, 0);
	EXPECT_SHADOW(g, NEXT, OTHER_PAGE, 0);
	guest_hypercall(g, SET_PMD, PD, 0, 0);
	EXPECT_NO_SHADOW(g, NEXT);
}

/* We prefetch what the guest will touch at once, but no more than that. */
static void set_pte_fills(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	u32 pte = OTHER_PAGE | P | W | U | A;

	paging_start(g, f->pae);
	guest_put32(g, PAGE, 1);
	guest_put32(g, OTHER_PAGE, 1);
	paging_map(g, NEXT, pte);
	guest_hypercall(g, SET_PTE, TOP, NEXT, pte);
	/* Even if there was no table yet */
	EXPECT_SHADOW(g, NEXT, OTHER_PAGE, U);
	KUNIT_EXPECT_EQ(test, paging_entry(g, NEXT), pte);

	/* A page that was written is writable. */
	paging_map(g, NEXT, pte | D);
	guest_hypercall(g, SET_PTE, TOP, NEXT, pte | D);
	EXPECT_SHADOW(g, NEXT, OTHER_PAGE, U | WD);
	/* Make it read-only again with the same page; then writable with another. */
	pte = (pte | D) & ~W;
	paging_map(g, NEXT, pte);
	guest_hypercall(g, SET_PTE, TOP, NEXT, pte);
	EXPECT_SHADOW(g, NEXT, OTHER_PAGE, U);
	pte = PAGE | P | W | U | A | D;
	paging_map(g, NEXT, pte);
	guest_hypercall(g, SET_PTE, TOP, NEXT, pte);
	EXPECT_SHADOW(g, NEXT, PAGE, U | WD);

	/* The kernel's sptes, through whichever table */
	TOUCH(g, KERNEL + PAGE, 0);
	guest_hypercall(g, SET_PTE, OTHER_TOP, KERNEL + PAGE,
			paging_entry(g, KERNEL + PAGE));
	EXPECT_SHADOW(g, KERNEL + PAGE, PAGE, 0);
	/* If the kernel does not use a page yet, we do not prefetch it. */
	guest_hypercall(g, SET_PTE, TOP, KERNEL + OTHER_PAGE,
			paging_entry(g, KERNEL + OTHER_PAGE));
	EXPECT_NO_SHADOW(g, KERNEL + OTHER_PAGE);
	EXPECT_ALIVE(g);
}

/* What the guest said was so then, and a CPU may have cached it. */
static void set_pte_is_believed(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	u32 pte = PAGE | P | W | U | A;

	paging_start(g, f->pae);
	paging_map(g, GVA, PAGE | P | W | U);
	TOUCH(g, GVA, LG_PF_WRITE);
	guest_hypercall(g, SET_PTE, TOP, NEXT, pte | D);
	EXPECT_SHADOW(g, NEXT, PAGE, U | WD);
	/* But not for longer than a CPU would. */
	paging_map(g, NEXT, pte);
	guest_hypercall(g, FLUSH_TLB, 0, 0, 0);
	EXPECT_NO_SHADOW(g, NEXT);
	EXPECT_SHADOW(g, GVA, PAGE, U | WD);

	/* The directory allows less, to everybody. */
	paging_put(g, paging_pde_gpa(g, f->pae ? USER_PD : TOP, NEXT),
		   USER_TABLE | P | U);
	guest_hypercall(g, f->pae ? SET_PMD : SET_PGD, f->pae ? USER_PD : TOP,
			0, 0);
	TOUCH(g, GVA, 0);
	guest_hypercall(g, SET_PTE, TOP, NEXT, pte | D);
	EXPECT_SHADOW(g, NEXT, PAGE, U);

	/* We do not map device pages. */
	g->lg->device_limit = PAGES + 1;
	guest_hypercall(g, SET_PTE, TOP, GVA, PAGES * PAGE_SIZE | P | W | U | A);
	EXPECT_NO_SHADOW(g, GVA);
	EXPECT_ALIVE(g);
}

static void set_pte_fills_nothing_else(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 pte = PAGE | P | W | U | A;

	paging_start(g, false);
	guest_put32(g, PAGE, 1);
	paging_map(g, NEXT, pte);

	/* The guest's table says otherwise, */
	guest_hypercall(g, SET_PTE, TOP, NEXT, pte | D);
	EXPECT_NO_SHADOW(g, NEXT);
	guest_hypercall(g, SET_PTE, TOP, NEXT, pte - PAGE + OTHER_PAGE);
	EXPECT_NO_SHADOW(g, NEXT);
	/* or its directory does. */
	paging_put(g, paging_pde_gpa(g, TOP, NEXT), USER_TABLE | W | U);
	guest_hypercall(g, SET_PTE, TOP, NEXT, pte);
	EXPECT_NO_SHADOW(g, NEXT);
	paging_put(g, paging_pde_gpa(g, TOP, NEXT), USER_TABLE | P | W | U);
	/* The entry is in another table. */
	guest_hypercall(g, SET_PTE, OTHER_TOP, NEXT, pte);
	EXPECT_NO_SHADOW(g, NEXT);
	/* The host would have to fault: nobody has written that page. */
	paging_map(g, NEXT, pte - PAGE + OTHER_PAGE);
	guest_hypercall(g, SET_PTE, TOP, NEXT, pte - PAGE + OTHER_PAGE);
	EXPECT_NO_SHADOW(g, NEXT);
	EXPECT_ALIVE(g);

	paging_map(g, NEXT, pte);
	guest_hypercall(g, SET_PTE, TOP, NEXT, pte);
	EXPECT_SHADOW(g, NEXT, PAGE, U);
}

/* A bad entry kills the guest: nothing is zapped any more. */
static void set_pte_of_large_page(struct kunit *test)
{
	struct guest *g = test->priv;

	paging_start(g, false);
	guest_hypercall(g, SET_PTE, TOP, GVA, PAGE | P | PSE);
	EXPECT_REASON(g,
		      "bad page table entry 0xd081 for address 0x12000: a guest has no large pages");
}

struct index_case {
	const char *name;
	bool pae;
	u32 nr, arg1, arg2;
	const char *reason;
};

static const struct index_case index_cases[] = {
	{ "SET_PGD 1023", false, SET_PGD, TOP, 1023, "" },
	{ "SET_PGD 1024", false, SET_PGD, TOP, 1024,
	  "page directory entry 1024 does not exist" },
	{ "SET_PGD 3 with PAE", true, SET_PGD, TOP, 3, "" },
	{ "SET_PGD 4 with PAE", true, SET_PGD, TOP, 4,
	  "page directory entry 4 does not exist" },
	{ "SET_PGD -1 with PAE", true, SET_PGD, TOP, ~0U,
	  "page directory entry 4294967295 does not exist" },
	{ "SET_PMD 511", true, SET_PMD, USER_PD, 511, "" },
	{ "SET_PMD 512", true, SET_PMD, USER_PD, 512,
	  "page middle directory entry 512 does not exist" },
	{ "NEW_PGTABLE in a page", false, NEW_PGTABLE, OTHER_TOP + 32, 0,
	  "page table at 0x2020 is not aligned" },
	{ "NEW_PGTABLE of 16 bytes", true, NEW_PGTABLE, OTHER_TOP + 16, 0,
	  "page table at 0x2010 is not aligned" },
	{ "NEW_PGTABLE at the end", false, NEW_PGTABLE, END - PAGE_SIZE, 0,
	  "" },
	{ "NEW_PGTABLE at the end with PAE", true, NEW_PGTABLE, END - 32, 0,
	  "" },
	{ "NEW_PGTABLE beyond", false, NEW_PGTABLE, END, 0,
	  "page table at 0x40000 is not in memory" },
	{ "NEW_PGTABLE beyond with PAE", true, NEW_PGTABLE, 0xffffffe0, 0,
	  "page table at 0xffffffe0 is not in memory" },
};

static void describe_index(const struct index_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(index, index_cases, describe_index);

static void what_there_is(struct kunit *test)
{
	const struct index_case *c = test->param_value;
	struct guest *g = test->priv;

	paging_start(g, c->pae);
	guest_hypercall(g, c->nr, c->arg1, c->arg2, 0);
	KUNIT_EXPECT_STREQ(test, g->lg->reason, c->reason);
	if (*c->reason)
		KUNIT_EXPECT_EQ(test, g->lg->mmu.root->gpa, TOP);
}

/* In this guest, 1 GiB is in part the kernel's, and thus in no shared table. */
static void kernel_amid_a_directory(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	const u32 kernel = g->lg->kernel_address;
	struct lg_root *root, *other;

	paging_start(g, f->pae);
	TOUCH(g, kernel + PAGE, 0);
	TOUCH(g, kernel + OTHER_PAGE, 0);
	root = g->lg->mmu.root;
	switch_to(g, OTHER_TOP);
	other = g->lg->mmu.root;
	TOUCH(g, kernel + PAGE, 0);
	TOUCH(g, kernel + OTHER_PAGE, 0);

	/* Such a change is made in all roots. */
	guest_hypercall(g, SET_PTE, TOP, kernel + PAGE, 0);
	EXPECT_NO_SHADOW_IN(g, root, kernel + PAGE);
	EXPECT_NO_SHADOW_IN(g, other, kernel + PAGE);
	EXPECT_SHADOW_IN(g, root, kernel + OTHER_PAGE, OTHER_PAGE, 0);
	EXPECT_SHADOW_IN(g, other, kernel + OTHER_PAGE, OTHER_PAGE, 0);
	TOUCH(g, kernel + PAGE, 0);
	if (f->pae)
		guest_hypercall(g, SET_PMD, KERNEL_PD,
				kernel / (2 * MiB) % 512, 0);
	else
		guest_hypercall(g, SET_PGD, TOP, kernel >> 22, 0);
	EXPECT_NO_SHADOW_IN(g, root, kernel + OTHER_PAGE);
	EXPECT_NO_SHADOW_IN(g, other, kernel + PAGE);
	EXPECT_NO_SHADOW_IN(g, other, kernel + OTHER_PAGE);
	EXPECT_ALIVE(g);
}

static int create_amid_a_directory(struct kunit *test)
{
	return guest_create_at(test, 0xb0000000);
}

static struct kunit_case shadow_calls_cases[] = {
	KUNIT_CASE_PARAM(root_is_reused, format_gen_params),
	KUNIT_CASE_PARAM(calls_drop_what_they_concern, call_gen_params),
	KUNIT_CASE(set_pgd_drops_4_mib),
	KUNIT_CASE(set_pmd_drops_everywhere),
	KUNIT_CASE(directory_changes_unsaid),
	KUNIT_CASE_PARAM(set_pte_fills, format_gen_params),
	KUNIT_CASE_PARAM(set_pte_is_believed, format_gen_params),
	KUNIT_CASE(set_pte_fills_nothing_else),
	KUNIT_CASE(set_pte_of_large_page),
	KUNIT_CASE_PARAM(what_there_is, index_gen_params),
	{}
};

static struct kunit_suite shadow_calls_suite = {
	.name = "lguest_shadow_calls",
	.init = guest_create,
	.exit = guest_free,
	.test_cases = shadow_calls_cases,
};

static struct kunit_case kernel_amid_cases[] = {
	KUNIT_CASE_PARAM(kernel_amid_a_directory, format_gen_params),
	{}
};

static struct kunit_suite kernel_amid_suite = {
	.name = "lguest_kernel_amid_a_directory",
	.init = create_amid_a_directory,
	.exit = guest_free,
	.test_cases = kernel_amid_cases,
};

kunit_test_suites(&shadow_calls_suite, &kernel_amid_suite);
