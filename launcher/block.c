// SPDX-License-Identifier: GPL-2.0
/* Virtio block: a file or block device of the host as a disk of the guest. */
#include "launcher.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

/* A flush, by a driver that takes it for a write. Not in the kernel's header */
#define VIRTIO_BLK_T_FLUSH_OUT	(VIRTIO_BLK_T_FLUSH | VIRTIO_BLK_T_OUT)

struct block {
	struct device dev;
	struct disk *disk;
	/* Each write is there to stay before the guest hears that it is done. */
	bool write_through;
};

static bool block_transfer(struct block *block, bool write, __u64 sector,
			   struct iovec *iov, unsigned int num)
{
	__u64 sectors = disk_size(block->disk) / SECTOR_SIZE;
	__u64 len = iov_length(iov, num);

	if (len % SECTOR_SIZE || sector > sectors ||
	    len / SECTOR_SIZE > sectors - sector)
		return false;
	if (write)
		return disk_write(block->disk, sector * SECTOR_SIZE, iov, num,
				  READ_ONCE(block->write_through));
	return disk_read(block->disk, sector * SECTOR_SIZE, iov, num);
}

static bool block_get_id(struct block *block, struct iovec *in,
			 unsigned int num)
{
	const char *file = disk_name(block->disk);
	const char *slash = strrchr(file, '/');
	char id[VIRTIO_BLK_ID_BYTES] = { };
	const char *name = slash ? slash + 1 : file;

	memcpy(id, name, strnlen(name, sizeof(id)));
	return iov_write(in, num, id, sizeof(id)) == sizeof(id);
}

static void block_request(struct virtqueue *vq, struct vq_chain *chain)
{
	struct block *block = container_of(vq->dev, struct block, dev);
	struct virtio_blk_outhdr hdr;
	struct iovec *last;
	__u64 in_len;
	__u8 *status;
	bool ok;

	if (iov_read(chain->out, chain->out_num, &hdr, sizeof(hdr)) !=
	    sizeof(hdr))
		vq_bad_guest(vq, "no room for a header");
	/* The status goes into the last byte. */
	last = chain->in_num ? &chain->in[chain->in_num - 1] : NULL;
	if (!last || !last->iov_len)
		vq_bad_guest(vq, "no room for a status");
	status = (__u8 *)last->iov_base + --last->iov_len;
	in_len = iov_length(chain->in, chain->in_num);

	/*
	 * Guests before 2.6.37 mark the flushes and the write of a barrier, which
	 * no other request may pass. None does: we finish each request before we
	 * take the next.
	 */
	switch (hdr.type & ~VIRTIO_BLK_T_BARRIER) {
	case VIRTIO_BLK_T_IN:
		ok = block_transfer(block, false, hdr.sector, chain->in,
				    chain->in_num);
		break;
	case VIRTIO_BLK_T_OUT:
		ok = !disk_is_read_only(block->disk) &&
			block_transfer(block, true, hdr.sector, chain->out,
				       chain->out_num);
		break;
	case VIRTIO_BLK_T_FLUSH:
	case VIRTIO_BLK_T_FLUSH_OUT:
		ok = disk_flush(block->disk);
		break;
	case VIRTIO_BLK_T_GET_ID:
		ok = block_get_id(block, chain->in, chain->in_num);
		break;
	default:
		*status = VIRTIO_BLK_S_UNSUPP;
		vq_used(vq, chain, 1);
		return;
	}
	*status = ok ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
	vq_used(vq, chain, ok ? in_len + 1 : 1);
}

static void block_serve(struct virtqueue *vq)
{
	struct vq_chain chain;

	while (vq_next(vq, &chain))
		block_request(vq, &chain);
}

/* 2.6.31 knows no flush, and assumes that no disk needs one. */
static void block_configure(struct device *dev, __u64 features)
{
	struct block *block = container_of(dev, struct block, dev);

	block->write_through = !(features & 1 << VIRTIO_BLK_F_FLUSH);
}

static bool block_refresh(struct device *dev)
{
	struct block *block = container_of(dev, struct block, dev);

	if (!disk_refresh(block->disk))
		return false;
	dev->config.block.capacity = disk_size(block->disk) / SECTOR_SIZE;
	return true;
}

/* A disk may have become larger since it was opened. */
static void block_create(struct device *dev)
{
	block_refresh(dev);
}

/**
 * block_add() - give the guest a disk
 * @spec: as disk_open() takes it
 */
void block_add(const char *spec)
{
	struct block *block = calloc(1, sizeof(*block));
	__u64 read_only;

	if (!block)
		die("no memory for a disk");
	block->disk = disk_open(spec);
	read_only = disk_is_read_only(block->disk);

	block->dev = (struct device) {
		.name = disk_name(block->disk),
		.type = VIRTIO_ID_BLOCK,
		.num_vq = 1,
		.vq = { { .num = VQ_MAX_ENTRIES, .serve = block_serve } },
		.features = 1 << VIRTIO_BLK_F_SEG_MAX |
			1 << VIRTIO_BLK_F_FLUSH |
			read_only << VIRTIO_BLK_F_RO |
			1 << VIRTIO_RING_F_INDIRECT_DESC,
		.create = block_create,
		.configure = block_configure,
		.refresh = block_refresh,
	};
	block->dev.config.block.capacity = disk_size(block->disk) / SECTOR_SIZE;
	/* A request also has a header and a status, in a buffer each. */
	block->dev.config.block.seg_max = VQ_MAX_ENTRIES - 2;
	block->dev.config_len = offsetof(struct virtio_blk_config, geometry);
	device_add(&block->dev);
}
