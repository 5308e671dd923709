// SPDX-License-Identifier: MIT
// A week of blocking over a few hundred domains, in virtual time: what must
// hold at every moment holds.
#include "reach_check.h"
#include "unit.h"
#include "world.h"

#include <stdio.h>

enum {
	SECOND = 1000,
	DAY = 24 * HOUR,
	PROVIDERS = 8, // five hosts each, shared by many domains
	PROVIDER_HOSTS = 5,
	SHARED = 160,  // domains at the providers
	OWN = 80,      // domains with two hosts of their own
	IMPLICIT = 30, // domains without MX
	ODD = 30,      // null MX, NXDOMAIN, no usable address, ourselves ...
	DOMAINS = SHARED + OWN + IMPLICIT + ODD,
	NETS = 48,  // /24s that are blocked and opened as one
	LOSS = 200, // one probe in so many is lost on its way
	FAST = 15 * SECOND,
	DOWN_MAX = 600 * SECOND,
	INTERVAL = 30 * MINUTE,
	FALL = 2,
	RISE = 2,
};

struct address {
	bool blocked;
	int64_t changed_at; // when the truth became this
	int64_t probed_at;  // 0: never
	int64_t hour;	    // in which `in_hour` probes began
	unsigned in_hour;
	bool in_flight;
	int64_t until;
};

static struct sim {
	uint64_t random;
	struct address net[NETS];
	int64_t dns_down_until;
	int64_t asked_at[DOMAINS];    // the last lookup
	int64_t asked_since[DOMAINS]; // the first since the truth is as it is
	unsigned transitions, endpoint_changes, relayed, lookups;
	unsigned worst_hour;
} sim;

static uint32_t
draw(uint32_t below)
{
	sim.random = sim.random * UINT64_C(6364136223846793005) + 1442695;
	return (uint32_t)(sim.random >> 33) % below;
}

// -- the world --------------------------------------------------------------

// Host names tell their /24: "n17h2.test" is 11.0.17.2 (and 2a00:17::2 of the
// same line when its number is even).
static void
host_name(char *out, unsigned net, unsigned i)
{
	snprintf(out, DNAME_SIZE, "n%uh%u.test", net, i);
}

static void
script_mx(const char *name, struct answer_mx *out)
{
	unsigned i;
	*out = (struct answer_mx){.ttl_s = 1800 + draw(7200)};
	check_eq(sscanf(name, "d%u.", &i), 1);
	if (w->now < sim.dns_down_until) {
		out->outcome = draw(2) ? ANSWER_TIMEOUT : ANSWER_SERVFAIL;
	} else if (i < SHARED) {
		out->n = 2 + i % (PROVIDER_HOSTS - 1);
		for (unsigned k = 0; k < out->n; k++) {
			out->mx[k].preference = (uint16_t)(k + i % 2);
			host_name(
			    out->mx[k].host, i % PROVIDERS * 3 + k % 3, 1 + k);
		}
	} else if (i < SHARED + OWN) {
		out->n = 2;
		out->mx[1].preference = 10;
		host_name(out->mx[0].host, 24 + i % 12, i);
		host_name(out->mx[1].host, 24 + (i + 1) % 12, i);
	} else if (i < SHARED + OWN + IMPLICIT) {
		out->outcome = ANSWER_NODATA;
	} else if (i % 4 == 0) {
		out->null_mx = true;
	} else if (i % 4 == 1) {
		out->outcome = ANSWER_NXDOMAIN;
	} else if (i % 4 == 2) {
		out->n = 1;
		strcpy(out->mx[0].host, "private.test");
	} else {
		out->n = 1;
		strcpy(out->mx[0].host, "ourselves.test");
	}
}

