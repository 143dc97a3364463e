// SPDX-License-Identifier: GPL-2.0
/*
 * The invariants of struct lg_leaf, looked at. Only modules built for a kernel that
 * checks its own memory management (CONFIG_DEBUG_VM) have this, and KUnit's.
 */
#include <linux/bitops.h>
#include <linux/mm.h>

#include "../cpu.h"
#include "../lg.h"
#include "lookup.h"

static u32 frame_of(const struct lg_leaf *leaf, unsigned int index)
{
	return leaf->ptes[index] >> PAGE_SHIFT;
}

/* Is there a present spte of that frame? A neighbour in a list has to be one. */
static bool is_neighbour(struct lg_mmu *mmu, u32 slot, u32 frame)
{
	const struct lg_leaf *leaf = lg_leaf_of(mmu, slot);
	unsigned int index = slot % LG_TABLE_ENTRIES;

	return READ_ONCE(leaf->sptes[index]) & LG_PTE_PRESENT &&
	       frame_of(leaf, index) == frame;
}

/* Is the spte the first in the list of its frame? */
static bool is_first(struct lg_mmu *mmu, const struct lg_leaf *leaf,
		     unsigned int index)
{
	u32 *head = lg_head_of(mmu, frame_of(leaf, index));

	return head && *head == lg_slot_of(leaf, index);
}

/*
 * Is a present spte in the list of its frame, between the right neighbours? That each
 * is makes the whole list right.
 */
static bool is_in_rmap(struct lg_mmu *mmu, const struct lg_leaf *leaf,
		       unsigned int index)
{
	const struct lg_rmap_link *link = &leaf->link[index];
	u32 slot = lg_slot_of(leaf, index);
	u32 frame = frame_of(leaf, index);

	if (link->next && (!is_neighbour(mmu, link->next, frame) ||
			   lg_link_of(mmu, link->next)->prev != slot))
		return false;
	if (!link->prev)
		return is_first(mmu, leaf, index);
	return is_neighbour(mmu, link->prev, frame) &&
	       lg_link_of(mmu, link->prev)->next == slot;
}

/* Does a present spte allow what the guest's pte allowed when last seen? */
static bool has_rights(const struct lg_leaf *leaf, unsigned int index)
{
	u64 spte = READ_ONCE(leaf->sptes[index]);
	u64 pte = leaf->ptes[index];

	if (spte & LG_PTE_WRITE && !(pte & LG_PTE_WRITE && pte & LG_PTE_DIRTY))
		return false;
	if (leaf->rights == LG_RIGHTS_DIFFER)
		return !(spte & ~pte & LG_PTE_USER);
	return !(spte & ~leaf->rights & LG_PTE_WRITE) &&
	       (spte & LG_PTE_USER) == (pte & leaf->rights & LG_PTE_USER) &&
	       !(leaf->rights & lg_pte_nx & ~spte);
}

/**
 * lg_leaf_is_sound() - whether what struct lg_leaf promises is true
 * @mmu: the guest's shadow tables
 * @leaf: one of its leaves
 *
 * Context: &lg_mmu.lock held.
 * Return: true if so.
 */
bool lg_leaf_is_sound(struct lg_mmu *mmu, const struct lg_leaf *leaf)
{
	unsigned int i;

	for (i = 0; i < LG_TABLE_ENTRIES; i++) {
		bool present = READ_ONCE(leaf->sptes[i]) & LG_PTE_PRESENT;

		if (present != test_bit(i, leaf->filled))
			return false;
		if (present ? !is_in_rmap(mmu, leaf, i) || !has_rights(leaf, i) :
			      is_first(mmu, leaf, i))
			return false;
	}
	return true;
}
