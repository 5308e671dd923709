// SPDX-License-Identifier: MIT
// Mail for a number of domains through some days of weather, and what became of
// it, counted against the truth.
#include "sim/simweek.h"

#include "base/bug.h"
#include "base/mem.h"
#include "sim/simaudit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	WAIT = 8 * SIM_SECOND, // of the policy service, for one message
	WAITING_MAX = 1 << 16, // messages in these 8 s
	CONNECT_TIMEOUT = 6 * SIM_SECOND,
	STRANGERS = 10, // one in so many is asked for a domain of no mail
};

static const char configuration[] =
    "relays = (\n"
    "  { name = \"us1\"; nexthop = \"[192.0.2.1]:587\"; priority = 1; },\n"
    "  { name = \"us2\"; nexthop = \"[192.0.2.2]:587\"; priority = 2; } );\n"
    "rules = (\n"
    "  { name = \"home\"; mx = [\"*.p1.example\"]; route = \"direct\"; },\n"
    "  { name = \"google\"; mx = [\"*.google.com\", \"*.googlemail.com\"];\n"
    "    route = \"auto\"; relays = [\"us2\"]; } );\n";

// Mail by the hour of the day, a mean of 100.
static const unsigned rhythm[24] = {30, 20, 15, 15, 15, 20, 40, 80, 150, 200,
    210, 190, 130, 150, 190, 200, 190, 160, 120, 110, 110, 100, 80, 75};

struct waiting { // a message whose RCPT was heard; the queue manager is next
	int64_t at;
	uint32_t domain;
	uint32_t held; // id in the memory
	int64_t first_at;
};

static struct simweek { // the script's callbacks have no argument
	struct simweek_params p;
	struct fakeworld *fake;
	struct simworld *world;
	struct simaudit *audit;
	uint64_t random;
	double lost_exchange, lost_probe;
	bool relay_taken[SIM_RELAYS]; // it answered well before
	struct waiting *waiting;      // a ring: all wait equally long
	unsigned first, n;
} week;

static uint64_t
draw(void)
{
	return sim_mix(week.p.seed, week.random++);
}

static double
draw_unit(void)
{
	return (double)(draw() >> 11) / (double)(UINT64_C(1) << 53);
}

// -- the script -------------------------------------------------------------

static void
script_mx(const char *name, struct answer_mx *out)
{
	simworld_answer_mx(week.world, name, week.fake->now, out);
}

static void
script_addr(const char *name, int family, struct answer_addr *out)
{
	simworld_answer_addr(week.world, name, family, week.fake->now, out);
}

// Loss of DNS packets is in here: the resolver asks again.
static int64_t
script_dns_ms(const char *name)
{
	int64_t since;
	if (simworld_dns(week.world, simworld_domain_of(name), week.fake->now,
		&since) == ANSWER_TIMEOUT)
		return 5 * SIM_SECOND;
	return 20 + (int64_t)(draw() % 280);
}

// A probe is several exchanges, each of which TCP repeats: it is lost as a
// whole only when three SYNs in a row (at 0, 1 and 3 s) or their answers are,
// or five copies (0, 1, 3, 7, 15 s) of greeting, EHLO or reply within 20 s, the
// least that any of them has. At 5 % that is one probe in a thousand, at 1 %
// one in 130,000.
static void
set_loss(double packet)
{
	double exchange = 1 - (1 - packet) * (1 - packet);
	week.lost_exchange = exchange;
	week.lost_probe = pow(exchange, 3) + 3 * pow(packet, 5);
}

// A SYN that was repeated costs its second, or three.
static int64_t
repeats_ms(void)
{
	double r = draw_unit();
	if (r < week.lost_exchange * week.lost_exchange)
		return 3 * SIM_SECOND;
	return r < week.lost_exchange ? SIM_SECOND : 0;
}

static int64_t
failure_ms(enum outcome how)
{
	if (how == OUTCOME_CONNECT_TIMEOUT)
		return CONNECT_TIMEOUT;
	if (how == OUTCOME_GREETING_TIMEOUT)
		return week.fake->greeting_timeout_ms + 200;
	return 300;
}

