// SPDX-License-Identifier: GPL-2.0
/*
 * The parent. It opens what the guest is to have, and then has a process for each life of the
 * guest, from a start to a reboot. All that such a process has of a guest is gone with it, and
 * what it inherits stays: disks with their locks, network interfaces, the terminal. So it
 * may give up every right to open more.
 *
 * The process says how its guest has ended by its exit status. What it says may be a lie of a
 * guest that has taken it over: believed is nothing but that, once it is gone.
 */
#include "launcher.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A guest that so many times in a row panics so soon won't do better the next time. */
#define PANICS_MAX	5
#define SOON_MS		(5 * 60 * 1000)

#define SECOND_SIGNAL_MS	1000
/* What a process that was killed may need to be gone */
#define GONE_MS			10000

static const struct machine *machine;
static pid_t child;
static int channel = -1;
static __u64 born;
static unsigned int panics, lives;
static bool runs, is_paused;

static void begin_life(void);
static void time_is_over(void);

static struct timer timeout = { .over = time_is_over };
static struct timer restart = { .over = begin_life };

/* Kill the guest's process. Returns false if it does not go. */
static bool kill_child(void)
{
	__u64 until = loop_now() + GONE_MS;

	if (!child)
		return true;
	kill(child, SIGKILL);
	while (waitpid(child, NULL, WNOHANG) == 0) {
		if (loop_now() > until)
			return false;
		usleep(10000);
	}
	child = 0;
	return true;
}

/* Nothing that the guest wrote may be lost without a word. Returns the status for that. */
static int finish_disks(int status)
{
	const char *lost, *unclosed;

	disks_renew();
	lost = disks_flush();
	unclosed = disks_close();
	if (lost)
		fprintf(stderr, "lguest: something that the guest wrote to %s is lost\n", lost);
	else if (unclosed)
		fprintf(stderr, "lguest: the image %s was not closed, so look at it\n", unclosed);
	return lost || unclosed ? EXIT_FAILED : status;
}

/* All that is to be as it was */
static void leave(void)
{
	hub_finish();
	terminal_restore();
	control_close();
}

/* What there is to do whatever the Launcher ends for. Returns the exit status. */
static int finish(int status, const char *why, bool flush)
{
	if (!kill_child())
		fprintf(stderr, "lguest: the guest's process %d does not end\n", child);
	leave();
	if (why)
		fprintf(stderr, "lguest: %s\n", why);
	if (flush)
		return finish_disks(status);
	disks_close();
	return status;
}

/**
 * supervisor_end() - end the Launcher, and its guest if there is one, with its disks flushed
 * @status: the exit status
 * @why: what the user is told; NULL if he has been
 */
void supervisor_end(int status, const char *why)
{
	exit(finish(status, why, true));
}

/**
 * supervisor_kill() - end the guest and the Launcher at once
 * @why: what the user is told
 */
void supervisor_kill(const char *why)
{
	exit(finish(EXIT_ENDED, why, false));
}

/**
 * supervisor_pause() - let the guest stand still, or go on
 * @pause: which of the two
 */
void supervisor_pause(bool pause)
{
	is_paused = pause;
	if (child)
		kill(child, pause ? SIGSTOP : SIGCONT);
}

/** supervisor_status() - how the guest is */
struct supervisor_status supervisor_status(void)
{
	return (struct supervisor_status) {
		.machine = machine,
		.state = stop_is_asked() ? "stopping" : !child ? "restarting" :
			 is_paused ? "paused" : runs ? "running" : "starting",
		.child = child,
		.lives = lives,
		.age_ms = loop_now() - born,
	};
}

/**
 * supervisor_tell() - let the guest's process do something
 * @what: that
 */
