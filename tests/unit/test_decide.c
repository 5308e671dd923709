// SPDX-License-Identifier: MIT
// The order of the rules, and the truth table of routes.
#include "route/decide.h"

#include "unit.h"

#define UNK   REACH_COVERAGE_UNKNOWN
#define ALL   REACH_COVERAGE_ALL
#define SOME  REACH_COVERAGE_SOME
#define NONE  REACH_COVERAGE_NONE
#define EMPTY REACH_COVERAGE_EMPTY

static void
assert_decision(int row, const struct decide_facts *f, enum route route,
    enum reason reason, bool known)
{
	struct decision d = decide(f);
	char got[REASON_TEXT_MAX], want[REASON_TEXT_MAX];
	reason_format(d.reason, "r", got);
	reason_format(reason, "r", want);
	ck_assert_msg(
	    d.route == route && d.reason == reason && d.known == known,
	    "row %d: %s %s known=%d, wanted %s %s known=%d", row,
	    route_name(d.route), got, d.known, route_name(route), want, known);
}

static const struct {
	struct reach_set_view set;
	bool relay_refused, steer_off;
	enum route route;
	enum reason reason;
	bool known;
} measured[] = {
    {{.coverage = UNK}, false, false, ROUTE_DIRECT, REASON_UNKNOWN_YET, false},
    {{.coverage = UNK, .settled = true}, false, false, ROUTE_DIRECT,
	REASON_UNKNOWN_YET, true}, // probing is off
    {{.coverage = ALL, .settled = true}, false, false, ROUTE_DIRECT,
	REASON_ALL_REACHABLE, true},
    {{.coverage = ALL}, false, false, ROUTE_DIRECT, REASON_UNKNOWN_YET, false},
    {{.coverage = SOME, .settled = true}, false, false, ROUTE_DIRECT,
	REASON_BEST_REACHABLE, true},
    {{.coverage = SOME, .settled = true, .in_the_way = true}, false, false,
	ROUTE_STEER, REASON_SOME_REACHABLE, true},
    {{.coverage = SOME, .in_the_way = true}, false, false, ROUTE_STEER,
	REASON_SOME_REACHABLE, false},
    {{.coverage = SOME, .settled = true, .in_the_way = true}, false, true,
	ROUTE_DIRECT, REASON_SOME_REACHABLE, true},
    {{.coverage = SOME,
	 .settled = true,
	 .in_the_way = true,
	 .refused_only = true},
	false, false, ROUTE_DIRECT, REASON_REFUSED_ONLY, true},
    {{.coverage = SOME,
	 .settled = true,
	 .in_the_way = true,
	 .refused_only = true},
	true, false, ROUTE_STEER, REASON_SOME_REACHABLE, true},
    {{.coverage = NONE, .settled = true}, false, false, ROUTE_RELAY,
	REASON_NONE_REACHABLE, true},
    {{.coverage = NONE, .settled = true, .refused_only = true}, false, false,
	ROUTE_DIRECT, REASON_REFUSED_ONLY, true},
    {{.coverage = NONE, .settled = true, .refused_only = true}, true, false,
	ROUTE_RELAY, REASON_NONE_REACHABLE, true},
    {{.coverage = NONE, .settled = true, .dns_failure = true}, false, false,
	ROUTE_DIRECT, REASON_DNS_FAILURE, true},
    {{.coverage = EMPTY, .settled = true}, false, false, ROUTE_DIRECT,
	REASON_NO_MX, true},
};

START_TEST(test_decide_by_measurement)
{
	struct decide_facts f = {
	    .mx = REACH_MX_SET,
	    .set = measured[_i].set,
	    .relay_refused = measured[_i].relay_refused,
	    .steer_off = measured[_i].steer_off,
	    .cold = CONF_ROUTE_DIRECT,
	    .on_failure = CONF_ROUTE_DIRECT,
	};
	assert_decision(_i, &f, measured[_i].route, measured[_i].reason,
	    measured[_i].known);
}
END_TEST

