// SPDX-License-Identifier: MIT
// Who we are ourselves: names, addresses, ports.
#include "conf/ourselves.h"

#include "base/attr.h"
#include "fake/fakeinterfaces.h"
#include "fake/fakeworld.h"
#include "unit/unit.h"

#include <string.h>

static struct netaddr
address(const char *text)
{
	struct netaddr a;
	ck_assert(netaddr_parse(text, &a));
	return a;
}

static const char *
shown(const char *why)
{
	return why != NULL ? why : "-";
}

#define SELF                                                         \
	"self={names=[\"MX.own.test\"];addresses=[\"198.51.100.7\"," \
	"\"::ffff:198.51.100.8\"];};"

// The same host without and with allow_private.
struct both {
	struct conf *conf[2];
	struct ourselves plain, private;
};

// An interface has 203.0.113.5, another one 2001:db8::5 and a link-local one.
static void
both_init(struct both *b)
{
	struct netaddr interface[] = {
	    address("203.0.113.5"), address("2001:db8::5"), address("fe80::5")};
	b->conf[0] = fakeworld_conf(SELF);
	b->conf[1] = fakeworld_conf(SELF "probe={allow_private=true;};");
	ourselves_init_with(
	    &b->plain, b->conf[0], interface, ARRAY_LEN(interface));
	ourselves_init_with(
	    &b->private, b->conf[1], interface, ARRAY_LEN(interface));
}

static void
both_fini(struct both *b)
{
	ourselves_fini(&b->plain);
	ourselves_fini(&b->private);
	conf_free(b->conf[0]);
	conf_free(b->conf[1]);
}

START_TEST(test_ourselves_addresses)
{
	static const struct {
		const char *address, *why, *private; // with allow_private
	} row[] = {
	    {"198.51.100.7", "self.addresses", "self.addresses"},
	    {"::ffff:198.51.100.7", "self.addresses", "self.addresses"},
	    {"198.51.100.8", "self.addresses", "self.addresses"},
	    {"198.51.100.9", "-", "-"},
	    {"203.0.113.5", "an address of this host", "-"},
	    {"::ffff:203.0.113.5", "an address of this host", "-"},
	    {"203.0.113.6", "-", "-"},
	    {"2001:db8::5", "an address of this host", "-"},
	    {"2001:db8::6", "-", "-"},
	    {"fe80::5", "an address of this host", "-"},
	    {"127.0.0.1", "loopback", "-"},
	    {"127.255.3.4", "loopback", "-"},
	    {"126.255.255.255", "-", "-"},
	    {"128.0.0.1", "-", "-"},
	    {"::1", "loopback", "-"},
	    {"::2", "-", "-"},
	    {"::ffff:127.0.0.1", "loopback", "-"},
	    {"::127.0.0.1", "-", "-"},
	    {"0.0.0.0", "the unspecified address", "-"},
	    {"0.0.0.1", "-", "-"},
	    {"::", "the unspecified address", "-"},
	    {"::ffff:0.0.0.0", "the unspecified address", "-"},
	};
	struct both b;
	both_init(&b);
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct netaddr a = address(row[i].address);
		a.port = 587; // whatever the port
		ck_assert_str_eq(
		    shown(ourselves_why_address(&b.plain, &a)), row[i].why);
		ck_assert_str_eq(shown(ourselves_why_address(&b.private, &a)),
		    row[i].private);
	}
	both_fini(&b);
}
END_TEST

START_TEST(test_ourselves_names)
{
	static const struct {
		const char *name, *why, *private;
	} row[] = {
	    {"mx.own.test", "self.names", "self.names"},
	    {"own.test", "-", "-"},
	    {"a.mx.own.test", "-", "-"},
	    {"localhost", "loopback", "-"},
	    {"relay.localhost", "loopback", "-"},
	    {"relaylocalhost", "-", "-"},
	    {"localhost.test", "-", "-"},
	};
	struct both b;
	both_init(&b);
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		ck_assert_str_eq(
		    shown(ourselves_why_name(&b.plain, row[i].name)),
		    row[i].why);
		ck_assert_str_eq(
		    shown(ourselves_why_name(&b.private, row[i].name)),
		    row[i].private);
	}
	both_fini(&b);
}
END_TEST

