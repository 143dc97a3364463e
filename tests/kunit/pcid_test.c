// SPDX-License-Identifier: GPL-2.0
/* When a CPU may keep what it has cached of a root, and under which PCID */
#include <kunit/test.h>

#include "../../shadow/pcid.h"

static int init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct lg_pcids), GFP_KERNEL);
	return test->priv ? 0 : -ENOMEM;
}

#define EXPECT_KEPT(test, root, generation, pcid)			\
	KUNIT_EXPECT_EQ(test, lg_pcid_choose((test)->priv, root, generation), \
			(pcid) | LG_CR3_NOFLUSH)
#define EXPECT_EMPTY(test, root, generation, pcid)			\
	KUNIT_EXPECT_EQ(test, lg_pcid_choose((test)->priv, root, generation), \
			(u64)(pcid))

#define FIRST	LG_PCID_FIRST

static void not_the_hosts(struct kunit *test)
{
	/* The host's: ASIDs + 1, with INVLPGB too; and twice the dynamic ones */
	KUNIT_EXPECT_GT(test, FIRST, 2048 + 64);
	KUNIT_EXPECT_EQ(test, FIRST + LG_PCID_COUNT, 4096);
}

static void root_stays(struct kunit *test)
{
	EXPECT_EMPTY(test, 1, 0, FIRST);
	EXPECT_KEPT(test, 1, 0, FIRST);
	EXPECT_KEPT(test, 1, 0, FIRST);
}

static void generation_changes(struct kunit *test)
{
	EXPECT_EMPTY(test, 1, 7, FIRST);
	EXPECT_EMPTY(test, 1, 8, FIRST);
	EXPECT_KEPT(test, 1, 8, FIRST);
	/* However many generations went by, and for each root anew */
	EXPECT_EMPTY(test, 2, 8, FIRST + 1);
	EXPECT_EMPTY(test, 1, 1000, FIRST);
	EXPECT_EMPTY(test, 2, 1000, FIRST + 1);
	EXPECT_KEPT(test, 1, 1000, FIRST);
	EXPECT_KEPT(test, 2, 1000, FIRST + 1);
	/* A generation that has wrapped around is not to be trusted. */
	EXPECT_EMPTY(test, 1, 0, FIRST);
}

/* One root did not see what happened while another was in use. */
static void slept_through(struct kunit *test)
{
	EXPECT_EMPTY(test, 1, 1, FIRST);
	EXPECT_EMPTY(test, 2, 1, FIRST + 1);
	EXPECT_EMPTY(test, 2, 2, FIRST + 1);
	EXPECT_KEPT(test, 2, 2, FIRST + 1);
	EXPECT_EMPTY(test, 1, 2, FIRST);
	EXPECT_KEPT(test, 1, 2, FIRST);
}

static void one_for_each(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < LG_PCID_COUNT; i++)
		EXPECT_EMPTY(test, 100 + i, 1, FIRST + i);
	for (i = 0; i < LG_PCID_COUNT; i++)
		EXPECT_KEPT(test, 100 + i, 1, FIRST + i);
	for (i = LG_PCID_COUNT; i-- > 0;)
		EXPECT_KEPT(test, 100 + i, 1, FIRST + i);
}

/* The root that has been out of use for longest goes. */
static void one_too_many(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < LG_PCID_COUNT; i++)
		EXPECT_EMPTY(test, 100 + i, 1, FIRST + i);
	EXPECT_KEPT(test, 100, 1, FIRST);
	EXPECT_KEPT(test, 102, 1, FIRST + 2);
	EXPECT_EMPTY(test, 200, 1, FIRST + 1);
	EXPECT_EMPTY(test, 201, 1, FIRST + 3);
	EXPECT_KEPT(test, 200, 1, FIRST + 1);
	/* It has to start anew, though nothing else has changed. */
	EXPECT_EMPTY(test, 101, 1, FIRST + 4);
	EXPECT_KEPT(test, 100, 1, FIRST);
}

/* The CPU is another one, or others had it. */
static void forgotten(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < LG_PCID_COUNT; i++)
		EXPECT_EMPTY(test, 100 + i, 1, FIRST + i);
	lg_pcid_forget(test->priv);
	for (i = LG_PCID_COUNT; i-- > 0;)
		EXPECT_EMPTY(test, 100 + i, 1,
			     FIRST + LG_PCID_COUNT - 1 - i);
}

static struct kunit_case pcid_cases[] = {
	KUNIT_CASE(not_the_hosts),
	KUNIT_CASE(root_stays),
	KUNIT_CASE(generation_changes),
	KUNIT_CASE(slept_through),
	KUNIT_CASE(one_for_each),
	KUNIT_CASE(one_too_many),
	KUNIT_CASE(forgotten),
	{}
};

static struct kunit_suite pcid_suite = {
	.name = "lguest_pcid",
	.init = init,
	.test_cases = pcid_cases,
};

kunit_test_suite(pcid_suite);
