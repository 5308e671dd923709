// SPDX-License-Identifier: MIT
// Text in bounded buffers.
#ifndef MXD_STR_H
#define MXD_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

// A text that grows inside memory of the caller; always NUL-terminated.
struct strbuf {
	char *text;	// borrowed from the caller
	size_t len;	// bytes in use, the NUL not counted
	size_t size;	// of the memory, NUL included; >= 1
	bool truncated; // something did not fit
};

// Begins with an empty text in `memory` of `size` >= 1 bytes.
void strbuf_init(struct strbuf *b, char *memory, size_t size);
// Appends; what does not fit is cut and `truncated` is set.
void strbuf_add(struct strbuf *b, const char *fmt, ...) PRINTF(2, 3);
// Appends `len` bytes that come from outside, at most `max` of them, made
// printable as str_printable() does.
void
strbuf_add_foreign(struct strbuf *b, const char *src, size_t len, size_t max);

// Copies text from outside into `dst` (`size` >= 1 bytes, NUL included) so that
// one log line stays one line and a key=value stays greppable: bytes below
// 0x21, 0x7f and above, '"' and '\\' become '?', and a space becomes '_'. Cut
// to what fits. Returns `dst`.
char *str_printable(char *dst, size_t size, const char *src, size_t len);

// The same for a text that stands in quotes: spaces stay, and so do tabs, as
// spaces.
char *str_quotable(char *dst, size_t size, const char *src, size_t len);

// Reads a whole decimal number, digits only. False: it is none, or above `max`.
bool str_parse_number(const char *text, int64_t max, int64_t *out);

// True when `s` is `prefix` or begins with it.
bool str_starts_with(const char *s, const char *prefix);

#endif
