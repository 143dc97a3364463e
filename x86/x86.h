/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of x86/ share. */
#ifndef LG_X86_H
#define LG_X86_H

#include <linux/preempt.h>
#include <linux/types.h>

#include "../pcid.h"
#include "switcher.h"

/**
 * struct lg_vcpu - the CPU's side of a guest
 * @sw: its page for the switcher
 * @top: tables above 4 GiB: what every root of this guest starts from
 * @private: the tables below @top that no other guest shares
 * @notifier: says when the task that runs the guest loses its CPU
 * @loaded: what of the task's own state the guest's takes the place of is
 *	saved below, and this CPU is ready for the guest
 * @cpu: where the guest runs right now, or -1
 * @pcids: what the TLB has of the guest; good as long as @loaded
 * @cr4_on: bits of CR4 that are on in the guest, whatever the host has
 * @ds: the task's selectors and bases
 * @es: likewise
 * @fs: likewise
 * @gs: likewise
 * @ldt: likewise
 * @fs_base: likewise
 * @gs_base: likewise
 * @fpu_stretches: how many more times to load them in advance
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
	u64 cr4_on;
	u16 ds, es, fs, gs, ldt;
	u64 fs_base, gs_base;
	unsigned int fpu_stretches;
	u8 fpu[512] __aligned(16);
};

/* vcpu.c: its parameter pcid, before lg_cpu_init() and after */
extern unsigned int lg_pcid_mode;

/* host.c: can this host run guests at all? */
int lg_check_host(void);

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
void lg_msrs_guard(void);
int lg_msrs_init(void);
void lg_msrs_exit(void);

/* fpu.c */
void lg_fpu_init(struct lg_vcpu *vcpu);
void lg_fpu_load(struct lg_vcpu *vcpu);
void lg_fpu_save(struct lg_vcpu *vcpu);

#endif /* LG_X86_H */
