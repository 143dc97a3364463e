/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GUEST_KTAP_H
#define GUEST_KTAP_H

#include "types.h"

struct ktap_test {
	const char *name;
	void (*run)(void);
};

/* Runs all tests and prints the results. A test fails if one of its checks does. */
void ktap_run(const struct ktap_test *tests, u32 count);

/* Neither ends the test. They return whether the check held. */
bool ktap_check(bool ok, const char *file, int line, const char *what);
bool ktap_check_eq(u32 got, u32 want, const char *file, int line,
		   const char *what);
void ktap_skip(const char *reason);

#define CHECK(cond)	ktap_check(cond, __FILE__, __LINE__, #cond)
#define CHECK_EQ(got, want) \
	ktap_check_eq(got, want, __FILE__, __LINE__, #got)

#endif /* GUEST_KTAP_H */
