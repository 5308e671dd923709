// SPDX-License-Identifier: MIT
// One probe: connect, whole greeting, EHLO, QUIT, on the event loop.
#include "probe/smtp.h"

#include "base/bug.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "probe/smtpio.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

enum smtp_state {
	SMTP_STATE_NEW,
	SMTP_STATE_CONNECTING, // the handshake is awaited
	SMTP_STATE_GREETING,   // the whole greeting is awaited
	SMTP_STATE_EHLO,       // the whole reply to EHLO is awaited
	SMTP_STATE_COURTESY,   // depth connect: the verdict is there, the
			       // greeting is awaited, so that QUIT may be said
	SMTP_STATE_QUIT,   // the verdict is there, the reply to QUIT awaited
	SMTP_STATE_ENDING, // the verdict is there, done() is due at the
			   // loop's next turn
};

struct smtp {
	enum smtp_state state;
	enum smtp_depth depth;
	struct netaddr to;
	int64_t connect_timeout_ms;
	int64_t greeting_timeout_ms;
	int64_t reply_timeout_ms;
	int64_t started_at;
	int64_t entered_at; // the state
	int64_t wait_end;   // of the state
	bool slept;	    // through the end of an earlier one
	int64_t deadline;   // of the verdict
	char helo[SMTPIO_WORD_MAX + 1];

	struct smtpio io;
	struct event readable; // set up once there is a descriptor
	struct event writable;
	struct event timer;

	struct smtp_result result; // outcome NONE: no verdict yet
	smtp_done_fn *done;
	void *arg;
};

static void smtp_enter(struct smtp *s, enum smtp_state state);

static const char *
smtp_state_name(enum smtp_state state)
{
	static const char *const names[] = {
	    [SMTP_STATE_NEW] = "new",
	    [SMTP_STATE_CONNECTING] = "connecting",
	    [SMTP_STATE_GREETING] = "greeting",
	    [SMTP_STATE_EHLO] = "ehlo",
	    [SMTP_STATE_COURTESY] = "courtesy",
	    [SMTP_STATE_QUIT] = "quit",
	    [SMTP_STATE_ENDING] = "ending",
	};

	return names[state];
}

static void
smtp_free(struct smtp *s)
{
	event_del(&s->timer);
	if (s->io.fd >= 0) {
		event_del(&s->readable);
		event_del(&s->writable);
	}
	smtpio_fini(&s->io);
	free(s);
}

// Hands the verdict over; `s` is gone afterwards.
static void
smtp_finish(struct smtp *s)
{
	struct smtp_result result = s->result;
	smtp_done_fn *done = s->done;
	void *arg = s->arg;

	mxd_assert(result.outcome != OUTCOME_NONE);
	smtp_free(s);
	done(&result, arg);
}

// Something that was to end then is still going on: the machine slept, or the
// process was stopped. Timers do not run meanwhile, and our side of the
// connection did not keep up; the kernel may have given it up, or the peer.
// Only what it said counts then, and that only within the cap: what is told
// after it is as of another time.
static bool
smtp_is_overslept(int64_t end)
{
	return clock_now() - end >= SMTP_OVERSLEPT_MS;
}

static bool
smtp_says_nothing(const struct smtp *s, enum outcome outcome)
{
	if (smtp_is_overslept(s->deadline))
		return true;
	return outcome_says(outcome) != OUTCOME_SAYS_UP &&
	       (s->slept || smtp_is_overslept(s->wait_end));
}

static void
smtp_set_text(struct smtp *s, const char *text)
{
	struct strbuf b;

	strbuf_init(&b, s->result.text, sizeof(s->result.text));
	strbuf_add(&b, "%s", text);
}

// The first verdict stands: what happens around QUIT does not change it.
static void
smtp_conclude(struct smtp *s, enum outcome outcome)
{
	if (s->result.outcome != OUTCOME_NONE)
		return;
	if (smtp_says_nothing(s, outcome)) {
		outcome = OUTCOME_LOCAL_ERROR;
		smtp_set_text(s, "suspended or stopped meanwhile");
	}
	s->result.outcome = outcome;
	s->result.latency_ms = clock_now() - s->started_at;
}

