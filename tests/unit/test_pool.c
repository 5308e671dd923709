// SPDX-License-Identifier: MIT
// Objects under 32-bit names: taken, given back, never moved.
#include "reach/pool.h"

#include "unit.h"

#include <stdbool.h>
#include <string.h>

struct thing {
	uint32_t first;
	unsigned char rest[60];
};

enum { MAX = 3 * POOL_CHUNK + 5 };

static struct pool pool;

static void
setup(void)
{
	pool_init(&pool, sizeof(struct thing), MAX);
}

static void
teardown(void)
{
	pool_fini(&pool);
}

static bool
is_zero(const struct thing *t)
{
	static const struct thing zero;
	return memcmp(t, &zero, sizeof(zero)) == 0;
}

START_TEST(test_pool_take_counts_from_one)
{
	for (uint32_t want = 1; want <= 10; want++)
		ck_assert_uint_eq(pool_take(&pool), want);
	ck_assert_uint_eq(pool.used, 10);
}
END_TEST

START_TEST(test_pool_full_gives_nothing)
{
	for (uint32_t i = 1; i <= MAX; i++)
		ck_assert_uint_ne(pool_take(&pool), 0);
	ck_assert_uint_eq(pool_take(&pool), 0);
	ck_assert_uint_eq(pool.used, MAX);
	pool_give(&pool, 7);
	ck_assert_uint_eq(pool_take(&pool), 7);
	ck_assert_uint_eq(pool_take(&pool), 0);
}
END_TEST

START_TEST(test_pool_of_one)
{
	struct pool one;
	pool_init(&one, sizeof(uint32_t), 1);
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(pool_take(&one), 1);
		ck_assert_uint_eq(pool_take(&one), 0);
		pool_give(&one, 1);
	}
	pool_fini(&one);
}
END_TEST

START_TEST(test_pool_take_is_zeroed)
{
	uint32_t id[20];
	for (unsigned i = 0; i < 20; i++) {
		id[i] = pool_take(&pool);
		ck_assert(is_zero(pool_at(&pool, id[i])));
		memset(pool_at(&pool, id[i]), 0xff, sizeof(struct thing));
	}
	for (unsigned i = 0; i < 20; i++)
		pool_give(&pool, id[i]);
	for (unsigned i = 0; i < 20; i++)
		ck_assert(is_zero(pool_at(&pool, pool_take(&pool))));
}
END_TEST

// A flag beyond the first 4 bytes tells a free object from one in use.
START_TEST(test_pool_give_zeroes_all_but_the_first_bytes)
{
	static const unsigned char zero[60];
	uint32_t a = pool_take(&pool), b = pool_take(&pool);
	memset(pool_at(&pool, a), 0xff, sizeof(struct thing));
	memset(pool_at(&pool, b), 0xff, sizeof(struct thing));
	pool_give(&pool, a);
	pool_give(&pool, b);
	const struct thing *t = pool_at(&pool, b);
	ck_assert_mem_eq(t->rest, zero, sizeof(zero));
	ck_assert_uint_eq(pool.used, 0);
}
END_TEST

START_TEST(test_pool_objects_never_move)
{
	uint32_t first = pool_take(&pool);
	struct thing *t = pool_at(&pool, first);
	for (uint32_t i = 2; i <= MAX; i++) {
		struct thing *o = pool_at(&pool, pool_take(&pool));
		o->first = i;
	}
	ck_assert_ptr_eq(pool_at(&pool, first), t);
	for (uint32_t i = 2; i <= MAX; i++) {
		const struct thing *o = pool_at(&pool, i);
		ck_assert_uint_eq(o->first, i);
	}
}
END_TEST

// No id is out twice, however they come and go.
START_TEST(test_pool_random_use)
{
	static bool out[MAX + 1];
	uint32_t seed = 1, used = 0;
	for (int i = 0; i < 100000; i++) {
		seed = seed * 1664525 + 1013904223;
		uint32_t pick = (seed >> 8) % MAX + 1;
		if (out[pick]) {
			out[pick] = false;
			pool_give(&pool, pick);
			used--;
			continue;
		}
		uint32_t id = pool_take(&pool);
		ck_assert(id >= 1 && id <= MAX && !out[id]);
		out[id] = true;
		used++;
	}
	ck_assert_uint_eq(pool.used, used);
}
END_TEST

static Suite *
pool_suite(void)
{
	Suite *s = suite_create("pool");
	TCase *tc = tcase_create("pool");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_pool_take_counts_from_one);
	tcase_add_test(tc, test_pool_full_gives_nothing);
	tcase_add_test(tc, test_pool_of_one);
	tcase_add_test(tc, test_pool_take_is_zeroed);
	tcase_add_test(tc, test_pool_give_zeroes_all_but_the_first_bytes);
	tcase_add_test(tc, test_pool_objects_never_move);
	tcase_add_test(tc, test_pool_random_use);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(pool_suite());
}
