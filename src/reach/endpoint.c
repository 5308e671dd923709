// SPDX-License-Identifier: MIT
// Endpoints: the verdict on each address, by evidence, with hysteresis.
#include "base/bug.h"
#include "base/mem.h"
#include "reach/greeting.h"
#include "reach/internal.h"

#include <stdlib.h>
#include <string.h>

enum {
	SLOW_RETRY_MS =
	    1000,	 // an unknown one that was slow is asked again soon
	LINGER_ROOM = 8, // this part of all records is for those in use
};

uint32_t
endpoint_find(const struct reach *r, const struct netaddr *address)
{
	uint32_t hash = reach_hash(r, address, sizeof(*address));
	uint32_t pos;
	uint32_t id = index_first(&r->endpoint_index, hash, &pos);
	while (id != REACH_NONE &&
	       !netaddr_equal(&endpoint_at(r, id)->address, address))
		id = index_next(&r->endpoint_index, hash, &pos);
	return id;
}

// Rule 5.
static bool
is_own_address(const struct reach *r, const struct netaddr *a)
{
	for (uint32_t i = 0; i < r->p.n_self_addresses; i++)
		if (netaddr_same_host(&r->self_addresses[i], a))
			return true;
	return false;
}

// Rule 9: never the special-purpose registries, nor our own addresses.
static bool
endpoint_may_be_probed(const struct reach *r, const struct netaddr *a)
{
	if (is_own_address(r, a))
		return false;
	switch (netaddr_class(a)) {
	case NETADDR_PUBLIC:
		return true;
	case NETADDR_LOCAL:
		return r->p.allow_private;
	case NETADDR_NEVER:
		break;
	}
	return false;
}

static enum reach_fixed_as
fixed_as(const struct reach *r, const struct netaddr *a)
{
	for (uint32_t i = 0; i < r->p.n_fixed; i++)
		if (netprefix_contains(&r->fixed[i].prefix, a))
			return r->fixed[i].as;
	return REACH_FIXED_NOT;
}

// What the configuration says of it.
static void
endpoint_apply_params(const struct reach *r, struct endpoint *e)
{
	bool probed = e->address.family == AF_INET ? r->p.ipv4 : r->p.ipv6;
	e->own = is_own_address(r, &e->address);
	e->forbidden = !probed || !endpoint_may_be_probed(r, &e->address);
	e->fixed = (uint8_t)fixed_as(r, &e->address);
}

uint32_t
endpoint_intern(struct reach *r, const struct netaddr *address)
{
	uint32_t id = endpoint_find(r, address);
	if (id != REACH_NONE)
		return id;
	id = pool_take(&r->endpoints);
	if (id == REACH_NONE)
		return REACH_NONE;
	struct endpoint *e = endpoint_at(r, id);
	e->live = true;
	e->address = *address;
	e->hash = reach_hash(r, address, sizeof(*address));
	endpoint_apply_params(r, e);
	index_put(&r->endpoint_index, e->hash, id);
	return id;
}

// Addresses that take turns in the answers of one name come back: the verdict
// on one is kept for an interval after its last probe, so that it is not probed
// anew at each of its turns, nor judged by one result alone. Not while records
// run short: then what is in use needs the room. Nor over a reload, after which
// nothing is known of it that its next host would not learn anew.
static bool
endpoint_lingers(const struct reach *r, const struct endpoint *e)
{
	return e->place == PLACE_HEAP && e->observed_at != 0 &&
	       r->endpoints.used <
		   r->endpoints.max - r->endpoints.max / LINGER_ROOM;
}

static void
endpoint_free(struct reach *r, uint32_t id)
{
	struct endpoint *e = endpoint_at(r, id);
	due_drop(r, ref_make(REF_ENDPOINT, id));
	index_del(&r->endpoint_index, e->hash, id);
	free(e->ring);
	pool_give(&r->endpoints, id);
}

void
endpoint_free_if_unused(struct reach *r, uint32_t id)
{
	const struct endpoint *e = endpoint_at(r, id);
	if (e->hosts == REACH_NONE && !e->probing && !e->kept &&
	    !endpoint_lingers(r, e))
		endpoint_free(r, id);
}

