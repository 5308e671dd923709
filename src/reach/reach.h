// SPDX-License-Identifier: MIT
// The memory: which MX are reachable from here, for which domains.
//
// Plain data and pure functions: nothing here opens a socket, reads a clock,
// draws a random number of the system or logs. It is told things and asked
// things, each with `now` (clock_now(), milliseconds), which never goes back.
#ifndef MXD_REACH_H
#define MXD_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/netaddr.h"
#include "reach/answer.h"
#include "reach/outcome.h"

struct reach;

enum { REACH_NONE = 0 }; // no object: ids are 1 and up

// The figures of the configuration that the memory goes by. Times in ms.
struct reach_params {
	uint32_t max_domains; // 1000 to 16,000,000; fixed at reach_new()
	int64_t min_ttl_ms, max_ttl_ms, negative_ttl_ms;
	int64_t stale_ms; // how long beyond its TTL an answer serves when
			  // it cannot be refreshed
	uint32_t dns_concurrency; // questions at once; >= 1
	bool probe_enabled;
	bool asked_spare;     // probe for names that were only asked, too
	uint16_t port;	      // of every endpoint; fixed at reach_new()
	uint32_t concurrency; // probes at once; >= 1
	uint32_t per_net;     // of these in one /24 or /48; >= 1
	uint32_t per_second;  // probes begun in a second; >= 1
	uint32_t fall, rise;  // results in a row; >= 1
	int64_t interval_ms, fast_interval_ms;
	int64_t down_interval_ms, down_interval_max_ms;
	int64_t idle_ms;
	int64_t reply_timeout_ms, greeting_timeout_ms; // of a probe; > 0
	bool ipv4, ipv6;    // families probed; at least one
	bool allow_private; // NETADDR_LOCAL is public
	bool relay_refused; // connect-refused is as bad as blocked

	const char *const *self_names; // folded; copied
	uint32_t n_self_names;
	const struct netaddr *self_addresses; // copied
	uint32_t n_self_addresses;
	const struct reach_fixed { // verdicts fixed by hand; first match;
				   // copied
		struct netprefix prefix;
		enum reach_fixed_as {
			REACH_FIXED_NOT, // (internal)
			REACH_FIXED_REACHABLE,
			REACH_FIXED_UNREACHABLE,
			REACH_FIXED_IGNORE,
		} as;
	} * fixed;
	uint32_t n_fixed;
};

enum reach_state { // of an endpoint or a host
	REACH_UNKNOWN,
	REACH_REACHABLE,
	REACH_PARTIAL, // hosts only: some addresses up, some down
	REACH_UNREACHABLE,
	REACH_ABSENT, // hosts only: does not exist or has no usable address
};

enum reach_coverage {		// of an MX set
	REACH_COVERAGE_UNKNOWN, // none up, at least one unknown
	REACH_COVERAGE_ALL,	// one up, none unreachable
	REACH_COVERAGE_SOME,	// one up, another unreachable
	REACH_COVERAGE_NONE,	// all unreachable
	REACH_COVERAGE_EMPTY,	// every host is absent
};

enum reach_mx {		    // what is known of a domain's MX
	REACH_MX_UNKNOWN,   // not answered yet
	REACH_MX_SET,	    // it has an MX set (implicit MX included)
	REACH_MX_NULL,	    // RFC 7505: accepts no mail
	REACH_MX_UNUSABLE,  // MX exist, none with a usable name
	REACH_MX_NO_DOMAIN, // NXDOMAIN
	REACH_MX_FAILED,    // the DNS failed, and nothing else is known
};

// How much a lookup says that mail will go there.
enum reach_interest {
	REACH_ASKED,	    // somebody asked for a route
	REACH_ASKED_REPEAT, // the same; the second within a minute is as wanted
	REACH_WANTED,	    // mail is about to go there
	REACH_AWAITED,	    // and somebody waits for the answer: goes first
};

// `p` is copied. `seed` feeds the jitter. Never NULL.
struct reach *reach_new(const struct reach_params *p, uint64_t seed,
    const struct hash_key *key, int64_t now);
void reach_free(struct reach *r); // NULL is fine

