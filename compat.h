/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Only this file knows how host kernels from 5.15 on differ. The rest is written
 * for the newest, and finds here what older ones call by other names.
 *
 * Include it after all of the kernel's headers.
 */
#ifndef LG_COMPAT_H
#define LG_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 15, 0)
#error "lg wants the headers of Linux 5.15.60 or later: see Hosts in Documentation/running.rst"
#endif

/*
 * What the kernel has chosen against what CPUs are known for: the KUnit build has no
 * x86/, and so no use for this. A kernel that knows nothing of one of these does the
 * like wherever the CPU may need it, or has an older word for it.
 */
#ifndef CONFIG_UML
#include <asm/cpufeatures.h>

/* An older one knows too little of what a guest may train: neither Retbleed nor PBRSB. */
#ifndef X86_FEATURE_RSB_VMEXIT_LITE
#error "lg wants the headers of Linux 5.15.60 or later: see Hosts in Documentation/running.rst"
#endif

#ifndef X86_FEATURE_CLEAR_CPU_BUF
#define X86_FEATURE_CLEAR_CPU_BUF	X86_FEATURE_MD_CLEAR
#endif
#ifndef X86_FEATURE_CLEAR_CPU_BUF_VM
#define X86_FEATURE_CLEAR_CPU_BUF_VM	X86_FEATURE_CLEAR_CPU_BUF
#endif
#if defined(X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT)
#define X86_FEATURE_CLEAR_BHB_VMEXIT	X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT
#elif !defined(X86_FEATURE_CLEAR_BHB_VMEXIT)
#define X86_FEATURE_CLEAR_BHB_VMEXIT	X86_FEATURE_IBRS_ENHANCED
#define X86_FEATURE_CLEAR_BHB_HW	X86_FEATURE_IBRS_ENHANCED
#endif
#ifndef X86_BUG_DIV0
#define X86_BUG_DIV0			X86_FEATURE_ZEN
#endif
/* They come beside X86_FEATURE_UNRET. */
#ifndef X86_FEATURE_SRSO
#define X86_FEATURE_SRSO		X86_FEATURE_UNRET
#define X86_FEATURE_SRSO_ALIAS		X86_FEATURE_UNRET
#define X86_FEATURE_IBPB_ON_VMEXIT	X86_FEATURE_UNRET
#define X86_FEATURE_IBPB_BRTYPE		X86_FEATURE_UNRET
#endif
#ifndef X86_FEATURE_IBPB_EXIT_TO_USER
#define X86_FEATURE_IBPB_EXIT_TO_USER	X86_FEATURE_IBPB_ON_VMEXIT
#endif
#endif /* !CONFIG_UML */

#ifdef __ASSEMBLER__

/* No kernel before 5.18 traps what a branch leads to. */
#ifndef ENDBR
#define ENDBR
#define ANNOTATE_NOENDBR
#endif

#else

#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/mmu_notifier.h>
#include <linux/perf_event.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>
#include <linux/thread_info.h>

/* No kernel before 5.15.105 has a name for it. */
#ifndef read_thread_flags
#define read_thread_flags()	READ_ONCE(current_thread_info()->flags)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#define eventfd_signal(ctx)	eventfd_signal(ctx, 1)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define rcu_virt_note_context_switch() \
	rcu_virt_note_context_switch(smp_processor_id())
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void lg_hrtimer_setup(struct hrtimer *timer,
				    enum hrtimer_restart (*function)(struct hrtimer *),
				    clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}

#define hrtimer_setup		lg_hrtimer_setup
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#define rdmsrq(msr, val)	rdmsrl(msr, val)
#define wrmsrq(msr, val)	wrmsrl(msr, val)
#define rdmsrq_safe(msr, val)	rdmsrl_safe(msr, val)
#endif

/* No kernel before 6.2 counts calls. */
#ifdef X86_FEATURE_CALL_DEPTH
#define lg_host_counts_calls()	boot_cpu_has(X86_FEATURE_CALL_DEPTH)
#else
#define lg_host_counts_calls()	false
#endif

#ifndef EFER_AUTOIBRS
#define EFER_AUTOIBRS		0
#endif

