// SPDX-License-Identifier: MIT
// The verdict on one address: hysteresis, backoff, refresh, who is probed.
#include <stdio.h>

#include "unit.h"
#include "world.h"

#define A "198.51.100.1"

static void
add_one(void)
{
	world_add_simple("a.test", "mx.a.test", A);
}

static enum reach_state
state(void)
{
	struct reach_endpoint_view v;
	uint32_t host = reach_find_host(w->reach, "mx.a.test", 9);
	ck_assert_uint_ne(host, REACH_NONE);
	ck_assert(reach_host_endpoint(w->reach, host, 0, &v));
	return v.state;
}

// Every outcome as the first result: what it says decides at once.
START_TEST(test_endpoint_first_result_decides)
{
	enum outcome outcome = (enum outcome)_i;
	enum reach_state want = REACH_UNKNOWN;
	if (outcome_says(outcome) == OUTCOME_SAYS_UP)
		want = REACH_REACHABLE;
	if (outcome_says(outcome) == OUTCOME_SAYS_DOWN)
		want = REACH_UNREACHABLE;
	add_one();
	fakeworld_peer(w, A, outcome, 100);
	fakeworld_ask(w, "a.test", REACH_WANTED);
	fakeworld_run(w, 500);
	ck_assert_msg(state() == want, "%s: state %d, wanted %d",
	    outcome_name(outcome), state(), want);
}
END_TEST

// A slow banner is not yet a dead host: `fall` in a row, asked again soon.
START_TEST(test_endpoint_slow_greeting_needs_fall)
{
	add_one();
	fakeworld_peer(w, A, OUTCOME_GREETING_TIMEOUT, 20000);
	fakeworld_ask(w, "a.test", REACH_WANTED);
	fakeworld_run(w, 21000);
	ck_assert_int_eq(state(), REACH_UNKNOWN);
	ck_assert_uint_eq(fakeworld_at(w, A)->probes, 2);
	fakeworld_run(w, 20000);
	ck_assert_int_eq(state(), REACH_UNREACHABLE);
}
END_TEST

// Runs until it was probed once more; returns how long the greeting might take.
static int64_t
next_greeting_timeout(void)
{
	struct fakeworld_peer *p = fakeworld_at(w, A);
	unsigned before = p->probes;
	while (p->probes == before) {
		fakeworld_ask(w, "a.test", REACH_WANTED);
		fakeworld_run(w, 1000);
	}
	int64_t ms = w->greeting_timeout_ms;
	fakeworld_run(w, MINUTE);
	return ms;
}

// greeting_timeout for one never heard; one that greets soon has reply_timeout
// from then on, until it greets late.
START_TEST(test_endpoint_greeting_timeout_by_what_was_heard)
{
	add_one();
	fakeworld_peer(w, A, OUTCOME_GREETING_TIMEOUT, 45000);
	ck_assert_int_eq(next_greeting_timeout(), 45000);
	ck_assert_int_eq(next_greeting_timeout(), 45000); // in vain so far
	fakeworld_peer(w, A, OUTCOME_EHLO, 300);
	ck_assert_int_eq(next_greeting_timeout(), 45000);
	ck_assert_int_eq(next_greeting_timeout(), 20000);
	fakeworld_peer(w, A, OUTCOME_REFUSED_SERVICE, 8001); // a greeting, too
	ck_assert_int_eq(next_greeting_timeout(), 20000);
	ck_assert_int_eq(next_greeting_timeout(), 3 * 9000);
	fakeworld_peer(w, A, OUTCOME_EHLO, 19900);
	ck_assert_int_eq(next_greeting_timeout(), 3 * 9000);
	ck_assert_int_eq(next_greeting_timeout(), 45000);
	fakeworld_peer(w, A, OUTCOME_EHLO, 300);
	ck_assert_int_eq(next_greeting_timeout(), 45000);
	ck_assert_int_eq(next_greeting_timeout(), 45000);
}
END_TEST

