// SPDX-License-Identifier: MIT
// The DNS servers that a resolver asks: their channels, who is silent, and who
// cannot do EDNS.
//
// Some servers, and gateways before them, leave a question with an OPT
// unanswered, or answer it with an error, where they answer the same question
// without. Until a server has shown its own OPT, and again when it falls silent
// or refuses UPSTREAM_FALL questions in a row, its EDNS is in doubt: what it
// does not answer it is asked again plainly, without EDNS. When that helped
// UPSTREAM_FALL times in a row it is asked plainly from the first, for
// UPSTREAM_PLAIN_MS; then one question tries EDNS for all.
#ifndef MXD_UPSTREAM_H
#define MXD_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/zoneaddr.h"

struct channel;
struct resolver_params;

enum {
	UPSTREAM_FALL = 3,		// tries unanswered in a row: silent
	UPSTREAM_SILENT_MS = 30 * 1000, // until a silent one is tried again
	UPSTREAM_PLAIN_MS = 600 * 1000, // until EDNS is tried again
	// Queries of a server that c-ares may hold, those included that nobody
	// waits for any more. It walks over all of them for every packet, and
	// looks for a free identifier without end when 65536 are taken.
	UPSTREAM_OUTSTANDING_MAX = 4096,
};

struct upstream {
	struct zoneaddr addr;  // with its port
	struct channel *edns;  // owned; NULL: every question is by TCP, which
			       // has no use for it
	struct channel *plain; // owned; without EDNS
	unsigned outstanding;  // queries that c-ares holds
	unsigned unanswered;   // tries since the last answer
	uint64_t answers;      // of all times
	bool silent;	       // asked last
	int64_t silent_until;  // clock_now(): then one question may try it
	bool edns_shown;       // it sent an OPT; else in doubt
	unsigned edns_refused; // questions with EDNS, since then
	unsigned plain_helped; // questions, since one with EDNS was answered
	bool lacks_edns;       // asked plainly
	int64_t plain_until;   // clock_now(): then one question tries EDNS
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
// A question with EDNS was answered; `with_opt`: so was its OPT.
void upstream_note_edns(struct upstream *u, bool with_opt);
// A question with EDNS got an error that may be for the EDNS.
void upstream_note_edns_refused(struct upstream *u);
// The server answered a question plainly that it did not answer with EDNS.
void upstream_note_plain_helped(struct upstream *u);
// True when the next question is to go without EDNS. The question that finds
// EDNS due for another try makes it for all.
bool upstream_is_asked_plainly(struct upstream *u);
// True when a question with EDNS may have to be asked again plainly.
bool upstream_edns_is_in_doubt(const struct upstream *u);
// True when the server is to be asked in its turn, not last. The question that
// finds a silent one due tries it for all.
bool upstream_is_asked_in_turn(struct upstream *u);

#endif
