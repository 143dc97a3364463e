/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SEAM_STRIKE_H
#define SEAM_STRIKE_H

#include "gdb.h"

enum event { NMI, MCE };

/* Whose a machine check is to be */
enum owner { ANY, KERNEL, TASK };

/* An instruction that is struck */
struct place {
	u64 rip, cr3;
	/* If it is to be reached by way of another one, that one */
	u64 after;
	/* It reads or writes the guest's memory. */
	bool touches_guest;
};

/* What has to have come of what struck, a few of the guest's rounds later */
struct sequel {
	unsigned int nmis, mces;
	enum owner owner;
	/* Once the host's handler of NMIs is entered, let another one come. */
	bool second;
	/* Not to be executed before the host has had the machine check, or 0 */
	u64 not_again;
};

/* What is wrong, with where it struck; the test has failed. */
void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
extern unsigned int failures;

void strike_init(void);
/* Let the machine run until it is there. */
void reach(u64 rip);
/* It strikes where the machine is; it is at the handler's first instruction then. */
void strike(enum event event);
void aftermath(const struct sequel *sequel);

#endif /* SEAM_STRIKE_H */
