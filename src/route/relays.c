// SPDX-License-Identifier: MIT
// The overseas relays: their health, and which one a domain goes by.
#include "route/relays.h"

#include "base/bug.h"
#include "base/mem.h"
#include "base/str.h"
#include "reach/greeting.h"
#include "route/render.h"

#include <stdlib.h>
#include <string.h>

// All that is kept of an answer. By these a relay is judged, even if it has
// more: of a nexthop's addresses Postfix itself tries smtp_mx_address_limit (5)
// only.
enum { ADDRESSES_MAX = 2 * ANSWER_ADDR_MAX };

// A round of a relay: its names are resolved when it is time, then its
// addresses are probed one after the other until one is healthy.
enum phase { PHASE_WAIT, PHASE_RESOLVE4, PHASE_RESOLVE6, PHASE_PROBE };

// What a round found. Of its addresses the best one counts: the MTA tries them
// all, too.
enum found {
	FOUND_NOTHING, // no route, no descriptor: no result
	FOUND_DEAD,
	FOUND_BUSY, // it puts us off, and ever answered well
	FOUND_GOOD,
	FOUND_SELF, // whatever its addresses say: it is ourselves
};

struct address {
	struct netaddr to; // with the port
	uint8_t slowest_s; // greeting, as greeting_note() has it; 0: none
};

struct relay {
	const struct conf_relay *conf; // borrowed
	struct address addr[ADDRESSES_MAX];
	unsigned n_addr;
	unsigned at; // which one is probed
	enum phase phase;
	bool in_flight;
	enum relays_state state;
	bool was_good;	      // it ever answered well
	enum found found;     // in this round
	enum outcome outcome; // of the last probe that made it so
	enum answer_outcome dns;
	enum found last;     // of the last round that found something
	unsigned in_a_row;   // rounds that found the same
	unsigned answers;    // rounds in a row that were not dead
	struct netaddr self; // its address that is ours; family 0: none
	int64_t round_at;    // when the round began, or the next one begins
	int64_t expires_at;  // of the addresses
	int64_t observed_at;
};

struct list {
	unsigned *relay; // indices, by priority, then as configured
	unsigned n;
	unsigned *order;	      // positions in `relay`; for rendering
	struct relays_choice *choice; // one for each start; via NULL: none
	// The first priority that has one that is up, or else a busy one.
	unsigned first, group;
	unsigned weight; // of that group
};

struct relays {
	const struct conf *conf;      // borrowed
	const struct ourselves *self; // borrowed; may be NULL
	struct relay *relay;
	unsigned n;
	struct list *list; // RELAYS_ALL, then one a rule that names relays
	unsigned n_lists;
	unsigned *list_of_rule;
};

// -- lists ------------------------------------------------------------------

static const struct conf_relay *
conf_at(const struct relays *r, const struct list *l, unsigned i)
{
	return r->relay[l->relay[i]].conf;
}

static bool
is_at(const struct relays *r, const struct list *l, unsigned i,
    enum relays_state state)
{
	return r->relay[l->relay[i]].state == state;
}

// Insertion sort keeps the order of the file within a priority.
static void
list_init(struct relays *r, struct list *l, const unsigned *relay, unsigned n)
{
	l->relay = xcalloc(n + 1, sizeof(*l->relay));
	l->order = xcalloc(n + 1, sizeof(*l->order));
	l->choice = xcalloc(n + 1, sizeof(*l->choice));
	l->n = n;
	for (unsigned i = 0; i < n; i++) {
		unsigned what = relay != NULL ? relay[i] : i;
		unsigned j = i;
		for (; j > 0 && conf_at(r, l, j - 1)->priority >
				    r->conf->relays[what].priority;
		     j--)
			l->relay[j] = l->relay[j - 1];
		l->relay[j] = what;
	}
}

static void
list_clear(struct list *l)
{
	for (unsigned i = 0; i < l->n; i++) {
		free((char *)l->choice[i].transport);
		free((char *)l->choice[i].mailer);
		l->choice[i] = (struct relays_choice){0};
	}
}

