/* SPDX-License-Identifier: GPL-2.0 */
/* For the suites of x86/: the host's state, and a guest on the real CPU. */
#ifndef LG_TESTS_X86_GUEST_H
#define LG_TESTS_X86_GUEST_H

#include <kunit/test.h>

#include "../../cpu.h"
#include "../../lg.h"
#include "../../x86/x86.h"

/* What a guest might have changed */
enum host_state_index {
	STATE_CR0, STATE_CR3, STATE_CR4, STATE_EFER, STATE_STAR, STATE_LSTAR,
	STATE_CSTAR, STATE_SYSCALL_MASK, STATE_SYSENTER_CS,
	STATE_SYSENTER_ESP, STATE_SYSENTER_EIP, STATE_FS_BASE, STATE_GS_BASE,
	STATE_KERNEL_GS_BASE, STATE_TSC_AUX, STATE_PAT, STATE_DEBUGCTL,
	STATE_SPEC_CTRL, STATE_DR0, STATE_DR1, STATE_DR2, STATE_DR3,
	STATE_DR6, STATE_DR7, STATE_GDT, STATE_GDT_LIMIT, STATE_IDT,
	STATE_IDT_LIMIT, STATE_LDT, STATE_TR, STATE_CS, STATE_DS, STATE_ES,
	STATE_FS, STATE_GS, STATE_SS, STATE_FLAGS,
	STATES,
};

struct host_state {
	u64 values[STATES];
};

#define BUT(name)	BIT_ULL(STATE_##name)

/* What stays away until the task no longer runs the guest, or not now */
#define LAZY		(BUT(EFER) | BUT(SYSENTER_CS) | BUT(FS_BASE) | \
			 BUT(KERNEL_GS_BASE) | BUT(LDT) | BUT(DS) | BUT(ES) | \
			 BUT(FS) | BUT(GS))

void host_read(struct host_state *state);
void expect_same(struct kunit *test, const struct host_state *before,
		 const struct host_state *after, u64 but);

/*
 * The guest's memory, as its tables map it: where it is for ring 3, and from
 * KERNEL on for ring 1. LGUEST_INIT is never done.
 */
#define PAGES		16
#define END		(PAGES * PAGE_SIZE)
#define CODE		0x1000
#define DATA		0x2000
#define STACK		0x4000		/* grows down */
#define KERNEL_STACK	0x5000		/* of SET_STACK, likewise */
#define TOP		0x6000
#define USER_TABLE	0x7000
#define KERNEL_TABLE	0x8000
#define FREE		0x9000		/* nothing there, up to the end */
#define KERNEL		0xc0000000U

#define USER_CS		0x7b
#define USER_DS		0x83

/* GUEST(name, "instructions"): 32-bit code at C file level */
#define GUEST(name, text)						\
	extern const struct guest_code name;				\
	asm(".pushsection .rodata\n.balign 4\n" #name ":\n"		\
	    ".long 92f - 91f\n.code32\n91:\n" text "\n92:\n"		\
	    ".code64\n.popsection\n")

struct guest_code {
	u32 len;
	u8 bytes[];
};

/* In the error code of a fault: the index is of the IDT. */
#define GATE_ERROR	2

/* Out, and the test goes on */
#define STOP		"int $0x1f\n"

/**
 * struct guest - what test->priv is
 * @test: the test it is for
 * @lg: the guest
 * @memory: the Launcher's address of gpa 0
 * @entries: how often it was entered
 * @interrupted: how often it came out for the host's sake
 * @deadline: when it has to have done what it was started for
 * @entered: the host's state before the last entry
 * @left: and after
 * @away: others have had the CPU before the latter
 * @other: what guest_another() has made, if anything
 */
struct guest {
	struct kunit *test;
	struct lguest *lg;
	unsigned long memory;
	unsigned int entries;
	unsigned int interrupted;
	unsigned long deadline;
	struct host_state entered;
	struct host_state left;
	bool away;
	struct guest *other;
};

#include "../kunit/lib/guest_memory.h"

/* For a suite: the module's own init comes after the suites have run. */
int cpu_suite_init(struct kunit_suite *suite);
void cpu_suite_exit(struct kunit_suite *suite);

/* Set or clear a feature or bug flag of the CPU's. */
void cpu_set_flag(unsigned int flag, bool on);

/* For each case: on CPU 0, in a thread with the Launcher's address space. */
int guest_init(struct kunit *test);
void guest_exit(struct kunit *test);

int guest_init_bare(struct kunit *test);	/* without the guest */

/* A second one of the same Launcher's, with memory of its own: once a test */
struct guest *guest_another(struct guest *g);

/* Start anew in ring 1 or 3 with this code. */
void guest_start(struct guest *g, const struct guest_code *code, u32 ring);
void guest_start_bytes(struct guest *g, const u8 *bytes, u32 len, u32 ring);

/* One entry, between lg_vcpu_load() and _put(), and what it has to leave alone */
void guest_enter(struct guest *g);
void guest_enter_irqs_off(struct guest *g);
void expect_kept(struct guest *g);
/* What fails once may well fail each time, or never end. */
bool guest_may_go_on(struct guest *g);
/*
 * Until it comes out for a reason of its own; pages that it misses it gets.
 * Return: the vector.
 */
u32 guest_run(struct guest *g);
/* It came out with the fault of `int n` at a gate that is not for it. */
void expect_gate_error(struct guest *g, u32 vector);

#endif /* LG_TESTS_X86_GUEST_H */
