// SPDX-License-Identifier: MIT
// Whether a resolv.conf is still the file that was read.
#include "dns/resolvconf.h"

#include "base/attr.h"
#include "unit/conffile.h"
#include "unit/logged.h"
#include "unit/unit.h"

#include <fcntl.h>
#include <sys/stat.h>

static void
set_mtime(const char *name, time_t sec, long nsec)
{
	const struct timespec times[2] = {
	    {.tv_nsec = UTIME_OMIT}, {.tv_sec = sec, .tv_nsec = nsec}};

	ck_assert_int_eq(utimensat(AT_FDCWD, name, times, 0), 0);
}

static void
write_new(const char *text)
{
	conffile_write("new", text);
	set_mtime("new", 1000, 0);
	ck_assert_int_eq(rename("new", "resolv.conf"), 0);
}

static void
nothing(void)
{
}

static void
written_in_place(void)
{
	conffile_write("resolv.conf", "nameserver 192.0.2.2\n");
	set_mtime("resolv.conf", 1000, 1);
}

static void
written_in_place_at_the_same_time(void)
{
	conffile_write("resolv.conf", "nameserver 192.0.2.53\n");
	set_mtime("resolv.conf", 1000, 0);
}

static void
replaced_by_its_like(void)
{
	write_new("nameserver 192.0.2.2\n");
}

static void
taken_away(void)
{
	ck_assert_int_eq(unlink("resolv.conf"), 0);
}

static void
emptied(void)
{
	conffile_write("resolv.conf", "");
}

static void
read_only(void)
{
	ck_assert_int_eq(chmod("resolv.conf", 0400), 0);
}

static const struct {
	void (*change)(void);
	bool another;
} row[] = {
    {nothing, false},
    {written_in_place, true},
    {written_in_place_at_the_same_time, true},
    {replaced_by_its_like, true},
    {taken_away, false},
    {emptied, false},
    {read_only, false},
};

START_TEST(test_resolvconf_is_another)
{
	write_new("nameserver 192.0.2.1\n");
	struct resolvconf was = resolvconf_look("resolv.conf");
	row[_i].change();
	ck_assert_msg(
	    resolvconf_is_another(&was) == row[_i].another, "row %d", _i);
}
END_TEST

START_TEST(test_resolvconf_comes_into_being)
{
	struct resolvconf was = resolvconf_look("resolv.conf");
	ck_assert(!resolvconf_is_another(&was));
	write_new("nameserver 192.0.2.1\n");
	ck_assert(resolvconf_is_another(&was));
}
END_TEST

