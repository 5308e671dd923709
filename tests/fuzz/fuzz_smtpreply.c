// SPDX-License-Identifier: MIT
// Fuzzes SMTP replies.
#include "fuzz/fuzz.h"
#include "proto/smtpreply.h"

#include <stdio.h>
#include <string.h>

enum { GOAL_STARTTLS = DECODED_BAD + 1 };
struct fuzz_goal fuzz_goals[] = {
    FUZZ_FRAME_GOALS,
    [GOAL_STARTTLS] = {"STARTTLS is offered", 0},
    {NULL, 0},
};

static enum decoded
decode(const char *data, size_t len, size_t *used_out)
{
	struct smtpreply reply;
	return smtpreply_decode(data, len, &reply, used_out);
}

// Written again as one with STARTTLS in its place, it says the same.
static void
check_round_trip(const struct smtpreply *reply)
{
	char text[SMTPREPLY_TEXT_MAX + 64];
	struct smtpreply again;
	size_t used;
	int len = snprintf(text, sizeof(text), "%d-x\r\n%d-%s\r\n%d %s\r\n",
	    reply->code, reply->code, reply->starttls ? "StartTLS" : "x",
	    reply->code, reply->text);
	mxd_assert(len > 0 && (size_t)len < sizeof(text));
	mxd_assert(
	    smtpreply_decode(text, (size_t)len, &again, &used) == DECODED_OK);
	mxd_assert(used == (size_t)len && again.code == reply->code);
	mxd_assert(strcmp(again.text, reply->text) == 0);
	// The text of the last line may offer it, too.
	mxd_assert(again.starttls || !reply->starttls);
}

static void
check_reply(const char *data, size_t size)
{
	struct smtpreply reply;
	size_t used;
	mxd_assert(smtpreply_decode(data, size, &reply, &used) == DECODED_OK);
	mxd_assert(used <= SMTPREPLY_MAX && data[used - 1] == '\n');
	mxd_assert(reply.code >= 200 && reply.code <= 599);
	size_t len = strnlen(reply.text, sizeof(reply.text));
	mxd_assert(len <= SMTPREPLY_TEXT_MAX);
	mxd_assert(memchr(reply.text, '\n', len) == NULL);
	// The text is of the input, and what was not used is of no matter.
	mxd_assert(memmem(data, used, reply.text, len) != NULL);
	check_round_trip(&reply);
	if (reply.starttls)
		fuzz_reach(GOAL_STARTTLS);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (fuzz_frame_is_ok(decode, data, size))
		check_reply((const char *)data, size);
	return 0;
}
