// SPDX-License-Identifier: MIT
// SMTP replies, one or many lines.
#include "proto/smtpreply.h"

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

// True when the line begins with a code and what may follow it, as far as its
// bytes are there. `whole`: nothing comes after them.
static bool
has_code(const char *line, size_t len, bool whole)
{
	if (whole && len < CODE_LEN)
		return false;
	for (size_t i = 0; i < len && i < CODE_LEN; i++) {
		char low = i == 0 ? '2' : '0';
		char high = i == 0 ? '5' : '9';
		if (line[i] < low || line[i] > high)
			return false;
	}
	if (len <= CODE_LEN || line[CODE_LEN] == '-' || line[CODE_LEN] == ' ')
		return true;
	// The "\r" of a line's end whose "\n" is still to come.
	return !whole && trimmed(line, len) == CODE_LEN;
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

// Reads one line without its end into the reply; true when it is the last.
static bool
read_line(struct smtpreply *reply, const char *line, size_t len, bool first)
{
	const char *text = line + len;
	size_t text_len = 0;
	if (len > CODE_LEN) {
		text = line + CODE_LEN + 1;
		text_len = len - CODE_LEN - 1;
	}
	if (!first && is_starttls(text, text_len))
		reply->starttls = true;
	if (len > CODE_LEN && line[CODE_LEN] == '-')
		return false;
	if (text_len > SMTPREPLY_TEXT_MAX)
		text_len = trimmed(text, SMTPREPLY_TEXT_MAX);
	memcpy(reply->text, text, text_len);
	reply->text[text_len] = '\0';
	reply->code = (line[0] - '0') * 100 + (line[1] - '0') * 10 +
		      (line[2] - '0');
	return true;
}

enum decoded
smtpreply_decode(
    const char *data, size_t len, struct smtpreply *out, size_t *used_out)
{
	struct smtpreply reply = {0};
	bool full = len >= SMTPREPLY_MAX;
	if (full)
		len = SMTPREPLY_MAX;
	size_t pos = 0;
	for (unsigned n = 0; n < SMTPREPLY_LINES_MAX; n++) {
		const char *line = data + pos;
		const char *end = memchr(line, '\n', len - pos);
		size_t line_len = end != NULL ? (size_t)(end - line)
					      : len - pos;
		pos += line_len + 1;
		if (end != NULL)
			line_len = trimmed(line, line_len);
		bool coded = has_code(line, line_len, end != NULL);
		if ((n == 0 && !coded) || memchr(line, '\0', line_len) != NULL)
			return DECODED_BAD;
		if (end == NULL)
			return full ? DECODED_BAD : DECODED_NEED_MORE;
		// As smtp(8) of Postfix does: what stands between the lines of
		// a reply is passed over, and the last one has the code.
		if (coded && read_line(&reply, line, line_len, n == 0)) {
			*out = reply;
			*used_out = pos;
			return DECODED_OK;
		}
	}
	return DECODED_BAD;
}
