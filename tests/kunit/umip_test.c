// SPDX-License-Identifier: GPL-2.0
/* SGDT, SIDT, SLDT, STR and SMSW where the CPU has UMIP, and how they are decoded */
#include <kunit/test.h>

#include "../../guest/umip.h"
#include "lib/guest.h"

/* Segments that differ in where they begin; SS is flat. */
#define SEL(n)		((n) * 8 | 1)
#define DS_BASE		0x01000000
#define ES_BASE		0x02000000
#define FS_BASE		0x03000000
#define GS_BASE		0x04000000

#define IN_EAX		1	/* in place of an address */
#define IN_EBP		2

struct value {
	u32 len;
	u8 bytes[6];
};

static const struct value gdt = { 6, { 0, 0, 0x00, 0x00, 0xfe, 0xff } };
static const struct value idt = { 6, { 0, 0, 0x00, 0x00, 0xff, 0xff } };
static const struct value msw = { 2, { 0x33, 0x00 } };
static const struct value all_of_cr0 = { 4, { 0x33, 0x00, 0x05, 0x80 } };
static const struct value null = { 2, { 0 } };
static const struct value wide_null = { 4, { 0 } };
static const struct value tr = { 2, { 0x80 } };
static const struct value wide_tr = { 4, { 0x80 } };

struct decode_case {
	const char *name;
	u8 code[12];
	u32 insn_len;		/* 0 if it is none of the five */
	u32 gva;
	const struct value *value;
};

