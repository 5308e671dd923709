// SPDX-License-Identifier: MIT
// Tests of proto/smtpreply: greetings, EHLO replies, and what is none.
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "proto/smtpreply.h"

#include "unit/exact.h"
#include "unit/unit.h"

// From the reply's start.
static enum decoded
decode(const char *data, size_t len, struct smtpreply *r, size_t *used)
{
	char *copy = exact_copy(data, len);
	*r = (struct smtpreply){0};
	enum decoded got = smtpreply_decode(r, copy, len, used);
	free(copy);
	return got;
}

// As a socket brings it: `step` bytes at once, what was used is dropped.
static enum decoded
feed(const char *data, size_t len, size_t step, struct smtpreply *r,
    size_t *used_out)
{
	enum decoded got = DECODED_NEED_MORE;
	size_t at = 0, end = 0;
	*r = (struct smtpreply){0};
	while (got == DECODED_NEED_MORE && end < len) {
		end = len - end < step ? len : end + step;
		char *copy = exact_copy(data + at, end - at);
		size_t used = 0;
		got = smtpreply_decode(r, copy, end - at, &used);
		free(copy);
		at += used;
		ck_assert(
		    got != DECODED_NEED_MORE || end - at < SMTPREPLY_LINE_MAX);
	}
	*used_out = at;
	return got;
}

