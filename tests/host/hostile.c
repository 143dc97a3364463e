// SPDX-License-Identifier: GPL-2.0
/*
 * Guests and Launchers that mean harm, each in one way and to the end of it.
 * storm.c and fuzz.c do everything together, at random.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <linux/lguest_launcher.h>
#include "test.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define SIZE		(PAGES * 4096)

/* LHREQ_EVENTFD ties so many for one guest, and not one more. */
#define EVENTFDS_MAX	4096
#define MILLION		1000000
/* Addresses as far from each other as so many can be */
#define STEP		8589UL

GUEST(spin, G_INIT G_FOREVER);
GUEST(kick, G_INIT "1: incl 0x3000\n" G_NOTIFY(0x111000) G_NOTIFY(0x222000)
	"jmp 1b\n");

static ssize_t run(struct guest *g)
{
	unsigned long addr;

	return read(g->fd, &addr, sizeof(addr));
}

/* Only the second of kick's two addresses may come. */
static bool second_comes(struct guest *g)
{
	unsigned long addr = 0;

	return read(g->fd, &addr, sizeof(addr)) == sizeof(addr) &&
	       addr == 0x222000;
}

static void on_signal(int signal)
{
	(void)signal;
}

static void hold_signals(int how)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGALRM);
	need(!pthread_sigmask(how, &signals, NULL));
}

/* Makes a guest that runs for ever come back to us after a while. */
static void come_back(int ms)
{
	struct itimerval timer = {
		{ .tv_usec = ms * 1000 }, { .tv_usec = ms * 1000 }
	};
	struct sigaction act = { .sa_handler = on_signal };

	hold_signals(SIG_BLOCK);
	need(!sigaction(SIGALRM, &act, NULL));
	need(!setitimer(ITIMER_REAL, &timer, NULL));
}

/* A guest may put anything into its message, but our own words are text. */
static void expect_readable(const char *reason)
{
	const char *p;

	if (strstr(reason, "CRASH: "))
		return;
	for (p = reason; *p; p++)
		expect(isprint((unsigned char)*p), "%#x", *p);
}

#define CLOSED		700

/* Files of every kind that a process can have, none of them an eventfd */
static void eventfd_of_every_kind(void)
{
	int epoll = epoll_create1(0), pipes[2], sockets[2], good, i;
	sigset_t signals;
	struct guest g;
	uint64_t n;

	sigemptyset(&signals);
	need(!pipe(pipes) && !socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	need(dup2(epoll, CLOSED) == CLOSED && !close(CLOSED));
	const struct { const char *what; long fd; int err; } files[] = {
		{ "pipe to read", pipes[0], EINVAL },
		{ "pipe to write", pipes[1], EINVAL },
		{ "socket", sockets[0], EINVAL },
		{ "netlink", socket(AF_NETLINK, SOCK_RAW, 0), EINVAL },
		{ "file", open("/tmp/file", O_RDWR | O_CREAT, 0600), EINVAL },
		{ "directory", open("/tmp", O_RDONLY), EINVAL },
		{ "null", open("/dev/null", O_RDWR), EINVAL },
		{ "proc", open("/proc/self/mem", O_RDWR), EINVAL },
		{ "epoll", epoll, EINVAL },
		{ "timerfd", timerfd_create(CLOCK_MONOTONIC, 0), EINVAL },
		{ "signalfd", signalfd(-1, &signals, 0), EINVAL },
		{ "inotify", inotify_init1(0), EINVAL },
		{ "memfd", memfd_create("memfd", 0), EINVAL },
		{ "pidfd", syscall(SYS_pidfd_open, getpid(), 0), EINVAL },
		{ "another guest", lg_open(), EINVAL },
		{ "path", open("/tmp", O_PATH), EBADF },
		{ "path of a file", open("/tmp/file", O_PATH), EBADF },
		{ "closed", CLOSED, EBADF },
		{ "never opened", 1000, EBADF },
		{ "huge", INT_MAX, EBADF },
		{ "too huge", INT_MAX + 1UL, EBADF },
		{ "-1", -1, EBADF },
		{ "AT_FDCWD", -100, EBADF },
		{ "smallest", LONG_MIN, EBADF },
		{ "cut to an int, one's own", 0x100000000L + epoll, EBADF },
	};

	guest_start(&g, kick);
	for (i = 0; i < (int)ARRAY_SIZE(files); i++) {
		if (files[i].err == EINVAL && !expect(files[i].fd >= 0, "%s",
						      files[i].what))
			continue;
		errno = 0;
		expect(lg_write(g.fd, LHREQ_EVENTFD, 0x111000,
				files[i].fd) < 0 && errno == files[i].err,
		       "%s: %s", files[i].what, strerrorname_np(errno));
	}
	expect_errno(lg_write(g.fd, LHREQ_EVENTFD, 0x111000, g.fd), EINVAL);
	/* None of that has tied anything. */
	expect(run(&g) > 0);
	expect(second_comes(&g));
	good = eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE);
	expect(!lg_write(g.fd, LHREQ_EVENTFD, 0x111000, good));
	expect(second_comes(&g) && second_comes(&g));
	expect(read(good, &n, 8) == 8);
}

