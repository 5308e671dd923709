// SPDX-License-Identifier: MIT
// Tests of asking the daemon: it is there, away, odd, back; by many at once.
#include "milter/asker.h"

#include "base/attr.h"
#include "base/clock.h"
#include "unit/logged.h"
#include "unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

enum {
	PATIENCE_MS = 60000, // no test depends on how fast something is
	// What an answer that never comes is waited for: long enough to tell.
	SOON_MS = 3 * ASKER_WAY_MS,
	HASTE_MS = ASKER_WAY_MS - 1, // not long enough
	LATE_MS = 300,
	CONNS_MAX = 256,
	LOG_MAX = 65536,
	CROWD = 32,
};

enum manner {
	ANSWERS,
	SILENT,
	GATED, // silent until the gate is opened
	CLOSES_AT_ONCE,
	CLOSES_WHEN_ASKED,
	CLOSES_LATE, // some time after it was asked, and then answers others
	CLOSES_AMID,
	NONSENSE,
	NO_REPLY_OF_OURS,
	NEVER_ENDING,
	TWICE,	   // two replies to one question
	ONCE_MORE, // the second one comes later, when the first was read
};

// A daemon: a thread that accepts, and one for each connection.
static struct {
	pthread_mutex_t lock; // of all that follows
	pthread_cond_t changed;
	enum manner manner;
	int listener;
	int conn[CONNS_MAX];   // -1: its thread has closed it
	unsigned n_conns;      // accepted since the start
	unsigned most_at_once; // of those that the other side had open
	unsigned asked;	       // questions since the start
	unsigned waiting;      // of them behind the gate
	unsigned extra;	       // replies that nobody asked for
	long may_wait_ms[2];   // of the last two questions, the later one first
	pthread_t thread[CONNS_MAX], acceptor;
} fake = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .changed = PTHREAD_COND_INITIALIZER,
    .listener = -1,
};

