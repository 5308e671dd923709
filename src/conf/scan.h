// SPDX-License-Identifier: MIT
// The tokens of one configuration file, rewritten for libconfig.
#ifndef MXD_CONF_SCAN_H
#define MXD_CONF_SCAN_H

#include <stdbool.h>

#include "conf/source.h"

// The text as it grows, shared by all files.
struct assembly {
	struct source *out;
	const char *dir; // borrowed from the caller of source_read()
	size_t len, size;
	unsigned lines_size;
	struct err *err;
};

struct scan;

// Reads the file `path` in place of an @include of `by`. -1 and `err`.
typedef int
scan_include_fn(struct assembly *to, const char *path, const struct scan *by);

// One file while it is read: a mirror of libconfig's scanner.
struct scan {
	struct assembly *to;
	const char *text;  // all of the file; a NUL ends it
	const char *p;	   // what comes next in it
	unsigned file;	   // index into files
	unsigned line;	   // of `p`, from 1
	unsigned depth;	   // of inclusion
	bool assigned;	   // the last token but strings was '=' or ':'
	bool after_string; // the last token was a string
	scan_include_fn *include;
	unsigned held; // newlines to emit after the next token
};

// Rewrites all of the file. -1 and `err`.
int scan_text(struct scan *s) MUST_CHECK;

// Sets "file:line: ..." for a line of the file that is read. Returns -1.
int scan_fail(const struct scan *s, unsigned line, const char *fmt, ...)
    PRINTF(3, 4);

// Adds to the text; does not note where lines stand.
void assembly_emit(struct assembly *to, const char *text, size_t len);
// Notes where the line of the text that begins now stands.
void assembly_line(struct assembly *to, unsigned file, unsigned line);

#endif
