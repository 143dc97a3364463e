// SPDX-License-Identifier: GPL-2.0
/*
 * Virtio net: the guest's end of a cable whose other end is a tap interface of the
 * host. Both sides put the same virtio_net_hdr before each packet. So we pass on
 * the checksums and segmentation that one side leaves undone, and whoever needs
 * them does them.
 */
#include "launcher.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <net/if.h>
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

struct net {
	struct device dev;
	/* Before each packet. Devices of virtio 1.0 say in it how many buffers it fills. */
	unsigned int header;
	char name[IFNAMSIZ];
	int fd;
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

static void net_input(struct virtqueue *vq)
{
	struct net *net = container_of(vq->dev, struct net, dev);
	struct vq_chain chain;
	ssize_t n;

	while (vq_next(vq, &chain)) {
		if (chain.out_num || iov_length(chain.in, chain.in_num) < net->header)
			vq_bad_guest(vq, "no room for a packet");
		while ((n = readv(net->fd, chain.in, chain.in_num)) < 0) {
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN) {
				/* Someone took it away. The guest lives on. */
				fprintf(stderr,
					"lguest: %s: no more packets: %m\n",
					net->name);
				vq_interrupt(vq);
				return;
			}
			if (!vq_wait_input(vq, net->fd))
				return;
		}
		net_count_buffers(net, &chain);
		vq_used(vq, &chain, n);
	}
}

static void net_output(struct virtqueue *vq)
{
	struct net *net = container_of(vq->dev, struct net, dev);
	struct vq_chain chain;

	while (vq_next(vq, &chain)) {
		if (chain.in_num)
			vq_bad_guest(vq, "input for the output queue");
		/*
		 * A packet that the host won't take is lost, as on any cable. The
		 * interface may be down or flooded, or the header make no sense.
		 */
		if (writev(net->fd, chain.out, chain.out_num) < 0 &&
		    errno == EFAULT)
			die("%s: cannot read a packet: %m", net->name);
		vq_used(vq, &chain, 0);
	}
}

/* The host may leave undone only what the guest said it can cope with. */
static void net_configure(struct device *dev, __u64 features)
{
	const struct net *net = container_of(dev, struct net, dev);

	tap_set_offloads(net->name, net->fd, features);
}

static bool net_refresh(struct device *dev)
{
	const struct net *net = container_of(dev, struct net, dev);
	__u16 status = tap_is_up(net->fd) ? VIRTIO_NET_S_LINK_UP : 0;
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

/*
 * The address is a hash (FNV-1a) of the names of host and interface: hardly ever
 * the same for two guests, always the same for one.
 */
static void make_mac(const char *tap, __u8 mac[ETH_ALEN])
{
	__u64 hash = 0xcbf29ce484222325ULL;
	struct utsname host = { };
	char text[sizeof(host.nodename) + IFNAMSIZ + 1];

	uname(&host);
	snprintf(text, sizeof(text), "%s/%s", host.nodename, tap);
	for (const char *p = text; *p; p++)
		hash = (hash ^ (__u8)*p) * 0x100000001b3ULL;
	memcpy(mac, &hash, ETH_ALEN);
	/* Of one card (not a group's), and not given out by any maker */
	mac[0] = (mac[0] & ~1) | 2;
}

/* What the interface was told for an earlier guest does not hold for this one. */
static void net_create(struct device *dev)
{
	struct net *net = container_of(dev, struct net, dev);

	net->header = device_is_modern() ? sizeof(struct virtio_net_hdr_mrg_rxbuf) :
					   sizeof(struct virtio_net_hdr);
	tap_set_header(net->name, net->fd, net->header);
	tap_set_offloads(net->name, net->fd, 0);
	if (device_is_modern()) {
		dev->features |= 1 << VIRTIO_NET_F_STATUS;
		dev->config_len += sizeof(dev->config.net.status);
		dev->refresh = net_refresh;
		watch_links();
		net_refresh(dev);
	}
}

/**
 * net_add() - give the guest a network card
 * @spec: TAP[,ip=A.B.C.D/LEN][,mac=XX:XX:XX:XX:XX:XX]
 */
void net_add(const char *spec)
{
	struct net *net = calloc(1, sizeof(*net));
	char *copy = strdup(spec), *tap, *opt;
	const char *ip = NULL, *mac = NULL;
	__u8 *address;

	if (!net || !copy)
		die("no memory for a network card");
	tap = strsep(&copy, ",");
	while ((opt = strsep(&copy, ","))) {
		if (!strncmp(opt, "ip=", 3))
			ip = opt + 3;
		else if (!strncmp(opt, "mac=", 4))
			mac = opt + 4;
		else
			die("--net=%s: '%s' is neither ip= nor mac=", spec, opt);
	}
	if (!*tap || strlen(tap) >= sizeof(net->name))
		die("--net=%s: want an interface name of 1 to %zu characters",
		    spec, sizeof(net->name) - 1);
	strcpy(net->name, tap);

	net->fd = tap_open(net->name);
	if (ip)
		tap_set_address(net->name, ip);
	net->dev = (struct device) {
		.name = net->name,
		.type = VIRTIO_ID_NET,
		.num_vq = 2,
		.vq = {
			{ .num = NET_INPUT_QUEUE, .serve = net_input },
			{ .num = VQ_MAX_ENTRIES, .serve = net_output },
		},
		.features = 1 << VIRTIO_NET_F_MAC |
			1 << VIRTIO_NET_F_CSUM |
			1 << VIRTIO_NET_F_HOST_TSO4 |
			1 << VIRTIO_NET_F_HOST_TSO6 |
			1 << VIRTIO_NET_F_HOST_ECN |
			1 << VIRTIO_NET_F_GUEST_CSUM |
			1 << VIRTIO_NET_F_GUEST_TSO4 |
			1 << VIRTIO_NET_F_GUEST_TSO6 |
			1 << VIRTIO_NET_F_GUEST_ECN |
			1 << VIRTIO_RING_F_INDIRECT_DESC,
		.create = net_create,
		.configure = net_configure,
	};
	address = net->dev.config.net.mac;
	if (mac)
		parse_mac(mac, address);
	else
		make_mac(net->name, address);
	net->dev.config_len = sizeof(net->dev.config.net.mac);
	device_add(&net->dev);
}