static void
pause_ms(long ms)
{
	const struct timespec t = {
	    .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	nanosleep(&t, NULL);
}

static void
fake_set(enum manner manner)
{
	pthread_mutex_lock(&fake.lock);
	fake.manner = manner;
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
}

static unsigned
fake_get(const unsigned *what)
{
	pthread_mutex_lock(&fake.lock);
	unsigned n = *what;
	pthread_mutex_unlock(&fake.lock);
	return n;
}

static void
fake_wait(const unsigned *what, unsigned n)
{
	int64_t end = clock_now() + PATIENCE_MS;
	while (fake_get(what) < n) {
		ck_assert_msg(clock_now() < end, "it never became %u", n);
		pause_ms(5);
	}
}

static void
fake_say(int fd, const char *text)
{
	(void)send(fd, text, strlen(text), MSG_NOSIGNAL);
}

// The reason of a reply is the recipient of the question.
static void
fake_reply(int fd, const char *question)
{
	char who[64] = "", reply[256];
	const char *at = strstr(question, "recipient=");
	if (at != NULL)
		sscanf(at, "recipient=%63[^\n]", who);
	snprintf(reply, sizeof(reply),
	    "action=DUNNO\nroute=direct\nvia=\nreason=%s\n\n",
	    who[0] != '\0' ? who : "nobody");
	fake_say(fd, reply);
}

static void
fake_note_wait(const char *question)
{
	const char *at = strstr(question, "\nwait=");
	fake.may_wait_ms[1] = fake.may_wait_ms[0];
	fake.may_wait_ms[0] = at != NULL ? strtol(at + 6, NULL, 10) : -1;
}

// Answers one question; false: that was the last one.
static bool
fake_answer(int fd, const char *question)
{
	static const char stray[] =
	    "action=DUNNO\nroute=relay\nvia=\nreason=stray\n\n";
	char junk[8192];
	pthread_mutex_lock(&fake.lock);
	fake.asked++;
	fake.waiting++;
	fake_note_wait(question);
	while (fake.manner == GATED)
		pthread_cond_wait(&fake.changed, &fake.lock);
	fake.waiting--;
	enum manner manner = fake.manner;
	pthread_mutex_unlock(&fake.lock);
	switch (manner) {
	case ANSWERS:
	case GATED:
		fake_reply(fd, question);
		return true;
	case SILENT:
		return true;
	case CLOSES_AT_ONCE:
	case CLOSES_WHEN_ASKED:
		return false;
	case CLOSES_LATE:
		pause_ms(LATE_MS);
		fake_set(ANSWERS);
		return false;
	case CLOSES_AMID:
		fake_say(fd, "action=DUNNO\nroute=dir");
		return false;
	case NONSENSE:
		fake_say(fd, "220 mx.example.test ESMTP\r\n\n");
		return true;
	case NO_REPLY_OF_OURS:
		fake_say(fd, "action=DUNNO\n\n");
		return true;
	case NEVER_ENDING:
		memset(junk, 'a', sizeof(junk));
		memcpy(junk, "x=", 2);
		junk[sizeof(junk) - 1] = '\0';
		fake_say(fd, junk);
		return true;
	case TWICE:
		fake_say(fd, "action=DUNNO\nroute=direct\nvia=\nreason=x\n\n"
			     "action=DUNNO\nroute=direct\nvia=\nreason=x\n\n");
		return true;
	case ONCE_MORE:
		fake_reply(fd, question);
		pause_ms(100);
		fake_say(fd, stray);
		pthread_mutex_lock(&fake.lock);
		fake.extra++;
		pthread_mutex_unlock(&fake.lock);
		return true;
	}
	return false;
}

static void *
fake_serve(void *arg)
{
	int *slot = arg;
	char text[QUESTION_MAX + 1] = "";
	size_t have = 0;
	pthread_mutex_lock(&fake.lock);
	int fd = *slot;
	bool go_on = fake.manner != CLOSES_AT_ONCE;
	pthread_mutex_unlock(&fake.lock);
	while (go_on) {
		ssize_t n = recv(fd, text + have, sizeof(text) - 1 - have, 0);
		if (n <= 0)
			break;
		have += (size_t)n;
		text[have] = '\0';
		if (strstr(text, "\n\n") == NULL)
			continue;
		go_on = fake_answer(fd, text);
		have = 0;
	}
	pthread_mutex_lock(&fake.lock);
	close(fd);
	*slot = -1;
	pthread_mutex_unlock(&fake.lock);
	return NULL;
}

// Connections that the other side has not closed.
static unsigned
count_open(void)
{
	unsigned n = 0;
	char byte;
	for (unsigned i = 0; i < fake.n_conns; i++)
		if (fake.conn[i] >= 0 &&
		    recv(fake.conn[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
			n++;
	return n;
}

static void *
fake_accept(void *arg)
{
	int listener = *(int *)arg;
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			return NULL;
		pthread_mutex_lock(&fake.lock);
		ck_assert_uint_lt(fake.n_conns, CONNS_MAX);
		unsigned i = fake.n_conns++;
		fake.conn[i] = fd;
		unsigned open = count_open();
		if (open > fake.most_at_once)
			fake.most_at_once = open;
		pthread_create(
		    &fake.thread[i], NULL, fake_serve, &fake.conn[i]);
		pthread_mutex_unlock(&fake.lock);
	}
}

static void
fake_listen(int fd)
{
	ck_assert_int_eq(listen(fd, CONNS_MAX), 0);
	fake.listener = fd;
	pthread_create(&fake.acceptor, NULL, fake_accept, &fake.listener);
}

// On loopback; `*port` 0: any, and it is written there.
static void
fake_start(unsigned *port)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)*port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(sin);
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, len), 0);
	getsockname(fd, (struct sockaddr *)&sin, &len);
	*port = ntohs(sin.sin_port);
	fake_listen(fd);
}

