// SPDX-License-Identifier: MIT
// Looking keys up, and saying what they allow.
#include "conf/key.h"

#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "conf/value.h"

const struct conf_key *
conf_key_find(const struct conf_keys *keys, const char *name)
{
	for (unsigned i = 0; i < keys->n; i++) {
		if (strcmp(keys->key[i].name, name) == 0)
			return &keys->key[i];
	}
	return NULL;
}

bool
conf_key_is_group(const struct conf_keys *keys, const char *group)
{
	size_t len = strlen(group);
	for (unsigned i = 0; i < keys->n; i++) {
		const char *name = keys->key[i].name;
		if (str_starts_with(name, group) && name[len] == '.')
			return true;
	}
	return false;
}

static unsigned
min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;
	return m < c ? m : c;
}

// How many letters must be changed, added or dropped to make one of the other
// (Levenshtein's distance). Long names are far from all.
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[64];
	size_t n = strlen(b);
	if (n >= sizeof(row) / sizeof(row[0]) || strlen(a) > n + 2)
		return UINT32_MAX;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1] != '\0'; i++) {
		unsigned corner = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned above = row[j];
			unsigned same = a[i - 1] == b[j - 1] ? 0 : 1;
			row[j] = min3(above + 1, row[j - 1] + 1, corner + same);
			corner = above;
		}
	}
	return row[n];
}

static const char *
last_word(const char *name)
{
	const char *dot = strrchr(name, '.');
	return dot == NULL ? name : dot + 1;
}

const struct conf_key *
conf_key_guess(const struct conf_keys *keys, const char *name)
{
	const struct conf_key *best = NULL;
	unsigned least = 3; // more are another word
	for (unsigned i = 0; i < keys->n; i++) {
		unsigned d = distance(name, keys->key[i].name);
		if (d < least) {
			best = &keys->key[i];
			least = d;
		}
	}
	for (unsigned i = 0; best == NULL && i < keys->n; i++) {
		// "port" outside of its group
		const char *word = last_word(keys->key[i].name);
		if (strcmp(last_word(name), word) == 0)
			best = &keys->key[i];
	}
	return best;
}

static void
put_words(const struct conf_key *key, FILE *out)
{
	for (unsigned i = 0; key->words[i] != NULL; i++) {
		const char *before = ", ";
		if (i == 0)
			before = "";
		else if (key->words[i + 1] == NULL)
			before = " or ";
		fprintf(out, "%s\"%s\"", before, key->words[i]);
	}
}

void
conf_key_allowed(const struct conf_key *key, FILE *out)
{
	char low[VALUE_TEXT_MAX], high[VALUE_TEXT_MAX];
	switch (key->type) {
	case KEY_BOOL:
		fputs("true or false", out);
		return;
	case KEY_NUMBER:
		fprintf(out, "a whole number from %" PRId64 " to %" PRId64,
		    key->min, key->max);
		return;
	case KEY_TIME:
		fprintf(out, "a time from \"%s\" to \"%s\"",
		    value_time_format(key->min, low),
		    value_time_format(key->max, high));
		return;
	case KEY_SIZE:
		fprintf(out, "a size from \"%s\" to \"%s\"",
		    value_size_format((uint64_t)key->min, low),
		    value_size_format((uint64_t)key->max, high));
		return;
	case KEY_MODE:
		fputs("a file mode from \"000\" to \"0777\", in quotes", out);
		return;
	case KEY_WORD:
		put_words(key, out);
		return;
	case KEY_LIST:
		fputs("a list of groups: ( { ... }, { ... } )", out);
		return;
	case KEY_TEXT:
	case KEY_PATH:
	case KEY_TEXTS:
	case KEY_PATHS:
	case KEY_ADDRESS:
	case KEY_ADDRESSES:
	case KEY_SERVERS:
	case KEY_PREFIX:
	case KEY_PROTOCOLS:
	case KEY_MATCH:
	case KEY_USES:
		fputs(key->noun, out);
		return;
	}
}
