/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHUTDOWN_H
#define SHUTDOWN_H

#include "types.h"

/* In ring 3. */
void prog_spin(u32 unused);
void prog_ud2(u32 unused);

/* Is @word the first one of the command line? For early code as well. */
static inline bool word_is(const char *line, const char *word)
{
	while (*word && *line == *word) {
		line++;
		word++;
	}
	return !*word && (!*line || *line == ' ');
}

#endif /* SHUTDOWN_H */
