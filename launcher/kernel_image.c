// SPDX-License-Identifier: GPL-2.0
/*
 * Boot loader: puts the kernel, the initrd and the boot parameters where a kernel
 * that wakes up with ESI = 0 looks for them. The layout is that of the kernel's
 * Documentation/arch/x86/boot.rst, with two additions by which the kernel learns
 * that this is lguest: hardware_subarch, and KEEP_SEGMENTS, as the kernel may have
 * no segments but those it was given.
 */
#include "launcher.h"

#include <asm/bootparam.h>
#include <assert.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CMDLINE_GPA		PAGE_SIZE
#define CMDLINE_SIZE		2048
/* boot_params and the page of the command line */
#define BOOT_AREA_SIZE		(2 * PAGE_SIZE)
#define BZIMAGE_GPA		0x100000U
/* If the kernel doesn't say, the boot protocol lets an initrd end here. */
#define INITRD_ADDR_MAX		0x37ffffffU
/* The setup code and the sector before it: boot.rst allows no more. */
#define SETUP_SIZE_MAX		(65 * SECTOR_SIZE)
#define E820_TYPE_RAM		1
#define SUBARCH_LGUEST		1
#define LOADER_UNDEFINED	0xff
#define PROTOCOL_SUBARCH	0x207
#define PROTOCOL_INIT_SIZE	0x20a

static_assert(sizeof(struct boot_params) == PAGE_SIZE, "boot_params layout");
static_assert(offsetof(struct boot_params, hdr.hardware_subarch) == 0x23c,
	      "setup_header layout");

struct image {
	const char *name;
	int fd;
	__u64 size;
};

static struct image image_open(const char *name)
{
	struct image image = { .name = name };
	struct stat st;

	/* To open something else may wait, or have an effect. */
	if (stat(name, &st))
		die("%s: %m", name);
	if (!S_ISREG(st.st_mode))
		die("%s: not a regular file", name);
	image.fd = open(name, O_RDONLY | O_CLOEXEC);
	if (image.fd < 0 || fstat(image.fd, &st))
		die("%s: %m", name);
	image.size = st.st_size;
	return image;
}

static void image_read(const struct image *image, void *buf, __u64 len,
		       __u64 offset)
{
	while (len) {
		ssize_t n = pread(image->fd, buf, len, offset);

		if (n < 0)
			die("%s: %m", image->name);
		if (!n)
			die("%s: file is cut short", image->name);
		buf = (char *)buf + n;
		offset += n;
		len -= n;
	}
}

/* Returns the end of what the kernel takes up, as far as the image tells. */
static __u64 load_elf(const struct image *image, const Elf32_Ehdr *ehdr,
		      __u32 *start, __u32 *version)
{
	struct vmlinux_strings found = { };
	__u64 kernel_end = 0, total = 0;

	if (ehdr->e_machine == EM_X86_64)
		die("%s: a 64-bit kernel or program: lguest runs 32-bit kernels",
		    image->name);
	if (ehdr->e_ident[EI_CLASS] != ELFCLASS32 || ehdr->e_machine != EM_386)
		die("%s: not a 32-bit x86 kernel", image->name);
	if (ehdr->e_type != ET_EXEC || ehdr->e_phentsize != sizeof(Elf32_Phdr))
		die("%s: an ELF file, but not of the kind that kernels are (EXEC)", image->name);

	for (unsigned int i = 0; i < ehdr->e_phnum; i++) {
		Elf32_Phdr phdr;
		void *dest;

		image_read(image, &phdr, sizeof(phdr),
			   (__u64)ehdr->e_phoff + i * sizeof(phdr));
		if (phdr.p_type != PT_LOAD || !phdr.p_memsz)
			continue;
		if (phdr.p_filesz > phdr.p_memsz ||
		    phdr.p_paddr < BOOT_AREA_SIZE)
			die("%s: segment %u has no place at %#x", image->name, i,
			    phdr.p_paddr);
		dest = guest_ram(phdr.p_paddr, phdr.p_memsz);
		if (!dest)
			die("%s: needs more memory than %llu MB: segment %u ends at %#llx%s",
			    image->name, guest_ram_size() >> 20, i,
			    (__u64)phdr.p_paddr + phdr.p_memsz,
			    phdr.p_paddr == phdr.p_vaddr ? " (is it a kernel?)" : "");
		/* Else a small file could have us copy for hours. */
		total += phdr.p_memsz;
		if (total > guest_ram_size())
			die("%s: segments overlap", image->name);
		/* RAM is fresh, so what is not in the file is zero already. */
		image_read(image, dest, phdr.p_filesz, phdr.p_offset);
		scan_vmlinux(&found, dest, phdr.p_filesz);
		if (kernel_end < (__u64)phdr.p_paddr + phdr.p_memsz)
			kernel_end = (__u64)phdr.p_paddr + phdr.p_memsz;
	}
	if (!kernel_end)
		die("%s: has nothing to load", image->name);
	*version = check_vmlinux(image->name, &found);
	*start = ehdr->e_entry;
	return kernel_end;
}