// The first priority that has a relay in this state, as [first, first + group).
// False: none has.
static bool
list_find_group(const struct relays *r, struct list *l, enum relays_state state)
{
	l->group = l->weight = 0;
	for (unsigned i = 0; i < l->n && l->group == 0;) {
		int priority = conf_at(r, l, i)->priority;
		bool found = false;
		l->first = i;
		l->weight = 0;
		for (; i < l->n && conf_at(r, l, i)->priority == priority;
		     i++) {
			l->weight += (unsigned)conf_at(r, l, i)->weight;
			found |= is_at(r, l, i, state);
		}
		if (found)
			l->group = i - l->first;
	}
	return l->group > 0;
}

// Appends those in this state to `order`, which has `n`: by priority, but round
// the group from `start`.
static unsigned
add_in_order(const struct relays *r, const struct list *l, unsigned start,
    enum relays_state state, unsigned *order, unsigned n)
{
	for (unsigned k = 0; k < l->n; k++) {
		unsigned i = k;
		if (k >= l->first && k < l->first + l->group)
			i = l->first + (start + k - 2 * l->first) % l->group;
		if (is_at(r, l, i, state))
			order[n++] = i;
	}
	return n;
}

// Appends the relays of `order` that share the first one's transport.
static void
render_nexthops(const struct relays *r, const struct list *l,
    const unsigned *order, unsigned n, struct strbuf *b)
{
	const struct conf_relay *via = conf_at(r, l, order[0]);
	unsigned listed = 0;
	for (unsigned k = 0; k < n && listed < RELAYS_LISTED; k++) {
		const struct conf_relay *c = conf_at(r, l, order[k]);
		if (strcmp(c->transport, via->transport) != 0)
			continue;
		if (b->len + strlen(c->nexthop) + 2 > b->size)
			return;
		strbuf_add(b, "%s%s", listed == 0 ? "" : ",", c->nexthop);
		listed++;
	}
}

// The healthy ones in the order of failover: those that are up, then the busy
// ones.
static void
list_render_start(const struct relays *r, struct list *l, unsigned start)
{
	unsigned n = 0;
	n = add_in_order(r, l, start, RELAYS_UP, l->order, n);
	n = add_in_order(r, l, start, RELAYS_BUSY, l->order, n);
	mxd_assert(n > 0);
	const struct conf_relay *via = conf_at(r, l, l->order[0]);
	char text[RENDER_REPLY_MAX];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	strbuf_add(&b, "OK %s:", via->transport);
	render_nexthops(r, l, l->order, n, &b);
	l->choice[start].transport = xstrdup(text);
	strbuf_init(&b, text, sizeof(text));
	// Without the port: it is the mailer's own matter.
	strbuf_add(&b, "OK %s:", via->mailer);
	render_host(via->host, &b);
	l->choice[start].mailer = xstrdup(text);
	l->choice[start].via = via->name;
}

// All replies anew after a relay's state changed; never at a lookup.
static void
render_lists(struct relays *r)
{
	for (unsigned i = 0; i < r->n_lists; i++) {
		struct list *l = &r->list[i];
		list_clear(l);
		if (!list_find_group(r, l, RELAYS_UP))
			list_find_group(r, l, RELAYS_BUSY);
		for (unsigned k = 0; k < l->group; k++)
			list_render_start(r, l, l->first + k);
	}
}

const struct relays_choice *
relays_pick(const struct relays *r, unsigned list, uint32_t hash)
{
	const struct list *l = &r->list[list];
	if (l->group == 0)
		return NULL;
	unsigned point = hash % l->weight;
	unsigned i = l->first;
	while (point >= (unsigned)conf_at(r, l, i)->weight) {
		point -= (unsigned)conf_at(r, l, i)->weight;
		i++;
	}
	return &l->choice[i];
}

// -- made -------------------------------------------------------------------

