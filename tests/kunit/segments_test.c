// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>

#include "lib/guest.h"

struct descriptor_case {
	const char *name;
	struct lg_desc given, loaded;
	bool usable;
};

static const struct descriptor_case descriptor_cases[] = {
	{ "ring 3 code", { 0xffff, 0x00cffb00 }, { 0xffff, 0x00cffb00 }, true },
	{ "ring 3 data", { 0xffff, 0x00cff300 }, { 0xffff, 0x00cff300 }, true },
	{ "ring 1 code", { 0xffff, 0x00cfbb00 }, { 0xffff, 0x00cfbb00 }, true },
	{ "ring 2 data", { 0xffff, 0x00cfd300 }, { 0xffff, 0x00cfd300 }, true },
	{ "ring 0 code becomes ring 1",
	  { 0xffff, 0x00cf9b00 }, { 0xffff, 0x00cfbb00 }, true },
	{ "ring 0 data becomes ring 1",
	  { 0xffff, 0x00cf9300 }, { 0xffff, 0x00cfb300 }, true },
	{ "ring 0 conforming code becomes ring 1",
	  { 0xffff, 0x00cf9f00 }, { 0xffff, 0x00cfbf00 }, true },
	{ "accessed code in advance",
	  { 0xffff, 0x00cffa00 }, { 0xffff, 0x00cffb00 }, true },
	{ "accessed data in advance",
	  { 0xffff, 0x00cff200 }, { 0xffff, 0x00cff300 }, true },
	{ "64-bit code becomes 16-bit code",
	  { 0xffff, 0x00affb00 }, { 0xffff, 0x008ffb00 }, true },
	{ "64-bit and 32-bit code at once",
	  { 0xffff, 0x00effb00 }, { 0xffff, 0x00cffb00 }, true },
	{ "base and limit are the guest's",
	  { 0x5678abcd, 0x12c9f334 }, { 0x5678abcd, 0x12c9f334 }, true },
	{ "expand-down, 16 bits, byte granular",
	  { 0x1234ffff, 0x0000f700 }, { 0x1234ffff, 0x0000f700 }, true },
	{ "data not present",
	  { 0xffff, 0x00cf7300 }, { 0xffff, 0x00cf7300 }, false },
	{ "null", { 0, 0 }, { 0, 0 }, false },
	{ "LDT", { 0xffff, 0x0000e200 }, { 0, 0 }, false },
	{ "TSS, available", { 0x0067, 0x00008900 }, { 0, 0 }, false },
	{ "TSS, busy", { 0x0067, 0x00008b00 }, { 0, 0 }, false },
	{ "call gate of ring 3", { 0x00611234, 0xc000ec00 }, { 0, 0 }, false },
	{ "task gate of ring 3", { 0x00400000, 0x0000e500 }, { 0, 0 }, false },
	{ "interrupt gate", { 0x00611234, 0xc000ee00 }, { 0, 0 }, false },
	{ "trap gate", { 0x00611234, 0xc000ef00 }, { 0, 0 }, false },
	{ "call gate not present", { 0x00611234, 0xc0006c00 }, { 0, 0 }, false },
};

static void describe(const struct descriptor_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(descriptor, descriptor_cases, describe);

static void sanitize_descriptor(struct kunit *test)
{
	const struct descriptor_case *c = test->param_value;
	struct lg_desc desc = c->given;

	KUNIT_EXPECT_EQ(test, lg_sanitize_descriptor(&desc), c->usable);
	KUNIT_EXPECT_EQ(test, desc.low, c->loaded.low);
	KUNIT_EXPECT_EQ(test, desc.high, c->loaded.high);
}

static void load_gdt_entry(struct kunit *test)
{
	const struct descriptor_case *c = test->param_value;
	struct guest *g = test->priv;

	guest_hypercall(g, LOAD_GDT_ENTRY, 20, c->given.low, c->given.high);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[20].low, c->loaded.low);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[20].high, c->loaded.high);
	EXPECT_ALIVE(g);
}

