// SPDX-License-Identifier: GPL-2.0
/*
 * Virtio net: the guest's end of a cable whose other end is a tap interface of the
 * host. Both sides put the same virtio_net_hdr before each packet. So we pass on
 * the checksums and segmentation that one side leaves undone, and whoever needs
 * them does them.
 */
#include "launcher.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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
	struct net *net = container_of(dev, struct net, dev);
	unsigned long offload = 0;

	if (features & 1 << VIRTIO_NET_F_GUEST_CSUM) {
		offload = TUN_F_CSUM;
		if (features & 1 << VIRTIO_NET_F_GUEST_TSO4)
			offload |= TUN_F_TSO4;
		if (features & 1 << VIRTIO_NET_F_GUEST_TSO6)
			offload |= TUN_F_TSO6;
		if (offload != TUN_F_CSUM &&
		    features & 1 << VIRTIO_NET_F_GUEST_ECN)
			offload |= TUN_F_TSO_ECN;
	}
	if (ioctl(net->fd, TUNSETOFFLOAD, offload))
		die("%s: cannot set offloads: %m", net->name);
}

static void tap_open(struct net *net)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	net->header = device_is_modern() ? sizeof(struct virtio_net_hdr_mrg_rxbuf) :
					   sizeof(struct virtio_net_hdr);
	net->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (net->fd < 0)
		die("/dev/net/tun: %m");
	strcpy(ifr.ifr_name, net->name);
	if (ioctl(net->fd, TUNSETIFF, &ifr))
		die("%s: cannot open the tap interface: %m", net->name);
	/* If there was a % in the name, the kernel chose the number. */
	if (strcmp(ifr.ifr_name, net->name))
		fprintf(stderr, "lguest: network interface %s\n", ifr.ifr_name);
	strcpy(net->name, ifr.ifr_name);
	/* An interface that was there before may be in another state. */
	if (ioctl(net->fd, TUNSETVNETHDRSZ, &net->header))
		die("%s: cannot set the header's size: %m", net->name);
	net_configure(&net->dev, 0);
}

/* @spec: A.B.C.D/LEN */
static void tap_set_address(const struct net *net, const char *spec)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct sockaddr_in mask = { .sin_family = AF_INET };
	struct ifreq ifr = { };
	char ip[INET_ADDRSTRLEN], rest;
	unsigned int len;
	int fd;

	if (sscanf(spec, "%15[0-9.]/%u%c", ip, &len, &rest) != 2 || !len ||
	    len > 32 || !inet_pton(AF_INET, ip, &addr.sin_addr))
		die("--net: ip=%s: want A.B.C.D/LEN", spec);
	mask.sin_addr.s_addr = htonl(~0U << (32 - len));

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("%s: cannot open a socket: %m", net->name);
	strcpy(ifr.ifr_name, net->name);
	memcpy(&ifr.ifr_addr, &addr, sizeof(addr));
	if (ioctl(fd, SIOCSIFADDR, &ifr))
		die("%s: cannot set the address %s: %m", net->name, ip);
	memcpy(&ifr.ifr_netmask, &mask, sizeof(mask));
	if (ioctl(fd, SIOCSIFNETMASK, &ifr))
		die("%s: cannot set the netmask /%u: %m", net->name, len);
	if (ioctl(fd, SIOCGIFFLAGS, &ifr))
		die("%s: cannot get flags: %m", net->name);
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		die("%s: cannot bring it up: %m", net->name);
	close(fd);
}

/* Is the host's end up? If someone took the interface away, it is not. */
static bool tap_is_up(const struct net *net)
{
	struct ifreq ifr = { };
	bool up;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("%s: cannot open a socket: %m", net->name);
	strcpy(ifr.ifr_name, net->name);
	up = !ioctl(fd, SIOCGIFFLAGS, &ifr) && ifr.ifr_flags & IFF_UP;
	close(fd);
	return up;
}

static bool net_refresh(struct device *dev)
{
	const struct net *net = container_of(dev, struct net, dev);
	__u16 status = tap_is_up(net) ? VIRTIO_NET_S_LINK_UP : 0;
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

/* @spec: TAP[,ip=A.B.C.D/LEN][,mac=XX:XX:XX:XX:XX:XX] */
void net_create(const char *spec)
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

	tap_open(net);
	if (ip)
		tap_set_address(net, ip);
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
		.configure = net_configure,
	};
	address = net->dev.config.net.mac;
	if (mac)
		parse_mac(mac, address);
	else
		make_mac(net->name, address);
	net->dev.config_len = sizeof(net->dev.config.net.mac);
	if (device_is_modern()) {
		net->dev.features |= 1 << VIRTIO_NET_F_STATUS;
		net->dev.config_len += sizeof(net->dev.config.net.status);
		net->dev.refresh = net_refresh;
		net_refresh(&net->dev);
	}
	device_add(&net->dev);
}
