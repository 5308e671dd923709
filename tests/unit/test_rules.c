// SPDX-License-Identifier: MIT
// The admin's rules: which one speaks for a domain, which for a host.
#include "route/rules.h"

#include "unit.h"
#include "world.h"

#include <stdio.h>

// Rules of this text, with a.test known to list mx.big.test and mx2.other.test.
static void
configure(const char *text)
{
	fakeworld_configure(w, text);
	fakeworld_mx(w, "a.test", 10, "mx.big.test", 20, "mx2.other.test", -1);
	fakeworld_host(w, "mx.big.test", "198.51.100.1", NULL);
	fakeworld_host(w, "mx2.other.test", "198.51.100.2", NULL);
	fakeworld_settle(w, "a.test");
}

static const struct {
	const char *rules;
	const char *domain;
	bool with_set; // a.test's
	int want;
	bool exact;
} matching[] = {
    {"", "a.test", true, RULES_NONE, false},
    {"{domain=[\"a.test\"];}", "a.test", false, 0, true},
    {"{domain=[\"a.test\"];}", "b.a.test", false, RULES_NONE, false},
    {"{domain=[\"*.test\"];}", "a.test", false, 0, false},
    {"{domain=[\"*.test\"];}", "x.y.test", false, 0, false},
    {"{domain=[\"*.a.test\"];}", "a.test", false, RULES_NONE, false},
    {"{domain=[\"*\"];}", "a.test", false, 0, false},
    {"{domain=[\"*.test\",\"a.test\"];}", "a.test", false, 0, true},
    {"{domain=[\"*\",\"a.test\"];}", "a.test", false, 0, true},
    // the order of the file, not the better match
    {"{domain=[\"*\"];},{domain=[\"a.test\"];}", "a.test", false, 0, false},
    {"{domain=[\"b.test\"];},{domain=[\"a.test\"];}", "a.test", false, 1, true},
    // mx: any host that the set lists; never while it is unknown
    {"{mx=[\"*.big.test\"];}", "a.test", true, 0, false},
    {"{mx=[\"*.big.test\"];}", "a.test", false, RULES_NONE, false},
    {"{mx=[\"mx2.other.test\"];}", "a.test", true, 0, false},
    {"{mx=[\"x.test\",\"*.other.test\"];}", "a.test", true, 0, false},
    {"{mx=[\"*\"];}", "a.test", true, 0, false},
    {"{mx=[\"*\"];}", "a.test", false, RULES_NONE, false},
    {"{mx=[\"*.nobody.test\"];}", "a.test", true, RULES_NONE, false},
    {"{mx=[\"big.test\"];}", "a.test", true, RULES_NONE, false},
    // both conditions
    {"{domain=[\"a.test\"];mx=[\"*.big.test\"];}", "a.test", true, 0, true},
    {"{domain=[\"a.test\"];mx=[\"*.big.test\"];}", "a.test", false, RULES_NONE,
	false},
    {"{domain=[\"b.test\"];mx=[\"*.big.test\"];}", "a.test", true, RULES_NONE,
	false},
    {"{domain=[\"a.test\"];mx=[\"*.nobody.test\"];}", "a.test", true,
	RULES_NONE, false},
    {"{domain=[\"*\"];mx=[\"*.nobody.test\"];},{domain=[\"*.test\"];}",
	"a.test", true, 1, false},
};

START_TEST(test_rules_match)
{
	char text[256];
	bool exact = !matching[_i].exact;
	snprintf(text, sizeof(text), "rules=(%s);", matching[_i].rules);
	configure(text);
	uint32_t set = REACH_NONE;
	if (matching[_i].with_set)
		set = reach_domain_set(w->reach, fakeworld_domain(w, "a.test"));
	int got = rules_match(
	    w->rules, matching[_i].domain, w->reach, set, &exact);
	ck_assert_msg(got == matching[_i].want && exact == matching[_i].exact,
	    "row %d: %s: rule %d exact=%d", _i, matching[_i].rules, got, exact);
}
END_TEST

