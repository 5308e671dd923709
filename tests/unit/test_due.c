// SPDX-License-Identifier: MIT
// What is due: limits of probing, who goes first, when there is something
// again.
#include "reach_check.h"
#include "unit.h"
#include "world.h"

#include <stdio.h>

enum { SECOND = 1000, HUGE = 1 << 20 };

// Each name has a host and an address of its own, which the name tells:
// "x3.7.test" is at 11.3.7.1, its /24 is 11.3.7.0.
static void
script_mx(const char *name, struct answer_mx *out)
{
	*out = (struct answer_mx){.ttl_s = 86400, .n = 1};
	snprintf(out->mx[0].host, DNAME_SIZE, "mx.%s", name);
}

static unsigned char host_octet(const char *name);

static void
script_addr(const char *name, int family, struct answer_addr *out)
{
	int b = 0, c = 0;
	*out = (struct answer_addr){.outcome = ANSWER_NODATA, .ttl_s = 86400};
	if (family != AF_INET)
		return;
	ck_assert_int_eq(sscanf(name, "mx.%*[a-z]%d.%d.", &b, &c), 2);
	unsigned char ip[4] = {
	    11, (unsigned char)b, (unsigned char)c, host_octet(name)};
	out->outcome = ANSWER_OK;
	out->n = 1;
	out->addr[0] = netaddr_from_bytes(AF_INET, ip);
}

// A third number is the last octet.
static unsigned char
host_octet(const char *name)
{
	int d = 1;
	sscanf(name, "mx.%*[a-z]%*d.%*d.%d.", &d);
	return (unsigned char)d;
}

static int64_t latency = TIMEOUT_MS;
static enum outcome result = OUTCOME_CONNECT_TIMEOUT;

static enum outcome
script_probe(const struct netaddr *to, int64_t *latency_ms)
{
	(void)to;
	*latency_ms = latency;
	return result;
}

static void
setup(void)
{
	world_setup();
	w->dns_ms = 0;
	w->script = (struct fakeworld_script){
	    .mx = script_mx,
	    .addr = script_addr,
	    .probe = script_probe,
	};
	w->params.concurrency = HUGE;
	w->params.per_net = HUGE;
	w->params.per_second = 1000;
	fakeworld_restart(w);
}

static void
ask(enum reach_interest interest, const char *prefix, int b, int c, int d)
{
	char name[48];
	int len = snprintf(
	    name, sizeof(name), "%s%d.%d.%d.test", prefix, b, c, d);
	ck_assert_uint_ne(
	    reach_lookup(w->reach, name, (size_t)len, interest, w->now),
	    REACH_NONE);
}

// Answers all questions of the DNS; probes are the caller's.
static bool
next_probe(struct reach_due *due)
{
	while (reach_next(w->reach, w->now, due)) {
		struct answer_mx mx;
		struct answer_addr addr;
		switch (due->kind) {
		case REACH_DUE_MX:
			script_mx(due->name, &mx);
			reach_tell_mx(w->reach, due->id, &mx, w->now);
			break;
		case REACH_DUE_ADDRESS:
			script_addr(due->name, due->family, &addr);
			reach_tell_address(
			    w->reach, due->id, due->family, &addr, w->now);
			break;
		case REACH_DUE_PROBE:
			return true;
		}
	}
	return false;
}

static unsigned
probes_now(void)
{
	struct reach_due due;
	struct reach_change c;
	unsigned n = 0;
	while (next_probe(&due))
		n++;
	while (reach_take_change(w->reach, &c))
		;
	return n;
}

static void
tell(const struct reach_due *due)
{
	reach_tell_probe(w->reach, due->id, OUTCOME_EHLO, 1, "", w->now);
}

// -- limits -----------------------------------------------------------------

