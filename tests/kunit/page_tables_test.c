// SPDX-License-Identifier: GPL-2.0
/* What a page fault in the guest leads to, depending on the guest's tables */
#include <kunit/test.h>

#include "lib/paging.h"

#define GVA	0x12000U
#define PAGE	(FREE + 0x3000)		/* what it maps */

KUNIT_ARRAY_PARAM(format, formats, describe_format);

/* Ways to touch a page. The CPU tells of fetches only with NX. */
static const u32 accesses[] = {
	0, LG_PF_WRITE, LG_PF_FETCH,
	LG_PF_USER, LG_PF_USER | LG_PF_WRITE, LG_PF_USER | LG_PF_FETCH,
};

static const u64 rights[] = {
	0, P, P | W, P | U, P | W | U,
	P | NX, P | W | NX, P | U | NX, P | W | U | NX,
};

/* SDM volume 3, section 4.6.1; ring 1 is a supervisor, and CR0.WP is set. */
static bool allowed(u64 pde, u64 pte, u32 how)
{
	u64 both = pde & pte;

	return both & P && (both & W || !(how & LG_PF_WRITE)) &&
	       (both & U || !(how & LG_PF_USER)) &&
	       (!((pde | pte) & NX) || !(how & LG_PF_FETCH));
}

static void touch_by(struct guest *g, u32 directory, u64 pde, u64 pte, u32 how)
{
	u32 error_code = how;
	u64 shadow = 0;

	paging_put(g, paging_pde_gpa(g, directory, GVA), USER_TABLE | pde);
	paging_map(g, GVA, PAGE | pte);
	guest_hypercall(g, FLUSH_TLB, 0, 0, 0);

	if (allowed(pde, pte, how)) {
		shadow = (pde & pte & U) | ((pde | pte) & NX);
		if (how & LG_PF_WRITE)
			shadow |= WD;
		KUNIT_ASSERT_EQ(g->test, lg_page_fault(g->lg, GVA, &error_code),
				LG_FAULT_FIXED);
		EXPECT_SHADOW(g, GVA, PAGE, shadow);
		pde |= A;
		pte |= how & LG_PF_WRITE ? A | D : A;
	} else {
		KUNIT_ASSERT_EQ(g->test, lg_page_fault(g->lg, GVA, &error_code),
				LG_FAULT_GUEST);
		if (!g->lg->mmu.pae)
			how &= ~LG_PF_FETCH;
		KUNIT_EXPECT_EQ(g->test, error_code,
				how | (pde & pte & P ? LG_PF_PRESENT : 0));
		EXPECT_NO_SHADOW(g, GVA);
	}
	/* A page that was not used is not marked either. */
	KUNIT_EXPECT_EQ(g->test,
			paging_get(g, paging_pde_gpa(g, directory, GVA)),
			USER_TABLE | pde);
	KUNIT_EXPECT_EQ(g->test, paging_entry(g, GVA), PAGE | pte);
}

static void rights_of_both_levels(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	u32 directory = f->pae ? USER_PD : TOP;
	unsigned int i, j, k;

	paging_start(g, f->pae);
	for (i = 0; i < ARRAY_SIZE(rights); i++) {
		for (j = 0; j < ARRAY_SIZE(rights); j++) {
			if (!f->pae && (rights[i] | rights[j]) & NX)
				continue;
			for (k = 0; k < ARRAY_SIZE(accesses); k++)
				touch_by(g, directory, rights[i], rights[j],
					 accesses[k]);
		}
	}
	EXPECT_ALIVE(g);
}

static void not_even_a_directory(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 error_code = LG_PF_USER | LG_PF_WRITE;

	paging_start(g, true);
	KUNIT_EXPECT_EQ(test, lg_page_fault(g->lg, 0x40000000, &error_code),
			LG_FAULT_GUEST);
	KUNIT_EXPECT_EQ(test, error_code, LG_PF_USER | LG_PF_WRITE);
	EXPECT_ALIVE(g);
}

