// SPDX-License-Identifier: GPL-2.0
/*
 * The tables that the CPU walks, as such: this file makes, finds, links, and frees
 * them. page_tables.c decides what their entries say.
 *
 * A root covers 4 GiB: 4 directory pointers, directories of 512 entries, and
 * leaves of 512 entries. Both guest formats (guest/tables.c) fit: a PAE guest's
 * tables have this shape, and a 2-level guest's pde covers two of our leaves. From
 * kernel_address up all tables of a guest agree (ABI.md section 6), so directories
 * up there exist once per guest.
 *
 * When a guest flushes its TLB, or changes a directory, as a rule only a few of
 * the sptes below have become wrong. So we unlink the leaf and keep it. When
 * the guest next comes there, lg_sync_leaf() zaps the sptes that no longer
 * match before the leaf is linked again. As a rule a guest soon comes back to
 * where it just was, so a flush syncs at once the leaves that the CPU has used
 * since the last one. A guest pays for what it uses, not for what it has.
 *
 * The guest's task alone makes, links and frees tables. The notifier zaps sptes,
 * too, when the Launcher's memory changes (shadow/notifier.c); &lg_mmu.lock
 * protects them.
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

/* How many tables and leaves a fill may need at most: root, directory, leaf */
#define FILL_MAX	5

static u64 entry_of(void *table)
{
	return virt_to_phys(table) | lg_pte_encryption | TABLE_FLAGS;
}

/*
 * The pde of an unlinked leaf: not present, but we find the leaf by it. The
 * address is inverted, and so beyond any memory, because a CPU with the L1TF
 * flaw speculates with the address in an absent entry.
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

/* The guest's directory that one of ours shadows; 0 without PAE tables */
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

static atomic_long_t *tlb_gen_of(struct lguest *lg, struct lg_root *root,
				 unsigned int i)
{
	return lg_is_shared_directory(lg, i) ? &lg->mmu.tlb_gen : &root->tlb_gen;
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

static struct lg_leaf *alloc_leaf(struct lguest *lg, atomic_long_t *tlb_gen)
{
	struct lg_leaf *leaf;

	leaf = kvzalloc(sizeof(*leaf), GFP_KERNEL_ACCOUNT);
	if (!leaf)
		return NULL;
	leaf->tlb_gen = tlb_gen;
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
 * lg_find_leaf() - find the leaf for an address, linked or not
 * @lg: the guest; its own task calls
 * @root: one of its roots
 * @gva: the address
 *
 * Return: the leaf or NULL.
 */
struct lg_leaf *lg_find_leaf(struct lguest *lg, struct lg_root *root, u32 gva)
{
	u64 *pd = lg_find_directory(lg, root, gva >> LG_DIRECTORY_SHIFT);

	return pd ? leaf_at(pd[lg_pde_index(gva)]) : NULL;
}

/* Find one of a root's four directories, or make it, and link it. */
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
	/* Another root may have made it, if it is shared. */
	root->pdpt[i] = entry_of(pd);
	return pd;
}

/**
 * lg_link_leaf() - find the leaf for an address, or make it, and link it
 * @lg: the guest; its own task calls
 * @root: one of its roots
 * @map: what the guest's tables say of @gva
 * @gva: the address
 *
 * A leaf that was unlinked is synced before.
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
		leaf = alloc_leaf(lg, tlb_gen_of(lg, root, i));
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
 * lg_unlink_leaf() - unlink a leaf, so that it is synced before its next use
 * @lg: the guest; its own task calls
 * @root: one of its roots
 * @gva: an address whose pde in the guest's tables may have changed
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
	lg_inc_tlb_gen(tlb_gen_of(lg, root, i));
}

/**
 * lg_unlink_directory() - unlink all leaves of a directory
 * @lg: the guest; its own task calls
 * @root: one of its roots
 * @i: which of its four directories
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
	lg_inc_tlb_gen(tlb_gen_of(lg, root, i));
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
 * lg_set_guest_pd() - note which of the guest's directories one of ours shadows
 * @lg: the guest; its own task calls
 * @root: one of its roots
 * @gva: an address that our directory covers
 * @pd_gpa: the guest's directory, or 0 if it has no PAE tables
 *
 * If it is another one than before, the guest has changed its pdpte and not called
 * SET_PGD yet, so our directory's leaves are unlinked.
 *
 * We keep this for each of our directories because SET_PMD names a directory, not
 * the root that it belongs to, and because a shared directory outlives the root by
 * which it was filled.
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
 * lg_unlink_guest_pd() - unlink the leaves for one pde of the guest's
 * @lg: a guest with PAE tables; its own task calls
 * @pd_gpa: the guest's directory
 * @index: of the pde in it
 *
 * Several roots may use that directory, at several places.
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
 * lg_unlink_private() - unlink all leaves that a root does not share
 * @lg: the guest; its own task calls
 * @root: one of its roots
 *
 * These are all below kernel_address, and above it those in the same directory.
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
 * The guest has flushed this part of its TLB. Leaves that the CPU has used
 * since the last flush are synced at once: their pdes are accessed. The others
 * are unlinked.
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
	/* The CPU sets accessed bits only when it walks, so make it walk again. */
	lg_inc_tlb_gen(tlb_gen_of(lg, root, i));
}

/**
 * lg_sync_private() - sync or unlink the leaves that a root does not share
 * @lg: the guest, which has flushed its TLB; its own task calls
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
 * lg_sync_shared() - sync or unlink the leaves that all roots share
 * @lg: the guest, which has flushed its TLB; its own task calls
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

static void free_leaves(struct lguest *lg, u64 *pd, unsigned long *links,
			atomic_long_t *tlb_gen)
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
	/* The CPU may have cached the way to a leaf even if that had no sptes. */
	lg_inc_tlb_gen(tlb_gen);
}

/**
 * lg_free_private() - free the directories and leaves that a root does not share
 * @lg: the guest; its own task calls
 * @root: one of its roots
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
		free_leaves(lg, pd, root->links[i], &root->tlb_gen);
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
				    lg->mmu.kernel_links[i], &lg->mmu.tlb_gen);
	}
}

/*
 * A PAE guest may have 128 top-level tables in a page, so both parts of @gpa choose
 * the slot.
 */
static struct lg_root **root_cache_slot(struct lguest *lg, u32 gpa)
{
	return &lg->mmu.root_cache[(gpa / 32 ^ gpa >> PAGE_SHIFT) % LG_ROOT_CACHE];
}

/**
 * lg_find_root() - find the root for a top-level table
 * @lg: the guest; its own task calls
 * @gpa: the guest's name for it, see &lg_root.gpa
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
 * lg_alloc_root() - make an empty root for a top-level table
 * @lg: the guest; its own task calls
 * @gpa: the guest's name for it, see &lg_root.gpa
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
 * lg_free_root() - free a root and the tables that it does not share
 * @lg: the guest; its own task calls, or nobody runs it any more
 * @root: one of its roots, not in use
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

/* The root that has been out of use for longest. There must be one. */
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
 * lg_make_room() - free tables until the limit leaves room for one more fill
 * @lg: the guest; its own task calls
 *
 * The roots that have been out of use for longest go first. If that is not enough,
 * the current one is emptied.
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
 * lg_free_tables() - free all roots, and the tables that they share
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
