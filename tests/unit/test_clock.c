// SPDX-License-Identifier: MIT
// Tests of base/clock: the real clocks run, the frozen one stands.
#include <time.h>

#include "base/clock.h"

#include "unit/unit.h"

START_TEST(test_clock_frozen_stands_until_released)
{
	clock_freeze(0);
	ck_assert_int_eq(clock_now(), 0);
	clock_freeze(INT64_C(123456789012345));
	ck_assert_int_eq(clock_now(), INT64_C(123456789012345));
	clock_freeze(-1);
	ck_assert_int_gt(clock_now(), 0);
	ck_assert_int_lt(clock_now(), INT64_C(123456789012345));
}
END_TEST

START_TEST(test_clock_counts_milliseconds)
{
	int64_t before = clock_now();
	struct timespec ts = {.tv_nsec = 20 * 1000 * 1000};
	nanosleep(&ts, NULL);
	// However slow the machine is, not less than it slept.
	ck_assert_int_ge(clock_now() - before, 19);
}
END_TEST

START_TEST(test_clock_wall_is_time)
{
	int64_t before = (int64_t)time(NULL) * 1000;
	int64_t wall = clock_wall();
	clock_freeze(5);
	int64_t frozen = clock_wall();
	clock_freeze(-1);
	ck_assert_int_ge(wall, before);
	// Milliseconds: not a thousandth of them, nor a thousand times.
	ck_assert_int_lt(wall, before + 1000 * 1000);
	ck_assert_int_ge(frozen, wall);
}
END_TEST

static Suite *
clock_suite(void)
{
	Suite *s = suite_create("clock");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_clock_frozen_stands_until_released);
	tcase_add_test(tc, test_clock_counts_milliseconds);
	tcase_add_test(tc, test_clock_wall_is_time);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(clock_suite());
}
