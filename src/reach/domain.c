// SPDX-License-Identifier: MIT
// Destination domains: looked up, refreshed by lookups, forgotten by age.
#include "base/bug.h"
#include "base/mem.h"
#include "reach/internal.h"

#include <stdlib.h>
#include <string.h>

enum {
	REPEAT_S = 60,	     // two lookups within it are a sign of mail
	LRU_GRAIN_S = 64,    // a domain moves to the front once in this time
	EVICT_FOR_ROOM = 64, // domains dropped to make room for a set
	RETRY_MS = 5000,     // after a DNS failure; doubles with each
	RETRY_DOUBLINGS_MAX = 12,
};

static uint32_t
domain_find(const struct reach *r, uint32_t hash, const char *name, size_t len)
{
	uint32_t pos;
	uint32_t id = index_first(&r->domain_index, hash, &pos);
	while (id != REACH_NONE) {
		const char *have = domain_at(r, id)->name;
		if (strncmp(have, name, len) == 0 && have[len] == '\0')
			return id;
		id = index_next(&r->domain_index, hash, &pos);
	}
	return REACH_NONE;
}

// -- least recently used ----------------------------------------------------

static struct lru *
lru_of(struct reach *r, const struct domain *d)
{
	return d->wanted ? &r->wanted_lru : &r->asked_lru;
}

static void
lru_add(struct reach *r, uint32_t id)
{
	struct domain *d = domain_at(r, id);
	struct lru *l = lru_of(r, d);
	d->lru_prev = REACH_NONE;
	d->lru_next = l->head;
	if (l->head != REACH_NONE)
		domain_at(r, l->head)->lru_prev = id;
	else
		l->tail = id;
	l->head = id;
	l->n++;
}

static void
lru_remove(struct reach *r, uint32_t id)
{
	struct domain *d = domain_at(r, id);
	struct lru *l = lru_of(r, d);
	if (d->lru_prev != REACH_NONE)
		domain_at(r, d->lru_prev)->lru_next = d->lru_next;
	else
		l->head = d->lru_next;
	if (d->lru_next != REACH_NONE)
		domain_at(r, d->lru_next)->lru_prev = d->lru_prev;
	else
		l->tail = d->lru_prev;
	l->n--;
}

// Work in hand that will be told to this id, or somebody who waits. Such a one
// is on neither list: thousands may be, and who needs room does not pass them
// over.
static bool
domain_is_in_use(const struct domain *d)
{
	return d->resolving || d->held > 0;
}

static void
domain_leave_lru(struct reach *r, uint32_t id)
{
	if (!domain_is_in_use(domain_at(r, id)))
		lru_remove(r, id);
}

static void
domain_enter_lru(struct reach *r, uint32_t id)
{
	if (!domain_is_in_use(domain_at(r, id)))
		lru_add(r, id);
}

void
domain_begin_resolving(struct reach *r, uint32_t id)
{
	domain_leave_lru(r, id);
	domain_at(r, id)->resolving = true;
}

static void
domain_free(struct reach *r, uint32_t id)
{
	struct domain *d = domain_at(r, id);
	due_remove(r, ref_make(REF_DOMAIN, id));
	lru_remove(r, id);
	index_del(&r->domain_index, d->hash, id);
	if (d->set != REACH_NONE)
		mxset_unuse(r, d->set, d->wanted);
	if (!d->wanted)
		r->asked_domains--;
	free(d->name);
	pool_give(&r->domains, id);
}

// Asked names beyond their quarter go first; within it, age decides.
static bool
domain_evict_one(struct reach *r)
{
	uint32_t asked = r->asked_lru.tail;
	uint32_t wanted = r->wanted_lru.tail;
	uint32_t victim = asked;
	if (asked == REACH_NONE)
		victim = wanted;
	else if (wanted != REACH_NONE &&
		 r->asked_domains <= r->p.max_domains / ASKED_SHARE &&
		 domain_at(r, wanted)->used_s < domain_at(r, asked)->used_s)
		victim = wanted;
	if (victim == REACH_NONE)
		return false;
	domain_free(r, victim);
	return true;
}

