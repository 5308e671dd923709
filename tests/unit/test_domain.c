// SPDX-License-Identifier: MIT
// Destination domains: what DNS answers make of them, when they are asked about
// again, who goes first, who is dropped.
#include "reach_check.h"
#include "unit.h"
#include "world.h"

#include <malloc.h>
#include <stdio.h>

#define A "198.51.100.1"

enum { SECOND = 1000, DAY = 24 * HOUR };

static enum reach_mx
mx_of(const char *name)
{
	return reach_domain_mx(w->reach, fakeworld_domain(w, name));
}

static const struct domain *
record(const char *name)
{
	uint32_t id = fakeworld_domain(w, name);
	ck_assert_uint_ne(id, REACH_NONE);
	return domain_at(w->reach, id);
}

static struct answer_mx *
answer_of(const char *name)
{
	for (unsigned i = 0; i < w->n_mx; i++)
		if (strcmp(w->mx[i].name, name) == 0)
			return &w->mx[i].answer;
	ck_abort_msg("no answer for %s", name);
	return NULL;
}

// Questions asked in the next `ms`, with one lookup at their start.
static unsigned
questions_for(const char *name, int64_t ms)
{
	unsigned before = w->questions;
	fakeworld_ask(w, name, REACH_ASKED);
	fakeworld_run(w, ms);
	return w->questions - before;
}

// -- what an answer makes of it ---------------------------------------------

static const struct {
	struct answer_mx answer;
	enum reach_mx mx;
	const char *route, *reason;
} answers[] = {
    {{.outcome = ANSWER_OK, .n = 1, .mx = {{10, "mx.a.test"}}}, REACH_MX_SET,
	"direct", "all-reachable"},
    {{.outcome = ANSWER_OK, .null_mx = true}, REACH_MX_NULL, "direct",
	"null-mx"},
    {{.outcome = ANSWER_OK}, REACH_MX_UNUSABLE, "direct", "no-mx"},
    {{.outcome = ANSWER_NODATA}, REACH_MX_SET, "direct", "all-reachable"},
    {{.outcome = ANSWER_NXDOMAIN}, REACH_MX_NO_DOMAIN, "direct", "no-domain"},
    {{.outcome = ANSWER_SERVFAIL}, REACH_MX_FAILED, "direct", "dns-failure"},
    {{.outcome = ANSWER_REFUSED}, REACH_MX_FAILED, "direct", "dns-failure"},
    {{.outcome = ANSWER_TIMEOUT}, REACH_MX_FAILED, "direct", "dns-failure"},
    {{.outcome = ANSWER_UNREADABLE}, REACH_MX_FAILED, "direct", "dns-failure"},
    {{.outcome = ANSWER_LOCAL}, REACH_MX_FAILED, "direct", "dns-failure"},
};

START_TEST(test_domain_answer)
{
	fakeworld_mx(w, "a.test", -1);
	*answer_of("a.test") = answers[_i].answer;
	answer_of("a.test")->ttl_s = 3600;
	fakeworld_host(w, "mx.a.test", A, NULL);
	fakeworld_host(w, "a.test", A, NULL);
	assert_route(fakeworld_settle(w, "a.test"), answers[_i].route,
	    answers[_i].reason);
	ck_assert_msg(mx_of("a.test") == answers[_i].mx, "row %d", _i);
	ck_assert_int_eq(
	    reach_domain_outcome(w->reach, fakeworld_domain(w, "a.test")),
	    answers[_i].answer.outcome);
	if (answers[_i].mx == REACH_MX_SET)
		return;
	// No opinion, no probe; and no fall to the domain's own address.
	ck_assert_uint_eq(w->probes, 0);
	ck_assert_uint_eq(reach_stats(w->reach).hosts, 0);
}
END_TEST

// RFC 5321 section 5.1: without MX the domain's own address, preference 0.
START_TEST(test_domain_implicit_mx)
{
	fakeworld_mx_fails(w, "a.test", ANSWER_NODATA);
	fakeworld_host(w, "a.test", A, NULL);
	world_block(A);
	assert_route(fakeworld_settle(w, "a.test"), "relay", "none-reachable");
	uint32_t set = reach_domain_set(
	    w->reach, fakeworld_domain(w, "a.test"));
	struct reach_set_host h = reach_set_host(w->reach, set, 0);
	ck_assert_uint_eq(reach_set_view(w->reach, set).n, 1);
	ck_assert_str_eq(h.name, "a.test");
	ck_assert_uint_eq(h.preference, 0);
}
END_TEST

// MX exist, none with an address that can be used: never the domain's own.
START_TEST(test_domain_mx_without_usable_address)
{
	static const enum answer_outcome row[] = {
	    ANSWER_NODATA, ANSWER_NXDOMAIN};
	fakeworld_mx(w, "a.test", 10, "mx.a.test", -1);
	fakeworld_host_fails(w, "mx.a.test", row[_i]);
	fakeworld_host(w, "a.test", A, NULL);
	assert_route(fakeworld_settle(w, "a.test"), "direct", "no-mx");
	ck_assert_uint_eq(fakeworld_at(w, A)->probes, 0);
}
END_TEST

