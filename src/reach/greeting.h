// SPDX-License-Identifier: MIT
// How long the greeting of an address is waited for, by what is known of it.
#ifndef MXD_GREETING_H
#define MXD_GREETING_H

#include <stdint.h>

// `slowest_s`: the slowest whole greeting of an address so far, in seconds
// rounded up, 1 to 255, which stands for all above; 0: it never greeted.

// The slowest, with one more that took `took_ms` (> 0) from the handshake on.
uint8_t greeting_note(uint8_t slowest_s, int64_t took_ms);

// `reply_timeout_ms`, or three times the slowest, whichever is more: a wall
// that swallows what it carries is noticed soon where greetings were quick.
// Never more than `greeting_timeout_ms`, which is for those who are slow (a
// pause of 20 s before the greeting keeps spammers off) and for those never
// heard; so with a `greeting_timeout_ms` below `reply_timeout_ms` it is for
// all.
int64_t greeting_timeout(
    uint8_t slowest_s, int64_t reply_timeout_ms, int64_t greeting_timeout_ms);

#endif
