// SPDX-License-Identifier: GPL-2.0
/* Built without libseccomp: there is no sandbox (sandbox.c). */
#include "launcher.h"

#include <stdio.h>

void sandbox_find_user(const char *spec, uid_t *uid, gid_t *gid)
{
	(void)uid;
	(void)gid;
	sandbox_set_user(spec);
}

void sandbox_set_user(const char *spec)
{
	die("--user=%s needs a Launcher that was built with libseccomp", spec);
}

void sandbox_enter(bool on, const char *user)
{
	if (user)
		sandbox_set_user(user);
	if (on)
		fprintf(stderr,
			"lguest: without a sandbox, as it was built without libseccomp (--sandbox=off does not say so)\n");
}

void sandbox_thread(enum sandbox_thread thread)
{
	(void)thread;
}
