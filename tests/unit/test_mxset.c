// SPDX-License-Identifier: MIT
// MX sets: what makes two the same, and what their hosts make of them.
#include "reach_check.h"
#include "unit.h"
#include "world.h"

#include <stdio.h>

// States of hosts, by letter: Reachable, Partial, Dead (blocked), reFused
// (dead, by refusal), dead by dNs, Unknown, Absent.
static void
make_host(const char *name, char state, int i)
{
	char a[NETADDR_TEXT_MAX], b[NETADDR_TEXT_MAX];
	snprintf(a, sizeof(a), "198.51.100.%d", 10 + i);
	snprintf(b, sizeof(b), "203.0.113.%d", 10 + i);
	fakeworld_host(w, name, a, NULL);
	switch (state) {
	case 'P':
		fakeworld_host(w, name, a, b, NULL);
		world_block(b);
		break;
	case 'D':
		world_block(a);
		break;
	case 'F':
		fakeworld_peer(w, a, OUTCOME_CONNECT_REFUSED, 10);
		break;
	case 'N':
		fakeworld_host_fails(w, name, ANSWER_SERVFAIL);
		break;
	case 'U':
		fakeworld_peer(w, a, OUTCOME_EHLO, HOUR); // in flight
		break;
	case 'A':
		fakeworld_host_fails(w, name, ANSWER_NXDOMAIN);
		break;
	default:
		break;
	}
}

// The set of x.test, whose hosts are "R10 D20": a state and a preference each;
// a '+' behind them: there are more, which are not kept.
static uint32_t
make_set(const char *hosts)
{
	static char name[32];
	char state;
	int preference, used, i = 0;
	struct answer_mx answer = {.ttl_s = 3600};
	for (; sscanf(hosts, " %c%d%n", &state, &preference, &used) == 2;
	     hosts += used, i++) {
		snprintf(name, sizeof(name), "mx%d.x.test", i);
		make_host(name, state, i);
		answer.mx[answer.n].preference = (uint16_t)preference;
		strcpy(answer.mx[answer.n++].host, name);
	}
	answer.more = strchr(hosts, '+') != NULL;
	fakeworld_mx(w, "x.test", 10, "mx0.x.test", -1);
	w->mx[w->n_mx - 1].answer = answer;
	fakeworld_settle(w, "x.test");
	reach_check(w->reach);
	return reach_domain_set(w->reach, fakeworld_domain(w, "x.test"));
}

#define UNK   REACH_COVERAGE_UNKNOWN
#define ALL   REACH_COVERAGE_ALL
#define SOME  REACH_COVERAGE_SOME
#define NONE  REACH_COVERAGE_NONE
#define EMPTY REACH_COVERAGE_EMPTY