START_TEST(test_due_concurrency)
{
	w->params.concurrency = 10;
	fakeworld_restart(w);
	for (int i = 0; i < 50; i++)
		ask(REACH_WANTED, "x", i, 0, 1);
	ck_assert_uint_eq(probes_now(), 10);
	ck_assert_uint_eq(reach_stats(w->reach).probing, 10);
	ck_assert_int_eq(reach_next_at(w->reach, w->now), INT64_MAX);
	reach_check(w->reach);
	fakeworld_restart(w);
	for (int i = 0; i < 50; i++)
		ask(REACH_ASKED, "x", i, 0, 1);
	ck_assert_uint_eq(probes_now(), 8); // what is left over
	for (int i = 0; i < 50; i++)
		ask(REACH_WANTED, "y", i, 0, 2);
	ck_assert_uint_eq(probes_now(), 2);
	reach_check(w->reach);
}
END_TEST

// A bucket of a second's probes, refilled as time goes.
START_TEST(test_due_per_second)
{
	static const unsigned rate[] = {1, 2, 3, 4, 50, 333, 1000};
	unsigned per_second = rate[_i];
	w->params.per_second = per_second;
	w->params.max_domains = 20000;
	fakeworld_restart(w);
	for (unsigned i = 0; i < 12 * per_second; i++)
		ask(REACH_WANTED, "x", (int)(i % 250), (int)(i / 250), 1);
	unsigned n = probes_now();
	ck_assert_uint_eq(n, per_second);
	for (int ms = 1; ms <= 10 * SECOND; ms++) {
		w->now++;
		n += probes_now();
		ck_assert_msg(
		    n == per_second + per_second * (unsigned)ms / SECOND,
		    "rate %u, after %d ms: %u", per_second, ms, n);
	}
	// After a long sleep no more than a bucket.
	w->now += 500 * HOUR;
	ck_assert_uint_le(probes_now(), per_second);
}
END_TEST

// Those asked leave a quarter of the bucket.
START_TEST(test_due_asked_leaves_tokens)
{
	w->params.per_second = 40;
	fakeworld_restart(w);
	for (int i = 0; i < 100; i++)
		ask(REACH_ASKED, "x", i, 0, 1);
	ck_assert_uint_eq(probes_now(), 30);
	for (int i = 0; i < 100; i++)
		ask(REACH_WANTED, "y", i, 1, 1);
	ck_assert_uint_eq(probes_now(), 10);
}
END_TEST

START_TEST(test_due_per_net)
{
	struct reach_due due;
	w->params.per_net = 3;
	fakeworld_restart(w);
	for (int i = 1; i <= 20; i++)
		ask(REACH_WANTED, "x", 1, 1, i);
	for (int i = 1; i <= 5; i++)
		ask(REACH_WANTED, "x", 2, i, 1);
	ck_assert_uint_eq(probes_now(), 3 + 5); // others go on meanwhile
	reach_check(w->reach);
	ck_assert_int_eq(reach_next_at(w->reach, w->now), INT64_MAX);
	// Nobody is left behind.
	fakeworld_restart(w);
	for (int i = 1; i <= 20; i++)
		ask(REACH_WANTED, "x", 1, 1, i);
	struct reach_due flight[3];
	unsigned n = 0, in_flight = 0;
	while (n < 20) {
		while (in_flight < 3 && next_probe(&due))
			flight[in_flight++] = due;
		ck_assert(!next_probe(&due));
		ck_assert_uint_gt(in_flight, 0);
		reach_check(w->reach);
		tell(&flight[--in_flight]);
		n++;
	}
	ck_assert_uint_eq(reach_stats(w->reach).probing, 0);
	ck_assert_uint_eq(w->reach->nets.used, 0);
}
END_TEST

