// SPDX-License-Identifier: MIT
// Tests of base/dname: what a name is, how it is folded, what a pattern meets.
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/dname.h"

#include "unit/exact.h"
#include "unit/unit.h"

#define L10 "0123456789"
#define L63 L10 L10 L10 L10 L10 L10 "abc"
#define L61 L10 L10 L10 L10 L10 L10 "a"

typedef int fold_fn(const char *src, size_t len, char out[DNAME_SIZE]);

// Folds a copy of just its size; "" in `out` for no name.
static int
fold_by(fold_fn *fn, const char *src, size_t len, char out[DNAME_SIZE])
{
	char *copy = exact_copy(src, len);
	int n = fn(copy, len, out);
	free(copy);
	return n;
}

static int
fold(const char *src, size_t len, char out[DNAME_SIZE])
{
	return fold_by(dname_fold, src, len, out);
}

struct fold_row {
	const char *src, *want; // NULL: no name
};

static void
check_folds(fold_fn *fn, const struct fold_row *rows, size_t n_rows)
{
	for (size_t i = 0; i < n_rows; i++) {
		char out[DNAME_SIZE] = "junk";
		int n = fold_by(fn, rows[i].src, strlen(rows[i].src), out);
		const char *want = rows[i].want;
		ck_assert_msg(n == (want != NULL ? (int)strlen(want) : -1),
		    "row %zu: %d", i, n);
		ck_assert_msg(strcmp(out, want != NULL ? want : "") == 0,
		    "row %zu: %s", i, out);
	}
}

START_TEST(test_dname_fold_ascii)
{
	static const struct fold_row rows[] = {
	    {"example.com", "example.com"},
	    {"EXAMPLE.Com", "example.com"},
	    {"example.com.", "example.com"},
	    {"a.b", "a.b"},
	    {"r3---sn.example.com", "r3---sn.example.com"},
	    {"xn--fiqs8s.XN--FIQS8S", "xn--fiqs8s.xn--fiqs8s"},
	    {"_mta-sts.example.com", "_mta-sts.example.com"},
	    {"163.com", "163.com"},
	    {"1.2.3.com", "1.2.3.com"},
	    {"1.2.3.4a", "1.2.3.4a"},
	    {"abcdefghijklmnopqrstuvwxyz-0123456789_x."
	     "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
		"abcdefghijklmnopqrstuvwxyz-0123456789_x."
		"abcdefghijklmnopqrstuvwxyz"},
	    {L63 "." L63, L63 "." L63},
	    {L63 "." L63 "." L63 "." L61, L63 "." L63 "." L63 "." L61},
	    {L63 "." L63 "." L63 "." L61 ".", L63 "." L63 "." L63 "." L61},
	    {L63 "." L63 "." L63 "." L61 "a", NULL},
	    {L63 "." L63 "." L63 "." L61 "a.", NULL},
	    {L63 "a." L63, NULL},
	    {"a." L63 "a", NULL},
	    {"", NULL},
	    {".", NULL},
	    {"..", NULL},
	    {"com", NULL},
	    {"com.", NULL},
	    {".com", NULL},
	    {"example.com..", NULL},
	    {"example..com", NULL},
	    {".example.com", NULL},
	    {"-example.com", NULL},
	    {"example-.com", NULL},
	    {"example.-com", NULL},
	    {"example.com-", NULL},
	    {"a.-", NULL},
	    {"192.0.2.1", NULL},
	    {"example.123", NULL},
	    {"example.123.", NULL},
	    {"[192.0.2.1]", NULL},
	    {"[IPv6:2001:db8::1]", NULL},
	    {"example .com", NULL},
	    {" example.com", NULL},
	    {"example.com ", NULL},
	    {"example.com\n", NULL},
	    {"a@example.com", NULL},
	    {"example.com:25", NULL},
	    {"exa*mple.com", NULL},
	    {"*.example.com", NULL},
	    {"example,com", NULL},
	    {"example\\.com", NULL},
	    {"exa\x7fmple.com", NULL},
	};
	check_folds(dname_fold, rows, ARRAY_LEN(rows));
}
END_TEST

