// SPDX-License-Identifier: GPL-2.0
/*
 * The server of a shared directory: diod, in a world that has nothing but the directory.
 *
 * diod takes what a client says of paths as it is: by "..", "../x", or a symbolic link that
 * it makes itself, a guest would reach each file of the host. So diod runs in a mount
 * namespace of its own. It starts there as it does anywhere, since it needs its libraries.
 * Once it answers, and before the guest speaks to it, its root becomes a file system that is
 * empty but for the directory (pivot_root(2) does that to all of a namespace's processes).
 * Nor can device files be opened there, and root's capabilities are those for files.
 *
 * A process that stays (keeper.c) sets all of this up.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* glibc knows these from 2.36 on. */
#ifndef OPEN_TREE_CLONE
#include <linux/mount.h>

static int open_tree(int dir, const char *name, unsigned int flags)
{
	return syscall(SYS_open_tree, dir, name, flags);
}

static int move_mount(int from_dir, const char *from, int to_dir, const char *to,
		      unsigned int flags)
{
	return syscall(SYS_move_mount, from_dir, from, to_dir, to, flags);
}

static int mount_setattr(int dir, const char *name, unsigned int flags,
			 const struct mount_attr *attr, size_t size)
{
	return syscall(SYS_mount_setattr, dir, name, flags, attr, size);
}
#endif

#define ANSWER_MS	10000

/* In the process that stays: files of these numbers are all that it has. */
#define SERVER_FD	KEEPER_FILE
#define CONTROL_FD	(KEEPER_FILE + 1)

/* Where there is a directory on each host, in which to put others */
#define PLACE		"/proc"

static const char *server;
/* Asked for while files can still be read and system calls be made */
static bool serves_all;
static __u32 served_uid;

/** p9_server_find() - end with a word to the user if there is no diod */
void p9_server_find(void)
{
	if (!server)
		server = keeper_find("diod");
	if (!server)
		die("--share needs the program diod, which is not here (apt install diod)");
}

static bool is_root(void)
{
	return !keeper_user() && !geteuid();
}

/**
 * p9_server_uid() - as whom the server lets a user of the guest in
 * @uid: the guest's number for him
 */
__u32 p9_server_uid(__u32 uid)
{
	/* A server that is not root's lets one user in, and has no other's rights anyway. */
	if (!serves_all)
		return served_uid;
	return uid == P9_ANY_UID ? 0 : uid;
}

static void write_file(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die("--share: %s: %m", name);
	close(fd);
}

/* Who is not root can be that only in a namespace of users, where he is himself. */
static void new_namespaces(void)
{
	unsigned int uid = geteuid(), gid = getegid();
	char map[32];

	if (is_root()) {
		if (unshare(CLONE_NEWNS))
			die("--share: cannot make a mount namespace: %m");
		return;
	}
	/* The files in /proc are root's while this is not dumpable. */
	prctl(PR_SET_DUMPABLE, 1);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		die("--share: only root may, as the kernel gives users no namespaces: %m");
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	write_file("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	write_file("/proc/self/gid_map", map);
}

/* The directory without device files and programs, with all that is mounted in it */
static int open_directory(const char *dir, bool read_only)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
			    (read_only ? MOUNT_ATTR_RDONLY : 0),
	};
	int fd = open_tree(AT_FDCWD, dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)))
		die("--share=%s: cannot mount it for the server: %m", dir);
	return fd;
}

static void put(int tree, const char *place)
{
	if (move_mount(tree, "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH))
		die("--share: cannot mount %s: %m", place);
	close(tree);
}

/*
 * The new world is at PLACE. The root is a copy, as pivot_root() wants it to be mounted on
 * something, which an initramfs is not.
 */
static void make_world(const char *dir, bool read_only)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	int tree, all;

	new_namespaces();
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("--share: cannot make mounts private: %m");
	tree = open_directory(dir, read_only);
	all = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (all < 0)
		die("--share: cannot copy the root: %m");
	put(all, PLACE);
	if (chdir(PLACE) || chroot(".") || chdir("/"))
		die("--share: cannot change the root: %m");
	if (mount("lguest", PLACE, "tmpfs", flags, "size=64k,mode=755") ||
	    mkdir(PLACE P9_SERVER_ROOT, 0755))
		die("--share: cannot make a file system: %m");
	put(tree, PLACE P9_SERVER_ROOT);
	if (mount(NULL, PLACE, NULL, MS_REMOUNT | MS_RDONLY | flags, NULL))
		die("--share: cannot make a file system read-only: %m");
}

/* From now on there is nothing else, for diod, too. */
static void enter_world(void)
{
	if (chdir(PLACE) || syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) ||
	    chdir("/"))
		die("--share: cannot leave the server alone with the directory: %m");
}

