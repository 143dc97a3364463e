// SPDX-License-Identifier: GPL-2.0
/*
 * The remote protocol of GDB, as far as QEMU's stub speaks it.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "gdb.h"

/* For what takes microseconds, on a machine that may be busy with anything else */
#define PATIENCE_MS	300000

jmp_buf gdb_dead;
const char *gdb_why;

static int fd = -1;
static bool lets_in;

static void dead(const char *why)
{
	gdb_why = why;
	longjmp(gdb_dead, 1);
}

static char get_char(void)
{
	static char buf[4096];
	static ssize_t n, at;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (at == n) {
		if (poll(&p, 1, PATIENCE_MS) <= 0)
			dead("nothing happens any more");
		at = 0;
		n = read(fd, buf, sizeof(buf));
		if (n <= 0) {
			n = 0;
			dead("the machine has reset or gone");
		}
	}
	return buf[at++];
}

static void get_packet(char *packet, size_t size)
{
	size_t n = 0;
	char c;

	while (get_char() != '$')
		;
	while ((c = get_char()) != '#')
		if (n + 1 < size)
			packet[n++] = c;
	packet[n] = '\0';
	/* Skip the checksum: nothing gets lost here. */
	get_char();
	get_char();
	if (write(fd, "+", 1) != 1)
		dead("the machine has gone");
}

static void put_packet(const char *packet)
{
	unsigned char sum = 0;
	char buf[4096];
	const char *p;
	int len;

	for (p = packet; *p; p++)
		sum += *p;
	len = snprintf(buf, sizeof(buf), "$%s#%02x", packet, sum);
	if (write(fd, buf, len) != len)
		dead("the machine has gone");
}

/* Takes the next packet for the answer: a machine that stands sends no other. */
static void ask(const char *question, char *answer, size_t size)
{
	put_packet(question);
	get_packet(answer, size);
}

static void order(const char *what)
{
	char answer[64];

	ask(what, answer, sizeof(answer));
	if (strcmp(answer, "OK")) {
		fprintf(stderr, "%s: %s\n", what, answer);
		exit(1);
	}
}

void gdb_connect(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char answer[4096];

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (void *)&addr, sizeof(addr))) {
		perror(path);
		exit(1);
	}
	/* QEMU also says that it has stopped, before it answers or after. */
	put_packet("qSupported");
	do
		get_packet(answer, sizeof(answer));
	while (strncmp(answer, "PacketSize", 10));
	put_packet("?");
	get_packet(answer, sizeof(answer));
	usleep(200000);
	put_packet("qSupported");
	do
		get_packet(answer, sizeof(answer));
	while (strncmp(answer, "PacketSize", 10));
}

void gdb_monitor(const char *command)
{
	char packet[512] = "qRcmd,", *p = packet + strlen(packet);
	char answer[4096];

	for (; *command; command++)
		p += sprintf(p, "%02x", *command);
	put_packet(packet);
	/* The command's output, if there is any, comes before. */
	do
		get_packet(answer, sizeof(answer));
	while (answer[0] == 'O' && answer[1] != 'K');
	if (strcmp(answer, "OK")) {
		fprintf(stderr, "monitor: %s\n", answer);
		exit(1);
	}
}

static void breakpoint(char how, u64 address)
{
	char packet[64];

	sprintf(packet, "%c1,%llx,1", how, (unsigned long long)address);
	order(packet);
}

void gdb_break(u64 address)
{
	breakpoint('Z', address);
}

void gdb_clear(u64 address)
{
	breakpoint('z', address);
}

static void go(const char *how)
{
	char answer[512];

	ask(how, answer, sizeof(answer));
	/* T05: the machine has come to a breakpoint, or made its step. */
	if (strncmp(answer, "T05", 3))
		dead("the machine has stopped by itself");
}

void gdb_continue(void)
{
	go("c");
}

void gdb_step(bool let_in)
{
	/* 1: a step; 2: without interrupts; 4: without timers */
	if (let_in != lets_in)
		order(let_in ? "Qqemu.sstep=1" : "Qqemu.sstep=7");
	lets_in = let_in;
	go("s");
}

static u64 number(const char *hex, int bytes)
{
	u64 value = 0;
	unsigned int byte;

	while (bytes--) {
		if (sscanf(hex + 2 * bytes, "%2x", &byte) != 1)
			dead("registers or memory can't be read");
		value = value << 8 | byte;
	}
	return value;
}

void gdb_get_regs(struct gdb_regs *regs)
{
	char answer[4096];

	/* In the order of i386-64bit.xml */
	ask("g", answer, sizeof(answer));
	regs->rax = number(answer, 8);
	regs->rdi = number(answer + 2 * 8 * 5, 8);
	regs->rsp = number(answer + 2 * 8 * 7, 8);
	regs->rip = number(answer + 2 * 8 * 16, 8);
	regs->cs = number(answer + 2 * 140, 4);
	regs->cr2 = number(answer + 2 * 196, 8);
	regs->cr3 = number(answer + 2 * 204, 8);
}

void gdb_read(u64 address, void *to, size_t bytes)
{
	char packet[64], answer[1024];
	unsigned char *p = to;
	size_t i;

	sprintf(packet, "m%llx,%zx", (unsigned long long)address, bytes);
	ask(packet, answer, sizeof(answer));
	for (i = 0; i < bytes; i++)
		p[i] = number(answer + 2 * i, 1);
}

u64 gdb_read_u64(u64 address)
{
	u64 value;

	gdb_read(address, &value, sizeof(value));
	return value;
}

void gdb_write_u64(u64 address, u64 value)
{
	char packet[64], *p = packet;
	int i;

	p += sprintf(p, "M%llx,8:", (unsigned long long)address);
	for (i = 0; i < 8; i++, value >>= 8)
		p += sprintf(p, "%02x", (unsigned int)value & 0xff);
	order(packet);
}