// -- failures and staleness (rule 8) ----------------------------------------

static void
learn_blocked(uint32_t ttl_s)
{
	world_add_simple("a.test", "mx.a.test", A);
	answer_of("a.test")->ttl_s = ttl_s;
	world_block(A);
	assert_route(fakeworld_settle(w, "a.test"), "relay", "none-reachable");
}

START_TEST(test_domain_failure_keeps_what_is_known)
{
	learn_blocked(3600);
	fakeworld_mx_fails(w, "a.test", ANSWER_TIMEOUT);
	for (int i = 0; i < 24; i++) {
		fakeworld_run(w, HOUR);
		assert_route(fakeworld_ask(w, "a.test", REACH_ASKED), "relay",
		    "none-reachable");
	}
	ck_assert_int_eq(mx_of("a.test"), REACH_MX_SET);
	ck_assert_uint_gt(record("a.test")->fails, 0);
}
END_TEST

// Who waits is not sent away with a failure of old, while the DNS is being
// asked again: it may be over.
START_TEST(test_domain_is_resolving)
{
	fakeworld_mx_fails(w, "a.test", ANSWER_SERVFAIL);
	fakeworld_host(w, "mx.a.test", A, NULL);
	fakeworld_peer(w, A, OUTCOME_CONNECT_TIMEOUT, 100);
	ck_assert(!fakeworld_ask(w, "a.test", REACH_AWAITED).known);
	fakeworld_run(w, SECOND);
	struct route_view v = fakeworld_ask(w, "a.test", REACH_AWAITED);
	assert_route(v, "direct", "dns-failure");
	ck_assert(v.known); // it failed just now
	for (int i = 0; i < 2; i++) {
		fakeworld_run(w, 6 * HOUR);
		v = fakeworld_ask(w, "a.test", REACH_AWAITED);
		assert_route(v, "direct", "dns-failure");
		ck_assert(!v.known);
		fakeworld_run(w, SECOND);
		ck_assert(fakeworld_ask(w, "a.test", REACH_AWAITED).known);
	}
	fakeworld_mx(w, "a.test", 10, "mx.a.test", -1);
	fakeworld_run(w, 6 * HOUR);
	ck_assert(!fakeworld_ask(w, "a.test", REACH_AWAITED).known);
	fakeworld_run(w, 2 * SECOND);
	v = fakeworld_ask(w, "a.test", REACH_AWAITED);
	assert_route(v, "relay", "none-reachable");
	ck_assert(v.known);
}
END_TEST

// The same for the addresses of its hosts.
START_TEST(test_domain_addresses_are_resolving)
{
	fakeworld_mx(w, "a.test", 10, "mx.a.test", -1);
	fakeworld_host_fails(w, "mx.a.test", ANSWER_SERVFAIL);
	fakeworld_peer(w, A, OUTCOME_CONNECT_TIMEOUT, 100);
	ck_assert(!fakeworld_ask(w, "a.test", REACH_AWAITED).known);
	fakeworld_run(w, SECOND);
	struct route_view v = fakeworld_ask(w, "a.test", REACH_AWAITED);
	assert_route(v, "direct", "dns-failure");
	ck_assert(v.known);
	fakeworld_run(w, 10 * MINUTE); // it is asked again once or twice
	fakeworld_host(w, "mx.a.test", A, NULL);
	fakeworld_run(w, 6 * HOUR);
	v = fakeworld_ask(w, "a.test", REACH_AWAITED);
	assert_route(v, "direct", "dns-failure");
	ck_assert(!v.known);
	fakeworld_run(w, 2 * SECOND);
	v = fakeworld_ask(w, "a.test", REACH_AWAITED);
	assert_route(v, "relay", "none-reachable");
	ck_assert(v.known);
}
END_TEST

// What was last known serves for `stale` beyond its TTL, then the failure does;
// never is the domain taken for one never heard of.
START_TEST(test_domain_is_beyond_stale)
{
	w->params.stale_ms = 2 * HOUR;
	fakeworld_restart(w);
	int64_t learnt_at = w->now;
	learn_blocked(3600);
	fakeworld_mx_fails(w, "a.test", ANSWER_SERVFAIL);
	w->conf->cache.cold = CONF_ROUTE_HOLD;
	int64_t failed_at = 0;
	for (int i = 0; i < 5 * 60 && failed_at == 0; i++) {
		struct route_view v = fakeworld_ask(w, "a.test", REACH_ASKED);
		ck_assert_int_ne(v.reason, REASON_UNKNOWN_YET);
		if (v.reason == REASON_DNS_FAILURE)
			failed_at = w->now;
		fakeworld_run(w, MINUTE);
	}
	ck_assert_int_ge(failed_at, learnt_at + 3 * HOUR);
	// No longer than one retry later.
	ck_assert_int_le(failed_at, learnt_at + 3 * HOUR + 7 * MINUTE);
	ck_assert_int_eq(mx_of("a.test"), REACH_MX_FAILED);
	// The DNS is back.
	fakeworld_mx(w, "a.test", 10, "mx.a.test", -1);
	fakeworld_ask(w, "a.test", REACH_ASKED);
	fakeworld_run(w, 10 * MINUTE);
	assert_route(fakeworld_settle(w, "a.test"), "relay", "none-reachable");
}
END_TEST

