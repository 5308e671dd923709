// SPDX-License-Identifier: MIT
// Sets of domain patterns: names, "*.suffix", "*"; a million of them.
#ifndef MXD_DNAMESET_H
#define MXD_DNAMESET_H

#include <stdbool.h>
#include <stddef.h>

struct dnameset;

enum dnameset_match {
	DNAMESET_NO,
	DNAMESET_PATTERN, // by a suffix or by "*"
	DNAMESET_EXACT,	  // the name itself is in the set
};

// Of `n` folded patterns, fewer than 2^32; they and their array are borrowed
// and outlive the set.
struct dnameset *dnameset_new(char *const *pattern, size_t n);
void dnameset_free(struct dnameset *s); // NULL is fine
// How a folded name is in the set; exact wins over pattern.
enum dnameset_match dnameset_match(const struct dnameset *s, const char *name);
// "*" is in it.
bool dnameset_has_all(const struct dnameset *s);

#endif
