// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>

#include "../../guest/insn.h"
#include "lib/guest.h"

#define EAX	0x12345678

/* One instruction that touches eax at most */
struct insn_case {
	const char *name;
	u8 code[16];
	u32 len;		/* 0 if it is not emulated */
	u32 eax;
};

static const struct insn_case insn_cases[] = {
	{ "in (%dx), %al", { 0xec }, 1, 0x123456ff },
	{ "in (%dx), %ax", { 0x66, 0xed }, 2, 0x1234ffff },
	{ "in (%dx), %eax", { 0xed }, 1, 0xffffffff },
	{ "in $0x61, %al", { 0xe4, 0x61 }, 2, 0x123456ff },
	{ "in $0x61, %ax", { 0x66, 0xe5, 0x61 }, 3, 0x1234ffff },
	{ "in $0x61, %eax", { 0xe5, 0x61 }, 2, 0xffffffff },
	{ "in $0x64, %al", { 0xe4, 0x64 }, 2, 0x123456fd },
	{ "in $0x64, %ax", { 0x66, 0xe5, 0x64 }, 3, 0x1234fffd },
	{ "in $0x64, %eax", { 0xe5, 0x64 }, 2, 0xfffffffd },
	{ "in $0x60, %al", { 0xe4, 0x60 }, 2, 0x123456ff },
	{ "out %al, (%dx)", { 0xee }, 1, EAX },
	{ "out %ax, (%dx)", { 0x66, 0xef }, 2, EAX },
	{ "out %eax, (%dx)", { 0xef }, 1, EAX },
	{ "out %al, $0x80", { 0xe6, 0x80 }, 2, EAX },
	{ "out %ax, $0x80", { 0x66, 0xe7, 0x80 }, 3, EAX },
	{ "out %eax, $0x80", { 0xe7, 0x80 }, 2, EAX },
	{ "cli", { 0xfa }, 1, EAX },
	{ "in %al, 16-bit operand means nothing", { 0x66, 0xec }, 2,
	  0x123456ff },
	{ "in, 16-bit address means nothing", { 0x67, 0xed }, 2, 0xffffffff },
	{ "in, rep means nothing", { 0xf3, 0xed }, 2, 0xffffffff },
	{ "in, repne means nothing", { 0xf2, 0xed }, 2, 0xffffffff },
	{ "in, every segment",
	  { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0xed }, 7, 0xffffffff },
	{ "in, 14 prefixes",
	  { 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e,
	    0x2e, 0x2e, 0x2e, 0xed }, 15, 0xffffffff },
	{ "in $0x61, 13 prefixes",
	  { 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e,
	    0x2e, 0x2e, 0xe4, 0x61 }, 15, 0x123456ff },
	{ "in $0x61, 14 prefixes",
	  { 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e,
	    0x2e, 0x2e, 0x2e, 0xe4, 0x61 }, 0, EAX },
	{ "mov %cr0, %eax, 13 prefixes",
	  { 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e,
	    0x2e, 0x2e, 0x0f, 0x20, 0xc0 }, 0, EAX },
	{ "15 prefixes",
	  { 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e,
	    0x2e, 0x2e, 0x2e, 0x2e, 0xed }, 0, EAX },
	{ "lock in", { 0xf0, 0xed }, 0, EAX },
	{ "sti", { 0xfb }, 0, EAX },
	{ "mov (%eax), %eax", { 0x8b, 0x00 }, 0, EAX },
	{ "int $0x80", { 0xcd, 0x80 }, 0, EAX },
};

