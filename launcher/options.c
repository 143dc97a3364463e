// SPDX-License-Identifier: GPL-2.0
/* What the user says on the command line, and what he is told of it. */
#include "launcher.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RAM and the device pages above it must stay below 4 GiB. */
#define MAX_MEMORY_MB		4095

static const char usage[] =
"Usage: lguest [run] [OPTION]... KERNEL [COMMAND LINE WORD]...\n"
"  or:  lguest exec [OPTION]... --initrd=FILE KERNEL [WORD]... -- COMMAND [ARGUMENT]...\n"
"  or:  lguest check [[OPTION]... KERNEL]\n"
"  or:  lguest list\n"
"  or:  lguest status|stop|kill|pause|resume|attach NAME\n"
"  or:  lguest balloon NAME SIZE\n"
"Run the 32-bit Linux KERNEL (a vmlinux or a bzImage) as an lguest guest, with\n"
"its console on this terminal. ^A x ends it at once.\n"
"\n"
"  -m, --memory=MB|SIZE    RAM of the guest (default 128); SIZE ends in K, M or G\n"
"  -b, --block=FILE|NBD-URI[,ro][,snapshot][,format=raw|qcow2|...][,backing]\n"
"                          a disk, from an image file or a block device, or what an\n"
"                          NBD server has; the first is the guest's /dev/vda, and so\n"
"                          on; ro makes it read-only; snapshot forgets in the end\n"
"                          what the guest has written; format=raw takes it as it is,\n"
"                          whatever it looks like; other formats are qemu-nbd's;\n"
"                          backing lets an image name other files\n"
"  -n, --net=TAP[,ip=A.B.C.D/LEN][,mac=XX:XX:XX:XX:XX:XX]\n"
"                          a network card on the host's interface TAP, which is\n"
"                          made if it is not there; ip= gives the host's end an\n"
"                          address and brings it up; mac= is the guest's own\n"
"      --net=user[,forward=[tcp:|udp:][ADDRESS:]PORT:PORT][,dns=ADDRESS][,mac=...]\n"
"                          a network card that needs no rights (but passt): the guest\n"
"                          finds its address by DHCP, and reaches what the host does;\n"
"                          forward= leads from a port of the host to one of the\n"
"                          guest's, for programs of the host, or those that reach\n"
"                          ADDRESS; dns= is the name server, instead of the host's\n"
"  -r, --rng               a source of random numbers\n"
"      --share=DIR[,tag=NAME][,ro]\n"
"                          a directory, which the guest mounts by its tag (default\n"
"                          \"host\"): mount -t 9p -o trans=virtio,version=9p2000.L\n"
"                          host /mnt; ro makes it read-only; needs diod\n"
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

/**
 * parse_memory() - read an amount of memory
 * @option: whose value it is, for messages
 * @arg: a number of megabytes, or one with K, M or G
 *
 * Return: bytes, in whole megabytes. Ends the program if it is no amount that a guest can have.
 */
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

/* How much of its memory the guest is to keep: all of it, if the user has not said */
static __u64 parse_balloon(const struct options *options)
{
	__u64 memory = options->machine.memory, size = memory;

	if (options->keep)
		size = parse_memory("balloon", options->keep);
	if (size > memory)
		die("--balloon=%s: the guest has less RAM (--memory)", options->keep);
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

/**
 * options_parse() - read the options
 * @options: what the user wants; has the defaults
 * @argc: of main()
 * @argv: of main()
 *
 * Devices are added as they come.
 *
 * Return: the exit status if that is all; else -1, and @options is complete.
 */
int options_parse(struct options *options, int argc, char **argv)
{
	enum { OPT_DEVICE = 256, OPT_BUS, OPT_NO_REBOOT, OPT_TIMEOUT, OPT_ESCAPE,
	       OPT_SANDBOX, OPT_USER, OPT_NAME, OPT_DETACH, OPT_CONSOLE,
	       OPT_BALLOON, OPT_NO_HUGEPAGES, OPT_SHARE };
	static const char short_options[] = "+m:b:n:ri:hV";
	static const struct option long_options[] = {
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
		{ "share", required_argument, NULL, OPT_SHARE },
		{ "balloon", optional_argument, NULL, OPT_BALLOON },
		{ "no-hugepages", no_argument, NULL, OPT_NO_HUGEPAGES },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		switch (c) {
		case 'm':
			options->machine.memory = parse_memory("memory", optarg);
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
		case OPT_SHARE:
			p9_add(optarg);
			break;
		case 'i':
			options->machine.initrd = optarg;
			break;
		case OPT_BUS:
			options->machine.bus = parse_bus(optarg);
			break;
		case OPT_NO_REBOOT:
			options->machine.reboots = false;
			break;
		case OPT_TIMEOUT:
			options->machine.timeout = parse_timeout(optarg);
			break;
		case OPT_ESCAPE:
			terminal_escape(optarg);
			break;
		case OPT_BALLOON:
			if (options->balloon)
				die("one --balloon is all a guest can use");
			options->balloon = true;
			options->keep = optarg;
			/* A huge page would bring back what the guest has given away around it. */
			options->machine.huge_pages = false;
			break;
		case OPT_NO_HUGEPAGES:
			options->machine.huge_pages = false;
			break;
		case OPT_DEVICE:
			options->machine.device = optarg;
			break;
		case OPT_SANDBOX:
			options->machine.sandbox = parse_sandbox(optarg);
			break;
		case OPT_USER:
			options->machine.user = optarg;
			break;
		case OPT_NAME:
			options->name = optarg;
			break;
		case OPT_DETACH:
			options->detached = true;
			break;
		case OPT_CONSOLE:
			options->console = optarg;
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
	if (optind == argc && options->kernel_is_optional)
		return -1;
	if (optind == argc) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (options->balloon)
		balloon_add(parse_balloon(options));
	keeper_set_user(options->machine.user);
	options->machine.kernel = argv[optind];
	options->words = argv + optind + 1;
	return -1;
}
