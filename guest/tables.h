/* SPDX-License-Identifier: GPL-2.0 */
/* The guest's own page tables: what their entries say, and who reads them. */
#ifndef LG_GUEST_TABLES_H
#define LG_GUEST_TABLES_H

#include <linux/mm.h>

#include "../cpu.h"
#include "../lg.h"

/**
 * struct lg_mapping - what the guest's own tables say of an address
 * @gfn: guest frame
 * @pd_gpa: the directory, if it is a PAE guest's
 * @pde_gpa: where @pde lies
 * @has_table: @pde leads to a page table
 * @pte_gpa: where @pte lies
 * @pde: the directory entry; where only its rights matter, it may be just these
 * @pte: the table entry
 * @present: both are present
 */
struct lg_mapping {
	u32 gfn;
	u32 pd_gpa, pde_gpa, pte_gpa;
	bool has_table;
	u64 pde, pte;
	bool present;
};

/* Which rights the directory entry gives */
static inline u64 lg_pde_rights(const struct lg_mapping *map)
{
	return map->pde & LG_PTE_RIGHTS;
}

/* What both levels of a mapping allow, in an entry's bits */
static inline u64 lg_mapping_rights(const struct lg_mapping *map)
{
	return (map->pde & map->pte & (LG_PTE_WRITE | LG_PTE_USER)) |
	       ((map->pde | map->pte) & LG_PTE_NX);
}

/* SDM volume 3, tables 4-9 to 4-11: bits beyond any physical address. */
#define LG_PAE_RESERVED	GENMASK_ULL(62, 52)

/* Whether a present entry of a guest's can be honoured at all */
static __always_inline bool lg_pte_is_valid(u64 entry, u32 limit)
{
	return !(entry & (LG_PTE_PSE | LG_PAE_RESERVED)) &&
	       (entry & LG_PTE_PFN) >> PAGE_SHIFT < limit;
}

/**
 * lg_maps_frame() - whether an entry of the guest's maps a frame
 * @pte: the entry, valid or not
 * @gfn: the frame
 *
 * Return: true if it is present, passes lg_check_pte(), and maps @gfn.
 */
static inline bool lg_maps_frame(u64 pte, u32 gfn)
{
	return pte & LG_PTE_PRESENT && lg_pte_is_valid(pte, gfn + 1) &&
	       (pte & LG_PTE_PFN) >> PAGE_SHIFT == gfn;
}

void lg_kill_for_pte(struct lguest *lg, u32 gva, u64 pte);

/**
 * lg_check_pte() - whether an entry for a page is one that we can honour
 * @lg: the guest; its own task calls
 * @gva: the address it maps
 * @pte: the entry
 *
 * Return: true; false with the guest dead, if it is present and has PSE set or
 * maps what is neither memory nor a device page.
 */
static inline bool lg_check_pte(struct lguest *lg, u32 gva, u64 pte)
{
	if (likely(!(pte & LG_PTE_PRESENT) || lg_pte_is_valid(pte, lg->device_limit)))
		return true;
	lg_kill_for_pte(lg, gva, pte);
	return false;
}

bool lg_walk(struct lguest *lg, u32 gva, struct lg_mapping *map);
bool lg_find_table(struct lguest *lg, u32 top, u32 gva, struct lg_mapping *map);
bool lg_set_accessed_dirty(struct lguest *lg, struct lg_mapping *map, bool write);
bool lg_read_ptes(struct lguest *lg, const struct lg_mapping *map,
		  unsigned int first, unsigned long wanted, u64 *ptes);
bool lg_compare_ptes(struct lguest *lg, const struct lg_mapping *map,
		     struct lg_leaf *leaf, unsigned int first,
		     unsigned long *changed);
u32 lg_error_code_bits(struct lguest *lg);
bool lg_check_cr3(struct lguest *lg, u32 cr3);
bool lg_find_format(struct lguest *lg, u32 cr3);
bool lg_make_boot_table(struct lguest *lg);

#endif /* LG_GUEST_TABLES_H */
