// SPDX-License-Identifier: GPL-2.0
/*
 * Virtio net: a guest's network card. What it is plugged into is a struct net_backend's: a tap
 * interface of the host (net_tap.c), or a network that needs no rights (net_user.c).
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/virtio_ids.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/*
 * A guest parks 64 KB in every entry, room for a packet that TCP segmentation
 * left whole. The tap interface has a queue of its own for bursts.
 */
#define NET_INPUT_QUEUE	64

#define MACHINE_ID_LEN	32

struct net {
	struct device dev;
	/* Before each packet. Devices of virtio 1.0 say in it how many buffers it fills. */
	unsigned int header;
	struct net_backend *backend;
};

/* One, always (virtio 1.0, section 5.1.6.4.1) */
static void net_count_buffers(const struct net *net, struct vq_chain *chain)
{
	const size_t at = offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers);
	static const __u16 one = 1;

	if (net->header <= at)
		return;
	iov_skip(chain->in, chain->in_num, at);
	iov_write(chain->in, chain->in_num, &one, sizeof(one));
}

/* Wait for a packet that fits. Returns how long it is, or -1 if no more come. */
static ssize_t net_receive(struct virtqueue *vq, struct net_backend *backend,
			   struct vq_chain *chain)
{
	ssize_t n;

	while ((n = backend->ops->receive(backend, chain->in, chain->in_num)) < 0) {
		/* The guest lives on. */
		if (errno != EAGAIN && errno != EINVAL) {
			vq_interrupt(vq);
			devices_refresh(VIRTIO_ID_NET);
			return -1;
		}
		if (!vq_wait_file(vq, backend->fd, POLLIN))
			return -1;
	}
	return n;
}

static void net_input(struct virtqueue *vq)
{
	struct net *net = container_of(vq->dev, struct net, dev);
	struct vq_chain chain;
	ssize_t n;

	while (vq_next(vq, &chain)) {
		if (chain.out_num || iov_length(chain.in, chain.in_num) < net->header)
			vq_bad_guest(vq, "no room for a packet");
		n = net_receive(vq, net->backend, &chain);
		if (n < 0)
			return;
		net_count_buffers(net, &chain);
		vq_used(vq, &chain, n);
	}
}

static void net_output(struct virtqueue *vq)
{
	struct net *net = container_of(vq->dev, struct net, dev);
	struct net_backend *backend = net->backend;
	struct vq_chain chain;

	while (vq_next(vq, &chain)) {
		if (chain.in_num)
			vq_bad_guest(vq, "input for the output queue");
		while (!backend->ops->send(backend, chain.out, chain.out_num) &&
		       vq_wait_file(vq, backend->fd, POLLOUT))
			;
		vq_used(vq, &chain, 0);
	}
}

/* The host may leave undone only what the guest said it can cope with. */
static void net_configure(struct device *dev, __u64 features)
{
	const struct net *net = container_of(dev, struct net, dev);

	if (net->backend->ops->configure)
		net->backend->ops->configure(net->backend, features);
}

static bool net_refresh(struct device *dev)
{
	const struct net *net = container_of(dev, struct net, dev);
	__u16 status = net->backend->ops->is_up(net->backend) ? VIRTIO_NET_S_LINK_UP : 0;
	bool changed = status != dev->config.net.status;

	dev->config.net.status = status;
	return changed;
}

static void parse_mac(const char *spec, __u8 mac[ETH_ALEN])
{
	char rest;

	if (sscanf(spec, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &mac[0],
		   &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &rest) != 6 ||
	    mac[0] & 1)
		die("--net: mac=%s: want the address of one card, XX:XX:XX:XX:XX:XX",
		    spec);
}

/* What no other machine has: machine-id(5), which a copy of a machine gets anew */
static bool read_machine_id(char id[MACHINE_ID_LEN])
{
	int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
	bool read_all = fd >= 0 && read(fd, id, MACHINE_ID_LEN) == MACHINE_ID_LEN;

	if (fd >= 0)
		close(fd);
	return read_all;
}

