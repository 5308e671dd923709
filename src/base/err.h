// SPDX-License-Identifier: MIT
// The text of one failure, set once by the caller that knows the noun.
#ifndef MXD_ERR_H
#define MXD_ERR_H

#include "base/attr.h"

enum { ERR_TEXT_MAX = 256 };

struct err {
	char text[ERR_TEXT_MAX]; // always NUL-terminated; "" before a failure
};

// Sets the text (cut to what fits). Returns -1, so that a caller can write
// `return err_set(...)`. `e` may be NULL: then only the -1 is given.
int err_set(struct err *e, const char *fmt, ...) PRINTF(2, 3);

// As err_set(), followed by ": " and the description of `errnum`.
int err_set_errno(struct err *e, int errnum, const char *fmt, ...) PRINTF(3, 4);

// Puts "<fmt>: " before the text that is there. Returns -1.
int err_prefix(struct err *e, const char *fmt, ...) PRINTF(2, 3);

#endif
