// SPDX-License-Identifier: MIT
// A hash table from 32-bit hashes to ids, sized once: it never stops to grow.
#include "reach/index.h"

#include "base/bug.h"
#include "base/mem.h"

#include <stdlib.h>

void
index_init(struct index *ix, uint32_t max)
{
	uint64_t slots = 64;
	while (slots < (uint64_t)max + max / 2)
		slots *= 2;
	mxd_assert(slots <= UINT32_MAX);
	ix->slot = xcalloc(slots, sizeof(*ix->slot));
	ix->mask = (uint32_t)slots - 1;
}

void
index_fini(struct index *ix)
{
	free(ix->slot);
	*ix = (struct index){0};
}

void
index_put(struct index *ix, uint32_t hash, uint32_t id)
{
	uint32_t pos = hash & ix->mask;
	while (ix->slot[pos].id != 0)
		pos = (pos + 1) & ix->mask;
	ix->slot[pos] = (struct index_slot){hash, id};
}

// Moves later entries of the run back, so that no run is cut by the hole.
static void
index_close_hole(struct index *ix, uint32_t hole)
{
	uint32_t pos = hole;
	for (;;) {
		pos = (pos + 1) & ix->mask;
		struct index_slot s = ix->slot[pos];
		if (s.id == 0)
			break;
		uint32_t home = s.hash & ix->mask;
		// Movable when its home does not lie between hole and pos.
		if (((pos - home) & ix->mask) >= ((pos - hole) & ix->mask)) {
			ix->slot[hole] = s;
			hole = pos;
		}
	}
	ix->slot[hole] = (struct index_slot){0};
}

void
index_del(struct index *ix, uint32_t hash, uint32_t id)
{
	uint32_t pos = hash & ix->mask;
	while (ix->slot[pos].id != id) {
		mxd_assert(ix->slot[pos].id != 0);
		pos = (pos + 1) & ix->mask;
	}
	index_close_hole(ix, pos);
}
