/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of lg.ko share: the guest, and who does what to it. */
#ifndef LG_H
#define LG_H

#include <linux/atomic.h>
#include <linux/hrtimer.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "include/uapi/linux/lguest_launcher.h"
#include "shadow/shadow.h"

#define LG_IRQS			32	/* irq n is the guest's vector 32 + n */
#define LG_GDT_ENTRIES		32
#define LG_IDT_ENTRIES		256
#define LG_RING_ENTRIES		64	/* asynchronous hypercalls */
#define LG_REASON_LEN		192

/* Vectors with a meaning to both guest and host (ABI.md sections 3 and 5). */
#define LG_VECTOR_HYPERCALL	0x1f
#define LG_VECTOR_IRQ_BASE	0x20
#define LG_VECTOR_SYSCALL	0x80

/* Offsets in struct lguest_data: the guest's interrupt flag, and a fault's cr2 */
#define LG_DATA_IRQ_ENABLED	0
#define LG_DATA_CR2		8

/* How many pages of the direct map the switcher remembers */
#define LG_DIRECT_MAP_PAGES		64

/* The traps that Launchers are told of */
#define LG_TRAP_GP		13
#define LG_TRAP_PF		14

/* In DR6: the debug exception is for a single step (SDM volume 3, section 17.2.3). */
#define LG_DR6_STEP		BIT(14)

/* Selectors a guest starts with: entries 12 and 13, ring 1. */
#define LG_KERNEL_CS		0x61
#define LG_KERNEL_DS		0x69
#define LG_KERNEL_RPL		1

/**
 * struct lg_regs - the guest's registers while it is out
 *
 * The guest has no upper halves of the general registers. iretq pops the first
 * five, so these have 64 bits each. @dr6 is of the last debug exception.
 */
struct lg_regs {
	u64 eip, cs, eflags, esp, ss;
	u32 eax, ebx, ecx, edx, esi, edi, ebp;
	u32 ds, es, fs, gs;
	u32 vector, error_code;
	u32 cr2;
	u32 dr6;
};

/**
 * struct lg_desc - a descriptor, as the two words that the ABI's calls pass
 */
struct lg_desc {
	u32 low, high;
};

/**
 * struct lg_hcall - the arguments of a hypercall, direct or from the ring
 */
struct lg_hcall {
	u32 nr;
	u32 arg1, arg2, arg3, arg4;
};

/* Flags of a task that must return to user mode, or at least go there and back */
#define LG_THREAD_MUST_LEAVE	(BIT(TIF_SIGPENDING) | BIT(TIF_NOTIFY_SIGNAL) | \
				 BIT(TIF_NOTIFY_RESUME) | \
				 BIT(TIF_PATCH_PENDING))
/* The same, and flags of a task whose CPU is wanted */
#define LG_THREAD_WORK	(LG_THREAD_MUST_LEAVE | BIT(TIF_NEED_RESCHED) | \
			 BIT(TIF_NEED_RESCHED_LAZY))

struct cred;
struct lg_insn;
struct lg_vcpu;
struct lg_data_layout;

/**
 * struct lguest - one open file, one guest, one vCPU
 *
 * @task runs the guest, and only @task touches what has no lock beside it.
 * All threads in @mm may raise an irq, tie an eventfd, or look whether the guest
 * is dead. Others may not use the file.
 */
struct lguest {
	/* The file: who opened it, who made the guest, and if there is one yet. */
	struct mm_struct *mm;
	const struct cred *cred;
	struct mutex init_lock;		/* against two INITIALIZEs at once */
	bool initialized;		/* store-release, after all below */
	struct task_struct *task;
	struct mutex eventfd_lock;	/* the two below */
	struct xarray eventfds;		/* by the address notified */
	unsigned int eventfd_count;

	/* The guest's memory: the Launcher's, in @mm at @base. */
	unsigned long base;
	u32 pfn_limit;
	u32 device_limit;		/* end of the device pages above it */
	struct lg_mmu mmu;

	/* Death: @reason is written before @dead is set, never after. */
	int dead;			/* 0; -ENOENT, with @reason; or -ERESTART */
	char reason[LG_REASON_LEN];

	/* The vCPU as the guest made it. */
	struct lg_regs *regs;
	struct lg_desc *gdt;		/* as the CPU sees it, made safe */
	struct lg_desc idt[LG_IDT_ENTRIES];
	u32 kernel_ss, kernel_esp;	/* LHCALL_SET_STACK */
	bool ts;			/* the guest's cr0.TS */
	bool halted;
	struct lg_vcpu *vcpu;		/* the CPU's side of it */
	u32 *direct_map;		/* the pages that the switcher knows */