static void describe(const struct insn_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(insn, insn_cases, describe);

static void put_code(struct guest *g, const u8 *code, u32 len)
{
	guest_put(g, CODE, code, len);
	g->lg->regs->eip = KERNEL + CODE;
}

static void instruction(struct kunit *test)
{
	const struct insn_case *c = test->param_value;
	struct guest *g = test->priv;
	struct lg_regs before, *regs = g->lg->regs;

	put_code(g, c->code, sizeof(c->code));
	regs->eax = EAX;
	regs->ecx = 0;		/* a repeat of none, were it looked at */
	regs->edx = 0xcfc;
	before = *regs;
	KUNIT_EXPECT_EQ(test, guest_emulate_insn(g), !!c->len);
	KUNIT_EXPECT_EQ(test, regs->eax, c->eax);
	KUNIT_EXPECT_EQ(test, regs->eip, KERNEL + CODE + c->len);
	before.eax = regs->eax;
	before.eip = regs->eip;
	KUNIT_EXPECT_EQ(test, memcmp(regs, &before, sizeof(before)), 0);
	EXPECT_ALIVE(g);
}

/* ins and outs, with cx at 3 */
struct string_case {
	const char *name;
	u8 code[4];
	u8 len;
	u8 size;		/* of one element */
	bool input, rep, down, small;
};

static const struct string_case string_cases[] = {
	{ "insb", { 0x6c }, 1, 1, true },
	{ "insw", { 0x66, 0x6d }, 2, 2, true },
	{ "insl", { 0x6d }, 1, 4, true },
	{ "insl, down", { 0x6d }, 1, 4, true, .down = true },
	{ "rep insb", { 0xf3, 0x6c }, 2, 1, true, true },
	{ "rep insw", { 0xf3, 0x66, 0x6d }, 3, 2, true, true },
	{ "rep insl", { 0xf3, 0x6d }, 2, 4, true, true },
	{ "rep insl, down", { 0xf3, 0x6d }, 2, 4, true, true, true },
	{ "repne insl", { 0xf2, 0x6d }, 2, 4, true, true },
	{ "outsb", { 0x6e }, 1, 1, false },
	{ "outsw", { 0x66, 0x6f }, 2, 2, false },
	{ "outsl", { 0x6f }, 1, 4, false },
	{ "rep outsl", { 0xf3, 0x6f }, 2, 4, false, true },
	{ "rep outsl, down", { 0xf3, 0x6f }, 2, 4, false, true, true },
	{ "rep outsb, 16-bit address", { 0x67, 0xf3, 0x6e }, 3, 1, false, true,
	  .small = true },
	{ "outsl, 16-bit address", { 0x67, 0x6f }, 2, 4, false, .small = true },
};

static void describe_string(const struct string_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(string, string_cases, describe_string);

static void string_instruction(struct kunit *test)
{
	const struct string_case *c = test->param_value;
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;
	unsigned int rounds = c->rep ? 3 : 1, i;
	int step = c->down ? -c->size : c->size;
	u32 start = KERNEL + FREE + (c->small ? 0xfffe - (FREE & 0xffff) : 64);
	u32 mask = c->small ? 0xffff : 0xffffffff;
	u32 end = (start & ~mask) | ((start + rounds * step) & mask);
	u8 byte;

	put_code(g, c->code, sizeof(c->code));
	regs->ecx = c->small ? 0x10003 : 3;
	regs->esi = start;
	regs->edi = start;
	regs->eflags = c->down ? BIT(10) : 0;
	for (i = 0; i < rounds; i++) {
		KUNIT_EXPECT_EQ(test, regs->eip, KERNEL + CODE);
		KUNIT_EXPECT_TRUE(test, guest_emulate_insn(g));
	}
	KUNIT_EXPECT_EQ(test, regs->eip, KERNEL + CODE + c->len);
	KUNIT_EXPECT_EQ(test, regs->ecx & 0xffff, c->rep ? 0 : 3);
	KUNIT_EXPECT_EQ(test, regs->ecx >> 16, c->small);
	KUNIT_EXPECT_EQ(test, regs->edi, c->input ? end : start);
	KUNIT_EXPECT_EQ(test, regs->esi, c->input ? start : end);
	EXPECT_ALIVE(g);
	if (!c->input)
		return;

	/* Just those bytes have changed. */
	for (i = 0; i < 128; i++) {
		int from = c->down ? 64 - (int)(rounds - 1) * c->size : 64;
		bool inside = i >= from && i < from + rounds * c->size;

		guest_get(g, FREE + i, &byte, 1);
		KUNIT_EXPECT_EQ(test, byte, inside ? 0xff : 0);
	}
}

static void repeat_of_none(struct kunit *test)
{
	static const u8 code[] = { 0x67, 0xf3, 0x6d };
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	put_code(g, code, sizeof(code));
	regs->ecx = 0x50000;	/* %cx is 0 */
	regs->edi = 0x10;	/* where nothing is */
	KUNIT_EXPECT_TRUE(test, guest_emulate_insn(g));
	KUNIT_EXPECT_EQ(test, regs->eip, KERNEL + CODE + 3);
	KUNIT_EXPECT_EQ(test, regs->ecx, 0x50000);
	KUNIT_EXPECT_EQ(test, regs->edi, 0x10);
}

static void ins_where_nothing_is(struct kunit *test)
{
	static const u8 code[] = { 0xf3, 0x6d };
	struct guest *g = test->priv;
	struct lg_regs before, *regs = g->lg->regs;

	put_code(g, code, sizeof(code));
	regs->ecx = 3;
	regs->edi = 0x10;
	before = *regs;
	KUNIT_EXPECT_FALSE(test, guest_emulate_insn(g));
	KUNIT_EXPECT_EQ(test, memcmp(regs, &before, sizeof(before)), 0);
	/* Nor does it write where it may not. */
	guest_put32(g, KERNEL_TABLE + FREE / PAGE_SIZE * 4, FREE | P);
	regs->edi = KERNEL + FREE;
	KUNIT_EXPECT_FALSE(test, guest_emulate_insn(g));
	KUNIT_EXPECT_EQ(test, guest_get32(g, FREE), 0);
	EXPECT_ALIVE(g);
}

static bool is_ins(struct guest *g, u32 *gva, u32 *len)
{
	struct lg_insn insn;

	return lg_decode_insn(g->lg, &insn) && lg_is_ins(g->lg, &insn, gva, len);
}

static void where_ins_writes(struct kunit *test)
{
	static const u8 rep_insw[] = { 0xf3, 0x66, 0x6d }, rep_outsb[] = { 0xf3, 0x6e };
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;
	u32 gva, len;

	put_code(g, rep_insw, sizeof(rep_insw));
	regs->ecx = 1;
	regs->edi = 0x12345;
	KUNIT_EXPECT_TRUE(test, is_ins(g, &gva, &len));
	KUNIT_EXPECT_EQ(test, gva, 0x12345);
	KUNIT_EXPECT_EQ(test, len, 2);
	/* Without a round to do, or a segment, it writes nowhere. */
	regs->ecx = 0;
	KUNIT_EXPECT_FALSE(test, is_ins(g, &gva, &len));
	regs->ecx = 1;
	regs->es = 1;
	KUNIT_EXPECT_FALSE(test, is_ins(g, &gva, &len));
	KUNIT_EXPECT_FALSE(test, guest_emulate_insn(g));
	regs->es = LG_KERNEL_DS;
	put_code(g, rep_outsb, sizeof(rep_outsb));
	KUNIT_EXPECT_FALSE(test, is_ins(g, &gva, &len));
}

/* es:edi and cs:eip are relative to their segments' bases. */
static void segments_have_bases(struct kunit *test)
{
	static const u8 code[] = { 0x6d };
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	guest_hypercall(g, LOAD_GDT_ENTRY, 20, 0x1000ffff, 0x00cfb300);
	guest_hypercall(g, LOAD_GDT_ENTRY, 21, 0x2000ffff, 0x00cfbb00);
	put_code(g, code, sizeof(code));
	regs->es = 20 * 8 | 1;
	regs->cs = 21 * 8 | 1;
	regs->edi = KERNEL + FREE - 0x1000;
	regs->eip = KERNEL + CODE - 0x2000;
	KUNIT_EXPECT_TRUE(test, guest_emulate_insn(g));
	KUNIT_EXPECT_EQ(test, guest_get32(g, FREE), 0xffffffff);
	KUNIT_EXPECT_EQ(test, regs->eip, KERNEL + CODE - 0x2000 + 1);
}

static void code_over_two_pages(struct kunit *test)
{
	static const u8 code[] = { 0x2e, 0xe5, 0x61 };
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	/* The next frame in memory is not the next page of the guest's. */
	guest_put32(g, KERNEL_TABLE + (CODE / PAGE_SIZE + 1) * 4,
		    (FREE + PAGE_SIZE) | P);
	guest_put(g, CODE + PAGE_SIZE - 1, code, 1);
	guest_put(g, FREE + PAGE_SIZE, &code[1], 2);
	regs->eip = KERNEL + CODE + PAGE_SIZE - 1;
	KUNIT_EXPECT_TRUE(test, guest_emulate_insn(g));
	KUNIT_EXPECT_EQ(test, regs->eip, KERNEL + CODE + PAGE_SIZE + 2);
	KUNIT_EXPECT_EQ(test, regs->eax, 0xffffffff);

	/* If the second page is not there, that is the guest's own fault. */
	guest_put32(g, KERNEL_TABLE + (CODE / PAGE_SIZE + 1) * 4, 0);
	regs->eip = KERNEL + CODE + PAGE_SIZE - 1;
	KUNIT_EXPECT_FALSE(test, guest_emulate_insn(g));
	guest_put(g, CODE + PAGE_SIZE - 1, &code[1], 1);
	KUNIT_EXPECT_FALSE(test, guest_emulate_insn(g));
	EXPECT_ALIVE(g);
}

static void keyboard_status(struct kunit *test)
{
	static const u8 code[] = { 0xec };
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	put_code(g, code, sizeof(code));
	regs->edx = 0x64;
	KUNIT_EXPECT_TRUE(test, guest_emulate_insn(g));
	KUNIT_EXPECT_EQ(test, regs->eax & 0xff, 0xfd);

	put_code(g, code, sizeof(code));
	regs->edx = 0x164;
	KUNIT_EXPECT_TRUE(test, guest_emulate_insn(g));
	KUNIT_EXPECT_EQ(test, regs->eax & 0xff, 0xff);
}

/* out to a port: by dx, or by the byte in the code */
struct reset_case {
	const char *name;
	u8 code[3];
	u16 dx;
	u32 eax;
	bool resets;
};

static const struct reset_case reset_cases[] = {
	{ "keyboard controller", { 0xe6, 0x64 }, 0, 0x123456fe, true },
	{ "keyboard controller, by dx", { 0xee }, 0x64, 0xfe, true },
	{ "another command", { 0xe6, 0x64 }, 0, 0xff, false },
	{ "its data", { 0xe6, 0x60 }, 0, 0xfe, false },
	{ "a word", { 0x66, 0xe7, 0x64 }, 0, 0xfe, false },
	{ "two words", { 0xe7, 0x64 }, 0, 0xfe, false },
	{ "a port that ends in 0x64", { 0xee }, 0x164, 0xfe, false },
	{ "dx means nothing", { 0xe6, 0x80 }, 0x64, 0xfe, false },
	{ "chipset", { 0xee }, 0xcf9, 0x0e, true },
	{ "chipset, RST_CPU alone", { 0xee }, 0xcf9, 0x04, true },
	{ "chipset, not yet", { 0xee }, 0xcf9, 0xfb, false },
	{ "PCI's configuration address", { 0xef }, 0xcf8, 0x0e0e, false },
};

static void describe_reset(const struct reset_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(reset, reset_cases, describe_reset);

static void reset(struct kunit *test)
{
	const struct reset_case *c = test->param_value;
	struct guest *g = test->priv;

	put_code(g, c->code, sizeof(c->code));
	g->lg->regs->edx = c->dx;
	g->lg->regs->eax = c->eax;
	guest_trap(g, 13, 0);
	KUNIT_EXPECT_EQ(test, g->lg->dead, c->resets ? -ERESTART : 0);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eax, c->eax);
}

/* Ring 3 may not reset the machine. */
static void reset_from_ring_3(struct kunit *test)
{
	static const u8 code[] = { 0xe6, 0x64 };
	struct guest *g = test->priv;

	guest_hypercall(g, LOAD_IDT_ENTRY, 13, LG_KERNEL_CS << 16, 0xc0108e00);
	guest_hypercall(g, SET_STACK, LG_KERNEL_DS, KERNEL + FREE + 64, 1);
	put_code(g, code, sizeof(code));
	guest_go_user(g, CODE, 0);
	g->lg->regs->eax = 0xfe;
	guest_trap(g, 13, 0);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, 0xc0100000);
	EXPECT_ALIVE(g);
}

static void halt_with_interrupts_on(struct kunit *test)
{
	static const u8 code[] = { 0xf4 };
	struct guest *g = test->priv;

	put_code(g, code, sizeof(code));
	guest_put32(g, DATA + DATA_IRQ_ENABLED, IF);
	guest_trap(g, 13, 0);
	EXPECT_ALIVE(g);
	KUNIT_EXPECT_TRUE(test, g->lg->halted);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, KERNEL + CODE + 1);
}

