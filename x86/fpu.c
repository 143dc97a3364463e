// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's FPU registers. It has x87, MMX and SSE: with CR4.OSXSAVE clear
 * there is no AVX nor XSAVE to be had, and 512 bytes of FXSAVE are all.
 *
 * They are loaded for one stretch in the guest at a time, inside the host's
 * own kernel_fpu_begin() and _end(), so that whatever interrupts the guest
 * finds the host as usual. A guest that computes gets them in advance for a
 * number of stretches; one that does not runs with CR0.TS set, and neither
 * pays for them nor sees the host's.
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
 * lg_fpu_init() - registers as after a reset
 * @vcpu: a new guest's
 */
void lg_fpu_init(struct lg_vcpu *vcpu)
{
	vcpu->sw->set_ts = true;
	*(u16 *)&vcpu->fpu[FX_FCW] = 0x37f;
	*(u32 *)&vcpu->fpu[FX_MXCSR] = 0x1f80;
}

/**
 * lg_vcpu_wants_fpu() - the guest used its FPU while that was not loaded
 * @lg: the guest; its own task calls
 *
 * Return: true if it will be loaded on the next entry; false if it was loaded,
 * so that the fault must be the guest's own.
 */
bool lg_vcpu_wants_fpu(struct lguest *lg)
{
	if (!lg->vcpu->sw->set_ts)
		return false;
	lg->vcpu->fpu_stretches = STRETCHES;
	return true;
}

/**
 * lg_fpu_load() - load the guest's registers, as it is likely to use them
 * @vcpu: the guest's, with @fpu_stretches left
 *
 * Context: interrupts off.
 */
void lg_fpu_load(struct lg_vcpu *vcpu)
{
	vcpu->fpu_stretches--;
	kernel_fpu_begin_mask(0);
	/*
	 * On some of AMD's CPUs FXRSTOR leaves FIP, FDP and FOP of the last program
	 * there, as FXSAVE has left them out. The kernel clears them by FILD, which
	 * would show the guest addresses of ours.
	 */
	if (boot_cpu_has_bug(X86_BUG_FXSAVE_LEAK))
		asm volatile("fninit");
	asm volatile("fxrstor %0" : : "m"(vcpu->fpu));
	vcpu->sw->set_ts = false;
}

/**
 * lg_fpu_save() - save the guest's registers
 * @vcpu: the guest's, which lg_fpu_load() has loaded
 *
 * Context: interrupts off, on the CPU that loaded them.
 */
void lg_fpu_save(struct lg_vcpu *vcpu)
{
	asm volatile("fxsave %0" : "=m"(vcpu->fpu));
	kernel_fpu_end();
	vcpu->sw->set_ts = true;
}
