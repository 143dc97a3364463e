// SPDX-License-Identifier: GPL-2.0
/*
 * A guest or its Launcher can make some work long, but others need not wait for it:
 * how much we do with a lock held, or before we offer others the CPU.
 */
#include <kunit/test.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/syscalls.h>

#include "lib/paging.h"

#define PAGE	(FREE + 0x3000)
#define NEXT	(PAGE + PAGE_SIZE)
/* Each entry of so many leaves maps PAGE */
#define LEAVES	48
#define MANY	(LEAVES * LG_TABLE_ENTRIES)
/* So many pages, from PAGE on, that only a few entries map each */
#define SEVERAL	50
/* The address at which the leaves begin */
#define FIRST	0U
/* How much we may do at once */
#define AT_ONCE	1024
#define ROOTS	300

static struct lg_mmu *mmu;

static u32 address(unsigned int i)
{
	return FIRST + i * PAGE_SIZE;
}

static void touch(struct guest *g, u32 gva)
{
	u32 how = 0;

	KUNIT_ASSERT_EQ(g->test, lg_page_fault(g->lg, gva, &how),
			LG_FAULT_FIXED);
}

/*
 * The guest maps a page, or some in turn, wherever it can: all of its directory
 * leads to one table.
 */
static void map_in_turn(struct guest *g, unsigned int pages)
{
	unsigned int i;

	for (i = 0; i <= pages; i++)
		guest_put32(g, PAGE + i * PAGE_SIZE, 1);
	paging_start(g, false);
	touch(g, KERNEL + PAGE);
	for (i = 0; i < PAGE_SIZE / sizeof(u32); i++) {
		u32 page = PAGE + i % pages * PAGE_SIZE;

		guest_put32(g, USER_TABLE + i * 4, page | P | W | U | A | D);
	}
	for (i = 0; i < LEAVES / 2; i++)
		guest_put32(g, TOP + i * 4, USER_TABLE | P | W | U | A);
	for (i = 0; i < MANY; i++)
		touch(g, address(i));
	EXPECT_ALIVE(g);
	mmu = &g->lg->mmu;
}

static void map_many(struct guest *g)
{
	map_in_turn(g, 1);
}

static unsigned int mapped(struct guest *g, u64 bits)
{
	unsigned int i, n = 0;

	for (i = 0; i < MANY; i++)
		n += (guest_shadow(g, address(i)) & bits) == bits;
	return n;
}

/* Each entry that is zapped counts as one generation of the tables. */
static unsigned long before, most, holds;

static void count_zapped(spinlock_t *lock)
{
	unsigned long now;

	if (lock != &mmu->lock)
		return;
	now = lg_tlb_gen(mmu, mmu->root);
	most = max(most, now - before);
	before = now;
	holds++;
}

static void count_from_here(void)
{
	most = 0;
	holds = 0;
	before = lg_tlb_gen(mmu, mmu->root);
	fake_host.rescheds = 0;
	fake_host.unlocking = count_zapped;
}

static void expect_bounded(struct guest *g)
{
	fake_host.unlocking = NULL;
	KUNIT_EXPECT_GT(g->test, most, 0);
	KUNIT_EXPECT_LE(g->test, most, AT_ONCE);
}

static void zap_one_page(struct kunit *test)
{
	struct guest *g = test->priv;

	map_many(g);
	KUNIT_ASSERT_EQ(test, mapped(g, LG_PTE_PRESENT), MANY);
	count_from_here();
	KUNIT_ASSERT_EQ(test, 0, do_madvise(g->mm, g->memory + PAGE, PAGE_SIZE,
					    MADV_DONTNEED));
	expect_bounded(g);
	KUNIT_EXPECT_GT(test, fake_host.rescheds, MANY / AT_ONCE);
	KUNIT_EXPECT_EQ(test, mapped(g, LG_PTE_PRESENT), 0);
	EXPECT_NO_SHADOW(g, KERNEL + PAGE);
}

/* Few entries for each page, but many for all of them */
static void zap_several_pages(struct kunit *test)
{
	struct guest *g = test->priv;

	map_in_turn(g, SEVERAL);
	KUNIT_ASSERT_EQ(test, mapped(g, LG_PTE_PRESENT), MANY);
	count_from_here();
	KUNIT_ASSERT_EQ(test, 0, do_madvise(g->mm, g->memory + PAGE,
					    SEVERAL * PAGE_SIZE,
					    MADV_DONTNEED));
	expect_bounded(g);
	KUNIT_EXPECT_EQ(test, mapped(g, LG_PTE_PRESENT), 0);
}