// Strangers choose what asked names list: they must not push out mail's. Nor
// does one full moment cost more than one time: sets that nobody uses any more
// are room as soon as the caller took note.
void
domain_make_room(struct reach *r)
{
	if (r->unused_sets > 0)
		return;
	for (int i = 0; i < EVICT_FOR_ROOM; i++) {
		uint32_t victim = r->asked_lru.tail;
		if (victim == REACH_NONE)
			victim = r->wanted_lru.tail;
		if (victim == REACH_NONE)
			return;
		domain_free(r, victim);
	}
}

static uint32_t
domain_make(struct reach *r, uint32_t hash, const char *name, size_t len)
{
	uint32_t id = pool_take(&r->domains);
	if (id == REACH_NONE && domain_evict_one(r))
		id = pool_take(&r->domains);
	if (id == REACH_NONE)
		return REACH_NONE;
	struct domain *d = domain_at(r, id);
	d->live = true;
	d->hash = hash;
	d->name = xstrndup(name, len);
	index_put(&r->domain_index, hash, id);
	r->asked_domains++;
	lru_add(r, id);
	return id;
}

void
domain_fini_all(struct reach *r)
{
	for (uint32_t id = 1; id <= r->domains.made; id++)
		if (domain_at(r, id)->live)
			free(domain_at(r, id)->name);
}

// -- what is known of its MX ------------------------------------------------

// Gives the domain another state of knowledge; the caller's tag goes stale.
static void
domain_set_mx(struct reach *r, uint32_t id, enum reach_mx mx, uint32_t set)
{
	struct domain *d = domain_at(r, id);
	if ((enum reach_mx)d->mx == mx && d->set == set)
		return;
	uint32_t old = d->set;
	d->mx = (uint8_t)mx;
	d->set = set;
	d->generation = 0;
	if (set != REACH_NONE) {
		mxset_use(r, set, d->wanted);
		mxset_await(r, set, d->held);
	}
	if (old != REACH_NONE) {
		mxset_unawait(r, old, d->held);
		mxset_unuse(r, old, d->wanted);
	}
}

// Rule 8: what was last known serves for `stale` beyond its TTL, no longer.
static bool
domain_is_beyond_stale(
    const struct reach *r, const struct domain *d, uint32_t now_s)
{
	return now_s > (uint64_t)d->good_s + (uint64_t)r->p.stale_ms / 1000;
}

// Nobody asked for so long that it is as unknown as a new one. A `stale` that
// is short is about failures: without one, what is past its TTL serves while it
// is being refreshed, as long as its hosts are remembered.
static bool
domain_is_long_silent(
    const struct reach *r, const struct domain *d, uint32_t now_s)
{
	int64_t ms = r->p.stale_ms > r->p.idle_ms ? r->p.stale_ms
						  : r->p.idle_ms;
	return d->fails == 0 &&
	       now_s > (uint64_t)d->good_s + (uint64_t)ms / 1000;
}

static bool
domain_knows(const struct domain *d)
{
	return d->mx != REACH_MX_UNKNOWN && d->mx != REACH_MX_FAILED;
}

// Asks anew; a question that waits already may move ahead.
static void
domain_refresh(struct reach *r, uint32_t id, bool first, uint32_t now_s)
{
	struct domain *d = domain_at(r, id);
	if (domain_knows(d) && domain_is_long_silent(r, d, now_s))
		domain_set_mx(r, id, REACH_MX_UNKNOWN, REACH_NONE);
	else if (domain_knows(d) && d->fails > 0 &&
		 domain_is_beyond_stale(r, d, now_s))
		domain_set_mx(r, id, REACH_MX_FAILED, REACH_NONE);
	if (d->resolving)
		return;
	bool waits = d->place != PLACE_NOWHERE;
	bool raised = d->wanted && d->place == PLACE_ASKED;
	if (!waits || raised || first)
		due_ready(r, ref_make(REF_DOMAIN, id), d->wanted, first);
}

static void
domain_raise(struct reach *r, uint32_t id)
{
	struct domain *d = domain_at(r, id);
	domain_leave_lru(r, id);
	if (d->set != REACH_NONE)
		mxset_unuse(r, d->set, false);
	d->wanted = true;
	r->asked_domains--;
	if (d->set != REACH_NONE)
		mxset_use(r, d->set, true);
	domain_enter_lru(r, id);
}

