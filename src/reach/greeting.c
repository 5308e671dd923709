// SPDX-License-Identifier: MIT
// How long the greeting of an address is waited for.
#include "reach/greeting.h"

#include "base/bug.h"

enum { PATIENCE = 3 }; // so many times the slowest greeting

uint8_t
greeting_note(uint8_t slowest_s, int64_t took_ms)
{
	mxd_assert(took_ms > 0);
	int64_t s = (took_ms - 1) / 1000 + 1;
	if (s > UINT8_MAX)
		s = UINT8_MAX;
	return s > slowest_s ? (uint8_t)s : slowest_s;
}

int64_t
greeting_timeout(
    uint8_t slowest_s, int64_t reply_timeout_ms, int64_t greeting_timeout_ms)
{
	int64_t ms = (int64_t)slowest_s * PATIENCE * 1000;
	if (ms < reply_timeout_ms)
		ms = reply_timeout_ms;
	if (slowest_s == 0 || ms > greeting_timeout_ms)
		return greeting_timeout_ms;
	return ms;
}