// Keeps a text for the verdict to come.
static void
smtp_keep(struct smtp *s, const char *text)
{
	if (s->result.outcome == OUTCOME_NONE)
		smtp_set_text(s, text);
}

static void
smtp_keep_reply(struct smtp *s, const struct smtpreply *reply)
{
	struct strbuf b;

	s->result.code = reply->code;
	strbuf_init(&b, s->result.text, sizeof(s->result.text));
	strbuf_add(&b, "%03d", reply->code);
	if (reply->text[0] != '\0')
		strbuf_add(&b, " %s", reply->text);
}

// Ends a probe without calling done() from here: smtp_start() may not have
// returned.
static void
smtp_end_soon(struct smtp *s, enum outcome outcome, const char *text)
{
	smtp_keep(s, text);
	smtp_conclude(s, outcome);
	smtp_enter(s, SMTP_STATE_ENDING);
}

// What connect() itself says. Nothing has left this host: whatever is wrong
// with routes, source addresses or firewalls is wrong here.
static enum outcome
smtp_connect_outcome(int errnum)
{
	switch (errnum) {
	case ENETUNREACH:
	case EHOSTUNREACH:
		return OUTCOME_NO_ROUTE;
	// On loopback the answer to the SYN is there before connect() returns.
	case ECONNREFUSED:
		return OUTCOME_CONNECT_REFUSED;
	case ECONNRESET:
		return OUTCOME_CONNECT_RESET;
	case ETIMEDOUT:
		return OUTCOME_CONNECT_TIMEOUT;
	default:
		return OUTCOME_LOCAL_ERROR;
	}
}

// Without a handshake there is no conversation whose cap could be past: when
// the cap is shorter than the time to connect, it is connect-timeout, too.
static enum outcome
smtp_timeout_outcome(const struct smtp *s)
{
	if (s->state == SMTP_STATE_CONNECTING)
		return OUTCOME_CONNECT_TIMEOUT;
	if (s->state == SMTP_STATE_GREETING)
		return OUTCOME_GREETING_TIMEOUT;
	return OUTCOME_REPLY_TIMEOUT;
}

// What an error says on a connection that was on its way, or there.
static enum outcome
smtp_errno_outcome(const struct smtp *s, int errnum)
{
	switch (errnum) {
	case ECONNREFUSED:
		return OUTCOME_CONNECT_REFUSED;
	case ECONNRESET:
		return s->io.sent ? OUTCOME_RESET_AFTER_DATA
				  : OUTCOME_CONNECT_RESET;
	// Linux says EPIPE when a reset follows the peer's orderly close.
	case EPIPE:
		return s->io.sent ? OUTCOME_RESET_AFTER_DATA
				  : OUTCOME_CLOSED_EARLY;
	case ETIMEDOUT:
		return smtp_timeout_outcome(s);
	// What Linux makes of ICMP errors. EACCES is ICMPv6 "administratively
	// prohibited" here; a firewall of our own speaks from connect().
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENONET:
	case ENOPROTOOPT:
	case EPROTO:
	case EACCES:
		return OUTCOME_HOST_UNREACHABLE;
	default:
		return OUTCOME_LOCAL_ERROR;
	}
}