static const struct decode_case decode_cases[] = {
	{ "sgdt (%eax)", { 0x0f, 0x01, 0x00 }, 3, DS_BASE + 0x10000, &gdt },
	{ "sidt (%ecx)", { 0x0f, 0x01, 0x09 }, 3, DS_BASE + 0x200, &idt },
	{ "sgdt 0x12345678", { 0x0f, 0x01, 0x05, 0x78, 0x56, 0x34, 0x12 }, 7,
	  DS_BASE + 0x12345678, &gdt },
	{ "sgdt 8(%ecx)", { 0x0f, 0x01, 0x41, 8 }, 4, DS_BASE + 0x208, &gdt },
	{ "sgdt -8(%ecx)", { 0x0f, 0x01, 0x41, 0xf8 }, 4, DS_BASE + 0x1f8, &gdt },
	{ "sidt 0x1000(%ebx)", { 0x0f, 0x01, 0x8b, 0, 0x10, 0, 0 }, 7,
	  DS_BASE + 0x40ff0, &idt },
	{ "sidt (%esp)", { 0x0f, 0x01, 0x0c, 0x24 }, 4, KERNEL + STACK, &idt },
	{ "sidt 4(%ebp)", { 0x0f, 0x01, 0x4d, 4 }, 4, 0x50004, &idt },
	{ "sgdt (%eax,%esi,4)", { 0x0f, 0x01, 0x04, 0xb0 }, 4,
	  DS_BASE + 0x10010, &gdt },
	{ "sgdt 0x1000(,%esi,8)", { 0x0f, 0x01, 0x04, 0xf5, 0, 0x10, 0, 0 }, 8,
	  DS_BASE + 0x1020, &gdt },
	{ "sgdt 2(%ebp), with SIB", { 0x0f, 0x01, 0x44, 0x25, 2 }, 5, 0x50002,
	  &gdt },
	{ "sgdt -4(%esp,%edx)", { 0x0f, 0x01, 0x84, 0x14, 0xfc, 0xff, 0xff, 0xff },
	  8, KERNEL + STACK - 1, &gdt },
	{ "sgdt (%edi)", { 0x0f, 0x01, 0x07 }, 3, DS_BASE + 0x60000, &gdt },
	{ "sgdt, 16-bit operand", { 0x66, 0x0f, 0x01, 0x00 }, 4,
	  DS_BASE + 0x10000, &gdt },
	{ "sgdt (%bx)", { 0x67, 0x0f, 0x01, 0x07 }, 4, DS_BASE + 0xfff0, &gdt },
	{ "sgdt (%bx,%si)", { 0x67, 0x0f, 0x01, 0x00 }, 4, DS_BASE + 0xfff4, &gdt },
	{ "sgdt (%bx,%di)", { 0x67, 0x0f, 0x01, 0x01 }, 4, DS_BASE + 0xfff0, &gdt },
	{ "sgdt (%bp,%si)", { 0x67, 0x0f, 0x01, 0x02 }, 4, 4, &gdt },
	{ "sgdt 3(%bp,%di)", { 0x67, 0x0f, 0x01, 0x43, 3 }, 5, 3, &gdt },
	{ "sgdt (%si)", { 0x67, 0x0f, 0x01, 0x04 }, 4, DS_BASE + 4, &gdt },
	{ "sgdt -8(%di)", { 0x67, 0x0f, 0x01, 0x45, 0xf8 }, 5, DS_BASE + 0xfff8,
	  &gdt },
	{ "sgdt 0x1234(%bp)", { 0x67, 0x0f, 0x01, 0x86, 0x34, 0x12 }, 6, 0x1234,
	  &gdt },
	{ "sgdt 0x1234", { 0x67, 0x0f, 0x01, 0x06, 0x34, 0x12 }, 6,
	  DS_BASE + 0x1234, &gdt },
	{ "sgdt %es:(%eax)", { 0x26, 0x0f, 0x01, 0x00 }, 4, ES_BASE + 0x10000,
	  &gdt },
	{ "sgdt %cs:(%eax)", { 0x2e, 0x0f, 0x01, 0x00 }, 4, 0x10000, &gdt },
	{ "sgdt %ss:(%eax)", { 0x36, 0x0f, 0x01, 0x00 }, 4, 0x10000, &gdt },
	{ "sgdt %ds:(%ebp)", { 0x3e, 0x0f, 0x01, 0x45, 0 }, 5,
	  DS_BASE + 0x50000, &gdt },
	{ "sgdt %fs:(%eax)", { 0x64, 0x0f, 0x01, 0x00 }, 4, FS_BASE + 0x10000,
	  &gdt },
	{ "sgdt, the last of two segments", { 0x64, 0x65, 0x0f, 0x01, 0x00 }, 5,
	  GS_BASE + 0x10000, &gdt },
	{ "smsw %eax", { 0x0f, 0x01, 0xe0 }, 3, IN_EAX, &all_of_cr0 },
	{ "smsw %bp", { 0x66, 0x0f, 0x01, 0xe5 }, 4, IN_EBP, &msw },
	{ "smsw (%eax)", { 0x0f, 0x01, 0x20 }, 3, DS_BASE + 0x10000, &msw },
	{ "sldt %eax", { 0x0f, 0x00, 0xc0 }, 3, IN_EAX, &wide_null },
	{ "sldt (%eax)", { 0x0f, 0x00, 0x00 }, 3, DS_BASE + 0x10000, &null },
	{ "str %ebp", { 0x0f, 0x00, 0xcd }, 3, IN_EBP, &wide_tr },
	{ "str (%eax)", { 0x0f, 0x00, 0x08 }, 3, DS_BASE + 0x10000, &tr },
	{ "vmcall", { 0x0f, 0x01, 0xc1 } },
	{ "monitor", { 0x0f, 0x01, 0xc8 } },
	{ "lgdt (%eax)", { 0x0f, 0x01, 0x10 } },
	{ "lidt (%eax)", { 0x0f, 0x01, 0x18 } },
	{ "lmsw %eax", { 0x0f, 0x01, 0xf0 } },
	{ "invlpg (%eax)", { 0x0f, 0x01, 0x38 } },
	{ "lldt %eax", { 0x0f, 0x00, 0xd0 } },
	{ "ltr %eax", { 0x0f, 0x00, 0xd8 } },
	{ "lar (%eax), %eax", { 0x0f, 0x02, 0x00 } },
	{ "lock sgdt (%eax)", { 0xf0, 0x0f, 0x01, 0x00 } },
	{ "add %eax, (%eax)", { 0x01, 0x00 } },
};

