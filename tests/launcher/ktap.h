/* SPDX-License-Identifier: GPL-2.0 */
/* Results of the programs here, as KTAP */
#ifndef TESTS_LAUNCHER_KTAP_H
#define TESTS_LAUNCHER_KTAP_H

#include <stdbool.h>
#include <stdio.h>

/* A check that does not hold makes it false. */
extern bool ok;

#define EXPECT(condition)						\
	do {								\
		if (!(condition)) {					\
			printf("# line %d: not so: %s\n", __LINE__,	\
			       #condition);				\
			ok = false;					\
		}							\
	} while (0)

#define EXPECT_EQ(a, b)							\
	do {								\
		unsigned long long _a = (a), _b = (b);			\
									\
		if (_a != _b) {						\
			printf("# line %d: %s is %#llx, not %#llx\n",	\
			       __LINE__, #a, _a, _b);			\
			ok = false;					\
		}							\
	} while (0)

/* Run a test, and print its result. */
void run(const char *name, void (*test)(void));
/*
 * Run a test in a process of its own. Returns its wait status: 0, or that of EXIT_DIED if a
 * check did not hold, or what ended it.
 */
int run_alone(void (*test)(void));
/* The same as run(), in a process of its own, which has to end well */
void run_in_child(const char *name, void (*test)(void));
/* A test that this machine has not what it takes for */
void skip(const char *name, const char *why);
/* Whether any has failed */
bool ktap_failed(void);

#endif /* TESTS_LAUNCHER_KTAP_H */
