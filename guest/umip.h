/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LG_GUEST_UMIP_H
#define LG_GUEST_UMIP_H

#include <linux/types.h>

struct lguest;

/**
 * struct lg_store - what an instruction stores, and where
 * @reg: a general register, of which it sets the lowest @len bytes; or NULL
 * @gva: else the linear address that it writes to
 * @bytes: what
 * @len: how many of them
 * @insn_len: the instruction's own length
 */
struct lg_store {
	u32 *reg;
	u32 gva;
	u8 bytes[6];
	u8 len;
	u8 insn_len;
};

bool lg_decode_umip(struct lguest *lg, struct lg_store *store);

#endif /* LG_GUEST_UMIP_H */
