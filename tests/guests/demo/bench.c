// SPDX-License-Identifier: GPL-2.0
/*
 * What the host's services cost. Each is called as often as it takes to measure
 * the time; or a few times, for tests/bench, which counts instructions.
 */
#include "bench.h"
#include "clock.h"
#include "console.h"
#include "demo.h"
#include "hypercall.h"
#include "irq.h"
#include "mark.h"
#include "printf.h"
#include "string.h"
#include "task.h"

#define LONG_ENOUGH	(200 * NSEC_PER_MSEC)
/* Time to get into the loop that waits until the clock strikes */
#define SOON_NS		12000
#define WINDOWS		7

static void null_hypercall(u32 n)
{
	mark_begin();
	while (n--)
		hcall0(LHCALL_FLUSH_ASYNC);
	mark_end();
}

static void ring_calls(u32 n)
{
	mark_begin();
	while (n--)
		async_hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
	hcall0(LHCALL_FLUSH_ASYNC);
	mark_end();
}

static void interrupt(u32 n)
{
	mark_begin();
	while (n--)
		clock_sync();
	mark_end();
}

static bool struck;

static bool clock_struck(struct regs *regs)
{
	(void)regs;
	mark_end();
	struck = true;
	return true;
}

/* The marks enclose what comes between the last look and the handler. */
static void strike(u32 n)
{
	u32 flags = irq_save();

	trap_hook(IRQ_VECTOR(CLOCK_IRQ), clock_struck);
	irq_restore(flags);
	while (n--) {
		struck = false;
		hcall1(LHCALL_SET_CLOCKEVENT, SOON_NS);
		while (!READ_ONCE(struck))
			mark_begin();
	}
	trap_hook(IRQ_VECTOR(CLOCK_IRQ), NULL);
}

static void system_call(u32 n)
{
	struct task_end end;

	task_run(prog_nothing, n, &end);
}

/* As Linux has it from 4.10 on */
static void system_call_by_interrupt_gate(u32 n)
{
	set_gate(SYSCALL_VECTOR, GATE_INTERRUPT, 3);
	system_call(n);
	set_gate(SYSCALL_VECTOR, GATE_TRAP, 3);
}

/* A handler that does nothing, for traps of ring 1 without an error code */
void bench_iret(void);
asm(".text\n"
	"bench_iret:\n"
	"	iret\n");

static void breakpoint(u32 n)
{
	set_gate_to(TRAP_BP, bench_iret, GATE_TRAP, 3);
	mark_begin();
	while (n--)
		asm volatile("int3");
	mark_end();
	set_gate(TRAP_BP, GATE_INTERRUPT, 3);
}

/* Each instruction of a loop of two is a step. */
static void single_step(u32 n)
{
	u32 turns = n / 2;

	set_gate_to(TRAP_DB, bench_iret, GATE_TRAP, 0);
	mark_begin();
	asm volatile("pushfl\n"
		     "pushfl\n"
		     "orl %[tf], (%%esp)\n"
		     "popfl\n"
		     "1: decl %[turns]\n"
		     "jnz 1b\n"
		     "popfl\n"
		     : [turns] "+r"(turns) : [tf] "i"(FLAGS_TF) : "memory", "cc");
	mark_end();
	set_gate(TRAP_DB, GATE_INTERRUPT, 0);
}

static void task_switch(u32 n)
{
	/* Two tasks, so half of the switches each. */
	struct task *one = task_new(prog_yield_marked, n / 2);
	struct task *two = task_new(prog_yield, n / 2 + 1);
	struct task_end end;

	task_wait(one, &end);
	task_wait(two, &end);
}

