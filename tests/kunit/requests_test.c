// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>

#include "../../include/uapi/linux/lguest_launcher.h"
#include "lib/guest.h"

#define WORD	sizeof(unsigned long)

static ssize_t initialize(struct guest *g)
{
	return guest_request(g, LHREQ_INITIALIZE, g->memory, PAGES, 0x100000);
}

static void initialize_sets_the_boot_state(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs *regs;

	KUNIT_ASSERT_EQ(test, initialize(g), 3 * WORD);
	KUNIT_EXPECT_TRUE(test, g->lg->initialized);
	KUNIT_EXPECT_PTR_EQ(test, g->lg->task, current);
	KUNIT_EXPECT_PTR_EQ(test, g->lg->mm, g->mm);
	KUNIT_EXPECT_EQ(test, g->lg->base, g->memory);
	KUNIT_EXPECT_EQ(test, g->lg->pfn_limit, PAGES);
	regs = g->lg->regs;
	KUNIT_EXPECT_EQ(test, regs->eip, 0x100000);
	KUNIT_EXPECT_EQ(test, regs->eax | regs->ebx | regs->ecx | regs->edx |
			regs->esi | regs->edi | regs->ebp, 0);
	KUNIT_EXPECT_EQ(test, regs->cs, 0x61);
	KUNIT_EXPECT_EQ(test, regs->ss, 0x69);
	KUNIT_EXPECT_EQ(test, regs->ds, 0x69);
	KUNIT_EXPECT_EQ(test, regs->es, 0x69);
	KUNIT_EXPECT_EQ(test, g->lg->mmu.root->gpa, LG_IDENTITY);
	EXPECT_ALIVE(g);
}

static void initialize_twice(struct kunit *test)
{
	struct guest *g = test->priv;

	KUNIT_ASSERT_EQ(test, initialize(g), 3 * WORD);
	KUNIT_EXPECT_EQ(test, initialize(g), -EBUSY);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_INITIALIZE, 1, 0, 0),
			-EBUSY);
	EXPECT_ALIVE(g);
}

static void initialize_with_device_pages(struct kunit *test)
{
	struct guest *g = test->priv;

	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_INITIALIZE, g->memory,
					    PAGES, CODE, 0x1234), 3 * WORD);
	KUNIT_EXPECT_EQ(test, g->lg->pfn_limit, PAGES);
	KUNIT_EXPECT_EQ(test, g->lg->device_limit, 0x1234);
}

static void initialize_with_more_words(struct kunit *test)
{
	struct guest *g = test->priv;

	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_INITIALIZE, g->memory,
					    PAGES, CODE, 0x1234, 0), 3 * WORD);
	KUNIT_EXPECT_EQ(test, g->lg->device_limit, PAGES);
}

static void initialize_without_host_memory(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int budget;

	for (budget = 0; budget < 2; budget++) {
		fake_cpu_budget = budget;
		KUNIT_EXPECT_EQ(test, initialize(g), -ENOMEM);
		KUNIT_EXPECT_EQ(test, fake_cpu_allocated, 0);
		KUNIT_EXPECT_FALSE(test, g->lg->initialized);
		KUNIT_EXPECT_EQ(test, g->lg->mmu.tables, 0);
	}
	fake_cpu_budget = UINT_MAX;
	KUNIT_EXPECT_EQ(test, initialize(g), 3 * WORD);
}

struct geometry_case {
	const char *name;
	unsigned long base, pages, start;
	int err;
	unsigned long device_pages;	/* 0 for none */
};

