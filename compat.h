/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one place that knows how host kernels from 6.1 on differ: the rest is
 * written for the newest, and finds here what older ones call otherwise.
 *
 * To be included after all of the kernel's own.
 */
#ifndef LG_COMPAT_H
#define LG_COMPAT_H

#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/mmu_notifier.h>
#include <linux/thread_info.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#define eventfd_signal(ctx)	eventfd_signal(ctx, 1)
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
#endif

/* Before 6.15 no kernel uses it. */
#ifdef X86_FEATURE_INVLPGB
#define lg_host_has_invlpgb()	boot_cpu_has(X86_FEATURE_INVLPGB)
#else
#define lg_host_has_invlpgb()	false
#endif

/* Without it, a kernel that wants the CPU back always means at once. */
#ifndef TIF_NEED_RESCHED_LAZY
#define TIF_NEED_RESCHED_LAZY	TIF_NEED_RESCHED
#endif

/* What notifiers say to whether pages are young: bool, once int. */
#define mmu_notifier_young_t \
	typeof(((struct mmu_notifier_ops *)NULL)->test_young(NULL, NULL, 0))

#endif /* LG_COMPAT_H */