START_TEST(test_ourselves_equal)
{
	struct netaddr one = address("203.0.113.5");
	struct netaddr two[] = {one, address("203.0.113.6")};
	struct conf *conf = fakeworld_conf(SELF);
	struct ourselves a, b, c;
	ourselves_init_with(&a, conf, &one, 1);
	ourselves_init_with(&b, conf, two, 1);
	ourselves_init_with(&c, conf, two, 2);
	ck_assert(ourselves_equal(&a, &b));
	ck_assert(!ourselves_equal(&a, &c));
	two[0] = two[1];
	ourselves_fini(&b);
	ourselves_init_with(&b, conf, two, 1);
	ck_assert(!ourselves_equal(&a, &b));
	ourselves_fini(&a);
	ourselves_fini(&b);
	ourselves_fini(&c);
	conf_free(conf);
}
END_TEST

START_TEST(test_ourselves_of_the_interfaces)
{
	struct netaddr one = address("203.0.113.5"), other = address("::1");
	struct conf *conf = fakeworld_conf("");
	struct ourselves o;
	fakeinterfaces_set(&one, 1);
	ck_assert(ourselves_init(&o, conf, NULL));
	ck_assert_ptr_nonnull(ourselves_why_address(&o, &one));
	ck_assert_uint_eq(o.n, 1);
	ourselves_fini(&o);
	fakeinterfaces_set(&other, 1);
	ck_assert(ourselves_init(&o, conf, NULL));
	ck_assert_ptr_null(ourselves_why_address(&o, &one));
	ourselves_fini(&o);
	conf_free(conf);
}
END_TEST

// A reload at a moment when they cannot be read makes no loop.
START_TEST(test_ourselves_keeps_interfaces_that_cannot_be_read)
{
	struct netaddr one = address("203.0.113.5");
	struct netaddr ours = address("198.51.100.7");
	struct conf *conf = fakeworld_conf(SELF), *other = fakeworld_conf("");
	struct ourselves before, o;
	fakeinterfaces_set(&one, 1);
	ck_assert(ourselves_init(&before, conf, NULL));
	fakeinterfaces_break();
	ck_assert(!ourselves_init(&o, other, &before));
	ck_assert_uint_eq(o.n, 1);
	ck_assert_ptr_nonnull(ourselves_why_address(&o, &one));
	ck_assert_ptr_null(ourselves_why_address(&o, &ours));
	ourselves_fini(&o);
	ck_assert(!ourselves_init(&o, conf, &before));
	ck_assert(ourselves_equal(&o, &before));
	ourselves_fini(&o);
	ck_assert(!ourselves_init(&o, other, NULL));
	ck_assert_uint_eq(o.n, 0);
	ourselves_fini(&o);
	ourselves_fini(&before);
	conf_free(conf);
	conf_free(other);
}
END_TEST

START_TEST(test_ourselves_is_mail_port)
{
	ck_assert(ourselves_is_mail_port(25));
	ck_assert(ourselves_is_mail_port(465));
	ck_assert(ourselves_is_mail_port(587));
	ck_assert(!ourselves_is_mail_port(2525));
	ck_assert(!ourselves_is_mail_port(10025));
}
END_TEST

static Suite *
ourselves_suite(void)
{
	Suite *s = suite_create("ourselves");
	TCase *tc = tcase_create("ourselves");
	tcase_add_test(tc, test_ourselves_addresses);
	tcase_add_test(tc, test_ourselves_names);
	tcase_add_test(tc, test_ourselves_equal);
	tcase_add_test(tc, test_ourselves_of_the_interfaces);
	tcase_add_test(tc, test_ourselves_keeps_interfaces_that_cannot_be_read);
	tcase_add_test(tc, test_ourselves_is_mail_port);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(ourselves_suite());
}
