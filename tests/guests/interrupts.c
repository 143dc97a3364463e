// SPDX-License-Identifier: GPL-2.0
/*
 * When and how interrupts are delivered. The clock's is the one a guest can
 * raise by itself; the console's output queue lends a second one.
 */
#include "clock.h"
#include "console.h"
#include "cpu.h"
#include "hypercall.h"
#include "interrupts.h"
#include "irq.h"
#include "ktap.h"
#include "printf.h"
#include "setup.h"
#include "string.h"
#include "task.h"

#define MSEC		NSEC_PER_MSEC
/* Long enough for a host that's busy; and to see that nothing comes */
#define AT_MOST_MS	60000
#define FOR_SURE_MS	40
/* Well before the clock's longest time, of 4.3 s */
#define LATER_MS	500

static u32 fired;
static struct regs seen;
static u32 seen_enabled, seen_flags, seen_esp, seen_pending;
/* The interrupts in the order in which they came. */
static u32 order[8];

static void note(struct regs *regs)
{
	seen = *regs;
	seen_esp = (u32)(from_user(regs) ? (void *)(regs + 1) : &regs->esp);
	seen_enabled = READ_ONCE(lguest_data.irq_enabled);
	seen_pending = READ_ONCE(lguest_data.irq_pending);
	seen_flags = trap_flags;
	if (fired < ARRAY_SIZE(order))
		order[fired] = regs->vector - IRQ_VECTOR(0);
	fired++;
}

/* Interrupts off, the clock quiet, nothing seen yet. */
static void start(void)
{
	irq_disable();
	hcall1(LHCALL_SET_CLOCKEVENT, 0);
	irq_handler(CLOCK_IRQ, note);
	irq_enable();
	hcall0(LHCALL_SEND_INTERRUPTS);
	irq_disable();
	WRITE_ONCE(fired, 0);
}

static void set_clock(u32 ns)
{
	hcall1(LHCALL_SET_CLOCKEVENT, ns);
}

/* Wait, without a hypercall. */
static bool wait_fired(u32 count)
{
	u64 until = tsc_after_ms(AT_MOST_MS);

	while (READ_ONCE(fired) < count && rdtsc() < until)
		;
	return READ_ONCE(fired) >= count;
}

/* Wait until the host says that an interrupt is pending. */
static void wait_pending(void)
{
	u64 until = tsc_after_ms(AT_MOST_MS);

	while (READ_ONCE(lguest_data.irq_pending) != FLAGS_IF &&
	       rdtsc() < until)
		;
}

static void enable_quietly(void)
{
	WRITE_ONCE(lguest_data.irq_enabled, FLAGS_IF);
	barrier();
}

static void clock_fires_once(void)
{
	start();
	enable_quietly();
	set_clock(MSEC);
	CHECK(wait_fired(1));
	mdelay(FOR_SURE_MS);
	CHECK_EQ(fired, 1);
	CHECK_EQ(seen.vector, IRQ_VECTOR(CLOCK_IRQ));
}

static void clock_fires_for_a_short_time(void)
{
	start();
	enable_quietly();
	set_clock(1);
	CHECK(wait_fired(1));
	mdelay(FOR_SURE_MS);
	CHECK_EQ(fired, 1);
}

/* More than 4 s: a host that takes it for negative fires at once, or never. */
static void clock_takes_its_longest_time(void)
{
	start();
	enable_quietly();
	set_clock(~0u);
	mdelay(FOR_SURE_MS);
	CHECK_EQ(fired, 0);
	CHECK(wait_fired(1) || wait_fired(1));
}

#define OFTEN		2000

static void again_at_once(struct regs *regs)
{
	note(regs);
	if (fired < OFTEN)
		set_clock(1);
}

/* The clock fires at once, over and over. What it interrupts must still go on. */
static void clock_fires_all_the_time(void)
{
	u32 count = 0, before, rounds = 0;

	start();
	irq_handler(CLOCK_IRQ, again_at_once);
	enable_quietly();
	set_clock(1);
	do {
		u64 until = tsc_after_ms(AT_MOST_MS);

		before = count;
		while (READ_ONCE(fired) == before && rdtsc() < until)
			rounds++;
		count = READ_ONCE(fired);
	} while (count != before && count < OFTEN);
	CHECK_EQ(fired, OFTEN);
	CHECK(rounds > 0);
}

