// SPDX-License-Identifier: GPL-2.0
#include "hypercall.h"
#include "irq.h"
#include "layout.h"
#include "paging.h"
#include "traps.h"

struct lguest_data lguest_data __aligned(PAGE_SIZE) = {
	/* Nobody has a handler yet. */
	.blocked_interrupts = ~0u,
	.hcall_status = { [0 ... RING_SIZE - 1] = RING_DONE },
	.noirq_start = (u32)noirq_start,
	.noirq_end = (u32)noirq_end,
	.kernel_address = KERNEL_BASE,
	.syscall_vec = SYSCALL_VECTOR,
};

static u32 next_slot;

/*
 * The host keeps its own cursor into the ring and never looks back, so the
 * slots must be filled strictly one behind the other. An interrupt handler
 * that made a call between our filling a slot and marking it would be ahead
 * of us: interrupts stay off.
 */
void async_hcall(u32 nr, u32 a1, u32 a2, u32 a3, u32 a4)
{
	u32 flags = irq_save();

	if (READ_ONCE(lguest_data.hcall_status[next_slot]) != RING_DONE) {
		/* Full. The direct call empties it first. */
		hcall(nr, a1, a2, a3, a4);
	} else {
		lguest_data.hcalls[next_slot] = (struct ring_call) {
			.nr = nr, .arg = { a1, a2, a3, a4 },
		};
		barrier();
		WRITE_ONCE(lguest_data.hcall_status[next_slot], RING_PENDING);
		next_slot = (next_slot + 1) % RING_SIZE;
	}
	irq_restore(flags);
}

u32 async_next_slot(void)
{
	return next_slot;
}

void shutdown(const char *message, u32 how)
{
	hcall2(LHCALL_SHUTDOWN, pa(message), how);
	for (;;)
		hcall0(LHCALL_HALT);
}
