// SPDX-License-Identifier: MIT
// The last words of a failed assertion.
#include "base/bug.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"

void
bug_report(const char *file, int line, const char *what)
{
	// On the stack and by write(): the heap may be what is broken.
	char text[512];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text) - 1);
	strbuf_add(&b, "bug at %s:%d: %s", file, line, what);
	text[b.len] = '\n';
	ssize_t n = write(STDERR_FILENO, text, b.len + 1);
	(void)n;
	abort();
}
