// SPDX-License-Identifier: MIT
// The probe against scripted peers on loopback: outcomes, bytes, contract.
#include "probe/smtp.h"

#include "base/attr.h"
#include "base/clock.h"
#include "fake/fakesmtp.h"
#include "unit/unit.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

// Failures that no peer on loopback can cause are put in between the probe and
// libc. Only sockets of the client's side are touched, and only while armed.
static struct {
	const char *call; // "connect", "socket", ...; NULL: not armed
	int errnum;
	uint16_t port;	 // the peer's
	bool after_sent; // only once the client has sent something
	bool sent;
	unsigned count; // how often it struck
	int fd;		// of the last socket() call
} inject;

static bool
is_client(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getpeername(fd, (struct sockaddr *)&ss, &len) != 0)
		return false;
	return netaddr_from_sockaddr((struct sockaddr *)&ss).port ==
	       inject.port;
}

static bool
strikes(const char *call)
{
	if (inject.call == NULL || strcmp(inject.call, call) != 0)
		return false;
	if (inject.after_sent && !inject.sent)
		return false;
	inject.count++;
	errno = inject.errnum;
	return true;
}

int
socket(int domain, int type, int protocol)
{
	int (*real)(int, int, int) = dlsym(RTLD_NEXT, "socket");

	if (strikes("socket"))
		return -1;
	inject.fd = real(domain, type, protocol);
	return inject.fd;
}

int
connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(
	    RTLD_NEXT, "connect");

	return strikes("connect") ? -1 : real(fd, sa, len);
}

int
getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	int (*real)(int, int, int, void *, socklen_t *) = dlsym(
	    RTLD_NEXT, "getsockopt");

	if (name == SO_ERROR && strikes("getsockopt")) {
		memcpy(value, &inject.errnum, sizeof(int));
		return 0;
	}
	return real(fd, level, name, value, len);
}

// Besides failing, "recv-flood" lets the first read be and then fills every
// buffer.
ssize_t
recv(int fd, void *buf, size_t size, int flags)
{
	ssize_t (*real)(int, void *, size_t, int) = dlsym(RTLD_NEXT, "recv");

	if (!is_client(fd))
		return real(fd, buf, size, flags);
	if (strikes("recv"))
		return -1;
	if (strikes("recv-flood") && inject.count > 1) {
		memset(buf, 'x', size);
		return (ssize_t)size;
	}
	return real(fd, buf, size, flags);
}

// Besides failing, "send-short" takes one byte of each command and is then full
// once.
ssize_t
send(int fd, const void *buf, size_t size, int flags)
{
	ssize_t (*real)(int, const void *, size_t, int) = dlsym(
	    RTLD_NEXT, "send");

	if (!is_client(fd))
		return real(fd, buf, size, flags);
	ck_assert_msg((flags & MSG_NOSIGNAL) != 0, "SIGPIPE is possible");
	if (strikes("send"))
		return -1;
	if (strikes("send-short")) {
		if (inject.count % 2 == 0)
			return -1;
		size = 1;
	}
	inject.sent = true;
	return real(fd, buf, size, flags);
}

// "epoll_in" fails when it is about reading.
int
epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	int (*real)(int, int, int, struct epoll_event *) = dlsym(
	    RTLD_NEXT, "epoll_ctl");

	if (fd == inject.fd && strikes("epoll_ctl"))
		return -1;
	if (fd == inject.fd && event != NULL &&
	    (event->events & EPOLLIN) != 0 && strikes("epoll_in"))
		return -1;
	return real(epfd, op, fd, event);
}

// Has nothing to report once: the kernel tells of so many descriptors a call.
int
epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
	int (*real)(int, struct epoll_event *, int, int) = dlsym(
	    RTLD_NEXT, "epoll_wait");

	if (strikes("epoll_wait")) {
		inject.call = NULL;
		return 0;
	}
	return real(epfd, events, max, timeout);
}

// One probe of a test.
struct run {
	struct event_base *base;
	struct fakesmtp *fake;
	struct smtp *handle;
	bool started;	// smtp_start() has returned
	unsigned calls; // of done()
	unsigned again; // done() starts so many more
	struct smtp_params params;
	struct smtp_result result; // of the last call
};

enum { LONG_MS = 50 * 1000 }; // longer than any test takes

static unsigned
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void
run_init(struct run *r)
{
	*r = (struct run){.base = event_base_new()};
	ck_assert_ptr_nonnull(r->base);
}

static void
run_fini(struct run *r)
{
	fakesmtp_stop(r->fake);
	event_base_free(r->base);
}

static void run_start(struct run *r);

static void
run_on_done(const struct smtp_result *result, void *arg)
{
	struct run *r = arg;

	ck_assert_msg(r->started, "done() before start() returned");
	r->calls++;
	r->result = *result;
	r->handle = NULL;
	if (r->again > 0) {
		r->again--;
		run_start(r);
	}
}

static void
run_start(struct run *r)
{
	r->started = false;
	r->handle = smtp_start(&r->params, run_on_done, r);
	ck_assert_ptr_nonnull(r->handle);
	r->started = true;
}

// Parameters that never time out, to the fake peer.
static void
run_aim(struct run *r, enum smtp_depth depth)
{
	r->params = (struct smtp_params){
	    .base = r->base,
	    .to = fakesmtp_address(r->fake),
	    .helo = "probe.example",
	    .depth = depth,
	    .connect_timeout_ms = LONG_MS,
	    .greeting_timeout_ms = LONG_MS,
	    .reply_timeout_ms = LONG_MS,
	};
	inject.port = r->params.to.port;
}

// Against a peer that does as the script says.
static void
run_with(
    struct run *r, const struct fakesmtp_step *script, enum smtp_depth depth)
{
	run_init(r);
	r->fake = fakesmtp_start(r->base, AF_INET, script);
	run_aim(r, depth);
}

static void
run_turn(struct run *r)
{
	ck_assert_int_eq(event_base_loop(r->base, EVLOOP_ONCE), 0);
}

static void
run_turns(struct run *r, int n)
{
	while (n-- > 0)
		event_base_loop(r->base, EVLOOP_NONBLOCK);
}

static void
run_until_done(struct run *r)
{
	while (r->calls == 0)
		run_turn(r);
}

// To the verdict, by a clock that stands but where the script sets it.
static void
run_by_the_clock(struct run *r, int64_t begin)
{
	clock_freeze(begin);
	run_start(r);
	run_until_done(r);
	clock_freeze(-1);
}

// Until the peers have seen the end of every connection.
static void
run_until_closed(struct run *r)
{
	while (!fakesmtp_all_closed(r->fake))
		run_turn(r);
}

// A script, and what a probe makes of it.
struct talk_row {
	const char *name;
	enum smtp_depth depth;
	int family;	// 0: AF_INET
	int timeout_ms; // of greeting and replies; 0: never
	int total_ms;	// 0: never
	enum outcome outcome;
	const char *text;
	const char *sent; // all that the client says
	struct fakesmtp_step script[FAKESMTP_STEPS_MAX];
};

// The index of the script's first EXPECT, or of its END.
static unsigned
first_expect(const struct fakesmtp_step *script)
{
	unsigned i = 0;

	while (script[i].op != FAKESMTP_OP_EXPECT &&
	       script[i].op != FAKESMTP_OP_END)
		i++;
	return i;
}

