// SPDX-License-Identifier: GPL-2.0
/*
 * Which pages of the guest's memory the switcher may read by the direct map.
 * The guest's kernel has its memory mapped from kernel_address on. The switcher
 * reads the guest's page tables there, without leaving the shadow tables. So it
 * finds either the page that the shadow maps there, or nothing. A page counts
 * as known once the shadow maps it there, until something else is to be mapped
 * there. Zapping its spte does no harm.
 */
#include <linux/mm.h>

#include "../cpu.h"
#include "../guest/tables.h"
#include "../lg.h"
#include "lookup.h"

/**
 * lg_direct_map_shadowed() - whether the shadow has a page in its direct-map place
 * @lg: the guest, with tables of its own; its own task calls
 * @gpa: an address in the page
 *
 * Return: true if it does.
 */
bool lg_direct_map_shadowed(struct lguest *lg, u32 gpa)
{
	u32 gva = lg->kernel_address + gpa;
	unsigned int index = lg_pte_index(gva);
	const struct lg_leaf *leaf;

	if (gva < gpa)
		return false;
	leaf = lg_find_linked(lg, lg->mmu.root, gva);
	return leaf && READ_ONCE(leaf->sptes[index]) & LG_PTE_PRESENT &&
	       leaf->ptes[index] >> PAGE_SHIFT == gpa >> PAGE_SHIFT;
}

static void learn(struct lguest *lg, u32 gpa)
{
	if (!lg_direct_map_known(lg, gpa) && lg_direct_map_shadowed(lg, gpa))
		*lg_direct_map_slot(lg, gpa) = lg_direct_map_entry(gpa);
}

/**
 * lg_direct_map_learn() - let the switcher read the tables that we just walked
 * @lg: the guest, with tables of its own; its own task calls
 * @map: what lg_walk() found
 */
void lg_direct_map_learn(struct lguest *lg, const struct lg_mapping *map)
{
	u32 top = lg->mmu.root->gpa;

	if (top == LG_IDENTITY || !lg->kernel_address)
		return;
	learn(lg, top);
	if (map->pd_gpa)
		learn(lg, map->pd_gpa);
	if (map->has_table)
		learn(lg, map->pte_gpa);
	lg_vcpu_update_walk(lg);
}

/**
 * lg_direct_map_find_data() - find where the direct map has struct lguest_data
 * @lg: the guest; its own task calls
 *
 * Sets &lguest.data_gva, to 0 if that is not known. It holds until something
 * else is mapped there.
 */
void lg_direct_map_find_data(struct lguest *lg)
{
	lg->data_gva = 0;
	/* The switcher needs the words up to cr2, in one page. */
	if (!lg_data_ready(lg) || lg->mmu.root->gpa == LG_IDENTITY ||
	    offset_in_page(lg->data) + LG_DATA_CR2 + sizeof(u32) > PAGE_SIZE ||
	    !lg_direct_map_shadowed(lg, lg->data))
		return;
	lg->data_gva = lg->kernel_address + lg->data;
}

/**
 * lg_direct_map_forget() - something else is about to be mapped in the direct map
 * @lg: the guest; its own task calls
 * @gva: where, from kernel_address up
 */
void lg_direct_map_forget(struct lguest *lg, u32 gva)
{
	u32 gpa = gva - lg->kernel_address;

	if (lg->data_gva && !((lg->data_gva ^ gva) & PAGE_MASK)) {
		lg->data_gva = 0;
		lg_vcpu_update_handlers(lg);
	}
	if (lg_direct_map_known(lg, gpa)) {
		*lg_direct_map_slot(lg, gpa) = 0;
		lg_vcpu_update_walk(lg);
	}
}
