// SPDX-License-Identifier: MIT
// Plans: the route of each domain, its replies, what changed, what is filtered.
#include "route/plan.h"

#include "route/render.h"
#include "unit.h"
#include "world.h"

#include <stdio.h>

#define A "198.51.100.1"
#define B "198.51.100.2"

static struct route_view
ask(const char *name)
{
	return fakeworld_ask(w, name, REACH_ASKED);
}

// Two hosts; whether each is blocked.
static void
add_two(const char *domain, bool first_blocked, bool second_blocked)
{
	fakeworld_mx(w, domain, 10, "mx1.x.test", 20, "mx2.x.test", -1);
	fakeworld_host(w, "mx1.x.test", A, NULL);
	fakeworld_host(w, "mx2.x.test", B, NULL);
	if (first_blocked)
		world_block(A);
	if (second_blocked)
		world_block(B);
}

#define HELD		 "mail to this domain is held for now: no relay can be reached"
#define HELD_TRANSPORT	 "OK retry:4.4.1 " HELD
#define HELD_MAILERTABLE "OK error:4.4.1:451 " HELD

// -- replies ----------------------------------------------------------------

START_TEST(test_plan_replies)
{
	static const struct {
		bool first, second;
		const char *conf;
		bool relay_down;
		const char *route, *reason, *via, *transport, *mailertable;
	} row[] = {
	    {false, false, "", false, "direct", "all-reachable", NULL,
		RENDER_NOTFOUND, RENDER_NOTFOUND},
	    {false, true, "", false, "direct", "best-reachable", NULL,
		RENDER_NOTFOUND, RENDER_NOTFOUND},
	    {true, false, "", false, "steer", "some-reachable", NULL,
		"OK :[mx2.x.test]", "OK esmtp:[mx2.x.test]"},
	    {true, false, "direct={steer=\"dnsfilter\";};", false, "steer",
		"some-reachable", NULL, RENDER_NOTFOUND,
		"OK esmtp:[mx2.x.test]"},
	    {true, false, "direct={steer=\"off\";};", false, "direct",
		"some-reachable", NULL, RENDER_NOTFOUND, RENDER_NOTFOUND},
	    {true, true, "", false, "relay", "none-reachable", "us1",
		"OK detour:[192.0.2.1]:587", "OK relay:[192.0.2.1]"},
	    {true, true, "", true, "hold", "no-relay", NULL, RENDER_NOTFOUND,
		RENDER_NOTFOUND},
	    {true, true, "hold_answer=\"retry\";", true, "hold", "no-relay",
		NULL, HELD_TRANSPORT, HELD_MAILERTABLE},
	};
	struct relays_due due;
	struct relays_change change;
	fakeworld_configure(w, row[_i].conf);
	add_two("x.test", row[_i].first, row[_i].second);
	fakeworld_settle(w, "x.test");
	for (int i = 0; row[_i].relay_down && i < 2; i++) {
		w->now += 15000;
		ck_assert(relays_next(w->relays, w->now, &due));
		relays_tell_probe(w->relays, 0,
		    &(struct relays_heard){OUTCOME_CONNECT_TIMEOUT, 0}, w->now,
		    &change);
	}
	struct route_view v = ask("x.test");
	assert_route(v, row[_i].route, row[_i].reason);
	ck_assert_str_eq(v.transport, row[_i].transport);
	ck_assert_str_eq(v.mailertable, row[_i].mailertable);
	ck_assert_pstr_eq(v.via, row[_i].via);
	ck_assert_str_eq(v.rule, "");
	ck_assert(v.known);
}
END_TEST

START_TEST(test_plan_outside_the_memory)
{
	assert_route(plans_bad_name(), "direct", "bad-name");
	struct route_view ours;
	static const char *const names[] = {"mail.isp.test"};
	w->params.self_names = names;
	w->params.n_self_names = 1;
	fakeworld_restart(w);
	fakeworld_configure(w, "self={local_domains=[\"*.isp.test\"];};");
	ck_assert(plans_is_ours(w->plans, "a.isp.test", &ours));
	assert_route(ours, "direct", "local");
	fakeworld_configure(w, "");
	ck_assert(plans_is_ours(w->plans, "mail.isp.test", &ours));
	assert_route(ours, "direct", "self");
	ck_assert(ours.known);
	ck_assert(!plans_is_ours(w->plans, "a.mail.isp.test", &ours));
	ck_assert(!plans_is_ours(w->plans, "isp.test", &ours));
	assert_route(plans_local(), "direct", "local");
	ck_assert_str_eq(plans_local().transport, RENDER_NOTFOUND);
	assert_route(plans_cold(w->plans, 1), "direct", "unknown-yet");
	fakeworld_configure(w, "cache={cold=\"relay\";};");
	struct route_view v = plans_cold(w->plans, 1);
	assert_route(v, "relay", "unknown-yet");
	ck_assert_str_eq(v.via, "us1");
	fakeworld_configure(w, "cache={cold=\"hold\";};hold_answer=\"retry\";");
	v = plans_cold(w->plans, 1);
	assert_route(v, "hold", "unknown-yet");
	ck_assert_str_eq(v.transport,
	    "OK retry:4.4.1 mail to this domain is held for now: its mail "
	    "exchangers are not known");
}
END_TEST

