// SPDX-License-Identifier: GPL-2.0
/*
 * Shadow paging. The guest keeps page tables of its own, which name guest
 * frames and which no CPU ever walks. The CPU walks ours, which name host
 * frames and which start empty: each fault either fills one entry from the
 * guest's tables, or is the guest's own and is reflected. A shadow entry is a
 * cache, like a TLB entry: dropping one is always right and only costs a
 * fault.
 *
 * A root covers 4 GiB: 4 directory pointers, directories of 512 entries, and
 * leaves of 512 entries. Both guest formats (guest_tables.c) fit: it is the
 * shape of a PAE guest's, and an entry of a 2-level guest's directory covers
 * two of our leaves. From kernel_address up all tables of a
 * guest agree (ABI.md section 6), so directories up there exist once per guest.
 *
 * The vCPU's task alone makes, links and frees tables. Entries of leaves also
 * go when the Launcher's memory changes (mmu_notifier.c); &lg_mmu.lock covers
 * those. Nothing here flushes a TLB: every entry to the guest starts with none
 * of its translations cached.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "cpu.h"
#include "lg.h"

#define LEAF_SPAN	BIT(21)
#define DIRECTORY_SHIFT	30

#define TABLE_FLAGS	(LG_PTE_PRESENT | LG_PTE_WRITE | LG_PTE_USER | \
			 LG_PTE_ACCESSED)

/* The most that filling one entry may need: root, directory, leaf. */
#define FILL_MAX	5

/* How much a fill is worth: the page as it is, or a fault of the host's. */
enum effort {
	FILL_IF_THERE,
	FILL_FOR_READ,
	FILL_FOR_WRITE,
};

static u64 entry_of(void *table)
{
	return virt_to_phys(table) | lg_pte_encryption | TABLE_FLAGS;
}

static void *table_at(u64 entry)
{
	return phys_to_virt(entry & LG_PTE_PFN & ~lg_pte_encryption);
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

/* Does a directory lie wholly in the part that all roots share? */
static bool is_shared(struct lguest *lg, unsigned int directory)
{
	return lg->kernel_address &&
	       directory << DIRECTORY_SHIFT >= lg->kernel_address;
}

static bool is_kernel(struct lguest *lg, u32 gva)
{
	return lg->kernel_address && gva >= lg->kernel_address;
}

static struct lg_leaf *leaf_at(u64 pde)
{
	if (!(pde & LG_PTE_PRESENT))
		return NULL;
	return (struct lg_leaf *)page_private(virt_to_page(table_at(pde)));
}

static void free_leaf(struct lguest *lg, struct lg_leaf *leaf)
{
	struct lg_mmu *mmu = &lg->mmu;
	unsigned int i;

	spin_lock(&mmu->lock);
	for (i = 0; i < LG_TABLE_ENTRIES; i++)
		lg_zap_entry(mmu, leaf, i);
	spin_unlock(&mmu->lock);

	xa_erase(&mmu->leaves, leaf->id);
	set_page_private(virt_to_page(leaf->entries), 0);
	free_table(lg, leaf->entries);
	kvfree(leaf);
}

static struct lg_leaf *alloc_leaf(struct lguest *lg)
{
	struct lg_leaf *leaf;

	leaf = kvzalloc(sizeof(*leaf), GFP_KERNEL_ACCOUNT);
	if (!leaf)
		return NULL;
	leaf->entries = alloc_table(lg);
	if (!leaf->entries)
		goto free_struct;
	if (xa_alloc(&lg->mmu.leaves, &leaf->id, leaf,
		     XA_LIMIT(1, U32_MAX / LG_TABLE_ENTRIES - 1),
		     GFP_KERNEL_ACCOUNT))
		goto free_entries;
	set_page_private(virt_to_page(leaf->entries), (unsigned long)leaf);
	return leaf;

free_entries:
	free_table(lg, leaf->entries);
free_struct:
	kvfree(leaf);
	return NULL;
}

static u64 *find_directory(struct lguest *lg, struct lg_root *root,
			   unsigned int i)
{
	if (is_shared(lg, i))
		return lg->mmu.kernel_pd[i];
	return root->pdpt[i] & LG_PTE_PRESENT ? table_at(root->pdpt[i]) : NULL;
}

/* The directory entry for an address, or NULL if there is no directory. */
static u64 *find_pde(struct lguest *lg, struct lg_root *root, u32 gva)
{
	u64 *pd = find_directory(lg, root, gva >> DIRECTORY_SHIFT);

	return pd ? &pd[(gva / LEAF_SPAN) % LG_TABLE_ENTRIES] : NULL;
}

static struct lg_leaf *find_leaf(struct lguest *lg, struct lg_root *root,
				 u32 gva)
{
	u64 *pde = find_pde(lg, root, gva);

	return pde ? leaf_at(*pde) : NULL;
}

/* The same, with what is missing made and linked; NULL without memory. */
static struct lg_leaf *make_leaf(struct lguest *lg, struct lg_root *root,
				 u32 gva)
{
	unsigned int i = gva >> DIRECTORY_SHIFT;
	struct lg_leaf *leaf;
	u64 *pde, *pd;

	if (!find_pde(lg, root, gva)) {
		pd = alloc_table(lg);
		if (!pd)
			return NULL;
		if (is_shared(lg, i))
			lg->mmu.kernel_pd[i] = pd;
		root->pdpt[i] = entry_of(pd);
	}
	/* Another root may have made the shared one. */
	if (is_shared(lg, i))
		root->pdpt[i] = entry_of(lg->mmu.kernel_pd[i]);

	pde = find_pde(lg, root, gva);
	leaf = leaf_at(*pde);
	if (!leaf) {
		leaf = alloc_leaf(lg);
		if (leaf)
			WRITE_ONCE(*pde, entry_of(leaf->entries));
	}
	return leaf;
}

static void drop_leaf(struct lguest *lg, u64 *pde)
{
	struct lg_leaf *leaf = pde ? leaf_at(*pde) : NULL;

	if (!leaf)
		return;
	WRITE_ONCE(*pde, 0);
	free_leaf(lg, leaf);
}

static void drop_directory(struct lguest *lg, u64 *pd)
{
	unsigned int i;

	for (i = 0; i < LG_TABLE_ENTRIES; i++)
		drop_leaf(lg, &pd[i]);
}

static void drop_shared(struct lguest *lg)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lg->mmu.kernel_pd); i++) {
		if (lg->mmu.kernel_pd[i])
			drop_directory(lg, lg->mmu.kernel_pd[i]);
	}
}

