// SPDX-License-Identifier: GPL-2.0
/*
 * The tables that the CPU walks, as such: made, found, linked to each other,
 * and freed. What their entries say is page_tables.c's business.
 *
 * A root covers 4 GiB: 4 directory pointers, directories of 512 entries, and
 * leaves of 512 entries. Both guest formats (guest/tables.c) fit: it is the
 * shape of a PAE guest's, and an entry of a 2-level guest's directory covers
 * two of our leaves. From kernel_address up all tables of a guest agree (ABI.md
 * section 6), so directories up there exist once per guest.
 *
 * When a guest flushes its TLB, or changes a directory, only a few of the
 * entries below have become wrong as a rule. So a leaf is unlinked then, and
 * kept; and when the guest comes there again, those entries that its tables no
 * longer bear out are dropped before it is linked again. Where it has just been
 * it will come again as a rule, so that is done at once when it flushes. It pays
 * for what it uses, and not for what it has.
 *
 * The vCPU's task alone makes, links and frees tables. Entries of leaves also go
 * when the Launcher's memory changes (shadow/notifier.c); &lg_mmu.lock covers those.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "../cpu.h"
#include "../guest/tables.h"
#include "../lg.h"
#include "lookup.h"

#define TABLE_FLAGS	(LG_PTE_PRESENT | LG_PTE_WRITE | LG_PTE_USER | \
			 LG_PTE_ACCESSED)

/* The most that filling one entry may need: root, directory, leaf. */
#define FILL_MAX	5

static u64 entry_of(void *table)
{
	return virt_to_phys(table) | lg_pte_encryption | TABLE_FLAGS;
}

/*
 * An entry that is not present, but from which the leaf is found. The address is
 * inverted: a CPU with the L1TF flaw guesses with what is there, and this is
 * beyond any memory.
 */
static u64 unlinked(u64 entry)
{
	return (entry ^ LG_PTE_PFN) & ~LG_PTE_PRESENT;
}

static u64 linked(u64 entry)
{
	return (entry ^ LG_PTE_PFN) | LG_PTE_PRESENT;
}

static u64 *alloc_table(struct lguest *lg)
{
	u64 *table = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);

	if (table)
		lg->mmu.tables++;
	return table;
}

static void free_table(struct lguest *lg, u64 *table)
{
	if (!table)
		return;
	free_page((unsigned long)table);
	lg->mmu.tables--;
}

/* From which of the guest's directories one is filled; 0 without PAE tables */
static u32 guest_pd_of(struct lguest *lg, struct lg_root *root,
		       unsigned int i)
{
	return lg_is_shared_directory(lg, i) ? lg->mmu.kernel_pd_gpa[i] :
					       root->guest_pd[i].gpa;
}

static unsigned long *links_of(struct lguest *lg, struct lg_root *root,
			       unsigned int i)
{
	return lg_is_shared_directory(lg, i) ? lg->mmu.kernel_links[i] :
					    root->links[i];
}

static struct lg_leaf *leaf_at(u64 pde)
{
	if (!pde)
		return NULL;
	if (!(pde & LG_PTE_PRESENT))
		pde = linked(pde);
	return lg_linked_leaf(pde);
}

static void free_leaf(struct lguest *lg, struct lg_leaf *leaf)
{
	struct lg_mmu *mmu = &lg->mmu;
	unsigned int i;

	spin_lock(&mmu->lock);
	for_each_set_bit(i, leaf->filled, LG_TABLE_ENTRIES)
		lg_zap_spte(mmu, leaf, i);
	spin_unlock(&mmu->lock);

	lg_rmap_remove_leaf(mmu, leaf);
	set_page_private(virt_to_page(leaf->sptes), 0);
	free_table(lg, leaf->sptes);
	kvfree(leaf);
}

static struct lg_leaf *alloc_leaf(struct lguest *lg)
{
	struct lg_leaf *leaf;

