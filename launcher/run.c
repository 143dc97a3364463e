// SPDX-License-Identifier: GPL-2.0
/* Running the guest, until it dies or wants to start again. */
#include "launcher.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* In struct lguest_pending */
#define TRAP_GP		13
#define NOTIFIED	0x1f

static void guest_notified(unsigned long gpa)
{
	const char *text;
	size_t room, len;

	if (devices_notify(gpa))
		return;

	/* Not a device: it is a string for the early console. */
	text = guest_ram(gpa, 1);
	if (!text)
		die("the guest notified %#lx, which is no device and no memory",
		    gpa);
	room = guest_ram_size() - gpa;
	len = strnlen(text, room);
	if (len == room)
		die("the guest's early console string at %#lx has no end", gpa);
	stream_write(text, len);
}

/* See say_little[] of virtio_pci.c: "quiet" leaves messages of errors. */
static const char *died_of_printing(const char *reason)
{
	if (device_pages() && strstr(reason, "Attempted to kill init!"))
		return " (did it print before it has loaded virtio_pci? Then try \"loglevel=1\")";
	return "";
}

static void __noreturn guest_died(void)
{
	static const char shutdown[] = "CRASH: ";
	char reason[512] = "";
	size_t len;

	if (guest_read(reason, sizeof(reason) - 1) < 0)
		die("the guest died, and its reason cannot be read: %m");
	/* Linux ends some messages with a newline. */
	len = strlen(reason);
	if (len && reason[len - 1] == '\n')
		reason[len - 1] = '\0';
	/* The last words may still be on their way to the terminal. */
	devices_stop();
	if (!strcmp(reason, "CRASH: Power down"))
		quit(EXIT_POWERED_OFF, "guest powered off (CRASH: Power down)");
	/*
	 * Linux makes this hypercall to power off or when it panics. Any other reason is
	 * the host's, which is no panic: someone should read it.
	 */
	quit(strncmp(reason, shutdown, strlen(shutdown)) ? EXIT_DIED : EXIT_PANICKED,
	     "guest died: %s%s", reason, died_of_printing(reason));
}

/* What a trap of the guest is for, and what it is refused with */
static void guest_trapped(const struct lguest_pending *record)
{
	bool done = record->trap == TRAP_GP ? insn_port(record->insn) :
					      insn_memory(record->insn, record->addr);

	if (done || guest_trap(record->trap))
		return;
	die("the guest has no handler for its %s: %02x %02x %02x %02x %02x %02x %02x",
	    record->trap == TRAP_GP ? "access to a port" : "access to a device page",
	    record->insn[0], record->insn[1], record->insn[2], record->insn[3],
	    record->insn[4], record->insn[5], record->insn[6]);
}

/* Returns false, with errno, if the guest did not run until it wanted something. */
static bool run(void *wanted, size_t len)
{
	ssize_t n = guest_read(wanted, len);

	if (n >= 0 && (size_t)n != len)
		die("running the guest gave %zd bytes", n);
	return n >= 0;
}

static bool run_until_notified(unsigned long *gpa)
{
	struct lguest_pending record;

	if (!device_pages())
		return run(gpa, sizeof(*gpa));
	while (run(&record, sizeof(record))) {
		if (record.trap == NOTIFIED) {
			*gpa = record.addr;
			return true;
		}
		guest_trapped(&record);
	}
	return false;
}

/**
 * run_guest() - run the guest to its end
 *
 * Ends the process, with %EXIT_POWERED_OFF, %EXIT_REBOOTED, %EXIT_PANICKED or %EXIT_DIED, all
 * but %EXIT_REBOOTED with a word to the user, once its devices have done what it asked for.
 */
void run_guest(void)
{
	for (;;) {
		unsigned long gpa;

		if (run_until_notified(&gpa)) {
			guest_notified(gpa);
		} else if (errno == ENOENT) {
			guest_died();
		} else if (errno == ERESTART) {
			devices_stop();
			_exit(EXIT_REBOOTED);
		} else if (errno != EINTR) {
			die("cannot run the guest: %m");
		}
	}
}
