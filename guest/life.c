// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a guest, and what wakes one that lives. Any file may end a guest, so
 * this one calls none of the others.
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/stdarg.h>
#include <linux/wait.h>

#include "../lg.h"

static void die(struct lguest *lg, int how)
{
	/* Pairs with lg_is_dead(): who sees it dead sees the reason. */
	smp_store_release(&lg->dead, how);
}

/**
 * lg_kill() - end a guest, with a reason that its owner reads
 * @lg: the guest; its own task calls
 * @fmt: the reason; of several the first counts
 *
 * Context: any.
 */
void lg_kill(struct lguest *lg, const char *fmt, ...)
{
	va_list args;

	if (lg->dead)
		return;
	va_start(args, fmt);
	vscnprintf(lg->reason, sizeof(lg->reason), fmt, args);
	va_end(args);
	die(lg, -ENOENT);
}

/**
 * lg_restart() - end a guest that asks to be started again
 * @lg: the guest; its own task calls
 *
 * Context: any.
 */
void lg_restart(struct lguest *lg)
{
	if (!lg->dead)
		die(lg, -ERESTART);
}

/**
 * lg_wake() - make a guest look at its interrupts
 * @lg: the guest
 *
 * Out of its HALT if it is in one, out of guest mode if it runs.
 *
 * Context: any.
 */
void lg_wake(struct lguest *lg)
{
	wake_up(&lg->wait);
	kick_process(lg->task);
}
