// SPDX-License-Identifier: MIT
// What holds of the judge, whatever it was told.
#include "fuzz/fuzz_judge.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "fuzz/fuzz.h"
#include "proto/netstring.h"
#include "proto/socketmap.h"
#include "route/decide.h"
#include "route/render.h"
#include "unit/reach_check.h"

// -- replies ----------------------------------------------------------------

// A reply that Postfix and Sendmail read as an answer: never an error, and
// never empty after "OK ".
static void
check_reply(const char *text)
{
	char frame[SOCKETMAP_REPLY_MAX + NETSTRING_OVERHEAD];
	const char *payload;
	size_t len = strlen(text), payload_len, used;
	size_t n = netstring_encode(text, len, frame, sizeof(frame));
	mxd_assert(n > 0 && len < RENDER_REPLY_MAX);
	mxd_assert(netstring_decode(frame, n, SOCKETMAP_REPLY_MAX, &payload,
		       &payload_len, &used) == DECODED_OK);
	mxd_assert(used == n && payload_len == len);
	for (size_t i = 0; i < len; i++)
		mxd_assert(text[i] >= 0x20 && text[i] < 0x7f);
	if (strcmp(text, RENDER_NOTFOUND) != 0)
		mxd_assert(str_starts_with(text, "OK ") && len > 3);
}

// The next "[...]..." of a list as its reply has it; false: no more.
static bool
next_element(const char **list, char separator, char *out, size_t size)
{
	const char *p = *list;
	if (*p != '[')
		return false;
	const char *bracket = strchr(p, ']');
	mxd_assert(bracket != NULL);
	const char *end = strchr(bracket, separator);
	size_t len = end != NULL ? (size_t)(end - p) : strlen(p);
	mxd_assert(len < size);
	memcpy(out, p, len);
	out[len] = '\0';
	*list = end != NULL ? end + 1 : p + len;
	return true;
}

// -- relays -----------------------------------------------------------------

static enum relays_state
relay_state(const struct judge *j, unsigned relay)
{
	struct relays_view v = relays_view(j->relays, relay);
	enum conf_relay_probe probe = j->conf->relays[relay].probe;
	mxd_assert(v.state == RELAYS_UP || probe != CONF_RELAY_PROBE_NONE);
	mxd_assert(v.state != RELAYS_BUSY || probe == CONF_RELAY_PROBE_SMTP);
	mxd_assert(v.state == RELAYS_DOWN || v.self.family == 0);
	return v.state;
}

static bool
rule_has_relay(const struct conf_rule *rule, unsigned relay)
{
	for (unsigned i = 0; i < rule->n_relays; i++)
		if (rule->relays[i] == relay)
			return true;
	return rule->n_relays == 0;
}

// A relay in this state with this nexthop (NULL: any) that the rule allows, and
// its index.
static bool
find_relay(const struct judge *j, const struct conf_rule *rule,
    enum relays_state state, const char *nexthop, unsigned *out)
{
	for (unsigned i = 0; i < j->conf->n_relays; i++) {
		if (rule != NULL && !rule_has_relay(rule, i))
			continue;
		if (nexthop != NULL &&
		    strcmp(j->conf->relays[i].nexthop, nexthop) != 0)
			continue;
		if (relay_state(j, i) != state)
			continue;
		*out = i;
		return true;
	}
	return false;
}

static bool
has_relay(const struct judge *j, const struct conf_rule *rule,
    enum relays_state state)
{
	unsigned relay;
	return find_relay(j, rule, state, NULL, &relay);
}

