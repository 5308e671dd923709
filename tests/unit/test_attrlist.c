// SPDX-License-Identifier: MIT
// Tests of proto/attrlist: policy requests, whole, split and hostile.
#include <string.h>

#include "base/attr.h"
#include "proto/attrlist.h"

#include "unit/exact.h"
#include "unit/unit.h"

static enum decoded
decode(const char *data, size_t len, size_t *list_len, size_t *used)
{
	char *copy = exact_copy(data, len);
	struct attrlist list = {0};
	enum decoded got = attrlist_decode(copy, len, &list, used);
	ck_assert(got != DECODED_OK || list.data == copy);
	*list_len = list.len;
	free(copy);
	return got;
}

START_TEST(test_attrlist_decode)
{
	static const struct {
		const char *data;
		enum decoded want;
		size_t list, used;
	} rows[] = {
	    {"a=b\n\n", DECODED_OK, 4, 5},
	    {"a=\n\n", DECODED_OK, 3, 4},
	    {"a==\n\n", DECODED_OK, 4, 5},
	    {"a=b\r\n\n", DECODED_OK, 5, 6},
	    {"a=b\nc=d e\n\nx=y\n\n", DECODED_OK, 10, 11},
	    {"a b=c\n\n", DECODED_OK, 6, 7},
	    {"", DECODED_NEED_MORE, 0, 0},
	    {"a", DECODED_NEED_MORE, 0, 0},
	    {"a=", DECODED_NEED_MORE, 0, 0},
	    {"a=b\n", DECODED_NEED_MORE, 0, 0},
	    {"a=b\nc", DECODED_NEED_MORE, 0, 0},
	    {"\n", DECODED_BAD, 0, 0},
	    {"\n\n", DECODED_BAD, 0, 0},
	    {"a\n", DECODED_BAD, 0, 0},
	    {"a\n\n", DECODED_BAD, 0, 0},
	    {"=b\n\n", DECODED_BAD, 0, 0},
	    {"=", DECODED_BAD, 0, 0},
	    {"a=b\n=", DECODED_BAD, 0, 0},
	    {"a=b\r\n\r\n", DECODED_BAD, 0, 0},
	    {"a=b\nGET / HTTP/1.1\n", DECODED_BAD, 0, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t list = 0;
		size_t used = 0;
		enum decoded got = decode(
		    rows[i].data, strlen(rows[i].data), &list, &used);
		ck_assert_msg(got == rows[i].want, "row %zu: %d", i, (int)got);
		ck_assert_msg(list == rows[i].list, "row %zu", i);
		ck_assert_msg(used == rows[i].used, "row %zu", i);
	}
}
END_TEST

START_TEST(test_attrlist_nul_is_bad_at_once)
{
	size_t list;
	size_t used;
	ck_assert_int_eq(decode("a=b\0c", 5, &list, &used), DECODED_BAD);
	ck_assert_int_eq(decode("a\0", 2, &list, &used), DECODED_BAD);
	ck_assert_int_eq(decode("a=b\n\0", 5, &list, &used), DECODED_BAD);
	ck_assert_int_eq(decode("a=\0\n\n", 5, &list, &used), DECODED_BAD);
	// What follows the list is another's matter.
	ck_assert_int_eq(decode("a=b\n\n\0", 6, &list, &used), DECODED_OK);
}
END_TEST

START_TEST(test_attrlist_needs_each_byte)
{
	static const char data[] = "request=smtpd_access_policy\n"
				   "recipient=u@example.com\n\n";
	size_t whole = sizeof(data) - 1;
	size_t list;
	size_t used;
	for (size_t len = 0; len < whole; len++)
		ck_assert_msg(
		    decode(data, len, &list, &used) == DECODED_NEED_MORE,
		    "length %zu", len);
	ck_assert_int_eq(decode(data, whole, &list, &used), DECODED_OK);
	ck_assert_uint_eq(used, whole);
}
END_TEST

START_TEST(test_attrlist_value_is_limited)
{
	static char data[ATTRLIST_VALUE_MAX + 10] = "a=";
	size_t list;
	size_t used;
	memset(data + 2, 'x', ATTRLIST_VALUE_MAX);
	size_t end = 2 + ATTRLIST_VALUE_MAX;
	memcpy(data + end, "\n\n", 2);
	ck_assert_int_eq(decode(data, end, &list, &used), DECODED_NEED_MORE);
	ck_assert_int_eq(decode(data, end + 2, &list, &used), DECODED_OK);
	memcpy(data + end, "x\n\n", 3);
	// Before its line's end is there, and with it.
	ck_assert_int_eq(decode(data, end + 1, &list, &used), DECODED_BAD);
	ck_assert_int_eq(decode(data, end + 3, &list, &used), DECODED_BAD);
}
END_TEST

START_TEST(test_attrlist_whole_is_limited)
{
	size_t list;
	size_t used;
	static char data[ATTRLIST_MAX + 100];
	for (size_t i = 0; i < sizeof(data); i += 4)
		memcpy(data + i, "a=b\n", 4);
	ck_assert_int_eq(
	    decode(data, ATTRLIST_MAX - 1, &list, &used), DECODED_NEED_MORE);
	ck_assert_int_eq(decode(data, ATTRLIST_MAX, &list, &used), DECODED_BAD);
	ck_assert_int_eq(decode(data, sizeof(data), &list, &used), DECODED_BAD);
	// The empty line is the last byte that counts, or one too late.
	memcpy(data + ATTRLIST_MAX - 4, "a=\n\n", 4);
	ck_assert_int_eq(decode(data, ATTRLIST_MAX, &list, &used), DECODED_OK);
	ck_assert_uint_eq(used, ATTRLIST_MAX);
	ck_assert_int_eq(decode(data, sizeof(data), &list, &used), DECODED_OK);
	memcpy(data + ATTRLIST_MAX - 4, "a=b\n\n", 5);
	ck_assert_int_eq(decode(data, sizeof(data), &list, &used), DECODED_BAD);
}
END_TEST

START_TEST(test_attrlist_get)
{
	static const char data[] = "request=r\nsender=\nrecipient=u@e.com\n"
				   "recipient=second\nx y= z=1 \n\n";
	static const struct {
		const char *name, *want; // NULL: there is none
	} rows[] = {
	    {"request", "r"},
	    {"sender", ""},
	    {"recipient", "u@e.com"},
	    {"x y", " z=1 "},
	    {"Request", NULL},
	    {"reques", NULL},
	    {"request=", NULL},
	    {"equest", NULL},
	    {"second", NULL},
	    {"z", NULL},
	    {"", NULL},
	};
	size_t len = sizeof(data) - 1;
	char *copy = exact_copy(data, len);
	struct attrlist list;
	size_t used;
	ck_assert_int_eq(attrlist_decode(copy, len, &list, &used), DECODED_OK);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *value = NULL;
		size_t value_len = 99;
		bool ok = attrlist_get(&list, rows[i].name, &value, &value_len);
		const char *want = rows[i].want != NULL ? rows[i].want : "";
		ck_assert_msg(ok == (rows[i].want != NULL), "row %zu", i);
		ck_assert_msg(value_len == strlen(want), "row %zu", i);
		ck_assert_msg(
		    memcmp(value, want, value_len) == 0, "row %zu", i);
	}
	free(copy);
}
END_TEST

static Suite *
attrlist_suite(void)
{
	Suite *s = suite_create("attrlist");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_attrlist_decode);
	tcase_add_test(tc, test_attrlist_nul_is_bad_at_once);
	tcase_add_test(tc, test_attrlist_needs_each_byte);
	tcase_add_test(tc, test_attrlist_value_is_limited);
	tcase_add_test(tc, test_attrlist_whole_is_limited);
	tcase_add_test(tc, test_attrlist_get);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(attrlist_suite());
}
