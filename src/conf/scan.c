// SPDX-License-Identifier: MIT
// The tokens of one configuration file, rewritten for libconfig.
#include "conf/scan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum {
	INTEGER_TEXT_MAX = 24 // of 64 bits, its "L " and its NUL
};

int
scan_fail(const struct scan *s, unsigned line, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(s->to->err, "%s:%u: %s",
	    source_file(s->to->out, s->file), line, text);
}

void
assembly_line(struct assembly *to, unsigned file, unsigned line)
{
	struct source *out = to->out;
	if (out->n_lines == to->lines_size) {
		to->lines_size = to->lines_size == 0 ? 64 : to->lines_size * 2;
		out->lines = xreallocarray(
		    out->lines, to->lines_size, sizeof(*out->lines));
	}
	out->lines[out->n_lines++] = (struct source_line){
	    .file = file, .line = line};
}

void
assembly_emit(struct assembly *to, const char *text, size_t len)
{
	while (to->len + len + 1 > to->size) {
		to->size = to->size == 0 ? 4096 : to->size * 2;
		to->out->text = xreallocarray(to->out->text, 1, to->size);
	}
	memcpy(to->out->text + to->len, text, len);
	to->len += len;
	to->out->text[to->len] = '\0';
}

// A line of the file ends in the text.
static void
emit_newline(struct scan *s, unsigned next_line)
{
	assembly_emit(s->to, "\n", 1);
	assembly_line(s->to, s->file, next_line);
}

// Passes a newline of the file. After a string it is held back: libconfig gives
// an element that is a string the line of the token after it.
static void
scan_newline(struct scan *s)
{
	s->line++;
	if (s->after_string)
		s->held++;
	else
		emit_newline(s, s->line);
}

// A token was emitted: newlines that were held back follow it.
static void
scan_token_done(struct scan *s)
{
	s->after_string = false;
	for (; s->held > 0; s->held--)
		emit_newline(s, s->line - s->held + 1);
}

// Emits the next `len` bytes as (a part of) a token.
static void
scan_token(struct scan *s, size_t len)
{
	assembly_emit(s->to, s->p, len);
	s->p += len;
	scan_token_done(s);
}

// Passes "# ..." and "// ..." up to the newline.
static void
scan_line_comment(struct scan *s)
{
	s->p += strcspn(s->p, "\n");
}

static int
scan_block_comment(struct scan *s)
{
	unsigned begin = s->line;
	s->p += 2;
	while (strncmp(s->p, "*/", 2) != 0) {
		if (*s->p == '\0')
			return scan_fail(s, begin,
			    "the comment that begins here never ends: \"*/\" "
			    "is "
			    "missing");
		if (*s->p == '\n')
			scan_newline(s);
		s->p++;
	}
	s->p += 2;
	assembly_emit(s->to, " ", 1); // it separates tokens
	return 0;
}

// Length of the string at `p`, both quotes included; 0: it does not end on its
// line.
static size_t
string_length(const char *p)
{
	const char *begin = p++;
	while (*p != '"') {
		if (*p == '\\' && p[1] != '\0' && p[1] != '\n')
			p++;
		else if (*p == '\0' || *p == '\n')
			return 0;
		p++;
	}
	return (size_t)(p + 1 - begin);
}

// True when the string has the escape for a NUL, which would cut it there.
static bool
string_has_nul(const char *p, size_t len)
{
	for (size_t i = 0; i + 3 < len; i++) {
		if (p[i] != '\\')
			continue;
		if ((p[i + 1] == 'x' || p[i + 1] == 'X') && p[i + 2] == '0' &&
		    p[i + 3] == '0')
			return true;
		i++;
	}
	return false;
}

static int
scan_string(struct scan *s)
{
	size_t len = string_length(s->p);
	if (len == 0)
		return scan_fail(s, s->line,
		    "the text that begins here does not end on its line: '\"' "
		    "is missing");
	if (string_has_nul(s->p, len))
		return scan_fail(s, s->line, "a text may not hold \"\\x00\"");
	// libconfig joins them in silence, which makes one wrong name of two.
	if (s->after_string && !s->assigned)
		return scan_fail(s, s->line,
		    "a comma is missing between the texts of a list");
	scan_token(s, len);
	s->after_string = true;
	return 0;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*' ||
	       is_digit(c) || c == '_' || c == '-';
}

static bool
is_exponent(const char *p)
{
	if (*p != 'e' && *p != 'E')
		return false;
	p++;
	if (*p == '+' || *p == '-')
		p++;
	return is_digit(*p);
}

// Length of the number with a point or an exponent at `p`; 0: it is none.
static size_t
float_length(const char *p)
{
	const char *begin = p;
	if (*p == '+' || *p == '-')
		p++;
	p += strspn(p, "0123456789");
	bool point = *p == '.';
	if (point)
		p += 1 + strspn(p + 1, "0123456789");
	if (is_exponent(p)) {
		p += 2;
		p += strspn(p, "0123456789");
	} else if (!point) {
		return 0;
	}
	return (size_t)(p - begin);
}

