// SPDX-License-Identifier: GPL-2.0
/*
 * How fast this machine's time stamp counter counts, in kHz. A machine that QEMU
 * emulates has the same, but measures something else if it has to wait for its
 * processor meanwhile.
 */
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct instant {
	double tsc;
	double ms;
};

/* Read both at once. Of many tries, take the one that was disturbed least. */
static struct instant look(void)
{
	unsigned long long before, took, least = -1ULL;
	struct instant best = { 0, 0 };
	struct timespec ts;
	int i;

	for (i = 0; i < 1000; i++) {
		before = __rdtsc();
		clock_gettime(CLOCK_MONOTONIC, &ts);
		took = __rdtsc() - before;
		if (took < least) {
			least = took;
			best.tsc = before;
			best.ms = ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
		}
	}
	return best;
}

int main(void)
{
	const struct timespec a_while = { .tv_nsec = 100000000 };
	struct instant from = look(), to;

	nanosleep(&a_while, NULL);
	to = look();
	printf("%.0f\n", (to.tsc - from.tsc) / (to.ms - from.ms));
	return 0;
}
