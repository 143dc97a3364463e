// SPDX-License-Identifier: GPL-2.0
/*
 * What happens to a guest whose Launcher dies, forks, stops, or takes its
 * memory away, and what is left behind when it is gone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <linux/lguest_launcher.h>
#include "test.h"

GUEST(count, "1: incl 0x3000\njmp 1b\n");
/* Only reads the page that others write to, until told to copy from it */
GUEST(look, "1: cmpl $0, 0x3004\nje 1b\nmov 0x3000, %eax\n"
	"mov %eax, 0x4000\n" G_INIT G_NOTIFY(0x123000) G_FOREVER);
GUEST(notify, G_INIT "1:" G_NOTIFY(0x123000) "jmp 1b");
GUEST(die, G_HCALL(7777, 0) G_FOREVER);
GUEST(busy, G_INIT "1: incl 0x3000\n" G_NOTIFY(0x456000) "jmp 1b");

static const char *module;	/* file name of lg.ko */
static const char *parameters = "";

/* Run a guest until it is dead, or has something to say */
static ssize_t run(struct guest *g)
{
	unsigned long addr;

	return read(g->fd, &addr, sizeof(addr));
}

static void run_for_ever(void *arg)
{
	struct guest *g = arg;

	for (;;)
		run(g);
}

/* A Launcher that is a child process has its file here, for who looks for it. */
#define CHILDS_FD	100

/* The Launcher as a child process. We share the memory to look at it. */
static void launch_and_run(void *arg)
{
	struct guest *g = arg;

	g->fd = lg_open();
	need(dup2(g->fd, CHILDS_FD) == CHILDS_FD);
	need(lg_write(g->fd, LHREQ_INITIALIZE, (unsigned long)g->mem, PAGES,
		      CODE) > 0);
	run_for_ever(g);
}

static pid_t launch(struct guest *g, const char *code, const char *end)
{
	pid_t pid;

	g->mem = guest_memory(code, end, MAP_SHARED);
	pid = spawn(launch_and_run, g);
	need(pid > 0);
	return pid;
}

/* The Launcher as a thread that only runs the guest, and keeps its last words */
struct runner {
	struct guest g;
	const char *code, *end;
	pthread_t thread;
	pthread_barrier_t started;
	pid_t tid;
	volatile bool ended;
	ssize_t ret;
	int err;
	char reason[256];
};

static void *runner(void *arg)
{
	struct runner *r = arg;

	guest_start_flags(&r->g, r->code, r->end, MAP_PRIVATE);
	r->tid = gettid();
	pthread_barrier_wait(&r->started);
	r->ret = run(&r->g);
	r->err = errno;
	if (r->ret < 0 && r->err == ENOENT)
		need(read(r->g.fd, r->reason, sizeof(r->reason)) > 1);
	r->ended = true;
	return NULL;
}

static void start_runner(struct runner *r, const char *code, const char *end)
{
	memset(r, 0, sizeof(*r));
	r->code = code;
	r->end = end;
	need(!pthread_barrier_init(&r->started, NULL, 2));
	need(!pthread_create(&r->thread, NULL, runner, r));
	pthread_barrier_wait(&r->started);
}

static bool runner_ends(struct runner *r)
{
	double end = now() + SOON;

	while (!r->ended) {
		if (now() > end)
			return false;
		sleep_ms(2);
	}
	return true;
}

static void kill_running(const char *code, const char *end)
{
	struct guest g;
	double start;
	pid_t pid;
	int status;

	pid = launch(&g, code, end);
	need(counts(&g));
	start = now();
	need(!kill(pid, SIGKILL));
	expect(wait_for(pid, &status, SOON));
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	printf("# killed within %.0f ms\n", (now() - start) * 1e3);
}

static void kill_while_spinning(void)
{
	kill_running(count, count_end);
}

static void kill_between_hypercalls(void)
{
	kill_running(busy, busy_end);
}

/* Pages and objects that something holds on to */
#define MAX_CACHES 400
struct usage {
	long pages;
	int caches;
	struct { char name[40]; long active; } cache[MAX_CACHES];
};

static long meminfo(const char *text, const char *key)
{
	const char *p = strstr(text, key);

	need(p);
	return strtol(p + strlen(key), NULL, 10) / 4;
}

