/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For code that runs before there are page tables. It lives in files named
 * *early.c, which are linked where they are loaded. It may call nothing outside
 * of them, and reaches the kernel's variables by early().
 */
#ifndef GUEST_EARLY_H
#define GUEST_EARLY_H

#include "layout.h"
#include "types.h"

struct boot_regs {
	u32 eax, ebx, ecx, edx, esi, edi, ebp, esp;
	u32 eflags;
	u32 cs, ds, es, ss, fs, gs;
};

/* This is linked where it is loaded: all other code adds KERNEL_BASE, see va(). */
extern struct boot_regs boot_regs;

/* The address of a kernel variable while linear addresses are physical */
#define early(symbol) \
	((typeof(symbol) *)((u32)&(symbol) - KERNEL_BASE))

/* A guest may define this; it is called before LGUEST_INIT. */
void guest_early(void);

u32 early_ram_size(void);
const char *early_command_line(void);

#endif /* GUEST_EARLY_H */
