// SPDX-License-Identifier: GPL-2.0
/*
 * A guest's memory is its Launcher's. So the host may swap it out, migrate, merge
 * and limit it, and collapse it into huge pages, all under a running guest.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/lguest_launcher.h>
#include <linux/mempolicy.h>
#include "test.h"

#define PAGE		4096
#define HUGE		(2 << 20)
#define ROUNDS		20

/* How long the guest waits between its rounds */
#define PAUSE		0x4000
/* What the guest looks after: pages that stay the same, and those that don't */
#define SAME		0x10000
#define CHANGING	0x200000
#define END		0x400000

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

/*
 * In each round (edi) all of SAME holds ebx. One page of it holds something else
 * for a moment; the next one must not show that even if the host has merged them.
 * All of CHANGING holds the round. A guest that finds something else tells its
 * Launcher. Between rounds it lets the host have some time with what it has
 * touched.
 */
GUEST(patrol, G_INIT
	"mov $0x5a5a5a5a, %ebx\n"
	"xor %edi, %edi\n"
	"1: mov $0x10000, %esi\n"
	"2: cmp %ebx, (%esi)\n"
	"jne 9f\n"
	"add $0x1000, %esi\n"
	"cmp $0x200000, %esi\n"
	"jb 2b\n"
	"mov %edi, %esi\n"
	"and $0xff, %esi\n"
	"shl $12, %esi\n"
	"mov %edi, 0x10000(%esi)\n"
	"cmp %ebx, 0x11000(%esi)\n"
	"jne 9f\n"
	"mov %ebx, 0x10000(%esi)\n"
	"mov $0x200000, %esi\n"
	"3: cmp %edi, (%esi)\n"
	"jne 9f\n"
	"incl (%esi)\n"
	"add $0x1000, %esi\n"
	"cmp $0x400000, %esi\n"
	"jb 3b\n"
	"inc %edi\n"
	"incl 0x3000\n"
	"mov 0x4000, %ecx\n"
	"4: dec %ecx\n"
	"jnz 4b\n"
	"jmp 1b\n"
	"9: " G_NOTIFY(0x123000) G_FOREVER);
/* Touches all that it has, and then once more */
GUEST(glutton, "1: mov $0x10000, %esi\n"
	"2: incl (%esi)\n"
	"add $0x1000, %esi\n"
	"cmp $0x4000000, %esi\n"
	"jb 2b\n"
	"incl 0x3000\n"
	"jmp 1b\n");

static void *runner(void *arg)
{
	struct guest *g = arg;
	unsigned long addr = 0;
	ssize_t n;

	need(lg_write(g->fd, LHREQ_INITIALIZE, (unsigned long)g->mem, PAGES,
		      CODE) > 0);
	do {
		n = read(g->fd, &addr, sizeof(addr));
	} while (n < 0 && errno == EINTR);
	expect(false, "the guest came back: %zd (%m), %#lx", n, addr);
	return NULL;
}

