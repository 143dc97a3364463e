// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>

#include "../../cpu.h"
#include "lib/paging.h"

#define USER_EIP	0x8000
#define USER_ESP	0x9000
#define HANDLER		0xc0101230
#define GP_HANDLER	0xc0104560
#define GATE_LOW(eip)	(LG_KERNEL_CS << 16 | ((eip) & 0xffff))
#define GATE_HIGH(eip, dpl, type) \
	(((eip) & 0xffff0000) | BIT(15) | (dpl) << 13 | (type) << 8)

/* SDM volume 1, section 3.4.3: all that a guest may set, and what a trap clears */
#define FLAGS		0x254fd7
#define FLAGS_CLEARED	0x34100

static void load_gate(struct guest *g, u32 vector, u32 eip, u32 dpl, u32 type)
{
	guest_hypercall(g, LOAD_IDT_ENTRY, vector, GATE_LOW(eip),
			GATE_HIGH(eip, dpl, type));
}

/* Put the guest at some code, which can be read from either ring. */
static void go(struct guest *g, unsigned int ring, const u8 *code, u32 len)
{
	struct lg_regs *regs = g->lg->regs;

	if (len)
		guest_put(g, CODE, code, len);
	guest_put32(g, USER_TABLE + USER_EIP / PAGE_SIZE * 4, CODE | P | U);
	if (ring == 3) {
		guest_go_user(g, USER_EIP, USER_ESP);
		return;
	}
	regs->cs = LG_KERNEL_CS;
	regs->ss = LG_KERNEL_DS;
	regs->eip = KERNEL + CODE;
	regs->esp = KERNEL + STACK - 0x100;
}

/*
 * Check that the handler was entered from the state in *was, with an error code if
 * that is not NULL: the frame has as many words as the CPU would push, and no more.
 */
static void expect_frame(struct guest *g, u32 handler, const struct lg_regs *was,
			 u32 eip, const u32 *error_code)
{
	const struct lg_regs *regs = g->lg->regs;
	bool user = (was->cs & 3) == 3;
	u32 top = user ? KERNEL + STACK : was->esp;
	u32 at = regs->esp - KERNEL;
	struct kunit *test = g->test;

	EXPECT_ALIVE(g);
	KUNIT_EXPECT_EQ(test, regs->eip, handler);
	KUNIT_EXPECT_EQ(test, regs->cs, LG_KERNEL_CS);
	KUNIT_EXPECT_EQ(test, regs->ss, LG_KERNEL_DS);
	KUNIT_ASSERT_EQ(test, top - regs->esp,
			(3 + 2 * user + !!error_code) * 4);
	if (error_code) {
		KUNIT_EXPECT_EQ(test, guest_get32(g, at), *error_code);
		at += 4;
	}
	KUNIT_EXPECT_EQ(test, guest_get32(g, at), eip);
	KUNIT_EXPECT_EQ(test, guest_get32(g, at + 4), was->cs);
	KUNIT_EXPECT_EQ(test, guest_get32(g, at + 8) & ~IF, was->eflags & ~IF);
	if (user) {
		KUNIT_EXPECT_EQ(test, guest_get32(g, at + 12), was->esp);
		KUNIT_EXPECT_EQ(test, guest_get32(g, at + 16), was->ss);
	}
}

struct trap_case {
	u32 vector;
	bool has_code;
};

/* SDM volume 3, table 6-1: those vectors in which the host has no say */
static const struct trap_case trap_cases[] = {
	{ 0 }, { 1 }, { 5 }, { 6 }, { 7 }, { 9 }, { 10, true }, { 11, true },
	{ 12, true }, { 13, true }, { 14, true }, { 16 }, { 17, true }, { 18 },
	{ 19 }, { 20 }, { 30 }, { 32 }, { 42 }, { 45 }, { 49 }, { 255 },
};

static void describe_trap(const struct trap_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "trap %u", c->vector);
}

