// SPDX-License-Identifier: GPL-2.0
/*
 * The Launcher with the demo guest on a terminal, as a person uses it: wait
 * for the prompt, type, read the answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "test.h"

#define PROMPT		"lguest> "
/* The Launcher's exit status */
#define DIED		3
#define ENDED		4
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static char *launcher, *demo;

/* In which the Launcher is to start, or NULL */
static const char *cgroup;

/* One Launcher on its terminal, and what it has said since the last look */
static pid_t pid;
static int tty;
static char said[1 << 16];
static size_t len;

static void hear_anew(void)
{
	len = 0;
	said[0] = '\0';
}

static void launch_options(char *option, char *another, char *command_line)
{
	char *argv[] = { launcher, option, another, demo, command_line, NULL };

	fflush(stdout);
	pid = forkpty(&tty, NULL, NULL, NULL);
	need(pid >= 0);
	if (!pid) {
		if (cgroup)
			need(put(cgroup, "0"));
		execv(launcher, argv);
		_exit(127);
	}
}

static void launch_with(char *option, char *command_line)
{
	launch_options(option, "--device=/dev/lguest", command_line);
}

static void launch(char *command_line)
{
	launch_with("--rng", command_line);
}

/* Hears what comes within that time. False if nothing has come */
static bool listen_for(int ms)
{
	struct pollfd p = { .fd = tty, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, ms) <= 0 || len + 1 == sizeof(said))
		return false;
	n = read(tty, said + len, sizeof(said) - 1 - len);
	if (n <= 0)
		return false;
	len += n;
	said[len] = '\0';
	return true;
}

static bool is_alive(void)
{
	siginfo_t info = { 0 };

	need(!waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT));
	return !info.si_pid;
}

/* Waits for text, and forgets all up to it. If it does not come, shows what did. */
static bool hear(const char *text)
{
	double end = now() + SOON;
	char *p, *line;

	while (!(p = strstr(said, text))) {
		if (listen_for(100) || (now() < end && is_alive()))
			continue;
		printf("# no \"%s\" in what it said:\n", text);
		for (line = strtok(said, "\r\n"); line;
		     line = strtok(NULL, "\r\n"))
			printf("#   %s\n", line);
		hear_anew();
		return false;
	}
	p += strlen(text);
	len -= p - said;
	memmove(said, p, len + 1);
	return true;
}

static void type(const char *text)
{
	need(write(tty, text, strlen(text)) == (ssize_t)strlen(text));
}

static int exit_status(void)
{
	double end = now() + SOON;
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (now() > end) {
			kill(pid, SIGKILL);
			return -1;
		}
		/* Make room: it might wait for that. */
		listen_for(20);
	}
	/* Nobody has the terminal any more: hear what is left, up to the end. */
	while (listen_for(SOON * 1000))
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void answers(void)
{
	launch(NULL);
	need(hear(PROMPT));
	type("nonesuch\r");
	expect(hear("nonesuch"));
	expect(hear("no command \"nonesuch\""));
	need(hear(PROMPT));
	type("time\r");
	expect(hear(" UTC"));
	need(hear(PROMPT));
	type("memory\r");
	need(hear(PROMPT));
	type("help\r");
	expect(hear("poweroff"));
	need(hear(PROMPT));
	type("poweroff\r");
	expect(exit_status() == 0);
	expect(strstr(said, "powered off"), "%s", said);
}

static void many_lines(void)
{
	int i;

	launch(NULL);
	need(hear(PROMPT));
	for (i = 0; i < 50; i++) {
		char line[32];

		snprintf(line, sizeof(line), "none%d\r", i);
		type(line);
		snprintf(line, sizeof(line), "no command \"none%d\"", i);
		if (!expect(hear(line)))
			break;
	}
	type("poweroff\r");
	expect(exit_status() == 0);
}

