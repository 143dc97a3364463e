// SPDX-License-Identifier: GPL-2.0
/*
 * The host's memory management in the KUnit build: the kernel's own, but a test can
 * have it fail, and it counts what is not freed.
 */
#include "fake_host.h"

#undef kzalloc
#undef kfree
#undef kvzalloc
#undef kvfree
#undef get_zeroed_page
#undef ida_alloc_range
#undef xa_insert
#undef mmu_notifier_register
#undef get_user_pages_fast
#undef spin_unlock
#undef ktime_get_real_ts64

struct fake_host fake_host;

static bool may_allocate(gfp_t gfp)
{
	if (fake_host.budget == UINT_MAX || gfp & __GFP_NOFAIL)
		return true;
	if (!fake_host.budget)
		return false;
	fake_host.budget--;
	return true;
}

void *fake_kzalloc(size_t size, gfp_t gfp)
{
	void *p = may_allocate(gfp) ? kzalloc(size, gfp) : NULL;

	fake_host.allocated += !!p;
	return p;
}

void fake_kfree(const void *p)
{
	fake_host.allocated -= !!p;
	kfree(p);
}

void *fake_kvzalloc(size_t size, gfp_t gfp)
{
	void *p = may_allocate(gfp) ? kvzalloc(size, gfp) : NULL;

	fake_host.allocated += !!p;
	return p;
}

void fake_kvfree(const void *p)
{
	fake_host.allocated -= !!p;
	kvfree(p);
}

unsigned long fake_get_zeroed_page(gfp_t gfp)
{
	unsigned long page = may_allocate(gfp) ? get_zeroed_page(gfp) : 0;

	fake_host.allocated += !!page;
	return page;
}

void fake_free_page(unsigned long page)
{
	fake_host.allocated -= !!page;
	free_pages(page, 0);
}

int fake_ida_alloc_range(struct ida *ida, unsigned int min, unsigned int max,
			 gfp_t gfp)
{
	return may_allocate(gfp) ? ida_alloc_range(ida, min, max, gfp) :
				   -ENOMEM;
}

int fake_xa_insert(struct xarray *xa, unsigned long index, void *entry,
		   gfp_t gfp)
{
	return may_allocate(gfp) ? xa_insert(xa, index, entry, gfp) : -ENOMEM;
}

int fake_mmu_notifier_register(struct mmu_notifier *notifier,
			       struct mm_struct *mm)
{
	return may_allocate(GFP_KERNEL) ? mmu_notifier_register(notifier, mm) :
					  -ENOMEM;
}

static void tell(void)
{
	void (*looked_up)(void) = fake_host.looked_up;

	/* The callback may make the module look up pages itself. */
	fake_host.looked_up = NULL;
	if (looked_up)
		looked_up();
}

int fake_get_user_pages_fast(unsigned long addr, int count, unsigned int flags,
			     struct page **pages)
{
	int got = fake_host.lookup_error;

	fake_host.lookup_error = 0;
	if (!got)
		got = get_user_pages_fast(addr, count, flags, pages);
	if (got > 0)
		tell();
	return got;
}

void fake_spin_unlock(spinlock_t *lock)
{
	if (fake_host.unlocking)
		fake_host.unlocking(lock);
	spin_unlock(lock);
}

/* The kernel's own is a macro, which fake_host.h has undefined. */
void fake_cond_resched(void)
{
	fake_host.rescheds++;
	if (fake_host.resched)
		fake_host.resched();
	__cond_resched();
}

void fake_ktime_get_real_ts64(struct timespec64 *now)
{
	if (fake_host.time_read)
		fake_host.time_read();
	ktime_get_real_ts64(now);
}

static bool page_at(unsigned long addr, unsigned int flags, struct page **page)
{
	spinlock_t *lock;	/* of the page table */
	bool got = false;
	pte_t *pte;

	if (!find_vma(current->mm, addr) ||
	    follow_pte(current->mm, addr, &pte, &lock))
		return false;
	got = !(flags & FOLL_WRITE) || pte_write(*pte);
	if (got) {
		*page = pte_page(*pte);
		get_page(*page);
	}
	pte_unmap_unlock(pte, lock);
	return got;
}

/* UML has no such function of its own: its stub never finds a page. */
int fake_get_user_pages_fast_only(unsigned long addr, int count,
				  unsigned int flags, struct page **pages)
{
	int got = 0;

	mmap_read_lock(current->mm);
	while (got < count && page_at(addr + got * PAGE_SIZE, flags, pages + got))
		got++;
	mmap_read_unlock(current->mm);
	if (got)
		tell();
	return got;
}
