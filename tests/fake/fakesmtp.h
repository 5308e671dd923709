// SPDX-License-Identifier: MIT
// A scripted SMTP peer on loopback, on the event loop of the test.
//
// Each connection runs the script from its start, on its own. What the client
// sends is recorded to the last byte, also after the script's end. A peer whose
// script ends stays silent until the client closes.
#ifndef MXD_FAKESMTP_H
#define MXD_FAKESMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/netaddr.h"

struct event_base;
struct fakesmtp;

enum fakesmtp_op {
	FAKESMTP_OP_END,    // nothing more: silence
	FAKESMTP_OP_SAY,    // text, in one write
	FAKESMTP_OP_DRIP,   // text, a byte at once and one every `ms`
	FAKESMTP_OP_TARPIT, // as DRIP, over and over
	FAKESMTP_OP_FLOOD,  // text over and over, as fast as it is taken
	FAKESMTP_OP_PAUSE,  // `ms` of silence
	FAKESMTP_OP_EXPECT, // waits for one line from the client; another line
			    // than text is a surprise, and ends the script
	FAKESMTP_OP_CLOSE,  // ends our side in an orderly way, goes on reading
	FAKESMTP_OP_HANGUP, // closes the socket
	FAKESMTP_OP_RESET,  // closes the socket with a reset
	FAKESMTP_OP_CALL,   // call(arg); it may not stop the peer
};

struct fakesmtp_step {
	enum fakesmtp_op op;
	const char *text; // borrowed; may hold NULs
	size_t len;
	int ms;
	void (*call)(void *arg);
	void *arg;
};

// Steps of a script; texts are string literals.
#define FAKE_TEXT_(o, t, m)                                              \
	{                                                                \
		.op = (o), .text = "" t, .len = sizeof(t) - 1, .ms = (m) \
	}
#define FAKE_SAY(t)	    FAKE_TEXT_(FAKESMTP_OP_SAY, t, 0)
#define FAKE_DRIP(t, ms_)   FAKE_TEXT_(FAKESMTP_OP_DRIP, t, ms_)
#define FAKE_TARPIT(t, ms_) FAKE_TEXT_(FAKESMTP_OP_TARPIT, t, ms_)
#define FAKE_FLOOD(t)	    FAKE_TEXT_(FAKESMTP_OP_FLOOD, t, 0)
#define FAKE_EXPECT(t)	    FAKE_TEXT_(FAKESMTP_OP_EXPECT, t, 0)
#define FAKE_PAUSE(ms_)	    FAKE_TEXT_(FAKESMTP_OP_PAUSE, "", ms_)
#define FAKE_CLOSE	    FAKE_TEXT_(FAKESMTP_OP_CLOSE, "", 0)
#define FAKE_HANGUP	    FAKE_TEXT_(FAKESMTP_OP_HANGUP, "", 0)
#define FAKE_RESET	    FAKE_TEXT_(FAKESMTP_OP_RESET, "", 0)
#define FAKE_END	    FAKE_TEXT_(FAKESMTP_OP_END, "", 0)
#define FAKE_CALL(fn, a)                                         \
	{                                                        \
		.op = FAKESMTP_OP_CALL, .call = (fn), .arg = (a) \
	}

enum {
	FAKESMTP_STEPS_MAX = 16,      // of a script, its END included
	FAKESMTP_RECEIVED_MAX = 4096, // bytes recorded; the test ends at more
};

// One connection, as far as it went.
struct fakesmtp_talk {
	struct netaddr from;			  // the client's address
	char received[FAKESMTP_RECEIVED_MAX + 1]; // all that the client sent
	size_t len;
	bool closed;			   // the client closed (or we did)
	int64_t closed_at;		   // by clock_now()
	bool surprised;			   // an EXPECT met another line
	unsigned step;			   // the step that is on
	size_t before[FAKESMTP_STEPS_MAX]; // step => bytes that had been
					   // received when it began
};

// Listens on 127.0.0.1 or ::1, on a port of the kernel's choice. `script` is
// borrowed; its last step is END. NULL: there is no such family on this host.
struct fakesmtp *fakesmtp_start(
    struct event_base *base, int family, const struct fakesmtp_step *script);
// A port whose SYNs are dropped: its queue of connections is full for good.
struct fakesmtp *fakesmtp_start_deaf(struct event_base *base);
// A port that nobody listens on, and that nobody else gets meanwhile.
struct fakesmtp *fakesmtp_start_refusing(struct event_base *base);
// Closes everything. NULL is fine.
void fakesmtp_stop(struct fakesmtp *f);

struct netaddr fakesmtp_address(const struct fakesmtp *f);
// Connections accepted so far.
unsigned fakesmtp_connections(const struct fakesmtp *f);
// The nth of them, from 0; valid until the peer is stopped.
const struct fakesmtp_talk *fakesmtp_talk(const struct fakesmtp *f, unsigned n);
// All connections are closed, and there was at least one.
bool fakesmtp_all_closed(const struct fakesmtp *f);

#endif
