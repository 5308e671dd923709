// SPDX-License-Identifier: MIT
// The relays: which one a domain goes by, and how their health is found.
#include "route/relays.h"

#include "fake/fakeworld.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

enum { FAST = 15000, TTL_S = 300 };

static struct conf *conf;
static struct ourselves *self; // NULL: nobody
static struct relays *relays;
static int64_t now;
static struct relays_change change;

static void
configure(const char *text)
{
	struct conf *old_conf = conf;
	struct relays *old = relays;
	conf = fakeworld_conf(text);
	relays = relays_new(conf, self, old, now);
	relays_free(old);
	conf_free(old_conf);
}

static void
setup(void)
{
	conf = NULL;
	self = NULL;
	relays = NULL;
	now = 1000000;
}

static void
teardown(void)
{
	relays_free(relays);
	conf_free(conf);
}

static const struct relays_heard good = {OUTCOME_EHLO, 250};
static const struct relays_heard dead = {OUTCOME_CONNECT_TIMEOUT, 0};
static const struct relays_heard put_off = {OUTCOME_REFUSED_SERVICE, 421};
static const struct relays_heard nothing = {OUTCOME_NO_ROUTE, 0};

static enum relays_state
state_of(unsigned relay)
{
	return relays_view(relays, relay).state;
}

// What a relay in this state says to stay in it.
static const struct relays_heard *
same_again(enum relays_state state)
{
	switch (state) {
	case RELAYS_UP:
		return &good;
	case RELAYS_BUSY:
		return &put_off;
	case RELAYS_DOWN:
		break;
	}
	return &dead;
}

// One round of a relay that is an address: its probe hears this. True: a
// change.
static bool
round_of(unsigned relay, const struct relays_heard *heard)
{
	struct relays_due due;
	for (;;) {
		while (!relays_next(relays, now, &due)) {
			int64_t at = relays_next_at(relays, now);
			ck_assert_int_gt(at, now);
			now = at;
		}
		ck_assert(due.probe);
		if (due.relay == relay)
			break;
		// The others stay as they are.
		ck_assert(!relays_tell_probe(relays, due.relay,
		    same_again(state_of(due.relay)), now, &change));
	}
	return relays_tell_probe(relays, relay, heard, now, &change);
}

static void
take_down(unsigned relay)
{
	ck_assert(!round_of(relay, &dead));
	ck_assert(round_of(relay, &dead));
	ck_assert_int_eq(change.new_state, RELAYS_DOWN);
}

static void
make_busy(unsigned relay)
{
	round_of(relay, &good);
	ck_assert(round_of(relay, &put_off));
	ck_assert_int_eq(change.new_state, RELAYS_BUSY);
}

static const char *
via(unsigned list, uint32_t hash)
{
	const struct relays_choice *c = relays_pick(relays, list, hash);
	return c != NULL ? c->via : "-";
}

#define THREE                                                 \
	"relays=({name=\"a\";nexthop=\"[192.0.2.1]:587\";},"  \
	"{name=\"b\";nexthop=\"[192.0.2.2]:587\";weight=2;}," \
	"{name=\"c\";nexthop=\"[192.0.2.3]\";priority=2;});"

// -- which one --------------------------------------------------------------

START_TEST(test_relays_none_configured)
{
	configure("");
	conf->n_relays = 0; // as with none in the file
	relays_free(relays);
	relays = relays_new(conf, NULL, NULL, now);
	ck_assert_ptr_null(relays_pick(relays, RELAYS_ALL, 7));
	ck_assert_uint_eq(relays_count(relays), 0);
	ck_assert_int_eq(relays_next_at(relays, now), INT64_MAX);
	conf->n_relays = 1;
	relays_free(relays);
	relays = relays_new(conf, NULL, NULL, now);
}
END_TEST

START_TEST(test_relays_no_result_yet_is_healthy)
{
	configure(THREE);
	ck_assert_uint_eq(relays_healthy(relays), 3);
	ck_assert_str_eq(via(RELAYS_ALL, 0), "a");
	ck_assert_int_eq(relays_view(relays, 0).observed_at, 0);
}
END_TEST

START_TEST(test_relays_weight_by_hash)
{
	unsigned n[3] = {0};
	configure(THREE);
	for (uint32_t hash = 0; hash < 3000; hash++)
		n[via(RELAYS_ALL, hash)[0] - 'a']++;
	ck_assert_uint_eq(n[0], 1000);
	ck_assert_uint_eq(n[1], 2000);
	ck_assert_uint_eq(n[2], 0); // of a later priority
	// The same domain, the same relay.
	ck_assert_ptr_eq(relays_pick(relays, RELAYS_ALL, 5),
	    relays_pick(relays, RELAYS_ALL, 5));
}
END_TEST

START_TEST(test_relays_priority_and_failover)
{
	configure(THREE);
	take_down(0);
	for (uint32_t hash = 0; hash < 30; hash++)
		ck_assert_str_eq(via(RELAYS_ALL, hash), "b");
	take_down(1);
	for (uint32_t hash = 0; hash < 30; hash++)
		ck_assert_str_eq(via(RELAYS_ALL, hash), "c");
	ck_assert_uint_eq(relays_healthy(relays), 1);
	take_down(2);
	ck_assert_uint_eq(change.healthy, 0);
	ck_assert_uint_eq(change.all, 3);
	ck_assert_ptr_null(relays_pick(relays, RELAYS_ALL, 1));
	ck_assert(!round_of(1, &good));
	ck_assert_ptr_null(relays_pick(relays, RELAYS_ALL, 1));
	ck_assert(round_of(1, &good));
	ck_assert_int_eq(change.new_state, RELAYS_UP);
	ck_assert_uint_eq(change.count, 2);
	ck_assert_str_eq(via(RELAYS_ALL, 0), "b");
}
END_TEST

