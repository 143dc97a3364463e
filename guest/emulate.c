// SPDX-License-Identifier: GPL-2.0
/*
 * The few instructions that a guest's kernel has not replaced and that fault
 * in ring 1. No ports are behind in and out: they read all-ones and write
 * nowhere, as on a bus without devices, so a guest's probing finds nothing
 * (ABI.md section 5). Only what resets a PC does so here, too, without a wait.
 */
#include <linux/minmax.h>
#include <linux/mm.h>

#include "../lg.h"
#include "insn.h"

#define FLAGS_DF	BIT(10)

#define INS		0x6c	/* and 0x6d, for words */

/* The keyboard controller: commands are written here, and its status is read. */
#define KBD_PORT	0x64
#define KBD_RESET	0xfe	/* the command "pulse output line 0" */
#define KBD_BUSY	BIT(1)	/* in the status: it has yet to take what was written */

static void all_ones(u32 *reg, u32 size)
{
	u32 mask = size == 4 ? U32_MAX : BIT(size * 8) - 1;

	*reg |= mask;
}

static void advance(u32 *reg, u32 mask, u32 by)
{
	*reg = (*reg & ~mask) | ((*reg + by) & mask);
}

/* Find the port of in and out: %dx, or the byte behind the opcode. */
static bool port_of(struct lguest *lg, struct lg_insn *insn, u16 *port)
{
	u8 imm;

	*port = lg->regs->edx;
	if (insn->opcode & 8)
		return true;
	if (!lg_next_bytes(lg, insn, &imm, sizeof(imm)))
		return false;
	*port = imm;
	return true;
}

/**
 * lg_resets_pc() - whether a write to a port resets a PC
 * @port: the port
 * @val: the byte that is written there
 *
 * Linux asks one of two for that: the keyboard controller, or the chipset's reset control
 * register, by RST_CPU.
 *
 * Return: true if so.
 */
bool lg_resets_pc(u16 port, u8 val)
{
	return (port == KBD_PORT && val == KBD_RESET) ||
	       (port == 0xcf9 && val & BIT(2));
}

/*
 * Before Linux writes to the keyboard controller, it reads the status, 10,000 times and
 * more, until that is not busy. Here it never is, as each write is done at once. It is
 * still no controller: it would have something to be read, always.
 */
static void read_port(struct lguest *lg, u16 port, u32 size)
{
	all_ones(&lg->regs->eax, size);
	if (port == KBD_PORT)
		lg->regs->eax &= ~KBD_BUSY;
}

/* Even opcodes move bytes, odd ones words. */
static u32 element_size(const struct lg_insn *insn)
{
	return insn->opcode & 1 ? (insn->operand16 ? 2 : 4) : 1;
}

/* Do in and out. Return false if the code can't be read. */
static bool port_io(struct lguest *lg, struct lg_insn *insn, u32 size)
{
	struct lg_regs *regs = lg->regs;
	u16 port;

	if (!port_of(lg, insn, &port))
		return false;
	if (!(insn->opcode & 2))
		read_port(lg, port, size);
	else if (size == 1 && lg_resets_pc(port, regs->eax))
		lg_restart(lg);
	return true;
}

static u32 address_mask(const struct lg_insn *insn)
{
	return insn->address16 ? U16_MAX : U32_MAX;
}

/* Has a repeated one no round left? */
static bool is_over(const struct lg_regs *regs, const struct lg_insn *insn)
{
	return insn->rep && !(regs->ecx & address_mask(insn));
}

/* Find where ins writes. Return false if ES is empty. */
static bool ins_address(struct lguest *lg, const struct lg_insn *insn, u32 *gva)
{
	*gva = lg_segment_base(lg, lg->regs->es) +
	       (lg->regs->edi & address_mask(insn));
	return lg->regs->es & ~3;
}

/**
 * lg_is_ins() - whether an ins is going to write to memory
 * @lg: the guest, in ring 1; its own task calls
 * @insn: the instruction that faulted, as lg_decode_insn() left it
 * @gva: set to the linear address where it does
 * @len: set to how many bytes
 *
 * Context: may sleep.
 * Return: true if it is one, and has a round to do.
 */
bool lg_is_ins(struct lguest *lg, const struct lg_insn *insn, u32 *gva, u32 *len)
{
	if ((insn->opcode & ~1) != INS || is_over(lg->regs, insn) ||
	    !ins_address(lg, insn, gva))
		return false;
	*len = element_size(insn);
	return true;
}

/*
 * Do ins and outs. With a repeat prefix this does one round, and the instruction
 * runs again for the rest, as it would after an interrupt. Return false if ins
 * can't write where it should.
 */
static bool string_io(struct lguest *lg, const struct lg_insn *insn, u32 size,
		      bool input, bool *again)
{
	static const u8 ones[4] = { 0xff, 0xff, 0xff, 0xff };
	struct lg_regs *regs = lg->regs;
	u32 mask = address_mask(insn);
	u32 gva, by = regs->eflags & FLAGS_DF ? -size : size;

	if (is_over(regs, insn))
		return true;
	if (input) {
		if (!ins_address(lg, insn, &gva) ||
		    !lg_write_linear(lg, gva, ones, size))
			return false;
		advance(&regs->edi, mask, by);
	} else {
		advance(&regs->esi, mask, by);
	}
	if (insn->rep) {
		advance(&regs->ecx, mask, -1);
		*again = regs->ecx & mask;
	}
	return true;
}

