// SPDX-License-Identifier: GPL-2.0
#include <linux/lguest_launcher.h>

#include "boot.h"
#include "cpu.h"
#include "early.h"
#include "paging.h"

/* Initialized, so not in .bss: there is no memset() here to clear that. */
struct boot_probe boot_probe = { .size = 1 };

static void probe(u32 addr)
{
	u32 *p = (u32 *)addr;
	u32 was;

	asm("" : "+r"(p));
	was = READ_ONCE(*p);
	WRITE_ONCE(*p, ~was);
	if (READ_ONCE(*p) != ~was)
		boot_probe.bad++;
	WRITE_ONCE(*p, was);
	boot_probe.good++;
}

static void probe_devices(u32 page)
{
	const struct lguest_device_desc *dev = (void *)page;
	const struct lguest_vqconfig *queue = (void *)dev->config;
	u32 i;

	boot_probe.device = dev->type;
	if (!dev->type)
		return;
	for (i = 0; i < dev->num_vq; i++)
		probe(queue[i].pfn * PAGE_SIZE);
}

/* What distributions' kernels do before they make their first hypercall */
static void access_system_registers(void)
{
	u32 low = BOOT_MARK, high = BOOT_MARK;

	asm volatile("movl %%cr0, %0" : "=r"(boot_probe.cr0));
	asm volatile("movl %%cr2, %0" : "=r"(boot_probe.cr2));
	asm volatile("movl %%cr3, %0" : "=r"(boot_probe.cr3));
	asm volatile("movl %%cr4, %0" : "=r"(boot_probe.cr4));
	/* The decompressor, to use the FPU */
	asm volatile("movl %0, %%cr0" : : "r"(boot_probe.cr0));
	/* The loader of microcode: platform, and revision */
	asm volatile("wrmsr" : : "c"(0x8b), "a"(0), "d"(0));
	/* These are inputs, too, so that rdmsr has something to replace. */
	asm volatile("rdmsr" : "+a"(low), "+d"(high) : "c"(0x17));
	boot_probe.msr_low = low;
	boot_probe.msr_high = high;
	asm volatile("movl %0, %%cr2" : : "r"(low));
	asm volatile("movl %0, %%cr4" : : "r"(low));
}

/* What they read back of the debug registers, counters, and by what UMIP makes fault */
static void read_others(void)
{
	u32 low = BOOT_MARK, high = BOOT_MARK;

	asm volatile("movl %%dr0, %0" : "=r"(boot_probe.dr0));
	asm volatile("movl %%dr6, %0" : "=r"(boot_probe.dr6));
	asm volatile("movl %%dr7, %0" : "=r"(boot_probe.dr7));
	asm volatile("rdpmc" : "+a"(low), "+d"(high) : "c"(0));
	boot_probe.pmc = low | high;
	boot_probe.stores_work = store_insns_work();
}

static void access_ports(void)
{
	u32 eax = 0x12345678, edi = (u32)&boot_probe.ins, esi = edi;

	asm volatile("cli; inb $0x71, %%al; outb %%al, $0x80" : "+a"(eax));
	boot_probe.port = eax;
	asm volatile("inb $0x64, %b0" : "+a"(eax));
	boot_probe.kbd_status = eax;
	asm volatile("cld; insl; outsl"
		     : "+D"(edi), "+S"(esi) : "d"(0x70) : "memory", "cc");
	boot_probe.ins_at = edi == esi ? edi - (u32)&boot_probe.ins : 0;
}

/* A variable of the kernel's at its own address, with no page tables */
static void touch_where_linked(void)
{
	u32 *there = (u32 *)(KERNEL_BASE + (u32)&boot_probe.linked);

	asm("" : "+r"(there));
	WRITE_ONCE(*there, BOOT_MARK);
}

void guest_early(void)
{
	u32 size = early_ram_size();

	boot_probe.size = size;
	probe(PAGE_SIZE * 2);
	probe(size / 2);
	probe(size - 4);
	WRITE_ONCE(*(u32 *)(size - 8), BOOT_MARK);
	probe_devices(size);

	access_ports();
	asm volatile("movl %0, 20" : : "r"(BOOT_MARK) : "memory");
	asm volatile("movl %%gs:20, %0" : "=r"(boot_probe.canary));
	asm volatile("movl %%fs:20, %0" : "=r"(boot_probe.canary_fs));
	access_system_registers();
	read_others();
	touch_where_linked();
}
