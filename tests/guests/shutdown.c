// SPDX-License-Identifier: GPL-2.0
/*
 * One way to die per word on the command line. shutdown.cases says what the
 * Launcher should see of each.
 */
#include <linux/lguest_launcher.h>

#include "alloc.h"
#include "console.h"
#include "hypercall.h"
#include "irq.h"
#include "paging.h"
#include "printf.h"
#include "segments.h"
#include "setup.h"
#include "shutdown.h"
#include "string.h"
#include "task.h"
#include "traps.h"
#include "virtio.h"

#define BEYOND	0x60000000

static void die_restart(void)
{
	reboot();
}

static void die_message_empty(void)
{
	static const char message[128];

	shutdown(message, SHUTDOWN_POWEROFF);
}

static void die_message_long(void)
{
	static char message[256];

	memset(message, 'x', sizeof(message) - 1);
	shutdown(message, SHUTDOWN_POWEROFF);
}

/* Memory ends behind the last device's last vring. */
static u32 memory_end(void)
{
	const struct lguest_device_desc *dev = virtio_find(VIRTIO_CONSOLE);
	const struct lguest_vqconfig *queue = (const void *)dev->config;
	u32 used = queue[1].num * 18 + 6;

	used = (used + LGUEST_VRING_ALIGN - 1) & -(u32)LGUEST_VRING_ALIGN;
	used += 6 + queue[1].num * 8;
	used = (used + PAGE_SIZE - 1) & PAGE_MASK;
	return queue[1].pfn * PAGE_SIZE + used;
}

static void die_command_line(void)
{
	panic("%s", command_line());
}

/* Linux ends this message with a newline. */
static void die_init(void)
{
	static const char message[] = "Attempted to kill init! exitcode=0x0000000b\n";

	shutdown(message, SHUTDOWN_POWEROFF);
}

static void die_message_at_end(void)
{
	static const char message[] = "at the end";
	u32 end = memory_end();

	map_device_page(end - PAGE_SIZE);
	memcpy(va(end - sizeof(message)), message, sizeof(message));
	hcall2(LHCALL_SHUTDOWN, end - sizeof(message), SHUTDOWN_POWEROFF);
}

static void die_message_beyond(void)
{
	hcall2(LHCALL_SHUTDOWN, BEYOND, SHUTDOWN_POWEROFF);
}

static void die_message_wrap(void)
{
	hcall2(LHCALL_SHUTDOWN, 0xfffffff0, SHUTDOWN_POWEROFF);
}

static void die_hypercall_77(void)
{
	hcall0(77);
}

static void die_hypercall_ring(void)
{
	async_hcall(78, 0, 0, 0, 0);
	hcall0(LHCALL_FLUSH_ASYNC);
}

static void die_hypercall_3(void)
{
	hcall0(3);
}

static void die_second_init(void)
{
	hcall1(LHCALL_LGUEST_INIT, pa(&lguest_data));
}

static void use_pte(pte_t pte)
{
	*pte_entry(kernel_top, SCRATCH_BASE) = pte;
	READ_ONCE(*(u32 *)SCRATCH_BASE);
}

static void die_pte_beyond(void)
{
	use_pte(BEYOND | PTE_P | PTE_W);
}

static void die_pte_beyond_told(void)
{
	set_pte(kernel_top, SCRATCH_BASE, BEYOND | PTE_KERNEL);
	READ_ONCE(*(u32 *)SCRATCH_BASE);
}

static void die_pte_pse(void)
{
	use_pte(0x200000 | PTE_P | PTE_W | PTE_PSE);
}

static void use_pde(pte_t pde)
{
	pte_t *top = top_new();

	load_top(top);
	set_pde(top, USER_HEAP, pde);
	READ_ONCE(*(u32 *)USER_HEAP);
}

static void die_pde_beyond(void)
{
	use_pde(BEYOND | PDE_USER);
}

static void die_pde_pse(void)
{
	use_pde(PDE_USER | PTE_PSE);
}

