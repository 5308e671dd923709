// SPDX-License-Identifier: MIT
// What is due: a heap by time, two ready queues, and the limits of probing.
#include "base/bug.h"
#include "base/mem.h"
#include "reach/internal.h"

#include <stdlib.h>

enum {
	NETS_MAX = 1 << 16, // networks with a probe in flight
	NET_BITS_IPV4 = 24,
	NET_BITS_IPV6 = 48,
	// Records looked at per call: a million may be due at once, after a
	// reload or when the machine wakes up, and lookups go on.
	AT_ONCE = 64,
	MILLI = 1000,
};

void
due_init(struct reach *r, int64_t now)
{
	pool_init(&r->nets, sizeof(struct net), NETS_MAX);
	index_init(&r->net_index, NETS_MAX);
	r->tokens_at = now;
	r->tokens_milli = (int64_t)r->p.per_second * MILLI;
}

void
due_fini(struct reach *r)
{
	pool_fini(&r->nets);
	index_fini(&r->net_index);
	free(r->heap);
}

// -- where a record waits ---------------------------------------------------

static struct qlink *
qlink_of(struct reach *r, uint32_t ref)
{
	switch (ref_kind(ref)) {
	case REF_DOMAIN:
		return &domain_at(r, ref_id(ref))->q;
	case REF_HOST:
		return &host_at(r, ref_id(ref))->q;
	case REF_ENDPOINT:
	case REF_KINDS:
		break;
	}
	return &endpoint_at(r, ref_id(ref))->q;
}

static enum place
place_of(const struct reach *r, uint32_t ref)
{
	switch (ref_kind(ref)) {
	case REF_DOMAIN:
		return (enum place)domain_at(r, ref_id(ref))->place;
	case REF_HOST:
		return (enum place)host_at(r, ref_id(ref))->place;
	case REF_ENDPOINT:
	case REF_KINDS:
		break;
	}
	return (enum place)endpoint_at(r, ref_id(ref))->place;
}

static void
set_place(struct reach *r, uint32_t ref, enum place place)
{
	switch (ref_kind(ref)) {
	case REF_DOMAIN:
		domain_at(r, ref_id(ref))->place = place & 7;
		return;
	case REF_HOST:
		host_at(r, ref_id(ref))->place = place & 7;
		return;
	case REF_ENDPOINT:
	case REF_KINDS:
		break;
	}
	endpoint_at(r, ref_id(ref))->place = place & 7;
}

// -- queues -----------------------------------------------------------------

static void
queue_append(struct reach *r, struct queue *q, uint32_t ref)
{
	*qlink_of(r, ref) = (struct qlink){.prev = q->tail};
	if (q->tail != 0)
		qlink_of(r, q->tail)->next = ref;
	else
		q->head = ref;
	q->tail = ref;
	q->n++;
}

static void
queue_prepend(struct reach *r, struct queue *q, uint32_t ref)
{
	*qlink_of(r, ref) = (struct qlink){.next = q->head};
	if (q->head != 0)
		qlink_of(r, q->head)->prev = ref;
	else
		q->tail = ref;
	q->head = ref;
	q->n++;
}

static void
queue_remove(struct reach *r, struct queue *q, uint32_t ref)
{
	struct qlink l = *qlink_of(r, ref);
	if (l.prev != 0)
		qlink_of(r, l.prev)->next = l.next;
	else
		q->head = l.next;
	if (l.next != 0)
		qlink_of(r, l.next)->prev = l.prev;
	else
		q->tail = l.prev;
	*qlink_of(r, ref) = (struct qlink){0};
	mxd_assert(q->n > 0);
	q->n--;
}

// -- heap -------------------------------------------------------------------

static uint32_t *
heap_position(struct reach *r, uint32_t ref)
{
	if (ref_kind(ref) == REF_HOST)
		return &host_at(r, ref_id(ref))->heap;
	mxd_assert(ref_kind(ref) == REF_ENDPOINT);
	return &endpoint_at(r, ref_id(ref))->heap;
}

