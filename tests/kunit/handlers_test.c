// SPDX-License-Identifier: GPL-2.0
/* The way to a guest's handlers: gates, stacks, and what is fatal there. */
#include <kunit/test.h>
#include <linux/mman.h>
#include <linux/syscalls.h>

#include "../../include/uapi/linux/lguest_launcher.h"
#include "../../cpu.h"
#include "../../guest/gates.h"
#include "lib/paging.h"

#define HANDLER		0xc0101230
#define GATE_LOW	(LG_KERNEL_CS << 16 | 0x1230)
#define GATE_HIGH	0xc0108e00
#define USER_EIP	0x8000
#define STACK_ENTRY	20
#define STACK_SELECTOR	(STACK_ENTRY * 8 | LG_KERNEL_RPL)

/* SDM volume 3, section 3.5, table 3-2; those with bit 4 are segments. */
static const u32 gate_types[] = {
	0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a,
	0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x12, 0x1a, 0x1e, 0x1f,
};

static void describe_type(const u32 *type, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "type %#x", *type);
}

KUNIT_ARRAY_PARAM(type, gate_types, describe_type);

static void gate_is_read(struct kunit *test)
{
	const u32 type = *(const u32 *)test->param_value;
	u32 dpl;

	for (dpl = 0; dpl <= 3; dpl++) {
		struct lg_desc gate = {
			.low = 0x00619abc,
			.high = 0x12348000 | dpl << 13 | type << 8 | 0xff,
		};
		bool masks_irqs = type != 0xe;
		u32 eip = 0;

		KUNIT_EXPECT_EQ(test, lg_gate_dpl(&gate), dpl);
		KUNIT_EXPECT_TRUE(test, lg_gate_handler(&gate, &eip,
							&masks_irqs));
		KUNIT_EXPECT_EQ(test, eip, 0x12349abc);
		KUNIT_EXPECT_EQ(test, masks_irqs, type == 0xe);
		gate.high &= ~0x8000;
		KUNIT_EXPECT_FALSE(test, lg_gate_handler(&gate, &eip,
							 &masks_irqs));
	}
}

static void load_idt_entry(struct kunit *test)
{
	const u32 type = *(const u32 *)test->param_value;
	struct guest *g = test->priv;
	unsigned int updates = g->lg->vcpu->handler_updates;
	struct lg_desc *gate = &g->lg->idt[0x40];
	bool good = type == 0xe || type == 0xf;
	char reason[64];
	u32 dpl;

	for (dpl = 0; dpl <= 3; dpl++) {
		u32 high = GATE_HIGH & ~0xff00;

		/* Nothing counts of a gate that is not present. */
		*gate = (struct lg_desc){ 1, 2 };
		high |= dpl << 13 | type << 8;
		guest_hypercall(g, LOAD_IDT_ENTRY, 0x40, GATE_LOW, high);
		EXPECT_ALIVE(g);
		KUNIT_EXPECT_EQ(test, gate->low, 0);
		KUNIT_EXPECT_EQ(test, gate->high, 0);
		if (!good)
			continue;
		high |= 0x8000;
		guest_hypercall(g, LOAD_IDT_ENTRY, 0x40, GATE_LOW, high);
		EXPECT_ALIVE(g);
		KUNIT_EXPECT_EQ(test, gate->low, GATE_LOW);
		KUNIT_EXPECT_EQ(test, gate->high, high);
	}
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->handler_updates - updates,
			good ? 8 : 4);
	if (good)
		return;
	guest_hypercall(g, LOAD_IDT_ENTRY, 0x40, GATE_LOW, 0x8000 | type << 8);
	snprintf(reason, sizeof(reason),
		 "bad IDT gate type %#x for vector 64", type);
	EXPECT_REASON(g, reason);
	KUNIT_EXPECT_EQ(test, gate->high, 0);
}

