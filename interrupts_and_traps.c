// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts and traps: which of them are the host's business, and how the
 * rest reaches the guest's handlers (ABI.md section 5). We enter a handler as
 * the CPU would: change to SET_STACK's stack if ring 3 was interrupted, push the
 * frame, go to the gate's entry point. The guest's EFLAGS.IF is a word in struct
 * lguest_data; the real flag is always set while it runs.
 */
#include <linux/bitops.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/string.h>
#include <linux/tick.h>

#include "compat.h"
#include "cpu.h"
#include "guest/gates.h"
#include "guest/insn.h"
#include "guest/umip.h"
#include "lg.h"

/* Intel SDM volume 3, table 6-1. */
#define TRAP_DB		1
#define TRAP_BP		3
#define TRAP_OF		4
#define TRAP_UD		6
#define TRAP_NM		7
#define TRAP_DF		8
#define TRAP_TS		10
#define TRAP_NP		11
#define TRAP_SS		12
#define TRAP_GP		LG_TRAP_GP
#define TRAP_PF		LG_TRAP_PF
#define TRAP_SPURIOUS	15
#define TRAP_AC		17
#define TRAPS		32

#define WITH_ERROR_CODE	(BIT(TRAP_DF) | GENMASK(TRAP_PF, TRAP_TS) | BIT(TRAP_AC))

/* SDM 6.13: the error code's index is one into the IDT. */
#define ERROR_CODE_IDT	BIT(1)

#define FLAGS_TF	BIT(8)
#define FLAGS_IF	BIT(9)
#define FLAGS_IOPL	GENMASK(13, 12)
#define FLAGS_NT	BIT(14)
#define FLAGS_RF	BIT(16)
#define FLAGS_VM	BIT(17)
#define FLAGS_VIF	BIT(19)
#define FLAGS_VIP	BIT(20)

/* What IRET loads in ring 0 alone (SDM volume 2, IRET). IF is a word of the guest's. */
#define FLAGS_OF_RING_0	(FLAGS_IOPL | FLAGS_VM | FLAGS_VIF | FLAGS_VIP)

#define STACK_PAGES_MAX	2

/* Opcodes, and the number of a segment register in ModRM (SDM volume 2) */
#define INT_N		0xcd
#define IRET		0xcf
#define MOV_TO_SEGMENT	0x8e
#define SEGMENT_SS	2
#define VMCALL_LEN	3

/*
 * A guest that may not be interrupted right now does not tell us when it may
 * again (ABI.md section 5). Look again after this long at the latest.
 */
#define IRQ_WINDOW_NS	(250 * NSEC_PER_USEC)

static unsigned int cpl(struct lguest *lg)
{
	return lg->regs->cs & 3;
}

/* Enter a handler as the CPU would. Return false with the guest dead. */
static bool enter_handler(struct lguest *lg, u32 eip, bool masks_irqs,
			  const u32 *error_code)
{
	struct lg_regs *regs = lg->regs;
	u32 irq_enabled, mask, base, sp;
	u32 frame[6];		/* error code, eip, cs, eflags, esp, ss */
	u32 *start = &frame[1];
	unsigned int words = 3;

	if (!lg_data_swap_irq_enabled(lg, masks_irqs, &irq_enabled))
		return false;
	frame[1] = regs->eip;
	frame[2] = regs->cs;
	frame[3] = (regs->eflags & ~FLAGS_IF) | irq_enabled;

	if (cpl(lg) != LG_KERNEL_RPL) {
		if (!lg->kernel_ss) {
			lg_kill(lg, "trap or interrupt in ring %u at %#llx before any SET_STACK",
				cpl(lg), regs->eip);
			return false;
		}
		frame[4] = regs->esp;
		frame[5] = regs->ss;
		words += 2;
		regs->ss = lg->kernel_ss;
		regs->esp = lg->kernel_esp;
	}
	if (error_code) {
		frame[0] = *error_code;
		start = &frame[0];
		words++;
	}

	base = lg_segment_base(lg, regs->ss);
	mask = lg_stack_mask(lg, regs->ss);
	sp = regs->esp - words * sizeof(u32);
	regs->esp = (regs->esp & ~mask) | (sp & mask);
	if (!lg_write_shadowed(lg, base + (sp & mask), start, words) &&
	    !lg_write_linear(lg, base + (sp & mask), start,
			     words * sizeof(u32))) {
		lg_kill(lg, "no stack at ss:esp %llx:%#llx for the handler at %#x",
			regs->ss, regs->esp, eip);
		return false;
	}
	regs->cs = LG_KERNEL_CS;
	regs->eip = eip;
	regs->eflags &= ~(FLAGS_TF | FLAGS_RF | FLAGS_NT | FLAGS_VM);
	return true;
}

