// SPDX-License-Identifier: GPL-2.0
#include "alloc.h"
#include "console.h"
#include "demo.h"
#include "printf.h"
#include "string.h"
#include "task.h"
#include "traps.h"

static const char * const trap_names[] = {
	[TRAP_DE] = "divide error",
	[TRAP_DB] = "debug",
	[TRAP_BP] = "breakpoint",
	[TRAP_OF] = "overflow",
	[TRAP_BR] = "bound",
	[TRAP_UD] = "invalid opcode",
	[TRAP_NP] = "segment not present",
	[TRAP_SS] = "stack segment",
	[TRAP_GP] = "general protection",
	[TRAP_PF] = "page fault",
	[TRAP_MF] = "x87",
	[TRAP_AC] = "alignment",
	[TRAP_XM] = "SSE",
};

static void report(const struct task_end *end)
{
	const struct regs *regs = &end->info.regs;
	const char *name = NULL;

	if (end->exited) {
		printf("the program ended by itself, with %u\n", end->code);
		return;
	}
	if (regs->vector < ARRAY_SIZE(trap_names))
		name = trap_names[regs->vector];
	printf("the program was stopped by trap %u, %s, at %08x", regs->vector,
	       name ? name : "unnamed", regs->eip);
	if (regs->vector == TRAP_PF)
		printf(": %s of %08x, which is %s\n",
		       regs->error & PF_W ? "write" : "read", end->info.cr2,
		       regs->error & PF_P ? "protected" : "not there");
	else
		printf(", error code %x\n", regs->error);
}

static void null_deref(void *arg)
{
	WRITE_ONCE(*(u32 *)arg, 1);
}

/* The kernel itself goes wrong, but was ready for it. */
static void kernel_fault(void)
{
	struct trap_info info;

	if (try_call(null_deref, (void *)8, &info))
		printf("trap %u at %08x, error code %x, address %08x: survived\n",
		       info.regs.vector, info.regs.eip, info.regs.error,
		       info.cr2);
}

static void die(void)
{
	printf("no handler for invalid opcodes any more, and here is one\n");
	console_flush();
	clear_gate(TRAP_UD);
	asm volatile("ud2");
}

static const struct kind {
	const char *name, *help;
	void (*program)(u32 arg);
	u32 arg;
	void (*run)(void);
} kinds[] = {
	{ "demand", "touch 256 pages that come as they are touched",
	  prog_demand, 256, NULL },
	{ "handler", "a program that handles its own page faults",
	  prog_handler, 0, NULL },
	{ "write", "a program writes to its read-only text",
	  prog_write, 0, NULL },
	{ "null", "a program reads address 0", prog_null, 0, NULL },
	{ "kernel", "a program reads the kernel", prog_kernel, 0, NULL },
	{ "divide", "a program divides by 0", prog_divide, 0, NULL },
	{ "opcode", "a program runs what is no instruction",
	  prog_opcode, 0, NULL },
	{ "privileged", "a program wants interrupts off",
	  prog_privileged, 0, NULL },
	{ "int", "a program makes a hypercall", prog_int, 0, NULL },
	{ "ring1", "the kernel follows a null pointer", NULL, 0, kernel_fault },
	{ "die", "a trap with no handler; the host ends the guest",
	  NULL, 0, die },
};

void cmd_fault(const char *args)
{
	struct task_end end;
	u32 i, pages;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!*args) {
			printf("  %-11s %s\n", kinds[i].name, kinds[i].help);
			continue;
		}
		if (strcmp(args, kinds[i].name))
			continue;
		if (kinds[i].run) {
			kinds[i].run();
			return;
		}
		pages = free_pages();
		task_run(kinds[i].program, kinds[i].arg, &end);
		report(&end);
		if (free_pages() != pages)
			printf("%d pages were lost\n", pages - free_pages());
		return;
	}
	if (*args)
		printf("no such kind of fault; \"fault\" lists them\n");
}
