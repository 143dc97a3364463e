// SPDX-License-Identifier: GPL-2.0
/*
 * Asking a guest to stop. Linux takes ^O and a letter on its console for SysRq: s writes out
 * what is not on the disks yet, u makes file systems read-only, o powers off. It takes these
 * only where it has hvc0 for its console. A guest that does not listen is ended.
 */
#include "launcher.h"

#include <stdio.h>
#include <string.h>

#define GRACE	30	/* seconds, from the power off on */

static void next_step(void);
static struct timer timer = { .over = next_step };
static unsigned int step;

/* Each is left to a worker of the guest's. */
static const struct {
	const char *keys;
	unsigned int seconds;
} steps[] = {
	{ "\x0fs", 2 }, { "\x0fu", 3 }, { "\x0fo", GRACE },
};

static void next_step(void)
{
	const char *keys;

	if (step == ARRAY_SIZE(steps))
		supervisor_end(EXIT_ENDED, "ended by a signal, as the guest did not power off");
	keys = steps[step].keys;
	if (!stream_type(keys, strlen(keys)))
		fprintf(stderr, "lguest: the guest does not read what is typed\n");
	timer_start(&timer, steps[step++].seconds * 1000ULL);
}

/** stop_guest() - let the guest power off. If it has not done so after a while, it is ended. */
void stop_guest(void)
{
	if (step)
		return;
	fprintf(stderr, "lguest: asking the guest to power off, for at most %d s\n", GRACE + 5);
	next_step();
}

/** stop_is_asked() - whether the guest is to power off */
bool stop_is_asked(void)
{
	return step;
}
