// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that has taken over its Launcher: each thread of a running guest's process is made
 * to do what it must not, from outside, by ptrace. It has to be killed for that, and where
 * the sandbox is off, it has not: so this can tell the one from the other.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include "test.h"

#define PROMPT		"lguest> "
#define THREADS_MAX	16
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static char *launcher, *demo;

static pid_t parent, child, threads[THREADS_MAX];
static unsigned int thread_count;
static int out;

static bool hear(const char *text)
{
	char said[1 << 14];
	size_t len = 0;

	while (len < sizeof(said) - 1) {
		struct pollfd p = { .fd = out, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, SOON * 1000) <= 0)
			return false;
		n = read(out, said + len, sizeof(said) - 1 - len);
		if (n <= 0)
			return false;
		len += n;
		said[len] = '\0';
		if (strstr(said, text))
			return true;
	}
	return false;
}

static void find_threads(void)
{
	char path[64];
	struct dirent *entry;
	DIR *dir;

	child = child_of(parent);
	need(child);
	snprintf(path, sizeof(path), "/proc/%d/task", child);
	dir = opendir(path);
	need(dir);
	thread_count = 0;
	while ((entry = readdir(dir)) && thread_count < THREADS_MAX) {
		if (atoi(entry->d_name))
			threads[thread_count++] = atoi(entry->d_name);
	}
	closedir(dir);
}

/* A guest at its prompt. @option: of the Launcher's */
static void launch(char *option)
{
	char *argv[] = { launcher, "--rng", "--block=/tmp/sandbox.disk", option, demo, NULL };
	int in[2], pipe_out[2];

	need(!pipe(in) && !pipe(pipe_out));
	parent = fork();
	need(parent >= 0);
	if (!parent) {
		dup2(in[0], 0);
		dup2(pipe_out[1], 1);
		dup2(pipe_out[1], 2);
		close(in[1]);
		close(pipe_out[0]);
		execv(launcher, argv);
		_exit(127);
	}
	close(in[0]);
	close(pipe_out[1]);
	out = pipe_out[0];
	need(hear(PROMPT));
	find_threads();
}

static void put_away(void)
{
	int status;

	kill(parent, SIGKILL);
	need(wait_for(parent, &status, SOON));
	close(out);
}

struct attempt {
	const char *name;
	long nr;
	/* Of these, one may be the string, in the thread's memory. */
	unsigned long args[5];
	char string[16];
};

#define STRING		0x5712
#define STACK_GAP	4096

static const struct attempt attempts[] = {
	{ "open", SYS_openat, { AT_FDCWD, STRING, O_RDONLY }, "/dev/null" },
	{ "exec", SYS_execve, { STRING, 0, 0 }, "/bin/busybox" },
	{ "socket", SYS_socket, { AF_UNIX, SOCK_STREAM, 0 }, "" },
	{ "connect", SYS_connect, { 0, STRING, sizeof(struct sockaddr_un) }, "\1\0/dev/log" },
	{ "ptrace", SYS_ptrace, { PTRACE_SEIZE, 1, 0, 0 }, "" },
	{ "clone", SYS_clone, { SIGCHLD, 0, 0, 0, 0 }, "" },
	{ "kill", SYS_kill, { 1, 0 }, "" },
	{ "mmap code", SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1UL }, "" },
	{ "type on the terminal", SYS_ioctl, { 0, TIOCSTI, STRING }, "x" },
	{ "bpf", SYS_bpf, { 0, 0, 0 }, "" },
};

/* On to the next beginning or end of a system call. False if @thread does not get there. */
static bool next_stop(pid_t thread)
{
	int status;

	do {
		if (ptrace(PTRACE_SYSCALL, thread, 0, 0) ||
		    waitpid(thread, &status, __WALL) != thread || !WIFSTOPPED(status))
			return false;
	} while (WSTOPSIG(status) != (SIGTRAP | 0x80));
	return true;
}

/*
 * Let @thread make a system call, and go on as if nothing had been. Returns what it was told.
 * One that is to be killed is told nothing, and goes on to that.
 */
