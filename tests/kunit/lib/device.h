/* SPDX-License-Identifier: GPL-2.0 */
/* For the KUnit suites: /dev/lguest as Launchers use it */
#ifndef LG_TESTS_DEVICE_H
#define LG_TESTS_DEVICE_H

#include "guest.h"

/* device_read() fills the buffer with this byte before it reads. */
#define DEVICE_UNTOUCHED	0xa5

/* Opens a new file, with a guest of its own. Returns an ERR_PTR() on failure. */
struct file *device_open(struct guest *g);

/* For a suite's exit: closes guest.device, which ends the guest. */
void device_close(struct kunit *test);

/* The buffer for reads and writes of this size. Nothing is mapped behind it. */
char __user *device_buffer(struct guest *g, size_t size);

ssize_t device_read(struct guest *g, void *to, size_t size);
ssize_t device_read_word(struct guest *g);		/* and drop it */
/* Into a buffer whose last byte is not mapped */
ssize_t device_read_beyond(struct guest *g, size_t size);

/* write(2) of these words */
#define device_write(g, ...)						\
({									\
	const unsigned long _request[] = { __VA_ARGS__ };		\
									\
	device_write_at(g, _request, sizeof(_request), 0);		\
})
ssize_t device_write_at(struct guest *g, const unsigned long *words,
			size_t size, loff_t pos);

/* Calls @act in another thread of the Launcher's. */
ssize_t guest_other_task(struct guest *g, ssize_t (*act)(struct guest *g));
/* Calls @act in this thread with another address space, as after an exec. */
ssize_t guest_other_memory(struct guest *g, ssize_t (*act)(struct guest *g));
/* Calls @act in this thread with other credentials, as after it gave up rights. */
ssize_t guest_other_credentials(struct guest *g,
				ssize_t (*act)(struct guest *g));

#endif /* LG_TESTS_DEVICE_H */
