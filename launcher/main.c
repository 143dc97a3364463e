// SPDX-License-Identifier: GPL-2.0
/*
 * The lguest Launcher: lays out the memory of a guest, gives it devices, and
 * runs it by way of /dev/lguest. This file is what the user sees of it.
 */
#include "launcher.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_MEMORY_MB	128
/* RAM and the device pages above it must stay below 4 GiB. */
#define MAX_MEMORY_MB		4095

static const char usage[] =
"Usage: lguest [run] [OPTION]... KERNEL [COMMAND LINE WORD]...\n"
"  or:  lguest exec [OPTION]... --initrd=FILE KERNEL [WORD]... -- COMMAND [ARGUMENT]...\n"
"  or:  lguest check [OPTION]... KERNEL\n"
"  or:  lguest list\n"
"  or:  lguest status|stop|kill|pause|resume|attach NAME\n"
"  or:  lguest balloon NAME SIZE\n"
"Run the 32-bit Linux KERNEL (a vmlinux or a bzImage) as an lguest guest, with\n"
"its console on this terminal. ^A x ends it at once.\n"
"\n"
"  -m, --memory=MB|SIZE    RAM of the guest (default 128); SIZE ends in K, M or G\n"
"  -b, --block=FILE[,ro][,snapshot][,format=raw]\n"
"                          a disk, from an image file or a block device; the\n"
"                          first is the guest's /dev/vda, and so on; ro makes it\n"
"                          read-only; snapshot forgets in the end what the guest\n"
"                          has written; format=raw takes it as it is, whatever it\n"
"                          looks like\n"
"  -n, --net=TAP[,ip=A.B.C.D/LEN][,mac=XX:XX:XX:XX:XX:XX]\n"
"                          a network card on the host's interface TAP, which is\n"
"                          made if it is not there; ip= gives the host's end an\n"
"                          address and brings it up; mac= is the guest's own\n"
"  -r, --rng               a source of random numbers\n"
"      --balloon[=SIZE]    the guest can do without some of its RAM, and gives it\n"
"                          back to the host; SIZE is how much it keeps at first\n"
"  -i, --initrd=FILE       initial RAM disk\n"
"      --bus=lguest|pci    how the guest finds its devices, if that is not to be\n"
"                          taken from its version\n"
"      --no-hugepages      take memory from the host in single pages: no more than the\n"
"                          guest uses, and slower where it comes for the first time\n"
"      --console=stdio|attach|pty|unix=PATH|file=PATH|null\n"
"                          where its console is: on this terminal, for lguest attach,\n"
"                          on a pseudoterminal, on a socket; or only its output, to a\n"
"                          file or nowhere\n"
"      --name=NAME         let the commands below find it\n"
"      --detach            in the background, once it runs; needs a name\n"
"      --no-reboot         end when the guest reboots or panics\n"
"      --timeout=SECONDS   end the guest then\n"
"      --escape=^X|none    what begins a command on the terminal (default ^A);\n"
"                          ^A ^A is a ^A for the guest\n"
"      --user=NAME|UID:GID run the guest with the rights of this user\n"
"      --sandbox=on|off    whether the guest's process can open no files and make but\n"
"                          the system calls that it needs (default on)\n"
"      --device=PATH       use PATH instead of /dev/lguest\n"
"  -h, --help              show this\n"
"  -V, --version           show the version\n"
"\n"
"Exit status: 0 when the guest powers off, 1 when the Launcher fails, 2 when it is\n"
"not understood, 3 when the guest dies, 4 when it was ended (^A x, --timeout).\n"
"SIGUSR1 makes it look whether disks have become larger (on a PCI bus).\n"
"On a PCI bus (Linux 4.0 to 4.13) the kernel's command line begins with \"quiet\",\n"
"since those with virtio_pci as a module die of printing. loglevel=7 behind it\n"
"shows what others say.\n"
"A guest that reboots is started again from its files. One that panics is, too,\n"
"if its command line has panic=SECONDS, as on any PC.\n";

/*
 * The one way out, for any thread. The first shows its message, and never unlocks;
 * the others wait for ever.
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

/* A plain number is one of megabytes. */
__u64 parse_memory(const char *option, const char *arg)
{
	static const char units[] = "KMG";
	const char *unit = NULL;
	char *end;
	unsigned long size;

	errno = 0;
	size = strtoul(arg, &end, 10);
	if (*end)
		unit = strchr(units, toupper(*end));
	if (*arg < '0' || *arg > '9' || errno || (*end && (!unit || end[1])))
		die("--%s=%s: want a number of megabytes, or one with K, M or G", option,
		    arg);
	if (unit == units)
		size /= 1024;
	else if (unit == units + 2 && size <= MAX_MEMORY_MB)
		size *= 1024;
	if (!size || size > MAX_MEMORY_MB)
		die("--%s=%s: a guest has 1 MB to %u MB", option, arg, MAX_MEMORY_MB);
	return (__u64)size << 20;
}

/* @arg: how much of its @memory the guest is to keep; all of it if NULL */
static __u64 parse_balloon(const char *arg, __u64 memory)
{
	__u64 size = arg ? parse_memory("balloon", arg) : memory;

	if (size > memory)
		die("--balloon=%s: the guest has less RAM (--memory)", arg);
	return size;
}

