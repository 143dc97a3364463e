// SPDX-License-Identifier: GPL-2.0
/*
 * Devices, whatever bus carries them: the list, and how one is started with the features
 * that the guest's driver chose, and stopped.
 */
#include "launcher.h"

static struct device *devices, **devices_end = &devices;
static const struct bus *bus;

/**
 * device_bus() - say on which bus the guest looks for devices
 * @the_bus: the bus; before any device is made
 */
void device_bus(const struct bus *the_bus)
{
	bus = the_bus;
	bus->create();
}

/**
 * device_is_modern() - whether devices are those of virtio 1.0
 *
 * Return: true if so; else they are the ones from before there was a standard.
 */
bool device_is_modern(void)
{
	return bus->modern;
}

/**
 * device_add() - put a device on the bus
 * @dev: what it is; stays in use
 *
 * They are found in the order of these calls: the first disk is vda.
 */
void device_add(struct device *dev)
{
	for (unsigned int i = 0; i < dev->num_vq; i++)
		dev->vq[i].dev = dev;
	bus->add(dev);
	*devices_end = dev;
	devices_end = &dev->next;
}

/** devices_first() - the first of the list; the next are by &device.next */
struct device *devices_first(void)
{
	return devices;
}

/**
 * devices_attach() - tie the queues to a new guest
 *
 * Called once in a guest's life.
 */
void devices_attach(void)
{
	for (struct device *dev = devices; dev; dev = dev->next) {
		for (unsigned int i = 0; i < dev->num_vq; i++) {
			vq_open(&dev->vq[i]);
			if (bus->attach)
				bus->attach(&dev->vq[i]);
		}
	}
}

/**
 * device_configure() - let a device know what its driver can do
 * @dev: the device
 * @features: that the driver chose
 */
void device_configure(struct device *dev, __u64 features)
{
	if (dev->configure)
		dev->configure(dev, features & dev->features);
}

/**
 * device_start() - serve the queues that have a ring
 * @dev: a configured device that does not run
 */
void device_start(struct device *dev)
{
	for (unsigned int i = 0; i < dev->num_vq; i++) {
		if (dev->vq[i].vring.desc)
			vq_start(&dev->vq[i]);
	}
	dev->running = true;
}

/**
 * device_stop() - finish what the guest asked for, then serve no more
 * @dev: a device, running or not; the guest does not run meanwhile
 */
void device_stop(struct device *dev)
{
	if (!dev->running)
		return;
	for (unsigned int i = 0; i < dev->num_vq; i++) {
		if (dev->vq[i].vring.desc)
			vq_stop(&dev->vq[i]);
	}
	dev->running = false;
}

/** devices_stop() - device_stop() for all: the guest won't run again */
void devices_stop(void)
{
	for (struct device *dev = devices; dev; dev = dev->next)
		device_stop(dev);
}

/**
 * devices_notify() - the guest made the hypercall NOTIFY
 * @gpa: with this address
 *
 * Return: false if that is nothing on the bus.
 */
bool devices_notify(__u32 gpa)
{
	return bus->notify && bus->notify(gpa);
}

/**
 * device_pages() - where the pages of devices end that have no memory
 *
 * Return: the number of the page behind the last; 0 if there are none.
 */
__u32 device_pages(void)
{
	return bus->device_pages ? bus->device_pages() : 0;
}

/**
 * device_interrupt() - tell the guest that there is something in a used ring
 * @vq: of this queue
 */
void device_interrupt(struct virtqueue *vq)
{
	bus->interrupt(vq);
}

/**
 * devices_refresh() - tell the guest if something changed outside
 * @type: of the devices that this may concern
 */
void devices_refresh(__u8 type)
{
	if (!bus->refresh)
		return;
	for (struct device *dev = devices; dev; dev = dev->next) {
		if (dev->type == type && dev->refresh)
			bus->refresh(dev);
	}
}
