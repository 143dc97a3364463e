/* SPDX-License-Identifier: GPL-2.0 */
/* The shadow page tables: what the CPU walks in place of the guest's own. */
#ifndef LG_SHADOW_H
#define LG_SHADOW_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/hashtable.h>
#include <linux/idr.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mmu_notifier.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/xarray.h>

/* Intel SDM volume 3, section 4.5: bits of a 4-level paging entry. */
#define LG_PTE_PRESENT		BIT_ULL(0)
#define LG_PTE_WRITE		BIT_ULL(1)
#define LG_PTE_USER		BIT_ULL(2)
#define LG_PTE_ACCESSED		BIT_ULL(5)
#define LG_PTE_DIRTY		BIT_ULL(6)
#define LG_PTE_PSE		BIT_ULL(7)
#define LG_PTE_NX		BIT_ULL(63)
#define LG_PTE_PFN		GENMASK_ULL(51, 12)
#define LG_PTE_RIGHTS		(LG_PTE_WRITE | LG_PTE_USER | LG_PTE_NX)

/* Same section 4.7: the error code of a page fault. */
#define LG_PF_PRESENT		BIT(0)
#define LG_PF_WRITE		BIT(1)
#define LG_PF_USER		BIT(2)
#define LG_PF_RESERVED		BIT(3)
#define LG_PF_FETCH		BIT(4)

#define LG_TABLE_ENTRIES	512
#define LG_DIRECTORIES		4
#define LG_LEAF_SPAN		BIT(21)
#define LG_DIRECTORY_SHIFT	30
#define LG_DIRECTORY_MASK	(~0U << LG_DIRECTORY_SHIFT)
#define LG_ROOT_CACHE		16
#define LG_IDENTITY		U32_MAX	/* root of a guest without tables */

/*
 * How many sptes, and frames without any, are zapped or aged in one go, with the
 * lock held
 */
#define LG_ZAP_BATCH		512
#define LG_AGE_BATCH		1024

struct lg_mapping;
struct lguest;

/**
 * struct lg_rmap_link - an spte's place in the list of its frame
 * @next: slot of the next spte that maps the frame, or 0
 * @prev: slot of the one before, or 0 for the first
 *
 * A slot names an spte of this guest: (leaf id << 9) + index. Leaf ids start at
 * 1, so that no slot is 0.
 */
struct lg_rmap_link {
	u32 next;
	u32 prev;
};

/**
 * struct lg_leaf - a lowest-level shadow table: 2 MiB of guest addresses
 * @sptes: the table that the CPU walks
 * @tlb_gen: generation of the tables that lead here: one root's, or all roots'
 * @id: where it is in &lg_mmu.leaves
 * @rights: those of %LG_PTE_RIGHTS that the guest's pde had when the sptes were
 *	filled, or %LG_RIGHTS_DIFFER
 * @filled: which sptes are present
 * @ptes: the lower half of each guest pte, as last seen. It holds the frame, since
 *	a guest has less than 4 GiB. Without an spte it is a guess
 * @link: the rmap link of each spte
 *
 * With &lg_mmu.lock held, but for the middle of lg_sync_leaf(), these are true of each
 * spte. lg_leaf_is_sound() looks.
 *
 * - It is present if, and only if, its bit in @filled is set, and it is in the list
 *   of the frame that its @ptes has.
 * - It is writable only if its @ptes has WRITE and DIRTY, and @rights have WRITE.
 * - It has USER if, and only if, its @ptes and @rights have. It has NX if @rights
 *   have, on a CPU that knows NX.
 *
 * @rights are one value for 512 sptes. If these were filled under different rights,
 * @rights are %LG_RIGHTS_DIFFER. Then the rules say nothing of @rights, and the next
 * lg_sync_leaf() reads all guest ptes instead of comparing them.
 */
struct lg_leaf {
	u64 *sptes;
	atomic_long_t *tlb_gen;
	u32 id;
	u64 rights;
	DECLARE_BITMAP(filled, LG_TABLE_ENTRIES);
	u32 ptes[LG_TABLE_ENTRIES];
	struct lg_rmap_link link[LG_TABLE_ENTRIES];
};

/* No guest's pde has these. */
#define LG_RIGHTS_DIFFER	U64_MAX

/**
 * struct lg_guest_pd - the PAE guest's directory that one of ours shadows
 * @gpa: where the guest's lies, or 0
 * @root: the root that ours belongs to
 * @node: in &lg_mmu.guest_pds, if @gpa is not 0
 */
struct lg_guest_pd {
	u32 gpa;
	struct lg_root *root;
	struct hlist_node node;
};

