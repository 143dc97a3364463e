// SPDX-License-Identifier: GPL-2.0
/*
 * Virtio over PCI (virtio 1.0, section 4.1): the registers by which a driver sets a device
 * up, in the BAR, and the window to these in the configuration space, by which a guest's
 * first messages come.
 *
 * The driver is the guest's: it writes what it likes, in any order. A ring is looked at
 * when the device starts, and then its addresses don't change until it is reset.
 */
#include "launcher.h"

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <stdlib.h>
#include <string.h>

/* Non-transitional devices, sections 4.1.2 and 4.1.2.1 */
#define DEVICE_ID_BASE		0x1040
#define REVISION		1
#define SUBSYSTEM_ID		0x40

/* Where in the BAR what is */
#define COMMON			0x000
#define NOTIFY			0x400
#define NOTIFY_MULTIPLIER	4
#define ISR			0x800
#define CONFIG			0xc00

/* Where in the configuration space the capabilities are */
#define CAP_COMMON		0x40
#define CAP_NOTIFY		0x50
#define CAP_ISR			0x64
#define CAP_WINDOW		0x74
#define CAP_CONFIG		0x88

#define ISR_QUEUE		1
#define ISR_CONFIG		2

#define VERSION_1		((__u64)1 << VIRTIO_F_VERSION_1)

/* What a driver has told of a queue */
struct queue {
	__u16 size;
	bool enabled;
	__u32 address[6];	/* of the parts, each low and high, as in the registers */
};

struct virtio_function {
	struct pci_function pci;
	struct device *dev;
	__u32 device_feature_select, driver_feature_select;
	__u32 driver_features[2];
	__u16 queue_select;
	__u8 status;
	__u8 isr;		/* changed by other threads, too */
	/*
	 * A change of the configuration, of which a driver hears once it is there. The lock
	 * is for that and for the configuration itself.
	 */
	pthread_mutex_t lock;
	__u8 generation;
	bool live, changed;
	struct queue queue[VQ_MAX];
};

static struct virtio_function *function_of(struct pci_function *pci)
{
	return container_of(pci, struct virtio_function, pci);
}

static __u64 offered_features(const struct virtio_function *fn)
{
	return fn->dev->features | VERSION_1;
}

static __u64 driver_features(const struct virtio_function *fn)
{
	return (__u64)fn->driver_features[1] << 32 | fn->driver_features[0];
}

/* The queue that is selected, or NULL */
static struct queue *selected(struct virtio_function *fn)
{
	return fn->queue_select < fn->dev->num_vq ? &fn->queue[fn->queue_select] :
						    NULL;
}

static void interrupt(struct virtio_function *fn, __u8 cause)
{
	__atomic_fetch_or(&fn->isr, cause, __ATOMIC_ACQ_REL);
	guest_interrupt(fn->pci.irq);
}

/* The lock is held. */
static void tell_change(struct virtio_function *fn)
{
	if (!fn->live || !fn->changed)
		return;
	fn->changed = false;
	interrupt(fn, ISR_CONFIG);
}

static void set_live(struct virtio_function *fn, bool live)
{
	pthread_mutex_lock(&fn->lock);
	fn->live = live;
	/* Who comes new will read all of it. */
	if (!live)
		fn->changed = false;
	tell_change(fn);
	pthread_mutex_unlock(&fn->lock);
}

static void reset(struct virtio_function *fn)
{
	set_live(fn, false);
	device_stop(fn->dev);
	fn->status = 0;
	memset(fn->driver_features, 0, sizeof(fn->driver_features));
	fn->queue_select = 0;
	__atomic_store_n(&fn->isr, 0, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < fn->dev->num_vq; i++) {
		struct virtqueue *vq = &fn->dev->vq[i];

		memset(&fn->queue[i], 0, sizeof(fn->queue[i]));
		fn->queue[i].size = vq->num;
		memset(&vq->vring, 0, sizeof(vq->vring));
	}
}

/* A part of a ring, if all of it is in RAM and as it should be aligned */
static void *ring_part(const struct virtqueue *vq, const __u32 *address, size_t len,
		       unsigned int align)
{
	__u64 gpa = (__u64)address[1] << 32 | address[0];
	void *part = guest_ram(gpa, len);

	if (!part || gpa % align)
		vq_bad_guest(vq, "ring at %#llx of %zu bytes", gpa, len);
	return part;
}

