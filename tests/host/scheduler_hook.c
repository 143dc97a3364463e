// SPDX-License-Identifier: GPL-2.0
/*
 * Keeps the scheduler's hook for preempt notifiers on while it is loaded, for
 * test machines in which lg.ko comes and goes. Without it the kernel patches
 * its scheduler each time, by way of an int3; and QEMU before 8.1 may execute
 * that int3 for ever, if another CPU translated it while it was replaced.
 */
#include <linux/module.h>
#include <linux/preempt.h>

static int __init scheduler_hook_init(void)
{
	preempt_notifier_inc();
	return 0;
}

static void __exit scheduler_hook_exit(void)
{
	preempt_notifier_dec();
}

module_init(scheduler_hook_init);
module_exit(scheduler_hook_exit);
MODULE_DESCRIPTION("A standing user of preempt notifiers");
MODULE_LICENSE("GPL");
