// SPDX-License-Identifier: GPL-2.0
/*
 * Virtio balloon: memory that the guest does without, so that the host has it.
 *
 * We say how many pages that shall be. The guest's driver takes them from its kernel and
 * names them to us, a few at a time, and we free them. To have some back it just says so:
 * whatever is written to them is new memory, which reads as zeros until then. So the driver
 * need not wait for us with that (VIRTIO_BALLOON_F_MUST_TELL_HOST).
 *
 * What it names may be any page of its RAM, one twice, or one with its kernel in it. That
 * harms nobody else.
 */
#include "launcher.h"

#include <errno.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_ids.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* A driver has one request in each queue at a time. */
#define BALLOON_QUEUE	16

/* A driver names so many pages at a time, and we look at as many. */
#define PFNS		256

/* Where the fields end that all drivers know */
#define CONFIG_LEN	(offsetof(struct virtio_balloon_config, actual) + sizeof(__le32))

static struct device balloon;

/* What the host wants, in pages. The guest is to be told, changed or not. */
static __u32 target;
static bool target_untold;

/* The driver would not hear of another target. */
static bool is_deaf;

/* What the parent and all lives of the guest know of it */
static struct balloon_history {
	__u64 keep;			/* what the user wants, in bytes */
	__u32 given_pages;		/* how many the guest does without */
	__u64 stats[VIRTIO_BALLOON_S_NR];
} *history;

/* One change of these after the other */
static pthread_mutex_t set_lock = PTHREAD_MUTEX_INITIALIZER;

/* A bit for each page that the guest does without */
static pthread_mutex_t given_lock = PTHREAD_MUTEX_INITIALIZER;
static __u8 *given;

/* What the guest tells of its memory, and how often it has. @wanted asks for more. */
static pthread_mutex_t stats_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t stats_told;
static unsigned int stats_times;
static int wanted;

/* Note that the guest has a page or not; whether that is new. */
static bool set_given(__u32 pfn, bool is_given)
{
	__u8 bit = 1 << pfn % 8;

	if (!!(given[pfn / 8] & bit) == is_given)
		return false;
	given[pfn / 8] ^= bit;
	history->given_pages += is_given ? 1 : -1;
	return true;
}

static void set_all_given(const __u32 *pfns, unsigned int num, bool is_given)
{
	pthread_mutex_lock(&given_lock);
	for (unsigned int i = 0; i < num; i++)
		set_given(pfns[i], is_given);
	pthread_mutex_unlock(&given_lock);
}

static void free_run(__u32 first, __u32 num)
{
	static bool warned;

	if (guest_memory_free((__u64)first * PAGE_SIZE, (__u64)num * PAGE_SIZE) ||
	    __atomic_exchange_n(&warned, true, __ATOMIC_RELAXED))
		return;
	fprintf(stderr, "lguest: balloon: the host can't free the guest's pages: %m\n");
}

/* Linux takes pages as they come, often neighbours, in either direction. */
static void free_pages(const __u32 *pfns, unsigned int num)
{
	__u32 first = pfns[0], end = first + 1;

	for (unsigned int i = 1; i < num; i++) {
		if (pfns[i] == end) {
			end++;
		} else if (pfns[i] + 1 == first) {
			first--;
		} else {
			free_run(first, end - first);
			first = pfns[i];
			end = first + 1;
		}
	}
	free_run(first, end - first);
}

/* The next pages of a request, each of which is RAM; 0 if there are no more. */
static unsigned int next_pages(struct virtqueue *vq, struct vq_chain *chain, __u32 *pfns)
{
	size_t len = iov_read(chain->out, chain->out_num, pfns, PFNS * sizeof(*pfns));

	if (len % sizeof(*pfns))
		vq_bad_guest(vq, "half the number of a page");
	for (unsigned int i = 0; i < len / sizeof(*pfns); i++) {
		if (!guest_ram((__u64)pfns[i] * PAGE_SIZE, PAGE_SIZE))
			vq_bad_guest(vq, "page %#x, which is not RAM", pfns[i]);
	}
	return len / sizeof(*pfns);
}

static void serve_pages(struct virtqueue *vq, bool inflate)
{
	struct vq_chain chain;

	while (vq_next(vq, &chain)) {
		__u32 pfns[PFNS];
		unsigned int num;

		if (chain.in_num)
			vq_bad_guest(vq, "a list of pages to be written");
		while ((num = next_pages(vq, &chain, pfns))) {
			set_all_given(pfns, num, inflate);
			if (inflate)
				free_pages(pfns, num);
		}
		vq_used(vq, &chain, 0);
	}
}

