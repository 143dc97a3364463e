// SPDX-License-Identifier: GPL-2.0
/* See ktap.h. And the Launcher's one way out, which ends the program here, too. */
#include "ktap.h"
#include "launcher.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

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
