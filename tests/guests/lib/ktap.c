// SPDX-License-Identifier: GPL-2.0
#include "irq.h"
#include "ktap.h"
#include "printf.h"
#include "traps.h"

/* One broken loop should not bury the rest in output. */
#define MAX_COMPLAINTS	10

static u32 complaints;
static const char *skipped;

bool ktap_check(bool ok, const char *file, int line, const char *what)
{
	if (!ok && complaints++ < MAX_COMPLAINTS)
		printf("# %s:%d: %s\n", file, line, what);
	return ok;
}

bool ktap_check_eq(u32 got, u32 want, const char *file, int line,
		   const char *what)
{
	bool ok = got == want;

	if (!ok && complaints++ < MAX_COMPLAINTS)
		printf("# %s:%d: %s is %08x, not %08x\n", file, line, what,
		       got, want);
	return ok;
}

void ktap_skip(const char *reason)
{
	skipped = reason;
}

static void call(void *arg)
{
	const struct ktap_test *test = arg;

	test->run();
}

void ktap_run(const struct ktap_test *tests, u32 count)
{
	struct trap_info info;
	u32 i;

	printf("KTAP version 1\n1..%u\n", count);
	for (i = 0; i < count; i++) {
		complaints = 0;
		skipped = NULL;
		if (try_call(call, (void *)&tests[i], &info)) {
			complaints++;
			print_regs(&info.regs, info.cr2);
		}
		irq_disable();
		printf("%sok %u - %s%s%s\n", complaints ? "not " : "", i + 1,
		       tests[i].name, skipped ? " # SKIP " : "",
		       skipped ? skipped : "");
	}
}