// A reply names the healthy ones in the order of failover: round the group from
// where the hash points, then the later priorities.
START_TEST(test_relays_order_within_a_reply)
{
	configure(THREE);
	ck_assert_str_eq(relays_pick(relays, RELAYS_ALL, 0)->transport,
	    "OK relay:[192.0.2.1]:587,[192.0.2.2]:587,[192.0.2.3]");
	ck_assert_str_eq(relays_pick(relays, RELAYS_ALL, 1)->transport,
	    "OK relay:[192.0.2.2]:587,[192.0.2.1]:587,[192.0.2.3]");
	ck_assert_str_eq(
	    relays_pick(relays, RELAYS_ALL, 0)->mailer, "OK relay:[192.0.2.1]");
	take_down(1);
	ck_assert_str_eq(relays_pick(relays, RELAYS_ALL, 1)->transport,
	    "OK relay:[192.0.2.1]:587,[192.0.2.3]");
	take_down(2);
	ck_assert_str_eq(relays_pick(relays, RELAYS_ALL, 2)->transport,
	    "OK relay:[192.0.2.1]:587");
}
END_TEST

START_TEST(test_relays_same_transport_only)
{
	configure("relays=({name=\"a\";nexthop=\"[192.0.2.1]\";transport=\"t1\""
		  ";mailer=\"m1\";},"
		  "{name=\"b\";nexthop=\"[192.0.2.2]\";transport=\"t2\";},"
		  "{name=\"c\";nexthop=\"[192.0.2.3]\";transport=\"t1\";},"
		  "{name=\"d\";nexthop=\"[192.0.2.4]\";transport=\"t1\";"
		  "priority=9;});");
	ck_assert_str_eq(relays_pick(relays, RELAYS_ALL, 0)->transport,
	    "OK t1:[192.0.2.1],[192.0.2.3],[192.0.2.4]");
	ck_assert_str_eq(
	    relays_pick(relays, RELAYS_ALL, 0)->mailer, "OK m1:[192.0.2.1]");
	ck_assert_str_eq(
	    relays_pick(relays, RELAYS_ALL, 1)->transport, "OK t2:[192.0.2.2]");
	ck_assert_str_eq(relays_pick(relays, RELAYS_ALL, 2)->transport,
	    "OK t1:[192.0.2.3],[192.0.2.1],[192.0.2.4]");
}
END_TEST

// Sendmail writes address literals as RFC 5321 section 4.1.3 does.
START_TEST(test_relays_literals_for_sendmail)
{
	configure("relays=({nexthop=\"[2001:db8::1]:587\";});");
	ck_assert_str_eq(relays_pick(relays, RELAYS_ALL, 0)->transport,
	    "OK relay:[2001:db8::1]:587");
	ck_assert_str_eq(relays_pick(relays, RELAYS_ALL, 0)->mailer,
	    "OK relay:[IPv6:2001:db8::1]");
	configure("relays=({nexthop=\"[192.0.2.1]:587\";});");
	ck_assert_str_eq(
	    relays_pick(relays, RELAYS_ALL, 0)->mailer, "OK relay:[192.0.2.1]");
}
END_TEST

// No more than RELAYS_LISTED, and no more than a reply holds.
START_TEST(test_relays_long_lists_are_cut)
{
	static char text[16384];
	int len = snprintf(text, sizeof(text), "relays=(");
	for (int i = 0; i < 20; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len,
		    "%s{name=\"r%d\";nexthop=\"[r%02d.%060d.%060d.%060d.test]:"
		    "587\";}",
		    i > 0 ? "," : "", i, i, i, i, i);
	snprintf(text + len, sizeof(text) - (size_t)len, ");");
	configure(text);
	for (uint32_t hash = 0; hash < 20; hash++) {
		const char *t =
		    relays_pick(relays, RELAYS_ALL, hash)->transport;
		unsigned named = 0;
		for (const char *p = t; (p = strchr(p, '[')) != NULL; p++)
			named++;
		ck_assert_uint_eq(named, RELAYS_LISTED);
		ck_assert_uint_lt(strlen(t), 2048);
		ck_assert_str_eq(t + strlen(t) - 4, ":587"); // none is cut
	}
}
END_TEST

START_TEST(test_relays_lists_of_rules)
{
	configure(THREE "rules=({domain=[\"a.test\"];},"
			"{domain=[\"b.test\"];relays=[\"c\",\"a\"];},"
			"{domain=[\"c.test\"];relays=[\"c\"];});");
	ck_assert_uint_eq(relays_list_of_rule(relays, RULES_NONE), RELAYS_ALL);
	ck_assert_uint_eq(relays_list_of_rule(relays, 0), RELAYS_ALL);
	unsigned ac = relays_list_of_rule(relays, 1);
	unsigned c = relays_list_of_rule(relays, 2);
	for (uint32_t hash = 0; hash < 10; hash++) {
		ck_assert_str_eq(via(ac, hash), "a"); // by priority
		ck_assert_str_eq(via(c, hash), "c");
	}
	ck_assert_str_eq(
	    relays_pick(relays, c, 1)->transport, "OK relay:[192.0.2.3]");
	take_down(0);
	ck_assert_str_eq(via(ac, 1), "c");
	take_down(2);
	ck_assert_ptr_null(relays_pick(relays, ac, 1));
	ck_assert_ptr_null(relays_pick(relays, c, 1));
	ck_assert_str_eq(via(RELAYS_ALL, 1), "b");
}
END_TEST

START_TEST(test_relays_have_name_and_address)
{
	struct netaddr a;
	configure("relays=({nexthop=\"[r.test]:587\";},"
		  "{nexthop=\"[192.0.2.9]\";});");
	ck_assert(relays_have_name(relays, "r.test"));
	ck_assert(!relays_have_name(relays, "x.r.test"));
	ck_assert(netaddr_parse("192.0.2.9", &a));
	ck_assert(relays_have_address(relays, &a));
	a.port = 25; // whatever the port
	ck_assert(relays_have_address(relays, &a));
	ck_assert(netaddr_parse("192.0.2.8", &a));
	ck_assert(!relays_have_address(relays, &a));
}
END_TEST

// -- health -----------------------------------------------------------------

