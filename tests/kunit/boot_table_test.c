// SPDX-License-Identifier: GPL-2.0
/* The table that guests of 2.6.31 to 3.0 find at LGUEST_INIT */
#include <kunit/test.h>
#include <linux/io.h>

#include "../../cpu.h"
#include "lib/guest.h"

#define DATA_PGDIR		1376
#define BOOT_RAMDISK_IMAGE	0x218
#define BOOT_E820_SIZE		0x2d8

#define FIXED		0xffe00000U	/* a guest's fixed mappings */
#define FIXED_TABLE	0x10000

static void init_at(struct guest *g, u32 kernel)
{
	const u32 words[] = { 0x1234, 0xc0101234, 0xc0101240, kernel, 0x80 };

	guest_put(g, DATA + DATA_PGDIR, words, sizeof(words));
	guest_hypercall(g, LGUEST_INIT, DATA, 0, 0);
	EXPECT_ALIVE(g);
}

static void init(struct guest *g)
{
	init_at(g, KERNEL);
}

static u32 pgdir(struct guest *g)
{
	return guest_get32(g, DATA + DATA_PGDIR);
}

static u32 at(struct guest *g, u32 gva)
{
	u32 val;

	KUNIT_EXPECT_TRUE(g->test,
			  lg_read_linear(g->lg, gva, &val, sizeof(val)));
	return val;
}

/* The guest touches an address. The shadow must lead to what is at gpa. */
static void touch(struct guest *g, u32 gva, u32 gpa)
{
	u32 error_code = LG_PF_WRITE;
	u64 entry;
	u32 *word;

	guest_put32(g, gpa, gva);
	KUNIT_EXPECT_EQ(g->test, lg_page_fault(g->lg, gva, &error_code),
			LG_FAULT_FIXED);
	EXPECT_ALIVE(g);
	entry = guest_shadow(g, gva);
	KUNIT_ASSERT_TRUE(g->test, entry & LG_PTE_PRESENT);
	KUNIT_EXPECT_TRUE(g->test, entry & LG_PTE_WRITE);
	word = phys_to_virt(entry & LG_PTE_PFN & ~lg_pte_encryption);
	KUNIT_EXPECT_EQ(g->test, word[offset_in_page(gva) / 4], gva);
}

struct place_case {
	const char *name;
	u32 initrd;
	u64 ram;
	u32 top;
	u32 kernel;		/* KERNEL if 0 */
};

static const struct place_case place_cases[] = {
	{ "end of RAM", 0, END - 2 * PAGE_SIZE, END - 3 * PAGE_SIZE },
	{ "below the initrd", 0x20000, END - 2 * PAGE_SIZE, 0x1f000 },
	{ "initrd in a page", 0x20ffc, END - 2 * PAGE_SIZE, 0x1f000 },
	{ "nobody says", 0, 0, END - PAGE_SIZE },
	{ "more RAM than memory", 0, END + 1, END - PAGE_SIZE },
	{ "much more", 0, BIT_ULL(32) + END, END - PAGE_SIZE },
	{ "initrd beyond memory", END + 1, END, END - PAGE_SIZE },
	{ "as much as the kernel maps", 0, END, END - PAGE_SIZE, -2 * END },
	{ "much more than it maps", 0, END, END / 2 - PAGE_SIZE, -END },
	{ "initrd above what it maps", END - 4, END, END / 4 - PAGE_SIZE,
	  -END / 2 },
};

