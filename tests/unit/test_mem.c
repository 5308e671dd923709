// SPDX-License-Identifier: MIT
// Tests of base/mem: what comes back, and that nothing else ever does.
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/bug.h"
#include "base/mem.h"

#include "unit/unit.h"

START_TEST(test_mem_zero_sizes_give_memory)
{
	void *a = xcalloc(0, 8);
	void *b = xcalloc(8, 0);
	void *c = xreallocarray(NULL, 0, 8);
	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_nonnull(c);
	c = xreallocarray(c, 8, 0);
	ck_assert_ptr_nonnull(c);
	free(a);
	free(b);
	free(c);
}
END_TEST

START_TEST(test_mem_calloc_is_zeroed)
{
	static const char zero[4096];
	char *p = xcalloc(64, 64);
	ck_assert_mem_eq(p, zero, sizeof(zero));
	free(p);
}
END_TEST

START_TEST(test_mem_realloc_keeps_content)
{
	char *p = xreallocarray(NULL, 4, 1);
	memcpy(p, "abc", 4);
	p = xreallocarray(p, 100, 1000);
	ck_assert_str_eq(p, "abc");
	free(p);
}
END_TEST

START_TEST(test_mem_strndup_ends_at_nul_or_length)
{
	char *a = xstrdup("abc");
	char *b = xstrndup("abcdef", 3);
	char *c = xstrndup("abc", 10);
	ck_assert_str_eq(a, "abc");
	ck_assert_str_eq(b, "abc");
	ck_assert_str_eq(c, "abc");
	free(a);
	free(b);
	free(c);
}
END_TEST

static void
overflow_calloc(void)
{
	size_t volatile half = SIZE_MAX / 2;
	free(xcalloc(half, 3));
}

static void
overflow_realloc(void)
{
	size_t volatile half = SIZE_MAX / 2;
	free(xreallocarray(NULL, half, 3));
}

static void
failed_assertion(void)
{
	mxd_assert(1 + 1 == 3);
}

START_TEST(test_mem_impossible_ends_the_process)
{
	static void (*const calls[])(void) = {
	    overflow_calloc, overflow_realloc, failed_assertion};
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		pid_t pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			// The last words are not for who reads the tests.
			close(STDERR_FILENO);
			calls[i]();
			_exit(0);
		}
		int status = 0;
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		// A sanitizer's allocator exits where we would abort.
		ck_assert_msg(!WIFEXITED(status) || WEXITSTATUS(status) != 0,
		    "row %zu: went on", i);
	}
}
END_TEST

static Suite *
mem_suite(void)
{
	Suite *s = suite_create("mem");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_mem_zero_sizes_give_memory);
	tcase_add_test(tc, test_mem_calloc_is_zeroed);
	tcase_add_test(tc, test_mem_realloc_keeps_content);
	tcase_add_test(tc, test_mem_strndup_ends_at_nul_or_length);
	tcase_add_test(tc, test_mem_impossible_ends_the_process);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(mem_suite());
}
