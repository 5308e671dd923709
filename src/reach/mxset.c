// SPDX-License-Identifier: MIT
// MX sets: interned lists of (preference, host), and what their hosts make of
// them.
#include "base/bug.h"
#include "base/mem.h"
#include "reach/internal.h"

#include <stdlib.h>
#include <string.h>

enum {
	RECHECK_MAX_MS = 30 *
			 1000, // a set in use wakes its idle hosts so often
	RECHECK_MIN_MS = 100,
};

// -- interning --------------------------------------------------------------

static int
compare_mx(const void *a, const void *b)
{
	const struct answer_mx_host *x = a, *y = b;
	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return strcmp(x->host, y->host);
}

// Sorts by preference, then name; a host listed twice keeps its best place.
static unsigned
sort_and_dedupe(struct answer_mx_host *mx, unsigned n)
{
	unsigned kept = 0;
	qsort(mx, n, sizeof(*mx), compare_mx);
	for (unsigned i = 0; i < n; i++) {
		unsigned j = 0;
		while (j < kept && strcmp(mx[j].host, mx[i].host) != 0)
			j++;
		if (j == kept) {
			if (kept != i)
				mx[kept] = mx[i];
			kept++;
		}
	}
	return kept;
}

struct identity { // what makes two sets the same
	uint32_t host;
	uint32_t preference;
};

static uint32_t
mxset_find(const struct reach *r, uint32_t hash, const struct identity *want,
    unsigned n, bool more)
{
	uint32_t pos;
	uint32_t id = index_first(&r->set_index, hash, &pos);
	for (; id != REACH_NONE; id = index_next(&r->set_index, hash, &pos)) {
		const struct mxset *s = mxset_at(r, id);
		unsigned i = 0;
		while (i < n && s->n == n && s->more == more &&
		       s->member[i].host == want[i].host &&
		       s->member[i].preference == want[i].preference)
			i++;
		if (i == n)
			return id;
	}
	return REACH_NONE;
}

// The place of a host in a set that lists it.
static struct member *
member_of(const struct reach *r, uint32_t set, uint32_t host)
{
	struct mxset *s = mxset_at(r, set);
	unsigned i = 0;
	while (s->member[i].host != host) {
		i++;
		mxd_assert(i < s->n);
	}
	return &s->member[i];
}

uint32_t
mxset_next_of_host(const struct reach *r, uint32_t set, uint32_t host)
{
	return member_of(r, set, host)->next_set;
}

uint32_t
mxset_first_with(const struct reach *r, uint32_t set, uint32_t endpoint)
{
	const struct mxset *s = mxset_at(r, set);
	for (unsigned i = 0; i < s->n; i++)
		if (host_has_address(r, s->member[i].host, endpoint))
			return s->member[i].host;
	return REACH_NONE;
}

static void
member_link(struct reach *r, uint32_t set, struct member *m)
{
	struct host *h = host_at(r, m->host);
	m->prev_set = REACH_NONE;
	m->next_set = h->sets;
	if (h->sets != REACH_NONE)
		member_of(r, h->sets, m->host)->prev_set = set;
	h->sets = set;
}

static void
member_unlink(struct reach *r, struct member *m)
{
	if (m->prev_set != REACH_NONE)
		member_of(r, m->prev_set, m->host)->next_set = m->next_set;
	else
		host_at(r, m->host)->sets = m->next_set;
	if (m->next_set != REACH_NONE)
		member_of(r, m->next_set, m->host)->prev_set = m->prev_set;
}

// Each host counts what the filter asks of its sets: a provider's host is in a
// million of them, too many to look at for a lookup.
static void
count_coverage(struct reach *r, const struct mxset *s, bool more)
{
	uint32_t by = more ? 1 : UINT32_MAX;
	bool some = s->coverage == REACH_COVERAGE_SOME;
	bool none = s->coverage == REACH_COVERAGE_NONE;
	for (unsigned i = 0; (some || none) && i < s->n; i++) {
		struct host *h = host_at(r, s->member[i].host);
		h->some += some ? by : 0;
		h->none += none ? by : 0;
	}
}

