// SPDX-License-Identifier: GPL-2.0
/*
 * host [NAME...]: the operations that take a Launcher of their own, or another
 * process. count.c measures them. The guests are a few instructions each.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <linux/lguest_launcher.h>
#include "../host/test.h"
#include "mark.h"

/* As often as the demo guest does it */
#define WINDOWS		7
#define NOTIFIES	100
#define IRQ		5

#define NOBODYS		0x555000	/* no eventfd is tied to this address */
#define CLAIMED		0x111000

/* Notifies the Launcher, over and over */
GUEST(notify, G_INIT "1:" G_NOTIFY(0x555000) "jmp 1b\n");
/* Signals the eventfd so often that it is a window, then notifies the Launcher */
GUEST(signal_eventfd, G_INIT "2: mov $100, %edi\n" MARK_BEGIN_ASM
	"1:" G_NOTIFY(0x111000) "dec %edi\njnz 1b\n" MARK_END_ASM
	G_NOTIFY(0x555000) "jmp 2b\n");
/* These two are there only for their handler of irq 5. */
#define WITH_HANDLER							\
	"mov $0x8000, %esp\n" G_INIT					\
	"mov $0x00611100, %ecx\nmov $0x8e00, %edx\n" G_HCALL(6, 37)	\
	"movl $0x200, 0x2000\n"
#define HANDLER(guest)							\
	"\n.org " #guest " + 0x100\n" MARK_END_ASM			\
	"movl $0x200, 0x2000\niret\n"
GUEST(spin, WITH_HANDLER "1: jmp 1b\n" HANDLER(spin));
GUEST(halt, WITH_HANDLER "1:" G_HCALL(10, 0) "jmp 1b\n" HANDLER(halt));
/* Ends the window as soon as it runs */
GUEST(begun, MARK_END_ASM G_INIT G_NOTIFY(0x555000) G_FOREVER);

static void name_of(const char *what, int times)
{
	char name[64];

	snprintf(name, sizeof(name), "%s %d", what, times);
	mark_name(name);
	printf("  %s\n", name);
}

/* Runs the guest until it notifies an address that no eventfd is tied to. */
static void run_on(struct guest *g)
{
	unsigned long addr;

	need(read(g->fd, &addr, sizeof(addr)) == sizeof(addr));
	need(addr == NOBODYS);
}

static void do_notify(const char *what)
{
	struct guest g;
	int i, j;

	guest_start(&g, notify);
	run_on(&g);
	name_of(what, NOTIFIES);
	for (i = 0; i < WINDOWS; i++) {
		mark_begin();
		for (j = 0; j < NOTIFIES; j++)
			run_on(&g);
		mark_end();
	}
}

static void do_eventfd(const char *what)
{
	struct guest g;
	int i;

	guest_start(&g, signal_eventfd);
	need(!lg_write(g.fd, LHREQ_EVENTFD, CLAIMED, eventfd(0, 0)));
	name_of(what, NOTIFIES);
	for (i = 0; i < WINDOWS; i++)
		run_on(&g);
}

static void *raise_irqs(void *arg)
{
	struct guest *g = arg;
	int i;

	for (i = 0; i < WINDOWS; i++) {
		sleep_ms(2);
		mark_begin();
		need(!lg_write(g->fd, LHREQ_IRQ, IRQ));
	}
	sleep_ms(2);
	case_end();
}

/* From one thread's write() to the handler of the guest that another one runs */
static void interrupt(struct guest *g, const char *what)
{
	unsigned long addr;
	pthread_t thread;

	name_of(what, 1);
	need(!pthread_create(&thread, NULL, raise_irqs, g));
	need(read(g->fd, &addr, sizeof(addr)) < 0);
}

static void do_irq(const char *what)
{
	struct guest g;

	guest_start(&g, spin);
	interrupt(&g, what);
}

static void do_wake(const char *what)
{
	struct guest g;

	guest_start(&g, halt);
	interrupt(&g, what);
}

/* From INITIALIZE to the guest's first instruction */
static void initialize(const char *what, size_t mb)
{
	struct guest g;
	int i;

	name_of(what, 1);
	for (i = 0; i < WINDOWS; i++) {
		g.mem = mmap(NULL, mb << 20, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		need(g.mem != MAP_FAILED);
		guest_code(g.mem, begun, begun_end);
		g.fd = lg_open();
		mark_begin();
		need(lg_write(g.fd, LHREQ_INITIALIZE, (unsigned long)g.mem,
			      mb << 8, CODE) > 0);
		run_on(&g);
		close(g.fd);
		munmap(g.mem, mb << 20);
	}
}

static void do_initialize_16(const char *what)
{
	initialize(what, 16);
}

static void do_initialize_2048(const char *what)
{
	initialize(what, 2048);
}

/* A second of a guest at its prompt. The demo has no timers there. */
static void do_idle(const char *what)
{
	char output[4096] = "";
	int in[2], out[2], i;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	need(!pipe(in) && !pipe(out));
	pid = fork();
	if (!pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execlp("lguest", "lguest", "--memory", "16", "/guests/demo.elf",
		       NULL);
		_exit(1);
	}
	need(pid > 0);
	while (!strstr(output, "lguest> ")) {
		n = read(out[0], output + len, sizeof(output) - 1 - len);
		need(n > 0);
		len += n;
	}
	sleep_ms(100);
	name_of(what, 1);
	for (i = 0; i < WINDOWS; i++) {
		mark_begin();
		sleep_ms(1000);
		mark_end();
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static const struct bench {
	const char *name;
	void (*run)(const char *name);
} benches[] = {
	{ "notify", do_notify },
	{ "eventfd", do_eventfd },
	{ "irq", do_irq },
	{ "wake", do_wake },
	{ "initialize-16", do_initialize_16 },
	{ "initialize-2048", do_initialize_2048 },
	{ "idle", do_idle },
	{ }
};

static bool wanted(const char *name, char **names)
{
	bool all = !*names;

	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return all;
}

int main(int argc, char **argv)
{
	const struct bench *b;
	pid_t pid;

	(void)argc;
	mark_start();
	/* By the time that this is over, the plugin has begun to count. */
	sleep_ms(10);
	for (b = benches; b->name; b++) {
		if (!wanted(b->name, argv + 1))
			continue;
		fflush(stdout);
		pid = fork();
		if (!pid) {
			b->run(b->name);
			case_end();
		}
		waitpid(pid, NULL, 0);
	}
	return 0;
}