START_TEST(test_plan_steer_rotates_by_domain)
{
	unsigned seen[4] = {0};
	char name[32];
	fakeworld_host(w, "mx0.x.test", A, NULL);
	world_block(A);
	for (int i = 1; i <= 3; i++) {
		char address[32];
		snprintf(name, sizeof(name), "mx%d.x.test", i);
		snprintf(address, sizeof(address), "203.0.113.%d", i);
		fakeworld_host(w, name, address, NULL);
	}
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "d%d.test", i);
		fakeworld_mx(w, name, 1, "mx0.x.test", 5, "mx1.x.test", 5,
		    "mx2.x.test", 5, "mx3.x.test", -1);
		fakeworld_ask(w, name, REACH_WANTED);
	}
	fakeworld_run(w, MINUTE);
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "d%d.test", i);
		struct route_view v = ask(name);
		assert_route(v, "steer", "some-reachable");
		seen[v.transport[7] - '0']++;
		// The same every time.
		ck_assert_ptr_eq(ask(name).transport, v.transport);
	}
	for (int i = 1; i <= 3; i++)
		ck_assert_uint_gt(seen[i], 5);
}
END_TEST

// -- rules ------------------------------------------------------------------

START_TEST(test_plan_order_of_rules)
{
	static const struct {
		const char *rules;
		bool mx_known;
		const char *route, *reason;
		bool known;
	} row[] = {
	    {"{name=\"r\";domain=[\"x.test\"];route=\"relay\";}", true, "relay",
		"rule:r", true},
	    {"{name=\"r\";domain=[\"x.test\"];route=\"relay\";}", false,
		"relay", "rule:r", true},
	    {"{domain=[\"*.test\"];route=\"relay\";}", true, "relay", "rule:#1",
		true},
	    // it could be ourselves
	    {"{domain=[\"*.test\"];route=\"relay\";}", false, "direct",
		"unknown-yet", false},
	    {"{domain=[\"*\"];route=\"hold\";}", false, "direct", "unknown-yet",
		false},
	    {"{domain=[\"*\"];route=\"direct\";}", false, "direct", "rule:#1",
		true},
	    {"{domain=[\"*\"];route=\"hold\";}", true, "hold", "rule:#1", true},
	    {"{mx=[\"*.x.test\"];route=\"relay\";}", true, "relay", "rule:#1",
		true},
	    {"{mx=[\"*.x.test\"];route=\"direct\";}", false, "direct",
		"unknown-yet", false},
	    {"{mx=[\"*.y.test\"];route=\"relay\";}", true, "direct",
		"all-reachable", true},
	    {"{domain=[\"x.test\"];mx=[\"*.y.test\"];route=\"relay\";}", true,
		"direct", "all-reachable", true},
	    // the first that matches, also when it leaves it to measurement
	    {"{domain=[\"x.test\"];route=\"auto\";},"
	     "{domain=[\"*\"];route=\"relay\";}",
		true, "direct", "all-reachable", true},
	    {"{mx=[\"*.x.test\"];route=\"hold\";},"
	     "{domain=[\"x.test\"];route=\"relay\";}",
		true, "hold", "rule:#1", true},
	};
	char text[512];
	snprintf(text, sizeof(text), "rules=(%s);", row[_i].rules);
	fakeworld_configure(w, text);
	add_two("x.test", false, false);
	struct route_view v = row[_i].mx_known ? fakeworld_settle(w, "x.test")
					       : ask("x.test");
	char reason[REASON_TEXT_MAX];
	reason_format(v.reason, v.rule, reason);
	ck_assert_msg(strcmp(route_name(v.route), row[_i].route) == 0 &&
			  strcmp(reason, row[_i].reason) == 0 &&
			  v.known == row[_i].known,
	    "row %d: %s %s known=%d", _i, route_name(v.route), reason, v.known);
}
END_TEST

