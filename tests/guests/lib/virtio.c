// SPDX-License-Identifier: GPL-2.0
#include "hypercall.h"
#include "irq.h"
#include "paging.h"
#include "virtio.h"

#define STATUS_ACKNOWLEDGE	1
#define STATUS_DRIVER		2
#define STATUS_DRIVER_OK	4

struct lguest_device_desc *virtio_find(u8 type)
{
	static u8 *page;
	u8 *p;

	if (!page) {
		map_device_page(ram_size());
		page = va(ram_size());
	}
	for (p = page; p + sizeof(struct lguest_device_desc) <=
	     page + PAGE_SIZE;) {
		struct lguest_device_desc *dev = (void *)p;

		if (!dev->type)
			break;
		if (dev->type == type)
			return dev;
		p += sizeof(*dev) + 2 * dev->feature_len + dev->config_len +
		     dev->num_vq * sizeof(struct lguest_vqconfig);
	}
	return NULL;
}

static void set_status(struct lguest_device_desc *dev, u8 status)
{
	WRITE_ONCE(dev->status, status);
	hcall1(LHCALL_NOTIFY, pa(dev));
}

/* The features that the driver accepts follow those that it is offered. */
static u8 *accepted(struct lguest_device_desc *dev)
{
	return dev->config + dev->num_vq * sizeof(struct lguest_vqconfig) +
	       dev->feature_len;
}

void virtio_reset(struct lguest_device_desc *dev)
{
	u32 i;

	set_status(dev, 0);
	for (i = 0; i < dev->feature_len; i++)
		accepted(dev)[i] = 0;
}

void virtio_accept(struct lguest_device_desc *dev, u32 feature)
{
	if (feature / 8 < dev->feature_len)
		accepted(dev)[feature / 8] |= 1 << feature % 8;
}

bool virtio_queue(struct lguest_device_desc *dev, u32 index,
		  struct virtqueue *vq)
{
	struct lguest_vqconfig *config = (void *)dev->config;
	u32 base, avail, used, end, i;

	if (index >= dev->num_vq)
		return false;
	config += index;
	vq->num = config->num;
	vq->irq = config->irq;
	vq->pfn = config->pfn;
	vq->last_used = 0;

	avail = vq->num * sizeof(struct vring_desc);
	used = avail + sizeof(struct vring_avail) + (vq->num + 1) * sizeof(u16);
	used = (used + LGUEST_VRING_ALIGN - 1) & -(u32)LGUEST_VRING_ALIGN;
	end = used + sizeof(struct vring_used) + vq->num * 8 + sizeof(u16);
	base = vq->pfn * PAGE_SIZE;
	for (i = 0; i < end; i += PAGE_SIZE)
		map_device_page(base + i);

	vq->desc = va(base);
	vq->avail = va(base + avail);
	vq->used = va(base + used);
	return true;
}

void virtio_start(struct lguest_device_desc *dev)
{
	/*
	 * Notify only once: Launchers take the first status that's not 0 for
	 * the start, and a second one for a mistake.
	 */
	set_status(dev, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK);
}

void vq_describe(struct virtqueue *vq, u16 desc, const void *buf, u32 len,
		 u16 flags)
{
	vq->desc[desc] = (struct vring_desc) {
		.addr = pa(buf), .len = len, .flags = flags, .next = desc + 1,
	};
}

void vq_offer(struct virtqueue *vq, u16 desc)
{
	vq->avail->ring[vq->avail->idx % vq->num] = desc;
	barrier();
	WRITE_ONCE(vq->avail->idx, vq->avail->idx + 1);
}

void vq_add(struct virtqueue *vq, u16 desc, const void *buf, u32 len,
	    u16 flags)
{
	vq_describe(vq, desc, buf, len, flags);
	vq_offer(vq, desc);
}

void vq_kick(struct virtqueue *vq)
{
	/* The index must be out before we ask whether anybody is asleep. */
	mb();
	if (!(READ_ONCE(vq->used->flags) & VRING_USED_NO_NOTIFY))
		hcall1(LHCALL_NOTIFY, vq->pfn * PAGE_SIZE);
}

bool vq_used(struct virtqueue *vq, u16 *desc, u32 *len)
{
	u32 slot = vq->last_used % vq->num;

	if (READ_ONCE(vq->used->idx) == vq->last_used)
		return false;
	barrier();
	*desc = vq->used->ring[slot].id;
	*len = vq->used->ring[slot].len;
	vq->last_used++;
	return true;
}

u16 vq_wait(struct virtqueue *vq, u32 *len)
{
	u16 desc;

	while (!vq_used(vq, &desc, len))
		irq_wait();
	return desc;
}
