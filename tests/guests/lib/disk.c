// SPDX-License-Identifier: GPL-2.0
#include "disk.h"
#include "irq.h"
#include "string.h"

#define BLK_F_FLUSH	9

struct virtqueue disk_vq;
static struct lguest_device_desc *disk;

/* Interrupts only wake us. */
static void woken(struct regs *regs)
{
	(void)regs;
}

bool disk_start(bool flush)
{
	disk = virtio_find(VIRTIO_BLOCK);
	if (!disk)
		return false;
	virtio_reset(disk);
	if (flush)
		virtio_accept(disk, BLK_F_FLUSH);
	if (!virtio_queue(disk, 0, &disk_vq))
		return false;
	irq_handler(disk_vq.irq, woken);
	virtio_start(disk);
	return true;
}

u64 disk_capacity(void)
{
	u64 sectors;

	memcpy(&sectors, disk->config + sizeof(struct lguest_vqconfig) +
	       2 * disk->feature_len, sizeof(sectors));
	return sectors;
}

void disk_offer(struct disk_request *req, u16 desc, u32 type, u32 sector, u32 len)
{
	u16 dir = type & DISK_OUT ? 0 : VRING_DESC_WRITE;
	u16 next = desc + 1;

	req->header.type = type;
	req->header.sector = sector;
	req->status = DISK_NONE;
	vq_describe(&disk_vq, desc, &req->header, sizeof(req->header),
		    VRING_DESC_NEXT);
	if (len)
		vq_describe(&disk_vq, next++, req->data, len,
			    VRING_DESC_NEXT | dir);
	vq_describe(&disk_vq, next, &req->status, 1, VRING_DESC_WRITE);
	vq_offer(&disk_vq, desc);
}

u8 disk_do(struct disk_request *req, u32 type, u32 sector, u32 len)
{
	disk_offer(req, 0, type, sector, len);
	vq_kick(&disk_vq);
	vq_wait(&disk_vq, &len);
	return req->status;
}
