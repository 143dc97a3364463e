/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GUEST_CLOCK_H
#define GUEST_CLOCK_H

#include "types.h"

#define NSEC_PER_SEC	1000000000u
#define NSEC_PER_MSEC	1000000u

/* Takes the clock's interrupt; @hz 0 for no ticks. */
void clock_init(u32 hz);
/* No ticks for now: an idle guest costs its host nothing. */
void clock_idle(bool on);
/* For tests: take the interrupt away, even one that is pending already. */
void clock_stop(void);
u32 clock_ticks(void);

/* Since clock_init(). Without a usable TSC, only as fresh as clock_sync(). */
u64 clock_ns(void);
void clock_sync(void);
bool clock_has_tsc(void);

void wallclock(u32 *sec, u32 *nsec);
u64 wall_ns(void);

/*
 * As measured, not as the host says: good enough to wait without interrupts.
 */
u32 tsc_per_ms(void);
u64 tsc_after_ms(u32 ms);
void mdelay(u32 ms);

#endif /* GUEST_CLOCK_H */
