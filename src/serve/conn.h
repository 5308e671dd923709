// SPDX-License-Identifier: MIT
// Connections of clients: framing loop, caps and clean-up, for any protocol.
//
// A Postfix client sends one small request, waits for the reply, and does so
// for hours. Such a round costs one recv(), one send() and no allocation.
//
// The protocol's functions run from the event loop, conn_pool_drain() and
// conn_pool_free() only, never from within conn_reply() or conn_resume(). From
// within them neither conn_start() nor any conn_pool function but
// conn_pool_count() may be called.
#ifndef MXD_CONN_H
#define MXD_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct conn;
struct conn_pool;

// What a protocol made of the input at hand.
enum conn_step {
	CONN_NEXT,	// one request was consumed and answered; go on
	CONN_NEED_MORE, // the input is not a whole request yet
	CONN_WAIT,	// one request was consumed; the answer comes later by
			// conn_resume(); read and consume nothing until then
	CONN_BAD,	// broken: send what was replied so far, log, close
};

struct conn_protocol {
	const char *name; // for log lines: "socketmap", "policy"
	size_t max_input; // bytes of the longest request; more is BAD
	// Looks at the input (`len` > 0), consumes at most one request: sets
	// `*used_out` and replies with conn_reply(). `service` is that of
	// conn_start().
	enum conn_step (*on_input)(struct conn *c, const char *data, size_t len,
	    size_t *used_out, void *service);
	// The connection is going away while CONN_WAIT; may be NULL. Called
	// once; `c` is dead when it returns.
	void (*on_close)(struct conn *c, void *service);
};

struct conn_pool_params {
	struct event_base *base; // borrowed
	unsigned max;		 // connections at once, 1 to 1,000,000
	int64_t request_ms;	 // from a request's first byte to its last; > 0
	int64_t write_ms;  // a reply without progress for so long cuts; > 0;
			   // one that is not read in 8 times as long, too
	size_t max_output; // replies waiting for a client that does not read;
			   // reading pauses at half, never more than this;
			   // >= 1024, and twice the longest reply
};

// All connections of the process, of all protocols: one limit for them. When
// it is reached, the one idle for longest makes room for the new one: first
// those that never sent a whole request, never one with a request in hand
// (CONN_WAIT) or with replies not yet sent. There is no time limit between
// requests: Postfix closes idle connections by itself.
struct conn_pool *conn_pool_new(const struct conn_pool_params *p);
// Closes all connections. NULL is fine.
void conn_pool_free(struct conn_pool *pool);
// A lower limit closes idle connections beyond it.
void conn_pool_set_max(struct conn_pool *pool, unsigned max);
unsigned conn_pool_count(const struct conn_pool *pool);
// Answers what has already arrived whole, sends what is ready, then closes
// each; those in CONN_WAIT are closed at once. Connections started later are
// closed. Returns at once: the count falls to 0 as the replies go out.
void conn_pool_drain(struct conn_pool *pool);

// Takes over an accepted socket. `peer` is copied (cut to 63 bytes).
// `service` is handed to the protocol's functions; borrowed.
void conn_start(struct conn_pool *pool, int fd, const char *peer,
    const struct conn_protocol *protocol, void *service);

// Appends to the output; sent when on_input() returns, in order. Too much
// output closes the connection afterwards.
void conn_reply(struct conn *c, const char *data, size_t len);
// Ends CONN_WAIT after conn_reply(): sends, and goes on with the next request
// when the event loop comes round. Never from within this connection's
// on_input(). The connection may be gone when it returns; on_close() is then
// not called.
void conn_resume(struct conn *c);
// Says, before CONN_BAD is returned, what was wrong: a phrase for the log line,
// such as "no netstring". Borrowed until on_input() returns.
void conn_set_fault(struct conn *c, const char *text);
const char *conn_peer(const struct conn *c);
// One pointer for the protocol's own use, NULL at first.
void conn_set_data(struct conn *c, void *data);
void *conn_data(const struct conn *c);

#endif
