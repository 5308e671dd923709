// SPDX-License-Identifier: MIT
// Tests of one connection: framing, order, slow and broken clients, waiting.

#include "serve/conn.h"

#include "serve/conn_impl.h"
#include "unit/conn_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>

START_TEST(test_conn_answers_split_input)
{
	static const char input[] = "one\ntwo\nthree\n";

	for (int i = 0; i <= (int)strlen(input); i++) {
		int fd = client_new();
		ck_assert_int_eq(send(fd, input, (size_t)i, 0), i);
		pump();
		client_send(fd, input + i);
		pump();
		client_expect_row(fd, input, i);
		close(fd);
		pump();
	}
	ck_assert_uint_eq(toy.requests, 3 * (strlen(input) + 1));
}
END_TEST

START_TEST(test_conn_answers_byte_by_byte)
{
	int fd = client_new();

	for (const char *p = "one\ntwo\n"; *p != '\0'; p++) {
		ck_assert_int_eq(send(fd, p, 1, 0), 1);
		pump();
	}
	client_expect(fd, "one\ntwo\n");
	close(fd);
}
END_TEST

// Writes 1000 numbered requests at once; returns them.
static char *
send_thousand(int fd)
{
	char *text = malloc(16000);
	size_t len = 0;

	ck_assert(text != NULL);
	for (int i = 0; i < 1000; i++)
		len += (size_t)snprintf(text + len, 16000 - len, "r%d\n", i);
	client_send(fd, text);
	return text;
}

START_TEST(test_conn_answers_pipelined_in_order)
{
	int fd = client_new();
	char *text = send_thousand(fd);

	for (int i = 0; i < 10; i++)
		pump();
	client_expect(fd, text);
	ck_assert_uint_eq(toy.requests, 1000);
	free(text);
	close(fd);
}
END_TEST

START_TEST(test_conn_pipelining_lets_others_in)
{
	int greedy = client_new();
	int modest = client_new();
	char *text = send_thousand(greedy);
	char got[8];

	// Its first turn is over before the other's request is there.
	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	ck_assert_uint_ge(toy.requests, 1);
	ck_assert_uint_le(toy.requests, 2 * CONN_TURN_REQUESTS);
	client_send(modest, "me\n");
	for (int i = 0; i < 2; i++)
		event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	ck_assert_int_eq(recv(modest, got, sizeof(got), MSG_DONTWAIT), 3);
	ck_assert_uint_le(toy.requests, 4 * CONN_TURN_REQUESTS + 1);
	for (int i = 0; i < 10; i++)
		pump();
	client_expect(greedy, text);
	free(text);
	close(greedy);
	close(modest);
}
END_TEST

START_TEST(test_conn_half_request_then_close_is_dropped)
{
	int fd = client_new();

	client_send(fd, "one\ntw");
	pump();
	client_expect(fd, "one\n");
	close(fd);
	pump();
	ck_assert_uint_eq(conn_pool_count(pool), 0);
	ck_assert_uint_eq(toy.requests, 1);
	ck_assert_uint_eq(toy.closes, 0);
}
END_TEST

START_TEST(test_conn_half_close_gets_all_replies)
{
	int fd = client_new();
	char *text = send_thousand(fd);

	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 10; i++)
		pump();
	client_expect(fd, text);
	ck_assert(client_is_closed(fd));
	ck_assert_uint_eq(conn_pool_count(pool), 0);
	free(text);
	close(fd);
}
END_TEST

START_TEST(test_conn_long_request_up_to_the_limit)
{
	static const struct {
		size_t len; // without its newline
		bool good;
	} rows[] = {
	    {1, true},
	    {CONN_IN_INLINE - 2, true},
	    {CONN_IN_INLINE - 1, true},
	    {CONN_IN_INLINE, true},
	    {2 * CONN_IN_INLINE, true},
	    {TOY_MAX - 1, true},
	    {TOY_MAX, false},
	    {2 * TOY_MAX, false},
	};
	char text[2 * TOY_MAX + 2], log[4096];

	log_begin();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = client_new();
		memset(text, 'y', rows[i].len);
		strcpy(text + rows[i].len, "\n");
		client_send(fd, text);
		pump();
		client_expect_row(fd, rows[i].good ? text : "", (int)i);
		ck_assert_msg(
		    client_is_closed(fd) != rows[i].good, "row %zu", i);
		close(fd);
		pump();
	}
	log_end(log, sizeof(log));
	ck_assert_uint_eq(count_text(log, "error=request-too-long"), 2);
}
END_TEST

