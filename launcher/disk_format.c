// SPDX-License-Identifier: GPL-2.0
/*
 * What a file is that is no raw image. Its first sectors would be a guest's disk all the
 * same, of which nothing can be made, and into which the guest would write. And whether an image
 * names other files, which a program that reads it would open.
 */
#include "launcher.h"

#include <string.h>
#include <unistd.h>

#define FROM_START(offset, text, what, format) \
	{ offset, text, sizeof(text) - 1, what, format }
/* In the last sector */
#define FROM_END(text, what, format)	{ -512, text, sizeof(text) - 1, what, format }

static const struct {
	off_t offset;
	const char *magic;
	size_t len;
	const char *what;
	const char *format;	/* as qemu-nbd calls it; NULL if it is no disk to that */
} formats[] = {
	FROM_START(0, "QFI\xfb", "a qcow2 image", "qcow2"),
	FROM_START(0, "QED\0", "a QED image", "qed"),
	FROM_START(0, "KDMV", "a VMDK image", "vmdk"),
	FROM_START(0, "COWD", "a VMDK image", "vmdk"),
	FROM_START(0, "# Disk DescriptorFile", "a VMDK image's description", "vmdk"),
	FROM_START(0, "vhdxfile", "a VHDX image", "vhdx"),
	FROM_START(0, "conectix", "a VHD image", "vpc"),
	FROM_END("conectix", "a VHD image", "vpc"),
	FROM_START(64, "\x7f\x10\xda\xbe", "a VDI image", "vdi"),
	FROM_START(0, "WithoutFreeSpace", "a Parallels image", "parallels"),
	FROM_START(0, "WithouFreSpacExt", "a Parallels image", "parallels"),
	FROM_END("koly", "a DMG image", "dmg"),
	FROM_START(0, "\x1f\x8b", "compressed by gzip", NULL),
	FROM_START(0, "\3757zXZ\0", "compressed by xz", NULL),
	FROM_START(0, "BZh", "compressed by bzip2", NULL),
	FROM_START(0, "\x28\xb5\x2f\xfd", "compressed by zstd", NULL),
	FROM_START(0, "PK\3\4", "a ZIP archive", NULL),
	FROM_START(257, "ustar", "a tar archive", NULL),
	FROM_START(0, "070701", "a cpio archive", NULL),
};

/**
 * disk_format() - find out whether a file is an image of another format than raw
 * @fd: open to be read
 * @size: of the file in bytes
 * @format: set to what qemu-nbd calls that, or NULL if it can't make a disk of it
 *
 * Return: what it is, or NULL if it may be raw.
 */
const char *disk_format(int fd, off_t size, const char **format)
{
	char found[32];

	for (unsigned int i = 0; i < ARRAY_SIZE(formats); i++) {
		off_t at = formats[i].offset < 0 ? size + formats[i].offset :
						   formats[i].offset;

		if (at >= 0 &&
		    pread(fd, found, formats[i].len, at) == (ssize_t)formats[i].len &&
		    !memcmp(found, formats[i].magic, formats[i].len)) {
			*format = formats[i].format;
			return formats[i].what;
		}
	}
	return NULL;
}

/* Where one of these bits is set, by docs/interop/qcow2.txt and qed_spec.txt of QEMU */
static const struct {
	const char *format;
	off_t offset;
	size_t len;
	unsigned char bits;
} names[] = {
	{ "qcow2", 8, 8, 0xff },	/* where the name of a backing file is */
	{ "qcow2", 79, 1, 1 << 2 },	/* an external data file */
	{ "qcow", 8, 8, 0xff },
	{ "qed", 16, 1, 1 << 0 },
	{ "vmdk", 0, 1, 0xff },		/* a text says it, in any of them */
};

/**
 * disk_format_names_files() - find out whether an image is not all that is read
 * @fd: open to be read
 * @format: what qemu-nbd is told that it is
 *
 * Return: whether it names other files, or may.
 */
bool disk_format_names_files(int fd, const char *format)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		unsigned char found[8] = { };

		if (strcmp(names[i].format, format) ||
		    pread(fd, found, names[i].len, names[i].offset) < 0)
			continue;
		for (size_t j = 0; j < names[i].len; j++) {
			if (found[j] & names[i].bits)
				return true;
		}
	}
	return false;
}
