// SPDX-License-Identifier: GPL-2.0
/* The guest's own tables: their format, and entries that no host can honour */
#include <kunit/test.h>
#include <linux/mman.h>
#include <linux/syscalls.h>

#include "../../guest/tables.h"
#include "lib/paging.h"

#define GVA	0x12000U
#define PAGE	(FREE + 0x3000)		/* what it maps */

/* One bad entry: in the directory pointers (0), the directory, or the table */
struct bad_case {
	const char *name;
	bool pae;
	unsigned int level;
	u64 entry;
	const char *reason;
};

static const struct bad_case bad_cases[] = {
	{ "4 MiB page", false, 1, PAGE | P | W | U | PSE,
	  "bad page directory entry 0xd087 for address 0x12000: a guest has no large pages" },
	{ "4 MiB page of frame 0", false, 1, P | PSE,
	  "bad page directory entry 0x81 for address 0x12000: a guest has no large pages" },
	{ "2 MiB page", true, 1, PAGE | P | W | U | PSE,
	  "bad page directory entry 0xd087 for address 0x12000: a guest has no large pages" },
	{ "1 GiB page", true, 0, P | PSE,
	  "bad page directory pointer entry 0x81 for address 0x12000: a guest has no large pages" },
	{ "PAT", false, 2, PAGE | P | PSE,
	  "bad page table entry 0xd081 for address 0x12000: a guest has no large pages" },
	{ "PAT with PAE", true, 2, PAGE | P | PSE,
	  "bad page table entry 0xd081 for address 0x12000: a guest has no large pages" },
	{ "page beyond memory", false, 2, END | P,
	  "bad page table entry 0x40001 for address 0x12000" },
	{ "page far beyond memory", false, 2, 0xfffff000 | P,
	  "bad page table entry 0xfffff001 for address 0x12000" },
	{ "page beyond 4 GiB", true, 2, BIT_ULL(32) | PAGE | P,
	  "bad page table entry 0x10000d001 for address 0x12000" },
	{ "page at 2^51", true, 2, BIT_ULL(51) | PAGE | P | NX,
	  "bad page table entry 0x800800000000d001 for address 0x12000" },
	{ "reserved bit 52", true, 2, BIT_ULL(52) | PAGE | P,
	  "bad page table entry 0x1000000000d001 for address 0x12000" },
	{ "reserved bit 62", true, 1, BIT_ULL(62) | USER_TABLE | P,
	  "bad page directory entry 0x4000000000004001 for address 0x12000" },
	{ "table beyond memory", false, 1, END | P,
	  "bad page directory entry 0x40001 for address 0x12000" },
	{ "table beyond 4 GiB", true, 1, BIT_ULL(32) | USER_TABLE | P,
	  "bad page directory entry 0x100004001 for address 0x12000" },
	{ "directory beyond memory", true, 0, END | P,
	  "bad page directory pointer entry 0x40001 for address 0x12000" },
};

