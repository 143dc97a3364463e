/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GUEST_SEGMENTS_H
#define GUEST_SEGMENTS_H

#include "types.h"

/* Bits 8..15 of a descriptor's high word. */
#define SEG_PRESENT	0x80
#define SEG_DPL(n)	((n) << 5)
#define SEG_DATA	0x12
#define SEG_CODE	0x1a

/* In a descriptor's high word: D of code, B of a stack */
#define SEG_32BIT	0x00400000

struct desc {
	u32 low, high;
};

/* A 32-bit segment; limits beyond 1 MiB are rounded to pages. */
struct desc make_desc(u32 base, u32 limit, u8 access);
void set_gdt(u32 entry, struct desc desc);
void segments_init(void);

#endif /* GUEST_SEGMENTS_H */
