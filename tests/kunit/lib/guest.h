/* SPDX-License-Identifier: GPL-2.0 */
/* For the KUnit suites: a guest over real user memory, on a fake CPU. */
#ifndef LG_TESTS_GUEST_H
#define LG_TESTS_GUEST_H

#include <kunit/test.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/xarray.h>

#include "../../../lg.h"

/* ABI.md section 3 */
enum {
	FLUSH_ASYNC, LGUEST_INIT, SHUTDOWN, NEW_PGTABLE = 4, FLUSH_TLB,
	LOAD_IDT_ENTRY, SET_STACK, TS, SET_CLOCKEVENT, HALT, SET_PMD = 13,
	SET_PTE, SET_PGD, LOAD_TLS, NOTIFY, LOAD_GDT_ENTRY, SEND_INTERRUPTS,
};

/* ABI.md section 4, in the layout of 3.2 to 3.19 */
#define DATA_IRQ_ENABLED	0
#define DATA_BLOCKED		4
#define DATA_CR2		8
#define DATA_TIME		12
#define DATA_IRQ_PENDING	20
#define DATA_STATUS		24
#define DATA_RING		88
#define DATA_RESERVE_MEM	1368
#define DATA_TSC_KHZ		1372
#define DATA_NOIRQ_START	1376
#define DATA_NOIRQ_END		1380
#define DATA_KERNEL_ADDRESS	1384
#define DATA_SYSCALL_VEC	1388

/*
 * What guest_create() lays out. By a table that they share, both top-level tables
 * map all of memory at KERNEL for the guest's kernel alone. Each has a table of its
 * own for the lowest 4 MiB, which is empty.
 */
#define PAGES		64
#define TOP		0x1000
#define OTHER_TOP	0x2000
#define KERNEL_TABLE	0x3000
#define USER_TABLE	0x4000
#define OTHER_USER_TABLE 0x5000
#define DATA		0x6000
#define CODE		0x7000
#define STACK		0xa000		/* grows down over two pages */
#define FREE		0xa000		/* nothing there, up to the end */
#define END		(PAGES * PAGE_SIZE)
#define KERNEL		0xc0000000U

/* Bits of the guest's entries */
#define P	BIT(0)
#define W	BIT(1)
#define U	BIT(2)
#define A	BIT(5)
#define D	BIT(6)

#define USER_CS	0x7b
#define USER_DS	0x83
#define IF	0x200

/**
 * struct guest - what test->priv points to
 * @test: the test it is for
 * @lg: the guest
 * @mm: the Launcher's address space
 * @memory: the Launcher's address of gpa 0
 * @words: a page of the Launcher's own, with nothing mapped behind it
 * @device: its /dev/lguest, if the suite has opened it (device.h)
 * @cached: what the worst TLB holds (tlb.c)
 * @tlb_gens: the lg_tlb_gen() that @cached is as of, by the root's id
 * @data: for the test's own use
 */
struct guest {
	struct kunit *test;
	struct lguest *lg;
	struct mm_struct *mm;
	unsigned long memory;
	unsigned long words;
	struct file *device;
	struct xarray cached;
	struct xarray tlb_gens;
	void *data;
};

#include "guest_memory.h"

/**
 * struct lg_vcpu - the fake CPU's side of a guest
 * @regs: &lguest.regs
 * @gdt: &lguest.gdt
 * @direct_map: &lguest.direct_map
 * @run: called when the guest is entered: plays the guest
 * @prepare: called shortly before an entry, after irqs were delivered
 * @data: for @run
 * @entered: how often the guest was entered
 * @loaded: set between lg_vcpu_load() and lg_vcpu_put()
 * @away: answer of lg_vcpu_was_away(); set from lg_vcpu_load() to lg_vcpu_enter()
 * @kicks: how often lg_vcpu_kick_and_wait() was called
 * @handler_updates: how often lg_vcpu_update_handlers() was called
 * @stack_moves: how often lg_vcpu_move_stack() was called
 * @walk_updates: how often lg_vcpu_update_walk() was called
 * @tsc: answer of lg_vcpu_read_tsc(), 0 if the guest reads it itself
 * @wants_fpu: how often lg_vcpu_wants_fpu() was called
 * @host_faults: how often lg_vcpu_host_fault() was called
 * @segment_load: answer of lg_vcpu_fault_in_segment_load()
 */