static void load_tls(struct kunit *test)
{
	const struct descriptor_case *c = test->param_value;
	struct guest *g = test->priv;
	const struct lg_desc tls[] = {
		c->given, { 0xffff, 0x00cff300 }, c->given,
	};

	guest_put(g, FREE, tls, sizeof(tls));
	guest_hypercall(g, LOAD_TLS, FREE, 0, 0);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[5].high, 0);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[6].low, c->loaded.low);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[6].high, c->loaded.high);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[7].high, 0x00cff300);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[8].low, c->loaded.low);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[8].high, c->loaded.high);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[9].high, 0);
	EXPECT_ALIVE(g);
}

static void load_tls_beyond_memory(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_hypercall(g, LOAD_TLS, END - 20, 0, 0);
	EXPECT_REASON(g, "bad address 0x3ffec: 24 bytes there are not all in memory");
	KUNIT_EXPECT_EQ(test, g->lg->gdt[6].high, 0);
}

static void first_gdt(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int i;

	for (i = 0; i < LG_GDT_ENTRIES; i++) {
		if (i * 8 == (LG_KERNEL_CS & ~7))
			KUNIT_EXPECT_EQ(test, g->lg->gdt[i].high, 0x00cfbb00);
		else if (i * 8 == (LG_KERNEL_DS & ~7))
			KUNIT_EXPECT_EQ(test, g->lg->gdt[i].high, 0x00cfb300);
		else if (i * 8 != (USER_CS & ~7) && i * 8 != (USER_DS & ~7))
			KUNIT_EXPECT_EQ(test, g->lg->gdt[i].high, 0);
	}
}

/* The null descriptor, and two that the host needs for itself */
static void host_entries_stay(struct kunit *test)
{
	static const u32 entries[] = { 0, 2, 3 };
	struct guest *g = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(entries); i++) {
		g->lg->gdt[entries[i]].low = 0x1111;
		guest_hypercall(g, LOAD_GDT_ENTRY, entries[i], 0xffff,
				0x00cffb00);
		KUNIT_EXPECT_EQ(test, g->lg->gdt[entries[i]].low, 0x1111);
		KUNIT_EXPECT_EQ(test, g->lg->gdt[entries[i]].high, 0);
	}
	EXPECT_ALIVE(g);
}

static void last_gdt_entry(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_hypercall(g, LOAD_GDT_ENTRY, 31, 0xffff, 0x00cffb00);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[31].high, 0x00cffb00);
	EXPECT_ALIVE(g);
	guest_hypercall(g, LOAD_GDT_ENTRY, 32, 0xffff, 0x00cffb00);
	EXPECT_REASON(g, "bad GDT entry 32");
}

/* A load may change what the switcher knows of the stack segment. */
static void loads_tell_the_cpu(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int *updates = &g->lg->vcpu->handler_updates;
	unsigned int before = *updates, entry;

	guest_hypercall(g, LOAD_GDT_ENTRY, 20, 0xffff, 0x00cffb00);
	KUNIT_EXPECT_EQ(test, *updates, before + 1);
	/* The others that a guest changes are 6, 7 and 8. */
	for (entry = 5; entry <= 9; entry++) {
		guest_hypercall(g, SET_STACK, 0x30000 | entry * 8 | 1, 0, 0);
		before = *updates;
		guest_hypercall(g, LOAD_TLS, FREE, 0, 0);
		KUNIT_EXPECT_EQ(test, *updates - before,
				entry >= 6 && entry <= 8);
	}
	EXPECT_ALIVE(g);
}

static void segment_base(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->gdt[20].low = 0x5678ffff;
	g->lg->gdt[20].high = 0x12cff334;
	KUNIT_EXPECT_EQ(test, lg_segment_base(g->lg, 0xa3), 0x12345678);
	KUNIT_EXPECT_EQ(test, lg_segment_base(g->lg, 0x100a3), 0x12345678);
	KUNIT_EXPECT_EQ(test, lg_segment_base(g->lg, LG_KERNEL_CS), 0);
	KUNIT_EXPECT_EQ(test, lg_segment_base(g->lg, 0), 0);
	KUNIT_EXPECT_EQ(test, lg_segment_base(g->lg, 0x103), 0);
	KUNIT_EXPECT_EQ(test, lg_segment_base(g->lg, 0xffff), 0);
}

