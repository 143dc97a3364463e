// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/timekeeping.h>

#include "lib/guest.h"

struct layout_case {
	const char *name;
	u32 words[5];		/* those behind tsc_khz */
	bool known;
	u32 noirq_start, noirq_end, kernel_address, syscall_vector;
};

static const struct layout_case layout_cases[] = {
	{ "3.2 to 3.19", { 0xc0101234, 0xc0101240, 0xc0000000, 0x80, 0 },
	  true, 0xc0101234, 0xc0101240, 0xc0000000, 0x80 },
	{ "3.2 to 3.19, vector 0x40",
	  { 0xc0101234, 0xc0101240, 0xc0000000, 0x40, 0 },
	  true, 0xc0101234, 0xc0101240, 0xc0000000, 0x40 },
	{ "3.2 to 3.19, 2 GiB split",
	  { 0x80101234, 0x80101240, 0x80000000, 0x80, 0 },
	  true, 0x80101234, 0x80101240, 0x80000000, 0x80 },
	{ "2.6.31 to 3.0",
	  { 0, 0xc0101234, 0xc0101240, 0xc0000000, 0x80 },
	  true, 0xc0101234, 0xc0101240, 0xc0000000, 0x80 },
	{ "2.6.31 to 3.0, vector 0x40",
	  { 0, 0xc0101234, 0xc0101240, 0xc0000000, 0x40 },
	  true, 0xc0101234, 0xc0101240, 0xc0000000, 0x40 },
	{ "4.0 to 4.13", { 0xc0101234, 0xc0000000, 0x80, 0, 0 },
	  true, 0xc0101234, 0xc0101235, 0xc0000000, 0x80 },
	{ "4.0 to 4.13, vector 0x40, 3.5 GiB split",
	  { 0xe0101234, 0xe0000000, 0x40, 0, 0 },
	  true, 0xe0101234, 0xe0101235, 0xe0000000, 0x40 },
	{ "4.0 to 4.13, and what follows it",
	  { 0xc0101234, 0xc0000000, 0x80, 0xc0000000, 0x1234 },
	  true, 0xc0101234, 0xc0101235, 0xc0000000, 0x80 },
	{ "all zero", { 0, 0, 0, 0, 0 }, false },
	{ "another vector", { 0xc0101234, 0xc0101240, 0xc0000000, 0x81, 0 },
	  false },
	{ "kernel at 0", { 0xc0101234, 0xc0101240, 0, 0x80, 0 }, false },
	{ "kernel in a page",
	  { 0xc0101234, 0xc0101240, 0xc0000010, 0x80, 0 }, false },
	{ "vector with high bits",
	  { 0xc0101234, 0xc0101240, 0xc0000000, 0x10080, 0 }, false },
};

static void describe(const struct layout_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(layout, layout_cases, describe);

static void find_layout(struct kunit *test)
{
	const struct layout_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, !!lg_data_find_layout(c->words), c->known);
}

static void init_with_layout(struct kunit *test)
{
	const struct layout_case *c = test->param_value;
	struct guest *g = test->priv;

	guest_put(g, DATA + DATA_NOIRQ_START, c->words, sizeof(c->words));
	guest_hypercall(g, LGUEST_INIT, DATA, 0, 0);
	KUNIT_EXPECT_EQ(test, lg_data_ready(g->lg), c->known);
	if (!c->known) {
		EXPECT_REASON(g, "struct lguest_data at 0x6000 has no layout we know");
		return;
	}
	EXPECT_ALIVE(g);
	KUNIT_EXPECT_EQ(test, g->lg->noirq_start, c->noirq_start);
	KUNIT_EXPECT_EQ(test, g->lg->noirq_end, c->noirq_end);
	KUNIT_EXPECT_EQ(test, g->lg->kernel_address, c->kernel_address);
}

static void put_tail(struct guest *g, u32 gpa)
{
	const struct layout_case *c = &layout_cases[0];

	guest_put(g, gpa + DATA_NOIRQ_START, c->words, sizeof(c->words));
}

static void init_fills_in_the_hosts_words(struct kunit *test)
{
	struct guest *g = test->priv;
	time64_t before = ktime_get_real_seconds();

	put_tail(g, DATA);
	guest_put32(g, DATA + DATA_RESERVE_MEM, 0x1234);
	guest_hypercall(g, LGUEST_INIT, DATA, 0, 0);
	EXPECT_ALIVE(g);
	KUNIT_EXPECT_EQ(test, guest_get32(g, DATA + DATA_RESERVE_MEM), 0);
	KUNIT_EXPECT_EQ(test, guest_get32(g, DATA + DATA_TSC_KHZ), 1234567);
	KUNIT_EXPECT_GE(test, guest_get32(g, DATA + DATA_TIME), (u32)before);
	KUNIT_EXPECT_LE(test, guest_get32(g, DATA + DATA_TIME),
			(u32)ktime_get_real_seconds());
	KUNIT_EXPECT_LT(test, guest_get32(g, DATA + DATA_TIME + 4),
			NSEC_PER_SEC);
	/* It writes nothing else. */
	KUNIT_EXPECT_EQ(test, guest_get32(g, DATA + DATA_IRQ_ENABLED), 0);
	KUNIT_EXPECT_EQ(test, guest_get32(g, DATA + DATA_STATUS), 0);
	KUNIT_EXPECT_EQ(test, guest_get32(g, DATA + DATA_SYSCALL_VEC), 0x80);
}