	/* struct lguest_data, in the guest's memory. */
	u32 data;			/* gpa */
	u32 data_gva;			/* in the direct map; 0 if not known */
	const struct lg_data_layout *layout;	/* NULL before LGUEST_INIT */
	u32 kernel_address;
	u32 noirq_start, noirq_end;
	unsigned int ring_next;

	/* What is under way. It survives a return to the Launcher. */
	bool hcall_pending;
	struct lguest_pending pending;	/* for read(2), unless .trap is 0 */
	u32 pf_error_code;		/* of the page fault in @pending */
	bool wants_records;		/* this read(2) takes all of @pending */
	bool reg_wanted;		/* the next read(2) takes @reg_value */
	u32 reg_value;

	/* Interrupts: any CPU sets bits, the vCPU clears them. */
	unsigned long irqs_pending;
	unsigned long irqs_unseen;	/* those that would be new to the vCPU */
	bool told_pending;		/* what we last wrote to irq_pending */
	wait_queue_head_t wait;
	struct hrtimer clock;
	struct hrtimer irq_window;
};

/* core.c: the run loop */
int lg_run(struct lguest *lg);

/* guest/life.c: the end of a guest */
__printf(2, 3) void lg_kill(struct lguest *lg, const char *fmt, ...);
void lg_restart(struct lguest *lg);
void lg_wake(struct lguest *lg);

static inline bool lg_is_dead(struct lguest *lg)
{
	/* Pairs with die(). */
	return smp_load_acquire(&lg->dead);
}

/**
 * lg_data_ready() - whether there is a struct lguest_data
 * @lg: the guest
 *
 * Return: true from LGUEST_INIT on.
 */
static inline bool lg_data_ready(struct lguest *lg)
{
	return lg->layout;
}

/* For the reason of a guest's end: what is likely if it comes as early as this */
#define LG_HYPERCALL_HINT \
	"; this kernel never made an lguest hypercall: was it built with CONFIG_LGUEST_GUEST?"

static inline const char *lg_hypercall_hint(struct lguest *lg)
{
	return lg_data_ready(lg) ? "" : LG_HYPERCALL_HINT;
}

/**
 * lg_irqs_are_new() - whether an irq came since lg_deliver_irqs() looked
 * @lg: the guest
 *
 * Context: any.
 * Return: true if it should look again.
 */
static inline bool lg_irqs_are_new(struct lguest *lg)
{
	return READ_ONCE(lg->irqs_pending) & READ_ONCE(lg->irqs_unseen);
}

/**
 * lg_irqs_again() - let all pending irqs count as new
 * @lg: the guest
 *
 * Context: any.
 */
static inline void lg_irqs_again(struct lguest *lg)
{
	WRITE_ONCE(lg->irqs_unseen, ~0UL);
}

/* All roots share the directories that lie wholly above kernel_address. */
static inline bool lg_is_shared(struct lguest *lg, u32 gva)
{
	return lg->kernel_address &&
	       (gva & LG_DIRECTORY_MASK) >= lg->kernel_address;
}

/*
 * Where the Launcher has a gpa, which must be in the guest's memory. A CPU that guesses past
 * the check of that gets the guest's first page.
 */
static inline void __user *lg_user_address(struct lguest *lg, u32 gpa)
{
	unsigned long size = (unsigned long)lg->pfn_limit << PAGE_SHIFT;

	return (void __user *)(lg->base + array_index_nospec((unsigned long)gpa, size));
}

/* guest/memory.c: how the host reads and writes the guest's memory */
void lg_memory_gone(struct lguest *lg, u32 gpa);
bool lg_in_memory(struct lguest *lg, u32 gpa, u32 len);
bool lg_read(struct lguest *lg, u32 gpa, void *to, u32 len);
bool lg_compare_entries(struct lguest *lg, u32 gpa, u32 size, u32 *seen,
			const u64 *sptes, unsigned long *changed);
bool lg_read_entries(struct lguest *lg, u32 gpa, u32 size, unsigned long wanted,
		     u64 *entries);
bool lg_write(struct lguest *lg, u32 gpa, const void *from, u32 len);
bool lg_get_entry(struct lguest *lg, u32 gpa, u32 size, u64 *entry);
bool lg_get_words(struct lguest *lg, u32 gpa, u32 *words, unsigned int count);
bool lg_put_words(struct lguest *lg, u32 gpa, const u32 *words,
		  unsigned int count);
bool lg_get_u32(struct lguest *lg, u32 gpa, u32 *val);
bool lg_put_u32(struct lguest *lg, u32 gpa, u32 val);

/* guest/linear.c: the same by linear address */
bool lg_read_linear(struct lguest *lg, u32 gva, void *to, u32 len);
bool lg_write_linear(struct lguest *lg, u32 gva, const void *from, u32 len);
u32 lg_fetch_insn(struct lguest *lg, u8 *insn, u32 size);