static void
check_talk(const struct talk_row *row, int i)
{
	struct run r;
	unsigned fds = count_fds();

	run_init(&r);
	r.fake = fakesmtp_start(
	    r.base, row->family == 0 ? AF_INET : row->family, row->script);
	if (r.fake == NULL && row->family == AF_INET6) {
		fprintf(stderr, "# row %d skipped: no IPv6 here\n", i);
		run_fini(&r);
		return;
	}
	ck_assert_ptr_nonnull(r.fake);
	run_aim(&r, row->depth);
	if (row->timeout_ms != 0)
		r.params.greeting_timeout_ms = r.params.reply_timeout_ms =
		    row->timeout_ms;
	r.params.total_ms = row->total_ms;
	run_start(&r);
	ck_assert_uint_eq(r.calls, 0);
	run_until_done(&r);
	run_until_closed(&r);
	run_turns(&r, 3);

	const struct fakesmtp_talk *talk = fakesmtp_talk(r.fake, 0);
	ck_assert_msg(r.result.outcome == row->outcome,
	    "row %d (%s): %s instead of %s", i, row->name,
	    outcome_name(r.result.outcome), outcome_name(row->outcome));
	ck_assert_msg(strcmp(r.result.text, row->text) == 0,
	    "row %d (%s): text \"%s\"", i, row->name, r.result.text);
	// What one that is up says for its text begins with the code.
	if (outcome_says(row->outcome) == OUTCOME_SAYS_UP &&
	    row->outcome != OUTCOME_CONNECTED)
		ck_assert_int_eq(r.result.code, strtol(row->text, NULL, 10));
	if (row->text[0] == '\0')
		ck_assert_int_eq(r.result.code, 0);
	ck_assert_msg(strcmp(talk->received, row->sent) == 0 &&
			  talk->len == strlen(row->sent),
	    "row %d (%s): sent \"%s\"", i, row->name, talk->received);
	ck_assert_msg(r.calls == 1, "row %d (%s)", i, row->name);
	ck_assert_msg(r.result.latency_ms >= 0, "row %d (%s)", i, row->name);
	ck_assert_msg(!talk->surprised, "row %d (%s)", i, row->name);
	// Not a byte before the whole greeting.
	unsigned step = first_expect(row->script);
	ck_assert_msg(talk->step < step || talk->before[step] == 0,
	    "row %d (%s): talks before it was greeted", i, row->name);
	ck_assert_uint_eq(fakesmtp_connections(r.fake), 1);
	run_fini(&r);
	ck_assert_msg(count_fds() == fds, "row %d (%s): leaks a descriptor", i,
	    row->name);
}

#define HELLO "EHLO probe.example"
#define GREET FAKE_SAY("220 mx.example ESMTP\r\n"), FAKE_EXPECT(HELLO)
#define BYE   FAKE_EXPECT("QUIT"), FAKE_SAY("221 bye\r\n"), FAKE_END
#define EHLO  HELLO "\r\n"
#define QUIT  "QUIT\r\n"

// Texts of some size.
#define X100                                                 \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X600 X100 X100 X100 X100 X100 X100
#define LINES8(code)                                                 \
	code X600 "\r\n" code X600 "\r\n" code X600 "\r\n" code X600 \
		  "\r\n" code X600 "\r\n" code X600 "\r\n" code X600 \
		  "\r\n" code X600 "\r\n"

