// SPDX-License-Identifier: GPL-2.0
/*
 * A shared directory, whatever the guest or the server says. The server is this program once
 * more, in the place of diod: it answers with what it has heard, or as the message wants it.
 */
#include "ktap.h"
#include "machine.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RAM	0x1000000U
#define OUT	0x100000U
#define IN	0x200000U

/* Types of messages. The server answers with one more. */
#define TATTACH		104
#define TECHO		120	/* comes back */
#define TLONG		200	/* 4096 bytes come back */
#define TEXIT		202	/* the server ends */
#define TBOGUS		204	/* a reply shorter than a header */
#define TLATE		206	/* comes back late */
#define RLERROR		7

struct message {
	__le32 size;
	__u8 type;
	__le16 tag;
	char text[4096];
} __attribute__((__packed__));

#define HEADER	offsetof(struct message, text)

static void read_all(int fd, void *buf, size_t len)
{
	for (ssize_t n; len; len -= n, buf = (char *)buf + n) {
		n = read(fd, buf, len);
		if (n <= 0)
			_exit(0);
	}
}

/* In the place of diod: on the file behind "--rfdno" */
static int serve(int argc, char **argv)
{
	struct message message;
	int fd = -1;

	for (int i = 1; i + 1 < argc; i++) {
		if (!strcmp(argv[i], "--rfdno"))
			fd = atoi(argv[i + 1]);
	}
	for (;;) {
		size_t size;

		read_all(fd, &message, HEADER);
		size = le32toh(message.size);
		if (size < HEADER || size > sizeof(message))
			return 1;
		read_all(fd, message.text, size - HEADER);
		switch (message.type++) {
		case TLONG:
			size = 4096;
			break;
		case TEXIT:
			return 0;
		case TBOGUS:
			message.size = htole32(3);
			size = HEADER;
			break;
		case TLATE:
			usleep(300000);
			break;
		}
		if (message.type != TBOGUS + 1)
			message.size = htole32(size);
		if (write(fd, &message, size) != (ssize_t)size)
			return 1;
	}
}

static struct vring ring;
static struct lguest_device_desc *desc;
static __u32 notify;
static __u16 sent;

static void start(void)
{
	struct lguest_vqconfig vqconfig;

	desc->status = 0;
	devices_notify(RAM);
	memcpy(&vqconfig, desc->config, sizeof(vqconfig));
	notify = vqconfig.pfn * PAGE_SIZE;
	vring_init(&ring, vqconfig.num, (char *)guest_memory_base() + notify,
		   LGUEST_VRING_ALIGN);
	sent = 0;
	desc->status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	devices_notify(RAM);
}

static void create_with(const char *spec)
{
	guest_memory_create(RAM);
	desc = (void *)((char *)guest_memory_base() + RAM);
	p9_add(spec);
	devices_create(&lguest_bus, LINUX_VERSION(3, 11, 0));
	devices_attach();
	start();
}

static void create(void)
{
	create_with("/tmp,tag=a tag");
}

/* A message of so many bytes, in two buffers, and @room for the reply in two */
static void offer(__u8 type, __u16 tag, const void *text, size_t len, size_t room)
{
	struct message *out = guest_ram(OUT, sizeof(*out));

	/* As drivers do that leave out what they write */
	*out = (struct message){ htole32(HEADER), type, htole16(tag), "" };
	memcpy(out->text, text, len);
	memset(guest_ram(IN, sizeof(*out)), 0, sizeof(*out));
	ring.desc[0] = (struct vring_desc){ OUT, 5, VRING_DESC_F_NEXT, 1 };
	ring.desc[1] = (struct vring_desc){ OUT + 5, HEADER - 5 + len, VRING_DESC_F_NEXT, 2 };
	ring.desc[2] = (struct vring_desc){ IN, 9, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 3 };
	ring.desc[3] = (struct vring_desc){ IN + 9, room - 9, VRING_DESC_F_WRITE, 0 };
	ring.avail->ring[sent % ring.num] = 0;
	__atomic_store_n(&ring.avail->idx, ++sent, __ATOMIC_RELEASE);
	if (eventfd_write(machine_eventfd(notify), 1))
		die("eventfd: %m");
}

