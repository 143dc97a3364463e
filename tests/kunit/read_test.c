// SPDX-License-Identifier: GPL-2.0
/* What read(2) of /dev/lguest tells, and to whom */
#include <kunit/test.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>

#include "../../include/uapi/linux/lguest_launcher.h"
#include "lib/device.h"
#include "lib/guest.h"

#define WORD	sizeof(unsigned long)

/* An open file, with a guest that can run */
static int start(struct kunit *test)
{
	int err = guest_page(test);
	struct guest *g = test->priv;

	if (err)
		return err;
	g->device = device_open(g);
	if (IS_ERR(g->device))
		return PTR_ERR(g->device);
	lg_destroy(g->device->private_data);
	g->device->private_data = g->lg;
	return 0;
}

static void expect_word(struct guest *g, unsigned long word)
{
	unsigned long got;

	KUNIT_EXPECT_EQ(g->test, device_read(g, &got, WORD), WORD);
	KUNIT_EXPECT_EQ(g->test, got, word);
}

/* The guest's programs */
static void notify(struct lguest *lg)
{
	lg->regs->vector = LG_VECTOR_HYPERCALL;
	lg->regs->eax = NOTIFY;
	lg->regs->ebx = 0x89abc000 + lg->vcpu->entered;
}

/* The guest accesses a port, and comes out there until that is emulated. */
static void access_port(struct lguest *lg)
{
	if (lg->regs->eip == KERNEL + CODE)
		lg->regs->vector = 13;
	else
		notify(lg);
}

static const size_t sizes[] = {
	0, 1, 4, 7, 8, 9, 11, 12, 13, 16, PAGE_SIZE,
};

static void describe_size(const size_t *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%zu bytes", *size);
}

KUNIT_ARRAY_PARAM(size, sizes, describe_size);

static void read_notify(struct kunit *test)
{
	const size_t size = *(const size_t *)test->param_value;
	const unsigned long address = 0x89abc001;
	struct guest *g = test->priv;
	u8 *got = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, got);
	g->lg->vcpu->run = notify;
	if (size < WORD) {
		KUNIT_EXPECT_EQ(test, device_read(g, got, size), -EINVAL);
		KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 0);
	} else if (size == 12) {
		const struct lguest_pending record = {
			.trap = 0x1f, .addr = address,
		};

		KUNIT_EXPECT_EQ(test, device_read(g, got, size), 12);
		KUNIT_EXPECT_EQ(test, memcmp(got, &record, 12), 0);
	} else {
		KUNIT_EXPECT_EQ(test, device_read(g, got, size), WORD);
		KUNIT_EXPECT_EQ(test, memcmp(got, &address, WORD), 0);
		KUNIT_EXPECT_PTR_EQ(test, memchr_inv(got + WORD, DEVICE_UNTOUCHED,
						     size - WORD), NULL);
	}
	/* The next read goes on from there. */
	expect_word(g, size < WORD ? address : address + 1);
	EXPECT_ALIVE(g);
}

/* If a read fails, the next one tells the same. */
static void read_to_nowhere(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lguest_pending record;

	g->lg->vcpu->run = notify;
	KUNIT_EXPECT_EQ(test, device_read_beyond(g, WORD), -EFAULT);
	KUNIT_EXPECT_EQ(test, device_read_beyond(g, sizeof(record)), -EFAULT);
	expect_word(g, 0x89abc001);
	KUNIT_EXPECT_EQ(test, device_read_beyond(g, sizeof(record)), -EFAULT);
	KUNIT_EXPECT_EQ(test, device_read(g, &record, sizeof(record)), 12);
	KUNIT_EXPECT_EQ(test, record.trap, 0x1f);
	KUNIT_EXPECT_EQ(test, record.addr, 0x89abc002);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 2);
}

