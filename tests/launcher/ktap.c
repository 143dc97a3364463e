// SPDX-License-Identifier: GPL-2.0
/* See ktap.h. And the Launcher's one way out, which ends the program here, too. */
#include "ktap.h"
#include "launcher.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The sanitizers' own status is 1, as that of a Launcher that ends a guest. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
	return "exitcode=99";
}

const char *__ubsan_default_options(void)
{
	return "exitcode=99";
}

#define CHILD_SECONDS	600	/* on whatever machine */

static unsigned int tests, failed;
bool ok;

void quit(int status, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	_exit(status);
}

void run(const char *name, void (*test)(void))
{
	ok = true;
	test();
	failed += !ok;
	printf("%sok %u %s\n", ok ? "" : "not ", ++tests, name);
}

void skip(const char *name, const char *why)
{
	printf("ok %u %s # SKIP %s\n", ++tests, name, why);
}

int run_alone(void (*test)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(CHILD_SECONDS);
		ok = true;
		test();
		fflush(stdout);
		_exit(ok ? 0 : EXIT_DIED);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("a child: %m");
	return status;
}

static void (*alone)(void);

static void runs_alone(void)
{
	EXPECT_EQ(run_alone(alone), 0);
}

void run_in_child(const char *name, void (*test)(void))
{
	alone = test;
	run(name, runs_alone);
}

bool ktap_failed(void)
{
	return failed;
}
