// SPDX-License-Identifier: GPL-2.0
/*
 * What is tried: a function for each kind, named in the table at the end.
 */
#include <linux/lguest_launcher.h>

#include "alloc.h"
#include "clock.h"
#include "fuzz.h"
#include "hypercall.h"
#include "layout.h"
#include "segments.h"
#include "string.h"
#include "traps.h"
#include "virtio.h"

#ifdef PAE
#define TOP_ENTRIES	4
#else
#define TOP_ENTRIES	PT_ENTRIES
#endif

/* What put_right() has to undo in the host's tables */
static bool gates_changed, segments_changed, tables_changed = true;

static void do_hcall(void *arg)
{
	struct ring_call *call = arg;

	hcall(call->nr, call->arg[0], call->arg[1], call->arg[2],
	      call->arg[3]);
}

static u32 any_top(void)
{
	if (dare())
		return any_gpa();
	/* Not a page of zeros: that would not even map the code that goes on. */
	return one_in(2) ? pa(fuzz_top) : pa(kernel_top);
}

static struct desc any_desc(void)
{
	struct desc desc = { rnd(), rnd() };

	switch (below(5)) {
	case 0:
		return desc;
	case 1:				/* any type, over all memory */
		return (struct desc) { 0x0000ffff,
			0x00cf0000 | (rnd() & 0xff00) };
	case 2:				/* a gate to somewhere */
		desc.low = any_selector() << 16 | (rnd() & 0xffff);
		desc.high = (any_gva() & 0xffff0000) | (rnd() & 0x6f1f) |
			    0x8000;
		return desc;
	case 3:				/* L, D and G games */
		return (struct desc) { rnd(), (rnd() & 0xf0ff) | 0x00af9a00 };
	default:
		return make_desc(any_gva(), any_word(),
				 SEG_PRESENT | SEG_DPL(below(4)) |
				 (one_in(2) ? SEG_CODE : SEG_DATA) |
				 (rnd() & 0xf));
	}
}

/* Unless it dares, it leaves alone those without which nothing goes on. */
static u32 any_gdt_entry(void)
{
	u32 nr = below(32);

	if (dare())
		return one_in(4) ? any_word() : nr;
	if (nr == KERNEL_CS >> 3 || nr == KERNEL_DS >> 3)
		return SPARE_ENTRY;
	return nr;
}

static void gdt_call(struct ring_call *call)
{
	struct desc desc = any_desc();

	segments_changed = true;
	call->arg[0] = any_gdt_entry();
	call->arg[1] = desc.low;
	call->arg[2] = desc.high;
}

/* A gate of either type, to anywhere or back to hazard() */
static void idt_call(struct ring_call *call)
{
	u32 to = dare() ? any_gva() : (u32)landings + below(256) * 16;

	gates_changed = true;
	call->arg[0] = dare() ? any_word() : below(256);
	call->arg[1] = any_selector() << 16 | (to & 0xffff);
	call->arg[2] = (to & 0xffff0000) | (rnd() & 0xe1ff) | 0xe00;
	if (dare())
		call->arg[2] ^= rnd() & 0x1fff;
}

static void stack_call(struct ring_call *call)
{
	call->arg[0] = dare() ? any_selector() : KERNEL_DS;
	call->arg[1] = any_gva();
	call->arg[2] = dare() ? any_word() : below(3);
}

static void set_args(struct ring_call *call, u32 a1, u32 a2)
{
	call->arg[0] = a1;
	call->arg[1] = a2;
}

static u32 any_call_number(void)
{
	static const u8 usual[] = {
		LHCALL_FLUSH_ASYNC, LHCALL_NEW_PGTABLE, LHCALL_FLUSH_TLB,
		LHCALL_LOAD_IDT_ENTRY, LHCALL_SET_STACK, LHCALL_TS,
		LHCALL_SET_CLOCKEVENT, LHCALL_HALT, LHCALL_SET_PTE,
		LHCALL_SET_PTE, LHCALL_SET_PGD, LHCALL_LOAD_TLS, LHCALL_NOTIFY,
		LHCALL_LOAD_GDT_ENTRY, LHCALL_LOAD_GDT_ENTRY,
		LHCALL_SEND_INTERRUPTS,
#ifdef PAE
		LHCALL_SET_PMD,
#endif
	};

	if (!dare())
		return usual[below(ARRAY_SIZE(usual))];
	return one_in(4) ? any_word() : below(22);
}

