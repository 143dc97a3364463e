// SPDX-License-Identifier: GPL-2.0
#include "alloc.h"
#include "fuzz.h"
#include "hypercall.h"
#include "layout.h"
#include "string.h"

#define FLAGS_VM	0x00020000

static u32 state;

void random_start(u32 seed, u32 step)
{
	state = seed * 0x9e3779b1 ^ (step + 1) * 0x85ebca6b;
	if (!state)
		state = 1;
	/* Neighbours should not look alike. */
	rnd();
	rnd();
	rnd();
}

/* Marsaglia's xorshift */
u32 rnd(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state * 0x2c1b3c6d;
}

u32 below(u32 n)
{
	return (u64)rnd() * n >> 32;
}

bool one_in(u32 n)
{
	return !below(n);
}

bool dare(void)
{
	switch (mood) {
	case CAREFUL:
		return false;
	case BOLD:
		return one_in(200);
	default:
		return one_in(5);
	}
}

static u32 one_of(const u32 *values, u32 count)
{
	return values[below(count)];
}

/* Just before, at, or just behind. */
static u32 about(u32 value)
{
	switch (below(6)) {
	case 0:
		return value - 1 - below(16);
	case 1:
		return value + below(PAGE_SIZE);
	case 2:
		return value + PAGE_SIZE - 1 - below(128);
	default:
		return value;
	}
}

u32 any_frame(void)
{
	const u32 frames[] = {
		0, pa(kernel_top), pa(fuzz_top), pa(boot_ptes), pa(user_code),
		pa(kernel_code), pa(spare_page), pa(&lguest_data), ram_size(),
		ram_size() + PAGE_SIZE, ram_size() - PAGE_SIZE,
	};

	if (one_in(3))
		return below(ram_size()) & PAGE_MASK;
	return one_of(frames, ARRAY_SIZE(frames)) & PAGE_MASK;
}

u32 any_gpa(void)
{
	const u32 edges[] = {
		0, ram_size(), ram_size() + 0x400000, 0xfffff000, ~0u,
		0x80000000, KERNEL_BASE, kernel_end(),
	};

	switch (below(8)) {
	case 0:
	case 1:
		return about(one_of(edges, ARRAY_SIZE(edges)));
	case 2:
		return rnd();
	case 3:
		return any_frame();
	default:
		return about(any_frame());
	}
}

u32 any_gva(void)
{
	const u32 edges[] = {
		0, KERNEL_BASE, KERNEL_BASE + ram_size(), 0xfffff000, ~0u,
		SCRATCH_BASE, SCRATCH_BASE + SCRATCH_SIZE, USER_BASE,
		USER_HEAP, USER_STACK_TOP, 0x80000000, 0xffc00000,
		(u32)user_code, (u32)kernel_code, (u32)&lguest_data,
	};

	switch (below(4)) {
	case 0:
		return rnd();
	case 1:
		return SCRATCH_BASE + below(SCRATCH_SIZE);
	default:
		return about(one_of(edges, ARRAY_SIZE(edges)));
	}
}

u32 any_word(void)
{
	switch (below(6)) {
	case 0:
		return rnd();
	case 1:
		return any_gpa();
	case 2:
		return any_gva();
	case 3:
		return 1u << below(32);
	case 4:
		return -1u << below(32);
	default:
		return below(64);
	}
}

u32 any_selector(void)
{
	static const u32 known[] = {
		0, 3, KERNEL_CS, KERNEL_DS, USER_CS, USER_DS, 0x10, 0x18,
		SPARE_SEL(1), SPARE_SEL(3), TLS_SEL(0), TLS_SEL(2), 0x40,
		0x80, 0x88, 0xf8, 0x100, 0xfff8,
	};

	switch (below(6)) {
	case 0:
		return rnd() & 0xffff;
	case 1:
		return below(33) << 3 | below(8);
	case 2:
		return one_of(known, ARRAY_SIZE(known)) ^ below(4);
	default:
		return one_of(known, ARRAY_SIZE(known));
	}
}

/*
 * QEMU's iret enters virtual-8086 mode from any ring, and even below a 64-bit
 * kernel. On a CPU, the VM flag is ignored there (SDM volume 2, IRET).
 */
static u32 without_vm(u32 flags)
{
	static const char tcg[] = "TCGTCGTCGTCG";
	u32 eax = 0x40000000, name[3];

	asm volatile("cpuid"
		     : "+a"(eax), "=b"(name[0]), "=c"(name[1]), "=d"(name[2]));
	return memcmp(name, tcg, sizeof(name)) ? flags : flags & ~FLAGS_VM;
}

u32 any_flags(void)
{
	static const u32 bits[] = {
		FLAGS_TF, FLAGS_IF, FLAGS_DF, FLAGS_NT, FLAGS_AC, 0x1000,
		0x3000, 0x10000, FLAGS_VM, 0x80000, 0x100000, 0x200000,
	};
	u32 flags = FLAGS_FIXED, n = below(4);

	if (one_in(8))
		return without_vm(rnd());
	while (n--)
		flags |= one_of(bits, ARRAY_SIZE(bits));
	return without_vm(flags);
}

pte_t any_pte(void)
{
	pte_t pte = any_frame() | (rnd() & 0xf7f);

	if (!one_in(4))
		pte |= PTE_P;
	if (one_in(2))
		pte |= PTE_W | PTE_U;
	if (dare())
		pte = (pte & 0xfff) | (any_gpa() & PAGE_MASK) |
		      (rnd() & PTE_PSE);
#ifdef PAE
	if (one_in(4))
		pte |= PTE_NX;
	if (dare())
		pte |= (u64)rnd() << 32;
#endif
	return pte;
}
