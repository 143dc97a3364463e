// SPDX-License-Identifier: GPL-2.0
/*
 * A shared directory's messages: the guest's, hostile ones among them, and a server's that we
 * play. The guest's memory is the test's own.
 */
#include "ktap.h"
#include "launcher.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define RAM	(4UL << 20)
#define RING	128U
/* In the guest's memory: the ring, then a message and room for a reply for each entry */
#define OUT(i)	(0x10000 + (i) * 0x1000)
#define IN(i)	(0x200000 + (i) * 0x1000)
#define BIG	0x120000

static char *ram;
static struct device *dev;
static int server;
static __u16 seen;

/* What p9.c wants of the rest of the Launcher */
void *guest_ram(__u64 gpa, __u64 len)
{
	return gpa > RAM || len > RAM - gpa ? NULL : ram + gpa;
}

__u64 guest_ram_size(void)
{
	return RAM;
}

void device_interrupt(struct virtqueue *vq)
{
	(void)vq;
}

void device_add(struct device *new)
{
	dev = new;
}

void sandbox_thread(enum sandbox_thread thread)
{
	(void)thread;
}

void p9_server_find(void)
{
}

__u32 p9_server_uid(__u32 uid)
{
	return uid + 1;
}

int p9_server_start(const char *dir, bool read_only)
{
	int fds[2];

	(void)dir;
	(void)read_only;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		die("socketpair: %m");
	server = fds[1];
	return fds[0];
}

/* A new guest, whose device runs. Of the one before, threads and memory are left. */
static void start(void)
{
	static unsigned int guests;
	struct virtqueue *vq;
	char spec[32];

	/* Its end is the end of what is allocated: none is overrun. */
	ram = aligned_alloc(PAGE_SIZE, RAM);
	memset(ram, 0, RAM);
	seen = 0;
	snprintf(spec, sizeof(spec), "/tmp,tag=t%u,ro", guests++);
	p9_add(spec);
	dev->create(dev);
	vq = &dev->vq[0];
	vq->dev = dev;
	vring_init(&vq->vring, RING, ram, PAGE_SIZE);
	vq_open(vq);
	vq_start(vq);
}

static void describe(unsigned int i, __u32 out, __u32 in)
{
	struct vring_desc *desc = &dev->vq[0].vring.desc[2 * i % RING];

	desc[0] = (struct vring_desc) { OUT(i), out, VRING_DESC_F_NEXT, 2 * i % RING + 1 };
	desc[1] = (struct vring_desc) { IN(i), in, VRING_DESC_F_WRITE, 0 };
}

static void submit(unsigned int i)
{
	struct vring *vring = &dev->vq[0].vring;

	vring->avail->ring[vring->avail->idx % RING] = 2 * i % RING;
	__atomic_store_n(&vring->avail->idx, vring->avail->idx + 1, __ATOMIC_RELEASE);
	vq_kick(&dev->vq[0]);
}

static void header(char *at, __u32 size, __u8 type, __u16 tag)
{
	memcpy(at, &size, 4);
	at[4] = type;
	memcpy(at + 5, &tag, 2);
}

/* The guest's entry @i: a message of @len bytes that says it is of @size */
static void ask(unsigned int i, __u32 len, __u32 size, __u8 type, __u16 tag)
{
	header(ram + OUT(i), size, type, tag);
	describe(i, len, 0x1000);
	submit(i);
}

#define SOON_MS		300
#define AT_ALL_MS	60000

static bool is_served(int ms)
{
	struct pollfd wait = { .fd = server, .events = POLLIN };

	return poll(&wait, 1, ms) == 1;
}

/* The next message that the server gets; its length, or 0 if there is none */
static size_t served(char *buf)
{
	__u32 size;

	if (!is_served(AT_ALL_MS) || recv(server, buf, 7, MSG_WAITALL) != 7)
		return 0;
	memcpy(&size, buf, 4);
	if (size < 7 || size > 1 << 20 ||
	    (size > 7 && recv(server, buf + 7, size - 7, MSG_WAITALL) != size - 7))
		return 0;
	return size;
}

