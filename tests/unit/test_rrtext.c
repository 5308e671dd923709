// SPDX-License-Identifier: MIT
// Tests of proto/rrtext: records as Postfix writes them, and other bytes.
#include <string.h>

#include "base/attr.h"
#include "proto/rrtext.h"

#include "unit/exact.h"
#include "unit/unit.h"

enum { NO = -1 };

static const struct {
	const char *text;
	int type; // NO: not understood
	const char *owner, *address;
} rows[] = {
    {"aspmx.g.test. 300 IN A 198.51.100.1", RRTEXT_ADDRESS, "aspmx.g.test",
	"198.51.100.1"},
    {"aspmx.g.test 300 IN A 198.51.100.1", RRTEXT_ADDRESS, "aspmx.g.test",
	"198.51.100.1"},
    {"ASPMX.G.Test. 0 in a 198.51.100.1", RRTEXT_ADDRESS, "aspmx.g.test",
	"198.51.100.1"},
    {"aspmx.g.test. 4294967295 IN AAAA 2001:DB8::1", RRTEXT_ADDRESS,
	"aspmx.g.test", "2001:db8::1"},
    {" a.test. \t 300  IN\tAaAa  2001:db8::1 ", RRTEXT_ADDRESS, "a.test",
	"2001:db8::1"},
    // Owners that an MX record may name.
    {"mx.a.123. 300 IN A 198.51.100.1", RRTEXT_ADDRESS, "mx.a.123",
	"198.51.100.1"},
    {"*.a.test. 300 IN A 198.51.100.1", RRTEXT_ADDRESS, "*.a.test",
	"198.51.100.1"},
    {"localhost. 300 IN A 127.0.0.1", RRTEXT_ADDRESS, "localhost", "127.0.0.1"},
    {"h1.test. 300 IN MX 1 aspmx.provider.test.", RRTEXT_MX, "h1.test", "-"},
    {"h1.test. 300 IN mx", RRTEXT_MX, "h1.test", "-"},
    {"h1.test. 300 IN MX 0 .", RRTEXT_MX, "h1.test", "-"},
    {"_25._tcp.a.test. 300 IN TLSA 3 1 1 00ff", RRTEXT_OTHER, "_25._tcp.a.test",
	"-"},
    {"a.test. 300 IN CNAME b.test.", RRTEXT_OTHER, "a.test", "-"},
    {"a.test. 300 IN TYPE65280 \\# 0", RRTEXT_OTHER, "a.test", "-"},
    {"a.test. 300 IN AA 1.2.3.4", RRTEXT_OTHER, "a.test", "-"},
    {"a.test. 300 IN A6 1.2.3.4", RRTEXT_OTHER, "a.test", "-"},
    {"a.test. 300 IN MXX x", RRTEXT_OTHER, "a.test", "-"},
    {"", NO, "", "-"},
    {" ", NO, "", "-"},
    {"*", NO, "", "-"},
    {"a.test.", NO, "", "-"},
    {"a.test. 300", NO, "", "-"},
    {"a.test. 300 IN", NO, "", "-"},
    {"a.test. 300 IN ", NO, "", "-"},
    {"a.test. 300 IN A", NO, "", "-"},
    {"a.test. 300 IN A ", NO, "", "-"},
    {"a.test. 300 IN A x", NO, "", "-"},
    {"a.test. 300 IN A 198.51.100", NO, "", "-"},
    {"a.test. 300 IN A 198.51.100.1:25", NO, "", "-"},
    {"a.test. 300 IN A 198.51.100.1 x", NO, "", "-"},
    {"a.test. 300 IN A 2001:db8::1", NO, "", "-"},
    {"a.test. 300 IN AAAA 198.51.100.1", NO, "", "-"},
    {"a.test. 300 IN AAAA 00000000000000000000000000000000000000000000001", NO,
	"", "-"},
    {"a.test. 300 CH A 198.51.100.1", NO, "", "-"},
    {"a.test. 300 INN A 198.51.100.1", NO, "", "-"},
    {"a.test. IN A 198.51.100.1", NO, "", "-"},
    {"a.test. -1 IN A 198.51.100.1", NO, "", "-"},
    {"a.test. 3x IN A 198.51.100.1", NO, "", "-"},
    {". 300 IN A 198.51.100.1", NO, "", "-"},
    {"a..test. 300 IN A 198.51.100.1", NO, "", "-"},
    {"-a.test. 300 IN A 198.51.100.1", NO, "", "-"},
    {"a.test. 300 IN A 198.51.100.1\n", NO, "", "-"},
    {"u@a.test. 300 IN A 198.51.100.1", NO, "", "-"},
};

START_TEST(test_rrtext_decode)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = strlen(rows[i].text);
		char *text = exact_copy(rows[i].text, len);
		struct rrtext rr = {0};
		char address[NETADDR_TEXT_MAX];
		bool ok = rrtext_decode(text, len, &rr);
		free(text);
		ck_assert_msg(ok == (rows[i].type != NO), "row %zu", i);
		ck_assert_msg(!ok || (int)rr.type == rows[i].type,
		    "row %zu: %d", i, (int)rr.type);
		ck_assert_msg(strcmp(rr.owner, rows[i].owner) == 0,
		    "row %zu: %s", i, rr.owner);
		netaddr_format(&rr.address, address);
		ck_assert_msg(strcmp(address, rows[i].address) == 0,
		    "row %zu: %s", i, address);
		ck_assert_msg(rr.address.port == 0, "row %zu", i);
	}
}
END_TEST

START_TEST(test_rrtext_nul_is_not_understood)
{
	static const char text[] = "a.test. 300 IN A 198.51.100.1";
	size_t len = sizeof(text) - 1;
	struct rrtext rr;
	ck_assert(rrtext_decode(text, len, &rr));
	// The terminating NUL as a byte of the record.
	ck_assert(!rrtext_decode(text, len + 1, &rr));
	for (size_t i = 0; i < len; i++) {
		char copy[sizeof(text)];
		memcpy(copy, text, sizeof(text));
		copy[i] = '\0';
		ck_assert_msg(
		    !rrtext_decode(copy, len, &rr) || rr.type == RRTEXT_OTHER,
		    "byte %zu", i);
	}
}
END_TEST

START_TEST(test_rrtext_beginnings_are_read_within_bounds)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t whole = strlen(rows[i].text);
		for (size_t len = 0; len < whole; len++) {
			char *text = exact_copy(rows[i].text, len);
			struct rrtext rr;
			if (rrtext_decode(text, len, &rr))
				ck_assert_uint_gt(strlen(rr.owner), 0);
			free(text);
		}
	}
}
END_TEST

static Suite *
rrtext_suite(void)
{
	Suite *s = suite_create("rrtext");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_rrtext_decode);
	tcase_add_test(tc, test_rrtext_nul_is_not_understood);
	tcase_add_test(tc, test_rrtext_beginnings_are_read_within_bounds);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(rrtext_suite());
}
