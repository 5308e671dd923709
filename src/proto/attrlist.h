// SPDX-License-Identifier: MIT
// Attribute lists: "name=value" lines ended by an empty line (Postfix
// SMTPD_POLICY_README).
#ifndef MXD_ATTRLIST_H
#define MXD_ATTRLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/decoded.h"

enum {
	ATTRLIST_MAX = 65536, // bytes of a whole request
	ATTRLIST_VALUE_MAX = 10000,
};

// One request, as a view into the bytes that came in.
struct attrlist {
	const char *data; // whole lines, the empty one not included
	size_t len;
};

// Decodes the list at the start of `data`; `*used_out` is its length with the
// empty line. Lines end in "\n" (a "\r" before it is part of the value). BAD: a
// line without '=' or with an empty name, a NUL, a value above
// ATTRLIST_VALUE_MAX, or more than ATTRLIST_MAX bytes without an empty line.
// An empty list (a lone newline) is BAD.
enum decoded attrlist_decode(
    const char *data, size_t len, struct attrlist *out, size_t *used_out);

// Finds the first attribute `name` (NUL-terminated, compared exactly).
// False: there is none; then `*value_out` is "" and `*len_out` 0.
bool attrlist_get(const struct attrlist *list, const char *name,
    const char **value_out, size_t *len_out);

#endif
