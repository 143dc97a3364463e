// SPDX-License-Identifier: GPL-2.0
/* The PCI bus and virtio 1.0 on it, as a driver of Linux 4.x uses them */
#include "ktap.h"
#include "machine.h"

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define RAM		(16 << 20)
#define CONSOLE		1
#define DISK		2
#define RNG		3
#define NET		4
#define BALLOON		5

static void the_functions(void)
{
	EXPECT_EQ(config_in(0, PCI_CLASS_REVISION, 4) >> 8, 0x060000);
	EXPECT_EQ(config_in(CONSOLE, PCI_VENDOR_ID, 4), 0x10431af4);
	EXPECT_EQ(config_in(DISK, PCI_VENDOR_ID, 2), 0x1af4);
	EXPECT_EQ(config_in(DISK, PCI_DEVICE_ID, 2), 0x1042);
	EXPECT_EQ(config_in(RNG, PCI_DEVICE_ID + 1, 1), 0x10);
	EXPECT_EQ(config_in(BALLOON, PCI_DEVICE_ID, 2), 0x1045);
	EXPECT_EQ(config_in(DISK, PCI_INTERRUPT_LINE, 1), DISK);
	EXPECT_EQ(config_in(BALLOON + 1, PCI_VENDOR_ID, 4), ~0U);
	/* Another function, another bus, and no address at all */
	port_out(0xcf8, 4, 1U << 31 | CONSOLE << 11 | 1 << 8);
	EXPECT_EQ(port_in(0xcfc, 4), ~0U);
	port_out(0xcf8, 4, 1U << 31 | 1 << 16 | CONSOLE << 11);
	EXPECT_EQ(port_in(0xcfc, 4), ~0U);
	port_out(0xcf8, 4, CONSOLE << 11);
	EXPECT_EQ(port_in(0xcfc, 4), ~0U);
	EXPECT_EQ(port_in(0xcf8, 4), CONSOLE << 11);
	/* What says what a device is can't be written. */
	config_out(DISK, PCI_VENDOR_ID, 4, 0);
	EXPECT_EQ(config_in(DISK, PCI_VENDOR_ID, 4), 0x10421af4);
}

static void no_other_ports(void)
{
	EXPECT_EQ(port_in(0x60, 1), 0xff);
	EXPECT_EQ(port_in(0x64, 1), 0xfd);
	EXPECT_EQ(port_in(0x42, 1), 0);
	EXPECT_EQ(port_in(0x43, 1), 0xff);
	EXPECT_EQ(port_in(0x80, 2), 0xffff);
	EXPECT_EQ(port_in(0xcfe, 4), ~0U);
}

/* The offset in the BAR of what a capability of that type is for, or ~0 */
static __u32 capability(unsigned int slot, unsigned int type, unsigned int *at)
{
	*at = config_in(slot, PCI_CAPABILITY_LIST, 1);
	while (*at) {
		if (config_in(slot, *at, 1) == PCI_CAP_ID_VNDR &&
		    config_in(slot, *at + VIRTIO_PCI_CAP_CFG_TYPE, 1) == type)
			return config_in(slot, *at + VIRTIO_PCI_CAP_OFFSET, 4);
		*at = config_in(slot, *at + PCI_CAP_LIST_NEXT, 1);
	}
	return ~0U;
}

