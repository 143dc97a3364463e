// SPDX-License-Identifier: GPL-2.0
/*
 * The Launcher's memory changes, by what a process can do to its own. No spte may
 * outlive its page.
 */
#include <kunit/test.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/syscalls.h>

#include "lib/paging.h"

#define PAGE	(FREE + 0x3000)
#define NEXT	(PAGE + PAGE_SIZE)
#define BEFORE	(PAGE - PAGE_SIZE)
#define END_PAGE (END - PAGE_SIZE)
/* Where the guest maps PAGE, besides at KERNEL + PAGE; and NEXT after it */
#define GVA	0x12000U
#define GVA2	0x1f000U

static unsigned long at(struct guest *g, long gpa)
{
	return g->memory + gpa;
}

/* PAGE is mapped four times and in two roots, and its neighbours are, too. */
static void use_page(struct guest *g)
{
	u32 gpa;

	for (gpa = BEFORE; gpa <= NEXT; gpa += PAGE_SIZE)
		guest_put32(g, gpa, gpa);
	paging_start(g, false);
	paging_map(g, GVA, PAGE | P | W | U);
	paging_map(g, GVA2, PAGE | P | W | U);
	paging_map(g, GVA + PAGE_SIZE, NEXT | P | W | U);
	paging_put(g, paging_pte_gpa(g, OTHER_USER_TABLE, GVA), PAGE | P | U);
	TOUCH(g, GVA, LG_PF_WRITE);
	TOUCH(g, GVA2, 0);
	TOUCH(g, GVA + PAGE_SIZE, LG_PF_WRITE);
	TOUCH(g, KERNEL + PAGE, LG_PF_WRITE);
	TOUCH(g, KERNEL + BEFORE, LG_PF_WRITE);
	TOUCH(g, KERNEL + NEXT, LG_PF_WRITE);
	guest_hypercall(g, NEW_PGTABLE, OTHER_TOP, 0, 0);
	TOUCH(g, GVA, 0);
	g->lg->vcpu->kicks = 0;
}

static struct lg_root *first_root(struct guest *g)
{
	return list_last_entry(&g->lg->mmu.roots, struct lg_root, list);
}

static void expect_neighbours(struct guest *g)
{
	EXPECT_SHADOW_IN(g, first_root(g), GVA + PAGE_SIZE, NEXT, U | WD);
	EXPECT_SHADOW(g, KERNEL + NEXT, NEXT, WD);
	EXPECT_SHADOW(g, KERNEL + BEFORE, BEFORE, WD);
	EXPECT_ALIVE(g);
}

static void expect_page(struct guest *g)
{
	struct lg_root *first = first_root(g);

	EXPECT_SHADOW_IN(g, first, GVA, PAGE, U | WD);
	EXPECT_SHADOW_IN(g, first, GVA2, PAGE, U);
	EXPECT_SHADOW(g, GVA, PAGE, U);
	EXPECT_SHADOW(g, KERNEL + PAGE, PAGE, WD);
	expect_neighbours(g);
}

/* Its sptes are gone everywhere, and the guest had to come out. */
static void expect_no_page(struct guest *g)
{
	struct lg_root *first = first_root(g);

	EXPECT_NO_SHADOW_IN(g, first, GVA);
	EXPECT_NO_SHADOW_IN(g, first, GVA2);
	EXPECT_NO_SHADOW(g, GVA);
	EXPECT_NO_SHADOW(g, KERNEL + PAGE);
	KUNIT_EXPECT_GT(g->test, g->lg->vcpu->kicks, 0);
	expect_neighbours(g);
}

static void unmap(struct kunit *test)
{
	struct guest *g = test->priv;

	use_page(g);
	expect_page(g);
	vm_munmap(at(g, PAGE), PAGE_SIZE);
	expect_no_page(g);
	KUNIT_EXPECT_EQ(test, paging_touch(g, KERNEL + PAGE, 0),
			LG_FAULT_RETRY);
	EXPECT_REASON(g, "guest memory at 0xd000 is gone: the Launcher took it away");
}

static void map_over(struct kunit *test)
{
	struct guest *g = test->priv;

	use_page(g);
	paging_replace(g, PAGE);
	expect_no_page(g);
	TOUCH(g, KERNEL + PAGE, LG_PF_WRITE);
	EXPECT_SHADOW(g, KERNEL + PAGE, PAGE, WD);
	KUNIT_EXPECT_EQ(test, guest_get32(g, PAGE), 0);
}

