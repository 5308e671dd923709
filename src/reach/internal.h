// SPDX-License-Identifier: MIT
// The records of the memory; for the files of this room only.
//
//   domain (name) -> mxset (interned) -> host (name) -> endpoint (address)
//
// Records name each other by id. A million domains with a set, host and
// endpoint of their own are normal (tenants of big providers): keep them small.
#ifndef MXD_REACH_INTERNAL_H
#define MXD_REACH_INTERNAL_H

#include "reach/index.h"
#include "reach/pool.h"
#include "reach/reach.h"

enum ref_kind { REF_DOMAIN, REF_HOST, REF_ENDPOINT, REF_KINDS };

// A record of any kind in 32 bits: the kind in the upper two.
static inline uint32_t
ref_make(enum ref_kind kind, uint32_t id)
{
	return (uint32_t)kind << 30 | id;
}

static inline enum ref_kind
ref_kind(uint32_t ref)
{
	return (enum ref_kind)(ref >> 30);
}

static inline uint32_t
ref_id(uint32_t ref)
{
	return ref & 0x3fffffff;
}

enum { ASKED_SHARE = 4 }; // asked names may fill a quarter for good

// A place in one queue at most.
struct qlink {
	uint32_t prev, next; // refs; 0: end
};

struct queue {
	uint32_t head, tail; // refs
	uint32_t n;
};

// Where a record waits.
enum place {
	PLACE_NOWHERE,
	PLACE_HEAP,	     // for a time
	PLACE_WANTED,	     // ready, mail is about to go there
	PLACE_ASKED,	     // ready, when there is capacity to spare
	PLACE_PARKED_WANTED, // ready, held back by its network's limit
	PLACE_PARKED_ASKED,
};

struct domain {
	char *name;	// owned
	struct qlink q; // ready to be resolved
	uint32_t hash;
	uint32_t set;		     // REACH_NONE unless mx is REACH_MX_SET
	uint32_t plan;		     // the caller's
	uint32_t lru_prev, lru_next; // ids; unless somebody needs it now
	uint32_t used_s;	     // last lookup
	uint32_t expires_s;	     // a lookup from then on starts a refresh
	uint32_t good_s;     // end of the TTL of the last definite answer
	uint32_t generation; // the caller's; 0: look again
	uint32_t held;	     // by who waits
	uint8_t mark;	     // the caller's
	uint8_t mx;	     // enum reach_mx
	uint8_t outcome;     // enum answer_outcome of the last answer
	uint8_t fails;	     // in a row
	uint8_t place : 3;
	bool live : 1;	 // in use
	bool wanted : 1; // by mail; which LRU list it is on
	bool resolving : 1;
};

struct member { // of a set
	uint32_t host;
	uint32_t prev_set, next_set; // others that list the host
	uint16_t preference;
};

struct mxset {
	struct member *member; // by preference, then name
	int64_t used_at;       // last lookup of a domain that uses it
	int64_t recheck_at; // a lookup from then on wakes hosts and endpoints
	uint32_t hash;
	uint32_t domains;      // that use it
	uint32_t wanted;       // of these
	uint32_t awaited;      // of these, how often somebody waits
	uint32_t plans;	       // the caller's
	uint32_t changed_next; // next id in the list of changed ones
	uint8_t n;
	uint8_t coverage; // enum reach_coverage
	bool changed : 1; // on that list
	bool settled : 1, addressed : 1, ourselves : 1, in_the_way : 1;
	bool refused_only : 1, dns_failure : 1;
	bool more : 1; // hosts are listed that are not kept
	bool cut : 1;  // that, or a host has addresses that are not
};

struct link { // of a host to one of its addresses
	uint32_t endpoint;
	uint32_t prev_host, next_host; // others that have the address
	uint8_t inherit; // the host's last state, when the address was fresh
};

