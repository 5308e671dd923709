// SPDX-License-Identifier: MIT
// Netstrings: "5:hello,".
#ifndef MXD_NETSTRING_H
#define MXD_NETSTRING_H

#include <stddef.h>

#include "proto/decoded.h"

// A netstring's head and tail around `len` <= 999999 bytes need at most this.
enum { NETSTRING_OVERHEAD = 8 };

// Decodes the netstring at the start of `data`. On OK `*payload_out` points
// into `data`, and `*used_out` is the length of the whole netstring. BAD: no
// digits, a leading zero before further digits, a length above `max`, or no
// comma after the payload. A length above `max` is BAD as soon as it is seen,
// before its payload arrives.
enum decoded netstring_decode(const char *data, size_t len, size_t max,
    const char **payload_out, size_t *payload_len_out, size_t *used_out);

// Writes the netstring of `payload` to `out`. Returns its length, or 0 when
// `size` is too small. `payload` may not overlap `out`.
size_t
netstring_encode(const char *payload, size_t len, char *out, size_t size);

#endif
