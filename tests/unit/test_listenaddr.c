// SPDX-License-Identifier: MIT
// Tests of listen entries: what they say, and which sockets are theirs.

#include "base/listenaddr.h"

#include "base/attr.h"
#include "unit/unit.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

START_TEST(test_listenaddr_parse)
{
	static const struct {
		const char *text;
		int kind; // -1: bad
		const char *inet;
	} rows[] = {
	    {"inet:127.0.0.1:2527", LISTENADDR_INET, "127.0.0.1:2527"},
	    {"inet:[::1]:2527", LISTENADDR_INET, "[::1]:2527"},
	    {"inet:[0:0::1]:65535", LISTENADDR_INET, "[::1]:65535"},
	    {"inet:*:2527", LISTENADDR_ANY, "0.0.0.0:2527"},
	    {"unix:/run/x", LISTENADDR_UNIX, NULL},
	    {"unix:/", LISTENADDR_UNIX, NULL},
	    {"unix:x", -1, NULL},
	    {"unix:", -1, NULL},
	    {"unix:@x", -1, NULL},
	    {"inet:::1:2527", -1, NULL},
	    {"inet:[::1]", -1, NULL},
	    {"inet:127.0.0.1", -1, NULL},
	    {"inet:127.0.0.1:0", -1, NULL},
	    {"inet:127.0.0.1:65536", -1, NULL},
	    {"inet:127.0.0.1:25x", -1, NULL},
	    {"inet:localhost:25", -1, NULL},
	    {"inet:*", -1, NULL},
	    {"inet:*:", -1, NULL},
	    {"inet:*:*", -1, NULL},
	    {"inet:*:00000000000000000000000000000000000000000000000000000000"
	     "000000000000000000000000000000000000000000000000000002527",
		-1, NULL},
	    {"inet:", -1, NULL},
	    {"2527", -1, NULL},
	    {"", -1, NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct listenaddr a;
		struct err err = {""};
		char text[NETADDR_TEXT_MAX];
		int rc = listenaddr_parse(rows[i].text, &a, &err);
		ck_assert_msg(rc == (rows[i].kind < 0 ? -1 : 0), "row %zu", i);
		ck_assert_msg(
		    (err.text[0] != '\0') == (rows[i].kind < 0), "row %zu", i);
		if (rc != 0)
			continue;
		ck_assert_msg((int)a.kind == rows[i].kind, "row %zu", i);
		if (rows[i].inet == NULL)
			ck_assert_msg(strcmp(a.path, rows[i].text + 5) == 0,
			    "row %zu", i);
		else
			ck_assert_msg(strcmp(netaddr_format_port(&a.inet, text),
					  rows[i].inet) == 0,
			    "row %zu: %s", i, text);
	}
}
END_TEST

START_TEST(test_listenaddr_match)
{
	static const struct {
		const char *entry, *bound;
		bool match;
	} rows[] = {
	    {"inet:127.0.0.1:25", "inet:127.0.0.1:25", true},
	    {"inet:127.0.0.1:25", "inet:127.0.0.1:26", false},
	    {"inet:127.0.0.1:25", "inet:127.0.0.2:25", false},
	    {"inet:[0::1]:25", "inet:[::1]:25", true},
	    {"inet:*:25", "inet:*:25", true},
	    {"inet:*:25", "inet:0.0.0.0:25", true},
	    {"inet:*:25", "inet:[::]:25", true},
	    {"inet:*:25", "inet:*:26", false},
	    {"inet:*:25", "inet:127.0.0.1:25", false},
	    {"inet:[::]:25", "inet:*:25", true},
	    {"inet:0.0.0.0:25", "inet:*:25", false},
	    {"inet:0.0.0.0:25", "inet:0.0.0.0:25", true},
	    {"inet:127.0.0.1:25", "inet:*:25", false},
	    {"unix:/run/none/x", "unix:/run/none/x", true},
	    {"unix:/run/none/x", "unix:/run/none/y", false},
	    {"unix:/run/none/x", "unix:@/run/none/x", false},
	    {"unix:/run/none/x", "inet:127.0.0.1:25", false},
	    {"inet:127.0.0.1:25", "unix:/run/none/x", false},
	    {"nonsense", "nonsense", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		ck_assert_msg(listenaddr_match(rows[i].entry, rows[i].bound) ==
				  rows[i].match,
		    "row %zu", i);
}
END_TEST

// In both orders.
START_TEST(test_listenaddr_overlaps)
{
	static const struct {
		const char *a, *b;
		bool overlap;
	} rows[] = {
	    {"inet:127.0.0.1:25", "inet:127.0.0.1:25", true},
	    {"inet:127.0.0.1:25", "inet:127.0.0.1:26", false},
	    {"inet:127.0.0.1:25", "inet:127.0.0.2:25", false},
	    {"inet:[0:0::1]:25", "inet:[::1]:25", true},
	    {"inet:*:25", "inet:*:25", true},
	    {"inet:*:25", "inet:*:26", false},
	    {"inet:*:25", "inet:127.0.0.1:25", true},
	    {"inet:*:25", "inet:[::1]:25", true},
	    {"inet:*:25", "inet:0.0.0.0:25", true},
	    {"inet:*:25", "inet:[::]:25", true},
	    {"inet:0.0.0.0:25", "inet:127.0.0.1:25", true},
	    {"inet:0.0.0.0:25", "inet:127.0.0.1:26", false},
	    {"inet:0.0.0.0:25", "inet:[::]:25", false},
	    {"inet:0.0.0.0:25", "inet:[::1]:25", false},
	    {"inet:[::]:25", "inet:[::1]:25", true},
	    {"inet:[::]:25", "inet:127.0.0.1:25", false},
	    {"unix:/run/none/x", "unix:/run/none/x", true},
	    {"unix:/run/none/x", "unix:/run/none/y", false},
	    {"unix:/x", "unix:/./x", true},
	    {"unix:/x", "unix:/dev/../x", true},
	    {"unix:/x", "unix:/dev/x", false},
	    {"unix:/run/x", "inet:127.0.0.1:25", false},
	    {"nonsense", "nonsense", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ck_assert_msg(listenaddr_overlaps(rows[i].a, rows[i].b) ==
				  rows[i].overlap,
		    "row %zu", i);
		ck_assert_msg(listenaddr_overlaps(rows[i].b, rows[i].a) ==
				  rows[i].overlap,
		    "row %zu, turned", i);
	}
}
END_TEST

// Binds and asks; NULL path: inet.
static void
check_inet(int family, const char *host, int v6only, const char *want)
{
	struct sockaddr_storage ss = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
	socklen_t len = family == AF_INET ? sizeof(*in) : sizeof(*in6);
	char got[256], expected[256];
	int fd = socket(family, SOCK_STREAM, 0);

	if (fd < 0 && family == AF_INET6)
		return; // this kernel has no IPv6
	ck_assert_int_ge(fd, 0);
	ss.ss_family = (sa_family_t)family;
	ck_assert_int_eq(inet_pton(family, host,
			     family == AF_INET ? (void *)&in->sin_addr
					       : (void *)&in6->sin6_addr),
	    1);
	if (family == AF_INET6)
		setsockopt(
		    fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
	if (bind(fd, (struct sockaddr *)&ss, len) != 0 && family == AF_INET6) {
		close(fd);
		return; // it is switched off
	}
	getsockname(fd, (struct sockaddr *)&ss, &len);
	ck_assert(!listenaddr_is_listening(fd));
	listen(fd, 1);
	ck_assert(listenaddr_is_listening(fd));
	ck_assert(listenaddr_of_socket(fd, got, sizeof(got)));
	snprintf(expected, sizeof(expected), "%s:%d", want,
	    ntohs(family == AF_INET ? in->sin_port : in6->sin6_port));
	ck_assert_str_eq(got, expected);
	close(fd);
}

START_TEST(test_listenaddr_of_inet_socket)
{
	check_inet(AF_INET, "127.0.0.1", 0, "inet:127.0.0.1");
	check_inet(AF_INET, "0.0.0.0", 0, "inet:0.0.0.0");
	check_inet(AF_INET6, "::1", 0, "inet:[::1]");
	check_inet(AF_INET6, "::", 0, "inet:*");
	check_inet(AF_INET6, "::", 1, "inet:[::]");
}
END_TEST

START_TEST(test_listenaddr_of_unix_socket)
{
	char dir[] = "/tmp/mxd-sock-XXXXXX";
	char path[64], link[64], entry[80], got[256];
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/real/s", dir);
	snprintf(link, sizeof(link), "%s/real", dir);
	ck_assert_int_eq(mkdir(link, 0700), 0);
	snprintf(link, sizeof(link), "%s/link", dir);
	ck_assert_int_eq(symlink("real", link), 0);
	strcpy(sun.sun_path, path);
	// Its length need not count the NUL (unix(7)).
	ck_assert_int_eq(
	    bind(fd, (struct sockaddr *)&sun,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			    strlen(path))),
	    0);
	ck_assert(listenaddr_of_socket(fd, got, sizeof(got)));
	snprintf(entry, sizeof(entry), "unix:%s", path);
	ck_assert_str_eq(got, entry);
	snprintf(entry, sizeof(entry), "unix:%s/s", link);
	ck_assert(listenaddr_match(entry, got));
	close(fd);
	unlink(path);
	unlink(link);
	snprintf(link, sizeof(link), "%s/real", dir);
	rmdir(link);
	rmdir(dir);
}
END_TEST

START_TEST(test_listenaddr_of_other_sockets)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	char got[256], want[64];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	// Abstract, with a byte that would spoil a log line.
	int n = snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1, "mxd\n%d",
	    (int)getpid());
	snprintf(want, sizeof(want), "unix:@mxd?%d", (int)getpid());
	ck_assert_int_eq(
	    bind(fd, (struct sockaddr *)&sun,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			    (size_t)n)),
	    0);
	ck_assert(listenaddr_of_socket(fd, got, sizeof(got)));
	ck_assert_str_eq(got, want);
	close(fd);
	ck_assert(!listenaddr_of_socket(fd, got, sizeof(got)));
	ck_assert(!listenaddr_is_listening(fd));
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	ck_assert(!listenaddr_is_listening(fd));
	close(fd);
}
END_TEST

static Suite *
listenaddr_suite(void)
{
	Suite *suite = suite_create("listenaddr");
	TCase *tc = tcase_create("listenaddr");

	tcase_add_test(tc, test_listenaddr_parse);
	tcase_add_test(tc, test_listenaddr_match);
	tcase_add_test(tc, test_listenaddr_overlaps);
	tcase_add_test(tc, test_listenaddr_of_inet_socket);
	tcase_add_test(tc, test_listenaddr_of_unix_socket);
	tcase_add_test(tc, test_listenaddr_of_other_sockets);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	return unit_run(listenaddr_suite());
}
