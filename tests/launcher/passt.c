// SPDX-License-Identifier: GPL-2.0
/*
 * passt itself, on a host of the test's own that has nothing but a way out: what a guest gets
 * from it, who reaches the guest, and how it ends.
 */
#include "ktap.h"
#include "launcher.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define AT_ALL_MS	60000
#define PORT		2222
#define GUEST_PORT	22

#define HOST_ADDRESS	"192.0.2.1"
#define GATEWAY		"192.0.2.254"

static const __u8 mac[6] = { 2, 0, 0, 0, 0, 1 };
static const char *const no_options[] = { NULL };
static const char *const forwards[] = { "-t", "127.0.0.1/2222:22", NULL };

/* What passt.c and keeper.c want of the rest of the Launcher */
void *guest_memory_base(void)
{
	return NULL;
}

unsigned long guest_pages(void)
{
	return 0;
}

static int start(const char *const *options, int lock)
{
	passt_find();
	return passt_start(options, lock, mac);
}

static unsigned char frame[1 << 16];

/* Receive one frame. Its length; 0 if there is none within that time, or no more. */
static size_t receive(int fd, int ms)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	__u32 len;

	if (poll(&wait, 1, ms) != 1 || recv(fd, &len, 4, MSG_WAITALL) != 4)
		return 0;
	len = ntohl(len);
	if (len > sizeof(frame) || recv(fd, frame, len, MSG_WAITALL) != len)
		return 0;
	return len;
}

static bool is_ip(unsigned char protocol)
{
	return frame[12] == 8 && !frame[13] && frame[23] == protocol;
}

static __u16 port_at(unsigned int at)
{
	return frame[at] << 8 | frame[at + 1];
}

static __u32 sum(__u32 so_far, const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		so_far += i & 1 ? bytes[i] : bytes[i] << 8;
	while (so_far >> 16)
		so_far = (so_far & 0xffff) + (so_far >> 16);
	return so_far;
}

