// SPDX-License-Identifier: MIT
// MX hosts: their addresses, with TTL, and their state.
#include "base/bug.h"
#include "base/mem.h"
#include "reach/internal.h"

#include <stdlib.h>
#include <string.h>

uint32_t
host_find(const struct reach *r, uint32_t hash, const char *name, size_t len)
{
	uint32_t pos;
	uint32_t id = index_first(&r->host_index, hash, &pos);
	while (id != REACH_NONE) {
		const char *have = host_at(r, id)->name;
		if (strncmp(have, name, len) == 0 && have[len] == '\0')
			return id;
		id = index_next(&r->host_index, hash, &pos);
	}
	return REACH_NONE;
}

bool
reach_is_own_name(const struct reach *r, const char *name)
{
	for (uint32_t i = 0; i < r->p.n_self_names; i++)
		if (strcmp(r->self_names[i], name) == 0)
			return true;
	return false;
}

// -- addresses --------------------------------------------------------------

static struct link *
link_of(const struct reach *r, uint32_t host, uint32_t endpoint)
{
	struct host *h = host_at(r, host);
	unsigned i = 0;
	while (h->link[i].endpoint != endpoint) {
		i++;
		mxd_assert(i < h->n_links);
	}
	return &h->link[i];
}

uint32_t
host_next_of_endpoint(const struct reach *r, uint32_t host, uint32_t endpoint)
{
	return link_of(r, host, endpoint)->next_host;
}

bool
host_has_address(const struct reach *r, uint32_t host, uint32_t endpoint)
{
	const struct host *h = host_at(r, host);
	for (unsigned i = 0; i < h->n_links; i++)
		if (h->link[i].endpoint == endpoint)
			return true;
	return false;
}

void
host_drop_inheritance(struct reach *r, uint32_t host, uint32_t endpoint)
{
	link_of(r, host, endpoint)->inherit = REACH_UNKNOWN;
}

static void
link_unlink(struct reach *r, const struct link *l)
{
	if (l->prev_host != REACH_NONE)
		link_of(r, l->prev_host, l->endpoint)->next_host = l->next_host;
	else
		endpoint_at(r, l->endpoint)->hosts = l->next_host;
	if (l->next_host != REACH_NONE)
		link_of(r, l->next_host, l->endpoint)->prev_host = l->prev_host;
}

// Appends an address; the room for it is there.
static void
link_add(struct reach *r, uint32_t host, uint32_t endpoint, uint8_t inherit)
{
	struct host *h = host_at(r, host);
	struct endpoint *e = endpoint_at(r, endpoint);
	struct link *l = &h->link[h->n_links++];
	*l = (struct link){
	    .endpoint = endpoint,
	    .next_host = e->hosts,
	    .inherit = inherit,
	};
	if (e->hosts != REACH_NONE)
		link_of(r, e->hosts, endpoint)->prev_host = host;
	e->hosts = host;
	if (h->wanted > 0)
		e->wanted++;
}

// The host of an MX record that names an address has that address, and no DNS:
// it is as if the answers for both families had come, to hold for good. False:
// no room for the address.
static bool
host_init_address(struct reach *r, uint32_t id, struct netaddr address)
{
	struct host *h = host_at(r, id);
	address.port = r->p.port;
	uint32_t endpoint = endpoint_intern(r, &address);
	if (endpoint == REACH_NONE)
		return false;
	for (int i = 0; i < 2; i++)
		h->family[i] = (struct family){
		    .asked = true,
		    .known = true,
		    .expires_s = UINT32_MAX,
		    .good_s = UINT32_MAX,
		};
	h->link = xcalloc(1, sizeof(*h->link));
	link_add(r, id, endpoint, REACH_UNKNOWN);
	return true;
}

