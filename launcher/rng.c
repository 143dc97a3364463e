// SPDX-License-Identifier: GPL-2.0
/* Virtio rng: the host's randomness for the guest. */
#include "launcher.h"

#include <linux/virtio_ids.h>
#include <linux/virtio_rng.h>
#include <fcntl.h>
#include <unistd.h>

#define RNG_QUEUE	16

static int rng_fd;

static void rng_serve(struct virtqueue *vq)
{
	struct vq_chain chain;

	while (vq_next(vq, &chain)) {
		/* We may give less than was asked for, but never nothing. */
		__u8 random[256];
		size_t len;

		if (chain.out_num || !iov_length(chain.in, chain.in_num))
			vq_bad_guest(vq, "no room for random numbers");
		if (read(rng_fd, random, sizeof(random)) != sizeof(random))
			die("/dev/urandom: %m");
		len = iov_write(chain.in, chain.in_num, random, sizeof(random));
		vq_used(vq, &chain, len);
	}
}

/** rng_add() - give the guest a source of random numbers */
void rng_add(void)
{
	static struct device rng = {
		.name = "rng",
		.type = VIRTIO_ID_RNG,
		.num_vq = 1,
		.vq = { { .num = RNG_QUEUE, .serve = rng_serve } },
	};

	if (rng_fd)
		die("one --rng is all a guest can use");
	rng_fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	if (rng_fd < 0)
		die("/dev/urandom: %m");
	device_add(&rng);
}