static const struct {
	const char *data;
	enum decoded want;
	int code;
	const char *text;
	bool starttls;
	size_t used;
} rows[] = {
    {"220 mx.test ESMTP\r\n", DECODED_OK, 220, "mx.test ESMTP", false, 19},
    {"220 mx.test ESMTP\n", DECODED_OK, 220, "mx.test ESMTP", false, 18},
    {"220\r\n", DECODED_OK, 220, "", false, 5},
    {"220\n", DECODED_OK, 220, "", false, 4},
    {"220 \r\n", DECODED_OK, 220, "", false, 6},
    {"221 a\r\n220 b\r\n", DECODED_OK, 221, "a", false, 7},
    {"220-wait\r\n220 go\r\n", DECODED_OK, 220, "go", false, 18},
    {"220-wait\n220\n", DECODED_OK, 220, "", false, 13},
    {"220-\r\n220-\r\n220 x\r\n", DECODED_OK, 220, "x", false, 19},
    {"250-mx\r\n250-SIZE 1\r\n250 STARTTLS\r\n", DECODED_OK, 250, "STARTTLS",
	true, 34},
    {"250-mx\r\n250-StartTLS\r\n250 HELP\r\n", DECODED_OK, 250, "HELP", true,
	32},
    {"250-mx\n250-starttls\n250 HELP\n", DECODED_OK, 250, "HELP", true, 29},
    {"250-mx\r\n250-STARTTLS x\r\n250 HELP\r\n", DECODED_OK, 250, "HELP", true,
	34},
    // Its own name is no keyword, nor is what only begins or ends like one.
    {"250-STARTTLS\r\n250 HELP\r\n", DECODED_OK, 250, "HELP", false, 24},
    {"250 STARTTLS\r\n", DECODED_OK, 250, "STARTTLS", false, 14},
    {"250-mx\r\n250-STARTTLSX\r\n250 HELP\r\n", DECODED_OK, 250, "HELP", false,
	33},
    {"250-mx\r\n250-XSTARTTLS\r\n250 HELP\r\n", DECODED_OK, 250, "HELP", false,
	33},
    {"250-mx\r\n250-STARTTL\r\n250 S\r\n", DECODED_OK, 250, "S", false, 28},
    {"250-mx\r\n250- STARTTLS\r\n250 S\r\n", DECODED_OK, 250, "S", false, 30},
    {"554 no\r\n", DECODED_OK, 554, "no", false, 8},
    {"200 x\r\n", DECODED_OK, 200, "x", false, 7},
    {"599 x\r\n", DECODED_OK, 599, "x", false, 7},
    {"220 a\rb\r\n", DECODED_OK, 220, "a\rb", false, 9},
    {"220 \xff\x01\r\n", DECODED_OK, 220, "\xff\x01", false, 8},
    // Any code: what it means is not the decoder's matter.
    {"000 x\r\n", DECODED_OK, 0, "x", false, 7},
    {"199 x\r\n", DECODED_OK, 199, "x", false, 7},
    {"600 x\r\n", DECODED_OK, 600, "x", false, 7},
    {"999\r\n", DECODED_OK, 999, "", false, 5},
    {"", DECODED_NEED_MORE, 0, "", false, 0},
    {"2", DECODED_NEED_MORE, 0, "", false, 0},
    {"220", DECODED_NEED_MORE, 0, "", false, 0},
    {"220\r", DECODED_NEED_MORE, 0, "", false, 0},
    {"220 mx.test", DECODED_NEED_MORE, 0, "", false, 0},
    {"220 mx.test\r", DECODED_NEED_MORE, 0, "", false, 0},
    {"220-wait\r\n", DECODED_NEED_MORE, 220, "wait", false, 10},
    {"220-wait\r\n22", DECODED_NEED_MORE, 220, "wait", false, 10},
    // What an MTA delivers to all the same.
    {"220\r\r\n", DECODED_OK, 220, "", false, 6},
    {"220 a\r\r\n", DECODED_OK, 220, "a", false, 8},
    {"220\r\r", DECODED_NEED_MORE, 0, "", false, 0},
    {"220-a\r\n221 b\r\n", DECODED_OK, 221, "b", false, 14},
    {"554-a\r\n220 b\r\n", DECODED_OK, 220, "b", false, 14},
    {"250-a\r\n251-STARTTLS\r\n250 b\r\n", DECODED_OK, 250, "b", true, 28},
    {"220-a\r\n  b\r\n220 c\r\n", DECODED_OK, 220, "c", false, 19},
    {"250-a\r\n\r\n250 c\r\n", DECODED_OK, 250, "c", false, 16},
    {"220-a\r\n220\tb\r\n554 c\r\n", DECODED_OK, 554, "c", false, 21},
    {"220-a\r\n3", DECODED_NEED_MORE, 220, "a", false, 7},
    {"220-a\r\nb\r\n", DECODED_NEED_MORE, 220, "a", false, 10},
    {"220-a\r\n\r\n", DECODED_NEED_MORE, 220, "a", false, 9},
    // What has no code is passed over; its first text is kept meanwhile.
    {"\r\n220 a\r\n", DECODED_OK, 220, "a", false, 9},
    {"\n\n \n220 a\n", DECODED_OK, 220, "a", false, 10},
    {"hello\r\n220 a\r\n", DECODED_OK, 220, "a", false, 14},
    {"x\r\n250-mx\r\n250-STARTTLS\r\n250 a\r\n", DECODED_OK, 250, "a", true,
	32},
    {"STARTTLS\r\n250 a\r\n", DECODED_OK, 250, "a", false, 17},
    {"\xef\xbb\xbf"
     "220 a\r\n220 b\r\n",
	DECODED_OK, 220, "b", false, 17},
    {"\r\n", DECODED_NEED_MORE, 0, "", false, 2},
    {"\n", DECODED_NEED_MORE, 0, "", false, 1},
    {" \t\r\n", DECODED_NEED_MORE, 0, "", false, 4},
    {"\r", DECODED_NEED_MORE, 0, "", false, 0},
    {"H", DECODED_NEED_MORE, 0, "", false, 0},
    {"\r\nHTTP/1.1 400 Bad Request\r\nServer: x\r\n", DECODED_NEED_MORE, 0,
	"HTTP/1.1 400 Bad Request", false, 39},
    {"SSH-2.0-OpenSSH_9.2\r\n", DECODED_NEED_MORE, 0, "SSH-2.0-OpenSSH_9.2",
	false, 21},
    {"\x15\x03\x01\n", DECODED_NEED_MORE, 0, "\x15\x03\x01", false, 4},
    {"22\r\n", DECODED_NEED_MORE, 0, "22", false, 4},
    {"22a x\r\n", DECODED_NEED_MORE, 0, "22a x", false, 7},
    {"2200 x\r\n", DECODED_NEED_MORE, 0, "2200 x", false, 8},
    {"220x\r\n", DECODED_NEED_MORE, 0, "220x", false, 6},
    {"220\tx\r\n", DECODED_NEED_MORE, 0, "220\tx", false, 7},
    {"220+x\r\n", DECODED_NEED_MORE, 0, "220+x", false, 7},
    {" 220 x\r\n", DECODED_NEED_MORE, 0, " 220 x", false, 8},
    {"\r220 x\r\n", DECODED_NEED_MORE, 0, "\r220 x", false, 8},
    {"220\rx\r\n", DECODED_NEED_MORE, 0, "220\rx", false, 7},
    {"220\r\rx\r\n", DECODED_NEED_MORE, 0, "220\r\rx", false, 8},
};