/* No kernel before 6.15 uses INVLPGB. */
#ifdef X86_FEATURE_INVLPGB
#define lg_host_has_invlpgb()	boot_cpu_has(X86_FEATURE_INVLPGB)
#else
#define lg_host_has_invlpgb()	false
#endif

/* No kernel before 5.19 runs as a TDX guest. */
#ifdef X86_FEATURE_TDX_GUEST
#define lg_host_is_tdx_guest()	boot_cpu_has(X86_FEATURE_TDX_GUEST)
#else
#define lg_host_is_tdx_guest()	false
#endif

/*
 * LG_PERF_CALLBACKS() - what perf asks of guests: @state, with PERF_GUEST_*, and @get_ip.
 * Before 5.17 it asks for each bit.
 */
#ifdef PERF_GUEST_ACTIVE
#define LG_PERF_CALLBACKS(name, guest_state, guest_ip)			\
static struct perf_guest_info_callbacks name = {			\
	.state = guest_state,						\
	.get_ip = guest_ip,						\
}
#else
#define PERF_GUEST_ACTIVE	BIT(0)
#define PERF_GUEST_USER		BIT(1)
#define LG_PERF_CALLBACKS(name, guest_state, guest_ip)			\
static int name ## _have(unsigned int bit)				\
{									\
	return !!(guest_state() & bit);					\
}									\
									\
static int name ## _is_in_guest(void)					\
{									\
	return name ## _have(PERF_GUEST_ACTIVE);			\
}									\
									\
static int name ## _is_user_mode(void)					\
{									\
	return name ## _have(PERF_GUEST_USER);				\
}									\
									\
static struct perf_guest_info_callbacks name = {			\
	.is_in_guest = name ## _is_in_guest,				\
	.is_user_mode = name ## _is_user_mode,				\
	.get_guest_ip = guest_ip,					\
}
#endif

/* The KUnit build has no x86/, and so no use for this. */
#ifndef CONFIG_UML
#include <linux/kvm_para.h>
#include <linux/kvm_types.h>
#include <asm/cpu.h>
#include <asm/mce.h>

/*
 * KVM calls these when it is nested, and for its guests' split locks. Kernels that
 * have this macro export them to KVM's modules only.
 */
#ifdef EXPORT_SYMBOL_FOR_KVM
#define LG_KVM_HELPERS			false
#define lg_kvm_async_pf_flags()		0
#define lg_kvm_async_pf_wait(token)	((void)(token))
#define lg_kvm_split_lock(ip)		((void)(ip))
#else
#define LG_KVM_HELPERS			true
#define lg_kvm_async_pf_flags()		kvm_read_and_reset_apf_flags()
#define lg_kvm_async_pf_wait(token)	kvm_async_pf_task_wait_schedule(token)
#define lg_kvm_split_lock(ip)		handle_guest_split_lock(ip)
#endif

/* Without CONFIG_X86_MCE, the CPU shuts down at a machine check. */
#ifdef CONFIG_X86_MCE
#define lg_do_machine_check(regs)	do_machine_check(regs)
#else
#define lg_do_machine_check(regs)	((void)(regs))
#endif
#endif /* !CONFIG_UML */

/* From 6.1 on the kernel patches itself when it freezes tasks (tests/host/steady_keys.c). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#define lg_steady_freezer(change)	do { } while (0)
#else
#define lg_steady_freezer(change)	change(&freezer_active)
#endif

/* A kernel without this flag always wants the CPU back at once. */
#ifndef TIF_NEED_RESCHED_LAZY
#define TIF_NEED_RESCHED_LAZY	TIF_NEED_RESCHED
#endif

/* Without live patching there are no patches to wait for. */
#ifndef TIF_PATCH_PENDING
#define TIF_PATCH_PENDING	TIF_NOTIFY_RESUME
#endif

/* The notifiers that say if pages are young return bool, in older kernels int. */
#define mmu_notifier_young_t \
	typeof(((struct mmu_notifier_ops *)NULL)->test_young(NULL, NULL, 0))

#endif /* !__ASSEMBLER__ */
#endif /* LG_COMPAT_H */
