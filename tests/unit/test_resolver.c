// SPDX-License-Identifier: MIT
// dns/resolver: its contract, clause by clause, against scripted servers.
#include "dns/resolver.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/mem.h"
#include "dns/upstream.h"
#include "fake/fakedns.h"
#include "unit/logged.h"
#include "unit/unit.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <dirent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <linux/ipv6.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	LONG_MS = 60 * 1000, // never reached unless something hangs
	LOOP_SECONDS = 50,   // then a test that waits is a test that failed
};

static struct event_base *base;
static struct fakedns *dns[2];
static struct resolver *resolver;

// What one question came to.
struct seen {
	struct resolver_query *query;
	unsigned calls;
	bool started; // start() has returned
	enum answer_outcome outcome;
	uint32_t ttl_s;
	bool null_mx;
	unsigned n;
	char first[DNAME_SIZE]; // host or address
	// What to do from within `done`.
	struct seen *then_cancel, *then_start;
	bool then_free;
};

static const struct fakedns_record mx_records[] = {
    {.type = ns_t_mx, .ttl_s = 300, .preference = 20, .data = "mx2.test"},
    {.type = ns_t_mx, .ttl_s = 200, .preference = 10, .data = "mx1.test"},
};
static const struct fakedns_record null_mx_records[] = {
    {.type = ns_t_mx, .ttl_s = 300, .preference = 0, .data = "."},
};
static const struct fakedns_record a_records[] = {
    {.type = ns_t_a, .ttl_s = 120, .data = "192.0.2.1"},
};
static const struct fakedns_record aaaa_records[] = {
    {.type = ns_t_aaaa, .ttl_s = 120, .data = "2001:db8::1"},
};

static void
setup(void)
{
	base = event_base_new();
	for (int i = 0; i < 2; i++)
		dns[i] = fakedns_new(base, 0);
}

static void
teardown(void)
{
	resolver_free(resolver);
	resolver = NULL;
	for (int i = 0; i < 2; i++)
		fakedns_free(dns[i]);
	event_base_free(base);
}

static void
open_with(struct resolver_params *p)
{
	struct err err = {0};

	p->base = base;
	resolver = resolver_new(p, &err);
	ck_assert_msg(resolver != NULL, "%s", err.text);
}

// The address of a scripted server.
static struct zoneaddr
server(unsigned i)
{
	return (struct zoneaddr){.addr = fakedns_addr(dns[i])};
}

// A resolver that asks the first `n` servers.
static void
open_resolver(unsigned n, int64_t timeout_ms, int tries, bool tcp)
{
	struct zoneaddr servers[2];

	for (unsigned i = 0; i < n; i++)
		servers[i] = server(i);
	open_with(&(struct resolver_params){.servers = servers,
	    .n_servers = n,
	    .timeout_ms = timeout_ms,
	    .tries = tries,
	    .tcp = tcp});
}

// Gives server `i` one script.
static void
script(int i, const char *name, uint16_t type, enum fakedns_kind kind,
    unsigned delay_ms)
{
	struct fakedns_script s = {
	    .name = name, .type = type, .kind = kind, .delay_ms = delay_ms};

	if (type == ns_t_mx) {
		s.records = mx_records;
		s.n_records = ARRAY_LEN(mx_records);
	} else {
		s.records = type == ns_t_a ? a_records : aaaa_records;
		s.n_records = 1;
	}
	fakedns_add(dns[i], &s);
}

static void start(struct seen *s, const char *name, uint16_t type);

static void
on_any(struct seen *s)
{
	ck_assert_msg(s->started, "done before start() returned");
	ck_assert_msg(s->calls++ == 0, "done called twice");
	s->query = NULL;
	if (s->then_cancel != NULL)
		resolver_cancel(&s->then_cancel->query);
	if (s->then_start != NULL)
		start(s->then_start, "then.test", ns_t_mx);
	if (s->then_free) {
		resolver_free(resolver);
		resolver = NULL;
	}
}

static void
on_mx(const struct answer_mx *answer, void *arg)
{
	struct seen *s = arg;

	s->outcome = answer->outcome;
	s->ttl_s = answer->ttl_s;
	s->null_mx = answer->null_mx;
	s->n = answer->n;
	if (s->n > 0)
		strcpy(s->first, answer->mx[0].host);
	on_any(s);
	// The answer outlives whatever `done` did.
	ck_assert_uint_eq(answer->n, s->n);
}

static void
on_addr(const struct answer_addr *answer, void *arg)
{
	struct seen *s = arg;

	s->outcome = answer->outcome;
	s->ttl_s = answer->ttl_s;
	s->n = answer->n;
	if (s->n > 0)
		netaddr_format(&answer->addr[0], s->first);
	on_any(s);
	ck_assert_uint_eq(answer->n, s->n);
}

static void
start(struct seen *s, const char *name, uint16_t type)
{
	unsigned before = resolver_in_flight(resolver);

	s->started = false;
	if (type == ns_t_mx)
		s->query = resolver_mx_start(resolver, name, on_mx, s);
	else
		s->query = resolver_addr_start(resolver, name,
		    type == ns_t_a ? AF_INET : AF_INET6, on_addr, s);
	ck_assert_ptr_nonnull(s->query);
	ck_assert_uint_eq(resolver_in_flight(resolver), before + 1);
	s->started = true;
}

static void
on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	ck_abort_msg("nothing came in %d s", LOOP_SECONDS);
}

// Runs the loop until all of `n` questions are done. Returns its turns.
static unsigned
run(const struct seen *s, size_t n)
{
	const struct timeval tv = {.tv_sec = LOOP_SECONDS};
	struct event *watchdog = evtimer_new(base, on_watchdog, NULL);
	unsigned turns = 0;
	size_t i = 0;

	evtimer_add(watchdog, &tv);
	while (i < n) {
		if (s[i].calls > 0) {
			i++;
			continue;
		}
		event_base_loop(base, EVLOOP_ONCE);
		turns++;
	}
	event_free(watchdog);
	return turns;
}