uint32_t
host_intern(struct reach *r, const char *name)
{
	size_t len = strlen(name);
	uint32_t hash = reach_hash(r, name, len);
	uint32_t id = host_find(r, hash, name, len);
	if (id != REACH_NONE)
		return id;
	id = pool_take(&r->hosts);
	if (id == REACH_NONE)
		return REACH_NONE;
	struct host *h = host_at(r, id);
	struct netaddr address;
	if (netaddr_parse(name, &address) &&
	    !host_init_address(r, id, address)) {
		pool_give(&r->hosts, id);
		return REACH_NONE;
	}
	h->live = h->open = true;
	h->hash = hash;
	h->name = xstrdup(name);
	h->own_name = h->ourselves = reach_is_own_name(r, name);
	index_put(&r->host_index, hash, id);
	if (h->n_links > 0)
		host_update(r, id);
	return id;
}

static void
drop_links(struct reach *r, uint32_t id, int family)
{
	struct host *h = host_at(r, id);
	unsigned kept = 0;
	for (unsigned i = 0; i < h->n_links; i++) {
		struct link l = h->link[i];
		if (family != 0 &&
		    endpoint_at(r, l.endpoint)->address.family != family) {
			h->link[kept++] = l;
			continue;
		}
		link_unlink(r, &l);
		if (h->wanted > 0)
			endpoint_at(r, l.endpoint)->wanted--;
		endpoint_free_if_unused(r, l.endpoint);
	}
	h->n_links = (uint16_t)kept;
}

// Rule 2: until its first result, a fresh address counts in its host's state
// as the host's last state. What the DNS alone said is no such state.
static enum reach_state
state_to_inherit(const struct host *h)
{
	if (h->state == REACH_REACHABLE)
		return REACH_REACHABLE;
	if (h->state == REACH_UNREACHABLE && !h->by_dns)
		return REACH_UNREACHABLE;
	return REACH_UNKNOWN;
}

static bool
has_room_for(const struct reach *r, const struct answer_addr *answer)
{
	uint32_t room = r->endpoints.max - r->endpoints.used;
	if (room >= ANSWER_ADDR_MAX)
		return true;
	for (unsigned i = 0; i < answer->n; i++) {
		struct netaddr a = answer->addr[i];
		a.port = r->p.port;
		if (endpoint_find(r, &a) == REACH_NONE && room-- == 0)
			return false;
	}
	return true;
}

// Replaces the addresses of one family; those that stay keep what they had.
static void
replace_addresses(
    struct reach *r, uint32_t id, int family, const struct answer_addr *answer)
{
	struct host *h = host_at(r, id);
	struct link *old = h->link;
	unsigned n_old = h->n_links;
	uint8_t inherit = (uint8_t)state_to_inherit(h);
	uint32_t fresh[ANSWER_ADDR_MAX];
	unsigned n_fresh = 0;

	// First the new ones are taken, so that those which stay are not freed.
	for (unsigned i = 0; i < answer->n; i++) {
		struct netaddr a = answer->addr[i];
		a.port = r->p.port;
		uint32_t e = endpoint_intern(r, &a);
		bool twice = false;
		for (unsigned j = 0; j < n_fresh; j++)
			twice |= fresh[j] == e;
		if (e != REACH_NONE && !twice)
			fresh[n_fresh++] = e;
	}
	uint8_t inherits[ANSWER_ADDR_MAX];
	for (unsigned i = 0; i < n_fresh; i++) {
		inherits[i] = inherit;
		for (unsigned j = 0; j < n_old; j++)
			if (old[j].endpoint == fresh[i])
				inherits[i] = old[j].inherit;
	}
	for (unsigned i = 0; i < n_fresh; i++)
		endpoint_at(r, fresh[i])->kept = true;
	drop_links(r, id, family);
	h->link = xreallocarray(
	    h->link, (size_t)h->n_links + n_fresh + 1, sizeof(*h->link));
	for (unsigned i = 0; i < n_fresh; i++) {
		endpoint_at(r, fresh[i])->kept = false;
		link_add(r, id, fresh[i], inherits[i]);
	}
}

