// SPDX-License-Identifier: GPL-2.0
#include "console.h"
#include "printf.h"
#include "string.h"

struct out {
	char *buf;
	size_t size;
	size_t len;
};

static void emit(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void emit_field(struct out *o, const char *s, size_t len, int width,
		       bool left, char pad)
{
	int fill = width - (int)len;

	for (; !left && fill > 0; fill--)
		emit(o, pad);
	while (len--)
		emit(o, *s++);
	for (; fill > 0; fill--)
		emit(o, ' ');
}

static void emit_number(struct out *o, u64 n, u32 base, bool negative,
			int width, bool left, char pad)
{
	char digits[24];
	char *p = digits + sizeof(digits);
	u32 rem;

	do {
		n = div_u64_rem(n, base, &rem);
		*--p = "0123456789abcdef"[rem];
	} while (n);
	if (negative && pad == '0') {
		emit(o, '-');
		width--;
	} else if (negative) {
		*--p = '-';
	}
	emit_field(o, p, digits + sizeof(digits) - p, width, left, pad);
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	struct out o = { .buf = buf, .size = size };

	for (; *fmt; fmt++) {
		bool left = false;
		char pad = ' ';
		int width = 0, longs = 0;
		u64 n;

		if (*fmt != '%') {
			emit(&o, *fmt);
			continue;
		}
		for (fmt++; *fmt == '-' || *fmt == '0'; fmt++) {
			if (*fmt == '-')
				left = true;
			else
				pad = '0';
		}
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + *fmt - '0';
		for (; *fmt == 'l'; fmt++)
			longs++;

		switch (*fmt) {
		case 'c': {
			char c = va_arg(args, int);

			emit_field(&o, &c, 1, width, left, ' ');
			break;
		}
		case 's': {
			const char *s = va_arg(args, const char *);

			emit_field(&o, s, strlen(s), width, left, ' ');
			break;
		}
		case 'd': {
			s64 v = longs > 1 ? va_arg(args, s64)
					  : va_arg(args, s32);

			emit_number(&o, v < 0 ? -(u64)v : (u64)v, 10, v < 0,
				    width, left, pad);
			break;
		}
		case 'u':
		case 'x':
			n = longs > 1 ? va_arg(args, u64) : va_arg(args, u32);
			emit_number(&o, n, *fmt == 'u' ? 10 : 16, false,
				    width, left, pad);
			break;
		case 'p':
			emit_number(&o, (u32)va_arg(args, void *), 16, false,
				    8, false, '0');
			break;
		case '\0':
			fmt--;
			break;
		default:
			emit(&o, *fmt);
		}
	}
	if (size)
		buf[min(o.len, size - 1)] = '\0';
	return o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(buf, size, fmt, args);
	va_end(args);
	return len;
}

void printf(const char *fmt, ...)
{
	char line[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	console_write(line, strlen(line));
}
