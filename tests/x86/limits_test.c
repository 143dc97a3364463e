// SPDX-License-Identifier: GPL-2.0
/*
 * What the CPU denies a guest in ring 1 and in ring 3: the ways out that
 * Documentation/threat-model.rst goes through.
 */
#include <asm/desc.h>
#include <asm/fpu/api.h>
#include <asm/processor.h>
#include <asm/special_insns.h>
#include <asm/trapnr.h>

#include "guest.h"

/* An instruction, and the fault that it must raise */
struct insn {
	const char *name;
	u8 code[8];
	u8 len;
	u8 vector;
	u16 error_code;
	u8 vector_amd;		/* or this, on AMD CPUs */
};

#define GP		X86_TRAP_GP
#define UD		X86_TRAP_UD
#define NM		X86_TRAP_NM
#define GATE(n)		((n) * 8 | GATE_ERROR)

static const struct insn insns[] = {
	{ "hlt", { 0xf4 }, 1, GP },
	{ "cli", { 0xfa }, 1, GP },
	{ "sti", { 0xfb }, 1, GP },
	{ "in $0x61, %al", { 0xe4, 0x61 }, 2, GP },
	{ "out %al, $0x80", { 0xe6, 0x80 }, 2, GP },
	{ "insb", { 0x6c }, 1, GP },
	{ "mov %cr0, %eax", { 0x0f, 0x20, 0xc0 }, 3, GP },
	{ "mov %cr2, %eax", { 0x0f, 0x20, 0xd0 }, 3, GP },
	{ "mov %cr3, %eax", { 0x0f, 0x20, 0xd8 }, 3, GP },
	{ "mov %cr4, %eax", { 0x0f, 0x20, 0xe0 }, 3, GP },
	{ "mov %eax, %cr0", { 0x0f, 0x22, 0xc0 }, 3, GP },
	{ "mov %eax, %cr3", { 0x0f, 0x22, 0xd8 }, 3, GP },
	{ "mov %eax, %cr4", { 0x0f, 0x22, 0xe0 }, 3, GP },
	{ "mov %dr6, %eax", { 0x0f, 0x21, 0xf0 }, 3, GP },
	{ "mov %dr7, %eax", { 0x0f, 0x21, 0xf8 }, 3, GP },
	{ "mov %eax, %dr0", { 0x0f, 0x23, 0xc0 }, 3, GP },
	{ "mov %eax, %dr7", { 0x0f, 0x23, 0xf8 }, 3, GP },
	{ "rdmsr", { 0x0f, 0x32 }, 2, GP },
	{ "wrmsr", { 0x0f, 0x30 }, 2, GP },
	{ "rdpmc", { 0x0f, 0x33 }, 2, GP },
	{ "lgdt 0x2000", { 0x0f, 0x01, 0x15, 0, 0x20 }, 7, GP },
	{ "lidt 0x2000", { 0x0f, 0x01, 0x1d, 0, 0x20 }, 7, GP },
	{ "lldt %ax", { 0x0f, 0x00, 0xd0 }, 3, GP },
	{ "ltr %ax", { 0x0f, 0x00, 0xd8 }, 3, GP },
	{ "lmsw %ax", { 0x0f, 0x01, 0xf0 }, 3, GP },
	{ "clts", { 0x0f, 0x06 }, 2, GP },
	{ "invlpg 0x2000", { 0x0f, 0x01, 0x3d, 0, 0x20 }, 7, GP },
	{ "invd", { 0x0f, 0x08 }, 2, GP },
	{ "wbinvd", { 0x0f, 0x09 }, 2, GP },
	{ "syscall", { 0x0f, 0x05 }, 2, UD },
	{ "sysret", { 0x0f, 0x07 }, 2, UD },
	{ "sysenter", { 0x0f, 0x34 }, 2, GP, 0, UD },
	{ "sysexit", { 0x0f, 0x35 }, 2, GP, 0, UD },
	{ "swapgs", { 0x0f, 0x01, 0xf8 }, 3, UD },
	{ "vmcall", { 0x0f, 0x01, 0xc1 }, 3, UD },
	{ "xgetbv", { 0x0f, 0x01, 0xd0 }, 3, UD },
	{ "rdpkru", { 0x0f, 0x01, 0xee }, 3, UD },
	{ "xsave 0x2000", { 0x0f, 0xae, 0x25, 0, 0x20 }, 7, UD },
	{ "vmovaps %ymm1, %ymm0", { 0xc5, 0xfc, 0x28, 0xc1 }, 4, UD },
	{ "wrfsbase %eax", { 0xf3, 0x0f, 0xae, 0xd0 }, 4, UD },
	{ "ljmp to the host's CS", { 0xea, 0, 0, 0, 0, 0x10 }, 7, GP, 0x10 },
	{ "ljmp to 64 bits", { 0xea, 0, 0, 0, 0, 0x33 }, 7, GP, 0x30 },
	{ "ljmp to the TSS", { 0xea, 0, 0, 0, 0, 0x40 }, 7, GP, 0x40 },
	{ "lret to the host's CS", { 0x6a, 0x10, 0x6a, 0, 0xcb }, 5, GP, 0x10 },
	{ "iret to the host's CS",
	  { 0x6a, 2, 0x6a, 0x10, 0x6a, 0, 0xcf }, 7, GP, 0x10 },
	{ "the host's DS", { 0x6a, 0x18, 0x1f }, 3, GP, 0x18 },
	{ "the host's SS", { 0x6a, 0x18, 0x17 }, 3, GP, 0x18 },
	{ "int $1", { 0xcd, 1 }, 2, GP, GATE(1) },
	{ "int $2", { 0xcd, 2 }, 2, GP, GATE(2) },
	{ "int $8", { 0xcd, 8 }, 2, GP, GATE(8) },
	{ "int $14", { 0xcd, 14 }, 2, GP, GATE(14) },
	{ "int $18", { 0xcd, 18 }, 2, GP, GATE(18) },
	{ "int $0x20", { 0xcd, 0x20 }, 2, GP, GATE(0x20) },
	{ "int $0xec", { 0xcd, 0xec }, 2, GP, GATE(0xec) },
	{ "int $0xff", { 0xcd, 0xff }, 2, GP, GATE(0xff) },
};

