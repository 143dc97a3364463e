/* SPDX-License-Identifier: GPL-2.0 */
/* The gates of the guest's IDT. */
#ifndef LG_GUEST_GATES_H
#define LG_GUEST_GATES_H

#include <linux/bits.h>

#include "../lg.h"

/* SDM volume 3, section 6.11: an interrupt or trap gate's high word. */
#define LG_GATE_TYPE		GENMASK(12, 8)
#define LG_GATE_INTERRUPT	(0xe << 8)
#define LG_GATE_TRAP		(0xf << 8)
#define LG_GATE_DPL_SHIFT	13
#define LG_GATE_PRESENT		BIT(15)

static inline bool lg_gate_present(const struct lg_desc *gate)
{
	return gate->high & LG_GATE_PRESENT;
}

/**
 * lg_gate_handler() - where a gate leads
 * @gate: an entry of the guest's IDT
 * @eip: the handler
 * @masks_irqs: whether entering it clears the interrupt flag
 *
 * Return: true; false if there is no handler.
 */
static inline bool lg_gate_handler(const struct lg_desc *gate, u32 *eip,
				   bool *masks_irqs)
{
	if (!lg_gate_present(gate))
		return false;
	*eip = (gate->low & 0xffff) | (gate->high & 0xffff0000);
	*masks_irqs = (gate->high & LG_GATE_TYPE) == LG_GATE_INTERRUPT;
	return true;
}

/**
 * lg_gate_dpl() - which rings may use a gate by `int n`
 * @gate: an entry of the guest's IDT
 *
 * Return: the highest of them.
 */
static inline unsigned int lg_gate_dpl(const struct lg_desc *gate)
{
	return gate->high >> LG_GATE_DPL_SHIFT & 3;
}

#endif /* LG_GUEST_GATES_H */
