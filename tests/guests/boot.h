/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BOOT_H
#define BOOT_H

#include "types.h"

#define BOOT_MARK	0xb007b007

/* What boot-early.c found while linear addresses were physical ones. */
struct boot_probe {
	u32 size;
	u32 good, bad;
	u32 device;
	u32 port, kbd_status, ins, ins_at;
	u32 canary, canary_fs;
	u32 cr0, cr2, cr3, cr4;
	u32 msr_low, msr_high;
	u32 dr0, dr6, dr7;
	u32 pmc;
	u32 stores_work;
	u32 linked;
};

extern struct boot_probe boot_probe;

#endif /* BOOT_H */
