// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/timekeeping.h>

#include "lib/guest.h"

#define HANDLER(irq)	(0xc0100000 + (irq) * 16)
#define NOIRQ_START	0xc0001000
#define NOIRQ_END	0xc0001008
#define USER_EIP	0x8000

/* Give all irqs interrupt gates, or trap gates. */
static void load_gates(struct guest *g, u32 type)
{
	u32 irq;

	for (irq = 0; irq < LG_IRQS; irq++)
		guest_hypercall(g, LOAD_IDT_ENTRY, LG_VECTOR_IRQ_BASE + irq,
				LG_KERNEL_CS << 16 | irq * 16,
				0xc0108000 | type << 8);
}

static void set_enabled(struct guest *g, bool on)
{
	guest_put32(g, DATA + DATA_IRQ_ENABLED, on ? IF : 0);
}

static bool enabled(struct guest *g)
{
	return guest_get32(g, DATA + DATA_IRQ_ENABLED) == IF;
}

/* What the guest is told of an irq that waits for its flag */
static u32 told(struct guest *g)
{
	return guest_get32(g, DATA + DATA_IRQ_PENDING);
}

static int start(struct kunit *test)
{
	int err = guest_page(test);
	struct guest *g = test->priv;

	if (err)
		return err;
	load_gates(g, 0xe);
	set_enabled(g, true);
	g->lg->noirq_start = NOIRQ_START;
	g->lg->noirq_end = NOIRQ_END;
	return 0;
}

static void expect_delivered(struct guest *g, unsigned int irq)
{
	KUNIT_EXPECT_EQ(g->test, g->lg->regs->eip, HANDLER(irq));
	KUNIT_EXPECT_FALSE(g->test, g->lg->irqs_pending & BIT(irq));
	EXPECT_ALIVE(g);
}

static void expect_waiting(struct guest *g, unsigned int irq)
{
	KUNIT_EXPECT_EQ(g->test, g->lg->regs->eip, KERNEL + CODE);
	KUNIT_EXPECT_EQ(g->test, g->lg->regs->esp, KERNEL + STACK);
	KUNIT_EXPECT_TRUE(g->test, g->lg->irqs_pending & BIT(irq));
	KUNIT_EXPECT_FALSE(g->test, lg_irqs_are_new(g->lg));
	EXPECT_ALIVE(g);
}

static void every_irq(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;
	unsigned int irq;

	for (irq = 0; irq < LG_IRQS; irq++) {
		guest_go_user(g, USER_EIP, 0x9000);
		set_enabled(g, true);
		lg_set_irq(g->lg, irq);
		KUNIT_EXPECT_TRUE(test, lg_irqs_are_new(g->lg));
		lg_deliver_irqs(g->lg);
		expect_delivered(g, irq);
		KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, 0);
		KUNIT_EXPECT_FALSE(test, enabled(g));
		/* A frame as the CPU pushes it from ring 3, without an error code */
		KUNIT_ASSERT_EQ(test, regs->esp, KERNEL + STACK - 20);
		KUNIT_EXPECT_EQ(test, regs->cs, LG_KERNEL_CS);
		KUNIT_EXPECT_EQ(test, regs->ss, LG_KERNEL_DS);
		KUNIT_EXPECT_EQ(test, guest_get32(g, STACK - 20), USER_EIP);
		KUNIT_EXPECT_EQ(test, guest_get32(g, STACK - 16), USER_CS);
		KUNIT_EXPECT_EQ(test, guest_get32(g, STACK - 12) & IF, IF);
	}
}

/* With interrupt gates, other irqs wait for each handler's end, and aren't lost. */
static void lowest_first(struct kunit *test)
{
	static const unsigned int order[] = { 0, 7, 8, 30, 31 };
	struct guest *g = test->priv;
	unsigned int i;

	for (i = ARRAY_SIZE(order); i; i--)
		lg_set_irq(g->lg, order[i - 1]);
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		bool last = i == ARRAY_SIZE(order) - 1;

		lg_deliver_irqs(g->lg);
		expect_delivered(g, order[i]);
		KUNIT_EXPECT_EQ(test, told(g), last ? 0 : IF);
		/* The guest goes on in the handler for a while. */
		g->lg->regs->eip += 4;
		lg_deliver_irqs(g->lg);
		KUNIT_EXPECT_EQ(test, g->lg->regs->eip, HANDLER(order[i]) + 4);
		set_enabled(g, true);
	}
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, 0);
}

