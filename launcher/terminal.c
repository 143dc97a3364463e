// SPDX-License-Identifier: GPL-2.0
/*
 * Terminal: our own end of the guest's console. If standard input is a terminal,
 * every key is the guest's. So we make the terminal raw for as long as we live, and
 * restore it however we end.
 */
#include "launcher.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ttydefaults.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved_mode;
static volatile sig_atomic_t is_raw;
static bool is_terminal;
static int input_fd, keys_pipe, wanted;
/* What begins a command for us; 0 if nothing does */
static char escape = CTRL('A');

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
		SIGINT, SIGQUIT, SIGXCPU, SIGUSR2,
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

/**
 * terminal_escape() - choose the key that begins a command
 * @arg: "^X", for any letter or one of [\]^_, or "none"
 */
void terminal_escape(const char *arg)
{
	if (!strcmp(arg, "none"))
		escape = 0;
	else if (arg[0] == '^' && strlen(arg) == 2 && toupper(arg[1]) > '@' &&
		 toupper(arg[1]) <= '_')
		escape = CTRL(arg[1]);
	else
		die("--escape=%s: want ^A, or another letter, or none", arg);
}

static void say_keys(void)
{
	char key = escape + '@';

	fprintf(stderr, "lguest: ^%c x ends the guest at once, ^%c ^%c is a ^%c for it\n", key,
		key, key, key);
}

/* Take out of @keys what is for us. Returns how many are left. */
static ssize_t take_commands(char *keys, ssize_t n)
{
	static bool escaped;
	ssize_t left = 0;

	for (ssize_t i = 0; i < n; i++) {
		char key = keys[i];

		if (!escaped && escape && key == escape) {
			escaped = true;
			continue;
		}
		if (!escaped || key == escape)
			keys[left++] = key;
		else if (key == 'x')
			quit(EXIT_ENDED, "ended by ^%c x", escape + '@');
		else
			say_keys();
		escaped = false;
	}
	return left;
}

/*
 * A guest that boots or hangs does not listen, and that is when one wants out. So
 * the keyboard has a thread of its own, which passes keys on to the guest. But of a file or
 * a pipe, nothing is taken before the guest wants it: who comes after it may want the rest.
 */
static void *watch_keys(void *unused)
{
	struct pollfd wait = { STDIN_FILENO, POLLIN, 0 };
	char keys[64];

	for (;;) {
		ssize_t n;

		if (!is_terminal)
			eventfd_read(wanted, &(eventfd_t){ 0 });
		poll(&wait, 1, -1);
		n = read(STDIN_FILENO, keys, sizeof(keys));
		/* The guest can live without more. */
		if (!n || (n < 0 && errno != EINTR && errno != EAGAIN))
			return unused;
		if (n > 0 && is_terminal)
			n = take_commands(keys, n);
		/* What doesn't fit is lost, as with any unread keyboard. */
		if (n > 0 && write(keys_pipe, keys, n) < 0 && errno != EAGAIN)
			die("cannot pass on input: %m");
	}
}

static void make_raw(void)
{
	struct termios raw = saved_mode;

	cfmakeraw(&raw);
	/* Our own messages, and early console lines, end in a bare newline. */
	raw.c_oflag = saved_mode.c_oflag;
	is_raw = 1;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw))
		die("cannot set up the terminal: %m");
}

/** terminal_start() - from now on, what is typed or comes otherwise is the guest's */
void terminal_start(void)
{
	pthread_t thread;
	int fd[2];

	catch_signals();
	is_terminal = !tcgetattr(STDIN_FILENO, &saved_mode);
	if (is_terminal)
		make_raw();
	if (pipe2(fd, O_CLOEXEC))
		die("cannot make a pipe for the terminal: %m");
	input_fd = fd[0];
	keys_pipe = fd[1];
	fcntl(keys_pipe, F_SETFL, O_NONBLOCK);
	wanted = eventfd(0, EFD_CLOEXEC);
	if (wanted < 0)
		die("cannot make an eventfd for the terminal: %m");
	errno = pthread_create(&thread, NULL, watch_keys, NULL);
	if (errno)
		die("cannot start a thread for the terminal: %m");
	if (is_terminal && escape)
		say_keys();
}

/**
 * terminal_type() - give the guest keys that nobody has typed
 * @keys: all of them, or none if it has not read so much
 */
void terminal_type(const char *keys)
{
	if (write(keys_pipe, keys, strlen(keys)) < 0)
		fprintf(stderr, "lguest: the guest does not read what is typed: %m\n");
}

/** terminal_ask() - the guest waits for input */
void terminal_ask(void)
{
	struct pollfd have = { input_fd, POLLIN, 0 };

	if (poll(&have, 1, 0) == 0)
		eventfd_write(wanted, 1);
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
