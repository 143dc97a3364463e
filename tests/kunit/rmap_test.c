// SPDX-License-Identifier: GPL-2.0
/* From a page of the Launcher's to the sptes that map it, and to no others */
#include <kunit/test.h>
#include <linux/mman.h>

#include "../../shadow/lookup.h"
#include "lib/paging.h"

#define PAGE	(FREE + 0x3000)
#define NEXT	(PAGE + PAGE_SIZE)
#define GVA	0x12000U

/* Whichever of a page's sptes goes first, the others are still known. */
static void entries_go_one_by_one(struct kunit *test)
{
	static const u32 orders[][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	struct guest *g = test->priv;
	unsigned int i, j;
	u32 gva;

	guest_put32(g, PAGE, 1);
	paging_start(g, false);
	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		for (j = 0; j < 3; j++) {
			paging_map(g, GVA + j * PAGE_SIZE, PAGE | P | W);
			TOUCH(g, GVA + j * PAGE_SIZE, LG_PF_WRITE);
		}
		for (j = 0; j < 2; j++) {
			gva = GVA + orders[i][j] * PAGE_SIZE;
			guest_hypercall(g, SET_PTE, TOP, gva, 0);
			EXPECT_NO_SHADOW(g, gva);
		}
		gva = GVA + orders[i][2] * PAGE_SIZE;
		EXPECT_SHADOW(g, gva, PAGE, WD);
		paging_replace(g, PAGE);
		EXPECT_NO_SHADOW(g, gva);
		guest_put32(g, PAGE, 1);
	}
}

/* An spte that maps another page by now does not go with its former page. */
static void page_of_an_entry_changes(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_put32(g, NEXT, 1);
	paging_start(g, false);
	paging_map(g, GVA, PAGE | P | W);
	TOUCH(g, GVA, LG_PF_WRITE);
	/* The guest says nothing of it, which a CPU might forgive. */
	paging_map(g, GVA, NEXT | P | W);
	TOUCH(g, GVA, LG_PF_WRITE);
	paging_replace(g, PAGE);
	EXPECT_SHADOW(g, GVA, NEXT, WD);
	paging_replace(g, NEXT);
	EXPECT_NO_SHADOW(g, GVA);
}

/* A guest with more memory, which uses only some of it, without tables */
#define MANY	(3 * 4096 + 5)

static void many_frames(struct kunit *test)
{
	static const u32 frames[] = {
		0, 1023, 1024, 1025, 2047, 4095, 4096, 4097, 8191, 8192,
		MANY - 1,
	};
	static const u32 ranges[][2] = {
		{ 1024, 1024 }, { 1024, 4095 }, { 1, 8191 }, { 4096, MANY - 1 },
		{ 0, MANY - 1 },
	};
	struct guest *g = test->priv;
	unsigned long memory;
	unsigned int i, j;

	memory = vm_mmap(NULL, 0, MANY * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(memory));
	g->memory = memory;
	KUNIT_ASSERT_GT(test, guest_request(g, LHREQ_INITIALIZE, memory, MANY,
					    CODE), 0);
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		u32 first = ranges[i][0], last = ranges[i][1];

		for (j = 0; j < ARRAY_SIZE(frames); j++)
			TOUCH(g, frames[j] << PAGE_SHIFT, LG_PF_WRITE);
		do_madvise(g->mm, memory + (first << PAGE_SHIFT),
			   (last - first + 1) << PAGE_SHIFT, MADV_DONTNEED);
		for (j = 0; j < ARRAY_SIZE(frames); j++) {
			u32 gpa = frames[j] << PAGE_SHIFT;

			if (frames[j] >= first && frames[j] <= last)
				EXPECT_NO_SHADOW(g, gpa);
			else
				EXPECT_SHADOW(g, gpa, gpa, WD);
		}
	}
	EXPECT_ALIVE(g);
}