static void die_table_beyond(void)
{
	hcall1(LHCALL_NEW_PGTABLE, BEYOND);
	READ_ONCE(*(u32 *)SCRATCH_BASE);
}

static void die_unhandled_trap(void)
{
	clear_gate(TRAP_UD);
	asm volatile("ud2");
}

static void die_unhandled_fault(void)
{
	clear_gate(TRAP_PF);
	READ_ONCE(*(u32 *)(SCRATCH_BASE + 0x1230));
}

static void die_unhandled_gp(void)
{
	clear_gate(TRAP_GP);
	asm volatile("movl %0, %%gs" : : "r"(0x1ff8));
}

static void die_hlt(void)
{
	irq_disable();
	asm volatile("hlt");
}

static void die_reset(void)
{
	asm volatile("outb %%al, $0x64" : : "a"(0xfe));
}

static void die_kexec(void)
{
	asm volatile("movl %0, %%ss" : : "r"(KERNEL_DS & ~3));
}

static void die_wake(void)
{
	asm volatile("movl %0, %%cr3" : : "r"(0));
}

/* The bits of the reset are set one after the other. */
static void die_reset_chipset(void)
{
	asm volatile("outb %%al, %%dx" : : "a"(0x02), "d"(0xcf9));
	asm volatile("outb %%al, %%dx" : : "a"(0x06), "d"(0xcf9));
}

/* Linux does this on its way to real mode and the BIOS. */
static void die_reset_bios(void)
{
	static const u32 real_mode_idt[2] = { 0x3ff };

	asm volatile("lidt %0" : : "m"(real_mode_idt));
}

static void die_no_handlers(void)
{
	u32 i;

	for (i = 0; i < 256; i++)
		clear_gate(i);
	asm volatile("movl %0, %%cr3" : : "a"(0x1000));
}

static void die_idt_type(void)
{
	hcall3(LHCALL_LOAD_IDT_ENTRY, 50, 0, 0x8500);
}

static void die_idt_number(void)
{
	hcall3(LHCALL_LOAD_IDT_ENTRY, 256, 0, 0x8e00);
}

static void die_gdt_number(void)
{
	hcall3(LHCALL_LOAD_GDT_ENTRY, 32, 0, 0);
}

static void die_stack_rpl(void)
{
	hcall3(LHCALL_SET_STACK, KERNEL_DS & ~3, SCRATCH_BASE, 1);
}

static void die_stack_pages(void)
{
	hcall3(LHCALL_SET_STACK, KERNEL_DS, (u32)bss_end, 3);
}

/* Have ring 3 trap onto whatever SET_STACK was told last. */
static void use_stack(void)
{
	struct task *task = task_new(prog_ud2, 0);

	load_top(task->top);
	asm volatile("pushl %[ds]\n"
		     "pushl %[esp]\n"
		     "pushl %[flags]\n"
		     "pushl %[cs]\n"
		     "pushl %[eip]\n"
		     "iret\n"
		     : : [ds] "i"(USER_DS), [esp] "i"(USER_STACK_TOP - 256),
			 [flags] "i"(FLAGS_IF | FLAGS_FIXED),
			 [cs] "i"(USER_CS), [eip] "r"(prog_ud2)
		     : "memory");
}

static void die_stack_absent(void)
{
	hcall3(LHCALL_SET_STACK, KERNEL_DS, SCRATCH_BASE + PAGE_SIZE, 1);
	use_stack();
}

/* The stack is there at SET_STACK, but not when ring 3 needs it. */
static void die_stack_gone(void)
{
	set_pte(kernel_top, SCRATCH_BASE, pa(alloc_page()) | PTE_KERNEL);
	hcall3(LHCALL_SET_STACK, KERNEL_DS, SCRATCH_BASE + PAGE_SIZE, 1);
	set_pte(kernel_top, SCRATCH_BASE, 0);
	use_stack();
}

/* Ring 1 faults, and there's no stack to tell it on. */
static void die_no_stack(void)
{
	asm volatile("movl %0, %%esp\n"
		     "ud2\n"
		     : : "r"(SCRATCH_BASE + 0x800));
}