// Never a dead relay, none that the rule does not name, and a busy one only
// where no other is up, or behind those that are.
static void
check_relay_route(const struct judge *j, const struct route_view *v,
    const struct conf_rule *rule)
{
	char element[DNAME_SIZE + 16], head[128];
	unsigned relay, n = 0;
	bool busy = false;
	mxd_assert(v->via != NULL);
	const char *colon = strchr(v->transport, ':');
	mxd_assert(colon != NULL);
	for (const char *p = colon + 1;
	     next_element(&p, ',', element, sizeof(element)); n++) {
		if (!find_relay(j, rule, RELAYS_UP, element, &relay)) {
			mxd_assert(
			    find_relay(j, rule, RELAYS_BUSY, element, &relay));
			mxd_assert(n > 0 || !has_relay(j, rule, RELAYS_UP));
			if (n > 0 && !busy)
				fuzz_reach(GOAL_BUSY_LAST);
			busy = true;
		} else {
			mxd_assert(!busy);
		}
		if (n > 0)
			continue;
		mxd_assert(strcmp(j->conf->relays[relay].name, v->via) == 0);
		snprintf(head, sizeof(head),
		    "OK %s:", j->conf->relays[relay].transport);
		mxd_assert(str_starts_with(v->transport, head));
		snprintf(head, sizeof(head), "OK %s:[",
		    j->conf->relays[relay].mailer);
		mxd_assert(str_starts_with(v->mailertable, head));
	}
	mxd_assert(n >= 1 && n <= RELAYS_LISTED);
	fuzz_reach(GOAL_RELAY);
}

static void
check_relays(const struct judge *j)
{
	unsigned healthy = 0;
	for (unsigned i = 0; i < relays_count(j->relays); i++)
		healthy += relay_state(j, i) != RELAYS_DOWN;
	mxd_assert(healthy == relays_healthy(j->relays));
	mxd_assert(relays_count(j->relays) == j->conf->n_relays);
	if (healthy < j->conf->n_relays)
		fuzz_reach(GOAL_RELAY_DOWN);
}

// -- sets -------------------------------------------------------------------

static bool
is_own_name(const struct judge *j, const char *name)
{
	for (uint32_t i = 0; i < j->params.n_self_names; i++)
		if (strcmp(j->self_name[i], name) == 0)
			return true;
	return false;
}

static bool
is_own_address(const struct judge *j, const struct netaddr *a)
{
	for (uint32_t i = 0; i < j->params.n_self_addresses; i++)
		if (netaddr_same_ip(&j->self_address[i], a))
			return true;
	return false;
}

static bool
host_is_ourselves(const struct judge *j, uint32_t host)
{
	const struct host *h = host_at(j->reach, host);
	struct reach_endpoint_view e;
	if (is_own_name(j, h->name) ||
	    (h->canonical != NULL && is_own_name(j, h->canonical)))
		return true;
	for (uint32_t i = 0; reach_host_endpoint(j->reach, host, i, &e); i++)
		if (is_own_address(j, &e.address))
			return true;
	return false;
}

struct hosts { // of a set, counted by state
	unsigned up, dead, unknown, absent;
	bool ourselves;
};

static struct hosts
count_hosts(const struct judge *j, uint32_t set)
{
	struct hosts n = {0};
	uint32_t all = reach_set_view(j->reach, set).n;
	for (uint32_t i = 0; i < all; i++) {
		struct reach_set_host h = reach_set_host(j->reach, set, i);
		n.ourselves |= host_is_ourselves(j, h.host);
		n.up += h.state == REACH_REACHABLE || h.state == REACH_PARTIAL;
		n.dead += h.state == REACH_UNREACHABLE;
		n.unknown += h.state == REACH_UNKNOWN;
		n.absent += h.state == REACH_ABSENT;
	}
	return n;
}

// The state of a host of the set with this name; REACH_ABSENT: there is none.
static enum reach_state
state_in_set(const struct judge *j, uint32_t set, const char *name)
{
	uint32_t n = reach_set_view(j->reach, set).n;
	for (uint32_t i = 0; i < n; i++) {
		struct reach_set_host h = reach_set_host(j->reach, set, i);
		if (strcmp(h.name, name) == 0)
			return h.state;
	}
	return REACH_ABSENT;
}

