// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU and the CPU under it: this file saves the host's state, brings it back,
 * and runs the guest for one stretch in between.
 *
 * The guest's state replaces two kinds of the host's. State that the kernel itself
 * needs (tables, CR4, GS, stack) changes with every world switch, in switcher.S.
 * State that only the task needs in user mode (segment registers, FS and GS bases,
 * LDT, SYSCALL) stays away until the task leaves the CPU or returns to user mode.
 * Documentation/host-contract.rst goes through all that the kernel expects.
 */
#include <linux/context_tracking.h>
#include <linux/ftrace.h>
#include <linux/hw_breakpoint.h>
#include <linux/io.h>
#include <linux/irqflags.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/mmu_context.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/tlbflush.h>
#include <asm/trapnr.h>
#include <asm/tsc.h>

#include "../compat.h"
#include "../cpu.h"
#include "../guest/gates.h"
#include "../guest/tables.h"
#include "../shadow/lookup.h"
#include "x86.h"

/*
 * CR4 bits that must be clear in the guest: SMAP, because ring 1 reads and
 * writes its user's pages; LASS, because ring 1 counts as a supervisor, which LASS
 * keeps out of the lower half; OSXSAVE, because the guest's kernel would not save
 * what AVX adds; protection keys, CET and user interrupts, because nobody
 * would switch their registers; RDPMC and TSD, because they are the task's.
 * Neither PGE nor PCIDE nor (as a rule) SMEP may change: that flushes the TLB.
 */
#define CR4_CET		BIT_ULL(23)
#define CR4_PKS		BIT_ULL(24)
#define CR4_UINTR	BIT_ULL(25)
#define CR4_LASS	BIT_ULL(27)
#define CR4_NOT_FOR_GUESTS	(X86_CR4_SMAP | X86_CR4_OSXSAVE | \
				 X86_CR4_PKE | X86_CR4_PCE | X86_CR4_TSD | \
				 CR4_CET | CR4_PKS | CR4_UINTR | CR4_LASS)

/* EFLAGS that are the guest's own; IF is always set, IOPL always 0. */
#define GUEST_EFLAGS	(X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | \
			 X86_EFLAGS_ZF | X86_EFLAGS_SF | X86_EFLAGS_TF | \
			 X86_EFLAGS_DF | X86_EFLAGS_OF | X86_EFLAGS_NT | \
			 X86_EFLAGS_RF | X86_EFLAGS_AC | X86_EFLAGS_ID)

unsigned int lg_pcid_mode = 1;
module_param_named(pcid, lg_pcid_mode, uint, 0444);
MODULE_PARM_DESC(pcid,
		 "Keep what the TLB has of guests by PCIDs: 0 never, 1 on CPUs that have them (default), 2 keep books of it on others as well, for tests");

/* Whether we keep books of PCIDs */
static bool keeps_pcids;
/* Which bits of lg_pcid_choose()'s answers go into CR3: all, or none */
static u64 pcid_mask;
/* CR3's bit that keeps what the TLB has of the host, or 0 without PCIDs */
static u64 host_noflush;

static __always_inline u32 read_ldt(void)
{
	u16 selector;

	asm volatile("sldt %0" : "=r"(selector));
	return selector;
}

static void load_ldt_selector(u16 selector)
{
	asm volatile("lldt %0" : : "r"(selector));
}

/*
 * A suspend may reset the TSC of all CPUs (kvm_arch_hardware_enable() handles that,
 * too). The guest must not see it, so from then on its RDTSC faults.
 */
static void check_tsc(struct lg_vcpu *vcpu)
{
	u64 tsc = rdtsc();

	if (likely(tsc >= vcpu->tsc) || !lg_cpu_tsc_khz())
		return;
	vcpu->tsc_offset += vcpu->tsc - tsc;
	vcpu->cr4_on |= X86_CR4_TSD;
}

/*
 * Save the task's state: from here on the guest's may replace it. Not inline, lest
 * each entry save registers for it.
 */
