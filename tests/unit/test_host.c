// SPDX-License-Identifier: MIT
// MX hosts: their addresses, by family and TTL, and the state these give them.
#include "reach_check.h"
#include "unit.h"
#include "world.h"

#include <stdio.h>

#define MX "mx.a.test"
#define A  "198.51.100.1"
#define B  "203.0.113.1"
#define C  "192.0.2.77"
#define V6 "2001:db8::1"

static uint32_t
host(void)
{
	uint32_t id = reach_find_host(w->reach, MX, strlen(MX));
	ck_assert_uint_ne(id, REACH_NONE);
	return id;
}

static enum reach_state
state(void)
{
	return reach_host_state(w->reach, host());
}

static enum reach_state
state_of_address(const char *address)
{
	struct reach_endpoint_view v;
	struct netaddr a;
	ck_assert(netaddr_parse(address, &a));
	for (uint32_t i = 0; reach_host_endpoint(w->reach, host(), i, &v); i++)
		if (netaddr_same_ip(&v.address, &a))
			return v.state;
	ck_abort_msg("no address %s", address);
	return REACH_UNKNOWN;
}

static unsigned
addresses(void)
{
	struct reach_endpoint_view v;
	unsigned n = 0;
	while (reach_host_endpoint(w->reach, host(), n, &v))
		n++;
	return n;
}

static void
add_domain(void)
{
	fakeworld_mx(w, "a.test", 10, MX, -1);
}

// What becomes of the answers of a family.
static struct answer_addr *
answers(int family)
{
	for (unsigned i = 0; i < w->n_addr; i++)
		if (strcmp(w->addr[i].name, MX) == 0 &&
		    w->addr[i].family == family)
			return &w->addr[i].answer;
	ck_abort_msg("no answers");
	return NULL;
}

// -- the truth table --------------------------------------------------------

// Each address by a letter: Up, Down, no Result, Special-purpose; '+': there
// are more, which are not kept.
static const struct {
	const char *addresses;
	enum reach_state want;
} states[] = {
    {"U", REACH_REACHABLE}, {"UU", REACH_REACHABLE},
    {"UR", REACH_REACHABLE}, // at least one up, none down
    {"UD", REACH_PARTIAL}, {"UDR", REACH_PARTIAL}, {"D", REACH_UNREACHABLE},
    {"DD", REACH_UNREACHABLE}, {"DR", REACH_UNKNOWN}, {"R", REACH_UNKNOWN},
    {"", REACH_ABSENT}, {"S", REACH_ABSENT},
    {"D+", REACH_UNKNOWN}, // what is not kept is not judged
    {"DD+", REACH_UNKNOWN}, {"S+", REACH_UNKNOWN}, {"U+", REACH_REACHABLE},
    {"UD+", REACH_PARTIAL},
    {"DD6", REACH_UNREACHABLE}, // of a family that is not probed
};

START_TEST(test_host_state)
{
	static const char *const address[] = {A, B, V6};
	w->params.ipv6 = strchr(states[_i].addresses, '6') == NULL;
	fakeworld_restart(w);
	add_domain();
	fakeworld_host(w, MX, NULL);
	answers(AF_INET)->more = strchr(states[_i].addresses, '+') != NULL;
	answers(AF_INET6)->more = !w->params.ipv6;
	for (int i = 0; strchr("+6", states[_i].addresses[i]) == NULL; i++) {
		bool special = states[_i].addresses[i] == 'S';
		struct answer_addr *to = answers(i < 2 ? AF_INET : AF_INET6);
		ck_assert(netaddr_parse(
		    special ? "0.0.0.0" : address[i], &to->addr[to->n]));
		to->outcome = ANSWER_OK;
		to->n++;
		if (states[_i].addresses[i] == 'D')
			world_block(address[i]);
		if (states[_i].addresses[i] == 'R')
			fakeworld_peer(w, address[i], OUTCOME_LOCAL_ERROR, 10);
	}
	fakeworld_settle(w, "a.test");
	ck_assert_msg(state() == states[_i].want, "row %d: %s: state %d", _i,
	    states[_i].addresses, state());
	reach_check(w->reach);
}
END_TEST

// An answer that is still out counts as an unknown address; a failed one does
// not, nor does a family that is not probed.
static const struct {
	enum answer_outcome v4, v6; // ANSWER_LOCAL: still out
	bool ipv6;
	const char *v4_address;
	bool blocked;
	enum reach_state want;
} pending[] = {
    {ANSWER_OK, ANSWER_LOCAL, true, A, false, REACH_REACHABLE},
    {ANSWER_OK, ANSWER_LOCAL, true, A, true, REACH_UNKNOWN},
    {ANSWER_OK, ANSWER_LOCAL, false, A, true, REACH_UNREACHABLE},
    {ANSWER_NODATA, ANSWER_LOCAL, true, NULL, false, REACH_UNKNOWN},
    {ANSWER_NODATA, ANSWER_LOCAL, false, NULL, false, REACH_ABSENT},
    {ANSWER_SERVFAIL, ANSWER_LOCAL, true, NULL, false, REACH_UNKNOWN},
    {ANSWER_SERVFAIL, ANSWER_LOCAL, false, NULL, false, REACH_UNREACHABLE},
    {ANSWER_SERVFAIL, ANSWER_SERVFAIL, true, NULL, false, REACH_UNREACHABLE},
    {ANSWER_SERVFAIL, ANSWER_NODATA, true, NULL, false, REACH_UNREACHABLE},
    {ANSWER_NODATA, ANSWER_TIMEOUT, true, NULL, false, REACH_UNREACHABLE},
    {ANSWER_NODATA, ANSWER_NXDOMAIN, true, NULL, false, REACH_ABSENT},
    {ANSWER_OK, ANSWER_SERVFAIL, true, A, true, REACH_UNREACHABLE},
    {ANSWER_OK, ANSWER_SERVFAIL, true, A, false, REACH_REACHABLE},
    {ANSWER_NXDOMAIN, ANSWER_NXDOMAIN, true, NULL, false, REACH_ABSENT},
};