START_TEST(test_dname_fold_idna)
{
	static const struct fold_row rows[] = {
	    {"例子.中国", "xn--fsqu00a.xn--fiqs8s"},
	    {"例子.中国.", "xn--fsqu00a.xn--fiqs8s"},
	    {"EXÄMPLE.com", "xn--exmple-cua.com"},
	    // Decomposed: a plus COMBINING DIAERESIS.
	    {"exa\xcc\x88mple.com", "xn--exmple-cua.com"},
	    // Non-transitional: sharp s and joiners are letters of their own.
	    {"straße.de", "xn--strae-oqa.de"},
	    {"xn--fiqs8s.例子", "xn--fiqs8s.xn--fsqu00a"},
	    {"XN--FIQS8S.例子", "xn--fiqs8s.xn--fsqu00a"},
	    {"_dmarc.例子.com", "_dmarc.xn--fsqu00a.com"},
	    // Ideographic, fullwidth and halfwidth stops.
	    {"a。b．c｡com", "a.b.c.com"},
	    {"例子.com。", "xn--fsqu00a.com"},
	    {"ＧＯＯＧＬＥ.com", "google.com"},
	    // SOFT HYPHEN vanishes.
	    {"a\xc2\xad"
	     "b.com",
		"ab.com"},
	    {"\xc2\xad.com", NULL},
	    // What IDNA2008 disallows and Postfix takes, by ICU: symbols,
	    // also with a variation selector, in an A-label beside UTF-8, and
	    // in a name of a new script.
	    {"i❤.ws", "xn--i-7iq.ws"},
	    {"i❤\ufe0f.ws", "xn--i-7iq.ws"},
	    {"I❤.WS", "xn--i-7iq.ws"},
	    {"☃.net", "xn--n3h.net"},
	    {"😀.例子", "xn--e28h.xn--fsqu00a"},
	    {"xn--i-7iq.例子", "xn--i-7iq.xn--fsqu00a"},
	    {"xn--i-7iq.ws", "xn--i-7iq.ws"},
	    // Beside a symbol these would become another name, or vanish.
	    {"ß❤.ws", NULL},
	    {"ς❤.ws", NULL},
	    {"👨\u200d👩.ws", NULL},
	    {"नी\u200cक❤.ws", NULL},
	    // A symbol beside what no mapping takes; not assigned.
	    {"❤@a.ws", NULL},
	    {"❤\u202e.ws", NULL},
	    {"x\u0378.ws", NULL},
	    {"❤", NULL},
	    {"例子", NULL},
	    {"a..例", NULL},
	    {"例。。com", NULL},
	    {"-例.com", NULL},
	    {"例-.com", NULL},
	    // Punycode that decodes to nothing good.
	    {"xn--zzzzzz-.例", NULL},
	    // Fullwidth digits make an IPv4 address, other forms '@' and '%'.
	    {"１２７.０.０.１", NULL},
	    {"a＠b.com", NULL},
	    {"a％b.com", NULL},
	    // ASCII that a name cannot hold stays out in mixed ones.
	    {"例@子.com", NULL},
	    {"例 子.com", NULL},
	    {"例<.com", NULL},
	    {"[例.com]", NULL},
	    // Not UTF-8: lone and cut sequences, overlong, surrogate, too big.
	    {"\xff.com", NULL},
	    {"\x80.com", NULL},
	    {"a.\xe4\xbe", NULL},
	    {"\xe4\xbe.com", NULL},
	    {"a\xc0\x80.com", NULL},
	    {"a\xc0\xae"
	     "com",
		NULL},
	    {"\xed\xa0\x80.com", NULL},
	    {"\xf4\x90\x80\x80.com", NULL},
	    // RIGHT-TO-LEFT OVERRIDE
	    {"a\xe2\x80\xae"
	     "b.com",
		NULL},
	};
	check_folds(dname_fold, rows, ARRAY_LEN(rows));
}
END_TEST

