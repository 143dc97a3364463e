// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>

#include "lib/guest.h"

struct fatal_case {
	const char *name;
	u32 nr, arg1, arg2, arg3;
	const char *reason;
};

static const struct fatal_case fatal_cases[] = {
	{ "number 3", 3, 0, 0, 0, "bad hypercall 3" },
	{ "number 11", 11, 0, 0, 0, "bad hypercall 11" },
	{ "number 12", 12, 0, 0, 0, "bad hypercall 12" },
	{ "number 20", 20, 0, 0, 0, "bad hypercall 20" },
	{ "number -1", ~0U, 0, 0, 0, "bad hypercall 4294967295" },
	{ "SET_PMD", SET_PMD, 0, 0, 0,
	  "hypercall 13 (SET_PMD) from a guest without PAE tables" },
	{ "LGUEST_INIT again", LGUEST_INIT, DATA, 0, 0,
	  "a second LGUEST_INIT" },
	{ "NEW_PGTABLE beyond memory", NEW_PGTABLE, END, 0, 0,
	  "page table at 0x40000 is not in memory" },
	{ "LOAD_IDT_ENTRY 256", LOAD_IDT_ENTRY, 256, 0, 0x8e00,
	  "bad IDT entry 256" },
	{ "LOAD_IDT_ENTRY of a task gate", LOAD_IDT_ENTRY, 40, 0, 0x8500,
	  "bad IDT gate type 0x5 for vector 40" },
	{ "LOAD_IDT_ENTRY of a 16-bit gate", LOAD_IDT_ENTRY, 40, 0, 0x8600,
	  "bad IDT gate type 0x6 for vector 40" },
	{ "LOAD_IDT_ENTRY of a code segment", LOAD_IDT_ENTRY, 40, 0, 0x9e00,
	  "bad IDT gate type 0x1e for vector 40" },
	{ "SET_STACK at ring 0", SET_STACK, 0x68, STACK, 1,
	  "bad stack segment 0x68" },
	{ "SET_STACK at ring 3", SET_STACK, 0x6b, STACK, 1,
	  "bad stack segment 0x6b" },
	{ "SET_STACK of 3 pages", SET_STACK, 0x69, STACK, 3,
	  "bad stack: 3 pages" },
	{ "SET_PGD 1024", SET_PGD, TOP, 1024, 0,
	  "page directory entry 1024 does not exist" },
	{ "SET_PTE beyond memory", SET_PTE, TOP, 0x1234, END | P,
	  "bad page table entry 0x40001 for address 0x1234" },
	{ "LOAD_TLS beyond memory", LOAD_TLS, 0xffffffff, 0, 0,
	  "bad address 0xffffffff: 24 bytes there are not all in memory" },
	{ "LOAD_GDT_ENTRY 32", LOAD_GDT_ENTRY, 32, 0, 0, "bad GDT entry 32" },
	{ "SHUTDOWN beyond memory", SHUTDOWN, END, 1, 0,
	  "bad shutdown message at 0x40000" },
};

