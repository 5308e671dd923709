// SPDX-License-Identifier: MIT
// The text of a `listen` entry, and sockets that belong to it.
#ifndef MXD_LISTENADDR_H
#define MXD_LISTENADDR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/netaddr.h"

enum listenaddr_kind {
	LISTENADDR_INET,
	LISTENADDR_ANY, // "inet:*:PORT"; inet.port only
	LISTENADDR_UNIX,
};

struct listenaddr {
	enum listenaddr_kind kind;
	struct netaddr inet;
	const char *path; // of a unix socket; into the text that was parsed
};

// Parses "inet:HOST:PORT" or "unix:/path". -1 and `err` when it is neither.
int listenaddr_parse(const char *text, struct listenaddr *out, struct err *err);

// True for a stream socket that listens.
bool listenaddr_is_listening(int fd);

// Writes the address that a socket is bound to, as in a `listen` entry (cut to
// `size`). A wildcard that takes IPv4 and IPv6 is "inet:*:PORT". False: the
// socket is of another family.
bool listenaddr_of_socket(int fd, char *out, size_t size);

// True when a socket bound to `bound`, as listenaddr_of_socket() writes it, is
// what the entry asks for. "*" is any wildcard; "[::]" may take IPv4, too; two
// paths are the same when they lead to one file.
bool listenaddr_match(const char *entry, const char *bound);

// True when two entries that listenaddr_parse() takes cannot both be bound: the
// same address or file, however it is written, or a wildcard that includes the
// other.
bool listenaddr_overlaps(const char *a, const char *b);

#endif
