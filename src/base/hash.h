// SPDX-License-Identifier: MIT
// A keyed hash for tables whose keys strangers choose.
#ifndef MXD_HASH_H
#define MXD_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k0, k1;
};

// A key from the kernel's random numbers; aborts when there are none.
struct hash_key hash_key_random(void);

// SipHash-1-3 (Aumasson and Bernstein, 2012) of `len` bytes.
uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len);

#endif
