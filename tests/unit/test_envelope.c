// SPDX-License-Identifier: MIT
// Tests of addresses as MAIL and RCPT give them.
#include "milter/envelope.h"

#include <stdbool.h>
#include <string.h>

#include "base/attr.h"
#include "unit/unit.h"

static bool
is(const char *got, size_t len, const char *want)
{
	return len == strlen(want) && memcmp(got, want, len) == 0;
}

START_TEST(test_envelope_mailbox)
{
	static const struct {
		const char *path, *mailbox;
	} rows[] = {
	    {"<u@a.test>", "u@a.test"},
	    {"u@a.test", "u@a.test"},
	    {"<>", ""},
	    {"", ""},
	    {"<", "<"},
	    {">", ">"},
	    {"<u@a.test", "<u@a.test"},
	    {"<u>", "u"},
	    {"<\"a b@c\"@d.test>", "\"a b@c\"@d.test"},
	    {"<\"<>\"@d.test>", "\"<>\"@d.test"},
	    {"<\"@x:y\"@d.test>", "\"@x:y\"@d.test"},
	    {"<u:v@d.test>", "u:v@d.test"},
	    {"<u@[IPv6:2001:db8::1]>", "u@[IPv6:2001:db8::1]"},
	    {"<u@a.test >", "u@a.test"},
	    {"<\t u@a.test>", "u@a.test"},
	    {"< >", ""},
	    {"<u @ a.test>", "u @ a.test"},
	    // Source routes, RFC 5321 appendix C.
	    {"<@a.test:u@c.test>", "u@c.test"},
	    {"<@a.test,@b.test:u@c.test>", "u@c.test"},
	    {"@a.test:u@c.test", "u@c.test"},
	    {"<@a.test:\"x:y\"@c.test>", "\"x:y\"@c.test"},
	    {"<@[IPv6:2001:db8::1]:u@c.test>", "u@c.test"},
	    {"<@[IPv6:2001:db8::1],@b.test:u@[IPv6:2001:db8::2]>",
		"u@[IPv6:2001:db8::2]"},
	    {"<@a.test:>", ""},
	    // None: left as they are.
	    {"<@a.test>", "@a.test"},
	    {"<@>", "@"},
	    {"<@[a:b>", "@[a:b"},
	    {"<@]a:u@b.test>", "u@b.test"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len;
		const char *got = envelope_mailbox(rows[i].path, &len);
		ck_assert_msg(is(got, len, rows[i].mailbox), "row %zu: %.*s", i,
		    (int)len, got);
	}
}
END_TEST

START_TEST(test_envelope_domain)
{
	static const struct {
		const char *mailbox, *domain; // NULL: none
	} rows[] = {
	    {"u@a.test", "a.test"},
	    {"\"u@b.test\"@a.test", "a.test"},
	    {"u@", ""},
	    {"u@ ", ""},
	    {"u @ \ta.test", "a.test"},
	    {"@a.test", "a.test"},
	    {"u@[192.0.2.1]", "[192.0.2.1]"},
	    {"postmaster", NULL},
	    {"", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = 0;
		const char *want = rows[i].domain;
		const char *got = envelope_domain(
		    rows[i].mailbox, strlen(rows[i].mailbox), &len);
		ck_assert_msg((got == NULL) == (want == NULL), "row %zu", i);
		ck_assert_msg(want == NULL || is(got, len, want), "row %zu", i);
	}
}
END_TEST

// Only what is within the length counts: what follows is the path's '>'.
START_TEST(test_envelope_domain_within_the_length)
{
	size_t len;
	ck_assert(envelope_domain("u@a.test", 1, &len) == NULL);
	const char *got = envelope_domain("u@a.test>", 8, &len);
	ck_assert(is(got, len, "a.test"));
}
END_TEST

static Suite *
envelope_suite(void)
{
	Suite *s = suite_create("envelope");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_envelope_mailbox);
	tcase_add_test(tc, test_envelope_domain);
	tcase_add_test(tc, test_envelope_domain_within_the_length);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(envelope_suite());
}