/* An eventfd that nobody reads, or can read, must not hold the guest up. */
static void eventfd_without_a_reader(void)
{
	int full = eventfd(0, 0), closed = eventfd(0, 0), i;
	struct guest g;

	need(!eventfd_write(full, 0xfffffffffffffffe));
	guest_start(&g, kick);
	need(!lg_write(g.fd, LHREQ_EVENTFD, 0x111000, full));
	for (i = 0; i < 100; i++)
		need(second_comes(&g));
	need(!lg_write(g.fd, LHREQ_EVENTFD, 0x111000, closed));
	close(closed);
	for (i = 0; i < 100; i++)
		need(second_comes(&g));
}

#define CGROUP	CGROUPS "/hostile"

static long charged(void)
{
	return number(CGROUP "/memory.current", "");
}

/* Ties one address again and again: each eventfd replaces the one before. */
static void tie_one_address(struct guest *g)
{
	double start = now();
	int i, fd;

	for (i = 0; i < MILLION / 50; i++) {
		fd = eventfd(0, 0);
		need(fd >= 0);
		need(!lg_write(g->fd, LHREQ_EVENTFD, 0x111000, fd));
		close(fd);
	}
	fd = eventfd(0, 0);
	for (; i < MILLION / 2; i++)
		need(!lg_write(g->fd, LHREQ_EVENTFD, 0x111000, fd));
	printf("# one address in %.1f s\n", now() - start);
}

/* Ties as many addresses, which the host refuses after a while. */
static void tie_all_addresses(struct guest *g)
{
	int fd = eventfd(0, 0), i, tied = 0, refused = 0, err;
	double start = now();

	for (i = 1; i <= MILLION / 2; i++) {
		if (!lg_write(g->fd, LHREQ_EVENTFD, i * STEP, fd)) {
			tied++;
			continue;
		}
		err = errno;
		need(err == ENOMEM);
		refused++;
	}
	printf("# all addresses in %.1f s: %d tied, %d refused\n",
	       now() - start, tied, refused);
	/* tie_one_address() has tied one, too. */
	expect(tied == EVENTFDS_MAX - 1, "%d", tied);
	/* A tied address can still be changed. */
	expect(!lg_write(g->fd, LHREQ_EVENTFD, STEP, eventfd(0, 0)));
}

static void tie_a_million(void *unused)
{
	struct guest g;
	long before;

	(void)unused;
	need(put(CGROUP "/cgroup.procs", "0"));
	guest_start(&g, kick);
	before = charged();
	tie_one_address(&g);
	expect(charged() - before < 1 << 20, "%ld", charged() - before);
	tie_all_addresses(&g);
	/* The Launcher's cgroup pays, and can't get deep into debt. */
	printf("# %ld KiB charged\n", (charged() - before) / 1024);
	expect(charged() - before > 1 << 20);
	expect(charged() - before < 16 << 20);
}

static void a_million_eventfds(void)
{
	int status;
	pid_t pid;

	need_cgroups("memory");
	need(!mkdir(CGROUP, 0755));
	pid = spawn(tie_a_million, NULL);
	expect(wait_for(pid, &status, CASE_SECONDS * .9) && !status);
	need(!rmdir(CGROUP));
}

/*
 * Eight threads and an irq for each. The handler of an irq counts, and copies the
 * number that the thread wrote before it raised the irq. An irq is lost if its copy
 * never comes. All handlers are in the range without irqs, so that they do not pile
 * up on the stack.
 */
#define THREADS		8
#define HANDLERS	0x1200
#define HANDLERS_END	0x1400
#define COUNTS		0x4000
#define NUMBERS		0x5000
#define COPIES		0x6000

#define STORM_INIT "mov $0x8000, %esp\n" G_INIT				\
	".irp k,0,1,2,3,4,5,6,7\n"					\
	"mov $6, %eax\nmov $33 + \\k, %ebx\n"				\
	"mov $0x00611200 + 64 * \\k, %ecx\nmov $0x8e00, %edx\n"		\
	"int $0x1f\n.endr\n"						\
	"movl $0x200, 0x2000\n"
#define STORM_HANDLERS(guest)						\
	".irp k,0,1,2,3,4,5,6,7\n"					\
	".org " #guest " + 0x200 + 64 * \\k\n"				\
	"push %eax\nincl 0x4000 + 64 * \\k\n"				\
	"mov 0x5000 + 64 * \\k, %eax\nmov %eax, 0x6000 + 64 * \\k\n"	\
	"movl $0x200, 0x2000\npop %eax\niret\n.endr\n"

