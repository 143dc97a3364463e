// SPDX-License-Identifier: GPL-2.0
/*
 * A process with nothing to take. All that a guest's process needs is open before the guest
 * runs. So it gives up, for good, whatever else it could do: each of its threads may make the
 * system calls that it is there for (seccomp), on files that are open already, and may open
 * none (landlock, limits). A guest that has taken over a device's thread has what it had
 * before: its own memory, disks and network.
 *
 * Whoever makes another call is killed, and the parent tells the user.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As many files as poll() is ever given: it looks at that limit. None is opened any more. */
#define FILES_MAX	4

#define FILTER_LEN_MAX	4096

static struct sock_filter filters[SANDBOX_THREADS][FILTER_LEN_MAX];
static struct sock_fprog programs[SANDBOX_THREADS];
static bool is_on;

/* What the C library needs in any thread, and what ends the process. 32-bit ones have others. */
static const char *const for_all[] = {
	"exit_group", "write", "futex", "futex_time64", "restart_syscall",
	"clock_gettime", "clock_gettime64", "poll", "fdatasync", "brk", "munmap", "rt_sigprocmask",
	NULL
};

static const char *const for_vcpu[] = { "pread64", NULL };

static const char *const for_queue[] = {
	"read", "readv", "writev", "pread64", "preadv", "pwrite64", "pwritev", "pwritev2",
	"recvmsg", "sendmsg", "recvfrom", "sendto", "madvise",
	"close" /* of a broken connection */, NULL
};

static const char *const for_watch[] = {
	"recvfrom", "_llseek", "lseek",
	"sendto", "close" /* a last flush by a connection */, NULL
};

static const char *const *const calls[SANDBOX_THREADS] = {
	[SANDBOX_VCPU] = for_vcpu,
	[SANDBOX_QUEUE] = for_queue,
	[SANDBOX_WATCH] = for_watch,
};

static void allow(scmp_filter_ctx ctx, const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);

	/* Less than 0 for those of other architectures */
	if (nr >= 0 && seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0))
		die("cannot make a filter for %s", name);
}

static void allow_ioctl(scmp_filter_ctx ctx, unsigned long request)
{
	if (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			     SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, request)))
		die("cannot make a filter for ioctl");
}

/* Memory that can't be executed. What malloc() takes and the stacks have is not, either. */
static void allow_memory(scmp_filter_ctx ctx, const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);

	if (nr >= 0 && seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 1,
					SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)))
		die("cannot make a filter for %s", name);
}

static void make_filter(enum sandbox_thread thread)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int fd = memfd_create("filter", MFD_CLOEXEC);
	ssize_t len;

	if (!ctx || fd < 0)
		die("cannot make a filter of system calls: %m");
	for (const char *const *name = for_all; *name; name++)
		allow(ctx, *name);
	for (const char *const *name = calls[thread]; *name; name++)
		allow(ctx, *name);
	allow_memory(ctx, "mmap");
	allow_memory(ctx, "mmap2");
	allow_memory(ctx, "mprotect");
	switch (thread) {
	case SANDBOX_VCPU:
		allow_ioctl(ctx, TUNSETOFFLOAD);
		allow_ioctl(ctx, TIOCGWINSZ);
		break;
	case SANDBOX_WATCH:
		allow_ioctl(ctx, TIOCGWINSZ);
		/* tcsetattr(), to leave the terminal as it was, if the parent is gone */
		allow_ioctl(ctx, TCSETS);
		allow_ioctl(ctx, TCGETS);
		break;
	default:
		/* With the first key, the console's thread tells of the size. */
		allow_ioctl(ctx, TIOCGWINSZ);
	}
	if (seccomp_export_bpf(ctx, fd))
		die("cannot make a filter of system calls");
	len = pread(fd, filters[thread], sizeof(filters[thread]), 0);
	if (len <= 0 || len == sizeof(filters[thread]))
		die("the filter of system calls is too long");
	programs[thread].len = len / sizeof(struct sock_filter);
	programs[thread].filter = filters[thread];
	seccomp_release(ctx);
	close(fd);
}

/* The kernel's structure, up to its version 6, which older headers don't have */
struct landlock_rules {
	__u64 fs;
	__u64 net;
	__u64 scoped;
};

