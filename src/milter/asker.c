// SPDX-License-Identifier: MIT
// Asks the daemon about recipients, from any number of threads.
#include "milter/asker.h"

#include "base/clock.h"
#include "base/listenaddr.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	RETRY_MS = 1000,   // between two looks whether the daemon is back
	CONNECT_MS = 1000, // it is on this host, or near
	CHECK_MS = 1000,   // for the reply that says that it is back
	REPLY_MAX = 4096,  // bytes
};

enum daemon_state {
	DAEMON_UP,
	DAEMON_AWAY,
	DAEMON_CHECKED, // away, and somebody is finding out
};

struct asker {
	char *address; // owned; as configured
	struct sockaddr_storage to;
	socklen_t to_len;

	pthread_mutex_t lock; // of all that follows
	pthread_cond_t freed; // a connection was given back
	unsigned max, in_use;
	int *idle; // owned; descriptors
	unsigned n_idle;
	enum daemon_state state;
	unsigned epoch; // how often it came back
	int64_t away_since, retry_at;
	uint64_t unasked; // questions since it is away
};

// -- one conversation -------------------------------------------------------

enum exchanged {
	EXCHANGED_OK,
	EXCHANGED_STALE,  // closed before the first byte of a reply came
	EXCHANGED_LATE,	  // not in time; `err` says it, too
	EXCHANGED_FAILED, // `err` says why
};

// Waits until the descriptor is ready for `events`: OK, LATE or FAILED.
static enum exchanged
wait_for(int fd, short events, int64_t deadline, struct err *err)
{
	struct pollfd p = {.fd = fd, .events = events};
	for (;;) {
		int64_t left = deadline - clock_now();
		if (left < 0)
			left = 0;
		int n = poll(&p, 1, (int)left);
		if (n > 0)
			return EXCHANGED_OK;
		if (n == 0) {
			err_set(err, "no answer in time");
			return EXCHANGED_LATE;
		}
		if (errno != EINTR) {
			err_set_errno(err, errno, "poll");
			return EXCHANGED_FAILED;
		}
	}
}

// Connects: OK, LATE or FAILED.
static enum exchanged
dial(const struct asker *a, int64_t deadline, int *fd_out, struct err *err)
{
	const struct sockaddr *to = (const struct sockaddr *)&a->to;
	int64_t soon = clock_now() + CONNECT_MS;
	int on = 1, error = 0;
	socklen_t len = sizeof(error);
	enum exchanged e = EXCHANGED_OK;
	int fd = socket(
	    to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	*fd_out = -1;
	if (fd < 0) {
		err_set_errno(err, errno, "cannot make a socket");
		return EXCHANGED_FAILED;
	}
	if (to->sa_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, to, a->to_len) < 0)
		error = errno;
	if (error == EINPROGRESS) {
		e = wait_for(
		    fd, POLLOUT, soon < deadline ? soon : deadline, err);
		if (e == EXCHANGED_OK &&
		    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
			error = errno;
	}
	if (e == EXCHANGED_OK && error == 0) {
		*fd_out = fd;
		return EXCHANGED_OK;
	}
	close(fd);
	if (e != EXCHANGED_OK)
		return e;
	err_set_errno(err, error, "cannot connect");
	// The backlog of a unix socket is full, and poll() would not say when
	// it is not.
	return error == EAGAIN ? EXCHANGED_LATE : EXCHANGED_FAILED;
}

static enum exchanged
send_all(
    int fd, const char *data, size_t len, int64_t deadline, struct err *err)
{
	enum exchanged e;
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
		if (n >= 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno == EPIPE || errno == ECONNRESET) {
			err_set_errno(err, errno, "closed");
			return EXCHANGED_STALE;
		} else if (errno != EAGAIN && errno != EINTR) {
			err_set_errno(err, errno, "cannot send");
			return EXCHANGED_FAILED;
		} else {
			e = wait_for(fd, POLLOUT, deadline, err);
			if (e != EXCHANGED_OK)
				return e;
		}
	}
	return EXCHANGED_OK;
}