static void dont_need(struct kunit *test)
{
	struct guest *g = test->priv;

	use_page(g);
	KUNIT_ASSERT_EQ(test, 0, do_madvise(g->mm, at(g, PAGE), PAGE_SIZE,
					    MADV_DONTNEED));
	expect_no_page(g);
	TOUCH(g, KERNEL + PAGE, 0);
	EXPECT_SHADOW(g, KERNEL + PAGE, PAGE, 0);
	KUNIT_EXPECT_EQ(test, paging_host_page(g, PAGE),
			page_to_phys(ZERO_PAGE(0)));
}

static void read_only(struct kunit *test)
{
	struct guest *g = test->priv;

	use_page(g);
	KUNIT_ASSERT_EQ(test, 0, sys_mprotect(at(g, PAGE), PAGE_SIZE,
					      PROT_READ));
	expect_no_page(g);
	/* It may still read it. */
	TOUCH(g, KERNEL + PAGE, 0);
	EXPECT_SHADOW(g, KERNEL + PAGE, PAGE, 0);
	KUNIT_EXPECT_EQ(test, paging_touch(g, KERNEL + PAGE, LG_PF_WRITE),
			LG_FAULT_RETRY);
	EXPECT_SHADOW(g, KERNEL + PAGE, PAGE, 0);
	EXPECT_REASON(g, "guest memory at 0xd000 is gone: the Launcher took it away");
}

/* After a fork, whoever writes gets a page of his own. */
static int exit_at_once(void *unused)
{
	do_exit(0);
}

static void fork(struct kunit *test)
{
	struct kernel_clone_args args = {
		.fn = exit_at_once,
		.exit_signal = SIGCHLD,
	};
	struct guest *g = test->priv;
	pid_t child;

	use_page(g);
	child = kernel_clone(&args);
	KUNIT_ASSERT_GT(test, child, 0);
	/* All of its memory is read-only now, not this page alone. */
	EXPECT_NO_SHADOW_IN(g, first_root(g), GVA);
	EXPECT_NO_SHADOW_IN(g, first_root(g), GVA2);
	EXPECT_NO_SHADOW(g, GVA);
	EXPECT_NO_SHADOW(g, KERNEL + PAGE);
	EXPECT_NO_SHADOW(g, KERNEL + BEFORE);
	EXPECT_NO_SHADOW(g, KERNEL + NEXT);
	KUNIT_EXPECT_GT(test, g->lg->vcpu->kicks, 0);
	TOUCH(g, KERNEL + PAGE, 0);
	EXPECT_SHADOW(g, KERNEL + PAGE, PAGE, 0);
	TOUCH(g, KERNEL + PAGE, LG_PF_WRITE);
	EXPECT_SHADOW(g, KERNEL + PAGE, PAGE, WD);
	EXPECT_ALIVE(g);
	kernel_wait(child, NULL);
}

/* A fill makes the host copy on write. */
static void zero_page_is_replaced_everywhere(struct kunit *test)
{
	struct guest *g = test->priv;

	paging_start(g, false);
	paging_map(g, GVA, PAGE | P);
	TOUCH(g, GVA, 0);
	TOUCH(g, KERNEL + PAGE, 0);
	EXPECT_SHADOW(g, GVA, PAGE, 0);
	EXPECT_SHADOW(g, KERNEL + PAGE, PAGE, 0);
	TOUCH(g, KERNEL + PAGE, LG_PF_WRITE);
	EXPECT_SHADOW(g, KERNEL + PAGE, PAGE, WD);
	EXPECT_NO_SHADOW(g, GVA);

	/* The same goes for a write of the Launcher's. */
	TOUCH(g, KERNEL + NEXT, 0);
	guest_put32(g, NEXT, 1);
	EXPECT_NO_SHADOW(g, KERNEL + NEXT);
}

