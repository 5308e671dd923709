// SPDX-License-Identifier: MIT
// How long the event loop is away for one piece of work at most, when the
// memory is full. Prints milliseconds of the processor, so that what else runs
// on the machine does not count.
#include "drive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	DAY_MS = 86400 * 1000,
	MINUTE_MS = 60 * 1000,
	HOSTS = 5,
	// What the daemon does before it turns to its clients again.
	CHANGES = 1000,
	BEGUN = 32,
	LOOKUPS = 64,
};

static struct fakeworld w;
static unsigned domains;
static enum shape {
	SHARED,	 // one set for all
	VANITY,	 // a set and host each, all of them the same address
	BACKUP,	 // a set and host each, and one host that all list
	TENANTS, // a set, host and address each
} shape;
static bool blocked;

// -- the world --------------------------------------------------------------

static void
add_host(struct answer_mx *out, const char *prefix, unsigned number)
{
	out->mx[out->n].preference = (uint16_t)(10 * out->n);
	snprintf(out->mx[out->n].host, sizeof(out->mx[0].host),
	    "%s%u.example.com", prefix, number);
	out->n++;
}

static void
on_mx(const char *name, struct answer_mx *out)
{
	*out = (struct answer_mx){.outcome = ANSWER_OK, .ttl_s = DAY_MS / 1000};
	if (shape == SHARED) {
		for (unsigned i = 0; i < HOSTS; i++)
			add_host(out, "shared", i);
		return;
	}
	add_host(out, shape == VANITY ? "vanity" : "own", drive_number(name));
	if (shape == BACKUP)
		add_host(out, "shared", 0);
}

static void
on_addr(const char *name, int family, struct answer_addr *out)
{
	unsigned i = drive_number(name);
	char text[NETADDR_TEXT_MAX] = "203.0.113.1";
	if (strncmp(name, "own", 3) == 0)
		snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16 & 255,
		    i >> 8 & 255, i & 255);
	else if (strncmp(name, "shared", 6) == 0)
		snprintf(text, sizeof(text), "203.0.113.%u", i + 1);
	drive_answer(out, family, text, 600);
}

static enum outcome
on_probe(const struct netaddr *to, int64_t *latency_ms)
{
	(void)to;
	*latency_ms = 10;
	return drive_outcome(blocked);
}

// -- the loop ---------------------------------------------------------------

static double
clock_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double longest;

static void
note(double began)
{
	double took = clock_ms() - began;
	if (took > longest)
		longest = took;
}

static void
take_changes(void)
{
	struct reach_change c;
	struct plans_transition t;
	for (int i = 0; i < CHANGES && reach_take_change(w.reach, &c); i++) {
		if (c.kind == REACH_CHANGE_SET)
			plans_on_set(w.plans, c.id, w.now, &t);
		else if (c.kind == REACH_CHANGE_SET_GONE)
			plans_on_set_gone(w.plans, c.id);
	}
}

static void
answer(const struct reach_due *due)
{
	struct answer_mx mx;
	struct answer_addr addr;
	int64_t latency_ms;
	switch (due->kind) {
	case REACH_DUE_MX:
		on_mx(due->name, &mx);
		reach_tell_mx(w.reach, due->id, &mx, w.now);
		return;
	case REACH_DUE_ADDRESS:
		on_addr(due->name, due->family, &addr);
		reach_tell_address(w.reach, due->id, due->family, &addr, w.now);
		return;
	case REACH_DUE_PROBE:
		reach_tell_probe(w.reach, due->id,
		    on_probe(&due->to, &latency_ms), 10, "", w.now);
		return;
	}
}

// As work_run() of the daemon, and then each answer as an event of its own.
static void
turn(void)
{
	struct reach_due due[BEGUN];
	unsigned n = 0;
	double began = clock_ms();
	take_changes();
	while (n < BEGUN && reach_next(w.reach, w.now, &due[n]))
		n++;
	take_changes();
	note(began);
	for (unsigned i = 0; i < n; i++) {
		began = clock_ms();
		answer(&due[i]);
		note(began);
	}
}

// Until nothing is due at this time.
static void
settle(void)
{
	do
		turn();
	while (reach_next_at(w.reach, w.now) <= w.now);
}

static void
look_up(unsigned first, unsigned n)
{
	char name[DNAME_SIZE];
	for (unsigned i = first; i < first + n; i++) {
		snprintf(name, sizeof(name), "d%u.example.com", i);
		double began = clock_ms();
		fakeworld_ask(&w, name, REACH_WANTED);
		note(began);
		if (i % LOOKUPS == 0)
			turn();
	}
}

// -- what may stall it ------------------------------------------------------

static void
learn(void)
{
	look_up(0, domains);
}

// A dead address: each host and set that has it is judged anew.
static void
flip(void)
{
	blocked = true;
	for (int i = 0; i < 4; i++) {
		w.now += 30 * MINUTE_MS;
		look_up(0, 100);
		settle();
	}
	if (shape != TENANTS &&
	    fakeworld_ask(&w, "d7.example.com", REACH_ASKED).route ==
		ROUTE_DIRECT) {
		fprintf(stderr, "stalls: nothing flipped\n");
		exit(EXIT_FAILURE);
	}
}

static void
reload(void)
{
	double began = clock_ms();
	fakeworld_reconfigure(&w);
	note(began);
	settle();
	look_up(0, domains);
}

static void
evict(void)
{
	look_up(domains, domains / 10);
	settle();
}

// The machine slept: all that was ever due is due.
static void
wake(void)
{
	w.now += DAY_MS / 2;
	settle();
}

static const struct {
	const char *name;
	void (*run)(void);
} work[] = {
    {"learn", learn},
    {"flip", flip},
    {"reload", reload},
    {"evict", evict},
    {"wake", wake},
};

int
main(int argc, char **argv)
{
	static const char *const shapes[] = {
	    "shared", "vanity", "backup", "tenants"};
	void (*run)(void) = NULL;
	if (argc == 4) {
		domains = (unsigned)strtoul(argv[1], NULL, 10);
		for (int i = 0; i < 4; i++)
			if (strcmp(shapes[i], argv[2]) == 0)
				shape = (enum shape)i;
		for (size_t i = 0; i < sizeof(work) / sizeof(work[0]); i++)
			if (strcmp(work[i].name, argv[3]) == 0)
				run = work[i].run;
	}
	if (run == NULL) {
		fprintf(stderr, "usage: stalls DOMAINS SHAPE WORK\n");
		return 2;
	}
	fakeworld_init(&w);
	w.script = (struct fakeworld_script){
	    .mx = on_mx,
	    .addr = on_addr,
	    .probe = on_probe,
	};
	w.params.max_domains = domains;
	w.params.per_second = 1000000;
	w.params.per_net = w.params.concurrency;
	fakeworld_restart(&w);
	if (run != learn) {
		look_up(0, domains);
		while (reach_next_at(w.reach, w.now) <= w.now + 1000) {
			settle();
			w.now += 100;
		}
	}
	longest = 0;
	run();
	printf("%.1f\n", longest);
	fakeworld_fini(&w);
	return EXIT_SUCCESS;
}