START_TEST(test_host_pending_family)
{
	struct reach_due due;
	w->params.ipv6 = pending[_i].ipv6;
	fakeworld_restart(w);
	reach_lookup(w->reach, "a.test", 6, REACH_WANTED, w->now);
	while (reach_next(w->reach, w->now, &due)) {
		struct answer_mx mx = {.ttl_s = 3600, .n = 1};
		struct answer_addr addr = {.ttl_s = 3600};
		strcpy(mx.mx[0].host, MX);
		if (due.kind == REACH_DUE_MX) {
			reach_tell_mx(w->reach, due.id, &mx, w->now);
		} else if (due.kind == REACH_DUE_PROBE) {
			reach_tell_probe(w->reach, due.id,
			    pending[_i].blocked ? OUTCOME_CONNECT_TIMEOUT
						: OUTCOME_EHLO,
			    1, "", w->now);
		} else {
			addr.outcome = due.family == AF_INET ? pending[_i].v4
							     : pending[_i].v6;
			if (addr.outcome == ANSWER_LOCAL)
				continue;
			addr.n = addr.outcome == ANSWER_OK;
			if (addr.n > 0)
				ck_assert(netaddr_parse(
				    pending[_i].v4_address, &addr.addr[0]));
			reach_tell_address(
			    w->reach, due.id, due.family, &addr, w->now);
		}
	}
	ck_assert_msg(
	    state() == pending[_i].want, "row %d: state %d", _i, state());
}
END_TEST

// A family that a reload brings in is asked about at the next lookup; until its
// first result nothing changes, and its dead addresses change nothing.
START_TEST(test_host_family_by_reload)
{
	static const char v6[] = "2001:db8::25";
	w->params.ipv6 = false;
	fakeworld_restart(w);
	fakeworld_mx(w, "a.test", 10, MX, -1);
	fakeworld_host(w, MX, A, v6, NULL);
	world_block(A);
	fakeworld_peer(w, v6, _i == 0 ? OUTCOME_CONNECT_TIMEOUT : OUTCOME_EHLO,
	    _i == 0 ? 6000 : 10);
	assert_route(fakeworld_settle(w, "a.test"), "relay", "none-reachable");
	ck_assert_uint_eq(addresses(), 1);
	w->params.ipv6 = true;
	fakeworld_reconfigure(w);
	for (int i = 0; i < 100 && addresses() == 1; i++) {
		assert_route(fakeworld_ask(w, "a.test", REACH_ASKED), "relay",
		    "none-reachable");
		fakeworld_run(w, 10);
	}
	ck_assert_uint_eq(addresses(), 2);
	for (int i = 0; i < 100; i++) {
		struct route_view v = fakeworld_ask(w, "a.test", REACH_ASKED);
		if (v.route != ROUTE_RELAY)
			break;
		fakeworld_run(w, 100);
	}
	if (_i == 0)
		assert_route(fakeworld_ask(w, "a.test", REACH_ASKED), "relay",
		    "none-reachable");
	else
		ck_assert_int_eq(state(), REACH_PARTIAL);
}
END_TEST

// In place of the other family, none of whose addresses counts any more: it is
// not the DNS that failed.
START_TEST(test_host_family_swapped_by_reload)
{
	static const char v6[] = "2001:db8::25";
	w->params.ipv6 = false;
	fakeworld_restart(w);
	fakeworld_mx(w, "a.test", 10, MX, -1);
	fakeworld_host(w, MX, A, v6, NULL);
	fakeworld_settle(w, "a.test");
	w->params.ipv6 = true;
	w->params.ipv4 = false;
	fakeworld_reconfigure(w);
	fakeworld_run(w, MINUTE);
	ck_assert_int_eq(state(), REACH_UNKNOWN);
	assert_route(
	    fakeworld_ask(w, "a.test", REACH_ASKED), "direct", "unknown-yet");
	fakeworld_run(w, 2000);
	assert_route(
	    fakeworld_ask(w, "a.test", REACH_ASKED), "direct", "all-reachable");
}
END_TEST

// An answer that comes before the host had its turn in the reload changes
// nothing about it.
START_TEST(test_host_family_by_reload_amid_answers)
{
	struct reach_due due = {.id = REACH_NONE};
	struct answer_addr addr = {.ttl_s = 3600, .n = 1};
	w->params.ipv6 = false;
	fakeworld_restart(w);
	fakeworld_mx(w, "a.test", 10, MX, -1);
	fakeworld_host(w, MX, A, NULL);
	world_block(A);
	assert_route(fakeworld_settle(w, "a.test"), "relay", "none-reachable");
	w->now += 2 * HOUR;
	reach_lookup(w->reach, "a.test", 6, REACH_WANTED, w->now);
	do
		ck_assert(reach_next(w->reach, w->now, &due));
	while (due.kind != REACH_DUE_ADDRESS);
	w->params.ipv6 = true;
	reach_configure(w->reach, &w->params, w->now);
	ck_assert(netaddr_parse(A, &addr.addr[0]));
	reach_tell_address(w->reach, due.id, AF_INET, &addr, w->now);
	ck_assert_int_eq(state(), REACH_UNREACHABLE);
	while (reach_next(w->reach, w->now, &due))
		;
	ck_assert_int_eq(state(), REACH_UNREACHABLE);
}
END_TEST

// -- what a fresh address inherits (rule 2) ---------------------------------

static bool
has_address(const char *address)
{
	struct reach_endpoint_view v;
	struct netaddr a;
	ck_assert(netaddr_parse(address, &a));
	for (uint32_t i = 0; reach_host_endpoint(w->reach, host(), i, &v); i++)
		if (netaddr_same_ip(&v.address, &a))
			return true;
	return false;
}

// Runs until the DNS has told of this address in place of the others.
static void
replace(const char *address)
{
	fakeworld_host(w, MX, address, NULL);
	for (int i = 0; i < 15 * 60 && !has_address(address); i++) {
		fakeworld_ask(w, "a.test", REACH_ASKED);
		fakeworld_run(w, 1000);
	}
	ck_assert(has_address(address));
	ck_assert_uint_eq(addresses(), 1);
}

// Until its first result it counts as the host's last state.
START_TEST(test_host_fresh_address_inherits)
{
	static const struct {
		enum outcome was;
		enum reach_state want; // while the fresh one is unknown
		const char *route;
	} row[] = {
	    {OUTCOME_EHLO, REACH_REACHABLE, "direct"},
	    {OUTCOME_CONNECT_TIMEOUT, REACH_UNREACHABLE, "relay"},
	    {OUTCOME_CONNECT_REFUSED, REACH_UNREACHABLE, "direct"},
	    {OUTCOME_LOCAL_ERROR, REACH_UNKNOWN, "direct"},
	};
	add_domain();
	fakeworld_host(w, MX, A, NULL);
	fakeworld_peer(w, A, row[_i].was, 10);
	fakeworld_peer(w, B, OUTCOME_EHLO, 20000); // a slow first result
	fakeworld_settle(w, "a.test");
	replace(B);
	ck_assert_int_eq(state_of_address(B), REACH_UNKNOWN);
	ck_assert_msg(state() == row[_i].want, "row %d: %d", _i, state());
	ck_assert_str_eq(
	    route_name(fakeworld_ask(w, "a.test", REACH_ASKED).route),
	    row[_i].route);
	// The filter never drops an address that was not probed.
	struct netaddr b;
	ck_assert(netaddr_parse(B, &b));
	ck_assert(!plans_filter(w->plans, MX, &b));
	fakeworld_run(w, 21000);
	ck_assert_int_eq(state(), REACH_REACHABLE);
	reach_check(w->reach);
}
END_TEST

