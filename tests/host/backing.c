// SPDX-License-Identifier: GPL-2.0
/*
 * A guest's memory is whatever its Launcher has mapped there: huge pages, files, a
 * device, read-only pages, or pages that somebody else has to bring.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/lguest_launcher.h>
#include <linux/userfaultfd.h>
#include "test.h"

#define SIZE		(PAGES * 4096)
#define HUGE		(2 << 20)
#define RDWR		(PROT_READ | PROT_WRITE)
#define FILE_NAME	"/tmp/backing"

#ifndef SYS_memfd_secret
#define SYS_memfd_secret	447
#endif

GUEST(count, "1: incl 0x3000\njmp 1b\n");
/* Counts in every page behind COUNTER, and tells after each round. */
GUEST(walk, G_INIT "1: mov $0x4000, %esi\n2: incl (%esi)\n"
	"add $0x1000, %esi\ncmp $0x400000, %esi\njb 2b\n"
	G_NOTIFY(0x123000) "jmp 1b\n");
/* Only reads, as long as it reads 0 */
GUEST(look, "1: cmpl $0, 0x3004\nje 1b\nincl 0x3000\n" G_FOREVER);
/* Touches COUNTER itself, and has the host touch DATA and its Launcher's buffer */
GUEST(touch, "incl 0x3000\n" G_INIT G_NOTIFY(0x123000) G_FOREVER);

static bool initialize(struct guest *g)
{
	g->fd = lg_open();
	return lg_write(g->fd, LHREQ_INITIALIZE, (unsigned long)g->mem, PAGES,
			CODE) > 0;
}

static void start_in(struct guest *g, char *mem, const char *code,
		     const char *end)
{
	need(mem != MAP_FAILED);
	guest_code(mem, code, end);
	g->mem = mem;
	need(initialize(g));
}

#define start(g, mem, code)	start_in(g, mem, code, code ## _end)

static bool round_done(struct guest *g)
{
	unsigned long addr = 0;

	return read(g->fd, &addr, sizeof(addr)) == sizeof(addr) &&
	       addr == 0x123000;
}

static int word(const char *at)
{
	return *(volatile int *)at;
}

/* The Launcher has to see what the guest writes in this memory. */
static void walks_in(struct guest *g, char *mem)
{
	int i;

	start(g, mem, walk);
	need(round_done(g) && round_done(g));
	for (i = 0x4000; i < SIZE; i += 4096)
		if (!expect(word(mem + i) == 2, "%#x: %d", i, word(mem + i)))
			break;
}

static char *map(int prot, int flags, int fd)
{
	return mmap(NULL, SIZE, prot, flags, fd, 0);
}

/* Maps a page of the guest's from somewhere else. */
static void map_page(struct guest *g, int gpa, int prot, int flags, int fd,
		     off_t offset)
{
	need(mmap(g->mem + gpa, 4096, prot, MAP_FIXED | flags, fd, offset) !=
	     MAP_FAILED);
}

static void huge_pages(void)
{
	struct guest g;
	int fd;

	put("/proc/sys/vm/nr_hugepages", "8");
	if (number("/proc/meminfo", "HugePages_Free:") < SIZE / HUGE)
		skip("there are no huge pages");
	walks_in(&g, map(RDWR, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1));
	close(g.fd);
	munmap(g.mem, SIZE);

	fd = memfd_create("huge", MFD_HUGETLB);
	need(fd >= 0 && !ftruncate(fd, SIZE));
	walks_in(&g, map(RDWR, MAP_SHARED, fd));
	/* The guest has to find zeroes in a hole, not the page that was there. */
	need(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, HUGE,
			HUGE));
	need(round_done(&g));
	expect(word(g.mem + HUGE) == 1, "%d", word(g.mem + HUGE));
	expect(word(g.mem + HUGE - 4096) == 3);
	need(!munmap(g.mem + HUGE, HUGE));
	dies_of_gone_memory(&g);
	put("/proc/sys/vm/nr_hugepages", "0");
}

static void shared_memory(void)
{
	int id = shmget(IPC_PRIVATE, SIZE, 0600);
	struct guest g;

	need(id >= 0);
	walks_in(&g, shmat(id, NULL, 0));
	need(!shmctl(id, IPC_RMID, NULL));
	need(round_done(&g));
	need(!shmdt(g.mem));
	dies_of_gone_memory(&g);
}