static void answer(__u32 size, __u8 type, __u16 tag)
{
	char buf[0x3000] = {};

	header(buf, size, type, tag);
	memset(buf + 7, 'r', size - 7);
	if (write(server, buf, size) != size)
		die("write: %m");
}

static bool is_used(unsigned int ms)
{
	for (unsigned int i = 0; i < ms; i++) {
		if (__atomic_load_n(&dev->vq[0].vring.used->idx, __ATOMIC_ACQUIRE) != seen)
			return true;
		usleep(1000);
	}
	return false;
}

/* The next entry that is used: its number, or -1 if there is none */
static int used(__u32 *len)
{
	const struct vring_used *ring = dev->vq[0].vring.used;

	if (!is_used(AT_ALL_MS))
		return -1;
	*len = ring->ring[seen % RING].len;
	return ring->ring[seen++ % RING].id / 2;
}

static bool is_error(unsigned int i, __u16 tag, __u32 code)
{
	char want[11];

	header(want, sizeof(want), 7, tag);
	memcpy(want + 7, &code, 4);
	return !memcmp(ram + IN(i), want, sizeof(want));
}

static char buf[2 << 20];
static __u32 len;

static void any_order(void)
{
	start();
	for (unsigned int i = 0; i < 3; i++)
		ask(i, 30, 30, 110, i);
	for (unsigned int i = 0; i < 3; i++)
		EXPECT(served(buf) == 30 && buf[5] == (char)i);
	answer(20, 111, 2);
	EXPECT(used(&len) == 2 && len == 20 && ram[IN(2) + 7] == 'r' && !ram[IN(2) + 20]);
	/* Two at once, one of them in two parts */
	header(buf, 9, 111, 0);
	header(buf + 9, 9, 111, 1);
	EXPECT(write(server, buf, 12) == 12);
	EXPECT(used(&len) == 0 && len == 9);
	EXPECT(write(server, buf + 12, 6) == 6);
	EXPECT(used(&len) == 1 && len == 9);
}

/* The guest says more or less than it gives; the server hears what there is. */
static void wrong_sizes(void)
{
	static const __u32 sizes[] = { 0, 6, 29, 31, ~0U };

	start();
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		ask(i, 30, sizes[i], 110, 1);
		EXPECT(served(buf) == 30);
		answer(7, 111, 1);
		EXPECT(used(&len) == (int)i && len == 7);
	}
}

static void tags(void)
{
	start();
	ask(0, 30, 30, 110, 5);
	EXPECT(served(buf) == 30);
	ask(1, 30, 30, 110, 5);
	EXPECT(used(&len) == 1 && len == 11 && is_error(1, 5, EBUSY));
	EXPECT(!is_served(SOON_MS));
	/* Nobody's */
	answer(9, 111, 6);
	answer(9, 111, 5);
	EXPECT(used(&len) == 0 && len == 9);
	answer(9, 111, 5);
	EXPECT(!is_used(SOON_MS));
}

static void little_room(void)
{
	start();
	header(ram + OUT(0), 30, 116, 1);
	describe(0, 30, 11);
	ram[IN(0) + 11] = 'x';
	submit(0);
	EXPECT(served(buf) == 30);
	answer(12, 117, 1);
	EXPECT(used(&len) == 0 && len == 11 && is_error(0, 1, EMSGSIZE));
	EXPECT(ram[IN(0) + 11] == 'x');
	ask(1, 30, 30, 116, 1);
	EXPECT(served(buf) == 30);
	answer(0x1001, 117, 1);
	EXPECT(used(&len) == 1 && len == 11 && is_error(1, 1, EMSGSIZE));
}

