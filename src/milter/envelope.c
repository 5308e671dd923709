// SPDX-License-Identifier: MIT
// Addresses as MAIL and RCPT give them.
#include "milter/envelope.h"

#include <stdbool.h>
#include <string.h>

#include "base/recipient.h"

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
	const char *rest = recipient_after_route(path, len);
	if (rest != NULL) {
		len -= (size_t)(rest - path);
		path = rest;
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
	const char *domain = at + 1, *end = mailbox + len;
	while (domain < end && is_blank(*domain))
		domain++;
	*len_out = (size_t)(end - domain);
	return domain;
}