static void any_call(struct ring_call *call)
{
	u32 i;

	call->nr = any_call_number();
	for (i = 0; i < ARRAY_SIZE(call->arg); i++)
		call->arg[i] = any_word();

	switch (call->nr) {
	case LHCALL_NEW_PGTABLE:
		call->arg[0] = any_top();
		break;
	case LHCALL_LOAD_IDT_ENTRY:
		idt_call(call);
		break;
	case LHCALL_SET_STACK:
		stack_call(call);
		break;
	case LHCALL_SET_CLOCKEVENT:
		if (one_in(2))
			call->arg[0] = 1 + below(3);
		break;
	case LHCALL_SET_PMD:
		set_args(call, one_in(2) ? any_gpa() : any_frame(),
			 dare() ? any_word() : below(PT_ENTRIES));
		break;
	case LHCALL_SET_PGD:
		set_args(call, one_in(2) ? any_gpa() : any_top(),
			 dare() ? any_word() : below(TOP_ENTRIES));
		break;
	case LHCALL_SET_PTE:
		set_args(call, one_in(2) ? any_gpa() : any_top(), any_gva());
		call->arg[2] = any_pte();
		break;
	case LHCALL_LOAD_TLS:
		segments_changed = true;
		call->arg[0] = dare() ? any_gpa() : below(ram_size() - 24);
		break;
	case LHCALL_NOTIFY:
		/* An address beyond memory would end the Launcher. */
		if (!dare())
			call->arg[0] = pa("");
		break;
	case LHCALL_LOAD_GDT_ENTRY:
		gdt_call(call);
		break;
	}
}

static void trace_call(const struct ring_call *call)
{
	trace("call %u %x %x %x %x", call->nr, call->arg[0], call->arg[1],
	      call->arg[2], call->arg[3]);
}

static void step_hypercall(void)
{
	struct ring_call call;

	any_call(&call);
	trace_call(&call);
	hazard(do_hcall, &call);
}

static void step_ring(void)
{
	struct ring_call flush = { .nr = LHCALL_FLUSH_ASYNC };
	u32 i, n = one_in(4) ? RING_SIZE : below(8);
	u32 slot = one_in(4) ? rnd() : async_next_slot();

	for (i = 0; i < n; i++, slot++) {
		struct ring_call *call = &lguest_data.hcalls[slot % RING_SIZE];

		any_call(call);
		trace_call(call);
		WRITE_ONCE(lguest_data.hcall_status[slot % RING_SIZE],
			   one_in(4) ? rnd() : RING_PENDING);
	}
	if (one_in(2))
		any_call(&flush);
	trace_call(&flush);
	hazard(do_hcall, &flush);
}

static void any_registers(void)
{
	machine.eax = any_word();
	machine.ebx = any_word();
	machine.ecx = any_word();
	machine.edx = any_word();
	machine.esi = any_word();
	machine.edi = any_word();
	machine.ebp = any_word();
}

static void flat_machine(bool user)
{
	u32 ds = user ? USER_DS : KERNEL_DS;

	any_registers();
	machine.ds = ds;
	machine.es = ds;
	machine.fs = 0;
	machine.gs = 0;
	machine.ss = ds;
	machine.cs = user ? USER_CS : KERNEL_CS;
	machine.eflags = FLAGS_IF | FLAGS_FIXED;
	machine.eip = user ? USER_BASE : (u32)kernel_code;
	machine.esp = (user ? USER_STACK_TOP - PAGE_SIZE : (u32)spare_page) +
		      PAGE_SIZE / 2;
}

static void trace_machine(const char *how)
{
	trace("%s cs:eip %x:%x flags %x ss:esp %x:%x ds %x es %x fs %x gs %x",
	      how, machine.cs, machine.eip, machine.eflags, machine.ss,
	      machine.esp, machine.ds, machine.es, machine.fs, machine.gs);
}