START_TEST(test_smtpreply_decode)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct smtpreply r = {0};
		size_t used = 0;
		enum decoded got = decode(
		    rows[i].data, strlen(rows[i].data), &r, &used);
		ck_assert_msg(got == rows[i].want, "row %zu: %d", i, (int)got);
		ck_assert_msg(r.code == rows[i].code, "row %zu: %d", i, r.code);
		ck_assert_msg(strcmp(r.text, rows[i].text) == 0, "row %zu: %s",
		    i, r.text);
		ck_assert_msg(r.starttls == rows[i].starttls, "row %zu", i);
		ck_assert_msg(used == rows[i].used, "row %zu: %zu", i, used);
	}
}
END_TEST

// However a reply is split, its beginning is no whole reply, and it says the
// same in the end.
START_TEST(test_smtpreply_split_anywhere)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = strlen(rows[i].data);
		struct smtpreply r;
		size_t used;
		if (rows[i].want == DECODED_OK)
			len = rows[i].used;
		for (size_t n = 0; n < len; n++)
			ck_assert_msg(decode(rows[i].data, n, &r, &used) ==
					  DECODED_NEED_MORE,
			    "row %zu: %zu", i, n);
		for (size_t step = 1; step <= len; step++) {
			enum decoded got = feed(
			    rows[i].data, len, step, &r, &used);
			ck_assert_msg(got == rows[i].want, "row %zu", i);
			ck_assert_msg(r.code == rows[i].code, "row %zu", i);
			ck_assert_msg(
			    r.starttls == rows[i].starttls, "row %zu", i);
			ck_assert_msg(
			    strcmp(r.text, rows[i].text) == 0, "row %zu", i);
			ck_assert_msg(used == rows[i].used, "row %zu", i);
		}
	}
}
END_TEST

