// SPDX-License-Identifier: GPL-2.0
/*
 * Page faults of KVM's own. If the host is itself a guest of KVM, that KVM may
 * inject a #PF into whatever is not in ring 0, to say that a page of the host's
 * memory is not there yet (Documentation/virt/kvm/x86/msr.rst,
 * MSR_KVM_ASYNC_PF_EN). CR2 is a token then, and per-CPU flags say so until
 * somebody clears them: left alone, they make the kernel take its own next
 * fault for one of KVM's.
 *
 * We do what KVM does when it is nested. Newer kernels reserve the functions
 * that this takes for KVM's modules. There we turn such page faults off while a
 * guest has the CPU: KVM then lets the whole host wait.
 */
#include <linux/kvm_para.h>
#include <linux/sched.h>
#include <asm/msr.h>

#include "../compat.h"
#include "x86.h"

bool lg_async_pf;
bool lg_async_pf_by_msr;

/**
 * lg_async_pf_flags() - read what KVM says of a page fault, and clear it
 *
 * Tests have one of their own.
 *
 * Context: interrupts off, right after the guest came out with a page fault.
 * Return: KVM_PV_REASON_*, or 0 if the fault is the guest's.
 */
noinstr u32 __weak lg_async_pf_flags(void)
{
	return lg_kvm_async_pf_flags();
}

/**
 * lg_async_pf_wait() - wait until a page of the host's is there
 * @token: what was in CR2
 *
 * Tests have one of their own.
 *
 * Context: may sleep.
 */
void __weak lg_async_pf_wait(u32 token)
{
	local_irq_disable();
	lg_kvm_async_pf_wait(token);
	local_irq_enable();
}

/**
 * lg_async_pf_read_msr() - read MSR_KVM_ASYNC_PF_EN of this CPU
 *
 * It says where the flags are, and whether they are in use. Tests have one of their
 * own.
 *
 * Return: the MSR's value, 0 if there is no such MSR.
 */
u64 __weak lg_async_pf_read_msr(void)
{
	u64 value;

	return rdmsrq_safe(MSR_KVM_ASYNC_PF_EN, &value) ? 0 : value;
}

/**
 * lg_async_pf_write_msr() - set MSR_KVM_ASYNC_PF_EN of this CPU
 * @value: the new value
 *
 * A value that enables wakes all who wait on this CPU, as KVM may have forgotten
 * meanwhile what they wait for. Tests have one of their own.
 */
void __weak lg_async_pf_write_msr(u64 value)
{
	wrmsrq(MSR_KVM_ASYNC_PF_EN, value);
}

/**
 * lg_async_pf_disable() - keep KVM's page faults off while a guest has this CPU
 *
 * Context: interrupts off.
 * Return: what lg_async_pf_enable() takes.
 */
u64 lg_async_pf_disable(void)
{
	u64 value = lg_async_pf_read_msr();

	if (value & KVM_ASYNC_PF_ENABLED)
		lg_async_pf_write_msr(value & ~(u64)KVM_ASYNC_PF_ENABLED);
	return value;
}

/**
 * lg_async_pf_enable() - undo lg_async_pf_disable()
 * @value: what that returned
 *
 * Context: interrupts off, on the same CPU.
 */
void lg_async_pf_enable(u64 value)
{
	if (value & KVM_ASYNC_PF_ENABLED)
		lg_async_pf_write_msr(value);
}

/**
 * lg_async_pf_init() - find out whether there may be such page faults
 */
void lg_async_pf_init(void)
{
	bool kvm = kvm_para_available();

	lg_async_pf_by_msr = kvm && !LG_KVM_HELPERS;
	lg_async_pf = kvm && LG_KVM_HELPERS;
}