KUNIT_ARRAY_PARAM(trap, trap_cases, describe_trap);

static void trap_frame(struct kunit *test, u32 vector, unsigned int ring,
		       bool has_code)
{
	const u32 code = vector == 14 ? (ring == 3 ? 6 : 2) : 0x18;
	struct guest *g = test->priv;
	struct lg_regs was, *regs = g->lg->regs;

	go(g, ring, NULL, 0);
	regs->eflags = FLAGS;
	regs->cr2 = 0x123456;
	regs->edi = 0x1000d1;
	was = *regs;
	guest_trap(g, vector, code);
	expect_frame(g, HANDLER, &was, was.eip, has_code ? &code : NULL);
	KUNIT_EXPECT_EQ(test, regs->eflags, FLAGS & ~FLAGS_CLEARED);
	KUNIT_EXPECT_EQ(test, memcmp(&regs->eax, &was.eax,
				     offsetof(struct lg_regs, vector) -
				     offsetof(struct lg_regs, eax)), 0);
	KUNIT_EXPECT_EQ(test, guest_get32(g, DATA + DATA_CR2),
			vector == 14 ? 0x123456 : 0);
}

/* Traps ask nobody: neither the gate's DPL nor irq_enabled holds them up. */
static void trap_is_reflected(struct kunit *test)
{
	const struct trap_case *c = test->param_value;
	struct guest *g = test->priv;

	g->lg->ts = true;
	load_gate(g, c->vector, HANDLER, 0, 0xe);
	trap_frame(test, c->vector, 1, c->has_code);
	trap_frame(test, c->vector, 3, c->has_code);
	KUNIT_EXPECT_FALSE(test, g->lg->hcall_pending);
}

struct flag_case {
	u32 type, before, pushed, after;
};

static const struct flag_case flag_cases[] = {
	{ 0xe, 0, 0, 0 },
	{ 0xe, IF, IF, 0 },
	{ 0xe, 0xffffffff, IF, 0 },
	{ 0xe, ~IF, 0, 0 },
	{ 0xf, 0, 0, 0 },
	{ 0xf, IF, IF, IF },
	{ 0xf, 0xffffffff, IF, 0xffffffff },
};

static void describe_flag(const struct flag_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "gate %#x, irq_enabled %#x",
		 c->type, c->before);
}

KUNIT_ARRAY_PARAM(flag, flag_cases, describe_flag);

/* The guest's interrupt flag is a word of its own; the CPU's is always set. */
static void interrupt_flag(struct kunit *test)
{
	const struct flag_case *c = test->param_value;
	struct guest *g = test->priv;
	unsigned int ring;

	load_gate(g, 0, HANDLER, 0, c->type);
	for (ring = 1; ring <= 3; ring += 2) {
		go(g, ring, NULL, 0);
		g->lg->regs->eflags = 0x202;
		guest_put32(g, DATA + DATA_IRQ_ENABLED, c->before);
		guest_trap(g, 0, 0);
		KUNIT_EXPECT_EQ(test, guest_get32(g, g->lg->regs->esp - KERNEL +
						  8), 2 | c->pushed);
		KUNIT_EXPECT_EQ(test, guest_get32(g, DATA + DATA_IRQ_ENABLED),
				c->after);
		KUNIT_EXPECT_EQ(test, g->lg->regs->eflags, 0x202);
	}
	EXPECT_ALIVE(g);
}

struct software_case {
	const char *name;
	u8 code[2];
	u8 len;
	u32 trap, error_code;	/* how the CPU brings it out */
	u32 vector;		/* what the guest meant */
};

/*
 * Three vectors have gates that any ring may use, so these come out after the
 * instruction. All others fault.
 */
