// SPDX-License-Identifier: GPL-2.0
/* What the switcher may rely on: pages that the shadow maps at kernel_address. */
#include <kunit/test.h>

#include "../../guest/tables.h"
#include "../../shadow/lookup.h"
#include "lib/paging.h"

#define GVA	0x12000U

KUNIT_ARRAY_PARAM(format, formats, describe_format);

/* The tables on the way to the pte for GVA */
static unsigned int tables_of(bool pae, u32 *tables)
{
	unsigned int count = 0;

	tables[count++] = TOP;
	if (pae)
		tables[count++] = USER_PD;
	tables[count++] = USER_TABLE;
	return count;
}

static void expect_known(struct guest *g, bool pae, bool known)
{
	u32 tables[3];
	unsigned int i, count = tables_of(pae, tables);

	for (i = 0; i < count; i++)
		KUNIT_EXPECT_EQ_MSG(g->test, known,
				    lg_direct_map_known(g->lg, tables[i]),
				    "%#x", tables[i]);
}

/* The guest's kernel does so when it looks at its tables. */
static void touch_tables(struct guest *g, bool pae)
{
	u32 tables[3];
	unsigned int i, count = tables_of(pae, tables);

	for (i = 0; i < count; i++)
		TOUCH(g, KERNEL + tables[i], 0);
}

static void miss(struct guest *g, u32 how)
{
	KUNIT_EXPECT_EQ(g->test, paging_touch(g, GVA, how), LG_FAULT_GUEST);
}

static void learn(struct guest *g, bool pae)
{
	paging_start(g, pae);
	touch_tables(g, pae);
	miss(g, LG_PF_USER);
	expect_known(g, pae, true);
}

static void learns_by_a_fault(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	unsigned int updates;

	paging_start(g, f->pae);
	/* Nothing is mapped there yet. */
	miss(g, LG_PF_USER);
	expect_known(g, f->pae, false);
	touch_tables(g, f->pae);
	expect_known(g, f->pae, false);
	/* The switcher has no use for what the kernel does. */
	miss(g, LG_PF_WRITE);
	expect_known(g, f->pae, false);

	updates = g->lg->vcpu->walk_updates;
	miss(g, LG_PF_USER);
	expect_known(g, f->pae, true);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->walk_updates, updates + 1);
	KUNIT_EXPECT_FALSE(test, lg_direct_map_known(g->lg, OTHER_TOP));
	KUNIT_EXPECT_FALSE(test, lg_direct_map_known(g->lg, FREE));
	EXPECT_ALIVE(g);
}

/* What we know of a page has the format of a pde, for the switcher to compare. */
static void says_what_is_compared(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;

	learn(g, f->pae);
	KUNIT_EXPECT_EQ(test, g->lg->direct_map[USER_TABLE >> PAGE_SHIFT],
			USER_TABLE | P | W | U);
}

static void follows_the_table_in_use(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	unsigned int updates;

	learn(g, f->pae);
	updates = g->lg->vcpu->walk_updates;
	guest_hypercall(g, NEW_PGTABLE, OTHER_TOP, 0, 0);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->walk_updates, updates + 1);
	expect_known(g, f->pae, true);
	EXPECT_ALIVE(g);
}

/* If an spte goes away, the switcher's read just faults. */
static void what_goes_away_is_no_matter(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;

	learn(g, f->pae);
	paging_replace(g, USER_TABLE);
	EXPECT_NO_SHADOW(g, KERNEL + USER_TABLE);
	guest_hypercall(g, FLUSH_TLB, 1, 0, 0);
	expect_known(g, f->pae, true);
	TOUCH(g, KERNEL + USER_TABLE, 0);
	expect_known(g, f->pae, true);
	EXPECT_ALIVE(g);
}

struct change_case {
	const char *name;
	u32 gva, page;
	bool told, forgotten;
};

static const struct change_case change_cases[] = {
	{ "told", KERNEL + USER_TABLE, FREE, true, true },
	{ "found out", KERNEL + USER_TABLE, FREE, false, true },
	{ "the same page", KERNEL + USER_TABLE, USER_TABLE, true },
	{ "its user's", USER_TABLE, FREE, true },
	{ "another", KERNEL + FREE, USER_TABLE, true },
	/* A page with the same place among those that we remember */
	{ "one further on", KERNEL + USER_TABLE + LG_DIRECT_MAP_PAGES * PAGE_SIZE, FREE,
	  true },
};

