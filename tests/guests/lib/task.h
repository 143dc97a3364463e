/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ring 3: a task is an address space, a kernel stack, and one thread. The
 * boot context is task 0, which never leaves ring 1.
 */
#ifndef GUEST_TASK_H
#define GUEST_TASK_H

#include "paging.h"
#include "segments.h"
#include "traps.h"
#include "types.h"

#define MAX_TASKS	8
#define TLS_ENTRIES	3

/* How a task ended: by itself, or by the trap that info tells of. */
struct task_end {
	bool exited;
	u32 code;
	struct trap_info info;
};

struct task {
	/* First: FXSAVE wants it aligned. */
	u8 fpu[512] __aligned(16);
	bool used, done, fpu_used;
	u32 id;
	u32 esp;
	u8 *stack;
	pte_t *top;
	struct desc tls[TLS_ENTRIES];
	/* Ring 3's own page fault handler, and what it interrupted. */
	u32 handler;
	bool in_handler;
	struct regs interrupted;
	u32 switches, faults;
	struct task_end end;
};

void task_init(void);

/* A new task, which calls entry(arg) in ring 3. */
struct task *task_new(void (*entry)(u32 arg), u32 arg);
/* Waits until it ends, and frees it. */
void task_wait(struct task *task, struct task_end *end);
/* Both of these in one. */
void task_run(void (*entry)(u32 arg), u32 arg, struct task_end *end);
void task_kill(struct task *task);
struct task *current_task(void);

void task_yield(void);
/* For trap(). */
void task_preempt(void);
bool task_trap(struct regs *regs, const struct trap_info *info);

/* A fresh page of the task's own at @addr; false if there is no memory. */
bool task_map(struct task *task, u32 addr, u32 flags);

/* No task owns the FPU's registers any more. The caller has interrupts off. */
void fpu_forget(void);

#endif /* GUEST_TASK_H */