static __u64 load_bzimage(const struct image *image, struct setup_header *hdr,
			  __u32 *start, __u32 *version)
{
	const unsigned int hdr_gpa = offsetof(struct boot_params, hdr);
	__u8 first[SETUP_SIZE_MAX + 1] = { };
	__u64 offset, len, kernel_end;
	size_t hdr_len;
	void *dest;

	image_read(image, first, image->size < SETUP_SIZE_MAX ?
		   image->size : SETUP_SIZE_MAX, 0);
	memcpy(hdr, first + hdr_gpa, sizeof(*hdr));
	if (hdr->boot_flag != 0xaa55 || memcmp(&hdr->header, "HdrS", 4))
		die("%s: neither a vmlinux (ELF) nor a bzImage", image->name);
	if (!(hdr->loadflags & LOADED_HIGH) || hdr->version < PROTOCOL_SUBARCH)
		die("%s: boot protocol %u.%02u is too old for lguest (2.07)",
		    image->name, hdr->version >> 8, hdr->version & 0xff);

	/* Behind a header that is shorter than ours lies code, not fields. */
	hdr_len = 0x202 + first[0x201] - hdr_gpa;
	if (hdr_len < sizeof(*hdr))
		memset((char *)hdr + hdr_len, 0, sizeof(*hdr) - hdr_len);
	*version = check_bzimage(image->name, hdr, (const char *)first, SETUP_SIZE_MAX);

	/* 0 stands for 4, for the sake of very old kernels. */
	offset = ((hdr->setup_sects ? hdr->setup_sects : 4) + 1) * SECTOR_SIZE;
	if (offset >= image->size)
		die("%s: file is cut short", image->name);
	len = image->size - offset;
	/* In units of 16 bytes, of which old kernels have less in the last. */
	if (len + 15 < (__u64)hdr->syssize * 16)
		die("%s: file is cut short", image->name);

	kernel_end = BZIMAGE_GPA + len;
	if (hdr->version >= PROTOCOL_INIT_SIZE) {
		/* A kernel moves itself up before it unpacks, and says how far. */
		__u64 align = hdr->kernel_alignment ? hdr->kernel_alignment : 1;
		__u64 end = (BZIMAGE_GPA + align - 1) / align * align;

		if (end < hdr->pref_address)
			end = hdr->pref_address;
		/* The sum may have no room in 64 bits. */
		end = end > ~0ULL - hdr->init_size ? ~0ULL : end + hdr->init_size;
		if (kernel_end < end)
			kernel_end = end;
	}
	dest = guest_ram(BZIMAGE_GPA, len);
	if (!dest || kernel_end > guest_ram_size())
		die("%s: needs %llu MB of memory, the guest has %llu",
		    image->name, ((kernel_end - 1) >> 20) + 1, guest_ram_size() >> 20);
	image_read(image, dest, len, offset);
	*start = hdr->code32_start;
	return kernel_end;
}

/* As high as allowed, where it is least in a booting kernel's way */
static void load_initrd(const char *name, struct setup_header *hdr,
			__u64 kernel_end)
{
	struct image image = image_open(name);
	__u64 top = (__u64)INITRD_ADDR_MAX + 1, gpa;

	if (!image.size)
		die("%s: is empty", name);
	if (hdr->initrd_addr_max)
		top = (__u64)hdr->initrd_addr_max + 1;
	if (top > guest_ram_size())
		top = guest_ram_size();
	if (image.size > top || ((top - image.size) & -PAGE_SIZE) < kernel_end)
		die("%s: does not fit above the kernel in %llu MB of memory",
		    name, guest_ram_size() >> 20);
	gpa = (top - image.size) & -PAGE_SIZE;
	image_read(&image, guest_ram(gpa, image.size), image.size, 0);
	hdr->ramdisk_image = gpa;
	hdr->ramdisk_size = image.size;
	close(image.fd);
}

/* Returns the kernel's entry point; @version is set to which Linux it is. */
__u32 load_guest(const char *kernel, const char *initrd, __u32 *version)
{
	struct boot_params *boot = guest_ram(0, BOOT_AREA_SIZE);
	struct image image = image_open(kernel);
	Elf32_Ehdr ehdr;
	__u64 kernel_end;
	__u32 start;

	if (image.size < sizeof(ehdr))
		die("%s: too small to be a kernel", kernel);
	image_read(&image, &ehdr, sizeof(ehdr), 0);
	if (!memcmp(ehdr.e_ident, ELFMAG, SELFMAG))
		kernel_end = load_elf(&image, &ehdr, &start, version);
	else
		kernel_end = load_bzimage(&image, &boot->hdr, &start, version);
	close(image.fd);
	/* What lies between is in memory, as what is loaded is. */
	if (start < BOOT_AREA_SIZE || start >= kernel_end)
		die("%s: nothing is loaded at its entry point, %#x", kernel, start);

	if (initrd)
		load_initrd(initrd, &boot->hdr, kernel_end);

	boot->hdr.cmd_line_ptr = CMDLINE_GPA;

	/* All RAM in one piece: there is no BIOS that needs some for itself. */
	boot->e820_table[0].addr = 0;
	boot->e820_table[0].size = guest_ram_size();
	boot->e820_table[0].type = E820_TYPE_RAM;
	boot->e820_entries = 1;

	boot->hdr.version = PROTOCOL_SUBARCH;
	boot->hdr.hardware_subarch = SUBARCH_LGUEST;
	boot->hdr.loadflags |= KEEP_SEGMENTS;
	/* If there was no loader at all, kernels don't believe in the initrd. */
	boot->hdr.type_of_loader = LOADER_UNDEFINED;
	return start;
}

/* What the guest of load_guest() is told */
void load_command_line(const char *cmdline)
{
	if (strlen(cmdline) >= CMDLINE_SIZE)
		die("the kernel's command line is longer than %u characters",
		    CMDLINE_SIZE - 1);
	strcpy(guest_ram(CMDLINE_GPA, CMDLINE_SIZE), cmdline);
}
