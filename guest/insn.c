// SPDX-License-Identifier: GPL-2.0
/*
 * Decoding: the prefixes, the opcode's first byte, and what a ModRM byte names (SDM
 * volume 2, chapter 2).
 */
#include <linux/mm.h>
#include <linux/string.h>

#include "../lg.h"
#include "insn.h"

#define INSN_MAX	15		/* SDM volume 2, section 2.3.11 */

enum { EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI };

/**
 * lg_decode_insn() - read the prefixes and the opcode's first byte
 * @lg: the guest, at an instruction that faulted; its own task calls
 * @insn: what they say
 *
 * Context: may sleep.
 * Return: true; false if the code can't be read or has no end.
 */
bool lg_decode_insn(struct lguest *lg, struct lg_insn *insn)
{
	bool code16 = lg_segment_is_16bit(lg, lg->regs->cs);
	u32 at = lg_insn_address(lg);

	memset(insn, 0, sizeof(*insn));
	insn->operand16 = code16;
	insn->address16 = code16;
	while (insn->len < INSN_MAX) {
		u8 byte;

		if (!lg_read_linear(lg, at + insn->len++, &byte, 1))
			return false;
		switch (byte) {
		case 0x66:
			insn->operand16 = !code16;
			break;
		case 0x67:
			insn->address16 = !code16;
			break;
		case 0xf2:
		case 0xf3:
			insn->rep = true;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64:
		case 0x65:
			insn->segment = byte;
			break;
		default:
			insn->opcode = byte;
			return true;
		}
	}
	return false;
}

/**
 * lg_next_bytes() - read what follows
 * @lg: the guest; its own task calls
 * @insn: the instruction as far as it has been read
 * @to: where to
 * @len: bytes
 *
 * Context: may sleep.
 * Return: true; false if they can't be read, or make the instruction longer than any is.
 */
bool lg_next_bytes(struct lguest *lg, struct lg_insn *insn, void *to, u32 len)
{
	if (insn->len + len > INSN_MAX ||
	    !lg_read_linear(lg, lg_insn_address(lg) + insn->len, to, len))
		return false;
	insn->len += len;
	return true;
}

/**
 * lg_register() - a general register by its number
 * @regs: the guest's registers
 * @number: as in ModRM and SIB; bits above the lowest three don't matter
 *
 * Return: the register.
 */
u32 *lg_register(struct lg_regs *regs, u8 number)
{
	u32 *const registers[8] = {
		&regs->eax, &regs->ecx, &regs->edx, &regs->ebx,
		/* The guest has its lower half, which comes first in memory. */
		(u32 *)&regs->esp, &regs->ebp, &regs->esi, &regs->edi,
	};

	return registers[number & 7];
}

/* The segment of an access to memory */
static u32 selector_of(const struct lg_regs *regs, const struct lg_insn *insn,
		       bool of_stack)
{
	switch (insn->segment) {
	case 0x26:
		return regs->es;
	case 0x2e:
		return regs->cs;
	case 0x36:
		return regs->ss;
	case 0x3e:
		return regs->ds;
	case 0x64:
		return regs->fs;
	case 0x65:
		return regs->gs;
	default:
		return of_stack ? regs->ss : regs->ds;
	}
}

/* The displacement that follows, of one byte or of a whole address */
static bool add_displacement(struct lguest *lg, struct lg_insn *insn, u8 mod,
			     u32 *offset)
{
	s8 byte;
	u16 word;
	u32 dword;

	switch (mod) {
	case 0:
		return true;
	case 1:
		if (!lg_next_bytes(lg, insn, &byte, sizeof(byte)))
			return false;
		*offset += byte;
		return true;
	default:
		if (insn->address16) {
			if (!lg_next_bytes(lg, insn, &word, sizeof(word)))
				return false;
			*offset += word;
		} else {
			if (!lg_next_bytes(lg, insn, &dword, sizeof(dword)))
				return false;
			*offset += dword;
		}
		return true;
	}
}

/* SDM volume 2, table 2-1 */
static bool address_16(struct lguest *lg, struct lg_insn *insn, u8 modrm,
		       u32 *offset, bool *of_stack)
{
	static const u8 first[8] = { EBX, EBX, EBP, EBP, ESI, EDI, EBP, EBX };
	u8 mod = modrm >> 6, rm = modrm & 7;

	*offset = 0;
	*of_stack = false;
	if (!mod && rm == 6) {
		mod = 2;
	} else {
		*offset = *lg_register(lg->regs, first[rm]);
		*of_stack = first[rm] == EBP;
	}
	/* The first four have an index, too: SI or DI. */
	if (rm < 4)
		*offset += *lg_register(lg->regs, rm & 1 ? EDI : ESI);
	if (!add_displacement(lg, insn, mod, offset))
		return false;
	*offset &= U16_MAX;
	return true;
}

/* SDM volume 2, tables 2-2 and 2-3 */
static bool address_32(struct lguest *lg, struct lg_insn *insn, u8 modrm,
		       u32 *offset, bool *of_stack)
{
	u8 mod = modrm >> 6, base = modrm & 7, sib;

	*offset = 0;
	if (base == ESP) {
		if (!lg_next_bytes(lg, insn, &sib, sizeof(sib)))
			return false;
		base = sib & 7;
		/* ESP can't be an index. */
		if ((sib >> 3 & 7) != ESP)
			*offset = *lg_register(lg->regs, sib >> 3) << (sib >> 6);
	}
	*of_stack = false;
	if (!mod && base == EBP) {
		mod = 2;
	} else {
		*offset += *lg_register(lg->regs, base);
		*of_stack = base == ESP || base == EBP;
	}
	return add_displacement(lg, insn, mod, offset);
}

/**
 * lg_decode_memory() - find the memory that a ModRM byte names
 * @lg: the guest; its own task calls
 * @insn: the instruction, read up to that byte; what else belongs to the address is
 *	read, too
 * @modrm: that byte, whose mod is not 3
 * @gva: set to the linear address
 *
 * The segment's limit is not looked at.
 *
 * Context: may sleep.
 * Return: true; false if the code can't be read, or the segment register is empty.
 */
bool lg_decode_memory(struct lguest *lg, struct lg_insn *insn, u8 modrm, u32 *gva)
{
	u32 offset, selector;
	bool of_stack;

	if (!(insn->address16 ? address_16 : address_32)(lg, insn, modrm, &offset,
							 &of_stack))
		return false;
	selector = selector_of(lg->regs, insn, of_stack);
	*gva = lg_segment_base(lg, selector) + offset;
	return selector & ~3;
}
