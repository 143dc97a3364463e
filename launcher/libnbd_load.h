/* SPDX-License-Identifier: GPL-2.0 */
/* What is called of libnbd, by its names there without "nbd_" */
#ifndef LGUEST_LIBNBD_LOAD_H
#define LGUEST_LIBNBD_LOAD_H

#include <libnbd.h>

struct libnbd {
	typeof(nbd_aio_command_completed) *aio_command_completed;
	typeof(nbd_aio_connect_unix) *aio_connect_unix;
	typeof(nbd_aio_connect_uri) *aio_connect_uri;
	typeof(nbd_aio_disconnect) *aio_disconnect;
	typeof(nbd_aio_flush) *aio_flush;
	typeof(nbd_aio_get_fd) *aio_get_fd;
	typeof(nbd_aio_is_closed) *aio_is_closed;
	typeof(nbd_aio_is_connecting) *aio_is_connecting;
	typeof(nbd_aio_is_dead) *aio_is_dead;
	typeof(nbd_aio_is_ready) *aio_is_ready;
	typeof(nbd_aio_pread) *aio_pread;
	typeof(nbd_aio_pwrite) *aio_pwrite;
	typeof(nbd_can_flush) *can_flush;
	typeof(nbd_can_fua) *can_fua;
	typeof(nbd_can_multi_conn) *can_multi_conn;
	typeof(nbd_close) *close;
	typeof(nbd_create) *create;
	typeof(nbd_get_block_size) *get_block_size;
	typeof(nbd_get_errno) *get_errno;
	typeof(nbd_get_error) *get_error;
	typeof(nbd_get_size) *get_size;
	typeof(nbd_is_read_only) *is_read_only;
	typeof(nbd_poll) *poll;
	typeof(nbd_set_uri_allow_tls) *set_uri_allow_tls;
};

extern struct libnbd nbd;

void libnbd_load(const char *disk);

#endif /* LGUEST_LIBNBD_LOAD_H */
