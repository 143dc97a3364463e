/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GUEST_IRQ_H
#define GUEST_IRQ_H

#include "hypercall.h"
#include "layout.h"
#include "traps.h"

#define NR_IRQS		32
#define CLOCK_IRQ	0

typedef void irq_handler_fn(struct regs *regs);

void irq_init(void);
/* Also lets the interrupt through, or with a NULL handler blocks it. */
void irq_handler(u32 irq, irq_handler_fn *handler);
void irq_block(u32 irq);
void irq_unblock(u32 irq);
u32 irq_count(u32 irq);
/* For trap(). */
void irq_handle(u32 irq, struct regs *regs);

static inline void irq_disable(void)
{
	WRITE_ONCE(lguest_data.irq_enabled, 0);
	barrier();
}

static inline u32 irq_save(void)
{
	u32 flags = READ_ONCE(lguest_data.irq_enabled);

	irq_disable();
	return flags;
}

/* Ask for what is pending: the host may have no other reason to stop us. */
static inline void irq_restore(u32 flags)
{
	barrier();
	WRITE_ONCE(lguest_data.irq_enabled, flags);
	if (flags && READ_ONCE(lguest_data.irq_pending))
		hcall0(LHCALL_SEND_INTERRUPTS);
}

static inline void irq_enable(void)
{
	irq_restore(FLAGS_IF);
}

/* Sleep until an interrupt. The caller has interrupts off. */
static inline void irq_wait(void)
{
	hcall0(LHCALL_HALT);
	irq_disable();
}

#endif /* GUEST_IRQ_H */
