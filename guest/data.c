// SPDX-License-Identifier: GPL-2.0
/*
 * struct lguest_data: the words that guest and host share (ABI.md section 4).
 * It lies in the guest's memory and the guest may change it at any time, so
 * each word is copied once, and used as copied.
 *
 * Its end moved twice in the ABI's life. Nothing announces which layout a
 * guest has, but two of the words at the end have values that show it.
 */
#include <linux/mm.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>

#include "../lg.h"
#include "tables.h"

/* The part that never moved. */
#define DATA_BLOCKED		4
#define DATA_TIME		12
#define DATA_IRQ_PENDING	20
#define DATA_RING_STATUS	24
#define DATA_RING		88
#define DATA_RESERVE_MEM	1368
#define DATA_TSC_KHZ		1372
#define DATA_TAIL		1376	/* from here on, see below */
#define DATA_TAIL_WORDS		5

#define RING_DONE		0xff
#define FLAG_IF			0x200

/**
 * struct lg_data_layout - where the words behind tsc_khz are, by index
 * @noirq_start: first word of the range in which no irq is delivered
 * @noirq_end: its end; the same as @noirq_start if the range is one address
 * @kernel_address: page offset of the guest's kernel
 * @syscall_vector: 0x80 or 0x40
 * @pgdir: the first word is where the guest finds its table at LGUEST_INIT
 */
struct lg_data_layout {
	u8 noirq_start;
	u8 noirq_end;
	u8 kernel_address;
	u8 syscall_vector;
	bool pgdir;
};

static const struct lg_data_layout layouts[] = {
	{ 0, 1, 2, 3 },			/* 3.2 to 3.19 */
	{ 1, 2, 3, 4, true },		/* 2.6.31 to 3.0: a pgdir comes first */
	{ 0, 0, 1, 2 },			/* 4.0 to 4.13: a single noirq_iret */
};

/**
 * lg_data_find_layout() - tell which layout a struct lguest_data has
 * @words: the five words behind tsc_khz
 *
 * Return: the layout, or NULL if none fits.
 */
const struct lg_data_layout *lg_data_find_layout(const u32 *words)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(layouts); i++) {
		u32 vector = words[layouts[i].syscall_vector];
		u32 address = words[layouts[i].kernel_address];

		if ((vector == 0x80 || vector == 0x40) && address &&
		    !(address & ~PAGE_MASK))
			return &layouts[i];
	}
	return NULL;
}

/**
 * lg_data_init() - take LGUEST_INIT's struct lguest_data into use
 * @lg: the guest; its own task calls
 * @gpa: where it lies
 * @kernel_address: the word of that name in it
 *
 * Context: may sleep.
 * Return: true; false with the guest dead.
 */
bool lg_data_init(struct lguest *lg, u32 gpa, u32 *kernel_address)
{
	const struct lg_data_layout *layout;
	u32 words[DATA_TAIL_WORDS];

	if (!lg_in_memory(lg, gpa, DATA_TAIL + sizeof(words))) {
		lg_kill(lg, "bad struct lguest_data at %#x", gpa);
		return false;
	}
	if (!lg_get_words(lg, gpa + DATA_TAIL, words, ARRAY_SIZE(words)))
		return false;
	layout = lg_data_find_layout(words);
	if (!layout) {
		lg_kill(lg, "struct lguest_data at %#x has no layout we know",
			gpa);
		return false;
	}
	lg->layout = layout;
	lg->data = gpa;
	lg->noirq_start = words[layout->noirq_start];
	lg->noirq_end = words[layout->noirq_end];
	if (layout->noirq_start == layout->noirq_end)
		lg->noirq_end++;
	*kernel_address = words[layout->kernel_address];
	return true;
}

/**
 * lg_data_answer() - write what the guest wants to know at LGUEST_INIT
 * @lg: the guest, with its kernel_address known; its own task calls
 * @tsc_khz: the TSC's rate in kHz, or 0 if the guest is not to use it
 *
 * Context: may sleep.
 * Return: true; false with the guest dead.
 */
bool lg_data_answer(struct lguest *lg, u32 tsc_khz)
{
	u32 gpa = lg->data;

	if (lg->layout->pgdir &&
	    !(lg_make_boot_table(lg) &&
	      lg_put_u32(lg, gpa + DATA_TAIL, lg->mmu.boot_table)))
		return false;

	/* The host needs none of the guest's addresses: its own are above 4 GiB. */
	return lg_put_u32(lg, gpa + DATA_RESERVE_MEM, 0) &&
	       lg_put_u32(lg, gpa + DATA_TSC_KHZ, tsc_khz) &&
	       lg_data_set_wallclock(lg);
}

/**
 * lg_data_irq_enabled() - the guest's virtual interrupt flag
 * @lg: the guest; its own task calls
 * @flags: 0x200 or 0
 *
 * Context: may sleep.
 * Return: true; false with the guest dead.
 */