// Steering names some of the set's hosts that are up, each once.
static void
check_steered_reply(
    const struct judge *j, uint32_t set, const char *text, char separator)
{
	char seen[STEER_HOSTS_MAX][DNAME_SIZE + 2];
	char element[DNAME_SIZE + 2];
	unsigned n = 0;
	const char *p = strchr(text, ':');
	mxd_assert(p != NULL);
	for (p++; next_element(&p, separator, element, sizeof(element)); n++) {
		mxd_assert(n < STEER_HOSTS_MAX);
		strcpy(seen[n], element);
		for (unsigned i = 0; i < n; i++)
			mxd_assert(strcmp(seen[i], element) != 0);
		element[strlen(element) - 1] = '\0'; // its bracket
		enum reach_state state = state_in_set(j, set, element + 1);
		mxd_assert(state == REACH_REACHABLE || state == REACH_PARTIAL);
		struct netaddr address;
		if (netaddr_parse(element + 1, &address))
			fuzz_reach(GOAL_LITERAL);
	}
	mxd_assert(n >= 1 && *p == '\0');
}

static void
check_steer_route(
    const struct judge *j, uint32_t set, const struct route_view *v)
{
	struct hosts n = count_hosts(j, set);
	mxd_assert(n.up > 0 && n.dead > 0);
	mxd_assert(j->conf->direct.steer != CONF_STEER_OFF);
	if (j->conf->direct.steer == CONF_STEER_NEXTHOP) {
		mxd_assert(str_starts_with(v->transport, "OK :["));
		check_steered_reply(j, set, v->transport, ',');
	} else {
		mxd_assert(strcmp(v->transport, RENDER_NOTFOUND) == 0);
	}
	check_steered_reply(j, set, v->mailertable, ':');
	fuzz_reach(GOAL_STEER);
}

// -- routes -----------------------------------------------------------------

// What is not kept may be up: the set never counts as dead, nor as empty.
static void
check_set_with_more(const struct judge *j, uint32_t set)
{
	struct reach_set_view v = reach_set_view(j->reach, set);
	if (!mxset_at(j->reach, set)->more)
		return;
	mxd_assert(v.coverage != REACH_COVERAGE_NONE &&
		   v.coverage != REACH_COVERAGE_EMPTY && !v.dns_failure);
}

// Whether the reason is true of the set.
static void
check_reason(const struct judge *j, uint32_t set, const struct route_view *v)
{
	struct hosts n = count_hosts(j, set);
	check_set_with_more(j, set);
	switch (v->reason) {
	case REASON_SELF:
		mxd_assert(n.ourselves);
		fuzz_reach(GOAL_SELF);
		return;
	case REASON_NONE_REACHABLE:
		mxd_assert(n.up == 0 && n.unknown == 0 && n.dead > 0);
		return;
	case REASON_ALL_REACHABLE:
		mxd_assert(n.up > 0 && n.dead == 0);
		return;
	case REASON_SOME_REACHABLE:
	case REASON_BEST_REACHABLE:
		mxd_assert(n.up > 0 && n.dead > 0);
		return;
	case REASON_NO_MX:
		mxd_assert(n.up + n.dead + n.unknown == 0);
		return;
	case REASON_REFUSED_ONLY:
		mxd_assert(n.dead > 0 && !j->conf->relay_refused);
		fuzz_reach(GOAL_REFUSED_ONLY);
		return;
	case REASON_DNS_FAILURE:
		mxd_assert(n.up == 0);
		fuzz_reach(GOAL_DNS_FAILURE);
		return;
	case REASON_UNKNOWN_YET:
	case REASON_RULE:
	case REASON_NO_RELAY:
		return;
	case REASON_NO_DOMAIN:
	case REASON_NULL_MX:
	case REASON_BAD_NAME:
	case REASON_LOCAL:
		break;
	}
	mxd_assert(!"a reason that no domain with a set has");
}

// The rule that the domain is under, found as the plans find it.
static const struct conf_rule *
rule_of(const struct judge *j, uint32_t domain, uint32_t set)
{
	bool exact;
	int rule = rules_match(j->rules, reach_domain_name(j->reach, domain),
	    j->reach, set, &exact);
	return rule == RULES_NONE ? NULL : &j->conf->rules[rule];
}

