// SPDX-License-Identifier: GPL-2.0
/*
 * A network card without rights on the host's network: passt (passt.c) makes the guest's
 * connections, as connections of its own. To it goes a stream of Ethernet frames, each behind
 * its length in 32 bits, the most significant first.
 *
 * passt takes no frame with work left in it, so the card does not let the guest leave any. It
 * gets large frames whole, since drivers make room for these if they hear that some may come.
 */
#include "launcher.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* passt takes no more, and sends no more: the largest that IP can fill (ETH_MAX_MTU) */
#define FRAME_MAX	65535
#define LENGTH		sizeof(__u32)
/* A few large frames, or many small ones, are read at once. */
#define INPUT_SIZE	(4 * (LENGTH + FRAME_MAX))

struct net_user {
	struct net_backend backend;
	struct passt_options options;
	int lock;
	/* Before each of the guest's packets */
	unsigned int header;
	bool failed;
	/* What has come and is not the guest's yet */
	char input[INPUT_SIZE];
	size_t in_at, in_end;
	/* What the guest has sent and passt has not taken yet */
	char output[LENGTH + FRAME_MAX];
	size_t out_at, out_end;
};

static struct net_user *user_of(struct net_backend *backend)
{
	return container_of(backend, struct net_user, backend);
}

/* Whoever receives sees it. Whoever sends or tells the guest looks. */
static bool has_failed(const struct net_user *user)
{
	return __atomic_load_n(&user->failed, __ATOMIC_RELAXED);
}

static bool user_option(struct net_backend *backend, const char *option)
{
	return passt_option(&user_of(backend)->options, option);
}

static void user_open(struct net_backend *backend)
{
	struct net_user *user = user_of(backend);

	passt_find();
	passt_options_complete(&user->options);
	user->lock = passt_lock();
}

/* Each life has a passt of its own, so that none gets half a frame of an earlier one. */
static void user_create(struct net_backend *backend, unsigned int header, const __u8 *mac)
{
	struct net_user *user = user_of(backend);

	user->header = header;
	backend->fd = passt_start(user->options.words, user->lock, mac);
}

static bool user_is_up(struct net_backend *backend)
{
	return !has_failed(user_of(backend));
}

static void user_fail(struct net_user *user, const char *why)
{
	fprintf(stderr, "lguest: network %s: %s: the guest's cable is out until it starts again\n",
		user->backend.name, why);
	__atomic_store_n(&user->failed, true, __ATOMIC_RELAXED);
	errno = EIO;
}

/* The length of the frame that is there as a whole; 0 if none is, -1 if it can't be one */
static ssize_t user_frame(const struct net_user *user)
{
	size_t there = user->in_end - user->in_at;
	__u32 len;

	if (there < LENGTH)
		return 0;
	memcpy(&len, user->input + user->in_at, LENGTH);
	len = ntohl(len);
	if (len < ETH_HLEN || len > FRAME_MAX)
		return -1;
	return len <= there - LENGTH ? (ssize_t)len : 0;
}

