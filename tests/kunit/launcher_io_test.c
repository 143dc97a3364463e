// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>

#include "../../include/uapi/linux/lguest_launcher.h"
#include "lib/guest.h"

/* The first word of i386's struct user_regs_struct is ebx. */
#define ORIG_EAX	11
#define DEVICE_PAGE	END

/* Give each register a value that tells its place in user_regs_struct. */
static void number_registers(struct lg_regs *regs)
{
	u32 *const words[] = {
		&regs->ebx, &regs->ecx, &regs->edx, &regs->esi, &regs->edi,
		&regs->ebp, &regs->eax, &regs->ds, &regs->es, &regs->fs,
		&regs->gs, NULL, (u32 *)&regs->eip, (u32 *)&regs->cs,
		(u32 *)&regs->eflags, (u32 *)&regs->esp, (u32 *)&regs->ss,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i])
			*words[i] = 0x10000 + i;
	}
}

static void get_register(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 i;

	number_registers(g->lg->regs);
	for (i = 0; i < 17; i++) {
		int err = i == ORIG_EAX ? -EINVAL : 0;

		g->lg->reg_wanted = false;
		KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_GETREG, i * 4),
				err);
		KUNIT_EXPECT_EQ(test, g->lg->reg_wanted, !err);
		if (!err)
			KUNIT_EXPECT_EQ(test, g->lg->reg_value, 0x10000 + i);
	}
}

static void set_register(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs before;
	u32 i;

	number_registers(g->lg->regs);
	for (i = 0; i < 17; i++) {
		bool settable = i < 7 || i == 12 || i == 15;

		before = *g->lg->regs;
		KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_SETREG, i * 4,
						    0x87654321),
				settable ? 0 : -EINVAL);
		KUNIT_EXPECT_EQ(test, !memcmp(&before, g->lg->regs,
					      sizeof(before)), !settable);
		if (!settable)
			continue;
		KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_GETREG, i * 4), 0);
		KUNIT_EXPECT_EQ(test, g->lg->reg_value, 0x87654321);
	}
	/* Registers have no upper halves to set. */
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_SETREG, 12 * 4,
					    0x1000000ffUL), 0);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, 0xff);
}

static void no_such_register(struct kunit *test)
{
	static const unsigned long bad[] = {
		1, 2, 3, 5, 17 * 4, 18 * 4, 0x80000000, 1UL << 32, -4UL, ~0UL,
	};
	struct guest *g = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_GETREG, bad[i]),
				-EINVAL);
		KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_SETREG, bad[i], 0),
				-EINVAL);
	}
	KUNIT_EXPECT_FALSE(test, g->lg->reg_wanted);
}

struct port_case {
	const char *name;
	u8 code[7];
	bool deferred;
};

static const struct port_case port_cases[] = {
	{ "in imm8, al", { 0xe4, 0x60 }, true },
	{ "in imm8, eax", { 0xe5, 0x60 }, true },
	{ "out al, imm8", { 0xe6, 0x60 }, true },
	{ "out eax, imm8", { 0xe7, 0x60 }, true },
	{ "in dx, al", { 0xec, 1, 2, 3, 4, 5, 6 }, true },
	{ "in dx, ax", { 0x66, 0xed }, true },
	{ "in dx, eax", { 0xed }, true },
	{ "out al, dx", { 0xee }, true },
	{ "out ax, dx", { 0x66, 0xef }, true },
	{ "out eax, dx", { 0xef }, true },
	{ "two prefixes", { 0x66, 0x66, 0xef }, false },
	{ "another prefix", { 0x2e, 0xec }, false },
	{ "insl", { 0x6d }, false },
	{ "cli", { 0xfa }, false },
	{ "loop", { 0xe2, 0 }, false },
	{ "call", { 0xe8, 0 }, false },
};

