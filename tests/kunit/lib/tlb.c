// SPDX-License-Identifier: GPL-2.0
/*
 * The worst TLB that the architecture allows: it caches every present entry, of
 * each root and of each level, as soon as that is there, and drops nothing
 * before it must. No emulator's TLB keeps anything.
 */
#include <linux/io.h>

#include "../../../cpu.h"
#include "../../../shadow/lookup.h"
#include "guest.h"

/* The key of a cached entry: its root, its level, and its place in that level */
#define LEVEL_SHIFT	20
#define ROOT_SHIFT	22

/* An XArray's value has 63 bits: leave out the present bit, which all have. */
static void *pack(u64 entry)
{
	return xa_mk_value(entry >> 1);
}

static u64 unpack(void *value)
{
	return (u64)xa_to_value(value) << 1 | LG_PTE_PRESENT;
}

static unsigned long key(struct lg_root *root, unsigned int level, u32 gva)
{
	return root->id << ROOT_SHIFT | (unsigned long)level << LEVEL_SHIFT |
	       gva >> (PAGE_SHIFT + 9 * level);
}

static u64 *table_of(u64 entry)
{
	return phys_to_virt(entry & LG_PTE_PFN & ~lg_pte_encryption);
}

static void expect_still(struct guest *g, struct lg_root *root,
			 unsigned int level, u32 gva, u64 cached, u64 now)
{
	/* An spte may lose its accessed bit without notice: see lg_age_frames(). */
	u64 kept = LG_PTE_PRESENT | LG_PTE_WRITE | LG_PTE_USER |
		   (level ? LG_PTE_ACCESSED : 0);

	if ((cached ^ now) & LG_PTE_PFN || cached & ~now & kept ||
	    now & ~cached & lg_pte_nx)
		KUNIT_FAIL(g->test,
			   "TLB has %#llx for %#x, level %u, of %#x; now %#llx",
			   cached, gva, level, root->gpa, now);
}

/* Check what is cached of one entry, then cache what it says now. */
static void look(struct guest *g, struct lg_root *root, unsigned int level,
		 u32 gva, u64 now)
{
	unsigned long at = key(root, level, gva);
	void *cached = xa_load(&g->cached, at);

	if (cached)
		expect_still(g, root, level, gva, unpack(cached), now);
	if (now & LG_PTE_PRESENT)
		xa_store(&g->cached, at, pack(now), GFP_KERNEL | __GFP_NOFAIL);
	else if (cached)
		xa_erase(&g->cached, at);
}

/* Nothing may be cached of what lies below an absent entry. */
static void look_at_nothing(struct guest *g, struct lg_root *root,
			    unsigned int level, u32 gva)
{
	unsigned long entries = LG_TABLE_ENTRIES;

	for (;; entries *= LG_TABLE_ENTRIES) {
		unsigned long first = key(root, level, gva), at;
		void *cached;

		xa_for_each_range(&g->cached, at, cached, first,
				  first + entries - 1)
			expect_still(g, root, level, gva, unpack(cached), 0);
		if (!level--)
			break;
	}
}

static void look_below(struct guest *g, struct lg_root *root,
		       unsigned int level, u32 gva, u64 entry)
{
	u64 *table = table_of(entry);
	unsigned int i;

	if (!(entry & LG_PTE_PRESENT)) {
		look_at_nothing(g, root, level, gva);
		return;
	}
	if (!level && !lg_leaf_is_sound(&g->lg->mmu, lg_linked_leaf(entry)))
		KUNIT_FAIL(g->test, "the leaf for %#x is not sound", gva);
	for (i = 0; i < LG_TABLE_ENTRIES; i++) {
		u32 at = gva + (i << (PAGE_SHIFT + 9 * level));

		look(g, root, level, at, table[i]);
		if (level)
			look_below(g, root, level - 1, at, table[i]);
	}
}

/* Drop what is cached of a root, if that is of another generation. */
static void forget(struct guest *g, struct lg_root *root)
{
	u64 tlb_gen = lg_tlb_gen(&g->lg->mmu, root);
	void *was = xa_load(&g->tlb_gens, root->id);
	unsigned long at;
	void *cached;

	if (was == xa_mk_value(tlb_gen))
		return;
	xa_store(&g->tlb_gens, root->id, xa_mk_value(tlb_gen), GFP_KERNEL | __GFP_NOFAIL);
	xa_for_each_range(&g->cached, at, cached, root->id << ROOT_SHIFT,
			  ((root->id + 1) << ROOT_SHIFT) - 1)
		xa_erase(&g->cached, at);
}

void guest_walk_all(struct guest *g)
{
	struct lg_mmu *mmu = &g->lg->mmu;
	struct lg_root *root;
	unsigned int i;

	if (!g->lg->initialized || lg_is_dead(g->lg))
		return;
	list_for_each_entry(root, &mmu->roots, list) {
		forget(g, root);
		for (i = 0; i < LG_DIRECTORIES; i++) {
			u32 gva = i << LG_DIRECTORY_SHIFT;

			look(g, root, 2, gva, root->pdpt[i]);
			look_below(g, root, 1, gva, root->pdpt[i]);
		}
	}
}
