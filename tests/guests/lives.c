// SPDX-License-Identifier: GPL-2.0
/*
 * Counts its lives on a disk, and says on the console which one this is: "life N". It reboots
 * until it has had LIVES.
 */
#include "disk.h"
#include "printf.h"
#include "setup.h"
#include "string.h"

#define LIVES	3

void guest_main(void)
{
	static struct disk_request req;
	u32 life;

	if (!disk_start(true) || disk_do(&req, DISK_IN, 0, SECTOR_SIZE) != DISK_OK) {
		printf("no disk\n");
		return;
	}
	memcpy(&life, req.data, sizeof(life));
	life++;
	printf("life %u\n", life);
	memcpy(req.data, &life, sizeof(life));
	if (disk_do(&req, DISK_OUT, 0, SECTOR_SIZE) != DISK_OK ||
	    disk_do(&req, DISK_FLUSH, 0, 0) != DISK_OK)
		printf("the disk can't be written to\n");
	else if (life < LIVES)
		reboot();
}
