// SPDX-License-Identifier: GPL-2.0
/*
 * Does the world switch have what the host's kernel has chosen against what its CPU is
 * known for? Looks at the switcher's instructions as the kernel has patched them, and
 * compares them with what the kernel says in /sys and /proc.
 *
 *	speculation ROWS MODULE
 *
 * ROWS names what the table in Documentation/threat-model.rst has a row for, MODULE is
 * lg.ko.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/klog.h>
#include "test.h"

#define FILES	"/sys/devices/system/cpu/vulnerabilities"

/* Instructions; a displacement may be anything, and is not part of them. */
#define TO_CR3		"\x0f\x22\xd8"		/* mov %rax, %cr3 */
#define WRMSR_IBPB	"\xb9\x49\x00\x00\x00\xb8\x01\x00\x00\x00\x31\xd2\x0f\x30"
#define VERW		"\x0f\x00\x2c\x25"
#define VERW_SIZE	8
#define LIDT		"\x0f\x01\x9f"		/* of disp(%rdi) */
#define LFENCE		"\x0f\xae\xe8"
#define IRETQ		"\x48\xcf"
#define DIVIDE		"\x31\xc0\x31\xd2\xb9\x01\x00\x00\x00\xf7\xf1"
#define CALL		0xe8
#define CALL_SIZE	5

static const char *rows, *module;
static unsigned char text[64 * 1024];
static size_t size;

#define FIND(from, insn)	find(from, insn, sizeof(insn) - 1)

static const unsigned char *find(const unsigned char *from, const char *insn,
				 size_t bytes)
{
	return from ? memmem(from, text + size - from, insn, bytes) : NULL;
}

static uint64_t address_of(const char *symbol)
{
	FILE *file = fopen("/proc/kallsyms", "r");
	unsigned long long address;
	char name[128];

	need(file);
	while (fscanf(file, "%llx %*c %127s%*[^\n]", &address, name) == 2)
		if (!strcmp(name, symbol))
			return address;
	return 0;
}

/* Another process has the module in the kernel; ours reads it there. */
static void read_text(void)
{
	uint64_t start = address_of("lg_switcher_start");
	uint64_t end = address_of("lg_switcher_end");
	int fd = open("/proc/kcore", O_RDONLY);
	Elf64_Ehdr header;
	Elf64_Phdr part;
	int i;

	if (fd < 0)
		skip("no /proc/kcore");
	need(start && end > start && end - start <= sizeof(text));
	size = end - start;
	need(pread(fd, &header, sizeof(header), 0) == sizeof(header));
	for (i = 0; i < header.e_phnum; i++) {
		need(pread(fd, &part, sizeof(part),
			   header.e_phoff + i * sizeof(part)) == sizeof(part));
		if (part.p_type == PT_LOAD && part.p_vaddr <= start &&
		    end <= part.p_vaddr + part.p_memsz)
			break;
	}
	need(i < header.e_phnum);
	need(pread(fd, text, size, part.p_offset + start - part.p_vaddr) ==
	     (ssize_t)size);
}

/* What the kernel says of one of them, or "" if it knows nothing of it */
static const char *state(const char *file)
{
	char name[128];

	snprintf(name, sizeof(name), FILES "/%s", file);
	return access(name, R_OK) ? "" : slurp(name);
}

static bool says(const char *file, const char *words)
{
	return strstr(state(file), words);
}

static bool cpu_has(const char *line, const char *word)
{
	char *at = strstr(slurp("/proc/cpuinfo"), line);
	char *end = at ? strchr(at + 1, '\n') : NULL;
	char spaced[64];

	need(end);
	strcpy(end, " ");
	snprintf(spaced, sizeof(spaced), " %s ", word);
	return strstr(at, spaced);
}

static void each_has_a_row(void)
{
	DIR *dir = opendir(FILES);
	struct dirent *entry;
	char row[300];
	int files = 0;

	need(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		files++;
		snprintf(row, sizeof(row), "\n%s\n", entry->d_name);
		expect(strstr(slurp(rows), row), "%s", entry->d_name);
	}
	expect(files >= 10);
}

