// SPDX-License-Identifier: MIT
// Tests of what the milter asks and what it is answered.
#include "milter/question.h"

#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "unit/exact.h"
#include "unit/unit.h"

static const struct question plain = {
    .recipient = "u@a.test>", // a view: the '>' is not of it
    .recipient_len = 8,
    .rewritten = "",
    .sender = "s@b.test",
    .instance = "milter-1",
    .sasl_username = "joe",
    .client_address = "192.0.2.1",
    .wait_ms = 8000,
};

START_TEST(test_question_encode)
{
	char out[QUESTION_MAX];
	size_t len = question_encode(&plain, out);
	ck_assert_str_eq(out, "request=mxdetour_route\nrecipient=u@a.test\n"
			      "sender=s@b.test\ninstance=milter-1\n"
			      "sasl_username=joe\nclient_address=192.0.2.1\n"
			      "wait=8000\n\n");
	ck_assert_uint_eq(len, strlen(out));
}
END_TEST

START_TEST(test_question_encode_says_what_was_rewritten)
{
	char out[QUESTION_MAX];
	struct question q = plain;
	q.recipient = "u%d.test@a.test";
	q.recipient_len = strlen(q.recipient);
	q.rewritten = "u@d.test";
	ck_assert_uint_gt(question_encode(&q, out), 0);
	ck_assert_str_eq(out, "request=mxdetour_route\n"
			      "recipient=u%d.test@a.test\nrewritten=u@d.test\n"
			      "sender=s@b.test\ninstance=milter-1\n"
			      "sasl_username=joe\nclient_address=192.0.2.1\n"
			      "wait=8000\n\n");
}
END_TEST

// What the daemon says of its mode counts, not what the file said at our start.
START_TEST(test_question_reply_says_the_mode)
{
	static const char *const text[] = {
	    "action=DUNNO\nroute=hold\nvia=\nreason=no-relay\n\n",
	    "action=DUNNO\nroute=hold\nvia=\nreason=no-relay\n"
	    "mode=observe\n\n",
	    "action=DUNNO\nroute=hold\nvia=\nreason=no-relay\n"
	    "mode=observed\n\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(text); i++) {
		struct attrlist list;
		struct question_reply reply;
		size_t used;
		ck_assert_int_eq(
		    attrlist_decode(text[i], strlen(text[i]), &list, &used),
		    DECODED_OK);
		ck_assert(question_decode_reply(&list, &reply));
		ck_assert(reply.observe == (i == 1));
	}
}
END_TEST

START_TEST(test_question_encode_leaves_out_what_is_empty)
{
	char out[QUESTION_MAX];
	const struct question q = {
	    .recipient = "",
	    .rewritten = "",
	    .sender = "",
	    .instance = "",
	    .sasl_username = "",
	    .client_address = "",
	};
	ck_assert_uint_gt(question_encode(&q, out), 0);
	ck_assert_str_eq(out, "request=mxdetour_route\nrecipient=\nwait=0\n\n");
}
END_TEST

// A newline would begin an attribute of somebody else's making.
START_TEST(test_question_encode_sends_no_foreign_attribute)
{
	char out[QUESTION_MAX];
	struct question q = plain;
	q.recipient = "u\nwait=0@a.test";
	q.recipient_len = strlen(q.recipient);
	ck_assert_uint_eq(question_encode(&q, out), 0);
	q.recipient = "u\0@a.test";
	q.recipient_len = 9;
	ck_assert_uint_eq(question_encode(&q, out), 0);
	q = plain;
	q.sender = q.sasl_username = "s@b.test\nclient_address=192.0.2.9";
	ck_assert_uint_gt(question_encode(&q, out), 0);
	ck_assert_str_eq(out, "request=mxdetour_route\nrecipient=u@a.test\n"
			      "instance=milter-1\nclient_address=192.0.2.1\n"
			      "wait=8000\n\n");
}
END_TEST