// As when a daemon is killed: all its connections end with it.
static void
fake_stop(void)
{
	if (fake.listener < 0)
		return;
	fake_set(ANSWERS);
	shutdown(fake.listener, SHUT_RDWR);
	pthread_join(fake.acceptor, NULL);
	close(fake.listener);
	fake.listener = -1;
	pthread_mutex_lock(&fake.lock);
	for (unsigned i = 0; i < fake.n_conns; i++)
		if (fake.conn[i] >= 0)
			shutdown(fake.conn[i], SHUT_RDWR);
	pthread_mutex_unlock(&fake.lock);
	for (unsigned i = 0; i < fake.n_conns; i++)
		pthread_join(fake.thread[i], NULL);
	fake.n_conns = 0;
	fake.most_at_once = 0;
	fake.asked = 0;
}

// -- asking -----------------------------------------------------------------

static unsigned port;

static struct asker *
asker_of_fake(unsigned max)
{
	char address[64];
	struct err err = {0};
	snprintf(address, sizeof(address), "inet:127.0.0.1:%u", port);
	struct asker *a = asker_new(address, max, &err);
	ck_assert_msg(a != NULL, "%s", err.text);
	return a;
}

static void
setup(void)
{
	port = 0;
	log_begin();
	fake_start(&port);
}

// Ends the fake; the log is what it says in this order, and nothing else.
static void
finish(struct asker *a, unsigned away, unsigned back)
{
	char log[LOG_MAX];
	fake_stop();
	asker_free(a);
	log_end(log, sizeof(log));
	ck_assert_msg(count_text(log, "old=up new=away") == away &&
			  count_text(log, "old=away new=up") == back &&
			  count_text(log, "\n") == away + back,
	    "%u away, %u back expected:\n%s", away, back, log);
}

static bool
ask_waiting(struct asker *a, const char *who, int64_t wait_ms, int64_t limit_ms)
{
	struct question_reply reply;
	const struct question q = {
	    .recipient = who,
	    .recipient_len = strlen(who),
	    .rewritten = "",
	    .sender = "s@example.test",
	    .instance = "test",
	    .sasl_username = "",
	    .client_address = "",
	    .wait_ms = wait_ms,
	};
	if (!asker_ask(a, &q, limit_ms, &reply))
		return false;
	ck_assert_str_eq(reply.route, "direct");
	ck_assert_str_eq(reply.reason, who);
	return true;
}

static bool
ask_for(struct asker *a, const char *who, int64_t limit_ms)
{
	return ask_waiting(a, who, 0, limit_ms);
}

// Asks until the daemon is back.
static void
ask_until_back(struct asker *a)
{
	int64_t end = clock_now() + PATIENCE_MS;
	while (!ask_for(a, "u@back.test", PATIENCE_MS)) {
		ck_assert_msg(clock_now() < end, "it is never back");
		pause_ms(20);
	}
}

struct caller {
	pthread_t thread;
	struct asker *asker;
	int64_t limit_ms;
	const bool *stop; // NULL: asks once; guarded by the fake's lock
	bool answered;
};

static void *
call(void *arg)
{
	struct caller *c = arg;
	bool stop = true;
	do {
		if (ask_for(c->asker, "u@crowd.test", c->limit_ms))
			c->answered = true;
		if (c->stop == NULL)
			break;
		pthread_mutex_lock(&fake.lock);
		stop = *c->stop;
		pthread_mutex_unlock(&fake.lock);
		pause_ms(5);
	} while (!stop);
	return NULL;
}

static void
crowd_start(struct caller *crowd, unsigned n, struct asker *a, int64_t limit_ms,
    const bool *stop)
{
	for (unsigned i = 0; i < n; i++) {
		crowd[i] = (struct caller){
		    .asker = a, .limit_ms = limit_ms, .stop = stop};
		pthread_create(&crowd[i].thread, NULL, call, &crowd[i]);
	}
}

static unsigned
crowd_join(struct caller *crowd, unsigned n)
{
	unsigned answered = 0;
	for (unsigned i = 0; i < n; i++) {
		pthread_join(crowd[i].thread, NULL);
		answered += crowd[i].answered;
	}
	return answered;
}

// -- tests ------------------------------------------------------------------

