// SPDX-License-Identifier: MIT
// Text in bounded buffers.
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"

void
strbuf_init(struct strbuf *b, char *memory, size_t size)
{
	mxd_assert(size >= 1);
	*b = (struct strbuf){.text = memory, .size = size};
	memory[0] = '\0';
}

void
strbuf_add(struct strbuf *b, const char *fmt, ...)
{
	size_t room = b->size - b->len;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(b->text + b->len, room, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->text[b->len] = '\0';
		b->truncated = true;
		return;
	}
	if ((size_t)n >= room) {
		b->len = b->size - 1;
		b->truncated = true;
		return;
	}
	b->len += (size_t)n;
}

void
strbuf_add_foreign(struct strbuf *b, const char *src, size_t len, size_t max)
{
	size_t room = b->size - b->len;
	if (len > max)
		len = max;
	if (len >= room) {
		b->truncated = true;
		len = room - 1;
	}
	str_printable(b->text + b->len, room, src, len);
	b->len += len;
}

// One byte as it may stand in a log line.
static char
printable(char c)
{
	unsigned char u = (unsigned char)c;
	if (u == ' ')
		return '_';
	return u < 0x21 || u >= 0x7f || u == '"' || u == '\\' ? '?' : c;
}

char *
str_printable(char *dst, size_t size, const char *src, size_t len)
{
	mxd_assert(size >= 1);
	if (len > size - 1)
		len = size - 1;
	for (size_t i = 0; i < len; i++)
		dst[i] = printable(src[i]);
	dst[len] = '\0';
	return dst;
}

char *
str_quotable(char *dst, size_t size, const char *src, size_t len)
{
	str_printable(dst, size, src, len);
	for (size_t i = 0; dst[i] != '\0'; i++)
		if (src[i] == ' ' || src[i] == '\t')
			dst[i] = ' ';
	return dst;
}

bool
str_parse_number(const char *text, int64_t max, int64_t *out)
{
	char *end = NULL;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	long long n = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || n > max)
		return false;
	*out = n;
	return true;
}

bool
str_starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}
