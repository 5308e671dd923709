// SPDX-License-Identifier: MIT
// Sets of domain patterns: names, "*.suffix", "*"; a million of them.
#include "base/dnameset.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 }; // patterns that are added together

struct slot {
	uint32_t hash;
	uint32_t item; // a pattern's index + 1; 0: free
};

struct dnameset {
	char *const *pattern; // borrowed
	struct slot *slot;    // linear probing; half of them are free
	size_t mask;
	bool has_names, has_suffixes;
	bool all; // "*" is in it
};

// The key is no secret: what is in the table only the admin chooses.
static uint32_t
hash_of(const char *name, bool suffix)
{
	const struct hash_key key = {.k0 = suffix};
	return (uint32_t)hash_bytes(&key, name, strlen(name));
}

static bool
is_suffix(const char *pattern)
{
	return pattern[0] == '*' && pattern[1] == '.';
}

// What is hashed of a pattern.
static const char *
name_of(const char *pattern)
{
	return is_suffix(pattern) ? pattern + 2 : pattern;
}

// The slot of a name or suffix, or the free one where it would be.
static struct slot *
find(const struct dnameset *s, const char *name, bool suffix, uint32_t hash)
{
	size_t pos = hash & s->mask;
	for (; s->slot[pos].item != 0; pos = (pos + 1) & s->mask) {
		if (s->slot[pos].hash != hash)
			continue;
		const char *pattern = s->pattern[s->slot[pos].item - 1];
		if (is_suffix(pattern) == suffix &&
		    strcmp(name_of(pattern), name) == 0)
			break;
	}
	return &s->slot[pos];
}

static void
add(struct dnameset *s, size_t i, uint32_t hash)
{
	const char *pattern = s->pattern[i];
	bool suffix = is_suffix(pattern);
	if (strcmp(pattern, "*") == 0) {
		s->all = true;
		return;
	}
	if (suffix)
		s->has_suffixes = true;
	else
		s->has_names = true;
	*find(s, name_of(pattern), suffix, hash) = (struct slot){
	    .hash = hash, .item = (uint32_t)i + 1};
}

// The table of a large set is in no cache. Its slots are asked for ahead, or
// each would be waited for in turn, which took most of a reload.
static void
add_block(struct dnameset *s, size_t first, size_t n)
{
	uint32_t hash[BLOCK];
	for (size_t i = 0; i < n; i++) {
		const char *pattern = s->pattern[first + i];
		hash[i] = hash_of(name_of(pattern), is_suffix(pattern));
		__builtin_prefetch(&s->slot[hash[i] & s->mask], 1);
	}
	for (size_t i = 0; i < n; i++)
		add(s, first + i, hash[i]);
}

struct dnameset *
dnameset_new(char *const *pattern, size_t n)
{
	struct dnameset *s = xcalloc(1, sizeof(*s));
	size_t slots = 2;
	while (slots < 2 * n)
		slots *= 2;
	s->pattern = pattern;
	s->slot = xcalloc(slots, sizeof(*s->slot));
	s->mask = slots - 1;
	for (size_t i = 0; i < n; i += BLOCK)
		add_block(s, i, n - i < BLOCK ? n - i : BLOCK);
	return s;
}

void
dnameset_free(struct dnameset *s)
{
	if (s == NULL)
		return;
	free(s->slot);
	free(s);
}

bool
dnameset_has_all(const struct dnameset *s)
{
	return s->all;
}

static bool
has(const struct dnameset *s, const char *name, bool suffix)
{
	return find(s, name, suffix, hash_of(name, suffix))->item != 0;
}

enum dnameset_match
dnameset_match(const struct dnameset *s, const char *name)
{
	if (s->has_names && has(s, name, false))
		return DNAMESET_EXACT;
	if (s->all)
		return DNAMESET_PATTERN;
	if (!s->has_suffixes)
		return DNAMESET_NO;
	for (const char *dot = strchr(name, '.'); dot != NULL;
	     dot = strchr(dot + 1, '.'))
		if (has(s, dot + 1, true))
			return DNAMESET_PATTERN;
	return DNAMESET_NO;
}
