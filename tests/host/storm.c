// SPDX-License-Identifier: GPL-2.0
/*
 * storm SECONDS SEED: Launchers that mean harm, one of each seed from SEED on. Each
 * is a process with many threads and some guests. The threads run guests, write
 * requests of random words, raise interrupts, take memory away in every way that
 * there is, change the file under the descriptor, fork, and signal each other,
 * until the process ends itself or is killed. Only documented errors may come of
 * it, and nothing may be left of it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <linux/lguest_launcher.h>
#include <linux/userfaultfd.h>
#include "test.h"

#ifndef ERESTART
#define ERESTART	85
#endif

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define JOBS		2
#define THREADS		8
#define HUGE		(2UL << 20)
#define GUESTS		2
/* By then, all that a killed process held is gone. */
#define GONE_TIME	300

GUEST(count, "1: incl 0x3000\njmp 1b\n");
GUEST(notify, G_INIT "1:" G_NOTIFY(0x1000) G_NOTIFY(0x2000) G_NOTIFY(0x3000)
	"jmp 1b\n");
GUEST(halt, G_INIT "1:" G_HCALL(9, 1) G_HCALL(10, 0) "jmp 1b\n");
/* Touches 4 MiB of memory, for ever. If it has less, it dies. */
GUEST(sweep, G_INIT "1: mov $0x4000, %edi\n2: incl (%edi)\n"
	"add $0x1000, %edi\ncmp $0x3ff000, %edi\njb 2b\njmp 1b\n");
GUEST(ports, G_INIT "1: in $0x60, %al\nout %al, $0x80\n"
	"mov $0xcfc, %edx\nin %dx, %eax\njmp 1b\n");
GUEST(dead, G_HCALL(7777, 0) G_FOREVER);
/* Has a handler, so that there is something to inject */
GUEST(traps, "mov $0x8000, %esp\n" G_INIT
	"mov $0x00611100, %ecx\nmov $0x8e00, %edx\n" G_HCALL(6, 6)
	"mov $0x00611100, %ecx\nmov $0x8e00, %edx\n" G_HCALL(6, 32)
	"movl $0x200, 0x2000\n1: ud2\njmp 1b\n"
	"\n.org traps + 0x100\nmov $0x8000, %esp\nmovl $0x200, 0x2000\n"
	"2: ud2\njmp 2b\n");

static const struct code {
	const char *start, *end;
} codes[] = {
	{ count, count_end }, { notify, notify_end }, { halt, halt_end },
	{ sweep, sweep_end }, { ports, ports_end }, { dead, dead_end },
	{ traps, traps_end },
};

static int fds[GUESTS], file, uffd;
static char *mem;
static size_t mem_size;
static pthread_t threads[THREADS];
static pid_t tids[THREADS];
static unsigned int nr_tids;
static double end;

/* Each thread has its own, so that it is the same whatever the others do. */
static __thread uint64_t state;

static uint32_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 16;
}

static uint32_t below(uint32_t n)
{
	return rnd() % n;
}

static unsigned long any_word(void)
{
	const unsigned long edges[] = {
		0, 1, 31, 32, PAGES, PAGES - 1, PAGES + 1, 0xfffff, 0x100000,
		0x100001, 0xfffff000, 0xffffffff, 0x100000000, CODE,
		0x7ffffffff000, 0x800000000000, 1UL << 63, -4096UL, -1UL,
		(unsigned long)mem, (unsigned long)mem + 1,
		(unsigned long)mem + 4096, 0x1000, 0x2000, 0x80000000,
	};

	switch (below(4)) {
	case 0:
		return (unsigned long)rnd() << 32 | rnd();
	case 1:
		return below(72);
	default:
		return edges[below(ARRAY_SIZE(edges))];
	}
}

static void check(const char *call, ssize_t ret, const int *known)
{
	int err = errno;

	if (ret >= 0 || err == EINTR)
		return;
	for (; *known; known++)
		if (err == *known)
			return;
	printf("# %s said %s\n", call, strerrorname_np(err));
	fflush(stdout);
	_exit(3);
}