// Runs the loop for so long.
static void
run_for(int ms)
{
	const struct timeval tv = {
	    .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
}

// Asks one question and waits for its end.
static struct seen
ask(const char *name, uint16_t type)
{
	struct seen s = {0};

	start(&s, name, type);
	run(&s, 1);
	return s;
}

static unsigned
open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

#define CHECK_OUTCOME(seen, wanted) \
	ck_assert_str_eq(           \
	    answer_outcome_name((seen).outcome), answer_outcome_name(wanted))

static const struct outcome_case {
	const char *what;
	uint16_t type;
	enum fakedns_kind kind;
	const struct fakedns_record *records;
	unsigned n_records;
	unsigned delay_ms;
	int64_t timeout_ms; // 0: LONG_MS
	bool tcp;
	enum answer_outcome outcome;
	uint32_t ttl_s;
	bool null_mx;
	unsigned n;
	const char *first;
} outcome_cases[] = {
    {"mx", ns_t_mx, FAKEDNS_ANSWER, mx_records, 2, .ttl_s = 200, .n = 2,
	.first = "mx1.test"},
    {"null mx", ns_t_mx, FAKEDNS_ANSWER, null_mx_records, 1, .ttl_s = 300,
	.null_mx = true},
    {"a", ns_t_a, FAKEDNS_ANSWER, a_records, 1, .ttl_s = 120, .n = 1,
	.first = "192.0.2.1"},
    {"aaaa", ns_t_aaaa, FAKEDNS_ANSWER, aaaa_records, 1, .ttl_s = 120, .n = 1,
	.first = "2001:db8::1"},
    {"late", ns_t_a, FAKEDNS_ANSWER, a_records, 1, .delay_ms = 50, .ttl_s = 120,
	.n = 1, .first = "192.0.2.1"},
    {"nodata", ns_t_mx, FAKEDNS_ANSWER, .outcome = ANSWER_NODATA},
    {"nodata a", ns_t_a, FAKEDNS_ANSWER, .outcome = ANSWER_NODATA},
    {"nxdomain", ns_t_mx, FAKEDNS_NXDOMAIN, .outcome = ANSWER_NXDOMAIN},
    {"nxdomain a", ns_t_a, FAKEDNS_NXDOMAIN, .outcome = ANSWER_NXDOMAIN},
    {"servfail", ns_t_mx, FAKEDNS_SERVFAIL, .outcome = ANSWER_SERVFAIL},
    {"servfail a", ns_t_aaaa, FAKEDNS_SERVFAIL, .outcome = ANSWER_SERVFAIL},
    {"refused", ns_t_mx, FAKEDNS_REFUSED, .outcome = ANSWER_REFUSED},
    {"silence", ns_t_mx, FAKEDNS_SILENCE, .timeout_ms = 300,
	.outcome = ANSWER_TIMEOUT},
    {"silence a", ns_t_a, FAKEDNS_SILENCE, .timeout_ms = 300,
	.outcome = ANSWER_TIMEOUT},
    {"broken", ns_t_mx, FAKEDNS_BROKEN, mx_records, 2,
	.outcome = ANSWER_UNREADABLE},
    {"broken a", ns_t_a, FAKEDNS_BROKEN, a_records, 1,
	.outcome = ANSWER_UNREADABLE},
    {"a for mx", ns_t_mx, FAKEDNS_ANSWER, a_records, 1,
	.outcome = ANSWER_UNREADABLE},
    {"truncated", ns_t_mx, FAKEDNS_TRUNCATED, mx_records, 2, .ttl_s = 200,
	.n = 2, .first = "mx1.test"},
    {"no edns", ns_t_mx, FAKEDNS_FORMERR, mx_records, 2, .ttl_s = 200, .n = 2,
	.first = "mx1.test"},
    {"tcp mx", ns_t_mx, FAKEDNS_ANSWER, mx_records, 2, .tcp = true,
	.ttl_s = 200, .n = 2, .first = "mx1.test"},
    {"tcp servfail", ns_t_mx, FAKEDNS_SERVFAIL, .tcp = true,
	.outcome = ANSWER_SERVFAIL},
    {"tcp broken", ns_t_mx, FAKEDNS_BROKEN, mx_records, 2, .tcp = true,
	.outcome = ANSWER_UNREADABLE},
    {"tcp silence", ns_t_mx, FAKEDNS_SILENCE, .timeout_ms = 300, .tcp = true,
	.outcome = ANSWER_TIMEOUT},
    {"tcp closed", ns_t_mx, FAKEDNS_CLOSE, .timeout_ms = 300, .tcp = true,
	.outcome = ANSWER_TIMEOUT},
};

START_TEST(test_resolver_outcomes)
{
	const struct outcome_case *c = &outcome_cases[_i];

	fakedns_add(dns[0], &(struct fakedns_script){.name = "d.test",
				.type = c->type,
				.kind = c->kind,
				.records = c->records,
				.n_records = c->n_records,
				.delay_ms = c->delay_ms});
	open_resolver(
	    1, c->timeout_ms != 0 ? c->timeout_ms : LONG_MS, 2, c->tcp);
	struct seen s = ask("d.test", c->type);
	ck_assert_msg(s.outcome == c->outcome, "row %d (%s): %s", _i, c->what,
	    answer_outcome_name(s.outcome));
	ck_assert_msg(
	    s.ttl_s == c->ttl_s, "row %d (%s): ttl %u", _i, c->what, s.ttl_s);
	ck_assert_msg(s.null_mx == c->null_mx, "row %d (%s)", _i, c->what);
	ck_assert_msg(s.n == c->n, "row %d (%s): n %u", _i, c->what, s.n);
	ck_assert_msg(strcmp(s.first, c->first != NULL ? c->first : "") == 0,
	    "row %d (%s): %s", _i, c->what, s.first);
	ck_assert_uint_eq(resolver_in_flight(resolver), 0);
	unsigned by_tcp = fakedns_tcp_questions(dns[0]);
	if (c->tcp)
		ck_assert_uint_eq(by_tcp, fakedns_questions(dns[0]));
	else
		ck_assert_uint_eq(by_tcp, c->kind == FAKEDNS_TRUNCATED);
}
END_TEST

START_TEST(test_resolver_asks_once_what_is_answered)
{
	static const enum fakedns_kind kinds[] = {FAKEDNS_ANSWER,
	    FAKEDNS_NXDOMAIN, FAKEDNS_SERVFAIL, FAKEDNS_REFUSED};

	open_resolver(1, LONG_MS, 3, false);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		char name[32];
		snprintf(name, sizeof(name), "d%zu.test", i);
		script(0, name, ns_t_mx, kinds[i], 0);
		ask(name, ns_t_mx);
		ck_assert_uint_eq(fakedns_asked(dns[0], name, ns_t_mx), 1);
	}
}
END_TEST

// c-ares 1.18 waits on for an answer, later ones take it for a broken server;
// no version takes it for an answer to the question.
START_TEST(test_resolver_garbage_is_no_answer)
{
	script(0, "d.test", ns_t_mx, FAKEDNS_GARBAGE, 0);
	open_resolver(1, 300, 2, _i == 1);
	struct seen s = ask("d.test", ns_t_mx);
	ck_assert_msg(
	    s.outcome == ANSWER_TIMEOUT || s.outcome == ANSWER_UNREADABLE, "%s",
	    answer_outcome_name(s.outcome));
	ck_assert(!answer_is_definite(s.outcome));
}
END_TEST

START_TEST(test_resolver_sends_edns)
{
	open_resolver(1, LONG_MS, 2, false);
	ask("d.test", ns_t_mx);
	ck_assert_uint_eq(fakedns_edns_questions(dns[0]), 1);
	ck_assert_uint_eq(fakedns_edns_size(dns[0]), 1232);
}
END_TEST

// How servers fail at EDNS that would answer without.
static const struct edns_case {
	const char *what;
	enum fakedns_edns edns;
	bool silent; // c-ares shows us nothing of what it says
} edns_cases[] = {
    {"silence", FAKEDNS_EDNS_SILENCE, true},
    {"formerr, header only", FAKEDNS_EDNS_FORMERR, true},
    {"formerr", FAKEDNS_EDNS_FORMERR_NAME, false},
    {"formerr with opt", FAKEDNS_EDNS_FORMERR_OPT, false},
    {"notimp", FAKEDNS_EDNS_NOTIMP, false},
    {"servfail", FAKEDNS_EDNS_SERVFAIL, false},
    {"refused", FAKEDNS_EDNS_REFUSED, false},
    {"badvers", FAKEDNS_EDNS_BADVERS, false},
    {"opt as the answer", FAKEDNS_EDNS_SWAPPED, false},
};