// Moves it to the front at most once a minute: a lookup of a domain in constant
// use then touches no other record than its own.
static void
domain_note_use(struct reach *r, uint32_t id, uint32_t now_s)
{
	struct domain *d = domain_at(r, id);
	if (d->used_s / LRU_GRAIN_S != now_s / LRU_GRAIN_S) {
		domain_leave_lru(r, id);
		domain_enter_lru(r, id);
	}
	d->used_s = now_s;
}

uint32_t
reach_lookup(struct reach *r, const char *name, size_t len,
    enum reach_interest interest, int64_t now)
{
	uint32_t hash = reach_hash(r, name, len);
	uint32_t now_s = reach_seconds(now);
	uint32_t id = domain_find(r, hash, name, len);
	bool again = false;

	if (id != REACH_NONE) {
		again = now_s - domain_at(r, id)->used_s <= REPEAT_S;
	} else {
		id = domain_make(r, hash, name, len);
		if (id == REACH_NONE)
			return REACH_NONE;
	}
	struct domain *d = domain_at(r, id);
	domain_note_use(r, id, now_s);

	bool first = interest == REACH_AWAITED;
	bool raise = !d->wanted &&
		     (interest >= REACH_WANTED ||
			 (interest == REACH_ASKED_REPEAT && again));
	if (raise)
		domain_raise(r, id);
	if (d->expires_s <= now_s)
		domain_refresh(r, id, first, now_s);
	if (d->set != REACH_NONE) {
		struct mxset *s = mxset_at(r, d->set);
		s->used_at = now;
		if (raise || first || now >= s->recheck_at)
			mxset_touch(r, d->set, first, now);
	}
	return id;
}

uint32_t
reach_find_domain(const struct reach *r, const char *name, size_t len)
{
	return domain_find(r, reach_hash(r, name, len), name, len);
}

// -- told -------------------------------------------------------------------

static uint32_t
clamp_ttl_s(const struct reach *r, uint32_t ttl_s)
{
	int64_t ms = (int64_t)ttl_s * 1000;
	if (ms < r->p.min_ttl_ms)
		ms = r->p.min_ttl_ms;
	if (ms > r->p.max_ttl_ms)
		ms = r->p.max_ttl_ms;
	return (uint32_t)((ms + 999) / 1000);
}

uint32_t
reach_answer_lifetime_s(
    const struct reach *r, enum answer_outcome outcome, uint32_t ttl_s)
{
	if (outcome == ANSWER_OK)
		return clamp_ttl_s(r, ttl_s);
	return (uint32_t)((r->p.negative_ttl_ms + 999) / 1000);
}

uint32_t
reach_retry_s(struct reach *r, unsigned fails)
{
	if (fails > RETRY_DOUBLINGS_MAX)
		fails = RETRY_DOUBLINGS_MAX;
	int64_t ms = (int64_t)RETRY_MS << (fails > 0 ? fails - 1 : 0);
	if (ms > r->p.negative_ttl_ms)
		ms = r->p.negative_ttl_ms;
	return (uint32_t)((reach_jitter(r, ms) + 999) / 1000);
}

// The set of a domain without MX: itself (RFC 5321 section 5.1).
static uint32_t
intern_implicit(struct reach *r, const char *name, int64_t now)
{
	struct answer_mx_host mx = {.preference = 0};
	size_t len = strlen(name);
	mxd_assert(len < sizeof(mx.host));
	memcpy(mx.host, name, len + 1);
	return mxset_intern(r, &mx, 1, false, now);
}

// Notes a definite answer; false: no room for its set.
static bool
domain_on_definite(
    struct reach *r, uint32_t id, const struct answer_mx *answer, int64_t now)
{
	const char *name = domain_at(r, id)->name;
	enum reach_mx mx = REACH_MX_SET;
	uint32_t set = REACH_NONE;
	if (answer->outcome == ANSWER_NXDOMAIN)
		mx = REACH_MX_NO_DOMAIN;
	else if (answer->outcome == ANSWER_NODATA)
		set = intern_implicit(r, name, now);
	else if (answer->null_mx)
		mx = REACH_MX_NULL;
	else if (answer->n == 0)
		mx = REACH_MX_UNUSABLE;
	else
		set = mxset_intern(r, answer->mx, answer->n, answer->more, now);
	if (mx == REACH_MX_SET && set == REACH_NONE) {
		domain_make_room(r);
		return false;
	}
	domain_set_mx(r, id, mx, set);
	return true;
}