static void describe(const struct decode_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(decode, decode_cases, describe);

static void load_segment(struct guest *g, u32 *selector, u32 nr, u32 base)
{
	guest_hypercall(g, LOAD_GDT_ENTRY, nr, base << 16 | 0xffff,
			0x00cfb200 | base >> 24 << 24 | (base >> 16 & 0xff));
	*selector = SEL(nr);
}

static void decode(struct kunit *test)
{
	const struct decode_case *c = test->param_value;
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;
	struct lg_store store;

	load_segment(g, &regs->ds, 20, DS_BASE);
	load_segment(g, &regs->es, 21, ES_BASE);
	load_segment(g, &regs->fs, 22, FS_BASE);
	load_segment(g, &regs->gs, 23, GS_BASE);
	guest_put(g, CODE, c->code, sizeof(c->code));
	regs->eax = 0x10000;
	regs->ecx = 0x200;
	regs->edx = 3;
	regs->ebx = 0x3fff0;
	regs->ebp = 0x50000;
	regs->esi = 4;
	regs->edi = 0x60000;
	KUNIT_ASSERT_EQ(test, lg_decode_umip(g->lg, &store), !!c->insn_len);
	if (!c->insn_len)
		return;
	KUNIT_EXPECT_EQ(test, store.insn_len, c->insn_len);
	if (c->gva == IN_EAX)
		KUNIT_EXPECT_PTR_EQ(test, store.reg, &regs->eax);
	else if (c->gva == IN_EBP)
		KUNIT_EXPECT_PTR_EQ(test, store.reg, &regs->ebp);
	else
		KUNIT_EXPECT_EQ(test, store.gva, c->gva);
	KUNIT_EXPECT_EQ(test, !store.reg, c->gva > IN_EBP);
	KUNIT_EXPECT_EQ(test, store.len, c->value->len);
	KUNIT_EXPECT_EQ(test, memcmp(store.bytes, c->value->bytes, store.len), 0);
	EXPECT_ALIVE(g);
}

static u32 decoded_gva(struct guest *g, const u8 *code, u32 len)
{
	struct lg_store store = { };

	guest_put(g, CODE, code, len);
	KUNIT_EXPECT_TRUE(g->test, lg_decode_umip(g->lg, &store));
	KUNIT_EXPECT_EQ(g->test, store.insn_len, len);
	return store.gva;
}

/* A segment of 16-bit code: what a prefix makes of it is the reverse. */
static void code_of_16_bits(struct kunit *test)
{
	static const u8 by_bx_si[] = { 0x0f, 0x01, 0x00 };
	static const u8 by_eax[] = { 0x67, 0x0f, 0x01, 0x00 };
	static const u8 by_eax_twice[] = { 0x67, 0x67, 0x0f, 0x01, 0x00 };
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	guest_hypercall(g, LOAD_GDT_ENTRY, 24, 0xffff, 0x008fba00);
	regs->cs = SEL(24);
	regs->eax = 0x12345;
	regs->ebx = 0x3fff0;
	regs->esi = 4;
	KUNIT_EXPECT_EQ(test, decoded_gva(g, by_bx_si, sizeof(by_bx_si)), 0xfff4);
	KUNIT_EXPECT_EQ(test, decoded_gva(g, by_eax, sizeof(by_eax)), 0x12345);
	KUNIT_EXPECT_EQ(test, decoded_gva(g, by_eax_twice, sizeof(by_eax_twice)), 0x12345);
	EXPECT_ALIVE(g);
}

static void empty_segment(struct kunit *test)
{
	static const u8 sgdt[] = { 0x0f, 0x01, 0x00 };
	struct guest *g = test->priv;
	struct lg_store store;

	guest_put(g, CODE, sgdt, sizeof(sgdt));
	g->lg->regs->ds = 3;
	KUNIT_EXPECT_FALSE(test, lg_decode_umip(g->lg, &store));
}

/* What ring 3 may write, what it may read, and where nothing is */
#define WRITABLE	0x8000
#define READABLE	0x9000
#define ABSENT		0xa000
#define USER_CODE	0xb000

#define GP_HANDLER	0xc0101000
#define PF_HANDLER	0xc0102000

static void load_gate(struct guest *g, u32 vector, u32 handler)
{
	guest_hypercall(g, LOAD_IDT_ENTRY, vector,
			LG_KERNEL_CS << 16 | (handler & 0xffff),
			(handler & 0xffff0000) | 0x8e00);
}

/* Execute it with %eax as the address. */
static void execute(struct guest *g, u32 ring, const u8 *code, u32 len, u32 eax)
{
	struct lg_regs *regs = g->lg->regs;

	load_gate(g, LG_TRAP_GP, GP_HANDLER);
	load_gate(g, LG_TRAP_PF, PF_HANDLER);
	guest_put32(g, USER_TABLE + WRITABLE / PAGE_SIZE * 4,
		    (FREE + PAGE_SIZE) | P | W | U);
	guest_put32(g, USER_TABLE + READABLE / PAGE_SIZE * 4,
		    (FREE + 2 * PAGE_SIZE) | P | U);
	guest_put32(g, USER_TABLE + USER_CODE / PAGE_SIZE * 4, CODE | P | U);
	guest_put(g, CODE, code, len);
	if (ring == 3)
		guest_go_user(g, USER_CODE, WRITABLE);
	regs->eax = eax;
	guest_trap(g, LG_TRAP_GP, 0);
	guest_walk_all(g);
	EXPECT_ALIVE(g);
}

static const u8 sidt[] = { 0x0f, 0x01, 0x08 };
static const u8 smsw[] = { 0x66, 0x0f, 0x01, 0xe0 };

static void to_a_register(struct kunit *test)
{
	struct guest *g = test->priv;

	execute(g, 1, smsw, sizeof(smsw), 0x12345678);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eax, 0x12340033);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, KERNEL + CODE + sizeof(smsw));

	execute(g, 3, smsw, sizeof(smsw), 0x12345678);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eax, 0x12340033);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, USER_CODE + sizeof(smsw));
}