// Concludes with what an event other than the awaited one says.
static void
smtp_fail(struct smtp *s, const struct smtpio_event *ev)
{
	enum outcome outcome = OUTCOME_NONE;

	switch (ev->what) {
	case SMTPIO_CONNECTED:
	case SMTPIO_REPLY:
		break; // no failures
	case SMTPIO_FOREIGN:
		smtp_keep(s, ev->reply.text);
		outcome = OUTCOME_NOT_SMTP;
		break;
	case SMTPIO_CLOSED:
		outcome = OUTCOME_CLOSED_EARLY;
		break;
	case SMTPIO_ERROR:
		smtp_keep(s, strerror(ev->errnum));
		outcome = smtp_errno_outcome(s, ev->errnum);
		break;
	// It speaks SMTP; the MTA would listen to it for as long as it talks.
	case SMTPIO_ENDLESS:
		outcome = smtp_timeout_outcome(s);
		break;
	// What it said instead often tells what it is.
	case SMTPIO_TIMEOUT:
		if (!s->io.reply.coded && s->io.reply.text[0] != '\0')
			smtp_keep(s, s->io.reply.text);
		outcome = smtp_timeout_outcome(s);
		break;
	}
	mxd_assert(outcome != OUTCOME_NONE);
	smtp_conclude(s, outcome);
	smtp_finish(s);
}

static void
smtp_on_handshake(struct smtp *s, const struct smtpio_event *ev)
{
	if (ev->what != SMTPIO_CONNECTED) {
		smtp_fail(s, ev);
		return;
	}
	if (s->depth == SMTP_DEPTH_CONNECT) {
		smtp_conclude(s, OUTCOME_CONNECTED);
		smtp_enter(s, SMTP_STATE_COURTESY);
		return;
	}
	smtp_enter(s, SMTP_STATE_GREETING);
}

// RFC 5321 section 4.3.2 knows 220, 421 and 554 alone. smtp(8) delivers after
// any 2xx; a 4xx or 5xx is a mail server that will not; after anything else
// nobody delivers.
static void
smtp_on_greeting(struct smtp *s, const struct smtpio_event *ev)
{
	if (ev->what != SMTPIO_REPLY) {
		smtp_fail(s, ev);
		return;
	}
	smtp_keep_reply(s, &ev->reply);
	int64_t took_ms = clock_now() - s->entered_at;
	s->slept |= smtp_is_overslept(s->wait_end);
	if (!s->slept) // else it may have come long ago
		s->result.greeting_ms = took_ms > 0 ? took_ms : 1;
	int kind = ev->reply.code / 100;
	if (kind == 4 || kind == 5) {
		smtp_conclude(s, OUTCOME_REFUSED_SERVICE);
		smtp_enter(s, SMTP_STATE_QUIT);
	} else if (kind != 2) {
		smtp_conclude(s, OUTCOME_NOT_SMTP);
		smtp_finish(s);
	} else if (s->depth == SMTP_DEPTH_GREETING) {
		smtp_conclude(s, OUTCOME_GREETING);
		smtp_enter(s, SMTP_STATE_QUIT);
	} else {
		smtp_enter(s, SMTP_STATE_EHLO);
	}
}

// Who does not take EHLO may take HELO: smtp(8) tries, whatever the code was.
static void
smtp_on_ehlo(struct smtp *s, const struct smtpio_event *ev)
{
	if (ev->what != SMTPIO_REPLY) {
		smtp_fail(s, ev);
		return;
	}
	smtp_keep_reply(s, &ev->reply);
	if (ev->reply.code != 250)
		smtp_conclude(s, OUTCOME_EHLO_REFUSED);
	else if (s->depth == SMTP_DEPTH_STARTTLS && ev->reply.starttls)
		smtp_conclude(s, OUTCOME_STARTTLS_OFFERED);
	else
		smtp_conclude(s, OUTCOME_EHLO);
	smtp_enter(s, SMTP_STATE_QUIT);
}

// Tells the machine what happened; `s` may be gone afterwards.
static void
smtp_on_event(struct smtp *s, const struct smtpio_event *ev)
{
	switch (s->state) {
	case SMTP_STATE_CONNECTING:
		smtp_on_handshake(s, ev);
		return;
	case SMTP_STATE_GREETING:
		smtp_on_greeting(s, ev);
		return;
	case SMTP_STATE_EHLO:
		smtp_on_ehlo(s, ev);
		return;
	case SMTP_STATE_COURTESY:
		// Who was not greeted does not talk, not even to say QUIT.
		if (ev->what == SMTPIO_REPLY)
			smtp_enter(s, SMTP_STATE_QUIT);
		else
			smtp_finish(s);
		return;
	case SMTP_STATE_NEW:
	case SMTP_STATE_QUIT:
	case SMTP_STATE_ENDING:
		smtp_finish(s);
		return;
	}
}

