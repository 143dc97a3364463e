// SPDX-License-Identifier: GPL-2.0
/*
 * After the guest has flushed its TLB, or changed a directory, sptes may no longer
 * match its ptes. This file compares them, and zaps those that do not.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/spinlock.h>

#include "../lg.h"
#include "lookup.h"
#include "spte.h"

static void prove(struct lg_mmu *mmu, const struct lg_leaf *leaf)
{
	if (!IS_ENABLED(CONFIG_LG_PROVE))
		return;
	spin_lock(&mmu->lock);
	WARN_ON_ONCE(!lg_leaf_is_sound(mmu, leaf));
	spin_unlock(&mmu->lock);
}

/* Sync those of the 64 sptes from @first on whose bit is set in @changed. */
static noinline bool sync_entries(struct lguest *lg, struct lg_leaf *leaf,
				  const struct lg_mapping *map,
				  unsigned int first, unsigned long changed)
{
	struct lg_mmu *mmu = &lg->mmu;
	struct lg_mapping now = *map;
	u64 ptes[BITS_PER_LONG];
	unsigned int i;

	if (!lg_read_ptes(lg, map, first, changed, ptes))
		return false;
	spin_lock(&mmu->lock);
	/* lg_zap_spte() passes over those that the notifier zapped meanwhile. */
	for_each_set_bit(i, &changed, BITS_PER_LONG) {
		unsigned int index = first + i;

		now.pte = ptes[i];
		if (lg_spte_in_sync(leaf, index, &now))
			leaf->ptes[index] = ptes[i];
		else
			lg_zap_spte(mmu, leaf, index);
	}
	spin_unlock(&mmu->lock);
	return true;
}

/**
 * lg_sync_leaf() - zap the sptes of a leaf that no longer match the guest's ptes
 * @lg: the guest; its own task calls
 * @leaf: the leaf
 * @map: what the guest's directories say of an address in the leaf; its pte is not
 *	looked at
 *
 * Context: may sleep.
 * Return: true; false with the guest dead.
 */
bool lg_sync_leaf(struct lguest *lg, struct lg_leaf *leaf,
		  const struct lg_mapping *map)
{
	u64 rights = lg_pde_rights(map);
	unsigned int first;

	for (first = 0; first < LG_TABLE_ENTRIES; first += BITS_PER_LONG) {
		unsigned long changed;

		changed = READ_ONCE(leaf->filled[BIT_WORD(first)]);
		if (changed && rights == leaf->rights &&
		    !lg_compare_ptes(lg, map, leaf, first, &changed))
			return false;
		if (changed && !sync_entries(lg, leaf, map, first, changed))
			return false;
	}
	leaf->rights = rights;
	prove(&lg->mmu, leaf);
	return true;
}
