// SPDX-License-Identifier: GPL-2.0
/*
 * panic=SECONDS, a word for the kernel that it can't heed here: a guest's kernel that
 * panics ends at once, by SHUTDOWN, before it comes to look at that. So we do, and read
 * its command line as it does (next_arg() and parse_args() of Linux).
 */
#include "launcher.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A word ends at a space that is not in quotes. */
static const char *word_end(const char *p)
{
	bool quoted = false;

	for (; *p && (quoted || !isspace((unsigned char)*p)); p++) {
		if (*p == '"')
			quoted = !quoted;
	}
	return p;
}

/* A number and nothing else. The kernel ignores a word whose value is none. */
static void read_value(const char *value, const char *end, int *number)
{
	char *rest;
	long n;

	if (*value == '"')
		value++;
	n = strtol(value, &rest, 0);
	if (rest == value || n < INT_MIN || n > INT_MAX)
		return;
	while (*rest == '"')
		rest++;
	if (rest == end)
		*number = n;
}

/*
 * Seconds until a guest that panics starts again: less than 0 for at once, 0 if it
 * does not. As in the kernel, the last panic= counts. What is behind "--" is init's, as it
 * is from Linux 3.15 on.
 */
int panic_timeout(const char *cmdline)
{
	static const char name[] = "panic=";
	int timeout = 0;

	for (;;) {
		const char *end;

		while (isspace((unsigned char)*cmdline))
			cmdline++;
		end = word_end(cmdline);
		if (!*cmdline || (end - cmdline == 2 && !memcmp(cmdline, "--", 2)))
			return timeout;
		if (*cmdline == '"')
			cmdline++;
		if (!strncmp(cmdline, name, strlen(name)))
			read_value(cmdline + strlen(name), end, &timeout);
		cmdline = end;
	}
}
