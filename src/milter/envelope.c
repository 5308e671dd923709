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

const char *
envelope_mailbox(const char *path, size_t *len_out)
{
	size_t len = strlen(path);
	if (len >= 2 && path[0] == '<' && path[len - 1] == '>') {
		path++;
		len -= 2;
	}
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

const char *
envelope_domain(const char *mailbox, size_t len, size_t *len_out)
{
	const char *at = memrchr(mailbox, '@', len);
	if (at == NULL)
		return NULL;
	*len_out = len - (size_t)(at + 1 - mailbox);
	return at + 1;
}