static void describe_bad(const struct bad_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(bad, bad_cases, describe_bad);

static void put_bad(struct guest *g, const struct bad_case *c, u64 entry)
{
	u32 gpa = TOP;

	if (c->level == 1)
		gpa = paging_pde_gpa(g, c->pae ? USER_PD : TOP, GVA);
	else if (c->level == 2)
		gpa = paging_pte_gpa(g, USER_TABLE, GVA);
	paging_put(g, gpa, entry);
}

static void bad_entries(struct kunit *test)
{
	const struct bad_case *c = test->param_value;
	struct guest *g = test->priv;

	paging_start(g, c->pae);
	paging_map(g, GVA, PAGE | P | W | U);

	/* An entry that is not present is not bad. */
	put_bad(g, c, c->entry & ~P);
	KUNIT_EXPECT_EQ(test, paging_touch(g, GVA, 0), LG_FAULT_GUEST);
	if (c->level == 2)
		guest_hypercall(g, SET_PTE, TOP, GVA, c->entry & ~P);
	EXPECT_ALIVE(g);

	put_bad(g, c, c->entry);
	KUNIT_EXPECT_EQ(test, paging_touch(g, GVA, 0), LG_FAULT_RETRY);
	EXPECT_NO_SHADOW(g, GVA);
	EXPECT_REASON(g, c->reason);
}

static void bad_entries_of_the_kernel_address(struct kunit *test)
{
	struct guest *g = test->priv;

	paging_start(g, true);
	paging_put(g, TOP + 3 * 8, END | P);
	KUNIT_EXPECT_EQ(test, paging_touch(g, KERNEL, 0), LG_FAULT_RETRY);
	EXPECT_REASON(g, "bad page directory pointer entry 0x40001 for address 0xc0000000");
}

static void no_table_in_device_page(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->device_limit = PAGES + 2;
	paging_start(g, false);
	paging_put(g, paging_pde_gpa(g, TOP, GVA), END | P | W);
	KUNIT_EXPECT_EQ(test, paging_touch(g, GVA, 0), LG_FAULT_RETRY);
	EXPECT_REASON(g, "bad page directory entry 0x40003 for address 0x12000");
}

static void page_directory_that_is_gone(struct kunit *test)
{
	struct guest *g = test->priv;

	paging_start(g, true);
	vm_munmap(g->memory + USER_PD, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, paging_touch(g, GVA, 0), LG_FAULT_RETRY);
	EXPECT_REASON(g, "guest memory at 0x38000 is gone: the Launcher took it away");
}

/* In read-only tables, the host can't set accessed and dirty bits. */
static void read_only_tables(struct guest *g, u32 gpa)
{
	paging_start(g, false);
	paging_map(g, GVA, PAGE | P | W | U);
	KUNIT_ASSERT_EQ(g->test, 0, sys_mprotect(g->memory + gpa, PAGE_SIZE,
						 PROT_READ));
	/* That does no harm as long as there is nothing to set. */
	KUNIT_EXPECT_EQ(g->test, paging_touch(g, GVA + PAGE_SIZE, 0),
			LG_FAULT_GUEST);
	EXPECT_ALIVE(g);
	KUNIT_EXPECT_EQ(g->test, paging_touch(g, GVA, 0), LG_FAULT_RETRY);
	EXPECT_NO_SHADOW(g, GVA);
}

static void read_only_directory(struct kunit *test)
{
	struct guest *g = test->priv;

	read_only_tables(g, TOP);
	EXPECT_REASON(g, "guest memory at 0x1000 is gone: the Launcher took it away");
}

static void read_only_table(struct kunit *test)
{
	struct guest *g = test->priv;

	read_only_tables(g, USER_TABLE);
	EXPECT_REASON(g, "guest memory at 0x4048 is gone: the Launcher took it away");
}

/* The first table handed over, and which of its words lead to the kernel */
struct first_case {
	const char *name;
	u32 cr3;
	u32 at_2level, at_pae;	/* for the kernel's address */
	u32 at_pae_high;
	bool pae;
	const char *reason;	/* or none */
};

#define NO_KERNEL	"page table at 0x10000 does not map the kernel's address 0xc0000000"
#define NO_KERNEL_32	"page table at 0x10020 does not map the kernel's address 0xc0000000"

static const struct first_case first_cases[] = {
	{ "2-level", 0x10000, 0x3003, 0, 0, false, "" },
	{ "PAE", 0x10000, 0, 0x3001, 0, true, "" },
	{ "PAE in a page", 0x10020, 0, 0x3001, 0, true, "" },
	/* What would be PAE's entry maps a page of some user's. */
	{ "2-level and user", 0x10000, 0x3003, 0x4067, 0, false, "" },
	{ "PAE, and what is behind it", 0x10000, 0x3001 | PSE, 0x3001, 0, true,
	  "" },
	{ "PAE, and beyond memory behind it", 0x10000, END | P, 0x3001, 0, true,
	  "" },
	{ "nothing", 0x10000, 0, 0, 0, true, NO_KERNEL },
	{ "nothing in a page", 0x10020, 0x3003, 0, 0, true, NO_KERNEL_32 },
	{ "not present", 0x10000, 0x3002, 0x3000, 0, true, NO_KERNEL },
	{ "PAE, reserved W", 0x10000, 0, 0x3003, 0, true, NO_KERNEL },
	{ "PAE, reserved U", 0x10000, 0, 0x3005, 0, true, NO_KERNEL },
	{ "PAE beyond memory", 0x10000, 0, END | P, 0, true, NO_KERNEL },
	{ "PAE beyond 4 GiB", 0x10000, 0, 0x3001, 1, true, NO_KERNEL },
	{ "not aligned", 0x10010, 0x3003, 0x3001, 0, true,
	  "page table at 0x10010 is not aligned" },
	{ "not in memory", END, 0, 0, 0, true,
	  "page table at 0x40000 is not in memory" },
};

static void describe_first(const struct first_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(first, first_cases, describe_first);

static void format_of_the_first_table(struct kunit *test)
{
	const struct first_case *c = test->param_value;
	struct guest *g = test->priv;

	if (c->cr3 < END) {
		guest_put32(g, c->cr3 + 3 * 8, c->at_pae);
		guest_put32(g, c->cr3 + 3 * 8 + 4, c->at_pae_high);
		guest_put32(g, c->cr3 + (KERNEL >> 22) * 4, c->at_2level);
	}
	guest_hypercall(g, NEW_PGTABLE, c->cr3, 0, 0);
	KUNIT_EXPECT_STREQ(test, g->lg->reason, c->reason);
	if (*c->reason) {
		KUNIT_EXPECT_EQ(test, g->lg->mmu.root->gpa, LG_IDENTITY);
	} else {
		KUNIT_EXPECT_EQ(test, g->lg->mmu.pae, c->pae);
		KUNIT_EXPECT_EQ(test, g->lg->mmu.root->gpa, c->cr3);
	}
}

static void first_table_that_is_gone(struct kunit *test)
{
	struct guest *g = test->priv;

	vm_munmap(g->memory + TOP, PAGE_SIZE);
	guest_hypercall(g, NEW_PGTABLE, TOP, 0, 0);
	EXPECT_REASON(g, "guest memory at 0x1c00 is gone: the Launcher took it away");
}

static void boot_params_that_are_gone(struct kunit *test)
{
	struct guest *g = test->priv;

	vm_munmap(g->memory, PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, lg_make_boot_table(g->lg));
	EXPECT_REASON(g, "guest memory at 0x218 is gone: the Launcher took it away");
}

static struct kunit_case guest_tables_cases[] = {
	KUNIT_CASE_PARAM(bad_entries, bad_gen_params),
	KUNIT_CASE(bad_entries_of_the_kernel_address),
	KUNIT_CASE(no_table_in_device_page),
	KUNIT_CASE(page_directory_that_is_gone),
	KUNIT_CASE(read_only_directory),
	KUNIT_CASE(read_only_table),
	KUNIT_CASE_PARAM(format_of_the_first_table, first_gen_params),
	KUNIT_CASE(first_table_that_is_gone),
	KUNIT_CASE(boot_params_that_are_gone),
	{}
};

static struct kunit_suite guest_tables_suite = {
	.name = "lguest_guest_tables",
	.init = guest_create,
	.exit = guest_free,
	.test_cases = guest_tables_cases,
};

kunit_test_suite(guest_tables_suite);