static const struct {
	const char *hosts;
	enum reach_coverage coverage;
	bool settled, in_the_way, refused_only, dns_failure;
	unsigned n_up, n_present;
} judged[] = {
    {"R10", ALL, true, false, false, false, 1, 1},
    {"P10", ALL, true, false, false, false, 1, 1},
    {"D10", NONE, true, false, false, false, 0, 1},
    {"F10", NONE, true, false, true, false, 0, 1},
    {"N10", NONE, true, false, false, true, 0, 1},
    {"U10", UNK, false, false, false, false, 0, 1},
    {"A10", EMPTY, true, false, false, false, 0, 0},
    {"A10 A20", EMPTY, true, false, false, false, 0, 0},
    {"R10 R20", ALL, true, false, false, false, 2, 2},
    {"R10 P10", ALL, true, false, false, false, 2, 2},
    // a dead backup alone is not in the way; before or tied it is
    {"R10 D20", SOME, true, false, false, false, 1, 2},
    {"P10 D20", SOME, true, false, false, false, 1, 2},
    {"D10 R20", SOME, true, true, false, false, 1, 2},
    {"D10 R10", SOME, true, true, false, false, 1, 2},
    {"R10 D10", SOME, true, true, false, false, 1, 2},
    {"D10 P20", SOME, true, true, false, false, 1, 2},
    {"N10 R20", SOME, true, true, false, false, 1, 2},
    {"R10 D20 R20", SOME, true, false, false, false, 2, 3},
    {"R20 D15 D30", SOME, true, true, false, false, 1, 3},
    {"D0 D10 R65535", SOME, true, true, false, false, 1, 3},
    // settled: none before or tied with the best up one is awaited
    {"R10 U20", ALL, true, false, false, false, 1, 2},
    {"U10 R20", ALL, false, false, false, false, 1, 2},
    {"U10 R10", ALL, false, false, false, false, 1, 2},
    {"U10 D10 R20", SOME, false, true, false, false, 1, 3},
    {"D10 R20 U30", SOME, true, true, false, false, 1, 3},
    {"D10 U20", UNK, false, false, false, false, 0, 2},
    {"U10 D20", UNK, false, false, false, false, 0, 2},
    {"A10 U20", UNK, false, false, false, false, 0, 1},
    // what is not kept is not judged, and nobody waits for it
    {"D10 D20 +", UNK, true, false, false, false, 0, 2},
    {"F10 +", UNK, true, false, true, false, 0, 1},
    {"N10 +", UNK, true, false, false, false, 0, 1},
    {"A10 +", UNK, true, false, false, false, 0, 0},
    {"U10 D20 +", UNK, false, false, false, false, 0, 2},
    {"R10 R20 +", ALL, true, false, false, false, 2, 2},
    {"R10 D20 +", SOME, true, false, false, false, 1, 2},
    {"D10 R20 +", SOME, true, true, false, false, 1, 2},
    // the absent leave the set
    {"A10 R20", ALL, true, false, false, false, 1, 1},
    {"A10 D20", NONE, true, false, false, false, 0, 1},
    {"R10 A20", ALL, true, false, false, false, 1, 1},
    // refused only: each dead endpoint's last outcome
    {"F10 F20", NONE, true, false, true, false, 0, 2},
    {"F10 D20", NONE, true, false, false, false, 0, 2},
    {"F10 R20", SOME, true, true, true, false, 1, 2},
    {"F10 D20 R30", SOME, true, true, false, false, 1, 3},
    // by dns: all of the unreachable ones are, and nothing is up
    {"N10 N20", NONE, true, false, false, true, 0, 2},
    {"N10 A20", NONE, true, false, false, true, 0, 1},
    {"N10 D20", NONE, true, false, false, false, 0, 2},
    {"N10 U20", UNK, false, false, false, false, 0, 2},
    {"R10 N20", SOME, true, false, false, false, 1, 2},
};

START_TEST(test_mxset_judgement)
{
	uint32_t set = make_set(judged[_i].hosts);
	struct reach_set_view v = reach_set_view(w->reach, set);
	ck_assert_msg(v.coverage == judged[_i].coverage &&
			  v.settled == judged[_i].settled &&
			  v.in_the_way == judged[_i].in_the_way &&
			  v.refused_only == judged[_i].refused_only &&
			  v.dns_failure == judged[_i].dns_failure &&
			  v.n_up == judged[_i].n_up &&
			  v.n_present == judged[_i].n_present,
	    "row %d: %s: coverage %d settled %d in the way %d refused %d dns "
	    "%d up %u present %u",
	    _i, judged[_i].hosts, v.coverage, v.settled, v.in_the_way,
	    v.refused_only, v.dns_failure, v.n_up, v.n_present);
	ck_assert(v.addressed);
	ck_assert(!v.ourselves);
	ck_assert(reach_set_is_settled(w->reach, set) == v.settled);
}
END_TEST

// -- what makes two the same ------------------------------------------------

static uint32_t
set_of(const char *name)
{
	return reach_domain_set(w->reach, fakeworld_domain(w, name));
}

START_TEST(test_mxset_order_and_duplicates_do_not_matter)
{
	make_host("a.m.test", 'R', 1);
	make_host("b.m.test", 'R', 2);
	fakeworld_mx(w, "1.test", 10, "a.m.test", 20, "b.m.test", -1);
	fakeworld_mx(w, "2.test", 20, "b.m.test", 10, "a.m.test", -1);
	fakeworld_mx(w, "3.test", 20, "a.m.test", 20, "b.m.test", 10,
	    "a.m.test", 20, "b.m.test", 30, "b.m.test", -1);
	fakeworld_mx(w, "4.test", 10, "b.m.test", 20, "a.m.test", -1);
	fakeworld_mx(w, "5.test", 10, "a.m.test", -1);
	fakeworld_mx(w, "6.test", 11, "a.m.test", 20, "b.m.test", -1);
	for (int i = 1; i <= 6; i++) {
		char name[32];
		snprintf(name, sizeof(name), "%d.test", i);
		fakeworld_settle(w, name);
	}
	ck_assert_uint_eq(set_of("1.test"), set_of("2.test"));
	ck_assert_uint_eq(set_of("1.test"), set_of("3.test"));
	ck_assert_uint_ne(set_of("1.test"), set_of("4.test"));
	ck_assert_uint_ne(set_of("1.test"), set_of("5.test"));
	ck_assert_uint_ne(set_of("1.test"), set_of("6.test"));
	ck_assert_uint_eq(reach_stats(w->reach).sets, 4);
	ck_assert_uint_eq(reach_stats(w->reach).hosts, 2);
	ck_assert_uint_eq(
	    reach_set_view(w->reach, set_of("1.test")).domains, 3);
	struct reach_set_host h = reach_set_host(w->reach, set_of("3.test"), 0);
	ck_assert_str_eq(h.name, "a.m.test");
	ck_assert_uint_eq(h.preference, 10); // its best place
	reach_check(w->reach);
}
END_TEST

