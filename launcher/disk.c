// SPDX-License-Identifier: GPL-2.0
/*
 * What a disk of the guest is made of: a file or block device of the host (disk_file.c), what
 * an NBD server has (disk_nbd.c), or one of these that is only read, with what the guest writes
 * in a file beside it (disk_snapshot.c).
 *
 * A guest is told that its data is safe only when it is. Linux tells each who has opened a
 * file once that a write has failed, and forgets it. So we don't: a disk that has lost
 * something never says again that it has flushed.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a guest's process leaves to the next and to the parent */
struct disk_history {
	bool lost;
	bool has_told;
};

struct disk {
	char *file;
	struct disk_backend backend;
	const char *format;	/* of an image that qemu-nbd reads; NULL for others */
	bool read_only;
	bool raw;		/* whatever it looks like */
	bool backing;		/* it may name other files */
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

/* What qemu-nbd has, but for its protocols, by which an image could be anywhere */
static const char *const formats[] = {
	"qcow2", "qcow", "qed", "vmdk", "vdi", "vhdx", "vpc", "parallels", "dmg",
};

/* Cut ",format=X" off the end. */
static bool take_format(struct disk *disk)
{
	static const char option[] = ",format=";
	char *comma = strrchr(disk->file, ','), *name;

	if (!comma || comma == disk->file || strncmp(comma, option, strlen(option)))
		return false;
	*comma = '\0';
	name = comma + strlen(option);
	for (unsigned int i = 0; i < ARRAY_SIZE(formats); i++) {
		if (!strcmp(name, formats[i])) {
			disk->format = formats[i];
			return true;
		}
	}
	die("format=%s: want raw, qcow2, vmdk, vdi, vhdx, vpc, qcow, qed, parallels or dmg", name);
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
		else if (take_option(disk->file, ",backing"))
			disk->backing = true;
		else if (take_option(disk->file, ",snapshot"))
			*snapshot = true;
		else if (!take_format(disk))
			return disk;
	}
}

/* nbd://HOST/EXPORT, nbd+unix:///EXPORT?socket=PATH and the like */
static bool is_nbd(const char *name)
{
	return !strncmp(name, "nbd", 3) &&
	       !strncmp(name + strspn(name, "abcdefghijklmnopqrstuvwxyz+"), "://", 3);
}

/* A program with all of the user's rights opens what the image names, and the guest reads it. */
static void check_names(const struct disk *disk)
{
	int fd = open(disk->file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("%s: %m", disk->file);
	if (disk_format_names_files(fd, disk->format))
		die("%s may name other files, for the guest to have, too (\",backing\" allows it)",
		    disk->file);
	close(fd);
}

/* Formats and servers are other programs' business. */
static void open_nbd(struct disk *disk, bool read_only)
{
	if (is_nbd(disk->file)) {
		if (disk->format || disk->raw)
			die("%s: format= is for files: the server knows what it has", disk->file);
		disk_nbd_open(&disk->backend, disk->file, read_only);
	} else {
		disk_file_check(disk->file);
		if (!disk->backing)
			check_names(disk);
		disk_nbd_open_image(&disk->backend, disk->file, disk->format, read_only);
	}
}

static void open_file(struct disk *disk, bool read_only)
{
	const char *what, *format;
	off_t size;

	disk->backend.ops = &disk_file_ops;
	disk->backend.fd = disk_file_open(disk->file, read_only);
	size = disk->backend.ops->size(&disk->backend);
	what = disk->raw ? NULL : disk_format(disk->backend.fd, size, &format);
	if (what && format)
		die("%s is %s (append \",format=%s\", or \",format=raw\" to take it as it is)",
		    disk->file, what, format);
	if (what)
		die("%s is %s (append \",format=raw\" to take it as it is)", disk->file, what);
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
 * @spec: the file, or an NBD URI, and any of ",ro", ",snapshot", ",format=FORMAT" and ",backing"
 *
 * Ends the Launcher if that can't be a disk, or if somebody else uses it.
 *
 * Return: the disk, for good.
 */
struct disk *disk_open(const char *spec)
{
	bool snapshot = false;
	struct disk *disk = parse(spec, &snapshot);
	off_t size;

	if (disk->format || is_nbd(disk->file))
		open_nbd(disk, disk->read_only || snapshot);
	else
		open_file(disk, disk->read_only || snapshot);
	size = disk->backend.ops->size(&disk->backend);
	if (size < 0)
		die("%s: %m", disk->file);
	disk->size = whole_sectors(disk, size);
	if (!disk->size)
		die("%s is empty: a disk has at least %u bytes (truncate -s 1G makes it larger)",
		    disk->file, SECTOR_SIZE);
	if (snapshot && !disk->read_only)
		disk->snapshot = disk_snapshot_create(disk->file, &disk->backend,
						      disk->size);
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
	off_t size = disk->backend.ops->size(&disk->backend);
	__u64 now = size / SECTOR_SIZE * SECTOR_SIZE;

	if (size < 0 || disk->snapshot || now == disk->size)
		return false;
	__atomic_store_n(&disk->size, now, __ATOMIC_RELAXED);
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
		int fd = -1;

		if (disk->snapshot)
			fd = disk_snapshot_run(disk->snapshot, offset, &run);
		if (fd < 0 ? !disk->backend.ops->read(&disk->backend, offset, iov, num, run) :
			     !disk_file_transfer(fd, false, 0, offset, iov, num, run)) {
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
	bool done;
	int fd;

	if (disk->snapshot) {
		fd = disk_snapshot_take(disk->snapshot, offset, len);
		done = fd >= 0 && disk_file_transfer(fd, true, 0, offset, iov, num, len);
	} else {
		done = disk->backend.ops->write(&disk->backend, offset, iov, num, len, durable);
	}
	if (!done) {
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
	if (!disk->history->lost && !disk->backend.ops->flush(&disk->backend)) {
		disk->history->lost = true;
		tell(disk, "can't flush");
	}
	return !disk->history->lost;
}

/**
 * disks_renew() - give up what a guest's process has left unfinished
 *
 * The parent calls, while there is no such process.
 */
void disks_renew(void)
{
	for (struct disk *disk = disks; disk; disk = disk->next) {
		if (disk->backend.ops->renew && !disk->backend.ops->renew(&disk->backend))
			tell(disk, "can't be connected to again");
	}
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

/**
 * disks_close() - let programs that were started for disks end; nobody uses them any more
 *
 * Return: the name of one that the guest wrote to and that may not be in order, or NULL.
 */
const char *disks_close(void)
{
	const char *unclosed = NULL;

	for (struct disk *disk = disks; disk; disk = disk->next) {
		if (disk->backend.ops->close && !disk->backend.ops->close(&disk->backend) &&
		    !disk->read_only && !disk->snapshot)
			unclosed = disk->file;
	}
	return unclosed;
}