/* Wallclock time from the delivery of one interrupt to that of another. */
static u32 wall_us(u32 ns)
{
	u32 sec, nsec, sec2, nsec2;

	start();
	enable_quietly();
	set_clock(1);
	CHECK(wait_fired(1));
	wallclock(&sec, &nsec);
	set_clock(ns);
	CHECK(wait_fired(2));
	wallclock(&sec2, &nsec2);
	return (sec2 - sec) * 1000000 + nsec2 / 1000 - nsec / 1000;
}

static void clock_fires_in_time(void)
{
	u32 us = wall_us(50 * MSEC);

	printf("# 50 ms took %u us\n", us);
	CHECK(us >= 50000);
	CHECK(us < AT_MOST_MS * 1000);
}

static void tsc_khz_is_right(void)
{
	u32 khz = lguest_data.tsc_khz, us, ms;
	u64 tsc;

	if (!khz) {
		ktap_skip("the TSC is not to be used");
		return;
	}
	/* The host may have had something else to do at either end. */
	tsc = rdtsc();
	us = wall_us(300 * MSEC);
	ms = div_u64(rdtsc() - tsc, khz);
	printf("# %u us of the wallclock, %u ms of the TSC\n", us, ms);
	CHECK(ms >= us / 1000 * 8 / 10);
	CHECK(ms < us / 1000 * 2);
}

/* Without an interrupt, the wallclock still shows that others had the CPU. */
static void wallclock_after_the_launcher(void)
{
	static const char string[] = "# ...\n";
	u64 before;

	start();
	hcall1(LHCALL_NOTIFY, pa(string));
	before = wall_ns();
	mdelay(FOR_SURE_MS);
	hcall1(LHCALL_NOTIFY, pa(string));
	CHECK(wall_ns() - before >= (FOR_SURE_MS / 2) * MSEC);
}

static void clock_can_be_cancelled(void)
{
	start();
	enable_quietly();
	set_clock(LATER_MS * MSEC);
	set_clock(0);
	mdelay(LATER_MS + FOR_SURE_MS);
	CHECK_EQ(fired, 0);
}

/*
 * Set the clock twice, and wait for so long. Returns how often it fired in that time, if
 * the machine had the time for it: else the later of the two may have come, too.
 */
static u32 fired_when_set_twice(u32 first, u32 second, u32 wait_ms)
{
	u32 count, tries = 0;
	u64 tsc;

	do {
		start();
		enable_quietly();
		tsc = rdtsc();
		set_clock(first);
		set_clock(second);
		mdelay(wait_ms);
		count = READ_ONCE(fired);
	} while (rdtsc() - tsc > 3900ull * tsc_per_ms() && ++tries < 20);
	return count;
}

static void clock_can_be_moved(void)
{
	CHECK_EQ(fired_when_set_twice(4000 * MSEC, 2 * MSEC, LATER_MS), 1);
	CHECK_EQ(fired_when_set_twice(LATER_MS * MSEC, 4000 * MSEC,
				      LATER_MS + FOR_SURE_MS), 0);
}

static void disabled_interrupts_wait(void)
{
	start();
	set_clock(MSEC);
	wait_pending();
	CHECK_EQ(fired, 0);
	hcall0(LHCALL_SEND_INTERRUPTS);
	CHECK_EQ(fired, 0);
	enable_quietly();
	hcall0(LHCALL_SEND_INTERRUPTS);
	CHECK_EQ(READ_ONCE(fired), 1);
}

/* A guest's irq_enable() need not ask: the host finds out by itself. */
static void enabled_interrupts_come(void)
{
	start();
	set_clock(MSEC);
	wait_pending();
	CHECK_EQ(fired, 0);
	enable_quietly();
	CHECK(wait_fired(1));
	mdelay(5);
	CHECK_EQ(fired, 1);
}

static void pending_is_told(void)
{
	start();
	WRITE_ONCE(lguest_data.irq_pending, 0);
	set_clock(MSEC);
	wait_pending();
	CHECK_EQ(READ_ONCE(lguest_data.irq_pending), FLAGS_IF);
	irq_enable();
	CHECK_EQ(READ_ONCE(fired), 1);
}

