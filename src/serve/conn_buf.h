// SPDX-License-Identifier: MIT
// Bytes on their way in or out: in memory of the connection's own while they
// are few, on the heap when there are more.
#ifndef MXD_CONN_BUF_H
#define MXD_CONN_BUF_H

#include <stdbool.h>
#include <stddef.h>

// Bytes start to end of `data` are in use.
struct conn_buf {
	char *data; // the inline memory, or on the heap (owned) when grown
	size_t size;
	size_t start, end;
};

static inline size_t
conn_buf_len(const struct conn_buf *b)
{
	return b->end - b->start;
}

// Makes room for `need` more bytes after the end, growing to at most `cap`
// (not below the size of `inline_data`). False: they do not fit.
bool conn_buf_reserve(
    struct conn_buf *b, size_t need, size_t cap, const char *inline_data);

// Forgets the first `n` bytes.
void conn_buf_consume(struct conn_buf *b, size_t n);

// Gives grown memory back, and forgets what is in it.
void conn_buf_shrink(struct conn_buf *b, char *inline_data, size_t inline_size);

#endif