static uint32_t
mxset_make(struct reach *r, uint32_t hash, const struct identity *what,
    unsigned n, bool more, int64_t now)
{
	uint32_t id = pool_take(&r->sets);
	if (id == REACH_NONE)
		return REACH_NONE;
	struct mxset *s = mxset_at(r, id);
	s->hash = hash;
	s->n = (uint8_t)n;
	s->more = more;
	s->used_at = now;
	s->member = xcalloc(n, sizeof(*s->member));
	for (unsigned i = 0; i < n; i++) {
		s->member[i].host = what[i].host;
		s->member[i].preference = (uint16_t)what[i].preference;
	}
	for (unsigned i = 0; i < n; i++)
		member_link(r, id, &s->member[i]);
	index_put(&r->set_index, hash, id);
	r->unused_sets++; // so far
	mxset_update(r, id);
	mxset_mark_changed(r, id);
	return id;
}

uint32_t
mxset_intern(struct reach *r, const struct answer_mx_host *mx, unsigned n,
    bool more, int64_t now)
{
	struct answer_mx_host sorted[ANSWER_MX_MAX];
	struct identity what[ANSWER_MX_MAX];
	uint32_t set = REACH_NONE;

	mxd_assert(n >= 1 && n <= ANSWER_MX_MAX);
	memcpy(sorted, mx, n * sizeof(*mx));
	n = sort_and_dedupe(sorted, n);
	unsigned made = 0;
	for (; made < n; made++) {
		uint32_t host = host_intern(r, sorted[made].host);
		if (host == REACH_NONE)
			break;
		what[made] = (struct identity){
		    .host = host,
		    .preference = sorted[made].preference,
		};
	}
	if (made == n) {
		uint32_t hash = reach_hash(r, what, n * sizeof(*what));
		set = mxset_find(r, hash, what, n, more);
		if (set != REACH_NONE && set == r->gone)
			r->gone = REACH_NONE; // it comes back to life
		if (set == REACH_NONE)
			set = mxset_make(r, hash, what, n, more, now);
	}
	if (set == REACH_NONE)
		for (unsigned i = 0; i < made; i++)
			host_free_if_unused(r, what[i].host);
	return set;
}

// -- use --------------------------------------------------------------------

void
mxset_use(struct reach *r, uint32_t set, bool wanted)
{
	struct mxset *s = mxset_at(r, set);
	if (s->domains == 0) {
		r->unused_sets--;
		mxset_mark_changed(r, set); // the caller has no plans for it
	}
	s->domains++;
	if (wanted && s->wanted++ == 0)
		for (unsigned i = 0; i < s->n; i++)
			host_count_wanted(r, s->member[i].host, true);
}

void
mxset_unuse(struct reach *r, uint32_t set, bool wanted)
{
	struct mxset *s = mxset_at(r, set);
	mxd_assert(s->domains > 0 && s->wanted >= (wanted ? 1 : 0));
	s->domains--;
	if (wanted && --s->wanted == 0)
		for (unsigned i = 0; i < s->n; i++)
			host_count_wanted(r, s->member[i].host, false);
	if (s->domains == 0) {
		r->unused_sets++;
		mxset_mark_changed(r, set);
	}
}

void
mxset_await(struct reach *r, uint32_t set, uint32_t times)
{
	struct mxset *s = mxset_at(r, set);
	if (s->awaited == 0 && times > 0)
		for (unsigned i = 0; i < s->n; i++)
			host_count_awaited(r, s->member[i].host, true);
	s->awaited += times;
}

void
mxset_unawait(struct reach *r, uint32_t set, uint32_t times)
{
	struct mxset *s = mxset_at(r, set);
	mxd_assert(s->awaited >= times);
	s->awaited -= times;
	if (s->awaited == 0 && times > 0)
		for (unsigned i = 0; i < s->n; i++)
			host_count_awaited(r, s->member[i].host, false);
}

void
mxset_mark_changed(struct reach *r, uint32_t set)
{
	struct mxset *s = mxset_at(r, set);
	if (s->changed || set == r->gone)
		return;
	s->changed = true;
	s->changed_next = REACH_NONE;
	if (r->changed_tail != REACH_NONE)
		mxset_at(r, r->changed_tail)->changed_next = set;
	else
		r->changed_head = set;
	r->changed_tail = set;
}