static enum outcome
script_probe(const struct netaddr *to, int64_t *latency_ms)
{
	uint32_t line = simworld_line(to);
	int64_t now = week.fake->now;
	// Nothing but what has a truth: no private address, none of ours.
	mxd_assert(to->ip[0] == 11 || to->family == AF_INET6);
	struct sim_truth t = simworld_truth(week.world, line, now);
	enum outcome how = t.how;
	bool lost = false;
	if (t.state != SIM_DEAD && draw_unit() < week.lost_probe) {
		how = OUTCOME_CONNECT_TIMEOUT;
		lost = true;
	} else if (t.state == SIM_UP &&
		   simworld_is_sluggish(week.world, line) && draw() % 10 == 0) {
		how = OUTCOME_GREETING_TIMEOUT;
		lost = true;
	} else if (t.state == SIM_UP) {
		how = draw() % 50 == 0 ? OUTCOME_REFUSED_SERVICE : OUTCOME_EHLO;
	}
	*latency_ms = outcome_says(how) == OUTCOME_SAYS_UP
			  ? simworld_latency_ms(week.world, line) + repeats_ms()
			  : failure_ms(how);
	simaudit_on_probe(week.audit, line, lost, now + *latency_ms);
	return how;
}

// It is full of our own connections, so not before it took any.
static struct relays_heard
script_relay(unsigned relay, int64_t *latency_ms)
{
	int64_t since;
	enum sim_relay is = simworld_relay(
	    week.world, relay, week.fake->now, &since);
	bool lost = draw_unit() < week.lost_probe;
	if (lost)
		simaudit_on_relay_lost(week.audit, relay);
	*latency_ms = CONNECT_TIMEOUT;
	if (lost || is == SIM_RELAY_DOWN)
		return (struct relays_heard){OUTCOME_CONNECT_TIMEOUT, 0};
	*latency_ms = 300;
	if (is == SIM_RELAY_BUSY && week.relay_taken[relay])
		return (struct relays_heard){OUTCOME_REFUSED_SERVICE, 421};
	week.relay_taken[relay] = true;
	return (struct relays_heard){OUTCOME_EHLO, 250};
}

static void
on_event(const struct fakeworld_event *e)
{
	simaudit_on_event(week.audit, e);
}

// -- mail -------------------------------------------------------------------

// Popularity as Zipf's law has it: rank r is drawn in proportion to 1 / r.
static uint32_t
draw_domain(void)
{
	double rank = exp(draw_unit() * log((double)week.p.domains));
	uint32_t i = (uint32_t)rank - 1;
	// Ranks are scattered over the kinds.
	return i < week.p.domains ? i : week.p.domains - 1;
}

static void
run_until(int64_t at)
{
	if (at > week.fake->now)
		fakeworld_run(week.fake, at - week.fake->now);
}

static struct route_view
ask(uint32_t domain, enum reach_interest interest)
{
	char name[32];
	simworld_name(domain, name);
	return fakeworld_ask(week.fake, name, interest);
}

// RCPT: the policy service asks, and waits; then the queue manager does.
static void
receive(struct simtable *t)
{
	uint32_t domain = draw_domain();
	char name[32];
	bool first = simaudit_on_lookup(week.audit, domain);
	struct route_view v = ask(domain, REACH_AWAITED);
	simworld_name(domain, name);
	mxd_assert(week.n < WAITING_MAX);
	struct waiting *m =
	    &week.waiting[(week.first + week.n++) % WAITING_MAX];
	*m = (struct waiting){
	    .at = week.fake->now + WAIT,
	    .domain = domain,
	    .held = v.known ? REACH_NONE : fakeworld_domain(week.fake, name),
	    .first_at = first ? week.fake->now : 0,
	};
	if (m->held != REACH_NONE)
		reach_hold(week.fake->reach, m->held);
	t->mails++;
}

