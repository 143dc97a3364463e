/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page tables, 2-level or PAE by the build. The top level is a pte_t array in
 * both cases. The level above the page tables is called the directory: that is
 * the top level itself, or PAE's middle one.
 */
#ifndef GUEST_PAGING_H
#define GUEST_PAGING_H

#include "layout.h"
#include "sections.h"
#include "types.h"

#ifdef PAE
typedef __u64 pte_t;
#define PDE_SHIFT	21
#define PTE_NX		0x8000000000000000ull
#else
typedef __u32 pte_t;
#define PDE_SHIFT	22
#endif

#define PT_ENTRIES	(PAGE_SIZE / sizeof(pte_t))
#define PAGE_MASK	(~(u32)(PAGE_SIZE - 1))

#define PTE_P		0x001u
#define PTE_W		0x002u
#define PTE_U		0x004u
#define PTE_A		0x020u
#define PTE_D		0x040u
#define PTE_PSE		0x080u
/* Our own bit: the page is freed with the table. */
#define PTE_OWNED	0x200u

#define PTE_KERNEL	(PTE_P | PTE_W | PTE_A | PTE_D)
#define PTE_USER	(PTE_KERNEL | PTE_U)
#define PDE_KERNEL	(PTE_P | PTE_W | PTE_A | PTE_D)
#define PDE_USER	(PDE_KERNEL | PTE_U)

/* Page fault error code. */
#define PF_P		1
#define PF_W		2
#define PF_U		4
/* Instruction fetch: a CPU with NX on adds it, whatever format our tables have. */
#define PF_I		16

/* What start.S's tables map, and the most RAM we make use of. */
#define BOOT_MAPPED	0x00800000u
#define MAX_RAM		0x1f000000u

/* Offsets into the boot parameters, which the Launcher put at address 0. */
#define BOOT_CMD_LINE_PTR 0x228
#define BOOT_E820_MAP	0x2d0

struct e820_entry {
	u64 addr;
	u64 size;
	u32 type;
} __packed;

extern pte_t boot_top[PT_ENTRIES];
extern pte_t boot_ptes[BOOT_MAPPED / PAGE_SIZE];
#ifdef PAE
extern pte_t boot_pmds[4][PT_ENTRIES];
#endif

/* The table that has only the kernel in it. */
#define kernel_top	boot_top

static inline u32 pa(const void *p)
{
	return (u32)p - KERNEL_BASE;
}

static inline void *va(u32 addr)
{
	return (void *)(addr + KERNEL_BASE);
}

u32 ram_size(void);
const char *command_line(void);
void paging_init(void);

/* Make the page at @addr, beyond RAM, appear at va(@addr). */
void map_device_page(u32 addr);

/* NULL if there is no page table for that address. */
pte_t *pte_entry(pte_t *top, u32 addr);
pte_t *pde_entry(pte_t *top, u32 addr);

/* Write the entry and tell the host. set_pte() makes the table if need be. */
void set_pte(pte_t *top, u32 addr, pte_t pte);
void set_pde(pte_t *top, u32 addr, pte_t pde);
/* Tell the host, but write nothing. */
void tell_pte(pte_t *top, u32 addr, pte_t pte);
void tell_pde(pte_t *top, u32 addr);

/* set_pte(), but the host is told at the next direct hypercall. */
void set_pte_lazy(pte_t *top, u32 addr, pte_t pte);

/* Address spaces: the kernel part is shared, the user part starts empty. */
pte_t *top_new(void);
void top_free(pte_t *top);
void load_top(pte_t *top);
void load_top_lazy(pte_t *top);
pte_t *current_top(void);

/* These look into the tables rather than fault: false if a page is not there. */
bool copy_from_user(pte_t *top, void *dst, u32 src, u32 len);
bool copy_to_user(pte_t *top, u32 dst, const void *src, u32 len);

#endif /* GUEST_PAGING_H */
