// SPDX-License-Identifier: GPL-2.0
/*
 * A network card: on a stream of frames, of which we play both ends; and on a tap interface
 * that has odd packets. The guest's memory is the test's own.
 */
#include "ktap.h"
#include "launcher.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define RAM		(8UL << 20)
#define RING		64U
#define INPUT		0
#define OUTPUT		1
/* In the guest's memory: two rings, then a buffer for each entry of them */
#define RING_AT(q)	((q) * 0x8000)
#define BUFFER_SIZE	0x11000UL
#define BUFFER(q, i)	(0x40000 + ((q) * RING / 2 + (i)) * BUFFER_SIZE)

#define FRAME_MAX	65535
#define SOON_MS		300
#define AT_ALL_MS	60000

static char *ram;
static struct device *dev;
static int passt = -1;
static __u16 seen[2];
static const char *options[PASST_OPTIONS_MAX + 1];
static bool modern = true;
static unsigned int refreshes;

/* What net.c and net_user.c want of the rest of the Launcher */
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

bool device_is_modern(void)
{
	return modern;
}

void devices_refresh(__u8 type)
{
	(void)type;
	dev->refresh(dev);
	__atomic_add_fetch(&refreshes, 1, __ATOMIC_SEQ_CST);
}

void sandbox_thread(enum sandbox_thread thread)
{
	(void)thread;
}

void passt_find(void)
{
}

int passt_lock(void)
{
	return -1;
}

int passt_start(const char *const *the_options, int lock, const __u8 *mac)
{
	int fds[2];

	(void)lock;
	(void)mac;
	memcpy(options, the_options, sizeof(options));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		die("socketpair: %m");
	passt = fds[1];
	return fds[0];
}

/* A tap interface whose first two packets are odd ones, and whose fourth read finds it gone */
static unsigned int reads;

static void odd_create(struct net_backend *backend, unsigned int header, const __u8 *mac)
{
	(void)header;
	(void)mac;
	backend->fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
}

static void odd_open(struct net_backend *backend)
{
	(void)backend;
}

static bool odd_is_up(struct net_backend *backend)
{
	(void)backend;
	return reads < 4;
}

static ssize_t odd_receive(struct net_backend *backend, struct iovec *iov, unsigned int num)
{
	(void)backend;
	(void)iov;
	(void)num;
	errno = reads < 2 ? EINVAL : EBADFD;
	return ++reads == 3 ? 60 : -1;
}

static const struct net_backend_ops odd_ops = {
	.open = odd_open, .create = odd_create, .is_up = odd_is_up, .receive = odd_receive,
};

struct net_backend *net_tap(const char *name)
{
	static struct net_backend odd = { .ops = &odd_ops };

	strcpy(odd.name, name);
	return &odd;
}

static void run_device(void)
{
	for (unsigned int q = 0; q < 2; q++) {
		memset(ram + RING_AT(q), 0, 0x8000);
		vring_init(&dev->vq[q].vring, RING, ram + RING_AT(q), PAGE_SIZE);
		seen[q] = 0;
		vq_start(&dev->vq[q]);
	}
}

/* A new guest, whose device runs. Of the one before, threads and memory are left. */
static void start(const char *spec)
{
	/* Its end is the end of what is allocated: none is overrun. */
	ram = aligned_alloc(PAGE_SIZE, RAM);
	memset(ram, 0, RAM);
	net_add(spec);
	dev->create(dev);
	for (unsigned int q = 0; q < 2; q++) {
		dev->vq[q].dev = dev;
		vq_open(&dev->vq[q]);
	}
	run_device();
}

static size_t header_len(void)
{
	return modern ? 12 : 10;
}

/* The guest's entry @i of a queue, of @len bytes */
static void submit(unsigned int q, unsigned int i, __u32 len)
{
	struct vring *vring = &dev->vq[q].vring;

	vring->desc[i] = (struct vring_desc) {
		BUFFER(q, i), len, q == INPUT ? VRING_DESC_F_WRITE : 0, 0
	};
	vring->avail->ring[vring->avail->idx % RING] = i;
	__atomic_store_n(&vring->avail->idx, vring->avail->idx + 1, __ATOMIC_RELEASE);
	vq_kick(&dev->vq[q]);
}

