// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a guest, and what wakes one that lives. Any file may end a guest, so
 * this one calls no other.
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/stdarg.h>
#include <linux/wait.h>

#include "../lg.h"

static void die(struct lguest *lg, int how)
{
	/* Pairs with lg_is_dead(): whoever sees it dead sees the reason. */
	smp_store_release(&lg->dead, how);
}

/**
 * lg_kill() - end a guest, with a reason that its Launcher reads
 * @lg: the guest; its own task calls
 * @fmt: the reason; only the first one counts
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
 * This wakes a guest from its HALT, and brings out one that runs.
 *
 * Context: any.
 */
void lg_wake(struct lguest *lg)
{
	wake_up(&lg->wait);
	kick_process(lg->task);
}
