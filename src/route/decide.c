// SPDX-License-Identifier: MIT
// The decision: from what is known of a domain to its route, and why.
#include "route/decide.h"

bool
decide_is_ourselves(const struct decide_facts *f)
{
	return f->mx == REACH_MX_SET && f->set.ourselves;
}

bool
decide_has_no_opinion(const struct decide_facts *f, enum reason *reason)
{
	switch (f->mx) {
	case REACH_MX_NULL:
		*reason = REASON_NULL_MX;
		return true;
	case REACH_MX_UNUSABLE:
		*reason = REASON_NO_MX;
		return true;
	case REACH_MX_NO_DOMAIN:
		*reason = REASON_NO_DOMAIN;
		return true;
	case REACH_MX_SET:
		*reason = REASON_NO_MX;
		return f->set.coverage == REACH_COVERAGE_EMPTY;
	case REACH_MX_UNKNOWN:
	case REACH_MX_FAILED:
		break;
	}
	return false;
}

static enum route
route_asked_for(enum conf_route route)
{
	switch (route) {
	case CONF_ROUTE_RELAY:
		return ROUTE_RELAY;
	case CONF_ROUTE_HOLD:
		return ROUTE_HOLD;
	case CONF_ROUTE_AUTO:
	case CONF_ROUTE_DIRECT:
		break;
	}
	return ROUTE_DIRECT;
}

bool
decide_rule_applies(const struct decide_facts *f)
{
	if (f->rule->route == CONF_ROUTE_DIRECT || f->rule_exact)
		return true;
	return f->mx == REACH_MX_SET && f->set.addressed && !f->set.cut;
}

// Whether what a rule waits for is still to come.
static bool
decide_rule_waits(const struct decide_facts *f)
{
	if (f->mx == REACH_MX_SET)
		return !f->set.addressed;
	return f->mx != REACH_MX_FAILED;
}

// A rule with a route of its own is known at once; one that must wait leaves
// the mail alone.
static struct decision
decide_by_rule(const struct decide_facts *f)
{
	if (decide_rule_applies(f))
		return (struct decision){
		    .route = route_asked_for(f->rule->route),
		    .reason = REASON_RULE,
		    .known = true,
		};
	bool failed = f->mx == REACH_MX_FAILED;
	return (struct decision){
	    .route = ROUTE_DIRECT,
	    .reason = failed ? REASON_DNS_FAILURE : REASON_UNKNOWN_YET,
	    .known = !decide_rule_waits(f),
	};
}

bool
decide_is_refused_only(const struct decide_facts *f)
{
	return f->set.refused_only && !f->relay_refused;
}

bool
decide_is_blocked(const struct decide_facts *f)
{
	return f->set.coverage == REACH_COVERAGE_NONE && !f->set.dns_failure &&
	       !decide_is_refused_only(f);
}

bool
decide_needs_steering(const struct decide_facts *f)
{
	return f->set.coverage == REACH_COVERAGE_SOME && f->set.in_the_way &&
	       !decide_is_refused_only(f);
}

static struct decision
decide_none_up(const struct decide_facts *f)
{
	struct decision d = {.known = true};
	if (f->set.dns_failure) {
		d.route = route_asked_for(f->on_failure);
		d.reason = REASON_DNS_FAILURE;
	} else if (decide_is_blocked(f)) {
		d.route = ROUTE_RELAY;
		d.reason = REASON_NONE_REACHABLE;
	} else {
		d.route = ROUTE_DIRECT;
		d.reason = REASON_REFUSED_ONLY;
	}
	return d;
}

static struct decision
decide_some_up(const struct decide_facts *f)
{
	struct decision d = {.route = ROUTE_DIRECT, .known = f->set.settled};
	if (!f->set.in_the_way) {
		d.reason = REASON_BEST_REACHABLE;
	} else if (decide_needs_steering(f)) {
		d.route = f->steer_off ? ROUTE_DIRECT : ROUTE_STEER;
		d.reason = REASON_SOME_REACHABLE;
	} else {
		d.reason = REASON_REFUSED_ONLY;
	}
	return d;
}

// What measurement alone says of a set.
static struct decision
decide_by_measurement(const struct decide_facts *f)
{
	switch (f->set.coverage) {
	case REACH_COVERAGE_NONE:
		return decide_none_up(f);
	case REACH_COVERAGE_SOME:
		return decide_some_up(f);
	case REACH_COVERAGE_ALL:
		return (struct decision){
		    .route = ROUTE_DIRECT,
		    .reason = f->set.settled ? REASON_ALL_REACHABLE
					     : REASON_UNKNOWN_YET,
		    .known = f->set.settled,
		};
	case REACH_COVERAGE_UNKNOWN:
	case REACH_COVERAGE_EMPTY:
		break;
	}
	return (struct decision){
	    .route = route_asked_for(f->cold),
	    .reason = REASON_UNKNOWN_YET,
	    .known = f->set.settled,
	};
}

struct decision
decide(const struct decide_facts *f)
{
	struct decision d = {.route = ROUTE_DIRECT, .known = true};
	if (decide_is_ourselves(f)) {
		d.reason = REASON_SELF;
		return d;
	}
	if (decide_has_no_opinion(f, &d.reason))
		return d;
	if (f->rule != NULL && f->rule->route != CONF_ROUTE_AUTO)
		return decide_by_rule(f);
	if (f->mx == REACH_MX_SET)
		return decide_by_measurement(f);
	if (f->mx == REACH_MX_FAILED) {
		d.route = route_asked_for(f->on_failure);
		d.reason = REASON_DNS_FAILURE;
		return d;
	}
	d.route = route_asked_for(f->cold);
	d.reason = REASON_UNKNOWN_YET;
	d.known = false;
	return d;
}
