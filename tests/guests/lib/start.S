/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host enters here: in ring 1, with flat segments, every linear address the
 * guest-physical one. The tests want to see the registers as they were.
 */
#include "hypercall.h"
#include "layout.h"

	.text
	.globl	start
start:
	movl	%eax, boot_regs
	movl	%ebx, boot_regs + 4
	movl	%ecx, boot_regs + 8
	movl	%edx, boot_regs + 12
	movl	%esi, boot_regs + 16
	movl	%edi, boot_regs + 20
	movl	%ebp, boot_regs + 24
	movl	%esp, boot_regs + 28
	movl	$early_stack_top, %esp
	pushfl
	popl	boot_regs + 32
	movl	%cs, %eax
	movl	%eax, boot_regs + 36
	movl	%ds, %eax
	movl	%eax, boot_regs + 40
	movl	%es, %eax
	movl	%eax, boot_regs + 44
	movl	%ss, %eax
	movl	%eax, boot_regs + 48
	movl	%fs, %eax
	movl	%eax, boot_regs + 52
	movl	%gs, %eax
	movl	%eax, boot_regs + 56
	cld

	call	early_main

	/* early_main() has returned page tables that have kernel addresses, too. */
	movl	%eax, %ebx
	movl	$LHCALL_NEW_PGTABLE, %eax
	int	$HYPERCALL_VECTOR
	movl	$boot_stack_top, %esp
	xorl	%ebp, %ebp
	movl	$kernel_main, %eax
	call	*%eax
	/* It does not return. */
	ud2

	.data
	.balign	4
	.globl	boot_regs
boot_regs:
	.fill	15, 4, 0xeeeeeeee

	.bss
	.balign	16
	.fill	2048
early_stack_top:

	.section .note.GNU-stack, "", @progbits
