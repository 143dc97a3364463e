// SPDX-License-Identifier: GPL-2.0
/*
 * Into the guest and out again, by every way there is. guest_enter() and
 * guest_run() check that this leaves the host's state as it was.
 */
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <asm/apic.h>
#include <asm/debugreg.h>
#include <asm/irq_regs.h>
#include <asm/nmi.h>
#include <asm/trapnr.h>

#include "guest.h"

/* A way out that the guest takes by itself */
struct way {
	const char *name;
	const struct guest_code *code;
	u32 vector;
	u32 error_code;
	u32 ip;			/* after CODE */
};

GUEST(hypercall, STOP);
GUEST(divide, "xor %ecx, %ecx\ndiv %ecx\n");
GUEST(step, "pushf\norl $0x100, (%esp)\npopf\nnop\nnop\n");
GUEST(breakpoint, "int3\n");
GUEST(overflow, "mov $0x7f, %al\nadd $1, %al\n.byte 0xce\n");
GUEST(bad_opcode, "ud2\n");
GUEST(privileged, "hlt\n");
GUEST(selector, "mov $0x18, %eax\nmov %eax, %fs\n");
GUEST(read_nothing, "mov 0x10004, %eax\n");
GUEST(write_nothing, "mov %eax, 0x10004\n");
GUEST(far_stack, "mov $0xfffffff8, %esp\npush %eax\n");

#define WAY(code, ...)	{ #code, &(code), __VA_ARGS__ }
static const struct way ways[] = {
	WAY(hypercall, LG_VECTOR_HYPERCALL, 0, 2),
	WAY(divide, X86_TRAP_DE, 0, 2),
	WAY(step, X86_TRAP_DB, 0, 10),
	WAY(breakpoint, X86_TRAP_BP, 0, 1),
	WAY(overflow, X86_TRAP_OF, 0, 5),
	WAY(bad_opcode, X86_TRAP_UD, 0, 0),
	WAY(privileged, X86_TRAP_GP, 0, 0),
	WAY(selector, X86_TRAP_GP, 0x18, 5),
	WAY(read_nothing, X86_TRAP_PF, 0, 0),
	WAY(write_nothing, X86_TRAP_PF, LG_PF_WRITE, 0),
	WAY(far_stack, X86_TRAP_PF, LG_PF_WRITE, 5),
};

static void describe(const struct way *way, char *desc)
{
	strscpy(desc, way->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(way, ways, describe);

static void way_out(struct kunit *test)
{
	const struct way *way = test->param_value;
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;
	u32 ring;

	for (ring = 1; ring <= 3; ring += 2) {
		u32 vector = way->vector, error_code = way->error_code;
		u32 ip = way->ip;

		/* Ring 3 makes no hypercalls. */
		if (ring == 3 && vector == LG_VECTOR_HYPERCALL) {
			vector = X86_TRAP_GP;
			error_code = LG_VECTOR_HYPERCALL * 8 | GATE_ERROR;
			ip = 0;
		}
		if (ring == 3 && vector == X86_TRAP_PF)
			error_code |= LG_PF_USER;
		guest_start(g, way->code, ring);
		KUNIT_EXPECT_EQ(test, guest_run(g), vector);
		if (vector == X86_TRAP_GP && error_code & GATE_ERROR)
			expect_gate_error(g, error_code / 8);
		else
			KUNIT_EXPECT_EQ(test, regs->error_code, error_code);
		KUNIT_EXPECT_EQ(test, regs->cs & 3, ring);
		KUNIT_EXPECT_EQ(test, regs->eip,
				(ring == 1 ? KERNEL : 0) + CODE + ip);
		KUNIT_EXPECT_GE(test, g->entries, 1);
	}
}

GUEST(registers, "not %eax\nnot %ebx\nnot %ecx\nnot %edx\nnot %esi\nnot %edi\n"
	"not %ebp\nnot %esp\n" STOP);

static void set_registers(struct guest *g)
{
	struct lg_regs *regs = g->lg->regs;

	guest_start(g, &registers, 1);
	regs->eax = 0x10203040;
	regs->ebx = 0x11213141;
	regs->ecx = 0x12223242;
	regs->edx = 0x13233343;
	regs->esi = 0x14243444;
	regs->edi = 0x15253545;
	regs->ebp = 0x16263646;
	regs->esp = 0x17273747;
	regs->ds = USER_DS;
	regs->es = LG_KERNEL_DS;
	regs->fs = USER_DS & ~3;
	regs->gs = 0;
	regs->eflags |= X86_EFLAGS_CF | X86_EFLAGS_AC | X86_EFLAGS_ID |
			X86_EFLAGS_DF;
}

/* In one entry: another might put right what the first has mixed up. */
static void registers_there_and_back(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs was, *regs = g->lg->regs;
	unsigned int i;

	for (i = 0; i < 100 && g->entries != 1; i++) {
		set_registers(g);
		was = *regs;
		KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
	}
	KUNIT_EXPECT_EQ(test, g->entries, 1);
	KUNIT_EXPECT_EQ(test, regs->eax, ~was.eax);
	KUNIT_EXPECT_EQ(test, regs->ebx, ~was.ebx);
	KUNIT_EXPECT_EQ(test, regs->ecx, ~was.ecx);
	KUNIT_EXPECT_EQ(test, regs->edx, ~was.edx);
	KUNIT_EXPECT_EQ(test, regs->esi, ~was.esi);
	KUNIT_EXPECT_EQ(test, regs->edi, ~was.edi);
	KUNIT_EXPECT_EQ(test, regs->ebp, ~was.ebp);
	KUNIT_EXPECT_EQ(test, regs->esp, (u32)~was.esp);
	KUNIT_EXPECT_EQ(test, regs->ds, was.ds);
	KUNIT_EXPECT_EQ(test, regs->es, was.es);
	KUNIT_EXPECT_EQ(test, regs->fs, was.fs);
	KUNIT_EXPECT_EQ(test, regs->gs, was.gs);
	KUNIT_EXPECT_EQ(test, regs->cs, was.cs);
	KUNIT_EXPECT_EQ(test, regs->ss, was.ss);
	KUNIT_EXPECT_EQ(test, regs->eflags, was.eflags);
}

/* A Launcher or a frame on the guest's stack may say what the CPU must not have. */
static void flags_are_masked(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	guest_start(g, &hypercall, 1);
	regs->eflags = ~X86_EFLAGS_TF & U32_MAX;
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
	KUNIT_EXPECT_EQ(test, regs->eflags & ~(u64)X86_EFLAGS_RF,
			X86_EFLAGS_CF | X86_EFLAGS_FIXED | X86_EFLAGS_PF |
			X86_EFLAGS_AF | X86_EFLAGS_ZF | X86_EFLAGS_SF |
			X86_EFLAGS_IF | X86_EFLAGS_DF | X86_EFLAGS_OF |
			X86_EFLAGS_NT | X86_EFLAGS_AC | X86_EFLAGS_ID);

	guest_start(g, &hypercall, 1);
	regs->eflags = 0;
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
	KUNIT_EXPECT_EQ(test, regs->eflags, X86_EFLAGS_FIXED | X86_EFLAGS_IF);
}

/* Ring 0 faults when it loads the guest's registers. */
static void entry_faults(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	guest_start(g, &hypercall, 1);
	regs->gs = 0x53;		/* an empty descriptor */
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_ENTRY_FAULT);
	KUNIT_EXPECT_EQ(test, regs->error_code, 0x50);
	KUNIT_EXPECT_TRUE(test, lg_vcpu_fault_in_segment_load(g->lg));

	guest_start(g, &hypercall, 1);
	regs->ss = 0x51;
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_ENTRY_FAULT);
	KUNIT_EXPECT_EQ(test, regs->error_code, 0x50);
	KUNIT_EXPECT_FALSE(test, lg_vcpu_fault_in_segment_load(g->lg));

	guest_start(g, &hypercall, 1);
	regs->cs = USER_DS;
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_ENTRY_FAULT);
	KUNIT_EXPECT_EQ(test, regs->error_code, USER_DS & ~3);
	KUNIT_EXPECT_FALSE(test, lg_vcpu_fault_in_segment_load(g->lg));

	/* The next entry is as if nothing had happened. */
	guest_start(g, &hypercall, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
}

