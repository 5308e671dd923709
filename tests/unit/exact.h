// SPDX-License-Identifier: MIT
// Bytes in a block of just their size: a decoder that reads one too many is
// caught by the sanitizer or valgrind.
#ifndef MXD_EXACT_H
#define MXD_EXACT_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

// The caller frees it.
static inline char *
exact_copy(const char *data, size_t len)
{
	char *copy = calloc(len, 1);
	if (copy == NULL)
		abort();
	memcpy(copy, data, len);
	return copy;
}

#endif
