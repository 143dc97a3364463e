// SPDX-License-Identifier: GPL-2.0
/*
 * See fuzz.h. A guest of before 4.0: all that is on lguest's bus is memory that it writes to,
 * the devices' descriptors and their rings.
 */
#include "fuzz.h"

#include <linux/virtio_config.h>
#include <string.h>
#include <sys/eventfd.h>

/* As in guest_memory.c */
#define DEVICE_PAGES	(1 + 31 * 3)

#define DRIVER		(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)

/* Where it all was before the guest wrote to it */
static struct {
	__u32 gpa;			/* of the descriptor */
	unsigned int num_vq;
	__u32 notify[VQ_MAX];		/* also where the ring is */
	struct vring vring[VQ_MAX];
	__u8 *features;
	__u8 *config;
	__u8 config_len;
} found[DEVICES_END];

static __u8 *at(__u32 gpa)
{
	return (__u8 *)guest_memory_base() + gpa;
}

static void find_devices(void)
{
	__u8 *p = at(FUZZ_RAM);

	for (unsigned int device = CONSOLE; device < DEVICES_END; device++) {
		struct lguest_device_desc *desc = (void *)p;

		found[device].gpa = guest_address(p);
		found[device].num_vq = desc->num_vq;
		found[device].config_len = desc->config_len;
		p = desc->config;
		for (unsigned int i = 0; i < desc->num_vq; i++) {
			struct lguest_vqconfig vqconfig;

			memcpy(&vqconfig, p, sizeof(vqconfig));
			p += sizeof(vqconfig);
			found[device].notify[i] = vqconfig.pfn * PAGE_SIZE;
			vring_init(&found[device].vring[i], vqconfig.num,
				   at(found[device].notify[i]), LGUEST_VRING_ALIGN);
		}
		found[device].features = p + desc->feature_len;
		found[device].config = p + 2 * desc->feature_len;
		p = found[device].config + desc->config_len;
	}
}

static void set_status(enum fuzz_device device, __u8 status)
{
	((struct lguest_device_desc *)at(found[device].gpa))->status = status;
	devices_notify(found[device].gpa);
}

static void kick(enum fuzz_device device, unsigned int queue)
{
	eventfd_write(machine_eventfd(found[device].notify[queue]), 1);
}

static void request(enum fuzz_device device, unsigned int queue)
{
	struct vring *vring = &found[device].vring[queue];

	fill_ring(device, queue, vring->desc, (__u16 *)vring->avail);
	kick(device, queue);
}

static void some_requests(enum fuzz_device device)
{
	for (unsigned int rounds = below(4); rounds; rounds--)
		request(device, below(found[device].num_vq));
}

/* Most notify before there are requests, others only behind these. */
static void bring_up(enum fuzz_device device)
{
	__u32 features = below(4) ? ~0U : any_value();
	bool is_late = !below(4);

	set_status(device, 0);
	memcpy(found[device].features, &features, sizeof(features));
	if (!is_late)
		set_status(device, DRIVER);
	some_requests(device);
	if (is_late)
		set_status(device, DRIVER | VIRTIO_CONFIG_S_DRIVER_OK);
	some_requests(device);
}

static void any_status(enum fuzz_device device)
{
	static const __u8 usual[] = {
		0, VIRTIO_CONFIG_S_ACKNOWLEDGE, DRIVER, DRIVER | VIRTIO_CONFIG_S_DRIVER_OK,
		VIRTIO_CONFIG_S_DRIVER_OK, DRIVER | VIRTIO_CONFIG_S_FAILED,
	};

	set_status(device, below(4) ? usual[below(ARRAY_SIZE(usual))] : any());
}

/* Descriptors, and what is behind the last: few bytes or all of them */
static void rewrite_descriptors(void)
{
	__u8 *p = at(FUZZ_RAM);
	__u32 first = below(2) ? below(PAGE_SIZE) : below(200);
	__u32 len = below(4) ? below(8) : PAGE_SIZE;

	for (unsigned int i = 0; i < len && first + i < PAGE_SIZE; i++)
		p[first + i] = any();
}

static void rewrite_ring(enum fuzz_device device)
{
	struct vring *vring = &found[device].vring[below(found[device].num_vq)];

	switch (below(8)) {
	case 0:
		if (!below(4))
			vring->desc[below(vring->num)] = any_descriptor();
		break;
	case 1:
		vring->avail->ring[below(vring->num)] = below(50) ? below(16) : any();
		break;
	case 2:
		vring->avail->idx += below(50) ? below(2) : any();
		break;
	case 3:
		vring->avail->flags = any();
		break;
	case 4:
		vring->used->idx = any();
		break;
	default:
		/* Which is ours alone */
		((__u8 *)vring->used)[below(8 * vring->num)] = any();
	}
}

static void step(void)
{
	enum fuzz_device device = CONSOLE + below(DEVICES_END - CONSOLE);

	switch (below(9)) {
	case 0:
	case 1:
		if (!below(5))
			any_status(device);
		break;
	case 2:
		devices_notify(FUZZ_RAM + below(DEVICE_PAGES * PAGE_SIZE));
		break;
	case 3:
		devices_notify(any_value());
		break;
	case 4:
		rewrite_descriptors();
		break;
	case 5:
		if (!below(40))
			rewrite_ring(device);
		break;
	case 6:
		kick(device, below(found[device].num_vq));
		break;
	case 7:
		if (!below(60))
			request(device, below(found[device].num_vq));
		break;
	default:
		memset(found[device].config, any(), found[device].config_len);
	}
}

const struct fuzz_bus fuzz_lguest = {
	.name = "lguest's bus",
	.bus = &lguest_bus,
	.begin = find_devices,
	.step = step,
	.bring_up = bring_up,
};
