// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's own page tables, which no CPU ever walks (ABI.md section 6).
 * The build of a guest's kernel decides which of two formats it has: 2-level, with
 * entries of 4 bytes for 4 MiB and 4 KiB; or PAE, with entries of 8 bytes for
 * 1 GiB, 2 MiB and 4 KiB, and NX (SDM volume 3, sections 4.3 and 4.4). Nothing
 * announces which a guest has. The first table that it hands over shows it.
 *
 * Before that, a guest's linear addresses are its physical ones. Guests of 2.6.31
 * to 3.0 go on from LGUEST_INIT at kernel_address, and expect to find their memory
 * there, too. They add to the table that they have then, which the host has made in
 * their memory: see lg_make_boot_table().
 *
 * An entry is read once, checked, and used as read. Bits that a format does not
 * have read as 0.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../lg.h"
#include "tables.h"

#define PDE_SHIFT_2LEVEL	22
#define PDPTE_SHIFT		30
#define PDPT_SIZE		32	/* and alignment: 4 entries */

/* struct boot_params, at gpa 0 */
#define BOOT_RAMDISK_IMAGE	0x218
#define BOOT_E820_SIZE		0x2d8	/* of the first entry */

/* SDM volume 3, table 4-8: what must be 0 in a pdpte, besides PSE. */
#define PDPTE_RESERVED	(LG_PTE_WRITE | LG_PTE_USER | LG_PTE_ACCESSED | \
			 LG_PTE_DIRTY)

static void kill_for_entry(struct lguest *lg, const char *what, u32 gva,
			   u64 entry)
{
	lg_kill(lg, "bad page %s entry %#llx for address %#x%s", what, entry, gva,
		entry & LG_PTE_PSE ? ": a guest has no large pages" : "");
}

/* A present entry that no host could honour kills the guest. */
static bool check_entry(struct lguest *lg, const char *what, u32 gva, u64 entry)
{
	if (!(entry & LG_PTE_PRESENT) || lg_pte_is_valid(entry, lg->pfn_limit))
		return true;
	kill_for_entry(lg, what, gva, entry);
	return false;
}

/**
 * lg_kill_for_pte() - kill a guest for a pte that no host could honour
 * @lg: the guest; its own task calls
 * @gva: the address it maps
 * @pte: the entry
 */
void lg_kill_for_pte(struct lguest *lg, u32 gva, u64 pte)
{
	kill_for_entry(lg, "table", gva, pte);
}

/* Does a directory's entry lead to a table that the guest can have? */
static __always_inline bool leads_on(struct lguest *lg, u64 entry)
{
	return entry & LG_PTE_PRESENT && lg_pte_is_valid(entry, lg->pfn_limit);
}

static u32 entry_size(struct lguest *lg)
{
	return lg->mmu.pae ? sizeof(u64) : sizeof(u32);
}

static bool read_entry(struct lguest *lg, u32 gpa, u64 *entry)
{
	return lg_get_entry(lg, gpa, entry_size(lg), entry);
}

/* Where the guest has the pte for the first entry of our leaf */
static u32 table_of(struct lguest *lg, const struct lg_mapping *map)
{
	return map->pte_gpa & ~(LG_TABLE_ENTRIES * entry_size(lg) - 1);
}

/**
 * lg_compare_ptes() - find which of 64 ptes in a row have changed
 * @lg: the guest; its own task calls
 * @map: the mapping of an address that @leaf covers, from lg_walk()
 * @leaf: what they were when last seen
 * @first: index of the first spte in @leaf, a multiple of 64
 * @changed: a bit for each pte to compare; on return, for each that has changed.
 *	Without tables, all have
 *
 * Context: may sleep.
 * Return: true; false with the guest dead.
 */
bool lg_compare_ptes(struct lguest *lg, const struct lg_mapping *map,
		     struct lg_leaf *leaf, unsigned int first,
		     unsigned long *changed)
{
	u32 size = entry_size(lg);

	return !map->has_table ||
	       lg_compare_entries(lg, table_of(lg, map) + first * size, size,
				  leaf->ptes + first, leaf->sptes + first,
				  changed);
}

/**
 * lg_read_ptes() - read some of 64 ptes in a row
 * @lg: the guest; its own task calls
 * @map: the mapping of an address that one of our leaves covers, from lg_walk()
 * @first: index of the first one's spte in that leaf, a multiple of 64
 * @wanted: a bit for each pte to read
 * @ptes: the ptes read, each at its place; without tables, all are 0
 *
 * Context: may sleep.
 * Return: true; false with the guest dead.
 */