struct lg_vcpu {
	struct lg_regs regs;
	struct lg_desc gdt[LG_GDT_ENTRIES];
	u32 direct_map[LG_DIRECT_MAP_PAGES];
	void (*run)(struct lguest *lg);
	void (*prepare)(struct lguest *lg);
	void *data;
	unsigned int entered;
	bool loaded;
	bool away;
	unsigned int kicks;
	unsigned int handler_updates;
	unsigned int stack_moves;
	unsigned int walk_updates;
	unsigned int host_faults;
	u64 tsc;
	unsigned int wants_fpu;
	bool segment_load;
};

/*
 * fake_cpu.c: how many allocations succeed before one fails, and how many are not
 * freed yet
 */
extern unsigned int fake_cpu_budget;
extern unsigned int fake_cpu_allocated;
/* Set between lg_cpu_init(), which fails without a budget, and lg_cpu_exit() */
extern bool fake_cpu_ready;
/* Answer of lg_cpu_has_umip() */
extern bool fake_cpu_umip;

/* For a suite's init: each does what those above it do, and more. */
int guest_open(struct kunit *test);		/* memory, and an open file */
int guest_initialize(struct kunit *test);	/* LHREQ_INITIALIZE */
int guest_create(struct kunit *test);		/* LGUEST_INIT, tables laid out */
int guest_create_at(struct kunit *test, u32 kernel);	/* not at KERNEL */
int guest_page(struct kunit *test);		/* NEW_PGTABLE(TOP) */

/* For a suite's exit. */
void guest_free(struct kunit *test);

/* write(2) of these words */
#define guest_request(g, ...)						\
({									\
	const unsigned long _words[] = { __VA_ARGS__ };			\
									\
	guest_write(g, _words, sizeof(_words));				\
})
ssize_t guest_write(struct guest *g, const unsigned long *words, size_t size);

void guest_hypercall(struct guest *g, u32 nr, u32 arg1, u32 arg2, u32 arg3);
/* Do the hypercalls that are pending, until one needs the Launcher. */
void guest_do_hypercalls(struct guest *g);
/* Give irqs 0 to 2 handlers, 16 bytes each, and set the guest's interrupt flag. */
void guest_take_irqs(struct guest *g);
void guest_ring_add(struct guest *g, unsigned int slot, u32 nr, u32 arg1,
		    u32 arg2, u32 arg3);

/* Let the guest come out for this reason. */
void guest_trap(struct guest *g, u32 vector, u32 error_code);

/* Decode and emulate what ring 1 is at. */
bool guest_emulate_insn(struct guest *g);

/* Let the vCPU be in ring 3, at this address. */
void guest_go_user(struct guest *g, u32 eip, u32 esp);

/* The spte that the CPU would use in a root, or 0. Checks the tables above it. */
u64 guest_shadow_in(struct guest *g, struct lg_root *root, u32 gva);
u64 guest_shadow(struct guest *g, u32 gva);

/* Whether a timer was set. It may have run by now, if UML waited for its CPU. */
static inline bool guest_timer_was_set(const struct hrtimer *timer)
{
	return hrtimer_get_expires(timer);
}

/* A new eventfd, and how often it was signalled since the last call. */
int guest_eventfd(struct guest *g);
u64 guest_eventfd_count(struct guest *g, int fd);

/*
 * Check that all that the CPU has cached still holds, unless lg_tlb_gen()
 * tells it to forget that. Then let it cache all that the shadow tables have
 * now.
 */
void guest_walk_all(struct guest *g);

#define EXPECT_ALIVE(g)							\
do {									\
	struct guest *_g = (g);						\
									\
	KUNIT_EXPECT_STREQ(_g->test, _g->lg->reason, "");		\
} while (0)

/* In the reason of a death by a trap: the bytes where no code was put, and the phase */
#define ZEROES6		"00 00 00 00 00 00"
#define ZEROES		ZEROES6 " 00 00"
#define NO_HANDLERS	", before the guest had handlers"

#define EXPECT_REASON(g, text)						\
do {									\
	struct guest *_g = (g);						\
									\
	KUNIT_EXPECT_EQ(_g->test, _g->lg->dead, -ENOENT);		\
	KUNIT_EXPECT_STREQ(_g->test, _g->lg->reason, text);		\
} while (0)

#endif /* LG_TESTS_GUEST_H */