static void describe(const struct fatal_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(fatal, fatal_cases, describe);

static void fatal_calls(struct kunit *test)
{
	const struct fatal_case *c = test->param_value;
	struct guest *g = test->priv;

	guest_hypercall(g, c->nr, c->arg1, c->arg2, c->arg3);
	EXPECT_REASON(g, c->reason);
}

/* Nothing but LGUEST_INIT may be the first. */
static void calls_before_init(struct kunit *test)
{
	struct guest *g = test->priv;
	char reason[64];
	u32 nr;

	g->lg->layout = NULL;
	for (nr = 0; nr <= 20; nr++) {
		if (nr == LGUEST_INIT)
			continue;
		g->lg->dead = 0;
		guest_hypercall(g, nr, 0, 0, 0);
		snprintf(reason, sizeof(reason),
			 "hypercall %u before LGUEST_INIT", nr);
		EXPECT_REASON(g, reason);
	}
}

static void registers_are_preserved(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs before, *regs = g->lg->regs;

	regs->esi = 5;
	regs->edi = 6;
	regs->ebp = 7;
	regs->eax = SET_STACK;
	regs->ebx = 0x69;
	regs->ecx = KERNEL + STACK;
	regs->edx = 1;
	regs->vector = LG_VECTOR_HYPERCALL;
	before = *regs;
	lg_handle_trap(g->lg);
	KUNIT_EXPECT_TRUE(test, g->lg->hcall_pending);
	lg_do_hypercalls(g->lg);
	KUNIT_EXPECT_FALSE(test, g->lg->hcall_pending);
	KUNIT_EXPECT_EQ(test, memcmp(regs, &before, sizeof(before)), 0);
	EXPECT_ALIVE(g);
}

static void calls_that_set_state(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_hypercall(g, SET_STACK, 0x69, 0xc0001230, 2);
	KUNIT_EXPECT_EQ(test, g->lg->kernel_ss, 0x69);
	KUNIT_EXPECT_EQ(test, g->lg->kernel_esp, 0xc0001230);
	guest_hypercall(g, TS, 1, 0, 0);
	KUNIT_EXPECT_TRUE(test, g->lg->ts);
	guest_hypercall(g, TS, 0, 0, 0);
	KUNIT_EXPECT_FALSE(test, g->lg->ts);
	guest_hypercall(g, TS, 8, 0, 0);
	KUNIT_EXPECT_TRUE(test, g->lg->ts);
	guest_hypercall(g, SEND_INTERRUPTS, 0, 0, 0);
	guest_hypercall(g, FLUSH_ASYNC, 0, 0, 0);
	KUNIT_EXPECT_FALSE(test, g->lg->halted);
	guest_hypercall(g, HALT, 0, 0, 0);
	KUNIT_EXPECT_TRUE(test, g->lg->halted);
	EXPECT_ALIVE(g);
}

static void shutdown(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_put(g, FREE, "Oh no", 6);
	guest_hypercall(g, SHUTDOWN, FREE, 1, 0);
	EXPECT_REASON(g, "CRASH: Oh no");
}

static void shutdown_message_at_the_end(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_put(g, END - 4, "tail", 4);
	guest_hypercall(g, SHUTDOWN, END - 4, 1, 0);
	EXPECT_REASON(g, "CRASH: tail");
}

static void shutdown_message_too_long(struct kunit *test)
{
	struct guest *g = test->priv;
	char text[200], reason[200];

	memset(text, 'x', sizeof(text));
	guest_put(g, FREE, text, sizeof(text));
	snprintf(reason, sizeof(reason), "CRASH: %.128s", text);
	guest_hypercall(g, SHUTDOWN, FREE, 1, 0);
	EXPECT_REASON(g, reason);
}

/* The guest's message is not a format string. */
static void shutdown_message_with_percent(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_put(g, FREE, "%s%n", 5);
	guest_hypercall(g, SHUTDOWN, FREE, 1, 0);
	EXPECT_REASON(g, "CRASH: %s%n");
}

static void restart(struct kunit *test)
{
	struct guest *g = test->priv;

	/* Nobody reads the message, so there need not be one. */
	guest_hypercall(g, SHUTDOWN, END, 2, 0);
	KUNIT_EXPECT_EQ(test, g->lg->dead, -ERESTART);
	KUNIT_EXPECT_STREQ(test, g->lg->reason, "");
	lg_kill(g->lg, "too late");
	KUNIT_EXPECT_EQ(test, g->lg->dead, -ERESTART);
}

static void flush_tlb(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 everything;

	guest_hypercall(g, NEW_PGTABLE, TOP, 0, 0);
	for (everything = 0; everything <= 1; everything++) {
		guest_put32(g, USER_TABLE + FREE / PAGE_SIZE * 4, FREE | P | U);
		guest_put32(g, KERNEL_TABLE + FREE / PAGE_SIZE * 4,
			    FREE | P | W);
		g->lg->regs->cr2 = FREE;
		guest_trap(g, 14, 4);
		g->lg->regs->cr2 = KERNEL + FREE;
		guest_trap(g, 14, 0);
		KUNIT_EXPECT_NE(test, guest_shadow(g, FREE), 0);
		KUNIT_EXPECT_NE(test, guest_shadow(g, KERNEL + FREE), 0);
		guest_put32(g, USER_TABLE + FREE / PAGE_SIZE * 4, 0);
		guest_put32(g, KERNEL_TABLE + FREE / PAGE_SIZE * 4, 0);
		guest_hypercall(g, FLUSH_TLB, everything, 0, 0);
		KUNIT_EXPECT_EQ(test, guest_shadow(g, FREE), 0);
		KUNIT_EXPECT_EQ(test, !guest_shadow(g, KERNEL + FREE),
				everything);
	}
	EXPECT_ALIVE(g);
}

/* From here on through the run loop. The guest's program: */
static void call_notify(struct lguest *lg)
{
	lg->regs->vector = LG_VECTOR_HYPERCALL;
	lg->regs->eax = NOTIFY;
	lg->regs->ebx = 0x1000 * lg->vcpu->entered;
}

static void run_returns_each_notify(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->vcpu->run = call_notify;
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), 0);
	KUNIT_EXPECT_EQ(test, g->lg->pending.addr, 0x1000);
	/* It stays until the Launcher has it. */
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), 0);
	KUNIT_EXPECT_EQ(test, g->lg->pending.addr, 0x1000);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 1);
	g->lg->pending.trap = 0;
	guest_ring_add(g, 0, NOTIFY, 0x123, 0, 0);
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), 0);
	KUNIT_EXPECT_EQ(test, g->lg->pending.addr, 0x123);
	g->lg->pending.trap = 0;
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), 0);
	KUNIT_EXPECT_EQ(test, g->lg->pending.addr, 0x2000);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 2);
	KUNIT_EXPECT_FALSE(test, g->lg->vcpu->loaded);
}

