// SPDX-License-Identifier: MIT
// Tests of the buffers of connections: growth, caps, order of the bytes.

#include "serve/conn_buf.h"

#include "unit/unit.h"

#include <stdint.h>
#include <string.h>

enum { INLINE = 8, CAP = 40 };

static char memory[INLINE];
static struct conn_buf b;

static void
setup(void)
{
	b = (struct conn_buf){.data = memory, .size = INLINE};
}

static void
teardown(void)
{
	conn_buf_shrink(&b, memory, INLINE);
}

// Appends when there is room.
static bool
add(const char *text)
{
	size_t len = strlen(text);

	if (!conn_buf_reserve(&b, len, CAP, memory))
		return false;
	memcpy(b.data + b.end, text, len);
	b.end += len;
	return true;
}

static bool
holds(const char *text)
{
	return conn_buf_len(&b) == strlen(text) &&
	       memcmp(b.data + b.start, text, strlen(text)) == 0;
}

START_TEST(test_conn_buf_stays_inline_while_it_fits)
{
	ck_assert(add("12345678"));
	ck_assert(b.data == memory);
	conn_buf_consume(&b, 5);
	ck_assert(add("9abcd"));
	ck_assert(b.data == memory);
	ck_assert(holds("6789abcd"));
	conn_buf_consume(&b, 8);
	ck_assert_uint_eq(b.start, 0);
	ck_assert_uint_eq(b.end, 0);
}
END_TEST

START_TEST(test_conn_buf_grows_to_its_cap_and_keeps_the_bytes)
{
	ck_assert(add("12345678"));
	conn_buf_consume(&b, 2);
	ck_assert(add("9abcdef"));
	ck_assert(b.data != memory);
	ck_assert(holds("3456789abcdef"));
	// 13 are there.
	ck_assert(!add("1234567890123456789012345678"));
	ck_assert(holds("3456789abcdef"));
	ck_assert(add("123456789012345678901234567"));
	ck_assert_uint_eq(b.size, CAP);
	ck_assert(!add("x"));
	conn_buf_consume(&b, 39);
	ck_assert(holds("7"));
	ck_assert(add("123456789012345678901234567890123456789"));
	ck_assert_uint_eq(b.size, CAP);
	ck_assert(!conn_buf_reserve(&b, SIZE_MAX, CAP, memory));
}
END_TEST

START_TEST(test_conn_buf_shrinks)
{
	ck_assert(add("123456789"));
	conn_buf_shrink(&b, memory, INLINE);
	ck_assert(b.data == memory);
	ck_assert_uint_eq(b.size, INLINE);
	ck_assert(holds(""));
	// Nothing to give back: what is in it stays.
	ck_assert(add("1234"));
	conn_buf_shrink(&b, memory, INLINE);
	ck_assert(holds("1234"));
}
END_TEST

static Suite *
conn_buf_suite(void)
{
	Suite *suite = suite_create("conn_buf");
	TCase *tc = tcase_create("conn_buf");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_conn_buf_stays_inline_while_it_fits);
	tcase_add_test(tc, test_conn_buf_grows_to_its_cap_and_keeps_the_bytes);
	tcase_add_test(tc, test_conn_buf_shrinks);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	return unit_run(conn_buf_suite());
}
