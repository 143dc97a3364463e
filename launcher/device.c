// SPDX-License-Identifier: GPL-2.0
/*
 * Devices, whatever bus carries them: the list, and how one is started with the features
 * that the guest's driver chose, and stopped.
 */
#include "launcher.h"

#include <stdio.h>

#define LAST_REQUESTS_SECONDS	10

static struct device *devices, **devices_end = &devices;
static const struct bus *bus;
static __u32 version;

/**
 * device_add() - give the guest a device
 * @dev: what it is; stays in use
 *
 * They are found in the order of these calls: the first disk is vda.
 */
void device_add(struct device *dev)
{
	*devices_end = dev;
	devices_end = &dev->next;
}

/**
 * devices_create() - put the devices on a bus, in the process of a guest
 * @the_bus: on which the guest looks for them
 * @guest_version: which Linux it is
 */
void devices_create(const struct bus *the_bus, __u32 guest_version)
{
	bus = the_bus;
	version = guest_version;
	bus->create();
	for (struct device *dev = devices; dev; dev = dev->next) {
		if (dev->create)
			dev->create(dev);
		for (unsigned int i = 0; i < dev->num_vq; i++)
			dev->vq[i].dev = dev;
		bus->add(dev);
	}
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

/** device_guest_version() - which Linux the guest is, by LINUX_VERSION(), or 0 */
__u32 device_guest_version(void)
{
	return version;
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

static bool stop_until(struct device *dev, const struct timespec *deadline)
{
	bool stopped = true;

	if (!dev->running)
		return true;
	for (unsigned int i = 0; i < dev->num_vq; i++) {
		if (dev->vq[i].vring.desc && !vq_stop(&dev->vq[i], deadline))
			stopped = false;
	}
	dev->running = false;
	return stopped;
}

/**
 * device_stop() - finish what the guest asked for, then serve no more
 * @dev: a device, running or not; the guest does not run meanwhile
 */
void device_stop(struct device *dev)
{
	stop_until(dev, NULL);
}

/**
 * devices_stop() - the guest won't run again: finish what it asked for, but not for ever
 *
 * It may have asked for hundreds of gigabytes, or nobody reads what it prints.
 */
void devices_stop(void)
{
	struct timespec deadline;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += LAST_REQUESTS_SECONDS;
	for (struct device *dev = devices; dev; dev = dev->next) {
		if (!stop_until(dev, &deadline))
			fprintf(stderr,
				"lguest: %s: not all that the guest asked for at its end is done after %d s\n",
				dev->name, LAST_REQUESTS_SECONDS);
	}
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
	for (struct device *dev = devices; dev; dev = dev->next) {
		if (dev->type == type && dev->refresh)
			bus->refresh(dev);
	}
}