// Domains of one set under different rules; and one rule's relays.
START_TEST(test_plan_one_set_many_rules)
{
	fakeworld_configure(w,
	    "relays=({name=\"us1\";nexthop=\"[192.0.2.1]\";},"
	    "{name=\"eu1\";nexthop=\"[192.0.2.2]\";priority=2;});"
	    "rules=({name=\"eu\";domain=[\"a.test\",\"b.test\"];"
	    "relays=[\"eu1\"];},"
	    "{name=\"no\";domain=[\"c.test\"];route=\"direct\";},"
	    "{name=\"yes\";domain=[\"d.test\"];route=\"relay\";"
	    "relays=[\"eu1\"];});");
	static const char *const names[] = {
	    "a.test", "b.test", "c.test", "d.test", "e.test"};
	for (int i = 0; i < 5; i++) {
		add_two(names[i], true, true);
		fakeworld_settle(w, names[i]);
	}
	ck_assert_uint_eq(reach_stats(w->reach).sets, 1);
	assert_route(ask("a.test"), "relay", "none-reachable");
	ck_assert_str_eq(ask("a.test").via, "eu1");
	ck_assert_str_eq(ask("b.test").via, "eu1");
	assert_route(ask("c.test"), "direct", "rule:no");
	ck_assert_str_eq(ask("c.test").rule, "no");
	assert_route(ask("d.test"), "relay", "rule:yes");
	ck_assert_str_eq(ask("d.test").via, "eu1");
	assert_route(ask("e.test"), "relay", "none-reachable");
	ck_assert_str_eq(ask("e.test").via, "us1");
	// Measurement alone is what is counted.
	ck_assert_uint_eq(plans_count(w->plans, ROUTE_RELAY), 1);
	ck_assert_uint_eq(plans_count(w->plans, ROUTE_DIRECT), 0);
}
END_TEST

// -- transitions and changes ------------------------------------------------

START_TEST(test_plan_transitions_once)
{
	add_two("x.test", true, true);
	fakeworld_ask(w, "x.test", REACH_WANTED);
	fakeworld_run(w, 3 * MINUTE);
	unsigned transitions = 0;
	for (unsigned i = 0; i < w->n_log; i++) {
		if (w->log[i].change.kind != REACH_CHANGE_SET)
			continue;
		transitions++;
		ck_assert_int_eq(w->log[i].transition.old_route, ROUTE_DIRECT);
		ck_assert_int_eq(w->log[i].transition.new_route, ROUTE_RELAY);
		ck_assert_int_eq(
		    w->log[i].transition.reason, REASON_NONE_REACHABLE);
	}
	ck_assert_uint_eq(transitions, 1);
	ck_assert_uint_eq(plans_count(w->plans, ROUTE_RELAY), 1);
	int64_t since = ask("x.test").since;
	ck_assert_int_gt(since, w->now - 3 * MINUTE);
	ck_assert_int_lt(since, w->now - 2 * MINUTE);
	w->n_log = 0;
	world_unblock(B);
	fakeworld_run(w, 11 * MINUTE);
	ck_assert_uint_eq(w->n_log, 2); // the endpoint, and the set
	ck_assert_int_eq(w->log[0].change.kind, REACH_CHANGE_ENDPOINT);
	ck_assert_uint_eq(w->log[0].change.sets, 1);
	ck_assert_uint_eq(w->log[0].change.domains, 1);
	ck_assert_int_eq(w->log[1].transition.old_route, ROUTE_RELAY);
	ck_assert_int_eq(w->log[1].transition.new_route, ROUTE_STEER);
	ck_assert_int_eq(ask("x.test").since, w->log[1].at);
}
END_TEST

// A set that is direct from the start makes none, nor does what is only assumed
// while nothing is known.
START_TEST(test_plan_no_transition_without_measurement)
{
	fakeworld_configure(w, "cache={cold=\"hold\";};");
	add_two("x.test", false, false);
	assert_route(
	    fakeworld_ask(w, "x.test", REACH_WANTED), "hold", "unknown-yet");
	fakeworld_run(w, MINUTE);
	assert_route(ask("x.test"), "direct", "all-reachable");
	for (unsigned i = 0; i < w->n_log; i++)
		ck_assert_int_eq(w->log[i].change.kind, REACH_CHANGE_ENDPOINT);
}
END_TEST

