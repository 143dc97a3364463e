/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PAGING_PROGRAMS_H
#define PAGING_PROGRAMS_H

#include "types.h"

/* Where the tests map pages for ring 3, and how many. */
#define TEST_BASE	0x50000000
#define TEST_PAGES	64
/* This system call returns the address to read next, or with bit 0 to write. */
#define SYS_NEXT	0x7100
#define NEXT_WRITE	1
/* The value that ring 3 writes; nobody else does */
#define NEXT_VALUE	0x5ec0de

/* Does what SYS_NEXT returns, and reports what it read, until that is 0. */
void prog_access(u32 unused);
/* Reads the word at @addr and exits with it. */
void prog_peek(u32 addr);
/* Writes to the word at @addr. */
void prog_poke(u32 addr);

#endif /* PAGING_PROGRAMS_H */
