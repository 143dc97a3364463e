// SPDX-License-Identifier: GPL-2.0
/*
 * One life of a guest, in a process of its own: lay out the machine, then run it. Until that
 * begins, errors are the user's; after it, whatever happens may be a guest's doing.
 */
#include "launcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define FIRST_WITH_PCI		LINUX_VERSION(4, 0, 0)

/* @first may be NULL. */
static char *join(const char *first, const char *words)
{
	char *line;

	if (asprintf(&line, "%s%s%s", first ? first : "", first && *words ? " " : "",
		     words) < 0)
		die("no memory for the command line");
	return line;
}

/* Memory, kernel and devices, up to a guest that could run */
static void lay_out(const struct machine *machine, __u32 *version, const struct bus **bus)
{
	__u32 start;

	guest_memory_create(machine->memory);
	if (!machine->huge_pages)
		guest_memory_no_huge_pages();
	start = load_guest(machine->kernel, machine->initrd, version);
	*bus = machine->bus;
	if (!*bus)
		*bus = *version < FIRST_WITH_PCI ? &lguest_bus : &virtio_pci;
	load_command_line(join((*bus)->words, machine->words));
	devices_create(*bus, *version);
	guest_initialize(machine->device, start);
}

/**
 * machine_check() - see whether a guest could run here, and say what it is in a line of JSON
 * @machine: what it is
 *
 * Return: the exit status. Ends the program, with a word to the user, if it could not.
 */
int machine_check(const struct machine *machine)
{
	const struct bus *bus;
	__u32 version;

	lay_out(machine, &version, &bus);
	printf("{\"ok\":true,\"linux\":\"%u.%u.%u\",\"bus\":\"%s\"}\n", version >> 16,
	       version >> 8 & 0xff, version & 0xff, bus == &virtio_pci ? "pci" : "lguest");
	return 0;
}

/**
 * machine_run() - be the process of a guest
 * @machine: what it is
 * @channel: to the parent
 *
 * It ends by quit(): see run_guest().
 */
void machine_run(const struct machine *machine, int channel)
{
	const struct bus *bus;
	__u32 version;
	char c = 0;

	lay_out(machine, &version, &bus);
	sandbox_enter(machine->sandbox, machine->user);
	devices_attach();
	watch_start(channel);
	if (send(channel, &c, sizeof(c), MSG_NOSIGNAL) < 0)
		die("cannot speak to the parent: %m");
	sandbox_thread(SANDBOX_VCPU);
	run_guest();
}
