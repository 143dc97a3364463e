// SPDX-License-Identifier: GPL-2.0
/*
 * Virtio 9p: a directory of the host for the guest. We carry messages between the guest and a
 * server (p9_server.c), and know no more of them than that takes: how long each is, and which
 * reply is whose, by its tag. Two we look into: who attaches is told to the server in its
 * terms, and a request that was flushed may never have a reply of its own.
 *
 * What is the guest's is read once. The server gets the length that a message has, whatever
 * the guest says that it is, so it always finds where the next begins.
 */
#include "launcher.h"

#include <errno.h>
#include <limits.h>
#include <linux/virtio_9p.h>
#include <linux/virtio_ids.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define P9_QUEUE	128
/* No message is longer. The server offers 64 KiB, with what belongs to it. */
#define P9_MESSAGE_MAX	(1024 * 1024)

/* Types of messages */
#define P9_RLERROR	7
#define P9_TATTACH	104
#define P9_TFLUSH	108
#define P9_RFLUSH	109

/* Each message begins with it. What follows is little-endian, as we are. */
struct p9_header {
	__u32 size;
	__u8 type;
	__u16 tag;
} __attribute__((__packed__));

struct p9_error {
	struct p9_header header;
	__u32 code;
} __attribute__((__packed__));

struct p9_flush {
	struct p9_header header;
	__u16 old_tag;
} __attribute__((__packed__));

/* As we write it: of no user's name, and of the server's root */
struct p9_attach {
	struct p9_header header;
	__u32 fid, auth_fid;
	__u16 user_len;
	__u16 root_len;
	char root[sizeof(P9_SERVER_ROOT) - 1];
	__u32 uid;
} __attribute__((__packed__));

/* A request of the guest that has no reply yet */
struct p9_request {
	bool used;
	__u16 tag;
	/* A number that no other has, and the one of what it flushes, or 0 */
	__u64 serial, flushes;
	/* What is still to be sent: first the part that we have a copy of */
	union {
		struct p9_header header;
		struct p9_flush flush;
		struct p9_attach attach;
	} copy;
	size_t copy_done, copy_len;
	struct vq_chain chain;
};

struct p9 {
	struct device dev;
	char tag[P9_TAG_MAX + 1];
	char *dir;
	bool read_only;
	int fd;
	/* The server is gone, or has lost its mind. */
	bool failed;
	struct p9_request *request;	/* P9_QUEUE of them */
	unsigned int pending;
	__u64 serial;
	/* The one that is being sent, or NULL */
	struct p9_request *sending;
	/* What came from the server, up to one message */
	char *reply;
	size_t reply_len;
	struct p9 *next;
};

static struct p9 *shares;

static void p9_done(struct p9 *p9, struct p9_request *req, const void *reply, size_t len)
{
	iov_write(req->chain.in, req->chain.in_num, reply, len);
	vq_used(&p9->dev.vq[0], &req->chain, len);
	req->used = false;
	p9->pending--;
}

static void p9_error(struct p9 *p9, struct p9_request *req, int code)
{
	struct p9_error error = {
		.header = { .size = sizeof(error), .type = P9_RLERROR, .tag = req->tag },
		.code = code,
	};

	p9_done(p9, req, &error, sizeof(error));
}

/* The guest gets errors from now on. */
static void p9_fail(struct p9 *p9, const char *why)
{
	fprintf(stderr, "lguest: share %s: %s: the guest gets errors from now on\n", p9->tag, why);
	p9->failed = true;
	p9->sending = NULL;
	for (unsigned int i = 0; i < P9_QUEUE; i++) {
		if (p9->request[i].used)
			p9_error(p9, &p9->request[i], EIO);
	}
}

static struct p9_request *p9_find(struct p9 *p9, __u16 tag)
{
	for (unsigned int i = 0; i < P9_QUEUE; i++) {
		if (p9->request[i].used && p9->request[i].tag == tag)
			return &p9->request[i];
	}
	return NULL;
}

/*
 * What was flushed has no reply but one that came before. The same holds for older flushes of
 * it. A guest may wait for all of them, so they get one before it hears of this.
 */
static void p9_flushed(struct p9 *p9, const struct p9_request *flush)
{
	for (unsigned int i = 0; i < P9_QUEUE; i++) {
		struct p9_request *req = &p9->request[i];

		if (!req->used || req == flush || !flush->flushes || req == p9->sending)
			continue;
		if (req->serial == flush->flushes ||
		    (req->flushes == flush->flushes && req->serial < flush->serial))
			p9_error(p9, req, EINTR);
	}
}

