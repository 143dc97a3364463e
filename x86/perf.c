// SPDX-License-Identifier: GPL-2.0
/*
 * When an interrupt or NMI has brought the guest out, perf's sample belongs to the
 * guest, not to our instruction that gives the event to the host.
 *
 * Only one hypervisor can tell perf so; perf warns of a second one. Where the
 * CPU has VMX or SVM, KVM does sooner or later, so we leave it to KVM there.
 */
#include <linux/hardirq.h>
#include <linux/percpu.h>
#include <linux/perf_event.h>
#include <asm/cpufeature.h>
#include <asm/irq_regs.h>

#include "../compat.h"
#include "x86.h"

DEFINE_PER_CPU(struct lg_interrupted, lg_interrupted);
static bool registered;

/*
 * Whether @regs are those of our call to the host's handler. They are not if
 * something has interrupted that handler in turn.
 */
static bool gives_to_host(const struct pt_regs *regs)
{
	return regs && regs->ip - (unsigned long)lg_host_interrupts <
		       LG_IDT_ENTRIES * LG_STUB_SIZE;
}

static const struct lg_regs *guest_regs(void)
{
	const struct lg_interrupted *now = this_cpu_ptr(&lg_interrupted);

	if (!now->regs || now->by_nmi != !!in_nmi())
		return NULL;
	return now->by_nmi || gives_to_host(get_irq_regs()) ? now->regs : NULL;
}

static unsigned int guest_state(void)
{
	const struct lg_regs *regs = guest_regs();

	if (!regs)
		return 0;
	return PERF_GUEST_ACTIVE | ((regs->cs & 3) == 3 ? PERF_GUEST_USER : 0);
}

static unsigned long guest_ip(void)
{
	const struct lg_regs *regs = guest_regs();

	return regs ? regs->eip : 0;
}

LG_PERF_CALLBACKS(callbacks, guest_state, guest_ip);

/**
 * lg_perf_init() - tell perf of guests, unless KVM does
 */
void lg_perf_init(void)
{
	registered = !boot_cpu_has(X86_FEATURE_VMX) &&
		     !boot_cpu_has(X86_FEATURE_SVM);
	if (registered)
		perf_register_guest_info_callbacks(&callbacks);
}

/**
 * lg_perf_exit() - undo lg_perf_init()
 */
void lg_perf_exit(void)
{
	if (registered)
		perf_unregister_guest_info_callbacks(&callbacks);
}