static noinline void load_state(struct lg_vcpu *vcpu)
{
	struct lg_switch *sw = vcpu->sw;

	savesegment(ds, vcpu->ds);
	savesegment(es, vcpu->es);
	savesegment(fs, vcpu->fs);
	savesegment(gs, vcpu->gs);
	rdmsrq(MSR_FS_BASE, vcpu->fs_base);
	rdmsrq(MSR_KERNEL_GS_BASE, vcpu->gs_base);
	vcpu->ldt = 0;
	/* Other guests may have used the same PCIDs, or this is another CPU. */
	if (keeps_pcids)
		lg_pcid_forget(&vcpu->pcids);

	native_store_gdt(&sw->host_gdtr);
	store_idt(&sw->host_idtr);
	check_tsc(vcpu);
	lg_msrs_load(&vcpu->msrs);
	if (lg_async_pf_by_msr)
		vcpu->async_pf_msr = lg_async_pf_disable();
	/* A debugger's BTF would change what the guest's single steps are. */
	vcpu->debugctl = 0;
	if (unlikely(test_thread_flag(TIF_BLOCKSTEP))) {
		vcpu->debugctl = get_debugctlmsr() & DEBUGCTLMSR_BTF;
		update_debugctlmsr(get_debugctlmsr() & ~DEBUGCTLMSR_BTF);
	}
	/*
	 * If the task has I/O permissions, they are in the TSS since it last was in
	 * user mode, and the guest would have them, too. The kernel puts them back
	 * on the next return to user mode.
	 */
	this_cpu_write(cpu_tss_rw.x86_tss.io_bitmap_base,
		       IO_BITMAP_OFFSET_INVALID);
	vcpu->loaded = true;
}

/* Bring the task's own state back, if load_state() has saved it. */
static void put_state(struct lg_vcpu *vcpu)
{
	unsigned long flags;

	local_irq_save(flags);
	if (vcpu->loaded) {
		vcpu->loaded = false;
		if (vcpu->ldt)
			load_ldt_selector(vcpu->ldt);
		loadsegment(ds, vcpu->ds);
		loadsegment(es, vcpu->es);
		loadsegment(fs, vcpu->fs);
		wrmsrq(MSR_FS_BASE, vcpu->fs_base);
		load_gs_index(vcpu->gs);
		wrmsrq(MSR_KERNEL_GS_BASE, vcpu->gs_base);
		vcpu->tsc = rdtsc();
		lg_msrs_put(&vcpu->msrs);
		if (lg_async_pf_by_msr)
			lg_async_pf_enable(vcpu->async_pf_msr);
		if (vcpu->debugctl)
			update_debugctlmsr(get_debugctlmsr() | vcpu->debugctl);
	}
	local_irq_restore(flags);
}

static void sched_in(struct preempt_notifier *notifier, int cpu)
{
}

static void sched_out(struct preempt_notifier *notifier,
		      struct task_struct *next)
{
	put_state(container_of(notifier, struct lg_vcpu, notifier));
}

static struct preempt_ops preempt_ops = {
	.sched_in = sched_in,
	.sched_out = sched_out,
};

/**
 * lg_vcpu_load() - let the calling task run the guest
 * @lg: the guest
 *
 * Context: may sleep.
 */
void lg_vcpu_load(struct lguest *lg)
{
	preempt_disable();
	preempt_notifier_register(&lg->vcpu->notifier);
	preempt_enable();
}

/**
 * lg_vcpu_put() - undo lg_vcpu_load(), with the task's own state back
 * @lg: the guest
 *
 * Context: may sleep.
 */
void lg_vcpu_put(struct lguest *lg)
{
	preempt_disable();
	preempt_notifier_unregister(&lg->vcpu->notifier);
	put_state(lg->vcpu);
	preempt_enable();
}

/**
 * lg_vcpu_was_away() - whether others had the CPU since the guest last ran
 * @lg: the guest; its own task calls
 *
 * The Launcher counts as one of the others.
 *
 * Context: any. The answer lasts only while preemption is off.
 * Return: true if others had the CPU.
 */
bool lg_vcpu_was_away(struct lguest *lg)
{
	return !READ_ONCE(lg->vcpu->loaded);
}

/* Read the host's each time: an IPI may have changed them since the last entry. */
static void choose_control_registers(struct lguest *lg, struct lg_vcpu *vcpu,
				     struct lg_switch *sw)
{
	u64 cr4;

	/* The TLB may keep the host's translations: a guest changes none. */
	sw->host_cr3 = __read_cr3() | host_noflush;
	cr4 = __read_cr4();
	sw->host_cr4 = cr4;