/* Traps of ring 3 that the switcher reflects without an exit */

/* In the page at CODE */
#define HANDLER		0x100
GUEST(handler, STOP);

#define HANDLER_EIP	(KERNEL + CODE + HANDLER)

/* The guest's interrupt flag, with nothing around it but cr2 */
#define FLAG		(DATA + 0x800)
#define TRAP_GATE	0xef00		/* of DPL 3 */
#define INTERRUPT_GATE	0xee00

static void put_flag(struct guest *g, u32 flag)
{
	guest_put32(g, FLAG, flag);
}

static void map(struct guest *g, u32 gva)
{
	u32 error_code = LG_PF_WRITE;

	KUNIT_ASSERT_EQ(g->test, LG_FAULT_FIXED,
			lg_page_fault(g->lg, gva, &error_code));
}

/* Zap the spte. The guest's own pte stays. */
static void unmap(struct guest *g, u32 gva)
{
	lg_set_pte(g->lg, g->lg->mmu.root->gpa, gva, 0);
}

/* Start in ring 3, with all kernel memory mapped that a reflection needs. */
static void start_user(struct guest *g, const struct guest_code *code,
		       u32 vector, u32 gate)
{
	static const u32 words[] = { 0, 0, KERNEL, LG_VECTOR_SYSCALL, 0 };
	struct lg_regs *regs = g->lg->regs;

	map(g, KERNEL + KERNEL_STACK - 4);
	map(g, KERNEL + FLAG);
	g->lg->layout = lg_data_find_layout(words);
	g->lg->data = FLAG;
	put_flag(g, X86_EFLAGS_IF);
	lg_direct_map_find_data(g->lg);
	KUNIT_ASSERT_EQ(g->test, g->lg->data_gva, KERNEL + FLAG);

	guest_start(g, code, 3);
	guest_put(g, CODE + HANDLER, handler.bytes, handler.len);
	lg_set_stack(g->lg, LG_KERNEL_DS, KERNEL + KERNEL_STACK, 1);
	lg_load_idt_entry(g->lg, vector,
			  LG_KERNEL_CS << 16 | (HANDLER_EIP & 0xffff),
			  (HANDLER_EIP & 0xffff0000) | gate);
	regs->eax = 0x11111111;
	regs->ebx = 0x22222222;
	regs->ecx = 0x33333333;
	regs->edx = 0x44444444;
}

static void expect_registers(struct guest *g)
{
	struct lg_regs *regs = g->lg->regs;

	KUNIT_EXPECT_EQ(g->test, regs->eax, 0x11111111);
	KUNIT_EXPECT_EQ(g->test, regs->ebx, 0x22222222);
	KUNIT_EXPECT_EQ(g->test, regs->ecx, 0x33333333);
	KUNIT_EXPECT_EQ(g->test, regs->edx, 0x44444444);
}

/*
 * The guest must be in the handler without having come out. Its frame starts
 * with an error code if it had a page fault.
 */
