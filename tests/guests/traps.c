// SPDX-License-Identifier: GPL-2.0
/*
 * Traps: each arrives, from ring 1 and from ring 3, with the right address, error
 * code and frame.
 */
#include "clock.h"
#include "cpu.h"
#include "hypercall.h"
#include "irq.h"
#include "ktap.h"
#include "paging.h"
#include "printf.h"
#include "segments.h"
#include "setup.h"
#include "string.h"
#include "task.h"
#include "trap-programs.h"
#include "traps.h"

/* Emulated CPUs may compute this error code with gates of 16 bytes. */
static void check_gate_error(u32 error, u32 vector)
{
	if (error != vector * 16 + 2)
		CHECK_EQ(error, vector * 8 + 2);
}

static struct task_end end;

static void run(void (*program)(u32 arg), u32 arg)
{
	task_run(program, arg, &end);
}

/* Checks the frame of a trap from ring 3, except its error code. */
static bool check_user_gate(u32 vector, const u8 *eip, u32 enabled)
{
	const struct regs *r = &end.info.regs;

	if (!CHECK(!end.exited))
		return false;
	if (!CHECK_EQ(r->vector, vector))
		print_regs(r, end.info.cr2);
	CHECK_EQ(r->eip, (u32)eip);
	CHECK_EQ(r->cs, USER_CS);
	CHECK_EQ(r->ss, USER_DS);
	CHECK_EQ(r->eflags & FLAGS_IF, FLAGS_IF);
	CHECK(r->esp > USER_STACK_TOP - USER_STACK_SIZE &&
	      r->esp < USER_STACK_TOP);
	/* The frame begins at the very top of SET_STACK's stack. */
	CHECK_EQ((u32)(end.info.frame + 1) % KSTACK_SIZE, 0);
	CHECK_EQ(end.info.irq_enabled, enabled);
	return true;
}

/* The gates of traps are interrupt gates here. */
static bool check_user(u32 vector, const u8 *eip)
{
	return check_user_gate(vector, eip, 0);
}

