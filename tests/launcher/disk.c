// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of a guest's disk: of data that can't be written or flushed, of the original
 * under a snapshot, and who else may use a file. Which files are no disks is tested by the
 * Launcher itself, see tests/run/test-launcher.sh.
 */
#include "ktap.h"
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE	(256 * 1024 + 3 * SECTOR_SIZE)

/* In the place of the C library's: the next call of each fails so. */
static int next_flush, next_write;
static unsigned int flushes;

int fdatasync(int fd)
{
	(void)fd;
	flushes++;
	errno = next_flush;
	next_flush = 0;
	return errno ? -1 : 0;
}

static int last_flags;

ssize_t pwritev2(int fd, const struct iovec *iov, int num, off_t offset, int flags)
{
	last_flags = flags;
	errno = next_write;
	next_write = 0;
	return errno ? -1 : pwritev(fd, iov, num, offset);
}

/* A new file, each sector of which has its number */
static char *new_file(void)
{
	static char name[] = "/tmp/lg-disk-XXXXXX";
	__u32 sector[SECTOR_SIZE / sizeof(__u32)] = {};
	int fd;

	memcpy(name + sizeof(name) - 7, "XXXXXX", 6);
	fd = mkstemp(name);
	if (fd < 0)
		die("%s: %m", name);
	for (__u32 i = 0; i < SIZE / SECTOR_SIZE; i++) {
		sector[0] = i;
		if (write(fd, sector, sizeof(sector)) != sizeof(sector))
			die("%s: %m", name);
	}
	close(fd);
	return name;
}

static char *with(const char *name, const char *options)
{
	static char spec[64];

	snprintf(spec, sizeof(spec), "%s%s", name, options);
	return spec;
}

static struct disk *new_disk(const char *options)
{
	char *name = new_file();
	struct disk *disk = disk_open(with(name, options));

	unlink(name);
	return disk;
}

static bool write_sector(struct disk *disk, __u64 sector, const char *text, bool durable)
{
	char data[SECTOR_SIZE] = {};
	struct iovec iov = { data, sizeof(data) };

	strcpy(data, text);
	return disk_write(disk, sector * SECTOR_SIZE, &iov, 1, durable);
}

static bool reads(struct disk *disk, __u64 sector, const char *text)
{
	char data[SECTOR_SIZE] = {};
	struct iovec iov = { data, sizeof(data) };

	return disk_read(disk, sector * SECTOR_SIZE, &iov, 1) && !strcmp(data, text);
}

/* What standard error says meanwhile */
static char said[4096];
static FILE *real_stderr;

static void listen_to_stderr(void)
{
	memset(said, 0, sizeof(said));
	real_stderr = stderr;
	stderr = fmemopen(said, sizeof(said) - 1, "w");
}

static void listen_no_more(void)
{
	fclose(stderr);
	stderr = real_stderr;
}

static unsigned int times(const char *text)
{
	unsigned int n = 0;

	for (const char *p = said; (p = strstr(p, text)); p++)
		n++;
	return n;
}

static void a_failed_flush(void)
{
	struct disk *disk = new_disk("");

	EXPECT(write_sector(disk, 1, "mine", false));
	EXPECT(last_flags == 0);
	EXPECT(disk_flush(disk));
	EXPECT(!disks_flush());
	listen_to_stderr();
	next_flush = EIO;
	EXPECT(!disk_flush(disk));
	flushes = 0;
	EXPECT(!disk_flush(disk));
	EXPECT(flushes == 0);
	listen_no_more();
	EXPECT(times("can't flush: Input/output error") == 1);
	/* It can still be read, and written. */
	EXPECT(write_sector(disk, 2, "mine, too", false));
	EXPECT(reads(disk, 1, "mine"));
	EXPECT(disks_flush() == disk_name(disk));
}

static void a_failed_write(void)
{
	struct disk *disk = new_disk("");

	listen_to_stderr();
	next_write = ENOSPC;
	EXPECT(!write_sector(disk, 1, "mine", false));
	next_write = EIO;
	EXPECT(!write_sector(disk, 1, "mine", true));
	EXPECT(last_flags == RWF_DSYNC);
	listen_no_more();
	EXPECT(times("can't write: No space left on device") == 1);
	EXPECT(times("lguest: ") == 1);
	EXPECT(reads(disk, 1, "\1"));
	EXPECT(write_sector(disk, 1, "mine", true));
	EXPECT(reads(disk, 1, "mine"));
	EXPECT(disk_flush(disk));
}

static void a_read_only_disk(void)
{
	struct disk *disk = new_disk(",ro");

	flushes = 0;
	next_flush = EBADF;
	EXPECT(disk_flush(disk));
	next_flush = 0;
	EXPECT(flushes == 0);
	EXPECT(disk_is_read_only(disk));
	EXPECT(reads(disk, 5, "\5"));
}

static void a_shorter_file(void)
{
	char *name = new_file();
	struct disk *disk = disk_open(name);

	EXPECT(disk_size(disk) == SIZE);
	EXPECT(!disk_refresh(disk));
	EXPECT(!truncate(name, 2 * SECTOR_SIZE));
	listen_to_stderr();
	EXPECT(!reads(disk, 5, "\5"));
	listen_no_more();
	EXPECT(times("can't read: Input/output error") == 1);
	EXPECT(reads(disk, 1, "\1"));
	EXPECT(disk_refresh(disk));
	EXPECT(disk_size(disk) == 2 * SECTOR_SIZE);
	unlink(name);
}