static void init_at_the_end_of_memory(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 gpa = END - DATA_NOIRQ_START - 20;

	put_tail(g, gpa);
	guest_hypercall(g, LGUEST_INIT, gpa, 0, 0);
	EXPECT_ALIVE(g);
}

static const u32 bad_places[] = {
	END - DATA_NOIRQ_START, END - 4, END, 0x80000000, 0xffffffff,
	0xffffffff - DATA_NOIRQ_START,
};

static void describe_place(const u32 *place, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%#x", *place);
}

KUNIT_ARRAY_PARAM(place, bad_places, describe_place);

static void init_beyond_memory(struct kunit *test)
{
	const u32 *place = test->param_value;
	struct guest *g = test->priv;
	char reason[64];

	guest_hypercall(g, LGUEST_INIT, *place, 0, 0);
	snprintf(reason, sizeof(reason), "bad struct lguest_data at %#x",
		 *place);
	EXPECT_REASON(g, reason);
}

static void virtual_interrupt_flag(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 flags = 1;

	/* Interrupts are off until the guest can say otherwise. */
	KUNIT_EXPECT_TRUE(test, lg_data_irq_enabled(g->lg, &flags));
	KUNIT_EXPECT_EQ(test, flags, 0);
	KUNIT_EXPECT_TRUE(test, lg_data_set_irq_enabled(g->lg, true));
	KUNIT_EXPECT_EQ(test, guest_get32(g, DATA), 0);

	put_tail(g, DATA);
	guest_hypercall(g, LGUEST_INIT, DATA, 0, 0);
	KUNIT_EXPECT_TRUE(test, lg_data_set_irq_enabled(g->lg, true));
	KUNIT_EXPECT_EQ(test, guest_get32(g, DATA), IF);
	KUNIT_EXPECT_TRUE(test, lg_data_irq_enabled(g->lg, &flags));
	KUNIT_EXPECT_EQ(test, flags, IF);
	KUNIT_EXPECT_TRUE(test, lg_data_set_irq_enabled(g->lg, false));
	KUNIT_EXPECT_EQ(test, guest_get32(g, DATA), 0);
	/* Only one bit of the word counts. */
	guest_put32(g, DATA, 0xffffffff);
	KUNIT_EXPECT_TRUE(test, lg_data_irq_enabled(g->lg, &flags));
	KUNIT_EXPECT_EQ(test, flags, IF);
	EXPECT_ALIVE(g);
}

/* Without tables of its own, the guest has nothing at kernel_address either. */
static void no_address_without_tables(struct kunit *test)
{
	struct guest *g = test->priv;

	lg_direct_map_find_data(g->lg);
	KUNIT_EXPECT_EQ(test, g->lg->data_gva, 0);
	put_tail(g, DATA);
	guest_hypercall(g, LGUEST_INIT, DATA, 0, 0);
	lg_direct_map_find_data(g->lg);
	KUNIT_EXPECT_EQ(test, g->lg->data_gva, 0);
	EXPECT_ALIVE(g);
}

static struct kunit_case data_cases[] = {
	KUNIT_CASE_PARAM(find_layout, layout_gen_params),
	KUNIT_CASE_PARAM(init_with_layout, layout_gen_params),
	KUNIT_CASE(init_fills_in_the_hosts_words),
	KUNIT_CASE(init_at_the_end_of_memory),
	KUNIT_CASE_PARAM(init_beyond_memory, place_gen_params),
	KUNIT_CASE(virtual_interrupt_flag),
	KUNIT_CASE(no_address_without_tables),
	{}
};

static struct kunit_suite data_suite = {
	.name = "lguest_data",
	.init = guest_initialize,
	.exit = guest_free,
	.test_cases = data_cases,
};

/* GDT entries tell what the ring did: each call loads one. */
static void add_load(struct guest *g, unsigned int slot, u32 entry, u32 low)
{
	guest_ring_add(g, slot, LOAD_GDT_ENTRY, entry, low, 0x00cff300);
}

static u8 slot_status(struct guest *g, unsigned int slot)
{
	u8 status;

	guest_get(g, DATA + DATA_STATUS + slot, &status, 1);
	return status;
}

static void ring_is_done_before_the_call(struct kunit *test)
{
	struct guest *g = test->priv;

	add_load(g, 0, 20, 1);
	add_load(g, 1, 20, 2);
	guest_hypercall(g, LOAD_GDT_ENTRY, 21, 3, 0x00cff300);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[20].low, 2);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[21].low, 3);
	KUNIT_EXPECT_EQ(test, slot_status(g, 0), 0xff);
	KUNIT_EXPECT_EQ(test, slot_status(g, 1), 0xff);

	/* The direct call is the last. */
	add_load(g, 2, 20, 4);
	guest_hypercall(g, LOAD_GDT_ENTRY, 20, 5, 0x00cff300);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[20].low, 5);
	EXPECT_ALIVE(g);
}

