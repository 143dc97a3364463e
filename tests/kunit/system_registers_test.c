// SPDX-License-Identifier: GPL-2.0
/* CR, DR and MSR, before the guest has a handler for #GP and after */
#include <kunit/test.h>

#include "lib/guest.h"

#define EAX	0x80000001	/* PG and PE, as far as it is a CR0 */
#define EDX	0x9abcdef0
#define GATE_HIGH	0xc0108e00

/* What an instruction does before the guest has a handler, and once it has one */
enum when { NEVER, BEFORE, ALWAYS };

struct register_case {
	const char *name;
	u8 code[4];
	enum when when;
	u32 eax, edx;
};

static const struct register_case register_cases[] = {
	{ "mov %cr0, %eax", { 0x0f, 0x20, 0xc0 }, BEFORE, 0x80050033, EDX },
	{ "mov %cr1, %eax", { 0x0f, 0x20, 0xc8 }, NEVER },
	{ "mov %cr2, %eax", { 0x0f, 0x20, 0xd0 }, BEFORE, 0, EDX },
	{ "mov %cr3, %eax", { 0x0f, 0x20, 0xd8 }, BEFORE, 0, EDX },
	{ "mov %cr4, %eax", { 0x0f, 0x20, 0xe0 }, BEFORE, 0, EDX },
	{ "mov %cr5, %eax", { 0x0f, 0x20, 0xe8 }, NEVER },
	{ "mov %cr7, %eax", { 0x0f, 0x20, 0xf8 }, NEVER },
	{ "mov %cr4, %edx", { 0x0f, 0x20, 0xe2 }, BEFORE, EAX, 0 },
	/* The CPU takes any mod for a register. */
	{ "mov %cr4, %eax, mod 0", { 0x0f, 0x20, 0x20 }, BEFORE, 0, EDX },
	{ "mov %eax, %cr0", { 0x0f, 0x22, 0xc0 }, BEFORE, EAX, EDX },
	{ "mov %edx, %cr0, without PE", { 0x0f, 0x22, 0xc2 }, NEVER },
	{ "mov %ecx, %cr0, without PG", { 0x0f, 0x22, 0xc1 }, NEVER },
	{ "mov %eax, %cr2", { 0x0f, 0x22, 0xd0 }, ALWAYS, EAX, EDX },
	{ "mov %eax, %cr4", { 0x0f, 0x22, 0xe0 }, BEFORE, EAX, EDX },
	{ "mov %eax, %cr8", { 0x0f, 0x22, 0xf8 }, NEVER },
	{ "mov %dr0, %eax", { 0x0f, 0x21, 0xc0 }, ALWAYS, 0, EDX },
	{ "mov %dr6, %eax", { 0x0f, 0x21, 0xf0 }, ALWAYS, 0xffff0ff0, EDX },
	{ "mov %dr7, %eax", { 0x0f, 0x21, 0xf8 }, ALWAYS, 0x400, EDX },
	{ "mov %dr7, %edx", { 0x0f, 0x21, 0xfa }, ALWAYS, EAX, 0x400 },
	{ "mov %eax, %dr7", { 0x0f, 0x23, 0xf8 }, NEVER },
	{ "rdmsr", { 0x0f, 0x32 }, BEFORE, 0, 0 },
	{ "wrmsr", { 0x0f, 0x30 }, BEFORE, EAX, EDX },
	{ "rdpmc", { 0x0f, 0x33 }, ALWAYS, 0, 0 },
	{ "wbinvd", { 0x0f, 0x09 }, NEVER },
	{ "clts", { 0x0f, 0x06 }, NEVER },
	{ "lgdt (%ebx)", { 0x0f, 0x01, 0x13 }, NEVER },
	{ "invlpg (%ebx)", { 0x0f, 0x01, 0x3b }, NEVER },
	{ "0f 01 d8, which is no lidt", { 0x0f, 0x01, 0xd8 }, NEVER },
};

