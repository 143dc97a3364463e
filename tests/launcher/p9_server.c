// SPDX-License-Identifier: GPL-2.0
/*
 * What the server of a shared directory lets a hostile guest reach: diod itself, asked by
 * hand-made messages of 9P2000.L for what is outside.
 */
#include "ktap.h"
#include "launcher.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* Types of messages. An answer has one more. */
#define RLERROR		7
#define TLOPEN		12
#define TLCREATE	14
#define TSYMLINK	16
#define TMKNOD		18
#define TATTACH		104
#define TWALK		110
#define TREAD		116

/* Numbers of open files, as the guest names them: the root, and no file. Others follow. */
#define ROOT		1
#define NO_FID		(~0U)

#define SECRET		"what the guest must not see"

/* The directory that is shared, and a file beside it */
static char base[] = "/tmp/lg-share-XXXXXX";
static char dir[64], secret[64];
static int server;
static __u32 fid = ROOT;

static char message[8192];
static size_t message_len;

/* What p9_server.c wants of the rest of the Launcher */
void *guest_memory_base(void)
{
	return NULL;
}

unsigned long guest_pages(void)
{
	return 0;
}

static void add(const void *data, size_t len)
{
	memcpy(message + message_len, data, len);
	message_len += len;
}

static void add_number(__u64 number, size_t len)
{
	number = htole64(number);
	add(&number, len);
}

static void add_string(const char *string)
{
	add_number(strlen(string), 2);
	add(string, strlen(string));
}

static void begin(__u8 type)
{
	message_len = sizeof(__u32);
	add_number(type, 1);
	add_number(1, 2);
}

/* Returns 0 if that was done, and the answer is in @message; else the server's errno. */
static int ask(void)
{
	__u8 type = message[4];
	__u32 size = htole32(message_len);

	memcpy(message, &size, sizeof(size));
	if (send(server, message, message_len, MSG_NOSIGNAL) != (ssize_t)message_len ||
	    recv(server, message, 7, MSG_WAITALL) != 7)
		die("the server is gone");
	memcpy(&size, message, sizeof(size));
	size = le32toh(size) - 7;
	if (size > sizeof(message) - 7 ||
	    recv(server, message + 7, size, MSG_WAITALL) != (ssize_t)size)
		die("the server makes no sense");
	if (message[4] == type + 1)
		return 0;
	memcpy(&size, message + 7, sizeof(size));
	return message[4] == RLERROR && size ? (int)le32toh(size) : -1;
}

static int attach_to(const char *name)
{
	begin(TATTACH);
	add_number(ROOT, 4);
	add_number(NO_FID, 4);
	add_string("");
	add_string(name);
	add_number(p9_server_uid(P9_ANY_UID), 4);
	return ask();
}

static void start(bool read_only)
{
	server = p9_server_start(dir, read_only);
	EXPECT_EQ(attach_to(P9_SERVER_ROOT), 0);
}

/* To what is at @path, whose parts are divided by '|'. Returns false if that is not there. */
static bool walk(const char *path)
{
	char *copy = strdup(path), *rest = copy, *part;
	const size_t count_at = 7 + 2 * sizeof(__u32);
	__le16 count, found;
	unsigned int parts = 0;

	begin(TWALK);
	add_number(ROOT, 4);
	add_number(++fid, 4);
	add_number(0, 2);
	while ((part = strsep(&rest, "|"))) {
		if (!*part)
			continue;
		add_string(part);
		parts++;
	}
	free(copy);
	count = htole16(parts);
	memcpy(message + count_at, &count, sizeof(count));
	if (ask())
		return false;
	memcpy(&found, message + 7, sizeof(found));
	return found == count;
}

static int open_fid(unsigned int flags)
{
	begin(TLOPEN);
	add_number(fid, 4);
	add_number(flags, 4);
	return ask();
}

/* Whether the guest can read the secret there */
static bool gets_secret(const char *path)
{
	__le32 len;

	if (!walk(path) || open_fid(O_RDONLY))
		return false;
	begin(TREAD);
	add_number(fid, 4);
	add_number(0, 8);
	add_number(1000, 4);
	if (ask())
		return false;
	memcpy(&len, message + 7, sizeof(len));
	return le32toh(len) == strlen(SECRET) &&
		!memcmp(message + 7 + sizeof(len), SECRET, strlen(SECRET));
}

static int make_link(const char *name, const char *target)
{
	begin(TSYMLINK);
	add_number(ROOT, 4);
	add_string(name);
	add_string(target);
	add_number(0, 4);
	return ask();
}

static int make_device(const char *name, mode_t type)
{
	begin(TMKNOD);
	add_number(ROOT, 4);
	add_string(name);
	add_number(type | 0666, 4);
	add_number(1, 4);
	add_number(3, 4);
	add_number(0, 4);
	return ask();
}

static int create_file(const char *name)
{
	walk("");
	begin(TLCREATE);
	add_number(fid, 4);
	add_string(name);
	add_number(O_CREAT | O_RDWR, 4);
	add_number(0644, 4);
	add_number(0, 4);
	return ask();
}

static void inside(void)
{
	start(false);
	EXPECT(gets_secret("inside"));
	EXPECT_EQ(create_file("new"), 0);
	EXPECT_EQ(make_link("link", "inside"), 0);
	EXPECT(gets_secret("directory|..|inside"));
}

static void by_name(void)
{
	static const char up[] = "..|..|..|..|..|..|..|..";
	char path[256];

	start(false);
	/* From the root of the host, from that of the share, and as one name */
	snprintf(path, sizeof(path), "%s|%s", up, "tmp");
	EXPECT(!walk(path));
	snprintf(path, sizeof(path), "%s|tmp|%s|secret", up, base + strlen("/tmp/"));
	EXPECT(!gets_secret(path));
	EXPECT(!gets_secret("..|secret"));
	EXPECT(!gets_secret("../secret"));
	EXPECT(!gets_secret(secret));
	EXPECT(!gets_secret("directory|..|..|secret"));
	EXPECT(!walk("..|proc|self") && !walk("../proc/self"));
}

