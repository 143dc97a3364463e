// SPDX-License-Identifier: GPL-2.0
#include "string.h"

void *memcpy(void *dst, const void *src, size_t len)
{
	void *to = dst;

	asm volatile("rep movsb"
		     : "+D"(to), "+S"(src), "+c"(len)
		     : : "memory");
	return dst;
}

void *memmove(void *dst, const void *src, size_t len)
{
	u8 *to = (u8 *)dst + len;
	const u8 *from = (const u8 *)src + len;

	if (dst <= src)
		return memcpy(dst, src, len);
	while (len--) {
		*--to = *--from;
		/* Otherwise the compiler makes this a call of memmove(). */
		barrier();
	}
	return dst;
}

void *memset(void *dst, int c, size_t len)
{
	void *to = dst;

	asm volatile("rep stosb"
		     : "+D"(to), "+c"(len)
		     : "a"(c)
		     : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const u8 *x = a, *y = b;

	for (; len; len--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strnlen(const char *s, size_t max)
{
	size_t len = 0;

	while (len < max && s[len])
		len++;
	return len;
}

size_t strlen(const char *s)
{
	return strnlen(s, ~(size_t)0);
}

int strncmp(const char *a, const char *b, size_t len)
{
	for (; len; len--, a++, b++) {
		if (*a != *b)
			return (u8)*a - (u8)*b;
		if (!*a)
			break;
	}
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, ~(size_t)0);
}

size_t strscpy(char *dst, const char *src, size_t size)
{
	size_t len = strnlen(src, size - 1);

	memcpy(dst, src, len);
	dst[len] = '\0';
	return len;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return 16;
}

bool parse_u32(const char *s, u32 *value)
{
	u32 base = 10;

	if (s[0] == '0' && s[1] == 'x') {
		base = 16;
		s += 2;
	}
	*value = 0;
	if (!*s)
		return false;
	for (; *s; s++) {
		u32 d = digit(*s);

		if (d >= base)
			return false;
		*value = *value * base + d;
	}
	return true;
}