static void trace_code(const u8 *code)
{
	u32 i;

	for (i = 0; i < 96; i += 16)
		trace("%02x%02x%02x%02x%02x%02x%02x%02x%02x%02x%02x%02x%02x%02x%02x%02x",
		      code[i], code[i + 1], code[i + 2], code[i + 3],
		      code[i + 4], code[i + 5], code[i + 6], code[i + 7],
		      code[i + 8], code[i + 9], code[i + 10], code[i + 11],
		      code[i + 12], code[i + 13], code[i + 14], code[i + 15]);
}

/* At the end of a page, the CPU may have to fetch from the next one. */
static u32 any_place(u8 *code)
{
	u32 at = one_in(6) ? PAGE_SIZE - 1 - below(16) : 0;

	compose(code + at, 2 * PAGE_SIZE - at - 16);
	trace_code(code + at);
	return at;
}

static void step_kernel_code(void)
{
	flat_machine(false);
	machine.eip += any_place(kernel_code);
	if (one_in(4))
		machine.eflags = any_flags();
	trace_machine("iret");
	hazard(go_iret, NULL);
}

static void step_user_code(void)
{
	flat_machine(true);
	machine.eip += any_place(user_code);
	if (one_in(4))
		machine.eflags = any_flags();
	if (one_in(6))
		machine.esp = any_gva();
	trace_machine("iret");
	hazard(go_iret, NULL);
}

/* The code writes over what follows it, before and while that runs. */
static void step_changing_code(void)
{
	bool user = one_in(2);
	u8 *code = user ? user_code : kernel_code, *p = code;
	u32 i, addr;

	flat_machine(user);
	for (i = 1 + below(6); i; i--) {
		/* movb $byte, addr */
		addr = machine.eip + 42 + below(48);
		*p++ = 0xc6;
		*p++ = 0x05;
		memcpy(p, &addr, sizeof(addr));
		p += sizeof(addr);
		*p++ = rnd();
	}
	compose(p, 256);
	trace_code(code);
	trace_machine("iret");
	hazard(go_iret, NULL);
}

/* The CPU runs the page that was mapped; the tables by now name another. */
static void step_stale_code(void)
{
	u32 addr = SCRATCH_BASE + below(8) * PAGE_SIZE;
	pte_t *pte = pte_entry(fuzz_top, addr);
	u32 i;

	if (!pte)
		return;
	tables_changed = true;
	*pte = pa(kernel_code) | PTE_KERNEL;
	tell_pte(fuzz_top, addr, *pte);
	for (i = 0; i < 2; i++) {
		flat_machine(false);
		machine.eip = addr;
		compose(kernel_code, 256);
		compose(user_code, 256);
		trace_code(kernel_code);
		trace_machine("iret");
		hazard(go_iret, NULL);
		*pte = one_in(4) ? 0 : pa(user_code) | PTE_KERNEL;
	}
}

/* Ring 1 executes a page of ring 3's: then the host has to turn SMEP off. */
static void step_kernel_in_user_code(void)
{
	flat_machine(false);
	machine.eip = USER_BASE + any_place(user_code);
	trace_machine("iret");
	hazard(go_iret, NULL);
}

/* Ring 1 may find no way back on such a stack. */
static void step_odd_stack(void)
{
	flat_machine(false);
	compose(kernel_code, 256);
	trace_code(kernel_code);
	if (dare())
		machine.esp = any_gva();
	else
		machine.esp = (u32)spare_page + 256 + below(PAGE_SIZE - 256);
	trace_machine("ljmp");
	hazard(one_in(2) ? go_jump : go_call, NULL);
}

static void any_machine(void)
{
	flat_machine(one_in(2));
	compose(user_code, 256);
	compose(kernel_code, 256);
	if (one_in(2))
		machine.cs = any_selector();
	if (one_in(2))
		machine.ss = any_selector();
	if (one_in(3))
		machine.ds = any_selector();
	if (one_in(3))
		machine.es = any_selector();
	if (one_in(3))
		machine.fs = any_selector();
	if (one_in(3))
		machine.gs = any_selector();
	if (one_in(3))
		machine.eip = any_gva();
	if (one_in(2))
		machine.eflags = any_flags();
	if (one_in(4))
		machine.esp = any_gva();
}

static void step_iret(void)
{
	any_machine();
	trace_machine("iret");
	hazard(go_iret, NULL);
}