static void expect_reflected(struct guest *g, u32 eip, u32 flags,
			     const u32 *error_code)
{
	unsigned int words = 5 + !!error_code;
	struct lg_regs *regs = g->lg->regs;
	struct kunit *test = g->test;
	u32 frame[6];

	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
	KUNIT_EXPECT_EQ(test, regs->eip, HANDLER_EIP + 2);
	KUNIT_EXPECT_EQ(test, regs->cs, LG_KERNEL_CS);
	KUNIT_EXPECT_EQ(test, regs->ss, LG_KERNEL_DS);
	KUNIT_EXPECT_EQ(test, regs->esp,
			KERNEL + KERNEL_STACK - words * sizeof(u32));
	KUNIT_EXPECT_EQ(test, regs->eflags & X86_EFLAGS_NT, 0);
	KUNIT_EXPECT_EQ(test, regs->eflags & X86_EFLAGS_IF, X86_EFLAGS_IF);
	expect_registers(g);
	guest_get(g, KERNEL_STACK - sizeof(frame), frame, sizeof(frame));
	if (error_code)
		KUNIT_EXPECT_EQ(test, frame[0], *error_code);
	KUNIT_EXPECT_EQ(test, frame[1], eip);
	KUNIT_EXPECT_EQ(test, frame[2], USER_CS);
	/* The CPU sets RF in a fault's frame, but QEMU does not. */
	KUNIT_EXPECT_EQ(test, frame[3] & ~X86_EFLAGS_RF,
			X86_EFLAGS_FIXED | flags);
	KUNIT_EXPECT_EQ(test, frame[4], STACK);
	KUNIT_EXPECT_EQ(test, frame[5], USER_DS);
	/* Besides interrupts, it may have come out for the page of the code. */
	KUNIT_EXPECT_LE(test, g->entries - g->interrupted, 3);
}

/* The switcher must have left it to C, with nothing done. */
static void expect_untouched(struct guest *g, u32 vector, u32 eip)
{
	struct lg_regs *regs = g->lg->regs;

	KUNIT_EXPECT_EQ(g->test, guest_run(g), vector);
	KUNIT_EXPECT_EQ(g->test, regs->eip, eip);
	KUNIT_EXPECT_EQ(g->test, regs->cs, USER_CS);
	KUNIT_EXPECT_EQ(g->test, regs->esp, STACK);
	expect_registers(g);
	KUNIT_EXPECT_EQ(g->test, guest_get32(g, FLAG), X86_EFLAGS_IF);
}

GUEST(syscall, "stc\nint $0x80\nud2\n");
#define SYSCALL_END	3

static void start_syscall(struct guest *g, u32 gate)
{
	start_user(g, &syscall, LG_VECTOR_SYSCALL, gate);
}

struct syscall_case {
	const char *name;
	u32 gate, flag, pushed, after;
};

static const struct syscall_case syscall_cases[] = {
	{ "trap gate", TRAP_GATE, X86_EFLAGS_IF, X86_EFLAGS_IF, X86_EFLAGS_IF },
	{ "trap gate, off", TRAP_GATE, 0, 0, 0 },
	{ "trap gate, all bits", TRAP_GATE, U32_MAX, X86_EFLAGS_IF, U32_MAX },
	{ "interrupt gate", INTERRUPT_GATE, X86_EFLAGS_IF, X86_EFLAGS_IF, 0 },
	{ "interrupt gate, off", INTERRUPT_GATE, 0, 0, 0 },
	{ "interrupt gate, other bits", INTERRUPT_GATE, 0xfffffdff, 0, 0 },
};

