// SPDX-License-Identifier: GPL-2.0
/* The entry point, and text for the console */
#include "macro.h"
#include "system.h"

asm(".globl _start\n"
	"_start:\n"
	"xor %ebp, %ebp\n"
	"mov %esp, %eax\n"
	"and $-16, %esp\n"
	"sub $12, %esp\n"
	"push %eax\n"
	"call start\n");

void start(long *stack)
{
	sys_exit(main(stack[0], (char **)(stack + 1)));
	__builtin_unreachable();
}

/* The compiler may call these whatever it is told. */
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);

void *memcpy(void *to, const void *from, size_t n)
{
	char *p = to;
	const char *q = from;

	while (n--)
		*p++ = *q++;
	return to;
}

void *memset(void *to, int c, size_t n)
{
	char *p = to;

	while (n--)
		*p++ = c;
	return to;
}

size_t text_length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int text_starts(const char *s, const char *with)
{
	while (*with)
		if (*s++ != *with++)
			return 0;
	return 1;
}

void print(const char *s)
{
	sys_write(1, s, text_length(s));
}

/* @n is in units of the last decimal. */
const char *number_text(char text[NUMBER_SIZE], u64 n,
			unsigned int decimals)
{
	char *p = text + NUMBER_SIZE;
	unsigned int digits = 0;

	*--p = '\0';
	do {
		if (digits && digits == decimals)
			*--p = '.';
		*--p = '0' + n % 10;
		n /= 10;
		digits++;
	} while (n || digits <= decimals);
	return p;
}

void print_number(u64 n, unsigned int decimals)
{
	char text[NUMBER_SIZE];

	print(number_text(text, n, decimals));
}

void power_off(int how)
{
	if (sys_getpid() == 1)
		sys_reboot(how);
	sys_exit(1);
}

void give_up(const char *what, const char *file, unsigned int line)
{
	print("# macro: failed: ");
	print(what);
	print(" at ");
	print(file);
	print(":");
	print_number(line, 0);
	print("\n");
	power_off(at_the_end);
	for (;;)
		;
}
