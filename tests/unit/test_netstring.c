// SPDX-License-Identifier: MIT
// Tests of proto/netstring: framing at every split, and lengths that lie.
#include <stdint.h>
#include <string.h>

#include "base/attr.h"
#include "proto/netstring.h"

#include "unit/exact.h"
#include "unit/unit.h"

static enum decoded
decode(
    const char *data, size_t len, size_t max, size_t *payload_len, size_t *used)
{
	char *copy = exact_copy(data, len);
	const char *payload = NULL;
	enum decoded got = netstring_decode(
	    copy, len, max, &payload, payload_len, used);
	ck_assert(
	    got != DECODED_OK || payload + *payload_len + 1 == copy + *used);
	free(copy);
	return got;
}

START_TEST(test_netstring_decode)
{
	static const struct {
		const char *data;
		size_t max;
		enum decoded want;
		size_t payload, used;
	} rows[] = {
	    {"5:hello,", 10, DECODED_OK, 5, 8},
	    {"5:hello,", 5, DECODED_OK, 5, 8},
	    {"5:hello,5:again,", 10, DECODED_OK, 5, 8},
	    {"0:,", 10, DECODED_OK, 0, 3},
	    {"0:,", 0, DECODED_OK, 0, 3},
	    {"10:0123456789,", 10, DECODED_OK, 10, 14},
	    {"3:,,,,", 10, DECODED_OK, 3, 6},
	    {"", 10, DECODED_NEED_MORE, 0, 0},
	    {"1", 10, DECODED_NEED_MORE, 0, 0},
	    {"10", 10, DECODED_NEED_MORE, 0, 0},
	    {"0", 10, DECODED_NEED_MORE, 0, 0},
	    {"5:", 10, DECODED_NEED_MORE, 0, 0},
	    {"5:hello", 10, DECODED_NEED_MORE, 0, 0},
	    {":", 10, DECODED_BAD, 0, 0},
	    {":,", 10, DECODED_BAD, 0, 0},
	    {",", 10, DECODED_BAD, 0, 0},
	    {"-1:", 10, DECODED_BAD, 0, 0},
	    {"+1:a,", 10, DECODED_BAD, 0, 0},
	    {" 1:a,", 10, DECODED_BAD, 0, 0},
	    {"1 :a,", 10, DECODED_BAD, 0, 0},
	    {"1;a,", 10, DECODED_BAD, 0, 0},
	    {"00", 10, DECODED_BAD, 0, 0},
	    {"00:,", 10, DECODED_BAD, 0, 0},
	    {"01:a,", 10, DECODED_BAD, 0, 0},
	    {"1:a;", 10, DECODED_BAD, 0, 0},
	    {"1:ab,", 10, DECODED_BAD, 0, 0},
	    {"0:a", 10, DECODED_BAD, 0, 0},
	    {"11", 10, DECODED_BAD, 0, 0},
	    {"11:", 10, DECODED_BAD, 0, 0},
	    {"20", 10, DECODED_BAD, 0, 0},
	    {"100", 10, DECODED_BAD, 0, 0},
	    {"1", 0, DECODED_BAD, 0, 0},
	    {"4294967296:", 10000, DECODED_BAD, 0, 0},
	    {"4294967297:a,", 10000, DECODED_BAD, 0, 0},
	    {"18446744073709551617:a,", 10000, DECODED_BAD, 0, 0},
	    {"18446744073709551617:a,", SIZE_MAX, DECODED_BAD, 0, 0},
	    {"18446744073709551615:a,", SIZE_MAX, DECODED_NEED_MORE, 0, 0},
	    {"99999999999999999999999999999999", 10000, DECODED_BAD, 0, 0},
	    {"GET / HTTP/1.1\r\n", 10000, DECODED_BAD, 0, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t payload = 0;
		size_t used = 0;
		enum decoded got = decode(rows[i].data, strlen(rows[i].data),
		    rows[i].max, &payload, &used);
		ck_assert_msg(got == rows[i].want, "row %zu: %d", i, (int)got);
		ck_assert_msg(payload == rows[i].payload, "row %zu", i);
		ck_assert_msg(used == rows[i].used, "row %zu", i);
	}
}
END_TEST

START_TEST(test_netstring_decode_needs_each_byte)
{
	static const char data[] = "12:hello, world,";
	size_t payload;
	size_t used;
	for (size_t len = 0; len < sizeof(data) - 1; len++)
		ck_assert_msg(
		    decode(data, len, 12, &payload, &used) == DECODED_NEED_MORE,
		    "length %zu", len);
	ck_assert_int_eq(
	    decode(data, sizeof(data) - 1, 12, &payload, &used), DECODED_OK);
}
END_TEST

START_TEST(test_netstring_encode)
{
	char out[32];
	ck_assert_uint_eq(netstring_encode("hello", 5, out, sizeof(out)), 8);
	ck_assert_mem_eq(out, "5:hello,", 8);
	ck_assert_uint_eq(netstring_encode("", 0, out, sizeof(out)), 3);
	ck_assert_mem_eq(out, "0:,", 3);
	ck_assert_uint_eq(netstring_encode("a\0b,456789", 10, out, 14), 14);
	ck_assert_mem_eq(out, "10:a\0b,456789,", 14);
}
END_TEST

START_TEST(test_netstring_encode_needs_room)
{
	for (size_t size = 0; size < 8; size++) {
		char *out = malloc(size);
		ck_assert_msg(netstring_encode("hello", 5, out, size) == 0,
		    "size %zu", size);
		free(out);
	}
	char *out = malloc(8);
	ck_assert_uint_eq(netstring_encode("hello", 5, out, 8), 8);
	// Only the length is looked at before it is refused.
	ck_assert_uint_eq(netstring_encode("hello", SIZE_MAX, out, 8), 0);
	free(out);
}
END_TEST

START_TEST(test_netstring_round_trip_at_each_digit_count)
{
	static const size_t lens[] = {0, 1, 9, 10, 99, 100, 999, 1000, 9999,
	    10000, 99999, 100000, 999999};
	size_t size = 999999 + NETSTRING_OVERHEAD;
	char *payload = malloc(size);
	char *out = malloc(size);
	ck_assert(payload != NULL && out != NULL);
	memset(payload, ',', size);
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		size_t n = netstring_encode(
		    payload, lens[i], out, lens[i] + NETSTRING_OVERHEAD);
		const char *got;
		size_t len;
		size_t used;
		ck_assert_msg(n > 0, "row %zu", i);
		ck_assert_int_eq(
		    netstring_decode(out, n, 999999, &got, &len, &used),
		    DECODED_OK);
		ck_assert_uint_eq(used, n);
		ck_assert_uint_eq(len, lens[i]);
		ck_assert_mem_eq(got, payload, len);
	}
	free(payload);
	free(out);
}
END_TEST

static Suite *
netstring_suite(void)
{
	Suite *s = suite_create("netstring");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_netstring_decode);
	tcase_add_test(tc, test_netstring_decode_needs_each_byte);
	tcase_add_test(tc, test_netstring_encode);
	tcase_add_test(tc, test_netstring_encode_needs_room);
	tcase_add_test(tc, test_netstring_round_trip_at_each_digit_count);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(netstring_suite());
}
