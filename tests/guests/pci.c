// SPDX-License-Identifier: GPL-2.0
/*
 * The Launcher's PCI bus, and on it a disk and a source of random numbers, as drivers of
 * Linux from 4.0 on use them: configuration mechanism 1, and virtio 1.0 (section 4.1).
 */
#include "irq.h"
#include "ktap.h"
#include "paging.h"
#include "printf.h"
#include "string.h"
#include "traps.h"
#include "virtio.h"

#define CONFIG_ADDRESS	0xcf8
#define CONFIG_DATA	0xcfc
#define CONFIG_ENABLE	0x80000000u

/* Registers of the configuration space (PCI Local Bus Specification 3.0, 6.1) */
#define PCI_ID		0x00
#define PCI_COMMAND	0x04
#define PCI_CLASS	0x08
#define PCI_BAR		0x10
#define PCI_CAPS	0x34
#define PCI_INTERRUPT	0x3c

#define COMMAND_MEMORY	2
#define COMMAND_MASTER	4

/* A capability of virtio's: its type, and the fields behind */
#define CAP_VENDOR	0x09
#define CAP_TYPE	3
#define CAP_BAR		4
#define CAP_OFFSET	8
#define CAP_LENGTH	12
#define CAP_EXTRA	16
enum { COMMON = 1, NOTIFY, ISR, DEVICE, WINDOW };

/* The common configuration */
#define DRIVER_FEATURE_SELECT	8
#define DRIVER_FEATURE	12
#define NUM_QUEUES	18
#define STATUS		20
#define QUEUE_SELECT	22
#define QUEUE_SIZE	24
#define QUEUE_ENABLE	28
#define QUEUE_NOTIFY	30
#define QUEUE_DESC	32
#define QUEUE_AVAIL	40
#define QUEUE_USED	48

#define UP_TO_DRIVER	3
#define FEATURES_OK	8
#define DRIVER_OK	4

#define EMERG_WR	8	/* in a console's configuration */

#define RING		8
#define SECTOR_SIZE	512

#define BLK_IN		0
#define BLK_OUT		1
#define BLK_OK		0

struct function {
	u32 slot, irq;
	u8 *common, *notify, *isr, *config;
	u32 isr_seen;	/* by the handler, all that was in it */
};

/* A queue in RAM: the table, and the rings with room for eight */
struct ring {
	struct vring_desc desc[RING];
	struct {
		struct vring_avail head;
		u16 ring[RING + 1];
	} avail;
	struct {
		struct vring_used head;
		struct {
			u32 id, len;
		} ring[RING];
		u16 event;
	} used __aligned(4);
} __aligned(16);

static struct function disk, rng, balloon;
static struct ring disk_ring, rng_ring, balloon_ring;
static struct virtqueue disk_vq, rng_vq, balloon_vq;

static u32 in(u16 port, u32 size)
{
	u32 value = 0;

	switch (size) {
	case 1:
		asm volatile("inb %1, %b0" : "+a"(value) : "Nd"(port));
		break;
	case 2:
		asm volatile("inw %1, %w0" : "+a"(value) : "Nd"(port));
		break;
	default:
		asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	}
	return value;
}

static void out(u16 port, u32 size, u32 value)
{
	switch (size) {
	case 1:
		asm volatile("outb %b0, %1" : : "a"(value), "Nd"(port));
		break;
	case 2:
		asm volatile("outw %w0, %1" : : "a"(value), "Nd"(port));
		break;
	default:
		asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
	}
}

static u32 config_read(u32 slot, u32 at, u32 size)
{
	out(CONFIG_ADDRESS, 4, CONFIG_ENABLE | slot << 11 | (at & ~3u));
	return in(CONFIG_DATA + (at & 3), size);
}

static void config_write(u32 slot, u32 at, u32 size, u32 value)
{
	out(CONFIG_ADDRESS, 4, CONFIG_ENABLE | slot << 11 | (at & ~3u));
	out(CONFIG_DATA + (at & 3), size, value);
}

