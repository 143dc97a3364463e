// SPDX-License-Identifier: GPL-2.0
/*
 * "lguest check": can this machine run guests, and if not, why not? The module's own word is
 * final, so nothing here is asked when a guest starts. This is for who wants to know before,
 * or after the module was refused.
 */
#include "launcher.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* The oldest that compat.h knows */
#define OLDEST		LINUX_VERSION(5, 15, 0)

/* Of a group, or its number */
#define NAME_MAX_LEN	64

#define NOBODY		65534

enum verdict { GOOD, NOTE, LACKING };

static bool can_run = true;
static struct utsname host;

static void __printf(3, 4) report(enum verdict verdict, const char *what, const char *fmt, ...)
{
	static const char *const words[] = { "ok", "note", "NO" };
	va_list args;

	printf("%-5s%-13s", words[verdict], what);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	if (verdict == LACKING)
		can_run = false;
}

/* The first line of a file, without its end. Returns false if there is none. */
static bool first_line(const char *name, char *line, size_t size)
{
	FILE *file = fopen(name, "re");
	bool read = file && fgets(line, size, file);

	if (file)
		fclose(file);
	if (read)
		line[strcspn(line, "\n")] = '\0';
	return read;
}

/* Whether a line of a file has a word between blanks; lines that begin with @start alone */
static bool has_word(const char *name, const char *start, const char *word)
{
	FILE *file = fopen(name, "re");
	size_t size = 0, len = strlen(word);
	char *line = NULL, *at;
	bool found = false;

	while (file && !found && getline(&line, &size, file) > 0) {
		if (strncmp(line, start, strlen(start)))
			continue;
		for (at = line; !found && (at = strstr(at, word)); at += len)
			found = (at == line || at[-1] == ' ') &&
				(at[len] == ' ' || at[len] == '\n');
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

/* Set @model to the CPU's, "" if that is not known. */
static void find_model(char *model, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	*model = '\0';
	while (file && !*model && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "model name\t: ", 13))
			snprintf(model, size, "%s", line + 13);
	}
	if (file)
		fclose(file);
}

static bool has_flag(const char *flag)
{
	return has_word("/proc/cpuinfo", "flags", flag);
}

static void check_kernel(void)
{
	unsigned int major = 0, minor = 0;
	char guest_type[16] = "";

	if (sscanf(host.release, "%u.%u", &major, &minor) != 2)
		minor = 0;
	if (strcmp(host.machine, "x86_64"))
		report(LACKING, "kernel", "%s, of %s: want one of x86_64", host.release,
		       host.machine);
	else if (LINUX_VERSION(major, minor, 0) < OLDEST)
		report(LACKING, "kernel", "Linux %s: want 5.15 or later", host.release);
	else
		report(GOOD, "kernel", "Linux %s", host.release);
	first_line("/sys/hypervisor/guest_type", guest_type, sizeof(guest_type));
	if (!strcmp(guest_type, "PV"))
		report(LACKING, "Xen", "this kernel is itself a paravirtual guest");
}

/* What a hypervisor calls itself (Linux: arch/x86/kernel/cpu/hypervisor.c) */
static const char *hypervisor(void)
{
	static const struct {
		const char *signature, *name;
	} known[] = {
		{ "KVMKVMKVM\0\0\0", "KVM" },
		{ "TCGTCGTCGTCG", "QEMU's emulator" },
		{ "XenVMMXenVMM", "Xen" },
		{ "Microsoft Hv", "Hyper-V" },
		{ "VMwareVMware", "VMware" },
		{ "ACRNACRNACRN", "ACRN" },
		{ "bhyve bhyve ", "bhyve" },
	};
	unsigned int eax, words[3];

	__cpuid(0x40000000, eax, words[0], words[1], words[2]);
	for (unsigned int i = 0; i < ARRAY_SIZE(known); i++) {
		if (!memcmp(words, known[i].signature, sizeof(words)))
			return known[i].name;
	}
	return "an unknown hypervisor";
}

static void check_below(const char *name)
{
	report(NOTE, "below", "%s; guests up to 2.6.33 (vmcall) don't run if that uses VT-x", name);
	/* Linux: Documentation/virt/kvm/x86/msr.rst, MSR_KVM_ASYNC_PF_EN */
	if (!strcmp(name, "KVM") && !has_word("/proc/cmdline", "", "no-kvmapf"))
		report(NOTE, "below",
		       "its asynchronous page faults go to the host, or wait while a guest runs");
}

static void check_cpu(void)
{
	char model[256];

	find_model(model, sizeof(model));
	if (has_flag("fred"))
		report(LACKING, "CPU",
		       "FRED is active, which does not deliver events from ring 1: boot with fred=off");
	else if (has_flag("tdx_guest"))
		report(LACKING, "CPU",
		       "this machine is a TDX guest: its exceptions can't be a guest's");
	else
		report(GOOD, "CPU", "%s", model);
	if (has_flag("ibt"))
		report(NOTE, "CPU",
		       "has IBT, on which nobody has tried lg: ibt=off does without");
	if (has_flag("hypervisor"))
		check_below(hypervisor());
}

