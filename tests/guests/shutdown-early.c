// SPDX-License-Identifier: GPL-2.0
/*
 * Deaths before LGUEST_INIT. The rest is in shutdown.c.
 */
#include "early.h"
#include "hypercall.h"
#include "shutdown.h"

static void touch(u32 addr)
{
	asm volatile("movl (%0), %%eax" : : "r"(addr) : "eax", "memory");
}

void guest_early(void)
{
	const char *word = early_command_line();

	if (word_is(word, "early-hypercall"))
		hcall0(LHCALL_FLUSH_ASYNC);
	if (word_is(word, "early-shutdown"))
		hcall2(LHCALL_SHUTDOWN, 0, SHUTDOWN_POWEROFF);
	if (word_is(word, "early-beyond"))
		touch(0x60000000);
	if (word_is(word, "early-top"))
		touch(0xfffff000);
	/* As if a hypervisor below the host had taken the first hypercall */
	if (word_is(word, "early-kernel"))
		asm volatile("call 1f; 1: addl %0, (%%esp); ret"
			     : : "i"(KERNEL_BASE) : "memory");
	if (word_is(word, "early-trap"))
		asm volatile("ud2");
	if (word_is(word, "early-cr3"))
		asm volatile("movl %0, %%cr3" : : "r"(0x1000));
	if (word_is(word, "early-dr7"))
		asm volatile("movl %0, %%dr7" : : "r"(0x400));
	if (word_is(word, "early-sti"))
		asm volatile("sti");
	if (word_is(word, "early-clts"))
		asm volatile("clts");
	if (word_is(word, "early-invlpg"))
		asm volatile("invlpg (%0)" : : "r"(0x1000));
	if (word_is(word, "early-lgdt"))
		asm volatile("lgdt (%0)" : : "r"(0x1000));
	if (word_is(word, "early-lidt"))
		asm volatile("lidt (%0)" : : "r"(0x1000));
	if (word_is(word, "early-ltr"))
		asm volatile("ltr %w0" : : "r"(0x80));
	if (word_is(word, "early-kexec"))
		asm volatile("movl %0, %%ss" : : "r"(KERNEL_DS & ~3));
	if (word_is(word, "early-iret"))
		asm volatile("pushl $0x1ffb; pushl $0; pushl $2; pushl %0; pushl $0; iretl"
			     : : "i"(USER_CS));
	if (word_is(word, "early-hlt"))
		asm volatile("hlt");
	if (word_is(word, "early-spin"))
		for (;;)
			barrier();
	if (word_is(word, "init-beyond"))
		hcall1(LHCALL_LGUEST_INIT, 0x60000000);
	if (word_is(word, "init-wrap"))
		hcall1(LHCALL_LGUEST_INIT, 0xfffffff0);
}
