/* SPDX-License-Identifier: GPL-2.0 */
/* For the KUnit suites: /dev/lguest as Launchers use it */
#ifndef LG_TESTS_DEVICE_H
#define LG_TESTS_DEVICE_H

#include "guest.h"

/* What a buffer is full of before a read */
#define DEVICE_UNTOUCHED	0xa5

/* A new file, with a guest of its own; or an error */
struct file *device_open(struct guest *g);

/* For a suite's exit: closes guest.device, and the guest goes with it. */
void device_close(struct kunit *test);

/* Where reads and writes of this size are: nothing is mapped behind it. */
char __user *device_buffer(struct guest *g, size_t size);

ssize_t device_read(struct guest *g, void *to, size_t size);
ssize_t device_read_word(struct guest *g);		/* and drop it */
/* The last byte of the buffer is not there. */
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

/* In another thread of the Launcher's */
ssize_t guest_other_task(struct guest *g, ssize_t (*act)(struct guest *g));
/* In the same, after an exec, as it were */
ssize_t guest_other_memory(struct guest *g, ssize_t (*act)(struct guest *g));
/* In the same, after it has given up rights */
ssize_t guest_other_credentials(struct guest *g,
				ssize_t (*act)(struct guest *g));

#endif /* LG_TESTS_DEVICE_H */
