// SPDX-License-Identifier: MIT
// Sets of domain patterns: names, "*.suffix", "*"; a hundred thousand of them.
#include "base/dnameset.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct dnameset {
	const char **name;   // sorted; borrowed
	const char **suffix; // sorted, without their "*."; borrowed
	size_t n_names, n_suffixes;
	bool all; // "*" is in it
};

static int
compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct dnameset *
dnameset_new(char *const *pattern, size_t n)
{
	struct dnameset *s = xcalloc(1, sizeof(*s));
	s->name = xcalloc(n + 1, sizeof(*s->name));
	s->suffix = xcalloc(n + 1, sizeof(*s->suffix));
	for (size_t i = 0; i < n; i++) {
		if (strcmp(pattern[i], "*") == 0)
			s->all = true;
		else if (strncmp(pattern[i], "*.", 2) == 0)
			s->suffix[s->n_suffixes++] = pattern[i] + 2;
		else
			s->name[s->n_names++] = pattern[i];
	}
	qsort(s->name, s->n_names, sizeof(*s->name), compare);
	qsort(s->suffix, s->n_suffixes, sizeof(*s->suffix), compare);
	return s;
}

void
dnameset_free(struct dnameset *s)
{
	if (s == NULL)
		return;
	free(s->name);
	free(s->suffix);
	free(s);
}

bool
dnameset_has_all(const struct dnameset *s)
{
	return s->all;
}

static bool
has(const char *const *list, size_t n, const char *name)
{
	return n > 0 && bsearch(&name, list, n, sizeof(*list), compare) != NULL;
}

enum dnameset_match
dnameset_match(const struct dnameset *s, const char *name)
{
	if (has(s->name, s->n_names, name))
		return DNAMESET_EXACT;
	if (s->all)
		return DNAMESET_PATTERN;
	for (const char *dot = strchr(name, '.');
	     dot != NULL && s->n_suffixes > 0; dot = strchr(dot + 1, '.'))
		if (has(s->suffix, s->n_suffixes, dot + 1))
			return DNAMESET_PATTERN;
	return DNAMESET_NO;
}
