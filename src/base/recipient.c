// SPDX-License-Identifier: MIT
// Where the MTA takes a recipient, by its default rewriting.
#include "base/recipient.h"

#include <string.h>

// A part of the address.
struct text {
	const char *data;
	size_t len;
};

static struct text
text_between(const char *begin, const char *end)
{
	return (struct text){begin, (size_t)(end - begin)};
}

static const char *
text_end(struct text t)
{
	return t.data + t.len;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct text
trim(struct text t)
{
	for (; t.len > 0 && is_blank(t.data[0]); t.len--)
		t.data++;
	while (t.len > 0 && is_blank(t.data[t.len - 1]))
		t.len--;
	return t;
}

static struct text
unquote(struct text t)
{
	if (t.len >= 2 && t.data[0] == '"' && t.data[t.len - 1] == '"')
		return (struct text){t.data + 1, t.len - 2};
	return t;
}

const char *
recipient_after_route(const char *address, size_t len)
{
	int depth = 0;
	if (len == 0 || address[0] != '@')
		return NULL;
	for (size_t i = 1; i < len; i++) {
		if (address[i] == '[')
			depth++;
		else if (address[i] == ']')
			depth--;
		else if (address[i] == ':' && depth <= 0)
			return address + i + 1;
	}
	return NULL;
}

// All of it when there is no source route, or nothing behind it.
static struct text
without_route(struct text t)
{
	const char *rest = recipient_after_route(t.data, t.len);
	if (rest == NULL || rest == text_end(t))
		return t;
	return text_between(rest, text_end(t));
}

static bool
is_operator(char c)
{
	return c == '@' || c == '%' || c == '!';
}

bool
recipient_is_user(const char *address, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (is_operator(address[i]))
			return false;
	return true;
}

// What is still to be read. What was searched for in vain is not searched for
// again, so that an address is read in one pass, whatever is in it.
struct reading {
	struct text rest;
	const char *mark; // the first operator; behind `rest`: none
	bool no_at, no_bang;
};

static bool
is_nested(struct reading *r)
{
	const char *end = text_end(r->rest);
	if (r->mark < r->rest.data)
		r->mark = r->rest.data;
	while (r->mark < end && !is_operator(*r->mark))
		r->mark++;
	return r->mark < end;
}

// Takes the domain off that the MTA looks at next. False: there is none.
static bool
take_domain(struct reading *r, struct text *domain_out)
{
	const char *begin = r->rest.data, *end = text_end(r->rest);
	const char *last = r->no_at ? NULL : memrchr(begin, '@', r->rest.len);
	r->no_at = last == NULL;
	const char *bang = r->no_at && !r->no_bang
			       ? memchr(begin, '!', r->rest.len)
			       : NULL;
	r->no_bang = r->no_at && bang == NULL;
	if (bang != NULL) {
		*domain_out = text_between(begin, bang);
		r->rest = text_between(bang + 1, end);
		return true;
	}
	if (last == NULL)
		last = memrchr(begin, '%', r->rest.len);
	if (last == NULL)
		return false;
	*domain_out = text_between(last + 1, end);
	r->rest = text_between(begin, last);
	return true;
}

struct recipient
recipient_read(
    const char *address, size_t len, recipient_owner_fn *owner, void *arg)
{
	const struct text all = trim((struct text){address, len});
	struct reading r = {.rest = without_route(all), .mark = all.data};
	struct recipient out = {.certain = r.rest.data == all.data};
	struct text domain;
	unsigned taken = 0; // domains, from a local part
	for (bool first = true;; first = false) {
		r.rest = unquote(trim(r.rest));
		if (!take_domain(&r, &domain))
			return out;
		domain = trim(domain);
		if (!first || r.no_at)
			taken++;
		enum recipient_owner whose = RECIPIENT_OURS;
		bool nested = is_nested(&r);
		// Where nothing is hidden before it, it does not matter whose.
		if (domain.len == 0)
			out.domain = domain.data; // if a user is all the rest
		else
			whose = nested ? owner(domain.data, domain.len, arg)
				       : RECIPIENT_REMOTE;
		if (taken > 1 || (taken == 1 && nested) ||
		    whose == RECIPIENT_MAYBE_OURS)
			out.certain = false;
		if (whose == RECIPIENT_REMOTE) {
			out.domain = domain.data;
			out.domain_len = domain.len;
			return out;
		}
	}
}
