// SPDX-License-Identifier: GPL-2.0
/*
 * What the host has for a guest. Its memory is taken as the guest uses it, so that a host
 * with less notices late, and then ends a program, which may be us.
 */
#include "launcher.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define CGROUPS		"/sys/fs/cgroup"

#define NO_LIMIT	(~0ULL)

/* A number of kB */
static __u64 available(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kb = 0;
	char line[256];
	bool found = false;

	if (!file)
		return NO_LIMIT;
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "MemAvailable: %llu kB", &kb) == 1;
	fclose(file);
	return found ? kb * 1024 : NO_LIMIT;
}

static __u64 read_limit(const char *dir)
{
	char file[PATH_MAX + 64];
	unsigned long long limit;
	bool found;
	FILE *f;

	snprintf(file, sizeof(file), CGROUPS "%s/memory.max", dir);
	f = fopen(file, "re");
	if (!f)
		return NO_LIMIT;
	/* Without a limit there is "max". */
	found = fscanf(f, "%llu", &limit) == 1;
	fclose(f);
	return found ? limit : NO_LIMIT;
}

/* The least of our cgroup's and those that it is in */
static __u64 cgroup_limit(void)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX], *dir = NULL, *end;
	__u64 least = NO_LIMIT, limit;

	if (!file)
		return NO_LIMIT;
	while (!dir && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "0::/", 4))
			dir = line + 3;
	}
	fclose(file);
	if (!dir)
		return NO_LIMIT;
	dir[strcspn(dir, "\n")] = '\0';
	while ((end = strrchr(dir, '/'))) {
		limit = read_limit(dir);
		if (limit < least)
			least = limit;
		*end = '\0';
	}
	limit = read_limit("");
	return limit < least ? limit : least;
}

/**
 * host_memory_check() - warn if the guest may use more memory than there is
 * @ram_size: of the guest
 *
 * It says nothing where nothing is known.
 */
void host_memory_check(__u64 ram_size)
{
	__u64 most = available(), limit = cgroup_limit();

	if (limit < most)
		most = limit;
	if (ram_size <= most)
		return;
	fprintf(stderr,
		"lguest: the guest may use %llu MB, and %llu MB are available: if it uses more, the host swaps, or ends a program\n",
		ram_size >> 20, most >> 20);
}
