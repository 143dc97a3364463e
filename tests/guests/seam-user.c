// SPDX-License-Identifier: GPL-2.0
/*
 * Each round makes a system call, three page faults, from which the kernel goes
 * on behind the instruction, a breakpoint and a single step. No register and no flag
 * may change.
 */
#include "seam.h"

#define STR_(x)		#x
#define STR(x)		STR_(x)

#define SET_REGS					\
	"	movl	$0x20202020, %ecx\n"		\
	"	movl	$0x30303030, %edx\n"		\
	"	movl	$0x40404040, %esi\n"		\
	"	movl	$0x50505050, %edi\n"		\
	"	movl	$0x60606060, %ebp\n"

#define CHECK_REGS					\
	"	jnc	9f\n"				\
	"	cmpl	$0x20202020, %ecx\n"		\
	"	jne	9f\n"				\
	"	cmpl	$0x30303030, %edx\n"		\
	"	jne	9f\n"				\
	"	cmpl	$0x40404040, %esi\n"		\
	"	jne	9f\n"				\
	"	cmpl	$0x50505050, %edi\n"		\
	"	jne	9f\n"				\
	"	cmpl	$0x60606060, %ebp\n"		\
	"	jne	9f\n"

/* The instruction has two bytes. */
#define FAULT(addr, insn)				\
	"	movl	$" STR(addr) ", %eax\n"		\
	"	stc\n"					\
	"	" insn "\n"				\
	CHECK_REGS					\
	"	cmpl	$" STR(addr) ", %eax\n"		\
	"	jne	9f\n"

asm(".text\n"
	".globl prog_rounds\n"
	"prog_rounds:\n"
	"	xorl	%ebx, %ebx\n"
	SET_REGS
	"1:	incl	%ebx\n"
	"	movl	$" STR(SYS_ROUND) ", %eax\n"
	"	stc\n"
	"	int	$" STR(SYSCALL_VECTOR) "\n"
	CHECK_REGS
	"	cmpl	%ebx, %eax\n"
	"	jne	9f\n"
	FAULT(NO_TABLE, "movb (%eax), %al")
	FAULT(NO_PAGE, "movb (%eax), %al")
	FAULT(READ_ONLY, "movb %al, (%eax)")
	"	stc\n"
	"	int3\n"
	CHECK_REGS
	"	stc\n"
	"	pushfl\n"
	"	orl	$0x100, (%esp)\n"
	"	popfl\n"
	"	nop\n"
	CHECK_REGS
	"	jmp	1b\n"
	"9:	movl	$" STR(SYS_WRONG) ", %eax\n"
	"	int	$" STR(SYSCALL_VECTOR) "\n");
