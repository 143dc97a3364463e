/* SPDX-License-Identifier: GPL-2.0 */
/* The linker script's symbols. */
#ifndef GUEST_SECTIONS_H
#define GUEST_SECTIONS_H

#include "types.h"

extern u8 bss_start[], bss_end[];
/* Ring 3's programs: as linked, and where the image has them. */
extern u8 user_text[], user_data[], user_end[], user_pa[];
extern const u8 boot_params[];

#endif /* GUEST_SECTIONS_H */