static const struct software_case software_cases[] = {
	{ "int3", { 0xcc }, 1, 3, 0, 3 },
	{ "int $3", { 0xcd, 3 }, 2, 3, 0, 3 },
	{ "into", { 0xce }, 1, 4, 0, 4 },
	{ "int $4", { 0xcd, 4 }, 2, 4, 0, 4 },
	{ "int $0x80", { 0xcd, 0x80 }, 2, 0x80, 0, 0x80 },
	{ "int $0", { 0xcd, 0 }, 2, 13, 0 * 8 + 2, 0 },
	{ "int $13", { 0xcd, 13 }, 2, 13, 13 * 8 + 2, 13 },
	{ "int $14", { 0xcd, 14 }, 2, 13, 14 * 8 + 2, 14 },
	{ "int $32", { 0xcd, 32 }, 2, 13, 32 * 8 + 2, 32 },
	{ "int $0x40", { 0xcd, 0x40 }, 2, 13, 0x40 * 8 + 2, 0x40 },
	{ "int $255", { 0xcd, 255 }, 2, 13, 255 * 8 + 2, 255 },
};

static void describe_software(const struct software_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(software, software_cases, describe_software);

/* Whatever its number, `int n` pushes no error code, nor changes cr2. */
static void software_interrupt(struct kunit *test)
{
	const struct software_case *c = test->param_value;
	struct guest *g = test->priv;
	unsigned int ring, dpl;

	for (ring = 1; ring <= 3; ring += 2) {
		for (dpl = 0; dpl <= 3; dpl++) {
			const u32 gp_code = c->vector * 8 + 2;
			bool allowed = ring <= dpl;
			struct lg_regs was;
			u32 eip;

			load_gate(g, 13, GP_HANDLER, 0, 0xf);
			load_gate(g, c->vector, HANDLER, dpl, 0xf);
			go(g, ring, c->code, c->len);
			was = *g->lg->regs;
			eip = was.eip + (allowed ? c->len : 0);
			if (c->trap != 13)
				g->lg->regs->eip += c->len;
			guest_trap(g, c->trap, c->error_code);
			expect_frame(g, !allowed && c->vector != 13 ?
				     GP_HANDLER : HANDLER, &was, eip,
				     allowed ? NULL : &gp_code);
		}
	}
	KUNIT_EXPECT_EQ(test, guest_get32(g, DATA + DATA_CR2), 0);
}

/* Ring 3 has no hypercalls: the real gate is ring 1's. */
static void hypercall_from_ring_3(struct kunit *test)
{
	static const u8 code[] = { 0xcd, LG_VECTOR_HYPERCALL };
	static const u32 gp_code = LG_VECTOR_HYPERCALL * 8 + 2;
	struct guest *g = test->priv;
	struct lg_regs was;

	load_gate(g, 13, GP_HANDLER, 0, 0xe);
	load_gate(g, LG_VECTOR_HYPERCALL, HANDLER, 3, 0xf);
	go(g, 3, code, sizeof(code));
	was = *g->lg->regs;
	guest_trap(g, 13, gp_code);
	expect_frame(g, GP_HANDLER, &was, USER_EIP, &gp_code);
	KUNIT_EXPECT_FALSE(test, g->lg->hcall_pending);
}

struct protection_case {
	const char *name;
	u8 code[3];
	unsigned int ring;
	u32 error_code;
	u32 emulated;		/* its length, or 0 */
};

static const struct protection_case protection_cases[] = {
	{ "in, ring 1", { 0xec }, 1, 0, 1 },
	{ "in, ring 3", { 0xec }, 3, 0 },
	{ "cli, ring 1", { 0xfa }, 1, 0, 1 },
	{ "cli, ring 3", { 0xfa }, 3, 0 },
	{ "sti, ring 1", { 0xfb }, 1, 0 },
	{ "a bad selector, ring 1", { 0xec }, 1, 0x18 },
	/* The error code names a gate, but no `int n` is there. */
	{ "a bad gate, ring 1", { 0xec }, 1, 0x40 * 8 + 2 },
	{ "a bad gate, ring 3", { 0xec }, 3, 0x40 * 8 + 2 },
	{ "a selector where `int n` is", { 0xcd, 0x40 }, 3, 0x40 * 8 },
};

static void describe_protection(const struct protection_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(protection, protection_cases, describe_protection);

static void general_protection(struct kunit *test)
{
	const struct protection_case *c = test->param_value;
	struct guest *g = test->priv;
	struct lg_regs was;

	load_gate(g, 13, GP_HANDLER, 0, 0xe);
	load_gate(g, 0x40, HANDLER, 3, 0xe);
	go(g, c->ring, c->code, sizeof(c->code));
	was = *g->lg->regs;
	guest_trap(g, 13, c->error_code);
	if (!c->emulated) {
		expect_frame(g, GP_HANDLER, &was, was.eip, &c->error_code);
		return;
	}
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, was.eip + c->emulated);
	KUNIT_EXPECT_EQ(test, g->lg->regs->esp, was.esp);
	EXPECT_ALIVE(g);
}

/* The instruction is not there any more, so nobody can tell what it did. */
static void general_protection_nowhere(struct kunit *test)
{
	static const u32 code = 0x40 * 8 + 2;
	struct guest *g = test->priv;
	struct lg_regs was;

	load_gate(g, 13, GP_HANDLER, 0, 0xe);
	guest_go_user(g, 0x100000, USER_ESP);
	was = *g->lg->regs;
	guest_trap(g, 13, code);
	expect_frame(g, GP_HANDLER, &was, 0x100000, &code);
}

static void port_access_goes_to_the_launcher(struct kunit *test)
{
	static const u8 code[] = { 0xe6, 0x80 };
	struct guest *g = test->priv;

	load_gate(g, 13, GP_HANDLER, 0, 0xe);
	go(g, 1, code, sizeof(code));
	g->lg->wants_records = true;
	guest_trap(g, 13, 0);
	KUNIT_EXPECT_EQ(test, g->lg->pending.trap, 13);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, KERNEL + CODE);
	EXPECT_ALIVE(g);
}

