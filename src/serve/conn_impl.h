// SPDX-License-Identifier: MIT
// What the files conn*.c know of each other; for no one else.
#ifndef MXD_CONN_IMPL_H
#define MXD_CONN_IMPL_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "serve/conn.h"
#include "serve/conn_buf.h"

enum {
	CONN_IN_INLINE = 1024,	 // most requests fit; grows to max_input
	CONN_OUT_INLINE = 512,	 // most replies fit; grows to max_output
	CONN_TURN_REQUESTS = 64, // then the other connections have their turn
};

// What a connection is doing.
enum conn_state {
	CONN_READING, // for the next request, or the rest of one
	CONN_TURN,    // whole requests were read; its next turn comes
	CONN_FULL,    // reads nothing until the replies are gone
	CONN_WAITING, // the protocol said CONN_WAIT
	CONN_CLOSING, // sends the last replies
};

// What is heard from the socket's receiving side.
enum conn_ear {
	CONN_EAR_OFF,  // nothing
	CONN_EAR_READ, // input
	CONN_EAR_GONE, // that the peer is gone
};

// In which order connections make room for new ones.
enum conn_shelf {
	CONN_SHELF_FRESH, // never sent a whole request; oldest first
	CONN_SHELF_IDLE,  // between requests; least recently used first
	CONN_SHELF_BUSY,  // request in hand or reply not sent: stays
};
enum { CONN_SHELVES = CONN_SHELF_BUSY + 1 };

struct conn {
	struct conn_pool *pool;		      // borrowed
	const struct conn_protocol *protocol; // borrowed
	void *service;			      // borrowed
	void *data;			      // the protocol's own
	const char *fault; // what conn_set_fault() said, or NULL
	int fd;
	enum conn_state state;
	enum conn_ear ear;
	enum conn_shelf shelf;
	bool eof;      // the peer sends no more; it may still read
	bool dead;     // nothing can be sent any more
	bool writing;  // ev_write is on
	bool in_turns; // on pool->turns
	bool watched;  // on pool->watch
	struct conn_buf in, out;
	int64_t partial_since; // first byte of a request not yet whole, or -1
	int64_t unsent_since;  // since when output is there, or -1
	int64_t progress_at;   // when the kernel last took some of it
	uint64_t requests;     // consumed so far
	uint64_t shelved_requests, swept_requests; // `requests` at that time
	TAILQ_ENTRY(conn) on_shelf, on_turns, on_watch;
	struct event ev_in, ev_write;
	char peer[64];
	char in_inline[CONN_IN_INLINE];
	char out_inline[CONN_OUT_INLINE];
};

TAILQ_HEAD(conn_list, conn);

struct conn_pool {
	struct conn_pool_params params;
	unsigned count;	    // of all connections
	unsigned n_watched; // on `watch`
	unsigned n_turns;   // on `turns`
	bool draining;
	bool edge;    // the base can tell when a peer goes away
	bool serving; // inside a function of the protocol
	struct conn_list shelves[CONN_SHELVES]; // owned: each conn is on one
	struct conn_list turns;			// those in CONN_TURN, in order
	struct conn_list watch; // those that time may cut or shrink
	struct event *turn_timer, *sweep_timer;
	struct timeval sweep_every;
	// Lines about clients' faults in this minute, and those left out.
	int64_t faults_since;
	unsigned fault_lines;
	uint64_t faults_suppressed;
	// Since the last line about the limit.
	int64_t limit_logged_at;
	uint64_t limit_evicted, limit_refused;
};

// conn.c

// Serves at most `budget` of the requests that were read, sends the replies,
// goes on. The connection may be gone when it returns.
void conn_run(struct conn *c, unsigned budget);
// Reads once, and serves what there is then. The connection may be gone when it
// returns.
void conn_read(struct conn *c);
// Reads once. False: the connection is broken.
bool conn_fill(struct conn *c);
// Looks whether time is up at `now`. The connection may be gone afterwards.
void conn_sweep(struct conn *c, int64_t now);
// True when a request, or a part of one, waits to be looked at.
bool conn_has_input(const struct conn *c);
// Closes and frees; calls on_close() when the protocol had an answer to give.
void conn_finish(struct conn *c);

// conn_pool.c

// Makes room for one more. False: there is none.
bool conn_pool_admit(struct conn_pool *pool);
void conn_pool_add(struct conn *c);
// Gives `c` a turn after all others had theirs.
void conn_pool_add_turn(struct conn *c);
void conn_pool_remove_turn(struct conn *c);
// Has `c` looked at by conn_sweep() with the next sweep.
void conn_pool_watch(struct conn *c);
// Puts `c` on the shelf where it belongs.
void conn_pool_shelve(struct conn *c);
// Removes `c` from all lists.
void conn_pool_forget(struct conn *c);
// Has the sweep run when there is something for it to do.
void conn_pool_arm_sweep(struct conn_pool *pool);

// conn_log.c

// Logs what the client did wrong, unless there were too many such lines in this
// minute; `text` is for people.
void conn_log_fault(struct conn *c, const char *error, const char *text);
// Reports, at most once a minute, what was left out, and that the limit was
// reached.
void conn_log_report(struct conn_pool *pool, int64_t now);
// True when there will be something to report.
bool conn_log_pending(const struct conn_pool *pool);

#endif