static const struct talk_row answered[] = {
    {"plain", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_EHLO, "250 mx.example",
	EHLO QUIT, {GREET, FAKE_SAY("250 mx.example\r\n"), BYE}},
    {"IPv6", SMTP_DEPTH_EHLO, AF_INET6, 0, 0, OUTCOME_EHLO, "250 mx.example",
	EHLO QUIT, {GREET, FAKE_SAY("250 mx.example\r\n"), BYE}},
    {"many lines, STARTTLS not asked for", SMTP_DEPTH_EHLO, 0, 0, 0,
	OUTCOME_EHLO, "250 HELP", EHLO QUIT,
	{GREET, FAKE_SAY("250-mx\r\n250-STARTTLS\r\n250 HELP\r\n"), BYE}},
    {"STARTTLS", SMTP_DEPTH_STARTTLS, 0, 0, 0, OUTCOME_STARTTLS_OFFERED,
	"250 HELP", EHLO QUIT,
	{GREET, FAKE_SAY("250-mx\r\n250-starttls\r\n250 HELP\r\n"), BYE}},
    {"no STARTTLS", SMTP_DEPTH_STARTTLS, 0, 0, 0, OUTCOME_EHLO, "250 HELP",
	EHLO QUIT, {GREET, FAKE_SAY("250-mx\r\n250 HELP\r\n"), BYE}},
    {"teaser", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_EHLO, "250 mx", EHLO QUIT,
	{FAKE_SAY("220-wait for it\r\n"), FAKE_PAUSE(30),
	    FAKE_SAY("220-still\r\n220 now\r\n"), FAKE_EXPECT(HELLO),
	    FAKE_SAY("250 mx\r\n"), BYE}},
    {"greeting in pieces", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_EHLO, "250 mx",
	EHLO QUIT,
	{FAKE_DRIP("220-a\r\n220 b\r\n", 1), FAKE_EXPECT(HELLO),
	    FAKE_DRIP("250-x\r\n250 mx\r\n", 0), BYE}},
    {"bare newlines", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_EHLO, "250", EHLO QUIT,
	{FAKE_SAY("220\n"), FAKE_EXPECT(HELLO), FAKE_SAY("250\n"),
	    FAKE_EXPECT("QUIT"), FAKE_SAY("221\n"), FAKE_END}},
    {"another 2xx greets", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_EHLO, "250 mx",
	EHLO QUIT,
	{FAKE_SAY("200 hi\r\n"), FAKE_EXPECT(HELLO), FAKE_SAY("250 mx\r\n"),
	    BYE}},
    {"the next reply is the answer, whenever it came", SMTP_DEPTH_EHLO, 0, 0, 0,
	OUTCOME_EHLO, "250 b", EHLO QUIT,
	{FAKE_SAY("220 a\r\n250 b\r\n"), FAKE_EXPECT(HELLO), BYE}},
    {"a line is late", SMTP_DEPTH_STARTTLS, 0, 0, 0, OUTCOME_STARTTLS_OFFERED,
	"250 mx", EHLO QUIT,
	{FAKE_SAY("220 mx\r\n"), FAKE_EXPECT(HELLO), FAKE_SAY("\r\n"),
	    FAKE_PAUSE(20), FAKE_SAY("250-mx\r\n250-STARTTLS\r\n250 mx\r\n"),
	    BYE}},
    {"lines without a code come first", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_EHLO,
	"250 mx", EHLO QUIT,
	{FAKE_SAY("\r\nA gateway\r\n220\tx\r\n2200 x\r\n"), FAKE_PAUSE(20),
	    FAKE_DRIP("220 mx\r\n", 1), FAKE_EXPECT(HELLO),
	    FAKE_SAY("So be it\r\n\0\r\n250 mx\0x\r\n"), BYE}},
    {"EHLO is refused", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_EHLO_REFUSED,
	"550 who?", EHLO QUIT, {GREET, FAKE_SAY("550 who?\r\n"), BYE}},
    {"EHLO is put off", SMTP_DEPTH_STARTTLS, 0, 0, 0, OUTCOME_EHLO_REFUSED,
	"421 later", EHLO QUIT, {GREET, FAKE_SAY("421 later\r\n"), BYE}},
    {"3xx after EHLO", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_EHLO_REFUSED,
	"354 go on", EHLO QUIT, {GREET, FAKE_SAY("354 go on\r\n"), BYE}},
    {"EHLO gets another 2xx", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_EHLO_REFUSED,
	"220 again", EHLO QUIT, {GREET, FAKE_SAY("220 again\r\n"), BYE}},
    {"554 greeting", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_REFUSED_SERVICE,
	"554 no mail here", QUIT, {FAKE_SAY("554 no mail here\r\n"), BYE}},
    {"421 greeting and gone", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_REFUSED_SERVICE,
	"421 busy", "",
	{FAKE_SAY("421-too\r\n421 busy\r\n"), FAKE_CLOSE, FAKE_END}},
    {"depth greeting", SMTP_DEPTH_GREETING, 0, 0, 0, OUTCOME_GREETING, "220 mx",
	QUIT, {FAKE_SAY("220-a\r\n220 mx\r\n"), BYE}},
    {"depth greeting refused", SMTP_DEPTH_GREETING, 0, 0, 0,
	OUTCOME_REFUSED_SERVICE, "450 no", QUIT, {FAKE_SAY("450 no\r\n"), BYE}},
    {"depth connect", SMTP_DEPTH_CONNECT, 0, 0, 0, OUTCOME_CONNECTED, "", QUIT,
	{FAKE_DRIP("220-a\r\n220 mx\r\n", 1), BYE}},
    {"depth connect refused", SMTP_DEPTH_CONNECT, 0, 0, 0, OUTCOME_CONNECTED,
	"", QUIT, {FAKE_SAY("554 no\r\n"), BYE}},
    {"depth connect, closed", SMTP_DEPTH_CONNECT, 0, 0, 0, OUTCOME_CONNECTED,
	"", "", {FAKE_CLOSE, FAKE_END}},
    {"QUIT is answered by a close", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_EHLO,
	"250 mx", EHLO QUIT,
	{GREET, FAKE_SAY("250 mx\r\n"), FAKE_EXPECT("QUIT"), FAKE_CLOSE,
	    FAKE_END}},
    {"QUIT is answered by a reset", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_EHLO,
	"250 mx", EHLO QUIT,
	{GREET, FAKE_SAY("250 mx\r\n"), FAKE_EXPECT("QUIT"), FAKE_RESET,
	    FAKE_END}},
    {"QUIT is answered by garbage", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_EHLO,
	"250 mx", EHLO QUIT,
	{GREET, FAKE_SAY("250 mx\r\n"), FAKE_EXPECT("QUIT"),
	    FAKE_SAY("what?\r\n"), FAKE_CLOSE, FAKE_END}},
    {"replies of some size", SMTP_DEPTH_STARTTLS, 0, 0, 0,
	OUTCOME_STARTTLS_OFFERED, "250 x", EHLO QUIT,
	{FAKE_SAY(LINES8("220-") LINES8("220-") "220 x\r\n"),
	    FAKE_EXPECT(HELLO),
	    FAKE_SAY(LINES8("250-") LINES8("250-") "250-STARTTLS\r\n250 x\r\n"),
	    BYE}},
    {"not by the letter, but mail goes there", SMTP_DEPTH_EHLO, 0, 0, 0,
	OUTCOME_EHLO, "250 done", EHLO QUIT,
	{FAKE_SAY(
	     "220-mx\r\n  our banner\r\n250 " X600 X600 X600 X600 "\r\r\n"),
	    FAKE_EXPECT(HELLO), FAKE_SAY("251-a\r\n\r\n250 done\r\n"), BYE}},
    {"long lines are cut", SMTP_DEPTH_GREETING, 0, 0, 0, OUTCOME_GREETING,
	"220 0123456789012345678901234567890123456789012345678901234567890123"
	"4567890123456789012345678901",
	QUIT,
	{FAKE_SAY("220 01234567890123456789012345678901234567890123456789"
		  "01234567890123456789012345678901234567890123456789\r\n"),
	    BYE}},
};

