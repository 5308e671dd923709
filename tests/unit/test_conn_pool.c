// SPDX-License-Identifier: MIT
// Tests of all connections together: the limit, who makes room, the end.

#include "serve/conn.h"

#include "unit/conn_fixture.h"

// 16 requests for more than socket and pool take together.
#define BIG_4	     "big 30000\nbig 30000\nbig 30000\nbig 30000\n"
#define BIG_REQUESTS BIG_4 BIG_4 BIG_4 BIG_4

// A client that has had one request answered.
static int
client_used(void)
{
	int fd = client_new();

	client_send(fd, "one\n");
	pump();
	client_expect(fd, "one\n");
	return fd;
}

START_TEST(test_conn_pool_limit_evicts_fresh_first_oldest_first)
{
	conn_pool_set_max(pool, 4);
	int used = client_used();
	int fresh1 = client_new(), fresh2 = client_new();
	int used2 = client_used();

	// Half a request makes nobody more worthy.
	client_send(fresh1, "ha");
	pump();
	int new1 = client_new();
	ck_assert(client_is_closed(fresh1));
	ck_assert(!client_is_closed(fresh2));
	client_send(new1, "one\n");
	pump();
	client_expect(new1, "one\n");
	int new2 = client_new();
	ck_assert(client_is_closed(fresh2));
	ck_assert(!client_is_closed(used));
	ck_assert(!client_is_closed(used2));
	ck_assert_uint_eq(conn_pool_count(pool), 4);
	close(used);
	close(fresh1);
	close(fresh2);
	close(used2);
	close(new1);
	close(new2);
}
END_TEST

// What has just come from those who never asked is looked at: a part of a
// request spares nobody at the cost of who works, a whole one is answered.
START_TEST(test_conn_pool_limit_looks_at_what_fresh_ones_sent)
{
	conn_pool_set_max(pool, 3);
	int used = client_used();
	int half = client_new(), whole = client_new();

	client_send(half, "ha");
	client_send(whole, "hurry\n");
	int new1 = client_new();
	ck_assert(client_is_closed(half));
	ck_assert(!client_is_closed(used));
	int new2 = client_new();
	client_expect(whole, "hurry\n");
	ck_assert(client_is_closed(new1));
	ck_assert(!client_is_closed(used));
	ck_assert(!client_is_closed(whole));
	// One that has gone meanwhile makes room by that.
	client_send(new2, "x");
	close(new2);
	int new3 = client_new();
	ck_assert(!client_is_closed(used));
	ck_assert(!client_is_closed(whole));
	ck_assert_uint_eq(conn_pool_count(pool), 3);
	close(used);
	close(half);
	close(whole);
	close(new1);
	close(new3);
}
END_TEST

START_TEST(test_conn_pool_limit_evicts_least_recently_used)
{
	int fds[4];

	conn_pool_set_max(pool, 3);
	for (int i = 0; i < 3; i++)
		fds[i] = client_used();
	client_send(fds[0], "again\n");
	pump();
	client_expect(fds[0], "again\n");
	fds[3] = client_new();
	ck_assert(!client_is_closed(fds[0]));
	ck_assert(client_is_closed(fds[1]));
	ck_assert(!client_is_closed(fds[2]));
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}
END_TEST

START_TEST(test_conn_pool_limit_bytes_do_not_make_younger)
{
	int fds[3];

	conn_pool_set_max(pool, 2);
	fds[0] = client_used();
	fds[1] = client_used();
	client_send(fds[0], "drib");
	pump();
	fds[2] = client_new();
	ck_assert(client_is_closed(fds[0]));
	ck_assert(!client_is_closed(fds[1]));
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}
END_TEST

START_TEST(test_conn_pool_limit_spares_arrived_request)
{
	int fds[3];

	conn_pool_set_max(pool, 2);
	fds[0] = client_used();
	fds[1] = client_used();
	// It is in the socket, but the loop has not seen it yet.
	client_send(fds[0], "hurry\n");
	fds[2] = client_new();
	ck_assert(client_is_closed(fds[1]));
	pump();
	client_expect(fds[0], "hurry\n");
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}
END_TEST