/* Where a slot's capability of that type is; 0 if there is none */
static u32 capability(u32 slot, u32 type)
{
	u32 at = config_read(slot, PCI_CAPS, 1);

	while (at && (config_read(slot, at, 1) != CAP_VENDOR ||
		      config_read(slot, at + CAP_TYPE, 1) != type))
		at = config_read(slot, at + 1, 1);
	return at;
}

static u8 *part(u32 slot, u32 type, u32 bar)
{
	return va(bar + config_read(slot, capability(slot, type) + CAP_OFFSET, 4));
}

static void find_parts(struct function *fn, u32 bar)
{
	fn->common = part(fn->slot, COMMON, bar);
	fn->notify = part(fn->slot, NOTIFY, bar);
	fn->isr = part(fn->slot, ISR, bar);
	fn->config = part(fn->slot, DEVICE, bar);
}

static u32 bar_of(const struct function *fn)
{
	return config_read(fn->slot, PCI_BAR, 4) & PAGE_MASK;
}

static bool find(u8 type, struct function *fn)
{
	for (fn->slot = 1; fn->slot < 32; fn->slot++) {
		if (config_read(fn->slot, PCI_ID, 4) == (0x10401af4u + (type << 16))) {
			config_write(fn->slot, PCI_COMMAND, 2,
				     COMMAND_MEMORY | COMMAND_MASTER);
			fn->irq = config_read(fn->slot, PCI_INTERRUPT, 1);
			map_device_page(bar_of(fn));
			find_parts(fn, bar_of(fn));
			return true;
		}
	}
	return false;
}

/* By mov alone, as readb() to writel() of Linux: the Launcher plays no other instruction. */
static u8 read8(const u8 *p)
{
	u8 value;

	asm volatile("movb %1, %0" : "=q"(value) : "m"(*p) : "memory");
	return value;
}

static void write8(u8 *p, u8 value)
{
	asm volatile("movb %1, %0" : "=m"(*p) : "q"(value) : "memory");
}

static u16 read16(const u8 *p)
{
	u16 value;

	asm volatile("movw %1, %0" : "=r"(value) : "m"(*(const u16 *)p) : "memory");
	return value;
}

static void write16(u8 *p, u16 value)
{
	asm volatile("movw %1, %0" : "=m"(*(u16 *)p) : "r"(value) : "memory");
}

static u32 read32(const u8 *p)
{
	u32 value;

	asm volatile("movl %1, %0" : "=r"(value) : "m"(*(const u32 *)p) : "memory");
	return value;
}

static void write32(u8 *p, u32 value)
{
	asm volatile("movl %1, %0" : "=m"(*(u32 *)p) : "r"(value) : "memory");
}

/* As a driver's handler does: to read the cause is to acknowledge it. */
static void interrupted(struct regs *regs)
{
	u32 irq = regs->vector - 32;
	struct function *fn = irq == disk.irq ? &disk : irq == rng.irq ? &rng : &balloon;

	fn->isr_seen |= read8(fn->isr);
}

static void set_address(struct function *fn, u32 reg, const void *p)
{
	write32(fn->common + reg, pa(p));
	write32(fn->common + reg + 4, 0);
}

/* From the reset to DRIVER_OK, with one queue */
static void bring_up(struct function *fn, struct ring *ring, struct virtqueue *vq)
{
	memset(ring, 0, sizeof(*ring));
	memset(vq, 0, sizeof(*vq));
	vq->num = RING;
	vq->desc = ring->desc;
	vq->avail = &ring->avail.head;
	vq->used = &ring->used.head;

	write8(fn->common + STATUS, 0);
	write8(fn->common + STATUS, UP_TO_DRIVER);
	write32(fn->common + DRIVER_FEATURE_SELECT, 0);
	write32(fn->common + DRIVER_FEATURE, 0);
	write32(fn->common + DRIVER_FEATURE_SELECT, 1);
	write32(fn->common + DRIVER_FEATURE, 1);	/* VERSION_1 */
	write8(fn->common + STATUS, UP_TO_DRIVER | FEATURES_OK);
	CHECK_EQ(read8(fn->common + STATUS), UP_TO_DRIVER | FEATURES_OK);

	write16(fn->common + QUEUE_SELECT, 0);
	write16(fn->common + QUEUE_SIZE, RING);
	set_address(fn, QUEUE_DESC, ring->desc);
	set_address(fn, QUEUE_AVAIL, &ring->avail);
	set_address(fn, QUEUE_USED, &ring->used);
	write16(fn->common + QUEUE_ENABLE, 1);
	CHECK_EQ(read16(fn->common + QUEUE_NOTIFY), 0);
	irq_handler(fn->irq, interrupted);
	write8(fn->common + STATUS, UP_TO_DRIVER | FEATURES_OK | DRIVER_OK);
}