// Rule 5: an alias of one of our names is ourselves, too.
static bool
host_is_own_name(const struct reach *r, const struct host *h)
{
	return reach_is_own_name(r, h->name) ||
	       (h->canonical != NULL && reach_is_own_name(r, h->canonical));
}

void
host_free_if_unused(struct reach *r, uint32_t id)
{
	struct host *h = host_at(r, id);
	if (h->sets != REACH_NONE || h->family[0].resolving ||
	    h->family[1].resolving)
		return;
	due_remove(r, ref_make(REF_HOST, id));
	index_del(&r->host_index, h->hash, id);
	alias_set(r, id, "");
	drop_links(r, id, 0);
	free(h->link);
	free(h->name);
	pool_give(&r->hosts, id);
}

void
host_fini_all(struct reach *r)
{
	for (uint32_t id = 1; id <= r->hosts.made; id++) {
		struct host *h = host_at(r, id);
		if (!h->live)
			continue;
		free(h->name);
		free(h->canonical);
		free(h->link);
	}
}

// -- judgement --------------------------------------------------------------

struct addresses { // of one host
	unsigned up, down, unknown;
	unsigned untried; // of the unknown ones
	bool refused, blocked;
	bool own;
};

static bool
family_is_probed(const struct reach *r, int i)
{
	return i == 0 ? r->p.ipv4 : r->p.ipv6;
}

// What is not kept is not judged: such an address may be up, and nothing of it
// will ever be known, so that nobody need wait.
static bool
host_has_more_addresses(const struct reach *r, const struct host *h)
{
	return (family_is_probed(r, 0) && h->family[0].more) ||
	       (family_is_probed(r, 1) && h->family[1].more);
}

static struct addresses
tally_addresses(const struct reach *r, const struct host *h)
{
	struct addresses t = {.unknown = host_has_more_addresses(r, h)};
	for (unsigned i = 0; i < h->n_links; i++) {
		const struct endpoint *e = endpoint_at(r, h->link[i].endpoint);
		t.own |= e->own;
		if (!endpoint_is_usable(e))
			continue;
		enum reach_state state = endpoint_state(e);
		if (state == REACH_UNREACHABLE) {
			t.refused |= endpoint_is_refused(e);
			t.blocked |= !endpoint_is_refused(e);
		}
		if (state == REACH_UNKNOWN)
			state = (enum reach_state)h->link[i].inherit;
		t.up += state == REACH_REACHABLE;
		t.down += state == REACH_UNREACHABLE;
		t.unknown += state == REACH_UNKNOWN;
		t.untried += state == REACH_UNKNOWN && !endpoint_was_tried(e);
	}
	return t;
}

// What is out is waited for, at the beginning. A family that a reload brings in
// later, while there are addresses of another, is as a fresh address (rule 2):
// the host's last state holds. A dead host does not come to life by a question.
static bool
family_is_pending(
    const struct host *h, const struct family *f, const struct addresses *a)
{
	bool usable = a->up + a->down + a->unknown > 0;
	return !f->asked && !(h->answered && usable);
}

struct lookups {      // of the families that are probed
	bool pending; // one was never answered, not even by a failure
	bool known;   // each has a definite answer that holds
};

static struct lookups
tally_lookups(
    const struct reach *r, const struct host *h, const struct addresses *a)
{
	struct lookups t = {.known = true};
	for (int i = 0; i < 2; i++) {
		if (!family_is_probed(r, i))
			continue;
		t.pending |= family_is_pending(h, &h->family[i], a);
		t.known &= h->family[i].known;
	}
	return t;
}

static enum reach_state
state_of(const struct addresses *a, const struct lookups *l)
{
	if (a->up > 0)
		return a->down > 0 ? REACH_PARTIAL : REACH_REACHABLE;
	// An answer that is still out counts as an unknown address.
	if (a->unknown > 0 || l->pending)
		return REACH_UNKNOWN;
	if (a->down > 0)
		return REACH_UNREACHABLE;
	// One that does not exist or has no usable address leaves its sets. To
	// know that takes an answer for each family: while one of them fails,
	// it is the DNS that is to blame.
	return l->known ? REACH_ABSENT : REACH_UNREACHABLE;
}

