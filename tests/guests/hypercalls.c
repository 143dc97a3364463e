// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls as such: what they preserve, the ring of asynchronous ones, and
 * those that load descriptors.
 */
#include "clock.h"
#include "cpu.h"
#include "hypercall.h"
#include "hypercalls.h"
#include "irq.h"
#include "ktap.h"
#include "layout.h"
#include "paging.h"
#include "printf.h"
#include "segments.h"
#include "setup.h"
#include "string.h"
#include "task.h"
#include "traps.h"

/* Bases for test segments: gs:0 tells which of them is in force. */
static u32 marks[RING_SIZE];

static struct desc mark_desc(u32 i)
{
	return make_desc((u32)&marks[i], 3, SEG_PRESENT | SEG_DATA |
			 SEG_DPL(1));
}

static void mark_lazy(u32 i)
{
	struct desc desc = mark_desc(i);

	async_hcall(LHCALL_LOAD_GDT_ENTRY, SPARE_ENTRY, desc.low, desc.high,
		    0);
}

static void mark_now(u32 i)
{
	set_gdt(SPARE_ENTRY, mark_desc(i));
}

static u32 mark_seen(void)
{
	u32 seen;

	load_gs(SPARE_SEL(1));
	seen = read_gs_word(0);
	load_gs(0);
	return seen;
}

static u32 ring_pending(void)
{
	u32 i, n = 0;

	for (i = 0; i < RING_SIZE; i++)
		n += READ_ONCE(lguest_data.hcall_status[i]) != RING_DONE;
	return n;
}

struct gprs {
	u32 eax, ebx, ecx, edx, esi, edi, ebp;
};

/* Do a hypercall with these registers, and note what they are after it. */
static void raw_hcall(struct gprs *r)
{
	asm volatile("pushl %%ebp\n"
		     "pushl %[r]\n"
		     "movl %[r], %%eax\n"
		     "movl 4(%%eax), %%ebx\n"
		     "movl 8(%%eax), %%ecx\n"
		     "movl 12(%%eax), %%edx\n"
		     "movl 16(%%eax), %%esi\n"
		     "movl 20(%%eax), %%edi\n"
		     "movl 24(%%eax), %%ebp\n"
		     "movl (%%eax), %%eax\n"
		     "int %[vector]\n"
		     "xchgl %%eax, (%%esp)\n"
		     "movl %%ebx, 4(%%eax)\n"
		     "movl %%ecx, 8(%%eax)\n"
		     "movl %%edx, 12(%%eax)\n"
		     "movl %%esi, 16(%%eax)\n"
		     "movl %%edi, 20(%%eax)\n"
		     "movl %%ebp, 24(%%eax)\n"
		     "popl (%%eax)\n"
		     "popl %%ebp\n"
		     : [r] "+a"(r)
		     : [vector] "i"(HYPERCALL_VECTOR)
		     : "ebx", "ecx", "edx", "esi", "edi", "memory");
}

static void check_preserved(u32 nr, u32 arg)
{
	struct gprs r = {
		nr, arg, 0x22222222, 0x33333333, 0x44444444, 0x55555555,
		0x66666666,
	};

	raw_hcall(&r);
	CHECK_EQ(r.ebx, arg);
	CHECK_EQ(r.ecx, 0x22222222);
	CHECK_EQ(r.edx, 0x33333333);
	CHECK_EQ(r.esi, 0x44444444);
	CHECK_EQ(r.edi, 0x55555555);
	CHECK_EQ(r.ebp, 0x66666666);
}

static void registers_are_preserved(void)
{
	check_preserved(LHCALL_FLUSH_ASYNC, 0x11111111);
	check_preserved(LHCALL_SEND_INTERRUPTS, 0x11111111);
	check_preserved(LHCALL_FLUSH_TLB, 1);
	check_preserved(LHCALL_FLUSH_TLB, 0);
	check_preserved(LHCALL_TS, 0);
	check_preserved(LHCALL_SET_CLOCKEVENT, 0);
	check_preserved(LHCALL_NEW_PGTABLE, pa(kernel_top));
}

static void registers_survive_the_ring(void)
{
	u32 i;

	for (i = 0; i < 3; i++)
		async_hcall(LHCALL_FLUSH_TLB, 1, ~0u, ~0u, ~0u);
	check_preserved(LHCALL_FLUSH_ASYNC, 0x11111111);
	CHECK_EQ(ring_pending(), 0);
}