static void describe(const struct port_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(port, port_cases, describe);

static void port_access(struct kunit *test)
{
	const struct port_case *c = test->param_value;
	struct guest *g = test->priv;
	struct lguest *lg = g->lg;

	guest_put(g, CODE, c->code, sizeof(c->code));
	lg->regs->eip = KERNEL + CODE;
	/* A Launcher that does not ask for records is not told. */
	KUNIT_EXPECT_FALSE(test, lg_defer_port_access(lg));
	KUNIT_EXPECT_EQ(test, lg->pending.trap, 0);

	lg->wants_records = true;
	KUNIT_EXPECT_EQ(test, lg_defer_port_access(lg), c->deferred);
	KUNIT_EXPECT_EQ(test, lg->pending.trap, c->deferred ? 13 : 0);
	if (c->deferred)
		KUNIT_EXPECT_EQ(test, memcmp(lg->pending.insn, c->code,
					     sizeof(c->code)), 0);
	KUNIT_EXPECT_EQ(test, lg->regs->eip, KERNEL + CODE);
	EXPECT_ALIVE(g);
}

/* Linux's own Launchers ignore it. */
static void reset_is_the_hosts(struct kunit *test)
{
	static const u8 imm[] = { 0xe6, 0x64 }, dx[] = { 0xee };
	static const u8 prefixed[] = { 0x66, 0xe6, 0x64 };
	struct guest *g = test->priv;
	struct lguest *lg = g->lg;

	lg->wants_records = true;
	lg->regs->eip = KERNEL + CODE;
	lg->regs->eax = 0xfe;
	guest_put(g, CODE, imm, sizeof(imm));
	KUNIT_EXPECT_FALSE(test, lg_defer_port_access(lg));
	guest_put(g, CODE, prefixed, sizeof(prefixed));
	KUNIT_EXPECT_FALSE(test, lg_defer_port_access(lg));
	guest_put(g, CODE, dx, sizeof(dx));
	lg->regs->edx = 0x64;
	KUNIT_EXPECT_FALSE(test, lg_defer_port_access(lg));
	lg->regs->edx = 0xcf9;
	KUNIT_EXPECT_FALSE(test, lg_defer_port_access(lg));
	KUNIT_EXPECT_EQ(test, lg->pending.trap, 0);

	/* A part of the address that PCI's mechanism 1 has there */
	lg->regs->eax = 0x02;
	KUNIT_EXPECT_TRUE(test, lg_defer_port_access(lg));
	EXPECT_ALIVE(g);
}

/* Seven bytes lie over the end of a page, and then of what is mapped. */
static void instruction_ends_early(struct kunit *test)
{
	static const u8 code[] = { 0xe4, 0x61, 3, 4, 5, 6, 7 };
	static const u8 cut[] = { 0xe4, 0x61, 3, 0, 0, 0, 0 };
	struct guest *g = test->priv;
	struct lguest *lg = g->lg;
	const u32 at = FREE - 3;

	guest_put(g, at, code, sizeof(code));
	lg->regs->eip = KERNEL + at;
	lg->wants_records = true;
	KUNIT_EXPECT_TRUE(test, lg_defer_port_access(lg));
	KUNIT_EXPECT_EQ(test, memcmp(lg->pending.insn, code, sizeof(code)), 0);

	guest_put32(g, KERNEL_TABLE + FREE / PAGE_SIZE * 4, 0);
	KUNIT_EXPECT_TRUE(test, lg_defer_port_access(lg));
	KUNIT_EXPECT_EQ(test, memcmp(lg->pending.insn, cut, sizeof(cut)), 0);
	EXPECT_ALIVE(g);
}

/* Let the page at FREE be a device's. */
static void map_device(struct guest *g)
{
	g->lg->device_limit = PAGES + 1;
	guest_put32(g, KERNEL_TABLE + FREE / PAGE_SIZE * 4,
		    DEVICE_PAGE | P | W);
	guest_put32(g, CODE, 0x00000589);	/* mov %eax, ... */
	g->lg->regs->eip = KERNEL + CODE;
	g->lg->regs->cr2 = KERNEL + FREE + 0x44;
}

static void device_access(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lguest *lg = g->lg;

	map_device(g);
	lg->wants_records = true;
	guest_trap(g, 14, 2);
	KUNIT_EXPECT_EQ(test, lg->pending.trap, 14);
	KUNIT_EXPECT_EQ(test, lg->pending.addr, DEVICE_PAGE + 0x44);
	KUNIT_EXPECT_EQ(test, lg->pending.insn[0], 0x89);
	KUNIT_EXPECT_EQ(test, guest_shadow(g, KERNEL + FREE), 0);

	/* SET_PTE does not put it into the shadow either. */
	guest_hypercall(g, SET_PTE, TOP, KERNEL + FREE,
			DEVICE_PAGE | P | W | A | D);
	KUNIT_EXPECT_EQ(test, guest_shadow(g, KERNEL + FREE), 0);
	EXPECT_ALIVE(g);
}

static void device_access_untold(struct kunit *test)
{
	struct guest *g = test->priv;

	map_device(g);
	guest_trap(g, 14, 2);
	EXPECT_REASON(g, "touched device page at 0x40044, but the Launcher reads no records");
}

/* A store to an address in a device page, with ebx at FREE and ecx 0x40 */
struct store_case {
	const char *name;
	u8 code[12];
	u8 offset;		/* in the page */
	u8 len;			/* 0 if the Launcher has to look at it */
};

static const struct store_case store_cases[] = {
	{ "mov %ax, 0x44(%ebx)", { 0x66, 0x89, 0x43, 0x44 }, 0x44, 4 },
	{ "mov %eax, (%ebx,%ecx)", { 0x89, 0x04, 0x0b }, 0x40, 3 },
	{ "mov %al, 0x44(%ebx)", { 0x88, 0x43, 0x44 }, 0x44, 3 },
	{ "movb $1, (%ebx)", { 0xc6, 0x03, 0x01 }, 0, 3 },
	{ "movw $1, (%ebx)", { 0x66, 0xc7, 0x03, 0x01, 0x00 }, 0, 5 },
	{ "movl $1, 0x44(%ebx)", { 0xc7, 0x43, 0x44, 0x01, 0, 0, 0 }, 0x44, 7 },
	{ "no eventfd there", { 0x89, 0x43, 0x08 }, 0x08, 0 },
	{ "begins in the page before", { 0x89, 0x43, 0xfe }, 0, 0 },
	{ "add %eax, (%ebx)", { 0x01, 0x03 }, 0, 0 },
	{ "xchg %eax, (%ebx)", { 0x87, 0x03 }, 0, 0 },
	{ "stos", { 0xab }, 0, 0 },
};

static void describe_store(const struct store_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(store, store_cases, describe_store);

static void device_store(struct kunit *test)
{
	const struct store_case *c = test->param_value;
	struct guest *g = test->priv;
	struct lguest *lg = g->lg;
	struct lg_regs before, *regs = lg->regs;
	int fd = guest_eventfd(g);

	guest_request(g, LHREQ_EVENTFD, DEVICE_PAGE, fd);
	guest_request(g, LHREQ_EVENTFD, DEVICE_PAGE + 0x40, fd);
	guest_request(g, LHREQ_EVENTFD, DEVICE_PAGE + 0x44, fd);
	map_device(g);
	guest_put(g, CODE, c->code, sizeof(c->code));
	lg->wants_records = true;
	regs->ebx = KERNEL + FREE;
	regs->ecx = 0x40;
	regs->edi = KERNEL + FREE;
	regs->cr2 = KERNEL + FREE + c->offset;
	guest_trap(g, 14, 2);
	KUNIT_EXPECT_EQ(test, guest_eventfd_count(g, fd), c->len ? 1 : 0);
	KUNIT_EXPECT_EQ(test, lg->pending.trap, c->len ? 0 : 14);
	KUNIT_EXPECT_EQ(test, regs->eip, KERNEL + CODE + c->len);
	EXPECT_ALIVE(g);
	if (!c->len)
		return;

	/* A load is the Launcher's, whatever is tied to the address. */
	guest_put32(g, CODE, 0x9090038b);	/* mov (%ebx), %eax */
	regs->eip = KERNEL + CODE;
	before = *regs;
	guest_trap(g, 14, 0);
	KUNIT_EXPECT_EQ(test, lg->pending.trap, 14);
	KUNIT_EXPECT_EQ(test, guest_eventfd_count(g, fd), 0);
	KUNIT_EXPECT_EQ(test, regs->eip, before.eip);
}

/* No Launcher needs to be there for it, and a step ends behind it. */
static void device_store_is_a_step(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_regs *regs = g->lg->regs;
	int fd = guest_eventfd(g);

	guest_hypercall(g, LOAD_IDT_ENTRY, 1, 0x610100, 0x8e00);
	guest_request(g, LHREQ_EVENTFD, DEVICE_PAGE + 0x44, fd);
	map_device(g);
	guest_put32(g, CODE, 0x90900389);	/* mov %eax, (%ebx) */
	regs->ebx = regs->cr2;
	regs->eflags |= BIT(8);
	guest_trap(g, 14, 2);
	KUNIT_EXPECT_EQ(test, guest_eventfd_count(g, fd), 1);
	KUNIT_EXPECT_EQ(test, regs->eip, 0x100);
	KUNIT_EXPECT_EQ(test, guest_get32(g, regs->esp - KERNEL), KERNEL + CODE + 2);
	EXPECT_ALIVE(g);
}

static void device_page_is_no_memory(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 val;

	map_device(g);
	KUNIT_EXPECT_FALSE(test, lg_read_linear(g->lg, KERNEL + FREE, &val, 4));
	KUNIT_EXPECT_FALSE(test, lg_write_linear(g->lg, KERNEL + FREE, &val,
						 4));
	EXPECT_ALIVE(g);
	/* A device page holds no tables. */
	guest_put32(g, TOP, DEVICE_PAGE | P | W | U);
	g->lg->regs->cr2 = 0x1000;
	guest_trap(g, 14, 0);
	EXPECT_REASON(g, "bad page directory entry 0x40007 for address 0x1000");
}

static void beyond_device_pages(struct kunit *test)
{
	struct guest *g = test->priv;

	map_device(g);
	g->lg->device_limit = PAGES;
	g->lg->wants_records = true;
	guest_trap(g, 14, 0);
	EXPECT_REASON(g, "bad page table entry 0x40003 for address 0xc000a044");
}

/* Check the handler's frame, from the error code on. All traps were in ring 1. */
static void expect_handler(struct guest *g, u32 eip, u32 error_code)
{
	struct kunit *test = g->test;
	u32 esp = g->lg->regs->esp - KERNEL;

	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, eip);
	KUNIT_EXPECT_EQ(test, guest_get32(g, esp), error_code);
	KUNIT_EXPECT_EQ(test, guest_get32(g, esp + 4), KERNEL + CODE);
}

static void refused_access(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_hypercall(g, LOAD_IDT_ENTRY, 13, 0x611300, 0x8e00);
	guest_hypercall(g, LOAD_IDT_ENTRY, 14, 0x611400, 0x8e00);
	map_device(g);
	g->lg->wants_records = true;
	guest_trap(g, 14, 2);
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_TRAP, 14), 0);
	/* P is set, as if the CPU had walked the guest's own tables. */
	expect_handler(g, 0x1400, 3);
	KUNIT_EXPECT_EQ(test, guest_get32(g, DATA + DATA_CR2),
			KERNEL + FREE + 0x44);

	g->lg->regs->eip = KERNEL + CODE;
	KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_TRAP, 13), 0);
	expect_handler(g, 0x1300, 0);
	EXPECT_ALIVE(g);
}