// Not looked up for longer than that, and than `idle`, it is as unknown as a
// new one; a `stale` shorter than the pause between two mails makes none cold.
START_TEST(test_domain_is_long_silent)
{
	w->params.stale_ms = 0;
	w->params.idle_ms = 6 * HOUR;
	fakeworld_restart(w);
	learn_blocked(3600);
	fakeworld_run(w, 5 * HOUR);
	assert_route(
	    fakeworld_ask(w, "a.test", REACH_ASKED), "relay", "none-reachable");
	fakeworld_run(w, 8 * HOUR);
	assert_route(
	    fakeworld_ask(w, "a.test", REACH_ASKED), "direct", "unknown-yet");
	ck_assert_int_eq(mx_of("a.test"), REACH_MX_UNKNOWN);
	// And with the longer of the two.
	w->params.stale_ms = 24 * HOUR;
	fakeworld_restart(w);
	learn_blocked(3600);
	fakeworld_run(w, 20 * HOUR);
	ck_assert_int_eq(
	    (fakeworld_ask(w, "a.test", REACH_ASKED), mx_of("a.test")),
	    REACH_MX_SET);
}
END_TEST

// A definite answer replaces what was known at once.
START_TEST(test_domain_definite_answer_replaces)
{
	static const enum answer_outcome row[] = {
	    ANSWER_NXDOMAIN, ANSWER_NODATA};
	learn_blocked(60);
	fakeworld_mx_fails(w, "a.test", row[_i]);
	fakeworld_host(w, "a.test", "198.51.100.77", NULL);
	fakeworld_run(w, MINUTE);
	assert_route(fakeworld_settle(w, "a.test"), "direct",
	    _i == 0 ? "no-domain" : "all-reachable");
}
END_TEST

START_TEST(test_domain_retry_backoff)
{
	// 5 s, doubling to negative_ttl, less up to a tenth; rounded up.
	static const int want[] = {5, 10, 20, 40, 80, 160, 300, 300, 300};
	fakeworld_mx_fails(w, "a.test", ANSWER_SERVFAIL);
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		ck_assert_uint_eq(questions_for("a.test", SECOND), 1);
		int got = (int)(record("a.test")->expires_s -
				reach_seconds(w->now - SECOND + 20));
		ck_assert_msg(got <= want[i] && got >= want[i] * 9 / 10,
		    "row %zu: %d s, wanted %d", i, got, want[i]);
		ck_assert_uint_eq(questions_for("a.test", SECOND), 0);
		fakeworld_run(w, got * SECOND);
	}
	// A good answer ends it.
	fakeworld_mx(w, "a.test", -1);
	fakeworld_run(w, 300 * SECOND);
	fakeworld_ask(w, "a.test", REACH_ASKED);
	fakeworld_run(w, SECOND);
	ck_assert_uint_eq(record("a.test")->fails, 0);
}
END_TEST

// -- TTLs -------------------------------------------------------------------

START_TEST(test_domain_ttl_is_clamped)
{
	static const struct {
		enum answer_outcome outcome;
		uint32_t ttl_s;
		int holds_s;
	} row[] = {
	    {ANSWER_OK, 0, 60},
	    {ANSWER_OK, 59, 60},
	    {ANSWER_OK, 60, 60},
	    {ANSWER_OK, 300, 300},
	    {ANSWER_OK, 86400, 86400},
	    {ANSWER_OK, 604800, 86400},
	    {ANSWER_OK, UINT32_MAX, 86400},
	    {ANSWER_NXDOMAIN, 0, 300}, // negative_ttl, whatever the SOA says
	    {ANSWER_NODATA, 604800, 300},
	};
	fakeworld_mx(w, "a.test", -1);
	*answer_of("a.test") = (struct answer_mx){
	    .outcome = row[_i].outcome,
	    .ttl_s = row[_i].ttl_s,
	    .null_mx = row[_i].outcome == ANSWER_OK,
	};
	fakeworld_host(w, "a.test", A, NULL);
	fakeworld_ask(w, "a.test", REACH_ASKED);
	fakeworld_run(w, 20);
	ck_assert_msg(record("a.test")->expires_s ==
			  reach_seconds(w->now) + (uint32_t)row[_i].holds_s,
	    "row %d: %u s", _i,
	    record("a.test")->expires_s - reach_seconds(w->now));
}
END_TEST

// Nothing but a lookup starts a refresh: a million names cost no questions.
START_TEST(test_domain_refresh_only_by_lookups)
{
	fakeworld_mx(w, "a.test", -1);
	answer_of("a.test")->null_mx = true;
	ck_assert_uint_eq(questions_for("a.test", 20 * DAY), 1);
	ck_assert_uint_eq(questions_for("a.test", 20 * DAY), 1);
	ck_assert_uint_eq(questions_for("a.test", 20 * DAY), 1);
}
END_TEST

