// SPDX-License-Identifier: GPL-2.0
/* Sockets that have a name in the file system */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
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

/*
 * Lock the directory of a file, so that of two who find the same name unused one comes first.
 * Returns a file, which may be -1: to lock what can't be read is for nobody.
 */
static int lock_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)] = ".";
	int fd;

	if (slash) {
		memcpy(dir, path, slash + 1 - path);
		dir[slash + 1 - path] = '\0';
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		flock(fd, LOCK_EX);
	return fd;
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
	int fd, err, directory;
	mode_t mask;

	if (strlen(path) >= sizeof(address.sun_path))
		die("%s: the name of a socket has at most %zu characters", path,
		    sizeof(address.sun_path) - 1);
	directory = lock_directory(path);
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
	if (directory >= 0)
		close(directory);
	return fd;
}
