// SPDX-License-Identifier: GPL-2.0
/*
 * The demo: a kernel with a prompt, to show what a guest can do and to poke
 * at what the host makes of it. Commands on the kernel's command line,
 * separated by semicolons, are run first.
 */
#include "alloc.h"
#include "clock.h"
#include "console.h"
#include "cpu.h"
#include "demo.h"
#include "hypercall.h"
#include "irq.h"
#include "paging.h"
#include "printf.h"
#include "setup.h"
#include "string.h"

#define TICKS_PER_SEC	100

static void cmd_help(const char *args);

/* Days since 1970 to a date, counting years from March so February is last. */
static void print_date(u32 sec)
{
	u32 days = sec / 86400 + 719468, clock = sec % 86400;
	u32 era = days / 146097;
	u32 day = days % 146097;
	u32 year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	u32 month;

	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;
	year += era * 400 + (month >= 10);
	printf("%u-%02u-%02u %02u:%02u:%02u", year,
	       month < 10 ? month + 3 : month - 9, day + 1,
	       clock / 3600, clock / 60 % 60, clock % 60);
}

static void cmd_time(const char *args)
{
	u32 sec, nsec, ms = div_u64(clock_ns(), NSEC_PER_MSEC);

	(void)args;
	clock_sync();
	wallclock(&sec, &nsec);
	print_date(sec);
	printf(".%09u UTC by the host's wallclock\n", nsec);
	printf("up %u.%03u s, %u ticks at %u a second but at the prompt\n",
	       ms / 1000, ms % 1000, clock_ticks(), TICKS_PER_SEC);
	if (clock_has_tsc())
		printf("TSC: %u kHz by the host, ", lguest_data.tsc_khz);
	else
		printf("TSC: not to be used, says the host; ");
	printf("%u kHz measured\n", tsc_per_ms());
}

static void cmd_spin(const char *args)
{
	u32 seconds = 5, ticks;
	u64 until;

	if (!strcmp(args, "forever")) {
		printf("spinning with interrupts off; only the host can end it\n");
		console_flush();
		irq_disable();
		for (;;)
			barrier();
	}
	if (*args && !parse_u32(args, &seconds)) {
		printf("spin [SECONDS | forever]\n");
		return;
	}
	printf("spinning for %u s; ^C stops it\n", seconds);
	ticks = clock_ticks();
	until = clock_ns() + (u64)seconds * NSEC_PER_SEC;
	while (clock_ns() < until && !console_interrupted())
		;
	printf("%u ticks came meanwhile\n", clock_ticks() - ticks);
}

static void cmd_poweroff(const char *args)
{
	(void)args;
	power_off();
}

static void cmd_reboot(const char *args)
{
	(void)args;
	reboot();
}

static void cmd_crash(const char *args)
{
	/* The host may read all 128 bytes that a message can have. */
	static char message[128];

	strscpy(message, *args ? args : "by request", sizeof(message));
	console_flush();
	shutdown(message, SHUTDOWN_POWEROFF);
}

static const struct command {
	const char *name, *usage, *help;
	void (*run)(const char *args);
} commands[] = {
	{ "help", "", "this list", cmd_help },
	{ "memory", "", "what is where, and a test of all that is free",
	  cmd_memory },
	{ "time", "", "wallclock, ticks, TSC", cmd_time },
	{ "fault", "[KIND]", "a fault of some kind; alone, it lists them",
	  cmd_fault },
	{ "spin", "[SECONDS]", "keep the CPU; with \"forever\", for good",
	  cmd_spin },
	{ "bench", "[NAME]", "what the host's services cost", cmd_bench },
	{ "count", "[NAME...]", "the same a few times, for make bench",
	  cmd_count },
	{ "spaces", "COUNT", "have so many address spaces more", cmd_spaces },
	{ "user", "[COUNT]", "programs in ring 3 that compete for the FPU",
	  cmd_user },
	{ "crash", "[TEXT]", "die of it", cmd_crash },
	{ "reboot", "", "ask the Launcher to start over", cmd_reboot },
	{ "poweroff", "", "leave", cmd_poweroff },
};

static void cmd_help(const char *args)
{
	u32 i;

	(void)args;
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-8s %-10s %s\n", commands[i].name,
		       commands[i].usage, commands[i].help);
}

static void run_command(char *line)
{
	const struct command *command;
	char *name, *end;

	while (*line == ' ')
		line++;
	name = line;
	for (end = line + strlen(line); end > line && end[-1] == ' '; end--)
		end[-1] = '\0';
	while (*line && *line != ' ')
		line++;
	while (*line == ' ')
		*line++ = '\0';
	if (!*name)
		return;

	for (command = commands; command < commands + ARRAY_SIZE(commands);
	     command++) {
		if (strcmp(command->name, name))
			continue;
		command->run(line);
		return;
	}
	printf("no command \"%s\"; try help\n", name);
}

static void run_command_line(void)
{
	char line[256], *p = line, *next;

	strscpy(line, command_line(), sizeof(line));
	while (*p) {
		for (next = p; *next && *next != ';'; next++)
			;
		if (*next)
			*next++ = '\0';
		printf("lguest> %s\n", p);
		run_command(p);
		p = next;
	}
}

void guest_main(void)
{
	bool virtio = console_init();
	char line[128];

	irq_enable();
	clock_init(TICKS_PER_SEC);

	printf("lguest demo guest, %s page tables\n",
	       sizeof(pte_t) == 8 ? "PAE" : "2-level");
	printf("%u MiB of memory, %u pages of it free\n",
	       ram_size() >> 20, free_pages());
	if (clock_has_tsc())
		printf("TSC at %u MHz\n", lguest_data.tsc_khz / 1000);
	else
		printf("no TSC to go by\n");
	run_command_line();
	if (!virtio)
		panic("no console to read from");
	printf("Type help for a list of commands.\n");
	for (;;) {
		bool got;

		clock_idle(true);
		got = console_readline("lguest> ", line, sizeof(line));
		clock_idle(false);
		if (got)
			run_command(line);
	}
}
