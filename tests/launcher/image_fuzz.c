// SPDX-License-Identifier: GPL-2.0
/*
 * Images of kernels and initial RAM disks that somebody has mangled.
 *
 *	image_fuzz CASES [SEED [FILE...]]
 *
 * It begins with a vmlinux and a bzImage of its own, and with FILEs, each first as it is.
 * Each case is a process of its own. It may refuse the image, by a message and the status
 * for that, or leave a machine that makes sense. It may not end by a signal, by a
 * sanitizer, or not at all; nor write outside of RAM, or compute for long.
 */
#include "launcher.h"
#include "random.h"

#include <asm/bootparam.h>
#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MB		0x100000U
#define COMMAND_LINE	PAGE_SIZE
#define FIRST_CODE	(2 * PAGE_SIZE)
#define HEADER		offsetof(struct boot_params, hdr)
/* Where our own images have their version */
#define BZIMAGE_VERSION	0x380
#define VMLINUX_VERSION	0x2800
#define MAX_IMAGES	64
#define IMAGE_MAX	(4U * MB)
/* On whatever machine: of time that passes, and of the processor's */
#define CASE_SECONDS	600
#define CPU_SECONDS	20
/* The status of a case that left a machine which makes no sense */
#define EXIT_BROKEN	9

static struct image {
	const char *name;
	char *bytes;
	size_t len;
	size_t hole;		/* behind it */
} images[MAX_IMAGES];

static unsigned int num_images;

/* The files of a case, in memory: what a program like this writes is not worth a disk. */
static int kernel_fd, initrd_fd, said_fd;

static char *add_image(const char *name, size_t len)
{
	struct image *image = &images[num_images++];

	image->name = name;
	image->len = len;
	image->bytes = calloc(1, len);
	if (!image->bytes)
		die("no memory for %s", name);
	return image->bytes;
}

static void put(void *at, const void *bytes, size_t len)
{
	memcpy(at, bytes, len);
}

static void make_vmlinux(void)
{
	static const char text[] = "Linux version 3.11.10 (somebody)\0lguest";
	char *file = add_image("vmlinux", 0x3000);
	const Elf32_Ehdr ehdr = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_386,
		.e_entry = 0x100000,
		.e_phoff = sizeof(ehdr),
		.e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = 3,
	};
	const Elf32_Phdr phdr[] = {
		{ PT_LOAD, 0x1000, 0xc0100000, 0x100000, 0x1000, 0x1000, PF_R, 0x1000 },
		{ PT_LOAD, 0x2000, 0xc0102000, 0x102000, 0x1000, 0x9000, PF_R, 0x1000 },
		{ PT_NOTE, 0x2000, 0xc0102000, 0x102000, 0x20, 0x20, PF_R, 4 },
	};

	put(file, &ehdr, sizeof(ehdr));
	put(file + sizeof(ehdr), phdr, sizeof(phdr));
	put(file + VMLINUX_VERSION, text, sizeof(text));
}

static void make_bzimage(void)
{
	const struct setup_header hdr = {
		.setup_sects = 1,
		.syssize = 0x800,
		.boot_flag = 0xaa55,
		.jump = 0x66eb,
		.header = 0x53726448,	/* HdrS */
		.version = 0x20c,
		.kernel_version = BZIMAGE_VERSION - 0x200,
		.loadflags = LOADED_HIGH,
		.code32_start = 0x100000,
		.initrd_addr_max = 0x37ffffff,
		.kernel_alignment = 0x1000,
		.pref_address = 0x100000,
		.init_size = 0x80000,
	};
	char *file = add_image("bzImage", 0x8400);

	put(file + HEADER, &hdr, sizeof(hdr));
	strcpy(file + BZIMAGE_VERSION, "4.9.0-1-686 (somebody)");
	for (unsigned int i = 0x400; i < 0x8400; i++)
		file[i] = i / 256 + i;
}

static void read_image(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t len;

	if (fd < 0 || fstat(fd, &st))
		die("%s: %m", name);
	/* The first bytes are what is looked at. */
	len = st.st_size < IMAGE_MAX ? st.st_size : IMAGE_MAX;
	if (num_images == MAX_IMAGES)
		die("more than %u images", MAX_IMAGES);
	if (read(fd, add_image(name, len), len) != (ssize_t)len)
		die("%s: %m", name);
	close(fd);
}

