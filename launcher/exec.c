// SPDX-License-Identifier: GPL-2.0
/*
 * lguest exec: run one command in a guest, and end as it ends. A script with the command is put
 * behind the user's initial RAM disk, in an archive of its own, and is the guest's init. When
 * the command is over, it prints a mark that nobody can guess, with the status. That is where
 * the guest's console ends.
 */
#include "launcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define INIT		"lguest-exec"
#define MARK_LEN	25
/* The first byte of the mark, and nowhere else in it: the record separator */
#define MARK_BEGIN	0x1e

/* What the guest's process leaves to the parent */
static struct exec_result {
	bool is_over;
	int status;
} *result;

static char mark[MARK_LEN + 1];
/* How much of it has come, and of the status behind it */
static unsigned int matched, digit_count;
static char digits[8];

static void make_mark(void)
{
	unsigned char random[(MARK_LEN - 1) / 2];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		die("no random numbers: %m");
	matched = 0;
	digit_count = 0;
	memset(digits, 0, sizeof(digits));
	mark[0] = MARK_BEGIN;
	for (unsigned int i = 0; i < sizeof(random); i++)
		sprintf(mark + 1 + 2 * i, "%02x", random[i]);
}

/* As a shell reads it back as it was */
static void put_word(FILE *script, const char *word)
{
	fputs(" '", script);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", script);
		else
			putc(*word, script);
	}
	putc('\'', script);
}

static char *make_script(char **words, size_t *len)
{
	char *text;
	FILE *script = open_memstream(&text, len);

	if (!script)
		die("no memory for a command");
	fputs("#!/bin/sh\n"
	      "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
	      "export HOME=/root TERM=linux\n"
	      "mkdir -p /proc /sys /dev /tmp\n"
	      "mount -t proc none /proc\n"
	      "mount -t sysfs none /sys\n"
	      "[ -c /dev/null ] || mount -t devtmpfs dev /dev\n"
	      "stty -echo -opost 2>/dev/null\n"
	      "(exec", script);
	while (*words)
		put_word(script, *words++);
	fprintf(script, ")\nstatus=$?\nsync\nprintf '\\036%s%%d;' $status\n"
		"while :; do sleep 1; done\n", mark + 1);
	fclose(script);
	if (!text)
		die("no memory for a command");
	return text;
}

/* The kernel's buffer-format.rst: "newc", whose numbers are 8 hexadecimal digits. */
static void put_entry(FILE *archive, const char *name, unsigned int mode, const void *data,
		      size_t len)
{
	const unsigned int fields[] = {
		1 /* inode */, mode, 0 /* user */, 0 /* group */, 1 /* links */, 0 /* time */,
		len, 0, 0, 0, 0 /* devices */, strlen(name) + 1, 0 /* checksum */,
	};

	fputs("070701", archive);
	for (unsigned int i = 0; i < ARRAY_SIZE(fields); i++)
		fprintf(archive, "%08x", fields[i]);
	fwrite(name, 1, strlen(name) + 1, archive);
	while (ftello(archive) % 4)
		putc(0, archive);
	fwrite(data, 1, len, archive);
	while (ftello(archive) % 4)
		putc(0, archive);
}

static void copy(FILE *to, const char *name)
{
	char buf[65536];
	struct stat st;
	FILE *from;
	size_t n;

	/* Another kind of file may have no end, or wait for ever. */
	if (stat(name, &st))
		die("%s: %m", name);
	if (!S_ISREG(st.st_mode))
		die("%s: not a regular file", name);
	from = fopen(name, "re");
	if (!from)
		die("%s: %m", name);
	while ((n = fread(buf, 1, sizeof(buf), from)))
		fwrite(buf, 1, n, to);
	if (ferror(from))
		die("%s: %m", name);
	fclose(from);
}

static const char *make_initrd(const char *initrd, const char *script, size_t len)
{
	int fd = memfd_create("initrd", MFD_CLOEXEC);
	FILE *archive = fd < 0 ? NULL : fdopen(fd, "w");
	char *name;

	if (!archive)
		die("cannot make an initial RAM disk: %m");
	copy(archive, initrd);
	/* An archive begins at a multiple of 4. */
	while (ftello(archive) % 4)
		putc(0, archive);
	put_entry(archive, INIT, S_IFREG | 0755, script, len);
	put_entry(archive, "TRAILER!!!", 0, "", 0);
	if (fflush(archive) || ferror(archive))
		die("cannot make an initial RAM disk: %m");
	/* Each process of the guest reads it anew. */
	if (asprintf(&name, "/proc/self/fd/%d", fd) < 0)
		die("no memory for a name");
	return name;
}

/**
 * exec_prepare() - let the guest run one command
 * @machine: the guest, which has an initial RAM disk with /bin/sh and what the command needs
 * @words: the command and its arguments
 */
void exec_prepare(struct machine *machine, char **words)
{
	char *script, *line;
	size_t len;

	if (!machine->initrd)
		die("exec needs an initial RAM disk (--initrd=) with the command and /bin/sh");
	if (!*words)
		die("exec needs a command, behind the kernel's words and --");
	make_mark();
	result = shared_alloc(sizeof(*result));
	if (!result)
		die("no memory for a status");
	script = make_script(words, &len);
	machine->initrd = make_initrd(machine->initrd, script, len);
	free(script);
	if (asprintf(&line, "quiet loglevel=1 panic=0 rdinit=/" INIT " %s", machine->words) < 0)
		die("no memory for the command line");
	machine->words = line;
	machine->reboots = false;
}

/**
 * exec_filter() - look for the mark in what the guest prints
 * @buf: that
 * @len: how much
 * @out: what the user is to see of it, and of what was held back before as it might have been
 *	the mark; has room for EXEC_FILTER_MORE bytes more than @len
 *
 * Return: how much that is.
 */
size_t exec_filter(const char *buf, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (matched == MARK_LEN) {
			if (buf[i] == ';') {
				result->status = atoi(digits);
				result->is_over = true;
				return n;
			}
			if (digit_count < sizeof(digits) - 1)
				digits[digit_count++] = buf[i];
			continue;
		}
		if (buf[i] == mark[matched]) {
			matched++;
			continue;
		}
		memcpy(out + n, mark, matched);
		n += matched;
		matched = 0;
		if (buf[i] == mark[0])
			matched = 1;
		else
			out[n++] = buf[i];
	}
	return n;
}

/** exec_is_on() - whether the guest is there for one command */
bool exec_is_on(void)
{
	return result;
}

/**
 * exec_status() - how the command has ended
 * @status: if it has, set to its exit status; may be NULL
 *
 * Return: whether it has.
 */
bool exec_status(int *status)
{
	if (!result || !result->is_over)
		return false;
	if (status)
		*status = result->status & 0xff;
	return true;
}
