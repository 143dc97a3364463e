// SPDX-License-Identifier: GPL-2.0
/*
 * dm NAME SECTORS TARGET [ARGUMENT]...: makes a device of the device mapper of that name,
 * /dev/dm-0 if it is the first, or gives it another target: see Documentation/admin-guide/
 * device-mapper in the kernel's source. "dm NAME" removes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static struct {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char arguments[256];
} request;

static int control;

static void call(unsigned long what, const char *name, unsigned int flags)
{
	request.head.version[0] = DM_VERSION_MAJOR;
	request.head.data_size = sizeof(request);
	request.head.data_start = offsetof(typeof(request), target);
	request.head.flags = flags;
	snprintf(request.head.name, sizeof(request.head.name), "%s", name);
	if (ioctl(control, what, &request)) {
		perror(name);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct dm_ioctl *head = &request.head;

	control = open("/dev/mapper/control", O_RDWR);
	if (control < 0 || argc < 2 || argc == 3) {
		perror("/dev/mapper/control");
		return 1;
	}
	if (argc == 2) {
		call(DM_DEV_REMOVE, argv[1], 0);
		return 0;
	}
	*head = (struct dm_ioctl) { .version = { DM_VERSION_MAJOR }, .data_size = sizeof(request) };
	snprintf(head->name, sizeof(head->name), "%s", argv[1]);
	/* It may be there already. */
	if (ioctl(control, DM_DEV_CREATE, &request) && errno != EBUSY) {
		perror(argv[1]);
		return 1;
	}
	memset(&request, 0, sizeof(request));
	head->target_count = 1;
	request.target.length = strtoul(argv[2], NULL, 0);
	snprintf(request.target.target_type, sizeof(request.target.target_type), "%s",
		 argv[3]);
	for (char **arg = argv + 4; *arg; arg++) {
		strncat(request.arguments, *arg, sizeof(request.arguments) - 2 -
			strlen(request.arguments));
		strcat(request.arguments, " ");
	}
	call(DM_TABLE_LOAD, argv[1], 0);
	memset(&request, 0, sizeof(request));
	/* Neither a flush nor a freeze: what is on its way may fail. */
	call(DM_DEV_SUSPEND, argv[1], DM_SUSPEND_FLAG | DM_NOFLUSH_FLAG | DM_SKIP_LOCKFS_FLAG);
	memset(&request, 0, sizeof(request));
	call(DM_DEV_SUSPEND, argv[1], 0);
	return 0;
}
