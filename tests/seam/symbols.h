/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SEAM_SYMBOLS_H
#define SEAM_SYMBOLS_H

#include "gdb.h"

/*
 * Addresses of these symbols in the host, lg.ko and the guest. The host's handler
 * of NMIs has marked itself once it is beyond repeat_nmi.
 */
struct symbols {
	u64 lg_switcher_start, lg_switcher_end;
	u64 lg_switch_to_guest, lg_switcher_stubs;
	u64 lg_switcher_syscall, lg_switcher_page_fault;
	u64 lg_switcher_breakpoint, lg_switcher_debug;
	u64 lg_switcher_nmi, lg_switcher_mce;
	u64 asm_exc_nmi, repeat_nmi, exc_nmi;
	u64 asm_exc_machine_check, do_machine_check;
	u64 panic;
	u64 seam_round, seam_alarm;
};

extern struct symbols sym;

/* Reads lines of an address and a name. All symbols must be there. */
void symbols_read(const char *file);

#endif /* SEAM_SYMBOLS_H */
