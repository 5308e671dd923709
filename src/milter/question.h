// SPDX-License-Identifier: MIT
// What the milter asks the daemon about a recipient, and what it is answered:
// values to bytes and bytes to values.
//
// The protocol is that of Postfix's policy service (SMTPD_POLICY_README) with
// request=mxdetour_route, see mxdetourd(8).
#ifndef MXD_QUESTION_H
#define MXD_QUESTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/dname.h"
#include "proto/attrlist.h"

enum {
	QUESTION_VALUE_MAX = 1024, // bytes of a longer value are not sent
	QUESTION_MAX = ATTRLIST_VALUE_MAX + 8 * QUESTION_VALUE_MAX,
	QUESTION_WORD_MAX = 128, // bytes of a reason, with the NUL
	QUESTION_TEXT_MAX = 256, // of a refusal's text, with the NUL
};

struct question {
	const char *recipient; // the mailbox; `recipient_len` bytes
	size_t recipient_len;
	const char *rewritten;	    // where the MTA sends it; "": not known
	const char *sender;	    // a mailbox; "": the null sender
	const char *instance;	    // the message's name, one for all its
				    // recipients
	const char *sasl_username;  // "": none
	const char *client_address; // "": not known
	int64_t wait_ms;	    // how long the daemon may wait; >= 0
};

enum question_action { QUESTION_ACCEPT, QUESTION_DEFER, QUESTION_REJECT };

struct question_reply {
	enum question_action action;
	char code[8];		      // RFC 3463, of a refusal; "4.4.1"
	char text[QUESTION_TEXT_MAX]; // of a refusal; no '%'
	char route[16];
	char via[DNAME_SIZE]; // "": none; a relay without a name has its host's
	char reason[QUESTION_WORD_MAX];
	bool observe; // the daemon decides, but changes nothing
};

// Writes the request. Returns its length, or 0: a value cannot be sent (a
// newline or NUL in the recipient, or more than ATTRLIST_VALUE_MAX bytes; other
// values that cannot be sent are left out).
size_t question_encode(const struct question *q, char out[QUESTION_MAX]);

// Reads a reply. False: it is none of ours (no or an unknown action, no or an
// unknown route, no reason).
bool
question_decode_reply(const struct attrlist *list, struct question_reply *out);

#endif