static void to_memory(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 pte;

	execute(g, 1, sidt, sizeof(sidt), KERNEL + FREE + 4);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, KERNEL + CODE + sizeof(sidt));
	KUNIT_EXPECT_EQ(test, guest_get32(g, FREE + 4), 0);
	KUNIT_EXPECT_EQ(test, guest_get32(g, FREE + 8), 0xffff);

	execute(g, 3, sidt, sizeof(sidt), WRITABLE + 4);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, USER_CODE + sizeof(sidt));
	KUNIT_EXPECT_EQ(test, guest_get32(g, FREE + PAGE_SIZE + 8), 0xffff);
	pte = guest_get32(g, USER_TABLE + WRITABLE / PAGE_SIZE * 4);
	KUNIT_EXPECT_EQ(test, pte, (u32)(FREE + PAGE_SIZE) | P | W | U | A | D);
}

static void expect_page_fault(struct guest *g, u32 eax, u32 gva, u32 error_code)
{
	u32 esp;

	execute(g, 3, sidt, sizeof(sidt), eax);
	esp = g->lg->regs->esp - KERNEL;
	KUNIT_EXPECT_EQ(g->test, g->lg->regs->eip, PF_HANDLER);
	KUNIT_EXPECT_EQ(g->test, guest_get32(g, DATA + DATA_CR2), gva);
	KUNIT_EXPECT_EQ(g->test, guest_get32(g, esp), error_code);
	KUNIT_EXPECT_EQ(g->test, guest_get32(g, esp + 4), USER_CODE);
}

static void to_memory_that_ring_3_may_not_write(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_put32(g, FREE, 0x11111111);
	expect_page_fault(g, KERNEL + FREE, KERNEL + FREE, 7);
	KUNIT_EXPECT_EQ(test, guest_get32(g, FREE), 0x11111111);
	expect_page_fault(g, READABLE, READABLE, 7);
	expect_page_fault(g, ABSENT, ABSENT, 6);

	/* The second of two pages: nothing is written to the first, either. */
	guest_put32(g, FREE + 2 * PAGE_SIZE - 4, 0x22222222);
	expect_page_fault(g, READABLE - 4, READABLE, 7);
	KUNIT_EXPECT_EQ(test, guest_get32(g, FREE + 2 * PAGE_SIZE - 4), 0x22222222);
}

/* Then the fault has another reason, such as a segment's limit. */
static void without_umip(struct kunit *test)
{
	struct guest *g = test->priv;

	fake_cpu_umip = false;
	execute(g, 3, smsw, sizeof(smsw), 0);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, GP_HANDLER);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eax, 0);
}

static struct kunit_case umip_cases[] = {
	KUNIT_CASE_PARAM(decode, decode_gen_params),
	KUNIT_CASE(code_of_16_bits),
	KUNIT_CASE(empty_segment),
	KUNIT_CASE(to_a_register),
	KUNIT_CASE(to_memory),
	KUNIT_CASE(to_memory_that_ring_3_may_not_write),
	KUNIT_CASE(without_umip),
	{}
};

static struct kunit_suite umip_suite = {
	.name = "lguest_umip",
	.init = guest_page,
	.exit = guest_free,
	.test_cases = umip_cases,
};

kunit_test_suite(umip_suite);
