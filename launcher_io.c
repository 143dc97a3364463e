// SPDX-License-Identifier: GPL-2.0
/*
 * Ports and device pages that the Launcher emulates. Guests from 4.0 on look
 * for a PCI bus, which their Launchers play. Each access comes out of read(2)
 * as a struct lguest_pending. The Launcher looks at the guest's registers,
 * changes them, and reads on; or it has the guest take the fault.
 *
 * Older Launchers see nothing of this. Only a read(2) of exactly a struct
 * lguest_pending asks for records, and only a Launcher that named device pages
 * at LHREQ_INITIALIZE has them.
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include "guest/insn.h"
#include "guest/tables.h"
#include "lg.h"

/*
 * Launchers name a register by its offset in i386's struct user_regs_struct. This
 * says where struct lg_regs has each word of that.
 */
static const u16 registers[] = {
	offsetof(struct lg_regs, ebx),
	offsetof(struct lg_regs, ecx),
	offsetof(struct lg_regs, edx),
	offsetof(struct lg_regs, esi),
	offsetof(struct lg_regs, edi),
	offsetof(struct lg_regs, ebp),
	offsetof(struct lg_regs, eax),
	offsetof(struct lg_regs, ds),
	offsetof(struct lg_regs, es),
	offsetof(struct lg_regs, fs),
	offsetof(struct lg_regs, gs),
	offsetof(struct lg_regs, vector),	/* orig_eax: refused below */
	offsetof(struct lg_regs, eip),
	offsetof(struct lg_regs, cs),
	offsetof(struct lg_regs, eflags),
	offsetof(struct lg_regs, esp),
	offsetof(struct lg_regs, ss),
};

#define ORIG_EAX	11
/* General registers, EIP and ESP. The rest decides about rights. */
#define SETTABLE	(GENMASK(6, 0) | BIT(12) | BIT(15))

/* A guest has only the lower half of each, which comes first in memory. */
static u32 *register_at(struct lguest *lg, unsigned long offset, bool set)
{
	unsigned long nr = offset / sizeof(u32);

	if (offset % sizeof(u32) || nr >= ARRAY_SIZE(registers))
		return NULL;
	nr = array_index_nospec(nr, ARRAY_SIZE(registers));
	if (nr == ORIG_EAX || (set && !(BIT(nr) & SETTABLE)))
		return NULL;
	return (void *)lg->regs + registers[nr];
}

/**
 * lg_get_reg() - LHREQ_GETREG: the next read(2) is to return a register
 * @lg: the guest; its own task calls
 * @offset: of the register in i386's struct user_regs_struct
 *
 * Return: 0, or -EINVAL if there is none.
 */
int lg_get_reg(struct lguest *lg, unsigned long offset)
{
	const u32 *reg = register_at(lg, offset, false);

	if (!reg)
		return -EINVAL;
	lg->reg_value = *reg;
	lg->reg_wanted = true;
	return 0;
}

/**
 * lg_set_reg() - LHREQ_SETREG: change a register
 * @lg: the guest; its own task calls
 * @offset: of the register in i386's struct user_regs_struct
 * @value: its value
 *
 * Return: 0, or -EINVAL if there is none, or it may not be set: segment
 * registers and flags are not for the Launcher to change.
 */
int lg_set_reg(struct lguest *lg, unsigned long offset, u32 value)
{
	u32 *reg = register_at(lg, offset, true);

	if (!reg)
		return -EINVAL;
	*reg = value;
	return 0;
}

static void make_record(struct lguest *lg, u8 trap, u32 addr)
{
	lg->pending.trap = trap;
	lg->pending.addr = addr;
}

/* in and out */
static bool is_port_access(const u8 *insn)
{
	return (*insn & ~3) == 0xe4 || (*insn & ~3) == 0xec;
}

