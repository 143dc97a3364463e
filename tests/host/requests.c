// SPDX-License-Identifier: GPL-2.0
/* Every request that /dev/lguest knows, and what it refuses */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <linux/lguest_launcher.h>
#include "test.h"

/* No kernel header names this for user space. */
#ifndef ERESTART
#define ERESTART 85
#endif

#define WORD	sizeof(unsigned long)

GUEST(spin, G_FOREVER);
GUEST(notify, G_INIT "1:" G_NOTIFY(0x123000) G_NOTIFY(0x456000) "jmp 1b");
GUEST(bad_hypercall, G_INIT G_HCALL(7777, 0) G_FOREVER);
GUEST(no_init, G_NOTIFY(0x123000) G_FOREVER);
GUEST(bye, G_INIT "mov $1, %ecx\n" G_HCALL(2, 0x1100) G_FOREVER
	"\n.org bye + 0x100\n.asciz \"so long\"");
GUEST(again, G_INIT "mov $2, %ecx\n" G_HCALL(2, 0x1100) G_FOREVER
	"\n.org again + 0x100\n.asciz \"once more\"");
GUEST(kick, G_INIT G_NOTIFY(0x111000) G_NOTIFY(0x111000) G_NOTIFY(0x222000)
	G_NOTIFY(0x111000) G_NOTIFY(0x333000) G_FOREVER);
/* Writes the last word inside its 4 MiB, and the first one beyond */
GUEST(outside, "mov %eax, 0x3ffffc\nmov %eax, 0x400000\n" G_FOREVER);
/* What comes in by a port goes out by a NOTIFY. */
GUEST(port, G_INIT "mov $0xcfc, %edx\nin %dx, %eax\nmov %eax, %ebx\n"
	"mov $17, %eax\nint $0x1f\nout %al, $0x80\n" G_NOTIFY(0x456000)
	G_FOREVER);
/* A handler for #GP, which notifies its error code */
GUEST(refused, "mov $0x8000, %esp\n" G_INIT
	"mov $0x00611100, %ecx\nmov $0x8e00, %edx\n" G_HCALL(6, 13)
	"in $0x61, %al\n" G_FOREVER
	"\n.org refused + 0x100\npop %ebx\nmov $17, %eax\nint $0x1f\n"
	G_FOREVER);
/* Its tables map 0xa000 to the page behind its memory. */
GUEST(device, G_INIT G_HCALL(4, 0x5000)
	"mov $0x1234, %ecx\nmov %ecx, 0xa044\nmov 0xa048, %ebx\n"
	"mov $17, %eax\nint $0x1f\n" G_FOREVER);
/* Goes to ring 3 and faults there at once, with a handler but no SET_STACK */
GUEST(no_stack, "mov $0x8000, %esp\n" G_INIT
	"mov $0xffff, %ecx\nmov $0x00cffa00, %edx\n" G_HCALL(18, 15)
	"mov $0x00cff200, %edx\n" G_HCALL(18, 16)
	"mov $0x00611000, %ecx\nmov $0x8e00, %edx\n" G_HCALL(6, 14)
	"push $0x83\npush $0x8000\npushf\npush $0x7b\npush $0x1000\niret\n");

/* A pointer to only @n bytes that can be read or written */
static char *cut_off(size_t n)
{
	char *p = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(p != MAP_FAILED);
	need(!munmap(p + 4096, 4096));
	return p + 4096 - n;
}

static int not_an_eventfd(void)
{
	int fd = open("/dev/null", O_RDWR);

	need(fd >= 0);
	return fd;
}

static void initialize(void)
{
	struct guest g;

	guest_start(&g, spin);
	expect_errno(lg_write(g.fd, LHREQ_INITIALIZE, (unsigned long)g.mem,
			      PAGES, CODE), EBUSY);
}