// In the order that they came; who is wanted before who is only asked; who is
// awaited before all.
START_TEST(test_due_parked_in_order)
{
	struct reach_due due, first;
	w->params.per_net = 1;
	fakeworld_restart(w);
	ask(REACH_WANTED, "x", 1, 1, 1);
	ck_assert(next_probe(&first));
	for (int i = 10; i < 15; i++)
		ask(REACH_ASKED, "a", 1, 1, i);
	ck_assert(!next_probe(&due));
	for (int i = 20; i < 23; i++)
		ask(REACH_WANTED, "w", 1, 1, i);
	ck_assert(!next_probe(&due));
	ask(REACH_WANTED, "a", 1, 1, 14); // raised while it is parked
	ck_assert(!next_probe(&due));
	ask(REACH_AWAITED, "w", 1, 1, 22); // moves ahead
	ck_assert(!next_probe(&due));
	ask(REACH_AWAITED, "v", 1, 1, 30);
	reach_hold(w->reach, fakeworld_domain(w, "v1.1.30.test"));
	ck_assert(!next_probe(&due));
	reach_check(w->reach);
	static const int want[] = {30, 22, 20, 21, 14, 10, 11, 12, 13};
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		tell(&first);
		ck_assert(next_probe(&first));
		ck_assert_msg(first.to.ip[3] == want[i], "%zu: .%d, wanted .%d",
		    i, first.to.ip[3], want[i]);
		ck_assert(!next_probe(&due));
		reach_check(w->reach);
	}
	tell(&first);
	ck_assert(!next_probe(&due));
	ck_assert_uint_eq(w->reach->nets.used, 0);
}
END_TEST

// Probes that end together wake as many as there is room for, and in order: the
// one that somebody waits for is not overtaken.
START_TEST(test_due_parked_in_order_when_many_end)
{
	enum { ROOM = 4 };
	struct reach_due flight[ROOM], due;
	w->params.per_net = ROOM;
	fakeworld_restart(w);
	for (int i = 1; i <= 40; i++)
		ask(REACH_WANTED, "x", 1, 1, i);
	for (int i = 0; i < ROOM; i++)
		ck_assert(next_probe(&flight[i]));
	ck_assert(!next_probe(&due));
	ask(REACH_AWAITED, "y", 1, 1, 99);
	reach_hold(w->reach, fakeworld_domain(w, "y1.1.99.test"));
	ck_assert(!next_probe(&due));
	bool awaited = false;
	for (int i = 0; i < ROOM; i++)
		tell(&flight[i]);
	for (int i = 0; i < ROOM; i++) {
		ck_assert(next_probe(&due));
		awaited |= due.to.ip[3] == 99;
		flight[i] = due;
	}
	ck_assert(!next_probe(&due));
	ck_assert(awaited);
	// The others in the order in which they came.
	for (int next = 2 * ROOM; next < 40; next += ROOM) {
		for (int i = 0; i < ROOM; i++)
			tell(&flight[i]);
		for (int i = 0; i < ROOM; i++) {
			ck_assert(next_probe(&flight[i]));
			ck_assert_int_ge(flight[i].to.ip[3], next);
			ck_assert_int_lt(flight[i].to.ip[3], next + ROOM);
		}
		ck_assert(!next_probe(&due));
		reach_check(w->reach);
	}
}
END_TEST

// A higher limit lets those who wait go on.
START_TEST(test_due_per_net_raised)
{
	w->params.per_net = 2;
	fakeworld_restart(w);
	for (int i = 1; i <= 20; i++)
		ask(REACH_WANTED, "x", 1, 1, i);
	ck_assert_uint_eq(probes_now(), 2);
	w->params.per_net = 5;
	fakeworld_reconfigure(w);
	ck_assert_uint_eq(probes_now(), 3);
	reach_check(w->reach);
}
END_TEST

// The same while none is in flight, but one woken has not begun.
START_TEST(test_due_per_net_raised_between_two_probes)
{
	struct reach_due due;
	w->params.per_net = 1;
	fakeworld_restart(w);
	for (int i = 1; i <= 20; i++)
		ask(REACH_WANTED, "x", 1, 1, i);
	ck_assert(next_probe(&due));
	struct reach_due first = due;
	ck_assert(!next_probe(&due));
	tell(&first);
	w->params.per_net = 5;
	fakeworld_reconfigure(w);
	ck_assert_uint_eq(probes_now(), 5);
	reach_check(w->reach);
}
END_TEST

// What is ready when a reload forbids it does not begin, though the reload has
// not come to it yet.
START_TEST(test_due_forbidden_by_a_reload)
{
	w->params.concurrency = 1;
	fakeworld_restart(w);
	for (int i = 0; i < 1000; i++)
		ask(REACH_WANTED, "x", i % 200, i / 200, 1);
	ck_assert_uint_eq(probes_now(), 1);
	w->params.concurrency = HUGE;
	w->params.probe_enabled = false;
	fakeworld_reconfigure(w);
	while (reach_next_at(w->reach, w->now) == w->now)
		ck_assert_uint_eq(probes_now(), 0);
	reach_check(w->reach);
}
END_TEST