START_TEST(test_dname_fold_embedded_nul_is_bad)
{
	char out[DNAME_SIZE];
	ck_assert_int_eq(fold("example.com\0", 12, out), -1);
	ck_assert_int_eq(fold("exa\0mple.com", 12, out), -1);
	ck_assert_int_eq(fold("\0", 1, out), -1);
	ck_assert_int_eq(fold("例子.com\0evil", 15, out), -1);
	ck_assert_int_eq(fold("\0例子.com", 11, out), -1);
}
END_TEST

START_TEST(test_dname_fold_idna_is_limited)
{
	// 250 times FULLWIDTH A: 750 bytes, and as ASCII a label too long.
	char src[8192];
	char out[DNAME_SIZE];
	size_t len = 0;
	for (int i = 0; i < 250; i++)
		len += (size_t)sprintf(src + len, "Ａ");
	ck_assert_int_eq(fold(src, len, out), -1);
	// Cut into labels it is a name.
	len = 0;
	for (int i = 0; i < 125; i++)
		len += (size_t)sprintf(src + len, "Ａ.");
	ck_assert_int_eq(fold(src, len, out), 249);
	// Soft hyphens vanish, however many: that many are not looked at.
	len = 0;
	for (int i = 0; i < 2000; i++)
		len += (size_t)sprintf(src + len, "\xc2\xad");
	len += (size_t)sprintf(src + len, "a.com");
	ck_assert_int_eq(fold(src, len, out), -1);
	ck_assert_int_eq(fold(src + len - 5 - 20, 25, out), 5);
}
END_TEST

START_TEST(test_dname_fold_huge_is_bad)
{
	static char src[10000];
	char out[DNAME_SIZE];
	memset(src, 'a', sizeof(src));
	ck_assert_int_eq(dname_fold(src, sizeof(src), out), -1);
	memset(src, '.', sizeof(src));
	ck_assert_int_eq(dname_fold(src, sizeof(src), out), -1);
	memset(src, 0xe4, sizeof(src));
	ck_assert_int_eq(dname_fold(src, sizeof(src), out), -1);
	memset(src, '@', sizeof(src));
	ck_assert_int_eq(dname_of_address(src, sizeof(src), out), -1);
}
END_TEST

// Whatever the bytes, a folded name is a valid one, and folds to itself.
START_TEST(test_dname_fold_is_idempotent)
{
	static const char *const parts[] = {"a", "Z", "0", "9", "-", "_", ".",
	    ".", "xn--", "\xc3\xa4", "\xe3\x80\x82", "\xc2\xad", "*"};
	unsigned seed = 1;
	unsigned names = 0;
	for (int i = 0; i < 20000; i++) {
		char src[32];
		size_t len = 0;
		do {
			seed = seed * 1103515245U + 12345U;
			const char *part =
			    parts[(seed >> 16) % ARRAY_LEN(parts)];
			memcpy(src + len, part, strlen(part));
			len += strlen(part);
		} while (len < 24 && (seed >> 28) != 0);
		char out[DNAME_SIZE];
		char again[DNAME_SIZE];
		int n = fold(src, len, out);
		if (n < 0)
			continue;
		names++;
		ck_assert_uint_eq(strlen(out), (size_t)n);
		ck_assert_uint_eq(
		    strspn(out, "abcdefghijklmnopqrstuvwxyz0123456789-_."),
		    (size_t)n);
		ck_assert_int_eq(fold(out, (size_t)n, again), n);
		ck_assert_str_eq(out, again);
	}
	ck_assert_uint_gt(names, 100);
}
END_TEST