static void describe(const struct insn *insn, char *desc)
{
	strscpy(desc, insn->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(insn, insns, describe);

static void is_a_fault(struct kunit *test)
{
	const struct insn *insn = test->param_value;
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;
	u8 code[sizeof(insn->code) + 2];
	u32 ring, vector;

	memcpy(code, insn->code, insn->len);
	code[insn->len] = 0xcd;
	code[insn->len + 1] = LG_VECTOR_HYPERCALL;

	for (ring = 1; ring <= 3; ring += 2) {
		guest_start_bytes(g, code, insn->len + 2, ring);
		vector = guest_run(g);
		if (vector != insn->vector_amd ||
		    boot_cpu_data.x86_vendor != X86_VENDOR_AMD)
			KUNIT_EXPECT_EQ(test, vector, insn->vector);
		if (insn->error_code & GATE_ERROR)
			expect_gate_error(g, insn->error_code / 8);
		else if (vector == GP)
			KUNIT_EXPECT_EQ(test, regs->error_code,
					insn->error_code);
		KUNIT_EXPECT_LT(test, regs->eip & ~KERNEL, CODE + insn->len);
		KUNIT_EXPECT_EQ(test, regs->cs & 3, ring);
	}
}

/* An instruction that tells host addresses, unless the CPU has UMIP */
struct leak {
	const char *name;
	u8 code[7];
	u16 (*low)(struct guest *g);
	u32 (*high)(struct guest *g);
};

static u16 gdt_limit(struct guest *g)
{
	return LG_GDT_ENTRIES * sizeof(struct lg_desc) - 1;
}

static u32 gdt_base(struct guest *g)
{
	return (u32)LG_SWITCH_VA + offsetof(struct lg_switch, gdt);
}

static u16 idt_limit(struct guest *g)
{
	return PAGE_SIZE - 1;
}

static u32 idt_base(struct guest *g)
{
	return g->lg->vcpu->sw->guest_idtr.address;
}

static u16 null_selector(struct guest *g)
{
	return 0;
}

static u16 host_tr(struct guest *g)
{
	return GDT_ENTRY_TSS * 8;
}

static u16 host_cr0(struct guest *g)
{
	return read_cr0() | (g->lg->vcpu->fpu_always ? 0 : X86_CR0_TS);
}

static const struct leak leaks[] = {
	{ "sgdt", { 0x0f, 0x01, 0x05, 0, 0x20 }, gdt_limit, gdt_base },
	{ "sidt", { 0x0f, 0x01, 0x0d, 0, 0x20 }, idt_limit, idt_base },
	{ "sldt", { 0x0f, 0x00, 0x05, 0, 0x20 }, null_selector },
	{ "str", { 0x0f, 0x00, 0x0d, 0, 0x20 }, host_tr },
	{ "smsw", { 0x0f, 0x01, 0x25, 0, 0x20 }, host_cr0 },
};

static void describe_leak(const struct leak *leak, char *desc)
{
	strscpy(desc, leak->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(leak, leaks, describe_leak);

static void tells_no_more_than_documented(struct kunit *test)
{
	const struct leak *leak = test->param_value;
	struct guest *g = test->priv;
	u8 code[sizeof(leak->code) + 2];
	u32 ring;

	memcpy(code, leak->code, sizeof(leak->code));
	code[sizeof(leak->code)] = 0xcd;
	code[sizeof(leak->code) + 1] = LG_VECTOR_HYPERCALL;

	for (ring = 1; ring <= 3; ring += 2) {
		struct { u16 low; u32 high; u16 rest; } __packed told = {};

		guest_put(g, DATA, &told, sizeof(told));
		guest_start_bytes(g, code, sizeof(code), ring);
		guest_run(g);
		guest_get(g, DATA, &told, sizeof(told));
		if (boot_cpu_has(X86_FEATURE_UMIP)) {
			KUNIT_EXPECT_EQ(test, g->lg->regs->vector, GP);
			KUNIT_EXPECT_EQ(test, g->lg->regs->eip & ~KERNEL, CODE);
			KUNIT_EXPECT_EQ(test, told.low, 0);
			KUNIT_EXPECT_EQ(test, told.high, 0);
		} else {
			KUNIT_EXPECT_EQ(test, g->lg->regs->eip & ~KERNEL,
					CODE + sizeof(leak->code) +
					(ring == 1 ? 2 : 0));
			KUNIT_EXPECT_EQ(test, told.low, leak->low(g));
			KUNIT_EXPECT_EQ(test, told.high,
					leak->high ? leak->high(g) : 0);
		}
		KUNIT_EXPECT_EQ(test, told.rest, 0);
	}
}

/* Change CR4, as the host or its task may. */
static void set_cr4(unsigned long set, unsigned long clear)
{
	asm volatile("mov %0, %%cr4" :
		     : "r"((__read_cr4() & ~clear) | set) : "memory");
}

GUEST(read_pmc, "xor %ecx, %ecx\nrdpmc\n" STOP);
GUEST(read_tsc, "rdtsc\n" STOP);

static u32 enter_with_cr4(struct guest *g, unsigned long bits)
{
	unsigned long was;

	preempt_disable();
	do {
		local_irq_disable();
		was = __read_cr4();
		set_cr4(bits, 0);
		guest_enter_irqs_off(g);
		set_cr4(0, bits & ~was);
		local_irq_enable();
	} while (g->lg->regs->vector == LG_VECTOR_NONE);
	preempt_enable();
	expect_kept(g);
	return g->lg->regs->vector;
}

static void counters(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	guest_start(g, &read_tsc, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);

	lg_vcpu_load(g->lg);
	/* prctl(PR_SET_TSC) is for the Launcher, not for the guest. */
	guest_start(g, &read_tsc, 1);
	KUNIT_EXPECT_EQ(test, enter_with_cr4(g, X86_CR4_TSD),
			LG_VECTOR_HYPERCALL);
	KUNIT_EXPECT_NE(test, (u64)regs->edx << 32 | regs->eax, 0);
	/* So are performance counters. */
	guest_start(g, &read_pmc, 1);
	KUNIT_EXPECT_EQ(test, enter_with_cr4(g, X86_CR4_PCE), GP);
	lg_vcpu_put(g->lg);
}

GUEST(port, "in $0x61, %al\n" STOP);

/* When the Launcher calls, the TSS has its I/O permissions. */
static void io_bitmap(struct kunit *test)
{
	struct guest *g = test->priv;
	u16 base, after;

	guest_start(g, &port, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), GP);

	guest_start(g, &port, 1);
	lg_vcpu_load(g->lg);
	do {
		local_irq_disable();
		base = this_cpu_read(cpu_tss_rw.x86_tss.io_bitmap_base);
		if (!g->entries)
			this_cpu_write(cpu_tss_rw.x86_tss.io_bitmap_base,
				       IO_BITMAP_OFFSET_VALID_ALL);
		guest_enter_irqs_off(g);
		after = this_cpu_read(cpu_tss_rw.x86_tss.io_bitmap_base);
		local_irq_enable();
	} while (g->lg->regs->vector == LG_VECTOR_NONE);
	lg_vcpu_put(g->lg);
	KUNIT_EXPECT_EQ(test, g->lg->regs->vector, GP);
	KUNIT_EXPECT_EQ(test, base, IO_BITMAP_OFFSET_INVALID);
	KUNIT_EXPECT_EQ(test, after, IO_BITMAP_OFFSET_INVALID);
}

GUEST(store, "movl $0x12345678, %fs:0x3000\n" STOP);

/* The CPU cuts base + offset to 32 bits. */
static void addresses_wrap(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 ring;

	/* A data segment of ring 3 with base 0xfffff000 */
	lg_load_gdt_entry(g->lg, 20, 0xf000ffff, 0xffcff2ff);
	for (ring = 1; ring <= 3; ring += 2) {
		const u32 nothing = 0;

		guest_put(g, DATA, &nothing, sizeof(nothing));
		guest_start(g, &store, ring);
		g->lg->regs->fs = 20 * 8 | 3;
		guest_run(g);
		KUNIT_EXPECT_EQ(test, guest_get32(g, DATA), 0x12345678);
	}
}

GUEST(read_fpu, "movups %xmm0, 0x2000\n" STOP);
GUEST(write_fpu, "movups 0x2000, %xmm0\n" STOP);

static const u32 pattern[4] = { 0x01234567, 0x89abcdef, 0xdeadbeef, 0x55aa55aa };

static void load_xmm0(const void *from)
{
	asm volatile("movups %0, %%xmm0" : : "m"(*(const u8 (*)[16])from));
}

static void store_xmm0(void *to)
{
	asm volatile("movups %%xmm0, %0" : "=m"(*(u8 (*)[16])to));
}

/* A guest must see only its own registers, even once it has the FPU. */
static void fpu_registers(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 found[4], vector;

	g->lg->vcpu->fpu_always = false;
	guest_start(g, &read_fpu, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), NM);
	lg_vcpu_wants_fpu(g->lg);
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);

	/* The host computes, the guest may not. */
	lg_vcpu_load(g->lg);
	g->lg->ts = true;
	do {
		guest_start(g, &read_fpu, 1);
		kernel_fpu_begin();
		load_xmm0(pattern);
		local_irq_disable();
		lg_vcpu_enter(g->lg);
		store_xmm0(found);
		vector = g->lg->regs->vector;
		local_irq_enable();
		kernel_fpu_end();
	} while (vector == LG_VECTOR_NONE);
	lg_vcpu_put(g->lg);
	KUNIT_EXPECT_EQ(test, vector, NM);
	KUNIT_EXPECT_EQ(test, memcmp(found, pattern, sizeof(found)), 0);
	KUNIT_EXPECT_FALSE(test, read_cr0() & X86_CR0_TS);

	/* The guest does not find what the host leaves in them. */
	g->lg->ts = false;
	g->lg->vcpu->fpu_stretches = 1000;
	guest_start(g, &read_fpu, 1);
	kernel_fpu_begin();
	load_xmm0(pattern);
	kernel_fpu_end();
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
	guest_get(g, DATA, found, sizeof(found));
	KUNIT_EXPECT_EQ(test, found[0] | found[1] | found[2] | found[3], 0);

	/* The guest finds again what it leaves in them. */
	guest_put(g, DATA, pattern, sizeof(pattern));
	guest_start(g, &write_fpu, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
	KUNIT_EXPECT_TRUE(test, g->lg->vcpu->sw->set_ts);
	memset(found, 0, sizeof(found));
	guest_put(g, DATA, found, sizeof(found));
	kernel_fpu_begin();
	load_xmm0(found);
	kernel_fpu_end();
	guest_start(g, &read_fpu, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
	guest_get(g, DATA, found, sizeof(found));
	KUNIT_EXPECT_EQ(test, memcmp(found, pattern, sizeof(found)), 0);
	KUNIT_EXPECT_FALSE(test, read_cr0() & X86_CR0_TS);
}

/* What the CPU has while the guest may not touch it, if it guesses: the guest's own */
static void fpu_registers_of_others(struct kunit *test)
{
	const u32 mine[] = { 0x600d, 0x600e, 0x600f, 0x6010 };
	const u32 secret[] = { 0x5ec, 0x5ed, 0x5ee, 0x5ef };
	struct guest *g = test->priv;
	u32 vector, found[4] = {};

	g->lg->vcpu->fpu_always = true;
	guest_put(g, DATA, mine, sizeof(mine));
	guest_start(g, &write_fpu, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);

	g->lg->ts = true;
	lg_vcpu_load(g->lg);
	do {
		guest_start(g, &read_fpu, 1);
		local_irq_disable();
		kernel_fpu_begin();
		load_xmm0(secret);
		kernel_fpu_end();
		lg_vcpu_enter(g->lg);
		kernel_fpu_begin();
		store_xmm0(found);
		kernel_fpu_end();
		vector = g->lg->regs->vector;
		local_irq_enable();
	} while (vector == LG_VECTOR_NONE);
	lg_vcpu_put(g->lg);
	KUNIT_EXPECT_EQ(test, vector, NM);
	KUNIT_EXPECT_EQ(test, memcmp(found, mine, sizeof(found)), 0);
	KUNIT_EXPECT_FALSE(test, read_cr0() & X86_CR0_TS);

	/* It finds them again, and may touch them when it wants to. */
	g->lg->ts = false;
	guest_start(g, &read_fpu, 1);
	KUNIT_EXPECT_EQ(test, guest_run(g), LG_VECTOR_HYPERCALL);
	guest_get(g, DATA, found, sizeof(found));
	KUNIT_EXPECT_EQ(test, memcmp(found, mine, sizeof(found)), 0);
}

static struct kunit_case limits_cases[] = {
	KUNIT_CASE_PARAM(is_a_fault, insn_gen_params),
	KUNIT_CASE_PARAM(tells_no_more_than_documented, leak_gen_params),
	KUNIT_CASE(counters),
	KUNIT_CASE(io_bitmap),
	KUNIT_CASE(addresses_wrap),
	KUNIT_CASE(fpu_registers),
	KUNIT_CASE(fpu_registers_of_others),
	{}
};

static struct kunit_suite limits_suite = {
	.name = "lguest_limits",
	.suite_init = cpu_suite_init,
	.suite_exit = cpu_suite_exit,
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = limits_cases,
};

kunit_test_suite(limits_suite);
