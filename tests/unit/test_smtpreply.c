// SPDX-License-Identifier: MIT
// Tests of proto/smtpreply: greetings, EHLO replies, and servers that are none.
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "proto/smtpreply.h"

#include "unit/exact.h"
#include "unit/unit.h"

static enum decoded
decode(const char *data, size_t len, struct smtpreply *r, size_t *used)
{
	char *copy = exact_copy(data, len);
	enum decoded got = smtpreply_decode(copy, len, r, used);
	free(copy);
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
    {"", DECODED_NEED_MORE, 0, "", false, 0},
    {"2", DECODED_NEED_MORE, 0, "", false, 0},
    {"220", DECODED_NEED_MORE, 0, "", false, 0},
    {"220\r", DECODED_NEED_MORE, 0, "", false, 0},
    {"220 mx.test", DECODED_NEED_MORE, 0, "", false, 0},
    {"220 mx.test\r", DECODED_NEED_MORE, 0, "", false, 0},
    {"220-wait\r\n", DECODED_NEED_MORE, 0, "", false, 0},
    {"220-wait\r\n22", DECODED_NEED_MORE, 0, "", false, 0},
    {"\r\n", DECODED_BAD, 0, "", false, 0},
    {"\n", DECODED_BAD, 0, "", false, 0},
    {"\r", DECODED_BAD, 0, "", false, 0},
    {" ", DECODED_BAD, 0, "", false, 0},
    {"H", DECODED_BAD, 0, "", false, 0},
    {"HTTP/1.1 400 Bad Request\r\n", DECODED_BAD, 0, "", false, 0},
    {"SSH-2.0-OpenSSH_9.2\r\n", DECODED_BAD, 0, "", false, 0},
    {"* OK IMAP4rev1\r\n", DECODED_BAD, 0, "", false, 0},
    {"\x15\x03\x01", DECODED_BAD, 0, "", false, 0},
    {"1", DECODED_BAD, 0, "", false, 0},
    {"6", DECODED_BAD, 0, "", false, 0},
    {"199 x\r\n", DECODED_BAD, 0, "", false, 0},
    {"600 x\r\n", DECODED_BAD, 0, "", false, 0},
    {"2a", DECODED_BAD, 0, "", false, 0},
    {"22a", DECODED_BAD, 0, "", false, 0},
    {"22\r\n", DECODED_BAD, 0, "", false, 0},
    {"22\n", DECODED_BAD, 0, "", false, 0},
    {"2200", DECODED_BAD, 0, "", false, 0},
    {"220x\r\n", DECODED_BAD, 0, "", false, 0},
    {"220\tx\r\n", DECODED_BAD, 0, "", false, 0},
    {"220\rx", DECODED_BAD, 0, "", false, 0},
    {"220\r\rx\r\n", DECODED_BAD, 0, "", false, 0},
    // What an MTA delivers to all the same.
    {"220\r\r\n", DECODED_OK, 220, "", false, 6},
    {"220 a\r\r\n", DECODED_OK, 220, "a", false, 8},
    {"220\r\r", DECODED_NEED_MORE, 0, "", false, 0},
    {"220-a\r\n221 b\r\n", DECODED_OK, 221, "b", false, 14},
    {"250-a\r\n251-STARTTLS\r\n250 b\r\n", DECODED_OK, 250, "b", true, 28},
    {"220-a\r\n  b\r\n220 c\r\n", DECODED_OK, 220, "c", false, 19},
    {"250-a\r\n\r\n250 c\r\n", DECODED_OK, 250, "c", false, 16},
    {"220-a\r\n220\tb\r\n554 c\r\n", DECODED_OK, 554, "c", false, 21},
    {"220-a\r\n3", DECODED_NEED_MORE, 0, "", false, 0},
    {"220-a\r\n21", DECODED_NEED_MORE, 0, "", false, 0},
    {"220-a\r\nb\r\n", DECODED_NEED_MORE, 0, "", false, 0},
    {"220-a\r\n\r\n", DECODED_NEED_MORE, 0, "", false, 0},
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

// However a reply is split, its beginning is no whole reply, and a beginning
// that is refused is the beginning of none.
START_TEST(test_smtpreply_split_anywhere)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = strlen(rows[i].data);
		bool bad = false;
		struct smtpreply r;
		size_t used;
		if (rows[i].want == DECODED_OK)
			len = rows[i].used;
		for (size_t n = 0; n < len; n++) {
			enum decoded got = decode(rows[i].data, n, &r, &used);
			ck_assert_msg(got != DECODED_OK, "row %zu: %zu", i, n);
			ck_assert_msg(!bad || got == DECODED_BAD,
			    "row %zu: good again at %zu", i, n);
			bad = got == DECODED_BAD;
		}
		ck_assert_msg(
		    !bad || rows[i].want == DECODED_BAD, "row %zu", i);
	}
}
END_TEST