// All that its sets look at, in one number to compare.
static unsigned
host_signature(const struct host *h)
{
	return (unsigned)h->state | (unsigned)h->by_dns << 3 |
	       (unsigned)h->ourselves << 4 | (unsigned)h->refused << 5 |
	       (unsigned)h->blocked << 6 | (unsigned)h->answered << 7 |
	       (unsigned)h->open << 8 | (unsigned)h->cut << 9;
}

void
host_update(struct reach *r, uint32_t id)
{
	struct host *h = host_at(r, id);
	unsigned before = host_signature(h);
	struct addresses a = tally_addresses(r, h);
	struct lookups l = tally_lookups(r, h, &a);
	enum reach_state state = state_of(&a, &l);
	bool by_dns = state == REACH_UNREACHABLE && a.down == 0;
	// Inherited death keeps the cause that it had.
	bool inherited = state == REACH_UNREACHABLE && !by_dns && !a.refused &&
			 !a.blocked;
	if (!inherited) {
		h->refused = a.refused;
		h->blocked = a.blocked;
	}
	h->state = (uint8_t)state;
	h->by_dns = by_dns;
	h->ourselves = h->own_name || a.own;
	h->answered = !l.pending;
	h->cut = host_has_more_addresses(r, h);
	h->open = state == REACH_UNKNOWN && (l.pending || a.untried > 0);
	if (host_signature(h) == before)
		return;
	for (uint32_t set = h->sets; set != REACH_NONE;
	     set = mxset_next_of_host(r, set, id)) {
		mxset_update(r, set);
		mxset_mark_changed(r, set);
	}
}

void
host_reconfigure(struct reach *r, uint32_t id)
{
	struct host *h = host_at(r, id);
	h->own_name = host_is_own_name(r, h);
	host_update(r, id);
}

void
host_count_wanted(struct reach *r, uint32_t id, bool more)
{
	struct host *h = host_at(r, id);
	uint32_t before = h->wanted;
	h->wanted += more ? 1 : UINT32_MAX;
	if (before > 0 && h->wanted > 0)
		return;
	for (unsigned i = 0; i < h->n_links; i++)
		endpoint_at(r, h->link[i].endpoint)->wanted += more
								   ? 1
								   : UINT32_MAX;
}

void
host_count_awaited(struct reach *r, uint32_t id, bool more)
{
	host_at(r, id)->awaited += more ? 1 : UINT32_MAX;
}

static bool
host_is_wanted(const struct reach *r, uint32_t id)
{
	return host_at(r, id)->wanted > 0;
}

bool
host_used_since(
    const struct reach *r, uint32_t id, int64_t since, unsigned *left)
{
	for (uint32_t set = host_at(r, id)->sets; set != REACH_NONE;
	     set = mxset_next_of_host(r, set, id)) {
		if (*left == 0 || mxset_at(r, set)->used_at > since)
			return true;
		--*left;
	}
	return false;
}

// -- due --------------------------------------------------------------------

// The first second at which a family is to be asked about again.
static uint32_t
next_expiry_s(const struct reach *r, const struct host *h)
{
	uint32_t at = UINT32_MAX;
	for (int i = 0; i < 2; i++)
		if (family_is_probed(r, i) && !h->family[i].resolving &&
		    h->family[i].expires_s < at)
			at = h->family[i].expires_s;
	return at;
}

bool
host_next_family(struct reach *r, uint32_t id, int64_t now, int *family)
{
	struct host *h = host_at(r, id);
	uint32_t now_s = reach_seconds(now);
	for (int i = 0; i < 2; i++) {
		struct family *f = &h->family[i];
		if (!family_is_probed(r, i) || f->resolving ||
		    f->expires_s > now_s)
			continue;
		f->resolving = true;
		h->resolved_s = now_s;
		*family = i == 0 ? AF_INET : AF_INET6;
		return true;
	}
	return false;
}