/* A number to which somebody may have paid no heed, for a guest with so much RAM */
static __u64 any_number(__u64 ram, __u64 len)
{
	__u64 n;

	switch (below(10)) {
	case 0:
		n = 0;
		break;
	case 1:
		n = ~0ULL;
		break;
	case 2:
		n = 1ULL << below(64);
		break;
	case 3:
		n = ram;
		break;
	case 4:
		n = ram - MB;
		break;
	case 5:
		n = len;
		break;
	case 6:
		n = (__u64)below(ram >> 12) << 12;
		break;
	case 7:
		return below(256);
	case 8:
		return below(ram);
	default:
		return (__u64)any() << 32 | any();
	}
	/* Mostly right at it, or beside it */
	return below(3) ? n + below(3) - 1 : n + below(0x2000) - 0x1000;
}

struct field {
	__u16 at;
	__u8 len;
};

#define IN_EHDR(field)	{ offsetof(Elf32_Ehdr, field), sizeof(((Elf32_Ehdr *)NULL)->field) }
#define IN_PHDR(field)	{ offsetof(Elf32_Phdr, field), sizeof(((Elf32_Phdr *)NULL)->field) }
#define IN_SETUP(field)	{ HEADER + offsetof(struct setup_header, field),	\
			  sizeof(((struct setup_header *)NULL)->field) }

static void put_field(struct image *image, size_t at, unsigned int len, __u64 value)
{
	if (at <= image->len && len <= image->len - at)
		memcpy(image->bytes + at, &value, len);
}

static void mangle_elf(struct image *image, __u64 ram)
{
	static const struct field in_ehdr[] = {
		IN_EHDR(e_type), IN_EHDR(e_machine), IN_EHDR(e_entry), IN_EHDR(e_phoff),
		IN_EHDR(e_phentsize), IN_EHDR(e_phnum), { EI_CLASS, 1 },
	};
	static const struct field in_phdr[] = {
		IN_PHDR(p_type), IN_PHDR(p_offset), IN_PHDR(p_vaddr), IN_PHDR(p_paddr),
		IN_PHDR(p_filesz), IN_PHDR(p_memsz),
	};
	const struct field *field;
	Elf32_Ehdr ehdr;
	size_t at = 0;

	memcpy(&ehdr, image->bytes, sizeof(ehdr));
	if (below(4)) {
		/* One of the first headers, wherever they are by now */
		field = &in_phdr[below(ARRAY_SIZE(in_phdr))];
		at = ehdr.e_phoff + below(4) * sizeof(Elf32_Phdr);
	} else {
		field = &in_ehdr[below(below(3) ? ARRAY_SIZE(in_ehdr) : 5)];
	}
	put_field(image, at + field->at, field->len, any_number(ram, image->len));
}

/* Very many headers, all of the same segment */
static void many_headers(struct image *image, __u64 ram)
{
	const unsigned int num = below(4) ? below(300) : 0xffff;
	const size_t at = image->len;
	Elf32_Phdr phdr;

	if (at < sizeof(Elf32_Ehdr) + sizeof(phdr) || at > IMAGE_MAX / 2)
		return;
	memcpy(&phdr, image->bytes + sizeof(Elf32_Ehdr), sizeof(phdr));
	if (below(2)) {
		image->hole = 8 * MB;
		phdr.p_memsz = below(2) ? below(image->hole) : any_number(ram, at);
		phdr.p_filesz = below(2) ? phdr.p_memsz : below(at);
		phdr.p_offset = 0;
	}
	image->len += num * sizeof(phdr);
	image->bytes = realloc(image->bytes, image->len);
	if (!image->bytes)
		die("no memory");
	for (unsigned int i = 0; i < num; i++)
		memcpy(image->bytes + at + i * sizeof(phdr), &phdr, sizeof(phdr));
	put_field(image, offsetof(Elf32_Ehdr, e_phoff), 4, at);
	put_field(image, offsetof(Elf32_Ehdr, e_phnum), 2, num);
}