static void do_write(int fd, const void *words, size_t bytes)
{
	static const int known[] = { EINVAL, EBUSY, EFAULT, ENOMEM, ENOENT,
				     EPERM, EBADF, 0 };

	check("write", below(8) ? write(fd, words, bytes) :
				  pwrite(fd, words, bytes, below(3)), known);
}

static void do_read(int fd)
{
	/* ERESTART comes of a guest that asked for it. */
	static const int known[] = { EINVAL, EPERM, EFAULT, ENOENT, ERESTART,
				     0 };
	static const size_t sizes[] = { 8, 12, 4, 1, 0, 300, 8, 12 };
	char buf[300];
	void *to = buf;

	if (!below(16))
		to = (void *)any_word();
	else if (!below(16))
		to = mem;
	check("read", read(fd, to, sizes[below(8)]), known);
}

static int any_fd(void)
{
	return fds[below(GUESTS)];
}

static void write_requests(void)
{
	unsigned long words[5] = { below(9) };
	unsigned int i;

	for (i = 1; i < 5; i++)
		words[i] = any_word();
	/* Most random words would never get anywhere. */
	if (words[0] == LHREQ_INITIALIZE && below(2)) {
		words[1] = (unsigned long)mem;
		words[2] = 1 + below(PAGES);
	}
	if (!below(16))
		do_write(any_fd(), (void *)any_word(), 8 * below(6));
	else
		do_write(any_fd(), words,
			 below(4) ? 8 * below(6) : below(48));
}

static void initialize(int fd)
{
	unsigned long words[] = { LHREQ_INITIALIZE, (unsigned long)mem,
				  mem_size / 4096, CODE };

	if (!below(4))
		words[2] = 1 + below(PAGES);
	do_write(fd, words, sizeof(words));
}

static void run_guest(void)
{
	int fd = any_fd();

	if (!below(8))
		initialize(fd);
	do_read(fd);
}

static void raise_irqs(void)
{
	unsigned long words[] = { LHREQ_IRQ, 0 };
	unsigned int i;

	for (i = 0; i < 200; i++) {
		words[1] = below(33);
		do_write(any_fd(), words, sizeof(words));
	}
}

static void tie_eventfds(void)
{
	unsigned long words[] = { LHREQ_EVENTFD, below(5) * 0x1000, 0 };
	int made = -1;

	switch (below(7)) {
	case 0:
		made = eventfd(below(2) ? 0 : 0xfffffffe, below(2));
		break;
	case 1:
		made = eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE);
		break;
	case 2:
		made = open("/dev/null", O_RDWR);
		break;
	case 3:
		made = epoll_create1(0);
		break;
	case 4:
		made = socket(AF_UNIX, SOCK_STREAM, 0);
		break;
	case 5:
		made = open("/dev/lguest", O_RDWR);
		break;
	}
	words[2] = made < 0 ? any_word() : (unsigned long)made;
	/* A word that happens to be an fd may be tied: it is the caller's. */
	do_write(any_fd(), words, sizeof(words));
	if (made >= 0)
		close(made);
}

static void put_code(char *at)
{
	const struct code *code = &codes[below(ARRAY_SIZE(codes))];
	static const uint32_t tail[] = { 0xc0000000, 0x80 };

	/* The kernel writes, which fails where a store of ours would be fatal. */
	int fd = open("/proc/self/mem", O_RDWR);

	pwrite(fd, code->start, code->end - code->start,
	       (unsigned long)at + CODE);
	pwrite(fd, tail, sizeof(tail), (unsigned long)at + DATA + 1384);
	close(fd);
}