static void call_99(struct lguest *lg)
{
	lg->regs->vector = LG_VECTOR_HYPERCALL;
	lg->regs->eax = 99;
}

static void run_ends_with_the_guest(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->vcpu->run = call_99;
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), -ENOENT);
	KUNIT_EXPECT_EQ(test, lg_run(g->lg), -ENOENT);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 1);
	KUNIT_EXPECT_FALSE(test, g->lg->vcpu->loaded);
}

static void run_ends_for_a_signal(struct kunit *test)
{
	struct guest *g = test->priv;
	int ret;

	g->lg->vcpu->run = call_notify;
	set_tsk_thread_flag(current, TIF_SIGPENDING);
	ret = lg_run(g->lg);
	clear_tsk_thread_flag(current, TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, ret, -ERESTARTSYS);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->entered, 0);
	EXPECT_ALIVE(g);

	/* Not even a HALT holds up a signal. */
	guest_hypercall(g, HALT, 0, 0, 0);
	set_tsk_thread_flag(current, TIF_SIGPENDING);
	ret = lg_run(g->lg);
	clear_tsk_thread_flag(current, TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, ret, -ERESTARTSYS);
	KUNIT_EXPECT_TRUE(test, g->lg->halted);
}

static void clock_is_cancelled(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_hypercall(g, SET_CLOCKEVENT, 0xffffffff, 0, 0);
	KUNIT_EXPECT_TRUE(test, hrtimer_active(&g->lg->clock));
	guest_hypercall(g, SET_CLOCKEVENT, 0, 0, 0);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&g->lg->clock));
	/* The end of the guest cancels it, too. */
	guest_hypercall(g, SET_CLOCKEVENT, 0xffffffff, 0, 0);
	EXPECT_ALIVE(g);
}

static struct kunit_case hypercalls_cases[] = {
	KUNIT_CASE_PARAM(fatal_calls, fatal_gen_params),
	KUNIT_CASE(calls_before_init),
	KUNIT_CASE(registers_are_preserved),
	KUNIT_CASE(calls_that_set_state),
	KUNIT_CASE(shutdown),
	KUNIT_CASE(shutdown_message_at_the_end),
	KUNIT_CASE(shutdown_message_too_long),
	KUNIT_CASE(shutdown_message_with_percent),
	KUNIT_CASE(restart),
	KUNIT_CASE(flush_tlb),
	KUNIT_CASE(run_returns_each_notify),
	KUNIT_CASE(run_ends_with_the_guest),
	KUNIT_CASE(run_ends_for_a_signal),
	KUNIT_CASE(clock_is_cancelled),
	{}
};

static struct kunit_suite hypercalls_suite = {
	.name = "lguest_hypercalls",
	.init = guest_create,
	.exit = guest_free,
	.test_cases = hypercalls_cases,
};

kunit_test_suite(hypercalls_suite);