static void die_stack_wraps(void)
{
	asm volatile("xorl %esp, %esp\n"
		     "ud2\n");
}

static void die_notify_beyond(void)
{
	hcall1(LHCALL_NOTIFY, BEYOND);
}

static void die_notify_string(void)
{
	hcall1(LHCALL_NOTIFY, pa("still here\n"));
	power_off();
}

static void die_spin(void)
{
	irq_disable();
	for (;;)
		barrier();
}

static void die_spin_user(void)
{
	struct task_end end;

	task_run(prog_spin, 0, &end);
}

static void die_hypercall_loop(void)
{
	for (;;)
		hcall0(LHCALL_FLUSH_ASYNC);
}

static void die_notify_loop(void)
{
	for (;;)
		hcall1(LHCALL_NOTIFY, pa(""));
}

static void die_fault_loop(void)
{
	/* The page fault's own handler is not there. */
	set_gate_to(TRAP_PF, (void (*)(void))SCRATCH_BASE, GATE_INTERRUPT, 0);
	READ_ONCE(*(u32 *)SCRATCH_BASE);
}

/* The same by int3, which need not come out for it, until the stack is used up */
static void die_breakpoint_loop(void)
{
	u8 *page = alloc_page();

	page[0] = 0xcc;
	set_gate_to(TRAP_BP, (void (*)(void))page, GATE_INTERRUPT, 3);
	asm volatile("int3");
}

static void die_trap_loop(void)
{
	u8 *page = alloc_page();

	/* ud2's handler is a ud2 itself: it traps until the stack is used up. */
	page[0] = 0x0f;
	page[1] = 0x0b;
	set_gate_to(TRAP_UD, (void (*)(void))page, GATE_INTERRUPT, 0);
	asm volatile("ud2");
}

static void die_sleep(void)
{
	irq_disable();
	WRITE_ONCE(lguest_data.blocked_interrupts, ~0u);
	for (;;)
		hcall0(LHCALL_HALT);
}

static void far_call(void *arg)
{
	(void)arg;
	asm volatile("lcall %0, $0" : : "i"(SPARE_SEL(1)) : "memory");
}

/*
 * A system descriptor would open a way into ring 0: use it, if the host has let
 * us have it.
 */
static void use_gate(u8 access)
{
	struct trap_info info;
	u32 addr = (u32)trap_exit;

	/* A gate to the host's code segment, at an address of ours. */
	set_gdt(SPARE_ENTRY, (struct desc) {
		(2 << 3) << 16 | (addr & 0xffff),
		(addr & 0xffff0000) | access << 8,
	});
	if (!try_call(far_call, NULL, &info))
		panic("the gate opened");
	printf("trap %u error %x\n", info.regs.vector, info.regs.error);
	power_off();
}

/* Go out and in many times, with whatever was done before. */
static void go_on(void)
{
	u32 i;

	for (i = 0; i < 10000; i++)
		hcall0(LHCALL_FLUSH_ASYNC);
	power_off();
}

static void die_call_gate(void)
{
	use_gate(SEG_PRESENT | SEG_DPL(3) | 0xc);
}

static void die_task_gate(void)
{
	use_gate(SEG_PRESENT | SEG_DPL(3) | 0x5);
}

static void die_tss(void)
{
	use_gate(SEG_PRESENT | SEG_DPL(3) | 0x9);
}

static void die_cs_gone(void)
{
	set_gdt(KERNEL_CS >> 3, (struct desc) { 0, 0 });
	go_on();
}

static void die_ds_gone(void)
{
	set_gdt(KERNEL_DS >> 3, (struct desc) { 0, 0 });
	go_on();
}

static void die_gs_gone(void)
{
	set_gdt(SPARE_ENTRY, make_desc(0, ~0u, SEG_PRESENT | SEG_DATA |
				       SEG_DPL(1)));
	asm volatile("movl %0, %%gs" : : "r"(SPARE_SEL(1)));
	set_gdt(SPARE_ENTRY, (struct desc) { 0, 0 });
	go_on();
}

