/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For programs in ring 3. They live in files named *-user.c, which are linked at
 * USER_BASE and may call nothing outside of them.
 */
#ifndef GUEST_USER_H
#define GUEST_USER_H

#include "layout.h"
#include "types.h"

#define SYS_EXIT	0
#define SYS_WRITE	1
#define SYS_NOTHING	2
#define SYS_YIELD	3
#define SYS_UPTIME_MS	4
/* Have page faults sent to void handler(u32 address, u32 error). */
#define SYS_HANDLER	5
/* End of such a handler: go on with what faulted. */
#define SYS_RESUME	6
/* Have a page mapped at this address, 1 for writable. */
#define SYS_MAP		7
#define SYS_SWITCHES	8

static inline u32 syscall(u32 nr, u32 a1, u32 a2)
{
	asm volatile("int %[vector]"
		     : "+a"(nr)
		     : [vector] "i"(SYSCALL_VECTOR), "b"(a1), "c"(a2)
		     : "memory");
	return nr;
}

static inline void sys_exit(u32 code)
{
	syscall(SYS_EXIT, code, 0);
	__builtin_unreachable();
}

static inline void sys_write(const char *s)
{
	u32 len = 0;

	while (READ_ONCE(s[len]))
		len++;
	syscall(SYS_WRITE, (u32)s, len);
}

#endif /* GUEST_USER_H */