// A line ends at its NUL, whatever follows.
START_TEST(test_smtpreply_line_ends_at_nul)
{
	static const struct {
		const char *data;
		size_t len;
		enum decoded want;
		const char *text;
	} nul[] = {
	    {"220 a\0b\r\n", 9, DECODED_OK, "a"},
	    {"220\0 x\r\n", 8, DECODED_OK, ""},
	    {"220\0-x\r\n", 8, DECODED_OK, ""},
	    {"220-\0\r\n220 b\r\n", 14, DECODED_OK, "b"},
	    {"\0\r\n220 b\r\n", 10, DECODED_OK, "b"},
	    {"22\0"
	     "0 x\r\n",
		8, DECODED_NEED_MORE, "22"},
	    {"\0"
	     "220 x\r\n",
		8, DECODED_NEED_MORE, ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(nul); i++) {
		struct smtpreply r;
		size_t used;
		ck_assert_msg(
		    decode(nul[i].data, nul[i].len, &r, &used) == nul[i].want,
		    "row %zu", i);
		ck_assert_msg(strcmp(r.text, nul[i].text) == 0, "row %zu", i);
		ck_assert_msg(used == nul[i].len, "row %zu: %zu", i, used);
	}
}
END_TEST

START_TEST(test_smtpreply_text_is_cut)
{
	char data[300] = "220 ";
	memset(data + 4, 'x', 200);
	memcpy(data + 204, "\r\n", 3);
	struct smtpreply r;
	size_t used;
	ck_assert_int_eq(decode(data, 206, &r, &used), DECODED_OK);
	ck_assert_uint_eq(strlen(r.text), SMTPREPLY_TEXT_MAX);
	ck_assert_uint_eq(used, 206);
}
END_TEST

// Of a long line the beginning is looked at, and nothing need be kept.
START_TEST(test_smtpreply_line_of_any_length)
{
	static char data[SMTPREPLY_MAX + 1] = "220 ";
	static const size_t steps[] = {1000, SMTPREPLY_MAX};
	struct smtpreply r;
	size_t used;
	memset(data + 4, 'x', sizeof(data) - 4);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		size_t step = steps[i];
		data[SMTPREPLY_MAX - 1] = 'x';
		data[SMTPREPLY_MAX] = '\n';
		ck_assert_int_eq(feed(data, SMTPREPLY_MAX, step, &r, &used),
		    DECODED_NEED_MORE);
		ck_assert_int_eq(feed(data, SMTPREPLY_MAX + 1, step, &r, &used),
		    DECODED_BAD);
		data[SMTPREPLY_MAX - 1] = '\n';
		ck_assert_int_eq(
		    feed(data, SMTPREPLY_MAX, step, &r, &used), DECODED_OK);
		ck_assert_uint_eq(used, SMTPREPLY_MAX);
		ck_assert_int_eq(r.code, 220);
	}
}
END_TEST

// smtp(8) looks at no more of a line than this, nor does it look for "\r" at
// the end of what it cut.
START_TEST(test_smtpreply_line_is_cut_as_by_postfix)
{
	char data[SMTPREPLY_LINE_MAX + 9];
	struct smtpreply r;
	size_t used;
	memset(data, '\r', sizeof(data));
	memcpy(data, "220", 3);
	data[SMTPREPLY_LINE_MAX - 1] = '\n';
	ck_assert_int_eq(
	    decode(data, SMTPREPLY_LINE_MAX, &r, &used), DECODED_OK);
	data[SMTPREPLY_LINE_MAX - 1] = '\r';
	data[SMTPREPLY_LINE_MAX] = '\n';
	ck_assert_int_eq(
	    decode(data, SMTPREPLY_LINE_MAX + 1, &r, &used), DECODED_NEED_MORE);
	ck_assert(!r.coded);
	// A code behind the cut is none.
	memset(data, 'x', sizeof(data));
	memcpy(data + SMTPREPLY_LINE_MAX, "220 a\r\n", 7);
	ck_assert_int_eq(
	    decode(data, SMTPREPLY_LINE_MAX + 7, &r, &used), DECODED_NEED_MORE);
	ck_assert(!r.coded);
	ck_assert_uint_eq(used, SMTPREPLY_LINE_MAX + 7);
}
END_TEST

// A reply that never ends: by its lines, or by its bytes.
START_TEST(test_smtpreply_endless_is_bad)
{
	static char data[4 * (SMTPREPLY_LINES_MAX + 1)];
	struct smtpreply r;
	size_t used;
	for (size_t i = 0; i <= SMTPREPLY_LINES_MAX; i++)
		memcpy(data + 4 * i, "ab\r\n", 4);
	size_t most = 4 * SMTPREPLY_LINES_MAX;
	ck_assert_int_eq(decode(data, most, &r, &used), DECODED_NEED_MORE);
	ck_assert_int_eq(decode(data, most + 4, &r, &used), DECODED_BAD);
	ck_assert(!r.coded);
	ck_assert_str_eq(r.text, "ab");
	memcpy(data + most - 4, "220\n", 4);
	ck_assert_int_eq(decode(data, most + 4, &r, &used), DECODED_OK);
	ck_assert_uint_eq(used, most);
}
END_TEST

