// SPDX-License-Identifier: GPL-2.0
/*
 * Some exits are the host's business first, or only the host's: interrupts,
 * NMIs, machine checks, and exceptions that the host or a hypervisor below it
 * raised while the guest happened to run. threat-model.rst has a table of all.
 */
#include <linux/kvm_para.h>
#include <linux/sched.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "../compat.h"
#include "../cpu.h"
#include "x86.h"

/* Length of `int $0x80` */
#define SYSCALL_LEN	2

/*
 * Lockdep and the tracers must be told, as they are wherever else the kernel turns
 * interrupts on or off.
 */
static void give_interrupt(struct lg_switch *sw, u32 vector)
{
	/*
	 * The APIC still waits for this interrupt's EOI. If an NMI strikes between
	 * STI and INT, another interrupt may come right after it. That one must not
	 * preempt the task.
	 */
	preempt_disable();
	lg_set_interrupted(&sw->regs, false);
	trace_hardirqs_on();
	lg_give_to_host(vector);
	trace_hardirqs_off();
	lg_set_interrupted(NULL, false);
	preempt_enable();
}

/**
 * lg_machine_check() - let the host take a machine check as the task's own
 *
 * KVM does the same (kvm_machine_check()). Tests have one of their own.
 *
 * Context: interrupts off.
 */
void __weak lg_machine_check(void)
{
	struct pt_regs regs = { .cs = __USER_CS, .flags = X86_EFLAGS_IF };

	lg_do_machine_check(&regs);
}

/*
 * A machine check on the seam is the kernel's. One in the guest is the task's,
 * as the guest reads the Launcher's memory, and the host is told so whatever
 * handler it has. The same goes for one in a reflection, which also reads the
 * guest's memory. The trap was not reflected then. The guest raises a page fault or
 * system call again; C reflects what can't be raised again.
 */
static void machine_check(struct lg_switch *sw)
{
	struct lg_regs *regs = &sw->regs;
	u8 pending = sw->mce_pending;

	sw->mce_pending = 0;
	if (pending == LG_ON_SEAM)
		lg_give_to_host(X86_TRAP_MC);
	if (pending != LG_IN_REFLECTION && regs->vector != X86_TRAP_MC)
		return;
	lg_machine_check();
	if (regs->vector == X86_TRAP_BP || regs->vector == X86_TRAP_DB)
		return;
	if (regs->vector == LG_VECTOR_SYSCALL)
		regs->eip = (u32)regs->eip - SYSCALL_LEN;
	regs->vector = LG_VECTOR_NONE;
}

/* The fault may be KVM's own, or above the guest's 4 GiB. */
static void page_fault(struct lguest *lg, struct lg_switch *sw)
{
	if (sw->async_pf_flags)
		sw->regs.vector = LG_VECTOR_HOST_FAULT;
	else if (sw->cr2 > U32_MAX)
		lg_kill(lg, "touched %#llx, beyond its 4 GiB", sw->cr2);
}

/**
 * lg_debug_is_hosts() - whether a debug exception is the host's alone
 * @dr6: as the CPU left it
 *
 * The host may trap bus locks (SDM volume 3, "OS Bus-Lock Detection").
 *
 * Return: true if a bus lock is the only reason.
 */
bool lg_debug_is_hosts(u32 dr6)
{
	return (dr6 ^ DR6_RESERVED) == DR_BUS_LOCK;
}

/* The switcher has put DR6 here, and back to what the host expects to find in it. */
static void debug(struct lg_regs *regs)
{
	u32 dr6 = regs->error_code;

	if (lg_debug_is_hosts(dr6))
		regs->vector = LG_VECTOR_NONE;
	else
		regs->dr6 = dr6;
	regs->error_code = 0;
}

/*
 * If the host traps split locks, each raises an alignment check, in any ring
 * (SDM volume 3, "Features to Disable Bus Locks"). Other alignment checks need
 * ring 3 and AC, and are the guest's.
 */
static void alignment_check(struct lg_regs *regs)
{
	if (!boot_cpu_has(X86_FEATURE_SPLIT_LOCK_DETECT) ||
	    ((regs->cs & 3) == 3 && regs->eflags & X86_EFLAGS_AC))
		return;
	regs->vector = LG_VECTOR_HOST_FAULT;
}

/**
 * lg_sort_event() - let the host have its part of an exit
 * @lg: the guest, which has come out; the host has had any NMI already
 *
 * Leaves what remains in &lg_regs.vector.
 *
 * Context: interrupts off; they may have been on in between.
 */
void lg_sort_event(struct lguest *lg)
{
	struct lg_switch *sw = lg->vcpu->sw;
	struct lg_regs *regs = &sw->regs;
	u32 vector = regs->vector;

	if (vector == X86_TRAP_MC || sw->mce_pending) {
		machine_check(sw);
		vector = regs->vector;
	}
	switch (vector) {
	case X86_TRAP_NMI:
		regs->vector = LG_VECTOR_NONE;
		break;
	case X86_TRAP_DB:
		debug(regs);
		break;
	case X86_TRAP_PF:
		page_fault(lg, sw);
		break;
	case X86_TRAP_AC:
		alignment_check(regs);
		break;
	case LG_VECTOR_ENTRY_FAULT:
		regs->error_code = sw->fault_error_code;
		break;
	case LG_VECTOR_NONE:
	case LG_VECTOR_HYPERCALL:
		break;
	case X86_TRAP_DF:
	case X86_TRAP_VE ... FIRST_EXTERNAL_VECTOR - 2:
		lg_kill(lg, "exception %u at %#llx, which no guest can raise",
			vector, regs->eip);
		break;
	default:
		if (vector < FIRST_EXTERNAL_VECTOR || lg_idt_is_syscall(vector))
			break;
		give_interrupt(sw, vector);
		regs->vector = LG_VECTOR_NONE;
	}
}

static void split_lock(struct lguest *lg)
{
	struct lg_regs *regs = lg->regs;

	if (LG_KVM_HELPERS)
		lg_kvm_split_lock(regs->eip);
	else
		lg_kill(lg, "split lock at %#llx: the host traps these (split_lock_detect=)",
			regs->eip);
}

/**
 * lg_vcpu_host_fault() - handle a fault that was not the guest's
 * @lg: the guest, out with %LG_VECTOR_HOST_FAULT; its own task calls
 *
 * The guest then executes the faulting instruction again. The task may get a
 * signal.
 *
 * Context: may sleep.
 */
void lg_vcpu_host_fault(struct lguest *lg)
{
	struct lg_switch *sw = lg->vcpu->sw;

	if (!sw->async_pf_flags) {
		split_lock(lg);
		return;
	}
	if (!WARN_ON_ONCE(!(sw->async_pf_flags &
			    KVM_PV_REASON_PAGE_NOT_PRESENT)))
		lg_async_pf_wait(sw->cr2);
	sw->async_pf_flags = 0;
}
