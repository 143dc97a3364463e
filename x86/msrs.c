// SPDX-License-Identifier: GPL-2.0
/*
 * SYSCALL and SYSENTER lead nowhere while guests run. Both enter ring 0 at
 * addresses from MSRs that no guest's tables map, SYSCALL even on the guest's
 * own stack, which would make it a way out (SDM volume 3, section 5.8.7). With
 * EFER.SCE and IA32_SYSENTER_CS clear they are plain faults.
 *
 * The kernel does not use them itself, so they stay off from a CPU's first
 * entry to a guest until it next returns to user mode, whoever's.
 */
#include <linux/cpuhotplug.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/user-return-notifier.h>
#include <asm/msr.h>

#include "../compat.h"
#include "x86.h"

struct guarded_msrs {
	struct user_return_notifier notifier;
	bool on;
	u64 sysenter_cs;
};

static DEFINE_PER_CPU(struct guarded_msrs, guarded_msrs);
static int hotplug_state;

static void unguard(struct guarded_msrs *msrs)
{
	unsigned long flags;
	u64 efer;

	/* The notifier runs with interrupts on, and may be raced by exit(). */
	local_irq_save(flags);
	if (msrs->on) {
		msrs->on = false;
		user_return_notifier_unregister(&msrs->notifier);
		rdmsrq(MSR_EFER, efer);
		wrmsrq(MSR_EFER, efer | EFER_SCE);
		wrmsrq(MSR_IA32_SYSENTER_CS, msrs->sysenter_cs);
	}
	local_irq_restore(flags);
}

static void on_user_return(struct user_return_notifier *notifier)
{
	unguard(container_of(notifier, struct guarded_msrs, notifier));
}

/**
 * lg_msrs_guard() - make this CPU safe for a guest
 *
 * Called again whenever something else may have run on the CPU: another
 * hypervisor sets these MSRs too, and need not have left them as we did.
 *
 * Context: interrupts off, a user task.
 */
void lg_msrs_guard(void)
{
	struct guarded_msrs *msrs = this_cpu_ptr(&guarded_msrs);
	u64 efer, sysenter_cs;

	rdmsrq(MSR_EFER, efer);
	rdmsrq(MSR_IA32_SYSENTER_CS, sysenter_cs);
	if (!msrs->on) {
		msrs->on = true;
		msrs->sysenter_cs = sysenter_cs;
		msrs->notifier.on_user_return = on_user_return;
		user_return_notifier_register(&msrs->notifier);
	}
	if (efer & EFER_SCE)
		wrmsrq(MSR_EFER, efer & ~EFER_SCE);
	if (sysenter_cs)
		wrmsrq(MSR_IA32_SYSENTER_CS, 0);
}

static void unguard_this_cpu(void *unused)
{
	unguard(this_cpu_ptr(&guarded_msrs));
}

static int cpu_goes_offline(unsigned int cpu)
{
	unguard_this_cpu(NULL);
	return 0;
}

/**
 * lg_msrs_init() - be told of CPUs that go offline
 *
 * Return: 0 or a negative error.
 */
int lg_msrs_init(void)
{
	hotplug_state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN,
						  "x86/lguest:online", NULL,
						  cpu_goes_offline);
	return hotplug_state < 0 ? hotplug_state : 0;
}

/**
 * lg_msrs_exit() - every CPU has its MSRs back, and no notifier of ours
 *
 * Context: may sleep.
 */
void lg_msrs_exit(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
	on_each_cpu(unguard_this_cpu, NULL, 1);
}