START_TEST(test_dname_fold_host_takes_one_label)
{
	char out[DNAME_SIZE];
	ck_assert_int_eq(dname_fold_host("LocalHost.", 10, out), 9);
	ck_assert_str_eq(out, "localhost");
	ck_assert_int_eq(dname_fold_host("例子", 6, out), 11);
	ck_assert_str_eq(out, "xn--fsqu00a");
	ck_assert_int_eq(dname_fold_host("mx.example.com", 14, out), 14);
	ck_assert_int_eq(dname_fold_host("", 0, out), -1);
	ck_assert_int_eq(dname_fold_host(".", 1, out), -1);
	ck_assert_int_eq(dname_fold_host("25", 2, out), -1);
	ck_assert_int_eq(dname_fold_host("192.0.2.1", 9, out), -1);
}
END_TEST

// Each row as Postfix 3.7.11 did with an MX record of that host: asked for its
// addresses, or skipped it.
START_TEST(test_dname_fold_mx_takes_what_postfix_resolves)
{
	static const struct fold_row rows[] = {
	    {"MX.Example.Test", "mx.example.test"},
	    {"onelabel", "onelabel"},
	    {"mx.example.123", "mx.example.123"},
	    {"1.2.3-4", "1.2.3-4"},
	    {"1_2", "1_2"},
	    {"mx.0x7b", "mx.0x7b"},
	    {"192.0.2.1x", "192.0.2.1x"},
	    {"0xffffffffff", "0xffffffffff"},
	    {"_mx.example.test", "_mx.example.test"},
	    {"*.example.test", "*.example.test"},
	    {"*.123", "*.123"},
	    {"*", "*"},
	    {L63 ".test", L63 ".test"},
	    {L63 "a.test", NULL},
	    {"192.0.2.1", NULL},
	    {"192.0.2.256", NULL},
	    {"1.2.3", NULL},
	    {"25", NULL},
	    {"a*.example.test", NULL},
	    {"*a.example.test", NULL},
	    {"mx.*.example.test", NULL},
	    {"**", NULL},
	    {"*..test", NULL},
	    {"-mx.example.test", NULL},
	    {"mx-.example.test", NULL},
	    {"m\\032x.example.test", NULL},
	    {"a\\.b.example.test", NULL},
	    {"a/b.example.test", NULL},
	    {"[192.0.2.1]", NULL},
	    {"2001:db8::25", NULL},
	    {"mx..example.test", NULL},
	    {"", NULL},
	};
	check_folds(dname_fold_mx, rows, ARRAY_LEN(rows));
}
END_TEST

START_TEST(test_dname_of_address)
{
	static const struct fold_row rows[] = {
	    {"user@example.com", "example.com"},
	    {"User@Example.COM", "example.com"},
	    {"@example.com", "example.com"},
	    {"example.com", "example.com"},
	    {"\"a@b\"@example.com", "example.com"},
	    {"\"a b\\\"@\"@example.com", "example.com"},
	    {"用户@例子.中国", "xn--fsqu00a.xn--fiqs8s"},
	    {"\xff\xfe@example.com", "example.com"},
	    {"a@b@example.com", "example.com"},
	    {"user@example.com.", "example.com"},
	    {"", NULL},
	    {"@", NULL},
	    {"user@", NULL},
	    {"user", NULL},
	    {"user@localhost", NULL},
	    {"*", NULL},
	    {"\"a@b\"", NULL},
	    {"user@[192.0.2.1]", NULL},
	    {"user@[IPv6:2001:db8::1]", NULL},
	    {"user@192.0.2.1", NULL},
	    {"user@example.com ", NULL},
	    {"user@exam ple.com", NULL},
	};
	check_folds(dname_of_address, rows, ARRAY_LEN(rows));
	char out[DNAME_SIZE];
	ck_assert_int_eq(dname_of_address("a\0b@c.de", 8, out), 4);
	ck_assert_int_eq(dname_of_address("b@c.de\0", 7, out), -1);
}
END_TEST

