// SPDX-License-Identifier: GPL-2.0
#include "cpu.h"
#include "demo.h"
#include "printf.h"
#include "string.h"
#include "task.h"

void cmd_user(const char *args)
{
	struct task *tasks[MAX_TASKS - 1];
	u32 i, count = 2, ok = 0;
	struct task_end end;

	if (*args && (!parse_u32(args, &count) || !count ||
		      count > ARRAY_SIZE(tasks))) {
		printf("user [1..%u]\n", (u32)ARRAY_SIZE(tasks));
		return;
	}
	if (!(cpuid1_edx() & CPUID1_EDX_SSE2)) {
		printf("this CPU has no SSE2\n");
		return;
	}
	printf("programs that live in the FPU for 2 s: %u\n", count);
	for (i = 0; i < count; i++)
		tasks[i] = task_new(prog_fpu, i + 1);
	for (i = 0; i < count; i++) {
		task_wait(tasks[i], &end);
		if (end.exited && !end.code)
			ok++;
		else
			printf("program %u did not end well\n", i + 1);
	}
	printf("%u of %u found their registers as they left them\n",
	       ok, count);
}
