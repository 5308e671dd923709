// SPDX-License-Identifier: MIT
// Fuzzes the judge: the input is a sequence of things that the real memory,
// plans and relays are told and asked, in virtual time.
//
// Each byte that is taken is a choice of a small number; where the input ends,
// every choice is 0. At the end the world mends, and all that is known of it
// has to become known.
#include "fuzz/fuzz_judge.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/mem.h"
#include "base/str.h"
#include "fuzz/fuzz.h"

struct fuzz_goal fuzz_goals[] = {
    [GOAL_DIRECT] = {"direct", 0},
    [GOAL_STEER] = {"steer", 0},
    [GOAL_RELAY] = {"relay", 0},
    [GOAL_HOLD] = {"hold", 0},
    [GOAL_SELF] = {"a domain of our own", 0},
    [GOAL_RULE] = {"a route by rule", 0},
    [GOAL_DNS_FAILURE] = {"a DNS failure", 0},
    [GOAL_REFUSED_ONLY] = {"nothing but refusals", 0},
    [GOAL_FILTERED] = {"an address dropped by the filter", 0},
    [GOAL_EVICTED] = {"a domain evicted", 0},
    [GOAL_NO_ROOM] = {"no room for a domain", 0},
    [GOAL_NO_RECORDS] = {"no room for a set, a host or an address", 0},
    [GOAL_RELOADED] = {"a reload", 0},
    [GOAL_TRANSITION] = {"a transition", 0},
    [GOAL_RELAY_DOWN] = {"a dead relay", 0},
    [GOAL_RELAY_BUSY] = {"a busy relay", 0},
    [GOAL_BUSY_LAST] = {"a busy relay behind one that is up", 0},
    [GOAL_RELAY_SELF] = {"a relay that is ourselves", 0},
    [GOAL_LITERAL] = {"steered to an MX that is an address", 0},
    [GOAL_MORE_HOSTS] = {"more hosts than are kept", 0},
    [GOAL_MORE_ADDRESSES] = {"more addresses than are kept", 0},
    {NULL, 0},
};

enum {
	STEPS_MAX = 400,
	RELOADS_MAX = 8, // a configuration is parsed for each
	HOSTS = 12,	 // names of MX hosts
	MANY_HOSTS = 70, // in one answer, more than are kept
	CONF_TEXT_MAX = 2048,
	SECOND = 1000,
	MINUTE = 60 * SECOND,
	HOUR = 60 * MINUTE,
	DAY = 24 * HOUR,
};

// -- the input --------------------------------------------------------------

static unsigned
take(struct judge *j, unsigned n)
{
	return j->p < j->end ? *j->p++ % n : 0;
}

// A byte of switches.
static unsigned
take_bits(struct judge *j)
{
	return take(j, 256);
}

static const char *const hosts[HOSTS] = {
    "h0.test",
    "h1.test",
    "h2.test",
    "h3.test",
    "h4.test",
    "8.8.8.9", // an address in the place of a name
    "alias.test",
    "mx.self.test", // a name of ours
    "relay.test",
    "d0.test",
    "d1.test",
    "d2.test",
};

static const char *const addresses4[] = {
    "203.0.113.1",
    "203.0.113.2",
    "203.0.113.3",
    "203.0.113.4",
    "198.51.100.1",
    "198.51.100.2",
    "8.8.8.1", // public
    "8.8.8.2",
    "192.0.2.1",     // a relay
    "203.0.113.200", // ours
    "10.0.0.1",
    "127.0.0.1",
    "0.0.0.0",
    "224.0.0.1",
};

static const char *const addresses6[] = {
    "2001:db8::1",
    "2001:db8::2",
    "2001:db8:1::1",
    "2a00:1::1", // public
    "2a00:1::2",
    "2001:db8::200", // ours
    "::1",
    "fe80::1",
    "::ffff:203.0.113.1",
};

const char *
judge_domain(unsigned i)
{
	static const char *const names[JUDGE_DOMAINS] = {
	    "d0.test",
	    "d1.test",
	    "d2.test",
	    "d3.test",
	    "d4.test",
	    "d5.test",
	    "d6.test",
	    "d7.test",
	    "h0.test",
	    "h1.test",
	    "mx.self.test",
	    "local.test",
	    "a.cn",
	    "b.cn",
	    "relay.test",
	    "x.d0.test",
	};
	return names[i];
}