static __u64 hash_more(__u64 hash, const char *text, size_t len)
{
	while (len--)
		hash = (hash ^ (__u8)*text++) * 0x100000001b3ULL;
	return hash;
}

/*
 * The address is a hash (FNV-1a) of the machine and the network's name: hardly ever the same
 * for two guests, always the same for one. The machine's id is a secret (machine-id(5)). These
 * are the lowest 48 bits of a sum whose lower bits don't depend on its upper ones. So who sees
 * all of a machine's cards still knows no more than 48 of the id's 128 bits.
 */
static void make_mac(const char *name, __u8 mac[ETH_ALEN])
{
	__u64 hash = 0xcbf29ce484222325ULL;
	char id[MACHINE_ID_LEN];
	struct utsname host;

	if (read_machine_id(id)) {
		hash = hash_more(hash, id, sizeof(id));
	} else {
		uname(&host);
		hash = hash_more(hash, host.nodename, strlen(host.nodename));
	}
	hash = hash_more(hash, "/", 1);
	hash = hash_more(hash, name, strlen(name));
	memcpy(mac, &hash, ETH_ALEN);
	/* Of one card (not a group's), and not given out by any maker */
	mac[0] = (mac[0] & ~1) | 2;
}

static void net_create(struct device *dev)
{
	struct net *net = container_of(dev, struct net, dev);

	net->header = device_is_modern() ? sizeof(struct virtio_net_hdr_mrg_rxbuf) :
					   sizeof(struct virtio_net_hdr);
	net->backend->ops->create(net->backend, net->header, dev->config.net.mac);
	if (device_is_modern()) {
		dev->features |= 1 << VIRTIO_NET_F_STATUS;
		dev->config_len += sizeof(dev->config.net.status);
		dev->refresh = net_refresh;
		net_refresh(dev);
	}
}

/**
 * net_add() - give the guest a network card
 * @spec: TAP[,ip=A.B.C.D/LEN][,mac=XX:XX:XX:XX:XX:XX], or
 *	user[,forward=[tcp:|udp:][ADDRESS:]PORT:PORT]...[,dns=ADDRESS][,mac=...]
 */
void net_add(const char *spec)
{
	struct net *net = calloc(1, sizeof(*net));
	char *copy = strdup(spec), *what, *opt;
	struct net_backend *backend;
	const char *mac = NULL;

	if (!net || !copy)
		die("no memory for a network card");
	what = strsep(&copy, ",");
	backend = strcmp(what, "user") ? net_tap(what) : net_user();
	while ((opt = strsep(&copy, ","))) {
		if (!strncmp(opt, "mac=", 4))
			mac = opt + 4;
		else if (!backend->ops->option(backend, opt))
			die("--net=%s: '%s' is no option of %s", spec, opt,
			    strcmp(what, "user") ? "a tap interface (ip=, mac=)" :
			    "user (forward=, dns=, mac=)");
	}
	backend->ops->open(backend);
	net->backend = backend;
	net->dev = (struct device) {
		.name = backend->name,
		.type = VIRTIO_ID_NET,
		.num_vq = 2,
		.vq = {
			{ .num = NET_INPUT_QUEUE, .serve = net_input },
			{ .num = VQ_MAX_ENTRIES, .serve = net_output },
		},
		.features = backend->features |
			1 << VIRTIO_NET_F_MAC |
			1 << VIRTIO_RING_F_INDIRECT_DESC,
		.create = net_create,
		.configure = net_configure,
	};
	if (mac)
		parse_mac(mac, net->dev.config.net.mac);
	else
		make_mac(backend->name, net->dev.config.net.mac);
	net->dev.config_len = sizeof(net->dev.config.net.mac);
	device_add(&net->dev);
}