bool lg_read_ptes(struct lguest *lg, const struct lg_mapping *map,
		  unsigned int first, unsigned long wanted, u64 *ptes)
{
	u32 size = entry_size(lg);

	if (map->has_table)
		return lg_read_entries(lg, table_of(lg, map) + first * size,
				       size, wanted, ptes);
	memset(ptes, 0, BITS_PER_LONG * sizeof(*ptes));
	return true;
}

static void map_memory(struct lg_mapping *map, u32 gfn)
{
	map->gfn = gfn;
	map->pde = LG_PTE_PRESENT | LG_PTE_WRITE | LG_PTE_ACCESSED |
		   LG_PTE_DIRTY;
	map->pte = map->pde;
	map->present = true;
}

/* Clear what a walk may not get to. */
static void clear_mapping(struct lg_mapping *map)
{
	map->pd_gpa = 0;
	map->has_table = false;
	map->pde = 0;
	map->pte = 0;
	map->present = false;
}

/*
 * Read one entry, inside user_read_access_begin(). Nothing may be called there. So
 * no bool in memory may be read either: UBSAN checks those by a call.
 */
static __always_inline bool get_entry(struct lguest *lg, bool pae, u32 gpa,
				      u64 *entry)
{
	void __user *from = lg_user_address(lg, gpa);
	u32 small;

	if (pae) {
		unsafe_get_user(*entry, (u64 __user *)from, fault);
	} else {
		unsafe_get_user(small, (u32 __user *)from, fault);
		*entry = small;
	}
	return true;

fault:
	return false;
}

/*
 * Read the guest's entries for an address, as far as they lead; the pte only if
 * @whole. All tables are in memory: the top-level one was checked when it was
 * handed over, and leads_on() checks the others on the way.
 */
static bool read_tables(struct lguest *lg, u32 table, u32 gva, bool whole,
			u64 *pdpte, struct lg_mapping *map)
{
	const bool pae = lg->mmu.pae;
	u32 size = entry_size(lg);
	u32 entries = PAGE_SIZE / size;

	*pdpte = 0;
	if (!user_read_access_begin(lg_user_address(lg, 0),
				    (size_t)lg->pfn_limit << PAGE_SHIFT))
		goto gone;
	if (pae) {
		if (!get_entry(lg, pae, table + (gva >> PDPTE_SHIFT) * size,
			       pdpte))
			goto fault;
		if (!leads_on(lg, *pdpte))
			goto done;
		table = *pdpte & LG_PTE_PFN;
		map->pd_gpa = table;
	}

	map->pde_gpa = table + (gva >> (PAGE_SHIFT + (pae ? 9 : 10))) %
			       entries * size;
	if (!get_entry(lg, pae, map->pde_gpa, &map->pde))
		goto fault;
	map->has_table = leads_on(lg, map->pde);
	if (!map->has_table)
		goto done;
	map->pte_gpa = (map->pde & LG_PTE_PFN) +
		       (gva >> PAGE_SHIFT) % entries * size;
	if (whole && !get_entry(lg, pae, map->pte_gpa, &map->pte))
		goto fault;
done:
	user_read_access_end();
	return true;

fault:
	user_read_access_end();
gone:
	lg_memory_gone(lg, table);
	return false;
}

static bool walk_tables(struct lguest *lg, u32 table, u32 gva,
			struct lg_mapping *map)
{
	u64 pdpte;

	if (!read_tables(lg, table, gva, true, &pdpte, map))
		return false;
	if (!map->has_table)
		return check_entry(lg, "directory pointer", gva, pdpte) &&
		       check_entry(lg, "directory", gva, map->pde);
	if (!lg_check_pte(lg, gva, map->pte))
		return false;
	map->gfn = (map->pte & LG_PTE_PFN) >> PAGE_SHIFT;
	map->present = map->pte & LG_PTE_PRESENT;
	return true;
}

/**
 * lg_find_table() - find the guest's page table for an address
 * @lg: the guest; its own task calls
 * @top: its top-level table, or %LG_IDENTITY
 * @gva: guest linear address
 * @map: what the directories say; the pte itself is not looked at
 *
 * Context: may sleep.
 * Return: true; false if the directories lead to none, or with the guest dead.
 */
bool lg_find_table(struct lguest *lg, u32 top, u32 gva, struct lg_mapping *map)
{
	u64 pdpte;

	clear_mapping(map);
	return top != LG_IDENTITY &&
	       read_tables(lg, top, gva, false, &pdpte, map) && map->has_table;
}

/*
 * Without tables, memory is also at the addresses that the guest's kernel was linked
 * for. Its loader of microcode reads variables there before LGUEST_INIT says where
 * these begin (Linux 4.4). So try what CONFIG_PAGE_OFFSET can be on i386. An address
 * below the end of memory is physical, though: with a kernel linked for 0x40000000 and
 * more than 1 GB, there is no telling which of the two it is.
 */
