// SPDX-License-Identifier: MIT
// Lists of strings that grow while the configuration is read.
#ifndef MXD_CONF_STRINGS_H
#define MXD_CONF_STRINGS_H

#include "conf/conf.h"

// Appends a copy of `text`; returns the copy, which the list owns.
const char *conf_strings_add(struct conf_strings *list, const char *text);
// Frees the elements and leaves an empty list.
void conf_strings_clear(struct conf_strings *list);

// Room for one more element in an array that has no capacity of its own: it is
// grown whenever `n` is a power of two. The new element is zeroed.
void *conf_grow(void *items, unsigned n, size_t size);

#endif
