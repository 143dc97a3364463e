// SPDX-License-Identifier: GPL-2.0
/*
 * While this is loaded, it keeps on what the kernel would else turn on and off by
 * patching itself under the tests: the scheduler's hooks for preempt notifiers
 * (when lg.ko comes and goes) and for perf events (when a debugger does), and the
 * freezer's checks (when the machine sleeps).
 *
 * The kernel patches by way of an int3. QEMU before 8.1 may execute that int3 ever
 * after, if another CPU translated it while it was replaced. Old kernels then trap
 * for ever, newer ones die of "Oops: int3".
 */
#include <linux/err.h>
#include <linux/freezer.h>
#include <linux/jump_label.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/preempt.h>
#include <linux/sched.h>

#include "../../compat.h"

static struct perf_event *event;

static int __init steady_keys_init(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.size = sizeof(attr),
		.disabled = 1,
	};

	/* A task's event. It counts for the hook even when the task is gone. */
	event = perf_event_create_kernel_counter(&attr, -1, current, NULL,
						 NULL);
	if (IS_ERR(event))
		return PTR_ERR(event);
	preempt_notifier_inc();
	lg_steady_freezer(static_branch_inc);
	return 0;
}

static void __exit steady_keys_exit(void)
{
	lg_steady_freezer(static_branch_dec);
	preempt_notifier_dec();
	perf_event_release_kernel(event);
}

module_init(steady_keys_init);
module_exit(steady_keys_exit);
MODULE_DESCRIPTION("A standing user of what would else be patched in and out");
MODULE_LICENSE("GPL");
