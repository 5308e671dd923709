// SPDX-License-Identifier: MIT
// Questions to the DNS: c-ares on the event loop.
#include "dns/resolver.h"

#include "base/bug.h"
#include "base/mem.h"
#include "base/str.h"
#include "dns/channel.h"
#include "dns/resolvconf.h"
#include "dns/upstream.h"
#include "dns/wire.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

enum {
	// Between two rounds when nobody is left to wait for: long enough for a
	// server that is being restarted or lost its TCP connection.
	ROUND_PAUSE_MS = 250,
};

struct resolver {
	struct event_base *base; // borrowed
	unsigned n_servers;
	struct upstream *servers; // owned
	struct resolvconf from;	  // path NULL: they were given
	int tries;
	int64_t timeout_ms;
	int64_t slice_ms; // from one server to the next
	unsigned in_flight;
	LIST_HEAD(, resolver_query) queries;
};

// One question to one server. c-ares cannot cancel a single query: one that we
// no longer wait for stays, detached, until c-ares calls back.
struct resolver_try {
	LIST_ENTRY(resolver_try) link; // of the question's tries
	struct resolver_query *query;  // NULL: detached
	struct upstream *server;
	uint64_t answers_before; // the server's, when it was asked
	bool overdue;		 // its silence was noted
	bool plain;		 // without EDNS
	bool outdone;		 // the plain one was answered meanwhile
	unsigned lap;		 // into the question's laps
};

// Whether the server is to be asked a second time in its turn, plainly.
enum resolver_plain {
	PLAIN_NEVER,
	PLAIN_LATER, // when half of its time is over
	PLAIN_NOW,   // it said something that may be for the EDNS
	PLAIN_ASKED,
};

struct resolver_lap {
	unsigned server;
	bool settled; // it has answered: no use to ask it again
	enum resolver_plain plain;
	bool edns_failed; // it said something that may be for the EDNS
};

union resolver_answer {
	struct answer_mx mx;
	struct answer_addr addr;
};

struct resolver_query {
	LIST_ENTRY(resolver_query) link;
	struct resolver *resolver;
	LIST_HEAD(, resolver_try) tries; // with c-ares now; latest first
	struct event *deadline;		 // the end; at once when finished
	struct event *step;		 // the next try
	unsigned next;			 // turn to come: lap next % n_servers
	unsigned round;			 // of the latest turn
	bool asked;			 // a try got as far as the network
	enum answer_outcome failure;	 // best so far; OK: none
	bool finished;
	int type;		     // ns_t_mx, ns_t_a, ns_t_aaaa
	resolver_mx_fn *mx_done;     // ns_t_mx
	resolver_addr_fn *addr_done; // the others
	void *arg;
	union resolver_answer *answer; // once there is one
	char name[DNAME_SIZE];
	struct resolver_lap laps[]; // the servers, in the order to ask
};

// Arms a timer; 0 ms is the next turn of the loop.
static void
timer_set(struct event *timer, int64_t delay_ms)
{
	const struct timeval tv = {
	    .tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000};

	int status = evtimer_add(timer, &tv);
	mxd_assert(status == 0);
}

// A try got no answer in its time.
static void
try_note_silence(struct resolver_try *t)
{
	if (!t->overdue)
		upstream_note_silence(t->server, t->answers_before);
	t->overdue = true;
}

// The servers as listed, those that are silent after the others.
static void
query_plan(struct resolver_query *q)
{
	struct resolver *r = q->resolver;
	bool last[RESOLVER_SERVERS_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < r->n_servers; i++) {
		last[i] = !upstream_is_asked_in_turn(&r->servers[i]);
		if (!last[i])
			q->laps[n++].server = i;
	}
	for (unsigned i = 0; i < r->n_servers; i++)
		if (last[i])
			q->laps[n++].server = i;
}

// c-ares says ECONNREFUSED as well when no socket is to be had.
static bool
sockets_are_exhausted(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		       errno == ENOMEM;
	close(fd);
	return false;
}

