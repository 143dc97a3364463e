/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MACRO_TYPES_H
#define MACRO_TYPES_H

typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define __noreturn	__attribute__((__noreturn__))
#define __aligned(n)	__attribute__((__aligned__(n)))

#define WRITE_ONCE(x, value)	(*(volatile typeof(x) *)&(x) = (value))

#endif