// One that was woken and is then dropped wakes the next in its stead.
START_TEST(test_due_woken_and_dropped)
{
	struct reach_due due, first;
	struct reach_change c;
	struct answer_addr none = {.outcome = ANSWER_NXDOMAIN};
	w->params.per_net = 1;
	fakeworld_restart(w);
	ask(REACH_WANTED, "x", 1, 1, 1);
	ck_assert(next_probe(&first));
	ask(REACH_WANTED, "x", 1, 1, 2);
	ask(REACH_WANTED, "x", 1, 1, 3);
	ck_assert(!next_probe(&due)); // both are parked
	tell(&first);		      // wakes .2, whose host then loses it
	uint32_t host = reach_find_host(w->reach, "mx.x1.1.2.test", 14);
	host_at(w->reach, host)->family[0].resolving = true; // as if asked
	w->reach->resolving++;
	reach_tell_address(w->reach, host, AF_INET, &none, w->now);
	reach_check(w->reach);
	ck_assert(next_probe(&due));
	ck_assert_int_eq(due.to.ip[3], 3);
	while (reach_take_change(w->reach, &c))
		;
}
END_TEST

// Dropped while it is parked itself.
START_TEST(test_due_parked_and_dropped)
{
	struct reach_due due, first;
	struct answer_addr none = {.outcome = ANSWER_NXDOMAIN};
	w->params.per_net = 1;
	fakeworld_restart(w);
	ask(REACH_WANTED, "x", 1, 1, 1);
	ck_assert(next_probe(&first));
	for (int i = 2; i < 9; i++)
		ask(REACH_WANTED, "x", 1, 1, i);
	ck_assert(!next_probe(&due));
	uint32_t host = reach_find_host(w->reach, "mx.x1.1.2.test", 14);
	host_at(w->reach, host)->family[0].resolving = true;
	w->reach->resolving++;
	reach_tell_address(w->reach, host, AF_INET, &none, w->now);
	reach_check(w->reach);
	// All that are left are forbidden by a reload while one is woken.
	tell(&first);
	w->params.ipv4 = false;
	fakeworld_reconfigure(w);
	ck_assert(!next_probe(&due));
	while (reach_next_at(w->reach, w->now) <= w->now &&
	       reach_stats(w->reach).endpoints > 0) {
		struct reach_change c;
		ck_assert(!next_probe(&due));
		while (reach_take_change(w->reach, &c))
			;
		if (w->reach->sweep_set == 0)
			break;
	}
	reach_check(w->reach);
	ck_assert_uint_eq(w->reach->nets.used, 0);
}
END_TEST

START_TEST(test_due_per_net_of_ipv6)
{
	struct reach_due due;
	w->params.per_net = 1;
	fakeworld_restart(w);
	// Three addresses of one host: two share their /48.
	struct answer_mx mx = {.ttl_s = 3600, .n = 1};
	strcpy(mx.mx[0].host, "six.test");
	struct answer_addr six = {.ttl_s = 3600, .n = 3};
	ck_assert(netaddr_parse("2a00:1:1:1::1", &six.addr[0]));
	ck_assert(netaddr_parse("2a00:1:1:2::1", &six.addr[1]));
	ck_assert(netaddr_parse("2a00:1:2:1::1", &six.addr[2]));
	reach_lookup(w->reach, "a.test", 6, REACH_WANTED, w->now);
	ck_assert(reach_next(w->reach, w->now, &due));
	reach_tell_mx(w->reach, due.id, &mx, w->now);
	ck_assert(reach_next(w->reach, w->now, &due));
	uint32_t host = due.id;
	ck_assert(reach_next(w->reach, w->now, &due));
	ck_assert_int_eq(due.family, AF_INET6);
	reach_tell_address(w->reach, host, AF_INET6, &six, w->now);
	ck_assert(reach_next(w->reach, w->now, &due));
	ck_assert(reach_next(w->reach, w->now, &due));
	ck_assert(!reach_next(w->reach, w->now, &due));
	reach_check(w->reach);
}
END_TEST

