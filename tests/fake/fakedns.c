// SPDX-License-Identifier: MIT
// A scripted DNS server on loopback, for tests: UDP and TCP, same port.
#include "fake/fakedns.h"

#include "base/bug.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	MESSAGE_MAX = 65535,
	BIND_TRIES = 50,
	BIND_PAUSE_US = 100 * 1000,
	BACKLOG = 128,
};

// A script with what became of it, or with kind NXDOMAIN what nobody scripted.
struct entry {
	TAILQ_ENTRY(entry) link;
	struct fakedns_script script;
	char name[NS_MAXDNAME];
	unsigned asked;
};

struct connection {
	LIST_ENTRY(connection) link;
	struct fakedns *server;
	struct bufferevent *io;
};

// An answer that waits for its time.
struct delayed {
	LIST_ENTRY(delayed) link;
	struct event *timer;
	struct fakedns *server;
	struct connection *connection; // NULL: by UDP to `peer`
	struct sockaddr_in peer;
	size_t len;
	unsigned char message[];
};

struct fakedns {
	struct event_base *base;
	struct netaddr addr;
	int udp;
	struct event *udp_event;
	struct evconnlistener *listener;
	TAILQ_HEAD(entry_list, entry) entries;
	LIST_HEAD(, connection) connections;
	LIST_HEAD(, delayed) delayed;
	unsigned questions, tcp_questions, edns_questions, edns_size;
	enum fakedns_edns edns;
	unsigned lose_every, lose_count;
	unsigned peer_port;
};

// A question that came in.
struct question {
	ns_msg msg;
	char name[NS_MAXDNAME];
	uint16_t type;
	bool edns;
	struct connection *connection; // NULL: by UDP
	struct sockaddr_in peer;
};

// A message under construction.
struct message {
	unsigned char bytes[MESSAGE_MAX];
	size_t len;
};

static void
put16(struct message *m, unsigned value)
{
	mxd_assert(m->len + 2 <= sizeof(m->bytes));
	ns_put16(value, m->bytes + m->len);
	m->len += 2;
}

static void
put32(struct message *m, uint32_t value)
{
	put16(m, value >> 16);
	put16(m, value & 0xffff);
}

static void
put_bytes(struct message *m, const void *bytes, size_t len)
{
	mxd_assert(m->len + len <= sizeof(m->bytes));
	memcpy(m->bytes + m->len, bytes, len);
	m->len += len;
}

static void
put_name(struct message *m, const char *name)
{
	int len = ns_name_compress(
	    name, m->bytes + m->len, sizeof(m->bytes) - m->len, NULL, NULL);
	mxd_assert(len > 0);
	m->len += (size_t)len;
}

static void
put_record(struct message *m, const char *owner, const struct fakedns_record *r)
{
	unsigned char ip[NS_IN6ADDRSZ];

	put_name(m, r->owner != NULL ? r->owner : owner);
	put16(m, r->type);
	put16(m, ns_c_in);
	put32(m, r->ttl_s);
	size_t length_at = m->len;
	put16(m, 0);
	if (r->type == ns_t_a || r->type == ns_t_aaaa) {
		bool v4 = r->type == ns_t_a;
		mxd_assert(
		    inet_pton(v4 ? AF_INET : AF_INET6, r->data, ip) == 1);
		put_bytes(m, ip, v4 ? NS_INADDRSZ : NS_IN6ADDRSZ);
	} else {
		if (r->type == ns_t_mx)
			put16(m, r->preference);
		put_name(m, r->data);
	}
	ns_put16((unsigned)(m->len - length_at - 2), m->bytes + length_at);
}

// Header and question of an answer to `q`.
static void
put_head(struct message *m, const struct question *q, const char *name,
    unsigned rcode, bool truncated)
{
	put16(m, ns_msg_id(q->msg));
	// QR, RD, RA
	put16(m, 0x8180 | (truncated ? 0x0200 : 0) | rcode);
	put16(m, 1);
	put16(m, 0);
	put16(m, 0);
	put16(m, 0);
	put_name(m, name);
	put16(m, q->type);
	put16(m, ns_c_in);
}

