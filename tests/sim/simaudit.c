// SPDX-License-Identifier: MIT
// What the memory says and does, compared with the truth and with the limits.
#include "sim/simaudit.h"

#include "base/bug.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What detection may take, from the figures of the configuration (the
// defaults):
//
// A dead address in use is probed within `interval` of the lookup that needs
// it, or of its last probe; a lookup wakes what sleeps at most every 30 s. From
// that first probe on (fall - 1) fast intervals and one timeout: the longest is
// of who accepts the connection and stays silent.
//
// A live one that was down, or seemed so, is probed within `down_interval_max`,
// whether anybody asks or not; then (rise - 1) fast intervals and one timeout.
//
// A probe that got lost begins that anew; see struct line.
//
// Nothing here is read out of the code that is tested: it is what it promises.
enum {
	FALL = 2,
	RISE = 2,
	INTERVAL = 30 * SIM_MINUTE,
	FAST = 15 * SIM_SECOND,
	DOWN_MAX = 10 * SIM_MINUTE,
	WAKE = 30 * SIM_SECOND,
	TIMEOUT = (6 + 45) * SIM_SECOND, // connect_timeout, greeting_timeout
	QUEUE = 5 * SIM_SECOND, // for its turn within the limits on probes
	BOUND_DOWN = INTERVAL + WAKE + (FALL - 1) * FAST + TIMEOUT + QUEUE,
	BOUND_UP = DOWN_MAX + (RISE - 1) * FAST + TIMEOUT + QUEUE,
	// An address whose turn it is may be known from another name, and from
	// before; it is probed once the old answer expired and a lookup came.
	BOUND_TURN = SIM_MINUTE + WAKE + (FALL - 1) * FAST + TIMEOUT + QUEUE,
	// A relay's round begins every fast interval.
	BOUND_RELAY = FALL * FAST + TIMEOUT,
	// After failures a question is repeated within negative_ttl (5 min).
	BOUND_DNS = 5 * SIM_MINUTE + 10 * SIM_SECOND,
	IDLE = SIM_DAY, // what nobody asks for is forgotten
	// Probes of one address in an hour: while it is down one every 9 to 10
	// minutes, or 2 while it is up, and one at the edge. A change (the
	// first result is one), or a lost probe, adds (fall or rise) fast ones,
	// and the first steps of a new back-off: 2 and 4 minutes.
	HOURLY = 8,
	HOURLY_BY_EVENT = 4,
	COMPLAINTS_MAX = 20,
};

struct line {
	int64_t lost_at;    // the last probe that failed though it was up
	int64_t silence_at; // when somebody asked after a long silence
	int64_t hour;	    // that is counted
	uint8_t in_hour;
	uint8_t events, events_before; // of that hour and the one before
	uint8_t seen;		       // enum sim_state at the last probe, + 1
	uint16_t changes, lost, flips;
};

struct asked {
	int64_t last_at;
	int64_t since;	    // the first lookup after the truth last changed
	int64_t turned;	    // the first one after addresses last took turns
	int64_t unknown_at; // since when nothing is known though the DNS works
};

struct simaudit {
	const struct fakeworld *fake;
	struct simworld *world;
	struct simtable *t;
	struct line *line;
	struct asked *asked; // of each domain
	int64_t relay_lost_at[SIM_RELAYS];
	int64_t second;
	unsigned in_second;
	bool quiet;
};

struct simaudit *
simaudit_new(const struct fakeworld *fake, struct simworld *world,
    struct simtable *table, bool quiet)
{
	struct simaudit *a = xcalloc(1, sizeof(*a));
	a->fake = fake;
	a->world = world;
	a->t = table;
	a->quiet = quiet;
	a->line = xcalloc((size_t)world->n * 2, sizeof(*a->line));
	a->asked = xcalloc(world->domains, sizeof(*a->asked));
	for (unsigned i = 0; i < SIM_RELAYS; i++)
		a->relay_lost_at[i] = fake->now; // nothing is known yet
	return a;
}

void
simaudit_free(struct simaudit *a)
{
	free(a->line);
	free(a->asked);
	free(a);
}

// -- what is right ----------------------------------------------------------

enum right { RIGHT_DIRECT, RIGHT_STEER, RIGHT_DETOUR, RIGHT_OPEN };

struct tally { // of some addresses of one host
	unsigned up, down;
};

