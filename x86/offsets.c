// SPDX-License-Identifier: GPL-2.0
/* Compiled to assembly, from which Kbuild makes x86/offsets.h. */
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
	FIELD(SYSCALL_EIP, syscall_eip);
	FIELD(SYSCALL_ESP, syscall_esp);
	FIELD(SYSCALL_SS, syscall_ss);
	FIELD(SYSCALL_IF, syscall_if);
	FIELD(SYSCALL_IF_KEEP, syscall_if_keep);
	FIELD(NMI_PENDING, nmi_pending);
	FIELD(MCE_PENDING, mce_pending);
	FIELD(SET_TS, set_ts);
	FIELD(BARRIER, barrier);
	FIELD(CLEAR_BUFFERS, clear_buffers);
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
	DEFINE(SW_VECTOR_ENTRY_FAULT, LG_VECTOR_ENTRY_FAULT);
	DEFINE(SW_VECTOR_NONE, LG_VECTOR_NONE);
}