// Reads one whole reply into `text`; `list` is a view into it.
static enum exchanged
receive(int fd, char text[REPLY_MAX], struct attrlist *list, int64_t deadline,
    struct err *err)
{
	size_t have = 0, used = 0;
	enum exchanged e;
	while (have < REPLY_MAX) {
		ssize_t n = recv(fd, text + have, REPLY_MAX - have, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			e = wait_for(fd, POLLIN, deadline, err);
			if (e != EXCHANGED_OK)
				return e;
			continue;
		}
		if (n <= 0) {
			if (n < 0)
				err_set_errno(err, errno, "cannot read");
			else
				err_set(err, "closed instead of an answer");
			return have == 0 ? EXCHANGED_STALE : EXCHANGED_FAILED;
		}
		have += (size_t)n;
		switch (attrlist_decode(text, have, list, &used)) {
		case DECODED_NEED_MORE:
			continue;
		case DECODED_OK:
			// More than one reply to one question: out of step.
			if (used == have)
				return EXCHANGED_OK;
			break;
		case DECODED_BAD:
			break;
		}
		break;
	}
	err_set(err, "answers nonsense");
	return EXCHANGED_FAILED;
}

static enum exchanged
exchange(int fd, const char *request, size_t len, int64_t deadline,
    struct question_reply *out, struct err *err)
{
	char text[REPLY_MAX];
	struct attrlist list;
	enum exchanged e = send_all(fd, request, len, deadline, err);
	if (e == EXCHANGED_OK)
		e = receive(fd, text, &list, deadline, err);
	if (e != EXCHANGED_OK)
		return e;
	if (question_decode_reply(&list, out))
		return EXCHANGED_OK;
	err_set(err, "answers nonsense");
	return EXCHANGED_FAILED;
}

// -- who may ask ------------------------------------------------------------

enum admitted {
	ADMITTED,	  // with a connection, or leave to make one
	ADMITTED_CHECKER, // the same, and to find out whether it is back
	ADMITTED_NOT,
};

// One caller's leave to ask.
struct leave {
	enum admitted admitted;
	int fd;		// the connection; -1: none yet, or not any more
	unsigned epoch; // at which it was given
};

// The time `ms` from now, as the condition variable counts.
static struct timespec
from_now(int64_t ms)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	int64_t ns = t.tv_nsec + ms % 1000 * 1000000;
	t.tv_sec += (time_t)(ms / 1000 + ns / 1000000000);
	t.tv_nsec = (long)(ns % 1000000000);
	return t;
}

// Waits for a connection for at most `limit_ms`.
static struct leave
enter(struct asker *a, int64_t limit_ms)
{
	struct leave l = {.admitted = ADMITTED_NOT, .fd = -1};
	struct timespec until = from_now(limit_ms);
	pthread_mutex_lock(&a->lock);
	while (a->state == DAEMON_UP && a->in_use >= a->max)
		if (pthread_cond_clockwait(&a->freed, &a->lock, CLOCK_MONOTONIC,
			&until) == ETIMEDOUT)
			break;
	if (a->in_use < a->max && a->state == DAEMON_UP)
		l.admitted = ADMITTED;
	else if (a->in_use < a->max && a->state == DAEMON_AWAY &&
		 limit_ms >= ASKER_WAY_MS && clock_now() >= a->retry_at)
		l.admitted = ADMITTED_CHECKER;
	else if (a->state != DAEMON_UP)
		a->unasked++;
	if (l.admitted != ADMITTED_NOT)
		a->in_use++;
	if (l.admitted == ADMITTED_CHECKER)
		a->state = DAEMON_CHECKED;
	if (l.admitted == ADMITTED && a->n_idle > 0)
		l.fd = a->idle[--a->n_idle];
	l.epoch = a->epoch;
	pthread_mutex_unlock(&a->lock);
	return l;
}