static void
relay_init(struct relay *relay, const struct conf_relay *conf, int64_t now)
{
	*relay = (struct relay){
	    .conf = conf,
	    .state = RELAYS_UP, // no result yet: healthy
	    .round_at = now,
	};
	if (conf->address.family != 0) {
		relay->addr[0].to = conf->address;
		relay->addr[0].to.port = conf->port;
		relay->n_addr = 1;
		relay->expires_at = INT64_MAX;
	}
}

static void
drop_family(struct relay *relay, int family)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < relay->n_addr; i++)
		if (relay->addr[i].to.family != family)
			relay->addr[kept++] = relay->addr[i];
	relay->n_addr = kept;
}

// Addresses of a family that is not probed any more go; one that is probed from
// now on is asked about in the next round.
static void
relay_apply_protocols(
    const struct conf *conf, const struct conf *old, struct relay *relay)
{
	if (conf->probe.ipv4 == old->probe.ipv4 &&
	    conf->probe.ipv6 == old->probe.ipv6)
		return;
	if (!conf->probe.ipv4)
		drop_family(relay, AF_INET);
	if (!conf->probe.ipv6)
		drop_family(relay, AF_INET6);
	relay->expires_at = 0;
}

static void
relay_inherit(
    const struct relays *r, struct relay *relay, const struct relays *old)
{
	for (unsigned i = 0; i < old->n; i++) {
		const struct relay *o = &old->relay[i];
		if (strcmp(o->conf->nexthop, relay->conf->nexthop) != 0 ||
		    o->conf->probe != relay->conf->probe)
			continue;
		const struct conf_relay *conf = relay->conf;
		*relay = *o;
		relay->conf = conf;
		if (o->phase == PHASE_RESOLVE4 || o->phase == PHASE_RESOLVE6)
			relay->expires_at = 0; // its answers are half in
		if (conf->address.family == 0)
			relay_apply_protocols(r->conf, old->conf, relay);
		relay->phase = PHASE_WAIT;
		relay->in_flight = false;
	}
}

struct relays *
relays_new(const struct conf *conf, const struct ourselves *self,
    const struct relays *old, int64_t now)
{
	struct relays *r = xcalloc(1, sizeof(*r));
	r->conf = conf;
	r->self = self;
	r->n = conf->n_relays;
	r->relay = xcalloc(r->n + 1, sizeof(*r->relay));
	for (unsigned i = 0; i < r->n; i++) {
		relay_init(&r->relay[i], &conf->relays[i], now);
		if (old != NULL)
			relay_inherit(r, &r->relay[i], old);
		if (conf->relays[i].probe == CONF_RELAY_PROBE_NONE)
			r->relay[i].round_at = INT64_MAX;
	}
	r->list = xcalloc(conf->n_rules + 1, sizeof(*r->list));
	r->list_of_rule = xcalloc(conf->n_rules + 1, sizeof(*r->list_of_rule));
	list_init(r, &r->list[RELAYS_ALL], NULL, r->n);
	r->n_lists = 1;
	for (unsigned i = 0; i < conf->n_rules; i++) {
		const struct conf_rule *rule = &conf->rules[i];
		if (rule->n_relays == 0)
			continue;
		r->list_of_rule[i] = r->n_lists;
		list_init(
		    r, &r->list[r->n_lists++], rule->relays, rule->n_relays);
	}
	render_lists(r);
	return r;
}

void
relays_free(struct relays *r)
{
	if (r == NULL)
		return;
	for (unsigned i = 0; i < r->n_lists; i++) {
		list_clear(&r->list[i]);
		free(r->list[i].choice);
		free(r->list[i].order);
		free(r->list[i].relay);
	}
	free(r->list);
	free(r->list_of_rule);
	free(r->relay);
	free(r);
}

unsigned
relays_list_of_rule(const struct relays *r, int rule)
{
	return rule < 0 ? RELAYS_ALL : r->list_of_rule[rule];
}

bool
relays_have_name(const struct relays *r, const char *name)
{
	for (unsigned i = 0; i < r->n; i++)
		if (strcmp(r->relay[i].conf->host, name) == 0)
			return true;
	return false;
}

