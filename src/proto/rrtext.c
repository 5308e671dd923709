// SPDX-License-Identifier: MIT
// DNS records as Postfix writes them to smtp_dns_reply_filter.
#include "proto/rrtext.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

struct field {
	const char *text;
	size_t len;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

// Takes the next field off the front of `rest`; an empty one at the end.
static struct field
next_field(struct field *rest)
{
	while (rest->len > 0 && is_blank(*rest->text)) {
		rest->text++;
		rest->len--;
	}
	struct field f = {.text = rest->text};
	while (f.len < rest->len && !is_blank(f.text[f.len]))
		f.len++;
	rest->text += f.len;
	rest->len -= f.len;
	return f;
}

// Compares without regard to case, as class and type are (RFC 1035 section
// 2.3.3).
static bool
field_is(struct field f, const char *word)
{
	return f.len == strlen(word) && strncasecmp(f.text, word, f.len) == 0;
}

static bool
is_number(struct field f)
{
	for (size_t i = 0; i < f.len; i++) {
		if (f.text[i] < '0' || f.text[i] > '9')
			return false;
	}
	return f.len > 0;
}

// Reads the data of an A or AAAA record, which is the last field.
static bool
read_address(struct field *rest, int family, struct netaddr *out)
{
	char text[INET6_ADDRSTRLEN];
	struct field f = next_field(rest);
	if (f.len >= sizeof(text) || memchr(f.text, '\0', f.len) != NULL ||
	    next_field(rest).len != 0)
		return false;
	memcpy(text, f.text, f.len);
	text[f.len] = '\0';
	return netaddr_parse(text, out) && out->family == family;
}

bool
rrtext_decode(const char *text, size_t len, struct rrtext *out)
{
	struct field rest = {.text = text, .len = len};
	struct field owner = next_field(&rest);
	struct field ttl = next_field(&rest);
	struct field class = next_field(&rest);
	struct field type = next_field(&rest);
	struct rrtext rr = {.type = RRTEXT_OTHER};
	if (!is_number(ttl) || !field_is(class, "IN") || type.len == 0 ||
	    dname_fold_mx(owner.text, owner.len, rr.owner) < 0)
		return false;
	if (field_is(type, "MX"))
		rr.type = RRTEXT_MX;
	bool a = field_is(type, "A");
	if (a || field_is(type, "AAAA")) {
		rr.type = RRTEXT_ADDRESS;
		if (!read_address(&rest, a ? AF_INET : AF_INET6, &rr.address))
			return false;
	}
	*out = rr;
	return true;
}