static int64_t
smtp_state_ms(const struct smtp *s)
{
	switch (s->state) {
	case SMTP_STATE_CONNECTING:
		return s->connect_timeout_ms;
	case SMTP_STATE_GREETING:
		return s->greeting_timeout_ms;
	case SMTP_STATE_EHLO:
		return s->reply_timeout_ms;
	case SMTP_STATE_COURTESY:
	case SMTP_STATE_QUIT:
		return SMTP_QUIT_MS;
	case SMTP_STATE_NEW:
	case SMTP_STATE_ENDING:
		break;
	}
	return 0;
}

// One time for the whole of a state: bytes that trickle in do not prolong it.
static void
smtp_arm(struct smtp *s)
{
	int64_t ms = smtp_state_ms(s);
	int64_t left = s->deadline - s->entered_at;

	if (s->result.outcome == OUTCOME_NONE && left < ms)
		ms = left > 0 ? left : 0;
	s->wait_end = s->entered_at + ms;
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
	int rc = event_add(&s->timer, &tv);
	mxd_assert(rc == 0); // fails without memory only
}

// Waits for the descriptor; when that cannot be, the probe ends soon.
static void
smtp_watch(struct smtp *s, struct event *event)
{
	if (event_add(event, NULL) != 0)
		smtp_end_soon(s, OUTCOME_LOCAL_ERROR, strerror(errno));
}

// A command is sent, or as much of it as can go now. The reply may have come
// before it: the event loop does not tell of that. `s` may be gone afterwards.
static void
smtp_on_said(struct smtp *s)
{
	struct smtpio_event ev;

	if (smtpio_unsent(&s->io))
		smtp_watch(s, &s->writable);
	else if (smtpio_read(&s->io, &ev))
		smtp_on_event(s, &ev);
}

// Says something; `s` may be gone afterwards.
static void
smtp_command(struct smtp *s, const char *verb, const char *arg)
{
	struct smtpio_event ev;

	if (smtpio_say(&s->io, verb, arg, &ev))
		smtp_on_event(s, &ev);
	else
		smtp_on_said(s);
}

// Changes the state and does what it begins with; `s` may be gone afterwards.
static void
smtp_enter(struct smtp *s, enum smtp_state state)
{
	char address[NETADDR_TEXT_MAX];

	if (log_wants(LOG_LEVEL_DEBUG))
		log_debug("smtp address=%s old=%s new=%s",
		    netaddr_format_port(&s->to, address),
		    smtp_state_name(s->state), smtp_state_name(state));
	s->state = state;
	s->slept |= smtp_is_overslept(s->wait_end);
	s->entered_at = clock_now();
	smtp_arm(s);
	switch (state) {
	case SMTP_STATE_CONNECTING:
		smtp_watch(s, &s->writable);
		return;
	case SMTP_STATE_GREETING:
	case SMTP_STATE_COURTESY:
		smtp_watch(s, &s->readable);
		return;
	case SMTP_STATE_EHLO:
		smtp_command(s, "EHLO", s->helo);
		return;
	case SMTP_STATE_QUIT:
		smtp_command(s, "QUIT", "");
		return;
	case SMTP_STATE_NEW:
	case SMTP_STATE_ENDING:
		return; // the timer goes on
	}
}

// Looks at the connection. False: nothing has happened.
static bool
smtp_look(struct smtp *s, struct smtpio_event *ev)
{
	switch (s->state) {
	case SMTP_STATE_CONNECTING:
		return smtpio_handshake(&s->io, ev);
	case SMTP_STATE_GREETING:
	case SMTP_STATE_EHLO:
	case SMTP_STATE_COURTESY:
	case SMTP_STATE_QUIT:
		return smtpio_read(&s->io, ev);
	case SMTP_STATE_NEW:
	case SMTP_STATE_ENDING:
		break;
	}
	return false;
}

