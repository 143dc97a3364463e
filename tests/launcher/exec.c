// SPDX-License-Identifier: GPL-2.0
/* One command in a guest: how it gets there, and how what the guest prints is told apart. */
#include "ktap.h"
#include "launcher.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A RAM disk whose length is no multiple of 4 */
static const char first[] = "an archive of the user's";

static char script[4096];

/* A number in an archive's header: the fields are of 8 digits, behind 6 of magic. */
static unsigned long field(const char *header, unsigned int i)
{
	char digits[9] = "";

	memcpy(digits, header + 6 + 8 * i, 8);
	return strtoul(digits, NULL, 16);
}

/* Run @words in a guest: its script */
static void prepare(struct machine *machine, char **words)
{
	char name[] = "/tmp/lg-exec-XXXXXX", archive[8192] = "";
	const char *header;
	int fd = mkstemp(name);
	ssize_t len;

	if (fd < 0 || write(fd, first, sizeof(first)) != sizeof(first))
		die("%s: %m", name);
	close(fd);
	*machine = (struct machine){ .words = "word", .reboots = true, .initrd = name };
	exec_prepare(machine, words);
	unlink(name);

	fd = open(machine->initrd, O_RDONLY);
	len = read(fd, archive, sizeof(archive));
	close(fd);
	EXPECT(len > 0 && len % 4 == 0);
	EXPECT(!memcmp(archive, first, sizeof(first)));
	header = archive + (sizeof(first) + 3) / 4 * 4;
	/* Magic, 13 numbers of which 1 is the mode, 6 the length, 11 that of the name */
	EXPECT(!memcmp(header, "070701", 6));
	EXPECT(field(header, 1) == 0100755);
	EXPECT(!strcmp(header + 110, "lguest-exec"));
	EXPECT(field(header, 11) == sizeof("lguest-exec"));
	len = field(header, 6);
	header += (110 + sizeof("lguest-exec") + 3) / 4 * 4;
	snprintf(script, sizeof(script), "%.*s", (int)len, header);
	header += (len + 3) / 4 * 4;
	EXPECT(!memcmp(header, "070701", 6));
	EXPECT(!strcmp(header + 110, "TRAILER!!!"));
}

static void put_away(struct machine *machine)
{
	free((char *)machine->initrd);
	free((char *)machine->words);
}

static void archive(void)
{
	char *words[] = { "true", NULL };
	struct machine machine;

	prepare(&machine, words);
	EXPECT(strstr(machine.words, "rdinit=/lguest-exec word"));
	EXPECT(!machine.reboots);
	EXPECT(!strncmp(script, "#!/bin/sh\n", 10));
	EXPECT(exec_is_on());
	EXPECT(!exec_status(NULL));
	put_away(&machine);
}

/* A shell that reads the script gives the command the very words. */
static void words(void)
{
	char *said[] = { "printf", "%s|", "it's", "a  b", "$HOME", "\"", "\\", "", "*", NULL };
	char out[256] = "", command[1024];
	struct machine machine;
	char *line, *end;
	FILE *f;

	prepare(&machine, said);
	put_away(&machine);
	line = strstr(script, "(exec");
	end = line ? strstr(line, ")\nstatus") : NULL;
	EXPECT(end);
	if (!end)
		return;
	snprintf(command, sizeof(command), "%.*s)", (int)(end - line), line);
	f = popen(command, "r");
	EXPECT(f && fgets(out, sizeof(out), f));
	if (f)
		pclose(f);
	EXPECT(!strcmp(out, "it's|a  b|$HOME|\"|\\||*|"));
}

/* What comes of @text, given to the filter in parts of so many bytes */
static const char *filtered(const char *text, size_t part)
{
	static char out[1024];
	size_t len = strlen(text), n = 0;

	for (size_t at = 0; at < len; at += part) {
		size_t now = len - at < part ? len - at : part;

		n += exec_filter(text + at, now, out + n);
		if (exec_status(NULL))
			break;
	}
	out[n] = '\0';
	return out;
}

/* In any parts, all is shown but the mark, and what is behind it. */
static void filter(void)
{
	char *said[] = { "true", NULL };
	struct machine machine;
	char text[256], *mark;
	int status = -1;

	for (size_t part = 1; part < 70; part++) {
		/* Each begins anew, with a mark of its own. */
		prepare(&machine, said);
		put_away(&machine);
		mark = strstr(script, "printf '\\036");
		EXPECT(mark);
		if (!mark)
			return;
		mark += strlen("printf '\\036");
		EXPECT(!strcmp(filtered("plain \036 \036\036x", part), "plain \036 \036\036x"));
		snprintf(text, sizeof(text), "\036%.10sx", mark);
		EXPECT(!strcmp(filtered(text, part), text));
		EXPECT(!exec_status(NULL));
		snprintf(text, sizeof(text), "\036before\036\036%.24s%u;behind", mark,
			 (unsigned int)part);
		EXPECT(!strcmp(filtered(text, part), "\036before\036"));
		EXPECT(exec_status(&status));
		EXPECT(status == (int)part);
	}
}

int main(void)
{
	run("exec: the archive", archive);
	run("exec: the command's words", words);
	run("exec: what is shown", filter);
	return ktap_failed();
}