static void measure(struct usage *u)
{
	char *text, *line;
	int i;

	/* Some things are freed late: by RCU, by work items, page by page. */
	for (i = 0; i < 3; i++) {
		sync();
		need(put("/proc/sys/vm/drop_caches", "3"));
		sleep_ms(100);
	}
	text = slurp("/proc/meminfo");
	u->pages = meminfo(text, "MemTotal:") - meminfo(text, "MemFree:") -
		   meminfo(text, "Buffers:") - meminfo(text, "\nCached:") -
		   meminfo(text, "SReclaimable:");
	/* Free pages that a CPU has put aside for itself */
	for (line = slurp("/proc/zoneinfo"); (line = strstr(line, " count: "));)
		u->pages -= strtol(line += strlen(" count: "), NULL, 10);
	u->caches = 0;
	line = strchr(slurp("/proc/slabinfo"), '\n');
	for (line = strtok(line, "\n"); line; line = strtok(NULL, "\n")) {
		need(u->caches + 1 < MAX_CACHES);
		i = u->caches;
		/* vmalloc() frees its areas when many have come together. */
		if (sscanf(line, "%39s %ld", u->cache[i].name,
			   &u->cache[i].active) == 2 &&
		    strcmp(u->cache[i].name, "vmap_area"))
			u->caches++;
	}
	i = u->caches++;
	strcpy(u->cache[i].name, "vmalloc()");
	u->cache[i].active = 0;
	line = strtok(slurp("/proc/vmallocinfo"), "\n");
	for (; line; line = strtok(NULL, "\n"))
		u->cache[i].active += !strstr(line, "unpurged");
	need(u->caches > 20);
}

static long active(const struct usage *u, const char *name)
{
	int i;

	for (i = 0; i < u->caches; i++)
		if (!strcmp(u->cache[i].name, name))
			return u->cache[i].active;
	return 0;
}

/* A guest ends in one of three ways, with all that hangs on one while it lives. */
static void one_life(void *arg)
{
	int n = *(int *)arg, efd = eventfd(0, 0);
	struct guest g;

	if (n % 3 == 1) {
		guest_start(&g, die);
		expect_death(&g);
		return;
	}
	if (n % 3 == 0) {
		guest_start(&g, notify);
		need(run(&g) > 0);
	} else {
		guest_start(&g, count);
	}
	need(!lg_write(g.fd, LHREQ_EVENTFD, 0x456000, efd));
	need(!lg_write(g.fd, LHREQ_IRQ, 3));
	if (n % 3 == 2)
		run_for_ever(&g);
}

static void live(int lives)
{
	int i, status;
	pid_t pid;

	for (i = 0; i < lives; i++) {
		pid = spawn(one_life, &i);
		need(pid > 0);
		if (i % 3 == 2) {
			sleep_ms(2);
			kill(pid, SIGKILL);
		}
		need(wait_for(pid, &status, SOON));
		need(i % 3 == 2 ? WIFSIGNALED(status) : !status);
	}
}

/*
 * A leak per guest grows in every round. What the rest of the machine does to these
 * numbers does not.
 */
static void nothing_is_lost(void)
{
	enum { ROUNDS = 4, LIVES = 300 };
	static struct usage u[ROUNDS + 1];
	long grown, least = LONG_MAX;
	int r, i;

	harms("it drops all caches");
	/* KASAN keeps for a while what is freed. */
	if (leaks_forget())
		skip("the kernel has kmemleak for that");
	live(60);
	measure(&u[0]);
	for (r = 1; r <= ROUNDS; r++) {
		live(LIVES);
		measure(&u[r]);
		grown = u[r].pages - u[r - 1].pages;
		printf("# round %d: %+ld pages after %d guests\n", r, grown,
		       LIVES);
		if (grown < least)
			least = grown;
	}
	/* Perhaps only every third guest leaks. */
	expect(least < LIVES / 6, "%ld pages", least);

	for (i = 0; i < u[0].caches; i++) {
		const char *name = u[0].cache[i].name;

		least = LONG_MAX;
		for (r = 1; r <= ROUNDS; r++) {
			grown = active(&u[r], name) - active(&u[r - 1], name);
			if (grown < least)
				least = grown;
		}
		expect(least < LIVES / 6, "%s: %ld objects", name, least);
	}
}

static void kmemleak(void)
{
	if (!leaks_forget())
		skip("the kernel has no kmemleak");
	live(30);
	expect_no_leaks();
}