START_TEST(test_host_partial_gives_unknown)
{
	add_domain();
	fakeworld_host(w, MX, A, B, NULL);
	world_block(A);
	fakeworld_peer(w, C, OUTCOME_EHLO, 20000);
	fakeworld_settle(w, "a.test");
	ck_assert_int_eq(state(), REACH_PARTIAL);
	replace(C);
	ck_assert_int_eq(state(), REACH_UNKNOWN);
}
END_TEST

// What the DNS alone said is no state to inherit.
START_TEST(test_host_by_dns_gives_unknown)
{
	add_domain();
	fakeworld_host_fails(w, MX, ANSWER_SERVFAIL);
	fakeworld_settle(w, "a.test");
	ck_assert_int_eq(state(), REACH_UNREACHABLE);
	fakeworld_peer(w, C, OUTCOME_EHLO, 20000);
	replace(C);
	ck_assert_int_eq(state(), REACH_UNKNOWN);
}
END_TEST

// An address known from another host keeps its own state.
START_TEST(test_host_known_address_keeps_its_state)
{
	add_domain();
	fakeworld_host(w, MX, A, NULL);
	world_block(B);
	world_add_simple("b.test", "mx.b.test", B);
	fakeworld_settle(w, "a.test");
	fakeworld_settle(w, "b.test");
	ck_assert_int_eq(state(), REACH_REACHABLE);
	replace(B);
	ck_assert_int_eq(state_of_address(B), REACH_UNREACHABLE);
	ck_assert_int_eq(state(), REACH_UNREACHABLE);
	fakeworld_run(w, 30 * MINUTE); // the address that nobody has any more
	ck_assert_uint_eq(reach_stats(w->reach).endpoints, 1);
	reach_check(w->reach);
}
END_TEST

// Rotation: addresses that come and go by the TTL leave no trace for longer
// than an interval, and those that stay keep what they had.
START_TEST(test_host_rotation)
{
	static const char *const turn[][2] = {{A, B}, {B, C}, {C, A}};
	add_domain();
	fakeworld_host(w, MX, A, B, NULL);
	fakeworld_settle(w, "a.test");
	for (int i = 1; i < 30; i++) {
		fakeworld_run(w, 6 * MINUTE);
		fakeworld_host(w, MX, turn[i % 3][0], turn[i % 3][1], NULL);
		fakeworld_ask(w, "a.test", REACH_ASKED);
		fakeworld_run(w, 100);
		ck_assert_uint_eq(addresses(), 2);
		ck_assert_int_eq(state(), REACH_REACHABLE);
		ck_assert_int_eq(
		    state_of_address(turn[i % 3][0]), REACH_REACHABLE);
		fakeworld_run(w, MINUTE);
		ck_assert_uint_le(reach_stats(w->reach).endpoints, 3);
		reach_check(w->reach);
	}
	for (unsigned i = 0; i < w->n_log; i++) // and no change of the set
		ck_assert_int_eq(w->log[i].change.kind, REACH_CHANGE_ENDPOINT);
	fakeworld_run(w, 31 * MINUTE);
	ck_assert_uint_eq(reach_stats(w->reach).endpoints, 2);
	reach_check(w->reach);
}
END_TEST

// Rule 3 holds for addresses that take turns, too: one that is up is refreshed
// after the interval, one that is down by its back-off, not at each turn.
START_TEST(test_host_turns_are_not_probed_anew)
{
	add_domain();
	fakeworld_host(w, MX, A, NULL);
	world_block(B);
	fakeworld_settle(w, "a.test");
	for (int i = 0; i < 60; i++) { // in ten hours
		fakeworld_run(w, 5 * MINUTE + 1000);
		fakeworld_host(w, MX, i % 2 == 0 ? B : A, NULL);
		fakeworld_ask(w, "a.test", REACH_ASKED);
		fakeworld_run(w, 5 * MINUTE);
		fakeworld_ask(w, "a.test", REACH_ASKED);
		reach_check(w->reach);
	}
	ck_assert_uint_le(fakeworld_at(w, A)->probes, 10 * 2 + 3);
	ck_assert_uint_ge(fakeworld_at(w, A)->probes, 10);
	ck_assert_uint_le(fakeworld_at(w, B)->probes, 10 * 7 + 3);
	ck_assert_uint_ge(fakeworld_at(w, B)->probes, 10 * 2);
}
END_TEST

// What comes back keeps its verdict, which one lost probe does not turn.
START_TEST(test_host_address_comes_back)
{
	add_domain();
	fakeworld_host(w, MX, A, NULL);
	fakeworld_settle(w, "a.test");
	replace(B);
	fakeworld_run(w, 20 * MINUTE);
	world_block(A);
	replace(A);
	ck_assert_int_eq(state_of_address(A), REACH_REACHABLE);
	fakeworld_run(w, 15 * MINUTE); // its refresh, and what followed
	ck_assert_int_eq(state_of_address(A), REACH_UNREACHABLE);
	replace(B);
	fakeworld_run(w, 9 * MINUTE); // its probe is overdue
	unsigned before = fakeworld_at(w, A)->probes;
	replace(A);
	ck_assert_int_eq(state_of_address(A), REACH_UNREACHABLE);
	ck_assert_uint_eq(fakeworld_at(w, A)->probes, before + 1);
	replace(B);
	fakeworld_run(w, 31 * MINUTE);
	ck_assert_uint_eq(reach_stats(w->reach).endpoints, 1);
	reach_check(w->reach);
}
END_TEST

// No verdict is kept for a later turn when records run short.
START_TEST(test_host_gone_address_makes_room)
{
	add_domain();
	fakeworld_host(w, MX, A, NULL);
	fakeworld_settle(w, "a.test");
	w->reach->endpoints.max = 2;
	replace(B);
	ck_assert_uint_eq(reach_stats(w->reach).endpoints, 1);
	reach_check(w->reach);
}
END_TEST

START_TEST(test_host_same_address_twice)
{
	add_domain();
	fakeworld_host(w, MX, A, B, A, A, B, NULL);
	fakeworld_settle(w, "a.test");
	ck_assert_uint_eq(addresses(), 2);
	reach_check(w->reach);
}
END_TEST

// -- failures ---------------------------------------------------------------