/* The phase of a guest's life, where that explains that it has no handler */
static const char *phase(struct lguest *lg)
{
	unsigned int i;

	if (!lg_data_ready(lg))
		return LG_HYPERCALL_HINT;
	for (i = 0; i < LG_IDT_ENTRIES; i++) {
		if (lg_gate_present(&lg->idt[i]))
			return "";
	}
	return ", before the guest had handlers";
}

static void die_of_trap(struct lguest *lg, u32 vector, u32 error_code)
{
	const struct lg_regs *regs = lg->regs;
	u32 in_page = PAGE_SIZE - offset_in_page(lg_insn_address(lg));
	u8 insn[8];
	/* What the next page has may be fatal to a look, and a worse reason. */
	int len = lg_fetch_insn(lg, insn, min_t(u32, sizeof(insn), in_page));
	const char *colon = len ? ": " : "";

	if (vector == TRAP_PF)
		lg_kill(lg, "unhandled trap %u at %#llx (cr2 %#x, error code %#x)%s%*ph%s",
			vector, regs->eip, regs->cr2, error_code, colon, len,
			insn, phase(lg));
	else
		lg_kill(lg, "unhandled trap %u at %#llx (error code %#x)%s%*ph%s",
			vector, regs->eip, error_code, colon, len, insn,
			phase(lg));
}

/* Let the guest's own handler have a trap. Without one, the guest dies. */
static void enter_gate(struct lguest *lg, u32 vector, const u32 *error_code)
{
	bool masks_irqs;
	u32 eip;

	if (lg_gate_handler(&lg->idt[vector], &eip, &masks_irqs))
		enter_handler(lg, eip, masks_irqs, error_code);
	else
		die_of_trap(lg, vector, error_code ? *error_code : 0);
}

static void reflect(struct lguest *lg, u32 vector, u32 error_code)
{
	bool has_code = vector < TRAPS && BIT(vector) & WITH_ERROR_CODE;

	enter_gate(lg, vector, has_code ? &error_code : NULL);
}

/*
 * Most gates of the real IDT have DPL 0, so that a vector from 32 up can only be
 * hardware. `int n` faults then, and the guest's gate decides what becomes of it.
 */
static bool software_interrupt(struct lguest *lg)
{
	struct lg_regs *regs = lg->regs;
	struct lg_insn insn;
	u8 vector;

	if (!lg_decode_insn(lg, &insn) || insn.opcode != INT_N ||
	    !lg_next_bytes(lg, &insn, &vector, sizeof(vector)))
		return false;
	if (lg_gate_dpl(&lg->idt[vector]) < cpl(lg)) {
		reflect(lg, TRAP_GP, vector * 8 | ERROR_CODE_IDT);
		return true;
	}
	/* A software interrupt pushes no error code, whatever its vector, and is no step. */
	if (vector == TRAP_DB)
		regs->dr6 = 0;
	regs->eip = (u32)regs->eip + insn.len;
	enter_gate(lg, vector, NULL);
	return true;
}