// Adds to the count of a section (1 answer, 2 authority, 3 additional).
static void
count_records(struct message *m, int section, unsigned n)
{
	unsigned char *count = m->bytes + 4 + 2 * section;

	ns_put16(ns_get16(count) + n, count);
}

// An OPT (RFC 6891 section 6.1.2), of version 0, at the end of the section.
static void
put_opt(struct message *m, int section, unsigned upper_rcode)
{
	put_name(m, ".");
	put16(m, ns_t_opt);
	put16(m, 1232);
	put32(m, (uint32_t)upper_rcode << 24);
	put16(m, 0);
	count_records(m, section, 1);
}

static void
send_message(struct fakedns *f, struct connection *c,
    const struct sockaddr_in *peer, const unsigned char *bytes, size_t len)
{
	unsigned char length[2];

	if (c == NULL) {
		// Loopback takes it, or the test sees that it is missing.
		(void)!sendto(f->udp, bytes, len, 0,
		    (const struct sockaddr *)peer, sizeof(*peer));
		return;
	}
	ns_put16((unsigned)len, length);
	bufferevent_write(c->io, length, sizeof(length));
	bufferevent_write(c->io, bytes, len);
}

static void
delayed_free(struct delayed *d)
{
	LIST_REMOVE(d, link);
	event_free(d->timer);
	free(d);
}

static void
delayed_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct delayed *d = arg;

	(void)fd;
	(void)what;
	send_message(d->server, d->connection, &d->peer, d->message, d->len);
	delayed_free(d);
}

// Sends now or after the script's delay.
static void
reply(struct fakedns *f, const struct question *q, unsigned delay_ms,
    const struct message *m)
{
	if (delay_ms == 0) {
		send_message(f, q->connection, &q->peer, m->bytes, m->len);
		return;
	}
	struct delayed *d = xcalloc(1, sizeof(*d) + m->len);
	const struct timeval tv = {
	    .tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000};
	d->server = f;
	d->connection = q->connection;
	d->peer = q->peer;
	d->len = m->len;
	memcpy(d->message, m->bytes, m->len);
	d->timer = evtimer_new(f->base, delayed_on_timer, d);
	mxd_assert(d->timer != NULL);
	evtimer_add(d->timer, &tv);
	LIST_INSERT_HEAD(&f->delayed, d, link);
}

static void
connection_free(struct connection *c)
{
	struct delayed *d = LIST_FIRST(&c->server->delayed), *next;

	for (; d != NULL; d = next) {
		next = LIST_NEXT(d, link);
		if (d->connection == c)
			delayed_free(d);
	}
	LIST_REMOVE(c, link);
	bufferevent_free(c->io);
	free(c);
}

// Messages that are no answer: too short, empty, with another identifier, to
// another question.
static void
reply_garbage(struct fakedns *f, const struct question *q)
{
	struct message *m = xcalloc(1, sizeof(*m));

	put_bytes(m, "\xff\x00garbage", 9);
	reply(f, q, 0, m);
	m->len = 0;
	if (q->connection == NULL)
		reply(f, q, 0, m);
	put_head(m, q, q->name, ns_r_noerror, false);
	m->bytes[0] ^= 0xff;
	reply(f, q, 0, m);
	m->len = 0;
	put_head(m, q, "other.test", ns_r_noerror, false);
	reply(f, q, 0, m);
	free(m);
}

// True when a whole answer may have its OPT at the end.
static bool
speaks_edns(const struct fakedns *f, const struct question *q)
{
	return q->edns && f->edns == FAKEDNS_EDNS_SPOKEN;
}

