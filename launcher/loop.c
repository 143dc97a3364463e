// SPDX-License-Identifier: GPL-2.0
/*
 * What the parent waits for: files that something can be read from, and moments. It has one
 * thread, so each function is over before the next is called.
 */
#include "launcher.h"

#include <errno.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define FILES_MAX	64

static struct pollfd files[FILES_MAX];
static struct handler {
	void (*ready)(int fd, void *arg);
	void *arg;
} handlers[FILES_MAX];
static unsigned int used;

static struct timer *timers;

/**
 * loop_add() - call a function whenever something can be read from a file, or it is closed
 * @fd: the file; one that is there already stays as it is
 * @ready: the function
 * @arg: what it is called with
 *
 * Return: false if there are too many.
 */
bool loop_add(int fd, void (*ready)(int fd, void *arg), void *arg)
{
	for (unsigned int i = 0; i < used; i++) {
		if (files[i].fd == fd)
			return true;
	}
	if (used == FILES_MAX)
		return false;
	files[used] = (struct pollfd){ .fd = fd, .events = POLLIN };
	handlers[used++] = (struct handler){ ready, arg };
	return true;
}

/**
 * loop_write() - call the function also when something can be written to the file
 * @fd: a file that is watched
 * @on: false for no longer
 */
void loop_write(int fd, bool on)
{
	for (unsigned int i = 0; i < used; i++) {
		if (files[i].fd == fd)
			files[i].events = on ? POLLIN | POLLOUT : POLLIN;
	}
}

/** loop_remove() - watch a file no longer; any function may do that, for any file */
void loop_remove(int fd)
{
	for (unsigned int i = 0; i < used; i++) {
		if (files[i].fd != fd)
			continue;
		files[i] = files[--used];
		handlers[i] = handlers[used];
		return;
	}
}

/** loop_close() - close what the parent waits for: a guest's process has no use for it */
void loop_close(void)
{
	for (unsigned int i = 0; i < used; i++) {
		if (files[i].fd > STDERR_FILENO && files[i].fd != stream_wanted())
			close(files[i].fd);
	}
	used = 0;
}

static void (*take_signal)(int sig);

static void signalled(int fd, void *arg)
{
	struct signalfd_siginfo info;

	(void)arg;
	if (read(fd, &info, sizeof(info)) == sizeof(info))
		take_signal(info.ssi_signo);
}

/**
 * loop_signals() - call a function for each signal that comes, in place of what it would do
 * @set: of these; processes that are started from then on don't take them, either
 * @taken: the function
 */
void loop_signals(const sigset_t *set, void (*taken)(int sig))
{
	int fd;

	sigprocmask(SIG_BLOCK, set, NULL);
	fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		die("cannot watch for signals: %m");
	take_signal = taken;
	loop_add(fd, signalled, NULL);
}

/** loop_now() - milliseconds since some moment, on a clock that nobody sets */
__u64 loop_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/**
 * timer_start() - call &timer.over once, after a while
 * @timer: one that has &timer.over; if it runs, it is set anew
 * @ms: milliseconds
 */
void timer_start(struct timer *timer, __u64 ms)
{
	timer_stop(timer);
	timer->due = loop_now() + ms;
	timer->next = timers;
	timers = timer;
}

/** timer_stop() - no longer; @timer may run or not */
void timer_stop(struct timer *timer)
{
	for (struct timer **p = &timers; *p; p = &(*p)->next) {
		if (*p == timer) {
			*p = timer->next;
			return;
		}
	}
}

/* Milliseconds until then, as poll() wants it */
static int until_next(void)
{
	__u64 now = loop_now(), least = 60 * 1000;

	if (!timers)
		return -1;
	for (struct timer *timer = timers; timer; timer = timer->next) {
		if (timer->due <= now)
			return 0;
		if (timer->due - now < least)
			least = timer->due - now;
	}
	return least;
}

/* A function may start and stop others, so look anew after each. */
static void call_timers(void)
{
	__u64 now = loop_now();
	struct timer *timer;

	do {
		for (timer = timers; timer && timer->due > now; timer = timer->next)
			;
		if (timer) {
			timer_stop(timer);
			timer->over();
		}
	} while (timer);
}

/* Backwards, so that a file that takes a removed one's place has had its turn. */
static void call_files(void)
{
	for (unsigned int i = used; i--;) {
		if (i < used && files[i].revents) {
			files[i].revents = 0;
			handlers[i].ready(files[i].fd, handlers[i].arg);
		}
	}
}

/** loop_run() - wait, and call what there is to call, for ever */
void loop_run(void)
{
	for (;;) {
		if (poll(files, used, until_next()) < 0 && errno != EINTR)
			die("cannot wait: %m");
		call_files();
		call_timers();
	}
}
