// SPDX-License-Identifier: GPL-2.0
#include "interrupts.h"
#include "user.h"

void prog_wait_flag(u32 unused)
{
	u32 changed = 0, eax = SYS_ARM;

	(void)unused;
	/* From the system call on, the interrupt may come anywhere. */
	asm volatile("int %[vector]\n"
		     "1: testl %[changed], %[changed]\n"
		     "jz 1b\n"
		     : "+a"(eax), [changed] "+D"(changed)
		     : [vector] "i"(SYSCALL_VECTOR)
		     : "memory", "cc");
	sys_exit(changed == 1 ? 0x1234 : 0);
}