// A host that begins to pause before it greets goes down by it, but is not dead
// for good: when it is down there is no hurry.
START_TEST(test_endpoint_greeting_timeout_while_down)
{
	add_one();
	fakeworld_peer(w, A, OUTCOME_EHLO, 300);
	fakeworld_settle(w, "a.test");
	fakeworld_peer(w, A, OUTCOME_GREETING_TIMEOUT, 20000);
	ck_assert_int_eq(next_greeting_timeout(), 20000);
	fakeworld_run(w, MINUTE);
	ck_assert_int_eq(state(), REACH_UNREACHABLE);
	fakeworld_peer(w, A, OUTCOME_EHLO, 20050);
	ck_assert_int_eq(next_greeting_timeout(), 45000);
	fakeworld_run(w, HOUR);
	ck_assert_int_eq(state(), REACH_REACHABLE);
	ck_assert_int_eq(next_greeting_timeout(), 45000);
}
END_TEST

// What is known of its greetings lasts as long as its state does, and beyond.
START_TEST(test_endpoint_greeting_is_kept)
{
	add_one();
	fakeworld_peer(w, A, OUTCOME_EHLO, 300);
	fakeworld_settle(w, "a.test");
	// A reload, with other figures.
	w->params.reply_timeout_ms = 10000;
	fakeworld_reconfigure(w);
	ck_assert_int_eq(next_greeting_timeout(), 10000);
	w->params.greeting_timeout_ms = 5000; // for all
	fakeworld_reconfigure(w);
	ck_assert_int_eq(next_greeting_timeout(), 5000);
	// Another host that has it.
	fakeworld_mx(w, "a.test", 10, "mx.b.test", -1);
	fakeworld_host(w, "mx.b.test", A, NULL);
	fakeworld_run(w, 2 * HOUR);
	ck_assert_int_eq(next_greeting_timeout(), 5000);
	w->params.greeting_timeout_ms = 45000;
	fakeworld_reconfigure(w);
	ck_assert_int_eq(next_greeting_timeout(), 10000);
	// Probing off, which takes the verdict, and on.
	w->params.probe_enabled = false;
	fakeworld_reconfigure(w);
	fakeworld_run(w, HOUR);
	w->params.probe_enabled = true;
	fakeworld_reconfigure(w);
	ck_assert_int_eq(next_greeting_timeout(), 10000);
}
END_TEST

START_TEST(test_endpoint_goes_down_after_fall_failures)
{
	add_one();
	w->params.fall = 3;
	fakeworld_restart(w);
	fakeworld_settle(w, "a.test");
	ck_assert_int_eq(state(), REACH_REACHABLE);
	world_block(A);
	while (fakeworld_at(w, A)->probes < 2) // its refresh: the 1st failure
		fakeworld_run(w, 1000);
	int64_t first_at = fakeworld_at(w, A)->last_at;
	int64_t end = first_at + 2 * 15 * 1000 + TIMEOUT_MS;
	fakeworld_run(w, end - 1 - w->now);
	ck_assert_int_eq(state(), REACH_REACHABLE);
	fakeworld_run(w, 1); // (fall - 1) x fast_interval + one timeout
	ck_assert_int_eq(state(), REACH_UNREACHABLE);
	ck_assert_uint_eq(w->log[w->n_log - 2].change.count, 3);
}
END_TEST

// One success in between begins the count anew.
START_TEST(test_endpoint_success_resets_failures)
{
	add_one();
	fakeworld_settle(w, "a.test");
	world_block(A);
	struct fakeworld_peer *p = fakeworld_at(w, A);
	while (p->probes < 2)
		fakeworld_run(w, 1000);
	fakeworld_run(w, TIMEOUT_MS);
	world_unblock(A);
	while (p->probes < 3)
		fakeworld_run(w, 1000);
	fakeworld_run(w, 1000);
	ck_assert_int_eq(state(), REACH_REACHABLE);
	for (int i = 0; i < 24; i++)
		fakeworld_run(w, HOUR);
	ck_assert_int_eq(state(), REACH_REACHABLE);
}
END_TEST

START_TEST(test_endpoint_comes_up_after_rise_successes)
{
	add_one();
	w->params.rise = 3;
	fakeworld_restart(w);
	world_block(A);
	fakeworld_settle(w, "a.test");
	ck_assert_int_eq(state(), REACH_UNREACHABLE);
	world_unblock(A);
	unsigned before = fakeworld_at(w, A)->probes;
	while (fakeworld_at(w, A)->probes < before + 3) {
		ck_assert_int_eq(state(), REACH_UNREACHABLE);
		fakeworld_run(w, 1000);
	}
	fakeworld_run(w, 1000);
	ck_assert_int_eq(state(), REACH_REACHABLE);
}
END_TEST

