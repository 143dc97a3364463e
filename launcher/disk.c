// SPDX-License-Identifier: GPL-2.0
/*
 * What a disk of the guest is made of: a file or block device of the host, or one that
 * is only read, with what the guest writes in a file beside it (disk_snapshot.c).
 *
 * A guest is told that its data is safe only when it is. Linux tells each who has opened a
 * file once that a write has failed, and forgets it. So we don't: a disk that has lost
 * something never says again that it has flushed.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a guest's process leaves to the next and to the parent */
struct disk_history {
	bool lost;
	bool has_told;
};

struct disk {
	char *file;
	int fd;
	bool read_only;
	bool raw;		/* whatever it looks like */
	struct disk_snapshot *snapshot;
	__u64 size;		/* whole sectors; changes while requests are served */
	struct disk_history *history;
	struct disk *next;
};

static struct disk *disks;

/* Once for each disk: a guest can make as many errors as it likes. */
static void tell(struct disk *disk, const char *what)
{
	if (!disk->history->has_told)
		fprintf(stderr,
			"lguest: %s: %s: %m (told to the guest; of this disk you hear no more)\n",
			disk->file, what);
	disk->history->has_told = true;
}

/* Cut @option off the end of @spec. */
static bool take_option(char *spec, const char *option)
{
	size_t len = strlen(spec), option_len = strlen(option);

	if (len <= option_len || strcmp(spec + len - option_len, option))
		return false;
	spec[len - option_len] = '\0';
	return true;
}

static struct disk *parse(const char *spec, bool *snapshot)
{
	struct disk *disk = calloc(1, sizeof(*disk));

	if (!disk)
		die("no memory for a disk");
	disk->file = strdup(spec);
	disk->history = shared_alloc(sizeof(*disk->history));
	if (!disk->file || !disk->history)
		die("no memory for a disk");
	for (;;) {
		if (take_option(disk->file, ",ro"))
			disk->read_only = true;
		else if (take_option(disk->file, ",format=raw"))
			disk->raw = true;
		else if (take_option(disk->file, ",snapshot"))
			*snapshot = true;
		else
			return disk;
	}
}

/* A block device of which somebody else is the only user: a mount, LVM, another guest */
static bool is_claimed(const char *file)
{
	int fd = open(file, O_CLOEXEC | O_RDONLY | O_EXCL);

	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EBUSY;
}

static void open_file(struct disk *disk, bool read_only)
{
	int flags = O_CLOEXEC | (read_only ? O_RDONLY : O_RDWR);
	struct stat st;

	/* To open something else may wait, or have an effect. */
	if (stat(disk->file, &st))
		die("%s: %m", disk->file);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		die("%s is no file and no block device, so it can't be a disk", disk->file);
	if (S_ISBLK(st.st_mode) && !read_only)
		flags |= O_EXCL;
	disk->fd = open(disk->file, flags);
	if (disk->fd < 0 && errno == EBUSY)
		die("%s is in use: mounted, or a part of something, or another guest's",
		    disk->file);
	if (disk->fd < 0)
		die("%s: %m%s", disk->file, !read_only && (errno == EACCES || errno == EROFS) ?
		    " (append \",ro\" for a read-only disk)" : "");
	disk_lock(disk->file, disk->fd, read_only);
	if (S_ISBLK(st.st_mode) && read_only && is_claimed(disk->file))
		fprintf(stderr,
			"lguest: %s is in use, perhaps mounted: the guest may read what does not fit together\n",
			disk->file);
}

static __u64 whole_sectors(const struct disk *disk, off_t size)
{
	if (size % SECTOR_SIZE)
		fprintf(stderr,
			"lguest: %s: the last %u bytes are less than a sector and stay unused\n",
			disk->file, (unsigned int)(size % SECTOR_SIZE));
	return size / SECTOR_SIZE * SECTOR_SIZE;
}

/**
 * disk_open() - open what is to be a disk of the guest
 * @spec: the file, and any of ",ro", ",snapshot" and ",format=raw"
 *
 * Ends the Launcher if that can't be a disk, or if somebody else uses it.
 *
 * Return: the disk, for good.
 */
struct disk *disk_open(const char *spec)
{
	bool snapshot = false;
	struct disk *disk = parse(spec, &snapshot);
	const char *format;
	off_t size;