/* Trap gates leave the flag, so each irq interrupts the last one's handler. */
static void all_at_once(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	load_gates(g, 0xf);
	lg_set_irq(g->lg, 20);
	lg_set_irq(g->lg, 3);
	lg_deliver_irqs(g->lg);
	expect_delivered(g, 20);
	KUNIT_ASSERT_EQ(test, regs->esp, KERNEL + STACK - 24);
	KUNIT_EXPECT_EQ(test, guest_get32(g, STACK - 24), HANDLER(3));
	KUNIT_EXPECT_EQ(test, guest_get32(g, STACK - 12), KERNEL + CODE);
	KUNIT_EXPECT_TRUE(test, enabled(g));
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, 0);
}

static void raised_again_in_its_handler(struct kunit *test)
{
	struct guest *g = test->priv;

	lg_set_irq(g->lg, 5);
	lg_set_irq(g->lg, 5);		/* One bit, so this is one. */
	lg_deliver_irqs(g->lg);
	expect_delivered(g, 5);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, 0);
	lg_set_irq(g->lg, 5);
	KUNIT_EXPECT_TRUE(test, lg_irqs_are_new(g->lg));
	lg_deliver_irqs(g->lg);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, BIT(5));
	KUNIT_EXPECT_EQ(test, told(g), IF);
	set_enabled(g, true);
	g->lg->regs->eip = KERNEL + CODE;
	lg_deliver_irqs(g->lg);
	expect_delivered(g, 5);
}

static void blocked(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int irq;

	for (irq = 0; irq < LG_IRQS; irq++) {
		g->lg->regs->eip = KERNEL + CODE;
		g->lg->regs->esp = KERNEL + STACK;
		set_enabled(g, true);
		guest_put32(g, DATA + DATA_BLOCKED, BIT(irq));
		lg_set_irq(g->lg, irq);
		lg_deliver_irqs(g->lg);
		expect_waiting(g, irq);
		/* The irq does not wait for the flag, so the guest need not ask. */
		KUNIT_EXPECT_EQ(test, told(g), 0);
		KUNIT_EXPECT_TRUE(test, enabled(g));

		guest_put32(g, DATA + DATA_BLOCKED, ~BIT(irq));
		lg_deliver_irqs(g->lg);
		expect_delivered(g, irq);
	}
}

static void a_blocked_irq_lets_others_pass(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_put32(g, DATA + DATA_BLOCKED, BIT(1) | BIT(9));
	lg_set_irq(g->lg, 1);
	lg_set_irq(g->lg, 9);
	lg_set_irq(g->lg, 4);
	lg_deliver_irqs(g->lg);
	expect_delivered(g, 4);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, BIT(1) | BIT(9));
	KUNIT_EXPECT_EQ(test, told(g), 0);
}

/* The guest is on its way in by then, and nothing else brings it out again. */
static void window_opens_while_it_is_out(struct kunit *test)
{
	struct guest *g = test->priv;
	struct hrtimer *window = &g->lg->irq_window;

	set_enabled(g, false);
	lg_set_irq(g->lg, 6);
	lg_deliver_irqs(g->lg);
	KUNIT_EXPECT_TRUE(test, guest_timer_was_set(window));
	hrtimer_cancel(window);
	lg_deliver_irqs(g->lg);
	hrtimer_cancel(window);
	KUNIT_EXPECT_FALSE(test, lg_irqs_are_new(g->lg));
	window->function(window);
	KUNIT_EXPECT_TRUE(test, lg_irqs_are_new(g->lg));
	lg_deliver_irqs(g->lg);
	KUNIT_EXPECT_FALSE(test, lg_irqs_are_new(g->lg));
	expect_waiting(g, 6);
}

static void interrupts_off(struct kunit *test)
{
	struct guest *g = test->priv;

	set_enabled(g, false);
	lg_set_irq(g->lg, 6);
	lg_deliver_irqs(g->lg);
	expect_waiting(g, 6);
	KUNIT_EXPECT_EQ(test, told(g), IF);
	KUNIT_EXPECT_TRUE(test, guest_timer_was_set(&g->lg->irq_window));
	/* A guest that clears it itself is told again. */
	guest_put32(g, DATA + DATA_IRQ_PENDING, 0);
	lg_deliver_irqs(g->lg);
	expect_waiting(g, 6);
	KUNIT_EXPECT_EQ(test, told(g), IF);

	set_enabled(g, true);
	guest_hypercall(g, SEND_INTERRUPTS, 0, 0, 0);
	lg_deliver_irqs(g->lg);
	expect_delivered(g, 6);
	KUNIT_EXPECT_EQ(test, told(g), 0);
}