GUEST(busy, STORM_INIT "1: incl 0x3000\njmp 1b\n" STORM_HANDLERS(busy));
GUEST(asleep, STORM_INIT "1: incl 0x3000\n" G_HCALL(10, 0) "jmp 1b\n"
	STORM_HANDLERS(asleep));

struct raiser {
	struct guest *g;
	int k;
	unsigned int raised;
};

static volatile unsigned int *word_of(struct raiser *r, int where)
{
	return (volatile unsigned int *)(r->g->mem + where + 64 * r->k);
}

static void raise_irq(struct raiser *r)
{
	*word_of(r, NUMBERS) = ++r->raised;
	/* Once the guest is dead, run_guest() says why. */
	if (lg_write(r->g->fd, LHREQ_IRQ, r->k + 1))
		pause();
}

static bool arrives(struct raiser *r)
{
	double end = now() + SOON;

	while (*word_of(r, COPIES) != r->raised) {
		if (now() > end)
			return expect(false, "irq %d: number %u, not %u",
				      r->k + 1, *word_of(r, COPIES), r->raised);
		usleep(100);
	}
	return true;
}

static void *raise_irqs(void *arg)
{
	struct raiser *r = arg;
	unsigned int i, n;

	/* Raised one after the other, each is delivered. */
	for (i = 0; i < 300; i++) {
		n = *word_of(r, COUNTS);
		raise_irq(r);
		if (!arrives(r))
			return NULL;
		/* The handler counts before it copies. */
		expect(*word_of(r, COUNTS) == n + 1);
	}
	/* Raised as fast as possible, some become one, but not none. */
	for (i = 0; i < 20; i++) {
		for (n = 0; n < 500; n++)
			raise_irq(r);
		if (!arrives(r))
			return NULL;
	}
	return NULL;
}

static void *run_guest(void *arg)
{
	struct guest *g = arg;

	need(lg_write(g->fd, LHREQ_INITIALIZE, (unsigned long)g->mem, PAGES,
		      CODE) > 0);
	run(g);
	expect(false, "the guest came back: %s", expect_death(g));
	case_end();
}

static void storm(const char *code, const char *end)
{
	struct raiser raisers[THREADS];
	pthread_t threads[THREADS], runner;
	double soon = now() + SOON;
	struct guest g;
	int i;

	g.mem = guest_memory(code, end, MAP_PRIVATE);
	*(int *)(g.mem + DATA + 1376) = HANDLERS;
	*(int *)(g.mem + DATA + 1380) = HANDLERS_END;
	g.fd = lg_open();
	need(!pthread_create(&runner, NULL, run_guest, &g));
	/* A guest that sleeps counts once, perhaps before we look. */
	while (!counter(&g) && now() < soon)
		sleep_ms(1);
	need(counter(&g));
	for (i = 0; i < THREADS; i++) {
		raisers[i] = (struct raiser) { &g, i, 0 };
		need(!pthread_create(&threads[i], NULL, raise_irqs,
				     &raisers[i]));
	}
	for (i = 0; i < THREADS; i++) {
		need(!pthread_join(threads[i], NULL));
		printf("# irq %d: %u raised, %u delivered\n", i + 1,
		       raisers[i].raised, *word_of(&raisers[i], COUNTS));
		expect(*word_of(&raisers[i], COUNTS) <= raisers[i].raised);
	}
}

static void irqs_to_a_busy_guest(void)
{
	storm(busy, busy_end);
}

static void irqs_to_a_guest_asleep(void)
{
	storm(asleep, asleep_end);
}

/* Many threads try at once. One of them makes the guest. */
struct initializer {
	pthread_barrier_t *barrier;
	int fd;
	char *mem;
	long ret;
	int err;
};

static void *initialize(void *arg)
{
	struct initializer *init = arg;

	pthread_barrier_wait(init->barrier);
	init->ret = lg_write(init->fd, LHREQ_INITIALIZE,
			     (unsigned long)init->mem, PAGES, CODE);
	init->err = errno;
	return NULL;
}

static void one_guest_to_a_file(void)
{
	struct initializer init[THREADS];
	pthread_t threads[THREADS];
	char *mem = guest_memory(spin, spin_end, MAP_PRIVATE);
	pthread_barrier_t barrier;
	int round, i, fd, made;

	need(!pthread_barrier_init(&barrier, NULL, THREADS));
	for (round = 0; round < 100; round++) {
		fd = lg_open();
		for (i = 0; i < THREADS; i++) {
			init[i] = (struct initializer) {
				.barrier = &barrier, .fd = fd, .mem = mem,
			};
			need(!pthread_create(&threads[i], NULL, initialize,
					     &init[i]));
		}
		for (made = i = 0; i < THREADS; i++) {
			need(!pthread_join(threads[i], NULL));
			made += init[i].ret > 0;
			if (init[i].ret < 0)
				expect(init[i].err == EBUSY, "%s",
				       strerrorname_np(init[i].err));
		}
		expect(made == 1, "%d", made);
		close(fd);
	}
}

