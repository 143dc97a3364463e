/* SPDX-License-Identifier: GPL-2.0 */
/* Results of the programs here, as KTAP */
#ifndef TESTS_LAUNCHER_KTAP_H
#define TESTS_LAUNCHER_KTAP_H

#include <stdbool.h>

/* A check that does not hold makes it false. */
extern bool ok;

/* Run a test, and print its result. */
void run(const char *name, void (*test)(void));
/* Whether any has failed */
bool ktap_failed(void);

#endif /* TESTS_LAUNCHER_KTAP_H */