static const struct talk_row failed[] = {
    {"closed at once", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_CLOSED_EARLY, "", "",
	{FAKE_CLOSE, FAKE_END}},
    {"closed in the greeting", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_CLOSED_EARLY,
	"", "", {FAKE_SAY("220-mx\r\n220 half"), FAKE_CLOSE, FAKE_END}},
    {"closed after the greeting", SMTP_DEPTH_EHLO, 0, 0, 0,
	OUTCOME_CLOSED_EARLY, "220 mx", "",
	{FAKE_SAY("220 mx\r\n"), FAKE_CLOSE, FAKE_END}},
    {"hung up after the greeting", SMTP_DEPTH_EHLO, 0, 0, 0,
	OUTCOME_CLOSED_EARLY, "220 mx", "",
	{FAKE_SAY("220 mx\r\n"), FAKE_HANGUP, FAKE_END}},
    {"closed after EHLO", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_CLOSED_EARLY,
	"220 mx.example ESMTP", EHLO, {GREET, FAKE_CLOSE, FAKE_END}},
    {"closed in the reply", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_CLOSED_EARLY,
	"220 mx.example ESMTP", EHLO,
	{GREET, FAKE_SAY("250-mx\r\n250 "), FAKE_HANGUP, FAKE_END}},
    {"reset at once", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_CONNECT_RESET,
	"Connection reset by peer", "", {FAKE_RESET, FAKE_END}},
    {"reset in the greeting", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_CONNECT_RESET,
	"Connection reset by peer", "",
	{FAKE_SAY("220-mx\r\n"), FAKE_PAUSE(10), FAKE_RESET, FAKE_END}},
    {"reset after the greeting", SMTP_DEPTH_EHLO, 0, 0, 0,
	OUTCOME_CONNECT_RESET, "Connection reset by peer", "",
	{FAKE_SAY("220 mx\r\n"), FAKE_RESET, FAKE_END}},
    {"reset after EHLO", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_RESET_AFTER_DATA,
	"Connection reset by peer", EHLO, {GREET, FAKE_RESET, FAKE_END}},
    {"reset in the reply", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_RESET_AFTER_DATA,
	"Connection reset by peer", EHLO,
	{GREET, FAKE_SAY("250-mx\r\n"), FAKE_PAUSE(10), FAKE_RESET, FAKE_END}},
    {"silence", SMTP_DEPTH_EHLO, 0, 100, 0, OUTCOME_GREETING_TIMEOUT, "", "",
	{FAKE_END}},
    {"silence, capped", SMTP_DEPTH_EHLO, 0, 0, 100, OUTCOME_GREETING_TIMEOUT,
	"", "", {FAKE_END}},
    {"endless teaser", SMTP_DEPTH_EHLO, 0, 100, 0, OUTCOME_GREETING_TIMEOUT, "",
	"", {FAKE_SAY("220-x\r\n"), FAKE_TARPIT("220-x\r\n", 5), FAKE_END}},
    {"endless teaser, capped", SMTP_DEPTH_EHLO, 0, 0, 100,
	OUTCOME_GREETING_TIMEOUT, "", "",
	{FAKE_TARPIT("220-x\r\n", 5), FAKE_END}},
    {"silence at depth greeting", SMTP_DEPTH_GREETING, 0, 100, 0,
	OUTCOME_GREETING_TIMEOUT, "", "", {FAKE_SAY("220 m"), FAKE_END}},
    {"silence after EHLO", SMTP_DEPTH_EHLO, 0, 300, 0, OUTCOME_REPLY_TIMEOUT,
	"220 mx.example ESMTP", EHLO, {GREET, FAKE_END}},
    {"tarpit after EHLO", SMTP_DEPTH_EHLO, 0, 300, 0, OUTCOME_REPLY_TIMEOUT,
	"220 mx.example ESMTP", EHLO,
	{GREET, FAKE_TARPIT("250-x\r\n", 10), FAKE_END}},
    {"a web server", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_NOT_SMTP,
	"HTTP/1.1 400 Bad Request", "",
	{FAKE_SAY("\r\nHTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n"),
	    FAKE_CLOSE, FAKE_END}},
    {"another service, no line", SMTP_DEPTH_GREETING, 0, 0, 0, OUTCOME_NOT_SMTP,
	"+OK ", "", {FAKE_SAY("+OK "), FAKE_CLOSE, FAKE_END}},
    {"another service, slowly", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_NOT_SMTP,
	"22x", "", {FAKE_DRIP("22x", 1), FAKE_CLOSE, FAKE_END}},
    {"a TLS alert", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_NOT_SMTP, "\x15\x03\x01",
	"", {FAKE_SAY("\x15\x03\x01\0\2\2\x46"), FAKE_CLOSE, FAKE_END}},
    {"empty lines, and closed", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_CLOSED_EARLY,
	"", "", {FAKE_SAY("\r\n\r\n"), FAKE_CLOSE, FAKE_END}},
    {"SSH, which waits", SMTP_DEPTH_EHLO, 0, 300, 0, OUTCOME_GREETING_TIMEOUT,
	"SSH-2.0-x", "", {FAKE_SAY("SSH-2.0-x\r\n"), FAKE_END}},
    {"SSH, reset", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_CONNECT_RESET,
	"Connection reset by peer", "",
	{FAKE_SAY("SSH-2.0-x\r\n"), FAKE_PAUSE(10), FAKE_RESET, FAKE_END}},
    {"1xx greeting", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_NOT_SMTP, "120 soon", "",
	{FAKE_SAY("120 soon\r\n"), FAKE_END}},
    {"3xx greeting", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_NOT_SMTP, "354 go on",
	"", {FAKE_SAY("354 go on\r\n"), FAKE_END}},
    {"6xx greeting", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_NOT_SMTP, "600 x", "",
	{FAKE_SAY("600 x\r\n"), FAKE_END}},
    {"0xx greeting", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_NOT_SMTP, "020 x", "",
	{FAKE_SAY("020 x\r\n"), FAKE_END}},
    {"endless text", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_NOT_SMTP, "abc", "",
	{FAKE_SAY("abc\r\n"), FAKE_FLOOD(X600 "\r\n"), FAKE_END}},
    {"endless garbage", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_NOT_SMTP, "\1", "",
	{FAKE_SAY("\1\0"), FAKE_FLOOD(X600), FAKE_END}},
    // Who begins a reply is a mail server, however long that is.
    {"endless lines", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_GREETING_TIMEOUT, "",
	"", {FAKE_FLOOD("220-x\r\n"), FAKE_END}},
    {"endless line", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_GREETING_TIMEOUT, "", "",
	{FAKE_FLOOD("220 "), FAKE_END}},
    {"endless long lines", SMTP_DEPTH_GREETING, 0, 0, 0,
	OUTCOME_GREETING_TIMEOUT, "", "",
	{FAKE_FLOOD("220-" X600 "\r\n"), FAKE_END}},
    {"endless lines after EHLO", SMTP_DEPTH_EHLO, 0, 0, 0,
	OUTCOME_REPLY_TIMEOUT, "220 mx.example ESMTP", EHLO,
	{GREET, FAKE_FLOOD("250-x\r\n"), FAKE_END}},
    {"garbage after EHLO", SMTP_DEPTH_STARTTLS, 0, 0, 0, OUTCOME_NOT_SMTP,
	"what?", EHLO, {GREET, FAKE_SAY("what?\r\n"), FAKE_CLOSE, FAKE_END}},
    {"text after EHLO", SMTP_DEPTH_EHLO, 0, 300, 0, OUTCOME_REPLY_TIMEOUT,
	"what?", EHLO, {GREET, FAKE_SAY("what?\r\n"), FAKE_END}},
};

START_TEST(test_smtp_answered)
{
	check_talk(&answered[_i], _i);
}
END_TEST

START_TEST(test_smtp_failed)
{
	check_talk(&failed[_i], _i);
}
END_TEST

// The greeting has its time, and each reply after it another. Row 0: the first
// is over; row 1: the greeting comes when a reply would be too late.
START_TEST(test_smtp_greeting_has_its_own_timeout)
{
	static const struct fakesmtp_step scripts[][8] = {
	    {FAKE_SAY("220-x\r\n"), FAKE_END},
	    {FAKE_PAUSE(200), GREET, FAKE_END},
	};
	struct run r;

	run_with(&r, scripts[_i], SMTP_DEPTH_EHLO);
	if (_i == 0)
		r.params.greeting_timeout_ms = 50;
	else
		r.params.reply_timeout_ms = 50;
	run_start(&r);
	run_until_done(&r);
	ck_assert_str_eq(outcome_name(r.result.outcome),
	    _i == 0 ? "greeting-timeout" : "reply-timeout");
	ck_assert(
	    _i == 0 ? r.result.greeting_ms == 0 : r.result.greeting_ms >= 150);
	run_fini(&r);
}
END_TEST

// What waits SMTP_QUIT_MS, and no more.
START_TEST(test_smtp_quit_is_bounded)
{
	static const struct talk_row rows[] = {
	    {"no 221", SMTP_DEPTH_EHLO, 0, 0, 0, OUTCOME_EHLO, "250 mx",
		EHLO QUIT,
		{GREET, FAKE_SAY("250 mx\r\n"), FAKE_EXPECT("QUIT"),
		    FAKE_TARPIT("221-", 50), FAKE_END}},
	    // A submission port that speaks TLS first is not talked at.
	    {"depth connect, silence", SMTP_DEPTH_CONNECT, 0, 0, 0,
		OUTCOME_CONNECTED, "", "", {FAKE_END}},
	    {"depth connect, no mail server", SMTP_DEPTH_CONNECT, 0, 0, 0,
		OUTCOME_CONNECTED, "", "",
		{FAKE_SAY("SSH-2.0-x\r\n"), FAKE_END}},
	};

	check_talk(&rows[_i], _i);
}
END_TEST

START_TEST(test_smtp_connect_refused)
{
	struct run r;

	run_init(&r);
	r.fake = fakesmtp_start_refusing(r.base);
	run_aim(&r, SMTP_DEPTH_EHLO);
	run_start(&r);
	ck_assert_uint_eq(r.calls, 0);
	run_until_done(&r);
	ck_assert_str_eq(outcome_name(r.result.outcome), "connect-refused");
	ck_assert_str_eq(r.result.text, strerror(ECONNREFUSED));
	run_fini(&r);
}
END_TEST

