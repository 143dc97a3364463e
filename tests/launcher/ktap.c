// SPDX-License-Identifier: GPL-2.0
/* See ktap.h. And the Launcher's one way out, which ends the program here, too. */
#include "ktap.h"
#include "launcher.h"

#include <stdarg.h>
#include <stdio.h>
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

bool ktap_failed(void)
{
	return failed;
}