static void initialize_bad_pointer(void)
{
	char *mem = guest_memory(spin, spin_end, MAP_PRIVATE);
	unsigned long words[] = { LHREQ_INITIALIZE, (unsigned long)mem, PAGES,
				  CODE };
	int fd = lg_open();
	size_t n;
	char *p;

	expect_errno(write(fd, NULL, sizeof(words)), EFAULT);
	expect_errno(write(fd, (void *)-4096L, sizeof(words)), EFAULT);
	for (n = 0; n < sizeof(words); n += WORD) {
		p = cut_off(n);
		memcpy(p, words, n);
		expect_errno(write(fd, p, sizeof(words)), EFAULT);
	}
	/* None of that may have left half a guest behind. */
	expect(write(fd, words, sizeof(words)) > 0);
}

/* The host must not read words that the Launcher did not pass. */
static void initialize_too_short(void)
{
	char *mem = guest_memory(spin, spin_end, MAP_PRIVATE);
	unsigned long words[] = { LHREQ_INITIALIZE, (unsigned long)mem, PAGES,
				  CODE };
	int fd = lg_open();
	size_t n;

	for (n = 0; n < sizeof(words); n++) {
		expect(write(fd, words, n) < 0, "%zu bytes", n);
		expect(errno == EINVAL || errno == EFAULT, "%zu bytes: %m", n);
	}
	expect(write(fd, words, sizeof(words)) > 0);
}

static void initialize_bad_geometry(void)
{
	unsigned long base, top = -1UL & ~4095UL;
	int fd = lg_open();

	base = (unsigned long)guest_memory(spin, spin_end, MAP_PRIVATE);
#define refuse(base, pages) \
	expect_errno(lg_write(fd, LHREQ_INITIALIZE, base, pages, CODE), EINVAL)
	refuse(base + 1, PAGES);
	refuse(base + 2048, PAGES);
	refuse(base, 0);
	/* Around the end of the address space, by sum and by product */
	refuse(top, 1);
	refuse(top, 2);
	refuse(base, -1UL);
	refuse(base, (ULONG_MAX >> 12) + 2);
	/* User space ends below these. */
	refuse(top - 4096UL * PAGES, PAGES);
#ifdef __x86_64__
	refuse(user_end() - 4096, PAGES);
	refuse(user_end(), PAGES);
	refuse(0xffff888000000000UL, PAGES);
	/* A guest has no more than 32 bits. */
	refuse(base, 0x100001);
	refuse(base, 0x100000000UL + PAGES);
#else
	refuse(0xfff00000, PAGES);
	refuse(base, 0x100001);
#endif
#undef refuse
	expect(lg_write(fd, LHREQ_INITIALIZE, base, PAGES, CODE) > 0);
}

static void refuse_unknown(int fd)
{
	expect_errno(lg_write(fd, LHREQ_GETDMA, 0, 0, 0), EINVAL);
	expect_errno(lg_write(fd, LHREQ_BREAK, 0, 0, 0), EINVAL);
	expect_errno(lg_write(fd, 8, 0, 0, 0), EINVAL);
	expect_errno(lg_write(fd, 0x7fffffff, 0, 0, 0), EINVAL);
	expect_errno(lg_write(fd, -1UL, 0, 0, 0), EINVAL);
#ifdef __x86_64__
	/* The whole word counts. */
	expect_errno(lg_write(fd, 0x100000000UL | LHREQ_IRQ, 1), EINVAL);
#endif
	expect_errno(write(fd, NULL, WORD), EFAULT);
	expect(write(fd, &(unsigned long){ LHREQ_IRQ }, 0) < 0);
	expect(write(fd, &(unsigned long){ LHREQ_IRQ }, WORD - 1) < 0);
}

static void unknown_requests(void)
{
	struct guest g;

	refuse_unknown(lg_open());
	guest_start(&g, spin);
	refuse_unknown(g.fd);
}

static void before_initialize(void)
{
	int fd = lg_open(), efd = eventfd(0, 0);
	char buf[64];

	expect_errno(read(fd, buf, sizeof(buf)), EINVAL);
	expect_errno(lg_write(fd, LHREQ_IRQ, 1), EINVAL);
	expect_errno(lg_write(fd, LHREQ_EVENTFD, 0x123000, efd), EINVAL);
}

