// SPDX-License-Identifier: MIT
// Fuzzes attribute lists (the policy service's requests).
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "proto/attrlist.h"

#include <string.h>

enum { GOAL_TWICE = DECODED_BAD + 1 };
struct fuzz_goal fuzz_goals[] = {
    FUZZ_FRAME_GOALS,
    [GOAL_TWICE] = {"a name twice", 0},
    {NULL, 0},
};

static enum decoded
decode(const char *data, size_t len, size_t *used_out)
{
	struct attrlist list;
	return attrlist_decode(data, len, &list, used_out);
}

// One line is found under its name, or one with the same name before it is.
static void
check_line(const struct attrlist *list, const char *line, size_t len)
{
	const char *value;
	size_t value_len;
	const char *equals = memchr(line, '=', len);
	mxd_assert(equals != NULL && equals > line);
	mxd_assert(memchr(line, '\0', len) == NULL);
	mxd_assert(line + len - equals - 1 <= ATTRLIST_VALUE_MAX);
	char *name = xstrndup(line, (size_t)(equals - line));
	mxd_assert(attrlist_get(list, name, &value, &value_len));
	mxd_assert(value <= equals + 1);
	if (value == equals + 1)
		mxd_assert(value + value_len == line + len);
	else
		fuzz_reach(GOAL_TWICE);
	mxd_assert(memchr(value, '\n', value_len) == NULL);
	free(name);
}

static void
check_list(const char *data, size_t size)
{
	struct attrlist list;
	size_t used;
	const char *value;
	size_t len;
	mxd_assert(attrlist_decode(data, size, &list, &used) == DECODED_OK);
	mxd_assert(list.data == data && used == list.len + 1 && used <= size);
	mxd_assert(used <= ATTRLIST_MAX && data[list.len] == '\n');
	for (size_t at = 0; at < list.len;) {
		const char *end = memchr(data + at, '\n', list.len - at);
		mxd_assert(end != NULL);
		check_line(&list, data + at, (size_t)(end - data) - at);
		at = (size_t)(end - data) + 1;
	}
	// No name has a line's end in it.
	mxd_assert(!attrlist_get(&list, "a\nb", &value, &len));
	mxd_assert(len == 0 && value[0] == '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (fuzz_frame_is_ok(decode, data, size))
		check_list((const char *)data, size);
	return 0;
}
