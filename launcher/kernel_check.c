// SPDX-License-Identifier: GPL-2.0
/*
 * What an image tells of its kernel before that runs. Linux has lguest guests from
 * 2.6.31 to 4.13, if configured so, and only 32-bit ones. Whoever comes with another
 * kernel learns it here, in place of a trap at some address, as far as the file tells. How
 * it was configured a bzImage does not.
 */
#include "launcher.h"

#include <asm/bootparam.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define PROTOCOL_XLOADFLAGS	0x20c
#define BANNER			"Linux version "

#define FIRST_GUEST		LINUX_VERSION(2, 6, 31)
#define FIRST_WITHOUT_LGUEST	LINUX_VERSION(4, 14, 0)

/* How much of @text is a version that a terminal may see: a file may hold anything. */
static int version_len(const char *text)
{
	int len = 0;

	while (len < VERSION_LEN_MAX && isgraph((unsigned char)text[len]))
		len++;
	return len;
}

/* @text begins with a version: "4.9.0-12-686-pae (debian-kernel@...". */
static __u32 check_version(const char *name, const char *text)
{
	unsigned int a, b, c = 0;
	int len = version_len(text);
	__u32 version;

	if (sscanf(text, "%u.%u.%u", &a, &b, &c) < 2 || a > 255 || b > 255)
		return 0;
	/* Stable releases of 4.4 and 4.9 have more of these than there is room for. */
	if (c > 255)
		c = 255;
	version = LINUX_VERSION(a, b, c);
	if (version < FIRST_GUEST)
		die("%s: Linux %.*s is too old: lguest runs 2.6.31 to 4.13",
		    name, len, text);
	if (version >= FIRST_WITHOUT_LGUEST)
		die("%s: Linux %.*s is too new: from 4.14 on it can't be an lguest guest",
		    name, len, text);
	return version;
}

/**
 * check_bzimage() - end with a message if a bzImage can't be a guest
 * @name: the file, for the message
 * @hdr: its setup header
 * @setup: the file's first bytes, with a 0 behind them
 * @size: how many there are
 *
 * Return: its version, or 0 if it does not tell.
 */
__u32 check_bzimage(const char *name, const struct setup_header *hdr, const char *setup,
		    size_t size)
{
	size_t banner = hdr->kernel_version + 0x200;

	if (hdr->version >= PROTOCOL_XLOADFLAGS &&
	    hdr->xloadflags & XLF_KERNEL_64)
		die("%s: a 64-bit kernel: lguest runs 32-bit ones", name);
	if (hdr->kernel_version && banner < size)
		return check_version(name, setup + banner);
	return 0;
}

/**
 * scan_vmlinux() - look for what tells which Linux this is
 * @found: what there was in the segments before; all 0 at first
 * @segment: another segment, in memory
 * @len: its length in the file
 */
void scan_vmlinux(struct vmlinux_strings *found, const char *segment, size_t len)
{
	const char *end = segment + len, *at = segment;

	/* Its name for what it is paravirtualized for */
	if (memmem(segment, len, "lguest", sizeof("lguest")))
		found->lguest = true;
	while (!*found->version) {
		at = memmem(at, end - at, BANNER, strlen(BANNER));
		if (!at)
			break;
		at += strlen(BANNER);
		/* Others may have these words, too. */
		if (at < end && isdigit((unsigned char)*at))
			memcpy(found->version, at, end - at < VERSION_LEN_MAX ?
			       end - at : VERSION_LEN_MAX);
	}
}

/**
 * check_vmlinux() - end with a message if a vmlinux can't be a guest
 * @name: the file, for the message
 * @found: from scan_vmlinux(), of all of its segments
 *
 * One that does not say which Linux it is may be none, and passes.
 *
 * Return: its version, or 0 if it does not tell.
 */
__u32 check_vmlinux(const char *name, const struct vmlinux_strings *found)
{
	__u32 version;

	if (!*found->version)
		return 0;
	version = check_version(name, found->version);
	if (!found->lguest)
		die("%s: Linux %.*s was built without CONFIG_LGUEST_GUEST: it can't be a guest",
		    name, version_len(found->version), found->version);
	return version;
}
