// SPDX-License-Identifier: MIT
// Tests of reach/answer: names and meaning of DNS outcomes.
#include <string.h>

#include "base/attr.h"
#include "reach/answer.h"

#include "unit/unit.h"

START_TEST(test_answer_outcome_names_and_definite)
{
	static const struct {
		enum answer_outcome outcome;
		const char *name;
		bool definite;
	} rows[] = {
	    {ANSWER_OK, "ok", true},
	    {ANSWER_NODATA, "nodata", true},
	    {ANSWER_NXDOMAIN, "nxdomain", true},
	    {ANSWER_SERVFAIL, "servfail", false},
	    {ANSWER_REFUSED, "refused", false},
	    {ANSWER_TIMEOUT, "timeout", false},
	    {ANSWER_UNREADABLE, "unreadable", false},
	    {ANSWER_LOCAL, "local-error", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ck_assert_msg(strcmp(answer_outcome_name(rows[i].outcome),
				  rows[i].name) == 0,
		    "row %zu", i);
		ck_assert_msg(
		    answer_is_definite(rows[i].outcome) == rows[i].definite,
		    "row %zu", i);
	}
}
END_TEST

static Suite *
answer_suite(void)
{
	Suite *s = suite_create("answer");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_answer_outcome_names_and_definite);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(answer_suite());
}
