// SPDX-License-Identifier: GPL-2.0
/*
 * Terminal: our own end of the guest's console. If standard input is a terminal, every key is
 * the guest's. So the parent makes the terminal raw while the guest runs and the terminal is
 * ours, which a shell may change at any time (fg, bg), and restores it however we end.
 */
#include "launcher.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/ttydefaults.h>
#include <termios.h>
#include <unistd.h>

/* A shell tells nobody that a job which runs has come to the foreground. */
#define LOOK_AGAIN_MS	250

static struct termios saved_mode;
static bool is_terminal, is_started, is_raw;
/* Nobody wants the console's input from here, or there is no more of it. */
static bool is_closed;
/* Of the parent's, for a guest's process that outlives it */
static struct {
	bool is_raw;
	struct termios saved_mode;
} *legacy;

/* What begins a command for us; 0 if nothing does */
static char escape = CTRL('A');

static void (*type)(const void *keys, size_t len);
static bool (*command)(char key);
static const char *command_help;

static void look_again(void);
static struct timer later = { .over = look_again };

static void set_raw(bool raw)
{
	is_raw = raw;
	legacy->saved_mode = saved_mode;
	legacy->is_raw = raw;
}

/** terminal_restore() - leave the terminal as we found it; any number of times */
void terminal_restore(void)
{
	if (!is_raw)
		return;
	set_raw(false);
	tcsetattr(STDIN_FILENO, TCSANOW, &saved_mode);
}

/** terminal_forget() - a guest's process leaves the terminal to the parent */
void terminal_forget(void)
{
	is_raw = false;
}

/** terminal_inherit() - the parent is gone: leave the terminal as it would have done */
void terminal_inherit(void)
{
	if (!legacy->is_raw)
		return;
	saved_mode = legacy->saved_mode;
	set_raw(true);
	terminal_restore();
}

/**
 * terminal_escape() - choose the key that begins a command
 * @arg: "^X", for any letter or one of [\]^_, or "none"
 */
void terminal_escape(const char *arg)
{
	if (!strcmp(arg, "none"))
		escape = 0;
	else if (arg[0] == '^' && strlen(arg) == 2 && toupper(arg[1]) > '@' &&
		 toupper(arg[1]) <= '_')
		escape = CTRL(arg[1]);
	else
		die("--escape=%s: want ^A, or another letter, or none", arg);
}

static void say_keys(void)
{
	char key = escape + '@';

	fprintf(stderr, "lguest: ^%c %s, ^%c ^%c is a ^%c for the guest\n", key, command_help,
		key, key, key);
}

/* Up to 3.19, a guest has no other way to know. */
static void say_size(void)
{
	struct winsize size;

	if (!ioctl(STDIN_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col)
		fprintf(stderr, "lguest: its size, for a guest's shell: stty rows %u cols %u\n",
			size.ws_row, size.ws_col);
}

static void say_help(void)
{
	say_keys();
	say_size();
}

/* Take out of @keys what is for us. Returns how many are left. */
static ssize_t take_commands(char *keys, ssize_t n)
{
	static bool escaped;
	ssize_t left = 0;

	for (ssize_t i = 0; i < n; i++) {
		char key = keys[i];

		if (!escaped && escape && key == escape) {
			escaped = true;
			continue;
		}
		if (!escaped || key == escape)
			keys[left++] = key;
		else if (!command(key))
			say_help();
		escaped = false;
	}
	return left;
}

static bool in_foreground(void)
{
	return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static void take_input(int fd, void *arg)
{
	char keys[64];
	ssize_t n;

	(void)arg;
	/* In the background, the keys are somebody else's. */
	if (is_terminal && !in_foreground()) {
		terminal_check();
		return;
	}
	n = read(fd, keys, sizeof(keys));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0 && errno == EIO && is_terminal && !in_foreground()) {
		terminal_check();
		return;
	}
	/* The guest can live without more. */
	if (n <= 0)
		is_closed = true;
	if (n <= 0 || (!is_terminal && stream_wanted() >= 0))
		loop_remove(fd);
	if (n > 0 && is_terminal)
		n = take_commands(keys, n);
	if (n > 0)
		type(keys, n);
}

static void make_raw(void)
{
	static bool has_been;
	struct termios raw;

	/* Until it was ours for the first time, a shell had it as it likes it itself. */
	if (!has_been && tcgetattr(STDIN_FILENO, &saved_mode))
		die("cannot look at the terminal: %m");
	has_been = true;
	raw = saved_mode;
	cfmakeraw(&raw);
	/* Our own messages, and early console lines, end in a bare newline. */
	raw.c_oflag = saved_mode.c_oflag;
	set_raw(true);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw))
		die("cannot set up the terminal: %m");
}

/**
 * terminal_check() - look whether the terminal is ours
 *
 * It may have gone to another job and come back, or been changed meanwhile.
 */
void terminal_check(void)
{
	if (!is_terminal || !is_started || is_closed)
		return;
	if (in_foreground()) {
		timer_stop(&later);
		make_raw();
		loop_add(STDIN_FILENO, take_input, NULL);
	} else {
		/* Whoever has it now has set it up as he likes. */
		set_raw(false);
		loop_remove(STDIN_FILENO);
		timer_start(&later, LOOK_AGAIN_MS);
	}
}

static void look_again(void)
{
	terminal_check();
}

static void guest_wants_input(int fd, void *arg)
{
	(void)arg;
	eventfd_read(fd, &(eventfd_t){ 0 });
	if (!is_closed)
		loop_add(STDIN_FILENO, take_input, NULL);
}

/**
 * terminal_open() - remember how the terminal is, if it is one; before terminal_start()
 * @typed: takes what is typed
 * @a_command: does what a key behind the escape stands for; false if that is nothing
 * @help: the most important such key, and what it does
 */
void terminal_open(void (*typed)(const void *keys, size_t len), bool (*a_command)(char key),
		   const char *help)
{
	type = typed;
	command = a_command;
	command_help = help;
	legacy = shared_alloc(sizeof(*legacy));
	if (!legacy)
		die("no memory for the terminal's mode");
	is_terminal = !tcgetattr(STDIN_FILENO, &saved_mode);
	/* In the background, neither reads nor changes are to stop us. */
	signal(SIGTTOU, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
	/* A console that nobody reads any more is no reason to die. */
	signal(SIGPIPE, SIG_IGN);
}

/** terminal_start() - a guest runs: what is typed or comes otherwise is its */
void terminal_start(void)
{
	bool first = !is_started;

	is_started = true;
	if (!is_terminal && stream_wanted() < 0)
		loop_add(STDIN_FILENO, take_input, NULL);
	else if (!is_terminal)
		loop_add(stream_wanted(), guest_wants_input, NULL);
	terminal_check();
	if (first && escape && is_raw)
		say_keys();
}
