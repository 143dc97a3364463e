// SPDX-License-Identifier: GPL-2.0
#include "alloc.h"
#include "paging.h"
#include "string.h"
#include "traps.h"

/* A bit per page, set while it's taken. A list would touch every page. */
static u32 taken[MAX_RAM / PAGE_SIZE / 32];
static u32 first, limit, hint, nr_free;

u32 kernel_end(void)
{
	return pa(bss_end);
}

void alloc_init(void)
{
	/* Memory below the kernel is left to the Launcher's parameters. */
	first = kernel_end() / PAGE_SIZE;
	limit = ram_size() / PAGE_SIZE;
	hint = first;
	nr_free = limit - first;
}

void *alloc_page(void)
{
	u32 i, pfn = hint;

	for (i = first; i < limit; i++, pfn++) {
		if (pfn >= limit)
			pfn = first;
		if (taken[pfn / 32] & 1u << pfn % 32)
			continue;
		taken[pfn / 32] |= 1u << pfn % 32;
		hint = pfn + 1;
		nr_free--;
		return memset(va(pfn * PAGE_SIZE), 0, PAGE_SIZE);
	}
	return NULL;
}

void free_page(void *page)
{
	u32 pfn = pa(page) / PAGE_SIZE;

	if (pfn < first || pfn >= limit || !(taken[pfn / 32] & 1u << pfn % 32))
		panic("page %u freed, but not taken", pfn);
	taken[pfn / 32] &= ~(1u << pfn % 32);
	nr_free++;
	/* Use it again soon, while the host still has it mapped. */
	if (pfn < hint)
		hint = pfn;
}

u32 free_pages(void)
{
	return nr_free;
}