static void by_link(void)
{
	char up[128];

	start(false);
	snprintf(up, sizeof(up), "../../../../..%s", secret);
	EXPECT(!gets_secret("outside"));
	EXPECT_EQ(make_link("absolute", secret), 0);
	EXPECT_EQ(make_link("relative", "../secret"), 0);
	EXPECT_EQ(make_link("up", up), 0);
	EXPECT_EQ(make_link("root", "/"), 0);
	EXPECT(!gets_secret("absolute") && !gets_secret("relative") && !gets_secret("up"));
	EXPECT(!gets_secret("root|tmp"));
	snprintf(up, sizeof(up), "root|tmp|%s|secret", base + strlen("/tmp/"));
	EXPECT(!gets_secret(up));
}

static void attach_elsewhere(void)
{
	static const char *const names[] = { "/", "/tmp", "/etc", "/share/..", "..", base };

	start(false);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!attach_to(names[i]))
			EXPECT(!gets_secret("secret") && !walk("etc") && !walk("passwd"));
	}
}

/* Those that the guest makes, and one that the host has made */
static void devices(void)
{
	start(false);
	EXPECT_EQ(make_device("character", S_IFCHR), EPERM);
	EXPECT_EQ(make_device("block", S_IFBLK), EPERM);
	if (walk("null"))
		EXPECT_EQ(open_fid(O_RDWR), EACCES);
}

static void read_only(void)
{
	start(true);
	EXPECT(gets_secret("inside"));
	EXPECT_EQ(create_file("other"), EROFS);
	EXPECT_EQ(make_link("other", "inside"), EROFS);
	EXPECT(walk("inside"));
	EXPECT_EQ(open_fid(O_RDWR), EROFS);
}

/* Calls @found for each process that has the share mounted. Returns how many there are. */
static unsigned int servers(void (*found)(pid_t pid))
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	unsigned int count = 0;

	while (proc && (entry = readdir(proc))) {
		char name[sizeof("/proc//mountinfo") + sizeof(entry->d_name)], line[4096];
		bool has_it = false;
		FILE *file;

		snprintf(name, sizeof(name), "/proc/%s/mountinfo", entry->d_name);
		file = fopen(name, "r");
		while (file && fgets(line, sizeof(line), file))
			has_it |= strstr(line, dir) && strstr(line, " " P9_SERVER_ROOT " ");
		if (file)
			fclose(file);
		count += has_it;
		if (has_it && found)
			found(atoi(entry->d_name));
	}
	if (proc)
		closedir(proc);
	return count;
}

static void stop_diod(pid_t pid)
{
	char name[32], comm[16] = "";
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/comm", pid);
	file = fopen(name, "r");
	if (file && fgets(comm, sizeof(comm), file) && !strcmp(comm, "diod\n"))
		kill(pid, SIGSTOP);
	if (file)
		fclose(file);
}

/* With whoever had it started, though it has been stopped, and he is killed */
static void the_end(void)
{
	int ready[2];
	pid_t pid;
	char c;

	if (pipe(ready))
		die("pipe: %m");
	pid = fork();
	if (!pid) {
		start(false);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	EXPECT(read(ready[0], &c, 1) == 1);
	EXPECT_EQ(servers(stop_diod), 2);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (unsigned int i = 0; i < 6000 && servers(NULL); i++)
		usleep(10000);
	EXPECT_EQ(servers(NULL), 0);
}

static void write_secret(const char *name)
{
	FILE *file = fopen(name, "w");

	if (!file || fputs(SECRET, file) < 0 || fchmod(fileno(file), 0666) || fclose(file))
		die("%s: %m", name);
}

/* All may read and write here: only the server stands between the guest and the secret. */
static void make_all(void)
{
	strcpy(base + strlen(base) - 6, "XXXXXX");
	if (!mkdtemp(base) || chmod(base, 0777))
		die("%s: %m", base);
	snprintf(dir, sizeof(dir), "%s/share", base);
	snprintf(secret, sizeof(secret), "%s/secret", base);
	if (mkdir(dir, 0777) || chmod(dir, 0777) || chdir(dir) || mkdir("directory", 0777) ||
	    symlink("../secret", "outside"))
		die("%s: %m", dir);
	write_secret(secret);
	write_secret("inside");
	if (!geteuid() && (mknod("null", S_IFCHR | 0666, makedev(1, 3)) || chmod("null", 0666)))
		die("null: %m");
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(name);
}

static void run_as(const char *who, const char *what, void (*test)(void))
{
	char name[128];

	snprintf(name, sizeof(name), "share%s: %s", who, what);
	make_all();
	run_in_child(name, test);
	if (nftw(base, remove_one, 10, FTW_DEPTH | FTW_PHYS))
		die("%s: %m", base);
}

static void run_all(const char *who)
{
	run_as(who, "what is inside", inside);
	run_as(who, "out by a name", by_name);
	run_as(who, "out by a symbolic link", by_link);
	run_as(who, "attaching elsewhere", attach_elsewhere);
	run_as(who, "device files", devices);
	run_as(who, "read-only", read_only);
	run_as(who, "the end", the_end);
}

int main(void)
{
	bool root = !geteuid();

	p9_server_find();
	printf("KTAP version 1\n1..%d\n", root ? 14 : 7);
	run_all("");
	if (root) {
		keeper_set_user("65534:65534");
		run_all(" of another user");
	}
	return ktap_failed();
}
