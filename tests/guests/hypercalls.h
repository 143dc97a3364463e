/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HYPERCALLS_H
#define HYPERCALLS_H

#include "types.h"

/* A handler that is none of entry.S's, and its counter. */
void other_int3(void);
extern u32 int3s_elsewhere;

#endif /* HYPERCALLS_H */
