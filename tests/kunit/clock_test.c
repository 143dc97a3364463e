// SPDX-License-Identifier: GPL-2.0
/* SET_CLOCKEVENT: the guest's clock, which is irq 0 */
#include <kunit/test.h>
#include <linux/delay.h>

#include "lib/guest.h"

#define FAR_AWAY	0xffffffff	/* 4.3 s, the most that a word can say */

static void set_clock(struct guest *g, u32 ns)
{
	guest_hypercall(g, SET_CLOCKEVENT, ns, 0, 0);
	EXPECT_ALIVE(g);
}

/* The irq wakes whoever waits, so this wait ends before its time is over. */
static bool ticks(struct guest *g)
{
	return wait_event_timeout(g->lg->wait, g->lg->irqs_pending & BIT(0),
				  HZ) > 1;
}

static const u32 delays[] = { 1, 1000, 1000000, 20000000 };

static void describe(const u32 *ns, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u ns", *ns);
}

KUNIT_ARRAY_PARAM(delay, delays, describe);

static void ticks_once(struct kunit *test)
{
	const u32 ns = *(const u32 *)test->param_value;
	struct guest *g = test->priv;
	u64 start = ktime_get_ns();

	set_clock(g, ns);
	KUNIT_EXPECT_TRUE(test, ticks(g));
	KUNIT_EXPECT_GE(test, ktime_get_ns() - start, ns);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, BIT(0));
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&g->lg->clock));

	g->lg->irqs_pending = 0;
	fsleep(2 * ns / NSEC_PER_USEC + 2000);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, 0);
	/* And once more */
	set_clock(g, ns);
	KUNIT_EXPECT_TRUE(test, ticks(g));
}

static void set_for_never(struct kunit *test)
{
	struct guest *g = test->priv;

	set_clock(g, 0);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&g->lg->clock));
	set_clock(g, 5000000);
	KUNIT_EXPECT_TRUE(test, guest_timer_was_set(&g->lg->clock));
	set_clock(g, 0);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&g->lg->clock));
	fsleep(20000);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, 0);
}

/* It does not take back a tick that has been. */
static void too_late_for_never(struct kunit *test)
{
	struct guest *g = test->priv;

	set_clock(g, 1);
	KUNIT_EXPECT_TRUE(test, ticks(g));
	set_clock(g, 0);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, BIT(0));
}

static void set_far_away(struct kunit *test)
{
	struct guest *g = test->priv;
	s64 left;

	set_clock(g, FAR_AWAY);
	left = ktime_to_ns(hrtimer_get_remaining(&g->lg->clock));
	KUNIT_EXPECT_GT(test, left, 3 * NSEC_PER_SEC);
	KUNIT_EXPECT_LE(test, left, (s64)FAR_AWAY);
}

/* There is one clock; the last word counts. */
static void set_again(struct kunit *test)
{
	struct guest *g = test->priv;

	set_clock(g, FAR_AWAY);
	set_clock(g, 1000000);
	KUNIT_EXPECT_TRUE(test, ticks(g));
	g->lg->irqs_pending = 0;

	set_clock(g, 5000000);
	set_clock(g, FAR_AWAY);
	fsleep(20000);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, 0);
}

/* KASAN would see a timer that goes off in the freed guest. */
static void guest_goes_first(struct kunit *test)
{
	struct guest *g = test->priv;

	set_clock(g, 5000000);
	g->lg->noirq_start = 0;
	g->lg->noirq_end = U32_MAX;
	guest_hypercall(g, LOAD_IDT_ENTRY, LG_VECTOR_IRQ_BASE + 1, 0, 0x8e00);
	lg_set_irq(g->lg, 1);
	lg_deliver_irqs(g->lg);
	KUNIT_EXPECT_TRUE(test, guest_timer_was_set(&g->lg->irq_window));
	lg_stop_timers(g->lg);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&g->lg->clock));
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&g->lg->irq_window));

	set_clock(g, 5000000);
	lg_deliver_irqs(g->lg);
	lg_destroy(g->lg);
	g->lg = NULL;
	fsleep(20000);
}

static struct kunit_case clock_cases[] = {
	KUNIT_CASE_PARAM(ticks_once, delay_gen_params),
	KUNIT_CASE(set_for_never),
	KUNIT_CASE(too_late_for_never),
	KUNIT_CASE(set_far_away),
	KUNIT_CASE(set_again),
	KUNIT_CASE(guest_goes_first),
	{}
};

static struct kunit_suite clock_suite = {
	.name = "lguest_clock",
	.init = guest_page,
	.exit = guest_free,
	.test_cases = clock_cases,
};

kunit_test_suite(clock_suite);
