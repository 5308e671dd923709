// SPDX-License-Identifier: MIT
// Attribute lists: "name=value" lines ended by an empty line.
#include "proto/attrlist.h"

#include <string.h>

// True when the line, of which the end may be missing, can be an attribute. The
// answer for a beginning is the answer for the whole unless more can mend it.
static bool
is_attribute(const char *line, size_t len, bool whole)
{
	if (memchr(line, '\0', len) != NULL)
		return false;
	const char *equals = memchr(line, '=', len);
	if (equals == NULL)
		return !whole;
	size_t name_len = (size_t)(equals - line);
	return name_len > 0 && len - name_len - 1 <= ATTRLIST_VALUE_MAX;
}

enum decoded
attrlist_decode(
    const char *data, size_t len, struct attrlist *out, size_t *used_out)
{
	bool full = len >= ATTRLIST_MAX;
	if (full)
		len = ATTRLIST_MAX;
	size_t pos = 0;
	while (pos < len) {
		const char *line = data + pos;
		const char *end = memchr(line, '\n', len - pos);
		size_t line_len = end != NULL ? (size_t)(end - line)
					      : len - pos;
		if (line_len == 0) {
			if (pos == 0)
				return DECODED_BAD;
			*out = (struct attrlist){.data = data, .len = pos};
			*used_out = pos + 1;
			return DECODED_OK;
		}
		if (!is_attribute(line, line_len, end != NULL))
			return DECODED_BAD;
		if (end == NULL)
			break;
		pos += line_len + 1;
	}
	return full ? DECODED_BAD : DECODED_NEED_MORE;
}

bool
attrlist_get(const struct attrlist *list, const char *name,
    const char **value_out, size_t *len_out)
{
	size_t name_len = strlen(name);
	const char *line = list->data;
	const char *list_end = list->data + list->len;
	while (line < list_end) {
		const char *end = memchr(line, '\n', (size_t)(list_end - line));
		if (end == NULL)
			break; // no list that attrlist_decode() gave
		size_t len = (size_t)(end - line);
		if (len > name_len && line[name_len] == '=' &&
		    memcmp(line, name, name_len) == 0) {
			*value_out = line + name_len + 1;
			*len_out = len - name_len - 1;
			return true;
		}
		line = end + 1;
	}
	*value_out = "";
	*len_out = 0;
	return false;
}
