/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The macro benchmark: what programs ask of a kernel, timed by the time stamp
 * counter. main.c reads the table. Each other file is about one subject, and has
 * its part of the table at its end.
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
 * @set_up:	makes what has to be there, if anything; false if it can't
 * @clean_up:	undoes that
 * @size:	argument of @set_up
 */
struct operation {
	const char *name;
	u32 count;
	void (*run)(u32 count);
	bool (*set_up)(u32 size);
	void (*clean_up)(void);
	u32 size;
};

/* Each table ends with an operation without a name. */
extern const struct operation memory[];
extern const struct operation processes[];
extern const struct operation scripts[];
extern const struct operation devices[];
extern const struct operation crowds[];

extern int at_the_end;

/* memory.c: maps so many pages, and writes to each. */
void touch_pages(u32 pages);

/* processes.c: executes this file by another name, and does not return. */
void exec_as(const char *name, const char *argument);

/* script.c, devices.c: runs the program of that name; false if there is none. */
bool script_program(int argc, char **argv);
bool device_program(int argc, char **argv);

#endif
