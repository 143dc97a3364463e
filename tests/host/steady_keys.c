// SPDX-License-Identifier: GPL-2.0
/*
 * Keeps on, while it is loaded, what the kernel would else turn on and off by
 * patching itself under the tests: the scheduler's hook for preempt notifiers,
 * when lg.ko comes and goes, and the freezer's checks, when the machine sleeps.
 * It patches by way of an int3; and QEMU before 8.1 may execute that int3 ever
 * after, if another CPU translated it while it was replaced. Old kernels then
 * trap for ever, newer ones die of "Oops: int3".
 */
#include <linux/freezer.h>
#include <linux/jump_label.h>
#include <linux/module.h>
#include <linux/preempt.h>

static int __init steady_keys_init(void)
{
	preempt_notifier_inc();
	static_branch_inc(&freezer_active);
	return 0;
}

static void __exit steady_keys_exit(void)
{
	static_branch_dec(&freezer_active);
	preempt_notifier_dec();
}

module_init(steady_keys_init);
module_exit(steady_keys_exit);
MODULE_DESCRIPTION("A standing user of preempt notifiers and of the freezer's checks");
MODULE_LICENSE("GPL");
