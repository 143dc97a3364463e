// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation that the host makes for a guest fails once: whatever it was
 * for says ENOMEM, the guest's reason says why it is dead, or there was another
 * way. Either way nothing is lost, and the next attempt succeeds. Needs a kernel
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
 * Has its first pages from the host, then goes through page tables of its own
 * (DIRECTORY, where entry 768 is its kernel's) and touches memory at both ends of
 * what they map.
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
 * How many more allocations of this process succeed before one fails; 0 turns it
 * off. Open before anything fails, lest that does.
 */
static void set_fail_nth(int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	need(pwrite(fail_nth, text, len, 0) == len);
}

/* Whether it has come to that, and from here on no longer */
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
	/* What may wait for memory, and the smallest, too; and no word of it */
	need(put(DEBUGFS "failslab/ignore-gfp-wait", "N"));
	need(put(DEBUGFS "failslab/verbose", "0"));
	need(put(DEBUGFS "failslab/cache-filter", "N"));
	need(put(DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N"));
	need(put(DEBUGFS "fail_page_alloc/min-order", "0"));
	need(put(DEBUGFS "fail_page_alloc/verbose", "0"));
}

/* All of it there, so that no fault of the host's own is in the way */
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

/* A guest that goes on after a failure is a whole one. */
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

static void open_fails(void)
{
	int n, fd, err, failures = 0;
	bool failed;

	prepare();
	for (n = 1; n < ALLOCATIONS_MAX; n++) {
		set_fail_nth(n);
		fd = open("/dev/lguest", O_RDWR);
		err = errno;
		failed = has_failed();
		if (fd >= 0)
			close(fd);
		else if (expect(failed && (err == ENOMEM || err == ENFILE),
				"%d: %s", n, strerrorname_np(err)))
			failures++;
		if (!failed)
			break;
	}
	expect(n < ALLOCATIONS_MAX && failures);
	printf("# %d of %d failed\n", failures, n - 1);
}

static void initialize_fails(void)
{
	int n, err, failures = 0;
	struct guest g;
	bool failed;
	long ret;

	prepare();
	for (n = 1; n < ALLOCATIONS_MAX; n++) {
		populate(&g);
		g.fd = lg_open();
		set_fail_nth(n);
		ret = initialize(&g);
		err = errno;
		failed = has_failed();
		if (ret < 0) {
			failures++;
			expect(failed && err == ENOMEM, "%d: %s", n,
			       strerrorname_np(err));
			need(initialize(&g) > 0);
		}
		works(&g, n);
		end(&g);
		if (!failed)
			break;
	}
	expect(n < ALLOCATIONS_MAX && failures);
	printf("# %d of %d failed\n", failures, n - 1);
}

static void eventfd_fails(void)
{
	int n, err, efd, failures = 0;
	struct guest g;
	bool failed;
	eventfd_t count;
	long ret;

	prepare();
	for (n = 1; n < ALLOCATIONS_MAX; n++) {
		populate(&g);
		g.fd = lg_open();
		need(initialize(&g) > 0);
		efd = eventfd(0, EFD_NONBLOCK);
		set_fail_nth(n);
		ret = lg_write(g.fd, LHREQ_EVENTFD, 0x456000, efd);
		err = errno;
		failed = has_failed();
		if (ret < 0) {
			failures++;
			expect(failed && err == ENOMEM, "%d: %s", n,
			       strerrorname_np(err));
			need(!lg_write(g.fd, LHREQ_EVENTFD, 0x456000, efd));
		}
		works(&g, n);
		expect(!eventfd_read(efd, &count) && count > 0, "%d", n);
		close(efd);
		end(&g);
		if (!failed)
			break;
	}
	expect(n < ALLOCATIONS_MAX);
	printf("# %d of %d failed\n", failures, n - 1);
}

/* A guest dies of it, if there was no other way. */
static void running_guest_dies(void)
{
	int n, err, deaths = 0;
	char reason[256];
	struct guest g;
	bool failed;
	ssize_t ret;

	prepare();
	for (n = 1; n < ALLOCATIONS_MAX; n++) {
		populate(&g);
		g.fd = lg_open();
		need(initialize(&g) > 0);
		set_fail_nth(n);
		ret = run(&g);
		err = errno;
		failed = has_failed();
		if (ret < 0) {
			deaths++;
			expect(failed && err == ENOENT, "%d: %s", n,
			       strerrorname_np(err));
			need(read(g.fd, reason, sizeof(reason)) > 1);
			expect(strstr(reason, "no memory left"), "%d: %s", n,
			       reason);
		} else {
			works(&g, n);
		}
		end(&g);
		if (!failed)
			break;
	}
	expect(n < ALLOCATIONS_MAX && deaths);
	printf("# died of %d of %d\n", deaths, n - 1);
}

/*
 * One failure seldom fails what XArrays do, as they try again with more effort.
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
	char reason[256];
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
				need(read(g.fd, reason, sizeof(reason)) > 1);
				expect(strstr(reason, "no memory left"),
				       "%d: %s", after, reason);
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