// Outcomes that say nothing neither count nor reset a count.
START_TEST(test_endpoint_nothing_neither_counts_nor_resets)
{
	add_one();
	fakeworld_settle(w, "a.test");
	struct fakeworld_peer *p = fakeworld_at(w, A);
	world_block(A);
	while (p->probes < 2) // the 1st failure
		fakeworld_run(w, 1000);
	fakeworld_run(w, TIMEOUT_MS);
	fakeworld_peer(w, A, OUTCOME_LOCAL_ERROR, 1);
	while (p->probes < 3)
		fakeworld_run(w, 1000);
	ck_assert_int_eq(state(), REACH_REACHABLE);
	world_block(A);
	while (p->probes < 4) // the 2nd
		fakeworld_run(w, 1000);
	fakeworld_run(w, TIMEOUT_MS);
	ck_assert_int_eq(state(), REACH_UNREACHABLE);
}
END_TEST

// Down: probed after down_interval, doubling to down_interval_max, never later,
// whether anybody asks or not.
START_TEST(test_endpoint_backoff_doubles_to_its_maximum)
{
	static const int64_t want[] = {
	    2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 10 * MINUTE, 10 * MINUTE};
	add_one();
	world_block(A);
	fakeworld_ask(w, "a.test", REACH_WANTED);
	fakeworld_run(w, 1000);
	struct fakeworld_peer *p = fakeworld_at(w, A);
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		int64_t last = p->last_at;
		unsigned probes = p->probes;
		fakeworld_run(w, want[i] + 1000 - (w->now - last));
		ck_assert_msg(p->probes == probes + 1, "row %zu: %u probes", i,
		    p->probes);
		int64_t gap = p->last_at - last;
		ck_assert_msg(gap <= want[i] && gap >= want[i] * 9 / 10,
		    "row %zu: after %lld ms", i, (long long)gap);
	}
}
END_TEST

// Up: refreshed after `interval` only if it was looked up since its last probe.
START_TEST(test_endpoint_up_is_refreshed_only_when_used)
{
	add_one();
	fakeworld_ask(w, "a.test", REACH_WANTED);
	fakeworld_run(w, 24 * HOUR); // looked up before its probe, not since
	ck_assert_uint_eq(fakeworld_at(w, A)->probes, 1);
	fakeworld_ask(w, "a.test", REACH_ASKED); // long past its interval
	fakeworld_run(w, 1000);
	ck_assert_uint_eq(fakeworld_at(w, A)->probes, 2);
	fakeworld_ask(w, "a.test", REACH_ASKED); // since: one more
	fakeworld_run(w, 24 * HOUR);
	ck_assert_uint_eq(fakeworld_at(w, A)->probes, 3);
}
END_TEST

// Down, and nobody looks it up for `idle`: forgotten, and left alone.
START_TEST(test_endpoint_forgotten_after_idle)
{
	add_one();
	world_block(A);
	assert_route(fakeworld_settle(w, "a.test"), "relay", "none-reachable");
	fakeworld_run(w, 25 * HOUR);
	ck_assert_int_eq(state(), REACH_UNKNOWN);
	unsigned probes = fakeworld_at(w, A)->probes;
	fakeworld_run(w, 48 * HOUR);
	ck_assert_uint_eq(fakeworld_at(w, A)->probes, probes);
	assert_route(
	    fakeworld_ask(w, "a.test", REACH_WANTED), "direct", "unknown-yet");
	fakeworld_run(w, MINUTE);
	ck_assert_uint_gt(fakeworld_at(w, A)->probes, probes);
}
END_TEST

START_TEST(test_endpoint_down_stays_while_looked_up)
{
	add_one();
	world_block(A);
	fakeworld_settle(w, "a.test");
	for (int i = 0; i < 72; i++) {
		fakeworld_run(w, HOUR);
		assert_route(fakeworld_ask(w, "a.test", REACH_ASKED), "relay",
		    "none-reachable");
	}
}
END_TEST