// One question in flight, however many ask; the lookup that finds one past its
// TTL answers with what is known.
START_TEST(test_domain_one_question_in_flight)
{
	w->dns_ms = 3 * SECOND;
	world_add_simple("a.test", "mx.a.test", A);
	for (int i = 0; i < 100; i++) {
		fakeworld_ask(w, "a.test", (enum reach_interest)(i % 4));
		fakeworld_run(w, 10);
	}
	ck_assert_uint_eq(w->questions, 1);
	ck_assert_uint_eq(reach_stats(w->reach).resolving, 1);
	fakeworld_run(w, MINUTE);
	ck_assert_uint_eq(w->questions, 3); // its host's addresses
}
END_TEST

// -- interest ---------------------------------------------------------------

static void
add_many(const char *prefix, int n, enum reach_interest interest)
{
	char name[32];
	for (int i = 0; i < n; i++) {
		int len = snprintf(name, sizeof(name), "%s%d.test", prefix, i);
		reach_lookup(w->reach, name, (size_t)len, interest, w->now);
	}
}

// The names asked about, as they come.
static int
next_names(char names[][32], int max)
{
	struct reach_due due;
	int n = 0;
	while (n < max && reach_next(w->reach, w->now, &due)) {
		ck_assert_int_eq(due.kind, REACH_DUE_MX);
		snprintf(names[n++], 32, "%s", due.name);
	}
	return n;
}

START_TEST(test_domain_wanted_before_asked)
{
	char names[10][32];
	add_many("asked", 3, REACH_ASKED);
	add_many("wanted", 3, REACH_WANTED);
	ck_assert_int_eq(next_names(names, 10), 6);
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(names[i][0], i < 3 ? 'w' : 'a');
	ck_assert_str_eq(names[0], "wanted0.test"); // in their order
	ck_assert_str_eq(names[2], "wanted2.test");
}
END_TEST

START_TEST(test_domain_awaited_goes_first)
{
	char names[10][32];
	add_many("wanted", 3, REACH_WANTED);
	add_many("x", 1, REACH_AWAITED);
	reach_lookup(w->reach, "wanted2.test", 12, REACH_AWAITED, w->now);
	ck_assert_int_eq(next_names(names, 10), 4);
	ck_assert_str_eq(names[0], "wanted2.test");
	ck_assert_str_eq(names[1], "x0.test");
	ck_assert_str_eq(names[2], "wanted0.test");
}
END_TEST

// A queued question moves ahead when mail comes.
START_TEST(test_domain_raised_while_queued)
{
	char names[10][32];
	add_many("asked", 5, REACH_ASKED);
	reach_lookup(w->reach, "asked4.test", 11, REACH_WANTED, w->now);
	ck_assert_int_eq(next_names(names, 10), 5);
	ck_assert_str_eq(names[0], "asked4.test");
	ck_assert_str_eq(names[1], "asked0.test");
}
END_TEST

START_TEST(test_domain_asked_twice_within_a_minute)
{
	static const struct {
		enum reach_interest first, second;
		int64_t gap_ms;
		bool wanted;
	} row[] = {
	    {REACH_ASKED_REPEAT, REACH_ASKED_REPEAT, 1, true},
	    {REACH_ASKED_REPEAT, REACH_ASKED_REPEAT, 60 * SECOND, true},
	    {REACH_ASKED_REPEAT, REACH_ASKED_REPEAT, 62 * SECOND, false},
	    {REACH_ASKED, REACH_ASKED, 1, false},
	    {REACH_ASKED, REACH_ASKED_REPEAT, 1, true},
	    {REACH_ASKED_REPEAT, REACH_ASKED, 1, false},
	    {REACH_ASKED, REACH_WANTED, HOUR, true},
	    {REACH_AWAITED, REACH_ASKED, HOUR, true}, // and stays so
	};
	fakeworld_mx(w, "a.test", -1);
	fakeworld_ask(w, "a.test", row[_i].first);
	fakeworld_run(w, row[_i].gap_ms);
	fakeworld_ask(w, "a.test", row[_i].second);
	ck_assert_msg(record("a.test")->wanted == row[_i].wanted, "row %d", _i);
	reach_check(w->reach);
}
END_TEST

// Asked names leave a quarter of the questions to wanted ones.
START_TEST(test_domain_asked_uses_spare_capacity_only)
{
	char names[100][32];
	w->params.dns_concurrency = 20;
	fakeworld_restart(w);
	add_many("asked", 50, REACH_ASKED);
	ck_assert_int_eq(next_names(names, 100), 15);
	add_many("wanted", 50, REACH_WANTED);
	ck_assert_int_eq(next_names(names, 100), 5);
	ck_assert_int_eq(names[0][0], 'w');
	ck_assert_uint_eq(reach_stats(w->reach).resolving, 20);
	reach_check(w->reach);
}
END_TEST