START_TEST(test_host_failure_keeps_addresses)
{
	w->params.stale_ms = 2 * HOUR;
	fakeworld_restart(w);
	add_domain();
	fakeworld_host(w, MX, A, V6, NULL);
	fakeworld_settle(w, "a.test");
	int64_t learnt_at = w->now - MINUTE;
	*answers(AF_INET) = (struct answer_addr){.outcome = ANSWER_TIMEOUT};
	while (w->now < learnt_at + 2 * HOUR) {
		fakeworld_ask(w, "a.test", REACH_ASKED);
		ck_assert_uint_eq(addresses(), 2);
		fakeworld_run(w, MINUTE);
	}
	while (w->now < learnt_at + 2 * HOUR + 15 * MINUTE) {
		fakeworld_ask(w, "a.test", REACH_ASKED);
		fakeworld_run(w, MINUTE);
	}
	// Beyond stale, those of the family that fails are given up.
	ck_assert_uint_eq(addresses(), 1);
	ck_assert_int_eq(state_of_address(V6), REACH_REACHABLE);
	*answers(AF_INET6) = (struct answer_addr){.outcome = ANSWER_TIMEOUT};
	for (int i = 0; i < 150; i++) {
		fakeworld_ask(w, "a.test", REACH_ASKED);
		fakeworld_run(w, MINUTE);
	}
	ck_assert_uint_eq(addresses(), 0);
	assert_route(
	    fakeworld_ask(w, "a.test", REACH_ASKED), "direct", "dns-failure");
	reach_check(w->reach);
}
END_TEST

START_TEST(test_host_asked_again_only_when_used)
{
	add_domain();
	fakeworld_host(w, MX, A, NULL);
	fakeworld_settle(w, "a.test");
	fakeworld_run(w, HOUR);
	unsigned before = w->questions;
	fakeworld_run(w, 100 * HOUR);
	ck_assert_uint_le(w->questions, before + 2);
}
END_TEST

// -- gone while its answers are out -----------------------------------------

struct out { // questions of one host
	uint32_t id;
	int n;
};

static struct out
begin_addresses(void)
{
	struct reach_due due;
	struct out out = {0};
	add_domain();
	reach_lookup(w->reach, "a.test", 6, REACH_WANTED, w->now);
	while (reach_next(w->reach, w->now, &due)) {
		if (due.kind == REACH_DUE_MX) {
			struct answer_mx mx = {.ttl_s = 60, .n = 1};
			strcpy(mx.mx[0].host, MX);
			reach_tell_mx(w->reach, due.id, &mx, w->now);
		} else {
			out.id = due.id;
			out.n++;
		}
	}
	return out;
}

static void
forget_domain(void)
{
	struct reach_due due;
	struct reach_change c;
	struct answer_mx none = {.outcome = ANSWER_NXDOMAIN};
	w->now += HOUR;
	reach_lookup(w->reach, "a.test", 6, REACH_WANTED, w->now);
	while (reach_next(w->reach, w->now, &due))
		if (due.kind == REACH_DUE_MX)
			reach_tell_mx(w->reach, due.id, &none, w->now);
	while (reach_take_change(w->reach, &c))
		if (c.kind == REACH_CHANGE_SET_GONE)
			plans_on_set_gone(w->plans, c.id);
}

START_TEST(test_host_gone_while_resolving)
{
	struct answer_addr answer = {.ttl_s = 60, .n = 1};
	struct out out = begin_addresses();
	ck_assert_int_eq(out.n, 2);
	ck_assert(netaddr_parse(A, &answer.addr[0]));
	forget_domain();
	ck_assert_uint_eq(reach_stats(w->reach).sets, 0);
	ck_assert_uint_eq(reach_stats(w->reach).hosts, 1);
	ck_assert_str_eq(reach_host_name(w->reach, out.id), MX);
	reach_tell_address(w->reach, out.id, AF_INET, &answer, w->now);
	ck_assert_uint_eq(reach_stats(w->reach).hosts, 1);
	reach_check(w->reach);
	reach_tell_address(w->reach, out.id, AF_INET6, &answer, w->now);
	ck_assert_uint_eq(reach_stats(w->reach).hosts, 0);
	ck_assert_uint_eq(reach_stats(w->reach).endpoints, 0);
	reach_check(w->reach);
}
END_TEST

// Listed again before its second answer is in: the first one, which nobody
// wanted, does not count as one.
START_TEST(test_host_back_while_resolving)
{
	struct answer_addr v4 = {.ttl_s = 60, .n = 1};
	struct answer_addr none = {.outcome = ANSWER_NODATA};
	struct reach_due due;
	struct out out = begin_addresses();
	ck_assert(netaddr_parse(A, &v4.addr[0]));
	forget_domain();
	reach_tell_address(w->reach, out.id, AF_INET, &v4, w->now);
	fakeworld_mx(w, "b.test", 10, MX, -1);
	reach_lookup(w->reach, "b.test", 6, REACH_WANTED, w->now);
	ck_assert(reach_next(w->reach, w->now, &due));
	struct answer_mx mx = {.ttl_s = 60, .n = 1};
	strcpy(mx.mx[0].host, MX);
	reach_tell_mx(w->reach, due.id, &mx, w->now);
	ck_assert_uint_eq(host(), out.id);
	reach_tell_address(w->reach, out.id, AF_INET6, &none, w->now);
	ck_assert_int_eq(state(), REACH_UNKNOWN);
	ck_assert(reach_next(w->reach, w->now, &due)); // asked again
	ck_assert_int_eq(due.kind, REACH_DUE_ADDRESS);
	ck_assert_int_eq(due.family, AF_INET);
	reach_tell_address(w->reach, due.id, AF_INET, &v4, w->now);
	ck_assert_uint_eq(addresses(), 1);
	reach_check(w->reach);
}
END_TEST

// An address that its host lost while it was probed: the verdict is kept for an
// interval, as others that take turns are, and is nobody's news.
START_TEST(test_host_address_gone_while_probed)
{
	add_domain();
	fakeworld_host(w, MX, A, NULL);
	fakeworld_peer(w, A, OUTCOME_EHLO, 10 * MINUTE);
	fakeworld_ask(w, "a.test", REACH_WANTED);
	fakeworld_run(w, 1000);
	ck_assert_uint_eq(reach_stats(w->reach).probing, 1);
	replace(B);
	ck_assert_uint_eq(reach_stats(w->reach).endpoints, 2);
	reach_check(w->reach);
	fakeworld_run(w, 10 * MINUTE);
	ck_assert_uint_eq(reach_stats(w->reach).endpoints, 2);
	for (unsigned i = 0; i < w->n_log; i++)
		ck_assert(w->log[i].change.kind != REACH_CHANGE_ENDPOINT ||
			  w->log[i].change.sets > 0);
	reach_check(w->reach);
	fakeworld_run(w, 40 * MINUTE);
	ck_assert_uint_eq(reach_stats(w->reach).endpoints, 1);
	reach_check(w->reach);
}
END_TEST