static void step_far(void)
{
	static void (*const ways[])(void *unused) = {
		go_jump, go_call, go_lret, go_load_ss,
	};
	u32 way = below(ARRAY_SIZE(ways));

	any_machine();
	if (!dare())
		machine.esp = (u32)spare_page + PAGE_SIZE / 2;
	if (way == 3 && !dare())
		machine.ss = KERNEL_DS;
	trace_machine("far");
	trace("way %u", way);
	hazard(ways[way], NULL);
}

/* Load a descriptor, and use it at once. */
static void step_segment(void)
{
	u32 selector = SPARE_SEL(below(4));
	struct ring_call call = { .nr = LHCALL_LOAD_GDT_ENTRY };

	gdt_call(&call);
	call.arg[0] = SPARE_ENTRY;
	trace_call(&call);
	hazard(do_hcall, &call);

	any_machine();
	switch (below(6)) {
	case 0:
		machine.cs = selector;
		break;
	case 1:
		/* With another base in SS, ring 1's handlers lose their way. */
		if (dare())
			machine.ss = selector;
		break;
	case 2:
		machine.ds = selector;
		break;
	case 3:
		machine.es = selector;
		break;
	default:
		machine.gs = selector;
	}
	trace_machine("iret");
	hazard(go_iret, NULL);
}

/* A register holds a selector whose descriptor then goes away. */
static void step_segment_gone(void)
{
	u8 *p = kernel_code;
	u32 nr = below(16);

	flat_machine(false);
	set_gdt(SPARE_ENTRY, make_desc(0, ~0u, SEG_PRESENT | SEG_DATA |
				       SEG_DPL(1 + below(3))));
	machine.gs = SPARE_SEL(1);
	if (one_in(2))
		machine.fs = SPARE_SEL(1);
	machine.eax = LHCALL_LOAD_GDT_ENTRY;
	machine.ebx = SPARE_ENTRY;
	machine.ecx = rnd();
	machine.edx = one_in(2) ? 0 : rnd();
	segments_changed = true;
	*p++ = 0xcd;
	*p++ = HYPERCALL_VECTOR;
	compose(p, 128 + nr);
	trace_code(kernel_code);
	trace_machine("iret");
	hazard(go_iret, NULL);
}

static void do_int(u8 *code, bool user)
{
	flat_machine(user);
	code[0] = 0xcd;
	code[1] = one_in(2) ? below(34) : rnd();
	code[2] = 0x0f;
	code[3] = 0x0b;
	if (one_in(4))
		machine.eflags = any_flags();
	trace("int %x from ring %u", code[1], machine.cs & 3);
	hazard(go_iret, NULL);
}

static void step_int(void)
{
	bool user = one_in(2);

	do_int(user ? user_code : kernel_code, user);
}

/* `int n`, system calls among them, onto a stack that is none */
static void step_user_stack(void)
{
	struct ring_call call = { .nr = LHCALL_SET_STACK };

	if (!dare())
		return;
	stack_call(&call);
	trace_call(&call);
	hazard(do_hcall, &call);
	do_int(user_code, true);
}

static void touch(void *addr)
{
	u8 *p = addr;
	u8 value = READ_ONCE(*p);

	if (one_in(2))
		WRITE_ONCE(*p, value + one_in(2));
}

static void do_tell(void *arg)
{
	u32 addr = (u32)arg;
	pte_t *pte = pte_entry(fuzz_top, addr);

	switch (below(6)) {
	case 0:
		tell_pde(fuzz_top, addr);
		break;
	case 1:
		hcall1(LHCALL_FLUSH_TLB, below(2));
		break;
	case 2:
		break;
	default:
		tell_pte(fuzz_top, addr, dare() || !pte ? rnd() & ~PTE_P :
			 *pte);
	}
}

static void use_address(u32 addr)
{
	switch (below(4)) {
	case 0:				/* ring 1 runs it */
		flat_machine(false);
		machine.eip = addr;
		break;
	case 1:				/* so does ring 3 */
		flat_machine(true);
		machine.eip = addr;
		break;
	case 2:				/* ring 3 has it as its stack */
		flat_machine(true);
		machine.esp = addr;
		compose(user_code, 256);
		break;
	default:
		hazard(touch, (void *)addr);
		return;
	}
	trace_machine("iret");
	hazard(go_iret, NULL);
}