START_TEST(test_dname_pattern_fold)
{
	static const struct {
		const char *src, *want; // NULL: no pattern
	} rows[] = {
	    {"*", "*"},
	    {"Example.COM", "example.com"},
	    {"localhost", "localhost"},
	    {"*.CN", "*.cn"},
	    {"*.Example.com.", "*.example.com"},
	    {"*.中国", "*.xn--fiqs8s"},
	    {"*.例子.中国", "*.xn--fsqu00a.xn--fiqs8s"},
	    {"*." L63 "." L63 "." L63 "." L61,
		"*." L63 "." L63 "." L63 "." L61},
	    {"", NULL},
	    {"**", NULL},
	    {"*.", NULL},
	    {"*..", NULL},
	    {"*.*", NULL},
	    {"*.*.cn", NULL},
	    {"*cn", NULL},
	    {"*example.com", NULL},
	    {"a.*.cn", NULL},
	    {"a.*", NULL},
	    {".cn", NULL},
	    {"*.25", NULL},
	    {"*.-cn", NULL},
	    {"a b.cn", NULL},
	    {"*." L63 "." L63 "." L63 "." L61 "a", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char out[DNAME_SIZE + 2];
		bool ok = dname_pattern_fold(rows[i].src, out);
		ck_assert_msg(ok == (rows[i].want != NULL), "row %zu", i);
		ck_assert_msg(!ok || strcmp(out, rows[i].want) == 0,
		    "row %zu: %s", i, out);
	}
}
END_TEST

START_TEST(test_dname_pattern_fold_in_place)
{
	static const char *const rows[][2] = {
	    {"*", "*"},
	    {"*.Example.COM", "*.example.com"},
	    {"Example.COM.", "example.com"},
	    {"*.Bücher.DE", "*.xn--bcher-kva.de"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[DNAME_SIZE + 2];
		strcpy(text, rows[i][0]);
		ck_assert_msg(dname_pattern_fold(text, text), "row %zu", i);
		ck_assert_msg(
		    strcmp(text, rows[i][1]) == 0, "row %zu: %s", i, text);
	}
}
END_TEST

START_TEST(test_dname_match)
{
	static const struct {
		const char *pattern, *name;
		bool want;
	} rows[] = {
	    {"*", "example.com", true},
	    {"*", "localhost", true},
	    {"example.com", "example.com", true},
	    {"example.com", "www.example.com", false},
	    {"example.com", "example.co", false},
	    {"*.example.com", "www.example.com", true},
	    {"*.example.com", "a.b.c.example.com", true},
	    {"*.example.com", "example.com", false},
	    {"*.example.com", "badexample.com", false},
	    {"*.example.com", "example.com.cn", false},
	    {"*.example.com", "com", false},
	    {"*.cn", "example.cn", true},
	    {"*.cn", "cn", false},
	    {"*.cn", "example.xcn", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ck_assert_msg(
		    dname_match(rows[i].pattern, rows[i].name) == rows[i].want,
		    "row %zu", i);
	}
}
END_TEST

static Suite *
dname_suite(void)
{
	Suite *s = suite_create("dname");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_dname_fold_ascii);
	tcase_add_test(tc, test_dname_fold_idna);
	tcase_add_test(tc, test_dname_fold_embedded_nul_is_bad);
	tcase_add_test(tc, test_dname_fold_idna_is_limited);
	tcase_add_test(tc, test_dname_fold_huge_is_bad);
	tcase_add_test(tc, test_dname_fold_is_idempotent);
	tcase_add_test(tc, test_dname_fold_host_takes_one_label);
	tcase_add_test(tc, test_dname_fold_mx_takes_what_postfix_resolves);
	tcase_add_test(tc, test_dname_of_address);
	tcase_add_test(tc, test_dname_pattern_fold);
	tcase_add_test(tc, test_dname_pattern_fold_in_place);
	tcase_add_test(tc, test_dname_match);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(dname_suite());
}