void
mxset_reconfigure(struct reach *r, uint32_t set)
{
	mxset_at(r, set)->recheck_at = 0;
	mxset_mark_changed(r, set);
}

void
mxset_free(struct reach *r, uint32_t set)
{
	struct mxset *s = mxset_at(r, set);
	mxd_assert(s->domains == 0 && !s->changed && r->unused_sets > 0);
	r->unused_sets--;
	index_del(&r->set_index, s->hash, set);
	count_coverage(r, s, false);
	for (unsigned i = 0; i < s->n; i++)
		member_unlink(r, &s->member[i]);
	for (unsigned i = 0; i < s->n; i++)
		host_free_if_unused(r, s->member[i].host);
	free(s->member);
	pool_give(&r->sets, set);
}

void
mxset_fini_all(struct reach *r)
{
	for (uint32_t id = 1; id <= r->sets.made; id++)
		if (mxset_at(r, id)->n > 0)
			free(mxset_at(r, id)->member);
	pool_fini(&r->sets);
	index_fini(&r->set_index);
}

static int64_t
recheck_interval(const struct reach *r)
{
	int64_t ms = r->p.interval_ms < r->p.min_ttl_ms ? r->p.interval_ms
							: r->p.min_ttl_ms;
	ms /= 4;
	if (ms > RECHECK_MAX_MS)
		ms = RECHECK_MAX_MS;
	return ms < RECHECK_MIN_MS ? RECHECK_MIN_MS : ms;
}

void
mxset_touch(struct reach *r, uint32_t set, bool first, int64_t now)
{
	struct mxset *s = mxset_at(r, set);
	s->recheck_at = now + recheck_interval(r);
	// Backwards, for those put first overtake each other: the best host
	// ends up in front.
	for (unsigned i = s->n; i-- > 0;)
		host_touch(r, s->member[i].host, first, now);
}

bool
mxset_is_resolving(const struct reach *r, uint32_t set)
{
	const struct mxset *s = mxset_at(r, set);
	for (unsigned i = 0; i < s->n; i++)
		if (host_at(r, s->member[i].host)->by_dns &&
		    host_is_resolving(r, s->member[i].host))
			return true;
	return false;
}

// -- judgement --------------------------------------------------------------

static bool
is_up(const struct host *h)
{
	return h->state == REACH_REACHABLE || h->state == REACH_PARTIAL;
}

struct tally { // of the hosts of one set
	unsigned up, dead, unknown;
	unsigned dead_by_dns;
	uint32_t best;	       // preference of the best up host
	bool dead_before_best; // or tied with it
	bool open_before_best;
	bool refused, blocked; // dead endpoints of either kind
	bool ourselves, unasked, cut;
};

// What is not kept is not judged: such hosts may be up, and nothing of them
// will ever be known, so that nobody need wait. They come after all that are
// kept.
static bool
has_more_hosts(const struct mxset *s)
{
	return s->more;
}

// The hosts come by preference: what is met before any up host precedes it.
static struct tally
tally_hosts(const struct reach *r, const struct mxset *s)
{
	bool more = has_more_hosts(s);
	struct tally t = {.best = UINT32_MAX, .unknown = more, .cut = more};
	for (unsigned i = 0; i < s->n; i++) {
		const struct host *h = host_at(r, s->member[i].host);
		if (is_up(h) && t.best == UINT32_MAX)
			t.best = s->member[i].preference;
	}
	for (unsigned i = 0; i < s->n; i++) {
		const struct host *h = host_at(r, s->member[i].host);
		bool before = s->member[i].preference <= t.best;
		t.ourselves |= h->ourselves;
		t.unasked |= !h->answered;
		t.cut |= h->cut;
		t.refused |= h->refused;
		t.blocked |= h->blocked;
		switch ((enum reach_state)h->state) {
		case REACH_REACHABLE:
		case REACH_PARTIAL:
			t.up++;
			break;
		case REACH_UNREACHABLE:
			t.dead++;
			t.dead_by_dns += h->by_dns;
			t.dead_before_best |= before;
			break;
		case REACH_UNKNOWN:
			t.unknown++;
			t.open_before_best |= before && h->open;
			break;
		case REACH_ABSENT:
			break;
		}
	}
	return t;
}