static u32 any_mapped(void)
{
	switch (below(4)) {
	case 0:
		return USER_BASE + below(4 * PAGE_SIZE);
	case 1:
		return USER_STACK_TOP - 1 - below(4 * PAGE_SIZE);
	default:
		return SCRATCH_BASE + below(8) * PAGE_SIZE + below(PAGE_SIZE);
	}
}

static void step_pte(void)
{
	u32 addr = any_mapped(), n = 1 + below(3);
	pte_t *pte;

	tables_changed = true;
	while (n--) {
		pte = pte_entry(fuzz_top, addr);
		if (!pte)
			return;
		*pte = any_pte();
		trace("pte of %x: %llx", addr, (u64)*pte);
		if (!one_in(4))
			hazard(do_tell, (void *)addr);
		use_address(addr);
	}
}

/* Any page as a page table: one full of entries, or the table itself */
static void step_pde(void)
{
	u32 addr = one_in(2) ? any_mapped() : USER_HEAP + below(0x1000000);
	pte_t *pde;

	if (mood == CAREFUL)
		return;
	tables_changed = true;
	pde = pde_entry(fuzz_top, addr);
	*pde = any_pte() & ~(pte_t)PTE_PSE;
	trace("pde of %x: %llx", addr, (u64)*pde);
	if (!one_in(4))
		hazard(do_tell, (void *)addr);
	use_address(addr);
	use_address(any_gva());
}

/* A few other roots, or so many that the host throws some away */
static void step_tops(void)
{
	struct ring_call call = { .nr = LHCALL_NEW_PGTABLE };
	u32 n = one_in(8) ? 200 : 1 + below(4);
	u32 i, at;

	trace("%u tops", n);
	for (i = 0; i < n; i++) {
		/* A 2-level guest's top is a page; what follows it is no top. */
		at = below(8) * PAGE_SIZE;
		if (dare())
			at = any_word();
		call.arg[0] = pa(fuzz_top) + at;
		if (!dare())
			call.arg[0] = pa(one_in(2) ? fuzz_top : kernel_top);
		hazard(do_hcall, &call);
		if (i < 4)
			use_address(any_mapped());
	}
}

static void wait(void *arg)
{
	u32 n = (u32)arg;

	while (n--)
		barrier();
	hcall0(LHCALL_HALT);
}

static void step_timer(void)
{
	static const u32 times[] = { 0, 1, 2, 1000, 100000, ~0u, 0x80000000 };
	u32 ns = one_in(3) ? rnd() : times[below(ARRAY_SIZE(times))];

	trace("clock in %u ns", ns);
	hcall1(LHCALL_SET_CLOCKEVENT, ns);
	if (one_in(2))
		hazard(wait, (void *)below(10000));
	else
		do_int(user_code, true);
}

static void step_shared_words(void)
{
	u32 i, n = 1 + below(4);

	for (i = 0; i < n; i++) {
		u32 at = below(sizeof(lguest_data) / 4);

		/* Most guests would die of a garbage ring. */
		if (at >= 6 && at < 342 && !dare())
			at = below(6);
		trace("word %u", at);
		WRITE_ONCE(((u32 *)&lguest_data)[at], any_word());
	}
	step_int();
}

static void step_ts(void)
{
	struct ring_call call = { .nr = LHCALL_TS, .arg = { any_word() } };

	hazard(do_hcall, &call);
	if (one_in(2))
		step_user_code();
	else
		step_kernel_code();
}