/* Where the module is, for modprobe */
static bool is_installed(void)
{
	char name[sizeof(host.release) + 64];
	FILE *file;
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	snprintf(name, sizeof(name), "/lib/modules/%s/modules.dep", host.release);
	file = fopen(name, "re");
	while (file && !found && getline(&line, &size, file) > 0) {
		const char *at = strstr(line, "/lg.ko");

		found = at && at < strchrnul(line, ':');
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

static bool wants_signatures(void)
{
	char enforced[4] = "", lockdown[64] = "";

	first_line("/sys/module/module/parameters/sig_enforce", enforced, sizeof(enforced));
	first_line("/sys/kernel/security/lockdown", lockdown, sizeof(lockdown));
	return *enforced == 'Y' || strstr(lockdown, "[integrity]") ||
		strstr(lockdown, "[confidentiality]");
}

/* To open the device loads the module, as for who runs a guest. */
static void load_module(const char *device)
{
	int fd = open(device, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
}

static void check_module(void)
{
	char headers[sizeof(host.release) + 64], version[32] = "";

	if (!access("/sys/module/lg", F_OK)) {
		first_line("/sys/module/lg/version", version, sizeof(version));
		report(GOOD, "module", "lg %s is loaded", version);
		return;
	}
	snprintf(headers, sizeof(headers), "/lib/modules/%s/build", host.release);
	if (is_installed())
		report(LACKING, "module",
		       "not loaded: sudo modprobe lg (if that is refused, dmesg says why)");
	else if (!access(headers, F_OK))
		report(LACKING, "module",
		       "not built for this kernel: install lguest-dkms, or make && make install");
	else
		report(LACKING, "module",
		       "not built for this kernel, nor could it be: install linux-headers-%s",
		       host.release);
	if (wants_signatures())
		report(NOTE, "module",
		       "this kernel loads signed modules alone (Secure Boot): lg needs your key");
}

/* Not getgrgid(), for which a static program would need the host's own libraries */
static void find_group(gid_t gid, char name[NAME_MAX_LEN])
{
	FILE *file = fopen("/etc/group", "re");
	const struct group *group;

	snprintf(name, NAME_MAX_LEN, "%u", gid);
	while (file && (group = fgetgrent(file))) {
		if (group->gr_gid == gid)
			snprintf(name, NAME_MAX_LEN, "%s", group->gr_name);
	}
	if (file)
		fclose(file);
}

static void check_device(const char *device)
{
	char group[NAME_MAX_LEN];
	struct stat st;

	if (stat(device, &st)) {
		report(LACKING, "device", "%s: %s", device,
		       errno == ENOENT ? "is there once the module is loaded" :
		       strerror(errno));
	} else if (!access(device, R_OK | W_OK)) {
		report(GOOD, "device", "%s is yours to use", device);
	} else if (!st.st_gid || (st.st_mode & 060) != 060) {
		report(LACKING, "device", "%s is for root alone", device);
	} else {
		find_group(st.st_gid, group);
		report(LACKING, "device", "%s is for the group %s: sudo adduser USER %s", device,
		       group, group);
	}
}

/* What the kernel does on the way in and out of a guest, too */
static void check_mitigations(void)
{
	static const char *const names[] = {
		"meltdown", "mds", "taa", "tsx_async_abort", "mmio_stale_data",
		"reg_file_data_sampling", "tsa", "spectre_v2", "retbleed",
		"spec_rstack_overflow", "vmscape",
	};
	char name[128], line[256], list[256] = "", ibpb[4] = "";

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(name, sizeof(name), "/sys/devices/system/cpu/vulnerabilities/%s",
			 names[i]);
		if (first_line(name, line, sizeof(line)) && !strncmp(line, "Mitigation", 10))
			snprintf(list + strlen(list), sizeof(list) - strlen(list), " %s",
				 names[i]);
	}
	first_line("/sys/module/lg/parameters/ibpb", ibpb, sizeof(ibpb));
	if (*list)
		report(NOTE, "mitigations", "each exit pays for%s%s", list,
		       *ibpb == 'Y' ? ", with a barrier (IBPB)" : "");
	else
		report(GOOD, "mitigations", "none that a guest's exits would pay for");
}

static void check_memory(void)
{
	char pages[64] = "unknown";

	first_line("/sys/kernel/mm/transparent_hugepage/enabled", pages, sizeof(pages));
	report(GOOD, "memory", "%llu MB are there for guests; huge pages: %s",
	       host_memory_available() >> 20, pages);
}

static bool check_program(const char *what, const char *program, const char *package)
{
	char *path = keeper_find(program);
	bool is_there = path;

	if (is_there)
		report(GOOD, what, "%s", path);
	else
		report(NOTE, what, "no %s (apt install %s)", program, package);
	free(path);
	return is_there;
}

/* Whether there can be what passt shuts itself in with */
static bool has_user_namespaces(void)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		/* As root it becomes nobody, but where there is none (EINVAL). */
		_exit((!geteuid() && setuid(NOBODY) && errno != EINVAL) ||
		      unshare(CLONE_NEWUSER));
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

static void check_network(void)
{
	if (!access("/dev/net/tun", R_OK | W_OK))
		report(GOOD, "--net=TAP",
		       "/dev/net/tun is there; root may make a TAP and give it to you");
	else
		report(NOTE, "--net=TAP", "/dev/net/tun: %s", strerror(errno));
	if (check_program("--net=user", "passt", "passt") && !has_user_namespaces())
		report(NOTE, "--net=user",
		       "but passt needs a namespace of users, which this host does not give");
}

/**
 * host_check() - tell the user whether guests can run here, and what would help
 * @device: of the module
 *
 * Return: the exit status.
 */
int host_check(const char *device)
{
	uname(&host);
	check_kernel();
	check_cpu();
	load_module(device);
	check_module();
	check_device(device);
	check_mitigations();
	check_memory();
	check_network();
	check_program("--share", "diod", "diod");
	check_program("format=", "qemu-nbd", "qemu-utils");
	puts(can_run ? "Guests can run here." : "Guests can't run here.");
	return can_run ? 0 : EXIT_FAILED;
}
