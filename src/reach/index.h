// SPDX-License-Identifier: MIT
// A hash table from 32-bit hashes to ids, sized once: it never stops to grow.
#ifndef MXD_INDEX_H
#define MXD_INDEX_H

#include <stdint.h>

struct index_slot {
	uint32_t hash;
	uint32_t id; // 0: empty
};

struct index {
	struct index_slot *slot; // linear probing
	uint32_t mask;		 // slots - 1
};

// For up to `max` ids; the memory is touched as it fills.
void index_init(struct index *ix, uint32_t max);
void index_fini(struct index *ix);
// The caller saw to it that `id` is not there and that at most `max` are.
void index_put(struct index *ix, uint32_t hash, uint32_t id);
// `id` is there under `hash`.
void index_del(struct index *ix, uint32_t hash, uint32_t id);

// Ids whose hash is `hash`, one after the other: whether one is meant is for
// the caller to see. 0: no more. `*pos` is the cursor.
static inline uint32_t
index_next(const struct index *ix, uint32_t hash, uint32_t *pos)
{
	for (;;) {
		const struct index_slot *s = &ix->slot[*pos];
		if (s->id == 0)
			return 0;
		*pos = (*pos + 1) & ix->mask;
		if (s->hash == hash)
			return s->id;
	}
}

static inline uint32_t
index_first(const struct index *ix, uint32_t hash, uint32_t *pos)
{
	*pos = hash & ix->mask;
	return index_next(ix, hash, pos);
}

#endif
