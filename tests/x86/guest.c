// SPDX-License-Identifier: GPL-2.0
/*
 * A guest of a few bytes of code, on the real CPU. Its Launcher's address space is
 * that of the process that loads the module.
 */
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/msr.h>
#include <asm/special_insns.h>
#include <asm/trapnr.h>

#include "guest.h"

/* Far more than any guest here takes, even on a slow emulator */
#define SECONDS_MAX	30

#define FLAGS_KEPT	(X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF | \
			 X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_AC | \
			 X86_EFLAGS_ID)

static struct mm_struct *launcher_mm;

static u64 msr(u32 nr)
{
	u64 value = 0;

	/* Not every CPU has all of them. */
	rdmsrl_safe(nr, &value);
	return value;
}

#define SELECTOR(insn)							\
({									\
	u16 _selector;							\
									\
	asm volatile(insn : "=r"(_selector));				\
	_selector;							\
})

/* Read all of the host's state, as it is now on this CPU. */
void host_read(struct host_state *state)
{
	u64 *v = state->values;
	struct desc_ptr gdt, idt;

	v[STATE_CR0] = read_cr0();
	v[STATE_CR3] = __read_cr3();
	v[STATE_CR4] = __read_cr4();
	v[STATE_EFER] = msr(MSR_EFER);
	v[STATE_STAR] = msr(MSR_STAR);
	v[STATE_LSTAR] = msr(MSR_LSTAR);
	v[STATE_CSTAR] = msr(MSR_CSTAR);
	v[STATE_SYSCALL_MASK] = msr(MSR_SYSCALL_MASK);
	v[STATE_SYSENTER_CS] = msr(MSR_IA32_SYSENTER_CS);
	v[STATE_SYSENTER_ESP] = msr(MSR_IA32_SYSENTER_ESP);
	v[STATE_SYSENTER_EIP] = msr(MSR_IA32_SYSENTER_EIP);
	v[STATE_FS_BASE] = msr(MSR_FS_BASE);
	v[STATE_GS_BASE] = msr(MSR_GS_BASE);
	v[STATE_KERNEL_GS_BASE] = msr(MSR_KERNEL_GS_BASE);
	v[STATE_TSC_AUX] = msr(MSR_TSC_AUX);
	v[STATE_PAT] = msr(MSR_IA32_CR_PAT);
	v[STATE_DEBUGCTL] = msr(MSR_IA32_DEBUGCTLMSR);
	v[STATE_SPEC_CTRL] = msr(MSR_IA32_SPEC_CTRL);
	get_debugreg(v[STATE_DR0], 0);
	get_debugreg(v[STATE_DR1], 1);
	get_debugreg(v[STATE_DR2], 2);
	get_debugreg(v[STATE_DR3], 3);
	get_debugreg(v[STATE_DR6], 6);
	get_debugreg(v[STATE_DR7], 7);
	native_store_gdt(&gdt);
	v[STATE_GDT] = gdt.address;
	v[STATE_GDT_LIMIT] = gdt.size;
	store_idt(&idt);
	v[STATE_IDT] = idt.address;
	v[STATE_IDT_LIMIT] = idt.size;
	v[STATE_LDT] = SELECTOR("sldt %0");
	v[STATE_TR] = SELECTOR("str %0");
	v[STATE_CS] = SELECTOR("mov %%cs, %0");
	v[STATE_DS] = SELECTOR("mov %%ds, %0");
	v[STATE_ES] = SELECTOR("mov %%es, %0");
	v[STATE_FS] = SELECTOR("mov %%fs, %0");
	v[STATE_GS] = SELECTOR("mov %%gs, %0");
	/* An interrupt from any ring 3 leaves a null SS, which is as good. */
	v[STATE_SS] = SELECTOR("mov %%ss, %0") ?: __KERNEL_DS;
	v[STATE_FLAGS] = native_save_fl() & FLAGS_KEPT;
}

