// SPDX-License-Identifier: GPL-2.0
/*
 * What the host has for a guest. Its memory is taken as the guest uses it, so that a host
 * with less notices late, and then ends a program, which may be us.
 */
#include "launcher.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CGROUPS		"/sys/fs/cgroup"

#define NO_LIMIT	(~0ULL)

/* The number behind @word, at a line's start; NO_LIMIT if there is none */
static __u64 number_in(const char *name, const char *word)
{
	FILE *file = fopen(name, "re");
	size_t len = strlen(word);
	__u64 number = NO_LIMIT;
	char line[256];

	if (!file)
		return NO_LIMIT;
	while (number == NO_LIMIT && fgets(line, sizeof(line), file)) {
		/* For no limit there is "max". */
		if (!strncmp(line, word, len) && strncmp(line + len, "max", 3))
			number = strtoull(line + len, NULL, 10);
	}
	fclose(file);
	return number;
}

static __u64 number_of_cgroup(const char *dir, const char *name, const char *word)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), CGROUPS "%s/%s", dir, name);
	return number_in(path, word);
}

/* Set @dir to the cgroup that we are in, "" if that is not known. */
static void find_cgroup(char dir[PATH_MAX])
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX];

	*dir = '\0';
	if (!file)
		return;
	while (!*dir && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "0::/", 4))
			strcpy(dir, line + 3);
	}
	fclose(file);
}

/* The least of our cgroup's and those that it is in */
static __u64 cgroup_limit(void)
{
	__u64 least = NO_LIMIT, limit;
	char dir[PATH_MAX], *end;

	find_cgroup(dir);
	do {
		limit = number_of_cgroup(dir, "memory.max", "");
		if (limit < least)
			least = limit;
		end = strrchr(dir, '/');
		if (end)
			*end = '\0';
	} while (end);
	return least;
}

/** host_memory_available() - how much guests may use, in bytes; ~0 if nothing is known */
__u64 host_memory_available(void)
{
	__u64 kb = number_in("/proc/meminfo", "MemAvailable:"), limit = cgroup_limit();
	__u64 most = kb == NO_LIMIT ? NO_LIMIT : kb * 1024;

	return limit < most ? limit : most;
}

/**
 * host_memory_check() - warn if the guest may use more memory than there is
 * @ram_size: of the guest
 *
 * It says nothing where nothing is known.
 */
void host_memory_check(__u64 ram_size)
{
	__u64 most = host_memory_available();

	if (ram_size <= most)
		return;
	fprintf(stderr,
		"lguest: the guest may use %llu MB, and %llu MB are available: if it uses more, the host swaps, or ends a program\n",
		ram_size >> 20, most >> 20);
}

/* How many programs the kernel has ended for want of memory */
static __u64 killed(void)
{
	char dir[PATH_MAX];
	__u64 in_cgroup;

	find_cgroup(dir);
	in_cgroup = number_of_cgroup(dir, "memory.events", "oom_kill ");
	/* A cgroup at the top does not count. */
	return in_cgroup == NO_LIMIT ? number_in("/proc/vmstat", "oom_kill ") : in_cgroup;
}

static __u64 killed_before;

/** host_memory_begin() - a guest begins: what was before is not its doing */
void host_memory_begin(void)
{
	killed_before = killed();
}

/**
 * host_memory_why() - why the kernel may have killed a program since host_memory_begin()
 *
 * Return: words for the user, valid until the next call; NULL if memory is not the reason.
 */
const char *host_memory_why(void)
{
	static char words[64];
	__u64 limit = cgroup_limit();

	if (killed() == killed_before)
		return NULL;
	if (limit == NO_LIMIT)
		return "for want of memory";
	snprintf(words, sizeof(words),
		 "for want of memory: its cgroup may use %llu MB", limit >> 20);
	return words;
}