/* On a CPU without NX, the bit has no effect, nor does it show in error codes. */
static void host_without_nx(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 error_code = LG_PF_FETCH;

	lg_pte_nx = 0;
	paging_start(g, true);
	paging_map(g, GVA, PAGE | P | U | NX);
	TOUCH(g, GVA, LG_PF_USER);
	EXPECT_SHADOW(g, GVA, PAGE, U);
	lg_page_fault(g->lg, GVA + PAGE_SIZE, &error_code);
	KUNIT_EXPECT_EQ(test, error_code, 0);
}

static void first_write_shows(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;

	paging_start(g, f->pae);
	paging_map(g, GVA, PAGE | P | W | U);
	TOUCH(g, GVA, LG_PF_USER);
	EXPECT_SHADOW(g, GVA, PAGE, U);
	KUNIT_EXPECT_EQ(test, paging_entry(g, GVA), PAGE | P | W | U | A);
	/* It was there before, but not writable. */
	TOUCH(g, GVA, LG_PF_PRESENT | LG_PF_WRITE | LG_PF_USER);
	EXPECT_SHADOW(g, GVA, PAGE, U | WD);
	KUNIT_EXPECT_EQ(test, paging_entry(g, GVA), PAGE | P | W | U | A | D);
}

static void written_page_needs_no_second_fault(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;

	guest_put32(g, PAGE, 1);
	paging_start(g, f->pae);
	paging_map(g, GVA, PAGE | P | W | U | D);
	TOUCH(g, GVA, LG_PF_USER);
	EXPECT_SHADOW(g, GVA, PAGE, U | WD);
	KUNIT_EXPECT_EQ(test, paging_entry(g, GVA), PAGE | P | W | U | A | D);

	/* What was written once may be read-only now. */
	paging_map(g, GVA + PAGE_SIZE, PAGE | P | U | D);
	TOUCH(g, GVA + PAGE_SIZE, LG_PF_USER);
	EXPECT_SHADOW(g, GVA + PAGE_SIZE, PAGE, U);
}

/* The zero page is not to be written, whatever the guest's tables say. */
static void read_takes_no_memory(struct kunit *test)
{
	struct guest *g = test->priv;

	paging_start(g, false);
	paging_map(g, GVA, PAGE | P | W | U | A | D);
	TOUCH(g, GVA, LG_PF_USER);
	KUNIT_EXPECT_EQ(test, paging_host_page(g, PAGE),
			page_to_phys(ZERO_PAGE(0)));
	EXPECT_SHADOW(g, GVA, PAGE, U);
	TOUCH(g, GVA, LG_PF_USER | LG_PF_WRITE);
	KUNIT_EXPECT_NE(test, paging_host_page(g, PAGE),
			page_to_phys(ZERO_PAGE(0)));
	EXPECT_SHADOW(g, GVA, PAGE, U | WD);
}

/* Two leaves of ours each hold half the entries of a 2-level guest's table. */
static void both_halves_of_a_table(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 gva;

	paging_start(g, false);
	for (gva = PAGE_SIZE; gva < 4 * MiB; gva += 2 * MiB - PAGE_SIZE) {
		u32 gpa = FREE + (gva / MiB) * PAGE_SIZE;

		paging_map(g, gva, gpa | P | W | U);
		TOUCH(g, gva, LG_PF_WRITE);
		EXPECT_SHADOW(g, gva, gpa, U | WD);
		EXPECT_NO_SHADOW(g, gva ^ 2 * MiB);
		EXPECT_NO_SHADOW(g, gva + 4 * MiB);
	}
}

