// SPDX-License-Identifier: GPL-2.0
/*
 * Going to the background: the shell gets its prompt back once the guest runs, or has failed
 * to. What the Launcher says goes to a file, and to the user as well if it fails.
 */
#include "launcher.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int ready = -1;

static void __noreturn wait_until_ready(pid_t pid, int ready_fd, int log)
{
	char buf[4096];
	int status;
	ssize_t n;

	if (read(ready_fd, buf, 1) == 1)
		exit(0);
	for (off_t at = 0; (n = pread(log, buf, sizeof(buf), at)) > 0; at += n) {
		if (write(STDERR_FILENO, buf, n) != n)
			break;
	}
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		exit(WEXITSTATUS(status));
	exit(EXIT_FAILED);
}

/**
 * detach() - let a new process be the Launcher
 * @log_file: what is said goes there
 *
 * Returns in that process. The old one ends with status 0 when the guest runs, or with the
 * Launcher's.
 */
void detach(const char *log_file)
{
	int log = open(log_file, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), fd[2];
	pid_t pid;

	if (log < 0)
		die("%s: %m", log_file);
	if (null < 0 || pipe2(fd, O_CLOEXEC))
		die("cannot go to the background: %m");
	pid = fork();
	if (pid < 0)
		die("cannot start a process: %m");
	if (pid) {
		close(fd[1]);
		wait_until_ready(pid, fd[0], log);
	}
	close(fd[0]);
	ready = fd[1];
	setsid();
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	close(null);
	close(log);
}

/** detach_ready() - the guest runs */
void detach_ready(void)
{
	if (ready < 0)
		return;
	if (write(ready, "", 1) < 0)
		fprintf(stderr, "lguest: nobody waits any more\n");
	close(ready);
	ready = -1;
}
