// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest's tables map above the 4 GiB that the guest can name: just what
 * the CPU needs until it has the host's tables back.
 *
 *	switcher text	read-only	at the module's own address
 *	guests' IDT	read-only	at its address in the host
 *	cpu_entry_area	the host's	every CPU's GDT, TSS, and stacks
 *	lg_switch	writable	at LG_SWITCH_VA, each guest its own
 *
 * We take the cpu_entry_area whole, by the host's own table. A kernel that isolates
 * page tables leaves the same mapped for its processes. And it holds what the CPU
 * itself writes to at any time, such as the PMU's records.
 *
 * All but lg_switch is built once, when the module is loaded, and shared. A
 * guest has copies of the few tables on the way to its lg_switch.
 */
#include <linux/gfp.h>
#include <linux/mem_encrypt.h>
#include <linux/mm.h>
#include <asm/cpu_entry_area.h>
#include <asm/io.h>
#include <asm/pgtable.h>

#include "../cpu.h"
#include "x86.h"

#define UPPER_TABLE	(LG_PTE_PRESENT | LG_PTE_WRITE | LG_PTE_ACCESSED)
#define UPPER_TEXT	(LG_PTE_PRESENT | LG_PTE_ACCESSED)
#define UPPER_RO	(UPPER_TEXT | lg_pte_nx)
#define UPPER_RW	(UPPER_RO | LG_PTE_WRITE | LG_PTE_DIRTY)

u64 lg_pte_encryption;
u64 lg_pte_nx;

/* The shared top-level table, and the shared entry that leads to host tables */
static u64 *shared;
static u64 *entry_area;

static int top_shift(void)
{
	return pgtable_l5_enabled() ? P4D_SHIFT + 9 : P4D_SHIFT;
}

static u64 *child_of(u64 entry)
{
	return phys_to_virt(entry & LG_PTE_PFN & ~lg_pte_encryption);
}

static u64 table_entry(u64 *table)
{
	return virt_to_phys(table) | lg_pte_encryption | UPPER_TABLE;
}

static u64 *alloc_upper(gfp_t flags)
{
	return (u64 *)get_zeroed_page(flags);
}

/* Find or make the shared entry for @va, at the level where it spans 1 << @to. */
static u64 *make_entry(unsigned long va, int to)
{
	u64 *table = shared;
	int shift;

	for (shift = top_shift(); shift > to; shift -= 9) {
		u64 *entry = &table[(va >> shift) % LG_TABLE_ENTRIES];

		if (!*entry) {
			u64 *child = alloc_upper(GFP_KERNEL);

			if (!child)
				return NULL;
			*entry = table_entry(child);
		}
		table = child_of(*entry);
	}
	return &table[(va >> to) % LG_TABLE_ENTRIES];
}

/* Map pages of the host's at their own addresses. */
static int map_range(const char *start, const char *end, u64 flags)
{
	const char *page;

	for (page = start; page < end; page += PAGE_SIZE) {
		u64 *entry = make_entry((unsigned long)page, PAGE_SHIFT);

		if (!entry)
			return -ENOMEM;
		*entry = (slow_virt_to_phys((void *)page) & PAGE_MASK) |
			 lg_pte_encryption | flags;
	}
	return 0;
}

/* Copy the entry that leads there: a top-level one or, with 5 levels, the next. */
static int map_cpu_entry_area(void)
{
	pgd_t *pgd = pgd_offset_pgd(__va(read_cr3_pa()), CPU_ENTRY_AREA_BASE);
	p4d_t *p4d = p4d_offset(pgd, CPU_ENTRY_AREA_BASE);

	entry_area = make_entry(CPU_ENTRY_AREA_BASE, P4D_SHIFT);
	if (!entry_area)
		return -ENOMEM;
	*entry_area = p4d_val(*p4d);
	return 0;
}

static void free_tree(u64 *table, int shift)
{
	unsigned int i;

	if (!table)
		return;
	for (i = 0; shift > PAGE_SHIFT && i < LG_TABLE_ENTRIES; i++) {
		if (table[i])
			free_tree(child_of(table[i]), shift - 9);
	}
	free_page((unsigned long)table);
}

