// SPDX-License-Identifier: MIT
// Addresses as MAIL and RCPT give them.
#include "milter/envelope.h"

#include <string.h>

// What follows the source route's ':'; a colon of an address literal
// ("@[IPv6:2001:db8::1]:user@c") is not it. NULL: there is none.
static const char *
after_route(const char *text, size_t len)
{
	int depth = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '[')
			depth++;
		else if (text[i] == ']')
			depth--;
		else if (text[i] == ':' && depth <= 0)
			return text + i + 1;
	}
	return NULL;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

const char *
envelope_mailbox(const char *path, size_t *len_out)
{
	size_t len = strlen(path);
	if (len >= 2 && path[0] == '<' && path[len - 1] == '>') {
		path++;
		len -= 2;
	}
	while (len > 0 && is_blank(path[len - 1]))
		len--;
	for (; len > 0 && is_blank(path[0]); len--)
		path++;
	if (len > 0 && path[0] == '@') {
		const char *rest = after_route(path, len);
		if (rest != NULL) {
			len -= (size_t)(rest - path);
			path = rest;
		}
	}
	*len_out = len;
	return path;
}

bool
envelope_is_user(const char *mailbox, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (strchr("@%!", mailbox[i]) != NULL)
			return false;
	return true;
}

const char *
envelope_domain(const char *mailbox, size_t len, size_t *len_out)
{
	const char *at = memrchr(mailbox, '@', len);
	if (at == NULL)
		return NULL;
	const char *domain = at + 1, *end = mailbox + len;
	while (domain < end && is_blank(*domain))
		domain++;
	*len_out = (size_t)(end - domain);
	return domain;
}