START_TEST(test_domain_asked_never_is_not_probed)
{
	w->params.asked_spare = false;
	fakeworld_restart(w);
	world_add_simple("a.test", "mx.a.test", A);
	fakeworld_ask(w, "a.test", REACH_ASKED);
	fakeworld_run(w, HOUR);
	fakeworld_ask(w, "a.test", REACH_ASKED);
	fakeworld_run(w, HOUR);
	ck_assert_uint_gt(w->questions, 2); // resolved, though
	ck_assert_uint_eq(w->probes, 0);
	fakeworld_ask(w, "a.test", REACH_WANTED);
	fakeworld_run(w, MINUTE);
	ck_assert_uint_eq(w->probes, 1);
	// What wanted ones use is used, and known to those asked, too.
	fakeworld_mx(w, "b.test", 10, "mx.a.test", -1);
	fakeworld_ask(w, "b.test", REACH_ASKED);
	fakeworld_run(w, MINUTE);
	assert_route(
	    fakeworld_ask(w, "b.test", REACH_ASKED), "direct", "all-reachable");
}
END_TEST

// -- least recently used ----------------------------------------------------

static void
script_null_mx(const char *name, struct answer_mx *out)
{
	(void)name;
	*out = (struct answer_mx){.ttl_s = 3600, .null_mx = true};
}

static void
fill(const char *prefix, int n, enum reach_interest interest)
{
	w->script.mx = script_null_mx;
	for (int i = 0; i < n; i += 100) {
		char name[32];
		for (int k = i; k < i + 100 && k < n; k++) {
			int len = snprintf(
			    name, sizeof(name), "%s%d.t", prefix, k);
			reach_lookup(
			    w->reach, name, (size_t)len, interest, w->now);
		}
		fakeworld_run(w, MINUTE + 5 * SECOND);
	}
}

static bool
knows(const char *prefix, int i)
{
	char name[32];
	snprintf(name, sizeof(name), "%s%d.t", prefix, i);
	return fakeworld_domain(w, name) != REACH_NONE;
}

START_TEST(test_domain_asked_beyond_a_quarter_goes_first)
{
	fill("w", 700, REACH_WANTED);
	fill("a", 300, REACH_ASKED); // younger, but beyond their quarter
	fill("v", 30, REACH_WANTED);
	for (int i = 0; i < 300; i++)
		ck_assert_msg(knows("a", i) == (i >= 30), "asked %d", i);
	for (int i = 0; i < 700; i++)
		ck_assert_msg(knows("w", i), "wanted %d", i);
	reach_check(w->reach);
}
END_TEST

START_TEST(test_domain_within_the_quarter_age_decides)
{
	fill("w", 900, REACH_WANTED);
	fill("a", 100, REACH_ASKED);
	fill("v", 50, REACH_WANTED);
	ck_assert(!knows("w", 0) && !knows("w", 49) && knows("w", 50));
	ck_assert(knows("a", 0));
	// Those that are looked up stay.
	for (int i = 0; i < 10; i++) {
		fakeworld_ask(w, "w50.t", REACH_ASKED);
		fill("u", 100, REACH_WANTED);
	}
	ck_assert(knows("w", 50) && !knows("w", 51));
	ck_assert_uint_eq(reach_stats(w->reach).domains, 1000);
	reach_check(w->reach);
}
END_TEST

// Those that somebody waits for, and those asked about just now, stay. When all
// are, there is no room, and a lookup says so.
START_TEST(test_domain_is_in_use)
{
	fill("w", 1000, REACH_WANTED);
	for (int i = 0; i < 1000; i++) {
		char name[32];
		snprintf(name, sizeof(name), "w%d.t", i);
		reach_hold(w->reach, fakeworld_domain(w, name));
	}
	ck_assert_uint_eq(
	    reach_lookup(w->reach, "new.t", 5, REACH_AWAITED, w->now),
	    REACH_NONE);
	assert_route(
	    fakeworld_ask(w, "new.t", REACH_WANTED), "direct", "unknown-yet");
	reach_release(w->reach, fakeworld_domain(w, "w500.t"));
	ck_assert_uint_ne(
	    reach_lookup(w->reach, "new.t", 5, REACH_AWAITED, w->now),
	    REACH_NONE);
	ck_assert(!knows("w", 500) && knows("w", 499) && knows("w", 501));
	reach_check(w->reach);
}
END_TEST

// However many questions there may be at once, and none is answered: strangers'
// names push out each other.
START_TEST(test_domain_resolving_pushes_no_mail_out)
{
	w->params.dns_concurrency = 10000;
	fakeworld_restart(w);
	fill("w", 500, REACH_WANTED);
	struct reach_due due;
	for (int i = 0; i < 5000; i++) {
		char name[32];
		int len = snprintf(name, sizeof(name), "s%d.t", i);
		reach_lookup(w->reach, name, (size_t)len, REACH_ASKED, w->now);
		while (reach_next(w->reach, w->now, &due))
			ck_assert_int_eq(due.kind, REACH_DUE_MX);
	}
	for (int i = 0; i < 500; i++)
		ck_assert_msg(knows("w", i), "wanted %d", i);
	ck_assert_uint_eq(reach_stats(w->reach).resolving, 250);
	reach_check(w->reach);
}
END_TEST

