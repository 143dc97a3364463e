// SPDX-License-Identifier: GPL-2.0
/*
 * passt, for one life of a guest: it makes the guest's connections with no more rights than a
 * user has, and shuts itself in (see its manual). A process that stays (keeper.c) starts it,
 * and ends it with the guest.
 */
#include "launcher.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MS	3000

/* In the process that stays: files of these numbers are all that it has. */
#define FRAMES_FD	KEEPER_FILE
#define CONTROL_FD	(KEEPER_FILE + 1)
#define LOCK_FD		(KEEPER_FILE + 2)

static const char *passt;

/** passt_find() - end with a word to the user if there is no passt */
void passt_find(void)
{
	if (!passt)
		passt = keeper_find("passt");
	if (!passt)
		die("--net=user needs the program passt, which is not here (apt install passt)");
}

/**
 * passt_lock() - make what lets one passt run after the other
 *
 * Return: a file for passt_start(), which is inherited by all processes of the guest.
 */
int passt_lock(void)
{
	int fd = memfd_create("passt", MFD_CLOEXEC);

	if (fd < 0)
		die("--net=user: cannot make a file: %m");
	return fd;
}

/* The lock belongs to whoever has this file open, which we open anew. It goes with them. */
static void take_lock(void)
{
	char name[32];
	int fd;

	/* Who has changed his user does not reach his own files in /proc otherwise. */
	prctl(PR_SET_DUMPABLE, 1);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", LOCK_FD);
	fd = open(name, O_RDWR);
	if (fd < 0 || flock(fd, LOCK_EX))
		die("--net=user: cannot wait for the passt before: %m");
	close(LOCK_FD);
}

/* passt inherits the lock, so that the next one finds the ports that it is told to listen on. */
static void run_passt(void *arg)
{
	const char *const *options = arg;
	const char *argv[PASST_OPTIONS_MAX + 16];
	unsigned int n = 0;
	char fd[8];

	snprintf(fd, sizeof(fd), "%d", FRAMES_FD);
	close(CONTROL_FD);
	argv[n++] = "passt";
	argv[n++] = "--foreground";
	argv[n++] = "--quiet";
	argv[n++] = "--fd";
	argv[n++] = fd;
	/* What listens on the host's loopback alone is not for guests. */
	argv[n++] = "--no-map-gw";
	while (*options)
		argv[n++] = *options++;
	argv[n] = NULL;
	execv(passt, (char *const *)argv);
	die("%s: %m", passt);
}

static void __noreturn keep(const char *const *options)
{
	struct pollfd wait[] = {
		{ .fd = CONTROL_FD, .events = POLLIN },
		{ .events = POLLIN },
	};
	pid_t pid;

	take_lock();
	wait[1].fd = keeper_start(&pid, run_passt, (void *)options);
	close(FRAMES_FD);
	while (poll(wait, ARRAY_SIZE(wait), -1) < 0)
		;
	keeper_end(pid);
}

/*
 * Whether passt is there: it answers whoever asks for an address (ARP, RFC 826). If the host
 * has IPv6 alone it does not, so its being there for a while has to do.
 */
static bool is_there(int fd, int control, const __u8 *mac)
{
	struct {
		__u32 length;
		__u8 to[ETH_ALEN], from[ETH_ALEN];
		__u16 protocol, hardware, addresses;
		__u8 hardware_len, address_len;
		__u16 operation;
		__u8 sender[ETH_ALEN], sender_ip[4], target[ETH_ALEN], target_ip[4];
	} __attribute__((__packed__)) ask = {
		.length = htonl(sizeof(ask) - sizeof(ask.length)),
		.to = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
		.protocol = htons(ETH_P_ARP),
		.hardware = htons(1),
		.addresses = htons(ETH_P_IP),
		.hardware_len = ETH_ALEN,
		.address_len = 4,
		.operation = htons(1),
		.target_ip = { 169, 254, 1, 1 },
	};
	struct pollfd wait[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = control, .events = POLLIN },
	};

	memcpy(ask.from, mac, ETH_ALEN);
	memcpy(ask.sender, mac, ETH_ALEN);
	if (send(fd, &ask, sizeof(ask), MSG_NOSIGNAL) != sizeof(ask))
		return false;
	while (poll(wait, ARRAY_SIZE(wait), ANSWER_MS) < 0)
		;
	/* The guest hears the answer, too, and does not care. */
	return !wait[1].revents && !(wait[0].revents & POLLHUP);
}

/**
 * passt_start() - start a passt, which ends with this process
 * @options: of its command line, up to a NULL
 * @lock: from passt_lock(); it waits until the one of the guest's life before is gone
 * @mac: address of the guest's card
 *
 * Return: a socket for Ethernet frames, each behind its length.
 */
int passt_start(const char *const *options, int lock, const __u8 *mac)
{
	int fds[2], control[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control))
		die("--net=user: cannot make a socket: %m");
	if (keeper_fork((int []) { fds[1], control[1], lock }, 3))
		keep(options);
	close(fds[1]);
	close(control[1]);
	if (!is_there(fds[0], control[0], mac))
		die("--net=user: passt has ended; see what it says");
	/* @control stays open as long as this process is there. */
	return fds[0];
}
