// SPDX-License-Identifier: GPL-2.0
/*
 * steady SECONDS, or steady COMMAND ARGUMENT...: checks that tasks keep all their
 * registers, whatever guests do beside them. For so long, or while COMMAND runs,
 * processes on all CPUs put known values everywhere (general registers, flags, x87,
 * SSE, AVX, segments, the stack around and below RSP), do something, and compare.
 * They are of five kinds: they compute, make system calls, take signals, run
 * guests, or are born. What COMMAND says is a subtest of the result.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cpuid.h>
#include <asm/prctl.h>
#include <linux/futex.h>
#include <linux/lguest_launcher.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/wait.h>
#include "test.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define FLAG_FIXED	0x202		/* with IF */
#define FLAGS_ARITH	0x8d5
#define FLAG_DF		0x400
#define FLAG_AC		0x40000
#define FLAG_VIF	0x80000
#define FLAG_VIP	0x100000
#define FLAG_ID		0x200000
#define USER_DS		0x2b
#define USER_CS		0x33

/* Turns of a loop, and pages that one step touches */
#define TURNS		200000
#define TOUCHED		16

#define STACK_WORDS	96
#define STACK_TOP	64	/* where RSP is; below come the red zone and more */
#define RED_ZONE	16

enum reg { RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP, R8, R9, R10, R11, R12, R13, R14,
	   R15, REGS };

static const char reg_names[REGS][4] = {
	"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10",
	"r11", "r12", "r13", "r14", "r15",
};

/* Where a signal handler finds them */
static const int reg_in_context[REGS] = {
	REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_RBP, REG_RSP,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

enum segment { CS, SS, DS, ES, FS, GS, SEGMENTS };

static const char segment_names[SEGMENTS][3] = {
	"cs", "ss", "ds", "es", "fs", "gs"
};

/* XSAVE's layout: that of FXSAVE, a header, and at once the upper halves of YMM */
struct fpu {
	uint16_t fcw, fsw, ftw, fop;
	uint64_t fip, fdp;
	uint32_t mxcsr, mxcsr_mask;
	uint8_t st[8][16], xmm[16][16], unused[96];
	uint64_t header[8];
	uint8_t ymm_high[16][16];
} __attribute__((aligned(64)));

/* A thread's. Its GS base points here. */
struct vigil {
	uint64_t self;
	uint64_t rsp_of_c, pass, has_xsave;
	uint64_t regs[REGS], flags;
	uint64_t regs_now[REGS], flags_now, fs_now, self_now;
	uint16_t segments[SEGMENTS], segments_now[SEGMENTS];
	uint64_t stack[STACK_WORDS], stack_was[STACK_WORDS];
	struct fpu fpu, fpu_now;
	uint64_t fs, random;
	unsigned int kind, turn;
	/* What it is doing. If it does not compute, that has a result in RAX. */
	const char *doing;
	int pipe[2], futex;
	char *pages;
};

enum kind { COMPUTES, CALLS, SIGNALS, GUESTS, BORN, KINDS };

static const char *const kind_names[KINDS] = {
	"a task that only computes", "one that makes system calls",
	"one that takes signals", "one that runs a guest", "one that is born",
};

/* Shared by all processes */
static struct shared {
	volatile bool stop;
	unsigned long steps[KINDS], looks, faults[KINDS];
} *shared;

static __thread struct vigil *mine;

/*
 * Flags that are not compared. QEMU's emulator lets IRET in a guest's ring 1 load
 * VIF and VIP: it goes to virtual-8086 mode, which long mode does not have. No
 * instruction that a host executes there clears them again.
 */
static uint64_t flags_unknown;

/* Fills all of a guest's registers with what must not stay there, then waits. */
GUEST(spoil, "mov $0x8000, %esp\n" G_INIT
	"1: mov %ds, %eax\nmov %eax, %fs\nmov %eax, %gs\n"
	"fninit\nfldcw 0x1800\nldmxcsr 0x1804\nfldpi\nfldpi\nfldpi\n"
	"pcmpeqd %xmm0, %xmm0\nmovdqa %xmm0, %xmm1\nmovdqa %xmm0, %xmm2\n"
	"movdqa %xmm0, %xmm3\nmovdqa %xmm0, %xmm7\n"
	"pushl $0x40cd7\npopf\n"
	"mov $0xbadbad01, %edx\nmov $0xbadbad02, %esi\nmov $0xbadbad03, %edi\n"
	"mov $0xbadbad04, %ebp\nmov $0xbadbad05, %ebx\n"
	"mov $20000, %ecx\n2: dec %ecx\njnz 2b\n"
	G_NOTIFY(0x1000) "jmp 1b\n"
	"\n.org spoil + 0x800\n.long 0x77f, 0x9f80\n");

/* Without the C library, which needs an FS base of its own */
static long raw(long nr, long a, long b, long c)
{
	long ret;

	asm volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c) :
		     "rcx", "r11", "memory");
	return ret;
}