/* Addresses in each of the four directories, and the last of all */
static void everywhere(struct kunit *test)
{
	static const u32 gvas[] = {
		0, 0x3ffff000, 0x40000000, 0x7ffff000, 0x80000000, 0xbffff000,
		0xfffff000,
	};
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	u32 directory = f->pae ? FREE : TOP, table = FREE + PAGE_SIZE;
	unsigned int i;

	paging_start(g, f->pae);
	for (i = 0; i < ARRAY_SIZE(gvas); i++) {
		u32 gpa = FREE + (16 + i) * PAGE_SIZE;

		if (f->pae)
			guest_put32(g, TOP + (gvas[i] >> 30) * 8, FREE | P);
		guest_hypercall(g, SET_PGD, TOP, gvas[i] >> (f->pae ? 30 : 22),
				0);
		paging_hang(g, directory, gvas[i], table);
		paging_put(g, paging_pte_gpa(g, table, gvas[i]), gpa | P);
		TOUCH(g, gvas[i] + 0x123, 0);
		EXPECT_SHADOW(g, gvas[i], gpa, 0);
		table += PAGE_SIZE;
	}
	EXPECT_ALIVE(g);
}

/* The directory is one of its own tables: tables appear as pages, as on i386. */
static void table_that_points_to_itself(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	u32 directory = f->pae ? USER_PD : TOP;
	u32 gva = f->pae ? 511 * 2 * MiB + 511 * PAGE_SIZE :
			   0x3ff * 4 * MiB + 0x3ff * PAGE_SIZE;
	u32 gpa;

	paging_start(g, f->pae);
	gpa = paging_pde_gpa(g, directory, gva);
	paging_put(g, gpa, directory | P | W);
	TOUCH(g, gva, 0);
	EXPECT_SHADOW(g, gva, directory, 0);
	KUNIT_EXPECT_EQ(test, paging_get(g, gpa), directory | P | W | A);
	TOUCH(g, gva, LG_PF_WRITE);
	EXPECT_SHADOW(g, gva, directory, WD);
	KUNIT_EXPECT_EQ(test, paging_get(g, gpa), directory | P | W | A | D);

	/* The first of its tables appears below it. */
	gva &= -(f->pae ? 2 * MiB : 4 * MiB);
	TOUCH(g, gva, LG_PF_WRITE);
	EXPECT_SHADOW(g, gva, USER_TABLE, WD);
	EXPECT_ALIVE(g);
}

static void kernel_executes_for_users(struct kunit *test)
{
	struct guest *g = test->priv;
	bool *executes_user = &g->lg->mmu.executes_user;

	paging_start(g, true);
	paging_map(g, GVA, PAGE | P | U);
	TOUCH(g, GVA, LG_PF_FETCH | LG_PF_USER);
	TOUCH(g, GVA, 0);
	TOUCH(g, KERNEL + CODE, LG_PF_FETCH);
	KUNIT_EXPECT_FALSE(test, *executes_user);
	TOUCH(g, GVA, LG_PF_FETCH);
	KUNIT_EXPECT_TRUE(test, *executes_user);
}

static void reserved_bit(struct kunit *test)
{
	struct guest *g = test->priv;

	paging_start(g, false);
	KUNIT_EXPECT_EQ(test, paging_touch(g, GVA, LG_PF_PRESENT |
					   LG_PF_RESERVED), LG_FAULT_RETRY);
	EXPECT_REASON(g, "shadow page table broken at 0x12000");
}