// At equal preference in the order of their names: the same in every process.
START_TEST(test_mxset_print_is_stable)
{
	make_host("a.m.test", 'R', 1);
	make_host("b.m.test", 'R', 2);
	fakeworld_mx(w, "1.test", 10, "b.m.test", 10, "a.m.test", -1);
	fakeworld_mx(w, "2.test", 10, "a.m.test", 11, "b.m.test", -1);
	fakeworld_settle(w, "1.test");
	fakeworld_settle(w, "2.test");
	ck_assert_str_eq(
	    reach_set_host(w->reach, set_of("1.test"), 0).name, "a.m.test");
	// FNV-1a of 00 0a "a.m.test\0" 00 0a "b.m.test\0"
	uint32_t want = UINT32_C(2166136261);
	static const char bytes[] = "\0\na.m.test\0\0\nb.m.test";
	for (size_t i = 0; i < sizeof(bytes); i++)
		want = (want ^ (unsigned char)bytes[i]) * UINT32_C(16777619);
	ck_assert_uint_eq(reach_set_print(w->reach, set_of("1.test")), want);
	ck_assert_uint_ne(reach_set_print(w->reach, set_of("2.test")), want);
}
END_TEST

// Two that list the same hosts, one of them more: not the same.
START_TEST(test_mxset_with_more_is_another)
{
	make_host("m.test", 'D', 1);
	fakeworld_mx(w, "1.test", 10, "m.test", -1);
	fakeworld_mx(w, "2.test", 10, "m.test", -1);
	w->mx[w->n_mx - 1].answer.more = true;
	assert_route(fakeworld_settle(w, "1.test"), "relay", "none-reachable");
	struct route_view v = fakeworld_settle(w, "2.test");
	assert_route(v, "direct", "unknown-yet");
	ck_assert(v.known);
	ck_assert(!reach_set_view(w->reach, set_of("1.test")).cut);
	ck_assert(reach_set_view(w->reach, set_of("2.test")).cut);
	ck_assert_uint_ne(set_of("1.test"), set_of("2.test"));
	ck_assert_uint_ne(reach_set_print(w->reach, set_of("1.test")),
	    reach_set_print(w->reach, set_of("2.test")));
	// And found again.
	fakeworld_mx(w, "3.test", 10, "m.test", -1);
	w->mx[w->n_mx - 1].answer.more = true;
	fakeworld_settle(w, "3.test");
	ck_assert_uint_eq(set_of("2.test"), set_of("3.test"));
	reach_check(w->reach);
}
END_TEST

START_TEST(test_mxset_largest)
{
	struct answer_mx answer = {.ttl_s = 3600, .n = ANSWER_MX_MAX};
	fakeworld_mx(w, "x.test", -1);
	for (int i = 0; i < ANSWER_MX_MAX; i++) {
		answer.mx[i].preference = (uint16_t)(i / 3);
		snprintf(answer.mx[i].host, DNAME_SIZE, "h%d.test", i);
		if (i < 50) // the rest does not exist
			make_host(answer.mx[i].host, 'R', i);
		else
			fakeworld_host(w, answer.mx[i].host, NULL);
	}
	w->mx[0].answer = answer;
	assert_route(fakeworld_settle(w, "x.test"), "direct", "all-reachable");
	struct reach_set_view v = reach_set_view(w->reach, set_of("x.test"));
	ck_assert_uint_eq(v.n, ANSWER_MX_MAX);
	ck_assert_uint_eq(v.n_up, 50);
	ck_assert_uint_eq(v.n_present, 50);
	reach_check(w->reach);
}
END_TEST

// -- use and end ------------------------------------------------------------

static void
lists(const char *domain, const char *host)
{
	fakeworld_mx(w, domain, 10, host, -1);
	w->mx[w->n_mx - 1].answer.ttl_s = 60;
}