// Rule 1: however many domains share it, an address costs one round of probes.
START_TEST(test_endpoint_shared_by_all_domains)
{
	char name[32];
	fakeworld_host(w, "mx.big.test", A, NULL);
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "d%d.test", i);
		fakeworld_mx(w, name, 10 + i, "mx.big.test", -1);
		fakeworld_ask(w, name, REACH_WANTED);
	}
	fakeworld_run(w, MINUTE);
	ck_assert_uint_eq(fakeworld_at(w, A)->probes, 1);
	ck_assert_uint_eq(reach_stats(w->reach).endpoints, 1);
}
END_TEST

// Rule 9: never the special-purpose registries, nor our own addresses.
START_TEST(test_endpoint_may_be_probed)
{
	static const struct {
		const char *address;
		bool private_ok, probed;
	} row[] = {
	    {"8.8.8.8", false, true}, {"2400:cb00::1", false, true},
	    {"10.0.0.1", false, false}, {"10.0.0.1", true, true},
	    {"127.0.0.1", false, false}, {"127.0.0.1", true, true},
	    {"198.18.0.1", false, false}, {"198.18.0.1", true, true},
	    {"203.0.113.9", false, false}, {"203.0.113.9", true, true},
	    {"169.254.1.1", true, false}, {"224.0.0.1", true, false},
	    {"100.64.0.1", true, false}, {"0.0.0.0", true, false},
	    {"fe80::1", true, false}, {"192.0.2.99", true, false}, // ours
	};
	struct netaddr own;
	ck_assert(netaddr_parse("192.0.2.99", &own));
	w->params.self_addresses = &own;
	w->params.n_self_addresses = 1;
	w->params.allow_private = row[_i].private_ok;
	fakeworld_restart(w);
	world_add_simple("a.test", "mx.a.test", row[_i].address);
	fakeworld_settle(w, "a.test");
	ck_assert_msg((w->probes > 0) == row[_i].probed, "row %d: %s", _i,
	    row[_i].address);
}
END_TEST

// An address that has only ever given no-route is none for us; one that worked
// once keeps its state.
START_TEST(test_endpoint_only_no_route_is_unusable)
{
	fakeworld_mx(w, "a.test", 10, "mx.a.test", -1);
	fakeworld_host(w, "mx.a.test", A, "2001:db8::1", NULL);
	fakeworld_peer(w, "2001:db8::1", OUTCOME_NO_ROUTE, 0);
	world_block(A);
	assert_route(fakeworld_settle(w, "a.test"), "relay", "none-reachable");

	world_add_simple("six.test", "mx.six.test", "2001:db8::2");
	fakeworld_peer(w, "2001:db8::2", OUTCOME_NO_ROUTE, 0);
	assert_route(fakeworld_settle(w, "six.test"), "direct", "no-mx");

	world_add_simple("was.test", "mx.was.test", "2001:db8::3");
	assert_route(
	    fakeworld_settle(w, "was.test"), "direct", "all-reachable");
	fakeworld_peer(w, "2001:db8::3", OUTCOME_NO_ROUTE, 0);
	for (int i = 0; i < 24; i++) {
		fakeworld_run(w, HOUR);
		assert_route(fakeworld_ask(w, "was.test", REACH_ASKED),
		    "direct", "all-reachable");
	}
}
END_TEST

// A route may come any moment: looked for as often as a down one, not once an
// interval.
START_TEST(test_endpoint_no_route_is_tried_again)
{
	add_one();
	fakeworld_peer(w, A, OUTCOME_NO_ROUTE, 0);
	assert_route(fakeworld_settle(w, "a.test"), "direct", "no-mx");
	world_block(A);
	for (int i = 0; i < 10; i++) {
		fakeworld_run(w, MINUTE);
		fakeworld_ask(w, "a.test", REACH_ASKED);
	}
	assert_route(
	    fakeworld_ask(w, "a.test", REACH_ASKED), "relay", "none-reachable");
}
END_TEST

