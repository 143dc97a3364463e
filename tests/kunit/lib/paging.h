/* SPDX-License-Identifier: GPL-2.0 */
/* For suites on paging: the guest's tables, in either format, and faults. */
#ifndef LG_TESTS_PAGING_H
#define LG_TESTS_PAGING_H

#include "../../../cpu.h"
#include "guest.h"

#define PSE	BIT(7)
#define NX	BIT_ULL(63)

/*
 * With PAE, tables and directories are where guest_create() has tables; TOP and
 * OTHER_TOP lead to these.
 */
#define USER_PD		0x38000
#define OTHER_USER_PD	0x39000
#define KERNEL_PD	0x3a000

/* Beyond one table of either format, and still of the first 4 MiB or 1 GiB */
#define MiB		0x100000U

/**
 * struct format - parameter of cases for both formats
 * @name: of the case
 * @pae: which it is
 */
struct format {
	const char *name;
	bool pae;
};

extern const struct format formats[2];

void describe_format(const struct format *f, char *desc);

/* The guest goes on by TOP. */
void paging_start(struct guest *g, bool pae);

/* Where the entry for an address lies in a table or a directory */
u32 paging_pte_gpa(struct guest *g, u32 table, u32 gva);
u32 paging_pde_gpa(struct guest *g, u32 directory, u32 gva);

/* One entry, and the guest says nothing of it */
void paging_put(struct guest *g, u32 gpa, u64 entry);
u64 paging_get(struct guest *g, u32 gpa);

/* Another table or directory in the current one, new and without entries */
void paging_hang(struct guest *g, u32 directory, u32 gva, u32 table);

/* An entry of USER_TABLE or KERNEL_TABLE, by the address */
void paging_map(struct guest *g, u32 gva, u64 pte);
u64 paging_entry(struct guest *g, u32 gva);

/* The Launcher maps another page in the place of one, which is gone. */
void paging_replace(struct guest *g, u32 gpa);

/* The guest touches an address: LG_PF_WRITE and so on say how. */
enum lg_fault paging_touch(struct guest *g, u32 gva, u32 how);

/* The CPU has gone by our directory's entry for an address, or has not lately. */
void paging_use(struct guest *g, u32 gva);
void paging_rest(struct guest *g, u32 gva);

/* Where the host has a guest's page */
u64 paging_host_page(struct guest *g, u32 gpa);

/* The shadow maps @gva to the page of @gpa, with these bits and no other. */
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

/* Dirty and writable, which for a shadow entry is one */
#define WD	(LG_PTE_WRITE | LG_PTE_DIRTY)

/* The guest touches an address, and that is all there is to it. */
#define TOUCH(g, gva, how)						\
	KUNIT_EXPECT_EQ((g)->test, paging_touch(g, gva, how), LG_FAULT_FIXED)

#endif /* LG_TESTS_PAGING_H */