// What the C library makes of the same lines: tried with it.
static const struct read_case {
	const char *text;
	const char *servers;
	const char *said; // of lines that are not understood; NULL: nothing
} read_cases[] = {
    {"nameserver 192.0.2.53\n", "192.0.2.53:53", NULL},
    {"nameserver 192.0.2.53", "192.0.2.53:53", NULL},
    {"nameserver\t192.0.2.53\n", "192.0.2.53:53", NULL},
    {"nameserver  \t 192.0.2.53\t# home\n", "192.0.2.53:53", NULL},
    {"nameserver 192.0.2.53 192.0.2.54\n", "192.0.2.53:53", NULL},
    {"# nameserver 192.0.2.1\n;nameserver 192.0.2.2\n"
     "search x.test\noptions rotate\nnameserver 192.0.2.53\n",
	"192.0.2.53:53", NULL},
    {"nameserver 192.0.2.1\nnameserver ::1\nnameserver 192.0.2.3\n"
     "nameserver 192.0.2.4\n",
	"192.0.2.1:53 [::1]:53 192.0.2.3:53", NULL},
    {"nameserver 127.1\n", "127.0.0.1:53", NULL},
    {"nameserver 0x7f.0.0.010\n", "127.0.0.8:53", NULL},
    {"nameserver 3221226037\n", "192.0.2.53:53", NULL},
    {"nameserver 0.0.0.0\n", "0.0.0.0:53", NULL},
    {"nameserver ::ffff:192.0.2.53\n", "[::ffff:192.0.2.53]:53", NULL},
    {"nameserver fe80::53%eth0\n", "[fe80::53%eth0]:53", NULL},
    {"nameserver fe80::53%2\n", "[fe80::53%2]:53", NULL},
    {"nameserver fe80::53\n", "[fe80::53]:53", NULL},
    {"nameserver 2001:db8::53%eth0\n", "[2001:db8::53]:53", NULL},
    // Not a server's line, to the C library.
    {" nameserver 192.0.2.53\n", "127.0.0.1:53", NULL},
    {"nameservers 192.0.2.53\n", "127.0.0.1:53", NULL},
    {"NAMESERVER 192.0.2.53\n", "127.0.0.1:53", NULL},
    {"nameserver\n", "127.0.0.1:53", NULL},
    {"search x.test\n", "127.0.0.1:53", NULL},
    {"", "127.0.0.1:53", NULL},
    // One, but no address.
    {"nameserver ns.example\n", "127.0.0.1:53", ":1 server=\"ns.example\""},
    {"nameserver 192.0.2.53#home\nnameserver 192.0.2.54\n", "192.0.2.54:53",
	":1 server=\"192.0.2.53#home\""},
    {"#\nnameserver 192.0.2.53:53\n", "127.0.0.1:53",
	":2 server=\"192.0.2.53:53\""},
    {"nameserver [::1]\n", "127.0.0.1:53", ":1 server=\"[::1]\""},
    {"nameserver 192.0.2.53\r\n", "127.0.0.1:53", ":1 server=\"192.0.2.53?\""},
    {"nameserver \n", "127.0.0.1:53", ":1 server=\"\""},
    {"nameserver fe80::53%sixteen-bytes-00\n", "127.0.0.1:53",
	":1 server=\"fe80::53%sixteen-bytes-00\""},
};

START_TEST(test_resolvconf_read)
{
	const struct read_case *c = &read_cases[_i];
	struct zoneaddr servers[RESOLVCONF_SERVERS_MAX];
	char all[256] = "", text[ZONEADDR_TEXT_MAX], log[1024];

	conffile_write("resolv.conf", c->text);
	log_begin();
	unsigned n = resolvconf_read("resolv.conf", servers, NULL);
	log_end(log, sizeof(log));
	for (unsigned i = 0; i < n; i++) {
		strcat(all, i == 0 ? "" : " ");
		strcat(all, zoneaddr_format_port(&servers[i], text));
	}
	ck_assert_msg(
	    strcmp(all, c->servers) == 0, "row %d (%s): %s", _i, c->text, all);
	ck_assert_msg(c->said == NULL ? log[0] == '\0'
				      : strstr(log, c->said) != NULL &&
					    count_text(log, "\n") == 1,
	    "row %d (%s): said %s", _i, c->text, log);
}
END_TEST

START_TEST(test_resolvconf_read_no_file)
{
	struct zoneaddr servers[RESOLVCONF_SERVERS_MAX];
	char text[ZONEADDR_TEXT_MAX];
	struct err err = {0};

	ck_assert_uint_eq(resolvconf_read("none.conf", servers, NULL), 1);
	ck_assert_str_eq(
	    zoneaddr_format_port(&servers[0], text), "127.0.0.1:53");
	ck_assert_int_eq(mkdir("folder", 0700), 0);
	ck_assert_uint_eq(resolvconf_read("folder", servers, &err), 0);
	ck_assert_str_eq(err.text, "dns servers: folder: Is a directory");
}
END_TEST

static Suite *
resolvconf_suite(void)
{
	Suite *s = suite_create("resolvconf");
	TCase *tc = tcase_create("resolvconf");
	tcase_add_checked_fixture(tc, conffile_begin, conffile_end);
	tcase_add_loop_test(tc, test_resolvconf_is_another, 0, ARRAY_LEN(row));
	tcase_add_test(tc, test_resolvconf_comes_into_being);
	tcase_add_loop_test(tc, test_resolvconf_read, 0, ARRAY_LEN(read_cases));
	tcase_add_test(tc, test_resolvconf_read_no_file);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(resolvconf_suite());
}