// A full memory keeps what it knows rather than to take addresses for none.
START_TEST(test_host_no_room_for_addresses)
{
	add_domain();
	fakeworld_host(w, MX, A, NULL);
	world_block(A);
	fakeworld_settle(w, "a.test");
	uint32_t max = w->reach->endpoints.max;
	w->reach->endpoints.max = w->reach->endpoints.used;
	fakeworld_host(w, MX, B, NULL);
	reach_hold(w->reach, fakeworld_domain(w, "a.test"));
	fakeworld_run(w, 6 * MINUTE);
	fakeworld_ask(w, "a.test", REACH_AWAITED);
	ck_assert_uint_eq(addresses(), 1);
	assert_route(
	    fakeworld_ask(w, "a.test", REACH_ASKED), "relay", "none-reachable");
	w->reach->endpoints.max = max;
	fakeworld_ask(w, "a.test", REACH_AWAITED);
	fakeworld_run(w, 5 * MINUTE); // asked again soon
	ck_assert(has_address(B));
	ck_assert_uint_eq(addresses(), 1);
	reach_release(w->reach, fakeworld_domain(w, "a.test"));
	reach_check(w->reach);
}
END_TEST

// -- more addresses than are kept -------------------------------------------

// Nobody waits for what is not kept, and it changes no route but that of hosts
// all of whose other addresses are dead: these may be up.
START_TEST(test_host_with_more_is_not_waited_for)
{
	fakeworld_mx(w, "a.test", 10, MX, 20, "mx.b.test", -1);
	fakeworld_host(w, MX, A, NULL);
	answers(AF_INET)->more = true;
	fakeworld_host(w, "mx.b.test", B, NULL);
	world_block(A);
	world_block(B);
	struct route_view v = fakeworld_settle(w, "a.test");
	assert_route(v, "direct", "unknown-yet");
	ck_assert(v.known);
	reach_check(w->reach);
	world_unblock(B);
	fakeworld_run(w, HOUR);
	v = fakeworld_ask(w, "a.test", REACH_WANTED);
	assert_route(v, "direct", "all-reachable");
	ck_assert(v.known);
	// A rule by suffix does not catch it: what is not kept could be ours.
	fakeworld_configure(
	    w, "rules=({domain=[\"*.test\"];route=\"relay\";});");
	fakeworld_run(w, MINUTE);
	v = fakeworld_ask(w, "a.test", REACH_WANTED);
	assert_route(v, "direct", "unknown-yet");
	ck_assert(v.known);
	fakeworld_configure(w, "");
	// Once all are kept they are all that count.
	answers(AF_INET)->more = false;
	fakeworld_run(w, HOUR);
	fakeworld_settle(w, "a.test");
	assert_route(fakeworld_settle(w, "a.test"), "steer", "some-reachable");
	reach_check(w->reach);
}
END_TEST

// A family's addresses go, and what was not kept of them, when the DNS fails
// for too long.
START_TEST(test_host_with_more_beyond_stale)
{
	w->params.stale_ms = HOUR;
	fakeworld_restart(w);
	add_domain();
	w->mx[0].answer.ttl_s = 86400;
	fakeworld_host(w, MX, A, NULL);
	answers(AF_INET)->more = true;
	world_block(A);
	assert_route(fakeworld_settle(w, "a.test"), "direct", "unknown-yet");
	fakeworld_host_fails(w, MX, ANSWER_SERVFAIL);
	for (int i = 0; i < 3 * 60; i++) {
		fakeworld_ask(w, "a.test", REACH_WANTED);
		fakeworld_run(w, MINUTE);
	}
	assert_route(
	    fakeworld_ask(w, "a.test", REACH_ASKED), "direct", "dns-failure");
	ck_assert_uint_eq(addresses(), 0);
	reach_check(w->reach);
}
END_TEST

// -- hosts that are addresses -----------------------------------------------

// As Postfix takes them: connected to, no name asked for. Each case with the
// addresses that drop what is sent to them.
static const struct {
	const char *best, *backup; // "": none
	const char *dead[2];
	const char *route, *reason;
} literals[] = {
    {A, MX, {B}, "direct", "best-reachable"},
    {A, MX, {A}, "steer", "some-reachable"},
    {A, MX, {A, B}, "relay", "none-reachable"},
    {MX, A, {B}, "steer", "some-reachable"},
    {MX, A, {A}, "direct", "best-reachable"},
    {A, "", {A}, "relay", "none-reachable"},
    {A, "", {NULL}, "direct", "all-reachable"},
    {V6, MX, {V6}, "steer", "some-reachable"},
    {A, C, {A}, "steer", "some-reachable"},
    {"224.0.0.1", "", {NULL}, "direct", "no-mx"},
    {"224.0.0.1", MX, {B}, "relay", "none-reachable"},
    {"0.0.0.0", MX, {NULL}, "direct", "all-reachable"},
};

START_TEST(test_host_literal_is_judged)
{
	bool backup = literals[_i].backup[0] != '\0';
	fakeworld_mx(w, "a.test", 10, literals[_i].best, backup ? 20 : -1,
	    literals[_i].backup, -1);
	fakeworld_host(w, MX, B, NULL);
	for (int i = 0; i < 2 && literals[_i].dead[i] != NULL; i++)
		world_block(literals[_i].dead[i]);
	assert_route(fakeworld_settle(w, "a.test"), literals[_i].route,
	    literals[_i].reason);
	reach_check(w->reach);
}
END_TEST

// Nothing of it expires: neither with time, nor by a reload, nor because the
// DNS fails.
START_TEST(test_host_literal_is_never_asked_about)
{
	world_block(A);
	fakeworld_mx(w, "a.test", 10, A, -1);
	w->mx[0].answer.ttl_s = UINT32_MAX;
	w->params.max_ttl_ms = (int64_t)HOUR * 24 * 30;
	w->params.stale_ms = 0;
	fakeworld_restart(w);
	assert_route(fakeworld_settle(w, "a.test"), "relay", "none-reachable");
	for (int i = 0; i < 24 * 20; i++) {
		fakeworld_run(w, HOUR);
		if (i % 24 == 0)
			fakeworld_reconfigure(w);
		assert_route(fakeworld_ask(w, "a.test", REACH_WANTED), "relay",
		    "none-reachable");
	}
	ck_assert_uint_eq(w->questions, 1); // about its MX
	reach_check(w->reach);
	world_unblock(A);
	fakeworld_run(w, HOUR);
	assert_route(
	    fakeworld_ask(w, "a.test", REACH_ASKED), "direct", "all-reachable");
}
END_TEST