static void
heap_put(struct reach *r, uint32_t pos, struct heap_item item)
{
	r->heap[pos] = item;
	*heap_position(r, item.ref) = pos + 1;
}

static void
heap_up(struct reach *r, uint32_t pos, struct heap_item item)
{
	while (pos > 0 && r->heap[(pos - 1) / 2].at > item.at) {
		heap_put(r, pos, r->heap[(pos - 1) / 2]);
		pos = (pos - 1) / 2;
	}
	heap_put(r, pos, item);
}

static void
heap_down(struct reach *r, uint32_t pos, struct heap_item item)
{
	for (;;) {
		uint32_t child = 2 * pos + 1;
		if (child >= r->heap_n)
			break;
		if (child + 1 < r->heap_n &&
		    r->heap[child + 1].at < r->heap[child].at)
			child++;
		if (r->heap[child].at >= item.at)
			break;
		heap_put(r, pos, r->heap[child]);
		pos = child;
	}
	heap_put(r, pos, item);
}

static void
heap_add(struct reach *r, struct heap_item item)
{
	if (r->heap_n == r->heap_size) {
		r->heap_size = r->heap_size == 0 ? 1024 : r->heap_size * 2;
		r->heap = xreallocarray(
		    r->heap, r->heap_size, sizeof(*r->heap));
	}
	heap_up(r, r->heap_n++, item);
}

static void
heap_remove(struct reach *r, uint32_t ref)
{
	uint32_t *position = heap_position(r, ref);
	uint32_t pos = *position - 1;
	*position = 0;
	struct heap_item last = r->heap[--r->heap_n];
	if (pos == r->heap_n)
		return;
	if (pos > 0 && r->heap[(pos - 1) / 2].at > last.at)
		heap_up(r, pos, last);
	else
		heap_down(r, pos, last);
}

// -- networks ---------------------------------------------------------------

static struct netaddr
net_prefix(const struct netaddr *a)
{
	return netaddr_mask(
	    a, a->family == AF_INET ? NET_BITS_IPV4 : NET_BITS_IPV6);
}

static uint32_t
net_find(const struct reach *r, const struct netaddr *prefix, uint32_t hash)
{
	uint32_t pos;
	uint32_t id = index_first(&r->net_index, hash, &pos);
	while (id != 0 && !netaddr_same_ip(&net_at(r, id)->prefix, prefix))
		id = index_next(&r->net_index, hash, &pos);
	return id;
}

// The record of the address's network, or 0: nothing is in flight there.
static uint32_t
net_of(const struct reach *r, const struct netaddr *a)
{
	struct netaddr prefix = net_prefix(a);
	return net_find(r, &prefix, reach_hash(r, &prefix, sizeof(prefix)));
}

// Counts a probe in; false: the limit of its network is reached.
static bool
net_enter(struct reach *r, const struct netaddr *a)
{
	uint32_t id = net_of(r, a);
	if (id == 0) {
		struct netaddr prefix = net_prefix(a);
		id = pool_take(&r->nets);
		if (id == 0)
			return true; // more networks than limits make sense for
		struct net *n = net_at(r, id);
		n->prefix = prefix;
		n->hash = reach_hash(r, &prefix, sizeof(prefix));
		index_put(&r->net_index, n->hash, id);
	}
	struct net *n = net_at(r, id);
	if (n->in_flight >= r->p.per_net)
		return false;
	n->in_flight++;
	return true;
}

static void
net_free_if_unused(struct reach *r, uint32_t id)
{
	struct net *n = net_at(r, id);
	if (n->in_flight > 0 || n->parked_wanted.n > 0 || n->parked_asked.n > 0)
		return;
	index_del(&r->net_index, n->hash, id);
	pool_give(&r->nets, id);
}

// -- moves ------------------------------------------------------------------

static struct queue *
ready_queue(struct reach *r, uint32_t ref, bool wanted)
{
	if (ref_kind(ref) == REF_ENDPOINT)
		return wanted ? &r->probe_wanted : &r->probe_asked;
	return wanted ? &r->resolve_wanted : &r->resolve_asked;
}