struct family { // the answers of one address family of a host
	uint32_t expires_s;
	uint32_t good_s; // end of the last definite answer's TTL
	uint8_t outcome; // of the last answer
	uint8_t fails;	 // in a row
	bool asked : 1;	 // was answered at least once, failures included
	bool known : 1;	 // the addresses (none, too) of a definite answer hold
	bool resolving : 1;
	bool more : 1; // it had addresses that are not kept
};

struct host {
	char *name;	   // owned
	char *canonical;   // owned; where its CNAMEs end; NULL: no CNAME
	struct link *link; // owned
	struct qlink q;
	uint32_t hash;
	uint32_t heap;			 // position + 1; 0: not there
	uint32_t sets;			 // head of those that list it
	uint32_t alias_prev, alias_next; // others with the same canonical
	uint32_t wanted, awaited;	 // of these, how many are
	uint32_t some, none;	 // of these, how many have that coverage
	uint32_t resolved_s;	 // last question
	struct family family[2]; // IPv4, IPv6
	uint16_t n_links;
	uint8_t state; // enum reach_state
	uint8_t place : 3;
	bool live : 1; // in use
	bool own_name : 1;
	bool ourselves : 1; // own name, or an own address
	bool by_dns : 1;    // unreachable because no lookup ever succeeded
	bool refused : 1;   // has a dead address that refused
	bool blocked : 1;   // has a dead address that did something else
	bool answered : 1;  // no family's first answer is waited for
	bool open : 1;	    // something of it awaits its first result
	bool cut : 1;	    // has addresses that are not kept
};

enum { RING_LEN = 4 };

struct evidence {
	int64_t at;
	int32_t latency_ms;
	uint8_t outcome;
	char text[97];
};

struct ring { // the last failures of an endpoint and what followed
	struct evidence item[RING_LEN];
	uint8_t next;
};

struct endpoint {
	struct netaddr address; // with the port
	struct qlink q;
	struct ring *ring;   // owned; made at the first failure
	int64_t observed_at; // last result; 0: never
	int64_t started_at;  // last probe's start
	uint32_t hash;
	uint32_t heap;	     // position + 1; 0: not there
	uint32_t hosts;	     // head of those that have it; none: it lingers
	uint32_t wanted;     // of these, how many are
	uint32_t backoff_ms; // current interval while down
	uint8_t state;	     // enum reach_state
	uint8_t outcome;     // enum outcome, the last
	uint8_t fails, oks;  // in a row
	uint8_t fixed;	     // enum reach_fixed_as
	uint8_t slowest_s;   // greeting, as greeting_note() has it; 0: none
	uint8_t place : 3;
	bool live : 1; // in use
	bool probing : 1;
	bool forbidden : 1;	// rule 9, or its family is not probed
	bool own : 1;		// an address of ours
	bool kept : 1;		// about to get a host
	bool no_route_only : 1; // has only ever given no-route
	bool refused : 1;	// its last failure was connect-refused
	bool first : 1;		// goes before others of its grade
	bool overdue : 1;	// its probe was due while no host had it
};

struct net { // probes in flight in a /24 or /48; exists while there are any
	struct netaddr prefix;
	uint32_t hash;
	uint32_t in_flight;
	struct queue parked_wanted, parked_asked;
};

struct heap_item {
	int64_t at;
	uint32_t ref;
};

struct reach {
	struct reach_params p;
	char **self_names; // p's lists point to these
	struct netaddr *self_addresses;
	struct reach_fixed *fixed;
	struct hash_key key;
	uint64_t random;

	struct pool domains, sets, hosts, endpoints, nets;
	struct index domain_index, set_index, host_index, endpoint_index,
	    net_index;
	struct index alias_index; // hosts by canonical; the first of each
	struct lru {
		uint32_t head, tail, n; // head: last used
	} wanted_lru, asked_lru;
	uint32_t asked_domains; // on the list or in use

	struct heap_item *heap;
	uint32_t heap_n, heap_size;
	struct queue resolve_wanted, resolve_asked, probe_wanted, probe_asked;
	uint32_t resolving, probing; // in flight
	int64_t tokens_milli;	     // thousandths of a probe that may begin
	int64_t tokens_at;

