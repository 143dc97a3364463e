/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of shadow/tables.c and shadow/rmap.c that run for each page that a
 * guest maps. They are inline because calls would cost too much there. And what
 * x86/ asks of the direct map: direct_map.c itself calls x86/.
 */
#ifndef LG_LOOKUP_H
#define LG_LOOKUP_H

#include <linux/mm.h>
#include <linux/nospec.h>

#include "../cpu.h"
#include "../lg.h"

static inline u64 lg_address_of(u64 entry)
{
	return entry & LG_PTE_PFN & ~lg_pte_encryption;
}

static inline bool lg_is_shared_directory(struct lguest *lg, unsigned int i)
{
	return lg_is_shared(lg, i << LG_DIRECTORY_SHIFT);
}

static inline unsigned int lg_pde_index(u32 gva)
{
	return (gva / LG_LEAF_SPAN) % LG_TABLE_ENTRIES;
}

static inline unsigned int lg_pte_index(u32 gva)
{
	return (gva >> PAGE_SHIFT) % LG_TABLE_ENTRIES;
}

static inline u64 *lg_find_directory(struct lguest *lg, struct lg_root *root,
				     unsigned int i)
{
	return lg_is_shared_directory(lg, i) ? lg->mmu.kernel_pd[i] :
					       root->pd[i];
}

/* @pde must be present. */
static inline struct lg_leaf *lg_linked_leaf(u64 pde)
{
	struct page *table = pfn_to_page(lg_address_of(pde) >> PAGE_SHIFT);

	return (struct lg_leaf *)page_private(table);
}

/**
 * lg_find_linked() - find the linked leaf for an address
 * @lg: the guest; its own task calls
 * @root: one of its roots
 * @gva: the address
 *
 * Return: the leaf; NULL if there is none, or it is not linked.
 */
static inline struct lg_leaf *lg_find_linked(struct lguest *lg,
					     struct lg_root *root, u32 gva)
{
	u64 *pd = lg_find_directory(lg, root, gva >> LG_DIRECTORY_SHIFT);
	u64 pde = pd ? pd[lg_pde_index(gva)] : 0;

	return pde & LG_PTE_PRESENT ? lg_linked_leaf(pde) : NULL;
}

#define LG_HEADS_PER_PAGE	(PAGE_SIZE / sizeof(u32))
#define LG_LEAVES_PER_PAGE	(PAGE_SIZE / sizeof(struct lg_leaf *))
#define LG_LOOKS		4

static inline u32 lg_slot_of(const struct lg_leaf *leaf, unsigned int index)
{
	return leaf->id * LG_TABLE_ENTRIES + index;
}

static inline struct lg_leaf *lg_leaf_of(struct lg_mmu *mmu, u32 slot)
{
	u32 id = slot / LG_TABLE_ENTRIES;

	return mmu->leaves[id / LG_LEAVES_PER_PAGE][id % LG_LEAVES_PER_PAGE];
}

static inline struct lg_rmap_link *lg_link_of(struct lg_mmu *mmu, u32 slot)
{
	return &lg_leaf_of(mmu, slot)->link[slot % LG_TABLE_ENTRIES];
}

static inline u32 *lg_head_of(struct lg_mmu *mmu, u32 gfn)
{
	/* The guest chooses gfn, and the CPU may guess past the check of it. */
	u32 page = array_index_nospec(gfn / LG_HEADS_PER_PAGE, mmu->head_pages);
	/* Pairs with lg_rmap_prepare(), by the address. */
	u32 *heads = READ_ONCE(mmu->heads[page]);

	return heads ? &heads[gfn % LG_HEADS_PER_PAGE] : NULL;
}

/**
 * lg_rmap_add() - put an spte into the list of the frame that it maps
 * @mmu: the guest's shadow tables
 * @leaf: the leaf
 * @index: of the spte in it
 * @pte: the lower half of the guest's pte, which holds the frame;
 *	lg_rmap_prepare() was called for that frame
 *
 * Context: &lg_mmu.lock held.
 */
static inline void lg_rmap_add(struct lg_mmu *mmu, struct lg_leaf *leaf,
			       unsigned int index, u32 pte)
{
	struct lg_rmap_link *link = &leaf->link[index];
	u32 *head = lg_head_of(mmu, pte >> PAGE_SHIFT);

	__set_bit(index, leaf->filled);
	leaf->ptes[index] = pte;
	link->prev = 0;
	link->next = *head;
	*head = lg_slot_of(leaf, index);
	if (link->next)
		lg_link_of(mmu, link->next)->prev = *head;
}

/**
 * lg_rmap_spte() - find an spte that maps a frame, among the first few
 * @mmu: the guest's shadow tables
 * @gfn: the frame
 * @write: it must be writable
 *
 * As long as the spte is there, so is the host's page that it names.
 *
 * Context: &lg_mmu.lock held.
 * Return: the spte, or 0.
 */
static inline u64 lg_rmap_spte(struct lg_mmu *mmu, u32 gfn, bool write)
{
	u64 wanted = LG_PTE_PRESENT | (write ? LG_PTE_WRITE : 0);
	u32 *head = lg_head_of(mmu, gfn);
	u32 slot = head ? *head : 0;
	unsigned int i;

	/* A page that a hundred processes map must not take a hundred steps. */
	for (i = 0; slot && i < LG_LOOKS; i++, slot = lg_link_of(mmu, slot)->next) {
		u64 entry;

		entry = lg_leaf_of(mmu, slot)->sptes[slot % LG_TABLE_ENTRIES];
		if ((entry & wanted) == wanted)
			return entry;
	}
	return 0;
}

/* The pde that leads to a table at @gpa: the switcher compares pdes with it */
static inline u32 lg_direct_map_entry(u32 gpa)
{
	return (gpa & PAGE_MASK) | LG_PTE_PRESENT | LG_PTE_WRITE | LG_PTE_USER;
}

static inline u32 *lg_direct_map_slot(struct lguest *lg, u32 gpa)
{
	return &lg->direct_map[(gpa >> PAGE_SHIFT) % LG_DIRECT_MAP_PAGES];
}

/**
 * lg_direct_map_known() - whether the switcher may read a page by the direct map
 * @lg: the guest; its own task calls
 * @gpa: an address in the page
 *
 * Return: true if it may.
 */
static inline bool lg_direct_map_known(struct lguest *lg, u32 gpa)
{
	return *lg_direct_map_slot(lg, gpa) == lg_direct_map_entry(gpa);
}

#endif /* LG_LOOKUP_H */
