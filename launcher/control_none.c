// SPDX-License-Identifier: GPL-2.0
/* Built without json-c: guests have no names (control.c). */
#include "launcher.h"

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
	(void)argc;
	(void)argv;
	die("%s needs a Launcher that was built with json-c (libjson-c-dev)", command);
}