static void find_ring(struct virtqueue *vq, const struct queue *queue)
{
	struct vring *vring = &vq->vring;
	unsigned int num = queue->size;

	/* Sections 2.4 and 2.4.5 to 2.4.8: alignment, and size with the event words */
	vring->num = num;
	vring->desc = ring_part(vq, &queue->address[0],
				num * sizeof(struct vring_desc), 16);
	vring->avail = ring_part(vq, &queue->address[2], (3 + num) * sizeof(__u16), 2);
	vring->used = ring_part(vq, &queue->address[4], 3 * sizeof(__u16) +
				num * sizeof(struct vring_used_elem), 4);
}

/*
 * From now on the guest's notifies don't come to us, but from a host that knows eventfds for
 * hypercalls only. An eventfd stays where the BAR was; what moves there takes its place.
 */
static void attach_eventfds(struct virtio_function *fn)
{
	__u32 bar = pci_bar(&fn->pci);

	for (unsigned int i = 0; bar && i < fn->dev->num_vq; i++)
		guest_attach_eventfd(bar + NOTIFY + i * NOTIFY_MULTIPLIER,
				     fn->dev->vq[i].eventfd);
}

static void virtio_moved(struct pci_function *pci)
{
	struct virtio_function *fn = function_of(pci);

	if (fn->dev->running)
		attach_eventfds(fn);
}

static void start(struct virtio_function *fn)
{
	attach_eventfds(fn);
	for (unsigned int i = 0; i < fn->dev->num_vq; i++) {
		if (fn->queue[i].enabled)
			find_ring(&fn->dev->vq[i], &fn->queue[i]);
	}
	device_start(fn->dev);
	set_live(fn, true);
}

static void set_status(struct virtio_function *fn, __u8 status)
{
	__u8 changed = status & ~fn->status;

	if (!status) {
		reset(fn);
		return;
	}
	/* What the device can't do the driver finds refused (section 3.1.1, step 6). */
	if (changed & VIRTIO_CONFIG_S_FEATURES_OK) {
		if (driver_features(fn) & ~offered_features(fn) ||
		    !(driver_features(fn) & VERSION_1))
			status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
		else
			device_configure(fn->dev, driver_features(fn));
	}
	if (!(status & VIRTIO_CONFIG_S_FEATURES_OK))
		status &= ~VIRTIO_CONFIG_S_DRIVER_OK;
	/* No bit is cleared but by a reset. */
	fn->status |= status;
	if (fn->status & VIRTIO_CONFIG_S_DRIVER_OK && !fn->dev->running)
		start(fn);
}

/* A field of struct virtio_pci_common_cfg, by its offset and size in one */
#define FIELD(field)							\
	(offsetof(struct virtio_pci_common_cfg, field) << 4 |		\
	 sizeof(((struct virtio_pci_common_cfg *)NULL)->field))

/* Which word of a queue's addresses is there? -1 if none */
static int address_part(unsigned int at, unsigned int size)
{
	const unsigned int first = offsetof(struct virtio_pci_common_cfg, queue_desc_lo);

	if (size != 4 || at % 4 || at < first || at >= sizeof(struct virtio_pci_common_cfg))
		return -1;
	return (at - first) / 4;
}

static __u8 config_generation(struct virtio_function *fn)
{
	__u8 generation;

	pthread_mutex_lock(&fn->lock);
	generation = fn->generation;
	pthread_mutex_unlock(&fn->lock);
	return generation;
}

static __u32 common_read(struct virtio_function *fn, unsigned int at, unsigned int size)
{
	struct queue *queue = selected(fn);
	int part = address_part(at, size);

	if (part >= 0)
		return queue ? queue->address[part] : 0;
	switch (at << 4 | size) {
	case FIELD(device_feature_select):
		return fn->device_feature_select;
	case FIELD(device_feature):
		return fn->device_feature_select < 2 ?
			offered_features(fn) >> fn->device_feature_select * 32 : 0;
	case FIELD(guest_feature_select):
		return fn->driver_feature_select;
	case FIELD(guest_feature):
		return fn->driver_feature_select < 2 ?
			fn->driver_features[fn->driver_feature_select] : 0;
	case FIELD(msix_config):
	case FIELD(queue_msix_vector):
		return VIRTIO_MSI_NO_VECTOR;
	case FIELD(num_queues):
		return fn->dev->num_vq;
	case FIELD(device_status):
		return fn->status;
	case FIELD(config_generation):
		return config_generation(fn);
	case FIELD(queue_select):
		return fn->queue_select;
	case FIELD(queue_size):
		return queue ? queue->size : 0;
	case FIELD(queue_enable):
		return queue && queue->enabled;
	case FIELD(queue_notify_off):
		return fn->queue_select;
	default:
		return ~0U;
	}
}