static void
smtp_on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct smtp *s = arg;
	struct smtpio_event ev;

	if (smtp_look(s, &ev))
		smtp_on_event(s, &ev);
}

// The handshake has ended, or the rest of a command can go.
static void
smtp_on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct smtp *s = arg;
	struct smtpio_event ev;

	if (s->state == SMTP_STATE_CONNECTING ? smtpio_handshake(&s->io, &ev)
					      : smtpio_flush(&s->io, &ev))
		smtp_on_event(s, &ev);
	else if (s->state == SMTP_STATE_CONNECTING)
		smtp_watch(s, &s->writable);
	else
		smtp_on_said(s);
}

// A last look first: a loop that was held up must not make a host look dead
// whose answer has been waiting in the socket.
static void
smtp_on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct smtp *s = arg;
	struct smtpio_event ev;

	if (!smtp_look(s, &ev))
		ev.what = SMTPIO_TIMEOUT;
	smtp_on_event(s, &ev);
}

// Takes the name for EHLO if it is one printable word: with a line's end in it,
// it would be commands.
static bool
smtp_take_helo(struct smtp *s, const char *helo)
{
	size_t len = strlen(helo);

	if (len == 0 || len > SMTPIO_WORD_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (helo[i] <= ' ' || helo[i] > '~')
			return false;
	}
	memcpy(s->helo, helo, len + 1);
	return true;
}

static void
smtp_begin(struct smtp *s, const struct smtp_params *p)
{
	if (!smtp_take_helo(s, p->helo)) {
		smtp_end_soon(s, OUTCOME_LOCAL_ERROR, "unusable EHLO name");
		return;
	}
	int errnum = smtpio_open(&s->io, p->to.family, &p->bind);
	if (s->io.fd >= 0) {
		event_assign(&s->readable, p->base, s->io.fd,
		    EV_READ | EV_PERSIST, smtp_on_readable, s);
		event_assign(&s->writable, p->base, s->io.fd, EV_WRITE,
		    smtp_on_writable, s);
	}
	if (errnum != 0) {
		smtp_end_soon(s, OUTCOME_LOCAL_ERROR, strerror(errnum));
		return;
	}
	errnum = smtpio_connect(&s->io, &p->to);
	if (errnum != 0) {
		smtp_end_soon(
		    s, smtp_connect_outcome(errnum), strerror(errnum));
		return;
	}
	smtp_enter(s, SMTP_STATE_CONNECTING);
}

struct smtp *
smtp_start(const struct smtp_params *params, smtp_done_fn *done, void *arg)
{
	mxd_assert(params->to.family != 0 && params->to.port != 0);
	mxd_assert(params->connect_timeout_ms > 0);
	mxd_assert(params->greeting_timeout_ms > 0);
	mxd_assert(params->reply_timeout_ms > 0);
	mxd_assert(params->total_ms >= 0);

	struct smtp *s = xcalloc(1, sizeof(*s));
	s->state = SMTP_STATE_NEW;
	s->depth = params->depth;
	s->to = params->to;
	s->connect_timeout_ms = params->connect_timeout_ms;
	s->greeting_timeout_ms = params->greeting_timeout_ms;
	s->reply_timeout_ms = params->reply_timeout_ms;
	s->started_at = s->wait_end = clock_now();
	s->deadline = s->started_at + (params->total_ms == 0
					      ? SMTP_TOTAL_MS
					      : params->total_ms);
	smtpio_init(&s->io);
	s->result.outcome = OUTCOME_NONE;
	s->done = done;
	s->arg = arg;
	evtimer_assign(&s->timer, params->base, smtp_on_timer, s);
	smtp_begin(s, params);
	return s;
}

void
smtp_cancel(struct smtp **s)
{
	if (*s != NULL)
		smtp_free(*s);
	*s = NULL;
}
