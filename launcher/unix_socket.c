// SPDX-License-Identifier: GPL-2.0
/* Sockets that have a name in the file system */
#include "launcher.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/**
 * unix_connect() - connect to a socket
 * @path: its name
 *
 * Return: the connection; -1 with errno if there is none.
 */
int unix_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("cannot make a socket: %m");
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

/**
 * unix_listen() - a socket that can be connected to
 * @path: its name; one that nobody listens on any more is replaced
 *
 * Only the user himself and root may connect.
 *
 * Return: the socket, which does not block.
 */
int unix_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, err;

	if (strlen(path) >= sizeof(address.sun_path))
		die("%s: the name of a socket has at most %zu characters", path,
		    sizeof(address.sun_path) - 1);
	if (unix_connect(path) >= 0)
		die("%s: somebody else listens there", path);
	if (errno == ECONNREFUSED)
		unlink(path);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		die("cannot make a socket: %m");
	mask = umask(077);
	err = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (err || listen(fd, 8))
		die("%s: %m", path);
	return fd;
}
