// SPDX-License-Identifier: GPL-2.0
/*
 * The Launcher's devices, as far as it was given some, used as drivers have used
 * them over many years. When tests/run/test-run.sh runs this in a machine, it
 * looks in the end at what is on the disk.
 */
#include "clock.h"
#include "disk.h"
#include "irq.h"
#include "ktap.h"
#include "paging.h"
#include "printf.h"
#include "setup.h"
#include "string.h"
#include "virtio.h"

#define BOOT_RAMDISK_IMAGE	0x218
#define BOOT_RAMDISK_SIZE	0x21c

#define NET_NEEDS_CSUM	1
#define NET_TCPV4	1
#define NET_TCPV6	4
#define NET_ECN		0x80

struct net_header {
	u8 flags;
	u8 gso_type;
	u16 header_len;
	u16 gso_size;
	u16 csum_start;
	u16 csum_offset;
} __packed;

/* ARP, for Ethernet and IPv4 */
struct arp_packet {
	u8 to[6];
	u8 from[6];
	u16 protocol;
	u16 hardware;
	u16 network;
	u8 hardware_len;
	u8 network_len;
	u16 operation;
	u8 sender[6];
	u8 sender_ip[4];
	u8 target[6];
	u8 target_ip[4];
} __packed;

static struct lguest_device_desc *card, *rng, *balloon;
static struct virtqueue card_in, card_out, rng_vq, inflate, deflate;
static bool disk;

/* Interrupts only wake us. */
static void woken(struct regs *regs)
{
	(void)regs;
}

static struct lguest_device_desc *start(u8 type, struct virtqueue *vq0,
					struct virtqueue *vq1)
{
	struct lguest_device_desc *dev = virtio_find(type);

	if (!dev)
		return NULL;
	virtio_reset(dev);
	if (!virtio_queue(dev, 0, vq0) || (vq1 && !virtio_queue(dev, 1, vq1)))
		return NULL;
	irq_handler(vq0->irq, woken);
	if (vq1)
		irq_handler(vq1->irq, woken);
	virtio_start(dev);
	return dev;
}

static bool have_disk(void)
{
	if (!disk)
		ktap_skip("no disk");
	return disk;
}

static void blk_reads(void)
{
	static const char text[] = "written by the host";
	static struct disk_request req;

	if (!have_disk())
		return;
	CHECK_EQ(disk_do(&req, DISK_IN, 0, SECTOR_SIZE), DISK_OK);
	CHECK(!memcmp(req.data, text, strlen(text)));
}

static void blk_write(u32 type, u32 sector, const char *text)
{
	static struct disk_request req;

	memset(req.data, 0, sizeof(req.data));
	strscpy((char *)req.data, text, sizeof(req.data));
	CHECK_EQ(disk_do(&req, type, sector, SECTOR_SIZE), DISK_OK);
	memset(req.data, 0, sizeof(req.data));
	CHECK_EQ(disk_do(&req, DISK_IN, sector, SECTOR_SIZE), DISK_OK);
	CHECK(!strcmp((char *)req.data, text));
}

static void blk_writes(void)
{
	if (!have_disk())
		return;
	blk_write(DISK_OUT, 1, "written by the guest\n");
	blk_write(DISK_OUT | DISK_BARRIER, disk_capacity() - 1,
		  "written in a barrier\n");
}

static void blk_answers_each_type(void)
{
	static const struct {
		u32 type;
		u32 len;
		u8 status;
	} requests[] = {
		{ DISK_IN, SECTOR_SIZE, DISK_OK },
		{ DISK_OUT, SECTOR_SIZE, DISK_OK },
		{ DISK_FLUSH, 0, DISK_OK },
		{ DISK_FLUSH_OUT, 0, DISK_OK },
		{ DISK_GET_ID, 20, DISK_OK },
		{ DISK_SCSI, SECTOR_SIZE, DISK_UNSUPP },
		{ DISK_SCSI_OUT, SECTOR_SIZE, DISK_UNSUPP },
		{ 0x100, 0, DISK_UNSUPP },
	};
	static struct disk_request req;
	u32 i, type;

	if (!have_disk())
		return;
	for (i = 0; i < 2 * ARRAY_SIZE(requests); i++) {
		type = requests[i / 2].type | (i % 2 ? DISK_BARRIER : 0);
		disk_do(&req, type, 2, requests[i / 2].len);
		if (!CHECK_EQ(req.status, requests[i / 2].status))
			printf("# by a request of type 0x%x\n", type);
	}
}

