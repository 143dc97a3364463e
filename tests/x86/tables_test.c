// SPDX-License-Identifier: GPL-2.0
/*
 * The tables that the CPU uses while a guest runs: the IDT, those that map what is
 * above 4 GiB, and struct lg_switch. And what happens without memory for them.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/vmstat.h>
#include <asm/cpu_entry_area.h>
#include <asm/desc.h>
#include <asm/pgtable.h>
#include <asm/segment.h>
#include <asm/trapnr.h>

#include "guest.h"

static void every_gate(struct kunit *test)
{
	bool has_syscall = lg_idt_is_syscall(LG_VECTOR_SYSCALL);
	const struct gate_struct *gate;
	struct desc_ptr idtr;
	unsigned int i;

	lg_idt_get(&idtr);
	KUNIT_EXPECT_EQ(test, idtr.size, 256 * sizeof(*gate) - 1);
	KUNIT_EXPECT_TRUE(test, PAGE_ALIGNED(idtr.address));
	KUNIT_EXPECT_FALSE(test, lg_idt_is_syscall(LG_VECTOR_HYPERCALL));
	gate = (const struct gate_struct *)idtr.address;
	for (i = 0; i < 256; i++, gate++) {
		const char *handler = lg_switcher_stubs + i * LG_STUB_SIZE;
		struct idt_bits want = { .type = GATE_INTERRUPT, .p = 1 };

		switch (i) {
		case X86_TRAP_DB:
			want.ist = 1 + IST_INDEX_DB;
			handler = lg_switcher_debug;
			break;
		case X86_TRAP_NMI:
			want.ist = 1 + IST_INDEX_NMI;
			handler = lg_switcher_nmi;
			break;
		case X86_TRAP_BP:
			want.dpl = 3;
			handler = lg_switcher_breakpoint;
			break;
		case X86_TRAP_OF:
			want.dpl = 3;
			break;
		case X86_TRAP_DF:
			want.ist = 1 + IST_INDEX_DF;
			break;
		case X86_TRAP_MC:
			want.ist = 1 + IST_INDEX_MCE;
			handler = lg_switcher_mce;
			break;
		case LG_VECTOR_HYPERCALL:
			want.dpl = 1;
			break;
		case X86_TRAP_PF:
			handler = lg_switcher_page_fault;
			break;
		case LG_VECTOR_SYSCALL:
			if (has_syscall) {
				want.dpl = 3;
				handler = lg_switcher_syscall;
			}
			break;
		}
		KUNIT_EXPECT_EQ_MSG(test, gate_offset(gate),
				    (unsigned long)handler, "gate %u", i);
		KUNIT_EXPECT_EQ_MSG(test, gate_segment(gate), __KERNEL_CS,
				    "gate %u", i);
		KUNIT_EXPECT_EQ_MSG(test, memcmp(&gate->bits, &want,
						 sizeof(want)), 0,
				    "gate %u", i);
	}
}

/* Rights that an address has only if all levels give them */
#define RIGHTS		(LG_PTE_WRITE | LG_PTE_USER)

struct upper_walk {
	struct guest *g;
	unsigned int text, idt, sw, areas;
};

static int top_shift(void)
{
	return pgtable_l5_enabled() ? 48 : 39;
}

static unsigned long canonical(unsigned long va)
{
	int unused = 64 - (top_shift() + 9);

	return (long)(va << unused) >> unused;
}

