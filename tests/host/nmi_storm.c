// SPDX-License-Identifier: GPL-2.0
/*
 * Non-maskable interrupts to order, for tests. A write of "CPU COUNT" to
 * /sys/module/nmi_storm/parameters/send sends them one by one, each when the one
 * before has been handled. It fails with ETIMEDOUT if one never is. If one comes
 * twice, nobody expects it, and the kernel complains.
 *
 * A write to parameters/burst sends them without waiting, until COUNT have been
 * handled. While the CPU holds NMIs back, it takes one of all that it is told of;
 * but one is handled after the last was sent.
 *
 * With claim=1, all of them are ours, whoever sends them.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <asm/apic.h>
#include <asm/nmi.h>

static bool claim;
module_param(claim, bool, 0444);
MODULE_PARM_DESC(claim, "Claim all of them");

static atomic_t expected;
/*
 * Of a burst: how many were sent, how many of them when one was handled, and how
 * many were handled
 */
static bool in_burst;
static unsigned int sent, seen, handled;

static int handle(unsigned int cmd, struct pt_regs *regs)
{
	if (READ_ONCE(in_burst)) {
		WRITE_ONCE(seen, READ_ONCE(sent));
		WRITE_ONCE(handled, handled + 1);
		return NMI_HANDLED;
	}
	if (claim)
		return NMI_HANDLED;
	return atomic_dec_if_positive(&expected) < 0 ? NMI_DONE : NMI_HANDLED;
}

static void send_to(int cpu)
{
	preempt_disable();
	apic->send_IPI_mask(cpumask_of(cpu), NMI_VECTOR);
	preempt_enable();
}

static int send_one(int cpu)
{
	ktime_t end = ktime_add_ms(ktime_get(), 60000);

	atomic_inc(&expected);
	send_to(cpu);
	while (atomic_read(&expected)) {
		if (ktime_after(ktime_get(), end))
			return -ETIMEDOUT;
		cond_resched();
	}
	return 0;
}

static void nothing(void *unused)
{
}

/* After a failure the burst goes on: nobody knows what is still to come. */
static int send_burst(int cpu, unsigned int count)
{
	ktime_t end = ktime_add_ms(ktime_get(), 300000);

	handled = 0;
	seen = 0;
	sent = 0;
	/* Before any of them comes */
	smp_store_mb(in_burst, true);
	while (READ_ONCE(handled) < count) {
		/* The handler must not see an older number. */
		smp_store_mb(sent, sent + 1);
		send_to(cpu);
		/* Each strikes a little later in what the one before does. */
		udelay(sent % 16);
		if (ktime_after(ktime_get(), end))
			return -ETIMEDOUT;
		cond_resched();
	}
	while (READ_ONCE(seen) != sent) {
		if (ktime_after(ktime_get(), end))
			return -ETIMEDOUT;
		cond_resched();
	}
	/* An NMI held back comes right behind that handler, before this is done. */
	smp_call_function_single(cpu, nothing, NULL, 1);
	WRITE_ONCE(in_burst, false);
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

static int burst(const char *val, const struct kernel_param *kp)
{
	unsigned int cpu, count;

	if (sscanf(val, "%u %u", &cpu, &count) != 2 || !cpu_online(cpu))
		return -EINVAL;
	return send_burst(cpu, count);
}

static const struct kernel_param_ops burst_ops = { .set = burst };
module_param_cb(burst, &burst_ops, NULL, 0200);

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