static void harm_memory(void)
{
	size_t from = below(mem_size / 4096) * 4096;
	size_t len = (1 + below(64)) * 4096;
	char *at = mem + from, *moved;

	if (len > mem_size - from)
		len = mem_size - from;
	if (!below(4)) {
		at = mem;
		len = mem_size;
	}
	switch (below(10)) {
	case 0:
		madvise(at, len, MADV_DONTNEED);
		break;
	case 1:
		mprotect(at, len, below(8));
		break;
	case 2:
		munmap(at, len);
		break;
	case 3:
		moved = mremap(at, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
			       mem + mem_size * 2);
		if (moved != MAP_FAILED && below(2))
			mremap(moved, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
			       at);
		break;
	case 4:
		ftruncate(file, below(2) ? 0 : from);
		sched_yield();
		ftruncate(file, mem_size);
		break;
	case 5:
		madvise(at, len, below(2) ? MADV_PAGEOUT : MADV_COLD);
		break;
	case 6:
		madvise(at, len, below(2) ? MADV_HUGEPAGE : MADV_REMOVE);
		break;
	case 7:
		mlock(at, len);
		munlock(at, len);
		break;
	case 8:
		put_code(mem);
		break;
	default:
		mmap(at, len, PROT_READ | PROT_WRITE, MAP_FIXED |
		     (below(2) ? MAP_SHARED : MAP_PRIVATE), file, from);
		put_code(mem);
	}
}

/* Its guest's file may be gone the moment after; the number stays in use. */
static void change_file(void)
{
	int fd = open("/dev/lguest", O_RDWR);

	if (fd < 0)
		return;
	dup2(fd, any_fd());
	close(fd);
}

