// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile guest of 4.x: registers, BARs, the window, rings and instructions at random.
 *
 *	fuzz CASES [SEED]
 *
 * Each case is a process of its own. It may end as the Launcher ends a guest that makes no
 * sense, but not by a signal, by AddressSanitizer, or not at all.
 */
#include "machine.h"
#include "random.h"

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RAM		(4 << 20)
#define CONSOLE		1
#define DISK		2
#define NET		4
#define BALLOON		5
#define SLOTS		7	/* one more than there are */
#define QUEUES		3	/* of the device that has most */
#define DISK_SIZE	0x100000
#define STEPS		2000
#define CASE_SECONDS	600	/* on whatever machine */

static __u32 any_value(void)
{
	switch (below(6)) {
	case 0:
		return ~0U;
	case 1:
		return below(17);
	case 2:
		return 1U << below(32);
	case 3:
		return below(RAM);
	case 4:
		return RAM - below(0x3000);
	default:
		return any();
	}
}

static __u32 mostly(__u32 usual, __u32 other)
{
	return below(1000) ? usual : other;
}

static unsigned int any_size(void)
{
	return 1 << below(3);
}

static __u32 bar(unsigned int slot)
{
	return config_in(slot, PCI_BASE_ADDRESS_0, 4);
}

/* A register of struct virtio_pci_common_cfg, mostly with its own size */
static void any_common(unsigned int slot)
{
	static const struct { __u8 at, size; } fields[] = {
		{ 0, 4 }, { 8, 4 }, { 12, 4 }, { 16, 2 }, { 20, 1 }, { 22, 2 },
		{ 24, 2 }, { 26, 2 }, { 28, 2 }, { 32, 4 }, { 36, 4 }, { 40, 4 },
		{ 44, 4 }, { 48, 4 }, { 52, 4 },
	};
	unsigned int i = below(ARRAY_SIZE(fields));
	unsigned int size = below(20) ? fields[i].size : any_size();
	bool is_address = fields[i].at >= 32;

	if (below(2))
		memory_write(bar(slot) + fields[i].at, size,
			     !is_address || !below(200) ? any_value() :
			     fields[i].at & 4 ? 0 : below(RAM / 32) * 16);
	else
		memory_read(bar(slot) + fields[i].at, size);
}

static void common(unsigned int slot, unsigned int at, unsigned int size, __u32 value)
{
	memory_write(bar(slot) + at, size, value);
}

/* Put four descriptors, of which @first is the first's number, to any address. */
static void make_indirect(struct vring_desc *desc, unsigned int first)
{
	__u32 at = below(RAM - 4 * sizeof(*desc));

	for (unsigned int i = 0; i < 4; i++)
		desc[i].next -= first;
	/* It may be where the ring is. */
	memmove(guest_ram(at, 4 * sizeof(*desc)), desc, 4 * sizeof(*desc));
	desc[0] = (struct vring_desc){
		.addr = mostly(at, any_value()),
		.len = mostly(4 * sizeof(*desc), any_value()),
		.flags = mostly(VRING_DESC_F_INDIRECT, below(8)),
	};
}

/* Requests that may make sense: chains of a few descriptors of few bytes each */
static void fill_ring(unsigned int slot, unsigned int queue, __u32 desc_at,
		      __u32 avail_at)
{
	struct vring_desc *desc = guest_ram(desc_at & -16, 16 * sizeof(*desc));
	__u16 *avail = guest_ram(avail_at & -2, 20 * sizeof(*avail));
	/* For one that is written to, from which is read, and a disk's */
	static const __u8 flags[3][4] = { { 3, 3, 3, 2 }, { 1, 1, 1, 0 }, { 1, 1, 1, 2 } };
	unsigned int kind = !below(50) ? below(3) : slot == DISK ? 2 :
		slot == BALLOON || ((slot == CONSOLE || slot == NET) && queue);

	if (!desc || !avail)
		return;
	for (unsigned int i = 0; i < 16; i++)
		desc[i] = (struct vring_desc){
			.addr = mostly(below(RAM / 2), any_value()),
			.len = mostly(below(3) ? 16 : 512 * below(5), any_value()),
			.flags = mostly(flags[kind][i & 3], below(8)),
			.next = mostly(i + 1, below(20)),
		};
	/* A request of a disk begins with its type and sector. */
	for (unsigned int i = 0; i < 16; i += 4) {
		__u32 header[] = { below(10), 0, below(4000), 0 };
		void *at = guest_ram(desc[i].addr, sizeof(header));

		if (at)
			memcpy(at, header, sizeof(header));
	}
	/* One of a balloon is a list of pages. */
	for (unsigned int i = 0; slot == BALLOON && i < 16; i++) {
		__u32 pages[] = { below(1025), below(1024), below(1024), below(1024) };
		void *at = guest_ram(desc[i].addr, sizeof(pages));

		if (at)
			memcpy(at, pages, sizeof(pages));
	}
	for (unsigned int i = 0; i < 16; i += 4) {
		if (!below(4))
			make_indirect(&desc[i], i);
	}
	for (unsigned int i = 2; i < 20; i++)
		avail[i] = below(4) * 4;
	avail[1] += below(500) ? below(3) : any();
}

