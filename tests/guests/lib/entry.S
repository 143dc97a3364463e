/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The way into the kernel by a trap or an interrupt, and back out.
 */
#include "hypercall.h"
#include "layout.h"

	.text

/* One stub of 16 bytes a vector: all leave the same frame, struct regs. */
	.balign	16
	.globl	trap_stubs
trap_stubs:
vector = 0
	.rept	256
	.balign	16
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17)
	pushl	$0
	.endif
	pushl	$vector
	jmp	trap_entry
vector = vector + 1
	.endr

trap_entry:
	pushl	%gs
	pushl	%fs
	pushl	%es
	pushl	%ds
	pushl	%eax
	pushl	%ebp
	pushl	%edi
	pushl	%esi
	pushl	%edx
	pushl	%ecx
	pushl	%ebx
	/* Before any C, and before an interrupt handler relies on it. */
	pushfl
	popl	%ss:trap_flags
	cld
	movl	$KERNEL_DS, %eax
	movl	%eax, %ds
	movl	%eax, %es
	/*
	 * The host loads our segment registers each time it enters the guest:
	 * they must not name a descriptor that LOAD_TLS takes away.
	 */
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	pushl	%esp
	call	trap
	addl	$4, %esp

/* The stack pointer is at a struct regs here, for a new task its first one. */
	.globl	trap_exit
trap_exit:
	/* From here to the iret, an interrupt would find half of each world. */
	movl	$0, lguest_data + LGUEST_DATA_IRQ_ENABLED
	popl	%ebx
	popl	%ecx
	popl	%edx
	popl	%esi
	popl	%edi
	popl	%ebp
	popl	%eax
	popl	%ds
	popl	%es
	popl	%fs
	popl	%gs
	addl	$8, %esp
	/*
	 * At this privilege level, an iret does not set the CPU's IF: we have to
	 * put it where the host looks. From noirq_start to the iret, the host
	 * does not interrupt us.
	 */
	pushl	%eax
	movl	12(%esp), %eax
	andl	$FLAGS_IF, %eax
	.globl	noirq_start
noirq_start:
	/* DS may be the user's. */
	movl	%eax, %ss:lguest_data + LGUEST_DATA_IRQ_ENABLED
	popl	%eax
	iret

/*
 * u32 noirq_spin(u64 until)
 *
 * For the tests: turn interrupts on, stay where the host must not deliver any
 * until the TSC has got that far, and turn them off again. Return: irq_pending
 * as it was until then; a moment later it may be set for want of irq_enabled.
 */
	.globl	noirq_spin
noirq_spin:
	movl	$FLAGS_IF, lguest_data + LGUEST_DATA_IRQ_ENABLED
	movl	$0, lguest_data + LGUEST_DATA_IRQ_PENDING
1:	rdtsc
	cmpl	8(%esp), %edx
	jb	1b
	ja	2f
	cmpl	4(%esp), %eax
	jb	1b
2:	movl	lguest_data + LGUEST_DATA_IRQ_PENDING, %eax
	movl	$0, lguest_data + LGUEST_DATA_IRQ_ENABLED
	ret
	.globl	noirq_end
noirq_end:

/* bool __try_call(void (*fn)(void *arg), void *arg): true if it trapped */
	.globl	__try_call
__try_call:
	pushl	%ebp
	pushl	%ebx
	pushl	%esi
	pushl	%edi
	pushl	try_esp
	movl	%esp, try_esp
	pushl	28(%esp)
	call	*28(%esp)
	addl	$4, %esp
	xorl	%eax, %eax
	jmp	1f
	.globl	try_abort
try_abort:
	movl	try_esp, %esp
	movl	$KERNEL_DS, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	$1, %eax
1:	popl	try_esp
	popl	%edi
	popl	%esi
	popl	%ebx
	popl	%ebp
	ret

/* void switch_stacks(u32 *save, u32 load) */
	.globl	switch_stacks
switch_stacks:
	movl	4(%esp), %eax
	movl	8(%esp), %edx
	pushl	%ebp
	pushl	%ebx
	pushl	%esi
	pushl	%edi
	movl	%esp, (%eax)
	movl	%edx, %esp
	popl	%edi
	popl	%esi
	popl	%ebx
	popl	%ebp
	ret

	.bss
	.balign	4
	.globl	try_esp
try_esp:
	.long	0
	/* EFLAGS as a handler got them, to see what the delivery has cleared */
	.globl	trap_flags
trap_flags:
	.long	0

	.section .bss.stack, "aw", @nobits
	.balign	PAGE_SIZE
	.skip	KSTACK_SIZE
	.globl	boot_stack_top
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
