// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz.elf SEED [END [FIRST]] [trace]: does the steps from FIRST to before END,
 * by default all 400. A seed always gives the same steps, unless a clock comes
 * between. The guest ends by itself, or dies of what it does.
 */
#include "alloc.h"
#include "fuzz.h"
#include "hypercall.h"
#include "printf.h"
#include "setup.h"
#include "string.h"
#include "traps.h"

#define STEPS	400

enum mood mood;
pte_t *fuzz_top;
u8 *user_code, *kernel_code, *spare_page;

static bool tracing;

void trace(const char *fmt, ...)
{
	char line[160];
	va_list args;

	if (!tracing)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	printf("#   %s\n", line);
}

/* The next word, if it's a number */
static u32 next_number(const char **words, u32 otherwise)
{
	char word[12];
	u32 len, value;

	for (len = 0; (*words)[len] > ' ' && len < sizeof(word) - 1; len++)
		word[len] = (*words)[len];
	word[len] = '\0';
	if (!parse_u32(word, &value))
		return otherwise;
	for (*words += len; **words == ' '; ++*words)
		;
	return value;
}

/* Two pages, one behind the other */
static u8 *two_pages(void)
{
	static u8 pages[4 * PAGE_SIZE] __aligned(PAGE_SIZE);
	static u32 used;

	used += 2;
	return pages + (used - 2) * PAGE_SIZE;
}

static void run(u32 seed, u32 from, u32 to)
{
	u32 i;

	for (i = from; i < to; i++) {
		const struct step *step;

		random_start(seed, i);
		step = &steps[below(nr_steps)];
		if (tracing)
			printf("# step %u: %s\n", i, step->name);
		step->run();
		if (mood != WILD || one_in(8))
			put_right();
	}
}

void guest_main(void)
{
	const char *words = command_line();
	u32 seed, from, to;

	seed = next_number(&words, 1);
	to = next_number(&words, STEPS);
	from = next_number(&words, 0);
	tracing = *words;
	/* Half the seed: who takes turns with two guests gives both all moods. */
	mood = seed / 2 % 4 == 0 ? WILD : seed / 2 % 4 == 1 ? CAREFUL : BOLD;
	printf("# seed %u\n", seed);

	user_code = two_pages();
	kernel_code = two_pages();
	spare_page = alloc_page();
	fuzz_top = top_new();
	land_init();
	put_right();
	run(seed, from, to);
	printf("# seed %u: all done\n", seed);
}
