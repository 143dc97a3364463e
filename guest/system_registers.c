// SPDX-License-Identifier: GPL-2.0
/*
 * Direct access to system registers (SDM volume 3, section 2.1.6). A guest's kernel
 * makes hypercalls in place of most. Of the rest, distributions' kernels execute
 * these before they have a handler for the #GP: the decompressor looks at CR0, the
 * loader of microcode at MSRs, and Linux 4.4 at CR4. Once there is a handler, it is
 * the guest's own business, which the exception table of its kernel settles. But lidt
 * comes last of all: a reset by the BIOS begins with it.
 */
#include <linux/mm.h>

#include "../lg.h"
#include "gates.h"
#include "insn.h"

#define MOV_FROM_CR		0x20
#define MOV_FROM_DR		0x21
#define MOV_TO_CR		0x22
#define WRMSR			0x30
#define RDMSR			0x32
#define RDPMC			0x33
#define GROUP_7			0x01	/* lidt is its /3, with an operand in memory */

/* The MSR by which a CPU flushes its branch predictors, on AMD's from Linux 4.4 on */
#define PRED_CMD		0x49

/* PG, AM, WP, NE, ET, MP and PE: as Linux has it on any PC */
#define CR0			0x80050033
#define CR0_PG			BIT(31)
#define CR0_PE			BIT(0)

#define DR6_RESET		0xffff0ff0
#define DR7_RESET		0x400

static unsigned int register_of(u8 modrm)
{
	return modrm >> 3 & 7;
}

/* A guest has no paging of its own yet, and so no CR3. CR4 reads as on an old PC. */
static bool read_control_register(struct lg_regs *regs, u8 modrm)
{
	switch (register_of(modrm)) {
	case 0:
		*lg_register(regs, modrm) = CR0;
		return true;
	case 2:
	case 3:
	case 4:
		*lg_register(regs, modrm) = 0;
		return true;
	default:
		return false;
	}
}

/*
 * What the guest sets has no effect, so it may only set what need have none. Linux
 * writes CR2 and CR3 also when it wakes from hibernation, with handlers but with no entry
 * in its exception table. It can't go on then, as the Launcher's devices are new.
 */
static bool write_control_register(struct lguest *lg, u8 modrm, bool has_handler)
{
	u32 value = *lg_register(lg->regs, modrm);

	switch (register_of(modrm)) {
	case 0:
		return !has_handler && value & CR0_PG && value & CR0_PE;
	case 2:
		return true;
	case 3:
		if (has_handler)
			lg_kill(lg, "wrote CR3, as on waking from hibernation: boot with noresume");
		return has_handler;
	case 4:
		return !has_handler;
	default:
		return false;
	}
}

/*
 * A guest can't set them, so they are as after a reset (SDM volume 3, table 9-1). But its
 * handler of debug exceptions learns from DR6 that there was a step. lguest's own way to
 * clear that tells the host nothing, so what is there is of the last exception alone. 4 and
 * 5 are other names of 6 and 7.
 */
static void read_debug_register(struct lg_regs *regs, u8 modrm)
{
	u32 *value = lg_register(regs, modrm);

	switch (register_of(modrm)) {
	case 4:
	case 6:
		*value = DR6_RESET | (regs->dr6 & LG_DR6_STEP);
		break;
	case 5:
	case 7:
		*value = DR7_RESET;
		break;
	default:
		*value = 0;
	}
}

/*
 * Linux sets its IDT by hypercalls, but on its way to real mode, from where it would have
 * the BIOS reset the machine (reboot=b, from 2.6.39 on).
 */
static bool is_lidt(u8 modrm)
{
	return register_of(modrm) == 3 && modrm < 0xc0;
}

/**
 * lg_emulate_system_register() - do what a guest's kernel does to a system register
 * @lg: the guest, in ring 1 at an instruction that faulted; its own task calls
 * @opcode: the byte behind 0x0f
 * @modrm: the byte behind that, for those that have one
 *
 * Return: true if it was emulated; false if the fault is the guest's own.
 */
bool lg_emulate_system_register(struct lguest *lg, u8 opcode, u8 modrm)
{
	bool has_handler = lg_gate_present(&lg->idt[LG_TRAP_GP]);
	struct lg_regs *regs = lg->regs;

	switch (opcode) {
	case MOV_FROM_CR:
		return !has_handler && read_control_register(regs, modrm);
	case MOV_TO_CR:
		return write_control_register(lg, modrm, has_handler);
	case MOV_FROM_DR:
		read_debug_register(regs, modrm);
		return true;
	case RDMSR:
		if (has_handler)
			return false;
		regs->eax = 0;
		regs->edx = 0;
		return true;
	case WRMSR:
		/*
		 * Linux has no entry in its exception table for this one. Where the host
		 * flushes at all, coming here has done it (ibpb=).
		 */
		return !has_handler || regs->ecx == PRED_CMD;
	case RDPMC:
		/* Nor for the counters of AMD's northbridge. A guest has none. */
		regs->eax = 0;
		regs->edx = 0;
		return true;
	case GROUP_7:
		if (!has_handler || !is_lidt(modrm))
			return false;
		lg_restart(lg);
		return true;
	default:
		return false;
	}
}