	leaf = kvzalloc(sizeof(*leaf), GFP_KERNEL_ACCOUNT);
	if (!leaf)
		return NULL;
	leaf->sptes = alloc_table(lg);
	if (!leaf->sptes)
		goto free_struct;
	if (lg_rmap_add_leaf(&lg->mmu, leaf))
		goto free_entries;
	set_page_private(virt_to_page(leaf->sptes), (unsigned long)leaf);
	return leaf;

free_entries:
	free_table(lg, leaf->sptes);
free_struct:
	kvfree(leaf);
	return NULL;
}

/**
 * lg_find_leaf() - the leaf for an address, linked or not
 * @lg: the guest; its own task calls
 * @root: a root of its
 * @gva: the address
 *
 * Return: the leaf or NULL.
 */
struct lg_leaf *lg_find_leaf(struct lguest *lg, struct lg_root *root, u32 gva)
{
	u64 *pd = lg_find_directory(lg, root, gva >> LG_DIRECTORY_SHIFT);

	return pd ? leaf_at(pd[lg_pde_index(gva)]) : NULL;
}

/* The directory for an address, made and linked if need be. */
static u64 *make_directory(struct lguest *lg, struct lg_root *root,
			   unsigned int i)
{
	u64 *pd = lg_find_directory(lg, root, i);

	if (!pd) {
		pd = alloc_table(lg);
		if (!pd)
			return NULL;
		if (lg_is_shared_directory(lg, i))
			lg->mmu.kernel_pd[i] = pd;
		else
			root->pd[i] = pd;
	}
	/* Another root may have made the shared one. */
	root->pdpt[i] = entry_of(pd);
	return pd;
}

/**
 * lg_link_leaf() - the leaf for an address, where the CPU finds it
 * @lg: the guest; its own task calls
 * @root: a root of its
 * @map: what the guest's tables say of @gva
 * @gva: the address
 *
 * One that was unlinked has no entries left that the guest's tables don't bear
 * out.
 *
 * Context: may sleep.
 * Return: the leaf; NULL without memory, or with the guest dead.
 */
struct lg_leaf *lg_link_leaf(struct lguest *lg, struct lg_root *root,
			     const struct lg_mapping *map, u32 gva)
{
	unsigned int i = gva >> LG_DIRECTORY_SHIFT;
	u64 *pd = make_directory(lg, root, i);
	struct lg_leaf *leaf;
	u64 *pde;

	if (!pd)
		return NULL;
	pde = &pd[lg_pde_index(gva)];
	if (*pde & LG_PTE_PRESENT)
		return leaf_at(*pde);

	leaf = leaf_at(*pde);
	if (!leaf) {
		leaf = alloc_leaf(lg);
		if (!leaf)
			return NULL;
		*pde = unlinked(entry_of(leaf->sptes));
	}
	if (!lg_sync_leaf(lg, leaf, map))
		return NULL;
	WRITE_ONCE(*pde, entry_of(leaf->sptes));
	__set_bit(lg_pde_index(gva), links_of(lg, root, i));
	return leaf;
}

/**
 * lg_unlink_leaf() - look again at what the guest's tables say, before next use
 * @lg: the guest; its own task calls
 * @root: a root of its
 * @gva: an address whose directory entry may have changed
 */
void lg_unlink_leaf(struct lguest *lg, struct lg_root *root, u32 gva)
{
	unsigned int i = gva >> LG_DIRECTORY_SHIFT;
	u64 *pd = lg_find_directory(lg, root, i);
	unsigned int index = lg_pde_index(gva);

	if (!pd || !(pd[index] & LG_PTE_PRESENT))
		return;
	WRITE_ONCE(pd[index], unlinked(pd[index]));
	__clear_bit(index, links_of(lg, root, i));
	lg_inc_tlb_gen(&lg->mmu);
}

/**
 * lg_unlink_directory() - the same for all that a directory covers
 * @lg: the guest; its own task calls
 * @root: a root of its
 * @i: which of its four
 */