static void
set_ttl(uint32_t ttl_s)
{
	for (unsigned i = 0; i < w->n_mx; i++)
		w->mx[i].answer.ttl_s = ttl_s;
}

START_TEST(test_plan_change_not_on_first_knowledge)
{
	add_two("x.test", true, true);
	ck_assert(!fakeworld_ask(w, "x.test", REACH_WANTED).changed);
	for (int i = 0; i < 1000; i++) {
		fakeworld_run(w, 100);
		ck_assert(!ask("x.test").changed);
	}
	assert_route(ask("x.test"), "relay", "none-reachable");
	// Nor by measurement later on.
	world_unblock(A);
	world_unblock(B);
	fakeworld_run(w, 11 * MINUTE);
	struct route_view v = ask("x.test");
	assert_route(v, "direct", "all-reachable");
	ck_assert(!v.changed);
}
END_TEST

START_TEST(test_plan_change_of_mx)
{
	add_two("x.test", true, true);
	set_ttl(60);
	fakeworld_settle(w, "x.test");
	ck_assert(!ask("x.test").changed);
	fakeworld_run(w, 1000); // what is in flight
	fakeworld_mx_fails(w, "x.test", ANSWER_NXDOMAIN);
	fakeworld_run(w, 2 * MINUTE);
	struct route_view v = ask("x.test");
	assert_route(v, "relay", "none-reachable");
	ck_assert(!v.changed);
	fakeworld_run(w, 1000);
	v = ask("x.test");
	assert_route(v, "direct", "no-domain");
	ck_assert(v.changed);
	ck_assert_int_eq(v.old, ROUTE_RELAY);
	ck_assert(!ask("x.test").changed); // told once
	// To others with the same route: none.
	fakeworld_mx(w, "x.test", 10, "mx9.x.test", -1);
	fakeworld_host(w, "mx9.x.test", "203.0.113.9", NULL);
	fakeworld_run(w, 6 * MINUTE);
	ask("x.test");
	fakeworld_run(w, MINUTE);
	v = ask("x.test");
	assert_route(v, "direct", "all-reachable");
	ck_assert(!v.changed);
}
END_TEST

// A route that ends because the DNS failed, or was awaited: its MX are the
// same.
START_TEST(test_plan_change_by_dns_failure)
{
	add_two("x.test", true, true);
	set_ttl(60);
	w->params.stale_ms = 60 * MINUTE;
	fakeworld_restart(w);
	fakeworld_settle(w, "x.test");
	ask("x.test");
	fakeworld_mx_fails(w, "x.test", ANSWER_SERVFAIL);
	struct route_view v = ask("x.test");
	for (int i = 0; i < 120 && !v.changed; i++) {
		fakeworld_run(w, MINUTE);
		v = ask("x.test");
	}
	assert_route(v, "direct", "dns-failure");
	ck_assert(v.changed && !v.mx_changed);
	ck_assert_int_eq(v.old, ROUTE_RELAY);
	fakeworld_mx(w, "x.test", 10, "mx1.x.test", 20, "mx2.x.test", -1);
	for (int i = 0; i < 20 && v.reason == REASON_DNS_FAILURE; i++) {
		fakeworld_run(w, MINUTE);
		v = ask("x.test");
	}
	assert_route(v, "relay", "none-reachable");
	ck_assert(v.changed && !v.mx_changed);
}
END_TEST

START_TEST(test_plan_change_on_reload)
{
	add_two("x.test", true, true);
	add_two("y.test", true, true);
	fakeworld_settle(w, "x.test");
	fakeworld_settle(w, "y.test");
	fakeworld_configure(
	    w, "rules=({name=\"r\";domain=[\"x.test\"];route=\"direct\";});");
	fakeworld_run(w, 1000);
	struct route_view v = ask("x.test");
	assert_route(v, "direct", "rule:r");
	ck_assert(v.changed);
	ck_assert_int_eq(v.old, ROUTE_RELAY);
	ck_assert(!ask("x.test").changed);
	ck_assert(!ask("y.test").changed);
	fakeworld_configure(w, "");
	v = ask("x.test");
	assert_route(v, "relay", "none-reachable");
	ck_assert(v.changed);
	ck_assert_int_eq(v.old, ROUTE_DIRECT);
	// Rules by another index, and replies by another mailer.
	fakeworld_configure(w,
	    "rules=({domain=[\"z.test\"];},"
	    "{name=\"q\";domain=[\"x.test\"];route=\"hold\";});");
	assert_route(ask("x.test"), "hold", "rule:q");
	assert_route(ask("y.test"), "relay", "none-reachable");
}
END_TEST