// Gives leave back, and the connection if it still is there.
static void
leave(struct asker *a, struct leave *l)
{
	pthread_mutex_lock(&a->lock);
	a->in_use--;
	if (l->fd >= 0 && a->state == DAEMON_UP && a->n_idle < a->max) {
		a->idle[a->n_idle++] = l->fd;
		l->fd = -1;
	}
	pthread_cond_signal(&a->freed);
	pthread_mutex_unlock(&a->lock);
	if (l->fd >= 0)
		close(l->fd);
}

static void
close_idle(struct asker *a)
{
	while (a->n_idle > 0)
		close(a->idle[--a->n_idle]);
}

// Only the checker's failure counts while the daemon is away, or there would be
// a second checker; and once it is back, none that began before. `in_haste`:
// there was no time to tell a daemon that is away from one that is busy.
static void
on_failure(struct asker *a, const struct leave *l, bool in_haste,
    const struct err *err)
{
	int64_t now = clock_now();
	pthread_mutex_lock(&a->lock);
	bool checked = l->admitted == ADMITTED_CHECKER;
	bool news = a->state == DAEMON_UP && l->epoch == a->epoch && !in_haste;
	if (news) {
		a->away_since = now;
		a->unasked = 0;
		pthread_cond_broadcast(&a->freed);
	}
	if (news || checked) {
		a->state = DAEMON_AWAY;
		a->retry_at = now + RETRY_MS;
		close_idle(a);
	}
	a->unasked++;
	pthread_mutex_unlock(&a->lock);
	if (news)
		log_warn("daemon address=%s old=up new=away error=\"%s\": mail "
			 "passes unchanged",
		    a->address, err->text);
}

static void
on_return(struct asker *a, struct leave *l)
{
	pthread_mutex_lock(&a->lock);
	a->state = DAEMON_UP;
	l->admitted = ADMITTED;
	l->epoch = ++a->epoch;
	int64_t away_ms = clock_now() - a->away_since;
	uint64_t unasked = a->unasked;
	pthread_mutex_unlock(&a->lock);
	log_info("daemon address=%s old=away new=up age=%llds unasked=%llu",
	    a->address, (long long)away_ms / 1000, (unsigned long long)unasked);
}

// Whether it answers a question that it need not think about.
static enum exchanged
answers_again(int fd, int64_t deadline, struct err *err)
{
	static const struct question nobody = {
	    .recipient = "",
	    .rewritten = "",
	    .sender = "",
	    .instance = "",
	    .sasl_username = "",
	    .client_address = "",
	};
	char request[QUESTION_MAX];
	struct question_reply reply;
	size_t len = question_encode(&nobody, request);
	int64_t soon = clock_now() + CHECK_MS;
	return exchange(
	    fd, request, len, soon < deadline ? soon : deadline, &reply, err);
}

// -- asking -----------------------------------------------------------------

