// SPDX-License-Identifier: MIT
// Fuzzes the framing loop of connections: however the bytes are cut into
// pieces, the replies are those to the stream as a whole, in order.
//
// An input is a byte that says how it is cut, and the stream.
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "proto/socketmap.h"
#include "serve/conn.h"

enum { GOAL_REPLY, GOAL_PIPELINED, GOAL_WAITED, GOAL_CUT_OFF, GOAL_REST };
struct fuzz_goal fuzz_goals[] = {
    [GOAL_REPLY] = {"a reply", 0},
    [GOAL_PIPELINED] = {"several requests in one piece", 0},
    [GOAL_WAITED] = {"an answer that came later", 0},
    [GOAL_CUT_OFF] = {"broken input", 0},
    [GOAL_REST] = {"a request without its end", 0},
    {NULL, 0},
};

enum {
	STREAM_MAX = 2000,
	REQUEST_MAX = 512,  // of this protocol, so that it is reached
	REPLIES_MAX = 4096, // more than STREAM_MAX of requests can ask for
	LOOPS_MAX = 100000, // turns of the loop; more is a hang
};

static struct event_base *base;
static struct conn_pool *pool;
static struct conn *waiting; // for an answer

// What a request is answered: its key, in one line. Maps that begin with 'w'
// answer later.
static size_t
answer(const struct socketmap_request *r, char out[REQUEST_MAX + 1])
{
	memcpy(out, r->key, r->key_len);
	out[r->key_len] = '\n';
	return r->key_len + 1;
}

static enum decoded
decode(const char *data, size_t len, struct socketmap_request *r, size_t *used)
{
	enum decoded got = socketmap_decode(data, len, r, used);
	return got == DECODED_OK && r->map_len + r->key_len > REQUEST_MAX
		   ? DECODED_BAD
		   : got;
}

static char later[REQUEST_MAX + 1];
static size_t later_len;

static enum conn_step
on_input(struct conn *c, const char *data, size_t len, size_t *used_out,
    void *service)
{
	struct socketmap_request r;
	char text[REQUEST_MAX + 1];
	(void)service;
	mxd_assert(len > 0 && waiting == NULL);
	switch (decode(data, len, &r, used_out)) {
	case DECODED_NEED_MORE:
		return CONN_NEED_MORE;
	case DECODED_BAD:
		return CONN_BAD;
	case DECODED_OK:
		break;
	}
	if (r.map[0] == 'w') {
		later_len = answer(&r, later);
		waiting = c;
		return CONN_WAIT;
	}
	conn_reply(c, text, answer(&r, text));
	if (*used_out < len)
		fuzz_reach(GOAL_PIPELINED);
	return CONN_NEXT;
}

static void
on_close(struct conn *c, void *service)
{
	(void)service;
	mxd_assert(waiting == c);
	waiting = NULL;
}

static const struct conn_protocol protocol = {
    .name = "fuzz",
    .max_input = REQUEST_MAX + 8,
    .on_input = on_input,
    .on_close = on_close,
};

// What the stream is to be answered, all of it.
struct expected {
	char *text; // REPLIES_MAX
	size_t len;
};

static void
expect(struct expected *e, const char *data, size_t size)
{
	struct socketmap_request r;
	size_t used;
	while (size > 0) {
		enum decoded got = decode(data, size, &r, &used);
		if (got != DECODED_OK) {
			bool cut = got == DECODED_BAD ||
				   size >= protocol.max_input;
			fuzz_reach(cut ? GOAL_CUT_OFF : GOAL_REST);
			return;
		}
		mxd_assert(e->len + REQUEST_MAX + 1 <= REPLIES_MAX);
		e->len += answer(&r, e->text + e->len);
		fuzz_reach(GOAL_REPLY);
		data += used;
		size -= used;
	}
}

struct client {
	int fd;
	char *got; // REPLIES_MAX
	size_t len;
	bool ended; // by the server
};

static void
client_read(struct client *c)
{
	ssize_t n;
	do {
		n = recv(
		    c->fd, c->got + c->len, REPLIES_MAX - c->len, MSG_DONTWAIT);
		if (n > 0)
			c->len += (size_t)n;
	} while (n > 0);
	if (n == 0 || errno != EAGAIN)
		c->ended = true;
}

// One turn of the loop; who waits is answered in the next one.
static void
turn(struct client *c)
{
	struct conn *who = waiting;
	if (who != NULL) {
		waiting = NULL;
		conn_reply(who, later, later_len);
		conn_resume(who);
		fuzz_reach(GOAL_WAITED);
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
	client_read(c);
}

// Sends the stream in pieces; the sizes go through what `cut` says.
static void
client_send(struct client *c, uint8_t cut, const char *data, size_t size)
{
	while (size > 0 && !c->ended) {
		size_t n = cut % 16 == 0 ? size : cut % 16;
		if (n > size)
			n = size;
		ssize_t sent = send(c->fd, data, n, MSG_NOSIGNAL);
		if (sent < 0)
			break; // it closed
		data += sent;
		size -= (size_t)sent;
		cut = (uint8_t)(cut * 5 + 1);
		turn(c);
	}
}

static void
begin(void)
{
	const struct log_params quiet = {
	    .program = "fuzz",
	    .target = LOG_TO_STDERR,
	    .level = LOG_LEVEL_FATAL,
	};
	if (base != NULL)
		return;
	signal(SIGPIPE, SIG_IGN);
	log_open(&quiet);
	clock_freeze(1000000);
	base = event_base_new();
	mxd_assert(base != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fds[2];
	if (size < 1 || size > STREAM_MAX)
		return 0;
	begin();
	const struct conn_pool_params p = {
	    .base = base,
	    .max = 4,
	    .request_ms = 60 * 1000,
	    .write_ms = 60 * 1000,
	    .max_output = 2048,
	};
	pool = conn_pool_new(&p);
	struct expected e = {.text = xcalloc(1, REPLIES_MAX)};
	struct client c = {.got = xcalloc(1, REPLIES_MAX)};
	mxd_assert(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	c.fd = fds[0];
	const char *stream = (const char *)data + 1;
	expect(&e, stream, size - 1);
	conn_start(pool, fds[1], "fuzz", &protocol, NULL);
	client_send(&c, data[0], stream, size - 1);
	shutdown(c.fd, SHUT_WR); // it still wants its answers
	for (int i = 0; !c.ended; i++) {
		mxd_assert(i < LOOPS_MAX);
		turn(&c);
	}
	mxd_assert(c.len == e.len && memcmp(c.got, e.text, e.len) == 0);
	mxd_assert(conn_pool_count(pool) == 0 && waiting == NULL);
	close(c.fd);
	conn_pool_free(pool);
	free(c.got);
	free(e.text);
	return 0;
}