void
endpoint_fini_all(struct reach *r)
{
	for (uint32_t id = 1; id <= r->endpoints.made; id++)
		if (endpoint_at(r, id)->live)
			free(endpoint_at(r, id)->ring);
}

// -- state ------------------------------------------------------------------

bool
endpoint_is_usable(const struct endpoint *e)
{
	return !e->forbidden && e->fixed != REACH_FIXED_IGNORE &&
	       (!e->no_route_only || e->fixed != REACH_FIXED_NOT);
}

bool
endpoint_is_refused(const struct endpoint *e)
{
	return e->refused && e->fixed == REACH_FIXED_NOT;
}

bool
endpoint_was_tried(const struct endpoint *e)
{
	return e->outcome != OUTCOME_NONE && e->observed_at == 0;
}

enum reach_state
endpoint_state(const struct endpoint *e)
{
	switch ((enum reach_fixed_as)e->fixed) {
	case REACH_FIXED_REACHABLE:
		return REACH_REACHABLE;
	case REACH_FIXED_UNREACHABLE:
		return REACH_UNREACHABLE;
	case REACH_FIXED_NOT:
	case REACH_FIXED_IGNORE:
		break;
	}
	return (enum reach_state)e->state;
}

static void
update_hosts(struct reach *r, uint32_t id)
{
	for (uint32_t host = endpoint_at(r, id)->hosts; host != REACH_NONE;
	     host = host_next_of_endpoint(r, host, id))
		host_update(r, host);
}

static bool
endpoint_is_wanted(const struct reach *r, uint32_t id)
{
	return endpoint_at(r, id)->wanted > 0;
}

static bool
endpoint_used_since(const struct reach *r, uint32_t id, int64_t since)
{
	unsigned left = USERS_ASKED_MAX;
	for (uint32_t host = endpoint_at(r, id)->hosts; host != REACH_NONE;
	     host = host_next_of_endpoint(r, host, id))
		if (left-- == 0 || host_used_since(r, host, since, &left))
			return true;
	return false;
}

// -- hysteresis (rule 3) ----------------------------------------------------

// Down: `fall` failures in a row; the first result on an unknown endpoint
// decides at once, unless it was only slow.
static bool
endpoint_goes_down(
    const struct reach *r, const struct endpoint *e, enum outcome_says says)
{
	if (e->state == REACH_UNREACHABLE)
		return false;
	if (e->state == REACH_UNKNOWN && says == OUTCOME_SAYS_DOWN)
		return true;
	return e->fails >= r->p.fall;
}

// Up: `rise` successes in a row; the first on an unknown endpoint decides.
static bool
endpoint_comes_up(const struct reach *r, const struct endpoint *e)
{
	if (e->state == REACH_UNREACHABLE)
		return e->oks >= r->p.rise;
	return e->state == REACH_UNKNOWN;
}

static void
count_result(struct endpoint *e, bool up)
{
	uint8_t *streak = up ? &e->oks : &e->fails;
	uint8_t *other = up ? &e->fails : &e->oks;
	*other = 0;
	if (*streak < UINT8_MAX)
		(*streak)++;
}

// Keeps the last few observations from the first failure on.
static void
note_evidence(struct endpoint *e, const struct evidence *what)
{
	enum outcome_says says = outcome_says((enum outcome)what->outcome);
	if (says == OUTCOME_SAYS_NOTHING ||
	    (e->ring == NULL && says == OUTCOME_SAYS_UP))
		return;
	if (e->ring == NULL)
		e->ring = xcalloc(1, sizeof(*e->ring));
	e->ring->item[e->ring->next] = *what;
	e->ring->next = (uint8_t)((e->ring->next + 1) % RING_LEN);
}

static void
report_change(
    struct reach *r, uint32_t id, enum reach_state old, uint32_t count)
{
	const struct endpoint *e = endpoint_at(r, id);
	if (e->hosts == REACH_NONE)
		return; // it lingers: nobody's route is concerned
	struct reach_change c = {
	    .kind = REACH_CHANGE_ENDPOINT,
	    .id = id,
	    .address = e->address,
	    .old_state = old,
	    .new_state = (enum reach_state)e->state,
	    .outcome = (enum outcome)e->outcome,
	    .count = count,
	};
	for (uint32_t host = e->hosts; host != REACH_NONE;
	     host = host_next_of_endpoint(r, host, id))
		for (uint32_t set = host_at(r, host)->sets; set != REACH_NONE;
		     set = mxset_next_of_host(r, set, host)) {
			if (mxset_first_with(r, set, id) != host)
				continue; // counted for another host of it
			c.sets++;
			c.domains += mxset_at(r, set)->domains;
		}
	if (r->change_n == r->change_size) {
		r->change_size = r->change_size == 0 ? 64 : r->change_size * 2;
		r->change = xreallocarray(
		    r->change, r->change_size, sizeof(*r->change));
	}
	r->change[r->change_n++] = c;
}