START_TEST(test_conn_gives_grown_memory_back)
{
	int fd = client_new();
	struct conn *c = TAILQ_FIRST(&pool->shelves[CONN_SHELF_FRESH]);
	char text[TOY_MAX + 1];

	memset(text, 'y', TOY_MAX - 1);
	strcpy(text + TOY_MAX - 1, "\n");
	client_send(fd, text);
	pump();
	client_expect(fd, text);
	ck_assert(c->in.data != c->in_inline);
	ck_assert(c->out.data != c->out_inline);
	for (int i = 0;
	     i < 1000 && (c->in.data != c->in_inline ||
			     c->out.data != c->out_inline || c->watched);
	     i++)
		pump_sweeps();
	ck_assert(c->in.data == c->in_inline);
	ck_assert(c->out.data == c->out_inline);
	ck_assert(!c->watched);
	client_send(fd, "small\n");
	pump();
	client_expect(fd, "small\n");
	close(fd);
}
END_TEST

START_TEST(test_conn_steady_state_stays_unwatched)
{
	int fd = client_new();
	struct conn *c = TAILQ_FIRST(&pool->shelves[CONN_SHELF_FRESH]);

	for (int i = 0; i < 100; i++) {
		client_send(fd, "small\n");
		pump();
		client_expect(fd, "small\n");
		ck_assert(!c->watched);
		ck_assert(c->in.data == c->in_inline);
		ck_assert(c->out.data == c->out_inline);
	}
	close(fd);
}
END_TEST

START_TEST(test_conn_slow_request_is_cut)
{
	int slow = client_new();
	int quick = client_new();
	char log[4096];

	log_begin();
	client_send(slow, "sl");
	client_send(quick, "qu");
	pump();
	clock_freeze(1000000 + TOY_REQUEST_MS - 1);
	client_send(slow, "o");
	client_send(quick, "ick\nag");
	pump_sweeps();
	ck_assert_uint_eq(conn_pool_count(pool), 2);
	// The time counts from the first byte of each request.
	clock_freeze(1000000 + TOY_REQUEST_MS);
	pump_until_count(1);
	ck_assert(client_is_closed(slow));
	client_send(quick, "ain\n");
	pump();
	client_expect(quick, "quick\nagain\n");
	// None is due now: it may be idle for ever.
	clock_freeze(1000000 + 1000 * TOY_REQUEST_MS);
	pump_sweeps();
	ck_assert_uint_eq(conn_pool_count(pool), 1);
	log_end(log, sizeof(log));
	ck_assert_msg(strstr(log, "conn proto=toy peer=client") != NULL &&
			  strstr(log, " error=request-timeout ") != NULL,
	    "%s", log);
	close(slow);
	close(quick);
}
END_TEST

// Asks for 400 replies of 5000 bytes, more than socket and pool take.
static void
send_big(int fd)
{
	char text[400 * 9 + 1];

	for (size_t i = 0; i < 400; i++)
		memcpy(text + i * 9, "big 5000\n", 10);
	client_send(fd, text);
}

START_TEST(test_conn_slow_reader_pauses_and_is_cut)
{
	int fd = client_new();
	char log[4096];

	log_begin();
	send_big(fd);
	for (int i = 0; i < 50; i++)
		pump();
	// Only what the kernel holds and half of the limit was answered.
	ck_assert_uint_gt(toy.requests, 0);
	ck_assert_uint_lt(toy.requests, 400);
	unsigned served = toy.requests;
	clock_freeze(1000000 + TOY_WRITE_MS - 1);
	pump_sweeps();
	ck_assert_uint_eq(toy.requests, served);
	ck_assert_uint_eq(conn_pool_count(pool), 1);
	clock_freeze(1000000 + TOY_WRITE_MS);
	pump_until_count(0);
	log_end(log, sizeof(log));
	ck_assert_msg(strstr(log, " error=reply-timeout ") != NULL, "%s", log);
	close(fd);
}
END_TEST

