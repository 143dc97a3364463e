// SPDX-License-Identifier: GPL-2.0
/*
 * The init of a guest. It measures what its kernel and the host take for this and
 * that, and turns the guest off. By other names it is the programs that it runs.
 *
 * Words in the kernel's command line say what to measure: all operations whose
 * names start with one of them, or everything if there is none. The word "restart"
 * is for machines that can't turn themselves off.
 */
#include "../mark.h"
#include "macro.h"
#include "system.h"

#define ROUNDS	5

int at_the_end = POWER_OFF;

/*
 * What was printed may take its time to leave, which must not be in what is
 * measured next.
 */
static void settle(void)
{
	const long a_while[2] = { 0, 20000000 };

	sys_drain(1);
	sys_nanosleep(a_while);
}

/* Those who count instructions have a window in the last round: see ../mark.h. */
static void name_window(const struct operation *op)
{
	char number[NUMBER_SIZE];

	mark_start();
	mark_name(op->name);
	mark_name(" ");
	mark_name(number_text(number, op->count, 0));
}

static void measure(const struct operation *op)
{
	u64 t, first = 0, least = ~0ULL, sum = 0;
	unsigned int i;

	name_window(op);
	settle();
	for (i = 0; i < ROUNDS; i++) {
		if (i == ROUNDS - 1)
			mark_begin();
		t = rdtsc();
		op->run(op->count);
		t = rdtsc() - t;
		if (i == ROUNDS - 1)
			mark_end();
		sum += t;
		if (!i)
			first = t;
		if (t < least)
			least = t;
	}
	print(op->name);
	print("\t");
	print_number(sum * 10 / ROUNDS / op->count, 1);
	print("\t");
	print_number(first * 10 / op->count, 1);
	print("\t");
	print_number(least * 10 / op->count, 1);
	print("\n");
}

static bool wanted(const char *name, char **words)
{
	bool any = false;

	for (; *words; words++) {
		if (text_starts(*words, "restart"))
			continue;
		if (text_starts(name, *words))
			return true;
		any = true;
	}
	return !any;
}

static void measure_all(const struct operation *op, char **words)
{
	for (; op->name; op++) {
		if (!wanted(op->name, words))
			continue;
		if (!op->set_up || op->set_up(op->size)) {
			measure(op);
		} else {
			print("# none: ");
			print(op->name);
			print("\n");
		}
		if (op->clean_up)
			op->clean_up();
	}
}

int main(int argc, char **argv)
{
	u64 now = rdtsc();
	int i;

	if (script_program(argc, argv) || device_program(argc, argv))
		return 0;
	print("tsc\t");
	print_number(now, 0);
	print("\n");
	/* On the host, to know when a Launcher is started */
	if (text_starts(argv[0], "tsc"))
		return 0;
	/* Turn nobody's machine off by mistake. */
	if (sys_getpid() != 1)
		return 1;

	for (i = 1; i < argc; i++)
		if (text_starts(argv[i], "restart"))
			at_the_end = RESTART;
	sys_mkdir("/dev");
	sys_mkdir("/tmp");
	need(!sys_mount("devtmpfs", "/dev"));
	need(!sys_mount("tmpfs", "/tmp"));
	measure_all(memory, argv + 1);
	measure_all(processes, argv + 1);
	measure_all(scripts, argv + 1);
	measure_all(devices, argv + 1);
	measure_all(crowds, argv + 1);
	print("# end of macro\n");
	power_off(at_the_end);
	return 1;
}