START_TEST(test_asker_keeps_its_connection)
{
	setup();
	struct asker *a = asker_of_fake(4);
	for (int i = 0; i < 20; i++)
		ck_assert(ask_for(a, "u@one.test", PATIENCE_MS));
	ck_assert_uint_eq(fake_get(&fake.n_conns), 1);
	finish(a, 0, 0);
}
END_TEST

START_TEST(test_asker_over_a_unix_socket)
{
	char dir[] = "/tmp/mxd-asker-XXXXXX", address[128];
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct err err = {0};
	ck_assert(mkdtemp(dir) != NULL);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/s", dir);
	snprintf(address, sizeof(address), "unix:%s", sun.sun_path);
	log_begin();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	fake_listen(fd);
	struct asker *a = asker_new(address, 2, &err);
	ck_assert_msg(a != NULL, "%s", err.text);
	ck_assert(ask_for(a, "u@unix.test", PATIENCE_MS));
	fake_stop();
	// The file is there and nobody answers.
	ck_assert(!ask_for(a, "u@unix.test", PATIENCE_MS));
	finish(a, 1, 0);
	unlink(sun.sun_path);
	rmdir(dir);
}
END_TEST

START_TEST(test_asker_refuses_what_is_no_address)
{
	char longest[200] = "unix:/";
	const char *rows[] = {"inet:*:2528", "unix:relative", "2528", "",
	    "inet:127.0.0.1:0", longest};
	memset(longest + 6, 'x', sizeof(longest) - 7);
	longest[sizeof(longest) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err err = {0};
		struct asker *a = asker_new(rows[i], 1, &err);
		ck_assert_msg(a == NULL, "row %zu was taken", i);
		ck_assert_msg(err.text[0] != '\0', "row %zu: why?", i);
	}
}
END_TEST

START_TEST(test_asker_cannot_ask_about_a_newline)
{
	setup();
	struct asker *a = asker_of_fake(1);
	ck_assert(!ask_for(a, "u\n@x.test", PATIENCE_MS));
	ck_assert_uint_eq(fake_get(&fake.n_conns), 0);
	ck_assert(ask_for(a, "u@x.test", PATIENCE_MS));
	finish(a, 0, 0);
}
END_TEST

static const enum manner odd[] = {SILENT, CLOSES_AT_ONCE, CLOSES_WHEN_ASKED,
    CLOSES_AMID, NONSENSE, NO_REPLY_OF_OURS, NEVER_ENDING, TWICE};

START_TEST(test_asker_says_once_that_it_is_away_and_once_that_it_is_back)
{
	setup();
	struct asker *a = asker_of_fake(4);
	fake_set(odd[_i]);
	ck_assert(!ask_for(a, "u@odd.test", SOON_MS));
	for (int i = 0; i < 1000; i++)
		ck_assert(!ask_for(a, "u@odd.test", SOON_MS));
	fake_set(ANSWERS);
	ask_until_back(a);
	ck_assert(ask_for(a, "u@after.test", PATIENCE_MS));
	finish(a, 1, 1);
}
END_TEST

START_TEST(test_asker_when_nobody_listens)
{
	setup();
	struct asker *a = asker_of_fake(4);
	fake_stop();
	for (int i = 0; i < 1000; i++)
		ck_assert(!ask_for(a, "u@gone.test", PATIENCE_MS));
	fake_start(&port);
	ask_until_back(a);
	finish(a, 1, 1);
}
END_TEST

// Not a failure: nothing was asked of the new one yet.
START_TEST(test_asker_daemon_restarted_between_two_questions)
{
	setup();
	struct asker *a = asker_of_fake(4);
	for (int i = 0; i < 5; i++) {
		ck_assert(ask_for(a, "u@restart.test", PATIENCE_MS));
		fake_stop();
		fake_start(&port);
	}
	ck_assert(ask_for(a, "u@restart.test", PATIENCE_MS));
	finish(a, 0, 0);
}
END_TEST

