// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that have names. Each has a socket in a directory of the user's, on which one line of
 * JSON asks for something and one line answers; behind an answered "attach" the connection
 * is the guest's console. The commands of the same names use it, and any other program may.
 */
#include "launcher.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <json-c/json.h>
#include <linux/virtio_balloon.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_LEN	4096
#define SUFFIX		".sock"

static const char *guest_name;
static char *socket_path;

/* The user's own, which systemd makes and clears; root has one always */
static char *directory(void)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	char *dir;

	if ((!base || !*base) && !geteuid())
		base = "/run";
	if (!base || !*base)
		die("guests with names need a directory for their sockets: set XDG_RUNTIME_DIR");
	if (asprintf(&dir, "%s/lguest", base) < 0)
		die("no memory for a name");
	return dir;
}

static bool is_name(const char *name)
{
	if (*name == '.' || *name == '-' || !*name)
		return false;
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr("_.-", *name))
			return false;
	}
	return true;
}

static char *file_of(const char *name, const char *suffix)
{
	char *dir = directory(), *path;

	if (!is_name(name))
		die("'%s' is no name for a guest: want letters, digits, and _ . - within", name);
	if (asprintf(&path, "%s/%s%s", dir, name, suffix) < 0)
		die("no memory for a name");
	free(dir);
	return path;
}

static char *path_of(const char *name)
{
	return file_of(name, SUFFIX);
}

static void make_directory(void)
{
	char *dir = directory();

	if (mkdir(dir, 0700) && errno != EEXIST)
		die("%s: %m", dir);
	free(dir);
}

static struct json_object *answer(bool ok)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "ok", json_object_new_boolean(ok));
	return object;
}

static struct json_object *refusal(const char *why)
{
	struct json_object *object = answer(false);

	json_object_object_add(object, "error", json_object_new_string(why));
	return object;
}

static void add_stat(struct json_object *object, const char *name, unsigned int tag)
{
	__u64 value = balloon_stat(tag);

	if (value != BALLOON_UNTOLD)
		json_object_object_add(object, name, json_object_new_int64(value));
}

/* What the guest tells is as old as the last time that somebody asked. */
static void add_balloon(struct json_object *object)
{
	json_object_object_add(object, "keep", json_object_new_int64(balloon_wanted()));
	json_object_object_add(object, "given", json_object_new_int64(balloon_actual()));
	add_stat(object, "guest_free", VIRTIO_BALLOON_S_MEMFREE);
	add_stat(object, "guest_total", VIRTIO_BALLOON_S_MEMTOT);
	add_stat(object, "guest_available", VIRTIO_BALLOON_S_AVAIL);
	supervisor_tell(COMMAND_STATISTICS);
}

static struct json_object *set_balloon(struct json_object *request)
{
	struct json_object *keep;

	if (!balloon_wanted())
		return refusal("the guest has no balloon (--balloon)");
	if (!json_object_object_get_ex(request, "keep", &keep) ||
	    !json_object_is_type(keep, json_type_int) || json_object_get_int64(keep) <= 0)
		return refusal("want how many bytes it is to keep, as \"keep\"");
	balloon_want(json_object_get_int64(keep));
	supervisor_tell(COMMAND_BALLOON);
	return answer(true);
}

static struct json_object *status(void)
{
	struct supervisor_status is = supervisor_status();
	struct json_object *object = answer(true);

	json_object_object_add(object, "name", json_object_new_string(guest_name));
	json_object_object_add(object, "state", json_object_new_string(is.state));
	json_object_object_add(object, "pid", json_object_new_int(getpid()));
	json_object_object_add(object, "guest_pid", json_object_new_int(is.child));
	json_object_object_add(object, "kernel", json_object_new_string(is.machine->kernel));
	json_object_object_add(object, "command_line",
			       json_object_new_string(is.machine->words));
	json_object_object_add(object, "memory", json_object_new_int64(is.machine->memory));
	json_object_object_add(object, "starts", json_object_new_int(is.lives));
	json_object_object_add(object, "seconds", json_object_new_int64(is.age_ms / 1000));
	json_object_object_add(object, "attachable", json_object_new_boolean(hub_is_open()));
	if (balloon_wanted())
		add_balloon(object);
	return object;
}

