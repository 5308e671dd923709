// SPDX-License-Identifier: MIT
// Sets of domain patterns.
#include "base/dnameset.h"

#include "base/dname.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXACT	DNAMESET_EXACT
#define PATTERN DNAMESET_PATTERN
#define NO	DNAMESET_NO

static const struct {
	const char *patterns[5];
	const char *name;
	enum dnameset_match want;
} row[] = {
    {{NULL}, "a.test", NO},
    {{"a.test"}, "a.test", EXACT},
    {{"a.test"}, "b.a.test", NO},
    {{"a.test"}, "xa.test", NO},
    {{"a.test", "a.test"}, "a.test", EXACT}, // listed twice
    {{"*.cn"}, "a.cn", PATTERN},
    {{"*.cn"}, "d.c.b.a.cn", PATTERN}, // any depth
    {{"*.cn"}, "cn", NO},	       // not the suffix itself
    {{"*.cn"}, "acn", NO},	       // on a label's boundary
    {{"*.cn"}, "a.cn.test", NO},
    {{"*.b.cn", "*.z.cn"}, "a.b.cn", PATTERN},
    {{"*.b.cn"}, "b.cn", NO},
    {{"*.b.cn"}, "a.c.cn", NO},
    {{"*"}, "a.test", PATTERN},
    {{"*"}, "localhost", PATTERN},
    {{"*", "a.test"}, "a.test", EXACT}, // exact wins
    {{"*.test", "a.test"}, "a.test", EXACT},
    {{"a.test", "*.a.test"}, "a.test", EXACT}, // the same name in both
    {{"a.test", "*.a.test"}, "b.a.test", PATTERN},
    {{"a.test", "*.test"}, "b.test", PATTERN},
    {{"zz.test", "m.test", "a.test", "b.test"}, "m.test", EXACT},
    {{"zz.test", "m.test", "a.test", "b.test"}, "n.test", NO},
};

START_TEST(test_dnameset_match)
{
	size_t n = 0;
	while (row[_i].patterns[n] != NULL)
		n++;
	struct dnameset *s = dnameset_new(
	    (char *const *)(uintptr_t)row[_i].patterns, n);
	ck_assert_msg(dnameset_match(s, row[_i].name) == row[_i].want,
	    "row %d: %s: %d, wanted %d", _i, row[_i].name,
	    dnameset_match(s, row[_i].name), row[_i].want);
	bool all = n > 0 && strcmp(row[_i].patterns[0], "*") == 0;
	ck_assert_msg(dnameset_has_all(s) == all, "row %d", _i);
	dnameset_free(s);
}
END_TEST

// It says what matching the patterns one by one would.
START_TEST(test_dnameset_same_as_one_by_one)
{
	enum { N = 400 };
	static char text[N][16];
	char *pattern[N];
	uint32_t seed = 42;
	for (int i = 0; i < N; i++) {
		seed = seed * 1664525 + 1013904223;
		snprintf(text[i], sizeof(text[i]), "%s%c.%c.t",
		    seed >> 31 ? "*." : "", 'a' + (int)(seed >> 10) % 9,
		    'a' + (int)(seed >> 20) % 26);
		pattern[i] = text[i];
	}
	struct dnameset *s = dnameset_new(pattern, N);
	for (int i = 0; i < 26 * 9 * 9; i++) {
		char name[16];
		bool any = false, exact = false;
		snprintf(name, sizeof(name), "%c%s%c.%c.t", 'a' + i % 9,
		    i % 2 == 0 ? "." : "", 'a' + i / 9 % 9, 'a' + i / 81);
		for (int k = 0; k < N; k++) {
			any |= dname_match(pattern[k], name);
			exact |= strcmp(pattern[k], name) == 0;
		}
		enum dnameset_match want = exact ? EXACT : any ? PATTERN : NO;
		ck_assert_msg(dnameset_match(s, name) == want, "%s", name);
	}
	dnameset_free(s);
}
END_TEST

START_TEST(test_dnameset_free_of_nothing)
{
	dnameset_free(NULL);
}
END_TEST

static Suite *
dnameset_suite(void)
{
	Suite *s = suite_create("dnameset");
	TCase *tc = tcase_create("dnameset");
	tcase_add_loop_test(
	    tc, test_dnameset_match, 0, sizeof(row) / sizeof(*row));
	tcase_add_test(tc, test_dnameset_same_as_one_by_one);
	tcase_add_test(tc, test_dnameset_free_of_nothing);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(dnameset_suite());
}