/* guest/data.c: the page the guest shares with us */
bool lg_data_init(struct lguest *lg, u32 gpa, u32 *kernel_address);
bool lg_data_answer(struct lguest *lg, u32 tsc_khz);
bool lg_data_irq_enabled(struct lguest *lg, u32 *flags);
bool lg_data_set_irq_enabled(struct lguest *lg, bool on);
bool lg_data_swap_irq_enabled(struct lguest *lg, bool clear, u32 *flags);
bool lg_data_set_irq_pending(struct lguest *lg, bool on);
bool lg_data_blocked(struct lguest *lg, u32 *blocked);
bool lg_data_set_cr2(struct lguest *lg, u32 cr2);
bool lg_data_set_wallclock(struct lguest *lg);
bool lg_data_ring_is_empty(struct lguest *lg);
bool lg_data_ring_take(struct lguest *lg, struct lg_hcall *call);
const struct lg_data_layout *lg_data_find_layout(const u32 *words);

/* hypercalls.c */
void lg_do_hypercalls(struct lguest *lg);

/* guest/segments.c: which of a guest's descriptors reach the CPU */
bool lg_sanitize_descriptor(struct lg_desc *desc);
void lg_init_gdt(struct lguest *lg);
void lg_load_gdt_entry(struct lguest *lg, u32 nr, u32 low, u32 high);
bool lg_load_tls(struct lguest *lg, u32 gpa);
bool lg_segment_is_flat(struct lguest *lg, u32 selector);
u32 lg_segment_base(struct lguest *lg, u32 selector);

/* The linear address of EIP */
static inline u32 lg_insn_address(struct lguest *lg)
{
	return lg_segment_base(lg, lg->regs->cs) + lg->regs->eip;
}

bool lg_segment_is_16bit(struct lguest *lg, u32 selector);
u32 lg_stack_mask(struct lguest *lg, u32 selector);
bool lg_drop_selector(struct lguest *lg, u32 error_code);

/* interrupts_and_traps.c */
void lg_handle_other_trap(struct lguest *lg);
int lg_inject_trap(struct lguest *lg, unsigned long vector);
void lg_deliver_irqs(struct lguest *lg);
void lg_set_irq(struct lguest *lg, unsigned int irq);
void lg_load_idt_entry(struct lguest *lg, u32 nr, u32 low, u32 high);
void lg_set_stack(struct lguest *lg, u32 ss, u32 esp, u32 pages);
void lg_set_clockevent(struct lguest *lg, u32 ns);
void lg_init_interrupts(struct lguest *lg);
void lg_stop_timers(struct lguest *lg);

/**
 * lg_handle_trap() - act on why the guest came out
 * @lg: the guest, with the registers that it came out with; its own task calls
 *
 * Context: may sleep.
 */
static inline void lg_handle_trap(struct lguest *lg)
{
	/* Hypercalls come most, so they skip the call. */
	if (likely(lg->regs->vector == LG_VECTOR_HYPERCALL))
		lg->hcall_pending = true;
	else
		lg_handle_other_trap(lg);
}

/* guest/emulate.c: the few instructions that fault for lack of privilege */
bool lg_resets_pc(u16 port, u8 val);
bool lg_is_ins(struct lguest *lg, const struct lg_insn *insn, u32 *gva, u32 *len);
bool lg_emulate_insn(struct lguest *lg, struct lg_insn *insn);
bool lg_emulate_rdtsc(struct lguest *lg, u64 tsc);
bool lg_is_vmcall(struct lguest *lg);

/* guest/system_registers.c: what it reads and writes of these */
bool lg_emulate_system_register(struct lguest *lg, u8 opcode, u8 modrm);

/* launcher_io.c: ports and device pages that the Launcher emulates */
int lg_get_reg(struct lguest *lg, unsigned long offset);
int lg_set_reg(struct lguest *lg, unsigned long offset, u32 value);
bool lg_defer_port_access(struct lguest *lg);
bool lg_defer_device_access(struct lguest *lg, u32 gva, u32 error_code);

/* notify.c: eventfds in place of returns to the Launcher */
int lg_assign_eventfd(struct lguest *lg, unsigned long address, int fd);
bool lg_signal_eventfd(struct lguest *lg, u32 address);
void lg_free_eventfds(struct lguest *lg);

/* lguest_user.c: /dev/lguest */
int lg_check_geometry(unsigned long base, unsigned long pages,
		      unsigned long start, unsigned long device_pages);
struct lguest *lg_create(void);
void lg_destroy(struct lguest *lg);
ssize_t lg_request(struct lguest *lg, const char __user *buf, size_t size);
int lg_device_init(void);
void lg_device_exit(void);

#endif /* LG_H */