static char *put_text(char *to, const char *text)
{
	while (*text)
		*to++ = *text++;
	return to;
}

static char *put_hex(char *to, uint64_t n)
{
	int shift = 60;

	while (shift && !(n >> shift))
		shift -= 4;
	to = put_text(to, "0x");
	for (; shift >= 0; shift -= 4)
		*to++ = "0123456789abcdef"[n >> shift & 15];
	return to;
}

static char *put_name(char *to, const char *name, unsigned int which)
{
	to = put_text(to, name);
	if (which) {
		*to++ = ' ';
		to = put_hex(to, which - 1);
	}
	to = put_text(to, " is ");
	return to;
}

static void tell(const struct vigil *v, const char *where, const char *what,
		 unsigned int which, uint64_t now, uint64_t was)
{
	char line[256], *to = line;

	to = put_text(to, "# ");
	to = put_text(to, kind_names[v->kind]);
	to = put_text(to, ", ");
	to = put_text(to, v->doing);
	to = put_text(to, where);
	to = put_text(to, ": ");
	to = put_name(to, what, which);
	to = put_hex(to, now);
	to = put_text(to, ", not ");
	to = put_hex(to, was);
	*to++ = '\n';
	raw(SYS_write, 1, (long)line, to - line);
}

/* Whether two words are the same. If not, tells. */
static bool same(struct vigil *v, const char *where, const char *what,
		 unsigned int which, uint64_t now, uint64_t was)
{
	if (now == was)
		return true;
	/* The first ones say it all. */
	if (__atomic_fetch_add(&shared->faults[v->kind], 1, __ATOMIC_RELAXED) < 50)
		tell(v, where, what, which, now, was);
	return false;
}

static uint64_t rnd(struct vigil *v)
{
	v->random ^= v->random << 13;
	v->random ^= v->random >> 7;
	v->random ^= v->random << 17;
	return v->random;
}

/*
 * Goes to @v->pass with the registers that @v has, and afterwards puts what they
 * are into regs_now and so on. No instruction in between changes any flag.
 */