static void
script_addr(const char *name, int family, struct answer_addr *out)
{
	unsigned net, i;
	unsigned char ip[16] = {11};
	*out = (struct answer_addr){
	    .outcome = ANSWER_NODATA, .ttl_s = 300 + draw(3600)};
	if (w->now < sim.dns_down_until) {
		out->outcome = ANSWER_TIMEOUT;
		return;
	}
	if (strcmp(name, "private.test") == 0) {
		ip[0] = 10;
	} else if (strcmp(name, "ourselves.test") == 0) {
		ip[0] = 12;
	} else if (sscanf(name, "n%uh%u.", &net, &i) == 2) {
		ip[2] = (unsigned char)net;
		ip[3] = (unsigned char)i;
		// Some rotate through three addresses by the hour.
		if (i % 7 == 3)
			ip[1] = (unsigned char)(w->now / HOUR % 3);
	} else if (sscanf(name, "d%u.", &i) == 1) {
		ip[2] = (unsigned char)(36 + i % 12);
		ip[3] = (unsigned char)(i - SHARED - OWN + 1);
	} else {
		ck_abort_msg("who is %s?", name);
	}
	if (family == AF_INET6 && ip[0] == 11 && ip[3] % 2 == 0) {
		unsigned char six[16] = {
		    0x2a, 0, 0, ip[2], ip[1], [15] = ip[3]};
		out->addr[out->n++] = netaddr_from_bytes(AF_INET6, six);
	} else if (family == AF_INET) {
		out->addr[out->n++] = netaddr_from_bytes(AF_INET, ip);
	}
	out->outcome = out->n > 0 ? ANSWER_OK : ANSWER_NODATA;
}

static unsigned
net_of_address(const struct netaddr *a)
{
	return a->family == AF_INET ? a->ip[2] : a->ip[3];
}

// Every probe there is passes here.
static enum outcome
script_probe(const struct netaddr *to, int64_t *latency_ms)
{
	static const enum outcome how[] = {OUTCOME_CONNECT_TIMEOUT,
	    OUTCOME_CONNECT_RESET, OUTCOME_GREETING_TIMEOUT,
	    OUTCOME_RESET_AFTER_DATA};
	check_eq(to->port, 25);
	// Neither private space nor ourselves.
	check_that(to->family == AF_INET6 || to->ip[0] == 11);
	unsigned net = net_of_address(to);
	check_lt(net, NETS);
	bool blocked = sim.net[net].blocked;
	*latency_ms = 50 + draw(400);
	if (!blocked && draw(LOSS) != 0)
		return draw(50) == 0 ? OUTCOME_REFUSED_SERVICE : OUTCOME_EHLO;
	enum outcome o = blocked ? how[net % 4] : OUTCOME_CONNECT_TIMEOUT;
	if (o == OUTCOME_CONNECT_TIMEOUT)
		*latency_ms = TIMEOUT_MS;
	if (o == OUTCOME_GREETING_TIMEOUT)
		*latency_ms = 20 * SECOND;
	return o;
}

// -- what must hold ---------------------------------------------------------

struct probed { // an address, by its endpoint's id
	struct netaddr address;
	int64_t hour;
	unsigned in_hour;
};

// What one address may cost in an hour: when it is down once every 2, 4, 8 and
// 10 minutes, less a tenth of jitter; up, two refreshes; and fast ones between.
static void
count_probes(void)
{
	static struct probed probed[4096];
	for (unsigned i = 0; i < w->n_flight; i++) {
		const struct fakeworld_flight *f = &w->flight[i];
		if (f->due.kind != REACH_DUE_PROBE)
			continue;
		const struct endpoint *e = endpoint_at(w->reach, f->due.id);
		check_lt(f->due.id, 4096);
		struct probed *p = &probed[f->due.id];
		// Each is seen once: at the moment it began.
		if (e->started_at != w->now)
			continue;
		if (!netaddr_equal(&p->address, &e->address) ||
		    p->hour != w->now / HOUR)
			*p = (struct probed){e->address, w->now / HOUR, 0};
		p->in_hour++;
		if (p->in_hour > sim.worst_hour)
			sim.worst_hour = p->in_hour;
	}
}

