// SPDX-License-Identifier: GPL-2.0
/*
 * The way back. Handlers here need no register, and no stack but what the host
 * needed to enter them. So the next step can begin, whatever the last has left.
 */
#include "fuzz.h"
#include "hypercall.h"
#include "layout.h"
#include "string.h"
#include "traps.h"

#define PATIENCE_NS	30000000

#define STRING(x)	#x
#define VALUE(x)	STRING(x)

struct machine machine;

u32 landing_esp;

static u8 trap_stack[2 * PAGE_SIZE] __aligned(PAGE_SIZE);

asm(".text\n"
"	.balign	16\n"
"	.globl	landings, hazard_call\n"
"landings:\n"
"	vector = 0\n"
"	.rept	256\n"
"	.balign	16\n"
"	movl	$vector, %ebx\n"
"	jmp	land\n"
"	vector = vector + 1\n"
"	.endr\n"
"land:\n"
"	movl	$" VALUE(KERNEL_DS) ", %eax\n"
"	movl	%eax, %ds\n"
"	movl	%eax, %es\n"
"	movl	%esp, %edi\n"
"	movl	%eax, %ss\n"
"	movl	landing_esp, %esp\n"
"	testl	%esp, %esp\n"
"	jz	2f\n"
"	movl	$0, lguest_data\n"
"	xorl	%eax, %eax\n"
"	movl	%eax, %fs\n"
"	movl	%eax, %gs\n"
"	pushl	$2\n"
"	popfl\n"
"	movl	%ebx, %eax\n"
"	jmp	1f\n"
"hazard_call:\n"
"	pushl	%ebp\n"
"	pushl	%ebx\n"
"	pushl	%esi\n"
"	pushl	%edi\n"
"	movl	%esp, landing_esp\n"
"	pushl	24(%esp)\n"
"	call	*24(%esp)\n"
"	addl	$4, %esp\n"
"	orl	$-1, %eax\n"
"1:	popl	%edi\n"
"	popl	%esi\n"
"	popl	%ebx\n"
"	popl	%ebp\n"
"	ret\n"
"2:	movl	$boot_stack_top, %esp\n"
"	pushl	%edi\n"
"	pushl	%ebx\n"
"	call	lost\n"
/* Load the segments from machine, and all registers except the stack's. */
"	.macro	LOAD_MACHINE\n"
"	movl	machine + 32, %eax\n"
"	movl	machine + 36, %ebx\n"
"	movl	machine + 40, %ecx\n"
"	movl	machine + 44, %edx\n"
"	movl	%eax, %ds\n"
"	movl	%ebx, %es\n"
"	movl	%ecx, %fs\n"
"	movl	%edx, %gs\n"
"	movl	%esp, %ss:machine_esp\n"
"	movl	$machine, %esp\n"
"	popal\n"
"	movl	%ss:machine_esp, %esp\n"
"	.endm\n"
"	.globl	go_iret_there, go_iret_out, go_jump, go_call, go_lret, go_load_ss\n"
"go_iret_there:\n"
"	LOAD_MACHINE\n"
"	movl	%ss:machine + 60, %esp\n"
"	iret\n"
"go_iret_out:\n"
"	pushl	machine + 64\n"
"	pushl	machine + 60\n"
"	pushl	machine + 56\n"
"	pushl	machine + 52\n"
"	pushl	machine + 48\n"
"	LOAD_MACHINE\n"
"	iret\n"
"go_jump:\n"
"	LOAD_MACHINE\n"
"	movl	%ss:machine + 60, %esp\n"
"	ljmp	*%ss:machine + 48\n"
"go_call:\n"
"	LOAD_MACHINE\n"
"	movl	%ss:machine + 60, %esp\n"
"	lcall	*%ss:machine + 48\n"
"	ud2\n"
"go_lret:\n"
"	pushl	machine + 64\n"
"	pushl	machine + 60\n"
"	pushl	machine + 52\n"
"	pushl	machine + 48\n"
"	LOAD_MACHINE\n"
"	lret\n"
/* The CPU takes no interrupt right behind a load of SS. */
"go_load_ss:\n"
"	movl	machine + 64, %eax\n"
"	movl	machine + 60, %ebx\n"
"	movl	machine + 28, %ecx\n"
"	pushl	machine + 56\n"
"	popfl\n"
"	movl	%eax, %ss\n"
"	movl	%ebx, %esp\n"
"	pushl	%ecx\n"
"	int	$0x80\n"
"	ud2\n"
"	.bss\n"
"	.balign	4\n"
"machine_esp:\n"
"	.long	0\n"
"	.text\n");

static_assert(offsetof(struct machine, eax) == 28, "layout");
static_assert(offsetof(struct machine, ds) == 32, "layout");
static_assert(offsetof(struct machine, eip) == 48, "layout");
static_assert(offsetof(struct machine, eflags) == 56, "layout");
static_assert(offsetof(struct machine, ss) == 64, "layout");

/* The fuzzer itself has trapped: a step has broken something that it needs. */
void lost(u32 vector, const u32 *frame)
{
	panic("the fuzzer itself met trap %u: %x %x %x, cr2 %x", vector,
	      frame[0], frame[1], frame[2], lguest_data.cr2);
}

/* An iret to the same ring can't change stacks: put its frame on the new one. */
void go_iret(void *unused)
{
	u32 *frame = (u32 *)machine.esp - 3;

	(void)unused;
	if ((machine.cs & 3) != 1)
		go_iret_out();
	frame[0] = machine.eip;
	frame[1] = machine.cs;
	frame[2] = machine.eflags;
	machine.esp = (u32)frame;
	go_iret_there();
}

struct call {
	void (*fn)(void *arg);
	void *arg;
};

static void with_clock(void *arg)
{
	struct call *call = arg;

	hcall1(LHCALL_SET_CLOCKEVENT, PATIENCE_NS);
	WRITE_ONCE(lguest_data.irq_enabled, FLAGS_IF);
	call->fn(call->arg);
}

/* The clock may have fired already: it should not end what comes next. */
static void drain(void *unused)
{
	(void)unused;
	hcall1(LHCALL_SET_CLOCKEVENT, 0);
	WRITE_ONCE(lguest_data.irq_enabled, FLAGS_IF);
	hcall0(LHCALL_SEND_INTERRUPTS);
}

u32 hazard(void (*fn)(void *arg), void *arg)
{
	struct call call = { fn, arg };
	u32 vector = hazard_call(with_clock, &call);

	WRITE_ONCE(lguest_data.irq_enabled, 0);
	WRITE_ONCE(lguest_data.blocked_interrupts, ~1u);
	/* Nor should a HALT that was left in the ring hold it up. */
	memset(lguest_data.hcall_status, RING_DONE, RING_SIZE);
	hazard_call(drain, NULL);
	WRITE_ONCE(lguest_data.irq_enabled, 0);
	/* From here on, a fault is the fuzzer's own and has nowhere to go. */
	landing_esp = 0;
	return vector;
}

void land_gates(void)
{
	u32 vector;

	for (vector = 0; vector < 256; vector++)
		set_gate_to(vector, (void (*)(void))(landings + vector * 16),
			    vector == SYSCALL_VECTOR ? GATE_TRAP :
			    GATE_INTERRUPT, 3);
}

void land_stack(void)
{
	hcall3(LHCALL_SET_STACK, KERNEL_DS,
	       (u32)trap_stack + sizeof(trap_stack), 2);
}

void land_init(void)
{
	land_gates();
	land_stack();
	WRITE_ONCE(lguest_data.blocked_interrupts, ~1u);
}