// The time that went by with a daemon that is gone is not the next one's to
// wait: its answer would come too late.
START_TEST(test_asker_second_try_may_wait_for_less)
{
	enum { WAIT_MS = 30000 };
	setup();
	struct asker *a = asker_of_fake(4);
	ck_assert(ask_waiting(a, "u@one.test", WAIT_MS, WAIT_MS + 1000));
	ck_assert_int_le(fake.may_wait_ms[0], WAIT_MS);
	fake_set(CLOSES_LATE);
	ck_assert(ask_waiting(a, "u@two.test", WAIT_MS, WAIT_MS + 1000));
	ck_assert_int_le(fake.may_wait_ms[1], WAIT_MS);
	ck_assert_int_le(
	    fake.may_wait_ms[0], fake.may_wait_ms[1] - LATE_MS / 2);
	finish(a, 0, 0);
}
END_TEST

START_TEST(test_asker_never_takes_a_stray_reply_for_its_own)
{
	setup();
	struct asker *a = asker_of_fake(1);
	fake_set(ONCE_MORE);
	for (unsigned i = 1; i <= 3; i++) {
		ck_assert(ask_for(a, "u@mine.test", PATIENCE_MS));
		fake_wait(&fake.extra, i);
	}
	finish(a, 0, 0);
}
END_TEST

START_TEST(test_asker_connections_are_bounded)
{
	struct caller crowd[CROWD];
	setup();
	struct asker *a = asker_of_fake(4);
	fake_set(GATED);
	crowd_start(crowd, CROWD, a, PATIENCE_MS, NULL);
	fake_wait(&fake.waiting, 4);
	pause_ms(100); // for a fifth one, if there is
	ck_assert_uint_eq(fake_get(&fake.n_conns), 4);
	fake_set(ANSWERS);
	ck_assert_uint_eq(crowd_join(crowd, CROWD), CROWD);
	ck_assert_uint_eq(fake_get(&fake.n_conns), 4);
	finish(a, 0, 0);
}
END_TEST

// No connection is free: that is not the daemon's fault.
START_TEST(test_asker_waiting_for_a_connection_ends)
{
	struct caller first;
	setup();
	struct asker *a = asker_of_fake(1);
	fake_set(GATED);
	crowd_start(&first, 1, a, PATIENCE_MS, NULL);
	fake_wait(&fake.waiting, 1);
	ck_assert(!ask_for(a, "u@second.test", SOON_MS));
	fake_set(ANSWERS);
	ck_assert_uint_eq(crowd_join(&first, 1), 1);
	finish(a, 0, 0);
}
END_TEST

START_TEST(test_asker_one_at_a_time_finds_out)
{
	struct caller crowd[CROWD];
	bool stop = false;
	setup();
	struct asker *a = asker_of_fake(CROWD);
	fake_set(SILENT);
	ck_assert(!ask_for(a, "u@first.test", SOON_MS));
	crowd_start(crowd, CROWD, a, PATIENCE_MS, &stop);
	fake_wait(&fake.n_conns, 3);
	ck_assert_uint_eq(fake_get(&fake.most_at_once), 1);
	fake_set(ANSWERS);
	ask_until_back(a);
	pthread_mutex_lock(&fake.lock);
	stop = true;
	pthread_mutex_unlock(&fake.lock);
	ck_assert_uint_eq(crowd_join(crowd, CROWD), CROWD);
	finish(a, 1, 1);
}
END_TEST

// It waits for a daemon that was stopped, and ends when another has long been
// answering.
START_TEST(test_asker_late_failure_does_not_say_what_is_now)
{
	struct caller late;
	setup();
	struct asker *a = asker_of_fake(4);
	fake_set(SILENT);
	crowd_start(&late, 1, a, 4 * SOON_MS, NULL);
	fake_wait(&fake.n_conns, 1);
	ck_assert(!ask_for(a, "u@first.test", SOON_MS));
	fake_set(ANSWERS);
	ask_until_back(a);
	ck_assert_uint_eq(crowd_join(&late, 1), 0);
	ck_assert(ask_for(a, "u@after.test", PATIENCE_MS));
	finish(a, 1, 1);
}
END_TEST

