// SPDX-License-Identifier: GPL-2.0
/*
 * What keeps a guest from steering what the host's CPU guesses.
 *
 * To the predictors ring 1 is what ring 0 is: "supervisor". So what the kernel has
 * against its programs (IBRS, untrained returns, counted calls) does nothing against
 * a guest's kernel, but a barrier does. Whether it is worth that, the host says: where
 * it does not guard itself, we don't, either. What needs no choice of ours is patched
 * into switcher.S by the kernel's own features.
 *
 * Documentation/threat-model.rst has a table of what CPUs are known for.
 */
#include <linux/cpu.h>
#include <linux/errno.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>

#include "../compat.h"
#include "x86.h"

static bool ibpb = true;
module_param(ibpb, bool, 0444);
MODULE_PARM_DESC(ibpb,
		 "Flush branch predictors whenever a guest comes out, where the host guards its own (default: on)");

static bool trusted;
module_param(trusted, bool, 0444);
MODULE_PARM_DESC(trusted,
		 "All guests are trusted: run them even on a CPU that does not keep them from the host's memory (default: off)");

/* Enhanced or automatic IBRS, or the older kind */
static bool host_has_ibrs(void)
{
	u64 efer;

	rdmsrq(MSR_EFER, efer);
	return spec_ctrl_current() & SPEC_CTRL_IBRS || efer & EFER_AUTOIBRS;
}

/* The host guards itself by what ring 1 gets around. */
static bool barrier_is_needed(void)
{
	return host_has_ibrs() || lg_host_counts_calls() ||
	       boot_cpu_has(X86_FEATURE_RETPOLINE_LFENCE) ||
	       boot_cpu_has(X86_FEATURE_UNRET) ||
	       boot_cpu_has(X86_FEATURE_SRSO) ||
	       boot_cpu_has(X86_FEATURE_SRSO_ALIAS) ||
	       boot_cpu_has(X86_FEATURE_ENTRY_IBPB) ||
	       boot_cpu_has(X86_FEATURE_IBPB_ON_VMEXIT) ||
	       boot_cpu_has(X86_FEATURE_IBPB_EXIT_TO_USER);
}

/*
 * Retbleed, AMD's kind: any instruction may be taken for a branch of the guest's
 * choice. The first ones in ring 0 come before any barrier. They run under the guest's
 * tables, and there SMEP does not keep ring 0 from ring 1's pages.
 */
static bool barrier_is_late(void)
{
	return boot_cpu_has_bug(X86_BUG_RETBLEED) &&
	       (boot_cpu_has(X86_FEATURE_UNRET) ||
		boot_cpu_has(X86_FEATURE_ENTRY_IBPB));
}

/*
 * SRSO: without new microcode, IBPB leaves what it is to flush. The kernel untrains its
 * returns instead, and so does KVM behind a guest, but we can't: it exports no code for it.
 */
static bool barrier_is_incomplete(void)
{
	return (boot_cpu_has(X86_FEATURE_SRSO) || boot_cpu_has(X86_FEATURE_SRSO_ALIAS)) &&
	       !boot_cpu_has(X86_FEATURE_IBPB_BRTYPE);
}

/* Retpolines guess nothing, whoever has trained what. */
static bool host_guards_itself(void)
{
	return boot_cpu_has(X86_FEATURE_RETPOLINE) || barrier_is_needed();
}

/**
 * lg_barrier_init() - find out whether guests need a barrier, and whether there is one
 *
 * Writes the choice back to the parameter, where users can read it.
 *
 * Return: 0, or -ENODEV with the reason logged: nothing would contain a guest.
 */
int lg_barrier_init(void)
{
	bool has_barrier = boot_cpu_has(X86_FEATURE_IBPB);

	if (!trusted && barrier_is_late()) {
		pr_err("this CPU lets a guest steer the kernel's first instructions (Retbleed); trusted=1 if you trust all guests\n");
		return -ENODEV;
	}
	if (!trusted && ibpb && barrier_is_incomplete()) {
		pr_err("this CPU's microcode has no complete IBPB (SRSO), without which guests may read the host's memory; trusted=1 if you trust all guests\n");
		return -ENODEV;
	}
	if (!trusted && ibpb && !has_barrier && barrier_is_needed()) {
		pr_err("this CPU or its microcode has no IBPB, without which guests may read the host's memory; trusted=1 if you trust all guests\n");
		return -ENODEV;
	}
	ibpb = ibpb && has_barrier && host_guards_itself();
	return 0;
}

/**
 * lg_barrier_choose() - tell the switcher what to flush when a guest comes out
 * @sw: a new guest's
 *
 * Without a barrier, the host's returns go by what the guest has called, or if there are not
 * enough of these on Skylake, by what it has trained. SMEP is no help there, nor on Atoms
 * that keep 32 bits of each.
 */
void lg_barrier_choose(struct lg_switch *sw)
{
	sw->barrier = ibpb;
	sw->fill_rsb = ibpb || boot_cpu_has(X86_FEATURE_RSB_VMEXIT);
	sw->verw_selector = __KERNEL_DS;
}

/**
 * lg_cpu_has_lazyfp() - whether guests may guess with registers that CR0.TS denies them
 *
 * Lazy FP State Restore (INTEL-SA-00145). The kernel has no word for it, as it and KVM
 * never leave others' registers in the FPU. Xen, when it still did, took Intel's CPUs for
 * having it but for some Atoms. Nobody lists newer ones that do not.
 *
 * Return: true if so, and the host or its user wants something done about it.
 */
bool lg_cpu_has_lazyfp(void)
{
	return boot_cpu_data.x86_vendor == X86_VENDOR_INTEL && !trusted && !cpu_mitigations_off();
}