static void pending_is_taken_back(void)
{
	start();
	set_clock(MSEC);
	wait_pending();
	CHECK_EQ(READ_ONCE(lguest_data.irq_pending), FLAGS_IF);
	enable_quietly();
	hcall0(LHCALL_SEND_INTERRUPTS);
	CHECK_EQ(READ_ONCE(fired), 1);
	CHECK_EQ(seen_pending, 0);
	CHECK_EQ(READ_ONCE(lguest_data.irq_pending), 0);
}

static void send_interrupts_is_at_once(void)
{
	u32 nr = LHCALL_SEND_INTERRUPTS, next;

	start();
	set_clock(MSEC);
	wait_pending();
	enable_quietly();
	asm volatile("int %[vector]\n"
		     "1: movl $1b, %[next]\n"
		     : "+a"(nr), [next] "=r"(next)
		     : [vector] "i"(HYPERCALL_VECTOR), "b"(0)
		     : "memory");
	CHECK_EQ(READ_ONCE(fired), 1);
	/* The interrupt may have come by itself a moment before; not very often. */
	CHECK(seen.eip <= next);
}

static void blocked_interrupts_wait(void)
{
	start();
	irq_block(CLOCK_IRQ);
	WRITE_ONCE(lguest_data.irq_pending, 0);
	enable_quietly();
	set_clock(MSEC);
	mdelay(FOR_SURE_MS);
	hcall0(LHCALL_SEND_INTERRUPTS);
	CHECK_EQ(fired, 0);
	CHECK_EQ(READ_ONCE(lguest_data.irq_pending), 0);
	irq_unblock(CLOCK_IRQ);
	CHECK(wait_fired(1));
	mdelay(5);
	CHECK_EQ(fired, 1);
}

static void noirq_range_is_left_alone(void)
{
	u32 pending;

	start();
	set_clock(MSEC);
	pending = noirq_spin(tsc_after_ms(FOR_SURE_MS));
	CHECK_EQ(fired, 0);
	/* The range alone holds it back: the guest need not ask for it. */
	CHECK_EQ(pending, 0);
	enable_quietly();
	CHECK(wait_fired(1));
	CHECK(seen.eip < (u32)noirq_start || seen.eip >= (u32)noirq_end);
}

static u32 ms_since(u32 sec, u32 nsec)
{
	u32 sec2, nsec2;

	wallclock(&sec2, &nsec2);
	return (sec2 - sec) * 1000 + nsec2 / MSEC - nsec / MSEC;
}

static void halt_waits_and_enables(void)
{
	u32 sec, nsec;

	start();
	enable_quietly();
	set_clock(1);
	CHECK(wait_fired(1));
	irq_disable();
	wallclock(&sec, &nsec);
	set_clock(30 * MSEC);
	hcall0(LHCALL_HALT);
	CHECK_EQ(READ_ONCE(fired), 2);
	CHECK_EQ(READ_ONCE(lguest_data.irq_enabled), FLAGS_IF);
	CHECK_EQ(seen.eflags & FLAGS_IF, FLAGS_IF);
	CHECK(ms_since(sec, nsec) >= 29);
}

static void halt_with_one_pending(void)
{
	start();
	set_clock(MSEC);
	wait_pending();
	CHECK_EQ(fired, 0);
	hcall0(LHCALL_HALT);
	CHECK_EQ(READ_ONCE(fired), 1);
	CHECK_EQ(READ_ONCE(lguest_data.irq_enabled), FLAGS_IF);
}

/* The instruction does what the hypercall does. */
static void hlt_waits(void)
{
	u32 sec, nsec;

	start();
	irq_enable();
	wallclock(&sec, &nsec);
	set_clock(30 * MSEC);
	asm volatile("hlt" : : : "memory");
	CHECK_EQ(READ_ONCE(fired), 1);
	CHECK_EQ(READ_ONCE(lguest_data.irq_enabled), FLAGS_IF);
	CHECK(ms_since(sec, nsec) >= 29);
}

static void halt_again_and_again(void)
{
	u32 i;

	start();
	for (i = 0; i < 20; i++) {
		irq_disable();
		set_clock(MSEC);
		hcall0(LHCALL_HALT);
		if (!CHECK_EQ(READ_ONCE(fired), i + 1))
			break;
	}
}

static void interrupt_gate_disables(void)
{
	start();
	enable_quietly();
	set_clock(MSEC);
	CHECK(wait_fired(1));
	CHECK_EQ(seen_enabled, 0);
	CHECK_EQ(READ_ONCE(lguest_data.irq_enabled), FLAGS_IF);
}