START_TEST(test_smtpreply_nul_is_bad)
{
	struct smtpreply r;
	size_t used;
	ck_assert_int_eq(decode("220 a\0b\r\n", 9, &r, &used), DECODED_BAD);
	ck_assert_int_eq(decode("220 a\0", 6, &r, &used), DECODED_BAD);
	ck_assert_int_eq(decode("\0", 1, &r, &used), DECODED_BAD);
	ck_assert_int_eq(decode("220\0\r\n", 6, &r, &used), DECODED_BAD);
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

START_TEST(test_smtpreply_line_of_any_length)
{
	static char data[SMTPREPLY_MAX + 1] = "220 ";
	struct smtpreply r;
	size_t used;
	memset(data + 4, 'x', sizeof(data) - 4);
	ck_assert_int_eq(
	    decode(data, SMTPREPLY_MAX - 1, &r, &used), DECODED_NEED_MORE);
	ck_assert_int_eq(decode(data, SMTPREPLY_MAX, &r, &used), DECODED_BAD);
	data[SMTPREPLY_MAX] = '\n';
	ck_assert_int_eq(
	    decode(data, SMTPREPLY_MAX + 1, &r, &used), DECODED_BAD);
	data[SMTPREPLY_MAX - 1] = '\n';
	ck_assert_int_eq(decode(data, SMTPREPLY_MAX, &r, &used), DECODED_OK);
	ck_assert_uint_eq(used, SMTPREPLY_MAX);
}
END_TEST

START_TEST(test_smtpreply_endless_lines_are_bad)
{
	static char data[8 * (SMTPREPLY_LINES_MAX + 1)];
	struct smtpreply r;
	size_t used;
	for (size_t i = 0; i <= SMTPREPLY_LINES_MAX; i++)
		memcpy(data + 8 * i, "250-abc\n", 8);
	size_t most = 8 * SMTPREPLY_LINES_MAX;
	ck_assert_int_eq(decode(data, most - 8, &r, &used), DECODED_NEED_MORE);
	// The last line that may come goes on: no reply any more.
	ck_assert_int_eq(decode(data, most, &r, &used), DECODED_BAD);
	ck_assert_int_eq(decode(data, most + 8, &r, &used), DECODED_BAD);
	memcpy(data + most - 8, "250 abc\n", 8);
	ck_assert_int_eq(decode(data, most, &r, &used), DECODED_OK);
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
	    decode(data, SMTPREPLY_MAX - 1, &r, &used), DECODED_NEED_MORE);
	ck_assert_int_eq(decode(data, SMTPREPLY_MAX, &r, &used), DECODED_BAD);
	data[SMTPREPLY_MAX - 1024 + 3] = ' ';
	ck_assert_int_eq(decode(data, SMTPREPLY_MAX, &r, &used), DECODED_OK);
	ck_assert_int_eq(decode(data, sizeof(data), &r, &used), DECODED_OK);
	// The same one line later.
	data[SMTPREPLY_MAX - 1024 + 3] = '-';
	data[SMTPREPLY_MAX + 3] = ' ';
	ck_assert_int_eq(decode(data, sizeof(data), &r, &used), DECODED_BAD);
}
END_TEST

static Suite *
smtpreply_suite(void)
{
	Suite *s = suite_create("smtpreply");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_smtpreply_decode);
	tcase_add_test(tc, test_smtpreply_split_anywhere);
	tcase_add_test(tc, test_smtpreply_nul_is_bad);
	tcase_add_test(tc, test_smtpreply_text_is_cut);
	tcase_add_test(tc, test_smtpreply_line_of_any_length);
	tcase_add_test(tc, test_smtpreply_endless_lines_are_bad);
	tcase_add_test(tc, test_smtpreply_whole_is_limited);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(smtpreply_suite());
}
