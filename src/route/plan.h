// SPDX-License-Identifier: MIT
// Plans: the route of each MX set under each rule, with its replies ready.
//
// A lookup copies a reply out of here; it renders nothing and allocates nothing
// but the first plan of a set.
#ifndef MXD_PLAN_H
#define MXD_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "reach/reach.h"
#include "route/relays.h"
#include "route/route.h"
#include "route/rules.h"

struct plans;

// What the plans go by; all borrowed, all swapped together on a reload.
struct plan_context {
	const struct conf *conf;
	const struct rules *rules;
	const struct relays *relays;
};

struct plans *plans_new(struct reach *reach, const struct plan_context *with);
void plans_free(struct plans *p); // NULL is fine
// After a reload: domains are placed anew at their next lookup.
void plans_configure(struct plans *p, const struct plan_context *with);

// The route of one domain, with all that a reply or a log line needs.
// Pointers are good until the next change of anything.
struct route_view {
	enum route route; // hold when it would relay and no relay is healthy
	enum reason reason;
	const char *rule;      // of REASON_RULE; else ""
	const char *via;       // relay's name; NULL: none
	const char *transport; // reply of the map "transport"
	const char *mailertable;
	bool known;    // who waits for it need not wait longer
	int64_t since; // when the route became what it is; 0: unknown
	// This domain's route became another one, for another reason than
	// measurement: `old` tells which it was.
	bool changed;
	bool mx_changed; // because its MX did
	enum route old;
};

// The route of a domain of the memory.
struct route_view plans_route(struct plans *p, uint32_t domain, int64_t now);
// The views of what is never in the memory.
struct route_view plans_bad_name(void);
struct route_view plans_local(void);
// Rule 5: local domains, and those that have one of our own names, whatever
// their MX. True: `out` is the view of this folded domain.
bool plans_is_ours(
    const struct plans *p, const char *domain, struct route_view *out);
// As the configuration wants unknown names answered (cache.cold), when the
// memory has no room for this one.
struct route_view plans_cold(const struct plans *p, uint32_t hash);

struct plans_transition { // of the route that measurement alone gives a set
	enum route old_route, new_route;
	enum reason reason;
};
// The set changed (REACH_CHANGE_SET): its plans are put right. True: that is a
// transition.
bool plans_on_set(
    struct plans *p, uint32_t set, int64_t now, struct plans_transition *out);
// REACH_CHANGE_SET_GONE.
void plans_on_set_gone(struct plans *p, uint32_t set);

// Sets whose measured route is `route` (hold is counted as relay here).
uint32_t plans_count(const struct plans *p, enum route route);

// True when the DNS filter is to drop this record (map "dnsfilter"): the
// address is dead, refused to nobody, and its host or a set that lists it has
// better.
bool plans_filter(
    const struct plans *p, const char *owner, const struct netaddr *address);

#endif
