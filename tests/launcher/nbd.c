// SPDX-License-Identifier: GPL-2.0
/* Disks that a qemu-nbd has: one of the Launcher's for a qcow2 image, and one that runs already. */
#include "ktap.h"
#include "launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* More than is transferred at once, and not a multiple of that */
#define LEN	(700 * 1024)
#define AT	(64 * 1024 + 512)

static char dir[] = "/tmp/lg-nbd-XXXXXX";

__u64 loop_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/* Whether a command in the directory succeeds */
static bool shell(const char *fmt, ...)
{
	char command[512], all[600];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	snprintf(all, sizeof(all), "cd %s && { %s; } >said 2>&1", dir, command);
	fflush(stdout);
	return !system(all);
}

static struct disk *open_disk(const char *file, const char *options)
{
	char spec[128];

	snprintf(spec, sizeof(spec), "%s/%s%s", dir, file, options);
	return disk_open(spec);
}

static unsigned char data[LEN], back[LEN];

static void new_data(unsigned int seed)
{
	srandom(seed);
	for (size_t i = 0; i < LEN; i++)
		data[i] = random();
}

/* In pieces of odd sizes */
static struct iovec *pieces(unsigned char *buf)
{
	static struct iovec iov[3];

	iov[0] = (struct iovec){ buf, 1001 };
	iov[1] = (struct iovec){ buf + 1001, 300000 };
	iov[2] = (struct iovec){ buf + 301001, LEN - 301001 };
	return iov;
}

static bool reads_back(struct disk *disk)
{
	memset(back, 0, LEN);
	return disk_read(disk, AT, pieces(back), 3) && !memcmp(back, data, LEN);
}

/* Whether an image that nobody uses has the data, and is in order */
static bool has_data(const char *image)
{
	char name[64];
	int fd;

	if (!shell("qemu-img check %s && qemu-img convert -O raw %s raw", image, image))
		return false;
	snprintf(name, sizeof(name), "%s/raw", dir);
	fd = open(name, O_RDONLY);
	memset(back, 0, LEN);
	if (pread(fd, back, LEN, AT) != LEN)
		return false;
	close(fd);
	return !memcmp(back, data, LEN);
}

/* As a guest's process does */
static int in_child(void (*does)(struct disk *disk), struct disk *disk)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		does(disk);
		_exit(!ok);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("a child: %m");
	return status;
}

static void write_and_read(struct disk *disk)
{
	EXPECT(disk_write(disk, AT, pieces(data), 3, false));
	EXPECT(reads_back(disk));
	EXPECT(disk_write(disk, AT, pieces(data), 3, true));
	EXPECT(disk_flush(disk));
}

static void only_write(struct disk *disk)
{
	EXPECT(disk_write(disk, AT, pieces(data), 3, false));
}

static void an_image(struct disk *disk)
{
	EXPECT(disk_size(disk) == 4 << 20);
	EXPECT(!disk_refresh(disk));
	/* Two lives, and the parent after each */
	new_data(1);
	EXPECT(!in_child(write_and_read, disk));
	new_data(2);
	EXPECT(!in_child(only_write, disk));
	EXPECT(disk_flush(disk));
	EXPECT(!shell("qemu-img check image"));		/* it is in use */
}

static void qcow2(void)
{
	struct disk *disk;

	EXPECT(shell("qemu-img create -f qcow2 image 4M"));
	disk = open_disk("image", ",format=qcow2");
	an_image(disk);
	disks_close();
	EXPECT(has_data("image"));
}

static void read_only(void)
{
	struct disk *disk = open_disk("image", ",format=qcow2,ro");

	new_data(2);
	EXPECT(disk_is_read_only(disk));
	EXPECT(reads_back(disk));
	disks_close();
	EXPECT(has_data("image"));
}

static void snapshot(void)
{
	struct disk *disk = open_disk("image", ",format=qcow2,snapshot");

	new_data(2);
	EXPECT(reads_back(disk));
	new_data(3);
	EXPECT(!in_child(write_and_read, disk));
	/* The next life has it still. */
	EXPECT(reads_back(disk));
	disks_close();
	new_data(2);
	EXPECT(has_data("image"));
}

static void a_server(void)
{
	char uri[256];
	struct disk *disk;

	EXPECT(shell("qemu-nbd -f qcow2 -t -k %s/socket --fork --pid-file=%s/pid image", dir,
		     dir));
	snprintf(uri, sizeof(uri), "nbd+unix:///?socket=%s/socket", dir);
	disk = disk_open(uri);
	an_image(disk);
	/* One that is gone: each request fails, the user is told once, and data is lost. */
	EXPECT(shell("kill -9 $(cat pid)"));
	EXPECT(!disk_write(disk, AT, pieces(data), 3, false));
	EXPECT(!reads_back(disk));
	EXPECT(!disk_flush(disk));
	EXPECT(disks_flush() == disk_name(disk));
	disks_close();
}

/* A process that is killed in the middle: the parent comes to an end with it. */
static void write_for_ever(struct disk *disk)
{
	for (;;)
		disk_write(disk, AT, pieces(data), 3, false);
}

static void a_kill(void)
{
	struct disk *disk = open_disk("image", ",format=qcow2");
	pid_t pid;

	alarm(600);
	fflush(stdout);
	pid = fork();
	if (!pid)
		write_for_ever(disk);
	usleep(300000);
	kill(pid, SIGKILL);
	EXPECT(waitpid(pid, NULL, 0) == pid);
	disk_flush(disk);
	disks_close();
	EXPECT(shell("qemu-img check image"));
}

static void refused(void)
{
	EXPECT(shell("echo no image >text"));
	open_disk("text", ",format=qcow2");
}

static void not_an_image(void)
{
	EXPECT(WEXITSTATUS(run_alone(refused)) == EXIT_FAILED);
}

int main(void)
{
	if (system("qemu-nbd --version >/dev/null 2>&1")) {
		puts("KTAP version 1\n1..1\nok 1 nbd: all of it # SKIP no qemu-nbd");
		return 0;
	}
	if (!mkdtemp(dir))
		die("%s: %m", dir);
	puts("KTAP version 1\n1..6");
	run_in_child("nbd: a qcow2 image", qcow2);
	run_in_child("nbd: read-only", read_only);
	run_in_child("nbd: a snapshot", snapshot);
	run("nbd: no image", not_an_image);
	run_in_child("nbd: a killed process", a_kill);
	run_in_child("nbd: a server", a_server);
	shell("rm -rf %s", dir);
	return ktap_failed();
}