/* All requests that make up a barrier are in the ring at once. */
static void blk_keeps_order(void)
{
	static const u32 types[] = {
		DISK_OUT, DISK_FLUSH | DISK_BARRIER, DISK_OUT | DISK_BARRIER,
		DISK_FLUSH | DISK_BARRIER, DISK_OUT, DISK_IN,
	};
	static struct disk_request reqs[ARRAY_SIZE(types)];
	u32 i, len;

	if (!have_disk())
		return;
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		memset(reqs[i].data, i, SECTOR_SIZE);
		disk_offer(&reqs[i], 3 * i, types[i], 3,
			   types[i] & DISK_FLUSH ? 0 : SECTOR_SIZE);
	}
	vq_kick(&disk_vq);
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		CHECK_EQ(vq_wait(&disk_vq, &len), 3 * i);
		CHECK_EQ(reqs[i].status, DISK_OK);
	}
	/* The read sees the last write. */
	CHECK_EQ(reqs[i - 1].data[0], i - 2);
}

static void blk_refuses_what_is_beyond(void)
{
	static struct disk_request req;
	u32 end;

	if (!have_disk())
		return;
	end = disk_capacity();
	CHECK_EQ(disk_do(&req, DISK_IN, end, SECTOR_SIZE), DISK_IOERR);
	CHECK_EQ(disk_do(&req, DISK_OUT, end, SECTOR_SIZE), DISK_IOERR);
	CHECK_EQ(disk_do(&req, DISK_OUT | DISK_BARRIER, end, SECTOR_SIZE),
		 DISK_IOERR);
}

static void net_send(const struct net_header *header, const void *packet,
		     u32 len)
{
	vq_describe(&card_out, 0, header, sizeof(*header), VRING_DESC_NEXT);
	vq_describe(&card_out, 1, packet, len, 0);
	vq_offer(&card_out, 0);
	vq_kick(&card_out);
	CHECK_EQ(vq_wait(&card_out, &len), 0);
}

static bool late;

static void note_late(struct regs *regs)
{
	(void)regs;
	late = true;
}

/* Sleeps until a packet comes, or for a second. */
static bool net_hears(u32 *len)
{
	u16 desc;

	late = false;
	hcall1(LHCALL_SET_CLOCKEVENT, NSEC_PER_SEC);
	while (!vq_used(&card_in, &desc, len)) {
		if (READ_ONCE(late))
			return false;
		irq_wait();
	}
	return true;
}

/*
 * Who has 10.0.2.2? QEMU's own network does. A question gets lost if the host's end
 * is not up yet, so we ask again.
 */
static void net_asks_and_hears(void)
{
	static struct arp_packet packet = {
		.to = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
		.from = { 2, 0, 0, 0, 0, 1 },
		.protocol = 0x0608,
		.hardware = 0x0100,
		.network = 0x0008,
		.hardware_len = 6,
		.network_len = 4,
		.operation = 0x0100,
		.sender = { 2, 0, 0, 0, 0, 1 },
		.sender_ip = { 10, 0, 2, 15 },
		.target_ip = { 10, 0, 2, 2 },
	};
	static struct net_header none, header;
	static u8 in[2048];
	const struct arp_packet *reply = (void *)in;
	u32 len;

	if (!card) {
		ktap_skip("no network card");
		return;
	}
	memset(in, 0, sizeof(in));
	memset(&header, 0xff, sizeof(header));
	irq_handler(CLOCK_IRQ, note_late);
	do {
		vq_describe(&card_in, 0, &header, sizeof(header),
			    VRING_DESC_WRITE | VRING_DESC_NEXT);
		vq_describe(&card_in, 1, in, sizeof(in), VRING_DESC_WRITE);
		vq_offer(&card_in, 0);
		vq_kick(&card_in);
		do {
			net_send(&none, &packet, sizeof(packet));
		} while (!net_hears(&len));
	} while (reply->protocol != 0x0608 ||
		 memcmp(reply->sender_ip, packet.target_ip, 4));
	CHECK_EQ(reply->operation, 0x0200);
	CHECK(!memcmp(reply->to, packet.from, sizeof(packet.from)));
	CHECK(len >= sizeof(header) + sizeof(packet));
	CHECK_EQ(header.gso_type, 0);
}