static const struct {
	enum reach_mx mx;
	enum conf_route cold, on_failure;
	enum route route;
	enum reason reason;
	bool known;
} without_set[] = {
    {REACH_MX_UNKNOWN, CONF_ROUTE_DIRECT, CONF_ROUTE_RELAY, ROUTE_DIRECT,
	REASON_UNKNOWN_YET, false},
    {REACH_MX_UNKNOWN, CONF_ROUTE_RELAY, CONF_ROUTE_DIRECT, ROUTE_RELAY,
	REASON_UNKNOWN_YET, false},
    {REACH_MX_UNKNOWN, CONF_ROUTE_HOLD, CONF_ROUTE_DIRECT, ROUTE_HOLD,
	REASON_UNKNOWN_YET, false},
    {REACH_MX_FAILED, CONF_ROUTE_RELAY, CONF_ROUTE_DIRECT, ROUTE_DIRECT,
	REASON_DNS_FAILURE, true},
    {REACH_MX_FAILED, CONF_ROUTE_DIRECT, CONF_ROUTE_RELAY, ROUTE_RELAY,
	REASON_DNS_FAILURE, true},
    {REACH_MX_FAILED, CONF_ROUTE_DIRECT, CONF_ROUTE_HOLD, ROUTE_HOLD,
	REASON_DNS_FAILURE, true},
    {REACH_MX_NULL, CONF_ROUTE_RELAY, CONF_ROUTE_RELAY, ROUTE_DIRECT,
	REASON_NULL_MX, true},
    {REACH_MX_UNUSABLE, CONF_ROUTE_RELAY, CONF_ROUTE_RELAY, ROUTE_DIRECT,
	REASON_NO_MX, true},
    {REACH_MX_NO_DOMAIN, CONF_ROUTE_RELAY, CONF_ROUTE_RELAY, ROUTE_DIRECT,
	REASON_NO_DOMAIN, true},
};

START_TEST(test_decide_without_a_set)
{
	struct decide_facts f = {
	    .mx = without_set[_i].mx,
	    .cold = without_set[_i].cold,
	    .on_failure = without_set[_i].on_failure,
	};
	assert_decision(_i, &f, without_set[_i].route, without_set[_i].reason,
	    without_set[_i].known);
}
END_TEST

// A rule that would detour must not catch ourselves: by suffix or "*" it waits
// for the hosts' addresses; one by exact domain applies at once.
static const struct {
	enum conf_route rule;
	bool exact;
	enum reach_mx mx;
	bool addressed;
	enum route route;
	enum reason reason;
	bool known;
} by_rule[] = {
    {CONF_ROUTE_RELAY, true, REACH_MX_UNKNOWN, false, ROUTE_RELAY, REASON_RULE,
	true},
    {CONF_ROUTE_RELAY, false, REACH_MX_UNKNOWN, false, ROUTE_DIRECT,
	REASON_UNKNOWN_YET, false},
    {CONF_ROUTE_RELAY, false, REACH_MX_SET, false, ROUTE_DIRECT,
	REASON_UNKNOWN_YET, false},
    {CONF_ROUTE_RELAY, false, REACH_MX_SET, true, ROUTE_RELAY, REASON_RULE,
	true},
    {CONF_ROUTE_RELAY, false, REACH_MX_FAILED, false, ROUTE_DIRECT,
	REASON_DNS_FAILURE, true},
    {CONF_ROUTE_RELAY, true, REACH_MX_FAILED, false, ROUTE_RELAY, REASON_RULE,
	true},
    {CONF_ROUTE_HOLD, false, REACH_MX_UNKNOWN, false, ROUTE_DIRECT,
	REASON_UNKNOWN_YET, false},
    {CONF_ROUTE_HOLD, true, REACH_MX_UNKNOWN, false, ROUTE_HOLD, REASON_RULE,
	true},
    {CONF_ROUTE_DIRECT, false, REACH_MX_UNKNOWN, false, ROUTE_DIRECT,
	REASON_RULE, true},
    {CONF_ROUTE_DIRECT, false, REACH_MX_SET, false, ROUTE_DIRECT, REASON_RULE,
	true},
    {CONF_ROUTE_AUTO, true, REACH_MX_UNKNOWN, false, ROUTE_DIRECT,
	REASON_UNKNOWN_YET, false},
    {CONF_ROUTE_AUTO, true, REACH_MX_SET, true, ROUTE_RELAY,
	REASON_NONE_REACHABLE, true},
};

START_TEST(test_decide_rule_applies)
{
	struct conf_rule rule = {.route = by_rule[_i].rule};
	struct decide_facts f = {
	    .mx = by_rule[_i].mx,
	    .set = {.coverage = NONE,
		.settled = true,
		.addressed = by_rule[_i].addressed},
	    .rule = &rule,
	    .rule_exact = by_rule[_i].exact,
	    .cold = CONF_ROUTE_DIRECT,
	    .on_failure = CONF_ROUTE_DIRECT,
	};
	assert_decision(
	    _i, &f, by_rule[_i].route, by_rule[_i].reason, by_rule[_i].known);
}
END_TEST