/* /sys/module/lg/refcnt: every open file is one. */
static int references(void)
{
	return number("/sys/module/lg/refcnt", "");
}

static void others_hold_the_file(void)
{
	int before = references();
	unsigned long addr;
	struct guest g;
	int status;
	pid_t pid;

	pid = launch(&g, count, count_end);
	need(counts(&g));
	g.fd = syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, pid, 0),
		       CHILDS_FD, 0);
	need(g.fd >= 0);
	need(!kill(pid, SIGKILL));
	need(wait_for(pid, &status, SOON));

	/* One can only let go of a guest without its process. */
	expect(references() == before + 1, "%d", references());
	expect_errno(read(g.fd, &addr, sizeof(addr)), EPERM);
	expect_errno(lg_write(g.fd, LHREQ_IRQ, 1), EPERM);
	expect_errno(lg_write(g.fd, LHREQ_INITIALIZE, (unsigned long)g.mem,
			      PAGES, CODE), EPERM);
	expect(!munmap(g.mem, PAGES * 4096));
	expect(!close(g.fd));
	expect(references() == before, "%d", references());
}

static void close_it(void *arg)
{
	close(*(int *)arg);
}

static void use_it_later(void *arg)
{
	sleep_ms(200);
	/* The guest is there, but not for this process. */
	expect_errno(lg_write(*(int *)arg, LHREQ_IRQ, 1), EPERM);
}

static void closed_elsewhere(void)
{
	struct runner r;
	int status;
	pid_t pid;

	/* By another process: of no concern to the one that runs the guest */
	start_runner(&r, count, count_end);
	need(counts(&r.g));
	expect(wait_for(spawn(close_it, &r.g.fd), &status, SOON) && !status);
	expect(counts(&r.g));

	/*
	 * By the process that runs it, meanwhile. That read() may go on or find the
	 * file closed, but the guest is there while anyone has the file.
	 */
	pid = spawn(use_it_later, &r.g.fd);
	close(r.g.fd);
	expect(wait_for(pid, &status, SOON) && !status);
	if (r.ended || !counts(&r.g))
		expect(r.ended && r.ret < 0 && r.err == EBADF, "%zd %d", r.ret,
		       r.err);
}