static void reboots(void)
{
	int i;

	launch(NULL);
	for (i = 0; i < 3; i++) {
		need(hear("demo guest"));
		need(hear(PROMPT));
		type("reboot\r");
	}
	need(hear("demo guest"));
	need(hear(PROMPT));
	type("poweroff\r");
	expect(exit_status() == 0);
}

static void crash_is_told(void)
{
	launch(NULL);
	need(hear(PROMPT));
	type("crash of a kind\r");
	expect(exit_status() == DIED);
	expect(strstr(said, "CRASH: of a kind"), "%s", said);
}

static void kill_and_reap(int sig)
{
	int status;

	need(!kill(pid, sig));
	need(wait_for(pid, &status, SOON));
	expect(WIFSIGNALED(status) && WTERMSIG(status) == sig, "%#x", status);
	close(tty);
	hear_anew();
}

/* The commands are words of the command line, too. The last one is a panic. */
static void panic_restarts(void)
{
	static char *const lines[] = {
		"panic=-1 ; crash of a kind",
		"panic=0 panic=-1 ; crash of a kind",
		"panic=-0x1 ; crash of a kind",
		"word=\"two words\" panic=-1 ; crash of a kind",
		"panic=\"-1\" ; crash of a kind",
		"\"panic=-1\" ; crash of a kind",
		"panic=-1 panic=soon panic= panic ; crash of a kind",
		"panic=-1 panic=0x panic=99999999999 ; crash of a kind",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		launch(lines[i]);
		expect(hear("guest died: CRASH: of a kind"), "%s", lines[i]);
		expect(hear("demo guest"), "%s", lines[i]);
		kill_and_reap(SIGKILL);
	}
}

static void panic_does_not_restart(void)
{
	static char *const lines[] = {
		"panic=0 ; crash of a kind",
		"panic=-1 panic=0 ; crash of a kind",
		"panic=-1x ; crash of a kind",
		"word=\"two panic=-1\" ; crash of a kind",
		"panic panic=\"-1 \" apanic=-1 ; crash of a kind",
		"panic= -1 ; crash of a kind",
		"panic=99999999999 ; crash of a kind",
		"-- panic=-1 ; crash of a kind",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		launch(lines[i]);
		expect(exit_status() == DIED, "%s", lines[i]);
		expect(strstr(said, "CRASH: of a kind"), "%s", said);
		hear_anew();
	}
}

static void panic_waits(void)
{
	double start;

	launch("panic=2 ; crash of a kind");
	need(hear("CRASH: of a kind"));
	start = now();
	expect(hear("it starts again in 2 s (panic=2)"));
	expect(hear("demo guest"));
	expect(now() - start > 1.5);
	kill_and_reap(SIGKILL);
}

/* What is no panic is for someone to read. */
static void other_ends_are_final(void)
{
	launch("panic=-1 ; poweroff");
	expect(exit_status() == 0);
	expect(strstr(said, "powered off"), "%s", said);
	hear_anew();
	launch("panic=-1 ; fault die");
	expect(exit_status() == DIED);
	expect(strstr(said, "guest died: "), "%s", said);
}

static void one_can_leave_meanwhile(void)
{
	launch("panic=1000 ; crash of a kind");
	need(hear("(panic=1000)"));
	kill_and_reap(SIGINT);
	launch("panic=1000 ; crash of a kind");
	need(hear("(panic=1000)"));
	type("\001x");
	expect(exit_status() == ENDED);
}

static void no_reboot(void)
{
	launch_with("--no-reboot", NULL);
	need(hear(PROMPT));
	type("reboot\r");
	expect(exit_status() == 0);
	expect(strstr(said, "guest rebooted"), "%s", said);
	hear_anew();
	launch_with("--no-reboot", "panic=-1 ; crash of a kind");
	expect(exit_status() == DIED);
}

