/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an spte says, given what the guest's tables say. These are inline because
 * they run for each page that a guest maps: calls would cost too much.
 */
#ifndef LG_SPTE_H
#define LG_SPTE_H

#include "../cpu.h"
#include "../guest/tables.h"
#include "../lg.h"

/* The bits that an spte takes over from the guest's entries */
static inline u64 lg_shadow_bits(const struct lg_mapping *map)
{
	return lg_mapping_rights(map) & (LG_PTE_USER | lg_pte_nx);
}

/*
 * A page that the guest has not written yet stays read-only: its first write must
 * fault, so that we can set the dirty bit in the guest's pte.
 */
static inline bool lg_may_write(const struct lg_mapping *map)
{
	return lg_mapping_rights(map) & LG_PTE_WRITE && map->pte & LG_PTE_DIRTY;
}

/**
 * lg_spte_in_sync() - whether an spte still matches the guest's tables
 * @leaf: the leaf
 * @index: of the spte in it
 * @map: what the guest's tables say now
 *
 * Return: true if it would be filled like this now, or with more rights.
 */
static inline bool lg_spte_in_sync(const struct lg_leaf *leaf,
				   unsigned int index,
				   const struct lg_mapping *map)
{
	u64 entry = READ_ONCE(leaf->sptes[index]);

	return map->pte & LG_PTE_ACCESSED &&
	       lg_maps_frame(map->pte, leaf->ptes[index] >> PAGE_SHIFT) &&
	       (entry & (LG_PTE_USER | lg_pte_nx)) == lg_shadow_bits(map) &&
	       (!(entry & LG_PTE_WRITE) || lg_may_write(map));
}

#endif /* LG_SPTE_H */