static void bars(void)
{
	__u32 bar = config_in(DISK, PCI_BASE_ADDRESS_0, 4);
	unsigned int cap;
	__u32 common = capability(DISK, VIRTIO_PCI_CAP_COMMON_CFG, &cap);

	EXPECT_EQ(bar >= RAM, 1);
	EXPECT_EQ(bar % 4096, 0);
	config_out(DISK, PCI_BASE_ADDRESS_0, 4, ~0U);
	EXPECT_EQ(config_in(DISK, PCI_BASE_ADDRESS_0, 4), -4096U);
	/* Nothing is there now, and something where it is moved to. */
	EXPECT_EQ(memory_read(bar + common + 18, 2), 0xffff);
	config_out(DISK, PCI_BASE_ADDRESS_0, 4, bar - 4096 * 8);
	EXPECT_EQ(memory_read(bar - 4096 * 8 + common + 18, 2), 1);
	config_out(DISK, PCI_BASE_ADDRESS_0, 4, bar);
	EXPECT_EQ(memory_read(bar + common + 18, 2), 1);
	/* Decoding can be turned off. */
	config_out(DISK, PCI_COMMAND, 2, 0);
	EXPECT_EQ(memory_read(bar + common + 18, 2), 0xffff);
	config_out(DISK, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	EXPECT_EQ(config_in(DISK, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST,
		  PCI_STATUS_CAP_LIST);
}

/* As Linux's own early console does, before there is any driver */
static void the_window(void)
{
	unsigned int cap, window;
	__u32 config = capability(CONSOLE, VIRTIO_PCI_CAP_DEVICE_CFG, &cap);

	EXPECT_EQ(config_in(CONSOLE, cap + VIRTIO_PCI_CAP_LENGTH, 4) >= 12, 1);
	capability(CONSOLE, VIRTIO_PCI_CAP_PCI_CFG, &window);
	config_out(CONSOLE, window + VIRTIO_PCI_CAP_BAR, 1, 0);
	config_out(CONSOLE, window + VIRTIO_PCI_CAP_LENGTH, 4, 4);
	config_out(CONSOLE, window + VIRTIO_PCI_CAP_OFFSET, 4, config + 8);
	machine_output_len = 0;
	config_out(CONSOLE, window + 16, 4, 'h');
	config_out(CONSOLE, window + 16, 4, 'i');
	EXPECT_EQ(machine_output_len, 2);
	EXPECT_EQ(memcmp(machine_output, "hi", 2), 0);
	/* A read through it */
	config_out(CONSOLE, window + VIRTIO_PCI_CAP_LENGTH, 4, 2);
	config_out(CONSOLE, window + VIRTIO_PCI_CAP_OFFSET, 4,
		   capability(CONSOLE, VIRTIO_PCI_CAP_COMMON_CFG, &cap) + 18);
	EXPECT_EQ(config_in(CONSOLE, window + 16, 4) & 0xffff, 2);
	/* Not aligned, behind the end, of another BAR, of a length that none has */
	config_out(CONSOLE, window + VIRTIO_PCI_CAP_OFFSET, 4, 1);
	EXPECT_EQ(config_in(CONSOLE, window + 16, 4), ~0U);
	config_out(CONSOLE, window + VIRTIO_PCI_CAP_OFFSET, 4, 0xfffffffe);
	EXPECT_EQ(config_in(CONSOLE, window + 16, 4), ~0U);
	config_out(CONSOLE, window + VIRTIO_PCI_CAP_OFFSET, 4, 18);
	config_out(CONSOLE, window + VIRTIO_PCI_CAP_BAR, 1, 1);
	EXPECT_EQ(config_in(CONSOLE, window + 16, 4), ~0U);
	config_out(CONSOLE, window + VIRTIO_PCI_CAP_BAR, 1, 0);
	config_out(CONSOLE, window + VIRTIO_PCI_CAP_LENGTH, 4, 3);
	EXPECT_EQ(config_in(CONSOLE, window + 16, 4), ~0U);
}

/* The device that a test drives, and where its parts are */
static __u32 common, notify, isr, config;

static void drive(unsigned int slot)
{
	__u32 bar = config_in(slot, PCI_BASE_ADDRESS_0, 4);
	unsigned int cap;

	common = bar + capability(slot, VIRTIO_PCI_CAP_COMMON_CFG, &cap);
	isr = bar + capability(slot, VIRTIO_PCI_CAP_ISR_CFG, &cap);
	notify = bar + capability(slot, VIRTIO_PCI_CAP_NOTIFY_CFG, &cap);
	config = bar + capability(slot, VIRTIO_PCI_CAP_DEVICE_CFG, &cap);
}

#define COMMON(field)	(common + offsetof(struct virtio_pci_common_cfg, field))

static void set_status(__u8 status)
{
	memory_write(COMMON(device_status), 1, status);
}

static __u8 status(void)
{
	return memory_read(COMMON(device_status), 1);
}

#define UP_TO_DRIVER	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define UP_TO_FEATURES	(UP_TO_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)

static void accept(__u32 low, __u32 high)
{
	set_status(0);
	set_status(UP_TO_DRIVER);
	memory_write(COMMON(guest_feature_select), 4, 0);
	memory_write(COMMON(guest_feature), 4, low);
	memory_write(COMMON(guest_feature_select), 4, 1);
	memory_write(COMMON(guest_feature), 4, high);
	set_status(UP_TO_FEATURES);
}

static void features(void)
{
	__u32 low;

	drive(DISK);
	memory_write(COMMON(device_feature_select), 4, 1);
	EXPECT_EQ(memory_read(COMMON(device_feature), 4), 1);
	memory_write(COMMON(device_feature_select), 4, 2);
	EXPECT_EQ(memory_read(COMMON(device_feature), 4), 0);
	memory_write(COMMON(device_feature_select), 4, 0);
	low = memory_read(COMMON(device_feature), 4);
	accept(low, 1);
	EXPECT_EQ(status(), UP_TO_FEATURES);
	/* Too late */
	memory_write(COMMON(guest_feature), 4, 0);
	EXPECT_EQ(memory_read(COMMON(guest_feature), 4), 1);
	/* Not of 1.0, and more than there is */
	accept(low, 0);
	EXPECT_EQ(status(), UP_TO_DRIVER);
	accept(~0U, 1);
	EXPECT_EQ(status(), UP_TO_DRIVER);
	set_status(UP_TO_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK);
	EXPECT_EQ(status(), UP_TO_DRIVER);
	set_status(0);
	EXPECT_EQ(status(), 0);
	/* A register has its size. */
	EXPECT_EQ(memory_read(COMMON(num_queues), 4), ~0U);
	EXPECT_EQ(memory_read(COMMON(num_queues), 2), 1);
	EXPECT_EQ(memory_read(COMMON(msix_config), 2), 0xffff);
}

/* A ring of 8 at 1 MiB, with one request for the first sector */
#define RING	0x100000
#define AVAIL	(RING + 0x1000)
#define USED	(RING + 0x2000)
#define HEADER	(RING + 0x3000)
#define DATA	(RING + 0x4000)
#define STATUS	(RING + 0x5000)

static void set_queue(__u16 nr, __u16 size, __u32 desc, __u32 avail, __u32 used)
{
	memory_write(COMMON(queue_select), 2, nr);
	memory_write(COMMON(queue_size), 2, size);
	memory_write(COMMON(queue_desc_lo), 4, desc);
	memory_write(COMMON(queue_desc_hi), 4, 0);
	memory_write(COMMON(queue_avail_lo), 4, avail);
	memory_write(COMMON(queue_avail_hi), 4, 0);
	memory_write(COMMON(queue_used_lo), 4, used);
	memory_write(COMMON(queue_used_hi), 4, 0);
	memory_write(COMMON(queue_enable), 2, 1);
}

static void put_request(__u16 idx)
{
	struct vring_desc *desc = guest_ram(RING, 4096);
	struct vring_avail *avail = guest_ram(AVAIL, 4096);

	desc[0] = (struct vring_desc){ HEADER, 16, VRING_DESC_F_NEXT, 1 };
	desc[1] = (struct vring_desc){ DATA, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE,
				       2 };
	desc[2] = (struct vring_desc){ STATUS, 1, VRING_DESC_F_WRITE, 0 };
	memset(guest_ram(HEADER, 16), 0, 16);
	memset(guest_ram(DATA, 512), 0, 512);
	*(__u8 *)guest_ram(STATUS, 1) = 0xaa;
	avail->ring[idx % 8] = 0;
	__atomic_store_n(&avail->idx, idx + 1, __ATOMIC_RELEASE);
}

static void await_used(__u16 idx)
{
	struct vring_used *used = guest_ram(USED, 4096);

	/* The interrupt comes last. */
	for (int i = 0; i < 10000; i++) {
		if (__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) == idx &&
		    __atomic_load_n(&machine_interrupts, __ATOMIC_ACQUIRE))
			return;
		usleep(1000);
	}
}

static void a_request(void)
{
	struct vring_used *used = guest_ram(USED, 4096);

	drive(DISK);
	for (int round = 0; round < 2; round++) {
		memset(guest_ram(RING, 0x6000), 0, 0x6000);
		accept(0, 1);
		EXPECT_EQ(memory_read(COMMON(queue_size), 2), 256);
		set_queue(0, 3, RING, AVAIL, USED);
		EXPECT_EQ(memory_read(COMMON(queue_size), 2), 256);
		set_status(0);
		accept(0, 1);
		set_queue(0, 8, RING, AVAIL, USED);
		EXPECT_EQ(memory_read(COMMON(queue_size), 2), 8);
		/* It is enabled, so it stays where it is. */
		set_queue(0, 4, 0, 0, 0);
		EXPECT_EQ(memory_read(COMMON(queue_desc_lo), 4), RING);
		set_status(UP_TO_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK);
		EXPECT_EQ(status(), UP_TO_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK);
		for (__u16 i = 0; i < 3; i++) {
			machine_interrupts = 0;
			put_request(i);
			memory_write(notify, 2, 0);
			await_used(i + 1);
			EXPECT_EQ(used->idx, i + 1);
			EXPECT_EQ(used->ring[i].len, 513);
			EXPECT_EQ(*(__u8 *)guest_ram(STATUS, 1), 0);
			EXPECT_EQ(memcmp(guest_ram(DATA, 512), "sector 0", 8), 0);
			EXPECT_EQ(machine_interrupts, 1 << DISK);
			EXPECT_EQ(memory_read(isr, 1), 1);
			EXPECT_EQ(memory_read(isr, 1), 0);
		}
		set_status(0);
		EXPECT_EQ(memory_read(COMMON(queue_enable), 2), 0);
		EXPECT_EQ(memory_read(COMMON(queue_desc_lo), 4), 0);
		/* Nobody serves it now. */
		memory_write(notify, 2, 0);
		put_request(3);
		usleep(50000);
		EXPECT_EQ(used->idx, 3);
	}
}

/* The host signals an eventfd by itself, wherever the BAR is. */
static void an_eventfd(void)
{
	__u32 bar = config_in(DISK, PCI_BASE_ADDRESS_0, 4), moved = bar - 4096;
	__u32 rng_bar = config_in(RNG, PCI_BASE_ADDRESS_0, 4), offset;
	int fd;

	drive(DISK);
	offset = notify - bar;
	memset(guest_ram(RING, 0x6000), 0, 0x6000);
	accept(0, 1);
	set_queue(0, 8, RING, AVAIL, USED);
	set_status(UP_TO_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK);
	fd = machine_eventfd(notify);
	EXPECT_EQ(fd >= 0, 1);
	EXPECT_EQ(machine_eventfd(notify + 4), -1);
	EXPECT_EQ(machine_eventfd(rng_bar + offset), -1);
	machine_interrupts = 0;
	put_request(0);
	if (eventfd_write(fd, 1))
		die("eventfd: %m");
	await_used(1);
	EXPECT_EQ(machine_interrupts, 1 << DISK);

	config_out(DISK, PCI_BASE_ADDRESS_0, 4, ~0U);
	EXPECT_EQ(machine_eventfd(-4096U + offset), -1);
	config_out(DISK, PCI_BASE_ADDRESS_0, 4, moved);
	EXPECT_EQ(machine_eventfd(moved + offset), fd);
	config_out(DISK, PCI_BASE_ADDRESS_0, 4, bar);
	EXPECT_EQ(machine_eventfd(notify), fd);
	/* A device without a driver takes nothing. */
	config_out(RNG, PCI_BASE_ADDRESS_0, 4, moved);
	EXPECT_EQ(machine_eventfd(moved + offset), fd);
	config_out(RNG, PCI_BASE_ADDRESS_0, 4, rng_bar);
	set_status(0);
}

/* A disk that grows, while there is no driver and then while there is one */
static int disk_fd;

static __u64 capacity(void)
{
	return memory_read(config, 4) | (__u64)memory_read(config + 4, 4) << 32;
}

static void a_change(void)
{
	__u8 generation;

	drive(DISK);
	set_status(0);
	EXPECT_EQ(capacity(), 2048);
	generation = memory_read(COMMON(config_generation), 1);
	machine_interrupts = 0;
	devices_refresh(VIRTIO_ID_BLOCK);
	EXPECT_EQ(memory_read(COMMON(config_generation), 1), generation);

	/* Before there is a driver, nobody is told; what came meanwhile, it hears at once. */
	accept(0, 1);
	if (ftruncate(disk_fd, 2 << 20))
		die("ftruncate: %m");
	devices_refresh(VIRTIO_ID_BLOCK);
	EXPECT_EQ(capacity(), 4096);
	EXPECT_EQ(memory_read(COMMON(config_generation), 1), (__u8)(generation + 1));
	EXPECT_EQ(machine_interrupts, 0);
	EXPECT_EQ(memory_read(isr, 1), 0);
	set_status(UP_TO_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK);
	EXPECT_EQ(machine_interrupts, 1 << DISK);
	EXPECT_EQ(memory_read(isr, 1), 2);
	EXPECT_EQ(memory_read(isr, 1), 0);

	machine_interrupts = 0;
	if (ftruncate(disk_fd, 3 << 20))
		die("ftruncate: %m");
	devices_refresh(VIRTIO_ID_BLOCK);
	EXPECT_EQ(machine_interrupts, 1 << DISK);
	EXPECT_EQ(memory_read(isr, 1), 2);
	EXPECT_EQ(capacity(), 6144);

	/* A driver that comes later reads it all, and is told nothing. */
	set_status(0);
	if (ftruncate(disk_fd, 1 << 20))
		die("ftruncate: %m");
	devices_refresh(VIRTIO_ID_BLOCK);
	machine_interrupts = 0;
	accept(0, 1);
	set_status(UP_TO_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK);
	EXPECT_EQ(capacity(), 2048);
	EXPECT_EQ(machine_interrupts, 0);
	EXPECT_EQ(memory_read(isr, 1), 0);
	set_status(0);
}

/* A packet each way, behind the 12 bytes of virtio 1.0, and the carrier */
static void packets(void)
{
	static const char packet[60] = "some packet";
	struct vring_desc *desc = guest_ram(RING, 4096);
	struct vring_avail *avail = guest_ram(AVAIL, 4096);
	struct vring_used *used = guest_ram(USED, 4096);
	char got[100] = "";

	drive(NET);
	EXPECT_EQ(memory_read(config + 4, 2), 256);	/* mac */
	EXPECT_EQ(memory_read(config + 6, 2), 1);
	for (int i = 0; i < 2; i++) {
		set_status(0);
		memset(guest_ram(RING, 0x6000), 0, 0x6000);
		accept(1 << VIRTIO_NET_F_STATUS, 1);
		set_queue(i, 8, RING, AVAIL, USED);
		set_status(UP_TO_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK);
		machine_interrupts = 0;
		desc[0] = (struct vring_desc){ DATA, 100, i ? 0 : VRING_DESC_F_WRITE, 0 };
		memset(guest_ram(DATA, 100), 0, 100);
		memcpy(guest_ram(DATA + 12, 60), packet, sizeof(packet));
		__atomic_store_n(&avail->idx, 1, __ATOMIC_RELEASE);
		if (!i) {
			memset(guest_ram(DATA, 100), 0, 100);
			memcpy(got + 12, packet, sizeof(packet));
			if (write(machine_network, got, 12 + sizeof(packet)) != 72)
				die("no room for a packet: %m");
		}
		memory_write(notify + i * 4, 2, i);
		await_used(1);
		EXPECT_EQ(used->idx, 1);
		EXPECT_EQ(machine_interrupts, 1 << NET);
		if (i) {
			EXPECT_EQ(read(machine_network, got, sizeof(got)), 100);
			EXPECT_EQ(memcmp(got + 12, packet, sizeof(packet)), 0);
		} else {
			EXPECT_EQ(used->ring[0].len, 72);
			/* num_buffers */
			EXPECT_EQ(*(__u16 *)guest_ram(DATA + 10, 2), 1);
			EXPECT_EQ(memcmp(guest_ram(DATA + 12, 60), packet, 60), 0);
		}
	}
	memory_read(isr, 1);
	machine_network_up = false;
	devices_refresh(VIRTIO_ID_NET);
	EXPECT_EQ(memory_read(isr, 1), 2);
	EXPECT_EQ(memory_read(config + 6, 2), 0);
	set_status(0);
}

/* A table, a header, a buffer and a status anywhere, which need not be a multiple of anything */
static void odd_addresses(void)
{
	struct vring_desc *desc = guest_ram(RING, 4096);
	struct virtio_blk_outhdr header = { .type = VIRTIO_BLK_T_IN };
	struct vring_avail *avail = guest_ram(AVAIL, 4096);
	const __u32 table = RING + 256;

	drive(DISK);
	set_status(0);
	memset(guest_ram(RING, 0x6000), 0, 0x6000);
	accept(0, 1);
	set_queue(0, 8, RING, AVAIL, USED);
	set_status(UP_TO_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK);
	for (unsigned int odd = 1; odd < 16; odd++) {
		const struct vring_desc chain[] = {
			{ HEADER + odd, 16, VRING_DESC_F_NEXT, 1 },
			{ DATA + odd, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2 },
			{ STATUS + odd, 1, VRING_DESC_F_WRITE, 0 },
		};

		memcpy(guest_ram(HEADER + odd, sizeof(header)), &header, sizeof(header));
		memcpy(guest_ram(table + odd, sizeof(chain)), chain, sizeof(chain));
		memset(guest_ram(DATA, 1024), 0, 1024);
		memset(guest_ram(STATUS, 64), 0xff, 64);
		desc[0] = (struct vring_desc){ table + odd, sizeof(chain),
					       VRING_DESC_F_INDIRECT, 0 };
		__atomic_store_n(&avail->idx, odd, __ATOMIC_RELEASE);
		memory_write(notify, 2, 0);
		await_used(odd);
		EXPECT_EQ(memcmp(guest_ram(DATA + odd, 8), "sector 0", 8), 0);
		EXPECT_EQ(*(__u8 *)guest_ram(STATUS + odd, 1), VIRTIO_BLK_S_OK);
	}
	set_status(0);
}

static char disk[] = "/tmp/lg-disk-XXXXXX";

/*
 * A ring that is its own indirect table, for ever: the guest is ended. It is a machine of its
 * own, made before there are threads that it would lack.
 */
static void a_ring_in_itself(void)
{
	struct vring_desc *desc;
	int status;
	pid_t pid = fork();

	if (pid) {
		EXPECT_EQ(waitpid(pid, &status, 0), pid);
		EXPECT_EQ(status, EXIT_FAILED << 8);
		return;
	}
	alarm(60);
	machine_create(&virtio_pci, RAM, disk);
	drive(DISK);
	desc = guest_ram(RING, sizeof(*desc));
	accept(0, 1);
	set_queue(0, 8, RING, AVAIL, USED);
	*desc = (struct vring_desc){ RING, sizeof(*desc), VRING_DESC_F_INDIRECT, 0 };
	((struct vring_avail *)guest_ram(AVAIL, 4))->idx = 1;
	set_status(UP_TO_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK);
	memory_write(notify, 2, 0);
	set_status(0);
	_exit(0);
}

/*
 * A disk whose sectors, read to where the ring is, are the next request: one after the
 * other, 65,536 times, and then again.
 */
static void a_chain_reaction(void)
{
	static struct {
		struct {
			__u16 flags, idx, rest[254];
		} avail;
		struct virtio_blk_outhdr header;
		__u8 rest[496];
	} record[1 << 16];
	struct vring_desc *desc = guest_ram(RING, 4096);
	const __u32 table = RING + 256, header = AVAIL + sizeof(record[0].avail);
	__u16 *used_idx = &((struct vring_used *)guest_ram(USED, 4))->idx;

	for (unsigned int i = 0; i < ARRAY_SIZE(record); i++) {
		record[i].avail.idx = i + 2;
		record[i].header.sector = (i + 1) % ARRAY_SIZE(record) * 2;
	}
	if (pwrite(disk_fd, record, sizeof(record), 0) != sizeof(record))
		die("write: %m");
	devices_refresh(VIRTIO_ID_BLOCK);
	drive(DISK);
	set_status(0);
	memset(guest_ram(RING, 0x6000), 0, 0x6000);
	accept(0, 1);
	set_queue(0, 1, RING, AVAIL, USED);
	desc[0] = (struct vring_desc){ table, 48, VRING_DESC_F_INDIRECT, 0 };
	desc = guest_ram(table, 48);
	desc[0] = (struct vring_desc){ header, 16, VRING_DESC_F_NEXT, 1 };
	desc[1] = (struct vring_desc){ AVAIL, 1024, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE,
				       2 };
	desc[2] = (struct vring_desc){ STATUS, 1, VRING_DESC_F_WRITE, 0 };
	((struct vring_avail *)guest_ram(AVAIL, 4))->idx = 1;
	set_status(UP_TO_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK);
	memory_write(notify, 2, 0);
	/* It is under way, and it ends. */
	alarm(600);
	while (!__atomic_load_n(used_idx, __ATOMIC_ACQUIRE))
		usleep(1000);
	set_status(0);
	alarm(0);
}

/* The forms of mov, each with a length and a register of its own */
static void instructions(void)
{
	static const struct {
		__u8 code[7];
		__u8 len, reg, shift;
	} loads[] = {
		{ { 0x8a, 0x03 }, 2, 6, 0 },			/* (%ebx), %al */
		{ { 0x8a, 0x23 }, 2, 6, 8 },			/* %ah */
		{ { 0x8a, 0x7b, 0x10 }, 3, 0, 8 },		/* 16(%ebx), %bh */
		{ { 0x8b, 0x0d, 1, 2, 3, 4 }, 6, 1, 0 },	/* 0x4030201, %ecx */
		{ { 0x8b, 0x83, 1, 2, 3, 4 }, 6, 6, 0 },	/* ...(%ebx), %eax */
		{ { 0x8b, 0x34, 0x18 }, 3, 3, 0 },		/* (%eax,%ebx), %esi */
		{ { 0x8b, 0x3c, 0x85, 1, 2, 3, 4 }, 7, 4, 0 },	/* ...(,%eax,4), %edi */
		{ { 0x8b, 0x6c, 0x18, 8 }, 4, 5, 0 },		/* 8(%eax,%ebx), %ebp */
		{ { 0x66, 0x8b, 0x12 }, 3, 2, 0 },		/* (%edx), %dx */
		{ { 0x66, 0x8b, 0x94, 0x18, 1, 2, 3 }, 8, 2, 0 },
	};
	static const __u8 others[][7] = {
		{ 0x0f, 0xb6, 0x03 }, { 0xa4 }, { 0xc7, 0x03 }, { 0x67, 0x8b, 0x03 },
		{ 0xf0, 0x89, 0x03 }, { 0x8b, 0xc3 }, { 0x66, 0x66, 0x8b },
	};
	static const __u8 in[7] = { 0xe4, 0x64 }, out[7] = { 0x66, 0xe7, 0x80 };
	static const __u8 not_ports[][7] = { { 0x6c }, { 0xf3, 0x6e }, { 0xe0 }, { 0xcc } };

	drive(DISK);
	for (size_t i = 0; i < ARRAY_SIZE(loads); i++) {
		unsigned int size = loads[i].code[0] == 0x66 ? 2 :
			loads[i].code[0] & 1 ? 4 : 1;
		__u32 mask = (~0U >> (4 - size) * 8) << loads[i].shift, before[17];

		memset(machine_registers, 0x5a, sizeof(machine_registers));
		memcpy(before, machine_registers, sizeof(before));
		/* Nothing is there: all-ones. */
		EXPECT_EQ(insn_memory(loads[i].code, 0xfff00000), true);
		before[loads[i].reg] |= mask;
		before[12] += loads[i].len;
		EXPECT_EQ(memcmp(before, machine_registers, sizeof(before)), 0);
	}
	memset(machine_registers, 0x5a, sizeof(machine_registers));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		EXPECT_EQ(insn_memory(others[i], common), false);
	for (size_t i = 0; i < ARRAY_SIZE(not_ports); i++)
		EXPECT_EQ(insn_port(not_ports[i]), false);
	EXPECT_EQ(machine_registers[12], 0x5a5a5a5a);
	/* in and out of a port in the instruction */
	EXPECT_EQ(insn_port(in), true);
	EXPECT_EQ(machine_registers[6], 0x5a5a5afd);
	EXPECT_EQ(machine_registers[12], 0x5a5a5a5c);
	EXPECT_EQ(insn_port(out), true);
	EXPECT_EQ(machine_registers[12], 0x5a5a5a5f);
}

/* What a guest asked for at its end is given up when it does not come to an end itself. */
static void the_end(void)
{
	struct vring_desc *desc = guest_ram(RING, 4096);
	struct vring_avail *avail = guest_ram(AVAIL, 4096);

	drive(CONSOLE);
	memset(guest_ram(RING, 0x6000), 0, 0x6000);
	accept(0, 1);
	set_queue(1, 8, RING, AVAIL, USED);
	desc[0] = (struct vring_desc){ DATA, 512, 0, 0 };
	avail->idx = 1;
	__atomic_store_n(&machine_output_blocks, true, __ATOMIC_RELAXED);
	set_status(UP_TO_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK);
	alarm(600);
	devices_stop();
	alarm(0);
	EXPECT_EQ(((struct vring_used *)guest_ram(USED, 4))->idx, 0);
	__atomic_store_n(&machine_output_blocks, false, __ATOMIC_RELAXED);
}

int main(void)
{
	disk_fd = mkstemp(disk);
	if (disk_fd < 0 || ftruncate(disk_fd, 1 << 20) ||
	    pwrite(disk_fd, "sector 0", 8, 0) != 8)
		die("%s: %m", disk);
	puts("KTAP version 1\n1..14");
	fflush(stdout);
	run("virtqueue: a ring in itself", a_ring_in_itself);
	machine_create(&virtio_pci, RAM, disk);
	unlink(disk);
	run("pci: functions", the_functions);
	run("pci: ports", no_other_ports);
	run("pci: BARs", bars);
	run("virtio_pci: the window", the_window);
	run("virtio_pci: features", features);
	run("virtio_pci: a request", a_request);
	run("virtio_pci: an eventfd", an_eventfd);
	run("virtio_pci: a change", a_change);
	run("virtio_pci: packets", packets);
	run("virtqueue: odd addresses", odd_addresses);
	run("virtqueue: a chain reaction", a_chain_reaction);
	run("insn: loads and ports", instructions);
	run("device: the end", the_end);
	fflush(stdout);
	/* Threads still use what exit() would tear down. */
	_exit(ktap_failed());
}
