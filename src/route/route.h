// SPDX-License-Identifier: MIT
// Routes and the reasons for them: the words of the decision log.
#ifndef MXD_ROUTE_H
#define MXD_ROUTE_H

#include <stddef.h>

enum route {
	ROUTE_DIRECT, // no change: the MTA does what it would do without us
	ROUTE_STEER,  // the MTA is kept off the dead hosts
	ROUTE_RELAY,  // by an overseas relay
	ROUTE_HOLD,   // by a relay, if one were healthy
	ROUTE_COUNT,
};

enum reason {
	REASON_ALL_REACHABLE,
	REASON_SOME_REACHABLE,
	REASON_BEST_REACHABLE, // a dead backup MX alone changes nothing
	REASON_NONE_REACHABLE,
	REASON_REFUSED_ONLY, // the far side is down, not blocked
	REASON_UNKNOWN_YET,
	REASON_DNS_FAILURE, // SERVFAIL, REFUSED, timeout, unreadable answer
	REASON_NO_DOMAIN,   // NXDOMAIN
	REASON_NULL_MX,	    // RFC 7505
	REASON_NO_MX,	    // no MX and no address, or no MX usable
	REASON_BAD_NAME,    // no valid name, and every address literal
	REASON_SELF,
	REASON_LOCAL,
	REASON_RULE,	 // written "rule:NAME"
	REASON_NO_RELAY, // hold: no relay is healthy
};

// "direct", "steer", "relay", "hold".
const char *route_name(enum route route);

enum { REASON_TEXT_MAX = 96 };

// Writes the reason as logs spell it; `rule` is the rule's name for
// REASON_RULE, else not looked at. Returns `out`.
const char *
reason_format(enum reason reason, const char *rule, char out[REASON_TEXT_MAX]);

#endif