static struct queue *
parked_queue(struct reach *r, uint32_t net, enum place place)
{
	struct net *n = net_at(r, net);
	return place == PLACE_PARKED_WANTED ? &n->parked_wanted
					    : &n->parked_asked;
}

static void
queue_add(struct reach *r, struct queue *q, uint32_t ref, bool first)
{
	if (first)
		queue_prepend(r, q, ref);
	else
		queue_append(r, q, ref);
}

// Its network is known, for it is full.
static void
park(struct reach *r, uint32_t ref, bool wanted, bool first)
{
	enum place place = wanted ? PLACE_PARKED_WANTED : PLACE_PARKED_ASKED;
	uint32_t net = net_of(r, &endpoint_at(r, ref_id(ref))->address);
	mxd_assert(net != 0);
	queue_add(r, parked_queue(r, net, place), ref, first);
	set_place(r, ref, place);
}

void
due_repark(struct reach *r, uint32_t ref, bool wanted, bool first)
{
	bool raised = wanted && place_of(r, ref) == PLACE_PARKED_ASKED;
	if (!raised && !first)
		return;
	enum place place = place_of(r, ref);
	uint32_t net = net_of(r, &endpoint_at(r, ref_id(ref))->address);
	mxd_assert(net != 0);
	queue_remove(r, parked_queue(r, net, place), ref);
	park(r, ref, wanted, first);
}

void
due_remove(struct reach *r, uint32_t ref)
{
	switch (place_of(r, ref)) {
	case PLACE_NOWHERE:
		return;
	case PLACE_HEAP:
		heap_remove(r, ref);
		break;
	case PLACE_WANTED:
		queue_remove(r, ready_queue(r, ref, true), ref);
		break;
	case PLACE_ASKED:
		queue_remove(r, ready_queue(r, ref, false), ref);
		break;
	case PLACE_PARKED_WANTED:
	case PLACE_PARKED_ASKED: {
		uint32_t id = net_of(r, &endpoint_at(r, ref_id(ref))->address);
		mxd_assert(id != 0);
		queue_remove(r, parked_queue(r, id, place_of(r, ref)), ref);
		net_free_if_unused(r, id);
		break;
	}
	}
	set_place(r, ref, PLACE_NOWHERE);
}

void
due_ready(struct reach *r, uint32_t ref, bool wanted, bool first)
{
	due_remove(r, ref);
	struct queue *q = ready_queue(r, ref, wanted);
	queue_add(r, q, ref, first);
	if (ref_kind(ref) == REF_ENDPOINT)
		endpoint_at(r, ref_id(ref))->first = first;
	set_place(r, ref, wanted ? PLACE_WANTED : PLACE_ASKED);
}

void
due_at(struct reach *r, uint32_t ref, int64_t at)
{
	due_remove(r, ref);
	heap_add(r, (struct heap_item){.at = at, .ref = ref});
	set_place(r, ref, PLACE_HEAP);
}

// Lets one go on, a wanted one first, when its network has room. One for each
// place that becomes free, no more: those woken have not begun yet, and two for
// one place would overtake each other for good. Who is woken and then dropped
// wakes the next in its stead: due_drop().
static void
net_wake(struct reach *r, uint32_t id)
{
	const struct net *n = net_at(r, id);
	bool wanted = n->parked_wanted.n > 0;
	uint32_t ref = wanted ? n->parked_wanted.head : n->parked_asked.head;
	if (ref == 0 || n->in_flight >= r->p.per_net) {
		net_free_if_unused(r, id);
		return;
	}
	// In front, for it has waited; but it is no more urgent than it was.
	struct endpoint *e = endpoint_at(r, ref_id(ref));
	bool first = e->first;
	due_ready(r, ref, wanted, true);
	e->first = first;
}

void
due_limits_changed(struct reach *r)
{
	for (uint32_t id = 1; id <= r->nets.made; id++) {
		const struct net *n = net_at(r, id);
		for (uint32_t i = n->in_flight; i < r->p.per_net; i++) {
			if (n->parked_wanted.n + n->parked_asked.n == 0)
				break;
			net_wake(r, id);
		}
	}
}