START_TEST(test_due_wanted_before_asked)
{
	struct reach_due due;
	w->params.concurrency = 1;
	fakeworld_restart(w);
	ask(REACH_WANTED, "x", 9, 9, 9);
	ck_assert(next_probe(&due));
	for (int i = 1; i < 4; i++)
		ask(REACH_ASKED, "a", i, 0, 1);
	for (int i = 1; i < 4; i++)
		ask(REACH_WANTED, "w", i, 1, 1);
	ask(REACH_AWAITED, "v", 5, 1, 1);
	reach_hold(w->reach, fakeworld_domain(w, "v5.1.1.test"));
	ask(REACH_WANTED, "a", 2, 0, 1);
	static const int want[] = {5, 1, 2, 3, 2, 1, 3};
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		tell(&due);
		ck_assert(next_probe(&due));
		ck_assert_msg(due.to.ip[1] == want[i], "%zu: %d, wanted %d", i,
		    due.to.ip[1], want[i]);
	}
}
END_TEST

// The best host's address is probed first.
START_TEST(test_due_awaited_set_in_order_of_preference)
{
	struct reach_due due;
	w->params.concurrency = 1;
	fakeworld_restart(w);
	struct answer_mx mx = {.ttl_s = 3600, .n = 3};
	for (unsigned i = 0; i < 3; i++) {
		mx.mx[i].preference = (uint16_t)(10 * (3 - i));
		snprintf(mx.mx[i].host, DNAME_SIZE, "mx.h%u.0.1.test", 3 - i);
	}
	uint32_t id = reach_lookup(
	    w->reach, "a.test", 6, REACH_AWAITED, w->now);
	reach_hold(w->reach, id);
	ck_assert(reach_next(w->reach, w->now, &due));
	reach_tell_mx(w->reach, id, &mx, w->now);
	static const char *const want[] = {
	    "mx.h1.0.1.test", "mx.h2.0.1.test", "mx.h3.0.1.test"};
	for (int i = 0; i < 6; i++) {
		ck_assert(reach_next(w->reach, w->now, &due));
		ck_assert_int_eq(due.kind, REACH_DUE_ADDRESS);
		ck_assert_str_eq(due.name, want[i / 2]);
	}
}
END_TEST

// -- when -------------------------------------------------------------------

// If it says T, then before T there is nothing, and at T something moves on.
START_TEST(test_due_next_at_never_lies)
{
	uint32_t seed = (uint32_t)_i + 1;
	struct reach_due due, flight[64];
	unsigned n_flight = 0;
	w->params.concurrency = 20;
	w->params.per_net = 2;
	w->params.per_second = 3 + (unsigned)_i;
	w->params.dns_concurrency = 8;
	w->params.min_ttl_ms = SECOND;
	w->params.interval_ms = 90 * SECOND;
	fakeworld_restart(w);
	for (int step = 0; step < 3000; step++) {
		struct reach_change c;
		struct answer_mx mx;
		struct answer_addr addr;
		seed = seed * 1664525 + 1013904223;
		unsigned pick = seed >> 16;
		if (pick % 8 == 0)
			ask((enum reach_interest)(pick >> 4 & 3), "x",
			    (int)(pick >> 6 & 1), (int)(pick >> 7 & 3),
			    (int)(pick >> 9 & 15));
		while (reach_take_change(w->reach, &c))
			;
		while (n_flight < 64 && reach_next(w->reach, w->now, &due))
			flight[n_flight++] = due;
		ck_assert_uint_lt(n_flight, 64);
		while (reach_take_change(w->reach, &c))
			;
		if (n_flight > 0 && pick % 3 == 0) {
			unsigned i = pick / 8 % n_flight;
			due = flight[i];
			flight[i] = flight[--n_flight];
			if (due.kind == REACH_DUE_MX) {
				script_mx(due.name, &mx);
				mx.ttl_s = 30;
				reach_tell_mx(w->reach, due.id, &mx, w->now);
			} else if (due.kind == REACH_DUE_ADDRESS) {
				script_addr(due.name, due.family, &addr);
				addr.ttl_s = 20;
				reach_tell_address(w->reach, due.id, due.family,
				    &addr, w->now);
			} else {
				reach_tell_probe(w->reach, due.id,
				    pick & 64 ? OUTCOME_EHLO
					      : OUTCOME_CONNECT_TIMEOUT,
				    1, "", w->now);
			}
			continue; // told: what is due may be another
		}
		int64_t at = reach_next_at(w->reach, w->now);
		ck_assert_int_ge(at, w->now);
		if (at == INT64_MAX || pick % 5 == 0) {
			w->now += pick % 500;
			continue;
		}
		// Up to T nothing, not even a millisecond before.
		for (int64_t t = at - 1 - pick % 3; t < at; t++) {
			if (t < w->now)
				continue;
			ck_assert(!reach_next(w->reach, t, &due));
			ck_assert(!reach_take_change(w->reach, &c));
			ck_assert_int_eq(reach_next_at(w->reach, t), at);
		}
		w->now = at;
		bool moved = reach_next(w->reach, w->now, &due);
		if (moved)
			flight[n_flight++] = due;
		moved |= reach_take_change(w->reach, &c);
		ck_assert_msg(moved || reach_next_at(w->reach, w->now) > at,
		    "step %d", step);
		if (step % 50 == 0)
			reach_check(w->reach);
	}
}
END_TEST

