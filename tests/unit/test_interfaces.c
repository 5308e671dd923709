// SPDX-License-Identifier: MIT
// The addresses of this host's interfaces.
#include "base/interfaces.h"

#include <stdlib.h>

#include "unit/unit.h"

// Every host has a loopback interface; who has no IPv4 has ::1 there.
START_TEST(test_interfaces_read)
{
	struct netaddr four, six, *list;
	unsigned n;
	bool found = false;
	ck_assert(netaddr_parse("127.0.0.1", &four));
	ck_assert(netaddr_parse("::1", &six));
	ck_assert(interfaces_read(&list, &n));
	for (unsigned i = 0; i < n; i++) {
		ck_assert_uint_eq(list[i].port, 0);
		found |= netaddr_equal(&list[i], &four) ||
			 netaddr_equal(&list[i], &six);
	}
	ck_assert(found);
	free(list);
}
END_TEST

static Suite *
interfaces_suite(void)
{
	Suite *s = suite_create("interfaces");
	TCase *tc = tcase_create("interfaces");
	tcase_add_test(tc, test_interfaces_read);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(interfaces_suite());
}