START_TEST(test_question_encode_limits)
{
	static char at_most[ATTRLIST_VALUE_MAX + 2], longer[4096];
	char out[QUESTION_MAX];
	struct question q = plain;
	struct attrlist list;
	size_t used;
	memset(at_most, 'u', sizeof(at_most) - 1);
	q.recipient = at_most;
	q.recipient_len = ATTRLIST_VALUE_MAX;
	size_t len = question_encode(&q, out);
	ck_assert_uint_gt(len, ATTRLIST_VALUE_MAX);
	ck_assert_int_eq(attrlist_decode(out, len, &list, &used), DECODED_OK);
	ck_assert_uint_eq(used, len);
	q.recipient_len = ATTRLIST_VALUE_MAX + 1;
	ck_assert_uint_eq(question_encode(&q, out), 0);

	q = plain;
	memset(longer, 's', sizeof(longer) - 1);
	longer[QUESTION_VALUE_MAX] = '\0';
	q.sender = longer;
	question_encode(&q, out);
	ck_assert(strstr(out, "\nsender=sss") != NULL);
	longer[QUESTION_VALUE_MAX] = 's';
	question_encode(&q, out);
	ck_assert(strstr(out, "\nsender=") == NULL);
}
END_TEST

// Decodes a reply that stands in a block of just its size.
static bool
decode(const char *text, struct question_reply *out)
{
	struct attrlist list;
	size_t used, len = strlen(text);
	char *copy = exact_copy(text, len);
	ck_assert_msg(
	    attrlist_decode(copy, len, &list, &used) == DECODED_OK, "%s", text);
	bool good = question_decode_reply(&list, out);
	free(copy);
	return good;
}

START_TEST(test_question_decode_reply)
{
	static const char tail[] = "\nroute=relay\nvia=us1\nreason=rule:x\n\n";
	static const struct {
		const char *action;
		enum question_action want;
		const char *code, *text;
	} rows[] = {
	    {"DUNNO", QUESTION_ACCEPT, "", ""},
	    {"DUNNO 4.4.1 nothing", QUESTION_ACCEPT, "", ""},
	    {"DEFER 4.4.1 no way", QUESTION_DEFER, "4.4.1", "no way"},
	    {"DEFER 4.7.1 no way", QUESTION_DEFER, "4.7.1", "no way"},
	    {"REJECT 5.7.1 go away", QUESTION_REJECT, "5.7.1", "go away"},
	    // Codes that are none, or of another class.
	    {"REJECT 4.7.1 x", QUESTION_REJECT, "5.7.1", "4.7.1 x"},
	    {"DEFER 5.7.1 x", QUESTION_DEFER, "4.4.1", "5.7.1 x"},
	    {"REJECT 5.71 x", QUESTION_REJECT, "5.7.1", "5.71 x"},
	    {"REJECT 5.7.1", QUESTION_REJECT, "5.7.1", "5.7.1"},
	    {"REJECT 5.7.1 ", QUESTION_REJECT, "5.7.1", ""},
	    {"REJECT", QUESTION_REJECT, "5.7.1", ""},
	    {"DEFER ", QUESTION_DEFER, "4.4.1", ""},
	    // What libmilter or SMTP would make something else of.
	    {"REJECT 5.7.1 100%s\r\x01\xff", QUESTION_REJECT, "5.7.1",
		"100?s???"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[256];
		struct question_reply r;
		snprintf(
		    text, sizeof(text), "action=%s%s", rows[i].action, tail);
		ck_assert_msg(decode(text, &r), "row %zu", i);
		ck_assert_msg(r.action == rows[i].want, "row %zu", i);
		ck_assert_msg(strcmp(r.code, rows[i].code) == 0, "row %zu: %s",
		    i, r.code);
		ck_assert_msg(strcmp(r.text, rows[i].text) == 0, "row %zu: %s",
		    i, r.text);
		ck_assert_str_eq(r.route, "relay");
		ck_assert_str_eq(r.via, "us1");
		ck_assert_str_eq(r.reason, "rule:x");
	}
}
END_TEST

START_TEST(test_question_decode_knows_every_route)
{
	static const char *const routes[] = {
	    "direct", "steer", "rescue", "relay", "hold"};
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		char text[256];
		struct question_reply r;
		snprintf(text, sizeof(text),
		    "action=DUNNO\nroute=%s\nvia=\nreason=no-relay\n\n",
		    routes[i]);
		ck_assert_msg(decode(text, &r), "%s", routes[i]);
		ck_assert_str_eq(r.route, routes[i]);
		ck_assert_str_eq(r.via, "");
	}
}
END_TEST