/* However often it restarts meanwhile */
static void time_is_over(void)
{
	launch_with("--timeout=3", "panic=1 ; crash of a kind");
	expect(exit_status() == ENDED);
	expect(strstr(said, "its time is over"), "%s", said);
	hear_anew();
	launch_with("--timeout=2", NULL);
	expect(exit_status() == ENDED);
}

static void another_escape(void)
{
	launch_with("--escape=^]", NULL);
	need(hear("^] x ends the guest"));
	need(hear(PROMPT));
	type("time\r\001x\003");
	expect(hear(" UTC"));
	need(hear(PROMPT));
	need(!ioctl(tty, TIOCSWINSZ, &(struct winsize){ .ws_row = 43, .ws_col = 132 }));
	type("\035?");
	expect(hear("^] x ends the guest"));
	expect(hear("stty rows 43 cols 132"));
	type("\035x");
	expect(exit_status() == ENDED);
	hear_anew();
	launch_with("--escape=none", NULL);
	need(hear(PROMPT));
	type("\001x\003\003\003");
	type("\r");
	need(hear(PROMPT));
	type("poweroff\r");
	expect(exit_status() == 0);
}

/* The demo does not know what is typed then, so it is ended after a while, or at once. */
static void asked_to_stop(void)
{
	static const int signals[] = { SIGTERM, SIGHUP };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		launch(NULL);
		need(hear(PROMPT));
		need(!kill(pid, signals[i]));
		need(hear("asking the guest to power off"));
		/* s, u and o, without the ^O in front of each */
		expect(hear("suo"), "%s", said);
		if (i)
			need(!kill(pid, SIGTERM));
		expect(exit_status() == ENDED);
		expect(strstr(said, i ? "a second signal" : "did not power off"), "%s", said);
		hear_anew();
	}
}

static void keys_are_the_guests(void)
{
	struct termios was, is;

	need(!openpty(&tty, &(int){ 0 }, NULL, NULL, NULL));
	need(!tcgetattr(tty, &was));
	close(tty);

	launch(NULL);
	need(hear(PROMPT));
	need(!tcgetattr(tty, &is));
	expect(!(is.c_lflag & (ICANON | ECHO | ISIG)));
	expect(!(is.c_iflag & ICRNL));
	/* None of these is interrupt, suspend, quit or end of file here. */
	type("\003");
	type("\032\034\004");
	type("\r");
	need(hear(PROMPT));
	type("time\r");
	expect(hear(" UTC"));
	need(hear(PROMPT));
	type("poweroff\r");
	expect(exit_status() == 0);
	need(!tcgetattr(tty, &is));
	expect(is.c_lflag == was.c_lflag);
	expect(is.c_iflag == was.c_iflag);
}

/* The user can still leave a guest that hears nothing, but not by accident. */
static void a_guest_that_hears_nothing(void)
{
	launch(NULL);
	need(hear(PROMPT));
	type("spin forever\r");
	expect(hear("spinning"));
	sleep_ms(300);
	type("\003\003\003\001\001x\001\003");
	expect(hear("^A x ends the guest"));
	sleep_ms(300);
	expect(is_alive());
	type("\001x");
	expect(exit_status() == ENDED);
}

static bool is_raw(void)
{
	struct termios is;

	need(!tcgetattr(tty, &is));
	return !(is.c_lflag & ICANON);
}

static bool soon_cooked(void)
{
	double end = now() + SOON;

	while (is_raw() && now() < end)
		sleep_ms(20);
	return !is_raw();
}

/* For want of memory, say */
static void the_guest_is_killed(void)
{
	pid_t child;

	launch(NULL);
	need(hear(PROMPT));
	child = child_of(pid);
	need(child);
	need(is_raw());
	need(!kill(child, SIGKILL));
	expect(exit_status() == 1);
	expect(strstr(said, "was ended by signal 9"), "%s", said);
	hear_anew();
}

#define CGROUP	CGROUPS "/console"

