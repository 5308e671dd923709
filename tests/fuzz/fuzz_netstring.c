// SPDX-License-Identifier: MIT
// Fuzzes netstrings, under several limits.
#include "base/attr.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "proto/netstring.h"

#include <string.h>

enum { GOAL_OK, GOAL_NEED_MORE, GOAL_BAD, GOAL_TOO_LONG };
struct fuzz_goal fuzz_goals[] = {
    [GOAL_OK] = {"OK", 0},
    [GOAL_NEED_MORE] = {"NEED_MORE", 0},
    [GOAL_BAD] = {"BAD", 0},
    [GOAL_TOO_LONG] = {"BAD for one limit, OK for a higher", 0},
    {NULL, 0},
};

static size_t limit;

static enum decoded
decode(const char *data, size_t len, size_t *used_out)
{
	const char *payload;
	size_t payload_len;
	return netstring_decode(
	    data, len, limit, &payload, &payload_len, used_out);
}

// What was decoded is what its encoding decodes to, and the encoding is the
// only one.
static void
check_round_trip(const char *data, size_t size)
{
	const char *payload;
	size_t len, used;
	mxd_assert(netstring_decode(data, size, limit, &payload, &len, &used) ==
		   DECODED_OK);
	mxd_assert(len <= limit && len < used && used <= size);
	mxd_assert(payload > data && payload + len + 1 == data + used);
	char *again = xcalloc(1, used);
	mxd_assert(netstring_encode(payload, len, again, used - 1) == 0);
	mxd_assert(netstring_encode(payload, len, again, used) == used);
	mxd_assert(memcmp(again, data, used) == 0);
	free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t limits[] = {9, 255, SIZE_MAX};
	enum decoded before = DECODED_BAD;
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		limit = limits[i];
		enum decoded got = fuzz_frame(decode, data, size);
		// A higher limit never refuses what a lower one took.
		mxd_assert(before == DECODED_BAD || got == before);
		if (got == DECODED_OK)
			check_round_trip((const char *)data, size);
		if (got == DECODED_OK && before == DECODED_BAD && i > 0)
			fuzz_reach(GOAL_TOO_LONG);
		before = got;
	}
	fuzz_reach(before == DECODED_OK	   ? GOAL_OK
		   : before == DECODED_BAD ? GOAL_BAD
					   : GOAL_NEED_MORE);
	return 0;
}