/* A caller that must not sleep lets go of the lock as well. */
static void zap_without_sleep(struct kunit *test)
{
	struct mmu_notifier_range range;
	struct guest *g = test->priv;

	map_many(g);
	count_from_here();
	mmu_notifier_range_init(&range, MMU_NOTIFY_UNMAP, 0, NULL, g->mm,
				g->memory + PAGE, g->memory + NEXT);
	KUNIT_ASSERT_EQ(test, 0,
			mmu_notifier_invalidate_range_start_nonblock(&range));
	expect_bounded(g);
	KUNIT_EXPECT_EQ(test, fake_host.rescheds, 0);
	KUNIT_EXPECT_EQ(test, mapped(g, LG_PTE_PRESENT), 0);
	mmu_notifier_invalidate_range_end(&range);
}

/* While we zap, the guest must not add more. */
static struct guest *adder;
static unsigned int added;

static void add_another(void)
{
	u32 gva = address(0);

	/* An address already zapped, by a call that does without host faults */
	fake_host.resched = NULL;
	if (guest_shadow(adder, gva))
		gva = address(MANY - 1);
	/* If the call waited for the invalidation's end, that would never come. */
	sigaddset(&current->pending.signal, SIGKILL);
	set_thread_flag(TIF_SIGPENDING);
	lg_set_pte(adder->lg, TOP, gva, PAGE | P | W | U | A | D);
	sigdelset(&current->pending.signal, SIGKILL);
	clear_thread_flag(TIF_SIGPENDING);
	added += !!guest_shadow(adder, gva);
}

static void zap_while_the_guest_adds(struct kunit *test)
{
	struct guest *g = test->priv;

	map_many(g);
	adder = g;
	added = 0;
	fake_host.resched = add_another;
	KUNIT_ASSERT_EQ(test, 0, do_madvise(g->mm, g->memory + PAGE, PAGE_SIZE,
					    MADV_DONTNEED));
	KUNIT_EXPECT_NULL(test, fake_host.resched);
	KUNIT_EXPECT_EQ(test, added, 0);
	KUNIT_EXPECT_EQ(test, mapped(g, LG_PTE_PRESENT), 0);
	EXPECT_ALIVE(g);
}

/* The process ends, but the file is open elsewhere. */
static void zap_all(struct kunit *test)
{
	struct guest *g = test->priv;

	map_many(g);
	count_from_here();
	kthread_unuse_mm(g->mm);
	mmput(g->mm);
	expect_bounded(g);
	KUNIT_EXPECT_GT(test, fake_host.rescheds, MANY / AT_ONCE);
	KUNIT_EXPECT_EQ(test, mapped(g, LG_PTE_PRESENT), 0);
}

static void age_one_page(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned long page = g->memory + PAGE;
	unsigned int old = 0;
	int i;

	map_many(g);
	KUNIT_EXPECT_TRUE(test, mmu_notifier_test_young(g->mm, page));
	for (i = 0; i < 3; i++) {
		bool young = i % 2 ?
			mmu_notifier_clear_flush_young(g->mm, page, page + 1) :
			mmu_notifier_clear_young(g->mm, page, page + 1);
		unsigned int now = MANY - mapped(g, LG_PTE_ACCESSED);

		/* The newest entries decide. */
		KUNIT_EXPECT_EQ(test, young, !i);
		KUNIT_EXPECT_LE(test, now - old, AT_ONCE);
		KUNIT_EXPECT_GT(test, now, 0);
		old = now;
	}
	KUNIT_EXPECT_FALSE(test, mmu_notifier_test_young(g->mm, page));
	/* Nothing else has become of the entries. */
	KUNIT_EXPECT_EQ(test, mapped(g, LG_PTE_PRESENT), MANY);
}

/* The bound is for the whole range, such as a huge page. */
static void age_all(struct kunit *test)
{
	struct guest *g = test->priv;

	map_in_turn(g, SEVERAL);
	KUNIT_EXPECT_TRUE(test,
			  mmu_notifier_clear_young(g->mm, g->memory,
						   g->memory + END));
	KUNIT_EXPECT_LE(test, MANY - mapped(g, LG_PTE_ACCESSED), AT_ONCE);
}

/* Pages allocated at the last offer of the CPU; most freed up to the next */
static unsigned int allocated, most_freed;

static void count_freed(void)
{
	if (allocated > fake_host.allocated)
		most_freed = max(most_freed, allocated - fake_host.allocated);
	allocated = fake_host.allocated;
}

static void count_frees_from_here(void)
{
	most_freed = 0;
	allocated = fake_host.allocated;
	fake_host.resched = count_freed;
}

/* A leaf has two pages, a root without leaves some more. */
static void expect_few_freed(struct guest *g)
{
	count_freed();
	fake_host.resched = NULL;
	KUNIT_EXPECT_GT(g->test, most_freed, 1);
	KUNIT_EXPECT_LE(g->test, most_freed, 8);
}