/* Do what begins with 0x0f. Return false if the fault is the guest's own. */
static bool two_byte_opcode(struct lguest *lg, struct lg_insn *insn)
{
	u8 opcode, modrm = 0;

	if (!lg_next_bytes(lg, insn, &opcode, sizeof(opcode)))
		return false;
	/* mov to and from CR and DR, and what lidt is one of */
	if (((opcode & ~3) == 0x20 || opcode == 0x01) &&
	    !lg_next_bytes(lg, insn, &modrm, sizeof(modrm)))
		return false;
	return lg_emulate_system_register(lg, opcode, modrm);
}

/*
 * Linux sleeps by a hypercall. Where it stops for good, it executes HLT itself, with
 * interrupts off.
 */
static void execute_hlt(struct lguest *lg)
{
	u32 enabled;

	if (!lg_data_irq_enabled(lg, &enabled))
		return;
	if (enabled)
		lg->halted = true;
	else
		lg_kill(lg, "halted with interrupts off, for good (eip %#llx)",
			lg->regs->eip);
}

/**
 * lg_emulate_insn() - do what a privileged instruction should have done
 * @lg: the guest, in ring 1; its own task calls
 * @insn: the instruction that faulted, as lg_decode_insn() left it
 *
 * Context: may sleep.
 * Return: true if it was emulated; false if the fault is the guest's own, or
 * with the guest dead.
 */
bool lg_emulate_insn(struct lguest *lg, struct lg_insn *insn)
{
	struct lg_regs *regs = lg->regs;
	u32 size = element_size(insn);
	bool again = false;

	switch (insn->opcode) {
	case 0xfa:				/* cli */
		break;
	case 0xf4:				/* hlt */
		execute_hlt(lg);
		break;
	case 0xe4: case 0xe5:			/* in imm8 */
	case 0xe6: case 0xe7:			/* out imm8 */
	case 0xec: case 0xed:			/* in %dx */
	case 0xee: case 0xef:			/* out %dx */
		if (!port_io(lg, insn, size))
			return false;
		break;
	case 0x6c: case 0x6d:			/* ins */
	case 0x6e: case 0x6f:			/* outs */
		if (!string_io(lg, insn, size, insn->opcode < 0x6e, &again))
			return false;
		break;
	case 0x0f:
		if (!two_byte_opcode(lg, insn))
			return false;
		break;
	default:
		return false;
	}
	if (!again)
		regs->eip = (u32)(regs->eip + insn->len);
	return true;
}

/* Are these bytes at EIP? Do not look behind one that differs: nothing may be there. */
static bool insn_is(struct lguest *lg, const u8 *bytes, u32 len)
{
	u32 at = lg_insn_address(lg), i;
	u8 byte;

	for (i = 0; i < len; i++) {
		if (!lg_read_linear(lg, at + i, &byte, 1) || byte != bytes[i])
			return false;
	}
	return true;
}

/**
 * lg_emulate_rdtsc() - do rdtsc or rdtscp, where the CPU's TSC has gone back
 * @lg: the guest, at an instruction that faulted; its own task calls
 * @tsc: what the guest is to read
 *
 * IA32_TSC_AUX, which rdtscp reads, too, is 0 here: CPU 0, which is all that a guest has.
 *
 * Context: may sleep.
 * Return: true; false if it is neither.
 */
bool lg_emulate_rdtsc(struct lguest *lg, u64 tsc)
{
	static const u8 rdtsc[] = { 0x0f, 0x31 }, rdtscp[] = { 0x0f, 0x01, 0xf9 };
	struct lg_regs *regs = lg->regs;
	u32 len;

	if (insn_is(lg, rdtsc, sizeof(rdtsc))) {
		len = sizeof(rdtsc);
	} else if (insn_is(lg, rdtscp, sizeof(rdtscp))) {
		len = sizeof(rdtscp);
		regs->ecx = 0;
	} else {
		return false;
	}
	regs->eax = lower_32_bits(tsc);
	regs->edx = upper_32_bits(tsc);
	regs->eip = (u32)(regs->eip + len);
	return true;
}

/**
 * lg_is_vmcall() - whether the guest is at a vmcall
 * @lg: the guest, at an undefined instruction; its own task calls
 *
 * Guests up to 2.6.33 use it for their hypercalls, and 2.6.35 for one of them. It
 * is undefined in compatibility mode, even where KVM runs (SDM volume 3, VMCALL).
 * Only a hypervisor below the host would take it for its own.
 *
 * Context: may sleep.
 * Return: true if it is.
 */
bool lg_is_vmcall(struct lguest *lg)
{
	static const u8 vmcall[3] = { 0x0f, 0x01, 0xc1 };

	return insn_is(lg, vmcall, sizeof(vmcall));
}
