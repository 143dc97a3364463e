// SPDX-License-Identifier: GPL-2.0
/*
 * The instructions by which a guest's kernel reaches the PCI bus: in and out, and the few
 * forms of mov that a compiler makes of readb() to writel() (SDM volume 2). What else
 * touches a device page is refused: the guest takes the fault.
 */
#include "launcher.h"

/* Keyboard controller: no driver believes in it; no reset of it is awaited (ABI.md). */
#define KBD_STATUS	0x64
#define KBD_BUSY	2

/*
 * The timer's counters. Linux from 4.10 on reads one 200,000 times to measure the time stamp
 * counter by it, if that shows all-ones at first, and soon gives up one that stands at 0.
 */
#define PIT_COUNTER_0	0x40
#define PIT_COUNTER_2	0x42

#define OPERAND_16	0x66

static void advance(unsigned int len)
{
	guest_set_register(GUEST_EIP, guest_register(GUEST_EIP) + len);
}

/* A general register by its number. As a byte, 4 to 7 are the second ones of 0 to 3. */
static __u32 read_register(unsigned int nr, unsigned int size)
{
	if (size == 1 && nr >= 4)
		return guest_register(guest_general[nr - 4]) >> 8 & 0xff;
	return guest_register(guest_general[nr]) & bytes_mask(size);
}

static void write_register(unsigned int nr, unsigned int size, __u32 value)
{
	unsigned int shift = size == 1 && nr >= 4 ? 8 : 0;
	__u32 mask = bytes_mask(size) << shift;
	unsigned int reg = guest_general[shift ? nr - 4 : nr];

	guest_set_register(reg, (guest_register(reg) & ~mask) | (value << shift & mask));
}

static __u32 read_port(__u16 port, unsigned int size)
{
	__u32 value;

	if (pci_port_read(port, size, &value))
		return value;
	if (port == KBD_STATUS)
		return ~KBD_BUSY;
	return port >= PIT_COUNTER_0 && port <= PIT_COUNTER_2 ? 0 : ~0U;
}

/**
 * insn_port() - do in or out
 * @insn: the instruction's bytes
 *
 * Return: false if it is neither.
 */
bool insn_port(const __u8 *insn)
{
	const __u8 *p = insn;
	unsigned int size = 4;
	__u8 opcode;
	__u16 port;

	if (*p == OPERAND_16) {
		size = 2;
		p++;
	}
	opcode = *p++;
	if ((opcode & 0xf4) != 0xe4)
		return false;
	if (!(opcode & 1))
		size = 1;
	port = opcode & 8 ? guest_register(GUEST_EDX) : *p++;
	if (opcode & 2)
		pci_port_write(port, size, read_register(0, size));
	else
		write_register(0, size, read_port(port, size));
	advance(p - insn);
	return true;
}

/* How long are ModRM and what belongs to it? That it names memory is sure: it faulted. */
static unsigned int modrm_len(const __u8 *modrm)
{
	unsigned int mod = modrm[0] >> 6, base = modrm[0] & 7, len = 1;

	if (base == 4) {
		base = modrm[1] & 7;
		len++;
	}
	if (mod == 1)
		return len + 1;
	return mod == 2 || base == 5 ? len + 4 : len;
}

/**
 * insn_memory() - do a mov to or from a device page
 * @insn: the instruction's bytes
 * @gpa: the address
 *
 * Return: false if it is another instruction.
 */
bool insn_memory(const __u8 *insn, __u32 gpa)
{
	const __u8 *p = insn;
	unsigned int size = 4, nr;
	__u8 opcode;

	if (*p == OPERAND_16) {
		size = 2;
		p++;
	}
	opcode = *p++;
	/* 88 and 89 store, 8a and 8b load. ModRM's mod is 3 for a register. */
	if ((opcode & 0xfc) != 0x88 || *p >= 0xc0)
		return false;
	if (!(opcode & 1))
		size = 1;
	nr = *p >> 3 & 7;
	if (opcode & 2)
		write_register(nr, size, pci_memory_read(gpa, size));
	else
		pci_memory_write(gpa, size, read_register(nr, size));
	advance(p - insn + modrm_len(p));
	return true;
}
