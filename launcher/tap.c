// SPDX-License-Identifier: GPL-2.0
/* A tap interface of the host: its network's end of a guest's cable. */
#include "launcher.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* What the kernel knows of the interface; false if it is no tap or tun, or is not there */
static bool tap_look(const char *name, const char *what, int base, long *value)
{
	char path[64 + IFNAMSIZ], text[32];
	FILE *file;
	bool known;

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", name, what);
	file = fopen(path, "re");
	known = file && fgets(text, sizeof(text), file);
	if (file)
		fclose(file);
	if (known)
		*value = strtol(text, NULL, base);
	return known;
}

#define MAKE_TAP	"sudo ip tuntap add dev %s mode tap user %u"
#define MAKE_AGAIN	"sudo ip tuntap del dev %s mode %s%s && " MAKE_TAP

/* Why an interface can't be opened, and the command that helps */
static void __noreturn tap_refused(const char *name)
{
	char path[64 + IFNAMSIZ];
	long flags, owner;
	int err = errno;

	snprintf(path, sizeof(path), "/sys/class/net/%s", name);
	if (!tap_look(name, "tun_flags", 16, &flags)) {
		if (!access(path, F_OK))
			die("--net=%s: that is no tap interface; another name makes one", name);
		if (err == EPERM)
			die("--net=%s: only root can make it: " MAKE_TAP
			    " (--net=user needs no rights)", name, name, geteuid());
	} else if (flags & IFF_MULTI_QUEUE || !(flags & IFF_TAP)) {
		const char *mode = flags & IFF_TAP ? "tap" : "tun";
		const char *queues = flags & IFF_MULTI_QUEUE ? " multi_queue" : "";

		die("--net=%s: it was made as a %s%s, want a tap: " MAKE_AGAIN, name, mode,
		    queues, name, mode, queues, name, geteuid());
	} else if (err == EPERM && tap_look(name, "owner", 10, &owner) &&
		   owner != (long)geteuid()) {
		die("--net=%s: it is user %ld's, not yours: " MAKE_AGAIN, name, owner, name,
		    "tap", "", name, geteuid());
	} else if (err == EBUSY) {
		die("--net=%s: another program has it open", name);
	}
	errno = err;
	die("--net=%s: cannot open the tap interface: %m", name);
}

/**
 * tap_open() - open an interface, and make it if it is not there
 * @name: its name, of IFNAMSIZ bytes; set to the one that it got, if there is a % in it
 *
 * Return: the file, which does not block.
 */
int tap_open(char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		die("--net=%s: /dev/net/tun: %m (%s)", name,
		    errno == ENOENT ? "sudo modprobe tun" : "--net=user needs no rights");
	strcpy(ifr.ifr_name, name);
	if (ioctl(fd, TUNSETIFF, &ifr))
		tap_refused(name);
	/* If there was a % in the name, the kernel chose the number. */
	if (strcmp(ifr.ifr_name, name))
		fprintf(stderr, "lguest: network interface %s\n", ifr.ifr_name);
	strcpy(name, ifr.ifr_name);
	return fd;
}

/**
 * tap_set_header() - say what is before each packet
 * @name: the interface
 * @fd: its file
 * @size: of the struct virtio_net_hdr
 */
void tap_set_header(const char *name, int fd, int size)
{
	/* If someone took the interface away, it has no packets either. */
	if (ioctl(fd, TUNSETVNETHDRSZ, &size) && errno != EBADFD)
		die("%s: cannot set the header's size: %m", name);
}

/**
 * tap_set_offloads() - say what the host may leave undone in packets for the guest
 * @name: the interface
 * @fd: its file
 * @features: what the guest's driver chose, of virtio's network features
 */
void tap_set_offloads(const char *name, int fd, __u64 features)
{
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
	/* If someone took the interface away, it takes no packets either. */
	if (ioctl(fd, TUNSETOFFLOAD, offload) && errno != EBADFD)
		die("%s: cannot set offloads: %m", name);
}

/**
 * tap_set_address() - give the host's end an address, and bring it up
 * @name: the interface
 * @spec: A.B.C.D/LEN
 */
void tap_set_address(const char *name, const char *spec)
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
		die("%s: cannot open a socket: %m", name);
	strcpy(ifr.ifr_name, name);
	memcpy(&ifr.ifr_addr, &addr, sizeof(addr));
	if (ioctl(fd, SIOCSIFADDR, &ifr))
		die("%s: cannot set the address %s: %m", name, ip);
	memcpy(&ifr.ifr_netmask, &mask, sizeof(mask));
	if (ioctl(fd, SIOCSIFNETMASK, &ifr))
		die("%s: cannot set the netmask /%u: %m", name, len);
	if (ioctl(fd, SIOCGIFFLAGS, &ifr))
		die("%s: cannot get flags: %m", name);
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		die("%s: cannot bring it up: %m", name);
	close(fd);
}

/**
 * tap_is_up() - whether the host's end is up
 * @fd: the interface's file: its name may change, and be another's in another namespace
 *
 * Return: false also if someone took it away.
 */
bool tap_is_up(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLOUT };

	/* It takes each packet at once, so it can be written to whenever it is up. */
	return poll(&wait, 1, 0) == 1 && wait.revents == POLLOUT;
}
