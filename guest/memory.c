// SPDX-License-Identifier: GPL-2.0
/*
 * How the host reads and writes the guest's memory. That is plain user memory
 * of the Launcher's, at lg->base. Access may fault, sleep, or find it gone; a
 * guest whose memory is gone dies of it.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "../cpu.h"
#include "../lg.h"

/* From so many entries on, all 64 are compared faster than these one by one. */
#define WORTH_ALL	16

/**
 * lg_in_memory() - whether a range lies inside the guest's memory
 * @lg: the guest
 * @gpa: guest-physical address of its first byte
 * @len: bytes
 *
 * Context: any.
 * Return: true if every byte lies below the guest's pfnlimit.
 */
bool lg_in_memory(struct lguest *lg, u32 gpa, u32 len)
{
	return (u64)gpa + len <= (u64)lg->pfn_limit << PAGE_SHIFT;
}

static bool bad_address(struct lguest *lg, u32 gpa, u32 len)
{
	if (lg_in_memory(lg, gpa, len))
		return false;
	lg_kill(lg, "bad address %#x: %u bytes there are not all in memory",
		gpa, len);
	return true;
}

/**
 * lg_memory_gone() - kill a guest whose memory the Launcher unmapped
 * @lg: the guest; its own task calls
 * @gpa: guest-physical address that was needed
 */
void lg_memory_gone(struct lguest *lg, u32 gpa)
{
	lg_kill(lg, "guest memory at %#x is gone: the Launcher took it away",
		gpa);
}

/**
 * lg_read() - copy from the guest's memory
 * @lg: the guest; its own task calls
 * @gpa: guest-physical address
 * @to: where to
 * @len: bytes
 *
 * Context: may sleep.
 * Return: true, or false with the guest dead and @to zeroed.
 */
bool lg_read(struct lguest *lg, u32 gpa, void *to, u32 len)
{
	if (!bad_address(lg, gpa, len)) {
		if (!copy_from_user(to, lg_user_address(lg, gpa), len))
			return true;
		lg_memory_gone(lg, gpa);
	}
	memset(to, 0, len);
	return false;
}

/**
 * lg_read_entries() - read some of 64 adjacent entries of the guest's memory
 * @lg: the guest; its own task calls
 * @gpa: guest-physical address of the first, aligned to the size of all 64
 * @size: bytes of each entry, 4 or 8
 * @wanted: a bit for each entry to read
 * @entries: the entries read, each at its place; the others stay as they are
 *
 * Context: may sleep.
 * Return: true, or false with the guest dead.
 */
bool lg_read_entries(struct lguest *lg, u32 gpa, u32 size, unsigned long wanted,
		     u64 *entries)
{
	void __user *from = lg_user_address(lg, gpa);

	if (bad_address(lg, gpa, BITS_PER_LONG * size))
		return false;
	if (!user_read_access_begin(from, BITS_PER_LONG * size))
		goto gone;
	for (; wanted; wanted &= wanted - 1) {
		unsigned int i = __ffs(wanted);
		u32 entry;

		if (size == sizeof(entry)) {
			unsafe_get_user(entry, (u32 __user *)from + i, fault);
			entries[i] = entry;
		} else {
			unsafe_get_user(entries[i], (u64 __user *)from + i,
					fault);
		}
	}
	user_read_access_end();
	return true;

fault:
	user_read_access_end();
gone:
	lg_memory_gone(lg, gpa);
	return false;
}

/* Do any of 64 entries of 4 bytes differ from @seen? -EFAULT if unreadable. */
static int compare_all(const u64 __user *from, const u32 *seen)
{
	const u64 *pair = (const u64 *)seen;
	const u64 *end = pair + BITS_PER_LONG / 2;
	u64 differ = 0;

	if (!user_read_access_begin(from, BITS_PER_LONG * sizeof(*seen)))
		return -EFAULT;
	while (pair < end) {
		u64 a, b, c, d;

		unsafe_get_user(a, from, fault);
		unsafe_get_user(b, from + 1, fault);
		unsafe_get_user(c, from + 2, fault);
		unsafe_get_user(d, from + 3, fault);
		differ |= (a ^ pair[0]) | (b ^ pair[1]) | (c ^ pair[2]) |
			  (d ^ pair[3]);
		from += 4;
		pair += 4;
	}
	user_read_access_end();
	return !!differ;

fault:
	user_read_access_end();
	return -EFAULT;
}

/**
 * lg_compare_entries() - find which of 64 adjacent entries have changed
 * @lg: the guest; its own task calls
 * @gpa: guest-physical address of the first, aligned to the size of all 64
 * @size: bytes of each entry, 4 or 8
 * @seen: the lower half of each as last seen, aligned to 8 bytes. Those of entries
 *	that are not compared are guesses: right ones make it faster to compare all,
 *	and wrong ones are corrected
 * @sptes: the spte for each, whose NX bit is the upper half as last seen
 * @changed: a bit for each entry to compare; on return, for each that has changed
 *
 * Context: may sleep.
 * Return: true, or false with the guest dead.
 */