static void put16(unsigned char *at, __u16 value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/* An Ethernet and IP header for @len more bytes at out + 38; returns where these are. */
static unsigned char *begin(unsigned char *out, unsigned char protocol, const char *from,
			    const char *to, size_t len)
{
	unsigned char *ip = out + 4 + 14;
	__u32 length = htonl(14 + 20 + len);

	memcpy(out, &length, 4);
	memset(out + 4, 0xff, 6);
	memcpy(out + 10, mac, 6);
	put16(out + 16, 0x800);
	memset(ip, 0, 20 + len);
	ip[0] = 0x45;
	put16(ip + 2, 20 + len);
	ip[8] = 64;
	ip[9] = protocol;
	inet_pton(AF_INET, from, ip + 12);
	inet_pton(AF_INET, to, ip + 16);
	put16(ip + 10, ~sum(0, ip, 20));
	return ip + 20;
}

static bool is_sent(int fd, const unsigned char *out, size_t len)
{
	return send(fd, out, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* DHCP (RFC 2131): ask for an address, and have it offered */
static bool is_offered(int fd, const char *address)
{
	static const unsigned char options[] = { 99, 130, 83, 99, 53, 1, 1, 255 };
	unsigned char out[4 + 14 + 20 + 8 + 300], *udp;
	char offered[INET_ADDRSTRLEN];

	udp = begin(out, 17, "0.0.0.0", "255.255.255.255", 8 + 300);
	put16(udp, 68);
	put16(udp + 2, 67);
	put16(udp + 4, 8 + 300);
	udp[8] = 1;
	udp[9] = 1;
	udp[10] = 6;
	memcpy(udp + 8 + 28, mac, 6);
	memcpy(udp + 8 + 236, options, sizeof(options));
	if (!is_sent(fd, out, sizeof(out)))
		return false;
	do {
		if (!receive(fd, AT_ALL_MS))
			return false;
	} while (!is_ip(17) || port_at(36) != 68);
	inet_ntop(AF_INET, frame + 42 + 16, offered, sizeof(offered));
	return !strcmp(offered, address);
}

/* The guest asks for a connection. Whether it is accepted; false if nobody says a word */
static bool is_accepted(int fd, const char *to, __u16 port, int ms)
{
	unsigned char out[4 + 14 + 20 + 20], *tcp, pseudo[12] = { [9] = 6, [11] = 20 };

	tcp = begin(out, 6, HOST_ADDRESS, to, 20);
	put16(tcp, 1025);
	put16(tcp + 2, port);
	tcp[12] = 5 << 4;
	tcp[13] = 2;
	put16(tcp + 14, 0xffff);
	memcpy(pseudo, tcp - 8, 8);
	memmove(pseudo + 8, (unsigned char []){ 0, 6, 0, 20 }, 4);
	put16(tcp + 16, ~sum(sum(0, pseudo, 12), tcp, 20));
	if (!is_sent(fd, out, sizeof(out)))
		return false;
	do {
		if (!receive(fd, ms))
			return false;
	} while (!is_ip(6) || port_at(36) != 1025);
	return frame[47] == 0x12;
}

static int listen_on(const char *address, __u16 port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, address, &in.sin_addr);
	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) || listen(fd, 5)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* How many processes there are that run passt. Each gets the signal, if that is not 0. */
static unsigned int signal_passts(int sig)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	unsigned int count = 0;

	while ((entry = readdir(proc))) {
		char name[300], comm[16] = "", state[512] = "";
		FILE *file;

		snprintf(name, sizeof(name), "/proc/%s/stat", entry->d_name);
		file = atoi(entry->d_name) ? fopen(name, "re") : NULL;
		if (file && fgets(state, sizeof(state), file) &&
		    sscanf(state, "%*d (%15[^)])", comm) == 1 && !strncmp(comm, "passt", 5) &&
		    !strstr(state, ") Z")) {
			kill(atoi(entry->d_name), sig);
			count++;
		}
		if (file)
			fclose(file);
	}
	closedir(proc);
	return count;
}

static unsigned int passts(void)
{
	return signal_passts(0);
}

static bool are_gone(void)
{
	for (unsigned int i = 0; i < AT_ALL_MS && passts(); i++)
		usleep(1000);
	return !passts();
}

static void gives_an_address(void)
{
	int fd = start(no_options, passt_lock());

	EXPECT(is_offered(fd, HOST_ADDRESS));
	EXPECT_EQ(passts(), 1);
}

static void from_the_host(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = start(forwards, passt_lock());
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	EXPECT(is_offered(fd, HOST_ADDRESS));
	inet_pton(AF_INET, "127.0.0.1", &in.sin_addr);
	EXPECT(!connect(client, (struct sockaddr *)&in, sizeof(in)) || errno == EINPROGRESS);
	do {
		EXPECT(receive(fd, AT_ALL_MS));
	} while (ok && !(is_ip(6) && frame[47] == 2));
	EXPECT_EQ(port_at(36), GUEST_PORT);
	/* Others don't reach the port. */
	inet_pton(AF_INET, HOST_ADDRESS, &in.sin_addr);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	EXPECT(connect(client, (struct sockaddr *)&in, sizeof(in)) && errno == ECONNREFUSED);
}

/* What listens on the host's loopback is not for guests (net.c has its own addresses). */
static void not_the_hosts_own(void)
{
	int fd = start(no_options, passt_lock());
	int loopback = listen_on("127.0.0.1", 1234), others = listen_on("198.51.100.1", 1235);

	EXPECT(loopback >= 0 && others >= 0);
	EXPECT(is_accepted(fd, "198.51.100.1", 1235, AT_ALL_MS));
	EXPECT(!is_accepted(fd, GATEWAY, 1234, 1000));
}

static void start_and_die(void)
{
	EXPECT(start(forwards, passt_lock()) >= 0);
	EXPECT_EQ(passts(), 1);
	raise(SIGKILL);
}

static void goes_with_the_guest(void)
{
	EXPECT_EQ(run_alone(start_and_die), SIGKILL);
	EXPECT(are_gone());
}

/* One that hangs, too */
static void start_one_that_hangs(void)
{
	EXPECT(start(forwards, passt_lock()) >= 0);
	EXPECT_EQ(signal_passts(SIGSTOP), 1);
	raise(SIGKILL);
}

static void goes_if_it_hangs(void)
{
	EXPECT_EQ(run_alone(start_one_that_hangs), SIGKILL);
	EXPECT(are_gone());
}

static int lock;

static void start_again(void)
{
	int fd = start(forwards, lock);

	EXPECT(is_offered(fd, HOST_ADDRESS));
	/* The next life may begin before this one's is gone. */
	_exit(ok ? 0 : EXIT_DIED);
}

static void listens_again(void)
{
	lock = passt_lock();
	for (unsigned int i = 0; i < 5; i++)
		EXPECT_EQ(run_alone(start_again), 0);
	EXPECT(are_gone());
}

static void start_twice(void)
{
	start(forwards, passt_lock());
	start(forwards, passt_lock());
}

static void port_is_taken(void)
{
	EXPECT_EQ(run_alone(start_twice), EXIT_FAILED << 8);
	EXPECT(are_gone());
}

/* Others in place of passt: shell scripts, whose first file is the socket */
static char bin[] = "/tmp/lg-bin-XXXXXX", fake[sizeof(bin) + 8];

static bool make_fake(const char *script)
{
	FILE *file;

	if (!mkdtemp(bin))
		return false;
	snprintf(fake, sizeof(fake), "%s/passt", bin);
	file = fopen(fake, "we");
	if (!file || fprintf(file, "#!/bin/sh\n%s\n", script) < 0 || fclose(file))
		return false;
	setenv("PATH", bin, 1);
	return !chmod(fake, 0700);
}

static void remove_fake(void)
{
	unlink(fake);
	rmdir(bin);
}

/* What the user is told, from here on */
static int told;

static void listen_to_it(void)
{
	told = memfd_create("told", MFD_CLOEXEC);
	if (told < 0 || dup2(told, STDERR_FILENO) < 0)
		die("memfd_create: %m");
}

static bool is_told(const char *words)
{
	char buf[256] = "";

	return pread(told, buf, sizeof(buf) - 1, 0) >= 0 && !strcmp(buf, words);
}

static void start_the_fake(void)
{
	start(forwards, passt_lock());
}

/* Newer ones send the guest a word before they listen, and end then if they can't. */
static void ends_after_a_word(void)
{
	EXPECT(make_fake("printf '\\0\\0\\0\\024a frame of 20 bytes.' >&3\n/bin/sleep 1\n"
			 "echo why >&2\nexit 1"));
	listen_to_it();
	EXPECT_EQ(run_alone(start_the_fake), EXIT_FAILED << 8);
	EXPECT(is_told("why\n--net=user: passt has ended; see what it says\n"));
	remove_fake();
}

static void says_too_much(void)
{
	EXPECT(make_fake("printf '\\0\\01\\0\\0' >&3\nexec /bin/sleep 60"));
	EXPECT_EQ(run_alone(start_the_fake), EXIT_FAILED << 8);
	remove_fake();
}

/* On a host that has no IPv4 there is no answer. What is no fault the user need not hear. */
static void does_not_answer(void)
{
	EXPECT(make_fake("printf '\\0\\0\\0\\01612345678901234' >&3\necho warning >&2\n"
			 "exec /bin/sleep 60"));
	listen_to_it();
	EXPECT_EQ(run_alone(start_the_fake), 0);
	usleep(500000);
	EXPECT(is_told(""));
	remove_fake();
}

static void start_as_nobody(void)
{
	keeper_set_user("65534:65534");
	lock = passt_lock();
	EXPECT(is_offered(start(forwards, lock), HOST_ADDRESS));
}

static void as_another_user(void)
{
	EXPECT_EQ(run_alone(start_as_nobody), 0);
	EXPECT(are_gone());
}

/* A host with a way out that leads nowhere, and two addresses */
static bool make_host(void)
{
	static const char *const commands[] = {
		"link set lo up",
		"address add 198.51.100.1/32 dev lo",
		"link add out type veth peer name far",
		"link set far up",
		"address add " HOST_ADDRESS "/24 dev out",
		"link set out up",
		"route add default via " GATEWAY,
	};
	char command[128];

	if (unshare(CLONE_NEWNET))
		return false;
	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++) {
		snprintf(command, sizeof(command), "PATH=$PATH:/sbin:/usr/sbin ip %s", commands[i]);
		if (system(command))
			return false;
	}
	return true;
}

int main(void)
{
	static const struct {
		const char *name;
		void (*test)(void);
	} tests[] = {
		{ "gives_an_address", gives_an_address },
		{ "from_the_host", from_the_host },
		{ "not_the_hosts_own", not_the_hosts_own },
		{ "goes_with_the_guest", goes_with_the_guest },
		{ "goes_if_it_hangs", goes_if_it_hangs },
		{ "listens_again", listens_again },
		{ "port_is_taken", port_is_taken },
		{ "ends_after_a_word", ends_after_a_word },
		{ "says_too_much", says_too_much },
		{ "does_not_answer", does_not_answer },
		{ "as_another_user", as_another_user },
	};
	bool can = make_host();

	/* Not the name of those that are counted */
	prctl(PR_SET_NAME, "test");
	printf("KTAP version 1\n1..%zu\n", ARRAY_SIZE(tests));
	for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++) {
		if (!can)
			skip(tests[i].name, "there can't be a network of its own here");
		else
			run_in_child(tests[i].name, tests[i].test);
		if (can && !are_gone())
			die("passt is still there");
	}
	return ktap_failed();
}