/* #NM is the guest's if it has set TS; else it wants the FPU. */
static void device_not_available(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int i;

	load_gate(g, 7, HANDLER, 0, 0xe);
	for (i = 0; i < 2; i++) {
		struct lg_regs was;

		go(g, 1, NULL, 0);
		was = *g->lg->regs;
		guest_hypercall(g, TS, i, 0, 0);
		guest_trap(g, 7, 0);
		KUNIT_EXPECT_EQ(test, g->lg->vcpu->wants_fpu, 1);
		if (i)
			expect_frame(g, HANDLER, &was, was.eip, NULL);
		else
			KUNIT_EXPECT_EQ(test, g->lg->regs->eip, was.eip);
	}
}

/* Guests up to 2.6.33 use vmcall for a hypercall; only their kernel may. */
static void invalid_opcode(struct kunit *test)
{
	static const u8 vmcall[] = { 0x0f, 0x01, 0xc1 }, ud2[] = { 0x0f, 0x0b };
	struct guest *g = test->priv;
	struct lg_regs was;

	load_gate(g, 6, HANDLER, 0, 0xe);
	go(g, 1, ud2, sizeof(ud2));
	was = *g->lg->regs;
	guest_trap(g, 6, 0);
	expect_frame(g, HANDLER, &was, was.eip, NULL);

	go(g, 3, vmcall, sizeof(vmcall));
	was = *g->lg->regs;
	guest_trap(g, 6, 0);
	expect_frame(g, HANDLER, &was, was.eip, NULL);
	KUNIT_EXPECT_FALSE(test, g->lg->hcall_pending);

	go(g, 1, vmcall, sizeof(vmcall));
	guest_trap(g, 6, 0);
	KUNIT_EXPECT_TRUE(test, g->lg->hcall_pending);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, KERNEL + CODE + 3);
	EXPECT_ALIVE(g);
}

