// SPDX-License-Identifier: MIT
// Addresses as MAIL and RCPT give them.
#ifndef MXD_ENVELOPE_H
#define MXD_ENVELOPE_H

#include <stddef.h>

// The mailbox in a path as libmilter hands it over: without "<" and ">", blanks
// around it, and a source route ("@a,@b:user@c", RFC 5321 section 4.1.2 and
// appendix C: it is to be ignored). Returns where it begins in `path`;
// `*len_out` is its length, 0 for the null sender.
const char *envelope_mailbox(const char *path, size_t *len_out);

// What follows the last '@' of a mailbox and blanks after it, which Postfix
// takes from people who are used to them. NULL: it has none, so that the local
// host decides where it goes.
const char *envelope_domain(const char *mailbox, size_t len, size_t *len_out);

#endif
