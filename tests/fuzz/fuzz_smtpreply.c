// SPDX-License-Identifier: MIT
// Fuzzes SMTP replies.
#include "fuzz/fuzz.h"
#include "proto/smtpreply.h"

#include <stdio.h>
#include <string.h>

enum {
	GOAL_STARTTLS = DECODED_BAD + 1,
	GOAL_PASSED_OVER,
	GOAL_LONG_LINE,
	GOAL_FOREIGN,
};
struct fuzz_goal fuzz_goals[] = {
    FUZZ_FRAME_GOALS,
    [GOAL_STARTTLS] = {"STARTTLS is offered", 0},
    [GOAL_PASSED_OVER] = {"a reply begins with a line without a code", 0},
    [GOAL_LONG_LINE] = {"a line is longer than what is looked at", 0},
    [GOAL_FOREIGN] = {"it ends, and is no mail server's", 0},
    {NULL, 0},
};

static enum decoded
decode(const char *data, size_t len, size_t *used_out)
{
	struct smtpreply reply = {0};
	return smtpreply_decode(&reply, data, len, used_out);
}

// As a socket brings it, the pieces as long as the input says: what was used is
// dropped. Returns what it is, `*used_out` bytes in all.
static enum decoded
feed(
    const uint8_t *data, size_t size, struct smtpreply *reply, size_t *used_out)
{
	enum decoded got = DECODED_NEED_MORE;
	size_t at = 0, end = 0;
	*reply = (struct smtpreply){0};
	while (got == DECODED_NEED_MORE && end < size) {
		size_t step = 1 + data[end] % 64;
		end = size - end < step ? size : end + step;
		char *copy = exact_copy((const char *)data + at, end - at);
		size_t used = 0;
		got = smtpreply_decode(reply, copy, end - at, &used);
		free(copy);
		at += used;
		if (reply->skipping)
			fuzz_reach(GOAL_LONG_LINE);
		mxd_assert(
		    got != DECODED_NEED_MORE || end - at < SMTPREPLY_LINE_MAX);
	}
	*used_out = at;
	return got;
}

// What it says does not depend on the pieces.
static void
check_pieces(const uint8_t *data, size_t size)
{
	struct smtpreply whole = {0}, pieces;
	size_t used = 0, pieces_used;
	enum decoded got = smtpreply_decode(
	    &whole, (const char *)data, size, &used);
	mxd_assert(feed(data, size, &pieces, &pieces_used) == got);
	mxd_assert(whole.coded == pieces.coded);
	if (got == DECODED_BAD)
		return;
	mxd_assert(used == pieces_used && whole.code == pieces.code);
	mxd_assert(whole.starttls == pieces.starttls);
	mxd_assert(strcmp(whole.text, pieces.text) == 0);
	if (got == DECODED_NEED_MORE &&
	    smtpreply_is_foreign(
		&whole, (const char *)data + used, size - used)) {
		mxd_assert(!whole.coded && whole.text[0] != '\0');
		fuzz_reach(GOAL_FOREIGN);
	}
}

// Written again as one with STARTTLS in its place, it says the same.
static void
check_round_trip(const struct smtpreply *reply)
{
	char text[SMTPREPLY_TEXT_MAX + 64];
	struct smtpreply again = {0};
	size_t used;
	int len = snprintf(text, sizeof(text),
	    "x\r\n%03d-x\r\n%03d-%s\r\n%03d %s\r\n", reply->code, reply->code,
	    reply->starttls ? "StartTLS" : "x", reply->code, reply->text);
	mxd_assert(len > 0 && (size_t)len < sizeof(text));
	mxd_assert(
	    smtpreply_decode(&again, text, (size_t)len, &used) == DECODED_OK);
	mxd_assert(used == (size_t)len && again.code == reply->code);
	mxd_assert(strcmp(again.text, reply->text) == 0);
	// The text of the last line may offer it, too.
	mxd_assert(again.starttls || !reply->starttls);
}

static void
check_reply(const char *data, size_t size)
{
	struct smtpreply reply = {0};
	size_t used;
	mxd_assert(smtpreply_decode(&reply, data, size, &used) == DECODED_OK);
	mxd_assert(used <= SMTPREPLY_MAX && data[used - 1] == '\n');
	mxd_assert(reply.coded && reply.code >= 0 && reply.code <= 999);
	size_t len = strnlen(reply.text, sizeof(reply.text));
	mxd_assert(len <= SMTPREPLY_TEXT_MAX);
	mxd_assert(memchr(reply.text, '\n', len) == NULL);
	// The text is of the input, and what was not used is of no matter.
	mxd_assert(memmem(data, used, reply.text, len) != NULL);
	check_round_trip(&reply);
	if (reply.starttls)
		fuzz_reach(GOAL_STARTTLS);
	if (data[0] < '0' || data[0] > '9')
		fuzz_reach(GOAL_PASSED_OVER);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_pieces(data, size);
	if (fuzz_frame_is_ok(decode, data, size))
		check_reply((const char *)data, size);
	return 0;
}
