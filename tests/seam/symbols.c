// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "symbols.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define SYMBOL(name)	{ #name, &sym.name }

static const struct {
	const char *name;
	u64 *at;
} wanted[] = {
	SYMBOL(lg_switcher_start),
	SYMBOL(lg_switcher_end),
	SYMBOL(lg_switch_to_guest),
	SYMBOL(lg_switcher_stubs),
	SYMBOL(lg_switcher_syscall),
	SYMBOL(lg_switcher_page_fault),
	SYMBOL(lg_switcher_breakpoint),
	SYMBOL(lg_switcher_debug),
	SYMBOL(lg_switcher_nmi),
	SYMBOL(lg_switcher_mce),
	SYMBOL(asm_exc_nmi),
	SYMBOL(repeat_nmi),
	SYMBOL(exc_nmi),
	SYMBOL(asm_exc_machine_check),
	SYMBOL(do_machine_check),
	SYMBOL(panic),
	SYMBOL(seam_round),
	SYMBOL(seam_alarm),
};

struct symbols sym;

void symbols_read(const char *file)
{
	char line[256], name[128];
	unsigned long long at;
	FILE *f;
	size_t i;

	f = fopen(file, "r");
	if (!f) {
		perror(file);
		exit(1);
	}
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx %127s", &at, name) != 2)
			continue;
		for (i = 0; i < ARRAY_SIZE(wanted); i++)
			if (!strcmp(name, wanted[i].name))
				*wanted[i].at = at;
	}
	fclose(f);
	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (*wanted[i].at)
			continue;
		fprintf(stderr, "no symbol %s\n", wanted[i].name);
		exit(1);
	}
}