static void read_port_access(struct kunit *test)
{
	static const u8 out[7] = { 0xe6, 0x80 };
	struct guest *g = test->priv;
	struct lguest_pending record;

	guest_put(g, CODE, out, sizeof(out));
	g->lg->vcpu->run = access_port;
	KUNIT_EXPECT_EQ(test, device_read(g, &record, sizeof(record)), 12);
	KUNIT_EXPECT_EQ(test, record.trap, 13);
	KUNIT_EXPECT_EQ(test, record.addr, 0);
	KUNIT_EXPECT_EQ(test, memcmp(record.insn, out, sizeof(out)), 0);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, KERNEL + CODE);

	/* A word says nothing of ports: the host emulates this one. */
	KUNIT_EXPECT_EQ(test, device_read_beyond(g, sizeof(record)), -EFAULT);
	expect_word(g, 0x89abc000 + 4);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, KERNEL + CODE + 2);
	EXPECT_ALIVE(g);
}

static void read_register(struct kunit *test)
{
	const size_t size = *(const size_t *)test->param_value;
	const unsigned long value = 0xfedcba98;
	struct guest *g = test->priv;
	u8 *got = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	size_t len = min(size, WORD);

	KUNIT_ASSERT_NOT_NULL(test, got);
	g->lg->vcpu->run = notify;
	g->lg->regs->ecx = value;
	KUNIT_EXPECT_EQ(test, device_write(g, LHREQ_GETREG, 4), 0);
	if (size >= 4)
		KUNIT_EXPECT_EQ(test, device_read_beyond(g, size == 4 ? 4 : WORD),
				-EFAULT);
	if (len != 4 && len != WORD) {
		KUNIT_EXPECT_EQ(test, device_read(g, got, size), -EINVAL);
		expect_word(g, value);
	} else {
		KUNIT_EXPECT_EQ(test, device_read(g, got, size), len);
		KUNIT_EXPECT_EQ(test, memcmp(got, &value, len), 0);
		KUNIT_EXPECT_PTR_EQ(test, memchr_inv(got + len, DEVICE_UNTOUCHED,
						     size - len), NULL);
	}
	/* Only once; then the guest goes on. */
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 0);
	expect_word(g, 0x89abc001);
}

static void signals(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->vcpu->run = notify;
	set_thread_flag(TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, device_read_word(g), -ERESTARTSYS);
	clear_thread_flag(TIF_SIGPENDING);
	set_thread_flag(TIF_NOTIFY_RESUME);
	KUNIT_EXPECT_EQ(test, device_read_word(g), -ERESTARTNOINTR);
	clear_thread_flag(TIF_SIGPENDING);
	clear_thread_flag(TIF_NOTIFY_RESUME);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 0);
	expect_word(g, 0x89abc001);
}

static void kill(struct lguest *lg)
{
	lg_kill(lg, "of age");
}

static void reason(struct kunit *test)
{
	static const char text[] = "of age";
	struct guest *g = test->priv;
	char got[16];
	size_t size;

	g->lg->vcpu->run = kill;
	KUNIT_EXPECT_EQ(test, device_read_word(g), -ENOENT);
	for (size = 0; size <= sizeof(got); size++) {
		size_t len = min(size, sizeof(text));

		KUNIT_EXPECT_EQ(test, device_read(g, got, size), len);
		if (!len)
			continue;
		KUNIT_EXPECT_EQ(test, memcmp(got, text, len - 1), 0);
		KUNIT_EXPECT_EQ(test, got[len - 1], 0);
		KUNIT_EXPECT_PTR_EQ(test, memchr_inv(got + len, DEVICE_UNTOUCHED,
						     size - len), NULL);
	}
	/* There is no room for the text, or for the NUL behind it. */
	KUNIT_EXPECT_EQ(test, device_read_beyond(g, 1), -EFAULT);
	KUNIT_EXPECT_EQ(test, device_read_beyond(g, sizeof(text)), -EFAULT);
	KUNIT_EXPECT_EQ(test, guest_other_task(g, device_read_word), -EPERM);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 1);
}

static void restart(struct lguest *lg)
{
	lg_restart(lg);
}

static void no_reason_to_restart(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->vcpu->run = restart;
	KUNIT_EXPECT_EQ(test, device_read_word(g), -ERESTART);
	KUNIT_EXPECT_EQ(test, device_read_word(g), -ERESTART);
	KUNIT_EXPECT_EQ(test, device_write(g, LHREQ_IRQ, 1), -ENOENT);
}

static ssize_t initialize(struct guest *g)
{
	return device_write(g, LHREQ_INITIALIZE, g->memory, PAGES, CODE);
}