bool lg_data_irq_enabled(struct lguest *lg, u32 *flags)
{
	*flags = 0;
	if (!lg_data_ready(lg))
		return true;
	if (!lg_get_u32(lg, lg->data + LG_DATA_IRQ_ENABLED, flags))
		return false;
	*flags &= FLAG_IF;
	return true;
}

/**
 * lg_data_set_irq_enabled() - change the guest's virtual interrupt flag
 * @lg: the guest; its own task calls
 * @on: its value
 *
 * Context: may sleep.
 * Return: true; false with the guest dead.
 */
bool lg_data_set_irq_enabled(struct lguest *lg, bool on)
{
	return !lg_data_ready(lg) ||
	       lg_put_u32(lg, lg->data + LG_DATA_IRQ_ENABLED, on ? FLAG_IF : 0);
}

/**
 * lg_data_swap_irq_enabled() - do to that flag what entering a handler does
 * @lg: the guest; its own task calls
 * @clear: the gate clears it
 * @flags: what it was, 0x200 or 0
 *
 * Context: may sleep.
 * Return: true; false with the guest dead.
 */
bool lg_data_swap_irq_enabled(struct lguest *lg, bool clear, u32 *flags)
{
	return lg_data_irq_enabled(lg, flags) &&
	       (!clear || lg_data_set_irq_enabled(lg, false));
}

/**
 * lg_data_set_irq_pending() - tell the guest if an irq waits for its interrupt flag
 * @lg: the guest; its own task calls
 * @on: one does
 *
 * Context: may sleep.
 * Return: true; false with the guest dead.
 */
bool lg_data_set_irq_pending(struct lguest *lg, bool on)
{
	return lg_put_u32(lg, lg->data + DATA_IRQ_PENDING, on ? FLAG_IF : 0);
}

/**
 * lg_data_blocked() - the irqs that the guest has masked
 * @lg: the guest; its own task calls
 * @blocked: a bit per irq
 *
 * Context: may sleep.
 * Return: true; false with the guest dead.
 */
bool lg_data_blocked(struct lguest *lg, u32 *blocked)
{
	return lg_get_u32(lg, lg->data + DATA_BLOCKED, blocked);
}

/**
 * lg_data_set_cr2() - leave the faulting address for the guest's handler
 * @lg: the guest; its own task calls
 * @cr2: the address
 *
 * Context: may sleep.
 * Return: true; false with the guest dead.
 */
bool lg_data_set_cr2(struct lguest *lg, u32 cr2)
{
	return !lg_data_ready(lg) || lg_put_u32(lg, lg->data + LG_DATA_CR2, cr2);
}

/**
 * lg_data_set_wallclock() - write the time of day
 * @lg: the guest; its own task calls
 *
 * Context: may sleep.
 * Return: true; false with the guest dead.
 */
bool lg_data_set_wallclock(struct lguest *lg)
{
	struct timespec64 now;
	u32 words[2];

	ktime_get_real_ts64(&now);
	words[0] = now.tv_sec;
	words[1] = now.tv_nsec;
	return lg_put_words(lg, lg->data + DATA_TIME, words, ARRAY_SIZE(words));
}

/**
 * lg_data_ring_is_empty() - whether there is nothing to take from the ring
 * @lg: the guest, with a struct lguest_data; its own task calls
 *
 * Context: may sleep.
 * Return: true if so; false if there is, or if it can't be read.
 */
bool lg_data_ring_is_empty(struct lguest *lg)
{
	/* lg_data_init() has checked that this is in memory. */
	u8 __user *at = (u8 __user *)(lg->base + lg->data +
				      DATA_RING_STATUS + lg->ring_next);
	u8 status;

	return !get_user(status, at) && status == RING_DONE;
}

/**
 * lg_data_ring_take() - take the next hypercall from the asynchronous ring
 * @lg: the guest, with a struct lguest_data; its own task calls
 * @call: the call
 *
 * The slot is the guest's again when this returns.
 *
 * Context: may sleep.
 * Return: true; false if there was none, or with the guest dead.
 */
bool lg_data_ring_take(struct lguest *lg, struct lg_hcall *call)
{
	unsigned int next = lg->ring_next;
	u8 __user *data = lg_user_address(lg, lg->data);
	u8 __user *status = data + DATA_RING_STATUS + next;
	u32 __user *words = (u32 __user *)(data + DATA_RING) +
			    next * (sizeof(*call) / sizeof(u32));
	u8 now;

	if (!user_access_begin(data, DATA_TAIL))
		goto gone;
	unsafe_get_user(now, status, fault);
	if (now == RING_DONE) {
		user_access_end();
		return false;
	}
	unsafe_get_user(call->nr, words, fault);
	unsafe_get_user(call->arg1, words + 1, fault);
	unsafe_get_user(call->arg2, words + 2, fault);
	unsafe_get_user(call->arg3, words + 3, fault);
	unsafe_get_user(call->arg4, words + 4, fault);
	unsafe_put_user((u8)RING_DONE, status, fault);
	user_access_end();
	lg->ring_next = (next + 1) % LG_RING_ENTRIES;
	return true;

fault:
	user_access_end();
gone:
	lg_memory_gone(lg, lg->data);
	return false;
}
