// SPDX-License-Identifier: GPL-2.0
/*
 * Lets NMIs and machine checks strike at every instruction of the world switch, in
 * a machine of QEMU's with one CPU, where tests/guests/seam.c runs. Each has to
 * reach the host once, and host and guest have to go on. That machine has no other
 * NMIs.
 *
 *	seam SOCKET SYMBOLS FIRST [WHERE]
 *
 * Runs the tests from number FIRST on, KTAP out. With WHERE there are only the
 * tests about that. Exits with 2 if the machine died in a test: the next one needs
 * another machine.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../guests/seam.h"
#include "strike.h"
#include "symbols.h"

#define MAX_PLACES	256
#define HYPERCALL	0x1f
#define NOT_PRESENT	11
#define STUB_SIZE	16

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* The instructions from somewhere on, until the other world is reached */
struct way {
	struct place at[MAX_PLACES];
	int count;
};

static struct way way_in, way_out, way_back, system_call, page_fault, trap;
static struct way in_guest;

static void add(struct way *way, const struct gdb_regs *regs)
{
	unsigned char byte;
	int i;

	for (i = 0; i < way->count; i++)
		if (way->at[i].rip == regs->rip)
			return;
	if (way->count == MAX_PLACES)
		return;
	gdb_read(regs->rip, &byte, 1);
	way->at[way->count++] = (struct place) {
		.rip = regs->rip,
		.cr3 = regs->cr3,
		/* Nothing else here has an address size of 32 bits. */
		.touches_guest = byte == 0x67,
	};
}

static bool in_switcher(const struct gdb_regs *regs)
{
	return !(regs->cs & 3) && regs->rip >= sym.lg_switcher_start &&
	       regs->rip < sym.lg_switcher_end;
}

/* Steps on from where the machine is. True if that leads into the guest. */
static bool follow(struct way *way)
{
	struct gdb_regs regs;

	for (gdb_get_regs(&regs); in_switcher(&regs); gdb_get_regs(&regs)) {
		add(way, &regs);
		gdb_step(false);
	}
	return regs.cs & 3;
}

/*
 * Waits for one of that ring that the switcher reflects: the host may have to do some
 * first.
 */
static void follow_reflection(struct way *way, u64 start, unsigned int ring,
			      u64 cr2)
{
	struct gdb_regs regs;
	struct way other;
	int tries;

	for (tries = 0; tries < 100; tries++) {
		reach(start);
		gdb_get_regs(&regs);
		if (cr2 && regs.cr2 != cr2)
			continue;
		/* A page fault's error code comes before the frame. */
		if (!cr2 && (gdb_read_u64(regs.rsp + 8) & 3) != ring)
			continue;
		other = *way;
		if (follow(&other)) {
			*way = other;
			return;
		}
	}
	fprintf(stderr, "nothing is reflected at %#llx\n",
		(unsigned long long)start);
	exit(1);
}

static void explore(void)
{
	/* From tests/guests/seam.h */
	static const u64 faults[] = { NO_TABLE, NO_PAGE, READ_ONLY };
	struct gdb_regs regs;
	size_t i;

	reach(sym.seam_round);
	gdb_get_regs(&regs);
	add(&in_guest, &regs);
	follow_reflection(&system_call, sym.lg_switcher_syscall, 3, 0);
	/* The guest's instruction after that */
	reach(sym.lg_switcher_syscall);
	gdb_get_regs(&regs);
	regs.rip = gdb_read_u64(regs.rsp);
	add(&in_guest, &regs);
	for (i = 0; i < ARRAY_SIZE(faults); i++)
		follow_reflection(&page_fault, sym.lg_switcher_page_fault, 3,
				  faults[i]);
	follow_reflection(&trap, sym.lg_switcher_breakpoint, 3, 0);
	follow_reflection(&trap, sym.lg_switcher_breakpoint, 1, 0);
	follow_reflection(&trap, sym.lg_switcher_debug, 3, 0);
	reach(sym.lg_switch_to_guest);
	follow(&way_in);
	reach(sym.lg_switcher_stubs + HYPERCALL * STUB_SIZE);
	follow(&way_out);
	/* This comes before the guest has had time to do anything. */
	reach(sym.lg_switcher_stubs + NOT_PRESENT * STUB_SIZE);
	follow(&way_back);
	/* The guest's usual way out shares much of it, but not this stack. */
	for (i = 0; i < (size_t)way_back.count; i++)
		way_back.at[i].after = way_back.at[0].rip;
}