static const char *const state_names[] = {
	[STATE_CR0] = "CR0",
	[STATE_CR3] = "CR3",
	[STATE_CR4] = "CR4",
	[STATE_EFER] = "EFER",
	[STATE_STAR] = "STAR",
	[STATE_LSTAR] = "LSTAR",
	[STATE_CSTAR] = "CSTAR",
	[STATE_SYSCALL_MASK] = "SYSCALL_MASK",
	[STATE_SYSENTER_CS] = "SYSENTER_CS",
	[STATE_SYSENTER_ESP] = "SYSENTER_ESP",
	[STATE_SYSENTER_EIP] = "SYSENTER_EIP",
	[STATE_FS_BASE] = "FS_BASE",
	[STATE_GS_BASE] = "GS_BASE",
	[STATE_KERNEL_GS_BASE] = "KERNEL_GS_BASE",
	[STATE_TSC_AUX] = "TSC_AUX",
	[STATE_PAT] = "PAT",
	[STATE_DEBUGCTL] = "DEBUGCTL",
	[STATE_SPEC_CTRL] = "SPEC_CTRL",
	[STATE_DR0] = "DR0",
	[STATE_DR1] = "DR1",
	[STATE_DR2] = "DR2",
	[STATE_DR3] = "DR3",
	[STATE_DR6] = "DR6",
	[STATE_DR7] = "DR7",
	[STATE_GDT] = "GDT",
	[STATE_GDT_LIMIT] = "GDT_LIMIT",
	[STATE_IDT] = "IDT",
	[STATE_IDT_LIMIT] = "IDT_LIMIT",
	[STATE_LDT] = "LDT",
	[STATE_TR] = "TR",
	[STATE_CS] = "CS",
	[STATE_DS] = "DS",
	[STATE_ES] = "ES",
	[STATE_FS] = "FS",
	[STATE_GS] = "GS",
	[STATE_SS] = "SS",
	[STATE_FLAGS] = "FLAGS",
};

void expect_same(struct kunit *test, const struct host_state *before,
		 const struct host_state *after, u64 but)
{
	unsigned int i;

	for (i = 0; i < STATES; i++)
		if (!(but & BIT_ULL(i)))
			KUNIT_EXPECT_EQ_MSG(test, before->values[i],
					    after->values[i], "%s",
					    state_names[i]);
}

void cpu_set_flag(unsigned int flag, bool on)
{
	unsigned long *flags = (unsigned long *)boot_cpu_data.x86_capability;

	if (on)
		set_bit(flag, flags);
	else
		clear_bit(flag, flags);
}

int cpu_suite_init(struct kunit_suite *suite)
{
	int err = lg_cpu_init();

	if (err)
		return err;
	launcher_mm = current->mm;
	mmget(launcher_mm);
	return 0;
}

void cpu_suite_exit(struct kunit_suite *suite)
{
	mmput(launcher_mm);
	lg_cpu_exit();
}

static void put_table(struct guest *g, u32 gpa, u32 flags)
{
	u32 i;

	for (i = 0; i < PAGES; i++) {
		const u32 entry = i << PAGE_SHIFT | flags;

		guest_put(g, gpa + i * sizeof(entry), &entry, sizeof(entry));
	}
}

static void put_tables(struct guest *g)
{
	const u32 user = USER_TABLE | LG_PTE_PRESENT | LG_PTE_WRITE | LG_PTE_USER;
	const u32 kernel = KERNEL_TABLE | LG_PTE_PRESENT | LG_PTE_WRITE;

	put_table(g, USER_TABLE, LG_PTE_PRESENT | LG_PTE_WRITE | LG_PTE_USER);
	put_table(g, KERNEL_TABLE, LG_PTE_PRESENT | LG_PTE_WRITE);
	guest_put(g, TOP, &user, sizeof(user));
	guest_put(g, TOP + (KERNEL >> 22) * sizeof(kernel), &kernel,
		  sizeof(kernel));
}

static int open_guest(struct guest *g, struct kunit *test)
{
	g->test = test;
	g->memory = vm_mmap(NULL, 0, END, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(g->memory))
		return g->memory;
	g->lg = lg_create();
	return g->lg ? 0 : -ENOMEM;
}

static void close_guest(struct guest *g)
{
	if (g->lg)
		lg_destroy(g->lg);
	vm_munmap(g->memory, END);
}

static int initialize_guest(struct guest *g)
{
	const unsigned long words[] = {
		LHREQ_INITIALIZE, g->memory, PAGES, CODE
	};
	ssize_t ret;

	guest_put(g, FREE, words, sizeof(words));
	ret = lg_request(g->lg, (char __user *)g->memory + FREE, sizeof(words));
	if (ret < 0)
		return ret;
	lg_load_gdt_entry(g->lg, USER_CS / 8, 0xffff, 0x00cffa00);
	lg_load_gdt_entry(g->lg, USER_DS / 8, 0xffff, 0x00cff200);
	lg_set_kernel_address(g->lg, KERNEL);
	put_tables(g);
	lg_new_page_table(g->lg, TOP);
	return lg_is_dead(g->lg) ? -EINVAL : 0;
}

int guest_init_bare(struct kunit *test)
{
	struct guest *g = kunit_kzalloc(test, sizeof(*g), GFP_KERNEL);
	int err;

	if (!g)
		return -ENOMEM;
	err = set_cpus_allowed_ptr(current, cpumask_of(0));
	if (err)
		return err;
	mmget(launcher_mm);
	kthread_use_mm(launcher_mm);
	test->priv = g;
	return open_guest(g, test);
}

int guest_init(struct kunit *test)
{
	return guest_init_bare(test) ?: initialize_guest(test->priv);
}

