// SPDX-License-Identifier: MIT
// One c-ares channel to one DNS server, on the event loop.
//
// A channel asks its server once and reports what came of it; which server is
// asked, when, how often, and whether with EDNS, is the resolver's business.
// c-ares gives the query identifiers, a source port of its own to questions
// that are not under way together, and TCP after a truncated answer.
#ifndef MXD_CHANNEL_H
#define MXD_CHANNEL_H

#include <ares.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/zoneaddr.h"

struct channel;
struct event_base;

struct channel_params {
	struct event_base *base; // borrowed; outlives the channel
	struct zoneaddr server;	 // with its port
	bool tcp;		 // TCP from the start; else on truncation
	bool edns;		 // all its questions carry an OPT; else none
	int64_t timeout_ms;	 // c-ares forgets a query after about so long
};

struct channel *channel_new(const struct channel_params *p, struct err *err);
// Calls back for every query that is still there, with ARES_EDESTRUCTION. Not
// from within a callback of c-ares. NULL is fine.
void channel_free(struct channel *ch);

// Asks for `name` as it stands, class IN. `done` is called exactly once; it may
// be called before channel_ask() returns, and on the stack of c-ares: it must
// neither ask nor free the channel. An answer FORMERR reads NOTIMP.
void channel_ask(struct channel *ch, const char *name, int type,
    ares_callback done, void *arg);

#endif