/* To serve any user, and to raise its own limits as it does at its start */
static void drop_capabilities(void)
{
	static const __u64 kept = 1 << CAP_CHOWN | 1 << CAP_DAC_OVERRIDE | 1 << CAP_FOWNER |
		1 << CAP_FSETID | 1 << CAP_SETUID | 1 << CAP_SETGID | 1 << CAP_SYS_RESOURCE;

	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++) {
		if (!(kept >> cap & 1) && prctl(PR_CAPBSET_DROP, cap))
			die("--share: cannot give up capabilities: %m");
	}
}

static void run_diod(void *arg)
{
	char fd[16];

	(void)arg;
	snprintf(fd, sizeof(fd), "%d", SERVER_FD);
	if (is_root())
		drop_capabilities();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("--share: cannot give up privileges: %m");
	close(CONTROL_FD);
	/*
	 * What it would log has names in it that the guest chose, and no end. It looks up no
	 * users: all numbers are as they are, and nothing is read from a file.
	 */
	execle(server, "diod", "-f", "-c", "/dev/null", "-L", "/dev/null", "-n", "-N",
	       "-r", fd, "-w", fd, "-e", P9_SERVER_ROOT, NULL,
	       (char *[]) { "LC_ALL=C", "TZ=UTC0", NULL });
	die("%s: %m", server);
}

/* Until the other side has a word, or is gone (false), or diod is */
static bool wait_for_word(int pidfd)
{
	struct pollfd wait[] = {
		{ .fd = CONTROL_FD, .events = POLLIN },
		{ .fd = pidfd, .events = POLLIN },
	};
	char c;

	while (poll(wait, ARRAY_SIZE(wait), -1) < 0)
		;
	return !wait[1].revents && recv(CONTROL_FD, &c, 1, 0) == 1;
}

static void __noreturn keep(const char *dir, bool read_only)
{
	int pidfd;
	pid_t pid;

	make_world(dir, read_only);
	pidfd = keeper_start(&pid, run_diod, NULL);
	close(SERVER_FD);
	if (wait_for_word(pidfd)) {
		enter_world();
		send(CONTROL_FD, "", 1, MSG_NOSIGNAL);
		wait_for_word(pidfd);
	} else if (waitpid(pid, NULL, WNOHANG) == pid) {
		die("--share=%s: diod ended as soon as it was started", dir);
	}
	keeper_end(pid);
}

/* Something to be read from @fd; false if the process that stays is gone, or nothing comes */
static bool answers(int fd, int control)
{
	struct pollfd wait[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = control, .events = POLLIN },
	};

	if (poll(wait, ARRAY_SIZE(wait), ANSWER_MS) <= 0)
		die("--share: diod does not answer");
	return !(wait[1].revents & POLLHUP);
}

/* One that answers has loaded all that it needs. The largest size is what it offers itself. */
static bool greet(int fd, int control)
{
	/* The string's length in octal, as a digit follows */
	static const char hello[] = "\x15\0\0\0\x64\xff\xff\0\0\1\0\010\0009P2000.L";
	char reply[sizeof(hello) - 1];

	return send(fd, hello, sizeof(hello) - 1, MSG_NOSIGNAL) > 0 && answers(fd, control) &&
		recv(fd, reply, sizeof(reply), MSG_WAITALL) == sizeof(reply) &&
		!memcmp(reply + 4, "\x65\xff\xff", 3);
}

/**
 * p9_server_start() - start a server, which ends with this process
 * @dir: the directory, by its full name
 * @read_only: nothing in it can be changed
 *
 * Return: a socket to speak 9P2000.L with, in which the root is %P9_SERVER_ROOT.
 */
int p9_server_start(const char *dir, bool read_only)
{
	int fds[2], control[2];
	const char *user = keeper_user();
	char c;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control))
		die("--share: cannot make a socket: %m");
	serves_all = is_root();
	served_uid = geteuid();
	if (user)
		sandbox_find_user(user, &served_uid, &(gid_t){ 0 });
	if (keeper_fork((int []) { fds[1], control[1] }, 2))
		keep(dir, read_only);
	close(fds[1]);
	close(control[1]);
	/* Whoever is gone has said why. */
	if (!greet(fds[0], control[0])) {
		recv(control[0], &c, 1, 0);
		_exit(EXIT_FAILED);
	}
	if (send(control[0], "", 1, MSG_NOSIGNAL) < 0 || recv(control[0], &c, 1, 0) != 1)
		_exit(EXIT_FAILED);
	/* @control stays open as long as this process is there. */
	return fds[0];
}