// What measurement changed before a reload is no news of the reload's.
START_TEST(test_plan_no_change_by_measurement)
{
	add_two("x.test", false, false);
	assert_route(fakeworld_settle(w, "x.test"), "direct", "all-reachable");
	world_block(A);
	world_block(B);
	for (int i = 0; i < 60; i++)
		fakeworld_run(w, MINUTE);
	fakeworld_configure(w, "");
	fakeworld_run(w, 1000);
	struct route_view v = ask("x.test");
	assert_route(v, "relay", "none-reachable");
	ck_assert(!v.changed);
}
END_TEST

// A domain without a set is placed anew, too.
START_TEST(test_plan_change_on_reload_without_a_set)
{
	fakeworld_mx_fails(w, "x.test", ANSWER_SERVFAIL);
	fakeworld_settle(w, "x.test");
	assert_route(ask("x.test"), "direct", "dns-failure");
	fakeworld_configure(
	    w, "rules=({name=\"r\";domain=[\"x.test\"];route=\"hold\";});");
	struct route_view v = ask("x.test");
	assert_route(v, "hold", "rule:r");
	ck_assert(v.changed);
	fakeworld_configure(w, "dns={on_failure=\"relay\";};");
	v = ask("x.test");
	assert_route(v, "relay", "dns-failure");
	ck_assert_str_eq(v.via, "us1");
}
END_TEST

// After a reload the figures are right whether anybody asks or not.
START_TEST(test_plan_reload_counts_anew)
{
	add_two("x.test", false, false);
	fakeworld_peer(w, A, OUTCOME_CONNECT_REFUSED, 10);
	fakeworld_peer(w, B, OUTCOME_CONNECT_REFUSED, 10);
	fakeworld_settle(w, "x.test");
	ck_assert_uint_eq(plans_count(w->plans, ROUTE_DIRECT), 1);
	w->n_log = 0;
	fakeworld_configure(w, "relay_refused=true;");
	fakeworld_run(w, 1000);
	ck_assert_uint_eq(plans_count(w->plans, ROUTE_DIRECT), 0);
	ck_assert_uint_eq(plans_count(w->plans, ROUTE_RELAY), 1);
	ck_assert_uint_eq(w->n_log, 1);
	ck_assert_int_eq(w->log[0].transition.reason, REASON_NONE_REACHABLE);
	assert_route(ask("x.test"), "relay", "none-reachable");
}
END_TEST

// Of a measured route the age goes on; what a rule says begins with the reload.
START_TEST(test_plan_reload_keeps_the_age)
{
	static const char automatic[] =
	    "rules=({mx=[\"*.x.test\"];route=\"auto\";});";
	add_two("x.test", true, true);
	fakeworld_settle(w, "x.test");
	int64_t since = ask("x.test").since;
	ck_assert_int_gt(since, 0);
	fakeworld_run(w, MINUTE);
	for (int i = 0; i < 3; i++) {
		fakeworld_configure(w, automatic);
		fakeworld_run(w, MINUTE);
		assert_route(ask("x.test"), "relay", "none-reachable");
		ck_assert_int_eq(ask("x.test").since, since);
	}
	fakeworld_configure(
	    w, "rules=({name=\"r\";mx=[\"*.x.test\"];route=\"relay\";});");
	assert_route(ask("x.test"), "relay", "rule:r");
	ck_assert_int_eq(ask("x.test").since, w->now);
	fakeworld_configure(w, "");
	assert_route(ask("x.test"), "relay", "none-reachable");
	ck_assert_int_eq(ask("x.test").since, since);
}
END_TEST

// Steer replies are those of the configuration in use.
START_TEST(test_plan_reload_renders_anew)
{
	add_two("x.test", true, false);
	fakeworld_settle(w, "x.test");
	ck_assert_str_eq(ask("x.test").mailertable, "OK esmtp:[mx2.x.test]");
	fakeworld_configure(w, "direct={mailer=\"dsmtp\";};");
	ck_assert_str_eq(ask("x.test").mailertable, "OK dsmtp:[mx2.x.test]");
}
END_TEST

