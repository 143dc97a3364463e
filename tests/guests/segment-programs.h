/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SEGMENT_PROGRAMS_H
#define SEGMENT_PROGRAMS_H

#include "types.h"

/* Exits with the word at gs:0 when gs is @selector. */
void prog_read_tls(u32 selector);
/* Does so for @ms, over anything that happens meanwhile: exits with 0 if gs:0
 * stayed the same, and fs and gs too.
 */
void prog_keep_tls(u32 ms);
/* Loads 0 into gs, and uses it. */
void prog_null_gs(u32 unused);
/* Exits with what gs is behind a system call and a page fault. */
void prog_null_stays(u32 unused);
/* Goes through a code segment with a base, and makes a system call there. */
void prog_far(u32 selector);

/* Loads every value into gs; exits with how many of them stayed there. */
void prog_every_selector(u32 unused);

extern u8 prog_null_gs_at[];

/* Its argument is where the segment's base is off by. */
#define FAR_BASE	0x1000
#define SYS_FAR		0x7200

#endif /* SEGMENT_PROGRAMS_H */