START_TEST(test_smtpreply_whole_is_limited)
{
	static char data[SMTPREPLY_MAX + 2048];
	struct smtpreply r;
	size_t used;
	memset(data, 'x', sizeof(data));
	for (size_t i = 0; i < sizeof(data); i += 1024) {
		memcpy(data + i, "250-", 4);
		data[i + 1023] = '\n';
	}
	ck_assert_int_eq(
	    decode(data, SMTPREPLY_MAX, &r, &used), DECODED_NEED_MORE);
	ck_assert_int_eq(
	    decode(data, SMTPREPLY_MAX + 1024, &r, &used), DECODED_BAD);
	ck_assert(r.coded);
	data[SMTPREPLY_MAX - 1024 + 3] = ' ';
	ck_assert_int_eq(decode(data, SMTPREPLY_MAX, &r, &used), DECODED_OK);
	ck_assert_int_eq(decode(data, sizeof(data), &r, &used), DECODED_OK);
	// The same one line later.
	data[SMTPREPLY_MAX - 1024 + 3] = '-';
	data[SMTPREPLY_MAX + 3] = ' ';
	ck_assert_int_eq(decode(data, sizeof(data), &r, &used), DECODED_BAD);
}
END_TEST

// It ends, and what it said is no mail server's for sure.
START_TEST(test_smtpreply_is_foreign)
{
	static const struct {
		const char *data;
		bool want;
		const char *text;
	} ends[] = {
	    {"HTTP/1.1 400 Bad Request\r\n\r\n", true,
		"HTTP/1.1 400 Bad Request"},
	    {"SSH-2.0-x\r\n", true, "SSH-2.0-x"},
	    {"+OK ", true, "+OK "},
	    {"\r\n+OK", true, "+OK"},
	    {"22x", true, "22x"},
	    {"2200", true, "2200"},
	    {"220\tx", true, "220\tx"},
	    {"\x15\x03\x01", true, "\x15\x03\x01"},
	    // Nothing, or the beginning of a code.
	    {"", false, ""},
	    {"\r\n\r\n", false, ""},
	    {"\r\n \r", false, ""},
	    {"2", false, ""},
	    {"220", false, ""},
	    {"220\r", false, ""},
	    {"220 mx", false, ""},
	    {"\r\n220-", false, ""},
	    // It has had one.
	    {"220-a\r\n", false, "a"},
	    {"x\r\n220-a\r\ny", false, "a"},
	};
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		size_t len = strlen(ends[i].data), used = 0;
		struct smtpreply r;
		ck_assert_msg(
		    decode(ends[i].data, len, &r, &used) == DECODED_NEED_MORE,
		    "row %zu", i);
		char *rest = exact_copy(ends[i].data + used, len - used);
		ck_assert_msg(
		    smtpreply_is_foreign(&r, rest, len - used) == ends[i].want,
		    "row %zu", i);
		free(rest);
		ck_assert_msg(
		    !ends[i].want || strcmp(r.text, ends[i].text) == 0,
		    "row %zu: \"%s\"", i, r.text);
	}
}
END_TEST

static Suite *
smtpreply_suite(void)
{
	Suite *s = suite_create("smtpreply");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_smtpreply_decode);
	tcase_add_test(tc, test_smtpreply_split_anywhere);
	tcase_add_test(tc, test_smtpreply_line_ends_at_nul);
	tcase_add_test(tc, test_smtpreply_text_is_cut);
	tcase_add_test(tc, test_smtpreply_line_of_any_length);
	tcase_add_test(tc, test_smtpreply_line_is_cut_as_by_postfix);
	tcase_add_test(tc, test_smtpreply_endless_is_bad);
	tcase_add_test(tc, test_smtpreply_whole_is_limited);
	tcase_add_test(tc, test_smtpreply_is_foreign);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(smtpreply_suite());
}