START_TEST(test_domain_resolving_is_in_use)
{
	struct reach_due due;
	reach_lookup(w->reach, "slow.t", 6, REACH_ASKED, w->now);
	ck_assert(reach_next(w->reach, w->now, &due));
	uint32_t id = due.id;
	fill("w", 5000, REACH_WANTED);
	ck_assert_uint_eq(fakeworld_domain(w, "slow.t"), id);
	ck_assert_str_eq(due.name, "slow.t"); // still borrowed
	struct answer_mx none = {.outcome = ANSWER_NXDOMAIN};
	reach_tell_mx(w->reach, id, &none, w->now);
	ck_assert_int_eq(mx_of("slow.t"), REACH_MX_NO_DOMAIN);
	fill("x", 1000, REACH_WANTED);
	ck_assert_uint_eq(fakeworld_domain(w, "slow.t"), REACH_NONE);
}
END_TEST

// A held domain moves from set to set with those who wait for it.
START_TEST(test_domain_held_while_its_mx_change)
{
	world_add_simple("a.test", "mx.a.test", A);
	answer_of("a.test")->ttl_s = 60;
	fakeworld_ask(w, "a.test", REACH_AWAITED);
	uint32_t id = fakeworld_domain(w, "a.test");
	reach_hold(w->reach, id);
	reach_hold(w->reach, id);
	fakeworld_run(w, MINUTE);
	reach_check(w->reach);
	fakeworld_mx(w, "a.test", 10, "mx2.a.test", -1);
	fakeworld_host(w, "mx2.a.test", "198.51.100.2", NULL);
	fakeworld_run(w, MINUTE);
	fakeworld_ask(w, "a.test", REACH_AWAITED);
	fakeworld_run(w, MINUTE);
	reach_check(w->reach);
	reach_release(w->reach, id);
	fakeworld_mx_fails(w, "a.test", ANSWER_NXDOMAIN);
	fakeworld_run(w, HOUR);
	fakeworld_ask(w, "a.test", REACH_AWAITED);
	fakeworld_run(w, MINUTE);
	reach_check(w->reach);
	reach_release(w->reach, id);
	reach_check(w->reach);
	ck_assert_uint_eq(reach_stats(w->reach).hosts, 0);
}
END_TEST

// -- random names by the million --------------------------------------------

static void
script_own_set(const char *name, struct answer_mx *out)
{
	*out = (struct answer_mx){.ttl_s = 60, .n = 2};
	out->mx[0].preference = 10;
	out->mx[1].preference = 20;
	snprintf(out->mx[0].host, DNAME_SIZE, "mx.%s", name);
	snprintf(out->mx[1].host, DNAME_SIZE, "backup.t");
}

static void
script_own_address(const char *name, int family, struct answer_addr *out)
{
	static uint32_t n;
	(void)name;
	*out = (struct answer_addr){.outcome = ANSWER_NODATA, .ttl_s = 60};
	if (family != AF_INET)
		return;
	uint32_t ip = htonl(0x0b000000 + n++ % 0xffffff);
	out->outcome = ANSWER_OK;
	out->n = 1;
	out->addr[0] = netaddr_from_bytes(AF_INET, &ip);
}

static enum outcome
script_timeout(const struct netaddr *to, int64_t *latency_ms)
{
	(void)to;
	*latency_ms = TIMEOUT_MS;
	return OUTCOME_CONNECT_TIMEOUT;
}

static void
ask_random_names(int n, uint32_t *seed)
{
	char name[32];
	for (int i = 0; i < n; i++) {
		*seed = *seed * 1664525 + 1013904223;
		int len = snprintf(
		    name, sizeof(name), "r%u.%d.t", *seed >> 6, i % 7);
		reach_lookup(w->reach, name, (size_t)len,
		    i % 5 == 0 ? REACH_WANTED : REACH_ASKED, w->now);
		if (i % 32 == 0)
			fakeworld_run(w, 40);
	}
}

// Memory and questions are bounded, and nothing leaks.
START_TEST(test_domain_random_names_are_bounded)
{
	uint32_t seed = 7;
	w->script = (struct fakeworld_script){
	    .mx = script_own_set,
	    .addr = script_own_address,
	    .probe = script_timeout,
	};
	w->dns_ms = 2000; // fewer are resolved than are asked for
	ask_random_names(100000, &seed);
	struct reach_stats before = reach_stats(w->reach);
	size_t bytes = mallinfo2().uordblks;
	reach_check(w->reach);
	ask_random_names(900000, &seed);
	struct reach_stats after = reach_stats(w->reach);
	reach_check(w->reach);
	ck_assert_uint_eq(before.domains, 1000);
	ck_assert_uint_eq(after.domains, 1000);
	ck_assert_uint_le(after.sets, 1000);
	ck_assert_uint_le(after.hosts, 1001 + 200);
	ck_assert_uint_le(after.endpoints, 1001 + 256);
	ck_assert_uint_le(after.resolving, 200);
	ck_assert_uint_le(after.probing, 256);
	if (bytes > 0) // not where the sanitizer's allocator does not say
		ck_assert_uint_le(mallinfo2().uordblks, bytes + bytes / 4);
}
END_TEST

