// SPDX-License-Identifier: MIT
// Tests of one message: its budget, its lines, its header.
#include "milter/message.h"

#include "unit/logged.h"
#include "unit/unit.h"

enum { LOG_MAX = 1 << 20 };

static struct message m;

static void
begin(const char *sender)
{
	message_begin(&m, sender, strlen(sender), "instance");
}

static void
add(const char *mailbox, bool whole, const char *route, const char *via,
    const char *reason)
{
	struct question_reply r = {.action = QUESTION_ACCEPT};
	snprintf(r.route, sizeof(r.route), "%s", route);
	snprintf(r.via, sizeof(r.via), "%s", via);
	snprintf(r.reason, sizeof(r.reason), "%s", reason);
	message_add(&m, mailbox, strlen(mailbox), whole, &r);
}

static void
add_relayed(const char *mailbox)
{
	add(mailbox, false, "relay", "us1", "none-reachable");
}

// What the message logs, without standard error's decoration.
static const char *
said(const char *qid)
{
	static char log[LOG_MAX];
	log_begin();
	message_say(&m, qid);
	log_end(log, sizeof(log));
	return log;
}

static void
expect_line(const char *log, const char *want)
{
	char line[1024];
	snprintf(line, sizeof(line), "%s\n", want);
	ck_assert_msg(
	    count_text(log, line) == 1, "wanted once: %sgot: %s", line, log);
}

START_TEST(test_message_a_line_a_domain)
{
	begin("s@Example.CN");
	add("u@Ihg.COM", false, "hold", "", "no-relay");
	add_relayed("\"v@x\"@ihg.com.");
	add("u@b\xc3\xbc"
	    "cher.test",
	    false, "direct", "", "all-reachable");
	const char *log = said("4fXk2");
	expect_line(log, "mail qid=4fXk2 from=example.cn to=ihg.com "
			 "route=relay via=us1 reason=none-reachable");
	expect_line(log, "mail qid=4fXk2 from=example.cn to=xn--bcher-kva.test "
			 "route=direct via=- reason=all-reachable");
	ck_assert_uint_eq(count_text(log, "\n"), 2);
	message_end(&m);
	ck_assert_str_eq(said("4fXk2"), "");
}
END_TEST

START_TEST(test_message_a_line_a_recipient)
{
	begin("s@example.cn");
	add("u v@ihg.com", true, "relay", "us1", "none-reachable");
	add("W@ihg.com", true, "relay", "us1", "none-reachable");
	for (unsigned i = 0; i < m.n; i++)
		m.route[i].reply.observe = true;
	const char *log = said(NULL);
	expect_line(log,
	    "mail qid=- from=example.cn to=u_v@ihg.com route=relay via=us1 "
	    "reason=none-reachable mode=observe");
	expect_line(log,
	    "mail qid=- from=example.cn to=W@ihg.com route=relay via=us1 "
	    "reason=none-reachable mode=observe");
	message_end(&m);
}
END_TEST

START_TEST(test_message_names_of_senders)
{
	static const struct {
		const char *sender, *want;
	} rows[] = {
	    {"", " from=- "},
	    {"root", " from=- "},
	    {"s@Example.CN.", " from=example.cn "},
	    {"\"a b@c\"@example.cn", " from=example.cn "},
	    {"s@[192.0.2.1]", " from=[192.0.2.1] "},
	    {"s@-bad domain\"", " from=-bad_domain? "},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		begin(rows[i].sender);
		add_relayed("u@ihg.com");
		const char *log = said("q");
		ck_assert_msg(
		    count_text(log, rows[i].want) == 1, "row %zu: %s", i, log);
		message_end(&m);
	}
}
END_TEST

// Nothing that came in makes two lines, or a field, of one.
START_TEST(test_message_foreign_text_stays_one_word)
{
	begin("s@x\nmail qid=y");
	add_relayed("u@z\nmail to=\xff");
	add("u@", false, "direct", "", "bad-name");
	const char *log = said("a\nb c");
	expect_line(log,
	    "mail qid=a?b_c from=x?mail_qid=y to=z?mail_to=? route=relay "
	    "via=us1 reason=none-reachable");
	expect_line(log,
	    "mail qid=a?b_c from=x?mail_qid=y to=- route=direct via=- "
	    "reason=bad-name");
	ck_assert_uint_eq(count_text(log, "\n"), 2);
	message_end(&m);
}
END_TEST

