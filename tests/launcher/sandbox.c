// SPDX-License-Identifier: GPL-2.0
/*
 * What landlock alone refuses, behind the filters of system calls: a process gives up its
 * rights as a guest's does, but has no such filter, and tries. Each attempt is a process of its
 * own. What is to be refused depends on the version of landlock that the kernel has.
 */
#include "ktap.h"
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define FILE_NAME	"file"
/* Of landlock's versions, the first that knows networks */
#define WITH_TCP	4

/* Two sockets, each with an address that somebody listens on */
static struct {
	int fd;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_un un;
	} address;
	socklen_t len;
} tcp, abstract;

static int open_file(void)
{
	return open(FILE_NAME, O_RDONLY);
}

static int open_dir(void)
{
	return open("/", O_RDONLY | O_DIRECTORY);
}

static int write_file(void)
{
	return open(FILE_NAME, O_WRONLY);
}

static int make_file(void)
{
	return open("new", O_WRONLY | O_CREAT, 0600);
}

static int make_dir(void)
{
	return mkdir("dir", 0700);
}

static int remove_file(void)
{
	return unlink(FILE_NAME);
}

static int run_program(void)
{
	return execl("/bin/false", "/bin/false", NULL);
}

static int truncate_file(void)
{
	return truncate(FILE_NAME, 0);
}

static int connect_tcp(void)
{
	return connect(tcp.fd, &tcp.address.any, tcp.len);
}

static int bind_tcp(void)
{
	struct sockaddr_in any_port = { .sin_family = AF_INET };

	return bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&any_port,
		    sizeof(any_port));
}

static int connect_abstract(void)
{
	return connect(abstract.fd, &abstract.address.any, abstract.len);
}

static int signal_parent(void)
{
	return kill(getppid(), 0);
}

static const struct attempt {
	const char *name;
	int (*try)(void);
	int error;
	int since;		/* of landlock's versions */
} attempts[] = {
	{ "open a file", open_file, EACCES, 1 },
	{ "open a directory", open_dir, EACCES, 1 },
	{ "open a file to write to it", write_file, EACCES, 1 },
	{ "make a file", make_file, EACCES, 1 },
	{ "make a directory", make_dir, EACCES, 1 },
	{ "remove a file", remove_file, EACCES, 1 },
	{ "run a program", run_program, EACCES, 1 },
	{ "truncate a file", truncate_file, EACCES, 3 },
	{ "connect by TCP", connect_tcp, EACCES, WITH_TCP },
	{ "wait for others by TCP", bind_tcp, EACCES, WITH_TCP },
	{ "connect to an abstract socket", connect_abstract, EPERM, 6 },
	{ "send a signal", signal_parent, EPERM, 6 },
};

static const struct attempt *attempt;

static void listen_by_tcp(void)
{
	int server = socket(AF_INET, SOCK_STREAM, 0);

	tcp.fd = socket(AF_INET, SOCK_STREAM, 0);
	tcp.len = sizeof(tcp.address.in);
	tcp.address.in.sin_family = AF_INET;
	tcp.address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (server < 0 || tcp.fd < 0 || bind(server, &tcp.address.any, tcp.len) ||
	    listen(server, 1) || getsockname(server, &tcp.address.any, &tcp.len))
		die("a TCP socket: %m");
}

static void listen_abstractly(void)
{
	int server = socket(AF_UNIX, SOCK_STREAM, 0);

	abstract.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	abstract.address.un.sun_family = AF_UNIX;
	abstract.len = offsetof(struct sockaddr_un, sun_path) + 1 +
		sprintf(abstract.address.un.sun_path + 1, "lg-sandbox-%d", getpid());
	if (server < 0 || abstract.fd < 0 || bind(server, &abstract.address.any, abstract.len) ||
	    listen(server, 1))
		die("a socket: %m");
}

static void is_refused(void)
{
	int result;

	sandbox_enter(true, NULL);
	result = attempt->try();
	EXPECT_EQ(result, -1);
	EXPECT_EQ(errno, attempt->error);
}

/* What is refused can be done. */
static void can_be_done(void)
{
	int result;

	errno = 0;
	result = attempt->try();
	EXPECT_EQ(result >= 0, true);
	EXPECT_EQ(errno, 0);
}

static void make_a_file(void)
{
	int fd = open(FILE_NAME, O_RDWR | O_CREAT, 0600);

	if (fd < 0 || write(fd, "text", 4) != 4)
		die(FILE_NAME ": %m");
	close(fd);
}

static void test(void)
{
	make_a_file();
	EXPECT_EQ(run_alone(is_refused), 0);
	make_a_file();
	/* A program's own status */
	EXPECT_EQ(run_alone(can_be_done), attempt->try == run_program ? 1 << 8 : 0);
}

int main(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	char dir[] = "/tmp/lg-sandbox-XXXXXX", name[64], why[64];

	if (!mkdtemp(dir) || chdir(dir))
		die("%s: %m", dir);
	printf("KTAP version 1\n1..%zu\n", ARRAY_SIZE(attempts));
	printf("# landlock version %ld\n", version);
	if (version >= WITH_TCP)
		listen_by_tcp();
	listen_abstractly();
	for (attempt = attempts; attempt < attempts + ARRAY_SIZE(attempts); attempt++) {
		sprintf(name, "landlock: %s", attempt->name);
		sprintf(why, "landlock %d, this kernel has %ld", attempt->since,
			version < 0 ? 0 : version);
		if (version >= attempt->since)
			run(name, test);
		else
			skip(name, why);
	}
	unlink(FILE_NAME);
	unlink("new");
	rmdir("dir");
	rmdir(dir);
	return ktap_failed();
}
