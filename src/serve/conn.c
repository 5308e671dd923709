// SPDX-License-Identifier: MIT
// One connection: reads, has the protocol answer, writes.

#include "serve/conn.h"

#include "base/bug.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/conn_impl.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	// A client that takes a byte now and then makes progress for ever, and
	// one with unsent replies keeps its place: so a total, in write_ms.
	WRITE_TOTAL_FACTOR = 8,
};

bool
conn_fill(struct conn *c)
{
	struct conn_buf *in = &c->in;
	size_t cap = c->protocol->max_input;

	if (cap < CONN_IN_INLINE)
		cap = CONN_IN_INLINE;
	// One whole request more than fits was refused before we come here.
	bool room = conn_buf_reserve(in, 1, cap, c->in_inline);
	mxd_assert(room);
	ssize_t n = recv(
	    c->fd, in->data + in->end, in->size - in->end, MSG_DONTWAIT);
	if (n > 0) {
		in->end += (size_t)n;
		return true;
	}
	if (n == 0) {
		c->eof = true;
		return true;
	}
	if (errno == EAGAIN || errno == EINTR)
		return true;
	log_debug("conn proto=%s peer=%s error=read text=\"%s\"",
	    c->protocol->name, c->peer, strerror(errno));
	return false;
}

// Hands the kernel what it takes; the rest waits for EV_WRITE.
static void
conn_send(struct conn *c)
{
	struct conn_buf *out = &c->out;
	ssize_t n = 0;

	if (c->dead || conn_buf_len(out) == 0)
		return;
	n = send(c->fd, out->data + out->start, conn_buf_len(out),
	    MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		log_debug("conn proto=%s peer=%s error=write text=\"%s\"",
		    c->protocol->name, c->peer, strerror(errno));
		c->dead = true;
		return;
	}
	conn_buf_consume(out, n > 0 ? (size_t)n : 0);
	if (conn_buf_len(out) == 0) {
		c->unsent_since = -1;
		if (c->writing)
			event_del(&c->ev_write);
		c->writing = false;
		return;
	}
	if (n > 0 || c->unsent_since < 0)
		c->progress_at = clock_now();
	if (c->unsent_since < 0)
		c->unsent_since = c->progress_at;
	if (!c->writing && event_add(&c->ev_write, NULL) != 0)
		c->dead = true;
	c->writing = true;
}

// Calls the protocol once.
static enum conn_step
conn_step(struct conn *c, size_t *used_out)
{
	mxd_assert(!c->pool->serving);
	c->pool->serving = true;
	c->fault = NULL;
	enum conn_step step = c->protocol->on_input(c, c->in.data + c->in.start,
	    conn_buf_len(&c->in), used_out, c->service);
	c->pool->serving = false;
	return step;
}

// One request was understood.
static void
conn_take(struct conn *c, size_t used)
{
	mxd_assert(used > 0 && used <= conn_buf_len(&c->in));
	conn_buf_consume(&c->in, used);
	c->partial_since = -1;
	c->requests++;
}

// A request is not whole yet.
static enum conn_state
conn_on_partial(struct conn *c)
{
	if (conn_buf_len(&c->in) >= c->protocol->max_input) {
		conn_log_fault(c, "request-too-long",
		    "the request is longer than this protocol allows");
		return CONN_CLOSING;
	}
	if (c->partial_since < 0)
		c->partial_since = clock_now();
	return CONN_READING;
}

// Has at most `budget` requests answered. Returns the state to enter.
static enum conn_state
conn_serve(struct conn *c, unsigned budget)
{
	size_t pause_at = c->pool->params.max_output / 2;

	while (conn_buf_len(&c->in) > 0 && !c->dead) {
		if (budget-- == 0)
			return CONN_TURN;
		if (conn_buf_len(&c->out) > pause_at) {
			conn_send(c);
			if (conn_buf_len(&c->out) > pause_at)
				return CONN_FULL;
		}
		size_t used = 0;
		switch (conn_step(c, &used)) {
		case CONN_NEXT:
			conn_take(c, used);
			break;
		case CONN_WAIT:
			conn_take(c, used);
			return CONN_WAITING;
		case CONN_NEED_MORE:
			return conn_on_partial(c);
		case CONN_BAD:
			conn_log_fault(c, "bad-request",
			    c->fault != NULL
				? c->fault
				: "the input is no request of this protocol");
			return CONN_CLOSING;
		}
	}
	return CONN_READING;
}

static void conn_on_readable(evutil_socket_t fd, short what, void *arg);
static void conn_on_gone(evutil_socket_t fd, short what, void *arg);