struct expectation {
	enum right right;
	int64_t turned_at;  // when addresses last took turns; 0: they do not
	int64_t changed_at; // when the truth last did
	int64_t from;	    // the same, or a later probe got lost
	int64_t plain_at;   // when all of it must be known
	bool down;	    // something is, so lookups are needed to know
	bool dead;	    // and does not only refuse
	bool silent;	    // takes more than a connect timeout to be sure of
};

static void
expect_line(struct simaudit *a, uint32_t number, bool six, struct tally *tally,
    struct expectation *x)
{
	uint32_t line = number << 1 | six;
	struct sim_truth t = simworld_truth(a->world, line, a->fake->now);
	int64_t from = t.since;
	// Loss does not keep anybody from seeing that it is dead.
	if (t.state != SIM_DEAD && a->line[line].lost_at > from)
		from = a->line[line].lost_at;
	int64_t plain_at = from + (t.state == SIM_UP ? BOUND_UP : BOUND_DOWN);
	if (plain_at > x->plain_at)
		x->plain_at = plain_at;
	if (t.since > x->changed_at)
		x->changed_at = t.since;
	if (from > x->from)
		x->from = from;
	tally->up += t.state == SIM_UP;
	tally->down += t.state != SIM_UP;
	x->down |= t.state != SIM_UP;
	x->dead |= t.state == SIM_DEAD;
	x->silent |= t.how == OUTCOME_GREETING_TIMEOUT;
}

// Is the host up? Of addresses that take turns all count when the question is
// what must be known, those shown when it is what is true at the moment.
static bool
expect_host(struct simaudit *a, const struct sim_host *h, bool all,
    struct expectation *x)
{
	uint32_t shown[SIM_SHOWN_MAX];
	bool up = false;
	bool turns = all && h->turn_s > 0;
	unsigned n = turns ? h->size : simworld_shown(h, a->fake->now, shown);
	if (h->turn_s > 0) {
		int64_t turn = (int64_t)h->turn_s * SIM_SECOND;
		x->turned_at = a->fake->now / turn * turn;
	}
	for (int six = 0; six <= h->six; six++) {
		struct tally t = {0};
		for (unsigned i = 0; i < n; i++)
			expect_line(
			    a, turns ? h->first + i : shown[i], six, &t, x);
		if (turns && t.up > 0 && t.down > 0)
			x->right = RIGHT_OPEN; // it depends on whose turn it is
		up |= t.up > 0;
	}
	return up;
}

// The route by the truth (spec of the routes: coverage, in the way, refused).
static struct expectation
expect(struct simaudit *a, const struct sim_host *host, unsigned n, bool all)
{
	struct expectation x = {.right = RIGHT_DIRECT};
	bool up[SIM_HOSTS_MAX];
	uint32_t best = UINT32_MAX;
	bool in_the_way = false;
	for (unsigned i = 0; i < n; i++) {
		up[i] = expect_host(a, &host[i], all, &x);
		if (up[i] && host[i].preference < best)
			best = host[i].preference;
	}
	for (unsigned i = 0; i < n; i++)
		in_the_way |= !up[i] && host[i].preference <= best;
	if (x.right != RIGHT_OPEN && x.dead && in_the_way)
		x.right = best == UINT32_MAX ? RIGHT_DETOUR : RIGHT_STEER;
	return x;
}

static enum right
told(const struct route_view *v)
{
	switch (v->route) {
	case ROUTE_STEER:
		return RIGHT_STEER;
	case ROUTE_RELAY:
	case ROUTE_HOLD:
		return RIGHT_DETOUR;
	case ROUTE_DIRECT:
	case ROUTE_COUNT:
		break;
	}
	return RIGHT_DIRECT;
}

// After such a silence its verdict will be forgotten, or was.
static void
note_silence(struct simaudit *a, const struct sim_host *h)
{
	if (h->size > 1) // others may have asked
		return;
	a->line[h->first << 1].silence_at = a->fake->now;
	a->line[h->first << 1 | 1].silence_at = a->fake->now;
}

bool
simaudit_on_lookup(struct simaudit *a, uint32_t domain)
{
	struct sim_host host[SIM_HOSTS_MAX];
	struct asked *asked = &a->asked[domain];
	int64_t now = a->fake->now, before = asked->last_at;
	unsigned n = simworld_hosts(a->world, domain, host);
	struct expectation x = expect(a, host, n, true);
	if (before <= x.changed_at || now - before >= IDLE)
		asked->since = now;
	if (before < x.turned_at)
		asked->turned = now;
	if (now - before >= IDLE) {
		asked->unknown_at = 0;
		for (unsigned i = 0; i < n; i++)
			note_silence(a, &host[i]);
	}
	asked->last_at = now;
	return before == 0;
}