static int new_file(int flags)
{
	int fd = open(FILE_NAME, O_RDWR | O_CREAT | O_TRUNC, 0600);

	need(fd >= 0 && !ftruncate(fd, SIZE));
	if (flags == O_RDWR)
		return fd;
	close(fd);
	return open(FILE_NAME, flags);
}

static void file(void)
{
	int fd = new_file(O_RDWR), n;
	struct guest g;

	walks_in(&g, map(RDWR, MAP_SHARED, fd));
	need(pread(fd, &n, sizeof(n), SIZE - 4096) == sizeof(n));
	expect(n == 2, "%d", n);
	n = 10;
	need(pwrite(fd, &n, sizeof(n), SIZE - 4096) == sizeof(n));
	need(round_done(&g));
	expect(word(g.mem + SIZE - 4096) == 11);
}

static void truncated_file(void)
{
	int fd = new_file(O_RDWR);
	struct guest g;

	walks_in(&g, map(RDWR, MAP_SHARED, fd));
	need(!ftruncate(fd, SIZE / 2));
	dies_of_gone_memory(&g);
	close(g.fd);
	munmap(g.mem, SIZE);

	/* Pages that come back are empty. */
	need(!ftruncate(fd, 0) && !ftruncate(fd, SIZE));
	walks_in(&g, map(RDWR, MAP_SHARED, fd));
	need(!ftruncate(fd, SIZE / 2) && !ftruncate(fd, SIZE));
	need(round_done(&g));
	expect(word(g.mem + SIZE / 2) == 1, "%d", word(g.mem + SIZE / 2));
	expect(word(g.mem + SIZE / 2 - 4096) == 3);
	/* Nothing is left, not even its code. */
	need(!ftruncate(fd, 0));
	dies_of_gone_memory(&g);
}

static void *run(void *arg)
{
	struct guest *g = arg;
	unsigned long addr;

	need(initialize(g));
	errno = 0;
	read(g->fd, &addr, sizeof(addr));
	return (void *)(long)errno;
}

/* Runs the guest in a thread of its own. Its result is the errno of read(). */
static pthread_t run_in_thread(struct guest *g, char *mem)
{
	pthread_t thread;

	guest_code(mem, count, count_end);
	g->mem = mem;
	need(!pthread_create(&thread, NULL, run, g));
	return thread;
}

static void expect_end(pthread_t thread, int err)
{
	struct timespec limit;
	void *got;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += SOON;
	need(!pthread_timedjoin_np(thread, &got, &limit));
	expect((long)got == err, "%s", strerrorname_np((long)got));
}

static void truncated_under_the_guest(void)
{
	pthread_t thread;
	struct guest g;
	int i, fd;

	for (i = 0; i < 10; i++) {
		fd = new_file(O_RDWR);
		thread = run_in_thread(&g, map(RDWR, MAP_SHARED, fd));
		need(counts(&g));
		need(!ftruncate(fd, 0));
		expect_end(thread, ENOENT);
		close(g.fd);
		close(fd);
		munmap(g.mem, SIZE);
	}
}

/* A guest has the same rights to a file as the mapping. */
static void read_only_file(void)
{
	static char before[SIZE];
	struct guest g;
	int fd;

	fd = new_file(O_RDWR);
	g.mem = map(RDWR, MAP_SHARED, fd);
	guest_code(g.mem, look, look_end);
	*(int *)(g.mem + COUNTER + 4) = 1;
	memcpy(before, g.mem, SIZE);
	munmap(g.mem, SIZE);
	close(fd);

	fd = open(FILE_NAME, O_RDONLY);
	g.mem = map(PROT_READ, MAP_SHARED, fd);
	need(initialize(&g));
	dies_of_gone_memory(&g);
	expect(!memcmp(g.mem, before, SIZE));
	close(g.fd);
	munmap(g.mem, SIZE);

	/* A private mapping, on the other hand, is the Launcher's own copy. */
	walks_in(&g, map(RDWR, MAP_PRIVATE, fd));
	g.mem = map(PROT_READ, MAP_SHARED, fd);
	expect(!memcmp(g.mem, before, SIZE));
}

