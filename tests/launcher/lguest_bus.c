// SPDX-License-Identifier: GPL-2.0
/* lguest's bus, by a driver that goes wrong on purpose. Each test is a process of its own. */
#include "ktap.h"
#include "machine.h"

#include <linux/virtio_config.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RAM		0x100000

/* The only device's */
static struct lguest_device_desc *desc;

static void create(void)
{
	guest_memory_create(RAM);
	console_add();
	devices_create(&lguest_bus, LINUX_VERSION(3, 2, 0));
	devices_attach();
	desc = (void *)((char *)guest_memory_base() + RAM);
}

static void set_status(__u8 status)
{
	desc->status = status;
	devices_notify(RAM);
}

/* What is said on standard error from now on goes to the file. */
static FILE *record(void)
{
	FILE *file = tmpfile();

	if (!file || dup2(fileno(file), STDERR_FILENO) < 0)
		die("a file: %m");
	return file;
}

static unsigned int count_lines(FILE *file, const char *text)
{
	unsigned int count = 0;
	char line[256];

	rewind(file);
	while (fgets(line, sizeof(line), file))
		count += !!strstr(line, text);
	return count;
}

/* A guest could fill the host's disk by it. */
static void failure_is_told_once(void)
{
	FILE *said = record();

	create();
	for (unsigned int i = 0; i < 1000; i++) {
		set_status(VIRTIO_CONFIG_S_DRIVER);
		EXPECT_EQ(devices_first()->running, true);
		set_status(VIRTIO_CONFIG_S_FAILED);
		EXPECT_EQ(devices_first()->running, false);
	}
	EXPECT_EQ(count_lines(said, "console: the guest's driver failed"), 1);
}

/* A device has one address, whatever its descriptor says by now. */
static void notifies(void)
{
	create();
	memset(desc, 0xff, PAGE_SIZE);
	desc->status = VIRTIO_CONFIG_S_DRIVER;
	EXPECT_EQ(devices_notify(RAM + 1), false);
	EXPECT_EQ(devices_notify(0), false);
	EXPECT_EQ(devices_first()->running, false);
	EXPECT_EQ(devices_notify(RAM), true);
	EXPECT_EQ(devices_first()->running, true);
}

int main(void)
{
	puts("KTAP version 1\n1..2");
	run_in_child("lguest's bus: a failure is told once", failure_is_told_once);
	run_in_child("lguest's bus: notifies", notifies);
	fflush(stdout);
	_exit(ktap_failed());
}
