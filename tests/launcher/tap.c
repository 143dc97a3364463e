// SPDX-License-Identifier: GPL-2.0
/* A card on a tap interface of the host's, which somebody takes away */
#include "ktap.h"
#include "launcher.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What net_tap.c wants of the rest of the Launcher */
bool device_is_modern(void)
{
	return true;
}

void watch_links(void)
{
}

static char buf[2048];
static struct iovec iov = { buf, sizeof(buf) };

static struct net_backend *create(void)
{
	struct net_backend *backend = net_tap("lgtest%d");

	EXPECT(backend->ops->option(backend, "ip=192.0.2.1/24"));
	EXPECT(!backend->ops->option(backend, "forward=1:2"));
	backend->ops->open(backend);
	backend->ops->create(backend, sizeof(struct virtio_net_hdr_mrg_rxbuf), NULL);
	backend->ops->configure(backend, 1 << VIRTIO_NET_F_GUEST_CSUM |
				1 << VIRTIO_NET_F_GUEST_TSO4);
	return backend;
}

static void is_up(void)
{
	struct net_backend *backend = create();

	EXPECT(!strcmp(backend->name, "lgtest0"));
	EXPECT(backend->ops->is_up(backend));
	/* IPv6 asks around by itself. Whatever came, there is an end to it. */
	while (backend->ops->receive(backend, &iov, 1) >= 0)
		;
	EXPECT_EQ(errno, EAGAIN);
	EXPECT(backend->ops->send(backend, &iov, 1));
}

/* The guest lives on, and probes its card again; the next life finds it so, too. */
static void is_taken_away(void)
{
	struct net_backend *backend = create();

	if (system("PATH=$PATH:/sbin:/usr/sbin ip link delete lgtest0"))
		die("cannot delete the interface");
	EXPECT(!backend->ops->is_up(backend));
	EXPECT(backend->ops->send(backend, &iov, 1));
	while (backend->ops->receive(backend, &iov, 1) >= 0)
		;
	EXPECT(errno != EAGAIN && errno != EINVAL);
	backend->ops->configure(backend, 0);
	backend->ops->create(backend, sizeof(struct virtio_net_hdr), NULL);
	EXPECT(!backend->ops->is_up(backend));
}

int main(void)
{
	bool can = !access("/dev/net/tun", R_OK | W_OK) && !unshare(CLONE_NEWNET);

	printf("KTAP version 1\n1..2\n");
	if (can) {
		run_in_child("is_up", is_up);
		run_in_child("is_taken_away", is_taken_away);
	} else {
		skip("is_up", "there can be no tap interfaces here");
		skip("is_taken_away", "there can be no tap interfaces here");
	}
	return ktap_failed();
}
