// SPDX-License-Identifier: GPL-2.0
/* The guest, as /dev/lguest shows it: what we ask of it, and one reading of it. */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int lguest_fd;

/* Launchers name them so, and instructions by this order. */
const __u8 guest_general[8] = { 24, 4, GUEST_EDX, 0, 60, 20, 12, 16 };

void guest_initialize(const char *device, __u32 start)
{
	unsigned long args[] = {
		LHREQ_INITIALIZE, (unsigned long)guest_memory_base(),
		guest_pages(), start, device_pages(),
	};
	/* The last word is for guests that have such pages. */
	size_t len = sizeof(args) - (args[4] ? 0 : sizeof(*args));

	lguest_fd = open(device, O_RDWR | O_CLOEXEC);
	if (lguest_fd < 0)
		die("%s: %m%s", device,
		    errno == ENOENT ? " (is lg.ko loaded?)" : "");
	if (write(lguest_fd, args, len) < 0)
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

/*
 * Run the guest until it wants something of us, which @buf then has. What that is depends
 * on @len (ABI.md section 1).
 */
ssize_t guest_read(void *buf, size_t len)
{
	return pread(lguest_fd, buf, len, 0);
}

/* A register of the guest's, which has just come out with a record */
__u32 guest_register(unsigned int offset)
{
	unsigned long args[] = { LHREQ_GETREG, offset };
	__u32 value;

	if (write(lguest_fd, args, sizeof(args)) ||
	    pread(lguest_fd, &value, sizeof(value), 0) != sizeof(value))
		die("cannot read a register of the guest: %m");
	return value;
}

void guest_set_register(unsigned int offset, __u32 value)
{
	unsigned long args[] = { LHREQ_SETREG, offset, value };

	if (write(lguest_fd, args, sizeof(args)))
		die("cannot set a register of the guest: %m");
}

/* Let the guest's own handler have a trap. False if it has none. */
bool guest_trap(unsigned int vector)
{
	unsigned long args[] = { LHREQ_TRAP, vector };

	/* If the guest has died of it, the next read tells. */
	if (!write(lguest_fd, args, sizeof(args)) || errno == ENOENT)
		return true;
	if (errno != EINVAL)
		die("cannot give the guest trap %u: %m", vector);
	return false;
}
