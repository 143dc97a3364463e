/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GUEST_STRING_H
#define GUEST_STRING_H

#include "types.h"

void *memcpy(void *dst, const void *src, size_t len);
void *memmove(void *dst, const void *src, size_t len);
void *memset(void *dst, int c, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t len);

/* Copy at most size - 1 bytes and terminate; returns the bytes copied. */
size_t strscpy(char *dst, const char *src, size_t size);

/* Reads decimal or 0x-hexadecimal digits; false if there are none. */
bool parse_u32(const char *s, u32 *value);

/*
 * Divides 64 bits by 32: for the operators, the compiler would call a library.
 */
static inline u64 div_u64_rem(u64 n, u32 base, u32 *rem)
{
	u32 high = n >> 32, low = n, q_high = high / base;

	high %= base;
	asm("divl %[base]" : "+a"(low), "+d"(high) : [base] "rm"(base));
	*rem = high;
	return (u64)q_high << 32 | low;
}

static inline u64 div_u64(u64 n, u32 base)
{
	u32 rem;

	return div_u64_rem(n, base, &rem);
}

#endif /* GUEST_STRING_H */