// How the truth of all of a set's addresses has been, and since when.
struct truth {
	bool any_open, any_blocked;
	int64_t open_since, blocked_since; // the last change to all such
};

static struct truth
truth_of(uint32_t set)
{
	struct truth t = {0};
	uint32_t n = reach_set_view(w->reach, set).n;
	for (uint32_t i = 0; i < n; i++) {
		struct reach_set_host h = reach_set_host(w->reach, set, i);
		struct reach_endpoint_view v;
		for (uint32_t k = 0;
		     reach_host_endpoint(w->reach, h.host, k, &v); k++) {
			if (v.address.ip[0] != 11 &&
			    v.address.family == AF_INET)
				continue;
			const struct address *a =
			    &sim.net[net_of_address(&v.address)];
			if (a->blocked) {
				t.any_blocked = true;
				if (a->changed_at > t.blocked_since)
					t.blocked_since = a->changed_at;
			} else {
				t.any_open = true;
				if (a->changed_at > t.open_since)
					t.open_since = a->changed_at;
			}
		}
	}
	return t;
}

// Unblock to failback: the next probe of one that is down comes within
// down_interval_max, then (rise - 1) fast ones; a lost one begins anew. Block
// to detour: the next probe of one that is up and in use comes within interval,
// then (fall - 1) fast ones; the slowest takes 20 s.
enum {
	BOUND_UP = DOWN_MAX + (RISE - 1) * FAST + 30 * SECOND,
	BOUND_DOWN = INTERVAL + MINUTE + (FALL - 1) * FAST + 90 * SECOND,
	LOST = 3, // rounds that loss may cost
};

static void
check_route(unsigned i, const struct route_view *v)
{
	char name[32];
	snprintf(name, sizeof(name), "d%u.test", i);
	uint32_t domain = fakeworld_domain(w, name);
	uint32_t set = reach_domain_set(w->reach, domain);
	sim.lookups++;
	sim.relayed += v->route == ROUTE_RELAY;
	if (i >= SHARED + OWN + IMPLICIT) { // the odd ones never leave
		check_eq(v->route, ROUTE_DIRECT);
		return;
	}
	if (set == REACH_NONE)
		return;
	struct truth t = truth_of(set);
	if (sim.asked_at[i] <= t.blocked_since)
		sim.asked_since[i] = w->now; // what nobody asks stays as it is
	sim.asked_at[i] = w->now;
	if (v->route == ROUTE_RELAY && !t.any_blocked && t.any_open &&
	    w->now - t.open_since > (int64_t)LOST * BOUND_UP)
		ck_abort_msg("%s is relayed and open for %lld s", name,
		    (long long)(w->now - t.open_since) / 1000);
	if (v->route == ROUTE_DIRECT && v->reason == REASON_ALL_REACHABLE &&
	    t.any_blocked && !t.any_open &&
	    w->now - sim.asked_since[i] > (int64_t)LOST * BOUND_DOWN)
		ck_abort_msg("%s is direct and blocked for %lld s", name,
		    (long long)(w->now - sim.asked_since[i]) / 1000);
}

static void
on_event(const struct fakeworld_event *e)
{
	if (e->change.kind == REACH_CHANGE_ENDPOINT) {
		check_that(e->change.old_state != e->change.new_state);
		sim.endpoint_changes++;
		return;
	}
	check_that(e->transition.old_route != e->transition.new_route);
	sim.transitions++;
}

static void
check_counts(void)
{
	struct reach_stats s = reach_stats(w->reach);
	uint32_t sets = 0;
	for (int route = 0; route < ROUTE_COUNT; route++)
		sets += plans_count(w->plans, (enum route)route);
	check_eq(sets, s.sets);
	check_that(s.domains <= DOMAINS);
	check_that(s.sets <= DOMAINS);
	check_that(s.hosts <= 3 * DOMAINS);
	check_that(s.endpoints <= 6 * DOMAINS);
	check_eq(s.resolving + s.probing, w->n_flight);
}

