// SPDX-License-Identifier: GPL-2.0
/*
 * A guest for a test. Its memory is a real mapping in an address space that the
 * test's thread uses, as if it were a Launcher.
 */
#include <linux/eventfd.h>
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>

#include "../../../include/uapi/linux/lguest_launcher.h"
#include "../../../cpu.h"
#include "../../../guest/insn.h"
#include "guest.h"

static unsigned long map_memory(unsigned long len)
{
	return vm_mmap(NULL, 0, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, 0);
}

int guest_open(struct kunit *test)
{
	struct guest *g = kunit_kzalloc(test, sizeof(*g), GFP_KERNEL);

	if (!g)
		return -ENOMEM;
	g->test = test;
	xa_init(&g->cached);
	xa_init(&g->tlb_gens);
	g->mm = mm_alloc();
	if (!g->mm)
		return -ENOMEM;
	g->mm->task_size = TASK_SIZE;
	arch_pick_mmap_layout(g->mm, &current->signal->rlim[RLIMIT_STACK]);
	kthread_use_mm(g->mm);
	test->priv = g;

	lg_pte_nx = LG_PTE_NX;
	fake_cpu_budget = UINT_MAX;
	fake_cpu_umip = true;
	fake_host.budget = UINT_MAX;
	fake_host.lookup_error = 0;
	fake_host.looked_up = NULL;
	fake_host.unlocking = NULL;
	fake_host.resched = NULL;
	fake_host.time_read = NULL;
	g->memory = map_memory(END);
	g->words = map_memory(2 * PAGE_SIZE);
	if (IS_ERR_VALUE(g->memory) || IS_ERR_VALUE(g->words))
		return -ENOMEM;
	vm_munmap(g->words + PAGE_SIZE, PAGE_SIZE);
	g->lg = lg_create();
	return g->lg ? 0 : -ENOMEM;
}

int guest_initialize(struct kunit *test)
{
	int err = guest_open(test);
	struct guest *g = test->priv;
	ssize_t ret;

	if (err)
		return err;
	ret = guest_request(g, LHREQ_INITIALIZE, g->memory, PAGES, CODE);
	return ret < 0 ? ret : 0;
}

static void lay_out_tables(struct guest *g, u32 kernel)
{
	u32 gpa;

	guest_put32(g, TOP, USER_TABLE | P | W | U);
	guest_put32(g, OTHER_TOP, OTHER_USER_TABLE | P | W | U);
	guest_put32(g, TOP + (kernel >> 22) * 4, KERNEL_TABLE | P | W);
	guest_put32(g, OTHER_TOP + (kernel >> 22) * 4, KERNEL_TABLE | P | W);
	for (gpa = 0; gpa < END; gpa += PAGE_SIZE)
		guest_put32(g, KERNEL_TABLE + gpa / PAGE_SIZE * 4,
			    gpa | P | W);
}

int guest_create_at(struct kunit *test, u32 kernel)
{
	int err = guest_initialize(test);
	struct guest *g = test->priv;
	u8 status[LG_RING_ENTRIES];

	if (err)
		return err;
	memset(status, 0xff, sizeof(status));
	guest_put(g, DATA + DATA_STATUS, status, sizeof(status));
	guest_put32(g, DATA + DATA_KERNEL_ADDRESS, kernel);
	guest_put32(g, DATA + DATA_SYSCALL_VEC, 0x80);
	lay_out_tables(g, kernel);
	guest_hypercall(g, LGUEST_INIT, DATA, 0, 0);

	/* The flat segments of ring 3, and the stack for traps from there */
	guest_hypercall(g, LOAD_GDT_ENTRY, USER_CS / 8, 0xffff, 0x00cffa00);
	guest_hypercall(g, LOAD_GDT_ENTRY, USER_DS / 8, 0xffff, 0x00cff200);
	guest_hypercall(g, SET_STACK, LG_KERNEL_DS, kernel + STACK, 2);
	g->lg->regs->esp = STACK;
	return lg_is_dead(g->lg) ? -EINVAL : 0;
}

int guest_create(struct kunit *test)
{
	return guest_create_at(test, KERNEL);
}

int guest_page(struct kunit *test)
{
	int err = guest_create(test);
	struct guest *g = test->priv;

	if (err)
		return err;
	guest_hypercall(g, NEW_PGTABLE, TOP, 0, 0);
	g->lg->regs->eip = KERNEL + CODE;
	g->lg->regs->esp = KERNEL + STACK;
	return lg_is_dead(g->lg) ? -EINVAL : 0;
}