// Rule 5; the address may also come and go with the configuration.
START_TEST(test_host_literal_is_ourselves)
{
	struct netaddr own;
	ck_assert(netaddr_parse(A, &own));
	w->params.self_addresses = &own;
	w->params.n_self_addresses = 1;
	fakeworld_restart(w);
	fakeworld_mx(w, "a.test", 10, B, 20, A, -1);
	world_block(A);
	world_block(B);
	assert_route(fakeworld_settle(w, "a.test"), "direct", "self");
	w->params.n_self_addresses = 0;
	fakeworld_reconfigure(w);
	fakeworld_run(w, MINUTE);
	assert_route(fakeworld_settle(w, "a.test"), "relay", "none-reachable");
	w->params.n_self_addresses = 1;
	fakeworld_reconfigure(w);
	assert_route(fakeworld_settle(w, "a.test"), "direct", "self");
	reach_check(w->reach);
}
END_TEST

// One verdict, whoever has the address; it stays when its other hosts go.
START_TEST(test_host_literal_shares_its_address)
{
	fakeworld_mx(w, "a.test", 10, MX, -1);
	fakeworld_mx(w, "b.test", 10, A, -1);
	fakeworld_host(w, MX, A, NULL);
	world_block(A);
	fakeworld_settle(w, "a.test");
	unsigned probes = w->probes;
	assert_route(fakeworld_settle(w, "b.test"), "relay", "none-reachable");
	ck_assert_uint_le(w->probes, probes + 1);
	ck_assert_uint_eq(reach_stats(w->reach).endpoints, 1);
	replace(B);
	assert_route(
	    fakeworld_ask(w, "b.test", REACH_ASKED), "relay", "none-reachable");
	reach_check(w->reach);
}
END_TEST

// The family that is not probed is one that the MTA does not use, either.
START_TEST(test_host_literal_family_by_reload)
{
	fakeworld_mx(w, "a.test", 10, V6, 20, MX, -1);
	fakeworld_host(w, MX, A, NULL);
	world_block(V6);
	assert_route(fakeworld_settle(w, "a.test"), "steer", "some-reachable");
	w->params.ipv6 = false;
	fakeworld_reconfigure(w);
	assert_route(fakeworld_settle(w, "a.test"), "direct", "all-reachable");
	w->params.ipv6 = true;
	fakeworld_reconfigure(w);
	assert_route(fakeworld_settle(w, "a.test"), "steer", "some-reachable");
	reach_check(w->reach);
}
END_TEST

static void
no_domain(const char *name, struct answer_mx *out)
{
	(void)name;
	*out = (struct answer_mx){.outcome = ANSWER_NXDOMAIN};
}

// A down one that nobody asks for is forgotten, and learnt anew when asked for;
// the host goes with the last domain that lists it.
START_TEST(test_host_literal_is_forgotten)
{
	w->params.idle_ms = 2 * HOUR;
	fakeworld_restart(w);
	fakeworld_mx(w, "a.test", 10, A, -1);
	world_block(A);
	fakeworld_settle(w, "a.test");
	fakeworld_run(w, 3 * HOUR);
	uint32_t id = reach_find_host(w->reach, A, strlen(A));
	ck_assert_int_eq(reach_host_state(w->reach, id), REACH_UNKNOWN);
	assert_route(fakeworld_settle(w, "a.test"), "relay", "none-reachable");
	w->script.mx = no_domain;
	for (unsigned i = 0; i < w->params.max_domains; i++) {
		char name[32];
		snprintf(name, sizeof(name), "n%u.test", i);
		fakeworld_ask(w, name, REACH_WANTED);
		fakeworld_run(w, 100);
	}
	ck_assert_uint_eq(fakeworld_domain(w, "a.test"), REACH_NONE);
	ck_assert_uint_eq(reach_find_host(w->reach, A, strlen(A)), REACH_NONE);
	reach_check(w->reach);
}
END_TEST

// The set of a host whose address finds no room is not taken for another.
START_TEST(test_host_literal_has_no_room)
{
	fakeworld_mx(w, "a.test", 10, A, -1);
	fakeworld_mx(w, "b.test", 10, MX, 20, B, -1);
	fakeworld_host(w, MX, A, NULL);
	fakeworld_settle(w, "a.test");
	uint32_t max = w->reach->endpoints.max;
	reach_hold(w->reach, fakeworld_domain(w, "a.test"));
	w->reach->endpoints.max = w->reach->endpoints.used;
	assert_route(fakeworld_settle(w, "b.test"), "direct", "dns-failure");
	ck_assert_uint_eq(reach_find_host(w->reach, B, strlen(B)), REACH_NONE);
	reach_check(w->reach);
	w->reach->endpoints.max = max;
	fakeworld_run(w, 10 * MINUTE);
	assert_route(fakeworld_settle(w, "b.test"), "direct", "all-reachable");
	reach_release(w->reach, fakeworld_domain(w, "a.test"));
	reach_check(w->reach);
}
END_TEST

// -- views ------------------------------------------------------------------

static struct reach_address_view
view(const char *owner, const char *address)
{
	struct reach_address_view v;
	struct netaddr a;
	ck_assert(netaddr_parse(address, &a));
	if (!reach_address_view(w->reach, owner, &a, NULL, NULL, &v))
		return (struct reach_address_view){0};
	return v;
}

START_TEST(test_host_address_view)
{
	fakeworld_mx(w, "a.test", 10, MX, 20, "mx2.a.test", -1);
	fakeworld_host(w, MX, A, B, NULL);
	fakeworld_host(w, "mx2.a.test", C, NULL);
	world_block(A);
	fakeworld_peer(w, C, OUTCOME_CONNECT_REFUSED, 10);
	fakeworld_settle(w, "a.test");
	struct reach_address_view v = view(MX, A);
	ck_assert(v.dead && !v.refused && v.partial && v.some && !v.none);
	ck_assert_uint_eq(v.hosts, 1);
	ck_assert_uint_ne(host(), REACH_NONE);
	v = view(MX, B);
	ck_assert(!v.dead);
	v = view("mx2.a.test", C);
	ck_assert(v.dead && v.refused && !v.partial && v.some);
	ck_assert_uint_eq(view("mx2.a.test", A).hosts, 0);
	ck_assert_uint_eq(view("other.test", A).hosts, 0);
	ck_assert_uint_eq(view(MX, "192.0.2.200").hosts, 0);
	world_block(B);
	world_block(C);
	for (int i = 0; i < 3; i++) {
		fakeworld_run(w, HOUR);
		fakeworld_ask(w, "a.test", REACH_ASKED);
	}
	v = view(MX, A);
	ck_assert(v.dead && !v.partial && !v.some && v.none);
}
END_TEST

