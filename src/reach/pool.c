// SPDX-License-Identifier: MIT
// Objects of one size under 32-bit names, at addresses that never move.
#include "reach/pool.h"

#include "base/bug.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void
pool_init(struct pool *p, size_t size, uint32_t max)
{
	mxd_assert(size >= sizeof(uint32_t) && max >= 1);
	*p = (struct pool){
	    .chunk = xcalloc((max - 1) / POOL_CHUNK + 1, sizeof(*p->chunk)),
	    .size = size,
	    .max = max,
	};
}

void
pool_fini(struct pool *p)
{
	for (uint32_t i = 0; i * POOL_CHUNK < p->made; i++)
		free(p->chunk[i]);
	free(p->chunk);
	*p = (struct pool){0};
}

uint32_t
pool_take(struct pool *p)
{
	uint32_t id = p->free_id;
	if (id != 0) {
		memcpy(&p->free_id, pool_at(p, id), sizeof(p->free_id));
	} else if (p->made < p->max) {
		id = ++p->made;
		if ((id - 1) % POOL_CHUNK == 0)
			p->chunk[(id - 1) / POOL_CHUNK] = xcalloc(
			    POOL_CHUNK, p->size);
	} else {
		return 0;
	}
	p->used++;
	memset(pool_at(p, id), 0, p->size);
	return id;
}

void
pool_give(struct pool *p, uint32_t id)
{
	mxd_assert(id >= 1 && id <= p->made && p->used > 0);
	memset(pool_at(p, id), 0, p->size);
	memcpy(pool_at(p, id), &p->free_id, sizeof(p->free_id));
	p->free_id = id;
	p->used--;
}
