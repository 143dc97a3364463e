// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/lguest_launcher.h>
#include "test.h"

#define EXIT_SKIP	4
#define KMEMLEAK	"/sys/kernel/debug/kmemleak"
/* A process that outlives SIGKILL by so many seconds can't be killed. */
#define KILL_TIME	300

static bool case_failed;

bool expect_at(const char *file, int line, bool good, const char *cond,
	       const char *fmt, ...)
{
	va_list ap;

	if (good)
		return true;
	case_failed = true;
	printf("# %s:%d: expected %s", file, line, cond);
	if (*fmt) {
		printf(": ");
		va_start(ap, fmt);
		vprintf(fmt, ap);
		va_end(ap);
	}
	printf("\n");
	return false;
}

void expect_errno_at(const char *file, int line, long ret, int err,
		     const char *call)
{
	int got = errno;

	if (ret >= 0)
		expect_at(file, line, false, call, "to fail, it returned %ld",
			  ret);
	else if (got != err)
		expect_at(file, line, false, call, "to say %s, it said %s",
			  strerrorname_np(err), strerrorname_np(got));
}

void case_end(void)
{
	fflush(stdout);
	_exit(case_failed);
}

void skip(const char *why)
{
	printf("# skipped: %s\n", why);
	fflush(stdout);
	_exit(EXIT_SKIP);
}

bool others_work(void)
{
	return getenv("others_work");
}

void harms(const char *how)
{
	if (others_work())
		skip(how);
}

long delete_module(void)
{
	return syscall(SYS_delete_module, "lg", O_NONBLOCK);
}

long load_module(const char *file, const char *parameters)
{
	int fd = open(file, O_RDONLY);
	long ret;

	need(fd >= 0);
	ret = syscall(SYS_finit_module, fd, parameters, 0);
	close(fd);
	return ret;
}

int run_cases(const struct test_case *cases, int n)
{
	int i, status, bad = 0;
	double end;
	pid_t pid;

	/* We have to wait for a case's orphans. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);

	printf("KTAP version 1\n1..%d\n", n);
	for (i = 0; i < n; i++) {
		fflush(stdout);
		pid = fork();
		if (!pid) {
			/* A group with all that it starts, to be killed */
			setpgid(0, 0);
			cases[i].run();
			case_end();
		}
		if (!wait_for(pid, &status, CASE_SECONDS)) {
			printf("# no end after %d s\n", CASE_SECONDS);
			kill(-pid, SIGKILL);
			if (!wait_for(pid, &status, SOON)) {
				/* Nothing that follows would mean anything. */
				printf("not ok %d %s # cannot be killed\n",
				       i + 1, cases[i].name);
				return 1;
			}
		}
		/* Whatever it has left behind must be in nobody's way. */
		kill(-pid, SIGKILL);
		for (end = now() + SOON; waitpid(-pid, NULL, WNOHANG) >= 0;) {
			if (now() > end) {
				printf("# left a process that cannot be killed\n");
				status = W_EXITCODE(1, 0);
				break;
			}
			sleep_ms(2);
		}
		if (WIFSIGNALED(status))
			printf("# killed by signal %d\n", WTERMSIG(status));
		if (status == W_EXITCODE(EXIT_SKIP, 0)) {
			printf("ok %d %s # SKIP\n", i + 1, cases[i].name);
			continue;
		}
		bad += status != 0;
		printf("%s %d %s\n", status ? "not ok" : "ok", i + 1,
		       cases[i].name);
	}
	return bad != 0;
}

int patience(void)
{
	const char *given = getenv("patience");
	int times = given ? atoi(given) : 1;

	return times > 0 ? times : 1;
}

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

void sleep_ms(int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

bool wait_for(pid_t pid, int *status, double seconds)
{
	double end = now() + seconds;

	for (;;) {
		if (waitpid(pid, status, WNOHANG) == pid)
			return true;
		if (now() > end)
			return false;
		sleep_ms(5);
	}
}

long number(const char *name, const char *word)
{
	FILE *f = fopen(name, "r");
	char line[256];
	long n = -1;

	need(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, word, strlen(word)))
			n = strtol(line + strlen(word), NULL, 10);
	fclose(f);
	return n;
}

