// SPDX-License-Identifier: MIT
// Tests of where the MTA takes a recipient.
#include "base/recipient.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "unit/exact.h"
#include "unit/unit.h"

// us.test and [127.0.0.1] are ours, maybe.test may be; counts what it is asked.
static enum recipient_owner
owner(const char *domain, size_t len, void *arg)
{
	static const char *const ours[] = {
	    "us.test", "US.TEST.", "our.test", "[127.0.0.1]"};
	unsigned *asked = arg;
	if (asked != NULL)
		++*asked;
	ck_assert(len >= 1 && domain[0] != ' ' && domain[len - 1] != ' ');
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (strlen(ours[i]) == len && memcmp(domain, ours[i], len) == 0)
			return RECIPIENT_OURS;
	return len == 10 && memcmp(domain, "maybe.test", len) == 0
		   ? RECIPIENT_MAYBE_OURS
		   : RECIPIENT_REMOTE;
}

struct row {
	const char *address;
	const char *domain; // NULL: a user of this host
};

static void
check_rows(const struct row *rows, size_t n, bool certain)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(rows[i].address);
		char *address = exact_copy(rows[i].address, len);
		struct recipient got = recipient_read(
		    address, len, owner, NULL);
		const char *want = rows[i].domain;
		ck_assert_msg((got.domain != NULL) == (want != NULL),
		    "row %zu: %s", i, rows[i].address);
		if (want != NULL)
			ck_assert_msg(
			    got.domain_len == strlen(want) &&
				memcmp(got.domain, want, got.domain_len) == 0,
			    "row %zu: %s gives %.*s", i, rows[i].address,
			    (int)got.domain_len, got.domain);
		ck_assert_msg(got.certain == certain, "row %zu: %s: certain", i,
		    rows[i].address);
		free(address);
	}
}

START_TEST(test_recipient_is_user)
{
	static const char *const users[] = {
	    "", "u", "postmaster", "zhang.wang", "u+ext", "\"a b\""};
	static const char *const others[] = {"u@a.test", "u@", "@", "u%a.test",
	    "a.test!u", "\"u@a.test\"", "!", "%"};
	for (size_t i = 0; i < ARRAY_LEN(users); i++)
		ck_assert_msg(recipient_is_user(users[i], strlen(users[i])),
		    "row %zu", i);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		ck_assert_msg(!recipient_is_user(others[i], strlen(others[i])),
		    "row %zu", i);
}
END_TEST

