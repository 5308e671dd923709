// SPDX-License-Identifier: MIT
// Tests of what messages have spent of policy.wait.
#include "daemon/budgets.h"

#include "unit/unit.h"

#include <stdio.h>
#include <string.h>

static struct budgets *all;

static void
setup(void)
{
	all = budgets_new();
}

static void
teardown(void)
{
	budgets_free(all);
}

START_TEST(test_budgets_add_up_by_message)
{
	ck_assert_int_eq(budgets_spent(all, "a"), 0);
	budgets_spend(all, "a", 100);
	budgets_spend(all, "b", 7);
	budgets_spend(all, "a", 20);
	ck_assert_int_eq(budgets_spent(all, "a"), 120);
	ck_assert_int_eq(budgets_spent(all, "b"), 7);
	ck_assert_int_eq(budgets_spent(all, "A"), 0);
	ck_assert_int_eq(budgets_spent(all, "aa"), 0);
}
END_TEST

// Else all messages of a client that does not name them would share one.
START_TEST(test_budgets_without_name_each_has_its_own)
{
	budgets_spend(all, "", 100);
	ck_assert_int_eq(budgets_spent(all, ""), 0);
}
END_TEST

START_TEST(test_budgets_so_much_of_a_name_counts)
{
	char name[BUDGETS_NAME_MAX + 3];
	memset(name, 'x', sizeof(name));
	name[BUDGETS_NAME_MAX + 2] = '\0';
	budgets_spend(all, name, 5);
	name[BUDGETS_NAME_MAX] = 'y';
	ck_assert_int_eq(budgets_spent(all, name), 5);
	name[BUDGETS_NAME_MAX] = '\0';
	ck_assert_int_eq(budgets_spent(all, name), 5);
	name[BUDGETS_NAME_MAX - 1] = '\0';
	ck_assert_int_eq(budgets_spent(all, name), 0);
}
END_TEST

static const char *
name_of(unsigned i)
{
	static char name[16];
	snprintf(name, sizeof(name), "%x", i);
	return name;
}

START_TEST(test_budgets_least_recently_used_go_first)
{
	for (unsigned i = 0; i < BUDGETS_MAX; i++)
		budgets_spend(all, name_of(i), 1 + i);
	ck_assert_int_eq(budgets_spent(all, name_of(0)), 1); // a use
	budgets_spend(all, "new", 9);
	ck_assert_int_eq(budgets_spent(all, name_of(1)), 0);
	// Who only asks takes nobody's place.
	ck_assert_int_eq(budgets_spent(all, "other"), 0);
	for (unsigned i = 2; i < BUDGETS_MAX; i++)
		ck_assert_int_eq(budgets_spent(all, name_of(i)), 1 + i);
	ck_assert_int_eq(budgets_spent(all, name_of(0)), 1);
	ck_assert_int_eq(budgets_spent(all, "new"), 9);
	budgets_spend(all, "newer", 1);
	ck_assert_int_eq(budgets_spent(all, name_of(2)), 0);
	ck_assert_int_eq(budgets_spent(all, name_of(3)), 4);
}
END_TEST

START_TEST(test_budgets_free_of_nothing)
{
	budgets_free(NULL);
}
END_TEST

static Suite *
budgets_suite(void)
{
	Suite *s = suite_create("budgets");
	TCase *tc = tcase_create("budgets");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_budgets_add_up_by_message);
	tcase_add_test(tc, test_budgets_without_name_each_has_its_own);
	tcase_add_test(tc, test_budgets_so_much_of_a_name_counts);
	tcase_add_test(tc, test_budgets_least_recently_used_go_first);
	tcase_add_test(tc, test_budgets_free_of_nothing);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(budgets_suite());
}