START_TEST(test_mxset_freed_with_its_last_domain)
{
	make_host("m.test", 'R', 1);
	lists("1.test", "m.test");
	lists("2.test", "m.test");
	fakeworld_settle(w, "1.test");
	fakeworld_settle(w, "2.test");
	ck_assert_uint_eq(set_of("1.test"), set_of("2.test"));
	fakeworld_mx_fails(w, "1.test", ANSWER_NXDOMAIN);
	fakeworld_run(w, MINUTE);
	fakeworld_settle(w, "1.test");
	ck_assert_uint_eq(reach_stats(w->reach).sets, 1);
	ck_assert_uint_eq(
	    reach_set_view(w->reach, set_of("2.test")).domains, 1);
	fakeworld_mx_fails(w, "2.test", ANSWER_NXDOMAIN);
	fakeworld_settle(w, "2.test");
	ck_assert_uint_eq(reach_stats(w->reach).sets, 0);
	ck_assert_uint_eq(reach_stats(w->reach).hosts, 0);
	fakeworld_run(w, 30 * MINUTE); // a verdict outlives its last host
	ck_assert_uint_eq(reach_stats(w->reach).endpoints, 0);
	reach_check(w->reach);
}
END_TEST

// The changes of one set, told by hand.
static int
drain(enum reach_change_kind *kinds, int max)
{
	struct reach_change c;
	int n = 0;
	while (n < max && reach_take_change(w->reach, &c))
		kinds[n++] = c.kind;
	return n;
}

static void
tell_mx(const char *name, const char *host)
{
	struct reach_due due;
	uint32_t id = reach_lookup(
	    w->reach, name, strlen(name), REACH_WANTED, w->now);
	while (reach_next(w->reach, w->now, &due))
		if (due.kind == REACH_DUE_MX && due.id == id)
			break;
	struct answer_mx answer = {.outcome = ANSWER_NXDOMAIN};
	if (host != NULL) {
		answer = (struct answer_mx){.ttl_s = 60, .n = 1};
		strcpy(answer.mx[0].host, host);
	}
	reach_tell_mx(w->reach, id, &answer, w->now);
	w->now += HOUR;
}

// Gone and back before anybody took notice: it is the same set.
START_TEST(test_mxset_revived_before_reported)
{
	enum reach_change_kind kind[9];
	tell_mx("1.test", "m.test");
	ck_assert_int_eq(drain(kind, 9), 1);
	uint32_t set = set_of("1.test");
	reach_set_set_plans(w->reach, set, 7);
	tell_mx("1.test", NULL);
	tell_mx("2.test", "m.test");
	ck_assert_uint_eq(set_of("2.test"), set);
	ck_assert_int_eq(drain(kind, 9), 1);
	ck_assert_int_eq(kind[0], REACH_CHANGE_SET);
	ck_assert_uint_eq(reach_set_plans(w->reach, set), 7);
	reach_check(w->reach);
}
END_TEST

// Reported gone, and used again before the next call.
START_TEST(test_mxset_revived_after_reported)
{
	enum reach_change_kind kind[9];
	tell_mx("1.test", "m.test");
	drain(kind, 9);
	uint32_t set = set_of("1.test");
	tell_mx("1.test", NULL);
	ck_assert_int_eq(drain(kind, 1), 1);
	ck_assert_int_eq(kind[0], REACH_CHANGE_SET_GONE);
	tell_mx("2.test", "m.test");
	ck_assert_uint_eq(set_of("2.test"), set);
	ck_assert_int_eq(drain(kind, 9), 1); // the caller has no plans for it
	ck_assert_int_eq(kind[0], REACH_CHANGE_SET);
	ck_assert_uint_eq(reach_stats(w->reach).sets, 1);
	reach_check(w->reach);
}
END_TEST

// Reported gone, and a host of it changes before it is freed at the next call.
START_TEST(test_mxset_gone_does_not_change)
{
	enum reach_change_kind kind[9];
	struct reach_due due;
	tell_mx("1.test", "m.test");
	drain(kind, 9);
	ck_assert(reach_next(w->reach, w->now, &due));
	ck_assert_int_eq(due.kind, REACH_DUE_ADDRESS);
	ck_assert_int_eq(due.family, AF_INET);
	uint32_t host = due.id;
	ck_assert(reach_next(w->reach, w->now, &due));
	tell_mx("1.test", NULL);
	ck_assert_int_eq(drain(kind, 1), 1);
	struct answer_addr none = {.outcome = ANSWER_NXDOMAIN};
	reach_tell_address(w->reach, host, AF_INET, &none, w->now);
	reach_tell_address(w->reach, host, AF_INET6, &none, w->now);
	ck_assert_int_eq(drain(kind, 9), 0);
	ck_assert_uint_eq(reach_stats(w->reach).sets, 0);
	ck_assert_uint_eq(reach_stats(w->reach).hosts, 0);
	reach_check(w->reach);
}
END_TEST