static void describe_syscall(const struct syscall_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(syscall, syscall_cases, describe_syscall);

static void syscall_without_exit(struct kunit *test)
{
	const struct syscall_case *c = test->param_value;
	struct guest *g = test->priv;

	if (!lg_idt_is_syscall(LG_VECTOR_SYSCALL))
		kunit_skip(test, "the host has no 32-bit system calls");
	start_syscall(g, c->gate);
	put_flag(g, c->flag);
	g->lg->regs->eflags |= X86_EFLAGS_NT;
	expect_reflected(g, CODE + SYSCALL_END,
			 X86_EFLAGS_CF | X86_EFLAGS_NT | c->pushed, NULL);
	KUNIT_EXPECT_EQ(test, guest_get32(g, FLAG), c->after);
}

/* The stack of another task, in the same segment */
static void syscall_on_another_stack(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 esp = KERNEL + KERNEL_STACK - 0x100;

	if (!lg_idt_is_syscall(LG_VECTOR_SYSCALL))
		kunit_skip(test, "the host has no 32-bit system calls");
	start_syscall(g, TRAP_GATE);
	lg_set_stack(g->lg, LG_KERNEL_DS, esp, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
	KUNIT_EXPECT_EQ(test, g->lg->regs->esp, esp - 5 * sizeof(u32));
	KUNIT_EXPECT_EQ(test, guest_get32(g, KERNEL_STACK - 0x100 - 4), USER_DS);
}

static void expect_untouched_syscall(struct guest *g)
{
	expect_untouched(g, LG_VECTOR_SYSCALL, CODE + SYSCALL_END);
}

static void syscall_the_long_way(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	if (!lg_idt_is_syscall(LG_VECTOR_SYSCALL))
		kunit_skip(test, "the host has no 32-bit system calls");
	/* Nothing is where the flag is. */
	start_syscall(g, INTERRUPT_GATE);
	unmap(g, KERNEL + FLAG);
	expect_untouched_syscall(g);

	/* Nothing is where the frame would go. */
	start_syscall(g, INTERRUPT_GATE);
	unmap(g, KERNEL + KERNEL_STACK - 4);
	expect_untouched_syscall(g);

	/* All is there, but the switcher does not know where. */
	start_syscall(g, INTERRUPT_GATE);
	g->lg->data_gva = 0;
	lg_vcpu_update_handlers(g->lg);
	expect_untouched_syscall(g);

	/* A gate that C has to look at */
	start_syscall(g, TRAP_GATE & ~0x2000);
	expect_untouched_syscall(g);

	/* From ring 1 */
	start_syscall(g, TRAP_GATE);
	guest_start(g, &syscall, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_SYSCALL);
	KUNIT_EXPECT_EQ(test, regs->cs, LG_KERNEL_CS);
}

/* The handler's code segment is absent. That shows too late to do anything else. */
static void syscall_without_handler(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	if (!lg_idt_is_syscall(LG_VECTOR_SYSCALL))
		kunit_skip(test, "the host has no 32-bit system calls");
	start_syscall(g, TRAP_GATE);
	lg_load_gdt_entry(g->lg, LG_KERNEL_CS / 8, 0xffff, 0x00cf3b00);
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_ENTRY_FAULT);
	KUNIT_EXPECT_EQ(test, regs->error_code, LG_KERNEL_CS & ~7);
	KUNIT_EXPECT_EQ(test, regs->cs, LG_KERNEL_CS);
	KUNIT_EXPECT_EQ(test, regs->eip, HANDLER_EIP);
}

GUEST(int3, "stc\nint3\nud2\n");
GUEST(single_step, "pushf\norl $0x100, (%esp)\npopf\nstc\nud2\n");

/* Traps whose frame has the address behind the instruction */
struct trap {
	const struct guest_code *code;
	u32 vector, end, flags;
};

static const struct trap int3_trap = {
	&int3, X86_TRAP_BP, 2, X86_EFLAGS_CF
};

static const struct trap step_trap = {
	&single_step, X86_TRAP_DB, 10, X86_EFLAGS_CF | X86_EFLAGS_TF
};

/* Entry 10, ring 1 */
#define OTHER_SS	0x51

struct trap_case {
	const char *name;
	const struct trap *trap;
	u32 ring, gate, flag, pushed, after;
};

#define ON	X86_EFLAGS_IF
static const struct trap_case trap_cases[] = {
	{ "int3, trap gate", &int3_trap, 3, TRAP_GATE, ON, ON, ON },
	{ "int3, interrupt gate", &int3_trap, 3, INTERRUPT_GATE, ON, ON, 0 },
	{ "int3, off", &int3_trap, 3, INTERRUPT_GATE, 0, 0, 0 },
	{ "int3 in ring 1, trap gate", &int3_trap, 1, TRAP_GATE, ON, ON, ON },
	{ "int3 in ring 1, interrupt gate", &int3_trap, 1, INTERRUPT_GATE, ON,
	  ON, 0 },
	{ "int3 in ring 1, off", &int3_trap, 1, TRAP_GATE, 0, 0, 0 },
	{ "step, trap gate", &step_trap, 3, TRAP_GATE, ON, ON, ON },
	{ "step, interrupt gate", &step_trap, 3, INTERRUPT_GATE, ON, ON, 0 },
	{ "step, DPL 0", &step_trap, 3, INTERRUPT_GATE & ~0x6000, ON, ON, 0 },
	{ "step in ring 1, trap gate", &step_trap, 1, TRAP_GATE, ON, ON, ON },
	{ "step in ring 1, interrupt gate", &step_trap, 1, INTERRUPT_GATE, ON,
	  ON, 0 },
	{ "step in ring 1, off", &step_trap, 1, INTERRUPT_GATE, 0, 0, 0 },
};

#undef ON

static void describe_trap(const struct trap_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(trap, trap_cases, describe_trap);

static void start_trap(struct guest *g, const struct trap *trap, u32 ring,
		       u32 gate)
{
	struct lg_regs *regs = g->lg->regs;

	start_user(g, trap->code, trap->vector, gate);
	map(g, STACK - 4);
	if (ring == 1) {
		regs->cs = LG_KERNEL_CS;
		regs->ss = LG_KERNEL_DS;
		regs->eip += KERNEL;
	}
}

static void expect_reflected_in_ring_1(struct guest *g, u32 eip, u32 flags)
{
	struct lg_regs *regs = g->lg->regs;
	struct kunit *test = g->test;
	u32 frame[3];

	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
	KUNIT_EXPECT_EQ(test, regs->eip, HANDLER_EIP + 2);
	KUNIT_EXPECT_EQ(test, regs->cs, LG_KERNEL_CS);
	KUNIT_EXPECT_EQ(test, regs->ss, LG_KERNEL_DS);
	KUNIT_EXPECT_EQ(test, regs->esp, STACK - sizeof(frame));
	KUNIT_EXPECT_EQ(test, regs->eflags & X86_EFLAGS_TF, 0);
	expect_registers(g);
	guest_get(g, STACK - sizeof(frame), frame, sizeof(frame));
	KUNIT_EXPECT_EQ(test, frame[0], eip);
	KUNIT_EXPECT_EQ(test, frame[1], LG_KERNEL_CS);
	KUNIT_EXPECT_EQ(test, frame[2], X86_EFLAGS_FIXED | flags);
	/* Besides interrupts, it may have come out for the page of the code. */
	KUNIT_EXPECT_LE(test, g->entries - g->interrupted, 3);
}

static void trap_without_exit(struct kunit *test)
{
	const struct trap_case *c = test->param_value;
	u32 flags = c->trap->flags | c->pushed;
	struct guest *g = test->priv;

	start_trap(g, c->trap, c->ring, c->gate);
	put_flag(g, c->flag);
	g->lg->regs->dr6 = 0;
	if (c->ring == 3)
		expect_reflected(g, CODE + c->trap->end, flags, NULL);
	else
		expect_reflected_in_ring_1(g, KERNEL + CODE + c->trap->end,
					   flags);
	KUNIT_EXPECT_EQ(test, guest_get32(g, FLAG), c->after);
	KUNIT_EXPECT_EQ(test, g->lg->regs->dr6,
			c->trap->vector == X86_TRAP_DB ? DR_STEP : 0);
}

/* In ring 1 the switcher must have left it to C, too. */
static void expect_untouched_in_ring_1(struct guest *g, const struct trap *trap)
{
	struct lg_regs *regs = g->lg->regs;

	KUNIT_EXPECT_EQ(g->test, guest_run(g), trap->vector);
	KUNIT_EXPECT_EQ(g->test, regs->eip, KERNEL + CODE + trap->end);
	KUNIT_EXPECT_EQ(g->test, regs->cs, LG_KERNEL_CS);
	KUNIT_EXPECT_EQ(g->test, regs->esp, STACK);
	expect_registers(g);
	KUNIT_EXPECT_EQ(g->test, guest_get32(g, FLAG), X86_EFLAGS_IF);
}

static void trap_the_long_way(struct guest *g, const struct trap *trap)
{
	/* Nothing is where the flag is. */
	start_trap(g, trap, 3, INTERRUPT_GATE);
	unmap(g, KERNEL + FLAG);
	expect_untouched(g, trap->vector, CODE + trap->end);
	start_trap(g, trap, 1, INTERRUPT_GATE);
	unmap(g, KERNEL + FLAG);
	expect_untouched_in_ring_1(g, trap);

	/* Nothing is where the frame would go. */
	start_trap(g, trap, 3, INTERRUPT_GATE);
	unmap(g, KERNEL + KERNEL_STACK - 4);
	expect_untouched(g, trap->vector, CODE + trap->end);

	/* The guest has no handler. */
	start_trap(g, trap, 3, INTERRUPT_GATE);
	lg_load_idt_entry(g->lg, trap->vector, 0, 0);
	expect_untouched(g, trap->vector, CODE + trap->end);

	/* Ring 1 has another stack segment, which C has to look at. */
	start_trap(g, trap, 1, INTERRUPT_GATE);
	lg_load_gdt_entry(g->lg, OTHER_SS / 8, 0xffff, 0x00cfb200);
	g->lg->regs->ss = OTHER_SS;
	expect_untouched_in_ring_1(g, trap);
	KUNIT_EXPECT_EQ(g->test, g->lg->regs->ss, OTHER_SS);
}

static void int3_the_long_way(struct kunit *test)
{
	struct guest *g = test->priv;

	trap_the_long_way(g, &int3_trap);
	/* Nothing is where the frame would go. A step has its flags there. */
	start_trap(g, &int3_trap, 1, INTERRUPT_GATE);
	unmap(g, STACK - 4);
	expect_untouched_in_ring_1(g, &int3_trap);
	/* A gate that C has to look at */
	start_trap(g, &int3_trap, 3, TRAP_GATE & ~0x2000);
	expect_untouched(g, X86_TRAP_BP, CODE + int3_trap.end);
}

static void single_step_the_long_way(struct kunit *test)
{
	struct guest *g = test->priv;

	trap_the_long_way(g, &step_trap);
	KUNIT_EXPECT_EQ(test, g->lg->regs->dr6, DR6_RESERVED | DR_STEP);
}

/*
 * Page faults at MISSED. Each case says what the guest's tables have there, in
 * either format. A 2-level guest keeps the tables that it has; for PAE there
 * are others.
 */
#define MISSED		0x20004
#define PAE_TOP		0x9000
#define PAE_PD		0xa000
#define PAE_KERNEL_PD	0xb000
#define PAE_TABLE	0xc000
#define PAE_KERNEL_TABLE 0xd000

GUEST(read_missed, "stc\nmov 0x20004, %esi\n");
GUEST(write_missed, "stc\nmov %esi, 0x20004\n");
GUEST(fetch_missed, "stc\nmov $0x20004, %esi\njmp *%esi\n");

#define P	LG_PTE_PRESENT
#define W	LG_PTE_WRITE
#define U	LG_PTE_USER
#define LARGE	LG_PTE_PSE

static void put64(struct guest *g, u32 gpa, u64 val)
{
	guest_put(g, gpa, &val, sizeof(val));
}

static void go_on_with_pae(struct guest *g)
{
	u64 i;

	put64(g, PAE_TOP, PAE_PD | P);
	put64(g, PAE_TOP + 3 * sizeof(u64), PAE_KERNEL_PD | P);
	put64(g, PAE_PD, PAE_TABLE | P | W | U);
	put64(g, PAE_KERNEL_PD, PAE_KERNEL_TABLE | P | W);
	for (i = 0; i < PAGES; i++) {
		put64(g, PAE_TABLE + i * sizeof(i), i << PAGE_SHIFT | P | W | U);
		put64(g, PAE_KERNEL_TABLE + i * sizeof(i),
		      i << PAGE_SHIFT | P | W);
	}
	lg_free_private(g->lg, g->lg->mmu.root);
	lg_free_shared(g->lg);
	g->lg->mmu.pae = true;
	lg_new_page_table(g->lg, PAE_TOP);
}

struct fault_case {
	const char *name;
	const struct guest_code *code;
	u64 pde, pte;		/* bits beside the address; without P, all */
	u32 error_code;
	u32 flag;
	bool only_pae;
	bool by_c;
};

#define TABLE	(P | W | U)
#define IF	X86_EFLAGS_IF
#define FAULT(name, code, ...)	{ name, &(code), __VA_ARGS__ }
#define LEFT(name, code, pde, pte, ...)					\
	{ name, &(code), pde, pte, 0, IF, __VA_ARGS__, true }

static const struct fault_case fault_cases[] = {
	FAULT("read of nothing", read_missed, TABLE, 0, U, IF),
	FAULT("write of nothing", write_missed, TABLE, 0, U | W, IF),
	FAULT("with interrupts off", write_missed, TABLE, 0, U | W, 0),
	FAULT("fetch of nothing", fetch_missed, TABLE, 0, U | LG_PF_FETCH, IF),
	FAULT("nothing, and bits", read_missed, TABLE, ~P, U, IF),
	FAULT("write of read-only", write_missed, TABLE, P | U, U | W | P, IF),
	FAULT("no table", write_missed, 0, 0, U | W, IF),
	FAULT("no table, and bits", write_missed, ~P, 0, U | W, IF),
	FAULT("table of NX", read_missed, TABLE | LG_PTE_NX, 0, U, IF, true),
	FAULT("write of NX", write_missed, TABLE, P | U | LG_PTE_NX,
	      U | W | P, IF, true),
	LEFT("read of the kernel's", read_missed, TABLE, P | W, false),
	LEFT("write of the kernel's", write_missed, TABLE, P, false),
	LEFT("read-only table", write_missed, P | U, P | W | U, false),
	LEFT("kernel's table", read_missed, P | W, P | W | U, false),
	LEFT("fetch of NX", fetch_missed, TABLE, P | U | LG_PTE_NX, true),
};

static void describe_fault(const struct fault_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(fault, fault_cases, describe_fault);

/* Without P, all bits of an entry are the guest kernel's own. */
static u64 entry_of(u32 address, u64 bits)
{
	return bits & P ? address | bits : bits;
}

static void put_way(struct guest *g, bool pae, u64 pde, u64 pte)
{
	if (pae) {
		put64(g, PAE_PD, entry_of(PAE_TABLE, pde));
		put64(g, PAE_TABLE + MISSED / PAGE_SIZE * sizeof(u64),
		      entry_of(FREE, pte));
	} else {
		guest_put32(g, TOP, entry_of(USER_TABLE, pde));
		guest_put32(g, USER_TABLE + MISSED / PAGE_SIZE * sizeof(u32),
			    entry_of(FREE, pte));
	}
}

static void start_fault(struct guest *g, const struct guest_code *code,
			bool pae)
{
	u32 error_code = LG_PF_USER;

	if (pae)
		go_on_with_pae(g);
	start_user(g, code, X86_TRAP_PF, INTERRUPT_GATE);
	/* Map code and stack: the test may soon take their table away. */
	map(g, CODE);
	map(g, STACK - 4);
	map(g, KERNEL + CODE);
	/* Map the tables, as the guest's kernel does when it handles a fault. */
	map(g, KERNEL + (pae ? PAE_TOP : TOP));
	map(g, KERNEL + (pae ? PAE_TABLE : USER_TABLE));
	if (pae)
		map(g, KERNEL + PAE_PD);
	KUNIT_ASSERT_EQ(g->test, LG_FAULT_GUEST,
			lg_page_fault(g->lg, MISSED, &error_code));
	KUNIT_ASSERT_NE(g->test, g->lg->vcpu->sw->walk_top, 0);
}

static u32 fault_eip(const struct guest_code *code)
{
	return code == &fetch_missed ? MISSED : CODE + 1;
}

static void expect_fault(struct guest *g, const struct fault_case *c, bool pae)
{
	u32 error_code = c->error_code;

	if (!pae || !lg_pte_nx)
		error_code &= ~LG_PF_FETCH;
	start_fault(g, c->code, pae);
	put_way(g, pae, c->pde, c->pte);
	put_flag(g, c->flag);
	g->lg->regs->eflags |= X86_EFLAGS_NT;
	if (c->by_c) {
		expect_untouched(g, X86_TRAP_PF, fault_eip(c->code));
		KUNIT_EXPECT_EQ(g->test, g->lg->regs->cr2, MISSED);
		return;
	}
	expect_reflected(g, fault_eip(c->code),
			 X86_EFLAGS_CF | X86_EFLAGS_NT | c->flag, &error_code);
	KUNIT_EXPECT_EQ(g->test, guest_get32(g, FLAG), 0);
	KUNIT_EXPECT_EQ(g->test, guest_get32(g, FLAG + LG_DATA_CR2), MISSED);
}

static void page_fault_without_exit(struct kunit *test)
{
	const struct fault_case *c = test->param_value;
	unsigned int pae;

	if (c->only_pae && !lg_pte_nx)
		kunit_skip(test, "the CPU has no NX");
	for (pae = c->only_pae; pae <= 1; pae++) {
		put_way(test->priv, pae, TABLE, 0);
		expect_fault(test->priv, c, pae);
	}
}

/* Entries that kill a guest: the switcher must leave them to C. */
static void page_fault_by_bad_entries(struct kunit *test)
{
	static const struct {
		u64 pde, pte;
	} bad[] = {
		{ TABLE | LARGE, P | U },
		{ TABLE | 0x100000, P | U },
		{ TABLE, P | U | LARGE },
		{ TABLE, P | U | 0x100000 },
		{ TABLE | BIT_ULL(40), P | U },
		{ TABLE, P | U | BIT_ULL(40) },
		{ TABLE | BIT_ULL(52), P | U },
		{ TABLE, P | U | BIT_ULL(62) },
	};
	struct guest *g = test->priv;
	struct lguest *lg = g->lg;
	unsigned int i, pae;

	for (pae = 0; pae <= 1; pae++) {
		for (i = 0; i < ARRAY_SIZE(bad); i++) {
			u32 error_code = LG_PF_USER | LG_PF_WRITE;

			if (!pae && (bad[i].pde | bad[i].pte) > U32_MAX)
				continue;
			put_way(g, pae, TABLE, 0);
			start_fault(g, &write_missed, pae);
			put_way(g, pae, bad[i].pde, bad[i].pte);
			lg_vcpu_load(lg);
			do {
				guest_enter(g);
			} while (lg->regs->vector == LG_VECTOR_NONE &&
				 guest_may_go_on(g));
			lg_vcpu_put(lg);
			KUNIT_EXPECT_EQ_MSG(test, lg->regs->vector, X86_TRAP_PF,
					    "%u, %u", pae, i);
			KUNIT_EXPECT_EQ(test, lg->regs->cr2, MISSED);
			KUNIT_EXPECT_EQ(test, LG_FAULT_RETRY,
					lg_page_fault(lg, MISSED, &error_code));
			KUNIT_EXPECT_TRUE(test, lg_is_dead(lg));
			lg->dead = 0;
			lg->reason[0] = '\0';
		}
	}
}

static void expect_untouched_fault(struct guest *g)
{
	expect_untouched(g, X86_TRAP_PF, CODE + 1);
	KUNIT_EXPECT_EQ(g->test, g->lg->regs->cr2, MISSED);
	KUNIT_EXPECT_EQ(g->test, g->lg->regs->error_code, U | W);
}

static void page_fault_the_long_way(struct kunit *test)
{
	static const u32 needed[] = {
		KERNEL + TOP, KERNEL + USER_TABLE, KERNEL + KERNEL_STACK - 4,
		KERNEL + FLAG,
	};
	struct guest *g = test->priv;
	unsigned int i;

	/* If the switcher itself faults, C must still see the guest's own fault. */
	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		start_fault(g, &write_missed, false);
		unmap(g, needed[i]);
		expect_untouched_fault(g);
	}

	/* The direct map has another page in the place of the table. */
	start_fault(g, &write_missed, false);
	guest_put32(g, KERNEL_TABLE + USER_TABLE / PAGE_SIZE * sizeof(u32),
		    FREE | P | W);
	unmap(g, KERNEL + USER_TABLE);
	map(g, KERNEL + USER_TABLE);
	expect_untouched_fault(g);
	guest_put32(g, KERNEL_TABLE + USER_TABLE / PAGE_SIZE * sizeof(u32),
		    USER_TABLE | P | W);
	unmap(g, KERNEL + USER_TABLE);

	start_fault(g, &write_missed, false);
	g->lg->data_gva = 0;
	lg_vcpu_update_handlers(g->lg);
	expect_untouched_fault(g);

	/* No handler */
	start_fault(g, &write_missed, false);
	lg_load_idt_entry(g->lg, X86_TRAP_PF, 0, 0);
	expect_untouched_fault(g);

	/* In ring 1 */
	start_fault(g, &write_missed, false);
	guest_start(g, &write_missed, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), X86_TRAP_PF);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, KERNEL + CODE + 1);
	KUNIT_EXPECT_EQ(test, g->lg->regs->error_code, W);
}