START_TEST(test_message_remembers_so_many_and_counts_the_rest)
{
	char mailbox[64];
	begin("s@example.cn");
	for (unsigned i = 0; i < MESSAGE_ROUTES_MAX + 5; i++) {
		snprintf(mailbox, sizeof(mailbox), "u@d%u.test", i);
		add_relayed(mailbox);
	}
	// One that is remembered does not count as one more.
	add("u@d7.test", false, "hold", "", "no-relay");
	const char *log = said("q");
	expect_line(log, "mail qid=q from=example.cn to=d7.test route=hold "
			 "via=- reason=no-relay");
	expect_line(log, "mail qid=q from=example.cn more=5");
	ck_assert_uint_eq(count_text(log, "\n"), MESSAGE_ROUTES_MAX + 1);
	message_end(&m);
}
END_TEST

START_TEST(test_message_begun_anew_forgets_the_last)
{
	begin("s@example.cn");
	add_relayed("u@ihg.com");
	m.forged = 3;
	m.spent_ms = 7000;
	begin("");
	ck_assert_uint_eq(m.n, 0);
	ck_assert_uint_eq(m.forged, 0);
	ck_assert_int_eq(m.spent_ms, 0);
	ck_assert_str_eq(m.sender, "");
	ck_assert_str_eq(m.instance, "instance");
	message_end(&m);
	message_end(&m);
	ck_assert_ptr_null(m.sender);
}
END_TEST

// All recipients of a message wait no longer than one would: the MTA's limit
// for an answer is 10 s.
START_TEST(test_message_budget)
{
	static const struct {
		int64_t spent, wait_max, wait, limit;
	} rows[] = {
	    {0, 8000, 8000, 9000},
	    {0, 9000, 8500, 9000},
	    {0, 0, 0, 1500},
	    {0, 1000, 1000, 2500},
	    {3000, 8000, 5000, 6000},
	    {3000, 9000, 5500, 6000},
	    {7500, 8000, 500, 1500},
	    {8000, 8000, 0, 1000},
	    {8500, 8000, 0, 500},
	    {8700, 9000, 0, 300},
	    {8999, 8000, 0, 1},
	    {9000, 8000, 0, 0},
	    {9500, 9000, 0, 0},
	    {60000, 9000, 0, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t wait = -1;
		m.spent_ms = rows[i].spent;
		int64_t limit = message_budget(&m, rows[i].wait_max, &wait);
		ck_assert_msg(limit == rows[i].limit, "row %zu: limit %lld", i,
		    (long long)limit);
		ck_assert_msg(wait == rows[i].wait, "row %zu: wait %lld", i,
		    (long long)wait);
	}
}
END_TEST

START_TEST(test_message_header_has_each_way_once)
{
	char out[MESSAGE_HEADER_MAX];
	begin("s@example.cn");
	ck_assert(!message_header(&m, out));
	ck_assert_str_eq(out, "");
	add_relayed("u@ihg.com");
	ck_assert(message_header(&m, out));
	ck_assert_str_eq(out, "route=relay via=us1 reason=none-reachable");
	add_relayed("u@other.test");
	add("u@open.test", false, "direct", "", "all-reachable");
	ck_assert(message_header(&m, out));
	ck_assert_str_eq(out, "route=relay via=us1 reason=none-reachable,\n"
			      "\troute=direct via=- reason=all-reachable");
	message_end(&m);
}
END_TEST

START_TEST(test_message_header_is_cut_between_two)
{
	char out[MESSAGE_HEADER_MAX], mailbox[64], reason[QUESTION_WORD_MAX];
	begin("s@example.cn");
	for (unsigned i = 0; i < 20; i++) {
		snprintf(mailbox, sizeof(mailbox), "u@d%u.test", i);
		memset(reason, 'r', sizeof(reason));
		snprintf(reason + sizeof(reason) - 8, 8, "%u", 1000 + i);
		add(mailbox, false, "relay", "us1", reason);
	}
	ck_assert(message_header(&m, out));
	size_t len = strlen(out);
	ck_assert_uint_gt(len, MESSAGE_HEADER_MAX / 2);
	ck_assert_uint_lt(len, MESSAGE_HEADER_MAX);
	// The last one has its whole reason.
	ck_assert_msg(out[len - 4] == '1' && out[len - 5] == 'r', "%s", out);
	message_end(&m);
}
END_TEST

static Suite *
message_suite(void)
{
	Suite *s = suite_create("message");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_message_a_line_a_domain);
	tcase_add_test(tc, test_message_a_line_a_recipient);
	tcase_add_test(tc, test_message_names_of_senders);
	tcase_add_test(tc, test_message_foreign_text_stays_one_word);
	tcase_add_test(tc, test_message_remembers_so_many_and_counts_the_rest);
	tcase_add_test(tc, test_message_begun_anew_forgets_the_last);
	tcase_add_test(tc, test_message_budget);
	tcase_add_test(tc, test_message_header_has_each_way_once);
	tcase_add_test(tc, test_message_header_is_cut_between_two);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(message_suite());
}
