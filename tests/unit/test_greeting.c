// SPDX-License-Identifier: MIT
// Tests of reach/greeting: how long a greeting is waited for.
#include "base/attr.h"
#include "reach/greeting.h"

#include "unit/unit.h"

// Seconds, rounded up; a greeting at once is one, too.
START_TEST(test_greeting_note_rounds_up_and_saturates)
{
	static const struct {
		uint8_t before;
		int64_t took_ms;
		uint8_t want;
	} rows[] = {
	    {0, 1, 1},
	    {0, 1000, 1},
	    {0, 1001, 2},
	    {0, 20050, 21},
	    {0, 254001, 255},
	    {0, 255001, 255},
	    {0, INT64_MAX, 255},
	    {21, 300, 21}, // the slowest stays
	    {21, 21000, 21},
	    {21, 21001, 22},
	    {255, 1, 255},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		ck_assert_msg(greeting_note(rows[i].before, rows[i].took_ms) ==
				  rows[i].want,
		    "row %zu", i);
}
END_TEST

START_TEST(test_greeting_timeout)
{
	static const struct {
		uint8_t slowest_s;
		int64_t reply_ms, greeting_ms, want_ms;
	} rows[] = {
	    {0, 20000, 45000, 45000},  // never heard
	    {1, 20000, 45000, 20000},  // quick: as today
	    {6, 20000, 45000, 20000},  // postscreen
	    {7, 20000, 45000, 21000},  // three times
	    {15, 20000, 45000, 45000}, // late
	    {21, 20000, 45000, 45000},
	    {255, 20000, 45000, 45000},
	    {0, 60000, 45000, 45000}, // out of order: it holds for all
	    {1, 60000, 45000, 45000},
	    {1, 20000, 20000, 20000},
	    {255, 100, 60000, 60000},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		ck_assert_msg(
		    greeting_timeout(rows[i].slowest_s, rows[i].reply_ms,
			rows[i].greeting_ms) == rows[i].want_ms,
		    "row %zu", i);
}
END_TEST

static Suite *
greeting_suite(void)
{
	Suite *s = suite_create("greeting");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_greeting_note_rounds_up_and_saturates);
	tcase_add_test(tc, test_greeting_timeout);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(greeting_suite());
}
