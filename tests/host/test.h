/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LG_TEST_H
#define LG_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Test cases, KTAP out. Each case runs in a process of its own: what it leaves open
 * goes away with it, and if it hangs, that costs only itself. It has failed after
 * CASE_SECONDS.
 */
#define CASE_SECONDS	(1500 * patience())

/*
 * In this many seconds, what should happen at once has happened. It is a limit for
 * what hangs, far from what an emulator on a busy machine may take.
 */
#define SOON		(60 * patience())

/* How many times slower the kernel is for watching itself: patience=N, or 1 */
int patience(void);

struct test_case {
	const char *name;
	void (*run)(void);
};

int run_cases(const struct test_case *cases, int n);
#define CASE(fn)	{ #fn, fn }
#define RUN_CASES(cases) \
	run_cases(cases, sizeof(cases) / sizeof((cases)[0]))

/*
 * A failed expectation fails its case, which goes on. The words for it are
 * evaluated after the condition, which may have found out what they tell.
 */
#define expect(cond, ...) ({						\
	bool good_ = (cond);						\
									\
	expect_at(__FILE__, __LINE__, good_, #cond, "" __VA_ARGS__);	\
})
bool expect_at(const char *file, int line, bool good, const char *cond,
	       const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* The call has to fail, and with that errno. */
#define expect_errno(call, err) \
	expect_errno_at(__FILE__, __LINE__, call, err, #call)
void expect_errno_at(const char *file, int line, long ret, int err,
		     const char *call);
/* Ends the case if this does not hold: it would make no sense. */
#define need(cond) \
	((void)(expect_at(__FILE__, __LINE__, cond, #cond, "%m") || \
		(case_end(), 0)))
void case_end(void) __attribute__((noreturn));
void skip(const char *why) __attribute__((noreturn));
/*
 * Whether this machine has other work than to be tested, as with make test-here: then
 * others_work is in the environment. A case that would be in that work's way begins
 * with harms(), which skips it there.
 */
bool others_work(void);
void harms(const char *how);

/* lg.ko, out of the kernel; and in, from that file, with parameters as for insmod */
long delete_module(void);
long load_module(const char *file, const char *parameters);

double now(void);
void sleep_ms(int ms);
/* waitpid() for at most that long: false if the process is still there */
bool wait_for(pid_t pid, int *status, double seconds);
/* The only one, or 0 */
pid_t child_of(pid_t parent);
/* Write to a file that is there, as in /proc and /sys: false if it refuses */
bool put(const char *name, const char *text);
/* The number after a word at a line's start in such a file, -1 if none has it */
long number(const char *name, const char *word);
/* All of such a file; valid until the next call */
char *slurp(const char *name);
/*
 * The first drops what kmemleak has found so far. The second expects that it finds
 * no leaks of the module's. Without kmemleak, the first returns false and the
 * second skips the case.
 */
bool leaks_forget(void);
void expect_no_leaks(void);
/*
 * Who started us has mounted cgroups here. need_cgroups() skips the case if there are
 * none, or none with that controller.
 */
#define CGROUPS		"/tmp/cgroup"
void need_cgroups(const char *controller);
/*
 * Processes at work, each for a seed, as many at once as there are jobs. Each leads
 * a group of its own. The pool kills one that goes on for too long. If the process
 * outlives that, the pool prints where it hangs.
 */
struct job {
	pid_t pid;		/* 0 if none is at work */
	unsigned int seed;
	bool killed;		/* by us, as its time was over */
	double end;
};

struct pool {
	struct job *jobs;
	int count;
	/* Called when the process is gone, with its status */
	void (*ended)(struct job *job, int status);
	/* Called if it cannot be killed: this machine has no more to tell. */
	void (*stuck)(struct job *job);
	/* Called all the time, if not NULL */
	void (*meanwhile)(void);
};

/* Waits for a job that has no process. Returns NULL if one is stuck. */
struct job *pool_slot(struct pool *pool);
/* Like fork(). The process may go on for that many seconds. */
pid_t job_fork(struct job *job, unsigned int seed, double seconds);
/* Wait for all of them; false if one is stuck. */
bool pool_finish(struct pool *pool);
/* A process of the case; its exit status is 0 if its expectations held. */
pid_t spawn(void (*fn)(void *), void *arg);

/*
 * A guest. Its memory is PAGES pages; code is copied to and entered at CODE.
 * DATA is struct lguest_data, filled in as a guest would, and COUNTER a page
 * of its own for the guest to write to.
 */
#define PAGES		1024
#define CODE		0x1000
#define DATA		0x2000
#define COUNTER		0x3000

struct guest {
	int fd;
	char *mem;
};

/* GUEST(name, "instructions"): 32-bit code at C file level */
#ifdef __x86_64__
#define HOST_CODE ".code64\n"
#else
#define HOST_CODE ".code32\n"
#endif
#define GUEST(name, text)						\
	extern const char name[], name ## _end[];			\
	asm(".pushsection .rodata\n.code32\n" #name ":\n" text "\n"	\
	    #name "_end:\n" HOST_CODE ".popsection\n")

/* Pieces of guest code */
#define G_HCALL(nr, ebx) \
	"mov $" #nr ", %eax\nmov $" #ebx ", %ebx\nint $0x1f\n"
#define G_INIT		G_HCALL(1, 0x2000)
#define G_NOTIFY(addr)	G_HCALL(17, addr)
#define G_FOREVER	"9: jmp 9b\n"

#ifdef __x86_64__
/* Where user space ends: five levels of page tables give it more. */
unsigned long user_end(void);
#endif

int lg_open(void);
/* One request of these words */
#define lg_write(fd, ...) \
	lg_write_words(fd, (unsigned long[]){ __VA_ARGS__ }, \
		       sizeof((unsigned long[]){ __VA_ARGS__ }))
ssize_t lg_write_words(int fd, const unsigned long *words, size_t bytes);
/* Puts the code, and what else a guest needs to run, into its memory. */
void guest_code(char *mem, const char *code, const char *end);
/* Only the memory, with the code in it; or a guest that has been initialized */
char *guest_memory(const char *code, const char *end, int mmap_flags);
void guest_start_flags(struct guest *g, const char *code, const char *end,
		       int mmap_flags);
#define guest_start(g, code) \
	guest_start_flags(g, code, code ## _end, MAP_PRIVATE)
#define counter(g)	(*(volatile unsigned int *)((g)->mem + COUNTER))
/* Wait until the guest has counted on; false if it does not SOON */
bool counts(struct guest *g);
void pin(int cpu);
/*
 * Starts a process on that CPU, with a guest that never comes back, and waits until
 * the guest counts. Its notifies of GUEST_EVENTFD end at an eventfd. Return: the
 * process.
 */
#define GUEST_EVENTFD	0x111000
pid_t guest_on_cpu(struct guest *g, int cpu, const char *code, const char *end);
/*
 * read() has to say that the guest is dead. Returns the reason, or else ends the
 * case. Uses SIGALRM meanwhile.
 */
const char *expect_death(struct guest *g);
/* The guest has to die of memory that its Launcher took away or could not give. */
void dies_of_gone_memory(struct guest *g);

#endif
