/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GUEST_PRINTF_H
#define GUEST_PRINTF_H

#include "types.h"

/*
 * The conversions are c, s, d, u, x and p, the lengths l and ll, the flags
 * '-' and '0', and a field width. Output goes to the console; a single call
 * prints at most 255 bytes.
 */
void printf(const char *fmt, ...) __printf(1, 2);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
	__printf(3, 0);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

#endif /* GUEST_PRINTF_H */
