// SPDX-License-Identifier: GPL-2.0
#include "fuzz.h"
#include "string.h"

enum tail {
	NOTHING, BYTE, WORD,
	POINTER,	/* an address and a selector */
	OPERAND,	/* a ModR/M byte, and what may belong to it */
};

struct insn {
	const char *bytes;
	u8 len;
	u8 tail;
};

#define I(bytes, tail)	{ bytes, sizeof(bytes) - 1, tail }

static const struct insn insns[] = {
	/* Ways to another ring, or what looks like one */
	I("\xcd", BYTE), I("\xcd\x80", NOTHING),
	I("\xcc", NOTHING), I("\xce", NOTHING), I("\xf1", NOTHING),
	I("\xcf", NOTHING), I("\xcb", NOTHING), I("\xca", WORD),
	I("\x66\xcf", NOTHING), I("\x66\xcb", NOTHING),
	I("\xea", POINTER), I("\x9a", POINTER), I("\xff\x28", NOTHING),
	I("\xff\x18", NOTHING), I("\x0f\x34", NOTHING), I("\x0f\x35", NOTHING),
	I("\x0f\x05", NOTHING), I("\x0f\x07", NOTHING),
	I("\x0f\x01\xc1", NOTHING), I("\x0f\x01\xd9", NOTHING),
	I("\x0f\x01\xd8", NOTHING), I("\x0f\x01\xc2", NOTHING),
	I("\x0f\x01\xf8", NOTHING), I("\x0f\xaa", NOTHING),
	/* Segments */
	I("\x8e", OPERAND), I("\x8e\xd8", NOTHING), I("\x8e\xc0", NOTHING),
	I("\x8e\xe0", NOTHING), I("\x8e\xe8", NOTHING), I("\x8e\xd0", NOTHING),
	I("\x8c", OPERAND), I("\xc4", OPERAND), I("\xc5", OPERAND),
	I("\x0f\xb2", OPERAND), I("\x0f\xb4", OPERAND), I("\x0f\xb5", OPERAND),
	I("\x1f", NOTHING), I("\x07", NOTHING), I("\x17", NOTHING),
	I("\x0f\xa1", NOTHING), I("\x0f\xa9", NOTHING),
	I("\x0f\x00", OPERAND), I("\x0f\x01", OPERAND),
	I("\x0f\x02", OPERAND), I("\x0f\x03", OPERAND), I("\x63", OPERAND),
	/* The CPU's own state */
	I("\xf4", NOTHING), I("\xfa", NOTHING), I("\xfb", NOTHING),
	I("\x9c", NOTHING), I("\x9d", NOTHING), I("\x9e", NOTHING),
	I("\x0f\x20", OPERAND), I("\x0f\x22", OPERAND), I("\x0f\x21", OPERAND),
	I("\x0f\x23", OPERAND), I("\x0f\x21\xf8", NOTHING),
	I("\x0f\x30", NOTHING), I("\x0f\x32", NOTHING), I("\x0f\x33", NOTHING),
	I("\x0f\x06", NOTHING), I("\x0f\x08", NOTHING), I("\x0f\x09", NOTHING),
	I("\x0f\x01\xf9", NOTHING), I("\x0f\x31", NOTHING),
	I("\x0f\x01\xc8", NOTHING), I("\x0f\x01\xc9", NOTHING),
	I("\x0f\x01\xd0", NOTHING), I("\x0f\x01\xd1", NOTHING),
	I("\x0f\x01\xca", NOTHING), I("\x0f\x01\xcb", NOTHING),
	I("\x0f\x01\xee", NOTHING), I("\x0f\x01\xef", NOTHING),
	I("\xf3\x0f\xae", OPERAND), I("\x0f\xc7", OPERAND),
	I("\x66\x0f\x38\x82", OPERAND), I("\x0f\xa2", NOTHING),
	/* Ports, with and without prefixes that have no end */
	I("\xe4", BYTE), I("\xe5", BYTE), I("\xe6", BYTE), I("\xe7", BYTE),
	I("\xec", NOTHING), I("\xed", NOTHING), I("\xee", NOTHING),
	I("\xef", NOTHING), I("\x6c", NOTHING), I("\x6d", NOTHING),
	I("\x6e", NOTHING), I("\x6f", NOTHING), I("\xf3\x6c", NOTHING),
	I("\xf3\x6d", NOTHING), I("\xf3\x6f", NOTHING),
	I("\x67\xf3\x6d", NOTHING),
	I("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\xed",
	  NOTHING),
	/* FPU and SSE */
	I("\x9b", NOTHING), I("\xdb\xe3", NOTHING), I("\xd9\xe8", NOTHING),
	I("\xd8", OPERAND), I("\xdf", OPERAND), I("\x0f\xae", OPERAND),
	I("\x0f\x28", OPERAND), I("\x0f\x58", OPERAND), I("\x0f\x77", NOTHING),
	I("\xc5\xf8\x77", NOTHING),
	/* Memory, by whatever the registers hold */
	I("\x8b\x03", NOTHING), I("\x89\x03", NOTHING), I("\x8b\x06", NOTHING),
	I("\xf0\x0f\xc7\x0b", NOTHING), I("\xf0\x0f\xc7\xc8", NOTHING),
	I("\xf3\xa4", NOTHING), I("\xf3\xaa", NOTHING), I("\xf3\xa5", NOTHING),
	I("\x50", NOTHING), I("\x58", NOTHING), I("\x60", NOTHING),
	I("\x61", NOTHING), I("\xc8", WORD), I("\xc9", NOTHING),
	I("\x8b\x45\x00", NOTHING), I("\x64\x8b\x03", NOTHING),
	I("\x65\x89\x03", NOTHING), I("\x62\x03", NOTHING),
	I("\xff\xe0", NOTHING), I("\xff\xd3", NOTHING), I("\xc3", NOTHING),
	I("\x0f\x0b", NOTHING), I("\xf7\xf1", NOTHING), I("\xd4", BYTE),
	I("\xc7\xf8", WORD), I("\x0f\x18", OPERAND),
};