// What a try without a message comes to.
static enum answer_outcome
outcome_of_status(int status)
{
	switch (status) {
	case ARES_ENOTFOUND:
		return ANSWER_NXDOMAIN; // .onion is never asked (RFC 7686)
	case ARES_ENODATA:
		return ANSWER_NODATA;
	case ARES_ESERVFAIL:
	case ARES_EFORMERR:
	case ARES_ENOTIMP:
		return ANSWER_SERVFAIL;
	case ARES_EREFUSED:
		return ANSWER_REFUSED;
	case ARES_EBADRESP:
		return ANSWER_UNREADABLE;
	case ARES_ETIMEOUT:
		return ANSWER_TIMEOUT;
	case ARES_ECONNREFUSED:
		return sockets_are_exhausted() ? ANSWER_LOCAL : ANSWER_TIMEOUT;
	case ARES_ENOMEM:
	case ARES_EBADNAME:
	case ARES_EBADQUERY:
		return ANSWER_LOCAL;
	default:
		return ANSWER_TIMEOUT;
	}
}

// Keeps c-ares' callbacks away from a question that ends.
static void
query_detach_tries(struct resolver_query *q)
{
	while (!LIST_EMPTY(&q->tries)) {
		struct resolver_try *t = LIST_FIRST(&q->tries);
		LIST_REMOVE(t, link);
		t->query = NULL;
	}
}

// Takes the question out of the resolver; its memory stays.
static void
query_unlink(struct resolver_query *q)
{
	query_detach_tries(q);
	LIST_REMOVE(q, link);
	q->resolver->in_flight--;
	event_free(q->step);
	event_free(q->deadline);
}

static void
query_release(struct resolver_query *q)
{
	free(q->answer);
	free(q);
}

// Makes room for an answer, all zero but for the outcome.
static void
query_set_outcome(struct resolver_query *q, enum answer_outcome outcome)
{
	free(q->answer);
	q->answer = xcalloc(1, sizeof(*q->answer));
	if (q->type == ns_t_mx)
		q->answer->mx.outcome = outcome;
	else
		q->answer->addr.outcome = outcome;
}

static enum answer_outcome
query_outcome(const struct resolver_query *q)
{
	return q->type == ns_t_mx ? q->answer->mx.outcome
				  : q->answer->addr.outcome;
}

// The answer stands. `done` has to wait for the loop: we may be inside start()
// or c-ares.
static void
query_finish(struct resolver_query *q)
{
	query_detach_tries(q);
	evtimer_del(q->step);
	q->finished = true;
	timer_set(q->deadline, 0);
}

// No server answered in a way that ends the question: the best of what they
// said stands.
static void
query_fail(struct resolver_query *q)
{
	if (q->failure != ANSWER_OK)
		query_set_outcome(q, q->failure);
	else
		query_set_outcome(q, q->asked || !LIST_EMPTY(&q->tries)
					 ? ANSWER_TIMEOUT
					 : ANSWER_LOCAL);
}

// The lap whose server is to be asked plainly next, or NULL.
static struct resolver_lap *
query_plain_lap(struct resolver_query *q)
{
	unsigned n = q->resolver->n_servers;

	for (unsigned i = 0; i < n; i++)
		if (q->laps[i].plain == PLAIN_NOW)
			return &q->laps[i];
	for (unsigned i = 0; i < n; i++)
		if (q->laps[i].plain == PLAIN_LATER)
			return &q->laps[i];
	return NULL;
}

// Skips the turns of servers that have answered. False: none is left.
static bool
query_has_next(struct resolver_query *q)
{
	unsigned n = q->resolver->n_servers;

	while (q->next < n * (unsigned)q->resolver->tries &&
	       q->laps[q->next % n].settled)
		q->next++;
	return q->next < n * (unsigned)q->resolver->tries;
}

// True while a server that has not answered yet may still do so.
static bool
query_is_waiting(const struct resolver_query *q)
{
	const struct resolver_try *t;

	LIST_FOREACH (t, &q->tries, link)
		if (!q->laps[t->lap].settled)
			return true;
	return false;
}

// A try failed: goes on to whoever is left, or ends.
static void
query_go_on(struct resolver_query *q, bool was_latest)
{
	const struct resolver *r = q->resolver;
	bool waiting = query_is_waiting(q);

	if (!query_has_next(q)) {
		if (waiting || query_plain_lap(q) != NULL)
			return; // for a late answer, or the deadline
		query_fail(q);
		query_finish(q);
	} else if (was_latest && q->next / r->n_servers == q->round) {
		timer_set(q->step, 0);
	} else if (!waiting) {
		timer_set(q->step, r->slice_ms < ROUND_PAUSE_MS
				       ? r->slice_ms
				       : ROUND_PAUSE_MS);
	}
	// Else the time of the latest try runs.
}

