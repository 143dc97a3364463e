// SPDX-License-Identifier: GPL-2.0
#include "alloc.h"
#include "hypercall.h"
#include "paging.h"
#include "string.h"
#include "traps.h"

pte_t boot_top[PT_ENTRIES] __aligned(PAGE_SIZE);
pte_t boot_ptes[BOOT_MAPPED / PAGE_SIZE] __aligned(PAGE_SIZE);
#ifdef PAE
pte_t boot_pmds[4][PT_ENTRIES] __aligned(PAGE_SIZE);
#endif

static pte_t *loaded_top = boot_top;

u32 ram_size(void)
{
	const struct e820_entry *e =
		(const struct e820_entry *)(boot_params + BOOT_E820_MAP);

	return min_t(u64, e->size, MAX_RAM);
}

const char *command_line(void)
{
	return va(*(const u32 *)(boot_params + BOOT_CMD_LINE_PTR));
}

static u32 pt_index(u32 addr)
{
	return addr / PAGE_SIZE % PT_ENTRIES;
}

static pte_t *table_of(pte_t entry)
{
	return va((u32)entry & PAGE_MASK);
}

pte_t *pde_entry(pte_t *top, u32 addr)
{
#ifdef PAE
	return table_of(top[addr >> 30]) + (addr >> PDE_SHIFT) % PT_ENTRIES;
#else
	return top + (addr >> PDE_SHIFT);
#endif
}

pte_t *pte_entry(pte_t *top, u32 addr)
{
	pte_t pde = *pde_entry(top, addr);

	return pde & PTE_P ? table_of(pde) + pt_index(addr) : NULL;
}

static void pde_call(void (*call)(u32 nr, u32 a1, u32 a2, u32 a3, u32 a4),
		     pte_t *top, u32 addr)
{
#ifdef PAE
	call(LHCALL_SET_PMD, (u32)top[addr >> 30] & PAGE_MASK,
	     (addr >> PDE_SHIFT) % PT_ENTRIES, 0, 0);
#else
	call(LHCALL_SET_PGD, pa(top), addr >> PDE_SHIFT, 0, 0);
#endif
}

void tell_pde(pte_t *top, u32 addr)
{
	pde_call(hcall, top, addr);
}

void tell_pte(pte_t *top, u32 addr, pte_t pte)
{
	hcall(LHCALL_SET_PTE, pa(top), addr, pte, (u64)pte >> 32);
}

void set_pde(pte_t *top, u32 addr, pte_t pde)
{
	*pde_entry(top, addr) = pde;
	tell_pde(top, addr);
}

static void need_table(pte_t *top, u32 addr)
{
	void *table;

	if (*pde_entry(top, addr) & PTE_P)
		return;
	table = alloc_page();
	if (!table)
		panic("no memory for a page table");
	set_pde(top, addr, pa(table) |
		(addr < KERNEL_BASE ? PDE_USER : PDE_KERNEL));
}

void set_pte(pte_t *top, u32 addr, pte_t pte)
{
	need_table(top, addr);
	*pte_entry(top, addr) = pte;
	tell_pte(top, addr, pte);
}

void set_pte_lazy(pte_t *top, u32 addr, pte_t pte)
{
	need_table(top, addr);
	*pte_entry(top, addr) = pte;
	async_hcall(LHCALL_SET_PTE, pa(top), addr, pte, (u64)pte >> 32);
}

void map_device_page(u32 addr)
{
	set_pte(kernel_top, addr + KERNEL_BASE, addr | PTE_KERNEL);
}

/*
 * Give every kernel address that is ever used its page table now: from here
 * on the kernel part of the directory is the same in all address spaces.
 */
void paging_init(void)
{
	u32 devices = ram_size() + 0x00400000;
	u32 addr;

	for (addr = BOOT_MAPPED; addr < devices; addr += PAGE_SIZE) {
		u32 virt = addr + KERNEL_BASE;

		need_table(kernel_top, virt);
		if (addr < ram_size())
			*pte_entry(kernel_top, virt) = addr | PTE_KERNEL;
	}
	for (addr = 0; addr < SCRATCH_SIZE; addr += 1u << PDE_SHIFT)
		need_table(kernel_top, SCRATCH_BASE + addr);

	/* A null pointer shall fault. */
	for (addr = 0; addr < BOOT_MAPPED; addr += 1u << PDE_SHIFT)
		set_pde(kernel_top, addr, 0);
	hcall1(LHCALL_FLUSH_TLB, 1);
}

pte_t *top_new(void)
{
	pte_t *top = alloc_page();
	u32 i;

	if (!top)
		panic("no memory for an address space");
#ifdef PAE
	for (i = 0; i < 3; i++) {
		void *pmd = alloc_page();

		if (!pmd)
			panic("no memory for an address space");
		top[i] = pa(pmd) | PTE_P;
	}
	top[3] = kernel_top[3];
#else
	for (i = KERNEL_BASE >> PDE_SHIFT; i < PT_ENTRIES; i++)
		top[i] = kernel_top[i];
#endif
	return top;
}

void top_free(pte_t *top)
{
	u32 addr, i;

	if (top == loaded_top)
		load_top(kernel_top);
	for (addr = 0; addr < KERNEL_BASE; addr += 1u << PDE_SHIFT) {
		pte_t *pde = pde_entry(top, addr);
		pte_t *table;

		if (!(*pde & PTE_P))
			continue;
		table = table_of(*pde);
		*pde = 0;
		/*
		 * These pages come back as something else, @top perhaps as
		 * another top level: the host must know that it's empty.
		 */
		pde_call(async_hcall, top, addr);
		for (i = 0; i < PT_ENTRIES; i++)
			if ((table[i] & PTE_P) && (table[i] & PTE_OWNED))
				free_page(table_of(table[i]));
		free_page(table);
	}
	hcall0(LHCALL_FLUSH_ASYNC);
#ifdef PAE
	for (i = 0; i < 3; i++) {
		pte_t entry = top[i];

		top[i] = 0;
		hcall2(LHCALL_SET_PGD, pa(top), i);
		free_page(table_of(entry));
	}
#endif
	free_page(top);
}

void load_top(pte_t *top)
{
	loaded_top = top;
	hcall1(LHCALL_NEW_PGTABLE, pa(top));
}

void load_top_lazy(pte_t *top)
{
	loaded_top = top;
	async_hcall(LHCALL_NEW_PGTABLE, pa(top), 0, 0, 0);
}

pte_t *current_top(void)
{
	return loaded_top;
}

static bool copy_user(pte_t *top, u8 *kernel, u32 user, u32 len, bool write)
{
	while (len) {
		u32 offset = user % PAGE_SIZE;
		u32 n = min(PAGE_SIZE - offset, len);
		pte_t *pte = user < KERNEL_BASE ? pte_entry(top, user) : NULL;
		u32 want = PTE_P | PTE_U | (write ? PTE_W : 0);
		u8 *page;

		if (!pte || (*pte & want) != want)
			return false;
		page = va((u32)*pte & PAGE_MASK);
		if (write)
			memcpy(page + offset, kernel, n);
		else
			memcpy(kernel, page + offset, n);
		kernel += n;
		user += n;
		len -= n;
	}
	return true;
}

bool copy_from_user(pte_t *top, void *dst, u32 src, u32 len)
{
	return copy_user(top, dst, src, len, false);
}

bool copy_to_user(pte_t *top, u32 dst, const void *src, u32 len)
{
	/* The cast drops const, but this direction only reads. */
	return copy_user(top, (u8 *)src, dst, len, true);
}