static void die_data_moves(void)
{
	/* What the host needs of this, it took at LGUEST_INIT. */
	memset(&lguest_data, 0xff, sizeof(lguest_data));
	hcall0(LHCALL_FLUSH_ASYNC);
	hcall2(LHCALL_SHUTDOWN, pa("after all"), SHUTDOWN_POWEROFF);
}

static void die_ring_garbage(void)
{
	u32 i;

	for (i = 0; i < RING_SIZE; i++) {
		lguest_data.hcalls[i].nr = 0xdead0000 + i;
		WRITE_ONCE(lguest_data.hcall_status[i], RING_PENDING);
	}
	hcall0(LHCALL_FLUSH_ASYNC);
}

static const struct {
	const char *word;
	void (*die)(void);
} deaths[] = {
	{ "poweroff", power_off },
	{ "restart", die_restart },
	{ "command-line", die_command_line },
	{ "init-dies", die_init },
	{ "message-empty", die_message_empty },
	{ "message-long", die_message_long },
	{ "message-at-end", die_message_at_end },
	{ "message-beyond", die_message_beyond },
	{ "message-wrap", die_message_wrap },
	{ "hypercall-77", die_hypercall_77 },
	{ "hypercall-ring", die_hypercall_ring },
	{ "hypercall-3", die_hypercall_3 },
	{ "second-init", die_second_init },
	{ "pte-beyond", die_pte_beyond },
	{ "pte-beyond-told", die_pte_beyond_told },
	{ "pte-pse", die_pte_pse },
	{ "pde-beyond", die_pde_beyond },
	{ "pde-pse", die_pde_pse },
	{ "table-beyond", die_table_beyond },
	{ "unhandled-trap", die_unhandled_trap },
	{ "unhandled-fault", die_unhandled_fault },
	{ "unhandled-gp", die_unhandled_gp },
	{ "hlt", die_hlt },
	{ "reset", die_reset },
	{ "reset-chipset", die_reset_chipset },
	{ "kexec", die_kexec },
	{ "wake", die_wake },
	{ "reset-bios", die_reset_bios },
	{ "no-handlers", die_no_handlers },
	{ "idt-type", die_idt_type },
	{ "idt-number", die_idt_number },
	{ "gdt-number", die_gdt_number },
	{ "stack-rpl", die_stack_rpl },
	{ "stack-pages", die_stack_pages },
	{ "stack-absent", die_stack_absent },
	{ "stack-gone", die_stack_gone },
	{ "no-stack", die_no_stack },
	{ "stack-wraps", die_stack_wraps },
	{ "notify-beyond", die_notify_beyond },
	{ "notify-string", die_notify_string },
	{ "spin", die_spin },
	{ "spin-user", die_spin_user },
	{ "hypercall-loop", die_hypercall_loop },
	{ "notify-loop", die_notify_loop },
	{ "fault-loop", die_fault_loop },
	{ "trap-loop", die_trap_loop },
	{ "breakpoint-loop", die_breakpoint_loop },
	{ "sleep", die_sleep },
	{ "call-gate", die_call_gate },
	{ "task-gate", die_task_gate },
	{ "tss", die_tss },
	{ "cs-gone", die_cs_gone },
	{ "ds-gone", die_ds_gone },
	{ "gs-gone", die_gs_gone },
	{ "data-moves", die_data_moves },
	{ "ring-garbage", die_ring_garbage },
};

/* The user's: the Launcher may have put others before it. */
static const char *last_word(const char *line)
{
	const char *word = line;

	for (; *line; line++)
		if (*line == ' ')
			word = line + 1;
	return word;
}

void guest_main(void)
{
	const char *word = last_word(command_line());
	u32 i;

	for (i = 0; i < ARRAY_SIZE(deaths); i++) {
		if (!word_is(word, deaths[i].word))
			continue;
		/* This comes again after each restart. */
		printf("# %s\n", deaths[i].word);
		deaths[i].die();
		panic("survived %s", deaths[i].word);
	}
	panic("no way to die by the name of \"%s\"", word);
}
