// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU's TCG. It counts how often each instruction was executed, in
 * windows that the programs in the machine open and close: see mark.h.
 *
 *	qemu-system-x86_64 -icount shift=0 -plugin count.so,out=FILE ...
 *
 * For each window FILE has a line
 *
 *	window NAME TIMES total=N cr3=N ...
 *
 * with the number of all instructions and of each expensive kind. After it comes a
 * line for each instruction that was executed, with its address and how often:
 *
 *	ffffffff81000000 3
 *
 * Addresses are linear, so a guest's user programs share theirs. Under -icount,
 * QEMU executes each turn of a string instruction with a REP prefix as one
 * instruction, and so it does finding out that it was the last. rep counts them,
 * lest they be taken for what a processor takes for them.
 *
 * One processor only.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mark.h"
#include "qemu-plugin.h"

EXPORT int qemu_plugin_version = 1;

enum kind {
	CR3, CR4, CR0, WRMSR, RDMSR, LGDT, LIDT, LTR, LLDT, INT, IRET, INVLPG,
	INVPCID, SWAPGS, VERW, FXSAVE, HLT, REP, KINDS, CHEAP = KINDS
};

static const char * const kind_names[KINDS] = {
	[CR3] = "cr3", [CR4] = "cr4", [CR0] = "cr0", [WRMSR] = "wrmsr",
	[RDMSR] = "rdmsr", [LGDT] = "lgdt", [LIDT] = "lidt", [LTR] = "ltr",
	[LLDT] = "lldt", [INT] = "int", [IRET] = "iret", [INVLPG] = "invlpg",
	[INVPCID] = "invpcid", [SWAPGS] = "swapgs", [VERW] = "verw",
	[FXSAVE] = "fxsave", [HLT] = "hlt", [REP] = "rep",
};

/* One per address. What is there may change; the kind is the last one's. */
struct counter {
	uint64_t pc;
	uint64_t count, before;
	struct counter *next;
	enum kind kind;
};

/* Shorter names, to leave something of the line */
#define on_execution		qemu_plugin_register_vcpu_insn_exec_cb
#define add_on_execution	qemu_plugin_register_vcpu_insn_exec_inline

#define BUCKETS		0x40000
#define CHUNK		4096
#define CHUNKS		1024

static struct counter *buckets[BUCKETS];
static struct counter *chunks[CHUNKS];
static unsigned int counters;
static qemu_plugin_id_t plugin;
static FILE *out;
static bool counting;
static char name[128];
static unsigned int bits;

static struct counter *counter(unsigned int i)
{
	return &chunks[i / CHUNK][i % CHUNK];
}

static struct counter *new_counter(uint64_t pc)
{
	struct counter *c;

	if (counters % CHUNK == 0) {
		if (counters / CHUNK == CHUNKS)
			abort();
		chunks[counters / CHUNK] = calloc(CHUNK, sizeof(*c));
		if (!chunks[counters / CHUNK])
			abort();
	}
	c = counter(counters++);
	c->pc = pc;
	return c;
}

static struct counter *counter_at(uint64_t pc)
{
	struct counter **bucket = &buckets[(pc * 0x9e3779b97f4a7c15) >> 46];
	struct counter *c;

	for (c = *bucket; c; c = c->next)
		if (c->pc == pc)
			return c;
	c = new_counter(pc);
	c->next = *bucket;
	*bucket = c;
	return c;
}

static void window_open(void)
{
	unsigned int i;

	for (i = 0; i < counters; i++)
		counter(i)->before = counter(i)->count;
}

static void window_close(void)
{
	uint64_t total = 0, by_kind[KINDS + 1] = { 0 };
	struct counter *c;
	unsigned int i;

	for (i = 0; i < counters; i++) {
		c = counter(i);
		total += c->count - c->before;
		by_kind[c->kind] += c->count - c->before;
	}
	fprintf(out, "window %s total=%" PRIu64, name, total);
	for (i = 0; i < KINDS; i++)
		fprintf(out, " %s=%" PRIu64, kind_names[i], by_kind[i]);
	fprintf(out, "\n");
	for (i = 0; i < counters; i++) {
		c = counter(i);
		if (c->count != c->before)
			fprintf(out, "%016" PRIx64 " %" PRIu64 "\n", c->pc,
				c->count - c->before);
	}
	fflush(out);
}

static void take_bit(unsigned int bit)
{
	unsigned int byte = bits / 8 % (sizeof(name) - 1);

	name[byte] = name[byte] << 1 | bit;
	name[byte + 1] = '\0';
	bits++;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);

/* QEMU forgets all that it has translated, and translates it once more. */
static void start(qemu_plugin_id_t id)
{
	counting = true;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
}

