/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A TLB behind Bochs' own that keeps all that Intel's manual allows (SDM volume 3,
 * section 4.10), and drops nothing but what it demands. bochs.patch asks it before each
 * walk in long mode, and tells it of each instruction that invalidates.
 *
 * It holds translations, and the paging-structure caches: what the entries above the
 * last level lead to. Both are tagged by PCID; translations may be global. It hardly ever
 * runs out of room, so it drops what it is asked for at random, once in a while: any TLB
 * may do so at any time. LG_TLB_SEED in the environment makes two runs differ.
 *
 * A translation that lacks rights may be a page fault at once, or a reason to walk again
 * (4.10.4.3): both happen, at random.
 *
 * What it has can differ from the tables, as they are in memory by now. It counts how
 * often such a translation is used, and apart how often under a PCID of lg's, for an
 * address below 4 GiB, and with another page or more rights than the tables give. On a
 * machine with one CPU that is a bug of lg's: a guest's tables change while it is out.
 *
 * When a PCID of lg's is flushed by MOV to CR3, it counts what that throws away, and how
 * much of it is wrong by now: what is right was lost for nothing.
 */
#ifndef KEPT_TLB_H
#define KEPT_TLB_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

class kept_tlb {
public:
	/* Translations by the size of their page, then links by the span of their table */
	enum kind { PAGE_4K, PAGE_2M, PAGE_1G, TABLE_2M, TABLE_1G, TABLE_512G };

	struct entry {
		uint64_t key;		/* 0: none */
		uint64_t born;		/* number of the last flush before */
		uint64_t address;	/* of the page or table */
		uint32_t access;	/* Bochs' combined_access, NX in bit 0 */
		bool dirty;
	};

	entry *find(unsigned kind, uint64_t cr3, uint64_t laddr)
	{
		entry *e = find_tagged(kind, pcid_of(cr3), laddr);

		if (!e && kind <= PAGE_1G)
			e = find_tagged(kind, GLOBAL, laddr);
		if (e && !random(64)) {
			e->key = 0;
			e = NULL;
		}
		return e;
	}

	entry *find_page(uint64_t cr3, uint64_t laddr, unsigned *kind)
	{
		entry *e = NULL;

		for (*kind = PAGE_4K; *kind <= PAGE_1G; ++*kind) {
			e = find(*kind, cr3, laddr);
			if (e)
				break;
		}
		return e;
	}

	void keep(unsigned kind, uint64_t cr3, uint64_t laddr, uint64_t address, uint32_t access,
		  bool dirty, bool global)
	{
		uint64_t key = key_of(kind, global ? GLOBAL : pcid_of(cr3), laddr);
		entry *e = slot(key);

		e->key = key;
		e->born = flushes;
		e->address = address;
		e->access = access;
		e->dirty = dirty;
	}

	/* MOV to CR3, INVPCID types 1 and 3, 2 */
	void flush_pcid(uint64_t cr3)
	{
		flushed[pcid_of(cr3)] = ++flushes;
	}

	void flush_all_but_global()
	{
		all_pcids_flushed = ++flushes;
	}

	void flush_all()
	{
		all_flushed = ++flushes;
	}

	/* INVLPG */
	void invlpg(uint64_t cr3, uint64_t laddr)
	{
		drop_pages(pcid_of(cr3), laddr);
		drop_pages(GLOBAL, laddr);
		tables_flushed[pcid_of(cr3)] = ++flushes;
	}

	/* INVPCID type 0 */
	void invpcid(uint64_t pcid, uint64_t laddr)
	{
		drop_pages(pcid, laddr);
		drop_tables(pcid, laddr);
	}

	/* A page fault does not come back if the tables are right by now (4.10.4.1). */
	void page_fault(uint64_t cr3, uint64_t laddr)
	{
		drop_pages(pcid_of(cr3), laddr);
		drop_pages(GLOBAL, laddr);
		drop_tables(pcid_of(cr3), laddr);
	}

	/* @bad: with another page than by the tables as they are now, or more rights */
	void count(uint64_t cr3, uint64_t laddr, bool differs, bool bad)
	{
		outdated += differs;
		if (bad && is_guest(cr3) && laddr >> 32 == 0 && !wrong++)
			fprintf(stderr, "kept: guest address %08x, outdated\n", (unsigned)laddr);
		if (!(++used % (1 << 20)))
			report();
	}

	/* What a MOV to CR3 will do about translations of lg's guests */
	bool is_guest(uint64_t cr3) const
	{
		return pcid_of(cr3) >= LG_PCID_FIRST;
	}