// New figures; max_domains and port are those of reach_new(). What depends on
// them is brought up to date piece by piece, by reach_next().
void
reach_configure(struct reach *r, const struct reach_params *p, int64_t now);

// -- lookups ---------------------------------------------------------------

// The domain of this folded name, made if need be; notes that it was looked
// up, and starts what is missing or past its time. REACH_NONE: the memory is
// full of work in hand (answer as for an unknown name).
uint32_t reach_lookup(struct reach *r, const char *name, size_t len,
    enum reach_interest interest, int64_t now);
// The same without any effect; REACH_NONE when it is not there.
uint32_t reach_find_domain(const struct reach *r, const char *name, size_t len);

// While held (counted), a domain is not dropped; for those who wait for it.
void reach_hold(struct reach *r, uint32_t domain);
void reach_release(struct reach *r, uint32_t domain);

const char *reach_domain_name(const struct reach *r, uint32_t domain);
uint32_t reach_domain_hash(const struct reach *r, uint32_t domain);
enum reach_mx reach_domain_mx(const struct reach *r, uint32_t domain);
// The outcome of the last MX answer; ANSWER_OK when there was none yet.
enum answer_outcome
reach_domain_outcome(const struct reach *r, uint32_t domain);
uint32_t reach_domain_set(const struct reach *r, uint32_t domain);
// True while the DNS is asked for its MX, or for the addresses of a host of
// which it told nothing so far: a failure of old may be over by now.
bool reach_domain_is_resolving(const struct reach *r, uint32_t domain);
// Numbers of the caller's beside each domain, 0 at first. The memory sets the
// generation back to 0 when what it knows of the domain's MX became another.
struct reach_tag {
	uint32_t plan;
	uint32_t generation;
	uint8_t mark;
};
void
reach_set_domain_tag(struct reach *r, uint32_t domain, struct reach_tag tag);
struct reach_tag reach_domain_tag(const struct reach *r, uint32_t domain);

// A set is settled when no host before or tied with its best up host still
// awaits its first result (none up: no host at all).
bool reach_set_is_settled(const struct reach *r, uint32_t set);

// What a set says, all at once.
struct reach_set_view {
	enum reach_coverage coverage;
	bool settled;
	bool addressed;	   // each host's first address answers are in
	bool cut;	   // it lists hosts, or they have addresses, that are
			   // not kept: nothing will be known of these
	bool ourselves;	   // one of our names or addresses is among its hosts
	bool in_the_way;   // a dead host precedes or ties with the best up one
	bool refused_only; // each dead endpoint's last outcome: connect-refused
	bool dns_failure;  // nothing up, and each dead host is so by dns
	uint32_t n;	   // hosts, as listed by the domain
	uint32_t n_up;	   // reachable or partial ones
	uint32_t n_present; // hosts that are not absent
	uint32_t domains;   // that use the set
};
struct reach_set_view reach_set_view(const struct reach *r, uint32_t set);
// The hosts of a set in order of preference; `i` < n.
struct reach_set_host {
	uint16_t preference;
	uint32_t host;
	const char *name;
	enum reach_state state;
};
struct reach_set_host
reach_set_host(const struct reach *r, uint32_t set, uint32_t i);
// How the first dead address of its hosts last failed; OUTCOME_NONE: there is
// none, or it is dead by configuration.
enum outcome reach_set_failure(const struct reach *r, uint32_t set);
// One number of the caller's beside each set: 0 at first.
void reach_set_set_plans(struct reach *r, uint32_t set, uint32_t plans);
uint32_t reach_set_plans(const struct reach *r, uint32_t set);
// The same for equal sets in every process: for log lines.
uint32_t reach_set_print(const struct reach *r, uint32_t set);

// One of `self_names`.
bool reach_is_own_name(const struct reach *r, const char *name);
// The host of this name, or REACH_NONE. Without any effect.
uint32_t reach_find_host(const struct reach *r, const char *name, size_t len);
// A host that is listed has this name, or is an alias of it.
bool reach_is_host_name(const struct reach *r, const char *name);

