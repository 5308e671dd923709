// SPDX-License-Identifier: MIT
// The text of a `listen` entry, and sockets that belong to it.

#include "base/listenaddr.h"

#include "base/str.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

int
listenaddr_parse(const char *text, struct listenaddr *out, struct err *err)
{
	char host[NETADDR_TEXT_MAX + 16];

	*out = (struct listenaddr){.kind = LISTENADDR_INET};
	if (str_starts_with(text, "unix:/")) {
		out->kind = LISTENADDR_UNIX;
		out->path = text + strlen("unix:");
		return 0;
	}
	if (str_starts_with(text, "unix:"))
		return err_set(err,
		    "%s: the path of a unix socket must begin with '/'", text);
	if (!str_starts_with(text, "inet:"))
		return err_set(err,
		    "%s: an address is inet:HOST:PORT or unix:/PATH", text);
	const char *rest = text + strlen("inet:");
	if (str_starts_with(rest, "*:")) {
		out->kind = LISTENADDR_ANY;
		snprintf(host, sizeof(host), "0.0.0.0%s", rest + 1);
		rest = host;
	}
	if (!netaddr_parse_port(rest, 0, &out->inet))
		return err_set(err,
		    "%s: HOST must be an IP address (IPv6 in brackets) or *, "
		    "PORT 1 to 65535",
		    text);
	if (out->inet.port == 0)
		return err_set(err, "%s: the port is missing", text);
	return 0;
}

bool
listenaddr_is_listening(int fd)
{
	int type = 0, listening = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
	    type != SOCK_STREAM)
		return false;
	len = sizeof(listening);
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) ==
		   0 &&
	       listening != 0;
}

// True for 0.0.0.0 and ::.
static bool
is_wildcard(const struct netaddr *a)
{
	static const uint8_t none[sizeof(a->ip)];

	return memcmp(a->ip, none, sizeof(none)) == 0;
}

// Writes the path of a unix socket. An abstract one begins with '@' and cannot
// be asked for by a `listen` entry.
static void
format_unix(
    const struct sockaddr_un *sun, socklen_t len, char *out, size_t size)
{
	size_t offset = offsetof(struct sockaddr_un, sun_path);
	size_t n = len > offset ? len - offset : 0;

	if (n > sizeof(sun->sun_path))
		n = sizeof(sun->sun_path);
	if (n > 0 && sun->sun_path[0] == '\0') {
		char name[sizeof(sun->sun_path) + 1];
		str_printable(name, sizeof(name), sun->sun_path + 1, n - 1);
		snprintf(out, size, "unix:@%s", name);
		return;
	}
	// The path may fill its field, or come with its NUL, or without.
	n = strnlen(sun->sun_path, n);
	snprintf(out, size, "unix:%.*s", (int)n, sun->sun_path);
}

bool
listenaddr_of_socket(int fd, char *out, size_t size)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	char text[NETADDR_TEXT_MAX];
	int v6only = 0;

	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		return false;
	if (ss.ss_family == AF_UNIX) {
		format_unix((const struct sockaddr_un *)&ss, len, out, size);
		return true;
	}
	if (ss.ss_family != AF_INET && ss.ss_family != AF_INET6)
		return false;
	struct netaddr a = netaddr_from_sockaddr((const struct sockaddr *)&ss);
	len = sizeof(v6only);
	if (ss.ss_family == AF_INET6 && is_wildcard(&a) &&
	    getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &len) == 0 &&
	    v6only == 0)
		snprintf(out, size, "inet:*:%u", (unsigned)a.port);
	else
		snprintf(out, size, "inet:%s", netaddr_format_port(&a, text));
	return true;
}

// True when both paths lead to one file, by /var/run and /run, say.
static bool
same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	if (strcmp(a, b) == 0)
		return true;
	return stat(a, &sa) == 0 && stat(b, &sb) == 0 &&
	       sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

bool
listenaddr_match(const char *entry, const char *bound)
{
	struct listenaddr e, b;

	if (listenaddr_parse(entry, &e, NULL) != 0 ||
	    listenaddr_parse(bound, &b, NULL) != 0)
		return false;
	if ((e.kind == LISTENADDR_UNIX) != (b.kind == LISTENADDR_UNIX))
		return false;
	if (e.kind == LISTENADDR_UNIX)
		return same_file(e.path, b.path);
	if (e.inet.port != b.inet.port)
		return false;
	bool any = b.kind == LISTENADDR_ANY;
	if (e.kind == LISTENADDR_ANY)
		return any || is_wildcard(&b.inet);
	if (any)
		return e.inet.family == AF_INET6 && is_wildcard(&e.inet);
	return netaddr_equal(&e.inet, &b.inet);
}

// The same file, which need not exist, in directories that do.
static bool
same_path(const char *a, const char *b)
{
	const char *name_a = strrchr(a, '/') + 1, *name_b = strrchr(b, '/') + 1;
	char dir_a[PATH_MAX], dir_b[PATH_MAX];

	if (strcmp(name_a, name_b) != 0)
		return false;
	snprintf(dir_a, sizeof(dir_a), "%.*s", (int)(name_a - a), a);
	snprintf(dir_b, sizeof(dir_b), "%.*s", (int)(name_b - b), b);
	return same_file(dir_a, dir_b);
}

bool
listenaddr_overlaps(const char *a, const char *b)
{
	struct listenaddr x, y;

	if (listenaddr_parse(a, &x, NULL) != 0 ||
	    listenaddr_parse(b, &y, NULL) != 0)
		return false;
	if (x.kind == LISTENADDR_UNIX || y.kind == LISTENADDR_UNIX)
		return x.kind == y.kind && same_path(x.path, y.path);
	if (x.inet.port != y.inet.port)
		return false;
	if (x.kind == LISTENADDR_ANY || y.kind == LISTENADDR_ANY)
		return true;
	// "[::]" takes no IPv4.
	return x.inet.family == y.inet.family &&
	       (is_wildcard(&x.inet) || is_wildcard(&y.inet) ||
		   netaddr_same_ip(&x.inet, &y.inet));
}