static void free_one_root(struct kunit *test)
{
	struct guest *g = test->priv;

	map_many(g);
	guest_hypercall(g, NEW_PGTABLE, OTHER_TOP, 0, 0);
	count_frees_from_here();
	lg_free_root(g->lg, lg_find_root(g->lg, TOP));
	expect_few_freed(g);
}

static void make_roots(struct guest *g)
{
	unsigned int i;

	/* Nobody walks these tables, so they need not be any. */
	for (i = 0; i < ROOTS; i++) {
		struct lg_root *root = lg_alloc_root(g->lg, END + i * PAGE_SIZE);

		KUNIT_ASSERT_NOT_NULL(g->test, root);
	}
}

static void free_all(struct kunit *test)
{
	struct guest *g = test->priv;

	map_many(g);
	make_roots(g);
	count_frees_from_here();
	/* As a rule, the guest is freed after the address space. */
	mmu_notifier_unregister(&g->lg->mmu.notifier, g->mm);
	lg_free_tables(g->lg);
	expect_few_freed(g);
	/* The rest of the guest will be freed in the usual way. */
	KUNIT_ASSERT_EQ(test, 0, mmu_notifier_register(&g->lg->mmu.notifier,
						       g->mm));
	memset(g->lg->mmu.kernel_pd, 0, sizeof(g->lg->mmu.kernel_pd));
}

/* A flush of everything compares each leaf. */
static void flush(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int i;

	map_many(g);
	for (i = 0; i < LEAVES; i++)
		paging_use(g, address(i * LG_TABLE_ENTRIES));
	fake_host.rescheds = 0;
	lg_flush_tlb(g->lg, true);
	KUNIT_EXPECT_GE(test, fake_host.rescheds, LEAVES);
	KUNIT_EXPECT_EQ(test, mapped(g, LG_PTE_PRESENT), MANY);
}

/* This kernel does not begin with a directory of ours: each root has its own. */
#define ODD_KERNEL	0xd0000000U

static int start_odd(struct kunit *test)
{
	return guest_create_at(test, ODD_KERNEL);
}

static void changes_of_all_roots(struct kunit *test)
{
	struct guest *g = test->priv;

	paging_start(g, false);
	make_roots(g);
	fake_host.rescheds = 0;
	lg_set_pte(g->lg, TOP, ODD_KERNEL, 0);
	KUNIT_EXPECT_GE(test, fake_host.rescheds, ROOTS);
	fake_host.rescheds = 0;
	lg_set_pgd(g->lg, TOP, ODD_KERNEL >> 22);
	KUNIT_EXPECT_GE(test, fake_host.rescheds, ROOTS);
	EXPECT_ALIVE(g);
}

/* A directory of the guest's changes in all roots that have it. */
static void change_of_a_directory(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_root *root;

	paging_start(g, true);
	make_roots(g);
	list_for_each_entry(root, &g->lg->mmu.roots, list)
		lg_set_guest_pd(g->lg, root, 0, USER_PD);
	fake_host.rescheds = 0;
	lg_set_pmd(g->lg, USER_PD, 0);
	KUNIT_EXPECT_GE(test, fake_host.rescheds, ROOTS);
	EXPECT_ALIVE(g);
}

static void room_among_many_roots(struct kunit *test)
{
	struct guest *g = test->priv;

	paging_start(g, false);
	make_roots(g);
	g->lg->mmu.limit = g->lg->mmu.tables;
	fake_host.rescheds = 0;
	lg_make_room(g->lg);
	KUNIT_EXPECT_GE(test, fake_host.rescheds, ROOTS);
	EXPECT_ALIVE(g);
}

static struct kunit_case bounds_cases[] = {
	KUNIT_CASE(zap_one_page),
	KUNIT_CASE(zap_several_pages),
	KUNIT_CASE(zap_without_sleep),
	KUNIT_CASE(zap_while_the_guest_adds),
	KUNIT_CASE(zap_all),
	KUNIT_CASE(age_one_page),
	KUNIT_CASE(age_all),
	KUNIT_CASE(free_one_root),
	KUNIT_CASE(free_all),
	KUNIT_CASE(flush),
	KUNIT_CASE(change_of_a_directory),
	KUNIT_CASE(room_among_many_roots),
	{}
};

static struct kunit_suite bounds_suite = {
	.name = "lguest_bounds",
	.init = guest_create,
	.exit = guest_free,
	.test_cases = bounds_cases,
};

static struct kunit_case odd_kernel_cases[] = {
	KUNIT_CASE(changes_of_all_roots),
	{}
};

static struct kunit_suite odd_kernel_suite = {
	.name = "lguest_bounds_odd_kernel",
	.init = start_odd,
	.exit = guest_free,
	.test_cases = odd_kernel_cases,
};

kunit_test_suites(&bounds_suite, &odd_kernel_suite);
