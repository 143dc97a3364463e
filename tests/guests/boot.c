// SPDX-License-Identifier: GPL-2.0
/*
 * How a guest finds the world: the registers, memory before page tables, and
 * what LGUEST_INIT fills in.
 */
#include "boot.h"
#include "early.h"
#include "hypercall.h"
#include "ktap.h"
#include "paging.h"
#include "printf.h"
#include "setup.h"

/* Both are linked where they are loaded. */
static const struct boot_regs *regs;
static const struct boot_probe *found;

static void general_registers_are_zero(void)
{
	CHECK_EQ(regs->eax, 0);
	CHECK_EQ(regs->ebx, 0);
	CHECK_EQ(regs->ecx, 0);
	CHECK_EQ(regs->edx, 0);
	CHECK_EQ(regs->esi, 0);
	CHECK_EQ(regs->edi, 0);
	CHECK_EQ(regs->ebp, 0);
	CHECK_EQ(regs->esp, 0);
}

static void segments_are_flat(void)
{
	CHECK_EQ(regs->cs, KERNEL_CS);
	CHECK_EQ(regs->ds, KERNEL_DS);
	CHECK_EQ(regs->es, KERNEL_DS);
	CHECK_EQ(regs->ss, KERNEL_DS);
	/* A stack protector's canary is behind one of these. */
	CHECK_EQ(regs->fs, KERNEL_DS);
	CHECK_EQ(regs->gs, KERNEL_DS);
	CHECK_EQ(found->canary, BOOT_MARK);
	CHECK_EQ(found->canary_fs, BOOT_MARK);
}

static void flags_are_if_alone(void)
{
	CHECK_EQ(regs->eflags, FLAGS_IF | FLAGS_FIXED);
}

static void linear_is_physical(void)
{
	CHECK_EQ(found->size, ram_size());
	CHECK(found->good >= 3);
	CHECK_EQ(found->bad, 0);
	/* The page tables lead to what was written before paging. */
	CHECK_EQ(*(u32 *)va(ram_size() - 8), BOOT_MARK);
}

static void ports_before_init(void)
{
	CHECK_EQ(found->port, 0x123456ff);
	CHECK_EQ(found->kbd_status, 0x123456fd);
	CHECK_EQ(found->ins, ~0u);
	CHECK_EQ(found->ins_at, sizeof(found->ins));
}

static void system_registers_before_init(void)
{
	CHECK_EQ(found->cr0, 0x80050033);
	CHECK_EQ(found->cr2, 0);
	CHECK_EQ(found->cr3, 0);
	CHECK_EQ(found->cr4, 0);
	CHECK_EQ(found->msr_low, 0);
	CHECK_EQ(found->msr_high, 0);
	CHECK_EQ(found->dr0, 0);
	CHECK_EQ(found->dr6, 0xffff0ff0);
	CHECK_EQ(found->dr7, 0x400);
	CHECK_EQ(found->pmc, 0);
	CHECK(found->stores_work);
}

static void kernel_is_where_it_was_linked(void)
{
	CHECK_EQ(found->linked, BOOT_MARK);
}

static void init_reserves_sanely(void)
{
	CHECK_EQ(lguest_data.reserve_mem % PAGE_SIZE, 0);
	CHECK(lguest_data.reserve_mem <= 0x10000000);
}

static void init_gives_tsc_khz(void)
{
	u32 khz = lguest_data.tsc_khz;

	printf("# tsc_khz %u\n", khz);
	CHECK(!khz || (khz > 10000 && khz < 20000000));
}

static void init_gives_the_time(void)
{
	printf("# %d.%09d\n", lguest_data.sec, lguest_data.nsec);
	/* After 2001, before 2038. */
	CHECK(lguest_data.sec > 1000000000);
	CHECK(lguest_data.nsec >= 0 && lguest_data.nsec < 1000000000);
}

static void init_leaves_our_fields(void)
{
	u32 i;

	CHECK_EQ(lguest_data.irq_enabled, 0);
	CHECK_EQ(lguest_data.blocked_interrupts, ~0u);
	CHECK_EQ(lguest_data.irq_pending, 0);
	for (i = 0; i < RING_SIZE; i++)
		CHECK_EQ(lguest_data.hcall_status[i], RING_DONE);
	CHECK_EQ(lguest_data.kernel_address, KERNEL_BASE);
	CHECK_EQ(lguest_data.syscall_vec, SYSCALL_VECTOR);
}

static void paging_moves_us_up(void)
{
	/* The first directory entries are gone by now. */
	CHECK(!pte_entry(kernel_top, 0));
	CHECK(pa(&lguest_data) < ram_size());
}

static const struct ktap_test tests[] = {
	{ "general registers are 0", general_registers_are_zero },
	{ "segments are flat and ring 1", segments_are_flat },
	{ "EFLAGS is IF alone", flags_are_if_alone },
	{ "linear is physical before paging", linear_is_physical },
	{ "ports and cli before LGUEST_INIT", ports_before_init },
	{ "system registers before LGUEST_INIT", system_registers_before_init },
	{ "kernel's address before LGUEST_INIT", kernel_is_where_it_was_linked },
	{ "reserve_mem is sane", init_reserves_sanely },
	{ "tsc_khz is sane", init_gives_tsc_khz },
	{ "wallclock is sane", init_gives_the_time },
	{ "LGUEST_INIT leaves the guest's fields", init_leaves_our_fields },
	{ "paging moved us up", paging_moves_us_up },
};

void guest_main(void)
{
	regs = va((u32)&boot_regs);
	found = va((u32)&boot_probe);
	ktap_run(tests, ARRAY_SIZE(tests));
}
