// SPDX-License-Identifier: GPL-2.0
/*
 * PCIDs for roots. The CPU tags what it caches with the PCID that CR3 holds,
 * and may keep it while others run. Meanwhile it may become wrong, in one of
 * three ways: another root got that PCID; the tables lost something
 * (lg_inc_tlb_gen()); or another guest, whose PCIDs are the same, had the CPU.
 * So this file decides, whenever a PCID comes into use, whether it starts
 * empty.
 */
#include <linux/string.h>

#include "pcid.h"

static bool find_pcid(struct lg_pcids *pcids, u64 root)
{
	unsigned int i, oldest = 0;

	for (i = 0; i < LG_PCID_COUNT; i++) {
		if (pcids->pcid[i].root == root) {
			pcids->last = i;
			return true;
		}
		if (pcids->pcid[i].used < pcids->pcid[oldest].used)
			oldest = i;
	}
	pcids->last = oldest;
	return false;
}

/**
 * lg_pcid_choose() - choose the PCID for a root that comes into use
 * @pcids: the guest's
 * @root: the root's id, which no other root ever has
 * @tlb_gen: &lg_mmu.tlb_gen, read before the CPU may walk the tables
 *
 * The caller must load CR3 with the answer: from then on, what the CPU has cached
 * under that PCID counts as of @tlb_gen.
 *
 * Return: the lowest 12 bits of CR3, and %LG_CR3_NOFLUSH if the CPU may keep what
 * it has cached under that PCID.
 */
u64 lg_pcid_choose(struct lg_pcids *pcids, u64 root, u64 tlb_gen)
{
	struct lg_pcid *pcid = &pcids->pcid[pcids->last];
	bool known = pcid->root == root;
	u64 cr3;

	if (!known) {
		known = find_pcid(pcids, root);
		pcid = &pcids->pcid[pcids->last];
		pcid->used = ++pcids->uses;
	}
	cr3 = LG_PCID_FIRST + pcids->last;
	if (known && pcid->tlb_gen == tlb_gen)
		return cr3 | LG_CR3_NOFLUSH;
	pcid->root = root;
	pcid->tlb_gen = tlb_gen;
	return cr3;
}

/**
 * lg_pcid_forget() - let each PCID start empty at its next use
 * @pcids: of a guest that comes onto a CPU
 */
void lg_pcid_forget(struct lg_pcids *pcids)
{
	memset(pcids, 0, sizeof(*pcids));
}