static void other_memory(struct kunit *test)
{
	struct guest *g = test->priv;

	use_page(g);
	TOUCH(g, KERNEL, LG_PF_WRITE);
	TOUCH(g, KERNEL + END_PAGE, LG_PF_WRITE);
	vm_munmap(g->words, PAGE_SIZE);
	vm_munmap(at(g, END), PAGE_SIZE);
	vm_munmap(at(g, -(long)PAGE_SIZE), PAGE_SIZE);
	/* The guest's memory, but nothing that it uses */
	vm_munmap(at(g, NEXT + PAGE_SIZE), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->kicks, 0);
	expect_page(g);
	EXPECT_SHADOW(g, KERNEL, 0, WD);
	EXPECT_SHADOW(g, KERNEL + END_PAGE, END_PAGE, WD);
	/* What begins before memory and what ends behind it */
	vm_munmap(at(g, -(long)PAGE_SIZE), 2 * PAGE_SIZE);
	EXPECT_NO_SHADOW(g, KERNEL);
	EXPECT_SHADOW(g, KERNEL + END_PAGE, END_PAGE, WD);
	vm_munmap(at(g, END_PAGE), 4 * PAGE_SIZE);
	EXPECT_NO_SHADOW(g, KERNEL + END_PAGE);
	expect_page(g);
	KUNIT_EXPECT_EQ(test, g->lg->mmu.invalidate_in_progress, 0);
}

