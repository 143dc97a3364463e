// SPDX-License-Identifier: GPL-2.0
/*
 * Which of a guest's descriptors reach the CPU. A guest's GDT is its own, but no
 * descriptor in it may lead out of the guest: only code and data segments pass,
 * none of 64 bits, none of ring 0.
 */
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/string.h>

#include "../lg.h"

/* Intel SDM volume 3, section 3.4.5, bits of a descriptor's high word. */
#define DESC_ACCESSED		BIT(8)
#define DESC_WRITABLE		BIT(9)
#define DESC_EXPAND_DOWN	BIT(10)
#define DESC_CODE		BIT(11)
#define DESC_S			BIT(12)
#define DESC_DPL_SHIFT		13
#define DESC_DPL		GENMASK(14, 13)
#define DESC_PRESENT		BIT(15)
#define DESC_LIMIT_HIGH		GENMASK(19, 16)
#define DESC_LONG		BIT(21)
#define DESC_BIG		BIT(22)
#define DESC_GRANULARITY	BIT(23)

#define FIRST_TLS_ENTRY		6
#define TLS_ENTRIES		3

/* 4 GiB from 0, ring 1, accessed. */
static const struct lg_desc flat_code = { 0x0000ffff, 0x00cfbb00 };
static const struct lg_desc flat_data = { 0x0000ffff, 0x00cfb300 };

/**
 * lg_sanitize_descriptor() - make a guest's descriptor safe to load
 * @desc: the descriptor, changed in place
 *
 * System descriptors (gates, TSS, LDT) become null ones. The accessed bit is
 * set in advance, so that the CPU never writes to the table.
 *
 * Return: true if the descriptor can be loaded; false if it became null, or is
 * not present.
 */
bool lg_sanitize_descriptor(struct lg_desc *desc)
{
	if (!(desc->high & DESC_S) || !(desc->high & DESC_PRESENT)) {
		/* One that is not present still faults as such if loaded. */
		if (!(desc->high & DESC_S)) {
			desc->low = 0;
			desc->high = 0;
		}
		desc->high &= ~DESC_PRESENT;
		return false;
	}
	desc->high &= ~DESC_LONG;
	desc->high |= DESC_ACCESSED;
	if (!(desc->high & DESC_DPL))
		desc->high |= LG_KERNEL_RPL << DESC_DPL_SHIFT;
	return true;
}

/* Entries 2 and 3 are the host's own CS and DS: it needs them on the seam. */
static bool is_host_entry(u32 nr)
{
	return nr == 2 || nr == 3;
}

static bool is_tls(u32 nr)
{
	return nr >= FIRST_TLS_ENTRY && nr < FIRST_TLS_ENTRY + TLS_ENTRIES;
}

static void set_entry(struct lguest *lg, u32 nr, struct lg_desc desc)
{
	lg_sanitize_descriptor(&desc);
	lg->gdt[nr] = desc;
}

/**
 * lg_init_gdt() - the GDT that a guest starts with: flat, for ring 1
 * @lg: the guest, with the table allocated
 */
void lg_init_gdt(struct lguest *lg)
{
	lg->gdt[LG_KERNEL_CS / sizeof(struct lg_desc)] = flat_code;
	lg->gdt[LG_KERNEL_DS / sizeof(struct lg_desc)] = flat_data;
}

/**
 * lg_load_gdt_entry() - LHCALL_LOAD_GDT_ENTRY
 * @lg: the guest; its own task calls
 * @nr: which entry
 * @low: the descriptor's low word
 * @high: its high word
 *
 * This silently leaves out the host's entries, and descriptors that no guest may
 * have: every Linux guest hands over a TSS and an LDT.
 */
void lg_load_gdt_entry(struct lguest *lg, u32 nr, u32 low, u32 high)
{
	struct lg_desc desc = { .low = low, .high = high };

	if (nr >= LG_GDT_ENTRIES) {
		lg_kill(lg, "bad GDT entry %u", nr);
		return;
	}
	nr = array_index_nospec(nr, LG_GDT_ENTRIES);
	if (nr && !is_host_entry(nr))
		set_entry(lg, nr, desc);
}

