// SPDX-License-Identifier: MIT
// What can be asked about MX hosts and their addresses; nothing is changed.
#include "reach/internal.h"

#include <string.h>

enum {
	ALIASES_MAX = 4096, // of one name that are looked at for a lookup
};

uint32_t
reach_find_host(const struct reach *r, const char *name, size_t len)
{
	return host_find(r, reach_hash(r, name, len), name, len);
}

bool
reach_is_host_name(const struct reach *r, const char *name)
{
	size_t len = strlen(name);
	uint32_t hash = reach_hash(r, name, len);
	return host_find(r, hash, name, len) != REACH_NONE ||
	       alias_find(r, hash, name) != REACH_NONE;
}

const char *
reach_host_name(const struct reach *r, uint32_t host)
{
	return host_at(r, host)->name;
}

enum reach_state
reach_host_state(const struct reach *r, uint32_t host)
{
	return (enum reach_state)host_at(r, host)->state;
}

// Adds what the sets of a host that has the address say. A live address is
// never dropped, whatever they say, and most of what is asked about is live.
static void
view_add_host(const struct reach *r, uint32_t id, reach_spare_fn *spare,
    const void *arg, struct reach_address_view *out)
{
	const struct host *h = host_at(r, id);
	out->hosts++;
	if (!out->dead)
		return;
	if (!out->spared && spare != NULL)
		out->spared = spare(h->name, arg);
	out->partial |= h->state == REACH_PARTIAL;
	out->some |= h->some > 0;
	out->none |= h->none > 0;
}

bool
reach_address_view(const struct reach *r, const char *owner,
    const struct netaddr *address, reach_spare_fn *spare, const void *arg,
    struct reach_address_view *out)
{
	struct netaddr key = *address;
	key.port = r->p.port;
	uint32_t id = endpoint_find(r, &key);
	*out = (struct reach_address_view){0};
	if (id == REACH_NONE)
		return false;
	const struct endpoint *e = endpoint_at(r, id);
	out->dead = endpoint_is_usable(e) &&
		    endpoint_state(e) == REACH_UNREACHABLE;
	out->refused = endpoint_is_refused(e);
	uint32_t hash = reach_hash(r, owner, strlen(owner));
	uint32_t host = host_find(r, hash, owner, strlen(owner));
	if (host != REACH_NONE && host_has_address(r, host, id))
		view_add_host(r, host, spare, arg, out);
	// An MX host that is an alias: records carry the name where it ends.
	host = alias_find(r, hash, owner);
	for (int i = 0; host != REACH_NONE && i < ALIASES_MAX; i++) {
		if (out->hosts > 0 && !out->dead)
			break; // one is enough
		if (host_has_address(r, host, id))
			view_add_host(r, host, spare, arg, out);
		host = host_at(r, host)->alias_next;
	}
	out->cut = out->dead && host != REACH_NONE;
	return out->hosts > 0;
}

// Of what its ring still holds; NULL: nothing.
static const struct evidence *
last_failure(const struct endpoint *e)
{
	if (e->ring == NULL)
		return NULL;
	for (unsigned back = 1; back <= RING_LEN; back++) {
		const struct evidence *what =
		    &e->ring
			 ->item[(e->ring->next + RING_LEN - back) % RING_LEN];
		enum outcome_says says = outcome_says(
		    (enum outcome)what->outcome);
		if (says == OUTCOME_SAYS_DOWN || says == OUTCOME_SAYS_SLOW)
			return what;
	}
	return NULL;
}

enum outcome
reach_set_failure(const struct reach *r, uint32_t set)
{
	const struct mxset *s = mxset_at(r, set);
	for (unsigned i = 0; i < s->n; i++) {
		const struct host *h = host_at(r, s->member[i].host);
		for (unsigned k = 0; k < h->n_links; k++) {
			const struct endpoint *e = endpoint_at(
			    r, h->link[k].endpoint);
			const struct evidence *what = last_failure(e);
			if (endpoint_is_usable(e) && what != NULL &&
			    e->fixed == REACH_FIXED_NOT &&
			    endpoint_state(e) == REACH_UNREACHABLE)
				return (enum outcome)what->outcome;
		}
	}
	return OUTCOME_NONE;
}

bool
reach_host_endpoint(const struct reach *r, uint32_t host, uint32_t i,
    struct reach_endpoint_view *out)
{
	const struct host *h = host_at(r, host);
	if (i >= h->n_links)
		return false;
	const struct endpoint *e = endpoint_at(r, h->link[i].endpoint);
	*out = (struct reach_endpoint_view){
	    .address = e->address,
	    .state = endpoint_state(e),
	    .outcome = (enum outcome)e->outcome,
	    .observed_at = e->observed_at,
	    .text = "",
	};
	const struct evidence *failure = last_failure(e);
	if (failure != NULL)
		out->text = failure->text;
	return true;
}
