// SPDX-License-Identifier: GPL-2.0
/*
 * Writes to a disk for ever, and says on the console what it was told that it is safe:
 * "durable N" means that the writes 1 to N are. Write n fills sector n % SECTORS with n.
 * With "flush" on its command line the driver flushes after some writes; without, it knows
 * no flush. If one of these fails, it tries again some times, and ends; with "flush wait" it
 * waits for a key before that.
 */
#include "console.h"
#include "disk.h"
#include "paging.h"
#include "printf.h"
#include "setup.h"
#include "string.h"

#define SECTORS		512
#define WRITES		8	/* from one flush to the next */
#define MORE		20	/* flushes, after one has failed */

static bool flush, waits;

static u8 put(u32 n)
{
	static struct disk_request req;

	for (u32 i = 0; i < SECTOR_SIZE; i += sizeof(n))
		memcpy(req.data + i, &n, sizeof(n));
	return disk_do(&req, DISK_OUT, n % SECTORS, SECTOR_SIZE);
}

static u8 make_durable(void)
{
	static struct disk_request req;

	return flush ? disk_do(&req, DISK_FLUSH, 0, 0) : DISK_OK;
}

static void tell_of_failures(u32 n)
{
	u32 failures = 0;

	printf("failed after %u\n", n - 1);
	if (waits)
		console_getc();
	for (u32 i = 0; i < MORE; i++)
		failures += (put(n + i) | make_durable()) != DISK_OK;
	printf("failed again: %u of %u\n", failures, MORE);
}

void guest_main(void)
{
	waits = !strcmp(command_line(), "flush wait");
	flush = waits || !strcmp(command_line(), "flush");
	/* What it says still goes the short way. */
	if (waits && console_init())
		console_use(false);
	if (!disk_start(flush) || disk_capacity() < SECTORS) {
		printf("no disk of %u sectors\n", SECTORS);
		return;
	}
	for (u32 n = 1;; n++) {
		u8 status = put(n);

		if (status == DISK_OK && n % WRITES == 0)
			status = make_durable();
		if (status != DISK_OK) {
			tell_of_failures(n);
			return;
		}
		if (!flush || n % WRITES == 0)
			printf("durable %u\n", n);
	}
}