static void dev_zero(void)
{
	int fd = open("/dev/zero", O_RDWR);
	struct guest g;

	need(fd >= 0);
	walks_in(&g, map(RDWR, MAP_SHARED, fd));
	close(g.fd);
	walks_in(&g, map(RDWR, MAP_PRIVATE, fd));
	/* Nobody may write to the page that stands for all zeroes. */
	expect(!word(map(PROT_READ, MAP_PRIVATE, fd)));
}

/* The display's memory once was here: no RAM, and nobody's on this machine. */
static void device_memory(void)
{
	int fd = open("/dev/mem", O_RDWR);
	const off_t hole = 0xa0000;
	struct guest g;

	harms("this memory may be a display's");
	if (fd < 0 || mmap(NULL, 4096, RDWR, MAP_SHARED, fd, hole) == MAP_FAILED)
		skip("no device has memory to map");
	start(&g, map(RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1), count);
	map_page(&g, COUNTER, RDWR, MAP_SHARED, fd, hole);
	dies_of_gone_memory(&g);
	close(g.fd);

	/* The host can read it at the Launcher's address, but finds no sense. */
	start(&g, map(RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1), walk);
	map_page(&g, DATA, RDWR, MAP_SHARED, fd, hole);
	expect_death(&g);
}

/* The host itself reads and writes none of it: count makes no calls. */
static void rights_of_memory(void)
{
	struct guest g;

	start(&g, map(RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1), count);
	need(!mprotect(g.mem, SIZE, PROT_READ));
	dies_of_gone_memory(&g);

	start(&g, map(RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1), count);
	need(!mprotect(g.mem, SIZE, PROT_NONE));
	dies_of_gone_memory(&g);

	start(&g, map(RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1), walk);
	need(!munmap(g.mem + SIZE / 2, 4096));
	dies_of_gone_memory(&g);

	g.mem = map(PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	need(initialize(&g));
	dies_of_gone_memory(&g);
}

/* Pages that the kernel itself has not mapped */
static void secret_memory(void)
{
	int fd = syscall(SYS_memfd_secret, 0);
	struct guest g;

	if (fd < 0)
		skip("the kernel keeps no secrets");
	need(!ftruncate(fd, 4096));
	start(&g, map(RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1), count);
	map_page(&g, COUNTER, RDWR, MAP_SHARED, fd, 0);
	dies_of_gone_memory(&g);
}

static void protection_key(void)
{
	int key = pkey_alloc(0, PKEY_DISABLE_ACCESS);
	struct guest g;

	if (key < 0)
		skip("the CPU has no protection keys");
	start(&g, map(RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1), count);
	need(!pkey_mprotect(g.mem + COUNTER, 4096, RDWR, key));
	dies_of_gone_memory(&g);
}

/*
 * userfaultfd: pages are missing until somebody brings them. Whoever needs one
 * sleeps for as long as that takes, or until SIGKILL.
 */

static int uffd_open(int flags, __u64 features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | flags);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		skip("the kernel has no such userfaultfd");
	return fd;
}

static void watch(int uffd, void *page, int mode)
{
	struct uffdio_register reg = {
		.range = { (unsigned long)page, 4096 }, .mode = mode,
	};

	need(!ioctl(uffd, UFFDIO_REGISTER, &reg));
}

static bool fault_comes(int uffd, struct uffd_msg *msg)
{
	struct pollfd p = { .fd = uffd, .events = POLLIN };

	return poll(&p, 1, SOON * 1000) == 1 &&
	       read(uffd, msg, sizeof(*msg)) == sizeof(*msg) &&
	       msg->event == UFFD_EVENT_PAGEFAULT;
}

static bool bring(int uffd, void *page, const void *from)
{
	struct uffdio_copy copy = {
		.dst = (unsigned long)page, .src = (unsigned long)from,
		.len = 4096,
	};

	return !ioctl(uffd, UFFDIO_COPY, &copy);
}