START_TEST(test_relays_is_healthy)
{
	enum outcome o = (enum outcome)_i;
	configure("probe={fall=1;rise=1;};"
		  "relays=({name=\"s\";nexthop=\"[192.0.2.1]\";},"
		  "{name=\"c\";nexthop=\"[192.0.2.2]:465\";probe=\"connect\";}"
		  ");");
	bool smtp = o == OUTCOME_EHLO || o == OUTCOME_STARTTLS_OFFERED;
	bool up = outcome_says(o) == OUTCOME_SAYS_UP;
	bool says_nothing = outcome_says(o) == OUTCOME_SAYS_NOTHING;
	struct relays_heard heard = {.outcome = o};
	round_of(0, &heard);
	round_of(1, &heard);
	ck_assert_msg((state_of(0) == RELAYS_UP) == (smtp || says_nothing),
	    "smtp: %s", outcome_name(o));
	ck_assert_msg((state_of(1) == RELAYS_UP) == (up || says_nothing),
	    "connect: %s", outcome_name(o));
}
END_TEST

START_TEST(test_relays_fall_and_rise)
{
	configure("probe={fall=3;rise=2;};"
		  "relays=({name=\"a\";nexthop=\"[192.0.2.1]\";});");
	ck_assert(!round_of(0, &dead));
	ck_assert(!round_of(0, &dead));
	ck_assert(!round_of(0, &good)); // begins the count anew
	ck_assert(!round_of(0, &dead));
	ck_assert(!round_of(
	    0, &(struct relays_heard){OUTCOME_LOCAL_ERROR, 0})); // does not
	ck_assert(!round_of(0, &dead));
	ck_assert(
	    round_of(0, &(struct relays_heard){OUTCOME_CONNECT_REFUSED, 0}));
	ck_assert_uint_eq(change.count, 3);
	ck_assert_int_eq(change.outcome, OUTCOME_CONNECT_REFUSED);
	ck_assert_str_eq(change.name, "a");
	ck_assert(!round_of(0, &good));
	ck_assert(!round_of(0, &dead));
	ck_assert(!round_of(0, &good));
	ck_assert(round_of(0, &good));
	ck_assert_int_eq(change.new_state, RELAYS_UP);
}
END_TEST

// Every fast_interval, wanted or not; one question at a time.
START_TEST(test_relays_probed_every_fast_interval)
{
	struct relays_due due;
	configure("relays=({name=\"a\";nexthop=\"[192.0.2.1]:587\";});");
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(relays_next_at(relays, now), now);
		ck_assert(relays_next(relays, now, &due));
		ck_assert(due.probe && !due.connect_only);
		ck_assert_uint_eq(due.to.port, 587);
		ck_assert(!relays_next(relays, now, &due));
		ck_assert_int_eq(relays_next_at(relays, now), INT64_MAX);
		int64_t begun = now;
		now += 700;
		relays_tell_probe(relays, 0, &good, now, &change);
		ck_assert_int_eq(relays_view(relays, 0).observed_at, now);
		ck_assert_int_eq(relays_next_at(relays, now), begun + FAST);
		now = begun + FAST - 1;
		ck_assert(!relays_next(relays, now, &due));
		now++;
	}
}
END_TEST

START_TEST(test_relays_probe_none)
{
	struct relays_due due;
	configure("relays=({nexthop=\"[r.test]\";probe=\"none\";});");
	ck_assert(!relays_next(relays, now + 1000000, &due));
	ck_assert_int_eq(relays_next_at(relays, now), INT64_MAX);
	ck_assert_uint_eq(relays_healthy(relays), 1);
}
END_TEST

START_TEST(test_relays_probe_connect)
{
	struct relays_due due;
	configure("relays=({nexthop=\"[192.0.2.1]:465\";probe=\"connect\";});");
	ck_assert(relays_next(relays, now, &due));
	ck_assert(due.connect_only);
	ck_assert_uint_eq(due.to.port, 465);
}
END_TEST

// -- names ------------------------------------------------------------------

static struct answer_addr
answer_of(const char *addresses)
{
	struct answer_addr a = {.ttl_s = TTL_S};
	char text[64];
	int used;
	for (; sscanf(addresses, "%63s%n", text, &used) == 1; addresses += used)
		ck_assert(netaddr_parse(text, &a.addr[a.n++]));
	a.outcome = a.n > 0 ? ANSWER_OK : ANSWER_NODATA;
	return a;
}

// Expects a question about a family, and answers it.
static bool
resolve(int family, const struct answer_addr *answer)
{
	struct relays_due due;
	ck_assert(relays_next(relays, now, &due));
	ck_assert(!due.probe);
	ck_assert_str_eq(due.name, "r.test");
	ck_assert_int_eq(due.family, family);
	return relays_tell_address(
	    relays, due.relay, family, answer, now, &change);
}

// Expects the questions about both families, and answers them. True: a change,
// which the first answer alone never makes.
static bool
resolve_both(const struct answer_addr *v4, const struct answer_addr *v6)
{
	ck_assert(!resolve(AF_INET, v4));
	return resolve(AF_INET6, v6);
}

// Expects a probe to this address.
static bool
probe(const char *address, enum outcome outcome)
{
	struct relays_due due;
	char text[NETADDR_TEXT_MAX];
	ck_assert(relays_next(relays, now, &due));
	ck_assert(due.probe);
	ck_assert_str_eq(netaddr_format(&due.to, text), address);
	ck_assert_uint_eq(due.to.port, 587);
	int code = outcome == OUTCOME_EHLO ? 250 : 0;
	if (outcome == OUTCOME_REFUSED_SERVICE)
		code = 421;
	return relays_tell_probe(relays, due.relay,
	    &(struct relays_heard){outcome, code}, now, &change);
}

#define BY_NAME "relays=({name=\"r\";nexthop=\"[r.test]:587\";});"