static void ring_stops_at_a_done_slot(struct kunit *test)
{
	struct guest *g = test->priv;

	add_load(g, 1, 20, 1);
	guest_hypercall(g, FLUSH_ASYNC, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[20].low, 0);
	KUNIT_EXPECT_EQ(test, slot_status(g, 1), 0);
	add_load(g, 0, 20, 2);
	guest_hypercall(g, FLUSH_ASYNC, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[20].low, 1);
	EXPECT_ALIVE(g);
}

static void ring_goes_round(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int round, i, slot = 0, n = 0;

	for (round = 1; round <= 64; round += 9) {
		for (i = 0; i < round; i++) {
			add_load(g, slot, 20, ++n);
			slot = (slot + 1) % 64;
		}
		guest_hypercall(g, FLUSH_ASYNC, 0, 0, 0);
		KUNIT_EXPECT_EQ(test, g->lg->gdt[20].low, n);
		KUNIT_EXPECT_EQ(test, g->lg->ring_next, slot);
	}
	for (i = 0; i < 64; i++)
		KUNIT_EXPECT_EQ(test, slot_status(g, i), 0xff);
	EXPECT_ALIVE(g);
}

static void ring_keeps_arguments(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_hcall call;

	guest_ring_add(g, 0, NOTIFY, 1, 2, 3);
	guest_put32(g, DATA + DATA_RING + 16, 4);
	KUNIT_EXPECT_TRUE(test, lg_data_ring_take(g->lg, &call));
	KUNIT_EXPECT_EQ(test, call.nr, NOTIFY);
	KUNIT_EXPECT_EQ(test, call.arg1, 1);
	KUNIT_EXPECT_EQ(test, call.arg2, 2);
	KUNIT_EXPECT_EQ(test, call.arg3, 3);
	KUNIT_EXPECT_EQ(test, call.arg4, 4);
	KUNIT_EXPECT_EQ(test, slot_status(g, 0), 0xff);
	KUNIT_EXPECT_FALSE(test, lg_data_ring_take(g->lg, &call));
	EXPECT_ALIVE(g);
}

/* What lg_run() would notify next; 0 if the direct call is done */
static u32 next_notify(struct guest *g)
{
	u32 address = 0;

	if (!g->lg->hcall_pending && !g->lg->pending.trap)
		return 0;
	if (!g->lg->pending.trap)
		guest_do_hypercalls(g);
	if (g->lg->pending.trap)
		address = g->lg->pending.addr;
	g->lg->pending.trap = 0;
	return address;
}

static void notify_stops_the_ring(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_ring_add(g, 0, NOTIFY, 0x1000, 0, 0);
	add_load(g, 1, 20, 1);
	guest_ring_add(g, 2, NOTIFY, 0x2000, 0, 0);
	add_load(g, 3, 20, 2);
	guest_hypercall(g, NOTIFY, 0x3000, 0, 0);

	KUNIT_EXPECT_EQ(test, g->lg->gdt[20].low, 0);
	KUNIT_EXPECT_EQ(test, slot_status(g, 0), 0xff);
	KUNIT_EXPECT_EQ(test, slot_status(g, 1), 0);
	KUNIT_EXPECT_TRUE(test, g->lg->hcall_pending);
	KUNIT_EXPECT_EQ(test, next_notify(g), 0x1000);

	KUNIT_EXPECT_EQ(test, next_notify(g), 0x2000);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[20].low, 1);
	KUNIT_EXPECT_EQ(test, slot_status(g, 3), 0);
	KUNIT_EXPECT_TRUE(test, g->lg->hcall_pending);

	KUNIT_EXPECT_EQ(test, next_notify(g), 0x3000);
	KUNIT_EXPECT_EQ(test, g->lg->gdt[20].low, 2);
	KUNIT_EXPECT_FALSE(test, g->lg->hcall_pending);
	KUNIT_EXPECT_EQ(test, next_notify(g), 0);
	EXPECT_ALIVE(g);
}

static void death_stops_the_ring(struct kunit *test)
{
	struct guest *g = test->priv;

	guest_ring_add(g, 0, 99, 0, 0, 0);
	add_load(g, 1, 20, 1);
	guest_hypercall(g, LOAD_GDT_ENTRY, 20, 2, 0x00cff300);
	EXPECT_REASON(g, "bad hypercall 99");
	KUNIT_EXPECT_EQ(test, g->lg->gdt[20].low, 0);
	KUNIT_EXPECT_EQ(test, slot_status(g, 1), 0);
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(ring_is_done_before_the_call),
	KUNIT_CASE(ring_stops_at_a_done_slot),
	KUNIT_CASE(ring_goes_round),
	KUNIT_CASE(ring_keeps_arguments),
	KUNIT_CASE(notify_stops_the_ring),
	KUNIT_CASE(death_stops_the_ring),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "lguest_ring",
	.init = guest_create,
	.exit = guest_free,
	.test_cases = ring_cases,
};

kunit_test_suites(&data_suite, &ring_suite);
