// SPDX-License-Identifier: MIT
// Replies that steer: which hosts they name, and in which order.
#include "route/render.h"

#include "unit.h"
#include "world.h"

#include <stdio.h>
#include <string.h>

// The set of x.test, with hosts by "PREFERENCE STATE" each: Reachable, Partial,
// Dead, Unknown. Host i is named "hi.t".
static struct steer *
steer_of(const char *hosts)
{
	struct answer_mx answer = {.ttl_s = 3600};
	char state, name[32], a[32], b[32];
	int preference, used;
	fakeworld_mx(w, "x.test", -1);
	for (; sscanf(hosts, " %d%c%n", &preference, &state, &used) == 2;
	     hosts += used) {
		unsigned i = answer.n++;
		snprintf(name, sizeof(name), "h%u.t", i);
		snprintf(a, sizeof(a), "198.51.100.%u", i + 1);
		snprintf(b, sizeof(b), "203.0.113.%u", i + 1);
		fakeworld_host(w, name, a, state == 'P' ? b : NULL, NULL);
		if (state == 'D')
			world_block(a);
		if (state == 'P')
			world_block(b);
		if (state == 'U')
			fakeworld_peer(w, a, OUTCOME_LOCAL_ERROR, 10);
		answer.mx[i].preference = (uint16_t)preference;
		strcpy(answer.mx[i].host, name);
	}
	w->mx[0].answer = answer;
	fakeworld_settle(w, "x.test");
	uint32_t set = reach_domain_set(
	    w->reach, fakeworld_domain(w, "x.test"));
	return steer_new(w->reach, set, w->conf);
}

static const struct {
	const char *hosts;
	uint32_t hash;
	const char *want;
} row[] = {
    {"10D 20R", 0, "[h1.t]"},
    {"10D 20R 30R", 0, "[h1.t],[h2.t]"},
    {"10D 30R 20R", 0, "[h2.t],[h1.t]"}, // by preference
    {"10D 20P 30R", 0, "[h1.t],[h2.t]"}, // partial ones, too
    {"10D 20U 30R 40U", 0, "[h2.t]"},	 // never unknown ones
    // at most four
    {"10D 11R 12R 13R 14R 15R", 0, "[h1.t],[h2.t],[h3.t],[h4.t]"},
    // at equal preference reachable before partial
    {"10D 20P 20R", 0, "[h2.t],[h1.t]"},
    {"10D 20P 20R 20P 20R", 0, "[h2.t],[h4.t],[h1.t],[h3.t]"},
    // then rotated by the hash
    {"10D 20P 20R 20P 20R", 1, "[h4.t],[h2.t],[h3.t],[h1.t]"},
    {"10D 20P 20R 20P 20R", 2, "[h2.t],[h4.t],[h1.t],[h3.t]"},
    {"10D 20R 20R 20R", 0, "[h1.t],[h2.t],[h3.t]"},
    {"10D 20R 20R 20R", 1, "[h2.t],[h3.t],[h1.t]"},
    {"10D 20R 20R 20R", 2, "[h3.t],[h1.t],[h2.t]"},
    {"10D 20R 20R 20R", 3, "[h1.t],[h2.t],[h3.t]"},
    // a rotation never crosses preferences
    {"10D 20R 30R 30R", 1, "[h1.t],[h3.t],[h2.t]"},
    // a large group begins at one of its first four
    {"10D 20R 20R 20R 20R 20R 20R", 3, "[h4.t],[h5.t],[h6.t],[h1.t]"},
    {"10D 20R 20R 20R 20R 20R 20R", 4, "[h1.t],[h2.t],[h3.t],[h4.t]"},
};

START_TEST(test_render_steer)
{
	struct steer *s = steer_of(row[_i].hosts);
	char want[256];
	snprintf(want, sizeof(want), "OK :%s", row[_i].want);
	const char *got = steer_transport(s, row[_i].hash);
	ck_assert_msg(strcmp(got, want) == 0, "row %d: %s: %s, wanted %s", _i,
	    row[_i].hosts, got, want);
	// Sendmail's, with the same hosts.
	char mailer[256] = "OK esmtp:";
	for (const char *p = row[_i].want; *p != '\0'; p++) {
		char c[2] = {*p == ',' ? ':' : *p, '\0'};
		strcat(mailer, c);
	}
	ck_assert_str_eq(steer_mailertable(s, row[_i].hash), mailer);
	steer_free(s);
}
END_TEST

// As both MTAs read them: Postfix 3.7 and Sendmail 8.17.
START_TEST(test_render_addresses_as_literals)
{
	fakeworld_mx(
	    w, "x.test", 10, "h.t", 20, "198.51.100.9", 30, "2001:db8::25", -1);
	fakeworld_host(w, "h.t", "198.51.100.1", NULL);
	world_block("198.51.100.1");
	fakeworld_settle(w, "x.test");
	struct steer *s = steer_new(w->reach,
	    reach_domain_set(w->reach, fakeworld_domain(w, "x.test")), w->conf);
	ck_assert_str_eq(
	    steer_transport(s, 0), "OK :[198.51.100.9],[IPv6:2001:db8::25]");
	ck_assert_str_eq(steer_mailertable(s, 0),
	    "OK esmtp:[198.51.100.9]:[IPv6:2001:db8::25]");
	steer_free(s);
}
END_TEST

START_TEST(test_render_mailer_of_the_configuration)
{
	fakeworld_configure(w, "direct={mailer=\"smtp8\";};");
	struct steer *s = steer_of("10D 20R");
	ck_assert_str_eq(steer_mailertable(s, 0), "OK smtp8:[h1.t]");
	ck_assert_str_eq(steer_transport(s, 0), "OK :[h1.t]");
	steer_free(s);
}
END_TEST

// The load is spread: each of a group comes first for its share of the domains.
START_TEST(test_render_rotation_is_even)
{
	unsigned first[5] = {0};
	struct steer *s = steer_of("10D 20R 20R 20R 20R");
	for (uint32_t hash = 0; hash < 400; hash++)
		first[steer_transport(s, hash)[6] - '0']++;
	for (int i = 1; i <= 4; i++)
		ck_assert_uint_eq(first[i], 100);
	steer_free(s);
}
END_TEST

START_TEST(test_render_free_of_nothing)
{
	steer_free(NULL);
}
END_TEST

static Suite *
render_suite(void)
{
	Suite *s = suite_create("render");
	TCase *tc = tcase_create("tables");
	tcase_add_checked_fixture(tc, world_setup, world_teardown);
	tcase_add_loop_test(
	    tc, test_render_steer, 0, sizeof(row) / sizeof(*row));
	suite_add_tcase(s, tc);
	add_world_case(s, "render", test_render_addresses_as_literals,
	    test_render_mailer_of_the_configuration,
	    test_render_rotation_is_even, test_render_free_of_nothing);
	return s;
}

int
main(void)
{
	return unit_run(render_suite());
}