// Counts the result, and changes the state when it is time to.
static void
endpoint_judge(struct reach *r, uint32_t id, enum outcome_says says)
{
	struct endpoint *e = endpoint_at(r, id);
	enum reach_state old = (enum reach_state)e->state;
	bool up = says == OUTCOME_SAYS_UP;
	count_result(e, up);
	uint32_t count = up ? e->oks : e->fails;
	if (up && endpoint_comes_up(r, e))
		e->state = REACH_REACHABLE;
	else if (!up && endpoint_goes_down(r, e, says))
		e->state = REACH_UNREACHABLE;
	if ((enum reach_state)e->state == old)
		return;
	e->fails = e->oks = 0;
	e->backoff_ms = 0;
	report_change(r, id, old, count);
}

// -- when to probe ----------------------------------------------------------

static bool
endpoint_is_probed(const struct reach *r, const struct endpoint *e)
{
	return r->p.probe_enabled && !e->forbidden &&
	       e->fixed == REACH_FIXED_NOT;
}

bool
endpoint_may_begin(struct reach *r, uint32_t id)
{
	struct endpoint *e = endpoint_at(r, id);
	if (r->sweep_endpoint >= id)
		endpoint_apply_params(r, e);
	return endpoint_is_probed(r, e);
}

// A down one is given all the time there is: it may greet later than it did.
int64_t
endpoint_greeting_timeout_ms(const struct reach *r, const struct endpoint *e)
{
	if (e->state == REACH_UNREACHABLE)
		return r->p.greeting_timeout_ms;
	return greeting_timeout(
	    e->slowest_s, r->p.reply_timeout_ms, r->p.greeting_timeout_ms);
}

// A down endpoint's interval doubles to its maximum, never beyond.
static int64_t
next_backoff(struct reach *r, struct endpoint *e)
{
	int64_t ms = e->backoff_ms == 0 ? r->p.down_interval_ms
					: (int64_t)e->backoff_ms * 2;
	if (ms > r->p.down_interval_max_ms)
		ms = r->p.down_interval_max_ms;
	e->backoff_ms = (uint32_t)ms;
	return reach_jitter(r, ms);
}

// How long after the start of the last probe, which ended so, the next one
// begins.
static int64_t
next_interval(struct reach *r, struct endpoint *e, enum outcome outcome)
{
	enum outcome_says says = outcome_says(outcome);
	if (outcome == OUTCOME_LOCAL_ERROR)
		return reach_jitter(r, r->p.fast_interval_ms);
	switch ((enum reach_state)e->state) {
	case REACH_UNKNOWN:
		if (says == OUTCOME_SAYS_SLOW)
			return SLOW_RETRY_MS < r->p.fast_interval_ms
				   ? SLOW_RETRY_MS
				   : r->p.fast_interval_ms;
		if (e->no_route_only) // there may be a route any moment
			return next_backoff(r, e);
		break;
	case REACH_REACHABLE:
		if (e->fails > 0)
			return r->p.fast_interval_ms;
		break;
	case REACH_UNREACHABLE:
		if (e->oks > 0)
			return r->p.fast_interval_ms;
		return next_backoff(r, e);
	case REACH_PARTIAL:
	case REACH_ABSENT:
		break;
	}
	return reach_jitter(r, r->p.interval_ms);
}

static void
schedule_next(struct reach *r, uint32_t id, int64_t now, enum outcome outcome)
{
	struct endpoint *e = endpoint_at(r, id);
	if (!endpoint_is_probed(r, e))
		return;
	int64_t at = e->started_at + next_interval(r, e, outcome);
	due_at(r, ref_make(REF_ENDPOINT, id), at < now ? now : at);
}

