// SPDX-License-Identifier: MIT
// SMTP replies (RFC 5321 section 4.2), one or many lines.
#ifndef MXD_SMTPREPLY_H
#define MXD_SMTPREPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/decoded.h"

enum {
	SMTPREPLY_LINE_MAX = 2048, // bytes of one line; RFC 5321 says 512, many
				   // servers send more
	SMTPREPLY_LINES_MAX = 128,
	SMTPREPLY_MAX = 65536,	 // bytes of a whole reply
	SMTPREPLY_TEXT_MAX = 96, // bytes of the text that is kept
};

struct smtpreply {
	int code; // 200-599
	// Of the last line after the code, cut, as it came: not printable yet,
	// but without a newline.
	char text[SMTPREPLY_TEXT_MAX + 1];
	// One of the lines after the first is "STARTTLS", any case (RFC 3207
	// section 4).
	bool starttls;
};

// Decodes the reply at the start of `data`. Lines end in "\n", with or without
// "\r". "250-x" goes on, "250 x" and "250" end. BAD: a line that does not
// begin with a code 200-599 followed by '-', ' ' or the line's end, codes that
// differ within one reply, a NUL, or one of the limits.
enum decoded smtpreply_decode(
    const char *data, size_t len, struct smtpreply *out, size_t *used_out);

#endif