static bool on_way(const struct way *way, u64 rip)
{
	int i;

	for (i = 0; i < way->count; i++)
		if (way->at[i].rip == rip)
			return true;
	return false;
}

/* The machine gets there only if something has struck. */
static bool in_handler(const struct gdb_regs *regs)
{
	return in_switcher(regs) && !on_way(&way_in, regs->rip) &&
	       !on_way(&way_out, regs->rip) &&
	       !on_way(&way_back, regs->rip) &&
	       !on_way(&system_call, regs->rip) &&
	       !on_way(&page_fault, regs->rip) && !on_way(&trap, regs->rip);
}

static void reach_place(const struct place *at)
{
	if (at->after)
		reach(at->after);
	if (at->rip != at->after)
		reach(at->rip);
}

static void one_nmi(const struct place *at)
{
	reach_place(at);
	strike(NMI);
	aftermath(&(struct sequel) { .nmis = 1 });
}

static void two_nmis(const struct place *at)
{
	reach_place(at);
	strike(NMI);
	aftermath(&(struct sequel) { .nmis = 2, .second = true });
}

static void machine_check(const struct place *at, enum owner owner)
{
	struct sequel sequel = { .mces = 1, .owner = owner };

	reach_place(at);
	strike(MCE);
	if (at->touches_guest) {
		sequel.owner = TASK;
		sequel.not_again = at->rip;
	}
	aftermath(&sequel);
}

static void kernels_machine_check(const struct place *at)
{
	machine_check(at, KERNEL);
}

static void tasks_machine_check(const struct place *at)
{
	machine_check(at, TASK);
}

/* The kernel's, if the guest's memory did not cause it; but that is up to lg. */
static void some_machine_check(const struct place *at)
{
	machine_check(at, ANY);
}

/*
 * Lets both strike: @inner at each instruction of lg's handler of @outer, and one
 * more NMI as soon as the host's handler of NMIs has begun.
 */
static void nested(const struct place *at, enum event outer, enum event inner)
{
	static const struct sequel sequel = {
		.nmis = 2, .mces = 1, .second = true,
	};
	struct gdb_regs regs;
	int skip, i;

	for (skip = 0;; skip++) {
		reach_place(at);
		strike(outer);
		for (i = 0; i < skip; i++)
			gdb_step(false);
		gdb_get_regs(&regs);
		if (!in_handler(&regs) || skip > MAX_PLACES)
			break;
		strike(inner);
		aftermath(&sequel);
	}
	printf("# %d instructions\n", skip);
	/* This time @outer has struck alone. */
	if (outer == NMI)
		aftermath(&(struct sequel) { .nmis = 1 });
	else
		aftermath(&(struct sequel) { .mces = 1 });
}

static void nmi_then_machine_check(const struct place *at)
{
	nested(at, NMI, MCE);
}

static void machine_check_then_nmi(const struct place *at)
{
	nested(at, MCE, NMI);
}

/*
 * KVM uses page faults to tell the host of pages that it has to wait for. Their
 * error code is 0, and they have any address, perhaps one that the guest's kernel
 * would have to know of. They are the host's. This makes one of the guest's page
 * faults look like that to the switcher.
 */
static void hosts_page_fault(const struct place *at)
{
	struct gdb_regs regs;
	u64 frame, error;

	do {
		reach(at->rip);
		gdb_get_regs(&regs);
	} while (regs.cr2 != NO_PAGE);
	frame = regs.rsp;
	error = gdb_read_u64(frame);
	gdb_write_u64(frame, 0);
	do {
		gdb_step(false);
		gdb_get_regs(&regs);
	} while (on_way(&page_fault, regs.rip));
	if (regs.cs & 3)
		fail("the guest's kernel is told");
	gdb_write_u64(frame, error);
	aftermath(&(struct sequel) { .nmis = 0 });
}