/* MMIO stale data alone needs no VERW: a guest has no device's memory. */
static void buffers_are_cleared_last(void)
{
	bool wanted = says("mds", "lear CPU buffers") ||
		      says("tsx_async_abort", "lear CPU buffers") ||
		      says("tsa", "lear CPU buffers") ||
		      says("reg_file_data_sampling", "lear Register File");
	const unsigned char *verw, *iret;

	read_text();
	verw = FIND(text, VERW);
	iret = FIND(text, IRETQ);
	need(iret);
	printf("# VERW: %s\n", verw ? "yes" : "no");
	expect(!!verw == wanted);
	if (!verw)
		return;
	expect(iret == verw + VERW_SIZE);
	expect(!FIND(verw + 1, VERW));
}

static void barrier_is_before_the_hosts_tables(void)
{
	const unsigned char *in, *barrier, *out;

	read_text();
	in = FIND(text, TO_CR3);
	barrier = FIND(text, WRMSR_IBPB);
	need(in && barrier);
	out = FIND(in + 1, TO_CR3);
	need(out);
	expect(in < barrier && barrier < out);
	expect(!FIND(out + 1, TO_CR3));
	expect(!FIND(out, WRMSR_IBPB));
}

static void barrier_follows_the_kernel(void)
{
	bool guards = says("spectre_v2", "Mitigation:") ||
		      says("spectre_v2", "Vulnerable: LFENCE") ||
		      says("spectre_v2", "Vulnerable: eIBRS") ||
		      says("retbleed", "Mitigation:") ||
		      says("spec_rstack_overflow", "afe RET") ||
		      says("vmscape", "Mitigation:");
	bool has = cpu_has("\nflags", "ibpb");
	char is = slurp("/sys/module/lg/parameters/ibpb")[0];

	printf("# IBPB: %c\n", is);
	expect(is == (has && guards ? 'Y' : 'N'), "%c, CPU %d, kernel %d", is, has,
	       guards);
}

static void history_is_overwritten(void)
{
	bool wanted = says("spectre_v2", "BHI: SW loop") ||
		      says("spectre_v2", "KVM: SW loop") ||
		      says("spectre_v2", "BHI: BHI_DIS_S");
	const unsigned char *out, *idt, *at, *fence = NULL;

	read_text();
	/* Its return stack is full and fenced by then, and no RET is in between. */
	out = FIND(FIND(text, TO_CR3) + 1, TO_CR3);
	idt = FIND(out, LIDT);
	need(idt);
	for (at = out; (at = FIND(at, LFENCE)) && at < idt; at++)
		fence = at;
	need(fence);
	printf("# history: %s\n", idt[-CALL_SIZE] == CALL ? "yes" : "no");
	expect((idt[-CALL_SIZE] == CALL) == wanted);
	expect(fence < idt - CALL_SIZE);
}

static void divider_is_cleared(void)
{
	bool wanted = cpu_has("\nbugs", "div0");

	read_text();
	printf("# divider: %s\n", wanted ? "yes" : "no");
	expect(!!FIND(text, DIVIDE) == wanted);
}

/* AMD's kind of Retbleed, against which a barrier comes too late */
static void refused_unless_trusted(void)
{
	static char log[1 << 16];

	if (!says("retbleed", "untrained return thunk") && !says("retbleed", ": IBPB"))
		skip("this CPU is not refused");
	need(!delete_module());
	expect_errno(load_module(module, ""), ENODEV);
	/* What it has to say would be a complaint to whoever looks next. */
	need(klogctl(4, log, sizeof(log) - 1) > 0);
	expect(strstr(log, "trusted=1"));
	need(!load_module(module, "trusted=1"));
}

static const struct test_case cases[] = {
	CASE(each_has_a_row),
	CASE(buffers_are_cleared_last),
	CASE(barrier_is_before_the_hosts_tables),
	CASE(barrier_follows_the_kernel),
	CASE(history_is_overwritten),
	CASE(divider_is_cleared),
	CASE(refused_unless_trusted),
};

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: %s ROWS MODULE\n", argv[0]);
		return 2;
	}
	rows = argv[1];
	module = argv[2];
	return RUN_CASES(cases);
}