/* The Launcher emulates pages above memory. */
static void device_page(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;
	u32 error_code = LG_PF_WRITE;

	g->lg->device_limit = PAGES + 2;
	g->lg->wants_records = true;
	paging_start(g, f->pae);
	paging_map(g, GVA, (END + PAGE_SIZE) | P | W);
	KUNIT_EXPECT_EQ(test, lg_page_fault(g->lg, GVA + 0x234, &error_code),
			LG_FAULT_DEVICE);
	EXPECT_NO_SHADOW(g, GVA);
	lg_defer_device_access(g->lg, GVA + 0x234, error_code);
	EXPECT_ALIVE(g);
	KUNIT_EXPECT_EQ(test, g->lg->pending.trap, 14);
	KUNIT_EXPECT_EQ(test, g->lg->pending.addr, END + PAGE_SIZE + 0x234);
	KUNIT_EXPECT_EQ(test, g->lg->pf_error_code,
			LG_PF_PRESENT | LG_PF_WRITE);
	KUNIT_EXPECT_EQ(test, paging_entry(g, GVA),
			(END + PAGE_SIZE) | P | W | A | D);

	/* The entry's rights count as for other pages. */
	KUNIT_EXPECT_EQ(test, paging_touch(g, GVA, LG_PF_USER), LG_FAULT_GUEST);
	/* SET_PTE can't put it into the shadow either. */
	paging_map(g, GVA + PAGE_SIZE, PAGE | P | W | A);
	TOUCH(g, GVA + PAGE_SIZE, 0);
	guest_hypercall(g, SET_PTE, TOP, GVA, paging_entry(g, GVA));
	EXPECT_NO_SHADOW(g, GVA);
	EXPECT_ALIVE(g);

	/* If there is no device page any more, nobody is told. */
	paging_map(g, GVA, PAGE | P | W);
	g->lg->pending.trap = 0;
	lg_defer_device_access(g->lg, GVA, 0);
	paging_map(g, GVA, 0);
	lg_defer_device_access(g->lg, GVA, 0);
	KUNIT_EXPECT_EQ(test, g->lg->pending.trap, 0);
	EXPECT_ALIVE(g);

	/* Device pages have an end. */
	paging_map(g, GVA, (END + 2 * PAGE_SIZE) | P | W);
	KUNIT_EXPECT_EQ(test, paging_touch(g, GVA, 0), LG_FAULT_RETRY);
	EXPECT_REASON(g, "bad page table entry 0x42003 for address 0x12000");
}

/*
 * What the guest's kernel has around what it touches, from PREFETCH_PAGES on: pages
 * that it has used, one not used, one not written, and one that the host does not
 * have yet.
 */
#define PREFETCH_PAGES		0x20000
#define TOUCHED		(PREFETCH_PAGES + 0x1000)
#define NOT_USED	(PREFETCH_PAGES + 0x2000)
#define NOT_WRITTEN	(PREFETCH_PAGES + 0x3000)
#define LAST		(PREFETCH_PAGES + 0x4000)
#define NOT_THERE	(PREFETCH_PAGES + 0x5000)
#define BEHIND		(PREFETCH_PAGES + 0x6000)

static void lay_out_around(struct guest *g)
{
	u32 gpa;

	for (gpa = PREFETCH_PAGES; gpa <= BEHIND; gpa += PAGE_SIZE) {
		paging_map(g, KERNEL + gpa, gpa | P | W | A | D);
		if (gpa != NOT_THERE)
			guest_put32(g, gpa, 1);
	}
	paging_map(g, KERNEL + NOT_USED, NOT_USED | P | W | D);
	paging_map(g, KERNEL + NOT_WRITTEN, NOT_WRITTEN | P | W | A);
}

/* There is an spte, but the CPU has not used it yet. */
static void expect_in_advance(struct guest *g, u32 gpa, u64 bits)
{
	KUNIT_EXPECT_EQ(g->test, guest_shadow(g, KERNEL + gpa),
			paging_host_page(g, gpa) | lg_pte_encryption |
			LG_PTE_PRESENT | bits);
}

static void expect_nothing_around(struct guest *g)
{
	u32 gpa;

	for (gpa = PREFETCH_PAGES; gpa <= BEHIND; gpa += PAGE_SIZE)
		if (gpa != TOUCHED)
			EXPECT_NO_SHADOW(g, KERNEL + gpa);
	EXPECT_ALIVE(g);
}