START_TEST(test_relays_addresses_in_turn)
{
	struct relays_due due;
	struct netaddr a;
	struct answer_addr v4 = answer_of("192.0.2.1 192.0.2.2");
	struct answer_addr v6 = answer_of("2001:db8::1");
	configure(BY_NAME);
	resolve_both(&v4, &v6);
	probe("192.0.2.1", OUTCOME_CONNECT_TIMEOUT);
	probe("192.0.2.2", OUTCOME_EHLO); // one is enough
	ck_assert(!relays_next(relays, now, &due));
	now += FAST; // its addresses hold
	probe("192.0.2.1", OUTCOME_CONNECT_TIMEOUT);
	probe("192.0.2.2", OUTCOME_CLOSED_EARLY);
	ck_assert(!probe("2001:db8::1", OUTCOME_NO_ROUTE));
	now += FAST;
	probe("192.0.2.1", OUTCOME_CONNECT_TIMEOUT);
	probe("192.0.2.2", OUTCOME_CONNECT_TIMEOUT);
	ck_assert(probe("2001:db8::1", OUTCOME_NO_ROUTE)); // all failed: down
	ck_assert(netaddr_parse("2001:db8::1", &a));
	ck_assert(relays_have_address(relays, &a));
}
END_TEST

// However many its IPv4 addresses are, its IPv6 address has its turn.
START_TEST(test_relays_keep_all_that_an_answer_keeps)
{
	struct answer_addr v4 = {.ttl_s = TTL_S, .n = ANSWER_ADDR_MAX};
	struct answer_addr v6 = answer_of("2001:db8::1");
	char text[NETADDR_TEXT_MAX];
	for (unsigned i = 0; i < v4.n; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u", i + 1);
		ck_assert(netaddr_parse(text, &v4.addr[i]));
	}
	configure(BY_NAME);
	resolve_both(&v4, &v6);
	for (unsigned i = 0; i < v4.n; i++)
		ck_assert(relays_have_address(relays, &v4.addr[i]));
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < v4.n; i++) {
			netaddr_format(&v4.addr[i], text);
			ck_assert(!probe(text, OUTCOME_CONNECT_TIMEOUT));
		}
		ck_assert(!probe("2001:db8::1", OUTCOME_EHLO));
		now += FAST;
	}
	ck_assert_int_eq(state_of(0), RELAYS_UP);
}
END_TEST

// Expects a probe to this address; how long its greeting may take. It greets
// after `took_ms`, 0: not.
static int64_t
greeting_of(const char *address, int64_t took_ms)
{
	struct relays_due due;
	char text[NETADDR_TEXT_MAX];
	ck_assert(relays_next(relays, now, &due));
	ck_assert_str_eq(netaddr_format(&due.to, text), address);
	if (took_ms > 0)
		relays_tell_greeting(relays, due.relay, took_ms);
	relays_tell_probe(
	    relays, due.relay, took_ms > 0 ? &good : &dead, now, &change);
	return due.greeting_timeout_ms;
}

// Each address by what was heard of it, over reloads and new answers, too.
START_TEST(test_relays_greeting_timeout_by_address)
{
	struct answer_addr both = answer_of("192.0.2.1 192.0.2.2");
	struct answer_addr turned = answer_of("192.0.2.2 192.0.2.3 192.0.2.1");
	struct answer_addr none = answer_of("");
	configure(BY_NAME);
	resolve_both(&both, &none);
	ck_assert_int_eq(greeting_of("192.0.2.1", 0), 45000);
	ck_assert_int_eq(greeting_of("192.0.2.2", 200), 45000);
	now += FAST;
	ck_assert_int_eq(greeting_of("192.0.2.1", 9000), 45000);
	now += FAST;
	ck_assert_int_eq(greeting_of("192.0.2.1", 0), 27000);
	ck_assert_int_eq(greeting_of("192.0.2.2", 200), 20000);
	now += TTL_S * 1000;
	resolve_both(&turned, &none);
	ck_assert_int_eq(greeting_of("192.0.2.2", 0), 20000);
	ck_assert_int_eq(greeting_of("192.0.2.3", 0), 45000);
	ck_assert_int_eq(greeting_of("192.0.2.1", 0), 27000);
	configure("probe={reply_timeout=\"30s\";};" BY_NAME);
	now += FAST;
	ck_assert_int_eq(greeting_of("192.0.2.2", 0), 30000);
	ck_assert_int_eq(greeting_of("192.0.2.3", 0), 45000);
	ck_assert_int_eq(greeting_of("192.0.2.1", 0), 30000);
	ck_assert_int_eq(state_of(0), RELAYS_DOWN);
	now += FAST;
	ck_assert_int_eq(greeting_of("192.0.2.2", 0), 45000); // no hurry
}
END_TEST

START_TEST(test_relays_resolved_anew_after_the_ttl)
{
	struct answer_addr v4 = answer_of("192.0.2.1");
	struct answer_addr other = answer_of("192.0.2.7");
	struct answer_addr none = answer_of("");
	struct answer_addr failed = {.outcome = ANSWER_TIMEOUT};
	int64_t begun = now;
	configure(BY_NAME);
	resolve_both(&v4, &none);
	probe("192.0.2.1", OUTCOME_EHLO);
	for (now += FAST; now < begun + TTL_S * 1000; now += FAST)
		probe("192.0.2.1", OUTCOME_EHLO);
	resolve_both(&failed, &none); // a failure keeps them
	probe("192.0.2.1", OUTCOME_EHLO);
	now += FAST; // and asks again at the next round
	resolve_both(&other, &none);
	probe("192.0.2.7", OUTCOME_EHLO);
	ck_assert_uint_eq(relays_healthy(relays), 1);
}
END_TEST

START_TEST(test_relays_resolve_failures)
{
	static const enum answer_outcome row[] = {
	    ANSWER_SERVFAIL, ANSWER_TIMEOUT, ANSWER_NXDOMAIN, ANSWER_NODATA};
	struct answer_addr failed = {.outcome = row[_i]};
	struct answer_addr v4 = answer_of("192.0.2.1");
	struct answer_addr v6 = answer_of("2001:db8::1");
	// Round after round, however long "there is none" may be kept.
	configure(BY_NAME);
	ck_assert(!resolve_both(&failed, &failed));
	now += FAST;
	ck_assert(resolve_both(&failed, &failed));
	ck_assert_int_eq(change.new_state, RELAYS_DOWN);
	ck_assert_int_eq(change.outcome, OUTCOME_NONE);
	ck_assert_int_eq(change.dns, row[_i]);
	for (int i = 0; i < 2; i++) {
		now += FAST;
		if (i == 0)
			resolve_both(&v4, &v6);
		ck_assert(probe("192.0.2.1", OUTCOME_EHLO) == (i == 1));
	}
}
END_TEST

