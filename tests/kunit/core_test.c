// SPDX-License-Identifier: GPL-2.0
/* The run loop; read_test.c has what read(2) makes of it. */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>

#include "../../cpu.h"
#include "lib/guest.h"

#define HANDLER(irq)	(0xc0100000 + (irq) * 16)
#define RESULT		0x5678

/* The guest's programs. Each ends in a NOTIFY, which ends lg_run(). */
static void notify(struct lguest *lg, u32 address)
{
	lg->regs->vector = LG_VECTOR_HYPERCALL;
	lg->regs->eax = NOTIFY;
	lg->regs->ebx = address;
}

static void notify_eip(struct lguest *lg)
{
	notify(lg, lg->regs->eip);
}

static int start(struct kunit *test)
{
	int err = guest_page(test);
	struct guest *g = test->priv;

	if (err)
		return err;
	guest_take_irqs(g);
	g->lg->vcpu->run = notify_eip;
	return 0;
}

static void stop(struct kunit *test)
{
	clear_thread_flag(TIF_SIGPENDING);
	clear_thread_flag(TIF_NOTIFY_RESUME);
	guest_free(test);
}

/* Run the guest until it notifies, which it must. Returns the address. */
static u32 run(struct guest *g)
{
	KUNIT_EXPECT_EQ(g->test, lg_run(g->lg), 0);
	KUNIT_EXPECT_EQ(g->test, g->lg->pending.trap, LG_VECTOR_HYPERCALL);
	KUNIT_EXPECT_FALSE(g->test, g->lg->vcpu->loaded);
	EXPECT_ALIVE(g);
	g->lg->pending.trap = 0;
	return g->lg->pending.addr;
}

/* The guest does not go on before its hypercall is done, even after a signal. */
static void hypercall_comes_first(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	regs->eax = LOAD_GDT_ENTRY;
	regs->ebx = 20;
	regs->ecx = 0x1234;
	regs->edx = 0x00cff300;
	g->lg->hcall_pending = true;
	set_thread_flag(TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), -ERESTARTSYS);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[20].low, 0x1234);
	KUNIT_EXPECT_FALSE(test, g->lg->hcall_pending);
	clear_thread_flag(TIF_SIGPENDING);

	guest_ring_add(g, 0, LOAD_GDT_ENTRY, 21, 0x4321, 0x00cff300);
	g->lg->hcall_pending = true;
	KUNIT_EXPECT_EQ(test, run(g), KERNEL + CODE);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[21].low, 0x4321);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 1);
}

static void notify_in_guest_time(struct lguest *lg)
{
	notify(lg, current->flags & PF_VCPU);
}

static void time_is_the_guests(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->vcpu->run = notify_in_guest_time;
	KUNIT_EXPECT_EQ(test, run(g), PF_VCPU);
	KUNIT_EXPECT_EQ(test, current->flags & PF_VCPU, 0);
	KUNIT_EXPECT_FALSE(test, irqs_disabled());
}

/* After three exits for the host alone, the run goes on. */
static void notify_at_last(struct lguest *lg)
{
	if (lg->vcpu->entered == 4)
		notify(lg, RESULT);
}

static void goes_back_in(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->vcpu->run = notify_at_last;
	KUNIT_EXPECT_EQ(test, run(g), RESULT);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 4);
}

static void trap(struct lguest *lg)
{
	lg->regs->vector = 0;
}

static void dies_of_a_trap(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->vcpu->run = trap;
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), -ENOENT);
	EXPECT_REASON(g,
		      "unhandled trap 0 at 0xc0007000 (error code 0x0): " ZEROES);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 1);
}

static void dies_of_an_irq(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->regs->esp = 0x2000;
	lg_set_irq(g->lg, 1);
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), -ENOENT);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 0);
	EXPECT_REASON(g, "no stack at ss:esp 69:0x1ff4 for the handler at 0xc0100010");
	/* We do not do its last hypercall any more. */
	g->lg->regs->eax = NOTIFY;
	g->lg->hcall_pending = true;
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), -ENOENT);
	KUNIT_EXPECT_EQ(test, g->lg->pending.trap, 0);
}

