// SPDX-License-Identifier: MIT
// Where the MTA takes a recipient, by its default rewriting.
#ifndef MXD_RECIPIENT_H
#define MXD_RECIPIENT_H

#include <stdbool.h>
#include <stddef.h>

// Whether the MTA takes a domain for its own, and so looks for another one in
// the local part.
enum recipient_owner {
	RECIPIENT_REMOTE,
	RECIPIENT_MAYBE_OURS, // by its configuration, which we do not know
	RECIPIENT_OURS,
};

// Asked about a domain as it stands in the address: `len` >= 1 bytes without
// blanks around them, a name, an address literal, or neither.
typedef enum recipient_owner
recipient_owner_fn(const char *domain, size_t len, void *arg);

struct recipient {
	// Where it goes; a part of the address, as it is written there. NULL:
	// to a user of this host. Empty: nowhere ("u@"), the MTA refuses it.
	const char *domain;
	size_t domain_len;
	// False: other settings of the MTA would take it elsewhere, or there
	// are several ways to read it.
	bool certain;
};

// What follows a source route ("@a,@b:u@c", RFC 5321 appendix C) at the start
// of an address; a colon of an address literal ("@[IPv6:2001:db8::1]:u@c") does
// not end it. It may be empty. NULL: there is none.
const char *recipient_after_route(const char *address, size_t len);

// True for the name of a user and nothing else, or nothing at all: the MTA
// completes it by a domain of its own, while "u%d" and "d!u" go to d.
bool recipient_is_user(const char *address, size_t len);

// Reads a recipient as Postfix 3.7 does (trivial-rewrite(8), with
// swap_bangpath, allow_percent_hack and resolve_dequoted_address at their
// defaults) and Sendmail 8.17, in one pass over its `len` bytes:
//
// * "u@d" goes to d. As long as d is ours or empty, it is taken off, and what
//   is left is read again, without the quotes around it: "u@d" as before, else
//   "d!u" (the first '!') and "u%d" (the last '%') as u@d, else it is a user
//   of this host.
// * A source route ("@a,@b:u@c", RFC 5321 appendix C) is taken off.
//
// Quotes and backslashes may have been taken off before, as Postfix does for
// its policy service. Uncertain: more than one domain was taken from a local
// part or could be, a source route, a domain that may be ours.
struct recipient recipient_read(
    const char *address, size_t len, recipient_owner_fn *owner, void *arg);

#endif