static void balloon_inflate(struct virtqueue *vq)
{
	serve_pages(vq, true);
}

static void balloon_deflate(struct virtqueue *vq)
{
	serve_pages(vq, false);
}

/* What we don't know, we leave. */
static void take_stats(struct vq_chain *chain)
{
	struct virtio_balloon_stat stat;

	pthread_mutex_lock(&stats_lock);
	while (iov_read(chain->out, chain->out_num, &stat, sizeof(stat)) == sizeof(stat)) {
		if (stat.tag < ARRAY_SIZE(history->stats))
			history->stats[stat.tag] = stat.val;
	}
	stats_times++;
	pthread_cond_broadcast(&stats_told);
	pthread_mutex_unlock(&stats_lock);
}

/*
 * The driver fills a buffer, and does so again when it has it back. The first one it just
 * puts there: up to 3.4 or so with what happens to be in it.
 */
static void balloon_stats(struct virtqueue *vq)
{
	struct vq_chain chain;
	bool first = true;
	eventfd_t count;

	while (vq_next(vq, &chain)) {
		if (chain.in_num)
			vq_bad_guest(vq, "statistics to be written");
		if (!first) {
			take_stats(&chain);
			if (!vq_wait_file(vq, wanted, POLLIN))
				return;
			if (eventfd_read(wanted, &count))
				die("balloon: cannot read an eventfd: %m");
		}
		first = false;
		vq_used(vq, &chain, 0);
	}
}

static void want_stats(void)
{
	if (eventfd_write(wanted, 1))
		die("balloon: cannot wake a thread: %m");
}

static bool balloon_refresh(struct device *dev)
{
	__le32 *pages = &dev->config.balloon.num_pages;
	bool untold = __atomic_exchange_n(&target_untold, false, __ATOMIC_RELAXED);
	__u32 now = __atomic_load_n(&target, __ATOMIC_RELAXED);

	if (*pages == now)
		return untold;
	*pages = now;
	return true;
}

/* The driver says how much it has given, which we know already. It may read it again. */
static void balloon_config_written(struct device *dev, unsigned int offset, __u32 value)
{
	if (offset == offsetof(struct virtio_balloon_config, actual))
		dev->config.balloon.actual = value;
}

/* A driver comes new, with an empty balloon. Some look for a target only when told of one. */
static void balloon_configure(struct device *dev, __u64 features)
{
	bool hears = device_is_modern() || features & 1 << VIRTIO_BALLOON_F_STATS_VQ;

	__atomic_store_n(&is_deaf, !hears, __ATOMIC_RELAXED);
	if (dev->running)
		return;
	pthread_mutex_lock(&given_lock);
	memset(given, 0, guest_ram_size() / PAGE_SIZE / 8);
	history->given_pages = 0;
	pthread_mutex_unlock(&given_lock);
	pthread_mutex_lock(&set_lock);
	__atomic_store_n(&target_untold, true, __ATOMIC_RELAXED);
	devices_refresh(VIRTIO_ID_BALLOON);
	pthread_mutex_unlock(&set_lock);
}

/* How many the guest is to do without, to keep so many @bytes */
static __u32 pages_for(__u64 bytes)
{
	__u64 ram = guest_ram_size();

	return bytes < ram ? (ram - bytes) / PAGE_SIZE : 0;
}

/**
 * balloon_set() - say how much memory the guest is to keep
 * @bytes: so much, in whole pages; the size of its RAM, or more, if it is to keep all
 *
 * It gives the rest, or takes some back, in its own time; balloon_actual() tells how far it
 * is. It keeps more if its kernel finds no more that it can do without. Any thread calls.
 *
 * Return: NULL, or why the guest won't hear of it now, as words for the user.
 */
const char *balloon_set(__u64 bytes)
{
	__u32 pages = pages_for(bytes);

	if (!given)
		return "the guest has no balloon (--balloon)";
	pthread_mutex_lock(&set_lock);
	__atomic_store_n(&target, pages, __ATOMIC_RELAXED);
	devices_refresh(VIRTIO_ID_BALLOON);
	pthread_mutex_unlock(&set_lock);
	if (device_is_modern())
		return NULL;
	if (__atomic_load_n(&is_deaf, __ATOMIC_RELAXED))
		return "the guest hears of it when its driver starts (Linux before 2.6.34)";
	/*
	 * There is no interrupt for this, but the driver's thread looks at it whenever it
	 * wakes, and to write statistics it does.
	 */
	want_stats();
	return NULL;
}