/* Each a ms later than the one before: the request has to end on any machine. */
static volatile int ms_before_signal;

static void signal_again(int signal)
{
	struct itimerval timer = { .it_value.tv_usec = 1000 };

	(void)signal;
	timer.it_value.tv_usec *= ms_before_signal++ % 500 + 1;
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* A request that a signal interrupts goes on after the handler (SA_RESTART). */
static void signals_while_initializing(void)
{
	struct sigaction act = { .sa_handler = signal_again,
				 .sa_flags = SA_RESTART };
	char *mem = guest_memory(spin, spin_end, MAP_PRIVATE);
	double end = now() + 3;
	int fd, n = 0;

	need(!sigaction(SIGALRM, &act, NULL));
	signal_again(SIGALRM);
	for (; now() < end; n++) {
		ms_before_signal = 0;
		fd = lg_open();
		if (!expect(lg_write(fd, LHREQ_INITIALIZE, (unsigned long)mem,
				     PAGES, CODE) > 0, "%m, after %d", n))
			break;
		close(fd);
	}
}

#define MAX_PAGES	0x100000UL

static bool good_geometry(const unsigned long *words, int count)
{
	unsigned long base = words[0], pages = words[1], start = words[2];
	unsigned long device_end = count == 4 ? words[3] : pages;

	return pages && pages <= MAX_PAGES && device_end >= pages &&
	       device_end <= MAX_PAGES && start <= UINT_MAX && !(base % 4096) &&
	       base <= user_end() && pages * 4096 <= user_end() - base;
}

/* A guest of a good geometry is made and dies: not one page of it is there. */
static void try_geometry(const unsigned long *words, int count)
{
	unsigned long request[5] = { LHREQ_INITIALIZE };
	struct guest g = { .fd = lg_open() };
	ssize_t ret;

	memcpy(request + 1, words, count * sizeof(*words));
	ret = write(g.fd, request, (1 + count) * sizeof(*words));
	if (!good_geometry(words, count))
		expect(ret < 0 && errno == EINVAL, "%#lx %#lx %#lx %#lx: %zd %m",
		       words[0], words[1], words[2], words[3], ret);
	else if (expect(ret > 0, "%#lx %#lx %#lx %#lx: %m", words[0], words[1],
			words[2], words[3]))
		expect_readable(expect_death(&g));
	close(g.fd);
}

static void every_geometry(void)
{
	/* A hole that the kernel leaves in every process of ours */
	const unsigned long hole = 0x100000000000, top = user_end();
	const unsigned long bases[] = {
		0, 1, 4096, hole, hole + 1, hole + 2048, hole + 4095,
		top - 4096 * MAX_PAGES, top - 4096 * PAGES, top - 4096, top,
		top + 4096, 1UL << 63, 0xffff888000000000, -4096UL, -1UL,
	};
	const unsigned long pages[] = {
		0, 1, 2, PAGES, MAX_PAGES - 1, MAX_PAGES, MAX_PAGES + 1,
		1UL << 32, (1UL << 32) + 1, 1UL << 52, (1UL << 52) + 1,
		1UL << 63, -1UL,
	};
	const unsigned long starts[] = {
		0, CODE, UINT_MAX, UINT_MAX + 1UL, -1UL,
	};
	const unsigned int all = ARRAY_SIZE(bases) * ARRAY_SIZE(pages) *
				 ARRAY_SIZE(starts);
	unsigned int i, b, p, s, d, n = 0;
	unsigned long words[4];

	for (i = 0; i < all; i++) {
		b = i % ARRAY_SIZE(bases);
		p = i / ARRAY_SIZE(bases) % ARRAY_SIZE(pages);
		s = i / ARRAY_SIZE(bases) / ARRAY_SIZE(pages);
		words[0] = bases[b];
		words[1] = pages[p];
		words[2] = starts[s];
		words[3] = 0;
		try_geometry(words, 3);
		n++;
		if (s)
			continue;
		for (d = 0; d < ARRAY_SIZE(pages); d++, n++) {
			words[3] = pages[d];
			try_geometry(words, 4);
		}
	}
	printf("# %u tried\n", n);
}

/* Makes the hypercalls that the Launcher left at LIST, then says that it lives. */
#define LIST		0x4000
#define TOP		0x5000
#define TABLE		0x6000
GUEST(calls, G_INIT "mov $0x4010, %edi\n"
	"1: mov (%edi), %eax\nmov 4(%edi), %ebx\nmov 8(%edi), %ecx\n"
	"mov 12(%edi), %edx\nmov 16(%edi), %esi\nint $0x1f\n"
	"add $20, %edi\ndecl 0x4000\njnz 1b\n" G_NOTIFY(0x123000) G_FOREVER);

struct call {
	unsigned int nr, arg[4];
};

enum outcome { LIVES, DIES, RUNS };

/* 2-level tables that map memory at 0 and at the kernel's address */
static void make_tables(char *mem)
{
	unsigned int *top = (unsigned int *)(mem + TOP);
	unsigned int *table = (unsigned int *)(mem + TABLE);
	int i;

	for (i = 0; i < PAGES; i++)
		table[i] = i << 12 | 3;
	top[0] = TABLE | 3;
	top[768] = TABLE | 3;
}

/* After @signal_count signals, it takes the guest for one that runs for ever. */
static enum outcome outcome_after(struct guest *g, char *reason,
				  int signal_count)
{
	int err;
	ssize_t n;

	hold_signals(SIG_UNBLOCK);
	do {
		n = run(g);
	} while (n < 0 && errno == EINTR && --signal_count > 0);
	err = errno;
	hold_signals(SIG_BLOCK);
	*reason = '\0';
	if (n > 0)
		return LIVES;
	if (err == EINTR)
		return RUNS;
	if (err != ERESTART && expect(err == ENOENT, "%s",
				      strerrorname_np(err))) {
		need(read(g->fd, reason, 256) > 1);
		expect_readable(reason);
	}
	return DIES;
}

static enum outcome outcome_of(struct guest *g, char *reason)
{
	/* The first signal may have been for another guest. */
	return outcome_after(g, reason, 2);
}

/* On any machine, a guest that ends does so before so many signals. */
#define ENDS		1000

/* The memory is the case's, which has prepared it. */
static enum outcome make_calls(char *mem, const struct call *list, int n,
			       char *reason, int signal_count)
{
	struct guest g = { .mem = mem, .fd = lg_open() };
	enum outcome outcome;

	guest_code(mem, calls, calls_end);
	*(int *)(mem + LIST) = n;
	memcpy(mem + LIST + 16, list, n * sizeof(*list));
	need(lg_write(g.fd, LHREQ_INITIALIZE, (unsigned long)mem, PAGES, CODE) >
	     0);
	outcome = outcome_after(&g, reason, signal_count);
	close(g.fd);
	return outcome;
}

static bool is_known(unsigned int nr)
{
	return nr <= 19 && nr != 3 && nr != 11 && nr != 12;
}

/* Each known one has arguments that are all the same. */
static void every_hypercall(void)
{
	static const unsigned int args[] = {
		0, 1, 0x1000, SIZE - 1, SIZE, 0x80000000, 0xfffff000, -1,
	};
	char *mem = guest_memory(calls, calls_end, MAP_PRIVATE);
	char reason[256], number[16];
	unsigned int i, bit, nr;
	enum outcome outcome;

	come_back(100 * patience());
	for (bit = 0; bit < 256 + 32; bit++) {
		nr = bit < 256 ? bit : -1u << (bit - 256);
		for (i = 0; i < (is_known(nr) ? ARRAY_SIZE(args) : 1); i++) {
			struct call call = {
				nr, { args[i], args[i], args[i], args[i] }
			};

			outcome = make_calls(mem, &call, 1, reason,
					     is_known(nr) ? 2 : ENDS);
			snprintf(number, sizeof(number), " %u", nr);
			if (!is_known(nr))
				expect(outcome == DIES &&
				       strstr(reason, number), "%u: %d, %s", nr,
				       outcome, reason);
		}
	}
}

/* All values of a gate's type, DPL and P, for vectors of all sorts */
static void every_gate(void)
{
	static const unsigned int vectors[] = { 0, 2, 8, 13, 15, 31, 128, 255 };
	char *mem = guest_memory(calls, calls_end, MAP_PRIVATE);
	unsigned int i, access, type;
	enum outcome outcome;
	char reason[256];
	bool good;

	for (i = 0; i < ARRAY_SIZE(vectors); i++)
		for (access = 0; access < 256; access++) {
			struct call call = { 6, { vectors[i], 0x00611100,
						  access << 8 } };
			unsigned int v = vectors[i];

			type = access & 0x1f;
			good = !(access & 0x80) || type == 0xe ||
			       type == 0xf || v == 2 || v == 8 || v == 15 ||
			       v == 31;
			outcome = make_calls(mem, &call, 1, reason, ENDS);
			expect(outcome == (good ? LIVES : DIES),
			       "vector %u, access %#x: %d, %s", v, access,
			       outcome, reason);
			expect(good || strstr(reason, "gate"), "%s", reason);
		}
	for (i = 256; i; i <<= 1) {
		struct call call = { 6, { i, 0x00611100, 0x8e00 } };

		expect(make_calls(mem, &call, 1, reason, ENDS) == DIES, "%u",
		       i);
	}
}

/*
 * A page table anywhere: as the first, which tells the format, and as one that
 * follows a good one. The memory has it lead everywhere: to itself, to others, to
 * nothing.
 */
static void every_cr3(void)
{
	static const unsigned int edges[] = {
		1, 16, 32, TOP + 4, TOP + 32, TOP + 4092, SIZE - 4096,
		SIZE - 32, SIZE - 4, SIZE, SIZE + 32, SIZE + 4096, 0x7ffff000,
		0x80000000, 0xc0000000, 0xfffff000, 0xffffffe0, 0xffffffff,
	};
	char *mem = guest_memory(calls, calls_end, MAP_SHARED);
	unsigned int i, j, cr3, counts[2][3] = { 0 };
	unsigned int *words;
	enum outcome outcome;
	char reason[256];
	int signals;

	come_back(50 * patience());
	for (i = 0; i < 64 + ARRAY_SIZE(edges); i++) {
		cr3 = i < 64 ? i * 4096 : edges[i - 64];
		signals = cr3 == TOP || cr3 >= SIZE ? ENDS : 2;
		struct call list[] = {
			{ 4, { TOP } }, { 4, { cr3 } }, { 5, { 1 } },
			{ 14, { cr3, 0x1000, 0x1063 } }, { 15, { cr3, 3 } },
		};

		memset(mem, 0, 64 * 4096);
		for (j = 8; j < 64; j++) {
			words = (unsigned int *)(mem + j * 4096);
			/* All entries to this page, or each to another one */
			for (unsigned int n = 0; n < 1024; n++)
				words[n] = (j % 2 ? j : n % 64) << 12 |
					   (j % 3 ? 7 : 1);
		}
		make_tables(mem);
		outcome = make_calls(mem, list, 5, reason, signals);
		counts[0][outcome]++;
		if (cr3 == TOP)
			expect(outcome == LIVES, "%s", reason);
		make_tables(mem);
		outcome = make_calls(mem, list + 1, 4, reason, signals);
		counts[1][outcome]++;
		if (cr3 == TOP)
			expect(outcome == LIVES, "%s", reason);
		if (cr3 >= SIZE)
			expect(outcome == DIES && strstr(reason, "page table"),
			       "%#x: %s", cr3, reason);
	}
	for (i = 0; i < 2; i++)
		printf("# %u lived, %u died, %u went on\n", counts[i][LIVES],
		       counts[i][DIES], counts[i][RUNS]);
}

GUEST(init_at, "mov 0x4000, %ebx\nmov $1, %eax\nint $0x1f\n"
	G_NOTIFY(0x111000) "1:" G_HCALL(0, 0) "incl 0x3800\n" G_NOTIFY(0x222000)
	"jmp 1b\n");

/* There is memory here, but nothing that looks like struct lguest_data. */
#define ZEROES		0x100000

static void start_with_data_at(struct guest *g, unsigned int gpa)
{
	unsigned int i, tail[] = { 0xc0000000, 0x80 };

	g->mem = guest_memory(init_at, init_at_end, MAP_PRIVATE);
	*(unsigned int *)(g->mem + LIST) = gpa;
	/* All of the ring is free. */
	for (i = 24; i < 24 + 64 && gpa < SIZE - i; i++)
		g->mem[gpa + i] = -1;
	if (gpa <= SIZE - 1384 - sizeof(tail) && gpa != ZEROES)
		memcpy(g->mem + gpa + 1384, tail, sizeof(tail));
	g->fd = lg_open();
	need(lg_write(g->fd, LHREQ_INITIALIZE, (unsigned long)g->mem, PAGES,
		      CODE) > 0);
}

static void data_anywhere(void)
{
	static const unsigned int places[] = {
		0x7000, 0x7001, 0x7fff, 0x8000 - 24, 0x8000 - 1376,
		0x8000 - 1390, SIZE - 1396,
		/* From here on, bad */
		SIZE - 1395, SIZE - 1, SIZE, 0x80000000, 0xfffff000,
		0xfffffa8c, 0xffffffff, ZEROES,
	};
	const char *reason;
	struct guest g;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		start_with_data_at(&g, places[i]);
		if (i < 7) {
			expect(run(&g) > 0 && run(&g) > 0, "%#x", places[i]);
		} else {
			reason = expect_death(&g);
			expect(strstr(reason, "lguest_data"), "%#x: %s",
			       places[i], reason);
		}
		close(g.fd);
		munmap(g.mem, SIZE);
	}
}