// In the middle of a change of state: goes on whether anybody asks or not.
static bool
endpoint_is_in_transition(const struct endpoint *e)
{
	if (e->state == REACH_UNREACHABLE)
		return e->oks > 0;
	return e->fails > 0;
}

// Rule 3: a down endpoint that no domain in use needs any more is forgotten.
static bool
endpoint_is_forgotten(const struct reach *r, uint32_t id, int64_t now)
{
	return endpoint_at(r, id)->state == REACH_UNREACHABLE &&
	       !endpoint_used_since(r, id, now - r->p.idle_ms);
}

// A verdict that nothing would ever look at again is none.
static void
endpoint_forget(struct reach *r, uint32_t id, bool report)
{
	struct endpoint *e = endpoint_at(r, id);
	enum reach_state old = (enum reach_state)e->state;
	e->state = REACH_UNKNOWN;
	e->outcome = OUTCOME_NONE;
	e->refused = false;
	e->fails = e->oks = 0;
	e->started_at = e->observed_at = 0;
	free(e->ring);
	e->ring = NULL;
	if (old != REACH_UNKNOWN && report)
		report_change(r, id, old, 0);
	for (uint32_t host = e->hosts; host != REACH_NONE;
	     host = host_next_of_endpoint(r, host, id))
		host_drop_inheritance(r, host, id);
	update_hosts(r, id);
}

// Its probe is due while no host has it: it waits for one to the end.
static void
endpoint_linger_on(struct reach *r, uint32_t id, int64_t now)
{
	struct endpoint *e = endpoint_at(r, id);
	int64_t end = e->started_at + r->p.interval_ms;
	e->overdue = true;
	if (now < end)
		due_at(r, ref_make(REF_ENDPOINT, id), end);
	else
		endpoint_free(r, id);
}

void
endpoint_on_due(struct reach *r, uint32_t id, int64_t now)
{
	const struct endpoint *e = endpoint_at(r, id);
	uint32_t ref = ref_make(REF_ENDPOINT, id);
	if (e->hosts == REACH_NONE) {
		endpoint_linger_on(r, id, now);
		return;
	}
	if (!endpoint_is_probed(r, e))
		return;
	if (endpoint_is_forgotten(r, id, now)) {
		endpoint_forget(r, id, true);
		return;
	}
	bool wanted = endpoint_is_wanted(r, id);
	if (e->state == REACH_UNREACHABLE || endpoint_is_in_transition(e))
		due_ready(r, ref, wanted, false);
	else if ((wanted || r->p.asked_spare) &&
		 endpoint_used_since(r, id, e->started_at))
		due_ready(r, ref, wanted, false);
}

// How long after its last probe a lookup wakes it. One that could not be probed
// for a reason of ours is still to have its first.
static int64_t
wake_interval(const struct reach *r, const struct endpoint *e)
{
	return e->observed_at == 0 ? r->p.fast_interval_ms : r->p.interval_ms;
}

// A lookup needs it: what sleeps is woken, what waits may move ahead.
void
endpoint_touch(struct reach *r, uint32_t id, bool first, int64_t now)
{
	struct endpoint *e = endpoint_at(r, id);
	uint32_t ref = ref_make(REF_ENDPOINT, id);
	if (!endpoint_is_probed(r, e) || e->probing)
		return;
	bool wanted = endpoint_is_wanted(r, id);
	if (!wanted && !r->p.asked_spare)
		return;
	switch ((enum place)e->place) {
	case PLACE_NOWHERE:
		if (e->started_at == 0 ||
		    e->started_at + wake_interval(r, e) <= now)
			due_ready(r, ref, wanted, first);
		else
			due_at(r, ref, e->started_at + wake_interval(r, e));
		break;
	case PLACE_ASKED:
		if (wanted || first)
			due_ready(r, ref, wanted, first);
		break;
	case PLACE_WANTED:
		if (first)
			due_ready(r, ref, true, true);
		break;
	case PLACE_PARKED_WANTED:
	case PLACE_PARKED_ASKED:
		due_repark(r, ref, wanted, first);
		break;
	case PLACE_HEAP:
		if (e->overdue) // back among the addresses of a host
			due_ready(r, ref, wanted, first);
		break;
	}
	e->overdue = false;
}