// Changes what is heard from the peer.
static void
conn_listen(struct conn *c, enum conn_ear ear)
{
	struct event_base *base = c->pool->params.base;

	if (c->ear == ear)
		return;
	if (c->ear != CONN_EAR_OFF)
		event_del(&c->ev_in);
	c->ear = CONN_EAR_OFF;
	switch (ear) {
	case CONN_EAR_OFF:
		return;
	case CONN_EAR_READ:
		event_assign(&c->ev_in, base, c->fd, EV_READ | EV_PERSIST,
		    conn_on_readable, c);
		break;
	case CONN_EAR_GONE:
		if (!c->pool->edge)
			return;
		// EV_CLOSED alone would spin: libevent reports a reset as
		// EV_READ only. Edge-triggered, as what comes stays unread.
		event_assign(&c->ev_in, base, c->fd,
		    EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, conn_on_gone, c);
		break;
	}
	if (event_add(&c->ev_in, NULL) == 0) {
		c->ear = ear;
		return;
	}
	conn_log_fault(c, "no-event", "cannot watch the socket");
	c->dead = true;
}

// True when conn_sweep() has something to look at.
static bool
conn_needs_watch(const struct conn *c)
{
	return c->partial_since >= 0 || c->unsent_since >= 0 ||
	       c->in.data != c->in_inline || c->out.data != c->out_inline;
}

// Sees to it that what `state` waits for will wake us. The connection may be
// gone when it returns.
static void
conn_enter(struct conn *c, enum conn_state state)
{
	bool unsent = conn_buf_len(&c->out) > 0;

	if (state == CONN_READING && (c->eof || c->pool->draining))
		state = CONN_CLOSING;
	if (state == CONN_FULL && !unsent)
		state = CONN_TURN;
	if (state != CONN_TURN)
		conn_pool_remove_turn(c);
	c->state = state;
	switch (state) {
	case CONN_READING:
		conn_listen(c, CONN_EAR_READ);
		break;
	case CONN_TURN:
		// The next turn comes at once, and input that is reported
		// meanwhile is left alone: not worth two epoll_ctl().
		if (c->ear == CONN_EAR_GONE || c->eof)
			conn_listen(c, CONN_EAR_OFF);
		conn_pool_add_turn(c);
		break;
	case CONN_WAITING:
		c->dead = c->dead || c->pool->draining;
		// Edge- and level-triggered events on one descriptor must not
		// be mixed (event2/event.h); while output waits, EV_WRITE finds
		// a reset.
		conn_listen(c, unsent ? CONN_EAR_OFF : CONN_EAR_GONE);
		break;
	case CONN_CLOSING:
		c->dead = c->dead || !unsent;
		conn_listen(c, CONN_EAR_OFF);
		break;
	case CONN_FULL:
		conn_listen(c, CONN_EAR_OFF);
		break;
	}
	if (c->dead) {
		conn_finish(c);
		return;
	}
	conn_pool_shelve(c);
	if (conn_needs_watch(c))
		conn_pool_watch(c);
}

void
conn_run(struct conn *c, unsigned budget)
{
	enum conn_state next = conn_serve(c, budget);

	conn_send(c);
	conn_enter(c, next);
}

void
conn_read(struct conn *c)
{
	if (c->state != CONN_READING)
		return;
	if (!conn_fill(c)) {
		conn_finish(c);
		return;
	}
	if (c->eof && conn_buf_len(&c->in) > 0)
		log_debug("conn proto=%s peer=%s error=closed-early "
			  "text=\"closed in the middle of a request\"",
		    c->protocol->name, c->peer);
	conn_run(c, CONN_TURN_REQUESTS);
}

static void
conn_on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	conn_read(arg);
}

// While the answer is being waited for: a half-closed peer (shutdown(2)
// SHUT_WR, as `nc -N` does) still wants it, one that is gone does not. Over TCP
// a plain close looks like a half-close until we write: then the answer goes
// nowhere, which is harmless.
static void
conn_on_gone(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	struct pollfd p = {.fd = fd};
	(void)what;

	if (c->state != CONN_WAITING)
		return;
	if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0)
		conn_finish(c);
}

static void
conn_on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	(void)fd;
	(void)what;

	conn_send(c);
	// Not before all is sent: so that who keeps output waiting for long has
	// been slow for as long.
	if (c->state == CONN_FULL && conn_buf_len(&c->out) == 0)
		conn_run(c, CONN_TURN_REQUESTS);
	else
		conn_enter(c, c->state);
}

