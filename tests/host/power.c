// SPDX-License-Identifier: GPL-2.0
/*
 * CPUs that go away and come back, and a machine that sleeps and wakes up, while
 * guests run. The guests must notice nothing of it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>
#include <linux/lguest_launcher.h>
#include "test.h"

#define GUESTS	4
#define TICKS	(GUESTS - 1)

/*
 * One computes, one exits all the time, one keeps SSE registers, one sleeps except
 * for a millisecond's clock. Each stops counting if something that it keeps has
 * changed.
 */
GUEST(count, "xor %ecx, %ecx\n"
	"1: incl 0x3000\ninc %ecx\ncmp %ecx, 0x3000\nje 1b\n2: jmp 2b\n");
GUEST(busy, G_INIT "1: incl 0x3000\n" G_NOTIFY(0x456000) "jmp 1b");
GUEST(sse, "mov $0xc0ffee, %eax\nmovd %eax, %xmm3\n"
	"1: movd %xmm3, %ebx\ncmp %eax, %ebx\njne 2f\nincl 0x3000\njmp 1b\n"
	"2: jmp 2b\n");
GUEST(ticks, "mov $0x9000, %esp\n" G_INIT
	"mov $0x00611100, %ecx\nmov $0x8e00, %edx\n" G_HCALL(6, 32)
	G_HCALL(9, 1000000)
	"1:" G_HCALL(10, 0) "jmp 1b\n"
	"\n.org ticks + 0x100\npush %eax\npush %ebx\nincl 0x3000\n"
	G_HCALL(9, 1000000)
	"pop %ebx\npop %eax\nmovl $0x200, 0x2000\niret\n");

static void run_for_ever(void *arg)
{
	struct guest *g = arg;
	unsigned long addr;

	g->fd = lg_open();
	need(lg_write(g->fd, LHREQ_INITIALIZE, (unsigned long)g->mem, PAGES,
		      CODE) > 0);
	for (;;)
		if (read(g->fd, &addr, sizeof(addr)) < 0)
			break;
	expect(false, "the guest ended: %m");
}

static void launch(struct guest *g)
{
	static const struct { const char *code, *end; } kinds[GUESTS] = {
		{ count, count_end }, { busy, busy_end }, { sse, sse_end },
		{ ticks, ticks_end },
	};
	int i;

	for (i = 0; i < GUESTS; i++) {
		g[i].mem = guest_memory(kinds[i].code, kinds[i].end,
					MAP_SHARED);
		need(spawn(run_for_ever, &g[i]) > 0);
	}
}

static bool all_count(struct guest *g)
{
	int i;

	for (i = 0; i < GUESTS; i++)
		if (!expect(counts(&g[i]), "guest %d", i))
			return false;
	return true;
}

static double wallclock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Checks the time that the host told the guest at an interrupt just now. */
static void clock_is_right(struct guest *g)
{
	const volatile int *time = (int *)(g->mem + DATA + 12);
	double before = wallclock(), its, after;
	int sec, nsec;

	/* The first that is counted may have been under way already. */
	need(counts(g) && counts(g));
	do {
		sec = time[0];
		nsec = time[1];
	} while (sec != time[0] || nsec != time[1]);
	after = wallclock();
	its = sec + nsec / 1e9;
	expect(before <= its && its <= after, "%.6f, %.6f, %.6f", before, its,
	       after);
}

static void cpus_go_and_come(void)
{
	static const char cpu1[] = "/sys/devices/system/cpu/cpu1/online";
	struct guest g[GUESTS];
	int i;

	if (access(cpu1, W_OK))
		skip("there is only one CPU");
	launch(g);
	for (i = 0; i < 10; i++) {
		need(put(cpu1, "0"));
		if (!all_count(g))
			break;
		need(put(cpu1, "1"));
		if (!all_count(g))
			break;
	}
	put(cpu1, "1");
	clock_is_right(&g[TICKS]);
}

/* Sleeps as far as this level of the kernel's own tests of it. */
static void sleep_as_far_as(const char *level)
{
	struct guest g[GUESTS];

	if (!put("/sys/power/pm_test", level))
		skip("the kernel has no pm_test");
	need(put("/sys/module/suspend/parameters/pm_test_delay", "1"));
	/* A task that waits for a CPU is frozen late, which is no failure. */
	put("/sys/power/pm_freeze_timeout", "300000");
	launch(g);
	if (all_count(g)) {
		expect(put("/sys/power/state", "mem"), "%m");
		if (all_count(g))
			clock_is_right(&g[TICKS]);
	}
	put("/sys/power/pm_test", "none");
}

static void sleep_freezer(void)
{
	sleep_as_far_as("freezer");
}

static void sleep_devices(void)
{
	sleep_as_far_as("devices");
}

static void sleep_processors(void)
{
	sleep_as_far_as("processors");
}

static void sleep_core(void)
{
	sleep_as_far_as("core");
}

/* Really, until the alarm. All CPUs but one are off, and that one forgets all. */
static void sleep_to_memory(void)
{
	static const char alarm[] = "/sys/class/rtc/rtc0/wakealarm";
	struct guest g[GUESTS];

	if (!put("/sys/power/mem_sleep", "deep") || access(alarm, W_OK))
		skip("the machine has no S3, or nothing that ends it");
	put("/sys/power/pm_test", "none");
	launch(g);
	if (all_count(g)) {
		/* The alarm must not come before the machine sleeps. */
		need(put(alarm, "+30"));
		expect(put("/sys/power/state", "mem"), "%m");
		if (all_count(g))
			clock_is_right(&g[TICKS]);
	}
}

/* Apart, so that one can run the one or the other */
int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		CASE(cpus_go_and_come),
	};
	static const struct test_case sleep_cases[] = {
		CASE(sleep_freezer),
		CASE(sleep_devices),
		CASE(sleep_processors),
		CASE(sleep_core),
	};
	static const struct test_case deep_cases[] = {
		CASE(sleep_to_memory),
	};

	if (argc == 2 && !strcmp(argv[1], "sleep"))
		return RUN_CASES(sleep_cases);
	if (argc == 2 && !strcmp(argv[1], "deep"))
		return RUN_CASES(deep_cases);
	return RUN_CASES(cases);
}
