/* SPDX-License-Identifier: GPL-2.0 */
/* What the benchmark asks of its kernel, always by int $0x80 */
#ifndef MACRO_SYSTEM_H
#define MACRO_SYSTEM_H

#include <stddef.h>
#include "types.h"

#define PAGE_SIZE	4096

#define O_RDONLY	0
#define O_WRONLY	1
#define O_RDWR		2
#define O_CREAT		0100
#define O_TRUNC		01000
#define O_DIRECT	040000

#define RESTART		0x01234567
#define POWER_OFF	0x4321fedc

static inline long sys5(long number, long a, long b, long c, long d, long e)
{
	long result;

	asm volatile("int $0x80" : "=a"(result)
		     : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
		     : "memory");
	return result;
}

/* The sixth argument is in EBP, which nobody needs but as 0. */
static inline long sys_mmap(size_t length)
{
	long result;

	asm volatile("push %%ebp\n\txor %%ebp, %%ebp\n\t"
		     "int $0x80\n\tpop %%ebp"
		     : "=a"(result)
		     : "0"(192), "b"(0), "c"(length), "d"(3 /* read, write */),
		       "S"(0x22 /* private, anonymous */), "D"(-1) : "memory");
	return result;
}

#define sys0(number)		sys5(number, 0, 0, 0, 0, 0)
#define sys1(number, a)		sys5(number, (long)(a), 0, 0, 0, 0)
#define sys2(number, a, b)	sys5(number, (long)(a), (long)(b), 0, 0, 0)
#define sys3(number, a, b, c)	\
	sys5(number, (long)(a), (long)(b), (long)(c), 0, 0)

#define sys_exit(status)	sys1(1, status)
#define sys_fork()		sys0(2)
#define sys_read(fd, p, n)	sys3(3, fd, p, n)
#define sys_write(fd, p, n)	sys3(4, fd, p, n)
#define sys_open(name, flags)	sys3(5, name, flags, 0600)
#define sys_close(fd)		sys1(6, fd)
#define sys_wait(pid)		sys3(7, pid, NULL, 0)
#define sys_unlink(name)	sys1(10, name)
#define sys_exec(file, argv, env)	sys3(11, file, argv, env)
#define sys_lseek(fd, to)	sys3(19, fd, to, 0)
#define sys_getpid()		sys0(20)
#define sys_mount(type, dir)	sys5(21, (long)"none", (long)(dir), \
				     (long)(type), 0, 0)
#define sys_mkdir(name)		sys2(39, name, 0700)
#define sys_pipe(fds)		sys1(42, fds)
#define sys_ioctl(fd, request, arg)	sys3(54, fd, request, arg)
#define sys_dup2(from, to)	sys2(63, from, to)
#define sys_getppid()		sys0(64)
#define sys_gettimeofday(tv)	sys2(78, tv, NULL)
#define sys_reboot(how)		sys3(88, 0xfee1dead, 672274793, how)
#define sys_munmap(p, n)	sys2(91, p, n)
#define sys_nanosleep(time)	sys2(162, time, NULL)
#define sys_drain(fd)		sys_ioctl(fd, 0x5409 /* TCSBRK */, 1)
#define sys_socketcall(which, args)	sys2(102, which, args)

static inline u64 rdtsc(void)
{
	u64 t;

	asm volatile("rdtsc" : "=A"(t));
	return t;
}

size_t text_length(const char *s);
int text_starts(const char *s, const char *with);
#define NUMBER_SIZE	24
const char *number_text(char text[NUMBER_SIZE], u64 n,
			unsigned int decimals);
void print(const char *s);
void print_number(u64 n, unsigned int decimals);

/* need(CONDITION): gives up if it does not hold, and says where that was. */
#define need(condition) \
	((condition) ? (void)0 : give_up(#condition, __FILE__, __LINE__))
void __noreturn give_up(const char *what, const char *file,
			unsigned int line);
void power_off(int how);

void start(long *stack);
int main(int argc, char **argv);

#endif