static void check_page(struct upper_walk *walk, unsigned long va, u64 entry,
		       u64 rights)
{
	struct kunit *test = walk->g->test;
	struct lg_switch *sw = walk->g->lg->vcpu->sw;
	phys_addr_t phys = entry & LG_PTE_PFN & ~lg_pte_encryption;
	unsigned long text = (unsigned long)lg_switcher_start;
	struct desc_ptr idtr;

	lg_idt_get(&idtr);
	KUNIT_EXPECT_EQ_MSG(test, rights & LG_PTE_USER, 0, "%lx", va);
	KUNIT_EXPECT_EQ_MSG(test, entry & LG_PTE_USER, 0, "%lx", va);
	KUNIT_EXPECT_EQ_MSG(test, entry & LG_PTE_PSE, 0, "%lx", va);
	KUNIT_EXPECT_EQ_MSG(test, entry & _PAGE_GLOBAL, 0, "%lx", va);
	if (va >= text && va < (unsigned long)lg_switcher_end) {
		walk->text++;
		KUNIT_EXPECT_EQ_MSG(test, rights & LG_PTE_WRITE, 0, "%lx", va);
		KUNIT_EXPECT_EQ_MSG(test, entry & lg_pte_nx, 0, "%lx", va);
		KUNIT_EXPECT_EQ_MSG(test, phys, slow_virt_to_phys((void *)va),
				    "%lx", va);
	} else if (va == idtr.address) {
		walk->idt++;
		KUNIT_EXPECT_EQ_MSG(test, rights & LG_PTE_WRITE, 0, "%lx", va);
		KUNIT_EXPECT_EQ_MSG(test, entry & lg_pte_nx, lg_pte_nx, "%lx", va);
		KUNIT_EXPECT_EQ_MSG(test, phys, virt_to_phys((void *)va),
				    "%lx", va);
	} else if (va == (unsigned long)LG_SWITCH_VA) {
		walk->sw++;
		KUNIT_EXPECT_EQ_MSG(test, rights & LG_PTE_WRITE, LG_PTE_WRITE,
				    "%lx", va);
		KUNIT_EXPECT_EQ_MSG(test, entry & lg_pte_nx, lg_pte_nx, "%lx", va);
		KUNIT_EXPECT_EQ_MSG(test, phys, virt_to_phys(sw), "%lx", va);
	} else {
		KUNIT_FAIL(test, "%lx is mapped, by %llx", va, entry);
	}
}

static void check_table(struct upper_walk *walk, const u64 *table, int shift,
			unsigned long va, u64 rights)
{
	unsigned int i;

	for (i = 0; i < LG_TABLE_ENTRIES; i++) {
		unsigned long here = canonical(va + ((unsigned long)i << shift));
		u64 entry = table[i];

		if (!entry)
			continue;
		/* This leads below 4 GiB: see below_4_gib(). */
		if (here == 0 && shift >= 39)
			continue;
		KUNIT_EXPECT_TRUE(walk->g->test, entry & LG_PTE_PRESENT);
		if (shift == PAGE_SHIFT) {
			check_page(walk, here, entry, rights & entry);
			continue;
		}
		if (shift == P4D_SHIFT && here ==
		    (CPU_ENTRY_AREA_BASE & ~((1UL << P4D_SHIFT) - 1))) {
			walk->areas++;
			continue;
		}
		KUNIT_EXPECT_EQ_MSG(walk->g->test, entry & LG_PTE_USER, 0, "%lx", here);
		check_table(walk,
			    phys_to_virt(entry & LG_PTE_PFN & ~lg_pte_encryption),
			    shift - 9, here, rights & entry);
	}
}

/* Only what x86/upper.c lists is mapped, and with no other rights. */
static void above_4_gib(struct kunit *test)
{
	struct guest *g = test->priv;
	struct upper_walk walk = { .g = g };
	struct lg_root *root = g->lg->mmu.root;

	KUNIT_EXPECT_EQ(test, root->levels, pgtable_l5_enabled() ? 2 : 1);
	check_table(&walk, root->top[0], top_shift(), 0, RIGHTS);
	KUNIT_EXPECT_EQ(test, walk.text,
			(lg_switcher_end - lg_switcher_start) / PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, walk.idt, 1);
	KUNIT_EXPECT_EQ(test, walk.sw, 1);
	KUNIT_EXPECT_EQ(test, walk.areas, 1);
}