// Row 0: the time to connect; row 1: the cap of the whole conversation.
START_TEST(test_smtp_connect_timeout)
{
	struct run r;
	unsigned fds = count_fds();

	run_init(&r);
	r.fake = fakesmtp_start_deaf(r.base);
	run_aim(&r, _i == 0 ? SMTP_DEPTH_EHLO : SMTP_DEPTH_CONNECT);
	if (_i == 0)
		r.params.connect_timeout_ms = 200;
	else
		r.params.total_ms = 200;
	run_start(&r);
	run_until_done(&r);
	ck_assert_msg(r.result.outcome == OUTCOME_CONNECT_TIMEOUT, "row %d: %s",
	    _i, outcome_name(r.result.outcome));
	ck_assert_str_eq(r.result.text, "");
	// Far enough below 200 for the coarse clock of the event loop.
	ck_assert_int_ge(r.result.latency_ms, 150);
	run_fini(&r);
	ck_assert_uint_eq(count_fds(), fds);
}
END_TEST

// TCP to a broadcast address has no route, on loopback as well as elsewhere.
START_TEST(test_smtp_no_route)
{
	struct run r;

	run_init(&r);
	r.fake = fakesmtp_start_refusing(r.base);
	run_aim(&r, SMTP_DEPTH_EHLO);
	ck_assert(netaddr_parse_port("127.255.255.255:25", 25, &r.params.to));
	run_start(&r);
	ck_assert_uint_eq(r.calls, 0);
	run_until_done(&r);
	ck_assert_str_eq(outcome_name(r.result.outcome), "no-route");
	ck_assert_str_eq(r.result.text, strerror(ENETUNREACH));
	run_fini(&r);
}
END_TEST

static const struct fakesmtp_step polite[] = {
    GREET, FAKE_SAY("250 mx\r\n"), BYE};

START_TEST(test_smtp_local_error_of_bind)
{
	static const char *const rows[] = {
	    "192.0.2.1",  // not ours
	    "2001:db8::1" // of another family
	};
	struct run r;
	unsigned fds = count_fds();

	run_with(&r, polite, SMTP_DEPTH_EHLO);
	ck_assert(netaddr_parse(rows[_i], &r.params.bind));
	run_start(&r);
	ck_assert_uint_eq(r.calls, 0);
	run_until_done(&r);
	ck_assert_msg(r.result.outcome == OUTCOME_LOCAL_ERROR, "row %d: %s", _i,
	    outcome_name(r.result.outcome));
	ck_assert_str_ne(r.result.text, "");
	ck_assert_uint_eq(fakesmtp_connections(r.fake), 0);
	run_fini(&r);
	ck_assert_uint_eq(count_fds(), fds);
}
END_TEST

START_TEST(test_smtp_binds_to_source_address)
{
	struct run r;

	run_with(&r, polite, SMTP_DEPTH_EHLO);
	ck_assert(netaddr_parse("127.0.0.2", &r.params.bind));
	run_start(&r);
	run_until_done(&r);
	ck_assert_str_eq(outcome_name(r.result.outcome), "ehlo");
	ck_assert(
	    netaddr_same_ip(&fakesmtp_talk(r.fake, 0)->from, &r.params.bind));
	run_fini(&r);
}
END_TEST

// A name that would break the command is never sent.
START_TEST(test_smtp_refuses_bad_helo)
{
	char too_long[257];
	const char *const rows[] = {
	    "", "a b", "a\r\nMAIL FROM:<>", "m\xc3\xbcll.example", too_long};
	struct run r;

	memset(too_long, 'a', 256);
	too_long[256] = '\0';
	run_with(&r, polite, SMTP_DEPTH_EHLO);
	r.params.helo = rows[_i];
	run_start(&r);
	ck_assert_uint_eq(r.calls, 0);
	run_until_done(&r);
	ck_assert_msg(r.result.outcome == OUTCOME_LOCAL_ERROR, "row %d: %s", _i,
	    outcome_name(r.result.outcome));
	ck_assert_uint_eq(fakesmtp_connections(r.fake), 0);
	run_fini(&r);
}
END_TEST

START_TEST(test_smtp_helo_is_copied_as_given)
{
	static const struct fakesmtp_step script[] = {FAKE_SAY("220 mx\r\n"),
	    FAKE_EXPECT("EHLO [192.0.2.1]"), FAKE_SAY("250 mx\r\n"), BYE};
	char helo[] = "[192.0.2.1]";
	struct run r;

	run_with(&r, script, SMTP_DEPTH_EHLO);
	r.params.helo = helo;
	run_start(&r);
	memset(helo, 'x', sizeof(helo) - 1);
	run_until_done(&r);
	ck_assert_str_eq(outcome_name(r.result.outcome), "ehlo");
	run_fini(&r);
}
END_TEST

// Errors that are put in.
static const struct {
	const char *call;
	int errnum;
	bool after_sent;
	enum outcome outcome;
} errors[] = {
    {"socket", EMFILE, false, OUTCOME_LOCAL_ERROR},
    {"socket", ENFILE, false, OUTCOME_LOCAL_ERROR},
    {"socket", ENOBUFS, false, OUTCOME_LOCAL_ERROR},
    {"socket", ENOMEM, false, OUTCOME_LOCAL_ERROR},
    {"socket", EAFNOSUPPORT, false, OUTCOME_LOCAL_ERROR},
    {"connect", EACCES, false, OUTCOME_LOCAL_ERROR},
    {"connect", EPERM, false, OUTCOME_LOCAL_ERROR},
    {"connect", EADDRNOTAVAIL, false, OUTCOME_LOCAL_ERROR},
    {"connect", EINVAL, false, OUTCOME_LOCAL_ERROR}, // a blackhole route
    {"connect", ENETUNREACH, false, OUTCOME_NO_ROUTE},
    {"connect", EHOSTUNREACH, false, OUTCOME_NO_ROUTE},
    {"connect", ECONNREFUSED, false, OUTCOME_CONNECT_REFUSED},
    {"connect", ECONNRESET, false, OUTCOME_CONNECT_RESET},
    {"connect", ETIMEDOUT, false, OUTCOME_CONNECT_TIMEOUT},
    {"epoll_ctl", ENOSPC, false, OUTCOME_LOCAL_ERROR},
    {"epoll_in", ENOSPC, false, OUTCOME_LOCAL_ERROR},
    {"getsockopt", ENETUNREACH, false, OUTCOME_HOST_UNREACHABLE},
    {"getsockopt", EHOSTUNREACH, false, OUTCOME_HOST_UNREACHABLE},
    {"getsockopt", EHOSTDOWN, false, OUTCOME_HOST_UNREACHABLE},
    {"getsockopt", ENONET, false, OUTCOME_HOST_UNREACHABLE},
    {"getsockopt", EACCES, false, OUTCOME_HOST_UNREACHABLE},
    {"getsockopt", ECONNREFUSED, false, OUTCOME_CONNECT_REFUSED},
    {"getsockopt", ECONNRESET, false, OUTCOME_CONNECT_RESET},
    {"getsockopt", ETIMEDOUT, false, OUTCOME_CONNECT_TIMEOUT},
    {"getsockopt", ENOBUFS, false, OUTCOME_LOCAL_ERROR},
    {"recv", ETIMEDOUT, false, OUTCOME_GREETING_TIMEOUT},
    {"recv", EHOSTUNREACH, false, OUTCOME_HOST_UNREACHABLE},
    {"recv", ECONNRESET, false, OUTCOME_CONNECT_RESET},
    {"recv", ENOMEM, false, OUTCOME_LOCAL_ERROR},
    {"recv", ETIMEDOUT, true, OUTCOME_REPLY_TIMEOUT},
    {"recv", EHOSTUNREACH, true, OUTCOME_HOST_UNREACHABLE},
    {"recv", ECONNRESET, true, OUTCOME_RESET_AFTER_DATA},
    {"recv", EPIPE, true, OUTCOME_RESET_AFTER_DATA},
    {"send", ECONNRESET, false, OUTCOME_CONNECT_RESET},
    {"send", EPIPE, false, OUTCOME_CLOSED_EARLY},
    {"send", ENOBUFS, false, OUTCOME_LOCAL_ERROR},
};

