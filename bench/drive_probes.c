// SPDX-License-Identifier: MIT
// Counts the probes that many domains on five endpoints cost, in virtual time,
// with every domain looked up once a minute. Prints for reachable endpoints and
// for blocked ones "probes_to_learn rounds probes_in_them".
#include "drive.h"

#include <stdio.h>
#include <stdlib.h>

enum { ENDPOINTS = 5, HOURS = 6, MINUTE_MS = 60 * 1000 };

static struct fakeworld w;
static bool blocked;

static void
on_mx(const char *name, struct answer_mx *out)
{
	(void)name;
	*out = (struct answer_mx){.outcome = ANSWER_OK, .ttl_s = 86400};
	for (out->n = 0; out->n < ENDPOINTS; out->n++) {
		out->mx[out->n].preference = (uint16_t)(10 * out->n);
		snprintf(out->mx[out->n].host, sizeof(out->mx[0].host),
		    "mx%u.example.com", out->n);
	}
}

static void
on_addr(const char *name, int family, struct answer_addr *out)
{
	char text[NETADDR_TEXT_MAX];
	snprintf(text, sizeof(text), "203.0.113.%c", name[2]);
	drive_answer(out, family, text, 300);
}

static enum outcome
on_probe(const struct netaddr *to, int64_t *latency_ms)
{
	(void)to;
	*latency_ms = blocked ? 6000 : 200;
	return drive_outcome(blocked);
}

static void
ask_all(unsigned domains)
{
	char name[DNAME_SIZE];
	for (unsigned i = 0; i < domains; i++) {
		snprintf(name, sizeof(name), "d%u.example.com", i);
		fakeworld_ask(&w, name, REACH_WANTED);
	}
}

// A round: the time in which each endpoint is probed once, less up to a tenth
// (the jitter), so a few of them more than the hours hold are within limits.
static void
measure(unsigned domains)
{
	int64_t round_ms = blocked ? w.params.down_interval_max_ms
				   : w.params.interval_ms;
	fakeworld_restart(&w);
	w.probes = 0;
	for (int i = 0; i < 60; i++) { // to where intervals are at their limit
		ask_all(domains);
		fakeworld_run(&w, MINUTE_MS);
		if (i == 0)
			printf("%u ", w.probes);
	}
	unsigned before = w.probes;
	for (int i = 0; i < HOURS * 60; i++) {
		ask_all(domains);
		fakeworld_run(&w, MINUTE_MS);
	}
	printf("%lld %u\n", (long long)HOURS * 60 * MINUTE_MS / round_ms,
	    w.probes - before);
}

int
main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: probes DOMAINS\n");
		return 2;
	}
	unsigned domains = (unsigned)strtoul(argv[1], NULL, 10);
	fakeworld_init(&w);
	w.script = (struct fakeworld_script){
	    .mx = on_mx,
	    .addr = on_addr,
	    .probe = on_probe,
	};
	w.params.max_domains = domains;
	measure(domains);
	blocked = true;
	measure(domains);
	fakeworld_fini(&w);
	return EXIT_SUCCESS;
}
