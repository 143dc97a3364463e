// SPDX-License-Identifier: GPL-2.0
/* Processes, and pipes between them */
#include "macro.h"
#include "system.h"

/* As many as a ring may have, and a few files */
#define RING_MAX	256

static int ring[RING_MAX][2];
static u32 ring_size;
static int crowd_end = -1;
static u32 crowd_size;

static int fork_or_fail(void)
{
	int pid = sys_fork();

	need(pid >= 0);
	return pid;
}

void exec_as(const char *name, const char *argument)
{
	const char * const argv[] = { name, argument, NULL };
	const char * const env[] = { NULL };

	sys_exec("/init", argv, env);
	sys_exit(127);
}

static void fork_exit(u32 count)
{
	int pid;

	while (count--) {
		pid = fork_or_fail();
		if (!pid)
			sys_exit(0);
		need(sys_wait(pid) == pid);
	}
}

static void fork_exec(u32 count)
{
	int pid;

	while (count--) {
		pid = fork_or_fail();
		if (!pid)
			exec_as("true", NULL);
		need(sys_wait(pid) == pid);
	}
}

static void pass_on(int from, int to)
{
	char byte;

	if (sys_read(from, &byte, 1) != 1)
		sys_exit(0);
	sys_write(to, &byte, 1);
}

/*
 * Pipe i leads to process i, of which this one is the first. The others must not
 * keep an end that they don't need: the ring has to break when this one lets go.
 */
static bool ring_set_up(u32 size)
{
	u32 i, j;

	ring_size = size;
	for (i = 0; i < size; i++)
		need(!sys_pipe(ring[i]));
	for (i = 1; i < size; i++) {
		if (fork_or_fail())
			continue;
		for (j = 0; j < size; j++) {
			if (j != i)
				sys_close(ring[j][0]);
			if (j != (i + 1) % size)
				sys_close(ring[j][1]);
		}
		for (;;)
			pass_on(ring[i][0], ring[(i + 1) % size][1]);
	}
	return true;
}

/* If there is one process, it uses both ends of its pipe. */
static void ring_run(u32 count)
{
	u32 laps = count / ring_size;
	char byte = 0;

	while (laps--) {
		need(sys_write(ring[1 % ring_size][1], &byte, 1) == 1);
		need(sys_read(ring[0][0], &byte, 1) == 1);
	}
}

static void ping_pong(u32 count)
{
	ring_run(2 * count);
}

static void ring_clean_up(void)
{
	u32 i;

	for (i = 0; i < ring_size; i++) {
		sys_close(ring[i][0]);
		sys_close(ring[i][1]);
	}
	for (i = 1; i < ring_size; i++)
		need(sys_wait(-1) > 0);
}

/* So many processes that only wait for the end */
static bool crowd_set_up(u32 size)
{
	int fds[2], pid;
	char byte;

	need(!sys_pipe(fds));
	for (crowd_size = 0; crowd_size < size; crowd_size++) {
		pid = sys_fork();
		if (pid < 0)
			break;
		if (!pid) {
			sys_close(fds[1]);
			sys_read(fds[0], &byte, 1);
			sys_exit(0);
		}
	}
	sys_close(fds[0]);
	crowd_end = fds[1];
	return crowd_size == size;
}

/* Others inherit the crowd's end, so only the process that measures calls this. */
static void crowd_clean_up(void)
{
	sys_close(crowd_end);
	while (crowd_size--)
		need(sys_wait(-1) > 0);
}

static bool crowd_and_ring(u32 size)
{
	return crowd_set_up(size) && ring_set_up(2);
}

static void both_clean_up(void)
{
	if (ring_size)
		ring_clean_up();
	ring_size = 0;
	crowd_clean_up();
}

const struct operation processes[] = {
	{ "pipe", 1000, ring_run, ring_set_up, ring_clean_up, 1 },
	{ "ping-pong", 500, ping_pong, ring_set_up, ring_clean_up, 2 },
	{ "fork", 40, fork_exit },
	{ "exec", 40, fork_exec },
	{ "ring-2", 1024, ring_run, ring_set_up, ring_clean_up, 2 },
	{ "ring-8", 1024, ring_run, ring_set_up, ring_clean_up, 8 },
	{ "ring-64", 1024, ring_run, ring_set_up, ring_clean_up, 64 },
	{ "ring-256", 1024, ring_run, ring_set_up, ring_clean_up, 256 },
	{ }
};

const struct operation crowds[] = {
	{ "fork-10", 20, fork_exit, crowd_set_up, crowd_clean_up, 10 },
	{ "fork-100", 20, fork_exit, crowd_set_up, crowd_clean_up, 100 },
	{ "fork-1000", 20, fork_exit, crowd_set_up, crowd_clean_up, 1000 },
	{ "ping-pong-10", 100, ping_pong, crowd_and_ring, both_clean_up, 10 },
	{ "ping-pong-1000", 100, ping_pong, crowd_and_ring, both_clean_up,
	  1000 },
	{ }
};
