/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SEAM_GDB_H
#define SEAM_GDB_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t u64;

/*
 * QEMU's gdbstub, for one CPU. Whoever uses it has set gdb_dead, which is where it
 * all ends when the machine says no more; gdb_why is what became of it.
 */
extern jmp_buf gdb_dead;
extern const char *gdb_why;

struct gdb_regs {
	u64 rax, rdi, rsp, rip, cr2, cr3;
	unsigned int cs;
};

/* Stops the machine. */
void gdb_connect(const char *path);
/* One of QEMU's monitor's commands */
void gdb_monitor(const char *command);
void gdb_break(u64 address);
void gdb_clear(u64 address);
/* Until a breakpoint; one that is there is hit again unless something strikes. */
void gdb_continue(void);
/* An instruction; with what is pending let in, perhaps the way to its handler. */
void gdb_step(bool let_in);
void gdb_get_regs(struct gdb_regs *regs);
void gdb_read(u64 address, void *to, size_t bytes);
u64 gdb_read_u64(u64 address);
void gdb_write_u64(u64 address, u64 value);

#endif /* SEAM_GDB_H */
