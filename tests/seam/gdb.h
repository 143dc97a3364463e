/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SEAM_GDB_H
#define SEAM_GDB_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t u64;

/*
 * QEMU's gdbstub, for one CPU. Callers set gdb_dead: when the machine says no more,
 * all these functions jump there, and gdb_why says why.
 */
extern jmp_buf gdb_dead;
extern const char *gdb_why;

struct gdb_regs {
	u64 rax, rdi, rsp, rip, cr2, cr3;
	unsigned int cs;
};

/* Connects, which stops the machine. */
void gdb_connect(const char *path);
/* Gives a command to QEMU's monitor. */
void gdb_monitor(const char *command);
void gdb_break(u64 address);
void gdb_clear(u64 address);
/*
 * Runs until a breakpoint. The machine hits one where it stands again, unless
 * something strikes.
 */
void gdb_continue(void);
/*
 * Executes an instruction. With @let_in, what is pending may come in its place;
 * then this is the way to its handler.
 */
void gdb_step(bool let_in);
void gdb_get_regs(struct gdb_regs *regs);
void gdb_read(u64 address, void *to, size_t bytes);
u64 gdb_read_u64(u64 address);
void gdb_write_u64(u64 address, u64 value);

#endif /* SEAM_GDB_H */
