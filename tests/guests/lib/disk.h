/* SPDX-License-Identifier: GPL-2.0 */
/* The first disk on the lguest bus, one request after the other */
#ifndef GUEST_DISK_H
#define GUEST_DISK_H

#include "types.h"
#include "virtio.h"

#define SECTOR_SIZE	512

#define DISK_IN		0
#define DISK_OUT	1
#define DISK_SCSI	2
#define DISK_SCSI_OUT	3
#define DISK_FLUSH	4
#define DISK_FLUSH_OUT	5
#define DISK_GET_ID	8
#define DISK_BARRIER	0x80000000

#define DISK_OK		0
#define DISK_IOERR	1
#define DISK_UNSUPP	2
#define DISK_NONE	0xff

struct disk_request {
	struct {
		u32 type;
		u32 ioprio;
		u64 sector;
	} header;
	u8 data[SECTOR_SIZE];
	u8 status;
};

extern struct virtqueue disk_vq;

/* Whether there is one. With @flush the driver can flush. */
bool disk_start(bool flush);
/* In sectors */
u64 disk_capacity(void);
/* Offer a request of up to three descriptors, from @desc on. */
void disk_offer(struct disk_request *req, u16 desc, u32 type, u32 sector, u32 len);
/* Do one request. Returns its status. */
u8 disk_do(struct disk_request *req, u32 type, u32 sector, u32 len);

#endif /* GUEST_DISK_H */