static void
drop_message(int severity, const char *message)
{
	(void)severity;
	(void)message;
}

START_TEST(test_smtp_errors)
{
	struct run r;
	unsigned fds = count_fds();

	event_set_log_callback(drop_message);
	run_with(&r, polite, SMTP_DEPTH_EHLO);
	inject.errnum = errors[_i].errnum;
	inject.after_sent = errors[_i].after_sent;
	inject.call = errors[_i].call;
	run_start(&r);
	ck_assert_uint_eq(r.calls, 0);
	run_until_done(&r);
	inject.call = NULL;
	run_turns(&r, 3);
	ck_assert_msg(r.result.outcome == errors[_i].outcome,
	    "row %d: %s %s: %s", _i, errors[_i].call,
	    strerror(errors[_i].errnum), outcome_name(r.result.outcome));
	ck_assert_msg(strcmp(r.result.text, strerror(errors[_i].errnum)) == 0,
	    "row %d: \"%s\"", _i, r.result.text);
	ck_assert_msg(inject.count == 1, "row %d", _i);
	ck_assert_uint_eq(r.calls, 1);
	run_fini(&r);
	ck_assert_uint_eq(count_fds(), fds);
}
END_TEST

// At depth connect the verdict is there before anything of that can fail.
START_TEST(test_smtp_verdict_survives_errors)
{
	static const char *const rows[] = {"recv", "epoll_in"};
	struct run r;

	event_set_log_callback(drop_message);
	run_with(&r, polite, SMTP_DEPTH_CONNECT);
	inject.errnum = ECONNRESET;
	inject.call = rows[_i];
	run_start(&r);
	run_until_done(&r);
	ck_assert_uint_eq(inject.count, 1);
	ck_assert_msg(r.result.outcome == OUTCOME_CONNECTED, "row %d: %s", _i,
	    outcome_name(r.result.outcome));
	ck_assert_str_eq(r.result.text, "");
	run_fini(&r);
}
END_TEST

// Who talks on and on after the greeting is not waited for.
START_TEST(test_smtp_flood_after_greeting)
{
	struct run r;

	run_with(&r, polite, SMTP_DEPTH_EHLO);
	inject.call = "recv-flood";
	run_start(&r);
	run_until_done(&r);
	ck_assert_uint_gt(inject.count, 2);
	ck_assert_str_eq(outcome_name(r.result.outcome), "not-smtp");
	ck_assert_uint_eq(strlen(r.result.text), SMTPREPLY_TEXT_MAX);
	run_until_closed(&r);
	ck_assert_str_eq(fakesmtp_talk(r.fake, 0)->received, EHLO);
	run_fini(&r);
}
END_TEST

// A socket that takes a byte at a time still sends whole commands.
START_TEST(test_smtp_short_sends)
{
	struct run r;

	run_with(&r, polite, SMTP_DEPTH_EHLO);
	inject.errnum = EAGAIN;
	inject.call = "send-short";
	run_start(&r);
	run_until_done(&r);
	inject.call = NULL;
	ck_assert_str_eq(outcome_name(r.result.outcome), "ehlo");
	ck_assert_str_eq(fakesmtp_talk(r.fake, 0)->received, EHLO QUIT);
	ck_assert_uint_ge(inject.count, 2 * sizeof(EHLO QUIT) - 4);
	run_fini(&r);
}
END_TEST