/* Nothing in the file system can be reached by name any more, as far as the kernel can do that. */
static void restrict_files(void)
{
	/* By version: all rights that there are (Documentation/userspace-api/landlock.rst) */
	static const struct landlock_rules rules[] = {
		{ .fs = 0x1fff },
		{ .fs = 0x3fff },			/* refer */
		{ .fs = 0x7fff },			/* truncate */
		{ .fs = 0x7fff, .net = 3 },		/* bind and connect by TCP */
		{ .fs = 0xffff, .net = 3 },		/* ioctl of devices */
		{ .fs = 0xffff, .net = 3, .scoped = 3 },	/* abstract sockets, signals */
	};
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	size_t len = sizeof(rules[0].fs);
	int fd;

	/* The filters are enough. This is for a fault in them. */
	if (version <= 0)
		return;
	if (version > (long)ARRAY_SIZE(rules))
		version = ARRAY_SIZE(rules);
	if (version >= 6)
		len = sizeof(rules[0]);
	else if (version >= 4)
		len = offsetof(struct landlock_rules, scoped);
	fd = syscall(SYS_landlock_create_ruleset, &rules[version - 1], len, 0);
	if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0))
		die("cannot give up the file system (landlock): %m (--sandbox=off does without)");
	close(fd);
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { };

	if (syscall(SYS_capset, &header, none))
		die("cannot give up capabilities: %m");
}

/* Not getpwnam(), for which a static program would need the host's own libraries */
static bool find_user(const char *name, uid_t *uid, gid_t *gid)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *user;
	bool found = false;

	while (file && !found && (user = fgetpwent(file))) {
		found = !strcmp(user->pw_name, name);
		*uid = user->pw_uid;
		*gid = user->pw_gid;
	}
	if (file)
		fclose(file);
	return found;
}

/**
 * sandbox_find_user() - look a user up
 * @spec: a name of /etc/passwd, or UID:GID
 * @uid: set to the user
 * @gid: set to the user's group
 */
void sandbox_find_user(const char *spec, uid_t *uid, gid_t *gid)
{
	int len = 0;

	if ((sscanf(spec, "%u:%u%n", uid, gid, &len) != 2 || spec[len]) &&
	    !find_user(spec, uid, gid))
		die("--user=%s: there is no such user in /etc/passwd (UID:GID does as well)", spec);
}

/**
 * sandbox_set_user() - take on another user's rights, for good
 * @spec: as for sandbox_find_user()
 */
void sandbox_set_user(const char *spec)
{
	uid_t uid;
	gid_t gid;

	sandbox_find_user(spec, &uid, &gid);
	if (setgroups(0, NULL) || setgid(gid) || setuid(uid))
		die("--user=%s: %m", spec);
}

/**
 * sandbox_enter() - give up rights, in the process of a guest, before it has other threads
 * @on: false if the user does not want it
 * @user: whose rights to have from then on, a name or UID:GID; NULL for ours
 *
 * All files are open by now, but for eventfds.
 */
void sandbox_enter(bool on, const char *user)
{
	if (user)
		sandbox_set_user(user);
	is_on = on;
	if (!on)
		return;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("cannot give up privileges: %m");
	drop_capabilities();
	restrict_files();
	for (unsigned int i = 0; i < SANDBOX_THREADS; i++)
		make_filter(i);
}

/**
 * sandbox_thread() - give up all system calls but those that the calling thread needs
 * @thread: what it is
 *
 * SANDBOX_VCPU is the last: with it, there are no more threads or files to come.
 */
void sandbox_thread(enum sandbox_thread thread)
{
	const struct rlimit no_files = { FILES_MAX, FILES_MAX }, none = { };

	if (!is_on)
		return;
	if (thread == SANDBOX_VCPU &&
	    (setrlimit(RLIMIT_NOFILE, &no_files) || setrlimit(RLIMIT_NPROC, &none) ||
	     setrlimit(RLIMIT_MEMLOCK, &none) || setrlimit(RLIMIT_MSGQUEUE, &none)))
		die("cannot set limits: %m");
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &programs[thread]))
		die("the kernel has no filters of system calls: %m (--sandbox=off does without)");
}
