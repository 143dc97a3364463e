// SPDX-License-Identifier: GPL-2.0
/* A disk that is a file or a block device of the host */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A block device of which somebody else is the only user: a mount, LVM, another guest */
static bool is_claimed(const char *file)
{
	int fd = open(file, O_CLOEXEC | O_RDONLY | O_EXCL);

	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EBUSY;
}

/**
 * disk_file_check() - see whether something can be a disk at all
 * @file: its name
 *
 * To open something else may wait, or have an effect.
 *
 * Return: whether it is a block device; if not, it is a file.
 */
bool disk_file_check(const char *file)
{
	struct stat st;

	if (stat(file, &st))
		die("%s: %m", file);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		die("%s is no file and no block device, so it can't be a disk", file);
	return S_ISBLK(st.st_mode);
}

/**
 * disk_file_open() - open a file or block device, and keep others from it
 * @file: its name
 * @read_only: we only read it
 *
 * Return: the file.
 */
int disk_file_open(const char *file, bool read_only)
{
	int fd, flags = O_CLOEXEC | (read_only ? O_RDONLY : O_RDWR);
	bool is_device = disk_file_check(file);

	/* A limit of the size of files (ulimit -f) is the error of one write. */
	signal(SIGXFSZ, SIG_IGN);
	if (is_device && !read_only)
		flags |= O_EXCL;
	fd = open(file, flags);
	if (fd < 0 && errno == EBUSY)
		die("%s is in use: mounted, or a part of something, or another guest's", file);
	if (fd < 0)
		die("%s: %m%s", file, !read_only && (errno == EACCES || errno == EROFS) ?
		    " (append \",ro\" for a read-only disk)" : "");
	disk_lock(file, fd, read_only);
	if (is_device && read_only && is_claimed(file))
		fprintf(stderr,
			"lguest: %s is in use, perhaps mounted: the guest may read what does not fit together\n",
			file);
	return fd;
}

/**
 * disk_file_transfer() - read or write a part of a file
 * @fd: the file
 * @write: which of the two
 * @flags: of pwritev2(2)
 * @offset: of the file, in bytes
 * @iov: where to, or what; is used up
 * @num: of @iov
 * @len: how many bytes
 *
 * Return: false with errno if it is not all of it.
 */
bool disk_file_transfer(int fd, bool write, int flags, off_t offset, struct iovec *iov,
			unsigned int num, size_t len)
{
	while (len) {
		struct iovec part[VQ_MAX_ENTRIES];
		unsigned int parts = iov_first(part, iov, num, len);
		ssize_t n;

		if (write)
			n = pwritev2(fd, part, parts, offset, flags);
		else
			n = preadv(fd, part, parts, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (!n)
			/* The file has become shorter. */
			errno = EIO;
		if (n <= 0)
			return false;
		iov_skip(iov, num, n);
		offset += n;
		len -= n;
	}
	return true;
}

static bool file_read(const struct disk_backend *backend, __u64 offset, struct iovec *iov,
		      unsigned int num, size_t len)
{
	return disk_file_transfer(backend->fd, false, 0, offset, iov, num, len);
}

static bool file_write(const struct disk_backend *backend, __u64 offset, struct iovec *iov,
		       unsigned int num, size_t len, bool durable)
{
	return disk_file_transfer(backend->fd, true, durable ? RWF_DSYNC : 0, offset, iov, num,
				  len);
}

static bool file_flush(const struct disk_backend *backend)
{
	return !fdatasync(backend->fd);
}

static off_t file_size(const struct disk_backend *backend)
{
	return lseek(backend->fd, 0, SEEK_END);
}

const struct disk_ops disk_file_ops = {
	.read = file_read,
	.write = file_write,
	.flush = file_flush,
	.size = file_size,
};