static void irq(void)
{
	struct guest g;
	unsigned long i;
	char *p;

	guest_start(&g, spin);
	for (i = 0; i < 32; i++)
		expect(!lg_write(g.fd, LHREQ_IRQ, i), "irq %lu", i);
	expect_errno(lg_write(g.fd, LHREQ_IRQ, 32), EINVAL);
	expect_errno(lg_write(g.fd, LHREQ_IRQ, 33), EINVAL);
	expect_errno(lg_write(g.fd, LHREQ_IRQ, -1UL), EINVAL);
#ifdef __x86_64__
	expect_errno(lg_write(g.fd, LHREQ_IRQ, 0x100000001UL), EINVAL);
#endif
	p = cut_off(WORD);
	*(unsigned long *)p = LHREQ_IRQ;
	expect_errno(write(g.fd, p, 2 * WORD), EFAULT);
}

static void eventfd_request(void)
{
	int efd = eventfd(0, 0), null = not_an_eventfd();
	struct guest g;
	size_t n;
	char *p;

	guest_start(&g, spin);
	expect_errno(lg_write(g.fd, LHREQ_EVENTFD, 0, efd), EINVAL);
	expect_errno(lg_write(g.fd, LHREQ_EVENTFD, 0x123000, -1), EBADF);
	expect_errno(lg_write(g.fd, LHREQ_EVENTFD, 0x123000, 1000), EBADF);
	expect_errno(lg_write(g.fd, LHREQ_EVENTFD, 0x123000, null), EINVAL);
	expect_errno(lg_write(g.fd, LHREQ_EVENTFD, 0x123000, g.fd), EINVAL);
	for (n = WORD; n <= 2 * WORD; n += WORD) {
		p = cut_off(n);
		memcpy(p, (unsigned long[]){ LHREQ_EVENTFD, 0x123000 }, n);
		expect_errno(write(g.fd, p, 3 * WORD), EFAULT);
	}
	expect(!lg_write(g.fd, LHREQ_EVENTFD, 0x123000, efd));
	expect(!lg_write(g.fd, LHREQ_EVENTFD, 0x456000, efd));
}

static void notify_returns_address(void)
{
	unsigned long buf[8], untouched;
	struct guest g;
	int i;

	guest_start(&g, notify);
	memset(&untouched, 0xee, sizeof(untouched));
	for (i = 0; i < 100; i++) {
		memset(buf, 0xee, sizeof(buf));
		if (!expect(read(g.fd, buf, sizeof(buf)) == (ssize_t)WORD) ||
		    !expect(buf[0] == (i & 1 ? 0x456000 : 0x123000),
			    "round %d: %#lx", i, buf[0]))
			break;
		expect(buf[1] == untouched);
	}
}

/* A read that does not want to wait gets nothing, and loses nothing. */
static void notify_without_waiting(void)
{
	unsigned long addr = 0;
	struct guest g;

	guest_start(&g, notify);
	need(!fcntl(g.fd, F_SETFL, O_RDWR | O_NONBLOCK));
	expect_errno(read(g.fd, &addr, sizeof(addr)), EAGAIN);
	need(!fcntl(g.fd, F_SETFL, O_RDWR));
	expect(read(g.fd, &addr, sizeof(addr)) == sizeof(addr));
	expect(addr == 0x123000, "%#lx", addr);
}

/* Neither a buffer that faults nor one too small may cost the guest a kick. */
static void notify_is_not_lost(void)
{
	unsigned long addr = 0;
	struct guest g;

	guest_start(&g, notify);
	expect_errno(read(g.fd, NULL, WORD), EFAULT);
	expect_errno(read(g.fd, cut_off(0), WORD), EFAULT);
	expect_errno(read(g.fd, cut_off(WORD - 1), WORD), EFAULT);
	expect(read(g.fd, &addr, WORD) == (ssize_t)WORD);
	expect(addr == 0x123000, "%#lx", addr);
	expect(read(g.fd, &addr, 1) < 0);
	expect(read(g.fd, &addr, WORD) == (ssize_t)WORD);
	expect(addr == 0x456000, "%#lx", addr);
}