/* irq_pending is taken back when it no longer holds. */
static void blocked_after_all(struct kunit *test)
{
	struct guest *g = test->priv;

	set_enabled(g, false);
	lg_set_irq(g->lg, 6);
	lg_deliver_irqs(g->lg);
	KUNIT_EXPECT_EQ(test, told(g), IF);
	guest_put32(g, DATA + DATA_BLOCKED, BIT(6));
	lg_deliver_irqs(g->lg);
	expect_waiting(g, 6);
	KUNIT_EXPECT_EQ(test, told(g), 0);
	/* But only once: the guest may use the word for something else. */
	guest_put32(g, DATA + DATA_IRQ_PENDING, 0x1234);
	lg_deliver_irqs(g->lg);
	KUNIT_EXPECT_EQ(test, told(g), 0x1234);
}

struct noirq_case {
	u32 eip;
	bool held_back;
};

static const struct noirq_case noirq_cases[] = {
	{ 0, false },
	{ NOIRQ_START - 1, false },
	{ NOIRQ_START, true },
	{ NOIRQ_START + 1, true },
	{ NOIRQ_END - 1, true },
	{ NOIRQ_END, false },
	{ 0xffffffff, false },
};

static void describe_noirq(const struct noirq_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "eip %#x", c->eip);
}

KUNIT_ARRAY_PARAM(noirq, noirq_cases, describe_noirq);

/* In this range, the guest has its flag on, but is still in its handler. */
static void noirq_range(struct kunit *test)
{
	const struct noirq_case *c = test->param_value;
	struct guest *g = test->priv;

	g->lg->regs->eip = c->eip;
	lg_set_irq(g->lg, 2);
	lg_deliver_irqs(g->lg);
	KUNIT_EXPECT_EQ(test, told(g), 0);
	KUNIT_EXPECT_EQ(test, guest_timer_was_set(&g->lg->irq_window),
			c->held_back);
	if (c->held_back) {
		KUNIT_EXPECT_EQ(test, g->lg->regs->eip, c->eip);
		KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, BIT(2));
		KUNIT_EXPECT_TRUE(test, enabled(g));
		g->lg->regs->eip = NOIRQ_END;
		lg_deliver_irqs(g->lg);
	}
	expect_delivered(g, 2);
	EXPECT_ALIVE(g);
}

static void told_and_then_held_back(struct kunit *test)
{
	struct guest *g = test->priv;

	set_enabled(g, false);
	lg_set_irq(g->lg, 2);
	lg_deliver_irqs(g->lg);
	KUNIT_EXPECT_EQ(test, told(g), IF);
	set_enabled(g, true);
	g->lg->regs->eip = NOIRQ_START;
	lg_deliver_irqs(g->lg);
	KUNIT_EXPECT_EQ(test, told(g), 0);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, BIT(2));
}

/* Nobody says when the guest may be interrupted again, so the host looks. */
static void window_is_looked_for(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lguest *lg = g->lg;

	set_enabled(g, false);
	lg_set_irq(lg, 6);
	lg_deliver_irqs(lg);
	KUNIT_EXPECT_LE(test, hrtimer_get_remaining(&lg->irq_window),
			250 * NSEC_PER_USEC);
	/* The timer wakes us before this wait's time is over. */
	KUNIT_EXPECT_GT(test, wait_event_timeout(lg->wait,
						 !hrtimer_active(&lg->irq_window),
						 5 * HZ), 1);
	KUNIT_EXPECT_EQ(test, lg->irqs_pending, BIT(6));
}

static void halt_ends(struct kunit *test)
{
	struct guest *g = test->priv;

	set_enabled(g, false);
	guest_hypercall(g, HALT, 0, 0, 0);
	lg_deliver_irqs(g->lg);
	KUNIT_EXPECT_TRUE(test, g->lg->halted);
	KUNIT_EXPECT_FALSE(test, enabled(g));

	guest_put32(g, DATA + DATA_BLOCKED, BIT(3));
	lg_set_irq(g->lg, 3);
	lg_deliver_irqs(g->lg);
	expect_waiting(g, 3);
	KUNIT_EXPECT_TRUE(test, g->lg->halted);

	/* HALT sleeps with interrupts on, whatever the flag was before. */
	lg_set_irq(g->lg, 4);
	lg_deliver_irqs(g->lg);
	expect_delivered(g, 4);
	KUNIT_EXPECT_FALSE(test, g->lg->halted);
	KUNIT_EXPECT_EQ(test, guest_get32(g, STACK - 12), KERNEL + CODE);
	KUNIT_EXPECT_EQ(test, guest_get32(g, STACK - 4) & IF, IF);
	KUNIT_EXPECT_FALSE(test, enabled(g));
}