void lg_unlink_directory(struct lguest *lg, struct lg_root *root,
			 unsigned int i)
{
	unsigned long *links = links_of(lg, root, i);
	u64 *pd = lg_find_directory(lg, root, i);
	unsigned int index;

	if (!pd || bitmap_empty(links, LG_TABLE_ENTRIES))
		return;
	for_each_set_bit(index, links, LG_TABLE_ENTRIES)
		WRITE_ONCE(pd[index], unlinked(pd[index]));
	bitmap_zero(links, LG_TABLE_ENTRIES);
	lg_inc_tlb_gen(&lg->mmu);
}

static void set_guest_pd(struct lg_mmu *mmu, struct lg_guest_pd *tracked, u32 pd_gpa)
{
	if (tracked->gpa)
		hash_del(&tracked->node);
	tracked->gpa = pd_gpa;
	if (pd_gpa)
		hash_add(mmu->guest_pds, &tracked->node, pd_gpa);
}

/**
 * lg_set_guest_pd() - from which of the guest's directories one is filled
 * @lg: the guest; its own task calls
 * @root: a root of its
 * @gva: an address in our directory
 * @pd_gpa: the guest's, or 0 if it has no PAE tables
 *
 * If it is another than before, the guest's entry is ahead of its SET_PGD. This is
 * kept beside ours, as SET_PMD names a directory, not the root that it hangs off; and
 * a shared one outlives the root by which it was filled.
 */
void lg_set_guest_pd(struct lguest *lg, struct lg_root *root, u32 gva,
		     u32 pd_gpa)
{
	unsigned int i = gva >> LG_DIRECTORY_SHIFT;

	if (guest_pd_of(lg, root, i) == pd_gpa)
		return;
	lg_unlink_directory(lg, root, i);
	if (lg_is_shared_directory(lg, i))
		lg->mmu.kernel_pd_gpa[i] = pd_gpa;
	else
		set_guest_pd(&lg->mmu, &root->guest_pd[i], pd_gpa);
}

/**
 * lg_unlink_guest_pd() - unlink what one entry of a guest's directory leads to
 * @lg: a guest with PAE tables; its own task calls
 * @pd_gpa: the directory
 * @index: the entry
 *
 * Several roots may have that directory, at several places.
 */
void lg_unlink_guest_pd(struct lguest *lg, u32 pd_gpa, unsigned int index)
{
	struct lg_mmu *mmu = &lg->mmu;
	u32 offset = index * LG_LEAF_SPAN;
	struct lg_guest_pd *tracked;
	unsigned int i;

	hash_for_each_possible(mmu->guest_pds, tracked, node, pd_gpa) {
		cond_resched();
		i = tracked - tracked->root->guest_pd;
		if (tracked->gpa == pd_gpa)
			lg_unlink_leaf(lg, tracked->root,
				       (i << LG_DIRECTORY_SHIFT) + offset);
	}
	for (i = 0; i < LG_DIRECTORIES; i++) {
		if (lg_is_shared_directory(lg, i) &&
		    mmu->kernel_pd_gpa[i] == pd_gpa)
			lg_unlink_leaf(lg, mmu->root,
				       (i << LG_DIRECTORY_SHIFT) + offset);
	}
}

/**
 * lg_unlink_private() - the same for what a root has for itself
 * @lg: the guest; its own task calls
 * @root: a root of its
 *
 * That is what lies below kernel_address, and a rest.
 */
void lg_unlink_private(struct lguest *lg, struct lg_root *root)
{
	unsigned int i;

	for (i = 0; i < LG_DIRECTORIES; i++) {
		if (!lg_is_shared_directory(lg, i))
			lg_unlink_directory(lg, root, i);
	}
}

/*
 * The guest has flushed this part of its TLB. The CPU notes by which entries of
 * a directory it went.
 */
