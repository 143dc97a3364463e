/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For programs and guests that count.c measures. What is between mark_begin() and
 * mark_end() is a window of measurement. mark_name("fork 100") before it says that
 * they fork a hundred times. In a machine without count.c, all of this does
 * nothing.
 */
#ifndef BENCH_MARK_H
#define BENCH_MARK_H

#define MARK_ZERO	0	/* a bit of the name, the highest first */
#define MARK_ONE	1
#define MARK_START	2	/* count from here on, from nothing: slow */
#define MARK_BEGIN	3
#define MARK_END	4

/*
 * A NOP with an address that no compiler emits. The plugin can see which
 * instructions are executed, but not registers, so a name goes bit by bit.
 */
#define MARK(n) ({							\
	asm volatile(".byte 0x0f, 0x1f, 0x80, %c0, 0, 0x67, 0x6c"	\
		     : : "i"(n) : "memory");				\
})
/* The two that matter, for code that is all assembly */
#define MARK_BEGIN_ASM	".byte 0x0f, 0x1f, 0x80, 3, 0, 0x67, 0x6c\n"
#define MARK_END_ASM	".byte 0x0f, 0x1f, 0x80, 4, 0, 0x67, 0x6c\n"

/* To be called once, well before the first window */
static inline void mark_start(void)
{
	MARK(MARK_START);
}

/* Names the windows from here on. */
static inline void mark_name(const char *text)
{
	int bit;

	for (; *text; text++)
		for (bit = 7; bit >= 0; bit--)
			if (*text >> bit & 1)
				MARK(MARK_ONE);
			else
				MARK(MARK_ZERO);
}

static inline void mark_begin(void)
{
	MARK(MARK_BEGIN);
}

static inline void mark_end(void)
{
	MARK(MARK_END);
}

#endif /* BENCH_MARK_H */
