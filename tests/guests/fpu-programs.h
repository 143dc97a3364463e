/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FPU_PROGRAMS_H
#define FPU_PROGRAMS_H

#include "types.h"

/* Uses the FPU for 500 ms. Exits with how many registers changed by themselves. */
void prog_keep_fpu(u32 seed);
/* Uses the FPU once. */
void prog_use_fpu(u32 unused);
extern u8 prog_use_fpu_at[];

#endif /* FPU_PROGRAMS_H */