static void
check_domain(struct judge *j, uint32_t domain)
{
	uint32_t set = reach_domain_set(j->reach, domain);
	struct route_view v = plans_route(j->plans, domain, j->now);
	const struct conf_rule *rule = rule_of(j, domain, set);
	check_reply(v.transport);
	check_reply(v.mailertable);
	mxd_assert((v.via != NULL) == (v.route == ROUTE_RELAY));
	if (v.reason == REASON_RULE) {
		mxd_assert(rule != NULL && strcmp(v.rule, rule->name) == 0);
		fuzz_reach(GOAL_RULE);
	}
	if (set != REACH_NONE) {
		check_reason(j, set, &v);
		// Mail for ourselves is never rerouted (rule 5).
		if (count_hosts(j, set).ourselves)
			mxd_assert(
			    v.route == ROUTE_DIRECT && v.reason == REASON_SELF);
	}
	switch (v.route) {
	case ROUTE_DIRECT:
		mxd_assert(strcmp(v.transport, RENDER_NOTFOUND) == 0);
		mxd_assert(strcmp(v.mailertable, RENDER_NOTFOUND) == 0);
		fuzz_reach(GOAL_DIRECT);
		return;
	case ROUTE_STEER:
		mxd_assert(set != REACH_NONE);
		check_steer_route(j, set, &v);
		return;
	case ROUTE_RELAY:
		check_relay_route(j, &v, rule);
		return;
	case ROUTE_HOLD:
		if (v.reason == REASON_NO_RELAY)
			mxd_assert(!has_relay(j, rule, RELAYS_UP) &&
				   !has_relay(j, rule, RELAYS_BUSY));
		mxd_assert((strcmp(v.transport, RENDER_NOTFOUND) == 0) ==
			   !j->conf->hold_retry);
		fuzz_reach(GOAL_HOLD);
		return;
	case ROUTE_COUNT:
		break;
	}
	mxd_assert(!"a route");
}

// What measurement alone says of each set adds up to plans_count().
static void
check_counts(const struct judge *j)
{
	const struct reach *r = j->reach;
	uint32_t n[ROUTE_COUNT] = {0};
	for (uint32_t id = 1; id <= r->sets.made; id++) {
		if (mxset_at(r, id)->domains == 0)
			continue;
		struct decide_facts f = {
		    .mx = REACH_MX_SET,
		    .set = reach_set_view(r, id),
		    .relay_refused = j->conf->relay_refused,
		    .steer_off = j->conf->direct.steer == CONF_STEER_OFF,
		    .cold = j->conf->cache.cold,
		    .on_failure = j->conf->dns.on_failure,
		};
		struct decision d = decide(&f);
		n[d.reason == REASON_UNKNOWN_YET ? ROUTE_DIRECT : d.route]++;
	}
	for (int route = 0; route < ROUTE_COUNT; route++)
		mxd_assert(
		    n[route] == plans_count(j->plans, (enum route)route));
}

void
judge_check_routes(struct judge *j)
{
	check_counts(j);
	for (unsigned i = 0; i < JUDGE_DOMAINS; i++) {
		const char *name = judge_domain(i);
		uint32_t id = reach_find_domain(j->reach, name, strlen(name));
		if (id != REACH_NONE && !rules_is_local(j->rules, name))
			check_domain(j, id);
	}
	struct route_view cold = plans_cold(j->plans, 1);
	check_reply(cold.transport);
	check_reply(cold.mailertable);
}

// -- the memory -------------------------------------------------------------