/* The host's own business */

GUEST(touch, "incl 0x2000\n" STOP);
GUEST(spin, "1: incl 0x2000\njmp 1b\n");

struct interrupt {
	struct irq_work work;
	struct hrtimer timer;
	unsigned int count;
	unsigned long ip;
	unsigned long flags;
};

static void on_work(struct irq_work *work)
{
	container_of(work, struct interrupt, work)->count++;
}

static enum hrtimer_restart on_timer(struct hrtimer *timer)
{
	struct interrupt *irq = container_of(timer, struct interrupt, timer);

	irq->ip = get_irq_regs()->ip;
	irq->flags = get_irq_regs()->flags;
	WRITE_ONCE(irq->count, irq->count + 1);
	return HRTIMER_NORESTART;
}

static bool in_host_interrupts(unsigned long ip)
{
	unsigned long start = (unsigned long)lg_host_interrupts;

	return ip >= start && ip < start + 256 * LG_STUB_SIZE;
}

/* Start a guest that spins, with all that it needs mapped. */
static void start_spinning(struct guest *g)
{
	guest_start(g, &touch, 1);
	KUNIT_ASSERT_EQ(g->test, guest_run(g), LG_VECTOR_HYPERCALL);
	guest_start(g, &spin, 1);
}

/* An interrupt that is pending brings the guest out at once. */
static void interrupt_that_waits(struct kunit *test)
{
	static struct interrupt irq = { .work = IRQ_WORK_INIT_HARD(on_work) };
	struct guest *g = test->priv;
	unsigned int count;

	start_spinning(g);
	irq.count = 0;
	lg_vcpu_load(g->lg);
	local_irq_disable();
	irq_work_queue(&irq.work);
	guest_enter_irqs_off(g);
	count = irq.count;
	local_irq_enable();
	lg_vcpu_put(g->lg);
	expect_kept(g);

	KUNIT_EXPECT_EQ(test, count, 1);
	KUNIT_EXPECT_EQ(test, irq.count, 1);
	KUNIT_EXPECT_EQ(test, g->lg->regs->vector, LG_VECTOR_NONE);
}

