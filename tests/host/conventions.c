// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel expects of a CPU, whoever has it:
 * Documentation/host-contract.rst. While a guest computes, RCU Tasks ends, perf is
 * told of the guest, and nobody can set a probe where it would be fatal.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/lguest_launcher.h>
#include <linux/perf_event.h>
#include "test.h"

#define CPU	1	/* the guest's; the case itself is on 0 */

GUEST(spin, "1: incl 0x3000\njmp 1b\n");

static void wait_for_rcu_tasks(void *unused)
{
	(void)unused;
	need(put("/sys/module/rcu_tasks/parameters/wait", "1"));
}

/* A guest that only computes never leaves the CPU of its own accord. */
static void rcu_tasks_end(void)
{
	struct guest g;
	pid_t guest, waiter;
	bool ended;
	int status;

	pin(0);
	guest = guest_on_cpu(&g, CPU, spin, spin_end);
	waiter = spawn(wait_for_rcu_tasks, NULL);
	need(waiter > 0);
	ended = wait_for(waiter, &status, 2 * SOON);
	expect(ended && !status);
	expect(counts(&g));
	kill(guest, SIGKILL);
	/* So that nothing is left of the case */
	if (!ended)
		need(wait_for(waiter, &status, 2 * SOON));
}

#define SAMPLES	50
#define PAGE	4096
#define RING	(16 * PAGE)

struct samples {
	struct perf_event_mmap_page *page;
	unsigned int kernel, user, host, elsewhere;
};

static void open_samples(struct samples *s, pid_t pid)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_type = PERF_SAMPLE_IP,
		/* Rarely enough for a slow machine to do something between two */
		.sample_period = 10000000,
	};
	int fd = syscall(SYS_perf_event_open, &attr, pid, -1, -1, 0);

	if (fd < 0)
		skip("no perf events");
	memset(s, 0, sizeof(*s));
	s->page = mmap(NULL, PAGE + RING, PROT_READ | PROT_WRITE, MAP_SHARED,
		       fd, 0);
	need(s->page != MAP_FAILED);
}

static void count_sample(struct samples *s, unsigned int mode, uint64_t ip)
{
	if (mode != PERF_RECORD_MISC_GUEST_KERNEL &&
	    mode != PERF_RECORD_MISC_GUEST_USER)
		s->host++;
	else if (ip < CODE || ip >= CODE + PAGE)
		s->elsewhere++;
	else if (mode == PERF_RECORD_MISC_GUEST_USER)
		s->user++;
	else
		s->kernel++;
}

static void read_samples(struct samples *s)
{
	const char *ring = (char *)s->page + PAGE;
	uint64_t head = __atomic_load_n(&s->page->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = s->page->data_tail;

	while (tail < head) {
		/* Ring and records are multiples of 8 bytes, so neither wraps. */
		const struct perf_event_header *h =
			(const void *)(ring + tail % RING);
		const uint64_t *ip = (const void *)(ring + (tail + 8) % RING);

		if (h->type == PERF_RECORD_SAMPLE)
			count_sample(s, h->misc & PERF_RECORD_MISC_CPUMODE_MASK,
				     *ip);
		tail += h->size;
	}
	__atomic_store_n(&s->page->data_tail, tail, __ATOMIC_RELEASE);
}

static bool kvm_is_possible(void)
{
	const char *flags = strstr(slurp("/proc/cpuinfo"), "\nflags");

	return flags && (strstr(flags, " vmx ") || strstr(flags, " svm "));
}

static void samples_are_the_guests(void)
{
	double limit = now() + SOON;
	struct samples s;
	struct guest g;
	pid_t guest;

	pin(0);
	guest = guest_on_cpu(&g, CPU, spin, spin_end);
	open_samples(&s, guest);
	while (s.kernel + s.user + s.host + s.elsewhere < SAMPLES &&
	       now() < limit) {
		sleep_ms(20);
		read_samples(&s);
	}
	kill(guest, SIGKILL);
	printf("# guest's kernel %u, its programs %u, elsewhere %u, host %u\n",
	       s.kernel, s.user, s.elsewhere, s.host);
	expect(s.kernel + s.user + s.host + s.elsewhere >= SAMPLES);
	expect(!s.elsewhere);
	expect(!s.user);
	/* Perf knows only one hypervisor. Where KVM is possible, that is KVM. */
	if (kvm_is_possible())
		expect(!s.kernel);
	else
		expect(s.kernel > SAMPLES / 2);
}

/* The address of a symbol of the module's, or 0 */
static unsigned long address_of(const char *name)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	char line[256], words[100];
	unsigned long address = 0;

	need(f);
	snprintf(words, sizeof(words), " %s\t[lg]", name);
	while (!address && fgets(line, sizeof(line), f))
		if (strstr(line, words))
			address = strtoul(line, NULL, 16);
	fclose(f);
	return address;
}

static bool may_probe(const char *symbol)
{
	FILE *f = fopen("/sys/kernel/debug/kprobes/blacklist", "r");
	unsigned long address = address_of(symbol), start, end;
	bool listed = false;
	char line[256];

	if (!f)
		skip("no kprobes");
	expect(address, "%s", symbol);
	while (!listed && fgets(line, sizeof(line), f))
		listed = sscanf(line, "%lx-%lx", &start, &end) == 2 &&
			 address >= start && address < end;
	fclose(f);
	return !listed;
}

static void no_probe_on_the_seam(void)
{
	static const char *const symbols[] = {
		"lg_switch_to_guest", "lg_switcher_segments",
		"lg_switcher_stubs", "lg_switcher_page_fault",
		"lg_switcher_syscall", "lg_switcher_nmi", "lg_switcher_mce",
		"lg_give_to_host", "lg_host_interrupts", "take_at_once",
		"switch_worlds", NULL
	};
	const char *const *symbol;

	/* The list can tell: elsewhere a probe is allowed. */
	expect(may_probe("lg_vcpu_enter"));
	for (symbol = symbols; *symbol; symbol++)
		expect(!may_probe(*symbol), "%s", *symbol);
	/* Without context tracking that is part of its caller. */
	if (address_of("switch_worlds_tracked"))
		expect(!may_probe("switch_worlds_tracked"));
}

int main(void)
{
	static const struct test_case cases[] = {
		CASE(rcu_tasks_end),
		CASE(samples_are_the_guests),
		CASE(no_probe_on_the_seam),
	};

	return RUN_CASES(cases);
}