// True when the outcome ends the question, whatever other servers might say.
static bool
outcome_is_final(enum answer_outcome outcome)
{
	switch (outcome) {
	case ANSWER_OK:
	case ANSWER_NODATA:
	case ANSWER_NXDOMAIN:
	case ANSWER_UNREADABLE:
		return true;
	case ANSWER_SERVFAIL:
	case ANSWER_REFUSED:
	case ANSWER_TIMEOUT:
	case ANSWER_LOCAL:
		return false;
	}
	return false;
}

// Reads what a server sent, or what c-ares made of it.
static enum answer_outcome
query_read(
    struct resolver_query *q, int status, const unsigned char *msg, int len)
{
	if (msg == NULL) {
		query_set_outcome(q, outcome_of_status(status));
		return query_outcome(q);
	}
	query_set_outcome(q, ANSWER_UNREADABLE);
	if (q->type == ns_t_mx)
		wire_decode_mx(q->name, msg, (size_t)len, &q->answer->mx);
	else
		wire_decode_addr(q->name,
		    q->type == ns_t_a ? AF_INET : AF_INET6, msg, (size_t)len,
		    &q->answer->addr);
	return query_outcome(q);
}

// What the end of a try says of its server's EDNS. `outcome` is LOCAL when
// nobody waits for it any more.
static void
try_note_edns(struct resolver_try *t, bool answered, enum wire_edns said,
    enum answer_outcome outcome)
{
	if (t->plain)
		return;
	if (said == WIRE_EDNS_SPOKEN || answer_is_definite(outcome))
		upstream_note_edns(t->server, said == WIRE_EDNS_SPOKEN);
	else if (answered &&
		 (outcome != ANSWER_LOCAL || said == WIRE_EDNS_DENIED))
		upstream_note_edns_refused(t->server);
	if (t->outdone && (!answered || said == WIRE_EDNS_DENIED))
		upstream_note_plain_helped(t->server);
}

// True when a server may have answered so for the EDNS. One that can do EDNS
// puts its OPT into every answer, a real SERVFAIL too; FORMERR and NOTIMP are
// no answer to so plain a question.
static bool
try_failed_for_edns(const struct resolver_try *t, bool answered,
    enum wire_edns said, enum answer_outcome outcome)
{
	if (t->plain || !answered || answer_is_definite(outcome))
		return false;
	return said == WIRE_EDNS_DENIED ||
	       (said == WIRE_EDNS_SILENT &&
		   upstream_edns_is_in_doubt(t->server));
}

// A plain question was answered: what becomes of those with EDNS to the same
// server says whether that was the difference.
static void
query_compare_edns(struct resolver_query *q, const struct resolver_try *plain)
{
	struct resolver_try *t;

	if (q->laps[plain->lap].edns_failed) {
		upstream_note_plain_helped(plain->server);
		return;
	}
	LIST_FOREACH (t, &q->tries, link)
		if (t->lap == plain->lap && !t->plain)
			t->outdone = true;
}

// Notes an outcome that does not end the question.
static void
query_note_failure(struct resolver_query *q, enum answer_outcome outcome)
{
	if (outcome == ANSWER_SERVFAIL ||
	    (q->failure == ANSWER_OK &&
		(outcome == ANSWER_REFUSED || outcome == ANSWER_UNREADABLE)))
		q->failure = outcome;
}

// A try of the question ended.
static void
query_on_outcome(struct resolver_query *q, const struct resolver_try *t,
    enum answer_outcome outcome, bool answered, bool for_edns, bool was_latest)
{
	struct resolver_lap *lap = &q->laps[t->lap];

	if (outcome != ANSWER_LOCAL)
		q->asked = true;
	if (t->plain && answer_is_definite(outcome))
		query_compare_edns(q, t);
	if (outcome_is_final(outcome) && !for_edns) {
		query_finish(q);
		return;
	}
	query_note_failure(q, outcome);
	if (for_edns) {
		lap->edns_failed = true;
		if (lap->plain != PLAIN_ASKED) {
			lap->plain = PLAIN_NOW;
			timer_set(q->step, 0);
			return;
		}
	} else {
		if (answered)
			lap->settled = true;
		if (lap->plain != PLAIN_ASKED)
			lap->plain = PLAIN_NEVER;
	}
	query_go_on(q, was_latest);
}