static void describe_place(const struct place_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(place, place_cases, describe_place);

static void is_where_nothing_else_is(struct kunit *test)
{
	const struct place_case *c = test->param_value;
	struct guest *g = test->priv;
	u32 gpa;

	guest_put32(g, BOOT_RAMDISK_IMAGE, c->initrd);
	guest_put(g, BOOT_E820_SIZE, &c->ram, sizeof(c->ram));
	/* The memory for the table need not be empty. */
	for (gpa = c->top - PAGE_SIZE; gpa < c->top + PAGE_SIZE; gpa += 4)
		guest_put32(g, gpa, 0x5555);
	init_at(g, c->kernel ?: KERNEL);
	KUNIT_ASSERT_EQ(test, pgdir(g), c->top);

	/* Nothing from kernel_address on in a 2-level table */
	for (gpa = c->top + (KERNEL >> 22) * 4; gpa < c->top + PAGE_SIZE;
	     gpa += 4)
		KUNIT_ASSERT_EQ(test, guest_get32(g, gpa), 0);
	/* nor in PAE's directory for the fixed mappings. */
	KUNIT_ASSERT_EQ(test, guest_get32(g, c->top + 3 * 8),
			(u32)(c->top - PAGE_SIZE) | P);
	KUNIT_ASSERT_EQ(test, guest_get32(g, c->top + 3 * 8 + 4), 0);
	for (gpa = c->top - PAGE_SIZE; gpa < c->top; gpa += 4)
		KUNIT_ASSERT_EQ(test, guest_get32(g, gpa), 0);
}

static void no_room(struct kunit *test)
{
	struct guest *g = test->priv;
	static const u32 words[] = { 0, 0xc0101234, 0xc0101240, KERNEL, 0x80 };

	guest_put32(g, BOOT_RAMDISK_IMAGE, 3 * PAGE_SIZE - 1);
	guest_put(g, DATA + DATA_PGDIR, words, sizeof(words));
	guest_hypercall(g, LGUEST_INIT, DATA, 0, 0);
	EXPECT_REASON(g, "no room for page tables below 0x2000");
}

static void memory_is_at_both_addresses(struct kunit *test)
{
	struct guest *g = test->priv;

	init(g);
	touch(g, FREE, FREE);
	touch(g, KERNEL + FREE, FREE);
	touch(g, KERNEL + END - 4, END - 4);
	touch(g, END - 4, END - 4);
}

static void not_beyond(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 error_code = 0;

	init(g);
	lg_page_fault(g->lg, KERNEL + END, &error_code);
	EXPECT_REASON(g, "touched 0xc0040000 beyond memory, without page tables (eip 0x7000)");
}

/* Other guests bring their own. Until then they have memory at both addresses, too. */
static void only_for_those_that_look(struct kunit *test)
{
	struct guest *g = test->priv;
	static const u32 words[] = { 0xc0101234, 0xc0101240, KERNEL, 0x80 };
	u32 error_code = 0;

	guest_put(g, DATA + DATA_NOIRQ_START, words, sizeof(words));
	guest_put32(g, END - PAGE_SIZE, 0x5555);
	guest_hypercall(g, LGUEST_INIT, DATA, 0, 0);
	EXPECT_ALIVE(g);
	KUNIT_EXPECT_EQ(test, pgdir(g), words[0]);
	KUNIT_EXPECT_EQ(test, guest_get32(g, END - PAGE_SIZE), 0x5555);
	touch(g, KERNEL + FREE, FREE);
	touch(g, FREE, FREE);
	lg_page_fault(g->lg, KERNEL - PAGE_SIZE, &error_code);
	EXPECT_REASON(g, "touched 0xbffff000 beyond memory, without page tables (eip 0x7000)");
}

/* Before LGUEST_INIT nobody knows where the kernel was linked for. */
static void wherever_it_was_linked_for(struct kunit *test)
{
	static const u32 page_offsets[] = {
		0x40000000, 0x78000000, 0x80000000, 0xb0000000, 0xc0000000,
	};
	struct guest *g = test->priv;
	u32 error_code = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(page_offsets); i++) {
		touch(g, page_offsets[i] + FREE, FREE);
		touch(g, page_offsets[i] + END - 4, END - 4);
	}
	/* What is filled so is gone once the guest says which it is. */
	init(g);
	touch(g, KERNEL + FREE, FREE);
	KUNIT_EXPECT_EQ(test, guest_shadow(g, 0x80000000 + FREE), 0);
	lg_page_fault(g->lg, 0x80000000 + FREE, &error_code);
	EXPECT_REASON(g, "touched 0x8000a000 beyond memory, without page tables (eip 0x7000)");
}

static void nowhere_else(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 error_code = 0;

	lg_page_fault(g->lg, 0xc0000000 + END, &error_code);
	EXPECT_REASON(g,
		      "touched 0xc0040000 beyond memory, without page tables (eip 0x7000)"
		      LG_HYPERCALL_HINT);
}

/* Its first hypercall was a vmcall, and not the host got it. */
static void lost_hypercall(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 error_code = 0;

	g->lg->regs->eip = 0xc0000000 + CODE;
	lg_page_fault(g->lg, 0xc0000000 + CODE, &error_code);
	EXPECT_REASON(g,
		      "at 0xc0007000 without LGUEST_INIT: vmcall, of Linux up to 2.6.33, goes to a hypervisor below");
}

static void fixed_mapping(struct kunit *test)
{
	struct guest *g = test->priv;

	init(g);
	touch(g, KERNEL + FREE, FREE);
	guest_put32(g, pgdir(g) + (FIXED >> 22) * 4, FIXED_TABLE | P | W);
	guest_put32(g, FIXED_TABLE + (FIXED >> 12) % 1024 * 4, FREE | P | W);
	guest_hypercall(g, SET_PGD, pgdir(g), FIXED >> 22, 0);
	touch(g, FIXED, FREE);
	/* Used and written, and the guest is told */
	KUNIT_EXPECT_EQ(test,
			guest_get32(g, FIXED_TABLE + (FIXED >> 12) % 1024 * 4),
			(u32)(FREE | P | W | A | D));

	/* Now something else there */
	guest_put32(g, FIXED_TABLE + (FIXED >> 12) % 1024 * 4,
		    (FREE + PAGE_SIZE) | P | W);
	guest_hypercall(g, SET_PTE, pgdir(g), FIXED, 0);
	touch(g, FIXED, FREE + PAGE_SIZE);

	/* and memory is still at both addresses. */
	KUNIT_EXPECT_EQ(test, at(g, FIXED), FIXED);
	KUNIT_EXPECT_EQ(test, at(g, FREE + PAGE_SIZE), FIXED);
	KUNIT_EXPECT_EQ(test, at(g, KERNEL + FREE + PAGE_SIZE), FIXED);
	KUNIT_EXPECT_FALSE(test, g->lg->mmu.pae);
	EXPECT_ALIVE(g);
}