/* On AMD's CPUs, KVM below the host makes a #GP of it. */
static void vmcall_by_general_protection(struct kunit *test)
{
	static const u8 vmcall[] = { 0x0f, 0x01, 0xc1 };
	struct guest *g = test->priv;
	struct lg_regs was;
	u32 code = 0;

	load_gate(g, 13, HANDLER, 0, 0xe);
	go(g, 3, vmcall, sizeof(vmcall));
	was = *g->lg->regs;
	guest_trap(g, 13, 0);
	expect_frame(g, HANDLER, &was, was.eip, &code);
	KUNIT_EXPECT_FALSE(test, g->lg->hcall_pending);

	go(g, 1, vmcall, sizeof(vmcall));
	guest_trap(g, 13, 0);
	KUNIT_EXPECT_TRUE(test, g->lg->hcall_pending);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, KERNEL + CODE + 3);
	EXPECT_ALIVE(g);
}

/* Ring 1 returns to these selectors, and the CPU raises this. */
static void fail_to_return(struct guest *g, u32 vector, u32 cs, u32 ss,
			   struct lg_regs *was)
{
	/* IRET in ring 1 loads neither VM nor IOPL, nor VIF nor VIP. */
	const u32 frame[] = { USER_EIP, cs, FLAGS | IF | 0x1a3000, USER_ESP, ss };
	const u8 iret = 0xcf;

	go(g, 1, &iret, sizeof(iret));
	guest_put(g, g->lg->regs->esp - KERNEL, frame, sizeof(frame));
	*was = *g->lg->regs;
	guest_trap(g, vector, cs & ~3);
	if ((cs & 3) == 3) {
		was->eip = USER_EIP;
		was->cs = cs;
		was->eflags = FLAGS;
		was->esp = USER_ESP;
		was->ss = ss;
	}
}

static void step_over(struct guest *g, const u8 *code, u32 len)
{
	struct lg_regs was;

	load_gate(g, 1, HANDLER, 0, 0xe);
	go(g, 1, code, len);
	g->lg->regs->eflags = FLAGS | 0x100;
	g->lg->regs->dr6 = 0;
	was = *g->lg->regs;
	guest_trap(g, 13, 0);
	/* Nothing resumes what is done. */
	was.eflags &= ~0x10000;
	expect_frame(g, HANDLER, &was, was.eip + len, NULL);
	KUNIT_EXPECT_EQ(g->test, g->lg->regs->dr6, LG_DR6_STEP);
}

static void step_over_emulated(struct kunit *test)
{
	static const u8 cli[] = { 0xfa }, in[] = { 0xe4, 0x80 };
	static const u8 mov_from_cr0[] = { 0x0f, 0x20, 0xc0 };
	struct guest *g = test->priv;

	step_over(g, cli, sizeof(cli));
	step_over(g, in, sizeof(in));
	step_over(g, mov_from_cr0, sizeof(mov_from_cr0));
}

/* int $1 comes to the same handler. */
static void int1_is_no_step(struct kunit *test)
{
	static const u8 int1[] = { 0xcd, 0x01 };
	struct guest *g = test->priv;

	load_gate(g, 1, HANDLER, 1, 0xe);
	go(g, 1, int1, sizeof(int1));
	g->lg->regs->dr6 = LG_DR6_STEP;
	guest_trap(g, 13, 1 * 8 | 2);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, HANDLER);
	KUNIT_EXPECT_EQ(test, g->lg->regs->dr6, 0);

	g->lg->regs->dr6 = LG_DR6_STEP;
	KUNIT_EXPECT_EQ(test, lg_inject_trap(g->lg, 1), 0);
	KUNIT_EXPECT_EQ(test, g->lg->regs->dr6, 0);
}

static void step_ends_hlt(struct kunit *test)
{
	static const u8 hlt[] = { 0xf4 };
	struct guest *g = test->priv;

	KUNIT_ASSERT_TRUE(test, lg_data_set_irq_enabled(g->lg, true));
	step_over(g, hlt, sizeof(hlt));
	KUNIT_EXPECT_FALSE(test, g->lg->halted);
}

