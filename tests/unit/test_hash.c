// SPDX-License-Identifier: MIT
// Tests of base/hash against published values of SipHash-1-3.
#include <inttypes.h>

#include "base/attr.h"
#include "base/hash.h"

#include "unit/exact.h"
#include "unit/unit.h"

// Inputs 00, 00 01, 00 01 02 ... under the zero key, by length.
static const uint64_t zero_key[] = {
    UINT64_C(0xd1fba762150c532c),
    UINT64_C(0x68a914128e01e473),
    UINT64_C(0x010bac45c41e3669),
    UINT64_C(0x4d4c9a4a8ef6e0ad),
    UINT64_C(0x7cc43f98813e4dbd),
    UINT64_C(0x5abe2169dff36275),
    UINT64_C(0xe3c25f87624f1cdb),
    UINT64_C(0x2f098ab0c751325a),
    UINT64_C(0xead411e67ebe2eea),
    UINT64_C(0x75927f9d95124362),
    UINT64_C(0xaf9f77a65ab51a1d),
    UINT64_C(0xfe64ce8b6617fcff),
    UINT64_C(0xa6baf4fb0f9fe1c2),
    UINT64_C(0xa0cf3211850f8e0d),
    UINT64_C(0x7f86049379fbfe67),
    UINT64_C(0xf30eb725bb91c9ea),
    UINT64_C(0x8972188433a5c5b7),
};

START_TEST(test_hash_known_values)
{
	struct hash_key zero = {0, 0};
	char bytes[ARRAY_LEN(zero_key)];
	for (size_t len = 0; len < ARRAY_LEN(zero_key); len++) {
		bytes[len] = (char)len;
		char *data = exact_copy(bytes, len);
		uint64_t h = hash_bytes(&zero, data, len);
		ck_assert_msg(
		    h == zero_key[len], "length %zu: %016" PRIx64, len, h);
		free(data);
	}
	struct hash_key key = {
	    UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
	ck_assert_uint_eq(
	    hash_bytes(&key, "", 0), UINT64_C(0xabac0158050fc4dc));
}
END_TEST

START_TEST(test_hash_needs_no_alignment)
{
	struct hash_key key = {1, 2};
	char bytes[] = "xxxxxxxxthe same twenty bytesxxx";
	uint64_t want = hash_bytes(&key, bytes + 8, 20);
	for (size_t i = 0; i < 8; i++) {
		char moved[sizeof(bytes)];
		memcpy(moved + i, bytes + 8, 20);
		ck_assert_uint_eq(hash_bytes(&key, moved + i, 20), want);
	}
}
END_TEST

START_TEST(test_hash_random_keys_differ)
{
	struct hash_key a = hash_key_random();
	struct hash_key b = hash_key_random();
	ck_assert_mem_ne(&a, &b, sizeof(a));
	ck_assert_uint_ne(hash_bytes(&a, "x", 1), hash_bytes(&b, "x", 1));
}
END_TEST

static Suite *
hash_suite(void)
{
	Suite *s = suite_create("hash");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_hash_known_values);
	tcase_add_test(tc, test_hash_needs_no_alignment);
	tcase_add_test(tc, test_hash_random_keys_differ);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(hash_suite());
}