	/*
	 * PCID 0, which the host does not use, and which starts empty; unless
	 * lg_vcpu_enter() adds another PCID.
	 */
	sw->guest_cr3 = lg->mmu.root->cr3;
	cr4 &= ~CR4_NOT_FOR_GUESTS;
	if (lg->mmu.executes_user)
		cr4 &= ~X86_CR4_SMEP;
	sw->guest_cr4 = cr4 | vcpu->cr4_on;
}

/*
 * Call this only once others see that the guest is in. Then a change of its tables
 * that we miss here brings it out again.
 */
static u64 choose_pcid(struct lguest *lg)
{
	struct lg_root *root = lg->mmu.root;

	return lg_pcid_choose(&lg->vcpu->pcids, root->id, lg_tlb_gen(&lg->mmu, root)) &
	       pcid_mask;
}

/*
 * Two things cannot wait. CR2 is good only until the next exception.
 * And an NMI must go to the host before anybody executes an IRET: the host's
 * handler counts on the CPU to hold back the next NMI until it is under way
 * itself. Return whether what is left is the guest's.
 */
static noinstr bool take_at_once(struct lg_switch *sw)
{
	struct lg_regs *regs = &sw->regs;
	bool page_fault = regs->vector == X86_TRAP_PF;

	if (likely(page_fault)) {
		u64 cr2 = native_read_cr2();

		regs->cr2 = cr2;
		if (lg_async_pf)
			sw->async_pf_flags = lg_async_pf_flags();
		if (unlikely(cr2 > U32_MAX || sw->async_pf_flags)) {
			sw->cr2 = cr2;
			page_fault = false;
		}
	}
	if (unlikely(regs->vector == X86_TRAP_NMI || sw->nmi_pending)) {
		if (regs->vector == X86_TRAP_NMI)
			lg_set_interrupted(regs, true);
		sw->nmi_pending = 0;
		lg_give_to_host(X86_TRAP_NMI);
		lg_set_interrupted(NULL, false);
	}
	return page_fault && !sw->mce_pending;
}

/*
 * No probe or tracer may run between the host's state and the guest's, nor
 * before the host has had an NMI: hence noinstr. Return whether what is left is
 * the guest's.
 */
static noinstr bool switch_worlds(struct lg_switch *sw)
{
	lockdep_hardirqs_on(CALLER_ADDR0);
	/* Clobbers what a call in C does, except that %rdi keeps @sw. */
	asm volatile("call lg_switch_to_guest"
		     : ASM_CALL_CONSTRAINT, "+D"(sw)
		     : : "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11",
			 "cc", "memory");
	lockdep_hardirqs_off(CALLER_ADDR0);
	if (likely(sw->regs.vector == LG_VECTOR_HYPERCALL && !sw->pending))
		return true;
	return take_at_once(sw);
}

/* Context tracking tells RCU of user mode. A guest counts as user mode. */
static noinstr bool switch_worlds_tracked(struct lg_switch *sw)
{
	bool guests;

	context_tracking_guest_enter();
	guests = switch_worlds(sw);
	context_tracking_guest_exit();
	return guests;
}

/*
 * To lockdep and the tracers, interrupts are on in a guest. We tell them as KVM
 * does (guest_state_enter_irqoff() and _exit_irqoff()), but for
 * rcu_virt_note_context_switch(), which the run loop calls less often.
 */
static __always_inline bool enter_and_exit(struct lg_switch *sw)
{
	bool guests;

	trace_hardirqs_on_prepare();
	lockdep_hardirqs_on_prepare();
	if (context_tracking_enabled())
		guests = switch_worlds_tracked(sw);
	else
		guests = switch_worlds(sw);
	trace_hardirqs_off_finish();
	return guests;
}

/**
 * lg_vcpu_enter() - run the guest for one stretch
 * @lg: the guest; its own task calls, between lg_vcpu_load() and _put()
 *
 * On return &lg_regs.vector has the reason for the exit. The host has had what was
 * its own: interrupts, NMIs, machine checks.
 *
 * Context: interrupts off; they may have been on in between.
 */
