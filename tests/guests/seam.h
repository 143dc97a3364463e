/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SEAM_H
#define SEAM_H

/* With its path, for tests/seam, which shares this header. */
#include "lib/layout.h"

/* The system call of each round, and that of a program that found itself changed */
#define SYS_ROUND	0x7000
#define SYS_WRONG	0x7001

/* No page table there; a table but no page; a page that ring 3 may not write to */
#define NO_TABLE	0x70000000
#define NO_PAGE		(USER_BASE + 0x1f0000)
#define READ_ONLY	USER_BASE

/* Where tests/seam has breakpoints */
void seam_round(void);
void seam_alarm(const char *what);

void prog_rounds(unsigned int unused);

#endif /* SEAM_H */