static void marker(unsigned int cpu, void *data)
{
	unsigned int mark = (uintptr_t)data;

	(void)cpu;
	switch (mark) {
	case MARK_ZERO:
	case MARK_ONE:
		take_bit(mark);
		break;
	case MARK_START:
		if (!counting)
			qemu_plugin_reset(plugin, start);
		break;
	case MARK_BEGIN:
		/* The next bit is the first of another name. */
		bits = 0;
		window_open();
		break;
	case MARK_END:
		window_close();
		break;
	}
}

/* Returns the mark in nopl 0x6c67....(%eax) or (%rax), -1 for anything else. */
static int marker_of(const uint8_t *code, size_t size)
{
	if (size != 7 || memcmp(code, "\x0f\x1f\x80", 3) ||
	    memcmp(code + 5, "\x67\x6c", 2))
		return -1;
	return code[3] | code[4] << 8;
}

/* For opcodes whose next byte tells what they do, and memory from registers */
static enum kind group_kind(uint8_t opcode, uint8_t modrm)
{
	unsigned int reg = modrm >> 3 & 7;
	bool memory = modrm < 0xc0;

	switch (opcode) {
	case 0x00:
		return reg == 2 ? LLDT : reg == 3 ? LTR :
		       reg == 5 ? VERW : CHEAP;
	case 0x01:
		if (!memory)
			return modrm == 0xf8 ? SWAPGS : CHEAP;
		return reg == 2 ? LGDT : reg == 3 ? LIDT :
		       reg == 7 ? INVLPG : CHEAP;
	case 0x22:
		return reg == 0 ? CR0 : reg == 3 ? CR3 :
		       reg == 4 ? CR4 : CHEAP;
	case 0xae:
		/* And XSAVE, XSAVEOPT and their reverse */
		return memory && (reg < 2 || (reg > 3 && reg < 7)) ?
		       FXSAVE : CHEAP;
	case 0xc7:
		/* XSAVES, XSAVEC, XRSTORS */
		return memory && reg > 2 && reg < 6 ? FXSAVE : CHEAP;
	}
	return CHEAP;
}

static enum kind long_kind(const uint8_t *code, const uint8_t *end)
{
	if (code == end)
		return CHEAP;
	switch (*code) {
	case 0x06:
		return CR0;
	case 0x30:
		return WRMSR;
	case 0x32:
		return RDMSR;
	case 0x38:
		return end - code > 1 && code[1] == 0x82 ? INVPCID : CHEAP;
	}
	return end - code > 1 ? group_kind(code[0], code[1]) : CHEAP;
}

static bool is_string(uint8_t opcode)
{
	return (opcode >= 0x6c && opcode <= 0x6f) ||
	       (opcode >= 0xa4 && opcode <= 0xa7) ||
	       (opcode >= 0xaa && opcode <= 0xaf);
}

static enum kind kind_of(const uint8_t *code, size_t size)
{
	const uint8_t *end = code + size;
	bool rep = false;

	/* Skip prefixes, REX among them, which elsewhere is an instruction. */
	for (; code < end; code++) {
		if (*code == 0xf2 || *code == 0xf3)
			rep = true;
		else if ((*code & 0xf0) != 0x40 && (*code & 0xfe) != 0x64 &&
			 (*code & 0xfe) != 0x66 && (*code & 0xe7) != 0x26 &&
			 *code != 0xf0)
			break;
	}
	if (code == end)
		return CHEAP;
	if (rep && is_string(*code))
		return REP;
	switch (*code) {
	case 0x0f:
		return long_kind(code + 1, end);
	case 0xcc:
	case 0xcd:
		return INT;
	case 0xcf:
		return IRET;
	case 0xf4:
		return HLT;
	}
	return CHEAP;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const uint8_t *code = qemu_plugin_insn_data(insn);
		size_t size = qemu_plugin_insn_size(insn);
		int mark = marker_of(code, size);
		struct counter *c;

		if (mark >= 0)
			on_execution(insn, marker, QEMU_PLUGIN_CB_NO_REGS,
				     (void *)(uintptr_t)mark);
		if (mark >= 0 || !counting)
			continue;
		c = counter_at(qemu_plugin_insn_vaddr(insn));
		c->kind = kind_of(code, size);
		add_on_execution(insn, QEMU_PLUGIN_INLINE_ADD_U64, &c->count, 1);
	}
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info,
			int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "count: want out=FILE\n");
		return -1;
	}
	out = fopen(argv[0] + 4, "w");
	if (!out) {
		perror(argv[0] + 4);
		return -1;
	}
	plugin = id;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
