/* SPDX-License-Identifier: GPL-2.0 */
/* The fuzzers' numbers */
#ifndef TESTS_LAUNCHER_RANDOM_H
#define TESTS_LAUNCHER_RANDOM_H

#include <linux/types.h>

/* Begin again, as each case does. */
void random_seed(__u64 seed);
__u32 any(void);
/* 0 to @n - 1 */
__u32 below(__u32 n);

#endif /* TESTS_LAUNCHER_RANDOM_H */