static void registers_survive_the_launcher(void)
{
	static const char string[] = "# early console\n";

	check_preserved(LHCALL_NOTIFY, pa(string));
}

static u32 flags_over_hcall(u32 flags)
{
	u32 nr = LHCALL_FLUSH_ASYNC;

	/* Nothing between the two may mind what the flags are. */
	asm volatile("pushfl\n"
		     "pushl %[flags]\n"
		     "popfl\n"
		     "int %[vector]\n"
		     "pushfl\n"
		     "popl %[flags]\n"
		     "popfl\n"
		     : "+a"(nr), [flags] "+r"(flags)
		     : [vector] "i"(HYPERCALL_VECTOR), "b"(0)
		     : "memory", "cc");
	return flags;
}

static void flags_are_preserved(void)
{
	const u32 base = FLAGS_IF | FLAGS_FIXED;
	/* CF PF AF ZF SF OF */
	const u32 status = 0x8d5;

	CHECK_EQ(flags_over_hcall(base), base);
	CHECK_EQ(flags_over_hcall(base | status), base | status);
	CHECK_EQ(flags_over_hcall(base | FLAGS_DF), base | FLAGS_DF);
	CHECK_EQ(flags_over_hcall(base | FLAGS_AC), base | FLAGS_AC);
	CHECK_EQ(flags_over_hcall(base | FLAGS_NT), base | FLAGS_NT);
}

static void segments_are_preserved(void)
{
	u32 fs, gs, es;

	marks[5] = 0x5e6;
	mark_now(5);
	asm volatile("movl %[fs], %%fs\n"
		     "movl %[gs], %%gs\n"
		     "pushl %%es\n"
		     "movl %[user], %%es\n"
		     "int %[vector]\n"
		     "movl %%fs, %[fs]\n"
		     "movl %%gs, %[gs]\n"
		     "movl %%es, %[user]\n"
		     "popl %%es\n"
		     : [fs] "=&r"(fs), [gs] "=&r"(gs), [user] "=&r"(es)
		     : "0"(KERNEL_DS), "1"(SPARE_SEL(1)), "2"(USER_DS),
		       [vector] "i"(HYPERCALL_VECTOR), "a"(LHCALL_FLUSH_ASYNC)
		     : "memory");
	CHECK_EQ(fs, KERNEL_DS);
	CHECK_EQ(gs, SPARE_SEL(1));
	CHECK_EQ(es, USER_DS);
	CHECK_EQ(read_gs_word(0), 0x5e6);
	load_gs(0);
	hcall0(LHCALL_FLUSH_ASYNC);
	CHECK_EQ(read_gs(), 0);
	asm volatile("movl %0, %%fs" : : "r"(0));
}

static void ring_waits_for_a_direct_call(void)
{
	mark_now(0);
	mark_lazy(1);
	CHECK_EQ(ring_pending(), 1);
	CHECK_EQ(mark_seen(), marks[0]);
	hcall0(LHCALL_FLUSH_ASYNC);
	CHECK_EQ(ring_pending(), 0);
	CHECK_EQ(mark_seen(), marks[1]);
}

static void ring_is_done_in_order(void)
{
	u32 i, round;

	/* A different number each time: the ring's start moves. */
	for (round = 1; round < RING_SIZE; round += 7) {
		for (i = 0; i < round; i++)
			mark_lazy(i);
		CHECK_EQ(ring_pending(), round);
		hcall0(LHCALL_FLUSH_ASYNC);
		CHECK_EQ(ring_pending(), 0);
		CHECK_EQ(mark_seen(), marks[round - 1]);
	}
}

static void ring_comes_before_the_direct_call(void)
{
	u32 i;

	for (i = 0; i < 10; i++)
		mark_lazy(i);
	mark_now(20);
	CHECK_EQ(mark_seen(), marks[20]);
}