static bool
is_plain(const struct simaudit *a, const struct asked *asked,
    const struct expectation *x)
{
	int64_t now = a->fake->now;
	// What is out of its turn is not probed, and kept for `interval`: what
	// was seen of it before it came up may be what is known when its turn
	// comes again.
	bool turns = x->down || now <= x->plain_at + INTERVAL;
	return x->right != RIGHT_OPEN && now > x->plain_at &&
	       (!turns || now > asked->turned + BOUND_TURN) &&
	       (!x->down || now > asked->since + BOUND_DOWN);
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

// The first few in words, for who has to find out why.
static void
complain(const struct simaudit *a, uint32_t domain, const struct route_view *v,
    const char *what)
{
	static unsigned lines;
	char reason[REASON_TEXT_MAX];
	if (!a->quiet && lines++ < COMPLAINTS_MAX)
		fprintf(stderr,
		    "# %s: d%u.example kind=%d at=%.1fs route=%s "
		    "reason=%s via=%s\n",
		    what, domain, simworld_kind(a->world, domain),
		    (double)a->fake->now / 1000, route_name(v->route),
		    reason_format(v->reason, v->rule, reason),
		    v->via != NULL ? v->via : "-");
}

// Wrong at this moment: how often, for how long it has been so, and for too
// long? Here those count, too, whose addresses take turns and are not all
// alike.
static void
note_early(struct simaudit *a, uint32_t domain, const struct route_view *v,
    const struct expectation *x)
{
	const struct asked *asked = &a->asked[domain];
	int64_t since = later(
	    later(x->from, x->turned_at), later(asked->since, asked->turned));
	int64_t lasts = a->fake->now - since;
	if (told(v) == RIGHT_DETOUR && x->right == RIGHT_DIRECT) {
		a->t->early_detours++;
		a->t->longest_detour_ms = later(a->t->longest_detour_ms, lasts);
		if (lasts > BOUND_UP + BOUND_TURN) {
			a->t->false_detours++;
			complain(a, domain, v, "detour for too long");
		}
	}
	if (told(v) == RIGHT_DIRECT && x->right == RIGHT_DETOUR) {
		a->t->early_misses++;
		a->t->longest_miss_ms = later(a->t->longest_miss_ms, lasts);
		if (lasts > BOUND_DOWN) {
			a->t->missed++;
			complain(a, domain, v, "missed for too long");
		}
	}
}

// True when the reply names "[host]".
static bool
names_host(const char *reply, const char *host)
{
	const char *at = strstr(reply, host);
	size_t len = strlen(host);
	while (at != NULL && (at == reply || at[-1] != '[' || at[len] != ']'))
		at = strstr(at + 1, host);
	return at != NULL;
}

// A steered answer names no host that must be known as dead, and the filter
// drops no address that must be known as live.
static void
audit_hosts(struct simaudit *a, uint32_t domain, const struct route_view *v,
    const struct sim_host *host, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct expectation x = expect(a, &host[i], 1, true);
		if (!is_plain(a, &a->asked[domain], &x))
			continue;
		if (x.right == RIGHT_DETOUR && v->route == ROUTE_STEER &&
		    names_host(v->transport, host[i].name)) {
			a->t->steered_to_dead++;
			complain(a, domain, v, "steered to a dead host");
		}
		if (x.down)
			continue;
		struct netaddr address = simworld_address(host[i].first << 1);
		if (plans_filter(a->fake->plans, host[i].name, &address)) {
			a->t->filtered_live++;
			complain(a, domain, v, "filtered a live address");
		}
	}
}

// What this relay is when that has been beyond doubt for long enough.
static bool
relay_is_plain(const struct simaudit *a, unsigned relay, enum sim_relay *out)
{
	int64_t since, now = a->fake->now;
	*out = simworld_relay(a->world, relay, now, &since);
	return now > since + BOUND_RELAY &&
	       now > a->relay_lost_at[relay] + BOUND_RELAY;
}

