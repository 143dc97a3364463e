/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GUEST_ALLOC_H
#define GUEST_ALLOC_H

#include "types.h"

void alloc_init(void);

/* A zeroed page, or NULL. */
void *alloc_page(void);
void free_page(void *page);
u32 free_pages(void);
/* The first byte behind the kernel, as a physical address. */
u32 kernel_end(void);

#endif /* GUEST_ALLOC_H */
