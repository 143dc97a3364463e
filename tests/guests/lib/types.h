/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GUEST_TYPES_H
#define GUEST_TYPES_H

#include <linux/types.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define min(a, b)	((a) < (b) ? (a) : (b))
#define max(a, b)	((a) > (b) ? (a) : (b))
#define min_t(type, a, b) min((type)(a), (type)(b))
#define max_t(type, a, b) max((type)(a), (type)(b))

#define __packed	__attribute__((packed))
#define __aligned(n)	__attribute__((aligned(n)))
#define __noreturn	__attribute__((noreturn))
#define __printf(f, a)	__attribute__((format(printf, f, a)))
#define __weak		__attribute__((weak))

/* For words that the host, the Launcher or an interrupt changes under us. */
#define READ_ONCE(x)	 (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))

static inline void barrier(void)
{
	asm volatile("" : : : "memory");
}

/* The Launcher serves devices on other CPUs: it must see our accesses in order. */
static inline void mb(void)
{
	asm volatile("lock; addl $0, (%%esp)" : : : "memory");
}

#define static_assert	_Static_assert

#endif /* GUEST_TYPES_H */
