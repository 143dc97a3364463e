// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/syscalls.h>

#include "../../include/uapi/linux/lguest_launcher.h"
#include "lib/guest.h"

static ssize_t tie(struct guest *g, u32 address, int fd)
{
	return guest_request(g, LHREQ_EVENTFD, address, fd);
}

static bool came_to_launcher(struct guest *g, u32 address)
{
	bool pending;

	guest_hypercall(g, NOTIFY, address, 0, 0);
	pending = g->lg->pending.trap;
	if (pending)
		KUNIT_EXPECT_EQ(g->test, g->lg->pending.addr, address);
	g->lg->pending.trap = 0;
	return pending;
}

static void unclaimed_address(struct kunit *test)
{
	struct guest *g = test->priv;
	int fd = guest_eventfd(g);

	KUNIT_EXPECT_TRUE(test, came_to_launcher(g, 0x1000));
	KUNIT_EXPECT_EQ(test, tie(g, 0x1000, fd), 0);
	/* The whole address counts; its page or memory does not matter. */
	KUNIT_EXPECT_TRUE(test, came_to_launcher(g, 0));
	KUNIT_EXPECT_TRUE(test, came_to_launcher(g, 0x1001));
	KUNIT_EXPECT_TRUE(test, came_to_launcher(g, 0xfff));
	KUNIT_EXPECT_TRUE(test, came_to_launcher(g, 0x80001000));
	KUNIT_EXPECT_EQ(test, guest_eventfd_count(g, fd), 0);
	EXPECT_ALIVE(g);
	sys_close(fd);
}

static void claimed_address(struct kunit *test)
{
	struct guest *g = test->priv;
	int fd = guest_eventfd(g), other = guest_eventfd(g);

	KUNIT_EXPECT_EQ(test, tie(g, 0x1000, fd), 0);
	KUNIT_EXPECT_EQ(test, tie(g, 0xfffff000, other), 0);
	KUNIT_EXPECT_FALSE(test, came_to_launcher(g, 0x1000));
	KUNIT_EXPECT_FALSE(test, came_to_launcher(g, 0x1000));
	KUNIT_EXPECT_FALSE(test, came_to_launcher(g, 0xfffff000));
	KUNIT_EXPECT_EQ(test, guest_eventfd_count(g, fd), 2);
	KUNIT_EXPECT_EQ(test, guest_eventfd_count(g, other), 1);
	KUNIT_EXPECT_EQ(test, guest_eventfd_count(g, fd), 0);
	sys_close(fd);
	sys_close(other);
}

static void eventfd_in_the_ring(struct kunit *test)
{
	struct guest *g = test->priv;
	int fd = guest_eventfd(g);

	KUNIT_EXPECT_EQ(test, tie(g, 0x1000, fd), 0);
	guest_ring_add(g, 0, NOTIFY, 0x1000, 0, 0);
	guest_ring_add(g, 1, NOTIFY, 0x1000, 0, 0);
	KUNIT_EXPECT_FALSE(test, came_to_launcher(g, 0x1000));
	KUNIT_EXPECT_FALSE(test, g->lg->hcall_pending);
	KUNIT_EXPECT_EQ(test, guest_eventfd_count(g, fd), 3);
	sys_close(fd);
}

static void one_eventfd_for_many_addresses(struct kunit *test)
{
	struct guest *g = test->priv;
	int fd = guest_eventfd(g);
	unsigned int i;

	for (i = 1; i <= 100; i++)
		KUNIT_EXPECT_EQ(test, tie(g, i * 0x1000, fd), 0);
	for (i = 1; i <= 100; i++)
		KUNIT_EXPECT_FALSE(test, came_to_launcher(g, i * 0x1000));
	KUNIT_EXPECT_EQ(test, guest_eventfd_count(g, fd), 100);
	sys_close(fd);
}

/* A Launcher cannot make the host hold more and more. */
static void too_many(struct kunit *test)
{
	struct guest *g = test->priv;
	int fd = guest_eventfd(g);
	unsigned int n = 0;
	ssize_t ret;

	do {
		ret = tie(g, ++n, fd);
	} while (!ret && n < 1 << 20);
	KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
	KUNIT_EXPECT_GT(test, n, 1024);
	KUNIT_EXPECT_TRUE(test, came_to_launcher(g, n));
	/* The Launcher may still replace those that it has tied. */
	KUNIT_EXPECT_EQ(test, tie(g, 1, fd), 0);
	KUNIT_EXPECT_EQ(test, tie(g, n - 1, fd), 0);
	KUNIT_EXPECT_FALSE(test, came_to_launcher(g, n - 1));
	sys_close(fd);
}

/* Count the references to an eventfd: all except one are the guest's. */
static unsigned int references(struct kunit *test, int fd)
{
	struct fd f = fdget(fd);
	struct kref *first_member;
	unsigned int count;

	KUNIT_ASSERT_NOT_NULL(test, f.file);
	first_member = f.file->private_data;
	count = kref_read(first_member);
	fdput(f);
	return count;
}