/* One that belongs to no request is late, after a flush, and nobody's. */
static void p9_reply(struct p9 *p9, const char *reply, const struct p9_header *header)
{
	struct p9_request *req = p9_find(p9, header->tag);

	if (!req || req == p9->sending)
		return;
	if (header->type == P9_RFLUSH)
		p9_flushed(p9, req);
	if (header->size > iov_length(req->chain.in, req->chain.in_num))
		p9_error(p9, req, EMSGSIZE);
	else
		p9_done(p9, req, reply, header->size);
}

static void p9_receive(struct p9 *p9)
{
	ssize_t n = recv(p9->fd, p9->reply + p9->reply_len, P9_MESSAGE_MAX - p9->reply_len,
			 MSG_DONTWAIT);
	struct p9_header header;
	size_t at = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		p9_fail(p9, "its server (diod) has ended");
		return;
	}
	p9->reply_len += n;
	while (p9->reply_len - at >= sizeof(header)) {
		memcpy(&header, p9->reply + at, sizeof(header));
		if (header.size < sizeof(header) || header.size > P9_MESSAGE_MAX) {
			p9_fail(p9, "its server (diod) makes no sense");
			return;
		}
		if (header.size > p9->reply_len - at)
			break;
		p9_reply(p9, p9->reply + at, &header);
		at += header.size;
	}
	p9->reply_len -= at;
	memmove(p9->reply, p9->reply + at, p9->reply_len);
}

/* As much as the server takes now */
static void p9_send(struct p9 *p9)
{
	struct p9_request *req = p9->sending;
	struct iovec iov[VQ_MAX_ENTRIES + 1];
	struct msghdr msg = { .msg_iov = iov };
	size_t n, rest = req->copy_len - req->copy_done;
	ssize_t sent;

	iov[0] = (struct iovec) { (char *)&req->copy + req->copy_done, rest };
	msg.msg_iovlen = 1 + iov_first(iov + 1, req->chain.out, req->chain.out_num,
				       P9_MESSAGE_MAX);
	sent = sendmsg(p9->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0) {
		if (errno != EAGAIN && errno != EINTR)
			p9_fail(p9, "its server (diod) has ended");
		return;
	}
	n = (size_t)sent < rest ? (size_t)sent : rest;
	req->copy_done += n;
	iov_skip(req->chain.out, req->chain.out_num, sent - n);
	if (req->copy_done == req->copy_len && !iov_length(req->chain.out, req->chain.out_num))
		p9->sending = NULL;
}

/* fid, fid for authentication, user's name, what to attach to, user's number */
static void p9_read_attach(struct virtqueue *vq, struct p9_request *req, size_t len)
{
	const size_t shortest = 4 + 4 + 2 + 2 + 4;
	struct p9_attach *attach = &req->copy.attach;
	struct vq_chain *chain = &req->chain;
	__u32 uid;

	if (len < shortest)
		vq_bad_guest(vq, "attaching in %zu bytes", len);
	iov_read(chain->out, chain->out_num, &attach->fid, 8);
	iov_skip(chain->out, chain->out_num, len - 8 - sizeof(uid));
	iov_read(chain->out, chain->out_num, &uid, sizeof(uid));
	attach->user_len = 0;
	attach->root_len = sizeof(attach->root);
	memcpy(attach->root, P9_SERVER_ROOT, sizeof(attach->root));
	attach->uid = p9_server_uid(uid);
	req->copy_len = sizeof(*attach);
}

static void p9_read_flush(struct p9 *p9, struct p9_request *req)
{
	struct p9_flush *flush = &req->copy.flush;
	const struct p9_request *old;

	if (iov_read(req->chain.out, req->chain.out_num, &flush->old_tag,
		     sizeof(flush->old_tag)) != sizeof(flush->old_tag))
		vq_bad_guest(&p9->dev.vq[0], "flushing nothing");
	req->copy_len = sizeof(*flush);
	old = p9_find(p9, flush->old_tag);
	req->flushes = old ? old->serial : 0;
}

/* A new one: none is being sent. */
static void p9_take(struct p9 *p9, struct p9_request *req)
{
	struct virtqueue *vq = &p9->dev.vq[0];
	struct vq_chain *chain = &req->chain;
	struct p9_header *header = &req->copy.header;
	__u64 len = iov_length(chain->out, chain->out_num);
	bool twice;

	if (len > P9_MESSAGE_MAX || iov_read(chain->out, chain->out_num, header,
					     sizeof(*header)) != sizeof(*header))
		vq_bad_guest(vq, "message of %llu bytes", len);
	if (iov_length(chain->in, chain->in_num) < sizeof(struct p9_error))
		vq_bad_guest(vq, "no room for an error");
	twice = p9_find(p9, header->tag);
	req->tag = header->tag;
	req->serial = ++p9->serial;
	req->flushes = 0;
	req->copy_done = 0;
	req->copy_len = sizeof(*header);
	if (header->type == P9_TATTACH)
		p9_read_attach(vq, req, len - sizeof(*header));
	else if (header->type == P9_TFLUSH)
		p9_read_flush(p9, req);
	header->size = req->copy_len + iov_length(chain->out, chain->out_num);
	req->used = true;
	p9->pending++;
	/* Old drivers may reuse the tag of one that they gave up. Replies could be mixed up. */
	if (p9->failed || twice)
		p9_error(p9, req, twice ? EBUSY : EIO);
	else
		p9->sending = req;
}