// One or two servers, of which the second says nothing at all; one try or two:
// every question is answered within its time, and when that was seen thrice the
// questions go without EDNS.
START_TEST(test_resolver_server_without_edns)
{
	const struct edns_case *c = &edns_cases[_i / 4];
	static const char *const names[] = {
	    "a.test", "b.test", "c.test", "d.test"};
	unsigned n = 1 + (unsigned)_i % 4 / 2;
	int tries = 1 + _i % 2;
	struct seen s[3] = {0};
	char log[4096];

	fakedns_set_edns(dns[0], c->edns);
	for (int i = 0; i < 4; i++) {
		script(0, names[i], ns_t_mx, FAKEDNS_ANSWER, 0);
		script(1, names[i], ns_t_mx, FAKEDNS_SILENCE, 0);
	}
	log_begin();
	open_resolver(n, 2000, tries, false);
	for (int i = 0; i < 3; i++)
		start(&s[i], names[i], ns_t_mx);
	run(s, 3);
	for (int i = 0; i < 3; i++)
		ck_assert_msg(s[i].outcome == ANSWER_OK, "%s: %s", c->what,
		    answer_outcome_name(s[i].outcome));
	// What is silent is known to be when c-ares gives it up.
	unsigned edns;
	do {
		edns = fakedns_edns_questions(dns[0]);
		run_for(50);
		CHECK_OUTCOME(ask("d.test", ns_t_mx), ANSWER_OK);
	} while (c->silent && fakedns_edns_questions(dns[0]) > edns);
	ck_assert_uint_eq(fakedns_edns_questions(dns[0]), edns);
	log_end(log, sizeof(log));
	ck_assert_msg(count_text(log, " edns=no") == 1, "%s", log);
	ck_assert_msg(count_text(log, "edns=yes") == 0, "%s", log);
}
END_TEST

// Ten minutes later one question tries it, and all have it again.
START_TEST(test_resolver_edns_is_tried_again)
{
	int64_t now = clock_now();
	char log[4096];

	clock_freeze(now);
	script(0, "d.test", ns_t_mx, FAKEDNS_ANSWER, 0);
	fakedns_set_edns(dns[0], FAKEDNS_EDNS_FORMERR_NAME);
	log_begin();
	open_resolver(1, LONG_MS, 2, false);
	for (int i = 0; i < 5; i++)
		CHECK_OUTCOME(ask("d.test", ns_t_mx), ANSWER_OK);
	ck_assert_uint_eq(fakedns_edns_questions(dns[0]), 3);
	ck_assert_uint_eq(fakedns_questions(dns[0]), 3 * 2 + 2);
	// It still cannot: one question found out, and was answered.
	clock_freeze(now + UPSTREAM_PLAIN_MS);
	for (int i = 0; i < 2; i++)
		CHECK_OUTCOME(ask("d.test", ns_t_mx), ANSWER_OK);
	ck_assert_uint_eq(fakedns_edns_questions(dns[0]), 4);
	fakedns_set_edns(dns[0], FAKEDNS_EDNS_SPOKEN);
	clock_freeze(now + 2 * UPSTREAM_PLAIN_MS);
	for (int i = 0; i < 2; i++)
		CHECK_OUTCOME(ask("d.test", ns_t_mx), ANSWER_OK);
	ck_assert_uint_eq(fakedns_edns_questions(dns[0]), 6);
	ck_assert_uint_eq(fakedns_edns_size(dns[0]), 1232);
	log_end(log, sizeof(log));
	ck_assert_msg(count_text(log, " edns=no") == 1, "%s", log);
	ck_assert_msg(count_text(log, " edns=yes") == 1, "%s", log);
}
END_TEST

// Anybody can send a FORMERR in the server's name. The question is answered,
// and those after it, and those under way, have their EDNS.
START_TEST(test_resolver_forged_formerr_costs_nobody_edns)
{
	struct seen s[3] = {0};

	for (int i = 0; i < 2; i++)
		fakedns_add(dns[0], &(struct fakedns_script){.name = "d.test",
					.type = ns_t_mx,
					.kind = FAKEDNS_FORMERR,
					.records = mx_records,
					.n_records = 2,
					.times = 1});
	script(0, "slow.test", ns_t_mx, FAKEDNS_ANSWER, 100);
	script(0, "e.test", ns_t_mx, FAKEDNS_ANSWER, 0);
	open_resolver(1, LONG_MS, 1, false);
	fakedns_set_edns(
	    dns[0], _i == 0 ? FAKEDNS_EDNS_IGNORED : FAKEDNS_EDNS_SPOKEN);
	start(&s[0], "slow.test", ns_t_mx);
	start(&s[1], "d.test", ns_t_mx);
	run(s, 2);
	CHECK_OUTCOME(s[0], ANSWER_OK);
	CHECK_OUTCOME(s[1], ANSWER_OK);
	ck_assert_uint_eq(fakedns_asked(dns[0], "d.test", ns_t_mx), 2);
	for (int i = 0; i < 5; i++)
		CHECK_OUTCOME(ask("e.test", ns_t_mx), ANSWER_OK);
	ck_assert_uint_eq(fakedns_edns_questions(dns[0]), 7);
	ck_assert_uint_eq(fakedns_questions(dns[0]), 8);
}
END_TEST

// A server that has shown its OPT is not asked twice for errors without one,
// until they are all it says.
START_TEST(test_resolver_true_servfail_is_asked_once)
{
	static const struct {
		const char *name;
		enum fakedns_edns edns;
		unsigned asked;
	} steps[] = {
	    {"a.test", FAKEDNS_EDNS_SPOKEN, 1},
	    {"b.test", FAKEDNS_EDNS_IGNORED, 1},
	    {"c.test", FAKEDNS_EDNS_IGNORED, 1},
	    {"d.test", FAKEDNS_EDNS_IGNORED, 2},
	    {"e.test", FAKEDNS_EDNS_IGNORED, 2},
	    {"f.test", FAKEDNS_EDNS_SPOKEN, 1},
	    {"g.test", FAKEDNS_EDNS_IGNORED, 1},
	};

	open_resolver(1, LONG_MS, 3, false);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		fakedns_set_edns(dns[0], steps[i].edns);
		script(0, steps[i].name, ns_t_mx, FAKEDNS_SERVFAIL, 0);
		CHECK_OUTCOME(ask(steps[i].name, ns_t_mx), ANSWER_SERVFAIL);
		ck_assert_msg(fakedns_asked(dns[0], steps[i].name, ns_t_mx) ==
				  steps[i].asked,
		    "%s: asked %u times", steps[i].name,
		    fakedns_asked(dns[0], steps[i].name, ns_t_mx));
	}
}
END_TEST