void
host_touch(struct reach *r, uint32_t id, bool first, int64_t now)
{
	struct host *h = host_at(r, id);
	uint32_t ref = ref_make(REF_HOST, id);
	if (next_expiry_s(r, h) <= reach_seconds(now)) {
		bool wanted = host_is_wanted(r, id);
		bool raised = wanted && h->place == PLACE_ASKED;
		bool ready = h->place == PLACE_WANTED ||
			     h->place == PLACE_ASKED;
		if (!ready || raised || first)
			due_ready(r, ref, wanted, first);
	} else if (h->place == PLACE_NOWHERE) {
		uint32_t at = next_expiry_s(r, h);
		if (at != UINT32_MAX)
			due_at(r, ref, (int64_t)at * 1000);
	}
	for (unsigned i = h->n_links; i-- > 0;)
		endpoint_touch(r, h->link[i].endpoint, first, now);
}

bool
host_is_resolving(const struct reach *r, uint32_t id)
{
	const struct host *h = host_at(r, id);
	return h->place == PLACE_WANTED || h->place == PLACE_ASKED ||
	       h->family[0].resolving || h->family[1].resolving;
}

// Its TTL is over: asked about again only if it was of use since.
void
host_on_due(struct reach *r, uint32_t id, int64_t now)
{
	const struct host *h = host_at(r, id);
	unsigned left = USERS_ASKED_MAX;
	(void)now;
	if (host_used_since(r, id, (int64_t)h->resolved_s * 1000 + 999, &left))
		due_ready(
		    r, ref_make(REF_HOST, id), host_is_wanted(r, id), false);
}

// -- told -------------------------------------------------------------------

// Rule 8 for addresses: they serve for `stale` beyond their TTL.
static bool
family_is_beyond_stale(
    const struct reach *r, const struct family *f, uint32_t now_s)
{
	return now_s > (uint64_t)f->good_s + (uint64_t)r->p.stale_ms / 1000;
}

static void
family_on_failure(
    struct reach *r, uint32_t id, int family, struct family *f, uint32_t now_s)
{
	if (f->fails < UINT8_MAX)
		f->fails++;
	f->expires_s = now_s + reach_retry_s(r, f->fails);
	if (f->known && family_is_beyond_stale(r, f, now_s)) {
		f->known = f->more = false;
		drop_links(r, id, family);
	}
}

void
reach_tell_address(struct reach *r, uint32_t host, int family,
    const struct answer_addr *answer, int64_t now)
{
	struct host *h = host_at(r, host);
	struct family *f = &h->family[family == AF_INET ? 0 : 1];
	uint32_t now_s = reach_seconds(now);

	mxd_assert(h->live && f->resolving && r->resolving > 0);
	r->resolving--;
	f->resolving = false;
	if (h->sets == REACH_NONE) { // nothing of it is kept
		host_free_if_unused(r, host);
		return;
	}
	f->asked = true;
	f->outcome = (uint8_t)answer->outcome;
	bool definite = answer_is_definite(answer->outcome);
	if (definite && !has_room_for(r, answer)) {
		domain_make_room(r);
		f->outcome = ANSWER_LOCAL; // no room in our memory
		definite = false;
	}
	if (definite) {
		f->known = true;
		f->more = answer->more;
		f->fails = 0;
		f->expires_s = f->good_s = now_s + reach_answer_lifetime_s(r,
						       answer->outcome,
						       answer->ttl_s);
		replace_addresses(r, host, family, answer);
		if (answer->outcome == ANSWER_OK) {
			alias_set(r, host, answer->canonical);
			h->own_name = host_is_own_name(r, h);
		}
	} else {
		family_on_failure(r, host, family, f, now_s);
	}
	host_update(r, host);
	if (h->place == PLACE_HEAP) // for a time that no longer holds
		due_remove(r, ref_make(REF_HOST, host));
	host_touch(r, host, h->awaited > 0, now);
}