static struct p9_request *p9_unused(struct p9 *p9)
{
	for (unsigned int i = 0; i < P9_QUEUE; i++) {
		if (!p9->request[i].used)
			return &p9->request[i];
	}
	return NULL;
}

/* Take requests as long as all of each can be sent at once. Whether more may come */
static bool p9_take_all(struct p9 *p9)
{
	while (!p9->sending && p9->pending < P9_QUEUE) {
		struct p9_request *req = p9_unused(p9);
		enum vq_next next = vq_try_next(&p9->dev.vq[0], &req->chain);

		if (next != VQ_REQUEST)
			return next != VQ_OVER;
		p9_take(p9, req);
		if (p9->sending)
			p9_send(p9);
	}
	return true;
}

static void p9_serve(struct virtqueue *vq)
{
	struct p9 *p9 = container_of(vq->dev, struct p9, dev);
	bool more = true;

	for (;;) {
		bool room;

		if (p9->sending)
			p9_send(p9);
		if (more)
			more = p9_take_all(p9);
		/* What was asked for is finished before the device stops. */
		if (!more && !p9->pending)
			break;
		room = more && !p9->sending && p9->pending < P9_QUEUE;
		vq_wait_either(vq, p9->failed ? -1 : p9->fd,
			       POLLIN | (p9->sending ? POLLOUT : 0), room);
		if (!p9->failed)
			p9_receive(p9);
	}
	vq_interrupt(vq);
}

/* Each life has a server of its own, so nothing that an earlier one asked for is answered. */
static void p9_create(struct device *dev)
{
	struct p9 *p9 = container_of(dev, struct p9, dev);

	p9->request = calloc(P9_QUEUE, sizeof(*p9->request));
	p9->reply = malloc(P9_MESSAGE_MAX);
	if (!p9->request || !p9->reply)
		die("no memory for a share");
	p9->fd = p9_server_start(p9->dir, p9->read_only);
}

static void p9_set_tag(struct p9 *p9, const char *spec, const char *tag)
{
	size_t len = strlen(tag);

	if (!len || len > P9_TAG_MAX)
		die("--share=%s: want a tag of 1 to %d characters", spec, P9_TAG_MAX);
	for (const struct p9 *other = shares; other; other = other->next) {
		if (!strcmp(other->tag, tag))
			die("--share=%s: another has the tag %s; tag=NAME sets it", spec, tag);
	}
	memcpy(p9->tag, tag, len);
	memcpy(p9->dev.config.p9.tag, tag, len);
	p9->dev.config.p9.tag_len = len;
	p9->dev.config_len = sizeof(p9->dev.config.p9.tag_len) + len;
}

/**
 * p9_add() - let the guest have a directory
 * @spec: DIR[,tag=NAME][,ro]
 */
void p9_add(const char *spec)
{
	struct p9 *p9 = calloc(1, sizeof(*p9));
	char *copy = strdup(spec), *dir, *opt;
	const char *tag = "host";
	struct stat st;

	if (!p9 || !copy)
		die("no memory for a share");
	dir = strsep(&copy, ",");
	while ((opt = strsep(&copy, ","))) {
		if (!strncmp(opt, "tag=", 4))
			tag = opt + 4;
		else if (!strcmp(opt, "ro"))
			p9->read_only = true;
		else
			die("--share=%s: '%s' is neither tag= nor ro", spec, opt);
	}
	p9->dir = realpath(dir, NULL);
	if (!p9->dir || stat(p9->dir, &st))
		die("--share=%s: %m", spec);
	if (!S_ISDIR(st.st_mode))
		die("--share=%s: that is no directory", spec);
	p9_server_find();
	p9->dev = (struct device) {
		.name = p9->tag,
		.type = VIRTIO_ID_9P,
		.num_vq = 1,
		.vq = { { .num = P9_QUEUE, .serve = p9_serve } },
		.features = 1 << VIRTIO_9P_MOUNT_TAG |
			1 << VIRTIO_RING_F_INDIRECT_DESC,
		.create = p9_create,
	};
	p9_set_tag(p9, spec, tag);
	p9->next = shares;
	shares = p9;
	device_add(&p9->dev);
}
