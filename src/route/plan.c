// SPDX-License-Identifier: MIT
// Plans: the route of each MX set under each rule, with its replies ready.
#include "route/plan.h"

#include "base/bug.h"
#include "base/mem.h"
#include "reach/pool.h"
#include "route/decide.h"
#include "route/render.h"

#include <stdlib.h>

enum {
	PLANS_MAX = 1 << 28,
	// A tag's plan: without a set, the rule that matches instead of a plan.
	TAG_RULE_EXACT = 1 << 30,
	TAG_RULE = TAG_RULE_EXACT - 1, // its index + 1
	MARK_ROUTE = 7,		       // holds ROUTE_COUNT and less
	MARK_BY_RULE = 8,
	MARK_FAILED = 16,
};

struct plan {		     // of one set under one rule; id 0 is none
	uint32_t next;	     // of the same set
	int32_t rule;	     // or RULES_NONE
	uint32_t generation; // of the configuration it was made under
	uint8_t route;	     // enum route
	uint8_t reason;	     // enum reason
	uint8_t reported;    // enum route; as told to plans_on_set()'s caller
	bool known : 1;
	bool rule_exact : 1;
	int64_t since;
	struct steer *steer; // owned; for ROUTE_STEER, else NULL
};

struct plans {
	struct reach *reach; // borrowed
	struct plan_context with;
	struct pool pool;
	uint32_t generation;	 // 1 and up; 0 in a tag: not placed
	uint32_t n[ROUTE_COUNT]; // sets by measured route
};

static struct plan *
plan_at(const struct plans *p, uint32_t id)
{
	return pool_at(&p->pool, id);
}

struct plans *
plans_new(struct reach *reach, const struct plan_context *with)
{
	struct plans *p = xcalloc(1, sizeof(*p));
	p->reach = reach;
	p->with = *with;
	p->generation = 1;
	pool_init(&p->pool, sizeof(struct plan), PLANS_MAX);
	return p;
}

void
plans_free(struct plans *p)
{
	if (p == NULL)
		return;
	for (uint32_t id = 1; id <= p->pool.made; id++)
		steer_free(plan_at(p, id)->steer);
	pool_fini(&p->pool);
	free(p);
}

void
plans_configure(struct plans *p, const struct plan_context *with)
{
	p->with = *with;
	if (++p->generation == 0)
		p->generation = 1;
}

uint32_t
plans_count(const struct plans *p, enum route route)
{
	return p->n[route];
}

// -- decisions --------------------------------------------------------------

static struct decide_facts
facts_of(const struct plans *p, enum reach_mx mx, int rule, bool exact)
{
	const struct conf *conf = p->with.conf;
	return (struct decide_facts){
	    .mx = mx,
	    .rule = rule == RULES_NONE ? NULL : &conf->rules[rule],
	    .rule_exact = exact,
	    .relay_refused = conf->relay_refused,
	    .steer_off = conf->direct.steer == CONF_STEER_OFF,
	    .cold = conf->cache.cold,
	    .on_failure = conf->dns.on_failure,
	};
}

// Since when a plan that is new has its route: a rule that leaves it to
// measurement (route "auto") changes nothing about that, nor does a reload.
static int64_t
since_of_new(
    const struct plans *p, uint32_t set, const struct decision *d, int64_t now)
{
	if (d->reason == REASON_RULE)
		return now;
	for (uint32_t id = reach_set_plans(p->reach, set); id != 0;
	     id = plan_at(p, id)->next) {
		const struct plan *plan = plan_at(p, id);
		if (plan->rule == RULES_NONE && plan->since != 0 &&
		    (enum route)plan->route == d->route)
			return plan->since;
	}
	return now;
}

// Decides anew for a set as it is now, and renders what steering needs.
static void
plan_decide(struct plans *p, struct plan *plan, uint32_t set, int64_t now)
{
	struct decide_facts f = facts_of(
	    p, REACH_MX_SET, plan->rule, plan->rule_exact);
	f.set = reach_set_view(p->reach, set);
	struct decision d = decide(&f);
	if (plan->since == 0)
		plan->since = since_of_new(p, set, &d, now);
	else if ((enum route)plan->route != d.route)
		plan->since = now;
	plan->route = (uint8_t)d.route;
	plan->reason = (uint8_t)d.reason;
	plan->known = d.known;
	plan->generation = p->generation;
	steer_free(plan->steer);
	plan->steer = NULL;
	if (d.route == ROUTE_STEER)
		plan->steer = steer_new(p->reach, set, p->with.conf);
}