static const struct geometry_case geometry_cases[] = {
	{ "one page", 0x40000000, 1, 0, 0 },
	{ "base 0", 0, 1, 0, 0 },
	{ "4 GiB", 0x40000000, 0x100000, 0, 0 },
	{ "start at the top", 0x40000000, 1, 0xffffffff, 0 },
	{ "no page", 0x40000000, 0, 0, -EINVAL },
	{ "4 GiB and a page", 0x40000000, 0x100001, 0, -EINVAL },
	{ "2^32 pages", 0x40000000, 1UL << 32, 0, -EINVAL },
	{ "2^52 pages and one", 0x40000000, (1UL << 52) + 1, 0, -EINVAL },
	{ "pages without end", 0x40000000, ~0UL, 0, -EINVAL },
	{ "start beyond 4 GiB", 0x40000000, 1, 1UL << 32, -EINVAL },
	{ "start without end", 0x40000000, 1, ~0UL, -EINVAL },
	{ "base in a page", 0x40000004, 1, 0, -EINVAL },
	{ "base in the kernel", 1UL << 63, 1, 0, -EINVAL },
	{ "base non-canonical", 1UL << 60, 1, 0, -EINVAL },
	{ "end wraps", -0x2000UL, 3, 0, -EINVAL },
	{ "a device page", 0x40000000, 5, 0, 0, 6 },
	{ "devices up to 4 GiB", 0x40000000, 5, 0, 0, 0x100000 },
	{ "devices in memory", 0x40000000, 5, 0, -EINVAL, 4 },
	{ "devices beyond 4 GiB", 0x40000000, 5, 0, -EINVAL, 0x100001 },
	{ "devices without end", 0x40000000, 5, 0, -EINVAL, ~0UL },
};

static void describe(const struct geometry_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(geometry, geometry_cases, describe);

static void geometry(struct kunit *test)
{
	const struct geometry_case *c = test->param_value;
	struct guest *g = test->priv;

	KUNIT_EXPECT_EQ(test, lg_check_geometry(c->base, c->pages, c->start,
						c->device_pages ?: c->pages),
			c->err);
	KUNIT_EXPECT_EQ(test, c->device_pages ?
			guest_request(g, LHREQ_INITIALIZE, c->base, c->pages,
				      c->start, c->device_pages) :
			guest_request(g, LHREQ_INITIALIZE, c->base, c->pages,
				      c->start), c->err ?: 3 * WORD);
	KUNIT_EXPECT_EQ(test, g->lg->initialized, !c->err);
	/* After a mistake, the file is still good. */
	if (c->err)
		KUNIT_EXPECT_EQ(test, initialize(g), 3 * WORD);
}

static const unsigned long bad_requests[] = {
	LHREQ_GETDMA, LHREQ_BREAK, 8, 9, 1UL << 32, ~0UL,
};

static void unknown_requests(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < ARRAY_SIZE(bad_requests); i++)
			KUNIT_EXPECT_EQ(test,
					guest_request(g, bad_requests[i], 1, 2,
						      3), -EINVAL);
		initialize(g);
	}
	EXPECT_ALIVE(g);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, 0);
}

static void requests_before_initialize(struct kunit *test)
{
	struct guest *g = test->priv;
	int fd = guest_eventfd(g);

	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_IRQ, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_EVENTFD, 0x1000, fd),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_GETREG, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_SETREG, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_TRAP, 13), -EINVAL);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, 0);
	sys_close(fd);
}

struct short_case {
	unsigned long request;
	unsigned int words;
};

static const struct short_case short_cases[] = {
	{ LHREQ_INITIALIZE, 3 }, { LHREQ_IRQ, 1 }, { LHREQ_EVENTFD, 2 },
	{ LHREQ_GETREG, 1 }, { LHREQ_SETREG, 2 }, { LHREQ_TRAP, 1 },
};

static void describe_short(const struct short_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "request %lu", c->request);
}

KUNIT_ARRAY_PARAM(short, short_cases, describe_short);

static void short_writes(struct kunit *test)
{
	const struct short_case *c = test->param_value;
	struct guest *g = test->priv;
	const unsigned long words[4] = { c->request, 0x40000000, 1, 0 };
	size_t size;

	if (c->request != LHREQ_INITIALIZE)
		initialize(g);
	for (size = 0; size < (1 + c->words) * WORD; size++)
		KUNIT_EXPECT_EQ(test, guest_write(g, words, size), -EINVAL);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, 0);
}

/* The words end where the page does, and what follows is not there. */
static void unreadable_words(struct kunit *test)
{
	const struct short_case *c = test->param_value;
	struct guest *g = test->priv;
	char __user *end = (char __user *)g->words + PAGE_SIZE;
	unsigned int i;

	if (c->request != LHREQ_INITIALIZE)
		initialize(g);
	for (i = 0; i <= c->words; i++) {
		char __user *buf = end - i * WORD;

		if (i)
			put_user(c->request, (unsigned long __user *)buf);
		KUNIT_EXPECT_EQ(test, lg_request(g->lg, buf,
						 (1 + c->words) * WORD),
				-EFAULT);
	}
	KUNIT_EXPECT_EQ(test, lg_request(g->lg, (char __user *)(1UL << 63),
					 (1 + c->words) * WORD), -EFAULT);
	EXPECT_ALIVE(g);
}