// The heap gives things in the order of their time.
START_TEST(test_due_heap_order)
{
	result = OUTCOME_EHLO;
	latency = 1;
	for (int i = 0; i < 500; i++) {
		ask(REACH_WANTED, "x", i % 200, i / 200, 1);
		fakeworld_run(w, 37);
	}
	reach_check(w->reach);
	int64_t last = 0;
	for (int i = 0; i < 500; i++) {
		int64_t at = reach_next_at(w->reach, w->now);
		struct reach_due due;
		if (at == INT64_MAX)
			break;
		ck_assert_int_ge(at, last);
		last = at;
		ck_assert(!reach_next(w->reach, at, &due) ||
			  due.kind != REACH_DUE_MX);
		reach_check(w->reach);
		w->now = at;
	}
}
END_TEST

// However much is due at once (the machine slept): a part of it at a call, and
// lookups have their turn in between.
START_TEST(test_due_many_at_once_in_parts)
{
	struct reach_due due;
	unsigned calls = 0;
	result = OUTCOME_EHLO;
	latency = 1;
	for (int i = 0; i < 900; i++)
		ask(REACH_WANTED, "x", i % 200, i / 200, 1);
	fakeworld_run(w, MINUTE);
	w->now += 12 * HOUR;
	while (reach_next_at(w->reach, w->now) == w->now) {
		ck_assert(!reach_next(w->reach, w->now, &due)); // none in use
		ck_assert_uint_lt(calls++, 1000);
	}
	ck_assert_uint_ge(calls, 10);
	reach_check(w->reach);
}
END_TEST

// -- after a reload ---------------------------------------------------------

// Everything is brought up to date, some at a time.
START_TEST(test_due_reconfigure_sweeps)
{
	result = OUTCOME_EHLO;
	latency = 1;
	for (int i = 0; i < 900; i++)
		ask(REACH_WANTED, "x", i % 200, i / 200, 1);
	fakeworld_run(w, MINUTE);
	unsigned probes = w->probes;
	ck_assert_uint_eq(probes, 900);
	struct reach_fixed fixed = {.as = REACH_FIXED_UNREACHABLE};
	ck_assert(netprefix_parse("11.0.0.0/8", &fixed.prefix));
	w->params.fixed = &fixed;
	w->params.n_fixed = 1;
	fakeworld_reconfigure(w);
	struct reach_due due;
	unsigned calls = 0;
	while (reach_next_at(w->reach, w->now) == w->now) {
		struct reach_change c;
		struct plans_transition t;
		ck_assert(!reach_next(w->reach, w->now, &due));
		while (reach_take_change(w->reach, &c))
			if (c.kind == REACH_CHANGE_SET)
				plans_on_set(w->plans, c.id, w->now, &t);
		ck_assert_uint_lt(calls++, 100);
	}
	ck_assert_uint_ge(calls, 4);
	ck_assert_uint_eq(plans_count(w->plans, ROUTE_RELAY), 900);
	reach_check(w->reach);
	fakeworld_run(w, 24 * HOUR);
	ck_assert_uint_eq(w->probes, probes);
	w->params.n_fixed = 0;
	fakeworld_reconfigure(w);
	fakeworld_run(w, MINUTE);
	ck_assert_uint_eq(plans_count(w->plans, ROUTE_DIRECT), 900);
	reach_check(w->reach);
}
END_TEST