/* The tables that lead to what the guest can name: open to ring 3, too */
static void below_4_gib(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_root *root = g->lg->mmu.root;
	const u64 way = LG_PTE_PRESENT | LG_PTE_WRITE | LG_PTE_USER;
	u64 *table = root->top[0];
	unsigned int i;

	for (i = 0; i < root->levels; i++) {
		KUNIT_EXPECT_PTR_EQ(test, table, root->top[i]);
		KUNIT_EXPECT_EQ(test, table[0] & (way | lg_pte_nx), way);
		table = phys_to_virt(table[0] & LG_PTE_PFN & ~lg_pte_encryption);
	}
	KUNIT_EXPECT_PTR_EQ(test, table, root->pdpt);
	for (i = 4; i < LG_TABLE_ENTRIES; i++)
		KUNIT_EXPECT_EQ(test, root->pdpt[i], 0);
	/* With 5 levels there is one more. Only its entry 0 leads below 4 GiB. */
	for (i = 1; root->levels == 2 && i < LG_TABLE_ENTRIES; i++)
		KUNIT_EXPECT_EQ(test, root->top[1][i], 0);
}

/* The same entry as the host's for each of them, and closed to ring 3 */
static void cpu_entry_areas(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int cpu, level;
	pte_t *host;

	for_each_possible_cpu(cpu) {
		unsigned long va = (unsigned long)get_cpu_entry_area(cpu);
		u64 entry, rights = RIGHTS, *table = g->lg->vcpu->top;
		int shift = top_shift();

		do {
			entry = table[(va >> shift) % LG_TABLE_ENTRIES];
			KUNIT_ASSERT_TRUE(test, entry & LG_PTE_PRESENT);
			rights &= entry;
			table = phys_to_virt(entry & LG_PTE_PFN &
					     ~lg_pte_encryption);
			shift -= 9;
		} while (shift >= PAGE_SHIFT);
		host = lookup_address(va, &level);
		KUNIT_ASSERT_NOT_NULL(test, host);
		KUNIT_EXPECT_EQ(test, level, PG_LEVEL_4K);
		KUNIT_EXPECT_EQ(test, entry, pte_val(*host));
		KUNIT_EXPECT_EQ(test, rights & LG_PTE_USER, 0);
	}
}

/* C must lay struct lg_switch out as the switcher expects it. */
static void switch_page(struct kunit *test)
{
	struct guest *g = test->priv;
	struct lg_switch *sw = g->lg->vcpu->sw;
	const u64 *host_gdt = (u64 *)get_cpu_gdt_ro(0);
	u64 high = g->lg->gdt[LG_KERNEL_CS / 8].high;

	KUNIT_EXPECT_PTR_EQ(test, sw->self, sw);
	KUNIT_EXPECT_PTR_EQ(test, g->lg->regs, &sw->regs);
	KUNIT_EXPECT_PTR_EQ(test, (u64 *)g->lg->gdt, &sw->gdt[0]);
	KUNIT_EXPECT_TRUE(test, PAGE_ALIGNED(sw));
	KUNIT_EXPECT_LE(test, sizeof(*sw), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, sw->guest_gdtr.address,
			(unsigned long)LG_SWITCH_VA + offsetof(struct lg_switch, gdt));
	KUNIT_EXPECT_EQ(test, sw->guest_gdtr.size, sizeof(sw->gdt) - 1);
	/* Ring 0's stack ends at a multiple of 16: the CPU aligns RSP to that. */
	KUNIT_EXPECT_EQ(test, offsetofend(struct lg_switch, stack) % 16, 0);
	/* Two entries are the host's, with DPL 0: ring 1 may not use them. */
	KUNIT_EXPECT_EQ(test, sw->gdt[2], host_gdt[2]);
	KUNIT_EXPECT_EQ(test, sw->gdt[3], host_gdt[3]);
	KUNIT_EXPECT_EQ(test, sw->gdt[2] >> 45 & 3, 0);
	KUNIT_EXPECT_EQ(test, sw->gdt[3] >> 45 & 3, 0);
	KUNIT_EXPECT_EQ(test, high >> 13 & 3, 1);
	KUNIT_EXPECT_EQ(test, high & BIT(21), 0);
}

/* Nobody keeps books of pages, but a leak of this many would show. */
#define ROUNDS		2000

/* Let the n-th allocation of @allocate fail. Return whether it came to that one. */
static bool fails(unsigned int n, int (*allocate)(struct lguest *lg),
		  struct lguest *lg, int *err)
{
	current->fail_nth = n;
	*err = allocate(lg);
	n = current->fail_nth;
	current->fail_nth = 0;
	return !n;
}