START_TEST(test_recipient_after_route)
{
	static const struct {
		const char *address, *rest; // NULL: no source route
	} rows[] = {
	    {"@a.test:u@c.test", "u@c.test"},
	    {"@a.test,@b.test:u@c.test", "u@c.test"},
	    {"@[IPv6:2001:db8::1]:u@c.test", "u@c.test"},
	    {"@[IPv6:2001:db8::1],@b.test:u", "u"},
	    {"@a.test:@b.test:u@c.test", "@b.test:u@c.test"},
	    {"@]:u", "u"},
	    {"@:", ""},
	    {"@a.test:", ""},
	    {"@a.test", NULL},
	    {"@[IPv6:2001:db8::1]", NULL},
	    {"@[:u@c.test", NULL},
	    {"u@a.test:b", NULL},
	    {":u", NULL},
	    {"@", NULL},
	    {"", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *rest = recipient_after_route(
		    rows[i].address, strlen(rows[i].address));
		if (rows[i].rest == NULL)
			ck_assert_msg(rest == NULL, "row %zu: %s", i, rest);
		else
			ck_assert_str_eq(rest, rows[i].rest);
	}
}
END_TEST

// As Postfix 3.7.11 and Sendmail 8.17.1 were seen to resolve them, where they
// take the address at all.
START_TEST(test_recipient_read_certain)
{
	static const struct row rows[] = {
	    {"u@d.test", "d.test"},
	    {"u@us.test", "us.test"},
	    {"u+ext@us.test", "us.test"},
	    {"u", NULL},
	    {"zhang.wang", NULL},
	    {"u+d.test", NULL},
	    {"u/d.test", NULL},
	    {"", NULL},
	    // Without a domain.
	    {"u%d.test", "d.test"},
	    {"d.test!u", "d.test"},
	    {"\"u@d.test\"", "d.test"},
	    {"\"u%d.test\"", "d.test"},
	    {"\"d.test!u\"", "d.test"},
	    {"us.test!u", "us.test"},
	    // Ours comes off.
	    {"u%d.test@us.test", "d.test"},
	    {"d.test!u@us.test", "d.test"},
	    {"u@d.test@us.test", "d.test"},
	    {"\"u@d.test\"@us.test", "d.test"},
	    {"\"u%d.test\"@us.test", "d.test"},
	    {"\"d.test!u\"@us.test", "d.test"},
	    {"u%d.test@[127.0.0.1]", "d.test"},
	    {"u%our.test@us.test", "our.test"},
	    {"U%D.TEST@US.TEST.", "D.TEST"},
	    {"u+ext%d.test@us.test", "d.test"},
	    {"u%b\u00fccher.test@us.test", "b\u00fccher.test"},
	    {"\u00e9%d.test@us.test", "d.test"},
	    {"u%d.test.@us.test", "d.test."},
	    {"u%[192.0.2.1]@us.test", "[192.0.2.1]"},
	    {"[192.0.2.1]!u@us.test", "[192.0.2.1]"},
	    {"u%[IPv6:2001:db8::1]@us.test", "[IPv6:2001:db8::1]"},
	    // Remote: as it stands, whatever is before it.
	    {"bounce-u%x.test@d.test", "d.test"},
	    {"\"u@x.test\"@d.test", "d.test"},
	    {"u@x.test@d.test", "d.test"},
	    {"x.test!u@d.test", "d.test"},
	    {"us.test!u@d.test", "d.test"},
	    {"u%us.test@d.test", "d.test"},
	    {"u%a.test%b.test@d.test", "d.test"},
	    {"u%d.test@[192.0.2.1]", "[192.0.2.1]"},
	    {"us.test:u@d.test", "d.test"},
	    // An empty domain or local part.
	    {"u@", ""},
	    {"@", ""},
	    {"u%", ""},
	    {"!u", ""},
	    {"u%@us.test", ""},
	    {"u%d.test@", "d.test"},
	    {"d.test!u@", "d.test"},
	    {"u@d.test@", "d.test"},
	    {"@us.test", "us.test"},
	    {"@d.test", "d.test"},
	    {"%d.test", "d.test"},
	    {"d.test!", "d.test"},
	    {"%d.test@us.test", "d.test"},
	    {"\"\"@d.test", "d.test"},
	    {"\"@d.test\"@us.test", "d.test"},
	    {"u%@d.test", "d.test"},
	    // Blanks around domains, and within quotes.
	    {" u%d.test @ us.test ", "d.test"},
	    {"u % d.test@us.test", "d.test"},
	    {"u@\td.test", "d.test"},
	    {"\"u % d.test\"@us.test", "d.test"},
	    {"a b%d.test@us.test", "d.test"},
	    // No name comes out: Postfix refuses these.
	    {"u%d.test+ext@us.test", "d.test+ext"},
	    {"u%d\"@us.test", "d\""},
	    {"u%d..test@us.test", "d..test"},
	};
	check_rows(rows, ARRAY_LEN(rows), true);
}
END_TEST

START_TEST(test_recipient_read_nested_is_uncertain)
{
	static const struct row rows[] = {
	    // The last '%', the first '!', '!' before '%'.
	    {"u%a.test%d.test", "d.test"},
	    {"u%a.test%d.test@us.test", "d.test"},
	    {"d.test!a.test!u", "d.test"},
	    {"d.test!a.test!u@us.test", "d.test"},
	    {"d.test!u%a.test", "d.test"},
	    {"d.test!u%a.test@us.test", "d.test"},
	    {"a%b@d.test@us.test", "d.test"},
	    {"u@a.test@d.test@us.test", "d.test"},
	    {"us.test!u@d.test@our.test", "d.test"},
	    // Ours again.
	    {"u%d.test%our.test@us.test", "d.test"},
	    {"u%d.test%our.test", "d.test"},
	    {"us.test!d.test!u", "d.test"},
	    {"u%d.test@our.test@us.test", "d.test"},
	    {"u@d.test@us.test@our.test", "d.test"},
	    {"\"u%d.test\"%us.test@our.test", "d.test"},
	    {"u%%d.test@us.test", "d.test"},
	    {"u%d.test%@us.test", "d.test"},
	};
	check_rows(rows, ARRAY_LEN(rows), false);
}
END_TEST

START_TEST(test_recipient_read_maybe_ours_is_uncertain)
{
	static const struct row rows[] = {
	    {"u%d.test@maybe.test", "d.test"},
	    {"d.test!u@maybe.test", "d.test"},
	    {"\"u@d.test\"@maybe.test", "d.test"},
	};
	static const struct row plain[] = {
	    {"u@maybe.test", "maybe.test"},
	    {"u%maybe.test@us.test", "maybe.test"},
	    {"x%u@d.test", "d.test"},
	};
	check_rows(rows, ARRAY_LEN(rows), false);
	check_rows(plain, ARRAY_LEN(plain), true);
}
END_TEST

START_TEST(test_recipient_read_source_route_is_uncertain)
{
	static const struct row rows[] = {
	    {"@a.test:u@d.test", "d.test"},
	    {"@a.test,@b.test:u@d.test", "d.test"},
	    {"@us.test:u@d.test", "d.test"},
	    {"@us.test:u%d.test@us.test", "d.test"},
	    {"@[IPv6:2001:db8::1]:u@d.test", "d.test"},
	    {"@a.test:u", NULL},
	    {"@a.test:d.test!u", "d.test"},
	};
	static const struct row none[] = {
	    {"@[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"},
	    {"u:v@d.test", "d.test"},
	    {"@d.test:", "d.test:"},
	};
	check_rows(rows, ARRAY_LEN(rows), false);
	check_rows(none, ARRAY_LEN(none), true);
}
END_TEST

// A domain that nothing is hidden before is nobody's question.
START_TEST(test_recipient_read_asks_only_when_it_matters)
{
	static const struct {
		const char *address;
		unsigned asked;
	} rows[] = {
	    {"u@us.test", 0},
	    {"u", 0},
	    {"u%d.test", 0},
	    {"u%d.test@us.test", 1},
	    {"u%d.test%us.test@our.test", 2},
	    {"bounce-u%x.test@d.test", 1},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned asked = 0;
		recipient_read(
		    rows[i].address, strlen(rows[i].address), owner, &asked);
		ck_assert_msg(asked == rows[i].asked, "row %zu: %u", i, asked);
	}
}
END_TEST

// However often ours stands in it, the last domain is found.
START_TEST(test_recipient_read_as_long_as_a_request)
{
	enum { TIMES = 1200 };
	char text[TIMES * 8 + 64];
	size_t len = (size_t)sprintf(text, "u%%d.test");
	unsigned asked = 0;
	for (int i = 0; i < TIMES; i++)
		len += (size_t)sprintf(text + len, "%%us.test");
	struct recipient got = recipient_read(text, len, owner, &asked);
	ck_assert_int_eq((int)got.domain_len, 6);
	ck_assert(memcmp(got.domain, "d.test", 6) == 0 && !got.certain);
	ck_assert_uint_eq(asked, TIMES);
}
END_TEST

static Suite *
recipient_suite(void)
{
	Suite *s = suite_create("recipient");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_recipient_is_user);
	tcase_add_test(tc, test_recipient_after_route);
	tcase_add_test(tc, test_recipient_read_certain);
	tcase_add_test(tc, test_recipient_read_nested_is_uncertain);
	tcase_add_test(tc, test_recipient_read_maybe_ours_is_uncertain);
	tcase_add_test(tc, test_recipient_read_source_route_is_uncertain);
	tcase_add_test(tc, test_recipient_read_asks_only_when_it_matters);
	tcase_add_test(tc, test_recipient_read_as_long_as_a_request);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(recipient_suite());
}
