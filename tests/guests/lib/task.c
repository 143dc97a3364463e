// SPDX-License-Identifier: GPL-2.0
#include "alloc.h"
#include "clock.h"
#include "console.h"
#include "hypercall.h"
#include "irq.h"
#include "sections.h"
#include "string.h"
#include "task.h"
#include "user.h"

static u8 stacks[MAX_TASKS][KSTACK_SIZE] __aligned(KSTACK_SIZE);
static struct task tasks[MAX_TASKS];
static struct task *current = &tasks[0];
/* The task whose values are in the FPU's registers. */
static struct task *fpu_owner;
static bool ts;
/* The task that task 0 waits for. Until that ends, task 0 needs no CPU. */
static struct task *awaited;

struct task *current_task(void)
{
	return current;
}

/* Where entry() returns to, if it does: code that exits. */
static u32 user_return(void)
{
	return USER_STACK_TOP - 64;
}

static void set_ts(bool set)
{
	if (ts == set)
		return;
	ts = set;
	async_hcall(LHCALL_TS, set, 0, 0, 0);
}

void fpu_forget(void)
{
	fpu_owner = NULL;
	set_ts(false);
	hcall0(LHCALL_FLUSH_ASYNC);
}

/* Ring 3 met TS: only now switch the FPU's registers. */
static void fpu_take(void)
{
	static const u32 mxcsr = 0x1f80;

	set_ts(false);
	hcall0(LHCALL_FLUSH_ASYNC);
	if (fpu_owner == current)
		return;
	if (fpu_owner)
		asm volatile("fxsave %0" : "=m"(fpu_owner->fpu));
	if (current->fpu_used) {
		asm volatile("fxrstor %0" : : "m"(current->fpu));
	} else {
		asm volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
		current->fpu_used = true;
	}
	fpu_owner = current;
}

static void switch_to(struct task *next)
{
	struct task *prev = current;

	if (next == prev)
		return;
	current = next;
	next->switches++;
	/* One exit for all of it. */
	if (next->top != current_top())
		load_top_lazy(next->top);
	if (next->stack) {
		async_hcall(LHCALL_SET_STACK, KERNEL_DS,
			    (u32)next->stack + KSTACK_SIZE,
			    KSTACK_SIZE / PAGE_SIZE, 0);
		async_hcall(LHCALL_LOAD_TLS, pa(next->tls), 0, 0, 0);
		set_ts(fpu_owner != next);
	}
	hcall0(LHCALL_FLUSH_ASYNC);
	switch_stacks(&prev->esp, next->esp);
}

static struct task *next_task(void)
{
	u32 i, n = current - tasks;

	if (awaited && awaited->done)
		return tasks;
	for (i = 1; i <= MAX_TASKS; i++) {
		struct task *task = &tasks[(n + i) % MAX_TASKS];

		if (task != tasks && task->used && !task->done)
			return task;
	}
	return tasks;
}

void task_yield(void)
{
	u32 flags = irq_save();

	switch_to(next_task());
	irq_restore(flags);
}

void task_preempt(void)
{
	/* Called for an interrupt of ring 3; ring 1 is not preempted. */
	switch_to(next_task());
}

bool task_map(struct task *task, u32 addr, u32 flags)
{
	void *page = alloc_page();

	if (!page)
		return false;
	set_pte(task->top, addr & PAGE_MASK, pa(page) | flags | PTE_OWNED);
	return true;
}

static void map_program(struct task *task)
{
	u32 addr, from = (u32)user_pa;

	for (addr = (u32)user_text; addr < (u32)user_end; addr += PAGE_SIZE) {
		u32 source = addr - USER_BASE + from;
		pte_t *pte;

		if (addr < (u32)user_data) {
			set_pte_lazy(task->top, addr, source | PTE_P | PTE_U);
			continue;
		}
		if (!task_map(task, addr, PTE_USER))
			panic("no memory for a program");
		pte = pte_entry(task->top, addr);
		memcpy(va((u32)*pte & PAGE_MASK), va(source), PAGE_SIZE);
	}
	for (addr = USER_STACK_TOP - USER_STACK_SIZE; addr < USER_STACK_TOP;
	     addr += PAGE_SIZE)
		if (!task_map(task, addr, PTE_USER))
			panic("no memory for a stack");
}

struct task *task_new(void (*entry)(u32 arg), u32 arg)
{
	/* movl %eax, %ebx; movl $SYS_EXIT, %eax; int $SYSCALL_VECTOR */
	static const u8 code[] = {
		0x89, 0xc3, 0xb8, SYS_EXIT, 0, 0, 0, 0xcd, SYSCALL_VECTOR,
	};
	u32 start[2] = { user_return(), arg };
	struct task *task;
	struct regs *regs;
	u32 *stack;
	u32 i;

	for (i = 1; i < MAX_TASKS && tasks[i].used; i++)
		;
	if (i == MAX_TASKS)
		panic("too many tasks");
	task = &tasks[i];
	memset(task, 0, sizeof(*task));
	task->id = i;
	task->top = top_new();
	task->stack = stacks[i];
	map_program(task);
	copy_to_user(task->top, user_return(), code, sizeof(code));
	copy_to_user(task->top, user_return() - sizeof(start), start,
		     sizeof(start));