static void fixed_mapping_pae(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 directory, entry;

	init(g);
	touch(g, KERNEL + FREE, FREE);
	directory = guest_get32(g, pgdir(g) + 3 * 8) & PAGE_MASK;
	entry = (FIXED >> 21) % 512;
	guest_put32(g, directory + entry * 8, FIXED_TABLE | P | W);
	guest_put32(g, FIXED_TABLE + (FIXED >> 12) % 512 * 8, FREE | P | W);
	guest_hypercall(g, SET_PMD, directory, entry, 0);
	EXPECT_ALIVE(g);
	KUNIT_EXPECT_TRUE(test, g->lg->mmu.pae);
	touch(g, FIXED, FREE);

	guest_put32(g, FIXED_TABLE + (FIXED >> 12) % 512 * 8,
		    (FREE + PAGE_SIZE) | P | W);
	guest_hypercall(g, SET_PTE, pgdir(g), FIXED, 0);
	touch(g, FIXED, FREE + PAGE_SIZE);
	touch(g, KERNEL + FREE, FREE);
	touch(g, FREE, FREE);

	/* Another table in its place */
	guest_put32(g, FIXED_TABLE + PAGE_SIZE + (FIXED >> 12) % 512 * 8,
		    (FREE + 2 * PAGE_SIZE) | P | W);
	guest_put32(g, directory + entry * 8,
		    (FIXED_TABLE + PAGE_SIZE) | P | W);
	guest_hypercall(g, SET_PMD, directory, entry, 0);
	touch(g, FIXED, FREE + 2 * PAGE_SIZE);
}

static void until_the_guest_has_its_own(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 error_code = 0, boot;

	init(g);
	touch(g, KERNEL + FREE, FREE);
	/* The guest names the table that is in use: that changes nothing. */
	boot = pgdir(g);
	guest_hypercall(g, NEW_PGTABLE, boot, 0, 0);
	touch(g, FREE, FREE);

	guest_put32(g, TOP + (KERNEL >> 22) * 4, KERNEL_TABLE | P | W);
	guest_put32(g, KERNEL_TABLE + FREE / PAGE_SIZE * 4,
		    (FREE + PAGE_SIZE) | P | W);
	guest_hypercall(g, NEW_PGTABLE, TOP, 0, 0);
	touch(g, KERNEL + FREE, FREE + PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, lg_page_fault(g->lg, FREE, &error_code),
			LG_FAULT_GUEST);
	EXPECT_ALIVE(g);
	/* The boot table has no part in it any more. */
	guest_hypercall(g, SET_PMD, boot - PAGE_SIZE, 511, 0);
	EXPECT_REASON(g, "hypercall 13 (SET_PMD) from a guest without PAE tables");
}

/* Linux does this if it does not know the machine that it is told to be on. */
static void knows_no_lguest(struct kunit *test)
{
	static const u8 ud2[8] = { 0x0f, 0x0b };
	struct guest *g = test->priv;

	guest_put(g, CODE, ud2, sizeof(ud2));
	guest_trap(g, 6, 0);
	EXPECT_REASON(g, "unhandled trap 6 at 0x7000 (error code 0x0): 0f 0b "
		      ZEROES6 LG_HYPERCALL_HINT);
}

/* A look at the bytes behind memory's end would be fatal for another reason. */
static void dies_at_the_end_of_memory(struct kunit *test)
{
	static const u8 ud2[2] = { 0x0f, 0x0b };
	struct guest *g = test->priv;

	guest_put(g, END - sizeof(ud2), ud2, sizeof(ud2));
	g->lg->regs->eip = END - sizeof(ud2);
	guest_trap(g, 6, 0);
	EXPECT_REASON(g, "unhandled trap 6 at 0x3fffe (error code 0x0): 0f 0b" LG_HYPERCALL_HINT);
}

static struct kunit_case boot_table_cases[] = {
	KUNIT_CASE_PARAM(is_where_nothing_else_is, place_gen_params),
	KUNIT_CASE(no_room),
	KUNIT_CASE(memory_is_at_both_addresses),
	KUNIT_CASE(not_beyond),
	KUNIT_CASE(only_for_those_that_look),
	KUNIT_CASE(wherever_it_was_linked_for),
	KUNIT_CASE(nowhere_else),
	KUNIT_CASE(lost_hypercall),
	KUNIT_CASE(knows_no_lguest),
	KUNIT_CASE(dies_at_the_end_of_memory),
	KUNIT_CASE(fixed_mapping),
	KUNIT_CASE(fixed_mapping_pae),
	KUNIT_CASE(until_the_guest_has_its_own),
	{}
};

static struct kunit_suite boot_table_suite = {
	.name = "lguest_boot_table",
	.init = guest_initialize,
	.exit = guest_free,
	.test_cases = boot_table_cases,
};

kunit_test_suite(boot_table_suite);
