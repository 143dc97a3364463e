/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DEMO_BENCH_H
#define DEMO_BENCH_H

#include "types.h"

/*
 * Each does something @n times. For those who count instructions, there are
 * marks around that; what it takes to get there is outside of them.
 */

/* bench-memory.c */
void bench_set_pte(u32 n);
void bench_set_pte_batched(u32 n);
void bench_fill(u32 n);
void bench_flush(u32 n);
void bench_flush_user(u32 n);
void bench_flush_all(u32 n);
void bench_tables_2(u32 n);
void bench_tables_8(u32 n);
void bench_tables_64(u32 n);
void bench_tables_256(u32 n);
void bench_fault(u32 n);
void bench_reflect(u32 n);

/* Allocates what these need; false if there is no memory. */
bool bench_memory_begin(void);
void bench_memory_end(void);
/* Makes @n more address spaces, each with a page that has been touched. */
void bench_spaces(u32 n);

#endif /* DEMO_BENCH_H */