/*
 * Make sure that the guest itself could write at @gva. If not, it has the page fault that
 * it would have had. Return whether it could.
 */
static bool may_write(struct lguest *lg, u32 gva)
{
	u32 error_code = LG_PF_WRITE;

	if (cpl(lg) != LG_KERNEL_RPL)
		error_code |= LG_PF_USER;
	switch (lg_page_fault(lg, gva, &error_code)) {
	case LG_FAULT_FIXED:
		return true;
	case LG_FAULT_GUEST:
		lg->regs->cr2 = gva;
		if (lg_data_set_cr2(lg, gva))
			reflect(lg, TRAP_PF, error_code);
		return false;
	case LG_FAULT_DEVICE:
		reflect(lg, TRAP_GP, 0);
		return false;
	default:
		/* The instruction runs again, if the guest does. */
		return false;
	}
}

/* Likewise for as much as an instruction stores. */
static bool may_store(struct lguest *lg, u32 gva, u32 len)
{
	u32 last_page = (gva + len - 1) & PAGE_MASK;

	return may_write(lg, gva) &&
	       (last_page == (gva & PAGE_MASK) || may_write(lg, last_page));
}

/*
 * The host has done an instruction. A step ends behind it, and behind each round of a
 * repeated one (SDM volume 3, 17.3.1.4).
 */
static void complete_insn(struct lguest *lg)
{
	struct lg_regs *regs = lg->regs;

	regs->eflags &= ~FLAGS_RF;
	if (!(regs->eflags & FLAGS_TF) || lg_is_dead(lg))
		return;
	/* Even HLT ends so. */
	lg->halted = false;
	regs->dr6 = LG_DR6_STEP;
	reflect(lg, TRAP_DB, 0);
}

static void do_store(struct lguest *lg, const struct lg_store *store)
{
	if (store->reg)
		memcpy(store->reg, store->bytes, store->len);
	else if (!may_store(lg, store->gva, store->len) ||
		 !lg_write_linear(lg, store->gva, store->bytes, store->len))
		return;
	lg->regs->eip = (u32)lg->regs->eip + store->insn_len;
	complete_insn(lg);
}

/*
 * Did ring 1 fail to return to ring 3, for a selector that a program has given itself by
 * sigreturn? Linux has an entry in its exception table for its own IRET, but none for that
 * of lguest. So the trap becomes one of ring 3, for which the program gets a signal.
 */
static bool failed_iret(struct lguest *lg)
{
	struct lg_regs *regs = lg->regs;
	u32 base = lg_segment_base(lg, regs->ss);
	u32 mask = lg_stack_mask(lg, regs->ss);
	u32 frame[5];		/* eip, cs, eflags, esp, ss */
	u8 opcode;

	/* Nor has Linux 16-bit code, whose frame would be another. */
	if (cpl(lg) != LG_KERNEL_RPL || lg_segment_is_16bit(lg, regs->cs) ||
	    !lg_read_linear(lg, lg_insn_address(lg), &opcode, 1) ||
	    opcode != IRET ||
	    !lg_read_linear(lg, base + (regs->esp & mask), frame, sizeof(frame)) ||
	    (frame[1] & 3) != 3)
		return false;
	regs->eip = frame[0];
	regs->cs = frame[1] & U16_MAX;
	regs->eflags = frame[2] & ~FLAGS_OF_RING_0;
	regs->esp = frame[3];
	regs->ss = frame[4] & U16_MAX;
	return true;
}

/*
 * A selector that can't be loaded, perhaps by an IRET. Not inline, lest page faults pay for
 * what this has on the stack; nor is general_protection().
 */
static noinline void bad_selector(struct lguest *lg, u32 vector, u32 error_code)
{
	/* The handler's frame has what was to be loaded. Nothing else uses it. */
	failed_iret(lg);
	if (!lg_is_dead(lg))
		reflect(lg, vector, error_code);
}