// One message's time is up: that is nobody's news. What it has left to say is
// said, over the connection at hand or a new one, and not waited for.
START_TEST(test_asker_short_of_time_tells_and_says_nothing_of_the_daemon)
{
	static const int64_t limit_ms[] = {HASTE_MS, 1, 0, 0};
	setup();
	struct asker *a = asker_of_fake(4);
	ck_assert(ask_for(a, "u@first.test", PATIENCE_MS));
	fake_set(SILENT);
	for (unsigned i = 0; i < ARRAY_LEN(limit_ms); i++)
		ck_assert(!ask_waiting(a, "u@late.test", 0, limit_ms[i]));
	// The daemon may wait for all of it but this.
	ck_assert(!ask_waiting(a, "u@late.test", 100, 100 + HASTE_MS));
	fake_wait(&fake.asked, 1 + ARRAY_LEN(limit_ms) + 1);
	fake_set(ANSWERS);
	ck_assert(ask_for(a, "u@after.test", PATIENCE_MS));
	finish(a, 0, 0);
}
END_TEST

START_TEST(test_asker_short_of_time_meets_a_full_backlog)
{
	char dir[] = "/tmp/mxd-asker-XXXXXX", address[128];
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct err err = {0};
	int full[16];
	unsigned n = 0;
	ck_assert(mkdtemp(dir) != NULL);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/s", dir);
	snprintf(address, sizeof(address), "unix:%s", sun.sun_path);
	log_begin();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(fd, 0), 0);
	do {
		ck_assert_uint_lt(n, ARRAY_LEN(full));
		full[n] = socket(
		    AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	} while (connect(full[n++], (struct sockaddr *)&sun, sizeof(sun)) == 0);
	struct asker *a = asker_new(address, 2, &err);
	ck_assert_msg(a != NULL, "%s", err.text);
	ck_assert(!ask_for(a, "u@late.test", 0));
	ck_assert(!ask_for(a, "u@late.test", HASTE_MS));
	while (n > 0)
		close(full[--n]);
	close(fd);
	unlink(sun.sun_path);
	rmdir(dir);
	finish(a, 0, 0);
}
END_TEST

// Nor is one who is short of time sent to find out whether it is back.
START_TEST(test_asker_short_of_time_does_not_find_out)
{
	setup();
	struct asker *a = asker_of_fake(4);
	fake_set(SILENT);
	ck_assert(!ask_for(a, "u@first.test", SOON_MS));
	fake_set(ANSWERS);
	pause_ms(1500); // until it is time to look again
	ck_assert(!ask_for(a, "u@late.test", HASTE_MS));
	ck_assert_uint_eq(fake_get(&fake.n_conns), 1);
	ask_until_back(a);
	finish(a, 1, 1);
}
END_TEST

static Suite *
asker_suite(void)
{
	Suite *s = suite_create("asker");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_asker_keeps_its_connection);
	tcase_add_test(tc, test_asker_over_a_unix_socket);
	tcase_add_test(tc, test_asker_refuses_what_is_no_address);
	tcase_add_test(tc, test_asker_cannot_ask_about_a_newline);
	tcase_add_loop_test(tc,
	    test_asker_says_once_that_it_is_away_and_once_that_it_is_back, 0,
	    ARRAY_LEN(odd));
	tcase_add_test(tc, test_asker_when_nobody_listens);
	tcase_add_test(tc, test_asker_daemon_restarted_between_two_questions);
	tcase_add_test(tc, test_asker_second_try_may_wait_for_less);
	tcase_add_test(tc, test_asker_never_takes_a_stray_reply_for_its_own);
	tcase_add_test(tc, test_asker_connections_are_bounded);
	tcase_add_test(tc, test_asker_waiting_for_a_connection_ends);
	tcase_add_test(tc, test_asker_one_at_a_time_finds_out);
	tcase_add_test(tc, test_asker_late_failure_does_not_say_what_is_now);
	tcase_add_test(
	    tc, test_asker_short_of_time_tells_and_says_nothing_of_the_daemon);
	tcase_add_test(tc, test_asker_short_of_time_meets_a_full_backlog);
	tcase_add_test(tc, test_asker_short_of_time_does_not_find_out);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(asker_suite());
}
