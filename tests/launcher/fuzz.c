// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile guest, on each bus: registers, rings and memory at random.
 *
 *	fuzz CASES [SEED]
 *
 * Each case is a process of its own. It may end as the Launcher ends a guest that makes no
 * sense, but not by a signal, by AddressSanitizer, or not at all.
 */
#include "fuzz.h"

#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DISK_SIZE	0x100000
#define STEPS		2000
#define CASE_SECONDS	600	/* on whatever machine */

static char disk[] = "/tmp/lg-disk-XXXXXX";
static int disk_fd;

/* What a guest has in its RAM: rings, or what looks like one */
static void scribble(void)
{
	__u32 at = below(FUZZ_RAM - 64);
	char *ram = guest_ram(at, 64);

	if (below(2)) {
		struct vring_desc desc = any_descriptor();

		memcpy(guest_ram(at & -16, sizeof(desc)), &desc, sizeof(desc));
		return;
	}
	for (unsigned int i = below(64); i; i--)
		ram[i] = any();
}

static void resize_disk(void)
{
	if (ftruncate(disk_fd, below(4) << 19))
		die("ftruncate: %m");
	devices_refresh(VIRTIO_ID_BLOCK);
}

/* Packets from outside, some of no length at all, and none that stays there */
static void traffic(void)
{
	char packet[2048];
	ssize_t n;

	do
		n = read(machine_network, packet, sizeof(packet));
	while (n >= 0);
	n = write(machine_network, packet, below(sizeof(packet)));
	machine_network_up = below(2);
	devices_refresh(VIRTIO_ID_NET);
}

static void step(const struct fuzz_bus *fuzz)
{
	switch (below(12)) {
	case 0:
	case 1:
		scribble();
		break;
	case 2:
		if (!below(50))
			fuzz->bring_up(CONSOLE + below(DEVICES_END - CONSOLE));
		if (!below(20))
			traffic();
		if (!below(50))
			resize_disk();
		if (!below(50))
			balloon_set(any_value());
		break;
	default:
		fuzz->step();
	}
}

static void run_case(const struct fuzz_bus *fuzz)
{
	alarm(CASE_SECONDS);
	/* The case before may have left nothing of it. */
	if (ftruncate(disk_fd, DISK_SIZE))
		die("ftruncate: %m");
	machine_create(fuzz->bus, FUZZ_RAM, disk);
	if (fuzz->begin)
		fuzz->begin();
	for (unsigned int i = 0; i < STEPS; i++)
		step(fuzz);
	devices_stop();
	_exit(0);
}

/* Its exit status, or 2 if it ended in another way */
static unsigned int case_of(const struct fuzz_bus *fuzz, __u64 seed)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("fork: %m");
	if (!pid) {
		random_seed(seed);
		run_case(fuzz);
	}
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid: %m");
	if (WIFEXITED(status) && WEXITSTATUS(status) < 2)
		return WEXITSTATUS(status);
	printf("# %s, case of seed %llu: wait status %#x\n", fuzz->name, seed, status);
	return 2;
}

/* Returns false if one was found. */
static bool all_cases(const struct fuzz_bus *fuzz, unsigned int cases, __u64 first)
{
	unsigned int count[3] = { };

	for (unsigned int i = 0; i < cases; i++)
		count[case_of(fuzz, first + i)]++;
	printf("# %s: %u of %u guests were ended\n", fuzz->name, count[1], cases);
	/* A fuzzer that ends guests at once would find nothing. A single one is looked at again. */
	return !count[2] && (cases == 1 || count[1] < cases / 2);
}

int main(int argc, char **argv)
{
	static const struct fuzz_bus *const buses[] = { &fuzz_pci, &fuzz_lguest };
	unsigned int cases = 100;
	__u64 first = time(NULL);
	bool failed = false;

	if (argc > 1)
		cases = atoi(argv[1]);
	if (argc > 2)
		first = strtoull(argv[2], NULL, 0);
	disk_fd = mkstemp(disk);
	if (disk_fd < 0)
		die("%s: %m", disk);
	printf("KTAP version 1\n1..%zu\n# seed %llu\n", ARRAY_SIZE(buses), first);
	fflush(stdout);
	for (unsigned int i = 0; i < ARRAY_SIZE(buses); i++) {
		bool passed = all_cases(buses[i], cases, first);

		printf("%sok %u fuzz: a hostile guest on %s\n", passed ? "" : "not ", i + 1,
		       buses[i]->name);
		fflush(stdout);
		failed |= !passed;
	}
	unlink(disk);
	return failed;
}