static void kernel_comes_to_its_memory(struct kunit *test)
{
	const struct format *f = test->param_value;
	struct guest *g = test->priv;

	paging_start(g, f->pae);
	lay_out_around(g);
	TOUCH(g, KERNEL + TOUCHED, LG_PF_WRITE);
	EXPECT_SHADOW(g, KERNEL + TOUCHED, TOUCHED, WD);
	expect_in_advance(g, PREFETCH_PAGES, WD);
	EXPECT_NO_SHADOW(g, KERNEL + NOT_USED);
	expect_in_advance(g, NOT_WRITTEN, 0);
	expect_in_advance(g, LAST, WD);
	EXPECT_NO_SHADOW(g, KERNEL + NOT_THERE);
	EXPECT_NO_SHADOW(g, KERNEL + BEHIND);
	/* Prefetches do not leave the window either. */
	EXPECT_NO_SHADOW(g, KERNEL + PREFETCH_PAGES - PAGE_SIZE);
	/* The guest's entries are as they were. */
	KUNIT_EXPECT_EQ(test, paging_entry(g, KERNEL + NOT_USED),
			NOT_USED | P | W | D);

	/* Prefetched sptes are like others. */
	paging_replace(g, LAST);
	EXPECT_NO_SHADOW(g, KERNEL + LAST);
	TOUCH(g, KERNEL + NOT_WRITTEN, LG_PF_WRITE);
	EXPECT_SHADOW(g, KERNEL + NOT_WRITTEN, NOT_WRITTEN, WD);
	EXPECT_ALIVE(g);
}

/* We prefetch only around what the kernel touches in the direct map. */
static void others_come_alone(struct kunit *test)
{
	struct guest *g = test->priv;
	u32 gpa;

	paging_start(g, false);
	lay_out_around(g);
	for (gpa = PREFETCH_PAGES; gpa <= BEHIND; gpa += PAGE_SIZE)
		paging_map(g, gpa, gpa | P | W | U | A | D);
	TOUCH(g, TOUCHED, LG_PF_WRITE);
	EXPECT_NO_SHADOW(g, PREFETCH_PAGES);
	expect_nothing_around(g);

	paging_map(g, KERNEL + TOUCHED, PAGE | P | W | A | D);
	TOUCH(g, KERNEL + TOUCHED, LG_PF_WRITE);
	expect_nothing_around(g);
}

/* A page is only prefetched at its own place in the direct map. */
static void not_in_a_row(struct kunit *test)
{
	struct guest *g = test->priv;

	paging_start(g, false);
	lay_out_around(g);
	paging_map(g, KERNEL + PREFETCH_PAGES, LAST | P | W | A | D);
	TOUCH(g, KERNEL + TOUCHED, LG_PF_WRITE);
	EXPECT_NO_SHADOW(g, KERNEL + PREFETCH_PAGES);
	expect_in_advance(g, LAST, WD);
}

/* The Launcher's own memory begins behind the guest's. */
static void memory_ends(struct kunit *test)
{
	struct guest *g = test->priv;

	paging_start(g, false);
	lay_out_around(g);
	g->lg->pfn_limit = BEHIND / PAGE_SIZE + 1;
	TOUCH(g, KERNEL + TOUCHED, LG_PF_WRITE);
	expect_nothing_around(g);
	g->lg->pfn_limit = PAGES;
}

static struct guest *looking_up;

static void replace_around(void)
{
	paging_replace(looking_up, PREFETCH_PAGES);
}

/* The first look-up is for what the guest touched: act in the next one. */
static void then_replace_around(void)
{
	fake_host.looked_up = replace_around;
}

static void gone_meanwhile(struct kunit *test)
{
	struct guest *g = test->priv;

	paging_start(g, false);
	lay_out_around(g);
	looking_up = g;
	fake_host.looked_up = then_replace_around;
	TOUCH(g, KERNEL + TOUCHED, LG_PF_WRITE);
	expect_nothing_around(g);
	KUNIT_EXPECT_NULL(test, fake_host.looked_up);
}

struct lookup_case {
	const char *name;
	int error;
	const char *reason;	/* or none: a signal is pending */
};

static const struct lookup_case lookup_cases[] = {
	{ "not mapped", -EFAULT,
	  "guest memory at 0xd000 is gone: the Launcher took it away" },
	{ "broken", -EHWPOISON,
	  "guest memory at 0xd000 is gone: the Launcher took it away" },
	{ "no memory", -ENOMEM, "the host has no memory left for it" },
	/* In a mapping with VM_MIXEDMAP, where there is no struct page */
	{ "no page", -EEXIST,
	  "guest memory at 0xd000 is nothing that the host can map (error -17)" },
	{ "interrupted for no reason", -EINTR,
	  "guest memory at 0xd000 is nothing that the host can map (error -4)" },
	{ "signal", -EINTR, "" },
	{ "signal, and another error", -EAGAIN, "" },
};

