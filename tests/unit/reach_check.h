// SPDX-License-Identifier: MIT
// Walks the whole memory and fails when two of its records disagree.
#ifndef MXD_UNIT_REACH_CHECK_H
#define MXD_UNIT_REACH_CHECK_H

#include <stdlib.h>

#include "base/bug.h"
#include "reach/internal.h"

// Lists are walked no further than this: a ring in one is a failure, too.
enum { REACH_CHECK_MAX = 1 << 22 };

// Not by libcheck, which notes every check that holds (too slow for millions),
// and which the fuzzers do without.
#define check_that(what) mxd_assert(what)
#define check_eq(a, b)	 check_that((a) == (b))
#define check_lt(a, b)	 check_that((a) < (b))

static inline void
check_lru(struct reach *r, const struct lru *l, bool wanted)
{
	uint32_t n = 0, prev = REACH_NONE;
	for (uint32_t id = l->head; id != REACH_NONE;
	     id = domain_at(r, id)->lru_next) {
		const struct domain *d = domain_at(r, id);
		check_that(d->live);
		check_that(d->wanted == wanted);
		check_that(!d->resolving && d->held == 0);
		check_eq(d->lru_prev, prev);
		prev = id;
		check_lt(n++, REACH_CHECK_MAX);
	}
	check_eq(l->tail, prev);
	check_eq(l->n, n);
}

// Every set's counts are what its domains add up to.
static inline void
check_domains(struct reach *r)
{
	size_t n = (size_t)r->sets.made + 1;
	uint32_t *domains = calloc(n, sizeof(*domains));
	uint32_t *wanted = calloc(n, sizeof(*wanted));
	uint32_t *awaited = calloc(n, sizeof(*awaited));
	uint32_t live = 0, in_use = 0, asked = 0, unused = 0;
	check_that(domains != NULL && wanted != NULL && awaited != NULL);
	for (uint32_t id = 1; id <= r->domains.made; id++) {
		const struct domain *d = domain_at(r, id);
		if (!d->live)
			continue;
		live++;
		asked += !d->wanted;
		in_use += d->resolving || d->held > 0;
		check_that((d->set != REACH_NONE) ==
			   ((enum reach_mx)d->mx == REACH_MX_SET));
		domains[d->set]++;
		wanted[d->set] += d->wanted;
		awaited[d->set] += d->held;
		check_that(!d->resolving || d->place == PLACE_NOWHERE);
	}
	check_eq(live, r->domains.used);
	check_eq(asked, r->asked_domains);
	check_eq(live, r->wanted_lru.n + r->asked_lru.n + in_use);
	for (uint32_t id = 1; id <= r->sets.made; id++) {
		const struct mxset *s = mxset_at(r, id);
		check_eq(s->domains, domains[id]);
		unused += s->n > 0 && s->domains == 0;
		check_eq(s->wanted, wanted[id]);
		check_eq(s->awaited, awaited[id]);
	}
	check_eq(unused, r->unused_sets);
	free(domains);
	free(wanted);
	free(awaited);
}

// A host that is an address has it for good, and nothing to ask the DNS.
static inline void
check_literal(const struct reach *r, const struct host *h)
{
	struct netaddr a;
	if (!netaddr_parse(h->name, &a))
		return;
	check_eq(h->n_links, 1);
	check_that(
	    netaddr_same_ip(&endpoint_at(r, h->link[0].endpoint)->address, &a));
	check_eq(h->place, PLACE_NOWHERE);
	check_that(h->answered && !h->by_dns);
}

// What is not kept is not judged. Not while a reload is being worked off.
static inline void
check_more(const struct reach *r, const struct host *h)
{
	if (r->sweep_host > 0 || r->sweep_endpoint > 0)
		return;
	if ((r->p.ipv4 && h->family[0].more) ||
	    (r->p.ipv6 && h->family[1].more))
		check_that(
		    h->state != REACH_UNREACHABLE && h->state != REACH_ABSENT);
}

// Every host's list of sets has each of its sets once, and nothing else.
static inline void
check_hosts(struct reach *r)
{
	uint32_t members = 0, listed = 0, links = 0, have = 0, resolving = 0;
	for (uint32_t id = 1; id <= r->sets.made; id++) {
		const struct mxset *s = mxset_at(r, id);
		members += s->n;
		check_that(
		    !s->more || (s->coverage != REACH_COVERAGE_NONE &&
				    s->coverage != REACH_COVERAGE_EMPTY));
	}
	for (uint32_t id = 1; id <= r->hosts.made; id++) {
		const struct host *h = host_at(r, id);
		uint32_t wanted = 0, awaited = 0, some = 0, none = 0;
		if (!h->live)
			continue;
		check_literal(r, h);
		check_more(r, h);
		for (uint32_t set = h->sets; set != REACH_NONE;
		     set = mxset_next_of_host(r, set, id)) {
			const struct mxset *s = mxset_at(r, set);
			some += s->coverage == REACH_COVERAGE_SOME;
			none += s->coverage == REACH_COVERAGE_NONE;
			wanted += s->wanted > 0;
			awaited += s->awaited > 0;
			check_lt(listed++, REACH_CHECK_MAX);
		}
		check_eq(h->wanted, wanted);
		check_eq(h->awaited, awaited);
		check_eq(h->some, some);
		check_eq(h->none, none);
		links += h->n_links;
		resolving += h->family[0].resolving + h->family[1].resolving;
		// Without a set it is there only to be told an answer.
		check_that(h->sets != REACH_NONE || h->family[0].resolving ||
			   h->family[1].resolving);
	}
	for (uint32_t id = 1; id <= r->domains.made; id++)
		resolving += domain_at(r, id)->resolving;
	check_eq(resolving, r->resolving);
	check_eq(members, listed);
	for (uint32_t id = 1; id <= r->endpoints.made; id++) {
		const struct endpoint *e = endpoint_at(r, id);
		uint32_t wanted = 0;
		if (!e->live)
			continue;
		for (uint32_t host = e->hosts; host != REACH_NONE;
		     host = host_next_of_endpoint(r, host, id)) {
			wanted += host_at(r, host)->wanted > 0;
			check_lt(have++, REACH_CHECK_MAX);
		}
		check_eq(e->wanted, wanted);
		check_that(e->hosts != REACH_NONE || e->probing ||
			   e->place == PLACE_HEAP);
	}
	check_eq(links, have);
}