static void common_write(struct virtio_function *fn, unsigned int at, unsigned int size,
			 __u32 value)
{
	bool settled = fn->status & VIRTIO_CONFIG_S_FEATURES_OK;
	struct queue *queue = selected(fn);
	int part = address_part(at, size);

	if (part >= 0) {
		if (queue && !queue->enabled)
			queue->address[part] = value;
		return;
	}
	switch (at << 4 | size) {
	case FIELD(device_feature_select):
		fn->device_feature_select = value;
		break;
	case FIELD(guest_feature_select):
		fn->driver_feature_select = value;
		break;
	case FIELD(guest_feature):
		if (fn->driver_feature_select < 2 && !settled)
			fn->driver_features[fn->driver_feature_select] = value;
		break;
	case FIELD(device_status):
		set_status(fn, value);
		break;
	case FIELD(queue_select):
		fn->queue_select = value;
		break;
	case FIELD(queue_size):
		if (queue && !queue->enabled && value && !(value & (value - 1)) &&
		    value <= fn->dev->vq[fn->queue_select].num)
			queue->size = value;
		break;
	case FIELD(queue_enable):
		/* Section 4.1.4.3.2: before DRIVER_OK, and never back */
		if (queue && value == 1 && !fn->dev->running)
			queue->enabled = true;
		break;
	}
}

static __u32 config_read(struct virtio_function *fn, unsigned int at, unsigned int size)
{
	const struct device *dev = fn->dev;
	__u32 value = 0;

	if (at + size > dev->config_len)
		return ~0U;
	pthread_mutex_lock(&fn->lock);
	memcpy(&value, (const char *)&dev->config + at, size);
	pthread_mutex_unlock(&fn->lock);
	return value;
}

static __u32 virtio_read(struct pci_function *pci, unsigned int at, unsigned int size)
{
	struct virtio_function *fn = function_of(pci);

	switch (at & ~0x3ffU) {
	case COMMON:
		return common_read(fn, at - COMMON, size);
	case ISR:
		/* Section 4.1.4.5.1: a read is the acknowledgment. */
		return at == ISR && size == 1 ?
			__atomic_exchange_n(&fn->isr, 0, __ATOMIC_ACQ_REL) : ~0U;
	case CONFIG:
		return config_read(fn, at - CONFIG, size);
	default:
		return ~0U;
	}
}

static void notify(struct virtio_function *fn, unsigned int at)
{
	unsigned int i = at / NOTIFY_MULTIPLIER;

	if (at % NOTIFY_MULTIPLIER == 0 && i < fn->dev->num_vq)
		vq_kick(&fn->dev->vq[i]);
}

static void virtio_write(struct pci_function *pci, unsigned int at, unsigned int size,
			 __u32 value)
{
	struct virtio_function *fn = function_of(pci);
	struct device *dev = fn->dev;

	switch (at & ~0x3ffU) {
	case COMMON:
		common_write(fn, at - COMMON, size, value);
		break;
	case NOTIFY:
		notify(fn, at - NOTIFY);
		break;
	case CONFIG:
		if (dev->config_written)
			dev->config_written(dev, at - CONFIG, value);
		break;
	}
}

/* Section 4.1.4.7: the access that the capability's own fields describe */
static bool window(struct pci_function *pci, unsigned int *at, unsigned int *size)
{
	__u32 bar = pci->config[(CAP_WINDOW + VIRTIO_PCI_CAP_BAR) / 4] & 0xff;

	*at = pci->config[(CAP_WINDOW + VIRTIO_PCI_CAP_OFFSET) / 4];
	*size = pci->config[(CAP_WINDOW + VIRTIO_PCI_CAP_LENGTH) / 4];
	return !bar && (*size == 1 || *size == 2 || *size == 4) && *at < PAGE_SIZE &&
		!(*at % *size);
}

static __u32 window_read(struct pci_function *pci)
{
	unsigned int at, size;

	return window(pci, &at, &size) ? virtio_read(pci, at, size) : ~0U;
}

static void window_write(struct pci_function *pci, __u32 value)
{
	unsigned int at, size;

	if (window(pci, &at, &size))
		virtio_write(pci, at, size, value & bytes_mask(size));
}

static const struct pci_ops virtio_ops = {
	.read = virtio_read,
	.write = virtio_write,
	.window_read = window_read,
	.window_write = window_write,
	.moved = virtio_moved,
};

/* @next: where the next capability is */
static void add_capability(struct pci_function *pci, unsigned int at, unsigned int len,
			   unsigned int next, unsigned int type, __u32 offset,
			   __u32 length)
{
	pci_set(pci, at, PCI_CAP_ID_VNDR | next << 8 | len << 16 | type << 24, 0);
	pci_set(pci, at + VIRTIO_PCI_CAP_BAR, 0, 0);
	pci_set(pci, at + VIRTIO_PCI_CAP_OFFSET, offset, 0);
	pci_set(pci, at + VIRTIO_PCI_CAP_LENGTH, length, 0);
}