/* Four vectors are the host's, whatever a guest says of them. */
static void load_every_idt_entry(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 i;

	for (i = 0; i < LG_IDT_ENTRIES; i++)
		guest_hypercall(g, LOAD_IDT_ENTRY, i, i, GATE_HIGH);
	for (i = 0; i < LG_IDT_ENTRIES; i++) {
		bool hosts = i == 2 || i == 8 || i == 15 || i == 0x1f;

		KUNIT_EXPECT_EQ(test, g->lg->idt[i].low, hosts ? 0 : i);
		KUNIT_EXPECT_EQ(test, g->lg->idt[i].high,
				hosts ? 0 : GATE_HIGH);
	}
	guest_hypercall(g, LOAD_IDT_ENTRY, 8, 0, 0x8500);
	EXPECT_ALIVE(g);
}

static const u32 bad_vectors[] = { 256, 257, 0x10000, 0x80000000, 0xffffffff };

static void describe_vector(const u32 *vector, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%#x", *vector);
}

KUNIT_ARRAY_PARAM(vector, bad_vectors, describe_vector);

static void load_no_idt_entry(struct kunit *test)
{
	const u32 vector = *(const u32 *)test->param_value;
	struct guest *g = test->priv;
	char reason[64];

	guest_hypercall(g, LOAD_IDT_ENTRY, vector, GATE_LOW, GATE_HIGH);
	snprintf(reason, sizeof(reason), "bad IDT entry %u", vector);
	EXPECT_REASON(g, reason);
}

static void load_gate(struct guest *g, u32 vector)
{
	guest_hypercall(g, LOAD_IDT_ENTRY, vector, GATE_LOW, GATE_HIGH);
}

static void no_handler(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_trap(g, 17, 0x1234);
	EXPECT_REASON(g,
		      "unhandled trap 17 at 0xc0007000 (error code 0x1234): " ZEROES NO_HANDLERS);
}

/* This trap has no error code, whatever the CPU left there. */
static void no_handler_without_error_code(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_trap(g, 0, 0x1234);
	EXPECT_REASON(g,
		      "unhandled trap 0 at 0xc0007000 (error code 0x0): " ZEROES NO_HANDLERS);
}

static void no_handler_for_page_fault(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_go_user(g, USER_EIP, 0);
	g->lg->regs->cr2 = 0x123456;
	guest_trap(g, 14, 6);
	EXPECT_REASON(g,
		      "unhandled trap 14 at 0x8000 (cr2 0x123456, error code 0x6)" NO_HANDLERS);
}

/* `int $0x40` is refused, and there is no handler for the #GP. */
static void no_handler_for_general_protection(struct kunit *test)
{
	static const u8 code[] = { 0xcd, 0x40 };
	struct guest *g = test->priv;

	load_gate(g, 0x40);
	guest_put(g, CODE, code, sizeof(code));
	guest_trap(g, 13, 0x40 * 8 + 2);
	EXPECT_REASON(g,
		      "unhandled trap 13 at 0xc0007000 (error code 0x202): cd 40 00 00 00 00 00 00");
}

/* The `int` is allowed, but its gate is gone: the address is behind the `int`. */
static void no_handler_for_software_interrupt(struct kunit *test)
{
	static const u8 code[] = { 0xcd, 0x40 };
	struct guest *g = test->priv;

	g->lg->idt[0x40].high = 0x6e00;
	guest_put(g, CODE, code, sizeof(code));
	guest_trap(g, 13, 0x40 * 8 + 2);
	EXPECT_REASON(g,
		      "unhandled trap 64 at 0xc0007002 (error code 0x0): " ZEROES NO_HANDLERS);
}

