// SPDX-License-Identifier: GPL-2.0
/*
 * What the switcher may go by of the guest's own memory. Its kernel has that
 * mapped from kernel_address on, and there the switcher, which has no other tables
 * than the guest's, finds a page table without leaving them. As it goes by the
 * shadow, it finds either what the shadow maps or nothing. So a page counts as
 * found once the shadow maps it there, and until something else is to be mapped
 * there: that an entry goes away does no harm.
 */
#include <linux/mm.h>

#include "../cpu.h"
#include "../guest/tables.h"
#include "../lg.h"
#include "lookup.h"

/**
 * lg_direct_map_shadowed() - whether the shadow maps a page where the kernel should have it
 * @lg: the guest, with tables of its own; its own task calls
 * @gpa: an address in the page
 *
 * Return: true if so.
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
 * lg_direct_map_learn() - let the switcher walk the tables that were just walked
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
 * lg_direct_map_find_data() - by which address the guest's kernel has struct lguest_data
 * @lg: the guest; its own task calls
 *
 * The answer is in &lguest.data_gva, 0 if it is not known, and holds until
 * something else is mapped there.
 */
void lg_direct_map_find_data(struct lguest *lg)
{
	lg->data_gva = 0;
	/* The switcher wants the words up to cr2, and looks at one page. */
	if (!lg_data_ready(lg) || lg->mmu.root->gpa == LG_IDENTITY ||
	    offset_in_page(lg->data) + LG_DATA_CR2 + sizeof(u32) > PAGE_SIZE ||
	    !lg_direct_map_shadowed(lg, lg->data))
		return;
	lg->data_gva = lg->kernel_address + lg->data;
}

/**
 * lg_direct_map_forget() - something else comes where the kernel should have a page
 * @lg: the guest; its own task calls
 * @gva: the address, from kernel_address up
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