// A server that loses packets is not one that cannot do EDNS.
START_TEST(test_resolver_lossy_server_keeps_edns)
{
	enum { N = 24 };
	static const char *const names[] = {"a.test", "b.test", "c.test"};
	char log[4096];

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		script(0, names[i], ns_t_mx, FAKEDNS_ANSWER, 0);
	fakedns_lose(dns[0], 4);
	log_begin();
	open_resolver(1, 1200, 6, false);
	for (int i = 0; i < N; i++)
		CHECK_OUTCOME(ask(names[i % 3], ns_t_mx), ANSWER_OK);
	run_for(1500); // until c-ares has given all up
	unsigned edns = fakedns_edns_questions(dns[0]);
	fakedns_lose(dns[0], 0);
	CHECK_OUTCOME(ask("a.test", ns_t_mx), ANSWER_OK);
	ck_assert_uint_eq(fakedns_edns_questions(dns[0]), edns + 1);
	log_end(log, sizeof(log));
	ck_assert_msg(count_text(log, "edns=") == 0, "%s", log);
}
END_TEST

// Without EDNS 512 bytes are all there is by UDP; the rest comes by TCP.
START_TEST(test_resolver_large_answer_without_edns)
{
	static struct fakedns_record many[30];
	static char names[30][32];

	for (size_t i = 0; i < ARRAY_LEN(many); i++) {
		snprintf(names[i], sizeof(names[i]), "mx%zu.test", i);
		many[i] = (struct fakedns_record){
		    .type = ns_t_mx, .ttl_s = 60, .data = names[i]};
	}
	fakedns_add(dns[0], &(struct fakedns_script){.name = "d.test",
				.type = ns_t_mx,
				.kind = FAKEDNS_ANSWER,
				.records = many,
				.n_records = ARRAY_LEN(many)});
	fakedns_set_edns(
	    dns[0], _i == 0 ? FAKEDNS_EDNS_SPOKEN : FAKEDNS_EDNS_FORMERR_NAME);
	open_resolver(1, LONG_MS, 1, false);
	struct seen s = ask("d.test", ns_t_mx);
	CHECK_OUTCOME(s, ANSWER_OK);
	ck_assert_uint_eq(fakedns_tcp_questions(dns[0]), _i);
}
END_TEST

// Whoever wants to answer in the server's name has to guess the port; with EDNS
// and without.
START_TEST(test_resolver_ports_differ_between_questions)
{
	enum { N = 16 };
	unsigned ports[N], n = 0;

	fakedns_set_edns(
	    dns[0], _i == 0 ? FAKEDNS_EDNS_SPOKEN : FAKEDNS_EDNS_FORMERR_NAME);
	open_resolver(1, LONG_MS, 1, false);
	for (int i = 0; i < N; i++) {
		unsigned known = 0;
		CHECK_OUTCOME(ask("d.test", ns_t_mx), ANSWER_NXDOMAIN);
		ports[n] = fakedns_peer_port(dns[0]);
		while (ports[known] != ports[n])
			known++;
		if (known == n)
			n++;
	}
	// The kernel draws them; the same twice may be.
	ck_assert_uint_gt(n, N / 2);
}
END_TEST

// By TCP an OPT is of no use, and never sent.
START_TEST(test_resolver_tcp_is_without_edns)
{
	script(0, "d.test", ns_t_mx, FAKEDNS_ANSWER, 0);
	fakedns_set_edns(dns[0], FAKEDNS_EDNS_SILENCE);
	open_resolver(1, LONG_MS, 1, true);
	struct seen s = ask("d.test", ns_t_mx);
	CHECK_OUTCOME(s, ANSWER_OK);
	ck_assert_uint_eq(fakedns_edns_questions(dns[0]), 0);
}
END_TEST

START_TEST(test_resolver_timeout_is_of_the_whole_question)
{
	script(0, "d.test", ns_t_mx, FAKEDNS_SILENCE, 0);
	open_resolver(1, 500, 10, false);
	int64_t before = clock_now();
	struct seen s = {0};
	start(&s, "d.test", ns_t_mx);
	unsigned turns = run(&s, 1);
	CHECK_OUTCOME(s, ANSWER_TIMEOUT);
	// The kernel's clocks may differ by a tick.
	ck_assert_int_ge(clock_now() - before, 490);
	run_for(50);
	ck_assert_uint_ge(fakedns_questions(dns[0]), 2);
	// Newer c-ares repeat a try by themselves.
	ck_assert_uint_le(fakedns_questions(dns[0]), 20);
	// It waited for timers and did not spin.
	ck_assert_uint_lt(turns, 200);
}
END_TEST

START_TEST(test_resolver_late_answer_after_timeout_is_dropped)
{
	script(0, "d.test", ns_t_mx, FAKEDNS_ANSWER, 300);
	open_resolver(1, 100, 1, false);
	struct seen s = {0};
	start(&s, "d.test", ns_t_mx);
	run(&s, 1);
	CHECK_OUTCOME(s, ANSWER_TIMEOUT);
	run_for(600);
	ck_assert_uint_eq(s.calls, 1);
}
END_TEST

// An answer to an earlier try counts while the question lives: a resolver
// may take longer than one try.
START_TEST(test_resolver_late_answer_within_question_counts)
{
	script(0, "d.test", ns_t_mx, FAKEDNS_ANSWER, 800);
	script(1, "d.test", ns_t_mx, FAKEDNS_SILENCE, 0);
	open_resolver(2, 10000, 10, false);
	struct seen s = ask("d.test", ns_t_mx);
	CHECK_OUTCOME(s, ANSWER_OK);
	ck_assert_uint_ge(fakedns_questions(dns[1]), 1);
}
END_TEST

// c-ares refuses some names on the spot; `done` comes from the loop all the
// same.
START_TEST(test_resolver_done_is_never_before_start_returns)
{
	open_resolver(1, LONG_MS, 2, false);
	struct seen s = {0};
	start(&s, "secret.onion", ns_t_mx);
	ck_assert_uint_eq(s.calls, 0);
	ck_assert_uint_eq(resolver_in_flight(resolver), 1);
	run(&s, 1);
	CHECK_OUTCOME(s, ANSWER_NXDOMAIN);
	ck_assert_uint_eq(fakedns_questions(dns[0]), 0);
}
END_TEST

START_TEST(test_resolver_cancel_before_anything_happens)
{
	open_resolver(1, LONG_MS, 2, false);
	struct seen s[3] = {0};
	start(&s[0], "a.test", ns_t_mx);
	start(&s[1], "a.test", ns_t_a);
	start(&s[2], "secret.onion", ns_t_a); // finished, not yet told
	for (int i = 0; i < 3; i++) {
		resolver_cancel(&s[i].query);
		ck_assert_ptr_null(s[i].query);
		resolver_cancel(&s[i].query);
	}
	ck_assert_uint_eq(resolver_in_flight(resolver), 0);
	run_for(100);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(s[i].calls, 0);
}
END_TEST