void lg_vcpu_enter(struct lguest *lg)
{
	struct lg_vcpu *vcpu = lg->vcpu;
	struct lg_switch *sw = vcpu->sw;
	struct lg_regs *regs = &sw->regs;
	bool breakpoints = hw_breakpoint_active();
	bool guests;
	u16 ldt;

	/* One test covers both rings that a guest can be in. */
	if (WARN_ON_ONCE(!(regs->cs & regs->ss & 3))) {
		lg_kill(lg, "cs:ss %llx:%llx are not a guest's", regs->cs,
			regs->ss);
		return;
	}
	regs->eflags = (regs->eflags & GUEST_EFLAGS) | X86_EFLAGS_IF |
		       X86_EFLAGS_FIXED;

	if (unlikely(!vcpu->loaded))
		load_state(vcpu);
	/* Another thread of the Launcher may have set an LDT just now. */
	ldt = read_ldt();
	if (unlikely(ldt)) {
		vcpu->ldt = ldt;
		load_ldt_selector(0);
	}
	choose_control_registers(lg, vcpu, sw);
	if (vcpu->fpu_always || (vcpu->fpu_stretches && !lg->ts))
		lg_fpu_load(vcpu, lg->ts);
	if (unlikely(breakpoints))
		set_debugreg(0UL, 7);

	/* Pairs with lg_vcpu_kick_and_wait(): it sees us, or we see its tlb_gen. */
	smp_store_mb(vcpu->cpu, smp_processor_id());
	if (keeps_pcids)
		sw->guest_cr3 |= choose_pcid(lg);
	guests = enter_and_exit(sw);
	/* Whoever sees us out may free what we used. */
	smp_store_release(&vcpu->cpu, -1);

	if (unlikely(breakpoints))
		set_debugreg(__this_cpu_read(cpu_dr7), 7);
	if (vcpu->fpu_loaded)
		lg_fpu_save(vcpu);
	if (!guests)
		lg_sort_event(lg);
}

static void came_out(void *unused)
{
}

/**
 * lg_vcpu_kick_and_wait() - bring the guest out, so that the TLB forgets
 * @lg: the guest; the caller has zapped or aged sptes and called lg_inc_tlb_gen()
 *
 * The next entry sees by &lg_mmu.tlb_gen that the TLB must forget. So it is enough
 * that the guest comes out if it is in.
 *
 * Context: interrupts on; does not sleep.
 */
void lg_vcpu_kick_and_wait(struct lguest *lg)
{
	int cpu;

	/* Pairs with lg_vcpu_enter(). */
	smp_mb();
	cpu = READ_ONCE(lg->vcpu->cpu);
	if (cpu >= 0)
		smp_call_function_single(cpu, came_out, NULL, 1);
}

/**
 * lg_cpu_has_umip() - whether SGDT, SIDT, SLDT, STR and SMSW are faults in guests
 *
 * Return: true if so.
 */
bool lg_cpu_has_umip(void)
{
	return boot_cpu_has(X86_FEATURE_UMIP);
}

/**
 * lg_vcpu_update_walk() - tell the switcher where it can walk the guest's tables
 * @lg: the guest; its top-level table, or what the switcher knows of its direct
 *	map, may have changed; its own task calls
 */
void lg_vcpu_update_walk(struct lguest *lg)
{
	struct lg_switch *sw = lg->vcpu->sw;
	u32 top = lg->mmu.root->gpa;

	sw->walk_top = sw->page_fault.eip && lg_direct_map_known(lg, top) ?
		       lg->kernel_address + top : 0;
}

static void reflect_to(struct lg_reflected *handler, const struct lg_desc *gate)
{
	bool masks_irqs;

	if (lg_gate_handler(gate, &handler->eip, &masks_irqs))
		handler->if_keep = masks_irqs ? 0 : U32_MAX;
}

/**
 * lg_vcpu_update_handlers() - tell the switcher which traps to reflect, and how
 * @lg: the guest; its gates, stack, stack segment, or address of its struct
 *	lguest_data may have changed; its own task calls
 *
 * The switcher handles only the common case: a flat stack, the guest's
 * interrupt flag at a known address, and for system calls and breakpoints a gate
 * that ring 3 may use. It leaves all else to C.
 */