	/* A limit of the size of files (ulimit -f) is the error of one write. */
	signal(SIGXFSZ, SIG_IGN);
	open_file(disk, disk->read_only || snapshot);
	size = lseek(disk->fd, 0, SEEK_END);
	if (size < 0)
		die("%s: %m", disk->file);
	format = disk->raw ? NULL : disk_format(disk->fd, size);
	if (format)
		die("%s is %s, but disks are raw (append \",format=raw\" if that is what it is)",
		    disk->file, format);
	disk->size = whole_sectors(disk, size);
	if (!disk->size)
		die("%s is empty: a disk has at least %u bytes (truncate -s 1G makes it larger)",
		    disk->file, SECTOR_SIZE);
	if (snapshot && !disk->read_only)
		disk->snapshot = disk_snapshot_create(disk->file, disk->fd, disk->size);
	disk->next = disks;
	disks = disk;
	return disk;
}

/** disk_name() - what the user calls @disk */
const char *disk_name(const struct disk *disk)
{
	return disk->file;
}

/** disk_is_read_only() - whether every write to @disk is an error */
bool disk_is_read_only(const struct disk *disk)
{
	return disk->read_only;
}

/** disk_size() - size of @disk in bytes: whole sectors; any thread calls */
__u64 disk_size(const struct disk *disk)
{
	return __atomic_load_n(&disk->size, __ATOMIC_RELAXED);
}

/**
 * disk_refresh() - look at a disk's size again
 * @disk: the disk; one that is a snapshot keeps its size
 *
 * Return: whether it has changed.
 */
bool disk_refresh(struct disk *disk)
{
	off_t size = lseek(disk->fd, 0, SEEK_END);
	__u64 now = size / SECTOR_SIZE * SECTOR_SIZE;

	if (size < 0 || disk->snapshot || now == disk->size)
		return false;
	__atomic_store_n(&disk->size, now, __ATOMIC_RELAXED);
	return true;
}

/* Read or write all of @len bytes at @offset of @fd, and take them off @iov. */
static bool transfer(int fd, bool write, int flags, off_t offset, struct iovec *iov,
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

/**
 * disk_read() - read from a disk
 * @disk: the disk; one thread calls
 * @offset: in bytes; all that is read lies within the disk
 * @iov: where to; is used up
 * @num: of @iov
 *
 * Return: false if that can't be read, which the user has been told.
 */
bool disk_read(struct disk *disk, __u64 offset, struct iovec *iov, unsigned int num)
{
	__u64 len = iov_length(iov, num);

	while (len) {
		__u64 run = len;
		int fd = disk->fd;

		if (disk->snapshot)
			fd = disk_snapshot_run(disk->snapshot, offset, &run);
		if (!transfer(fd, false, 0, offset, iov, num, run)) {
			tell(disk, "can't read");
			return false;
		}
		offset += run;
		len -= run;
	}
	return true;
}

/**
 * disk_write() - write to a disk
 * @disk: the disk, not a read-only one; one thread calls
 * @offset: in bytes; all that is written lies within the disk
 * @iov: what; is used up
 * @num: of @iov
 * @durable: return only when it is there to stay
 *
 * Return: false if that can't be written, which the user has been told.
 */
bool disk_write(struct disk *disk, __u64 offset, struct iovec *iov, unsigned int num,
		bool durable)
{
	__u64 len = iov_length(iov, num);
	int fd = disk->fd, flags = durable ? RWF_DSYNC : 0;

	if (disk->snapshot) {
		fd = disk_snapshot_take(disk->snapshot, offset, len);
		flags = 0;
	}
	if (fd < 0 || !transfer(fd, true, flags, offset, iov, num, len)) {
		tell(disk, "can't write");
		return false;
	}
	return true;
}

/**
 * disk_flush() - wait until what was written is there to stay
 * @disk: the disk; one thread calls
 *
 * Return: false if that failed now or ever before, which the user has been told.
 */
bool disk_flush(struct disk *disk)
{
	/* Nothing of a snapshot is there to stay. */
	if (disk->read_only || disk->snapshot)
		return true;
	if (!disk->history->lost && fdatasync(disk->fd)) {
		disk->history->lost = true;
		tell(disk, "can't flush");
	}
	return !disk->history->lost;
}

/**
 * disks_flush() - disk_flush() for all, once no device runs any more
 *
 * Return: the name of one that has lost something of what the guest wrote, or NULL.
 */
const char *disks_flush(void)
{
	const char *lost = NULL;

	for (struct disk *disk = disks; disk; disk = disk->next) {
		if (!disk_flush(disk))
			lost = disk->file;
	}
	return lost;
}
