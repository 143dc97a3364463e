// SPDX-License-Identifier: GPL-2.0
#include "cpu.h"
#include "segment-programs.h"
#include "user.h"

void prog_read_tls(u32 selector)
{
	load_gs(selector);
	sys_exit(read_gs_word(0));
}

void prog_keep_tls(u32 ms)
{
	u32 start = syscall(SYS_UPTIME_MS, 0, 0), word, i, fs;
	u32 heap = USER_HEAP;

	load_gs(TLS_SEL(0));
	asm volatile("movl %0, %%fs" : : "r"(TLS_SEL(1)));
	word = read_gs_word(0);
	while (syscall(SYS_UPTIME_MS, 0, 0) - start < ms) {
		for (i = 0; i < 20000; i++)
			if (read_gs_word(0) != word)
				sys_exit(1);
		/* A fault that the kernel handles. */
		WRITE_ONCE(*(u32 *)heap, i);
		heap += PAGE_SIZE;
		if (read_gs_word(0) != word || read_gs() != TLS_SEL(0))
			sys_exit(2);
		asm volatile("movl %%fs, %0" : "=r"(fs));
		if (fs != TLS_SEL(1))
			sys_exit(3);
		syscall(SYS_YIELD, 0, 0);
	}
	sys_exit(0);
}

asm(".text\n"
	".globl prog_null_gs, prog_null_gs_at\n"
	"prog_null_gs:\n"
	"	xorl	%eax, %eax\n"
	"	movl	%eax, %gs\n"
	"prog_null_gs_at:\n"
	"	movl	%gs:0, %eax\n"
	"	xorl	%ebx, %ebx\n"
	"	int	$0x80\n");

void prog_null_stays(u32 unused)
{
	u32 gs;

	(void)unused;
	load_gs(0);
	syscall(SYS_NOTHING, 0, 0);
	gs = read_gs();
	WRITE_ONCE(*(u32 *)USER_HEAP, 1);
	sys_exit(gs | read_gs());
}

void prog_far(u32 selector)
{
	struct {
		u32 offset;
		u16 selector;
	} __packed there;
	u32 eax = SYS_FAR;

	there.selector = selector;
	asm volatile("movl $1f, %[offset]\n"
		     "subl %[base], %[offset]\n"
		     "ljmp *%[there]\n"
		     "1: int $0x80\n"
		     "ljmp %[cs], $2f\n"
		     "2:\n"
		     : "+a"(eax), [offset] "+m"(there.offset)
		     : [there] "m"(there), [base] "i"(FAR_BASE),
		       [cs] "i"(USER_CS), "b"(0)
		     : "memory", "cc");
	sys_exit(eax);
}

/* The fault's handler goes on behind the load. */
void prog_every_selector(u32 unused)
{
	u32 selector, stayed = 0;

	(void)unused;
	for (selector = 0; selector < 0x10000; selector++) {
		load_gs(0);
		load_gs(selector);
		stayed += read_gs() == selector;
	}
	load_gs(0);
	sys_exit(stayed);
}