static void trap_gate_does_not(void)
{
	start();
	set_gate(IRQ_VECTOR(CLOCK_IRQ), GATE_TRAP, 0);
	enable_quietly();
	set_clock(MSEC);
	CHECK(wait_fired(1));
	CHECK_EQ(seen_enabled, FLAGS_IF);
	set_gate(IRQ_VECTOR(CLOCK_IRQ), GATE_INTERRUPT, 0);
}

static void frame_from_ring_1(void)
{
	u32 esp;

	start();
	enable_quietly();
	set_clock(MSEC);
	/* Wait here, where the stack pointer is known. */
	asm volatile("movl %%esp, %[esp]\n"
		     "1: cmpl $0, %[fired]\n"
		     "je 1b\n"
		     : [esp] "=&r"(esp)
		     : [fired] "m"(fired)
		     : "memory", "cc");
	CHECK_EQ(seen.cs, KERNEL_CS);
	CHECK_EQ(seen.eflags & FLAGS_IF, FLAGS_IF);
	CHECK_EQ(seen_esp, esp);
	/* In the handler's own flags, IF is the CPU's, which is always on. */
	CHECK_EQ(seen_flags & ~0x8d5u, FLAGS_IF | FLAGS_FIXED);
}

static void registers_survive(void)
{
	u32 ebx = 0x11111111, ecx = 0x22222222, edx = 0x33333333;
	u32 esi = 0x44444444, edi = 0x55555555, eax = 0x66666666;

	start();
	enable_quietly();
	set_clock(MSEC);
	asm volatile("pushl %%ebp\n"
		     "movl $0x77777777, %%ebp\n"
		     "1: movl %[fired], %%eax\n"
		     "jecxz 3f\n"
		     "testl %%eax, %%eax\n"
		     "jz 1b\n"
		     "movl $0x66666666, %%eax\n"
		     "cmpl $0x77777777, %%ebp\n"
		     "je 3f\n"
		     "movl $0, %%eax\n"
		     "3: popl %%ebp\n"
		     : "+a"(eax), "+b"(ebx), "+c"(ecx), "+d"(edx), "+S"(esi),
		       "+D"(edi)
		     : [fired] "m"(fired)
		     : "memory", "cc");
	CHECK_EQ(eax, 0x66666666);
	CHECK_EQ(ebx, 0x11111111);
	CHECK_EQ(ecx, 0x22222222);
	CHECK_EQ(edx, 0x33333333);
	CHECK_EQ(esi, 0x44444444);
	CHECK_EQ(edi, 0x55555555);
}

/* Many interrupts, at any instruction: a loop's sum must come out right. */
static void periodic(struct regs *regs)
{
	note(regs);
	if (READ_ONCE(fired) < 200)
		set_clock(MSEC / 2);
}

static void computing_survives(void)
{
	u32 i, sum = 0, rounds = 0, bad = 0;
	u64 until;

	start();
	irq_handler(CLOCK_IRQ, periodic);
	enable_quietly();
	set_clock(MSEC);
	until = tsc_after_ms(AT_MOST_MS);
	while (READ_ONCE(fired) < 200 && rdtsc() < until) {
		sum = 0;
		for (i = 0; i < 10000; i++) {
			asm volatile("" : "+r"(sum), "+r"(i));
			sum += i;
		}
		bad += sum != 49995000;
		rounds++;
	}
	CHECK(rounds);
	CHECK_EQ(bad, 0);
	CHECK_EQ(fired, 200);
}

static void end_wait(struct regs *regs)
{
	/* The interrupt came before the system call had returned. */
	if (!from_user(regs)) {
		set_clock(5 * MSEC);
		return;
	}
	note(regs);
	/* This ends prog_wait_flag()'s loop. */
	regs->edi = 1;
}

static bool arm_clock(struct regs *regs)
{
	if (regs->eax != SYS_ARM)
		return false;
	set_clock(5 * MSEC);
	return true;
}