static uint32_t
plan_make(struct plans *p, uint32_t set, int rule, bool rule_exact, int64_t now)
{
	uint32_t id = pool_take(&p->pool);
	mxd_assert(id != 0);
	struct plan *plan = plan_at(p, id);
	plan->rule = rule;
	plan->rule_exact = rule_exact;
	plan->reported = ROUTE_DIRECT; // where every new set starts
	plan->next = reach_set_plans(p->reach, set);
	reach_set_set_plans(p->reach, set, id);
	if (rule == RULES_NONE)
		p->n[ROUTE_DIRECT]++;
	plan_decide(p, plan, set, now);
	return id;
}

// Frees the set's plans by rules of an earlier configuration.
static void
drop_outdated(struct plans *p, uint32_t set)
{
	uint32_t keep = 0;
	for (uint32_t id = reach_set_plans(p->reach, set); id != 0;) {
		struct plan *plan = plan_at(p, id);
		uint32_t next = plan->next;
		if (plan->rule != RULES_NONE &&
		    plan->generation != p->generation) {
			steer_free(plan->steer);
			pool_give(&p->pool, id);
		} else {
			plan->next = keep;
			keep = id;
		}
		id = next;
	}
	reach_set_set_plans(p->reach, set, keep);
}

// The interned plan of a set under a rule; outdated ones by rules are gone.
static uint32_t
plan_intern(
    struct plans *p, uint32_t set, int rule, bool rule_exact, int64_t now)
{
	uint32_t id = reach_set_plans(p->reach, set);
	for (; id != 0; id = plan_at(p, id)->next) {
		const struct plan *plan = plan_at(p, id);
		if (plan->rule == rule && plan->rule_exact == rule_exact)
			return id;
	}
	return plan_make(p, set, rule, rule_exact, now);
}

// What a measured plan counts and reports as: a route that is only assumed
// while nothing is known yet is no measurement.
static enum route
measured_route(const struct plan *plan)
{
	return plan->reason == REASON_UNKNOWN_YET ? ROUTE_DIRECT
						  : (enum route)plan->route;
}

bool
plans_on_set(
    struct plans *p, uint32_t set, int64_t now, struct plans_transition *out)
{
	drop_outdated(p, set);
	struct plan *measured = plan_at(
	    p, plan_intern(p, set, RULES_NONE, false, now));
	for (uint32_t id = reach_set_plans(p->reach, set); id != 0;
	     id = plan_at(p, id)->next)
		plan_decide(p, plan_at(p, id), set, now);
	enum route old = (enum route)measured->reported;
	enum route new = measured_route(measured);
	if (new == old)
		return false;
	p->n[old]--;
	p->n[new]++;
	measured->reported = (uint8_t) new;
	*out = (struct plans_transition){
	    .old_route = old,
	    .new_route = new,
	    .reason = (enum reason)measured->reason,
	};
	return true;
}

void
plans_on_set_gone(struct plans *p, uint32_t set)
{
	for (uint32_t id = reach_set_plans(p->reach, set); id != 0;) {
		struct plan *plan = plan_at(p, id);
		uint32_t next = plan->next;
		if (plan->rule == RULES_NONE)
			p->n[plan->reported]--;
		steer_free(plan->steer);
		pool_give(&p->pool, id);
		id = next;
	}
	reach_set_set_plans(p->reach, set, 0);
}

// -- lookups ----------------------------------------------------------------

