// SPDX-License-Identifier: GPL-2.0
/*
 * A disk and a network card. The disk must be one for this purpose, which starts
 * with DISK_MARK. The card's other end is this program, too, by the name of
 * "serve".
 */
#include "macro.h"
#include "system.h"

#define CHUNK		(64 * 1024)
#define DISK_MARK	"disk to be overwritten by lg's benchmark\n"
#define DISK_CHUNKS	64

#define GUEST_ADDRESS	0x0a000302	/* 10.0.3.2 */
#define HOST_ADDRESS	0x0a000301
#define NETMASK		0xffffff00
#define SIOCGIFFLAGS	0x8913
#define SIOCSIFFLAGS	0x8914
#define SIOCSIFADDR	0x8916
#define SIOCSIFNETMASK	0x891c

enum { SINK = 5000, SOURCE, ECHO };	/* ports */

struct address {
	u16 family;
	u16 port;
	u32 ip;
	char unused[8];
};

struct interface {
	char name[16];
	union {
		struct address address;
		u16 flags;
		char size[16];
	};
};

/* Unmapped after each operation, lest later ones fork with it */
static char *chunk;
static int fd = -1;

static void map_chunk(void)
{
	chunk = (char *)sys_mmap(CHUNK);
}

static bool disk_open(u32 flags)
{
	map_chunk();
	fd = sys_open("/dev/vda", flags | O_DIRECT);
	return fd >= 0 && sys_read(fd, chunk, PAGE_SIZE) == PAGE_SIZE &&
		text_starts(chunk, DISK_MARK);
}

static void disk_run(u32 count, u32 size, bool write)
{
	u32 n;

	for (n = 0; n < count; n++) {
		if (!(n * size % (DISK_CHUNKS * CHUNK)))
			sys_lseek(fd, PAGE_SIZE);
		if (write)
			need(sys_write(fd, chunk, size) == (long)size);
		else
			need(sys_read(fd, chunk, size) == (long)size);
	}
}

static void disk_read(u32 count)
{
	disk_run(count, CHUNK, false);
}

static void disk_read_page(u32 count)
{
	disk_run(count, PAGE_SIZE, false);
}

static void disk_write(u32 count)
{
	disk_run(count, CHUNK, true);
}

static void device_close(void)
{
	sys_munmap(chunk, CHUNK);
	if (fd >= 0)
		sys_close(fd);
}

static u16 swap16(u16 x)
{
	return x << 8 | x >> 8;
}

static int new_socket(u32 kind)
{
	long args[] = { 2 /* internet */, kind, 0 };

	return sys_socketcall(1, args);
}

static long address_call(long call, int socket, u32 ip, u16 port)
{
	struct address address = { 2, swap16(port), __builtin_bswap32(ip), "" };
	long args[] = { socket, (long)&address, sizeof(address) };

	return sys_socketcall(call, args);
}

#define net_bind(socket, port)		address_call(2, socket, 0, port)
#define net_connect(socket, port)	address_call(3, socket, HOST_ADDRESS, port)

static bool set_address(int socket, u32 request, u32 ip)
{
	struct interface interface = {
		.name = "eth0",
		.address = { 2, 0, __builtin_bswap32(ip), "" },
	};

	return !sys_ioctl(socket, request, &interface);
}

static bool card_up(void)
{
	struct interface interface = { .name = "eth0" };
	int socket = new_socket(2 /* datagrams */);
	bool up;

	if (socket < 0)
		return false;
	up = set_address(socket, SIOCSIFADDR, GUEST_ADDRESS) &&
		set_address(socket, SIOCSIFNETMASK, NETMASK) &&
		!sys_ioctl(socket, SIOCGIFFLAGS, &interface);
	if (up) {
		interface.flags |= 1;
		up = !sys_ioctl(socket, SIOCSIFFLAGS, &interface);
	}
	sys_close(socket);
	return up;
}

static bool net_open(u32 port)
{
	map_chunk();
	if (!card_up())
		return false;
	fd = new_socket(1 /* stream */);
	return fd >= 0 && !net_connect(fd, port);
}

static void receive(long size)
{
	long n, rest;

	for (rest = size; rest; rest -= n) {
		n = sys_read(fd, chunk, rest);
		need(n > 0);
	}
}

static void net_send(u32 count)
{
	while (count--)
		need(sys_write(fd, chunk, CHUNK) == CHUNK);
}

static void net_receive(u32 count)
{
	while (count--)
		receive(CHUNK);
}

static void net_echo(u32 count)
{
	while (count--) {
		need(sys_write(fd, chunk, 1) == 1);
		receive(1);
	}
}

/* Serves one client after the other, each for as long as it is there. */
static void serve_port(u16 port)
{
	int socket = new_socket(1 /* stream */);
	long args[] = { socket, 0, 0 };
	long n;

	map_chunk();
	args[1] = 1;
	if (net_bind(socket, port) || sys_socketcall(4 /* listen */, args))
		print("# cannot serve\n");
	for (;;) {
		args[1] = 0;
		fd = sys_socketcall(5 /* accept */, args);
		if (fd < 0)
			sys_exit(1);
		for (n = 1; n > 0;) {
			if (port != SOURCE)
				n = sys_read(fd, chunk, CHUNK);
			if (port == SOURCE)
				n = sys_write(fd, chunk, CHUNK);
			else if (port == ECHO && n > 0)
				n = sys_write(fd, chunk, n);
		}
		sys_close(fd);
	}
}

/* Runs on the host. A write to a client that has gone must not end it. */
bool device_program(int argc, char **argv)
{
	if (argc < 1 || !text_starts(argv[0], "serve"))
		return false;
	sys2(48 /* signal */, 13 /* SIGPIPE */, 1 /* ignore */);
	if (!sys_fork())
		serve_port(SINK);
	if (!sys_fork())
		serve_port(SOURCE);
	serve_port(ECHO);
	return true;
}

const struct operation devices[] = {
	{ "block-read-64k", 128, disk_read, disk_open, device_close, O_RDONLY },
	{ "block-write-64k", 128, disk_write, disk_open, device_close, O_RDWR },
	{ "block-read-4k", 512, disk_read_page, disk_open, device_close, O_RDONLY },
	{ "net-send-64k", 128, net_send, net_open, device_close, SINK },
	{ "net-receive-64k", 128, net_receive, net_open, device_close, SOURCE },
	{ "net-echo", 200, net_echo, net_open, device_close, ECHO },
	{ }
};
