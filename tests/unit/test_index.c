// SPDX-License-Identifier: MIT
// The hash table: what was put is found, what was deleted is not.
#include "reach/index.h"

#include "unit.h"

#include <stdbool.h>

static struct index ix;

static void
setup(void)
{
	index_init(&ix, 64);
}

static void
teardown(void)
{
	index_fini(&ix);
}

static bool
has(uint32_t hash, uint32_t id)
{
	uint32_t pos;
	uint32_t found = index_first(&ix, hash, &pos);
	while (found != 0 && found != id)
		found = index_next(&ix, hash, &pos);
	return found == id;
}

START_TEST(test_index_empty_has_nothing)
{
	uint32_t pos;
	ck_assert_uint_eq(index_first(&ix, 0, &pos), 0);
	ck_assert_uint_eq(index_first(&ix, UINT32_MAX, &pos), 0);
}
END_TEST

START_TEST(test_index_finds_what_was_put)
{
	index_put(&ix, 5, 1);
	index_put(&ix, 6, 2);
	ck_assert(has(5, 1));
	ck_assert(has(6, 2));
	ck_assert(!has(5, 2));
	ck_assert(!has(7, 1));
	index_del(&ix, 5, 1);
	ck_assert(!has(5, 1));
	ck_assert(has(6, 2));
}
END_TEST

// Ids with one hash come one after the other, and no other's.
START_TEST(test_index_same_hash)
{
	unsigned seen = 0;
	uint32_t pos;
	for (uint32_t id = 1; id <= 9; id++)
		index_put(&ix, 77, id);
	index_put(&ix, 77 + ix.mask + 1, 10); // the same slot, another hash
	for (uint32_t id = index_first(&ix, 77, &pos); id != 0;
	     id = index_next(&ix, 77, &pos))
		seen |= 1U << id;
	ck_assert_uint_eq(seen, 0x3fe);
	ck_assert(has(77 + ix.mask + 1, 10));
}
END_TEST

// A run that goes round the end of the table, with holes made in it.
START_TEST(test_index_wraps_round)
{
	uint32_t last = ix.mask;
	for (uint32_t id = 1; id <= 8; id++)
		index_put(&ix, last - 1 + id % 3, id);
	for (uint32_t gone = 1; gone <= 8; gone++) {
		index_del(&ix, last - 1 + gone % 3, gone);
		for (uint32_t id = 1; id <= 8; id++)
			ck_assert_msg(has(last - 1 + id % 3, id) == (id > gone),
			    "%u gone, %u", gone, id);
	}
}
END_TEST

// Full to its limit, with hashes that collide in their low bits; compared with
// plain arrays all along.
START_TEST(test_index_random_use)
{
	enum { N = 64 };
	uint32_t hash[N + 1] = {0};
	bool in[N + 1] = {false};
	uint32_t seed = (uint32_t)_i + 1;
	for (int i = 0; i < 20000; i++) {
		seed = seed * 1664525 + 1013904223;
		uint32_t id = (seed >> 10) % N + 1;
		if (in[id]) {
			index_del(&ix, hash[id], id);
		} else {
			hash[id] = seed >> (8 + _i % 16);
			index_put(&ix, hash[id], id);
		}
		in[id] = !in[id];
		if (i % 16 != 0)
			continue;
		for (id = 1; id <= N; id++)
			ck_assert_msg(has(hash[id], id) == in[id],
			    "step %d: id %u", i, id);
	}
}
END_TEST

START_TEST(test_index_room_for_all)
{
	static const uint32_t max[] = {1, 2, 63, 64, 1000, 43691, 43690};
	struct index big;
	index_init(&big, max[_i]);
	ck_assert_uint_eq(big.mask & (big.mask + 1), 0);
	// Never fuller than two thirds, or runs grow long.
	ck_assert_uint_ge(
	    big.mask + UINT64_C(1), (uint64_t)max[_i] + max[_i] / 2);
	index_fini(&big);
}
END_TEST

static Suite *
index_suite(void)
{
	Suite *s = suite_create("index");
	TCase *tc = tcase_create("index");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_index_empty_has_nothing);
	tcase_add_test(tc, test_index_finds_what_was_put);
	tcase_add_test(tc, test_index_same_hash);
	tcase_add_test(tc, test_index_wraps_round);
	tcase_add_loop_test(tc, test_index_random_use, 0, 20);
	tcase_add_loop_test(tc, test_index_room_for_all, 0, 7);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(index_suite());
}
