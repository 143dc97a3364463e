// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation that the host makes for a guest fails once. Then the request
 * says ENOMEM, or the guest dies and its reason says why, or the host finds another
 * way. In each case nothing is lost, and the next attempt succeeds. Needs a kernel
 * with fault injection, and kmemleak to see what is lost.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <linux/lguest_launcher.h>
#include "test.h"

#define DEBUGFS	"/sys/kernel/debug/"

/* More than anything here needs */
#define ALLOCATIONS_MAX	500

/* A node of the kernel's XArrays */
#define NODE_SIZE	576

/* Where the guest below has its tables */
#define DIRECTORY	0x5000
#define TABLE		0x6000

/*
 * Uses pages from the host first, then page tables of its own (DIRECTORY, where
 * entry 768 is its kernel's), and touches memory at both ends of what they map.
 */
GUEST(touch, G_INIT
	"incl 0x3000\n"
	G_HCALL(4, 0x5000)
	"incl 0x3000\n"
	"incl 0x300000\n"
	"incl 0xc0003000\n"
	"incl 0xc0300000\n"
	G_HCALL(4, 0x7000)
	"incl 0xc0003000\n"
	"incl 0x200000\n"
	"1: incl 0x3000\n"
	G_NOTIFY(0x456000)
	G_NOTIFY(0x123000) "jmp 1b\n");

static int fail_nth = -1;

/*
 * Let the n-th allocation of this process from here on fail; 0 turns that off. The
 * file is open before anything fails, lest opening it does.
 */
static void set_fail_nth(int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	need(pwrite(fail_nth, text, len, 0) == len);
}

/* Whether that allocation has failed. Turns it off in any case. */
static bool has_failed(void)
{
	char text[16] = "";
	int saved = errno;

	need(pread(fail_nth, text, sizeof(text) - 1, 0) > 0);
	set_fail_nth(0);
	errno = saved;
	return !atoi(text);
}