static void stack_mask(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->gdt[20].high = 0x0000f300;
	KUNIT_EXPECT_EQ(test, lg_stack_mask(g->lg, 0xa3), 0xffff);
	KUNIT_EXPECT_EQ(test, lg_stack_mask(g->lg, LG_KERNEL_DS), 0xffffffff);
}

struct flat_case {
	const char *name;
	u32 low, high, selector;
	bool flat;
};

static const struct flat_case flat_cases[] = {
	{ "flat", 0xffff, 0x00cfb300, 0xa1, true },
	{ "not accessed yet", 0xffff, 0x00cfb200, 0xa1, true },
	{ "ring 3", 0xffff, 0x00cff300, 0xa1, false },
	{ "RPL 3", 0xffff, 0x00cfb300, 0xa3, false },
	{ "of the LDT", 0xffff, 0x00cfb300, 0xa5, false },
	{ "with a base", 0x1ffff, 0x00cfb300, 0xa1, false },
	{ "with a high base", 0xffff, 0x01cfb300, 0xa1, false },
	{ "with a limit", 0xfffe, 0x00cfb300, 0xa1, false },
	{ "byte granular", 0xffff, 0x004fb300, 0xa1, false },
	{ "16 bits", 0xffff, 0x008fb300, 0xa1, false },
	{ "expand-down", 0xffff, 0x00cfb700, 0xa1, false },
	{ "read-only", 0xffff, 0x00cfb100, 0xa1, false },
	{ "code", 0xffff, 0x00cfbb00, 0xa1, false },
	{ "not present", 0xffff, 0x00cf3300, 0xa1, false },
	{ "null", 0, 0, 0xa1, false },
	{ "outside of the table", 0xffff, 0x00cfb300, 0x101, false },
};

static void describe_flat(const struct flat_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(flat, flat_cases, describe_flat);

static void segment_is_flat(struct kunit *test)
{
	const struct flat_case *c = test->param_value;
	struct guest *g = test->priv;

	g->lg->gdt[20].low = c->low;
	g->lg->gdt[20].high = c->high;
	KUNIT_EXPECT_EQ(test, lg_segment_is_flat(g->lg, c->selector), c->flat);
}

static void drop_selector(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	regs->ds = USER_DS;
	regs->es = USER_DS & ~3;
	regs->fs = 0x33;
	regs->gs = 3;
	KUNIT_EXPECT_FALSE(test, lg_drop_selector(g->lg, 0x38));
	KUNIT_EXPECT_TRUE(test, lg_drop_selector(g->lg, USER_DS & ~3));
	KUNIT_EXPECT_EQ(test, regs->ds, 0);
	KUNIT_EXPECT_EQ(test, regs->es, 0);
	KUNIT_EXPECT_EQ(test, regs->fs, 0x33);
	KUNIT_EXPECT_TRUE(test, lg_drop_selector(g->lg, 0x30));
	KUNIT_EXPECT_EQ(test, regs->fs, 0);
	/* A null selector is no fault, with whatever RPL. */
	KUNIT_EXPECT_FALSE(test, lg_drop_selector(g->lg, 0));
	KUNIT_EXPECT_EQ(test, regs->gs, 3);
}

static struct kunit_case segments_cases[] = {
	KUNIT_CASE_PARAM(sanitize_descriptor, descriptor_gen_params),
	KUNIT_CASE_PARAM(load_gdt_entry, descriptor_gen_params),
	KUNIT_CASE_PARAM(load_tls, descriptor_gen_params),
	KUNIT_CASE(load_tls_beyond_memory),
	KUNIT_CASE(first_gdt),
	KUNIT_CASE(host_entries_stay),
	KUNIT_CASE(last_gdt_entry),
	KUNIT_CASE(loads_tell_the_cpu),
	KUNIT_CASE(segment_base),
	KUNIT_CASE(stack_mask),
	KUNIT_CASE_PARAM(segment_is_flat, flat_gen_params),
	KUNIT_CASE(drop_selector),
	{}
};

static struct kunit_suite segments_suite = {
	.name = "lguest_segments",
	.init = guest_create,
	.exit = guest_free,
	.test_cases = segments_cases,
};

kunit_test_suite(segments_suite);