// -- the week ---------------------------------------------------------------

// Blocking that comes and goes: some lines by the hour, some for a day.
static void
change_the_world(void)
{
	for (unsigned i = 0; i < NETS; i++) {
		struct address *a = &sim.net[i];
		if (w->now < a->until)
			continue;
		bool blocked = i % 3 != 0 && draw(3) == 0;
		if (blocked != a->blocked)
			a->changed_at = w->now;
		a->blocked = blocked;
		a->until = w->now + 2 * HOUR + draw(22) * HOUR;
	}
	if (draw(24 * 60) == 0) // about once a day, for up to three hours
		sim.dns_down_until = w->now + draw(3 * 60) * MINUTE;
}

static void
begin(unsigned seed)
{
	static struct netaddr own;
	fakeworld_init(w);
	sim = (struct sim){.random = seed};
	unsigned char ip[4] = {12};
	own = netaddr_from_bytes(AF_INET, ip);
	w->params.allow_private = false;
	w->params.self_addresses = &own;
	w->params.n_self_addresses = 1;
	fakeworld_restart(w);
	w->script = (struct fakeworld_script){
	    .mx = script_mx,
	    .addr = script_addr,
	    .probe = script_probe,
	    .event = on_event,
	};
}

START_TEST(test_reach_a_week)
{
	begin((unsigned)_i);
	int64_t end = w->now + (int64_t)7 * DAY;
	for (unsigned minute = 0; w->now < end; minute++) {
		change_the_world();
		for (unsigned k = 0; k < 6; k++) {
			char name[32];
			// Popular ones all the time, others now and then.
			unsigned i = draw(4) == 0 ? draw(DOMAINS)
						  : draw(DOMAINS) / 8 * 8;
			snprintf(name, sizeof(name), "d%u.test", i);
			struct route_view v = fakeworld_ask(
			    w, name, (enum reach_interest)draw(4));
			check_route(i, &v);
			fakeworld_run(w, 10 * SECOND);
			count_probes();
		}
		if (minute % 10 == 0)
			check_counts();
		if (minute % 240 == 0)
			reach_check(w->reach);
		if (minute % 1500 == 1499)
			fakeworld_reconfigure(w); // a reload a day
	}
	// It was a week in which something happened.
	ck_assert_uint_gt(sim.lookups, 50000);
	ck_assert_uint_gt(sim.relayed, 500);
	ck_assert_uint_gt(sim.transitions, 100);
	ck_assert_uint_gt(sim.endpoint_changes, 500);
	ck_assert_uint_le(sim.worst_hour, 30);
	reach_check(w->reach);
	fakeworld_fini(w);
}
END_TEST

// Rule 3: however long it goes on, nobody is asked more often than the figures
// allow.
START_TEST(test_reach_probes_per_hour)
{
	begin(1);
	for (unsigned i = 0; i < NETS; i++)
		sim.net[i].blocked = true;
	fakeworld_ask(w, "d200.test", REACH_WANTED);
	fakeworld_run(w, HOUR);
	unsigned before = w->probes;
	unsigned addresses = reach_stats(w->reach).endpoints;
	ck_assert_uint_gt(addresses, 0);
	fakeworld_run(w, 10 * HOUR);
	// Every 9 to 10 minutes.
	ck_assert_uint_ge(w->probes - before, addresses * 60);
	ck_assert_uint_le(w->probes - before, addresses * 67);
	for (unsigned i = 0; i < NETS; i++)
		sim.net[i].blocked = false;
	fakeworld_run(w, 15 * MINUTE);
	before = w->probes;
	for (int i = 0; i < 600; i++) {
		fakeworld_ask(w, "d200.test", REACH_WANTED);
		fakeworld_run(w, MINUTE);
	}
	// Every 27 to 30 minutes, and what is lost on its way once more.
	ck_assert_uint_le(w->probes - before, addresses * 26);
	ck_assert_uint_ge(w->probes - before, addresses * 18);
	fakeworld_fini(w);
}
END_TEST