static void notify_eventfd(void)
{
	int one = eventfd(0, EFD_NONBLOCK), two = eventfd(0, EFD_NONBLOCK);
	unsigned long addr = 0;
	struct guest g;
	uint64_t n;

	guest_start(&g, kick);
	need(!lg_write(g.fd, LHREQ_EVENTFD, 0x111000, one));
	need(!lg_write(g.fd, LHREQ_EVENTFD, 0x222000, two));
	expect_errno(read(one, &n, 8), EAGAIN);
	expect_errno(read(two, &n, 8), EAGAIN);
	/* Only the last of five kicks is for the Launcher. */
	expect(read(g.fd, &addr, sizeof(addr)) == (ssize_t)WORD);
	expect(addr == 0x333000, "%#lx", addr);
	expect(read(one, &n, 8) == 8 && n == 3, "%llu", (long long)n);
	expect(read(two, &n, 8) == 8 && n == 1, "%llu", (long long)n);
}

static void expect_eperm(void *arg)
{
	char buf[64];

	expect_errno(read(*(int *)arg, buf, sizeof(buf)), EPERM);
}

static void *expect_eperm_thread(void *arg)
{
	expect_eperm(arg);
	return NULL;
}

static void read_is_the_owners(void)
{
	unsigned long addr;
	struct guest g;
	pthread_t t;
	int status;

	guest_start(&g, notify);
	expect(wait_for(spawn(expect_eperm, &g.fd), &status, SOON) && !status);
	need(!pthread_create(&t, NULL, expect_eperm_thread, &g.fd));
	need(!pthread_join(t, NULL));
	expect(read(g.fd, &addr, sizeof(addr)) == (ssize_t)WORD);
}

static void not_interrupt_nor_tie(void *arg)
{
	int fd = *(int *)arg;

	expect_errno(lg_write(fd, LHREQ_IRQ, 5), EPERM);
	expect_errno(lg_write(fd, LHREQ_EVENTFD, 0x123000, eventfd(0, 0)),
		     EPERM);
	/* Others must not even learn whether there is such a request. */
	expect_errno(lg_write(fd, LHREQ_BREAK, 0), EPERM);
	expect_errno(write(fd, NULL, WORD), EPERM);
}

static int interrupt_and_tie(void *arg)
{
	int fd = *(int *)arg;

	return lg_write(fd, LHREQ_IRQ, 5) ||
	       lg_write(fd, LHREQ_EVENTFD, 0x123000, eventfd(0, 0));
}

static void *interrupt_and_tie_thread(void *arg)
{
	expect(!interrupt_and_tie(arg));
	return NULL;
}

/* Launchers serve their virtqueues in other tasks, which share the memory. */
static void irq_and_eventfd_are_the_memorys(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	struct guest g;
	int status;
	pthread_t t;
	pid_t pid;

	guest_start(&g, spin);
	expect(wait_for(spawn(not_interrupt_nor_tie, &g.fd), &status, SOON) &&
	       !status);
	need(!pthread_create(&t, NULL, interrupt_and_tie_thread, &g.fd));
	need(!pthread_join(t, NULL));
	pid = clone(interrupt_and_tie, stack + sizeof(stack),
		    CLONE_VM | SIGCHLD, &g.fd);
	expect(wait_for(pid, &status, SOON) && !status, "%#x", status);
	pid = clone(interrupt_and_tie, stack + sizeof(stack),
		    CLONE_VM | CLONE_VFORK | SIGCHLD, &g.fd);
	expect(wait_for(pid, &status, SOON) && !status, "%#x", status);
}