static void run_with_data_at(struct guest *g, unsigned int gpa)
{
	start_with_data_at(g, gpa);
	need(run(g) > 0 && run(g) > 0);
}

static void move_away(char *page)
{
	char *room = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	need(mremap(page, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, room) ==
	     room);
}

/* Between two calls, half of it is taken away, or all of it moved. */
static void data_gone(void)
{
	struct guest g;

	run_with_data_at(&g, 0x8000 - 24);
	need(!munmap(g.mem + 0x8000, 4096));
	dies_of_gone_memory(&g);

	run_with_data_at(&g, 0x8000);
	move_away(g.mem + 0x8000);
	dies_of_gone_memory(&g);

	run_with_data_at(&g, 0x8000);
	move_away(g.mem + 0x8000);
	need(mmap(g.mem + 0x8000, 4096, PROT_READ | PROT_WRITE, MAP_FIXED |
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	/* A page of zeroes is a ring full of calls that do nothing. */
	expect(run(&g) > 0 && run(&g) > 0);
	expect(g.mem[0x8000 + 24] == -1);
}

/*
 * While the host looks at what it shares with the guest, somebody changes that all
 * the time between what is good and what the host has to refuse. A host that looks
 * twice finds the one, and then does the other. The guest tells of a segment of
 * 64-bit code; anything else would be the host's end.
 */
#define FOUND		0x3800
GUEST(shared, "mov $0x8000, %esp\n" G_INIT
	"mov $0x00611100, %ecx\nmov $0x8e00, %edx\n" G_HCALL(6, 32)
	G_HCALL(4, 0x5000)
	"1: mov $50, %ebp\n2: incl 0x3000\n" G_HCALL(16, 0x7000)
	"mov $0x33, %eax\nlar %eax, %eax\njnz 3f\n"
	"test $0x200000, %eax\njz 3f\nincl 0x3800\n3:\n"
	"mov $0x9000, %ecx\nxor %edx, %edx\n" G_HCALL(14, 0x5000)
	"mov 0x9000, %eax\ndec %ebp\njnz 2b\n"
	G_HCALL(0, 0) G_HCALL(9, 1000) "in $0x60, %al\ncli\n"
	G_HCALL(19, 0) G_HCALL(5, 1) G_NOTIFY(0x222000) "jmp 1b\n"
	"\n.org shared + 0x100\nmovl $0x200, 0x2000\niret\n");

static volatile bool stop;

static void put_words(char *mem, int at, int step, int n, unsigned int value)
{
	for (; n; n--, at += step)
		*(volatile unsigned int *)(mem + at) = value;
}

/* The bad call is none, wherever the host looks next. */
static void change_calls(char *mem, bool good)
{
	put_words(mem, DATA + 24, 4, 16, 0);
	put_words(mem, DATA + 88, 20, 64, good ? 0 : -1);
}

static void change_words(char *mem, bool good)
{
	put_words(mem, DATA, 4, 6, good ? 0 : -1);
}

/* Bad ones lead beyond memory, and beyond what the host keeps notes of. */
static void change_entry(char *mem, bool good)
{
	put_words(mem, TABLE + 9 * 4, 4, 1, good ? 0x9063 : 0xfffff063);
}

static void change_directory(char *mem, bool good)
{
	put_words(mem, TOP, 4, 1, (good ? TABLE : 0xfffff000) | 0x63);
}

static void change_descriptors(char *mem, bool good)
{
	put_words(mem, 0x7004, 8, 3, good ? 0x00cff200 : 0x00affa00);
}

static void *scribble(void *arg)
{
	static void (*const ways[])(char *mem, bool good) = {
		change_calls, change_words, change_entry, change_directory,
		change_descriptors,
	};
	unsigned int seed = (unsigned long)&seed >> 4, i;

	while (!stop) {
		void (*way)(char *mem, bool good) =
			ways[rand_r(&seed) % ARRAY_SIZE(ways)];
		double end = now() + .01;

		while (!stop && now() < end)
			for (i = 0; i < 100; i++)
				way(arg, i % 2);
	}
	return NULL;
}

static void changed_while_the_host_reads(void)
{
	char *mem = guest_memory(shared, shared_end, MAP_SHARED);
	unsigned int guests = 0, looks;
	double end = now() + 8;
	pthread_t threads[2];
	char reason[256];
	enum outcome outcome;
	struct guest g;
	int i;

	come_back(100 * patience());
	put_words(mem, 0x7000, 8, 3, 0xffff);
	for (i = 0; i < 2; i++)
		need(!pthread_create(&threads[i], NULL, scribble, mem));
	do {
		memset(mem + DATA, 0, 1376);
		make_tables(mem);
		guest_code(mem, shared, shared_end);
		g.fd = lg_open();
		need(lg_write(g.fd, LHREQ_INITIALIZE, (unsigned long)mem, PAGES,
			      CODE) > 0);
		do
			outcome = outcome_of(&g, reason);
		while (outcome != DIES && now() < end);
		close(g.fd);
		guests++;
		looks = *(volatile unsigned int *)(mem + COUNTER);
		/* On a slow machine it takes longer to have seen something. */
	} while (now() < end || guests <= 10 || looks <= 100);
	stop = true;
	for (i = 0; i < 2; i++)
		need(!pthread_join(threads[i], NULL));
	printf("# %u guests, %u looks\n", guests, looks);
	expect(!*(int *)(mem + FOUND), "%d", *(int *)(mem + FOUND));
}

/*
 * When an instruction has faulted, the host may find another one there than the CPU
 * did. The guest's handler goes on behind it in any case.
 */
GUEST(changing, "mov $0x8000, %esp\n" G_INIT
	"mov $0x00611100, %ecx\nmov $0x8e00, %edx\n" G_HCALL(6, 13)
	"mov $0x00611120, %ecx\nmov $0x8e00, %edx\n" G_HCALL(6, 6)
	"mov $0x00611120, %ecx\nmov $0xef00, %edx\n" G_HCALL(6, 128)
	"jmp changing + 0x140\n"
	"\n.org changing + 0x100\nadd $4, %esp\nmovl $0x1180, (%esp)\niret\n"
	"\n.org changing + 0x120\nmovl $0x1180, (%esp)\niret\n"
	"\n.org changing + 0x140\nincl 0x3000\nmov $0x10, %edx\n"
	"xor %eax, %eax\njmp changing + 0x160\n"
	/* This changes. */
	"\n.org changing + 0x160\n.fill 32, 1, 0x90\n"
	"\n.org changing + 0x180\njmp changing + 0x140\n");
#define PLACE		(CODE + 0x160)

static void *change_code(void *arg)
{
	static const unsigned char insns[][4] = {
		{ 0xec, 0x90, 0x90, 0x90 },	/* in %dx, %al */
		{ 0x66, 0xed, 0x90, 0x90 },	/* in %dx, %ax */
		{ 0xe4, 0x60, 0x90, 0x90 },	/* in $0x60, %al */
		{ 0xee, 0x90, 0x90, 0x90 },	/* out %al, %dx */
		{ 0xfa, 0x90, 0x90, 0x90 },	/* cli */
		{ 0xf4, 0x90, 0x90, 0x90 },	/* hlt */
		{ 0xcd, 0x80, 0x90, 0x90 },	/* int $0x80 */
		{ 0xcd, 0x0d, 0x90, 0x90 },	/* int $13 */
		{ 0x0f, 0x01, 0xc1, 0x90 },	/* vmcall */
		{ 0x0f, 0x21, 0xf8, 0x90 },	/* mov %db7, %eax */
		{ 0x0f, 0x0b, 0x90, 0x90 },	/* ud2 */
		{ 0x66, 0x66, 0x66, 0x66 },	/* a prefix of nothing */
	};
	char *mem = arg;
	unsigned int i = 0, word;

	while (!stop) {
		memcpy(&word, insns[i++ % ARRAY_SIZE(insns)], sizeof(word));
		*(volatile unsigned int *)(mem + PLACE) = word;
		if (i % 7 == 0)
			sched_yield();
	}
	return NULL;
}

static void code_that_changes(void)
{
	double end = now() + 5;
	pthread_t thread;
	struct guest g;
	unsigned int was, deaths = 0;
	unsigned long n = 0;
	char reason[256];
	enum outcome outcome;

	come_back(100 * patience());
	g.mem = guest_memory(changing, changing_end, MAP_SHARED);
	need(!pthread_create(&thread, NULL, change_code, g.mem));
	do {
		was = counter(&g);
		g.fd = lg_open();
		need(lg_write(g.fd, LHREQ_INITIALIZE, (unsigned long)g.mem,
			      PAGES, CODE) > 0);
		do {
			outcome = outcome_of(&g, reason);
			expect(outcome != LIVES);
		} while (outcome != DIES && now() < end);
		deaths += outcome == DIES;
		n += counter(&g) - was;
		close(g.fd);
		/* On a slow machine it takes longer to have done something. */
	} while (now() < end || n <= 1000);
	stop = true;
	need(!pthread_join(thread, NULL));
	/* One that is half another's may harm its guest. */
	printf("# %lu instructions, %u deaths\n", n, deaths);
}

int main(void)
{
	static const struct test_case cases[] = {
		CASE(eventfd_of_every_kind),
		CASE(eventfd_without_a_reader),
		CASE(a_million_eventfds),
		CASE(irqs_to_a_busy_guest),
		CASE(irqs_to_a_guest_asleep),
		CASE(one_guest_to_a_file),
		CASE(signals_while_initializing),
		CASE(every_geometry),
		CASE(every_hypercall),
		CASE(every_gate),
		CASE(every_cr3),
		CASE(data_anywhere),
		CASE(data_gone),
		CASE(changed_while_the_host_reads),
		CASE(code_that_changes),
	};

	return RUN_CASES(cases);
}
