// SPDX-License-Identifier: MIT
// Tests of base/err: texts, prefixes, and texts that do not fit.
#include <errno.h>
#include <string.h>

#include "base/err.h"

#include "unit/unit.h"

START_TEST(test_err_set_gives_text_and_minus_one)
{
	struct err e = {0};
	ck_assert_int_eq(err_set(&e, "port %d", 25), -1);
	ck_assert_str_eq(e.text, "port 25");
}
END_TEST

START_TEST(test_err_null_is_no_text)
{
	ck_assert_int_eq(err_set(NULL, "x"), -1);
	ck_assert_int_eq(err_set_errno(NULL, ENOENT, "x"), -1);
	ck_assert_int_eq(err_prefix(NULL, "x"), -1);
}
END_TEST

START_TEST(test_err_errno_is_described_and_kept)
{
	struct err e = {0};
	errno = EINTR;
	ck_assert_int_eq(err_set_errno(&e, ENOENT, "open %s", "f"), -1);
	ck_assert_str_eq(e.text, "open f: No such file or directory");
	ck_assert_int_eq(errno, EINTR);
}
END_TEST

START_TEST(test_err_prefix_goes_before)
{
	struct err e = {0};
	err_set(&e, "no such port");
	ck_assert_int_eq(err_prefix(&e, "line %d", 3), -1);
	ck_assert_str_eq(e.text, "line 3: no such port");
	err_prefix(&e, "file");
	ck_assert_str_eq(e.text, "file: line 3: no such port");
}
END_TEST

START_TEST(test_err_arguments_may_be_its_own_text)
{
	struct err e = {0};
	err_set(&e, "inner");
	err_set(&e, "<%s>", e.text);
	ck_assert_str_eq(e.text, "<inner>");
	err_prefix(&e, "[%s]", e.text);
	ck_assert_str_eq(e.text, "[<inner>]: <inner>");
	err_set_errno(&e, ENOENT, "%s", e.text);
	ck_assert_str_eq(
	    e.text, "[<inner>]: <inner>: No such file or directory");
}
END_TEST

START_TEST(test_err_long_text_is_cut)
{
	char x[1000];
	memset(x, 'x', sizeof(x) - 1);
	x[sizeof(x) - 1] = '\0';
	struct err e = {0};
	err_set(&e, "%s", x);
	ck_assert_uint_eq(strlen(e.text), ERR_TEXT_MAX - 1);
	err_prefix(&e, "ab");
	ck_assert_uint_eq(strlen(e.text), ERR_TEXT_MAX - 1);
	ck_assert_int_eq(strncmp(e.text, "ab: xx", 6), 0);
	err_set_errno(&e, ENOENT, "%s", x);
	ck_assert_uint_eq(strlen(e.text), ERR_TEXT_MAX - 1);
}
END_TEST

static Suite *
err_suite(void)
{
	Suite *s = suite_create("err");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_err_set_gives_text_and_minus_one);
	tcase_add_test(tc, test_err_null_is_no_text);
	tcase_add_test(tc, test_err_errno_is_described_and_kept);
	tcase_add_test(tc, test_err_prefix_goes_before);
	tcase_add_test(tc, test_err_arguments_may_be_its_own_text);
	tcase_add_test(tc, test_err_long_text_is_cut);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(err_suite());
}