// Each that changed is told once, however often it did; others are not.
START_TEST(test_mxset_changes_are_told_once)
{
	struct reach_change c;
	make_host("m.test", 'R', 1);
	make_host("n.test", 'R', 2);
	lists("1.test", "m.test");
	lists("2.test", "n.test");
	fakeworld_settle(w, "1.test");
	fakeworld_settle(w, "2.test");
	ck_assert(!reach_take_change(w->reach, &c));
	uint32_t set = set_of("1.test");
	mxset_mark_changed(w->reach, set);
	mxset_mark_changed(w->reach, set);
	ck_assert_int_eq(reach_next_at(w->reach, w->now), w->now);
	ck_assert(reach_take_change(w->reach, &c));
	ck_assert_int_eq(c.kind, REACH_CHANGE_SET);
	ck_assert_uint_eq(c.id, set);
	ck_assert(!reach_take_change(w->reach, &c));
	// And again when it changed again.
	mxset_mark_changed(w->reach, set);
	ck_assert(reach_take_change(w->reach, &c));
	ck_assert(!reach_take_change(w->reach, &c));
}
END_TEST

// -- ourselves --------------------------------------------------------------

START_TEST(test_mxset_is_ourselves)
{
	static const char *const names[] = {"mail.isp.test"};
	struct netaddr own;
	ck_assert(netaddr_parse("198.51.100.11", &own)); // make_host(.., 1)
	make_host("m.test", 'R', 1);
	make_host("n.test", 'R', 2);
	fakeworld_host(w, "mail.isp.test", "198.51.100.30", NULL);
	lists("byname.test", "mail.isp.test");
	lists("byaddress.test", "m.test");
	fakeworld_host(w, "mapped.test", "::ffff:198.51.100.11", NULL);
	fakeworld_mx(w, "bymapped.test", 10, "mapped.test", -1);
	lists("other.test", "n.test");
	w->params.self_names = names;
	w->params.n_self_names = 1;
	w->params.self_addresses = &own;
	w->params.n_self_addresses = 1;
	fakeworld_restart(w);
	assert_route(fakeworld_settle(w, "byname.test"), "direct", "self");
	assert_route(fakeworld_settle(w, "byaddress.test"), "direct", "self");
	assert_route(fakeworld_settle(w, "bymapped.test"), "direct", "self");
	assert_route(
	    fakeworld_settle(w, "other.test"), "direct", "all-reachable");
	ck_assert_uint_eq(fakeworld_at(w, "198.51.100.11")->probes, 0);
	// A reload without them.
	w->params.n_self_names = w->params.n_self_addresses = 0;
	fakeworld_reconfigure(w);
	fakeworld_run(w, MINUTE);
	fakeworld_settle(w, "byname.test");
	fakeworld_settle(w, "byaddress.test");
	assert_route(fakeworld_ask(w, "byname.test", REACH_ASKED), "direct",
	    "all-reachable");
	assert_route(fakeworld_ask(w, "byaddress.test", REACH_ASKED), "direct",
	    "all-reachable");
	// And with them again: learnt by sets that are there.
	w->params.n_self_names = w->params.n_self_addresses = 1;
	fakeworld_reconfigure(w);
	fakeworld_run(w, MINUTE);
	assert_route(
	    fakeworld_ask(w, "byname.test", REACH_ASKED), "direct", "self");
	assert_route(
	    fakeworld_ask(w, "byaddress.test", REACH_ASKED), "direct", "self");
}
END_TEST

static Suite *
mxset_suite(void)
{
	Suite *s = suite_create("mxset");
	TCase *tc = tcase_create("tables");
	tcase_add_checked_fixture(tc, world_setup, world_teardown);
	tcase_add_loop_test(
	    tc, test_mxset_judgement, 0, sizeof(judged) / sizeof(*judged));
	suite_add_tcase(s, tc);
	add_world_case(s, "same", test_mxset_order_and_duplicates_do_not_matter,
	    test_mxset_print_is_stable, test_mxset_with_more_is_another,
	    test_mxset_largest);
	add_world_case(s, "use", test_mxset_freed_with_its_last_domain,
	    test_mxset_revived_before_reported,
	    test_mxset_revived_after_reported, test_mxset_gone_does_not_change,
	    test_mxset_changes_are_told_once, test_mxset_is_ourselves);
	return s;
}

int
main(void)
{
	return unit_run(mxset_suite());
}