static void add_capabilities(struct pci_function *pci, const struct device *dev)
{
	const unsigned int len = sizeof(struct virtio_pci_cap);

	add_capability(pci, CAP_COMMON, len, CAP_NOTIFY, VIRTIO_PCI_CAP_COMMON_CFG, COMMON,
		       sizeof(struct virtio_pci_common_cfg));
	add_capability(pci, CAP_NOTIFY, sizeof(struct virtio_pci_notify_cap), CAP_ISR,
		       VIRTIO_PCI_CAP_NOTIFY_CFG, NOTIFY, dev->num_vq * NOTIFY_MULTIPLIER);
	pci_set(pci, CAP_NOTIFY + VIRTIO_PCI_NOTIFY_CAP_MULT, NOTIFY_MULTIPLIER, 0);
	add_capability(pci, CAP_ISR, len, CAP_WINDOW, VIRTIO_PCI_CAP_ISR_CFG, ISR, 1);

	add_capability(pci, CAP_WINDOW, sizeof(struct virtio_pci_cfg_cap),
		       dev->config_len ? CAP_CONFIG : 0, VIRTIO_PCI_CAP_PCI_CFG, 0, 0);
	pci_set(pci, CAP_WINDOW + VIRTIO_PCI_CAP_BAR, 0, 0xff);
	pci_set(pci, CAP_WINDOW + VIRTIO_PCI_CAP_OFFSET, 0, ~0U);
	pci_set(pci, CAP_WINDOW + VIRTIO_PCI_CAP_LENGTH, 0, ~0U);
	pci->window = CAP_WINDOW + sizeof(struct virtio_pci_cap);
	pci_set(pci, pci->window, 0, ~0U);

	if (dev->config_len)
		add_capability(pci, CAP_CONFIG, len, 0, VIRTIO_PCI_CAP_DEVICE_CFG, CONFIG,
			       dev->config_len);
	pci_set(pci, PCI_CAPABILITY_LIST, CAP_COMMON, 0);
}

/* Class and subclass (PCI Code and ID Assignment Specification) */
static __u32 class_of(const struct device *dev)
{
	switch (dev->type) {
	case VIRTIO_ID_NET:
		return 0x0200;
	case VIRTIO_ID_BLOCK:
		return 0x0180;
	case VIRTIO_ID_CONSOLE:
		return 0x0780;
	case VIRTIO_ID_9P:
		return 0x0002;
	default:
		return 0xff00;
	}
}

static void virtio_pci_add(struct device *dev)
{
	struct virtio_function *fn = calloc(1, sizeof(*fn));
	struct pci_function *pci;

	if (!fn)
		die("no memory for a device");
	pci = &fn->pci;
	pthread_mutex_init(&fn->lock, NULL);
	fn->dev = dev;
	dev->slot = fn;
	pci->ops = &virtio_ops;
	pci_set(pci, PCI_VENDOR_ID, VENDOR_ID_VIRTIO | (DEVICE_ID_BASE + dev->type) << 16, 0);
	pci_set(pci, PCI_CLASS_REVISION, class_of(dev) << 16 | REVISION, 0);
	pci_set(pci, PCI_SUBSYSTEM_VENDOR_ID, VENDOR_ID_VIRTIO | SUBSYSTEM_ID << 16, 0);
	add_capabilities(pci, dev);
	pci_add(pci);
	reset(fn);
}

static void virtio_pci_interrupt(struct virtqueue *vq)
{
	interrupt(vq->dev->slot, ISR_QUEUE);
}

/* Section 4.1.4.3.1: the generation, lest a driver read half of the old and half of the new */
static void virtio_pci_refresh(struct device *dev)
{
	struct virtio_function *fn = dev->slot;

	pthread_mutex_lock(&fn->lock);
	if (dev->refresh(dev)) {
		fn->generation++;
		fn->changed = true;
		tell_change(fn);
	}
	pthread_mutex_unlock(&fn->lock);
}

/*
 * Linux's early console is code that it frees when init starts (__init early_put_chars()),
 * and the driver that takes its place needs this bus's. Where that is a module, as
 * distributions have it, the next message that is printed jumps to what was freed. Besides,
 * each character on that console takes 8 accesses to ports.
 */
static const char say_little[] = "quiet";

const struct bus virtio_pci = {
	.modern = true,
	.words = say_little,
	.device_pages = pci_device_pages,
	.create = pci_create,
	.add = virtio_pci_add,
	.interrupt = virtio_pci_interrupt,
	.refresh = virtio_pci_refresh,
};