// What is in use is what can be enumerated, and in flight what was not told.
static void
check_stats(const struct judge *j)
{
	const struct reach *r = j->reach;
	struct reach_stats s = reach_stats(r), n = {0};
	for (unsigned i = 0; i < JUDGE_DOMAINS; i++) {
		const char *name = judge_domain(i);
		n.domains += reach_find_domain(r, name, strlen(name)) !=
			     REACH_NONE;
	}
	for (uint32_t id = 1; id <= r->sets.made; id++)
		n.sets += mxset_at(r, id)->n > 0;
	for (uint32_t id = 1; id <= r->hosts.made; id++)
		n.hosts += host_at(r, id)->live;
	for (uint32_t id = 1; id <= r->endpoints.made; id++)
		n.endpoints += endpoint_at(r, id)->live;
	for (unsigned i = 0; i < j->n_flight; i++)
		if (j->flight[i].kind == REACH_DUE_PROBE)
			n.probing++;
		else
			n.resolving++;
	mxd_assert(memcmp(&s, &n, sizeof(s)) == 0);
}

void
judge_check(struct judge *j)
{
	reach_check(j->reach);
	check_stats(j);
	check_relays(j);
	for (unsigned i = 0; i < j->n_held; i++) // none was dropped
		mxd_assert(domain_at(j->reach, j->held[i])->held > 0);
	mxd_assert(reach_next_at(j->reach, j->now) >= j->now);
	mxd_assert(relays_next_at(j->relays, j->now) >= j->now);
}

// Rule 9, the limits, and one at a time to an address.
void
judge_check_probe(const struct judge *j, const struct netaddr *to)
{
	const struct reach_params *p = &j->params;
	unsigned all = 1, here = 1;
	bool four = to->family == AF_INET;
	struct netaddr net = netaddr_mask(to, four ? 24 : 48);
	mxd_assert(p->probe_enabled && (four ? p->ipv4 : p->ipv6));
	mxd_assert(to->port == p->port && !is_own_address(j, to));
	enum netaddr_class class = netaddr_class(to);
	mxd_assert(class == NETADDR_PUBLIC ||
		   (class == NETADDR_LOCAL && p->allow_private));
	for (unsigned i = 0; i < j->n_flight; i++) {
		if (j->flight[i].kind != REACH_DUE_PROBE)
			continue;
		const struct netaddr *o = &j->flight[i].to;
		struct netaddr other = netaddr_mask(
		    o, o->family == AF_INET ? 24 : 48);
		mxd_assert(!netaddr_same_ip(o, to));
		all++;
		here += netaddr_equal(&other, &net);
	}
	mxd_assert(all <= p->concurrency && here <= p->per_net);
}

// -- the filter -------------------------------------------------------------

// It drops what was probed (or is fixed by hand) and is dead, nothing else.
static void
check_dropped(
    const struct judge *j, const char *owner, const struct netaddr *address)
{
	struct netaddr key = *address;
	key.port = j->params.port;
	uint32_t id = endpoint_find(j->reach, &key);
	mxd_assert(id != REACH_NONE);
	const struct endpoint *e = endpoint_at(j->reach, id);
	bool fixed = e->fixed == REACH_FIXED_UNREACHABLE;
	mxd_assert(
	    fixed || (e->observed_at > 0 && e->state == REACH_UNREACHABLE &&
			 e->fixed == REACH_FIXED_NOT));
	mxd_assert(!e->refused || j->conf->relay_refused);
	mxd_assert(!is_own_address(j, address));
	mxd_assert(!relays_have_address(j->relays, address));
	mxd_assert(j->conf->direct.steer != CONF_STEER_OFF);
	unsigned hosts = 0; // that have it under this name
	for (uint32_t host = e->hosts; host != REACH_NONE;
	     host = host_next_of_endpoint(j->reach, host, id)) {
		const struct host *h = host_at(j->reach, host);
		if (strcmp(h->name, owner) != 0 &&
		    (h->canonical == NULL || strcmp(h->canonical, owner) != 0))
			continue;
		mxd_assert(!rules_spare_host(j->rules, h->name));
		hosts++;
	}
	mxd_assert(hosts > 0);
}

void
judge_check_filter(
    struct judge *j, const char *owner, const struct netaddr *address)
{
	if (!plans_filter(j->plans, owner, address))
		return;
	check_dropped(j, owner, address);
	fuzz_reach(GOAL_FILTERED);
}