	// Ids still to be brought up to date after reach_configure().
	uint32_t sweep_set, sweep_host, sweep_endpoint;
	struct reach_change *change; // endpoints'
	uint32_t change_n, change_first, change_size;
	uint32_t changed_head, changed_tail; // sets
	uint32_t unused_sets; // that no domain uses, not freed yet
	uint32_t gone; // a set that was reported gone; freed at the next call
};

#define DEFINE_AT(type, pool_name)                 \
	static inline struct type *type##_at(      \
	    const struct reach *r, uint32_t id)    \
	{                                          \
		return pool_at(&r->pool_name, id); \
	}
DEFINE_AT(domain, domains)
DEFINE_AT(mxset, sets)
DEFINE_AT(host, hosts)
DEFINE_AT(endpoint, endpoints)
DEFINE_AT(net, nets)
#undef DEFINE_AT

// reach.c
uint32_t reach_hash(const struct reach *r, const void *data, size_t len);
uint64_t reach_random(struct reach *r);
// `ms` less up to a tenth, so that what began together does not stay so.
int64_t reach_jitter(struct reach *r, int64_t ms);
uint32_t reach_seconds(int64_t now);

// domain.c
// For how long an answer holds; `ttl_s` counts for ANSWER_OK only.
uint32_t reach_answer_lifetime_s(
    const struct reach *r, enum answer_outcome outcome, uint32_t ttl_s);
// When to ask again after so many failures in a row.
uint32_t reach_retry_s(struct reach *r, unsigned fails);
void domain_fini_all(struct reach *r);
// Its question is on its way.
void domain_begin_resolving(struct reach *r, uint32_t domain);
// Drops some, asked ones first: hosts, sets or addresses have no more room. It
// is there once the caller took the changes.
void domain_make_room(struct reach *r);

// mxset.c
// The interned set of these hosts, or REACH_NONE: no room. `more`: it has
// others that are not kept.
uint32_t mxset_intern(struct reach *r, const struct answer_mx_host *mx,
    unsigned n, bool more, int64_t now);
void mxset_use(struct reach *r, uint32_t set, bool wanted);
void mxset_unuse(struct reach *r, uint32_t set, bool wanted);
// Puts its coverage and the rest right after a host's change.
void mxset_update(struct reach *r, uint32_t set);
// How often somebody waits for domains that use it.
void mxset_await(struct reach *r, uint32_t set, uint32_t times);
void mxset_unawait(struct reach *r, uint32_t set, uint32_t times);
void mxset_mark_changed(struct reach *r, uint32_t set);
// After a reload it is judged anew, and its next lookup wakes what may be due.
void mxset_reconfigure(struct reach *r, uint32_t set);
// Wakes those of its hosts and endpoints whose time has come.
void mxset_touch(struct reach *r, uint32_t set, bool first, int64_t now);
// The DNS is asked for a host that is dead by DNS alone.
bool mxset_is_resolving(const struct reach *r, uint32_t set);
void mxset_free(struct reach *r, uint32_t set);
void mxset_fini_all(struct reach *r);
// The first of its hosts that has the address; REACH_NONE: none has.
uint32_t
mxset_first_with(const struct reach *r, uint32_t set, uint32_t endpoint);
// The set after `set` among those that list the host; REACH_NONE: the last.
uint32_t mxset_next_of_host(const struct reach *r, uint32_t set, uint32_t host);

// alias.c
// The first of the hosts whose CNAMEs end at this name; REACH_NONE: none.
uint32_t
alias_find(const struct reach *r, uint32_t hash, const char *canonical);
// Where the CNAMEs of a host end; "": it has none.
void alias_set(struct reach *r, uint32_t id, const char *canonical);

