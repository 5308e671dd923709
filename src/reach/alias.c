// SPDX-License-Identifier: MIT
// MX hosts that are aliases, by the name where their CNAMEs end.
#include "base/mem.h"
#include "reach/internal.h"

#include <stdlib.h>
#include <string.h>

uint32_t
alias_find(const struct reach *r, uint32_t hash, const char *canonical)
{
	uint32_t pos;
	uint32_t id = index_first(&r->alias_index, hash, &pos);
	while (id != REACH_NONE &&
	       strcmp(host_at(r, id)->canonical, canonical) != 0)
		id = index_next(&r->alias_index, hash, &pos);
	return id;
}

// A list for each name, of which the index has the first: as many aliases of
// one name as somebody likes to make cost no more than one.
static void
alias_link(struct reach *r, uint32_t id)
{
	struct host *h = host_at(r, id);
	uint32_t hash = reach_hash(r, h->canonical, strlen(h->canonical));
	uint32_t first = alias_find(r, hash, h->canonical);
	if (first == REACH_NONE) {
		index_put(&r->alias_index, hash, id);
		return;
	}
	struct host *f = host_at(r, first);
	h->alias_prev = first;
	h->alias_next = f->alias_next;
	if (f->alias_next != REACH_NONE)
		host_at(r, f->alias_next)->alias_prev = id;
	f->alias_next = id;
}

static void
alias_unlink(struct reach *r, uint32_t id)
{
	struct host *h = host_at(r, id);
	uint32_t hash = reach_hash(r, h->canonical, strlen(h->canonical));
	if (h->alias_next != REACH_NONE)
		host_at(r, h->alias_next)->alias_prev = h->alias_prev;
	if (h->alias_prev != REACH_NONE) {
		host_at(r, h->alias_prev)->alias_next = h->alias_next;
	} else {
		index_del(&r->alias_index, hash, id);
		if (h->alias_next != REACH_NONE)
			index_put(&r->alias_index, hash, h->alias_next);
	}
	h->alias_prev = h->alias_next = REACH_NONE;
}

void
alias_set(struct reach *r, uint32_t id, const char *canonical)
{
	struct host *h = host_at(r, id);
	if (h->canonical != NULL && strcmp(h->canonical, canonical) == 0)
		return;
	if (h->canonical != NULL) {
		alias_unlink(r, id);
		free(h->canonical);
		h->canonical = NULL;
	}
	if (canonical[0] != '\0') {
		h->canonical = xstrdup(canonical);
		alias_link(r, id);
	}
}
