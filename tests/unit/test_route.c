// SPDX-License-Identifier: MIT
// The words of the decision log, as admins' scripts know them.
#include "route/route.h"

#include "unit.h"

#include <string.h>

START_TEST(test_route_name)
{
	static const char *const want[] = {
	    [ROUTE_DIRECT] = "direct",
	    [ROUTE_STEER] = "steer",
	    [ROUTE_RELAY] = "relay",
	    [ROUTE_HOLD] = "hold",
	};
	ck_assert_str_eq(route_name((enum route)_i), want[_i]);
}
END_TEST

static const char *const reasons[] = {
    [REASON_ALL_REACHABLE] = "all-reachable",
    [REASON_SOME_REACHABLE] = "some-reachable",
    [REASON_BEST_REACHABLE] = "best-reachable",
    [REASON_NONE_REACHABLE] = "none-reachable",
    [REASON_REFUSED_ONLY] = "refused-only",
    [REASON_UNKNOWN_YET] = "unknown-yet",
    [REASON_DNS_FAILURE] = "dns-failure",
    [REASON_NO_DOMAIN] = "no-domain",
    [REASON_NULL_MX] = "null-mx",
    [REASON_NO_MX] = "no-mx",
    [REASON_BAD_NAME] = "bad-name",
    [REASON_SELF] = "self",
    [REASON_LOCAL] = "local",
    [REASON_RULE] = "rule:china",
    [REASON_NO_RELAY] = "no-relay",
};

START_TEST(test_reason_format)
{
	char text[REASON_TEXT_MAX];
	ck_assert_ptr_eq(reason_format((enum reason)_i, "china", text), text);
	ck_assert_str_eq(text, reasons[_i]);
}
END_TEST

START_TEST(test_reason_format_cuts_a_long_rule)
{
	char text[REASON_TEXT_MAX], name[300];
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	reason_format(REASON_RULE, name, text);
	ck_assert_uint_eq(strlen(text), REASON_TEXT_MAX - 1);
}
END_TEST

static Suite *
route_suite(void)
{
	Suite *s = suite_create("route");
	TCase *tc = tcase_create("route");
	tcase_add_loop_test(tc, test_route_name, 0, ROUTE_COUNT);
	tcase_add_loop_test(
	    tc, test_reason_format, 0, sizeof(reasons) / sizeof(*reasons));
	tcase_add_test(tc, test_reason_format_cuts_a_long_rule);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(route_suite());
}
