// SPDX-License-Identifier: GPL-2.0
/*
 * A process that stays beside a guest's, for a program of somebody else's that one life of the
 * guest needs. It starts the program, and when that life is over, however it ended, it kills
 * it, also one that hangs.
 */
#include "launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *user;

/**
 * keeper_set_user() - whose rights the programs are to have
 * @name: as for sandbox_set_user(); NULL for ours
 */
void keeper_set_user(const char *name)
{
	user = name;
}

/** keeper_user() - what keeper_set_user() was told */
const char *keeper_user(void)
{
	return user;
}

/**
 * keeper_find() - look a program up
 * @program: its name
 *
 * Return: its path, or NULL.
 */
char *keeper_find(const char *program)
{
	const char *path = getenv("PATH");
	char *dirs, *rest, *dir, *found = NULL;

	/* Some are an administrator's, which a user's PATH may leave out. */
	if (asprintf(&dirs, "%s:/usr/sbin:/sbin:/usr/local/sbin", path ? path : "") < 0)
		die("no memory for a path");
	rest = dirs;
	while (!found && (dir = strsep(&rest, ":"))) {
		if (asprintf(&found, "%s/%s", dir, program) < 0)
			die("no memory for a path");
		if (*dir != '/' || access(found, X_OK)) {
			free(found);
			found = NULL;
		}
	}
	free(dirs);
	return found;
}

/* They are in order first where none is in the way of another. */
static void move_files(int *files, unsigned int num)
{
	for (unsigned int i = 0; i < num; i++) {
		files[i] = fcntl(files[i], F_DUPFD_CLOEXEC, 64);
		if (files[i] < 0)
			die("no file numbers: %m");
	}
	for (unsigned int i = 0; i < num; i++) {
		if (dup2(files[i], KEEPER_FILE + i) < 0)
			die("no file numbers: %m");
	}
	if (close_range(KEEPER_FILE + num, ~0U, 0))
		die("cannot close files: %m");
}

/**
 * keeper_fork() - start a process that stays
 * @files: that it is to have, as its %KEEPER_FILE and those behind it
 * @num: of @files
 *
 * It has a session of its own, as a terminal's ^C is not for it, and the user's rights that
 * keeper_set_user() was told.
 *
 * Return: true in that process.
 */
bool keeper_fork(int *files, unsigned int num)
{
	sigset_t none;
	pid_t pid;

	/* Once it has ended, nobody has to be told. */
	signal(SIGCHLD, SIG_IGN);
	/* It would keep a copy of what the guest changes. */
	madvise(guest_memory_base(), guest_pages() * PAGE_SIZE, MADV_DONTFORK);
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		die("cannot start a process: %m");
	if (pid)
		return false;
	setsid();
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	move_files(files, num);
	if (user)
		sandbox_set_user(user);
	return true;
}

/**
 * keeper_start() - start the program, in the process that stays
 * @pid: set to its process
 * @run: called there
 * @arg: its argument
 *
 * Return: a file that can be read once the program has ended.
 */
int keeper_start(pid_t *pid, void (*run)(void *arg), void *arg)
{
	int pidfd;

	*pid = fork();
	if (!*pid)
		run(arg);
	pidfd = syscall(SYS_pidfd_open, *pid, 0);
	if (*pid < 0 || pidfd < 0)
		die("cannot start a process: %m");
	return pidfd;
}

/**
 * keeper_end() - kill the program, and end
 * @pid: of the program
 */
void keeper_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	_exit(0);
}