static void halt_for_good(struct kunit *test)
{
	static const u8 code[] = { 0xf4 };
	struct guest *g = test->priv;

	put_code(g, code, sizeof(code));
	guest_put32(g, DATA + DATA_IRQ_ENABLED, 0);
	guest_trap(g, 13, 0);
	EXPECT_REASON(g, "halted with interrupts off, for good (eip 0xc0007000)");
}

struct vmcall_case {
	u8 code[3];
	bool is;
};

static void vmcall(struct kunit *test)
{
	static const struct vmcall_case cases[] = {
		{ { 0x0f, 0x01, 0xc1 }, true },
		{ { 0x0f, 0x01, 0xd9 }, false },	/* vmmcall */
		{ { 0x0f, 0x01, 0xc0 }, false },
		{ { 0x0f, 0x0b, 0xc1 }, false },	/* ud2 */
	};
	struct guest *g = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		put_code(g, cases[i].code, 3);
		KUNIT_EXPECT_EQ(test, lg_is_vmcall(g->lg), cases[i].is);
		KUNIT_EXPECT_EQ(test, g->lg->regs->eip, KERNEL + CODE);
	}
	g->lg->regs->eip = 0x10;
	KUNIT_EXPECT_FALSE(test, lg_is_vmcall(g->lg));
	EXPECT_ALIVE(g);
}

