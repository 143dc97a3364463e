/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of x86/ share. */
#ifndef LG_X86_H
#define LG_X86_H

#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/types.h>

#include "../shadow/pcid.h"
#include "switcher.h"

/**
 * struct lg_msrs - MSRs that the host's programs need for SYSCALL and SYSENTER
 * @efer: MSR_EFER
 * @sysenter_cs: MSR_IA32_SYSENTER_CS
 */
struct lg_msrs {
	u64 efer, sysenter_cs;
};

/**
 * struct lg_interrupted - the guest whose event the host now handles on this CPU
 * @regs: the guest's registers, or NULL
 * @by_nmi: the event is an NMI
 */
struct lg_interrupted {
	const struct lg_regs *regs;
	bool by_nmi;
};

/**
 * struct lg_vcpu - the CPU's side of a guest
 * @sw: its page for the switcher
 * @top: the top-level table that every root of this guest starts as a copy of; it
 *	leads to what is mapped above 4 GiB
 * @private: the tables below @top that no other guest shares
 * @notifier: tells when the task that runs the guest loses its CPU
 * @loaded: the task's own state that the guest's replaces is saved below, and this
 *	CPU is ready for the guest
 * @cpu: the CPU that the guest is on, or -1 if it is out
 * @pcids: what the TLB has of the guest; good as long as @loaded
 * @tsc: value of the TSC when the task last left a CPU
 * @tsc_offset: how far the guest's TSC is ahead of the CPU's, once that went back
 * @cr4_on: bits of CR4 that are on in the guest, whatever the host has
 * @async_pf_msr: from lg_async_pf_disable()
 * @msrs: the task's own, while the guest's state replaces them
 * @debugctl: likewise, the bits of DEBUGCTL that the guest must not have
 * @ds: the task's selectors and bases
 * @es: likewise
 * @fs: likewise
 * @gs: likewise
 * @ldt: likewise
 * @fs_base: likewise
 * @gs_base: likewise
 * @fpu_stretches: how many more stretches @fpu is to be loaded for in advance
 * @fpu_always: load @fpu at each entry: the CPU has LazyFP
 * @fpu_loaded: the CPU has what is in @fpu
 * @fpu: the guest's FPU registers, while they are not loaded
 */
struct lg_vcpu {
	struct lg_switch *sw;
	u64 *top;
	u64 *private[4];
	struct preempt_notifier notifier;
	bool loaded;
	int cpu;
	struct lg_pcids pcids;
	u64 tsc, tsc_offset;
	u64 cr4_on;
	u64 async_pf_msr;
	struct lg_msrs msrs;
	unsigned long debugctl;
	u16 ds, es, fs, gs, ldt;
	u64 fs_base, gs_base;
	unsigned int fpu_stretches;
	bool fpu_always, fpu_loaded;
	u8 fpu[512] __aligned(16);
};

/* vcpu.c: the module parameter pcid; lg_cpu_init() may change it */
extern unsigned int lg_pcid_mode;

/* host.c: can this host run guests at all? */
int lg_check_host(void);

/* speculation.c: what keeps a guest from steering what the CPU guesses */
int lg_barrier_init(void);
void lg_barrier_choose(struct lg_switch *sw);
bool lg_cpu_has_lazyfp(void);

/* idt.c: the IDT of every guest */
int lg_idt_init(void);
void lg_idt_exit(void);
void lg_idt_get(struct desc_ptr *idtr);
bool lg_idt_is_syscall(u32 vector);

/* upper.c: what guests' tables map above 4 GiB */
int lg_upper_init(void);
void lg_upper_exit(void);
int lg_upper_create(struct lg_vcpu *vcpu);
void lg_upper_free(struct lg_vcpu *vcpu);

/* msrs.c: SYSCALL and SYSENTER lead nowhere while guests run */
void lg_msrs_load(struct lg_msrs *msrs);
void lg_msrs_put(const struct lg_msrs *msrs);

/* events.c: which exits are the host's business */
void lg_machine_check(void);
bool lg_debug_is_hosts(u32 dr6);
void lg_sort_event(struct lguest *lg);

/* async_pf.c: page faults of a KVM below the host */
extern bool lg_async_pf;	/* some may come */
extern bool lg_async_pf_by_msr;	/* turn them off by MSR instead */
u32 lg_async_pf_flags(void);
void lg_async_pf_wait(u32 token);
u64 lg_async_pf_read_msr(void);
void lg_async_pf_write_msr(u64 value);
u64 lg_async_pf_disable(void);
void lg_async_pf_enable(u64 value);
void lg_async_pf_init(void);

/* perf.c: tell perf which samples are a guest's */
DECLARE_PER_CPU(struct lg_interrupted, lg_interrupted);
void lg_perf_init(void);
void lg_perf_exit(void);

/**
 * lg_set_interrupted() - tell perf.c that the host is about to handle an event
 * @regs: registers of the guest that it brought out; NULL once it was handled
 * @by_nmi: the event is an NMI
 *
 * Context: interrupts off.
 */
static __always_inline void lg_set_interrupted(const struct lg_regs *regs,
					       bool by_nmi)
{
	this_cpu_write(lg_interrupted.by_nmi, by_nmi);
	this_cpu_write(lg_interrupted.regs, regs);
}

/* fpu.c */
void lg_fpu_init(struct lg_vcpu *vcpu);
void lg_fpu_load(struct lg_vcpu *vcpu, bool ts);
void lg_fpu_save(struct lg_vcpu *vcpu);

#endif /* LG_X86_H */