/*
 * Linux's kexec loads the segments of ring 0, and goes on to turn paging off. By then it
 * has shut its devices down.
 */
static bool starts_another_kernel(struct lguest *lg, u32 error_code)
{
	u8 insn[2];

	return error_code == (LG_KERNEL_DS & ~3) && cpl(lg) == LG_KERNEL_RPL &&
	       lg_read_linear(lg, lg_insn_address(lg), insn, sizeof(insn)) &&
	       insn[0] == MOV_TO_SEGMENT && (insn[1] >> 3 & 7) == SEGMENT_SS;
}

static void make_hypercall_of_vmcall(struct lguest *lg)
{
	lg->regs->eip = (u32)lg->regs->eip + VMCALL_LEN;
	lg->hcall_pending = true;
}

/* What ring 1 may do that faults there. Return false if the fault is the guest's own. */
static bool emulate_privileged(struct lguest *lg)
{
	struct lg_insn insn;
	u32 gva, len;

	if (!lg_decode_insn(lg, &insn))
		return false;
	if (lg_is_ins(lg, &insn, &gva, &len) && !may_store(lg, gva, len))
		return true;
	if (!lg_emulate_insn(lg, &insn))
		return false;
	complete_insn(lg);
	return true;
}

/* What the host does in place of the CPU. Return false if the fault is the guest's own. */
static bool emulate(struct lguest *lg)
{
	struct lg_store store;
	u64 tsc;

	if (cpl(lg) == LG_KERNEL_RPL) {
		if (lg_defer_port_access(lg) || emulate_privileged(lg))
			return true;
		/* KVM on AMD's CPUs makes a #GP of its #UD, for any ring but 0. */
		if (lg_is_vmcall(lg)) {
			make_hypercall_of_vmcall(lg);
			return true;
		}
	}
	if (!lg_is_dead(lg) && lg_vcpu_read_tsc(lg, &tsc) &&
	    lg_emulate_rdtsc(lg, tsc)) {
		complete_insn(lg);
		return true;
	}
	if (!lg_is_dead(lg) && lg_cpu_has_umip() && lg_decode_umip(lg, &store)) {
		do_store(lg, &store);
		return true;
	}
	return false;
}

static noinline void general_protection(struct lguest *lg, u32 error_code)
{
	if (error_code & ERROR_CODE_IDT && software_interrupt(lg))
		return;
	if (!error_code && emulate(lg))
		return;
	if (starts_another_kernel(lg, error_code))
		lg_kill(lg, "loaded SS as kexec does: a guest can't start another kernel");
	else
		bad_selector(lg, TRAP_GP, error_code);
}

/* The switcher gave this up for lack of an address that we can find now. */
static void switcher_takes_next(struct lguest *lg)
{
	lg_direct_map_find_data(lg);
	if (lg->data_gva)
		lg_vcpu_update_handlers(lg);
}

static void page_fault(struct lguest *lg)
{
	u32 error_code = lg->regs->error_code;
	u32 gva = lg->regs->cr2;
	enum lg_fault fault = lg_page_fault(lg, gva, &error_code);

	if (likely(fault <= LG_FAULT_RETRY))
		return;
	if (fault == LG_FAULT_DEVICE) {
		if (lg_defer_device_access(lg, gva, error_code))
			complete_insn(lg);
		return;
	}
	if (!lg->data_gva)
		switcher_takes_next(lg);
	if (lg_data_set_cr2(lg, gva))
		reflect(lg, TRAP_PF, error_code);
}

/* Does the guest's own gate forbid what the real IDT's allows? */
static bool gate_forbids(struct lguest *lg, u32 vector)
{
	return lg_gate_dpl(&lg->idt[vector]) < cpl(lg);
}