bool
relays_have_address(const struct relays *r, const struct netaddr *a)
{
	for (unsigned i = 0; i < r->n; i++)
		for (unsigned j = 0; j < r->relay[i].n_addr; j++)
			if (netaddr_same_ip(&r->relay[i].addr[j].to, a))
				return true;
	return false;
}

unsigned
relays_count(const struct relays *r)
{
	return r->n;
}

unsigned
relays_healthy(const struct relays *r)
{
	unsigned n = 0;
	for (unsigned i = 0; i < r->n; i++)
		n += r->relay[i].state != RELAYS_DOWN;
	return n;
}

// -- rounds -----------------------------------------------------------------

// The family of this phase is not probed, so it is not asked about.
static bool
phase_is_skipped(const struct relays *r, enum phase phase)
{
	return (phase == PHASE_RESOLVE4 && !r->conf->probe.ipv4) ||
	       (phase == PHASE_RESOLVE6 && !r->conf->probe.ipv6);
}

static void
enter_next_phase(const struct relays *r, struct relay *relay)
{
	do
		relay->phase++;
	while (phase_is_skipped(r, relay->phase));
}

// Its addresses are those of the round to come. Of ourselves we hope for other
// ones at every round.
static bool
addresses_hold(const struct relay *relay, int64_t now)
{
	if (relay->conf->address.family != 0)
		return true;
	return relay->n_addr > 0 && now < relay->expires_at &&
	       relay->self.family == 0;
}

static void
begin_round(const struct relays *r, struct relay *relay, int64_t now)
{
	relay->round_at = now;
	relay->at = 0;
	relay->found = FOUND_NOTHING;
	relay->phase = PHASE_WAIT;
	if (addresses_hold(relay, now))
		relay->phase = PHASE_RESOLVE6;
	else
		relay->expires_at = INT64_MAX; // until the answers say less
	enter_next_phase(r, relay);
}

bool
relays_is_put_off(const struct relays_heard *heard)
{
	return heard->code / 100 == 4 &&
	       (heard->outcome == OUTCOME_REFUSED_SERVICE ||
		   heard->outcome == OUTCOME_EHLO_REFUSED);
}

static bool
is_healthy(const struct relay *relay, enum outcome outcome)
{
	if (relay->conf->probe == CONF_RELAY_PROBE_CONNECT)
		return outcome_says(outcome) == OUTCOME_SAYS_UP;
	return outcome == OUTCOME_EHLO || outcome == OUTCOME_STARTTLS_OFFERED;
}

static enum found
found_by(const struct relay *relay, const struct relays_heard *heard)
{
	if (outcome_says(heard->outcome) == OUTCOME_SAYS_NOTHING)
		return FOUND_NOTHING;
	if (is_healthy(relay, heard->outcome))
		return FOUND_GOOD;
	return relay->was_good && relays_is_put_off(heard) ? FOUND_BUSY
							   : FOUND_DEAD;
}

// The least of its addresses that is ours: the same one whatever their order;
// of family 0: none is.
static struct netaddr
find_self(const struct relays *r, const struct relay *relay)
{
	struct netaddr found = {0};
	if (r->self == NULL || !ourselves_is_mail_port(relay->conf->port))
		return found;
	for (unsigned i = 0; i < relay->n_addr; i++) {
		const struct netaddr *a = &relay->addr[i].to;
		if (ourselves_why_address(r->self, a) == NULL)
			continue;
		if (found.family == 0 || memcmp(a, &found, sizeof(*a)) < 0)
			found = *a;
	}
	return found;
}

static bool
is_answer(enum found found)
{
	return found == FOUND_BUSY || found == FOUND_GOOD;
}

static void
count_round(struct relay *relay)
{
	relay->in_a_row = relay->found == relay->last ? relay->in_a_row + 1 : 1;
	relay->last = relay->found;
	relay->answers = is_answer(relay->found) ? relay->answers + 1 : 0;
	if (relay->found == FOUND_GOOD)
		relay->was_good = true;
}