static void asks_for_restart(struct lguest *lg)
{
	lg->regs->vector = LG_VECTOR_HYPERCALL;
	lg->regs->eax = SHUTDOWN;
	lg->regs->ecx = 2;
}

static void restarts(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->vcpu->run = asks_for_restart;
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), -ERESTART);
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), -ERESTART);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 1);
}

/* Task work waits for a return to user mode, and a restart is one. */
static void work_is_let_through(struct kunit *test)
{
	struct guest *g = test->priv;

	set_thread_flag(TIF_NOTIFY_RESUME);
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), -ERESTARTNOINTR);
	KUNIT_EXPECT_TRUE(test, signal_pending(current));
	/* A signal takes precedence: its handler must run. */
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), -ERESTARTSYS);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 0);
	clear_thread_flag(TIF_SIGPENDING);
	clear_thread_flag(TIF_NOTIFY_RESUME);
	KUNIT_EXPECT_EQ(test, run(g), KERNEL + CODE);
}

/* Next, things that come between the delivery of irqs and the entry. */
static void irq_comes_late(struct lguest *lg)
{
	lg->vcpu->prepare = NULL;
	lg_set_irq(lg, 1);
}

static void late_irq(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->vcpu->prepare = irq_comes_late;
	KUNIT_EXPECT_EQ(test, run(g), HANDLER(1));
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 1);
}

/* An irq that may not be delivered does not keep the guest out. */
static void late_irq_that_waits(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_put32(g, DATA + DATA_BLOCKED, BIT(1));
	g->lg->vcpu->prepare = irq_comes_late;
	KUNIT_EXPECT_EQ(test, run(g), KERNEL + CODE);
	KUNIT_EXPECT_EQ(test, g->lg->irqs_pending, BIT(1));
}

/* Once the guest unblocks it and makes a call, it does not wait for a tick. */
static struct guest *unblocker;

static void unblock_and_call(struct lguest *lg)
{
	if (lg->vcpu->entered > 1) {
		notify_eip(lg);
		return;
	}
	guest_put32(unblocker, DATA + DATA_BLOCKED, 0);
	lg->regs->vector = LG_VECTOR_HYPERCALL;
	lg->regs->eax = FLUSH_ASYNC;
}

static void unblocked_by_the_guest(struct kunit *test)
{
	struct guest *g = test->priv;

	unblocker = g;
	guest_put32(g, DATA + DATA_BLOCKED, BIT(1));
	lg_set_irq(g->lg, 1);
	g->lg->vcpu->run = unblock_and_call;
	KUNIT_EXPECT_EQ(test, run(g), HANDLER(1));
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 2);
}

static void signal_comes_late(struct lguest *lg)
{
	set_thread_flag(TIF_SIGPENDING);
}

static void late_signal(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->vcpu->prepare = signal_comes_late;
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), -ERESTARTSYS);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 0);
	KUNIT_EXPECT_FALSE(test, irqs_disabled());
}

static void work_comes_late(struct lguest *lg)
{
	set_thread_flag(TIF_NOTIFY_RESUME);
}

static void late_work(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->vcpu->prepare = work_comes_late;
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), -ERESTARTNOINTR);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 0);
}

static void cpu_is_wanted_late(struct lguest *lg)
{
	lg->vcpu->prepare = NULL;
	set_tsk_need_resched(current);
}

static void notify_if_cpu_is_free(struct lguest *lg)
{
	notify(lg, need_resched() ? 0 : RESULT);
}

static void late_need_of_the_cpu(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->vcpu->prepare = cpu_is_wanted_late;
	g->lg->vcpu->run = notify_if_cpu_is_free;
	KUNIT_EXPECT_EQ(test, run(g), RESULT);
}

/*
 * Irqs without end. With trap gates, each interrupts the handler of the one before;
 * and whenever one is delivered, all are raised again.
 */
#define ENOUGH	600