char *slurp(const char *name)
{
	static char text[1 << 18];
	int fd = open(name, O_RDONLY);
	size_t len = 0;
	ssize_t n;

	need(fd >= 0);
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	close(fd);
	text[len] = '\0';
	return text;
}

bool leaks_forget(void)
{
	return put(KMEMLEAK, "clear");
}

void expect_no_leaks(void)
{
	char *text;
	int i;

	if (access(KMEMLEAK, R_OK))
		skip("the kernel has no kmemleak");
	/* kmemleak believes in a leak only after a while, and at second sight. */
	for (i = 0; i < 2; i++) {
		sleep_ms(6000);
		need(put(KMEMLEAK, "scan"));
	}
	text = slurp(KMEMLEAK);
	expect(!strstr(text, "[lg]"), "%s", text);
}

void need_cgroups(const char *controller)
{
	if (access(CGROUPS "/cgroup.procs", F_OK) ||
	    !strstr(slurp(CGROUPS "/cgroup.subtree_control"), controller))
		skip("there are no such cgroups");
}

pid_t spawn(void (*fn)(void *), void *arg)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	case_failed = false;
	fn(arg);
	case_end();
}

static void show_file(const char *name, pid_t pid)
{
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		printf("# | %s", line);
	if (f)
		fclose(f);
}

static bool look_after(struct pool *pool, struct job *job)
{
	int status;

	if (waitpid(job->pid, &status, WNOHANG) == job->pid) {
		/* Kill what it has left behind. */
		kill(-job->pid, SIGKILL);
		pool->ended(job, status);
		job->pid = 0;
		return true;
	}
	if (now() < job->end)
		return true;
	if (!job->killed) {
		kill(-job->pid, SIGKILL);
		job->killed = true;
		job->end = now() + KILL_TIME;
		return true;
	}
	pool->stuck(job);
	show_file("status", job->pid);
	show_file("wchan", job->pid);
	show_file("stack", job->pid);
	fflush(stdout);
	return false;
}

static bool look_after_all(struct pool *pool)
{
	bool good = true;
	int i;

	if (pool->meanwhile)
		pool->meanwhile();
	for (i = 0; i < pool->count; i++)
		if (pool->jobs[i].pid)
			good &= look_after(pool, &pool->jobs[i]);
	sleep_ms(5);
	return good;
}

struct job *pool_slot(struct pool *pool)
{
	int i;

	do {
		for (i = 0; i < pool->count; i++)
			if (!pool->jobs[i].pid)
				return &pool->jobs[i];
	} while (look_after_all(pool));
	return NULL;
}

bool pool_finish(struct pool *pool)
{
	int i;

	for (i = 0; i < pool->count; i++)
		while (pool->jobs[i].pid)
			if (!look_after_all(pool))
				return false;
	return true;
}

pid_t job_fork(struct job *job, unsigned int seed, double seconds)
{
	fflush(stdout);
	job->pid = fork();
	need(job->pid >= 0);
	if (!job->pid) {
		setpgid(0, 0);
		return 0;
	}
	/* Both do this, as either may come first. */
	setpgid(job->pid, job->pid);
	job->seed = seed;
	job->killed = false;
	job->end = now() + seconds;
	return job->pid;
}

bool put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

int lg_open(void)
{
	int fd = open("/dev/lguest", O_RDWR);

	need(fd >= 0);
	return fd;
}

#ifdef __x86_64__
unsigned long user_end(void)
{
	static unsigned long end;
	char word[64];
	FILE *f;

	if (end)
		return end;
	f = fopen("/proc/cpuinfo", "r");
	need(f);
	end = 0x7ffffffff000UL;
	while (fscanf(f, "%63s", word) == 1)
		if (!strcmp(word, "la57"))
			end = 0xfffffffffff000UL;
	fclose(f);
	return end;
}
#endif

