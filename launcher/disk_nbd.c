// SPDX-License-Identifier: GPL-2.0
/*
 * A disk that an NBD server has: one somewhere else, or a qemu-nbd of ours for an image that is
 * not raw. libnbd speaks to it.
 *
 * The connection is made by the parent, which then leaves it to the guest's process. That one
 * finishes each request before the next, and before it ends; so the parent may go on with it
 * then, to flush, and so may the next life's process. Of one that was killed a request may be
 * half done: then the flush fails, or does not come to an end, and the user is told.
 */
#include "launcher.h"

#include <errno.h>
#include <libnbd.h>

/* A request is copied here: libnbd wants one buffer. Servers take as much at once. */
#define BUFFER_SIZE	(256U << 10)

#define FLUSH_MS	30000

/* What libnbd calls an error of the server's is errno here. */
static bool failed(void)
{
	int err = nbd_get_errno();

	errno = err ? err : EIO;
	return false;
}

static bool nbd_read(const struct disk_backend *backend, __u64 offset, struct iovec *iov,
		     unsigned int num, size_t len)
{
	char buffer[BUFFER_SIZE];

	while (len) {
		size_t part = len < sizeof(buffer) ? len : sizeof(buffer);

		if (nbd_pread(backend->nbd, buffer, part, offset, 0))
			return failed();
		iov_write(iov, num, buffer, part);
		offset += part;
		len -= part;
	}
	return true;
}

static bool nbd_flush_now(struct nbd_handle *nbd)
{
	__u64 until = loop_now() + FLUSH_MS;
	int64_t cookie = nbd_aio_flush(nbd, NBD_NULL_COMPLETION, 0);
	int done;

	if (cookie < 0)
		return failed();
	while (!(done = nbd_aio_command_completed(nbd, cookie))) {
		__u64 now = loop_now();

		if (now >= until) {
			errno = ETIMEDOUT;
			return false;
		}
		if (nbd_poll(nbd, until - now) < 0)
			return failed();
	}
	return done > 0 ? true : failed();
}

static bool nbd_flush_all(const struct disk_backend *backend)
{
	/* A server that has nothing of the kind has nothing that could be lost. */
	return !nbd_can_flush(backend->nbd) || nbd_flush_now(backend->nbd);
}

static bool nbd_write(const struct disk_backend *backend, __u64 offset, struct iovec *iov,
		      unsigned int num, size_t len, bool durable)
{
	bool fua = durable && nbd_can_fua(backend->nbd) == 1;
	char buffer[BUFFER_SIZE];

	while (len) {
		size_t part = len < sizeof(buffer) ? len : sizeof(buffer);

		iov_read(iov, num, buffer, part);
		if (nbd_pwrite(backend->nbd, buffer, part, offset,
			       fua ? LIBNBD_CMD_FLAG_FUA : 0))
			return failed();
		offset += part;
		len -= part;
	}
	return !durable || fua || nbd_flush_all(backend);
}

static off_t nbd_size(const struct disk_backend *backend)
{
	off_t size = nbd_get_size(backend->nbd);

	if (size < 0)
		failed();
	return size;
}

/* A qemu-nbd of ours is told to end, and waited for: its image is in order then. */
static void nbd_disconnect(const struct disk_backend *backend)
{
	nbd_close(backend->nbd);
}

static const struct disk_ops nbd_ops = {
	.read = nbd_read,
	.write = nbd_write,
	.flush = nbd_flush_all,
	.size = nbd_size,
	.close = nbd_disconnect,
};

static struct nbd_handle *new_handle(const char *name)
{
	struct nbd_handle *nbd = nbd_create();

	if (!nbd)
		die("%s: %s", name, nbd_get_error());
	return nbd;
}

static void connected(struct disk_backend *backend, struct nbd_handle *nbd, const char *name,
		      bool read_only)
{
	if (!read_only && nbd_is_read_only(nbd) == 1)
		die("%s is read-only there (append \",ro\" for a read-only disk)", name);
	backend->ops = &nbd_ops;
	backend->nbd = nbd;
}

/**
 * disk_nbd_open() - connect to a server
 * @backend: is set to what the server has
 * @uri: which that is
 * @read_only: we only read it
 */
void disk_nbd_open(struct disk_backend *backend, const char *uri, bool read_only)
{
	struct nbd_handle *nbd = new_handle(uri);

	if (nbd_connect_uri(nbd, uri))
		die("%s: %s", uri, nbd_get_error());
	connected(backend, nbd, uri, read_only);
}

/**
 * disk_nbd_open_image() - start a server for an image
 * @backend: is set to what is in the image
 * @file: the image
 * @format: what qemu-nbd calls its format
 * @read_only: we only read it
 *
 * qemu-nbd keeps others from the image, as QEMU does. It is in a session of its own, lest a ^C
 * end it before us.
 */
void disk_nbd_open_image(struct disk_backend *backend, const char *file, const char *format,
			 bool read_only)
{
	struct nbd_handle *nbd = new_handle(file);
	char *argv[] = {
		"setsid", "qemu-nbd", "--format", (char *)format,
		read_only ? "--read-only" : "--cache=writeback", "--", (char *)file, NULL
	};

	if (nbd_connect_systemd_socket_activation(nbd, argv))
		die("%s: qemu-nbd can't open it as %s, or is not there (package qemu-utils): %s",
		    file, format, nbd_get_error());
	connected(backend, nbd, file, read_only);
}
