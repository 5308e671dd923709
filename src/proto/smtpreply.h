// SPDX-License-Identifier: MIT
// SMTP replies (RFC 5321 section 4.2), one or many lines, read as smtp(8) of
// Postfix 3.7 reads them: who it delivers to must not look dead.
#ifndef MXD_SMTPREPLY_H
#define MXD_SMTPREPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/decoded.h"

enum {
	// Bytes and lines of a whole reply. Postfix has no such limits: real
	// banners have some hundred bytes, and these are there so that an
	// endless one ends.
	SMTPREPLY_MAX = 1 << 20,
	SMTPREPLY_LINES_MAX = 1 << 16,
	SMTPREPLY_LINE_MAX = 2048, // bytes of a line that are looked at, its
				   // end included (Postfix: line_length_limit)
	SMTPREPLY_TEXT_MAX = 96,   // bytes of the text that is kept
};

// A reply, as far as it was read; zeroed: nothing yet.
struct smtpreply {
	int code; // 0-999, of the last line
	// Of the last line after the code, cut, as it came: not printable yet,
	// but without a newline. While no line had a code: the first that said
	// anything at all.
	char text[SMTPREPLY_TEXT_MAX + 1];
	bool coded; // a line began with a code
	// One of the coded lines after the first is "STARTTLS", any case (RFC
	// 3207 section 4).
	bool starttls;

	// The decoder's own.
	bool skipping;	// the rest of a line that is longer than LINE_MAX
	bool last;	// that line ends the reply
	uint32_t size;	// bytes read
	uint32_t lines; // lines begun
};

// Reads on in a reply: `data` follows what was used before. OK: it is whole;
// NEED_MORE: go on with what was not used, less than SMTPREPLY_LINE_MAX bytes,
// and what comes after it; BAD: it is beyond the limits.
//
// Lines end in "\n", with or without "\r" (or several). "250-x" goes on,
// "250 x" and "250" end; the code is that of the last line. Any other line is
// passed over, before the first coded one, too: empty ones, text, "220\tx",
// "2200 x". A line ends at a NUL in it.
enum decoded smtpreply_decode(
    struct smtpreply *r, const char *data, size_t len, size_t *used_out);

// The peer ended in the middle of a line: takes `rest`, what decode() did not
// use. Returns whether what it said is for sure no mail server's: text, and
// nothing that is or begins a line with a code.
bool smtpreply_is_foreign(struct smtpreply *r, const char *rest, size_t len);

#endif