/* The part of a root that is its own: below kernel_address, and a rest. */
static void drop_private(struct lguest *lg, struct lg_root *root)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		if (!is_shared(lg, i) && root->pdpt[i] & LG_PTE_PRESENT)
			drop_directory(lg, table_at(root->pdpt[i]));
	}
}

/*
 * SET_PMD names a directory, not the root that it hangs off. So it is remembered
 * from which directory of the guest's each of ours is filled: beside that, since
 * a shared one outlives the root by which it was.
 */
static u32 *directory_noted(struct lguest *lg, struct lg_root *root,
			    unsigned int i)
{
	return is_shared(lg, i) ? &lg->mmu.kernel_pd_gpa[i] : &root->pd_gpa[i];
}

static void note_directory(struct lguest *lg, struct lg_root *root, u32 gva,
			   u32 pd_gpa)
{
	unsigned int i = gva >> DIRECTORY_SHIFT;
	u32 *noted = directory_noted(lg, root, i);
	u64 *pd = find_directory(lg, root, i);

	if (*noted == pd_gpa)
		return;
	/* The guest's entry is ahead of its SET_PGD. */
	if (pd)
		drop_directory(lg, pd);
	*noted = pd_gpa;
}

static void free_root(struct lguest *lg, struct lg_root *root)
{
	unsigned int i;

	drop_private(lg, root);
	for (i = 0; i < 4; i++) {
		if (!is_shared(lg, i) && root->pdpt[i] & LG_PTE_PRESENT)
			free_table(lg, table_at(root->pdpt[i]));
	}
	xa_erase(&lg->mmu.by_gpa, root->gpa / 32);
	list_del(&root->list);
	lg_root_unmap_upper(root);
	lg->mmu.tables -= root->levels;
	free_table(lg, root->pdpt);
	kfree(root);
}

static struct lg_root *find_root(struct lguest *lg, u32 gpa)
{
	struct lg_root *root = xa_load(&lg->mmu.by_gpa, gpa / 32);

	return root && root->gpa == gpa ? root : NULL;
}

static struct lg_root *alloc_root(struct lguest *lg, u32 gpa)
{
	struct lg_root *root = kzalloc(sizeof(*root), GFP_KERNEL_ACCOUNT);
	unsigned int i;