static void from_ring_3(void)
{
	struct task_end end;
	struct task *task;

	start();
	task = task_new(prog_wait_flag, 0);
	irq_handler(CLOCK_IRQ, end_wait);
	trap_hook(SYSCALL_VECTOR, arm_clock);
	task_wait(task, &end);
	trap_hook(SYSCALL_VECTOR, NULL);
	CHECK(end.exited);
	CHECK_EQ(end.code, 0x1234);
	CHECK_EQ(READ_ONCE(fired), 1);
	CHECK_EQ(seen.cs, USER_CS);
	CHECK_EQ(seen.ss, USER_DS);
	CHECK_EQ(seen.eflags & FLAGS_IF, FLAGS_IF);
	CHECK(seen.esp > USER_STACK_TOP - USER_STACK_SIZE &&
	      seen.esp < USER_STACK_TOP);
	CHECK_EQ(seen_enabled, 0);
	/* The frame is at the top of the task's kernel stack. */
	CHECK_EQ(seen_esp, (u32)task->stack + KSTACK_SIZE);
}

/* Have the Launcher raise the console's interrupt. It has done so on return. */
static bool raise_console_irq(void)
{
	u32 irq = console_output_irq();

	if (!irq) {
		ktap_skip("no console device");
		return false;
	}
	console_use(true);
	printf("# ...\n");
	console_use(false);
	return true;
}

static void two_at_once(void)
{
	u32 irq = console_output_irq();

	start();
	irq_handler(irq, note);
	if (!raise_console_irq())
		return;
	set_clock(MSEC);
	wait_pending();
	mdelay(10 * FOR_SURE_MS);
	CHECK_EQ(fired, 0);
	enable_quietly();
	hcall0(LHCALL_SEND_INTERRUPTS);
	CHECK(wait_fired(2));
	CHECK_EQ(order[0], CLOCK_IRQ);
	CHECK_EQ(order[1], irq);
	mdelay(5);
	CHECK_EQ(fired, 2);
	console_reclaim();
}

static void blocked_does_not_hold_up_others(void)
{
	u32 irq = console_output_irq();

	start();
	irq_block(CLOCK_IRQ);
	irq_handler(irq, note);
	set_clock(MSEC);
	mdelay(FOR_SURE_MS);
	if (!raise_console_irq())
		return;
	/* The console's interrupt ends this HALT. */
	hcall0(LHCALL_HALT);
	CHECK_EQ(READ_ONCE(fired), 1);
	CHECK_EQ(order[0], irq);
	irq_unblock(CLOCK_IRQ);
	CHECK(wait_fired(2));
	CHECK_EQ(order[1], CLOCK_IRQ);
	console_reclaim();
}

static const struct ktap_test tests[] = {
	{ "the clock fires once", clock_fires_once },
	{ "the clock fires for a short time", clock_fires_for_a_short_time },
	{ "the clock takes its longest time", clock_takes_its_longest_time },
	{ "the clock fires all the time", clock_fires_all_the_time },
	{ "the clock fires in time", clock_fires_in_time },
	{ "the wallclock is right after the Launcher had the CPU",
	  wallclock_after_the_launcher },
	{ "the clock can be cancelled", clock_can_be_cancelled },
	{ "the clock can be moved", clock_can_be_moved },
	{ "disabled interrupts wait", disabled_interrupts_wait },
	{ "enabled interrupts come by themselves", enabled_interrupts_come },
	{ "irq_pending is set", pending_is_told },
	{ "irq_pending is cleared", pending_is_taken_back },
	{ "SEND_INTERRUPTS is at once", send_interrupts_is_at_once },
	{ "blocked interrupts wait", blocked_interrupts_wait },
	{ "the noirq range is left alone", noirq_range_is_left_alone },
	{ "HALT waits, and enables interrupts", halt_waits_and_enables },
	{ "HALT with an interrupt pending", halt_with_one_pending },
	{ "HALT again and again", halt_again_and_again },
	{ "HLT waits", hlt_waits },
	{ "an interrupt gate disables", interrupt_gate_disables },
	{ "a trap gate does not", trap_gate_does_not },
	{ "the frame from ring 1", frame_from_ring_1 },
	{ "registers survive", registers_survive },
	{ "computing survives 200 interrupts", computing_survives },
	{ "ring 3 is interrupted", from_ring_3 },
	{ "tsc_khz is right", tsc_khz_is_right },
	{ "two at once come in order", two_at_once },
	{ "a blocked one does not hold up others",
	  blocked_does_not_hold_up_others },
};

void guest_main(void)
{
	clock_init(0);
	clock_stop();
	console_init();
	console_use(false);
	ktap_run(tests, ARRAY_SIZE(tests));
}
