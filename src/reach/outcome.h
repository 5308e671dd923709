// SPDX-License-Identifier: MIT
// What one observation of an endpoint can be, and what it says.
#ifndef MXD_OUTCOME_H
#define MXD_OUTCOME_H

#include <stdbool.h>

enum outcome {
	OUTCOME_NONE, // nothing was observed yet
	// up
	OUTCOME_CONNECTED, // the handshake; with probe.depth connect only
	OUTCOME_GREETING,  // a full 220; depth greeting
	OUTCOME_EHLO,	   // 250 to EHLO; depth ehlo, or no STARTTLS in it
	OUTCOME_STARTTLS_OFFERED, // 250 to EHLO with STARTTLS; depth starttls
	OUTCOME_REFUSED_SERVICE,  // a 4xx or 5xx greeting: reachable, unwilling
	OUTCOME_EHLO_REFUSED,	  // another reply than 250 to EHLO
	// down
	OUTCOME_CONNECT_TIMEOUT,
	OUTCOME_CONNECT_REFUSED,  // ECONNREFUSED: reset in answer to the SYN
	OUTCOME_CONNECT_RESET,	  // reset after the handshake, nothing sent yet
	OUTCOME_HOST_UNREACHABLE, // reported by the network, not at once
	OUTCOME_CLOSED_EARLY, // orderly close before the EHLO reply is whole
	OUTCOME_RESET_AFTER_DATA, // reset after EHLO was sent
	OUTCOME_REPLY_TIMEOUT,	  // silence after the greeting
	OUTCOME_NOT_SMTP,
	OUTCOME_FORGED_REPLY, // the 551 placeholder, from logs
	// down, but only `fall` times in a row
	OUTCOME_GREETING_TIMEOUT, // a slow banner is not yet a dead host
	// nothing
	OUTCOME_NO_ROUTE,    // connect() itself says ENETUNREACH, EHOSTUNREACH
	OUTCOME_LOCAL_ERROR, // EMFILE, EACCES, EADDRNOTAVAIL ...
	OUTCOME_COUNT,
};

enum outcome_says {
	OUTCOME_SAYS_NOTHING, // neither counts nor resets a count
	OUTCOME_SAYS_UP,
	OUTCOME_SAYS_DOWN,
	OUTCOME_SAYS_SLOW, // down after `fall` in a row, even as first result
};

enum outcome_says outcome_says(enum outcome outcome);

// As written in logs, metrics and the API: "connect-timeout" ...; "none" for
// OUTCOME_NONE.
const char *outcome_name(enum outcome outcome);

#endif
