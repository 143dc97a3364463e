// SPDX-License-Identifier: GPL-2.0
#include "cpu.h"
#include "hypercall.h"
#include "trap-programs.h"
#include "user.h"

/*
 * A program that is nothing but one trap; its argument is in eax. If there
 * was no trap, it exits.
 */
#define TRAP_PROGRAM(name, before, insn)		\
	asm(".text\n"					\
	    ".globl " #name ", " #name "_at, " #name "_after\n" \
	    #name ":\n"					\
	    "	movl	4(%esp), %eax\n"		\
	    before "\n"					\
	    #name "_at:\n"				\
	    insn "\n"					\
	    #name "_after:\n"				\
	    "	xorl	%eax, %eax\n"			\
	    "	xorl	%ebx, %ebx\n"			\
	    "	int	$0x80\n")

TRAP_PROGRAM(prog_divide, "xorl %ecx, %ecx", "divl %ecx");
TRAP_PROGRAM(prog_int3, "", "int3");
TRAP_PROGRAM(prog_into, "movb $0x7f, %al; addb $1, %al", "into");
TRAP_PROGRAM(prog_bound, "pushl $2; pushl $1; movl $9, %eax",
	     "bound %eax, (%esp)");
TRAP_PROGRAM(prog_ud2, "", "ud2");
TRAP_PROGRAM(prog_hlt, "", "hlt");
TRAP_PROGRAM(prog_cli, "", "cli");
TRAP_PROGRAM(prog_in, "", "inb $0x71, %al");
TRAP_PROGRAM(prog_cr3, "", "movl %cr3, %eax");
TRAP_PROGRAM(prog_lidt, "", "lidt (%esp)");
TRAP_PROGRAM(prog_hypercall, "xorl %eax, %eax", "int $0x1f");
TRAP_PROGRAM(prog_int_5, "", "int $5");
TRAP_PROGRAM(prog_int_14, "", "int $14");
TRAP_PROGRAM(prog_int_clock, "", "int $32");
TRAP_PROGRAM(prog_bad_gs, "movl $0x1ffb, %eax", "movl %eax, %gs");
TRAP_PROGRAM(prog_absent_gs, "", "movl %eax, %gs");
TRAP_PROGRAM(prog_kernel_ds, "movl $0x69, %eax", "movl %eax, %ds");
TRAP_PROGRAM(prog_limit, "movl %eax, %gs", "movl %gs:16, %ecx");
TRAP_PROGRAM(prog_step, "pushfl; orl $0x100, (%esp); popfl", "nop");
TRAP_PROGRAM(prog_sysenter, "movl %esp, %ecx", "sysenter");
TRAP_PROGRAM(prog_syscall_insn, "", ".byte 0x0f, 0x05");
TRAP_PROGRAM(prog_unaligned,
	     "pushfl; orl $0x40000, (%esp); popfl; leal -31(%esp), %ecx",
	     "movl (%ecx), %ecx");
/* Unmask division by 0. The CPU tells of the exception at the fwait. */
TRAP_PROGRAM(prog_mf,
	     "fninit; pushl $0x37b; fldcw (%esp); fld1; fldz; fdivrp",
	     "fwait");
TRAP_PROGRAM(prog_xm,
	     "pushl $0x1d80; ldmxcsr (%esp); pushl $0x3f800000;"
	     "xorps %xmm1, %xmm1; movss (%esp), %xmm0",
	     "divss %xmm1, %xmm0");
TRAP_PROGRAM(prog_read, "", "movl (%eax), %ecx");
TRAP_PROGRAM(prog_write, "", "movl %eax, (%eax)");
TRAP_PROGRAM(prog_smsw, "", "smsw (%eax)");
TRAP_PROGRAM(prog_jump, "", "jmp *%eax");
TRAP_PROGRAM(prog_far_kernel, "", "ljmp $0x61, $0xc0100000");
TRAP_PROGRAM(prog_regs,
	     "movl $0x7000, %eax; movl $0x10101010, %ebx;"
	     "movl $0x20202020, %ecx; movl $0x30303030, %edx;"
	     "movl $0x40404040, %esi; movl $0x50505050, %edi;"
	     "movl $0x60606060, %ebp; stc",
	     "int $0x80; .byte 0x0f, 0x0b");

/* All that popfl could ask for: IOPL 3, and the bits of virtual 8086. */
TRAP_PROGRAM(prog_iopl, "pushfl; orl $0x1a3000, (%esp); popfl", "ud2");
/* A system call and a trap, with eax as the stack pointer. */
TRAP_PROGRAM(prog_any_stack,
	     "movl %eax, %esp; movl $0x7000, %eax; int $0x80", "ud2");

/* Exits with 0 if they work. */
void prog_store_insns(u32 unused)
{
	(void)unused;
	sys_exit(!store_insns_work());
}

/* Exits with the number of system calls that changed a register. */
void prog_syscalls(u32 count)
{
	u32 bad = 0;

	while (count--) {
		u32 eax = SYS_TEST, ebx = REGS_EBX, ecx = REGS_ECX;
		u32 edx = REGS_EDX, esi = REGS_ESI, edi = REGS_EDI;

		asm volatile("int $0x80"
			     : "+a"(eax), "+b"(ebx), "+c"(ecx), "+d"(edx),
			       "+S"(esi), "+D"(edi)
			     : : "memory");
		bad += eax != SYS_TEST + 1 || ebx != REGS_EBX ||
		       ecx != REGS_ECX || edx != REGS_EDX ||
		       esi != REGS_ESI || edi != REGS_EDI;
	}
	sys_exit(bad);
}