// A probe that failed for a reason of ours is made up for soon.
START_TEST(test_endpoint_local_error_is_no_refresh)
{
	add_one();
	fakeworld_settle(w, "a.test");
	struct fakeworld_peer *p = fakeworld_at(w, A);
	fakeworld_peer(w, A, OUTCOME_LOCAL_ERROR, 1);
	while (p->probes < 2) {
		fakeworld_ask(w, "a.test", REACH_ASKED);
		fakeworld_run(w, MINUTE);
	}
	fakeworld_ask(w, "a.test", REACH_ASKED);
	fakeworld_run(w, MINUTE);
	ck_assert_uint_ge(p->probes, 3);
	ck_assert_int_eq(state(), REACH_REACHABLE);
}
END_TEST

// Where our own source address is missing nothing is learnt: nobody waits for
// that again and again, and when it is back the address is as any other.
START_TEST(test_endpoint_was_tried)
{
	add_one();
	fakeworld_peer(w, A, OUTCOME_LOCAL_ERROR, 1);
	ck_assert(!fakeworld_ask(w, "a.test", REACH_AWAITED).known);
	fakeworld_run(w, 1000);
	for (int i = 0; i < 5; i++) {
		struct route_view v = fakeworld_ask(w, "a.test", REACH_AWAITED);
		assert_route(v, "direct", "unknown-yet");
		ck_assert(v.known);
		fakeworld_run(w, MINUTE);
	}
	world_block(A);
	fakeworld_ask(w, "a.test", REACH_AWAITED);
	fakeworld_run(w, MINUTE);
	assert_route(
	    fakeworld_ask(w, "a.test", REACH_ASKED), "relay", "none-reachable");
}
END_TEST

// Without probes a verdict would stand for ever: it is forgotten, and that of a
// probe that was in flight does not count. With them it is measured anew.
START_TEST(test_endpoint_probing_off_and_on)
{
	add_one();
	world_block(A);
	fakeworld_settle(w, "a.test");
	while (reach_stats(w->reach).probing == 0)
		fakeworld_run(w, 1000);
	w->params.probe_enabled = false;
	fakeworld_reconfigure(w);
	fakeworld_run(w, MINUTE);
	ck_assert_uint_eq(reach_stats(w->reach).probing, 0);
	ck_assert_int_eq(state(), REACH_UNKNOWN);
	struct route_view v = fakeworld_ask(w, "a.test", REACH_AWAITED);
	assert_route(v, "direct", "unknown-yet");
	ck_assert(v.known);
	w->params.probe_enabled = true;
	fakeworld_reconfigure(w);
	fakeworld_run(w, 1000);
	// The first lookup has it probed, the one after that knows.
	ck_assert(!fakeworld_ask(w, "a.test", REACH_AWAITED).known);
	fakeworld_run(w, 7000);
	assert_route(
	    fakeworld_ask(w, "a.test", REACH_ASKED), "relay", "none-reachable");
}
END_TEST

// Fixed as unreachable it is blocked, whatever it once answered.
START_TEST(test_endpoint_fixed_outranks_refused)
{
	struct reach_fixed fixed = {.as = REACH_FIXED_UNREACHABLE};
	struct netaddr a;
	add_one();
	fakeworld_configure(w, "direct={filter_all=true;};");
	fakeworld_peer(w, A, OUTCOME_CONNECT_REFUSED, 1);
	assert_route(fakeworld_settle(w, "a.test"), "direct", "refused-only");
	ck_assert(netaddr_parse(A, &a));
	ck_assert(!plans_filter(w->plans, "mx.a.test", &a));
	ck_assert(netprefix_parse("198.51.100.0/24", &fixed.prefix));
	w->params.fixed = &fixed;
	w->params.n_fixed = 1;
	fakeworld_reconfigure(w);
	fakeworld_run(w, 1000);
	assert_route(
	    fakeworld_ask(w, "a.test", REACH_ASKED), "relay", "none-reachable");
	ck_assert(plans_filter(w->plans, "mx.a.test", &a));
}
END_TEST

