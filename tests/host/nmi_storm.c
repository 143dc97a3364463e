// SPDX-License-Identifier: GPL-2.0
/*
 * Non-maskable interrupts to order, for tests: writing "CPU COUNT" to
 * /sys/module/nmi_storm/parameters/send sends them one by one, each when the
 * one before has been handled. It fails with ETIMEDOUT if one never is. One
 * that comes twice is nobody's, and the kernel complains of it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <asm/apic.h>
#include <asm/nmi.h>

static atomic_t expected;

static int handle(unsigned int cmd, struct pt_regs *regs)
{
	return atomic_dec_if_positive(&expected) < 0 ? NMI_DONE : NMI_HANDLED;
}

static int send_one(int cpu)
{
	ktime_t end = ktime_add_ms(ktime_get(), 2000);

	atomic_inc(&expected);
	preempt_disable();
	apic->send_IPI_mask(cpumask_of(cpu), NMI_VECTOR);
	preempt_enable();
	while (atomic_read(&expected)) {
		if (ktime_after(ktime_get(), end))
			return -ETIMEDOUT;
		cond_resched();
	}
	return 0;
}

static int send(const char *val, const struct kernel_param *kp)
{
	unsigned int cpu, count;
	int err = 0;

	if (sscanf(val, "%u %u", &cpu, &count) != 2 || !cpu_online(cpu))
		return -EINVAL;
	while (count-- && !err)
		err = send_one(cpu);
	return err;
}

static const struct kernel_param_ops send_ops = { .set = send };
module_param_cb(send, &send_ops, NULL, 0200);

static int __init nmi_storm_init(void)
{
	return register_nmi_handler(NMI_LOCAL, handle, 0, KBUILD_MODNAME);
}

static void __exit nmi_storm_exit(void)
{
	unregister_nmi_handler(NMI_LOCAL, KBUILD_MODNAME);
}

module_init(nmi_storm_init);
module_exit(nmi_storm_exit);
MODULE_DESCRIPTION("Non-maskable interrupts to order");
MODULE_LICENSE("GPL");
