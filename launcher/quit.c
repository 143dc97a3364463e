// SPDX-License-Identifier: GPL-2.0
/* The one way out. */
#include "launcher.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/**
 * quit() - end the process, from any thread
 * @status: its exit status
 * @fmt: a message, which ends in "%m" where errno is the cause
 *
 * The first that calls shows its message, and never unlocks; the others wait for ever.
 */
void quit(int status, const char *fmt, ...)
{
	static pthread_mutex_t only_once = PTHREAD_MUTEX_INITIALIZER;
	char message[1024];
	va_list args;

	/* Before anything can change errno, which "%m" shows. */
	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);

	pthread_mutex_lock(&only_once);
	terminal_restore();
	fprintf(stderr, "lguest: %s\n", message);
	/* Not exit(): other threads still use what it would tear down. */
	_exit(status);
}
