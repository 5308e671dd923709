// SPDX-License-Identifier: MIT
// What the fuzzers share: entry point, goals, and what holds for every framing.
#ifndef MXD_FUZZ_H
#define MXD_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/bug.h"
#include "proto/decoded.h"
#include "unit/exact.h"

// One input; a broken invariant ends the process by mxd_assert(). Called by
// libFuzzer, or by replay.c for each file of the corpus.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What the corpus has to reach, or the fuzzer tests nothing: the replay fails
// while one of them was not. Each fuzzer has its own; a NULL name ends them.
struct fuzz_goal {
	const char *name;
	unsigned long times;
};
extern struct fuzz_goal fuzz_goals[];

static inline void
fuzz_reach(int goal)
{
	fuzz_goals[goal].times++;
}

typedef enum decoded
fuzz_frame_fn(const char *data, size_t len, size_t *used_out);

enum {
	FUZZ_EDGE = 64, // lengths at either end of a long input, tried one by
			// one; of those between, each one in FUZZ_STEP
	FUZZ_STEP = 61,
};

// Feeds a decoder of frames ever longer beginnings of the input, as a socket
// does, each in a block of just its size. NEED_MORE lasts until the frame is
// whole, to the byte, or until it is BAD; then the answer stays. Returns what
// the whole input is.
static inline enum decoded
fuzz_frame(fuzz_frame_fn *decode, const uint8_t *data, size_t size)
{
	enum decoded got = DECODED_NEED_MORE;
	size_t used = 0, seen = 0;
	for (size_t len = 0; len <= size; len++) {
		if (len > FUZZ_EDGE && len + FUZZ_EDGE < size &&
		    len % FUZZ_STEP != 0)
			continue;
		char *copy = exact_copy((const char *)data, len);
		size_t now_used = 0;
		enum decoded now = decode(copy, len, &now_used);
		free(copy);
		mxd_assert(got == DECODED_NEED_MORE || now == got);
		if (now == DECODED_OK && got != DECODED_OK) {
			// Not before its last byte was there, and not after.
			mxd_assert(now_used > seen && now_used <= len);
			used = now_used;
		}
		mxd_assert(now != DECODED_OK || now_used == used);
		got = now;
		seen = len;
	}
	return got;
}

// The first goals of a fuzzer of frames, named so; they are what a decoder
// says.
#define FUZZ_FRAME_GOALS                                                  \
	[DECODED_OK] = {"OK", 0}, [DECODED_NEED_MORE] = {"NEED_MORE", 0}, \
	[DECODED_BAD] = {"BAD", 0}

// As fuzz_frame(), and notes which of these goals is reached. True: OK.
static inline bool
fuzz_frame_is_ok(fuzz_frame_fn *decode, const uint8_t *data, size_t size)
{
	enum decoded got = fuzz_frame(decode, data, size);
	fuzz_reach((int)got);
	return got == DECODED_OK;
}

#endif