static void fork_off(void)
{
	unsigned int i;
	pid_t pid = syscall(SYS_fork);

	if (!pid) {
		for (i = 0; i < 20; i++) {
			write_requests();
			do_read(any_fd());
			harm_memory();
		}
		_exit(0);
	}
	if (pid < 0)
		return;
	if (below(2))
		kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void on_alarm(int signal)
{
	(void)signal;
	_exit(0);
}

/* A debugger that gives up in the middle of whatever it does */
static void debug(pid_t tid)
{
	struct user_regs_struct regs;
	unsigned int i;
	int status;

	signal(SIGALRM, on_alarm);
	alarm(1);
	if (ptrace(PTRACE_SEIZE, tid, 0, 0))
		_exit(0);
	for (i = below(4); i; i--) {
		ptrace(PTRACE_INTERRUPT, tid, 0, 0);
		waitpid(tid, &status, __WALL);
		ptrace(PTRACE_GETREGS, tid, 0, &regs);
		ptrace(below(2) ? PTRACE_SINGLESTEP : PTRACE_CONT, tid, 0, 0);
		sleep_ms(below(3));
	}
	if (below(2)) {
		ptrace(PTRACE_INTERRUPT, tid, 0, 0);
		waitpid(tid, &status, __WALL);
		ptrace(PTRACE_DETACH, tid, 0, 0);
	}
	_exit(0);
}

static void be_debugged(void)
{
	pid_t tid = tids[below(THREADS)];
	pid_t pid = syscall(SYS_fork);

	if (!pid)
		debug(tid);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* Puts another program in this one's place, with the files. */
static void exec_self(void)
{
	char words[GUESTS][16];
	unsigned int i;

	for (i = 0; i < GUESTS; i++)
		snprintf(words[i], sizeof(words[i]), "%d", fds[i]);
	/* Handlers do not outlive exec. */
	signal(SIGUSR1, SIG_IGN);
	execl("/proc/self/exe", "storm", "after-exec", words[0], words[1],
	      NULL);
}

static void seldom_exec(void)
{
	if (!below(100))
		exec_self();
}

/* Somebody else has to bring these pages, and may do so, or let others wait. */
static void take_pages_away(void)
{
	unsigned long at = (unsigned long)mem +
			   below(mem_size / 4096) * 4096;
	struct uffdio_range range = { at, (1 + below(16)) * 4096 };
	struct uffdio_register reg = {
		.range = range, .mode = 1 + below(3),
	};
	struct uffdio_zeropage zero = { .range = range };
	struct uffdio_writeprotect wp = { range, below(2) };

	switch (below(5)) {
	case 0:
		ioctl(uffd, UFFDIO_REGISTER, &reg);
		break;
	case 1:
		ioctl(uffd, UFFDIO_ZEROPAGE, &zero);
		break;
	case 2:
		ioctl(uffd, UFFDIO_WRITEPROTECT, &wp);
		break;
	case 3:
		ioctl(uffd, UFFDIO_WAKE, &range);
		break;
	default:
		/* Whoever waits for one of these goes on. */
		range.start = (unsigned long)mem;
		range.len = mem_size;
		ioctl(uffd, UFFDIO_UNREGISTER, &range);
	}
}

static void signal_others(void)
{
	pthread_t thread = threads[below(THREADS)];

	if (thread)
		pthread_kill(thread, SIGUSR1);
	sleep_ms(below(3));
}

static void *thread(void *arg)
{
	static void (*const acts[])(void) = {
		run_guest, run_guest, run_guest, raise_irqs, tie_eventfds,
		write_requests, harm_memory, harm_memory, change_file,
		fork_off, signal_others, signal_others, be_debugged,
		seldom_exec, take_pages_away,
	};
	unsigned int usual;

	tids[__atomic_fetch_add(&nr_tids, 1, __ATOMIC_RELAXED)] = gettid();
	state = (uintptr_t)arg;
	rnd();
	usual = below(ARRAY_SIZE(acts));
	while (now() < end)
		acts[below(8) ? usual : below(ARRAY_SIZE(acts))]();
	return NULL;
}

static void on_signal(int signal)
{
	(void)signal;
}

/* A file that memory may come from, or -1 */
static int any_file(void)
{
	switch (below(8)) {
	case 0:
	case 1:
		return -1;
	case 2:
		/* Without huge pages, a touch would be the end of the Launcher. */
		if (number("/proc/meminfo", "HugePages_Free:") >=
		    (long)(mem_size / HUGE) + 1)
			return memfd_create("storm", MFD_HUGETLB);
		return -1;
	case 3:
		return open("/tmp", O_TMPFILE | O_RDWR, 0600);
	default:
		return memfd_create("storm", 0);
	}
}

static void get_memory(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int flags = below(2) ? MAP_PRIVATE : MAP_SHARED;
	size_t huge_size;

	mem_size = below(4) ? PAGES * 4096 : (16 + below(PAGES)) * 4096;
	file = any_file();
	huge_size = (mem_size + HUGE - 1) & -HUGE;
	ftruncate(file, huge_size);
	/*
	 * There is room behind it, to be moved to. All sizes are whole huge pages:
	 * a mapping of them takes up whole ones, however short it is, and the vDSO
	 * may come next.
	 */
	mem = mmap(NULL, 4 * huge_size + HUGE, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	need(mem != MAP_FAILED);
	mem += -(unsigned long)mem & (HUGE - 1);
	if (mmap(mem, mem_size, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_FIXED | flags | (file < 0 ? MAP_ANONYMOUS : 0), file, 0) ==
	    MAP_FAILED)
		mmap(mem, mem_size, PROT_READ | PROT_WRITE, MAP_FIXED |
		     MAP_ANONYMOUS | flags, -1, 0);
	put_code(mem);
	if (!below(6))
		mprotect(mem, mem_size, PROT_READ);
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK |
		       (below(2) ? UFFD_USER_MODE_ONLY : 0));
	ioctl(uffd, UFFDIO_API, &api);
}

/* Prints the maps, each line a remark. */
static void show_maps(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/maps", "r");

	while (f && fgets(line, sizeof(line), f))
		printf("# | %s", line);
}

/*
 * A Launcher does itself no such harm. So its registers, and what is on its stack
 * and around, are all that will ever be known. It dies on return.
 */
static void on_segv(int signal, siginfo_t *info, void *context)
{
	static const char names[][4] = {
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi",
		"rsi", "rbp", "rbx", "rdx", "rax", "rcx", "rsp", "rip", "efl",
		"seg", "err", "trp", "msk", "cr2",
	};
	const ucontext_t *uc = context;
	const greg_t *regs = uc->uc_mcontext.gregs;
	unsigned long at = (regs[REG_RSP] & -8UL) - 32 * 8;
	int fd = open("/proc/self/mem", O_RDONLY);
	unsigned long word;
	unsigned int i;

	printf("# signal %d in %d of %d, at %p, mem %p, %#zx\n", signal,
	       gettid(), getpid(), info->si_addr, mem, mem_size);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		printf("# %s %#llx\n", names[i], regs[i]);
	for (i = 0; i < 128; i++, at += 8)
		if (pread(fd, &word, 8, at) == 8)
			printf("# stack %#lx: %#lx\n", at, word);
	show_maps();
	fflush(stdout);
}

static void tell_of_segv(void)
{
	static char stack[1 << 16];
	const stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = {
		.sa_sigaction = on_segv,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND,
	};

	sigaltstack(&ss, NULL);
	sigaction(SIGSEGV, &sa, NULL);
}

static void launcher(unsigned int seed)
{
	struct sigaction sa = { .sa_handler = on_signal };
	unsigned int i;

	state = seed * 0x9e3779b97f4a7c15 + 1;
	for (i = 0; i < 8; i++)
		rnd();
	if (below(2))
		sa.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &sa, NULL);
	/* A debugger may have left before its SIGTRAP comes. */
	sigaction(SIGTRAP, &sa, NULL);
	tell_of_segv();
	get_memory();
	for (i = 0; i < GUESTS; i++)
		fds[i] = lg_open();
	end = now() + below(1500) / 1000.;
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, thread,
			       (void *)((uintptr_t)rnd() << 20 | 1));
	/* Only a signal brings back a thread in a guest that sleeps. */
	while (now() < end + .1)
		signal_others();
	if (!below(4))
		exec_self();
	_exit(0);
}

