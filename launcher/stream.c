// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's console as a stream: keys come to it by a pipe from the parent, and what it
 * prints goes straight to a file. Of the parent's input nothing may be taken before the guest
 * wants it, as who comes after it may want the rest; so the guest's process asks.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int keys[2] = { -1, -1 };
static int wanted = -1;
static int output = STDOUT_FILENO;

/**
 * stream_renew() - begin with a new guest: what was typed for the last is forgotten
 *
 * The parent calls this.
 */
void stream_renew(void)
{
	if (wanted < 0)
		wanted = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wanted < 0)
		die("cannot make an eventfd for the console: %m");
	eventfd_read(wanted, &(eventfd_t){ 0 });
	close(keys[0]);
	close(keys[1]);
	if (pipe2(keys, O_CLOEXEC))
		die("cannot make a pipe for the console: %m");
	fcntl(keys[1], F_SETFL, O_NONBLOCK);
}

/** stream_forget() - a guest's process does not type */
void stream_forget(void)
{
	close(keys[1]);
}

/** stream_set_output() - let what the guest prints go to @fd; before there is a guest */
void stream_set_output(int fd)
{
	output = fd;
}

/**
 * stream_open_output() - let what the guest prints go to a file, and nobody type
 * @path: its name; what it has is kept
 */
void stream_open_output(const char *path)
{
	output = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (output < 0)
		die("--console=file=%s: %m", path);
}

/** stream_output() - where what the guest prints goes */
int stream_output(void)
{
	return output;
}

/**
 * stream_type() - give the guest keys
 * @buf: the keys
 * @len: how many
 *
 * The parent calls this.
 *
 * Return: false if they are lost, as the guest has not read so much. So it is with any unread
 * keyboard.
 */
bool stream_type(const void *buf, size_t len)
{
	return write(keys[1], buf, len) == (ssize_t)len;
}

/** stream_wanted() - an eventfd, which tells the parent that the guest wants input */
int stream_wanted(void)
{
	return wanted;
}

/** stream_input() - what the guest's process reads the console's input from */
int stream_input(void)
{
	return keys[0];
}

/** stream_ask() - the guest waits for input */
void stream_ask(void)
{
	struct pollfd have = { keys[0], POLLIN, 0 };

	if (poll(&have, 1, 0) == 0)
		eventfd_write(wanted, 1);
}

static void write_all(const char *buf, size_t len)
{
	static bool lost;

	while (len && !lost) {
		struct pollfd wait = { output, POLLOUT, 0 };
		ssize_t n = write(output, buf, len);

		if (n >= 0) {
			buf += n;
			len -= n;
		} else if (errno == EAGAIN) {
			/* Someone shares the terminal and made it nonblocking. */
			poll(&wait, 1, -1);
		} else if (errno != EINTR) {
			lost = true;
			dprintf(STDERR_FILENO,
				"lguest: console output is lost from here: %m\n");
		}
	}
}

/**
 * stream_write() - print what the guest prints
 * @buf: that
 * @len: how much
 */
void stream_write(const void *buf, size_t len)
{
	if (!exec_is_on()) {
		write_all(buf, len);
		return;
	}
	while (len) {
		char out[1024 + EXEC_FILTER_MORE];
		size_t part = len < 1024 ? len : 1024;

		write_all(out, exec_filter(buf, part, out));
		/* What it wrote to disks is there: the script has synced. */
		if (exec_status(NULL))
			_exit(EXIT_POWERED_OFF);
		buf = (const char *)buf + part;
		len -= part;
	}
}
