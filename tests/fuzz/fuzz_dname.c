// SPDX-License-Identifier: MIT
// Fuzzes domain names, the domain part of addresses, and patterns.
#include "base/dname.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

enum {
	GOAL_NAME,
	GOAL_HOST,
	GOAL_MX,
	GOAL_IDNA,
	GOAL_ADDRESS,
	GOAL_PATTERN,
	GOAL_NOT,
};
struct fuzz_goal fuzz_goals[] = {
    [GOAL_NAME] = {"a domain", 0},
    [GOAL_HOST] = {"a host of one label", 0},
    [GOAL_MX] = {"a name of an MX only", 0},
    [GOAL_IDNA] = {"a name with U-labels", 0},
    [GOAL_ADDRESS] = {"a domain of an address", 0},
    [GOAL_PATTERN] = {"a pattern", 0},
    [GOAL_NOT] = {"no name", 0},
    {NULL, 0},
};

// Lower-case letters, digits, '-' and '_' in labels of 1 to 63, as documented.
static void
check_folded(const char *name, size_t len)
{
	size_t label = 0;
	mxd_assert(strlen(name) == len && len >= 1 && len <= DNAME_MAX);
	mxd_assert(
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == len);
	for (size_t i = 0; i <= len; i++) {
		if (name[i] != '.' && name[i] != '\0') {
			label++;
			continue;
		}
		mxd_assert(label >= 1 && label <= 63);
		mxd_assert(name[i - label] != '-' && name[i - 1] != '-');
		label = 0;
	}
}

// What is a host's name is one in an MX record, too; what is one there only is
// all digits at its end, or has the asterisk in front.
static void
check_mx(const char *src, size_t len, const char *host)
{
	char mx[DNAME_SIZE], again[DNAME_SIZE];
	int n = dname_fold_mx(src, len, mx);
	if (host[0] != '\0')
		mxd_assert(n == (int)strlen(host) && strcmp(mx, host) == 0);
	mxd_assert((n == -1) == (mx[0] == '\0'));
	if (n < 0)
		return;
	mxd_assert(dname_fold_mx(mx, (size_t)n, again) == n);
	mxd_assert(strcmp(mx, again) == 0);
	mxd_assert(strspn(mx, "0123456789.") < (size_t)n);
	if (host[0] != '\0')
		return;
	const char *dot = strrchr(mx, '.');
	const char *last = dot != NULL ? dot + 1 : mx;
	mxd_assert((mx[0] == '*' && (n == 1 || mx[1] == '.')) ||
		   strspn(last, "0123456789") == strlen(last));
	fuzz_reach(GOAL_MX);
}

static bool
has_high(const char *src, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)src[i] >= 0x80)
			return true;
	return false;
}

// As it is, folded again, and as the domain of an address it is the same.
static void
check_stays(const char *name, bool whole)
{
	char text[DNAME_SIZE + 8], again[DNAME_SIZE];
	size_t len = strlen(name);
	mxd_assert(dname_fold_host(name, len, again) == (int)len);
	mxd_assert(strcmp(name, again) == 0);
	mxd_assert((dname_fold(name, len, again) == (int)len) == whole);
	snprintf(text, sizeof(text), "a@b@%s.", name);
	mxd_assert(
	    (dname_of_address(text, len + 5, again) == (int)len) == whole);
	mxd_assert(strcmp(again, whole ? name : "") == 0);
}

static void
check_name(const char *src, size_t len)
{
	char name[DNAME_SIZE], host[DNAME_SIZE];
	int n = dname_fold(src, len, name);
	int n_host = dname_fold_host(src, len, host);
	check_mx(src, len, host);
	if (n_host < 0) {
		mxd_assert(n == -1 && n_host == -1);
		mxd_assert(name[0] == '\0' && host[0] == '\0');
		fuzz_reach(GOAL_NOT);
		return;
	}
	check_folded(host, (size_t)n_host);
	mxd_assert(n == (strchr(host, '.') != NULL ? n_host : -1));
	mxd_assert(strcmp(name, n >= 0 ? host : "") == 0);
	check_stays(host, n >= 0);
	fuzz_reach(n >= 0 ? GOAL_NAME : GOAL_HOST);
	if (has_high(src, len))
		fuzz_reach(GOAL_IDNA);
}

// `out` may be `src`.
static void
check_in_place(const char *src, size_t len)
{
	char *place = xcalloc(1, len + DNAME_SIZE);
	char name[DNAME_SIZE];
	memcpy(place, src, len);
	mxd_assert(dname_fold_host(place, len, place) ==
		   dname_fold_host(src, len, name));
	mxd_assert(strcmp(place, name) == 0);
	free(place);
}

static void
check_address(const char *src, size_t len)
{
	char name[DNAME_SIZE], of[DNAME_SIZE];
	const char *at = memrchr(src, '@', len);
	const char *domain = at != NULL ? at + 1 : src;
	int n = dname_of_address(src, len, of);
	mxd_assert(n == dname_fold(domain, len - (size_t)(domain - src), name));
	mxd_assert(strcmp(of, name) == 0);
	if (n >= 0 && at != NULL)
		fuzz_reach(GOAL_ADDRESS);
}

// A suffix matches whatever is below it, on a label's boundary, not itself.
static void
check_suffix(const char *suffix)
{
	char pattern[DNAME_SIZE + 2], below[DNAME_SIZE + 2];
	snprintf(pattern, sizeof(pattern), "*.%s", suffix);
	snprintf(below, sizeof(below), "x.%s", suffix);
	mxd_assert(dname_match(pattern, below));
	mxd_assert(!dname_match(pattern, suffix));
	below[1] = 'y';
	mxd_assert(!dname_match(pattern, below));
}

static void
check_pattern(const char *src, size_t len)
{
	char *text = xstrndup(src, len);
	char pattern[DNAME_SIZE + 2], again[DNAME_SIZE + 2];
	if (dname_pattern_fold(text, pattern)) {
		mxd_assert(dname_pattern_fold(pattern, again));
		mxd_assert(strcmp(pattern, again) == 0);
		mxd_assert(dname_pattern_fold(pattern, pattern));
		mxd_assert(strcmp(pattern, again) == 0);
		if (pattern[0] != '*')
			mxd_assert(dname_match(pattern, pattern));
		else if (pattern[1] == '\0')
			mxd_assert(dname_match(pattern, "any.test"));
		else
			check_suffix(pattern + 2);
		fuzz_reach(GOAL_PATTERN);
	}
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *src = (const char *)data;
	check_name(src, size);
	check_in_place(src, size);
	check_address(src, size);
	check_pattern(src, size);
	return 0;
}