/* None of these guests is this program's any more. */
static int after_exec(char **words)
{
	unsigned int i;

	state = 1;
	for (i = 0; i < GUESTS; i++)
		fds[i] = atoi(words[i]);
	for (i = 0; i < 200; i++) {
		write_requests();
		do_read(any_fd());
	}
	return 0;
}

static struct job jobs[JOBS];
static unsigned int launchers, failures;

static bool good_end(struct job *job, int status)
{
	if (!WIFSIGNALED(status))
		return !status;
	/* The SIGTRAP of a step may come when another program has taken over. */
	return WTERMSIG(status) == SIGTRAP ||
	       (WTERMSIG(status) == SIGKILL && job->killed);
}

static void ended(struct job *job, int status)
{
	launchers++;
	if (good_end(job, status))
		return;
	printf("# seed %u: status %#x\n", job->seed, status);
	printf("# replay: storm 3 %u\n", job->seed);
	failures++;
}

static void stuck(struct job *job)
{
	printf("# seed %u cannot be killed\n", job->seed);
	failures++;
}

static struct pool pool = {
	.jobs = jobs, .count = JOBS, .ended = ended, .stuck = stuck,
};

static bool run_seeds(unsigned int seed, double seconds)
{
	double began = now(), said = began;
	struct job *job;

	for (; now() < began + seconds; seed++) {
		job = pool_slot(&pool);
		if (!job)
			return false;
		srand(seed);
		if (!job_fork(job, seed, .2 + rand() % 2000 / 1000.))
			launcher(seed);
		if (now() < said + 30)
			continue;
		said = now();
		fprintf(stderr, "storm: seed %u, %u failures\n", seed,
			failures);
	}
	if (!pool_finish(&pool))
		return false;
	printf("# %u Launchers, up to seed %u, %.0f in a minute\n", launchers,
	       seed - 1, launchers * 60 / (now() - began));
	return true;
}

/* No guest outlives its Launchers. */
static bool nothing_left(void)
{
	double limit = now() + GONE_TIME;
	long users;

	do {
		users = number("/sys/module/lg/refcnt", "");
		if (!users)
			return true;
		sleep_ms(100);
	} while (now() < limit);
	printf("# %ld users are left\n", users);
	return false;
}

int main(int argc, char **argv)
{
	unsigned int seed;
	bool good, left;

	if (argc == 2 + GUESTS && !strcmp(argv[1], "after-exec"))
		return after_exec(argv + 2);
	if (argc != 3)
		return 2;
	seed = strtoul(argv[2], NULL, 0);
	printf("KTAP version 1\n1..2\n# from seed %u, for %s s\n", seed,
	       argv[1]);
	put("/proc/sys/vm/nr_hugepages", "16");
	good = run_seeds(seed, atof(argv[1])) && !failures;
	printf("%s 1 storm\n", good ? "ok" : "not ok");
	put("/proc/sys/vm/nr_hugepages", "0");
	left = !nothing_left();
	printf("%s 2 nothing is left\n", left ? "not ok" : "ok");
	return !good || left;
}
