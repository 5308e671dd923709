// SPDX-License-Identifier: MIT
// A scripted internet in virtual time, around the real memory and plans.
#include "fake/fakeworld.h"

#include "base/bug.h"
#include "base/mem.h"
#include "base/netaddr.h"
#include "fake/fakeinterfaces.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { SETTLE_MS = 60 * 1000, SEED = 20150909 };

static const struct hash_key key = {1, 2};

// -- what is on its way ------------------------------------------------------

static bool
lands_before(const struct fakeworld_flight *a, const struct fakeworld_flight *b)
{
	return a->at != b->at ? a->at < b->at : a->serial < b->serial;
}

static void
flight_add(struct fakeworld *w, struct fakeworld_flight f)
{
	mxd_assert(w->n_flight < FAKEWORLD_FLIGHT);
	f.serial = w->serial++;
	unsigned i = w->n_flight++;
	for (; i > 0 && lands_before(&f, &w->flight[(i - 1) / 2]);
	     i = (i - 1) / 2)
		w->flight[i] = w->flight[(i - 1) / 2];
	w->flight[i] = f;
	if (w->n_flight > w->most_in_flight)
		w->most_in_flight = w->n_flight;
}

static struct fakeworld_flight
flight_take(struct fakeworld *w)
{
	struct fakeworld_flight first = w->flight[0];
	struct fakeworld_flight last = w->flight[--w->n_flight];
	unsigned i = 0, child;
	while ((child = 2 * i + 1) < w->n_flight) {
		if (child + 1 < w->n_flight &&
		    lands_before(&w->flight[child + 1], &w->flight[child]))
			child++;
		if (!lands_before(&w->flight[child], &last))
			break;
		w->flight[i] = w->flight[child];
		i = child;
	}
	w->flight[i] = last;
	return first;
}

// What was asked for the relays of an earlier configuration is told to nobody.
static void
flight_drop_relays(struct fakeworld *w)
{
	unsigned n = w->n_flight;
	w->n_flight = 0;
	for (unsigned i = 0; i < n; i++) // none is written before it is read
		if (!w->flight[i].for_relay)
			flight_add(w, w->flight[i]);
}

// -- made -------------------------------------------------------------------

static struct reach_params
default_params(void)
{
	return (struct reach_params){
	    .max_domains = 1000,
	    .min_ttl_ms = 60 * 1000,
	    .max_ttl_ms = 86400 * 1000,
	    .negative_ttl_ms = 300 * 1000,
	    .stale_ms = 86400 * 1000,
	    .dns_concurrency = 200,
	    .probe_enabled = true,
	    .asked_spare = true,
	    .port = 25,
	    .concurrency = 256,
	    .per_net = 8,
	    .per_second = 50,
	    .fall = 2,
	    .rise = 2,
	    .interval_ms = 30 * 60 * 1000,
	    .fast_interval_ms = 15 * 1000,
	    .down_interval_ms = 2 * 60 * 1000,
	    .down_interval_max_ms = 10 * 60 * 1000,
	    .idle_ms = 86400 * 1000,
	    .reply_timeout_ms = 20 * 1000,
	    .greeting_timeout_ms = 45 * 1000,
	    .ipv4 = true,
	    .ipv6 = true,
	    .allow_private = true,
	};
}

static void
add_default_relay(struct conf *conf)
{
	free(conf->relays);
	conf->relays = xcalloc(1, sizeof(*conf->relays));
	conf->n_relays = 1;
	conf->relays[0] = (struct conf_relay){
	    .name = xstrdup("us1"),
	    .nexthop = xstrdup("[192.0.2.1]:587"),
	    .host = xstrdup("192.0.2.1"),
	    .port = 587,
	    .transport = xstrdup("detour"),
	    .mailer = xstrdup("relay"),
	    .priority = 1,
	    .weight = 1,
	    .probe = CONF_RELAY_PROBE_SMTP,
	};
	mxd_assert(netaddr_parse("192.0.2.1", &conf->relays[0].address));
}

static struct plan_context
context(const struct fakeworld *w)
{
	return (struct plan_context){
	    .conf = w->conf,
	    .rules = w->rules,
	    .relays = w->relays,
	};
}

static void
make_memory(struct fakeworld *w)
{
	struct plan_context with = context(w);
	w->reach = reach_new(&w->params, SEED, &key, w->now);
	w->plans = plans_new(w->reach, &with);
}

