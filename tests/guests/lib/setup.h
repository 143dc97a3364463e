/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GUEST_SETUP_H
#define GUEST_SETUP_H

#include "types.h"

/* start.S comes here, on kernel addresses. */
void kernel_main(void) __noreturn;

/*
 * Every guest defines this. Segments, traps, memory and tasks are set up then;
 * interrupts are off, every one of them blocked, and output goes to the early
 * console. A return powers off.
 */
void guest_main(void);

void power_off(void) __noreturn;
void reboot(void) __noreturn;

#endif /* GUEST_SETUP_H */
