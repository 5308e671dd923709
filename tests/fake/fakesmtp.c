// SPDX-License-Identifier: MIT
// A scripted SMTP peer: one step machine per connection.
#include "fake/fakesmtp.h"

#include "base/bug.h"
#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

enum { FLOOD_WRITES = 16 }; // in one turn of the loop

struct peer {
	STAILQ_ENTRY(peer) link;
	struct fakesmtp *fake; // borrowed
	int fd;		       // -1: closed
	struct event *readable;
	struct event *writable;
	struct event *timer;
	bool begun;    // the step's one-time part is done
	size_t at;     // bytes of the step's text that are sent
	size_t parsed; // bytes of talk.received that EXPECT has consumed
	struct fakesmtp_talk talk;
};

struct fakesmtp {
	struct event_base *base;
	const struct fakesmtp_step *script;
	struct netaddr address;
	int fd;
	int filler; // of a deaf port: the connection that fills its queue
	struct event *acceptable;
	STAILQ_HEAD(, peer) peers;
	unsigned n_peers;
};

static void
peer_close(struct peer *p)
{
	if (p->fd < 0)
		return;
	event_del(p->readable);
	event_del(p->writable);
	event_del(p->timer);
	close(p->fd);
	p->fd = -1;
	p->talk.closed = true;
	p->talk.closed_at = clock_now();
}

static void
peer_reset(struct peer *p)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	peer_close(p);
}

static void
peer_sleep(struct peer *p, int ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	event_add(p->timer, &tv);
}

// Records what the client has sent. False: it has closed.
static bool
peer_record(struct peer *p)
{
	struct fakesmtp_talk *t = &p->talk;

	for (;;) {
		mxd_assert(t->len < FAKESMTP_RECEIVED_MAX);
		ssize_t n = recv(p->fd, t->received + t->len,
		    FAKESMTP_RECEIVED_MAX - t->len, MSG_DONTWAIT);
		if (n > 0) {
			t->len += (size_t)n;
			continue;
		}
		if (n < 0 && errno == EAGAIN)
			return true;
		peer_close(p);
		return false;
	}
}

// Sends `len` bytes of the step's text. False: later, or never.
static bool
peer_send(struct peer *p, const struct fakesmtp_step *step, size_t len)
{
	if (!peer_record(p))
		return false;
	ssize_t n = send(
	    p->fd, step->text + p->at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN) {
		peer_close(p);
		return false;
	}
	if (n > 0)
		p->at += (size_t)n;
	if (n == (ssize_t)len)
		return true;
	event_add(p->writable, NULL);
	return false;
}

static bool
peer_flood(struct peer *p, const struct fakesmtp_step *step)
{
	for (int i = 0; i < FLOOD_WRITES; i++) {
		if (!peer_send(p, step, step->len - p->at))
			return false;
		p->at = 0;
	}
	event_add(p->writable, NULL);
	return false;
}

// One byte a time; the next one is due later.
static bool
peer_drip(struct peer *p, const struct fakesmtp_step *step)
{
	if (!peer_send(p, step, 1))
		return false;
	if (p->at == step->len && step->op == FAKESMTP_OP_DRIP)
		return true;
	if (p->at == step->len)
		p->at = 0;
	peer_sleep(p, step->ms);
	return false;
}

static bool
peer_expect(struct peer *p, const struct fakesmtp_step *step)
{
	struct fakesmtp_talk *t = &p->talk;
	const char *line = t->received + p->parsed;
	const char *end = memmem(line, t->len - p->parsed, "\r\n", 2);

	if (end == NULL)
		return false; // more bytes are waited for
	size_t len = (size_t)(end - line);
	p->parsed += len + 2;
	if (len == step->len && memcmp(line, step->text, len) == 0)
		return true;
	t->surprised = true;
	peer_close(p);
	return false;
}

static bool
peer_pause(struct peer *p, const struct fakesmtp_step *step)
{
	if (p->begun)
		return true;
	p->begun = true;
	peer_sleep(p, step->ms);
	return false;
}

// Does what the step asks for. True: the next one is on.
static bool
peer_step(struct peer *p, const struct fakesmtp_step *step)
{
	switch (step->op) {
	case FAKESMTP_OP_END:
		return false; // goes on recording
	case FAKESMTP_OP_SAY:
		return peer_send(p, step, step->len - p->at);
	case FAKESMTP_OP_DRIP:
	case FAKESMTP_OP_TARPIT:
		return peer_drip(p, step);
	case FAKESMTP_OP_FLOOD:
		return peer_flood(p, step);
	case FAKESMTP_OP_PAUSE:
		return peer_pause(p, step);
	case FAKESMTP_OP_EXPECT:
		return peer_expect(p, step);
	case FAKESMTP_OP_CLOSE:
		shutdown(p->fd, SHUT_WR);
		return true;
	case FAKESMTP_OP_HANGUP:
		peer_close(p);
		return false;
	case FAKESMTP_OP_RESET:
		peer_reset(p);
		return false;
	case FAKESMTP_OP_CALL:
		step->call(step->arg);
		return true;
	}
	return false;
}

