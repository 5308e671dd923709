// SPDX-License-Identifier: MIT
// Times, sizes and file modes as texts.
#include "conf/value.h"

#include "base/attr.h"
#include "unit/unit.h"

START_TEST(test_value_time_reads)
{
	static const struct {
		const char *text;
		enum value_result result;
		int64_t ms;
	} rows[] = {
	    {"0s", VALUE_OK, 0},
	    {"250ms", VALUE_OK, 250},
	    {"5s", VALUE_OK, 5000},
	    {"007s", VALUE_OK, 7000},
	    {"30m", VALUE_OK, 1800000},
	    {"6h", VALUE_OK, 21600000},
	    {"90d", VALUE_OK, 7776000000},
	    {"106751991167d", VALUE_OK, INT64_C(9223372036828800000)},
	    {"106751991168d", VALUE_OK, INT64_MAX},
	    {"18446744073709551617ms", VALUE_OK, INT64_MAX},
	    {"99999999999999999999999999d", VALUE_OK, INT64_MAX},
	    {"0", VALUE_NO_UNIT, 0},
	    {"5", VALUE_NO_UNIT, 0},
	    {"", VALUE_BAD, 0},
	    {"s", VALUE_BAD, 0},
	    {"-5s", VALUE_BAD, 0},
	    {"+5s", VALUE_BAD, 0},
	    {"5 s", VALUE_BAD, 0},
	    {" 5s", VALUE_BAD, 0},
	    {"5s ", VALUE_BAD, 0},
	    {"5S", VALUE_BAD, 0},
	    {"1.5h", VALUE_BAD, 0},
	    {"1h30m", VALUE_BAD, 0},
	    {"5sec", VALUE_BAD, 0},
	    {"1w", VALUE_BAD, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t ms = 0;
		enum value_result result = value_time(rows[i].text, &ms);
		ck_assert_msg(result == rows[i].result && ms == rows[i].ms,
		    "row %zu (%s): %d, %jd", i, rows[i].text, (int)result,
		    (intmax_t)ms);
	}
}
END_TEST

START_TEST(test_value_size_reads)
{
	static const struct {
		const char *text;
		enum value_result result;
		uint64_t bytes;
	} rows[] = {
	    {"0", VALUE_OK, 0},
	    {"4096", VALUE_OK, 4096},
	    {"100KiB", VALUE_OK, 102400},
	    {"512MiB", VALUE_OK, UINT64_C(536870912)},
	    {"2GiB", VALUE_OK, UINT64_C(2147483648)},
	    {"1TiB", VALUE_OK, UINT64_C(1099511627776)},
	    {"18446744073709551615", VALUE_OK, UINT64_MAX},
	    {"18446744073709551616", VALUE_OK, UINT64_MAX},
	    {"16777216TiB", VALUE_OK, UINT64_MAX},
	    {"", VALUE_BAD, 0},
	    {"GiB", VALUE_BAD, 0},
	    {"2GB", VALUE_BAD, 0},
	    {"2G", VALUE_BAD, 0},
	    {"2 GiB", VALUE_BAD, 0},
	    {"-2GiB", VALUE_BAD, 0},
	    {"2gib", VALUE_BAD, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t bytes = 0;
		enum value_result result = value_size(rows[i].text, &bytes);
		ck_assert_msg(
		    result == rows[i].result && bytes == rows[i].bytes,
		    "row %zu (%s): %d, %ju", i, rows[i].text, (int)result,
		    (uintmax_t)bytes);
	}
}
END_TEST

START_TEST(test_value_mode_reads)
{
	static const struct {
		const char *text;
		enum value_result result;
		unsigned mode;
	} rows[] = {
	    {"0660", VALUE_OK, 0660},
	    {"660", VALUE_OK, 0660},
	    {"0000", VALUE_OK, 0},
	    {"0777", VALUE_OK, 0777},
	    {"1777", VALUE_BAD, 0},
	    {"00660", VALUE_BAD, 0},
	    {"66", VALUE_BAD, 0},
	    {"0680", VALUE_BAD, 0},
	    {"", VALUE_BAD, 0},
	    {"-660", VALUE_BAD, 0},
	    {"0x1f", VALUE_BAD, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned mode = 0;
		enum value_result result = value_mode(rows[i].text, &mode);
		ck_assert_msg(result == rows[i].result && mode == rows[i].mode,
		    "row %zu (%s): %d, %o", i, rows[i].text, (int)result, mode);
	}
}
END_TEST

START_TEST(test_value_formats_in_the_largest_unit)
{
	char text[VALUE_TEXT_MAX];
	ck_assert_str_eq(value_time_format(0, text), "0s");
	ck_assert_str_eq(value_time_format(-1, text), "0s");
	ck_assert_str_eq(value_time_format(999, text), "999ms");
	ck_assert_str_eq(value_time_format(1500, text), "1500ms");
	ck_assert_str_eq(value_time_format(90000, text), "90s");
	ck_assert_str_eq(value_time_format(60000, text), "1m");
	ck_assert_str_eq(value_time_format(7200000, text), "2h");
	ck_assert_str_eq(value_time_format(86400000, text), "1d");
	ck_assert_str_eq(
	    value_time_format(INT64_MAX, text), "9223372036854775807ms");
	ck_assert_str_eq(value_size_format(0, text), "0");
	ck_assert_str_eq(value_size_format(1023, text), "1023");
	ck_assert_str_eq(value_size_format(1024, text), "1KiB");
	ck_assert_str_eq(value_size_format(UINT64_C(2147483648), text), "2GiB");
	ck_assert_str_eq(
	    value_size_format(UINT64_MAX, text), "18446744073709551615");
}
END_TEST

static Suite *
value_suite(void)
{
	Suite *suite = suite_create("value");
	TCase *tc = tcase_create("value");
	tcase_add_test(tc, test_value_time_reads);
	tcase_add_test(tc, test_value_size_reads);
	tcase_add_test(tc, test_value_mode_reads);
	tcase_add_test(tc, test_value_formats_in_the_largest_unit);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	return unit_run(value_suite());
}
