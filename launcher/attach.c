// SPDX-License-Identifier: GPL-2.0
/* lguest attach: a terminal for the console of a guest that runs elsewhere. */
#include "launcher.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
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

static void signalled(int fd, void *arg)
{
	struct signalfd_siginfo info;

	(void)arg;
	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
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

static int take_signals(void)
{
	static const int all[] = { SIGTSTP, SIGCONT, SIGTERM, SIGHUP, SIGINT, SIGQUIT };
	sigset_t set;

	sigemptyset(&set);
	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
		sigaddset(&set, all[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/**
 * attach() - be the terminal of a guest's console
 * @fd: a connection that is the console
 */
void attach(int fd)
{
	int signals = take_signals();

	if (signals < 0)
		die("cannot watch for signals: %m");
	console = fd;
	terminal_open(typed, command, "d leaves the guest alone");
	loop_add(signals, signalled, NULL);
	loop_add(console, printed, NULL);
	terminal_start();
	loop_run();
}
