// SPDX-License-Identifier: GPL-2.0
/*
 * A write to /sys/module/rcu_tasks/parameters/wait returns when all tasks have been
 * where they cannot be in a trampoline. ftrace, BPF and optimized kprobes wait for
 * that before they free one.
 */
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>

static int wait(const char *val, const struct kernel_param *kp)
{
	synchronize_rcu_tasks();
	return 0;
}

static const struct kernel_param_ops wait_ops = { .set = wait };
module_param_cb(wait, &wait_ops, NULL, 0200);

MODULE_DESCRIPTION("Wait for RCU Tasks, to order");
MODULE_LICENSE("GPL");
