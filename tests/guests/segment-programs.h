/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SEGMENT_PROGRAMS_H
#define SEGMENT_PROGRAMS_H

#include "types.h"

/* Loads @selector into gs, and exits with the word at gs:0. */
void prog_read_tls(u32 selector);
/*
 * Reads gs:0 for @ms, whatever happens meanwhile. Exits with 0 if that, fs and gs
 * stayed the same.
 */
void prog_keep_tls(u32 ms);
/* Loads 0 into gs, and uses it. */
void prog_null_gs(u32 unused);
/* Exits with what gs is after a system call and a page fault. */
void prog_null_stays(u32 unused);
/* Jumps into a code segment with a base, and makes a system call there. */
void prog_far(u32 selector);

/* Loads every value into gs, and exits with how many of them stayed there. */
void prog_every_selector(u32 unused);

extern u8 prog_null_gs_at[];

/* The base of prog_far()'s segment, and its system call */
#define FAR_BASE	0x1000
#define SYS_FAR		0x7200

#endif /* SEGMENT_PROGRAMS_H */