/* The first place with other page tables than where the way begins */
static const struct place *other_tables(const struct way *way)
{
	int i;

	for (i = 1; i < way->count - 1; i++)
		if (way->at[i].cr3 != way->at[0].cr3)
			break;
	return &way->at[i];
}

static const struct place *middle_touch(const struct way *way)
{
	int i, n = 0, middle;

	for (i = 0; i < way->count; i++)
		n += way->at[i].touches_guest;
	middle = n / 2;
	for (i = 0; i < way->count - 1; i++)
		if (way->at[i].touches_guest && !middle--)
			break;
	return &way->at[i];
}

static const struct place *last(const struct way *way)
{
	return &way->at[way->count - 1];
}

static int number, first;
static const char *only = "";

static void report(const char *what, const char *where)
{
	printf("%sok %d %s, %s\n", failures ? "not " : "", number, what, where);
	fflush(stdout);
}

static void each(const char *what, const char *where, const struct place *at,
		 int count, void (*run)(const struct place *at))
{
	int i;

	if (!strstr(where, only) || ++number < first)
		return;
	failures = 0;
	if (setjmp(gdb_dead)) {
		fail("%s", gdb_why);
		report(what, where);
		exit(2);
	}
	for (i = 0; i < count; i++)
		run(&at[i]);
	if (count > 1)
		printf("# at %d instructions\n", count);
	report(what, where);
}

static void along(const char *where, const struct way *way,
		  void (*run_machine_check)(const struct place *at))
{
	each("an NMI", where, way->at, way->count, one_nmi);
	each("an NMI after another", where, way->at, way->count, two_nmis);
	each("a machine check", where, way->at, way->count, run_machine_check);
}

static void within(const char *where, const struct place *at)
{
	each("a machine check in the handler of NMIs", where, at, 1,
	     nmi_then_machine_check);
	each("an NMI in the handler of machine checks", where, at, 1,
	     machine_check_then_nmi);
}

static void run(void)
{
	along("in the guest", &in_guest, tasks_machine_check);
	along("on the way in", &way_in, kernels_machine_check);
	along("on the way out", &way_out, kernels_machine_check);
	along("on the way back from an entry that fails", &way_back,
	      kernels_machine_check);
	along("in a system call", &system_call, some_machine_check);
	along("in a page fault", &page_fault, some_machine_check);
	along("in a breakpoint or step", &trap, some_machine_check);

	each("one that is not the guest's", "in a page fault", page_fault.at, 1,
	     hosts_page_fault);

	within("in ring 1", &in_guest.at[0]);
	within("in ring 3", &in_guest.at[1]);
	within("on the way in, host's tables", other_tables(&way_in) - 1);
	within("on the way in, guest's tables", last(&way_in));
	within("on the way out, guest's tables", other_tables(&way_out) - 1);
	within("on the way out, host's tables", other_tables(&way_out));
	within("on the way back, guest's tables", other_tables(&way_back) - 1);
	within("on the way back, host's tables", other_tables(&way_back));
	within("reading for a system call", middle_touch(&system_call));
	within("reading for a page fault", middle_touch(&page_fault));
	within("pushing for a breakpoint", middle_touch(&trap));
	within("at the end of a system call", last(&system_call));
}

/* Counts the tests. */
static void plan(void)
{
	int wanted = first;

	first = INT_MAX;
	run();
	printf("KTAP version 1\n1..%d\n", number);
	first = wanted;
	number = 0;
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "seam SOCKET SYMBOLS FIRST [WHERE]\n");
		return 1;
	}
	symbols_read(argv[2]);
	first = atoi(argv[3]);
	if (argc > 4)
		only = argv[4];
	if (setjmp(gdb_dead)) {
		fprintf(stderr, "%s\n", gdb_why);
		return 1;
	}
	gdb_connect(argv[1]);
	strike_init();
	explore();
	if (first == 1)
		plan();
	run();
	return 0;
}
