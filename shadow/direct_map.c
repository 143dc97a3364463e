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
#include "../lg.h"
#include "lookup.h"

/* What the switcher compares with: a directory's entry for a table there */
static u32 entry_for(u32 gpa)
{
	return (gpa & PAGE_MASK) | LG_PTE_PRESENT | LG_PTE_WRITE | LG_PTE_USER;
}

static u32 *place_of(struct lguest *lg, u32 gpa)
{
	return &lg->linear[(gpa >> PAGE_SHIFT) % LG_LINEAR];
}

/**
 * lg_linear_maps() - whether the shadow maps a page where the kernel should have it
 * @lg: the guest, with tables of its own; its own task calls
 * @gpa: an address in the page
 *
 * Return: true if so.
 */
bool lg_linear_maps(struct lguest *lg, u32 gpa)
{
	u32 gva = lg->kernel_address + gpa;
	unsigned int index = lg_pte_index(gva);
	const struct lg_leaf *leaf;

	if (gva < gpa)
		return false;
	leaf = lg_find_linked(lg, lg->mmu.root, gva);
	return leaf && READ_ONCE(leaf->entries[index]) & LG_PTE_PRESENT &&
	       leaf->ptes[index] >> PAGE_SHIFT == gpa >> PAGE_SHIFT;
}

/**
 * lg_linear_knows() - whether the switcher may go by a page
 * @lg: the guest; its own task calls
 * @gpa: an address in the page
 *
 * Return: true if so.
 */
bool lg_linear_knows(struct lguest *lg, u32 gpa)
{
	return *place_of(lg, gpa) == entry_for(gpa);
}

static void note(struct lguest *lg, u32 gpa)
{
	if (!lg_linear_knows(lg, gpa) && lg_linear_maps(lg, gpa))
		*place_of(lg, gpa) = entry_for(gpa);
}

/**
 * lg_linear_note() - let the switcher walk the tables that were just walked
 * @lg: the guest, with tables of its own; its own task calls
 * @map: what lg_walk() found
 */
void lg_linear_note(struct lguest *lg, const struct lg_mapping *map)
{
	u32 top = lg->mmu.root->gpa;

	if (top == LG_IDENTITY || !lg->kernel_address)
		return;
	note(lg, top);
	if (map->pd_gpa)
		note(lg, map->pd_gpa);
	if (map->has_table)
		note(lg, map->pte_gpa);
	lg_vcpu_update_walk(lg);
}

/**
 * lg_linear_forget() - something else comes where the kernel should have a page
 * @lg: the guest; its own task calls
 * @gva: the address, from kernel_address up
 */
void lg_linear_forget(struct lguest *lg, u32 gva)
{
	u32 gpa = gva - lg->kernel_address;

	if (lg->data_gva && !((lg->data_gva ^ gva) & PAGE_MASK)) {
		lg->data_gva = 0;
		lg_vcpu_update_handlers(lg);
	}
	if (lg_linear_knows(lg, gpa)) {
		*place_of(lg, gpa) = 0;
		lg_vcpu_update_walk(lg);
	}
}