	regs = (struct regs *)(task->stack + KSTACK_SIZE) - 1;
	memset(regs, 0, sizeof(*regs));
	regs->ds = USER_DS;
	regs->es = USER_DS;
	regs->eip = (u32)entry;
	regs->cs = USER_CS;
	regs->eflags = FLAGS_IF | FLAGS_FIXED;
	regs->esp = user_return() - sizeof(start);
	regs->ss = USER_DS;
	stack = (u32 *)regs - 5;
	memset(stack, 0, 4 * sizeof(*stack));
	stack[4] = (u32)trap_exit;
	task->esp = (u32)stack;
	task->used = true;
	return task;
}

static void task_free(struct task *task)
{
	if (fpu_owner == task)
		fpu_owner = NULL;
	top_free(task->top);
	task->used = false;
}

void task_kill(struct task *task)
{
	task_free(task);
}

void task_wait(struct task *task, struct task_end *end)
{
	u32 flags = irq_save();

	awaited = task;
	while (!task->done)
		switch_to(next_task());
	awaited = NULL;
	*end = task->end;
	irq_restore(flags);
	task_free(task);
}

void task_run(void (*entry)(u32 arg), u32 arg, struct task_end *end)
{
	task_wait(task_new(entry, arg), end);
}

static void end_task(const struct task_end *end)
{
	irq_disable();
	current->end = *end;
	current->done = true;
	switch_to(next_task());
	panic("task %u is back from the dead", current->id);
}

static u32 write_console(u32 addr, u32 len)
{
	char buf[128];

	while (len) {
		u32 n = min_t(u32, len, sizeof(buf));

		if (!copy_from_user(current->top, buf, addr, n))
			return ~0u;
		console_write(buf, n);
		addr += n;
		len -= n;
	}
	return 0;
}

static bool in_heap(u32 addr)
{
	return addr - USER_HEAP < USER_HEAP_SIZE;
}

static bool user_map(u32 addr, bool writable)
{
	u32 flags = PTE_P | PTE_U | (writable ? PTE_W : 0);
	pte_t *pte;

	if (addr >= USER_STACK_TOP)
		return false;
	pte = pte_entry(current->top, addr);
	if (!pte || !(*pte & PTE_P))
		return task_map(current, addr, flags);
	if (!(*pte & PTE_OWNED))
		return false;
	set_pte(current->top, addr & PAGE_MASK,
		(*pte & ~(pte_t)PTE_W) | flags);
	return true;
}

static void syscall_trap(struct regs *regs)
{
	struct task_end end = { .exited = true, .code = regs->ebx };

	switch (regs->eax) {
	case SYS_EXIT:
		end_task(&end);
		break;
	case SYS_WRITE:
		regs->eax = write_console(regs->ebx, regs->ecx);
		break;
	case SYS_NOTHING:
		break;
	case SYS_YIELD:
		task_yield();
		break;
	case SYS_UPTIME_MS:
		regs->eax = div_u64(clock_ns(), NSEC_PER_MSEC);
		break;
	case SYS_HANDLER:
		current->handler = regs->ebx;
		break;
	case SYS_RESUME:
		if (current->in_handler)
			*regs = current->interrupted;
		current->in_handler = false;
		break;
	case SYS_MAP:
		regs->eax = user_map(regs->ebx, regs->ecx);
		break;
	case SYS_SWITCHES:
		regs->eax = current->switches;
		break;
	default:
		regs->eax = ~0u;
	}
}

/* Call ring 3's handler as a C function that has nowhere to return to. */
static bool call_handler(struct regs *regs, u32 cr2)
{
	u32 frame[3] = { 0, cr2, regs->error };
	u32 esp = (regs->esp - sizeof(frame)) & -16u;

	if (!current->handler || current->in_handler)
		return false;
	/* As after a call: the arguments are aligned, not the return address */
	esp -= 4;
	if (!copy_to_user(current->top, esp, frame, sizeof(frame)))
		return false;
	current->interrupted = *regs;
	current->in_handler = true;
	regs->esp = esp;
	regs->eip = current->handler;
	return true;
}

bool task_trap(struct regs *regs, const struct trap_info *info)
{
	struct task_end end = { .info = *info };

	if (!from_user(regs))
		return false;
	switch (regs->vector) {
	case SYSCALL_VECTOR:
		syscall_trap(regs);
		return true;
	case TRAP_NM:
		fpu_take();
		return true;
	case TRAP_PF:
		current->faults++;
		if (!(regs->error & PF_P) && in_heap(info->cr2) &&
		    task_map(current, info->cr2, PTE_USER))
			return true;
		if (call_handler(regs, info->cr2))
			return true;
		break;
	}
	end_task(&end);
	return true;
}

void task_init(void)
{
	tasks[0].used = true;
	tasks[0].top = kernel_top;
}