// c-ares is through with a try.
static void
resolver_on_reply(
    void *arg, int status, int timeouts, unsigned char *msg, int len)
{
	struct resolver_try *t = arg;
	struct resolver_query *q = t->query;
	bool answered = msg != NULL || status == ARES_EBADRESP;
	bool was_latest = q != NULL && LIST_FIRST(&q->tries)->lap == t->lap;
	enum answer_outcome outcome = ANSWER_LOCAL;
	enum wire_edns said = WIRE_EDNS_SILENT;

	(void)timeouts;
	t->server->outstanding--;
	if (q != NULL)
		LIST_REMOVE(t, link);
	if (status == ARES_EDESTRUCTION || status == ARES_ECANCELLED) {
		free(t);
		return;
	}
	if (answered)
		upstream_note_answer(t->server);
	if (msg != NULL)
		said = wire_edns(msg, (size_t)len);
	if (q != NULL)
		outcome = query_read(q, status, msg, len);
	try_note_edns(t, answered, said, outcome);
	if (q != NULL) {
		// Once a turn: not when the plain one is still to come.
		if (!answered && outcome == ANSWER_TIMEOUT &&
		    (t->plain || q->laps[t->lap].plain != PLAIN_ASKED))
			try_note_silence(t);
		query_on_outcome(q, t, outcome, answered,
		    try_failed_for_edns(t, answered, said, outcome),
		    was_latest);
	}
	free(t);
}

// Asks the server of a lap.
static void
query_ask(struct resolver_query *q, unsigned lap, bool plain)
{
	struct resolver_try *t = xcalloc(1, sizeof(*t));
	struct upstream *u = &q->resolver->servers[q->laps[lap].server];

	t->query = q;
	t->lap = lap;
	t->plain = plain;
	t->server = u;
	t->answers_before = u->answers;
	LIST_INSERT_HEAD(&q->tries, t, link);
	if (++u->outstanding > UPSTREAM_OUTSTANDING_MAX)
		resolver_on_reply(t, ARES_ENOMEM, 0, NULL, 0);
	else
		channel_ask(plain ? u->plain : u->edns, q->name, q->type,
		    resolver_on_reply, t);
}

// Begins the next turn. The timer is set before the question goes out: its
// failure may come at once and wants to set the timer itself.
static void
query_turn(struct resolver_query *q)
{
	const struct resolver *r = q->resolver;
	unsigned at = q->next % r->n_servers;
	struct resolver_lap *lap = &q->laps[at];
	struct upstream *u = &r->servers[lap->server];

	q->round = q->next++ / r->n_servers;
	bool plain = upstream_is_asked_plainly(u);
	if (!plain && upstream_edns_is_in_doubt(u)) {
		lap->plain = PLAIN_LATER;
		timer_set(q->step, r->slice_ms / 2);
	} else {
		lap->plain = PLAIN_NEVER;
		if (query_has_next(q))
			timer_set(q->step, r->slice_ms);
	}
	query_ask(q, at, plain);
}

// Asks a server a second time in its turn, which has as much time again.
static void
query_ask_plainly(struct resolver_query *q, struct resolver_lap *lap)
{
	lap->plain = PLAIN_ASKED;
	if (query_has_next(q) || query_plain_lap(q) != NULL)
		timer_set(q->step, q->resolver->slice_ms / 2);
	query_ask(q, (unsigned)(lap - q->laps), true);
}

// The time of a try is over, or it failed.
static void
resolver_on_step(evutil_socket_t fd, short what, void *arg)
{
	struct resolver_query *q = arg;
	struct resolver_try *latest = LIST_FIRST(&q->tries);
	struct resolver_lap *lap = query_plain_lap(q);

	(void)fd;
	(void)what;
	if (lap != NULL) {
		query_ask_plainly(q, lap);
		return;
	}
	if (latest != NULL)
		try_note_silence(latest);
	if (query_has_next(q))
		query_turn(q);
}

