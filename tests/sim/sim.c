// SPDX-License-Identifier: MIT
// The simulated week: as a test, or as a tool that prints its table.
#include "sim/simweek.h"

#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "unit/reach_check.h"
#include "unit/unit.h"

static void
print_table(const struct simtable *t)
{
	const struct {
		const char *name;
		uint64_t n;
	} row[] = {
	    {"mails", t->mails},
	    {"lookups of the MTA", t->lookups},
	    {"  direct", t->told[ROUTE_DIRECT]},
	    {"  steer", t->told[ROUTE_STEER]},
	    {"  relay", t->told[ROUTE_RELAY]},
	    {"  hold", t->told[ROUTE_HOLD]},
	    {"judged: the truth was plain", t->judged},
	    {"  false detours", t->false_detours},
	    {"  missed blocks", t->missed},
	    {"  steered to a dead host", t->steered_to_dead},
	    {"  live address filtered", t->filtered_live},
	    {"  by a dead relay", t->dead_relay},
	    {"  by a busy relay though one is up", t->busy_relay},
	    {"  held though a relay is up", t->false_hold},
	    {"  not known though the DNS works", t->unresolved},
	    {"first mails to a blocked domain", t->first_blocked},
	    {"  of these detoured", t->first_detoured},
	    {"by a busy relay, there was no other", t->all_busy},
	    {"detours while up, not yet noticed", t->early_detours},
	    {"  longest, s", (uint64_t)t->longest_detour_ms / 1000},
	    {"directs while blocked, not yet noticed", t->early_misses},
	    {"  longest, s", (uint64_t)t->longest_miss_ms / 1000},
	    {"probes", t->probes},
	    {"  lost on the way, or answered late", t->lost},
	    {"  most of one address in an hour", t->worst_hour},
	    {"  hours with more than allowed", t->hours_exceeded},
	    {"  most in flight", t->most_in_flight},
	    {"  most in flight to one network", t->most_in_net},
	    {"  most in one second", t->most_in_second},
	    {"  two at once to one address", t->at_once},
	    {"true changes met by probes", t->true_changes},
	    {"verdicts turned", t->flips},
	    {"  without a cause", t->flips_unexplained},
	    {"transitions of sets", t->transitions},
	    {"questions to the DNS", t->questions},
	    {"most domains", t->most_domains},
	    {"sets", t->end.sets},
	    {"hosts", t->end.hosts},
	    {"endpoints", t->end.endpoints},
	    {"sums that do not add up", t->sums_wrong},
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		printf("%-40s %12" PRIu64 "\n", row[i].name, row[i].n);
}

// -- as a test --------------------------------------------------------------

enum { // defaults of probe.concurrency, per_net and per_second
	CONCURRENCY = 256,
	PER_NET = 8,
	PER_SECOND = 50,
};

// Rule 9, whatever the weather was. In one second there may begin what a full
// bucket held and what came in meanwhile.
static void
assert_polite(const struct simtable *t, unsigned concurrency, unsigned per_net,
    unsigned per_second)
{
	ck_assert_uint_le(t->most_in_flight, concurrency);
	ck_assert_uint_le(t->most_in_net, per_net);
	ck_assert_uint_le(t->most_in_second, 2 * per_second);
	ck_assert_uint_eq(t->at_once, 0);
	ck_assert_uint_eq(t->sums_wrong, 0);
}

// No answer is wrong for longer than it takes to find out, and no verdict turns
// without a cause. The bounds and where they come from: simaudit.c.
static void
assert_right(const struct simtable *t)
{
	ck_assert_uint_eq(t->false_detours, 0);
	ck_assert_uint_eq(t->missed, 0);
	ck_assert_uint_eq(t->steered_to_dead, 0);
	ck_assert_uint_eq(t->filtered_live, 0);
	ck_assert_uint_eq(t->dead_relay, 0);
	ck_assert_uint_eq(t->busy_relay, 0);
	ck_assert_uint_eq(t->false_hold, 0);
	ck_assert_uint_eq(t->first_detoured, t->first_blocked);
	ck_assert_uint_eq(t->flips_unexplained, 0);
}

// A week in which enough happened for the above to mean something.
static void
assert_eventful(const struct simtable *t)
{
	ck_assert_uint_gt(t->judged, t->lookups / 2);
	for (int route = 0; route < ROUTE_COUNT; route++)
		ck_assert_uint_gt(t->told[route], 100);
	ck_assert_uint_gt(t->first_blocked, 50);
	ck_assert_uint_gt(t->all_busy, 10);
	ck_assert_uint_gt(t->lost, 10);
	ck_assert_uint_gt(t->true_changes, 1000);
	ck_assert_uint_gt(t->flips, 1000);
	ck_assert_uint_gt(t->early_misses, 100);
	ck_assert_uint_gt(t->early_detours, 10);
}

static void
check_memory(const struct fakeworld *w)
{
	static unsigned hours;
	if (hours++ % 12 == 0) // it walks all of it
		reach_check(w->reach);
}

START_TEST(test_sim_week)
{
	struct simweek_params p = {
	    .seed = 1,
	    .domains = 10000,
	    .max_domains = 10000,
	    .days = 7,
	    .mails = 3,
	    .loss_percent = _i == 0 ? 1 : 5,
	    .hourly = check_memory,
	};
	struct simtable t;
	struct simtiming timing;
	simweek_run(&p, &t, &timing);
	assert_right(&t);
	ck_assert_uint_eq(t.unresolved, 0);
	ck_assert_uint_eq(t.hours_exceeded, 0);
	assert_polite(&t, CONCURRENCY, PER_NET, PER_SECOND);
	assert_eventful(&t);
	ck_assert_uint_le(t.most_domains, p.max_domains);
}
END_TEST

// More domains than the memory may hold: it never holds more, and of what it
// had to forget it says nothing rather than something wrong.
START_TEST(test_sim_bounded)
{
	struct simweek_params p = {
	    .seed = 2,
	    .domains = 4000,
	    .max_domains = 1000,
	    .days = 2,
	    .mails = 3,
	    .loss_percent = 1,
	    .quiet = true, // the forgotten ones are not resolved
	    .hourly = check_memory,
	};
	struct simtable t;
	struct simtiming timing;
	simweek_run(&p, &t, &timing);
	assert_right(&t);
	assert_polite(&t, CONCURRENCY, PER_NET, PER_SECOND);
	ck_assert_uint_eq(t.most_domains, 1000);
}
END_TEST

// Less may be probed than there is: the limits are reached, and not exceeded.
START_TEST(test_sim_limits)
{
	struct simweek_params p = {
	    .seed = 4,
	    .domains = 4000,
	    .max_domains = 4000,
	    .days = 1,
	    .mails = 3,
	    .loss_percent = 1,
	    .quiet = true, // it is too little to be right
	    .concurrency = 6,
	    .per_net = 2,
	    .per_second = 2,
	};
	struct simtable t;
	struct simtiming timing;
	simweek_run(&p, &t, &timing);
	assert_polite(&t, p.concurrency, p.per_net, p.per_second);
	ck_assert_uint_eq(t.most_in_flight, p.concurrency);
	ck_assert_uint_eq(t.most_in_net, p.per_net);
}
END_TEST

// The same seed, the same table; another one, another.
START_TEST(test_sim_is_deterministic)
{
	static struct simtable t[3];
	struct simtiming timing;
	for (unsigned i = 0; i < 3; i++) {
		struct simweek_params p = {
		    .seed = 3 + i / 2,
		    .domains = 2000,
		    .max_domains = 2000,
		    .days = 1,
		    .mails = 5,
		    .loss_percent = 5,
		};
		simweek_run(&p, &t[i], &timing);
	}
	ck_assert_mem_eq(&t[0], &t[1], sizeof(t[0]));
	ck_assert_mem_ne(&t[0], &t[2], sizeof(t[0]));
}
END_TEST

static Suite *
sim_suite(void)
{
	Suite *s = suite_create("sim");
	TCase *tc = tcase_create("week");
	tcase_set_timeout(tc, 600); // with sanitizers, on a busy machine
	tcase_add_loop_test(tc, test_sim_week, 0, 2);
	tcase_add_test(tc, test_sim_bounded);
	tcase_add_test(tc, test_sim_limits);
	tcase_add_test(tc, test_sim_is_deterministic);
	suite_add_tcase(s, tc);
	return s;
}

// -- as a tool --------------------------------------------------------------

static double
seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
print_timing(const struct simtiming *timing, double took)
{
	static const char *const step[FAKEWORLD_STEPS] = {
	    [FAKEWORLD_TELL] = "longest telling of one result, ms",
	    [FAKEWORLD_CHANGES] = "longest taking of changes, ms",
	    [FAKEWORLD_NEXT] = "longest asking for what is due, ms",
	    [FAKEWORLD_LOOKUP] = "longest lookup, ms",
	};
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	for (int i = 0; i < FAKEWORLD_STEPS; i++)
		printf("%-40s %12.2f\n", step[i],
		    (double)timing->longest_ns[i] / 1e6);
	printf("%-40s %12.1f\n", "real time, s", took);
	printf("%-40s %12ld\n", "largest size, MiB (world included)",
	    usage.ru_maxrss / 1024);
}

static unsigned long
number(const char *text, unsigned long min, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	if (*text == '\0' || *end != '\0' || n < min || n > max) {
		fprintf(stderr, "not a number from %lu to %lu: %s\n", min, max,
		    text);
		exit(2);
	}
	return n;
}

static int
usage(void)
{
	fprintf(stderr,
	    "usage: sim [--seed S] [--domains N] [--max-domains N] [--days D]\n"
	    "           [--mails PER_DOMAIN_AND_DAY] [--loss PERCENT]\n"
	    "without an option: the tests\n");
	return 2;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"seed", required_argument, NULL, 's'},
	    {"domains", required_argument, NULL, 'n'},
	    {"max-domains", required_argument, NULL, 'x'},
	    {"days", required_argument, NULL, 'd'},
	    {"mails", required_argument, NULL, 'm'},
	    {"loss", required_argument, NULL, 'l'},
	    {NULL, 0, NULL, 0},
	};
	struct simweek_params p = {
	    .seed = 1, .domains = 10000, .days = 7, .mails = 3};
	if (argc == 1)
		return unit_run(sim_suite());
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 's':
			p.seed = number(optarg, 0, ULONG_MAX);
			break;
		case 'n':
			p.domains = (uint32_t)number(optarg, 1000, 1000000);
			break;
		case 'x':
			p.max_domains = (uint32_t)number(optarg, 1000, 1000000);
			break;
		case 'd':
			p.days = (unsigned)number(optarg, 1, 365);
			break;
		case 'm':
			p.mails = (unsigned)number(optarg, 1, 1000);
			break;
		case 'l':
			p.loss_percent = (unsigned)number(optarg, 0, 50);
			break;
		default:
			return usage();
		}
	}
	if (optind != argc)
		return usage();
	if (p.max_domains == 0)
		p.max_domains = p.domains;
	struct simtable t;
	struct simtiming timing;
	double began = seconds();
	simweek_run(&p, &t, &timing);
	print_table(&t);
	print_timing(&timing, seconds() - began);
	return EXIT_SUCCESS;
}