static void describe_lookup(const struct lookup_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(lookup, lookup_cases, describe_lookup);

static void host_has_no_page(struct kunit *test)
{
	const struct lookup_case *c = test->param_value;
	struct guest *g = test->priv;

	paging_start(g, false);
	paging_map(g, GVA, PAGE | P | W | U);
	fake_host.lookup_error = c->error;
	if (!*c->reason)
		set_thread_flag(TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, paging_touch(g, GVA, 0), LG_FAULT_RETRY);
	clear_thread_flag(TIF_SIGPENDING);
	EXPECT_NO_SHADOW(g, GVA);
	KUNIT_EXPECT_STREQ(test, g->lg->reason, c->reason);
	if (!*c->reason) {
		TOUCH(g, GVA, 0);
		EXPECT_SHADOW(g, GVA, PAGE, U);
	}
}

/* A fill of the first spte allocates these, in this order. */
struct allocation_case {
	const char *name;
	unsigned int budget;
	bool enough;
};

static const struct allocation_case allocation_cases[] = {
	{ "directory", 0 },
	{ "leaf", 1 },
	{ "leaf's table", 2 },
	{ "leaf's number", 3 },
	{ "frame's head", 4 },
	{ "place of the head", 5 },
	{ "none", 6, true },
};

static void describe_allocation(const struct allocation_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(allocation, allocation_cases, describe_allocation);

static void allocation_fails(struct kunit *test)
{
	const struct allocation_case *c = test->param_value;
	struct guest *g = test->priv;

	paging_start(g, false);
	paging_map(g, GVA, PAGE | P | W | U);
	fake_host.budget = c->budget;
	KUNIT_EXPECT_EQ(test, paging_touch(g, GVA, LG_PF_WRITE),
			c->enough ? LG_FAULT_FIXED : LG_FAULT_RETRY);
	fake_host.budget = UINT_MAX;
	if (c->enough) {
		EXPECT_SHADOW(g, GVA, PAGE, U | WD);
		EXPECT_ALIVE(g);
	} else {
		EXPECT_NO_SHADOW(g, GVA);
		EXPECT_REASON(g, "the host has no memory left for it");
	}
}

static struct kunit_case page_tables_cases[] = {
	KUNIT_CASE_PARAM(rights_of_both_levels, format_gen_params),
	KUNIT_CASE(not_even_a_directory),
	KUNIT_CASE(host_without_nx),
	KUNIT_CASE_PARAM(first_write_shows, format_gen_params),
	KUNIT_CASE_PARAM(written_page_needs_no_second_fault, format_gen_params),
	KUNIT_CASE(read_takes_no_memory),
	KUNIT_CASE(both_halves_of_a_table),
	KUNIT_CASE_PARAM(everywhere, format_gen_params),
	KUNIT_CASE_PARAM(table_that_points_to_itself, format_gen_params),
	KUNIT_CASE(kernel_executes_for_users),
	KUNIT_CASE(reserved_bit),
	KUNIT_CASE_PARAM(device_page, format_gen_params),
	KUNIT_CASE_PARAM(kernel_comes_to_its_memory, format_gen_params),
	KUNIT_CASE(others_come_alone),
	KUNIT_CASE(not_in_a_row),
	KUNIT_CASE(memory_ends),
	KUNIT_CASE(gone_meanwhile),
	KUNIT_CASE_PARAM(host_has_no_page, lookup_gen_params),
	KUNIT_CASE_PARAM(allocation_fails, allocation_gen_params),
	{}
};

static struct kunit_suite page_tables_suite = {
	.name = "lguest_page_tables",
	.init = guest_create,
	.exit = guest_free,
	.test_cases = page_tables_cases,
};

kunit_test_suite(page_tables_suite);
