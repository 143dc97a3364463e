// SPDX-License-Identifier: GPL-2.0
/*
 * Who else uses a disk's file or block device. QEMU says so by locks on single bytes of it,
 * and so do we: a lock of a process that has opened it (fcntl(2), "open file description
 * locks"), on one byte for each thing that it does, and on another for each thing that
 * nobody else may do meanwhile. All are read locks. Who finds that a byte can't be locked for
 * writing knows that somebody has one. See docs/system/qemu-block-drivers.rst.inc of QEMU
 * ("Disk image file locking"), and raw_apply_lock_bytes() in its block/file-posix.c.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

/* What one can do with a file: QEMU's BLK_PERM_*, by the number of the bit */
enum { READ_IT, WRITE_IT, WRITE_UNCHANGED, RESIZE_IT, USES };

#define DOES	100	/* the byte for the first of these: somebody does it */
#define DENIES	200	/* the same: nobody else may do it */

static int lock_byte(int fd, off_t byte)
{
	struct flock lock = {
		.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1,
	};

	return fcntl(fd, F_OFD_SETLK, &lock);
}

static bool others_lock_byte(int fd, off_t byte)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1,
	};

	return !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
}

/**
 * disk_lock() - tell others that this disk is in use, unless they use it
 * @file: its name, for messages
 * @fd: open; the locks last until it is closed
 * @read_only: we only read it; then others may read it, too
 *
 * Ends the Launcher if another one, QEMU, or one of its tools uses the disk in a way that
 * does not go together with ours.
 */
void disk_lock(const char *file, int fd, bool read_only)
{
	const unsigned int does = 1 << READ_IT | !read_only << WRITE_IT;
	const unsigned int denies = 1 << WRITE_IT | 1 << RESIZE_IT;

	/* Whoever of two comes at the same time: each has said so before it looks. */
	for (unsigned int i = 0; i < USES; i++) {
		if ((does & 1 << i && lock_byte(fd, DOES + i)) ||
		    (denies & 1 << i && lock_byte(fd, DENIES + i))) {
			/* A kernel without locks says EACCES. */
			if (errno == EAGAIN)
				die("%s is in use by another program", file);
			fprintf(stderr,
				"lguest: %s can't be locked, so take care that nothing else uses it: %m\n",
				file);
			return;
		}
	}
	for (unsigned int i = 0; i < USES; i++) {
		if ((does & 1 << i && others_lock_byte(fd, DENIES + i)) ||
		    (denies & 1 << i && others_lock_byte(fd, DOES + i)))
			die("%s is in use by another guest or program%s", file,
			    read_only ? ", which writes to it" : "");
	}
}
