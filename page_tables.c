// SPDX-License-Identifier: GPL-2.0
/*
 * Shadow paging. The guest keeps page tables of its own. They name guest
 * frames, and no CPU ever walks them. The CPU walks ours, which name host
 * pages and start empty. A page fault either fills one spte from the guest's
 * tables, or is the guest's own and is reflected. An spte is a cache, like a
 * TLB entry: to zap one is always right and only costs a fault.
 *
 * This file decides what sptes say; shadow/tables.c has the tables that hold them.
 * Nothing here flushes a TLB: lg_inc_tlb_gen() counts what may have become wrong
 * there, and the next entry to the guest goes by that.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>

#include "cpu.h"
#include "lg.h"
#include "guest/tables.h"
#include "shadow/lookup.h"
#include "shadow/spte.h"

/* How much a fill is worth: a prefetch is worth no fault of the host's. */
enum effort {
	FILL_PREFETCH,
	FILL_FOR_READ,
	FILL_FOR_WRITE,
};

/* How many pages of the direct map a miss there may fill */
#define PREFETCH_PAGES		32

static void out_of_memory(struct lguest *lg)
{
	lg_kill(lg, "the host has no memory left for it");
}

/* The guest may write by an spte, and nobody will see when. */
static void make_page_dirty(struct page *page)
{
	if (!PageDirty(page))
		set_page_dirty_lock(page);
}

/*
 * Get the host's page for a guest frame. If *@writable is set, try for a writable
 * page, but take no fault for that alone. *@writable then says if it is one.
 */
static struct page *get_page_of(struct lguest *lg, u32 gfn, enum effort effort,
				bool *writable)
{
	unsigned long addr = lg->base + ((unsigned long)gfn << PAGE_SHIFT);
	struct page *page;
	int got = 0;

	if (*writable)
		got = get_user_pages_fast_only(addr, 1, FOLL_WRITE, &page);
	if (!got) {
		*writable = effort == FILL_FOR_WRITE;
		if (effort == FILL_PREFETCH)
			got = get_user_pages_fast_only(addr, 1, 0, &page);
		else
			got = get_user_pages_fast(addr, 1,
						  *writable ? FOLL_WRITE : 0,
						  &page);
	}
	if (got != 1)
		return ERR_PTR(got < 0 ? got : -EFAULT);
	if (*writable)
		make_page_dirty(page);
	return page;
}

/**
 * lg_write_shadowed() - write where the guest could write without a fault
 * @lg: the guest; its own task calls
 * @gva: guest linear address
 * @words: what to write
 * @count: how many words
 *
 * This goes by the shadow, as the CPU does, and is about as fast.
 *
 * Context: &lg_mmu.lock not held.
 * Return: true; false if the shadow does not allow it, with nothing written.
 */
bool lg_write_shadowed(struct lguest *lg, u32 gva, const u32 *words,
		       unsigned int count)
{
	struct lg_leaf *leaf = lg_find_linked(lg, lg->mmu.root, gva);
	u64 entry;
	u32 *to;

	if (!leaf || offset_in_page(gva) + count * sizeof(*words) > PAGE_SIZE)
		return false;
	/* The page stays as long as the spte does. */
	spin_lock(&lg->mmu.lock);
	entry = leaf->sptes[lg_pte_index(gva)];
	if (entry & LG_PTE_WRITE) {
		to = phys_to_virt((entry & LG_PTE_PFN & ~lg_pte_encryption) +
				  offset_in_page(gva));
		while (count--)
			*to++ = *words++;
	}
	spin_unlock(&lg->mmu.lock);
	return entry & LG_PTE_WRITE;
}

/* A link to the leaf may have been all that was missing. */
static bool is_filled(const struct lg_leaf *leaf, unsigned int index,
		      const struct lg_mapping *map, enum effort effort)
{
	u64 entry = READ_ONCE(leaf->sptes[index]);

	return entry & LG_PTE_PRESENT &&
	       (entry & LG_PTE_WRITE || effort != FILL_FOR_WRITE) &&
	       lg_spte_in_sync(leaf, index, map);
}