	void count_kept()
	{
		loads_kept++;
	}

	/* @is_wrong: called with address, page and rights of each 4 KiB page */
	template<class F> void count_flushed(uint64_t cr3, F is_wrong)
	{
		unsigned tag = pcid_of(cr3);

		loads_flushed++;
		for (const entry &e : slots) {
			if (!e.key || (e.key & 0x1fff) != tag || (e.key >> 13 & 7) != PAGE_4K ||
			    !is_good(&e, PAGE_4K, tag))
				continue;
			lost++;
			lost_wrong += is_wrong((e.key & ~(1ull << 63)) >> 16 << 12, e.address,
					       e.access);
		}
	}

	void report()
	{
		if (used)
			fprintf(stderr,
				"kept: %llu loads keep, %llu flush, with %llu translations, %llu of them wrong\n",
				(unsigned long long)loads_kept,
				(unsigned long long)loads_flushed, (unsigned long long)lost,
				(unsigned long long)lost_wrong);
		if (used)
			fprintf(stderr, "kept: %llu used, %llu outdated, %llu wrong for guests\n",
				(unsigned long long)used, (unsigned long long)outdated,
				(unsigned long long)wrong);
	}

	bool random(unsigned n)
	{
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		return seed % n;
	}

	kept_tlb()
	{
		const char *word = getenv("LG_TLB_SEED");

		/* Any that is not 0 will do, but small ones begin with many zeroes. */
		seed = ((word ? strtoull(word, NULL, 0) : 0) + 1) * 0x9e3779b97f4a7c15;
	}

	~kept_tlb()
	{
		report();
	}

private:
	/* shadow/pcid.h */
	static const unsigned LG_PCID_FIRST = 0xff8;
	/* In the place of a PCID */
	static const unsigned GLOBAL = 0x1000;
	static const unsigned SLOTS = 1 << 16;

	entry slots[SLOTS] = {};
	uint64_t flushes = 0;
	/* Number of the last flush of each kind */
	uint64_t flushed[GLOBAL + 1] = {}, tables_flushed[GLOBAL + 1] = {};
	uint64_t all_pcids_flushed = 0, all_flushed = 0;
	uint64_t used = 0, outdated = 0, wrong = 0;
	uint64_t loads_kept = 0, loads_flushed = 0, lost = 0, lost_wrong = 0;
	uint64_t seed;

	static unsigned pcid_of(uint64_t cr3)
	{
		return cr3 & 0xfff;
	}

	/* Never 0: bit 63 is free, as addresses have 48 bits. */
	static uint64_t key_of(unsigned kind, unsigned tag, uint64_t laddr)
	{
		static const unsigned shifts[] = { 12, 21, 30, 21, 30, 39 };
		uint64_t number = (laddr & 0xffffffffffff) >> shifts[kind];

		return 1ull << 63 | number << 16 | kind << 13 | tag;
	}

	entry *slot(uint64_t key)
	{
		return &slots[key * 0x9e3779b97f4a7c15 >> 48];
	}

	bool is_good(const entry *e, unsigned kind, unsigned tag) const
	{
		return e->born >= all_flushed &&
		       (tag == GLOBAL || (e->born >= all_pcids_flushed &&
					  e->born >= flushed[tag])) &&
		       (kind <= PAGE_1G || e->born >= tables_flushed[tag]);
	}

	entry *find_tagged(unsigned kind, unsigned tag, uint64_t laddr)
	{
		uint64_t key = key_of(kind, tag, laddr);
		entry *e = slot(key);

		return e->key == key && is_good(e, kind, tag) ? e : NULL;
	}

	void drop(unsigned kind, unsigned tag, uint64_t laddr)
	{
		entry *e = find_tagged(kind, tag, laddr);

		if (e)
			e->key = 0;
	}

	void drop_pages(unsigned tag, uint64_t laddr)
	{
		for (unsigned kind = PAGE_4K; kind <= PAGE_1G; kind++)
			drop(kind, tag, laddr);
	}

	void drop_tables(unsigned tag, uint64_t laddr)
	{
		for (unsigned kind = TABLE_2M; kind <= TABLE_512G; kind++)
			drop(kind, tag, laddr);
	}
};

/* One for each CPU, in paging.cc */
extern kept_tlb kept_tlbs[];
#define KEPT_TLB (kept_tlbs[BX_CPU_ID])

#endif /* KEPT_TLB_H */