/* A segment that ends about where RAM does */
static void last_segment(struct image *image, __u64 ram)
{
	const size_t at = sizeof(Elf32_Ehdr) + below(2) * sizeof(Elf32_Phdr);
	Elf32_Phdr phdr;

	if (image->len < at + sizeof(phdr))
		return;
	memcpy(&phdr, image->bytes + at, sizeof(phdr));
	phdr.p_memsz = below(2) ? phdr.p_filesz : below(image->len);
	phdr.p_paddr = ram - phdr.p_memsz;
	if (!below(3))
		phdr.p_paddr += below(3) - 1;
	if (below(2))
		phdr.p_filesz = phdr.p_memsz + below(3) * 16;
	if (below(2) && phdr.p_filesz <= image->len)
		phdr.p_offset = image->len - phdr.p_filesz;
	memcpy(image->bytes + at, &phdr, sizeof(phdr));
}

static void mangle_setup(struct image *image, __u64 ram)
{
	static const struct field fields[] = {
		IN_SETUP(setup_sects), IN_SETUP(syssize), IN_SETUP(jump),
		IN_SETUP(version), IN_SETUP(kernel_version), IN_SETUP(loadflags),
		IN_SETUP(code32_start), IN_SETUP(initrd_addr_max),
		IN_SETUP(kernel_alignment), IN_SETUP(xloadflags), IN_SETUP(pref_address),
		IN_SETUP(init_size), IN_SETUP(setup_data), IN_SETUP(boot_flag),
		IN_SETUP(header), IN_SETUP(ramdisk_image), IN_SETUP(ramdisk_size),
	};
	const struct field *field = &fields[below(ARRAY_SIZE(fields))];

	put_field(image, field->at, field->len, any_number(ram, image->len));
}

/* What a version may be followed by, or not be */
static void mangle_version(struct image *image)
{
	static const char *const texts[] = {
		"Linux version ", "Linux version 4", "Linux version 4.9.99999999999",
		"Linux version 2.6.30\033[2J", "Linux version 4.-1.3", "lguest",
		"2.6.30\n\033[2J", "%s%n%n", "99999999999999999999.1", "4.14.",
	};
	const char *text = texts[below(ARRAY_SIZE(texts))];
	size_t len = strlen(text) + below(2), at;

	if (image->len < len)
		return;
	at = below(image->len - len + 1);
	/* Where ours have it, or where nothing is behind it */
	switch (below(4)) {
	case 0:
		at = image->len - len;
		break;
	case 1:
		at = BZIMAGE_VERSION;
		break;
	case 2:
		at = VMLINUX_VERSION;
		break;
	}
	if (at <= image->len - len)
		memcpy(image->bytes + at, text, len);
}

static void mangle_bytes(struct image *image)
{
	size_t most = below(2) ? image->len : image->len < 1024 ? image->len : 1024;

	for (unsigned int i = below(16); i && most; i--)
		image->bytes[below(most)] = below(2) ? any() : 1U << below(8);
}

static void mangle(struct image *image, __u64 ram)
{
	bool is_elf = image->len >= sizeof(Elf32_Ehdr) &&
		!memcmp(image->bytes, ELFMAG, SELFMAG);

	switch (below(16)) {
	case 0:
		mangle_bytes(image);
		break;
	case 1:
		mangle_version(image);
		break;
	case 2:
		if (is_elf)
			many_headers(image, ram);
		break;
	case 3:
		if (is_elf)
			last_segment(image, ram);
		break;
	default:
		if (is_elf)
			mangle_elf(image, ram);
		else
			mangle_setup(image, ram);
	}
}

/* Mostly as it is; or cut off, or with a hole behind */
static off_t any_length(size_t len)
{
	switch (below(8)) {
	case 0:
		return any() % (len + 1);
	case 1:
		return len + any() % (8 * MB);
	case 2:
		if (!below(16))
			return (off_t)any() << below(31);
		break;
	}
	return len;
}

static void write_file(int fd, const struct image *image, off_t len)
{
	if (ftruncate(fd, 0) ||
	    pwrite(fd, image->bytes, image->len, 0) != (ssize_t)image->len ||
	    ftruncate(fd, len))
		die("write: %m");
}

static void make_initrd(__u64 ram)
{
	__u64 len;

	switch (below(4)) {
	case 0:
		len = ram - below(ram < 4 * MB ? ram : 4 * MB);
		break;
	case 1:
		len = any_number(ram, 0) & (~0ULL >> 1);
		break;
	default:
		len = below(3 * MB);
	}
	if (ftruncate(initrd_fd, 0) || pwrite(initrd_fd, "initrd", 6, 0) != 6 ||
	    ftruncate(initrd_fd, len))
		die("initrd: %m");
}