/* Emulated in both rings, but only if the CPU does not do it itself */
static void rdtsc(struct kunit *test)
{
	static const u8 code[3] = { 0x0f, 0x31 }, other[] = { 0x0f, 0x32 };
	static const u8 rdtscp[] = { 0x0f, 0x01, 0xf9 };
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	put_code(g, code, sizeof(code));
	g->lg->vcpu->tsc = 0x123456789abcdef0;
	guest_trap(g, 13, 0);
	KUNIT_EXPECT_EQ(test, regs->eax, 0x9abcdef0);
	KUNIT_EXPECT_EQ(test, regs->edx, 0x12345678);
	KUNIT_EXPECT_EQ(test, regs->eip, KERNEL + CODE + 2);

	put_code(g, rdtscp, sizeof(rdtscp));
	regs->eax = 0;
	regs->edx = 0;
	regs->ecx = 5;
	guest_trap(g, 13, 0);
	KUNIT_EXPECT_EQ(test, regs->eax, 0x9abcdef0);
	KUNIT_EXPECT_EQ(test, regs->edx, 0x12345678);
	KUNIT_EXPECT_EQ(test, regs->ecx, 0);
	KUNIT_EXPECT_EQ(test, regs->eip, KERNEL + CODE + 3);

	put_code(g, other, sizeof(other));
	KUNIT_EXPECT_FALSE(test, lg_emulate_rdtsc(g->lg, 1));
	KUNIT_EXPECT_EQ(test, regs->eip, KERNEL + CODE);
	regs->eip = 0x10;
	KUNIT_EXPECT_FALSE(test, lg_emulate_rdtsc(g->lg, 1));
	EXPECT_ALIVE(g);

	put_code(g, code, sizeof(code));
	g->lg->vcpu->tsc = 0;
	guest_trap(g, 13, 0);
	EXPECT_REASON(g,
		      "unhandled trap 13 at 0xc0007000 (error code 0x0): 0f 31 "
		      ZEROES6 NO_HANDLERS);
}

static struct kunit_case emulate_cases[] = {
	KUNIT_CASE_PARAM(instruction, insn_gen_params),
	KUNIT_CASE_PARAM(string_instruction, string_gen_params),
	KUNIT_CASE(repeat_of_none),
	KUNIT_CASE(ins_where_nothing_is),
	KUNIT_CASE(where_ins_writes),
	KUNIT_CASE(segments_have_bases),
	KUNIT_CASE(code_over_two_pages),
	KUNIT_CASE(keyboard_status),
	KUNIT_CASE_PARAM(reset, reset_gen_params),
	KUNIT_CASE(reset_from_ring_3),
	KUNIT_CASE(halt_with_interrupts_on),
	KUNIT_CASE(halt_for_good),
	KUNIT_CASE(vmcall),
	KUNIT_CASE(rdtsc),
	{}
};

static struct kunit_suite emulate_suite = {
	.name = "lguest_emulate",
	.init = guest_page,
	.exit = guest_free,
	.test_cases = emulate_cases,
};

kunit_test_suite(emulate_suite);
