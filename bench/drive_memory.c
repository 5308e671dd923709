// SPDX-License-Identifier: MIT
// What a domain costs in the memory: fills it in virtual time, and looks at the
// resident memory before and after. Prints "bytes bytes_without_name".
#include "drive.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHARED_HOSTS = 5, MINUTE_MS = 60 * 1000 };

// Which domains have a set, host and endpoint of their own: every `own_each`th,
// 0: none.
static unsigned own_each;
static bool blocked;

static bool
has_own(unsigned domain)
{
	return own_each != 0 && domain % own_each == 0;
}

static void
on_mx(const char *name, struct answer_mx *out)
{
	unsigned domain = drive_number(name);
	*out = (struct answer_mx){.outcome = ANSWER_OK, .ttl_s = 86400};
	if (has_own(domain)) {
		out->n = 1;
		out->mx[0].preference = 10;
		snprintf(out->mx[0].host, sizeof(out->mx[0].host),
		    "tenant%u.mail.protection.example.com", domain);
		return;
	}
	for (out->n = 0; out->n < SHARED_HOSTS; out->n++) {
		out->mx[out->n].preference = (uint16_t)(10 * out->n);
		snprintf(out->mx[out->n].host, sizeof(out->mx[0].host),
		    "alt%u.aspmx.l.example.com", out->n);
	}
}

static void
on_addr(const char *name, int family, struct answer_addr *out)
{
	unsigned i = drive_number(name);
	char text[NETADDR_TEXT_MAX];
	snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255,
	    i & 255);
	drive_answer(out, family, text, 86400);
}

static enum outcome
on_probe(const struct netaddr *to, int64_t *latency_ms)
{
	(void)to;
	*latency_ms = 10;
	return drive_outcome(blocked);
}

static size_t
resident(void)
{
	size_t size = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (f == NULL || fscanf(f, "%zu %zu", &size, &pages) != 2)
		exit(EXIT_FAILURE);
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

// Has all learnt, and sees to it that the routes are those of measurement.
static void
fill(struct fakeworld *w, unsigned domains)
{
	enum route want = blocked ? ROUTE_RELAY : ROUTE_DIRECT;
	char name[DNAME_SIZE];
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < domains; i++) {
			snprintf(name, sizeof(name), "d%u.example.com", i);
			struct route_view v = fakeworld_ask(
			    w, name, REACH_WANTED);
			if (round == 1 && (!v.known || v.route != want)) {
				fprintf(stderr, "memory: %s: not as expected\n",
				    name);
				exit(EXIT_FAILURE);
			}
		}
		fakeworld_run(w, 10 * MINUTE_MS);
	}
}

int
main(int argc, char **argv)
{
	static struct fakeworld w;
	if (argc != 4) {
		fprintf(stderr, "usage: memory DOMAINS OWN_EACH BLOCKED\n");
		return 2;
	}
	unsigned domains = (unsigned)strtoul(argv[1], NULL, 10);
	own_each = (unsigned)strtoul(argv[2], NULL, 10);
	blocked = strtoul(argv[3], NULL, 10) != 0;
	fakeworld_init(&w);
	w.script = (struct fakeworld_script){
	    .mx = on_mx,
	    .addr = on_addr,
	    .probe = on_probe,
	};
	w.params.max_domains = domains;
	w.params.per_second = 100000;
	w.params.per_net = w.params.concurrency;
	size_t before = resident();
	fakeworld_restart(&w);
	fill(&w, domains);
	double bytes = (double)(resident() - before);
	double names = 0;
	for (unsigned i = 0; i < domains; i++) {
		char name[DNAME_SIZE];
		snprintf(name, sizeof(name), "d%u.example.com", i);
		names += (double)strlen(name) + 1;
	}
	printf("%.0f %.0f\n", bytes / domains, (bytes - names) / domains);
	fakeworld_fini(&w);
	return EXIT_SUCCESS;
}
