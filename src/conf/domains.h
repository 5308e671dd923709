// SPDX-License-Identifier: MIT
// Lists of domains in files of their own.
#ifndef MXD_CONF_DOMAINS_H
#define MXD_CONF_DOMAINS_H

#include <stddef.h>

#include "base/attr.h"
#include "conf/conf.h"

enum {
	DOMAINS_BYTES_MAX = 64 * 1024 * 1024 // two million names and more
};

// Adds the domains of `text` (`len` bytes and a NUL, those of the file `path`):
// one domain or "*.suffix" a line; '#' begins a comment; blank lines and CRLF
// are fine. -1 and `err` ("path:line: ...") at the first bad line.
int domains_parse(const char *path, const char *text, size_t len,
    struct conf_strings *out, struct err *err) MUST_CHECK;

#endif
