// SPDX-License-Identifier: GPL-2.0
/* See machine.h. A guest that the Launcher would end exits with status 1 here, too: see ktap.c. */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONFIG_ADDRESS	0xcf8
#define CONFIG_DATA	0xcfc

/* As in guest.c */
const __u8 guest_general[8] = { 24, 4, GUEST_EDX, 0, 60, 20, 12, 16 };

#define EAX		(24 / 4)
#define EDX		(GUEST_EDX / 4)
#define EIP		(GUEST_EIP / 4)

__u32 machine_registers[17];
unsigned int machine_interrupts;
char machine_output[64];
unsigned int machine_output_len;

__u32 guest_register(unsigned int offset)
{
	return machine_registers[offset / 4];
}

void guest_set_register(unsigned int offset, __u32 value)
{
	machine_registers[offset / 4] = value;
}

void guest_interrupt(unsigned int irq)
{
	__atomic_fetch_or(&machine_interrupts, 1U << irq, __ATOMIC_ACQ_REL);
}

static struct {
	__u32 gpa;
	int fd;
} eventfds[256];

void guest_attach_eventfd(__u32 gpa, int fd)
{
	unsigned int i = 0;

	while (eventfds[i].gpa && eventfds[i].gpa != gpa)
		if (++i == ARRAY_SIZE(eventfds))
			die("too many eventfds");
	eventfds[i].gpa = gpa;
	eventfds[i].fd = fd;
}

int machine_eventfd(__u32 gpa)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(eventfds); i++) {
		if (eventfds[i].gpa == gpa)
			return eventfds[i].fd;
	}
	return -1;
}

int stream_input(void)
{
	static int fds[2];

	if (!fds[0] && pipe(fds))
		die("pipe: %m");
	return fds[0];
}

void stream_ask(void)
{
}

bool machine_output_blocks;

void stream_write(const void *buf, size_t len)
{
	while (__atomic_load_n(&machine_output_blocks, __ATOMIC_RELAXED))
		usleep(10000);
	if (len > sizeof(machine_output) - machine_output_len)
		len = sizeof(machine_output) - machine_output_len;
	memcpy(machine_output + machine_output_len, buf, len);
	machine_output_len += len;
}

int stream_output(void)
{
	return STDOUT_FILENO;
}

void watch_links(void)
{
}

void sandbox_find_user(const char *spec, uid_t *uid, gid_t *gid)
{
	(void)spec;
	(void)uid;
	(void)gid;
}

void sandbox_set_user(const char *spec)
{
	(void)spec;
}

void sandbox_thread(enum sandbox_thread thread)
{
	(void)thread;
}

int machine_network;
bool machine_network_up = true;

void tap_set_header(const char *name, int fd, int size)
{
	(void)name;
	(void)fd;
	(void)size;
}

int tap_open(char *name)
{
	int fds[2];

	(void)name;
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds))
		die("socketpair: %m");
	machine_network = fds[1];
	return fds[0];
}

void tap_set_offloads(const char *name, int fd, __u64 features)
{
	(void)name;
	(void)fd;
	(void)features;
}

void tap_set_address(const char *name, const char *spec)
{
	(void)name;
	(void)spec;
}

bool tap_is_up(int fd)
{
	(void)fd;
	return machine_network_up;
}

struct net_backend *net_user(void)
{
	die("no such network here");
}

void machine_create(const struct bus *bus, __u64 ram_size, const char *disk)
{
	guest_memory_create(ram_size);
	console_add();
	block_add(disk);
	rng_add();
	net_add("tap,mac=02:00:00:00:00:01");
	balloon_add(ram_size / 2);
	devices_create(bus, LINUX_VERSION(4, 4, 0));
	devices_attach();
}

static void must(bool done)
{
	if (!done)
		die("an instruction was refused");
}

/* in and out through DX */
static void port(__u16 at, unsigned int size, bool out)
{
	__u8 insn[7] = { 0x66, 0xec | out << 1 | (size > 1) };
	__u32 eip = machine_registers[EIP];

	machine_registers[EDX] = at;
	must(insn_port(size == 2 ? insn : insn + 1));
	if (machine_registers[EIP] - eip != (size == 2 ? 2 : 1))
		die("EIP is not behind the instruction");
}

__u32 port_in(__u16 at, unsigned int size)
{
	machine_registers[EAX] = 0;
	port(at, size, false);
	return machine_registers[EAX];
}

void port_out(__u16 at, unsigned int size, __u32 value)
{
	machine_registers[EAX] = value;
	port(at, size, true);
}

/* mov by EAX, with an address in EBX */
static void mov(__u32 gpa, unsigned int size, bool load)
{
	__u8 insn[7] = { 0x66, 0x88 | load << 1 | (size > 1), 0x03 };

	must(insn_memory(size == 2 ? insn : insn + 1, gpa));
}

__u32 memory_read(__u32 gpa, unsigned int size)
{
	machine_registers[EAX] = 0;
	mov(gpa, size, true);
	return machine_registers[EAX];
}

void memory_write(__u32 gpa, unsigned int size, __u32 value)
{
	machine_registers[EAX] = value;
	mov(gpa, size, false);
}

static void address(unsigned int slot, unsigned int at)
{
	port_out(CONFIG_ADDRESS, 4, 1U << 31 | slot << 11 | (at & 0xfc));
}

__u32 config_in(unsigned int slot, unsigned int at, unsigned int size)
{
	address(slot, at);
	return port_in(CONFIG_DATA + (at & 3), size);
}

void config_out(unsigned int slot, unsigned int at, unsigned int size, __u32 value)
{
	address(slot, at);
	port_out(CONFIG_DATA + (at & 3), size, value);
}