static void halt_ends_by_a_trap_gate(struct kunit *test)
{
	struct guest *g = test->priv;

	load_gates(g, 0xf);
	set_enabled(g, false);
	guest_hypercall(g, HALT, 0, 0, 0);
	lg_set_irq(g->lg, 4);
	lg_deliver_irqs(g->lg);
	expect_delivered(g, 4);
	KUNIT_EXPECT_TRUE(test, enabled(g));
}

/* The guest first has to get out of the range, so it goes on without its irq. */
static void halt_ends_where_held_back(struct kunit *test)
{
	struct guest *g = test->priv;

	set_enabled(g, false);
	g->lg->regs->eip = NOIRQ_START;
	guest_hypercall(g, HALT, 0, 0, 0);
	lg_set_irq(g->lg, 4);
	lg_deliver_irqs(g->lg);
	KUNIT_EXPECT_FALSE(test, g->lg->halted);
	KUNIT_EXPECT_TRUE(test, enabled(g));
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, NOIRQ_START);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, BIT(4));
	KUNIT_EXPECT_TRUE(test, guest_timer_was_set(&g->lg->irq_window));
	g->lg->regs->eip = NOIRQ_END;
	lg_deliver_irqs(g->lg);
	expect_delivered(g, 4);
}

static void no_handler_yet(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_hypercall(g, LOAD_IDT_ENTRY, LG_VECTOR_IRQ_BASE + 1, 0, 0);
	lg_set_irq(g->lg, 1);
	lg_deliver_irqs(g->lg);
	expect_waiting(g, 1);
	KUNIT_EXPECT_EQ(test, told(g), 0);
	lg_set_irq(g->lg, 2);
	lg_deliver_irqs(g->lg);
	expect_delivered(g, 2);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, BIT(1));

	set_enabled(g, true);
	load_gates(g, 0xe);
	lg_deliver_irqs(g->lg);
	expect_delivered(g, 1);
}

static void nothing_before_init(struct kunit *test)
{
	struct guest *g = test->priv;
	const struct lg_data_layout *layout = g->lg->layout;

	g->lg->layout = NULL;
	lg_set_irq(g->lg, 1);
	lg_deliver_irqs(g->lg);
	expect_waiting(g, 1);
	g->lg->layout = layout;
	lg_deliver_irqs(g->lg);
	expect_delivered(g, 1);
}

static void time_comes_with_each(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 before = ktime_get_real_seconds();
	struct timespec64 after;

	guest_put32(g, DATA + DATA_TIME, 0);
	lg_deliver_irqs(g->lg);
	KUNIT_EXPECT_EQ(test, guest_get32(g, DATA + DATA_TIME), 0);
	lg_set_irq(g->lg, 1);
	lg_deliver_irqs(g->lg);
	KUNIT_EXPECT_GE(test, guest_get32(g, DATA + DATA_TIME), before);
	/* ktime_get_real_seconds() may be a tick behind what the guest was told. */
	ktime_get_real_ts64(&after);
	KUNIT_EXPECT_LE(test, guest_get32(g, DATA + DATA_TIME),
			(u32)after.tv_sec);
}

static struct kunit_case interrupts_cases[] = {
	KUNIT_CASE(every_irq),
	KUNIT_CASE(lowest_first),
	KUNIT_CASE(all_at_once),
	KUNIT_CASE(raised_again_in_its_handler),
	KUNIT_CASE(blocked),
	KUNIT_CASE(a_blocked_irq_lets_others_pass),
	KUNIT_CASE(window_opens_while_it_is_out),
	KUNIT_CASE(interrupts_off),
	KUNIT_CASE(blocked_after_all),
	KUNIT_CASE_PARAM(noirq_range, noirq_gen_params),
	KUNIT_CASE(told_and_then_held_back),
	KUNIT_CASE(window_is_looked_for),
	KUNIT_CASE(halt_ends),
	KUNIT_CASE(halt_ends_by_a_trap_gate),
	KUNIT_CASE(halt_ends_where_held_back),
	KUNIT_CASE(no_handler_yet),
	KUNIT_CASE(nothing_before_init),
	KUNIT_CASE(time_comes_with_each),
	{}
};

static struct kunit_suite interrupts_suite = {
	.name = "lguest_interrupts",
	.init = start,
	.exit = guest_free,
	.test_cases = interrupts_cases,
};

kunit_test_suite(interrupts_suite);
