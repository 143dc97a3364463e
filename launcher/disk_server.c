// SPDX-License-Identifier: GPL-2.0
/*
 * A server for an image that is not raw: qemu-nbd, which finds its listening socket open, as
 * with systemd (sd_listen_fds(3)). Nobody else can reach that socket, as it has lost its name,
 * and we connect by the file that it still is.
 *
 * The server ends by itself with its last connection, so it goes with the Launcher, however
 * that ends. It may be the child of a process that has made way for one in the background.
 * So that it is gone is seen by its end of a pipe, which is also its standard error.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the protocol of sd_listen_fds(3) calls SD_LISTEN_FDS_START */
#define LISTEN_FD	3

#define PROGRAM		"qemu-nbd"

struct disk_server {
	char path[32];
	int pipe;		/* what it says; at its end, the server is gone */
	pid_t pid;
};

/* Returns a socket, of which @named is a file that can be connected to. */
static int listen_unnamed(int *named)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/lguest-XXXXXX";
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

	if (fd < 0 || !mkdtemp(dir))
		die("cannot make a socket in /tmp for " PROGRAM ": %m");
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/nbd", dir);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 4))
		*named = -1;
	else
		*named = open(address.sun_path, O_PATH | O_CLOEXEC);
	error = errno;
	unlink(address.sun_path);
	rmdir(dir);
	errno = error;
	if (*named < 0)
		die("cannot make a socket in /tmp for " PROGRAM ": %m");
	return fd;
}

/* What the server opens is that file, even if its name looks like a protocol of QEMU's. */
static char *plain_name(const char *file)
{
	char *name;

	if (asprintf(&name, "%s%s", *file == '/' ? "" : "./", file) < 0)
		die("no memory for a name");
	return name;
}

static void __noreturn be_server(int listening, int out, char *file, char *format,
				 bool read_only)
{
	char *argv[] = {
		PROGRAM, "--format", format, "--shared=0", "--cache=writeback",
		/* Behind it there is nothing. */
		file, read_only ? "--read-only" : NULL, NULL
	};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char pid[16];

	/* Keys of the terminal are not meant for it. */
	setsid();
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	if (listening == LISTEN_FD)
		fcntl(listening, F_SETFD, 0);
	else
		dup2(listening, LISTEN_FD);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	unsetenv("LISTEN_FDNAMES");
	execvp(PROGRAM, argv);
	if (errno == ENOENT)
		dprintf(STDERR_FILENO,
			"format=%s needs " PROGRAM ", which is not there (apt install qemu-utils)",
			format);
	else
		dprintf(STDERR_FILENO, PROGRAM ": %m");
	_exit(EXIT_FAILED);
}

/**
 * disk_server_start() - start a server for an image
 * @file: the image
 * @format: as qemu-nbd calls it
 * @read_only: it is not written to
 *
 * Whether it can serve is seen by a connection.
 *
 * Return: the server, for good.
 */
struct disk_server *disk_server_start(const char *file, const char *format, bool read_only)
{
	struct disk_server *server = malloc(sizeof(*server));
	int named, listening = listen_unnamed(&named), out[2];
	char *name = plain_name(file), *its_format = strdup(format);

	if (!server || !its_format)
		die("no memory for a disk");
	snprintf(server->path, sizeof(server->path), "/proc/self/fd/%d", named);
	/* What it says beyond what a pipe takes is lost, but never keeps it waiting. */
	if (pipe2(out, O_CLOEXEC) || fcntl(out[1], F_SETFL, O_NONBLOCK))
		die("cannot make a pipe: %m");
	server->pipe = out[0];
	server->pid = fork();
	if (server->pid < 0)
		die("cannot start a process for %s: %m", file);
	if (!server->pid)
		be_server(listening, out[1], name, its_format, read_only);
	/* So that a connection is refused when it is gone. */
	close(listening);
	close(out[1]);
	free(name);
	free(its_format);
	return server;
}

/** disk_server_path() - what to connect to, in this process */
const char *disk_server_path(const struct disk_server *server)
{
	return server->path;
}

/**
 * disk_server_end() - wait until a server is gone, to which nobody is connected
 * @server: that one
 * @seconds: how long it may say nothing
 *
 * Return: what it has said, in one line; NULL if it is still there.
 */
const char *disk_server_end(struct disk_server *server, unsigned int seconds)
{
	static char said[1024];
	struct pollfd wait = { .fd = server->pipe, .events = POLLIN };
	size_t len = 0;
	char c;

	for (;;) {
		int ready = poll(&wait, 1, seconds * 1000);
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return NULL;
		n = read(server->pipe, &c, 1);
		if (n <= 0)
			break;
		if (len < sizeof(said) - 1)
			said[len++] = c == '\n' ? ' ' : c;
	}
	/* If it is a child of ours */
	waitpid(server->pid, NULL, 0);
	while (len && said[len - 1] == ' ')
		len--;
	said[len] = '\0';
	return said;
}
