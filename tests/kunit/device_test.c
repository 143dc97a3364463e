// SPDX-License-Identifier: GPL-2.0
/* /dev/lguest by open(2), write(2) and close(2); read_test.c has the rest. */
#include <kunit/test.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "../../include/uapi/linux/lguest_launcher.h"
#include "lib/device.h"
#include "lib/guest.h"

#define WORD	sizeof(unsigned long)

/* An open file, whose guest is what the helpers work on */
static int open(struct kunit *test)
{
	int err = guest_open(test);
	struct guest *g = test->priv;

	if (err)
		return err;
	lg_destroy(g->lg);
	g->lg = NULL;
	g->device = device_open(g);
	if (IS_ERR(g->device))
		return PTR_ERR(g->device);
	g->lg = g->device->private_data;
	return 0;
}

static ssize_t initialize(struct guest *g)
{
	return device_write(g, LHREQ_INITIALIZE, g->memory, PAGES, CODE);
}

static void opened(struct kunit *test)
{
	struct guest *g = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, g->lg);
	KUNIT_EXPECT_EQ(test, device_read_word(g), -EINVAL);
	KUNIT_EXPECT_EQ(test, device_write(g, LHREQ_IRQ, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, initialize(g), 3 * WORD);
	KUNIT_EXPECT_PTR_EQ(test, g->lg->task, current);
	KUNIT_EXPECT_EQ(test, initialize(g), -EBUSY);
	KUNIT_EXPECT_EQ(test, device_write(g, LHREQ_IRQ, 1), 0);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, BIT(1));
}

static void each_open_is_a_guest(struct kunit *test)
{
	struct guest *g = test->priv;
	struct file *other = device_open(g);

	KUNIT_ASSERT_FALSE(test, IS_ERR(other));
	KUNIT_EXPECT_PTR_NE(test, other->private_data, g->device->private_data);
	KUNIT_EXPECT_EQ(test, initialize(g), 3 * WORD);
	KUNIT_EXPECT_FALSE(test, ((struct lguest *)other->private_data)->initialized);
	__fput_sync(other);
	KUNIT_EXPECT_EQ(test, device_write(g, LHREQ_IRQ, 1), 0);
}

static void close_lets_go(struct kunit *test)
{
	struct guest *g = test->priv;
	int tasks = refcount_read(&current->usage);

	KUNIT_EXPECT_EQ(test, initialize(g), 3 * WORD);
	KUNIT_EXPECT_EQ(test, refcount_read(&current->usage), tasks + 1);
	__fput_sync(g->device);
	g->device = NULL;
	g->lg = NULL;
	KUNIT_EXPECT_EQ(test, refcount_read(&current->usage), tasks);
	KUNIT_EXPECT_EQ(test, fake_cpu_allocated, 0);
}

/* Anyone may close it last, even after the guest's task has ended. */
static void close_of_anothers_guest(struct kunit *test)
{
	struct guest *g = test->priv;

	KUNIT_EXPECT_EQ(test, guest_other_task(g, initialize), 3 * WORD);
	KUNIT_EXPECT_PTR_NE(test, g->lg->task, current);
	KUNIT_EXPECT_EQ(test, device_read_word(g), -EPERM);
	KUNIT_EXPECT_EQ(test, device_write(g, LHREQ_IRQ, 1), 0);
}

/* A file opened with other credentials makes no guest of our memory. */
static void initialize_with_other_credentials(struct kunit *test)
{
	struct guest *g = test->priv;

	KUNIT_EXPECT_EQ(test, guest_other_credentials(g, initialize), -EPERM);
	KUNIT_EXPECT_FALSE(test, g->lg->initialized);
	KUNIT_EXPECT_EQ(test, initialize(g), 3 * WORD);
}

static ssize_t raise_irq(struct guest *g)
{
	return device_write(g, LHREQ_IRQ, 1);
}

static void before_there_is_a_guest(struct kunit *test)
{
	struct guest *g = test->priv;

	KUNIT_EXPECT_EQ(test, guest_other_memory(g, initialize), -EPERM);
	KUNIT_EXPECT_EQ(test, guest_other_memory(g, raise_irq), -EPERM);
	KUNIT_EXPECT_EQ(test, guest_other_memory(g, device_read_word), -EPERM);
	KUNIT_EXPECT_FALSE(test, g->lg->initialized);
	KUNIT_EXPECT_EQ(test, raise_irq(g), -EINVAL);
	KUNIT_EXPECT_EQ(test, device_read_word(g), -EINVAL);
}

