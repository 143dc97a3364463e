// SPDX-License-Identifier: GPL-2.0
/*
 * Disks of an NBD server's, and of images that need one: against a real qemu-nbd, with children
 * that use the parent's connection as a guest's process does, and servers that leave or hang.
 */
#include "ktap.h"
#include "launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE		(3 * 1024 * 1024 + SECTOR_SIZE)

/* Rather than wait for an answer that never comes */
#define TEST_SECONDS	600

static char dir[] = "/tmp/lg-nbd-XXXXXX";
static unsigned char copy[SIZE], part[SIZE];

/* Whether a command in the directory succeeds */
static bool shell(const char *fmt, ...)
{
	char command[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	fflush(stdout);
	return !system(command);
}

/* An image of that format, in which all is zero */
static void new_image(const char *name, const char *format)
{
	if (!shell("qemu-img create -q -f %s %s %u", format, name, SIZE))
		die("%s: cannot make it", name);
	memset(copy, 0, SIZE);
}

/* Whether an image is in order, and has what was written */
static bool is_copy(const char *name, const char *format)
{
	bool same;
	int fd;

	if (!shell("qemu-img convert -f %s -O raw %s raw && truncate -s %u raw", format, name,
		   SIZE))
		return false;
	fd = open("raw", O_RDONLY);
	same = read(fd, part, SIZE) == SIZE && !memcmp(part, copy, SIZE);
	close(fd);
	return same && (strcmp(format, "qcow2") || shell("qemu-img check -q %s", name));
}

/* A server that somebody else has started */
static pid_t start_server(const char *image, const char *option)
{
	char where[64];
	pid_t pid;

	snprintf(where, sizeof(where), "--socket=%s/socket", dir);
	unlink("socket");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		execlp("qemu-nbd", "qemu-nbd", "--format=qcow2", where, "--persistent",
		       "--shared=4", image, option, NULL);
		_exit(1);
	}
	while (access("socket", F_OK) && waitpid(pid, NULL, WNOHANG) != pid)
		usleep(10000);
	return pid;
}

static void end_server(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink("socket");
}

/* Its URI, with that export and option; for one call */
static const char *uri_of(const char *export, const char *option)
{
	static char uri[128];

	snprintf(uri, sizeof(uri), "nbd+unix:///%s?socket=%s/socket%s", export, dir, option);
	return uri;
}

static bool transfer(struct disk *disk, size_t first, size_t len, bool write, bool durable)
{
	size_t cut = random() % len;
	struct iovec iov[3] = {
		{ part, cut }, { part, 0 }, { part + cut, len - cut },
	};

	if (write) {
		memset(part, random(), len);
		memcpy(copy + first, part, len);
		return disk_write(disk, first, iov, 3, durable);
	}
	memset(part, 0, len);
	return disk_read(disk, first, iov, 3) && !memcmp(part, copy + first, len);
}

/* Parts of random size at random places, in buffers of odd sizes, against a copy of it all */
static bool transfers(struct disk *disk, unsigned int num)
{
	for (unsigned int i = 0; i < num; i++) {
		size_t first = random() % (SIZE / SECTOR_SIZE) * SECTOR_SIZE;
		size_t len = (random() % (i % 8 ? 40 : 2000) + 1) * SECTOR_SIZE;

		if (len > SIZE - first)
			len = SIZE - first;
		if (!transfer(disk, first, len, random() % 2, random() % 2))
			return false;
	}
	return true;
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

/* One line of it, about that */
static bool has_said_once(const char *what)
{
	if (strstr(said, what) && strchr(said, '\n') == said + strlen(said) - 1)
		return true;
	printf("# said: %s\n", said);
	return false;
}

/* A child that is killed amid a request: the server does not answer. */
static void die_in_request(struct disk *disk, pid_t server)
{
	struct iovec iov = { part, SECTOR_SIZE };
	pid_t pid;

	EXPECT(transfer(disk, 0, SECTOR_SIZE, true, false));
	kill(server, SIGSTOP);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		disk_write(disk, 0, &iov, 1, false);
		_exit(1);
	}
	while (!shell("grep -q '^State:.S' /proc/%d/status", pid))
		usleep(10000);
	kill(pid, SIGKILL);
	EXPECT(waitpid(pid, NULL, 0) == pid);
}

/* How the Launcher ends */
static bool ends_well(void)
{
	const char *lost, *unclosed;

	disks_renew();
	lost = disks_flush();
	unclosed = disks_close();
	return !lost && !unclosed;
}

/* An open disk is one for good, so each test is in a process of its own. */
static void begin_test(void)
{
	alarm(TEST_SECONDS);
}

static const char *format;