// Ourselves: down at once. Else down after `fall` dead rounds in a row, back
// after `rise` rounds in a row that were answered; whether one that answers is
// busy, its last round says.
static enum relays_state
judge(const struct conf *conf, const struct relay *relay)
{
	if (relay->found == FOUND_SELF)
		return RELAYS_DOWN;
	if (relay->found == FOUND_DEAD)
		return relay->in_a_row < conf->probe.fall ? relay->state
							  : RELAYS_DOWN;
	if (relay->state == RELAYS_DOWN && relay->answers < conf->probe.rise)
		return RELAYS_DOWN;
	return relay->found == FOUND_BUSY ? RELAYS_BUSY : RELAYS_UP;
}

// Ends a round with what it found. True: there is something to say.
static bool
end_round(struct relays *r, struct relay *relay, struct relays_change *change)
{
	relay->phase = PHASE_WAIT;
	relay->round_at += r->conf->probe.fast_interval_ms;
	struct netaddr before = relay->self;
	relay->self = find_self(r, relay);
	if (relay->self.family != 0)
		relay->found = FOUND_SELF;
	if (relay->found == FOUND_NOTHING)
		return false;
	count_round(relay);
	enum relays_state old = relay->state;
	relay->state = judge(r->conf, relay);
	bool news = relay->self.family != 0 &&
		    !netaddr_equal(&relay->self, &before);
	if (relay->state == old && !news)
		return false;
	render_lists(r);
	*change = (struct relays_change){
	    .relay = (unsigned)(relay - r->relay),
	    .name = relay->conf->name,
	    .old_state = old,
	    .new_state = relay->state,
	    .outcome = relay->n_addr > 0 ? relay->outcome : OUTCOME_NONE,
	    .dns = relay->dns,
	    .count = relay->in_a_row,
	    .healthy = relays_healthy(r),
	    .all = r->n,
	    .self = relay->self,
	    .nexthop = relay->conf->nexthop,
	};
	return true;
}

// A relay that is down is given all the time there is: it may greet later than
// it did.
static void
aim(const struct relays *r, const struct relay *relay, struct relays_due *out)
{
	const struct address *a = &relay->addr[relay->at];
	uint8_t slowest_s = relay->state == RELAYS_DOWN ? 0 : a->slowest_s;
	out->to = a->to;
	out->greeting_timeout_ms = greeting_timeout(slowest_s,
	    r->conf->probe.reply_timeout_ms,
	    r->conf->probe.greeting_timeout_ms);
}

bool
relays_next(struct relays *r, int64_t now, struct relays_due *out)
{
	for (unsigned i = 0; i < r->n; i++) {
		struct relay *relay = &r->relay[i];
		if (relay->in_flight)
			continue;
		if (relay->phase == PHASE_WAIT) {
			if (now < relay->round_at)
				continue;
			begin_round(r, relay, now);
		}
		bool probe = relay->phase == PHASE_PROBE;
		relay->in_flight = true;
		*out = (struct relays_due){
		    .relay = i,
		    .probe = probe,
		    .name = relay->conf->host,
		    .family = relay->phase == PHASE_RESOLVE4 ? AF_INET
							     : AF_INET6,
		    .connect_only = relay->conf->probe ==
				    CONF_RELAY_PROBE_CONNECT,
		};
		if (probe)
			aim(r, relay, out);
		return true;
	}
	return false;
}

int64_t
relays_next_at(const struct relays *r, int64_t now)
{
	int64_t at = INT64_MAX;
	for (unsigned i = 0; i < r->n; i++) {
		const struct relay *relay = &r->relay[i];
		if (relay->in_flight)
			continue;
		int64_t due = relay->phase == PHASE_WAIT ? relay->round_at
							 : now;
		if (due < at)
			at = due;
	}
	return at < now ? now : at;
}

// -- told -------------------------------------------------------------------