void
due_probe_ended(struct reach *r, const struct netaddr *address)
{
	uint32_t id = net_of(r, address);
	if (id == 0)
		return;
	if (net_at(r, id)->in_flight > 0)
		net_at(r, id)->in_flight--;
	net_wake(r, id);
}

void
due_drop(struct reach *r, uint32_t ref)
{
	enum place place = place_of(r, ref);
	struct netaddr address = endpoint_at(r, ref_id(ref))->address;
	due_remove(r, ref);
	uint32_t id = net_of(r, &address);
	if (id != 0 && (place == PLACE_WANTED || place == PLACE_ASKED))
		net_wake(r, id);
}

// -- asked ------------------------------------------------------------------

// Three quarters of a limit, at least 1: what asked names may use of it, so
// that wanted ones always find room.
static uint32_t
spare_of(uint32_t limit)
{
	return limit < 4 ? limit : limit - limit / 4;
}

static void
tokens_refill(struct reach *r, int64_t now)
{
	int64_t full = (int64_t)r->p.per_second * MILLI;
	int64_t elapsed = now - r->tokens_at;
	r->tokens_at = now;
	if (elapsed < 0)
		elapsed = 0;
	if (elapsed > MILLI) // a whole bucket; and no overflow after a suspend
		elapsed = MILLI;
	r->tokens_milli += elapsed * r->p.per_second;
	if (r->tokens_milli > full)
		r->tokens_milli = full;
}

// What must be in the bucket before a probe of this grade begins.
static int64_t
tokens_needed(const struct reach *r, bool wanted)
{
	if (wanted || r->p.per_second < 4)
		return MILLI;
	return MILLI + (int64_t)r->p.per_second * MILLI / 4;
}

// Records are brought up to date after reach_configure(), some at a time.
static void
sweep(struct reach *r, int64_t now)
{
	for (int i = 0; i < AT_ONCE; i++) {
		if (r->sweep_endpoint > 0) {
			uint32_t id = r->sweep_endpoint--;
			if (endpoint_at(r, id)->live)
				endpoint_reconfigure(r, id, now);
			if (r->sweep_endpoint == 0) // and those made meanwhile
				r->sweep_host = r->hosts.made;
		} else if (r->sweep_host > 0) {
			uint32_t id = r->sweep_host--;
			if (host_at(r, id)->live)
				host_reconfigure(r, id);
		} else if (r->sweep_set > 0) {
			uint32_t id = r->sweep_set--;
			if (mxset_at(r, id)->n > 0)
				mxset_reconfigure(r, id);
		} else {
			return;
		}
	}
}

static void
heap_run(struct reach *r, int64_t now)
{
	for (int i = 0; i < AT_ONCE && r->heap_n > 0 && r->heap[0].at <= now;
	     i++) {
		uint32_t ref = r->heap[0].ref;
		due_remove(r, ref);
		if (ref_kind(ref) == REF_HOST)
			host_on_due(r, ref_id(ref), now);
		else
			endpoint_on_due(r, ref_id(ref), now);
	}
}

// One host's question; asks for both families stay together in the queue.
static bool
next_address(struct reach *r, uint32_t ref, int64_t now, struct reach_due *out)
{
	uint32_t id = ref_id(ref);
	bool wanted = place_of(r, ref) == PLACE_WANTED;
	int family;
	due_remove(r, ref);
	if (!host_next_family(r, id, now, &family))
		return false;
	due_ready(r, ref, wanted, true); // for its other family
	*out = (struct reach_due){
	    .kind = REACH_DUE_ADDRESS,
	    .id = id,
	    .name = host_at(r, id)->name,
	    .family = family,
	};
	return true;
}

static bool
next_mx(struct reach *r, uint32_t ref, struct reach_due *out)
{
	struct domain *d = domain_at(r, ref_id(ref));
	due_remove(r, ref);
	domain_begin_resolving(r, ref_id(ref));
	*out = (struct reach_due){
	    .kind = REACH_DUE_MX,
	    .id = ref_id(ref),
	    .name = d->name,
	};
	return true;
}