// One of the domain's relays is this, beyond doubt. By the rule for Google its
// list is the second one alone.
static bool
has_relay(const struct simaudit *a, uint32_t domain, enum sim_relay what)
{
	bool google = simworld_kind(a->world, domain) <= SIM_SINGLE;
	enum sim_relay is;
	for (unsigned i = google; i < SIM_RELAYS; i++)
		if (relay_is_plain(a, i, &is) && is == what)
			return true;
	return false;
}

static bool
find_relay(const struct simaudit *a, const char *name, unsigned *out)
{
	for (unsigned i = 0; i < SIM_RELAYS; i++) {
		*out = i;
		if (strcmp(relays_view(a->fake->relays, i).name, name) == 0)
			return true;
	}
	return false;
}

static void
audit_via(struct simaudit *a, uint32_t domain, const struct route_view *v)
{
	enum sim_relay is;
	unsigned via;
	mxd_assert(find_relay(a, v->via, &via));
	if (!relay_is_plain(a, via, &is) || is == SIM_RELAY_UP)
		return;
	if (is == SIM_RELAY_DOWN) {
		a->t->dead_relay++;
		complain(a, domain, v, "by a dead relay");
	} else if (has_relay(a, domain, SIM_RELAY_UP)) {
		a->t->busy_relay++;
		complain(a, domain, v, "by a busy relay though one is up");
	} else {
		a->t->all_busy++;
	}
}

static void
audit_relay(struct simaudit *a, uint32_t domain, const struct route_view *v)
{
	if (v->route == ROUTE_RELAY)
		audit_via(a, domain, v);
	if (v->route == ROUTE_HOLD &&
	    (has_relay(a, domain, SIM_RELAY_UP) ||
		has_relay(a, domain, SIM_RELAY_BUSY))) {
		a->t->false_hold++;
		complain(a, domain, v, "held though a relay is up");
	}
}

// True: nothing is known of it. That must not last while the DNS works.
static bool
audit_unresolved(
    struct simaudit *a, uint32_t domain, const struct route_view *v)
{
	int64_t since, now = a->fake->now;
	struct asked *asked = &a->asked[domain];
	bool works = simworld_dns(a->world, domain, now, &since) == ANSWER_OK;
	bool known = v->reason != REASON_UNKNOWN_YET &&
		     v->reason != REASON_DNS_FAILURE;
	if (known || !works)
		asked->unknown_at = 0;
	else if (asked->unknown_at == 0)
		asked->unknown_at = now;
	else if (now > asked->unknown_at + BOUND_DNS) {
		a->t->unresolved++;
		complain(a, domain, v, "unresolved");
	}
	return !known;
}

void
simaudit_on_heard(
    struct simaudit *a, uint32_t domain, const struct route_view *v)
{
	if (v->reason != REASON_UNKNOWN_YET && v->reason != REASON_DNS_FAILURE)
		a->asked[domain].unknown_at = 0;
}

// The policy service waited for the answer to the first mail: it is known now,
// unless it is silence that must be sure of, or the DNS that fails.
static void
audit_first(struct simaudit *a, uint32_t domain, const struct route_view *v,
    const struct expectation *x, int64_t first_at)
{
	int64_t dns_since;
	enum sim_kind kind = simworld_kind(a->world, domain);
	if (kind < SIM_OWN || x->right != RIGHT_DETOUR || x->silent ||
	    x->changed_at > first_at ||
	    simworld_dns(a->world, domain, a->fake->now, &dns_since) !=
		ANSWER_OK ||
	    dns_since > first_at)
		return;
	a->t->first_blocked++;
	if (told(v) == RIGHT_DETOUR)
		a->t->first_detoured++;
	else
		complain(a, domain, v, "first mail not detoured");
}

void
simaudit_on_route(struct simaudit *a, uint32_t domain,
    const struct route_view *v, int64_t first_at)
{
	struct sim_host host[SIM_HOSTS_MAX];
	struct asked *asked = &a->asked[domain];
	unsigned n = simworld_hosts(a->world, domain, host);
	enum right said = told(v);
	a->t->lookups++;
	a->t->told[v->route]++;
	audit_relay(a, domain, v);
	// Nothing to measure, or the rule "home": never anything but direct.
	if (n == 0 || strstr(host[0].name, ".p1.") != NULL) {
		a->t->judged++;
		a->t->false_detours += said != RIGHT_DIRECT;
		return;
	}
	bool unknown = audit_unresolved(a, domain, v);
	struct expectation all = expect(a, host, n, true);
	struct expectation shown = expect(a, host, n, false);
	if (!unknown)
		note_early(a, domain, v, &shown);
	audit_hosts(a, domain, v, host, n);
	if (first_at != 0)
		audit_first(a, domain, v, &all, first_at);
	if (unknown || !is_plain(a, asked, &all))
		return;
	a->t->judged++;
	if (said == all.right)
		return;
	if (said > all.right) {
		a->t->false_detours++;
		complain(a, domain, v, "false detour");
	} else {
		a->t->missed++;
		complain(a, domain, v, "missed");
	}
}