static void describe(const struct register_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(register, register_cases, describe);

static void expect_emulated(struct guest *g, const struct register_case *c,
			    bool emulated)
{
	struct lg_regs before, *regs = g->lg->regs;
	u32 len = (c->code[1] & ~3) == 0x20 ? 3 : 2;

	guest_put(g, CODE, c->code, sizeof(c->code));
	regs->eip = KERNEL + CODE;
	regs->eax = EAX;
	regs->ecx = 0x11;
	regs->edx = EDX;
	before = *regs;
	KUNIT_EXPECT_EQ(g->test, guest_emulate_insn(g), emulated);
	if (emulated) {
		before.eax = c->eax;
		before.edx = c->edx;
		before.eip += len;
	}
	KUNIT_EXPECT_EQ(g->test, memcmp(regs, &before, sizeof(before)), 0);
	EXPECT_ALIVE(g);
}

static void before_and_after(struct kunit *test)
{
	const struct register_case *c = test->param_value;
	struct guest *g = test->priv;

	expect_emulated(g, c, c->when != NEVER);
	/* Another handler does not count. */
	guest_hypercall(g, LOAD_IDT_ENTRY, 14, LG_KERNEL_CS << 16, GATE_HIGH);
	expect_emulated(g, c, c->when != NEVER);
	guest_hypercall(g, LOAD_IDT_ENTRY, 13, LG_KERNEL_CS << 16, GATE_HIGH);
	expect_emulated(g, c, c->when == ALWAYS);
}

/* Linux flushes the branch predictors on AMD's CPUs without an exception table's entry. */
static void flush_of_branch_predictors(struct kunit *test)
{
	static const u8 wrmsr[] = { 0x0f, 0x30 };
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	guest_hypercall(g, LOAD_IDT_ENTRY, 13, LG_KERNEL_CS << 16, GATE_HIGH);
	guest_put(g, CODE, wrmsr, sizeof(wrmsr));
	for (regs->ecx = 0x40; regs->ecx < 0x50; regs->ecx++) {
		bool flush = regs->ecx == 0x49;

		regs->eip = KERNEL + CODE;
		KUNIT_EXPECT_EQ(test, guest_emulate_insn(g), flush);
		KUNIT_EXPECT_EQ(test, regs->eip,
				KERNEL + CODE + (flush ? sizeof(wrmsr) : 0));
	}
}

static void wakes_from_hibernation(struct kunit *test)
{
	static const u8 mov_to_cr3[] = { 0x0f, 0x22, 0xd8 };
	struct guest *g = test->priv;

	guest_put(g, CODE, mov_to_cr3, sizeof(mov_to_cr3));
	/* Before that it has no handler. */
	KUNIT_EXPECT_FALSE(test, guest_emulate_insn(g));
	EXPECT_ALIVE(g);
	guest_hypercall(g, LOAD_IDT_ENTRY, 13, LG_KERNEL_CS << 16, GATE_HIGH);
	guest_emulate_insn(g);
	EXPECT_REASON(g, "wrote CR3, as on waking from hibernation: boot with noresume");
}

static void debug_registers_to_each(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;
	unsigned int i;

	for (i = 0; i < 8; i++) {
		const u8 code[] = { 0x0f, 0x21, 0xf0 | i };
		u32 *const others[] = {
			&regs->eax, &regs->ecx, &regs->edx, &regs->ebx,
			(u32 *)&regs->esp, &regs->ebp, &regs->esi, &regs->edi,
		};
		unsigned int j;

		for (j = 0; j < 8; j++)
			*others[j] = j;
		guest_put(g, CODE, code, sizeof(code));
		regs->eip = KERNEL + CODE;
		KUNIT_EXPECT_TRUE(test, guest_emulate_insn(g));
		for (j = 0; j < 8; j++)
			KUNIT_EXPECT_EQ(test, *others[j],
					i == j ? 0xffff0ff0 : j);
	}
}

static u32 dr6_with(struct guest *g, u32 dr6)
{
	static const u8 code[] = { 0x0f, 0x21, 0xf0 };

	g->lg->regs->dr6 = dr6;
	g->lg->regs->eip = KERNEL + CODE;
	guest_put(g, CODE, code, sizeof(code));
	KUNIT_EXPECT_TRUE(g->test, guest_emulate_insn(g));
	return g->lg->regs->eax;
}

/* What else a CPU may say there has no meaning to a guest. */
static void dr6_of_an_exception(struct kunit *test)
{
	struct guest *g = test->priv;

	KUNIT_EXPECT_EQ(test, dr6_with(g, 0xffff4ff0), 0xffff4ff0);
	KUNIT_EXPECT_EQ(test, dr6_with(g, 0xffff47f0), 0xffff4ff0);
	KUNIT_EXPECT_EQ(test, dr6_with(g, 0xffff0ff0), 0xffff0ff0);
}

/* ModRM lies on the next page, which is not there: the guest's own fault */
static void modrm_on_no_page(struct kunit *test)
{
	static const u8 code[] = { 0x0f, 0x20 };
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	guest_put32(g, KERNEL_TABLE + (CODE / PAGE_SIZE + 1) * 4, 0);
	guest_put(g, CODE + PAGE_SIZE - 2, code, sizeof(code));
	regs->eip = KERNEL + CODE + PAGE_SIZE - 2;
	KUNIT_EXPECT_FALSE(test, guest_emulate_insn(g));
	guest_put(g, CODE + PAGE_SIZE - 1, code, 1);
	regs->eip = KERNEL + CODE + PAGE_SIZE - 1;
	KUNIT_EXPECT_FALSE(test, guest_emulate_insn(g));
	EXPECT_ALIVE(g);
}

/* On the way to real mode, and so to a reset. No kernel is there so early. */
static void lidt_restarts(struct kunit *test)
{
	static const u8 code[] = { 0x2e, 0x0f, 0x01, 0x1b };
	struct guest *g = test->priv;

	guest_put(g, CODE, code, sizeof(code));
	g->lg->regs->eip = KERNEL + CODE;
	KUNIT_EXPECT_FALSE(test, guest_emulate_insn(g));
	EXPECT_ALIVE(g);
	guest_hypercall(g, LOAD_IDT_ENTRY, 13, LG_KERNEL_CS << 16, GATE_HIGH);
	g->lg->regs->eip = KERNEL + CODE;
	guest_trap(g, 13, 0);
	KUNIT_EXPECT_EQ(test, g->lg->dead, -ERESTART);
}

static struct kunit_case system_registers_cases[] = {
	KUNIT_CASE_PARAM(before_and_after, register_gen_params),
	KUNIT_CASE(flush_of_branch_predictors),
	KUNIT_CASE(wakes_from_hibernation),
	KUNIT_CASE(debug_registers_to_each),
	KUNIT_CASE(dr6_of_an_exception),
	KUNIT_CASE(modrm_on_no_page),
	KUNIT_CASE(lidt_restarts),
	{}
};

static struct kunit_suite system_registers_suite = {
	.name = "lguest_system_registers",
	.init = guest_page,
	.exit = guest_free,
	.test_cases = system_registers_cases,
};

kunit_test_suite(system_registers_suite);