static struct guest *stormed;
static unsigned int delivered;

static void raise_all_again(void)
{
	if (++delivered >= ENOUGH)
		return;
	stormed->lg->irqs_pending = GENMASK(LG_IRQS - 1, 0);
	if (delivered == 40)
		set_thread_flag(TIF_SIGPENDING);
}

static void irqs_without_end(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 irq;

	for (irq = 0; irq < LG_IRQS; irq++)
		guest_hypercall(g, LOAD_IDT_ENTRY, LG_VECTOR_IRQ_BASE + irq,
				LG_KERNEL_CS << 16 | irq * 16, 0xc0108f00);
	stormed = g;
	delivered = 0;
	lg_set_irq(g->lg, 1);
	fake_host.rescheds = 0;
	fake_host.time_read = raise_all_again;
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), -ERESTARTSYS);
	fake_host.time_read = NULL;
	KUNIT_EXPECT_LE(test, delivered, 40 + LG_IRQS);
	KUNIT_EXPECT_GE(test, fake_host.rescheds, 1);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 0);
	/* The irqs that are left are not forgotten. */
	KUNIT_EXPECT_TRUE(test, lg_irqs_are_new(g->lg));
	clear_thread_flag(TIF_SIGPENDING);
	g->lg->irqs_pending = BIT(2);
	KUNIT_EXPECT_EQ(test, run(g), HANDLER(2));
}

/* A full ring and a direct call all load one entry: it shows which was the last. */
#define ENTRY	20
#define CALLS	LG_RING_ENTRIES

static void fill_ring(struct guest *g)
{
	unsigned int i;

	for (i = 0; i < CALLS; i++)
		guest_ring_add(g, i, LOAD_GDT_ENTRY, ENTRY, i + 1, 0x00cff300);
	g->lg->regs->eax = LOAD_GDT_ENTRY;
	g->lg->regs->ebx = ENTRY;
	g->lg->regs->ecx = CALLS + 1;
	g->lg->regs->edx = 0x00cff300;
	g->lg->hcall_pending = true;
}

static void signal_comes_between_calls(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int i;

	fill_ring(g);
	lg_set_irq(g->lg, 1);
	for (i = 1; i <= CALLS + 1; i++) {
		set_thread_flag(TIF_SIGPENDING);
		KUNIT_EXPECT_EQ(test, lg_run(g->lg), -ERESTARTSYS);
		KUNIT_EXPECT_EQ(test, g->lg->gdt[ENTRY].low, i);
		/* No irq may come before the direct call is done. */
		KUNIT_EXPECT_EQ(test, g->lg->hcall_pending, i <= CALLS);
		KUNIT_EXPECT_EQ(test, g->lg->regs->eip, KERNEL + CODE);
	}
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 0);
	clear_thread_flag(TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, run(g), HANDLER(1));
}

static unsigned int done;

static void note_what_is_done(void)
{
	fake_host.resched = NULL;
	done = stormed->lg->gdt[ENTRY].low;
}

static void others_come_between_calls(struct kunit *test)
{
	struct guest *g = test->priv;

	stormed = g;
	done = 0;
	fill_ring(g);
	fake_host.resched = note_what_is_done;
	set_tsk_need_resched(current);
	KUNIT_EXPECT_EQ(test, run(g), KERNEL + CODE);
	KUNIT_EXPECT_EQ(test, done, 1);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[ENTRY].low, CALLS + 1);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 1);
}

/* The same, but the guest comes out for the call. */
static void call_when_cpu_is_wanted(struct lguest *lg)
{
	if (lg->vcpu->entered > 1) {
		notify(lg, lg->gdt[ENTRY].low);
		return;
	}
	fill_ring(stormed);
	lg->hcall_pending = false;
	lg->regs->vector = LG_VECTOR_HYPERCALL;
	fake_host.resched = note_what_is_done;
	set_tsk_need_resched(current);
}