// The interval that it is in, within the new limits, will be the next again: a
// reload must not have all that is down probed at once.
static void
stay_in_backoff(const struct reach *r, struct endpoint *e)
{
	int64_t ms = e->backoff_ms;
	if (ms == 0)
		return;
	if (ms < r->p.down_interval_ms)
		ms = r->p.down_interval_ms;
	if (ms > r->p.down_interval_max_ms)
		ms = r->p.down_interval_max_ms;
	e->backoff_ms = (uint32_t)(ms / 2); // next_backoff() doubles it
}

// A down one has a time until it is forgotten, whoever asks; one that was not
// probed under the configuration before has lost it.
static bool
endpoint_fell_out(const struct endpoint *e)
{
	return e->place == PLACE_NOWHERE && e->state == REACH_UNREACHABLE;
}

void
endpoint_reconfigure(struct reach *r, uint32_t id, int64_t now)
{
	struct endpoint *e = endpoint_at(r, id);
	uint32_t ref = ref_make(REF_ENDPOINT, id);
	if (e->hosts == REACH_NONE && !e->probing) {
		endpoint_free(r, id);
		return;
	}
	endpoint_apply_params(r, e);
	if (!r->p.probe_enabled)
		endpoint_forget(r, id, false); // not a line for each address
	if (!endpoint_is_probed(r, e))
		due_drop(r, ref);
	else if (!e->probing &&
		 (e->place == PLACE_HEAP || endpoint_fell_out(e))) {
		// New intervals count from the last probe on.
		stay_in_backoff(r, e);
		schedule_next(r, id, now, (enum outcome)e->outcome);
	}
}

// -- told -------------------------------------------------------------------

// An address that has only ever given no-route is none for us.
static bool
endpoint_has_only_no_route(const struct endpoint *e, enum outcome outcome)
{
	return outcome == OUTCOME_NO_ROUTE &&
	       (e->observed_at == 0 || e->no_route_only);
}

void
reach_tell_greeting(struct reach *r, uint32_t endpoint, int64_t took_ms)
{
	struct endpoint *e = endpoint_at(r, endpoint);
	mxd_assert(e->live && e->probing);
	e->slowest_s = greeting_note(e->slowest_s, took_ms);
}

void
reach_tell_probe(struct reach *r, uint32_t endpoint, enum outcome outcome,
    int64_t latency_ms, const char *text, int64_t now)
{
	struct endpoint *e = endpoint_at(r, endpoint);
	mxd_assert(e->live && e->probing && r->probing > 0);
	e->probing = false;
	r->probing--;
	due_probe_ended(r, &e->address);
	struct evidence what = {
	    .at = now,
	    .latency_ms = latency_ms > INT32_MAX ? INT32_MAX
						 : (int32_t)latency_ms,
	    .outcome = (uint8_t)outcome,
	};
	size_t len = strnlen(text, sizeof(what.text) - 1);
	memcpy(what.text, text, len);
	note_evidence(e, &what);

	enum outcome_says says = outcome_says(outcome);
	uint8_t old_state = e->state;
	bool old_refused = e->refused;
	bool old_no_route = e->no_route_only;
	bool old_tried = endpoint_was_tried(e);
	if (says != OUTCOME_SAYS_NOTHING || e->state == REACH_UNKNOWN)
		e->outcome = (uint8_t)outcome;
	if (outcome != OUTCOME_LOCAL_ERROR) { // that says nothing of it
		e->no_route_only = endpoint_has_only_no_route(e, outcome);
		e->observed_at = now;
	}
	// On its way up again it stays down for the cause that it had.
	if (says == OUTCOME_SAYS_DOWN || says == OUTCOME_SAYS_SLOW)
		e->refused = outcome == OUTCOME_CONNECT_REFUSED;
	// Probing may have been switched off meanwhile: see endpoint_forget().
	if (says != OUTCOME_SAYS_NOTHING && r->p.probe_enabled)
		endpoint_judge(r, endpoint, says);
	schedule_next(r, endpoint, now, outcome);
	if (e->state != old_state || e->no_route_only != old_no_route ||
	    e->refused != old_refused || endpoint_was_tried(e) != old_tried)
		update_hosts(r, endpoint);
	endpoint_free_if_unused(r, endpoint);
}