static void one_format(void)
{
	struct disk *disk;
	char spec[64];

	new_image(format, format);
	snprintf(spec, sizeof(spec), "%s,format=%s%s", format, format,
		 strcmp(format, "vmdk") ? "" : ",backing");
	disk = disk_open(spec);
	EXPECT(!strcmp(disk_name(disk), format));
	EXPECT(!disk_is_read_only(disk));
	EXPECT(disk_size(disk) >= SIZE);
	EXPECT(!disk_refresh(disk));
	EXPECT(transfers(disk, 300));
	EXPECT(disk_flush(disk));
	EXPECT(!shell("qemu-img check %s >/dev/null 2>&1", format));	/* in use */
	EXPECT(ends_well());
	EXPECT(is_copy(format, format));
}

static void formats(void)
{
	static const char *const formats[] = { "qcow2", "vmdk", "vdi", "vhdx" };

	for (unsigned int i = 0; i < ARRAY_SIZE(formats); i++) {
		format = formats[i];
		EXPECT_EQ(run_alone(one_format), 0);
	}
}

static void read_only(void)
{
	struct disk *disk;

	begin_test();
	new_image("ro", "qcow2");
	disk = disk_open("ro,format=qcow2,ro");
	/* Others may read it, too. */
	EXPECT(disk_open("ro,ro,format=qcow2") != disk);
	EXPECT(disk_is_read_only(disk));
	EXPECT(transfer(disk, SECTOR_SIZE, 3 * SECTOR_SIZE, false, false));
	EXPECT(disk_flush(disk));
	EXPECT(ends_well());
	/* It can be had by a client at once. */
	EXPECT(is_copy("ro", "qcow2"));
}