bool lg_compare_entries(struct lguest *lg, u32 gpa, u32 size, u32 *seen,
			const u64 *sptes, unsigned long *changed)
{
	void __user *from = lg_user_address(lg, gpa);
	unsigned long left = *changed, others = 0;

	if (bad_address(lg, gpa, BITS_PER_LONG * size))
		return false;
	if (size == sizeof(*seen) && hweight_long(left) >= WORTH_ALL) {
		int differ = compare_all(from, seen);

		if (differ < 0)
			goto gone;
		if (!differ) {
			*changed = 0;
			return true;
		}
		others = ~left;
	}
	if (!user_read_access_begin(from, BITS_PER_LONG * size))
		goto gone;
	for (; left; left &= left - 1) {
		unsigned int i = __ffs(left);
		u32 entry, upper;

		unsafe_get_user(entry, (u32 __user *)(from + i * size), fault);
		if (entry != seen[i])
			continue;
		if (size == sizeof(u64)) {
			unsafe_get_user(upper, (u32 __user *)from + 2 * i + 1,
					fault);
			if (upper != upper_32_bits(sptes[i] & lg_pte_nx))
				continue;
		}
		*changed &= ~BIT(i);
	}
	for (; others; others &= others - 1) {
		unsigned int i = __ffs(others);

		unsafe_get_user(seen[i], (u32 __user *)from + i, fault);
	}
	user_read_access_end();
	return true;

fault:
	user_read_access_end();
gone:
	lg_memory_gone(lg, gpa);
	return false;
}

/**
 * lg_write() - copy to the guest's memory
 * @lg: the guest; its own task calls
 * @gpa: guest-physical address
 * @from: where from
 * @len: bytes
 *
 * Context: may sleep.
 * Return: true, or false with the guest dead.
 */
bool lg_write(struct lguest *lg, u32 gpa, const void *from, u32 len)
{
	if (bad_address(lg, gpa, len))
		return false;
	if (!copy_to_user(lg_user_address(lg, gpa), from, len))
		return true;
	lg_memory_gone(lg, gpa);
	return false;
}

/**
 * lg_get_entry() - read one entry of a table in the guest's memory
 * @lg: the guest; its own task calls
 * @gpa: guest-physical address
 * @size: of the entry, 4 or 8 bytes
 * @entry: the entry, 0 on failure
 *
 * Context: may sleep.
 * Return: true, or false with the guest dead.
 */
bool lg_get_entry(struct lguest *lg, u32 gpa, u32 size, u64 *entry)
{
	void __user *from = lg_user_address(lg, gpa);
	u32 small;

	*entry = 0;
	if (bad_address(lg, gpa, size))
		return false;
	if (size == sizeof(small)) {
		if (get_user(small, (u32 __user *)from))
			goto gone;
		*entry = small;
	} else if (get_user(*entry, (u64 __user *)from)) {
		goto gone;
	}
	return true;

gone:
	lg_memory_gone(lg, gpa);
	return false;
}

/**
 * lg_get_words() - read a few words of the guest's memory
 * @lg: the guest; its own task calls
 * @gpa: guest-physical address of the first; need not be aligned
 * @words: where to; all 0 on failure
 * @count: how many, 1 at least
 *
 * This does the same as lg_read(), and is faster for few words.
 *
 * Context: may sleep.
 * Return: true, or false with the guest dead.
 */
bool lg_get_words(struct lguest *lg, u32 gpa, u32 *words, unsigned int count)
{
	u32 __user *from = lg_user_address(lg, gpa);
	unsigned int i;

	if (bad_address(lg, gpa, count * sizeof(*words)))
		goto nothing;
	if (!user_read_access_begin(from, count * sizeof(*words)))
		goto gone;
	for (i = 0; i < count; i++)
		unsafe_get_user(words[i], from + i, fault);
	user_read_access_end();
	return true;

fault:
	user_read_access_end();
gone:
	lg_memory_gone(lg, gpa);
nothing:
	memset(words, 0, count * sizeof(*words));
	return false;
}

/**
 * lg_put_words() - write a few words of the guest's memory
 * @lg: the guest; its own task calls
 * @gpa: guest-physical address of the first; need not be aligned
 * @words: where from
 * @count: how many, 1 at least
 *
 * This does the same as lg_write(), and is faster for few words.
 *
 * Context: may sleep.
 * Return: true, or false with the guest dead.
 */
bool lg_put_words(struct lguest *lg, u32 gpa, const u32 *words,
		  unsigned int count)
{
	u32 __user *to = lg_user_address(lg, gpa);
	unsigned int i;

	if (bad_address(lg, gpa, count * sizeof(*words)))
		return false;
	if (!user_write_access_begin(to, count * sizeof(*words)))
		goto gone;
	for (i = 0; i < count; i++)
		unsafe_put_user(words[i], to + i, fault);
	user_write_access_end();
	return true;

fault:
	user_write_access_end();
gone:
	lg_memory_gone(lg, gpa);
	return false;
}

/**
 * lg_get_u32() - read one word of the guest's memory
 * @lg: the guest; its own task calls
 * @gpa: guest-physical address
 * @val: the word, 0 on failure
 *
 * Context: may sleep.
 * Return: true, or false with the guest dead.
 */
bool lg_get_u32(struct lguest *lg, u32 gpa, u32 *val)
{
	if (!bad_address(lg, gpa, sizeof(*val))) {
		if (!get_user(*val, (u32 __user *)lg_user_address(lg, gpa)))
			return true;
		lg_memory_gone(lg, gpa);
	}
	*val = 0;
	return false;
}

/**
 * lg_put_u32() - write one word of the guest's memory
 * @lg: the guest; its own task calls
 * @gpa: guest-physical address
 * @val: the word
 *
 * Context: may sleep.
 * Return: true, or false with the guest dead.
 */
bool lg_put_u32(struct lguest *lg, u32 gpa, u32 val)
{
	if (bad_address(lg, gpa, sizeof(val)))
		return false;
	if (!put_user(val, (u32 __user *)lg_user_address(lg, gpa)))
		return true;
	lg_memory_gone(lg, gpa);
	return false;
}
