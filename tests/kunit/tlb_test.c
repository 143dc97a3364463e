// SPDX-License-Identifier: GPL-2.0
/*
 * A change that takes something away from the tables says so to those who may have
 * cached it, in whichever root; a change that does not says nothing. All suites
 * check by guest_walk_all() that no other change is missed.
 */
#include <kunit/test.h>

#include "lib/paging.h"

#define GVA	0x12000U
#define NEXT	(GVA + PAGE_SIZE)
#define EMPTY	(NEXT + PAGE_SIZE)
#define PAGE	(FREE + 0x3000)
#define OTHER_PAGE (FREE + 0x4000)

KUNIT_ARRAY_PARAM(format, formats, describe_format);

static struct lg_root *root_of(struct guest *g, u32 top)
{
	return lg_find_root(g->lg, top);
}

static u64 generation_of(struct guest *g, u32 top)
{
	return lg_tlb_gen(&g->lg->mmu, root_of(g, top));
}

/* Of all roots */
static u64 generation(struct guest *g)
{
	struct lg_mmu *mmu = &g->lg->mmu;
	struct lg_root *root;
	u64 sum = 0;

	list_for_each_entry(root, &mmu->roots, list)
		sum += lg_tlb_gen(mmu, root);
	return sum;
}

/* Both pages are in use, the first one by both roots. TOP is the root in use. */
static void use_pages(struct guest *g, bool pae)
{
	guest_put32(g, PAGE, 1);
	guest_put32(g, OTHER_PAGE, 1);
	paging_start(g, pae);
	guest_hypercall(g, NEW_PGTABLE, OTHER_TOP, 0, 0);
	paging_put(g, paging_pte_gpa(g, OTHER_USER_TABLE, GVA), PAGE | P | U);
	TOUCH(g, GVA, 0);
	guest_hypercall(g, NEW_PGTABLE, TOP, 0, 0);
	paging_map(g, GVA, PAGE | P | W | U | A | D);
	paging_map(g, NEXT, OTHER_PAGE | P | W | U);
	TOUCH(g, GVA, LG_PF_WRITE);
	TOUCH(g, NEXT, 0);
	TOUCH(g, KERNEL + PAGE, 0);
	EXPECT_SHADOW(g, GVA, PAGE, U | WD);
	EXPECT_SHADOW(g, NEXT, OTHER_PAGE, U);
}

static void say_pte(struct guest *g, u32 cr3, u32 gva, u64 pte)
{
	guest_hypercall(g, SET_PTE, cr3, gva, pte);
}

static void map_and_say(struct guest *g, u32 gva, u64 pte)
{
	paging_map(g, gva, pte);
	say_pte(g, TOP, gva, pte);
}

static void gone(struct guest *g, bool pae)
{
	map_and_say(g, GVA, 0);
}

static void gone_elsewhere(struct guest *g, bool pae)
{
	say_pte(g, OTHER_TOP, GVA, 0);
}

static void gone_of_kernel(struct guest *g, bool pae)
{
	map_and_say(g, KERNEL + PAGE, 0);
}

static void not_writable(struct guest *g, bool pae)
{
	map_and_say(g, GVA, PAGE | P | U | A | D);
	EXPECT_SHADOW(g, GVA, PAGE, U);
}

static void not_users(struct guest *g, bool pae)
{
	map_and_say(g, GVA, PAGE | P | W | A | D);
	EXPECT_SHADOW(g, GVA, PAGE, WD);
}

static void another_page(struct guest *g, bool pae)
{
	/* OTHER_PAGE already has an spte, from which we know its frame. */
	map_and_say(g, GVA, OTHER_PAGE | P | U | A);
	EXPECT_SHADOW(g, GVA, OTHER_PAGE, U);
}

static void another_page_unsaid(struct guest *g, bool pae)
{
	paging_map(g, GVA, OTHER_PAGE | P | W | U);
	TOUCH(g, GVA, LG_PF_WRITE);
	EXPECT_SHADOW(g, GVA, OTHER_PAGE, U | WD);
}

static void not_users_unsaid(struct guest *g, bool pae)
{
	/* The entry allows more in one way, and less in another. */
	paging_map(g, NEXT, OTHER_PAGE | P | W);
	TOUCH(g, NEXT, LG_PF_WRITE);
	EXPECT_SHADOW(g, NEXT, OTHER_PAGE, WD);
}

