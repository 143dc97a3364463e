// SPDX-License-Identifier: GPL-2.0
/*
 * The balloon, by a driver on each bus and by one that means harm. Each machine is a process
 * of its own.
 */
#include "ktap.h"
#include "machine.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define RAM_PAGES	4096U
#define RAM		(RAM_PAGES * PAGE_SIZE)

/* Where the driver has rings on PCI, and its lists */
#define RINGS		0x100000
#define RING_PAGES	4
#define LIST		0x200000

enum { INFLATE, DEFLATE, STATS, QUEUES };

#define STATS_FEATURE	2U

/* What the driver has of the device; the configuration is at hand on lguest's bus only. */
static struct vring rings[QUEUES];
static __u32 notify[QUEUES];
static __u16 sent[QUEUES];
static __u8 *legacy_config;
static __u32 pci_bar_gpa;

static void create(const struct bus *bus, __u64 keep)
{
	guest_memory_create(RAM);
	balloon_add(keep);
	devices_create(bus, LINUX_VERSION(4, 4, 0));
	devices_attach();
}

#define COMMON(field)	(pci_bar_gpa + offsetof(struct virtio_pci_common_cfg, field))
#define CONFIG		(pci_bar_gpa + 0xc00)
#define UP_TO_FEATURES	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |	\
			 VIRTIO_CONFIG_S_FEATURES_OK)

static void start_on_pci(__u32 features)
{
	pci_bar_gpa = config_in(1, PCI_BASE_ADDRESS_0, 4);
	memory_write(COMMON(device_status), 1, 0);
	memory_write(COMMON(guest_feature_select), 4, 0);
	memory_write(COMMON(guest_feature), 4, features);
	memory_write(COMMON(guest_feature_select), 4, 1);
	memory_write(COMMON(guest_feature), 4, 1);
	memory_write(COMMON(device_status), 1, UP_TO_FEATURES);
	for (unsigned int i = 0; i < QUEUES; i++) {
		__u32 at = RINGS + i * RING_PAGES * PAGE_SIZE;

		memset(guest_ram(at, RING_PAGES * PAGE_SIZE), 0, RING_PAGES * PAGE_SIZE);
		vring_init(&rings[i], 16, guest_ram(at, RING_PAGES * PAGE_SIZE), PAGE_SIZE);
		memory_write(COMMON(queue_select), 2, i);
		memory_write(COMMON(queue_size), 2, 16);
		memory_write(COMMON(queue_desc_lo), 4, guest_address(rings[i].desc));
		memory_write(COMMON(queue_avail_lo), 4, guest_address(rings[i].avail));
		memory_write(COMMON(queue_used_lo), 4, guest_address(rings[i].used));
		memory_write(COMMON(queue_enable), 2, 1);
		notify[i] = pci_bar_gpa + 0x400 + i * 4;
	}
	memory_write(COMMON(device_status), 1, UP_TO_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK);
}

/* The first device's descriptor, with what is behind it */
static void start_on_lguest(__u32 features)
{
	struct lguest_device_desc *desc = (void *)((char *)guest_memory_base() + RAM);
	struct lguest_vqconfig vqconfig;
	__u8 *p = desc->config;

	desc->status = 0;
	devices_notify(RAM);
	for (unsigned int i = 0; i < QUEUES; i++) {
		memcpy(&vqconfig, p, sizeof(vqconfig));
		p += sizeof(vqconfig);
		notify[i] = vqconfig.pfn * PAGE_SIZE;
		vring_init(&rings[i], vqconfig.num, (char *)guest_memory_base() + notify[i],
			   LGUEST_VRING_ALIGN);
	}
	memcpy(p + 4, &features, sizeof(features));
	legacy_config = p + 8;
	desc->status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	devices_notify(RAM);
}

static void start(const struct bus *bus, __u32 features)
{
	memset(sent, 0, sizeof(sent));
	if (bus == &virtio_pci)
		start_on_pci(features);
	else
		start_on_lguest(features);
}

static void offer(unsigned int queue, __u32 gpa, __u32 len, __u16 flags)
{
	struct vring *ring = &rings[queue];

	ring->desc[0] = (struct vring_desc){ gpa, len, flags, 0 };
	ring->avail->ring[sent[queue] % ring->num] = 0;
	__atomic_store_n(&ring->avail->idx, ++sent[queue], __ATOMIC_RELEASE);
	if (eventfd_write(machine_eventfd(notify[queue]), 1))
		die("eventfd: %m");
}