/* Launchers are in a cgroup from now on, in which that file says so. */
static void limit(const char *controller, const char *file, const char *value)
{
	char path[128];

	need_cgroups(controller);
	need(!mkdir(CGROUP, 0755) || errno == EEXIST);
	snprintf(path, sizeof(path), CGROUP "/%s", file);
	need(put(path, value));
	cgroup = CGROUP "/cgroup.procs";
}

static void no_limit(void)
{
	need(!rmdir(CGROUP));
	cgroup = NULL;
}

static void memory_runs_out(void)
{
	harms("it has the kernel kill for want of memory");
	limit("memory", "memory.max", "25165824");
	/* Not every kernel can swap. */
	put(CGROUP "/memory.swap.max", "0");
	launch_with("--memory=64", NULL);
	need(hear("may use 64 MB, and 24 MB are available"));
	need(hear(PROMPT));
	need(is_raw());
	type("memory\r");
	expect(exit_status() == 1);
	expect(strstr(said, "process for want of memory: its cgroup may use 24 MB"), "%s", said);
	expect(!is_raw());
	no_limit();
}

/* Above this limit, memory takes its time. */
static void memory_is_short(void)
{
	limit("memory", "memory.high", "12582912");
	put(CGROUP "/memory.swap.max", "0");
	launch_with("--memory=16", "memory;poweroff");
	need(hear("all as they should be"));
	expect(exit_status() == 0);
	expect(number(CGROUP "/memory.events", "high ") > 0);
	no_limit();
}

static void few_processes(void)
{
	limit("pids", "pids.max", "4");
	launch(NULL);
	expect(exit_status() == 1);
	expect(strstr(said, "cannot start a thread"), "%s", said);
	expect(!is_raw());
	need(put(CGROUP "/pids.max", "32"));
	launch("poweroff");
	expect(exit_status() == 0);
	no_limit();
}

/* A shell with job control, on the terminal */
static void launch_shell(void)
{
	fflush(stdout);
	pid = forkpty(&tty, NULL, NULL, NULL);
	need(pid >= 0);
	if (!pid) {
		setenv("PS1", "ready$ ", 1);
		unsetenv("ENV");
		if (!access("/bin/busybox", X_OK))
			execl("/bin/busybox", "sh", "-i", NULL);
		execl("/bin/sh", "sh", "-i", NULL);
		_exit(127);
	}
	need(hear("ready$"));
}

static pid_t last_job(void)
{
	char *rest;
	long job;

	type("echo job''=$!=\r");
	need(hear("job="));
	while (!strchr(said, '='))
		need(listen_for(SOON * 1000));
	job = strtol(said, &rest, 10);
	need(job > 0 && *rest == '=');
	return job;
}

static void a_job_of_a_shell(void)
{
	char line[256];
	pid_t job;

	launch_shell();
	snprintf(line, sizeof(line), "%s %s nonesuch &\r", launcher, demo);
	type(line);
	/* It runs and prints, and neither stops nor takes the shell's keys. */
	need(hear("no command \"nonesuch\""));
	need(hear(PROMPT));
	type("\recho an''swer\r");
	need(hear("answer"));
	job = last_job();

	type("fg\r");
	sleep_ms(1000);
	type("time\r");
	expect(hear(" UTC"));
	need(hear(PROMPT));
	/* Not the end of it */
	type("\003\r");
	need(hear(PROMPT));

	need(!kill(-job, SIGTSTP));
	need(hear("ready$"));
	/* A shell has a mode of its own while it reads. */
	type("cat\r");
	expect(soon_cooked());
	type("another\r");
	need(hear("another"));
	need(hear("another"));
	type("\004");
	need(hear("ready$"));
	type("fg\r");
	sleep_ms(500);
	type("\003time\r");
	expect(hear(" UTC"));
	need(hear(PROMPT));
	type("poweroff\r");
	need(hear("powered off"));
	need(hear("ready$"));
	type("echo sta''tus $?\r");
	expect(hear("status 0"));
	type("exit\r");
	exit_status();
	hear_anew();
}

