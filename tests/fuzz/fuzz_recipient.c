// SPDX-License-Identifier: MIT
// Fuzzes where the MTA takes a recipient, against a slow reading of the rule.
#include "base/mem.h"
#include "base/recipient.h"
#include "fuzz/fuzz.h"

#include <string.h>

enum {
	GOAL_USER,
	GOAL_NOWHERE,
	GOAL_AS_IT_STANDS,
	GOAL_PERCENT,
	GOAL_BANG,
	GOAL_QUOTED,
	GOAL_NESTED,
	GOAL_MAYBE,
	GOAL_ROUTE,
};
struct fuzz_goal fuzz_goals[] = {
    [GOAL_USER] = {"a user of this host", 0},
    [GOAL_NOWHERE] = {"an address without a domain after its '@'", 0},
    [GOAL_AS_IT_STANDS] = {"a remote domain before which one is hidden", 0},
    [GOAL_PERCENT] = {"u%d@us", 0},
    [GOAL_BANG] = {"d!u@us", 0},
    [GOAL_QUOTED] = {"\"u@d\"@us", 0},
    [GOAL_NESTED] = {"several domains in a local part", 0},
    [GOAL_MAYBE] = {"a domain that may be ours", 0},
    [GOAL_ROUTE] = {"a source route", 0},
    {NULL, 0},
};

// What was asked about, in all.
struct asked {
	size_t times, bytes;
	bool maybe;
};

// By the first letter: 'o' is ours, 'm' may be.
static enum recipient_owner
owner(const char *domain, size_t len, void *arg)
{
	struct asked *asked = arg;
	mxd_assert(len >= 1 && strchr(" \t", domain[0]) == NULL);
	mxd_assert(domain[len - 1] != ' ' && domain[len - 1] != '\t');
	asked->times++;
	asked->bytes += len;
	asked->maybe |= domain[0] == 'm';
	if (domain[0] == 'o')
		return RECIPIENT_OURS;
	return domain[0] == 'm' ? RECIPIENT_MAYBE_OURS : RECIPIENT_REMOTE;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

// Takes blanks off both ends of a text of its own, in place.
static void
trim(char *text)
{
	size_t skip = 0, len = strlen(text);
	while (len > 0 && is_blank(text[len - 1]))
		text[--len] = '\0';
	while (is_blank(text[skip]))
		skip++;
	memmove(text, text + skip, len - skip + 1);
}

static void
trim_and_unquote(char *text)
{
	trim(text);
	size_t len = strlen(text);
	if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
		memmove(text, text + 1, len - 2);
		text[len - 2] = '\0';
	}
}

// Strips "@a,@b:", in place.
static bool
strip_route(char *text)
{
	int depth = 0;
	for (char *c = text; text[0] == '@' && *c != '\0'; c++) {
		depth += (*c == '[') - (*c == ']');
		if (*c == ':' && depth <= 0 && c[1] != '\0') {
			memmove(text, c + 1, strlen(c + 1) + 1);
			return true;
		}
	}
	return false;
}

// Splits "u@d", "d!u" or "u%d", in place; `domain` gets its part. False: a
// user.
static bool
split(char *text, char *domain, char *by)
{
	char *at = strrchr(text, '@');
	char *bang = strchr(text, '!');
	char *last = at != NULL ? at : strrchr(text, '%');
	if (at == NULL && bang != NULL) {
		*by = '!';
		memcpy(domain, text, (size_t)(bang - text));
		domain[bang - text] = '\0';
		memmove(text, bang + 1, strlen(bang + 1) + 1);
	} else if (last != NULL) {
		*by = *last;
		strcpy(domain, last + 1);
		*last = '\0';
	} else {
		return false;
	}
	trim(domain);
	return true;
}

// The rule word by word, on copies. `domain` gets where it goes, unless that is
// to a user of this host.
static void
read_slowly(char *text, char *domain, bool *user, bool *certain)
{
	struct asked asked = {0};
	unsigned taken = 0;
	bool nowhere = false;
	trim(text);
	*certain = !strip_route(text);
	if (!*certain)
		fuzz_reach(GOAL_ROUTE);
	for (bool first = true;; first = false) {
		char by = '\0';
		trim_and_unquote(text);
		bool quoted = first && strchr(text, '@') == NULL;
		if (!split(text, domain, &by)) {
			*user = !nowhere;
			domain[0] = '\0';
			return;
		}
		bool hidden = strpbrk(text, "@%!") != NULL;
		taken += !first || quoted;
		*certain &= taken == 0 || (taken == 1 && !hidden);
		if (domain[0] == '\0') {
			nowhere = true;
			continue;
		}
		if (hidden) {
			enum recipient_owner whose = owner(
			    domain, strlen(domain), &asked);
			*certain &= whose != RECIPIENT_MAYBE_OURS;
			if (whose != RECIPIENT_REMOTE)
				continue;
		}
		*user = false;
		if (taken == 0 && hidden)
			fuzz_reach(GOAL_AS_IT_STANDS);
		else if (taken == 1 && *certain)
			fuzz_reach(by == '%'   ? GOAL_PERCENT
				   : by == '!' ? GOAL_BANG
					       : GOAL_QUOTED);
		else if (taken > 1)
			fuzz_reach(GOAL_NESTED);
		return;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	// The slow reading is one of texts: a NUL is in no address.
	if (memchr(data, '\0', size) != NULL)
		return 0;
	char *address = exact_copy((const char *)data, size);
	struct asked asked = {0};
	struct recipient got = recipient_read(address, size, owner, &asked);
	// One pass: nothing is looked at twice.
	mxd_assert(asked.bytes + asked.times <= size);
	char *text = xstrndup((const char *)data, size);
	char *domain = xcalloc(1, size + 1);
	bool user, certain;
	read_slowly(text, domain, &user, &certain);
	mxd_assert(got.certain == certain);
	mxd_assert((got.domain == NULL) == user);
	if (user) {
		mxd_assert(got.domain_len == 0);
		fuzz_reach(GOAL_USER);
	} else {
		mxd_assert(got.domain >= address &&
			   got.domain + got.domain_len <= address + size);
		mxd_assert(got.domain_len == strlen(domain));
		mxd_assert(memcmp(got.domain, domain, got.domain_len) == 0);
		if (got.domain_len == 0)
			fuzz_reach(GOAL_NOWHERE);
	}
	if (asked.maybe)
		fuzz_reach(GOAL_MAYBE);
	free(domain);
	free(text);
	free(address);
	return 0;
}