// A failure never erases what is known, before that is beyond stale (rule 8).
static void
domain_on_failure(struct reach *r, uint32_t id, uint32_t now_s)
{
	struct domain *d = domain_at(r, id);
	if (d->fails < UINT8_MAX)
		d->fails++;
	d->expires_s = now_s + reach_retry_s(r, d->fails);
	if (!domain_knows(d) || domain_is_beyond_stale(r, d, now_s))
		domain_set_mx(r, id, REACH_MX_FAILED, REACH_NONE);
}

void
reach_tell_mx(struct reach *r, uint32_t domain, const struct answer_mx *answer,
    int64_t now)
{
	struct domain *d = domain_at(r, domain);
	uint32_t now_s = reach_seconds(now);
	mxd_assert(d->live && d->resolving && r->resolving > 0);
	r->resolving--;
	d->outcome = (uint8_t)answer->outcome;
	if (answer_is_definite(answer->outcome) &&
	    domain_on_definite(r, domain, answer, now)) {
		d->fails = 0;
		d->expires_s = d->good_s = now_s + reach_answer_lifetime_s(r,
						       answer->outcome,
						       answer->ttl_s);
	} else {
		if (answer_is_definite(answer->outcome))
			d->outcome = ANSWER_LOCAL; // no room in our memory
		domain_on_failure(r, domain, now_s);
	}
	d->resolving = false;
	domain_enter_lru(r, domain);
	if (d->set != REACH_NONE) {
		mxset_at(r, d->set)->used_at = now;
		mxset_touch(r, d->set, d->held > 0, now);
	}
}

// -- accessors --------------------------------------------------------------

void
reach_hold(struct reach *r, uint32_t domain)
{
	struct domain *d = domain_at(r, domain);
	mxd_assert(d->held < UINT32_MAX);
	domain_leave_lru(r, domain);
	d->held++;
	if (d->set != REACH_NONE)
		mxset_await(r, d->set, 1);
}

void
reach_release(struct reach *r, uint32_t domain)
{
	struct domain *d = domain_at(r, domain);
	mxd_assert(d->held > 0);
	d->held--;
	domain_enter_lru(r, domain);
	if (d->set != REACH_NONE)
		mxset_unawait(r, d->set, 1);
}

const char *
reach_domain_name(const struct reach *r, uint32_t domain)
{
	return domain_at(r, domain)->name;
}

uint32_t
reach_domain_hash(const struct reach *r, uint32_t domain)
{
	return domain_at(r, domain)->hash;
}

enum reach_mx
reach_domain_mx(const struct reach *r, uint32_t domain)
{
	return (enum reach_mx)domain_at(r, domain)->mx;
}

enum answer_outcome
reach_domain_outcome(const struct reach *r, uint32_t domain)
{
	return (enum answer_outcome)domain_at(r, domain)->outcome;
}

uint32_t
reach_domain_set(const struct reach *r, uint32_t domain)
{
	return domain_at(r, domain)->set;
}

bool
reach_domain_is_resolving(const struct reach *r, uint32_t domain)
{
	const struct domain *d = domain_at(r, domain);
	if (d->resolving || d->place != PLACE_NOWHERE)
		return true;
	return d->set != REACH_NONE && mxset_is_resolving(r, d->set);
}

void
reach_set_domain_tag(struct reach *r, uint32_t domain, struct reach_tag tag)
{
	struct domain *d = domain_at(r, domain);
	d->plan = tag.plan;
	d->generation = tag.generation;
	d->mark = tag.mark;
}

struct reach_tag
reach_domain_tag(const struct reach *r, uint32_t domain)
{
	const struct domain *d = domain_at(r, domain);
	return (struct reach_tag){
	    .plan = d->plan,
	    .generation = d->generation,
	    .mark = d->mark,
	};
}
