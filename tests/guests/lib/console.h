/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GUEST_CONSOLE_H
#define GUEST_CONSOLE_H

#include "types.h"

/*
 * Two consoles: NOTIFY on a string, which works from LGUEST_INIT on and is
 * done when it returns, and the virtio device, which can also be read from.
 * console_init() changes from the first to the second, if there is one.
 */
bool console_init(void);
void console_write(const char *buf, size_t len);
/* Wait until the Launcher has all of it. */
void console_flush(void);
/* The guest is dying: no interrupts, no queues. */
void console_panic(void);

/* -1 if nothing was typed; console_getc() sleeps until something is. */
int console_poll(void);
int console_getc(void);
/* Has ^C been typed since the last time this was asked? */
bool console_interrupted(void);

/* Read a line, with the usual keys; false if ^C ended it. */
bool console_readline(const char *prompt, char *line, size_t size);

/*
 * For tests: console_output_irq() is the interrupt of the output queue, 0 without
 * a device. console_use() says which of the two consoles to write to. Tests that
 * handle that interrupt themselves call console_reclaim() for what the Launcher
 * has done.
 */
u32 console_output_irq(void);
void console_use(bool virtio);
void console_reclaim(void);

#endif /* GUEST_CONSOLE_H */
