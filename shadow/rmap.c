// SPDX-License-Identifier: GPL-2.0
/*
 * The reverse map: from a guest frame to every shadow entry that maps it, so
 * that a change of the Launcher's memory, or of one guest table, costs what it
 * touches and no more.
 *
 * Links lie beside the entries they belong to, so that adding one cannot fail:
 * lists are doubly linked by slot numbers, and the first slot of each frame
 * stands in a page of heads that exists once a frame near it was mapped.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "../lg.h"
#include "lookup.h"

/**
 * lg_rmap_init() - no frame is mapped yet
 * @mmu: a new guest's shadow tables, their limit set
 * @frames: how many frames it has, 1 at least
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
 * lg_rmap_add_leaf() - let a new leaf have entries that map frames
 * @mmu: the guest's shadow tables
 * @leaf: the leaf; its @id is set
 *
 * Context: the vCPU's task, no lock held; may sleep.
 * Return: 0 or -ENOMEM.
 */
int lg_rmap_add_leaf(struct lg_mmu *mmu, struct lg_leaf *leaf)
{
	struct lg_leaf ***page;
	int id;

	/* One more than there ever may be, for no slot is 0. */
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
 * @leaf: the leaf, without entries
 *
 * Context: the vCPU's task, or nobody runs the guest any more.
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
 * Context: the vCPU's task, no lock held; may sleep.
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
	/* Pairs with lg_head_of(): who sees it sees it empty. */
	smp_store_release(heads, page);
	return 0;
}

/**
 * lg_zap_spte() - clear a shadow entry and take it out of its frame's list
 * @mmu: the guest's shadow tables
 * @leaf: the entry's table
 * @index: the entry
 *
 * A guest that is in may go by it still: the caller kicks the vCPU unless it is
 * the vCPU.
 *
 * Context: &lg_mmu.lock held.
 * Return: true if the entry was present.
 */
bool lg_zap_spte(struct lg_mmu *mmu, struct lg_leaf *leaf, unsigned int index)
{
	struct lg_rmap_link *link = &leaf->link[index];

	if (!(leaf->sptes[index] & LG_PTE_PRESENT))
		return false;
	WRITE_ONCE(leaf->sptes[index], 0);
	lg_inc_tlb_gen(mmu);
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
 * lg_zap_frames() - clear shadow entries that map a range of frames
 * @mmu: the guest's shadow tables
 * @first: first frame; when this returns, the one to go on from
 * @last: last frame
 * @zapped: becomes true if any entry was present
 *
 * How many entries map a frame is up to the guest. So these are counted, and what
 * is left after some hundred is for another call: the caller lets go of the lock
 * before. Frames that nothing maps count as well.
 *
 * Context: &lg_mmu.lock held.
 * Return: true if none is left.
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
 * lg_age_frames() - whether the guest used frames since it was last asked
 * @mmu: the guest's shadow tables
 * @first: first frame
 * @last: last frame
 * @clear: forget it
 *
 * The CPU sets the accessed bit of shadow entries while the guest runs. A
 * translation that it holds may hide a use; the answer steers page reclaim only,
 * and who wants it to be exact calls lg_inc_tlb_gen().
 *
 * Nor is it exact if there is much to look at: who asks may hold a lock of the
 * host's, and how many entries map a frame is up to the guest. So a thousand
 * decide, the newest of each frame first, and for the rest it has not been used.
 * If it has, the guest loses a page that it must fault in again. The other way
 * round, it could keep its pages from being reclaimed.
 *
 * Context: &lg_mmu.lock held.
 * Return: true if any entry was accessed.
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
 * @mmu: shadow tables without entries
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
