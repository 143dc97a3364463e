/* SPDX-License-Identifier: GPL-2.0 */
/* The one place that knows how host kernels from 6.1 on differ. */
#ifndef LG_COMPAT_H
#define LG_COMPAT_H

#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void lg_hrtimer_setup(struct hrtimer *timer,
				    enum hrtimer_restart (*function)(struct hrtimer *),
				    enum hrtimer_mode mode)
{
	hrtimer_init(timer, CLOCK_MONOTONIC, mode);
	timer->function = function;
}
#else
static inline void lg_hrtimer_setup(struct hrtimer *timer,
				    enum hrtimer_restart (*function)(struct hrtimer *),
				    enum hrtimer_mode mode)
{
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, mode);
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#define lg_eventfd_signal(ctx)	eventfd_signal(ctx, 1)
#else
#define lg_eventfd_signal(ctx)	eventfd_signal(ctx)
#endif

#endif /* LG_COMPAT_H */
