// SPDX-License-Identifier: GPL-2.0
/*
 * Virtqueues: each is a ring of requests, served by a thread of its own so that a
 * slow disk or a silent keyboard holds up nothing else.
 *
 * The guest runs at the same time as these threads, and writes to the rings as it
 * pleases. We believe nothing in them: we read an index, address or length once,
 * check it, and only then use it. A guest that talks nonsense is stopped.
 */
#include "launcher.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

void vq_bad_guest(const struct virtqueue *vq, const char *fmt, ...)
{
	char what[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	die("%s, queue %u: the guest's request makes no sense: %s",
	    vq->dev->name, (unsigned int)(vq - vq->dev->vq), what);
}

/* It serves the queue whenever the device is started, until that is stopped. */
static void *vq_thread(void *arg)
{
	struct virtqueue *vq = arg;

	sandbox_thread(SANDBOX_QUEUE);
	for (;;) {
		sem_post(&vq->stopped);
		while (sem_wait(&vq->started))
			;
		vq->serve(vq);
	}
	return NULL;
}

/**
 * vq_open() - make a queue ready to be started
 * @vq: the queue
 *
 * Called once in a guest's life. Its thread is there from now on, lest one have to be made
 * while the guest runs. A kick before the device is started waits in the eventfd and does no
 * harm.
 */
void vq_open(struct virtqueue *vq)
{
	pthread_t thread;

	vq->eventfd = eventfd(0, EFD_CLOEXEC);
	if (vq->eventfd < 0)
		die("%s: cannot make an eventfd: %m", vq->dev->name);
	sem_init(&vq->started, 0, 0);
	sem_init(&vq->stopped, 0, 0);
	errno = pthread_create(&thread, NULL, vq_thread, vq);
	if (errno)
		die("%s: cannot start a thread: %m", vq->dev->name);
	/* It has given up what it does not need. */
	while (sem_wait(&vq->stopped))
		;
}

/* The guest says that there is a request. */
void vq_kick(struct virtqueue *vq)
{
	if (eventfd_write(vq->eventfd, 1))
		die("%s: cannot wake a thread: %m", vq->dev->name);
}

/**
 * vq_start() - serve a queue
 * @vq: one that has a ring, and is not served
 */
void vq_start(struct virtqueue *vq)
{
	vq->stop = false;
	vq->stop_seen = false;
	vq->used_unannounced = false;
	vq->last_avail = 0;
	vq->used_idx = 0;
	sem_post(&vq->started);
}

/**
 * vq_stop() - serve no more, but the requests that are then found in the ring
 * @vq: the queue. The guest does not run, but what it asked for may go on to change the ring.
 * @deadline: of CLOCK_MONOTONIC, when that is given up; NULL for never
 *
 * Return: false if it is still served. Then the process has to end.
 */
bool vq_stop(struct virtqueue *vq, const struct timespec *deadline)
{
	int err;

	__atomic_store_n(&vq->stop, true, __ATOMIC_RELEASE);
	vq_kick(vq);
	do {
		err = deadline ? sem_clockwait(&vq->stopped, CLOCK_MONOTONIC, deadline) :
				 sem_wait(&vq->stopped);
	} while (err && errno == EINTR);
	return !err;
}

static bool vq_stopping(struct virtqueue *vq)
{
	return __atomic_load_n(&vq->stop, __ATOMIC_ACQUIRE);
}

static void vq_wait_kick(struct virtqueue *vq)
{
	eventfd_t count;

	if (eventfd_read(vq->eventfd, &count) && errno != EINTR)
		die("%s: cannot wait for the guest: %m", vq->dev->name);
}

/* Requests that the guest made and we have not taken yet */
static __u16 vq_backlog(struct virtqueue *vq)
{
	/* Acquire: we read the entry in the ring after the index. */
	return __atomic_load_n(&vq->vring.avail->idx, __ATOMIC_ACQUIRE) -
		vq->last_avail;
}

static void vq_set_used_flags(struct virtqueue *vq, __u16 flags)
{
	__atomic_store_n(&vq->vring.used->flags, flags, __ATOMIC_RELAXED);
}

/* Sleep until there is a request; false if there won't be any more. */
static bool vq_wait_request(struct virtqueue *vq)
{
	vq_interrupt(vq);
	for (;;) {
		vq_set_used_flags(vq, 0);
		/*
		 * Pairs with the guest's barrier between adding a request and
		 * looking at that flag: either it kicks us or we see it here.
		 */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (vq_backlog(vq))
			break;
		if (vq_stopping(vq))
			return false;
		vq_wait_kick(vq);
	}
	/* We need no kick: we look by ourselves before we sleep again. */
	vq_set_used_flags(vq, VRING_USED_F_NO_NOTIFY);
	return true;
}

/* A table may be anywhere, aligned or not. */
static struct vring_desc vq_read_desc(const void *table, unsigned int i)
{
	struct vring_desc copy;

	memcpy(&copy, (const char *)table + i * sizeof(copy), sizeof(copy));
	/* Lest the compiler read it again. */
	__asm__ volatile("" : : : "memory");
	return copy;
}

static void vq_walk_chain(struct virtqueue *vq, struct vq_chain *chain)
{
	const void *table = vq->vring.desc;
	unsigned int count = vq->vring.num, i = chain->head, n = 0;
	struct vring_desc desc;
	bool indirect = false;
	__u64 len = 0;

	chain->out_num = 0;
	chain->in_num = 0;
	do {
		if (i >= count)
			vq_bad_guest(vq, "descriptor %u of %u", i, count);
		desc = vq_read_desc(table, i);
		i = desc.next;

		if (desc.flags & VRING_DESC_F_INDIRECT) {
			/*
			 * All of the chain, or the rest, is in another table, or in the
			 * ring's as if that were another.
			 */
			if (indirect)
				vq_bad_guest(vq, "nested indirect descriptor");
			if (desc.flags & VRING_DESC_F_NEXT)
				vq_bad_guest(vq, "chained indirect descriptor");
			table = guest_ram(desc.addr, desc.len);
			if (!table || !desc.len || desc.len % sizeof(desc))
				vq_bad_guest(vq, "indirect table at %#llx of %u bytes",
					     desc.addr, desc.len);
			count = desc.len / sizeof(desc);
			indirect = true;
			i = 0;
			desc.flags = VRING_DESC_F_NEXT;
			continue;
		}

		if (n == VQ_MAX_ENTRIES)
			vq_bad_guest(vq, "chain without end");
		chain->iov[n].iov_base = guest_ram(desc.addr, desc.len);
		chain->iov[n].iov_len = desc.len;
		if (!chain->iov[n].iov_base)
			vq_bad_guest(vq, "buffer at %#llx of %u bytes",
				     desc.addr, desc.len);
		n++;
		len += desc.len;
		if (len > guest_ram_size())
			vq_bad_guest(vq, "more bytes than there is memory");
		if (desc.flags & VRING_DESC_F_WRITE)
			chain->in_num++;
		else if (chain->in_num)
			vq_bad_guest(vq, "output behind input");
		else
			chain->out_num++;
	} while (desc.flags & VRING_DESC_F_NEXT);

	chain->out = chain->iov;
	chain->in = chain->iov + chain->out_num;
}

/* Once it is to stop, only so many requests are taken as are there when that is seen. */
static bool vq_is_over(struct virtqueue *vq, __u16 backlog)
{
	if (!vq_stopping(vq))
		return false;
	if (!vq->stop_seen)
		vq->last_requests = backlog;
	vq->stop_seen = true;
	return !vq->last_requests--;
}

/* Take a request that is there; false if no more are to be taken. */
static bool vq_take(struct virtqueue *vq, struct vq_chain *chain)
{
	__u16 backlog = vq_backlog(vq);

	if (backlog > vq->vring.num)
		vq_bad_guest(vq, "%u requests in a ring of %u", backlog, vq->vring.num);
	if (vq_is_over(vq, backlog))
		return false;
	chain->head = READ_ONCE(vq->vring.avail->ring[vq->last_avail % vq->vring.num]);
	vq->last_avail++;
	vq_walk_chain(vq, chain);
	return true;
}

/* Take the next request; false when the device is to stop. */
bool vq_next(struct virtqueue *vq, struct vq_chain *chain)
{
	if (!vq_backlog(vq) && !vq_wait_request(vq))
		return false;
	return vq_take(vq, chain);
}

/**
 * vq_try_next() - take the next request, if there is one
 * @vq: the queue
 * @chain: gets it
 *
 * Return: what there is. After %VQ_OVER it is not called again.
 */
enum vq_next vq_try_next(struct virtqueue *vq, struct vq_chain *chain)
{
	/* The guest does not run any more once it is to stop, so look at that first. */
	bool stopping = vq_stopping(vq);

	if (!vq_backlog(vq))
		return stopping ? VQ_OVER : VQ_EMPTY;
	return vq_take(vq, chain) ? VQ_REQUEST : VQ_OVER;
}

/* Give a request back, with @len bytes written to its buffers. */
void vq_used(struct virtqueue *vq, const struct vq_chain *chain, __u32 len)
{
	struct vring_used *used = vq->vring.used;

	used->ring[vq->used_idx % vq->vring.num].id = chain->head;
	used->ring[vq->used_idx % vq->vring.num].len = len;
	vq->used_idx++;
	/* Release: buffers and entry are there before the index says so. */
	__atomic_store_n(&used->idx, vq->used_idx, __ATOMIC_RELEASE);
	vq->used_unannounced = true;
}

/*
 * Tell the guest what we gave back. An interrupt is expensive, so vq_next() does
 * this only once there is nothing left to do. Call it before any other sleep.
 */
void vq_interrupt(struct virtqueue *vq)
{
	if (!vq->used_unannounced)
		return;
	vq->used_unannounced = false;
	/*
	 * Pairs with the guest's barrier between allowing interrupts and
	 * looking for used requests: either it sees them or we see the flag.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(READ_ONCE(vq->vring.avail->flags) & VRING_AVAIL_F_NO_INTERRUPT))
		device_interrupt(vq);
}

/**
 * vq_wait_file() - sleep until a file is ready
 * @vq: the queue
 * @fd: the file
 * @events: of it, as for poll()
 *
 * Return: false when the device is to stop.
 */
bool vq_wait_file(struct virtqueue *vq, int fd, short events)
{
	struct pollfd wait[] = {
		{ .fd = vq->eventfd, .events = POLLIN },
		{ .fd = fd, .events = events },
	};

	vq_interrupt(vq);
	while (!vq_stopping(vq)) {
		if (poll(wait, ARRAY_SIZE(wait), -1) < 0) {
			if (errno == EINTR)
				continue;
			die("%s: cannot wait for a file: %m", vq->dev->name);
		}
		if (wait[0].revents)
			vq_wait_kick(vq);
		if (wait[1].revents)
			return true;
	}
	return false;
}

/**
 * vq_wait_either() - sleep until there is a request or a file is ready
 * @vq: the queue
 * @fd: the file
 * @events: of it, as for poll()
 * @requests: wake for a request, too, and when the device is to stop
 */
void vq_wait_either(struct virtqueue *vq, int fd, short events, bool requests)
{
	struct pollfd wait[] = {
		{ .fd = fd, .events = events },
		{ .fd = vq->eventfd, .events = POLLIN },
	};

	vq_interrupt(vq);
	if (requests) {
		vq_set_used_flags(vq, 0);
		/* As in vq_wait_request() */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	if (!requests || !vq_backlog(vq)) {
		if (poll(wait, requests ? 2 : 1, -1) < 0 && errno != EINTR)
			die("%s: cannot wait: %m", vq->dev->name);
		if (wait[1].revents)
			vq_wait_kick(vq);
	}
	vq_set_used_flags(vq, VRING_USED_F_NO_NOTIFY);
}
