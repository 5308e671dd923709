// SPDX-License-Identifier: MIT
// The text of one failure.
#include "base/err.h"

#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// Formats into a text of its own first: the arguments may point into `e`.
static void
    PRINTF(2, 0) format(char text[ERR_TEXT_MAX], const char *fmt, va_list ap)
{
	if (vsnprintf(text, ERR_TEXT_MAX, fmt, ap) < 0)
		text[0] = '\0';
}

int
err_set(struct err *e, const char *fmt, ...)
{
	if (e == NULL)
		return -1;
	char text[ERR_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	format(text, fmt, ap);
	va_end(ap);
	memcpy(e->text, text, sizeof(text));
	return -1;
}

int
err_set_errno(struct err *e, int errnum, const char *fmt, ...)
{
	if (e == NULL)
		return -1;
	char text[ERR_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	format(text, fmt, ap);
	va_end(ap);
	struct strbuf b;
	strbuf_init(&b, e->text, sizeof(e->text));
	// %m, because strerror() is not for threads, and strerror_r() is not
	// the same function in every C library.
	int saved = errno;
	errno = errnum;
	strbuf_add(&b, "%s: %m", text);
	errno = saved;
	return -1;
}

int
err_prefix(struct err *e, const char *fmt, ...)
{
	if (e == NULL)
		return -1;
	char prefix[ERR_TEXT_MAX];
	char old[ERR_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	format(prefix, fmt, ap);
	va_end(ap);
	memcpy(old, e->text, sizeof(old));
	struct strbuf b;
	strbuf_init(&b, e->text, sizeof(e->text));
	strbuf_add(&b, "%s: %s", prefix, old);
	return -1;
}