// Finds the rule and the plan of a domain that is new, whose MX changed, or
// that was placed under another configuration.
static void
place(struct plans *p, uint32_t domain, int64_t now)
{
	struct reach_tag tag = reach_domain_tag(p->reach, domain);
	uint32_t set = reach_domain_set(p->reach, domain);
	bool exact;
	int rule = rules_match(p->with.rules,
	    reach_domain_name(p->reach, domain), p->reach, set, &exact);
	if (set != REACH_NONE) {
		drop_outdated(p, set);
		struct plan *measured = plan_at(
		    p, plan_intern(p, set, RULES_NONE, false, now));
		if (measured->generation != p->generation)
			plan_decide(p, measured, set, now);
		tag.plan = plan_intern(p, set, rule, exact, now);
	} else {
		tag.plan = rule == RULES_NONE ? 0 : (uint32_t)rule + 1;
		if (exact)
			tag.plan |= TAG_RULE_EXACT;
	}
	tag.generation = p->generation;
	reach_set_domain_tag(p->reach, domain, tag);
}

static struct route_view
view_of(enum route route, enum reason reason, bool known)
{
	return (struct route_view){
	    .route = route,
	    .reason = reason,
	    .rule = "",
	    .transport = RENDER_NOTFOUND,
	    .mailertable = RENDER_NOTFOUND,
	    .known = known,
	};
}

struct route_view
plans_bad_name(void)
{
	return view_of(ROUTE_DIRECT, REASON_BAD_NAME, true);
}

struct route_view
plans_local(void)
{
	return view_of(ROUTE_DIRECT, REASON_LOCAL, true);
}

bool
plans_is_ours(const struct plans *p, const char *domain, struct route_view *out)
{
	if (rules_is_local(p->with.rules, domain))
		*out = plans_local();
	else if (reach_is_own_name(p->reach, domain))
		*out = view_of(ROUTE_DIRECT, REASON_SELF, true);
	else
		return false;
	return true;
}

static void
fill_hold(const struct conf *conf, struct route_view *v)
{
	v->route = ROUTE_HOLD;
	if (conf->hold_retry) {
		v->transport = hold_reply(v->reason)->transport;
		v->mailertable = hold_reply(v->reason)->mailertable;
	}
}

// The replies of a route that is more than "no change".
static void
fill_replies(const struct plans *p, const struct plan *plan, int rule,
    uint32_t hash, struct route_view *v)
{
	const struct conf *conf = p->with.conf;
	switch (v->route) {
	case ROUTE_DIRECT:
	case ROUTE_COUNT:
		return;
	case ROUTE_STEER:
		if (plan == NULL || plan->steer == NULL)
			return;
		if (conf->direct.steer == CONF_STEER_NEXTHOP)
			v->transport = steer_transport(plan->steer, hash);
		v->mailertable = steer_mailertable(plan->steer, hash);
		return;
	case ROUTE_RELAY: {
		const struct relays_choice *c = relays_pick(p->with.relays,
		    relays_list_of_rule(p->with.relays, rule), hash);
		if (c == NULL) {
			v->reason = REASON_NO_RELAY;
			fill_hold(conf, v);
			return;
		}
		v->via = c->via;
		v->transport = c->transport;
		v->mailertable = c->mailer;
		return;
	}
	case ROUTE_HOLD:
		fill_hold(conf, v);
		return;
	}
}

struct route_view
plans_cold(const struct plans *p, uint32_t hash)
{
	struct decide_facts f = facts_of(
	    p, REACH_MX_UNKNOWN, RULES_NONE, false);
	struct decision d = decide(&f);
	struct route_view v = view_of(d.route, d.reason, d.known);
	fill_replies(p, NULL, RULES_NONE, hash, &v);
	return v;
}

static struct route_view
view_with_set(const struct plans *p, const struct reach_tag *tag, uint32_t hash)
{
	const struct plan *plan = plan_at(p, tag->plan);
	struct route_view v = view_of(
	    (enum route)plan->route, (enum reason)plan->reason, plan->known);
	v.since = plan->since;
	if (plan->route == ROUTE_DIRECT && plan->rule == RULES_NONE)
		return v; // the common case needs no more
	if (v.reason == REASON_RULE)
		v.rule = p->with.conf->rules[plan->rule].name;
	fill_replies(p, plan, plan->rule, hash, &v);
	return v;
}