static bool is_done(unsigned int queue)
{
	return __atomic_load_n(&rings[queue].used->idx, __ATOMIC_ACQUIRE) == sent[queue];
}

static void await(unsigned int queue)
{
	for (int i = 0; i < 60000; i++) {
		if (is_done(queue))
			return;
		usleep(1000);
	}
	die("queue %u hangs", queue);
}

static void tell(unsigned int queue, const __u32 *pfns, unsigned int num)
{
	memcpy(guest_ram(LIST, num * sizeof(*pfns)), pfns, num * sizeof(*pfns));
	offer(queue, LIST, num * sizeof(*pfns), 0);
	await(queue);
}

/* Is there memory of the host's? */
static bool is_resident(__u32 pfn)
{
	unsigned char state;

	if (mincore(guest_ram((__u64)pfn * PAGE_SIZE, PAGE_SIZE), PAGE_SIZE, &state))
		die("mincore: %m");
	return state & 1;
}

static unsigned int resident(__u32 first, unsigned int num)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < num; i++)
		count += is_resident(first + i);
	return count;
}

static void fill(__u32 first, unsigned int num)
{
	memset(guest_ram((__u64)first * PAGE_SIZE, num * PAGE_SIZE), 0x5a, num * PAGE_SIZE);
}

static __u32 word(__u32 pfn)
{
	return *(volatile __u32 *)guest_ram((__u64)pfn * PAGE_SIZE, PAGE_SIZE);
}

