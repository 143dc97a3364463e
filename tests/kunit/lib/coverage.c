// SPDX-License-Identifier: GPL-2.0
/*
 * Writes down what was executed, as the last thing that UML does. GCC's own call
 * for that is in a section which UML's linker script does not know.
 */
#include <linux/compiler.h>

/* Of libgcov's */
void __gcov_dump(void);

static void __attribute__((destructor)) write_coverage(void)
{
	__gcov_dump();
}
