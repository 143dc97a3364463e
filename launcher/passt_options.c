// SPDX-License-Identifier: GPL-2.0
/* What the user says of a network of his own (--net=user), as passt takes it */
#include "launcher.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* Where resolvers of programs go, and where systemd-resolved has the servers that it asks */
#define RESOLVERS	"/etc/resolv.conf"
#define REAL_RESOLVERS	"/run/systemd/resolve/resolv.conf"

static void add_option(struct passt_options *options, const char *name, const char *value)
{
	if (options->num + 2 > PASST_OPTIONS_MAX)
		die("--net=user: that is too many options");
	options->words[options->num++] = name;
	options->words[options->num++] = value;
}

static bool is_port(unsigned int port)
{
	return port && port <= 0xffff;
}

/* [tcp:|udp:][ADDRESS:]PORT:PORT. Others than this host are let in only if the user says so. */
static void add_forward(struct passt_options *options, const char *arg)
{
	const char *kind = "-t", *spec = arg;
	unsigned int port, guest_port;
	char address[INET_ADDRSTRLEN], rest, *value;
	struct in_addr in;

	if (!strncmp(spec, "udp:", 4))
		kind = "-u";
	if (!strncmp(spec, "udp:", 4) || !strncmp(spec, "tcp:", 4))
		spec += 4;
	if (sscanf(spec, "%15[0-9.]:%5u:%5u%c", address, &port, &guest_port, &rest) != 3) {
		strcpy(address, "127.0.0.1");
		if (sscanf(spec, "%5u:%5u%c", &port, &guest_port, &rest) != 2)
			port = 0;
	}
	if (!is_port(port) || !is_port(guest_port) || inet_pton(AF_INET, address, &in) != 1)
		die("--net=user: forward=%s: want [tcp:|udp:][A.B.C.D:]PORT:PORT-OF-THE-GUEST",
		    arg);
	if (asprintf(&value, "%s/%u:%u", address, port, guest_port) < 0)
		die("no memory for a network card");
	add_option(options, kind, value);
}

static void add_dns(struct passt_options *options, const char *address)
{
	struct in6_addr in;

	if (inet_pton(AF_INET, address, &in) != 1 && inet_pton(AF_INET6, address, &in) != 1)
		die("--net=user: dns=%s: want an address", address);
	add_option(options, "--dns", address);
	options->has_dns = true;
}

/**
 * passt_option() - take an option of the user's
 * @options: what he has said so far
 * @option: forward=[tcp:|udp:][A.B.C.D:]PORT:PORT, or dns=ADDRESS; stays in use
 *
 * Return: false if it is neither. Ends the program, with a word to the user, if it is wrong.
 */
bool passt_option(struct passt_options *options, const char *option)
{
	if (!strncmp(option, "forward=", 8))
		add_forward(options, option + 8);
	else if (!strncmp(option, "dns=", 4))
		add_dns(options, option + 4);
	else
		return false;
	return true;
}

static bool is_on_this_host(const char *address)
{
	return !strncmp(address, "127.", 4) || !strcmp(address, "::1");
}

/* The name servers of a file that the guest can reach: @use is called for each. How many */
static unsigned int find_dns(const char *name,
			     void (*use)(struct passt_options *options, const char *address),
			     struct passt_options *options)
{
	FILE *file = fopen(name, "re");
	char line[256], address[INET6_ADDRSTRLEN];
	unsigned int found = 0;
	struct in6_addr in;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "nameserver %45[0-9a-fA-F:.]", address) != 1 ||
		    is_on_this_host(address) || (inet_pton(AF_INET, address, &in) != 1 &&
						 inet_pton(AF_INET6, address, &in) != 1))
			continue;
		if (use)
			use(options, strdup(address));
		found++;
	}
	if (file)
		fclose(file);
	return found;
}

/**
 * passt_options_complete() - the user has said all
 * @options: what he has said
 *
 * passt tells the guest of the host's name servers. The guest can't reach one on the host
 * itself, as systemd-resolved is; but that asks others.
 */
void passt_options_complete(struct passt_options *options)
{
	if (options->has_dns || find_dns(RESOLVERS, NULL, NULL))
		return;
	if (!find_dns(REAL_RESOLVERS, add_dns, options))
		fprintf(stderr,
			"lguest: --net=user: the guest can't ask this host's name servers (dns=ADDRESS)\n");
}
