// SPDX-License-Identifier: GPL-2.0
/*
 * Access by linear address as the guest's kernel has it, through the guest's own
 * page tables (tables.c) to its memory (memory.c).
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "../lg.h"
#include "tables.h"

/* Find the gpa behind one page's part of a linear range. */
static bool translate(struct lguest *lg, u32 gva, bool write, u32 *gpa)
{
	struct lg_mapping map;

	if (!lg_walk(lg, gva, &map) || !map.present ||
	    map.gfn >= lg->pfn_limit)
		return false;
	if (write && !(map.pde & map.pte & LG_PTE_WRITE))
		return false;
	if (!lg_set_accessed_dirty(lg, &map, write))
		return false;
	*gpa = (map.gfn << PAGE_SHIFT) | offset_in_page(gva);
	return true;
}

/**
 * lg_read_linear() - copy from an address as the guest's kernel sees it
 * @lg: the guest; its own task calls
 * @gva: guest linear address; wraps at 4 GiB as the CPU's would
 * @to: where to
 * @len: bytes
 *
 * Context: may sleep.
 * Return: true; false if the guest's tables do not map all of it, or with the
 * guest dead.
 */
bool lg_read_linear(struct lguest *lg, u32 gva, void *to, u32 len)
{
	while (len) {
		u32 part = min_t(u32, len, PAGE_SIZE - offset_in_page(gva));
		u32 gpa;

		if (!translate(lg, gva, false, &gpa) ||
		    !lg_read(lg, gpa, to, part))
			return false;
		gva += part;
		to += part;
		len -= part;
	}
	return true;
}

/**
 * lg_write_linear() - copy to an address as the guest's kernel sees it
 * @lg: the guest; its own task calls
 * @gva: guest linear address; wraps at 4 GiB as the CPU's would
 * @from: where from
 * @len: bytes
 *
 * Accessed and dirty bits are kept as if the guest had written.
 *
 * Context: may sleep.
 * Return: true; false if the guest's tables do not map all of it writable, or
 * with the guest dead.
 */
bool lg_write_linear(struct lguest *lg, u32 gva, const void *from, u32 len)
{
	while (len) {
		u32 part = min_t(u32, len, PAGE_SIZE - offset_in_page(gva));
		u32 gpa;

		if (!translate(lg, gva, true, &gpa) ||
		    !lg_write(lg, gpa, from, part))
			return false;
		gva += part;
		from += part;
		len -= part;
	}
	return true;
}

/**
 * lg_fetch_insn() - read the bytes at EIP
 * @lg: the guest; its own task calls
 * @insn: the bytes, or 0 in place of those that can't be read
 * @size: how many
 *
 * If @size leads to another page, that page's entry in the guest's tables may be one
 * that ends the guest.
 *
 * Context: may sleep.
 * Return: how many could be read.
 */
u32 lg_fetch_insn(struct lguest *lg, u8 *insn, u32 size)
{
	u32 at = lg_insn_address(lg);
	u32 len = min_t(u32, size, PAGE_SIZE - offset_in_page(at));

	memset(insn, 0, size);
	if (!lg_read_linear(lg, at, insn, len))
		return 0;
	if (len < size && lg_read_linear(lg, at + len, insn + len, size - len))
		len = size;
	return len;
}