// An MX host that is an alias: the records of its addresses carry the name
// where its CNAMEs end.
START_TEST(test_host_address_view_of_alias)
{
	fakeworld_mx(w, "a.test", 10, MX, 20, "mx2.a.test", -1);
	fakeworld_host(w, MX, A, NULL);
	strcpy(answers(AF_INET)->canonical, "real.b.test");
	fakeworld_host(w, "mx2.a.test", B, NULL);
	world_block(A);
	fakeworld_settle(w, "a.test");
	struct reach_address_view v = view("real.b.test", A);
	ck_assert(v.dead && v.some);
	ck_assert_uint_eq(v.hosts, 1);
	ck_assert_uint_ne(host(), REACH_NONE);
	ck_assert(view(MX, A).dead);
	// Whatever address it has by now.
	ck_assert(reach_is_host_name(w->reach, "real.b.test"));
	ck_assert(reach_is_host_name(w->reach, MX));
	ck_assert(!reach_is_host_name(w->reach, "b.test"));
	// Its target is an MX host, too, of another set: both count.
	world_add_simple("b.test", "real.b.test", A);
	fakeworld_settle(w, "b.test");
	v = view("real.b.test", A);
	ck_assert(v.dead && v.some && v.none);
	// The alias moved on.
	strcpy(answers(AF_INET)->canonical, "");
	fakeworld_run(w, 6 * MINUTE);
	fakeworld_settle(w, "a.test");
	v = view("real.b.test", A);
	ck_assert(v.dead && !v.some && v.none);
}
END_TEST

// Aliases of one name come and go in any order; each is found while it is
// there.
START_TEST(test_host_aliases_of_one_name)
{
	enum { N = 5 };
	static const char *const host[N] = {
	    "mx.a.test", "mx.b.test", "mx.c.test", "mx.d.test", "mx.e.test"};
	static const int gone[N] = {
	    2, 4, 0, 1, 3}; // the order in which they go
	fakeworld_configure(w, "dns={min_ttl=\"1s\";max_ttl=\"1s\";};");
	w->params.min_ttl_ms = w->params.max_ttl_ms = 1000;
	fakeworld_restart(w);
	for (int i = 0; i < N; i++) {
		fakeworld_mx(w, host[i] + 3, 10, host[i], -1);
		fakeworld_host(w, host[i], A, NULL);
	}
	for (unsigned k = 0; k < w->n_addr; k++)
		strcpy(w->addr[k].answer.canonical, "real.test");
	world_block(A);
	for (int i = 0; i < N; i++)
		fakeworld_settle(w, host[i] + 3);
	for (int i = 0; i < N; i++) {
		ck_assert_uint_eq(
		    view("real.test", A).hosts, (unsigned)(N - i));
		for (unsigned k = 0; k < w->n_addr; k++)
			if (strcmp(w->addr[k].name, host[gone[i]]) == 0)
				w->addr[k].answer.canonical[0] = '\0';
		fakeworld_run(w, 10 * 1000);
		fakeworld_ask(w, host[gone[i]] + 3, REACH_WANTED);
		fakeworld_run(w, 10 * 1000);
		reach_check(w->reach);
	}
	ck_assert_uint_eq(view("real.test", A).hosts, 0);
}
END_TEST

static unsigned spare_asked;

static bool
spare_counts(const char *name, const void *arg)
{
	(void)name;
	spare_asked++;
	return *(const bool *)arg;
}

// One host that is spared spares the address: no more of them are looked at.
START_TEST(test_host_spared_once)
{
	enum { N = 8 };
	struct reach_address_view v;
	struct netaddr a;
	char domain[16], host[16];
	for (int i = 0; i < N; i++) {
		snprintf(domain, sizeof(domain), "d%d.test", i);
		snprintf(host, sizeof(host), "mx.d%d.test", i);
		fakeworld_mx(w, domain, 10, host, -1);
		fakeworld_host(w, host, A, NULL);
	}
	for (unsigned k = 0; k < w->n_addr; k++)
		strcpy(w->addr[k].answer.canonical, "real.test");
	world_block(A);
	for (int i = 0; i < N; i++) {
		snprintf(domain, sizeof(domain), "d%d.test", i);
		fakeworld_settle(w, domain);
	}
	ck_assert(netaddr_parse(A, &a));
	for (int spared = 0; spared < 2; spared++) {
		const bool arg = spared;
		spare_asked = 0;
		ck_assert(reach_address_view(
		    w->reach, "real.test", &a, spare_counts, &arg, &v));
		ck_assert(v.spared == arg);
		ck_assert_uint_eq(v.hosts, N);
		ck_assert_uint_eq(spare_asked, arg ? 1 : N);
	}
}
END_TEST

static bool
spare_is_not_asked(const char *name, const void *arg)
{
	(void)arg;
	ck_abort_msg("%s is live", name);
	return true;
}

// A live address may be shared by thousands of hosts in as many sets: that it
// is live is all that is looked at.
START_TEST(test_host_address_view_of_live)
{
	struct reach_address_view v;
	struct netaddr a;
	fakeworld_mx(w, "a.test", 10, MX, 20, "real.b.test", -1);
	fakeworld_host(w, MX, A, NULL);
	strcpy(answers(AF_INET)->canonical, "real.b.test");
	fakeworld_host(w, "real.b.test", A, NULL);
	fakeworld_settle(w, "a.test");
	ck_assert(netaddr_parse(A, &a));
	ck_assert(reach_address_view(
	    w->reach, "real.b.test", &a, spare_is_not_asked, NULL, &v));
	ck_assert(!v.dead);
	ck_assert_uint_eq(v.hosts, 1);
	world_block(A);
	for (int i = 0; i < 3; i++) {
		fakeworld_run(w, HOUR);
		fakeworld_ask(w, "a.test", REACH_ASKED);
	}
	v = view("real.b.test", A);
	ck_assert(v.dead && v.none);
	ck_assert_uint_eq(v.hosts, 2);
}
END_TEST

static void
script_tenant(const char *name, struct answer_mx *out)
{
	*out = (struct answer_mx){.ttl_s = 86400, .n = 2};
	out->mx[0].preference = 1;
	out->mx[1].preference = 2;
	snprintf(out->mx[0].host, DNAME_SIZE, "mx.%s", name);
	snprintf(out->mx[1].host, DNAME_SIZE, "other.%s", name);
}