struct guest *guest_another(struct guest *g)
{
	struct guest *other = kunit_kzalloc(g->test, sizeof(*other),
					    GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(g->test, other);
	g->other = other;
	KUNIT_ASSERT_EQ(g->test, open_guest(other, g->test), 0);
	KUNIT_ASSERT_EQ(g->test, initialize_guest(other), 0);
	return other;
}

void guest_exit(struct kunit *test)
{
	struct guest *g = test->priv;

	if (!g)
		return;
	/* After a failed assertion the thread is gone, and this is the Launcher. */
	if (g->other)
		close_guest(g->other);
	close_guest(g);
	if (current->flags & PF_KTHREAD) {
		kthread_unuse_mm(launcher_mm);
		mmput(launcher_mm);
	}
}

void guest_start_bytes(struct guest *g, const u8 *bytes, u32 len, u32 ring)
{
	struct lg_regs *regs = g->lg->regs;

	guest_put(g, CODE, bytes, len);
	regs->cs = ring == 1 ? LG_KERNEL_CS : USER_CS;
	regs->ss = ring == 1 ? LG_KERNEL_DS : USER_DS;
	regs->ds = regs->ss;
	regs->es = regs->ss;
	regs->fs = 0;
	regs->gs = 0;
	regs->eip = (ring == 1 ? KERNEL : 0) + CODE;
	regs->esp = STACK;
	regs->eflags = X86_EFLAGS_FIXED | X86_EFLAGS_IF;
	g->entries = 0;
	g->interrupted = 0;
	g->deadline = jiffies + SECONDS_MAX * HZ;
}

void guest_start(struct guest *g, const struct guest_code *code, u32 ring)
{
	guest_start_bytes(g, code->bytes, code->len, ring);
}

void guest_enter_irqs_off(struct guest *g)
{
	host_read(&g->entered);
	lg_vcpu_enter(g->lg);
	host_read(&g->left);
	g->away = lg_vcpu_was_away(g->lg);
	g->entries++;
	if (g->lg->regs->vector == LG_VECTOR_NONE)
		g->interrupted++;
}

void expect_kept(struct guest *g)
{
	KUNIT_EXPECT_EQ(g->test, g->left.values[STATE_DR6], DR6_RESERVED);
	KUNIT_EXPECT_EQ(g->test, g->lg->vcpu->cpu, -1);
	if (g->away) {
		/* The interrupt that brought it out let others run. */
		expect_same(g->test, &g->entered, &g->left,
			    LAZY | BUT(CR3) | BUT(DR6));
		return;
	}
	expect_same(g->test, &g->entered, &g->left, LAZY | BUT(DR6));
	KUNIT_EXPECT_EQ(g->test, g->left.values[STATE_EFER],
			g->entered.values[STATE_EFER] & ~EFER_SCE);
	KUNIT_EXPECT_EQ(g->test, g->left.values[STATE_SYSENTER_CS], 0);
	KUNIT_EXPECT_EQ(g->test, g->left.values[STATE_LDT], 0);
}

void guest_enter(struct guest *g)
{
	local_irq_disable();
	guest_enter_irqs_off(g);
	local_irq_enable();
	expect_kept(g);
}

bool guest_may_go_on(struct guest *g)
{
	return time_before(jiffies, g->deadline) &&
	       g->test->status != KUNIT_FAILURE;
}

/* Whether the guest came out for something that no test wants to see */
static bool goes_on(struct lguest *lg)
{
	u32 error_code = lg->regs->error_code;

	switch (lg->regs->vector) {
	case LG_VECTOR_NONE:
		return true;
	case X86_TRAP_PF:
		return lg_page_fault(lg, lg->regs->cr2, &error_code) ==
		       LG_FAULT_FIXED;
	default:
		return false;
	}
}

u32 guest_run(struct guest *g)
{
	struct host_state before, after;

	host_read(&before);
	lg_vcpu_load(g->lg);
	do {
		cond_resched();
		guest_enter(g);
	} while (goes_on(g->lg) && time_before(jiffies, g->deadline));
	lg_vcpu_put(g->lg);
	host_read(&after);
	/* The task may have another PCID once it was on another CPU. */
	expect_same(g->test, &before, &after, BUT(DR6) | BUT(CR3));
	KUNIT_EXPECT_EQ(g->test, before.values[STATE_CR3] & ~X86_CR3_PCID_MASK,
			after.values[STATE_CR3] & ~X86_CR3_PCID_MASK);
	KUNIT_EXPECT_STREQ(g->test, g->lg->reason, "");
	return g->lg->regs->vector;
}

void expect_gate_error(struct guest *g, u32 vector)
{
	u32 error_code = g->lg->regs->error_code;

	/* QEMU before 8.1 counts gates of 64 bits twice. */
	if (error_code != (vector * 16 | GATE_ERROR))
		KUNIT_EXPECT_EQ(g->test, error_code, vector * 8 | GATE_ERROR);
}