/* A shell that leaves the terminal's mode alone runs @command, in which %s is a guest. */
static void launch_script(const char *command)
{
	char guest[256], script[512];

	snprintf(guest, sizeof(guest), "%s %s", launcher, demo);
	snprintf(script, sizeof(script), command, guest);
	fflush(stdout);
	pid = forkpty(&tty, NULL, NULL, NULL);
	need(pid >= 0);
	if (!pid) {
		if (!access("/bin/busybox", X_OK))
			execl("/bin/busybox", "sh", "-mc", script, NULL);
		execl("/bin/sh", "sh", "-mc", script, NULL);
		_exit(127);
	}
}

static void kill_parent(void)
{
	pid_t job = child_of(pid);

	need(job && child_of(job));
	need(!kill(job, SIGKILL));
}

/* Neither the guest nor a terminal that is raw is left behind. */
static void the_parent_is_killed(void)
{
	launch_script("%s; exec cat");
	need(hear(PROMPT));
	need(is_raw());
	kill_parent();
	need(hear("its parent is gone"));
	expect(soon_cooked());
	type("still there\r");
	/* As an echo, and from the program */
	expect(hear("still there") && hear("still there"));
	type("\004");
	exit_status();
	hear_anew();
}

/* Whoever has the terminal keeps it as he has set it up. */
static void the_parent_is_killed_in_the_background(void)
{
	struct termios mode;

	launch_script("%s & exec cat");
	need(hear(PROMPT));
	need(!tcgetattr(tty, &mode));
	cfmakeraw(&mode);
	need(!tcsetattr(tty, TCSANOW, &mode));
	kill_parent();
	need(hear("its parent is gone"));
	sleep_ms(100);
	expect(is_raw());
	need(!kill(pid, SIGKILL));
	exit_status();
	hear_anew();
}

/* A guest that panics at each start is not started for ever. */
static void panics_in_a_row(void)
{
	launch("panic=-1 ; crash of a kind");
	expect(exit_status() == DIED);
	expect(strstr(said, "5 times in a row"), "%s", said);
}

/* As timeout(1) and a hangup do it: to the process and to its group, which is one request */
static void asked_twice_at_once(void)
{
	launch(NULL);
	need(hear(PROMPT));
	need(!kill(pid, SIGTERM));
	need(!kill(-pid, SIGTERM));
	need(hear("asking the guest to power off"));
	expect(hear("suo"), "%s", said);
	type("\001x");
	expect(exit_status() == ENDED);
}

/* Whenever it comes, it is heard. */
static void asked_in_the_beginning(void)
{
	int ms, status;

	for (ms = 0; ms < 300; ms += ms / 4 + 1) {
		double end = now() + SOON;
		bool asks = false;

		launch(NULL);
		sleep_ms(ms);
		need(!kill(pid, SIGTERM));
		while (is_alive() && !asks && now() < end) {
			listen_for(20);
			asks = strstr(said, "asking the guest to power off");
		}
		if (!expect(asks || !is_alive(), "after %d ms", ms))
			kill(pid, SIGKILL);
		if (asks)
			need(!kill(pid, SIGINT));
		need(wait_for(pid, &status, SOON));
		if (!asks)
			expect(status == SIGTERM || status == W_EXITCODE(ENDED, 0), "%#x", status);
		close(tty);
		hear_anew();
	}
}