/* The switcher is told of each stack, and of its segment only if that is new. */
static void stacks_of_one_segment(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_vcpu *vcpu = g->lg->vcpu;
	unsigned int updates = vcpu->handler_updates;

	guest_hypercall(g, SET_STACK, 0x61, KERNEL + STACK, 1);
	KUNIT_EXPECT_EQ(test, vcpu->handler_updates, updates + 1);
	KUNIT_EXPECT_EQ(test, vcpu->stack_moves, 0);
	guest_hypercall(g, SET_STACK, 0x61, KERNEL + STACK - 0x100, 1);
	KUNIT_EXPECT_EQ(test, vcpu->handler_updates, updates + 1);
	KUNIT_EXPECT_EQ(test, vcpu->stack_moves, 1);
	KUNIT_EXPECT_EQ(test, g->lg->kernel_esp, KERNEL + STACK - 0x100);
	guest_hypercall(g, SET_STACK, 0x69, KERNEL + STACK, 1);
	KUNIT_EXPECT_EQ(test, vcpu->handler_updates, updates + 2);
	KUNIT_EXPECT_EQ(test, g->lg->kernel_ss, 0x69);
	EXPECT_ALIVE(g);
}

static void trap_before_set_stack(struct kunit *test)
{
	struct guest *g = test->priv;

	load_gate(g, 0);
	g->lg->kernel_ss = 0;
	guest_trap(g, 0, 0);		/* ring 1 has a stack */
	EXPECT_ALIVE(g);
	guest_go_user(g, USER_EIP, 0);
	guest_trap(g, 0, 0);
	EXPECT_REASON(g, "trap or interrupt in ring 3 at 0x8000 before any SET_STACK");
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, USER_EIP);
}

struct stack_case {
	const char *name;
	u32 entry;		/* of the page under the top of the stack */
	bool user;
	const char *reason;
};

#define BELOW	(STACK - PAGE_SIZE)

static const struct stack_case stack_cases[] = {
	{ "ring 1, not present", BELOW | W, false,
	  "no stack at ss:esp 69:0xc0009ff0 for the handler at 0xc0101230" },
	{ "ring 3, not present", BELOW | W, true,
	  "no stack at ss:esp 69:0xc0009fe8 for the handler at 0xc0101230" },
	{ "ring 1, read-only", BELOW | P, false,
	  "no stack at ss:esp 69:0xc0009ff0 for the handler at 0xc0101230" },
	{ "ring 3, read-only", BELOW | P, true,
	  "no stack at ss:esp 69:0xc0009fe8 for the handler at 0xc0101230" },
	{ "ring 1, beyond memory", END | P | W, false,
	  "bad page table entry 0x40003 for address 0xc0009ff0" },
};

