// SPDX-License-Identifier: MIT
// Whether a resolv.conf is still the file that was read.
#include "dns/resolvconf.h"

#include "base/attr.h"
#include "unit/conffile.h"
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

static Suite *
resolvconf_suite(void)
{
	Suite *s = suite_create("resolvconf");
	TCase *tc = tcase_create("resolvconf");
	tcase_add_checked_fixture(tc, conffile_begin, conffile_end);
	tcase_add_loop_test(tc, test_resolvconf_is_another, 0, ARRAY_LEN(row));
	tcase_add_test(tc, test_resolvconf_comes_into_being);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(resolvconf_suite());
}