static void spin_until_timer(struct guest *g, struct interrupt *irq)
{
	lg_vcpu_load(g->lg);
	irq->count = 0;
	hrtimer_start(&irq->timer, ms_to_ktime(5), HRTIMER_MODE_REL_PINNED_HARD);
	while (!READ_ONCE(irq->count) && guest_may_go_on(g)) {
		guest_enter(g);
		cond_resched();
	}
	lg_vcpu_put(g->lg);
	hrtimer_cancel(&irq->timer);
	KUNIT_EXPECT_EQ(g->test, irq->count, 1);
	KUNIT_EXPECT_EQ(g->test, g->lg->regs->vector, LG_VECTOR_NONE);
}

static void interrupt_that_comes(struct kunit *test)
{
	static struct interrupt irq;
	struct guest *g = test->priv;
	unsigned int i, from_guest = 0;
	u32 was;

	start_spinning(g);
	was = guest_get32(g, DATA);
	hrtimer_init(&irq.timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	irq.timer.function = on_timer;
	for (i = 0; i < 100 && from_guest < 10; i++) {
		spin_until_timer(g, &irq);
		if (!in_host_interrupts(irq.ip))
			continue;
		from_guest++;
		KUNIT_EXPECT_TRUE(test, irq.flags & X86_EFLAGS_IF);
	}
	KUNIT_EXPECT_EQ(test, from_guest, 10);
	KUNIT_EXPECT_NE(test, guest_get32(g, DATA), was);
}

static atomic_t nmis_expected;
static unsigned int nmis_from_guest;
static unsigned int nmis_elsewhere;

static int on_nmi(unsigned int cmd, struct pt_regs *regs)
{
	if (atomic_dec_if_positive(&nmis_expected) < 0)
		return NMI_DONE;
	if (in_host_interrupts(regs->ip))
		nmis_from_guest++;
	else
		nmis_elsewhere++;
	return NMI_HANDLED;
}

static void expect_nmis(unsigned int n)
{
	nmis_from_guest = 0;
	nmis_elsewhere = 0;
	atomic_set(&nmis_expected, n);
}

/* An NMI on the seam has left its note: the guest must not be entered. */
static void nmi_on_the_seam(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs was;
	u32 count;

	start_spinning(g);
	count = guest_get32(g, DATA);
	was = *g->lg->regs;
	was.vector = LG_VECTOR_NONE;
	KUNIT_ASSERT_EQ(test, 0, register_nmi_handler(NMI_LOCAL, on_nmi, 0,
						      "lguest_switch"));

	expect_nmis(1);
	lg_vcpu_load(g->lg);
	g->lg->vcpu->sw->nmi_pending = true;
	guest_enter(g);
	lg_vcpu_put(g->lg);
	unregister_nmi_handler(NMI_LOCAL, "lguest_switch");

	KUNIT_EXPECT_EQ(test, nmis_from_guest, 1);
	KUNIT_EXPECT_EQ(test, nmis_elsewhere, 0);
	KUNIT_EXPECT_FALSE(test, g->lg->vcpu->sw->nmi_pending);
	KUNIT_EXPECT_EQ(test, guest_get32(g, DATA), count);
	KUNIT_EXPECT_EQ(test, memcmp(&was, g->lg->regs, sizeof(was)), 0);
}

/* Send NMIs from another CPU, each once the one before was handled. */
static int send_nmis(void *data)
{
	struct guest *g = data;

	while (!kthread_should_stop()) {
		if (!atomic_read(&nmis_expected) &&
		    READ_ONCE(g->lg->vcpu->cpu) >= 0) {
			atomic_inc(&nmis_expected);
			preempt_disable();
			apic->send_IPI_mask(cpumask_of(0), NMI_VECTOR);
			preempt_enable();
		}
		cond_resched();
	}
	return 0;
}

static void nmis_that_come(struct kunit *test)
{
	struct guest *g = test->priv;
	struct task_struct *sender;

	if (num_online_cpus() == 1)
		kunit_skip(test, "nobody is there to send them");
	start_spinning(g);
	sender = kthread_create(send_nmis, g, "lguest_nmis");
	KUNIT_ASSERT_FALSE(test, IS_ERR(sender));
	kthread_bind(sender, cpumask_any_but(cpu_online_mask, 0));
	if (register_nmi_handler(NMI_LOCAL, on_nmi, 0, "lguest_switch")) {
		kthread_stop(sender);
		KUNIT_FAIL(test, "no handler");
		return;
	}

	expect_nmis(0);
	lg_vcpu_load(g->lg);
	wake_up_process(sender);
	while (READ_ONCE(nmis_from_guest) < 100 && guest_may_go_on(g)) {
		guest_enter(g);
		cond_resched();
	}
	lg_vcpu_put(g->lg);
	kthread_stop(sender);
	/* The last NMI may still be on its way. */
	msleep(20);
	unregister_nmi_handler(NMI_LOCAL, "lguest_switch");

	KUNIT_EXPECT_GE(test, nmis_from_guest, 100);
	KUNIT_EXPECT_EQ(test, atomic_read(&nmis_expected), 0);
	KUNIT_EXPECT_FALSE(test, g->lg->vcpu->sw->nmi_pending);
	kunit_info(test, "%u from the guest, %u elsewhere\n", nmis_from_guest,
		   nmis_elsewhere);
}

static struct kunit_case switch_cases[] = {
	KUNIT_CASE_PARAM(way_out, way_gen_params),
	KUNIT_CASE(registers_there_and_back),
	KUNIT_CASE(flags_are_masked),
	KUNIT_CASE(entry_faults),
	KUNIT_CASE_PARAM(syscall_without_exit, syscall_gen_params),
	KUNIT_CASE(syscall_on_another_stack),
	KUNIT_CASE(syscall_the_long_way),
	KUNIT_CASE(syscall_without_handler),
	KUNIT_CASE_PARAM(trap_without_exit, trap_gen_params),
	KUNIT_CASE(int3_the_long_way),
	KUNIT_CASE(single_step_the_long_way),
	KUNIT_CASE_PARAM(page_fault_without_exit, fault_gen_params),
	KUNIT_CASE(page_fault_by_bad_entries),
	KUNIT_CASE(page_fault_the_long_way),
	KUNIT_CASE(interrupt_that_waits),
	KUNIT_CASE(interrupt_that_comes),
	KUNIT_CASE(nmi_on_the_seam),
	KUNIT_CASE(nmis_that_come),
	{}
};

static struct kunit_suite switch_suite = {
	.name = "lguest_switch",
	.suite_init = cpu_suite_init,
	.suite_exit = cpu_suite_exit,
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = switch_cases,
};

kunit_test_suite(switch_suite);