/* Let a child write all of it, to its end or until it is killed amid a request. */
static void live(struct disk *disk, bool killed)
{
	struct iovec iov = { part, SIZE };
	int ready[2];
	pid_t pid;
	char c;

	EXPECT(!pipe(ready));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		for (unsigned int i = 0; killed || i < 5; i++) {
			memset(part, 7, SIZE);
			iov = (struct iovec){ part, SIZE };
			if (!disk_write(disk, 0, &iov, 1, false))
				_exit(1);
			if (!i && write(ready[1], "", 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	close(ready[1]);
	EXPECT(read(ready[0], &c, 1) == 1);
	close(ready[0]);
	if (killed)
		kill(pid, SIGKILL);
	EXPECT(waitpid(pid, NULL, 0) == pid);
	memset(copy, 7, SIZE);
}

static void snapshot(void)
{
	struct disk *disk;

	begin_test();
	new_image("snapshot", "qcow2");
	disk = disk_open("snapshot,format=qcow2,snapshot");
	EXPECT(transfers(disk, 1000));
	EXPECT(disk_flush(disk));
	/* The next life has it still. */
	live(disk, false);
	disks_renew();
	EXPECT(transfer(disk, 0, SIZE, false, false));
	EXPECT(ends_well());
	memset(copy, 0, SIZE);
	EXPECT(is_copy("snapshot", "qcow2"));
}

static void lives(void)
{
	struct disk *own, *uri;
	pid_t pid;

	begin_test();
	new_image("own", "qcow2");
	new_image("theirs", "qcow2");
	pid = start_server("theirs", NULL);
	own = disk_open("own,format=qcow2");
	uri = disk_open(uri_of("", ""));
	for (unsigned int i = 0; i < 20; i++) {
		live(own, i % 3);
		live(uri, i % 3);
		disks_renew();
		EXPECT(transfer(own, 0, SIZE, false, false));
		EXPECT(transfer(uri, 0, SIZE, false, false));
	}
	EXPECT(ends_well());
	EXPECT(is_copy("own", "qcow2"));
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	unlink("socket");
	EXPECT(is_copy("theirs", "qcow2"));
}

static void loss(void)
{
	struct disk *disk;
	pid_t pid;

	begin_test();
	new_image("lost", "qcow2");
	pid = start_server("lost", NULL);
	disk = disk_open(uri_of("", ""));
	EXPECT(transfer(disk, 0, SECTOR_SIZE, true, false));
	end_server(pid);
	listen_to_stderr();
	EXPECT(!transfer(disk, 0, SECTOR_SIZE, false, false));
	EXPECT(!transfer(disk, 0, SECTOR_SIZE, false, false));
	EXPECT(!disk_flush(disk));
	/* With another server it can be used, but what is lost is lost. */
	pid = start_server("lost", NULL);
	disks_renew();
	memset(copy, 0, SIZE);
	EXPECT(transfer(disk, SECTOR_SIZE, SECTOR_SIZE, false, false));
	EXPECT(!disk_flush(disk));
	EXPECT(disks_flush() == disk_name(disk));
	EXPECT(!ends_well());
	listen_no_more();
	EXPECT(has_said_once("can't read: Connection reset by peer"));
	end_server(pid);
}

/* A server of ours is killed when all is safe. But its image is not closed. */
static void killed(void)
{
	struct disk *disk;

	begin_test();
	new_image("killed", "qcow2");
	disk = disk_open("killed,format=qcow2");
	EXPECT(transfer(disk, 0, SECTOR_SIZE, true, true));
	EXPECT(shell("pkill -KILL -P %d qemu-nbd", getpid()));
	EXPECT(!disks_flush());
	EXPECT(disks_close() == disk_name(disk));
	/* No zombie is left. */
	EXPECT(waitpid(-1, NULL, WNOHANG) < 0);
	EXPECT(is_copy("killed", "qcow2"));
}

/* Nothing that could be lost */
static void loss_after_flush(void)
{
	struct disk *disk;
	pid_t pid;

	begin_test();
	new_image("kept", "qcow2");
	pid = start_server("kept", NULL);
	disk = disk_open(uri_of("", ""));
	EXPECT(transfer(disk, 0, SECTOR_SIZE, true, false));
	EXPECT(disk_flush(disk));
	EXPECT(transfer(disk, SECTOR_SIZE, SECTOR_SIZE, true, true));
	end_server(pid);
	EXPECT(ends_well());
	EXPECT(is_copy("kept", "qcow2"));
}

/* The process is killed, and the server with it, and there is another one: who can tell? */
static void another_server(void)
{
	struct disk *disk;
	pid_t pid;

	begin_test();
	new_image("other", "qcow2");
	pid = start_server("other", NULL);
	disk = disk_open(uri_of("", ""));
	die_in_request(disk, pid);
	end_server(pid);
	pid = start_server("other", NULL);
	listen_to_stderr();
	disks_renew();
	EXPECT(!disk_flush(disk));
	listen_no_more();
	EXPECT(has_said_once("can't flush"));
	end_server(pid);
}

/* One that does not answer any more. The end takes as long as a connection may. */
static void hang(void)
{
	struct disk *disk;
	pid_t pid;

	begin_test();
	new_image("hung", "qcow2");
	pid = start_server("hung", NULL);
	disk = disk_open(uri_of("", ""));
	die_in_request(disk, pid);
	listen_to_stderr();
	EXPECT(!ends_well());
	listen_no_more();
	EXPECT(has_said_once("can't be connected to again: Connection timed out"));
	EXPECT(disks_flush() == disk_name(disk));
	end_server(pid);
}

/* All of that with the system calls that a queue's thread has; the others kill it. */
static void sandbox(void)
{
	struct disk *disk;
	int status, ready[2];
	pid_t pid, server;
	char c;

	begin_test();
	new_image("box", "qcow2");
	server = start_server("box", NULL);
	disk = disk_open(uri_of("", ""));
	EXPECT(!pipe(ready));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		bool good;

		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		sandbox_enter(true, NULL);
		sandbox_thread(SANDBOX_QUEUE);
		good = transfers(disk, 100) && disk_flush(disk);
		good &= write(ready[1], "", 1) == 1;
		/* The server leaves before its next answer. */
		while (transfer(disk, 0, SECTOR_SIZE, true, false))
			;
		good &= !disk_flush(disk) && !transfer(disk, 0, SECTOR_SIZE, false, false);
		/* AddressSanitizer makes other calls before _exit(). */
		syscall(SYS_exit_group, !good);
	}
	close(ready[1]);
	EXPECT(read(ready[0], &c, 1) == 1);
	end_server(server);
	EXPECT(waitpid(pid, &status, 0) == pid);
	EXPECT_EQ(status, 0);
	listen_to_stderr();
	EXPECT(!ends_well());
	listen_no_more();
}

/* In the end, the thread that watches flushes, if the parent is gone. */
static void last_flush(void)
{
	for (unsigned int leaves = 0; leaves < 2; leaves++) {
		pid_t server, pid;
		struct disk *disk;
		int status;

		begin_test();
		new_image("watch", "qcow2");
		server = start_server("watch", NULL);
		disk = disk_open(uri_of("", ""));
		fflush(stdout);
		pid = fork();
		if (!pid) {
			bool good = transfer(disk, 0, SECTOR_SIZE, true, false);

			dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
			if (leaves)
				end_server(server);
			sandbox_enter(true, NULL);
			sandbox_thread(SANDBOX_WATCH);
			good &= disk_flush(disk) == !leaves;
			syscall(SYS_exit_group, !good);
		}
		EXPECT(waitpid(pid, &status, 0) == pid);
		EXPECT_EQ(status, 0);
		end_server(server);
	}
}

/* What the Launcher says of a disk that it can't have */
static bool is_refused(const char *spec, const char *what)
{
	int status, out[2];
	char text[512] = "";
	pid_t pid;

	EXPECT(!pipe(out));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		dup2(out[1], STDERR_FILENO);
		disk_open(spec);
		_exit(0);
	}
	close(out[1]);
	EXPECT(waitpid(pid, &status, 0) == pid);
	EXPECT(read(out[0], text, sizeof(text) - 1) >= 0);
	close(out[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILED && strstr(text, what))
		return true;
	printf("# %s: status %#x: %s\n", spec, status, text);
	return false;
}

static const char *spec;

static void one_with_names(void)
{
	struct disk *disk;
	char allowed[64];

	EXPECT(is_refused(spec, "may name other files"));
	snprintf(allowed, sizeof(allowed), "%s,backing", spec);
	disk = disk_open(allowed);
	if (!strncmp(spec, "over", 4))
		EXPECT(transfer(disk, 0, SIZE, false, false));
	EXPECT(transfer(disk, 0, SECTOR_SIZE, true, true));
	EXPECT(ends_well());
}

/* Names of other files: the guest would have these, too. */
static void names(void)
{
	static const char *const images[] = {
		"over.qcow2,format=qcow2", "data.qcow2,format=qcow2", "over.qcow,format=qcow",
		"over.qed,format=qed", "two.vmdk,format=vmdk",
	};

	begin_test();
	new_image("base", "qcow2");
	EXPECT(shell("qemu-io -c 'write -q -P 7 0 512' base"));
	EXPECT(shell("qemu-img create -q -f qcow2 -b base -F qcow2 over.qcow2"));
	EXPECT(shell("qemu-img create -q -f qcow -b base -F qcow2 over.qcow"));
	EXPECT(shell("qemu-img create -q -f qed -b base -F qcow2 over.qed"));
	EXPECT(shell("qemu-img create -q -f qcow2 -o data_file=data data.qcow2 1M"));
	EXPECT(shell("qemu-img create -q -f vmdk -o subformat=monolithicFlat two.vmdk 1M"));
	memset(copy, 7, SECTOR_SIZE);
	for (unsigned int i = 0; i < ARRAY_SIZE(images); i++) {
		spec = images[i];
		EXPECT_EQ(run_alone(one_with_names), 0);
	}
	EXPECT(is_copy("base", "qcow2"));
}

static void refusals(void)
{
	pid_t pid;

	begin_test();
	new_image("one", "qcow2");
	EXPECT(is_refused("one,format=vdi", "one: qemu-nbd: "));
	EXPECT(is_refused(uri_of("", ""), "No such file"));
	pid = start_server("one", "--read-only");
	EXPECT(is_refused(uri_of("", ""), "append \",ro\""));
	EXPECT(disk_is_read_only(disk_open(uri_of("", ",ro"))));
	EXPECT(is_refused(uri_of("none", ""), "none"));
	EXPECT(is_refused("nbds+unix:///?socket=socket", "TLS"));
	EXPECT(is_refused(uri_of("", ",format=qcow2"), "format= is for files"));
	end_server(pid);
	pid = start_server("one", NULL);
	EXPECT(is_refused("one,format=qcow2", "lock"));
	end_server(pid);
}

static const struct {
	const char *name;
	void (*test)(void);
} tests[] = {
	{ "nbd: formats of images", formats },
	{ "nbd: read-only", read_only },
	{ "nbd: snapshot", snapshot },
	{ "nbd: processes that use a connection, and are killed", lives },
	{ "nbd: a server that leaves", loss },
	{ "nbd: a server that leaves when all is safe", loss_after_flush },
	{ "nbd: a server that leaves with the process, and another one", another_server },
	{ "nbd: a server of the Launcher's that is killed", killed },
	{ "nbd: a server that hangs", hang },
	{ "nbd: in a sandbox, and a server that leaves", sandbox },
	{ "nbd: in a sandbox, the last flush", last_flush },
	{ "nbd: images that name files", names },
	{ "nbd: refusals", refusals },
};

int main(void)
{
	if (!shell("qemu-nbd --version >/dev/null 2>&1 && qemu-img --version >/dev/null")) {
		puts("KTAP version 1\n1..1\nok 1 nbd: all of it # SKIP no qemu-nbd, no qemu-img");
		return 0;
	}
	if (!mkdtemp(dir) || chdir(dir))
		die("%s: %m", dir);
	printf("KTAP version 1\n1..%zu\n", ARRAY_SIZE(tests));
	for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++)
		run_in_child(tests[i].name, tests[i].test);
	shell("rm -r %s", dir);
	return ktap_failed();
}