START_TEST(test_conn_pool_limit_does_not_spare_all_who_send)
{
	int fds[3];

	conn_pool_set_max(pool, 2);
	fds[0] = client_used();
	fds[1] = client_used();
	client_send(fds[0], "hurry\n");
	client_send(fds[1], "hurry\n");
	fds[2] = client_new();
	ck_assert(client_is_closed(fds[0]));
	pump();
	client_expect(fds[1], "hurry\n");
	ck_assert(!client_is_closed(fds[2]));
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}
END_TEST

START_TEST(test_conn_pool_limit_refuses_when_all_are_busy)
{
	char log[4096];

	conn_pool_set_max(pool, 2);
	log_begin();
	int waiting = client_new(), unsent = client_new();
	client_send(waiting, "wait\n");
	client_send(unsent, BIG_REQUESTS);
	pump();
	for (int i = 0; i < 5; i++) {
		int fd = client_new();
		ck_assert(client_is_closed(fd));
		close(fd);
	}
	ck_assert(!client_is_closed(waiting));
	ck_assert(!client_is_closed(unsent));
	ck_assert_uint_eq(toy.closes, 0);
	clock_freeze(1000000 + 60000);
	for (int i = 0; i < 10; i++)
		pump_sweeps();
	log_end(log, sizeof(log));
	// One line at once, one with the rest when the minute is over.
	ck_assert_uint_eq(count_text(log, "error=too-many-connections"), 2);
	ck_assert_msg(strstr(log, "limit=2 closed=0 refused=1 ") != NULL &&
			  strstr(log, "limit=2 closed=0 refused=4 ") != NULL,
	    "%s", log);
	close(waiting);
	close(unsent);
	pump();
}
END_TEST

START_TEST(test_conn_pool_limit_closed_makes_room)
{
	conn_pool_set_max(pool, 1);
	int a = client_new();
	client_send(a, "wait\n");
	pump();
	close(a);
	pump();
	int b = client_used();
	close(b);
}
END_TEST

START_TEST(test_conn_pool_set_max_closes_idle_beyond)
{
	int fds[4];

	for (int i = 0; i < 4; i++)
		fds[i] = client_used();
	client_send(fds[0], "wait\n");
	pump();
	conn_pool_set_max(pool, 2);
	ck_assert_uint_eq(conn_pool_count(pool), 2);
	ck_assert(!client_is_closed(fds[0]));
	ck_assert(client_is_closed(fds[1]));
	ck_assert(client_is_closed(fds[2]));
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	pump();
}
END_TEST

START_TEST(test_conn_pool_free_tells_waiters_once)
{
	int waiting = client_new(), other = client_new();

	client_send(waiting, "wait\n");
	client_send(other, "one\ntw");
	pump();
	conn_pool_free(pool);
	pool = NULL;
	ck_assert_uint_eq(toy.closes, 1);
	ck_assert(client_is_closed(waiting));
	client_expect(other, "one\n");
	close(waiting);
	close(other);
}
END_TEST

START_TEST(test_conn_pool_drain_answers_what_has_come)
{
	int idle = client_new(), used = client_used();
	int asked = client_new(), half = client_new(), many = client_new();
	char text[7 * 500 + 1];

	client_send(half, "one\ntw");
	pump();
	// These are in the socket only, or in the middle of their turns.
	client_send(asked, "a\nb\n");
	for (size_t i = 0; i < 500; i++)
		memcpy(text + i * 7, "eleven\n", 8);
	client_send(many, text);
	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	client_send(used, "late\n");
	conn_pool_drain(pool);
	ck_assert_uint_eq(conn_pool_count(pool), 0);
	client_expect(asked, "a\nb\n");
	client_expect(used, "late\n");
	client_expect(half, "one\n");
	ck_assert(client_is_closed(idle));
	ck_assert(client_is_closed(used));
	ck_assert(client_is_closed(asked));
	ck_assert(client_is_closed(half));
	char got[4000];
	ssize_t n = recv(many, got, sizeof(got), 0);
	// What lay in its buffer, whole replies only.
	ck_assert_int_ge(n, 65 * 7);
	ck_assert_int_eq(n % 7, 0);
	close(idle);
	close(used);
	close(asked);
	close(half);
	close(many);
}
END_TEST

