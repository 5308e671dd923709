// SPDX-License-Identifier: MIT
// Fuzzes socketmap requests.
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "proto/netstring.h"
#include "proto/socketmap.h"

#include <string.h>

struct fuzz_goal fuzz_goals[] = {
    FUZZ_FRAME_GOALS,
    {NULL, 0},
};

static enum decoded
decode(const char *data, size_t len, size_t *used_out)
{
	struct socketmap_request request;
	return socketmap_decode(data, len, &request, used_out);
}

static void
check_request(const char *data, size_t size)
{
	struct socketmap_request r;
	size_t used;
	mxd_assert(socketmap_decode(data, size, &r, &used) == DECODED_OK);
	mxd_assert(r.map_len >= 1 && r.map_len <= SOCKETMAP_MAP_MAX);
	mxd_assert(r.key_len <= SOCKETMAP_KEY_MAX);
	mxd_assert(memchr(r.map, ' ', r.map_len) == NULL);
	// Map, space and key are all of the frame's payload.
	mxd_assert(r.map > data && r.map[r.map_len] == ' ');
	mxd_assert(r.key == r.map + r.map_len + 1);
	mxd_assert(r.key + r.key_len + 1 == data + used);
	char *again = xcalloc(1, used);
	mxd_assert(netstring_encode(
		       r.map, r.map_len + 1 + r.key_len, again, used) == used);
	mxd_assert(memcmp(again, data, used) == 0);
	free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (fuzz_frame_is_ok(decode, data, size))
		check_request((const char *)data, size);
	return 0;
}
