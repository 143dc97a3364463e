// SPDX-License-Identifier: GPL-2.0
/*
 * SGDT, SIDT, SLDT, STR and SMSW. With UMIP they are faults in rings 1 to 3, lest they
 * tell where the host has its tables. Programs of old executed them, so they get what
 * the kernel's own emulation says (arch/x86/kernel/umip.c), whatever the host is.
 */
#include <linux/string.h>

#include "../lg.h"
#include "insn.h"
#include "umip.h"

/* UMIP_DUMMY_GDT_BASE, UMIP_DUMMY_IDT_BASE and CR0_STATE there */
#define GDT_BASE	0xfffe0000
#define IDT_BASE	0xffff0000
#define MSW		0x80050033
/* GDT_ENTRY_TSS of i386 */
#define TSS_SELECTOR	0x80

/* What an instruction stores */
struct value {
	u32 word;
	bool table;		/* a limit of 0, and @word as the base */
};

static bool find_value(u8 opcode, u8 modrm, struct value *value)
{
	u8 reg = modrm >> 3 & 7;
	bool memory = modrm < 0xc0;

	value->table = false;
	if (opcode == 0x00 && reg < 2) {
		value->word = reg ? TSS_SELECTOR : 0;
		return true;
	}
	if (opcode != 0x01)
		return false;
	if (reg == 4) {
		value->word = MSW;
		return true;
	}
	value->word = reg ? IDT_BASE : GDT_BASE;
	value->table = true;
	return reg < 2 && memory;
}

/**
 * lg_decode_umip() - whether the guest is at one of the five, and what it stores
 * @lg: the guest, at an instruction that faulted, on a CPU with UMIP; its own task
 *	calls
 * @store: what the caller has to do for it
 *
 * Context: may sleep.
 * Return: true if it is.
 */
bool lg_decode_umip(struct lguest *lg, struct lg_store *store)
{
	u8 opcode, modrm;
	struct value value;
	struct lg_insn insn;

	memset(store, 0, sizeof(*store));
	if (!lg_decode_insn(lg, &insn) || insn.opcode != 0x0f ||
	    !lg_next_bytes(lg, &insn, &opcode, sizeof(opcode)) || opcode > 0x01 ||
	    !lg_next_bytes(lg, &insn, &modrm, sizeof(modrm)) ||
	    !find_value(opcode, modrm, &value))
		return false;
	if (modrm >= 0xc0) {
		store->reg = lg_register(lg->regs, modrm);
		store->len = insn.operand16 ? sizeof(u16) : sizeof(u32);
	} else {
		store->len = value.table ? sizeof(store->bytes) : sizeof(u16);
		if (!lg_decode_memory(lg, &insn, modrm, &store->gva))
			return false;
	}
	memcpy(store->bytes + (value.table ? sizeof(u16) : 0), &value.word,
	       sizeof(value.word));
	store->insn_len = insn.len;
	return true;
}
