// SPDX-License-Identifier: MIT
// Asks the daemon about recipients, from any number of threads.
//
// Connections are kept and shared, at most `max` of them. When the daemon is
// away (nobody answers, in time or with sense) that is logged once, and nobody
// asks until it answers again, which one caller at a time finds out, once a
// second: mail does not wait for a daemon that is not there. For one that hangs
// that caller waits, a second at most.
#ifndef MXD_ASKER_H
#define MXD_ASKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "milter/question.h"

enum {
	// That no answer comes in less, beyond what the daemon may wait, says
	// nothing of the daemon.
	ASKER_WAY_MS = 500,
};

struct asker;

// `address`: "inet:ADDRESS:PORT" or "unix:/path", the daemon's listen.policy;
// copied. `max` >= 1. NULL and `err`: it is no such address.
struct asker *asker_new(const char *address, unsigned max, struct err *err);
// No thread is asking any more. NULL is fine.
void asker_free(struct asker *a);

// Asks, and waits for the reply for at most `limit_ms` in all; 0: the daemon is
// told, if that can be done at once. False: there is no reply, the recipient
// cannot be asked about, or the daemon is away.
bool asker_ask(struct asker *a, const struct question *q, int64_t limit_ms,
    struct question_reply *out);

#endif