// The value of the digits from `p` to `end`; what does not fit becomes the
// nearest that does: far outside of every range.
static int64_t
integer_value(const char *p, const char *end, int base, bool negative)
{
	char digits[32];
	while (p < end - 1 && *p == '0')
		p++;
	size_t len = (size_t)(end - p);
	if (len >= sizeof(digits) - 1)
		return negative ? INT64_MIN : INT64_MAX;
	snprintf(
	    digits, sizeof(digits), "%s%.*s", negative ? "-" : "", (int)len, p);
	return strtoll(digits, NULL, base); // saturates
}

// Emits the integer at `p` in decimal, with an L, so that it has 64 bits.
static void
scan_integer(struct scan *s)
{
	const char *p = s->p;
	bool negative = *p == '-';
	if (*p == '+' || *p == '-')
		p++;
	bool hex = p == s->p && p[0] == '0' && (p[1] == 'x' || p[1] == 'X') &&
		   strspn(p + 2, "0123456789abcdefABCDEF") > 0;
	if (hex)
		p += 2;
	const char *end = p + strspn(p, hex ? "0123456789abcdefABCDEF"
					    : "0123456789");
	char text[INTEGER_TEXT_MAX];
	// The space keeps an L that follows from becoming part of the number.
	int len = snprintf(text, sizeof(text), "%" PRId64 "L ",
	    integer_value(p, end, hex ? 16 : 10, negative));
	assembly_emit(s->to, text, (size_t)len);
	for (int i = 0; i < 2 && *end == 'L'; i++)
		end++;
	s->p = end;
	scan_token_done(s);
}

// Length of the `@include "` at `p`, leading blanks included; 0: there is none.
// libconfig knows it at the start of a line only.
static size_t
include_length(const struct scan *s)
{
	if (s->p != s->text && s->p[-1] != '\n')
		return 0;
	const char *p = s->p + strspn(s->p, " \t");
	if (!str_starts_with(p, "@include"))
		return 0;
	p += strlen("@include");
	size_t blanks = strspn(p, " \t");
	if (blanks == 0 || p[blanks] != '"')
		return 0;
	return (size_t)(p + blanks + 1 - s->p);
}

// Reads the name up to its closing quote and passes it; the caller frees. NULL
// when the quote is missing.
static char *
include_name(struct scan *s)
{
	size_t len = string_length(s->p - 1);
	if (len == 0)
		return NULL;
	char *name = xcalloc(1, len);
	size_t n = 0;
	for (const char *end = s->p - 1 + len - 1; s->p < end; s->p++) {
		if (*s->p == '\\' && (s->p[1] == '\\' || s->p[1] == '"'))
			s->p++;
		name[n++] = *s->p;
	}
	s->p++;
	return name;
}

static int
scan_include(struct scan *s)
{
	s->p += include_length(s);
	char *name = include_name(s);
	if (name == NULL)
		return scan_fail(s, s->line, "'\"' is missing after @include");
	char *path = source_path(s->to->dir, name);
	free(name);
	scan_token_done(s);
	int rc = s->include(s->to, path, s);
	free(path);
	if (rc == 0)
		emit_newline(s, s->line); // the rest of the @include line
	return rc;
}

// Passes what begins at `p`: a token, a comment, a blank.
static int
scan_next(struct scan *s)
{
	char c = *s->p;
	if (include_length(s) > 0)
		return scan_include(s);
	if (c == '\n') {
		scan_newline(s);
		s->p++;
	} else if (c == ' ' || c == '\t' || c == '\r' || c == '\f') {
		assembly_emit(s->to, " ", 1);
		s->p++;
	} else if (c == '#' || (c == '/' && s->p[1] == '/')) {
		scan_line_comment(s);
	} else if (c == '/' && s->p[1] == '*') {
		return scan_block_comment(s);
	} else if (c == '"') {
		return scan_string(s);
	} else if (c == '@') {
		// libconfig must not get to see one: with what comes before it
		// taken away it could begin a line, and libconfig would read
		// the file.
		return scan_fail(s, s->line,
		    "'@' is wrong here: @include \"FILE\" stands at the start "
		    "of "
		    "a line");
	} else if (float_length(s->p) > 0) {
		scan_token(s, float_length(s->p));
	} else if (is_digit(c) ||
		   ((c == '-' || c == '+') && is_digit(s->p[1]))) {
		scan_integer(s);
	} else if (is_name(c) && c != '-' && c != '_') {
		size_t len = 1;
		while (is_name(s->p[len]))
			len++;
		scan_token(s, len);
	} else {
		s->assigned = c == '=' || c == ':';
		scan_token(s, 1);
	}
	return 0;
}

int
scan_text(struct scan *s)
{
	if (str_starts_with(s->p, "\xef\xbb\xbf")) // a byte order mark
		s->p = s->text += 3;
	while (*s->p != '\0') {
		if (scan_next(s) != 0)
			return -1;
		if (s->to->len > SOURCE_BYTES_MAX)
			return scan_fail(s, s->line,
			    "too long: at most 4 MiB, included files and all");
	}
	s->after_string = false;
	scan_token_done(s);
	return 0;
}
