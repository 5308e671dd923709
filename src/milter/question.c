// SPDX-License-Identifier: MIT
// What the milter asks the daemon about a recipient, and what it is answered.
#include "milter/question.h"

#include "base/attr.h"
#include "base/str.h"

#include <string.h>

// Whether it is a value of the protocol, as long as `max` at most.
static bool
is_value(const char *text, size_t len, size_t max)
{
	return len <= max && memchr(text, '\n', len) == NULL &&
	       memchr(text, '\0', len) == NULL;
}

static void
add_optional(struct strbuf *b, const char *name, const char *value)
{
	if (value[0] != '\0' &&
	    is_value(value, strlen(value), QUESTION_VALUE_MAX))
		strbuf_add(b, "%s=%s\n", name, value);
}

size_t
question_encode(const struct question *q, char out[QUESTION_MAX])
{
	struct strbuf b;
	if (!is_value(q->recipient, q->recipient_len, ATTRLIST_VALUE_MAX))
		return 0;
	strbuf_init(&b, out, QUESTION_MAX);
	strbuf_add(&b, "request=mxdetour_route\nrecipient=%.*s\n",
	    (int)q->recipient_len, q->recipient);
	add_optional(&b, "rewritten", q->rewritten);
	add_optional(&b, "sender", q->sender);
	add_optional(&b, "instance", q->instance);
	add_optional(&b, "sasl_username", q->sasl_username);
	add_optional(&b, "client_address", q->client_address);
	strbuf_add(&b, "wait=%lld\n\n", (long long)q->wait_ms);
	return b.truncated ? 0 : b.len;
}

// Copies a value into a log line's or header's form. False: it is not there, or
// too long to be ours.
static bool
get_word(const struct attrlist *list, const char *name, char *out, size_t size)
{
	const char *value;
	size_t len;
	if (!attrlist_get(list, name, &value, &len) || len >= size)
		return false;
	str_printable(out, size, value, len);
	return true;
}

static bool
is_route(const char *text)
{
	static const char *const routes[] = {
	    "direct", "steer", "rescue", "relay", "hold"};
	for (size_t i = 0; i < ARRAY_LEN(routes); i++)
		if (strcmp(text, routes[i]) == 0)
			return true;
	return false;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

// Takes "4.4.1 text" apart; a reply without a code gets that of its action.
static void
set_refusal(struct question_reply *out, const char *rest, size_t len)
{
	bool defer = out->action == QUESTION_DEFER;
	const char class = defer ? '4' : '5';
	strcpy(out->code, defer ? "4.4.1" : "5.7.1");
	if (len >= 6 && rest[0] == class && rest[1] == '.' &&
	    is_digit(rest[2]) && rest[3] == '.' && is_digit(rest[4]) &&
	    rest[5] == ' ') {
		memcpy(out->code, rest, 5);
		rest += 6;
		len -= 6;
	}
	if (len >= sizeof(out->text))
		len = sizeof(out->text) - 1;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)rest[i];
		// '%' is libmilter's: it stands for what follows it.
		bool plain = c >= 0x20 && c < 0x7f && c != '%';
		out->text[i] = plain ? (char)c : '?';
	}
	out->text[len] = '\0';
}

static bool
get_action(const struct attrlist *list, struct question_reply *out)
{
	static const struct {
		const char *word;
		enum question_action action;
	} actions[] = {
	    {"DUNNO", QUESTION_ACCEPT},
	    {"DEFER", QUESTION_DEFER},
	    {"REJECT", QUESTION_REJECT},
	};
	const char *value;
	size_t len;
	attrlist_get(list, "action", &value, &len);
	const char *blank = memchr(value, ' ', len);
	size_t word_len = blank != NULL ? (size_t)(blank - value) : len;
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		if (strlen(actions[i].word) != word_len ||
		    memcmp(actions[i].word, value, word_len) != 0)
			continue;
		out->action = actions[i].action;
		if (out->action == QUESTION_ACCEPT)
			return true;
		size_t skip = word_len + (blank != NULL ? 1 : 0);
		set_refusal(out, value + skip, len - skip);
		return true;
	}
	return false;
}

static bool
says_observe(const struct attrlist *list)
{
	const char *value;
	size_t len;
	return attrlist_get(list, "mode", &value, &len) &&
	       len == strlen("observe") && memcmp(value, "observe", len) == 0;
}

bool
question_decode_reply(const struct attrlist *list, struct question_reply *out)
{
	*out = (struct question_reply){.observe = says_observe(list)};
	return get_action(list, out) &&
	       get_word(list, "route", out->route, sizeof(out->route)) &&
	       is_route(out->route) &&
	       get_word(list, "via", out->via, sizeof(out->via)) &&
	       get_word(list, "reason", out->reason, sizeof(out->reason)) &&
	       out->reason[0] != '\0';
}