static void iret_to_a_bad_selector(struct kunit *test)
{
	static const u32 vectors[] = { 11, 12, 13 };
	struct guest *g = test->priv;
	struct lg_regs was;
	unsigned int i;
	u32 code;

	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		load_gate(g, vectors[i], HANDLER, 0, 0xe);
		code = 4;
		fail_to_return(g, vectors[i], 7, USER_DS, &was);
		expect_frame(g, HANDLER, &was, USER_EIP, &code);
		code = USER_CS & ~3;
		fail_to_return(g, vectors[i], USER_CS, 0xffff, &was);
		expect_frame(g, HANDLER, &was, USER_EIP, &code);

		/* To ring 1: the kernel's own fault */
		code = 0x50;
		fail_to_return(g, vectors[i], 0x51, USER_DS, &was);
		expect_frame(g, HANDLER, &was, KERNEL + CODE, &code);
	}
	/* Another instruction, with such a frame at hand */
	code = 4;
	fail_to_return(g, 13, 7, USER_DS, &was);
	go(g, 1, (const u8[]) { 0xcb }, 1);
	was = *g->lg->regs;
	guest_trap(g, 13, 4);
	expect_frame(g, HANDLER, &was, KERNEL + CODE, &code);
}

static void another_kernel(struct kunit *test)
{
	static const u8 mov_to_ss[] = { 0x8e, 0xd0 }, mov_to_ds[] = { 0x8e, 0xd8 };
	struct guest *g = test->priv;
	struct lg_regs was;
	u32 code = 0x68;

	load_gate(g, 13, HANDLER, 0, 0xe);
	go(g, 1, mov_to_ds, sizeof(mov_to_ds));
	was = *g->lg->regs;
	guest_trap(g, 13, code);
	expect_frame(g, HANDLER, &was, was.eip, &code);

	go(g, 3, mov_to_ss, sizeof(mov_to_ss));
	was = *g->lg->regs;
	guest_trap(g, 13, code);
	expect_frame(g, HANDLER, &was, was.eip, &code);

	go(g, 1, mov_to_ss, sizeof(mov_to_ss));
	guest_trap(g, 13, code);
	EXPECT_REASON(g, "loaded SS as kexec does: a guest can't start another kernel");
}

/* If only the shadow was behind, the fault is not the guest's. */
static void page_fault_of_the_shadow(struct kunit *test)
{
	struct guest *g = test->priv;

	load_gate(g, 14, HANDLER, 0, 0xe);
	go(g, 1, NULL, 0);
	g->lg->regs->cr2 = KERNEL + FREE;
	guest_trap(g, 14, 2);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, KERNEL + CODE);
	KUNIT_EXPECT_NE(test, guest_shadow(g, KERNEL + FREE), 0);
	KUNIT_EXPECT_EQ(test, guest_get32(g, DATA + DATA_CR2), 0);
	EXPECT_ALIVE(g);
}

/* For system calls, the switcher has to know where the kernel has lguest_data. */
static void make_system_call(struct guest *g)
{
	go(g, 3, NULL, 0);
	guest_trap(g, LG_VECTOR_SYSCALL, 0);
	KUNIT_EXPECT_EQ(g->test, g->lg->regs->eip, HANDLER);
	EXPECT_ALIVE(g);
}

