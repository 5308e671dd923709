// SPDX-License-Identifier: MIT
// Allocation that cannot fail: out of memory ends the process.
#ifndef MXD_MEM_H
#define MXD_MEM_H

#include <stddef.h>

// All return zeroed memory (xreallocarray: the new part is not zeroed) that the
// caller releases with free(). Out of memory, or a product that overflows,
// aborts; therefore whatever size a peer controls is limited before the call.
void *xcalloc(size_t n, size_t size);
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
// Copies at most `len` bytes of `s` and adds a NUL.
char *xstrndup(const char *s, size_t len);

#endif