static void say(int fd, struct json_object *object)
{
	const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE);
	char *line;

	/* Who asked may be gone, and what it does not read is not worth waiting for. */
	if (asprintf(&line, "%s\n", text) >= 0) {
		send(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL);
		free(line);
	}
	json_object_put(object);
}

struct client {
	int fd;
	size_t len;
	char line[LINE_MAX_LEN];
};

static void drop(struct client *client)
{
	loop_remove(client->fd);
	close(client->fd);
	free(client);
}

/* The connection is the console from now on, and what is behind the line is typed. */
static void become_console(struct client *client, const char *rest)
{
	say(client->fd, answer(true));
	loop_remove(client->fd);
	stream_type(rest, client->line + client->len - rest);
	hub_add(client->fd);
	free(client);
}

/* Returns false if the connection has become a console. @rest is what is behind the line. */
static bool obey(struct client *client, const char *command, struct json_object *request,
		 const char *rest)
{
	int fd = client->fd;

	if (!strcmp(command, "status")) {
		say(fd, status());
	} else if (!strcmp(command, "stop")) {
		say(fd, answer(true));
		supervisor_stop();
	} else if (!strcmp(command, "kill")) {
		say(fd, answer(true));
		supervisor_kill("ended by \"kill\"");
	} else if (!strcmp(command, "pause") || !strcmp(command, "resume")) {
		supervisor_pause(*command == 'p');
		say(fd, answer(true));
	} else if (!strcmp(command, "balloon")) {
		say(fd, set_balloon(request));
	} else if (!strcmp(command, "attach") && hub_is_open()) {
		become_console(client, rest);
		return false;
	} else if (!strcmp(command, "attach")) {
		say(fd, refusal("its console is elsewhere (run it with --console=attach)"));
	} else {
		say(fd, refusal("unknown command"));
	}
	return true;
}

static bool take_line(struct client *client, const char *line, const char *rest)
{
	struct json_object *request = json_tokener_parse(line), *command;
	bool goes_on = true;

	if (json_object_is_type(request, json_type_object) &&
	    json_object_object_get_ex(request, "command", &command) &&
	    json_object_is_type(command, json_type_string))
		goes_on = obey(client, json_object_get_string(command), request, rest);
	else
		say(client->fd, refusal("want a line like {\"command\":\"status\"}"));
	json_object_put(request);
	return goes_on;
}

static void client_ready(int fd, void *arg)
{
	struct client *client = arg;
	ssize_t n = recv(fd, client->line + client->len, sizeof(client->line) - 1 - client->len,
			 MSG_DONTWAIT);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(client);
		return;
	}
	client->len += n;
	client->line[client->len] = '\0';
	while ((end = strchr(client->line, '\n'))) {
		*end = '\0';
		if (!take_line(client, client->line, end + 1))
			return;
		client->len -= end + 1 - client->line;
		memmove(client->line, end + 1, client->len + 1);
	}
	if (client->len == sizeof(client->line) - 1) {
		say(fd, refusal("the line is too long"));
		drop(client);
	}
}

static void somebody_comes(int fd, void *arg)
{
	struct client *client = calloc(1, sizeof(*client));
	int new = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	(void)arg;
	if (client && new >= 0)
		client->fd = new;
	if (!client || new < 0 || !loop_add(new, client_ready, client)) {
		if (new >= 0)
			close(new);
		free(client);
	}
}

/**
 * control_log() - where a guest that has no terminal has its messages
 * @name: its name
 *
 * Return: a file name, in a directory that is there.
 */
char *control_log(const char *name)
{
	make_directory();
	return file_of(name, ".log");
}

/**
 * control_open() - let the guest have a name, and commands come
 * @name: the name
 */
void control_open(const char *name)
{
	char *path = path_of(name);

	make_directory();
	guest_name = name;
	loop_add(unix_listen(path), somebody_comes, NULL);
	socket_path = path;
}

