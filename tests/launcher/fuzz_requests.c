// SPDX-License-Identifier: GPL-2.0
/* See fuzz.h. What a hostile guest has in its rings, and the numbers that it is made of */
#include "fuzz.h"

#include <string.h>

__u32 any_value(void)
{
	switch (below(6)) {
	case 0:
		return ~0U;
	case 1:
		return below(17);
	case 2:
		return 1U << below(32);
	case 3:
		return below(FUZZ_RAM);
	case 4:
		return FUZZ_RAM - below(0x3000);
	default:
		return any();
	}
}

__u64 mostly(__u64 usual, __u64 other)
{
	return below(1000) ? usual : other;
}

__u64 any_address(void)
{
	return (below(2) ? (__u64)any_value() << 32 : 0) | any_value();
}

unsigned int any_size(void)
{
	return 1 << below(3);
}

struct vring_desc any_descriptor(void)
{
	return (struct vring_desc){
		.addr = any_address(), .len = any_value(), .flags = below(8), .next = below(16),
	};
}

/* Put four descriptors, of which @first is the first's number, to any address. */
static void make_indirect(struct vring_desc *desc, unsigned int first)
{
	__u32 at = below(FUZZ_RAM - 4 * sizeof(*desc));

	for (unsigned int i = 0; i < 4; i++)
		desc[i].next -= first;
	/* It may be where the ring is. */
	memmove(guest_ram(at, 4 * sizeof(*desc)), desc, 4 * sizeof(*desc));
	desc[0] = (struct vring_desc){
		.addr = mostly(at, any_address()),
		.len = mostly(4 * sizeof(*desc), any_value()),
		.flags = mostly(VRING_DESC_F_INDIRECT, below(8)),
	};
}

void fill_ring(enum fuzz_device device, unsigned int queue, struct vring_desc *desc,
	       __u16 *avail)
{
	/* For one that is written to, from which is read, and a disk's */
	static const __u8 flags[3][4] = { { 3, 3, 3, 2 }, { 1, 1, 1, 0 }, { 1, 1, 1, 2 } };
	unsigned int kind = !below(50) ? below(3) : device == DISK ? 2 :
		device == BALLOON || ((device == CONSOLE || device == NET) && queue);

	for (unsigned int i = 0; i < 16; i++) {
		__u32 len = below(40) ? 512 * (1 + below(4)) : 0;

		desc[i] = (struct vring_desc){
			.addr = mostly(below(FUZZ_RAM / 2), any_address()),
			.len = mostly(below(device == BALLOON ? 20 : 3) ? 16 : len, any_value()),
			.flags = mostly(flags[kind][i & 3], below(8)),
			.next = mostly(i + 1, below(20)),
		};
	}
	/* A request of a disk begins with its type and sector. */
	for (unsigned int i = 0; i < 16; i += 4) {
		__u32 header[] = { below(10), 0, below(4000), 0 };
		void *at = guest_ram(desc[i].addr, sizeof(header));

		if (at)
			memcpy(at, header, sizeof(header));
	}
	/* One of a balloon is a list of pages. */
	for (unsigned int i = 0; device == BALLOON && i < 16; i++) {
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