/**
 * balloon_actual() - how much memory the guest does without
 *
 * Any thread calls.
 *
 * Return: as many bytes as it has given and not taken back.
 */
__u64 balloon_actual(void)
{
	__u64 pages;

	pthread_mutex_lock(&given_lock);
	pages = history ? history->given_pages : 0;
	pthread_mutex_unlock(&given_lock);
	return pages * PAGE_SIZE;
}

/**
 * balloon_ask() - have the guest tell of its memory anew
 * @ms: how long to wait until it has
 *
 * Any thread calls.
 *
 * Return: false if it has not: there is no balloon, no driver, or one that tells nothing.
 */
bool balloon_ask(unsigned int ms)
{
	struct timespec until;
	unsigned int before;
	bool told;

	if (!given)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&stats_lock);
	before = stats_times;
	want_stats();
	while (stats_times == before &&
	       !pthread_cond_timedwait(&stats_told, &stats_lock, &until))
		;
	told = stats_times != before;
	pthread_mutex_unlock(&stats_lock);
	return told;
}

/**
 * balloon_stat() - what the guest has last told of its memory
 * @tag: what of it, VIRTIO_BALLOON_S_...
 *
 * Any thread calls. balloon_ask() makes it new.
 *
 * Return: a number of bytes or of events, as the guest says; BALLOON_UNTOLD if it has not.
 */
__u64 balloon_stat(unsigned int tag)
{
	__u64 value;

	if (tag >= ARRAY_SIZE(history->stats))
		return BALLOON_UNTOLD;
	pthread_mutex_lock(&stats_lock);
	value = history ? history->stats[tag] : BALLOON_UNTOLD;
	pthread_mutex_unlock(&stats_lock);
	return value;
}

/* What balloon_ask() waits for does not depend on the time of day. */
static void stats_create(void)
{
	pthread_condattr_t attr;

	memset(history->stats, 0xff, sizeof(history->stats));
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&stats_told, &attr);
	wanted = eventfd(0, EFD_CLOEXEC);
	if (wanted < 0)
		die("balloon: cannot make an eventfd: %m");
}

/* It begins empty, with what is wanted by now. */
static void balloon_create(struct device *dev)
{
	/* RAM is a number of MB. */
	given = calloc(1, guest_ram_size() / PAGE_SIZE / 8);
	if (!given)
		die("no memory for a balloon");
	history->given_pages = 0;
	stats_create();
	target = pages_for(history->keep);
	dev->config.balloon.num_pages = target;
	/* See balloon_set(). */
	if (!device_is_modern())
		want_stats();
}

/**
 * balloon_want() - let the guest keep so much memory, in this life and the next
 * @keep: in bytes, as for balloon_set(), which its process does by COMMAND_BALLOON
 */
void balloon_want(__u64 keep)
{
	history->keep = keep;
}

/** balloon_wanted() - how much memory the guest is to keep; 0 if it has no balloon */
__u64 balloon_wanted(void)
{
	return history ? history->keep : 0;
}

/**
 * balloon_add() - give the guest a balloon
 * @keep: how much memory it is to keep at first, as for balloon_set()
 */
void balloon_add(__u64 keep)
{
	history = shared_alloc(sizeof(*history));
	if (!history)
		die("no memory for a balloon");
	history->keep = keep;
	balloon = (struct device) {
		.name = "balloon",
		.type = VIRTIO_ID_BALLOON,
		.num_vq = 3,
		.vq = {
			{ .num = BALLOON_QUEUE, .serve = balloon_inflate },
			{ .num = BALLOON_QUEUE, .serve = balloon_deflate },
			{ .num = BALLOON_QUEUE, .serve = balloon_stats },
		},
		.features = 1 << VIRTIO_BALLOON_F_STATS_VQ |
			1 << VIRTIO_BALLOON_F_DEFLATE_ON_OOM,
		.create = balloon_create,
		.configure = balloon_configure,
		.refresh = balloon_refresh,
		.config_written = balloon_config_written,
		.config_len = CONFIG_LEN,
	};
	device_add(&balloon);
}