START_TEST(test_resolver_cancel_while_the_answer_is_on_its_way)
{
	script(0, "a.test", ns_t_mx, FAKEDNS_ANSWER, 100);
	script(0, "b.test", ns_t_mx, FAKEDNS_ANSWER, 150);
	open_resolver(1, LONG_MS, 2, false);
	struct seen s[2] = {0};
	start(&s[0], "a.test", ns_t_mx);
	start(&s[1], "b.test", ns_t_mx);
	while (fakedns_questions(dns[0]) < 2)
		event_base_loop(base, EVLOOP_ONCE);
	resolver_cancel(&s[0].query);
	run(&s[1], 1);
	CHECK_OUTCOME(s[1], ANSWER_OK);
	ck_assert_uint_eq(s[0].calls, 0);
	// The cancelled name can be asked again at once.
	struct seen again = ask("a.test", ns_t_mx);
	CHECK_OUTCOME(again, ANSWER_OK);
	ck_assert_uint_eq(s[0].calls, 0);
}
END_TEST

START_TEST(test_resolver_free_with_questions_in_flight)
{
	unsigned before = open_descriptors();
	struct seen s[4] = {0};

	script(0, "a.test", ns_t_mx, FAKEDNS_ANSWER, 50);
	script(0, "b.test", ns_t_a, FAKEDNS_SILENCE, 0);
	script(0, "c.test", ns_t_aaaa, FAKEDNS_TRUNCATED, 50);
	open_resolver(2, LONG_MS, 2, false);
	start(&s[0], "a.test", ns_t_mx);
	start(&s[1], "b.test", ns_t_a);
	start(&s[2], "c.test", ns_t_aaaa);
	start(&s[3], "d.onion", ns_t_mx);
	while (fakedns_questions(dns[0]) < 3)
		event_base_loop(base, EVLOOP_ONCE);
	// One that c-ares alone remembers.
	struct seen cancelled = {0};
	start(&cancelled, "b.test", ns_t_a);
	resolver_cancel(&cancelled.query);
	struct seen fresh = {0};
	start(&fresh, "a.test", ns_t_mx);
	resolver_free(resolver);
	resolver = NULL;
	ck_assert_uint_eq(open_descriptors(), before);
	unsigned done = s[3].calls;
	run_for(200);
	ck_assert_uint_eq(s[3].calls, done);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(s[i].calls, 0);
	ck_assert_uint_eq(cancelled.calls + fresh.calls, 0);
}
END_TEST

START_TEST(test_resolver_free_takes_null)
{
	resolver_free(NULL);
	struct resolver_query *none = NULL;
	resolver_cancel(&none);
}
END_TEST

START_TEST(test_resolver_done_may_start_another)
{
	script(0, "d.test", ns_t_mx, FAKEDNS_ANSWER, 0);
	script(0, "then.test", ns_t_mx, FAKEDNS_ANSWER, 0);
	open_resolver(1, LONG_MS, 2, false);
	struct seen s[2] = {{.then_start = &s[1]}};
	start(&s[0], "d.test", ns_t_mx);
	run(s, 2);
	CHECK_OUTCOME(s[1], ANSWER_OK);
}
END_TEST

// Two that are finished in the same turn: the first to be told takes the other
// with it.
START_TEST(test_resolver_done_may_cancel_others)
{
	open_resolver(1, LONG_MS, 2, false);
	struct seen s[2] = {{.then_cancel = &s[1]}, {.then_cancel = &s[0]}};
	start(&s[0], "a.onion", ns_t_mx);
	start(&s[1], "b.onion", ns_t_a);
	run_for(100);
	ck_assert_uint_eq(s[0].calls + s[1].calls, 1);
	ck_assert_uint_eq(resolver_in_flight(resolver), 0);
}
END_TEST

START_TEST(test_resolver_done_may_free_the_resolver)
{
	script(0, "d.test", ns_t_mx, FAKEDNS_ANSWER, 0);
	script(0, "e.test", ns_t_a, FAKEDNS_SILENCE, 0);
	open_resolver(1, LONG_MS, 2, false);
	struct seen s[3] = {{.then_free = true}};
	start(&s[0], "d.test", ns_t_mx);
	start(&s[1], "e.test", ns_t_a);
	start(&s[2], "d.test", ns_t_mx);
	run(&s[0], 1);
	ck_assert_ptr_null(resolver);
	run_for(50);
	ck_assert_uint_eq(s[1].calls, 0);
}
END_TEST

// What two servers do, and what comes of it.
static const struct pair_case {
	const char *what;
	enum fakedns_kind first, second;
	enum answer_outcome outcome;
	bool second_is_asked;
} pair_cases[] = {
    {"answer", FAKEDNS_ANSWER, FAKEDNS_SERVFAIL, ANSWER_OK, false},
    {"nxdomain ends it", FAKEDNS_NXDOMAIN, FAKEDNS_ANSWER, ANSWER_NXDOMAIN,
	false},
    {"unreadable ends it", FAKEDNS_BROKEN, FAKEDNS_ANSWER, ANSWER_UNREADABLE,
	false},
    {"servfail, answer", FAKEDNS_SERVFAIL, FAKEDNS_ANSWER, ANSWER_OK, true},
    {"refused, nxdomain", FAKEDNS_REFUSED, FAKEDNS_NXDOMAIN, ANSWER_NXDOMAIN,
	true},
    {"servfail twice", FAKEDNS_SERVFAIL, FAKEDNS_SERVFAIL, ANSWER_SERVFAIL,
	true},
    {"refused twice", FAKEDNS_REFUSED, FAKEDNS_REFUSED, ANSWER_REFUSED, true},
    {"refused, servfail", FAKEDNS_REFUSED, FAKEDNS_SERVFAIL, ANSWER_SERVFAIL,
	true},
    {"servfail, refused", FAKEDNS_SERVFAIL, FAKEDNS_REFUSED, ANSWER_SERVFAIL,
	true},
    {"silence, answer", FAKEDNS_SILENCE, FAKEDNS_ANSWER, ANSWER_OK, true},
    {"silence, servfail", FAKEDNS_SILENCE, FAKEDNS_SERVFAIL, ANSWER_SERVFAIL,
	true},
    {"servfail, silence", FAKEDNS_SERVFAIL, FAKEDNS_SILENCE, ANSWER_SERVFAIL,
	true},
    {"silence twice", FAKEDNS_SILENCE, FAKEDNS_SILENCE, ANSWER_TIMEOUT, true},
};

START_TEST(test_resolver_two_servers)
{
	const struct pair_case *c = &pair_cases[_i];

	script(0, "d.test", ns_t_mx, c->first, 0);
	script(1, "d.test", ns_t_mx, c->second, 0);
	open_resolver(2, c->outcome == ANSWER_OK ? 10000 : 1500, 10, false);
	struct seen s = ask("d.test", ns_t_mx);
	ck_assert_msg(s.outcome == c->outcome, "row %d (%s): %s", _i, c->what,
	    answer_outcome_name(s.outcome));
	ck_assert_msg((fakedns_questions(dns[1]) > 0) == c->second_is_asked,
	    "row %d (%s): %u questions", _i, c->what,
	    fakedns_questions(dns[1]));
}
END_TEST

// An address nobody listens at.
static struct zoneaddr
nobody(void)
{
	struct fakedns *f = fakedns_new(base, 0);
	struct zoneaddr addr = {.addr = fakedns_addr(f)};

	fakedns_free(f);
	return addr;
}