static void describe_stack(const struct stack_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(stack, stack_cases, describe_stack);

/* A stack must not fault: the CPU would raise a double fault. */
static void stack_faults(struct kunit *test)
{
	const struct stack_case *c = test->param_value;
	struct guest *g = test->priv;

	load_gate(g, 13);
	guest_put32(g, KERNEL_TABLE + BELOW / PAGE_SIZE * 4, c->entry);
	if (c->user)
		guest_go_user(g, USER_EIP, 0);
	guest_trap(g, 13, 0x18);
	EXPECT_REASON(g, c->reason);
}

/* A stack of 16 bits wraps within its segment; esp keeps its upper 16 bits. */
static void stack_of_16_bits(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	load_gate(g, 0);
	/* Its base is the last page of memory, and its size 64 KiB. */
	guest_hypercall(g, LOAD_GDT_ENTRY, STACK_ENTRY, 0xf000ffff, 0xc000b203);
	regs->ss = STACK_SELECTOR;
	regs->esp = 0xabcd0010;
	guest_trap(g, 0, 0);
	EXPECT_ALIVE(g);
	KUNIT_EXPECT_EQ(test, regs->esp, 0xabcd0004);
	KUNIT_EXPECT_EQ(test, guest_get32(g, 0x3f004), KERNEL + CODE);

	regs->eip = KERNEL + CODE;
	guest_trap(g, 0, 0);
	EXPECT_REASON(g, "no stack at ss:esp a1:0xabcdfff8 for the handler at 0xc0101230");
}

static void stack_with_a_base(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	load_gate(g, 0);
	guest_hypercall(g, LOAD_GDT_ENTRY, STACK_ENTRY, 0xa000ffff, 0xc0cfb200);
	guest_hypercall(g, SET_STACK, STACK_SELECTOR, 0x800, 1);
	guest_go_user(g, USER_EIP, 0x12345678);
	guest_trap(g, 0, 0);
	EXPECT_ALIVE(g);
	KUNIT_EXPECT_EQ(test, regs->ss, STACK_SELECTOR);
	KUNIT_EXPECT_EQ(test, regs->esp, 0x800 - 20);
	KUNIT_EXPECT_EQ(test, guest_get32(g, 0xa800 - 20), USER_EIP);
	KUNIT_EXPECT_EQ(test, guest_get32(g, 0xa800 - 8), 0x12345678);
	KUNIT_EXPECT_EQ(test, guest_get32(g, 0xa800 - 4), USER_DS);
}

/* The CPU already has the stack's page, perhaps for reading only. */
static void stack_in_use(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;
	u32 how;

	load_gate(g, 0);
	guest_put32(g, BELOW, 0);
	for (how = 0; how <= LG_PF_WRITE; how += LG_PF_WRITE) {
		regs->esp = KERNEL + STACK - how;
		regs->eip = USER_EIP + how;
		TOUCH(g, KERNEL + BELOW, how);
		EXPECT_SHADOW(g, KERNEL + BELOW, BELOW, how ? WD : 0);
		guest_trap(g, 0, 0);
		EXPECT_ALIVE(g);
		KUNIT_EXPECT_EQ(test, regs->esp, KERNEL + STACK - how - 12);
		KUNIT_EXPECT_EQ(test, guest_get32(g, STACK - how - 12),
				USER_EIP + how);
		KUNIT_EXPECT_EQ(test, guest_get32(g, STACK - how - 8),
				LG_KERNEL_CS);
	}
	KUNIT_EXPECT_EQ(test, paging_entry(g, KERNEL + BELOW) & D, D);

	/* The frame lies on two pages, and the CPU has both. */
	guest_put32(g, STACK, 0);
	TOUCH(g, KERNEL + STACK, LG_PF_WRITE);
	regs->esp = KERNEL + STACK + 4;
	regs->eip = USER_EIP + 4;
	guest_trap(g, 0, 0);
	EXPECT_ALIVE(g);
	KUNIT_EXPECT_EQ(test, guest_get32(g, STACK - 8), USER_EIP + 4);
	KUNIT_EXPECT_EQ(test, guest_get32(g, STACK - 4), LG_KERNEL_CS);
}

static void make_read_only(struct guest *g, u32 gpa)
{
	KUNIT_ASSERT_EQ(g->test, 0,
			sys_mprotect(g->memory + gpa, PAGE_SIZE, PROT_READ));
}

/* It is the Launcher's doing, but the guest can't live with it. */
static void flag_cannot_be_cleared(struct kunit *test)
{
	struct guest *g = test->priv;

	load_gate(g, 0);
	make_read_only(g, DATA);
	guest_trap(g, 0, 0);
	EXPECT_REASON(g, "guest memory at 0x6000 is gone: the Launcher took it away");
}

static void flag_cannot_be_read(struct kunit *test)
{
	struct guest *g = test->priv;

	load_gate(g, 0);
	vm_munmap(g->memory + DATA, PAGE_SIZE);
	guest_trap(g, 0, 0);
	EXPECT_REASON(g, "guest memory at 0x6000 is gone: the Launcher took it away");
	KUNIT_EXPECT_EQ(test, g->lg->regs->esp, KERNEL + STACK);
}

static void cr2_cannot_be_written(struct kunit *test)
{
	struct guest *g = test->priv;

	load_gate(g, 14);
	make_read_only(g, DATA);
	g->lg->regs->cr2 = 0x123456;
	guest_trap(g, 14, 2);
	EXPECT_REASON(g, "guest memory at 0x6008 is gone: the Launcher took it away");
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, KERNEL + CODE);
}

