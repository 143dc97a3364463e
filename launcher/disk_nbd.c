// SPDX-License-Identifier: GPL-2.0
/*
 * A disk that an NBD server has: one somewhere else, by its URI, or one that we start for an
 * image that is not raw (disk_server.c). libnbd speaks the protocol.
 *
 * The parent connects, and the guest's process has the connection from then on, with the
 * parent's handle as it was at the fork. What changes in a handle is gone with a process; but
 * between two requests nothing is left of them, neither there nor on the connection. So when
 * the process is gone, the parent goes on with it, as does the next process. If the process was
 * killed amid a request, half of that may be on its way, or an answer that nobody waits for.
 * Then the parent makes a new connection. It is told by a flag, which a guest that has taken
 * over its process could set wrong: that harms its own disk.
 */
#include "launcher.h"
#include "libnbd_load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A request is copied here: libnbd wants one buffer. */
#define BUFFER_SIZE	(256U << 10)

/* How many seconds a server may be silent */
#define CONNECT_S	20
#define FLUSH_S		120
#define GOODBYE_S	5
#define END_S		60

/* What a guest's process leaves to the next and to the parent */
struct nbd_state {
	bool in_request;	/* or the connection is of no use */
	bool unflushed;		/* something was written since the last flush */
	bool lost;		/* the same, to a server that has left us */
};

struct disk_nbd {
	const char *name;		/* a URI, or the file that we have a server for */
	struct disk_server *server;	/* NULL for a URI */
	struct nbd_handle *handle;	/* NULL if there is no connection */
	struct nbd_state *state;
	pthread_mutex_t lock;		/* in the end, another thread than the queue's flushes */
	off_t size;
	size_t max;			/* bytes of a request */
	bool can_flush, can_fua;
	char buffer[BUFFER_SIZE];
};

