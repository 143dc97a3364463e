/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DEMO_H
#define DEMO_H

#include "types.h"

/* The commands; @args is the rest of the line. */
void cmd_memory(const char *args);
void cmd_fault(const char *args);
void cmd_bench(const char *args);
void cmd_count(const char *args);
void cmd_spaces(const char *args);
void cmd_user(const char *args);

/* Ring 3's programs, in programs-user.c. */
void prog_nothing(u32 calls);
void prog_yield(u32 calls);
void prog_yield_marked(u32 calls);
void prog_touch(u32 pages);
void prog_nowhere(u32 times);
void prog_fpu(u32 seed);
void prog_demand(u32 pages);
void prog_handler(u32 unused);
void prog_write(u32 unused);
void prog_null(u32 unused);
void prog_kernel(u32 unused);
void prog_divide(u32 unused);
void prog_opcode(u32 unused);
void prog_privileged(u32 unused);
void prog_int(u32 unused);

/* The bench's own system call: forget the pages that prog_touch() touched. */
#define SYS_FORGET	100
#define TOUCH_PAGES	1024

/* What prog_nowhere() reads, which is never there; and its instruction's length */
#define NOWHERE		0x70000000
#define NOWHERE_BYTES	2

#endif /* DEMO_H */