/* The host asks which pages were used. */
static void young(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned long page;

	use_page(g);
	page = at(g, PAGE);
	KUNIT_EXPECT_TRUE(test, mmu_notifier_test_young(g->mm, page));
	KUNIT_EXPECT_TRUE(test, mmu_notifier_test_young(g->mm, page));
	/* In all sptes that map it, and in these alone */
	KUNIT_EXPECT_TRUE(test, mmu_notifier_clear_young(g->mm, page,
							 page + PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, mmu_notifier_test_young(g->mm, page));
	KUNIT_EXPECT_FALSE(test, mmu_notifier_clear_young(g->mm, page,
							  page + PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, guest_shadow_in(g, first_root(g), GVA2) &
			   LG_PTE_ACCESSED);
	KUNIT_EXPECT_TRUE(test, guest_shadow_in(g, first_root(g), GVA) &
			  LG_PTE_PRESENT);
	expect_neighbours(g);
	/* The range's last byte is in the page, the next byte is not. */
	KUNIT_EXPECT_TRUE(test, mmu_notifier_test_young(g->mm, page +
							PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->kicks, 0);

	/* One spte is enough. What the guest still has in its TLB goes. */
	guest_hypercall(g, SET_PTE, TOP, GVA2, 0);
	guest_hypercall(g, NEW_PGTABLE, TOP, 0, 0);
	TOUCH(g, GVA2, 0);
	KUNIT_EXPECT_TRUE(test, mmu_notifier_clear_flush_young(g->mm, page,
							       page + 1));
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->kicks, 1);
	KUNIT_EXPECT_FALSE(test, mmu_notifier_clear_flush_young(g->mm, page,
								page + 1));
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->kicks, 1);
	KUNIT_EXPECT_FALSE(test, guest_shadow(g, GVA2) & LG_PTE_ACCESSED);
}

static void young_elsewhere(struct kunit *test)
{
	struct guest *g = test->priv;

	use_page(g);
	KUNIT_EXPECT_FALSE(test, mmu_notifier_test_young(g->mm, g->words));
	KUNIT_EXPECT_FALSE(test, mmu_notifier_clear_young(g->mm, at(g, END),
							  at(g, END) + 1));
	/* No page that was mapped, nor one near it */
	KUNIT_EXPECT_FALSE(test, mmu_notifier_test_young(g->mm,
							 at(g, END_PAGE)));
	/* A range is young if any page of it is. */
	KUNIT_EXPECT_TRUE(test, mmu_notifier_clear_young(g->mm,
							 at(g, 0) - PAGE_SIZE,
							 at(g, END) + PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, mmu_notifier_test_young(g->mm,
							 at(g, BEFORE)));
	KUNIT_EXPECT_FALSE(test, mmu_notifier_test_young(g->mm, at(g, NEXT)));
}

/* Called in the middle of fill(), where nobody could pass an argument */
static struct guest *filled;

static void replace_page(void)
{
	paging_replace(filled, PAGE);
	guest_put32(filled, PAGE, 0x4e4557);
}

static void page_goes_while_it_is_looked_up(struct kunit *test)
{
	struct guest *g = test->priv;
	u64 old;

	filled = g;
	paging_start(g, false);
	/* The slow way to look it up, then the fast one */
	fake_host.looked_up = replace_page;
	TOUCH(g, KERNEL + PAGE, LG_PF_WRITE);
	KUNIT_EXPECT_EQ(test, guest_get32(g, PAGE), 0x4e4557);
	EXPECT_SHADOW(g, KERNEL + PAGE, PAGE, WD);

	old = guest_shadow(g, KERNEL + PAGE);
	guest_hypercall(g, SET_PTE, TOP, KERNEL + PAGE, 0);
	fake_host.looked_up = replace_page;
	TOUCH(g, KERNEL + PAGE, 0);
	EXPECT_SHADOW(g, KERNEL + PAGE, PAGE, WD);
	KUNIT_EXPECT_NE(test, old, guest_shadow(g, KERNEL + PAGE));
	KUNIT_EXPECT_EQ(test, g->lg->mmu.invalidate_in_progress, 0);
}

/* An invalidation that goes on from begin_change() until the work is done */
static struct mmu_notifier_range change;

static void begin_change(void)
{
	mmu_notifier_range_init(&change, MMU_NOTIFY_CLEAR, 0, NULL, filled->mm,
				at(filled, PAGE), at(filled, NEXT));
	mmu_notifier_invalidate_range_start(&change);
}

static void end_change(struct work_struct *work)
{
	/* Nothing was filled before this. */
	EXPECT_NO_SHADOW(filled, KERNEL + PAGE);
	mmu_notifier_invalidate_range_end(&change);
}

static DECLARE_DELAYED_WORK(end_work, end_change);

static void begin_and_end_change(void)
{
	begin_change();
	schedule_delayed_work(&end_work, 2);
}

/* For a test that looks meanwhile. It ends for who waits for it, and should not. */
static void begin_long_change(void)
{
	begin_change();
	schedule_delayed_work(&end_work, 300 * HZ);
}

static void end_long_change(void)
{
	mod_delayed_work(system_wq, &end_work, 2);
}

static void change_under_way(struct kunit *test)
{
	struct guest *g = test->priv;

	filled = g;
	use_page(g);
	begin_long_change();
	expect_no_page(g);
	KUNIT_EXPECT_EQ(test, g->lg->mmu.invalidate_in_progress, 1);
	end_long_change();
	TOUCH(g, KERNEL + PAGE, 0);
	KUNIT_EXPECT_EQ(test, g->lg->mmu.invalidate_in_progress, 0);
	EXPECT_SHADOW(g, KERNEL + PAGE, PAGE, WD);

	/* The change begins between the look-up of the page and its use. */
	guest_hypercall(g, FLUSH_TLB, 1, 0, 0);
	fake_host.looked_up = begin_and_end_change;
	TOUCH(g, KERNEL + PAGE, 0);
	KUNIT_EXPECT_EQ(test, g->lg->mmu.invalidate_in_progress, 0);
	EXPECT_SHADOW(g, KERNEL + PAGE, PAGE, WD);
	flush_delayed_work(&end_work);
}

static void two_changes_under_way(struct kunit *test)
{
	struct mmu_notifier_range second;
	struct guest *g = test->priv;

	filled = g;
	use_page(g);
	begin_long_change();
	mmu_notifier_range_init(&second, MMU_NOTIFY_CLEAR, 0, NULL, g->mm,
				at(g, NEXT), at(g, NEXT) + PAGE_SIZE);
	mmu_notifier_invalidate_range_start(&second);
	KUNIT_EXPECT_EQ(test, g->lg->mmu.invalidate_in_progress, 2);
	mmu_notifier_invalidate_range_end(&second);
	KUNIT_EXPECT_EQ(test, g->lg->mmu.invalidate_in_progress, 1);
	end_long_change();
	TOUCH(g, KERNEL + PAGE, 0);
	KUNIT_EXPECT_EQ(test, g->lg->mmu.invalidate_in_progress, 0);
	flush_delayed_work(&end_work);
}

/* After either, the guest does not use the page, though only one has zapped it. */
static void same_change_twice(struct kunit *test)
{
	struct mmu_notifier_range second;
	struct guest *g = test->priv;

	filled = g;
	use_page(g);
	begin_change();
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->kicks, 1);
	mmu_notifier_range_init(&second, MMU_NOTIFY_CLEAR, 0, NULL, g->mm,
				at(g, PAGE), at(g, NEXT));
	mmu_notifier_invalidate_range_start(&second);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->kicks, 2);
	mmu_notifier_invalidate_range_end(&second);
	mmu_notifier_invalidate_range_end(&change);
	/* By now it certainly does not use it. */
	mmu_notifier_invalidate_range_start(&second);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->kicks, 2);
	mmu_notifier_invalidate_range_end(&second);
}