static void describe_change(const struct change_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(change, change_cases, describe_change);

static void another_page_comes_there(struct kunit *test)
{
	const struct change_case *c = test->param_value;
	struct guest *g = test->priv;
	unsigned int updates;

	learn(g, false);
	updates = g->lg->vcpu->walk_updates;
	paging_map(g, c->gva, c->page | P | W | A);
	if (c->told) {
		guest_hypercall(g, SET_PTE, TOP, c->gva, c->page | P | W | A);
	} else {
		guest_hypercall(g, FLUSH_TLB, 1, 0, 0);
		TOUCH(g, c->gva, 0);
	}
	KUNIT_EXPECT_EQ(test, lg_direct_map_known(g->lg, USER_TABLE),
			!c->forgotten);
	KUNIT_EXPECT_TRUE(test, lg_direct_map_known(g->lg, TOP));
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->walk_updates,
			updates + c->forgotten);

	/* It does not come back as long as that is so. */
	miss(g, LG_PF_USER);
	KUNIT_EXPECT_EQ(test, lg_direct_map_known(g->lg, USER_TABLE),
			!c->forgotten);
	EXPECT_ALIVE(g);
}

/* We remember the last of two pages that have the same place. */
static void one_takes_the_place_of_another(struct kunit *test)
{
	struct guest *g = test->priv;

	learn(g, false);
	g->lg->direct_map[USER_TABLE >> PAGE_SHIFT] += LG_DIRECT_MAP_PAGES * PAGE_SIZE;
	KUNIT_EXPECT_FALSE(test, lg_direct_map_known(g->lg, USER_TABLE));
	miss(g, LG_PF_USER);
	KUNIT_EXPECT_TRUE(test, lg_direct_map_known(g->lg, USER_TABLE));
}

/* An address beyond 4 GiB does not wrap around. */
static void addresses_end(struct kunit *test)
{
	struct guest *g = test->priv;

	learn(g, false);
	paging_map(g, FREE, FREE | P | W | U);
	TOUCH(g, FREE, 0);
	KUNIT_EXPECT_FALSE(test, lg_direct_map_shadowed(g->lg, FREE - KERNEL));
	KUNIT_EXPECT_TRUE(test, lg_direct_map_shadowed(g->lg, TOP));
}

/* Before the guest has tables, there is nothing to learn. */
static void nothing_without_tables(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_mapping map = { .has_table = true, .pte_gpa = USER_TABLE };

	lg_direct_map_learn(g->lg, &map);
	expect_known(g, false, false);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->walk_updates, 0);
}

/* The words that the switcher uses must be in one page. */
static void data_is_in_one_page(struct kunit *test)
{
	struct guest *g = test->priv;

	paging_start(g, false);
	TOUCH(g, KERNEL + DATA, LG_PF_WRITE);
	lg_direct_map_find_data(g->lg);
	KUNIT_EXPECT_EQ(test, g->lg->data_gva, KERNEL + DATA);
	g->lg->data = DATA + PAGE_SIZE - DATA_CR2 - 4;
	lg_direct_map_find_data(g->lg);
	KUNIT_EXPECT_EQ(test, g->lg->data_gva, KERNEL + g->lg->data);
	g->lg->data += 4;
	lg_direct_map_find_data(g->lg);
	KUNIT_EXPECT_EQ(test, g->lg->data_gva, 0);
	EXPECT_ALIVE(g);
}

static struct kunit_case direct_map_cases[] = {
	KUNIT_CASE_PARAM(learns_by_a_fault, format_gen_params),
	KUNIT_CASE_PARAM(says_what_is_compared, format_gen_params),
	KUNIT_CASE_PARAM(follows_the_table_in_use, format_gen_params),
	KUNIT_CASE_PARAM(what_goes_away_is_no_matter, format_gen_params),
	KUNIT_CASE_PARAM(another_page_comes_there, change_gen_params),
	KUNIT_CASE(one_takes_the_place_of_another),
	KUNIT_CASE(addresses_end),
	KUNIT_CASE(nothing_without_tables),
	KUNIT_CASE(data_is_in_one_page),
	{}
};

static struct kunit_suite direct_map_suite = {
	.name = "lguest_direct_map",
	.init = guest_create,
	.exit = guest_free,
	.test_cases = direct_map_cases,
};

kunit_test_suite(direct_map_suite);