const char *
relays_state_name(enum relays_state state)
{
	static const char *const name[] = {
	    [RELAYS_UP] = "up",
	    [RELAYS_BUSY] = "busy",
	    [RELAYS_DOWN] = "down",
	};
	return name[state];
}

// For how long an answer holds; a failure: until the next round.
static int64_t
lifetime_ms(const struct conf *conf, const struct answer_addr *answer)
{
	if (!answer_is_definite(answer->outcome))
		return 0;
	if (answer->outcome != ANSWER_OK)
		return conf->dns.negative_ttl_ms;
	int64_t ms = (int64_t)answer->ttl_s * 1000;
	if (ms < conf->dns.min_ttl_ms)
		ms = conf->dns.min_ttl_ms;
	return ms < conf->dns.max_ttl_ms ? ms : conf->dns.max_ttl_ms;
}

// The slowest greeting of an address that the relay has; 0: it has not.
static uint8_t
slowest_of(const struct relay *relay, const struct netaddr *to)
{
	for (unsigned i = 0; i < relay->n_addr; i++)
		if (netaddr_equal(&relay->addr[i].to, to))
			return relay->addr[i].slowest_s;
	return 0;
}

// A definite answer replaces the family's addresses; a failure keeps them.
static void
take_addresses(const struct relays *r, struct relay *relay, int family,
    const struct answer_addr *answer, int64_t now)
{
	int64_t until = now + lifetime_ms(r->conf, answer);
	if (until < relay->expires_at)
		relay->expires_at = until;
	relay->dns = answer->outcome;
	if (!answer_is_definite(answer->outcome))
		return;
	const struct relay before = *relay;
	drop_family(relay, family);
	for (unsigned i = 0; i < answer->n; i++) {
		struct address *a = &relay->addr[relay->n_addr++];
		a->to = answer->addr[i];
		a->to.port = relay->conf->port;
		a->slowest_s = slowest_of(&before, &a->to);
	}
}

bool
relays_tell_address(struct relays *r, unsigned i, int family,
    const struct answer_addr *answer, int64_t now, struct relays_change *change)
{
	struct relay *relay = &r->relay[i];
	mxd_assert(relay->in_flight && relay->phase != PHASE_PROBE);
	relay->in_flight = false;
	take_addresses(r, relay, family, answer, now);
	enter_next_phase(r, relay);
	if (relay->phase != PHASE_PROBE)
		return false;
	if (relay->n_addr == 0) {
		relay->observed_at = now;
		relay->found = FOUND_DEAD;
	} else if (find_self(r, relay).family == 0) {
		return false; // to be probed
	}
	return end_round(r, relay, change);
}

void
relays_tell_greeting(struct relays *r, unsigned i, int64_t took_ms)
{
	struct relay *relay = &r->relay[i];
	mxd_assert(relay->in_flight && relay->phase == PHASE_PROBE);
	struct address *a = &relay->addr[relay->at];
	a->slowest_s = greeting_note(a->slowest_s, took_ms);
}

bool
relays_tell_probe(struct relays *r, unsigned i,
    const struct relays_heard *heard, int64_t now, struct relays_change *change)
{
	struct relay *relay = &r->relay[i];
	mxd_assert(relay->in_flight && relay->phase == PHASE_PROBE);
	relay->in_flight = false;
	enum found found = found_by(relay, heard);
	if (found != FOUND_NOTHING)
		relay->observed_at = now;
	if (found != FOUND_NOTHING && found >= relay->found) {
		relay->found = found;
		relay->outcome = heard->outcome;
	}
	if (found != FOUND_GOOD && ++relay->at < relay->n_addr)
		return false;
	return end_round(r, relay, change);
}

struct relays_view
relays_view(const struct relays *r, unsigned i)
{
	const struct relay *relay = &r->relay[i];
	return (struct relays_view){
	    .name = relay->conf->name,
	    .nexthop = relay->conf->nexthop,
	    .state = relay->state,
	    .outcome = relay->outcome,
	    .observed_at = relay->observed_at,
	    .self = relay->self,
	};
}