static void prepare(void)
{
	fail_nth = open("/proc/self/fail-nth", O_RDWR);
	if (fail_nth < 0)
		skip("the kernel has no fault injection");
	/* Those that may wait, and the smallest, have to fail, too; silently */
	need(put(DEBUGFS "failslab/ignore-gfp-wait", "N"));
	need(put(DEBUGFS "failslab/verbose", "0"));
	need(put(DEBUGFS "failslab/cache-filter", "N"));
	need(put(DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N"));
	need(put(DEBUGFS "fail_page_alloc/min-order", "0"));
	need(put(DEBUGFS "fail_page_alloc/verbose", "0"));
}

/* Has all memory there, so that no fault of the host's own is in the way. */
static void populate(struct guest *g)
{
	unsigned int *pde, *pte;
	int i;

	g->mem = guest_memory(touch, touch_end, MAP_PRIVATE | MAP_POPULATE);
	pte = (unsigned int *)(g->mem + TABLE);
	for (i = 0; i < 1024; i++)
		pte[i] = i << 12 | 3;
	pde = (unsigned int *)(g->mem + DIRECTORY);
	pde[0] = TABLE | 3;
	pde[768] = TABLE | 3;
	memcpy(g->mem + 0x7000, pde, 4096);
}

static long initialize(struct guest *g)
{
	return lg_write(g->fd, LHREQ_INITIALIZE, (unsigned long)g->mem, PAGES,
			CODE);
}

static ssize_t run(struct guest *g)
{
	unsigned long addr;

	return read(g->fd, &addr, sizeof(addr));
}

/* A guest that goes on after a failure has to work. */
static void works(struct guest *g, int n)
{
	unsigned int was = counter(g);

	/* Two notifications to each round */
	expect(run(g) > 0 && run(g) > 0, "after %d: %m", n);
	expect(counter(g) != was, "after %d", n);
}

static void end(struct guest *g)
{
	close(g->fd);
	munmap(g->mem, PAGES * 4096);
}

/* What is tried while its n-th allocation fails, and what came of that */
struct trial {
	int n;
	struct guest g;
	int efd;
	bool failed;
	long ret;
	int err;
};

/*
 * For each allocation of @act's, until there are no more: calls @before, then @act
 * with that allocation failing, then @after. Return: how often @act failed.
 */
static int fail_each(void (*before)(struct trial *t),
		     long (*act)(struct trial *t),
		     void (*after)(struct trial *t))
{
	struct trial t = { .failed = true };
	int failures = 0;

	prepare();
	for (t.n = 1; t.failed && t.n < ALLOCATIONS_MAX; t.n++) {
		before(&t);
		set_fail_nth(t.n);
		t.ret = act(&t);
		t.err = errno;
		t.failed = has_failed();
		failures += t.ret < 0;
		after(&t);
	}
	expect(!t.failed);
	printf("# %d of %d failed\n", failures, t.n - 2);
	return failures;
}

static void expect_failed(struct trial *t, int err)
{
	expect(t->failed && t->err == err, "%d: %s", t->n,
	       strerrorname_np(t->err));
}

static void before_open(struct trial *t)
{
	(void)t;
}

static long act_open(struct trial *t)
{
	t->g.fd = open("/dev/lguest", O_RDWR);
	return t->g.fd;
}

static void after_open(struct trial *t)
{
	if (t->ret >= 0)
		close(t->g.fd);
	else
		expect_failed(t, t->err == ENFILE ? ENFILE : ENOMEM);
}

static void open_fails(void)
{
	expect(fail_each(before_open, act_open, after_open));
}

static void before_initialize(struct trial *t)
{
	populate(&t->g);
	t->g.fd = lg_open();
}

static long act_initialize(struct trial *t)
{
	return initialize(&t->g);
}

static void after_initialize(struct trial *t)
{
	if (t->ret < 0) {
		expect_failed(t, ENOMEM);
		need(initialize(&t->g) > 0);
	}
	works(&t->g, t->n);
	end(&t->g);
}

static void initialize_fails(void)
{
	expect(fail_each(before_initialize, act_initialize, after_initialize));
}

static void before_run(struct trial *t)
{
	before_initialize(t);
	need(initialize(&t->g) > 0);
}

static void before_eventfd(struct trial *t)
{
	before_run(t);
	t->efd = eventfd(0, EFD_NONBLOCK);
}

static long act_eventfd(struct trial *t)
{
	return lg_write(t->g.fd, LHREQ_EVENTFD, 0x456000, t->efd);
}

static void after_eventfd(struct trial *t)
{
	eventfd_t count;

	if (t->ret < 0) {
		expect_failed(t, ENOMEM);
		need(!act_eventfd(t));
	}
	works(&t->g, t->n);
	expect(!eventfd_read(t->efd, &count) && count > 0, "%d", t->n);
	close(t->efd);
	end(&t->g);
}

/* One failed allocation need not fail the request: see no_nodes(). */
static void eventfd_fails(void)
{
	fail_each(before_eventfd, act_eventfd, after_eventfd);
}

static long act_run(struct trial *t)
{
	return run(&t->g);
}

static void expect_no_memory(struct guest *g, int n)
{
	char reason[256];

	need(read(g->fd, reason, sizeof(reason)) > 1);
	expect(strstr(reason, "no memory left"), "%d: %s", n, reason);
}

static void after_run(struct trial *t)
{
	if (t->ret < 0) {
		expect_failed(t, ENOENT);
		expect_no_memory(&t->g, t->n);
	} else {
		works(&t->g, t->n);
	}
	end(&t->g);
}

/* A guest dies of it, unless there is another way. */
static void running_guest_dies(void)
{
	expect(fail_each(before_run, act_run, after_run));
}

/*
 * XArrays seldom fail because of one failure, as they try again with more effort.
 * So let all their allocations of this process fail, after the first few.
 */
static void set_no_nodes(bool on, int after)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", after * NODE_SIZE + 1);
	if (on) {
		need(put(DEBUGFS "failslab/space", text));
		need(put(DEBUGFS "failslab/times", "-1"));
		need(put(DEBUGFS "failslab/probability", "100"));
	}
	need(put("/proc/self/make-it-fail", on ? "1" : "0"));
	if (!on)
		need(put(DEBUGFS "failslab/probability", "0"));
}

static void no_nodes(void)
{
	static const char filter[] = "/sys/kernel/slab/radix_tree_node/failslab";
	int efd, after, died = 0, refused = 0, err;
	struct guest g;
	ssize_t ret = -1;

	prepare();
	if (access(filter, R_OK) || *slurp(filter) != '1')
		skip("the kernel was not told to let them fail: slub_debug=");
	need(put(DEBUGFS "failslab/cache-filter", "Y"));
	need(put(DEBUGFS "failslab/task-filter", "Y"));
	efd = eventfd(0, EFD_NONBLOCK);
	for (after = 0; ret < 0 && after < 200; after++) {
		populate(&g);
		g.fd = lg_open();
		set_no_nodes(true, after);
		ret = initialize(&g);
		err = errno;
		if (ret >= 0) {
			ret = lg_write(g.fd, LHREQ_EVENTFD, 0x456000, efd);
			err = errno;
		}
		if (ret < 0) {
			refused++;
			expect(err == ENOMEM, "%d: %s", after,
			       strerrorname_np(err));
		} else {
			ret = run(&g);
			if (ret < 0) {
				died++;
				expect_no_memory(&g, after);
			}
		}
		set_no_nodes(false, 0);
		end(&g);
	}
	put(DEBUGFS "failslab/cache-filter", "N");
	expect(ret > 0 && refused && died);
	printf("# %d refused, %d died\n", refused, died);
}

/* What all of the above has left behind */
static void nothing_is_lost(void)
{
	expect_no_leaks();
}

int main(void)
{
	static const struct test_case cases[] = {
		CASE(open_fails),
		CASE(initialize_fails),
		CASE(eventfd_fails),
		CASE(running_guest_dies),
		CASE(no_nodes),
		CASE(nothing_is_lost),
	};

	leaks_forget();
	return RUN_CASES(cases);
}
