/* SPDX-License-Identifier: GPL-2.0 */
#ifndef INTERRUPTS_H
#define INTERRUPTS_H

#include "traps.h"
#include "types.h"

/* Asks for the clock to be set. */
#define SYS_ARM		0x7300

/* In ring 3: loop until a register is changed; exits with 0x1234. */
void prog_wait_flag(u32 unused);

#endif /* INTERRUPTS_H */
