// SPDX-License-Identifier: MIT
// SMTP replies, one or many lines.
#include "proto/smtpreply.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { CODE_LEN = 3 };

// The length of a line without the "\r" that end it.
static size_t
trimmed(const char *line, size_t len)
{
	while (len > 0 && line[len - 1] == '\r')
		len--;
	return len;
}

static size_t
count_digits(const char *line, size_t len)
{
	size_t n = 0;
	while (n < len && line[n] >= '0' && line[n] <= '9')
		n++;
	return n;
}

// As smtp_chat_resp() of Postfix has it: three digits, any three, then '-', ' '
// or nothing.
static bool
has_code(const char *line, size_t len)
{
	return count_digits(line, len) == CODE_LEN &&
	       (len == CODE_LEN || line[CODE_LEN] == '-' ||
		   line[CODE_LEN] == ' ');
}

// RFC 3207 section 4: the keyword; parameters, were there any, change nothing.
static bool
is_starttls(const char *text, size_t len)
{
	static const char keyword[] = "STARTTLS";
	size_t n = sizeof(keyword) - 1;
	return len >= n && strncasecmp(text, keyword, n) == 0 &&
	       (len == n || text[n] == ' ');
}

static void
keep_text(struct smtpreply *r, const char *text, size_t len)
{
	if (len > SMTPREPLY_TEXT_MAX)
		len = trimmed(text, SMTPREPLY_TEXT_MAX);
	memcpy(r->text, text, len);
	r->text[len] = '\0';
}

static bool
is_blank(const char *line, size_t len)
{
	while (len > 0 && isspace((unsigned char)line[len - 1]))
		len--;
	return len == 0;
}

// Takes one line without its end. Returns whether it is the reply's last.
static bool
take_line(struct smtpreply *r, const char *line, size_t len)
{
	len = strnlen(line, len);
	if (!has_code(line, len)) {
		if (!r->coded && r->text[0] == '\0' && !is_blank(line, len))
			keep_text(r, line, len);
		return false;
	}
	size_t skip = len > CODE_LEN ? CODE_LEN + 1 : CODE_LEN;
	const char *text = line + skip;
	if (r->coded && is_starttls(text, len - skip))
		r->starttls = true;
	r->coded = true;
	r->code = (line[0] - '0') * 100 + (line[1] - '0') * 10 +
		  (line[2] - '0');
	keep_text(r, text, len - skip);
	return len == CODE_LEN || line[CODE_LEN] == ' ';
}

// Takes the line at the start of `data`, or what is there of one that is too
// long. Returns how many bytes that are; 0: the line is not whole yet.
static size_t
take_piece(struct smtpreply *r, const char *data, size_t len, bool *ended)
{
	const char *end = memchr(data, '\n', len);
	size_t used = end != NULL ? (size_t)(end - data) + 1 : len;
	if (!r->skipping) {
		bool fits = end != NULL && used <= SMTPREPLY_LINE_MAX;
		if (!fits && len < SMTPREPLY_LINE_MAX)
			return 0;
		r->lines++;
		r->last = take_line(r, data,
		    fits ? trimmed(data, used - 1) : SMTPREPLY_LINE_MAX);
	}
	r->skipping = end == NULL;
	*ended = end != NULL && r->last;
	return used;
}

enum decoded
smtpreply_decode(
    struct smtpreply *r, const char *data, size_t len, size_t *used_out)
{
	bool ended = false;
	size_t used = 0;
	while (!ended && used < len) {
		size_t n = take_piece(r, data + used, len - used, &ended);
		if (n == 0)
			break;
		used += n;
		if (n > SMTPREPLY_MAX - r->size ||
		    r->lines > SMTPREPLY_LINES_MAX)
			return DECODED_BAD;
		r->size += (uint32_t)n;
	}
	*used_out = used;
	return ended ? DECODED_OK : DECODED_NEED_MORE;
}

bool
smtpreply_is_foreign(struct smtpreply *r, const char *rest, size_t len)
{
	len = trimmed(rest, len);
	bool may_begin_code = len <= CODE_LEN ? count_digits(rest, len) == len
					      : has_code(rest, len);
	if (!r->skipping && !may_begin_code)
		(void)take_line(r, rest, len);
	return !r->coded && r->text[0] != '\0';
}