static void calls_are_done_before_it_goes_on(struct kunit *test)
{
	struct guest *g = test->priv;

	stormed = g;
	done = 0;
	g->lg->vcpu->run = call_when_cpu_is_wanted;
	KUNIT_EXPECT_EQ(test, run(g), CALLS + 1);
	/* One when the guest comes out, one when the loop begins anew */
	KUNIT_EXPECT_EQ(test, done, 2);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 2);
}

static int set_true(void *flag)
{
	WRITE_ONCE(*(bool *)flag, true);
	return 0;
}

/* For some seconds, the guest never asks for anything. */
static void notify_if_others_ran(struct lguest *lg)
{
	bool ran = READ_ONCE(*(bool *)lg->vcpu->data);

	if (ran || lg->vcpu->entered == 3000)
		notify(lg, ran);
	mdelay(1);
}

static void others_have_their_turn(struct kunit *test)
{
	static bool ran;	/* The other thread may come after the test. */
	struct guest *g = test->priv;
	struct task_struct *other;

	ran = false;
	other = kthread_run(set_true, &ran, "lguest_other");
	KUNIT_ASSERT_FALSE(test, IS_ERR(other));
	g->lg->vcpu->data = &ran;
	g->lg->vcpu->run = notify_if_others_ran;
	KUNIT_EXPECT_EQ(test, run(g), true);
}

/* Check what time the guest finds on an entry, and clear that. */
static void take_time(struct lguest *lg)
{
	struct guest *g = lg->vcpu->data;
	u32 time = guest_get32(g, DATA + DATA_TIME);

	guest_put32(g, DATA + DATA_TIME, 0);
	if (lg->vcpu->entered == 1)
		KUNIT_EXPECT_NE(g->test, time, 0);
	else
		notify(lg, time);
}

/* The time is written after others had the CPU, and only then. */
static void time_after_it_was_away(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_put32(g, DATA + DATA_TIME, 0);
	g->lg->vcpu->data = g;
	g->lg->vcpu->run = take_time;
	KUNIT_EXPECT_EQ(test, run(g), 0);
}

static void no_time_before_init(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->layout = NULL;
	g->lg->vcpu->run = asks_for_restart;
	guest_put32(g, 0x100 + DATA_TIME, 0);
	g->lg->data = 0x100;
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), -ENOENT);
	EXPECT_REASON(g, "hypercall 2 before LGUEST_INIT");
	KUNIT_EXPECT_EQ(test, guest_get32(g, 0x100 + DATA_TIME), 0);
}

static void time_has_no_place(struct kunit *test)
{
	struct guest *g = test->priv;

	vm_munmap(g->memory + DATA, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), -ENOENT);
	EXPECT_REASON(g, "guest memory at 0x600c is gone: the Launcher took it away");
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 0);
}

static struct kunit_case core_cases[] = {
	KUNIT_CASE(hypercall_comes_first),
	KUNIT_CASE(time_is_the_guests),
	KUNIT_CASE(goes_back_in),
	KUNIT_CASE(dies_of_a_trap),
	KUNIT_CASE(dies_of_an_irq),
	KUNIT_CASE(restarts),
	KUNIT_CASE(work_is_let_through),
	KUNIT_CASE(late_irq),
	KUNIT_CASE(late_irq_that_waits),
	KUNIT_CASE(unblocked_by_the_guest),
	KUNIT_CASE(late_signal),
	KUNIT_CASE(late_work),
	KUNIT_CASE(late_need_of_the_cpu),
	KUNIT_CASE(irqs_without_end),
	KUNIT_CASE(signal_comes_between_calls),
	KUNIT_CASE(others_come_between_calls),
	KUNIT_CASE(calls_are_done_before_it_goes_on),
	KUNIT_CASE(others_have_their_turn),
	KUNIT_CASE(time_after_it_was_away),
	KUNIT_CASE(no_time_before_init),
	KUNIT_CASE(time_has_no_place),
	{}
};

static struct kunit_suite core_suite = {
	.name = "lguest_core",
	.init = start,
	.exit = stop,
	.test_cases = core_cases,
};

kunit_test_suite(core_suite);