void
fakeworld_init(struct fakeworld *w)
{
	struct err err;
	memset(w, 0, sizeof(*w));
	w->now = 1000 * 1000;
	w->dns_ms = 20;
	w->params = default_params();
	w->conf = conf_load(NULL, NULL, NULL, &err);
	mxd_assert(w->conf != NULL);
	add_default_relay(w->conf);
	w->rules = rules_new(w->conf);
	w->relays = relays_new(w->conf, NULL, NULL, w->now);
	make_memory(w);
}

void
fakeworld_fini(struct fakeworld *w)
{
	plans_free(w->plans);
	reach_free(w->reach);
	relays_free(w->relays);
	rules_free(w->rules);
	conf_free(w->conf);
}

void
fakeworld_restart(struct fakeworld *w)
{
	plans_free(w->plans);
	reach_free(w->reach);
	w->n_flight = 0;
	make_memory(w);
}

void
fakeworld_reconfigure(struct fakeworld *w)
{
	rules_free(w->rules);
	struct relays *old = w->relays;
	w->rules = rules_new(w->conf);
	w->relays = relays_new(w->conf, NULL, old, w->now);
	relays_free(old);
	struct plan_context with = context(w);
	plans_configure(w->plans, &with);
	reach_configure(w->reach, &w->params, w->now);
	flight_drop_relays(w);
}