/* out of a byte, to the port behind the opcode or in DX */
static bool is_reset(const struct lg_regs *regs, const u8 *insn)
{
	switch (*insn) {
	case 0xe6:
		return lg_resets_pc(insn[1], regs->eax);
	case 0xee:
		return lg_resets_pc(regs->edx, regs->eax);
	default:
		return false;
	}
}

/**
 * lg_defer_port_access() - let the Launcher emulate what faulted, if it wants
 * @lg: the guest, in ring 1 at an instruction that faulted; its own task calls
 *
 * A reset of the machine is the host's to do: Linux's own Launchers ignore it.
 *
 * Context: may sleep.
 * Return: true if it is an access to a port, with its record in &lguest.pending;
 * false if the host is to emulate it, or with the guest dead.
 */
bool lg_defer_port_access(struct lguest *lg)
{
	const u8 *insn = lg->pending.insn;

	if (!lg->wants_records)
		return false;
	lg_fetch_insn(lg, lg->pending.insn, sizeof(lg->pending.insn));
	/* The one prefix that Launchers know. To a byte's access it means nothing. */
	if (*insn == 0x66)
		insn++;
	if (lg_is_dead(lg) || !is_port_access(insn) || is_reset(lg->regs, insn))
		return false;
	make_record(lg, LG_TRAP_GP, 0);
	return true;
}

/* Is it a mov of a register or a constant to that very address? Then read to its end. */
static bool decode_store(struct lguest *lg, struct lg_insn *insn, u32 gva)
{
	u8 modrm, constant[4];
	u32 at, size = 0;

	if (!lg_decode_insn(lg, insn))
		return false;
	switch (insn->opcode) {
	case 0x88: case 0x89:
		break;
	case 0xc6:
		size = sizeof(u8);
		break;
	case 0xc7:
		size = insn->operand16 ? sizeof(u16) : sizeof(u32);
		break;
	default:
		return false;
	}
	return lg_next_bytes(lg, insn, &modrm, sizeof(modrm)) && modrm < 0xc0 &&
	       lg_decode_memory(lg, insn, modrm, &at) && at == gva &&
	       (!size || lg_next_bytes(lg, insn, constant, size));
}

/* Whoever has tied an eventfd to an address does not want to know what is stored there. */
static bool store_is_notify(struct lguest *lg, u32 gva, u32 gpa)
{
	struct lg_insn insn;

	if (!decode_store(lg, &insn, gva) || !lg_signal_eventfd(lg, gpa))
		return false;
	lg->regs->eip = (u32)lg->regs->eip + insn.len;
	return true;
}

/**
 * lg_defer_device_access() - let the Launcher emulate access to a device page
 * @lg: the guest, at an instruction that faulted; its own task calls
 * @gva: the address that it touched
 * @error_code: of the page fault, which the guest takes if the Launcher refuses
 *
 * A store to an address with an eventfd signals that, and is done. Else this leaves a
 * record in &lguest.pending, or the guest dead. It does nothing if the guest's tables have
 * changed meanwhile and lead elsewhere: the guest faults again.
 *
 * Context: may sleep.
 * Return: true if the instruction is done.
 */
bool lg_defer_device_access(struct lguest *lg, u32 gva, u32 error_code)
{
	struct lg_mapping map;
	u32 gpa;

	if (!lg_walk(lg, gva, &map) || !map.present || map.gfn < lg->pfn_limit)
		return false;
	gpa = map.gfn << PAGE_SHIFT | offset_in_page(gva);
	if (error_code & LG_PF_WRITE && store_is_notify(lg, gva, gpa))
		return true;
	if (!lg->wants_records) {
		lg_kill(lg, "touched device page at %#x, but the Launcher reads no records",
			gpa);
		return false;
	}
	lg_fetch_insn(lg, lg->pending.insn, sizeof(lg->pending.insn));
	lg->pf_error_code = error_code;
	make_record(lg, LG_TRAP_PF, gpa);
	return false;
}
