// SPDX-License-Identifier: GPL-2.0
/* Built without json-c: guests have no names (control.c). */
#include "launcher.h"

#include <string.h>

void control_open(const char *name)
{
	die("--name=%s needs a Launcher that was built with json-c (apt install libjson-c-dev)",
	    name);
}

char *control_log(const char *name)
{
	control_open(name);
	return NULL;
}

void control_close(void)
{
}

int control_command(const char *command, int argc, char **argv)
{
	static const char *const commands[] = {
		"list", "status", "stop", "kill", "pause", "resume", "attach", "balloon",
	};

	(void)argc;
	(void)argv;
	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(command, commands[i]))
			die("%s needs a Launcher that was built with json-c (libjson-c-dev)",
			    command);
	}
	return -1;
}