static struct netaddr
address_of(const char *text)
{
	struct netaddr a;
	mxd_assert(netaddr_parse(text, &a));
	return a;
}

static struct netaddr
take_address(struct judge *j, int family)
{
	if (family == AF_INET)
		return address_of(addresses4[take(j, ARRAY_LEN(addresses4))]);
	return address_of(addresses6[take(j, ARRAY_LEN(addresses6))]);
}

// -- configurations ---------------------------------------------------------

#define US1 "{ name = \"us1\"; nexthop = \"[192.0.2.1]:587\"; }"
#define US2 "{ name = \"us2\"; nexthop = \"[relay.test]\"; weight = 3; }"
#define US3                                                           \
	"{ name = \"us3\"; nexthop = \"[192.0.2.3]\"; priority = 2; " \
	"probe = \"connect\"; transport = \"detour\"; }"
#define US1_IPV6 "{ name = \"us1\"; nexthop = \"[2001:db8::77]\"; }"
#define US3_NONE \
	"{ name = \"us3\"; nexthop = \"[192.0.2.3]\"; probe = \"none\"; }"

static const char *const relay_lists[] = {
    "",
    US1,
    US1 ", " US2 ", " US3,
    US1_IPV6 ", " US3_NONE,
};

#define TO_DIRECT " route = \"direct\"; }"
#define TO_RELAY  " route = \"relay\"; }"
#define TO_HOLD	  " route = \"hold\"; }"

static const char *const rule_lists[] = {
    "",
    "{ domain = [\"*.cn\"];" TO_DIRECT ", { domain = [\"d1.test\"];" TO_RELAY,
    "{ mx = [\"h1.test\"];" TO_RELAY
    ", { domain = [\"d2.test\", \"*.d0.test\"];" TO_HOLD,
    "{ domain = [\"*\"]; mx = [\"h2.test\"];" TO_DIRECT
    ", { mx = [\"*.test\"];" TO_RELAY,
    // The last one stands beside relays of these names only.
    "{ mx = [\"h3.test\", \"h4.test\"]; relays = [\"us3\"]; }"
    ", { domain = [\"d3.test\"]; relays = [\"us1\"];" TO_RELAY,
};