/* The check of debug builds finds each thing that may be wrong in a leaf. */
static void leaf_is_sound(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_mmu *mmu = &g->lg->mmu;
	unsigned int i = GVA / PAGE_SIZE % LG_TABLE_ENTRIES;
	struct lg_leaf *leaf, *was;
	u64 *sptes;

	paging_start(g, false);
	paging_map(g, GVA, PAGE | P | W | U);
	TOUCH(g, GVA, LG_PF_WRITE);
	paging_map(g, GVA + PAGE_SIZE, PAGE | P | W | U);
	TOUCH(g, GVA + PAGE_SIZE, LG_PF_WRITE);
	leaf = lg_find_leaf(g->lg, mmu->root, GVA);
	KUNIT_ASSERT_NOT_NULL(test, leaf);
	was = kunit_kmalloc(test, sizeof(*was), GFP_KERNEL);
	*was = *leaf;
	sptes = kunit_kmalloc(test, PAGE_SIZE, GFP_KERNEL);
	memcpy(sptes, leaf->sptes, PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, lg_leaf_is_sound(mmu, leaf));

#define UNSOUND(change) do {						\
	change;								\
	KUNIT_EXPECT_FALSE(test, lg_leaf_is_sound(mmu, leaf));		\
	memcpy(leaf->filled, was->filled, sizeof(was->filled));		\
	memcpy(leaf->ptes, was->ptes, sizeof(was->ptes));		\
	memcpy(leaf->sptes, sptes, PAGE_SIZE);				\
	memcpy(leaf->link, was->link, sizeof(was->link));		\
	leaf->rights = was->rights;					\
} while (0)
	UNSOUND(__clear_bit(i, leaf->filled));
	UNSOUND(__set_bit(i + 2, leaf->filled));
	UNSOUND(leaf->ptes[i] &= ~LG_PTE_WRITE);
	UNSOUND(leaf->ptes[i] &= ~LG_PTE_DIRTY);
	UNSOUND(leaf->ptes[i] &= ~LG_PTE_USER);
	UNSOUND(leaf->ptes[i + 1] = NEXT | P | W | U | A | D);
	UNSOUND(leaf->rights &= ~LG_PTE_WRITE);
	UNSOUND(leaf->rights &= ~LG_PTE_USER);
	UNSOUND(leaf->rights |= LG_PTE_NX);
	/* The second is the first in the list, as it is the newer. */
	UNSOUND(leaf->ptes[i] = NEXT | P | W | U | A | D);
	UNSOUND(leaf->sptes[i] = 0; __clear_bit(i, leaf->filled));
	UNSOUND(leaf->sptes[i + 1] = 0; __clear_bit(i + 1, leaf->filled));
	UNSOUND(leaf->rights = LG_RIGHTS_DIFFER; leaf->ptes[i] &= ~LG_PTE_USER);
	UNSOUND(leaf->link[i].prev = 0);
	UNSOUND(leaf->link[i].next = lg_slot_of(leaf, i + 1));
	UNSOUND(leaf->link[i + 1].next = 0);
#undef UNSOUND
	KUNIT_EXPECT_TRUE(test, lg_leaf_is_sound(mmu, leaf));
	EXPECT_ALIVE(g);
}

static struct kunit_case rmap_cases[] = {
	KUNIT_CASE(entries_go_one_by_one),
	KUNIT_CASE(page_of_an_entry_changes),
	KUNIT_CASE(leaf_is_sound),
	{}
};

static struct kunit_suite rmap_suite = {
	.name = "lguest_rmap",
	.init = guest_create,
	.exit = guest_free,
	.test_cases = rmap_cases,
};

static struct kunit_case many_frames_cases[] = {
	KUNIT_CASE(many_frames),
	{}
};

static struct kunit_suite many_frames_suite = {
	.name = "lguest_many_frames",
	.init = guest_open,
	.exit = guest_free,
	.test_cases = many_frames_cases,
};

kunit_test_suites(&rmap_suite, &many_frames_suite);