/* Whether a CPU that has cached @was would allow what @is does not */
static bool loses_rights(u64 was, u64 is)
{
	return ((was & ~is) & (LG_PTE_WRITE | LG_PTE_USER)) |
	       ((is & ~was) & LG_PTE_NX);
}

/* Make an spte for @map out of @entry, which has the host's page. Hold the lock. */
static __always_inline void set_spte(struct lg_mmu *mmu, struct lg_leaf *leaf,
				     unsigned int index,
				     const struct lg_mapping *map, u64 entry)
{
	u32 pte = map->gfn << PAGE_SHIFT | offset_in_page(map->pte);
	u64 *spte = &leaf->sptes[index];
	u64 old = *spte;

	entry |= lg_shadow_bits(map);
	if (lg_pde_rights(map) != leaf->rights)
		leaf->rights = LG_RIGHTS_DIFFER;
	if (old & LG_PTE_PRESENT &&
	    leaf->ptes[index] >> PAGE_SHIFT == map->gfn) {
		leaf->ptes[index] = pte;
		if (loses_rights(old, entry))
			lg_inc_tlb_gen(leaf->tlb_gen);
	} else {
		if (old & LG_PTE_PRESENT)
			lg_zap_spte(mmu, leaf, index);
		lg_rmap_add(mmu, leaf, index, pte);
	}
	WRITE_ONCE(*spte, entry);
}

static bool is_kernel(struct lguest *lg, u32 gva)
{
	return lg->kernel_address && gva >= lg->kernel_address;
}

/* Whether the direct map has a frame at this address */
static bool in_direct_map(struct lguest *lg, u32 gva, u32 gfn)
{
	return is_kernel(lg, gva) &&
	       (gva - lg->kernel_address) >> PAGE_SHIFT == gfn;
}

/* The switcher must not go by an address that is to map something else. */
static void check_direct_map(struct lguest *lg, u32 gva, u32 gfn)
{
	if (is_kernel(lg, gva) && !in_direct_map(lg, gva, gfn))
		lg_direct_map_forget(lg, gva);
}

static u64 make_spte(u64 address, bool writable)
{
	return address | LG_PTE_PRESENT | LG_PTE_ACCESSED |
	       (writable ? LG_PTE_WRITE | LG_PTE_DIRTY : 0);
}

/*
 * Another spte for the frame has its page, so nobody need be asked. A frame that
 * a guest's kernel has just prepared for a process has such an spte. It must be
 * writable if the new one is to be.
 */
static __always_inline bool fill_from_rmap(struct lg_mmu *mmu,
					   struct lg_leaf *leaf,
					   unsigned int index,
					   const struct lg_mapping *map)
{
	bool writable = lg_may_write(map);
	u64 known;

	spin_lock(&mmu->lock);
	/*
	 * An invalidation may let go of the lock before it has zapped a frame's
	 * last spte. The frame must not get more of them meanwhile.
	 */
	known = mmu->invalidate_in_progress ?
		0 : lg_rmap_spte(mmu, map->gfn, writable);
	if (known)
		set_spte(mmu, leaf, index, map,
			 make_spte(known & LG_PTE_PFN, writable));
	spin_unlock(&mmu->lock);
	return known;
}

/*
 * The host has no page for a frame. After a signal, the guest tries again. Without
 * one, the error would come each time, so the guest dies.
 */
static void no_page(struct lguest *lg, u32 gfn, int err)
{
	u32 gpa = gfn << PAGE_SHIFT;

	if (err == -EFAULT || err == -EHWPOISON)
		lg_memory_gone(lg, gpa);
	else if (err == -ENOMEM)
		out_of_memory(lg);
	else if (!signal_pending(current))
		lg_kill(lg, "guest memory at %#x is nothing that the host can map (error %d)",
			gpa, err);
}

/*
 * Look the page up once. Return 0; -EINTR as fill() does; or -EAGAIN if the
 * Launcher's memory has changed meanwhile.
 */
static int try_from_host(struct lguest *lg, struct lg_leaf *leaf,
			 unsigned int index, const struct lg_mapping *map,
			 enum effort effort)
{
	bool writable = lg_may_write(map);
	struct lg_mmu *mmu = &lg->mmu;
	struct page *page;
	unsigned long seq;
	bool done;