/* A page that takes another one's place is the guest's page at once. */
static void remapped_memory(void)
{
	struct runner r;

	start_runner(&r, count, count_end);
	need(counts(&r.g));
	need(mmap(r.g.mem + COUNTER, 4096, PROT_READ | PROT_WRITE,
		  MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	     MAP_FAILED);
	expect(counts(&r.g));
	expect(!r.ended);
}

/* Memory taken away is out of the guest's reach at once, whatever it does. */
static void munmap_kills(void)
{
	struct runner r;

	start_runner(&r, count, count_end);
	need(counts(&r.g));
	need(!munmap(r.g.mem + COUNTER, 4096));
	need(runner_ends(&r));
	expect(r.ret < 0 && r.err == ENOENT, "%zd %d", r.ret, r.err);
	expect(strlen(r.reason) > 4, "%s", r.reason);
	printf("# %s\n", r.reason);
}

static void munmap_of_code_kills(void)
{
	struct runner r;

	start_runner(&r, count, count_end);
	need(counts(&r.g));
	need(!munmap(r.g.mem, PAGES * 4096));
	need(runner_ends(&r));
	expect(r.ret < 0 && r.err == ENOENT, "%zd %d", r.ret, r.err);
	expect(strlen(r.reason) > 4, "%s", r.reason);
}

static void mprotect_stops_writes(void)
{
	struct runner r;
	unsigned int was;

	start_runner(&r, count, count_end);
	need(counts(&r.g));
	need(!mprotect(r.g.mem + COUNTER, 4096, PROT_READ));
	was = counter(&r.g);
	need(runner_ends(&r));
	expect(r.ret < 0 && r.err == ENOENT, "%zd %d", r.ret, r.err);
	expect(strlen(r.reason) > 4, "%s", r.reason);
	expect(counter(&r.g) == was);
}

static void mprotect_leaves_reads(void)
{
	struct runner r;

	start_runner(&r, look, look_end);
	sleep_ms(50);
	counter(&r.g) = 77;
	need(!mprotect(r.g.mem + COUNTER, 4096, PROT_READ));
	sleep_ms(50);
	expect(!r.ended);
	need(!mprotect(r.g.mem + COUNTER, 4096, PROT_READ | PROT_WRITE));
	counter(&r.g) = 88;
	*(volatile int *)(r.g.mem + COUNTER + 4) = 1;
	need(runner_ends(&r));
	expect(r.ret == sizeof(long), "%s", r.reason);
	expect(*(volatile int *)(r.g.mem + 0x4000) == 88);
}

static void *stay(void *unused)
{
	pause();
	return unused;
}

static void sees_a_still_copy(void *arg)
{
	struct guest *g = arg;
	unsigned int was = counter(g);

	sleep_ms(200);
	expect(counter(g) == was, "%u became %u", was, counter(g));
}

/* After fork(), guest and child share the page until one of them writes. */
static void fork_copies(void)
{
	struct runner r;
	int i, status;

	start_runner(&r, count, count_end);
	for (i = 0; i < 5; i++) {
		need(counts(&r.g));
		pid_t pid = spawn(sees_a_still_copy, &r.g);

		expect(counts(&r.g));
		expect(wait_for(pid, &status, SOON) && !status);
		expect(counts(&r.g));
	}
	expect(!r.ended);
}

static void dontneed_empties(void)
{
	struct runner r;
	unsigned int was, is;
	int i;

	start_runner(&r, count, count_end);
	for (i = 0; i < 20; i++) {
		need(counts(&r.g));
		/* Far beyond what it counts to. The guest's count may win once. */
		while ((was = counter(&r.g)) < 0xf0000000) {
			counter(&r.g) = 0xf0000000;
			need(counts(&r.g));
		}
		need(!madvise(r.g.mem + COUNTER, 4096, MADV_DONTNEED));
		need(counts(&r.g));
		is = counter(&r.g);
		expect(is < was, "%#x, then %#x", was, is);
	}
	expect(!r.ended);
}

static void on_signal(int sig)
{
	(void)sig;
}

/*
 * A signal makes read() return, and makes no difference to the next one. As with
 * any system call, a signal that strikes just outside does nothing, so signals come
 * again and again.
 */
static void signal_interrupts(void)
{
	static const struct itimerval often = {
		{ .tv_usec = 20000 }, { .tv_usec = 20000 }
	}, never;
	struct sigaction act = { .sa_handler = on_signal };
	unsigned long addr;
	struct guest g;
	int i;

	need(!sigaction(SIGALRM, &act, NULL));
	guest_start(&g, look);
	need(!setitimer(ITIMER_REAL, &often, NULL));
	for (i = 0; i < 20; i++)
		expect_errno(read(g.fd, &addr, sizeof(addr)), EINTR);
	need(!setitimer(ITIMER_REAL, &never, NULL));
	counter(&g) = 99;
	*(int *)(g.mem + COUNTER + 4) = 1;
	expect(read(g.fd, &addr, sizeof(addr)) == sizeof(addr));
	expect(addr == 0x123000, "%#lx", addr);
	expect(*(int *)(g.mem + 0x4000) == 99);
}

static void signal_to_the_thread(void)
{
	struct sigaction act = { .sa_handler = on_signal };
	struct runner r;
	int i;

	need(!sigaction(SIGUSR1, &act, NULL));
	start_runner(&r, count, count_end);
	need(counts(&r.g));
	for (i = 0; i < 100 && !r.ended; i++) {
		pthread_kill(r.thread, SIGUSR1);
		sleep_ms(100);
	}
	need(runner_ends(&r));
	expect(r.ret < 0 && r.err == EINTR, "%zd %d", r.ret, r.err);
}

static void stop_and_continue(void)
{
	struct guest g;
	unsigned int was;
	int status, i;
	pid_t pid;

	pid = launch(&g, count, count_end);
	for (i = 0; i < 5; i++) {
		need(counts(&g));
		need(!kill(pid, SIGSTOP));
		need(waitpid(pid, &status, WUNTRACED) == pid);
		need(WIFSTOPPED(status));
		was = counter(&g);
		sleep_ms(100);
		expect(counter(&g) == was);
		need(!kill(pid, SIGCONT));
		need(waitpid(pid, &status, WCONTINUED) == pid);
		expect(counts(&g));
	}
}

/* To restart a guest, Launchers execute themselves, perhaps with the file. */
static void exec_loses_the_guest(void)
{
	char fd[16];
	struct guest g;

	guest_start(&g, notify);
	need(run(&g) > 0);
	snprintf(fd, sizeof(fd), "%d", g.fd);
	fflush(stdout);
	execl("/proc/self/exe", "lifecycle", "after-exec", fd, NULL);
	need(false);
}

static int after_exec(int fd)
{
	struct guest g = { .fd = fd };

	/* The task is still the guest's, the memory no longer. */
	expect_errno(run(&g), EPERM);
	expect_errno(lg_write(fd, LHREQ_IRQ, 1), EPERM);
	expect_errno(lg_write(fd, LHREQ_BREAK, 1), EPERM);
	guest_start(&g, notify);
	expect(run(&g) > 0);
	case_end();
}

static void many_guests(void)
{
	struct guest g[6];
	int i, round;

	for (i = 0; i < 6; i++)
		launch(&g[i], busy, busy_end);
	for (round = 0; round < 3; round++)
		for (i = 0; i < 6; i++)
			expect(counts(&g[i]), "guest %d", i);
}

/* Guests of one process, each run by a thread of its own */
static void guests_of_one_process(void)
{
	static struct runner r[3];
	pthread_t idle;
	int i;

	need(!pthread_create(&idle, NULL, stay, NULL));
	for (i = 0; i < 3; i++)
		start_runner(&r[i], count, count_end);
	for (i = 0; i < 3; i++)
		expect(counts(&r[i].g), "guest %d", i);
	/* The end of one is not the others'. */
	need(!munmap(r[1].g.mem + COUNTER, 4096));
	expect(runner_ends(&r[1]));
	expect(counts(&r[0].g) && counts(&r[2].g));
}

static void owner_thread_ends(void)
{
	struct runner r;
	unsigned long addr;

	start_runner(&r, notify, notify_end);
	need(!pthread_join(r.thread, NULL));
	expect(r.ret == sizeof(long));
	expect_errno(read(r.g.fd, &addr, sizeof(addr)), EPERM);
}

static void migrate(void)
{
	cpu_set_t set;
	struct guest g;
	pid_t pid;
	int i;

	pid = launch(&g, busy, busy_end);
	need(counts(&g));
	for (i = 0; i < 100; i++) {
		CPU_ZERO(&set);
		CPU_SET(i & 1, &set);
		need(!sched_setaffinity(pid, sizeof(set), &set));
		if (!expect(counts(&g), "move %d", i))
			break;
	}
}

static void unload(void)
{
	struct guest g;
	int i, fd;

	fd = lg_open();
	expect(delete_module() < 0);
	expect(errno == EAGAIN || errno == EBUSY, "%m");
	close(fd);
	guest_start(&g, notify);
	need(run(&g) > 0);
	expect(delete_module() < 0);
	expect(errno == EAGAIN || errno == EBUSY, "%m");
	expect(run(&g) > 0);
	close(g.fd);

	for (i = 0; i < 5; i++) {
		need(!delete_module());
		need(access("/dev/lguest", F_OK) && errno == ENOENT);
		need(!load_module(module, parameters));
		guest_start(&g, notify);
		expect(run(&g) > 0);
		close(g.fd);
	}
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		CASE(kill_while_spinning),
		CASE(kill_between_hypercalls),
		CASE(nothing_is_lost),
		CASE(kmemleak),
		CASE(others_hold_the_file),
		CASE(closed_elsewhere),
		CASE(remapped_memory),
		CASE(munmap_kills),
		CASE(munmap_of_code_kills),
		CASE(mprotect_stops_writes),
		CASE(mprotect_leaves_reads),
		CASE(fork_copies),
		CASE(dontneed_empties),
		CASE(signal_interrupts),
		CASE(signal_to_the_thread),
		CASE(stop_and_continue),
		CASE(exec_loses_the_guest),
		CASE(many_guests),
		CASE(guests_of_one_process),
		CASE(owner_thread_ends),
		CASE(migrate),
		CASE(unload),
	};

	if (argc == 3 && !strcmp(argv[1], "after-exec"))
		return after_exec(atoi(argv[2]));
	if (argc != 2 && argc != 3) {
		fprintf(stderr, "Usage: %s /path/of/lg.ko [PARAMETERS]\n", argv[0]);
		return 2;
	}
	module = argv[1];
	if (argc == 3)
		parameters = argv[2];
	return RUN_CASES(cases);
}