START_TEST(test_rules_is_local)
{
	static const struct {
		const char *domain;
		bool want;
	} row[] = {
	    {"isp.test", true},
	    {"a.isp.test", false},
	    {"pool.test", false},
	    {"a.b.pool.test", true},
	    {"test", false},
	};
	configure("self={local_domains=[\"isp.test\",\"*.pool.test\"];};");
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		ck_assert_msg(
		    rules_is_local(w->rules, row[i].domain) == row[i].want,
		    "row %zu: %s", i, row[i].domain);
}
END_TEST

// What the DNS filter asks: it knows hosts, not domains.
static const struct {
	const char *rules;
	const char *host;
	bool want;
} spared[] = {
    {"", "mx.big.test", false},
    {"{mx=[\"*.big.test\"];route=\"direct\";}", "mx.big.test", true},
    {"{mx=[\"*.big.test\"];route=\"direct\";}", "mx.small.test", false},
    {"{mx=[\"*.big.test\"];route=\"relay\";}", "mx.big.test", false},
    {"{mx=[\"*\"];route=\"direct\";}", "mx.big.test", true},
    {"{domain=[\"*\"];route=\"direct\";}", "mx.big.test", true},
    {"{domain=[\"a.test\",\"*\"];route=\"direct\";}", "mx.big.test", true},
    // by domain: does not reach it
    {"{domain=[\"*.test\"];route=\"direct\";}", "mx.big.test", false},
    {"{domain=[\"a.test\"];mx=[\"*\"];route=\"direct\";}", "mx.big.test",
	false},
    {"{domain=[\"*\"];mx=[\"*.big.test\"];route=\"direct\";}", "mx.big.test",
	true},
    // the first that matches speaks
    {"{mx=[\"*.big.test\"];route=\"auto\";},{mx=[\"*\"];route=\"direct\";}",
	"mx.big.test", false},
    {"{mx=[\"*.big.test\"];route=\"auto\";},{mx=[\"*\"];route=\"direct\";}",
	"mx.small.test", true},
    {"{domain=[\"a.test\"];route=\"relay\";},{mx=[\"mx.big.test\"];"
     "route=\"direct\";}",
	"mx.big.test", true},
};

START_TEST(test_rules_spare_host)
{
	char text[256];
	snprintf(text, sizeof(text), "rules=(%s);", spared[_i].rules);
	configure(text);
	ck_assert_msg(
	    rules_spare_host(w->rules, spared[_i].host) == spared[_i].want,
	    "row %d: %s", _i, spared[_i].rules);
	ck_assert(rules_spare_any(w->rules) || !spared[_i].want);
}
END_TEST

START_TEST(test_rules_spare_any)
{
	configure("rules=({mx=[\"a.test\"];route=\"relay\";},"
		  "{domain=[\"b.test\"];route=\"direct\";});");
	ck_assert(!rules_spare_any(w->rules));
	configure("rules=({mx=[\"a.test\"];route=\"relay\";},"
		  "{mx=[\"b.test\"];route=\"direct\";});");
	ck_assert(rules_spare_any(w->rules));
}
END_TEST

START_TEST(test_rules_free_of_nothing)
{
	rules_free(NULL);
}
END_TEST

static Suite *
rules_suite(void)
{
	Suite *s = suite_create("rules");
	TCase *tc = tcase_create("tables");
	tcase_add_checked_fixture(tc, world_setup, world_teardown);
	tcase_add_loop_test(
	    tc, test_rules_match, 0, sizeof(matching) / sizeof(*matching));
	tcase_add_loop_test(
	    tc, test_rules_spare_host, 0, sizeof(spared) / sizeof(*spared));
	tcase_add_test(tc, test_rules_spare_any);
	tcase_add_test(tc, test_rules_is_local);
	tcase_add_test(tc, test_rules_free_of_nothing);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(rules_suite());
}