START_TEST(test_relays_family_that_is_not_probed)
{
	struct answer_addr v4 = answer_of("192.0.2.1");
	struct answer_addr v6 = answer_of("2001:db8::1");
	configure("probe={protocols=[\"ipv6\"];};" BY_NAME);
	resolve(AF_INET6, &v6);
	probe("2001:db8::1", OUTCOME_EHLO);
	relays_free(relays);
	relays = NULL;
	conf_free(conf);
	conf = NULL;
	configure("probe={protocols=[\"ipv4\"];};" BY_NAME);
	resolve(AF_INET, &v4);
	probe("192.0.2.1", OUTCOME_EHLO);
}
END_TEST

// -- busy -------------------------------------------------------------------

START_TEST(test_relays_is_put_off)
{
	static const struct {
		struct relays_heard heard;
		bool put_off;
	} row[] = {
	    {{OUTCOME_REFUSED_SERVICE, 421}, true},
	    {{OUTCOME_REFUSED_SERVICE, 450}, true},
	    {{OUTCOME_REFUSED_SERVICE, 499}, true},
	    {{OUTCOME_REFUSED_SERVICE, 554}, false},
	    {{OUTCOME_REFUSED_SERVICE, 500}, false},
	    {{OUTCOME_EHLO_REFUSED, 421}, true},
	    {{OUTCOME_EHLO_REFUSED, 502}, false},
	    {{OUTCOME_EHLO_REFUSED, 251}, false},
	    {{OUTCOME_EHLO, 250}, false},
	    {{OUTCOME_REPLY_TIMEOUT, 421}, false}, // it fell silent after that
	    {{OUTCOME_CONNECT_TIMEOUT, 0}, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		ck_assert_msg(
		    relays_is_put_off(&row[i].heard) == row[i].put_off,
		    "row %zu", i);
}
END_TEST

// What a relay is after these rounds, with fall and rise 2: g a good answer, b
// a 4xx, x a failure, r a 5xx, n nothing learnt. U up, B busy, D down.
START_TEST(test_relays_busy_as_long_as_it_is_put_off)
{
	static const struct {
		const char *heard, *want;
	} row[] = {
	    {"gb", "UB"},		// at the first one
	    {"gbbbbbbbb", "UBBBBBBBB"}, // never down by it
	    {"gbg", "UBU"},		// up at the first good answer
	    {"gbxg", "UBBU"},
	    {"gbxx", "UBBD"},	    // failures count from there
	    {"gbxbxbx", "UBBBBBB"}, // and a 4xx begins the count anew
	    {"gxbx", "UUBB"},
	    {"gbrr", "UBBD"},	    // a 5xx is a failure
	    {"gbnnnb", "UBBBBB"},   // nothing is nothing
	    {"gbbxxbb", "UBBBDDB"}, // back by rise answers, and busy
	    {"gxxbg", "UUDDU"},	    // back by rise answers, and up
	    {"gxxgb", "UUDDB"},
	    {"gxxbxb", "UUDDDD"},
	    {"bb", "UD"},	  // it never answered well
	    {"bbbbbb", "UDDDDD"}, // however long
	    {"bg", "UU"},
	    {"xxbbggb", "UDDDDUB"},
	};
	static const struct relays_heard refused = {
	    OUTCOME_REFUSED_SERVICE, 554};
	const char *heard = row[_i].heard, *want = row[_i].want;
	configure("relays=({name=\"a\";nexthop=\"[192.0.2.1]\";});");
	enum relays_state before = RELAYS_UP;
	for (size_t i = 0; heard[i] != '\0'; i++) {
		bool changed = round_of(0, heard[i] == 'g'   ? &good
					   : heard[i] == 'b' ? &put_off
					   : heard[i] == 'x' ? &dead
					   : heard[i] == 'r' ? &refused
							     : &nothing);
		ck_assert_msg("UBD"[state_of(0)] == want[i], "%s: %zu: %s",
		    heard, i, relays_state_name(state_of(0)));
		ck_assert(changed == (state_of(0) != before));
		if (changed) {
			ck_assert_int_eq(change.old_state, before);
			ck_assert_int_eq(change.new_state, state_of(0));
		}
		before = state_of(0);
		ck_assert_uint_eq(
		    relays_healthy(relays), before != RELAYS_DOWN);
		ck_assert((relays_pick(relays, RELAYS_ALL, 1) != NULL) ==
			  (before != RELAYS_DOWN));
	}
}
END_TEST

START_TEST(test_relays_busy_change)
{
	configure(THREE);
	for (int i = 0; i < 5; i++)
		ck_assert(!round_of(0, &good));
	ck_assert(round_of(0, &put_off));
	ck_assert_str_eq(change.name, "a");
	ck_assert_int_eq(change.old_state, RELAYS_UP);
	ck_assert_int_eq(change.outcome, OUTCOME_REFUSED_SERVICE);
	ck_assert_uint_eq(change.count, 1);
	ck_assert_uint_eq(change.healthy, 3);
	ck_assert_uint_eq(change.all, 3);
	ck_assert(!round_of(0, &dead));
	ck_assert(round_of(0, &dead));
	ck_assert_int_eq(change.old_state, RELAYS_BUSY);
	ck_assert_uint_eq(change.count, 2);
	ck_assert_uint_eq(change.healthy, 2);
	static const struct relays_heard ehlo = {OUTCOME_EHLO_REFUSED, 421};
	ck_assert(!round_of(0, &ehlo));
	ck_assert(round_of(0, &ehlo));
	ck_assert_int_eq(change.old_state, RELAYS_DOWN);
	ck_assert_int_eq(change.new_state, RELAYS_BUSY);
	ck_assert_int_eq(change.outcome, OUTCOME_EHLO_REFUSED);
	ck_assert(round_of(0, &good));
	ck_assert_int_eq(change.old_state, RELAYS_BUSY);
	ck_assert_uint_eq(change.count, 1);
}
END_TEST

// After every one that is up, of any priority; its weight goes to the next.
START_TEST(test_relays_busy_is_last)
{
	configure(THREE);
	make_busy(0);
	for (uint32_t hash = 0; hash < 3; hash++) {
		const struct relays_choice *c = relays_pick(
		    relays, RELAYS_ALL, hash);
		ck_assert_str_eq(c->via, "b");
		ck_assert_str_eq(c->transport,
		    "OK relay:[192.0.2.2]:587,[192.0.2.3],[192.0.2.1]:587");
		ck_assert_str_eq(c->mailer, "OK relay:[192.0.2.2]");
	}
	make_busy(1);
	ck_assert_str_eq(relays_pick(relays, RELAYS_ALL, 0)->via, "c");
	ck_assert_str_eq(relays_pick(relays, RELAYS_ALL, 0)->transport,
	    "OK relay:[192.0.2.3],[192.0.2.1]:587,[192.0.2.2]:587");
	take_down(2);
	// None that is up: among the busy ones as among those.
	ck_assert_str_eq(relays_pick(relays, RELAYS_ALL, 0)->transport,
	    "OK relay:[192.0.2.1]:587,[192.0.2.2]:587");
	ck_assert_str_eq(relays_pick(relays, RELAYS_ALL, 1)->transport,
	    "OK relay:[192.0.2.2]:587,[192.0.2.1]:587");
	ck_assert_uint_eq(relays_healthy(relays), 2);
	ck_assert(round_of(1, &good));
	ck_assert_str_eq(relays_pick(relays, RELAYS_ALL, 0)->transport,
	    "OK relay:[192.0.2.2]:587,[192.0.2.1]:587");
}
END_TEST

START_TEST(test_relays_all_busy_are_used)
{
	unsigned n[3] = {0};
	configure(THREE);
	for (unsigned i = 0; i < 3; i++)
		make_busy(i);
	ck_assert_uint_eq(relays_healthy(relays), 3);
	for (uint32_t hash = 0; hash < 3000; hash++)
		n[via(RELAYS_ALL, hash)[0] - 'a']++;
	ck_assert_uint_eq(n[0], 1000); // by weight, in the first priority
	ck_assert_uint_eq(n[1], 2000);
	ck_assert_str_eq(relays_pick(relays, RELAYS_ALL, 1)->transport,
	    "OK relay:[192.0.2.2]:587,[192.0.2.1]:587,[192.0.2.3]");
}
END_TEST

START_TEST(test_relays_busy_in_the_lists_of_rules)
{
	configure(THREE "rules=({domain=[\"b.test\"];relays=[\"c\",\"a\"];},"
			"{domain=[\"c.test\"];relays=[\"a\"];});");
	unsigned ac = relays_list_of_rule(relays, 0);
	unsigned a = relays_list_of_rule(relays, 1);
	make_busy(0);
	ck_assert_str_eq(relays_pick(relays, ac, 0)->transport,
	    "OK relay:[192.0.2.3],[192.0.2.1]:587");
	ck_assert_str_eq(
	    relays_pick(relays, a, 0)->transport, "OK relay:[192.0.2.1]:587");
}
END_TEST

// A busy one of another transport is no failover of the first one's.
START_TEST(test_relays_busy_of_another_transport)
{
	configure(
	    "relays=({name=\"a\";nexthop=\"[192.0.2.1]\";transport=\"t1\";"
	    "},{name=\"b\";nexthop=\"[192.0.2.2]\";transport=\"t2\";});");
	make_busy(0);
	for (uint32_t hash = 0; hash < 2; hash++)
		ck_assert_str_eq(
		    relays_pick(relays, RELAYS_ALL, hash)->transport,
		    "OK t2:[192.0.2.2]");
	make_busy(1);
	ck_assert_str_eq(
	    relays_pick(relays, RELAYS_ALL, 0)->transport, "OK t1:[192.0.2.1]");
}
END_TEST

// The MTA tries all addresses, so the best one says what the relay is.
START_TEST(test_relays_busy_at_one_of_its_addresses)
{
	struct answer_addr v4 = answer_of("192.0.2.1 192.0.2.2 192.0.2.3");
	struct answer_addr none = answer_of("");
	configure(BY_NAME);
	resolve_both(&v4, &none);
	ck_assert(!probe("192.0.2.1", OUTCOME_EHLO));
	now += FAST;
	ck_assert(!probe("192.0.2.1", OUTCOME_REFUSED_SERVICE));
	ck_assert(!probe("192.0.2.2", OUTCOME_EHLO));
	ck_assert_int_eq(state_of(0), RELAYS_UP);
	now += FAST;
	ck_assert(!probe("192.0.2.1", OUTCOME_CONNECT_TIMEOUT));
	ck_assert(!probe("192.0.2.2", OUTCOME_REFUSED_SERVICE));
	ck_assert(probe("192.0.2.3", OUTCOME_CONNECT_TIMEOUT));
	ck_assert_int_eq(change.new_state, RELAYS_BUSY);
	ck_assert_int_eq(change.outcome, OUTCOME_REFUSED_SERVICE);
	for (int i = 0; i < 2; i++) {
		now += FAST;
		ck_assert(!probe("192.0.2.1", OUTCOME_CONNECT_TIMEOUT));
		ck_assert(!probe("192.0.2.2", OUTCOME_NO_ROUTE));
		ck_assert(
		    probe("192.0.2.3", OUTCOME_CONNECT_TIMEOUT) == (i == 1));
	}
	ck_assert_int_eq(change.new_state, RELAYS_DOWN);
	ck_assert_int_eq(change.outcome, OUTCOME_CONNECT_TIMEOUT);
}
END_TEST

// The depth of its probe is the handshake, and no greeting is heard.
START_TEST(test_relays_probe_connect_is_never_busy)
{
	static const struct relays_heard connected = {OUTCOME_CONNECTED, 0};
	configure("relays=({nexthop=\"[192.0.2.1]:465\";probe=\"connect\";});");
	ck_assert(!round_of(0, &connected));
	ck_assert(!round_of(0, &put_off));
	ck_assert_int_eq(state_of(0), RELAYS_UP);
}
END_TEST

START_TEST(test_relays_busy_over_a_reload)
{
	configure(THREE);
	make_busy(0);
	configure(THREE);
	ck_assert_int_eq(state_of(0), RELAYS_BUSY);
	ck_assert_str_eq(via(RELAYS_ALL, 0), "b");
	ck_assert(!round_of(0, &put_off));
	ck_assert(round_of(0, &good));
	configure(THREE); // that it ever answered well is kept, too
	ck_assert(round_of(0, &put_off));
	ck_assert_int_eq(change.new_state, RELAYS_BUSY);
}
END_TEST

// -- ourselves --------------------------------------------------------------

// We are these, and loopback.
static void
be(struct ourselves *us, const char *addresses)
{
	struct answer_addr a = answer_of(addresses);
	ourselves_init_with(us, conf, a.addr, a.n);
	self = us;
}

// Relays that nothing is known of yet, while we are these.
static void
configure_as(struct ourselves *us, const char *addresses, const char *text)
{
	configure(text);
	be(us, addresses);
	relays_free(relays);
	relays = relays_new(conf, self, NULL, now);
}

static const char *
self_text(void)
{
	static char text[NETADDR_TEXT_MAX];
	return netaddr_format(&change.self, text);
}

// Said once, and again when it is another address; never probed, and back by
// rise good rounds.
START_TEST(test_relays_name_that_leads_to_ourselves)
{
	struct answer_addr ours = answer_of("203.0.113.5");
	struct answer_addr other = answer_of("127.0.0.1");
	struct answer_addr theirs = answer_of("192.0.2.1");
	struct answer_addr none = answer_of("");
	struct answer_addr failed = {.outcome = ANSWER_TIMEOUT};
	struct ourselves us;
	configure_as(&us, "203.0.113.5", BY_NAME);
	ck_assert(resolve_both(&ours, &none)); // at the first answer
	ck_assert_int_eq(change.old_state, RELAYS_UP);
	ck_assert_int_eq(change.new_state, RELAYS_DOWN);
	ck_assert_str_eq(self_text(), "203.0.113.5");
	ck_assert_str_eq(change.nexthop, "[r.test]:587");
	ck_assert_uint_eq(change.healthy, 0);
	ck_assert_ptr_null(relays_pick(relays, RELAYS_ALL, 1));
	for (int i = 0; i < 3; i++) { // asked again in every round
		now += FAST;
		ck_assert(!resolve_both(i == 1 ? &failed : &ours, &none));
	}
	now += FAST;
	ck_assert(resolve_both(&other, &none));
	ck_assert_int_eq(change.old_state, RELAYS_DOWN);
	ck_assert_int_eq(change.new_state, RELAYS_DOWN);
	ck_assert_str_eq(self_text(), "127.0.0.1");
	now += FAST;
	ck_assert(!resolve_both(&theirs, &none));
	ck_assert(!probe("192.0.2.1", OUTCOME_EHLO));
	now += FAST; // its addresses hold
	ck_assert(probe("192.0.2.1", OUTCOME_EHLO));
	ck_assert_int_eq(change.new_state, RELAYS_UP);
	ck_assert_int_eq(change.self.family, 0);
	ourselves_fini(&us);
}
END_TEST

// The MTA may take just the one that is ours. Whatever the order of the
// answers, it is the same finding.
START_TEST(test_relays_one_of_its_addresses_is_ours)
{
	struct answer_addr row[] = {
	    answer_of("192.0.2.1 203.0.113.5 127.0.0.1"),
	    answer_of("127.0.0.1 192.0.2.1 203.0.113.5")};
	struct answer_addr six = answer_of("2001:db8::1");
	struct answer_addr mapped = answer_of("::ffff:203.0.113.5");
	struct answer_addr none = answer_of("");
	struct ourselves us;
	configure_as(&us, "203.0.113.5 2001:db8::5", BY_NAME);
	ck_assert(resolve_both(&row[0], &six));
	for (int i = 0; i < 4; i++) {
		now += FAST;
		ck_assert(!resolve_both(&row[i % 2], &six));
	}
	now += FAST;
	ck_assert(resolve_both(&none, &mapped));
	ck_assert_int_eq(state_of(0), RELAYS_DOWN);
	ourselves_fini(&us);
}
END_TEST

// An address that an interface gets later counts at the relay's next round; one
// that it loses, too. A relay that is an address goes on being probed for that.
START_TEST(test_relays_become_ourselves_later)
{
	struct ourselves us;
	configure_as(
	    &us, "", "relays=({name=\"a\";nexthop=\"[192.0.2.1]:25\";});");
	ck_assert(!round_of(0, &good));
	ourselves_fini(&us);
	be(&us, "192.0.2.1");
	ck_assert(round_of(0, &good));
	ck_assert_int_eq(change.new_state, RELAYS_DOWN);
	ck_assert_str_eq(self_text(), "192.0.2.1");
	ck_assert(!round_of(0, &good));
	ck_assert(!round_of(0, &put_off));
	ck_assert(!round_of(0, &nothing));
	ourselves_fini(&us);
	be(&us, "");
	ck_assert(!round_of(0, &good));
	ck_assert(round_of(0, &good));
	ck_assert_int_eq(change.new_state, RELAYS_UP);
	ourselves_fini(&us);
}
END_TEST

// On another port something else of ours may listen: a tunnel.
START_TEST(test_relays_tunnel_at_our_address)
{
	struct ourselves us;
	configure_as(&us, "203.0.113.5",
	    "relays=({name=\"a\";nexthop=\"[127.0.0.1]:2525\";},"
	    "{name=\"b\";nexthop=\"[203.0.113.5]:10025\";});");
	for (unsigned i = 0; i < 2; i++) {
		ck_assert(!round_of(i, &good));
		ck_assert_int_eq(state_of(i), RELAYS_UP);
		ck_assert_int_eq(relays_view(relays, i).self.family, 0);
	}
	ourselves_fini(&us);
}
END_TEST

// It is known of a relay that is kept over a reload.
START_TEST(test_relays_ourselves_over_a_reload)
{
	struct answer_addr ours = answer_of("203.0.113.5");
	struct answer_addr none = answer_of("");
	struct ourselves us;
	configure(BY_NAME);
	be(&us, "203.0.113.5");
	configure(BY_NAME);
	us.conf = conf;
	ck_assert(resolve_both(&ours, &none));
	configure(BY_NAME);
	us.conf = conf;
	ck_assert_int_eq(state_of(0), RELAYS_DOWN);
	now += FAST;
	ck_assert(!resolve_both(&ours, &none)); // and not said again
	ourselves_fini(&us);
}
END_TEST

// -- reloads ----------------------------------------------------------------

START_TEST(test_relays_keep_health_over_a_reload)
{
	configure(THREE);
	take_down(0);
	configure("relays=({name=\"new\";nexthop=\"[192.0.2.9]\";},"
		  "{name=\"renamed\";nexthop=\"[192.0.2.1]:587\";},"
		  "{name=\"port\";nexthop=\"[192.0.2.1]:25\";});");
	ck_assert_int_eq(state_of(0), RELAYS_UP);
	ck_assert_int_eq(state_of(1), RELAYS_DOWN);
	ck_assert_str_eq(relays_view(relays, 1).name, "renamed");
	ck_assert_int_eq(state_of(2), RELAYS_UP);
	ck_assert_uint_eq(relays_healthy(relays), 2);
	ck_assert_str_eq(via(RELAYS_ALL, 1), "port");
	configure("relays=({nexthop=\"[192.0.2.1]:587\";probe=\"none\";});");
	ck_assert_int_eq(state_of(0), RELAYS_UP);
}
END_TEST

// Nothing is in flight for the new ones, whatever was for the old.
START_TEST(test_relays_reload_amid_a_round)
{
	struct relays_due due;
	struct answer_addr v4 = answer_of("192.0.2.1");
	struct answer_addr v6 = answer_of("2001:db8::1");
	configure(BY_NAME);
	resolve(AF_INET, &v4);
	ck_assert(relays_next(relays, now, &due));
	configure(BY_NAME); // between its two answers
	resolve_both(&v4, &v6);
	ck_assert(relays_next(relays, now, &due));
	configure(BY_NAME); // while it is probed: its addresses hold
	probe("192.0.2.1", OUTCOME_EHLO);
	now += FAST;
	probe("192.0.2.1", OUTCOME_EHLO);
}
END_TEST

// A family that is not probed any more leaves with its addresses, and one that
// is probed again is asked about.
START_TEST(test_relays_reload_of_protocols)
{
	struct answer_addr v4 = answer_of("192.0.2.1");
	struct answer_addr v6 = answer_of("2001:db8::1");
	configure(BY_NAME);
	resolve_both(&v4, &v6);
	probe("192.0.2.1", OUTCOME_EHLO);
	configure("probe={protocols=[\"ipv6\"];};" BY_NAME);
	now += FAST;
	resolve(AF_INET6, &v6);
	probe("2001:db8::1", OUTCOME_EHLO);
	configure(BY_NAME);
	now += FAST;
	resolve_both(&v4, &v6);
}
END_TEST

static Suite *
relays_suite(void)
{
	Suite *s = suite_create("relays");
	TCase *tc = tcase_create("choice");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_relays_none_configured);
	tcase_add_test(tc, test_relays_no_result_yet_is_healthy);
	tcase_add_test(tc, test_relays_weight_by_hash);
	tcase_add_test(tc, test_relays_priority_and_failover);
	tcase_add_test(tc, test_relays_order_within_a_reply);
	tcase_add_test(tc, test_relays_same_transport_only);
	tcase_add_test(tc, test_relays_literals_for_sendmail);
	tcase_add_test(tc, test_relays_long_lists_are_cut);
	tcase_add_test(tc, test_relays_lists_of_rules);
	tcase_add_test(tc, test_relays_have_name_and_address);
	suite_add_tcase(s, tc);
	tc = tcase_create("health");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(
	    tc, test_relays_is_healthy, OUTCOME_NONE + 1, OUTCOME_COUNT);
	tcase_add_test(tc, test_relays_fall_and_rise);
	tcase_add_test(tc, test_relays_probed_every_fast_interval);
	tcase_add_test(tc, test_relays_probe_none);
	tcase_add_test(tc, test_relays_probe_connect);
	tcase_add_test(tc, test_relays_addresses_in_turn);
	tcase_add_test(tc, test_relays_keep_all_that_an_answer_keeps);
	tcase_add_test(tc, test_relays_greeting_timeout_by_address);
	tcase_add_test(tc, test_relays_resolved_anew_after_the_ttl);
	tcase_add_loop_test(tc, test_relays_resolve_failures, 0, 4);
	tcase_add_test(tc, test_relays_family_that_is_not_probed);
	tcase_add_test(tc, test_relays_is_put_off);
	tcase_add_loop_test(
	    tc, test_relays_busy_as_long_as_it_is_put_off, 0, 17);
	tcase_add_test(tc, test_relays_busy_change);
	tcase_add_test(tc, test_relays_busy_is_last);
	tcase_add_test(tc, test_relays_all_busy_are_used);
	tcase_add_test(tc, test_relays_busy_in_the_lists_of_rules);
	tcase_add_test(tc, test_relays_busy_of_another_transport);
	tcase_add_test(tc, test_relays_busy_at_one_of_its_addresses);
	tcase_add_test(tc, test_relays_probe_connect_is_never_busy);
	tcase_add_test(tc, test_relays_busy_over_a_reload);
	tcase_add_test(tc, test_relays_name_that_leads_to_ourselves);
	tcase_add_test(tc, test_relays_one_of_its_addresses_is_ours);
	tcase_add_test(tc, test_relays_become_ourselves_later);
	tcase_add_test(tc, test_relays_tunnel_at_our_address);
	tcase_add_test(tc, test_relays_ourselves_over_a_reload);
	tcase_add_test(tc, test_relays_keep_health_over_a_reload);
	tcase_add_test(tc, test_relays_reload_amid_a_round);
	tcase_add_test(tc, test_relays_reload_of_protocols);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(relays_suite());
}
