/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GUEST_HYPERCALL_H
#define GUEST_HYPERCALL_H

#define HYPERCALL_VECTOR	0x1f

#define LHCALL_FLUSH_ASYNC	0
#define LHCALL_LGUEST_INIT	1
#define LHCALL_SHUTDOWN		2
#define LHCALL_NEW_PGTABLE	4
#define LHCALL_FLUSH_TLB	5
#define LHCALL_LOAD_IDT_ENTRY	6
#define LHCALL_SET_STACK	7
#define LHCALL_TS		8
#define LHCALL_SET_CLOCKEVENT	9
#define LHCALL_HALT		10
#define LHCALL_SET_PMD		13
#define LHCALL_SET_PTE		14
#define LHCALL_SET_PGD		15
#define LHCALL_LOAD_TLS		16
#define LHCALL_NOTIFY		17
#define LHCALL_LOAD_GDT_ENTRY	18
#define LHCALL_SEND_INTERRUPTS	19

#define SHUTDOWN_POWEROFF	1
#define SHUTDOWN_RESTART	2

#define RING_SIZE		64
#define RING_PENDING		0
#define RING_DONE		0xff

/* Offsets, for the assembly; C checks them. */
#define LGUEST_DATA_IRQ_ENABLED	0
#define LGUEST_DATA_IRQ_PENDING	20

#ifndef __ASSEMBLER__

#include "types.h"

struct ring_call {
	u32 nr;
	u32 arg[4];
};

/* What a guest shares with the host from LGUEST_INIT on. */
struct lguest_data {
	u32 irq_enabled;
	u32 blocked_interrupts;
	u32 cr2;
	s32 sec;
	s32 nsec;
	u32 irq_pending;
	u8 hcall_status[RING_SIZE];
	struct ring_call hcalls[RING_SIZE];
	u32 reserve_mem;
	u32 tsc_khz;
	u32 noirq_start;
	u32 noirq_end;
	u32 kernel_address;
	u32 syscall_vec;
};

static_assert(offsetof(struct lguest_data, irq_enabled) ==
	      LGUEST_DATA_IRQ_ENABLED, "irq_enabled moved");
static_assert(offsetof(struct lguest_data, irq_pending) ==
	      LGUEST_DATA_IRQ_PENDING, "irq_pending moved");
static_assert(offsetof(struct lguest_data, hcall_status) == 24, "layout");
static_assert(offsetof(struct lguest_data, hcalls) == 88, "layout");
static_assert(offsetof(struct lguest_data, reserve_mem) == 1368, "layout");
static_assert(offsetof(struct lguest_data, syscall_vec) == 1388, "layout");

extern struct lguest_data lguest_data;

static inline void hcall(u32 nr, u32 a1, u32 a2, u32 a3, u32 a4)
{
	asm volatile("int %[vector]"
		     : "+a"(nr)
		     : [vector] "i"(HYPERCALL_VECTOR),
		       "b"(a1), "c"(a2), "d"(a3), "S"(a4)
		     : "memory");
}

static inline void hcall0(u32 nr)
{
	hcall(nr, 0, 0, 0, 0);
}

static inline void hcall1(u32 nr, u32 a1)
{
	hcall(nr, a1, 0, 0, 0);
}

static inline void hcall2(u32 nr, u32 a1, u32 a2)
{
	hcall(nr, a1, a2, 0, 0);
}

static inline void hcall3(u32 nr, u32 a1, u32 a2, u32 a3)
{
	hcall(nr, a1, a2, a3, 0);
}

/* Put a call into the ring; it is done before the next direct one. */
void async_hcall(u32 nr, u32 a1, u32 a2, u32 a3, u32 a4);
/* The slot async_hcall() fills next, for tests that look at its status. */
u32 async_next_slot(void);

void shutdown(const char *message, u32 how) __noreturn;

#endif /* __ASSEMBLER__ */

#endif /* GUEST_HYPERCALL_H */
