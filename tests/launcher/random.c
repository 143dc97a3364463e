// SPDX-License-Identifier: GPL-2.0
/* See random.h. The generator is xorshift64*. */
#include "random.h"

static __u64 state;

void random_seed(__u64 seed)
{
	/* Not 0, from which it does not come back */
	state = seed * 2 + 1;
}

__u32 any(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL >> 32;
}

__u32 below(__u32 n)
{
	return any() % n;
}