// What is not kept could be ourselves, and nobody waits for it.
START_TEST(test_decide_rule_applies_to_none_that_is_cut)
{
	struct conf_rule rule = {.route = CONF_ROUTE_RELAY};
	struct decide_facts f = {
	    .mx = REACH_MX_SET,
	    .set = {.coverage = UNK,
		.settled = true,
		.addressed = true,
		.cut = true},
	    .rule = &rule,
	};
	ck_assert(!decide_rule_applies(&f));
	assert_decision(0, &f, ROUTE_DIRECT, REASON_UNKNOWN_YET, true);
	f.set.addressed = false; // the other hosts are asked about
	assert_decision(1, &f, ROUTE_DIRECT, REASON_UNKNOWN_YET, false);
	f.rule_exact = true;
	assert_decision(2, &f, ROUTE_RELAY, REASON_RULE, true);
	f.rule_exact = false;
	rule.route = CONF_ROUTE_DIRECT;
	assert_decision(3, &f, ROUTE_DIRECT, REASON_RULE, true);
}
END_TEST

START_TEST(test_decide_is_ourselves)
{
	struct conf_rule rule = {.route = CONF_ROUTE_RELAY};
	struct decide_facts f = {
	    .mx = REACH_MX_SET,
	    .set = {.coverage = NONE,
		.settled = true,
		.addressed = true,
		.ourselves = true},
	    .rule = &rule,
	    .rule_exact = true,
	};
	ck_assert(decide_is_ourselves(&f));
	assert_decision(0, &f, ROUTE_DIRECT, REASON_SELF, true);
	f.set.coverage = EMPTY; // outranks "no MX usable", too
	assert_decision(1, &f, ROUTE_DIRECT, REASON_SELF, true);
	f.set.ourselves = false;
	ck_assert(!decide_is_ourselves(&f));
}
END_TEST

// Null MX and no usable MX outrank every rule of the admin's.
START_TEST(test_decide_has_no_opinion)
{
	static const enum reach_mx row[] = {
	    REACH_MX_NULL, REACH_MX_UNUSABLE, REACH_MX_NO_DOMAIN, REACH_MX_SET};
	struct conf_rule rule = {.route = CONF_ROUTE_RELAY};
	struct decide_facts f = {
	    .mx = row[_i],
	    .set = {.coverage = EMPTY, .settled = true, .addressed = true},
	    .rule = &rule,
	    .rule_exact = true,
	};
	enum reason reason;
	ck_assert(decide_has_no_opinion(&f, &reason));
	assert_decision(_i, &f, ROUTE_DIRECT, reason, true);
}
END_TEST

START_TEST(test_decide_is_refused_only)
{
	struct decide_facts f = {.set = {.refused_only = true}};
	ck_assert(decide_is_refused_only(&f));
	f.relay_refused = true;
	ck_assert(!decide_is_refused_only(&f));
	f = (struct decide_facts){0};
	ck_assert(!decide_is_refused_only(&f));
}
END_TEST

START_TEST(test_decide_is_blocked)
{
	struct decide_facts f = {.set = {.coverage = NONE}};
	ck_assert(decide_is_blocked(&f));
	f.set.dns_failure = true; // the DNS is to blame
	ck_assert(!decide_is_blocked(&f));
	f = (struct decide_facts){.set = {.coverage = SOME}};
	ck_assert(!decide_is_blocked(&f));
}
END_TEST

START_TEST(test_decide_needs_steering)
{
	struct decide_facts f = {.set = {.coverage = SOME, .in_the_way = true}};
	ck_assert(decide_needs_steering(&f));
	f.set.in_the_way = false; // a dead backup alone changes nothing
	ck_assert(!decide_needs_steering(&f));
	f.set = (struct reach_set_view){.coverage = ALL, .in_the_way = true};
	ck_assert(!decide_needs_steering(&f));
}
END_TEST

static Suite *
decide_suite(void)
{
	Suite *s = suite_create("decide");
	TCase *tc = tcase_create("decide");
	tcase_add_loop_test(
	    tc, test_decide_by_measurement, 0, ARRAY_LEN(measured));
	tcase_add_loop_test(
	    tc, test_decide_without_a_set, 0, ARRAY_LEN(without_set));
	tcase_add_loop_test(
	    tc, test_decide_rule_applies, 0, ARRAY_LEN(by_rule));
	tcase_add_loop_test(tc, test_decide_has_no_opinion, 0, 4);
	tcase_add_test(tc, test_decide_rule_applies_to_none_that_is_cut);
	tcase_add_test(tc, test_decide_is_ourselves);
	tcase_add_test(tc, test_decide_is_refused_only);
	tcase_add_test(tc, test_decide_is_blocked);
	tcase_add_test(tc, test_decide_needs_steering);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(decide_suite());
}