/* Parts of random size at random places, in buffers of odd sizes, against a copy of it all */
static void a_snapshot(void)
{
	static unsigned char copy[SIZE], part[SIZE];
	char *name = new_file();
	struct disk *disk = disk_open(with(name, ",snapshot"));
	int fd = open(name, O_RDONLY);
	bool same = true;

	EXPECT(!disk_is_read_only(disk));
	EXPECT(read(fd, copy, SIZE) == SIZE);
	srandom(1);
	for (unsigned int i = 0; i < 4000; i++) {
		size_t first = random() % (SIZE / SECTOR_SIZE) * SECTOR_SIZE;
		size_t len = (random() % 40 + 1) * SECTOR_SIZE, cut;
		bool write = random() % 2;
		struct iovec iov[3];

		if (len > SIZE - first)
			len = SIZE - first;
		cut = random() % len;
		iov[0] = (struct iovec) { part, cut };
		iov[1] = (struct iovec) { NULL, 0 };
		iov[2] = (struct iovec) { part + cut, len - cut };
		if (write) {
			memset(part, random(), len);
			memcpy(copy + first, part, len);
			same &= disk_write(disk, first, iov, 3, true);
		} else {
			memset(part, 0, len);
			same &= disk_read(disk, first, iov, 3) &&
				!memcmp(part, copy + first, len);
		}
	}
	EXPECT(same);
	EXPECT(last_flags == 0);
	flushes = 0;
	EXPECT(disk_flush(disk));
	EXPECT(flushes == 0);
	/* The original is what it was. */
	for (__u32 i = 0; i < SIZE / SECTOR_SIZE; i++) {
		EXPECT(pread(fd, part, SECTOR_SIZE, i * SECTOR_SIZE) == SECTOR_SIZE);
		same &= *(__u32 *)part == i;
	}
	EXPECT(same);
	/* One that is full says so. */
	listen_to_stderr();
	next_write = ENOSPC;
	EXPECT(!write_sector(disk, 1, "mine", false));
	listen_no_more();
	EXPECT(times("can't write: No space left on device") == 1);
	close(fd);
	unlink(name);
}

/* Whether that can be opened, by a child, for whom we are another program */
static bool opens(const char *name, const char *options)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		stderr = fopen("/dev/null", "w");
		disk_open(with(name, options));
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("a child: %m");
	return !status;
}

static void who_uses_it(void)
{
	char *name = new_file();

	EXPECT(opens(name, ""));
	EXPECT(opens(name, ""));
	disk_open(with(name, ",ro"));
	EXPECT(opens(name, ",ro"));
	EXPECT(opens(name, ",snapshot"));
	EXPECT(!opens(name, ""));
	unlink(name);

	name = new_file();
	disk_open(name);
	EXPECT(!opens(name, ""));
	EXPECT(!opens(name, ",ro"));
	EXPECT(!opens(name, ",snapshot"));
	unlink(name);
}

/* What QEMU locks (see disk_lock.c) */
static void qemu_uses_it(void)
{
	static const struct {
		off_t bytes[5];
		bool we_may_write, we_may_read;
	} users[] = {
		{ { 100, 101, 103, 201, 203 }, false, false },	/* a guest */
		{ { 100, 201, 203 }, false, true },		/* one that reads */
		{ { 100, 101 }, false, false },			/* share-rw=on */
		{ { 103 }, false, false },			/* qemu-img resize */
		{ { 100 }, true, true },			/* qemu-img info -U */
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(users); i++) {
		char *name = new_file();
		int fd = open(name, O_RDWR);

		for (unsigned int j = 0; j < 5 && users[i].bytes[j]; j++) {
			struct flock lock = {
				.l_type = F_RDLCK, .l_whence = SEEK_SET,
				.l_start = users[i].bytes[j], .l_len = 1,
			};

			EXPECT(!fcntl(fd, F_OFD_SETLK, &lock));
		}
		EXPECT(opens(name, "") == users[i].we_may_write);
		EXPECT(opens(name, ",ro") == users[i].we_may_read);
		close(fd);
		EXPECT(opens(name, ""));
		unlink(name);
	}
}

/* This program has none. */
static void without_libnbd(void)
{
	char *name = new_file();

	EXPECT(!opens(name, ",format=qcow2"));
	EXPECT(!opens("nbd://localhost/", ""));
	EXPECT(opens(name, ",format=raw"));
	unlink(name);
}

int main(void)
{
	puts("KTAP version 1\n1..8");
	run("disk: a flush that failed", a_failed_flush);
	run("disk: a write that failed", a_failed_write);
	run("disk: read-only", a_read_only_disk);
	run("disk: a file that becomes shorter", a_shorter_file);
	run("disk: snapshot", a_snapshot);
	run("disk: two users", who_uses_it);
	run("disk: QEMU and its tools", qemu_uses_it);
	run("disk: a server, without libnbd", without_libnbd);
	return ktap_failed();
}