/* Starts a guest of 4 MiB on its rounds. Its memory begins where huge pages may. */
static void start(struct guest *g)
{
	pthread_t thread;
	char *room;
	int i;

	room = mmap(NULL, PAGES * PAGE + HUGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	need(room != MAP_FAILED);
	room += -(unsigned long)room % HUGE;
	/* EINVAL: the kernel has none to keep away. */
	need(!madvise(room, PAGES * PAGE, MADV_NOHUGEPAGE) || errno == EINVAL);
	g->mem = room;
	guest_code(g->mem, patrol, patrol_end);
	/* A host that watches itself is slower, and the guest is not. */
	*(int *)(g->mem + PAUSE) = 10000000 * patience() * patience();
	for (i = SAME; i < CHANGING; i += PAGE)
		memset(g->mem + i, 0x5a, PAGE);
	memset(g->mem + CHANGING, 0, END - CHANGING);
	g->fd = lg_open();
	need(!pthread_create(&thread, NULL, runner, g));
	need(counts(g));
}

static void swapped_out(void)
{
	long out = number("/proc/vmstat", "pswpout ");
	long in = number("/proc/vmstat", "pswpin ");
	struct guest g;
	int i, again;

	harms("it swaps");
	if (number("/proc/meminfo", "SwapTotal:") <= 0)
		skip("there is no swap space");
	start(&g);
	for (i = 0; i < ROUNDS; i++) {
		/* MADV_PAGEOUT keeps what was touched since the last time. */
		for (again = 0; again < 3; again++)
			need(!madvise(g.mem, PAGES * PAGE, MADV_PAGEOUT));
		expect(counts(&g));
	}
	out = number("/proc/vmstat", "pswpout ") - out;
	in = number("/proc/vmstat", "pswpin ") - in;
	printf("# %ld pages went out, %ld came in\n", out, in);
	expect(out > PAGES && in > PAGES);
}

static void migrated(void)
{
	static void *pages[PAGES];
	static int node[PAGES], status[PAGES];
	struct guest g;
	long moved = 0;
	int i, p;

	if (access("/sys/devices/system/node/node1", F_OK))
		skip("there is one NUMA node");
	start(&g);
	for (i = 0; i < ROUNDS; i++) {
		for (p = 0; p < PAGES; p++) {
			pages[p] = g.mem + p * PAGE;
			node[p] = i & 1;
		}
		need(syscall(SYS_move_pages, 0, PAGES, pages, node, status,
			     MPOL_MF_MOVE) >= 0);
		expect(counts(&g));
		for (p = 0; i && p < PAGES; p++)
			moved += status[p] == (i & 1);
	}
	printf("# %ld pages moved\n", moved);
	expect(moved > PAGES);
}

/* Makes room with holes, for the rest to be moved into. */
static void make_holes(void)
{
	enum { ROOM = 64 << 20 };
	char *room;
	int p;

	room = mmap(NULL, ROOM, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	need(room != MAP_FAILED);
	for (p = 0; p < ROOM; p += 2 * PAGE)
		need(!madvise(room + p, PAGE, MADV_DONTNEED));
}

static void compacted(void)
{
	long before = number("/proc/vmstat", "pgmigrate_success "), moved = 0;
	struct guest g;
	int i, tries;

	harms("it has all memory compacted, many times");
	start(&g);
	/* Once or twice, there may be nothing above what it looks at. */
	for (tries = 0; !moved && tries < 5; tries++) {
		make_holes();
		for (i = 0; i < ROUNDS; i++) {
			need(put("/proc/sys/vm/compact_memory", "1"));
			expect(counts(&g));
		}
		moved = number("/proc/vmstat", "pgmigrate_success ") - before;
	}
	printf("# %ld pages moved\n", moved);
	expect(moved > 0);
}

#define KSM	"/sys/kernel/mm/ksm/"

static long ksm(const char *what)
{
	char name[64];

	snprintf(name, sizeof(name), KSM "%s", what);
	return number(name, "");
}

/* The host may have to copy all its pages first, and merge them again at once. */
static bool counts_at_length(struct guest *g)
{
	return counts(g) || counts(g) || counts(g);
}

static void merged(void)
{
	struct guest g;
	long scans;
	int i;

	harms("it changes the settings of KSM");
	if (access(KSM "run", F_OK))
		skip("the kernel merges no pages");
	start(&g);
	need(!madvise(g.mem, PAGES * PAGE, MADV_MERGEABLE));
	need(put(KSM "pages_to_scan", "500"));
	need(put(KSM "sleep_millisecs", "5"));
	need(put(KSM "run", "1"));
	/* However long it takes: each scan has seen all pages of the guest's. */
	scans = ksm("full_scans") + 1000;
	while (ksm("pages_sharing") < 100 && ksm("full_scans") < scans)
		sleep_ms(10);
	printf("# %ld pages share %ld\n", ksm("pages_sharing"),
	       ksm("pages_shared"));
	expect(ksm("pages_sharing") >= 100);
	/* The host takes apart what the guest writes to, and merges it again. */
	for (i = 0; i < 5; i++) {
		expect(counts_at_length(&g));
		sleep_ms(20);
	}
	/* Take all of them apart. */
	need(put(KSM "run", "2"));
	expect(counts_at_length(&g));
	expect(!ksm("pages_sharing"));
	need(put(KSM "run", "0"));
}

static void collapsed(void)
{
	struct guest g;
	long kb, most = 0;
	int i;

	start(&g);
	if (madvise(g.mem, PAGES * PAGE, MADV_HUGEPAGE) && errno == EINVAL)
		skip("the kernel has no huge pages");
	for (i = 0; i < ROUNDS; i++) {
		if (madvise(g.mem, PAGES * PAGE, MADV_COLLAPSE) && errno == EINVAL)
			skip("the kernel makes no huge pages when asked");
		kb = number("/proc/self/smaps_rollup", "AnonHugePages:");
		if (kb > most)
			most = kb;
		expect(counts(&g));
		/* A hole takes it apart. The guest has no use for that page. */
		need(!madvise(g.mem + SAME - PAGE, PAGE, MADV_DONTNEED));
		expect(counts(&g));
	}
	printf("# up to %ld KiB were huge\n", most);
	expect(most >= HUGE / 1024);
}

#define CGROUP	CGROUPS "/limited"

static void run_glutton(void *arg)
{
	struct guest *g = arg;
	char reason[256] = "";

	need(put(CGROUP "/cgroup.procs", "0"));
	g->mem = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	need(g->mem != MAP_FAILED);
	guest_code(g->mem, glutton, glutton_end);
	g->fd = lg_open();
	need(lg_write(g->fd, LHREQ_INITIALIZE, (unsigned long)g->mem,
		      (64 << 20) / PAGE, CODE) > 0);
	/* It has no reason to come back. */
	read(g->fd, reason, sizeof(reason));
	read(g->fd, reason, sizeof(reason));
	expect(false, "%m: %s", reason);
}

static long killed(void)
{
	return number(CGROUP "/memory.events", "oom_kill ");
}

/* What a guest touches is charged to its Launcher, like what that allocates. */
static void limited(void)
{
	struct guest g;
	int status;
	pid_t pid;

	harms("it has the kernel kill for want of memory");
	need_cgroups("memory");
	need(!mkdir(CGROUP, 0755));
	need(put(CGROUP "/memory.max", "16777216"));
	need(put(CGROUP "/memory.swap.max", "0"));

	pid = spawn(run_glutton, &g);
	need(pid > 0);
	expect(wait_for(pid, &status, SOON), "%s",
	       slurp(CGROUP "/memory.events"));
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%#x",
	       status);
	expect(killed() == 1, "%ld", killed());
	need(!rmdir(CGROUP));
}

int main(void)
{
	static const struct test_case cases[] = {
		CASE(swapped_out),
		CASE(migrated),
		CASE(compacted),
		CASE(merged),
		CASE(collapsed),
		CASE(limited),
	};

	return RUN_CASES(cases);
}