static void the_bus(void)
{
	CHECK_EQ(config_read(0, PCI_CLASS, 4) >> 16, 0x0600);
	CHECK_EQ(config_read(1, PCI_ID, 4), 0x10431af4);
	CHECK_EQ(config_read(1, PCI_ID + 2, 2), 0x1043);
	CHECK_EQ(config_read(1, PCI_ID + 1, 1), 0x1a);
	CHECK_EQ(config_read(31, PCI_ID, 4), ~0u);
	CHECK_EQ(in(0x42, 1), 0);
	CHECK_EQ(in(0x71, 1), 0xff);
	CHECK(!(in(0x64, 1) & 2));
}

/* As Linux's earliest console prints. What it says is for whoever reads along. */
static void the_window(void)
{
	static const char text[] = "# by the console's window\n";
	u32 cap = capability(1, WINDOW), i;

	if (!CHECK(cap))
		return;
	for (i = 0; i < sizeof(text) - 1; i++) {
		config_write(1, cap + CAP_BAR, 1, 0);
		config_write(1, cap + CAP_LENGTH, 4, 4);
		config_write(1, cap + CAP_OFFSET, 4,
			     config_read(1, capability(1, DEVICE) + CAP_OFFSET, 4) +
			     EMERG_WR);
		config_write(1, cap + CAP_EXTRA, 4, text[i]);
	}
}

/* What a compiler makes of a notify, in each form */
static void notify_word(u8 *p)
{
	asm volatile("movw %w0, (%1)" : : "r"(0), "r"(p) : "memory");
}

static void notify_word_constant(u8 *p)
{
	asm volatile("movw $0, (%0)" : : "r"(p) : "memory");
}

static void notify_long(u8 *p)
{
	asm volatile("movl %0, 0x12345(%1)" : : "r"(0), "r"(p - 0x12345) : "memory");
}

static void notify_long_constant(u8 *p)
{
	asm volatile("movl $0, 8(%0,%1,4)" : : "r"(p - 0x408), "r"(0x100) : "memory");
}

static void notify_byte(u8 *p)
{
	asm volatile("movb %h0, 4(%1)" : : "Q"(0), "r"(p - 4) : "memory");
}

static void notify_prefixed(u8 *p)
{
	asm volatile("ds; movw %w0, (%1)" : : "r"(0), "r"(p) : "memory");
}

/* No store to memory: this one comes to the Launcher. */
static void notify_by_window(u8 *p)
{
	u32 cap = capability(disk.slot, WINDOW);

	config_write(disk.slot, cap + CAP_BAR, 1, 0);
	config_write(disk.slot, cap + CAP_LENGTH, 4, 2);
	config_write(disk.slot, cap + CAP_OFFSET, 4, (u32)p & (PAGE_SIZE - 1));
	config_write(disk.slot, cap + CAP_EXTRA, 2, 0);
}

static void (*const notifies[])(u8 *p) = {
	notify_word, notify_word_constant, notify_long, notify_long_constant, notify_byte,
	notify_prefixed, notify_by_window,
};