/* What is flushed before it was begun has no reply, nor has an older flush of it. */
static void flushes(void)
{
	start();
	ask(0, 30, 30, 116, 1);
	ask(1, 30, 30, 116, 2);
	ram[OUT(2) + 7] = 1;
	ask(2, 9, 9, 108, 3);
	ram[OUT(3) + 7] = 1;
	ask(3, 9, 9, 108, 4);
	/* Itself, and nobody */
	ram[OUT(4) + 7] = 5;
	ask(4, 9, 9, 108, 5);
	for (unsigned int i = 0; i < 5; i++)
		EXPECT(served(buf) == (i < 2 ? 30 : 9));
	answer(7, 109, 4);
	EXPECT(used(&len) == 0 && is_error(0, 1, EINTR));
	EXPECT(used(&len) == 2 && is_error(2, 3, EINTR));
	EXPECT(used(&len) == 3 && len == 7);
	answer(7, 109, 5);
	EXPECT(used(&len) == 4 && len == 7);
	/* A new one has that tag. The old flush is not for it. */
	ram[OUT(5) + 7] = 2;
	ask(5, 9, 9, 108, 6);
	EXPECT(served(buf) == 9);
	answer(7, 117, 2);
	EXPECT(used(&len) == 1 && len == 7);
	ask(6, 30, 30, 116, 2);
	EXPECT(served(buf) == 30);
	answer(7, 109, 6);
	EXPECT(used(&len) == 5);
	answer(8, 117, 2);
	EXPECT(used(&len) == 6 && len == 8);
}

static void attaching(void)
{
	static const char rest[] = "\1\0\0\0\xff\xff\xff\xff\6\0nobody\3\0/..\x34\x12\0\0";
	static const char want[] = "\1\0\0\0\xff\xff\xff\xff\0\0\6\0/share\x35\x12\0\0";

	start();
	memcpy(ram + OUT(0) + 7, rest, sizeof(rest) - 1);
	ask(0, 7 + sizeof(rest) - 1, 99, 104, 1);
	EXPECT(served(buf) == 7 + sizeof(want) - 1);
	EXPECT(!memcmp(buf + 7, want, sizeof(want) - 1));
	answer(20, 105, 1);
	EXPECT(used(&len) == 0 && len == 20);
}

/* More than the socket takes at once, both ways, and a queue that is full */
static void a_lot(void)
{
	start();
	for (unsigned int i = 0; i < RING / 2; i++) {
		header(ram + OUT(i), 0x1000, 118, i);
		dev->vq[0].vring.desc[2 * i] = (struct vring_desc) {
			OUT(i), 7, VRING_DESC_F_NEXT, 2 * i + 1 };
		dev->vq[0].vring.desc[2 * i + 1] = (struct vring_desc) {
			IN(i), 0x1000, VRING_DESC_F_WRITE, 0 };
		if (i == 7) {
			/* The largest that there is, from memory that is also written to */
			describe(i, (1 << 20), 0x1000);
			dev->vq[0].vring.desc[2 * i].addr = BIG;
			header(ram + BIG, 0, 118, i);
		}
		submit(i);
	}
	/* The socket is full before the server reads. */
	usleep(100000);
	for (unsigned int i = 0; i < RING / 2; i++) {
		EXPECT(served(buf) == (i == 7 ? 1 << 20 : 7));
		answer(0x1000, 119, buf[5]);
	}
	for (unsigned int i = 0; i < RING / 2; i++)
		EXPECT(used(&len) >= 0 && len == 0x1000);
}

/* Whether such a request ends the guest, with these words */
static bool is_refused(const char *words, void (*request)(void))
{
	char said[256] = "";
	int fds[2], status;
	pid_t pid;

	fflush(stdout);
	if (pipe(fds))
		die("pipe: %m");
	pid = fork();
	if (!pid) {
		dup2(fds[1], STDERR_FILENO);
		start();
		request();
		sleep(60);
		_exit(0);
	}
	close(fds[1]);
	waitpid(pid, &status, 0);
	if (read(fds[0], said, sizeof(said) - 1) < 0 || !strstr(said, words))
		printf("# %s\n", said);
	close(fds[0]);
	return WIFEXITED(status) && WEXITSTATUS(status) == 1 && strstr(said, words);
}

