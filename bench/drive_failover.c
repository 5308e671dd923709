// SPDX-License-Identifier: MIT
// How long a domain's route takes to follow its endpoint, in virtual time, with
// default timers. Prints "median longest bound median_wait longest_wait bound"
// in milliseconds for blocked, then for open again: from the first probe after
// the change to the new route, and from the change to that probe.
#include "drive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CYCLES = 201, SECOND_MS = 1000, OPEN_MS = 200 };

static struct fakeworld w;
static enum outcome blocked_as;
static int64_t blocked_ms;
static bool blocked;
static int64_t first_probe_at; // since the change; 0: none yet
static int64_t changed_route_at;

static void
on_mx(const char *name, struct answer_mx *out)
{
	(void)name;
	*out = (struct answer_mx){
	    .outcome = ANSWER_OK,
	    .ttl_s = 86400,
	    .n = 1,
	    .mx = {{.preference = 10, .host = "mx.example.com"}},
	};
}

static void
on_addr(const char *name, int family, struct answer_addr *out)
{
	(void)name;
	drive_answer(out, family, "203.0.113.1", 300);
}

static enum outcome
on_probe(const struct netaddr *to, int64_t *latency_ms)
{
	(void)to;
	if (first_probe_at == 0)
		first_probe_at = w.now;
	*latency_ms = blocked ? blocked_ms : OPEN_MS;
	return blocked ? blocked_as : OUTCOME_EHLO;
}

static void
on_event(const struct fakeworld_event *e)
{
	if (e->change.kind == REACH_CHANGE_SET)
		changed_route_at = e->at;
}

// Mail goes there every second.
static void
pass(int64_t seconds)
{
	while (seconds-- > 0) {
		fakeworld_ask(&w, "example.com", REACH_WANTED);
		fakeworld_run(&w, SECOND_MS);
	}
}

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void
print(int64_t *ms, int64_t bound)
{
	qsort(ms, CYCLES, sizeof(*ms), compare);
	printf("%lld %lld %lld ", (long long)ms[CYCLES / 2],
	    (long long)ms[CYCLES - 1], (long long)bound);
}

static bool
find_outcome(const char *name, enum outcome *out)
{
	for (*out = 0; *out < OUTCOME_COUNT; (*out)++)
		if (strcmp(outcome_name(*out), name) == 0)
			return true;
	return false;
}

struct times {
	int64_t route[CYCLES]; // from the first probe after the change
	int64_t wait[CYCLES];  // for that probe
};

// Changes it, at a moment that has nothing to do with the probes'.
static void
change(bool to_blocked, struct times *t, unsigned i)
{
	pass(3600 + rand() % 1800);
	fakeworld_run(&w, rand() % SECOND_MS);
	int64_t at = w.now;
	blocked = to_blocked;
	first_probe_at = changed_route_at = 0;
	for (int s = 0; changed_route_at == 0 && s < 7200; s++)
		pass(1);
	if (changed_route_at == 0) {
		fprintf(stderr, "failover: the route did not follow\n");
		exit(EXIT_FAILURE);
	}
	t->route[i] = changed_route_at - first_probe_at;
	t->wait[i] = first_probe_at - at;
}

int
main(int argc, char **argv)
{
	static struct times down, up;
	const struct reach_params *p = &w.params;
	if (argc != 3 || !find_outcome(argv[1], &blocked_as)) {
		fprintf(stderr, "usage: failover OUTCOME MILLISECONDS\n");
		return 2;
	}
	blocked_ms = strtol(argv[2], NULL, 10);
	srand(1);
	fakeworld_init(&w);
	w.script = (struct fakeworld_script){
	    .mx = on_mx,
	    .addr = on_addr,
	    .probe = on_probe,
	    .event = on_event,
	};
	for (unsigned i = 0; i < CYCLES; i++) {
		change(true, &down, i);
		change(false, &up, i);
	}
	print(down.route, (p->fall - 1) * p->fast_interval_ms + blocked_ms);
	print(down.wait, p->interval_ms);
	printf("\n");
	print(up.route, (p->rise - 1) * p->fast_interval_ms + OPEN_MS);
	print(up.wait, p->down_interval_max_ms);
	printf("\n");
	fakeworld_fini(&w);
	return EXIT_SUCCESS;
}