void lg_vcpu_update_handlers(struct lguest *lg)
{
	const struct lg_desc *syscall = &lg->idt[LG_VECTOR_SYSCALL];
	const struct lg_desc *breakpoint = &lg->idt[X86_TRAP_BP];
	struct lg_switch *sw = lg->vcpu->sw;

	sw->syscall.eip = 0;
	sw->page_fault.eip = 0;
	sw->breakpoint.eip = 0;
	sw->debug.eip = 0;
	if (lg->data_gva && !(lg->data_gva % sizeof(u32)) &&
	    lg_segment_is_flat(lg, lg->kernel_ss)) {
		sw->irq_enabled = lg->data_gva + LG_DATA_IRQ_ENABLED;
		sw->handler_esp = lg->kernel_esp;
		sw->handler_ss = lg->kernel_ss;
		if (lg_gate_dpl(syscall) == 3)
			reflect_to(&sw->syscall, syscall);
		if (lg_gate_dpl(breakpoint) == 3)
			reflect_to(&sw->breakpoint, breakpoint);
		reflect_to(&sw->debug, &lg->idt[X86_TRAP_DB]);
		reflect_to(&sw->page_fault, &lg->idt[LG_TRAP_PF]);
		sw->page_fault_bits = lg_error_code_bits(lg);
		sw->walk_pae = lg->mmu.pae;
		sw->walk_offset = lg->kernel_address;
		sw->walk_limit = lg->device_limit;
	}
	lg_vcpu_update_walk(lg);
}

/**
 * lg_vcpu_move_stack() - tell the switcher of a new stack in the same segment
 * @lg: the guest; nothing else of its handlers has changed; its own task calls
 */
void lg_vcpu_move_stack(struct lguest *lg)
{
	lg->vcpu->sw->handler_esp = lg->kernel_esp;
}

/**
 * lg_vcpu_fault_in_segment_load() - whether an entry faulted at a segment register
 * @lg: the guest, out with %LG_VECTOR_ENTRY_FAULT; its own task calls
 *
 * Return: true if it was at the load of DS, ES, FS or GS.
 */
bool lg_vcpu_fault_in_segment_load(struct lguest *lg)
{
	u64 rip = lg->vcpu->sw->fault_rip;

	return rip >= (unsigned long)lg_switcher_segments &&
	       rip < (unsigned long)lg_switcher_segments_end;
}

/**
 * lg_cpu_tsc_khz() - how fast the TSC counts
 *
 * Return: kHz, or 0 if guests should not use the TSC.
 */
u32 lg_cpu_tsc_khz(void)
{
	if (!boot_cpu_has(X86_FEATURE_CONSTANT_TSC) || check_tsc_unstable())
		return 0;
	return tsc_khz;
}

/**
 * lg_vcpu_read_tsc() - read the TSC for a guest that can't read it itself
 * @lg: the guest; its own task calls
 * @tsc: set to the guest's TSC, if this returns true
 *
 * Return: true if the guest's RDTSC faults.
 */
bool lg_vcpu_read_tsc(struct lguest *lg, u64 *tsc)
{
	if (!(lg->vcpu->cr4_on & X86_CR4_TSD))
		return false;
	*tsc = rdtsc() + lg->vcpu->tsc_offset;
	return true;
}