static struct conf *
conf_of(const char *text)
{
	struct err err;
	char path[64];
	int fd = memfd_create("conf", MFD_CLOEXEC);
	mxd_assert(fd >= 0);
	mxd_assert(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct conf *conf = conf_load(path, NULL, NULL, &err);
	close(fd);
	if (conf == NULL)
		fprintf(stderr, "%s\n", err.text);
	mxd_assert(conf != NULL);
	return conf;
}

static struct conf *
take_conf(struct judge *j)
{
	static const char *const steer[] = {"nexthop", "dnsfilter", "off"};
	static const char *const routes[] = {"direct", "relay", "hold"};
	char text[CONF_TEXT_MAX];
	struct strbuf b;
	unsigned relays = take(j, ARRAY_LEN(relay_lists));
	unsigned rules = take(j, ARRAY_LEN(rule_lists) - (relays < 2));
	strbuf_init(&b, text, sizeof(text));
	strbuf_add(&b, "relays = ( %s );\n", relay_lists[relays]);
	strbuf_add(&b, "rules = ( %s );\n", rule_lists[rules]);
	strbuf_add(&b, "self = { local_domains = [\"local.test\"]; };\n");
	unsigned bits = take_bits(j);
	strbuf_add(&b, "direct = { steer = \"%s\"; filter_all = %s; };\n",
	    steer[bits % 3], bits & 16 ? "true" : "false");
	strbuf_add(&b, "hold_answer = \"%s\"; relay_refused = %s;\n",
	    bits & 32 ? "retry" : "notfound", bits & 64 ? "true" : "false");
	bits = take_bits(j);
	strbuf_add(&b, "cache = { cold = \"%s\"; };\n", routes[bits % 3]);
	strbuf_add(
	    &b, "dns = { on_failure = \"%s\"; };\n", routes[bits / 3 % 3]);
	strbuf_add(&b, "probe = { fall = %u; rise = %u; };\n", 1 + bits / 9 % 3,
	    1 + bits / 27 % 3);
	mxd_assert(!b.truncated);
	return conf_of(text);
}

static const struct reach_params usual = {
    .min_ttl_ms = MINUTE,
    .max_ttl_ms = DAY,
    .negative_ttl_ms = 5 * MINUTE,
    .stale_ms = DAY,
    .dns_concurrency = 200,
    .port = 25,
    .concurrency = 256,
    .per_net = 8,
    .per_second = 50,
    .interval_ms = 30 * MINUTE,
    .fast_interval_ms = 15 * SECOND,
    .down_interval_ms = 2 * MINUTE,
    .down_interval_max_ms = 10 * MINUTE,
    .idle_ms = DAY,
    .reply_timeout_ms = 20 * SECOND,
    .greeting_timeout_ms = 45 * SECOND,
};

// The figures: usual ones, and what the switches make of them.
static void
take_params(struct judge *j)
{
	struct reach_params *p = &j->params;
	uint32_t max_domains = p->max_domains;
	unsigned bits = take_bits(j);
	*p = usual;
	p->max_domains = max_domains;
	p->probe_enabled = !(bits & 1);
	p->asked_spare = !(bits & 2);
	p->ipv4 = !(bits & 4);
	p->ipv6 = !(bits & 8) || !p->ipv4;
	p->allow_private = !(bits & 16);
	if (bits & 32) {
		p->concurrency = 2;
		p->per_net = 1;
		p->per_second = 1;
		p->dns_concurrency = 1;
	}
	if (bits & 64)
		p->stale_ms = p->idle_ms = 0;
	if (bits & 128)
		p->interval_ms = p->down_interval_ms = 100;
	p->fall = j->conf->probe.fall;
	p->rise = j->conf->probe.rise;
	p->relay_refused = j->conf->relay_refused;
	j->conf->probe.ipv4 = p->ipv4;
	j->conf->probe.ipv6 = p->ipv6;
}

// Who we are, and which addresses have a verdict fixed by hand.
static void
take_self(struct judge *j)
{
	struct reach_params *p = &j->params;
	unsigned bits = take_bits(j);
	j->self_name[0] = "mx.self.test";
	j->self_name[1] = "h1.test";
	j->self_address[0] = address_of(
	    bits & 4 ? "2001:db8::200" : "203.0.113.200");
	j->self_address[1] = address_of("203.0.113.2");
	p->self_names = j->self_name;
	p->n_self_names = 1 + (bits & 1);
	p->self_addresses = j->self_address;
	p->n_self_addresses = 1 + (bits >> 1 & 1);
	static const char *const prefix[JUDGE_FIXED_MAX] = {
	    "203.0.113.3/32", "198.51.100.0/24", "2001:db8::/47"};
	p->n_fixed = 0;
	p->fixed = j->fixed;
	for (unsigned i = 0; i < JUDGE_FIXED_MAX; i++) {
		if (!(bits & 8U << i))
			continue;
		struct reach_fixed *f = &j->fixed[p->n_fixed++];
		mxd_assert(netprefix_parse(prefix[i], &f->prefix));
		f->as = REACH_FIXED_REACHABLE + i;
	}
}

static void
reload(struct judge *j)
{
	struct conf *old = j->conf;
	struct rules *old_rules = j->rules;
	struct relays *old_relays = j->relays;
	j->n_relay_flight = 0; // cancelled
	j->conf = take_conf(j);
	take_params(j);
	take_self(j);
	j->rules = rules_new(j->conf);
	j->self = (struct ourselves){
	    .conf = j->conf,
	    .address = j->self_address,
	    .n = j->params.n_self_addresses,
	};
	j->relays = relays_new(j->conf, &j->self, old_relays, j->now);
	struct plan_context with = {
	    .conf = j->conf, .rules = j->rules, .relays = j->relays};
	if (j->plans != NULL) {
		plans_configure(j->plans, &with);
		reach_configure(j->reach, &j->params, j->now);
		fuzz_reach(GOAL_RELOADED);
	}
	relays_free(old_relays);
	rules_free(old_rules);
	conf_free(old);
}

static void
begin(struct judge *j)
{
	static const struct hash_key key = {1, 2};
	unsigned bits = take_bits(j);
	j->now = 1000 * SECOND;
	j->params.max_domains = bits & 1 ? 3 : JUDGE_DOMAINS;
	reload(j);
	j->reach = reach_new(&j->params, bits, &key, j->now);
	// Production has room for 65536 more; here it ends soon.
	if (bits & 2)
		j->reach->sets.max = 4;
	if (bits & 4)
		j->reach->hosts.max = 6;
	if (bits & 8)
		j->reach->endpoints.max = 6;
	struct plan_context with = {
	    .conf = j->conf, .rules = j->rules, .relays = j->relays};
	j->plans = plans_new(j->reach, &with);
}

static void
end(struct judge *j)
{
	plans_free(j->plans);
	reach_free(j->reach);
	relays_free(j->relays);
	rules_free(j->rules);
	conf_free(j->conf);
}

// -- told -------------------------------------------------------------------

static uint32_t
take_ttl_s(struct judge *j)
{
	static const uint32_t ttl_s[] = {300, 0, 60, 86400, INT32_MAX};
	return ttl_s[take(j, ARRAY_LEN(ttl_s))];
}

static enum answer_outcome
take_answer_outcome(struct judge *j)
{
	unsigned n = take(j, 16);
	return n <= ANSWER_LOCAL ? (enum answer_outcome)n : ANSWER_OK;
}

static void
take_mx(struct judge *j, struct answer_mx *out)
{
	*out = (struct answer_mx){.outcome = take_answer_outcome(j)};
	if (out->outcome != ANSWER_OK)
		return;
	out->ttl_s = take_ttl_s(j);
	unsigned n = take(j, 8);
	out->null_mx = n == 6;
	if (n == 6)
		return;
	if (n == 7)
		n = MANY_HOSTS;
	out->more = n > ANSWER_MX_MAX;
	for (unsigned i = 0; i < n && i < ANSWER_MX_MAX; i++) {
		struct answer_mx_host *mx = &out->mx[out->n++];
		if (n == MANY_HOSTS) {
			mx->preference = (uint16_t)(i / 8);
			snprintf(mx->host, sizeof(mx->host), "m%u.test", i);
			continue;
		}
		unsigned what = take(j, 3 * HOSTS);
		mx->preference = (uint16_t)(what / HOSTS * 10);
		snprintf(mx->host, sizeof(mx->host), "%s", hosts[what % HOSTS]);
	}
}

static void
take_addr(struct judge *j, int family, struct answer_addr *out)
{
	*out = (struct answer_addr){.outcome = take_answer_outcome(j)};
	if (out->outcome != ANSWER_OK)
		return;
	out->ttl_s = take_ttl_s(j);
	unsigned n = take(j, 16);
	if (n >= 8) // an alias
		snprintf(out->canonical, sizeof(out->canonical), "%s",
		    hosts[take(j, HOSTS)]);
	n %= 8;
	if (n < 7) {
		for (unsigned i = 0; i <= n / 2; i++)
			out->addr[out->n++] = take_address(j, family);
		return;
	}
	out->more = true;
	for (; out->n < ANSWER_ADDR_MAX; out->n++) {
		struct netaddr a = address_of(
		    family == AF_INET ? "198.18.0.0" : "2001:db8:18::");
		a.ip[family == AF_INET ? 3 : 15] = (uint8_t)(out->n + 1);
		out->addr[out->n] = a;
	}
}

static enum outcome
take_outcome(struct judge *j)
{
	// Half of them up or down for good, the rest anything.
	unsigned n = take(j, 4 * OUTCOME_COUNT);
	if (n >= 3 * OUTCOME_COUNT)
		return OUTCOME_EHLO;
	if (n >= 2 * OUTCOME_COUNT)
		return OUTCOME_CONNECT_TIMEOUT;
	n %= OUTCOME_COUNT;
	return n == OUTCOME_NONE ? OUTCOME_CONNECT_REFUSED : (enum outcome)n;
}

// Tells the answer to one thing in flight, as the input has it.
static void
land(struct judge *j, unsigned i)
{
	struct reach_due due = j->flight[i];
	struct answer_mx mx;
	struct answer_addr addr;
	struct netaddr address;
	j->flight[i] = j->flight[--j->n_flight];
	switch (due.kind) {
	case REACH_DUE_MX:
		mxd_assert(
		    strcmp(due.name, reach_domain_name(j->reach, due.id)) == 0);
		take_mx(j, &mx);
		if (mx.more)
			fuzz_reach(GOAL_MORE_HOSTS);
		reach_tell_mx(j->reach, due.id, &mx, j->now);
		if (mx.outcome == ANSWER_OK &&
		    reach_domain_outcome(j->reach, due.id) == ANSWER_LOCAL)
			fuzz_reach(GOAL_NO_RECORDS);
		plans_route(j->plans, due.id, j->now);
		return;
	case REACH_DUE_ADDRESS:
		mxd_assert(
		    strcmp(due.name, reach_host_name(j->reach, due.id)) == 0);
		mxd_assert(!netaddr_parse(due.name, &address));
		take_addr(j, due.family, &addr);
		if (addr.more)
			fuzz_reach(GOAL_MORE_ADDRESSES);
		reach_tell_address(j->reach, due.id, due.family, &addr, j->now);
		return;
	case REACH_DUE_PROBE: {
		enum outcome outcome = take_outcome(j);
		bool up = outcome_says(outcome) == OUTCOME_SAYS_UP;
		if (up)
			reach_tell_greeting(
			    j->reach, due.id, 1 + j->now % MINUTE);
		reach_tell_probe(j->reach, due.id, outcome, 1,
		    up ? "" : "went wrong", j->now);
		return;
	}
	}
}

// The same in a sane world, where everything is there and answers.
static void
land_well(struct judge *j)
{
	// For 300 s one MX; one address; EHLO.
	static const uint8_t mx[] = {ANSWER_OK, 0, 1, 0};
	static const uint8_t probe[] = {4 * OUTCOME_COUNT - 1};
	unsigned last = j->n_flight - 1;
	j->p = j->end = NULL; // every choice is 0
	if (j->flight[last].kind == REACH_DUE_MX) {
		j->p = mx;
		j->end = mx + sizeof(mx);
	} else if (j->flight[last].kind == REACH_DUE_PROBE) {
		j->p = probe;
		j->end = probe + sizeof(probe);
	}
	land(j, last);
}

// Where the outcome is a refusal: for now, or for good.
static struct relays_heard
take_heard(struct judge *j)
{
	struct relays_heard heard = {.outcome = take_outcome(j)};
	if (heard.outcome == OUTCOME_REFUSED_SERVICE ||
	    heard.outcome == OUTCOME_EHLO_REFUSED)
		heard.code = take(j, 2) ? 421 : 554;
	return heard;
}

static void
land_relay(struct judge *j, unsigned i)
{
	struct relays_due due = j->relay_flight[i];
	struct relays_change change;
	struct answer_addr addr;
	bool changed;
	j->relay_flight[i] = j->relay_flight[--j->n_relay_flight];
	if (due.probe) {
		struct relays_heard heard = take_heard(j);
		changed = relays_tell_probe(
		    j->relays, due.relay, &heard, j->now, &change);
	} else {
		take_addr(j, due.family, &addr);
		changed = relays_tell_address(
		    j->relays, due.relay, due.family, &addr, j->now, &change);
	}
	if (!changed)
		return;
	mxd_assert(change.relay == due.relay);
	mxd_assert(
	    change.old_state != change.new_state || change.self.family != 0);
	if (change.self.family != 0)
		fuzz_reach(GOAL_RELAY_SELF);
	mxd_assert(change.new_state == relays_view(j->relays, due.relay).state);
	if (change.new_state == RELAYS_BUSY)
		fuzz_reach(GOAL_RELAY_BUSY);
	mxd_assert(change.healthy == relays_healthy(j->relays));
	mxd_assert(change.all == j->conf->n_relays);
}

// -- asked ------------------------------------------------------------------

// One question at a time about a name, one probe at a time to an address.
static void
fly(struct judge *j, const struct reach_due *due)
{
	for (unsigned i = 0; i < j->n_flight; i++) {
		const struct reach_due *o = &j->flight[i];
		mxd_assert(o->kind != due->kind || o->id != due->id ||
			   o->family != due->family);
	}
	if (due->kind == REACH_DUE_PROBE)
		judge_check_probe(j, &due->to);
	mxd_assert(j->n_flight < JUDGE_FLIGHT_MAX);
	j->flight[j->n_flight++] = *due;
}

static void
fly_relay(struct judge *j, const struct relays_due *due)
{
	for (unsigned i = 0; i < j->n_relay_flight; i++)
		mxd_assert(j->relay_flight[i].relay != due->relay);
	mxd_assert(due->relay < j->conf->n_relays);
	mxd_assert(j->n_relay_flight < JUDGE_RELAYS_MAX);
	j->relay_flight[j->n_relay_flight++] = *due;
}

static void
take_changes(struct judge *j)
{
	struct reach_change c;
	struct plans_transition t;
	while (reach_take_change(j->reach, &c)) {
		switch (c.kind) {
		case REACH_CHANGE_ENDPOINT:
			mxd_assert(c.old_state != c.new_state);
			break;
		case REACH_CHANGE_SET:
			mxd_assert(reach_set_view(j->reach, c.id).domains > 0);
			if (!plans_on_set(j->plans, c.id, j->now, &t))
				break;
			mxd_assert(t.old_route != t.new_route);
			fuzz_reach(GOAL_TRANSITION);
			break;
		case REACH_CHANGE_SET_GONE:
			plans_on_set_gone(j->plans, c.id);
			break;
		}
	}
}

// All that is due, as the daemon's work does it. Afterwards nothing is due
// now, or the daemon would spin.
static void
work(struct judge *j)
{
	struct reach_due due;
	struct relays_due relay_due;
	for (int i = 0; i < 3; i++) {
		take_changes(j);
		while (reach_next(j->reach, j->now, &due))
			fly(j, &due);
		while (relays_next(j->relays, j->now, &relay_due))
			fly_relay(j, &relay_due);
		take_changes(j);
	}
	mxd_assert(reach_next_at(j->reach, j->now) > j->now);
	mxd_assert(relays_next_at(j->relays, j->now) > j->now);
	judge_check_routes(j);
}

static uint32_t
lookup(struct judge *j, unsigned which, enum reach_interest interest)
{
	const char *name = judge_domain(which);
	size_t len = strlen(name);
	uint32_t before = reach_stats(j->reach).domains;
	if (rules_is_local(j->rules, name))
		return REACH_NONE;
	bool known = reach_find_domain(j->reach, name, len) != REACH_NONE;
	uint32_t id = reach_lookup(j->reach, name, len, interest, j->now);
	if (id == REACH_NONE) {
		fuzz_reach(GOAL_NO_ROOM);
		return REACH_NONE;
	}
	if (!known && reach_stats(j->reach).domains == before)
		fuzz_reach(GOAL_EVICTED);
	mxd_assert(strcmp(reach_domain_name(j->reach, id), name) == 0);
	plans_route(j->plans, id, j->now);
	return id;
}

static void
hold(struct judge *j, uint32_t domain)
{
	if (domain == REACH_NONE || j->n_held == JUDGE_HELD_MAX)
		return;
	reach_hold(j->reach, domain);
	j->held[j->n_held++] = domain;
}

static void
release(struct judge *j, unsigned i)
{
	if (j->n_held == 0)
		return;
	i %= j->n_held;
	reach_release(j->reach, j->held[i]);
	j->held[i] = j->held[--j->n_held];
}

static void
filter(struct judge *j)
{
	const char *owner = hosts[take(j, HOSTS)];
	struct netaddr a = take_address(j, take(j, 2) ? AF_INET6 : AF_INET);
	judge_check_filter(j, owner, &a);
}

static void
pass_time(struct judge *j)
{
	static const int64_t ms[] = {SECOND, 1, 15 * SECOND, MINUTE, 2 * MINUTE,
	    10 * MINUTE, 30 * MINUTE, HOUR, DAY, 8 * (int64_t)DAY};
	unsigned n = take(j, ARRAY_LEN(ms) + 1);
	if (n < ARRAY_LEN(ms)) {
		j->now += ms[n];
		return;
	}
	int64_t at = reach_next_at(j->reach, j->now);
	int64_t relays_at = relays_next_at(j->relays, j->now);
	if (relays_at < at)
		at = relays_at;
	if (at != INT64_MAX)
		j->now = at;
}

// -- the sequence -----------------------------------------------------------

enum op {
	OP_LOOKUP,
	OP_WORK,
	OP_LAND,
	OP_LAND_ALL,
	OP_LAND_RELAY,
	OP_TIME,
	OP_HOLD,
	OP_RELEASE,
	OP_FILTER,
	OP_RELOAD,
	OP_CHANGES,
	OP_COUNT,
};

static void
step(struct judge *j, unsigned *reloads)
{
	switch ((enum op)take(j, OP_COUNT)) {
	case OP_LOOKUP: {
		unsigned what = take(j, 4 * JUDGE_DOMAINS);
		lookup(j, what % JUDGE_DOMAINS,
		    (enum reach_interest)(what / JUDGE_DOMAINS));
		return;
	}
	case OP_WORK:
		work(j);
		return;
	case OP_LAND:
		if (j->n_flight > 0)
			land(j, take(j, j->n_flight));
		return;
	case OP_LAND_ALL:
		while (j->n_flight > 0)
			land(j, 0);
		return;
	case OP_LAND_RELAY:
		if (j->n_relay_flight > 0)
			land_relay(j, take(j, j->n_relay_flight));
		return;
	case OP_TIME:
		pass_time(j);
		return;
	case OP_HOLD:
		hold(j, lookup(j, take(j, JUDGE_DOMAINS), REACH_AWAITED));
		return;
	case OP_RELEASE:
		release(j, take(j, JUDGE_HELD_MAX));
		return;
	case OP_FILTER:
		work(j);
		filter(j);
		return;
	case OP_RELOAD:
		if ((*reloads)++ < RELOADS_MAX)
			reload(j);
		return;
	case OP_CHANGES:
		take_changes(j);
		return;
	case OP_COUNT:
		break;
	}
}

// -- the end ----------------------------------------------------------------

static bool
all_known(struct judge *j)
{
	for (unsigned i = 0; i < j->n_held; i++)
		if (!plans_route(j->plans, j->held[i], j->now).known)
			return false;
	return true;
}

static void
lookup_again(struct judge *j, uint32_t domain)
{
	const char *name = reach_domain_name(j->reach, domain);
	uint32_t id = reach_lookup(
	    j->reach, name, strlen(name), REACH_AWAITED, j->now);
	mxd_assert(id == domain);
}

// The world answers, and who waits asks now and then: the route of each becomes
// known, whatever was before.
static void
settle(struct judge *j)
{
	enum { ROUNDS_MAX = 2000 };
	while (j->n_held > 0)
		release(j, 0);
	for (unsigned i = 0; i < JUDGE_HELD_MAX; i++)
		hold(j, lookup(j, i, REACH_AWAITED));
	for (int round = 0;; round++) {
		for (work(j); j->n_flight > 0; work(j))
			while (j->n_flight > 0)
				land_well(j);
		if (all_known(j))
			break;
		mxd_assert(round < ROUNDS_MAX);
		j->now += 5 * SECOND;
		for (unsigned i = 0; i < j->n_held; i++)
			lookup_again(j, j->held[i]);
	}
	while (j->n_held > 0)
		release(j, 0);
	judge_check(j);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct judge j = {.p = data, .end = data + size};
	unsigned reloads = 0;
	begin(&j);
	for (int i = 0; i < STEPS_MAX && j.p < j.end; i++) {
		step(&j, &reloads);
		judge_check(&j);
	}
	settle(&j);
	end(&j);
	return 0;
}
