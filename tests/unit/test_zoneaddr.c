// SPDX-License-Identifier: MIT
// Addresses with a zone: what is read, and written again.
#include "base/zoneaddr.h"

#include "base/attr.h"
#include "unit/unit.h"

#include <stdio.h>

static const struct parse_case {
	const char *text;
	const char *out; // NULL: refused
} parse_cases[] = {
    {"192.0.2.1", "192.0.2.1:53"},
    {"192.0.2.1:5353", "192.0.2.1:5353"},
    {"2001:db8::1", "[2001:db8::1]:53"},
    {"[2001:db8::1]:5353", "[2001:db8::1]:5353"},
    {"fe80::53%eth0", "[fe80::53%eth0]:53"},
    {"FE80::53%eth0", "[fe80::53%eth0]:53"},
    {"[fe80::53%eth0]", "[fe80::53%eth0]:53"},
    {"[fe80::53%eth0]:5353", "[fe80::53%eth0]:5353"},
    {"[fe80::53%2]:5353", "[fe80::53%2]:5353"},
    {"febf::1%br-lan.7", "[febf::1%br-lan.7]:53"},
    {"fe80::53%eth0:1", "[fe80::53%eth0:1]:53"}, // a name of old
    {"fe80::53%fifteen-bytes-0", "[fe80::53%fifteen-bytes-0]:53"},
    {"fe80:1111:2222:3333:4444:5555:6666:7777%fifteen-bytes-0",
	"[fe80:1111:2222:3333:4444:5555:6666:7777%fifteen-bytes-0]:53"},
    // The link-local have a zone, and nobody else.
    {"fe80::53", NULL},
    {"[fe80::53]:53", NULL},
    {"2001:db8::1%eth0", NULL},
    {"fec0::1%eth0", NULL},
    {"::1%lo", NULL},
    {"192.0.2.1%eth0", NULL},
    {"192.0.2.1%eth0:53", NULL},
    {"169.254.0.1%eth0", NULL},
    {"fe80::53%", NULL},
    {"[fe80::53%]:53", NULL},
    {"[fe80::53%eth0", NULL},
    {"[fe80::53%eth0]:0", NULL},
    {"[fe80::53%eth0]53", NULL},
    {"[fe80::53]%eth0:53", NULL},
    {"fe80::53%eth0]:53", NULL},
    {"fe80::53%eth0%eth1", NULL},
    {"fe80::53%a/b", NULL},
    {"fe80::53%a b", NULL},
    {"fe80::53%sixteen-bytes-00", NULL},
    {"%eth0", NULL},
    {"%", NULL},
    {"", NULL},
    {"ns.example%eth0", NULL},
};

START_TEST(test_zoneaddr_parse)
{
	const struct parse_case *c = &parse_cases[_i];
	char text[ZONEADDR_TEXT_MAX];
	struct zoneaddr a, again;

	bool ok = zoneaddr_parse_port(c->text, 53, &a);
	ck_assert_msg(ok == (c->out != NULL), "row %d (%s)", _i, c->text);
	if (!ok)
		return;
	ck_assert_str_eq(zoneaddr_format_port(&a, text), c->out);
	ck_assert(zoneaddr_parse_port(text, 1, &again));
	ck_assert(netaddr_equal(&a.addr, &again.addr));
	ck_assert_str_eq(a.zone, again.zone);
	ck_assert_int_eq(zoneaddr_needs_zone(&a), a.zone[0] != '\0');
}
END_TEST

// The interface of the loopback is the one that every host has.
START_TEST(test_zoneaddr_scope)
{
	struct zoneaddr a;
	char text[32];
	unsigned lo = if_nametoindex("lo");

	ck_assert_uint_gt(lo, 0);
	ck_assert(zoneaddr_parse_port("fe80::1%lo", 53, &a));
	ck_assert_uint_eq(zoneaddr_scope(&a), lo);
	snprintf(text, sizeof(text), "fe80::1%%%u", lo);
	ck_assert(zoneaddr_parse_port(text, 53, &a));
	ck_assert_uint_eq(zoneaddr_scope(&a), lo);
	static const char *const none[] = {"fe80::1%no-such-if0", "fe80::1%0",
	    "fe80::1%4294967295", "fe80::1%4294967297", "fe80::1%1x",
	    "fe80::1%99999999999999"};
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		ck_assert(zoneaddr_parse_port(none[i], 53, &a));
		ck_assert_msg(zoneaddr_scope(&a) == 0, "%s", none[i]);
	}
	ck_assert(zoneaddr_parse_port("192.0.2.1", 53, &a));
	ck_assert_uint_eq(zoneaddr_scope(&a), 0);
}
END_TEST

static Suite *
zoneaddr_suite(void)
{
	Suite *s = suite_create("zoneaddr");
	TCase *t = tcase_create("zoneaddr");

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, test_zoneaddr_parse, 0, ARRAY_LEN(parse_cases));
	tcase_add_test(t, test_zoneaddr_scope);
	return s;
}

int
main(void)
{
	return unit_run(zoneaddr_suite());
}