static void second_eventfd_replaces_the_first(struct kunit *test)
{
	struct guest *g = test->priv;
	int fd = guest_eventfd(g), other = guest_eventfd(g);

	KUNIT_EXPECT_EQ(test, tie(g, 0x1000, fd), 0);
	KUNIT_EXPECT_EQ(test, references(test, fd), 2);
	KUNIT_EXPECT_EQ(test, tie(g, 0x1000, other), 0);
	KUNIT_EXPECT_EQ(test, references(test, fd), 1);
	KUNIT_EXPECT_EQ(test, references(test, other), 2);
	KUNIT_EXPECT_FALSE(test, came_to_launcher(g, 0x1000));
	KUNIT_EXPECT_EQ(test, guest_eventfd_count(g, fd), 0);
	KUNIT_EXPECT_EQ(test, guest_eventfd_count(g, other), 1);
	/* The same once more */
	KUNIT_EXPECT_EQ(test, tie(g, 0x1000, other), 0);
	KUNIT_EXPECT_EQ(test, references(test, other), 2);
	sys_close(fd);
	sys_close(other);
}

/* A failed request changes nothing. */
static void bad_eventfd_replaces_nothing(struct kunit *test)
{
	struct guest *g = test->priv;
	int fd = guest_eventfd(g);

	KUNIT_EXPECT_EQ(test, tie(g, 0x1000, fd), 0);
	KUNIT_EXPECT_EQ(test, tie(g, 0x1000, -1), -EBADF);
	KUNIT_EXPECT_FALSE(test, came_to_launcher(g, 0x1000));
	KUNIT_EXPECT_EQ(test, guest_eventfd_count(g, fd), 1);
	sys_close(fd);
}

static void closed_eventfd_stays(struct kunit *test)
{
	struct guest *g = test->priv;
	int fd = guest_eventfd(g);

	KUNIT_EXPECT_EQ(test, tie(g, 0x1000, fd), 0);
	sys_close(fd);
	KUNIT_EXPECT_FALSE(test, came_to_launcher(g, 0x1000));
	EXPECT_ALIVE(g);
}

/* It is up to the Launcher who waits for an eventfd, and how many do. */
static struct guest *signalling;
static unsigned int woken;

static int look_at_locks(struct wait_queue_entry *entry, unsigned int mode,
			 int flags, void *key)
{
	struct lguest *lg = signalling->lg;

	KUNIT_EXPECT_FALSE(signalling->test,
			   lockdep_is_held(&lg->eventfds.xa_lock));
	KUNIT_EXPECT_FALSE(signalling->test, lockdep_is_held(&lg->mmu.lock));
	woken++;
	return 0;
}

static struct wait_queue_entry waiter;

static void wait_there(struct file *file, wait_queue_head_t *head,
		       poll_table *table)
{
	init_waitqueue_func_entry(&waiter, look_at_locks);
	add_wait_queue(head, &waiter);
	signalling->data = head;
}

static void signalled_without_a_spinlock(struct kunit *test)
{
	struct guest *g = test->priv;
	int fd = guest_eventfd(g);
	struct file *file = fget(fd);
	poll_table table;

	KUNIT_ASSERT_NOT_NULL(test, file);
	KUNIT_EXPECT_EQ(test, tie(g, 0x1000, fd), 0);
	signalling = g;
	woken = 0;
	init_poll_funcptr(&table, wait_there);
	vfs_poll(file, &table);
	KUNIT_EXPECT_FALSE(test, came_to_launcher(g, 0x1000));
	KUNIT_EXPECT_EQ(test, woken, 1);
	remove_wait_queue(signalling->data, &waiter);
	fput(file);
	sys_close(fd);
}

static void freed_with_the_guest(struct kunit *test)
{
	struct guest *g = test->priv;
	int fd = guest_eventfd(g);
	unsigned int i;

	for (i = 1; i <= 10; i++)
		KUNIT_EXPECT_EQ(test, tie(g, i << 28, fd), 0);
	KUNIT_EXPECT_EQ(test, references(test, fd), 11);
	fake_host.rescheds = 0;
	lg_destroy(g->lg);
	KUNIT_EXPECT_GE(test, fake_host.rescheds, 10);
	g->lg = NULL;
	KUNIT_EXPECT_EQ(test, references(test, fd), 1);
	sys_close(fd);
}

static struct kunit_case notify_cases[] = {
	KUNIT_CASE(unclaimed_address),
	KUNIT_CASE(claimed_address),
	KUNIT_CASE(eventfd_in_the_ring),
	KUNIT_CASE(one_eventfd_for_many_addresses),
	KUNIT_CASE(second_eventfd_replaces_the_first),
	KUNIT_CASE(bad_eventfd_replaces_nothing),
	KUNIT_CASE(closed_eventfd_stays),
	KUNIT_CASE(too_many),
	KUNIT_CASE(signalled_without_a_spinlock),
	KUNIT_CASE(freed_with_the_guest),
	{}
};

static struct kunit_suite notify_suite = {
	.name = "lguest_notify",
	.init = guest_create,
	.exit = guest_free,
	.test_cases = notify_cases,
};

kunit_test_suite(notify_suite);
