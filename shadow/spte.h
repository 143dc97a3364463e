/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a shadow entry says, given what the guest's tables say. Each page that a
 * guest maps asks for this, often enough for calls to count.
 */
#ifndef LG_SPTE_H
#define LG_SPTE_H

#include "../cpu.h"
#include "../guest/tables.h"
#include "../lg.h"

/* The bits that a shadow entry takes over from the guest's. */
static inline u64 lg_shadow_bits(const struct lg_mapping *map)
{
	return lg_mapping_rights(map) & (LG_PTE_USER | lg_pte_nx);
}

/*
 * A page that the guest has not written yet stays read-only, so that its first
 * write faults and the guest's dirty bit can be set.
 */
static inline bool lg_may_write(const struct lg_mapping *map)
{
	return lg_mapping_rights(map) & LG_PTE_WRITE && map->pte & LG_PTE_DIRTY;
}

/**
 * lg_spte_in_sync() - whether the guest's tables still justify a shadow entry
 * @leaf: the entry's table
 * @index: the entry
 * @map: what the guest's tables say now
 *
 * Return: true if it would be filled like this, or with more rights.
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
