// SPDX-License-Identifier: GPL-2.0
/*
 * libnbd, loaded when a disk needs it. It brings 45 MB of other libraries (TLS, XML), which a
 * Launcher without such a disk is not to wait for, or to want at all.
 */
#include "launcher.h"
#include "libnbd_load.h"

#include <dlfcn.h>

#define LIBRARY		"libnbd.so.0"

#define SYMBOL(name)	{ "nbd_" #name, &nbd.name }

struct libnbd nbd;

static const struct {
	const char *name;
	void *function;
} symbols[] = {
	SYMBOL(aio_command_completed),
	SYMBOL(aio_connect_unix),
	SYMBOL(aio_connect_uri),
	SYMBOL(aio_disconnect),
	SYMBOL(aio_flush),
	SYMBOL(aio_get_fd),
	SYMBOL(aio_is_closed),
	SYMBOL(aio_is_connecting),
	SYMBOL(aio_is_dead),
	SYMBOL(aio_is_ready),
	SYMBOL(aio_pread),
	SYMBOL(aio_pwrite),
	SYMBOL(can_flush),
	SYMBOL(can_fua),
	SYMBOL(can_multi_conn),
	SYMBOL(close),
	SYMBOL(create),
	SYMBOL(get_block_size),
	SYMBOL(get_errno),
	SYMBOL(get_error),
	SYMBOL(get_size),
	SYMBOL(is_read_only),
	SYMBOL(poll),
	SYMBOL(set_uri_allow_tls),
};

/**
 * libnbd_load() - load the library, unless that is done
 * @disk: what needs it, for messages
 *
 * All of it is there before a guest's process gives up the file system (sandbox.c).
 */
void libnbd_load(const char *disk)
{
	void *library = dlopen(LIBRARY, RTLD_NOW);

	if (!library)
		die("%s needs libnbd (apt install libnbd0): %s", disk, dlerror());
	for (unsigned int i = 0; i < ARRAY_SIZE(symbols); i++) {
		void *function = dlsym(library, symbols[i].name);

		if (!function)
			die("%s needs a newer libnbd: %s", disk, dlerror());
		*(void **)symbols[i].function = function;
	}
}