/**
 * struct lg_root - the shadow of one guest top-level table
 * @id: never 0, and never the id of another root of this guest
 * @tlb_gen: generation of what it does not share
 * @gpa: the guest's name for it (its cr3), or %LG_IDENTITY
 * @list: in &lg_mmu.roots
 * @used: &lg_mmu.uses when it last came into use
 * @pdpt: leads to the four directories below 4 GiB; the rest is never used
 * @pd: those of the four that no other root shares
 * @links: which leaves are linked to each of @pd
 * @guest_pd: the guest's directory that each of @pd shadows
 * @flushes: &lg_mmu.flushes when it was last in use
 * @top: the tables above @pdpt, beginning with the one that cr3 holds
 * @levels: how many of @top there are
 * @cr3: what the CPU has in CR3 while this root is in use
 */
struct lg_root {
	u64 id;
	atomic_long_t tlb_gen;
	u32 gpa;
	struct list_head list;
	unsigned long used;
	u64 *pdpt;
	u64 *pd[LG_DIRECTORIES];
	DECLARE_BITMAP(links[LG_DIRECTORIES], LG_TABLE_ENTRIES);
	struct lg_guest_pd guest_pd[LG_DIRECTORIES];
	unsigned long flushes;
	u64 *top[2];
	unsigned int levels;
	u64 cr3;
};

/**
 * struct lg_mmu - shadow paging of one guest
 * @notifier: follows the Launcher's mappings
 * @lock: protects sptes, which of them are filled, rmap links, and the invalidation
 *	counters. Tables need no lock: the guest's task alone makes and frees them
 * @invalidate_seq: grows at the end of each invalidation
 * @invalidate_in_progress: invalidations that have started and not ended
 * @invalidate_wait: woken when @invalidate_in_progress returns to 0
 * @leaf_ids: the leaf ids in use
 * @leaves: pages of 512 pointers to leaves, by id / 512; NULL where none ever was
 * @leaf_pages: how many pages @leaves has at most
 * @heads: pages of 1024 slots, by gfn / 1024: the first spte that maps each frame;
 *	NULL where no frame ever was mapped
 * @head_pages: how many pages @heads has at most
 * @tlb_gen: generation of what all roots share
 * @roots: all roots
 * @ids: how many roots there ever were
 * @by_gpa: all roots by &lg_root.gpa / 32, as a PAE guest aligns its tables
 * @root_cache: some roots that were looked up lately
 * @uses: how often a root came into use
 * @root: the root in use
 * @boot_table: gpa of the table that the guest found at LGUEST_INIT, or 0
 * @pae: the guest's tables have PAE's format
 * @flushes: how often the guest flushed everything
 * @kernel_pd: directories wholly above kernel_address, shared by all roots
 * @kernel_pd_gpa: gpa of the guest's directory that each of @kernel_pd shadows
 * @guest_pds: each &lg_root.guest_pd, by its gpa
 * @kernel_links: which leaves are linked to each of @kernel_pd
 * @tables: pages and leaves in use
 * @limit: how many @tables there may be
 * @executes_user: ring 1 has executed a page that ring 3 may execute too
 */
struct lg_mmu {
	struct mmu_notifier notifier;
	spinlock_t lock;	/* sptes, rmap links, invalidate_* */
	unsigned long invalidate_seq;
	unsigned int invalidate_in_progress;
	wait_queue_head_t invalidate_wait;
	struct ida leaf_ids;
	struct lg_leaf ***leaves;
	unsigned int leaf_pages;
	u32 **heads;
	unsigned int head_pages;
	atomic_long_t tlb_gen;
	struct list_head roots;
	u64 ids;
	struct xarray by_gpa;
	struct lg_root *root_cache[LG_ROOT_CACHE];
	unsigned long uses;
	struct lg_root *root;
	u32 boot_table;
	bool pae;
	unsigned long flushes;
	u64 *kernel_pd[LG_DIRECTORIES];
	u32 kernel_pd_gpa[LG_DIRECTORIES];
	DECLARE_HASHTABLE(guest_pds, 8);
	DECLARE_BITMAP(kernel_links[LG_DIRECTORIES], LG_TABLE_ENTRIES);
	unsigned int tables;
	unsigned int limit;
	bool executes_user;
};

/**
 * lg_inc_tlb_gen() - make the CPU forget what it has cached of a guest's tables
 * @tlb_gen: the generation of what these tables are a part of: a root, or what all
 *	roots share
 *
 * Call this whenever the tables lose something that a CPU may have cached: a
 * present entry, or a right. What the tables gain needs no call: a CPU caches no
 * absent entries, and if it faults for a right that it has not seen yet, it forgets
 * what it had cached there.
 *
 * The next entry to the guest with that root, or with any, starts with no translation
 * of it cached. If the guest is in, it must come out for that: see lg_vcpu_kick_and_wait().
 *
 * Context: any.
 */
static inline void lg_inc_tlb_gen(atomic_long_t *tlb_gen)
{
	/* Whoever sees the new count must see the changed tables. */
	smp_mb__before_atomic();
	atomic_long_inc(tlb_gen);
}

/**
 * lg_tlb_gen() - the generation of all tables that a root leads to
 * @mmu: the guest's shadow tables
 * @root: one of its roots
 *
 * Context: any.
 * Return: a number that grows with each lg_inc_tlb_gen() for any of these tables. Both of
 * which it is the sum only grow.
 */