/* Somebody else writes to the files while we read them. */
static void *disturb(void *seed)
{
	unsigned int rand = (size_t)seed;

	for (;;) {
		int fd = rand_r(&rand) % 4 ? kernel_fd : initrd_fd;

		if (ftruncate(fd, rand_r(&rand) % (2 * MB)))
			return NULL;
	}
}

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	dprintf(said_fd, "not so: %s", what);
	_exit(EXIT_BROKEN);
}

static bool only_zeroes(const char *from, const char *to)
{
	while (from < to && !*from)
		from++;
	return from >= to;
}

static bool equals_file(const void *ram, __u64 len, int fd, off_t offset)
{
	void *file = mmap(NULL, len + offset, PROT_READ, MAP_SHARED, fd, 0);
	bool equal;

	if (file == MAP_FAILED)
		return false;
	equal = !memcmp(ram, (char *)file + offset, len);
	munmap(file, len + offset);
	return equal;
}

static void check_initrd(const struct boot_params *boot, __u32 start, bool undisturbed)
{
	__u64 at = boot->hdr.ramdisk_image, len = boot->hdr.ramdisk_size;
	void *ram = guest_ram(at, len);

	must(ram && len, "the initial RAM disk is in RAM");
	must(at % PAGE_SIZE == 0 && at >= FIRST_CODE, "it begins a page, of its own");
	must(start < at || start >= at + len, "no kernel begins in it");
	if (!undisturbed)
		return;
	/* If it is large, then only the ends: they are looked at 300,000 times. */
	if (len > MB)
		must(!memcmp(ram, "initrd", 6) && only_zeroes((char *)ram + len - PAGE_SIZE,
							      (char *)ram + len),
		     "it is all there");
	else
		must(equals_file(ram, len, initrd_fd, 0), "it is what was in the file");
}

static void check_kernel(const struct boot_params *boot)
{
	unsigned int sectors = boot->hdr.setup_sects ? boot->hdr.setup_sects : 4;
	off_t offset = (sectors + 1) * SECTOR_SIZE;
	__u64 ram = guest_ram_size();
	struct stat st;
	__u16 version;

	must(pread(kernel_fd, &version, 2, HEADER + offsetof(struct setup_header, version)) == 2,
	     "there is a header");
	must(version < 0x20a || (boot->hdr.init_size <= ram &&
				 boot->hdr.pref_address <= ram - boot->hdr.init_size),
	     "it has the memory that it wants");
	must(!fstat(kernel_fd, &st) && st.st_size > offset, "there is a kernel");
	if (st.st_size < 2 * MB)
		must(equals_file(guest_ram(MB, st.st_size - offset), st.st_size - offset,
				 kernel_fd, offset), "it is what was in the file");
}

static void check(__u32 start, bool initrd, bool undisturbed)
{
	const struct boot_params *boot = guest_ram(0, 2 * PAGE_SIZE);
	const char *page = (const char *)boot;

	must(guest_ram(start, 1) && start >= FIRST_CODE, "it begins in RAM");
	must(boot->hdr.cmd_line_ptr == COMMAND_LINE, "it has a command line");
	must(only_zeroes(page + COMMAND_LINE, page + FIRST_CODE), "which is still empty");
	must(boot->hdr.hardware_subarch == 1 && boot->hdr.loadflags & KEEP_SEGMENTS,
	     "it knows what it is");
	must(boot->e820_entries == 1 && !boot->e820_table[0].addr &&
	     boot->e820_table[0].size == guest_ram_size(), "it knows its memory");
	must(only_zeroes((const char *)&boot->e820_table[1], page + PAGE_SIZE) &&
	     only_zeroes(page, (const char *)&boot->e820_entries), "and nothing else");
	if (initrd)
		check_initrd(boot, start, undisturbed);
	if (undisturbed && boot->hdr.boot_flag == 0xaa55)
		check_kernel(boot);
}

static char kernel_path[32], initrd_path[32];

