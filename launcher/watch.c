// SPDX-License-Identifier: GPL-2.0
/*
 * What changes outside while a guest runs: the window's size, a disk that became larger, of
 * which the parent tells; and a network interface that goes up or down.
 */
#include "launcher.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_ids.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

static int channel, links = -1;

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

/* The terminal comes first: a shell goes on with it at once, and disks may be slow. */
static void __noreturn parent_is_gone(void)
{
	const char *lost;

	terminal_inherit();
	lost = disks_flush();
	quit(EXIT_FAILED, "ended, as its parent is gone%s%s",
	     lost ? "; something is lost that the guest wrote to " : "", lost ? lost : "");
}

static void told(void)
{
	const char *words;
	char what;
	ssize_t n = recv(channel, &what, sizeof(what), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		parent_is_gone();
	switch (what) {
	case COMMAND_WINDOW:
		devices_refresh(VIRTIO_ID_CONSOLE);
		break;
	case COMMAND_DISKS:
		devices_refresh(VIRTIO_ID_BLOCK);
		break;
	case COMMAND_BALLOON:
		words = balloon_set(balloon_wanted());
		if (words)
			fprintf(stderr, "lguest: balloon: %s\n", words);
		break;
	case COMMAND_STATISTICS:
		balloon_ask(0);
		break;
	}
}

/* The card looks for itself, so it does not matter what they say, or if some are lost. */
static void linked(void)
{
	char message[8192];

	while (recv(links, message, sizeof(message), 0) > 0 || errno == EINTR ||
	       errno == ENOBUFS)
		;
	devices_refresh(VIRTIO_ID_NET);
}

static void *watch(void *ready)
{
	struct pollfd wait[] = {
		{ .fd = channel, .events = POLLIN },
		{ .fd = links, .events = POLLIN },
	};

	sandbox_thread(SANDBOX_WATCH);
	sem_post(ready);
	for (;;) {
		poll(wait, ARRAY_SIZE(wait), -1);
		if (wait[0].revents)
			told();
		if (wait[1].revents)
			linked();
	}
	return NULL;
}

/**
 * watch_start() - tell the devices of changes from now on, and of those since
 * @the_channel: to the parent
 */
void watch_start(int the_channel)
{
	pthread_t thread;
	sem_t ready;

	channel = the_channel;
	sem_init(&ready, 0, 0);
	errno = pthread_create(&thread, NULL, watch, &ready);
	if (errno)
		die("cannot start a thread to watch for changes: %m");
	/* It has given up what it does not need. */
	while (sem_wait(&ready))
		;
}