static void one_vcpu(void)
{
	unsigned long irq[] = { LHREQ_IRQ, 1 };
	char *mem = guest_memory(notify, notify_end, MAP_PRIVATE);
	unsigned long init[] = { LHREQ_INITIALIZE, (unsigned long)mem, PAGES,
				 CODE };
	unsigned long addr;
	int fd = lg_open();

	expect_errno(pwrite(fd, init, sizeof(init), 1), EINVAL);
	expect(pwrite(fd, init, sizeof(init), 0) > 0);
	expect_errno(pwrite(fd, irq, sizeof(irq), 1), EINVAL);
	expect_errno(pwrite(fd, irq, sizeof(irq), 4096), EINVAL);
	expect(!pwrite(fd, irq, sizeof(irq), 0));
	expect_errno(pread(fd, &addr, sizeof(addr), 1), EINVAL);
	expect(pread(fd, &addr, sizeof(addr), 0) == (ssize_t)WORD);
	/* Requests do not move the offset: it is the vCPU's number. */
	expect(!write(fd, irq, sizeof(irq)));
	expect(read(fd, &addr, sizeof(addr)) == (ssize_t)WORD);
	expect(lseek(fd, 0, SEEK_CUR) <= 0);
}

static void dead_guest(void)
{
	int efd = eventfd(0, 0), i;
	char buf[256], reason[256];
	struct guest g;
	size_t len;

	guest_start(&g, bad_hypercall);
	strcpy(reason, expect_death(&g));
	/* A person has to find the number in the list of hypercalls. */
	expect(strstr(reason, "7777") || strstr(reason, "1e61"), "%s", reason);
	len = strlen(reason) + 1;
	for (i = 0; i < 5; i++) {
		memset(buf, 'x', sizeof(buf));
		expect(read(g.fd, buf, sizeof(buf)) == (ssize_t)len);
		expect(!memcmp(buf, reason, len));
	}
	/* A short buffer gets what it holds, perhaps with a NUL, no more. */
	memset(buf, 'x', sizeof(buf));
	expect(read(g.fd, buf, 3) == 3);
	expect(!memcmp(buf, reason, 2));
	expect(!buf[2] || buf[2] == reason[2]);
	expect(buf[3] == 'x');
	expect_errno(read(g.fd, NULL, sizeof(buf)), EFAULT);
	expect(read(g.fd, buf, sizeof(buf)) == (ssize_t)len);

	expect_errno(lg_write(g.fd, LHREQ_IRQ, 1), ENOENT);
	expect_errno(lg_write(g.fd, LHREQ_EVENTFD, 0x123000, efd), ENOENT);
	expect_errno(lg_write(g.fd, LHREQ_INITIALIZE, (unsigned long)g.mem,
			      PAGES, CODE), EBUSY);
	expect_errno(lg_write(g.fd, 8, 0, 0, 0), EINVAL);
}

static void hypercall_before_init(void)
{
	struct guest g;

	guest_start(&g, no_init);
	expect_death(&g);
}

static void memory_ends(void)
{
	const char *reason;
	struct guest g;

	guest_start(&g, outside);
	*(int *)(g.mem + 0x3ffffc) = -1;
	reason = expect_death(&g);
	expect(strstr(reason, "400000"), "%s", reason);
	expect(!*(int *)(g.mem + 0x3ffffc));
}

static void entry_outside(void)
{
	char *mem = guest_memory(spin, spin_end, MAP_PRIVATE);
	struct guest g = { .fd = lg_open(), .mem = mem };

	/* The host may refuse it at once, or let the guest die at once. */
	if (lg_write(g.fd, LHREQ_INITIALIZE, (unsigned long)mem, PAGES,
		     0x400000) > 0)
		expect_death(&g);
	else
		expect(errno == EINVAL, "%m");
}

/* Offsets in struct user_regs_struct of i386, whatever we are */
enum { EBX = 0, ECX = 4, EDX = 8, EAX = 24, EIP = 48, CS = 52, FLAGS = 56 };

