// SPDX-License-Identifier: GPL-2.0
/* What the host reads and writes in a guest's memory */
#include <kunit/test.h>
#include <linux/mman.h>
#include <linux/syscalls.h>

#include "lib/paging.h"

#define GVA	0x12000U
#define PAGE	(FREE + 0x3000)
#define OTHER_PAGE (FREE + 0x8000)

KUNIT_ARRAY_PARAM(format, formats, describe_format);

struct range_case {
	const char *name;
	u32 gpa, len;
	const char *reason;	/* or none */
};

static const struct range_case range_cases[] = {
	{ "first", 0, 4, "" },
	{ "last", END - 4, 4, "" },
	{ "everything", 0, END, "" },
	{ "nothing at the end", END, 0, "" },
	{ "one byte more", END - 3, 4,
	  "bad address 0x3fffd: 4 bytes there are not all in memory" },
	{ "behind", END, 1,
	  "bad address 0x40000: 1 bytes there are not all in memory" },
	{ "round the end of 4 GiB", 0xfffffffe, 4,
	  "bad address 0xfffffffe: 4 bytes there are not all in memory" },
};

static void describe_range(const struct range_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(range, range_cases, describe_range);

static void only_memory(struct kunit *test)
{
	const struct range_case *c = test->param_value;
	struct guest *g = test->priv;
	bool good = !*c->reason;
	u8 *buf = kunit_kzalloc(test, END, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	memset(buf, 0x5a, c->len);
	KUNIT_EXPECT_EQ(test, lg_in_memory(g->lg, c->gpa, c->len), good);
	KUNIT_EXPECT_EQ(test, lg_write(g->lg, c->gpa, buf, c->len), good);
	KUNIT_EXPECT_STREQ(test, g->lg->reason, c->reason);
	memset(buf, 0xa5, c->len);
	KUNIT_EXPECT_EQ(test, lg_read(g->lg, c->gpa, buf, c->len), good);
	/* On failure, no caller sees what its buffer held before. */
	if (c->len)
		KUNIT_EXPECT_PTR_EQ(test, memchr_inv(buf, good ? 0x5a : 0,
						     c->len), NULL);
}

static void memory_that_is_gone(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 val = 1;

	vm_munmap(g->memory + PAGE, PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, lg_get_u32(g->lg, PAGE - 2, &val));
	KUNIT_EXPECT_EQ(test, val, 0);
	EXPECT_REASON(g, "guest memory at 0xcffe is gone: the Launcher took it away");
}

static void entries(struct kunit *test)
{
	struct guest *g = test->priv;
	u64 read[BITS_PER_LONG] = {}, expected[BITS_PER_LONG] = {};
	const unsigned long wanted = BIT(0) | BIT(5) | BIT(63);
	unsigned int i, size;

	for (i = 0; i < 2 * BITS_PER_LONG; i++)
		guest_put32(g, PAGE + i * 4, 0x1000 + i);
	for (size = 4; size <= 8; size += 4) {
		for_each_set_bit(i, &wanted, BITS_PER_LONG)
			expected[i] = size == 4 ? 0x1000 + i :
				((0x1001ULL + 2 * i) << 32 | (0x1000 + 2 * i));
		KUNIT_EXPECT_TRUE(test, lg_read_entries(g->lg, PAGE, size,
							wanted, read));
		KUNIT_EXPECT_EQ(test, memcmp(read, expected, sizeof(read)), 0);
	}
	EXPECT_ALIVE(g);
}

/* We ask for four entries. One is as it was, one differs only in NX. */
static void entries_compared(struct kunit *test)
{
	const unsigned long all = BIT(0) | BIT(1) | BIT(62) | BIT(63);
	u32 seen[BITS_PER_LONG] = { [0] = 1, [1] = 2, [62] = 3, [63] = 4 };
	const u64 sptes[BITS_PER_LONG] = { [1] = LG_PTE_NX | 0x123400000000 };
	struct guest *g = test->priv;
	unsigned long changed = all;

	guest_put32(g, PAGE, 1);
	guest_put32(g, PAGE + 4, 0x102);
	guest_put32(g, PAGE + 63 * 4, 4);
	KUNIT_EXPECT_TRUE(test, lg_compare_entries(g->lg, PAGE, 4, seen, sptes,
						   &changed));
	KUNIT_EXPECT_EQ(test, changed, BIT(1) | BIT(62));

	changed = all;
	guest_put32(g, PAGE + 4, NX >> 32);
	guest_put32(g, PAGE + 8, 2);
	guest_put32(g, PAGE + 12, NX >> 32);
	guest_put32(g, PAGE + 62 * 8, 3);
	guest_put32(g, PAGE + 63 * 8, 4);
	guest_put32(g, PAGE + 63 * 8 + 4, 1);
	KUNIT_EXPECT_TRUE(test, lg_compare_entries(g->lg, PAGE, 8, seen, sptes,
						   &changed));
	KUNIT_EXPECT_EQ(test, changed, BIT(0) | BIT(63));
	EXPECT_ALIVE(g);
}

/* For so many entries, all are compared: those not asked for may differ. */
static void all_entries_compared(struct kunit *test)
{
	const unsigned long all = ~(BIT(5) | BIT(62));
	u32 seen[BITS_PER_LONG] __aligned(8);
	const u64 sptes[BITS_PER_LONG] = {};
	struct guest *g = test->priv;
	unsigned int i, at;
	unsigned long changed;

	for (i = 0; i < BITS_PER_LONG; i++) {
		seen[i] = 0x1000 + i;
		guest_put32(g, PAGE + i * 4, seen[i]);
	}
	changed = all;
	KUNIT_EXPECT_TRUE(test, lg_compare_entries(g->lg, PAGE, 4, seen, sptes,
						   &changed));
	KUNIT_EXPECT_EQ(test, changed, 0);

	for (at = 0; at < BITS_PER_LONG; at++) {
		guest_put32(g, PAGE + at * 4, 0x2000);
		changed = all;
		KUNIT_EXPECT_TRUE(test, lg_compare_entries(g->lg, PAGE, 4, seen,
							   sptes, &changed));
		KUNIT_EXPECT_EQ(test, changed, all & BIT(at));
		KUNIT_EXPECT_EQ(test, seen[at], all & BIT(at) ?
				0x1000 + at : 0x2000);
		guest_put32(g, PAGE + at * 4, 0x1000 + at);
	}
	EXPECT_ALIVE(g);
}

static void compared_entries_are_gone(struct kunit *test)
{
	struct guest *g = test->priv;
	const u64 sptes[BITS_PER_LONG] = {};
	u32 seen[BITS_PER_LONG] __aligned(8) = {};
	unsigned long changed = 1;

	vm_munmap(g->memory + PAGE, PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, lg_compare_entries(g->lg, PAGE, 4, seen, sptes,
						    &changed));
	EXPECT_REASON(g, "guest memory at 0xd000 is gone: the Launcher took it away");
	memset(g->lg->reason, 0, sizeof(g->lg->reason));
	g->lg->dead = 0;
	changed = ~0UL;
	KUNIT_EXPECT_FALSE(test, lg_compare_entries(g->lg, PAGE, 4, seen, sptes,
						    &changed));
	EXPECT_REASON(g, "guest memory at 0xd000 is gone: the Launcher took it away");
}

static void entries_that_are_gone(struct kunit *test)
{
	struct guest *g = test->priv;
	u64 read[BITS_PER_LONG];

	vm_munmap(g->memory + PAGE, PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, lg_read_entries(g->lg, PAGE, 8, 1, read));
	EXPECT_REASON(g, "guest memory at 0xd000 is gone: the Launcher took it away");
}

static void entries_beyond_memory(struct kunit *test)
{
	struct guest *g = test->priv;
	u64 read[BITS_PER_LONG];

	KUNIT_EXPECT_FALSE(test, lg_read_entries(g->lg, END, 4, 1, read));
	EXPECT_REASON(g, "bad address 0x40000: 256 bytes there are not all in memory");
}

static void memory_that_is_gone_for_a_write(struct kunit *test)
{
	struct guest *g = test->priv;

	vm_munmap(g->memory + PAGE, PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, lg_put_u32(g->lg, PAGE, 1));
	EXPECT_REASON(g, "guest memory at 0xd000 is gone: the Launcher took it away");
}

/* Pages next to each other in linear addresses need not be so in memory. */
static void linear_over_pages(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	u8 text[] = "over pages", back[sizeof(text)];

	paging_start(g, f->pae);
	paging_map(g, GVA, PAGE | P | W);
	paging_map(g, GVA + PAGE_SIZE, OTHER_PAGE | P | W);
	KUNIT_EXPECT_TRUE(test, lg_read_linear(g->lg, GVA + PAGE_SIZE - 4, back,
					       sizeof(back)));
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(back, 0, sizeof(back)), NULL);
	KUNIT_EXPECT_EQ(test, paging_entry(g, GVA), PAGE | P | W | A);
	KUNIT_EXPECT_TRUE(test, lg_write_linear(g->lg, GVA + PAGE_SIZE - 4,
						text, sizeof(text)));
	guest_get(g, PAGE + PAGE_SIZE - 4, back, 4);
	guest_get(g, OTHER_PAGE, back + 4, sizeof(back) - 4);
	KUNIT_EXPECT_STREQ(test, back, text);
	KUNIT_EXPECT_EQ(test, paging_entry(g, GVA), PAGE | P | W | A | D);
	KUNIT_EXPECT_EQ(test, paging_entry(g, GVA + PAGE_SIZE),
			OTHER_PAGE | P | W | A | D);
	memset(back, 0, sizeof(back));
	KUNIT_EXPECT_TRUE(test, lg_read_linear(g->lg, GVA + PAGE_SIZE - 4, back,
					       sizeof(back)));
	KUNIT_EXPECT_STREQ(test, back, text);
	EXPECT_ALIVE(g);
}

/* The guest would fault there; that is no reason to end it. */
static void linear_where_nothing_is(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	u32 val = 5;

	g->lg->device_limit = PAGES + 1;
	paging_start(g, f->pae);
	paging_map(g, GVA, PAGE | P);
	paging_map(g, GVA + 2 * PAGE_SIZE, END | P | W);
	KUNIT_EXPECT_TRUE(test, lg_read_linear(g->lg, GVA, &val, sizeof(val)));
	KUNIT_EXPECT_EQ(test, val, 0);
	/* The second of two pages */
	KUNIT_EXPECT_FALSE(test, lg_read_linear(g->lg, GVA + PAGE_SIZE - 2,
						&val, sizeof(val)));
	/* Read-only, in the table or in the directory */
	KUNIT_EXPECT_FALSE(test, lg_write_linear(g->lg, GVA, &val,
						 sizeof(val)));
	paging_map(g, GVA, PAGE | P | W);
	paging_put(g, paging_pde_gpa(g, f->pae ? USER_PD : TOP, GVA),
		   USER_TABLE | P);
	KUNIT_EXPECT_FALSE(test, lg_write_linear(g->lg, GVA, &val,
						 sizeof(val)));
	KUNIT_EXPECT_EQ(test, paging_entry(g, GVA), PAGE | P | W);
	/* A device page */
	KUNIT_EXPECT_FALSE(test, lg_read_linear(g->lg, GVA + 2 * PAGE_SIZE,
						&val, sizeof(val)));
	EXPECT_ALIVE(g);
}

static void linear_wraps(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 top = 0xfffff000, table = FREE;
	u8 text[] = "wrapped", back[sizeof(text)];

	paging_start(g, false);
	paging_hang(g, TOP, top, table);
	paging_put(g, paging_pte_gpa(g, table, top), PAGE | P | W);
	paging_map(g, 0, OTHER_PAGE | P | W);
	KUNIT_EXPECT_TRUE(test, lg_write_linear(g->lg, -4U, text,
						sizeof(text)));
	guest_get(g, PAGE + PAGE_SIZE - 4, back, 4);
	guest_get(g, OTHER_PAGE, back + 4, sizeof(back) - 4);
	KUNIT_EXPECT_STREQ(test, back, text);
	EXPECT_ALIVE(g);
}

/* The host does not use a page unless it can mark the entry accessed. */
static void linear_by_read_only_table(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 val = 0;

	paging_start(g, false);
	paging_map(g, GVA, PAGE | P | W | U);
	sys_mprotect(g->memory + USER_TABLE, PAGE_SIZE, PROT_READ);
	KUNIT_EXPECT_FALSE(test, lg_write_linear(g->lg, GVA, &val,
						 sizeof(val)));
	EXPECT_REASON(g, "guest memory at 0x4048 is gone: the Launcher took it away");
}

static struct kunit_case guest_memory_cases[] = {
	KUNIT_CASE_PARAM(only_memory, range_gen_params),
	KUNIT_CASE(memory_that_is_gone),
	KUNIT_CASE(memory_that_is_gone_for_a_write),
	KUNIT_CASE(entries),
	KUNIT_CASE(entries_compared),
	KUNIT_CASE(all_entries_compared),
	KUNIT_CASE(compared_entries_are_gone),
	KUNIT_CASE(entries_that_are_gone),
	KUNIT_CASE(entries_beyond_memory),
	KUNIT_CASE_PARAM(linear_over_pages, format_gen_params),
	KUNIT_CASE_PARAM(linear_where_nothing_is, format_gen_params),
	KUNIT_CASE(linear_wraps),
	KUNIT_CASE(linear_by_read_only_table),
	{}
};

static struct kunit_suite guest_memory_suite = {
	.name = "lguest_guest_memory",
	.init = guest_create,
	.exit = guest_free,
	.test_cases = guest_memory_cases,
};

kunit_test_suite(guest_memory_suite);