static inline u64 lg_tlb_gen(const struct lg_mmu *mmu, const struct lg_root *root)
{
	return atomic_long_read(&mmu->tlb_gen) + atomic_long_read(&root->tlb_gen);
}

/**
 * enum lg_fault - what became of a page fault
 * @LG_FAULT_FIXED: the shadow was behind; run the instruction again
 * @LG_FAULT_RETRY: a signal came first, or the guest is dead
 * @LG_FAULT_GUEST: the guest's own, to be reflected
 * @LG_FAULT_DEVICE: of a device page, which is up to the Launcher
 *
 * Those that ask nothing more of the caller come first.
 */
enum lg_fault {
	LG_FAULT_FIXED,
	LG_FAULT_RETRY,
	LG_FAULT_GUEST,
	LG_FAULT_DEVICE,
};

/* page_tables.c */
int lg_mmu_init(struct lguest *lg);
void lg_mmu_free(struct lguest *lg);
enum lg_fault lg_page_fault(struct lguest *lg, u32 gva, u32 *error_code);
bool lg_write_shadowed(struct lguest *lg, u32 gva, const u32 *words,
		       unsigned int count);
void lg_set_kernel_address(struct lguest *lg, u32 address);
void lg_new_page_table(struct lguest *lg, u32 cr3);
void lg_flush_tlb(struct lguest *lg, bool all);
void lg_set_pte(struct lguest *lg, u32 cr3, u32 gva, u64 pte);
void lg_set_pgd(struct lguest *lg, u32 cr3, u32 index);
bool lg_learn_pae(struct lguest *lg);
void lg_set_pmd(struct lguest *lg, u32 pd_gpa, u32 index);

/* shadow/direct_map.c: which of the guest's tables the switcher may read */
bool lg_direct_map_shadowed(struct lguest *lg, u32 gpa);
void lg_direct_map_find_data(struct lguest *lg);
void lg_direct_map_learn(struct lguest *lg, const struct lg_mapping *map);
void lg_direct_map_forget(struct lguest *lg, u32 gva);

/* shadow/tables.c: the tables as such */
void lg_set_guest_pd(struct lguest *lg, struct lg_root *root, u32 gva,
		     u32 pd_gpa);
void lg_unlink_guest_pd(struct lguest *lg, u32 pd_gpa, unsigned int index);
struct lg_leaf *lg_find_leaf(struct lguest *lg, struct lg_root *root, u32 gva);
struct lg_leaf *lg_link_leaf(struct lguest *lg, struct lg_root *root,
			     const struct lg_mapping *map, u32 gva);
void lg_unlink_leaf(struct lguest *lg, struct lg_root *root, u32 gva);
void lg_unlink_directory(struct lguest *lg, struct lg_root *root,
			 unsigned int i);
void lg_unlink_private(struct lguest *lg, struct lg_root *root);
void lg_sync_private(struct lguest *lg, struct lg_root *root);
void lg_sync_shared(struct lguest *lg);
void lg_free_private(struct lguest *lg, struct lg_root *root);
void lg_free_shared(struct lguest *lg);
struct lg_root *lg_find_root(struct lguest *lg, u32 gpa);
struct lg_root *lg_alloc_root(struct lguest *lg, u32 gpa);
void lg_free_root(struct lguest *lg, struct lg_root *root);
void lg_make_room(struct lguest *lg);
void lg_free_tables(struct lguest *lg);

/* shadow/sync.c: whether sptes still match the guest's ptes */
bool lg_sync_leaf(struct lguest *lg, struct lg_leaf *leaf,
		  const struct lg_mapping *map);

/* shadow/prove.c, in debug builds: the invariants of struct lg_leaf */
bool lg_leaf_is_sound(struct lg_mmu *mmu, const struct lg_leaf *leaf);

/* shadow/rmap.c: from a gfn to the sptes that map it */
int lg_rmap_init(struct lg_mmu *mmu, u32 frames);
int lg_rmap_add_leaf(struct lg_mmu *mmu, struct lg_leaf *leaf);
void lg_rmap_remove_leaf(struct lg_mmu *mmu, struct lg_leaf *leaf);
int lg_rmap_prepare(struct lg_mmu *mmu, u32 gfn);
bool lg_zap_spte(struct lg_mmu *mmu, struct lg_leaf *leaf, unsigned int index);
bool lg_zap_frames(struct lg_mmu *mmu, u32 *first, u32 last, bool *zapped);
bool lg_age_frames(struct lg_mmu *mmu, u32 first, u32 last, bool clear);
void lg_rmap_free(struct lg_mmu *mmu);

/* shadow/notifier.c: the Launcher's memory changes under a running guest */
extern const struct mmu_notifier_ops lg_mmu_notifier_ops;
bool lg_invalidate_seq(struct lg_mmu *mmu, unsigned long *seq);
bool lg_invalidate_retry(struct lg_mmu *mmu, unsigned long seq);

#endif /* LG_SHADOW_H */
