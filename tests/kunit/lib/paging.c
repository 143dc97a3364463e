// SPDX-License-Identifier: GPL-2.0
#include <linux/io.h>
#include <linux/mman.h>

#include "paging.h"

/* A failure that a test has ordered is not meant for paging_host_page(). */
#undef get_user_pages_fast

const struct format formats[2] = {
	{ "2-level", false },
	{ "PAE", true },
};

void describe_format(const struct format *f, char *desc)
{
	strscpy(desc, f->name, KUNIT_PARAM_DESC_SIZE);
}

static u32 entry_size(struct guest *g)
{
	return g->lg->mmu.pae ? 8 : 4;
}

static void clear(struct guest *g, u32 gpa)
{
	guest_put(g, gpa, page_address(ZERO_PAGE(0)), PAGE_SIZE);
}

void paging_put(struct guest *g, u32 gpa, u64 entry)
{
	guest_put(g, gpa, &entry, entry_size(g));
}

u64 paging_get(struct guest *g, u32 gpa)
{
	u64 entry = 0;

	guest_get(g, gpa, &entry, entry_size(g));
	return entry;
}

u32 paging_pte_gpa(struct guest *g, u32 table, u32 gva)
{
	u32 entries = PAGE_SIZE / entry_size(g);

	return table + (gva >> PAGE_SHIFT) % entries * entry_size(g);
}

u32 paging_pde_gpa(struct guest *g, u32 directory, u32 gva)
{
	return g->lg->mmu.pae ? directory + (gva >> 21) % 512 * 8 :
				directory + (gva >> 22) * 4;
}

void paging_hang(struct guest *g, u32 directory, u32 gva, u32 table)
{
	clear(g, table);
	paging_put(g, paging_pde_gpa(g, directory, gva), table | P | W | U);
}

static void lay_out_pae(struct guest *g)
{
	static const u32 tables[] = {
		TOP, OTHER_TOP, KERNEL_TABLE, USER_TABLE, OTHER_USER_TABLE,
		USER_PD, OTHER_USER_PD, KERNEL_PD,
	};
	u32 kernel = g->lg->kernel_address;
	unsigned int i;
	u32 gpa;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		clear(g, tables[i]);
	guest_put32(g, TOP, USER_PD | P);
	guest_put32(g, OTHER_TOP, OTHER_USER_PD | P);
	guest_put32(g, TOP + (kernel >> 30) * 8, KERNEL_PD | P);
	guest_put32(g, OTHER_TOP + (kernel >> 30) * 8, KERNEL_PD | P);
	guest_put32(g, USER_PD, USER_TABLE | P | W | U);
	guest_put32(g, OTHER_USER_PD, OTHER_USER_TABLE | P | W | U);
	guest_put32(g, KERNEL_PD + (kernel >> 21) % 512 * 8,
		    KERNEL_TABLE | P | W);
	for (gpa = 0; gpa < END; gpa += PAGE_SIZE)
		guest_put32(g, KERNEL_TABLE + gpa / PAGE_SIZE * 8,
			    gpa | P | W);
}

void paging_start(struct guest *g, bool pae)
{
	if (pae)
		lay_out_pae(g);
	guest_hypercall(g, NEW_PGTABLE, TOP, 0, 0);
	EXPECT_ALIVE(g);
	KUNIT_ASSERT_EQ(g->test, g->lg->mmu.pae, pae);
}

static u32 pte_gpa(struct guest *g, u32 gva)
{
	u32 table = gva < g->lg->kernel_address ? USER_TABLE : KERNEL_TABLE;

	return paging_pte_gpa(g, table, gva);
}

void paging_map(struct guest *g, u32 gva, u64 pte)
{
	paging_put(g, pte_gpa(g, gva), pte);
}

u64 paging_entry(struct guest *g, u32 gva)
{
	return paging_get(g, pte_gpa(g, gva));
}

void paging_replace(struct guest *g, u32 gpa)
{
	unsigned long page = g->memory + gpa;

	KUNIT_ASSERT_EQ(g->test, page,
			vm_mmap(NULL, page, PAGE_SIZE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0));
	guest_walk_all(g);
}

enum lg_fault paging_touch(struct guest *g, u32 gva, u32 how)
{
	enum lg_fault fault = lg_page_fault(g->lg, gva, &how);

	guest_walk_all(g);
	return fault;
}

static u64 *pde_of(struct guest *g, u32 gva)
{
	u64 entry = g->lg->mmu.root->pdpt[gva >> LG_DIRECTORY_SHIFT];
	u64 *pd = phys_to_virt(entry & LG_PTE_PFN & ~lg_pte_encryption);

	return &pd[gva / LG_LEAF_SPAN % LG_TABLE_ENTRIES];
}

void paging_use(struct guest *g, u32 gva)
{
	*pde_of(g, gva) |= LG_PTE_ACCESSED;
}

void paging_rest(struct guest *g, u32 gva)
{
	*pde_of(g, gva) &= ~LG_PTE_ACCESSED;
	lg_inc_tlb_gen(&g->lg->mmu.tlb_gen);
}

u64 paging_host_page(struct guest *g, u32 gpa)
{
	struct page *page;
	int got;

	got = get_user_pages_fast(g->memory + gpa, 1, 0, &page);
	KUNIT_ASSERT_EQ(g->test, got, 1);
	put_page(page);
	return (u64)page_to_pfn(page) << PAGE_SHIFT;
}
