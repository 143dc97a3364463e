/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The lguest bus and its legacy virtqueues, as much of them as a small guest
 * needs.
 */
#ifndef GUEST_VIRTIO_H
#define GUEST_VIRTIO_H

#include <linux/lguest_launcher.h>

#include "types.h"

#define VIRTIO_NET		1
#define VIRTIO_BLOCK		2
#define VIRTIO_CONSOLE		3
#define VIRTIO_RNG		4
#define VIRTIO_BALLOON		5

struct vring_desc {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
};

#define VRING_DESC_NEXT		1
#define VRING_DESC_WRITE	2

struct vring_avail {
	u16 flags;
	u16 idx;
	u16 ring[];
};

struct vring_used {
	u16 flags;
	u16 idx;
	struct {
		u32 id;
		u32 len;
	} ring[];
};

#define VRING_USED_NO_NOTIFY	1

struct virtqueue {
	u16 num;
	u16 irq;
	u16 last_used;
	u32 pfn;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
};

/* The first device of that type, or NULL. */
struct lguest_device_desc *virtio_find(u8 type);
/* Reset the device and accept no features. */
void virtio_reset(struct lguest_device_desc *dev);
void virtio_accept(struct lguest_device_desc *dev, u32 feature);
bool virtio_queue(struct lguest_device_desc *dev, u32 index,
		  struct virtqueue *vq);
/* Lets the Launcher begin to serve the queues. */
void virtio_start(struct lguest_device_desc *dev);

/* Offer a buffer. The caller keeps track of descriptors. */
void vq_add(struct virtqueue *vq, u16 desc, const void *buf, u32 len,
	    u16 flags);
/* The same in two steps, for a chain: with NEXT, the next descriptor follows. */
void vq_describe(struct virtqueue *vq, u16 desc, const void *buf, u32 len,
		 u16 flags);
void vq_offer(struct virtqueue *vq, u16 desc);
void vq_kick(struct virtqueue *vq);
/* A descriptor that the Launcher is done with. */
bool vq_used(struct virtqueue *vq, u16 *desc, u32 *len);
/* Sleeps until there is one, and returns it. */
u16 vq_wait(struct virtqueue *vq, u32 *len);

#endif /* GUEST_VIRTIO_H */
