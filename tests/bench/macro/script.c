// SPDX-License-Identifier: GPL-2.0
/*
 * What a make does that runs a compiler. For each unit, a process reads a source,
 * needs memory and writes to a pipe, and another reads from there and writes an
 * object. Then one process reads all objects and writes the result.
 */
#include "macro.h"
#include "system.h"

#define UNITS		4
#define SOURCE_SIZE	(16 * 1024)
#define HEAP_PAGES	64

static char buffer[PAGE_SIZE];

/* Takes so many turns. The compiler must not find out that they are for nothing. */
static void think(u32 turns)
{
	u32 sum = 0, i;

	for (i = 0; i < turns; i++) {
		sum += buffer[i % PAGE_SIZE];
		WRITE_ONCE(buffer[i % PAGE_SIZE], sum);
	}
}

static void copy(int from, int to, u32 thought)
{
	long n;

	while ((n = sys_read(from, buffer, sizeof(buffer))) > 0) {
		think(thought);
		if (sys_write(to, buffer, n) != n)
			sys_exit(1);
	}
}

static const char *unit_name(char *name, const char *unit)
{
	name[5] = unit[0];
	return name;
}

static void compiler(const char *unit)
{
	char name[] = "/tmp/0.c";
	int fd = sys_open(unit_name(name, unit), O_RDONLY);

	touch_pages(HEAP_PAGES);
	copy(fd, 1, 10000);
}

static void assembler(const char *unit)
{
	char name[] = "/tmp/0.o";
	int fd = sys_open(unit_name(name, unit), O_WRONLY | O_CREAT | O_TRUNC);

	copy(0, fd, 2000);
}

static void linker(void)
{
	char name[] = "/tmp/0.o";
	int out = sys_open("/tmp/a.out", O_WRONLY | O_CREAT | O_TRUNC);
	int fd, i;

	for (i = 0; i < UNITS; i++) {
		name[5] = '0' + i;
		fd = sys_open(name, O_RDONLY);
		copy(fd, out, 500);
		sys_close(fd);
	}
}

bool script_program(int argc, char **argv)
{
	if (text_starts(argv[0], "true"))
		return true;
	if (argc > 1 && text_starts(argv[0], "cc"))
		compiler(argv[1]);
	else if (argc > 1 && text_starts(argv[0], "as"))
		assembler(argv[1]);
	else if (text_starts(argv[0], "ld"))
		linker();
	else
		return false;
	return true;
}

static void run_as(const char *name, const char *argument, int fd, int as,
		   const int *pipe)
{
	int pid = sys_fork();

	need(pid >= 0);
	if (pid)
		return;
	if (pipe) {
		sys_dup2(fd, as);
		sys_close(pipe[0]);
		sys_close(pipe[1]);
	}
	exec_as(name, argument);
}

static void compile(char unit)
{
	char text[] = { unit, '\0' };
	int pipe[2];

	need(!sys_pipe(pipe));
	run_as("cc", text, pipe[1], 1, pipe);
	run_as("as", text, pipe[0], 0, pipe);
	sys_close(pipe[0]);
	sys_close(pipe[1]);
	need(sys_wait(-1) > 0);
	need(sys_wait(-1) > 0);
}

static void script(u32 count)
{
	char name[] = "/tmp/0.o";
	int fd, i;

	while (count--) {
		for (i = 0; i < UNITS; i++)
			compile('0' + i);
		run_as("ld", NULL, 0, 0, NULL);
		need(sys_wait(-1) > 0);

		/* Was it made? */
		fd = sys_open("/tmp/a.out", O_RDONLY);
		need(sys_lseek(fd, UNITS * SOURCE_SIZE - 1) > 0);
		need(sys_read(fd, buffer, 2) == 1);
		sys_close(fd);
		need(!sys_unlink("/tmp/a.out"));
		for (i = 0; i < UNITS; i++) {
			name[5] = '0' + i;
			need(!sys_unlink(name));
		}
	}
}

static bool write_sources(u32 size)
{
	char name[] = "/tmp/0.c";
	u32 n;
	int fd, i;

	for (i = 0; i < UNITS; i++) {
		name[5] = '0' + i;
		fd = sys_open(name, O_WRONLY | O_CREAT | O_TRUNC);
		need(fd >= 0);
		for (n = 0; n < size; n += sizeof(buffer))
			need(sys_write(fd, buffer, sizeof(buffer)) ==
			     sizeof(buffer));
		sys_close(fd);
	}
	return true;
}

const struct operation scripts[] = {
	{ "script", 1, script, write_sources, NULL, SOURCE_SIZE },
	{ }
};
