// SPDX-License-Identifier: MIT
// Tests of base/str: bounds, and what foreign text may look like in a log.
#include <string.h>

#include "base/str.h"

#include "unit/exact.h"
#include "unit/unit.h"

START_TEST(test_str_add_appends_until_full)
{
	char *memory = malloc(8);
	struct strbuf b;
	strbuf_init(&b, memory, 8);
	ck_assert_str_eq(b.text, "");
	strbuf_add(&b, "%s", "abc");
	strbuf_add(&b, "%d", 1234);
	ck_assert_str_eq(b.text, "abc1234");
	ck_assert_uint_eq(b.len, 7);
	ck_assert(!b.truncated);
	strbuf_add(&b, "%s", "");
	ck_assert(!b.truncated);
	strbuf_add(&b, "x");
	ck_assert_str_eq(b.text, "abc1234");
	ck_assert(b.truncated);
	free(memory);
}
END_TEST

START_TEST(test_str_add_keeps_the_part_that_fits)
{
	char memory[6];
	struct strbuf b;
	strbuf_init(&b, memory, sizeof(memory));
	strbuf_add(&b, "ab");
	strbuf_add(&b, "cdefgh");
	ck_assert_str_eq(b.text, "abcde");
	ck_assert_uint_eq(b.len, 5);
	ck_assert(b.truncated);
}
END_TEST

START_TEST(test_str_one_byte_is_always_empty)
{
	char *memory = malloc(1);
	struct strbuf b;
	strbuf_init(&b, memory, 1);
	strbuf_add_foreign(&b, "", 0, 5);
	ck_assert(!b.truncated);
	strbuf_add(&b, "x");
	strbuf_add_foreign(&b, "x", 1, 5);
	ck_assert_str_eq(b.text, "");
	ck_assert_uint_eq(b.len, 0);
	ck_assert(b.truncated);
	free(memory);
}
END_TEST

START_TEST(test_str_foreign_is_printable_and_limited)
{
	char memory[16];
	struct strbuf b;
	strbuf_init(&b, memory, sizeof(memory));
	strbuf_add(&b, "text=");
	strbuf_add_foreign(&b, "a b\nc", 5, 4);
	ck_assert_str_eq(b.text, "text=a_b?");
	// A limit asked for is no accident.
	ck_assert(!b.truncated);
	strbuf_add_foreign(&b, "1234567890", 10, 10);
	ck_assert_str_eq(b.text, "text=a_b?123456");
	ck_assert_uint_eq(b.len, 15);
	ck_assert(b.truncated);
}
END_TEST

START_TEST(test_str_foreign_that_just_fits_is_whole)
{
	char memory[4];
	struct strbuf b;
	strbuf_init(&b, memory, sizeof(memory));
	strbuf_add_foreign(&b, "abc", 3, 100);
	ck_assert_str_eq(b.text, "abc");
	ck_assert(!b.truncated);
}
END_TEST

START_TEST(test_str_printable_of_every_byte)
{
	for (int c = 0; c < 256; c++) {
		char src = (char)c;
		char dst[2];
		str_printable(dst, sizeof(dst), &src, 1);
		char want = (char)c;
		if (c == ' ')
			want = '_';
		else if (c < 0x21 || c > 0x7e || c == '"' || c == '\\')
			want = '?';
		ck_assert_msg(dst[0] == want && dst[1] == '\0', "byte %d", c);
	}
}
END_TEST

START_TEST(test_str_printable_is_cut)
{
	char *src = exact_copy("abcdef", 6);
	char dst[4] = "zzz";
	ck_assert_ptr_eq(str_printable(dst, sizeof(dst), src, 6), dst);
	ck_assert_str_eq(dst, "abc");
	str_printable(dst, 1, src, 6);
	ck_assert_str_eq(dst, "");
	free(src);
}
END_TEST

START_TEST(test_str_quotable_keeps_blanks)
{
	char *src = exact_copy("a b\tc\n\"", 7);
	char dst[16];
	ck_assert_ptr_eq(str_quotable(dst, sizeof(dst), src, 7), dst);
	ck_assert_str_eq(dst, "a b c??");
	str_quotable(dst, 3, src, 7);
	ck_assert_str_eq(dst, "a ");
	free(src);
}
END_TEST

START_TEST(test_str_parse_number_takes_digits_up_to_a_limit)
{
	int64_t n = -1;
	ck_assert(str_parse_number("0", 0, &n) && n == 0);
	ck_assert(str_parse_number("00012", 12, &n) && n == 12);
	ck_assert(str_parse_number("9223372036854775807", INT64_MAX, &n));
	ck_assert(n == INT64_MAX);
	const char *bad[] = {"", "-1", "+1", " 1", "1 ", "1x", "0x10", "13",
	    "9223372036854775808"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(!str_parse_number(bad[i], 12, &n), "%s", bad[i]);
	ck_assert(!str_parse_number("9223372036854775808", INT64_MAX, &n));
	ck_assert(n == INT64_MAX); // a bad one leaves it alone
}
END_TEST

START_TEST(test_str_starts_with)
{
	ck_assert(str_starts_with("unix:/x", "unix:"));
	ck_assert(str_starts_with("unix:", "unix:"));
	ck_assert(str_starts_with("x", ""));
	ck_assert(!str_starts_with("unix", "unix:"));
	ck_assert(!str_starts_with("", "u"));
}
END_TEST

static Suite *
str_suite(void)
{
	Suite *s = suite_create("str");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_str_add_appends_until_full);
	tcase_add_test(tc, test_str_add_keeps_the_part_that_fits);
	tcase_add_test(tc, test_str_one_byte_is_always_empty);
	tcase_add_test(tc, test_str_foreign_is_printable_and_limited);
	tcase_add_test(tc, test_str_foreign_that_just_fits_is_whole);
	tcase_add_test(tc, test_str_printable_of_every_byte);
	tcase_add_test(tc, test_str_printable_is_cut);
	tcase_add_test(tc, test_str_quotable_keeps_blanks);
	tcase_add_test(tc, test_str_parse_number_takes_digits_up_to_a_limit);
	tcase_add_test(tc, test_str_starts_with);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(str_suite());
}
