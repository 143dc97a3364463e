// SPDX-License-Identifier: GPL-2.0
#include "fpu.h"
#include "fpu-programs.h"
#include "user.h"

void prog_keep_fpu(u32 seed)
{
	u32 start = syscall(SYS_UPTIME_MS, 0, 0), bad = 0, loops;
	struct fpu_image before, after;

	fpu_fill(&before, seed);
	while (!bad && syscall(SYS_UPTIME_MS, 0, 0) - start < 500) {
		fpu_load(&before);
		for (loops = 0; loops < 100000; loops++)
			barrier();
		/* They also survive a switch that the FPU's owner asks for. */
		syscall(SYS_YIELD, 0, 0);
		fpu_store(&after);
		bad = fpu_differ(&before, &after);
	}
	sys_exit(bad);
}

asm(".text\n"
	".globl prog_use_fpu, prog_use_fpu_at\n"
	"prog_use_fpu:\n"
	"prog_use_fpu_at:\n"
	"	fninit\n"
	"	xorl	%eax, %eax\n"
	"	xorl	%ebx, %ebx\n"
	"	int	$0x80\n");