static void software_gate(struct lguest *lg, u32 vector, u32 insn_len)
{
	if (!gate_forbids(lg, vector)) {
		reflect(lg, vector, 0);
		return;
	}
	/* A fault has the address of the instruction itself. */
	lg->regs->eip = (u32)lg->regs->eip - insn_len;
	reflect(lg, TRAP_GP, vector * 8 | ERROR_CODE_IDT);
}

/* int3 and into are one byte; int $3 and int $4 are two. */
static u32 trap_insn_len(struct lguest *lg, u8 one_byte)
{
	u32 at = lg_insn_address(lg) - 1;
	u8 insn;

	return lg_read_linear(lg, at, &insn, 1) && insn == one_byte ? 1 : 2;
}

static void entry_fault(struct lguest *lg)
{
	struct lg_regs *regs = lg->regs;

	if (lg_vcpu_fault_in_segment_load(lg) &&
	    lg_drop_selector(lg, regs->error_code & ~7))
		return;
	lg_kill(lg, "can't run at cs:eip %llx:%#llx ss:esp %llx:%#llx (error code %#x)",
		regs->cs, regs->eip, regs->ss, regs->esp, regs->error_code);
}

/**
 * lg_handle_other_trap() - lg_handle_trap() but for hypercalls
 * @lg: the guest, with the registers that it came out with; its own task calls
 *
 * Context: may sleep.
 */
void lg_handle_other_trap(struct lguest *lg)
{
	struct lg_regs *regs = lg->regs;

	/* Most traps are page faults. */
	if (likely(regs->vector == TRAP_PF)) {
		page_fault(lg);
		return;
	}
	switch (regs->vector) {
	case LG_VECTOR_NONE:
		break;
	case LG_VECTOR_ENTRY_FAULT:
		entry_fault(lg);
		break;
	case LG_VECTOR_HOST_FAULT:
		lg_vcpu_host_fault(lg);
		break;
	case TRAP_GP:
		general_protection(lg, regs->error_code);
		break;
	case TRAP_NM:
		if (lg->ts)
			reflect(lg, TRAP_NM, 0);
		else
			lg_vcpu_wants_fpu(lg);
		break;
	case TRAP_NP:
	case TRAP_SS:
		bad_selector(lg, regs->vector, regs->error_code);
		break;
	case TRAP_UD:
		if (cpl(lg) == LG_KERNEL_RPL && lg_is_vmcall(lg))
			make_hypercall_of_vmcall(lg);
		else if (!lg_is_dead(lg))
			reflect(lg, TRAP_UD, 0);
		break;
	case TRAP_BP:
		software_gate(lg, TRAP_BP, trap_insn_len(lg, 0xcc));
		break;
	case TRAP_OF:
		software_gate(lg, TRAP_OF, trap_insn_len(lg, 0xce));
		break;
	case LG_VECTOR_SYSCALL:
		if (!lg->data_gva)
			switcher_takes_next(lg);
		software_gate(lg, LG_VECTOR_SYSCALL, 2);
		break;
	default:
		reflect(lg, regs->vector, regs->error_code);
	}
}

/**
 * lg_inject_trap() - LHREQ_TRAP: let the guest's own handler have a trap
 * @lg: the guest; its own task calls
 * @vector: the trap; %LG_TRAP_PF is the page fault that was pending last
 *
 * Context: may sleep.
 * Return: 0; -EINVAL if there is no such trap or the guest has no handler for
 * it; -ENOENT if the guest died of it.
 */
int lg_inject_trap(struct lguest *lg, unsigned long vector)
{
	if (vector >= TRAPS)
		return -EINVAL;
	vector = array_index_nospec(vector, TRAPS);
	if (!lg_gate_present(&lg->idt[vector]))
		return -EINVAL;
	if (vector == TRAP_DB)
		lg->regs->dr6 = 0;
	if (vector != TRAP_PF)
		reflect(lg, vector, 0);
	else if (lg_data_set_cr2(lg, lg->regs->cr2))
		reflect(lg, TRAP_PF, lg->pf_error_code);
	return lg_is_dead(lg) ? -ENOENT : 0;
}

