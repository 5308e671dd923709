// SPDX-License-Identifier: MIT
// The decision: from what is known of a domain to its route, and why.
#ifndef MXD_DECIDE_H
#define MXD_DECIDE_H

#include <stdbool.h>

#include "conf/conf.h"
#include "reach/reach.h"
#include "route/route.h"

// All that a decision looks at. Domains that are bad names or local never come
// here: nothing outranks these (order of the rules: bad name, local, self, null
// MX and no usable MX, rules, measurement; first match wins).
struct decide_facts {
	enum reach_mx mx;
	struct reach_set_view set;    // REACH_MX_SET only
	const struct conf_rule *rule; // the one that matches, or NULL
	bool rule_exact;	      // it names the domain itself
	bool relay_refused;	      // of the configuration, as the rest
	bool steer_off;
	enum conf_route cold;	    // direct, relay, hold
	enum conf_route on_failure; // direct, relay, hold
};

struct decision {
	enum route route; // relay also when no relay may be healthy
	enum reason reason;
	bool known; // who waits for the route need not wait longer
};

struct decision decide(const struct decide_facts *f);

// The rules one by one; each is tested under its name.

// Rule 5: mail for ourselves is never rerouted.
bool decide_is_ourselves(const struct decide_facts *f);
// Rule 6: null MX, NXDOMAIN, MX without one that is usable: no opinion.
bool decide_has_no_opinion(const struct decide_facts *f, enum reason *reason);
// Rule 10: a rule that would detour waits until the domain is known not to be
// ourselves, unless it names the domain itself. Of one that lists more than is
// kept that is never known.
bool decide_rule_applies(const struct decide_facts *f);
// Only refusals: the far side is down, not blocked.
bool decide_is_refused_only(const struct decide_facts *f);
// No listed MX is reachable, and the DNS is not to blame.
bool decide_is_blocked(const struct decide_facts *f);
// The MTA would run into a dead host before a reachable one.
bool decide_needs_steering(const struct decide_facts *f);

#endif