START_TEST(test_conn_slow_reader_gets_all_in_the_end)
{
	int fd = client_new();
	char buffer[4096];
	size_t total = 0;

	send_big(fd);
	for (int idle = 0; idle < 5;) {
		ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
		if (n > 0) {
			total += (size_t)n;
			idle = 0;
		} else {
			pump();
			idle++;
		}
	}
	ck_assert_uint_eq(total, 400 * 5000);
	close(fd);
}
END_TEST

// A client whose connection takes few bytes at a time.
static int
client_small(void)
{
	int fds[2], size = 2048;

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	conn_start(pool, fds[1], "small", &toy_protocol, &toy);
	return fds[0];
}

START_TEST(test_conn_trickling_reader_is_cut)
{
	int fd = client_small(), steps = 0;
	int64_t now = 1000000;
	char buffer[500];

	client_send(fd, "big 60000\n");
	pump();
	struct conn *c = TAILQ_FIRST(&pool->shelves[CONN_SHELF_BUSY]);
	ck_assert(c != NULL);
	// It makes progress in time, always, and yet is not served for ever.
	while (conn_pool_count(pool) > 0 && steps < 100) {
		size_t unsent = conn_buf_len(&c->out);
		while (unsent > 0 && conn_buf_len(&c->out) == unsent) {
			ck_assert_int_gt(
			    recv(fd, buffer, sizeof(buffer), 0), 0);
			pump();
		}
		ck_assert_uint_gt(conn_buf_len(&c->out), 0);
		now += TOY_WRITE_MS - 1;
		clock_freeze(now);
		pump_sweeps();
		steps++;
	}
	ck_assert_uint_eq(conn_pool_count(pool), 0);
	ck_assert_int_eq(steps, 9); // the first beyond 8 * TOY_WRITE_MS
	close(fd);
}
END_TEST

START_TEST(test_conn_too_much_output_closes)
{
	int fd = client_new();
	char log[4096];

	log_begin();
	client_send(fd, "big 65536\n");
	pump();
	ck_assert_uint_eq(conn_pool_count(pool), 1);
	client_send(fd, "big 70000\n");
	pump();
	ck_assert_uint_eq(conn_pool_count(pool), 0);
	log_end(log, sizeof(log));
	ck_assert_uint_eq(count_text(log, "error=too-much-output"), 1);
	close(fd);
}
END_TEST

START_TEST(test_conn_bad_input_closes_after_the_replies)
{
	int fd = client_new();
	char log[4096];

	log_begin();
	client_send(fd, "one\nbad\ntwo\n");
	pump();
	client_expect(fd, "one\n");
	ck_assert(client_is_closed(fd));
	ck_assert_uint_eq(toy.requests, 1);
	ck_assert_uint_eq(toy.closes, 0);
	log_end(log, sizeof(log));
	ck_assert_uint_eq(count_text(log, "\n"), 1);
	ck_assert_msg(strstr(log, " error=bad-request requests=1 begins=bad "
				  "text=\"said bad\"") != NULL,
	    "%s", log);
	close(fd);
}
END_TEST

START_TEST(test_conn_local_part_stays_out_of_the_log)
{
	static const struct {
		const char *input; // over-long, so that it is logged
		const char *begins;
	} rows[] = {
	    {"john.doe@example.org ", " begins=- "},
	    {"GET /john.doe@x HTTP/1.1 ", " begins=GET "},
	    {"\x16\x03\x01 ", " begins=??? "},
	    {" x", " begins=- "},
	};
	char text[TOY_MAX + 1], log[4096];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		log_begin();
		int fd = client_new();
		memset(text, 'y', TOY_MAX);
		text[TOY_MAX] = '\0';
		memcpy(text, rows[i].input, strlen(rows[i].input));
		client_send(fd, text);
		pump();
		log_end(log, sizeof(log));
		ck_assert_msg(strstr(log, rows[i].begins) != NULL &&
				  strstr(log, "john") == NULL,
		    "row %zu: %s", i, log);
		close(fd);
	}
}
END_TEST

