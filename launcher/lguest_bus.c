// SPDX-License-Identifier: GPL-2.0
/*
 * The lguest bus, of guests before 4.0: the page just above RAM in which the guest finds
 * its devices, each with its rings behind it, and the notifies by which it says that it
 * changed one's status.
 *
 * The guest can write to that page as it likes. So we read there what the guest has
 * to tell (status and features), never what we wrote.
 */
#include "launcher.h"

#include <linux/virtio_config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEATURE_LEN	sizeof(__u32)

/* What is known of a device on this bus */
struct slot {
	struct lguest_device_desc *desc;
	__u8 *guest_features;
	unsigned int irq[VQ_MAX];
	bool failure_told;
};

static __u8 *desc_page;
static size_t desc_used;
static unsigned int next_irq = FIRST_IRQ;

static void lguest_bus_create(void)
{
	/* The guest looks for it in the first device page. */
	desc_page = guest_alloc_device_pages(PAGE_SIZE);
}

static void make_ring(struct virtqueue *vq)
{
	size_t len = vring_size(vq->num, LGUEST_VRING_ALIGN);

	vring_init(&vq->vring, vq->num, guest_alloc_device_pages(len),
		   LGUEST_VRING_ALIGN);
}

static void lguest_bus_add(struct device *dev)
{
	size_t len = sizeof(struct lguest_device_desc) +
		dev->num_vq * sizeof(struct lguest_vqconfig) +
		2 * FEATURE_LEN + dev->config_len;
	struct slot *slot = calloc(1, sizeof(*slot));
	__u32 features = dev->features;
	__u8 *p;

	if (!slot)
		die("no memory for a device");
	if (len > PAGE_SIZE - desc_used || next_irq + dev->num_vq > LAST_IRQ + 1)
		die("too many devices");
	dev->slot = slot;
	slot->desc = (void *)(desc_page + desc_used);
	desc_used += len;

	slot->desc->type = dev->type;
	slot->desc->num_vq = dev->num_vq;
	slot->desc->feature_len = FEATURE_LEN;
	slot->desc->config_len = dev->config_len;
	p = slot->desc->config;
	for (unsigned int i = 0; i < dev->num_vq; i++) {
		struct virtqueue *vq = &dev->vq[i];
		struct lguest_vqconfig vqconfig;

		make_ring(vq);
		slot->irq[i] = next_irq++;
		vqconfig.num = vq->num;
		vqconfig.irq = slot->irq[i];
		vqconfig.pfn = guest_address(vq->vring.desc) / PAGE_SIZE;
		p = mempcpy(p, &vqconfig, sizeof(vqconfig));
	}
	p = mempcpy(p, &features, FEATURE_LEN);
	slot->guest_features = p;
	if (dev->config_len)
		memcpy(p + FEATURE_LEN, &dev->config, dev->config_len);
}

/* From now on the guest's notifies of the ring do not come to us. */
static void lguest_bus_attach(struct virtqueue *vq)
{
	guest_attach_eventfd(guest_address(vq->vring.desc), vq->eventfd);
}

static void clear_rings(struct device *dev)
{
	for (unsigned int i = 0; i < dev->num_vq; i++) {
		struct virtqueue *vq = &dev->vq[i];

		memset(vq->vring.desc, 0,
		       vring_size(vq->num, LGUEST_VRING_ALIGN));
	}
}

static void reset(struct device *dev)
{
	struct slot *slot = dev->slot;

	device_stop(dev);
	memset(slot->guest_features, 0, FEATURE_LEN);
	clear_rings(dev);
}

/* Once: it may fail as often as the guest likes. */
static void tell_failure(const struct device *dev)
{
	struct slot *slot = dev->slot;

	if (!slot->failure_told)
		fprintf(stderr, "lguest: %s: the guest's driver failed\n", dev->name);
	slot->failure_told = true;
}

static void status_changed(struct device *dev)
{
	struct slot *slot = dev->slot;
	__u8 status = READ_ONCE(slot->desc->status);
	__u32 features;

	if (!status) {
		reset(dev);
		return;
	}
	if (status & VIRTIO_CONFIG_S_FAILED) {
		tell_failure(dev);
		reset(dev);
		return;
	}
	/*
	 * Most guests notify once, when the features are settled. They use the
	 * device before they set DRIVER_OK, and do not notify that. Older ones
	 * notify each step, so features may come with a later one.
	 */
	if (!(status & (VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK)))
		return;
	memcpy(&features, slot->guest_features, FEATURE_LEN);
	device_configure(dev, features);
	if (dev->running)
		return;
	/*
	 * A driver expects empty rings, but one that was unbound may have gone on
	 * tidying up in them after its reset. Only a guest that notifies as late as
	 * at DRIVER_OK may have put requests there already.
	 */
	if (!(status & VIRTIO_CONFIG_S_DRIVER_OK))
		clear_rings(dev);
	device_start(dev);
}

static bool lguest_bus_notify(__u32 gpa)
{
	for (struct device *dev = devices_first(); dev; dev = dev->next) {
		struct slot *slot = dev->slot;

		if (guest_address(slot->desc) == gpa) {
			status_changed(dev);
			return true;
		}
	}
	return false;
}

static void lguest_bus_interrupt(struct virtqueue *vq)
{
	struct slot *slot = vq->dev->slot;

	guest_interrupt(slot->irq[vq - vq->dev->vq]);
}

/* There is no interrupt for this: a driver finds it when it looks again. */
static void lguest_bus_refresh(struct device *dev)
{
	struct slot *slot = dev->slot;

	if (dev->refresh(dev))
		memcpy(slot->guest_features + FEATURE_LEN, &dev->config, dev->config_len);
}

const struct bus lguest_bus = {
	.create = lguest_bus_create,
	.add = lguest_bus_add,
	.attach = lguest_bus_attach,
	.notify = lguest_bus_notify,
	.interrupt = lguest_bus_interrupt,
	.refresh = lguest_bus_refresh,
};