// The state of one host: 1 up, 0 down.
static bool
is_relayed(const char *name)
{
	return fakeworld_ask(w, name, REACH_ASKED).route == ROUTE_RELAY;
}

// From the first probe after the change: (rise or fall - 1) x fast_interval and
// one timeout; that probe comes within down_interval_max.
START_TEST(test_reach_block_to_detour_to_failback)
{
	world_setup();
	world_add_simple("a.test", "mx.a.test", "198.51.100.1");
	fakeworld_settle(w, "a.test");
	struct fakeworld_peer *p = fakeworld_at(w, "198.51.100.1");
	for (int round = 0; round < 20; round++) {
		world_block("198.51.100.1");
		unsigned before = p->probes;
		while (p->probes == before) {
			ck_assert(!is_relayed("a.test"));
			fakeworld_run(w, 100);
		}
		int64_t first = p->last_at;
		while (!is_relayed("a.test"))
			fakeworld_run(w, 100);
		ck_assert_int_le(
		    w->now - first, (FALL - 1) * FAST + TIMEOUT_MS + 200);
		fakeworld_run(w, round * MINUTE); // of down time
		world_unblock("198.51.100.1");
		int64_t opened = w->now;
		before = p->probes;
		while (p->probes == before)
			fakeworld_run(w, 100);
		first = p->last_at;
		ck_assert_int_le(first - opened, DOWN_MAX);
		while (is_relayed("a.test"))
			fakeworld_run(w, 100);
		ck_assert_int_le(
		    w->now - first, (RISE - 1) * FAST + TIMEOUT_MS + 400);
	}
	world_teardown();
}
END_TEST

// The same seed, the same week.
START_TEST(test_reach_is_deterministic)
{
	struct reach_stats stats[2];
	unsigned probes[2], transitions[2];
	for (int i = 0; i < 2; i++) {
		begin(77);
		for (int k = 0; k < 600; k++) {
			char name[32];
			change_the_world();
			snprintf(name, sizeof(name), "d%u.test", draw(DOMAINS));
			fakeworld_ask(w, name, REACH_WANTED);
			fakeworld_run(w, MINUTE);
		}
		stats[i] = reach_stats(w->reach);
		probes[i] = w->probes;
		transitions[i] = sim.transitions;
		fakeworld_fini(w);
	}
	ck_assert_mem_eq(&stats[0], &stats[1], sizeof(stats[0]));
	ck_assert_uint_eq(probes[0], probes[1]);
	ck_assert_uint_eq(transitions[0], transitions[1]);
}
END_TEST

START_TEST(test_reach_free_amid_work)
{
	begin(3);
	for (unsigned i = 0; i < DOMAINS; i++) {
		char name[32];
		snprintf(name, sizeof(name), "d%u.test", i);
		fakeworld_ask(w, name, (enum reach_interest)(i % 4));
		fakeworld_run(w, 7);
	}
	ck_assert_uint_gt(w->n_flight, 0);
	fakeworld_fini(w);
	reach_free(NULL);
	plans_free(NULL);
}
END_TEST

static Suite *
reach_suite(void)
{
	Suite *s = suite_create("reach");
	TCase *tc = tcase_create("week");
	tcase_set_timeout(tc, 300); // under valgrind
	tcase_add_loop_test(tc, test_reach_a_week, 1, 3);
	suite_add_tcase(s, tc);
	tc = tcase_create("reach");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_reach_probes_per_hour);
	tcase_add_test(tc, test_reach_block_to_detour_to_failback);
	tcase_add_test(tc, test_reach_is_deterministic);
	tcase_add_test(tc, test_reach_free_amid_work);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(reach_suite());
}
