/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GUEST_TRAPS_H
#define GUEST_TRAPS_H

#include "types.h"

#define TRAP_DE		0
#define TRAP_DB		1
#define TRAP_BP		3
#define TRAP_OF		4
#define TRAP_BR		5
#define TRAP_UD		6
#define TRAP_NM		7
#define TRAP_NP		11
#define TRAP_SS		12
#define TRAP_GP		13
#define TRAP_PF		14
#define TRAP_MF		16
#define TRAP_AC		17
#define TRAP_XM		19

#define GATE_INTERRUPT	0xe
#define GATE_TRAP	0xf

/* What entry.S leaves on the stack; esp and ss only if ring 3 was running. */
struct regs {
	u32 ebx, ecx, edx, esi, edi, ebp, eax;
	u32 ds, es, fs, gs;
	u32 vector, error;
	u32 eip, cs, eflags;
	u32 esp, ss;
};

/* A trap that was not fatal. If it came from ring 1, esp is the frame's end. */
struct trap_info {
	struct regs regs;
	u32 cr2;
	struct regs *frame;
	u32 handler_flags;
	u32 irq_enabled;
};

/* Returns true if nothing is left to do, false for the default action. */
typedef bool trap_hook_fn(struct regs *regs);

static inline bool from_user(const struct regs *regs)
{
	return (regs->cs & 3) == 3;
}

void traps_init(void);
/* Call @hook before what usually happens at @vector; NULL ends that. */
void trap_hook(u32 vector, trap_hook_fn *hook);

/* Make a gate of this type and DPL, to the default stub or to any handler. */
void set_gate(u32 vector, u32 type, u32 dpl);
void set_gate_to(u32 vector, void (*handler)(void), u32 type, u32 dpl);
void clear_gate(u32 vector);

/*
 * Call @fn. If it traps, return true at once, with interrupts as they were at
 * the trap, and *@info filled in.
 */
bool try_call(void (*fn)(void *arg), void *arg, struct trap_info *info);

void print_regs(const struct regs *regs, u32 cr2);
void panic(const char *fmt, ...) __noreturn __printf(1, 2);

/*
 * Assembly with FLAGS_TF set, which is the operand [tf]. The first instruction makes the
 * first step, and the popfl behind them the last.
 */
#define SINGLE_STEPPED(insns)	\
	"pushfl\n"		\
	"pushfl\n"		\
	"orl %[tf], (%%esp)\n"	\
	"popfl\n"		\
	insns			\
	"popfl\n"

/* What entry.S defines, and what only it and traps.c use of each other. */
void trap_exit(void);
void switch_stacks(u32 *save, u32 load);
u32 noirq_spin(u64 until);
bool __try_call(void (*fn)(void *arg), void *arg);
void try_abort(void) __noreturn;
void trap(struct regs *regs);
extern u8 trap_stubs[], noirq_start[], noirq_end[];
extern u32 try_esp, trap_flags;

#endif /* GUEST_TRAPS_H */
