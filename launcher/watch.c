// SPDX-License-Identifier: GPL-2.0
/*
 * What changes outside while a guest runs: the window's size, a network interface that goes
 * up or down, and a disk that became larger, for which SIGUSR1 asks us to look. The time
 * that a guest was given is over; or somebody wants it to stop.
 */
#include "launcher.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_ids.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

static int signals, links = -1;

/* One that is ignored (nohup) stays so. */
static void add_unless_ignored(sigset_t *set, int sig)
{
	struct sigaction act;

	sigaction(sig, NULL, &act);
	if (act.sa_handler != SIG_IGN)
		sigaddset(set, sig);
}

/**
 * watch_signals() - keep signals that tell of a change; before all else that takes time
 *
 * No thread takes them then, nor does an exec of ourselves lose them.
 */
void watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGALRM);
	add_unless_ignored(&set, SIGTERM);
	add_unless_ignored(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		die("cannot watch for signals: %m");
}

/** watch_links() - hear of the host's network interfaces, too; before watch_start() */
void watch_links(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };

	if (links >= 0)
		return;
	links = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (links < 0 || bind(links, (struct sockaddr *)&address, sizeof(address)))
		fprintf(stderr,
			"lguest: the guest won't hear of an interface that goes up or down: %m\n");
}

static void signalled(void)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGWINCH:
			devices_refresh(VIRTIO_ID_CONSOLE);
			break;
		case SIGUSR1:
			devices_refresh(VIRTIO_ID_BLOCK);
			break;
		case SIGALRM:
			quit(EXIT_ENDED, "ended, as its time is over");
		case SIGTERM:
		case SIGHUP:
			stop_guest();
			break;
		}
	}
}

/* The card looks for itself, so it does not matter what they say, or if some are lost. */
static void linked(void)
{
	char message[8192];

	while (read(links, message, sizeof(message)) > 0 || errno == EINTR ||
	       errno == ENOBUFS)
		;
	devices_refresh(VIRTIO_ID_NET);
}

static void *watch(void *unused)
{
	struct pollfd wait[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = links, .events = POLLIN },
	};

	for (;;) {
		poll(wait, ARRAY_SIZE(wait), -1);
		if (wait[0].revents)
			signalled();
		if (wait[1].revents)
			linked();
	}
	return unused;
}

/** watch_start() - tell the devices of changes from now on, and of those since */
void watch_start(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, watch, NULL);
	if (errno)
		die("cannot start a thread to watch for changes: %m");
}