static struct route_view
view_without_set(
    const struct plans *p, const struct reach_tag *tag, uint32_t domain)
{
	int rule = (int)(tag->plan & TAG_RULE) - 1;
	struct decide_facts f = facts_of(p, reach_domain_mx(p->reach, domain),
	    rule, (tag->plan & TAG_RULE_EXACT) != 0);
	struct decision d = decide(&f);
	struct route_view v = view_of(d.route, d.reason, d.known);
	if (d.reason == REASON_RULE)
		v.rule = p->with.conf->rules[rule].name;
	fill_replies(p, NULL, rule, reach_domain_hash(p->reach, domain), &v);
	return v;
}

// Another reason than measurement.
static bool
is_by_rule(enum reason reason)
{
	return reason == REASON_RULE || reason == REASON_SELF;
}

// A mark is the last route told, plus one, and whether it was so by rule, or
// for want of an answer to the question for its MX; 0 while there was none to
// speak of.
static uint8_t
mark_of(const struct plans *p, uint32_t domain, const struct route_view *v)
{
	enum reach_mx mx = reach_domain_mx(p->reach, domain);
	if (mx == REACH_MX_UNKNOWN)
		return 0;
	return (uint8_t)((v->route + 1) |
			 (is_by_rule(v->reason) ? MARK_BY_RULE : 0) |
			 (mx == REACH_MX_FAILED ? MARK_FAILED : 0));
}

// Notes what this domain is told now. Its route changed if its MX did, or if a
// rule came or went; what measurement changed meanwhile is no news of its own.
static void
note_route(struct plans *p, uint32_t domain, struct route_view *v,
    bool mx_changed, bool reloaded)
{
	struct reach_tag tag = reach_domain_tag(p->reach, domain);
	uint8_t mark = mark_of(p, domain, v);
	v->old = v->route;
	if (mark == tag.mark)
		return;
	enum route old = (enum route)((tag.mark & MARK_ROUTE) - 1);
	bool by_rule = ((tag.mark | mark) & MARK_BY_RULE) != 0;
	bool failed = ((tag.mark | mark) & MARK_FAILED) != 0;
	if (tag.mark != 0 && mark != 0 && old != v->route) {
		v->changed = mx_changed || (reloaded && by_rule);
		v->mx_changed = mx_changed && !failed;
		v->old = old;
	}
	tag.mark = mark;
	reach_set_domain_tag(p->reach, domain, tag);
}

struct route_view
plans_route(struct plans *p, uint32_t domain, int64_t now)
{
	struct reach_tag tag = reach_domain_tag(p->reach, domain);
	bool mx_changed = tag.generation == 0;
	bool reloaded = !mx_changed && tag.generation != p->generation;
	if (mx_changed || reloaded) {
		place(p, domain, now);
		tag = reach_domain_tag(p->reach, domain);
	}
	struct route_view v = reach_domain_set(p->reach, domain) != REACH_NONE
				  ? view_with_set(p, &tag,
					reach_domain_hash(p->reach, domain))
				  : view_without_set(p, &tag, domain);
	// Who waits learns more when the DNS is being asked again.
	if (v.reason == REASON_DNS_FAILURE &&
	    reach_domain_is_resolving(p->reach, domain))
		v.known = false;
	note_route(p, domain, &v, mx_changed, reloaded);
	return v;
}

static bool
is_spared(const char *host, const void *arg)
{
	const struct rules *rules = arg;
	return rules_spare_host(rules, host);
}

// What was not looked at may be what the admin wants kept.
static bool
is_sparing(const struct plans *p, const struct reach_address_view *v)
{
	return v->spared || (v->cut && rules_spare_any(p->with.rules));
}

bool
plans_filter(
    const struct plans *p, const char *owner, const struct netaddr *address)
{
	const struct conf *conf = p->with.conf;
	struct reach_address_view v;
	if (conf->direct.steer == CONF_STEER_OFF)
		return false;
	if (!reach_address_view(
		p->reach, owner, address, is_spared, p->with.rules, &v))
		return false;
	if (is_sparing(p, &v) || !v.dead || (v.refused && !conf->relay_refused))
		return false;
	if (!v.partial && !v.some && !(v.none && conf->direct.filter_all))
		return false;
	return !relays_have_name(p->with.relays, owner) &&
	       !relays_have_address(p->with.relays, address);
}
