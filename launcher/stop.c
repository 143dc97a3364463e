// SPDX-License-Identifier: GPL-2.0
/*
 * How the Launcher ends with its guest, and asking a guest to stop. Linux takes ^O and a letter
 * on its console for SysRq: s writes out what is not on the disks yet, u makes file systems
 * read-only, o powers off. It takes these only where it has hvc0 for its console. A guest that
 * does not listen is ended.
 */
#include "launcher.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define GRACE	30	/* seconds, from the power off on */

/**
 * end_guest() - end the Launcher, once the guest's data is on its disks
 * @status: the exit status
 * @why: what the user is told
 *
 * If something of what the guest wrote is lost, the user is told that, and the status is
 * %EXIT_FAILED.
 */
void end_guest(int status, const char *why)
{
	const char *lost = disks_flush();

	if (lost)
		die("%s, but something that the guest wrote to %s is lost", why, lost);
	quit(status, "%s", why);
}

static void *ask(void *unused)
{
	/* Each is left to a worker of the guest's. */
	static const struct {
		const char *keys;
		unsigned int seconds;
	} steps[] = {
		{ "\x0fs", 2 }, { "\x0fu", 3 }, { "\x0fo", GRACE },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(steps); i++) {
		unsigned int left = steps[i].seconds;

		terminal_type(steps[i].keys);
		while (left)
			left = sleep(left);
	}
	end_guest(EXIT_ENDED, "ended by a signal, as the guest did not power off");
	return unused;
}

/**
 * stop_guest() - let the guest power off, as a signal wants
 *
 * The first call asks it to. If it has not done so after a while, or at the second call, it
 * is ended.
 */
void stop_guest(void)
{
	static bool asked;
	pthread_t thread;

	if (asked)
		end_guest(EXIT_ENDED, "ended by a second signal");
	asked = true;
	fprintf(stderr, "lguest: asking the guest to power off, for at most %d s\n", GRACE + 5);
	errno = pthread_create(&thread, NULL, ask, NULL);
	if (errno)
		die("cannot start a thread to stop the guest: %m");
}