// When the last domain of a set goes, so does all that it held.
START_TEST(test_domain_dropped_frees_what_it_used)
{
	uint32_t seed = 7;
	w->script = (struct fakeworld_script){
	    .mx = script_own_set,
	    .addr = script_own_address,
	};
	ask_random_names(500, &seed);
	fakeworld_run(w, HOUR);
	ck_assert_uint_gt(reach_stats(w->reach).sets, 100);
	w->script.mx = script_null_mx;
	fill("w", 3000, REACH_WANTED);
	fakeworld_run(w, HOUR);
	struct reach_stats s = reach_stats(w->reach);
	ck_assert_uint_eq(s.domains, 1000);
	ck_assert_uint_eq(s.sets, 0);
	ck_assert_uint_eq(s.hosts, 0);
	ck_assert_uint_eq(s.endpoints, 0);
	ck_assert_uint_eq(s.resolving, 0);
	ck_assert_uint_eq(s.probing, 0);
	reach_check(w->reach);
	for (int route = 0; route < ROUTE_COUNT; route++)
		ck_assert_uint_eq(plans_count(w->plans, (enum route)route), 0);
}
END_TEST

// -- no room for what strangers list ----------------------------------------

static void
script_many_hosts(const char *name, struct answer_mx *out)
{
	*out = (struct answer_mx){.ttl_s = 86400, .n = ANSWER_MX_MAX};
	if (name[0] == 'w') {
		*out = (struct answer_mx){.ttl_s = 86400, .null_mx = true};
		return;
	}
	for (unsigned i = 0; i < out->n; i++) {
		out->mx[i].preference = (uint16_t)i;
		snprintf(out->mx[i].host, DNAME_SIZE, "h%u.%s", i, name);
	}
}

static void
script_no_address(const char *name, int family, struct answer_addr *out)
{
	(void)name;
	(void)family;
	*out = (struct answer_addr){.outcome = ANSWER_NODATA};
}

// Names asked that list as many hosts as they can push each other out, never
// those that mail goes to.
START_TEST(test_domain_make_room)
{
	w->params.max_domains = 8000;
	fakeworld_restart(w);
	fill("w", 1000, REACH_WANTED);
	w->script.mx = script_many_hosts;
	w->script.addr = script_no_address;
	for (int i = 0; i < 1400; i++) {
		char name[32];
		int len = snprintf(name, sizeof(name), "bad%d.t", i);
		reach_lookup(w->reach, name, (size_t)len, REACH_ASKED, w->now);
		fakeworld_run(w, 200);
	}
	for (int i = 0; i < 1000; i++)
		ck_assert_msg(knows("w", i), "wanted %d", i);
	struct reach_stats s = reach_stats(w->reach);
	ck_assert_uint_le(s.hosts, 8000 * 2 + (1 << 16));
	ck_assert_uint_gt(s.hosts, 8000 * 2);
	// The next finds room, if only when it is asked about again.
	fakeworld_ask(w, "bad9999.t", REACH_WANTED);
	fakeworld_run(w, 10 * SECOND);
	fakeworld_ask(w, "bad9999.t", REACH_WANTED);
	fakeworld_run(w, 10 * SECOND);
	ck_assert_int_eq(mx_of("bad9999.t"), REACH_MX_SET);
	reach_check(w->reach);
}
END_TEST

// A dozen answers in one turn of the loop that find no room: what one dropped
// is room for all of them, once it is free.
START_TEST(test_domain_make_room_once)
{
	struct reach_due due[12];
	struct answer_mx answer;
	unsigned n = 0;
	w->params.max_domains = 8000;
	fakeworld_restart(w);
	w->script.mx = script_many_hosts;
	w->script.addr = script_no_address;
	char name[32];
	for (int i = 0; i < 1400; i++) {
		int len = snprintf(name, sizeof(name), "bad%d.t", i);
		reach_lookup(w->reach, name, (size_t)len, REACH_ASKED, w->now);
		fakeworld_run(w, 200);
	}
	while (w->reach->hosts.used + ANSWER_MX_MAX <= w->reach->hosts.max) {
		int len = snprintf(name, sizeof(name), "more%u.t", n++);
		reach_lookup(w->reach, name, (size_t)len, REACH_ASKED, w->now);
		fakeworld_run(w, 200);
	}
	fakeworld_run(w, MINUTE);
	for (n = 0; n < 12; n++) {
		int len = snprintf(name, sizeof(name), "late%u.t", n);
		reach_lookup(w->reach, name, (size_t)len, REACH_WANTED, w->now);
		ck_assert(reach_next(w->reach, w->now, &due[n]));
		ck_assert_int_eq(due[n].kind, REACH_DUE_MX);
	}
	uint32_t before = reach_stats(w->reach).domains;
	for (n = 0; n < 12; n++) {
		script_many_hosts(due[n].name, &answer);
		reach_tell_mx(w->reach, due[n].id, &answer, w->now);
	}
	ck_assert_uint_lt(reach_stats(w->reach).domains, before);
	ck_assert_uint_ge(reach_stats(w->reach).domains + 64, before);
	reach_check(w->reach);
}
END_TEST

