/* SPDX-License-Identifier: GPL-2.0 */
/* What is at EIP, as far as an emulation wants to know. */
#ifndef LG_GUEST_INSN_H
#define LG_GUEST_INSN_H

#include <linux/types.h>

struct lguest;
struct lg_regs;

/**
 * struct lg_insn - an instruction that is being decoded
 * @operand16: its operands have 16 bits, not 32
 * @address16: its addresses have 16 bits
 * @rep: it has a repeat prefix
 * @segment: the prefix that names a segment, the last one; 0 if there is none
 * @opcode: the first byte behind the prefixes
 * @len: how many bytes of it have been read
 */
struct lg_insn {
	bool operand16, address16, rep;
	u8 segment;
	u8 opcode;
	u8 len;
};

bool lg_decode_insn(struct lguest *lg, struct lg_insn *insn);
bool lg_next_bytes(struct lguest *lg, struct lg_insn *insn, void *to, u32 len);
bool lg_decode_memory(struct lguest *lg, struct lg_insn *insn, u8 modrm,
		      u32 *gva);
u32 *lg_register(struct lg_regs *regs, u8 number);

#endif /* LG_GUEST_INSN_H */