static void launchers_trap_is_fatal(struct kunit *test)
{
	struct guest *g = test->priv;

	load_gate(g, 13);
	g->lg->regs->esp = 0x2000;
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_TRAP, 13), -ENOENT);
	EXPECT_REASON(g, "no stack at ss:esp 69:0x1ff0 for the handler at 0xc0101230");
}

#define CANT_RUN "can't run at cs:eip 61:0xc0007000 ss:esp 69:0xc000a000 "

/* A segment register names a descriptor that is no longer there. */
static void selector_is_dropped(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;

	g->lg->vcpu->segment_load = true;
	regs->fs = 0x33;
	regs->gs = 0x3b;
	guest_trap(g, LG_VECTOR_ENTRY_FAULT, 0x33);
	EXPECT_ALIVE(g);
	KUNIT_EXPECT_EQ(test, regs->fs, 0);
	KUNIT_EXPECT_EQ(test, regs->gs, 0x3b);
	KUNIT_EXPECT_EQ(test, regs->ds, LG_KERNEL_DS);
	/* But no register has this one. */
	guest_trap(g, LG_VECTOR_ENTRY_FAULT, 0x40);
	EXPECT_REASON(g, CANT_RUN "(error code 0x40)");
}

static void entry_faults(struct kunit *test)
{
	struct guest *g = test->priv;

	g->lg->regs->fs = 0x33;
	guest_trap(g, LG_VECTOR_ENTRY_FAULT, 0x30);
	EXPECT_REASON(g, CANT_RUN "(error code 0x30)");
	KUNIT_EXPECT_EQ(test, g->lg->regs->fs, 0x33);
}

/* The guest is told nothing, and is where it was. */
static void fault_of_the_hosts(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs was = *g->lg->regs;

	was.vector = LG_VECTOR_HOST_FAULT;
	was.error_code = 0;
	guest_trap(g, LG_VECTOR_HOST_FAULT, 0);
	EXPECT_ALIVE(g);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->host_faults, 1);
	KUNIT_EXPECT_EQ(test, memcmp(&was, g->lg->regs, sizeof(was)), 0);
}

static struct kunit_case handlers_cases[] = {
	KUNIT_CASE_PARAM(gate_is_read, type_gen_params),
	KUNIT_CASE_PARAM(load_idt_entry, type_gen_params),
	KUNIT_CASE(load_every_idt_entry),
	KUNIT_CASE_PARAM(load_no_idt_entry, vector_gen_params),
	KUNIT_CASE(no_handler),
	KUNIT_CASE(no_handler_without_error_code),
	KUNIT_CASE(no_handler_for_page_fault),
	KUNIT_CASE(no_handler_for_general_protection),
	KUNIT_CASE(no_handler_for_software_interrupt),
	KUNIT_CASE(stacks_of_one_segment),
	KUNIT_CASE(trap_before_set_stack),
	KUNIT_CASE_PARAM(stack_faults, stack_gen_params),
	KUNIT_CASE(stack_of_16_bits),
	KUNIT_CASE(stack_with_a_base),
	KUNIT_CASE(stack_in_use),
	KUNIT_CASE(flag_cannot_be_cleared),
	KUNIT_CASE(flag_cannot_be_read),
	KUNIT_CASE(cr2_cannot_be_written),
	KUNIT_CASE(launchers_trap_is_fatal),
	KUNIT_CASE(selector_is_dropped),
	KUNIT_CASE(entry_faults),
	KUNIT_CASE(fault_of_the_hosts),
	{}
};

static struct kunit_suite handlers_suite = {
	.name = "lguest_handlers",
	.init = guest_page,
	.exit = guest_free,
	.test_cases = handlers_cases,
};

kunit_test_suite(handlers_suite);
