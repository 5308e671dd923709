// SPDX-License-Identifier: MIT
// Lists of domains in files of their own.
#include "conf/domains.h"

#include <stdio.h>
#include <string.h>

#include "base/dname.h"
#include "base/str.h"
#include "conf/strings.h"

enum { SHOWN_MAX = 60 }; // bytes of a bad line that the error shows

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f';
}

static int
bad_line(
    const char *path, unsigned line, const char *p, size_t len, struct err *err)
{
	char shown[SHOWN_MAX + 1];
	str_quotable(shown, sizeof(shown), p, len);
	return err_set(err,
	    "%s:%u: \"%s\": must be a domain or \"*.suffix\"; '#' begins a "
	    "comment",
	    path, line, shown);
}

// Adds what stands on a line of `len` bytes; false: it is no domain.
static bool
add_line(const char *p, size_t len, struct conf_strings *out)
{
	char kept[DNAME_SIZE + 2];
	size_t prefix = len >= 2 && memcmp(p, "*.", 2) == 0 ? 2 : 0;
	memcpy(kept, p, prefix);
	if (dname_fold_host(p + prefix, len - prefix, kept + prefix) < 0)
		return false;
	conf_strings_add(out, kept);
	return true;
}

int
domains_parse(const char *path, const char *text, size_t len,
    struct conf_strings *out, struct err *err)
{
	const char *p = text, *end = text + len;
	if (str_starts_with(p, "\xef\xbb\xbf")) // a byte order mark
		p += 3;
	for (unsigned line = 1; p < end; line++) {
		const char *next = memchr(p, '\n', (size_t)(end - p));
		const char *stop = next == NULL ? end : next;
		const char *comment = memchr(p, '#', (size_t)(stop - p));
		if (comment != NULL)
			stop = comment;
		while (p < stop && is_blank(*p))
			p++;
		while (stop > p && is_blank(stop[-1]))
			stop--;
		size_t n = (size_t)(stop - p);
		if (n > 0 && !add_line(p, n, out))
			return bad_line(path, line, p, n, err);
		p = next == NULL ? end : next + 1;
	}
	return 0;
}
