// SPDX-License-Identifier: MIT
// One message on its way through the filter: where each of its recipients'
// domains goes, for its log lines and its header.
#ifndef MXD_MESSAGE_H
#define MXD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "milter/asker.h"
#include "milter/question.h"

enum {
	MESSAGE_ROUTES_MAX = 1000, // remembered; the others are counted
	MESSAGE_HEADER_MAX = 1024, // bytes of a header's value, with the NUL
	MESSAGE_INSTANCE_MAX = 64, // with the NUL
	// Of all waiting for one message: Sendmail gives a filter 10 s.
	MESSAGE_BUDGET_MS = 9000,
	MESSAGE_REPLY_MS = 1500, // of it for one answer's way
	// The same, when the budget runs out: what it takes to notice a daemon
	// that is away.
	MESSAGE_SLACK_MS = ASKER_WAY_MS,
};

struct message_route {
	char *to; // owned, printable; the domain, or the whole address
	struct question_reply reply;
};

struct message {
	char instance[MESSAGE_INSTANCE_MAX]; // "": none was begun
	char *sender;			     // owned; the mailbox, "" for <>
	struct message_route *route;	     // owned
	unsigned n, size;
	unsigned more;	  // recipients beyond MESSAGE_ROUTES_MAX
	unsigned forged;  // X-MX-Route headers that came in with it
	int64_t spent_ms; // by waiting for answers
};

// `instance` names the message to the daemon; both are copied.
void message_begin(
    struct message *m, const char *sender, size_t len, const char *instance);
// Forgets all of it; fine when none was begun.
void message_end(struct message *m);

// How long the next answer may be waited for: by the daemon (`wait_ms`, at most
// `wait_max_ms`), and in all (the result). 0: its budget is spent.
int64_t
message_budget(const struct message *m, int64_t wait_max_ms, int64_t *wait_ms);

// Notes where a recipient goes. One entry a destination domain, the last answer
// counts; with `whole`, one a recipient.
void message_add(struct message *m, const char *mailbox, size_t len, bool whole,
    const struct question_reply *reply);

// Logs a line for each entry. `qid`: the queue id, NULL when the MTA did not
// say.
void message_say(const struct message *m, const char *qid);

// The value of its X-MX-Route header: each way that a recipient goes, once. No
// domain: of recipients that do not know of each other, too, everybody reads
// it. False: no route is known.
bool message_header(const struct message *m, char out[MESSAGE_HEADER_MAX]);

#endif