/**
 * lg_vcpu_init() - make the CPU's side of a new guest
 * @lg: the guest
 *
 * Sets &lguest.vcpu, .regs, .gdt and .direct_map.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int lg_vcpu_init(struct lguest *lg)
{
	struct lg_switch *sw;
	struct lg_vcpu *vcpu;
	u64 *host_gdt;

	vcpu = kzalloc(sizeof(*vcpu), GFP_KERNEL_ACCOUNT);
	if (!vcpu)
		return -ENOMEM;
	sw = (struct lg_switch *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!sw)
		goto free_vcpu;
	vcpu->sw = sw;
	if (lg_upper_create(vcpu))
		goto free_switch;
	vcpu->cpu = -1;
	if (lg_cpu_has_umip())
		vcpu->cr4_on = X86_CR4_UMIP;
	preempt_notifier_init(&vcpu->notifier, &preempt_ops);
	lg_fpu_init(vcpu);

	sw->self = sw;
	lg_barrier_choose(sw);
	lg_idt_get(&sw->guest_idtr);
	sw->guest_gdtr.size = sizeof(sw->gdt) - 1;
	sw->guest_gdtr.address = LG_SWITCH_VA + offsetof(struct lg_switch, gdt);

	/* An NMI or machine check on the seam loads the host's CS from this GDT. */
	host_gdt = (u64 *)get_cpu_gdt_ro(raw_smp_processor_id());
	sw->gdt[GDT_ENTRY_KERNEL_CS] = host_gdt[GDT_ENTRY_KERNEL_CS];
	sw->gdt[GDT_ENTRY_KERNEL_DS] = host_gdt[GDT_ENTRY_KERNEL_DS];

	sw->regs.cs = LG_KERNEL_CS;
	sw->regs.ss = LG_KERNEL_DS;
	sw->regs.ds = LG_KERNEL_DS;
	sw->regs.es = LG_KERNEL_DS;
	/*
	 * A stack protector's canary is at %gs:20 or %fs:20, also in what runs before
	 * the guest's kernel has loaded these. A null selector would fault.
	 */
	sw->regs.fs = LG_KERNEL_DS;
	sw->regs.gs = LG_KERNEL_DS;

	lg->vcpu = vcpu;
	lg->regs = &sw->regs;
	lg->gdt = (struct lg_desc *)sw->gdt;
	lg->direct_map = sw->direct_map;
	return 0;

free_switch:
	free_page((unsigned long)sw);
free_vcpu:
	kfree(vcpu);
	return -ENOMEM;
}

/**
 * lg_vcpu_free() - undo lg_vcpu_init()
 * @lg: the guest, which nobody runs any more
 */
void lg_vcpu_free(struct lguest *lg)
{
	lg_upper_free(lg->vcpu);
	free_page((unsigned long)lg->vcpu->sw);
	kfree(lg->vcpu);
}

/*
 * Guests have the host's cpu_entry_area in their tables. The host maps parts of
 * it anew at times (perf does), and flushes these from its TLBs by INVLPG. That
 * reaches our PCIDs as long as these mappings are global. The host counts on
 * the same for its own PCIDs.
 */
static bool entry_area_is_global(void)
{
	const void *gdt = get_cpu_gdt_ro(raw_smp_processor_id());
	unsigned int level;
	pte_t *pte = lookup_address((unsigned long)gdt, &level);

	return pte && pte_flags(*pte) & _PAGE_GLOBAL &&
	       __read_cr4() & X86_CR4_PGE;
}

/*
 * A kernel with INVLPGB gives address spaces PCIDs of their own, from all that
 * there are. It leaves the upper half of these alone if it was built to isolate
 * page tables, and does not use INVLPGB if it does isolate them.
 */
static bool host_takes_all_pcids(void)
{
	return lg_host_has_invlpgb() &&
	       (boot_cpu_has(X86_FEATURE_PTI) ||
		!IS_ENABLED(CONFIG_MITIGATION_PAGE_TABLE_ISOLATION));
}

/* Writes the choice back to the parameter, where users can read it. */
static void choose_pcids(void)
{
	host_noflush = __read_cr4() & X86_CR4_PCIDE ? X86_CR3_PCID_NOFLUSH : 0;
	if (__read_cr4() & X86_CR4_PCIDE && entry_area_is_global() &&
	    !host_takes_all_pcids())
		pcid_mask = U64_MAX;
	else if (lg_pcid_mode == 1)
		lg_pcid_mode = 0;
	keeps_pcids = lg_pcid_mode;
}

/**
 * lg_cpu_init() - get the CPUs ready for guests
 *
 * Return: 0, -ENODEV on a host that can't have guests, or -ENOMEM.
 */
int lg_cpu_init(void)
{
	int err;

	err = lg_check_host() ?: lg_barrier_init();
	if (err)
		return err;
	err = lg_idt_init();
	if (err)
		return err;
	err = lg_upper_init();
	if (err)
		goto idt_exit;
	choose_pcids();
	lg_async_pf_init();
	lg_perf_init();
	preempt_notifier_inc();
	return 0;

idt_exit:
	lg_idt_exit();
	return err;
}

/**
 * lg_cpu_exit() - undo lg_cpu_init(), leaving no trace of us on any CPU
 */
void lg_cpu_exit(void)
{
	preempt_notifier_dec();
	lg_perf_exit();
	lg_upper_exit();
	lg_idt_exit();
}