// The end of a question: its time is over, or it was answered. Nothing of the
// resolver is touched after `done`, which may have freed it.
static void
resolver_on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct resolver_query *q = arg;
	struct resolver_try *latest = LIST_FIRST(&q->tries);

	(void)fd;
	(void)what;
	if (latest != NULL)
		try_note_silence(latest);
	if (!q->finished)
		query_fail(q);
	query_unlink(q);
	if (q->type == ns_t_mx)
		q->mx_done(&q->answer->mx, q->arg);
	else
		q->addr_done(&q->answer->addr, q->arg);
	query_release(q);
}

static struct resolver_query *
query_start(struct resolver *r, const char *name, int type)
{
	struct resolver_query *q = xcalloc(
	    1, sizeof(*q) + r->n_servers * sizeof(q->laps[0]));

	mxd_assert(strlen(name) < sizeof(q->name));
	strcpy(q->name, name);
	q->resolver = r;
	q->type = type;
	q->failure = ANSWER_OK;
	LIST_INIT(&q->tries);
	q->step = evtimer_new(r->base, resolver_on_step, q);
	q->deadline = evtimer_new(r->base, resolver_on_deadline, q);
	mxd_assert(q->step != NULL && q->deadline != NULL);
	LIST_INSERT_HEAD(&r->queries, q, link);
	r->in_flight++;
	query_plan(q);
	timer_set(q->deadline, r->timeout_ms);
	query_turn(q);
	return q;
}

struct resolver_query *
resolver_mx_start(
    struct resolver *r, const char *name, resolver_mx_fn *done, void *arg)
{
	struct resolver_query *q = query_start(r, name, ns_t_mx);

	q->mx_done = done;
	q->arg = arg;
	return q;
}

struct resolver_query *
resolver_addr_start(struct resolver *r, const char *name, int family,
    resolver_addr_fn *done, void *arg)
{
	mxd_assert(family == AF_INET || family == AF_INET6);
	struct resolver_query *q = query_start(
	    r, name, family == AF_INET ? ns_t_a : ns_t_aaaa);

	q->addr_done = done;
	q->arg = arg;
	return q;
}

void
resolver_cancel(struct resolver_query **handle)
{
	struct resolver_query *q = *handle;

	*handle = NULL;
	if (q == NULL)
		return;
	query_unlink(q);
	query_release(q);
}

unsigned
resolver_in_flight(const struct resolver *r)
{
	return r->in_flight;
}

struct resolver *
resolver_new(const struct resolver_params *p, struct err *err)
{
	mxd_assert(p->timeout_ms > 0);
	mxd_assert(p->tries >= 1 && p->tries <= RESOLVER_TRIES_MAX);
	int status = ares_library_init(ARES_LIB_INIT_ALL);
	if (status != ARES_SUCCESS) {
		err_set(err, "c-ares: %s", ares_strerror(status));
		return NULL;
	}
	struct resolver *r = xcalloc(1, sizeof(*r));
	LIST_INIT(&r->queries);
	r->base = p->base;
	r->tries = p->tries;
	r->timeout_ms = p->timeout_ms;
	if (p->n_servers == 0)
		r->from = resolvconf_look(p->resolv_conf);
	r->n_servers = upstream_open_all(p, &r->servers, err);
	if (r->n_servers == 0) {
		resolver_free(r);
		return NULL;
	}
	r->slice_ms = p->timeout_ms / ((int64_t)r->n_servers * p->tries);
	if (r->slice_ms < 1)
		r->slice_ms = 1;
	return r;
}

void
resolver_free(struct resolver *r)
{
	if (r == NULL)
		return;
	while (!LIST_EMPTY(&r->queries)) {
		struct resolver_query *q = LIST_FIRST(&r->queries);
		resolver_cancel(&q);
	}
	upstream_close_all(r->servers, r->n_servers);
	free(r);
	ares_library_cleanup();
}

bool
resolver_is_outdated(const struct resolver *r)
{
	return r->from.path != NULL && resolvconf_is_another(&r->from);
}

const char *
resolver_list_servers(const struct resolver *r, char *out, size_t size)
{
	char text[ZONEADDR_TEXT_MAX];
	struct strbuf b;
	strbuf_init(&b, out, size);
	for (unsigned i = 0; i < r->n_servers; i++)
		strbuf_add(&b, "%s%s", i == 0 ? "" : ",",
		    zoneaddr_format_port(&r->servers[i].addr, text));
	return out;
}
