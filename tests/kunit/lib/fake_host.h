/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of the host's memory management that the tests control. All of the KUnit
 * build is compiled with this header in front, so that the module calls these
 * functions in place of the kernel's.
 */
#ifndef LG_TESTS_FAKE_HOST_H
#define LG_TESTS_FAKE_HOST_H

#include <linux/gfp.h>
#include <linux/idr.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/xarray.h>

/**
 * struct fake_host - what a test does to the host
 * @budget: how many allocations succeed before one fails; %UINT_MAX for all
 * @allocated: allocations not freed yet, except those of xarrays and IDAs
 * @lookup_error: error of the next look-up of a page, or 0
 * @looked_up: called once, after the next look-up and before the page is used
 * @unlocking: if not NULL, called before each unlock of a spinlock
 * @rescheds: how often cond_resched() was called
 * @resched: if not NULL, called in each cond_resched()
 * @time_read: if not NULL, called before each read of the clock
 */
struct fake_host {
	unsigned int budget;
	unsigned int allocated;
	int lookup_error;
	void (*looked_up)(void);
	void (*unlocking)(spinlock_t *lock);
	unsigned int rescheds;
	void (*resched)(void);
	void (*time_read)(void);
};

extern struct fake_host fake_host;

void *fake_kzalloc(size_t size, gfp_t gfp);
void fake_kfree(const void *p);
void *fake_kvzalloc(size_t size, gfp_t gfp);
void fake_kvfree(const void *p);
unsigned long fake_get_zeroed_page(gfp_t gfp);
void fake_free_page(unsigned long page);
int fake_ida_alloc_range(struct ida *ida, unsigned int min, unsigned int max,
			 gfp_t gfp);
int fake_xa_insert(struct xarray *xa, unsigned long index, void *entry,
		   gfp_t gfp);
int fake_mmu_notifier_register(struct mmu_notifier *notifier,
			       struct mm_struct *mm);
int fake_get_user_pages_fast(unsigned long addr, int count, unsigned int flags,
			     struct page **pages);
int fake_get_user_pages_fast_only(unsigned long addr, int count,
				  unsigned int flags, struct page **pages);
void fake_spin_unlock(spinlock_t *lock);
void fake_cond_resched(void);
void fake_ktime_get_real_ts64(struct timespec64 *now);

#undef free_page
#undef cond_resched
#define kzalloc			fake_kzalloc
#define kfree			fake_kfree
#define kvzalloc		fake_kvzalloc
#define kvfree			fake_kvfree
#define get_zeroed_page		fake_get_zeroed_page
#define free_page		fake_free_page
#define ida_alloc_range		fake_ida_alloc_range
#define xa_insert		fake_xa_insert
#define mmu_notifier_register	fake_mmu_notifier_register
#define get_user_pages_fast	fake_get_user_pages_fast
#define get_user_pages_fast_only fake_get_user_pages_fast_only
#define spin_unlock		fake_spin_unlock
#define cond_resched		fake_cond_resched
#define ktime_get_real_ts64	fake_ktime_get_real_ts64

#endif /* LG_TESTS_FAKE_HOST_H */
