// SPDX-License-Identifier: GPL-2.0
/* The guest's memory, as the kernel knows it */
#include "ktap.h"
#include "launcher.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RAM	(16 << 20)

/* Has the mapping with that address that mark (proc(5), VmFlags)? */
static bool has_flag(const void *p, const char *flag)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	unsigned long at = (unsigned long)p, first, end;
	bool here = false, found = false;
	char line[4096];

	if (!file)
		die("/proc/self/smaps: %m");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &first, &end) == 2)
			here = first <= at && at < end;
		else if (here && !strncmp(line, "VmFlags:", 8))
			found = strstr(line, flag);
	}
	fclose(file);
	return found;
}

static const char *ram(void)
{
	return guest_memory_base();
}

static void core_dumps(void)
{
	guest_memory_create(RAM);
	EXPECT(has_flag(ram(), " dd"));
	EXPECT(has_flag(ram() + RAM - 1, " dd"));
	/* The pages of devices */
	EXPECT(has_flag(ram() + RAM, " dd"));
	EXPECT(!has_flag(&ok, " dd"));
}

static void huge_pages(void)
{
	bool has_any = !access("/sys/kernel/mm/transparent_hugepage", F_OK);

	guest_memory_create(RAM);
	EXPECT(!has_flag(ram(), " nh"));
	guest_memory_no_huge_pages();
	EXPECT(has_flag(ram(), " nh") == has_any);
	EXPECT(has_flag(ram() + RAM - 1, " nh") == has_any);
}

int main(void)
{
	puts("KTAP version 1\n1..2");
	run("guest memory: not in core dumps", core_dumps);
	run("guest memory: no huge pages", huge_pages);
	return ktap_failed();
}
