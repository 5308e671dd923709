// SPDX-License-Identifier: MIT
// The two clocks: one for intervals, one for people.
#ifndef MXD_CLOCK_H
#define MXD_CLOCK_H

#include <stdint.h>

// Milliseconds since boot (CLOCK_BOOTTIME): goes on during suspend, and is not
// touched by who sets the time of day. Every interval is measured with it.
int64_t clock_now(void);

// Milliseconds since 1970 (CLOCK_REALTIME): for people, overrides' ends and the
// store only.
int64_t clock_wall(void);

// Tests only: from now on clock_now() returns `now_ms`; negative: real again.
void clock_freeze(int64_t now_ms);

#endif
