// SPDX-License-Identifier: GPL-2.0
/* HALT: the sleep of a guest in the run loop, and what ends it */
#include <kunit/test.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>

#include "lib/guest.h"

#define HANDLER(irq)	(0xc0100000 + (irq) * 16)

static void notify_eip(struct lguest *lg)
{
	lg->regs->vector = LG_VECTOR_HYPERCALL;
	lg->regs->eax = NOTIFY;
	lg->regs->ebx = lg->regs->eip;
}

/* Something that comes from outside, some ticks later */
struct event {
	struct delayed_work work;
	struct guest *g;
	struct task_struct *task;
	int irq;		/* or a signal, if negative */
};

static void happen(struct work_struct *work)
{
	struct event *event = container_of(to_delayed_work(work), struct event,
					   work);
	struct guest *g = event->g;

	KUNIT_EXPECT_EQ(g->test, g->lg->vcpu->entered, 0);
	if (event->irq >= 0) {
		lg_set_irq(g->lg, event->irq);
	} else {
		set_tsk_thread_flag(event->task, TIF_SIGPENDING);
		wake_up_state(event->task, TASK_INTERRUPTIBLE);
	}
}

static void schedule_event(struct guest *g, struct event *event, int irq,
			   unsigned int ticks)
{
	event->g = g;
	event->task = current;
	event->irq = irq;
	INIT_DELAYED_WORK(&event->work, happen);
	schedule_delayed_work(&event->work, ticks);
}

/* If nothing else wakes the guest, this ends the test, which is a failure. */
static struct event alarm;

static int start(struct kunit *test)
{
	int err = guest_page(test);
	struct guest *g = test->priv;

	if (err)
		return err;
	guest_take_irqs(g);
	g->lg->vcpu->run = notify_eip;
	schedule_event(g, &alarm, -1, 300 * HZ);
	return 0;
}

static void stop(struct kunit *test)
{
	cancel_delayed_work_sync(&alarm.work);
	clear_thread_flag(TIF_SIGPENDING);
	guest_free(test);
}

/* Run the guest. Returns the eip at which it has woken. */
static u32 run(struct guest *g)
{
	KUNIT_EXPECT_EQ(g->test, lg_run(g->lg), 0);
	EXPECT_ALIVE(g);
	g->lg->pending.trap = 0;
	return g->lg->pending.addr;
}

static void halt_sleeps(struct kunit *test)
{
	struct guest *g = test->priv;
	static struct event event;

	guest_hypercall(g, HALT, 0, 0, 0);
	schedule_event(g, &event, 2, 2);
	KUNIT_EXPECT_EQ(test, run(g), HANDLER(2));
	flush_delayed_work(&event.work);
	KUNIT_EXPECT_FALSE(test, g->lg->halted);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 1);
}

static void halt_sleeps_on(struct kunit *test)
{
	struct guest *g = test->priv;
	static struct event of_no_use, event;

	guest_put32(g, DATA + DATA_BLOCKED, BIT(1));
	guest_hypercall(g, HALT, 0, 0, 0);
	schedule_event(g, &of_no_use, 1, 2);
	schedule_event(g, &event, 2, 5);
	KUNIT_EXPECT_EQ(test, run(g), HANDLER(2));
	flush_delayed_work(&of_no_use.work);
	flush_delayed_work(&event.work);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, BIT(1));
}

static void halt_with_an_irq_pending(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_put32(g, DATA + DATA_IRQ_ENABLED, 0);
	lg_set_irq(g->lg, 2);
	lg_deliver_irqs(g->lg);
	guest_hypercall(g, HALT, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, run(g), HANDLER(2));
}

static void signal_ends_the_sleep(struct kunit *test)
{
	struct guest *g = test->priv;
	static struct event event;

	guest_hypercall(g, HALT, 0, 0, 0);
	schedule_event(g, &event, -1, 2);
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), -ERESTARTSYS);
	clear_thread_flag(TIF_SIGPENDING);
	flush_delayed_work(&event.work);
	KUNIT_EXPECT_TRUE(test, g->lg->halted);
	KUNIT_EXPECT_FALSE(test, g->lg->vcpu->loaded);

	/* The next call sleeps on. */
	schedule_event(g, &event, 1, 2);
	KUNIT_EXPECT_EQ(test, run(g), HANDLER(1));
	flush_delayed_work(&event.work);
}

static void clock_ends_halt(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_hypercall(g, SET_CLOCKEVENT, 1000000, 0, 0);
	guest_hypercall(g, HALT, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, run(g), HANDLER(0));
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, 0);
}

static struct kunit_case halt_cases[] = {
	KUNIT_CASE(halt_sleeps),
	KUNIT_CASE(halt_sleeps_on),
	KUNIT_CASE(halt_with_an_irq_pending),
	KUNIT_CASE(signal_ends_the_sleep),
	KUNIT_CASE(clock_ends_halt),
	{}
};

static struct kunit_suite halt_suite = {
	.name = "lguest_halt",
	.init = start,
	.exit = stop,
	.test_cases = halt_cases,
};

kunit_test_suite(halt_suite);
