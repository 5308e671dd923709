// SPDX-License-Identifier: MIT
// Tests of base/netaddr: texts, prefixes, and each entry of the IANA
// special-purpose registries with the addresses beside it.
#include <string.h>

#include "base/attr.h"
#include "base/netaddr.h"

#include "unit/unit.h"

static struct netaddr
addr(const char *text)
{
	struct netaddr a;
	ck_assert_msg(netaddr_parse(text, &a), "%s", text);
	return a;
}

struct parse_row {
	const char *text, *want; // NULL: none
};

static void
check_parses(bool (*parse)(const char *text, struct netaddr *out),
    const struct parse_row *rows, size_t n_rows)
{
	for (size_t i = 0; i < n_rows; i++) {
		struct netaddr a;
		char text[NETADDR_TEXT_MAX];
		bool ok = parse(rows[i].text, &a);
		ck_assert_msg(ok == (rows[i].want != NULL), "row %zu", i);
		if (!ok)
			continue;
		ck_assert_msg(
		    strcmp(netaddr_format(&a, text), rows[i].want) == 0,
		    "row %zu: %s", i, text);
		ck_assert_msg(a.port == 0 && a.zero == 0, "row %zu", i);
	}
}

START_TEST(test_netaddr_parse)
{
	static const struct parse_row rows[] = {
	    {"192.0.2.1", "192.0.2.1"},
	    {"0.0.0.0", "0.0.0.0"},
	    {"2001:DB8::1", "2001:db8::1"},
	    {"::", "::"},
	    {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
	    {"", NULL},
	    {" 192.0.2.1", NULL},
	    {"192.0.2.1 ", NULL},
	    {"192.0.2", NULL},
	    {"192.0.2.256", NULL},
	    {"192.0.2.01", NULL},
	    {"0x7f.0.0.1", NULL},
	    {"2130706433", NULL},
	    {"192.0.2.1:25", NULL},
	    {"[2001:db8::1]", NULL},
	    {"fe80::1%lo", NULL},
	    {"2001:db8:::1", NULL},
	    {"mx.example.com", NULL},
	};
	check_parses(netaddr_parse, rows, ARRAY_LEN(rows));
}
END_TEST

START_TEST(test_netaddr_parse_literal)
{
	static const struct parse_row rows[] = {
	    {"192.0.2.1", "192.0.2.1"},
	    {"IPv6:2001:db8::1", "2001:db8::1"},
	    {"ipv6:2001:DB8::1", "2001:db8::1"},
	    {"2001:db8::1", "2001:db8::1"},
	    {"IPv6:192.0.2.1", NULL},
	    {"IPv6:", NULL},
	    {"IPv6:IPv6:::1", NULL},
	    {"IPv4:192.0.2.1", NULL},
	    {"", NULL},
	};
	check_parses(netaddr_parse_literal, rows, ARRAY_LEN(rows));
}
END_TEST

// Each row as Postfix 3.7.11 did with an MX record of that host.
START_TEST(test_netaddr_parse_mx)
{
	static const struct parse_row rows[] = {
	    {"192.0.2.1", "192.0.2.1"},
	    {"010.1.2.3", "8.1.2.3"}, // passes as decimal, is read as octal
	    {"198.51.001.001", "198.51.1.1"},
	    {"0x7f.1", "127.0.0.1"},
	    {"0xc6.0x33.100.1", "198.51.100.1"},
	    {"0xC6336401", "198.51.100.1"},
	    {"2001:DB8::25", "2001:db8::25"},
	    {"::ffff:198.51.100.1", "::ffff:198.51.100.1"},
	    {"0.0.0.0", "0.0.0.0"},
	    {"192.0.2.256", NULL},
	    {"192.0.2.018", NULL}, // no octal number: nor is it a name
	    {"0306.022.01.01", NULL},
	    {"1.2.3", NULL},
	    {"1.2.3.4.5", NULL},
	    {"1..2.3", NULL},
	    {"1.2.3.", NULL},
	    {"3323068673", NULL},
	    {"99999999999999999999.1.1.1", NULL},
	    {"198.1179905", NULL},
	    {"0xffffffffff", NULL}, // a name
	    {"192.0.2.1x", NULL},
	    {"mx.example.123", NULL},
	    {"mx.0x7b", NULL},
	    {"[192.0.2.1]", NULL},
	    {"192\\.0.2.1", NULL},
	    {"192.0.2.1\\032", NULL},
	    {"fe80::1%lo", NULL},
	    {"2001:db8:::1", NULL},
	    {"*", NULL},
	    {"", NULL},
	};
	check_parses(netaddr_parse_mx, rows, ARRAY_LEN(rows));
}
END_TEST

START_TEST(test_netaddr_parse_port)
{
	static const struct parse_row rows[] = {
	    {"192.0.2.1", "192.0.2.1:53"},
	    {"192.0.2.1:1", "192.0.2.1:1"},
	    {"192.0.2.1:65535", "192.0.2.1:65535"},
	    {"2001:db8::1", "[2001:db8::1]:53"},
	    {"2001:db8::1:25", "[2001:db8::1:25]:53"},
	    {"[2001:db8::1]", "[2001:db8::1]:53"},
	    {"[2001:db8::1]:25", "[2001:db8::1]:25"},
	    {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
		"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:53"},
	    {"", NULL},
	    {":", NULL},
	    {":25", NULL},
	    {"[", NULL},
	    {"[]", NULL},
	    {"[]:25", NULL},
	    {"192.0.2.1:", NULL},
	    {"192.0.2.1:0", NULL},
	    {"192.0.2.1:65536", NULL},
	    {"192.0.2.1:4294967321", NULL},
	    {"192.0.2.1:+25", NULL},
	    {"192.0.2.1: 25", NULL},
	    {"192.0.2.1:25 ", NULL},
	    {"192.0.2.1:025", NULL},
	    {"192.0.2.1:25:25", NULL},
	    {"[192.0.2.1]:25", NULL},
	    {"[2001:db8::1", NULL},
	    {"[2001:db8::1]25", NULL},
	    {"[2001:db8::1]:", NULL},
	    {"[2001:db8::1]:0", NULL},
	    {"mx.example.com:25", NULL},
	    {"[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]:1", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct netaddr a;
		char text[NETADDR_TEXT_MAX];
		bool ok = netaddr_parse_port(rows[i].text, 53, &a);
		ck_assert_msg(ok == (rows[i].want != NULL), "row %zu", i);
		ck_assert_msg(!ok || strcmp(netaddr_format_port(&a, text),
					 rows[i].want) == 0,
		    "row %zu: %s", i, text);
	}
}
END_TEST

START_TEST(test_netaddr_none_has_a_text)
{
	struct netaddr none = {0};
	char text[NETADDR_TEXT_MAX];
	ck_assert_str_eq(netaddr_format(&none, text), "-");
	ck_assert_str_eq(netaddr_format_port(&none, text), "-:0");
}
END_TEST

START_TEST(test_netaddr_equal_and_same_ip)
{
	struct netaddr a = addr("192.0.2.1");
	struct netaddr b = a;
	ck_assert(netaddr_equal(&a, &b));
	b.port = 25;
	ck_assert(!netaddr_equal(&a, &b));
	ck_assert(netaddr_same_ip(&a, &b));
	b = addr("192.0.2.2");
	ck_assert(!netaddr_equal(&a, &b));
	ck_assert(!netaddr_same_ip(&a, &b));
	// The same first bytes in another family.
	struct netaddr v4 = addr("32.1.13.184");
	struct netaddr v6 = addr("2001:db8::");
	ck_assert_mem_eq(v4.ip, v6.ip, 16);
	ck_assert(!netaddr_same_ip(&v4, &v6));
}
END_TEST

START_TEST(test_netaddr_sockaddr_round_trip)
{
	static const char *const rows[] = {
	    "192.0.2.1:25", "[2001:db8::1]:25", "0.0.0.0:1", "[::]:65535"};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct netaddr a;
		struct sockaddr_storage ss;
		ck_assert(netaddr_parse_port(rows[i], 0, &a));
		socklen_t len = netaddr_to_sockaddr(&a, &ss);
		ck_assert_uint_eq(len, a.family == AF_INET
					   ? sizeof(struct sockaddr_in)
					   : sizeof(struct sockaddr_in6));
		struct netaddr b = netaddr_from_sockaddr(
		    (const struct sockaddr *)&ss);
		ck_assert_msg(netaddr_equal(&a, &b), "row %zu", i);
	}
}
END_TEST

START_TEST(test_netaddr_sockaddr_mapped_becomes_ipv4)
{
	struct netaddr mapped = addr("::ffff:192.0.2.1");
	mapped.port = 25;
	struct sockaddr_storage ss;
	netaddr_to_sockaddr(&mapped, &ss);
	struct netaddr a = netaddr_from_sockaddr((const struct sockaddr *)&ss);
	char text[NETADDR_TEXT_MAX];
	ck_assert_str_eq(netaddr_format_port(&a, text), "192.0.2.1:25");
	ss.ss_family = AF_UNIX;
	a = netaddr_from_sockaddr((const struct sockaddr *)&ss);
	ck_assert_int_eq(a.family, 0);
}
END_TEST

START_TEST(test_netaddr_unmap)
{
	static const char *const rows[][2] = {
	    {"[::ffff:192.0.2.1]:587", "192.0.2.1:587"},
	    {"[::ffff:0.0.0.0]:25", "0.0.0.0:25"},
	    {"192.0.2.1:25", "192.0.2.1:25"},
	    {"[2001:db8::1]:25", "[2001:db8::1]:25"},
	    {"[::192.0.2.1]:25", "[::192.0.2.1]:25"},
	    {"[::fffe:192.0.2.1]:25", "[::fffe:c000:201]:25"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct netaddr a;
		char text[NETADDR_TEXT_MAX];
		ck_assert(netaddr_parse_port(rows[i][0], 0, &a));
		a = netaddr_unmap(&a);
		ck_assert_str_eq(netaddr_format_port(&a, text), rows[i][1]);
	}
}
END_TEST

START_TEST(test_netaddr_same_host)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
	    {"192.0.2.1", "192.0.2.1", true},
	    {"192.0.2.1", "::ffff:192.0.2.1", true},
	    {"::ffff:192.0.2.1", "::ffff:192.0.2.1", true},
	    {"2001:db8::1", "2001:db8::1", true},
	    {"192.0.2.1", "192.0.2.2", false},
	    {"192.0.2.1", "::192.0.2.1", false},
	    {"192.0.2.1", "2001:db8::1", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct netaddr a, b;
		ck_assert(netaddr_parse_port(rows[i].a, 25, &a));
		ck_assert(netaddr_parse_port(rows[i].b, 587, &b));
		ck_assert_msg(
		    netaddr_same_host(&a, &b) == rows[i].same, "row %zu", i);
		ck_assert_msg(
		    netaddr_same_host(&b, &a) == rows[i].same, "row %zu", i);
	}
}
END_TEST

START_TEST(test_netaddr_mask)
{
	static const struct {
		const char *from;
		unsigned bits;
		const char *want;
	} rows[] = {
	    {"203.0.113.255", 24, "203.0.113.0"},
	    {"203.0.113.255", 25, "203.0.113.128"},
	    {"203.0.113.255", 31, "203.0.113.254"},
	    {"203.0.113.255", 32, "203.0.113.255"},
	    {"203.0.113.255", 0, "0.0.0.0"},
	    {"203.0.113.255", 1, "128.0.0.0"},
	    {"203.0.113.255", 16, "203.0.0.0"},
	    {"2001:db8:ffff:ffff::1", 48, "2001:db8:ffff::"},
	    {"2001:db8:ffff:ffff::1", 33, "2001:db8:8000::"},
	    {"2001:db8::ffff", 127, "2001:db8::fffe"},
	    {"2001:db8::ffff", 128, "2001:db8::ffff"},
	    {"2001:db8::ffff", 0, "::"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct netaddr a = addr(rows[i].from);
		struct netaddr want = addr(rows[i].want);
		a.port = 25;
		struct netaddr got = netaddr_mask(&a, rows[i].bits);
		ck_assert_msg(netaddr_equal(&got, &want), "row %zu", i);
	}
}
END_TEST

START_TEST(test_netprefix_parse)
{
	static const struct {
		const char *text;
		int bits; // negative: no prefix
	} rows[] = {
	    {"203.0.113.0/24", 24},
	    {"203.0.113.5", 32},
	    {"203.0.113.5/32", 32},
	    {"0.0.0.0/0", 0},
	    {"2001:db8::/32", 32},
	    {"2001:db8::1", 128},
	    {"::/0", 0},
	    {"::1/128", 128},
	    {"", -1},
	    {"/", -1},
	    {"/24", -1},
	    {"203.0.113.0/", -1},
	    {"203.0.113.0/33", -1},
	    {"203.0.113.1/24", -1},
	    {"203.0.113.0/-1", -1},
	    {"203.0.113.0/024", -1},
	    {"203.0.113.0/24 ", -1},
	    {"203.0.113.0/24/24", -1},
	    {"203.0.113.0/4294967320", -1},
	    {"203.0.113/24", -1},
	    {"2001:db8::/129", -1},
	    {"2001:db8::1/64", -1},
	    {"[2001:db8::]/32", -1},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct netprefix p;
		bool ok = netprefix_parse(rows[i].text, &p);
		ck_assert_msg(ok == (rows[i].bits >= 0), "row %zu", i);
		ck_assert_msg(!ok || p.bits == rows[i].bits, "row %zu", i);
	}
}
END_TEST

START_TEST(test_netprefix_contains)
{
	static const struct {
		const char *prefix, *address;
		bool want;
	} rows[] = {
	    {"203.0.113.0/24", "203.0.113.0", true},
	    {"203.0.113.0/24", "203.0.113.255", true},
	    {"203.0.113.0/24", "203.0.114.0", false},
	    {"203.0.113.0/24", "203.0.112.255", false},
	    {"203.0.113.128/25", "203.0.113.127", false},
	    {"203.0.113.128/25", "203.0.113.128", true},
	    {"203.0.113.5", "203.0.113.5", true},
	    {"203.0.113.5", "203.0.113.4", false},
	    {"0.0.0.0/0", "255.255.255.255", true},
	    {"0.0.0.0/0", "::", false},
	    {"::/0", "0.0.0.0", false},
	    {"::/0", "ffff::", true},
	    {"2001:db8::/33", "2001:db8:7fff::", true},
	    {"2001:db8::/33", "2001:db8:8000::", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct netprefix p;
		ck_assert(netprefix_parse(rows[i].prefix, &p));
		struct netaddr a = addr(rows[i].address);
		a.port = 25;
		ck_assert_msg(
		    netprefix_contains(&p, &a) == rows[i].want, "row %zu", i);
	}
}
END_TEST

enum { P = NETADDR_PUBLIC, L = NETADDR_LOCAL, N = NETADDR_NEVER, NONE = 99 };

// Each entry: the class of its first and last address, and of the addresses
// just below and above it.
static const struct {
	const char *prefix;
	int class, below, above;
} registry[] = {
    {"0.0.0.0/8", N, NONE, P},
    {"0.0.0.0/32", N, NONE, N},
    {"10.0.0.0/8", L, P, P},
    {"100.64.0.0/10", N, P, P},
    {"127.0.0.0/8", L, P, P},
    {"169.254.0.0/16", N, P, P},
    {"172.16.0.0/12", L, P, P},
    {"192.0.0.0/24", N, P, P},
    {"192.0.0.0/29", N, P, N},
    {"192.0.0.8/32", N, N, P},
    {"192.0.0.9/32", P, N, P},
    {"192.0.0.10/32", P, P, N},
    {"192.0.0.170/32", N, N, N},
    {"192.0.0.171/32", N, N, N},
    {"192.0.2.0/24", L, P, P},
    {"192.31.196.0/24", P, P, P},
    {"192.52.193.0/24", P, P, P},
    {"192.88.99.0/24", N, P, P},
    {"192.168.0.0/16", L, P, P},
    {"192.175.48.0/24", P, P, P},
    {"198.18.0.0/15", L, P, P},
    {"198.51.100.0/24", L, P, P},
    {"203.0.113.0/24", L, P, P},
    {"224.0.0.0/4", N, P, N},
    {"240.0.0.0/4", N, N, NONE},
    {"255.255.255.255/32", N, N, NONE},
    {"::/128", N, NONE, L},
    {"::1/128", L, N, N},
    {"::ffff:0:0/96", N, N, N},
    {"::ffff:8.8.8.8/128", N, N, N},
    {"64:ff9b::8.8.8.0/120", P, P, P},
    {"64:ff9b:1::/48", N, N, N},
    {"100::/64", N, N, N},
    {"100:0:0:1::/64", N, N, N},
    {"2001::/23", N, P, P},
    {"2001::/32", N, P, N},
    {"2001:1::1/128", P, N, P},
    {"2001:1::2/128", P, P, P},
    {"2001:1::3/128", P, P, N},
    {"2001:2::/48", L, N, N},
    {"2001:3::/32", P, N, N},
    {"2001:4:112::/48", P, N, N},
    {"2001:10::/28", N, N, P},
    {"2001:20::/28", P, N, P},
    {"2001:30::/28", P, P, N},
    {"2001:db8::/32", L, P, P},
    {"2002::/16", N, P, P},
    {"2620:4f:8000::/48", P, P, P},
    {"3fff::/20", L, P, P},
    {"5f00::/16", N, N, N},
    {"fc00::/7", L, N, N},
    {"fe80::/10", N, N, N},
    {"fec0::/10", N, N, N},
    {"ff00::/8", N, N, NONE},
    // Not in the registry: global unicast is 2000::/3 and nothing else.
    {"2000::/3", P, N, N},
};

// The address after (step 1) or before (step -1); what wraps is never asked.
static struct netaddr
beside(struct netaddr a, int step)
{
	size_t n = a.family == AF_INET ? 4 : 16;
	for (size_t i = n; i-- > 0;) {
		a.ip[i] = (uint8_t)(a.ip[i] + step);
		if (a.ip[i] != (step > 0 ? 0 : 255))
			break;
	}
	return a;
}

// The last address of a prefix.
static struct netaddr
last_of(const struct netprefix *p)
{
	struct netaddr a = p->net;
	unsigned n = a.family == AF_INET ? 32 : 128;
	for (unsigned bit = p->bits; bit < n; bit++)
		a.ip[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
	return a;
}

static void
check_class(size_t row, struct netaddr a, int want)
{
	char text[NETADDR_TEXT_MAX];
	a.port = 25;
	int got = (int)netaddr_class(&a);
	ck_assert_msg(want == NONE || got == want, "row %zu (%s): %s is %d",
	    row, registry[row].prefix, netaddr_format(&a, text), got);
}

START_TEST(test_netaddr_class_registry)
{
	for (size_t i = 0; i < ARRAY_LEN(registry); i++) {
		struct netprefix p;
		ck_assert(netprefix_parse(registry[i].prefix, &p));
		struct netaddr last = last_of(&p);
		if (p.bits > 3) // 2000::/3 ends in special addresses
			check_class(i, last, registry[i].class);
		check_class(i, p.net, registry[i].class);
		check_class(i, beside(p.net, -1), registry[i].below);
		check_class(i, beside(last, 1), registry[i].above);
	}
}
END_TEST

START_TEST(test_netaddr_class_nat64_of_special_is_never)
{
	static const struct {
		const char *text;
		enum netaddr_class want;
	} rows[] = {
	    {"64:ff9b::", NETADDR_NEVER},
	    {"64:ff9b::10.0.0.1", NETADDR_NEVER},
	    {"64:ff9b::127.0.0.1", NETADDR_NEVER},
	    {"64:ff9b::192.0.2.1", NETADDR_NEVER},
	    {"64:ff9b::192.168.0.1", NETADDR_NEVER},
	    {"64:ff9b::169.254.169.254", NETADDR_NEVER},
	    {"64:ff9b::255.255.255.255", NETADDR_NEVER},
	    {"64:ff9b::1.1.1.1", NETADDR_PUBLIC},
	    {"64:ff9b::1:1.1.1.1", NETADDR_NEVER},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct netaddr a = addr(rows[i].text);
		ck_assert_msg(netaddr_class(&a) == rows[i].want, "row %zu", i);
	}
}
END_TEST

START_TEST(test_netaddr_class_common)
{
	static const struct {
		const char *text;
		enum netaddr_class want;
	} rows[] = {
	    {"74.125.200.27", NETADDR_PUBLIC},
	    {"1.0.0.0", NETADDR_PUBLIC},
	    {"223.255.255.255", NETADDR_PUBLIC},
	    {"2404:6800:4003:c00::1a", NETADDR_PUBLIC},
	    {"240e::1", NETADDR_PUBLIC},
	    {"::2", NETADDR_NEVER},
	    {"::192.0.2.1", NETADDR_NEVER},
	    {"4000::1", NETADDR_NEVER},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct netaddr a = addr(rows[i].text);
		ck_assert_msg(netaddr_class(&a) == rows[i].want, "row %zu", i);
	}
	struct netaddr none = {0};
	ck_assert_int_eq(netaddr_class(&none), NETADDR_NEVER);
}
END_TEST

START_TEST(test_netaddr_is_loopback)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
	    {"127.0.0.1", true},
	    {"127.255.255.255", true},
	    {"126.255.255.255", false},
	    {"128.0.0.1", false},
	    {"0.0.0.0", false},
	    {"::1", true},
	    {"::", false},
	    {"::2", false},
	    {"7f00::1", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct netaddr a = addr(rows[i].text);
		ck_assert_msg(
		    netaddr_is_loopback(&a) == rows[i].want, "row %zu", i);
	}
}
END_TEST

static Suite *
netaddr_suite(void)
{
	Suite *s = suite_create("netaddr");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_netaddr_is_loopback);
	tcase_add_test(tc, test_netaddr_parse);
	tcase_add_test(tc, test_netaddr_parse_literal);
	tcase_add_test(tc, test_netaddr_parse_mx);
	tcase_add_test(tc, test_netaddr_parse_port);
	tcase_add_test(tc, test_netaddr_none_has_a_text);
	tcase_add_test(tc, test_netaddr_equal_and_same_ip);
	tcase_add_test(tc, test_netaddr_sockaddr_round_trip);
	tcase_add_test(tc, test_netaddr_sockaddr_mapped_becomes_ipv4);
	tcase_add_test(tc, test_netaddr_unmap);
	tcase_add_test(tc, test_netaddr_same_host);
	tcase_add_test(tc, test_netaddr_mask);
	tcase_add_test(tc, test_netprefix_parse);
	tcase_add_test(tc, test_netprefix_contains);
	tcase_add_test(tc, test_netaddr_class_registry);
	tcase_add_test(tc, test_netaddr_class_nat64_of_special_is_never);
	tcase_add_test(tc, test_netaddr_class_common);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(netaddr_suite());
}