static unsigned int get_reg(struct guest *g, unsigned long offset)
{
	unsigned int val;

	need(!lg_write(g->fd, LHREQ_GETREG, offset));
	need(read(g->fd, &val, sizeof(val)) == sizeof(val));
	return val;
}

static void set_reg(struct guest *g, unsigned long offset, unsigned int val)
{
	need(!lg_write(g->fd, LHREQ_SETREG, offset, val));
}

/* The next record has to be that one. */
static struct lguest_pending record(struct guest *g, int trap,
				    unsigned int addr)
{
	struct lguest_pending p;

	need(read(g->fd, &p, sizeof(p)) == sizeof(p));
	expect(p.trap == trap, "%d", p.trap);
	expect(p.addr == addr, "%#x", p.addr);
	return p;
}

static void ports_are_the_launchers(void)
{
	struct lguest_pending p;
	struct guest g;

	guest_start(&g, port);
	p = record(&g, 13, 0);
	expect(p.insn[0] == 0xed && p.insn[1] == 0x89, "%#x %#x", p.insn[0],
	       p.insn[1]);
	expect(get_reg(&g, EDX) == 0xcfc);
	expect((get_reg(&g, CS) & 3) == 1);
	expect(get_reg(&g, FLAGS) & 0x200);
	/* A read without a change in between returns the same again. */
	record(&g, 13, 0);
	set_reg(&g, EAX, 0x87654321);
	set_reg(&g, EIP, get_reg(&g, EIP) + 1);
	record(&g, 0x1f, 0x87654321);
	p = record(&g, 13, 0);
	expect(p.insn[0] == 0xe6 && p.insn[1] == 0x80);
	set_reg(&g, EIP, get_reg(&g, EIP) + 2);
	record(&g, 0x1f, 0x456000);
}

/* A Launcher that reads words never hears of ports. */
static void ports_are_nobodys(void)
{
	struct lguest_pending p;
	unsigned long addr;
	struct guest g;

	guest_start(&g, port);
	expect(read(g.fd, &addr, sizeof(addr)) == sizeof(addr));
	expect(addr == 0xffffffff, "%#lx", addr);
	expect(read(g.fd, &addr, sizeof(addr)) == sizeof(addr));
	expect(addr == 0x456000, "%#lx", addr);

	/* Nor does one that had no room for a record, and then changes its mind. */
	guest_start(&g, port);
	expect_errno(read(g.fd, cut_off(4), sizeof(p)), EFAULT);
	expect(read(g.fd, &addr, sizeof(addr)) == sizeof(addr));
	expect(addr == 0xffffffff, "%#lx", addr);
}

static void refused_port(void)
{
	struct guest g;

	guest_start(&g, refused);
	record(&g, 13, 0);
	expect(!lg_write(g.fd, LHREQ_TRAP, 13));
	record(&g, 0x1f, 0);
	expect_errno(lg_write(g.fd, LHREQ_TRAP, 14), EINVAL);
	expect_errno(lg_write(g.fd, LHREQ_TRAP, 32), EINVAL);
}

static void start_device(struct guest *g)
{
	unsigned int *top, *table;
	int i;

	g->mem = guest_memory(device, device_end, MAP_PRIVATE);
	top = (unsigned int *)(g->mem + 0x5000);
	table = (unsigned int *)(g->mem + 0x6000);
	top[0] = 0x6003;
	top[768] = 0x6003;
	for (i = 0; i < 10; i++)
		table[i] = i << 12 | 3;
	table[10] = PAGES << 12 | 3;
	g->fd = lg_open();
}