static const struct message *await(void)
{
	for (int i = 0; i < 60000; i++) {
		if (__atomic_load_n(&ring.used->idx, __ATOMIC_ACQUIRE) == sent)
			return guest_ram(IN, sizeof(struct message));
		usleep(1000);
	}
	die("the queue hangs");
}

static bool is_reply(const struct message *reply, __u8 type, __u16 tag, const void *text,
		     size_t len)
{
	return le32toh(reply->size) == HEADER + len && reply->type == type &&
		le16toh(reply->tag) == tag && !memcmp(reply->text, text, len) &&
		ring.used->ring[(sent - 1) % ring.num].len == HEADER + len;
}

static void passed_on(void)
{
	create();
	for (__u16 i = 0; i < 300; i++) {
		offer(TECHO, i, "what is said", 12, 1000);
		EXPECT(is_reply(await(), TECHO + 1, i, "what is said", 12));
	}
	offer(TECHO, 1, "", 0, 11);
	EXPECT(is_reply(await(), TECHO + 1, 1, "", 0));
	offer(TLONG, 1, "", 0, 4096);
	EXPECT(le32toh(await()->size) == 4096);
}

static void attached(void)
{
	/* fid, afid, "me", no name, user */
	static const char nameless[] = "\1\0\0\0\377\377\377\377\2\0me\0\0user";
	static const char named[] = "\1\0\0\0\377\377\377\377\2\0me\4\0/tmpuser";
	static const char other[] = "\1\0\0\0\377\377\377\377\2\0me\2\0/xuser";
	static const char nobody[] = "\1\0\0\0\377\377\377\377\2\0me\0\0\377\377\377\377";
	static const char root[] = "\1\0\0\0\377\377\377\377\2\0me\4\0/tmp\0\0\0\0";
	static const char cut[] = "\1\0\0\0\377\377\377\377\377\377me\0\0user";

	/* Else all is done as who we are. */
	if (geteuid()) {
		puts("# not as root");
		return;
	}
	create();
	offer(TATTACH, 1, nameless, sizeof(nameless) - 1, 1000);
	EXPECT(is_reply(await(), TATTACH + 1, 1, named, sizeof(named) - 1));
	offer(TATTACH, 1, other, sizeof(other) - 1, 1000);
	EXPECT(is_reply(await(), TATTACH + 1, 1, other, sizeof(other) - 1));
	offer(TATTACH, 1, nobody, sizeof(nobody) - 1, 1000);
	EXPECT(is_reply(await(), TATTACH + 1, 1, root, sizeof(root) - 1));
	/* Nonsense of any length is the server's to judge. */
	for (size_t len = 0; len < sizeof(cut); len++) {
		offer(TATTACH, 1, cut, len, 1000);
		EXPECT(is_reply(await(), TATTACH + 1, 1, cut, len));
	}
}

static bool is_error_of(const struct message *reply, __u16 tag, int err)
{
	const __le32 error = htole32(err);

	return is_reply(reply, RLERROR, tag, &error, sizeof(error));
}

static bool is_error(const struct message *reply, __u16 tag)
{
	return is_error_of(reply, tag, EIO);
}