static bool find_without_table(struct lguest *lg, u32 gva, u32 *gpa)
{
	static const u32 page_offsets[] = {
		0xc0000000, 0xb0000000, 0x80000000, 0x78000000, 0x40000000,
	};
	unsigned int i;

	if (lg->kernel_address && gva >= lg->kernel_address) {
		*gpa = gva - lg->kernel_address;
		return lg_in_memory(lg, *gpa, 1);
	}
	*gpa = gva;
	if (lg_in_memory(lg, *gpa, 1))
		return true;
	for (i = 0; i < ARRAY_SIZE(page_offsets) && !lg->kernel_address; i++) {
		*gpa = gva - page_offsets[i];
		if (gva >= page_offsets[i] && lg_in_memory(lg, *gpa, 1))
			return true;
	}
	return false;
}

#define LOST_HYPERCALL \
	"at %#x without LGUEST_INIT: vmcall, of Linux up to 2.6.33, goes to a hypervisor below"

/*
 * A guest goes to where its kernel was linked for only after LGUEST_INIT. Where that
 * is a vmcall, and a hypervisor below the host takes it, the guest would go on and
 * wait for ever for what its hypercalls should do.
 */
static bool lost_its_hypercall(struct lguest *lg)
{
	return !lg_data_ready(lg) && !lg_in_memory(lg, lg_insn_address(lg), 1);
}

/*
 * The guest has not handed over a table yet. What it put into the boot table
 * counts; the rest is memory, as far as there is any.
 */
static bool walk_without_table(struct lguest *lg, u32 gva,
			       struct lg_mapping *map)
{
	u32 gpa;

	if (lg->mmu.boot_table && gva >= lg->kernel_address) {
		if (!walk_tables(lg, lg->mmu.boot_table, gva, map))
			return false;
		if (map->pde & LG_PTE_PRESENT)
			return true;
	}
	if (!find_without_table(lg, gva, &gpa)) {
		lg_kill(lg, "touched %#x beyond memory, without page tables (eip %#llx)%s",
			gva, lg->regs->eip, lg_hypercall_hint(lg));
		return false;
	}
	if (gpa != gva && lost_its_hypercall(lg)) {
		lg_kill(lg, LOST_HYPERCALL, lg_insn_address(lg));
		return false;
	}
	map_memory(map, gpa >> PAGE_SHIFT);
	return true;
}

/**
 * lg_walk() - look an address up in the guest's own tables
 * @lg: the guest; its own task calls
 * @gva: guest linear address
 * @map: what they say; its @gfn may be a device page's
 *
 * Context: may sleep.
 * Return: true; false with the guest dead.
 */
bool lg_walk(struct lguest *lg, u32 gva, struct lg_mapping *map)
{
	u32 table = lg->mmu.root->gpa;

	clear_mapping(map);
	if (table == LG_IDENTITY)
		return walk_without_table(lg, gva, map);
	return walk_tables(lg, table, gva, map);
}

/**
 * lg_set_accessed_dirty() - set accessed and dirty bits in the guest's entries
 * @lg: the guest; its own task calls
 * @map: a present mapping from lg_walk(); its bits are updated too
 * @write: set dirty, too
 *
 * Context: may sleep.
 * Return: true; false with the guest dead.
 */
bool lg_set_accessed_dirty(struct lguest *lg, struct lg_mapping *map, bool write)
{
	u64 pde = map->pde | LG_PTE_ACCESSED;
	u64 pte = map->pte | LG_PTE_ACCESSED | (write ? LG_PTE_DIRTY : 0);

	/* Both formats have these bits in the first four bytes. */
	if (pde != map->pde && !lg_put_u32(lg, map->pde_gpa, pde))
		return false;
	if (pte != map->pte && !lg_put_u32(lg, map->pte_gpa, pte))
		return false;
	map->pde = pde;
	map->pte = pte;
	return true;
}

/**
 * lg_error_code_bits() - which bits of the CPU's error code a guest's takes over
 * @lg: the guest; its own task calls
 *
 * Return: the bits that say what was done. They are the same for the guest's
 * tables and ours; %LG_PF_PRESENT is not.
 */
u32 lg_error_code_bits(struct lguest *lg)
{
	/* Without NX, there is no bit for a fetch either. */
	return LG_PF_WRITE | LG_PF_USER |
	       (lg->mmu.pae && lg_pte_nx ? LG_PF_FETCH : 0);
}

