// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz SECONDS SEED CORPUS LAUNCHER GUEST...: guests that mean harm (see
 * tests/guests/fuzz). First come those of the seeds in the corpus, then one of each
 * seed from SEED on, for SECONDS. Each may do what it likes to itself. Its Launcher
 * has to tell why it ends, or else to die by our SIGKILL, and the host must not say
 * a word.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>
#include "test.h"

#define JOBS		3
/* A guest that does not end by itself within this many seconds never will. */
#define PATIENCE	4
#define NMIS		"0 20\n"

/* What goes with the job of the same number */
struct run {
	const char *guest;
	int out;
	size_t len;
	bool told;		/* why, in what is no more in @text */
	char text[16384];
};

static struct job jobs[JOBS];
static struct run runs[JOBS];
static const char *launcher;
static unsigned int executions, killed, failures;
static int kmsg = -1;

static struct run *run_of(struct job *job)
{
	return &runs[job - jobs];
}

static void fail(struct job *job, const char *what)
{
	struct run *r = run_of(job);
	char *line, *rest;

	failures++;
	printf("# seed %u: %s\n", job->seed, what);
	printf("# replay: lguest --memory 16 --rng --block /tmp/fuzz.img %s %u trace\n",
	       r->guest, job->seed);
	for (line = strtok_r(r->text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		printf("# | %s\n", line);
	fflush(stdout);
}

static void start(struct job *job, const char *guest, unsigned int seed)
{
	struct run *r = run_of(job);
	char word[16];
	int ends[2];

	memset(r, 0, sizeof(*r));
	snprintf(word, sizeof(word), "%u", seed);
	need(!pipe2(ends, O_CLOEXEC));
	if (!job_fork(job, seed, PATIENCE)) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execlp(launcher, launcher, "--memory", "16", "--rng",
		       "--block", "/tmp/fuzz.img", guest, word, NULL);
		_exit(127);
	}
	close(ends[1]);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	r->out = ends[0];
	r->guest = guest;
}

/* From "lguest: " on, a reason that a person can read, to the end of the line */
static bool is_reason(const char *said, const char *end)
{
	const char *p = said + 8;

	while (p < end && isprint((unsigned char)*p))
		p++;
	return p > said + 8 && p < end && *p == '\n';
}

/*
 * "lguest: REASON" has to be among what a Launcher says. It need not come last: another
 * thread may just be writing what the guest has said.
 */
static bool says_why(struct run *r)
{
	const char *end = r->text + r->len, *said = r->text;

	while ((said = memmem(said, end - said, "lguest: ", 8))) {
		if (is_reason(said, end))
			return true;
		said++;
	}
	return false;
}

/* Keeps the end of what it says, if there is no room for all. */
static void listen_to(struct run *r)
{
	ssize_t n;

	for (;;) {
		if (r->len == sizeof(r->text) - 1) {
			r->told |= says_why(r);
			memmove(r->text, r->text + r->len / 2, r->len / 2);
			r->len /= 2;
		}
		n = read(r->out, r->text + r->len,
			 sizeof(r->text) - 1 - r->len);
		if (n <= 0)
			break;
		r->len += n;
	}
	r->text[r->len] = '\0';
}

/* A guest may put any message into its reason, so we ask nothing of that. */
static bool own_words(struct run *r)
{
	return memmem(r->text, r->len, "guest died: CRASH: ", 19);
}

static void judge(struct job *job, int status)
{
	struct run *r = run_of(job);
	char what[64];

	listen_to(r);
	close(r->out);
	executions++;
	killed += job->killed;
	if (WIFSIGNALED(status)) {
		snprintf(what, sizeof(what), "killed by signal %d",
			 WTERMSIG(status));
		if (WTERMSIG(status) != SIGKILL || !job->killed)
			fail(job, what);
	} else if (WEXITSTATUS(status) > 1 && WEXITSTATUS(status) != 3) {
		snprintf(what, sizeof(what), "exit status %d",
			 WEXITSTATUS(status));
		fail(job, what);
	} else if (!r->told && !says_why(r) && !own_words(r)) {
		fail(job, "no reason that can be read");
	} else if (getenv("FUZZ_VERBOSE")) {
		char *why = memrchr(r->text, '\n', r->len - 1);

		fprintf(stderr, "seed %u: %s", job->seed,
			why ? why + 1 : r->text);
	}
}

static void cannot_be_killed(struct job *job)
{
	fail(job, "cannot be killed");
}

static void seeds_at_work(void)
{
	int i;

	for (i = 0; i < JOBS; i++)
		if (jobs[i].pid)
			printf("# at work: seed %u in %s\n", jobs[i].seed,
			       runs[i].guest);
}

/*
 * What may be of our doing. Where others work they have the kernel complain, too, and
 * write to its log themselves, which the number shows.
 */
static bool concerns_us(const char *record)
{
	static const char *const signs[] = {
		"lg: ", "[lg]", "WARNING: ", "BUG: ", "Oops: ", "general protection",
		NULL
	};
	unsigned int i;

	if ((atoi(record) & 7) > 4 || strstr(record, "hrtimer: inter"))
		return false;
	if (!others_work())
		return true;
	for (i = 0; signs[i]; i++)
		if (atoi(record) < 8 && strstr(record, signs[i]))
			return true;
	return false;
}

/* Whoever has started us looks at the whole log. This is to tell the seed. */
static void hear_host(void)
{
	char record[2048];
	ssize_t n;

	while ((n = read(kmsg, record, sizeof(record) - 1)) > 0) {
		record[n] = '\0';
		if (!concerns_us(record))
			continue;
		failures++;
		printf("# host: %s\n", record);
		seeds_at_work();
		fflush(stdout);
	}
}

/* Interruptions that nothing can hold back */
static void send_nmis(void)
{
	put("/sys/module/nmi_storm/parameters/send", NMIS);
}

static void listen_to_all(void)
{
	int i;

	for (i = 0; i < JOBS; i++)
		if (jobs[i].pid)
			listen_to(&runs[i]);
	hear_host();
}

static struct pool pool = {
	.jobs = jobs, .count = JOBS, .ended = judge,
	.stuck = cannot_be_killed, .meanwhile = listen_to_all,
};

static bool run_seed(const char *guest, unsigned int seed)
{
	struct job *job = pool_slot(&pool);

	if (!job)
		return false;
	start(job, guest, seed);
	return true;
}

static const char *guest_named(char **guests, const char *name)
{
	const char *base;

	for (; *guests; guests++) {
		base = strrchr(*guests, '/');
		if (!strncmp(base ? base + 1 : *guests, name, strlen(name)) &&
		    !strcmp(*guests + strlen(*guests) - 4, ".elf") &&
		    strlen(base ? base + 1 : *guests) == strlen(name) + 4)
			return *guests;
	}
	return NULL;
}

static bool run_corpus(const char *corpus, char **guests)
{
	char line[256], name[32];
	const char *guest;
	unsigned int seed;
	bool good = true;
	FILE *f;

	f = fopen(corpus, "r");
	need(f);
	while (good && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%31s %u", name, &seed) != 2)
			continue;
		guest = guest_named(guests, name);
		if (guest)
			good = run_seed(guest, seed);
	}
	fclose(f);
	return pool_finish(&pool) && good;
}

static bool run_seeds(unsigned int seed, double seconds, char **guests)
{
	double began = now(), said = began;
	unsigned int n, had = executions;

	for (n = 0; guests[n]; n++)
		;
	for (; now() < began + seconds; seed++) {
		if (!run_seed(guests[seed % n], seed))
			return false;
		send_nmis();
		if (now() < said + 30)
			continue;
		said = now();
		fprintf(stderr, "fuzz: seed %u, %u run, %u failures\n", seed,
			executions, failures);
	}
	if (!pool_finish(&pool))
		return false;
	n = executions - had;
	printf("# %u guests, up to seed %u, %.0f in a minute; %u were killed\n",
	       n, seed - 1, n * 60 / (now() - began), killed);
	return true;
}

static bool all_good = true;

static void result(int n, bool good, const char *name)
{
	good = good && !failures;
	all_good = all_good && good;
	printf("%s %d %s\n", good ? "ok" : "not ok", n, name);
	failures = 0;
	fflush(stdout);
}

int main(int argc, char **argv)
{
	unsigned int seed;
	double seconds;
	bool good;
	int fd;

	if (argc < 6)
		return 2;
	seconds = atof(argv[1]);
	seed = strtoul(argv[2], NULL, 0);
	launcher = argv[4];
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	lseek(kmsg, 0, SEEK_END);
	fd = open("/tmp/fuzz.img", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	need(fd >= 0 && !ftruncate(fd, 1 << 20));
	close(fd);

	printf("KTAP version 1\n1..%d\n", seconds > 0 ? 2 : 1);
	good = run_corpus(argv[3], argv + 5);
	result(1, good, "corpus");
	if (seconds > 0) {
		printf("# from seed %u, for %s s\n", seed, argv[1]);
		good = good && run_seeds(seed, seconds, argv + 5);
		result(2, good, "seeds");
	}
	return !all_good;
}
