// SPDX-License-Identifier: MIT
// The DNS servers that a resolver asks: their channels, and who is silent.
#ifndef MXD_UPSTREAM_H
#define MXD_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/netaddr.h"

struct channel;
struct resolver_params;

enum {
	UPSTREAM_FALL = 3,		// tries unanswered in a row: silent
	UPSTREAM_SILENT_MS = 30 * 1000, // until a silent one is tried again
	// Queries of a server that c-ares may hold, those included that nobody
	// waits for any more. It walks over all of them for every packet, and
	// looks for a free identifier without end when 65536 are taken.
	UPSTREAM_OUTSTANDING_MAX = 4096,
};

struct upstream {
	struct netaddr addr;	 // with its port
	struct channel *channel; // owned
	unsigned outstanding;	 // queries that c-ares holds
	unsigned unanswered;	 // tries since the last answer
	uint64_t answers;	 // of all times
	bool silent;		 // asked last
	int64_t silent_until;	 // clock_now(): then one question may try it
};

// Opens a channel to each server of the parameters, or of resolv.conf, to be
// closed by the caller. Returns how many; 0 and `err`: none, or not all.
unsigned upstream_open_all(
    const struct resolver_params *p, struct upstream **out, struct err *err);
// Calls back for what c-ares still has (channel_free()). NULL is fine.
void upstream_close_all(struct upstream *all, unsigned n);

// The server gave an answer, whatever it said.
void upstream_note_answer(struct upstream *u);
// The server left a try unanswered; `answers_before` is what u->answers was
// when it was asked. A server that answered somebody else meanwhile is not to
// blame for a slow name.
void upstream_note_silence(struct upstream *u, uint64_t answers_before);
// True when the server is to be asked in its turn, not last. The question that
// finds a silent one due tries it for all.
bool upstream_is_asked_in_turn(struct upstream *u);

#endif