static inline struct qlink
check_link_of(struct reach *r, uint32_t ref)
{
	switch (ref_kind(ref)) {
	case REF_DOMAIN:
		return domain_at(r, ref_id(ref))->q;
	case REF_HOST:
		return host_at(r, ref_id(ref))->q;
	case REF_ENDPOINT:
	case REF_KINDS:
		break;
	}
	return endpoint_at(r, ref_id(ref))->q;
}

static inline enum place
check_place_of(struct reach *r, uint32_t ref)
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

static inline uint32_t
check_queue(struct reach *r, const struct queue *q, enum place place)
{
	uint32_t n = 0, prev = 0;
	for (uint32_t ref = q->head; ref != 0;
	     ref = check_link_of(r, ref).next) {
		check_eq(check_link_of(r, ref).prev, prev);
		check_eq(check_place_of(r, ref), place);
		prev = ref;
		check_lt(n++, REACH_CHECK_MAX);
	}
	check_eq(q->tail, prev);
	check_eq(q->n, n);
	return n;
}

// Nobody waits for a network's probe to end when nothing will end there.
static inline uint32_t
check_nets(struct reach *r)
{
	uint32_t parked = 0;
	for (uint32_t id = 1; id <= r->nets.made; id++) {
		const struct net *n = net_at(r, id);
		if (n->hash == 0) // free
			continue;
		uint32_t in_flight = 0, ready = 0;
		for (uint32_t i = 1; i <= r->endpoints.made; i++) {
			const struct endpoint *e = endpoint_at(r, i);
			struct netaddr prefix = netaddr_mask(&e->address,
			    e->address.family == AF_INET ? 24 : 48);
			if (!e->live || !netaddr_same_ip(&prefix, &n->prefix))
				continue;
			in_flight += e->probing;
			ready += e->place == PLACE_WANTED ||
				 e->place == PLACE_ASKED;
		}
		check_eq(n->in_flight, in_flight);
		uint32_t here =
		    check_queue(r, &n->parked_wanted, PLACE_PARKED_WANTED) +
		    check_queue(r, &n->parked_asked, PLACE_PARKED_ASKED);
		check_that(here == 0 || in_flight > 0 || ready > 0);
		check_that(here > 0 || in_flight > 0);
		parked += here;
	}
	return parked;
}

// Whatever waits is where it says, and nowhere else.
static inline void
check_due(struct reach *r)
{
	uint32_t waits = check_nets(r), placed = 0, probing = 0;
	waits += check_queue(r, &r->resolve_wanted, PLACE_WANTED);
	waits += check_queue(r, &r->resolve_asked, PLACE_ASKED);
	waits += check_queue(r, &r->probe_wanted, PLACE_WANTED);
	waits += check_queue(r, &r->probe_asked, PLACE_ASKED);
	for (uint32_t i = 0; i < r->heap_n; i++) {
		uint32_t ref = r->heap[i].ref;
		check_eq(check_place_of(r, ref), PLACE_HEAP);
		check_eq(ref_kind(ref) == REF_HOST
			     ? host_at(r, ref_id(ref))->heap
			     : endpoint_at(r, ref_id(ref))->heap,
		    i + 1);
		check_that(i == 0 || r->heap[(i - 1) / 2].at <= r->heap[i].at);
	}
	waits += r->heap_n;
	for (uint32_t id = 1; id <= r->domains.made; id++)
		placed += domain_at(r, id)->place != PLACE_NOWHERE;
	for (uint32_t id = 1; id <= r->hosts.made; id++)
		placed += host_at(r, id)->place != PLACE_NOWHERE;
	for (uint32_t id = 1; id <= r->endpoints.made; id++) {
		const struct endpoint *e = endpoint_at(r, id);
		placed += e->place != PLACE_NOWHERE;
		probing += e->probing;
		check_that(!e->probing || e->place == PLACE_NOWHERE);
	}
	check_eq(waits, placed);
	check_eq(probing, r->probing);
}

static inline void
reach_check(struct reach *r)
{
	check_lru(r, &r->wanted_lru, true);
	check_lru(r, &r->asked_lru, false);
	check_domains(r);
	check_hosts(r);
	check_due(r);
}

#endif
