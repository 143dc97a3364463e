// SPDX-License-Identifier: GPL-2.0
#include "console.h"
#include "hypercall.h"
#include "irq.h"
#include "layout.h"
#include "printf.h"
#include "task.h"
#include "traps.h"

static trap_hook_fn *hooks[256];
static struct trap_info *try_info;

void set_gate_to(u32 vector, void (*handler)(void), u32 type, u32 dpl)
{
	u32 addr = (u32)handler;

	hcall3(LHCALL_LOAD_IDT_ENTRY, vector,
	       KERNEL_CS << 16 | (addr & 0xffff),
	       (addr & 0xffff0000) | 0x8000 | dpl << 13 | type << 8);
}

void set_gate(u32 vector, u32 type, u32 dpl)
{
	set_gate_to(vector, (void (*)(void))(trap_stubs + vector * 16),
		    type, dpl);
}

void clear_gate(u32 vector)
{
	hcall3(LHCALL_LOAD_IDT_ENTRY, vector, 0, GATE_INTERRUPT << 8);
}

void traps_init(void)
{
	u32 vector;

	for (vector = 0; vector < 32; vector++) {
		bool user = vector == TRAP_BP || vector == TRAP_OF;

		set_gate(vector, GATE_INTERRUPT, user ? 3 : 0);
	}
	set_gate(SYSCALL_VECTOR, GATE_TRAP, 3);
}

void trap_hook(u32 vector, trap_hook_fn *hook)
{
	hooks[vector] = hook;
}

void print_regs(const struct regs *r, u32 cr2)
{
	printf("# trap %u error %x at %02x:%08x flags %08x cr2 %08x\n",
	       r->vector, r->error, r->cs, r->eip, r->eflags, cr2);
	printf("# eax %08x ebx %08x ecx %08x edx %08x\n",
	       r->eax, r->ebx, r->ecx, r->edx);
	printf("# esi %08x edi %08x ebp %08x esp %08x\n",
	       r->esi, r->edi, r->ebp,
	       from_user(r) ? r->esp : (u32)&r->esp);
}

void panic(const char *fmt, ...)
{
	/* The host reads this whole array, whatever the message's length. */
	static char message[128];
	va_list args;

	irq_disable();
	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	console_panic();
	printf("\npanic: %s\n", message);
	shutdown(message, SHUTDOWN_POWEROFF);
}

bool try_call(void (*fn)(void *arg), void *arg, struct trap_info *info)
{
	struct trap_info unused, *outer = try_info;
	bool trapped;

	try_info = info ? info : &unused;
	trapped = __try_call(fn, arg);
	try_info = outer;
	return trapped;
}

static void take_info(struct trap_info *info, struct regs *regs, u32 cr2,
		      u32 flags)
{
	/* From ring 1, the frame ends before esp. */
	info->regs = *regs;
	if (!from_user(regs)) {
		info->regs.esp = (u32)&regs->esp;
		info->regs.ss = KERNEL_DS;
	}
	info->cr2 = cr2;
	info->frame = regs;
	info->handler_flags = flags;
	info->irq_enabled = READ_ONCE(lguest_data.irq_enabled);
}

void trap(struct regs *regs)
{
	u32 cr2 = READ_ONCE(lguest_data.cr2), flags = trap_flags;
	u32 vector = regs->vector;
	struct trap_info info;

	if (hooks[vector] && hooks[vector](regs))
		return;

	if (vector >= IRQ_VECTOR(0) && vector < IRQ_VECTOR(NR_IRQS)) {
		irq_handle(vector - IRQ_VECTOR(0), regs);
		if (from_user(regs))
			task_preempt();
		return;
	}

	take_info(&info, regs, cr2, flags);
	if (task_trap(regs, &info))
		return;
	if (!from_user(regs) && try_esp) {
		*try_info = info;
		irq_restore(regs->eflags & FLAGS_IF);
		try_abort();
	}
	console_panic();
	print_regs(regs, cr2);
	panic("unexpected trap %u at %08x", vector, regs->eip);
}
