// SPDX-License-Identifier: GPL-2.0
/* Lets something strike at an instruction, and checks what comes of it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "strike.h"
#include "symbols.h"

/* How many rounds the guest has to make afterwards */
#define ROUNDS		3
/* Each strikes once or twice. A host that handles so many is in a loop. */
#define ENDLESS		20

/*
 * A machine check that the host survives: uncorrected, signaled, action optional
 * (found by scrubbing), with no address. Bank 5 has VAL, UC, EN, MISCV and S;
 * MCG_STATUS has RIPV and MCIP.
 */
#define MACHINE_CHECK	"mce 0 5 0xb9000000000000c0 5 0 0"

#define PT_REGS_CS	0x88

unsigned int failures;

static u64 place;

void fail(const char *fmt, ...)
{
	va_list args;

	failures++;
	if (place >= sym.lg_switcher_start && place < sym.lg_switcher_end)
		printf("# at switcher+0x%llx: ",
		       (unsigned long long)(place - sym.lg_switcher_start));
	else
		printf("# at %#llx: ", (unsigned long long)place);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

static void lost(const char *why)
{
	gdb_why = why;
	longjmp(gdb_dead, 1);
}

void strike_init(void)
{
	gdb_break(sym.exc_nmi);
	gdb_break(sym.do_machine_check);
	gdb_break(sym.panic);
	gdb_break(sym.seam_alarm);
}

/* Gives up if the host panics or the guest raises an alarm. */
static void check_alarm(const struct gdb_regs *regs)
{
	static char why[128] = "the guest: ";
	unsigned int message = 0;

	if (regs->rip == sym.panic)
		lost("the host panics");
	if (regs->rip != sym.seam_alarm)
		return;
	/* Its one argument is on the stack. */
	gdb_read(regs->rsp + 4, &message, sizeof(message));
	gdb_read(message, why + 11, 64);
	lost(why);
}

void reach(u64 rip)
{
	struct gdb_regs regs;

	place = rip;
	/* A machine that is there already has to come there again. */
	gdb_step(false);
	gdb_break(rip);
	for (;;) {
		gdb_continue();
		gdb_get_regs(&regs);
		if (regs.rip == rip)
			break;
		check_alarm(&regs);
		if (regs.rip == sym.exc_nmi || regs.rip == sym.do_machine_check)
			fail("something of what struck before comes late");
		gdb_step(false);
	}
	gdb_clear(rip);
}

void strike(enum event event)
{
	struct gdb_regs was, is;

	gdb_get_regs(&was);
	gdb_monitor(event == NMI ? "nmi" : MACHINE_CHECK);
	gdb_step(true);
	gdb_get_regs(&is);
	if (is.rip != (event == NMI ? sym.lg_switcher_nmi : sym.lg_switcher_mce) &&
	    is.rip != (event == NMI ? sym.asm_exc_nmi :
				      sym.asm_exc_machine_check))
		fail("it leads to %#llx", (unsigned long long)is.rip);
	else if (gdb_read_u64(is.rsp) != was.rip)
		fail("it has struck at %#llx instead",
		     (unsigned long long)gdb_read_u64(is.rsp));
}

/*
 * For the first instruction of the host's handler of NMIs: did the NMI interrupt
 * that handler before it had marked itself? Then it returns to itself for ever.
 */
static bool is_too_early(const struct gdb_regs *regs)
{
	u64 struck = gdb_read_u64(regs->rsp);

	return struck >= sym.asm_exc_nmi && struck < sym.repeat_nmi;
}

static void check_owner(enum owner owner, u64 pt_regs)
{
	bool kernel = !(gdb_read_u64(pt_regs + PT_REGS_CS) & 3);

	if (owner == KERNEL && !kernel)
		fail("the machine check is taken for the task's");
	if (owner == TASK && kernel)
		fail("the machine check is taken for the kernel's");
}

void aftermath(const struct sequel *sequel)
{
	unsigned int nmis = 0, mces = 0, rounds = 0;
	bool second = sequel->second, armed = sequel->not_again;
	bool early = false;
	struct gdb_regs regs;

	gdb_break(sym.seam_round);
	if (sequel->second)
		gdb_break(sym.asm_exc_nmi);
	if (armed)
		gdb_break(sequel->not_again);
	for (;;) {
		gdb_get_regs(&regs);
		if (regs.rip == sym.asm_exc_nmi) {
			if (is_too_early(&regs) && !early) {
				fail("a second NMI strikes before the first is marked");
				early = true;
			}
			if (second) {
				second = false;
				gdb_monitor("nmi");
				/* Look at wherever that leads. */
				gdb_step(true);
				continue;
			}
		}
		check_alarm(&regs);
		if (regs.rip == sym.exc_nmi)
			nmis++;
		if (regs.rip == sym.do_machine_check) {
			mces++;
			check_owner(sequel->owner, regs.rdi);
		}
		if (armed && regs.rip == sequel->not_again) {
			if (!mces)
				fail("it is executed again first");
			armed = false;
			gdb_clear(sequel->not_again);
		}
		if (nmis + mces > ENDLESS)
			lost("the host handles it again and again");
		if (regs.rip == sym.seam_round && ++rounds == ROUNDS)
			break;
		gdb_step(false);
		gdb_continue();
	}
	gdb_clear(sym.seam_round);
	if (sequel->second)
		gdb_clear(sym.asm_exc_nmi);
	if (armed)
		gdb_clear(sequel->not_again);
	if (nmis != sequel->nmis)
		fail("%u NMIs are handled, not %u", nmis, sequel->nmis);
	if (mces != sequel->mces)
		fail("%u machine checks are handled, not %u", mces, sequel->mces);
}