static void __attribute__((noinline, noclone)) step(struct vigil *v)
{
	asm volatile("sub $128, %%rsp\n"		/* the compiler's red zone */
		     "push %%rbp\n"
		     "push %%rbx\n"
		     "push %%r12\n"
		     "push %%r13\n"
		     "push %%r14\n"
		     "push %%r15\n"
		     "mov %%rsp, %c[rsp_of_c](%%rdi)\n"
		     "mov %c[segments] + 4(%%rdi), %%ds\n"
		     "mov %c[segments] + 6(%%rdi), %%es\n"
		     "cmpb $0, %c[has_xsave](%%rdi)\n"
		     "je 1f\n"
		     "mov $7, %%eax\n"
		     "xor %%edx, %%edx\n"
		     "xrstor64 %c[fpu](%%rdi)\n"
		     "jmp 2f\n"
		     "1: fxrstor64 %c[fpu](%%rdi)\n"
		     "2: pushq %c[flags](%%rdi)\n"
		     "popfq\n"
		     "mov %%gs:%c[regs] + 0, %%rax\n"
		     "mov %%gs:%c[regs] + 8, %%rbx\n"
		     "mov %%gs:%c[regs] + 16, %%rcx\n"
		     "mov %%gs:%c[regs] + 24, %%rdx\n"
		     "mov %%gs:%c[regs] + 32, %%rsi\n"
		     "mov %%gs:%c[regs] + 40, %%rdi\n"
		     "mov %%gs:%c[regs] + 48, %%rbp\n"
		     "mov %%gs:%c[regs] + 56, %%rsp\n"
		     "mov %%gs:%c[regs] + 64, %%r8\n"
		     "mov %%gs:%c[regs] + 72, %%r9\n"
		     "mov %%gs:%c[regs] + 80, %%r10\n"
		     "mov %%gs:%c[regs] + 88, %%r11\n"
		     "mov %%gs:%c[regs] + 96, %%r12\n"
		     "mov %%gs:%c[regs] + 104, %%r13\n"
		     "mov %%gs:%c[regs] + 112, %%r14\n"
		     "mov %%gs:%c[regs] + 120, %%r15\n"
		     "jmp *%%gs:%c[pass]\n"
		     ".globl pass_spin, pass_walk, pass_touch, pass_call\n"
		     ".globl pass_called, pass_end\n"
		     "pass_spin:\n"
		     "lea -1(%%rcx), %%rcx\n"
		     "lea 1(%%rdx), %%rdx\n"
		     "jrcxz pass_end\n"
		     "jmp pass_spin\n"
		     "pass_walk:\n"		/* down and up the stack */
		     "call 3f\n"
		     "lea -16(%%rcx), %%rcx\n"
		     "lea 16(%%rdx), %%rdx\n"
		     "jrcxz pass_end\n"
		     "jmp pass_walk\n"
		     "3: push %%rbx\n"
		     "push %%rbp\n"
		     "call 4f\n"
		     "pop %%rbp\n"
		     "pop %%rbx\n"
		     "ret\n"
		     "4: push %%r12\n"
		     "lea -64(%%rsp), %%rsp\n"
		     "mov %%r13, (%%rsp)\n"
		     "lea 64(%%rsp), %%rsp\n"
		     "pop %%r12\n"
		     "ret\n"
		     "pass_touch:\n"		/* a page fault each turn */
		     "mov %%rbx, (%%rsi)\n"
		     "lea 4096(%%rsi), %%rsi\n"
		     "lea -1(%%rcx), %%rcx\n"
		     "jrcxz pass_end\n"
		     "jmp pass_touch\n"
		     "pass_call:\n"
		     "syscall\n"
		     "pass_called:\n"
		     "pass_end:\n"
		     "mov %%rax, %%gs:%c[now] + 0\n"
		     "mov %%rbx, %%gs:%c[now] + 8\n"
		     "mov %%rcx, %%gs:%c[now] + 16\n"
		     "mov %%rdx, %%gs:%c[now] + 24\n"
		     "mov %%rsi, %%gs:%c[now] + 32\n"
		     "mov %%rdi, %%gs:%c[now] + 40\n"
		     "mov %%rbp, %%gs:%c[now] + 48\n"
		     "mov %%rsp, %%gs:%c[now] + 56\n"
		     "mov %%r8, %%gs:%c[now] + 64\n"
		     "mov %%r9, %%gs:%c[now] + 72\n"
		     "mov %%r10, %%gs:%c[now] + 80\n"
		     "mov %%r11, %%gs:%c[now] + 88\n"
		     "mov %%r12, %%gs:%c[now] + 96\n"
		     "mov %%r13, %%gs:%c[now] + 104\n"
		     "mov %%r14, %%gs:%c[now] + 112\n"
		     "mov %%r15, %%gs:%c[now] + 120\n"
		     "mov %%gs:%c[rsp_of_c], %%rsp\n"
		     "pushfq\n"
		     "popq %%gs:%c[flags_now]\n"
		     "pushq %[plain]\n"
		     "popfq\n"
		     "mov %%gs:%c[self], %%rdi\n"
		     "mov %%rdi, %c[self_now](%%rdi)\n"
		     "mov %%fs:0, %%rax\n"
		     "mov %%rax, %c[fs_now](%%rdi)\n"
		     "mov %%cs, %c[segments_now] + 0(%%rdi)\n"
		     "mov %%ss, %c[segments_now] + 2(%%rdi)\n"
		     "mov %%ds, %c[segments_now] + 4(%%rdi)\n"
		     "mov %%es, %c[segments_now] + 6(%%rdi)\n"
		     "mov %%fs, %c[segments_now] + 8(%%rdi)\n"
		     "mov %%gs, %c[segments_now] + 10(%%rdi)\n"
		     "cmpb $0, %c[has_xsave](%%rdi)\n"
		     "je 1f\n"
		     "mov $7, %%eax\n"
		     "xor %%edx, %%edx\n"
		     "xsave64 %c[fpu_now](%%rdi)\n"
		     "vzeroupper\n"
		     "jmp 2f\n"
		     "1: fxsave64 %c[fpu_now](%%rdi)\n"
		     "2: fninit\n"
		     "pushq $0x1f80\n"
		     "ldmxcsr (%%rsp)\n"
		     "pop %%rax\n"
		     "xor %%eax, %%eax\n"
		     "mov %%eax, %%ds\n"
		     "mov %%eax, %%es\n"
		     "pop %%r15\n"
		     "pop %%r14\n"
		     "pop %%r13\n"
		     "pop %%r12\n"
		     "pop %%rbx\n"
		     "pop %%rbp\n"
		     "add $128, %%rsp\n"
		     : "+D"(v)
		     : [self] "i"(offsetof(struct vigil, self)),
		     [rsp_of_c] "i"(offsetof(struct vigil, rsp_of_c)),
		     [pass] "i"(offsetof(struct vigil, pass)),
		     [has_xsave] "i"(offsetof(struct vigil, has_xsave)),
		     [regs] "i"(offsetof(struct vigil, regs)),
		     [flags] "i"(offsetof(struct vigil, flags)),
		     [now] "i"(offsetof(struct vigil, regs_now)),
		     [flags_now] "i"(offsetof(struct vigil, flags_now)),
		     [fs_now] "i"(offsetof(struct vigil, fs_now)),
		     [self_now] "i"(offsetof(struct vigil, self_now)),
		     [segments] "i"(offsetof(struct vigil, segments)),
		     [segments_now] "i"(offsetof(struct vigil, segments_now)),
		     [fpu] "i"(offsetof(struct vigil, fpu)),
		     [fpu_now] "i"(offsetof(struct vigil, fpu_now)),
		     [plain] "i"(FLAG_FIXED)
		     : "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11",
		       "cc", "memory",
		       "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
		       "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
		       "xmm13", "xmm14", "xmm15");
}