static bool held_back(struct lguest *lg)
{
	return lg->regs->eip >= lg->noirq_start &&
	       lg->regs->eip < lg->noirq_end;
}

static void set_irq_pending(struct lguest *lg, bool pending)
{
	/* The guest may clear this, but never sets it: only clear what we set. */
	if ((pending || lg->told_pending) &&
	    lg_data_set_irq_pending(lg, pending))
		lg->told_pending = pending;
}

static void await_irq_window(struct lguest *lg, u64 ns)
{
	hrtimer_start(&lg->irq_window, ns_to_ktime(ns),
		      HRTIMER_MODE_REL_PINNED);
}

/* Deliver the first irq that may be delivered. True if there may be another. */
static bool deliver_irq(struct lguest *lg)
{
	u32 blocked, enabled, eip;
	unsigned long seen, ready;
	unsigned int irq;
	bool masks_irqs;

	/* An irq that is raised after this look counts as new. */
	seen = READ_ONCE(lg->irqs_pending);
	WRITE_ONCE(lg->irqs_unseen, ~seen);
	if (!lg_data_ready(lg) || (!seen && !lg->told_pending) ||
	    !lg_data_blocked(lg, &blocked))
		return false;

	ready = seen & ~blocked;
	for_each_set_bit(irq, &ready, LG_IRQS) {
		if (lg_gate_handler(&lg->idt[LG_VECTOR_IRQ_BASE + irq], &eip,
				    &masks_irqs))
			break;
	}
	if (irq >= LG_IRQS) {
		set_irq_pending(lg, false);
		/*
		 * A guest unblocks an irq without a word. The tick brings it out;
		 * where there may be no tick, this timer does.
		 */
		if (seen & blocked && !lg->halted && tick_nohz_full_enabled())
			await_irq_window(lg, TICK_NSEC);
		return false;
	}
	if (lg->halted) {
		lg->halted = false;
		if (!lg_data_set_irq_enabled(lg, true))
			return false;
	}
	if (held_back(lg)) {
		/* This does not wait for irq_enabled, so the guest need not ask. */
		set_irq_pending(lg, false);
		await_irq_window(lg, IRQ_WINDOW_NS);
		return false;
	}
	if (!lg_data_irq_enabled(lg, &enabled) || !enabled) {
		set_irq_pending(lg, true);
		await_irq_window(lg, IRQ_WINDOW_NS);
		return false;
	}

	clear_bit(irq, &lg->irqs_pending);
	return lg_data_set_wallclock(lg) &&
	       enter_handler(lg, eip, masks_irqs, NULL);
}

/**
 * lg_deliver_irqs() - deliver the pending irqs that may be delivered
 * @lg: the guest, about to be entered; its own task calls
 *
 * An irq that is not blocked ends a HALT. Others may be raised meanwhile, and if
 * the guest's gates and stack let irqs interrupt each other, that has no end. So
 * this stops after %LG_IRQS of them, and lg_irqs_are_new() says if some are left.
 *
 * Context: may sleep.
 */
void lg_deliver_irqs(struct lguest *lg)
{
	unsigned int i;

	for (i = 0; i < LG_IRQS; i++) {
		if (!deliver_irq(lg))
			return;
	}
	lg_irqs_again(lg);
}

/**
 * lg_set_irq() - raise an irq, and make sure that the guest notices
 * @lg: the guest
 * @irq: its number, below %LG_IRQS
 *
 * Context: any, from any CPU.
 */
void lg_set_irq(struct lguest *lg, unsigned int irq)
{
	set_bit(irq, &lg->irqs_pending);
	lg_wake(lg);
}

/**
 * lg_load_idt_entry() - LHCALL_LOAD_IDT_ENTRY
 * @lg: the guest; its own task calls
 * @nr: vector
 * @low: the gate's low word
 * @high: its high word
 */
