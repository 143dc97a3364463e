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

/* Is a present entry in the list of its frame, between the right neighbours? */
static bool is_in_rmap(struct lg_mmu *mmu, const struct lg_leaf *leaf,
		       unsigned int index)
{
	const struct lg_rmap_link *link = &leaf->link[index];
	u32 slot = lg_slot_of(leaf, index);
	u32 *head;

	if (link->next && lg_link_of(mmu, link->next)->prev != slot)
		return false;
	if (link->prev)
		return lg_link_of(mmu, link->prev)->next == slot;
	head = lg_head_of(mmu, leaf->ptes[index] >> PAGE_SHIFT);
	return head && *head == slot;
}

/* Does a present entry allow what the guest's allowed when last seen? */
static bool has_rights(const struct lg_leaf *leaf, unsigned int index)
{
	u64 spte = READ_ONCE(leaf->sptes[index]);
	u64 pte = leaf->ptes[index];

	if (spte & LG_PTE_WRITE && !(pte & LG_PTE_WRITE && pte & LG_PTE_DIRTY))
		return false;
	if (leaf->rights == LG_RIGHTS_DIFFER)
		return true;
	return !(spte & LG_PTE_WRITE && !(leaf->rights & LG_PTE_WRITE)) &&
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

		if (present != test_bit(i, leaf->filled) ||
		    (present && !(is_in_rmap(mmu, leaf, i) &&
				  has_rights(leaf, i))))
			return false;
	}
	return true;
}
