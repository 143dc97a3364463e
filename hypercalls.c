// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls (ABI.md section 3). A guest makes them one at a time with
 * `int $0x1f`, or leaves them in the ring of struct lguest_data, to be done in
 * order before the next direct one.
 *
 * A NOTIFY that no eventfd claims returns to the Launcher. When the Launcher
 * comes back, the rest of the ring and the direct call are done, each exactly
 * once. Calls may take long, so a task that is wanted elsewhere stops likewise.
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "compat.h"
#include "cpu.h"
#include "lg.h"

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

#define LGUEST_SHUTDOWN_RESTART	2
#define SHUTDOWN_MESSAGE_LEN	128

static void do_shutdown(struct lguest *lg, u32 gpa, u32 how)
{
	char message[SHUTDOWN_MESSAGE_LEN + 1] = "";
	u64 left = ((u64)lg->pfn_limit << PAGE_SHIFT);
	u32 len;

	/* Nobody reads the message of a restart; guests may pass none. */
	if (how == LGUEST_SHUTDOWN_RESTART) {
		lg_restart(lg);
		return;
	}

	/* The message may end where memory does. */
	left = gpa < left ? left - gpa : 0;
	len = min_t(u64, left, SHUTDOWN_MESSAGE_LEN);
	if (!len) {
		lg_kill(lg, "bad shutdown message at %#x", gpa);
		return;
	}
	if (lg_read(lg, gpa, message, len))
		lg_kill(lg, "CRASH: %s", message);
}

/* Only a guest with entries of 8 bytes passes their upper half. */
static u64 pte_of(struct lguest *lg, u32 low, u32 high)
{
	return low | (lg->mmu.pae ? (u64)high << 32 : 0);
}

static noinline void do_first_hypercall(struct lguest *lg, u32 nr, u32 arg1)
{
	u32 kernel_address;

	if (nr != LHCALL_LGUEST_INIT) {
		lg_kill(lg, "hypercall %u before LGUEST_INIT", nr);
		return;
	}
	if (lg_data_init(lg, arg1, &kernel_address)) {
		lg_set_kernel_address(lg, kernel_address);
		lg_data_answer(lg, lg_cpu_tsc_khz());
	}
}

static void do_hypercall(struct lguest *lg, u32 nr, u32 arg1, u32 arg2,
			 u32 arg3, u32 arg4)
{
	/* Guests make this call most, so it skips the switch. */
	if (nr == LHCALL_SET_PTE) {
		lg_set_pte(lg, arg1, arg2, pte_of(lg, arg3, arg4));
		return;
	}

	switch (nr) {
	case LHCALL_FLUSH_ASYNC:
	case LHCALL_SEND_INTERRUPTS:
		/* Coming here empties the ring; the run loop delivers irqs. */
		break;
	case LHCALL_LGUEST_INIT:
		lg_kill(lg, "a second LGUEST_INIT");
		break;
	case LHCALL_SHUTDOWN:
		do_shutdown(lg, arg1, arg2);
		break;
	case LHCALL_NEW_PGTABLE:
		lg_new_page_table(lg, arg1);
		break;
	case LHCALL_FLUSH_TLB:
		lg_flush_tlb(lg, arg1);
		break;
	case LHCALL_LOAD_IDT_ENTRY:
		lg_load_idt_entry(lg, arg1, arg2, arg3);
		break;
	case LHCALL_SET_STACK:
		lg_set_stack(lg, arg1, arg2, arg3);
		break;
	case LHCALL_TS:
		lg->ts = arg1;
		break;
	case LHCALL_SET_CLOCKEVENT:
		lg_set_clockevent(lg, arg1);
		break;
	case LHCALL_HALT:
		lg->halted = true;
		break;
	case LHCALL_SET_PMD:
		if (lg_learn_pae(lg))
			lg_set_pmd(lg, arg1, arg2);
		else
			lg_kill(lg, "hypercall %u (SET_PMD) from a guest without PAE tables",
				nr);
		break;
	case LHCALL_SET_PGD:
		lg_set_pgd(lg, arg1, arg2);
		break;
	case LHCALL_LOAD_TLS:
		if (lg_load_tls(lg, arg1))
			lg_vcpu_update_handlers(lg);
		break;
	case LHCALL_NOTIFY:
		if (!lg_signal_eventfd(lg, arg1)) {
			memset(&lg->pending, 0, sizeof(lg->pending));
			lg->pending.trap = LG_VECTOR_HYPERCALL;
			lg->pending.addr = arg1;
		}
		break;
	case LHCALL_LOAD_GDT_ENTRY:
		lg_load_gdt_entry(lg, arg1, arg2, arg3);
		lg_vcpu_update_handlers(lg);
		break;
	default:
		lg_kill(lg, "bad hypercall %u", nr);
	}
}

/*
 * Do one lap at most: a guest that is out can't refill the ring. Return false if
 * the Launcher or others come first, or the guest is dead.
 */
static noinline bool drain_ring(struct lguest *lg)
{
	struct lg_hcall call;
	unsigned int i;

	for (i = 0; i < LG_RING_ENTRIES; i++) {
		if (!lg_data_ring_take(lg, &call))
			break;
		do_hypercall(lg, call.nr, call.arg1, call.arg2, call.arg3,
			     call.arg4);
		if (lg->pending.trap || lg_is_dead(lg) ||
		    read_thread_flags() & LG_THREAD_WORK)
			return false;
	}
	return !lg_is_dead(lg);
}

/**
 * lg_do_hypercalls() - do what is in the ring, then the guest's direct call
 * @lg: the guest, with hcall_pending set; its own task calls
 *
 * This stops at a NOTIFY that waits for the Launcher, or after one call of the
 * ring if the task is wanted elsewhere. If hcall_pending is still set, the direct
 * call is yet to be done, and nothing else may be done to the guest before it.
 *
 * Context: may sleep.
 */
void lg_do_hypercalls(struct lguest *lg)
{
	const struct lg_regs *regs = lg->regs;

	if (!lg_data_ready(lg)) {
		lg->hcall_pending = false;
		do_first_hypercall(lg, regs->eax, regs->ebx);
		return;
	}
	if (!lg_data_ring_is_empty(lg) && !drain_ring(lg))
		return;
	lg->hcall_pending = false;
	do_hypercall(lg, regs->eax, regs->ebx, regs->ecx, regs->edx,
		     regs->esi);
}