static u8 disk_request(u32 type, u32 sector, u8 *data, void (*notify)(u8 *p))
{
	static struct {
		u32 type, ioprio;
		u64 sector;
	} header;
	static u8 status;
	u16 desc;
	u32 len;

	header.type = type;
	header.sector = sector;
	status = 0xff;
	disk.isr_seen = 0;
	vq_describe(&disk_vq, 0, &header, sizeof(header), VRING_DESC_NEXT);
	vq_describe(&disk_vq, 1, data, SECTOR_SIZE,
		    VRING_DESC_NEXT | (type == BLK_IN ? VRING_DESC_WRITE : 0));
	vq_describe(&disk_vq, 2, &status, 1, VRING_DESC_WRITE);
	vq_offer(&disk_vq, 0);
	/* Always: whether the Launcher wants to be woken is not looked at. */
	notify(disk.notify);
	while (!vq_used(&disk_vq, &desc, &len))
		irq_wait();
	CHECK_EQ(desc, 0);
	/* Its interrupt is still to come, if it was done before we went to sleep. */
	while (!disk.isr_seen)
		irq_wait();
	CHECK_EQ(disk.isr_seen, 1);
	return status;
}

static bool have(const struct function *fn)
{
	if (fn->slot == 32)
		ktap_skip("no such device");
	return fn->slot < 32;
}

static void disk_works(void)
{
	static u8 data[SECTOR_SIZE];
	u32 i;

	if (!have(&disk))
		return;
	CHECK(read32(disk.config) > 2 * ARRAY_SIZE(notifies));
	CHECK_EQ(read16(disk.common + NUM_QUEUES), 1);
	bring_up(&disk, &disk_ring, &disk_vq);
	for (i = 0; i < ARRAY_SIZE(notifies); i++) {
		memset(data, 'a' + i, sizeof(data));
		CHECK_EQ(disk_request(BLK_OUT, i + 1, data, notifies[i]), BLK_OK);
		memset(data, 0, sizeof(data));
		CHECK_EQ(disk_request(BLK_IN, i + 1, data, notifies[i]), BLK_OK);
		CHECK_EQ(data[0], 'a' + i);
		CHECK_EQ(data[SECTOR_SIZE - 1], 'a' + i);
	}
}

/* Loads to several registers, with several ways to address */
static void loads(void)
{
	u32 eax = 0x11223344, ecx = 0x55667788, edi;
	const u8 *p = disk.common + NUM_QUEUES;

	if (!have(&disk))
		return;
	asm volatile("movb 2(%1), %%ah" : "+a"(eax) : "r"(p));
	CHECK_EQ(eax, 0x11220044 | (UP_TO_DRIVER | FEATURES_OK | DRIVER_OK) << 8);
	asm volatile("movw -2(%1), %w0" : "+c"(ecx) : "r"(p + 2));
	CHECK_EQ(ecx, 0x55660001);
	asm volatile("movl (%1,%2,2), %0" : "=D"(edi) : "r"(p - 18 - 0x20), "r"(0x10));
	CHECK_EQ(edi, read32(disk.common));
	/* Nothing is in that part of the page. */
	asm volatile("movl 0x300(%1), %0" : "=D"(edi) : "r"(disk.common));
	CHECK_EQ(edi, ~0u);
}

static void add_to(void *p)
{
	asm volatile("addl $1, (%0)" : : "r"(p) : "memory", "cc");
}

/* What the Launcher does not play is a fault, of the guest's own. */
static void other_instructions(void)
{
	struct trap_info info;

	if (!have(&disk))
		return;
	if (!CHECK(try_call(add_to, disk.common, &info)))
		return;
	CHECK_EQ(info.regs.vector, TRAP_PF);
	CHECK_EQ(info.cr2, (u32)disk.common);
}

static u32 steps;

static bool count_step(struct regs *regs)
{
	(void)regs;
	steps++;
	return true;
}

/* The Launcher plays the in: no step ends behind it. Without it there are three. */
static void no_step_behind_ports(void)
{
	u32 eax = 0;

	trap_hook(TRAP_DB, count_step);
	set_gate(TRAP_DB, GATE_TRAP, 0);
	steps = 0;
	asm volatile(SINGLE_STEPPED("nop\n"
				    "inl %%dx, %%eax\n")
		     : "+a"(eax)
		     : [tf] "i"(FLAGS_TF), "d"(CONFIG_ADDRESS)
		     : "memory", "cc");
	CHECK_EQ(steps, 2);
	trap_hook(TRAP_DB, NULL);
}