static void ring_can_be_full(void)
{
	u32 i;

	for (i = 0; i < RING_SIZE; i++)
		mark_lazy(i);
	CHECK_EQ(ring_pending(), RING_SIZE);
	hcall0(LHCALL_FLUSH_ASYNC);
	CHECK_EQ(ring_pending(), 0);
	CHECK_EQ(mark_seen(), marks[RING_SIZE - 1]);

	/* A call that does not fit becomes a direct one. */
	for (i = 0; i < RING_SIZE; i++)
		mark_lazy(i);
	mark_lazy(7);
	CHECK_EQ(ring_pending(), 0);
	CHECK_EQ(mark_seen(), marks[7]);

	for (i = 0; i < 10 * RING_SIZE + 3; i++)
		mark_lazy(i % RING_SIZE);
	hcall0(LHCALL_FLUSH_ASYNC);
	CHECK_EQ(ring_pending(), 0);
	CHECK_EQ(mark_seen(), marks[2]);
}

/* The host must not look at a slot before it has come to it. */
static void ring_stops_at_a_free_slot(void)
{
	u32 slot = async_next_slot(), later = (slot + 2) % RING_SIZE;
	struct desc desc = mark_desc(9);

	mark_lazy(8);
	lguest_data.hcalls[later] = (struct ring_call) {
		LHCALL_LOAD_GDT_ENTRY,
		{ SPARE_ENTRY, desc.low, desc.high, 0 },
	};
	WRITE_ONCE(lguest_data.hcall_status[later], RING_PENDING);
	hcall0(LHCALL_FLUSH_ASYNC);
	CHECK_EQ(ring_pending(), 1);
	CHECK_EQ(mark_seen(), marks[8]);

	/* Once the gap is filled, it follows. */
	mark_lazy(10);
	hcall0(LHCALL_FLUSH_ASYNC);
	CHECK_EQ(ring_pending(), 0);
	CHECK_EQ(mark_seen(), marks[9]);

	/* Bring async_hcall() back to where the host is. */
	mark_lazy(11);
	WRITE_ONCE(lguest_data.hcall_status[later], RING_DONE);
	mark_lazy(12);
	hcall0(LHCALL_FLUSH_ASYNC);
	CHECK_EQ(ring_pending(), 0);
	CHECK_EQ(mark_seen(), marks[12]);
}

static void notify_in_the_ring(void)
{
	static const char first[] = "# ring notify 1 of 2\n";
	static const char second[] = "# ring notify 2 of 2\n";
	static const char direct[] = "# direct notify\n";

	mark_lazy(1);
	async_hcall(LHCALL_NOTIFY, pa(first), 0, 0, 0);
	mark_lazy(2);
	async_hcall(LHCALL_NOTIFY, pa(second), 0, 0, 0);
	mark_lazy(3);
	hcall1(LHCALL_NOTIFY, pa(direct));
	CHECK_EQ(ring_pending(), 0);
	CHECK_EQ(mark_seen(), marks[3]);

	/* The same with something behind it that must not be lost. */
	async_hcall(LHCALL_NOTIFY, pa(first), 0, 0, 0);
	mark_lazy(4);
	mark_now(5);
	CHECK_EQ(ring_pending(), 0);
	CHECK_EQ(mark_seen(), marks[5]);
}

static u32 clock_fired;

static void count_clock(struct regs *regs)
{
	(void)regs;
	clock_fired++;
}

/*
 * If the host went through the ring again after the Launcher had its NOTIFY,
 * it would start the clock that the second call has stopped.
 */
static void ring_calls_are_done_once(void)
{
	static const char string[] = "# once\n";

	clock_fired = 0;
	irq_handler(CLOCK_IRQ, count_clock);
	irq_enable();
	async_hcall(LHCALL_SET_CLOCKEVENT, 200 * NSEC_PER_MSEC, 0, 0, 0);
	async_hcall(LHCALL_SET_CLOCKEVENT, 0, 0, 0, 0);
	async_hcall(LHCALL_NOTIFY, pa(string), 0, 0, 0);
	hcall0(LHCALL_FLUSH_ASYNC);
	mdelay(250);
	CHECK_EQ(clock_fired, 0);
	async_hcall(LHCALL_SET_CLOCKEVENT, 0, 0, 0, 0);
	async_hcall(LHCALL_SET_CLOCKEVENT, 5 * NSEC_PER_MSEC, 0, 0, 0);
	hcall0(LHCALL_FLUSH_ASYNC);
	mdelay(500);
	CHECK_EQ(clock_fired, 1);
	clock_stop();
}

