// SPDX-License-Identifier: MIT
// The overseas relays: their health, and which one a domain goes by.
//
// Pure as the memory is: told and asked, with `now` (clock_now()).
#ifndef MXD_RELAYS_H
#define MXD_RELAYS_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "conf/ourselves.h"
#include "reach/answer.h"
#include "reach/outcome.h"

struct relays;

enum {
	RELAYS_ALL = 0,	   // the list of all relays
	RELAYS_LISTED = 8, // relays named in one reply at most
};

// The relays of `conf` (borrowed; outlives them), and one list for each rule
// that names some. A relay that `old` (may be NULL) has, too, keeps its health
// and its addresses. Nothing is in flight for the new ones. `self` (borrowed,
// too; NULL: nobody) may become another between any two calls: a relay one of
// whose addresses is ours, on a port for mail, is down as long as that is so,
// because the MTA may take just that address.
struct relays *relays_new(const struct conf *conf, const struct ourselves *self,
    const struct relays *old, int64_t now);
void relays_free(struct relays *r); // NULL is fine

// The list of the rule with this index, or RELAYS_ALL.
unsigned relays_list_of_rule(const struct relays *r, int rule);

// What a domain is told to go by.
struct relays_choice {
	const char *via;       // the relay's name
	const char *transport; // "OK detour:[r1]:587,[r2]:587"
	const char *mailer;    // "OK relay:[r1]"
};
// The choice of a list for a domain's hash, or NULL: none is healthy. Lower
// priorities first; within one, the hash picks the start over the weights. A
// busy one of any priority comes after all that are up.
const struct relays_choice *
relays_pick(const struct relays *r, unsigned list, uint32_t hash);

// True when the name (address) is one of a relay: never filtered, never wanted.
bool relays_have_name(const struct relays *r, const char *name);
bool relays_have_address(const struct relays *r, const struct netaddr *a);

unsigned relays_count(const struct relays *r);
unsigned relays_healthy(const struct relays *r); // up or busy

// -- asked -----------------------------------------------------------------

struct relays_due {
	unsigned relay;	  // to be told with the answer
	bool probe;	  // else: resolve `name`
	const char *name; // borrowed until told
	int family;
	struct netaddr to;	     // with its port
	int64_t greeting_timeout_ms; // how long its greeting may take
	bool connect_only;	     // depth connect is enough
};
// One question at a time for each relay. Each item must be told an answer.
bool relays_next(struct relays *r, int64_t now, struct relays_due *out);
int64_t relays_next_at(const struct relays *r, int64_t now);

// -- told ------------------------------------------------------------------

enum relays_state {
	RELAYS_UP, // also while there is no result yet
	// Healthy, but it puts us off: it answered well before, and now says
	// 4xx to a connection or to EHLO. A limit on our own connections looks
	// so.
	RELAYS_BUSY,
	RELAYS_DOWN,
};
// "up", "busy", "down".
const char *relays_state_name(enum relays_state state);

struct relays_heard { // by a probe
	enum outcome outcome;
	int code; // of the last reply before that; 0: none
};
// A 4xx greeting, or a 4xx reply to EHLO (RFC 5321 section 4.2.1: not now).
bool relays_is_put_off(const struct relays_heard *heard);

struct relays_change {
	unsigned relay;
	const char *name;
	enum relays_state old_state, new_state;
	enum outcome outcome;	 // of the last probe; OUTCOME_NONE: of the
	enum answer_outcome dns; // DNS, which gave no address
	unsigned count;		 // rounds in a row
	unsigned healthy, all;	 // relays, after it
	// The relay is ourselves: its address that is ours; else family 0.
	struct netaddr self;
	const char *nexthop;
};

// Before the result of a probe: its whole greeting came, whatever the code, and
// took so long from the handshake on; > 0.
void relays_tell_greeting(struct relays *r, unsigned relay, int64_t took_ms);
// Both return true when the relay's state changed, or when it was found to be
// ourselves, or so by another address than before.
bool relays_tell_address(struct relays *r, unsigned relay, int family,
    const struct answer_addr *answer, int64_t now,
    struct relays_change *change);
bool relays_tell_probe(struct relays *r, unsigned relay,
    const struct relays_heard *heard, int64_t now,
    struct relays_change *change);

// One relay, for people.
struct relays_view {
	const char *name;
	const char *nexthop;
	enum relays_state state;
	enum outcome outcome;
	int64_t observed_at; // 0: never
	struct netaddr self; // its address that is ours; family 0: none
};
struct relays_view relays_view(const struct relays *r, unsigned relay);

#endif