/* Nobody else has these credentials, so we can count who holds them. */
static ssize_t create_and_destroy(struct guest *g)
{
	const struct cred *cred = current_cred();
	long holders = atomic_long_read(&cred->usage);
	struct lguest *lg = lg_create();

	KUNIT_ASSERT_NOT_NULL(g->test, lg);
	KUNIT_EXPECT_EQ(g->test, atomic_long_read(&cred->usage), holders + 1);
	lg_destroy(lg);
	KUNIT_EXPECT_EQ(g->test, atomic_long_read(&cred->usage), holders);
	return 0;
}

/*
 * The file must keep the address space and the credentials: it may be the last to
 * hold them.
 */
static void holds_what_it_belongs_to(struct kunit *test)
{
	struct guest *g = test->priv;
	int mms = atomic_read(&g->mm->mm_count);
	struct file *other = device_open(g);

	KUNIT_ASSERT_FALSE(test, IS_ERR(other));
	KUNIT_EXPECT_EQ(test, atomic_read(&g->mm->mm_count), mms + 1);
	__fput_sync(other);
	KUNIT_EXPECT_EQ(test, atomic_read(&g->mm->mm_count), mms);
	KUNIT_EXPECT_EQ(test, 0,
			guest_other_credentials(g, create_and_destroy));
}

static void opened_by_no_process(struct kunit *test)
{
	struct guest *g = test->priv;
	struct file *other;

	/* As the test opens it, but without memory */
	other = device_open(g);
	KUNIT_ASSERT_FALSE(test, IS_ERR(other));
	kthread_unuse_mm(g->mm);
	KUNIT_EXPECT_EQ(test, other->f_op->open(file_inode(other), other),
			-EPERM);
	kthread_use_mm(g->mm);
	__fput_sync(other);
}

/* A thread of io_uring's has the memory and the credentials of who asked it. */
static void written_by_io_uring(struct kunit *test)
{
	struct guest *g = test->priv;
	ssize_t ret;

	current->flags |= PF_IO_WORKER;
	ret = initialize(g);
	current->flags &= ~PF_IO_WORKER;
	KUNIT_EXPECT_EQ(test, ret, -EPERM);
	KUNIT_EXPECT_FALSE(test, g->lg->initialized);
	KUNIT_EXPECT_EQ(test, initialize(g), 3 * WORD);

	current->flags |= PF_IO_WORKER;
	ret = raise_irq(g);
	current->flags &= ~PF_IO_WORKER;
	KUNIT_EXPECT_EQ(test, ret, -EPERM);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, 0);
}

static ssize_t initialize_with_signal(struct guest *g)
{
	ssize_t ret;

	set_thread_flag(TIF_SIGPENDING);
	ret = initialize(g);
	clear_thread_flag(TIF_SIGPENDING);
	return ret;
}

static void initialize_is_interrupted(struct kunit *test)
{
	struct guest *g = test->priv;

	mutex_lock(&g->lg->init_lock);
	KUNIT_EXPECT_EQ(test, guest_other_task(g, initialize_with_signal),
			-ERESTARTSYS);
	mutex_unlock(&g->lg->init_lock);
	KUNIT_EXPECT_EQ(test, initialize(g), 3 * WORD);
}

/* The offset is the vCPU, and there is only one. */
static void other_vcpus(struct kunit *test)
{
	static const unsigned long irq[] = { LHREQ_IRQ, 1 };
	struct guest *g = test->priv;
	loff_t pos;

	KUNIT_EXPECT_EQ(test, initialize(g), 3 * WORD);
	for (pos = 1; pos < 1LL << 40; pos <<= 8) {
		loff_t at = pos;

		KUNIT_EXPECT_EQ(test, device_write_at(g, irq, sizeof(irq), pos),
				-EINVAL);
		KUNIT_EXPECT_EQ(test, vfs_read(g->device, device_buffer(g, WORD), WORD,
					       &at), -EINVAL);
	}
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, 0);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 0);
}

static struct kunit_case opened_cases[] = {
	KUNIT_CASE(opened),
	KUNIT_CASE(each_open_is_a_guest),
	KUNIT_CASE(close_lets_go),
	KUNIT_CASE(close_of_anothers_guest),
	KUNIT_CASE(initialize_with_other_credentials),
	KUNIT_CASE(before_there_is_a_guest),
	KUNIT_CASE(holds_what_it_belongs_to),
	KUNIT_CASE(opened_by_no_process),
	KUNIT_CASE(written_by_io_uring),
	KUNIT_CASE(initialize_is_interrupted),
	KUNIT_CASE(other_vcpus),
	{}
};

static struct kunit_suite opened_suite = {
	.name = "lguest_device",
	.init = open,
	.exit = device_close,
	.test_cases = opened_cases,
};

kunit_test_suite(opened_suite);
