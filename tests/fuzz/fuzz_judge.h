// SPDX-License-Identifier: MIT
// The memory, the plans and the relays as the fuzzer of the judge drives them.
#ifndef MXD_FUZZ_JUDGE_H
#define MXD_FUZZ_JUDGE_H

#include "reach/internal.h"
#include "route/plan.h"

enum {
	JUDGE_DOMAINS = 16, // names that are looked up
	JUDGE_FLIGHT_MAX = 512,
	JUDGE_HELD_MAX = 8,
	JUDGE_RELAYS_MAX = 4,
	JUDGE_SELF_MAX = 2, // names, addresses of our own
	JUDGE_FIXED_MAX = 3,
};

enum {
	GOAL_DIRECT,
	GOAL_STEER,
	GOAL_RELAY,
	GOAL_HOLD,
	GOAL_SELF,
	GOAL_RULE,
	GOAL_DNS_FAILURE,
	GOAL_REFUSED_ONLY,
	GOAL_FILTERED,
	GOAL_EVICTED,
	GOAL_NO_ROOM,
	GOAL_NO_RECORDS,
	GOAL_RELOADED,
	GOAL_TRANSITION,
	GOAL_RELAY_DOWN,
	GOAL_RELAY_BUSY,
	GOAL_BUSY_LAST,
	GOAL_RELAY_SELF,
	GOAL_LITERAL,
	GOAL_MORE_HOSTS,
	GOAL_MORE_ADDRESSES,
};

struct judge {
	const uint8_t *p, *end; // what is left of the input
	struct reach *reach;
	struct conf *conf; // swapped with the two below
	struct rules *rules;
	struct relays *relays;
	struct plans *plans;
	int64_t now;

	struct reach_params params;
	const char *self_name[JUDGE_SELF_MAX];
	struct netaddr self_address[JUDGE_SELF_MAX];
	struct ourselves self; // the same; borrows it
	struct reach_fixed fixed[JUDGE_FIXED_MAX];

	struct reach_due flight[JUDGE_FLIGHT_MAX]; // to be answered
	unsigned n_flight;
	struct relays_due relay_flight[JUDGE_RELAYS_MAX];
	unsigned n_relay_flight;
	uint32_t held[JUDGE_HELD_MAX];
	unsigned n_held;
};

// The name that is looked up as number `i` < JUDGE_DOMAINS.
const char *judge_domain(unsigned i);

// Checks what must hold at any moment.
void judge_check(struct judge *j);
// The same for moments when every change was taken and no reload is under way:
// each domain's route is what the world, as told, allows.
void judge_check_routes(struct judge *j);
// A probe is about to begin: it may.
void judge_check_probe(const struct judge *j, const struct netaddr *to);
// What the filter says of an address fits what is known of it.
void judge_check_filter(
    struct judge *j, const char *owner, const struct netaddr *address);

#endif
