// SPDX-License-Identifier: MIT
// SipHash-1-3: one round per word, three at the end.
#include "base/hash.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/bug.h"

struct sip {
	uint64_t v0, v1, v2, v3;
};

struct hash_key
hash_key_random(void)
{
	struct hash_key key;
	ssize_t n;
	// Requests up to 256 bytes are not cut short, but early in the boot
	// they can be interrupted (getrandom(2)).
	do
		n = getrandom(&key, sizeof(key), 0);
	while (n < 0 && errno == EINTR);
	mxd_assert(n == (ssize_t)sizeof(key));
	return key;
}

static inline uint64_t
rotate(uint64_t x, unsigned bits)
{
	return (x << bits) | (x >> (64 - bits));
}

// SipRound of the paper's figure 2.
static inline void
sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 = rotate(s->v2, 32);
}

static inline void
sip_word(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_round(s);
	s->v0 ^= m;
}

uint64_t
hash_bytes(const struct hash_key *key, const void *data, size_t len)
{
	// "somepseudorandomlygeneratedbytes", as the paper has it.
	struct sip s = {
	    .v0 = key->k0 ^ UINT64_C(0x736f6d6570736575),
	    .v1 = key->k1 ^ UINT64_C(0x646f72616e646f6d),
	    .v2 = key->k0 ^ UINT64_C(0x6c7967656e657261),
	    .v3 = key->k1 ^ UINT64_C(0x7465646279746573),
	};
	const unsigned char *p = data;
	size_t left = len;
	for (; left >= 8; left -= 8, p += 8) {
		uint64_t m;
		memcpy(&m, p, sizeof(m));
		sip_word(&s, le64toh(m));
	}
	uint64_t last = (uint64_t)len << 56;
	for (size_t i = 0; i < left; i++)
		last |= (uint64_t)p[i] << (8 * i);
	sip_word(&s, last);
	s.v2 ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
