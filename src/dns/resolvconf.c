// SPDX-License-Identifier: MIT
// The name servers of a resolv.conf, and whether it is still the file that was
// read.
#include "dns/resolvconf.h"

#include "base/log.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	SAID_MAX = 64, // of a line that is not understood
};

struct resolvconf
resolvconf_look(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0 || st.st_size == 0)
		return (struct resolvconf){.path = path};
	return (struct resolvconf){
	    .path = path,
	    .exists = true,
	    .dev = st.st_dev,
	    .ino = st.st_ino,
	    .size = st.st_size,
	    .mtime = st.st_mtim,
	};
}

bool
resolvconf_is_another(const struct resolvconf *was)
{
	struct resolvconf is = resolvconf_look(was->path);
	if (!is.exists)
		return false;
	// The inode too: a new file may have been given the time of the old.
	return !was->exists || is.dev != was->dev || is.ino != was->ino ||
	       is.size != was->size || is.mtime.tv_sec != was->mtime.tv_sec ||
	       is.mtime.tv_nsec != was->mtime.tv_nsec;
}

// Finds the address in a line "nameserver ADDRESS", and ends it there; NULL: it
// is another line. The word begins the line, and is followed by a blank or tab;
// what comes behind the address does not count.
static char *
nameserver_in(char *line)
{
	static const char word[] = "nameserver";
	size_t len = sizeof(word) - 1;

	if (strncmp(line, word, len) != 0 || strspn(line + len, " \t") == 0)
		return NULL;
	line += len + strspn(line + len, " \t");
	line[strcspn(line, " \t\n")] = '\0';
	return line;
}

// Reads an address as the C library does: IPv4 in any form of inet_aton(3), and
// IPv6 with or without a zone, which matters to link-local ones only.
static bool
read_server(char *text, struct zoneaddr *out)
{
	struct in_addr in;
	struct zoneaddr a = {0};
	char *zone;

	// It takes "192.0.2.53\r", too, which the C library does not.
	if (text[strcspn(text, "\r\f\v")] == '\0' &&
	    inet_aton(text, &in) != 0) {
		a.addr = netaddr_from_bytes(AF_INET, &in);
	} else {
		zone = strchr(text, '%');
		if (zone != NULL)
			*zone++ = '\0';
		if (!netaddr_parse(text, &a.addr) || a.addr.family != AF_INET6)
			return false;
		if (zone != NULL && zoneaddr_needs_zone(&a) &&
		    !zoneaddr_set_zone(&a, zone))
			return false;
	}
	a.addr.port = NS_DEFAULTPORT;
	*out = a;
	return true;
}

// Says that a line's server is not asked.
static void
say_not_understood(const char *path, unsigned line, const char *text)
{
	char printable[SAID_MAX];

	str_quotable(printable, sizeof(printable), text, strlen(text));
	log_warn("dns file=%s:%u server=\"%s\": no address, not asked", path,
	    line, printable);
}

// Reads the lines of an open file. Returns how many servers there are.
static unsigned
read_lines(FILE *file, const char *path, struct zoneaddr *out)
{
	char *line = NULL, said[SAID_MAX];
	size_t size = 0;
	unsigned n = 0, number = 0;

	while (n < RESOLVCONF_SERVERS_MAX && getline(&line, &size, file) >= 0) {
		number++;
		char *text = nameserver_in(line);
		if (text == NULL)
			continue;
		snprintf(said, sizeof(said), "%s", text);
		if (read_server(text, &out[n]))
			n++;
		else
			say_not_understood(path, number, said);
	}
	free(line);
	return n;
}

unsigned
resolvconf_read(const char *path, struct zoneaddr out[RESOLVCONF_SERVERS_MAX],
    struct err *err)
{
	static const char loopback[] = {127, 0, 0, 1};
	FILE *file = fopen(path, "re");
	unsigned n = 0;

	if (file == NULL && errno != ENOENT && errno != ENOTDIR) {
		err_set(err, "dns servers: %s: %s", path, strerror(errno));
		return 0;
	}
	if (file != NULL) {
		n = read_lines(file, path, out);
		bool failed = ferror(file) != 0;
		int error = errno;
		fclose(file);
		if (failed) {
			err_set(
			    err, "dns servers: %s: %s", path, strerror(error));
			return 0;
		}
	}
	if (n == 0) {
		out[0] = (struct zoneaddr){
		    .addr = netaddr_from_bytes(AF_INET, loopback)};
		out[0].addr.port = NS_DEFAULTPORT;
		n = 1;
	}
	return n;
}
