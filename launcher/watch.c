// SPDX-License-Identifier: GPL-2.0
/*
 * What changes outside while a guest runs: the window's size, a network interface that goes
 * up or down, and a disk that became larger, for which SIGUSR1 asks us to look.
 */
#include "launcher.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

static int signals, links;

static void open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGUSR1);
	/* A signal is ours to read only if no thread takes it: those to come inherit this. */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		die("cannot watch for signals: %m");
}

static void open_links(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };

	links = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (links < 0 || bind(links, (struct sockaddr *)&address, sizeof(address)))
		die("cannot watch network interfaces: %m");
}

/* Whatever it says, each device looks for itself. Messages may be lost, but not all. */
static void drain(int fd)
{
	char message[8192];

	while (read(fd, message, sizeof(message)) > 0 || errno == EINTR || errno == ENOBUFS)
		;
}

static void *watch(void *unused)
{
	struct pollfd wait[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = links, .events = POLLIN },
	};

	for (;;) {
		drain(signals);
		drain(links);
		devices_refresh();
		poll(wait, ARRAY_SIZE(wait), -1);
	}
	return unused;
}

/** watch_start() - let devices hear of changes; before any other thread is made */
void watch_start(void)
{
	pthread_t thread;

	open_signals();
	open_links();
	errno = pthread_create(&thread, NULL, watch, NULL);
	if (errno)
		die("cannot start a thread to watch for changes: %m");
}
