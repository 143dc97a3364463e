// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory: a stretch of our own address space that is the guest's
 * physical memory from 0 up. First its RAM, then the pages of its devices.
 */
#include "launcher.h"

#include <sys/mman.h>

/*
 * The page of descriptors, and for each interrupt a ring of the largest size, which
 * is three pages
 */
#define DEVICE_PAGES	(1 + 31 * 3)

static char *base;
static __u64 ram_size;
static size_t device_used;

void guest_memory_create(__u64 size)
{
	size_t len = size + DEVICE_PAGES * PAGE_SIZE;

	ram_size = size;
	/*
	 * The page on either side stays inaccessible. We check every access; should
	 * a check be wrong, we die rather than overwrite ourselves.
	 */
	base = mmap(NULL, len + 2 * PAGE_SIZE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		die("no room for %llu MB of guest memory: %m", size >> 20);
	base += PAGE_SIZE;
	if (mprotect(base, len, PROT_READ | PROT_WRITE))
		die("cannot use %llu MB of guest memory: %m", size >> 20);
	/* Who looks for our fault in a core dump need not have the guest's secrets. */
	if (madvise(base, len, MADV_DONTDUMP))
		die("cannot keep guest memory out of core dumps: %m");
}

/**
 * guest_memory_no_huge_pages() - have the host take single pages for the guest's memory
 *
 * Before anything is in it. Huge ones save page faults of the host's and nothing else: the
 * translations that a guest runs by are of single pages. Where there are none, this does
 * nothing.
 */
void guest_memory_no_huge_pages(void)
{
	madvise(base, ram_size, MADV_NOHUGEPAGE);
}

/**
 * guest_memory_free() - give pages back to the host
 * @gpa: of the first; all of them are RAM
 * @len: how much
 *
 * They read as zeros then, until somebody writes to them. Any thread calls, also while the
 * guest runs: the host takes them out of whatever maps them first.
 *
 * Return: false, with errno, if they stay as they are.
 */
bool guest_memory_free(__u64 gpa, __u64 len)
{
	return !madvise(base + gpa, len, MADV_DONTNEED);
}

void *guest_memory_base(void)
{
	return base;
}

/* As many as have memory */
unsigned long guest_pages(void)
{
	return ram_size / PAGE_SIZE + (device_used ? DEVICE_PAGES : 0);
}

__u64 guest_ram_size(void)
{
	return ram_size;
}

/* Returns NULL unless all of it is RAM: we trust no address of the guest's. */
void *guest_ram(__u64 gpa, __u64 len)
{
	if (gpa > ram_size || len > ram_size - gpa)
		return NULL;
	return base + gpa;
}

void *guest_alloc_device_pages(size_t len)
{
	void *p = base + ram_size + device_used;

	device_used += (len + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	if (device_used > DEVICE_PAGES * PAGE_SIZE)
		die("too many devices");
	return p;
}

__u32 guest_address(const void *p)
{
	return (const char *)p - base;
}