/**
 * lg_check_cr3() - whether an address can be that of a top-level table
 * @lg: the guest; its own task calls
 * @cr3: what the guest hands over
 *
 * Return: true; false with the guest dead.
 */
bool lg_check_cr3(struct lguest *lg, u32 cr3)
{
	u32 size = lg->mmu.pae ? PDPT_SIZE : PAGE_SIZE;

	if (cr3 % size) {
		lg_kill(lg, "page table at %#x is not aligned", cr3);
		return false;
	}
	if (!lg_in_memory(lg, cr3, size)) {
		lg_kill(lg, "page table at %#x is not in memory", cr3);
		return false;
	}
	return true;
}

/**
 * lg_find_format() - tell which format a guest's tables have
 * @lg: the guest; its own task calls
 * @cr3: the first top-level table that it hands over
 *
 * That table maps kernel_address, so its entry for that is present: one of 4 bytes
 * that covers 4 MiB, or one of 8 that covers 1 GiB. This sets &lg_mmu.pae.
 *
 * Context: may sleep.
 * Return: true; false with the guest dead.
 */
bool lg_find_format(struct lguest *lg, u32 cr3)
{
	u32 kernel = lg->kernel_address;
	u64 entry;

	lg->mmu.pae = false;
	if (PAGE_ALIGNED(cr3) && lg_in_memory(lg, cr3, PAGE_SIZE)) {
		if (!read_entry(lg, cr3 + (kernel >> PDE_SHIFT_2LEVEL) *
				entry_size(lg), &entry))
			return false;
		if (entry & LG_PTE_PRESENT && lg_pte_is_valid(entry, lg->pfn_limit))
			return true;
	}

	lg->mmu.pae = true;
	if (!lg_check_cr3(lg, cr3) ||
	    !read_entry(lg, cr3 + (kernel >> PDPTE_SHIFT) * entry_size(lg),
			&entry))
		return false;
	if (entry & LG_PTE_PRESENT && !(entry & PDPTE_RESERVED) &&
	    lg_pte_is_valid(entry, lg->pfn_limit))
		return true;
	lg_kill(lg, "page table at %#x does not map the kernel's address %#x",
		cr3, kernel);
	return false;
}

/*
 * Find where memory that is free at boot ends: at the Launcher's initrd, or else at
 * the end of memory; and with much memory, in the middle of what a kernel maps.
 */
static bool boot_memory_end(struct lguest *lg, u32 *end)
{
	u32 initrd;
	u64 ram;

	if (!lg_read(lg, BOOT_RAMDISK_IMAGE, &initrd, sizeof(initrd)) ||
	    !lg_read(lg, BOOT_E820_SIZE, &ram, sizeof(ram)))
		return false;
	*end = initrd ?: min_t(u64, ram, U32_MAX);
	if (!*end || !lg_in_memory(lg, 0, *end))
		*end = min_t(u64, (u64)lg->pfn_limit << PAGE_SHIFT, U32_MAX);
	/* The guest must find it above kernel_address, and below fixed mappings. */
	*end = min(*end, -lg->kernel_address / 2) & PAGE_MASK;
	return true;
}

/**
 * lg_make_boot_table() - make the table that a guest finds at LGUEST_INIT
 * @lg: a guest that looks for one, with its kernel_address known; its own task
 *	calls
 *
 * Guests of 2.6.31 to 3.0 add the table of their first fixed mappings to it,
 * and say so by SET_PGD or SET_PMD, before they hand over a table of their own.
 * So it must be right in either format, before we know which. As a PAE table,
 * its last entry leads to an empty directory. As a 2-level one it is empty but
 * for that entry, which there is for addresses far below the kernel's. It lies
 * where nothing is so early: at the end of memory or below the initrd, but not
 * beyond what the guest's kernel can map.
 *
 * This sets &lg_mmu.boot_table.
 *
 * Context: may sleep.
 * Return: true; false with the guest dead.
 */
bool lg_make_boot_table(struct lguest *lg)
{
	const void *zeroes = page_address(ZERO_PAGE(0));
	u32 end, top, directory;
	u64 pdpte;

	if (!boot_memory_end(lg, &end))
		return false;
	if (end < 3 * PAGE_SIZE) {
		lg_kill(lg, "no room for page tables below %#x", end);
		return false;
	}
	top = end - PAGE_SIZE;
	directory = top - PAGE_SIZE;
	pdpte = directory | LG_PTE_PRESENT;
	lg->mmu.boot_table = top;
	return lg_write(lg, top, zeroes, PAGE_SIZE) &&
	       lg_write(lg, directory, zeroes, PAGE_SIZE) &&
	       lg_write(lg, top + PDPT_SIZE - sizeof(pdpte), &pdpte,
			sizeof(pdpte));
}