static void not_executable(struct guest *g, bool pae)
{
	u64 less = pae ? U | NX : 0;

	paging_map(g, GVA, PAGE | P | W | A | D | less);
	TOUCH(g, GVA, LG_PF_WRITE);
	EXPECT_SHADOW(g, GVA, PAGE, WD | less);
}

static void directory(struct guest *g, bool pae)
{
	guest_hypercall(g, SET_PGD, TOP, 0, 0);
	EXPECT_NO_SHADOW(g, GVA);
}

static void middle_directory(struct guest *g, bool pae)
{
	if (pae)
		guest_hypercall(g, SET_PMD, USER_PD, 0, 0);
	else
		guest_hypercall(g, SET_PGD, TOP, 0, 0);
	EXPECT_NO_SHADOW(g, GVA);
}

static void flush(struct guest *g, bool pae)
{
	guest_hypercall(g, FLUSH_TLB, 0, 0, 0);
}

static void flush_all(struct guest *g, bool pae)
{
	guest_hypercall(g, FLUSH_TLB, 1, 0, 0);
}

static void page_goes(struct guest *g, bool pae)
{
	paging_replace(g, PAGE);
}

static void page_rests(struct guest *g, bool pae)
{
	unsigned long page = g->memory + PAGE;

	KUNIT_EXPECT_TRUE(g->test,
			  mmu_notifier_clear_flush_young(g->mm, page,
							 page + PAGE_SIZE));
}

static void tables_go(struct guest *g, bool pae)
{
	g->lg->mmu.limit = 0;
	lg_make_room(g->lg);
	EXPECT_NO_SHADOW(g, GVA);
}

struct step {
	const char *name;
	void (*take)(struct guest *g, bool pae);
};

#define STEP(take)	{ #take, take }
static const struct step steps[] = {
	STEP(gone), STEP(gone_elsewhere), STEP(gone_of_kernel),
	STEP(not_writable), STEP(not_users), STEP(another_page),
	STEP(another_page_unsaid), STEP(not_users_unsaid),
	STEP(not_executable), STEP(directory),
	STEP(middle_directory), STEP(flush), STEP(flush_all), STEP(page_goes),
	STEP(page_rests), STEP(tables_go),
};