START_TEST(test_conn_flood_of_garbage_does_not_flood_the_log)
{
	char log[16384];

	log_begin();
	for (int i = 0; i < 50; i++) {
		int fd = client_new();
		client_send(fd, "bad\n");
		pump();
		ck_assert(client_is_closed(fd));
		close(fd);
	}
	clock_freeze(1000000 + 60000 - 1);
	pump_sweeps();
	log_flush();
	clock_freeze(1000000 + 60000);
	for (int i = 0; i < 100 && pool->faults_suppressed > 0; i++)
		pump_sweeps();
	log_end(log, sizeof(log));
	ck_assert_uint_eq(count_text(log, "error=bad-request"), 10);
	ck_assert_uint_eq(count_text(log, "conn suppressed=40 "), 1);
}
END_TEST

START_TEST(test_conn_wait_reads_nothing_meanwhile)
{
	int fd = client_new();

	client_send(fd, "one\nwait\ntwo\n");
	pump();
	client_send(fd, "three\n");
	pump();
	client_expect(fd, "one\n");
	ck_assert_uint_eq(toy.requests, 2);
	toy_answer("late\n");
	// Sent at once, but nobody is called back before the loop turns.
	client_expect(fd, "late\n");
	ck_assert_uint_eq(toy.requests, 2);
	pump();
	client_expect(fd, "two\nthree\n");
	ck_assert_uint_eq(toy.closes, 0);
	close(fd);
}
END_TEST

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

// How often the loop wakes until a timer of 30 ms ends.
static unsigned
count_wakes(void)
{
	const struct timeval wait = {.tv_usec = 30000};
	bool done = false;
	unsigned n = 0;
	struct event *timer = evtimer_new(base, on_timer, &done);

	event_add(timer, &wait);
	while (!done) {
		event_base_loop(base, EVLOOP_ONCE);
		n++;
	}
	event_free(timer);
	return n;
}

START_TEST(test_conn_wait_does_not_spin)
{
	static const char *const rows[] = {
	    "wait\n", "wait\nmore\n", "wait\nhal"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int half = 0; half < 2; half++) {
			int fd = client_new();
			client_send(fd, rows[i]);
			pump();
			client_send(fd, "rest\n");
			if (half)
				shutdown(fd, SHUT_WR);
			pump();
			unsigned n = count_wakes();
			ck_assert_msg(n <= 3, "row %zu: woke %u times", i, n);
			ck_assert_uint_eq(toy.n_waiting, 1);
			toy_answer("late\n");
			close(fd);
			pump();
			ck_assert_uint_eq(conn_pool_count(pool), 0);
		}
	}
}
END_TEST

START_TEST(test_conn_wait_notices_close_once)
{
	int fd = client_new();
	int with_input = client_new();

	client_send(fd, "wait\n");
	pump();
	close(fd);
	pump();
	ck_assert_uint_eq(toy.closes, 1);
	ck_assert_uint_eq(conn_pool_count(pool), 1);
	client_send(with_input, "wait\nmore\n");
	pump();
	close(with_input);
	pump();
	ck_assert_uint_eq(toy.closes, 2);
	ck_assert_uint_eq(conn_pool_count(pool), 0);
	ck_assert_uint_eq(toy.requests, 2);
}
END_TEST

START_TEST(test_conn_wait_half_closed_still_gets_its_reply)
{
	for (int before = 0; before < 2; before++) {
		int fd = client_new();
		client_send(fd, "wait\nlast\n");
		if (before)
			shutdown(fd, SHUT_WR);
		pump();
		if (!before)
			shutdown(fd, SHUT_WR);
		pump();
		ck_assert_uint_eq(toy.n_waiting, 1);
		toy_answer("late\n");
		pump();
		client_expect_row(fd, "late\nlast\n", before);
		ck_assert(client_is_closed(fd));
		ck_assert_uint_eq(conn_pool_count(pool), 0);
		close(fd);
	}
	ck_assert_uint_eq(toy.closes, 0);
}
END_TEST