/* Read more. Returns false, with errno, if there is nothing. */
static bool user_read(struct net_user *user)
{
	ssize_t n;

	memmove(user->input, user->input + user->in_at, user->in_end - user->in_at);
	user->in_end -= user->in_at;
	user->in_at = 0;
	do {
		n = recv(user->backend.fd, user->input + user->in_end,
			 sizeof(user->input) - user->in_end, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		user->in_end += n;
	else if (!n || errno != EAGAIN)
		user_fail(user, "passt has ended");
	return n > 0;
}

/* The frame behind an empty header, as there is nothing left to do */
static ssize_t user_put(struct net_user *user, struct iovec *iov, unsigned int num, size_t len)
{
	static const char header[sizeof(struct virtio_net_hdr_mrg_rxbuf)];
	struct iovec part[VQ_MAX_ENTRIES];
	const char *frame = user->input + user->in_at + LENGTH;
	unsigned int parts;

	user->in_at += LENGTH + len;
	if (iov_length(iov, num) < user->header + len) {
		errno = EINVAL;
		return -1;
	}
	parts = iov_first(part, iov, num, user->header + len);
	iov_write(part, parts, header, user->header);
	iov_write(part, parts, frame, len);
	return user->header + len;
}

static ssize_t user_receive(struct net_backend *backend, struct iovec *iov, unsigned int num)
{
	struct net_user *user = user_of(backend);
	ssize_t len;

	if (has_failed(user)) {
		errno = EIO;
		return -1;
	}
	while (!(len = user_frame(user))) {
		if (!user_read(user))
			return -1;
	}
	if (len < 0) {
		user_fail(user, "passt makes no sense");
		return -1;
	}
	return user_put(user, iov, num, len);
}

/* What there is, as far as passt takes it now. Whether that is all */
static bool user_write(struct net_user *user)
{
	ssize_t n = 0;

	while (user->out_at < user->out_end && !has_failed(user)) {
		n = send(user->backend.fd, user->output + user->out_at,
			 user->out_end - user->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			user->out_at += n;
		else if (errno == EAGAIN)
			return false;
		/* Who receives tells of it. */
		else if (errno != EINTR)
			break;
	}
	user->out_at = 0;
	user->out_end = 0;
	return true;
}

/*
 * Whether a frame goes to the host itself. passt would connect to that, and there are programs
 * that trust whoever reaches their loopback address. Addresses that begin like IPv6's loopback
 * can be others of IPv4, this one among them (RFC 4291, section 2.5).
 */
static bool is_for_loopback(const char *frame, size_t len)
{
	static const __u8 none[10];
	const __u8 *to;
	__u16 protocol;

	memcpy(&protocol, frame + 2 * ETH_ALEN, sizeof(protocol));
	to = (const __u8 *)frame + ETH_HLEN;
	if (protocol == htons(ETH_P_IP) && len >= ETH_HLEN + 20)
		return to[16] == 127 || !to[16];
	if (protocol == htons(ETH_P_IPV6) && len >= ETH_HLEN + 40)
		return !memcmp(to + 24, none, sizeof(none));
	return false;
}

/*
 * A frame is taken off the guest's buffers as a whole, since half of one can't be taken back.
 * So what is left to be called again with is nothing, if it was taken, and all if not.
 */
static bool user_send(struct net_backend *backend, struct iovec *iov, unsigned int num)
{
	struct net_user *user = user_of(backend);
	__u64 len = iov_length(iov, num);
	__u32 length;

	if (!user_write(user))
		return false;
	if (len < user->header + ETH_HLEN || len > user->header + FRAME_MAX)
		return true;
	len -= user->header;
	iov_skip(iov, num, user->header);
	length = htonl(len);
	memcpy(user->output, &length, LENGTH);
	iov_read(iov, num, user->output + LENGTH, len);
	if (!is_for_loopback(user->output + LENGTH, len))
		user->out_end = LENGTH + len;
	return user_write(user);
}

static const struct net_backend_ops user_ops = {
	.option = user_option,
	.open = user_open,
	.create = user_create,
	.is_up = user_is_up,
	.receive = user_receive,
	.send = user_send,
};

/**
 * net_user() - a network that needs no rights on the host's
 *
 * Return: the network, without options yet. It is never freed.
 */
struct net_backend *net_user(void)
{
	struct net_user *user = calloc(1, sizeof(*user));
	static unsigned int cards;

	if (!user)
		die("no memory for a network card");
	cards++;
	snprintf(user->backend.name, sizeof(user->backend.name), cards == 1 ? "user" : "user%u",
		 cards);
	user->backend.ops = &user_ops;
	user->backend.features = 1 << VIRTIO_NET_F_GUEST_CSUM |
		1 << VIRTIO_NET_F_GUEST_TSO4 |
		1 << VIRTIO_NET_F_GUEST_TSO6;
	return &user->backend;
}