/**
 * lg_upper_init() - build the tables that all guests share
 *
 * Context: after lg_idt_init(); may sleep.
 * Return: 0 or -ENOMEM.
 */
int lg_upper_init(void)
{
	struct desc_ptr idtr;
	const char *idt;
	int err;

	lg_pte_encryption = sme_me_mask;
	lg_pte_nx = __supported_pte_mask & _PAGE_NX;
	lg_idt_get(&idtr);
	idt = (const char *)idtr.address;
	shared = alloc_upper(GFP_KERNEL);
	if (!shared)
		return -ENOMEM;

	err = map_range(lg_switcher_start, lg_switcher_end, UPPER_TEXT) ?:
	      map_range(idt, idt + PAGE_SIZE, UPPER_RO) ?:
	      map_cpu_entry_area();
	if (err)
		lg_upper_exit();
	return err;
}

/**
 * lg_upper_exit() - free the tables that all guests shared
 */
void lg_upper_exit(void)
{
	if (entry_area)
		*entry_area = 0;
	entry_area = NULL;
	free_tree(shared, top_shift());
	shared = NULL;
}

/**
 * lg_upper_create() - make the tables above 4 GiB of a new guest
 * @vcpu: its CPU side, with @sw allocated
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int lg_upper_create(struct lg_vcpu *vcpu)
{
	unsigned long va = LG_SWITCH_VA;
	unsigned int i = 0;
	u64 *table;
	int shift;

	vcpu->top = (u64 *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!vcpu->top)
		return -ENOMEM;
	copy_page(vcpu->top, shared);

	table = vcpu->top;
	for (shift = top_shift(); shift > PAGE_SHIFT; shift -= 9) {
		u64 *entry = &table[(va >> shift) % LG_TABLE_ENTRIES];
		u64 *child = alloc_upper(GFP_KERNEL_ACCOUNT);

		if (!child) {
			lg_upper_free(vcpu);
			return -ENOMEM;
		}
		if (*entry)
			copy_page(child, child_of(*entry));
		*entry = table_entry(child);
		vcpu->private[i++] = child;
		table = child;
	}
	table[(va >> PAGE_SHIFT) % LG_TABLE_ENTRIES] =
		virt_to_phys(vcpu->sw) | lg_pte_encryption | UPPER_RW;
	return 0;
}

/**
 * lg_upper_free() - free a guest's tables above 4 GiB
 * @vcpu: its CPU side
 */
void lg_upper_free(struct lg_vcpu *vcpu)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vcpu->private); i++)
		free_page((unsigned long)vcpu->private[i]);
	free_page((unsigned long)vcpu->top);
}

/**
 * lg_root_map_upper() - make the tables that lead to a root's @pdpt and above 4 GiB
 * @lg: the guest
 * @root: a root with its @pdpt
 *
 * Sets &lg_root.top, to one table or, if the host has 5 levels, two;
 * &lg_root.levels; and &lg_root.cr3.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int lg_root_map_upper(struct lguest *lg, struct lg_root *root)
{
	unsigned int i;
	u64 below;

	root->levels = pgtable_l5_enabled() ? 2 : 1;
	for (i = 0; i < root->levels; i++) {
		root->top[i] = alloc_upper(GFP_KERNEL_ACCOUNT);
		if (!root->top[i]) {
			lg_root_unmap_upper(root);
			return -ENOMEM;
		}
	}
	copy_page(root->top[0], lg->vcpu->top);
	/* Only this way is open to both of the guest's rings. */
	below = table_entry(root->pdpt) | LG_PTE_USER;
	for (i = root->levels; i-- > 0;) {
		root->top[i][0] = below;
		below = table_entry(root->top[i]) | LG_PTE_USER;
	}
	root->cr3 = virt_to_phys(root->top[0]) | lg_pte_encryption;
	return 0;
}

/**
 * lg_root_unmap_upper() - free what lg_root_map_upper() allocated
 * @root: the root
 */
void lg_root_unmap_upper(struct lg_root *root)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(root->top); i++)
		free_page((unsigned long)root->top[i]);
}