void
conn_sweep(struct conn *c, int64_t now)
{
	const struct conn_pool_params *p = &c->pool->params;

	if (c->state == CONN_READING && c->partial_since >= 0 &&
	    now - c->partial_since >= p->request_ms) {
		conn_log_fault(c, "request-timeout",
		    "the rest of the request did not come in time");
		conn_finish(c);
		return;
	}
	if (c->unsent_since >= 0 &&
	    (now - c->progress_at >= p->write_ms ||
		now - c->unsent_since >= WRITE_TOTAL_FACTOR * p->write_ms)) {
		conn_log_fault(
		    c, "reply-timeout", "the client does not read its replies");
		conn_finish(c);
		return;
	}
	// A client that sends long requests all the time keeps its memory.
	if (c->requests == c->swept_requests) {
		if (conn_buf_len(&c->in) == 0)
			conn_buf_shrink(&c->in, c->in_inline, CONN_IN_INLINE);
		if (conn_buf_len(&c->out) == 0)
			conn_buf_shrink(
			    &c->out, c->out_inline, CONN_OUT_INLINE);
	}
	c->swept_requests = c->requests;
	if (conn_needs_watch(c))
		conn_pool_watch(c);
}

bool
conn_has_input(const struct conn *c)
{
	char byte;

	return c->state == CONN_TURN ||
	       recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void
conn_finish(struct conn *c)
{
	struct conn_pool *pool = c->pool;
	bool waiting = c->state == CONN_WAITING;

	c->state = CONN_CLOSING;
	conn_pool_forget(c);
	conn_listen(c, CONN_EAR_OFF);
	if (c->writing)
		event_del(&c->ev_write);
	if (waiting && c->protocol->on_close != NULL) {
		mxd_assert(!pool->serving);
		pool->serving = true;
		c->protocol->on_close(c, c->service);
		pool->serving = false;
	}
	// Ours to end first: the peer sees its replies and an orderly end even
	// if bytes that nobody read turn the close into a reset.
	shutdown(c->fd, SHUT_WR);
	close(c->fd);
	conn_buf_shrink(&c->in, c->in_inline, CONN_IN_INLINE);
	conn_buf_shrink(&c->out, c->out_inline, CONN_OUT_INLINE);
	free(c);
}

// Puts a new connection together.
static struct conn *
conn_new(struct conn_pool *pool, int fd, const char *peer,
    const struct conn_protocol *protocol, void *service)
{
	struct conn *c = xcalloc(1, sizeof(*c));

	c->pool = pool;
	c->protocol = protocol;
	c->service = service;
	c->fd = fd;
	c->in = (struct conn_buf){.data = c->in_inline, .size = CONN_IN_INLINE};
	c->out = (struct conn_buf){
	    .data = c->out_inline, .size = CONN_OUT_INLINE};
	c->partial_since = -1;
	c->unsent_since = -1;
	snprintf(c->peer, sizeof(c->peer), "%s", peer);
	event_assign(&c->ev_write, pool->params.base, fd, EV_WRITE | EV_PERSIST,
	    conn_on_writable, c);
	return c;
}

void
conn_start(struct conn_pool *pool, int fd, const char *peer,
    const struct conn_protocol *protocol, void *service)
{
	mxd_assert(!pool->serving);
	if (!conn_pool_admit(pool)) {
		close(fd);
		return;
	}
	struct conn *c = conn_new(pool, fd, peer, protocol, service);
	conn_pool_add(c);
	conn_enter(c, CONN_READING);
}

void
conn_reply(struct conn *c, const char *data, size_t len)
{
	struct conn_buf *out = &c->out;

	if (c->dead || len == 0)
		return;
	if (!conn_buf_reserve(
		out, len, c->pool->params.max_output, c->out_inline)) {
		conn_log_fault(c, "too-much-output",
		    "the client does not read its replies");
		c->dead = true;
		return;
	}
	memcpy(out->data + out->end, data, len);
	out->end += len;
}

void
conn_resume(struct conn *c)
{
	mxd_assert(c->state == CONN_WAITING);
	// No longer waiting: whatever happens now, on_close() is not called.
	c->state = CONN_TURN;
	conn_listen(c, CONN_EAR_OFF);
	conn_send(c);
	conn_enter(c, conn_buf_len(&c->in) > 0 ? CONN_TURN : CONN_READING);
}

void
conn_set_fault(struct conn *c, const char *text)
{
	c->fault = text;
}

const char *
conn_peer(const struct conn *c)
{
	return c->peer;
}

void
conn_set_data(struct conn *c, void *data)
{
	c->data = data;
}

void *
conn_data(const struct conn *c)
{
	return c->data;
}
