// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest writes to a disk that is to stay as it is. It goes to a file without a name,
 * at the same offsets, which is gone with the Launcher. A block of that file holds the
 * guest's data once the guest has written to it, and nothing before.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK_SIZE	4096

struct disk_snapshot {
	const struct disk_backend *base;
	int fd;
	__u64 size;		/* of the disk, in bytes */
	unsigned char *taken;	/* a bit for each block; a reboot forgets none */
};

static bool is_taken(const struct disk_snapshot *snapshot, __u64 block)
{
	return snapshot->taken[block / 8] & 1 << block % 8;
}

/* Not in /tmp, which is often kept in memory */
static int open_unnamed(const char *file)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	if (!dir || !*dir)
		dir = "/var/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		die("cannot make a file in %s for what the guest writes to %s: %m", dir, file);
	return fd;
}

/**
 * disk_snapshot_create() - let a disk stay as it is
 * @file: its name, for messages
 * @base: what is read until the guest writes
 * @size: of the disk in bytes
 *
 * Return: the snapshot, for good.
 */
struct disk_snapshot *disk_snapshot_create(const char *file, const struct disk_backend *base,
					   __u64 size)
{
	struct disk_snapshot *snapshot = malloc(sizeof(*snapshot));
	__u64 blocks = (size + BLOCK_SIZE - 1) / BLOCK_SIZE;

	if (!snapshot)
		die("no memory for a snapshot of %s", file);
	snapshot->base = base;
	snapshot->size = size;
	snapshot->fd = open_unnamed(file);
	snapshot->taken = shared_alloc((blocks + 7) / 8);
	if (!snapshot->taken)
		die("no memory for a snapshot of %s", file);
	if (ftruncate(snapshot->fd, size))
		die("cannot make a snapshot of %s: %m", file);
	return snapshot;
}

/**
 * disk_snapshot_run() - find out where a part of the disk is read from
 * @snapshot: the snapshot
 * @offset: where the part begins, in bytes
 * @len: how long it is; on return, how much of it one file has
 *
 * Return: that file; -1 if it is the disk itself.
 */
int disk_snapshot_run(struct disk_snapshot *snapshot, __u64 offset, __u64 *len)
{
	__u64 block = offset / BLOCK_SIZE;
	bool taken = is_taken(snapshot, block);
	__u64 end;

	do {
		block++;
		end = block * BLOCK_SIZE;
	} while (end < offset + *len && is_taken(snapshot, block) == taken);
	if (end < offset + *len)
		*len = end - offset;
	return taken ? snapshot->fd : -1;
}

/* Copy what the disk has of a block. It may end within. */
static bool copy_block(struct disk_snapshot *snapshot, __u64 block)
{
	off_t offset = block * BLOCK_SIZE;
	char data[BLOCK_SIZE];
	struct iovec iov = { data, BLOCK_SIZE };
	ssize_t len = BLOCK_SIZE;

	if (snapshot->size - offset < BLOCK_SIZE)
		len = snapshot->size - offset;
	if (!snapshot->base->ops->read(snapshot->base, offset, &iov, 1, len) ||
	    pwrite(snapshot->fd, data, len, offset) != len) {
		/* A short one has set no errno. */
		if (!errno)
			errno = EIO;
		return false;
	}
	return true;
}

/**
 * disk_snapshot_take() - prepare a part of the disk to be written to
 * @snapshot: the snapshot
 * @offset: where the part begins, in bytes
 * @len: how long it is
 *
 * If the write then fails, what that leaves there is as undefined as on any disk.
 *
 * Return: the file to write to, or -1 with errno.
 */
int disk_snapshot_take(struct disk_snapshot *snapshot, __u64 offset, __u64 len)
{
	__u64 end = offset + len;

	errno = 0;
	for (__u64 block = offset / BLOCK_SIZE; block * BLOCK_SIZE < end; block++) {
		bool whole = block * BLOCK_SIZE >= offset &&
			     (block + 1) * BLOCK_SIZE <= end;

		if (is_taken(snapshot, block))
			continue;
		if (!whole && !copy_block(snapshot, block))
			return -1;
		snapshot->taken[block / 8] |= 1 << block % 8;
	}
	return snapshot->fd;
}
