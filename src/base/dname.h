// SPDX-License-Identifier: MIT
// Domain names as the project compares them: lower-case A-labels.
#ifndef MXD_DNAME_H
#define MXD_DNAME_H

#include <stdbool.h>
#include <stddef.h>

enum {
	DNAME_MAX = 253,	    // RFC 1035 section 2.3.4, in text form
	DNAME_SIZE = DNAME_MAX + 1, // with its NUL
};

// Brings `len` bytes of a domain name into the form that everything inside
// compares: ASCII lower case, U-labels turned into A-labels (IDNA2008, RFC
// 5891, non-transitional with the mapping of UTS 46; and symbols, which UTS 46
// takes and IDNA2008 does not, unless sharp s, final sigma or a joiner is in
// the same name), no trailing dot. Labels
// have 1-63 letters, digits, '-' and '_', no '-' at either end; at most 253
// bytes; at least two labels; the last label not all digits. Pure ASCII takes
// no allocation.
//
// Returns the length of the name in `out`, or -1: no valid name (then `out` is
// ""). `out` may be `src`.
int dname_fold(const char *src, size_t len, char out[DNAME_SIZE]);

// As dname_fold(), but a single label is a name, too: for hosts.
int dname_fold_host(const char *src, size_t len, char out[DNAME_SIZE]);

// As dname_fold_host(), with what MTAs resolve besides when it stands in an MX
// record (Postfix's valid_hostname()): the last label may be all digits unless
// the others are, too, and the first may be "*". An address is no name here:
// see netaddr_parse_mx().
int dname_fold_mx(const char *src, size_t len, char out[DNAME_SIZE]);

// The domain of a lookup key: what follows the last '@', or the whole key when
// it has none ("user@d", "@d", "d", "\"a@b\"@d"). Folded as by dname_fold().
// Returns the length of the name, or -1 for a bad name: no valid name, or an
// address literal ("[192.0.2.1]", "[IPv6:...]").
int dname_of_address(const char *key, size_t len, char out[DNAME_SIZE]);

// True when `src` is a name (one label will do), "*.suffix" (any depth below
// suffix, not suffix itself) or "*". Its folded form goes to `out`, which may
// be `src`.
bool dname_pattern_fold(const char *src, char out[DNAME_SIZE + 2]);
// Matches a folded name against a folded pattern, on label boundaries.
bool dname_match(const char *pattern, const char *name);

#endif
