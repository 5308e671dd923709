// SPDX-License-Identifier: MIT
// The two clocks: one for intervals, one for people.
#include "base/clock.h"

#include <time.h>

#include "base/bug.h"

static int64_t frozen_ms = -1; // negative: the real clock

int64_t
clock_now(void)
{
	if (frozen_ms >= 0)
		return frozen_ms;
	struct timespec ts;
	int rc = clock_gettime(CLOCK_BOOTTIME, &ts);
	mxd_assert(rc == 0);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_wall(void)
{
	struct timespec ts;
	int rc = clock_gettime(CLOCK_REALTIME, &ts);
	mxd_assert(rc == 0);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
clock_freeze(int64_t now_ms)
{
	frozen_ms = now_ms;
}