START_TEST(test_conn_pool_drain_sends_what_waits)
{
	int fd = client_new(), waiting = client_new();
	char buffer[4096];
	size_t total = 0;

	client_send(fd, BIG_REQUESTS);
	client_send(waiting, "wait\n");
	pump();
	conn_pool_drain(pool);
	ck_assert_uint_eq(toy.closes, 1);
	ck_assert(client_is_closed(waiting));
	ck_assert_uint_eq(conn_pool_count(pool), 1);
	for (int idle = 0; idle < 5;) {
		ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
		if (n > 0) {
			total += (size_t)n;
			idle = 0;
		} else {
			pump();
			idle++;
		}
	}
	ck_assert_uint_eq(total, 16 * 30000);
	ck_assert(client_is_closed(fd));
	ck_assert_uint_eq(conn_pool_count(pool), 0);
	close(fd);
	close(waiting);
}
END_TEST

START_TEST(test_conn_pool_drain_cuts_who_does_not_read)
{
	int fd = client_new();

	client_send(fd, BIG_REQUESTS);
	pump();
	conn_pool_drain(pool);
	ck_assert_uint_eq(conn_pool_count(pool), 1);
	clock_freeze(1000000 + TOY_WRITE_MS);
	pump_until_count(0);
	close(fd);
}
END_TEST

START_TEST(test_conn_pool_drain_closes_new_ones_and_waits)
{
	int fd = client_new(), resumed = client_new();

	client_send(resumed, "wait\nwait\n");
	pump();
	toy_answer("late\n");
	// A request that would have to wait is not begun any more.
	client_send(fd, "one\nwait\n");
	conn_pool_drain(pool);
	ck_assert_uint_eq(conn_pool_count(pool), 0);
	ck_assert_uint_eq(toy.closes, 2);
	client_expect(fd, "one\n");
	client_expect(resumed, "late\n");
	close(fd);
	close(resumed);
	fd = client_new();
	ck_assert(client_is_closed(fd));
	close(fd);
	conn_pool_drain(pool);
}
END_TEST

START_TEST(test_conn_pool_drain_with_waiters_that_free_each_other)
{
	int fds[4];

	toy.resume_on_close = true;
	for (int i = 0; i < 4; i++) {
		fds[i] = client_new();
		client_send(fds[i], "wait\nnext\n");
		pump();
	}
	conn_pool_drain(pool);
	pump();
	ck_assert_uint_eq(conn_pool_count(pool), 0);
	ck_assert_uint_eq(toy.closes, 1);
	for (int i = 1; i < 4; i++)
		client_expect_row(fds[i], "gone\nnext\n", i);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}
END_TEST

static Suite *
conn_pool_suite(void)
{
	Suite *suite = suite_create("conn_pool");
	TCase *tc = tcase_create("conn_pool");

	tcase_add_checked_fixture(tc, toy_setup, toy_teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(
	    tc, test_conn_pool_limit_evicts_fresh_first_oldest_first);
	tcase_add_test(tc, test_conn_pool_limit_looks_at_what_fresh_ones_sent);
	tcase_add_test(tc, test_conn_pool_limit_evicts_least_recently_used);
	tcase_add_test(tc, test_conn_pool_limit_bytes_do_not_make_younger);
	tcase_add_test(tc, test_conn_pool_limit_spares_arrived_request);
	tcase_add_test(tc, test_conn_pool_limit_does_not_spare_all_who_send);
	tcase_add_test(tc, test_conn_pool_limit_refuses_when_all_are_busy);
	tcase_add_test(tc, test_conn_pool_limit_closed_makes_room);
	tcase_add_test(tc, test_conn_pool_set_max_closes_idle_beyond);
	tcase_add_test(tc, test_conn_pool_free_tells_waiters_once);
	tcase_add_test(tc, test_conn_pool_drain_answers_what_has_come);
	tcase_add_test(tc, test_conn_pool_drain_sends_what_waits);
	tcase_add_test(tc, test_conn_pool_drain_cuts_who_does_not_read);
	tcase_add_test(tc, test_conn_pool_drain_closes_new_ones_and_waits);
	tcase_add_test(
	    tc, test_conn_pool_drain_with_waiters_that_free_each_other);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	return unit_run(conn_pool_suite());
}
