// SPDX-License-Identifier: GPL-2.0
/*
 * The Launcher's memory changes under a running guest: munmap, mprotect,
 * copy-on-write after fork, swap, migration, the OOM killer. Nothing is
 * pinned; instead we zap every spte before the page that it maps goes.
 *
 * A fault may look a page up while an invalidation is in progress, or before one
 * that has ended since. Then the page may be gone already. So the fault compares
 * &lg_mmu.invalidate_seq with its value from before the look-up, and starts over if
 * it has changed.
 */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched.h>

#include "../compat.h"
#include "../cpu.h"
#include "../lg.h"

static struct lguest *guest_of(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct lguest, mmu.notifier);
}

/* Which of the guest's frames a range of Launcher addresses has. False if none. */
static bool frames_of(struct lguest *lg, unsigned long start,
		      unsigned long end, u32 *first, u32 *last)
{
	unsigned long top = lg->base + ((u64)lg->pfn_limit << PAGE_SHIFT);

	start = max(start, lg->base);
	end = min(end, top);
	if (start >= end)
		return false;
	*first = (start - lg->base) >> PAGE_SHIFT;
	*last = (end - 1 - lg->base) >> PAGE_SHIFT;
	return true;
}

/**
 * lg_invalidate_seq() - whether a page may be looked up now
 * @mmu: the guest's shadow tables
 * @seq: set to what lg_invalidate_retry() takes after the look-up
 *
 * Context: &lg_mmu.lock not held.
 * Return: false if an invalidation is in progress.
 */
bool lg_invalidate_seq(struct lg_mmu *mmu, unsigned long *seq)
{
	bool idle;

	spin_lock(&mmu->lock);
	*seq = mmu->invalidate_seq;
	idle = !mmu->invalidate_in_progress;
	spin_unlock(&mmu->lock);
	return idle;
}

/**
 * lg_invalidate_retry() - whether a page that was looked up may be gone by now
 * @mmu: the guest's shadow tables
 * @seq: from lg_invalidate_seq(), before the page was looked up
 *
 * Context: &lg_mmu.lock held.
 * Return: true if the caller must look the page up again.
 */
bool lg_invalidate_retry(struct lg_mmu *mmu, unsigned long seq)
{
	return mmu->invalidate_in_progress || mmu->invalidate_seq != seq;
}

/*
 * The guest's task may run whenever the lock is free, but all it can do to these
 * frames is to zap sptes as well: it fills none while an invalidation is in
 * progress.
 */
static void zap(struct lguest *lg, u32 first, u32 last, bool may_sleep)
{
	struct lg_mmu *mmu = &lg->mmu;
	bool zapped = false, done;

	do {
		spin_lock(&mmu->lock);
		done = lg_zap_frames(mmu, &first, last, &zapped);
		spin_unlock(&mmu->lock);
		if (may_sleep)
			cond_resched();
	} while (!done);
	/*
	 * Another invalidation may have zapped our sptes, and the guest may not
	 * have come out for it yet. Our caller counts on the guest being out.
	 */
	if (zapped || READ_ONCE(mmu->invalidate_in_progress) > 1)
		lg_vcpu_kick_and_wait(lg);
}

/*
 * The lock keeps those who count apart. Who waits for the count to be 0, and zap(), read
 * it without the lock, and so each store has to be one.
 */
static unsigned int count_in_progress(struct lg_mmu *mmu, int change)
{
	unsigned int count = mmu->invalidate_in_progress + change;

	lockdep_assert_held(&mmu->lock);
	WRITE_ONCE(mmu->invalidate_in_progress, count);
	return count;
}

static int invalidate_range_start(struct mmu_notifier *notifier,
				  const struct mmu_notifier_range *range)
{
	struct lguest *lg = guest_of(notifier);
	u32 first, last;

	if (!frames_of(lg, range->start, range->end, &first, &last))
		return 0;
	spin_lock(&lg->mmu.lock);
	count_in_progress(&lg->mmu, 1);
	spin_unlock(&lg->mmu.lock);
	zap(lg, first, last, mmu_notifier_range_blockable(range));
	return 0;
}

static void invalidate_range_end(struct mmu_notifier *notifier,
				 const struct mmu_notifier_range *range)
{
	struct lguest *lg = guest_of(notifier);
	bool last_one;
	u32 first, last;

	if (!frames_of(lg, range->start, range->end, &first, &last))
		return;
	spin_lock(&lg->mmu.lock);
	lg->mmu.invalidate_seq++;
	last_one = !count_in_progress(&lg->mmu, -1);
	spin_unlock(&lg->mmu.lock);
	if (last_one)
		wake_up_all(&lg->mmu.invalidate_wait);
}

static bool age(struct mmu_notifier *notifier, unsigned long start,
		unsigned long end, bool clear)
{
	struct lguest *lg = guest_of(notifier);
	u32 first, last;
	bool young;

	if (!frames_of(lg, start, end, &first, &last))
		return false;
	spin_lock(&lg->mmu.lock);
	young = lg_age_frames(&lg->mmu, first, last, clear);
	spin_unlock(&lg->mmu.lock);
	return young;
}

static mmu_notifier_young_t clear_flush_young(struct mmu_notifier *notifier,
					      struct mm_struct *mm,
					      unsigned long start,
					      unsigned long end)
{
	struct lguest *lg = guest_of(notifier);
	bool young = age(notifier, start, end, true);

	if (young) {
		lg_inc_tlb_gen(&lg->mmu.tlb_gen);
		lg_vcpu_kick_and_wait(lg);
	}
	return young;
}

static mmu_notifier_young_t clear_young(struct mmu_notifier *notifier,
					struct mm_struct *mm,
					unsigned long start, unsigned long end)
{
	return age(notifier, start, end, true);
}

static mmu_notifier_young_t test_young(struct mmu_notifier *notifier,
				       struct mm_struct *mm,
				       unsigned long address)
{
	return age(notifier, address, address + PAGE_SIZE, false);
}

/*
 * The address space ends: by exit, exec, or with the last file closed. Nobody is in
 * it any more to fill sptes. We may sleep here: only SRCU is held.
 */
static void release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct lguest *lg = guest_of(notifier);

	zap(lg, 0, lg->pfn_limit - 1, true);
}

const struct mmu_notifier_ops lg_mmu_notifier_ops = {
	.release = release,
	.invalidate_range_start = invalidate_range_start,
	.invalidate_range_end = invalidate_range_end,
	.clear_flush_young = clear_flush_young,
	.clear_young = clear_young,
	.test_young = test_young,
};