// Whether a connection that nobody uses is as it was left: not closed, and
// without a second reply to somebody else's question.
static bool
is_quiet(int fd)
{
	char byte;
	return recv(fd, &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

// One question, and how long it may take.
struct task {
	const struct question *q;
	int64_t deadline; // for the reply
	int64_t slack_ms; // of it for the reply's way
	bool in_haste;	  // by now a daemon that is well may be late, too
};

static void
note_haste(struct task *t)
{
	t->in_haste = t->slack_ms < ASKER_WAY_MS ||
		      t->deadline - clock_now() < ASKER_WAY_MS;
}

// The daemon may wait for what is left of the time by now: time went by in
// waiting for a connection, or with a daemon that is gone.
static enum exchanged
ask_over(
    int fd, const struct task *t, struct question_reply *out, struct err *err)
{
	char request[QUESTION_MAX];
	struct question q = *t->q;
	int64_t left_ms = t->deadline - clock_now() - t->slack_ms;
	if (left_ms < q.wait_ms)
		q.wait_ms = left_ms > 0 ? left_ms : 0;
	size_t len = question_encode(&q, request);
	return exchange(fd, request, len, t->deadline, out, err);
}

// Asks over `*fd`, or over a new connection when it is -1 or turns out to be
// one that a daemon before this one left behind.
static enum exchanged
ask(struct asker *a, int *fd, struct task *t, struct question_reply *out,
    struct err *err)
{
	enum exchanged e = EXCHANGED_STALE;
	note_haste(t);
	if (*fd >= 0) {
		if (is_quiet(*fd))
			e = ask_over(*fd, t, out, err);
		if (e == EXCHANGED_STALE) {
			close(*fd);
			*fd = -1;
		}
	}
	if (e != EXCHANGED_STALE)
		return e;
	note_haste(t);
	e = dial(a, t->deadline, fd, err);
	return e == EXCHANGED_OK ? ask_over(*fd, t, out, err) : e;
}

bool
asker_ask(struct asker *a, const struct question *q, int64_t limit_ms,
    struct question_reply *out)
{
	char request[QUESTION_MAX];
	struct err err = {0};
	struct task t = {
	    .q = q,
	    .deadline = clock_now() + limit_ms,
	    .slack_ms = limit_ms - q->wait_ms,
	};
	if (question_encode(q, request) == 0)
		return false;
	struct leave l = enter(a, limit_ms);
	if (l.admitted == ADMITTED_NOT)
		return false;
	enum exchanged e = EXCHANGED_OK;
	if (l.admitted == ADMITTED_CHECKER) {
		e = dial(a, t.deadline, &l.fd, &err);
		if (e == EXCHANGED_OK)
			e = answers_again(l.fd, t.deadline, &err);
		if (e == EXCHANGED_OK)
			on_return(a, &l);
	}
	if (e == EXCHANGED_OK)
		e = ask(a, &l.fd, &t, out, &err);
	if (e != EXCHANGED_OK) {
		if (l.fd >= 0)
			close(l.fd);
		l.fd = -1;
		on_failure(a, &l, e == EXCHANGED_LATE && t.in_haste, &err);
	}
	leave(a, &l);
	return e == EXCHANGED_OK;
}

// -- made -------------------------------------------------------------------

static int
set_address(struct asker *a, const char *address, struct err *err)
{
	struct listenaddr parsed;
	struct sockaddr_un *sun = (struct sockaddr_un *)&a->to;
	if (listenaddr_parse(address, &parsed, err) < 0)
		return -1;
	switch (parsed.kind) {
	case LISTENADDR_INET:
		a->to_len = netaddr_to_sockaddr(&parsed.inet, &a->to);
		return 0;
	case LISTENADDR_ANY:
		return err_set(
		    err, "%s: * is no address to connect to", address);
	case LISTENADDR_UNIX:
		break;
	}
	if (strlen(parsed.path) >= sizeof(sun->sun_path))
		return err_set(err, "%s: the path is too long", address);
	sun->sun_family = AF_UNIX;
	strcpy(sun->sun_path, parsed.path);
	a->to_len = sizeof(*sun);
	return 0;
}

struct asker *
asker_new(const char *address, unsigned max, struct err *err)
{
	struct asker *a = xcalloc(1, sizeof(*a));
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->freed, NULL);
	a->address = xstrdup(address);
	a->max = max;
	a->idle = xcalloc(max, sizeof(*a->idle));
	if (set_address(a, address, err) == 0)
		return a;
	asker_free(a);
	return NULL;
}

void
asker_free(struct asker *a)
{
	if (a == NULL)
		return;
	close_idle(a);
	pthread_cond_destroy(&a->freed);
	pthread_mutex_destroy(&a->lock);
	free(a->idle);
	free(a->address);
	free(a);
}