// What is shown in log lines and headers is printable, and one word.
START_TEST(test_question_decode_makes_words_printable)
{
	struct question_reply r;
	ck_assert(decode("action=DUNNO\nroute=relay\nvia=us\r1\n"
			 "reason=rule:my rule=\xc3\xa9\n\n",
	    &r));
	ck_assert_str_eq(r.via, "us?1");
	ck_assert_str_eq(r.reason, "rule:my_rule=??");
}
END_TEST

START_TEST(test_question_decode_refuses_what_is_no_reply_of_ours)
{
	static const char *const rows[] = {
	    "action=DUNNO\n\n", // to a request that the daemon does not know
	    "route=direct\nvia=\nreason=x\n\n",
	    "action=\nroute=direct\nvia=\nreason=x\n\n",
	    "action=PREPEND X: y\nroute=direct\nvia=\nreason=x\n\n",
	    "action=dunno\nroute=direct\nvia=\nreason=x\n\n",
	    "action=DUNNOX\nroute=direct\nvia=\nreason=x\n\n",
	    "action=DUNNO\nroute=\nvia=\nreason=x\n\n",
	    "action=DUNNO\nroute=sideways\nvia=\nreason=x\n\n",
	    "action=DUNNO\nroute=directdirectdirect\nvia=\nreason=x\n\n",
	    "action=DUNNO\nvia=\nreason=x\n\n",
	    "action=DUNNO\nroute=direct\nreason=x\n\n",
	    "action=DUNNO\nroute=direct\nvia=\n\n",
	    "action=DUNNO\nroute=direct\nvia=\nreason=\n\n",
	};
	struct question_reply r;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		ck_assert_msg(!decode(rows[i], &r), "row %zu", i);
}
END_TEST

START_TEST(test_question_decode_limits)
{
	char value[300], text[1024];
	struct question_reply r;
	for (int len = 120; len <= 260; len++) {
		memset(value, 'x', sizeof(value));
		value[len] = '\0';
		snprintf(text, sizeof(text),
		    "action=DUNNO\nroute=relay\nvia=us1\nreason=%s\n\n", value);
		ck_assert_int_eq(decode(text, &r), len < QUESTION_WORD_MAX);
		// A relay may be called by its host's name.
		snprintf(text, sizeof(text),
		    "action=DUNNO\nroute=relay\nvia=%s\nreason=x\n\n", value);
		ck_assert_int_eq(decode(text, &r), len <= DNAME_MAX);
		snprintf(text, sizeof(text),
		    "action=REJECT 5.7.1 %s\nroute=relay\nvia=\nreason=x\n\n",
		    value);
		ck_assert(decode(text, &r));
		size_t cut = len < QUESTION_TEXT_MAX ? (size_t)len
						     : QUESTION_TEXT_MAX - 1;
		ck_assert_uint_eq(strlen(r.text), cut);
	}
}
END_TEST

static Suite *
question_suite(void)
{
	Suite *s = suite_create("question");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_question_encode);
	tcase_add_test(tc, test_question_encode_says_what_was_rewritten);
	tcase_add_test(tc, test_question_reply_says_the_mode);
	tcase_add_test(tc, test_question_encode_leaves_out_what_is_empty);
	tcase_add_test(tc, test_question_encode_sends_no_foreign_attribute);
	tcase_add_test(tc, test_question_encode_limits);
	tcase_add_test(tc, test_question_decode_reply);
	tcase_add_test(tc, test_question_decode_knows_every_route);
	tcase_add_test(tc, test_question_decode_makes_words_printable);
	tcase_add_test(
	    tc, test_question_decode_refuses_what_is_no_reply_of_ours);
	tcase_add_test(tc, test_question_decode_limits);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(question_suite());
}