static void no_header(void)
{
	ask(0, 6, 6, 110, 1);
}

static void too_long(void)
{
	describe(0, (1 << 20) + 1, 0x1000);
	submit(0);
}

static void no_room(void)
{
	header(ram + OUT(0), 30, 110, 1);
	describe(0, 30, 10);
	submit(0);
}

static void short_flush(void)
{
	ask(0, 8, 9, 108, 1);
}

static void short_attach(void)
{
	ask(0, 22, 27, 104, 1);
}

static void outside(void)
{
	describe(0, 30, 0x1000);
	dev->vq[0].vring.desc[1].addr = RAM - 0xfff;
	submit(0);
}

static void refused(void)
{
	EXPECT(is_refused("message of 6 bytes", no_header));
	EXPECT(is_refused("message of 1048577 bytes", too_long));
	EXPECT(is_refused("no room for an error", no_room));
	EXPECT(is_refused("flushing nothing", short_flush));
	EXPECT(is_refused("attaching in 15 bytes", short_attach));
	EXPECT(is_refused("buffer at", outside));
}

static void a_dead_server(void)
{
	start();
	ask(0, 30, 30, 110, 1);
	ask(1, 30, 30, 110, 2);
	EXPECT(served(buf) == 30 && served(buf) == 30);
	shutdown(server, SHUT_RDWR);
	EXPECT(used(&len) == 0 && is_error(0, 1, EIO));
	EXPECT(used(&len) == 1 && is_error(1, 2, EIO));
	ask(2, 30, 30, 110, 1);
	EXPECT(used(&len) == 2 && is_error(2, 1, EIO));
	/* It stops. */
	EXPECT(vq_stop(&dev->vq[0], NULL));

	start();
	ask(0, 30, 30, 110, 1);
	EXPECT(served(buf) == 30);
	header(buf, 6, 111, 1);
	EXPECT(write(server, buf, 7) == 7);
	EXPECT(used(&len) == 0 && is_error(0, 1, EIO));
}

static void *late_answer(void *arg)
{
	(void)arg;
	usleep(100000);
	answer(9, 111, 1);
	return NULL;
}

/* What was asked for is finished. */
static void stopping(void)
{
	struct timespec deadline;
	pthread_t thread;

	start();
	ask(0, 30, 30, 110, 1);
	EXPECT(!pthread_create(&thread, NULL, late_answer, NULL));
	EXPECT(vq_stop(&dev->vq[0], NULL));
	pthread_join(thread, NULL);
	EXPECT(used(&len) == 0 && len == 9);
	dev->vq[0].vring.avail->idx = 0;
	vq_start(&dev->vq[0]);
	EXPECT(vq_stop(&dev->vq[0], NULL));

	/* One that has no answer does not hold up the end for ever. */
	start();
	ask(0, 30, 30, 110, 1);
	EXPECT(served(buf) == 30);
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	EXPECT(!vq_stop(&dev->vq[0], &deadline));
}

int main(void)
{
	puts("KTAP version 1\n1..10");
	run("share: replies in any order", any_order);
	run("share: sizes that are wrong", wrong_sizes);
	run("share: tags that are used twice or by nobody", tags);
	run("share: little room for a reply", little_room);
	run("share: flushes", flushes);
	run("share: attaching", attaching);
	run("share: more than there is room for", a_lot);
	run("share: requests that make no sense", refused);
	run("share: a server that dies", a_dead_server);
	run("share: stopping", stopping);
	fflush(stdout);
	/* Threads of guests that are gone still use their memory. */
	_exit(ktap_failed());
}
