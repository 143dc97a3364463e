/* SPDX-License-Identifier: GPL-2.0 */
/* For suites on paging: the guest's tables, in either format, and faults. */
#ifndef LG_TESTS_PAGING_H
#define LG_TESTS_PAGING_H

#include "../../../cpu.h"
#include "guest.h"

#define PSE	BIT(7)
#define NX	BIT_ULL(63)

/*
 * Directories of a PAE guest. TOP and OTHER_TOP lead to them, and they lead to the
 * tables that guest_create() lays out.
 */
#define USER_PD		0x38000
#define OTHER_USER_PD	0x39000
#define KERNEL_PD	0x3a000

#define MiB		0x100000U

/**
 * struct format - parameter of cases for both formats
 * @name: name of the case
 * @pae: the format is PAE's
 */
struct format {
	const char *name;
	bool pae;
};

extern const struct format formats[2];

void describe_format(const struct format *f, char *desc);

/* Let the guest load TOP, in this format. */
void paging_start(struct guest *g, bool pae);

/* Where a table or directory has the entry for an address */
u32 paging_pte_gpa(struct guest *g, u32 table, u32 gva);
u32 paging_pde_gpa(struct guest *g, u32 directory, u32 gva);

/* Write or read one entry, without a hypercall of the guest's */
void paging_put(struct guest *g, u32 gpa, u64 entry);
u64 paging_get(struct guest *g, u32 gpa);

/* Put a new empty table into a directory. */
void paging_hang(struct guest *g, u32 directory, u32 gva, u32 table);

/* Write or read an entry of USER_TABLE or KERNEL_TABLE. */
void paging_map(struct guest *g, u32 gva, u64 pte);
u64 paging_entry(struct guest *g, u32 gva);

/* Let the Launcher map another page in the place of one. */
void paging_replace(struct guest *g, u32 gpa);

/* Let the guest touch an address. @how: LG_PF_WRITE and so on. */
enum lg_fault paging_touch(struct guest *g, u32 gva, u32 how);

/* Set or clear the accessed bit of our pde, as if the CPU had used it or not. */
void paging_use(struct guest *g, u32 gva);
void paging_rest(struct guest *g, u32 gva);

/* The host-physical address of a guest's page */
u64 paging_host_page(struct guest *g, u32 gpa);

/* The shadow maps @gva to the page of @gpa, with just these bits. */
#define EXPECT_SHADOW_IN(g, root, gva, gpa, bits)			\
	KUNIT_EXPECT_EQ((g)->test, guest_shadow_in(g, root, gva),	\
			paging_host_page(g, gpa) | lg_pte_encryption |	\
			LG_PTE_PRESENT | LG_PTE_ACCESSED | (bits))
#define EXPECT_SHADOW(g, gva, gpa, bits)				\
	EXPECT_SHADOW_IN(g, (g)->lg->mmu.root, gva, gpa, bits)
#define EXPECT_NO_SHADOW_IN(g, root, gva)				\
	KUNIT_EXPECT_EQ((g)->test, guest_shadow_in(g, root, gva), 0)
#define EXPECT_NO_SHADOW(g, gva)					\
	EXPECT_NO_SHADOW_IN(g, (g)->lg->mmu.root, gva)

/* An spte is writable and dirty, or neither. */
#define WD	(LG_PTE_WRITE | LG_PTE_DIRTY)

/* The guest touches an address, and we fill the spte. */
#define TOUCH(g, gva, how)						\
	KUNIT_EXPECT_EQ((g)->test, paging_touch(g, gva, how), LG_FAULT_FIXED)

#endif /* LG_TESTS_PAGING_H */
