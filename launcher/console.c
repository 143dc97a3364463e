// SPDX-License-Identifier: GPL-2.0
/* Virtio console: the guest's hvc0, as a stream of ours (stream.c). */
#include "launcher.h"

#include <errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A guest parks a page of memory in every entry of the input queue. */
#define CONSOLE_QUEUE	16

/* The guest is to be told of the size, changed or not. */
static bool size_untold;

/*
 * Linux asks for the size only when it is told of a change, and forgets it if its own
 * console is not there yet. So we tell it at the start, and with the first key.
 */
static void tell_size(void)
{
	__atomic_store_n(&size_untold, true, __ATOMIC_RELAXED);
	devices_refresh(VIRTIO_ID_CONSOLE);
}

static void console_input(struct virtqueue *vq)
{
	int fd = stream_input();
	struct vq_chain chain;
	bool first = true;
	ssize_t n;

	while (vq_next(vq, &chain)) {
		if (chain.out_num)
			vq_bad_guest(vq, "output for the input queue");
		do {
			stream_ask();
			if (!vq_wait_file(vq, fd, POLLIN))
				return;
			n = readv(fd, chain.in, chain.in_num);
		} while (n < 0 && (errno == EINTR || errno == EAGAIN));
		/* The guest can live without more input. */
		if (n <= 0)
			return;
		vq_used(vq, &chain, n);
		if (first)
			tell_size();
		first = false;
	}
}

static void console_output(struct virtqueue *vq)
{
	struct vq_chain chain;

	while (vq_next(vq, &chain)) {
		if (chain.in_num)
			vq_bad_guest(vq, "input for the output queue");
		for (unsigned int i = 0; i < chain.out_num; i++)
			stream_write(chain.out[i].iov_base, chain.out[i].iov_len);
		vq_used(vq, &chain, 0);
	}
}

/* Before it has a driver, a guest prints here, a character at a time. */
static void console_config_written(struct device *dev, unsigned int offset, __u32 value)
{
	char c = value;

	(void)dev;
	if (offset == offsetof(struct virtio_console_config, emerg_wr))
		stream_write(&c, sizeof(c));
}

static bool console_refresh(struct device *dev)
{
	struct virtio_console_config *config = &dev->config.console;
	bool untold = __atomic_exchange_n(&size_untold, false, __ATOMIC_RELAXED);
	struct winsize size;

	if (ioctl(stream_output(), TIOCGWINSZ, &size) || !size.ws_col)
		return false;
	if (config->cols == size.ws_col && config->rows == size.ws_row)
		return untold;
	config->cols = size.ws_col;
	config->rows = size.ws_row;
	return true;
}

static void console_configure(struct device *dev, __u64 features)
{
	(void)dev;
	(void)features;
	tell_size();
}

/*
 * Up to 4.3, or 4.1.18 at least, the driver's handler of a change takes its argument for
 * another structure.
 */
#define FIRST_THAT_HEARS	LINUX_VERSION(4, 4, 0)

/* Output that has a size now will always have one. */
static void console_create(struct device *dev)
{
	if (console_refresh(dev)) {
		dev->features |= 1 << VIRTIO_CONSOLE_F_SIZE;
		if (device_guest_version() >= FIRST_THAT_HEARS) {
			dev->refresh = console_refresh;
			dev->configure = console_configure;
		}
	}
	if (device_is_modern()) {
		dev->features |= 1 << VIRTIO_CONSOLE_F_EMERG_WRITE;
		dev->config_len = sizeof(dev->config.console);
		dev->config_written = console_config_written;
	} else {
		dev->config_len = offsetof(struct virtio_console_config, max_nr_ports);
	}
}

/** console_add() - give the guest its console */
void console_add(void)
{
	static struct device console = {
		.name = "console",
		.type = VIRTIO_ID_CONSOLE,
		.num_vq = 2,
		.vq = {
			{ .num = CONSOLE_QUEUE, .serve = console_input },
			{ .num = CONSOLE_QUEUE, .serve = console_output },
		},
		.create = console_create,
	};

	device_add(&console);
}
