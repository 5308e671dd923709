// SPDX-License-Identifier: MIT
// Objects of one size under 32-bit names, at addresses that never move.
#ifndef MXD_POOL_H
#define MXD_POOL_H

#include <stddef.h>
#include <stdint.h>

enum { POOL_CHUNK = 1024 }; // objects allocated at once

struct pool {
	char **chunk;	  // allocated as they are needed
	size_t size;	  // of one object
	uint32_t max;	  // objects; the ids are 1 to max
	uint32_t made;	  // ids handed out so far, free ones included
	uint32_t used;	  // objects in use
	uint32_t free_id; // head of the free ones, linked by their first bytes
};

// Room for `max` >= 1 objects of `size` >= 4 bytes; memory is taken as objects
// are, a chunk at a time, and kept.
void pool_init(struct pool *p, size_t size, uint32_t max);
void pool_fini(struct pool *p);
// A zeroed object's id, or 0: the pool is full.
uint32_t pool_take(struct pool *p);
// Zeroes all of it but the first 4 bytes: a flag elsewhere tells it is free.
void pool_give(struct pool *p, uint32_t id);

// The object `id`, 1 to `made`.
static inline void *
pool_at(const struct pool *p, uint32_t id)
{
	return p->chunk[(id - 1) / POOL_CHUNK] +
	       (size_t)((id - 1) % POOL_CHUNK) * p->size;
}

#endif