struct conf *
fakeworld_conf(const char *text)
{
	fakeinterfaces_set(NULL, 0);
	struct err err;
	char path[64];
	int fd = memfd_create("conf", 0);
	mxd_assert(fd >= 0);
	mxd_assert(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct conf *conf = conf_load(path, NULL, NULL, &err);
	if (conf == NULL)
		fprintf(stderr, "%s\n", err.text);
	mxd_assert(conf != NULL);
	close(fd);
	if (conf->n_relays == 0)
		add_default_relay(conf);
	return conf;
}

void
fakeworld_configure(struct fakeworld *w, const char *text)
{
	struct conf *old = w->conf;
	struct rules *old_rules = w->rules;
	struct relays *old_relays = w->relays;
	w->conf = fakeworld_conf(text);
	w->rules = rules_new(w->conf);
	w->relays = relays_new(w->conf, NULL, old_relays, w->now);
	struct plan_context with = context(w);
	plans_configure(w->plans, &with);
	reach_configure(w->reach, &w->params, w->now);
	flight_drop_relays(w);
	relays_free(old_relays);
	rules_free(old_rules);
	conf_free(old);
}

// -- the script -------------------------------------------------------------

static struct fakeworld_mx *
mx_of(struct fakeworld *w, const char *name)
{
	for (unsigned i = 0; i < w->n_mx; i++)
		if (strcmp(w->mx[i].name, name) == 0)
			return &w->mx[i];
	mxd_assert(w->n_mx < FAKEWORLD_NAMES);
	struct fakeworld_mx *m = &w->mx[w->n_mx++];
	strcpy(m->name, name);
	return m;
}

void
fakeworld_mx(struct fakeworld *w, const char *name, ...)
{
	struct fakeworld_mx *m = mx_of(w, name);
	struct answer_mx *a = &m->answer;
	va_list ap;
	*a = (struct answer_mx){.outcome = ANSWER_OK, .ttl_s = 3600};
	va_start(ap, name);
	for (int preference; (preference = va_arg(ap, int)) >= 0; a->n++) {
		a->mx[a->n].preference = (uint16_t)preference;
		strcpy(a->mx[a->n].host, va_arg(ap, const char *));
	}
	va_end(ap);
}

void
fakeworld_mx_fails(
    struct fakeworld *w, const char *name, enum answer_outcome outcome)
{
	mx_of(w, name)->answer = (struct answer_mx){.outcome = outcome};
}

static struct answer_addr *
addr_of(struct fakeworld *w, const char *name, int family)
{
	for (unsigned i = 0; i < w->n_addr; i++)
		if (strcmp(w->addr[i].name, name) == 0 &&
		    w->addr[i].family == family)
			return &w->addr[i].answer;
	mxd_assert(w->n_addr < FAKEWORLD_NAMES);
	struct fakeworld_addr *a = &w->addr[w->n_addr++];
	strcpy(a->name, name);
	a->family = family;
	return &a->answer;
}

void
fakeworld_host(struct fakeworld *w, const char *name, ...)
{
	struct answer_addr *v4 = addr_of(w, name, AF_INET);
	struct answer_addr *v6 = addr_of(w, name, AF_INET6);
	va_list ap;
	const char *text;
	*v4 = *v6 = (struct answer_addr){
	    .outcome = ANSWER_NODATA, .ttl_s = 300};
	va_start(ap, name);
	while ((text = va_arg(ap, const char *)) != NULL) {
		struct netaddr a;
		mxd_assert(netaddr_parse(text, &a));
		struct answer_addr *to = a.family == AF_INET ? v4 : v6;
		to->outcome = ANSWER_OK;
		to->addr[to->n++] = a;
	}
	va_end(ap);
}

void
fakeworld_host_fails(
    struct fakeworld *w, const char *name, enum answer_outcome outcome)
{
	*addr_of(w, name, AF_INET) = (struct answer_addr){.outcome = outcome};
	*addr_of(w, name, AF_INET6) = (struct answer_addr){.outcome = outcome};
}

static struct fakeworld_peer *
peer_of(struct fakeworld *w, const struct netaddr *a)
{
	for (unsigned i = 0; i < w->n_peers; i++)
		if (netaddr_same_ip(&w->peer[i].address, a))
			return &w->peer[i];
	mxd_assert(w->n_peers < FAKEWORLD_PEERS);
	struct fakeworld_peer *p = &w->peer[w->n_peers++];
	*p = (struct fakeworld_peer){
	    .address = *a,
	    .outcome = OUTCOME_EHLO,
	    .latency_ms = 200,
	};
	return p;
}

struct fakeworld_peer *
fakeworld_at(struct fakeworld *w, const char *address)
{
	struct netaddr a;
	mxd_assert(netaddr_parse(address, &a));
	return peer_of(w, &a);
}

void
fakeworld_peer(struct fakeworld *w, const char *address, enum outcome outcome,
    int64_t latency_ms)
{
	struct fakeworld_peer *p = fakeworld_at(w, address);
	p->outcome = outcome;
	p->latency_ms = latency_ms;
}

// -- time -------------------------------------------------------------------

static int64_t
real_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
step_end(struct fakeworld *w, enum fakeworld_step step, int64_t began_ns)
{
	int64_t took = real_ns() - began_ns;
	if (took > w->longest_ns[step])
		w->longest_ns[step] = took;
}

// However often it is due: one question at a time about a name, one probe at a
// time to an address.
static void
assert_not_in_flight(const struct fakeworld *w, const struct reach_due *due)
{
	for (unsigned i = 0; i < w->n_flight; i++) {
		const struct reach_due *o = &w->flight[i].due;
		mxd_assert(w->flight[i].for_relay || o->kind != due->kind ||
			   o->id != due->id || o->family != due->family);
	}
}

static void
begin_probe(struct fakeworld *w, struct fakeworld_flight *f)
{
	int64_t latency_ms;
	w->probes++;
	w->greeting_timeout_ms = f->due.greeting_timeout_ms;
	if (w->script.probe != NULL) {
		f->outcome = w->script.probe(&f->due.to, &latency_ms);
	} else {
		struct fakeworld_peer *p = peer_of(w, &f->due.to);
		p->probes++;
		p->last_at = w->now;
		latency_ms = p->latency_ms;
	}
	f->at = w->now + latency_ms;
}

static void
fly(struct fakeworld *w, const struct reach_due *due)
{
	struct fakeworld_flight f = {
	    .due = *due,
	    .began_at = w->now,
	    .at = w->now + w->dns_ms,
	};
	assert_not_in_flight(w, due);
	if (due->kind == REACH_DUE_PROBE) {
		begin_probe(w, &f);
	} else {
		w->questions++;
		if (w->script.dns_ms != NULL)
			f.at = w->now + w->script.dns_ms(due->name);
	}
	flight_add(w, f);
}

static void
fly_for_relay(struct fakeworld *w, const struct relays_due *due)
{
	struct fakeworld_flight f = {
	    .due = {.kind = REACH_DUE_PROBE, .id = due->relay, .to = due->to},
	    .for_relay = true,
	};
	int64_t latency_ms;
	mxd_assert(due->probe); // relays are known by their addresses
	f.heard = w->script.relay(due->relay, &latency_ms);
	f.at = w->now + latency_ms;
	flight_add(w, f);
}

static void
land_mx(struct fakeworld *w, const struct reach_due *due)
{
	struct answer_mx answer = {.ttl_s = 3600};
	if (w->script.mx != NULL)
		w->script.mx(due->name, &answer);
	else
		answer = mx_of(w, due->name)->answer;
	reach_tell_mx(w->reach, due->id, &answer, w->now);
}

static void
land_address(struct fakeworld *w, const struct reach_due *due)
{
	struct answer_addr answer = {.ttl_s = 300};
	if (w->script.addr != NULL)
		w->script.addr(due->name, due->family, &answer);
	else
		answer = *addr_of(w, due->name, due->family);
	reach_tell_address(w->reach, due->id, due->family, &answer, w->now);
}

static void
land_probe(struct fakeworld *w, const struct fakeworld_flight *f)
{
	enum outcome outcome = f->outcome;
	if (w->script.probe == NULL)
		outcome = peer_of(w, &f->due.to)->outcome;
	if (outcome_says(outcome) == OUTCOME_SAYS_UP &&
	    outcome != OUTCOME_CONNECTED)
		reach_tell_greeting(w->reach, f->due.id,
		    w->now > f->began_at ? w->now - f->began_at : 1);
	reach_tell_probe(w->reach, f->due.id, outcome, 1,
	    outcome_says(outcome) == OUTCOME_SAYS_UP ? "220 hello"
						     : "went wrong",
	    w->now);
}

static void
land(struct fakeworld *w, const struct fakeworld_flight *f)
{
	struct relays_change change;
	if (f->for_relay) {
		relays_tell_probe(
		    w->relays, f->due.id, &f->heard, w->now, &change);
		return;
	}
	switch (f->due.kind) {
	case REACH_DUE_MX:
		land_mx(w, &f->due);
		return;
	case REACH_DUE_ADDRESS:
		land_address(w, &f->due);
		return;
	case REACH_DUE_PROBE:
		land_probe(w, f);
		return;
	}
}

static void
note(struct fakeworld *w, const struct fakeworld_event *e)
{
	if (w->script.event != NULL)
		w->script.event(e);
	else if (w->n_log < FAKEWORLD_LOG)
		w->log[w->n_log++] = *e;
}

static void
take_changes(struct fakeworld *w)
{
	struct fakeworld_event e = {.at = w->now};
	while (reach_take_change(w->reach, &e.change)) {
		switch (e.change.kind) {
		case REACH_CHANGE_ENDPOINT:
			note(w, &e);
			break;
		case REACH_CHANGE_SET:
			if (plans_on_set(
				w->plans, e.change.id, w->now, &e.transition))
				note(w, &e);
			break;
		case REACH_CHANGE_SET_GONE:
			plans_on_set_gone(w->plans, e.change.id);
			break;
		}
	}
}

// Lands what has arrived by now, in the order of time.
static void
land_due(struct fakeworld *w)
{
	while (w->n_flight > 0 && w->flight[0].at <= w->now) {
		struct fakeworld_flight f = flight_take(w);
		int64_t began = real_ns();
		land(w, &f);
		step_end(w, FAKEWORLD_TELL, began);
		began = real_ns();
		take_changes(w);
		step_end(w, FAKEWORLD_CHANGES, began);
	}
}

static void
begin_due(struct fakeworld *w)
{
	struct reach_due due;
	struct relays_due relay_due;
	int64_t began = real_ns();
	while (reach_next(w->reach, w->now, &due))
		fly(w, &due);
	while (w->script.relay != NULL &&
	       relays_next(w->relays, w->now, &relay_due))
		fly_for_relay(w, &relay_due);
	take_changes(w); // what reach_next() forgot
	step_end(w, FAKEWORLD_NEXT, began);
}

static int64_t
next_at(const struct fakeworld *w)
{
	int64_t at = reach_next_at(w->reach, w->now);
	if (w->script.relay != NULL) {
		int64_t relays_at = relays_next_at(w->relays, w->now);
		at = relays_at < at ? relays_at : at;
	}
	if (w->n_flight > 0 && w->flight[0].at < at)
		at = w->flight[0].at;
	return at;
}

void
fakeworld_run(struct fakeworld *w, int64_t ms)
{
	int64_t end = w->now + ms;
	for (;;) {
		land_due(w);
		take_changes(w); // of what the test itself told
		begin_due(w);
		int64_t at = next_at(w);
		if (at > end)
			break;
		w->now = at;
	}
	w->now = end;
}

struct route_view
fakeworld_ask(
    struct fakeworld *w, const char *name, enum reach_interest interest)
{
	int64_t began = real_ns();
	uint32_t id = reach_lookup(
	    w->reach, name, strlen(name), interest, w->now);
	struct route_view v = id == REACH_NONE
				  ? plans_cold(w->plans, 0)
				  : plans_route(w->plans, id, w->now);
	step_end(w, FAKEWORLD_LOOKUP, began);
	return v;
}

struct route_view
fakeworld_settle(struct fakeworld *w, const char *name)
{
	fakeworld_ask(w, name, REACH_WANTED);
	fakeworld_run(w, SETTLE_MS);
	return fakeworld_ask(w, name, REACH_ASKED);
}

uint32_t
fakeworld_domain(const struct fakeworld *w, const char *name)
{
	return reach_find_domain(w->reach, name, strlen(name));
}