	if (!root)
		return NULL;
	root->gpa = gpa;
	root->pdpt = alloc_table(lg);
	if (!root->pdpt)
		goto free_struct;
	if (lg_root_map_upper(lg, root))
		goto free_pdpt;
	if (xa_insert(&lg->mmu.by_gpa, gpa / 32, root, GFP_KERNEL_ACCOUNT))
		goto unmap;
	for (i = 0; i < 4; i++) {
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

/* Keep within the limit: the longest unused roots go, at last everything. */
static void make_room(struct lguest *lg)
{
	struct lg_mmu *mmu = &lg->mmu;

	while (mmu->tables + FILL_MAX > mmu->limit &&
	       !list_is_singular(&mmu->roots)) {
		struct lg_root *last;

		last = list_last_entry(&mmu->roots, struct lg_root, list);
		if (last == mmu->root)
			list_move(&last->list, &mmu->roots);
		else
			free_root(lg, last);
	}
	if (mmu->tables + FILL_MAX > mmu->limit) {
		drop_private(lg, mmu->root);
		drop_shared(lg);
	}
}

static void out_of_memory(struct lguest *lg)
{
	lg_kill(lg, "the host has no memory left for it");
}

/*
 * One host page for a guest frame. *@writable on entry: welcome to be, if it
 * needs no fault of the host's.
 */
static struct page *get_page_of(struct lguest *lg, u32 gfn, enum effort effort,
				bool *writable)
{
	unsigned long addr = lg->base + ((unsigned long)gfn << PAGE_SHIFT);
	struct page *page;
	int got = 0;

	if (*writable)
		got = get_user_page_fast_only(addr, FOLL_WRITE, &page);
	if (!got) {
		*writable = effort == FILL_FOR_WRITE;
		if (effort == FILL_IF_THERE)
			got = get_user_page_fast_only(addr, 0, &page);
		else
			got = get_user_pages_fast(addr, 1,
						  *writable ? FOLL_WRITE : 0,
						  &page);
	}
	if (got != 1)
		return ERR_PTR(got < 0 ? got : -EFAULT);
	if (*writable && !PageDirty(page))
		set_page_dirty_lock(page);
	return page;
}

/*
 * Let the shadow map @gva as @map says. Return 0, or -EINTR with a signal
 * pending or the guest dead.
 */
static int fill(struct lguest *lg, struct lg_root *root, u32 gva,
		const struct lg_mapping *map, enum effort effort)
{
	struct lg_mmu *mmu = &lg->mmu;
	u64 rights = lg_mapping_rights(map);
	struct lg_leaf *leaf;
	bool may_write, done;
	struct page *page;
	unsigned int index = (gva >> PAGE_SHIFT) % LG_TABLE_ENTRIES;
	unsigned long seq;
	u64 entry;

	/*
	 * A page that the guest has not written yet stays read-only, so that
	 * its first write shows and can be noted in the guest's dirty bit.
	 */
	may_write = rights & LG_PTE_WRITE && map->pte & LG_PTE_DIRTY;

	note_directory(lg, root, gva, map->pd_gpa);
	leaf = make_leaf(lg, root, gva);
	if (!leaf || lg_rmap_prepare(mmu, map->gfn)) {
		out_of_memory(lg);
		return -EINTR;
	}

	do {
		bool writable = may_write;

		spin_lock(&mmu->lock);
		seq = mmu->seq;
		done = !mmu->invalidations;
		spin_unlock(&mmu->lock);
		if (!done) {
			if (wait_event_killable(mmu->settled,
						!READ_ONCE(mmu->invalidations)))
				return -EINTR;
			continue;
		}

		page = get_page_of(lg, map->gfn, effort, &writable);
		if (IS_ERR(page)) {
			if (effort == FILL_IF_THERE)
				return 0;
			if (PTR_ERR(page) == -EFAULT ||
			    PTR_ERR(page) == -EHWPOISON)
				lg_memory_gone(lg, map->gfn << PAGE_SHIFT);
			else if (PTR_ERR(page) == -ENOMEM)
				out_of_memory(lg);
			/* Otherwise a signal came first: the guest tries again. */
			return -EINTR;
		}
		entry = ((u64)page_to_pfn(page) << PAGE_SHIFT) |
			lg_pte_encryption | LG_PTE_PRESENT | LG_PTE_ACCESSED |
			(rights & (LG_PTE_USER | lg_pte_nx));
		if (writable)
			entry |= LG_PTE_WRITE | LG_PTE_DIRTY;

		spin_lock(&mmu->lock);
		done = !lg_mmu_unsettled(mmu, seq);
		if (done) {
			lg_zap_entry(mmu, leaf, index);
			lg_rmap_add(mmu, leaf, index, map->gfn);
			WRITE_ONCE(leaf->entries[index], entry);
		}
		spin_unlock(&mmu->lock);
		put_page(page);
	} while (!done);
	return 0;
}

/* What the CPU would have pushed had it walked the guest's own tables. */
static u32 guest_error_code(struct lguest *lg, u32 error_code,
			    const struct lg_mapping *map)
{
	u32 kept = LG_PF_WRITE | LG_PF_USER;

	/* Without NX there is no bit for a fetch either. */
	if (lg->mmu.pae && lg_pte_nx)
		kept |= LG_PF_FETCH;
	return (error_code & kept) | (map->present ? LG_PF_PRESENT : 0);
}

/**
 * lg_page_fault() - find out what a page fault in the guest means
 * @lg: the guest; its own task calls
 * @gva: faulting address (cr2)
 * @error_code: as the CPU pushed it for our tables; if the fault is the
 *	guest's own, as it would have for the guest's
 *
 * Context: may sleep.
 * Return: what to do, see &enum lg_fault.
 */
enum lg_fault lg_page_fault(struct lguest *lg, u32 gva, u32 *error_code)
{
	bool write = *error_code & LG_PF_WRITE;
	bool user = *error_code & LG_PF_USER;
	bool fetch = *error_code & LG_PF_FETCH;
	struct lg_mapping map;
	u64 rights;

	if (*error_code & LG_PF_RESERVED) {
		lg_kill(lg, "shadow page table broken at %#x", gva);
		return LG_FAULT_RETRY;
	}
	if (!lg_walk(lg, gva, &map))
		return LG_FAULT_RETRY;

	rights = lg_mapping_rights(&map);
	if (!map.present || (write && !(rights & LG_PTE_WRITE)) ||
	    (user && !(rights & LG_PTE_USER)) ||
	    (fetch && rights & lg_pte_nx)) {
		*error_code = guest_error_code(lg, *error_code, &map);
		return LG_FAULT_GUEST;
	}
	if (fetch && !user && rights & LG_PTE_USER)
		lg->mmu.executes_user = true;

	if (!lg_mark_used(lg, &map, write))
		return LG_FAULT_RETRY;
	if (map.gfn >= lg->pfn_limit) {
		lg_defer_device_access(lg, map.gfn << PAGE_SHIFT |
				       offset_in_page(gva),
				       guest_error_code(lg, *error_code, &map));
		return LG_FAULT_RETRY;
	}
	make_room(lg);
	if (fill(lg, lg->mmu.root, gva, &map,
		 write ? FILL_FOR_WRITE : FILL_FOR_READ))
		return LG_FAULT_RETRY;
	return LG_FAULT_FIXED;
}

/**
 * lg_new_page_table() - LHCALL_NEW_PGTABLE: the guest changes its cr3
 * @lg: the guest; its own task calls
 * @cr3: gpa of the top-level table
 *
 * Context: may sleep.
 */
void lg_new_page_table(struct lguest *lg, u32 cr3)
{
	struct lg_mmu *mmu = &lg->mmu;
	struct lg_root *identity = NULL;
	struct lg_root *root;

	if (mmu->root->gpa == LG_IDENTITY) {
		if (mmu->boot_table && cr3 == mmu->boot_table)
			return;
		if (!lg_find_format(lg, cr3))
			return;
		identity = mmu->root;
	} else if (!lg_check_top(lg, cr3)) {
		return;
	}

	root = find_root(lg, cr3);
	if (!root) {
		make_room(lg);
		root = alloc_root(lg, cr3);
		if (!root) {
			out_of_memory(lg);
			return;
		}
	}
	mmu->root = root;
	list_move(&root->list, &mmu->roots);
	if (identity) {
		free_root(lg, identity);
		drop_shared(lg);
	}
}

/**
 * lg_flush_tlb() - LHCALL_FLUSH_TLB
 * @lg: the guest; its own task calls
 * @all: everything, not only the user part of the current table
 *
 * Context: may sleep.
 */
void lg_flush_tlb(struct lguest *lg, bool all)
{
	struct lg_root *root = lg->mmu.root;

	if (all) {
		list_for_each_entry(root, &lg->mmu.roots, list)
			drop_private(lg, root);
		drop_shared(lg);
	} else {
		drop_private(lg, root);
	}
}

/*
 * Every root in which a change of one guest table shows: the one it belongs
 * to, or for a kernel address all; but shared directories just once.
 */
static struct lg_root *first_affected(struct lguest *lg, u32 cr3, u32 gva)
{
	if (is_kernel(lg, gva))
		return list_first_entry(&lg->mmu.roots, struct lg_root, list);
	return find_root(lg, cr3);
}

static struct lg_root *next_affected(struct lguest *lg, struct lg_root *root,
				     u32 gva)
{
	if (!is_kernel(lg, gva) || is_shared(lg, gva >> DIRECTORY_SHIFT) ||
	    list_is_last(&root->list, &lg->mmu.roots))
		return NULL;
	return list_next_entry(root, list);
}

/**
 * lg_set_pte() - LHCALL_SET_PTE: one entry of a guest's table changed
 * @lg: the guest; its own task calls
 * @cr3: gpa of the top-level table it belongs to
 * @gva: the address it maps
 * @pte: what it is now; 0 also means "forget what you know of @gva"
 *
 * Context: may sleep.
 */
void lg_set_pte(struct lguest *lg, u32 cr3, u32 gva, u64 pte)
{
	unsigned int index = (gva >> PAGE_SHIFT) % LG_TABLE_ENTRIES;
	struct lg_mapping map;
	struct lg_root *root;

	if (!lg_check_pte(lg, gva, pte))
		return;
	for (root = first_affected(lg, cr3, gva); root;
	     root = next_affected(lg, root, gva)) {
		struct lg_leaf *leaf = find_leaf(lg, root, gva);

		if (!leaf)
			continue;
		spin_lock(&lg->mmu.lock);
		lg_zap_entry(&lg->mmu, leaf, index);
		spin_unlock(&lg->mmu.lock);
	}

	/*
	 * A guest touches at once what it has just mapped for a fault of its
	 * own. Save it our fault where the table is there already.
	 */
	root = lg->mmu.root;
	if (pte & LG_PTE_PRESENT && pte & LG_PTE_ACCESSED &&
	    (root->gpa == cr3 || is_kernel(lg, gva)) &&
	    find_leaf(lg, root, gva) && lg_walk(lg, gva, &map) &&
	    map.present && map.pte == pte && map.gfn < lg->pfn_limit)
		fill(lg, root, gva, &map, FILL_IF_THERE);
}

/* An entry of a 2-level guest's directory: it covers two of our leaves. */
static void set_pde(struct lguest *lg, u32 cr3, u32 index)
{
	u32 gva = index * 2 * LEAF_SPAN;
	struct lg_root *root;

	for (root = first_affected(lg, cr3, gva); root;
	     root = next_affected(lg, root, gva)) {
		drop_leaf(lg, find_pde(lg, root, gva));
		drop_leaf(lg, find_pde(lg, root, gva + LEAF_SPAN));
	}
}

/* One of the four entries of a PAE guest's top-level table. */
static void set_pdpte(struct lguest *lg, u32 cr3, u32 index)
{
	u32 gva = index << DIRECTORY_SHIFT;
	struct lg_root *root;

	for (root = first_affected(lg, cr3, gva); root;
	     root = next_affected(lg, root, gva)) {
		/* The first entry, and so the directory. */
		u64 *pd = find_pde(lg, root, gva);

		if (pd)
			drop_directory(lg, pd);
	}
}

/**
 * lg_set_pgd() - LHCALL_SET_PGD: one entry of a top-level table changed
 * @lg: the guest; its own task calls
 * @cr3: gpa of the table
 * @index: the entry, 0 to 1023, of a PAE guest 0 to 3
 *
 * Context: may sleep.
 */
void lg_set_pgd(struct lguest *lg, u32 cr3, u32 index)
{
	if (index >= (lg->mmu.pae ? 4 : 1024))
		lg_kill(lg, "page directory entry %u does not exist", index);
	else if (lg->mmu.pae)
		set_pdpte(lg, cr3, index);
	else
		set_pde(lg, cr3, index);
}

/**
 * lg_learn_pae() - whether a guest that calls SET_PMD has PAE tables
 * @lg: the guest; its own task calls
 *
 * It is the first that is heard of it if it hangs something into the boot
 * table.
 *
 * Context: may sleep.
 * Return: true if so.
 */
bool lg_learn_pae(struct lguest *lg)
{
	struct lg_mmu *mmu = &lg->mmu;

	if (!mmu->pae && mmu->root->gpa == LG_IDENTITY && mmu->boot_table) {
		mmu->pae = true;
		drop_private(lg, mmu->root);
		drop_shared(lg);
	}
	return mmu->pae;
}

/**
 * lg_set_pmd() - LHCALL_SET_PMD: one entry of a PAE guest's directory changed
 * @lg: the guest; its own task calls
 * @pd_gpa: gpa of the directory
 * @index: the entry, 0 to 511
 *
 * Several roots may have that directory, at several places.
 *
 * Context: may sleep.
 */
void lg_set_pmd(struct lguest *lg, u32 pd_gpa, u32 index)
{
	struct lg_root *root;
	unsigned int i;

	if (index >= LG_TABLE_ENTRIES) {
		lg_kill(lg, "page middle directory entry %u does not exist",
			index);
		return;
	}
	list_for_each_entry(root, &lg->mmu.roots, list) {
		for (i = 0; i < ARRAY_SIZE(root->pd_gpa); i++) {
			u32 gva = (i << DIRECTORY_SHIFT) + index * LEAF_SPAN;

			if (*directory_noted(lg, root, i) == pd_gpa)
				drop_leaf(lg, find_pde(lg, root, gva));
		}
	}
}

/**
 * lg_set_kernel_address() - learn where the part begins that all tables share
 * @lg: the guest, still without tables; its own task calls
 * @address: kernel_address of struct lguest_data
 *
 * Context: may sleep.
 */
void lg_set_kernel_address(struct lguest *lg, u32 address)
{
	struct lg_root *root = lg->mmu.root;
	unsigned int i;

	/* What was private may be shared from now on. */
	drop_private(lg, root);
	for (i = 0; i < 4; i++) {
		if (!(root->pdpt[i] & LG_PTE_PRESENT))
			continue;
		free_table(lg, table_at(root->pdpt[i]));
		root->pdpt[i] = 0;
	}
	lg->kernel_address = address;
}

/**
 * lg_mmu_init() - shadow tables for a new guest: identity, and empty
 * @lg: the guest; base and pfn_limit are set, lg_vcpu_init() was called
 *
 * The caller's address space is the guest's memory.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM, or -ERESTARTSYS if a signal came first.
 */
int lg_mmu_init(struct lguest *lg)
{
	struct lg_mmu *mmu = &lg->mmu;
	int err;

	spin_lock_init(&mmu->lock);
	init_waitqueue_head(&mmu->settled);
	xa_init_flags(&mmu->leaves, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	xa_init_flags(&mmu->heads, XA_FLAGS_ACCOUNT);
	xa_init_flags(&mmu->by_gpa, XA_FLAGS_ACCOUNT);
	INIT_LIST_HEAD(&mmu->roots);
	/*
	 * A process of the guest takes some 7 tables. This is room for
	 * hundreds, and for all memory mapped once whatever the size.
	 */
	mmu->limit = 2048 + lg->pfn_limit / 64;

	err = -ENOMEM;
	mmu->root = alloc_root(lg, LG_IDENTITY);
	if (!mmu->root)
		goto no_root;
	mmu->notifier.ops = &lg_mmu_notifier_ops;
	err = mmu_notifier_register(&mmu->notifier, current->mm);
	if (err == -EINTR)		/* a signal came first */
		err = -ERESTARTSYS;
	if (err)
		goto no_notifier;
	lg->mm = current->mm;
	return 0;

no_notifier:
	free_root(lg, mmu->root);
no_root:
	/* An insertion that failed leaves nodes behind that lead nowhere. */
	xa_destroy(&mmu->by_gpa);
	return err;
}

/**
 * lg_mmu_free() - the end of the shadow tables
 * @lg: the guest, which nobody runs any more
 *
 * Context: may sleep.
 */
void lg_mmu_free(struct lguest *lg)
{
	struct lg_mmu *mmu = &lg->mmu;
	struct lg_root *root, *next;
	unsigned int i;

	mmu_notifier_unregister(&mmu->notifier, lg->mm);
	list_for_each_entry_safe(root, next, &mmu->roots, list)
		free_root(lg, root);
	drop_shared(lg);
	for (i = 0; i < ARRAY_SIZE(mmu->kernel_pd); i++)
		free_table(lg, mmu->kernel_pd[i]);
	WARN_ON_ONCE(mmu->tables);
	xa_destroy(&mmu->leaves);
	xa_destroy(&mmu->by_gpa);
	lg_rmap_free(mmu);
}
