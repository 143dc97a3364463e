// SPDX-License-Identifier: GPL-2.0
/* lguest attach: a terminal for the console of a guest that runs elsewhere. */
#include "launcher.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int console;

static void __noreturn leave(const char *why)
{
	terminal_restore();
	fprintf(stderr, "\nlguest: %s\n", why);
	exit(0);
}

static void typed(const void *keys, size_t len)
{
	/* The guest's parent reads at once; if it is gone, we see that ourselves. */
	send(console, keys, len, MSG_NOSIGNAL);
}

static bool command(char key)
{
	if (key == 'd')
		leave("detached; the guest goes on");
	return false;
}

static void printed(int fd, void *arg)
{
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	(void)arg;
	if (n > 0)
		stream_write(buf, n);
	else if (!n || (errno != EAGAIN && errno != EINTR))
		leave("the guest has ended");
}

static void take_signal(int sig)
{
	switch (sig) {
	case SIGTSTP:
		terminal_restore();
		raise(SIGSTOP);
		break;
	case SIGCONT:
		terminal_check();
		break;
	default:
		leave("detached by a signal; the guest goes on");
	}
}

/**
 * attach() - be the terminal of a guest's console
 * @fd: a connection that is the console
 */
void attach(int fd)
{
	static const int signals[] = { SIGTSTP, SIGCONT, SIGTERM, SIGHUP, SIGINT, SIGQUIT };
	sigset_t set;

	sigemptyset(&set);
	for (unsigned int i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(&set, signals[i]);
	console = fd;
	terminal_open(typed, command, "d leaves the guest alone");
	loop_signals(&set, take_signal);
	loop_add(console, printed, NULL);
	terminal_start();
	loop_run();
}