void lg_load_idt_entry(struct lguest *lg, u32 nr, u32 low, u32 high)
{
	u32 type = high & LG_GATE_TYPE;

	if (nr >= LG_IDT_ENTRIES) {
		lg_kill(lg, "bad IDT entry %u", nr);
		return;
	}
	nr = array_index_nospec(nr, LG_IDT_ENTRIES);
	/* NMI, double fault, spurious irq and hypercall stay the host's. */
	if (nr == 2 || nr == TRAP_DF || nr == TRAP_SPURIOUS ||
	    nr == LG_VECTOR_HYPERCALL)
		return;
	if (!(high & LG_GATE_PRESENT)) {
		low = 0;
		high = 0;
	} else if (type != LG_GATE_INTERRUPT && type != LG_GATE_TRAP) {
		lg_kill(lg, "bad IDT gate type %#x for vector %u", type >> 8,
			nr);
		return;
	}
	lg->idt[nr].low = low;
	lg->idt[nr].high = high;
	lg_vcpu_update_handlers(lg);
}

/**
 * lg_set_stack() - LHCALL_SET_STACK: the stack for traps from ring 3
 * @lg: the guest; its own task calls
 * @ss: stack segment, RPL 1
 * @esp: its top
 * @pages: how many pages of it must not fault
 *
 * Context: may sleep.
 */
void lg_set_stack(struct lguest *lg, u32 ss, u32 esp, u32 pages)
{
	if ((ss & 3) != LG_KERNEL_RPL) {
		lg_kill(lg, "bad stack segment %#x", ss);
		return;
	}
	if (pages > STACK_PAGES_MAX) {
		lg_kill(lg, "bad stack: %u pages", pages);
		return;
	}
	lg->kernel_esp = esp;
	/* All tasks of a guest have their stacks in one segment. */
	if (ss == lg->kernel_ss) {
		lg_vcpu_move_stack(lg);
		return;
	}
	lg->kernel_ss = ss;
	lg_vcpu_update_handlers(lg);
}

/**
 * lg_set_clockevent() - LHCALL_SET_CLOCKEVENT: irq 0 in a while
 * @lg: the guest; its own task calls
 * @ns: nanoseconds from now, 0 for never
 *
 * Context: may sleep.
 */
void lg_set_clockevent(struct lguest *lg, u32 ns)
{
	if (!ns)
		hrtimer_cancel(&lg->clock);
	else
		hrtimer_start(&lg->clock, ns_to_ktime(ns), HRTIMER_MODE_REL);
}

static enum hrtimer_restart clock_fired(struct hrtimer *timer)
{
	lg_set_irq(container_of(timer, struct lguest, clock), 0);
	return HRTIMER_NORESTART;
}

/*
 * The timer's interrupt brings the guest out, or the wake does if the guest has
 * moved to another CPU. A guest that is out must not go in without another look.
 */
static enum hrtimer_restart irq_window_opened(struct hrtimer *timer)
{
	struct lguest *lg = container_of(timer, struct lguest, irq_window);

	lg_irqs_again(lg);
	lg_wake(lg);
	return HRTIMER_NORESTART;
}

/**
 * lg_init_interrupts() - no irq pending, no timer armed
 * @lg: a new guest
 */
void lg_init_interrupts(struct lguest *lg)
{
	lg_irqs_again(lg);
	hrtimer_setup(&lg->clock, clock_fired, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL);
	hrtimer_setup(&lg->irq_window, irq_window_opened, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED);
}

/**
 * lg_stop_timers() - stop the guest's timers for good
 * @lg: a guest that nobody runs any more
 *
 * Context: may sleep.
 */
void lg_stop_timers(struct lguest *lg)
{
	hrtimer_cancel(&lg->clock);
	hrtimer_cancel(&lg->irq_window);
}
