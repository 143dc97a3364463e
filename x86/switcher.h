/* SPDX-License-Identifier: GPL-2.0 */
/* What C and the switcher share: one page per vCPU, and some constants. */
#ifndef LG_X86_SWITCHER_H
#define LG_X86_SWITCHER_H

/*
 * Where a guest's tables map its struct lg_switch. Every kernel's memory map leaves
 * the last 2 MiB unused (Documentation/x86/x86_64/mm.rst), so the host has no
 * translation for them that the TLB could mix up with ours. And an instruction
 * reaches them by a 32-bit displacement, without a base register.
 */
#define LG_SWITCH_VA		(-0x200000)

/* The guest's ring-1 code segment, as the ABI has it. */
#define LG_SWITCH_KERNEL_CS	0x61

#ifndef __ASSEMBLER__

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <asm/desc_defs.h>
#include <asm/page.h>

#include "../lg.h"

#define LG_SWITCH_STACK		512

/* Where an NMI or machine check struck that the host can't have at once */
#define LG_ON_SEAM		1	/* it struck between the worlds */
#define LG_IN_REFLECTION	2	/* while the guest's memory was read for it */

/**
 * struct lg_reflected - a handler of the guest's, as the switcher enters it
 * @eip: where it begins, or 0 to leave the trap to C
 * @if_keep: bits that the interrupt flag's word keeps when the trap is reflected
 */
struct lg_reflected {
	u32 eip, if_keep;
};

/**
 * struct lg_switch - all that a world switch touches
 * @gdt: the guest's GDT, which the CPU uses in place
 * @stack: ring 0's stack on the way in, below iretq's frame
 * @regs: the guest's registers while it is out; they begin with iretq's frame
 * @fault_rip: where ring 0 faulted on the way in
 * @reflect: what the CPU pushed for the trap that is being reflected, or would have, with
 *	DR6 for an error code of #DB; and for some traps, which of the handlers below
 *	takes it
 * @scratch: the guest's values of registers that a reflection uses
 * @irq_enabled: gva of the guest's interrupt flag, in its direct map
 * @handler_esp: the stack that the guest's handlers run on
 * @handler_ss: the segment of that stack
 * @syscall: the guest's handler of system calls
 * @page_fault: likewise for page faults
 * @breakpoint: likewise for INT3
 * @debug: likewise for single steps
 * @page_fault_bits: bits that the guest may see of an error code
 * @walk_top: gva of the guest's top-level table, in its direct map, or 0 to leave
 *	page faults to C
 * @walk_offset: gva of gpa 0, likewise
 * @walk_limit: a pte may lead only to frames below this one
 * @walk_pae: the guest has PAE tables
 * @direct_map: pages that are known to be at @walk_offset + gpa, see
 *	shadow/direct_map.c
 * @fault_vector: vector of ring 0's fault on the way in
 * @fault_error_code: error code of that fault
 * @nmi_pending: where an NMI struck that waits for the host, or 0. The CPU holds
 *	back further NMIs until an IRET
 * @mce_pending: likewise for a machine check
 * @pending: both in one word
 * @async_pf_flags: what KVM says of a page fault, see async_pf.c
 * @cr2: CR2 of a page fault of KVM's, or of one above the guest's 4 GiB
 * @set_ts: the guest runs with CR0.TS set: its FPU registers are not loaded, or it has
 *	set the bit itself
 * @barrier: flush the branch predictors on the way out
 * @fill_rsb: fill the return stack buffer on the way out
 * @verw_selector: what VERW wants to see, of a segment that can be written
 * @self: this page, at its address in the host
 * @host_rsp: the host's registers while the guest runs
 * @host_cr3: likewise
 * @host_cr4: likewise
 * @guest_cr3: the registers that the guest runs with
 * @guest_cr4: likewise
 * @host_idtr: the host's IDT
 * @guest_idtr: ours, at its address in the host, where the guest's tables map it,
 *	too: we load it before cr3 changes, and the host's after cr3 changed back
 * @host_gdtr: this CPU's GDT, which the guest's tables map, too
 * @guest_gdtr: @gdt, at its address in the guest's tables
 */
struct lg_switch {
	u64 gdt[LG_GDT_ENTRIES];
	u8 stack[LG_SWITCH_STACK] __aligned(64);
	struct lg_regs regs;

	u64 fault_rip;
	struct {
		u64 vector, error_code, cr2;
		struct lg_reflected handler;
	} reflect;
	u64 scratch[3];
	u32 irq_enabled, handler_esp, handler_ss;
	struct lg_reflected syscall, page_fault, breakpoint, debug;
	u32 page_fault_bits;
	u32 walk_top, walk_offset, walk_limit;
	u8 walk_pae;
	u32 direct_map[LG_DIRECT_MAP_PAGES];
	u32 fault_vector, fault_error_code;
	union {
		struct {
			u8 nmi_pending, mce_pending;
		};
		u16 pending;
	};
	u8 set_ts, barrier, fill_rsb;
	u16 verw_selector;
	u32 async_pf_flags;
	u64 cr2;

	struct lg_switch *self;
	u64 host_rsp, host_cr3, host_cr4;
	u64 guest_cr3, guest_cr4;
	struct desc_ptr host_idtr, guest_idtr, host_gdtr, guest_gdtr;
};

/* iretq pops the first of the registers from here. */
static_assert(offsetof(struct lg_switch, regs.eip) ==
	      offsetofend(struct lg_switch, stack));
static_assert(sizeof(struct lg_switch) <= PAGE_SIZE);

/* switcher.S. Only vcpu.c calls lg_switch_to_guest(), and not as a C function. */
extern const char lg_switcher_start[], lg_switcher_end[];
extern const char lg_switcher_stubs[], lg_switcher_syscall[];
extern const char lg_switcher_page_fault[];
extern const char lg_switcher_breakpoint[], lg_switcher_debug[];
extern const char lg_switcher_nmi[], lg_switcher_mce[];
extern const char lg_switcher_segments[], lg_switcher_segments_end[];
void lg_give_to_host(u32 vector);
extern const char lg_host_interrupts[];

#define LG_STUB_SIZE		16

#endif /* __ASSEMBLER__ */
#endif /* LG_X86_SWITCHER_H */
