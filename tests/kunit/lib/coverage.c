// SPDX-License-Identifier: GPL-2.0
/*
 * As the last thing that UML does, write down what was executed. GCC's own call for
 * that is in a section that UML's linker script does not know.
 */
#include <linux/compiler.h>

/* libgcov's */
void __gcov_dump(void);

static void __attribute__((destructor)) write_coverage(void)
{
	__gcov_dump();
}