static void
deliver(void)
{
	struct waiting *m = &week.waiting[week.first];
	week.first = (week.first + 1) % WAITING_MAX;
	week.n--;
	if (m->held != REACH_NONE)
		reach_release(week.fake->reach, m->held);
	simaudit_on_lookup(week.audit, m->domain);
	struct route_view v = ask(m->domain, REACH_ASKED);
	simaudit_on_route(week.audit, m->domain, &v, m->first_at);
}

// trivial-rewrite asks for the domain of a sender.
static void
hear_stranger(void)
{
	uint32_t domain = (uint32_t)(draw() % week.p.domains);
	simaudit_on_lookup(week.audit, domain);
	struct route_view v = ask(domain, REACH_ASKED);
	simaudit_on_heard(week.audit, domain, &v);
}

// In exponential distances, by the hour of the day.
static int64_t
next_mail_at(void)
{
	int64_t now = week.fake->now;
	double a_day = (double)week.p.domains * week.p.mails;
	double mean = SIM_DAY / a_day * 100 / rhythm[now % SIM_DAY / SIM_HOUR];
	return now + (int64_t)(-log(1 - draw_unit()) * mean);
}

static void
run_hour(struct simtable *t, int64_t end)
{
	int64_t mail_at = next_mail_at();
	for (;;) {
		int64_t at = mail_at;
		bool delivers = week.n > 0 &&
				week.waiting[week.first].at <= mail_at;
		if (delivers)
			at = week.waiting[week.first].at;
		if (at >= end)
			break;
		run_until(at);
		if (delivers) {
			deliver();
			continue;
		}
		receive(t);
		if (draw() % STRANGERS == 0)
			hear_stranger();
		mail_at = next_mail_at();
	}
	run_until(end);
}

static void
begin(const struct simweek_params *p, struct simtable *t)
{
	static struct fakeworld fake;
	static struct netaddr own;
	week = (struct simweek){.p = *p, .fake = &fake};
	set_loss(p->loss_percent / 100.0);
	week.waiting = xcalloc(WAITING_MAX, sizeof(*week.waiting));
	week.world = simworld_new(p->seed, p->domains);
	fakeworld_init(&fake);
	own = netaddr_from_bytes(
	    AF_INET, (uint8_t[4]){SIM_OWN_ADDRESS, 0, 0, 1});
	fake.now = SIM_DAY; // midnight
	fake.params.max_domains = p->max_domains;
	fake.params.allow_private = false;
	if (p->concurrency != 0)
		fake.params.concurrency = p->concurrency;
	if (p->per_net != 0)
		fake.params.per_net = p->per_net;
	if (p->per_second != 0)
		fake.params.per_second = p->per_second;
	fake.params.self_addresses = &own;
	fake.params.n_self_addresses = 1;
	fakeworld_restart(&fake);
	fakeworld_configure(&fake, configuration);
	fake.script = (struct fakeworld_script){
	    .mx = script_mx,
	    .addr = script_addr,
	    .dns_ms = script_dns_ms,
	    .probe = script_probe,
	    .relay = script_relay,
	    .event = on_event,
	};
	week.audit = simaudit_new(&fake, week.world, t, p->quiet);
}

void
simweek_run(const struct simweek_params *p, struct simtable *out,
    struct simtiming *timing_out)
{
	*out = (struct simtable){0};
	begin(p, out);
	for (unsigned hour = 1; hour <= p->days * 24; hour++) {
		run_hour(out, SIM_DAY + (int64_t)hour * SIM_HOUR);
		simaudit_on_hour(week.audit);
		if (p->hourly != NULL)
			p->hourly(week.fake);
		if (hour % 24 == 3) // a reload every night
			fakeworld_reconfigure(week.fake);
	}
	out->questions = week.fake->questions;
	out->end = reach_stats(week.fake->reach);
	memcpy(timing_out->longest_ns, week.fake->longest_ns,
	    sizeof(timing_out->longest_ns));
	simaudit_free(week.audit);
	fakeworld_fini(week.fake);
	simworld_free(week.world);
	free(week.waiting);
}
