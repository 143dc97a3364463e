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

#include "lg.h"

#define HEADS_PER_PAGE	(PAGE_SIZE / sizeof(u32))
#define LOOKS		4

static u32 slot_of(const struct lg_leaf *leaf, unsigned int index)
{
	return leaf->id * LG_TABLE_ENTRIES + index;
}

static struct lg_leaf *leaf_of(struct lg_mmu *mmu, u32 slot)
{
	return xa_load(&mmu->leaves, slot / LG_TABLE_ENTRIES);
}

static struct lg_rmap_link *link_of(struct lg_mmu *mmu, u32 slot)
{
	return &leaf_of(mmu, slot)->link[slot % LG_TABLE_ENTRIES];
}

static u32 *head_of(struct lg_mmu *mmu, u32 gfn)
{
	u32 *heads = xa_load(&mmu->heads, gfn / HEADS_PER_PAGE);

	return heads ? &heads[gfn % HEADS_PER_PAGE] : NULL;
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
	void *heads;
	int err;

	if (xa_load(&mmu->heads, gfn / HEADS_PER_PAGE))
		return 0;
	heads = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!heads)
		return -ENOMEM;
	err = xa_insert(&mmu->heads, gfn / HEADS_PER_PAGE, heads,
			GFP_KERNEL_ACCOUNT);
	if (err)
		free_page((unsigned long)heads);
	return err;
}

/**
 * lg_rmap_add() - note that a shadow entry maps a frame
 * @mmu: the guest's shadow tables
 * @leaf: the entry's table
 * @index: the entry
 * @pte: the lower half of the guest's entry for it, with the frame in it;
 *	lg_rmap_prepare() was called for that
 *
 * Context: &lg_mmu.lock held.
 */
void lg_rmap_add(struct lg_mmu *mmu, struct lg_leaf *leaf, unsigned int index,
		 u32 pte)
{
	struct lg_rmap_link *link = &leaf->link[index];
	u32 *head = head_of(mmu, pte >> PAGE_SHIFT);

	__set_bit(index, leaf->filled);
	leaf->ptes[index] = pte;
	link->prev = 0;
	link->next = *head;
	*head = slot_of(leaf, index);
	if (link->next)
		link_of(mmu, link->next)->prev = *head;
}

/**
 * lg_rmap_entry() - a shadow entry that maps a frame, if one is near
 * @mmu: the guest's shadow tables
 * @gfn: the frame
 * @write: it must be writable
 *
 * As long as it is there, so is the host's page that it names.
 *
 * Context: &lg_mmu.lock held.
 * Return: the entry, or 0.
 */
u64 lg_rmap_entry(struct lg_mmu *mmu, u32 gfn, bool write)
{
	u64 wanted = LG_PTE_PRESENT | (write ? LG_PTE_WRITE : 0);
	u32 *head = head_of(mmu, gfn);
	u32 slot = head ? *head : 0;
	unsigned int i;

	/* A page that a hundred processes map must not take a hundred looks. */
	for (i = 0; slot && i < LOOKS; i++, slot = link_of(mmu, slot)->next) {
		u64 entry;

		entry = leaf_of(mmu, slot)->entries[slot % LG_TABLE_ENTRIES];
		if ((entry & wanted) == wanted)
			return entry;
	}
	return 0;
}

/**
 * lg_zap_entry() - clear a shadow entry and take it out of its frame's list
 * @mmu: the guest's shadow tables
 * @leaf: the entry's table
 * @index: the entry
 *
 * The CPU may still hold the translation: the caller kicks the vCPU unless it
 * is the vCPU.
 *
 * Context: &lg_mmu.lock held.
 * Return: true if the entry was present.
 */
bool lg_zap_entry(struct lg_mmu *mmu, struct lg_leaf *leaf, unsigned int index)
{
	struct lg_rmap_link *link = &leaf->link[index];

	if (!(leaf->entries[index] & LG_PTE_PRESENT))
		return false;
	WRITE_ONCE(leaf->entries[index], 0);
	__clear_bit(index, leaf->filled);
	if (link->next)
		link_of(mmu, link->next)->prev = link->prev;
	if (link->prev)
		link_of(mmu, link->prev)->next = link->next;
	else
		*head_of(mmu, leaf->ptes[index] >> PAGE_SHIFT) = link->next;
	return true;
}

/**
 * lg_zap_frames() - clear every shadow entry that maps a range of frames
 * @mmu: the guest's shadow tables
 * @first: first frame
 * @last: last frame
 *
 * Context: &lg_mmu.lock held.
 * Return: true if any entry was present.
 */
bool lg_zap_frames(struct lg_mmu *mmu, u32 first, u32 last)
{
	bool zapped = false;
	unsigned long chunk;
	u32 *heads;

	xa_for_each_range(&mmu->heads, chunk, heads, first / HEADS_PER_PAGE,
			  last / HEADS_PER_PAGE) {
		u32 base = chunk * HEADS_PER_PAGE;
		u32 i = first > base ? first - base : 0;
		u32 end = min_t(u32, last - base, HEADS_PER_PAGE - 1);

		for (; i <= end; i++) {
			while (heads[i])
				zapped |= lg_zap_entry(mmu,
						leaf_of(mmu, heads[i]),
						heads[i] % LG_TABLE_ENTRIES);
		}
	}
	return zapped;
}

/**
 * lg_age_frame() - whether the guest used a frame since it was last asked
 * @mmu: the guest's shadow tables
 * @gfn: the frame
 * @clear: forget it
 *
 * The CPU keeps the accessed bit of shadow entries while the guest runs. A
 * translation it still holds may hide a use; the answer steers page reclaim
 * only.
 *
 * Context: &lg_mmu.lock held.
 * Return: true if any entry was accessed.
 */
bool lg_age_frame(struct lg_mmu *mmu, u32 gfn, bool clear)
{
	u32 *head = head_of(mmu, gfn);
	u32 slot = head ? *head : 0;
	bool young = false;

	for (; slot; slot = link_of(mmu, slot)->next) {
		u64 *entry;

		entry = &leaf_of(mmu, slot)->entries[slot % LG_TABLE_ENTRIES];
		if (!(READ_ONCE(*entry) & LG_PTE_ACCESSED))
			continue;
		young = true;
		if (clear)
			clear_bit(ilog2(LG_PTE_ACCESSED),
				  (unsigned long *)entry);
	}
	return young;
}

/**
 * lg_rmap_free() - free the heads
 * @mmu: shadow tables without entries
 */
void lg_rmap_free(struct lg_mmu *mmu)
{
	unsigned long chunk;
	void *heads;

	xa_for_each(&mmu->heads, chunk, heads)
		free_page((unsigned long)heads);
	xa_destroy(&mmu->heads);
}