static void write_protect(int uffd, void *page, bool on)
{
	struct uffdio_writeprotect wp = {
		.range = { (unsigned long)page, 4096 },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	need(!ioctl(uffd, UFFDIO_WRITEPROTECT, &wp));
}

/* Where a page may be missing, and who then needs it */
enum place {
	GUEST_PAGE,	/* the guest */
	DATA_PAGE,	/* the host, for the guest */
	WORDS,		/* the host, for a request */
	BUFFER,		/* the host, to return something */
	PLACES
};

struct missing {
	int uffd;
	enum place place;
	char *page;
	char content[4096];
	int tell;		/* a pipe to write to instead, or -1 */
	struct guest g;
	char *words, *buffer;
};

static void take_away(struct missing *m, enum place which, int flags)
{
	char *own = mmap(NULL, 2 * 4096, RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
	unsigned long words[] = { LHREQ_INITIALIZE, 0, PAGES, CODE };

	memset(m, 0, sizeof(*m));
	m->tell = -1;
	m->g.mem = guest_memory(touch, touch_end, MAP_PRIVATE);
	m->g.fd = lg_open();
	words[1] = (unsigned long)m->g.mem;
	m->words = own;
	m->buffer = own + 4096;
	memcpy(m->words, words, sizeof(words));

	m->place = which;
	m->page = which == GUEST_PAGE ? m->g.mem + COUNTER :
		  which == DATA_PAGE ? m->g.mem + DATA :
		  which == WORDS ? m->words : m->buffer;
	memcpy(m->content, m->page, 4096);
	need(!madvise(m->page, 4096, MADV_DONTNEED));
	m->uffd = uffd_open(flags, 0);
	watch(m->uffd, m->page, UFFDIO_REGISTER_MODE_MISSING);
}

static long request_to_start(struct missing *m)
{
	return write(m->g.fd, m->words, 4 * sizeof(long));
}

static void *answer(void *arg)
{
	struct missing *m = arg;
	struct uffd_msg msg;

	if (!expect(fault_comes(m->uffd, &msg), "place %d", m->place))
		return NULL;
	if (m->tell >= 0) {
		write(m->tell, "", 1);
		return NULL;
	}
	sleep_ms(50);
	expect(bring(m->uffd, m->page, m->content), "place %d: %m", m->place);
	return NULL;
}

static void missing_page_is_brought(void)
{
	static struct missing m;
	pthread_t thread;
	int place;

	for (place = 0; place < PLACES; place++) {
		take_away(&m, place, 0);
		need(!pthread_create(&thread, NULL, answer, &m));
		need(request_to_start(&m) > 0);
		expect(read(m.g.fd, m.buffer, sizeof(long)) == sizeof(long),
		       "place %d: %m", place);
		need(!pthread_join(thread, NULL));
		expect(*(long *)m.buffer == 0x123000, "place %d", place);
		expect(counter(&m.g) == 1, "place %d", place);
	}
}

static void wait_for_ever(void *arg)
{
	struct missing *m = arg;
	pthread_t thread;
	int tell = m->tell;

	take_away(m, m->place, 0);
	m->tell = tell;
	need(!pthread_create(&thread, NULL, answer, m));
	request_to_start(m);
	read(m->g.fd, m->buffer, sizeof(long));
	expect(false, "place %d: it returned", m->place);
}

static void waiting_can_be_killed(void)
{
	static struct missing m;
	int ends[2], place, status;
	struct pollfd p = { .events = POLLIN };
	pid_t pid;
	char byte;

	for (place = 0; place < PLACES; place++) {
		need(!pipe(ends));
		m.place = place;
		m.tell = ends[1];
		pid = spawn(wait_for_ever, &m);
		close(ends[1]);
		p.fd = ends[0];
		need(poll(&p, 1, SOON * 1000) == 1);
		if (read(ends[0], &byte, 1) != 1)
			skip("the kernel has no such userfaultfd");
		sleep_ms(50);
		expect(!waitpid(pid, &status, WNOHANG), "place %d", place);
		need(!kill(pid, SIGKILL));
		need(wait_for(pid, &status, SOON));
		expect(WIFSIGNALED(status), "place %d", place);
		close(ends[0]);
	}
}

/* With UFFD_USER_MODE_ONLY nobody waits in the kernel: the memory is as if gone. */
static void not_for_the_kernel(void)
{
	static struct missing m;
	int place;

	for (place = 0; place < PLACES; place++) {
		take_away(&m, place, UFFD_USER_MODE_ONLY);
		if (place == WORDS) {
			expect_errno(request_to_start(&m), EFAULT);
			continue;
		}
		need(request_to_start(&m) > 0);
		if (place != BUFFER) {
			dies_of_gone_memory(&m.g);
			continue;
		}
		expect_errno(read(m.g.fd, m.buffer, sizeof(long)), EFAULT);
		/* The notify is not lost. */
		expect(round_done(&m.g));
	}
}

static char thread_state(pid_t tid)
{
	char name[64], *state;

	snprintf(name, sizeof(name), "/proc/self/task/%d/status", tid);
	state = strstr(slurp(name), "State:\t");
	need(state);
	return state[7];
}

static pid_t other_thread(void)
{
	char name[64];
	pid_t tid;

	for (tid = getpid() + 1; tid < getpid() + 1000; tid++) {
		snprintf(name, sizeof(name), "/proc/self/task/%d", tid);
		if (!access(name, F_OK))
			return tid;
	}
	need(false);
	return 0;
}

static bool falls_asleep(pid_t tid)
{
	double end = now() + SOON;

	while (!strchr("SD", thread_state(tid))) {
		if (now() > end)
			return false;
		sleep_ms(5);
	}
	return true;
}

static void on_signal(int signal)
{
	(void)signal;
}

/* A Launcher that waits for a page sleeps. It sees to a signal afterwards. */
static void signal_meanwhile(void)
{
	struct sigaction act = { .sa_handler = on_signal };
	int uffd = uffd_open(0, 0);
	static char zeroes[4096];
	struct uffd_msg msg;
	pthread_t thread;
	struct guest g;
	int i;

	need(!sigaction(SIGUSR1, &act, NULL));
	thread = run_in_thread(&g, map(RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1));
	need(counts(&g));
	watch(uffd, g.mem + COUNTER, UFFDIO_REGISTER_MODE_MISSING);
	for (i = 0; i < 10; i++) {
		need(!madvise(g.mem + COUNTER, 4096, MADV_DONTNEED));
		need(fault_comes(uffd, &msg));
		expect(msg.arg.pagefault.address ==
		       (unsigned long)g.mem + COUNTER);
		expect(falls_asleep(other_thread()));
		if (i == 9)
			need(!pthread_kill(thread, SIGUSR1));
		need(bring(uffd, g.mem + COUNTER, zeroes));
		if (i < 9)
			expect(counts(&g));
	}
	expect_end(thread, EINTR);
}

/* When nobody is left who could bring a page, it is like any other. */
static void nobody_is_left(void)
{
	int uffd = uffd_open(0, 0);
	struct uffd_msg msg;
	struct guest g;

	run_in_thread(&g, map(RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1));
	need(counts(&g));
	watch(uffd, g.mem + COUNTER, UFFDIO_REGISTER_MODE_MISSING);
	need(!madvise(g.mem + COUNTER, 4096, MADV_DONTNEED));
	need(fault_comes(uffd, &msg));
	close(uffd);
	expect(counts(&g));
}

static void write_protected(void)
{
	int i, uffd = uffd_open(0, UFFD_FEATURE_PAGEFAULT_FLAG_WP);
	struct uffd_msg msg;
	unsigned int was;
	struct guest g;

	run_in_thread(&g, map(RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1));
	need(counts(&g));
	watch(uffd, g.mem + COUNTER, UFFDIO_REGISTER_MODE_WP);
	for (i = 0; i < 10; i++) {
		write_protect(uffd, g.mem + COUNTER, true);
		was = counter(&g);
		need(fault_comes(uffd, &msg));
		expect(msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP);
		sleep_ms(20);
		expect(counter(&g) == was);
		write_protect(uffd, g.mem + COUNTER, false);
		expect(counts(&g));
	}
}

int main(void)
{
	static const struct test_case cases[] = {
		CASE(huge_pages),
		CASE(shared_memory),
		CASE(file),
		CASE(truncated_file),
		CASE(truncated_under_the_guest),
		CASE(read_only_file),
		CASE(dev_zero),
		CASE(device_memory),
		CASE(rights_of_memory),
		CASE(secret_memory),
		CASE(protection_key),
		CASE(missing_page_is_brought),
		CASE(waiting_can_be_killed),
		CASE(not_for_the_kernel),
		CASE(signal_meanwhile),
		CASE(nobody_is_left),
		CASE(write_protected),
	};

	return RUN_CASES(cases);
}