/** control_close() - there is no such guest any more */
void control_close(void)
{
	if (socket_path)
		unlink(socket_path);
}

static int reach(const char *name)
{
	char *path = path_of(name);
	int fd = unix_connect(path);

	if (fd < 0 && (errno == ENOENT || errno == ECONNREFUSED))
		die("there is no guest with the name %s", name);
	if (fd < 0)
		die("%s: %m", path);
	free(path);
	return fd;
}

/* @keep: how much memory, or 0. Returns the line that answers, or NULL if the guest has ended. */
static char *ask(int fd, const char *command, __u64 keep)
{
	struct json_object *request = json_object_new_object();
	size_t len = 0, size = 0;
	char *line = NULL;
	char c;

	json_object_object_add(request, "command", json_object_new_string(command));
	if (keep)
		json_object_object_add(request, "keep", json_object_new_int64(keep));
	say(fd, request);
	/* By bytes: what is behind the line is the console's. */
	while (read(fd, &c, 1) == 1) {
		if (len + 1 >= size) {
			size = size ? size * 2 : 256;
			line = realloc(line, size);
			if (!line)
				die("no memory for an answer");
		}
		if (c == '\n') {
			line[len] = '\0';
			return line;
		}
		line[len++] = c;
	}
	free(line);
	return NULL;
}

static bool is_ok(const char *line)
{
	struct json_object *object = json_tokener_parse(line), *ok;
	bool is = json_object_is_type(object, json_type_object) &&
		  json_object_object_get_ex(object, "ok", &ok) && json_object_get_boolean(ok);

	json_object_put(object);
	return is;
}

/* One line for each guest that is there. What somebody left behind goes. */
static int list(void)
{
	char *dir = directory();
	struct dirent **entries;
	int n = scandir(dir, &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		const char *file = entries[i]->d_name;
		size_t len = strlen(file);
		char *path, *line;
		int fd;

		if (len <= strlen(SUFFIX) || strcmp(file + len - strlen(SUFFIX), SUFFIX))
			continue;
		if (asprintf(&path, "%s/%s", dir, file) < 0)
			die("no memory for a name");
		fd = unix_connect(path);
		if (fd < 0) {
			if (errno == ECONNREFUSED)
				unlink(path);
			continue;
		}
		line = ask(fd, "status", 0);
		if (line)
			puts(line);
		close(fd);
	}
	return 0;
}

/* Wait until the Launcher that has the guest is gone. */
static void wait_for_end(int fd)
{
	char buf[64];

	while (read(fd, buf, sizeof(buf)) > 0)
		;
}

/**
 * control_command() - do what the user wants of a guest that runs
 * @command: what, one of those that main() knows
 * @argc: how many words are behind it
 * @argv: these
 *
 * Return: the exit status.
 */
int control_command(const char *command, int argc, char **argv)
{
	bool is_balloon;
	__u64 keep = 0;
	char *line;
	int fd;

	if (!strcmp(command, "list") && !argc)
		return list();
	is_balloon = !strcmp(command, "balloon");
	if (argc != 1 + is_balloon || !strcmp(command, "list")) {
		fprintf(stderr, "Usage: lguest %s%s%s\n", command,
			strcmp(command, "list") ? " NAME" : "", is_balloon ? " SIZE" : "");
		return EXIT_USAGE;
	}
	if (is_balloon)
		keep = parse_memory("balloon", argv[1]);
	fd = reach(argv[0]);
	line = ask(fd, command, keep);
	if (!line) {
		/* Some are too quick to answer. */
		if (!strcmp(command, "kill"))
			return 0;
		die("the guest has ended");
	}
	if (!is_ok(line)) {
		puts(line);
		return EXIT_FAILED;
	}
	if (!strcmp(command, "attach"))
		attach(fd);
	puts(line);
	fflush(stdout);
	if (!strcmp(command, "stop") || !strcmp(command, "kill"))
		wait_for_end(fd);
	return 0;
}