static void describe_step(const struct step *s, char *desc)
{
	strscpy(desc, s->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(step, steps, describe_step);

static void taken_away(struct kunit *test)
{
	const struct step *s = test->param_value;
	struct guest *g = test->priv;
	unsigned int pae;
	u64 was;

	for (pae = 0; pae < 2; pae++) {
		if (pae) {
			guest_free(test);
			KUNIT_ASSERT_EQ(test, 0, guest_create(test));
			g = test->priv;
		}
		use_pages(g, pae);
		was = generation(g);
		s->take(g, pae);
		KUNIT_EXPECT_NE(test, generation(g), was);
		EXPECT_ALIVE(g);
	}
}

/* A table that goes may be empty, but the CPU may have cached the way to it. */
static void empty_tables_go(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	u64 was;

	use_pages(g, f->pae);
	map_and_say(g, GVA, 0);
	map_and_say(g, NEXT, 0);
	map_and_say(g, KERNEL + PAGE, 0);
	was = generation(g);
	lg_free_private(g->lg, g->lg->mmu.root);
	KUNIT_EXPECT_NE(test, generation(g), was);
	was = generation(g);
	lg_free_shared(g->lg);
	KUNIT_EXPECT_NE(test, generation(g), was);
	EXPECT_ALIVE(g);
}

/* If nothing is taken away, the CPU may keep what it has cached. */
static void nothing_taken_away(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	unsigned long page = g->memory + PAGE;
	u64 was;

	use_pages(g, f->pae);
	was = generation(g);

	/* More of the same: a page, a table, a directory, a right */
	paging_map(g, EMPTY, PAGE | P | W | U);
	TOUCH(g, EMPTY, 0);
	paging_hang(g, f->pae ? USER_PD : TOP, 4 * MiB, 0x30000);
	paging_put(g, paging_pte_gpa(g, 0x30000, 4 * MiB), PAGE | P | U);
	TOUCH(g, 4 * MiB, 0);
	TOUCH(g, NEXT, LG_PF_WRITE);
	EXPECT_SHADOW(g, NEXT, OTHER_PAGE, U | WD);
	TOUCH(g, KERNEL + OTHER_PAGE, LG_PF_WRITE);
	map_and_say(g, EMPTY + PAGE_SIZE, PAGE | P | W | U | A | D);
	EXPECT_SHADOW(g, EMPTY + PAGE_SIZE, PAGE, U | WD);
	/* The same again, or what was not there anyway */
	map_and_say(g, GVA, PAGE | P | W | U | A | D);
	EXPECT_SHADOW(g, GVA, PAGE, U | WD);
	say_pte(g, OTHER_TOP, NEXT, 0);
	say_pte(g, TOP, EMPTY + 2 * PAGE_SIZE, 0);
	guest_hypercall(g, SET_PGD, OTHER_TOP, f->pae ? 1 : 7, 0);
	/* A fault of the guest's own; a change to other tables, also to new ones */
	KUNIT_EXPECT_EQ(test, paging_touch(g, 0x20000000, 0), LG_FAULT_GUEST);
	guest_hypercall(g, NEW_PGTABLE, OTHER_TOP, 0, 0);
	guest_hypercall(g, NEW_PGTABLE, FREE, 0, 0);
	guest_hypercall(g, NEW_PGTABLE, TOP, 0, 0);
	/* A change of the Launcher's memory that is not mapped, and questions */
	paging_replace(g, END - PAGE_SIZE);
	mmu_notifier_test_young(g->mm, page);
	mmu_notifier_clear_young(g->mm, page, page + PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, generation(g), was);
	EXPECT_ALIVE(g);
}

/* What a root does not share costs the others nothing. */
static void roots_lose_their_own(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	u64 was, other;

	use_pages(g, f->pae);
	was = generation_of(g, TOP);
	other = generation_of(g, OTHER_TOP);
	map_and_say(g, GVA, 0);
	KUNIT_EXPECT_GT(test, generation_of(g, TOP), was);
	was = generation_of(g, TOP);
	guest_hypercall(g, SET_PGD, TOP, 0, 0);
	KUNIT_EXPECT_GT(test, generation_of(g, TOP), was);
	was = generation_of(g, TOP);
	guest_hypercall(g, FLUSH_TLB, 0, 0, 0);
	KUNIT_EXPECT_GT(test, generation_of(g, TOP), was);
	KUNIT_EXPECT_EQ(test, generation_of(g, OTHER_TOP), other);

	was = generation_of(g, TOP);
	say_pte(g, OTHER_TOP, GVA, 0);
	KUNIT_EXPECT_GT(test, generation_of(g, OTHER_TOP), other);
	KUNIT_EXPECT_EQ(test, generation_of(g, TOP), was);

	/* The kernel's part is everybody's. */
	other = generation_of(g, OTHER_TOP);
	map_and_say(g, KERNEL + PAGE, 0);
	KUNIT_EXPECT_GT(test, generation_of(g, TOP), was);
	KUNIT_EXPECT_GT(test, generation_of(g, OTHER_TOP), other);
	EXPECT_ALIVE(g);
}

/* A root that takes the place of another, gpa and all, is not the same. */
static void roots_have_ids(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	u64 id, other;

	use_pages(g, f->pae);
	id = g->lg->mmu.root->id;
	lg_free_root(g->lg, lg_find_root(g->lg, OTHER_TOP));
	guest_hypercall(g, NEW_PGTABLE, OTHER_TOP, 0, 0);
	other = g->lg->mmu.root->id;
	KUNIT_EXPECT_GT(test, other, id);
	lg_free_root(g->lg, lg_find_root(g->lg, TOP));
	guest_hypercall(g, NEW_PGTABLE, TOP, 0, 0);
	KUNIT_EXPECT_GT(test, g->lg->mmu.root->id, other);
	KUNIT_EXPECT_NE(test, id, 0);
}

static struct kunit_case tlb_cases[] = {
	KUNIT_CASE_PARAM(taken_away, step_gen_params),
	KUNIT_CASE_PARAM(empty_tables_go, format_gen_params),
	KUNIT_CASE_PARAM(nothing_taken_away, format_gen_params),
	KUNIT_CASE_PARAM(roots_lose_their_own, format_gen_params),
	KUNIT_CASE_PARAM(roots_have_ids, format_gen_params),
	{}
};

static struct kunit_suite tlb_suite = {
	.name = "lguest_tlb",
	.init = guest_create,
	.exit = guest_free,
	.test_cases = tlb_cases,
};

kunit_test_suite(tlb_suite);