// The kernel says at once that nobody is there: the next server is asked
// without a pause. With one, this would take 4 s.
START_TEST(test_resolver_first_servers_dead)
{
	enum { DEAD = RESOLVER_SERVERS_MAX - 1 };
	struct zoneaddr servers[DEAD + 1], dead = nobody();
	int64_t before = clock_now();

	for (int i = 0; i < DEAD; i++)
		servers[i] = dead;
	servers[DEAD] = server(0);
	script(0, "d.test", ns_t_mx, FAKEDNS_ANSWER, 0);
	open_with(&(struct resolver_params){.servers = servers,
	    .n_servers = ARRAY_LEN(servers),
	    .timeout_ms = LONG_MS,
	    .tries = 1,
	    .tcp = _i == 1});
	struct seen s = ask("d.test", ns_t_mx);
	CHECK_OUTCOME(s, ANSWER_OK);
	ck_assert_int_lt(clock_now() - before, 3500);
}
END_TEST

// What nobody waits for any more is forgotten, its socket closed.
START_TEST(test_resolver_forgets_what_is_never_answered)
{
	script(0, "d.test", ns_t_mx, FAKEDNS_SILENCE, 0);
	open_resolver(1, 200, 2, false);
	unsigned before = open_descriptors();
	struct seen s = {0}, cancelled = {0};
	start(&s, "d.test", ns_t_mx);
	start(&cancelled, "d.test", ns_t_mx);
	ck_assert_uint_gt(open_descriptors(), before);
	resolver_cancel(&cancelled.query);
	run(&s, 1);
	CHECK_OUTCOME(s, ANSWER_TIMEOUT);
	// The test's own time ends this if the socket stays.
	while (open_descriptors() > before)
		run_for(20);
	ck_assert_uint_eq(cancelled.calls, 0);
}
END_TEST

START_TEST(test_resolver_all_servers_dead)
{
	struct zoneaddr servers[] = {nobody(), nobody()};

	open_with(&(struct resolver_params){.servers = servers,
	    .n_servers = 2,
	    .timeout_ms = LONG_MS,
	    .tries = 3,
	    .tcp = _i == 1});
	struct seen s = ask("d.test", ns_t_mx);
	CHECK_OUTCOME(s, ANSWER_TIMEOUT);
}
END_TEST

// After three tries without an answer a server is asked last; half a minute
// later one question tries it, and an answer brings it back.
START_TEST(test_resolver_silent_server_is_asked_last)
{
	struct zoneaddr dead = nobody();
	struct zoneaddr servers[] = {dead, server(1)};
	int64_t now = clock_now();

	clock_freeze(now);
	script(1, "d.test", ns_t_mx, FAKEDNS_ANSWER, 0);
	open_with(&(struct resolver_params){.servers = servers,
	    .n_servers = 2,
	    .timeout_ms = LONG_MS,
	    .tries = 1});
	for (int i = 0; i < 3; i++)
		ask("d.test", ns_t_mx);
	// It is back, but nobody knows.
	fakedns_free(dns[0]);
	dns[0] = fakedns_new(base, dead.addr.port);
	script(0, "d.test", ns_t_mx, FAKEDNS_ANSWER, 0);
	for (int i = 0; i < 3; i++)
		CHECK_OUTCOME(ask("d.test", ns_t_mx), ANSWER_OK);
	ck_assert_uint_eq(fakedns_questions(dns[0]), 0);
	ck_assert_uint_eq(fakedns_questions(dns[1]), 6);
	clock_freeze(now + 31 * 1000);
	for (int i = 0; i < 3; i++)
		CHECK_OUTCOME(ask("d.test", ns_t_mx), ANSWER_OK);
	ck_assert_uint_eq(fakedns_questions(dns[0]), 3);
	ck_assert_uint_eq(fakedns_questions(dns[1]), 6);
}
END_TEST

struct comeback {
	struct fakedns **dns;
	uint16_t port;
};

static void
on_comeback(evutil_socket_t fd, short what, void *arg)
{
	struct comeback *c = arg;

	(void)fd;
	(void)what;
	*c->dns = fakedns_new(base, c->port);
	script(0, "d.test", ns_t_mx, FAKEDNS_ANSWER, 0);
}

// A local resolver that is being restarted is no reason to fail.
START_TEST(test_resolver_server_comes_back_within_the_question)
{
	struct comeback c = {&dns[0], fakedns_addr(dns[0]).port};
	struct event *timer = evtimer_new(base, on_comeback, &c);
	const struct timeval tv = {.tv_usec = 50 * 1000};

	open_resolver(1, LONG_MS, 2, false);
	fakedns_free(dns[0]);
	dns[0] = NULL;
	evtimer_add(timer, &tv);
	struct seen s = ask("d.test", ns_t_mx);
	CHECK_OUTCOME(s, ANSWER_OK);
	event_free(timer);
}
END_TEST