static void
peer_run(struct peer *p)
{
	while (p->fd >= 0 && peer_step(p, &p->fake->script[p->talk.step])) {
		p->talk.step++;
		mxd_assert(p->talk.step < FAKESMTP_STEPS_MAX);
		p->talk.before[p->talk.step] = p->talk.len;
		p->begun = false;
		p->at = 0;
	}
}

static enum fakesmtp_op
peer_op(const struct peer *p)
{
	return p->fake->script[p->talk.step].op;
}

static void
peer_on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct peer *p = arg;

	if (peer_record(p) && peer_op(p) == FAKESMTP_OP_EXPECT)
		peer_run(p);
}

static void
peer_on_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;

	peer_run(arg);
}

static void
fakesmtp_on_connection(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct fakesmtp *f = arg;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	int peer_fd = accept4(
	    fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (peer_fd < 0)
		return;
	struct peer *p = xcalloc(1, sizeof(*p));
	p->fake = f;
	p->fd = peer_fd;
	p->talk.from = netaddr_from_sockaddr((struct sockaddr *)&ss);
	p->readable = event_new(
	    f->base, peer_fd, EV_READ | EV_PERSIST, peer_on_readable, p);
	p->writable = event_new(f->base, peer_fd, EV_WRITE, peer_on_due, p);
	p->timer = evtimer_new(f->base, peer_on_due, p);
	event_add(p->readable, NULL);
	STAILQ_INSERT_TAIL(&f->peers, p, link);
	f->n_peers++;
	peer_run(p);
}

// Binds to a port of the kernel's choice. NULL: no such address here.
static struct fakesmtp *
fakesmtp_bind(struct event_base *base, int family)
{
	struct fakesmtp *f = xcalloc(1, sizeof(*f));
	struct sockaddr_storage ss;
	socklen_t len;
	bool known = netaddr_parse(
	    family == AF_INET6 ? "::1" : "127.0.0.1", &f->address);

	mxd_assert(known);
	f->base = base;
	f->filler = -1;
	STAILQ_INIT(&f->peers);
	len = netaddr_to_sockaddr(&f->address, &ss);
	f->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (f->fd < 0 || bind(f->fd, (struct sockaddr *)&ss, len) != 0)
		goto fail;
	len = sizeof(ss);
	if (getsockname(f->fd, (struct sockaddr *)&ss, &len) != 0)
		goto fail;
	f->address = netaddr_from_sockaddr((struct sockaddr *)&ss);
	return f;
fail:
	fakesmtp_stop(f);
	return NULL;
}

struct fakesmtp *
fakesmtp_start(
    struct event_base *base, int family, const struct fakesmtp_step *script)
{
	struct fakesmtp *f = fakesmtp_bind(base, family);

	if (f == NULL)
		return NULL;
	f->script = script;
	int rc = listen(f->fd, SOMAXCONN);
	mxd_assert(rc == 0);
	f->acceptable = event_new(
	    base, f->fd, EV_READ | EV_PERSIST, fakesmtp_on_connection, f);
	event_add(f->acceptable, NULL);
	return f;
}

struct fakesmtp *
fakesmtp_start_deaf(struct event_base *base)
{
	struct fakesmtp *f = fakesmtp_bind(base, AF_INET);
	struct sockaddr_storage ss;

	mxd_assert(f != NULL);
	socklen_t len = netaddr_to_sockaddr(&f->address, &ss);
	// Linux holds one connection more than the backlog says, and drops the
	// SYN of every other one until it is accepted.
	int rc = listen(f->fd, 0);
	mxd_assert(rc == 0);
	f->filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	rc = connect(f->filler, (struct sockaddr *)&ss, len);
	mxd_assert(rc == 0);
	return f;
}

struct fakesmtp *
fakesmtp_start_refusing(struct event_base *base)
{
	struct fakesmtp *f = fakesmtp_bind(base, AF_INET);

	mxd_assert(f != NULL);
	return f;
}

void
fakesmtp_stop(struct fakesmtp *f)
{
	if (f == NULL)
		return;
	while (!STAILQ_EMPTY(&f->peers)) {
		struct peer *p = STAILQ_FIRST(&f->peers);
		STAILQ_REMOVE_HEAD(&f->peers, link);
		peer_close(p);
		event_free(p->readable);
		event_free(p->writable);
		event_free(p->timer);
		free(p);
	}
	if (f->acceptable != NULL)
		event_free(f->acceptable);
	if (f->filler >= 0)
		close(f->filler);
	if (f->fd >= 0)
		close(f->fd);
	free(f);
}

struct netaddr
fakesmtp_address(const struct fakesmtp *f)
{
	return f->address;
}

unsigned
fakesmtp_connections(const struct fakesmtp *f)
{
	return f->n_peers;
}

const struct fakesmtp_talk *
fakesmtp_talk(const struct fakesmtp *f, unsigned n)
{
	const struct peer *p;

	STAILQ_FOREACH (p, &f->peers, link) {
		if (n-- == 0)
			return &p->talk;
	}
	return NULL;
}

bool
fakesmtp_all_closed(const struct fakesmtp *f)
{
	const struct peer *p;

	STAILQ_FOREACH (p, &f->peers, link) {
		if (!p->talk.closed)
			return false;
	}
	return f->n_peers > 0;
}
