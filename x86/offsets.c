// SPDX-License-Identifier: GPL-2.0
/* Kbuild compiles this to assembly, and makes x86/offsets.h from that. */
#include <linux/kbuild.h>

#include "../cpu.h"
#include "switcher.h"

#define FIELD(name, field) OFFSET(SW_##name, lg_switch, field)

static void __used lg_offsets(void)
{
	FIELD(EAX, regs.eax);
	FIELD(EBX, regs.ebx);
	FIELD(ECX, regs.ecx);
	FIELD(EDX, regs.edx);
	FIELD(ESI, regs.esi);
	FIELD(EDI, regs.edi);
	FIELD(EBP, regs.ebp);
	FIELD(DS, regs.ds);
	FIELD(ES, regs.es);
	FIELD(FS, regs.fs);
	FIELD(GS, regs.gs);
	FIELD(VECTOR, regs.vector);
	FIELD(ERROR_CODE, regs.error_code);
	FIELD(DR6, regs.dr6);
	FIELD(EIP, regs.eip);
	FIELD(CS, regs.cs);
	FIELD(EFLAGS, regs.eflags);
	FIELD(ESP, regs.esp);
	FIELD(SS, regs.ss);
	FIELD(FAULT_RIP, fault_rip);
	FIELD(FAULT_VECTOR, fault_vector);
	FIELD(FAULT_ERROR_CODE, fault_error_code);
	FIELD(SCRATCH_RAX, scratch[0]);
	FIELD(SCRATCH_RBX, scratch[1]);
	FIELD(SCRATCH_RCX, scratch[2]);
	FIELD(REFLECT_VECTOR, reflect.vector);
	FIELD(REFLECT_ERROR_CODE, reflect.error_code);
	FIELD(REFLECT_CR2, reflect.cr2);
	FIELD(REFLECT_EIP, reflect.handler.eip);
	FIELD(REFLECT_IF_KEEP, reflect.handler.if_keep);
	FIELD(IRQ_ENABLED, irq_enabled);
	FIELD(HANDLER_ESP, handler_esp);
	FIELD(HANDLER_SS, handler_ss);
	FIELD(SYSCALL_EIP, syscall.eip);
	FIELD(SYSCALL_IF_KEEP, syscall.if_keep);
	FIELD(PAGE_FAULT_EIP, page_fault.eip);
	FIELD(PAGE_FAULT_IF_KEEP, page_fault.if_keep);
	FIELD(BREAKPOINT_EIP, breakpoint.eip);
	FIELD(BREAKPOINT_IF_KEEP, breakpoint.if_keep);
	FIELD(DEBUG_EIP, debug.eip);
	FIELD(DEBUG_IF_KEEP, debug.if_keep);
	FIELD(PAGE_FAULT_BITS, page_fault_bits);
	FIELD(WALK_TOP, walk_top);
	FIELD(WALK_OFFSET, walk_offset);
	FIELD(WALK_LIMIT, walk_limit);
	FIELD(WALK_PAE, walk_pae);
	FIELD(DIRECT_MAP, direct_map);
	FIELD(NMI_PENDING, nmi_pending);
	FIELD(MCE_PENDING, mce_pending);
	FIELD(SET_TS, set_ts);
	FIELD(BARRIER, barrier);
	FIELD(FILL_RSB, fill_rsb);
	FIELD(VERW_SELECTOR, verw_selector);
	FIELD(SELF, self);
	FIELD(HOST_RSP, host_rsp);
	FIELD(HOST_CR3, host_cr3);
	FIELD(HOST_CR4, host_cr4);
	FIELD(GUEST_CR3, guest_cr3);
	FIELD(GUEST_CR4, guest_cr4);
	FIELD(HOST_IDTR, host_idtr);
	FIELD(GUEST_IDTR, guest_idtr);
	FIELD(HOST_GDTR, host_gdtr);
	FIELD(GUEST_GDTR, guest_gdtr);
	DEFINE(SW_ON_SEAM, LG_ON_SEAM);
	DEFINE(SW_IN_REFLECTION, LG_IN_REFLECTION);
	DEFINE(SW_VECTOR_ENTRY_FAULT, LG_VECTOR_ENTRY_FAULT);
	DEFINE(SW_VECTOR_NONE, LG_VECTOR_NONE);
	DEFINE(SW_DIRECT_MAP_PAGES, LG_DIRECT_MAP_PAGES);
	DEFINE(SW_DATA_CR2, LG_DATA_CR2 - LG_DATA_IRQ_ENABLED);
}
