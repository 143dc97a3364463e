/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest that means harm. Every step draws its random numbers from the seed and
 * from its own number alone. So what a step does to the guest doesn't change what
 * the next one tries.
 */
#ifndef GUEST_FUZZ_H
#define GUEST_FUZZ_H

#include "paging.h"
#include "types.h"

/* How much a seed cares for its guest's life. */
enum mood {
	CAREFUL,	/* nothing that is known to be fatal */
	BOLD,		/* now and then */
	WILD,		/* anything, and little is put right again */
};

extern enum mood mood;
/* The address space that all steps start in, and its parts. */
extern pte_t *fuzz_top;
extern u8 *user_code, *kernel_code, *spare_page;

/* random.c */
void random_start(u32 seed, u32 step);
u32 rnd(void);
u32 below(u32 n);
bool one_in(u32 n);
/* Whether to do something fatal now */
bool dare(void);
u32 any_word(void);
u32 any_gpa(void);
u32 any_gva(void);
/* A page that may be mapped and used without harm */
u32 any_frame(void);
u32 any_selector(void);
u32 any_flags(void);
pte_t any_pte(void);

/* insns.c: random instructions, some of them meaningful; they end in a trap. */
void compose(u8 *code, u32 room);

/*
 * land.c: call @fn, which may do anything. The clock ends its loops, if they leave
 * it alone. Return: the vector by which it came back, or RETURNED.
 */
#define RETURNED	~0u
u32 hazard(void (*fn)(void *arg), void *arg);
void land_init(void);
/* Handlers that come back, 16 bytes each */
extern u8 landings[];
/* Makes all gates lead back to hazard(); that of system calls is a trap gate. */
void land_gates(void);
void land_stack(void);

/* The state to go on with, by an iret, or by a far jump on a stack of its own */
struct machine {
	u32 edi, esi, ebp, unused, ebx, edx, ecx, eax;
	u32 ds, es, fs, gs;
	u32 eip, cs, eflags, esp, ss;
};

extern struct machine machine;
void go_iret(void *unused);
void go_jump(void *unused);
void go_call(void *unused);
void go_lret(void *unused);
void go_load_ss(void *unused);

/* land.c's own: what its assembly and its C use of each other */
extern u32 landing_esp;
u32 hazard_call(void (*fn)(void *arg), void *arg);
void lost(u32 vector, const u32 *frame) __noreturn;
void go_iret_there(void);
void go_iret_out(void);

/* steps.c */
struct step {
	const char *name;
	void (*run)(void);
};

extern const struct step steps[];
extern const u32 nr_steps;
/* Restores what the next step relies on. */
void put_right(void);
/* With "trace" on the command line, prints what a step is about to do. */
void trace(const char *fmt, ...) __printf(1, 2);

#endif /* GUEST_FUZZ_H */
