/* SPDX-License-Identifier: GPL-2.0 */
/* Which PCID each root has, and whether what the TLB has under it is still good. */
#ifndef LG_PCID_H
#define LG_PCID_H

#include <linux/bits.h>
#include <linux/types.h>

/*
 * Eight PCIDs that no kernel uses. A kernel's PCIDs are its ASIDs + 1, below
 * 2048. With page-table isolation it uses these with bit 11 set, too, but then
 * it has only a handful.
 */
#define LG_PCID_FIRST		0xff8
#define LG_PCID_COUNT		8

/* Intel SDM volume 3, section 4.10.4.1: MOV to CR3 keeps what is cached. */
#define LG_CR3_NOFLUSH		BIT_ULL(63)

/**
 * struct lg_pcid - what the TLB has under one PCID
 * @root: id of the root whose translations these are, or 0 if that is not known
 * @tlb_gen: &lg_mmu.tlb_gen that they are as of
 * @used: &lg_pcids.uses when this PCID last came into use
 */
struct lg_pcid {
	u64 root;
	u64 tlb_gen;
	u64 used;
};

/**
 * struct lg_pcids - the PCIDs of a guest, on the CPU that it is on
 * @pcid: all of them
 * @last: index of the one in use
 * @uses: how often another one came into use
 */
struct lg_pcids {
	struct lg_pcid pcid[LG_PCID_COUNT];
	unsigned int last;
	u64 uses;
};

u64 lg_pcid_choose(struct lg_pcids *pcids, u64 root, u64 tlb_gen);
void lg_pcid_forget(struct lg_pcids *pcids);

#endif /* LG_PCID_H */