void supervisor_tell(enum command what)
{
	char c = what;

	/* One that has so much unread, or is gone, misses nothing by it. */
	if (child)
		send(channel, &c, sizeof(c), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void time_is_over(void)
{
	supervisor_end(EXIT_ENDED, "ended, as its time is over");
}

/* Again and again, but not for ever: nobody may be looking. */
static void restart_after_panic(void)
{
	int seconds = machine->panic_timeout;
	char why[80];

	if (loop_now() - born > SOON_MS)
		panics = 0;
	if (++panics == PANICS_MAX) {
		snprintf(why, sizeof(why),
			 "it panicked %u times in a row, soon after each start: given up", panics);
		supervisor_end(EXIT_DIED, why);
	}
	if (seconds > 0)
		fprintf(stderr, "lguest: it starts again in %d s (panic=%d)\n", seconds,
			seconds);
	timer_start(&restart, seconds > 0 ? seconds * 1000ULL : 0);
}

/* The guest's process did not end by itself. */
static void tell_of_signal(int sig)
{
	const char *why = sig == SIGKILL ? host_memory_why() : NULL;

	if (why)
		fprintf(stderr, "lguest: the host's kernel ended the guest's process %s\n", why);
	else
		fprintf(stderr, "lguest: the guest's process was ended by signal %d (%s)%s\n",
			sig, strsignal(sig), sig == SIGKILL ? ", by somebody" : "");
}

static void guest_ended(int status)
{
	int code = EXIT_POWERED_OFF;

	if (WIFSIGNALED(status)) {
		tell_of_signal(WTERMSIG(status));
		supervisor_end(EXIT_FAILED, NULL);
	}
	switch (WEXITSTATUS(status)) {
	case EXIT_REBOOTED:
		if (stop_is_asked())
			supervisor_end(EXIT_POWERED_OFF,
				       "the guest rebooted, and is ended as was asked");
		if (!machine->reboots)
			supervisor_end(EXIT_POWERED_OFF, "guest rebooted (--no-reboot)");
		panics = 0;
		begin_life();
		break;
	case EXIT_PANICKED:
		if (stop_is_asked() || !machine->reboots || !machine->panic_timeout)
			supervisor_end(EXIT_DIED, NULL);
		restart_after_panic();
		break;
	case EXIT_POWERED_OFF:
		if (exec_is_on() && !exec_status(&code))
			supervisor_end(EXIT_FAILED,
				       "the guest powered off before the command was over");
		supervisor_end(code, NULL);
	default:
		supervisor_end(WEXITSTATUS(status), NULL);
	}
}

static void guest_runs(void)
{
	runs = true;
	if (stream_output() == STDOUT_FILENO)
		terminal_start();
	detach_ready();
	notify_manager("READY=1");
}

/* The process is gone, or runs from now on. */
static void heard(int fd, void *arg)
{
	char c;
	ssize_t n = recv(fd, &c, sizeof(c), MSG_DONTWAIT);

	(void)arg;
	if (n > 0)
		guest_runs();
	else if (!n || (errno != EAGAIN && errno != EINTR))
		loop_remove(fd);
}

static void child_changed(void)
{
	int status;

	if (!child || waitpid(child, &status, WNOHANG) != child)
		return;
	child = 0;
	runs = false;
	loop_remove(channel);
	close(channel);
	channel = -1;
	guest_ended(status);
}

static void begin_life(void)
{
	int fd[2];

	fflush(stdout);
	stream_renew();
	disks_renew();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd))
		die("cannot make a socket: %m");
	host_memory_begin();
	born = loop_now();
	lives++;
	is_paused = false;
	child = fork();
	if (child < 0)
		die("cannot start a process for the guest: %m");
	if (!child) {
		close(fd[0]);
		terminal_forget();
		hub_forget();
		loop_close();
		stream_forget();
		machine_run(machine, fd[1]);
	}
	close(fd[1]);
	channel = fd[0];
	loop_add(channel, heard, NULL);
}

/* A signal that ends a program. What it does it does, once all is as it was. */
static void die_by(int sig)
{
	sigset_t set;

	finish(EXIT_FAILED, NULL, true);
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(EXIT_FAILED);
}

/* As a job of a shell is stopped, so is its guest. */
static void suspend(void)
{
	terminal_restore();
	if (child)
		kill(child, SIGSTOP);
	raise(SIGSTOP);
	if (child && !is_paused)
		kill(child, SIGCONT);
}

/** supervisor_stop() - ask the guest to power off, and end it if it does not */
void supervisor_stop(void)
{
	/* Nobody hears before a life has begun. It may have said so, and not been heard yet. */
	if (child && !runs)
		heard(channel, NULL);
	notify_manager("STOPPING=1");
	if (!runs)
		supervisor_end(EXIT_ENDED, "ended, as was asked");
	/* One that stands still does not hear. */
	if (is_paused)
		supervisor_pause(false);
	stop_guest();
}

/* A program that ends another often does so twice, by its process and by its group. */
static void asked_to_stop(void)
{
	static __u64 first;

	if (!first) {
		first = loop_now();
		supervisor_stop();
	} else if (loop_now() - first > SECOND_SIGNAL_MS) {
		supervisor_end(EXIT_ENDED, "ended by a second signal");
	}
}

static void take_signal(int sig)
{
	switch (sig) {
	case SIGCHLD:
		child_changed();
		break;
	case SIGWINCH:
		supervisor_tell(COMMAND_WINDOW);
		break;
	case SIGUSR1:
		supervisor_tell(COMMAND_DISKS);
		break;
	case SIGTSTP:
		suspend();
		break;
	case SIGCONT:
		terminal_check();
		break;
	case SIGTERM:
	case SIGHUP:
		asked_to_stop();
		break;
	default:
		die_by(sig);
	}
}

/* One that is ignored (nohup) stays so. */
static void add_unless_ignored(sigset_t *set, int sig)
{
	struct sigaction act;

	sigaction(sig, NULL, &act);
	if (act.sa_handler != SIG_IGN)
		sigaddset(set, sig);
}

static void take_signals(void)
{
	static const int ends[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR2, SIGXCPU, SIGALRM };
	sigset_t set;

	sigemptyset(&set);
	for (unsigned int i = 0; i < ARRAY_SIZE(ends); i++)
		add_unless_ignored(&set, ends[i]);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGCONT);
	/* What is meant for the guest's processes comes by the channel. */
	loop_signals(&set, take_signal);
}

static void typed(const void *keys, size_t len)
{
	stream_type(keys, len);
}

static bool command(char key)
{
	if (key == 'x')
		supervisor_kill("ended by a command on its console");
	return false;
}

/**
 * supervise() - run a guest, and start it again when it reboots
 * @the_machine: what to run; its devices are open
 */
void supervise(const struct machine *the_machine)
{
	machine = the_machine;
	host_memory_check(machine->memory);
	terminal_open(typed, command, "x ends the guest at once");
	take_signals();
	if (machine->timeout)
		timer_start(&timeout, machine->timeout * 1000ULL);
	begin_life();
	loop_run();
}
