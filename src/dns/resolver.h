// SPDX-License-Identifier: MIT
// Questions to the DNS: c-ares on the event loop.
//
// `done` is called exactly once, never before start() returns; then the handle
// is dead. After cancel() it is not called.
//
// It runs from the event loop, never on the stack of start(), cancel() or
// c-ares: it may start and cancel questions, and free the resolver.
//
// The servers are asked in the order given. Who does not answer within
// timeout_ms / (servers * tries) shares the question with the next; a late
// answer still counts. SERVFAIL and REFUSED move it on at once, and stand if no
// other server knows better; any other answer ends it, an unreadable one, too:
// what an injector did to us it does to the MTA. A server that leaves several
// tries in a row unanswered is asked last for half a minute.
//
// Questions carry EDNS, but for those by TCP. A server that has not shown that
// it can do EDNS is asked again without it, when half of its time is over, or
// at once when its answer may be for the EDNS; one that answers only so is
// asked only so for ten minutes (upstream.h).
#ifndef MXD_RESOLVER_H
#define MXD_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/zoneaddr.h"
#include "reach/answer.h"

struct event_base;
struct resolver;
struct resolver_query;

enum {
	RESOLVER_TRIES_MAX = 10,   // per server
	RESOLVER_SERVERS_MAX = 16, // more are an error
};

#define RESOLVER_RESOLV_CONF "/etc/resolv.conf" // the system's

struct resolver_params {
	struct event_base *base;	// borrowed; outlives the resolver
	const struct zoneaddr *servers; // copied; port 0 is 53
	unsigned n_servers;		// 0: those of resolv_conf
	const char *resolv_conf;	// borrowed; outlives the resolver
	bool tcp;	    // TCP from the start; else on truncation
	int64_t timeout_ms; // of a whole question, all tries and the
			    // TCP retry included; > 0
	int tries;	    // per server; 1 to RESOLVER_TRIES_MAX
};

// NULL and `err`: no usable resolver (a bad server list, say).
struct resolver *resolver_new(const struct resolver_params *p, struct err *err);
// Cancels what is in flight: no `done` is called any more. NULL is fine.
void resolver_free(struct resolver *r);

// The answer is valid during the call only.
typedef void resolver_mx_fn(const struct answer_mx *answer, void *arg);
typedef void resolver_addr_fn(const struct answer_addr *answer, void *arg);

// `name` is folded, without trailing dot, and asked as it stands: no search
// list, no /etc/hosts. `family` is AF_INET or AF_INET6. Never NULL: whatever
// fails, fails as an outcome.
struct resolver_query *resolver_mx_start(
    struct resolver *r, const char *name, resolver_mx_fn *done, void *arg);
struct resolver_query *resolver_addr_start(struct resolver *r, const char *name,
    int family, resolver_addr_fn *done, void *arg);
// Clears the caller's handle. A handle that is NULL is fine.
void resolver_cancel(struct resolver_query **q);

// Questions in flight.
unsigned resolver_in_flight(const struct resolver *r);

// True when the servers are those of a resolv.conf that is another file now, or
// was written since.
bool resolver_is_outdated(const struct resolver *r);
// Writes "192.0.2.53:53,[fe80::53%eth0]:53", in the order in which they are
// asked, cut to `size` bytes; returns `out`.
const char *
resolver_list_servers(const struct resolver *r, char *out, size_t size);

#endif
