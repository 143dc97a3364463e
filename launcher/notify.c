// SPDX-License-Identifier: GPL-2.0
/* Telling a service manager how far we are: sd_notify(3). */
#include "launcher.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/**
 * notify_manager() - tell the service manager, if there is one that wants to know
 * @what: assignments, as in sd_notify(3): "READY=1"
 */
void notify_manager(const char *what)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;
	int fd;

	/* Of other kinds there are none that can be local. */
	if (!len || len >= sizeof(address.sun_path) || (*path != '/' && *path != '@'))
		return;
	memcpy(address.sun_path, path, len);
	if (*path == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* Nobody can do anything about a manager that does not listen. */
	sendto(fd, what, strlen(what), MSG_NOSIGNAL, (struct sockaddr *)&address,
	       offsetof(struct sockaddr_un, sun_path) + len);
	close(fd);
}