// What is known of an address at a name, for who would drop dead ones.
struct reach_address_view {
	bool dead;    // unreachable after a probe, or fixed so
	bool refused; // its last outcome is connect-refused
	// The rest is looked at for a dead one only.
	bool partial;	 // its host is partial
	bool some, none; // a set that lists its host has that coverage
	bool spared;	 // `spare` said so of one of its hosts
	bool cut;	 // too many have the name to look at each
	uint32_t hosts;	 // of that name; some may be known by where aliases
			 // end; of a live address one is enough
};
// True when the admin wants no address of this host dropped.
typedef bool reach_spare_fn(const char *host, const void *arg);
// False: no such host, or it does not have that address. `spare` may be NULL.
bool reach_address_view(const struct reach *r, const char *owner,
    const struct netaddr *address, reach_spare_fn *spare, const void *arg,
    struct reach_address_view *out);

// -- told ------------------------------------------------------------------

// The answer to REACH_DUE_MX; `domain` is the item's id.
void reach_tell_mx(struct reach *r, uint32_t domain,
    const struct answer_mx *answer, int64_t now);
// The answer to REACH_DUE_ADDRESS.
void reach_tell_address(struct reach *r, uint32_t host, int family,
    const struct answer_addr *answer, int64_t now);
// Before the result: its whole greeting came, whatever the code, and took so
// long from the handshake on; > 0.
void reach_tell_greeting(struct reach *r, uint32_t endpoint, int64_t took_ms);
// The result of REACH_DUE_PROBE. `text` is printable, "" when there is none.
void reach_tell_probe(struct reach *r, uint32_t endpoint, enum outcome outcome,
    int64_t latency_ms, const char *text, int64_t now);

// -- asked -----------------------------------------------------------------

enum reach_due_kind { REACH_DUE_MX, REACH_DUE_ADDRESS, REACH_DUE_PROBE };

struct reach_due {
	enum reach_due_kind kind;
	uint32_t id;		     // to be told with the answer
	const char *name;	     // MX, ADDRESS: borrowed until told
	int family;		     // ADDRESS: AF_INET or AF_INET6
	struct netaddr to;	     // PROBE: with its port
	int64_t greeting_timeout_ms; // PROBE: how long its greeting may take
};

// What is to be done now; false: nothing, or, when reach_next_at() says `now`
// all the same, nothing yet: a call does a part only of work that is long. Each
// item must be told an answer.
bool reach_next(struct reach *r, int64_t now, struct reach_due *out);
// When reach_next() or reach_take_change() has something again, as far as time
// alone decides: a time not before `now`, or INT64_MAX.
int64_t reach_next_at(const struct reach *r, int64_t now);

enum reach_change_kind {
	REACH_CHANGE_ENDPOINT, // an endpoint's state
	REACH_CHANGE_SET,      // anything that reach_set_view() tells of it
	REACH_CHANGE_SET_GONE, // no domain uses it: its plans go with it
};

struct reach_change {
	enum reach_change_kind kind;
	uint32_t id;
	// REACH_CHANGE_ENDPOINT only
	struct netaddr address;
	uint32_t host; // one that has it; REACH_NONE: none any more
	enum reach_state old_state, new_state;
	enum outcome outcome;
	uint32_t count;		// results in a row that led to it
	uint32_t sets, domains; // that list such a host
};

// What changed since the last call, in order; false: no more.
bool reach_take_change(struct reach *r, struct reach_change *out);

struct reach_stats {
	uint32_t domains, sets, hosts, endpoints;
	uint32_t resolving, probing; // in flight
};
struct reach_stats reach_stats(const struct reach *r);

// Hosts and their endpoints, for explanations.
const char *reach_host_name(const struct reach *r, uint32_t host);
enum reach_state reach_host_state(const struct reach *r, uint32_t host);
struct reach_endpoint_view {
	struct netaddr address;
	enum reach_state state;
	enum outcome outcome; // the last
	int64_t observed_at;  // when; 0: never
	const char *text;     // of the last failure; "" when none is kept
};
// The `i`-th address of a host; false: no more.
bool reach_host_endpoint(const struct reach *r, uint32_t host, uint32_t i,
    struct reach_endpoint_view *out);

#endif