/* Its guest's process stands still from its first instruction on. Returns that process. */
static pid_t launch_held(void)
{
	int gate[2], status;
	unsigned long child;

	need(!pipe(gate));
	fflush(stdout);
	pid = forkpty(&tty, NULL, NULL, NULL);
	need(pid >= 0);
	if (!pid) {
		close(gate[1]);
		if (!read(gate[0], &status, sizeof(status)))
			execl(launcher, launcher, demo, NULL);
		_exit(127);
	}
	need(!ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL));
	close(gate[0]);
	close(gate[1]);
	for (;;) {
		need(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_FORK << 8))
			break;
		need(!ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(status)));
	}
	need(!ptrace(PTRACE_GETEVENTMSG, pid, 0, &child));
	need(waitpid(child, &status, __WALL) == (pid_t)child && WIFSTOPPED(status));
	need(!ptrace(PTRACE_DETACH, pid, 0, 0));
	return child;
}

/* Nobody could power off, so there is nothing to wait for. */
static void asked_before_it_runs(void)
{
	pid_t child = launch_held();
	int status;

	need(!kill(pid, SIGTERM));
	need(waitpid(child, &status, __WALL) == child);
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%#x", status);
	expect(exit_status() == ENDED);
	expect(strstr(said, "ended, as was asked"), "%s", said);
}

/* Its process, name and arguments are what they were. */
static void is_the_same_after_a_reboot(void)
{
	char path[64], name[64] = "";
	pid_t child;
	FILE *f;

	launch(NULL);
	need(hear(PROMPT));
	child = child_of(pid);
	type("reboot\r");
	need(hear("demo guest"));
	need(hear(PROMPT));
	expect(is_alive());
	expect(child_of(pid) && child_of(pid) != child);
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "r");
	need(f);
	need(fgets(name, sizeof(name), f));
	fclose(f);
	expect(!strcmp(name, "lguest\n"), "%s", name);
	type("poweroff\r");
	expect(exit_status() == 0);
}

static int unix_socket(int type, const char *path, struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, type, 0);

	need(fd >= 0);
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	strcpy(address->sun_path, path);
	return fd;
}

/* As a service manager sees it */
static void tells_a_manager(void)
{
	struct sockaddr_un address;
	int fd = unix_socket(SOCK_DGRAM, "/tmp/console.notify", &address);
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char message[64] = "";

	unlink(address.sun_path);
	need(!bind(fd, (struct sockaddr *)&address, sizeof(address)));
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	launch(NULL);
	unsetenv("NOTIFY_SOCKET");
	need(poll(&wait, 1, SOON * 1000) == 1);
	need(recv(fd, message, sizeof(message) - 1, 0) > 0);
	expect(!strcmp(message, "READY=1"), "%s", message);
	need(hear(PROMPT));
	need(!kill(pid, SIGTERM));
	need(poll(&wait, 1, SOON * 1000) == 1);
	memset(message, 0, sizeof(message));
	need(recv(fd, message, sizeof(message) - 1, 0) > 0);
	expect(!strcmp(message, "STOPPING=1"), "%s", message);
	type("\001x");
	expect(exit_status() == ENDED);
	close(fd);
	unlink(address.sun_path);
}

/* Whoever comes reads what was printed before, and may leave and come again. */
static void a_console_on_a_socket(void)
{
	struct sockaddr_un address;
	int i, terminal;

	launch_with("--console=unix=/tmp/console.unix", NULL);
	terminal = tty;
	for (i = 0; i < 2; i++) {
		double end = now() + SOON;

		tty = unix_socket(SOCK_STREAM, "/tmp/console.unix", &address);
		while (connect(tty, (struct sockaddr *)&address, sizeof(address)))
			need(now() < end);
		hear_anew();
		need(hear("demo guest"));
		need(hear(PROMPT));
		type("time\r");
		need(hear(" UTC"));
		need(hear(PROMPT));
		if (!i)
			close(tty);
	}
	type("poweroff\r");
	while (listen_for(1000))
		;
	close(tty);
	tty = terminal;
	expect(exit_status() == 0);
	unlink(address.sun_path);
}

