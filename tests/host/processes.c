// SPDX-License-Identifier: GPL-2.0
/*
 * A Launcher is a process like any other: it can be debugged, frozen, and kept
 * short of CPU time. It may give its file away, and give up its root directory and
 * its user's rights.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <linux/lguest_launcher.h>
#include "test.h"

GUEST(count, "1: incl 0x3000\njmp 1b\n");
GUEST(notifier, G_INIT G_NOTIFY(0x123000) G_FOREVER);
/* Halts, and says when irq 5 has ended that, the only one with a handler */
GUEST(await, "mov $0x8000, %esp\n" G_INIT
	"mov $0x00611100, %ecx\nmov $0x8e00, %edx\n" G_HCALL(6, 37)
	G_HCALL(10, 0) "9: jmp 9b\n"
	"\n.org await + 0x100\n" G_NOTIFY(0x555000) G_FOREVER);

static void initialize(struct guest *g)
{
	need(lg_write(g->fd, LHREQ_INITIALIZE, (unsigned long)g->mem, PAGES,
		      CODE) > 0);
}

static void run_for_ever(void *arg)
{
	struct guest *g = arg;
	unsigned long addr;

	g->fd = lg_open();
	initialize(g);
	for (;;)
		if (read(g->fd, &addr, sizeof(addr)) < 0)
			break;
	expect(false, "the guest ended: %m");
}

static pid_t launch(struct guest *g)
{
	pid_t pid;

	g->mem = guest_memory(count, count_end, MAP_SHARED);
	pid = spawn(run_for_ever, g);
	need(pid > 0);
	need(counts(g));
	return pid;
}

/* Whether the guest comes to a stop, which may take a moment */
static bool stands_still(struct guest *g)
{
	double end = now() + SOON;
	unsigned int was;

	do {
		was = counter(g);
		sleep_ms(100);
	} while (counter(g) != was && now() < end);
	return counter(g) == was;
}

