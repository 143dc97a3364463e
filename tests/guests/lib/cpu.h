/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GUEST_CPU_H
#define GUEST_CPU_H

#include "types.h"

#define CPUID1_EDX_TSC	0x00000010
#define CPUID1_EDX_FXSR	0x01000000
#define CPUID1_EDX_SSE2	0x04000000

static inline u32 cpuid1_edx(void)
{
	u32 eax = 1, ebx, ecx, edx;

	asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	return edx;
}

static inline u64 rdtsc(void)
{
	u64 tsc;

	asm volatile("rdtsc" : "=A"(tsc));
	return tsc;
}

static inline u32 read_flags(void)
{
	u32 flags;

	asm volatile("pushfl; popl %0" : "=r"(flags));
	return flags;
}

/*
 * Whether SGDT, SIDT, SLDT, STR and SMSW tell what they may. Without UMIP it is the
 * CPU that tells, with UMIP the host, whose tables of that kind have a limit of 0.
 */
static inline bool store_insns_work(void)
{
	struct { u16 limit; u32 base; } __attribute__((packed)) gdt, idt;
	u32 ldt = 0x5555, tr = 0x5555, msw;
	bool umip;

	asm volatile("sgdt %0" : "=m"(gdt));
	asm volatile("sidt %0" : "=m"(idt));
	asm volatile("sldt %0" : "=m"(*(u16 *)&ldt));
	asm volatile("strl %0" : "=r"(tr));
	asm volatile("smswl %0" : "=r"(msw));
	umip = !idt.limit;
	if (ldt || !tr || (msw & 0x21) != 0x21 || (umip != !gdt.limit))
		return false;
	return !umip || (gdt.base == 0xfffe0000 && idt.base == 0xffff0000 &&
			 tr == 0x80 && msw == 0x80050033);
}

static inline u32 read_gs(void)
{
	u32 sel;

	asm volatile("movl %%gs, %0" : "=r"(sel));
	return sel;
}

static inline void load_gs(u32 sel)
{
	asm volatile("movl %0, %%gs" : : "r"(sel) : "memory");
}

static inline u32 read_gs_word(u32 offset)
{
	u32 value;

	asm volatile("movl %%gs:(%1), %0" : "=r"(value) : "r"(offset));
	return value;
}

#endif /* GUEST_CPU_H */