static const struct bench {
	const char *name, *help;
	void (*run)(u32 n);
	/* Few enough that a tick of the host's is not in every window */
	u32 count;
} benches[] = {
	{ "hypercall", "a hypercall that does nothing", null_hypercall, 400 },
	{ "ring", "the same by the ring, 64 at a time", ring_calls, 640 },
	{ "syscall", "a system call from ring 3", system_call, 400 },
	{ "syscall-intr", "the same by an interrupt gate",
	  system_call_by_interrupt_gate, 400 },
	{ "reflect", "a page fault in ring 3 that nobody mends",
	  bench_reflect, 200 },
	{ "breakpoint", "an int3 in ring 1", breakpoint, 400 },
	{ "step", "a single step in ring 1", single_step, 400 },
	{ "fault", "a page fault in ring 3, handled by the guest",
	  bench_fault, 100 },
	{ "fill", "a page fault that only the host sees", bench_fill, 100 },
	{ "flush", "a page touched again after a flush of all",
	  bench_flush, 1000 },
	{ "flush-user", "FLUSH_TLB of the user part, and a touch",
	  bench_flush_user, 100 },
	{ "flush-all", "FLUSH_TLB of all, and a touch", bench_flush_all, 100 },
	{ "setpte", "SET_PTE", bench_set_pte, 100 },
	{ "batch", "SET_PTE by the ring, 64 at a time",
	  bench_set_pte_batched, 320 },
	{ "table", "a change between 2 page tables, and a touch",
	  bench_tables_2, 256 },
	{ "table-8", "the same among 8", bench_tables_8, 256 },
	{ "table-64", "the same among 64", bench_tables_64, 256 },
	{ "table-256", "the same among 256", bench_tables_256, 256 },
	{ "switch", "a change of tasks", task_switch, 200 },
	{ "interrupt", "SET_CLOCKEVENT, HALT, the interrupt", interrupt, 50 },
	{ "clock", "the clock's interrupt while the guest runs", strike, 1 },
};

static u64 now(void)
{
	/* Otherwise the time is as old as the last interrupt. */
	if (!clock_has_tsc())
		clock_sync();
	return clock_ns();
}

static void measure(const struct bench *bench)
{
	u64 ns, start;
	u32 n = 64;

	printf("  %-46s", bench->help);
	for (;; n *= 2) {
		start = now();
		bench->run(n);
		ns = now() - start;
		if (ns >= LONG_ENOUGH || n >= 1u << 28)
			break;
		if (console_interrupted()) {
			printf("\n");
			return;
		}
	}
	printf("%8llu ns  (%u times)\n", div_u64(ns, n), n);
}

/* Several windows, to tell what is always done from what came by chance */
static void count(const struct bench *bench, const char *where)
{
	char name[64];
	u32 i;

	snprintf(name, sizeof(name), "%s%s %u", bench->name, where,
		 bench->count);
	mark_name(name);
	for (i = 0; i < WINDOWS; i++)
		bench->run(bench->count);
	printf("  %s\n", name);
}

static const struct bench *find(const char *name)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(benches); i++)
		if (!strcmp(name, benches[i].name))
			return &benches[i];
	return NULL;
}

void cmd_bench(const char *args)
{
	const struct bench *bench = find(args);
	u32 i;

	if (!bench_memory_begin())
		return;
	if (bench)
		measure(bench);
	for (i = 0; !bench && i < ARRAY_SIZE(benches); i++)
		if (*args)
			printf("  %-12s %s\n", benches[i].name,
			       benches[i].help);
		else
			measure(&benches[i]);
	bench_memory_end();
}

/* Copy up to the next blank, and move @args to what follows. */
static void next_word(const char **args, char *word, size_t size)
{
	size_t len = 0;

	while (**args && **args != ' ') {
		if (len + 1 < size)
			word[len++] = **args;
		++*args;
	}
	word[len] = '\0';
	while (**args == ' ')
		++*args;
}

void cmd_count(const char *args)
{
	char word[32], where[32] = "";
	const struct bench *bench;
	u32 i;

	if (!bench_memory_begin())
		return;
	mark_start();
	clock_idle(true);
	/* QEMU's plugin has begun to count by the time that this is over. */
	clock_sync();
	if (*args == '@')
		next_word(&args, where, sizeof(where));
	for (i = 0; !*args && i < ARRAY_SIZE(benches); i++)
		count(&benches[i], where);
	while (*args) {
		next_word(&args, word, sizeof(word));
		bench = find(word);
		if (bench)
			count(bench, where);
		else
			printf("no bench \"%s\"\n", word);
	}
	clock_idle(false);
	bench_memory_end();
}

void cmd_spaces(const char *args)
{
	u32 n;

	if (parse_u32(args, &n) && bench_memory_begin())
		bench_spaces(n);
	else
		printf("spaces COUNT\n");
}