static void device_pages(void)
{
	struct lguest_pending p;
	const char *reason;
	struct guest g;

	start_device(&g);
	need(lg_write(g.fd, LHREQ_INITIALIZE, (unsigned long)g.mem, PAGES, CODE,
		      PAGES + 1) > 0);
	p = record(&g, 14, PAGES * 4096 + 0x44);
	expect(p.insn[0] == 0x89 && p.insn[1] == 0x0d);
	expect(get_reg(&g, ECX) == 0x1234);
	set_reg(&g, EIP, get_reg(&g, EIP) + 6);
	p = record(&g, 14, PAGES * 4096 + 0x48);
	expect(p.insn[0] == 0x8b && p.insn[1] == 0x1d);
	set_reg(&g, EBX, 0x777000);
	set_reg(&g, EIP, get_reg(&g, EIP) + 6);
	record(&g, 0x1f, 0x777000);

	/* If the read has no room for a record, the guest can only die. */
	start_device(&g);
	need(lg_write(g.fd, LHREQ_INITIALIZE, (unsigned long)g.mem, PAGES, CODE,
		      PAGES + 1) > 0);
	reason = expect_death(&g);
	expect(strstr(reason, "device"), "%s", reason);

	/* No device, no page. */
	start_device(&g);
	need(lg_write(g.fd, LHREQ_INITIALIZE, (unsigned long)g.mem, PAGES,
		      CODE) > 0);
	reason = expect_death(&g);
	expect(strstr(reason, "page table entry"), "%s", reason);
}

static void touch_registers(void *arg)
{
	int fd = *(int *)arg;

	expect_errno(lg_write(fd, LHREQ_GETREG, EAX), EPERM);
	expect_errno(lg_write(fd, LHREQ_SETREG, EAX, 1), EPERM);
	expect_errno(lg_write(fd, LHREQ_TRAP, 13), EPERM);
}

static void registers_are_the_owners(void)
{
	struct guest g;
	int status;

	guest_start(&g, port);
	expect(wait_for(spawn(touch_registers, &g.fd), &status, SOON) && !status);
	record(&g, 13, 0);
	/* Nobody may change what decides over rights. */
	expect_errno(lg_write(g.fd, LHREQ_SETREG, CS, 0x10), EINVAL);
	expect_errno(lg_write(g.fd, LHREQ_SETREG, FLAGS, 0x3202), EINVAL);
	expect_errno(lg_write(g.fd, LHREQ_SETREG, 1, 0), EINVAL);
	expect_errno(lg_write(g.fd, LHREQ_GETREG, 68), EINVAL);
}

/* Whatever is at address 0, it is no stack. */
static void ring3_without_stack(void)
{
	const char *reason;
	struct guest g;

	guest_start(&g, no_stack);
	reason = expect_death(&g);
	expect(strstr(reason, "SET_STACK"), "%s", reason);
}

static void power_off(void)
{
	struct guest g;
	const char *reason;

	guest_start(&g, bye);
	reason = expect_death(&g);
	expect(!strcmp(reason, "CRASH: so long"), "%s", reason);
}

static void restart(void)
{
	unsigned long addr;
	struct guest g;

	guest_start(&g, again);
	expect_errno(read(g.fd, &addr, sizeof(addr)), ERESTART);
}

int main(void)
{
	static const struct test_case cases[] = {
		CASE(initialize),
		CASE(initialize_bad_pointer),
		CASE(initialize_too_short),
		CASE(initialize_bad_geometry),
		CASE(unknown_requests),
		CASE(before_initialize),
		CASE(irq),
		CASE(eventfd_request),
		CASE(notify_returns_address),
		CASE(notify_without_waiting),
		CASE(notify_is_not_lost),
		CASE(notify_eventfd),
		CASE(read_is_the_owners),
		CASE(irq_and_eventfd_are_the_memorys),
		CASE(one_vcpu),
		CASE(dead_guest),
		CASE(hypercall_before_init),
		CASE(memory_ends),
		CASE(entry_outside),
		CASE(ring3_without_stack),
		CASE(ports_are_the_launchers),
		CASE(ports_are_nobodys),
		CASE(refused_port),
		CASE(device_pages),
		CASE(registers_are_the_owners),
		CASE(power_off),
		CASE(restart),
	};

	return RUN_CASES(cases);
}
