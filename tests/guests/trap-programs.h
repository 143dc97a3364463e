/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TRAP_PROGRAMS_H
#define TRAP_PROGRAMS_H

#include "types.h"

/*
 * Every program of traps-user.c traps at the label NAME_at. NAME_after is the
 * instruction that follows.
 */
#define PROGRAM(name)				\
	void name(u32 arg);			\
	extern u8 name##_at[], name##_after[]

PROGRAM(prog_divide);
PROGRAM(prog_int3);
PROGRAM(prog_into);
PROGRAM(prog_bound);
PROGRAM(prog_ud2);
PROGRAM(prog_hlt);
PROGRAM(prog_cli);
PROGRAM(prog_in);
PROGRAM(prog_cr3);
PROGRAM(prog_lidt);
PROGRAM(prog_hypercall);
PROGRAM(prog_int_5);
PROGRAM(prog_int_14);
PROGRAM(prog_int_clock);
PROGRAM(prog_bad_gs);
PROGRAM(prog_absent_gs);
PROGRAM(prog_kernel_ds);
PROGRAM(prog_limit);
PROGRAM(prog_step);
PROGRAM(prog_sysenter);
PROGRAM(prog_syscall_insn);
PROGRAM(prog_unaligned);
PROGRAM(prog_mf);
PROGRAM(prog_xm);
PROGRAM(prog_read);
PROGRAM(prog_write);
PROGRAM(prog_smsw);
PROGRAM(prog_jump);
PROGRAM(prog_far_kernel);
PROGRAM(prog_regs);
PROGRAM(prog_iopl);
PROGRAM(prog_any_stack);

#define REGS_EBX	0x10101010
#define REGS_ECX	0x20202020
#define REGS_EDX	0x30303030
#define REGS_ESI	0x40404040
#define REGS_EDI	0x50505050
#define REGS_EBP	0x60606060
/* The number of a system call, in eax as with Linux */
#define SYS_TEST	0x7000

void prog_syscalls(u32 count);
void prog_store_insns(u32 unused);

#endif /* TRAP_PROGRAMS_H */