/* Runs of both directions, one page alone, one twice, and more than fit into one look */
static void pages_on(const struct bus *bus)
{
	static const __u32 few[] = { 2000, 2001, 2002, 2009, 2008, 2007, 2020, 2030, 2030 };
	__u32 many[700];

	for (unsigned int i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = 3000 - i;
	create(bus, RAM);
	start(bus, STATS_FEATURE);
	fill(2000, 1000);
	EXPECT_EQ(resident(2000, 1000), 1000);
	tell(INFLATE, few, ARRAY_SIZE(few));
	EXPECT_EQ(balloon_actual(), 8 * PAGE_SIZE);
	EXPECT_EQ(resident(2000, 3) + resident(2007, 3), 0);
	EXPECT_EQ(is_resident(2020) || is_resident(2030), false);
	EXPECT_EQ(resident(2003, 4) + resident(2010, 10) + resident(2021, 9), 23);
	EXPECT_EQ(word(2003), 0x5a5a5a5a);
	EXPECT_EQ(word(2002), 0);
	/* It is used without a word to us, and later there is one. */
	fill(2002, 1);
	EXPECT_EQ(word(2002), 0x5a5a5a5a);
	tell(DEFLATE, few, ARRAY_SIZE(few));
	EXPECT_EQ(balloon_actual(), 0);
	EXPECT_EQ(word(2002), 0x5a5a5a5a);

	tell(INFLATE, many, ARRAY_SIZE(many));
	EXPECT_EQ(balloon_actual(), 700 * PAGE_SIZE);
	EXPECT_EQ(resident(2301, 700), 0);
	EXPECT_EQ(is_resident(2300), true);
	tell(DEFLATE, many, 100);
	EXPECT_EQ(balloon_actual(), 600 * PAGE_SIZE);
	tell(INFLATE, many, 0);
	/* The first and the last page that there is */
	many[0] = 0;
	many[1] = RAM_PAGES - 1;
	fill(RAM_PAGES - 1, 1);
	tell(INFLATE, many, 2);
	EXPECT_EQ(is_resident(RAM_PAGES - 1), false);
	/* Another driver's balloon is empty. */
	start(bus, 0);
	EXPECT_EQ(balloon_actual(), 0);
}

static void hostile_lists(const struct bus *bus, int which)
{
	__u32 pfns[600] = { 2000, 2001 };

	create(bus, RAM);
	start(bus, STATS_FEATURE);
	switch (which) {
	case 0:
		pfns[1] = RAM_PAGES;
		break;
	case 1:
		pfns[1] = ~0U;
		break;
	case 2:
		/* The device page of lguest's bus, and the last of its rings */
		pfns[1] = RAM_PAGES + 93;
		break;
	case 3:
		/* To a multiplication with 32 bits that is page 0. */
		pfns[1] = 1U << 20;
		break;
	case 4:
		pfns[599] = RAM_PAGES;
		break;
	case 5:
	case 6:
	case 7:
		offer(which - 5, LIST, 7, which == 7 ? VRING_DESC_F_WRITE : 0);
		await(which - 5);
		return;
	case 8:
	case 9:
		offer(which - 8, LIST, 8, VRING_DESC_F_WRITE);
		await(which - 8);
		return;
	case 10:
		pfns[1] = RAM_PAGES;
		tell(DEFLATE, pfns, 2);
		return;
	}
	tell(INFLATE, pfns, which == 4 ? 600 : 2);
}

#define HOSTILE_LISTS	11

/* Its own ring, list and all. It hangs, if anything. */
static void all_of_ram(const struct bus *bus)
{
	__u32 *list = guest_ram(LIST, RAM_PAGES * sizeof(__u32));

	for (unsigned int i = 0; i < RAM_PAGES; i++)
		list[i] = i;
	offer(INFLATE, LIST, RAM_PAGES * sizeof(__u32), 0);
	for (int i = 0; i < 1000 && balloon_actual() < RAM / 2; i++)
		usleep(1000);
	usleep(10000);
	(void)bus;
}

/* What balloon_set() says if nobody hears it */
static bool hears(const char *why_not)
{
	return !why_not;
}

static void targets_on_pci(const struct bus *bus)
{
	create(bus, RAM - 10 * PAGE_SIZE);
	start(bus, 0);
	EXPECT_EQ(memory_read(CONFIG, 4), 10);
	/* Some drivers would not look for it by themselves. */
	EXPECT_EQ(memory_read(pci_bar_gpa + 0x800, 1), 2);
	machine_interrupts = 0;
	EXPECT_EQ(hears(balloon_set(RAM / 2)), true);
	EXPECT_EQ(memory_read(CONFIG, 4), RAM_PAGES / 2);
	EXPECT_EQ(machine_interrupts, 2);
	EXPECT_EQ(memory_read(pci_bar_gpa + 0x800, 1), 2);
	/* The same again is no news. */
	EXPECT_EQ(hears(balloon_set(RAM / 2)), true);
	EXPECT_EQ(memory_read(pci_bar_gpa + 0x800, 1), 0);
	EXPECT_EQ(hears(balloon_set(~0ULL)), true);
	EXPECT_EQ(memory_read(CONFIG, 4), 0);
	/* Part of a page is one that it keeps. */
	EXPECT_EQ(hears(balloon_set(RAM - PAGE_SIZE - 1)), true);
	EXPECT_EQ(memory_read(CONFIG, 4), 1);
	memory_write(CONFIG + 4, 4, 77);
	EXPECT_EQ(memory_read(CONFIG + 4, 4), 77);
	EXPECT_EQ(balloon_actual(), 0);
	memory_write(CONFIG, 4, 77);
	EXPECT_EQ(memory_read(CONFIG, 4), 1);
	EXPECT_EQ(memory_read(CONFIG + 8, 4), ~0U);
	EXPECT_EQ(balloon_ask(10), false);
	EXPECT_EQ(balloon_stat(VIRTIO_BALLOON_S_MEMFREE), BALLOON_UNTOLD);
}

static void put_stats(__u64 memfree, __u64 other, unsigned int len)
{
	struct virtio_balloon_stat stats[] = {
		{ VIRTIO_BALLOON_S_MEMFREE, memfree }, { 0xffff, other },
		{ VIRTIO_BALLOON_S_MEMTOT, other },
	};

	memcpy(guest_ram(LIST, sizeof(stats)), stats, sizeof(stats));
	offer(STATS, LIST, len, 0);
}

static void *asks(void *unused)
{
	return balloon_ask(60000) ? &sent : unused;
}

static void stats_on(const struct bus *bus)
{
	pthread_t thread;
	void *told;

	create(bus, RAM);
	start(bus, STATS_FEATURE);
	/* The first is just to be given back. */
	put_stats(1, 1, 30);
	await(STATS);
	EXPECT_EQ(balloon_stat(VIRTIO_BALLOON_S_MEMFREE), BALLOON_UNTOLD);
	/* What is said before there is a driver asks for them once, too. */
	put_stats(2, 3, 30);
	if (bus != &virtio_pci) {
		await(STATS);
		put_stats(2, 3, 30);
	}
	usleep(50000);
	EXPECT_EQ(is_done(STATS), false);
	EXPECT_EQ(balloon_stat(VIRTIO_BALLOON_S_MEMFREE), 2);
	EXPECT_EQ(balloon_stat(VIRTIO_BALLOON_S_MEMTOT), 3);
	EXPECT_EQ(balloon_stat(VIRTIO_BALLOON_S_AVAIL), BALLOON_UNTOLD);
	EXPECT_EQ(balloon_stat(0xffff), BALLOON_UNTOLD);
	EXPECT_EQ(balloon_ask(10), false);
	await(STATS);
	/* One that is cut off */
	errno = pthread_create(&thread, NULL, asks, NULL);
	if (errno)
		die("pthread_create: %m");
	usleep(50000);
	put_stats(4, 5, 29);
	pthread_join(thread, &told);
	EXPECT_EQ(told == &sent, true);
	EXPECT_EQ(balloon_stat(VIRTIO_BALLOON_S_MEMFREE), 4);
	EXPECT_EQ(balloon_stat(VIRTIO_BALLOON_S_MEMTOT), 3);
	devices_stop();
}

static __u32 legacy_target(void)
{
	__u32 pages;

	memcpy(&pages, legacy_config, sizeof(pages));
	return pages;
}

/* There is no interrupt for it, so it is told by a buffer that comes back. */
static void targets_on_lguest(const struct bus *bus)
{
	create(bus, RAM - 10 * PAGE_SIZE);
	start(bus, STATS_FEATURE);
	EXPECT_EQ(legacy_target(), 10);
	put_stats(1, 1, 30);
	await(STATS);
	put_stats(1, 1, 30);
	await(STATS);
	put_stats(1, 1, 30);
	usleep(50000);
	EXPECT_EQ(is_done(STATS), false);
	machine_interrupts = 0;
	EXPECT_EQ(hears(balloon_set(RAM / 2)), true);
	await(STATS);
	EXPECT_EQ(legacy_target(), RAM_PAGES / 2);
	for (int i = 0; i < 1000 && !machine_interrupts; i++)
		usleep(1000);
	EXPECT_EQ(machine_interrupts, 1 << (FIRST_IRQ + STATS));
	/* A driver of before 2.6.34, and what it finds when it comes back */
	start(bus, 0);
	EXPECT_EQ(hears(balloon_set(RAM / 4)), false);
	memset(legacy_config, 0x5a, sizeof(__u32));
	start(bus, 0);
	EXPECT_EQ(legacy_target(), RAM_PAGES / 4 * 3);
}

static void no_balloon(const struct bus *bus)
{
	(void)bus;
	EXPECT_EQ(hears(balloon_set(1)), false);
	EXPECT_EQ(balloon_actual(), 0);
	EXPECT_EQ(balloon_ask(10), false);
	EXPECT_EQ(balloon_stat(VIRTIO_BALLOON_S_MEMFREE), BALLOON_UNTOLD);
}

static void (*test_of_bus)(const struct bus *bus);
static const struct bus *bus_of_test;

static void test_bus(void)
{
	test_of_bus(bus_of_test);
}

/* Run that as run_alone() does */
static int in_child(void (*test)(const struct bus *bus), const struct bus *bus)
{
	test_of_bus = test;
	bus_of_test = bus;
	return run_alone(test_bus);
}

static void pages(void)
{
	EXPECT_EQ(in_child(pages_on, &virtio_pci), 0);
	EXPECT_EQ(in_child(pages_on, &lguest_bus), 0);
}

static int which_list;

static void hostile_list(const struct bus *bus)
{
	hostile_lists(bus, which_list);
}

static void inflates_all(const struct bus *bus)
{
	create(bus, RAM);
	start(bus, STATS_FEATURE);
	all_of_ram(bus);
}

/* The guest is ended, as for any request that makes no sense. */
static void hostile(void)
{
	for (which_list = 0; which_list < HOSTILE_LISTS; which_list++) {
		EXPECT_EQ(in_child(hostile_list, &virtio_pci), EXIT_FAILED << 8);
		EXPECT_EQ(in_child(hostile_list, &lguest_bus), EXIT_FAILED << 8);
	}
	EXPECT_EQ(WIFEXITED(in_child(inflates_all, &virtio_pci)), true);
	EXPECT_EQ(WIFEXITED(in_child(inflates_all, &lguest_bus)), true);
}

static void targets(void)
{
	EXPECT_EQ(in_child(targets_on_pci, &virtio_pci), 0);
	EXPECT_EQ(in_child(targets_on_lguest, &lguest_bus), 0);
	EXPECT_EQ(in_child(no_balloon, NULL), 0);
}

static void stats(void)
{
	EXPECT_EQ(in_child(stats_on, &virtio_pci), 0);
	EXPECT_EQ(in_child(stats_on, &lguest_bus), 0);
}

int main(void)
{
	puts("KTAP version 1\n1..4");
	run("balloon: pages", pages);
	run("balloon: hostile lists", hostile);
	run("balloon: targets", targets);
	run("balloon: statistics", stats);
	fflush(stdout);
	_exit(ktap_failed());
}
