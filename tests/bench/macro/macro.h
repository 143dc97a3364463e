/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The macro benchmark: what programs ask of a kernel, timed by the time stamp
 * counter. main.c is the table's reader; the other files are about one subject
 * each, and have their part of the table at their end.
 */
#ifndef MACRO_H
#define MACRO_H

#include <stdbool.h>
#include "types.h"

/**
 * struct operation - one line of the result
 * @name:	as printed
 * @count:	how many of them make a round
 * @run:	does it that often
 * @set_up:	what has to be there, if anything; false if it can't be
 * @clean_up:	undoes that
 * @size:	what the three may have to know
 */
struct operation {
	const char *name;
	u32 count;
	void (*run)(u32 count);
	bool (*set_up)(u32 size);
	void (*clean_up)(void);
	u32 size;
};

/* Each ends with one that has no name. */
extern const struct operation memory[];
extern const struct operation processes[];
extern const struct operation scripts[];
extern const struct operation devices[];
extern const struct operation crowds[];

extern int at_the_end;

/* memory.c: so many pages, each written to */
void touch_pages(u32 pages);

/* processes.c: run this file by another name; false if that was not it */
void exec_as(const char *name, const char *argument);

/* script.c, devices.c: the program of that name; false if there is none */
bool script_program(int argc, char **argv);
bool device_program(int argc, char **argv);

#endif
