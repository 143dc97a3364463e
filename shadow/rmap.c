// SPDX-License-Identifier: GPL-2.0
/*
 * The rmap: from a gfn to every spte that maps it, so that a change of the
 * Launcher's memory, or of one guest table, costs what it touches and no more.
 *
 * Each leaf has a link for each of its sptes, so adding one cannot fail. Slot
 * numbers link the lists in both directions. The first slot of each list lies
 * in a page of heads, which exists once a frame near it was mapped.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "../lg.h"
#include "lookup.h"

/**
 * lg_rmap_init() - set up an empty rmap
 * @mmu: a new guest's shadow tables, with @limit set
 * @frames: how many frames the guest has, 1 at least
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int lg_rmap_init(struct lg_mmu *mmu, u32 frames)
{
	mmu->head_pages = DIV_ROUND_UP(frames, LG_HEADS_PER_PAGE);
	mmu->leaf_pages = mmu->limit / LG_LEAVES_PER_PAGE + 1;
	mmu->heads = kzalloc(array_size(mmu->head_pages, sizeof(*mmu->heads)),
			     GFP_KERNEL_ACCOUNT);
	mmu->leaves = kzalloc(array_size(mmu->leaf_pages, sizeof(*mmu->leaves)),
			      GFP_KERNEL_ACCOUNT);
	if (mmu->heads && mmu->leaves)
		return 0;
	kfree(mmu->heads);
	kfree(mmu->leaves);
	return -ENOMEM;
}

/**
 * lg_rmap_add_leaf() - give a new leaf its id, by which slots name its sptes
 * @mmu: the guest's shadow tables
 * @leaf: the leaf
 *
 * Context: the guest's task, no lock held; may sleep.
 * Return: 0 or -ENOMEM.
 */
int lg_rmap_add_leaf(struct lg_mmu *mmu, struct lg_leaf *leaf)
{
	struct lg_leaf ***page;
	int id;

	/* Ids start at 1 so that no slot is 0, and still are more than leaves. */
	id = ida_alloc_range(&mmu->leaf_ids, 1, mmu->limit, GFP_KERNEL_ACCOUNT);
	if (id < 0)
		return -ENOMEM;
	page = &mmu->leaves[id / LG_LEAVES_PER_PAGE];
	if (!*page) {
		*page = (struct lg_leaf **)get_zeroed_page(GFP_KERNEL_ACCOUNT);
		if (!*page) {
			ida_free(&mmu->leaf_ids, id);
			return -ENOMEM;
		}
	}
	leaf->id = id;
	(*page)[id % LG_LEAVES_PER_PAGE] = leaf;
	return 0;
}

/**
 * lg_rmap_remove_leaf() - undo lg_rmap_add_leaf()
 * @mmu: the guest's shadow tables
 * @leaf: the leaf, without sptes
 *
 * Context: the guest's task, or nobody runs the guest any more.
 */
void lg_rmap_remove_leaf(struct lg_mmu *mmu, struct lg_leaf *leaf)
{
	ida_free(&mmu->leaf_ids, leaf->id);
}

/**
 * lg_rmap_prepare() - make sure that a frame has a head
 * @mmu: the guest's shadow tables
 * @gfn: the frame, below the guest's pfnlimit
 *
 * Context: the guest's task, no lock held; may sleep.
 * Return: 0 or -ENOMEM.
 */
int lg_rmap_prepare(struct lg_mmu *mmu, u32 gfn)
{
	u32 **heads = &mmu->heads[gfn / LG_HEADS_PER_PAGE];
	u32 *page;

	if (*heads)
		return 0;
	page = (u32 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!page)
		return -ENOMEM;
	/* Pairs with lg_head_of(): whoever sees the page must see it empty. */
	smp_store_release(heads, page);
	return 0;
}

/**
 * lg_zap_spte() - zap an spte, and take it out of its frame's list
 * @mmu: the guest's shadow tables
 * @leaf: the leaf
 * @index: of the spte in it
 *
 * The TLB may still have it if the guest is in. So the caller kicks the vCPU,
 * unless it is the guest's task.
 *
 * Context: &lg_mmu.lock held.
 * Return: true if the spte was present.
 */
