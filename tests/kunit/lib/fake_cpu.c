// SPDX-License-Identifier: GPL-2.0
/*
 * The processor of the KUnit build: it implements cpu.h in place of x86/, and lets
 * the tests see what was called. Entering the guest runs a function.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/slab.h>

#include "../../../cpu.h"
#include "guest.h"

/* Not 0, so that code shows that forgets to add it to an entry, or to remove it */
u64 lg_pte_encryption = BIT_ULL(47);
u64 lg_pte_nx = LG_PTE_NX;

unsigned int fake_cpu_budget = UINT_MAX;
unsigned int fake_cpu_allocated;
bool fake_cpu_ready;
bool fake_cpu_umip = true;

static bool may_allocate(void)
{
	if (!fake_cpu_budget)
		return false;
	if (fake_cpu_budget != UINT_MAX)
		fake_cpu_budget--;
	fake_cpu_allocated++;
	return true;
}

int lg_cpu_init(void)
{
	if (!fake_cpu_budget)
		return -ENOMEM;
	fake_cpu_ready = true;
	return 0;
}

void lg_cpu_exit(void)
{
	WARN_ON(!fake_cpu_ready);
	fake_cpu_ready = false;
}

int lg_vcpu_init(struct lguest *lg)
{
	struct lg_vcpu *vcpu;

	if (!may_allocate())
		return -ENOMEM;
	vcpu = kzalloc(sizeof(*vcpu), GFP_KERNEL | __GFP_NOFAIL);
	vcpu->regs.cs = LG_KERNEL_CS;
	vcpu->regs.ss = LG_KERNEL_DS;
	vcpu->regs.ds = LG_KERNEL_DS;
	vcpu->regs.es = LG_KERNEL_DS;
	lg->vcpu = vcpu;
	lg->regs = &vcpu->regs;
	lg->gdt = vcpu->gdt;
	lg->direct_map = vcpu->direct_map;
	return 0;
}

void lg_vcpu_free(struct lguest *lg)
{
	fake_cpu_allocated--;
	kfree(lg->vcpu);
}

void lg_vcpu_load(struct lguest *lg)
{
	WARN_ON(lg->vcpu->loaded);
	lg->vcpu->loaded = true;
	lg->vcpu->away = true;
}

void lg_vcpu_put(struct lguest *lg)
{
	WARN_ON(!lg->vcpu->loaded);
	lg->vcpu->loaded = false;
}

bool lg_vcpu_was_away(struct lguest *lg)
{
	if (lg->vcpu->prepare)
		lg->vcpu->prepare(lg);
	return lg->vcpu->away;
}

void lg_vcpu_enter(struct lguest *lg)
{
	struct lg_vcpu *vcpu = lg->vcpu;

	WARN_ON(!vcpu->loaded || !irqs_disabled());
	WARN_ON(lg->hcall_pending);
	WARN_ON(!(lg->regs->cs & 3) || !(lg->regs->ss & 3));
	vcpu->entered++;
	vcpu->away = false;
	lg->regs->vector = LG_VECTOR_NONE;
	lg->regs->error_code = 0;
	if (vcpu->run)
		vcpu->run(lg);
}

void lg_vcpu_kick_and_wait(struct lguest *lg)
{
	lg->vcpu->kicks++;
}

void lg_vcpu_host_fault(struct lguest *lg)
{
	lg->vcpu->host_faults++;
}

void lg_vcpu_wants_fpu(struct lguest *lg)
{
	lg->vcpu->wants_fpu++;
}

void lg_vcpu_update_handlers(struct lguest *lg)
{
	lg->vcpu->handler_updates++;
}

void lg_vcpu_move_stack(struct lguest *lg)
{
	lg->vcpu->stack_moves++;
}

void lg_vcpu_update_walk(struct lguest *lg)
{
	lg->vcpu->walk_updates++;
}

bool lg_vcpu_fault_in_segment_load(struct lguest *lg)
{
	return lg->vcpu->segment_load;
}

u32 lg_cpu_tsc_khz(void)
{
	return 1234567;
}

bool lg_cpu_has_umip(void)
{
	return fake_cpu_umip;
}

bool lg_vcpu_read_tsc(struct lguest *lg, u64 *tsc)
{
	*tsc = lg->vcpu->tsc;
	return lg->vcpu->tsc;
}

int lg_root_map_upper(struct lguest *lg, struct lg_root *root)
{
	if (!may_allocate())
		return -ENOMEM;
	root->top[0] = (u64 *)get_zeroed_page(GFP_KERNEL | __GFP_NOFAIL);
	root->top[0][0] = virt_to_phys(root->pdpt) | lg_pte_encryption |
			  LG_PTE_PRESENT | LG_PTE_WRITE | LG_PTE_USER;
	root->levels = 1;
	return 0;
}

void lg_root_unmap_upper(struct lg_root *root)
{
	fake_cpu_allocated--;
	free_page((unsigned long)root->top[0]);
}
