// SPDX-License-Identifier: GPL-2.0
/*
 * Eventfds in place of returns to the Launcher: a NOTIFY, or a store to a device
 * page, signals the eventfd that is tied to its address, and the guest goes on.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/gfp.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "compat.h"
#include "lg.h"

/* This bounds what a Launcher can hold. None has as many virtqueues. */
#define EVENTFDS_MAX	4096

/* Return 0, with the one that was there before in *@old, or a negative error. */
static int store_eventfd(struct lguest *lg, u32 address, struct eventfd_ctx *ctx,
			 struct eventfd_ctx **old)
{
	int err = 0;

	mutex_lock(&lg->eventfd_lock);
	*old = xa_load(&lg->eventfds, address);
	if (!*old && lg->eventfd_count >= EVENTFDS_MAX) {
		err = -ENOMEM;
	} else {
		*old = xa_store(&lg->eventfds, address, ctx,
				GFP_KERNEL_ACCOUNT);
		err = xa_err(*old);
	}
	if (!err && !*old)
		lg->eventfd_count++;
	mutex_unlock(&lg->eventfd_lock);
	return err;
}

/**
 * lg_assign_eventfd() - LHREQ_EVENTFD: tie an eventfd to an address
 * @lg: the guest
 * @address: what the guest will notify
 * @fd: an eventfd of the calling process
 *
 * A second eventfd for an address takes the place of the first: a Launcher
 * that sets up a device again has no use for the old one.
 *
 * Context: any task in the address space that opened the file; may sleep.
 * Return: 0; -EINVAL if @address is 0 or beyond 4 GiB, or if @fd is no eventfd;
 * -EBADF if it is not open; -ENOMEM without memory, or for one eventfd too many.
 */
int lg_assign_eventfd(struct lguest *lg, unsigned long address, int fd)
{
	struct eventfd_ctx *ctx, *old;
	int err;

	if (!address || address > U32_MAX)
		return -EINVAL;
	ctx = eventfd_ctx_fdget(fd);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	err = store_eventfd(lg, address, ctx, &old);
	if (err) {
		eventfd_ctx_put(ctx);
		return err;
	}
	if (old)
		eventfd_ctx_put(old);
	return 0;
}

/**
 * lg_signal_eventfd() - signal whatever is tied to an address
 * @lg: the guest; its own task calls
 * @address: what it notifies
 *
 * The Launcher decides how long this takes, as with a write(2) to the eventfd:
 * it wakes all who wait, even by epoll instances in epoll instances.
 *
 * Context: may sleep.
 * Return: true if an eventfd took it.
 */
bool lg_signal_eventfd(struct lguest *lg, u32 address)
{
	struct eventfd_ctx *ctx;

	/* This keeps the eventfd from being replaced and freed, and none spins. */
	mutex_lock(&lg->eventfd_lock);
	ctx = xa_load(&lg->eventfds, address);
	if (ctx)
		eventfd_signal(ctx);
	mutex_unlock(&lg->eventfd_lock);
	return ctx;
}

/**
 * lg_free_eventfds() - let go of every eventfd
 * @lg: a guest whose file nobody holds any more
 *
 * Context: may sleep.
 */
void lg_free_eventfds(struct lguest *lg)
{
	struct eventfd_ctx *ctx;
	unsigned long address;

	/* xa_destroy() has interrupts off for all it finds, so leave it nothing. */
	xa_for_each(&lg->eventfds, address, ctx) {
		xa_erase(&lg->eventfds, address);
		eventfd_ctx_put(ctx);
		cond_resched();
	}
	xa_destroy(&lg->eventfds);
}