	if (!lg_invalidate_seq(mmu, &seq))
		return -EAGAIN;
	page = get_page_of(lg, map->gfn, effort, &writable);
	if (IS_ERR(page)) {
		if (effort == FILL_PREFETCH)
			return 0;
		no_page(lg, map->gfn, PTR_ERR(page));
		return -EINTR;
	}

	spin_lock(&mmu->lock);
	done = !lg_invalidate_retry(mmu, seq);
	if (done)
		set_spte(mmu, leaf, index, map,
			 make_spte(page_to_phys(page) | lg_pte_encryption,
				   writable));
	spin_unlock(&mmu->lock);
	put_page(page);
	return done ? 0 : -EAGAIN;
}

static int fill_from_host(struct lguest *lg, struct lg_leaf *leaf,
			  unsigned int index, const struct lg_mapping *map,
			  enum effort effort)
{
	struct lg_mmu *mmu = &lg->mmu;
	int err;

	for (;;) {
		err = try_from_host(lg, leaf, index, map, effort);
		if (likely(err != -EAGAIN))
			return err;
		if (effort == FILL_PREFETCH)
			return 0;
		/* The Launcher may keep these coming for as long as it likes. */
		err = wait_event_interruptible(mmu->invalidate_wait,
					       !READ_ONCE(mmu->invalidate_in_progress));
		if (err || signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}

/*
 * Let the shadow map @gva as @map says. Return 0, or -EINTR with a signal pending
 * or the guest dead. A prefetch may return 0 with nothing done.
 */
static int fill(struct lguest *lg, struct lg_root *root, u32 gva,
		const struct lg_mapping *map, enum effort effort)
{
	unsigned int index = lg_pte_index(gva);
	struct lg_mmu *mmu = &lg->mmu;
	struct lg_leaf *leaf;

	lg_set_guest_pd(lg, root, gva, map->pd_gpa);
	leaf = lg_link_leaf(lg, root, map, gva);
	if (!leaf || lg_rmap_prepare(mmu, map->gfn)) {
		out_of_memory(lg);
		return -EINTR;
	}
	if (is_filled(leaf, index, map, effort))
		return 0;
	check_direct_map(lg, gva, map->gfn);
	if (fill_from_rmap(mmu, leaf, index, map))
		return 0;
	return fill_from_host(lg, leaf, index, map, effort);
}

/* Has the guest's kernel used the page before? As a rule it keeps those it has. */
static bool was_accessed(const struct lg_mapping *map)
{
	return map->pte & LG_PTE_ACCESSED && lg_maps_frame(map->pte, map->gfn);
}

/*
 * A kernel that comes to a page of its memory, for example to clear it, soon comes
 * to those around it. So prefetch the ones that the host has at hand.
 */
static noinline void prefetch_around(struct lguest *lg, u32 gva,
				     const struct lg_mapping *map)
{
	struct lg_leaf *leaf = lg_find_linked(lg, lg->mmu.root, gva);
	unsigned int index = lg_pte_index(gva);
	unsigned int first = round_down(index, PREFETCH_PAGES);
	unsigned int bit = first % BITS_PER_LONG;
	u32 gfn = map->gfn - (index - first);
	struct lg_mapping now = *map;
	struct lg_mmu *mmu = &lg->mmu;
	struct page *pages[PREFETCH_PAGES];
	u64 ptes[BITS_PER_LONG];
	unsigned long wanted, seq;
	int i, got;

	if (!leaf || map->gfn < index - first || gfn + PREFETCH_PAGES > lg->pfn_limit)
		return;
	wanted = ~READ_ONCE(leaf->filled[BIT_WORD(first)]) &
		 GENMASK(bit + PREFETCH_PAGES - 1, bit);
	if (!wanted || lg_rmap_prepare(mmu, gfn) ||
	    lg_rmap_prepare(mmu, gfn + PREFETCH_PAGES - 1) ||
	    !lg_read_ptes(lg, map, first - bit, wanted, ptes))
		return;

	if (!lg_invalidate_seq(mmu, &seq))
		return;
	got = get_user_pages_fast_only(lg->base + ((u64)gfn << PAGE_SHIFT),
				       PREFETCH_PAGES, FOLL_WRITE, pages);
	for (i = 0; i < got; i++)
		make_page_dirty(pages[i]);

	spin_lock(&mmu->lock);
	for (i = 0; i < got && !lg_invalidate_retry(mmu, seq); i++) {
		u64 entry = page_to_phys(pages[i]) | lg_pte_encryption;

		now.gfn = gfn + i;
		now.pte = ptes[bit + i];
		/* Leave it to the CPU to note whether it uses the spte. */
		if (wanted & BIT(bit + i) && was_accessed(&now))
			set_spte(mmu, leaf, first + i, &now,
				 make_spte(entry, lg_may_write(&now)) &
				 ~LG_PTE_ACCESSED);
	}
	spin_unlock(&mmu->lock);
	for (i = 0; i < got; i++)
		put_page(pages[i]);
}

/* What the CPU would have pushed had it walked the guest's own tables. */
static u32 guest_error_code(struct lguest *lg, u32 error_code,
			    const struct lg_mapping *map)
{
	return (error_code & lg_error_code_bits(lg)) |
	       (map->present ? LG_PF_PRESENT : 0);
}

/**
 * lg_page_fault() - fill what the shadow lacks, or find whose fault it is
 * @lg: the guest; its own task calls
 * @gva: faulting address (cr2)
 * @error_code: what the CPU pushed for our tables; on return, if the fault is the
 *	guest's own or a device's, what it would have pushed for the guest's tables
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
		if (user)
			lg_direct_map_learn(lg, &map);
		return LG_FAULT_GUEST;
	}
	if (fetch && !user && rights & LG_PTE_USER)
		lg->mmu.executes_user = true;

	if (!lg_set_accessed_dirty(lg, &map, write))
		return LG_FAULT_RETRY;
	if (map.gfn >= lg->pfn_limit) {
		*error_code = guest_error_code(lg, *error_code, &map);
		return LG_FAULT_DEVICE;
	}
	lg_make_room(lg);
	if (fill(lg, lg->mmu.root, gva, &map,
		 write ? FILL_FOR_WRITE : FILL_FOR_READ))
		return LG_FAULT_RETRY;
	if (in_direct_map(lg, gva, map.gfn))
		prefetch_around(lg, gva, &map);
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
	} else if (!lg_check_cr3(lg, cr3)) {
		return;
	}

	root = lg_find_root(lg, cr3);
	if (!root) {
		lg_make_room(lg);
		root = lg_alloc_root(lg, cr3);
		if (!root) {
			out_of_memory(lg);
			return;
		}
	}
	mmu->root = root;
	root->used = ++mmu->uses;
	lg_vcpu_update_walk(lg);
	/* It was not in use when these flushes of everything came. */
	if (root->flushes != mmu->flushes)
		lg_unlink_private(lg, root);
	root->flushes = mmu->flushes;
	if (identity) {
		lg_free_root(lg, identity);
		lg_free_shared(lg);
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
	struct lg_mmu *mmu = &lg->mmu;

	if (all) {
		/* Other roots follow when they are next used. */
		mmu->root->flushes = ++mmu->flushes;
		lg_sync_shared(lg);
	}
	lg_sync_private(lg, mmu->root);
}

/*
 * A change of a guest table affects the root that the table belongs to or, at a
 * kernel address, all roots. These share some directories, which change once.
 */
static struct lg_root *first_affected(struct lguest *lg, u32 cr3, u32 gva)
{
	if (is_kernel(lg, gva))
		return list_first_entry(&lg->mmu.roots, struct lg_root, list);
	return lg_find_root(lg, cr3);
}

static struct lg_root *next_affected(struct lguest *lg, struct lg_root *root,
				     u32 gva)
{
	if (!is_kernel(lg, gva) || lg_is_shared(lg, gva) ||
	    list_is_last(&root->list, &lg->mmu.roots))
		return NULL;
	/* There may be thousands of roots. */
	cond_resched();
	return list_next_entry(root, list);
}

/*
 * Let a linked leaf say at once what the guest's table says now, unless that takes
 * a look at the table or the host's help.
 */
static __always_inline bool update_spte(struct lguest *lg, struct lg_leaf *leaf,
					u32 gva, u64 pte)
{
	struct lg_mapping map = {
		.gfn = (pte & LG_PTE_PFN) >> PAGE_SHIFT,
		.pde = leaf->rights,
		.pte = pte,
	};

	if (leaf->rights == LG_RIGHTS_DIFFER || map.gfn >= lg->pfn_limit)
		return false;
	check_direct_map(lg, gva, map.gfn);
	return fill_from_rmap(&lg->mmu, leaf,
			       lg_pte_index(gva), &map);
}

/* Do the same, with a look at the guest's tables and the host's page if at hand. */
static noinline void prefetch_pte(struct lguest *lg, u32 gva, u64 pte)
{
	struct lg_mapping map;

	if (!lg_walk(lg, gva, &map) || !map.present || map.pte != pte ||
	    map.gfn >= lg->pfn_limit)
		return;
	lg_make_room(lg);
	fill(lg, lg->mmu.root, gva, &map, FILL_PREFETCH);
}

/*
 * Change one root. A leaf that is not linked is synced before it is linked. Return
 * true if the shadow now says what the guest's table does.
 */
static __always_inline bool set_in_root(struct lguest *lg, struct lg_root *root,
					u32 gva, u64 pte, bool useful)
{
	struct lg_leaf *leaf = lg_find_linked(lg, root, gva);

	if (!leaf)
		return false;
	if (useful && update_spte(lg, leaf, gva, pte))
		return true;
	spin_lock(&lg->mmu.lock);
	lg_zap_spte(&lg->mmu, leaf, lg_pte_index(gva));
	spin_unlock(&lg->mmu.lock);
	return false;
}

/* Change all roots: they have kernel addresses in common. */
static noinline void set_kernel_pte(struct lguest *lg, u32 gva, u64 pte,
				    bool useful)
{
	struct lg_root *root;
	bool done = false;

	for (root = first_affected(lg, 0, gva); root;
	     root = next_affected(lg, root, gva)) {
		if (set_in_root(lg, root, gva, pte, useful && !done) &&
		    (root == lg->mmu.root || lg_is_shared(lg, gva)))
			done = true;
	}
	if (useful && !done)
		prefetch_pte(lg, gva, pte);
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
	/*
	 * A guest touches at once what it has just mapped for a fault of its
	 * own. Save it our fault.
	 */
	bool useful = pte & LG_PTE_PRESENT && pte & LG_PTE_ACCESSED;
	struct lg_root *root = lg->mmu.root;

	if (!lg_check_pte(lg, gva, pte))
		return;
	if (is_kernel(lg, gva)) {
		set_kernel_pte(lg, gva, pte, useful);
		return;
	}
	if (root->gpa != cr3) {
		root = lg_find_root(lg, cr3);
		useful = false;
	}
	if (root && !set_in_root(lg, root, gva, pte, useful) && useful)
		prefetch_pte(lg, gva, pte);
}

/* A pde of a 2-level guest covers two of our leaves. */
static void set_pde(struct lguest *lg, u32 cr3, u32 index)
{
	u32 gva = index * 2 * LG_LEAF_SPAN;
	struct lg_root *root;

	for (root = first_affected(lg, cr3, gva); root;
	     root = next_affected(lg, root, gva)) {
		lg_unlink_leaf(lg, root, gva);
		lg_unlink_leaf(lg, root, gva + LG_LEAF_SPAN);
	}
}

/* A pdpte of a PAE guest covers one of our directories. */
static void set_pdpte(struct lguest *lg, u32 cr3, u32 index)
{
	u32 gva = index << LG_DIRECTORY_SHIFT;
	struct lg_root *root;

	for (root = first_affected(lg, cr3, gva); root;
	     root = next_affected(lg, root, gva))
		lg_unlink_directory(lg, root, index);
}

/**
 * lg_set_pgd() - LHCALL_SET_PGD: one entry of a top-level table changed
 * @lg: the guest; its own task calls
 * @cr3: gpa of the table
 * @index: the entry, 0 to 1023, or 0 to 3 in a PAE guest
 *
 * Context: may sleep.
 */
void lg_set_pgd(struct lguest *lg, u32 cr3, u32 index)
{
	u32 entries = lg->mmu.pae ? 4 : 1024;

	if (index >= entries) {
		lg_kill(lg, "page directory entry %u does not exist", index);
		return;
	}
	index = array_index_nospec(index, entries);
	if (lg->mmu.pae)
		set_pdpte(lg, cr3, index);
	else
		set_pde(lg, cr3, index);
}

/**
 * lg_learn_pae() - whether a guest that calls SET_PMD has PAE tables
 * @lg: the guest; its own task calls
 *
 * A guest that adds to the boot table shows by this call first that it has them.
 *
 * Context: may sleep.
 * Return: true if so.
 */
bool lg_learn_pae(struct lguest *lg)
{
	struct lg_mmu *mmu = &lg->mmu;

	if (!mmu->pae && mmu->root->gpa == LG_IDENTITY && mmu->boot_table) {
		mmu->pae = true;
		lg_free_private(lg, mmu->root);
		lg_free_shared(lg);
	}
	return mmu->pae;
}

/**
 * lg_set_pmd() - LHCALL_SET_PMD: one entry of a PAE guest's directory changed
 * @lg: the guest; its own task calls
 * @pd_gpa: gpa of the directory
 * @index: the entry, 0 to 511
 *
 * Context: may sleep.
 */
void lg_set_pmd(struct lguest *lg, u32 pd_gpa, u32 index)
{
	if (index < LG_TABLE_ENTRIES)
		lg_unlink_guest_pd(lg, pd_gpa, index);
	else
		lg_kill(lg, "page middle directory entry %u does not exist",
			index);
}

/**
 * lg_set_kernel_address() - learn where the part that all tables share begins
 * @lg: the guest, still without tables; its own task calls
 * @address: kernel_address of struct lguest_data
 *
 * Context: may sleep.
 */
void lg_set_kernel_address(struct lguest *lg, u32 address)
{
	/* What was private may be shared from now on. */
	lg_free_private(lg, lg->mmu.root);
	lg->kernel_address = address;
}

/**
 * lg_mmu_init() - shadow tables for a new guest: identity, and empty
 * @lg: the guest; base and pfn_limit are set, lg_vcpu_init() was called
 *
 * The caller's address space, &lguest.mm, is the guest's memory.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM, or -ERESTARTSYS if a signal came first.
 */
int lg_mmu_init(struct lguest *lg)
{
	struct lg_mmu *mmu = &lg->mmu;
	int err;

	spin_lock_init(&mmu->lock);
	init_waitqueue_head(&mmu->invalidate_wait);
	ida_init(&mmu->leaf_ids);
	xa_init_flags(&mmu->by_gpa, XA_FLAGS_ACCOUNT);
	INIT_LIST_HEAD(&mmu->roots);
	/*
	 * A process of the guest takes some 7 tables. This is room for
	 * hundreds, and for all memory mapped once whatever the size.
	 */
	mmu->limit = 2048 + lg->pfn_limit / 64;

	err = lg_rmap_init(mmu, lg->pfn_limit);
	if (err)
		return err;
	err = -ENOMEM;
	mmu->root = lg_alloc_root(lg, LG_IDENTITY);
	if (!mmu->root)
		goto no_root;
	mmu->notifier.ops = &lg_mmu_notifier_ops;
	err = mmu_notifier_register(&mmu->notifier, lg->mm);
	if (err == -EINTR)		/* a signal came first */
		err = -ERESTARTSYS;
	if (err)
		goto no_notifier;
	return 0;

no_notifier:
	lg_free_root(lg, mmu->root);
no_root:
	/* A failed insertion leaves nodes behind that lead nowhere. */
	xa_destroy(&mmu->by_gpa);
	lg_rmap_free(mmu);
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

	mmu_notifier_unregister(&mmu->notifier, lg->mm);
	lg_free_tables(lg);
	xa_destroy(&mmu->by_gpa);
	lg_rmap_free(mmu);
}