static enum reach_coverage
coverage_of(const struct tally *t)
{
	if (t->up > 0)
		return t->dead > 0 ? REACH_COVERAGE_SOME : REACH_COVERAGE_ALL;
	if (t->unknown > 0)
		return REACH_COVERAGE_UNKNOWN;
	return t->dead > 0 ? REACH_COVERAGE_NONE : REACH_COVERAGE_EMPTY;
}

static void
set_coverage(struct reach *r, struct mxset *s, enum reach_coverage coverage)
{
	if ((enum reach_coverage)s->coverage == coverage)
		return;
	count_coverage(r, s, false);
	s->coverage = (uint8_t)coverage;
	count_coverage(r, s, true);
}

void
mxset_update(struct reach *r, uint32_t set)
{
	struct mxset *s = mxset_at(r, set);
	struct tally t = tally_hosts(r, s);
	set_coverage(r, s, coverage_of(&t));
	// None up: best is above every preference, so any host counts.
	s->settled = !t.open_before_best;
	s->addressed = !t.unasked;
	s->cut = t.cut;
	s->ourselves = t.ourselves;
	s->in_the_way = t.up > 0 && t.dead_before_best;
	s->refused_only = t.refused && !t.blocked;
	s->dns_failure = t.up == 0 && t.unknown == 0 && t.dead > 0 &&
			 t.dead == t.dead_by_dns;
}

// -- views ------------------------------------------------------------------

bool
reach_set_is_settled(const struct reach *r, uint32_t set)
{
	return mxset_at(r, set)->settled || !r->p.probe_enabled;
}

struct reach_set_view
reach_set_view(const struct reach *r, uint32_t set)
{
	const struct mxset *s = mxset_at(r, set);
	struct reach_set_view v = {
	    .coverage = (enum reach_coverage)s->coverage,
	    .settled = reach_set_is_settled(r, set),
	    .addressed = s->addressed,
	    .cut = s->cut,
	    .ourselves = s->ourselves,
	    .in_the_way = s->in_the_way,
	    .refused_only = s->refused_only,
	    .dns_failure = s->dns_failure,
	    .n = s->n,
	    .domains = s->domains,
	};
	for (unsigned i = 0; i < s->n; i++) {
		const struct host *h = host_at(r, s->member[i].host);
		v.n_up += is_up(h);
		v.n_present += h->state != REACH_ABSENT;
	}
	return v;
}

struct reach_set_host
reach_set_host(const struct reach *r, uint32_t set, uint32_t i)
{
	const struct mxset *s = mxset_at(r, set);
	mxd_assert(i < s->n);
	const struct host *h = host_at(r, s->member[i].host);
	return (struct reach_set_host){
	    .preference = s->member[i].preference,
	    .host = s->member[i].host,
	    .name = h->name,
	    .state = (enum reach_state)h->state,
	};
}

void
reach_set_set_plans(struct reach *r, uint32_t set, uint32_t plans)
{
	mxset_at(r, set)->plans = plans;
}

uint32_t
reach_set_plans(const struct reach *r, uint32_t set)
{
	return mxset_at(r, set)->plans;
}

// FNV-1a: stable across processes, which the keyed hash is not.
uint32_t
reach_set_print(const struct reach *r, uint32_t set)
{
	const struct mxset *s = mxset_at(r, set);
	uint32_t print = UINT32_C(2166136261);
	for (unsigned i = 0; i < s->n; i++) {
		uint16_t preference = s->member[i].preference;
		const char *name = host_at(r, s->member[i].host)->name;
		unsigned char head[2] = {
		    (unsigned char)(preference >> 8),
		    (unsigned char)(preference & 0xff),
		};
		for (size_t j = 0; j < sizeof(head); j++)
			print = (print ^ head[j]) * UINT32_C(16777619);
		for (size_t j = 0; j <= strlen(name); j++)
			print = (print ^ (unsigned char)name[j]) *
				UINT32_C(16777619);
	}
	if (s->more)
		print = (print ^ 1) * UINT32_C(16777619);
	return print;
}
