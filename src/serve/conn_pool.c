// SPDX-License-Identifier: MIT
// All connections: their limit, their turns, what time does to them, the end.

#include "base/bug.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/conn.h"
#include "serve/conn_impl.h"

#include <limits.h>
#include <stdlib.h>

enum {
	SWEEP_MIN_MS = 10,
	SWEEP_MAX_MS = 1000,
	// How many connections are asked whether a request has just come,
	// before one of them has to go all the same.
	EVICT_TRIES = 8,
};

void
conn_pool_arm_sweep(struct conn_pool *pool)
{
	bool due = pool->n_watched > 0 || conn_log_pending(pool);

	if (due && !event_pending(pool->sweep_timer, EV_TIMEOUT, NULL))
		event_add(pool->sweep_timer, &pool->sweep_every);
}

void
conn_pool_add_turn(struct conn *c)
{
	struct conn_pool *pool = c->pool;
	// Not event_active(): that would run before the next look at the
	// sockets, and one client could keep all others out.
	static const struct timeval at_once = {0, 0};

	if (c->in_turns)
		return;
	c->in_turns = true;
	TAILQ_INSERT_TAIL(&pool->turns, c, on_turns);
	if (pool->n_turns++ == 0)
		event_add(pool->turn_timer, &at_once);
}

void
conn_pool_remove_turn(struct conn *c)
{
	if (!c->in_turns)
		return;
	c->in_turns = false;
	TAILQ_REMOVE(&c->pool->turns, c, on_turns);
	c->pool->n_turns--;
}

// Gives each connection that is on the list now one turn. Counted, as the
// protocol may make other connections go away or come.
static void
pool_on_turns(evutil_socket_t fd, short what, void *arg)
{
	struct conn_pool *pool = arg;
	static const struct timeval at_once = {0, 0};
	struct conn *c;
	(void)fd;
	(void)what;

	for (unsigned n = pool->n_turns; n > 0; n--) {
		c = TAILQ_FIRST(&pool->turns);
		if (c == NULL)
			break;
		conn_pool_remove_turn(c);
		conn_run(c, CONN_TURN_REQUESTS);
	}
	if (pool->n_turns > 0)
		event_add(pool->turn_timer, &at_once);
}

void
conn_pool_watch(struct conn *c)
{
	if (c->watched)
		return;
	c->watched = true;
	TAILQ_INSERT_TAIL(&c->pool->watch, c, on_watch);
	c->pool->n_watched++;
	conn_pool_arm_sweep(c->pool);
}

// Takes `c` off the list of those that time may cut.
static void
unwatch(struct conn *c)
{
	if (!c->watched)
		return;
	c->watched = false;
	TAILQ_REMOVE(&c->pool->watch, c, on_watch);
	c->pool->n_watched--;
}

// Looks at all that time may cut; they come back to the list when need be.
static void
pool_on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct conn_pool *pool = arg;
	int64_t now = clock_now();
	struct conn *c;
	(void)fd;
	(void)what;

	for (unsigned n = pool->n_watched; n > 0; n--) {
		c = TAILQ_FIRST(&pool->watch);
		if (c == NULL)
			break;
		unwatch(c);
		conn_sweep(c, now);
	}
	conn_log_report(pool, now);
	conn_pool_arm_sweep(pool);
}

void
conn_pool_shelve(struct conn *c)
{
	struct conn_pool *pool = c->pool;
	enum conn_shelf shelf = CONN_SHELF_IDLE;
	bool used = c->requests != c->shelved_requests;

	if (c->state == CONN_WAITING || c->state == CONN_CLOSING ||
	    conn_buf_len(&c->out) > 0)
		shelf = CONN_SHELF_BUSY;
	else if (c->requests == 0)
		shelf = CONN_SHELF_FRESH;
	c->shelved_requests = c->requests;
	// Bytes alone do not make a connection younger, whole requests do.
	if (shelf == c->shelf && (!used || TAILQ_NEXT(c, on_shelf) == NULL))
		return;
	TAILQ_REMOVE(&pool->shelves[c->shelf], c, on_shelf);
	TAILQ_INSERT_TAIL(&pool->shelves[shelf], c, on_shelf);
	c->shelf = shelf;
}

void
conn_pool_add(struct conn *c)
{
	c->shelf = CONN_SHELF_FRESH;
	TAILQ_INSERT_TAIL(&c->pool->shelves[c->shelf], c, on_shelf);
	c->pool->count++;
}

void
conn_pool_forget(struct conn *c)
{
	conn_pool_remove_turn(c);
	unwatch(c);
	TAILQ_REMOVE(&c->pool->shelves[c->shelf], c, on_shelf);
	c->pool->count--;
}

// The first that never sent a request, or NULL. What has just arrived is looked
// at before: it may be one, and if it is not, nobody who works makes room for
// it.
static struct conn *
pool_oldest_fresh(struct conn_pool *pool)
{
	struct conn *c;
	unsigned tries = EVICT_TRIES;

	while ((c = TAILQ_FIRST(&pool->shelves[CONN_SHELF_FRESH])) != NULL &&
	       tries-- > 0) {
		if (!conn_has_input(c))
			return c;
		conn_read(c);
	}
	return NULL;
}

// The one that has been idle for the longest, or NULL. One whose request has
// just arrived is passed over, as closing would lose that; but only so many
// times, or who always sends would never have to go.
static struct conn *
pool_oldest_idle(struct conn_pool *pool)
{
	struct conn *c;
	unsigned tries = EVICT_TRIES;

	TAILQ_FOREACH (c, &pool->shelves[CONN_SHELF_IDLE], on_shelf) {
		if (tries-- == 0)
			break;
		if (!conn_has_input(c))
			return c;
	}
	return NULL;
}

