// SPDX-License-Identifier: GPL-2.0
#include "hypercall.h"
#include "layout.h"
#include "segments.h"

#define SEG_PAGES	0x00800000

struct desc make_desc(u32 base, u32 limit, u8 access)
{
	u32 flags = SEG_32BIT;

	if (limit > 0xfffff) {
		limit >>= 12;
		flags |= SEG_PAGES;
	}
	return (struct desc) {
		.low = base << 16 | (limit & 0xffff),
		.high = (base & 0xff000000) | flags | (limit & 0xf0000) |
			access << 8 | (base >> 16 & 0xff),
	};
}

void set_gdt(u32 entry, struct desc desc)
{
	hcall3(LHCALL_LOAD_GDT_ENTRY, entry, desc.low, desc.high);
}

void segments_init(void)
{
	/* The kernel's own are there from the start. Linux says DPL 0 here. */
	set_gdt(KERNEL_CS >> 3, make_desc(0, ~0u, SEG_PRESENT | SEG_CODE));
	set_gdt(KERNEL_DS >> 3, make_desc(0, ~0u, SEG_PRESENT | SEG_DATA));
	set_gdt(USER_CS >> 3,
		make_desc(0, ~0u, SEG_PRESENT | SEG_CODE | SEG_DPL(3)));
	set_gdt(USER_DS >> 3,
		make_desc(0, ~0u, SEG_PRESENT | SEG_DATA | SEG_DPL(3)));
}
