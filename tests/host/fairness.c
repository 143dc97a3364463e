// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that never gives up its processor of its own accord must not take
 * anything from the rest of the host: not time, not ticks, not NMIs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <linux/lguest_launcher.h>
#include "test.h"

#define CPU	1	/* where everything happens; the case itself is on 0 */

/*
 * The emulator that we run in may itself have to wait, for long enough to spoil a
 * measurement. One of several must be good.
 */
#define TRIES	20

/* Each guest checks its registers all the time, and tells if one has changed. */
#define VIGIL								\
	"mov $0xc0ffee01, %ecx\nmov $0xc0ffee02, %edx\n"		\
	"mov $0xc0ffee03, %esi\nmov $0xc0ffee04, %edi\n"		\
	"mov $0xc0ffee05, %ebp\nmov $0x9000, %esp\n"
#define CHECK								\
	"cmp $0xc0ffee01, %ecx\njne 8f\ncmp $0xc0ffee02, %edx\njne 8f\n" \
	"cmp $0xc0ffee03, %esi\njne 8f\ncmp $0xc0ffee04, %edi\njne 8f\n" \
	"cmp $0xc0ffee05, %ebp\njne 8f\ncmp $0x9000, %esp\njne 8f\n"	\
	"incl 0x3000\n"
#define ALARM	"8:" G_NOTIFY(0xbad000) G_FOREVER

GUEST(spin, G_INIT VIGIL "1:" CHECK "jmp 1b\n" ALARM);
/* Exits all the time, though never as far as to the Launcher */
GUEST(kick, G_INIT VIGIL "1:" G_NOTIFY(0x111000) CHECK "jmp 1b\n" ALARM);
/* Makes two faults a round that the host settles by itself */
GUEST(fault, G_INIT VIGIL "1: in $0x70, %al\ncli\n" CHECK "jmp 1b\n" ALARM);

static void burn(void *unused)
{
	(void)unused;
	pin(CPU);
	for (;;)
		;
}

/* A process that only computes, instead of a guest */
static pid_t burner(void)
{
	pid_t pid = spawn(burn, NULL);

	need(pid > 0);
	sleep_ms(20);
	return pid;
}

static double cpu_time(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	need(!clock_getcpuclockid(pid, &clock));
	need(!clock_gettime(clock, &ts));
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* How many ticks of its clock saw CPU busy: with guests, and in all */
static void seen_busy(long *guest, long *all)
{
	char line[256], name[16];
	long n[9];
	FILE *f;

	f = fopen("/proc/stat", "r");
	need(f);
	snprintf(name, sizeof(name), "cpu%d ", CPU);
	do
		need(fgets(line, sizeof(line), f));
	while (strncmp(line, name, strlen(name)));
	fclose(f);
	need(sscanf(line + strlen(name), "%ld %ld %ld %ld %ld %ld %ld %ld %ld",
		    &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6], &n[7],
		    &n[8]) == 9);
	/* See proc(5): user, nice, system, irq, softirq. User includes guest. */
	*all = n[0] + n[1] + n[2] + n[5] + n[6];
	*guest = n[8];
}

/* What top and its like show: a guest's time must not be the kernel's. */
static void time_is_a_guests(void)
{
	long guest, all, guest_was, all_was;
	struct guest g;
	bool good = false;
	int try;

	pin(0);
	guest_on_cpu(&g, CPU, spin, spin_end);
	for (try = 0; try < TRIES && !good; try++) {
		seen_busy(&guest_was, &all_was);
		sleep_ms(2000);
		seen_busy(&guest, &all);
		guest -= guest_was;
		all -= all_was;
		printf("# %ld of %ld ticks\n", guest, all);
		good = guest > 0 && guest > all / 2;
	}
	expect(good);
}

/* The count for CPU in /proc/interrupts, in the line that starts with name */
static long interrupts(const char *name)
{
	FILE *f = fopen("/proc/interrupts", "r");
	char line[512];
	long n = -1;

	need(f);
	while (fgets(line, sizeof(line), f)) {
		char *p = line + strspn(line, " ");

		if (strncmp(p, name, strlen(name)))
			continue;
		/* Skip CPU 0. */
		strtol(p + strlen(name), &p, 10);
		n = strtol(p, NULL, 10);
	}
	fclose(f);
	need(n >= 0);
	return n;
}

static void share(const char *code, const char *end)
{
	struct guest g;
	pid_t guest, host;
	double mine, its;
	bool fair = false;
	int try;

	pin(0);
	guest = guest_on_cpu(&g, CPU, code, end);
	host = burner();
	for (try = 0; try < TRIES && !fair; try++) {
		mine = cpu_time(host);
		its = cpu_time(guest);
		sleep_ms(3000);
		mine = cpu_time(host) - mine;
		its = cpu_time(guest) - its;
		printf("# process %.2f s, guest %.2f s\n", mine, its);
		fair = mine + its > 1.5 && mine > 0.4 * (mine + its) &&
		       mine < 0.6 * (mine + its);
	}
	expect(fair);
	kill(guest, SIGKILL);
	kill(host, SIGKILL);
}