// -- tags -------------------------------------------------------------------

START_TEST(test_domain_tag_goes_stale_with_the_mx)
{
	world_add_simple("a.test", "mx.a.test", A);
	answer_of("a.test")->ttl_s = 60;
	fakeworld_ask(w, "a.test", REACH_WANTED);
	fakeworld_run(w, SECOND);
	uint32_t id = fakeworld_domain(w, "a.test");
	struct reach_tag tag = {.plan = 9, .generation = 70000, .mark = 3};
	reach_set_domain_tag(w->reach, id, tag);
	fakeworld_run(w, MINUTE);
	reach_lookup(w->reach, "a.test", 6, REACH_ASKED, w->now);
	fakeworld_run(w, SECOND); // the same again
	tag = reach_domain_tag(w->reach, id);
	ck_assert_uint_eq(tag.plan, 9);
	ck_assert_uint_eq(tag.generation, 70000);
	ck_assert_uint_eq(tag.mark, 3);
	fakeworld_mx(w, "a.test", 10, "mx.other.test", -1);
	fakeworld_host(w, "mx.other.test", A, NULL);
	fakeworld_run(w, 3600 * SECOND);
	reach_lookup(w->reach, "a.test", 6, REACH_ASKED, w->now);
	fakeworld_run(w, SECOND);
	tag = reach_domain_tag(w->reach, id);
	ck_assert_uint_eq(tag.generation, 0);
	ck_assert_uint_eq(tag.mark, 3);
}
END_TEST

START_TEST(test_domain_names_are_told_apart)
{
	fakeworld_mx(w, "a.test", -1);
	fakeworld_ask(w, "a.test", REACH_ASKED);
	ck_assert_uint_eq(fakeworld_domain(w, "a.tes"), REACH_NONE);
	ck_assert_uint_eq(fakeworld_domain(w, "a.testx"), REACH_NONE);
	uint32_t id = fakeworld_domain(w, "a.test");
	ck_assert_str_eq(reach_domain_name(w->reach, id), "a.test");
	// A name is as long as it is said to be.
	ck_assert_uint_eq(reach_find_domain(w->reach, "a.test.more", 6), id);
	// reach_find_domain() has no effect.
	ck_assert_uint_eq(reach_stats(w->reach).domains, 1);
}
END_TEST

static Suite *
domain_suite(void)
{
	Suite *s = suite_create("domain");
	TCase *tc = tcase_create("tables");
	tcase_add_checked_fixture(tc, world_setup, world_teardown);
	tcase_add_loop_test(
	    tc, test_domain_answer, 0, sizeof(answers) / sizeof(*answers));
	tcase_add_loop_test(tc, test_domain_mx_without_usable_address, 0, 2);
	tcase_add_loop_test(tc, test_domain_definite_answer_replaces, 0, 2);
	tcase_add_loop_test(tc, test_domain_ttl_is_clamped, 0, 9);
	tcase_add_loop_test(tc, test_domain_asked_twice_within_a_minute, 0, 8);
	suite_add_tcase(s, tc);
	add_world_case(s, "answers", test_domain_implicit_mx,
	    test_domain_failure_keeps_what_is_known, test_domain_is_resolving,
	    test_domain_addresses_are_resolving, test_domain_is_beyond_stale,
	    test_domain_is_long_silent, test_domain_retry_backoff,
	    test_domain_refresh_only_by_lookups,
	    test_domain_one_question_in_flight,
	    test_domain_tag_goes_stale_with_the_mx,
	    test_domain_names_are_told_apart);
	add_world_case(s, "interest", test_domain_wanted_before_asked,
	    test_domain_awaited_goes_first, test_domain_raised_while_queued,
	    test_domain_asked_uses_spare_capacity_only,
	    test_domain_asked_never_is_not_probed);
	add_world_case(s, "memory",
	    test_domain_asked_beyond_a_quarter_goes_first,
	    test_domain_within_the_quarter_age_decides, test_domain_is_in_use,
	    test_domain_resolving_is_in_use,
	    test_domain_resolving_pushes_no_mail_out,
	    test_domain_held_while_its_mx_change,
	    test_domain_dropped_frees_what_it_used, test_domain_make_room,
	    test_domain_make_room_once);
	tc = tcase_create("flood");
	tcase_add_checked_fixture(tc, world_setup, world_teardown);
	tcase_set_timeout(tc, 120); // under valgrind
	tcase_add_test(tc, test_domain_random_names_are_bounded);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(domain_suite());
}