/* Whatever the header says, the card goes on. */
static void net_takes_each_header(void)
{
	static const u8 types[] = {
		0, NET_TCPV4, NET_TCPV4 | NET_ECN, NET_TCPV6,
		NET_TCPV6 | NET_ECN, NET_ECN, 0x7f,
	};
	static struct net_header header = {
		.header_len = 54, .gso_size = 1000,
		.csum_start = 34, .csum_offset = 16,
	};
	static u8 packet[3000];
	u32 i;

	if (!card) {
		ktap_skip("no network card");
		return;
	}
	for (i = 0; i < 2 * ARRAY_SIZE(types); i++) {
		header.flags = i % 2 ? NET_NEEDS_CSUM : 0;
		header.gso_type = types[i / 2];
		net_send(&header, packet, sizeof(packet));
	}
}

static void rng_gives_numbers(void)
{
	static u8 numbers[64];
	u32 len, i, sum = 0;

	if (!rng) {
		ktap_skip("no source of random numbers");
		return;
	}
	memset(numbers, 0, sizeof(numbers));
	vq_add(&rng_vq, 0, numbers, sizeof(numbers), VRING_DESC_WRITE);
	vq_kick(&rng_vq);
	CHECK_EQ(vq_wait(&rng_vq, &len), 0);
	CHECK(len > 0 && len <= sizeof(numbers));
	for (i = 0; i < sizeof(numbers); i++)
		sum += numbers[i];
	CHECK(sum);
}

/* How many pages the host wants, behind the queues and two sets of features */
static u32 balloon_target(void)
{
	u32 pages;

	memcpy(&pages, balloon->config + balloon->num_vq * sizeof(struct lguest_vqconfig) +
	       2 * balloon->feature_len, sizeof(pages));
	return pages;
}

static void balloon_say(struct virtqueue *vq, const u32 *pfns, u32 size)
{
	u32 len;

	vq_add(vq, 0, pfns, size, 0);
	vq_kick(vq);
	CHECK_EQ(vq_wait(vq, &len), 0);
}

static u32 not_zero(const u32 *words, u32 size)
{
	u32 i, count = 0;

	for (i = 0; i < size / sizeof(*words); i++)
		count += READ_ONCE(words[i]) != 0;
	return count;
}

/* What has just been written is gone, and nobody's; then they are as good as any. */
static void balloon_takes_pages(void)
{
	static u8 spare[16][PAGE_SIZE] __aligned(PAGE_SIZE);
	static u32 pfns[ARRAY_SIZE(spare)];
	u32 i, round;

	if (!balloon) {
		ktap_skip("no balloon");
		return;
	}
	CHECK(balloon_target() && balloon_target() < ram_size() / PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(spare); i++)
		pfns[i] = pa(spare[i]) / PAGE_SIZE;
	for (round = 0; round < 3; round++) {
		memset(spare, 0x5a, sizeof(spare));
		balloon_say(&inflate, pfns, sizeof(pfns));
		CHECK_EQ(not_zero((u32 *)spare, sizeof(spare)), 0);
		balloon_say(&deflate, pfns, sizeof(pfns));
	}
	memset(spare, 0x5a, sizeof(spare));
	balloon_say(&deflate, pfns, sizeof(pfns));
	CHECK_EQ(not_zero((u32 *)spare, sizeof(spare)), sizeof(spare) / sizeof(u32));
}

/* The initrd is tests/run/init, the script that starts the machine. */
static void initrd_is_there(void)
{
	static const char text[] = "#!/bin/busybox sh";
	const u32 *image = va(BOOT_RAMDISK_IMAGE), *size = va(BOOT_RAMDISK_SIZE);

	if (!*size) {
		ktap_skip("no initrd");
		return;
	}
	CHECK(*image + *size <= ram_size());
	CHECK(!memcmp(va(*image), text, strlen(text)));
}

static const struct ktap_test tests[] = {
	{ "disk: read", blk_reads },
	{ "disk: write", blk_writes },
	{ "disk: requests of each type", blk_answers_each_type },
	{ "disk: in order", blk_keeps_order },
	{ "disk: beyond its end", blk_refuses_what_is_beyond },
	{ "network card: ask and hear", net_asks_and_hears },
	{ "network card: each header", net_takes_each_header },
	{ "random numbers", rng_gives_numbers },
	{ "balloon", balloon_takes_pages },
	{ "initrd", initrd_is_there },
};

void guest_main(void)
{
	printf("# command line: %s\n", command_line());
	disk = disk_start(!strcmp(command_line(), "flush"));
	card = start(VIRTIO_NET, &card_in, &card_out);
	rng = start(VIRTIO_RNG, &rng_vq, NULL);
	balloon = start(VIRTIO_BALLOON, &inflate, &deflate);
	ktap_run(tests, ARRAY_SIZE(tests));
}
