// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's FPU registers. It has x87, MMX and SSE: with CR4.OSXSAVE clear it can
 * use neither AVX nor XSAVE, so the 512 bytes of FXSAVE hold all its state.
 *
 * We load them for one stretch in the guest at a time, between the host's
 * kernel_fpu_begin() and _end(). So whatever interrupts the guest finds the host's
 * FPU in its usual state. A guest that computes gets its registers in advance for a
 * number of stretches. One that does not runs with CR0.TS set: it neither pays for
 * them nor sees the host's. Where the CPU guesses with them all the same, every
 * guest gets its registers every time, as KVM's do.
 */
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>

#include "../cpu.h"
#include "x86.h"

#define STRETCHES	16

/* FXSAVE's layout (SDM volume 1, section 10.5.1) */
#define FX_FCW		0
#define FX_MXCSR	24

/**
 * lg_fpu_init() - give a guest FPU registers as after a reset
 * @vcpu: the vCPU of a new guest
 */
void lg_fpu_init(struct lg_vcpu *vcpu)
{
	vcpu->sw->set_ts = true;
	vcpu->fpu_always = lg_cpu_has_lazyfp();
	*(u16 *)&vcpu->fpu[FX_FCW] = 0x37f;
	*(u32 *)&vcpu->fpu[FX_MXCSR] = 0x1f80;
}

/**
 * lg_vcpu_wants_fpu() - handle a #NM: load the FPU from the next entry on
 * @lg: the guest, which has not set CR0.TS itself; its own task calls
 */
void lg_vcpu_wants_fpu(struct lguest *lg)
{
	lg->vcpu->fpu_stretches = STRETCHES;
}

/**
 * lg_fpu_load() - load the guest's FPU registers
 * @vcpu: the guest's vCPU, with @fpu_always or @fpu_stretches left
 * @ts: CR0.TS as the guest has set it
 *
 * Context: interrupts off.
 */
void lg_fpu_load(struct lg_vcpu *vcpu, bool ts)
{
	if (!vcpu->fpu_always)
		vcpu->fpu_stretches--;
	kernel_fpu_begin_mask(0);
	/*
	 * On some AMD CPUs FXSAVE leaves out FIP, FDP and FOP, and FXRSTOR leaves
	 * those of the last program in place. The kernel clears them by FILD, but
	 * that would show the guest our addresses.
	 */
	if (boot_cpu_has_bug(X86_BUG_FXSAVE_LEAK))
		asm volatile("fninit");
	asm volatile("fxrstor %0" : : "m"(vcpu->fpu));
	vcpu->sw->set_ts = ts;
	vcpu->fpu_loaded = true;
}

/**
 * lg_fpu_save() - save the guest's FPU registers
 * @vcpu: the guest's vCPU; lg_fpu_load() has loaded its registers
 *
 * Context: interrupts off, on the CPU that loaded them.
 */
void lg_fpu_save(struct lg_vcpu *vcpu)
{
	asm volatile("fxsave %0" : "=m"(vcpu->fpu));
	kernel_fpu_end();
	vcpu->sw->set_ts = true;
	vcpu->fpu_loaded = false;
}
