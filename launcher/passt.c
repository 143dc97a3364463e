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
#include <signal.h>
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

/* Operations of ARP */
#define ASK	1
#define ANSWER	2

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

/*
 * What it says the user hears if it ends by itself, and only then. It also says what is no
 * fault, as that there is no IPv6, or that it becomes nobody.
 */
struct passt {
	const char *const *options;
	int says[2];
};

/* passt inherits the lock, so that the next one finds the ports that it is told to listen on. */
static void run_passt(void *arg)
{
	const struct passt *run = arg;
	const char *const *options = run->options;
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
	dup2(run->says[1], STDERR_FILENO);
	execv(passt, (char *const *)argv);
	die("%s: %m", passt);
}

static void pass_on(int fd)
{
	char words[4096];
	ssize_t n;

	while ((n = read(fd, words, sizeof(words))) > 0 && write(STDERR_FILENO, words, n) == n)
		;
}

static void __noreturn keep(const char *const *options)
{
	struct passt run = { .options = options };
	struct pollfd wait[] = {
		{ .fd = CONTROL_FD, .events = POLLIN },
		{ .events = POLLIN },
	};
	pid_t pid;
	char c;

	take_lock();
	if (pipe2(run.says, O_CLOEXEC | O_NONBLOCK))
		die("--net=user: cannot make a pipe: %m");
	wait[1].fd = keeper_start(&pid, run_passt, &run);
	close(FRAMES_FD);
	close(run.says[1]);
	while (poll(wait, ARRAY_SIZE(wait), -1) < 0)
		;
	/* First, as a terminal may be stopped */
	kill(pid, SIGKILL);
	/* If the guest has ended, so does passt. Then there is nothing to be told. */
	if (!wait[0].revents || recv(CONTROL_FD, &c, 1, MSG_DONTWAIT) == 1)
		pass_on(run.says[0]);
	keeper_end(pid);
}

/* Who has an address of IPv4 (RFC 826), as it goes to passt, and as passt answers */
struct arp {
	__u8 to[ETH_ALEN], from[ETH_ALEN];
	__u16 protocol, hardware, addresses;
	__u8 hardware_len, address_len;
	__u16 operation;
	__u8 sender[ETH_ALEN], sender_ip[4], target[ETH_ALEN], target_ip[4];
} __attribute__((__packed__));

static bool ask(int fd, const __u8 *mac)
{
	struct {
		__u32 length;
		struct arp arp;
	} __attribute__((__packed__)) out = {
		.length = htonl(sizeof(out.arp)),
		.arp = {
			.to = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
			.protocol = htons(ETH_P_ARP),
			.hardware = htons(1),
			.addresses = htons(ETH_P_IP),
			.hardware_len = ETH_ALEN,
			.address_len = 4,
			.operation = htons(ASK),
			.target_ip = { 169, 254, 1, 1 },
		},
	};

	memcpy(out.arp.from, mac, ETH_ALEN);
	memcpy(out.arp.sender, mac, ETH_ALEN);
	return send(fd, &out, sizeof(out), MSG_NOSIGNAL) == sizeof(out);
}

static bool is_answer(const struct arp *arp, size_t len)
{
	return len >= sizeof(*arp) && arp->protocol == htons(ETH_P_ARP) &&
		arp->operation == htons(ANSWER);
}

/* All of @len bytes: 1. It is 0 if nothing comes, and -1 if there will be no more. */
static int receive(int fd, void *buf, size_t len)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	size_t got = 0;

	while (got < len) {
		int ready = poll(&wait, 1, ANSWER_MS);
		ssize_t n;

		if (!ready)
			return got ? -1 : 0;
		if (ready < 0)
			continue;
		n = recv(fd, (char *)buf + got, len - got, MSG_DONTWAIT);
		if (n <= 0)
			return -1;
		got += n;
	}
	return 1;
}

/*
 * Whether passt is there, and listens on the ports that it was told. That it has a word does not
 * say so: newer ones ask for the guest before. But it answers only after all that. If the host
 * has IPv6 alone it does not answer, so its being there for a while has to do.
 */
static bool is_there(int fd, const __u8 *mac)
{
	char frame[ETH_MAX_MTU];
	__u32 len;
	int come;

	if (!ask(fd, mac))
		return false;
	do {
		come = receive(fd, &len, sizeof(len));
		if (come <= 0)
			return !come;
		len = ntohl(len);
		/* None of them is for the guest, which has not begun. */
		if (len > sizeof(frame) || receive(fd, frame, len) <= 0)
			return false;
	} while (!is_answer((struct arp *)frame, len));
	return true;
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
	char c;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control))
		die("--net=user: cannot make a socket: %m");
	if (keeper_fork((int []) { fds[1], control[1], lock }, 3))
		keep(options);
	close(fds[1]);
	close(control[1]);
	if (!is_there(fds[0], mac)) {
		/* Until it has said why */
		send(control[0], "", 1, MSG_NOSIGNAL);
		recv(control[0], &c, 1, 0);
		die("--net=user: passt has ended; see what it says");
	}
	/* @control stays open as long as this process is there. */
	return fds[0];
}
