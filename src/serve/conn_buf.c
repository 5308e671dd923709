// SPDX-License-Identifier: MIT
// Bytes on their way in or out: compacting, growing, shrinking.

#include "serve/conn_buf.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

bool
conn_buf_reserve(
    struct conn_buf *b, size_t need, size_t cap, const char *inline_data)
{
	size_t len = conn_buf_len(b);

	if (need <= b->size - b->end)
		return true;
	if (need <= b->size - len) {
		memmove(b->data, b->data + b->start, len);
	} else {
		if (len > cap || need > cap - len)
			return false;
		size_t size = b->size * 2;
		if (size < len + need)
			size = len + need;
		if (size > cap)
			size = cap;
		char *data = xreallocarray(NULL, size, 1);
		memcpy(data, b->data + b->start, len);
		if (b->data != inline_data)
			free(b->data);
		b->data = data;
		b->size = size;
	}
	b->start = 0;
	b->end = len;
	return true;
}

void
conn_buf_shrink(struct conn_buf *b, char *inline_data, size_t inline_size)
{
	if (b->data == inline_data)
		return;
	free(b->data);
	*b = (struct conn_buf){.data = inline_data, .size = inline_size};
}

void
conn_buf_consume(struct conn_buf *b, size_t n)
{
	b->start += n;
	if (b->start == b->end)
		b->start = b->end = 0;
}