ssize_t lg_write_words(int fd, const unsigned long *words, size_t bytes)
{
	return write(fd, words, bytes);
}

void guest_code(char *mem, const char *code, const char *end)
{
	need(end - code <= 4096);
	memcpy(mem + CODE, code, end - code);
	/* Page offset and system call vector, as 3.2 and later lay them out */
	*(unsigned int *)(mem + DATA + 1384) = 0xc0000000;
	*(unsigned int *)(mem + DATA + 1388) = 0x80;
}

char *guest_memory(const char *code, const char *end, int mmap_flags)
{
	char *mem = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			 mmap_flags | MAP_ANONYMOUS, -1, 0);

	need(mem != MAP_FAILED);
	guest_code(mem, code, end);
	return mem;
}

void guest_start_flags(struct guest *g, const char *code, const char *end,
		       int mmap_flags)
{
	g->mem = guest_memory(code, end, mmap_flags);
	g->fd = lg_open();
	need(lg_write(g->fd, LHREQ_INITIALIZE, (unsigned long)g->mem, PAGES,
		      CODE) > 0);
}

bool counts(struct guest *g)
{
	unsigned int was = counter(g);
	double end = now() + SOON;

	while (counter(g) == was) {
		if (now() > end)
			return false;
		sleep_ms(1);
	}
	return true;
}

static void on_alarm(int signal)
{
	(void)signal;
}

const char *expect_death(struct guest *g)
{
	struct sigaction act = { .sa_handler = on_alarm }, was;
	static char reason[256];
	ssize_t n;
	int err;

	/* A guest that wrongly lives does not come back by itself. */
	need(!sigaction(SIGALRM, &act, &was));
	alarm(SOON);
	n = read(g->fd, reason, sizeof(reason));
	err = errno;
	alarm(0);
	need(!sigaction(SIGALRM, &was, NULL));

	errno = err;
	expect_errno(n, ENOENT);
	if (n >= 0 || err != ENOENT)
		case_end();
	n = read(g->fd, reason, sizeof(reason));
	need(n > 1);
	need(memchr(reason, '\0', n) == reason + n - 1);
	return reason;
}

void dies_of_gone_memory(struct guest *g)
{
	const char *reason = expect_death(g);

	expect(strstr(reason, "gone"), "%s", reason);
}

void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	need(!sched_setaffinity(0, sizeof(set), &set));
}

static int guests_cpu;

static void run_for_ever(void *arg)
{
	struct guest *g = arg;
	unsigned long addr = 0;
	ssize_t n;

	pin(guests_cpu);
	g->fd = lg_open();
	need(lg_write(g->fd, LHREQ_INITIALIZE, (unsigned long)g->mem, PAGES,
		      CODE) > 0);
	need(!lg_write(g->fd, LHREQ_EVENTFD, GUEST_EVENTFD, eventfd(0, 0)));
	/* It never has a reason to come back. */
	n = read(g->fd, &addr, sizeof(addr));
	expect(false, "the guest returned %zd (%m), %#lx", n, addr);
}

pid_t guest_on_cpu(struct guest *g, int cpu, const char *code, const char *end)
{
	pid_t pid;

	g->mem = guest_memory(code, end, MAP_SHARED);
	guests_cpu = cpu;
	pid = spawn(run_for_ever, g);
	need(pid > 0);
	need(counts(g));
	return pid;
}

pid_t child_of(pid_t parent)
{
	struct dirent *entry;
	pid_t found = 0;
	DIR *dir = opendir("/proc");

	need(dir);
	while (!found && (entry = readdir(dir))) {
		char path[300];
		int pid = atoi(entry->d_name), is = 0;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		f = pid ? fopen(path, "r") : NULL;
		if (!f)
			continue;
		if (fscanf(f, "%*d (%*[^)]) %*c %d", &is) == 1 && is == parent)
			found = pid;
		fclose(f);
	}
	closedir(dir);
	return found;
}
