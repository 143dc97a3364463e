// SPDX-License-Identifier: GPL-2.0
/*
 * A network card on a tap interface of the host. Both sides put the same virtio_net_hdr
 * before each packet. So we pass on the checksums and segmentation that one side leaves
 * undone, and whoever needs them does them.
 */
#include "launcher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct net_tap {
	struct net_backend backend;
	/* The host's end, or NULL if it is somebody else's to set up */
	const char *ip;
};

static bool tap_option(struct net_backend *backend, const char *option)
{
	struct net_tap *tap = container_of(backend, struct net_tap, backend);

	if (strncmp(option, "ip=", 3))
		return false;
	tap->ip = option + 3;
	return true;
}

static void tap_open_once(struct net_backend *backend)
{
	const struct net_tap *tap = container_of(backend, struct net_tap, backend);

	backend->fd = tap_open(backend->name);
	if (tap->ip)
		tap_set_address(backend->name, tap->ip);
}

static void tap_configure(struct net_backend *backend, __u64 features)
{
	tap_set_offloads(backend->name, backend->fd, features);
}

/* What the interface was told for an earlier guest does not hold for this one. */
static void tap_create(struct net_backend *backend, unsigned int header, const __u8 *mac)
{
	(void)mac;
	tap_set_header(backend->name, backend->fd, header);
	tap_configure(backend, 0);
	if (device_is_modern())
		watch_links();
}

static bool tap_carries(struct net_backend *backend)
{
	return tap_is_up(backend->fd);
}

static ssize_t tap_receive(struct net_backend *backend, struct iovec *iov, unsigned int num)
{
	ssize_t n;

	do {
		n = readv(backend->fd, iov, num);
	} while (n < 0 && errno == EINTR);
	/* EINVAL: the host has no virtio_net_hdr for it. Else someone took the interface away. */
	if (n < 0 && errno != EAGAIN && errno != EINVAL)
		fprintf(stderr, "lguest: %s: no more packets: %m\n", backend->name);
	return n;
}

/*
 * A packet that the host won't take is lost, as on any cable. The interface may be down or
 * flooded, or the header make no sense.
 */
static bool tap_send(struct net_backend *backend, struct iovec *iov, unsigned int num)
{
	if (writev(backend->fd, iov, num) < 0 && errno == EFAULT)
		die("%s: cannot read a packet: %m", backend->name);
	return true;
}

static const struct net_backend_ops tap_ops = {
	.option = tap_option,
	.open = tap_open_once,
	.create = tap_create,
	.configure = tap_configure,
	.is_up = tap_carries,
	.receive = tap_receive,
	.send = tap_send,
};

/**
 * net_tap() - a network that begins at a tap interface
 * @name: of the interface, which is made if it is not there
 *
 * Return: the network, without options yet. It is never freed.
 */
struct net_backend *net_tap(const char *name)
{
	struct net_tap *tap = calloc(1, sizeof(*tap));

	if (!tap)
		die("no memory for a network card");
	if (!*name || strlen(name) >= sizeof(tap->backend.name))
		die("--net=%s: want user, or an interface name of 1 to %zu characters", name,
		    sizeof(tap->backend.name) - 1);
	strcpy(tap->backend.name, name);
	tap->backend.ops = &tap_ops;
	tap->backend.features = 1 << VIRTIO_NET_F_CSUM |
		1 << VIRTIO_NET_F_HOST_TSO4 |
		1 << VIRTIO_NET_F_HOST_TSO6 |
		1 << VIRTIO_NET_F_HOST_ECN |
		1 << VIRTIO_NET_F_GUEST_CSUM |
		1 << VIRTIO_NET_F_GUEST_TSO4 |
		1 << VIRTIO_NET_F_GUEST_TSO6 |
		1 << VIRTIO_NET_F_GUEST_ECN;
	return &tap->backend;
}