bool lg_zap_spte(struct lg_mmu *mmu, struct lg_leaf *leaf, unsigned int index)
{
	struct lg_rmap_link *link = &leaf->link[index];

	if (!(leaf->sptes[index] & LG_PTE_PRESENT))
		return false;
	WRITE_ONCE(leaf->sptes[index], 0);
	lg_inc_tlb_gen(leaf->tlb_gen);
	__clear_bit(index, leaf->filled);
	if (link->next)
		lg_link_of(mmu, link->next)->prev = link->prev;
	if (link->prev)
		lg_link_of(mmu, link->prev)->next = link->next;
	else
		*lg_head_of(mmu, leaf->ptes[index] >> PAGE_SHIFT) = link->next;
	return true;
}

/**
 * lg_zap_frames() - zap sptes that map a range of frames
 * @mmu: the guest's shadow tables
 * @first: first frame; on return, the one to go on from
 * @last: last frame
 * @zapped: becomes true if any spte was present
 *
 * The guest decides how many sptes map a frame. So one call zaps some hundreds, and
 * leaves the rest to the next call; the caller lets go of the lock in between.
 * Frames that nothing maps count as well.
 *
 * Context: &lg_mmu.lock held.
 * Return: true if no spte is left.
 */
bool lg_zap_frames(struct lg_mmu *mmu, u32 *first, u32 last, bool *zapped)
{
	unsigned int steps = 0;

	while (*first <= last) {
		u32 *head = lg_head_of(mmu, *first);

		if (steps++ == LG_ZAP_BATCH)
			return false;
		if (!head)
			*first = round_down(*first, LG_HEADS_PER_PAGE) +
				 LG_HEADS_PER_PAGE;
		else if (*head)
			*zapped |= lg_zap_spte(mmu, lg_leaf_of(mmu, *head),
						*head % LG_TABLE_ENTRIES);
		else
			++*first;
	}
	return true;
}

/**
 * lg_age_frames() - whether the guest used frames since the last call that cleared
 * @mmu: the guest's shadow tables
 * @first: first frame
 * @last: last frame
 * @clear: clear the accessed bits
 *
 * The CPU sets the accessed bit of an spte while the guest runs, but not if the TLB
 * has the translation. So the answer may miss a use. It only steers page reclaim;
 * a caller that wants it to be exact calls lg_inc_tlb_gen().
 *
 * Nor is the answer exact if there is much to look at: the caller may hold a
 * lock of the host's, and the guest decides how many sptes map a frame. So we
 * look at a thousand, the newest of each frame first, and take the rest for
 * unused. If they were used, the guest loses a page that it must fault in
 * again. If we took them for used, a guest could keep its pages from being
 * reclaimed.
 *
 * Context: &lg_mmu.lock held.
 * Return: true if any spte that we looked at was accessed.
 */
bool lg_age_frames(struct lg_mmu *mmu, u32 first, u32 last, bool clear)
{
	unsigned int looks = 0;
	bool young = false;
	u32 gfn;

	for (gfn = first; gfn <= last && looks < LG_AGE_BATCH; gfn++, looks++) {
		u32 *head = lg_head_of(mmu, gfn);
		u32 slot = head ? *head : 0;

		for (; slot && looks < LG_AGE_BATCH; looks++) {
			struct lg_leaf *leaf = lg_leaf_of(mmu, slot);
			u64 *entry = &leaf->sptes[slot % LG_TABLE_ENTRIES];

			slot = leaf->link[slot % LG_TABLE_ENTRIES].next;
			if (!(READ_ONCE(*entry) & LG_PTE_ACCESSED))
				continue;
			young = true;
			if (!clear)
				return true;
			clear_bit(ilog2(LG_PTE_ACCESSED),
				  (unsigned long *)entry);
		}
	}
	return young;
}

/**
 * lg_rmap_free() - undo lg_rmap_init()
 * @mmu: shadow tables without sptes
 */
void lg_rmap_free(struct lg_mmu *mmu)
{
	unsigned int i;

	for (i = 0; i < mmu->head_pages; i++)
		free_page((unsigned long)mmu->heads[i]);
	kfree(mmu->heads);
	for (i = 0; i < mmu->leaf_pages; i++)
		free_page((unsigned long)mmu->leaves[i]);
	kfree(mmu->leaves);
	ida_destroy(&mmu->leaf_ids);
}
