// SPDX-License-Identifier: MIT
// Tests of reach/outcome: the table of what a probe can find.
#include <string.h>

#include "base/attr.h"
#include "reach/outcome.h"

#include "unit/unit.h"

static const struct {
	enum outcome outcome;
	const char *name;
	enum outcome_says says;
} rows[] = {
    {OUTCOME_NONE, "none", OUTCOME_SAYS_NOTHING},
    {OUTCOME_CONNECTED, "connected", OUTCOME_SAYS_UP},
    {OUTCOME_GREETING, "greeting", OUTCOME_SAYS_UP},
    {OUTCOME_EHLO, "ehlo", OUTCOME_SAYS_UP},
    {OUTCOME_STARTTLS_OFFERED, "starttls-offered", OUTCOME_SAYS_UP},
    {OUTCOME_REFUSED_SERVICE, "refused-service", OUTCOME_SAYS_UP},
    {OUTCOME_EHLO_REFUSED, "ehlo-refused", OUTCOME_SAYS_UP},
    {OUTCOME_CONNECT_TIMEOUT, "connect-timeout", OUTCOME_SAYS_DOWN},
    {OUTCOME_CONNECT_REFUSED, "connect-refused", OUTCOME_SAYS_DOWN},
    {OUTCOME_CONNECT_RESET, "connect-reset", OUTCOME_SAYS_DOWN},
    {OUTCOME_HOST_UNREACHABLE, "host-unreachable", OUTCOME_SAYS_DOWN},
    {OUTCOME_CLOSED_EARLY, "closed-early", OUTCOME_SAYS_DOWN},
    {OUTCOME_RESET_AFTER_DATA, "reset-after-data", OUTCOME_SAYS_DOWN},
    {OUTCOME_REPLY_TIMEOUT, "reply-timeout", OUTCOME_SAYS_DOWN},
    {OUTCOME_NOT_SMTP, "not-smtp", OUTCOME_SAYS_DOWN},
    {OUTCOME_FORGED_REPLY, "forged-reply", OUTCOME_SAYS_DOWN},
    {OUTCOME_GREETING_TIMEOUT, "greeting-timeout", OUTCOME_SAYS_SLOW},
    {OUTCOME_NO_ROUTE, "no-route", OUTCOME_SAYS_NOTHING},
    {OUTCOME_LOCAL_ERROR, "local-error", OUTCOME_SAYS_NOTHING},
};

START_TEST(test_outcome_names_and_meaning)
{
	ck_assert_uint_eq(ARRAY_LEN(rows), OUTCOME_COUNT);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ck_assert_msg(rows[i].outcome == (enum outcome)i, "row %zu", i);
		ck_assert_msg(
		    strcmp(outcome_name(rows[i].outcome), rows[i].name) == 0,
		    "row %zu", i);
		ck_assert_msg(outcome_says(rows[i].outcome) == rows[i].says,
		    "row %zu", i);
	}
}
END_TEST

static Suite *
outcome_suite(void)
{
	Suite *s = suite_create("outcome");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_outcome_names_and_meaning);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(outcome_suite());
}