/* Where the other one was, which is off meanwhile */
static void bar_moves(void)
{
	static u8 data[SECTOR_SIZE];
	u32 old;

	if (!have(&disk) || !have(&rng))
		return;
	old = bar_of(&disk);
	config_write(rng.slot, PCI_COMMAND, 2, 0);
	config_write(disk.slot, PCI_BAR, 4, ~0u);
	CHECK_EQ(config_read(disk.slot, PCI_BAR, 4), -PAGE_SIZE);
	config_write(disk.slot, PCI_BAR, 4, bar_of(&rng));
	find_parts(&disk, bar_of(&rng));
	CHECK_EQ(disk_request(BLK_IN, 1, data, notify_word), BLK_OK);
	CHECK_EQ(data[0], 'a');
	config_write(disk.slot, PCI_BAR, 4, old);
	find_parts(&disk, old);
	config_write(rng.slot, PCI_COMMAND, 2, COMMAND_MEMORY | COMMAND_MASTER);
	CHECK_EQ(disk_request(BLK_IN, 2, data, notify_word), BLK_OK);
	CHECK_EQ(data[0], 'b');
}

static void rng_works(void)
{
	static u8 numbers[64];
	u32 len, i, sum = 0;
	u16 desc;

	if (!have(&rng))
		return;
	bring_up(&rng, &rng_ring, &rng_vq);
	vq_add(&rng_vq, 0, numbers, sizeof(numbers), VRING_DESC_WRITE);
	notify_word(rng.notify);
	while (!vq_used(&rng_vq, &desc, &len))
		irq_wait();
	CHECK(len > 0 && len <= sizeof(numbers));
	for (i = 0; i < sizeof(numbers); i++)
		sum += numbers[i];
	CHECK(sum);
}

/* The host's huge pages among them: it frees single ones, in an order that goes back and forth. */
static void balloon_works(void)
{
	static u8 spare[64][PAGE_SIZE] __aligned(PAGE_SIZE);
	static u32 pfns[ARRAY_SIZE(spare) / 2];
	u32 len, i, round, target;
	u16 desc;

	if (!have(&balloon))
		return;
	target = read32(balloon.config);
	CHECK(target && target < ram_size() / PAGE_SIZE);
	bring_up(&balloon, &balloon_ring, &balloon_vq);
	for (i = 0; i < ARRAY_SIZE(pfns); i++)
		pfns[i] = pa(spare[i % 4 == 3 ? 2 * i - 2 : 2 * i]) / PAGE_SIZE;
	for (round = 0; round < 3; round++) {
		memset(spare, 0x5a, sizeof(spare));
		vq_add(&balloon_vq, 0, pfns, sizeof(pfns), 0);
		notify_word(balloon.notify);
		while (!vq_used(&balloon_vq, &desc, &len))
			irq_wait();
		for (i = 0; i < ARRAY_SIZE(spare); i++)
			CHECK_EQ(spare[i][17], i % 2 || i % 8 == 6 ? 0x5a : 0);
	}
	/* Its driver says how much it has given. */
	write32(balloon.config + 4, ARRAY_SIZE(pfns));
	CHECK_EQ(read32(balloon.config + 4), ARRAY_SIZE(pfns));
}

static void reset(void)
{
	if (!have(&disk))
		return;
	write8(disk.common + STATUS, 0);
	CHECK_EQ(read8(disk.common + STATUS), 0);
	CHECK_EQ(read16(disk.common + QUEUE_ENABLE), 0);
	CHECK_EQ(read32(disk.common + QUEUE_DESC), 0);
	disk_works();
}

static const struct ktap_test tests[] = {
	{ "bus", the_bus },
	{ "console's window", the_window },
	{ "disk: each way to notify", disk_works },
	{ "loads", loads },
	{ "other instructions", other_instructions },
	{ "no step behind ports", no_step_behind_ports },
	{ "a BAR that moves", bar_moves },
	{ "random numbers", rng_works },
	{ "balloon", balloon_works },
	{ "reset", reset },
};

void guest_main(void)
{
	irq_disable();
	find(VIRTIO_BLOCK, &disk);
	find(VIRTIO_RNG, &rng);
	find(VIRTIO_BALLOON, &balloon);
	ktap_run(tests, ARRAY_SIZE(tests));
}