// A reload leaves those that are down in the interval that they are in: they
// are not probed all at once.
START_TEST(test_due_reconfigure_stays_in_backoff)
{
	result = OUTCOME_CONNECT_TIMEOUT;
	for (int i = 0; i < 500; i++)
		ask(REACH_WANTED, "x", i % 200, i / 200, 1);
	fakeworld_run(w, HOUR);
	unsigned before = w->probes;
	fakeworld_run(w, 10 * SECOND);
	unsigned usual = w->probes - before;
	before = w->probes;
	fakeworld_reconfigure(w);
	fakeworld_run(w, 10 * SECOND);
	ck_assert_uint_le(w->probes - before, 2 * usual + 50);
	// And with other limits these hold.
	w->params.down_interval_max_ms = 20 * SECOND;
	w->params.down_interval_ms = 10 * SECOND;
	fakeworld_reconfigure(w);
	before = w->probes;
	fakeworld_run(w, 40 * SECOND);
	ck_assert_uint_ge(w->probes - before, 1000);
	reach_check(w->reach);
}
END_TEST

// A probe that could not even begin is tried again when it is asked for.
START_TEST(test_due_local_error_is_tried_again)
{
	result = OUTCOME_LOCAL_ERROR;
	latency = 1;
	ask(REACH_WANTED, "x", 1, 1, 1);
	fakeworld_run(w, 10 * MINUTE); // nobody asks meanwhile
	unsigned before = w->probes;
	result = OUTCOME_CONNECT_RESET;
	ask(REACH_ASKED, "x", 1, 1, 1);
	fakeworld_run(w, SECOND);
	ck_assert_uint_eq(w->probes, before + 1);
	assert_route(fakeworld_ask(w, "x1.1.1.test", REACH_ASKED), "relay",
	    "none-reachable");
}
END_TEST

static Suite *
due_suite(void)
{
	Suite *s = suite_create("due");
	TCase *tc = tcase_create("limits");
	tcase_add_checked_fixture(tc, setup, world_teardown);
	tcase_add_test(tc, test_due_concurrency);
	tcase_add_loop_test(tc, test_due_per_second, 0, 7);
	tcase_add_test(tc, test_due_asked_leaves_tokens);
	tcase_add_test(tc, test_due_per_net);
	tcase_add_test(tc, test_due_per_net_of_ipv6);
	tcase_add_test(tc, test_due_parked_in_order);
	tcase_add_test(tc, test_due_parked_in_order_when_many_end);
	tcase_add_test(tc, test_due_per_net_raised);
	tcase_add_test(tc, test_due_per_net_raised_between_two_probes);
	tcase_add_test(tc, test_due_forbidden_by_a_reload);
	tcase_add_test(tc, test_due_woken_and_dropped);
	tcase_add_test(tc, test_due_parked_and_dropped);
	tcase_add_test(tc, test_due_wanted_before_asked);
	tcase_add_test(tc, test_due_awaited_set_in_order_of_preference);
	suite_add_tcase(s, tc);
	tc = tcase_create("when");
	tcase_add_checked_fixture(tc, setup, world_teardown);
	tcase_add_loop_test(tc, test_due_next_at_never_lies, 0, 12);
	tcase_add_test(tc, test_due_heap_order);
	tcase_add_test(tc, test_due_many_at_once_in_parts);
	tcase_add_test(tc, test_due_reconfigure_sweeps);
	tcase_add_test(tc, test_due_reconfigure_stays_in_backoff);
	tcase_add_test(tc, test_due_local_error_is_tried_again);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(due_suite());
}
