// SPDX-License-Identifier: GPL-2.0
/*
 * The FPU: both TS and the registers are the guest's own.
 */
#include "clock.h"
#include "cpu.h"
#include "fpu.h"
#include "fpu-programs.h"
#include "hypercall.h"
#include "irq.h"
#include "ktap.h"
#include "paging.h"
#include "setup.h"
#include "task.h"
#include "traps.h"

#define CPUID1_ECX_OSXSAVE	0x08000000

static struct fpu_image before, after;

static void set_ts(bool set)
{
	hcall1(LHCALL_TS, set);
}

static void check_kept(u32 seed, void (*meanwhile)(void))
{
	fpu_fill(&before, seed);
	fpu_load(&before);
	meanwhile();
	fpu_store(&after);
	CHECK_EQ(fpu_differ(&before, &after), 0);
}

static void nothing(void)
{
}

static void hypercalls(void)
{
	u32 i;

	for (i = 0; i < 1000; i++)
		hcall0(LHCALL_FLUSH_ASYNC);
}

static void launcher(void)
{
	static const char string[] = "# the Launcher was here\n";

	hcall1(LHCALL_NOTIFY, pa(string));
}

static void time(void)
{
	mdelay(100);
}

static void sleep(void)
{
	u32 i;

	irq_disable();
	for (i = 0; i < 20; i++)
		clock_sync();
}

static void faults(void)
{
	u32 addr;

	for (addr = ram_size() / 2; addr < ram_size(); addr += PAGE_SIZE)
		READ_ONCE(*(u32 *)va(addr));
}

static void registers_are_kept(void)
{
	check_kept(1, nothing);
	check_kept(2, hypercalls);
	check_kept(4, time);
	check_kept(5, faults);
}

/* The Launcher computes with registers of its own. */
static void registers_survive_the_launcher(void)
{
	check_kept(3, launcher);
}

static void registers_are_kept_asleep(void)
{
	clock_init(0);
	check_kept(6, sleep);
	clock_stop();
}

static u32 nms;

static bool clear_ts(struct regs *regs)
{
	(void)regs;
	nms++;
	set_ts(false);
	return true;
}

static void fpu_insn(void *arg)
{
	(void)arg;
	asm volatile("fninit");
}

static void ts_in_ring_1(void)
{
	struct trap_info info;

	set_ts(false);
	CHECK(!try_call(fpu_insn, NULL, NULL));
	set_ts(true);
	if (CHECK(try_call(fpu_insn, NULL, &info))) {
		CHECK_EQ(info.regs.vector, TRAP_NM);
		CHECK_EQ(info.regs.error, 0);
	}
	/* TS stays until it's taken back. */
	CHECK(try_call(fpu_insn, NULL, NULL));
	hcall0(LHCALL_FLUSH_ASYNC);
	CHECK(try_call(fpu_insn, NULL, NULL));
	set_ts(false);
	CHECK(!try_call(fpu_insn, NULL, NULL));
}

static void ts_keeps_the_registers(void)
{
	trap_hook(TRAP_NM, clear_ts);
	nms = 0;
	fpu_fill(&before, 7);
	fpu_load(&before);
	set_ts(true);
	mdelay(50);
	hcall0(LHCALL_FLUSH_ASYNC);
	fpu_store(&after);
	CHECK_EQ(fpu_differ(&before, &after), 0);
	CHECK_EQ(nms, 1);
	trap_hook(TRAP_NM, NULL);
}

static void ts_in_the_ring(void)
{
	trap_hook(TRAP_NM, clear_ts);
	nms = 0;
	async_hcall(LHCALL_TS, 0, 0, 0, 0);
	async_hcall(LHCALL_TS, 1, 0, 0, 0);
	hcall0(LHCALL_FLUSH_ASYNC);
	fpu_insn(NULL);
	CHECK_EQ(nms, 1);
	async_hcall(LHCALL_TS, 1, 0, 0, 0);
	async_hcall(LHCALL_TS, 0, 0, 0, 0);
	hcall0(LHCALL_FLUSH_ASYNC);
	fpu_insn(NULL);
	CHECK_EQ(nms, 1);
	trap_hook(TRAP_NM, NULL);
}

static struct regs seen;

static bool note_nm(struct regs *regs)
{
	nms++;
	seen = *regs;
	/* Go on to the tasks' lazy switching. */
	return false;
}

static void ts_in_ring_3(void)
{
	struct task_end end;

	trap_hook(TRAP_NM, note_nm);
	nms = 0;
	task_run(prog_use_fpu, 0, &end);
	CHECK(end.exited);
	CHECK_EQ(nms, 1);
	CHECK_EQ(seen.cs, USER_CS);
	CHECK_EQ(seen.eip, (u32)prog_use_fpu_at);
	trap_hook(TRAP_NM, NULL);
	fpu_forget();
}

static void tasks_share_it(void)
{
	struct task *tasks[4];
	struct task_end end;
	u32 i;

	clock_init(1000);
	for (i = 0; i < ARRAY_SIZE(tasks); i++)
		tasks[i] = task_new(prog_keep_fpu, i + 1);
	for (i = 0; i < ARRAY_SIZE(tasks); i++) {
		task_wait(tasks[i], &end);
		CHECK(end.exited);
		CHECK_EQ(end.code, 0);
		CHECK(tasks[i]->switches > 2);
	}
	clock_stop();
	fpu_forget();
}

static void do_xgetbv(void *arg)
{
	(void)arg;
	asm volatile(".byte 0x0f, 0x01, 0xd0" : : "c"(0) : "eax", "edx");
}

/* What CPUID says of XSAVE, and so of AVX, had better be true. */
static void xsave_is_as_told(void)
{
	u32 eax = 1, ebx, ecx, edx;
	struct trap_info info;
	bool trapped;

	asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	trapped = try_call(do_xgetbv, NULL, &info);
	CHECK_EQ(trapped, !(ecx & CPUID1_ECX_OSXSAVE));
	if (trapped)
		CHECK_EQ(info.regs.vector, TRAP_UD);
}

static const struct ktap_test tests[] = {
	{ "registers are kept", registers_are_kept },
	{ "registers survive the Launcher", registers_survive_the_launcher },
	{ "registers are kept asleep", registers_are_kept_asleep },
	{ "TS in ring 1", ts_in_ring_1 },
	{ "TS keeps the registers", ts_keeps_the_registers },
	{ "TS in the ring", ts_in_the_ring },
	{ "TS in ring 3", ts_in_ring_3 },
	{ "tasks share the FPU", tasks_share_it },
	{ "XSAVE is as CPUID tells", xsave_is_as_told },
};

void guest_main(void)
{
	clock_init(0);
	clock_stop();
	ktap_run(tests, ARRAY_SIZE(tests));
}
