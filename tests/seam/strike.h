/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SEAM_STRIKE_H
#define SEAM_STRIKE_H

#include "gdb.h"

enum event { NMI, MCE };

/* Whom the host has to blame for a machine check */
enum owner { ANY, KERNEL, TASK };

/* An instruction to strike at */
struct place {
	u64 rip, cr3;
	/* Reach that instruction first, if it is not 0. */
	u64 after;
	/* The instruction reads or writes the guest's memory. */
	bool touches_guest;
};

/* What has to have happened a few of the guest's rounds later */
struct sequel {
	unsigned int nmis, mces;
	enum owner owner;
	/* Let another NMI come once the host's handler of NMIs is entered. */
	bool second;
	/* If not 0: the machine check has to come before this runs again. */
	u64 not_again;
};

/* Fails the test, and says what is wrong and where it struck. */
void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
extern unsigned int failures;

void strike_init(void);
/* Lets the machine run until it is at @rip. */
void reach(u64 rip);
/* Strikes where the machine is. It is at the handler's first instruction then. */
void strike(enum event event);
void aftermath(const struct sequel *sequel);

#endif /* SEAM_STRIKE_H */