static void debugger(void)
{
	struct user_regs_struct regs;
	struct guest g;
	int i, status;
	pid_t pid;

	pid = launch(&g);
	for (i = 0; i < 5; i++) {
		need(!ptrace(PTRACE_ATTACH, pid, 0, 0));
		need(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
		need(!ptrace(PTRACE_GETREGS, pid, 0, &regs));
		expect(stands_still(&g));
		need(!ptrace(PTRACE_DETACH, pid, 0, 0));
		expect(counts(&g));
	}
}

/* The guest writes to the watched address, but in its own address space. */
static void watchpoint(void)
{
	enum { WRITE_4_BYTES = 0xd0001, SLOTS = 4 };
	struct guest g;
	int i, status;
	pid_t pid;

	pid = launch(&g);
	need(!ptrace(PTRACE_SEIZE, pid, 0, 0));
	need(!ptrace(PTRACE_INTERRUPT, pid, 0, 0));
	need(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	for (i = 0; i < SLOTS; i++) {
		size_t dr = offsetof(struct user, u_debugreg);
		size_t word = sizeof(((struct user *)0)->u_debugreg[0]);

		need(!ptrace(PTRACE_POKEUSER, pid, dr + i * word, COUNTER));
		if (!i)
			need(!ptrace(PTRACE_POKEUSER, pid, dr + 7 * word,
				     WRITE_4_BYTES));
	}
	need(!ptrace(PTRACE_CONT, pid, 0, 0));
	expect(counts(&g));
	sleep_ms(200);
	expect(!waitpid(pid, &status, WNOHANG));
	expect(counts(&g));
}

/*
 * After a few steps the Launcher is in read() again, where the guest runs. That
 * step may end early: a kernel with something to see to in user mode sends the
 * Launcher there.
 */
static void step_over_read(void)
{
	double end = now() + SOON;
	struct guest g;
	unsigned int was;
	int i, status;
	pid_t pid;

	pid = launch(&g);
	need(!ptrace(PTRACE_ATTACH, pid, 0, 0));
	need(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	was = counter(&g);
	for (i = 0; i < 200 && counter(&g) == was; i++) {
		need(!ptrace(PTRACE_SINGLESTEP, pid, 0, 0));
		/* Until the step ends, or the guest runs */
		while (!waitpid(pid, &status, WNOHANG) &&
		       counter(&g) == was && now() < end)
			sleep_ms(1);
	}
	expect(counter(&g) != was);
	need(!kill(pid, SIGKILL));
	/* The last step may have ended just before. */
	do
		need(wait_for(pid, &status, SOON));
	while (WIFSTOPPED(status));
	expect(WIFSIGNALED(status));
}

#define CGROUP	CGROUPS "/lguest"

static long cpu_time_us(void)
{
	return number(CGROUP "/cpu.stat", "usage_usec ");
}

static void enter_cgroup(pid_t pid)
{
	char text[16];

	mkdir(CGROUP, 0755);
	snprintf(text, sizeof(text), "%d", pid);
	need(put(CGROUP "/cgroup.procs", text));
}

static void leave_cgroup(pid_t pid)
{
	double end = now() + SOON;
	int status;

	need(!kill(pid, SIGKILL));
	need(wait_for(pid, &status, SOON));
	/* The cgroup may take a moment to be empty. */
	while (rmdir(CGROUP)) {
		need(errno == EBUSY && now() < end);
		sleep_ms(5);
	}
}

static void freezer(void)
{
	struct guest g;
	pid_t pid;
	int i;

	need_cgroups("");
	pid = launch(&g);
	enter_cgroup(pid);
	for (i = 0; i < 5; i++) {
		need(put(CGROUP "/cgroup.freeze", "1"));
		expect(stands_still(&g));
		need(put(CGROUP "/cgroup.freeze", "0"));
		expect(counts(&g));
	}
	leave_cgroup(pid);
}

/*
 * The guest gets a tenth of a CPU, and not much more: an emulated machine's clock
 * is coarse. CPU 0 has its tick: before 6.6, kernels limit no process where
 * nohz_full has stopped that.
 */
static void cpu_limit(void)
{
	double start, ms;
	struct guest g;
	long before, used;
	pid_t pid;

	need_cgroups("cpu");
	pid = guest_on_cpu(&g, 0, count, count_end);
	enter_cgroup(pid);
	need(put(CGROUP "/cpu.max", "10000 100000"));
	sleep_ms(300);
	start = now();
	before = cpu_time_us();
	/*
	 * A stall of the whole machine may count as its time, for which it has to
	 * wait afterwards. In the long run it gets no more than its share.
	 */
	do {
		sleep_ms(2000);
		used = cpu_time_us() - before;
		ms = (now() - start) * 1e3;
	} while ((!used || used >= ms * 1e3 / 4) && ms < SOON * 1e3);
	printf("# %ld us in %.0f ms\n", used, ms);
	expect(used > 0 && used < ms * 1e3 / 4, "%ld", used);
	expect(counts(&g));
	leave_cgroup(pid);
}

static void send_file(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = "", byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	need(sendmsg(sock, &msg, 0) == 1);
}

static int receive_file(int sock)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	need(recvmsg(sock, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

static void wait_for_irq(struct guest *g)
{
	unsigned long addr;

	expect(read(g->fd, &addr, sizeof(addr)) == sizeof(addr), "%m");
	expect(addr == 0x555000, "%#lx", addr);
}

/* The file is another process's: it does nothing that is asked of it. */
static void expect_useless(int fd)
{
	char *mem = guest_memory(count, count_end, MAP_PRIVATE), buf[64];

	expect_errno(lg_write(fd, LHREQ_INITIALIZE, (unsigned long)mem, PAGES,
			      CODE), EPERM);
	expect_errno(lg_write(fd, LHREQ_IRQ, 5), EPERM);
	expect_errno(lg_write(fd, LHREQ_EVENTFD, 0x123000, eventfd(0, 0)),
		     EPERM);
	expect_errno(lg_write(fd, LHREQ_GETREG, 0), EPERM);
	expect_errno(write(fd, "hello, world\n", 13), EPERM);
	expect_errno(read(fd, buf, sizeof(buf)), EPERM);
}

static void use_received(void *arg)
{
	int fd = receive_file(*(int *)arg);

	expect_useless(fd);
	close(fd);
}

static void use_inherited(void *arg)
{
	expect_useless(*(int *)arg);
}

static void file_of_another_process(void)
{
	int sock[2], status, i, fd = lg_open();
	struct guest g;
	pid_t pid;

	guest_start(&g, await);
	for (i = 0; i < 2; i++) {
		/* One file without a guest yet, and one with */
		need(!socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
		pid = spawn(use_received, &sock[1]);
		send_file(sock[0], i ? g.fd : fd);
		expect(wait_for(pid, &status, SOON) && !status, "%d: %#x", i,
		       status);
		pid = spawn(use_inherited, i ? &g.fd : &fd);
		expect(wait_for(pid, &status, SOON) && !status, "%d: %#x", i,
		       status);
	}
	/* This process may use its own file, and no irq has come from others. */
	g.mem = guest_memory(await, await_end, MAP_PRIVATE);
	g.fd = fd;
	initialize(&g);
	need(!lg_write(g.fd, LHREQ_IRQ, 5));
	wait_for_irq(&g);
}

/*
 * A program with more rights than who runs it. It only writes what it was given to
 * its stdout, and reads its stdin, but both are /dev/lguest.
 */
enum { WROTE = 1, READ = 2, NO_MORE = 4 };

#define DEPUTY	"/tmp/deputy"

static int deputy(void)
{
	char *mem = guest_memory(notifier, notifier_end, MAP_PRIVATE);
	unsigned long words[] = { LHREQ_INITIALIZE, (unsigned long)mem, PAGES,
				  CODE };
	char buf[64];
	int bad = 0;

	if (geteuid() || !getuid())
		bad |= NO_MORE;
	if (write(1, words, sizeof(words)) >= 0 || errno != EPERM)
		bad |= WROTE;
	if (read(0, buf, sizeof(buf)) >= 0 || errno != EPERM)
		bad |= READ;
	return bad;
}

static void hand_to_deputy(void *unused)
{
	int fd;

	(void)unused;
	need(!setgid(65534) && !setuid(65534));
	fd = lg_open();
	fflush(stdout);
	need(dup2(fd, 0) == 0 && dup2(fd, 1) == 1);
	execl(DEPUTY, DEPUTY, "deputy", NULL);
	_exit(127);
}

static void make_deputy(void)
{
	int from = open("/proc/self/exe", O_RDONLY);
	int to = open(DEPUTY, O_WRONLY | O_CREAT | O_EXCL, 0755);
	ssize_t n;

	need(from >= 0 && to >= 0);
	do {
		n = sendfile(to, from, NULL, 1 << 20);
	} while (n > 0);
	need(!n && !fchmod(to, 04755));
	close(from);
	close(to);
}

static void confused_deputy(void)
{
	int status;

	make_deputy();
	need(!chmod("/dev/lguest", 0666));
	expect(wait_for(spawn(hand_to_deputy, NULL), &status, SOON) && !status,
	       "%#x", status);
	need(!chmod("/dev/lguest", 0600) && !unlink(DEPUTY));
}

/* A program that gives up rights for a while, and opens the file meanwhile */
static void rights_change_before_initialize(void)
{
	struct guest g;

	g.mem = guest_memory(await, await_end, MAP_PRIVATE);
	need(!chmod("/dev/lguest", 0666));
	need(!seteuid(65534));
	g.fd = lg_open();
	need(!seteuid(0));
	need(!chmod("/dev/lguest", 0600));
	expect_errno(lg_write(g.fd, LHREQ_INITIALIZE, (unsigned long)g.mem,
			      PAGES, CODE), EPERM);
	expect_errno(lg_write(g.fd, LHREQ_IRQ, 5), EINVAL);
	/* Nor the other way round */
	close(g.fd);
	g.fd = lg_open();
	need(!setgid(65534) && !setuid(65534));
	expect_errno(lg_write(g.fd, LHREQ_INITIALIZE, (unsigned long)g.mem,
			      PAGES, CODE), EPERM);
}

/* Serves a device: shares the memory, but is a process of its own. */
static int serve(void *arg)
{
	struct guest *g = arg;

	if (chroot("/proc/self/fdinfo") || setgid(65534) || setuid(65534))
		return 1;
	sleep_ms(100);
	return lg_write(g->fd, LHREQ_IRQ, 5) != 0;
}

static void server_without_rights(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	struct guest g;
	int status;
	pid_t pid;

	guest_start(&g, await);
	pid = clone(serve, stack + sizeof(stack),
		    CLONE_VM | CLONE_FILES | CLONE_SIGHAND | SIGCHLD, &g);
	need(pid > 0);
	wait_for_irq(&g);
	expect(wait_for(pid, &status, SOON) && !status, "%#x", status);
}

/* The Launcher itself gives up its rights once the guest is there. */
static void launcher_without_rights(void)
{
	struct guest g;

	guest_start(&g, await);
	need(!lg_write(g.fd, LHREQ_IRQ, 5));
	need(!chroot("/proc/self/fdinfo") && !setgid(65534) && !setuid(65534));
	wait_for_irq(&g);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		CASE(debugger),
		CASE(watchpoint),
		CASE(step_over_read),
		CASE(freezer),
		CASE(cpu_limit),
		CASE(file_of_another_process),
		CASE(confused_deputy),
		CASE(rights_change_before_initialize),
		CASE(server_without_rights),
		CASE(launcher_without_rights),
	};

	if (argc == 2 && !strcmp(argv[1], "deputy"))
		return deputy();
	return RUN_CASES(cases);
}