/* Who asks for the console and types in one go is heard. */
static void a_console_on_the_control_socket(void)
{
	static const char line[] = "{\"command\":\"attach\"}\ntime\r";
	struct sockaddr_un address;
	double end = now() + SOON;
	int terminal;

	need(!setenv("XDG_RUNTIME_DIR", "/tmp", 1));
	launch_options("--name=control", "--console=attach", NULL);
	terminal = tty;
	tty = unix_socket(SOCK_STREAM, "/tmp/lguest/control.sock", &address);
	while (connect(tty, (struct sockaddr *)&address, sizeof(address)))
		need(now() < end);
	hear_anew();
	type(line);
	need(hear("\"ok\":true"));
	need(hear(" UTC"));
	type("poweroff\r");
	while (listen_for(1000))
		;
	close(tty);
	tty = terminal;
	expect(exit_status() == 0);
}

static bool has_open(pid_t process, const char *name)
{
	char path[64], is[64];
	bool found = false;
	int fd;

	for (fd = 0; fd < 64 && !found; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", process, fd);
		n = readlink(path, is, sizeof(is) - 1);
		if (n < 0)
			continue;
		is[n] = '\0';
		found = !strcmp(is, name);
	}
	return found;
}

/* The parent keeps it open, and the guest's process has nothing of it. */
static void a_console_on_a_pseudoterminal(void)
{
	int terminal;
	char name[64];

	launch_with("--console=pty", NULL);
	need(hear("console on "));
	while (!strchr(said, '\n'))
		need(listen_for(SOON * 1000));
	need(sscanf(said, "%63s", name) == 1);
	terminal = tty;
	tty = open(name, O_RDWR | O_NOCTTY);
	need(tty >= 0);
	hear_anew();
	need(hear("demo guest"));
	need(hear(PROMPT));
	expect(has_open(pid, name));
	expect(!has_open(child_of(pid), name));
	type("poweroff\r");
	close(tty);
	tty = terminal;
	expect(exit_status() == 0);
}

static void without_a_terminal(void)
{
	int out[2], status;

	need(!pipe(out));
	fflush(stdout);
	pid = fork();
	need(pid >= 0);
	if (!pid) {
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(out[1], 1);
		execl(launcher, launcher, demo, "nonesuch;poweroff", NULL);
		_exit(127);
	}
	close(out[1]);
	tty = out[0];
	expect(hear("no command \"nonesuch\""));
	need(wait_for(pid, &status, SOON));
	expect(WIFEXITED(status) && !WEXITSTATUS(status), "%#x", status);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		CASE(answers),
		CASE(many_lines),
		CASE(reboots),
		CASE(crash_is_told),
		CASE(panic_restarts),
		CASE(panic_does_not_restart),
		CASE(panic_waits),
		CASE(other_ends_are_final),
		CASE(one_can_leave_meanwhile),
		CASE(keys_are_the_guests),
		CASE(a_guest_that_hears_nothing),
		CASE(no_reboot),
		CASE(time_is_over),
		CASE(another_escape),
		CASE(asked_to_stop),
		CASE(the_guest_is_killed),
		CASE(memory_runs_out),
		CASE(memory_is_short),
		CASE(few_processes),
		CASE(the_parent_is_killed),
		CASE(the_parent_is_killed_in_the_background),
		CASE(a_job_of_a_shell),
		CASE(panics_in_a_row),
		CASE(asked_twice_at_once),
		CASE(asked_in_the_beginning),
		CASE(asked_before_it_runs),
		CASE(is_the_same_after_a_reboot),
		CASE(tells_a_manager),
		CASE(a_console_on_a_socket),
		CASE(a_console_on_the_control_socket),
		CASE(a_console_on_a_pseudoterminal),
		CASE(without_a_terminal),
	};

	if (argc != 3) {
		fprintf(stderr, "Usage: %s LAUNCHER DEMO-GUEST\n", argv[0]);
		return 2;
	}
	launcher = argv[1];
	demo = argv[2];
	return RUN_CASES(cases);
}
