// SPDX-License-Identifier: MIT
// The memory as a whole: made, configured, asked what changed.
#include "reach/reach.h"

#include "base/bug.h"
#include "base/mem.h"
#include "reach/internal.h"

#include <stdlib.h>
#include <string.h>

enum {
	// Records beside those of max_domains domains with one each.
	SETS_EXTRA = 1 << 16,
	HOSTS_EXTRA = 1 << 16,
	ENDPOINTS_EXTRA = 1 << 17,
	HOSTS_PER_DOMAIN = 2,
	ENDPOINTS_PER_DOMAIN = 4,
};

uint32_t
reach_hash(const struct reach *r, const void *data, size_t len)
{
	return (uint32_t)hash_bytes(&r->key, data, len);
}

// SplitMix64 (Steele, Lea, Flood 2014): enough to spread timers.
uint64_t
reach_random(struct reach *r)
{
	uint64_t z = r->random += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

int64_t
reach_jitter(struct reach *r, int64_t ms)
{
	int64_t tenth = ms / 10;
	if (tenth <= 0)
		return ms;
	return ms - (int64_t)(reach_random(r) % (uint64_t)tenth);
}

uint32_t
reach_seconds(int64_t now)
{
	return (uint32_t)(now / 1000);
}

static void
params_free(struct reach *r)
{
	for (uint32_t i = 0; i < r->p.n_self_names; i++)
		free(r->self_names[i]);
	free(r->self_names);
	free(r->self_addresses);
	free(r->fixed);
}

static void
params_copy(struct reach *r, const struct reach_params *p)
{
	r->p = *p;
	r->self_names = xcalloc(p->n_self_names + 1, sizeof(*r->self_names));
	for (uint32_t i = 0; i < p->n_self_names; i++)
		r->self_names[i] = xstrdup(p->self_names[i]);
	r->self_addresses = xcalloc(
	    p->n_self_addresses + 1, sizeof(*r->self_addresses));
	for (uint32_t i = 0; i < p->n_self_addresses; i++)
		r->self_addresses[i] = p->self_addresses[i];
	r->fixed = xcalloc(p->n_fixed + 1, sizeof(*r->fixed));
	for (uint32_t i = 0; i < p->n_fixed; i++)
		r->fixed[i] = p->fixed[i];
	r->p.self_names = NULL;
	r->p.self_addresses = NULL;
	r->p.fixed = NULL;
}

struct reach *
reach_new(const struct reach_params *p, uint64_t seed,
    const struct hash_key *key, int64_t now)
{
	struct reach *r = xcalloc(1, sizeof(*r));
	uint32_t domains = p->max_domains;
	uint32_t sets = domains + SETS_EXTRA;
	uint32_t hosts = domains * HOSTS_PER_DOMAIN + HOSTS_EXTRA;
	uint32_t endpoints = domains * ENDPOINTS_PER_DOMAIN + ENDPOINTS_EXTRA;

	params_copy(r, p);
	r->random = seed;
	r->key = *key;
	pool_init(&r->domains, sizeof(struct domain), domains);
	pool_init(&r->sets, sizeof(struct mxset), sets);
	pool_init(&r->hosts, sizeof(struct host), hosts);
	pool_init(&r->endpoints, sizeof(struct endpoint), endpoints);
	index_init(&r->domain_index, domains);
	index_init(&r->set_index, sets);
	index_init(&r->host_index, hosts);
	index_init(&r->alias_index, hosts);
	index_init(&r->endpoint_index, endpoints);
	due_init(r, now);
	return r;
}

void
reach_free(struct reach *r)
{
	if (r == NULL)
		return;
	domain_fini_all(r);
	mxset_fini_all(r);
	host_fini_all(r);
	endpoint_fini_all(r);
	pool_fini(&r->domains);
	pool_fini(&r->hosts);
	pool_fini(&r->endpoints);
	index_fini(&r->domain_index);
	index_fini(&r->host_index);
	index_fini(&r->alias_index);
	index_fini(&r->endpoint_index);
	due_fini(r);
	params_free(r);
	free(r->change);
	free(r);
}

void
reach_configure(struct reach *r, const struct reach_params *p, int64_t now)
{
	(void)now;
	mxd_assert(p->max_domains == r->p.max_domains && p->port == r->p.port);
	params_free(r);
	params_copy(r, p);
	due_limits_changed(r);
	r->sweep_endpoint = r->endpoints.made;
	r->sweep_host = r->hosts.made;
	r->sweep_set = r->sets.made; // what it says may be judged anew
}

// The host that a change of an endpoint names may be gone by now, and its id
// another's.
static uint32_t
host_of_change(const struct reach *r, const struct reach_change *c)
{
	return endpoint_find(r, &c->address) == c->id
		   ? endpoint_at(r, c->id)->hosts
		   : REACH_NONE;
}

bool
reach_take_change(struct reach *r, struct reach_change *out)
{
	if (r->gone != REACH_NONE) {
		mxset_free(r, r->gone);
		r->gone = REACH_NONE;
	}
	if (r->change_first < r->change_n) {
		*out = r->change[r->change_first++];
		out->host = host_of_change(r, out);
		return true;
	}
	r->change_first = r->change_n = 0;
	uint32_t id = r->changed_head;
	if (id == REACH_NONE)
		return false;
	struct mxset *s = mxset_at(r, id);
	r->changed_head = s->changed_next;
	if (r->changed_head == REACH_NONE)
		r->changed_tail = REACH_NONE;
	s->changed_next = REACH_NONE;
	s->changed = false;
	*out = (struct reach_change){.kind = REACH_CHANGE_SET, .id = id};
	if (s->domains == 0) {
		out->kind = REACH_CHANGE_SET_GONE;
		r->gone = id;
	}
	return true;
}

struct reach_stats
reach_stats(const struct reach *r)
{
	return (struct reach_stats){
	    .domains = r->domains.used,
	    .sets = r->sets.used,
	    .hosts = r->hosts.used,
	    .endpoints = r->endpoints.used,
	    .resolving = r->resolving,
	    .probing = r->probing,
	};
}
