// SPDX-License-Identifier: MIT
// Tests of proto/socketmap: map, key, and their limits.
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "proto/netstring.h"
#include "proto/socketmap.h"

#include "unit/exact.h"
#include "unit/unit.h"

START_TEST(test_socketmap_decode)
{
	static const struct {
		const char *data;
		enum decoded want;
		const char *map, *key;
		size_t used;
	} rows[] = {
	    {"25:transport user@ihg.com.cn,", DECODED_OK, "transport",
		"user@ihg.com.cn", 29},
	    {"11:transport *,11:transport *,", DECODED_OK, "transport", "*",
		15},
	    {"2:m ,", DECODED_OK, "m", "", 5},
	    {"3:m  ,", DECODED_OK, "m", " ", 6},
	    {"34:dnsfilter a.test. 300 IN A 1.2.3.4,", DECODED_OK, "dnsfilter",
		"a.test. 300 IN A 1.2.3.4", 38},
	    {"0:,", DECODED_BAD, "", "", 0},
	    {"1: ,", DECODED_BAD, "", "", 0},
	    {"4: key,", DECODED_BAD, "", "", 0},
	    {"9:transport,", DECODED_BAD, "", "", 0},
	    {"11:transport *;", DECODED_BAD, "", "", 0},
	    {"10066:", DECODED_BAD, "", "", 0},
	    {"4294967296:", DECODED_BAD, "", "", 0},
	    {"transport *\n", DECODED_BAD, "", "", 0},
	    {"10065:", DECODED_NEED_MORE, "", "", 0},
	    {"11:transport *", DECODED_NEED_MORE, "", "", 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = strlen(rows[i].data);
		char *data = exact_copy(rows[i].data, len);
		struct socketmap_request r = {0};
		size_t used = 0;
		enum decoded got = socketmap_decode(data, len, &r, &used);
		ck_assert_msg(got == rows[i].want, "row %zu: %d", i, (int)got);
		ck_assert_msg(used == rows[i].used, "row %zu: %zu", i, used);
		ck_assert_msg(r.map_len == strlen(rows[i].map), "row %zu", i);
		ck_assert_msg(r.key_len == strlen(rows[i].key), "row %zu", i);
		if (got == DECODED_OK) {
			ck_assert_mem_eq(r.map, rows[i].map, r.map_len);
			ck_assert_mem_eq(r.key, rows[i].key, r.key_len);
		}
		free(data);
	}
}
END_TEST

START_TEST(test_socketmap_key_may_hold_anything)
{
	static const char data[] = "8:m a\0b,\n\xff,";
	struct socketmap_request r;
	size_t used;
	ck_assert_int_eq(
	    socketmap_decode(data, sizeof(data) - 1, &r, &used), DECODED_OK);
	ck_assert_uint_eq(r.key_len, 6);
	ck_assert_mem_eq(r.key, "a\0b,\n\xff", 6);
}
END_TEST

// A request with a map and a key of these lengths.
static enum decoded
decode_sizes(size_t map_len, size_t key_len)
{
	static char text[2 * SOCKETMAP_REQUEST_MAX];
	static char data[2 * SOCKETMAP_REQUEST_MAX + NETSTRING_OVERHEAD];
	memset(text, 'm', sizeof(text));
	text[map_len] = ' ';
	size_t n = netstring_encode(
	    text, map_len + 1 + key_len, data, sizeof(data));
	ck_assert_uint_ne(n, 0);
	struct socketmap_request r;
	size_t used;
	return socketmap_decode(data, n, &r, &used);
}

START_TEST(test_socketmap_limits)
{
	static const struct {
		size_t map, key;
		enum decoded want;
	} rows[] = {
	    {1, 0, DECODED_OK},
	    {SOCKETMAP_MAP_MAX, SOCKETMAP_KEY_MAX, DECODED_OK},
	    {1, SOCKETMAP_KEY_MAX, DECODED_OK},
	    {1, SOCKETMAP_KEY_MAX + 1, DECODED_BAD},
	    {SOCKETMAP_MAP_MAX + 1, 1, DECODED_BAD},
	    {SOCKETMAP_MAP_MAX, SOCKETMAP_KEY_MAX + 1, DECODED_BAD},
	    {0, 1, DECODED_BAD},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum decoded got = decode_sizes(rows[i].map, rows[i].key);
		ck_assert_msg(got == rows[i].want, "row %zu: %d", i, (int)got);
	}
}
END_TEST

START_TEST(test_socketmap_needs_each_byte)
{
	static const char data[] = "26:transport u@example.com.cn,";
	size_t whole = sizeof(data) - 1;
	struct socketmap_request r;
	size_t used;
	for (size_t len = 0; len <= whole; len++) {
		char *copy = exact_copy(data, len);
		enum decoded got = socketmap_decode(copy, len, &r, &used);
		ck_assert_msg(
		    got == (len < whole ? DECODED_NEED_MORE : DECODED_OK),
		    "length %zu", len);
		free(copy);
	}
}
END_TEST

static Suite *
socketmap_suite(void)
{
	Suite *s = suite_create("socketmap");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_socketmap_decode);
	tcase_add_test(tc, test_socketmap_key_may_hold_anything);
	tcase_add_test(tc, test_socketmap_limits);
	tcase_add_test(tc, test_socketmap_needs_each_byte);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(socketmap_suite());
}
