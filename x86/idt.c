// SPDX-License-Identifier: GPL-2.0
/*
 * The IDT that the CPU uses while a guest runs: one page, the same for every
 * CPU and guest, never written after load.
 *
 * Gates have DPL 0, except those that a guest may use at full speed. So a vector
 * from 32 up can only be hardware's, unless it is the system call's. No device has
 * that one, as the host keeps it for its own 32-bit system calls. Any other `int n`
 * of a guest faults, and interrupts_and_traps.c looks at the guest's own gate.
 */
#include <linux/gfp.h>
#include <asm/desc.h>
#include <asm/page_types.h>
#include <asm/segment.h>
#include <asm/trapnr.h>

#include "../cpu.h"
#include "x86.h"

static struct gate_struct *idt;
static bool has_syscall_gate;

static void set_gate(unsigned int vector, const char *handler, unsigned int dpl,
		     unsigned int ist)
{
	unsigned long address = (unsigned long)handler;

	idt[vector] = (struct gate_struct) {
		.offset_low = address,
		.segment = __KERNEL_CS,
		.bits = {
			.ist = ist,
			.type = GATE_INTERRUPT,
			.dpl = dpl,
			.p = 1,
		},
		.offset_middle = address >> 16,
		.offset_high = address >> 32,
	};
}

static void set_stub(unsigned int vector, unsigned int dpl, unsigned int ist)
{
	set_gate(vector, lg_switcher_stubs + vector * LG_STUB_SIZE, dpl, ist);
}

/* If the host gives 0x80 to processes, hardware never has it. */
static bool host_reserves_syscall(void)
{
	const struct gate_struct *host_idt;
	struct desc_ptr idtr;

	store_idt(&idtr);
	host_idt = (const struct gate_struct *)idtr.address;
	return host_idt[LG_VECTOR_SYSCALL].bits.p &&
	       host_idt[LG_VECTOR_SYSCALL].bits.dpl == 3;
}

/**
 * lg_idt_init() - build the guests' IDT
 *
 * Return: 0 or -ENOMEM.
 */
int lg_idt_init(void)
{
	unsigned int i;

	idt = (struct gate_struct *)get_zeroed_page(GFP_KERNEL);
	if (!idt)
		return -ENOMEM;

	for (i = 0; i < LG_IDT_ENTRIES; i++)
		set_stub(i, 0, 0);
	set_gate(X86_TRAP_BP, lg_switcher_breakpoint, 3, 0);
	set_stub(X86_TRAP_OF, 3, 0);
	set_stub(LG_VECTOR_HYPERCALL, LG_KERNEL_RPL, 0);
	set_gate(X86_TRAP_PF, lg_switcher_page_fault, 0, 0);

	/* These use the host's own stacks, which are idle while a guest runs. */
	set_gate(X86_TRAP_DB, lg_switcher_debug, 0, IST_INDEX_DB + 1);
	set_stub(X86_TRAP_DF, 0, IST_INDEX_DF + 1);
	set_gate(X86_TRAP_NMI, lg_switcher_nmi, 0, IST_INDEX_NMI + 1);
	set_gate(X86_TRAP_MC, lg_switcher_mce, 0, IST_INDEX_MCE + 1);

	has_syscall_gate = host_reserves_syscall();
	if (has_syscall_gate)
		set_gate(LG_VECTOR_SYSCALL, lg_switcher_syscall, 3, 0);
	return 0;
}

/**
 * lg_idt_exit() - free the guests' IDT
 */
void lg_idt_exit(void)
{
	free_page((unsigned long)idt);
}

/**
 * lg_idt_get() - say what to load into IDTR
 * @idtr: set to limit and address, which is the same in the host and in guests
 */
void lg_idt_get(struct desc_ptr *idtr)
{
	idtr->size = LG_IDT_ENTRIES * sizeof(struct gate_struct) - 1;
	idtr->address = (unsigned long)idt;
}

/**
 * lg_idt_is_syscall() - whether a vector is that of a guest's system call
 * @vector: what the guest came out with
 *
 * Return: true if so. Any other vector from 32 up can only be hardware's.
 */
bool lg_idt_is_syscall(u32 vector)
{
	return has_syscall_gate && vector == LG_VECTOR_SYSCALL;
}