// Closes the connection that matters least. False: all have work in hand.
static bool
pool_evict(struct conn_pool *pool)
{
	unsigned before = pool->count;
	struct conn *c = pool_oldest_fresh(pool);

	if (pool->count < before)
		return true; // what was read was an end
	if (c == NULL)
		c = pool_oldest_idle(pool);
	if (c == NULL)
		c = TAILQ_FIRST(&pool->shelves[CONN_SHELF_FRESH]);
	if (c == NULL)
		c = TAILQ_FIRST(&pool->shelves[CONN_SHELF_IDLE]);
	if (c == NULL)
		return false;
	log_debug("conn proto=%s peer=%s error=evicted requests=%llu",
	    c->protocol->name, c->peer, (unsigned long long)c->requests);
	conn_finish(c);
	pool->limit_evicted++;
	return true;
}

bool
conn_pool_admit(struct conn_pool *pool)
{
	if (pool->draining)
		return false;
	if (pool->count < pool->params.max)
		return true;
	while (pool->count >= pool->params.max && pool_evict(pool))
		;
	bool room = pool->count < pool->params.max;
	if (!room)
		pool->limit_refused++;
	conn_log_report(pool, clock_now());
	conn_pool_arm_sweep(pool);
	return room;
}

// A quarter of the shorter limit: no cut comes later than that.
static struct timeval
sweep_interval(const struct conn_pool_params *p)
{
	int64_t ms = p->request_ms < p->write_ms ? p->request_ms : p->write_ms;

	ms /= 4;
	if (ms < SWEEP_MIN_MS)
		ms = SWEEP_MIN_MS;
	if (ms > SWEEP_MAX_MS)
		ms = SWEEP_MAX_MS;
	return (struct timeval){
	    .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

struct conn_pool *
conn_pool_new(const struct conn_pool_params *p)
{
	struct conn_pool *pool = xcalloc(1, sizeof(*pool));
	int features = event_base_get_features(p->base);
	int64_t now = clock_now();

	mxd_assert(p->max > 0 && p->request_ms > 0 && p->write_ms > 0 &&
		   p->max_output >= 2 * CONN_OUT_INLINE);
	pool->params = *p;
	pool->edge = (features & EV_FEATURE_ET) != 0 &&
		     (features & EV_FEATURE_EARLY_CLOSE) != 0;
	for (size_t i = 0; i < CONN_SHELVES; i++)
		TAILQ_INIT(&pool->shelves[i]);
	TAILQ_INIT(&pool->turns);
	TAILQ_INIT(&pool->watch);
	pool->faults_since = now;
	pool->limit_logged_at = -1;
	pool->sweep_every = sweep_interval(p);
	pool->turn_timer = evtimer_new(p->base, pool_on_turns, pool);
	pool->sweep_timer = evtimer_new(p->base, pool_on_sweep, pool);
	mxd_assert(pool->turn_timer != NULL && pool->sweep_timer != NULL);
	return pool;
}

void
conn_pool_free(struct conn_pool *pool)
{
	struct conn *c;

	if (pool == NULL)
		return;
	mxd_assert(!pool->serving);
	for (size_t i = 0; i < CONN_SHELVES; i++)
		while ((c = TAILQ_FIRST(&pool->shelves[i])) != NULL)
			conn_finish(c);
	mxd_assert(pool->count == 0);
	event_free(pool->turn_timer);
	event_free(pool->sweep_timer);
	free(pool);
}

void
conn_pool_set_max(struct conn_pool *pool, unsigned max)
{
	mxd_assert(!pool->serving && max > 0);
	pool->params.max = max;
	while (pool->count > max && pool_evict(pool))
		;
	conn_pool_arm_sweep(pool);
}

unsigned
conn_pool_count(const struct conn_pool *pool)
{
	return pool->count;
}

// Brings one connection to its end: closes it, or leaves it on the busy shelf
// with output that the kernel did not take.
static void
drain_one(struct conn *c)
{
	switch (c->state) {
	case CONN_READING:
		// A request that already lies in the socket is one that we were
		// sent in good time.
		if (!c->eof && !conn_fill(c)) {
			conn_finish(c);
			return;
		}
		conn_run(c, UINT_MAX);
		return;
	case CONN_TURN:
		conn_run(c, UINT_MAX);
		return;
	case CONN_WAITING:
		conn_finish(c);
		return;
	case CONN_FULL:
	case CONN_CLOSING:
		// They go on until the output is gone.
		return;
	}
}

void
conn_pool_drain(struct conn_pool *pool)
{
	struct conn_list *busy = &pool->shelves[CONN_SHELF_BUSY];
	unsigned n = 0;
	struct conn *c;

	mxd_assert(!pool->serving);
	pool->draining = true;
	// Each that was there once; the protocol may make others go away.
	TAILQ_FOREACH (c, busy, on_shelf)
		n++;
	for (; n > 0 && (c = TAILQ_FIRST(busy)) != NULL; n--) {
		TAILQ_REMOVE(busy, c, on_shelf);
		TAILQ_INSERT_TAIL(busy, c, on_shelf);
		drain_one(c);
	}
	// From here they are closed, or move to the busy shelf.
	for (size_t i = 0; i < CONN_SHELF_BUSY; i++)
		while ((c = TAILQ_FIRST(&pool->shelves[i])) != NULL)
			drain_one(c);
}