START_TEST(test_resolver_server_goes_and_comes)
{
	uint16_t port = fakedns_addr(dns[0]).port;
	bool tcp = _i == 1;

	open_resolver(1, LONG_MS, 2, tcp);
	unsigned before = open_descriptors();
	for (int turn = 0; turn < 5; turn++) {
		script(0, "d.test", ns_t_mx, FAKEDNS_ANSWER, 0);
		CHECK_OUTCOME(ask("d.test", ns_t_mx), ANSWER_OK);
		fakedns_free(dns[0]);
		dns[0] = NULL;
		CHECK_OUTCOME(ask("d.test", ns_t_mx), ANSWER_TIMEOUT);
		dns[0] = fakedns_new(base, port);
	}
	run_for(10);
	ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

START_TEST(test_resolver_tcp_connection_lost)
{
	static const enum fakedns_kind kinds[] = {
	    FAKEDNS_CLOSE, FAKEDNS_ANSWER};

	for (int i = 0; i < 2; i++)
		fakedns_add(dns[0], &(struct fakedns_script){.name = "d.test",
					.type = ns_t_mx,
					.kind = kinds[i],
					.records = mx_records,
					.n_records = 2,
					.times = i == 0});
	open_resolver(1, LONG_MS, 2, true);
	struct seen s = ask("d.test", ns_t_mx);
	CHECK_OUTCOME(s, ANSWER_OK);
	ck_assert_uint_eq(fakedns_tcp_questions(dns[0]), 2);
}
END_TEST

// Truncated by UDP, and nobody there by TCP: the other server knows.
START_TEST(test_resolver_truncated_and_tcp_fails)
{
	static const enum fakedns_kind kinds[] = {
	    FAKEDNS_TRUNCATED, FAKEDNS_CLOSE};

	for (int i = 0; i < 2; i++)
		fakedns_add(dns[0], &(struct fakedns_script){.name = "d.test",
					.type = ns_t_mx,
					.kind = kinds[i],
					.times = i == 0});
	script(1, "d.test", ns_t_mx, FAKEDNS_ANSWER, 0);
	open_resolver(2, LONG_MS, 1, false);
	struct seen s = ask("d.test", ns_t_mx);
	CHECK_OUTCOME(s, ANSWER_OK);
	ck_assert_uint_ge(fakedns_tcp_questions(dns[0]), 1);
}
END_TEST

START_TEST(test_resolver_many_at_once)
{
	// What the kernel holds for the server; the default of dns.concurrency.
	enum { N = 200 };
	static const enum fakedns_kind kinds[] = {FAKEDNS_ANSWER,
	    FAKEDNS_TRUNCATED, FAKEDNS_NXDOMAIN, FAKEDNS_SERVFAIL};
	static const enum answer_outcome outcomes[] = {
	    ANSWER_OK, ANSWER_OK, ANSWER_NXDOMAIN, ANSWER_SERVFAIL};
	static const uint16_t types[] = {ns_t_mx, ns_t_a, ns_t_aaaa};
	static char names[N][32];
	struct seen *s = xcalloc(N, sizeof(*s));
	unsigned before;

	open_resolver(1, LONG_MS, 4, false);
	before = open_descriptors();
	for (int i = 0; i < N; i++) {
		snprintf(names[i], sizeof(names[i]), "d%d.test", i);
		script(
		    0, names[i], types[i % 3], kinds[i % 4], (unsigned)i % 7);
	}
	for (int i = 0; i < N; i++)
		start(&s[i], names[i], types[i % 3]);
	ck_assert_uint_eq(resolver_in_flight(resolver), N);
	for (int i = 0; i < N; i += 5)
		resolver_cancel(&s[i].query);
	for (int i = 0; i < N; i++)
		if (i % 5 != 0) {
			run(&s[i], 1);
			ck_assert_msg(s[i].outcome == outcomes[i % 4],
			    "row %d: %s", i, answer_outcome_name(s[i].outcome));
		}
	ck_assert_uint_eq(resolver_in_flight(resolver), 0);
	run_for(200);
	for (int i = 0; i < N; i++)
		ck_assert_uint_eq(s[i].calls, i % 5 != 0);
	// c-ares and the server close what TCP there was.
	ck_assert_uint_le(open_descriptors(), before);
	free(s);
}
END_TEST

// What is cancelled stays with c-ares for a while, but not without limit.
START_TEST(test_resolver_start_and_cancel_without_end)
{
	open_resolver(1, 2000, 1, false);
	struct seen s = {0};
	for (int i = 0; i < UPSTREAM_OUTSTANDING_MAX; i++) {
		start(&s, "d.test", ns_t_mx);
		resolver_cancel(&s.query);
	}
	start(&s, "e.test", ns_t_mx);
	run(&s, 1);
	CHECK_OUTCOME(s, ANSWER_LOCAL);
	ck_assert_uint_eq(fakedns_asked(dns[0], "e.test", ns_t_mx), 0);
	// What is answered or too old makes room again; the kernel may lose
	// some of so many.
	do {
		s = (struct seen){0};
		start(&s, "e.test", ns_t_mx);
		run(&s, 1);
	} while (!answer_is_definite(s.outcome));
	CHECK_OUTCOME(s, ANSWER_NXDOMAIN);
}
END_TEST

START_TEST(test_resolver_out_of_descriptors)
{
	struct rlimit limit, tight;
	int fd = 0;

	open_resolver(1, LONG_MS, 2, _i == 1);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	// Fills every gap below the limit.
	tight = limit;
	tight.rlim_cur = 64;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
	while (fd >= 0)
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct seen s = ask("d.test", ns_t_mx);
	CHECK_OUTCOME(s, ANSWER_LOCAL);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	struct seen later = ask("d.test", ns_t_mx);
	CHECK_OUTCOME(later, ANSWER_NXDOMAIN);
}
END_TEST

START_TEST(test_resolver_bad_servers)
{
	struct zoneaddr servers[RESOLVER_SERVERS_MAX + 1] = {0};
	struct resolver_params p = {
	    .base = base, .servers = servers, .timeout_ms = 1000, .tries = 1};
	struct err err = {0};

	p.n_servers = 1;
	ck_assert_ptr_null(resolver_new(&p, &err));
	ck_assert_str_ne(err.text, "");
	for (size_t i = 0; i < ARRAY_LEN(servers); i++)
		servers[i] = server(0);
	memset(&err, 0, sizeof(err));
	p.n_servers = RESOLVER_SERVERS_MAX + 1;
	ck_assert_ptr_null(resolver_new(&p, &err));
	ck_assert_str_ne(err.text, "");
	p.n_servers = RESOLVER_SERVERS_MAX;
	resolver = resolver_new(&p, &err);
	ck_assert_ptr_nonnull(resolver);
	// The last one is no address: what is half built is taken down.
	servers[1].addr.family = 0;
	p.n_servers = 2;
	ck_assert_ptr_null(resolver_new(&p, NULL));
}
END_TEST

START_TEST(test_resolver_server_by_ipv6)
{
	struct zoneaddr six;

	ck_assert(zoneaddr_parse_port("[::1]:9", 53, &six));
	open_with(&(struct resolver_params){
	    .servers = &six, .n_servers = 1, .timeout_ms = 2000, .tries = 1});
	// Nobody is there, with or without IPv6.
	struct seen s = ask("d.test", ns_t_mx);
	CHECK_OUTCOME(s, ANSWER_TIMEOUT);
}
END_TEST

// Writes a resolv.conf, gives its path.
static const char *
write_resolv_conf(const char *text)
{
	static char path[] = "/tmp/mxdetour-resolv-XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return path;
}

START_TEST(test_resolver_reads_resolv_conf)
{
	const char *path = write_resolv_conf("search x.test\n"
					     "nameserver 127.0.0.7\n"
					     "nameserver fe80::53%lo\n"
					     "options rotate timeout:1\n");
	char list[64], shorter[16];

	open_with(&(struct resolver_params){
	    .resolv_conf = path, .timeout_ms = 1000, .tries = 1});
	ck_assert_str_eq(resolver_list_servers(resolver, list, sizeof(list)),
	    "127.0.0.7:53,[fe80::53%lo]:53");
	ck_assert_str_eq(
	    resolver_list_servers(resolver, shorter, sizeof(shorter)),
	    "127.0.0.7:53,[f");
	unlink(path);
}
END_TEST

// In a network of its own with no more than the loopback, where fe80::53 is.
// False: this test may not make one.
static bool
enter_link(void)
{
	struct in6_ifreq address = {.ifr6_prefixlen = 64};
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	if (unshare(CLONE_NEWNET) != 0)
		return false;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &up), 0);
	ck_assert_int_eq(
	    inet_pton(AF_INET6, "fe80::53", &address.ifr6_addr), 1);
	address.ifr6_ifindex = (int)if_nametoindex("lo");
	ck_assert_int_eq(ioctl(fd, SIOCSIFADDR, &address), 0);
	close(fd);
	return true;
}

// "There is no such name", whoever asks for whatever.
static void
on_link_question(evutil_socket_t fd, short what, void *arg)
{
	unsigned char msg[512];
	struct sockaddr_in6 peer;
	socklen_t peer_len = sizeof(peer);
	unsigned *questions = arg;

	(void)what;
	ssize_t len = recvfrom(
	    fd, msg, sizeof(msg), 0, (struct sockaddr *)&peer, &peer_len);
	ck_assert_int_gt(len, NS_HFIXEDSZ);
	++*questions;
	msg[2] |= 0x80; // QR
	msg[3] = 0x80 | ns_r_nxdomain;
	ck_assert_int_eq(
	    sendto(fd, msg, (size_t)len, 0, (struct sockaddr *)&peer, peer_len),
	    len);
}