// -- limits -----------------------------------------------------------------

static void
most(uint64_t *so_far, uint64_t n)
{
	if (n > *so_far)
		*so_far = n;
}

// In flight with it: in its network, to the same address, in all.
static void
audit_flight(struct simaudit *a, uint32_t line)
{
	const struct fakeworld *w = a->fake;
	unsigned in_net = 1, in_all = 1;
	for (unsigned i = 0; i < w->n_flight; i++) {
		const struct fakeworld_flight *f = &w->flight[i];
		if (f->for_relay || f->due.kind != REACH_DUE_PROBE)
			continue;
		uint32_t other = simworld_line(&f->due.to);
		in_all++;
		in_net += other / 2 / SIM_NET == line / 2 / SIM_NET &&
			  other % 2 == line % 2;
		a->t->at_once += other == line;
	}
	most(&a->t->most_in_net, in_net);
	most(&a->t->most_in_flight, in_all);
	int64_t second = w->now / 1000;
	a->in_second = second == a->second ? a->in_second + 1 : 1;
	a->second = second;
	most(&a->t->most_in_second, a->in_second);
}

static void
audit_hour(struct simaudit *a, struct line *l, bool event)
{
	int64_t hour = a->fake->now / SIM_HOUR;
	if (l->hour != hour) {
		l->events_before = l->hour == hour - 1 ? l->events : 0;
		l->events = 0;
		l->in_hour = 0;
		l->hour = hour;
	}
	l->events += event;
	l->in_hour++;
	most(&a->t->worst_hour, l->in_hour);
	unsigned events = l->events + l->events_before;
	if (a->fake->now < l->silence_at + IDLE)
		events++; // forgotten, and the first result once more
	unsigned allowed = HOURLY + HOURLY_BY_EVENT * events;
	a->t->hours_exceeded += l->in_hour == allowed + 1;
}

void
simaudit_on_probe(struct simaudit *a, uint32_t line, bool lost, int64_t until)
{
	struct line *l = &a->line[line];
	enum sim_state state =
	    simworld_truth(a->world, line, a->fake->now).state;
	bool first = l->seen == 0;
	bool changed = !first && (l->seen == SIM_UP + 1) != (state == SIM_UP);
	l->seen = (uint8_t)(state + 1);
	l->changes += changed;
	l->lost += lost;
	if (lost)
		l->lost_at = until;
	a->t->probes++;
	a->t->lost += lost;
	a->t->true_changes += changed;
	audit_flight(a, line);
	audit_hour(a, l, changed || lost || first);
}

void
simaudit_on_relay_lost(struct simaudit *a, unsigned relay)
{
	a->relay_lost_at[relay] = a->fake->now;
}

// A verdict turns no more often than the truth did; each lost probe may turn it
// once more, and back.
void
simaudit_on_event(struct simaudit *a, const struct fakeworld_event *e)
{
	if (e->change.kind != REACH_CHANGE_ENDPOINT) {
		a->t->transitions++;
		return;
	}
	if (e->change.old_state == REACH_UNKNOWN ||
	    e->change.new_state == REACH_UNKNOWN)
		return;
	struct line *l = &a->line[simworld_line(&e->change.address)];
	l->flips++;
	a->t->flips++;
	a->t->flips_unexplained += l->flips > l->changes + 2 * l->lost;
}

void
simaudit_on_hour(struct simaudit *a)
{
	const struct fakeworld *w = a->fake;
	struct reach_stats s = reach_stats(w->reach);
	unsigned sets = 0, in_flight = 0;
	for (int route = 0; route < ROUTE_COUNT; route++)
		sets += plans_count(w->plans, (enum route)route);
	for (unsigned i = 0; i < w->n_flight; i++)
		in_flight += !w->flight[i].for_relay;
	a->t->sums_wrong += sets != s.sets;
	a->t->sums_wrong += in_flight != s.resolving + s.probing;
	most(&a->t->most_domains, s.domains);
}