START_TEST(test_smtp_socket_flags)
{
	struct run r;

	run_with(&r, polite, SMTP_DEPTH_EHLO);
	run_start(&r);
	ck_assert_int_ne(fcntl(inject.fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(inject.fd, F_GETFD) & FD_CLOEXEC, 0);
	smtp_cancel(&r.handle);
	run_fini(&r);
}
END_TEST

static void
set_clock(void *arg)
{
	clock_freeze(*(const int64_t *)arg);
}

// What QUIT takes is not the host's latency.
START_TEST(test_smtp_latency_ends_at_verdict)
{
	static const int64_t at_reply = 5250, at_end = 9000;
	static const struct fakesmtp_step script[] = {GREET,
	    FAKE_CALL(set_clock, (void *)&at_reply), FAKE_SAY("250 mx\r\n"),
	    FAKE_EXPECT("QUIT"), FAKE_CALL(set_clock, (void *)&at_end),
	    FAKE_SAY("221 bye\r\n"), FAKE_END};
	struct run r;

	run_with(&r, script, SMTP_DEPTH_EHLO);
	run_by_the_clock(&r, 5000);
	ck_assert_str_eq(outcome_name(r.result.outcome), "ehlo");
	ck_assert_int_eq(r.result.latency_ms, 250);
	run_fini(&r);
}
END_TEST

// From the handshake to the whole greeting, whatever its code. Row 2: none.
START_TEST(test_smtp_greeting_is_timed)
{
	static const int64_t late = 5000 + 20050;
	static const struct fakesmtp_step scripts[][6] = {
	    {FAKE_PAUSE(1), FAKE_CALL(set_clock, (void *)&late),
		FAKE_SAY("220 mx\r\n"), FAKE_CLOSE, FAKE_END},
	    {FAKE_PAUSE(1), FAKE_CALL(set_clock, (void *)&late),
		FAKE_SAY("554 no\r\n"), FAKE_CLOSE, FAKE_END},
	    {FAKE_PAUSE(1), FAKE_CALL(set_clock, (void *)&late),
		FAKE_SAY("220-mx\r\n"), FAKE_CLOSE, FAKE_END},
	};
	struct run r;

	run_with(&r, scripts[_i], SMTP_DEPTH_EHLO);
	run_by_the_clock(&r, 5000);
	ck_assert_int_eq(r.result.greeting_ms, _i == 2 ? 0 : 20050);
	run_fini(&r);
}
END_TEST

// The cap is past when the greeting is whole: it was answered, and EHLO has no
// time left. Row 0: the default cap.
START_TEST(test_smtp_total_cap)
{
	int64_t cap_ms = _i == 0 ? SMTP_TOTAL_MS : 10 * 1000;
	int64_t late = 5000 + cap_ms;
	const struct fakesmtp_step script[] = {
	    FAKE_CALL(set_clock, &late), GREET, FAKE_END};
	struct run r;

	run_with(&r, script, SMTP_DEPTH_EHLO);
	r.params.total_ms = _i == 0 ? 0 : cap_ms;
	r.params.connect_timeout_ms = r.params.greeting_timeout_ms = cap_ms;
	run_by_the_clock(&r, 5000);
	ck_assert_str_eq(outcome_name(r.result.outcome), "reply-timeout");
	ck_assert_int_eq(r.result.latency_ms, cap_ms);
	run_fini(&r);
}
END_TEST

enum { OVERSLEPT = SMTP_OVERSLEPT_MS };

// What happens in the greeting's wait, `late_ms` after its end by the clock.
static const struct {
	int64_t late_ms;
	struct fakesmtp_step steps[3]; // FAKE_END alone: silence
	enum outcome outcome;
	bool timed; // the greeting
} overslept[] = {
    {OVERSLEPT - 1, {FAKE_END}, OUTCOME_GREETING_TIMEOUT, false},
    {OVERSLEPT, {FAKE_END}, OUTCOME_LOCAL_ERROR, false},
    {OVERSLEPT - 1, {FAKE_CLOSE, FAKE_END}, OUTCOME_CLOSED_EARLY, false},
    {OVERSLEPT, {FAKE_CLOSE, FAKE_END}, OUTCOME_LOCAL_ERROR, false},
    {OVERSLEPT, {FAKE_RESET, FAKE_END}, OUTCOME_LOCAL_ERROR, false},
    {OVERSLEPT, {FAKE_SAY("HTTP/1.1 400\r\n"), FAKE_CLOSE, FAKE_END},
	OUTCOME_LOCAL_ERROR, false},
    // What it said all the while counts, as long as the cap is not past.
    {OVERSLEPT - 1, {FAKE_SAY("220 mx\r\n"), FAKE_END}, OUTCOME_GREETING, true},
    {OVERSLEPT, {FAKE_SAY("220 mx\r\n"), FAKE_END}, OUTCOME_GREETING, false},
    {OVERSLEPT, {FAKE_SAY("554 no\r\n"), FAKE_END}, OUTCOME_REFUSED_SERVICE,
	false},
    {SMTP_TOTAL_MS + OVERSLEPT, {FAKE_SAY("220 mx\r\n"), FAKE_END},
	OUTCOME_LOCAL_ERROR, false},
};

START_TEST(test_smtp_is_overslept)
{
	enum { BEGIN = 5000, WAIT = 200 };
	int64_t late = BEGIN + WAIT + overslept[_i].late_ms;
	const struct fakesmtp_step *steps = overslept[_i].steps;
	const struct fakesmtp_step script[] = {FAKE_PAUSE(1),
	    FAKE_CALL(set_clock, &late), steps[0], steps[1], steps[2]};
	struct run r;

	run_with(&r, script, SMTP_DEPTH_GREETING);
	r.params.greeting_timeout_ms = WAIT;
	run_by_the_clock(&r, BEGIN);
	ck_assert_msg(r.result.outcome == overslept[_i].outcome, "row %d: %s",
	    _i, outcome_name(r.result.outcome));
	ck_assert_msg(
	    (r.result.greeting_ms != 0) == overslept[_i].timed, "row %d", _i);
	ck_assert_msg(
	    r.result.outcome != OUTCOME_LOCAL_ERROR ||
		strcmp(r.result.text, "suspended or stopped meanwhile") == 0,
	    "row %d: \"%s\"", _i, r.result.text);
	run_fini(&r);
}
END_TEST

// Suspended while it connects: the kernel gives up, or the handshake is done by
// then. Rows 2, 3: it is, and the conversation goes on within the cap only.
// Rows 4, 5: the peer is gone by then; it may have waited in vain.
START_TEST(test_smtp_is_overslept_while_connecting)
{
	static const struct {
		int64_t late_ms;
		bool gives_up;
		enum outcome outcome;
	} rows[] = {
	    {OVERSLEPT - 1, true, OUTCOME_CONNECT_TIMEOUT},
	    {OVERSLEPT, true, OUTCOME_LOCAL_ERROR},
	    {OVERSLEPT, false, OUTCOME_EHLO},
	    {180 * 1000, false, OUTCOME_LOCAL_ERROR},
	    {OVERSLEPT - 1, false, OUTCOME_CLOSED_EARLY},
	    {OVERSLEPT, false, OUTCOME_LOCAL_ERROR},
	};
	static const struct fakesmtp_step closes[] = {FAKE_CLOSE, FAKE_END};
	struct run r;

	run_with(&r, _i < 4 ? polite : closes, SMTP_DEPTH_EHLO);
	clock_freeze(5000);
	inject.errnum = ETIMEDOUT;
	inject.call = rows[_i].gives_up ? "getsockopt" : NULL;
	run_start(&r);
	clock_freeze(5000 + LONG_MS + rows[_i].late_ms);
	run_until_done(&r);
	clock_freeze(-1);
	ck_assert_msg(r.result.outcome == rows[_i].outcome, "row %d: %s", _i,
	    outcome_name(r.result.outcome));
	ck_assert_int_eq(r.result.greeting_ms, 0);
	run_fini(&r);
}
END_TEST

// The cap is past by so much when a state is entered: nothing is waited for.
// Row 0: by less.
START_TEST(test_smtp_outlasts_its_cap)
{
	static const int64_t at[] = {5000 + SMTP_TOTAL_MS + OVERSLEPT - 1,
	    5000 + SMTP_TOTAL_MS + OVERSLEPT};
	const struct fakesmtp_step script[] = {FAKE_PAUSE(1), GREET,
	    FAKE_CALL(set_clock, (void *)&at[_i]), FAKE_END};
	struct run r;

	run_with(&r, script, SMTP_DEPTH_EHLO);
	r.params.reply_timeout_ms = SMTP_TOTAL_MS;
	r.params.total_ms = 0;
	clock_freeze(5000);
	run_start(&r);
	while (fakesmtp_connections(r.fake) == 0 ||
	       fakesmtp_talk(r.fake, 0)->len < strlen(EHLO))
		run_turn(&r);
	ck_assert_uint_eq(r.calls, 0);
	run_turns(&r, 3);
	fakesmtp_stop(r.fake); // it is gone by now
	r.fake = NULL;
	run_until_done(&r);
	clock_freeze(-1);
	ck_assert_str_eq(outcome_name(r.result.outcome),
	    _i == 0 ? "closed-early" : "local-error");
	run_fini(&r);
}
END_TEST

static void
sleep_ms(long ms)
{
	struct timespec ts = {.tv_sec = 0, .tv_nsec = ms * 1000000};

	nanosleep(&ts, NULL);
}

// The loop is held up for longer than a reply may take, with the answer waiting
// in the socket. Row 0: in the handshake; row 1: in the greeting.
START_TEST(test_smtp_last_look_after_a_stall)
{
	struct run r;

	run_with(&r, polite, SMTP_DEPTH_GREETING);
	if (_i == 0)
		r.params.connect_timeout_ms = 50;
	else
		r.params.greeting_timeout_ms = 50;
	run_start(&r);
	// The greeting is written in the turn that accepts, and read in a later
	// one.
	while (_i == 1 && fakesmtp_connections(r.fake) == 0)
		run_turn(&r);
	ck_assert_uint_eq(r.calls, 0);
	sleep_ms(100);
	inject.call = "epoll_wait";
	run_until_done(&r);
	ck_assert_uint_eq(inject.count, 1);
	ck_assert_msg(r.result.outcome == OUTCOME_GREETING, "row %d: %s", _i,
	    outcome_name(r.result.outcome));
	run_fini(&r);
}
END_TEST

static void
check_not_done(void *arg)
{
	const struct run *r = arg;

	ck_assert_uint_eq(r->calls, 0);
	ck_assert_ptr_nonnull(r->handle);
}

START_TEST(test_smtp_done_waits_for_quit)
{
	struct run r;
	const struct fakesmtp_step script[] = {GREET, FAKE_SAY("250 mx\r\n"),
	    FAKE_EXPECT("QUIT"), FAKE_PAUSE(30), FAKE_CALL(check_not_done, &r),
	    FAKE_SAY("221-so\r\n"), FAKE_PAUSE(30),
	    FAKE_CALL(check_not_done, &r), FAKE_SAY("221 bye\r\n"), FAKE_END};

	run_with(&r, script, SMTP_DEPTH_EHLO);
	run_start(&r);
	run_until_done(&r);
	ck_assert_uint_eq(fakesmtp_talk(r.fake, 0)->step, 10);
	run_fini(&r);
}
END_TEST

START_TEST(test_smtp_done_starts_another)
{
	struct run r;
	unsigned fds = count_fds();

	run_init(&r);
	r.fake = _i == 0 ? fakesmtp_start(r.base, AF_INET, polite)
			 : fakesmtp_start_refusing(r.base);
	run_aim(&r, SMTP_DEPTH_EHLO);
	r.again = 3;
	run_start(&r);
	while (r.calls < 4)
		run_turn(&r);
	ck_assert_str_eq(outcome_name(r.result.outcome),
	    _i == 0 ? "ehlo" : "connect-refused");
	ck_assert_ptr_null(r.handle);
	run_turns(&r, 3);
	ck_assert_uint_eq(r.calls, 4);
	run_fini(&r);
	ck_assert_uint_eq(count_fds(), fds);
}
END_TEST

static void
cancel(void *arg)
{
	struct run *r = arg;

	smtp_cancel(&r->handle);
	ck_assert_ptr_null(r->handle);
}

// After cancel(): no call, no descriptor, and the peer sees the end.
static void
check_cancelled(struct run *r, unsigned fds)
{
	ck_assert_ptr_null(r->handle);
	if (fakesmtp_connections(r->fake) > 0)
		run_until_closed(r);
	run_turns(r, 5);
	ck_assert_uint_eq(r->calls, 0);
	run_fini(r);
	ck_assert_uint_eq(count_fds(), fds);
}

START_TEST(test_smtp_cancel_before_the_loop)
{
	struct run r;
	unsigned fds = count_fds();

	run_init(&r);
	r.fake = _i == 0 ? fakesmtp_start_refusing(r.base)
			 : fakesmtp_start_deaf(r.base);
	run_aim(&r, SMTP_DEPTH_EHLO);
	run_start(&r);
	if (_i == 1)
		run_turns(&r, 3);
	cancel(&r);
	check_cancelled(&r, fds);
}
END_TEST

// While the greeting is awaited, at each depth.
START_TEST(test_smtp_cancel_before_greeting)
{
	static const struct fakesmtp_step script[] = {
	    FAKE_SAY("220-x\r\n"), FAKE_END};
	struct run r;
	unsigned fds = count_fds();

	run_with(&r, script, (enum smtp_depth)_i);
	run_start(&r);
	while (fakesmtp_connections(r.fake) == 0)
		run_turn(&r);
	run_turns(&r, 3);
	cancel(&r);
	check_cancelled(&r, fds);
}
END_TEST

// While a reply is awaited. Row 0: to EHLO; row 1: to QUIT; row 2: to QUIT at
// depth connect.
START_TEST(test_smtp_cancel_before_reply)
{
	struct run r;
	const struct fakesmtp_step scripts[][8] = {
	    {GREET, FAKE_CALL(cancel, &r), FAKE_SAY("250 mx\r\n"), FAKE_END},
	    {GREET, FAKE_SAY("250 mx\r\n"), FAKE_EXPECT("QUIT"),
		FAKE_CALL(cancel, &r), FAKE_SAY("221 bye\r\n"), FAKE_END},
	    {FAKE_SAY("220 mx\r\n"), FAKE_EXPECT("QUIT"), FAKE_CALL(cancel, &r),
		FAKE_END},
	};
	unsigned fds = count_fds();

	run_with(
	    &r, scripts[_i], _i == 2 ? SMTP_DEPTH_CONNECT : SMTP_DEPTH_EHLO);
	run_start(&r);
	while (r.handle != NULL)
		run_turn(&r);
	check_cancelled(&r, fds);
}
END_TEST

START_TEST(test_smtp_cancel_null)
{
	struct smtp *handle = NULL;

	smtp_cancel(&handle);
	ck_assert_ptr_null(handle);
}
END_TEST

static Suite *
smtp_suite(void)
{
	Suite *suite = suite_create("smtp");
	TCase *tc = tcase_create("talk");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, test_smtp_answered, 0, ARRAY_LEN(answered));
	tcase_add_loop_test(tc, test_smtp_failed, 0, ARRAY_LEN(failed));
	tcase_add_loop_test(tc, test_smtp_greeting_has_its_own_timeout, 0, 2);
	tcase_add_loop_test(tc, test_smtp_quit_is_bounded, 0, 3);
	tcase_add_test(tc, test_smtp_connect_refused);
	tcase_add_loop_test(tc, test_smtp_connect_timeout, 0, 2);
	tcase_add_test(tc, test_smtp_no_route);
	tcase_add_loop_test(tc, test_smtp_local_error_of_bind, 0, 2);
	tcase_add_test(tc, test_smtp_binds_to_source_address);
	tcase_add_loop_test(tc, test_smtp_refuses_bad_helo, 0, 5);
	tcase_add_test(tc, test_smtp_helo_is_copied_as_given);
	tcase_add_loop_test(tc, test_smtp_errors, 0, ARRAY_LEN(errors));
	tcase_add_loop_test(tc, test_smtp_verdict_survives_errors, 0, 2);
	tcase_add_test(tc, test_smtp_flood_after_greeting);
	tcase_add_test(tc, test_smtp_short_sends);
	tcase_add_test(tc, test_smtp_socket_flags);
	tcase_add_test(tc, test_smtp_latency_ends_at_verdict);
	tcase_add_loop_test(tc, test_smtp_greeting_is_timed, 0, 3);
	tcase_add_loop_test(tc, test_smtp_total_cap, 0, 2);
	tcase_add_loop_test(
	    tc, test_smtp_is_overslept, 0, ARRAY_LEN(overslept));
	tcase_add_loop_test(tc, test_smtp_is_overslept_while_connecting, 0, 6);
	tcase_add_loop_test(tc, test_smtp_outlasts_its_cap, 0, 2);
	tcase_add_loop_test(tc, test_smtp_last_look_after_a_stall, 0, 2);
	suite_add_tcase(suite, tc);

	tc = tcase_create("contract");
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_smtp_done_waits_for_quit);
	tcase_add_loop_test(tc, test_smtp_done_starts_another, 0, 2);
	tcase_add_loop_test(tc, test_smtp_cancel_before_the_loop, 0, 2);
	tcase_add_loop_test(tc, test_smtp_cancel_before_greeting, 0, 4);
	tcase_add_loop_test(tc, test_smtp_cancel_before_reply, 0, 3);
	tcase_add_test(tc, test_smtp_cancel_null);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	return unit_run(smtp_suite());
}