/* As a driver would, up to DRIVER_OK, with rings in sensible and other places */
static void bring_up(unsigned int slot)
{
	__u32 at_of[QUEUES][3];

	common(slot, 20, 1, 0);
	common(slot, 20, 1, 3);
	common(slot, 8, 4, 0);
	common(slot, 12, 4, slot == BALLOON ? 2 : 0);
	common(slot, 8, 4, 1);
	common(slot, 12, 4, 1);
	common(slot, 20, 1, 11);
	for (unsigned int i = 0; i < QUEUES; i++) {
		common(slot, 22, 2, i);
		common(slot, 24, 2, 1 << below(10));
		for (unsigned int at = 32; at < 56; at += 8) {
			__u32 gpa = below(200) ? below(RAM / 32) * 16 : any_value();

			at_of[i][at / 8 - 4] = gpa;
			common(slot, at, 4, gpa);
			common(slot, at + 4, 4, below(200) ? 0 : any_value());
		}
		common(slot, 28, 2, 1);
	}
	common(slot, 20, 1, 15);
	for (unsigned int rounds = below(4); rounds; rounds--) {
		unsigned int i = below(slot == BALLOON ? QUEUES : 2);

		fill_ring(slot, i, at_of[i][0], at_of[i][1]);
		memory_write(bar(slot) + 0x400 + i * 4, 2, i);
	}
}

/* What a guest has in its RAM: rings, or what looks like one */
static void scribble(void)
{
	__u32 at = below(RAM - 64);
	char *ram = guest_ram(at, 64);

	if (below(2)) {
		struct vring_desc desc = {
			.addr = any_value(), .len = any_value(), .flags = below(8),
			.next = below(16),
		};

		memcpy(guest_ram(at & -16, sizeof(desc)), &desc, sizeof(desc));
		return;
	}
	for (unsigned int i = below(64); i; i--)
		ram[i] = any();
}

static void kick(unsigned int slot)
{
	memory_write(bar(slot) + 0x400 + below(3) * 4, any_size(), any_value());
}

static void any_instruction(void)
{
	__u8 insn[7];

	for (unsigned int i = 0; i < sizeof(insn); i++)
		insn[i] = any();
	for (unsigned int i = 0; i < ARRAY_SIZE(machine_registers); i++)
		machine_registers[i] = any_value();
	if (below(2))
		insn_port(insn);
	else
		insn_memory(insn, below(2) ? any() : bar(1 + below(3)) + below(4096));
}

static int disk_fd;

static void resize_disk(void)
{
	if (ftruncate(disk_fd, below(4) << 19))
		die("ftruncate: %m");
	devices_refresh(VIRTIO_ID_BLOCK);
}

/* Packets from outside, some of no length at all, and none that stays there */
static void traffic(void)
{
	char packet[2048];
	ssize_t n;

	do
		n = read(machine_network, packet, sizeof(packet));
	while (n >= 0);
	n = write(machine_network, packet, below(sizeof(packet)));
	machine_network_up = below(2);
	devices_refresh(VIRTIO_ID_NET);
}

static void step(void)
{
	unsigned int slot = below(SLOTS);

	switch (below(12)) {
	case 0:
		config_in(slot, any(), any_size());
		break;
	case 1:
		config_out(slot, below(4) ? 0x40 + below(0x60) : any(), any_size(),
			   any_value());
		break;
	case 2:
		port_out(0xcf8 + below(8), any_size(), any_value());
		break;
	case 3:
		port_in(below(4) ? 0xcf8 + below(8) : any(), any_size());
		break;
	case 4:
		any_instruction();
		break;
	case 5:
		memory_write(bar(slot) + below(4096), any_size(), any_value());
		break;
	case 6:
		memory_read(bar(slot) + below(4096), any_size());
		break;
	case 7:
		kick(slot);
		break;
	case 8:
	case 9:
		scribble();
		break;
	case 10:
		any_common(slot);
		break;
	default:
		if (!below(50))
			bring_up(1 + below(BALLOON));
		if (!below(20))
			traffic();
		if (!below(50))
			resize_disk();
		if (!below(50))
			balloon_set(any_value());
	}
}

static void run_case(const char *disk)
{
	alarm(CASE_SECONDS);
	/* The case before may have left nothing of it. */
	if (ftruncate(disk_fd, DISK_SIZE))
		die("ftruncate: %m");
	machine_create(RAM, disk);
	for (unsigned int i = 0; i < STEPS; i++)
		step();
	devices_stop();
	_exit(0);
}

int main(int argc, char **argv)
{
	unsigned int cases = 100, ended = 0, bad = 0;
	__u64 first = time(NULL);
	char disk[] = "/tmp/lg-disk-XXXXXX";
	bool passed;

	if (argc > 1)
		cases = atoi(argv[1]);
	if (argc > 2)
		first = strtoull(argv[2], NULL, 0);
	disk_fd = mkstemp(disk);
	if (disk_fd < 0)
		die("%s: %m", disk);
	puts("KTAP version 1\n1..1");
	printf("# seed %llu\n", first);
	fflush(stdout);
	for (unsigned int i = 0; i < cases; i++) {
		int status;
		pid_t pid = fork();

		if (pid < 0)
			die("fork: %m");
		if (!pid) {
			random_seed(first + i);
			run_case(disk);
		}
		if (waitpid(pid, &status, 0) != pid)
			die("waitpid: %m");
		if (WIFEXITED(status) && WEXITSTATUS(status) < 2) {
			ended += WEXITSTATUS(status);
			continue;
		}
		printf("# case of seed %llu: wait status %#x\n", first + i, status);
		bad++;
	}
	unlink(disk);
	printf("# %u of %u guests were ended\n", ended, cases);
	/* A fuzzer that ends guests at once would find nothing. A single one is looked at again. */
	passed = !bad && (cases == 1 || ended < cases / 2);
	printf("%sok 1 fuzz: a hostile guest\n", passed ? "" : "not ");
	return !passed;
}