START_TEST(test_plan_many_reloads)
{
	char text[128];
	add_two("x.test", true, true);
	add_two("y.test", true, true);
	fakeworld_settle(w, "x.test");
	fakeworld_settle(w, "y.test");
	for (int i = 0; i < 300; i++) {
		snprintf(text, sizeof(text),
		    "rules=({name=\"r%d\";domain=[\"%s\"];route=\"hold\";});",
		    i, i % 2 == 0 ? "x.test" : "*.test");
		fakeworld_configure(w, text);
		struct route_view v = ask("x.test");
		ck_assert_int_eq(v.reason, REASON_RULE);
		ck_assert_int_eq(atoi(v.rule + 1), i);
		v = ask("y.test");
		ck_assert(v.reason ==
			  (i % 2 == 0 ? REASON_NONE_REACHABLE : REASON_RULE));
		if (i % 7 == 0)
			fakeworld_run(w, MINUTE);
	}
	ck_assert_uint_eq(plans_count(w->plans, ROUTE_RELAY), 1);
}
END_TEST

// Down by refusal, on its way up again: it is no more blocked than before.
START_TEST(test_plan_refused_stays_direct_while_it_recovers)
{
	world_add_simple("x.test", "mx.x.test", A);
	fakeworld_peer(w, A, OUTCOME_CONNECT_REFUSED, 10);
	assert_route(fakeworld_settle(w, "x.test"), "direct", "refused-only");
	w->n_log = 0;
	world_unblock(A);
	for (int i = 0; i < 15 * 60; i++) {
		struct route_view v = ask("x.test");
		ck_assert_int_eq(v.route, ROUTE_DIRECT);
		fakeworld_run(w, 1000);
	}
	assert_route(ask("x.test"), "direct", "all-reachable");
	for (unsigned i = 0; i < w->n_log; i++)
		ck_assert_int_eq(w->log[i].change.kind, REACH_CHANGE_ENDPOINT);
}
END_TEST

// -- the DNS filter ---------------------------------------------------------

static const struct {
	const char *what;
	const char *conf;
	const char *owner, *address;
	enum outcome first, second; // of mx1's and mx2's addresses
	bool want;
} filtered[] = {
    {"dead, and another is up", "", "mx1.x.test", A, OUTCOME_CONNECT_TIMEOUT,
	OUTCOME_EHLO, true},
    {"a dead backup", "", "mx2.x.test", B, OUTCOME_EHLO, OUTCOME_CONNECT_RESET,
	true},
    {"up", "", "mx2.x.test", B, OUTCOME_CONNECT_TIMEOUT, OUTCOME_EHLO, false},
    {"all up", "", "mx1.x.test", A, OUTCOME_EHLO, OUTCOME_EHLO, false},
    {"none up", "", "mx1.x.test", A, OUTCOME_CONNECT_TIMEOUT,
	OUTCOME_CONNECT_TIMEOUT, false},
    {"none up", "direct={filter_all=true;};", "mx1.x.test", A,
	OUTCOME_CONNECT_TIMEOUT, OUTCOME_CONNECT_TIMEOUT, true},
    {"refused", "", "mx1.x.test", A, OUTCOME_CONNECT_REFUSED, OUTCOME_EHLO,
	false},
    {"refused", "relay_refused=true;", "mx1.x.test", A, OUTCOME_CONNECT_REFUSED,
	OUTCOME_EHLO, true},
    {"not probed", "", "mx1.x.test", A, OUTCOME_LOCAL_ERROR, OUTCOME_EHLO,
	false},
    {"no route", "", "mx1.x.test", A, OUTCOME_NO_ROUTE, OUTCOME_EHLO, false},
    {"another name", "", "mx3.x.test", A, OUTCOME_CONNECT_TIMEOUT, OUTCOME_EHLO,
	false},
    {"another address", "", "mx1.x.test", B, OUTCOME_CONNECT_TIMEOUT,
	OUTCOME_EHLO, false},
    {"an address never heard of", "", "mx1.x.test", "203.0.113.200",
	OUTCOME_CONNECT_TIMEOUT, OUTCOME_EHLO, false},
    {"the same with nexthop", "direct={steer=\"nexthop\";};", "mx1.x.test", A,
	OUTCOME_CONNECT_TIMEOUT, OUTCOME_EHLO, true},
    {"the same with dnsfilter", "direct={steer=\"dnsfilter\";};", "mx1.x.test",
	A, OUTCOME_CONNECT_TIMEOUT, OUTCOME_EHLO, true},
    {"off", "direct={steer=\"off\";};", "mx1.x.test", A,
	OUTCOME_CONNECT_TIMEOUT, OUTCOME_EHLO, false},
    {"spared by mx", "rules=({mx=[\"*.x.test\"];route=\"direct\";});",
	"mx1.x.test", A, OUTCOME_CONNECT_TIMEOUT, OUTCOME_EHLO, false},
    {"spared by *", "rules=({domain=[\"*\"];route=\"direct\";});", "mx1.x.test",
	A, OUTCOME_CONNECT_TIMEOUT, OUTCOME_EHLO, false},
    {"not by domain", "rules=({domain=[\"x.test\"];route=\"direct\";});",
	"mx1.x.test", A, OUTCOME_CONNECT_TIMEOUT, OUTCOME_EHLO, true},
    {"not by another route", "rules=({mx=[\"*.x.test\"];route=\"relay\";});",
	"mx1.x.test", A, OUTCOME_CONNECT_TIMEOUT, OUTCOME_EHLO, true},
    {"a relay's address", "relays=({nexthop=\"[198.51.100.1]:587\";});",
	"mx1.x.test", A, OUTCOME_CONNECT_TIMEOUT, OUTCOME_EHLO, false},
    {"a relay's name", "relays=({nexthop=\"[mx1.x.test]:587\";});",
	"mx1.x.test", A, OUTCOME_CONNECT_TIMEOUT, OUTCOME_EHLO, false},
};