/* A Launcher that waits for a change to end can be killed, or take a signal. */
static void signal_while_waiting(struct kunit *test)
{
	struct guest *g = test->priv;

	filled = g;
	use_page(g);
	begin_long_change();
	set_thread_flag(TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, paging_touch(g, KERNEL + PAGE, 0),
			LG_FAULT_RETRY);
	clear_thread_flag(TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, g->lg->mmu.invalidate_in_progress, 1);
	EXPECT_NO_SHADOW(g, KERNEL + PAGE);
	EXPECT_ALIVE(g);
	end_long_change();
	TOUCH(g, KERNEL + PAGE, 0);
	flush_delayed_work(&end_work);
}

/* We do not wait just to save the guest a fault. */
static void told_while_a_change_is_under_way(struct kunit *test)
{
	struct guest *g = test->priv;

	filled = g;
	use_page(g);
	/* What the guest tells has to be true, or nobody would look for the page. */
	paging_put(g, paging_pte_gpa(g, OTHER_USER_TABLE, GVA),
		   NEXT | P | U | A);
	paging_map(g, KERNEL + PAGE, PAGE | P | A);
	begin_long_change();
	guest_hypercall(g, SET_PTE, OTHER_TOP, GVA, NEXT | P | U | A);
	guest_hypercall(g, SET_PTE, OTHER_TOP, KERNEL + PAGE, PAGE | P | A);
	KUNIT_EXPECT_EQ(test, g->lg->mmu.invalidate_in_progress, 1);
	EXPECT_NO_SHADOW(g, GVA);
	EXPECT_NO_SHADOW(g, KERNEL + PAGE);
	flush_delayed_work(&end_work);
	EXPECT_ALIVE(g);
}

/* The Launcher changes its memory over and over, without end. */
#define CHANGES	200

static unsigned int changes;

static void change_once_more(void)
{
	replace_page();
	if (++changes == 5)
		set_thread_flag(TIF_SIGPENDING);
	if (changes < CHANGES)
		fake_host.looked_up = change_once_more;
}

static void page_never_stays(struct kunit *test)
{
	struct guest *g = test->priv;

	filled = g;
	changes = 0;
	paging_start(g, false);
	fake_host.looked_up = change_once_more;
	KUNIT_EXPECT_EQ(test, paging_touch(g, KERNEL + PAGE, LG_PF_WRITE),
			LG_FAULT_RETRY);
	fake_host.looked_up = NULL;
	clear_thread_flag(TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, changes, 5);
	EXPECT_NO_SHADOW(g, KERNEL + PAGE);
	EXPECT_ALIVE(g);
	TOUCH(g, KERNEL + PAGE, LG_PF_WRITE);
}

/* The process ends while the file is still open elsewhere. */
static void memory_ends(struct kunit *test)
{
	struct guest *g = test->priv;

	use_page(g);
	kthread_unuse_mm(g->mm);
	mmput(g->mm);
	EXPECT_NO_SHADOW_IN(g, first_root(g), GVA);
	EXPECT_NO_SHADOW(g, GVA);
	EXPECT_NO_SHADOW(g, KERNEL + PAGE);
	EXPECT_NO_SHADOW(g, KERNEL + NEXT);
	EXPECT_NO_SHADOW(g, KERNEL + BEFORE);
	KUNIT_EXPECT_GT(test, g->lg->vcpu->kicks, 0);
}

static struct kunit_case mmu_notifier_cases[] = {
	KUNIT_CASE(unmap),
	KUNIT_CASE(map_over),
	KUNIT_CASE(dont_need),
	KUNIT_CASE(read_only),
	KUNIT_CASE(fork),
	KUNIT_CASE(zero_page_is_replaced_everywhere),
	KUNIT_CASE(other_memory),
	KUNIT_CASE(young),
	KUNIT_CASE(young_elsewhere),
	KUNIT_CASE(page_goes_while_it_is_looked_up),
	KUNIT_CASE(change_under_way),
	KUNIT_CASE(two_changes_under_way),
	KUNIT_CASE(same_change_twice),
	KUNIT_CASE(signal_while_waiting),
	KUNIT_CASE(told_while_a_change_is_under_way),
	KUNIT_CASE(page_never_stays),
	KUNIT_CASE(memory_ends),
	{}
};

static struct kunit_suite mmu_notifier_suite = {
	.name = "lguest_mmu_notifier",
	.init = guest_create,
	.exit = guest_free,
	.test_cases = mmu_notifier_cases,
};

kunit_test_suite(mmu_notifier_suite);