static void
reply_code(struct fakedns *f, const struct question *q, unsigned delay_ms,
    unsigned rcode, bool truncated)
{
	struct message *m = xcalloc(1, sizeof(*m));

	put_head(m, q, q->name, rcode, truncated);
	if (speaks_edns(f, q))
		put_opt(m, 3, 0);
	reply(f, q, delay_ms, m);
	free(m);
}

static void
reply_records(
    struct fakedns *f, const struct question *q, const struct fakedns_script *s)
{
	struct message *m = xcalloc(1, sizeof(*m));
	bool swapped = q->edns && f->edns == FAKEDNS_EDNS_SWAPPED;

	put_head(m, q, q->name, ns_r_noerror, false);
	if (swapped)
		put_opt(m, 1, 0);
	for (unsigned i = 0; i < s->n_records; i++)
		put_record(m, q->name, &s->records[i]);
	count_records(m, swapped ? 3 : 1, s->n_records);
	if (speaks_edns(f, q))
		put_opt(m, 3, 0);
	if (s->kind == FAKEDNS_BROKEN)
		m->len -= 3;
	size_t room = q->edns ? f->edns_size : NS_PACKETSZ;
	if (q->connection == NULL && m->len > room)
		reply_code(f, q, s->delay_ms, ns_r_noerror, true);
	else
		reply(f, q, s->delay_ms, m);
	free(m);
}

// An error for the EDNS alone. False: the question is to be answered.
static bool
refuse_edns(struct fakedns *f, const struct question *q)
{
	unsigned rcode = ns_r_formerr;

	switch (f->edns) {
	case FAKEDNS_EDNS_SPOKEN:
	case FAKEDNS_EDNS_IGNORED:
	case FAKEDNS_EDNS_SWAPPED:
		return false;
	case FAKEDNS_EDNS_SILENCE:
		return true;
	case FAKEDNS_EDNS_FORMERR:
	case FAKEDNS_EDNS_FORMERR_NAME:
	case FAKEDNS_EDNS_FORMERR_OPT:
		break;
	case FAKEDNS_EDNS_NOTIMP:
		rcode = ns_r_notimpl;
		break;
	case FAKEDNS_EDNS_SERVFAIL:
		rcode = ns_r_servfail;
		break;
	case FAKEDNS_EDNS_REFUSED:
		rcode = ns_r_refused;
		break;
	case FAKEDNS_EDNS_BADVERS:
		rcode = ns_r_badvers;
		break;
	}
	struct message *m = xcalloc(1, sizeof(*m));
	put_head(m, q, q->name, rcode & 0xf, false);
	if (f->edns == FAKEDNS_EDNS_FORMERR) {
		ns_put16(0, m->bytes + 4);
		m->len = NS_HFIXEDSZ;
	} else if (f->edns == FAKEDNS_EDNS_FORMERR_OPT ||
		   f->edns == FAKEDNS_EDNS_BADVERS) {
		put_opt(m, 3, rcode >> 4);
	}
	reply(f, q, 0, m);
	free(m);
	return true;
}

// Returns false when the connection is gone.
static bool
play(
    struct fakedns *f, const struct question *q, const struct fakedns_script *s)
{
	switch (s->kind) {
	case FAKEDNS_NXDOMAIN:
		reply_code(f, q, s->delay_ms, ns_r_nxdomain, false);
		return true;
	case FAKEDNS_SERVFAIL:
		reply_code(f, q, s->delay_ms, ns_r_servfail, false);
		return true;
	case FAKEDNS_REFUSED:
		reply_code(f, q, s->delay_ms, ns_r_refused, false);
		return true;
	case FAKEDNS_FORMERR:
		if (q->edns)
			reply_code(f, q, s->delay_ms, ns_r_formerr, false);
		else
			reply_records(f, q, s);
		return true;
	case FAKEDNS_TRUNCATED:
		if (q->connection == NULL)
			reply_code(f, q, s->delay_ms, ns_r_noerror, true);
		else
			reply_records(f, q, s);
		return true;
	case FAKEDNS_ANSWER:
	case FAKEDNS_BROKEN:
		reply_records(f, q, s);
		return true;
	case FAKEDNS_GARBAGE:
		reply_garbage(f, q);
		return true;
	case FAKEDNS_SILENCE:
		return true;
	case FAKEDNS_CLOSE:
		if (q->connection == NULL)
			return true;
		connection_free(q->connection);
		return false;
	}
	return true;
}