/* A host that has gone without a word is found out in a minute. Fails for what is no TCP. */
static void keep_alive(int fd)
{
	const int on = 1, idle = 30, interval = 10, count = 3;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

/* Returns false, with what nbd_get_error() says, or NULL there if it is silent. */
static bool connect_handle(struct disk_nbd *disk, struct nbd_handle *handle)
{
	unsigned int silent = 0;

	/* Cryptography wants system calls that a guest's process has given up. */
	if (nbd.set_uri_allow_tls(handle, LIBNBD_TLS_DISABLE))
		return false;
	if (disk->server ? nbd.aio_connect_unix(handle, disk_server_path(disk->server)) :
			   nbd.aio_connect_uri(handle, disk->name))
		return false;
	while (nbd.aio_is_connecting(handle)) {
		int n = nbd.poll(handle, 1000);

		if (n < 0 || (!n && ++silent == CONNECT_S))
			return false;
	}
	if (!nbd.aio_is_ready(handle))
		return false;
	keep_alive(nbd.aio_get_fd(handle));
	return true;
}

/* Returns NULL with errno, and the reason in @why. */
static struct nbd_handle *connect_to(struct disk_nbd *disk, char *why, size_t len)
{
	struct nbd_handle *handle = nbd.create();
	const char *error;
	int err;

	if (handle && connect_handle(disk, handle))
		return handle;
	error = nbd.get_error();
	err = error ? nbd.get_errno() : ETIMEDOUT;
	snprintf(why, len, "%s", error ? error : "the server does not answer");
	if (handle)
		nbd.close(handle);
	errno = err ? err : EIO;
	return NULL;
}

/* No process has it any more, whatever it does. */
static void cut(struct nbd_handle *handle)
{
	int fd = nbd.aio_get_fd(handle);

	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
	nbd.close(handle);
}

static bool is_connected(const struct disk_nbd *disk)
{
	return disk->handle && nbd.aio_is_ready(disk->handle) > 0;
}

/* Of a server that has left us, nobody knows what it still had. */
static void note_end(struct disk_nbd *disk)
{
	if (is_connected(disk))
		disk->state->in_request = false;
	else if (disk->state->unflushed)
		disk->state->lost = true;
}

/* Returns false if there is no connection to make a request on. */
static bool begin(struct disk_nbd *disk)
{
	disk->state->in_request = true;
	if (is_connected(disk))
		return true;
	note_end(disk);
	errno = ECONNRESET;
	return false;
}

/* Wait for the answer to a request, or until the server is silent for @seconds, unless that is 0 */
static bool finish(struct disk_nbd *disk, int64_t cookie, unsigned int seconds)
{
	unsigned int silent = 0;
	int done = cookie < 0 ? -1 : 0;

	while (!done) {
		done = nbd.aio_command_completed(disk->handle, cookie);
		if (!done && !nbd.poll(disk->handle, 1000) && seconds && ++silent == seconds) {
			errno = ETIMEDOUT;
			return false;
		}
	}
	if (done < 0) {
		int err = nbd.get_errno();

		errno = !is_connected(disk) ? ECONNRESET : err ? err : EIO;
	}
	note_end(disk);
	return done > 0;
}

static bool do_read(struct disk_nbd *disk, __u64 offset, struct iovec *iov, unsigned int num,
		    size_t len)
{
	while (len) {
		size_t n = len < disk->max ? len : disk->max;

		if (!begin(disk) ||
		    !finish(disk, nbd.aio_pread(disk->handle, disk->buffer, n, offset,
						NBD_NULL_COMPLETION, 0), 0))
			return false;
		iov_write(iov, num, disk->buffer, n);
		offset += n;
		len -= n;
	}
	return true;
}

static bool do_flush(struct disk_nbd *disk)
{
	if (!disk->state->unflushed)
		return true;
	if (disk->can_flush &&
	    (!begin(disk) || !finish(disk, nbd.aio_flush(disk->handle, NBD_NULL_COMPLETION, 0),
				     FLUSH_S)))
		return false;
	if (disk->state->lost) {
		errno = ECONNRESET;
		return false;
	}
	disk->state->unflushed = false;
	return true;
}

static bool do_write(struct disk_nbd *disk, __u64 offset, struct iovec *iov, unsigned int num,
		     size_t len, bool durable)
{
	bool fua = durable && disk->can_fua;

	while (len) {
		size_t n = len < disk->max ? len : disk->max;

		if (!begin(disk))
			return false;
		if (!fua)
			disk->state->unflushed = true;
		iov_read(iov, num, disk->buffer, n);
		if (!finish(disk, nbd.aio_pwrite(disk->handle, disk->buffer, n, offset,
						 NBD_NULL_COMPLETION,
						 fua ? LIBNBD_CMD_FLAG_FUA : 0), 0))
			return false;
		offset += n;
		len -= n;
	}
	return !durable || fua || do_flush(disk);
}

static bool server_read(const struct disk_backend *backend, __u64 offset, struct iovec *iov,
			unsigned int num, size_t len)
{
	struct disk_nbd *disk = backend->nbd;
	bool done;

	pthread_mutex_lock(&disk->lock);
	done = do_read(disk, offset, iov, num, len);
	pthread_mutex_unlock(&disk->lock);
	return done;
}

static bool server_write(const struct disk_backend *backend, __u64 offset, struct iovec *iov,
			 unsigned int num, size_t len, bool durable)
{
	struct disk_nbd *disk = backend->nbd;
	bool done;

	pthread_mutex_lock(&disk->lock);
	done = do_write(disk, offset, iov, num, len, durable);
	pthread_mutex_unlock(&disk->lock);
	return done;
}

/* Who has the lock may wait for a server for ever. */
static bool server_flush(const struct disk_backend *backend)
{
	struct disk_nbd *disk = backend->nbd;
	struct timespec until;
	bool done;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += FLUSH_S;
	errno = pthread_mutex_clocklock(&disk->lock, CLOCK_MONOTONIC, &until);
	if (errno)
		return false;
	done = do_flush(disk);
	pthread_mutex_unlock(&disk->lock);
	return done;
}

/* Not asked of libnbd, which waits while another thread makes a request */
static off_t server_size(const struct disk_backend *backend)
{
	return backend->nbd->size;
}

static bool server_has_left(struct nbd_handle *handle)
{
	struct pollfd wait = { .fd = nbd.aio_get_fd(handle), .events = POLLRDHUP };

	return wait.fd < 0 || poll(&wait, 1, 0) > 0;
}

/*
 * A flush covers what came by another connection if that was ours and the server is, too, or if
 * it says so. It does not if the server has left since, and another one has come.
 */
static bool server_renew(const struct disk_backend *backend)
{
	struct disk_nbd *disk = backend->nbd;
	struct nbd_handle *old = disk->handle;
	char why[512];
	bool other;
	int err;

	if (!disk->state->in_request)
		return true;
	other = !old || server_has_left(old);
	/* A server of ours ends with its last connection. Others may take but one. */
	if (old && !disk->server)
		cut(old);
	disk->handle = connect_to(disk, why, sizeof(why));
	err = errno;
	if (old && disk->server)
		cut(old);
	if (disk->handle)
		disk->size = nbd.get_size(disk->handle);
	if (disk->state->unflushed &&
	    (other || (!disk->server && disk->handle &&
		       nbd.can_multi_conn(disk->handle) <= 0)))
		disk->state->lost = true;
	note_end(disk);
	errno = err;
	return disk->handle;
}

/* Say goodbye, so that the server sees nothing amiss. Returns whether it was there to hear. */
static bool disconnect(struct disk_nbd *disk)
{
	if (!disk->handle || disk->state->in_request || nbd.aio_disconnect(disk->handle, 0))
		return false;
	for (unsigned int silent = 0; silent < GOODBYE_S; silent++) {
		while (nbd.poll(disk->handle, 1000) > 0)
			;
		if (nbd.aio_is_closed(disk->handle) || nbd.aio_is_dead(disk->handle))
			break;
	}
	return nbd.aio_is_closed(disk->handle) > 0;
}

/*
 * Once a server of ours has ended that was there until then, its image is in order. One that is
 * silent won't end soon.
 */
static bool server_close(const struct disk_backend *backend)
{
	struct disk_nbd *disk = backend->nbd;
	bool heard = disconnect(disk);
	const char *said;

	if (disk->handle) {
		cut(disk->handle);
		disk->handle = NULL;
	}
	if (!disk->server)
		return true;
	said = disk_server_end(disk->server, disk->state->in_request ? GOODBYE_S : END_S);
	if (!said)
		fprintf(stderr, "lguest: %s: its qemu-nbd does not end\n", disk->name);
	else if (*said && !heard)
		fprintf(stderr, "lguest: %s: %s\n", disk->name, said);
	return said && heard;
}

static const struct disk_ops nbd_ops = {
	.read = server_read,
	.write = server_write,
	.flush = server_flush,
	.size = server_size,
	.renew = server_renew,
	.close = server_close,
};

static void look_at_server(struct disk_nbd *disk, bool read_only)
{
	struct nbd_handle *handle = disk->handle;
	int64_t least = nbd.get_block_size(handle, LIBNBD_SIZE_MINIMUM);
	int64_t most = nbd.get_block_size(handle, LIBNBD_SIZE_MAXIMUM);

	if (least > SECTOR_SIZE)
		die("%s: the server can't read or write less than %lld bytes, and a sector has %u",
		    disk->name, (long long)least, SECTOR_SIZE);
	disk->max = BUFFER_SIZE;
	if (most >= SECTOR_SIZE && most < BUFFER_SIZE)
		disk->max = most / SECTOR_SIZE * SECTOR_SIZE;
	disk->size = nbd.get_size(handle);
	disk->can_flush = nbd.can_flush(handle) > 0;
	disk->can_fua = nbd.can_fua(handle) > 0;
	if (read_only)
		return;
	if (nbd.is_read_only(handle) > 0)
		die("%s is read-only there (append \",ro\" for a read-only disk)", disk->name);
	if (!disk->can_flush)
		fprintf(stderr,
			"lguest: %s: the server knows no flush, so what the guest takes for safe may not be\n",
			disk->name);
}

static struct disk_nbd *new_disk(struct disk_backend *backend, const char *name)
{
	struct disk_nbd *disk = calloc(1, sizeof(*disk));

	if (disk)
		disk->state = shared_alloc(sizeof(*disk->state));
	if (!disk || !disk->state)
		die("no memory for a disk");
	libnbd_load(name);
	pthread_mutex_init(&disk->lock, NULL);
	disk->name = name;
	backend->ops = &nbd_ops;
	backend->nbd = disk;
	return disk;
}

/**
 * disk_nbd_open() - connect to a server
 * @backend: is set to what the server has
 * @uri: which that is; stays in use
 * @read_only: we only read it
 */
void disk_nbd_open(struct disk_backend *backend, const char *uri, bool read_only)
{
	struct disk_nbd *disk = new_disk(backend, uri);
	char why[512];

	if (!strncmp(uri, "nbds", 4))
		die("%s: there is no TLS here: use nbd:// or nbd+unix:// with a tunnel (ssh -L)",
		    uri);
	disk->handle = connect_to(disk, why, sizeof(why));
	if (!disk->handle)
		die("%s: %s", uri, why);
	look_at_server(disk, read_only);
}

/**
 * disk_nbd_open_image() - start a server for an image
 * @backend: is set to what is in the image
 * @file: the image; stays in use
 * @format: what qemu-nbd calls its format
 * @read_only: we only read it
 *
 * qemu-nbd keeps others from the image, as QEMU does.
 */
void disk_nbd_open_image(struct disk_backend *backend, const char *file, const char *format,
			 bool read_only)
{
	struct disk_nbd *disk = new_disk(backend, file);
	const char *said;
	char why[512];

	disk->server = disk_server_start(file, format, read_only);
	disk->handle = connect_to(disk, why, sizeof(why));
	if (!disk->handle) {
		said = disk_server_end(disk->server, 1);
		die("%s: %s", file, said && *said ? said : why);
	}
	look_at_server(disk, read_only);
}