/* Of the server's, whatever changes something is not even asked for. */
static void read_only(void)
{
	static const __u8 changes[] = {
		14, 16, 18, 20, 26, 32, 70, 72, 74, 76, 114, 118, 122, 126
	};
	static const char fid_and[] = "\1\0\0";
	char open_flags[8] = "\1";

	create_with("/tmp,ro");
	for (size_t i = 0; i < sizeof(changes); i++) {
		offer(changes[i], 1, fid_and, 4, 100);
		EXPECT(is_error_of(await(), 1, EROFS));
	}
	offer(116, 1, fid_and, 4, 100);
	EXPECT(is_reply(await(), 117, 1, fid_and, 4));
	for (unsigned int flags = 0; flags < 0x10000; flags = flags * 2 + !flags) {
		bool changes_it = flags & (3 | 0100 | 01000);

		memcpy(open_flags + 4, &flags, sizeof(flags));
		offer(12, 1, open_flags, 8, 100);
		if (changes_it)
			EXPECT(is_error_of(await(), 1, EROFS));
		else
			EXPECT(is_reply(await(), 13, 1, open_flags, 8));
	}
	/* What is cut short */
	offer(12, 1, open_flags, 6, 100);
	EXPECT(is_error_of(await(), 1, EROFS));
}

static void without_a_server(void)
{
	create();
	offer(TEXIT, 5, "", 0, 100);
	EXPECT(is_error(await(), 5));
	offer(TECHO, 6, "", 0, 100);
	EXPECT(is_error(await(), 6));
	start();
	offer(TECHO, 7, "", 0, 100);
	EXPECT(is_error(await(), 7));
}

static void a_bogus_server(void)
{
	create();
	offer(TBOGUS, 5, "", 0, 100);
	EXPECT(is_error(await(), 5));
	offer(TECHO, 6, "", 0, 100);
	EXPECT(is_error(await(), 6));
}

/* The reply to what was asked before a reset is nobody's. */
static void late(void)
{
	create();
	offer(TLATE, 5, "late", 4, 100);
	usleep(100000);
	start();
	offer(TECHO, 5, "new", 3, 100);
	EXPECT(is_reply(await(), TECHO + 1, 5, "new", 3));
}

/* A message that is no whole one, or far too long */
static void offer_only(__u32 len)
{
	create();
	ring.desc[0] = (struct vring_desc){ OUT, len, VRING_DESC_F_NEXT, 1 };
	ring.desc[1] = (struct vring_desc){ IN, 100, VRING_DESC_F_WRITE, 0 };
	ring.avail->idx = 1;
	if (eventfd_write(machine_eventfd(notify), 1))
		die("eventfd: %m");
	sent = 1;
	await();
}

static void short_message(void)
{
	offer_only(6);
}

static void long_message(void)
{
	offer_only(RAM - OUT);
}

static void no_room(void)
{
	create();
	offer(TECHO, 1, "", 0, 10);
	await();
}

static void little_room(void)
{
	create();
	offer(TLONG, 1, "", 0, 4095);
	await();
}

/* These end the guest. */
static void nonsense(void)
{
	static void (*const tests[])(void) = {
		short_message, long_message, no_room, little_room,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++) {
		int status = run_alone(tests[i]);

		EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILED);
	}
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/lg-p9-XXXXXX", self[4096] = "", diod[64];
	const char *path = getenv("PATH");
	char *with;

	if (strstr(argv[0], "diod"))
		return serve(argc, argv);
	if (!mkdtemp(dir) || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		die("%s: %m", dir);
	snprintf(diod, sizeof(diod), "%s/diod", dir);
	if (symlink(self, diod) || asprintf(&with, "%s:%s", dir, path ? path : "") < 0)
		die("%s: %m", diod);
	setenv("PATH", with, 1);
	free(with);
	puts("KTAP version 1\n1..7");
	run_in_child("p9: messages and replies", passed_on);
	run_in_child("p9: attach", attached);
	run_in_child("p9: no server", without_a_server);
	run_in_child("p9: a server that makes no sense", a_bogus_server);
	run_in_child("p9: a late reply", late);
	run_in_child("p9: read-only", read_only);
	run("p9: a guest that makes no sense", nonsense);
	unlink(diod);
	rmdir(dir);
	fflush(stdout);
	_exit(ktap_failed());
}