// The script that is next for the question.
static struct entry *
find_entry(struct fakedns *f, const struct question *q)
{
	struct entry *e;

	TAILQ_FOREACH (e, &f->entries, link)
		if (e->script.type == q->type &&
		    strcasecmp(e->name, q->name) == 0 &&
		    (e->script.times == 0 || e->asked < e->script.times))
			return e;
	fakedns_add(
	    f, &(struct fakedns_script){.name = q->name, .type = q->type});
	return TAILQ_LAST(&f->entries, entry_list);
}

// Answers one message. Returns false when the connection is gone.
static bool
serve(struct fakedns *f, struct connection *c, const struct sockaddr_in *peer,
    const unsigned char *bytes, size_t len)
{
	struct question q = {.connection = c};
	ns_rr rr;

	if (peer != NULL) {
		q.peer = *peer;
		f->peer_port = ntohs(peer->sin_port);
	}
	if (ns_initparse(bytes, (int)len, &q.msg) < 0 ||
	    ns_msg_count(q.msg, ns_s_qd) != 1 ||
	    ns_parserr(&q.msg, ns_s_qd, 0, &rr) < 0)
		return true;
	strcpy(q.name, ns_rr_name(rr));
	q.type = (uint16_t)ns_rr_type(rr);
	f->questions++;
	if (c != NULL)
		f->tcp_questions++;
	if (ns_msg_count(q.msg, ns_s_ar) == 1 &&
	    ns_parserr(&q.msg, ns_s_ar, 0, &rr) == 0 &&
	    ns_rr_type(rr) == ns_t_opt) {
		q.edns = true;
		f->edns_questions++;
		f->edns_size = ns_rr_class(rr);
	}
	struct entry *e = find_entry(f, &q);
	e->asked++;
	if (f->lose_every > 0 && ++f->lose_count % f->lose_every == 0)
		return true;
	if (q.edns && refuse_edns(f, &q))
		return true;
	return play(f, &q, &e->script);
}

static void
on_datagram(evutil_socket_t fd, short what, void *arg)
{
	struct fakedns *f = arg;
	unsigned char bytes[4096];
	struct sockaddr_in peer;
	socklen_t peer_len = sizeof(peer);

	(void)what;
	ssize_t len = recvfrom(
	    fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&peer, &peer_len);
	if (len > 0)
		serve(f, NULL, &peer, bytes, (size_t)len);
}

static void
on_stream(struct bufferevent *io, void *arg)
{
	struct connection *c = arg;
	struct evbuffer *in = bufferevent_get_input(io);
	unsigned char length[2];

	while (evbuffer_copyout(in, length, sizeof(length)) == 2) {
		size_t len = ns_get16(length);
		if (evbuffer_get_length(in) < len + 2)
			return;
		const unsigned char *all = evbuffer_pullup(
		    in, (ev_ssize_t)len + 2);
		if (!serve(c->server, c, NULL, all + 2, len))
			return;
		evbuffer_drain(in, len + 2);
	}
}

static void
on_stream_end(struct bufferevent *io, short what, void *arg)
{
	(void)io;
	(void)what;
	connection_free(arg);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *peer, int peer_len, void *arg)
{
	struct fakedns *f = arg;
	struct connection *c = xcalloc(1, sizeof(*c));

	(void)listener;
	(void)peer;
	(void)peer_len;
	c->server = f;
	c->io = bufferevent_socket_new(f->base, fd, BEV_OPT_CLOSE_ON_FREE);
	mxd_assert(c->io != NULL);
	LIST_INSERT_HEAD(&f->connections, c, link);
	bufferevent_setcb(c->io, on_stream, NULL, on_stream_end, c);
	bufferevent_enable(c->io, EV_READ | EV_WRITE);
}

