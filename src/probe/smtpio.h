// SPDX-License-Identifier: MIT
// A probe's socket: what is read from it and written to it, without waiting.
//
// Functions that take an `ev` return true when it tells what happened, and
// false when there is nothing to tell yet.
#ifndef MXD_SMTPIO_H
#define MXD_SMTPIO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/netaddr.h"
#include "proto/smtpreply.h"

enum {
	SMTPIO_WORD_MAX = 255,			  // RFC 5321 section 4.5.3.1.2
	SMTPIO_COMMAND_MAX = SMTPIO_WORD_MAX + 8, // "EHLO " and CRLF fit
	SMTPIO_IN_SIZE = 2 * SMTPREPLY_LINE_MAX,
};

enum smtpio_what {
	SMTPIO_CONNECTED, // the handshake is done
	SMTPIO_REPLY,	  // a whole reply
	SMTPIO_FOREIGN,	  // what came is no mail server's: it ended, or reached
			  // the limits of a reply, without a line with a code
	SMTPIO_ENDLESS,	  // a reply that reached these limits
	SMTPIO_CLOSED,	  // the peer ended its side in an orderly way
	SMTPIO_ERROR,	  // the socket failed
	SMTPIO_TIMEOUT,	  // told by who waits, never by a function here
};

struct smtpio_event {
	enum smtpio_what what;
	int errnum;		// of SMTPIO_ERROR
	struct smtpreply reply; // of SMTPIO_REPLY; of SMTPIO_FOREIGN its text
};

struct smtpio {
	int fd;			 // non-blocking, close-on-exec; -1: none
	struct smtpreply reply;	 // that is awaited, as far as it came
	char in[SMTPIO_IN_SIZE]; // what was received and not decoded yet
	size_t in_len;
	char out[SMTPIO_COMMAND_MAX];
	size_t out_len;
	size_t out_at; // bytes of the command that are sent
	bool sent;     // the peer was sent something, ever
};

void smtpio_init(struct smtpio *io);
// Closes the socket; `io` is as after smtpio_init().
void smtpio_fini(struct smtpio *io);

// Opens a socket, bound to `bind` unless its family is 0. Returns 0 or an
// errno.
int smtpio_open(
    struct smtpio *io, int family, const struct netaddr *bind) MUST_CHECK;
// Begins to connect. Returns 0 (done, or on its way) or an errno.
int smtpio_connect(struct smtpio *io, const struct netaddr *to) MUST_CHECK;
// SMTPIO_CONNECTED or SMTPIO_ERROR when connecting has ended.
bool smtpio_handshake(struct smtpio *io, struct smtpio_event *ev);

// Reads what is there, at most one reply. What came behind the last one is the
// beginning of the next, whenever it came: smtp(8) reads it so, too.
bool smtpio_read(struct smtpio *io, struct smtpio_event *ev);

// Sends a command: `verb`, and `arg` unless it is "" (at most SMTPIO_WORD_MAX
// bytes).
bool smtpio_say(struct smtpio *io, const char *verb, const char *arg,
    struct smtpio_event *ev);
// Sends what smtpio_say() could not; while smtpio_unsent(), and once the socket
// is writable.
bool smtpio_flush(struct smtpio *io, struct smtpio_event *ev);
bool smtpio_unsent(const struct smtpio *io);

#endif