#define USER_TRAP(program, arg, vector, code)			\
	do {							\
		run(program, arg);				\
		if (check_user(vector, program##_at))		\
			CHECK_EQ(end.info.regs.error, code);	\
	} while (0)

static void user_exceptions(void)
{
	USER_TRAP(prog_divide, 0, TRAP_DE, 0);
	USER_TRAP(prog_bound, 0, TRAP_BR, 0);
	USER_TRAP(prog_ud2, 0, TRAP_UD, 0);
}

static void user_privileged(void)
{
	USER_TRAP(prog_hlt, 0, TRAP_GP, 0);
	USER_TRAP(prog_cli, 0, TRAP_GP, 0);
	USER_TRAP(prog_in, 0, TRAP_GP, 0);
	USER_TRAP(prog_cr3, 0, TRAP_GP, 0);
	USER_TRAP(prog_lidt, 0, TRAP_GP, 0);
}

static void user_software_interrupts(void)
{
	run(prog_int3, 0);
	check_user(TRAP_BP, prog_int3_after);
	run(prog_into, 0);
	check_user(TRAP_OF, prog_into_after);
}

static void user_gate_privilege(void)
{
	run(prog_int_5, 0);
	if (check_user(TRAP_GP, prog_int_5_at))
		check_gate_error(end.info.regs.error, 5);
	run(prog_int_14, 0);
	if (check_user(TRAP_GP, prog_int_14_at))
		check_gate_error(end.info.regs.error, 14);
	run(prog_int_clock, 0);
	if (check_user(TRAP_GP, prog_int_clock_at))
		check_gate_error(end.info.regs.error, 32);

	/* Open a gate, and close it again. */
	set_gate(5, GATE_INTERRUPT, 3);
	run(prog_int_5, 0);
	check_user(TRAP_BR, prog_int_5_after);
	set_gate(5, GATE_INTERRUPT, 0);
	run(prog_int_5, 0);
	check_user(TRAP_GP, prog_int_5_at);

	/* The real gate of int3 is always open, the guest's may not be. */
	set_gate(TRAP_BP, GATE_INTERRUPT, 1);
	run(prog_int3, 0);
	if (check_user(TRAP_GP, prog_int3_at))
		CHECK_EQ(end.info.regs.error, TRAP_BP * 8 + 2);
	set_gate(TRAP_BP, GATE_TRAP, 3);
	run(prog_int3, 0);
	check_user_gate(TRAP_BP, prog_int3_after, FLAGS_IF);
	set_gate(TRAP_BP, GATE_INTERRUPT, 3);
	run(prog_int3, 0);
	check_user(TRAP_BP, prog_int3_after);
}

static void user_hypercall(void)
{
	run(prog_hypercall, 0);
	if (check_user(TRAP_GP, prog_hypercall_at))
		check_gate_error(end.info.regs.error, HYPERCALL_VECTOR);
}

static void user_segments(void)
{
	u32 sel = SPARE_SEL(3);

	USER_TRAP(prog_bad_gs, 0, TRAP_GP, 0x1ff8);
	USER_TRAP(prog_kernel_ds, 0, TRAP_GP, KERNEL_DS & ~3);
	set_gdt(SPARE_ENTRY, make_desc(0, 15, SEG_DATA | SEG_DPL(3)));
	USER_TRAP(prog_absent_gs, sel, TRAP_NP, sel & ~3);
	set_gdt(SPARE_ENTRY, (struct desc) { 0, 0 });
}

/*
 * A host of the same word size can let a trap gate through. Then it is the CPU
 * that clears TF for the handler.
 */
static void user_single_step(void)
{
	set_gate(TRAP_DB, GATE_TRAP, 0);
	run(prog_step, 0);
	set_gate(TRAP_DB, GATE_INTERRUPT, 0);
	if (check_user_gate(TRAP_DB, prog_step_after, FLAGS_IF)) {
		CHECK_EQ(end.info.regs.eflags & FLAGS_TF, FLAGS_TF);
		CHECK_EQ(end.info.handler_flags & FLAGS_TF, 0);
	}
}

/* Neither may get anywhere near the host. */
static void user_fast_system_calls(void)
{
	USER_TRAP(prog_sysenter, 0, TRAP_GP, 0);
	USER_TRAP(prog_syscall_insn, 0, TRAP_UD, 0);
}

static void user_cannot_enter_ring_1(void)
{
	run(prog_far_kernel, 0);
	if (check_user(TRAP_GP, prog_far_kernel_at))
		CHECK_EQ(end.info.regs.error, KERNEL_CS & ~3);
}

static void user_alignment(void)
{
	run(prog_unaligned, 0);
	if (end.exited) {
		ktap_skip("this CPU checks no alignment");
		return;
	}
	if (check_user(TRAP_AC, prog_unaligned_at))
		CHECK_EQ(end.info.regs.error, 0);
}

static void user_floating_point(void)
{
	run(prog_mf, 0);
	check_user(TRAP_MF, prog_mf_at);
	if (!(cpuid1_edx() & CPUID1_EDX_SSE2))
		return;
	run(prog_xm, 0);
	if (end.exited)
		ktap_skip("this CPU has no SSE exceptions");
	else if (check_user(TRAP_XM, prog_xm_at))
		CHECK_EQ(end.info.regs.error, 0);
}

static void user_flags(void)
{
	run(prog_iopl, 0);
	if (check_user(TRAP_UD, prog_iopl_at))
		CHECK_EQ(end.info.regs.eflags & FLAGS_ABOVE_RING_0, 0);
}

static struct regs seen;

static bool skip_ud2(struct regs *regs)
{
	seen = *regs;
	regs->eip += 2;
	return true;
}

static bool note_syscall(struct regs *regs)
{
	if (regs->eax != SYS_TEST)
		return false;
	seen = *regs;
	regs->eax++;
	return true;
}

static void system_call_frame(void)
{
	trap_hook(SYSCALL_VECTOR, note_syscall);
	run(prog_regs, 0);
	trap_hook(SYSCALL_VECTOR, NULL);
	/* The program ends by an invalid opcode right behind the call. */
	if (!CHECK_EQ(end.info.regs.vector, TRAP_UD))
		return;
	CHECK_EQ(end.info.regs.eip, (u32)prog_regs_at + 2);
	CHECK_EQ(seen.vector, SYSCALL_VECTOR);
	CHECK_EQ(seen.eip, (u32)prog_regs_at + 2);
	CHECK_EQ(seen.cs, USER_CS);
	CHECK_EQ(seen.ss, USER_DS);
	CHECK_EQ(seen.ds, USER_DS);
	CHECK_EQ(seen.esp, end.info.regs.esp);
	CHECK_EQ(seen.eflags & FLAGS_IF, FLAGS_IF);
	CHECK_EQ(seen.eflags & FLAGS_CF, FLAGS_CF);
	CHECK_EQ(seen.ebx, REGS_EBX);
	CHECK_EQ(seen.ecx, REGS_ECX);
	CHECK_EQ(seen.edx, REGS_EDX);
	CHECK_EQ(seen.esi, REGS_ESI);
	CHECK_EQ(seen.edi, REGS_EDI);
	CHECK_EQ(seen.ebp, REGS_EBP);
	/* All registers come back, and the result does. */
	CHECK_EQ(end.info.regs.eax, SYS_TEST + 1);
	CHECK_EQ(end.info.regs.ebx, REGS_EBX);
	CHECK_EQ(end.info.regs.ecx, REGS_ECX);
	CHECK_EQ(end.info.regs.edx, REGS_EDX);
	CHECK_EQ(end.info.regs.esi, REGS_ESI);
	CHECK_EQ(end.info.regs.edi, REGS_EDI);
	CHECK_EQ(end.info.regs.ebp, REGS_EBP);
	CHECK_EQ(end.info.regs.eflags & FLAGS_CF, FLAGS_CF);
}

static void many_system_calls(void)
{
	trap_hook(SYSCALL_VECTOR, note_syscall);
	clock_init(1000);
	run(prog_syscalls, 200000);
	clock_stop();
	trap_hook(SYSCALL_VECTOR, NULL);
	CHECK(end.exited);
	CHECK_EQ(end.code, 0);
}

/* The host uses ring 1's stack, never ring 3's. */
static void user_any_stack(void)
{
	static const u32 stacks[] = {
		0, 1, 0x1000, KERNEL_BASE - 1, KERNEL_BASE + 0x1000,
		0xfffff003, 0xffffffff,
	};
	u32 i;

	trap_hook(SYSCALL_VECTOR, note_syscall);
	for (i = 0; i < ARRAY_SIZE(stacks); i++) {
		memset(&seen, 0, sizeof(seen));
		run(prog_any_stack, stacks[i]);
		CHECK_EQ(seen.esp, stacks[i]);
		CHECK_EQ(end.info.regs.vector, TRAP_UD);
		CHECK_EQ(end.info.regs.eip, (u32)prog_any_stack_at);
		CHECK_EQ(end.info.regs.esp, stacks[i]);
		CHECK_EQ(end.info.regs.eax, SYS_TEST + 1);
	}
	trap_hook(SYSCALL_VECTOR, NULL);
}

static u32 gate_calls, gate_bad, gate_enabled;

static bool check_gate(struct regs *regs)
{
	if (regs->eax != SYS_TEST)
		return false;
	gate_calls++;
	if (READ_ONCE(lguest_data.irq_enabled) != gate_enabled ||
	    !(regs->eflags & FLAGS_IF))
		gate_bad++;
	regs->eax++;
	return true;
}

static void run_through_gate(u32 type, u32 enabled)
{
	set_gate(SYSCALL_VECTOR, type, 3);
	gate_calls = 0;
	gate_bad = 0;
	gate_enabled = enabled;
	run(prog_syscalls, 1000);
	CHECK(end.exited);
	CHECK_EQ(end.code, 0);
	CHECK_EQ(gate_calls, 1000);
	CHECK_EQ(gate_bad, 0);
}

/* The frame has interrupts on; the handler finds them as its gate says. */
static void system_call_gate(void)
{
	trap_hook(SYSCALL_VECTOR, check_gate);
	run_through_gate(GATE_TRAP, FLAGS_IF);
	run_through_gate(GATE_INTERRUPT, 0);
	/* If the host remembers where lguest_data is, this makes it look again. */
	hcall1(LHCALL_FLUSH_TLB, 1);
	run_through_gate(GATE_INTERRUPT, 0);
	run_through_gate(GATE_TRAP, FLAGS_IF);
	trap_hook(SYSCALL_VECTOR, NULL);
}

static u32 ticks_before, ticks_meanwhile, irq_pending;

static bool await_irq(struct regs *regs)
{
	u64 end = tsc_after_ms(1000);

	if (regs->eax != SYS_TEST)
		return false;
	ticks_before = clock_ticks();
	while (!READ_ONCE(lguest_data.irq_pending) && rdtsc() < end)
		;
	irq_pending = READ_ONCE(lguest_data.irq_pending);
	ticks_meanwhile = clock_ticks() - ticks_before;
	regs->eax++;
	return true;
}

/* An irq waits for the end of a handler that an interrupt gate led to. */
static void system_call_holds_irq(void)
{
	u64 end;

	set_gate(SYSCALL_VECTOR, GATE_INTERRUPT, 3);
	trap_hook(SYSCALL_VECTOR, await_irq);
	clock_init(100);
	run(prog_syscalls, 5);
	CHECK_EQ(irq_pending, FLAGS_IF);
	CHECK_EQ(ticks_meanwhile, 0);
	/* The program's exit was one more such handler. */
	irq_enable();
	for (end = tsc_after_ms(1000); rdtsc() < end;) {
		if (clock_ticks() != ticks_before)
			break;
	}
	CHECK(clock_ticks() != ticks_before);
	clock_stop();
	trap_hook(SYSCALL_VECTOR, NULL);
	set_gate(SYSCALL_VECTOR, GATE_TRAP, 3);
}

/*
 * Ring 1. A trap comes back to try_call(). kernel_at has the address of what
 * trapped, and kernel_after the next one, for traps that point behind.
 */
static u32 kernel_at, kernel_after;
static struct trap_info info;

#define KERNEL_PROGRAM(name, before, insn, clobber...)		\
	static void name(void *arg)				\
	{							\
		asm volatile("movl $1f, %[at]\n"		\
			     "movl $2f, %[after]\n"		\
			     before "\n"			\
			     "1: " insn "\n"			\
			     "2:\n"				\
			     : "+a"(arg), [at] "=m"(kernel_at),	\
			       [after] "=m"(kernel_after)	\
			     : : "memory", "cc", ##clobber);	\
	}							\
	static void name(void *arg)

KERNEL_PROGRAM(kernel_divide, "xorl %%ecx, %%ecx", "divl %%ecx", "ecx", "edx");
KERNEL_PROGRAM(kernel_int3, "", "int3");
KERNEL_PROGRAM(kernel_into, "movb $0x7f, %%al; addb $1, %%al", "into");
KERNEL_PROGRAM(kernel_ud2, "", "ud2");
KERNEL_PROGRAM(kernel_sti, "", "sti");
KERNEL_PROGRAM(kernel_cr0, "", "movl %%cr0, %%eax");
KERNEL_PROGRAM(kernel_read_cr2, "", "movl %%cr2, %%eax");
KERNEL_PROGRAM(kernel_read_cr3, "", "movl %%cr3, %%eax");
KERNEL_PROGRAM(kernel_read_cr4, "", "movl %%cr4, %%eax");
KERNEL_PROGRAM(kernel_set_cr0, "", "movl %%eax, %%cr0");
KERNEL_PROGRAM(kernel_set_cr4, "", "movl %%eax, %%cr4");
KERNEL_PROGRAM(kernel_rdmsr, "movl $0x10, %%ecx", "rdmsr", "ecx", "edx");
KERNEL_PROGRAM(kernel_dr7, "", "movl %%eax, %%dr7");
KERNEL_PROGRAM(kernel_clts, "", "clts");
KERNEL_PROGRAM(kernel_invlpg, "", "invlpg (%%eax)");
KERNEL_PROGRAM(kernel_lgdt, "", "lgdt (%%esp)");
KERNEL_PROGRAM(kernel_ltr, "movl $0x80, %%eax", "ltr %%ax");
KERNEL_PROGRAM(kernel_wrmsr, "movl $0x10, %%ecx; xorl %%edx, %%edx", "wrmsr",
	       "ecx", "edx");
KERNEL_PROGRAM(kernel_sysenter, "movl %%esp, %%ecx", "sysenter",
	       "ecx", "edx");
KERNEL_PROGRAM(kernel_syscall, "", ".byte 0x0f, 0x05", "ecx");
KERNEL_PROGRAM(kernel_ring_0, "pushl $0x60; pushl $0", "lret");
KERNEL_PROGRAM(kernel_bad_gs, "movl $0x1ff8, %%eax", "movl %%eax, %%gs");
KERNEL_PROGRAM(kernel_absent_gs, "", "movl %%eax, %%gs");
KERNEL_PROGRAM(kernel_absent_ss, "", "movl %%eax, %%ss");
KERNEL_PROGRAM(kernel_limit, "movl %%eax, %%gs", "movl %%gs:16, %%eax");
KERNEL_PROGRAM(kernel_int_5, "", "int $5");
KERNEL_PROGRAM(kernel_prefixed_int_5, "", ".byte 0x66, 0xcd, 0x05");
KERNEL_PROGRAM(kernel_read, "", "movl (%%eax), %%eax");
KERNEL_PROGRAM(kernel_write, "", "movl %%eax, (%%eax)");
KERNEL_PROGRAM(kernel_ins, "movl %%eax, %%edi; movl $0x80, %%edx", "insl",
	       "edi", "edx");
KERNEL_PROGRAM(kernel_far_user, "", "ljmp $0x73, $0x08000000");

static bool check_kernel(u32 vector, u32 eip)
{
	const struct regs *r = &info.regs;

	if (!CHECK_EQ(r->vector, vector))
		print_regs(r, info.cr2);
	CHECK_EQ(r->eip, eip);
	CHECK_EQ(r->cs, KERNEL_CS);
	CHECK_EQ(info.irq_enabled, 0);
	return r->vector == vector;
}

#define KERNEL_TRAP(program, arg, trap, code)				\
	do {								\
		if (CHECK(try_call(program, (void *)(arg), &info)) &&	\
		    check_kernel(trap, kernel_at))			\
			CHECK_EQ(info.regs.error, code);		\
	} while (0)

static void kernel_exceptions(void)
{
	KERNEL_TRAP(kernel_divide, 0, TRAP_DE, 0);
	KERNEL_TRAP(kernel_ud2, 0, TRAP_UD, 0);
}

static void kernel_software_interrupts(void)
{
	if (CHECK(try_call(kernel_int3, NULL, &info)))
		check_kernel(TRAP_BP, kernel_after);
	if (CHECK(try_call(kernel_into, NULL, &info)))
		check_kernel(TRAP_OF, kernel_after);
}

static void kernel_privileged(void)
{
	KERNEL_TRAP(kernel_sti, 0, TRAP_GP, 0);
	KERNEL_TRAP(kernel_cr0, 0, TRAP_GP, 0);
	KERNEL_TRAP(kernel_read_cr2, 0, TRAP_GP, 0);
	KERNEL_TRAP(kernel_read_cr3, 0, TRAP_GP, 0);
	KERNEL_TRAP(kernel_read_cr4, 0, TRAP_GP, 0);
	KERNEL_TRAP(kernel_set_cr0, 0x80050033, TRAP_GP, 0);
	KERNEL_TRAP(kernel_set_cr4, 0, TRAP_GP, 0);
	KERNEL_TRAP(kernel_dr7, 0, TRAP_GP, 0);
	KERNEL_TRAP(kernel_clts, 0, TRAP_GP, 0);
	KERNEL_TRAP(kernel_invlpg, SCRATCH_BASE, TRAP_GP, 0);
	KERNEL_TRAP(kernel_lgdt, 0, TRAP_GP, 0);
	KERNEL_TRAP(kernel_ltr, 0, TRAP_GP, 0);
	KERNEL_TRAP(kernel_rdmsr, 0, TRAP_GP, 0);
	KERNEL_TRAP(kernel_wrmsr, 0, TRAP_GP, 0);
}

/* Linux does these without an entry in its exception table. */
static void kernel_emulated(void)
{
	u32 value = 0x12345678;

	asm volatile("movl %0, %%cr2" : "+r"(value));
	CHECK_EQ(value, 0x12345678);
	asm volatile("movl %%dr7, %0" : "=r"(value));
	CHECK_EQ(value, 0x400);
	asm volatile("movl %%dr0, %0" : "=r"(value));
	CHECK_EQ(value, 0);
}

static void kernel_string_io(void)
{
	u32 words[2] = { 0, 0 }, edi = (u32)words, esi = edi, ecx = 2;

	asm volatile("cld; rep insl"
		     : "+D"(edi), "+c"(ecx) : "d"(0x70) : "memory", "cc");
	CHECK_EQ(words[0], ~0u);
	CHECK_EQ(words[1], ~0u);
	CHECK_EQ(edi, (u32)words + sizeof(words));
	CHECK_EQ(ecx, 0);
	asm volatile("outsw" : "+S"(esi) : "d"(0x70) : "memory", "cc");
	CHECK_EQ(esi, (u32)words + 2);
}

static void kernel_fast_system_calls(void)
{
	KERNEL_TRAP(kernel_sysenter, 0, TRAP_GP, 0);
	KERNEL_TRAP(kernel_syscall, 0, TRAP_UD, 0);
}

static void kernel_cannot_enter_ring_0(void)
{
	KERNEL_TRAP(kernel_ring_0, 0, TRAP_GP, KERNEL_CS & ~3);
}

/* Read a port in 16-bit code: without a prefix, into AX; with one, into EAX. */
void in_of_16_bits(void);
asm(".text\n"
	"in_of_16_bits:\n"
	"	.code16\n"
	"	inw	$0x80, %ax\n"
	"	xchgl	%eax, %ecx\n"
	"	inl	$0x80, %eax\n"
	"	lretl\n"
	"	.code32\n");

static void kernel_code_of_16_bits(void)
{
	struct desc desc = make_desc((u32)in_of_16_bits, 0xffff,
				     SEG_PRESENT | SEG_CODE | SEG_DPL(1));
	u32 eax = 0, ecx = 0;

	desc.high &= ~SEG_32BIT;
	set_gdt(SPARE_ENTRY, desc);
	asm volatile("lcall %[selector], $0"
		     : "+a"(eax), "+c"(ecx)
		     : [selector] "i"(SPARE_SEL(1))
		     : "memory");
	set_gdt(SPARE_ENTRY, (struct desc) { 0, 0 });
	CHECK_EQ(ecx, 0xffff);
	CHECK_EQ(eax, 0xffffffff);
}

static void kernel_flags(void)
{
	u32 flags;

	asm volatile("pushfl\n"
		     "pushfl\n"
		     "orl %[set], (%%esp)\n"
		     "popfl\n"
		     "pushfl\n"
		     "popl %[flags]\n"
		     "popfl\n"
		     : [flags] "=r"(flags)
		     : [set] "i"(FLAGS_ABOVE_RING_0)
		     : "memory", "cc");
	CHECK_EQ(flags & FLAGS_ABOVE_RING_0, 0);
	CHECK_EQ(flags & FLAGS_IF, FLAGS_IF);
}

/*
 * "int n" for all n, written into a page of code. It reaches nothing that ring 0
 * has a gate for, neither the host's timer nor its system call.
 */
static u8 int_page[PAGE_SIZE] __aligned(PAGE_SIZE);

static void write_int(u32 n)
{
	/* int $n; ret */
	int_page[0] = 0xcd;
	int_page[1] = n;
	int_page[2] = 0xc3;
}

static bool opened(u32 n)
{
	return n == TRAP_BP || n == TRAP_OF || n == SYSCALL_VECTOR;
}

static void kernel_every_int(void)
{
	u32 n;

	for (n = 0; n < 256; n++) {
		if (opened(n) || n == HYPERCALL_VECTOR)
			continue;
		write_int(n);
		memset(&info, 0, sizeof(info));
		if (!try_call((void (*)(void *))int_page, NULL, &info) ||
		    info.regs.vector != TRAP_GP ||
		    info.regs.eip != (u32)int_page) {
			printf("# int %u\n", n);
			CHECK_EQ(info.regs.vector, TRAP_GP);
			CHECK_EQ(info.regs.eip, (u32)int_page);
		}
		check_gate_error(info.regs.error, n);
	}
}

#define INT_AT		0x51000000

static void user_every_int(void)
{
	struct task *task;
	u32 n;

	for (n = 0; n < 256; n++) {
		if (opened(n))
			continue;
		write_int(n);
		task = task_new((void (*)(u32))INT_AT, 0);
		set_pte(task->top, INT_AT, pa(int_page) | PTE_P | PTE_U);
		task_wait(task, &end);
		if (end.exited || end.info.regs.vector != TRAP_GP)
			printf("# int %u\n", n);
		if (check_user(TRAP_GP, (u8 *)INT_AT))
			check_gate_error(end.info.regs.error, n);
	}
}

/* This handler shows which stack segment it runs on. */
void other_segment_int3(void);
asm(".text\n"
	"other_segment_int3:\n"
	"	movl	%ss, %eax\n"
	"	iret\n");

static u32 breakpoints;

static bool count_breakpoint(struct regs *regs)
{
	(void)regs;
	breakpoints++;
	return true;
}

/* An int3 with this stack pointer */
static void break_on_stack(u32 to)
{
	u32 esp = to, before = breakpoints, flags, after;
	u32 *frame = (u32 *)(to - 12);

	asm volatile("movl $1f, %[after]\n"
		     "pushfl\n"
		     "popl %[flags]\n"
		     "xchgl %%esp, %[esp]\n"
		     "int3\n"
		     "1: xchgl %%esp, %[esp]\n"
		     : [esp] "+r"(esp), [flags] "=&r"(flags), [after] "=&r"(after)
		     : : "memory");
	CHECK_EQ(esp, to);
	CHECK_EQ(breakpoints, before + 1);
	CHECK_EQ(frame[0], after);
	CHECK_EQ(frame[1], KERNEL_CS);
	CHECK_EQ((frame[2] ^ flags) & ~FLAGS_IF, 0);
}

/* Ring 1 has a stack that's neither aligned nor on one page. */
static void kernel_any_stack(void)
{
	static u8 stack[2 * PAGE_SIZE] __aligned(PAGE_SIZE);
	u32 offset, esp;

	trap_hook(TRAP_UD, skip_ud2);
	trap_hook(TRAP_BP, count_breakpoint);
	for (offset = PAGE_SIZE - 3; offset < PAGE_SIZE + 24; offset++) {
		esp = (u32)stack + offset;
		asm volatile("xchgl %%esp, %[esp]\n"
			     "ud2\n"
			     "xchgl %%esp, %[esp]\n"
			     : [esp] "+r"(esp) : : "memory", "cc");
		CHECK_EQ(esp, (u32)stack + offset);
		break_on_stack((u32)stack + offset);
	}
	trap_hook(TRAP_UD, NULL);
	trap_hook(TRAP_BP, NULL);
}

/* The handler is entered on the stack segment that ring 1 has. */
static void kernel_other_stack_segment(void)
{
	static u32 stack[64];
	u32 base = (u32)stack - PAGE_SIZE, esp = PAGE_SIZE + sizeof(stack);
	u32 ss = SPARE_SEL(1), count = 0;

	/* Only CS, SS and ESP are of use to what runs between. */
	set_gdt(SPARE_ENTRY, make_desc(base, 0xffffffff,
				       SEG_PRESENT | SEG_DATA | SEG_DPL(1)));
	set_gate_to(TRAP_BP, other_segment_int3, GATE_TRAP, 3);
	asm volatile("movl %%ss, %%edx\n"
		     "movl %[ss], %%ss\n"
		     "xchgl %%esp, %[esp]\n"
		     "int3\n"
		     "movl %%edx, %%ss\n"
		     "movl %[esp], %%esp\n"
		     : [esp] "+r"(esp), "+a"(count)
		     : [ss] "r"(ss) : "edx", "memory", "cc");
	set_gate(TRAP_BP, GATE_INTERRUPT, 3);
	set_gdt(SPARE_ENTRY, (struct desc) { 0, 0 });
	CHECK_EQ(count, ss);
	CHECK_EQ(stack[62], KERNEL_CS);
}

static void kernel_gate_privilege(void)
{
	/* Ring 0 is the host's: a gate for the kernel has DPL 1. */
	set_gate(5, GATE_INTERRUPT, 1);
	if (CHECK(try_call(kernel_int_5, NULL, &info)))
		check_kernel(TRAP_BR, kernel_after);
	if (CHECK(try_call(kernel_prefixed_int_5, NULL, &info)))
		check_kernel(TRAP_BR, kernel_after);
	set_gate(5, GATE_INTERRUPT, 0);
	if (CHECK(try_call(kernel_int_5, NULL, &info)) &&
	    check_kernel(TRAP_GP, kernel_at))
		check_gate_error(info.regs.error, 5);
}

static void kernel_segments(void)
{
	u32 sel = SPARE_SEL(1);

	KERNEL_TRAP(kernel_bad_gs, 0, TRAP_GP, 0x1ff8);
	set_gdt(SPARE_ENTRY, make_desc(0, 15, SEG_DATA | SEG_DPL(1)));
	KERNEL_TRAP(kernel_absent_gs, sel, TRAP_NP, sel & ~3);
	KERNEL_TRAP(kernel_absent_ss, sel, TRAP_SS, sel & ~3);
	set_gdt(SPARE_ENTRY, (struct desc) { 0, 0 });
}

static void segment_limits(void)
{
	set_gdt(SPARE_ENTRY, make_desc((u32)&info, 15,
				       SEG_PRESENT | SEG_DATA | SEG_DPL(1)));
	if (try_call(kernel_limit, (void *)SPARE_SEL(1), &info)) {
		check_kernel(TRAP_GP, kernel_at);
		CHECK_EQ(info.regs.error, 0);
	} else {
		ktap_skip("this CPU knows no limits");
	}
	load_gs(0);
	set_gdt(SPARE_ENTRY, make_desc(USER_STACK_TOP - PAGE_SIZE, 15,
				       SEG_PRESENT | SEG_DATA | SEG_DPL(3)));
	run(prog_limit, SPARE_SEL(3));
	if (!end.exited && check_user(TRAP_GP, prog_limit_at))
		CHECK_EQ(end.info.regs.error, 0);
	set_gdt(SPARE_ENTRY, (struct desc) { 0, 0 });
}

static void kernel_cannot_jump_to_ring_3(void)
{
	KERNEL_TRAP(kernel_far_user, 0, TRAP_GP, USER_CS & ~3);
}

#define DR6_RESERVED	0xffff0ff0
#define DR6_STEP	0x4000

static u32 steps;

static u32 read_dr6(void)
{
	u32 value;

	asm volatile("mov %%db6, %0" : "=r"(value));
	return value;
}

static bool count_step(struct regs *regs)
{
	CHECK_EQ(trap_flags & FLAGS_TF, 0);
	CHECK_EQ(read_dr6(), DR6_RESERVED | DR6_STEP);
	(void)regs;
	steps++;
	return true;
}

static void kernel_single_step(void)
{
	u32 nr = LHCALL_FLUSH_ASYNC, rounds;
	const char *from = "";

	steps = 0;
	trap_hook(TRAP_DB, count_step);
	set_gate(TRAP_DB, GATE_TRAP, 0);
	asm volatile(SINGLE_STEPPED("nop\n"
				    "nop\n"
				    "nop\n")
		     : : [tf] "i"(FLAGS_TF) : "memory", "cc");
	CHECK_EQ(steps, 4);

	/* And of instructions that the host does: in, out, a round of two, cli. */
	steps = 0;
	rounds = 2;
	asm volatile(SINGLE_STEPPED("inb $0x80, %%al\n"
				    "outb %%al, $0x80\n"
				    "rep outsb\n"
				    "cli\n")
		     : "+a"(nr), "+c"(rounds), "+S"(from)
		     : [tf] "i"(FLAGS_TF), "d"(0x80)
		     : "memory", "cc");
	CHECK_EQ(steps, 6);
	nr = LHCALL_FLUSH_ASYNC;

	/* Step through a hypercall. The CPU makes no step of an int. */
	steps = 0;
	asm volatile(SINGLE_STEPPED("nop\n"
				    "int %[vector]\n"
				    "nop\n")
		     : "+a"(nr)
		     : [tf] "i"(FLAGS_TF), [vector] "i"(HYPERCALL_VECTOR),
		       "b"(0)
		     : "memory", "cc");
	set_gate(TRAP_DB, GATE_INTERRUPT, 0);
	trap_hook(TRAP_DB, NULL);
	CHECK_EQ(steps, 3);
}

static void trap_with_flags(u32 flags)
{
	asm volatile("pushfl; pushl %0; popfl; ud2; popfl"
		     : : "r"(flags) : "memory", "cc");
}

static void flags_in_the_handler(void)
{
	const u32 base = FLAGS_IF | FLAGS_FIXED;

	/* The handler's flags are the CPU's; see user_single_step() for the gate. */
	trap_hook(TRAP_UD, skip_ud2);
	set_gate(TRAP_UD, GATE_TRAP, 0);
	trap_with_flags(base | FLAGS_NT);
	CHECK_EQ(trap_flags & FLAGS_NT, 0);
	CHECK_EQ(seen.eflags & FLAGS_NT, FLAGS_NT);
	trap_with_flags(base | FLAGS_DF);
	CHECK_EQ(seen.eflags & FLAGS_DF, FLAGS_DF);
	trap_with_flags(base | FLAGS_AC);
	CHECK_EQ(seen.eflags & FLAGS_AC, FLAGS_AC);
	set_gate(TRAP_UD, GATE_INTERRUPT, 0);
	trap_hook(TRAP_UD, NULL);
}

static void virtual_if_is_pushed(void)
{
	/* A page fault, as no host can let that through unseen */
	irq_disable();
	if (CHECK(try_call(kernel_read, (void *)SCRATCH_BASE, &info)))
		CHECK_EQ(info.regs.eflags & FLAGS_IF, 0);
	CHECK_EQ(READ_ONCE(lguest_data.irq_enabled), 0);
	irq_enable();
	if (CHECK(try_call(kernel_read, (void *)SCRATCH_BASE, &info)))
		CHECK_EQ(info.regs.eflags & FLAGS_IF, FLAGS_IF);
	CHECK_EQ(READ_ONCE(lguest_data.irq_enabled), FLAGS_IF);
	irq_disable();
	set_gate(TRAP_PF, GATE_TRAP, 0);
	irq_enable();
	if (CHECK(try_call(kernel_read, (void *)SCRATCH_BASE, &info)))
		CHECK_EQ(info.irq_enabled, FLAGS_IF);
	irq_disable();
	set_gate(TRAP_PF, GATE_INTERRUPT, 0);
}

static void registers_survive_a_trap(void)
{
	u32 eax = 0x11111111, ebx = 0x22222222, ecx = 0x33333333;
	u32 edx = 0x44444444, esi = 0x55555555, edi = 0x66666666;

	trap_hook(TRAP_UD, skip_ud2);
	asm volatile("pushl %%ebp\n"
		     "movl $0x77777777, %%ebp\n"
		     "ud2\n"
		     "cmpl $0x77777777, %%ebp\n"
		     "je 1f\n"
		     "xorl %%eax, %%eax\n"
		     "1: popl %%ebp\n"
		     : "+a"(eax), "+b"(ebx), "+c"(ecx), "+d"(edx), "+S"(esi),
		       "+D"(edi)
		     : : "memory", "cc");
	trap_hook(TRAP_UD, NULL);
	CHECK_EQ(eax, 0x11111111);
	CHECK_EQ(ebx, 0x22222222);
	CHECK_EQ(ecx, 0x33333333);
	CHECK_EQ(edx, 0x44444444);
	CHECK_EQ(esi, 0x55555555);
	CHECK_EQ(edi, 0x66666666);
	CHECK_EQ(seen.ebp, 0x77777777);
	CHECK_EQ(seen.eax, 0x11111111);
	CHECK_EQ(seen.edi, 0x66666666);
}

#define PORT_READ(insn, value)						\
	({								\
		u32 __eax = 0x12345678;					\
									\
		asm volatile(insn : "+a"(__eax) : "d"(0x3f8), "b"(0)	\
			     : "cc");					\
		CHECK_EQ(__eax, value);					\
	})

static void ports_read_all_ones(void)
{
	PORT_READ("inb %%dx, %%al", 0x123456ff);
	PORT_READ("inw %%dx, %%ax", 0x1234ffff);
	PORT_READ("inl %%dx, %%eax", 0xffffffff);
	PORT_READ("inb $0x71, %%al", 0x123456ff);
	PORT_READ("inw $0x71, %%ax", 0x1234ffff);
	PORT_READ("inl $0x71, %%eax", 0xffffffff);
}

/* The keyboard controller takes the reset at once, so it is never busy. */
static void keyboard_is_not_busy(void)
{
	PORT_READ("inb $0x64, %%al", 0x123456fd);
	PORT_READ("inw $0x64, %%ax", 0x1234fffd);
	PORT_READ("inl $0x64, %%eax", 0xfffffffd);
	PORT_READ("inb $0x60, %%al", 0x123456ff);
}

static void ports_ignore_writes(void)
{
	PORT_READ("outb %%al, %%dx", 0x12345678);
	PORT_READ("outw %%ax, %%dx", 0x12345678);
	PORT_READ("outl %%eax, %%dx", 0x12345678);
	PORT_READ("outb %%al, $0x80", 0x12345678);
	PORT_READ("outw %%ax, $0x80", 0x12345678);
	PORT_READ("outl %%eax, $0x80", 0x12345678);
}

/* The instruction lies on two pages that are not next to each other in memory. */
static void ports_over_two_pages(void)
{
	static u8 pages[4][PAGE_SIZE] __aligned(PAGE_SIZE);
	/* inw %dx, %ax; ret */
	static const u8 code[] = { 0x66, 0xed, 0xc3 };
	u32 addr = SCRATCH_BASE + 8 * PAGE_SIZE, i, eax = 0x12345678;

	set_pte(kernel_top, addr, pa(pages[3]) | PTE_KERNEL);
	set_pte(kernel_top, addr + PAGE_SIZE, pa(pages[0]) | PTE_KERNEL);
	addr += PAGE_SIZE - 1;
	for (i = 0; i < sizeof(code); i++)
		*(u8 *)(addr + i) = code[i];
	asm volatile("call *%[addr]"
		     : "+a"(eax) : [addr] "r"(addr), "d"(0x3f8)
		     : "memory", "cc");
	CHECK_EQ(eax, 0x1234ffff);
}

static void cli_is_skipped(void)
{
	u32 flags;

	irq_enable();
	asm volatile("cli; pushfl; popl %0" : "=r"(flags) : : "memory");
	CHECK_EQ(flags & FLAGS_IF, FLAGS_IF);
	CHECK_EQ(READ_ONCE(lguest_data.irq_enabled), FLAGS_IF);
	irq_disable();
	asm volatile("cli" : : : "memory");
	CHECK_EQ(READ_ONCE(lguest_data.irq_enabled), 0);
}

/*
 * Page faults: what the error code says of reads and writes of each kind of page,
 * in the kernel's scratch area, and for ring 3 at this address.
 */
#define USER_PAGE	0x50000000

static void check_fault(u32 addr, u32 error)
{
	CHECK_EQ(info.regs.error & ~PF_I, error);
	CHECK_EQ(info.cr2, addr);
	CHECK_EQ(READ_ONCE(lguest_data.cr2), addr);
}

static void kernel_fault(void (*access)(void *arg), u32 addr, u32 error)
{
	if (CHECK(try_call(access, (void *)addr, &info)) &&
	    check_kernel(TRAP_PF, kernel_at))
		check_fault(addr, error);
}

static void user_fault(struct task *task, const u8 *eip, u32 addr, u32 error)
{
	task_wait(task, &end);
	if (!check_user(TRAP_PF, eip))
		return;
	info = end.info;
	check_fault(addr, error);
}

#define USER_FAULT(pte, program, addr, error)				\
	do {								\
		struct task *__task = task_new(program, addr);		\
									\
		if (pte)						\
			set_pte(__task->top, addr, pte);		\
		user_fault(__task, program##_at, addr, error);		\
	} while (0)

/* The host can only tell by our tables, not by its own. */
static void page_fault_kernel_absent(void)
{
	kernel_fault(kernel_read, SCRATCH_BASE + 0x123, 0);
	kernel_fault(kernel_write, SCRATCH_BASE + 0xffc, PF_W);
	kernel_fault(kernel_ins, SCRATCH_BASE + 0xff8, PF_W);
	/* There is no page table here either. */
	kernel_fault(kernel_read, 8, 0);
	kernel_fault(kernel_write, 0xd8000004, PF_W);
}

static pte_t a_page(u32 flags)
{
	static u8 page[PAGE_SIZE] __aligned(PAGE_SIZE);

	return pa(page) | flags;
}

/* The frame is the first that the guest writes to that page, or to either of two. */
static void kernel_fresh_stack(void)
{
	u32 addr = SCRATCH_BASE + 8 * PAGE_SIZE, end = addr + PAGE_SIZE;

	trap_hook(TRAP_BP, count_breakpoint);
	set_pte(kernel_top, addr, a_page(PTE_P | PTE_W));
	break_on_stack(end);
	set_pte(kernel_top, end, a_page(PTE_P | PTE_W));
	set_pte(kernel_top, addr, a_page(PTE_P | PTE_W));
	break_on_stack(end + 8);
	set_pte(kernel_top, end, 0);
	set_pte(kernel_top, addr, 0);
	trap_hook(TRAP_BP, NULL);
}

static void page_fault_kernel_read_only(void)
{
	u32 addr = SCRATCH_BASE + 5 * PAGE_SIZE;

	set_pte(kernel_top, addr, a_page(PTE_P | PTE_A));
	CHECK(!try_call(kernel_read, (void *)addr, NULL));
	kernel_fault(kernel_write, addr, PF_P | PF_W);
	kernel_fault(kernel_ins, addr, PF_P | PF_W);
	CHECK(!try_call(kernel_read, (void *)addr, NULL));
	set_pte(kernel_top, addr, 0);
}

static void page_fault_user_absent(void)
{
	USER_FAULT((pte_t)0, prog_read, USER_PAGE + 0x10, PF_U);
	USER_FAULT((pte_t)0, prog_write, USER_PAGE + 0x20, PF_U | PF_W);
	run(prog_jump, USER_PAGE);
	if (check_user(TRAP_PF, (u8 *)USER_PAGE)) {
		info = end.info;
		check_fault(USER_PAGE, PF_U);
	}
}

static void page_fault_user_read_only(void)
{
	/* The program's own text: it has been read for sure. */
	u32 addr = (u32)prog_read & PAGE_MASK;

	run(prog_write, addr);
	if (check_user(TRAP_PF, prog_write_at)) {
		info = end.info;
		check_fault(addr, PF_U | PF_W | PF_P);
	}
}

static void page_fault_user_of_kernel(void)
{
	/* Something that ring 1 has used just now. */
	u32 addr = (u32)&info;

	run(prog_read, addr);
	if (check_user(TRAP_PF, prog_read_at)) {
		info = end.info;
		check_fault(addr, PF_U | PF_P);
	}
	run(prog_write, addr);
	if (check_user(TRAP_PF, prog_write_at)) {
		info = end.info;
		check_fault(addr, PF_U | PF_W | PF_P);
	}
}

/* The top of the 4 GiB, where a host may have something of its own. */
static void page_fault_user_top(void)
{
	static const u32 addrs[] = {
		0xfffffffc, 0xfffff000, 0xffc00000, 0xff000000,
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(addrs); i++) {
		run(prog_read, addrs[i]);
		if (check_user(TRAP_PF, prog_read_at)) {
			CHECK_EQ(end.info.cr2, addrs[i]);
			CHECK_EQ(end.info.regs.error & ~PF_P, PF_U);
		}
		run(prog_jump, addrs[i]);
		if (check_user(TRAP_PF, (u8 *)addrs[i])) {
			CHECK_EQ(end.info.cr2, addrs[i]);
			CHECK_EQ(end.info.regs.error & ~(PF_P | PF_I), PF_U);
		}
	}
}

/* The page is in our tables, but never touched, so perhaps not in the host's. */
static void page_fault_tells_of_our_tables(void)
{
	u32 addr = SCRATCH_BASE + 6 * PAGE_SIZE;

	set_pte(kernel_top, addr, a_page(PTE_P));
	kernel_fault(kernel_write, addr, PF_P | PF_W);
	set_pte(kernel_top, addr, 0);

	USER_FAULT(a_page(PTE_P | PTE_U), prog_write, USER_PAGE,
		   PF_U | PF_W | PF_P);
	USER_FAULT(a_page(PTE_P | PTE_W), prog_read, USER_PAGE, PF_U | PF_P);
	USER_FAULT(a_page(PTE_P | PTE_W), prog_write, USER_PAGE,
		   PF_U | PF_W | PF_P);
}

/* A handler that faults itself, on the stack that it's on. */
static bool nested(struct regs *regs)
{
	static bool inside;

	if (inside) {
		regs->eip += 2;
		return true;
	}
	inside = true;
	asm volatile("ud2");
	inside = false;
	regs->eip += 2;
	steps++;
	return true;
}

static void nested_traps(void)
{
	steps = 0;
	trap_hook(TRAP_UD, nested);
	asm volatile("ud2");
	asm volatile("ud2");
	trap_hook(TRAP_UD, NULL);
	CHECK_EQ(steps, 2);
}

static u32 bad_cs, bad_ss;

static bool return_badly(struct regs *regs)
{
	if (bad_cs)
		regs->cs = bad_cs;
	if (bad_ss)
		regs->ss = bad_ss;
	return true;
}

static void return_to(u32 cs, u32 ss, u32 vector)
{
	const struct regs *r = &end.info.regs;

	bad_cs = cs;
	bad_ss = ss;
	run(prog_regs, 0);
	CHECK(!end.exited);
	/* QEMU's CPUs have #NP for a stack segment, too. */
	if (vector != TRAP_SS || r->vector != TRAP_NP)
		CHECK_EQ(r->vector, vector);
	CHECK_EQ(r->error, (cs ?: ss) & ~3);
	CHECK_EQ(r->eip, (u32)prog_regs_at + 2);
	CHECK_EQ(r->cs, cs ?: USER_CS);
	CHECK_EQ(r->ss, ss ?: USER_DS);
	CHECK_EQ(r->ecx, REGS_ECX);
}

/* The fault is the program's, as if it had come to where it can't be. */
static void iret_to_a_bad_selector(void)
{
	u32 sel = SPARE_SEL(3);

	trap_hook(SYSCALL_VECTOR, return_badly);
	return_to(7, 0, TRAP_GP);
	return_to(USER_DS, 0, TRAP_GP);
	return_to(0, 7, TRAP_GP);
	return_to(0, USER_CS, TRAP_GP);
	set_gdt(SPARE_ENTRY, make_desc(0, 0xffffffff, SEG_CODE | SEG_DPL(3)));
	return_to(sel, 0, TRAP_NP);
	set_gdt(SPARE_ENTRY, make_desc(0, 0xffffffff, SEG_DATA | SEG_DPL(3)));
	return_to(0, sel, TRAP_SS);
	set_gdt(SPARE_ENTRY, (struct desc) { 0, 0 });
	trap_hook(SYSCALL_VECTOR, NULL);
}

static void rdpmc_reads_0(void)
{
	u32 eax = 1, edx = 1;

	asm volatile("rdpmc" : "+a"(eax), "+d"(edx) : "c"(0));
	CHECK_EQ(eax, 0);
	CHECK_EQ(edx, 0);
}

/* The CPU may not have this MSR, which matters to nobody. */
static void wrmsr_flushes_predictors(void)
{
	asm volatile("wrmsr" : : "a"(1), "d"(0), "c"(0x49));
}

/* Those that UMIP makes faults */
static void store_insns(void)
{
	struct { u16 limit; u32 base; } __attribute__((packed)) idt;
	struct task *task;

	asm volatile("sidt %0" : "=m"(idt));
	printf("# %s\n", idt.limit ? "the CPU answers" : "the host answers");
	CHECK(store_insns_work());
	run(prog_store_insns, 0);
	CHECK(end.exited);
	CHECK_EQ(end.code, 0);

	/* Ring 3 writes nowhere by them where it may not. */
	USER_FAULT(0, prog_smsw, USER_PAGE, PF_U | PF_W);
	USER_FAULT(a_page(PTE_P | PTE_U), prog_smsw, USER_PAGE,
		   PF_U | PF_W | PF_P);
	USER_FAULT(a_page(PTE_P | PTE_W), prog_smsw, USER_PAGE,
		   PF_U | PF_W | PF_P);
	/* Of one that begins where it may, the fault is at the next page. */
	task = task_new(prog_smsw, USER_PAGE + PAGE_SIZE - 1);
	set_pte(task->top, USER_PAGE, a_page(PTE_P | PTE_W | PTE_U));
	user_fault(task, prog_smsw_at, USER_PAGE + PAGE_SIZE, PF_U | PF_W);
}

static const struct ktap_test tests[] = {
	{ "ring 3: exceptions", user_exceptions },
	{ "ring 3: privileged instructions", user_privileged },
	{ "ring 3: int3 and into", user_software_interrupts },
	{ "ring 3: DPL of gates", user_gate_privilege },
	{ "ring 3: no hypercalls", user_hypercall },
	{ "ring 3: segment faults", user_segments },
	{ "ring 3: single step", user_single_step },
	{ "ring 3: sysenter and syscall", user_fast_system_calls },
	{ "ring 3: no way into ring 1", user_cannot_enter_ring_1 },
	{ "ring 3: flags", user_flags },
	{ "ring 3: every int", user_every_int },
	{ "sgdt, sidt, sldt, str and smsw", store_insns },
	{ "iret to a bad selector", iret_to_a_bad_selector },
	{ "rdpmc", rdpmc_reads_0 },
	{ "wrmsr of an IBPB", wrmsr_flushes_predictors },
	{ "ring 3: any stack pointer", user_any_stack },
	{ "ring 3: alignment check", user_alignment },
	{ "ring 3: x87 and SSE exceptions", user_floating_point },
	{ "system call frame", system_call_frame },
	{ "many system calls, under interrupts", many_system_calls },
	{ "system call gate's type", system_call_gate },
	{ "system call by an interrupt gate holds an irq",
	  system_call_holds_irq },
	{ "ring 1: exceptions", kernel_exceptions },
	{ "ring 1: int3 and into", kernel_software_interrupts },
	{ "ring 1: privileged instructions", kernel_privileged },
	{ "ring 1: CR2 and debug registers", kernel_emulated },
	{ "ring 1: ins and outs", kernel_string_io },
	{ "ring 1: DPL of gates", kernel_gate_privilege },
	{ "ring 1: segment faults", kernel_segments },
	{ "segment limits", segment_limits },
	{ "ring 1: sysenter and syscall", kernel_fast_system_calls },
	{ "ring 1: no way into ring 0", kernel_cannot_enter_ring_0 },
	{ "ring 1: flags", kernel_flags },
	{ "ring 1: every int", kernel_every_int },
	{ "ring 1: any stack pointer", kernel_any_stack },
	{ "ring 1: int3 on a fresh stack", kernel_fresh_stack },
	{ "ring 1: int3 on another stack segment", kernel_other_stack_segment },
	{ "ring 1: no jump into ring 3", kernel_cannot_jump_to_ring_3 },
	{ "ring 1: single step", kernel_single_step },
	{ "ring 1: 16-bit code", kernel_code_of_16_bits },
	{ "ring 1: nested traps", nested_traps },
	{ "registers survive a trap", registers_survive_a_trap },
	{ "the virtual IF is pushed", virtual_if_is_pushed },
	{ "in reads all ones", ports_read_all_ones },
	{ "in from the keyboard controller", keyboard_is_not_busy },
	{ "out is ignored", ports_ignore_writes },
	{ "in over two pages", ports_over_two_pages },
	{ "cli is skipped", cli_is_skipped },
	{ "#PF: ring 1, absent", page_fault_kernel_absent },
	{ "#PF: ring 1, read-only", page_fault_kernel_read_only },
	{ "#PF: ring 3, absent", page_fault_user_absent },
	{ "#PF: ring 3, read-only", page_fault_user_read_only },
	{ "#PF: ring 3, the kernel's", page_fault_user_of_kernel },
	{ "#PF: ring 3, the top of memory", page_fault_user_top },
	{ "#PF: P is about the guest's tables",
	  page_fault_tells_of_our_tables },
	{ "flags in the handler", flags_in_the_handler },
};

void guest_main(void)
{
	clock_init(0);
	clock_stop();
	ktap_run(tests, ARRAY_SIZE(tests));
}