// Binds both sockets to one port. False: it is taken for one of them.
static bool
bind_both(struct fakedns *f, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int flags = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

	f->udp = socket(AF_INET, flags, 0);
	mxd_assert(f->udp >= 0);
	if (bind(f->udp, (struct sockaddr *)&in, sizeof(in)) == 0 &&
	    getsockname(f->udp, (struct sockaddr *)&in, &len) == 0)
		f->listener = evconnlistener_new_bind(f->base, on_accept, f,
		    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
			LEV_OPT_REUSEABLE,
		    BACKLOG, (struct sockaddr *)&in, sizeof(in));
	if (f->listener == NULL) {
		close(f->udp);
		return false;
	}
	f->addr = netaddr_from_sockaddr((struct sockaddr *)&in);
	return true;
}

struct fakedns *
fakedns_new(struct event_base *base, uint16_t port)
{
	struct fakedns *f = xcalloc(1, sizeof(*f));
	int tries = 0;

	f->base = base;
	TAILQ_INIT(&f->entries);
	LIST_INIT(&f->connections);
	LIST_INIT(&f->delayed);
	while (!bind_both(f, port)) {
		mxd_assert(++tries < BIND_TRIES);
		// Somebody's connection may have got the port that is wanted
		// back, for as long as that lasts.
		if (port != 0)
			usleep(BIND_PAUSE_US);
	}
	f->udp_event = event_new(
	    base, f->udp, EV_READ | EV_PERSIST, on_datagram, f);
	mxd_assert(f->udp_event != NULL);
	event_add(f->udp_event, NULL);
	return f;
}

void
fakedns_free(struct fakedns *f)
{
	if (f == NULL)
		return;
	while (!LIST_EMPTY(&f->connections))
		connection_free(LIST_FIRST(&f->connections));
	while (!LIST_EMPTY(&f->delayed))
		delayed_free(LIST_FIRST(&f->delayed));
	while (!TAILQ_EMPTY(&f->entries)) {
		struct entry *e = TAILQ_FIRST(&f->entries);
		TAILQ_REMOVE(&f->entries, e, link);
		free(e);
	}
	evconnlistener_free(f->listener);
	event_free(f->udp_event);
	close(f->udp);
	free(f);
}

struct netaddr
fakedns_addr(const struct fakedns *f)
{
	return f->addr;
}

void
fakedns_add(struct fakedns *f, const struct fakedns_script *script)
{
	struct entry *e = xcalloc(1, sizeof(*e));

	mxd_assert(strlen(script->name) < sizeof(e->name));
	e->script = *script;
	strcpy(e->name, script->name);
	e->script.name = NULL;
	TAILQ_INSERT_TAIL(&f->entries, e, link);
}

void
fakedns_set_edns(struct fakedns *f, enum fakedns_edns edns)
{
	f->edns = edns;
}

void
fakedns_lose(struct fakedns *f, unsigned every)
{
	f->lose_every = every;
	f->lose_count = every - 1;
}

unsigned
fakedns_questions(const struct fakedns *f)
{
	return f->questions;
}

unsigned
fakedns_tcp_questions(const struct fakedns *f)
{
	return f->tcp_questions;
}

unsigned
fakedns_asked(const struct fakedns *f, const char *name, uint16_t type)
{
	const struct entry *e;
	unsigned asked = 0;

	TAILQ_FOREACH (e, &f->entries, link)
		if (e->script.type == type && strcasecmp(e->name, name) == 0)
			asked += e->asked;
	return asked;
}

unsigned
fakedns_edns_questions(const struct fakedns *f)
{
	return f->edns_questions;
}

unsigned
fakedns_edns_size(const struct fakedns *f)
{
	return f->edns_size;
}

unsigned
fakedns_peer_port(const struct fakedns *f)
{
	return f->peer_port;
}
