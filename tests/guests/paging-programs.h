/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PAGING_PROGRAMS_H
#define PAGING_PROGRAMS_H

#include "types.h"

/* Where the tests map pages for ring 3, and how many. */
#define TEST_BASE	0x50000000
#define TEST_PAGES	64
/* Behind this system call, eax is what to read, or to write (bit 0) next. */
#define SYS_NEXT	0x7100
#define NEXT_WRITE	1
/* To be written, and what nobody writes. */
#define NEXT_VALUE	0x5ec0de

/* Does what SYS_NEXT says, and reports what it read, until told 0. */
void prog_access(u32 unused);
/* Reads the word at @addr and exits with it. */
void prog_peek(u32 addr);
/* Writes to the word at @addr. */
void prog_poke(u32 addr);

#endif /* PAGING_PROGRAMS_H */