/* What follows a request's words means nothing, except for INITIALIZE. */
static void long_writes(struct kunit *test)
{
	struct guest *g = test->priv;
	int fd = guest_eventfd(g);

	initialize(g);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_IRQ, 1, 2, 3), 0);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, BIT(1));
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_EVENTFD, 0x1000, fd, 0),
			0);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_SETREG, 0, 5, 6), 0);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_GETREG, 0, 4), 0);
	KUNIT_EXPECT_EQ(test, g->lg->reg_value, 5);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_TRAP, 13, 0), -EINVAL);
	EXPECT_ALIVE(g);
	sys_close(fd);
}

static void irq_range(struct kunit *test)
{
	static const unsigned long bad[] = {
		32, 33, 64, 0x80000000, 1UL << 32, (1UL << 32) + 1, ~0UL,
	};
	struct guest *g = test->priv;
	unsigned int i;

	initialize(g);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_IRQ, bad[i]),
				-EINVAL);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, 0);
	for (i = 0; i < 32; i++) {
		KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_IRQ, i), 0);
		KUNIT_EXPECT_EQ(test, g->lg->irqs_pending,
				GENMASK_ULL(i, 0));
	}
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_IRQ, 5), 0);
	KUNIT_EXPECT_TRUE(test, lg_irqs_are_new(g->lg));
}

static void eventfd_errors(struct kunit *test)
{
	struct guest *g = test->priv;
	int fd = guest_eventfd(g), closed = guest_eventfd(g);

	initialize(g);
	sys_close(closed);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_EVENTFD, 0, fd), -EINVAL);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_EVENTFD, 1UL << 32, fd),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_EVENTFD, 0x1000, closed),
			-EBADF);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_EVENTFD, 0x1000, -1),
			-EBADF);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_EVENTFD, 0x1000,
					    (1UL << 32) + fd), -EBADF);
	KUNIT_EXPECT_TRUE(test, xa_empty(&g->lg->eventfds));
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_EVENTFD, 0x1000, fd), 0);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_EVENTFD, 0xffffffff, fd),
			0);
	sys_close(fd);
}

static void dead_guest(struct kunit *test)
{
	struct guest *g = test->priv;
	int fd = guest_eventfd(g);

	initialize(g);
	lg_kill(g->lg, "for %s", "a test");
	lg_kill(g->lg, "too late");
	lg_restart(g->lg);
	EXPECT_REASON(g, "for a test");
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_IRQ, 1), -ENOENT);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_EVENTFD, 0x1000, fd),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_GETREG, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_SETREG, 0, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_TRAP, 13), -ENOENT);
	KUNIT_EXPECT_EQ(test, initialize(g), -EBUSY);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_BREAK, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, 0);
	sys_close(fd);
}

static void long_reason_is_cut(struct kunit *test)
{
	struct guest *g = test->priv;

	initialize(g);
	lg_kill(g->lg, "%300d", 1);
	KUNIT_EXPECT_EQ(test, strnlen(g->lg->reason, LG_REASON_LEN),
			LG_REASON_LEN - 1);
}

static struct kunit_case requests_cases[] = {
	KUNIT_CASE(initialize_sets_the_boot_state),
	KUNIT_CASE(initialize_twice),
	KUNIT_CASE(initialize_with_device_pages),
	KUNIT_CASE(initialize_with_more_words),
	KUNIT_CASE(initialize_without_host_memory),
	KUNIT_CASE_PARAM(geometry, geometry_gen_params),
	KUNIT_CASE(unknown_requests),
	KUNIT_CASE(requests_before_initialize),
	KUNIT_CASE_PARAM(short_writes, short_gen_params),
	KUNIT_CASE_PARAM(unreadable_words, short_gen_params),
	KUNIT_CASE(long_writes),
	KUNIT_CASE(irq_range),
	KUNIT_CASE(eventfd_errors),
	KUNIT_CASE(dead_guest),
	KUNIT_CASE(long_reason_is_cut),
	{}
};

static struct kunit_suite requests_suite = {
	.name = "lguest_requests",
	.init = guest_open,
	.exit = guest_free,
	.test_cases = requests_cases,
};

kunit_test_suite(requests_suite);
