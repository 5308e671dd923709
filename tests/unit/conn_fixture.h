// SPDX-License-Identifier: MIT
// A toy protocol and clients on socketpairs, for the tests of connections.
#ifndef MXD_CONN_FIXTURE_H
#define MXD_CONN_FIXTURE_H

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "serve/conn.h"
#include "unit/logged.h"
#include "unit/unit.h"

enum {
	TOY_MAX = 4000, // bytes of a request
	TOY_OUTPUT = 65536,
	TOY_REQUEST_MS = 40, // so that the sweep runs every 10 ms
	TOY_WRITE_MS = 60,
	TOY_WAITERS = 8,
};

// What the protocol saw.
struct toy {
	unsigned requests;
	unsigned closes; // on_close() calls
	struct conn *waiting[TOY_WAITERS];
	unsigned n_waiting;
	bool resume_others; // by the request "go"
	bool resume_on_close;
};

static struct event_base *base;
static struct conn_pool *pool;
static struct toy toy;

// Takes the waiter at the head.
static inline struct conn *
toy_pop(void)
{
	struct conn *c = toy.waiting[0];

	toy.n_waiting--;
	memmove(toy.waiting, toy.waiting + 1,
	    toy.n_waiting * sizeof(toy.waiting[0]));
	return c;
}

// Answers the waiter at the head.
static inline void
toy_answer(const char *text)
{
	struct conn *c = toy_pop();

	conn_reply(c, text, strlen(text));
	conn_resume(c);
}

// One request is a line. "wait": later; "bad": broken; "now": resumes at once,
// which is forbidden; "big N": N bytes; "go": answers all waiters, then "went";
// others are echoed.
static inline enum conn_step
toy_on_input(
    struct conn *c, const char *data, size_t len, size_t *used_out, void *arg)
{
	struct toy *t = arg;
	const char *end = memchr(data, '\n', len);
	char line[TOY_MAX];

	ck_assert(arg == &toy);
	if (end == NULL)
		return CONN_NEED_MORE;
	size_t n = (size_t)(end - data);
	ck_assert_uint_lt(n, sizeof(line));
	memcpy(line, data, n);
	line[n] = '\0';
	if (strcmp(line, "bad") == 0) {
		conn_set_fault(c, "said bad");
		return CONN_BAD;
	}
	*used_out = n + 1;
	t->requests++;
	if (strcmp(line, "wait") == 0) {
		ck_assert_uint_lt(t->n_waiting, TOY_WAITERS);
		t->waiting[t->n_waiting++] = c;
		return CONN_WAIT;
	}
	if (strcmp(line, "now") == 0)
		conn_resume(c);
	if (strcmp(line, "go") == 0) {
		while (t->n_waiting > 0)
			toy_answer("gone\n");
		conn_reply(c, "went\n", 5);
		return CONN_NEXT;
	}
	if (strncmp(line, "big ", 4) == 0) {
		size_t big = (size_t)strtoul(line + 4, NULL, 10);
		char *filler = malloc(big);
		ck_assert(filler != NULL);
		memset(filler, 'x', big);
		filler[big - 1] = '\n';
		conn_reply(c, filler, big);
		free(filler);
		return CONN_NEXT;
	}
	conn_reply(c, data, n + 1);
	return CONN_NEXT;
}

static inline void
toy_on_close(struct conn *c, void *arg)
{
	struct toy *t = arg;
	unsigned kept = 0;

	t->closes++;
	ck_assert(conn_peer(c) != NULL);
	for (unsigned i = 0; i < t->n_waiting; i++)
		if (t->waiting[i] != c)
			t->waiting[kept++] = t->waiting[i];
	ck_assert_uint_eq(kept + 1, t->n_waiting);
	t->n_waiting = kept;
	while (t->resume_on_close && t->n_waiting > 0)
		toy_answer("gone\n");
}

static const struct conn_protocol toy_protocol = {
    .name = "toy",
    .max_input = TOY_MAX,
    .on_input = toy_on_input,
    .on_close = toy_on_close,
};

static inline void
toy_setup(void)
{
	toy = (struct toy){.requests = 0};
	clock_freeze(1000000);
	base = event_base_new();
	struct conn_pool_params p = {
	    .base = base,
	    .max = 100,
	    .request_ms = TOY_REQUEST_MS,
	    .write_ms = TOY_WRITE_MS,
	    .max_output = TOY_OUTPUT,
	};
	pool = conn_pool_new(&p);
}

static inline void
toy_teardown(void)
{
	conn_pool_free(pool);
	pool = NULL;
	ck_assert_uint_eq(toy.n_waiting, 0);
	event_base_free(base);
	clock_freeze(-1);
}

// Lets the loop do all that is due, without waiting.
static inline void
pump(void)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

// Lets the loop run until the pool holds `n` connections. The limit of time is
// only for a test that fails.
static inline void
pump_until_count(unsigned n)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (int i = 0; i < 10000 && conn_pool_count(pool) != n; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		nanosleep(&pause, NULL);
	}
	ck_assert_uint_eq(conn_pool_count(pool), n);
}

// Lets a few sweeps pass: they run every 10 ms of real time.
static inline void
pump_sweeps(void)
{
	const struct timespec pause = {.tv_nsec = 5000000};

	for (int i = 0; i < 20; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		nanosleep(&pause, NULL);
	}
}

// A client's end of a new connection, non-blocking.
static inline int
client_new(void)
{
	int fds[2];
	static unsigned n;
	char peer[32];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	snprintf(peer, sizeof(peer), "client%u", n++);
	conn_start(pool, fds[1], peer, &toy_protocol, &toy);
	return fds[0];
}

static inline void
client_send(int fd, const char *text)
{
	ck_assert_int_eq(
	    send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

// Asserts that exactly `text` has come.
static inline void
client_expect_row(int fd, const char *text, int row)
{
	char got[8192];
	ssize_t n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);

	if (n < 0)
		n = 0;
	got[n] = '\0';
	ck_assert_msg(strcmp(got, text) == 0, "row %d: \"%s\", not \"%s\"", row,
	    got, text);
}

static inline void
client_expect(int fd, const char *text)
{
	client_expect_row(fd, text, 0);
}

// True when the server has closed, and nothing is left to read.
static inline bool
client_is_closed(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}

#endif