static void spinning_guest_shares(void)
{
	share(spin, spin_end);
}

static void kicking_guest_shares(void)
{
	share(kick, kick_end);
}

static void faulting_guest_shares(void)
{
	share(fault, fault_end);
}

static double ticks(void)
{
	long was = interrupts("LOC:");
	double start = now();

	sleep_ms(2000);
	return (interrupts("LOC:") - was) / (now() - start);
}

static double ticks_with(pid_t pid)
{
	double n = ticks();

	kill(pid, SIGKILL);
	return n;
}

/* Every tick of the host's clock has to reach the host while the guest runs. */
static void ticks_arrive(void)
{
	double alone, with;
	struct guest g;
	bool good = false;
	int try;

	pin(0);
	for (try = 0; try < TRIES && !good; try++) {
		alone = ticks_with(burner());
		with = ticks_with(guest_on_cpu(&g, CPU, spin, spin_end));
		printf("# %.0f per second under a process, %.0f under a guest\n",
		       alone, with);
		good = alone > 20 && with > 0.8 * alone && with < 1.25 * alone;
	}
	expect(good);
}

static void doze(void *arg)
{
	volatile unsigned int *naps = arg;
	struct timespec ms = { 0, 1000000 };

	pin(CPU);
	for (;;) {
		nanosleep(&ms, NULL);
		++*naps;
	}
}

static unsigned int naps_beside(pid_t pid, volatile unsigned int *naps)
{
	unsigned int n;

	sleep_ms(500);
	n = *naps;
	sleep_ms(2000);
	n = *naps - n;
	kill(pid, SIGKILL);
	return n;
}

/*
 * A process that sleeps on the guest's processor has to be woken in time: once per
 * tick at HZ 100, on a machine that stalls half the time. If the machine is slower
 * than that, it is as often as beside a process.
 */
static void sleepers_wake(void)
{
	volatile unsigned int *naps;
	unsigned int alone = 0, with;
	struct guest g;
	bool good = false;
	int try;

	pin(0);
	naps = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(naps != MAP_FAILED);
	need(spawn(doze, (void *)naps) > 0);
	for (try = 0; try < TRIES && !good; try++) {
		with = naps_beside(guest_on_cpu(&g, CPU, spin, spin_end), naps);
		if (with <= 100)
			alone = naps_beside(burner(), naps);
		printf("# %u naps of 1 ms in 2 s, %u beside a process\n", with,
		       alone);
		good = with > 100 || (with > 10 && with > 0.8 * alone);
	}
	expect(good);
}

#define STORM	"/sys/module/nmi_storm/parameters/"

static int send_nmis(const char *how, int count)
{
	char order[32];
	int fd, len, n;

	fd = open(how, O_WRONLY);
	need(fd >= 0);
	len = sprintf(order, "%d %d", CPU, count);
	n = write(fd, order, len);
	close(fd);
	return n == len ? 0 : -1;
}

/*
 * Sends COUNT of them. Return: how many the guest's CPU has had. The guest has to
 * go on.
 */
static long nmis_at(const char *code, const char *end, const char *how,
		    int count)
{
	struct guest g;
	long was, is;
	int status;
	pid_t pid;

	pin(0);
	pid = guest_on_cpu(&g, CPU, code, end);
	was = interrupts("NMI:");
	expect(!send_nmis(how, count), "%m");
	is = interrupts("NMI:");
	expect(counts(&g));
	need(waitpid(pid, &status, WNOHANG) == 0);
	kill(pid, SIGKILL);
	return is - was;
}

static void storm(const char *code, const char *end)
{
	enum { NMIS = 5000 };
	long had = nmis_at(code, end, STORM "send", NMIS);

	expect(had == NMIS, "%ld", had);
}

/* Sends each as soon as the one before is on its way, to strike where that did. */
static void burst(const char *code, const char *end)
{
	enum { NMIS = 2000 };
	long had = nmis_at(code, end, STORM "burst", NMIS);

	expect(had >= NMIS, "%ld", had);
}

static void nmis_while_spinning(void)
{
	storm(spin, spin_end);
}

static void nmis_between_hypercalls(void)
{
	storm(kick, kick_end);
}

static void nmis_between_faults(void)
{
	storm(fault, fault_end);
}

static void burst_while_spinning(void)
{
	burst(spin, spin_end);
}

static void burst_between_hypercalls(void)
{
	burst(kick, kick_end);
}

static void burst_between_faults(void)
{
	burst(fault, fault_end);
}

int main(void)
{
	static const struct test_case cases[] = {
		CASE(spinning_guest_shares),
		CASE(kicking_guest_shares),
		CASE(faulting_guest_shares),
		CASE(time_is_a_guests),
		CASE(ticks_arrive),
		CASE(sleepers_wake),
		CASE(nmis_while_spinning),
		CASE(nmis_between_hypercalls),
		CASE(nmis_between_faults),
		CASE(burst_while_spinning),
		CASE(burst_between_hypercalls),
		CASE(burst_between_faults),
	};

	return RUN_CASES(cases);
}
