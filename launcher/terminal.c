// SPDX-License-Identifier: GPL-2.0
/*
 * Terminal: our own end of the guest's console. If standard input is a terminal,
 * every key is the guest's. So we make the terminal raw for as long as we live, and
 * restore it however we end.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define CTRL_C	3

static struct termios saved_mode;
static volatile sig_atomic_t is_raw;
static int input_fd = STDIN_FILENO;
static int keys_pipe;

/* Safe to call in a signal handler, and more than once. */
void terminal_restore(void)
{
	if (!is_raw)
		return;
	is_raw = 0;
	/* If we are in the background by now, SIGTTOU would stop us. */
	signal(SIGTTOU, SIG_IGN);
	tcsetattr(STDIN_FILENO, TCSANOW, &saved_mode);
}

/* Installed as one-shot, so the second time the signal does what it always does. */
static void restore_and_die(int sig)
{
	terminal_restore();
	raise(sig);
}

static void catch_signals(void)
{
	static const int fatal[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGXCPU, SIGUSR2,
		SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT,
	};
	struct sigaction act = {
		.sa_handler = restore_and_die,
		.sa_flags = SA_RESETHAND | SA_NODEFER,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(fatal); i++) {
		struct sigaction old;

		/* A signal that is ignored (nohup) stays so. */
		sigaction(fatal[i], NULL, &old);
		if (old.sa_handler != SIG_IGN)
			sigaction(fatal[i], &act, NULL);
	}
	/* A console that nobody reads any more is no reason to die. */
	signal(SIGPIPE, SIG_IGN);
}

static void quit_on_third_ctrl_c(char key)
{
	static struct timespec first;
	static int count;
	struct timespec now;

	if (key != CTRL_C) {
		count = 0;
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!count || (now.tv_sec - first.tv_sec) * 1000000000LL +
	    now.tv_nsec - first.tv_nsec > 1000000000LL) {
		first = now;
		count = 0;
	}
	if (++count == 3)
		die("ended by ^C");
}

/*
 * A guest that boots or hangs does not listen, and that is when one wants out. So
 * the keyboard has a thread of its own, which passes keys on to the guest.
 */
static void *watch_keys(void *unused)
{
	char keys[64];
	ssize_t n;

	while ((n = read(STDIN_FILENO, keys, sizeof(keys))) > 0 ||
	       (n < 0 && (errno == EINTR || errno == EAGAIN))) {
		struct pollfd wait = { STDIN_FILENO, POLLIN, 0 };

		for (ssize_t i = 0; i < n; i++)
			quit_on_third_ctrl_c(keys[i]);
		/* What doesn't fit is lost, as with any unread keyboard. */
		if (n > 0 && write(keys_pipe, keys, n) < 0 && errno != EAGAIN)
			die("cannot pass on input: %m");
		poll(&wait, 1, -1);
	}
	close(keys_pipe);
	return unused;
}

void terminal_start(void)
{
	struct termios raw;
	pthread_t thread;
	int fd[2];

	catch_signals();
	if (tcgetattr(STDIN_FILENO, &saved_mode))
		return;

	raw = saved_mode;
	cfmakeraw(&raw);
	/* Our own messages, and early console lines, end in a bare newline. */
	raw.c_oflag = saved_mode.c_oflag;
	is_raw = 1;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw))
		die("cannot set up the terminal: %m");

	if (pipe2(fd, O_CLOEXEC))
		die("cannot make a pipe for the terminal: %m");
	input_fd = fd[0];
	keys_pipe = fd[1];
	fcntl(keys_pipe, F_SETFL, O_NONBLOCK);
	errno = pthread_create(&thread, NULL, watch_keys, NULL);
	if (errno)
		die("cannot start a thread for the terminal: %m");
}

/* The file to read the guest's console input from */
int terminal_input(void)
{
	return input_fd;
}

void terminal_write(const void *buf, size_t len)
{
	static bool lost;

	while (len && !lost) {
		struct pollfd wait = { STDOUT_FILENO, POLLOUT, 0 };
		ssize_t n = write(STDOUT_FILENO, buf, len);

		if (n >= 0) {
			buf = (const char *)buf + n;
			len -= n;
		} else if (errno == EAGAIN) {
			/* Someone shares the terminal and made it nonblocking. */
			poll(&wait, 1, -1);
		} else if (errno != EINTR) {
			lost = true;
			dprintf(STDERR_FILENO,
				"lguest: console output is lost from here: %m\n");
		}
	}
}