static ssize_t raise_irq(struct guest *g)
{
	return device_write(g, LHREQ_IRQ, 3);
}

static ssize_t tie_eventfd(struct guest *g)
{
	int fd = guest_eventfd(g);
	ssize_t ret = device_write(g, LHREQ_EVENTFD, 0x89abc001, fd);

	sys_close(fd);
	return ret;
}

static ssize_t get_register(struct guest *g)
{
	return device_write(g, LHREQ_GETREG, 0);
}

static ssize_t set_register(struct guest *g)
{
	return device_write(g, LHREQ_SETREG, 0, 1);
}

static ssize_t inject_trap(struct guest *g)
{
	return device_write(g, LHREQ_TRAP, 13);
}

/* Only its own task may use the vCPU. Everybody may speak to the guest. */
static void other_tasks(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs was = *g->lg->regs;

	guest_hypercall(g, LOAD_IDT_ENTRY, 13, 0x611300, 0x8e00);
	was = *g->lg->regs;
	KUNIT_EXPECT_EQ(test, guest_other_task(g, device_read_word), -EPERM);
	KUNIT_EXPECT_EQ(test, guest_other_task(g, get_register), -EPERM);
	KUNIT_EXPECT_EQ(test, guest_other_task(g, set_register), -EPERM);
	KUNIT_EXPECT_EQ(test, guest_other_task(g, inject_trap), -EPERM);
	KUNIT_EXPECT_EQ(test, guest_other_task(g, initialize), -EBUSY);
	KUNIT_EXPECT_EQ(test, memcmp(g->lg->regs, &was, sizeof(was)), 0);
	KUNIT_EXPECT_FALSE(test, g->lg->reg_wanted);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 0);

	KUNIT_EXPECT_EQ(test, guest_other_task(g, raise_irq), 0);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, BIT(3));
	KUNIT_EXPECT_EQ(test, guest_other_task(g, tie_eventfd), 0);
	g->lg->vcpu->run = notify;
	expect_word(g, 0x89abc002);
}

/* An exec leaves the file and the task alone; all requests must be refused then. */
static void expect_all_refused(struct guest *g)
{
	static ssize_t (*const acts[])(struct guest *g) = {
		device_read_word, initialize, raise_irq, tie_eventfd,
		get_register, set_register, inject_trap,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(acts); i++)
		KUNIT_EXPECT_EQ(g->test, guest_other_memory(g, acts[i]), -EPERM);
}

static void other_memory(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->vcpu->run = notify;
	expect_all_refused(g);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 0);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, 0);
	KUNIT_EXPECT_TRUE(test, xa_empty(&g->lg->eventfds));
	expect_word(g, 0x89abc001);
	lg_kill(g->lg, "of age");
	expect_all_refused(g);
}

/* Launchers give up rights once they have made the guest. */
static void other_credentials(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->vcpu->run = notify;
	KUNIT_EXPECT_EQ(test, guest_other_credentials(g, device_read_word),
			WORD);
	KUNIT_EXPECT_EQ(test, guest_other_credentials(g, raise_irq), 0);
	KUNIT_EXPECT_EQ(test, guest_other_credentials(g, tie_eventfd), 0);
	KUNIT_EXPECT_EQ(test, guest_other_credentials(g, set_register), 0);
	KUNIT_EXPECT_EQ(test, guest_other_credentials(g, initialize), -EBUSY);
}

static struct kunit_case read_cases[] = {
	KUNIT_CASE_PARAM(read_notify, size_gen_params),
	KUNIT_CASE(read_to_nowhere),
	KUNIT_CASE(read_port_access),
	KUNIT_CASE_PARAM(read_register, size_gen_params),
	KUNIT_CASE(signals),
	KUNIT_CASE(reason),
	KUNIT_CASE(no_reason_to_restart),
	KUNIT_CASE(other_tasks),
	KUNIT_CASE(other_memory),
	KUNIT_CASE(other_credentials),
	{}
};

static struct kunit_suite read_suite = {
	.name = "lguest_read",
	.init = start,
	.exit = device_close,
	.test_cases = read_cases,
};

kunit_test_suite(read_suite);