START_TEST(test_conn_wait_half_closed_then_gone_is_noticed)
{
	int fd = client_new();

	client_send(fd, "wait\n");
	shutdown(fd, SHUT_WR);
	pump();
	ck_assert_uint_eq(toy.closes, 0);
	close(fd);
	pump();
	ck_assert_uint_eq(toy.closes, 1);
	ck_assert_uint_eq(conn_pool_count(pool), 0);
}
END_TEST

// A TCP connection over loopback; returns the client's end.
static int
tcp_client(void)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(sin);
	int listening = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(
	    bind(listening, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(listen(listening, 1), 0);
	getsockname(listening, (struct sockaddr *)&sin, &len);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	int accepted = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
	ck_assert_int_ge(accepted, 0);
	close(listening);
	conn_start(pool, accepted, "tcp", &toy_protocol, &toy);
	return fd;
}

START_TEST(test_conn_wait_notices_tcp_reset)
{
	const struct linger reset = {.l_onoff = 1};

	for (int half = 0; half < 2; half++) {
		int fd = tcp_client();
		client_send(fd, "wait\nmore\n");
		pump();
		if (half)
			shutdown(fd, SHUT_WR);
		pump();
		ck_assert_uint_eq(toy.n_waiting, 1);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
		// A half-closed socket is not told of a reset that the kernel
		// does not send then.
		pump();
		if (half && toy.n_waiting == 1)
			toy_answer("late\n");
		pump();
		ck_assert_uint_eq(toy.n_waiting, 0);
		pump_until_count(0);
	}
	ck_assert_uint_ge(toy.closes, 1);
}
END_TEST

START_TEST(test_conn_resume_answers_in_any_order)
{
	int a = client_new(), b = client_new();

	client_send(a, "wait\nwait\n");
	pump();
	client_send(b, "wait\n");
	pump();
	ck_assert_uint_eq(toy.n_waiting, 2);
	toy_answer("a1\n");
	pump();
	ck_assert_uint_eq(toy.n_waiting, 2);
	toy_answer("b1\n");
	toy_answer("a2\n");
	pump();
	client_expect(a, "a1\na2\n");
	client_expect(b, "b1\n");
	close(a);
	close(b);
}
END_TEST

START_TEST(test_conn_resume_from_within_another_request)
{
	int a = client_new(), b = client_new(), gone = client_new();

	client_send(a, "wait\nthen\n");
	client_send(gone, "wait\n");
	pump();
	// Its peer goes away, but nobody has noticed when it is resumed.
	client_send(b, "go\nnext\n");
	close(gone);
	pump();
	client_expect(a, "gone\nthen\n");
	client_expect(b, "went\nnext\n");
	ck_assert_uint_eq(conn_pool_count(pool), 2);
	close(a);
	close(b);
}
END_TEST

START_TEST(test_conn_resume_from_within_on_close)
{
	int a = client_new(), b = client_new();

	toy.resume_on_close = true;
	client_send(a, "wait\n");
	client_send(b, "wait\nthen\n");
	pump();
	close(a);
	pump();
	client_expect(b, "gone\nthen\n");
	ck_assert_uint_eq(toy.closes, 1);
	close(b);
}
END_TEST

START_TEST(test_conn_resume_within_its_own_request_aborts)
{
	int fd = client_new();

	client_send(fd, "now\n");
	pump();
}
END_TEST

START_TEST(test_conn_wait_with_unsent_replies_in_order)
{
	int fd = client_small();
	struct conn *c = TAILQ_FIRST(&pool->shelves[CONN_SHELF_FRESH]);
	char buffer[4096];
	size_t total = 0;
	ssize_t n;

	client_send(fd, "big 30000\nwait\nend\n");
	pump();
	ck_assert_uint_eq(toy.n_waiting, 1);
	ck_assert_uint_gt(conn_buf_len(&c->out), 0);
	for (int i = 0; i < 200 && total < 30000; i++) {
		while ((n = recv(fd, buffer, sizeof(buffer), 0)) > 0)
			total += (size_t)n;
		pump();
	}
	ck_assert_uint_eq(total, 30000);
	toy_answer("late\n");
	pump();
	client_expect(fd, "late\nend\n");
	// Answered while replies before it are unsent.
	client_send(fd, "big 30000\nwait\n");
	pump();
	toy_answer("late\n");
	for (total = 0; total < 30005;) {
		while ((n = recv(fd, buffer, sizeof(buffer), 0)) > 0)
			total += (size_t)n;
		ck_assert(!client_is_closed(fd));
		pump();
	}
	ck_assert_uint_eq(total, 30005);
	ck_assert_uint_eq(toy.closes, 0);
	close(fd);
}
END_TEST

START_TEST(test_conn_wait_with_unsent_replies_notices_close_once)
{
	for (int drained = 0; drained < 2; drained++) {
		int fd = client_small();
		char buffer[4096];
		client_send(fd, "big 30000\nwait\nend\n");
		pump();
		ck_assert_uint_eq(toy.n_waiting, 1);
		for (size_t total = 0; drained && total < 30000;) {
			ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
			if (n > 0)
				total += (size_t)n;
			pump();
		}
		close(fd);
		pump();
		ck_assert_int_eq((int)toy.closes, drained + 1);
		ck_assert_uint_eq(conn_pool_count(pool), 0);
	}
}
END_TEST

START_TEST(test_conn_data_and_peer_are_kept)
{
	int fd = client_new(), value = 0;
	struct conn *c = TAILQ_FIRST(&pool->shelves[CONN_SHELF_FRESH]);

	ck_assert(conn_data(c) == NULL);
	conn_set_data(c, &value);
	ck_assert(conn_data(c) == &value);
	ck_assert(strncmp(conn_peer(c), "client", 6) == 0);
	close(fd);
}
END_TEST

static Suite *
conn_suite(void)
{
	Suite *suite = suite_create("conn");
	TCase *tc = tcase_create("conn");

	tcase_add_checked_fixture(tc, toy_setup, toy_teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_conn_answers_split_input);
	tcase_add_test(tc, test_conn_answers_byte_by_byte);
	tcase_add_test(tc, test_conn_answers_pipelined_in_order);
	tcase_add_test(tc, test_conn_pipelining_lets_others_in);
	tcase_add_test(tc, test_conn_half_request_then_close_is_dropped);
	tcase_add_test(tc, test_conn_half_close_gets_all_replies);
	tcase_add_test(tc, test_conn_long_request_up_to_the_limit);
	tcase_add_test(tc, test_conn_gives_grown_memory_back);
	tcase_add_test(tc, test_conn_steady_state_stays_unwatched);
	tcase_add_test(tc, test_conn_slow_request_is_cut);
	tcase_add_test(tc, test_conn_slow_reader_pauses_and_is_cut);
	tcase_add_test(tc, test_conn_slow_reader_gets_all_in_the_end);
	tcase_add_test(tc, test_conn_trickling_reader_is_cut);
	tcase_add_test(tc, test_conn_too_much_output_closes);
	tcase_add_test(tc, test_conn_bad_input_closes_after_the_replies);
	tcase_add_test(tc, test_conn_local_part_stays_out_of_the_log);
	tcase_add_test(tc, test_conn_flood_of_garbage_does_not_flood_the_log);
	tcase_add_test(tc, test_conn_wait_reads_nothing_meanwhile);
	tcase_add_test(tc, test_conn_wait_does_not_spin);
	tcase_add_test(tc, test_conn_wait_notices_close_once);
	tcase_add_test(tc, test_conn_wait_half_closed_still_gets_its_reply);
	tcase_add_test(tc, test_conn_wait_half_closed_then_gone_is_noticed);
	tcase_add_test(tc, test_conn_wait_notices_tcp_reset);
	tcase_add_test(tc, test_conn_wait_with_unsent_replies_in_order);
	tcase_add_test(
	    tc, test_conn_wait_with_unsent_replies_notices_close_once);
	tcase_add_test(tc, test_conn_resume_answers_in_any_order);
	tcase_add_test(tc, test_conn_resume_from_within_another_request);
	tcase_add_test(tc, test_conn_resume_from_within_on_close);
	tcase_add_test_raise_signal(
	    tc, test_conn_resume_within_its_own_request_aborts, SIGABRT);
	tcase_add_test(tc, test_conn_data_and_peer_are_kept);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	return unit_run(conn_suite());
}
