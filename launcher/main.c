// SPDX-License-Identifier: GPL-2.0
/*
 * The lguest Launcher: lays out the memory of a guest, gives it devices, and
 * runs it by way of /dev/lguest.
 */
#include "launcher.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_MEMORY	(128 << 20)

/* Without this, the first file that we open would take a missing one's number. */
static void open_standard_files(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			die("/dev/null: %m");
	} while (fd <= STDERR_FILENO);
	close(fd);
}

static void open_console(const char *arg)
{
	const char *value = strchr(arg, '=');

	if (!strcmp(arg, "attach"))
		hub_open();
	else if (!strcmp(arg, "pty"))
		hub_pty();
	else if (!strncmp(arg, "unix=", 5))
		hub_unix(value + 1);
	else if (!strncmp(arg, "file=", 5))
		stream_open_output(value + 1);
	else if (!strcmp(arg, "null"))
		stream_open_output("/dev/null");
	else if (strcmp(arg, "stdio"))
		die("--console=%s: want stdio, attach, pty, unix=PATH, file=PATH or null", arg);
}

/* What is behind "--", or the end if nothing is */
static char **cut_command(char **words)
{
	while (*words && strcmp(*words, "--"))
		words++;
	if (!*words)
		return words;
	*words = NULL;
	return words + 1;
}

static char *join_words(char **words)
{
	size_t len = 1;
	char *line, *p;

	for (char **w = words; *w; w++)
		len += strlen(*w) + 1;
	line = calloc(1, len);
	if (!line)
		die("no memory for the command line");
	p = line;
	for (char **w = words; *w; w++)
		p += sprintf(p, "%s%s", p == line ? "" : " ", *w);
	return line;
}

/* What is asked of a guest that runs already */
static bool is_control_command(const char *word)
{
	static const char *const commands[] = {
		"list", "status", "stop", "kill", "pause", "resume", "attach", "balloon",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(word, commands[i]))
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	struct options options = {
		.machine = {
			.memory = DEFAULT_MEMORY,
			.device = "/dev/lguest",
			.reboots = true,
			.sandbox = true,
			.huge_pages = true,
		},
	};
	struct machine *machine = &options.machine;
	const char *verb = argc > 1 ? argv[1] : "";
	bool execs = !strcmp(verb, "exec"), checks = !strcmp(verb, "check");
	char **command = NULL;
	int status;

	open_standard_files();
	if (!strcmp(verb, "help"))
		argv[1] = "--help";
	if (is_control_command(verb))
		return control_command(verb, argc - 2, argv + 2);
	if (execs || checks || !strcmp(verb, "run")) {
		argv[1] = argv[0];
		argv++;
		argc--;
	}
	console_add();
	options.kernel_is_optional = checks;
	status = options_parse(&options, argc, argv);
	if (status >= 0)
		return status;
	if (!machine->kernel)
		return host_check(machine->device);
	if (!strchr(machine->kernel, '/') && access(machine->kernel, F_OK))
		die("%s: no such file, nor a command (lguest --help)", machine->kernel);
	if (execs)
		command = cut_command(options.words);
	machine->words = join_words(options.words);
	if (execs)
		exec_prepare(machine, command);
	machine->panic_timeout = panic_timeout(machine->words);
	if (checks)
		return machine_check(machine);
	if (options.detached && !options.name)
		die("--detach needs a --name, by which the guest is found again");
	if (options.detached)
		detach(control_log(options.name));
	open_console(options.console ? options.console :
		     options.detached ? "attach" : "stdio");
	if (options.name)
		control_open(options.name);
	supervise(machine);
}
