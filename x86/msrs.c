// SPDX-License-Identifier: GPL-2.0
/*
 * SYSCALL and SYSENTER lead nowhere while guests run. Both enter ring 0 at
 * addresses from MSRs, which no guest's tables map. SYSCALL even does so on the
 * guest's own stack, which would make it a way out (SDM volume 3, section
 * 5.8.7). With EFER.SCE and IA32_SYSENTER_CS clear they are plain faults.
 *
 * Others look at these MSRs, too: KVM takes what it finds there for the host's.
 * So we clear them only while the task has the CPU. And we put back no bit of
 * EFER but this one, as KVM may turn SVM on in an interrupt.
 */
#include <asm/msr.h>

#include "../compat.h"
#include "x86.h"

/**
 * lg_msrs_load() - turn SYSCALL and SYSENTER off on this CPU
 * @msrs: set to what the MSRs were
 *
 * Context: interrupts off.
 */
void lg_msrs_load(struct lg_msrs *msrs)
{
	rdmsrq(MSR_EFER, msrs->efer);
	rdmsrq(MSR_IA32_SYSENTER_CS, msrs->sysenter_cs);
	if (msrs->efer & EFER_SCE)
		wrmsrq(MSR_EFER, msrs->efer & ~EFER_SCE);
	if (msrs->sysenter_cs)
		wrmsrq(MSR_IA32_SYSENTER_CS, 0);
}

/**
 * lg_msrs_put() - undo lg_msrs_load()
 * @msrs: what the MSRs were
 *
 * Context: interrupts off, on the same CPU.
 */
void lg_msrs_put(const struct lg_msrs *msrs)
{
	u64 efer;

	if (msrs->efer & EFER_SCE) {
		rdmsrq(MSR_EFER, efer);
		wrmsrq(MSR_EFER, efer | EFER_SCE);
	}
	if (msrs->sysenter_cs)
		wrmsrq(MSR_IA32_SYSENTER_CS, msrs->sysenter_cs);
}