static void
script_tenant_address(const char *name, int family, struct answer_addr *out)
{
	*out = (struct answer_addr){.outcome = ANSWER_NODATA, .ttl_s = 86400};
	if (family != AF_INET)
		return;
	out->outcome = ANSWER_OK;
	out->n = 1;
	ck_assert(netaddr_parse(name[0] == 'm' ? A : B, &out->addr[0]));
}

static enum outcome
script_tenant_probe(const struct netaddr *to, int64_t *latency_ms)
{
	*latency_ms = 10;
	return to->ip[0] == 198 ? OUTCOME_CONNECT_RESET : OUTCOME_EHLO;
}

// Ten thousand tenants' names at one address: each is found.
START_TEST(test_host_many_at_one_address)
{
	enum { TENANTS = 10000 };
	char name[32];
	w->params.max_domains = 2 * TENANTS;
	fakeworld_restart(w);
	w->script = (struct fakeworld_script){
	    .mx = script_tenant,
	    .addr = script_tenant_address,
	    .probe = script_tenant_probe,
	};
	for (int i = 0; i < TENANTS; i++) {
		int len = snprintf(name, sizeof(name), "t%d.test", i);
		reach_lookup(w->reach, name, (size_t)len, REACH_WANTED, w->now);
		if (i % 100 == 0)
			fakeworld_run(w, 100);
	}
	fakeworld_run(w, 10 * MINUTE);
	ck_assert_uint_eq(reach_stats(w->reach).hosts, 2 * TENANTS);
	ck_assert_uint_eq(reach_stats(w->reach).endpoints, 2);
	ck_assert_uint_le(w->probes, 2 + 8); // rule 1
	for (int i = 0; i < TENANTS; i += 99) {
		snprintf(name, sizeof(name), "mx.t%d.test", i);
		struct reach_address_view v = view(name, A);
		ck_assert_msg(v.dead && v.some, "%s", name);
	}
	ck_assert_uint_eq(plans_count(w->plans, ROUTE_STEER), TENANTS);
	reach_check(w->reach);
}
END_TEST

START_TEST(test_host_text_of_last_failure)
{
	struct reach_endpoint_view v;
	add_domain();
	fakeworld_host(w, MX, A, NULL);
	fakeworld_settle(w, "a.test");
	ck_assert(reach_host_endpoint(w->reach, host(), 0, &v));
	ck_assert_str_eq(v.text, "");
	world_block(A);
	for (int i = 0; i < 3; i++) {
		fakeworld_ask(w, "a.test", REACH_ASKED);
		fakeworld_run(w, 31 * MINUTE);
	}
	ck_assert_int_eq(state(), REACH_UNREACHABLE);
	ck_assert(reach_host_endpoint(w->reach, host(), 0, &v));
	ck_assert_str_eq(v.text, "went wrong");
	ck_assert_int_eq(v.outcome, OUTCOME_CONNECT_TIMEOUT);
	world_unblock(A);
	fakeworld_run(w, 11 * MINUTE);
	ck_assert_int_eq(state(), REACH_REACHABLE);
	ck_assert(reach_host_endpoint(w->reach, host(), 0, &v));
	ck_assert_str_eq(v.text, "went wrong");
	ck_assert_int_eq(v.outcome, OUTCOME_EHLO);
	ck_assert_int_gt(v.observed_at, w->now - 11 * MINUTE);
	ck_assert(!reach_host_endpoint(w->reach, host(), 1, &v));
}
END_TEST

// Rule 5: an MX that is an alias of one of our names is ourselves; the name may
// also come and go with the configuration.
START_TEST(test_host_alias_of_own_name)
{
	const char *own[] = {"mx.own.test"};
	fakeworld_mx(w, "a.test", 10, MX, -1);
	fakeworld_host(w, MX, A, NULL);
	strcpy(answers(AF_INET)->canonical, own[0]);
	world_block(A);
	assert_route(fakeworld_settle(w, "a.test"), "relay", "none-reachable");
	w->params.self_names = own;
	w->params.n_self_names = 1;
	fakeworld_reconfigure(w);
	fakeworld_run(w, 1000);
	assert_route(fakeworld_ask(w, "a.test", REACH_ASKED), "direct", "self");
	fakeworld_restart(w);
	assert_route(fakeworld_settle(w, "a.test"), "direct", "self");
	w->params.n_self_names = 0;
	fakeworld_reconfigure(w);
	fakeworld_run(w, 1000);
	assert_route(
	    fakeworld_ask(w, "a.test", REACH_ASKED), "relay", "none-reachable");
}
END_TEST

static Suite *
host_suite(void)
{
	Suite *s = suite_create("host");
	TCase *tc = tcase_create("tables");
	tcase_add_checked_fixture(tc, world_setup, world_teardown);
	tcase_add_loop_test(
	    tc, test_host_state, 0, sizeof(states) / sizeof(*states));
	tcase_add_loop_test(tc, test_host_family_by_reload, 0, 2);
	tcase_add_test(tc, test_host_family_swapped_by_reload);
	tcase_add_test(tc, test_host_family_by_reload_amid_answers);
	tcase_add_loop_test(tc, test_host_pending_family, 0,
	    sizeof(pending) / sizeof(*pending));
	tcase_add_loop_test(tc, test_host_fresh_address_inherits, 0, 4);
	tcase_add_loop_test(tc, test_host_literal_is_judged, 0,
	    sizeof(literals) / sizeof(*literals));
	suite_add_tcase(s, tc);
	add_world_case(s, "addresses", test_host_partial_gives_unknown,
	    test_host_by_dns_gives_unknown,
	    test_host_known_address_keeps_its_state, test_host_rotation,
	    test_host_turns_are_not_probed_anew, test_host_address_comes_back,
	    test_host_gone_address_makes_room, test_host_same_address_twice,
	    test_host_failure_keeps_addresses,
	    test_host_asked_again_only_when_used,
	    test_host_no_room_for_addresses);
	add_world_case(s, "gone", test_host_gone_while_resolving,
	    test_host_back_while_resolving,
	    test_host_address_gone_while_probed);
	add_world_case(s, "more", test_host_with_more_is_not_waited_for,
	    test_host_with_more_beyond_stale);
	add_world_case(s, "literals", test_host_literal_is_never_asked_about,
	    test_host_literal_is_ourselves,
	    test_host_literal_shares_its_address,
	    test_host_literal_family_by_reload, test_host_literal_is_forgotten,
	    test_host_literal_has_no_room);
	add_world_case(s, "views", test_host_address_view,
	    test_host_address_view_of_alias, test_host_aliases_of_one_name,
	    test_host_spared_once, test_host_address_view_of_live,
	    test_host_many_at_one_address, test_host_text_of_last_failure,
	    test_host_alias_of_own_name);
	return s;
}

int
main(void)
{
	return unit_run(host_suite());
}
