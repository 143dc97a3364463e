// SPDX-License-Identifier: GPL-2.0
#include "early.h"
#include "hypercall.h"
#include "paging.h"

void __weak guest_early(void)
{
}

static const u8 *early_boot_params(void)
{
	const u8 *params = (const u8 *)((u32)boot_params - KERNEL_BASE);

	/* The compiler knows that nothing can be at address 0. It can. */
	asm("" : "+r"(params));
	return params;
}

const char *early_command_line(void)
{
	return *(const char **)(early_boot_params() + BOOT_CMD_LINE_PTR);
}

u32 early_ram_size(void)
{
	const u8 *params = early_boot_params();
	const struct e820_entry *e =
		(const struct e820_entry *)(params + BOOT_E820_MAP);

	/* The ABI promises a first entry with all RAM. */
	return min_t(u64, e->size, MAX_RAM);
}

static void early_set(pte_t *table, u32 index, pte_t entry)
{
	/* WRITE_ONCE(), lest the compiler make a loop a call of memset() */
	WRITE_ONCE(table[index], entry);
}

/*
 * Map the first BOOT_MAPPED bytes of RAM, once where they are and once behind
 * KERNEL_BASE. The kernel keeps these tables, and fills in the rest.
 */
static u32 early_tables(void)
{
	u32 pages = min(early_ram_size(), BOOT_MAPPED) / PAGE_SIZE;
	pte_t *ptes = *early(boot_ptes);
	pte_t *top = *early(boot_top);
	u32 i;

	for (i = 0; i < pages; i++)
		early_set(ptes, i, i * PAGE_SIZE | PTE_KERNEL);
#ifdef PAE
	for (i = 0; i < 4; i++)
		early_set(top, i, (u32)(*early(boot_pmds))[i] | PTE_P);
	for (i = 0; i < BOOT_MAPPED >> PDE_SHIFT; i++) {
		pte_t entry = (u32)(ptes + i * PT_ENTRIES) | PDE_KERNEL;

		early_set((*early(boot_pmds))[0], i, entry);
		early_set((*early(boot_pmds))[3], i, entry);
	}
#else
	for (i = 0; i < BOOT_MAPPED >> PDE_SHIFT; i++) {
		pte_t entry = (u32)(ptes + i * PT_ENTRIES) | PDE_KERNEL;

		early_set(top, i, entry);
		early_set(top, (KERNEL_BASE >> PDE_SHIFT) + i, entry);
	}
#endif
	return (u32)top;
}

/* Called by start.S alone; returns the top-level table. */
u32 early_main(void);

u32 early_main(void)
{
	u32 p;

	/*
	 * The Launcher may have mapped the file's last page whole: what lies
	 * behind the data is then whatever came next in the file.
	 */
	for (p = (u32)bss_start; p < (u32)bss_end; p += 4)
		WRITE_ONCE(*(u32 *)(p - KERNEL_BASE), 0);
	guest_early();
	hcall1(LHCALL_LGUEST_INIT, (u32)early(lguest_data));
	return early_tables();
}
