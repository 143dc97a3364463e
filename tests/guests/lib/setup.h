/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GUEST_SETUP_H
#define GUEST_SETUP_H

#include "types.h"

/* start.S comes here, on kernel addresses. */
void kernel_main(void) __noreturn;

/*
 * What a guest is about. Segments, traps, memory and tasks are set up;
 * interrupts are off, every one of them blocked, and output goes to the early
 * console. To return is to power off.
 */
void guest_main(void);

void power_off(void) __noreturn;
void reboot(void) __noreturn;

#endif /* GUEST_SETUP_H */