/*
 * Let each allocation of @allocate fail, many times. At @least so many of them must
 * make the whole fail. @allocate must free all that it allocates. Return how many
 * pages this has cost at most.
 */
static long expect_failures(struct kunit *test,
			    int (*allocate)(struct lguest *lg),
			    struct lguest *lg, unsigned int least)
{
	unsigned int n, i, failures = 0;
	long most = 0;
	int err;

	for (n = 1; fails(n, allocate, lg, &err); n++) {
		long pages = global_zone_page_state(NR_FREE_PAGES);
		bool failed = false;

		for (i = 0; i < ROUNDS; i++) {
			/* The allocator may succeed all the same, with less. */
			if (fails(n, allocate, lg, &err) && err) {
				failed = true;
				KUNIT_EXPECT_EQ(test, err, -ENOMEM);
			}
			cond_resched();
		}
		failures += failed;
		pages -= (long)global_zone_page_state(NR_FREE_PAGES);
		most = max(most, pages);
	}
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_GE(test, failures, least);
	return most;
}

static int create_upper(struct lguest *lg)
{
	struct lg_vcpu vcpu = { .sw = lg->vcpu->sw };
	int err = lg_upper_create(&vcpu);

	if (!err)
		lg_upper_free(&vcpu);
	return err;
}

static void no_memory_for_upper_tables(struct kunit *test)
{
	struct guest *g = test->priv;

	KUNIT_EXPECT_GT(test, ROUNDS / 2,
			expect_failures(test, create_upper, g->lg,
					pgtable_l5_enabled() ? 5 : 4));
}

static int map_upper(struct lguest *lg)
{
	struct lg_root root = { .pdpt = lg->mmu.root->pdpt };
	int err = lg_root_map_upper(lg, &root);

	if (!err)
		lg_root_unmap_upper(&root);
	return err;
}

static void no_memory_for_a_root(struct kunit *test)
{
	struct guest *g = test->priv;

	KUNIT_EXPECT_GT(test, ROUNDS / 2,
			expect_failures(test, map_upper, g->lg,
					pgtable_l5_enabled() ? 2 : 1));
}

static int init_vcpu(struct lguest *lg)
{
	int err = lg_vcpu_init(lg);

	if (!err)
		lg_vcpu_free(lg);
	return err;
}

static void no_memory_for_a_vcpu(struct kunit *test)
{
	struct lguest *lg = lg_create();

	KUNIT_ASSERT_NOT_NULL(test, lg);
	/* KASAN keeps freed pages for a while, so don't count them. */
	expect_failures(test, init_vcpu, lg, pgtable_l5_enabled() ? 7 : 6);
	lg_destroy(lg);
}

static struct kunit_case tables_cases[] = {
	KUNIT_CASE(every_gate),
	KUNIT_CASE(above_4_gib),
	KUNIT_CASE(below_4_gib),
	KUNIT_CASE(cpu_entry_areas),
	KUNIT_CASE(switch_page),
	KUNIT_CASE(no_memory_for_upper_tables),
	KUNIT_CASE(no_memory_for_a_root),
	KUNIT_CASE(no_memory_for_a_vcpu),
	{}
};

static struct kunit_suite tables_suite = {
	.name = "lguest_tables",
	.suite_init = cpu_suite_init,
	.suite_exit = cpu_suite_exit,
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = tables_cases,
};

static int init_cpu(struct lguest *lg)
{
	int err = lg_cpu_init();

	if (!err)
		lg_cpu_exit();
	return err;
}

/* It allocates the IDT, and at least one table for each level. */
static void no_memory_for_the_module(struct kunit *test)
{
	KUNIT_EXPECT_GT(test, ROUNDS / 2,
			expect_failures(test, init_cpu, NULL,
					pgtable_l5_enabled() ? 6 : 5));
}

/* Must run before the other suite calls lg_cpu_init() */
static struct kunit_case init_cases[] = {
	KUNIT_CASE(no_memory_for_the_module),
	{}
};

static struct kunit_suite init_suite = {
	.name = "lguest_init",
	.test_cases = init_cases,
};

kunit_test_suites(&init_suite, &tables_suite);
