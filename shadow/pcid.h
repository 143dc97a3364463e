/* SPDX-License-Identifier: GPL-2.0 */
/* Which PCID a root of a guest's shadow tables has, and what that is worth. */
#ifndef LG_PCID_H
#define LG_PCID_H

#include <linux/bits.h>
#include <linux/types.h>

/*
 * Eight that no kernel takes for itself. Those of its address spaces are its
 * ASIDs + 1, below 2048; and with page-table isolation these again with bit 11
 * set, but then it has no more than a handful.
 */
#define LG_PCID_FIRST		0xff8
#define LG_PCID_COUNT		8

/* Intel SDM volume 3, section 4.10.4.1: MOV to CR3 keeps what is cached. */
#define LG_CR3_NOFLUSH		BIT_ULL(63)

/**
 * struct lg_pcid - what the TLB has under one of them
 * @root: translations of this root, by its id; or 0 if that is not known
 * @tlb_gen: as of this tlb_gen of the tables
 * @used: &lg_pcids.uses when it last was
 */
struct lg_pcid {
	u64 root;
	u64 tlb_gen;
	u64 used;
};

/**
 * struct lg_pcids - the PCIDs of a guest, on the CPU that it is on
 * @pcid: all of them
 * @last: the one in use
 * @uses: how often another came into use
 */
struct lg_pcids {
	struct lg_pcid pcid[LG_PCID_COUNT];
	unsigned int last;
	u64 uses;
};

u64 lg_pcid_choose(struct lg_pcids *pcids, u64 root, u64 tlb_gen);
void lg_pcid_forget(struct lg_pcids *pcids);

#endif /* LG_PCID_H */
