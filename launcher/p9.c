// SPDX-License-Identifier: GPL-2.0
/*
 * Virtio 9P: a directory of the host for the guest. What the guest's driver and a file server
 * say to each other is passed on. The server is diod (9P2000.L), which we start for each life
 * of the guest, and which ends when its connection does.
 *
 * One request is on its way at a time. So a reply belongs to the request before it, whatever
 * the guest does to its tags.
 */
#include "launcher.h"

#include <errno.h>
#include <endian.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/virtio_9p.h>
#include <linux/virtio_ids.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define P9_QUEUE	128

/* More than a driver asks for (it has 128 pages), or diod allows (64 KB) */
#define MESSAGE_MAX	(1024U * 1024U)

/* Each message begins so. */
struct header {
	__le32 size;
	__u8 type;
	__le16 tag;
} __attribute__((__packed__));

#define RLERROR		7
#define TLOPEN		12

/* In the flags of TLOPEN, as i386's Linux has them */
#define L_ACCMODE	0003
#define L_CREAT		0100
#define L_TRUNC		01000

#define TATTACH		104

struct rlerror {
	struct header header;
	__le32 error;
} __attribute__((__packed__));

struct p9 {
	struct device dev;
	const char *dir;
	bool read_only;
	uid_t uid;		/* all that the guest does is done by that user; root is any */
	int fd;			/* the connection; -1 if it is broken */
	bool is_late;		/* a reply is still to come that nobody waits for */
	char *message;
};

static const char *user;

static void __noreturn run_diod(const struct p9 *p9, int fd, int error_pipe)
{
	char number[16];
	char *argv[] = { "diod", "--foreground", "--config-file", "/dev/null", "--no-auth",
			   "--no-userdb", "--logdest", "stderr", "--rfdno", number,
			   "--wfdno", number, "--export", (char *)p9->dir, NULL };
	sigset_t none;

	/* It ends with us, and by no ^C. */
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (user)
		sandbox_set_user(user);
	sprintf(number, "%d", fd);
	fcntl(fd, F_SETFD, 0);
	execvp(argv[0], argv);
	/* Debian has it where only root's shell looks. */
	execv("/usr/sbin/diod", argv);
	if (write(error_pipe, &errno, sizeof(errno)) < 0)
		_exit(1);
	_exit(127);
}

static void p9_create(struct device *dev)
{
	struct p9 *p9 = container_of(dev, struct p9, dev);
	int fd[2], error_pipe[2], error;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) ||
	    pipe2(error_pipe, O_CLOEXEC))
		die("%s: cannot connect to diod: %m", p9->dir);
	pid = fork();
	if (pid < 0)
		die("%s: cannot start diod: %m", p9->dir);
	if (!pid)
		run_diod(p9, fd[1], error_pipe[1]);
	close(fd[1]);
	close(error_pipe[1]);
	if (read(error_pipe[0], &error, sizeof(error)) == sizeof(error)) {
		errno = error;
		die("%s: cannot start diod: %m (apt install diod)", p9->dir);
	}
	close(error_pipe[0]);
	p9->uid = geteuid();
	if (user)
		sandbox_find_user(user, &p9->uid, &(gid_t){ 0 });
	p9->fd = fd[0];
	p9->message = malloc(MESSAGE_MAX + PATH_MAX);
	if (!p9->message)
		die("no memory for a shared directory");
}

static void broken(struct p9 *p9)
{
	fprintf(stderr, "lguest: %s: diod has ended: the guest can't reach it any more\n",
		p9->dir);
	close(p9->fd);
	p9->fd = -1;
}

/* Returns false if the server is gone. */
static bool receive(struct p9 *p9, void *buf, size_t len)
{
	while (len) {
		ssize_t n = read(p9->fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			broken(p9);
			return false;
		}
		buf = (char *)buf + n;
		len -= n;
	}
	return true;
}

/* The next reply, to the message buffer. Returns its length; 0 if there is none. */
static size_t receive_reply(struct p9 *p9, struct virtqueue *vq)
{
	struct header *header = (struct header *)p9->message;
	size_t size;

	/* A reply that has begun comes to an end, too. */
	if (!vq_wait_input(vq, p9->fd) || !receive(p9, header, sizeof(*header)))
		return 0;
	size = le32toh(header->size);
	if (size < sizeof(*header) || size > MESSAGE_MAX) {
		broken(p9);
		return 0;
	}
	return receive(p9, header + 1, size - sizeof(*header)) ? size : 0;
}

static bool send_message(struct p9 *p9, size_t len)
{
	const char *p = p9->message;

	while (len) {
		ssize_t n = send(p9->fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			broken(p9);
			return false;
		}
		p += n;
		len -= n;
	}
	return true;
}

/*
 * diod wants to be told what a driver need not know: what it is to attach to ("aname"), by the
 * host's name for it, and who attaches at first ("n_uname"), which is root. A server that is not
 * root's takes its own user alone. Returns the message's length.
 */
static size_t complete_attach(struct p9 *p9, size_t len)
{
	struct header *header = (struct header *)p9->message;
	/* fid, afid, uname (its length, and so many bytes), aname, n_uname */
	size_t at = sizeof(*header) + 2 * sizeof(__le32), dir_len = strlen(p9->dir);
	const __le32 nobody = htole32(~0U), uid = htole32(p9->uid);
	char *p = p9->message;
	__le16 string_len;

	if (header->type != TATTACH || len < at + sizeof(string_len))
		return len;
	memcpy(&string_len, p + at, sizeof(string_len));
	at += sizeof(string_len) + le16toh(string_len);
	if (len < at + sizeof(string_len))
		return len;
	memcpy(&string_len, p + at, sizeof(string_len));
	if (!string_len) {
		string_len = htole16(dir_len);
		memcpy(p + at, &string_len, sizeof(string_len));
		memmove(p + at + sizeof(string_len) + dir_len, p + at + sizeof(string_len),
			len - at - sizeof(string_len));
		memcpy(p + at + sizeof(string_len), p9->dir, dir_len);
		len += dir_len;
	}
	at += sizeof(string_len) + le16toh(string_len);
	if (len == at + sizeof(uid) && (uid || !memcmp(p + at, &nobody, sizeof(nobody))))
		memcpy(p + at, &uid, sizeof(uid));
	return len;
}

