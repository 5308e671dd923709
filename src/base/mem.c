// SPDX-License-Identifier: MIT
// Allocation that cannot fail: out of memory ends the process.
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"

// Says so with what needs no memory, and ends.
static void NORETURN
out_of_memory(void)
{
	static const char text[] = "out of memory\n";
	ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);
	(void)n;
	abort();
}

void *
xcalloc(size_t n, size_t size)
{
	// calloc(0) may give NULL, which here would read as out of memory.
	if (n == 0 || size == 0)
		n = size = 1;
	void *p = calloc(n, size);
	if (p == NULL)
		out_of_memory();
	return p;
}

void *
xreallocarray(void *p, size_t n, size_t size)
{
	// A size of 0 would free `p` in some C libraries.
	if (n == 0 || size == 0)
		n = size = 1;
	void *q = reallocarray(p, n, size);
	if (q == NULL)
		out_of_memory();
	return q;
}

char *
xstrdup(const char *s)
{
	char *copy = strdup(s);
	if (copy == NULL)
		out_of_memory();
	return copy;
}

char *
xstrndup(const char *s, size_t len)
{
	char *copy = strndup(s, len);
	if (copy == NULL)
		out_of_memory();
	return copy;
}