static unsigned int parse_timeout(const char *arg)
{
	char *end;
	unsigned long seconds = strtoul(arg, &end, 10);

	if (*arg < '0' || *arg > '9' || *end || !seconds || seconds > UINT_MAX)
		die("--timeout=%s: want a number of seconds", arg);
	return seconds;
}

static const struct bus *parse_bus(const char *arg)
{
	if (!strcmp(arg, "lguest"))
		return &lguest_bus;
	if (!strcmp(arg, "pci"))
		return &virtio_pci;
	die("--bus=%s: want lguest or pci", arg);
}

static bool parse_sandbox(const char *arg)
{
	if (!strcmp(arg, "on"))
		return true;
	if (!strcmp(arg, "off"))
		return false;
	die("--sandbox=%s: want on or off", arg);
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

int main(int argc, char **argv)
{
	enum { OPT_DEVICE = 256, OPT_BUS, OPT_NO_REBOOT, OPT_TIMEOUT, OPT_ESCAPE,
	       OPT_SANDBOX, OPT_USER, OPT_NAME, OPT_DETACH, OPT_CONSOLE,
	       OPT_BALLOON, OPT_NO_HUGEPAGES };
	static const char short_options[] = "+m:b:n:ri:hV";
	static const struct option options[] = {
		{ "memory", required_argument, NULL, 'm' },
		{ "block", required_argument, NULL, 'b' },
		{ "net", required_argument, NULL, 'n' },
		{ "rng", no_argument, NULL, 'r' },
		{ "initrd", required_argument, NULL, 'i' },
		{ "device", required_argument, NULL, OPT_DEVICE },
		{ "bus", required_argument, NULL, OPT_BUS },
		{ "no-reboot", no_argument, NULL, OPT_NO_REBOOT },
		{ "timeout", required_argument, NULL, OPT_TIMEOUT },
		{ "escape", required_argument, NULL, OPT_ESCAPE },
		{ "sandbox", required_argument, NULL, OPT_SANDBOX },
		{ "user", required_argument, NULL, OPT_USER },
		{ "name", required_argument, NULL, OPT_NAME },
		{ "detach", no_argument, NULL, OPT_DETACH },
		{ "console", required_argument, NULL, OPT_CONSOLE },
		{ "balloon", optional_argument, NULL, OPT_BALLOON },
		{ "no-hugepages", no_argument, NULL, OPT_NO_HUGEPAGES },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	struct machine machine = {
		.memory = (__u64)DEFAULT_MEMORY_MB << 20,
		.device = "/dev/lguest",
		.reboots = true,
		.sandbox = true,
		.huge_pages = true,
	};
	const char *name = NULL, *console = NULL;
	bool detached = false, execs, checks, has_balloon = false;
	const char *keep = NULL;
	char **command = NULL;
	int c;

	open_standard_files();
	if (argc > 1) {
		c = control_command(argv[1], argc - 2, argv + 2);
		if (c >= 0)
			return c;
	}
	execs = argc > 1 && !strcmp(argv[1], "exec");
	checks = argc > 1 && !strcmp(argv[1], "check");
	if (execs || checks || (argc > 1 && !strcmp(argv[1], "run"))) {
		argv[1] = argv[0];
		argv++;
		argc--;
	}
	console_add();
	while ((c = getopt_long(argc, argv, short_options, options, NULL)) != -1) {
		switch (c) {
		case 'm':
			machine.memory = parse_memory("memory", optarg);
			break;
		case 'b':
			block_add(optarg);
			break;
		case 'n':
			net_add(optarg);
			break;
		case 'r':
			rng_add();
			break;
		case 'i':
			machine.initrd = optarg;
			break;
		case OPT_BUS:
			machine.bus = parse_bus(optarg);
			break;
		case OPT_NO_REBOOT:
			machine.reboots = false;
			break;
		case OPT_TIMEOUT:
			machine.timeout = parse_timeout(optarg);
			break;
		case OPT_ESCAPE:
			terminal_escape(optarg);
			break;
		case OPT_BALLOON:
			if (has_balloon)
				die("one --balloon is all a guest can use");
			has_balloon = true;
			keep = optarg;
			/* A huge page would bring back what the guest has given away around it. */
			machine.huge_pages = false;
			break;
		case OPT_NO_HUGEPAGES:
			machine.huge_pages = false;
			break;
		case OPT_DEVICE:
			machine.device = optarg;
			break;
		case OPT_SANDBOX:
			machine.sandbox = parse_sandbox(optarg);
			break;
		case OPT_USER:
			machine.user = optarg;
			break;
		case OPT_NAME:
			name = optarg;
			break;
		case OPT_DETACH:
			detached = true;
			break;
		case OPT_CONSOLE:
			console = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'V':
			puts("lguest " LG_VERSION);
			return 0;
		case '?':
			fputs("Try 'lguest --help'.\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind == argc) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (has_balloon)
		balloon_add(parse_balloon(keep, machine.memory));
	machine.kernel = argv[optind];
	if (execs)
		command = cut_command(argv + optind + 1);
	machine.words = join_words(argv + optind + 1);
	if (execs)
		exec_prepare(&machine, command);
	machine.panic_timeout = panic_timeout(machine.words);
	if (checks)
		return machine_check(&machine);
	if (detached && !name)
		die("--detach needs a --name, by which the guest is found again");
	if (detached)
		detach(control_log(name));
	open_console(console ? console : detached ? "attach" : "stdio");
	if (name)
		control_open(name);
	supervise(&machine);
}