static void read_dpl0(void *arg)
{
	*(u32 *)arg = mark_seen();
}

static void gdt_entries(void)
{
	u32 seen = 0;

	mark_now(1);
	CHECK_EQ(mark_seen(), marks[1]);
	mark_now(2);
	CHECK_EQ(mark_seen(), marks[2]);

	/* As Linux hands them over: DPL 0 where ring 1 is meant. */
	set_gdt(SPARE_ENTRY, make_desc((u32)&marks[3], 3,
				       SEG_PRESENT | SEG_DATA));
	CHECK(!try_call(read_dpl0, &seen, NULL));
	CHECK_EQ(seen, marks[3]);
}

static void load_spare(void *arg)
{
	(void)arg;
	load_gs(SPARE_SEL(1));
}

static void gdt_entries_can_go(void)
{
	struct trap_info info;

	set_gdt(SPARE_ENTRY, (struct desc) { 0, 0 });
	if (CHECK(try_call(load_spare, NULL, &info))) {
		CHECK_EQ(info.regs.vector, TRAP_GP);
		CHECK_EQ(info.regs.error, SPARE_ENTRY << 3);
	}
	mark_now(4);
	CHECK_EQ(mark_seen(), marks[4]);
}

static u32 int3s;

static bool count_int3(struct regs *regs)
{
	(void)regs;
	int3s++;
	return true;
}

/* Another handler of int3, which counts by 100: it shows which of them ran. */
asm(".text\n"
	"other_int3:\n"
	"	addl $100, int3s_elsewhere\n"
	"	iret\n"
	".data\n"
	"int3s_elsewhere: .long 0\n"
	".text\n");

static void idt_entries(void)
{
	int3s = 0;
	trap_hook(TRAP_BP, count_int3);
	asm volatile("int3");
	CHECK_EQ(int3s, 1);
	set_gate_to(TRAP_BP, other_int3, GATE_TRAP, 3);
	asm volatile("int3" : : : "memory");
	CHECK_EQ(int3s, 1);
	CHECK_EQ(READ_ONCE(int3s_elsewhere), 100);
	set_gate(TRAP_BP, GATE_INTERRUPT, 3);
	asm volatile("int3");
	CHECK_EQ(int3s, 2);
	trap_hook(TRAP_BP, NULL);
}

static void host_keeps_its_vectors(void)
{
	static const u8 vectors[] = { 2, 8, 15, HYPERCALL_VECTOR };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		set_gate_to(vectors[i], other_int3, GATE_TRAP, 3);
		clear_gate(vectors[i]);
		/* The host does not look at it, so it is not fatal. */
		hcall3(LHCALL_LOAD_IDT_ENTRY, vectors[i], 0, 0x8500);
	}
	WRITE_ONCE(int3s_elsewhere, 0);
	mark_now(6);
	CHECK_EQ(mark_seen(), marks[6]);
	CHECK_EQ(READ_ONCE(int3s_elsewhere), 0);
}

static const struct ktap_test tests[] = {
	{ "registers are preserved", registers_are_preserved },
	{ "registers survive the ring", registers_survive_the_ring },
	{ "registers survive the Launcher", registers_survive_the_launcher },
	{ "flags are preserved", flags_are_preserved },
	{ "segments are preserved", segments_are_preserved },
	{ "the ring waits for a direct call", ring_waits_for_a_direct_call },
	{ "the ring is done in order", ring_is_done_in_order },
	{ "the ring comes before the direct call",
	  ring_comes_before_the_direct_call },
	{ "the ring can be full", ring_can_be_full },
	{ "the ring stops at a free slot", ring_stops_at_a_free_slot },
	{ "NOTIFY in the ring", notify_in_the_ring },
	{ "calls in the ring are done once", ring_calls_are_done_once },
	{ "LOAD_GDT_ENTRY", gdt_entries },
	{ "LOAD_GDT_ENTRY takes entries away", gdt_entries_can_go },
	{ "LOAD_IDT_ENTRY", idt_entries },
	{ "the host keeps its vectors", host_keeps_its_vectors },
};

void guest_main(void)
{
	u32 i;

	for (i = 0; i < RING_SIZE; i++)
		marks[i] = 0x3a00 + i;
	clock_init(0);
	clock_stop();
	ktap_run(tests, ARRAY_SIZE(tests));
}