static void sync_directory(struct lguest *lg, struct lg_root *root,
			   unsigned int i)
{
	unsigned long *links = links_of(lg, root, i);
	u64 *pd = lg_find_directory(lg, root, i);
	struct lg_mapping map;
	unsigned int index;

	if (!pd)
		return;
	for_each_set_bit(index, links, LG_TABLE_ENTRIES) {
		u32 gva = (i << LG_DIRECTORY_SHIFT) + index * LG_LEAF_SPAN;
		u64 pde = READ_ONCE(pd[index]);

		if (pde & LG_PTE_ACCESSED &&
		    lg_find_table(lg, root->gpa, gva, &map) &&
		    map.pd_gpa == guest_pd_of(lg, root, i) &&
		    lg_sync_leaf(lg, leaf_at(pde), &map)) {
			WRITE_ONCE(pd[index], pde & ~LG_PTE_ACCESSED);
		} else {
			WRITE_ONCE(pd[index], unlinked(pde));
			__clear_bit(index, links);
		}
		cond_resched();
	}
	/* Nor does it note anew what it need not look up anew. */
	lg_inc_tlb_gen(&lg->mmu);
}

/**
 * lg_sync_private() - the guest has flushed what a root has for itself
 * @lg: the guest; its own task calls
 * @root: the root in use
 *
 * Context: may sleep.
 */
void lg_sync_private(struct lguest *lg, struct lg_root *root)
{
	unsigned int i;

	for (i = 0; i < LG_DIRECTORIES; i++) {
		if (!lg_is_shared_directory(lg, i))
			sync_directory(lg, root, i);
	}
}

/**
 * lg_sync_shared() - the guest has flushed what all roots share
 * @lg: the guest; its own task calls
 *
 * Context: may sleep.
 */
void lg_sync_shared(struct lguest *lg)
{
	unsigned int i;

	for (i = 0; i < LG_DIRECTORIES; i++) {
		if (lg_is_shared_directory(lg, i))
			sync_directory(lg, lg->mmu.root, i);
	}
}

static void free_leaves(struct lguest *lg, u64 *pd, unsigned long *links)
{
	unsigned int i;

	bitmap_zero(links, LG_TABLE_ENTRIES);
	for (i = 0; i < LG_TABLE_ENTRIES; i++) {
		struct lg_leaf *leaf = leaf_at(pd[i]);

		if (!leaf)
			continue;
		WRITE_ONCE(pd[i], 0);
		free_leaf(lg, leaf);
		cond_resched();
	}
	/* Of a leaf without entries, too, the CPU may know where it was. */
	lg_inc_tlb_gen(&lg->mmu);
}

/**
 * lg_free_private() - free the tables that a root has for itself
 * @lg: the guest; its own task calls
 * @root: a root of its
 *
 * Context: may sleep.
 */
void lg_free_private(struct lguest *lg, struct lg_root *root)
{
	unsigned int i;

	for (i = 0; i < LG_DIRECTORIES; i++) {
		u64 *pd = root->pd[i];

		if (!pd)
			continue;
		free_leaves(lg, pd, root->links[i]);
		root->pd[i] = NULL;
		root->pdpt[i] = 0;
		free_table(lg, pd);
	}
}

/**
 * lg_free_shared() - free the leaves that all roots share
 * @lg: the guest; its own task calls
 *
 * Context: may sleep.
 */
void lg_free_shared(struct lguest *lg)
{
	unsigned int i;

	for (i = 0; i < LG_DIRECTORIES; i++) {
		if (lg->mmu.kernel_pd[i])
			free_leaves(lg, lg->mmu.kernel_pd[i],
				    lg->mmu.kernel_links[i]);
	}
}

/* Where a root is if it was looked for lately. A PAE guest has 128 to a page. */
static struct lg_root **root_cache_slot(struct lguest *lg, u32 gpa)
{
	return &lg->mmu.root_cache[(gpa / 32 ^ gpa >> PAGE_SHIFT) % LG_ROOT_CACHE];
}

/**
 * lg_find_root() - the shadow of a top-level table
 * @lg: the guest; its own task calls
 * @gpa: what the guest calls it by
 *
 * Return: the root or NULL.
 */
struct lg_root *lg_find_root(struct lguest *lg, u32 gpa)
{
	struct lg_root **cached = root_cache_slot(lg, gpa);

	if (!*cached || (*cached)->gpa != gpa) {
		struct lg_root *root = xa_load(&lg->mmu.by_gpa, gpa / 32);

		if (!root || root->gpa != gpa)
			return NULL;
		*cached = root;
	}
	return *cached;
}