/* The address of a label in step() */
#define ADDRESS(label)							\
	({								\
		uintptr_t address;					\
									\
		asm("lea " #label "(%%rip), %0" : "=r"(address));	\
		address;						\
	})

static void fill(struct vigil *v, void *to, size_t bytes)
{
	uint64_t *words = to;
	size_t i;

	for (i = 0; i < bytes / sizeof(*words); i++)
		words[i] = rnd(v);
}

/* Gives everything a value that it did not have before. */
static void choose(struct vigil *v)
{
	unsigned int turn = v->turn++;

	fill(v, v->regs, sizeof(v->regs));
	fill(v, v->stack, sizeof(v->stack));
	memcpy(v->stack_was, v->stack, sizeof(v->stack));
	v->regs[RSP] = (uintptr_t)&v->stack[STACK_TOP];
	v->flags = FLAG_FIXED | (rnd(v) & FLAGS_ARITH);
	if (turn & 1)
		v->flags |= FLAG_DF;
	if (turn & 2)
		v->flags |= FLAG_AC;
	if (turn & 4)
		v->flags |= FLAG_ID;
	v->segments[DS] = turn & 8 ? USER_DS : 0;
	v->segments[ES] = turn & 16 ? USER_DS : 0;

	fill(v, v->fpu.st, sizeof(v->fpu.st));
	fill(v, v->fpu.xmm, sizeof(v->fpu.xmm));
	fill(v, v->fpu.ymm_high, sizeof(v->fpu.ymm_high));
	/* All full, no exceptions, single precision, any rounding */
	v->fpu.ftw = 0xff;
	v->fpu.fsw = (rnd(v) & 7) << 11;
	v->fpu.fcw = 0x7f | (rnd(v) & 0xc00);
	v->fpu.mxcsr = 0x9f80 | (rnd(v) & 0x6000);
	v->fpu.header[0] = 7;
}

static void same_bytes(struct vigil *v, const char *where, const char *what,
		       const void *now, const void *was, unsigned int count,
		       size_t size)
{
	unsigned int i, half;

	for (i = 0; i < count; i++) {
		const char *is = (const char *)now + 16 * i;
		const char *had = (const char *)was + 16 * i;

		for (half = 0; half < 16 && memcmp(is, had, size); half += 8) {
			uint64_t a = 0, b = 0;
			size_t n = size - half < 8 ? size - half : 8;

			memcpy(&a, is + half, n);
			memcpy(&b, had + half, n);
			same(v, where, what, i + 1, a, b);
		}
	}
}

static void compare_fpu(struct vigil *v, const char *where,
			const struct fpu *now, bool upper)
{
	same(v, where, "x87's control word", 0, now->fcw, v->fpu.fcw);
	same(v, where, "x87's status word", 0, now->fsw, v->fpu.fsw);
	same(v, where, "x87's tags", 0, now->ftw, v->fpu.ftw);
	same(v, where, "mxcsr", 0, now->mxcsr, v->fpu.mxcsr);
	same_bytes(v, where, "st", now->st, v->fpu.st, 8, 10);
	same_bytes(v, where, "xmm", now->xmm, v->fpu.xmm, 16, 16);
	if (upper)
		same_bytes(v, where, "upper ymm", now->ymm_high,
			   v->fpu.ymm_high, 16, 16);
}

static void compare_flags(struct vigil *v, const char *where, uint64_t now)
{
	same(v, where, "the flags", 0, now & ~flags_unknown, v->flags);
}

/* Compares what a step has left, except in registers with a bit in @changed. */
static void compare(struct vigil *v, unsigned int changed)
{
	/* pass_walk uses the stack below. */
	unsigned int i = v->pass == ADDRESS(pass_walk) ? STACK_TOP : 0;

	/* With another's gs base, all would be of another step. */
	same(v, "", "the gs base", 0, v->self_now, v->self);
	same(v, "", "what is at the fs base", 0, v->fs_now, v->fs);
	for (; i < STACK_WORDS; i++)
		same(v, "", "stack", i + 1, v->stack[i], v->stack_was[i]);
	for (i = 0; i < REGS; i++)
		if (!(changed & 1 << i))
			same(v, "", reg_names[i], 0, v->regs_now[i], v->regs[i]);
	for (i = 0; i < SEGMENTS; i++)
		same(v, "", segment_names[i], 0, v->segments_now[i],
		     v->segments[i]);
	compare_flags(v, "", v->flags_now);
	compare_fpu(v, "", &v->fpu_now, v->has_xsave);
	__atomic_fetch_add(&shared->steps[v->kind], 1, __ATOMIC_RELAXED);
}

static void take_step(struct vigil *v, const char *doing, uintptr_t pass)
{
	v->doing = doing;
	v->pass = pass;
	step(v);
}

/* Makes a system call. Return: its result. */
static long call(struct vigil *v, const char *name, long nr, long a, long b, long c,
		 long d, long e, long f)
{
	choose(v);
	v->regs[RAX] = nr;
	v->regs[RDI] = a;
	v->regs[RSI] = b;
	v->regs[RDX] = c;
	v->regs[R10] = d;
	v->regs[R8] = e;
	v->regs[R9] = f;
	take_step(v, name, ADDRESS(pass_call));
	/* The instruction itself leaves these. */
	v->regs[RCX] = ADDRESS(pass_called);
	v->regs[R11] = v->flags;
	v->regs_now[R11] &= ~flags_unknown;
	compare(v, 1 << RAX);
	return v->regs_now[RAX];
}

static void compute(struct vigil *v)
{
	choose(v);
	v->regs[RCX] = TURNS;
	switch (v->turn % 3) {
	case 0:
		take_step(v, "counting", ADDRESS(pass_spin));
		v->regs[RDX] += TURNS;
		break;
	case 1:
		take_step(v, "calling", ADDRESS(pass_walk));
		v->regs[RDX] += TURNS;
		break;
	default:
		madvise(v->pages, TOUCHED * 4096, MADV_DONTNEED);
		v->regs[RSI] = (uintptr_t)v->pages;
		v->regs[RCX] = TOUCHED;
		take_step(v, "touching pages", ADDRESS(pass_touch));
		v->regs[RSI] += TOUCHED * 4096;
	}
	v->regs[RCX] = 0;
	compare(v, 0);
}

static void make_call(struct vigil *v)
{
	struct timespec ts = { 0, rnd(v) % 200000 };
	char byte[64];
	long at;

	switch (v->turn % 9) {
	case 0:
		call(v, "getppid", SYS_getppid, 0, 0, 0, 0, 0, 0);
		break;
	case 1:
		call(v, "nanosleep", SYS_nanosleep, (long)&ts, 0, 0, 0, 0, 0);
		break;
	case 2:
		call(v, "clock_gettime", SYS_clock_gettime, CLOCK_MONOTONIC,
		     (long)&ts, 0, 0, 0, 0);
		break;
	case 3:
		call(v, "write", SYS_write, v->pipe[1], (long)byte, 9, 0, 0, 0);
		break;
	case 4:
		call(v, "read", SYS_read, v->pipe[0], (long)byte, sizeof(byte),
		     0, 0, 0);
		break;
	case 5:
		call(v, "futex", SYS_futex, (long)&v->futex,
		     FUTEX_WAIT_PRIVATE, 0, (long)&ts, 0, 0);
		break;
	case 6:
		call(v, "sched_yield", SYS_sched_yield, 0, 0, 0, 0, 0, 0);
		break;
	case 7:
		at = call(v, "mmap", SYS_mmap, 0, 2 << 20, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		call(v, "munmap", SYS_munmap, at, 2 << 20, 0, 0, 0, 0);
		break;
	default:
		call(v, "ioctl", SYS_ioctl, v->pipe[0], 0, 0, 0, 0, 0);
	}
}

static void compute_or_call(struct vigil *v)
{
	if (rnd(v) & 1)
		compute(v);
	else
		make_call(v);
}

/*
 * In the last of each three seconds there are no guests, for whoever waits until
 * nobody has any.
 */
static double guests_end(void)
{
	return 3 * ((long)now() / 3) + 2;
}

static void run_guest(struct vigil *v)
{
	char *mem = guest_memory(spoil, spoil_end, MAP_PRIVATE);
	unsigned long words[] = { LHREQ_INITIALIZE, (unsigned long)mem, PAGES,
				  CODE };
	double end = guests_end();
	uint64_t word;
	int fd;

	fd = call(v, "open", SYS_open, (long)"/dev/lguest", O_RDWR, 0, 0, 0, 0);
	need(fd >= 0);
	while (call(v, "write", SYS_write, fd, (long)words, sizeof(words), 0, 0,
		    0) == -EINTR)
		;
	while (!shared->stop && now() < end) {
		long ret = call(v, "read from a guest", SYS_read, fd,
				(long)&word, sizeof(word), 0, 0, 0);

		if (ret != -EINTR)
			same(v, "", "its result", 0, ret, sizeof(word));
	}
	call(v, "close", SYS_close, fd, 0, 0, 0, 0, 0);
	munmap(mem, PAGES * 4096);
}

static void *be_quiet(void *arg)
{
	return arg;
}

/* Does what a Launcher begins with. The new process has a single thread. */
static void be_born(struct vigil *v)
{
	pthread_t thread;
	long at, pid;
	int fd, i;

	pid = call(v, "fork", SYS_fork, 0, 0, 0, 0, 0, 0);
	if (pid) {
		call(v, "wait4", SYS_wait4, pid, (long)&v->futex, __WALL, 0, 0,
		     0);
		if (pid > 0)
			same(v, "", "its child's status", 0, v->futex, 0);
		v->futex = 0;
		return;
	}
	fd = call(v, "memfd_create", SYS_memfd_create, (long)"steady", 0, 0, 0,
		  0, 0);
	call(v, "ftruncate", SYS_ftruncate, fd, 4 << 20, 0, 0, 0, 0);
	at = call(v, "mmap", SYS_mmap, 0, 18 << 20, PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	call(v, "mmap", SYS_mmap, at, 4 << 20, PROT_READ | PROT_WRITE |
	     PROT_EXEC, MAP_SHARED | MAP_FIXED, fd, 0);
	fd = call(v, "open", SYS_open, (long)"/proc/self/mem", O_RDWR, 0, 0, 0,
		  0);
	call(v, "pwrite", SYS_pwrite64, fd, (long)spoil, 64, at + 4096, 0, 0);
	call(v, "close", SYS_close, fd, 0, 0, 0, 0, 0);
	for (i = 0; i < 4; i++) {
		if (pthread_create(&thread, NULL, be_quiet, NULL))
			break;
		compute_or_call(v);
		call(v, "mprotect", SYS_mprotect, at, 4096, rnd(v) & 7, 0, 0, 0);
	}
	call(v, "munmap", SYS_munmap, at, 18 << 20, 0, 0, 0, 0);
	_exit(0);
}

static void run_guest_or_rest(struct vigil *v)
{
	if (now() < guests_end())
		run_guest(v);
	else
		sleep_ms(20);
}

static void (*const acts[KINDS])(struct vigil *v) = {
	compute, make_call, compute_or_call, run_guest_or_rest, be_born,
};

/* All registers of what was interrupted have to be as they were. */
static void on_signal(int signal, siginfo_t *info, void *context)
{
	const mcontext_t *mc = &((ucontext_t *)context)->uc_mcontext;
	uint64_t rip = mc->gregs[REG_RIP];
	unsigned int i, changed = 0;
	struct vigil *v = mine;

	(void)signal;
	(void)info;
	/* C does not expect AC. ID stays on: it would not come back by itself. */
	asm volatile("pushfq\nandq %0, (%%rsp)\npopfq" : : "i"(~FLAG_AC) :
		     "cc", "memory");
	if (rip < ADDRESS(pass_spin) || rip > ADDRESS(pass_end))
		return;
	if (v->pass == ADDRESS(pass_call))
		changed = 1 << RAX | 1 << RCX | 1 << R11;
	else if (v->pass == ADDRESS(pass_touch))
		changed = 1 << RSI | 1 << RCX;
	else
		changed = 1 << RDX | 1 << RCX;
	if (v->pass == ADDRESS(pass_walk))
		changed |= 1 << RSP;
	for (i = 0; i < REGS; i++)
		if (!(changed & 1 << i))
			same(v, ", as a handler sees it", reg_names[i], 0,
			     mc->gregs[reg_in_context[i]], v->regs[i]);
	/* RF is the business of whoever has interrupted it. */
	compare_flags(v, ", as a handler sees it", mc->gregs[REG_EFL] & ~0x10000);
	compare_fpu(v, ", as a handler sees it", (struct fpu *)mc->fpregs, false);
	__atomic_fetch_add(&shared->looks, 1, __ATOMIC_RELAXED);
}

static void tell_of_crash(const char *what, uint64_t value)
{
	char line[80], *to = line;

	to = put_text(to, "# crashed: ");
	to = put_name(to, what, 0);
	to = put_hex(to, value);
	*to++ = '\n';
	raw(SYS_write, 1, (long)line, to - line);
}

/*
 * The cause is most likely a base, RIP or RSP that is another's. So this uses
 * nothing that needs one of these.
 */
static void on_crash(int signal, siginfo_t *info, void *context)
{
	const mcontext_t *mc = &((ucontext_t *)context)->uc_mcontext;
	unsigned int i;

	tell_of_crash("the signal", signal);
	tell_of_crash("the address", (uintptr_t)info->si_addr);
	tell_of_crash("the error", mc->gregs[REG_ERR]);
	tell_of_crash("rip", mc->gregs[REG_RIP]);
	tell_of_crash("rflags", mc->gregs[REG_EFL]);
	tell_of_crash("cs, gs, fs, ss", mc->gregs[REG_CSGSFS]);
	for (i = 0; i < REGS; i++)
		tell_of_crash(reg_names[i], mc->gregs[reg_in_context[i]]);
	raw(SYS_exit_group, 3, 0, 0);
}

/* Moves to that CPU, if it is there. */
static void move_to(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static unsigned int cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

/* A stack for signal handlers: then a thread's own shows who else writes to it. */
static void use_stack(void)
{
	stack_t ss = { .ss_size = 1 << 16 };

	ss.ss_sp = malloc(ss.ss_size);
	need(ss.ss_sp);
	need(!sigaltstack(&ss, NULL));
}

static void *thread(void *arg)
{
	struct vigil *v = arg;

	mine = v;
	v->self = (uintptr_t)v;
	/* The C library has this at its FS base. */
	v->fs = pthread_self();
	need(!syscall(SYS_arch_prctl, ARCH_SET_GS, v));
	v->segments[CS] = USER_CS;
	v->segments[SS] = USER_DS;
	v->has_xsave = !!__builtin_cpu_supports("avx");
	use_stack();
	v->pages = mmap(NULL, TOUCHED * 4096, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(v->pages != MAP_FAILED);
	need(!pipe2(v->pipe, O_NONBLOCK));
	while (!shared->stop && !shared->faults[v->kind])
		acts[v->kind](v);
	return NULL;
}

static void handle(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = {
		.sa_sigaction = handler,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | flags,
	};

	need(!sigaction(signal, &sa, NULL));
}

/* Some of its threads stay on a CPU each, others go where they may. */
static void process(enum kind kind)
{
	unsigned int i, n = kind == COMPUTES ? cpus() : 2 * cpus();
	pthread_t *threads = calloc(n, sizeof(*threads));

	need(threads);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	handle(SIGUSR1, on_signal, 0);
	handle(SIGUSR2, on_signal, SA_RESTART);
	if (kind == COMPUTES)
		setpriority(PRIO_PROCESS, 0, 5);
	if (kind == BORN)
		n = 1;
	for (i = 0; i < n; i++) {
		struct vigil *v = aligned_alloc(64, sizeof(*v));

		need(v);
		memset(v, 0, sizeof(*v));
		v->kind = kind;
		v->random = 0x9e3779b97f4a7c15 * (kind * 64 + i + 1);
		if (i < cpus() && kind != BORN)
			move_to(i);
		need(!pthread_create(&threads[i], NULL, thread, v));
	}
	while (!shared->stop && !shared->faults[kind]) {
		sleep_ms(kind == SIGNALS ? 1 : 5);
		if (kind != SIGNALS && kind != GUESTS)
			continue;
		i = rand() % n;
		pthread_kill(threads[i], rand() & 1 ? SIGUSR1 : SIGUSR2);
	}
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

/* Its output is a subtest. */
static bool run_command(char **argv)
{
	char line[1024];
	int fds[2], status;
	pid_t pid;
	FILE *f;

	need(!pipe(fds));
	pid = fork();
	need(pid >= 0);
	if (!pid) {
		dup2(fds[1], 1);
		close(fds[0]);
		close(fds[1]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execv(argv[0], argv);
		_exit(127);
	}
	close(fds[1]);
	f = fdopen(fds[0], "r");
	need(f);
	while (fgets(line, sizeof(line), f)) {
		printf("    %s", line);
		fflush(stdout);
	}
	need(waitpid(pid, &status, 0) == pid);
	if (status)
		printf("# status %#x\n", status);
	return !status;
}

static bool is_emulated(void)
{
	unsigned int eax, name[3];

	__cpuid(1, eax, name[0], name[1], name[2]);
	if (!(name[1] & 1u << 31))
		return false;
	__cpuid(0x40000000, eax, name[0], name[1], name[2]);
	return !memcmp(name, "TCGTCGTCGTCG", sizeof(name));
}

static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };

static bool ends_well(enum kind kind, pid_t pid)
{
	int status;

	if (!wait_for(pid, &status, SOON)) {
		kill(pid, SIGKILL);
		printf("# it does not end\n");
		return false;
	}
	if (status)
		printf("# status %#x\n", status);
	printf("# %lu steps, %lu faults\n", shared->steps[kind],
	       shared->faults[kind]);
	if (kind == SIGNALS)
		printf("# %lu looks from handlers\n", shared->looks);
	return !status && shared->steps[kind] && !shared->faults[kind] &&
	       (kind != SIGNALS || shared->looks);
}

int main(int argc, char **argv)
{
	bool good, all = true;
	pid_t pids[KINDS];
	double seconds;
	int i, number = 0;
	char *rest;

	if (argc < 2)
		return 2;
	for (i = 0; i < (int)ARRAY_SIZE(crashes); i++)
		handle(crashes[i], on_crash, 0);
	use_stack();
	if (is_emulated())
		flags_unknown = FLAG_VIF | FLAG_VIP;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(shared != MAP_FAILED);
	seconds = strtod(argv[1], &rest);
	printf("KTAP version 1\n1..%d\n", KINDS + !!*rest);
	for (i = 0; i < KINDS; i++) {
		fflush(stdout);
		pids[i] = fork();
		need(pids[i] >= 0);
		if (!pids[i]) {
			process(i);
			case_end();
		}
	}
	if (*rest) {
		all = run_command(argv + 1);
		printf("%s %d %s\n", all ? "ok" : "not ok", ++number, argv[1]);
	} else {
		sleep_ms(seconds * 1000);
	}
	shared->stop = true;
	for (i = 0; i < KINDS; i++) {
		good = ends_well(i, pids[i]);
		all &= good;
		printf("%s %d %s\n", good ? "ok" : "not ok", ++number,
		       kind_names[i]);
	}
	return !all;
}
