// SPDX-License-Identifier: MIT
// One probe: an SMTP conversation that never mails (connect, greeting, EHLO,
// QUIT).
//
// Nothing is sent before the greeting is whole, and one command at a time. Who
// was greeted is told QUIT once the verdict is reached, and has SMTP_QUIT_MS to
// answer; done() comes after that and changes nothing in the verdict. At depth
// connect the greeting is waited for as long, only so that QUIT may be said.
//
// A probe that outlasts its cap by SMTP_OVERSLEPT_MS is local-error, and so is
// what failed in a wait that did so.
//
// `done` is called exactly once, never before start() returns; then the handle
// is dead. After cancel() it is not called.
#ifndef MXD_SMTP_H
#define MXD_SMTP_H

#include <stdint.h>

#include "base/netaddr.h"
#include "proto/smtpreply.h"
#include "reach/outcome.h"

struct event_base;
struct smtp;

enum smtp_depth { // how far the conversation goes before QUIT
	SMTP_DEPTH_CONNECT,
	SMTP_DEPTH_GREETING,
	SMTP_DEPTH_EHLO,
	SMTP_DEPTH_STARTTLS, // EHLO, and whether STARTTLS is offered; no
			     // handshake
};

enum {
	SMTP_TOTAL_MS = 90 * 1000, // cap of a conversation up to its verdict
	SMTP_QUIT_MS = 2 * 1000,   // how long the reply to QUIT is waited for
	// What ended so long ago, and is still going on, was not waited for:
	// see smtp_is_overslept().
	SMTP_OVERSLEPT_MS = 10 * 1000,
};

struct smtp_params {
	struct event_base *base; // borrowed; outlives the probe
	struct netaddr to;	 // with its port
	struct netaddr bind;	 // source; family 0: the kernel's choice
	const char *helo;	 // argument of EHLO, one printable word of at
				 // most 255 bytes, else local-error; copied
	enum smtp_depth depth;
	int64_t connect_timeout_ms;  // > 0
	int64_t greeting_timeout_ms; // for the whole greeting; > 0
	int64_t reply_timeout_ms;    // for each whole reply after it; > 0
	int64_t total_ms;	     // cap up to the verdict; 0: SMTP_TOTAL_MS
};

struct smtp_result {
	enum outcome outcome; // never OUTCOME_NONE, never FORGED_REPLY
	int64_t latency_ms;   // from start to verdict
	// What the whole greeting took from the handshake on, at least 1; 0: it
	// did not come, or it is not known when.
	int64_t greeting_ms;
	int code; // of the last whole reply before the verdict; 0: none came
	// The last reply's last line with its code; of not-smtp, the line that
	// told so, and of a timeout the first that came instead of a reply, if
	// one did; of a failed socket, strerror(); "" when there is none of
	// these. As it came: not printable yet.
	char text[SMTPREPLY_TEXT_MAX + 1];
};

typedef void smtp_done_fn(const struct smtp_result *result, void *arg);

// Never NULL: whatever fails, fails as an outcome.
struct smtp *
smtp_start(const struct smtp_params *params, smtp_done_fn *done, void *arg);
// Closes the connection at once; clears the caller's handle; NULL is fine.
void smtp_cancel(struct smtp **s);

#endif
