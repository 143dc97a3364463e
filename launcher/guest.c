// SPDX-License-Identifier: GPL-2.0
/*
 * The guest, as /dev/lguest shows it: a read runs the guest until it wants
 * something of us, and a write is a request of ours.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int lguest_fd;

void guest_initialize(const char *device, __u32 start)
{
	unsigned long args[] = {
		LHREQ_INITIALIZE, (unsigned long)guest_memory_base(),
		guest_memory_pages(), start,
	};

	lguest_fd = open(device, O_RDWR | O_CLOEXEC);
	if (lguest_fd < 0)
		die("%s: %m%s", device,
		    errno == ENOENT ? " (is lg.ko loaded?)" : "");
	if (write(lguest_fd, args, sizeof(args)) < 0)
		die("%s: cannot make a guest: %m", device);
}

/* From now on, a notify of @gpa goes to @fd and no longer comes to us. */
void guest_attach_eventfd(__u32 gpa, int fd)
{
	unsigned long args[] = { LHREQ_EVENTFD, gpa, fd };

	if (write(lguest_fd, args, sizeof(args)))
		die("cannot attach an eventfd to the guest: %m");
}

void guest_interrupt(unsigned int irq)
{
	unsigned long args[] = { LHREQ_IRQ, irq };

	/* A dead guest is the business of the thread that runs it. */
	if (write(lguest_fd, args, sizeof(args)) && errno != ENOENT)
		die("cannot raise interrupt %u in the guest: %m", irq);
}

static void guest_notified(unsigned long gpa)
{
	const char *text;
	size_t room, len;

	if (bus_notify(gpa))
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
	terminal_write(text, len);
}

/*
 * To start over, we execute ourselves: all our files close on exec, and nothing of
 * a guest outlives its file.
 */
static void __noreturn guest_restart(char **argv)
{
	bus_stop();
	terminal_restore();
	execv("/proc/self/exe", argv);
	/* There may be no /proc. */
	execvp(argv[0], argv);
	die("cannot restart %s: %m", argv[0]);
}

/* The keyboard's thread goes on: one can still leave. */
static void __noreturn guest_restart_in(int seconds, char **argv)
{
	if (seconds > 0)
		fprintf(stderr, "lguest: it starts again in %d s (panic=%d)\n",
			seconds, seconds);
	while (seconds > 0)
		seconds = sleep(seconds);
	guest_restart(argv);
}

static void __noreturn guest_died(char **argv, int panic_timeout)
{
	static const char shutdown[] = "CRASH: ";
	char reason[512] = "";

	if (pread(lguest_fd, reason, sizeof(reason) - 1, 0) < 0)
		die("the guest died, and its reason cannot be read: %m");
	/* The last words may still be on their way to the terminal. */
	bus_stop();
	if (!strcmp(reason, "CRASH: Power down"))
		quit(0, "guest powered off (%s)", reason);
	/*
	 * Linux makes this hypercall to power off or when it panics. Any other reason is
	 * the host's, which is no panic: someone should read it.
	 */
	if (strncmp(reason, shutdown, strlen(shutdown)) || !panic_timeout)
		die("guest died: %s", reason);
	fprintf(stderr, "lguest: guest died: %s\n", reason);
	guest_restart_in(panic_timeout, argv);
}

void guest_run(char **argv, int panic_timeout)
{
	for (;;) {
		unsigned long gpa;
		ssize_t n = pread(lguest_fd, &gpa, sizeof(gpa), 0);

		if (n == sizeof(gpa))
			guest_notified(gpa);
		else if (n >= 0)
			die("running the guest gave %zd bytes", n);
		else if (errno == ENOENT)
			guest_died(argv, panic_timeout);
		else if (errno == ERESTART)
			guest_restart(argv);
		else if (errno != EINTR)
			die("cannot run the guest: %m");
	}
}