// Two hosts of a set at one address: one set, one domain.
START_TEST(test_endpoint_change_counts_sets_once)
{
	unsigned seen = 0;
	fakeworld_mx(w, "a.test", 10, "mx.a.test", 20, "mx2.a.test", -1);
	fakeworld_host(w, "mx.a.test", A, NULL);
	fakeworld_host(w, "mx2.a.test", A, NULL);
	world_block(A);
	fakeworld_settle(w, "a.test");
	for (unsigned i = 0; i < w->n_log; i++) {
		const struct reach_change *c = &w->log[i].change;
		if (c->kind != REACH_CHANGE_ENDPOINT)
			continue;
		seen++;
		ck_assert_uint_eq(c->sets, 1);
		ck_assert_uint_eq(c->domains, 1);
		ck_assert_uint_ne(c->host, REACH_NONE);
	}
	ck_assert_uint_eq(seen, 1);
}
END_TEST

// A verdict fixed by hand: no probe, and it holds.
START_TEST(test_endpoint_fixed_by_configuration)
{
	static const struct {
		enum reach_fixed_as as;
		const char *route, *reason;
	} row[] = {
	    {REACH_FIXED_REACHABLE, "direct", "all-reachable"},
	    {REACH_FIXED_UNREACHABLE, "relay", "none-reachable"},
	    {REACH_FIXED_IGNORE, "direct", "no-mx"},
	};
	struct reach_fixed fixed = {.as = row[_i].as};
	ck_assert(netprefix_parse("198.51.100.0/24", &fixed.prefix));
	w->params.fixed = &fixed;
	w->params.n_fixed = 1;
	fakeworld_restart(w);
	add_one();
	assert_route(
	    fakeworld_settle(w, "a.test"), row[_i].route, row[_i].reason);
	ck_assert_uint_eq(w->probes, 0);
	// Taken out again by a reload, measurement takes over.
	w->params.n_fixed = 0;
	fakeworld_reconfigure(w);
	fakeworld_run(w, MINUTE);
	fakeworld_ask(w, "a.test", REACH_ASKED);
	fakeworld_run(w, MINUTE);
	assert_route(
	    fakeworld_ask(w, "a.test", REACH_ASKED), "direct", "all-reachable");
}
END_TEST

START_TEST(test_endpoint_disabled_probing_leaves_all_direct)
{
	w->params.probe_enabled = false;
	fakeworld_restart(w);
	add_one();
	world_block(A);
	struct route_view v = fakeworld_settle(w, "a.test");
	assert_route(v, "direct", "unknown-yet");
	ck_assert(v.known); // nobody need wait for what never comes
	ck_assert_uint_eq(w->probes, 0);
}
END_TEST

static Suite *
endpoint_suite(void)
{
	Suite *s = suite_create("endpoint");
	TCase *tc = tcase_create("tables");
	tcase_add_checked_fixture(tc, world_setup, world_teardown);
	tcase_add_loop_test(tc, test_endpoint_first_result_decides,
	    OUTCOME_NONE + 1, OUTCOME_COUNT);
	tcase_add_loop_test(tc, test_endpoint_may_be_probed, 0, 16);
	tcase_add_loop_test(tc, test_endpoint_fixed_by_configuration, 0, 3);
	suite_add_tcase(s, tc);
	add_world_case(s, "greeting",
	    test_endpoint_greeting_timeout_by_what_was_heard,
	    test_endpoint_greeting_timeout_while_down,
	    test_endpoint_greeting_is_kept);
	add_world_case(s, "hysteresis", test_endpoint_slow_greeting_needs_fall,
	    test_endpoint_goes_down_after_fall_failures,
	    test_endpoint_success_resets_failures,
	    test_endpoint_comes_up_after_rise_successes,
	    test_endpoint_nothing_neither_counts_nor_resets);
	add_world_case(s, "when", test_endpoint_backoff_doubles_to_its_maximum,
	    test_endpoint_up_is_refreshed_only_when_used,
	    test_endpoint_forgotten_after_idle,
	    test_endpoint_down_stays_while_looked_up,
	    test_endpoint_no_route_is_tried_again,
	    test_endpoint_local_error_is_no_refresh,
	    test_endpoint_probing_off_and_on, test_endpoint_was_tried);
	add_world_case(s, "which", test_endpoint_shared_by_all_domains,
	    test_endpoint_only_no_route_is_unusable,
	    test_endpoint_fixed_outranks_refused,
	    test_endpoint_change_counts_sets_once,
	    test_endpoint_disabled_probing_leaves_all_direct);
	return s;
}

int
main(void)
{
	return unit_run(endpoint_suite());
}