static void finds_the_flag(struct guest *g, void (*come_out)(struct guest *g))
{
	unsigned int updates = g->lg->vcpu->handler_updates;
	struct kunit *test = g->test;
	u32 entry = KERNEL_TABLE + DATA / PAGE_SIZE * 4;

	KUNIT_EXPECT_EQ(test, g->lg->data_gva, 0);
	come_out(g);
	/* Nothing is mapped there yet. */
	KUNIT_EXPECT_EQ(test, g->lg->data_gva, 0);
	TOUCH(g, KERNEL + DATA, LG_PF_WRITE);
	come_out(g);
	KUNIT_EXPECT_EQ(test, g->lg->data_gva, KERNEL + DATA);
	come_out(g);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->handler_updates, updates + 1);

	/* The page may go away; it matters only if another takes its place. */
	guest_put32(g, entry, 0);
	guest_hypercall(g, SET_PTE, TOP, KERNEL + DATA, 0);
	KUNIT_EXPECT_EQ(test, g->lg->data_gva, KERNEL + DATA);
	guest_put32(g, entry, FREE | P | W | A);
	guest_hypercall(g, SET_PTE, TOP, KERNEL + DATA, FREE | P | W | A);
	KUNIT_EXPECT_EQ(test, g->lg->data_gva, 0);
	KUNIT_EXPECT_EQ(test, g->lg->vcpu->handler_updates, updates + 2);
	come_out(g);
	KUNIT_EXPECT_EQ(test, g->lg->data_gva, 0);
	guest_put32(g, entry, DATA | P | W | A);
	guest_hypercall(g, SET_PTE, TOP, KERNEL + DATA, DATA | P | W | A);
	come_out(g);
	KUNIT_EXPECT_EQ(test, g->lg->data_gva, KERNEL + DATA);
	EXPECT_ALIVE(g);
}

static void system_call_finds_the_flag(struct kunit *test)
{
	struct guest *g = test->priv;

	load_gate(g, LG_VECTOR_SYSCALL, HANDLER, 3, 0xe);
	finds_the_flag(g, make_system_call);
}

/* A page fault of ring 3, where nothing is mapped */
static void make_page_fault(struct guest *g)
{
	go(g, 3, NULL, 0);
	g->lg->regs->cr2 = 0x20000;
	guest_trap(g, 14, LG_PF_USER);
	KUNIT_EXPECT_EQ(g->test, g->lg->regs->eip, HANDLER);
	EXPECT_ALIVE(g);
}

static void page_fault_finds_the_flag(struct kunit *test)
{
	struct guest *g = test->priv;

	load_gate(g, 14, HANDLER, 0, 0xe);
	finds_the_flag(g, make_page_fault);
}

static void nothing_asked(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs was;

	go(g, 3, NULL, 0);
	g->lg->regs->vector = LG_VECTOR_NONE;
	was = *g->lg->regs;
	lg_handle_trap(g->lg);
	KUNIT_EXPECT_EQ(test, memcmp(g->lg->regs, &was, sizeof(was)), 0);
	KUNIT_EXPECT_FALSE(test, g->lg->hcall_pending);
	EXPECT_ALIVE(g);
}

static struct kunit_case traps_cases[] = {
	KUNIT_CASE_PARAM(trap_is_reflected, trap_gen_params),
	KUNIT_CASE_PARAM(interrupt_flag, flag_gen_params),
	KUNIT_CASE_PARAM(software_interrupt, software_gen_params),
	KUNIT_CASE(hypercall_from_ring_3),
	KUNIT_CASE_PARAM(general_protection, protection_gen_params),
	KUNIT_CASE(general_protection_nowhere),
	KUNIT_CASE(port_access_goes_to_the_launcher),
	KUNIT_CASE(device_not_available),
	KUNIT_CASE(invalid_opcode),
	KUNIT_CASE(vmcall_by_general_protection),
	KUNIT_CASE(iret_to_a_bad_selector),
	KUNIT_CASE(step_over_emulated),
	KUNIT_CASE(int1_is_no_step),
	KUNIT_CASE(step_ends_hlt),
	KUNIT_CASE(another_kernel),
	KUNIT_CASE(page_fault_of_the_shadow),
	KUNIT_CASE(system_call_finds_the_flag),
	KUNIT_CASE(page_fault_finds_the_flag),
	KUNIT_CASE(nothing_asked),
	{}
};

static struct kunit_suite traps_suite = {
	.name = "lguest_traps",
	.init = guest_page,
	.exit = guest_free,
	.test_cases = traps_cases,
};

kunit_test_suite(traps_suite);
