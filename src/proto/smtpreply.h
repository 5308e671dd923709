// SPDX-License-Identifier: MIT
// SMTP replies (RFC 5321 section 4.2), one or many lines.
#ifndef MXD_SMTPREPLY_H
#define MXD_SMTPREPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/decoded.h"

enum {
	SMTPREPLY_LINES_MAX = 1024,
	SMTPREPLY_MAX = 65536,	 // bytes of a whole reply
	SMTPREPLY_TEXT_MAX = 96, // bytes of the text that is kept
};

struct smtpreply {
	int code; // 200-599, of the last line
	// Of the last line after the code, cut, as it came: not printable yet,
	// but without a newline.
	char text[SMTPREPLY_TEXT_MAX + 1];
	// One of the lines after the first is "STARTTLS", any case (RFC 3207
	// section 4).
	bool starttls;
};

// Decodes the reply at the start of `data`. Lines end in "\n", with or without
// "\r" (or several). "250-x" goes on, "250 x" and "250" end. BAD: a first line
// that does not begin with a code 200-599 followed by '-', ' ' or the line's
// end, a NUL, or one of the limits. It takes what an MTA delivers to, whatever
// RFC 5321 says: lines of any length, lines without a code behind the first (a
// banner that was wrapped, an empty line), codes that differ.
enum decoded smtpreply_decode(
    const char *data, size_t len, struct smtpreply *out, size_t *used_out);

#endif