/* Of the messages of 9P2000.L, these change nothing. Opening a file may. */
static bool only_reads(const char *message, size_t len)
{
	static const __u8 types[] = {
		8 /* statfs */, 22 /* readlink */, 24 /* getattr */, 30 /* xattrwalk */,
		40 /* readdir */, 50 /* fsync */, 52 /* lock */, 54 /* getlock */,
		100 /* version */, 102 /* auth */, TATTACH, 108 /* flush */, 110 /* walk */,
		116 /* read */, 120 /* clunk */,
	};
	const struct header *header = (const struct header *)message;
	const size_t at = sizeof(*header) + sizeof(__le32);
	__le32 flags;

	if (header->type == TLOPEN && len >= at + sizeof(flags)) {
		memcpy(&flags, message + at, sizeof(flags));
		return !(le32toh(flags) & (L_ACCMODE | L_CREAT | L_TRUNC));
	}
	return memchr(types, header->type, sizeof(types));
}

/* What a driver is told in place of a reply */
static size_t make_error(struct p9 *p9, __le16 tag, int err)
{
	const struct rlerror error = {
		.header = { htole32(sizeof(error)), RLERROR, tag }, .error = htole32(err),
	};

	memcpy(p9->message, &error, sizeof(error));
	return sizeof(error);
}

/* Returns false if the device is to stop. */
static bool p9_request(struct p9 *p9, struct virtqueue *vq, struct vq_chain *chain)
{
	struct header *header = (struct header *)p9->message;
	__u64 room = iov_length(chain->in, chain->in_num);
	size_t len = iov_length(chain->out, chain->out_num);
	__le16 tag;

	if (len < sizeof(*header) || len > MESSAGE_MAX)
		vq_bad_guest(vq, "a message of %zu bytes", len);
	if (room < sizeof(struct rlerror))
		vq_bad_guest(vq, "no room for a reply");
	iov_read(chain->out, chain->out_num, p9->message, len);
	len = complete_attach(p9, len);
	/* Drivers before 5.8 leave out what they write (Twrite's data) of the size. */
	header->size = htole32(len);
	tag = header->tag;

	if (p9->read_only && !only_reads(p9->message, len)) {
		len = make_error(p9, tag, EROFS);
	} else {
		len = p9->fd >= 0 && send_message(p9, len) ? receive_reply(p9, vq) : 0;
		if (!len && p9->fd >= 0) {
			p9->is_late = true;
			return false;
		}
		if (!len)
			len = make_error(p9, tag, EIO);
	}
	if (len > room)
		vq_bad_guest(vq, "no room for a reply of %zu bytes", len);
	iov_write(chain->in, chain->in_num, p9->message, len);
	vq_used(vq, chain, len);
	return true;
}

static void p9_serve(struct virtqueue *vq)
{
	struct p9 *p9 = container_of(vq->dev, struct p9, dev);
	struct vq_chain chain;

	if (p9->is_late && p9->fd >= 0 && !receive_reply(p9, vq) && p9->fd >= 0)
		return;
	p9->is_late = false;
	while (vq_next(vq, &chain)) {
		if (!p9_request(p9, vq, &chain))
			return;
	}
}

/** p9_set_user() - whose rights servers have, as for sandbox_set_user(); NULL for ours */
void p9_set_user(const char *spec)
{
	user = spec;
}

/**
 * p9_add() - share a directory with the guest
 * @spec: DIR[,tag=NAME][,ro]
 */
void p9_add(const char *spec)
{
	struct p9 *p9 = calloc(1, sizeof(*p9));
	char *copy = strdup(spec), *opt;
	const char *tag = "host";
	struct stat st;

	if (!p9 || !copy)
		die("no memory for a shared directory");
	opt = strsep(&copy, ",");
	p9->dir = realpath(opt, NULL);
	if (!p9->dir || stat(p9->dir, &st))
		die("--share=%s: %m", opt);
	if (!S_ISDIR(st.st_mode))
		die("--share=%s is no directory", opt);
	while ((opt = strsep(&copy, ","))) {
		if (!strcmp(opt, "ro"))
			p9->read_only = true;
		else if (!strncmp(opt, "tag=", 4))
			tag = opt + 4;
		else
			die("--share=%s: '%s' is neither ro nor tag=", spec, opt);
	}
	if (!*tag || strlen(tag) > TAG_MAX)
		die("--share=%s: a tag has 1 to %u characters", spec, TAG_MAX);
	p9->dev = (struct device) {
		.name = p9->dir,
		.type = VIRTIO_ID_9P,
		.num_vq = 1,
		.vq = { { .num = P9_QUEUE, .serve = p9_serve } },
		.features = 1 << VIRTIO_9P_MOUNT_TAG | 1 << VIRTIO_RING_F_INDIRECT_DESC,
		.create = p9_create,
	};
	p9->dev.config.p9.tag_len = strlen(tag);
	memcpy(p9->dev.config.p9.tag, tag, strlen(tag));
	p9->dev.config_len = offsetof(struct p9_config, tag) + strlen(tag);
	device_add(&p9->dev);
}
