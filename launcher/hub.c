// SPDX-License-Identifier: GPL-2.0
/*
 * A console that people come to and leave: on a pseudoterminal, or on sockets. The guest
 * prints into a pipe, and never waits for a reader: the parent keeps the last of it, which
 * whoever comes reads first. Who reads too slowly misses something, and is told so.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define KEPT	(64 * 1024)
#define LAST_WORDS_MS	1000

/* The last KEPT bytes of what was printed, at their number modulo KEPT */
static char kept[KEPT];
static __u64 printed;

struct reader {
	int fd;
	__u64 seen;
	struct reader *next;
};

static struct reader *readers;
/* The pipe */
static int guests_end = -1, our_end = -1;
/* Our own end of a pseudoterminal */
static int plug = -1;

static void forget(struct reader *reader)
{
	for (struct reader **p = &readers; *p; p = &(*p)->next) {
		if (*p == reader) {
			*p = reader->next;
			break;
		}
	}
	loop_remove(reader->fd);
	close(reader->fd);
	free(reader);
}

/* Returns false if it does not want more for now. */
static bool give(struct reader *reader)
{
	static const char missed[] = "\r\n[some output was too fast]\r\n";

	if (printed - reader->seen > KEPT) {
		if (write(reader->fd, missed, strlen(missed)) < 0)
			return false;
		reader->seen = printed - KEPT / 2;
	}
	while (reader->seen < printed) {
		size_t at = reader->seen % KEPT, len = printed - reader->seen;
		ssize_t n;

		if (len > KEPT - at)
			len = KEPT - at;
		n = write(reader->fd, kept + at, len);
		if (n <= 0)
			return false;
		reader->seen += n;
	}
	return true;
}

static void give_all(void)
{
	for (struct reader *reader = readers; reader; reader = reader->next)
		loop_write(reader->fd, !give(reader));
}

static void reader_ready(int fd, void *arg)
{
	struct reader *reader = arg;
	char keys[256];
	ssize_t n;

	loop_write(fd, !give(reader));
	n = read(fd, keys, sizeof(keys));
	if (n > 0)
		stream_type(keys, n);
	else if (!n || (errno != EAGAIN && errno != EINTR))
		forget(reader);
}

/**
 * hub_add() - let somebody read and type
 * @fd: a socket, or what else can be read and written; closed in the end
 *
 * Return: false if there are too many; then it is closed.
 */
bool hub_add(int fd)
{
	struct reader *reader = calloc(1, sizeof(*reader));

	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (!reader || !loop_add(fd, reader_ready, reader)) {
		free(reader);
		close(fd);
		return false;
	}
	reader->fd = fd;
	reader->seen = printed > KEPT ? printed - KEPT : 0;
	reader->next = readers;
	readers = reader;
	loop_write(fd, !give(reader));
	return true;
}

/* Not all at once, so that readers have a chance to keep up. Returns whether there was some. */
static bool take(void)
{
	size_t at = printed % KEPT;
	ssize_t n = read(our_end, kept + at, KEPT - at < KEPT / 8 ? KEPT - at : KEPT / 8);

	if (n > 0)
		printed += n;
	give_all();
	return n > 0;
}

static void guest_prints(int fd, void *arg)
{
	(void)fd;
	(void)arg;
	take();
}

/** hub_is_open() - whether the console is one that people come to */
bool hub_is_open(void)
{
	return guests_end >= 0;
}

/** hub_open() - make the console one that people come to; before there is a guest */
void hub_open(void)
{
	int fd[2];

	if (hub_is_open())
		return;
	if (pipe2(fd, O_CLOEXEC))
		die("cannot make a pipe for the console: %m");
	our_end = fd[0];
	guests_end = fd[1];
	fcntl(our_end, F_SETFL, O_NONBLOCK);
	stream_set_output(guests_end);
	loop_add(our_end, guest_prints, NULL);
}

/** hub_finish() - the guest is gone: give readers what it has printed last, if they take it */
void hub_finish(void)
{
	__u64 until = loop_now() + LAST_WORDS_MS;

	if (!hub_is_open())
		return;
	while (take())
		;
	for (struct reader *reader = readers; reader; reader = reader->next) {
		while (!give(reader) && loop_now() < until)
			usleep(10000);
	}
}

/** hub_forget() - a guest's process has only its end of the pipe */
void hub_forget(void)
{
	if (plug >= 0)
		close(plug);
}

/** hub_pty() - a console on a pseudoterminal, of which the user is told the name */
void hub_pty(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios mode;
	const char *name;

	if (master < 0 || grantpt(master) || unlockpt(master))
		die("--console=pty: cannot make a pseudoterminal: %m");
	name = ptsname(master);
	/* It is open for us, too: else whoever is the first to leave would close it for all. */
	plug = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (plug < 0 || tcgetattr(plug, &mode))
		die("%s: %m", name);
	cfmakeraw(&mode);
	tcsetattr(plug, TCSANOW, &mode);
	hub_open();
	if (!hub_add(master))
		die("--console=pty: too many files");
	fprintf(stderr, "lguest: console on %s\n", name);
}

static void somebody_comes(int fd, void *arg)
{
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	(void)arg;
	if (client >= 0)
		hub_add(client);
}

/**
 * hub_unix() - a console on a socket
 * @path: its name
 */
void hub_unix(const char *path)
{
	hub_open();
	loop_add(unix_listen(path), somebody_comes, NULL);
}