START_TEST(test_plan_filter)
{
	struct netaddr a;
	fakeworld_configure(w, filtered[_i].conf);
	add_two("x.test", false, false);
	fakeworld_peer(w, A, filtered[_i].first, 10);
	fakeworld_peer(w, B, filtered[_i].second, 10);
	fakeworld_settle(w, "x.test");
	ck_assert(netaddr_parse(filtered[_i].address, &a));
	a.port = 53; // no matter
	ck_assert_msg(
	    plans_filter(w->plans, filtered[_i].owner, &a) == filtered[_i].want,
	    "row %d: %s", _i, filtered[_i].what);
}
END_TEST

// A rule by mx that spares one of the hosts of a record spares the record, in
// whatever order they were learnt.
START_TEST(test_plan_filter_spares_any_alias)
{
	static const char *const alias[] = {"alias.keep.test", "alias2.test"};
	struct netaddr a;
	fakeworld_configure(w,
	    "direct={filter_all=true;};"
	    "rules=({mx=[\"alias.keep.test\"];route=\"direct\";});");
	world_block(A);
	for (int i = 0; i < 2; i++) {
		char domain[32];
		const char *host = alias[(i + _i) % 2];
		snprintf(domain, sizeof(domain), "d%d.test", i);
		fakeworld_mx(w, domain, 10, host, -1);
		fakeworld_host(w, host, A, NULL);
		for (unsigned k = 0; k < w->n_addr; k++)
			strcpy(w->addr[k].answer.canonical, "real.q.test");
		fakeworld_settle(w, domain);
	}
	ck_assert(netaddr_parse(A, &a));
	ck_assert(!plans_filter(w->plans, "real.q.test", &a));
	ck_assert(plans_filter(w->plans, "alias2.test", &a));
}
END_TEST

// "dN.test" lists "hN.test", an alias of "real.q.test".
static void
alias_mx(const char *name, struct answer_mx *out)
{
	*out = (struct answer_mx){.ttl_s = 86400, .n = 1};
	snprintf(out->mx[0].host, sizeof(out->mx[0].host), "h%s", name + 1);
}

static void
alias_addr(const char *name, int family, struct answer_addr *out)
{
	(void)name;
	*out = (struct answer_addr){.outcome = ANSWER_NODATA};
	if (family != AF_INET)
		return;
	out->outcome = ANSWER_OK;
	out->ttl_s = 86400;
	out->n = 1;
	strcpy(out->canonical, "real.q.test");
	ck_assert(netaddr_parse(A, &out->addr[0]));
}

// Of more aliases than are looked at one may be spared, for all that is known.
START_TEST(test_plan_filter_of_too_many_aliases)
{
	enum { N = 4200 };
	struct netaddr a;
	w->params.max_domains = 2 * N;
	fakeworld_restart(w);
	fakeworld_configure(w, "direct={filter_all=true;};");
	w->script.mx = alias_mx;
	w->script.addr = alias_addr;
	world_block(A);
	for (unsigned i = 0; i < N; i++) {
		char name[16];
		snprintf(name, sizeof(name), "d%u.test", i);
		fakeworld_ask(w, name, REACH_WANTED);
		fakeworld_run(w, 100);
	}
	fakeworld_run(w, MINUTE);
	ck_assert(netaddr_parse(A, &a));
	ck_assert(plans_filter(w->plans, "real.q.test", &a));
	fakeworld_configure(w, "direct={filter_all=true;};"
			       "rules=({mx=[\"h1.test\"];route=\"direct\";});");
	ck_assert(!plans_filter(w->plans, "real.q.test", &a));
	fakeworld_configure(w, "direct={filter_all=true;};"
			       "rules=({mx=[\"h1.test\"];route=\"relay\";});");
	ck_assert(plans_filter(w->plans, "real.q.test", &a));
}
END_TEST