// host.c
// The host with this name, REACH_NONE: none; `hash` is reach_hash() of it.
uint32_t
host_find(const struct reach *r, uint32_t hash, const char *name, size_t len);
// The host with this name, made if need be; REACH_NONE: no room. One whose name
// is an address (as netaddr_format() writes it) is made with it.
uint32_t host_intern(struct reach *r, const char *name);
void host_free_if_unused(struct reach *r, uint32_t id);
// Puts its state right after a change of an endpoint or of the addresses.
void host_update(struct reach *r, uint32_t id);
void host_touch(struct reach *r, uint32_t id, bool first, int64_t now);
// A question about its addresses waits or is out.
bool host_is_resolving(const struct reach *r, uint32_t id);
// The moment of the heap came.
void host_on_due(struct reach *r, uint32_t id, int64_t now);
// One family to ask about; false: none (any more).
bool host_next_family(struct reach *r, uint32_t id, int64_t now, int *family);
// Its own names and addresses may have changed.
void host_reconfigure(struct reach *r, uint32_t id);
// The host after `host` among those that have the address.
uint32_t
host_next_of_endpoint(const struct reach *r, uint32_t host, uint32_t endpoint);
bool host_has_address(const struct reach *r, uint32_t host, uint32_t endpoint);
// The address is as new to it, with no state of the host's to lean on.
void host_drop_inheritance(struct reach *r, uint32_t host, uint32_t endpoint);
// One of the sets that list it became so, or is so no more.
void host_count_wanted(struct reach *r, uint32_t id, bool more);
void host_count_awaited(struct reach *r, uint32_t id, bool more);
enum { USERS_ASKED_MAX = 4096 }; // of one host or address, see below
// True when a set that lists it was looked up after `since`, or when `*left`
// (USERS_ASKED_MAX, counted down) are more than it pays to look at.
bool host_used_since(
    const struct reach *r, uint32_t id, int64_t since, unsigned *left);
void host_fini_all(struct reach *r);

// endpoint.c
uint32_t endpoint_find(const struct reach *r, const struct netaddr *address);
uint32_t endpoint_intern(struct reach *r, const struct netaddr *address);
void endpoint_free_if_unused(struct reach *r, uint32_t id);
bool endpoint_is_usable(const struct endpoint *e);
// Its last failure, if any, was connect-refused; a verdict fixed by hand has no
// such excuse.
bool endpoint_is_refused(const struct endpoint *e);
enum reach_state endpoint_state(const struct endpoint *e);
// A probe ended, if only for a reason of ours: nobody need wait for the next.
bool endpoint_was_tried(const struct endpoint *e);
void endpoint_touch(struct reach *r, uint32_t id, bool first, int64_t now);
void endpoint_on_due(struct reach *r, uint32_t id, int64_t now);
// Whether the configuration as it is now lets it be probed: what is ready may
// not have been brought up to date after a reload.
bool endpoint_may_begin(struct reach *r, uint32_t id);
// Its hosts are the caller's to bring up to date, once all endpoints are.
void endpoint_reconfigure(struct reach *r, uint32_t id, int64_t now);
void endpoint_fini_all(struct reach *r);
// For how long its greeting is waited for now.
int64_t
endpoint_greeting_timeout_ms(const struct reach *r, const struct endpoint *e);

// due.c
void due_init(struct reach *r, int64_t now);
void due_fini(struct reach *r);
// Ready now, in the queue for its grade; moves it there from where it is.
// `first`: before all others of its grade.
void due_ready(struct reach *r, uint32_t ref, bool wanted, bool first);
// Ready at `at`; moves it there from where it is (hosts and endpoints).
void due_at(struct reach *r, uint32_t ref, int64_t at);
// Takes it out of wherever it waits.
void due_remove(struct reach *r, uint32_t ref);
// The same for an endpoint that will not be probed: its network may have room
// for another.
void due_drop(struct reach *r, uint32_t ref);
// A parked endpoint may move ahead, though not out: its network has no room.
void due_repark(struct reach *r, uint32_t ref, bool wanted, bool first);
// The limit of networks may be another: a higher one has room for more.
void due_limits_changed(struct reach *r);
// A probe to this address ended: its network has room again.
void due_probe_ended(struct reach *r, const struct netaddr *address);

#endif