static const u8 prefixes[] = {
	0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
};

static u8 *put(u8 *p, u32 value, u32 len)
{
	memcpy(p, &value, len);
	return p + len;
}

static u8 *put_tail(u8 *p, enum tail tail)
{
	switch (tail) {
	case BYTE:
		return put(p, one_in(2) ? rnd() : below(34), 1);
	case WORD:
		return put(p, any_word(), 4);
	case POINTER:
		p = put(p, any_gva(), 4);
		return put(p, any_selector(), 2);
	case OPERAND:
		/* A register, an absolute address, or anything */
		switch (below(3)) {
		case 0:
			return put(p, 0xc0 | rnd(), 1);
		case 1:
			p = put(p, (rnd() & 0x38) | 5, 1);
			return put(p, any_gva(), 4);
		default:
			return put(p, rnd(), 1 + below(4));
		}
	default:
		return p;
	}
}

/* A hypercall, most of the time one that a guest can survive */
static u8 *put_hypercall(u8 *p)
{
	static const u8 numbers[] = { 0, 5, 7, 8, 9, 10, 14, 15, 18, 19 };

	*p++ = 0xb8;
	p = put(p, one_in(16) ? any_word() : numbers[below(10)], 4);
	return put(p, 0x1fcd, 2);
}

/* At most 32 bytes */
static u8 *put_insn(u8 *p)
{
	const struct insn *insn = &insns[below(ARRAY_SIZE(insns))];
	u32 n;

	if (one_in(20))
		return put_hypercall(p);
	if (one_in(6)) {
		for (n = 1 + below(8); n; n--)
			p = put(p, rnd(), 1);
		return p;
	}
	/* A selector, or something that points to one */
	if (one_in(2)) {
		*p++ = 0xb8 | (one_in(2) ? below(8) & ~4u : 0);
		p = put(p, one_in(2) ? any_selector() : any_word(), 4);
	}
	if (one_in(6))
		*p++ = prefixes[below(ARRAY_SIZE(prefixes))];
	memcpy(p, insn->bytes, insn->len);
	return put_tail(p + insn->len, insn->tail);
}

void compose(u8 *code, u32 room)
{
	u8 *p = code, *end = code + room - 32;
	u32 n;

	for (n = 1 + below(12); n && p < end; n--)
		p = put_insn(p);
	/* Several ud2, in case the first is taken for an operand */
	while (p + 2 <= code + room && n++ < 8)
		p = put(p, 0x0b0f, 2);
}
