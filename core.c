// SPDX-License-Identifier: GPL-2.0
/*
 * The run loop, and the module's beginning and end.
 *
 * Documentation/overview.rst leads through the whole host in order.
 */
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/tick.h>
#include <linux/vtime.h>
#include <linux/wait.h>

#include "compat.h"
#include "cpu.h"
#include "lg.h"

/*
 * Some work waits for a return to user mode. It must not wait for the guest's
 * end, so return there and come back at once: a restarted system call does that.
 */
static int must_leave(void)
{
	if (likely(!(read_thread_flags() & LG_THREAD_MUST_LEAVE)))
		return 0;
	if (signal_pending(current))
		return -ERESTARTSYS;
	set_thread_flag(TIF_SIGPENDING);
	return -ERESTARTNOINTR;
}

/*
 * A lazy request for the CPU waits for a return to user mode. Entering the guest
 * counts as one.
 */
static bool cpu_is_wanted(void)
{
	return need_resched() || test_thread_flag(TIF_NEED_RESCHED_LAZY);
}

static void give_way(void)
{
	cond_resched();
	if (cpu_is_wanted())
		schedule();
}

/*
 * Whether anything comes before the next entry to the guest. LG_THREAD_WORK has all
 * of the task's flags that must_leave() and cpu_is_wanted() ask about.
 */
static bool work_is_due(struct lguest *lg)
{
	return read_thread_flags() & LG_THREAD_WORK || lg_irqs_are_new(lg) ||
	       lg->halted || lg->pending.trap || lg_is_dead(lg);
}

/* Enter the guest again and again, and handle its exits, until other work is due */
static void run_guest(struct lguest *lg)
{
	local_irq_disable();
	/*
	 * Tell RCU, Tasks RCU included, that a guest is like user mode (KVM does
	 * this in guest_context_enter_irqoff()). An interrupt ends each turn here,
	 * so once a turn is enough. Where none need come, each entry tells it.
	 */
	rcu_virt_note_context_switch();
	tick_nohz_user_enter_prepare();
	/* From here on, anything new interrupts the guest. */
	while (!work_is_due(lg)) {
		vtime_account_guest_enter();
		lg_vcpu_enter(lg);
		vtime_account_guest_exit();
		local_irq_enable();

		/* An irq that could not be delivered may be deliverable by now. */
		lg_irqs_again(lg);
		lg_handle_trap(lg);
		if (lg->hcall_pending) {
			lg_do_hypercalls(lg);
			if (lg->hcall_pending)	/* others come first */
				return;
		}
		/* Others may have had the CPU, or ought to be offered it. */
		if (lg->regs->vector == LG_VECTOR_NONE ||
		    lg_vcpu_was_away(lg))
			return;
		local_irq_disable();
	}
	local_irq_enable();
}

static int run_until_done(struct lguest *lg)
{
	int err;

	for (;;) {
		if (lg->hcall_pending && !lg->pending.trap && !lg_is_dead(lg))
			lg_do_hypercalls(lg);
		if (lg_is_dead(lg))
			return lg->dead;
		if (lg->pending.trap)
			return 0;
		err = must_leave();
		if (err)
			return err;
		if (lg->hcall_pending) {
			/* The ring stopped for others. Its rest precedes irqs. */
			give_way();
			continue;
		}

		lg_deliver_irqs(lg);
		if (lg_is_dead(lg))
			continue;
		if (lg->halted) {
			wait_event_interruptible(lg->wait, lg_irqs_are_new(lg));
			continue;
		}
		give_way();
		/*
		 * Time went on while the guest was away. A guest that compares
		 * this clock to the TSC must not find that they differ.
		 */
		if (lg_vcpu_was_away(lg) && lg_data_ready(lg) &&
		    !lg_data_set_wallclock(lg))
			continue;
		run_guest(lg);
	}
}

/**
 * lg_run() - run a guest until there is something to tell its Launcher
 * @lg: the guest; its own task calls
 *
 * The Launcher is told of a NOTIFY that no eventfd took and, if it asks for
 * records, of an access to a port or device page. This stays in &lguest.pending
 * until the caller clears it.
 *
 * Context: may sleep.
 * Return: 0 with something pending; -ENOENT or -ERESTART if the guest is dead;
 * -ERESTARTSYS for a signal, -ERESTARTNOINTR for work that waits for user mode.
 * After these two, the next call goes on where the guest was.
 */
int lg_run(struct lguest *lg)
{
	int ret;

	lg_vcpu_load(lg);
	ret = run_until_done(lg);
	lg_vcpu_put(lg);
	return ret;
}

static int __init lg_init(void)
{
	int err;

	err = lg_cpu_init();
	if (err)
		return err;
	err = lg_device_init();
	if (err)
		goto cpu_exit;
	return 0;

cpu_exit:
	lg_cpu_exit();
	return err;
}

static void __exit lg_exit(void)
{
	lg_device_exit();
	lg_cpu_exit();
}

module_init(lg_init);
module_exit(lg_exit);
MODULE_DESCRIPTION("lguest: paravirtual 32-bit guests without hardware virtualization");
MODULE_VERSION(LG_VERSION);
MODULE_LICENSE("GPL");
