// SPDX-License-Identifier: GPL-2.0
/*
 * The lguest bus: the page just above RAM in which the guest finds its devices, and
 * the notifies by which it says that it changed one's status.
 *
 * The guest can write to that page as it likes. So we read there what the guest has
 * to tell (status and features), never what we wrote.
 */
#include "launcher.h"

#include <linux/virtio_config.h>
#include <stdio.h>
#include <string.h>

#define FEATURE_LEN	sizeof(__u32)
/* Interrupt 0 is the clock. */
#define FIRST_IRQ	1
#define LAST_IRQ	31

static struct device *devices, **devices_end = &devices;
static __u8 *desc_page;
static size_t desc_used;
static unsigned int next_irq = FIRST_IRQ;

void bus_create(void)
{
	/* The guest looks for it in the first device page. */
	desc_page = guest_alloc_device_pages(PAGE_SIZE);
}

void bus_add(struct device *dev, const void *config, __u8 config_len)
{
	size_t len = sizeof(*dev->desc) +
		dev->num_vq * sizeof(struct lguest_vqconfig) +
		2 * FEATURE_LEN + config_len;
	__u8 *p;

	if (len > PAGE_SIZE - desc_used || next_irq + dev->num_vq > LAST_IRQ + 1)
		die("too many devices");
	dev->desc = (void *)(desc_page + desc_used);
	desc_used += len;

	dev->desc->type = dev->type;
	dev->desc->num_vq = dev->num_vq;
	dev->desc->feature_len = FEATURE_LEN;
	dev->desc->config_len = config_len;
	p = dev->desc->config;
	for (unsigned int i = 0; i < dev->num_vq; i++) {
		struct virtqueue *vq = &dev->vq[i];
		struct lguest_vqconfig vqconfig;

		vq_init(vq, dev, next_irq++);
		vqconfig.num = vq->num;
		vqconfig.irq = vq->irq;
		vqconfig.pfn = guest_address(vq->vring.desc) / PAGE_SIZE;
		p = mempcpy(p, &vqconfig, sizeof(vqconfig));
	}
	p = mempcpy(p, &dev->features, FEATURE_LEN);
	dev->guest_features = p;
	if (config_len)
		memcpy(p + FEATURE_LEN, config, config_len);

	/* In the order of the command line: the first disk is vda. */
	*devices_end = dev;
	devices_end = &dev->next;
}

void bus_attach(void)
{
	for (struct device *dev = devices; dev; dev = dev->next)
		for (unsigned int i = 0; i < dev->num_vq; i++)
			vq_attach(&dev->vq[i]);
}

static void device_stop(struct device *dev)
{
	if (!dev->running)
		return;
	for (unsigned int i = 0; i < dev->num_vq; i++)
		vq_stop(&dev->vq[i]);
	dev->running = false;
}

static void device_clear_rings(struct device *dev)
{
	for (unsigned int i = 0; i < dev->num_vq; i++) {
		struct virtqueue *vq = &dev->vq[i];

		memset(vq->vring.desc, 0,
		       vring_size(vq->num, LGUEST_VRING_ALIGN));
	}
}

static void device_reset(struct device *dev)
{
	device_stop(dev);
	memset(dev->guest_features, 0, FEATURE_LEN);
	device_clear_rings(dev);
}

static void device_configure(struct device *dev)
{
	__u32 features;

	memcpy(&features, dev->guest_features, FEATURE_LEN);
	if (dev->configure)
		dev->configure(dev, features & dev->features);
}

static void device_status_changed(struct device *dev)
{
	__u8 status = READ_ONCE(dev->desc->status);

	if (!status) {
		device_reset(dev);
		return;
	}
	if (status & VIRTIO_CONFIG_S_FAILED) {
		fprintf(stderr, "lguest: %s: the guest's driver failed\n",
			dev->name);
		device_reset(dev);
		return;
	}
	/*
	 * Most guests notify once, when the features are settled. They use the
	 * device before they set DRIVER_OK, and do not notify that. Older ones
	 * notify each step, so features may come with a later one.
	 */
	if (!(status & (VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK)))
		return;
	device_configure(dev);
	if (dev->running)
		return;
	/*
	 * A driver expects empty rings, but one that was unbound may have gone on
	 * tidying up in them after its reset. Only a guest that notifies as late as
	 * at DRIVER_OK may have put requests there already.
	 */
	if (!(status & VIRTIO_CONFIG_S_DRIVER_OK))
		device_clear_rings(dev);
	for (unsigned int i = 0; i < dev->num_vq; i++)
		vq_start(&dev->vq[i]);
	dev->running = true;
}

/* Returns false if @gpa is no device's descriptor. */
bool bus_notify(__u32 gpa)
{
	for (struct device *dev = devices; dev; dev = dev->next) {
		if (guest_address(dev->desc) == gpa) {
			device_status_changed(dev);
			return true;
		}
	}
	return false;
}

/* The guest won't run again: finish what it asked for, then stop serving. */
void bus_stop(void)
{
	for (struct device *dev = devices; dev; dev = dev->next)
		device_stop(dev);
}