static void no_such_trap(struct kunit *test)
{
	static const unsigned long bad[] = {
		2, 8, 13, 15, 31, 32, 0x80, 256, 1UL << 32, ~0UL,
	};
	struct guest *g = test->priv;
	unsigned int i;

	guest_hypercall(g, LOAD_IDT_ENTRY, 32, 0x611300, 0x8e00);
	guest_hypercall(g, LOAD_IDT_ENTRY, 0x80, 0x611300, 0xef00);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ(test, guest_request(g, LHREQ_TRAP, bad[i]),
				-EINVAL);
	KUNIT_EXPECT_EQ(test, g->lg->regs->eip, KERNEL + CODE);
	EXPECT_ALIVE(g);
}

static struct kunit_case launcher_io_cases[] = {
	KUNIT_CASE(get_register),
	KUNIT_CASE(set_register),
	KUNIT_CASE(no_such_register),
	KUNIT_CASE_PARAM(port_access, port_gen_params),
	KUNIT_CASE(reset_is_the_hosts),
	KUNIT_CASE(instruction_ends_early),
	KUNIT_CASE(device_access),
	KUNIT_CASE(device_access_untold),
	KUNIT_CASE_PARAM(device_store, store_gen_params),
	KUNIT_CASE(device_store_is_a_step),
	KUNIT_CASE(device_page_is_no_memory),
	KUNIT_CASE(beyond_device_pages),
	KUNIT_CASE(refused_access),
	KUNIT_CASE(no_such_trap),
	{}
};

static struct kunit_suite launcher_io_suite = {
	.name = "lguest_launcher_io",
	.init = guest_page,
	.exit = guest_free,
	.test_cases = launcher_io_cases,
};

kunit_test_suite(launcher_io_suite);