/* This is for the Launcher to survive, not for the host. */
static void step_device(void)
{
	const struct lguest_device_desc *dev;
	struct ring_call call = { .nr = LHCALL_NOTIFY };
	struct virtqueue vq;
	u32 n;

	if (mood == CAREFUL)
		return;
	dev = virtio_find(1 + below(4));
	if (!dev || !dev->num_vq)
		return;
	tables_changed = true;
	n = below(dev->num_vq);
	if (!virtio_queue((void *)dev, n, &vq) || !vq.num)
		return;
	trace("device %u queue %u", dev->type, n);
	if (one_in(2)) {
		call.arg[0] = pa(dev);
		WRITE_ONCE(*(u8 *)&dev->status, one_in(2) ? 7 : rnd());
		hazard(do_hcall, &call);
	}
	for (n = below(8); n; n--) {
		struct vring_desc *desc = &vq.desc[below(4)];

		desc->addr = any_gpa();
		desc->len = one_in(2) ? below(600) : any_word();
		desc->flags = below(8);
		desc->next = one_in(4) ? rnd() : below(4);
		vq.avail->ring[below(8) % vq.num] =
			one_in(8) ? rnd() : below(4);
	}
	WRITE_ONCE(vq.avail->idx, one_in(8) ? rnd() : vq.avail->idx + below(3));
	call.arg[0] = vq.pfn * PAGE_SIZE;
	hazard(do_hcall, &call);
}

static void user_page(u32 addr, const u8 *page)
{
	set_pte(fuzz_top, addr, pa(page) | PTE_USER);
}

/* The ends of the programs' memory */
static void map_user(void)
{
	user_page(USER_BASE, user_code);
	user_page(USER_BASE + PAGE_SIZE, user_code + PAGE_SIZE);
	user_page(USER_STACK_TOP - PAGE_SIZE, spare_page);
}

/* Have the entries that steps change lead to their tables again, or to none. */
static void right_tables(void)
{
	static pte_t user, stack, scratch[8];
	u32 i;

	if (!user) {
		map_user();
		user = *pde_entry(fuzz_top, USER_BASE);
		stack = *pde_entry(fuzz_top, USER_STACK_TOP - 1);
		for (i = 0; i < SCRATCH_SIZE >> PDE_SHIFT; i++)
			scratch[i] = *pde_entry(fuzz_top, SCRATCH_BASE +
						(i << PDE_SHIFT));
	}
	*pde_entry(fuzz_top, USER_BASE) = user;
	*pde_entry(fuzz_top, USER_STACK_TOP - 1) = stack;
	for (i = 0; i < SCRATCH_SIZE >> PDE_SHIFT; i++)
		*pde_entry(fuzz_top, SCRATCH_BASE + (i << PDE_SHIFT)) =
			scratch[i];
	for (i = 0; i < 4; i++)
		*pde_entry(fuzz_top, USER_HEAP + (i << 22)) = 0;
	for (i = 0; i < 8; i++)
		*pte_entry(fuzz_top, SCRATCH_BASE + i * PAGE_SIZE) = 0;
	for (i = 0; i < 4; i++) {
		*pte_entry(fuzz_top, USER_BASE + i * PAGE_SIZE) = 0;
		*pte_entry(fuzz_top, USER_STACK_TOP - 1 - i * PAGE_SIZE) = 0;
	}
	map_user();
	hcall1(LHCALL_FLUSH_TLB, 1);
}

void put_right(void)
{
	if (segments_changed)
		segments_init();
	segments_changed = false;
	load_top(fuzz_top);
	if (gates_changed)
		land_gates();
	gates_changed = false;
	land_stack();
	hcall1(LHCALL_TS, 0);
	if (tables_changed)
		right_tables();
	tables_changed = false;
	lguest_data.noirq_start = 0;
	lguest_data.noirq_end = 0;
}

const struct step steps[] = {
	{ "hypercall", step_hypercall },
	{ "hypercall", step_hypercall },
	{ "ring", step_ring },
	{ "kernel code", step_kernel_code },
	{ "kernel code", step_kernel_code },
	{ "user code", step_user_code },
	{ "user code", step_user_code },
	{ "kernel in user code", step_kernel_in_user_code },
	{ "changing code", step_changing_code },
	{ "stale code", step_stale_code },
	{ "odd stack", step_odd_stack },
	{ "iret", step_iret },
	{ "far", step_far },
	{ "segment", step_segment },
	{ "segment gone", step_segment_gone },
	{ "int", step_int },
	{ "user stack", step_user_stack },
	{ "pte", step_pte },
	{ "pte", step_pte },
	{ "pde", step_pde },
	{ "tops", step_tops },
	{ "timer", step_timer },
	{ "shared words", step_shared_words },
	{ "ts", step_ts },
	{ "device", step_device },
};

const u32 nr_steps = ARRAY_SIZE(steps);