static long inject(pid_t thread, const struct attempt *attempt)
{
	struct user_regs_struct regs, before;
	unsigned long args[5], at;
	long word;
	int status;

	need(!ptrace(PTRACE_SEIZE, thread, 0, PTRACE_O_TRACESYSGOOD));
	need(!ptrace(PTRACE_INTERRUPT, thread, 0, 0));
	need(waitpid(thread, &status, __WALL) == thread && WIFSTOPPED(status));
	need(!ptrace(PTRACE_GETREGS, thread, 0, &regs));
	/* It sleeps in a system call, behind the instruction for that. */
	word = ptrace(PTRACE_PEEKTEXT, thread, regs.rip - 2, 0);
	need((word & 0xffff) == 0x050f);
	before = regs;
	before.rip -= 2;
	before.rax = before.orig_rax;
	before.orig_rax = -1;

	at = (regs.rsp - STACK_GAP) & ~15UL;
	for (size_t i = 0; i < sizeof(attempt->string); i += sizeof(word)) {
		memcpy(&word, attempt->string + i, sizeof(word));
		need(!ptrace(PTRACE_POKEDATA, thread, at + i, word));
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(args); i++)
		args[i] = attempt->args[i] == STRING ? at : attempt->args[i];
	regs.rip -= 2;
	regs.orig_rax = -1;
	regs.rax = attempt->nr;
	regs.rdi = args[0];
	regs.rsi = args[1];
	regs.rdx = args[2];
	regs.r10 = args[3];
	regs.r8 = args[4];
	need(!ptrace(PTRACE_SETREGS, thread, 0, &regs));
	/* To its beginning, and to its end */
	need(next_stop(thread) && next_stop(thread));
	need(!ptrace(PTRACE_GETREGS, thread, 0, &regs));
	need(!ptrace(PTRACE_SETREGS, thread, 0, &before));
	need(!ptrace(PTRACE_DETACH, thread, 0, 0));
	return regs.rax;
}

static void each_thread_is_killed(void)
{
	unsigned int count = 0;

	launch("--sandbox=on");
	count = thread_count;
	put_away();
	printf("# %u threads\n", count);
	/* The vCPU's, the watch's, and five of queues: console, disk, random numbers */
	need(count >= 6);
	for (unsigned int a = 0; a < ARRAY_SIZE(attempts); a++) {
		for (unsigned int i = 0; i < count; i++) {
			int status;

			launch("--sandbox=on");
			need(thread_count == count);
			inject(threads[i], &attempts[a]);
			/* The parent tells how it was, and ends. */
			if (!expect(wait_for(parent, &status, SOON), "%s by thread %u",
				    attempts[a].name, i)) {
				put_away();
				continue;
			}
			expect(WIFEXITED(status) && WEXITSTATUS(status) == 1, "%#x", status);
			expect(hear("signal 31"), "%s by thread %u", attempts[a].name, i);
			close(out);
		}
	}
}

/* What is found to be forbidden above is possible without a sandbox. */
static void off_is_off(void)
{
	launch("--sandbox=off");
	for (unsigned int i = 0; i < thread_count; i++) {
		long result = inject(threads[i], &attempts[0]);

		expect(result >= 0, "open by thread %u gave %ld", i, result);
	}
	sleep_ms(500);
	expect(!kill(child, 0));
	put_away();
}

static void status_of_threads(const char *word, const char *value)
{
	for (unsigned int i = 0; i < thread_count; i++) {
		char path[64], *line;

		snprintf(path, sizeof(path), "/proc/%d/task/%d/status", child, threads[i]);
		line = strstr(slurp(path), word);
		need(line);
		line += strlen(word);
		line += strspn(line, "\t ");
		expect(!strncmp(line, value, strlen(value)), "%s%.16s", word, line);
	}
}

static void has_no_rights(void)
{
	launch("--user=65534:65534");
	status_of_threads("\nUid:", "65534\t65534\t65534\t65534");
	status_of_threads("\nGroups:", "\n");
	status_of_threads("\nCapEff:", "0000000000000000");
	status_of_threads("\nCapPrm:", "0000000000000000");
	status_of_threads("\nNoNewPrivs:", "1");
	status_of_threads("\nSeccomp:", "2");
	put_away();
	launch("--sandbox=on");
	status_of_threads("\nCapEff:", "0000000000000000");
	put_away();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		CASE(off_is_off),
		CASE(each_thread_is_killed),
		CASE(has_no_rights),
	};
	int fd;

	if (argc != 3) {
		fprintf(stderr, "Usage: %s LAUNCHER DEMO-GUEST\n", argv[0]);
		return 2;
	}
	launcher = argv[1];
	demo = argv[2];
	fd = open("/tmp/sandbox.disk", O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, 1 << 20))
		return 2;
	close(fd);
	return RUN_CASES(cases);
}