void guest_free(struct kunit *test)
{
	struct guest *g = test->priv;

	if (!g)
		return;
	if (g->lg)
		lg_destroy(g->lg);
	xa_destroy(&g->cached);
	xa_destroy(&g->tlb_gens);
	KUNIT_EXPECT_EQ(test, fake_cpu_allocated, 0);
	fake_cpu_allocated = 0;
	KUNIT_EXPECT_EQ(test, fake_host.allocated, 0);
	fake_host.allocated = 0;
	/* After a failed assertion the test's thread is gone; this is another. */
	if (current->mm == g->mm) {
		kthread_unuse_mm(g->mm);
		mmput(g->mm);
	}
}

ssize_t guest_write(struct guest *g, const unsigned long *words, size_t size)
{
	char __user *buf = (char __user *)g->words;

	KUNIT_ASSERT_EQ(g->test, 0, copy_to_user(buf, words, size));
	return lg_request(g->lg, buf, size);
}

void guest_do_hypercalls(struct guest *g)
{
	/* Like the run loop, but go on whatever else this thread should do. */
	while (g->lg->hcall_pending && !g->lg->pending.trap &&
	       !lg_is_dead(g->lg)) {
		lg_do_hypercalls(g->lg);
		cond_resched();
	}
}

void guest_hypercall(struct guest *g, u32 nr, u32 arg1, u32 arg2, u32 arg3)
{
	struct lg_regs *regs = g->lg->regs;

	regs->eax = nr;
	regs->ebx = arg1;
	regs->ecx = arg2;
	regs->edx = arg3;
	guest_trap(g, LG_VECTOR_HYPERCALL, 0);
	KUNIT_EXPECT_TRUE(g->test, g->lg->hcall_pending);
	guest_do_hypercalls(g);
	guest_walk_all(g);
}

void guest_take_irqs(struct guest *g)
{
	u32 irq;

	for (irq = 0; irq < 3; irq++)
		guest_hypercall(g, LOAD_IDT_ENTRY, LG_VECTOR_IRQ_BASE + irq,
				LG_KERNEL_CS << 16 | irq * 16, 0xc0108e00);
	guest_put32(g, DATA + DATA_IRQ_ENABLED, IF);
}

void guest_ring_add(struct guest *g, unsigned int slot, u32 nr, u32 arg1,
		    u32 arg2, u32 arg3)
{
	const u32 call[] = { nr, arg1, arg2, arg3, 0 };
	const u8 pending = 0;

	guest_put(g, DATA + DATA_RING + slot * sizeof(call), call,
		  sizeof(call));
	guest_put(g, DATA + DATA_STATUS + slot, &pending, 1);
}

void guest_trap(struct guest *g, u32 vector, u32 error_code)
{
	g->lg->regs->vector = vector;
	g->lg->regs->error_code = error_code;
	lg_handle_trap(g->lg);
}

bool guest_emulate_insn(struct guest *g)
{
	struct lg_insn insn;

	return lg_decode_insn(g->lg, &insn) && lg_emulate_insn(g->lg, &insn);
}

void guest_go_user(struct guest *g, u32 eip, u32 esp)
{
	struct lg_regs *regs = g->lg->regs;

	regs->cs = USER_CS;
	regs->ss = USER_DS;
	regs->ds = USER_DS;
	regs->es = USER_DS;
	regs->eip = eip;
	regs->esp = esp;
}

u64 guest_shadow_in(struct guest *g, struct lg_root *root, u32 gva)
{
	const u64 way = LG_PTE_PRESENT | LG_PTE_WRITE | LG_PTE_USER |
			lg_pte_encryption;
	u64 *table = root->top[0];
	int shift;

	for (shift = 39; shift > PAGE_SHIFT; shift -= 9) {
		u64 entry = table[((u64)gva >> shift) % LG_TABLE_ENTRIES];

		if (!(entry & LG_PTE_PRESENT))
			return 0;
		KUNIT_ASSERT_EQ(g->test, entry & way, way);
		table = phys_to_virt(entry & LG_PTE_PFN & ~lg_pte_encryption);
	}
	return table[(gva >> PAGE_SHIFT) % LG_TABLE_ENTRIES];
}

u64 guest_shadow(struct guest *g, u32 gva)
{
	return guest_shadow_in(g, g->lg->mmu.root, gva);
}

int guest_eventfd(struct guest *g)
{
	int fd = sys_eventfd2(0, EFD_NONBLOCK);

	KUNIT_ASSERT_GE(g->test, fd, 0);
	return fd;
}

u64 guest_eventfd_count(struct guest *g, int fd)
{
	char __user *buf = (char __user *)g->words;
	u64 count;

	if (ksys_read(fd, buf, sizeof(count)) == -EAGAIN)
		return 0;
	KUNIT_ASSERT_EQ(g->test, 0, copy_from_user(&count, buf, sizeof(count)));
	return count;
}