// While its host is partial, or a set that lists it has better; a fixed verdict
// drops, too; our own addresses never.
START_TEST(test_plan_filter_partial)
{
	struct netaddr a, b;
	fakeworld_mx(w, "x.test", 10, "mx1.x.test", -1);
	fakeworld_host(w, "mx1.x.test", A, B, NULL);
	world_block(A);
	fakeworld_settle(w, "x.test");
	ck_assert(netaddr_parse(A, &a));
	ck_assert(netaddr_parse(B, &b));
	assert_route(ask("x.test"), "direct", "all-reachable");
	ck_assert(plans_filter(w->plans, "mx1.x.test", &a));
	ck_assert(!plans_filter(w->plans, "mx1.x.test", &b));
}
END_TEST

// A host of two sets, one of which has better.
START_TEST(test_plan_filter_some_set)
{
	struct netaddr a;
	add_two("x.test", true, false);
	world_add_simple("y.test", "mx1.x.test", A);
	fakeworld_settle(w, "y.test");
	ck_assert(netaddr_parse(A, &a));
	assert_route(ask("y.test"), "relay", "none-reachable");
	ck_assert(!plans_filter(w->plans, "mx1.x.test", &a));
	fakeworld_settle(w, "x.test");
	ck_assert(plans_filter(w->plans, "mx1.x.test", &a));
}
END_TEST

START_TEST(test_plan_filter_fixed_and_own)
{
	struct netaddr a;
	struct reach_fixed fixed = {.as = REACH_FIXED_UNREACHABLE};
	ck_assert(netprefix_parse(A "/32", &fixed.prefix));
	ck_assert(netaddr_parse(A, &a));
	w->params.fixed = &fixed;
	w->params.n_fixed = 1;
	fakeworld_restart(w);
	add_two("x.test", false, false);
	fakeworld_settle(w, "x.test");
	assert_route(ask("x.test"), "steer", "some-reachable");
	ck_assert(plans_filter(w->plans, "mx1.x.test", &a));
	w->params.self_addresses = &a;
	w->params.n_self_addresses = 1;
	fakeworld_restart(w);
	fakeworld_settle(w, "x.test");
	assert_route(ask("x.test"), "direct", "self");
	ck_assert(!plans_filter(w->plans, "mx1.x.test", &a));
}
END_TEST

static Suite *
plan_suite(void)
{
	Suite *s = suite_create("plan");
	TCase *tc = tcase_create("tables");
	tcase_add_checked_fixture(tc, world_setup, world_teardown);
	tcase_add_loop_test(tc, test_plan_replies, 0, 8);
	tcase_add_loop_test(tc, test_plan_order_of_rules, 0, 13);
	tcase_add_loop_test(
	    tc, test_plan_filter, 0, sizeof(filtered) / sizeof(*filtered));
	tcase_add_loop_test(tc, test_plan_filter_spares_any_alias, 0, 2);
	suite_add_tcase(s, tc);
	add_world_case(s, "plans", test_plan_outside_the_memory,
	    test_plan_steer_rotates_by_domain, test_plan_one_set_many_rules,
	    test_plan_refused_stays_direct_while_it_recovers);
	add_world_case(s, "changes", test_plan_transitions_once,
	    test_plan_no_transition_without_measurement,
	    test_plan_change_not_on_first_knowledge, test_plan_change_of_mx,
	    test_plan_change_by_dns_failure, test_plan_change_on_reload,
	    test_plan_no_change_by_measurement,
	    test_plan_change_on_reload_without_a_set,
	    test_plan_reload_counts_anew, test_plan_reload_renders_anew,
	    test_plan_reload_keeps_the_age, test_plan_many_reloads);
	add_world_case(s, "filter", test_plan_filter_of_too_many_aliases,
	    test_plan_filter_partial, test_plan_filter_some_set,
	    test_plan_filter_fixed_and_own);
	return s;
}

int
main(void)
{
	return unit_run(plan_suite());
}