/**
 * lg_load_tls() - LHCALL_LOAD_TLS: the three entries of the current thread
 * @lg: the guest; its own task calls
 * @gpa: where the three descriptors are
 *
 * Context: may sleep.
 * Return: true if the kernel's stack segment is one of them.
 */
bool lg_load_tls(struct lguest *lg, u32 gpa)
{
	struct lg_desc tls[TLS_ENTRIES];
	unsigned int i;

	if (!lg_get_words(lg, gpa, &tls[0].low, TLS_ENTRIES * 2))
		return false;
	for (i = 0; i < TLS_ENTRIES; i++)
		set_entry(lg, FIRST_TLS_ENTRY + i, tls[i]);
	/* It hardly ever is. */
	return is_tls((lg->kernel_ss & 0xffff) / sizeof(struct lg_desc));
}

static const struct lg_desc *descriptor_of(struct lguest *lg, u32 selector)
{
	u32 nr = (selector & 0xffff) / sizeof(struct lg_desc);

	/* Outside of the table, the mask makes nr 0: the null descriptor. */
	return &lg->gdt[array_index_nospec(nr, LG_GDT_ENTRIES)];
}

/**
 * lg_segment_base() - the linear address of a segment's byte 0
 * @lg: the guest
 * @selector: a selector of its GDT
 *
 * Return: the base; 0 for a selector outside of the GDT.
 */
u32 lg_segment_base(struct lguest *lg, u32 selector)
{
	const struct lg_desc *desc = descriptor_of(lg, selector);

	return desc->low >> 16 | (desc->high & 0xff) << 16 |
	       (desc->high & 0xff000000);
}

/**
 * lg_segment_is_16bit() - whether a segment of code or a stack has 16 bits
 * @lg: the guest
 * @selector: a selector of its GDT
 *
 * Return: true if its D/B flag is clear (SDM volume 3, section 3.4.5).
 */
bool lg_segment_is_16bit(struct lguest *lg, u32 selector)
{
	return !(descriptor_of(lg, selector)->high & DESC_BIG);
}

/**
 * lg_stack_mask() - how much of ESP a stack segment uses
 * @lg: the guest
 * @selector: a selector of its GDT
 *
 * Return: 0xffffffff, or 0xffff for a 16-bit segment.
 */
u32 lg_stack_mask(struct lguest *lg, u32 selector)
{
	return lg_segment_is_16bit(lg, selector) ? U16_MAX : U32_MAX;
}

/**
 * lg_segment_is_flat() - whether a selector is of a plain 4 GiB ring-1 stack
 * @lg: the guest
 * @selector: a selector of its GDT
 *
 * Return: true for present writable data, DPL 1, from 0 to 4 GiB, 32 bits.
 */
bool lg_segment_is_flat(struct lguest *lg, u32 selector)
{
	const struct lg_desc *desc = descriptor_of(lg, selector);

	return desc->low == flat_data.low &&
	       (desc->high | DESC_ACCESSED) == flat_data.high &&
	       (selector & 7) == LG_KERNEL_RPL;
}

/**
 * lg_drop_selector() - empty a data segment register that can't be loaded
 * @lg: the guest; its own task calls
 * @error_code: of the fault: the selector, without its RPL
 *
 * A guest may take away a descriptor that a register still refers to. A CPU would
 * keep what it had loaded; we must load it again, and can't.
 *
 * Return: true if a register referred to it.
 */
bool lg_drop_selector(struct lguest *lg, u32 error_code)
{
	u32 *const selectors[] = {
		&lg->regs->ds, &lg->regs->es, &lg->regs->fs, &lg->regs->gs,
	};
	bool dropped = false;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(selectors); i++) {
		if (*selectors[i] > 3 && (*selectors[i] & ~3) == error_code) {
			*selectors[i] = 0;
			dropped = true;
		}
	}
	return dropped;
}
