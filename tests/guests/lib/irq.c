// SPDX-License-Identifier: GPL-2.0
#include "irq.h"
#include "layout.h"

static irq_handler_fn *handlers[NR_IRQS];
static u32 counts[NR_IRQS];

void irq_init(void)
{
	u32 irq;

	for (irq = 0; irq < NR_IRQS; irq++)
		set_gate(IRQ_VECTOR(irq), GATE_INTERRUPT, 0);
}

void irq_block(u32 irq)
{
	WRITE_ONCE(lguest_data.blocked_interrupts,
		   lguest_data.blocked_interrupts | 1u << irq);
}

void irq_unblock(u32 irq)
{
	WRITE_ONCE(lguest_data.blocked_interrupts,
		   lguest_data.blocked_interrupts & ~(1u << irq));
}

void irq_handler(u32 irq, irq_handler_fn *handler)
{
	if (!handler)
		irq_block(irq);
	handlers[irq] = handler;
	if (handler)
		irq_unblock(irq);
}

u32 irq_count(u32 irq)
{
	return READ_ONCE(counts[irq]);
}

void irq_handle(u32 irq, struct regs *regs)
{
	counts[irq]++;
	if (handlers[irq])
		handlers[irq](regs);
}