// A router's address as router advertisements give it is asked on its link.
START_TEST(test_resolver_link_local_server)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6};
	socklen_t len = sizeof(at);
	unsigned questions = 0;
	struct zoneaddr link;

	if (!enter_link())
		return; // not root
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(inet_pton(AF_INET6, "fe80::53", &at.sin6_addr), 1);
	at.sin6_scope_id = if_nametoindex("lo");
	// Until the kernel has seen that nobody else has the address.
	while (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		usleep(10 * 1000);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	struct event *event = event_new(
	    base, fd, EV_READ | EV_PERSIST, on_link_question, &questions);
	event_add(event, NULL);

	ck_assert(zoneaddr_parse_port("fe80::53%lo", 1, &link));
	link.addr.port = ntohs(at.sin6_port);
	open_with(&(struct resolver_params){.servers = &link,
	    .n_servers = 1,
	    .timeout_ms = LONG_MS,
	    .tries = 1});
	struct seen s = ask("d.test", ns_t_mx);
	CHECK_OUTCOME(s, ANSWER_NXDOMAIN);
	ck_assert_uint_eq(questions, 1);
	event_free(event);
	close(fd);
}
END_TEST

// Said at once, and no question waits for it.
START_TEST(test_resolver_link_is_not_there)
{
	struct zoneaddr servers[2] = {{{0}, ""}, server(0)};
	char log[4096];

	ck_assert(zoneaddr_parse_port("fe80::53%no-such-if0", 53, &servers[0]));
	if (_i == 1)
		servers[0].zone[0] = '\0';
	script(0, "d.test", ns_t_mx, FAKEDNS_ANSWER, 0);
	log_begin();
	open_with(&(struct resolver_params){.servers = servers,
	    .n_servers = 2,
	    .timeout_ms = LONG_MS,
	    .tries = 1});
	struct seen s = ask("d.test", ns_t_mx);
	CHECK_OUTCOME(s, ANSWER_OK);
	log_end(log, sizeof(log));
	ck_assert_msg(
	    strstr(log,
		_i == 0 ? "dns server=[fe80::53%no-such-if0]:53 error=\"no "
			  "interface no-such-if0\": asked when it is there"
			: "dns server=[fe80::53]:53 error=\"link-local, and "
			  "no interface is named\": cannot be asked") != NULL,
	    "%s", log);
}
END_TEST

// Those that were given never are.
START_TEST(test_resolver_is_outdated_by_resolv_conf)
{
	const char *path = write_resolv_conf("nameserver 127.0.0.7\n");

	open_with(&(struct resolver_params){
	    .resolv_conf = path, .timeout_ms = 1000, .tries = 1});
	ck_assert(!resolver_is_outdated(resolver));
	ck_assert_int_eq(truncate(path, 9), 0);
	ck_assert(resolver_is_outdated(resolver));
	resolver_free(resolver);

	struct zoneaddr given;
	ck_assert(zoneaddr_parse_port("127.0.0.7", 53, &given));
	open_with(&(struct resolver_params){.servers = &given,
	    .n_servers = 1,
	    .resolv_conf = path,
	    .timeout_ms = 1000,
	    .tries = 1});
	ck_assert_int_eq(truncate(path, 5), 0);
	ck_assert(!resolver_is_outdated(resolver));
	unlink(path);
}
END_TEST

static Suite *
resolver_suite(void)
{
	Suite *s = suite_create("resolver");
	TCase *t = tcase_create("resolver");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(
	    t, test_resolver_outcomes, 0, ARRAY_LEN(outcome_cases));
	tcase_add_test(t, test_resolver_asks_once_what_is_answered);
	tcase_add_loop_test(t, test_resolver_garbage_is_no_answer, 0, 2);
	tcase_add_test(t, test_resolver_sends_edns);
	tcase_add_loop_test(
	    t, test_resolver_server_without_edns, 0, 4 * ARRAY_LEN(edns_cases));
	tcase_add_test(t, test_resolver_edns_is_tried_again);
	tcase_add_loop_test(
	    t, test_resolver_forged_formerr_costs_nobody_edns, 0, 2);
	tcase_add_test(t, test_resolver_true_servfail_is_asked_once);
	tcase_add_test(t, test_resolver_lossy_server_keeps_edns);
	tcase_add_loop_test(t, test_resolver_large_answer_without_edns, 0, 2);
	tcase_add_loop_test(
	    t, test_resolver_ports_differ_between_questions, 0, 2);
	tcase_add_test(t, test_resolver_tcp_is_without_edns);
	tcase_add_test(t, test_resolver_timeout_is_of_the_whole_question);
	tcase_add_test(t, test_resolver_late_answer_after_timeout_is_dropped);
	tcase_add_test(t, test_resolver_late_answer_within_question_counts);
	tcase_add_test(t, test_resolver_done_is_never_before_start_returns);
	tcase_add_test(t, test_resolver_cancel_before_anything_happens);
	tcase_add_test(t, test_resolver_cancel_while_the_answer_is_on_its_way);
	tcase_add_test(t, test_resolver_free_with_questions_in_flight);
	tcase_add_test(t, test_resolver_free_takes_null);
	tcase_add_test(t, test_resolver_done_may_start_another);
	tcase_add_test(t, test_resolver_done_may_cancel_others);
	tcase_add_test(t, test_resolver_done_may_free_the_resolver);
	tcase_add_loop_test(
	    t, test_resolver_two_servers, 0, ARRAY_LEN(pair_cases));
	tcase_add_loop_test(t, test_resolver_first_servers_dead, 0, 2);
	tcase_add_test(t, test_resolver_forgets_what_is_never_answered);
	tcase_add_loop_test(t, test_resolver_all_servers_dead, 0, 2);
	tcase_add_test(t, test_resolver_silent_server_is_asked_last);
	tcase_add_test(t, test_resolver_server_comes_back_within_the_question);
	tcase_add_loop_test(t, test_resolver_server_goes_and_comes, 0, 2);
	tcase_add_test(t, test_resolver_tcp_connection_lost);
	tcase_add_test(t, test_resolver_truncated_and_tcp_fails);
	tcase_add_test(t, test_resolver_many_at_once);
	tcase_add_test(t, test_resolver_start_and_cancel_without_end);
	tcase_add_loop_test(t, test_resolver_out_of_descriptors, 0, 2);
	tcase_add_test(t, test_resolver_bad_servers);
	tcase_add_test(t, test_resolver_server_by_ipv6);
	tcase_add_test(t, test_resolver_reads_resolv_conf);
	tcase_add_test(t, test_resolver_is_outdated_by_resolv_conf);
	tcase_add_test(t, test_resolver_link_local_server);
	tcase_add_loop_test(t, test_resolver_link_is_not_there, 0, 2);
	return s;
}

int
main(void)
{
	return unit_run(resolver_suite());
}