static bool is_used(unsigned int q, unsigned int ms)
{
	for (unsigned int i = 0; i < ms; i++) {
		if (__atomic_load_n(&dev->vq[q].vring.used->idx, __ATOMIC_ACQUIRE) != seen[q])
			return true;
		usleep(1000);
	}
	return false;
}

/* The length of the next entry that is used; -1 if there is none */
static int used(unsigned int q)
{
	const struct vring_used *ring = dev->vq[q].vring.used;

	if (!is_used(q, AT_ALL_MS))
		return -1;
	return ring->ring[seen[q]++ % RING].len;
}

static char frame[4 + FRAME_MAX + 1];

/* A frame of @len bytes, each of which tells its number @n */
static void make_frame(__u32 len, char n)
{
	__u32 length = htonl(len);

	memcpy(frame, &length, 4);
	memset(frame + 4, n, len);
}

static bool passt_says(const void *what, size_t len)
{
	return send(passt, what, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* passt gets this one next */
static bool passt_gets(__u32 len, char n)
{
	static char got[4 + FRAME_MAX];

	make_frame(len, n);
	return recv(passt, got, 4 + len, MSG_WAITALL) == 4 + len && !memcmp(got, frame, 4 + len);
}

static bool passt_gets_nothing(void)
{
	struct pollfd wait = { .fd = passt, .events = POLLIN };

	return !poll(&wait, 1, SOON_MS);
}

/* The guest's entry @i has the frame of so many bytes, and behind it what was there before. */
static bool guest_got(unsigned int i, __u32 len, char n)
{
	static const char header[12] = { [10] = 1 };
	const char *at = ram + BUFFER(INPUT, i);

	make_frame(len, n);
	return !memcmp(at, header, header_len()) &&
		!memcmp(at + header_len(), frame + 4, len) && !at[header_len() + len];
}

static void guest_says(unsigned int i, __u32 len, char n)
{
	char *at = ram + BUFFER(OUTPUT, i);

	memset(at, 0, header_len());
	memset(at + header_len(), n, len);
	submit(OUTPUT, i, header_len() + len);
}

static void both_ways(void)
{
	start("user");
	for (unsigned int i = 0; i < 3; i++)
		submit(INPUT, i, BUFFER_SIZE);
	make_frame(60, 'a');
	EXPECT(passt_says(frame, 64));
	EXPECT_EQ(used(INPUT), header_len() + 60);
	EXPECT(guest_got(0, 60, 'a'));
	make_frame(FRAME_MAX, 'b');
	EXPECT(passt_says(frame, 4 + FRAME_MAX));
	EXPECT_EQ(used(INPUT), header_len() + FRAME_MAX);
	EXPECT(guest_got(1, FRAME_MAX, 'b'));
	guest_says(0, 60, 'c');
	EXPECT(passt_gets(60, 'c'));
	guest_says(1, FRAME_MAX, 'd');
	EXPECT(passt_gets(FRAME_MAX, 'd'));
	guest_says(2, 14, 'e');
	EXPECT(passt_gets(14, 'e'));
	for (unsigned int i = 0; i < 3; i++)
		EXPECT_EQ(used(OUTPUT), 0);
}

static void without_virtio_1(void)
{
	modern = false;
	both_ways();
}

static void in_pieces(void)
{
	start("user");
	submit(INPUT, 0, BUFFER_SIZE);
	make_frame(60, 'a');
	for (unsigned int i = 0; i < 64; i++) {
		EXPECT(passt_says(frame + i, 1));
		usleep(100);
	}
	EXPECT_EQ(used(INPUT), 12 + 60);
	EXPECT(guest_got(0, 60, 'a'));
}

/* More than the guest has room for, and more than are read at once */
static void many_at_once(void)
{
	unsigned int i;
	pid_t pid;

	start("user");
	pid = fork();
	if (!pid) {
		for (i = 0; i < 3000; i++) {
			make_frame(14 + i * 7 % 1500, i);
			if (!passt_says(frame, 4 + 14 + i * 7 % 1500))
				_exit(1);
		}
		_exit(0);
	}
	for (i = 0; i < 3000; i++) {
		unsigned int entry = i % 16;

		memset(ram + BUFFER(INPUT, entry), 0, 2000);
		submit(INPUT, entry, 2000);
		EXPECT_EQ(used(INPUT), 12 + 14 + i * 7 % 1500);
		EXPECT(guest_got(entry, 14 + i * 7 % 1500, i));
	}
	EXPECT(waitpid(pid, NULL, 0) == pid);
}

static void little_room(void)
{
	start("user");
	submit(INPUT, 0, 12 + 100);
	make_frame(101, 'a');
	EXPECT(passt_says(frame, 4 + 101));
	EXPECT(!is_used(INPUT, SOON_MS));
	EXPECT(!ram[BUFFER(INPUT, 0)]);
	make_frame(100, 'b');
	EXPECT(passt_says(frame, 4 + 100));
	EXPECT_EQ(used(INPUT), 12 + 100);
	EXPECT(guest_got(0, 100, 'b'));
}

/* The guest's, which passt could not make sense of, or not find the end of */
static void no_frames(void)
{
	start("user");
	submit(OUTPUT, 0, 0x10);
	submit(OUTPUT, 1, 5);
	guest_says(2, 13, 'a');
	guest_says(3, FRAME_MAX + 1, 'a');
	for (unsigned int i = 0; i < 4; i++)
		EXPECT_EQ(used(OUTPUT), 0);
	EXPECT(passt_gets_nothing());
	guest_says(4, 60, 'b');
	EXPECT(passt_gets(60, 'b'));
}

/* The guest is told that something is another, within that time. */
static bool is_told(void)
{
	for (unsigned int i = 0; i < AT_ALL_MS && !__atomic_load_n(&refreshes, __ATOMIC_SEQ_CST);
	     i++)
		usleep(1000);
	return refreshes;
}

/* A frame of the guest's, to an address of IPv4 or IPv6. Whether passt gets it */
static bool goes_to(const char *address)
{
	unsigned char *at = (unsigned char *)ram + BUFFER(OUTPUT, 0) + header_len();
	bool is_6 = strchr(address, ':');

	memset(at, 0, 60);
	at[12] = is_6 ? 0x86 : 0x08;
	at[13] = is_6 ? 0xdd : 0;
	if (inet_pton(is_6 ? AF_INET6 : AF_INET, address, at + 14 + (is_6 ? 24 : 16)) != 1)
		die("%s", address);
	submit(OUTPUT, 0, header_len() + 60);
	submit(OUTPUT, 1, 0);
	EXPECT_EQ(used(OUTPUT), 0);
	EXPECT_EQ(used(OUTPUT), 0);
	return recv(passt, frame, sizeof(frame), MSG_DONTWAIT) == 64;
}

/* The host's loopback has services that trust whoever reaches them. */
static void not_to_loopback(void)
{
	static const char *const loopback[] = {
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.0.0.1", "::", "::1", "::127.0.0.1",
		"::ffff:127.0.0.1", "::ffff:0.0.0.0", "::ffff:192.0.2.1",
	};
	static const char *const others[] = {
		"192.0.2.1", "255.255.255.255", "10.0.0.127", "128.0.0.1", "126.0.0.1",
		"fe80::1", "ff02::1", "2001:db8::1", "64:ff9b::127.0.0.1",
	};

	start("user");
	for (unsigned int i = 0; i < ARRAY_SIZE(loopback); i++)
		EXPECT(!goes_to(loopback[i]));
	for (unsigned int i = 0; i < ARRAY_SIZE(others); i++)
		EXPECT(goes_to(others[i]));
}

static void out_of_step(const void *what, size_t len)
{
	start("user");
	submit(INPUT, 0, BUFFER_SIZE);
	EXPECT(dev->config.net.status == VIRTIO_NET_S_LINK_UP);
	EXPECT(passt_says(what, len));
	EXPECT(is_told());
	EXPECT(!dev->config.net.status);
	EXPECT(!is_used(INPUT, SOON_MS));
	/* It lives on, and starts the card anew. */
	guest_says(0, 60, 'b');
	EXPECT_EQ(used(OUTPUT), 0);
	for (unsigned int q = 0; q < 2; q++)
		EXPECT(vq_stop(&dev->vq[q], NULL));
	run_device();
	submit(INPUT, 0, BUFFER_SIZE);
	guest_says(0, 60, 'b');
	EXPECT_EQ(used(OUTPUT), 0);
	EXPECT(!is_used(INPUT, SOON_MS));
}

static void too_short(void)
{
	make_frame(13, 'a');
	out_of_step(frame, 17);
}

static void too_long(void)
{
	make_frame(FRAME_MAX + 1, 'a');
	out_of_step(frame, 4);
}

static void passt_ends(void)
{
	start("user");
	submit(INPUT, 0, BUFFER_SIZE);
	close(passt);
	EXPECT(is_told());
	EXPECT(!dev->config.net.status);
	for (unsigned int i = 0; i < RING / 2; i++) {
		guest_says(i, FRAME_MAX, 'a');
		EXPECT_EQ(used(OUTPUT), 0);
	}
}

/* passt takes nothing for a while. The guest waits, and nothing is lost or comes twice. */
static void waits_for_passt(void)
{
	unsigned int i, taken = 0;

	start("user");
	for (i = 0; i < RING / 2; i++)
		guest_says(i, FRAME_MAX, i);
	while (is_used(OUTPUT, SOON_MS))
		taken += !used(OUTPUT);
	EXPECT(taken < RING / 2);
	for (i = 0; i < RING / 2; i++)
		EXPECT(passt_gets(FRAME_MAX, i));
	for (; taken < RING / 2; taken++)
		EXPECT_EQ(used(OUTPUT), 0);
}

/* The guest stops the card in the middle of a frame. What it sends later comes behind its end. */
static void stops_in_the_middle(void)
{
	unsigned int i, taken = 0;

	start("user");
	for (i = 0; i < RING / 2; i++)
		guest_says(i, FRAME_MAX, i);
	while (is_used(OUTPUT, SOON_MS))
		taken += !used(OUTPUT);
	for (i = 0; i < 2; i++)
		EXPECT(vq_stop(&dev->vq[i], NULL));
	run_device();
	guest_says(0, 60, 'z');
	/* Those that were not begun are lost, as on any cable. */
	for (i = 0; i <= taken; i++)
		EXPECT(passt_gets(FRAME_MAX, i));
	EXPECT(passt_gets(60, 'z'));
}

static void odd_packets(void)
{
	start("tap0");
	submit(INPUT, 0, BUFFER_SIZE);
	submit(INPUT, 1, BUFFER_SIZE);
	EXPECT_EQ(used(INPUT), 60);
	EXPECT(!is_used(INPUT, SOON_MS));
	EXPECT_EQ(reads, 4);
	EXPECT(!dev->config.net.status);
}

static bool has_option(unsigned int i, const char *name, const char *value)
{
	return options[i] && !strcmp(options[i], name) && !strcmp(options[i + 1], value);
}

static void its_options(void)
{
	start("user,forward=2222:22,forward=udp:0.0.0.0:53:5353,forward=tcp:127.0.0.2:80:65535");
	EXPECT(has_option(0, "-t", "127.0.0.1/2222:22"));
	EXPECT(has_option(2, "-u", "0.0.0.0/53:5353"));
	EXPECT(has_option(4, "-t", "127.0.0.2/80:65535"));
	EXPECT(!options[6] || has_option(6, "--dns", options[7]));
	start("user,mac=02:00:00:00:00:07,dns=192.0.2.53");
	EXPECT(has_option(0, "--dns", "192.0.2.53"));
	EXPECT(!options[2]);
	EXPECT(!memcmp(dev->config.net.mac, "\2\0\0\0\0\7", 6));
}

static const char *refused;

static void add_refused(void)
{
	net_add(refused);
}

static void refuses(void)
{
	static const char *const specs[] = {
		"user,ip=192.0.2.1/24", "user,forward=", "user,forward=22", "user,forward=22:",
		"user,forward=0:22", "user,forward=22:65536", "user,forward=1:2:3",
		"user,forward=1.2.3.256:1:2", "user,forward=1.2.3.4:1:2x", "user,forward=sctp:1:2",
		"user,forward=22:22 -x", "user,forward=-1:2", "user,dns=localhost", "user,dns=",
		"user,mac=01:00:00:00:00:00",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(specs); i++) {
		refused = specs[i];
		if (run_alone(add_refused) != EXIT_FAILED << 8) {
			printf("# taken: %s\n", specs[i]);
			ok = false;
		}
	}
}

static void one_too_many(void)
{
	char spec[16 * PASST_OPTIONS_MAX] = "user";

	for (unsigned int i = 0; i < PASST_OPTIONS_MAX / 2; i++)
		strcat(spec, ",forward=1:2");
	net_add(spec);
	refused = strcat(spec, ",forward=1:2");
	EXPECT_EQ(run_alone(add_refused), EXIT_FAILED << 8);
}

/* The address that a card on a tap interface of that name gets */
static __u64 mac_of(const char *name)
{
	__u64 mac = 0;

	net_add(name);
	memcpy(&mac, dev->config.net.mac, 6);
	EXPECT((dev->config.net.mac[0] & 3) == 2);
	return mac;
}

/* machine-id(5), here alone */
static bool be_machine(const char *id)
{
	char file[] = "/tmp/lg-machine-XXXXXX";
	int fd = mkstemp(file);
	bool is;

	umount2("/etc/machine-id", MNT_DETACH);
	is = write(fd, id, strlen(id)) > 0 && !mount(file, "/etc/machine-id", NULL, MS_BIND, NULL);
	close(fd);
	unlink(file);
	return is;
}

static void addresses(void)
{
	__u64 one, another;

	EXPECT(mac_of("tap0") == mac_of("tap0"));
	EXPECT(mac_of("tap0") != mac_of("tap1"));
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    !be_machine("0123456789abcdef0123456789abcdef\n")) {
		printf("# no machine-id of its own, so two machines were not compared\n");
		return;
	}
	one = mac_of("tap0");
	EXPECT(be_machine("0123456789abcdef0123456789abcdee\n"));
	another = mac_of("tap0");
	EXPECT(one != another);
	EXPECT(be_machine("0123456789abcdef0123456789abcdef\n"));
	EXPECT(mac_of("tap0") == one);
}

int main(void)
{
	printf("KTAP version 1\n1..17\n");
	run_in_child("both_ways", both_ways);
	run_in_child("without_virtio_1", without_virtio_1);
	run_in_child("in_pieces", in_pieces);
	run_in_child("many_at_once", many_at_once);
	run_in_child("little_room", little_room);
	run_in_child("no_frames", no_frames);
	run_in_child("not_to_loopback", not_to_loopback);
	run_in_child("too_short", too_short);
	run_in_child("too_long", too_long);
	run_in_child("passt_ends", passt_ends);
	run_in_child("waits_for_passt", waits_for_passt);
	run_in_child("stops_in_the_middle", stops_in_the_middle);
	run_in_child("odd_packets", odd_packets);
	run_in_child("its_options", its_options);
	run_in_child("refuses", refuses);
	run_in_child("one_too_many", one_too_many);
	run_in_child("addresses", addresses);
	return ktap_failed();
}