/**
 * lg_alloc_root() - an empty shadow for a top-level table
 * @lg: the guest; its own task calls
 * @gpa: what the guest calls it by
 *
 * Context: may sleep.
 * Return: the root or NULL.
 */
struct lg_root *lg_alloc_root(struct lguest *lg, u32 gpa)
{
	struct lg_root *root = kzalloc(sizeof(*root), GFP_KERNEL_ACCOUNT);
	unsigned int i;

	if (!root)
		return NULL;
	root->id = ++lg->mmu.ids;
	root->gpa = gpa;
	root->flushes = lg->mmu.flushes;
	root->used = ++lg->mmu.uses;
	root->pdpt = alloc_table(lg);
	if (!root->pdpt)
		goto free_struct;
	if (lg_root_map_upper(lg, root))
		goto free_pdpt;
	if (xa_insert(&lg->mmu.by_gpa, gpa / 32, root, GFP_KERNEL_ACCOUNT))
		goto unmap;
	for (i = 0; i < LG_DIRECTORIES; i++) {
		root->guest_pd[i].root = root;
		if (lg->mmu.kernel_pd[i])
			root->pdpt[i] = entry_of(lg->mmu.kernel_pd[i]);
	}
	lg->mmu.tables += root->levels;
	list_add(&root->list, &lg->mmu.roots);
	return root;

unmap:
	lg_root_unmap_upper(root);
free_pdpt:
	free_table(lg, root->pdpt);
free_struct:
	kfree(root);
	return NULL;
}

/**
 * lg_free_root() - free a root and what it has for itself
 * @lg: the guest; its own task calls, or nobody runs it any more
 * @root: a root of its that is not in use
 *
 * Context: may sleep.
 */
void lg_free_root(struct lguest *lg, struct lg_root *root)
{
	unsigned int i;

	lg_free_private(lg, root);
	for (i = 0; i < LG_DIRECTORIES; i++)
		set_guest_pd(&lg->mmu, &root->guest_pd[i], 0);
	xa_erase(&lg->mmu.by_gpa, root->gpa / 32);
	if (*root_cache_slot(lg, root->gpa) == root)
		*root_cache_slot(lg, root->gpa) = NULL;
	list_del(&root->list);
	lg_root_unmap_upper(root);
	lg->mmu.tables -= root->levels;
	free_table(lg, root->pdpt);
	kfree(root);
	cond_resched();
}

/* Of those not in use, the one that was so the longest ago; there is one. */
static struct lg_root *least_used(struct lg_mmu *mmu)
{
	struct lg_root *root, *least = NULL;

	list_for_each_entry(root, &mmu->roots, list) {
		if (root != mmu->root && (!least || root->used < least->used))
			least = root;
		cond_resched();
	}
	return least;
}

/**
 * lg_make_room() - keep within the limit, for one more entry
 * @lg: the guest; its own task calls
 *
 * The longest unused roots go, at last everything.
 *
 * Context: may sleep.
 */
void lg_make_room(struct lguest *lg)
{
	struct lg_mmu *mmu = &lg->mmu;

	while (mmu->tables + FILL_MAX > mmu->limit &&
	       !list_is_singular(&mmu->roots))
		lg_free_root(lg, least_used(mmu));
	if (mmu->tables + FILL_MAX > mmu->limit) {
		lg_free_private(lg, mmu->root);
		lg_free_shared(lg);
	}
}

/**
 * lg_free_tables() - free all roots, and what they share
 * @lg: the guest, which nobody runs any more
 *
 * Context: may sleep.
 */
void lg_free_tables(struct lguest *lg)
{
	struct lg_mmu *mmu = &lg->mmu;
	struct lg_root *root, *next;
	unsigned int i;

	list_for_each_entry_safe(root, next, &mmu->roots, list)
		lg_free_root(lg, root);
	lg_free_shared(lg);
	for (i = 0; i < LG_DIRECTORIES; i++)
		free_table(lg, mmu->kernel_pd[i]);
	WARN_ON_ONCE(mmu->tables);
}
