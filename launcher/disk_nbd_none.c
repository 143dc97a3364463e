// SPDX-License-Identifier: GPL-2.0
/* Built without libnbd: disks are raw (disk_nbd.c). */
#include "launcher.h"

static void __noreturn refuse(const char *name)
{
	die("%s needs a Launcher built with libnbd (apt install libnbd-dev), and not static", name);
}

void disk_nbd_open(struct disk_backend *backend, const char *uri, bool read_only)
{
	(void)backend;
	(void)read_only;
	refuse(uri);
}

void disk_nbd_open_image(struct disk_backend *backend, const char *file, const char *format,
			 bool read_only)
{
	(void)backend;
	(void)read_only;
	(void)format;
	refuse(file);
}