static void load(__u64 ram, bool initrd, bool undisturbed)
{
	const struct rlimit cpu = { CPU_SECONDS, CPU_SECONDS };
	__u32 version;

	alarm(CASE_SECONDS);
	if (setrlimit(RLIMIT_CPU, &cpu))
		die("setrlimit: %m");
	dup2(said_fd, STDERR_FILENO);
	guest_memory_create(ram);
	/* What is above RAM is nobody's by now. */
	if (mprotect((char *)guest_memory_base() + ram, PAGE_SIZE, PROT_NONE))
		die("mprotect: %m");
	check(load_guest(kernel_path, initrd ? initrd_path : NULL, &version), initrd,
	      undisturbed);
	_exit(0);
}

/* The first are the images as they are. */
static void run_case(unsigned int i, __u64 seed)
{
	static const __u16 sizes[] = { 1, 2, 16, 16, 16, 64, 2048, 4095 };
	struct image image;
	bool initrd, undisturbed;
	pthread_t thread;
	__u64 ram;

	random_seed(seed);
	if (i < num_images) {
		write_file(kernel_fd, &images[i], images[i].len);
		load(64 * MB, false, true);
	}
	ram = (__u64)sizes[below(ARRAY_SIZE(sizes))] * MB;
	image = images[below(num_images)];
	for (unsigned int n = 1 + below(2) * below(4); n; n--)
		mangle(&image, ram);
	write_file(kernel_fd, &image, any_length(image.len + image.hole));
	initrd = below(2);
	if (initrd)
		make_initrd(ram);
	undisturbed = below(16);
	if (!undisturbed && pthread_create(&thread, NULL, disturb, (void *)(size_t)any()))
		die("no thread");
	load(ram, initrd, undisturbed);
}

/* What the child said: one line that a terminal may see */
static bool said_well(const char *said, int status)
{
	size_t len = strlen(said);

	if (status == EXIT_POWERED_OFF)
		return !len;
	/* Pages around RAM stop the kernel as they would stop us. */
	if (status != EXIT_FAILED || len < 2 || said[len - 1] != '\n' ||
	    strstr(said, strerror(EFAULT)))
		return false;
	for (size_t i = 0; i < len - 1; i++) {
		if (!isprint((unsigned char)said[i]))
			return false;
	}
	return true;
}

/* Returns the status with which the Launcher would have ended, or -1 for a bad case. */
static int try_case(unsigned int i, __u64 seed)
{
	static char said[1 << 16];
	ssize_t len;
	int status;
	pid_t pid;

	if (ftruncate(said_fd, 0) || lseek(said_fd, 0, SEEK_SET))
		die("ftruncate: %m");
	pid = fork();
	if (pid < 0)
		die("fork: %m");
	if (!pid)
		run_case(i, seed);
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid: %m");
	len = pread(said_fd, said, sizeof(said) - 1, 0);
	if (len < 0)
		die("pread: %m");
	said[len] = '\0';
	if (WIFEXITED(status) && said_well(said, WEXITSTATUS(status)))
		return WEXITSTATUS(status);
	printf("# case %u of seed %llu: wait status %#x: %s\n", i, seed, status, said);
	return -1;
}

static int memory_file(const char *name, char *path)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		die("memfd_create: %m");
	if (path)
		sprintf(path, "/proc/self/fd/%d", fd);
	return fd;
}

int main(int argc, char **argv)
{
	unsigned int cases = 1000, refused = 0, bad = 0;
	__u64 first = time(NULL);
	bool passed;

	if (argc > 1)
		cases = atoi(argv[1]);
	if (argc > 2)
		first = strtoull(argv[2], NULL, 0);
	make_vmlinux();
	make_bzimage();
	for (int i = 3; i < argc; i++)
		read_image(argv[i]);
	kernel_fd = memory_file("kernel", kernel_path);
	initrd_fd = memory_file("initrd", initrd_path);
	said_fd = memory_file("said", NULL);
	puts("KTAP version 1\n1..1");
	printf("# seed %llu\n", first);
	for (unsigned int i = 0; i < cases; i++) {
		int status;

		fflush(stdout);
		status = try_case(i, first + i);
		refused += status == EXIT_FAILED;
		bad += status < 0;
	}
	printf("# %u of %u images were refused\n", refused, cases);
	/* A fuzzer whose images are all refused would find nothing, nor would the opposite. */
	passed = !bad && refused > cases / 4 && refused < cases - cases / 16;
	printf("%sok 1 image_fuzz: mangled images\n", passed ? "" : "not ");
	return !passed;
}