// The questions at once for asked names: these may not fill the memory by being
// asked about, either.
static uint32_t
spare_questions(const struct reach *r)
{
	uint32_t spare = spare_of(r->p.dns_concurrency);
	uint32_t share = r->p.max_domains / ASKED_SHARE;
	return spare < share ? spare : share;
}

static bool
next_question(struct reach *r, int64_t now, struct reach_due *out)
{
	uint32_t spare = spare_questions(r);
	while (r->resolving < r->p.dns_concurrency) {
		uint32_t ref = r->resolve_wanted.head;
		if (ref == 0 && r->resolving < spare)
			ref = r->resolve_asked.head;
		if (ref == 0)
			return false;
		bool found = ref_kind(ref) == REF_DOMAIN
				 ? next_mx(r, ref, out)
				 : next_address(r, ref, now, out);
		if (found) {
			r->resolving++;
			return true;
		}
	}
	return false;
}

// The endpoint whose turn it is within all limits but its network's, or 0.
static uint32_t
probe_candidate(const struct reach *r)
{
	uint32_t spare = spare_of(r->p.concurrency);
	if (r->probing < r->p.concurrency && r->probe_wanted.head != 0 &&
	    r->tokens_milli >= tokens_needed(r, true))
		return r->probe_wanted.head;
	if (r->probing < spare && r->probe_wanted.head == 0 &&
	    r->tokens_milli >= tokens_needed(r, false))
		return r->probe_asked.head;
	return 0;
}

static bool
next_probe(struct reach *r, int64_t now, struct reach_due *out)
{
	uint32_t ref;
	while ((ref = probe_candidate(r)) != 0) {
		struct endpoint *e = endpoint_at(r, ref_id(ref));
		bool wanted = place_of(r, ref) == PLACE_WANTED;
		if (!endpoint_may_begin(r, ref_id(ref))) {
			due_drop(r, ref);
			continue;
		}
		due_remove(r, ref);
		if (!net_enter(r, &e->address)) {
			park(r, ref, wanted, e->first);
			continue;
		}
		r->tokens_milli -= MILLI;
		r->probing++;
		e->probing = true;
		e->started_at = now;
		*out = (struct reach_due){
		    .kind = REACH_DUE_PROBE,
		    .id = ref_id(ref),
		    .to = e->address,
		    .greeting_timeout_ms = endpoint_greeting_timeout_ms(r, e),
		};
		return true;
	}
	return false;
}

bool
reach_next(struct reach *r, int64_t now, struct reach_due *out)
{
	sweep(r, now);
	heap_run(r, now);
	tokens_refill(r, now);
	return next_question(r, now, out) || next_probe(r, now, out);
}

int64_t
reach_next_at(const struct reach *r, int64_t now)
{
	if (r->sweep_endpoint > 0 || r->sweep_host > 0 || r->sweep_set > 0 ||
	    r->changed_head != REACH_NONE || r->change_first < r->change_n)
		return now;
	int64_t at = r->heap_n > 0 ? r->heap[0].at : INT64_MAX;
	bool wanted = r->probe_wanted.head != 0;
	if ((wanted && r->probing < r->p.concurrency) ||
	    (!wanted && r->probe_asked.head != 0 &&
		r->probing < spare_of(r->p.concurrency))) {
		int64_t lack = tokens_needed(r, wanted) - r->tokens_milli;
		int64_t per_ms = r->p.per_second; // in thousandths
		int64_t wait = lack <= 0 ? 0 : (lack + per_ms - 1) / per_ms;
		if (r->tokens_at + wait < at)
			at = r->tokens_at + wait;
	}
	if ((r->resolve_wanted.head != 0 &&
		r->resolving < r->p.dns_concurrency) ||
	    (r->resolve_asked.head != 0 && r->resolving < spare_questions(r)))
		at = now;
	return at < now ? now : at;
}
